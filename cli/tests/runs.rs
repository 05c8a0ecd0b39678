//! Whole runs of the binary on a tiny model: train, eval, predict, stop and resume. Skipped, loudly, without the model.

mod support;

use std::collections::BTreeMap;
use std::fs;
use std::io::{BufRead, BufReader, Cursor};
use std::path::{Path, PathBuf};
use std::process::Stdio;

use hone_core::checkpoint::read_job;
use hone_core::config::{DataHashes, Job, ModelSource};
use hone_core::folder::Folder;
use hone_core::hub::sha256_hex;
use hone_core::project::{EVENTS_FILE, Project, ProjectWriter, RunAbout, SAVED_FILE};
use serde_json::{Value, json};
use support::{copy_model, hone, leave_checkpoint, run, tiny_encoder, train_line, write_rows};

/// Probabilities of a resumed run may differ from those of an uninterrupted one by this.
const RESUME_TOLERANCE: f64 = 1e-5;

fn probabilities(home: &Path, model: &str) -> Vec<f64> {
    let line = ["predict", "--model", model, "--device", "cpu", "--json", "--text", "the day was good"];
    let (code, stdout, stderr) = run(hone(home).args(line).args(["--text", "the night was cruel"]));
    assert_eq!(code, 0, "{stderr}");
    let rows = stdout.lines().map(|line| serde_json::from_str::<Value>(line).expect("JSON Lines"));
    rows.map(|row| row["probabilities"]["up"].as_f64().expect("a probability")).collect()
}

