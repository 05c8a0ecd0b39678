//! Images through the binary: a folder of them is learned, measured, asked about and learned again by its job file; an
//! adapter is trained and merged; and what can't be used is said.

mod support;

use std::fs;
use std::path::{Path, PathBuf};

use hone_core::images::{Picture, encode_png, pack_zip};
use serde_json::{Value, json};
use support::{hone, run, tiny_encoder};

/// Colours, which are folders, with the channel of an image that they show in.
const COLOURS: [(&str, usize); 2] = [("blue", 2), ("red", 0)];

const NUM_IMAGES: usize = 12; // of each colour

fn vit_tiny() -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/fixtures/vit_tiny");
    path.display().to_string()
}

/// A PNG of noise in which one channel is bright.
fn drawn(seed: usize, channel: usize) -> Vec<u8> {
    let mut state = seed as u32;
    let mut value = |at: usize| {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (state >> 24) as u8 / 4 + if at % 3 == channel { 180 } else { 0 }
    };
    let pixels = (0..20 * 24 * 3).map(&mut value).collect();
    encode_png(&Picture { width: 24, height: 20, pixels }).expect("a PNG")
}

/// The images by their paths in the folder, sorted as a folder is.
fn images() -> Vec<(String, Vec<u8>)> {
    let image = |(name, channel): (&str, usize), number: usize| {
        (format!("{name}/{number:02}.png"), drawn(1000 * channel + number, channel))
    };
    COLOURS.iter().flat_map(|&colour| (0..NUM_IMAGES).map(move |number| image(colour, number))).collect()
}

fn write_images(folder: &Path) {
    for (path, bytes) in images() {
        let path = folder.join(path);
        fs::create_dir_all(path.parent().expect("it has a folder")).expect("makes");
        fs::write(path, bytes).expect("writes");
    }
}

fn train(home: &Path, flags: &[&str]) -> (i32, String) {
    let line = ["train", "--model", &vit_tiny(), "--device", "cpu", "--epochs", "2", "--batch-size", "8"];
    let (code, _, stderr) = run(hone(home).args(line).args(flags));
    (code, stderr)
}

/// The lines of a CSV of answers.
fn predict(home: &Path, flags: &[&str]) -> (Vec<Vec<String>>, String) {
    let (code, stdout, stderr) = run(hone(home).args(["predict", "--device", "cpu"]).args(flags));
    assert_eq!(code, 0, "{stderr}");
    (stdout.lines().map(|line| line.split(',').map(str::to_owned).collect()).collect(), stderr)
}

fn job(home: &Path, output: &str) -> Value {
    let job = fs::read(home.join(output).join("hone.json")).expect("a job file");
    serde_json::from_slice(&job).expect("JSON")
}

fn weights(home: &Path, output: &str) -> Vec<u8> {
    fs::read(home.join(output).join("model.safetensors")).expect("is there")
}

