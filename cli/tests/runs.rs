//! Whole runs of the binary on a tiny model: train, eval, predict, stop and resume. Skipped, loudly, without the model.

mod support;

use std::fs;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::Stdio;

use serde_json::Value;
use support::{hone, run, tiny_encoder};

/// Probabilities of a resumed run may differ from those of an uninterrupted one by this.
const RESUME_TOLERANCE: f64 = 1e-5;

/// Two hundred short rows of two classes that a person tells apart at a glance.
fn write_rows(path: &Path) {
    let good = ["good", "great", "happy", "kind", "bright"];
    let bad = ["bad", "poor", "sad", "cruel", "dark"];
    let things = ["day", "house", "man", "word", "night"];
    let mut text = String::from("text,label\n");
    for n in 0..100 {
        let (thing, more) = (things[n % 5], things[n / 5 % 5]);
        text.push_str(&format!("\"the {thing} was {} and the {more} too\",up\n", good[n / 25 % 5]));
        text.push_str(&format!("\"the {thing} was {} and the {more} too\",down\n", bad[n / 25 % 5]));
    }
    fs::write(path, text).expect("writes");
}

fn train_line(model: &Path) -> Vec<String> {
    let model = model.display().to_string();
    ["train", "--model", &model, "--data", "rows.csv", "--device", "cpu", "--batch-size", "8", "--max-seq-length", "32"]
        .map(str::to_owned)
        .into()
}

fn probabilities(home: &Path, model: &str) -> Vec<f64> {
    let line = ["predict", "--model", model, "--device", "cpu", "--json", "--text", "the day was good"];
    let (code, stdout, stderr) = run(hone(home).args(line).args(["--text", "the night was cruel"]));
    assert_eq!(code, 0, "{stderr}");
    let rows = stdout.lines().map(|line| serde_json::from_str::<Value>(line).expect("JSON Lines"));
    rows.map(|row| row["probabilities"]["up"].as_f64().expect("a probability")).collect()
}

#[test]
fn a_model_is_trained_measured_and_used() {
    let Some(model) = tiny_encoder() else { return };
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
    for name in ["config.json", "model.safetensors", "README.md", "hone.json", "tokenizer.json"] {
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
    let Some(model) = tiny_encoder() else { return };
    let home = tempfile::tempdir().expect("a temporary folder");
    let (code, _, stderr) =
        run(hone(home.path()).args(["predict", "--text", "x", "--device", "cpu", "--model"]).arg(&model));
    assert_eq!(code, 1);
    assert!(stderr.contains("hone train"), "{stderr}");
}

#[cfg(unix)]
#[test]
fn a_resumed_run_matches_an_uninterrupted_one() {
    let Some(model) = tiny_encoder() else { return };
    let home = tempfile::tempdir().expect("a temporary folder");
    write_rows(&home.path().join("rows.csv"));
    let line = train_line(&model);
    let more = ["--epochs", "6", "--logging-steps", "1", "--json"];
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
    assert!(home.path().join("halves/checkpoint/inputs.json").is_file());

    let (code, _, stderr) = run(hone(home.path()).args(&line).args(["--output", "halves"]));
    assert_eq!(code, 1, "an unfinished run is not written over");
    assert!(stderr.contains("--resume"), "{stderr}");
    let (code, stdout, stderr) = run(hone(home.path()).args(["train", "--resume", "--output", "halves", "--json"]));
    assert_eq!(code, 0, "{stderr}");
    let first: Value = serde_json::from_str(stdout.lines().next().expect("events")).expect("JSON");
    assert!(first["step"].as_u64().expect("a step") >= 31, "{first}");
    for (a, b) in probabilities(home.path(), "whole").iter().zip(probabilities(home.path(), "halves")) {
        assert!((a - b).abs() < RESUME_TOLERANCE, "{a} is not {b}");
    }
}