#[test]
fn a_model_is_trained_measured_and_used() {
    let model = tiny_encoder();
    let home = tempfile::tempdir().expect("a temporary folder");
    write_rows(&home.path().join("rows.csv"));
    let line = train_line(&model);
    let more = ["--epochs", "4", "--learning-rate", "1e-3", "--output", "tuned", "--json", "--compare"];
    let (code, stdout, stderr) = run(hone(home.path()).args(&line).args(more));
    assert_eq!(code, 0, "{stderr}");
    let events: Vec<Value> = stdout.lines().map(|line| serde_json::from_str(line).expect("one event a line")).collect();
    assert_eq!(events[0]["event"], "started");
    assert!(events.iter().all(|event| event["elapsed_secs"].as_f64().is_some()));
    let test: Vec<_> = events.iter().filter(|event| event["split"] == "test").collect();
    assert_eq!((&test[0]["weights"], &test[1]["weights"]), (&"base".into(), &"tuned".into()));
    let accuracy = test[1]["evaluation"]["accuracy"].as_f64().expect("a figure");
    assert!(accuracy > 0.9, "the classes are easy, accuracy is {accuracy}");
    let few_shot = events.iter().find(|event| event["event"] == "few_shot").expect("what it is without training");
    assert_eq!(few_shot["report"]["num_rows"], 20);
    for name in ["config.json", "model.safetensors", "README.md", "hone.json", "all_results.json", "tokenizer.json"] {
        assert!(home.path().join("tuned").join(name).is_file(), "{name} is missing");
    }
    assert!(!home.path().join("tuned/checkpoint").exists(), "a finished run needs no checkpoint");

    let eval = ["eval", "--model", "tuned", "--data", "rows.csv", "--device", "cpu"];
    let (code, stdout, stderr) = run(hone(home.path()).args(eval).arg("--json"));
    assert_eq!(code, 0, "{stderr}");
    let figures: Value = serde_json::from_str(&stdout).expect("JSON");
    assert_eq!(figures["num_rows"], 200);
    assert!(figures["accuracy"].as_f64().expect("a figure") > 0.9, "{stdout}");
    let (_, stdout, _) = run(hone(home.path()).args(eval));
    assert!(stdout.contains("macro precision") && stdout.contains("confusion matrix"), "{stdout}");
    assert!(stdout.contains("the most frequent label of this file; gain: over the baseline"), "{stdout}");
    assert!(stdout.contains("  95 % between ") && stdout.contains("    roc auc  "), "{stdout}");
    // One that is not known, of a figure that is 1 in every draw, is null.
    let intervals = figures["intervals"].as_object().expect("intervals");
    assert!(intervals.contains_key("macro_f1") && intervals.values().any(|ends| ends[1].is_number()), "{stdout}");
    assert!(figures["calibration"]["bins"][14].is_object());
    let (code, _, stderr) = run(hone(home.path()).args(eval).args(["--predictions", "tuned/predictions.jsonl"]));
    assert_eq!(code, 0, "{stderr}");
    let (code, stdout, stderr) = run(hone(home.path()).args(["compare", "tuned", "tuned"]));
    assert!(code == 0 && stdout.starts_with("200 rows: A and B have as many rows right"), "{stdout}{stderr}");
    let ask = ["predict", "--model", "tuned", "--device", "cpu", "--text", "the day was good", "--unsure-below", "1"];
    let (code, stdout, stderr) = run(hone(home.path()).args(ask));
    assert!(code == 0 && stdout.starts_with("row,text,label,probability,"), "{stderr}");
    assert!(stdout.contains(",unsure\n") && stdout.ends_with(",yes\n"), "{stdout}");
    assert!(stderr.contains("1 of 1 row is unsure: column \"unsure\""), "{stderr}");

    let rows = probabilities(home.path(), "tuned");
    assert!(rows[0] > 0.5 && rows[1] < 0.5, "{rows:?}");
    let predict = ["predict", "--model", "tuned", "--data", "rows.csv", "--device", "cpu", "--output", "labeled.csv"];
    let (code, stdout, stderr) = run(hone(home.path()).args(predict));
    assert_eq!((code, stdout.as_str()), (0, ""), "{stderr}");
    let labeled = fs::read_to_string(home.path().join("labeled.csv")).expect("is there");
    assert_eq!(labeled.lines().count(), 201);
    assert!(labeled.lines().next().expect("a header").starts_with("row,text,label,probability,"), "{labeled}");

    // The job that was exported runs again as it is, and gives the same model.
    let job = ["train", "--job", "tuned/hone.json", "--data", "rows.csv", "--device", "cpu", "--output", "again"];
    let (code, _, stderr) = run(hone(home.path()).args(job).arg("--model").arg(&model));
    assert_eq!(code, 0, "{stderr}");
    let weights = |name: &str| fs::read(home.path().join(name).join("model.safetensors")).expect("is there");
    assert_eq!(weights("tuned"), weights("again"), "same seed, same run");

    fs::write(home.path().join("other.csv"), "text,label\none thing,up\nanother,sideways\n").expect("writes");
    let eval = ["eval", "--model", "tuned", "--data", "other.csv", "--device", "cpu"];
    let (code, _, stderr) = run(hone(home.path()).args(eval));
    assert_eq!(code, 1);
    assert!(stderr.contains("\"sideways\"") && stderr.ends_with("other.csv\n"), "{stderr}");

    // Rows of one class can be measured, but not trained on.
    fs::write(home.path().join("one.csv"), "text,label\nthe day was good,up\nthe man was kind,up\n").expect("writes");
    let eval = ["eval", "--model", "tuned", "--data", "one.csv", "--device", "cpu", "--json"];
    let (code, stdout, stderr) = run(hone(home.path()).args(eval));
    assert_eq!(code, 0, "{stderr}");
    let figures: Value = serde_json::from_str(&stdout).expect("JSON");
    assert_eq!(figures["num_rows"], 2);
    let train = ["train", "--data", "one.csv", "--valid-fraction", "0", "--test-fraction", "0", "--output", "never"];
    let (code, _, stderr) = run(hone(home.path()).args(train).args(["--device", "cpu", "--model"]).arg(&model));
    assert_eq!(code, 1);
    assert!(stderr.contains("at least two"), "{stderr}");
}

#[test]
fn a_model_without_labels_is_refused() {
    let model = tiny_encoder();
    let home = tempfile::tempdir().expect("a temporary folder");
    let (code, _, stderr) =
        run(hone(home.path()).args(["predict", "--text", "x", "--device", "cpu", "--model"]).arg(&model));
    assert_eq!(code, 1);
    assert!(stderr.contains("hone train"), "{stderr}");
}