#[test]
fn a_folder_is_learned_measured_asked_about_and_learned_again() {
    let temporary = tempfile::tempdir().expect("a temporary folder");
    let home = temporary.path();
    write_images(&home.join("colours"));
    fs::write(home.join("colours/notes.txt"), "mine").expect("writes");
    let recipe = ["--method", "head", "--learning-rate", "1e-2", "--horizontal-flip"];
    let (code, stderr) = train(home, &[&recipe[..], &["--data", "colours", "--output", "tuned"]].concat());
    assert_eq!(code, 0, "{stderr}");
    for said in [
        "colours: 1 name passed over, each neither an image nor a table: notes.txt",
        "data: colours: 24 of 24 images are usable",
        "2 classes: blue 12, red 12",
        "pixels, height x width: 20 x 24 to 20 x 24; the model reads 16 x 16",
    ] {
        assert!(stderr.contains(said), "{said}: {stderr}");
    }
    assert!(!stderr.contains("token"), "{stderr}");
    // Without training, by what the head would read of each image.
    let line = ["baseline", "--model", &vit_tiny(), "--data", "colours", "--device", "cpu", "--json"];
    let (code, stdout, stderr) = run(hone(home).args(line));
    assert_eq!(code, 0, "{stderr}");
    let found: Value = serde_json::from_str(&stdout).expect("JSON");
    assert_eq!((&found["methods"][3]["method"], &found["split"]), (&json!("logistic_regression"), &json!("valid")));
    assert!(found["methods"][3]["accuracy"].as_f64().is_some_and(|accuracy| accuracy >= 0.5), "{found}");
    let has = |name: &str| home.join("tuned").join(name).is_file();
    for name in ["config.json", "model.safetensors", "preprocessor_config.json", "README.md"] {
        assert!(has(name), "{name} is missing");
    }
    assert!(!has("tokenizer.json"));
    let trained = job(home, "tuned");
    assert_eq!((&trained["task"], &trained["data_file"]), (&json!("image_classification"), &json!("colours")));
    assert_eq!(trained["run"]["horizontal_flip"], json!(true));

    // The job names the folder, whatever the times of its files; a zip of the same files is the same data.
    let file = fs::File::options().write(true).open(home.join("colours/red/00.png")).expect("opens");
    file.set_modified(std::time::SystemTime::UNIX_EPOCH).expect("the file is ours");
    let again = ["train", "--job", "tuned/hone.json", "--model", &vit_tiny(), "--device", "cpu", "--output", "again"];
    let (code, _, stderr) = run(hone(home).args(again));
    assert_eq!(code, 0, "{stderr}");
    assert!(!stderr.contains("the rows differ"), "{stderr}");
    assert_eq!(weights(home, "tuned"), weights(home, "again"), "same seed, same run");
    fs::write(home.join("colours.zip"), pack_zip(&images())).expect("writes");
    let (code, stderr) = train(home, &[&recipe[..], &["--data", "colours.zip", "--output", "zipped"]].concat());
    assert_eq!(code, 0, "{stderr}");
    assert_eq!(job(home, "zipped")["data_sha256"], trained["data_sha256"]);
    assert_eq!(weights(home, "tuned"), weights(home, "zipped"));
    measure_and_ask(home);
}

#[test]
fn a_report_on_images_counts_their_labels() {
    let home = tempfile::tempdir().expect("a temporary folder");
    write_images(&home.path().join("colours"));
    let (code, stdout, stderr) = run(hone(home.path()).args(["data", "report", "colours", "--json"]));
    assert_eq!(code, 0, "{stderr}");
    let found: Value = serde_json::from_str(&stdout).expect("JSON");
    let counted = found["labels"].as_array().expect("a list").iter().map(|rows| {
        let counts = rows["counts"].as_array().expect("three splits").iter().filter_map(Value::as_u64);
        (rows["label"].as_str().expect("a name"), counts.sum::<u64>())
    });
    let counted: Vec<(&str, u64)> = counted.collect();
    assert_eq!(counted, COLOURS.map(|(name, _)| (name, NUM_IMAGES as u64)));
}

#[test]
fn a_report_on_images_names_leaks_as_training_does() {
    let home = tempfile::tempdir().expect("a temporary folder");
    let folder = home.path().join("colours");
    write_images(&folder.join("train"));
    let copies = [
        ("train/red/00.png", "val/red/copy.png"),
        ("train/red/01.png", "val/blue/wrong.png"),
        ("train/red/02.png", "train/red/twice.png"),
    ];
    for (from, to) in copies {
        let to = folder.join(to);
        fs::create_dir_all(to.parent().expect("it has a folder")).expect("makes");
        fs::copy(folder.join(from), to).expect("copies");
    }
    fs::write(folder.join("train/red/broken.png"), "a text").expect("writes");
    let model = vit_tiny();
    for flags in [&[][..], &["--model", model.as_str()][..]] {
        let report = |more: &[&str]| {
            let (code, stdout, stderr) =
                run(hone(home.path()).args(["data", "report", "colours"]).args(flags).args(more));
            assert_eq!(code, 0, "{stderr}");
            stdout
        };
        let text = report(&[]);
        let leaks = "2 validation or test rows are also in the training rows";
        for said in [leaks, "val/red/copy.png is train/red/00.png", "Same image, different labels", "broken.png"] {
            assert!(text.contains(said), "{said}: {text}");
        }
        for untrue in ["nothing was found", "shared out as hone train does", "tokens a row", "not sought: Leaks"] {
            assert!(!text.contains(untrue), "{untrue}: {text}");
        }
        let found: Value = serde_json::from_str(&report(&["--json"])).expect("JSON");
        let findings = found["findings"].as_array().expect("a list");
        let count = |kind: &str| findings.iter().find(|one| one["kind"] == kind).map(|one| one["num_rows"].clone());
        assert_eq!(
            (count("leaks"), count("conflicts"), count("duplicates")),
            (Some(json!(2)), Some(json!(1)), Some(json!(1)))
        );
        let page = report(&["--html"]);
        assert!(page.contains(leaks) && !page.contains("Nothing was found"), "{page}");
    }
}

