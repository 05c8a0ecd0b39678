//! Hidden tokens through the binary: from a plain text to a model that fills blanks, and on to one that labels rows; and a
//! model that begins with fresh weights.

mod support;

use std::fs;
use std::path::Path;

use serde_json::Value;
use support::{hone, run, tiny_encoder, train_line, write_rows};

fn write_text(path: &Path) {
    let things = ["day", "house", "man", "word", "night"];
    let line = |n: usize| format!("the {} was good and the {} too\n", things[n % 5], things[n / 5 % 5]);
    fs::write(path, (0..300).map(line).collect::<String>()).expect("writes");
}

fn train(home: &Path, model: &str, flags: &[&str]) -> (i32, String, String) {
    let line = ["train", "--model", model, "--data", "sea.txt", "--device", "cpu", "--batch-size", "8"];
    let more = ["--max-seq-length", "32", "--epochs", "4", "--learning-rate", "2e-3"];
    run(hone(home).args(line).args(more).args(flags))
}

/// Words of rows become what the model in `sea` thinks likely there; `base` has no head for that.
fn makes_copies_of_rows(home: &Path, base: &str) {
    let rows = "text,label\nthe day was good and long,up\nthe house was good,down\n\"the night, the man\",up\n";
    fs::write(home.join("few.csv"), rows).expect("writes");
    let augment = |model: &str, output: &str| {
        let line = ["data", "augment", "few.csv", "--task", "sequence-classification", "--masked-by", model];
        run(hone(home).args(line).args(["--device", "cpu", "--preview", "1", "--output", output]))
    };
    let (code, stdout, stderr) = augment("sea", "more.csv");
    assert_eq!(code, 0, "{stderr}");
    assert!(stdout.contains(" of 3 rows\n") && stdout.contains("  masked    "), "{stdout}");
    let written = fs::read_to_string(home.join("more.csv")).expect("reads");
    let added = written.strip_prefix(rows).expect("what was there stays");
    assert!(added.lines().count() > 0 && added.lines().all(|line| line.ends_with(",up") || line.ends_with(",down")));
    assert_eq!(augment("sea", "again.csv").0, 0);
    assert_eq!(fs::read_to_string(home.join("again.csv")).expect("reads"), written, "the same seed");
    let (code, _, stderr) = augment(base, "none.csv");
    assert!(code == 1 && stderr.contains("no head that fills in words"), "{stderr}");
}

#[test]
fn a_text_is_learned_and_labels_after_it() {
    let model = tiny_encoder().display().to_string();
    let home = tempfile::tempdir().expect("a temporary folder");
    write_text(&home.path().join("sea.txt"));
    write_rows(&home.path().join("rows.csv"));
    let (code, stdout, stderr) = train(home.path(), &model, &["--output", "sea"]);
    assert_eq!(code, 0, "{stderr}");
    assert!(stderr.contains("task: masked-lm, guessed from the data; --task chooses another"), "{stderr}");
    assert!(stderr.contains("fresh weights for cls.predictions"), "{stderr}");
    assert!(
        stderr.contains("data: sea.txt: plain text") && stderr.contains(" passages of at most 32 tokens"),
        "{stderr}"
    );
    assert!(stdout.contains("perplexity"), "{stdout}");

    let ask = ["predict", "--model", "sea", "--device", "cpu", "--text", "the day was [MASK] and the night too"];
    let (code, stdout, stderr) = run(hone(home.path()).args(ask).arg("--json"));
    assert_eq!(code, 0, "{stderr}");
    let answer: Value = serde_json::from_str(stdout.trim()).expect("JSON");
    assert_eq!(answer["blanks"][0].as_array().map(Vec::len), Some(10), "{answer}");
    let ask = ["predict", "--model", "sea", "--device", "cpu", "--text", "a [MASK]", "--text", "no blank at all"];
    let (code, _, stderr) = run(hone(home.path()).args(ask));
    assert!(code == 1 && stderr.contains("row 2: it has no blank: write [MASK]"), "{stderr}");
    // Of a file a row without a blank is left out and named.
    fs::write(home.path().join("ask.csv"), "text\nthe [MASK] of\nno blank at all\n").expect("writes");
    let ask = ["predict", "--model", "sea", "--device", "cpu", "--data", "ask.csv", "--json"];
    let (code, stdout, stderr) = run(hone(home.path()).args(ask));
    assert!(code == 0 && stdout.lines().count() == 1, "{stdout}{stderr}");
    assert!(stderr.contains("row 3 is left out: it has no blank: write [MASK]"), "{stderr}");
    makes_copies_of_rows(home.path(), &model);
    let eval = ["eval", "--model", "sea", "--data", "sea.txt", "--device", "cpu"];
    let (code, stdout, stderr) = run(hone(home.path()).args(eval));
    assert!(
        code == 0 && stdout.contains(" hidden tokens\n  loss ") && stdout.contains("\n  perplexity "),
        "{stdout}{stderr}"
    );

    // The folder's own job says masked_lm; the rows, or the flag, say what is learned next.
    for flags in [&["--output", "guessed"][..], &["--output", "asked", "--task", "sequence_classification"]] {
        let line = train_line(Path::new("sea"));
        let (code, _, stderr) = run(hone(home.path()).args(line).args(["--epochs", "1"]).args(flags));
        assert_eq!(code, 0, "{stderr}");
        assert!(stderr.contains("fresh weights for bert.pooler.dense, classifier"), "{stderr}");
        assert!(stderr.contains("not used: cls.predictions."), "{stderr}");
        let is_said = stderr.contains("task: sequence-classification, guessed from the data");
        assert_eq!(is_said, flags.len() == 2, "{stderr}");
    }
}