#[cfg(unix)]
#[test]
fn a_resumed_run_matches_an_uninterrupted_one() {
    let model = tiny_encoder();
    let home = tempfile::tempdir().expect("a temporary folder");
    write_rows(&home.path().join("rows.csv"));
    let line = train_line(&model);
    let more = ["--epochs", "6", "--early-stopping-patience", "off", "--logging-steps", "1", "--json"];
    let (code, _, stderr) = run(hone(home.path()).args(&line).args(more).args(["--output", "whole"]));
    assert_eq!(code, 0, "{stderr}");

    let mut command = hone(home.path());
    command.args(&line).args(more).args(["--output", "halves"]).stdout(Stdio::piped()).stderr(Stdio::null());
    let mut child = command.spawn().expect("the binary starts");
    let mut events = BufReader::new(child.stdout.take().expect("piped")).lines();
    let is_step = |line: &String| line.contains("\"event\":\"step\"");
    events.by_ref().map_while(Result::ok).filter(is_step).nth(30).expect("31 steps");
    let pid = child.id().to_string();
    assert!(std::process::Command::new("kill").args(["-INT", &pid]).status().expect("kill is there").success());
    let rest = events.map_while(Result::ok).count();
    assert_eq!(child.wait().expect("ends").code(), Some(130), "after {rest} more events");
    let inputs = fs::read(home.path().join("halves/checkpoint/inputs.json")).expect("it was saved");
    let inputs: Value = serde_json::from_slice(&inputs).expect("JSON");
    let before_secs = inputs["elapsed_secs"].as_f64().expect("seconds");

    let (code, _, stderr) = run(hone(home.path()).args(&line).args(["--output", "halves"]));
    assert_eq!(code, 1, "an unfinished run is not written over");
    assert!(stderr.contains("--resume"), "{stderr}");
    let (code, stdout, stderr) = run(hone(home.path()).args(["train", "--resume", "--output", "halves", "--json"]));
    assert_eq!(code, 0, "{stderr}");
    let first: Value = serde_json::from_str(stdout.lines().next().expect("events")).expect("JSON");
    assert!(first["step"].as_u64().expect("a step") >= 31, "{first}");
    let elapsed_secs = first["elapsed_secs"].as_f64().expect("seconds");
    assert!(before_secs > 0.0 && elapsed_secs >= before_secs, "{elapsed_secs} s: those of before count");
    for (a, b) in probabilities(home.path(), "whole").iter().zip(probabilities(home.path(), "halves")) {
        assert!((a - b).abs() < RESUME_TOLERANCE, "{a} is not {b}");
    }
}

#[test]
fn results_that_nobody_reads_do_not_cost_the_model() {
    let model = tiny_encoder();
    let home = tempfile::tempdir().expect("a temporary folder");
    write_rows(&home.path().join("rows.csv"));
    let line = train_line(&model);
    let mut closed = hone(home.path());
    closed.args(&line).args(["--epochs", "1", "--output", "closed"]).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = closed.spawn().expect("the binary starts");
    drop((child.stdout.take(), child.stderr.take()));
    assert!(child.wait().expect("ends").success(), "whoever read along went away, the model is there");
    assert!(home.path().join("closed/model.safetensors").is_file());

    let Ok(full) = fs::File::options().write(true).open("/dev/full") else { return };
    for flags in [&["--output", "full"][..], &["--output", "full-json", "--json"]] {
        let mut command = hone(home.path());
        command.args(&line).args(["--epochs", "1"]).args(flags).stdout(full.try_clone().expect("opens"));
        let output = command.stderr(Stdio::piped()).output().expect("the binary starts");
        let stderr = String::from_utf8(output.stderr).expect("output is UTF-8");
        assert_eq!(output.status.code(), Some(1), "{stderr}");
        assert!(stderr.contains("could not be printed: no space left on device"), "{stderr}");
        assert!(stderr.ends_with(&format!("the model is in {}\n", flags[1])), "{stderr}");
        assert!(home.path().join(flags[1]).join("model.safetensors").is_file());
    }
    let predict = ["predict", "--model", "closed", "--device", "cpu", "--text", "the day was good"];
    let status = hone(home.path()).args(predict).stdout(full).stderr(Stdio::null()).status();
    assert_eq!(status.expect("the binary starts").code(), Some(1), "labels that were asked for are lost");
}