/// The tuned model on its images: as a folder, as a zip and one by one.
fn measure_and_ask(home: &Path) {
    let eval = ["eval", "--model", "tuned", "--data", "colours", "--device", "cpu"];
    let (code, stdout, stderr) = run(hone(home).args(eval).arg("--json"));
    assert_eq!(code, 0, "{stderr}");
    let figures: Value = serde_json::from_str(&stdout).expect("JSON");
    assert_eq!(figures["num_rows"], json!(2 * NUM_IMAGES));
    let accuracy = figures["accuracy"].as_f64().expect("a figure");
    let (_, stdout, _) = run(hone(home).args(eval));
    assert!(stdout.starts_with("colours: 24 images\n") && stdout.contains("confusion matrix"), "{stdout}");

    let (lines, _) = predict(home, &["--model", "tuned", "colours"]);
    assert_eq!(lines[0], ["row", "file", "label", "probability", "blue", "red"]);
    assert_eq!((lines.len(), lines[1][1].as_str()), (1 + 2 * NUM_IMAGES, "colours/blue/00.png"));
    let right = lines[1..].iter().filter(|line| line[1].starts_with(&format!("colours/{}/", line[2]))).count();
    assert!((right as f64 / (2 * NUM_IMAGES) as f64 - accuracy).abs() < 1e-9, "{right} of {lines:?}");
    let (zipped, _) = predict(home, &["--model", "tuned", "--data", "colours.zip"]);
    let answers = |lines: &[Vec<String>]| lines.iter().map(|line| line[2..].to_vec()).collect::<Vec<_>>();
    assert_eq!((zipped[1][1].as_str(), answers(&zipped)), ("colours.zip/blue/00.png", answers(&lines)));
    let (alone, _) = predict(home, &["--model", "tuned", "colours/red/03.png", "colours/blue/00.png"]);
    assert_eq!((alone.len(), alone[1][1].as_str()), (3, "colours/red/03.png"));
    let [one, among] = [&alone[2], &lines[1]].map(|line| line[4].parse::<f64>().expect("a probability"));
    assert!((one - among).abs() < 1e-4, "{one} is not {among}");

    let fixture = |name: &str| PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../tests/fixtures/images").join(name);
    fs::create_dir(home.join("odd")).expect("makes");
    for (from, to) in [("text.png", "a.png"), ("truncated.jpg", "b.jpg"), ("rgb.png", "c.png")] {
        fs::copy(fixture(from), home.join("odd").join(to)).expect("copies");
    }
    let (lines, stderr) = predict(home, &["--model", "tuned", "odd"]);
    assert_eq!((lines.len(), &lines[1][..2]), (2, &["3".to_owned(), "odd/c.png".to_owned()][..]));
    assert!(stderr.contains("row 1 is left out: odd/a.png is a text, not an image"), "{stderr}");
    assert!(stderr.contains("row 2 is left out: odd/b.jpg "), "{stderr}");
    let (code, _, stderr) = run(hone(home).args(["predict", "--model", "tuned", "--device", "cpu", "odd/a.png"]));
    assert!(code == 1 && stderr.contains("none of the images can be read"), "{stderr}");
}