#[test]
fn a_model_begins_with_fresh_weights() {
    let model = tiny_encoder();
    let home = tempfile::tempdir().expect("a temporary folder");
    write_text(&home.path().join("sea.txt"));
    let bare = home.path().join("bare");
    fs::create_dir(&bare).expect("makes");
    for name in ["config.json", "tokenizer.json", "tokenizer_config.json"] {
        fs::copy(model.join(name), bare.join(name)).expect("copies");
    }
    let (code, _, stderr) = train(home.path(), "bare", &["--output", "never"]);
    assert!(code == 1 && stderr.contains("model.safetensors is missing"), "{stderr}");
    for method in ["lora", "head", "last:1"] {
        let flags = ["--from-scratch", "--method", method, "--output", "never"];
        let (code, _, stderr) = train(home.path(), "bare", &flags);
        assert!(code == 2 && stderr.contains("--from-scratch: needs the method full"), "{method}: {stderr}");
    }
    let (code, stdout, stderr) = train(home.path(), "bare", &["--from-scratch", "--output", "fresh"]);
    assert_eq!(code, 0, "{stderr}");
    assert!(stderr.contains("all weights are fresh: normal with standard deviation 0.02"), "{stderr}");
    assert!(stdout.contains("perplexity"), "{stdout}");
    let card = fs::read_to_string(home.path().join("fresh/README.md")).expect("it has a card");
    assert!(card.contains("trained from scratch with Hone"), "{card}");

    // The job says so, and gives the same model again; what was trained is read as it is.
    let job = ["train", "--job", "fresh/hone.json", "--model", "bare", "--data", "sea.txt", "--device", "cpu"];
    let (code, _, stderr) = run(hone(home.path()).args(job).args(["--output", "again"]));
    assert_eq!(code, 0, "{stderr}");
    let weights = |name: &str| fs::read(home.path().join(name).join("model.safetensors")).expect("it has weights");
    assert_eq!(weights("fresh"), weights("again"), "same seed, same run");
    let eval = ["eval", "--model", "fresh", "--data", "sea.txt", "--device", "cpu", "--json"];
    let (code, stdout, stderr) = run(hone(home.path()).args(eval));
    assert_eq!(code, 0, "{stderr}");
    let figures: Value = serde_json::from_str(&stdout).expect("JSON");
    assert!(figures["loss"].as_f64().expect("a figure") < 5.0, "it has learned: {figures}");
}

#[test]
fn adapters_beside_a_random_head_are_refused() {
    let model = tiny_encoder().display().to_string();
    let home = tempfile::tempdir().expect("a temporary folder");
    write_text(&home.path().join("sea.txt"));
    let (code, _, stderr) = train(home.path(), &model, &["--method", "lora", "--output", "never"]);
    assert!(code == 2 && stderr.contains("--method: lora keeps the head as it is"), "{stderr}");
    assert!(!home.path().join("never/config.json").exists());
}