#[test]
fn a_run_goes_on_only_with_the_files_it_began_with() {
    let model = tiny_encoder();
    let home = tempfile::tempdir().expect("a temporary folder");
    write_rows(&home.path().join("rows.csv"));
    let base = home.path().join("base");
    copy_model(&model, &base);
    leave_checkpoint(home.path(), &base, "out");
    let resume = || run(hone(home.path()).args(["train", "--resume", "--output", "out"]));
    for (file, says) in [
        (
            home.path().join("out/checkpoint/optimizer.safetensors"),
            "optimizer.safetensors of the checkpoint is damaged",
        ),
        (home.path().join("out/checkpoint/best.safetensors"), "best.safetensors of the checkpoint is damaged"),
        (base.join("model.safetensors"), "model.safetensors of the model"),
    ] {
        let before = fs::read(&file).expect("reads");
        let mut bytes = before.clone();
        let last = bytes.len() - 4;
        bytes[last] ^= 1; // the last bit of the last number
        fs::write(&file, bytes).expect("writes");
        let (code, _, stderr) = resume();
        assert!(code == 1 && stderr.contains(says), "{stderr}");
        fs::write(&file, before).expect("writes");
    }
    // With the one before beside it, a damaged checkpoint costs its steps alone. The run was killed, which is said.
    let [newest, before] = ["checkpoint", "checkpoint.old"].map(|name| home.path().join("out").join(name));
    fs::create_dir(&before).expect("makes");
    for (name, bytes) in folder(&newest).iter() {
        fs::write(before.join(name), bytes).expect("writes");
    }
    fs::write(newest.join("optimizer.safetensors"), "").expect("writes");
    fs::write(home.path().join("out/.hone.lock"), "").expect("writes");
    let line = ["train", "--resume", "--output", "out"];
    let (code, _, stderr) = run(hone(home.path()).args(line).args(["--data", "nowhere.csv"]));
    assert!(code == 1 && stderr.contains("ended from outside") && stderr.contains("add --cut-batches"), "{stderr}");
    let went_back = "the checkpoint before it is opened instead, at step ";
    assert!(stderr.contains("is damaged: ") && stderr.contains(went_back), "{stderr}");
    // A resume that is refused leaves the folder as it was; one that goes on moves the damaged checkpoint aside.
    let moved = "the damaged checkpoint was moved aside";
    let as_it_was = all_files(&home.path().join("out"));
    let rows = fs::read_to_string(home.path().join("rows.csv")).expect("reads");
    let fewer: Vec<&str> = rows.lines().take(121).collect();
    fs::write(home.path().join("other.csv"), fewer.join("\n")).expect("writes");
    let (code, _, stderr) = run(hone(home.path()).args(line).args(["--data", "other.csv"]));
    assert!(code == 1 && stderr.contains("can't go on from the checkpoint: "), "{stderr}");
    assert!(stderr.contains("is damaged: ") && stderr.contains(went_back) && !stderr.contains(moved), "{stderr}");
    assert!(all_files(&home.path().join("out")) == as_it_was, "names and bytes are those of before: {stderr}");
    // The checkpoint knows at once that batches are cut: a run that ends before it is saved again is cut once more the next time.
    let log = home.path().join("out/run_log.jsonl");
    fs::remove_file(&log).expect("it is logged");
    fs::create_dir(&log).expect("makes");
    let cut = || run(hone(home.path()).args(line).arg("--cut-batches"));
    let (code, _, stderr) = cut();
    assert!(code == 1 && stderr.contains("run_log.jsonl"), "it can't be logged: {stderr}");
    assert!(stderr.contains("is damaged: ") && stderr.contains(moved), "{stderr}");
    fs::remove_dir(&log).expect("nothing is in it");
    let (code, _, stderr) = cut();
    assert!(code == 0 && stderr.contains(" on 2 rows at once"), "its batches of 8 are computed in parts: {stderr}");
    assert!(!stderr.contains("is damaged: ") && !stderr.contains(moved), "{stderr}");
}