#[test]
fn an_adapter_is_trained_used_and_merged() {
    let temporary = tempfile::tempdir().expect("a temporary folder");
    let home = temporary.path();
    write_images(&home.join("colours"));
    let lora = ["--method", "lora", "--learning-rate", "5e-3", "--data", "colours", "--output", "adapter"];
    let (code, stderr) = train(home, &lora);
    assert_eq!(code, 0, "{stderr}");
    for name in ["adapter_config.json", "adapter_model.safetensors", "preprocessor_config.json"] {
        assert!(home.join("adapter").join(name).is_file(), "{name} is missing");
    }
    let model = vit_tiny();
    let export = ["export", "--model", &model, "--adapter", "adapter", "--format", "merged", "--output", "merged"];
    let (code, _, stderr) = run(hone(home).args(export));
    assert_eq!(code, 0, "{stderr}");
    assert!(home.join("merged/preprocessor_config.json").is_file());
    let (of_adapter, _) = predict(home, &["--model", &model, "--adapter", "adapter", "colours"]);
    let (of_merged, _) = predict(home, &["--model", "merged", "colours"]);
    assert_eq!((of_adapter.len(), &of_adapter[0]), (1 + 2 * NUM_IMAGES, &of_merged[0]));
    for (one, other) in of_adapter[1..].iter().zip(&of_merged[1..]) {
        assert_eq!(one[..3], other[..3]);
        let [one, other] = [one, other].map(|line| line[3].parse::<f64>().expect("a probability"));
        assert!((one - other).abs() < 1e-4, "{one} is not {other}");
    }
}

#[test]
fn what_can_not_be_learned_or_asked_is_said() {
    let temporary = tempfile::tempdir().expect("a temporary folder");
    let home = temporary.path();
    write_images(&home.join("colours"));
    fs::create_dir_all(home.join("one")).expect("makes");
    fs::rename(home.join("colours/red"), home.join("one/red")).expect("moves");
    fs::create_dir(home.join("empty")).expect("makes");
    for (data, says) in [
        ("one", "tells no label from another"),
        ("empty", "can't read the training file: it is a folder without images"),
    ] {
        let (code, stderr) = train(home, &["--data", data, "--output", "never"]);
        assert!(code == 1 && stderr.contains(says), "{stderr}");
    }
    let (code, stderr) = train(home, &["--data", "one", "--output", "never", "--mlm-probability", "0.2"]);
    assert!(code == 2 && stderr.contains("--mlm-probability: has no effect"), "{stderr}");
    let mut line = hone(home);
    line.args(["train", "--data", "one", "--device", "cpu", "--output", "never", "--model"]).arg(tiny_encoder());
    let (code, _, stderr) = run(&mut line);
    assert!(code == 1 && stderr.contains("the data are images, and this bert model reads texts"), "{stderr}");
    assert!(!home.join("never/config.json").exists());

    let model = vit_tiny();
    for (flags, code, says) in [
        (&["--text", "a"][..], 1, "no images were given"),
        (&["--data", "one", "--header", "no"], 2, "--header: has no effect"),
        (&["one", "--header", "no"], 2, "--header: has no effect without --data"),
        (&["one", "--text", "a"], 2, "--text"),
        (&["nowhere.png"], 1, "no such file or folder: nowhere.png"),
    ] {
        let (found, _, stderr) = run(hone(home).args(["predict", "--device", "cpu", "--model", &model]).args(flags));
        assert!(found == code && stderr.contains(says), "{flags:?}: {stderr}");
    }
}

#[test]
fn a_table_names_the_images_and_validation_has_a_folder_of_its_own() {
    let temporary = tempfile::tempdir().expect("a temporary folder");
    let home = temporary.path();
    write_images(&home.join("colours"));
    let mut table = String::from("picture,kind\n");
    for (path, _) in images() {
        let (colour, _) = path.split_once('/').expect("a folder");
        table.push_str(&format!("{path},{}\n", colour.to_uppercase()));
    }
    fs::write(home.join("colours/metadata.csv"), table).expect("writes");
    write_images(&home.join("more"));
    let columns = ["--image-column", "picture", "--label-column", "kind", "--merge-label", "BLUE=blue"];
    let rest =
        ["--merge-label", "RED=red", "--method", "head", "--data", "colours", "--valid", "more", "--output", "out"];
    let (code, stderr) = train(home, &[&columns[..], &rest].concat());
    assert_eq!(code, 0, "{stderr}");
    assert!(stderr.contains("48 of 48 images are usable (24 training, 24 validation)"), "{stderr}");
    assert!(stderr.contains("image \"picture\", label \"kind\""), "{stderr}");
    let trained = job(home, "out");
    assert_eq!((&trained["read"]["image_column"], &trained["valid_file"]), (&json!("picture"), &json!("more")));
}