/// Every file below a folder, by its path.
fn all_files(dir: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let mut files = BTreeMap::new();
    for entry in fs::read_dir(dir).expect("is there") {
        let path = entry.expect("can be listed").path();
        if path.is_dir() {
            files.extend(all_files(&path));
        } else {
            let bytes = fs::read(&path).expect("reads");
            files.insert(path, bytes);
        }
    }
    files
}

/// The files of a folder by their names.
fn folder(dir: &Path) -> Folder {
    let entries = fs::read_dir(dir).expect("is there").map(|entry| entry.expect("can be listed"));
    let file = |entry: fs::DirEntry| {
        (entry.file_name().into_string().expect("a plain name"), fs::read(entry.path()).expect("reads"))
    };
    entries.map(file).collect()
}

/// That run, and one that was never saved, as the page would save a project of both.
fn write_two_runs(home: &Path, project: &Project) {
    let mut writer = ProjectWriter::new(Cursor::new(Vec::new()), "rows", Some(1), None).expect("memory");
    let (rows_name, rows) = &project.rows.train;
    let mut model_sha256 = BTreeMap::new();
    for (name, bytes) in project.model.iter().chain([(rows_name.as_str(), rows.as_slice())]) {
        if writer.begin_shared(name, &sha256_hex(bytes), bytes.len() as u64).expect("memory") {
            writer.append(bytes).expect("memory");
        }
        model_sha256.insert(name.to_owned(), sha256_hex(bytes));
    }
    let train = model_sha256.remove(rows_name);
    let data_sha256 = DataHashes { train, ..DataHashes::default() };
    let job = Job { data_file: Some(rows_name.clone()), data_sha256, ..project.job.clone() };
    let (note, page) = (String::new(), String::new());
    let about = RunAbout { number: Some(4), began_ms: None, note, job, model_sha256, has_model: true, page };
    writer.begin_run(&about).expect("memory");
    for (name, bytes) in project.run.iter() {
        assert!(writer.begin_file(name, bytes.len() as u64).expect("memory"), "{name}");
        writer.append(bytes).expect("memory");
    }
    let (note, began_ms) = ("a lower rate".to_owned(), Some(1e12));
    writer.begin_run(&RunAbout { number: Some(7), note, began_ms, ..about }).expect("memory");
    fs::write(home.join("two.hone"), writer.finish().expect("memory").into_inner()).expect("writes");
}

/// The run that `leave_checkpoint` left in `cut`, as the page would save it: with and without its checkpoint.
fn write_projects(home: &Path, model: &Path) -> u64 {
    let mut run = folder(&home.join("cut/checkpoint"));
    let inputs: Value = serde_json::from_slice(&run.remove("inputs.json").expect("is there")).expect("JSON");
    run.remove("checksums.json");
    let step = inputs["step"].as_u64().expect("a step");
    let total_steps = &inputs["total_steps"];
    let saved = json!({ "step": step, "total_steps": total_steps, "is_finished": false, "elapsed_secs": 1.0 });
    run.insert(SAVED_FILE, saved.to_string());
    run.insert(EVENTS_FILE, "");
    let rows = ("rows.csv".to_owned(), fs::read(home.join("rows.csv")).expect("reads"));
    let project = Project { model: folder(model), ..Project::new(read_job(&run).expect("its state"), rows) };
    fs::write(home.join("fresh.hone"), project.clone().to_zip()).expect("writes");
    let cut = Project { run, ..project.clone() };
    write_two_runs(home, &cut);
    fs::write(home.join("cut.hone"), cut.to_zip()).expect("writes");
    let job = Job { model: ModelSource::hub("nobody/nothing"), ..project.job.clone() };
    fs::write(home.join("hub.hone"), Project { job, model: Folder::new(), ..project }.to_zip()).expect("writes");
    step
}

#[test]
fn a_project_file_is_trained_as_its_job_is_and_goes_on_where_it_was_cut_off() {
    let model = tiny_encoder();
    let dir = tempfile::tempdir().expect("a temporary folder");
    let home = dir.path();
    write_rows(&home.join("rows.csv"));
    leave_checkpoint(home, &model, "cut");
    let step = write_projects(home, &model);
    let whole = ["--epochs", "3", "--logging-steps", "1", "--output", "whole"];
    let (code, _, stderr) = run(hone(home).args(train_line(&model)).args(whole));
    assert_eq!(code, 0, "{stderr}");
    fs::remove_file(home.join("rows.csv")).expect("the project files have them");

    let train = |file: &str, output: &str, more: &[&str]| {
        let line = ["train", "--project", file, "--output", output, "--device", "cpu", "--json"];
        run(hone(home).args(line).args(more))
    };
    let (code, _, stderr) = train("fresh.hone", "fresh", &[]);
    assert_eq!(code, 0, "{stderr}");
    let weights = |name: &str| fs::read(home.join(name).join("model.safetensors")).expect("is there");
    assert!(weights("fresh") == weights("whole"), "the same job, the same rows, the same model");

    let (code, stdout, stderr) = train("cut.hone", "on", &[]);
    assert_eq!(code, 0, "{stderr}");
    assert!(stderr.contains(&format!("going on with the run of the project file from step {step} of ")), "{stderr}");
    let first: Value = serde_json::from_str(stdout.lines().next().expect("events")).expect("JSON");
    assert!(first["step"].as_u64().expect("a step") >= step, "{first}");
    for (a, b) in probabilities(home, "whole").iter().zip(probabilities(home, "on")) {
        assert!((a - b).abs() < RESUME_TOLERANCE, "{a} is not {b}");
    }
    let (code, stdout, stderr) = train("cut.hone", "anew", &["--epochs", "1"]);
    assert_eq!(code, 0, "{stderr}");
    assert!(stderr.contains("is started anew with these settings"), "{stderr}");
    let first: Value = serde_json::from_str(stdout.lines().next().expect("events")).expect("JSON");
    assert_eq!(first["step"], 0);

    // All runs of a project: each is listed, and one is chosen.
    let (code, stdout, stderr) = run(hone(home).args(["runs", "two.hone"]));
    assert!(code == 0 && stdout.ends_with("2 runs in two.hone\n"), "{stdout}{stderr}");
    assert!(stdout.contains("to go on: hone train --project two.hone --project-run 4 --output DIR"), "{stdout}");
    let below =
        "days ago\n  note: a lower rate\n  to start it anew: hone train --project two.hone --project-run 7 --output";
    assert!(stdout.contains("\n7     never saved") && stdout.contains(below), "{stdout}");
    let (code, _, stderr) = train("two.hone", "four", &["--project-run", "4"]);
    assert!(code == 0 && stderr.contains("going on with the run of the project file from step"), "{stderr}");
    assert!(stderr.contains("run 4 of the project file is taken"), "{stderr}");
    assert!(weights("four") == weights("on"), "it is the same run");
    let (code, _, stderr) = train("two.hone", "never", &["--project-run", "5"]);
    assert!(code == 1 && stderr.contains("has no run 5: it has 2 runs, 4 and 7"), "{stderr}");
    let (code, _, stderr) = train("two.hone", "never", &["--epochs", "0"]);
    assert!(code == 2 && stderr.contains("has 2 runs, 4 and 7: run 7 is taken"), "{stderr}");

    let (code, _, stderr) = train("hub.hone", "never", &[]);
    assert!(
        code == 1 && stderr.contains("names its model, nobody/nothing: say where it lies with --model"),
        "{stderr}"
    );
    fs::write(home.join("rows.hone"), "text,label\n").expect("writes");
    let (code, _, stderr) = train("rows.hone", "never", &[]);
    assert!(
        code == 1 && stderr.contains("the project file can't be read") && stderr.ends_with(": rows.hone\n"),
        "{stderr}"
    );
}

#[test]
fn a_run_that_diverges_leaves_its_best_weights() {
    let model = tiny_encoder();
    let home = tempfile::tempdir().expect("a temporary folder");
    write_rows(&home.path().join("rows.csv"));
    leave_checkpoint(home.path(), &model, "out");
    // Weights that no sum survives take the place of those that were trained.
    let checkpoint = home.path().join("out/checkpoint");
    let mut bytes = fs::read(checkpoint.join("model.safetensors")).expect("reads");
    let header_len = u64::from_le_bytes(bytes[..8].try_into().expect("eight bytes")) as usize;
    let header: Value = serde_json::from_slice(&bytes[8..8 + header_len]).expect("a header");
    let header = header.as_object().expect("tensors by name");
    let (_, head) = header.iter().find(|(name, _)| name.ends_with("classifier.weight")).expect("there is a head");
    let [from, to] = [0, 1].map(|n| head["data_offsets"][n].as_u64().expect("a place") as usize + 8 + header_len);
    let middle = (from + to) / 2;
    for (half, value) in [(from..middle, f32::MAX), (middle..to, f32::MIN)] {
        bytes[half].chunks_exact_mut(4).for_each(|number| number.copy_from_slice(&value.to_le_bytes()));
    }
    let sums = fs::read(checkpoint.join("checksums.json")).expect("reads");
    let mut sums: Value = serde_json::from_slice(&sums).expect("JSON");
    sums["model.safetensors"] = sha256_hex(&bytes).into();
    fs::write(checkpoint.join("model.safetensors"), bytes).expect("writes");
    fs::write(checkpoint.join("checksums.json"), sums.to_string()).expect("writes");

    let (code, _, stderr) = run(hone(home.path()).args(["train", "--resume", "--output", "out"]));
    assert_eq!(code, 3, "{stderr}");
    assert!(stderr.contains("the run diverged at step 21: the loss, or an output"), "{stderr}");
    let kept = "the model is in out with the best weights, those of step 20 (validation loss 0.";
    assert!(stderr.contains(kept) && stderr.contains("lower --learning-rate"), "{stderr}");
    let card = fs::read_to_string(home.path().join("out/README.md")).expect("there is a card");
    assert!(card.contains("These are the weights of step 20. The run diverged at step 21"), "{card}");
    let (code, stdout, stderr) = run(hone(home.path()).args(["runs", "out", "--json"]));
    assert_eq!(code, 0, "{stderr}");
    let listed: Value = serde_json::from_str(&stdout).expect("JSON");
    assert_eq!(listed["runs"][0]["state"], "diverged");
    assert_eq!(listed["runs"][0]["results"]["diverged_at_step"], 21);

    assert!(!checkpoint.exists(), "there is nothing to go on with");
    let (code, _, stderr) = run(hone(home.path()).args(["train", "--resume", "--output", "out"]));
    assert!(code == 1 && stderr.contains("is over: it diverged at step 21") && stderr.contains("--force"), "{stderr}");
    let rows = probabilities(home.path(), "out");
    assert!(rows.iter().all(|p| (0.0..=1.0).contains(p)), "{rows:?}");
}

#[test]
fn settings_without_effect_are_refused_before_training() {
    let model = tiny_encoder();
    let home = tempfile::tempdir().expect("a temporary folder");
    write_rows(&home.path().join("rows.csv"));
    let line = train_line(&model);
    for (flags, says) in [
        (&["--format", "adapter"][..], "--format: without --method lora"),
        (&["--method", "last:999"], "--method: last:999 is more than the "),
        (&["--use-dora"], "--use-dora: has no effect"),
        (&["--learning-rate="], "--learning-rate: is empty"),
        (&["--packing"], "--packing: has no effect"),
        (&["--valid-fraction", "0", "--early-stopping-patience", "2"], "--early-stopping-patience: has no effect"),
        (&["--valid-fraction", "0", "--eval-steps", "5"], "--eval-steps: has no effect"),
    ] {
        let (code, _, stderr) = run(hone(home.path()).args(&line).args(["--output", "out"]).args(flags));
        assert!(code == 2 && stderr.contains(says), "{flags:?}: {stderr}");
    }
    let job = r#"{"hone":1,"model":{"local":{"name":"m"}},"run":{"gradient_accumulation_steps":0}}"#;
    fs::write(home.path().join("hone.json"), job).expect("writes");
    let more = ["--job", "hone.json", "--output", "out"];
    let (code, _, stderr) = run(hone(home.path()).args(&line).args(more));
    assert!(code == 1 && stderr.contains("gradient_accumulation_steps: 0 is not a whole number from 1"), "{stderr}");
}
