//! Several tasks through the binary: a file for each, one run, and a folder for each that answers alone.

mod support;

use std::fs;
use std::path::Path;

use hone_core::config::Job;
use hone_core::project::{Project, ProjectRows};
use serde_json::Value;
use support::{hone, run, tiny_encoder, write_rows};

/// Rows with a number: how many of its words are good ones.
fn write_numbers(path: &Path) {
    let words = ["bad", "good"];
    let things = ["day", "house", "man", "word", "night"];
    let row = |n: usize| {
        let (one, other) = (n % 2, n / 2 % 2);
        let thing = things[n / 4 % 5];
        format!("the {} {thing} and the {} {}, {n}\t{}\n", words[one], words[other], things[n / 20 % 5], one + other)
    };
    fs::write(path, format!("text\tscore\n{}", (0..100).map(row).collect::<String>())).expect("writes");
}

fn train(home: &Path, flags: &[&str]) -> (i32, String, String) {
    let model = tiny_encoder().display().to_string();
    let line = ["train", "--model", &model, "--device", "cpu", "--batch-size", "8", "--max-seq-length", "32"];
    run(hone(home).args(line).args(["--learning-rate", "2e-3"]).args(flags))
}

#[test]
fn a_run_of_two_tasks_leaves_a_folder_for_each() {
    let home = tempfile::tempdir().expect("a temporary folder");
    write_rows(&home.path().join("rows.csv"));
    write_numbers(&home.path().join("scores.tsv"));
    let parts = ["--part", "mood::rows.csv", "--part", "count:regression:scores.tsv", "--task-temperature", "2"];
    let (code, stdout, stderr) =
        train(home.path(), &[&parts[..], &["--output", "both", "--epochs", "2", "--compare"]].concat());
    assert_eq!(code, 0, "{stderr}");
    assert!(stderr.contains("task mood: sequence-classification"), "{stderr}");
    assert!(stderr.contains("task count: regression"), "{stderr}");
    assert!(stderr.contains("training rows in an epoch:") && stderr.contains("so that they come again"), "{stderr}");
    assert!(stderr.contains("mean loss") && stderr.contains("; mood: loss"), "{stderr}");
    assert!(stdout.contains("test, mood: ") && stdout.contains("test, count: "), "{stdout}");
    assert!(stdout.contains("one for each task"), "{stdout}");

    for (name, field) in [("mood", "label"), ("count", "score")] {
        let model = format!("both/{name}");
        let ask = ["predict", "--model", &model, "--device", "cpu", "--text", "the day was good", "--json"];
        let (code, stdout, stderr) = run(hone(home.path()).args(ask));
        assert_eq!(code, 0, "{stderr}");
        let answer: Value = serde_json::from_str(stdout.trim()).expect("JSON");
        assert!(answer.to_string().contains(field), "{answer}");
    }
    let eval = ["eval", "--model", "both/mood", "--data", "rows.csv", "--device", "cpu", "--json"];
    let (code, stdout, stderr) = run(hone(home.path()).args(eval));
    assert_eq!(code, 0, "{stderr}");
    let figures: Value = serde_json::from_str(&stdout).expect("JSON");
    assert!(figures["accuracy"].as_f64().is_some_and(|accuracy| accuracy > 0.5), "it has learned: {figures}");
    let ask = ["predict", "--model", "both", "--text", "a", "--device", "cpu"];
    let (code, _, stderr) = run(hone(home.path()).args(ask));
    assert!(code == 1 && stderr.contains("name one of them, both/mood or both/count: both"), "{stderr}");

    let (code, _, stderr) = train(home.path(), &[&parts[..], &["--output", "both"]].concat());
    assert!(code == 1 && stderr.contains("a finished run"), "{stderr}");

    // Again from the job, which knows the tasks; its rows lie where the run is started.
    let (code, stdout, stderr) =
        train(home.path(), &["--job", "both/hone.json", "--output", "again", "--epochs", "1", "--json"]);
    assert_eq!(code, 0, "{stderr}");
    let events: Vec<Value> = stdout.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect();
    let measured = events.iter().rfind(|event| event["event"] == "evaluated").expect("the test rows");
    assert!(measured["evaluation"]["mood/accuracy"].is_number(), "{measured}");
    assert!(measured["evaluation"]["parts"]["count"]["rmse"].is_number(), "{measured}");
    let (code, _, stderr) =
        train(home.path(), &[&parts[..], &["--output", "again", "--epochs", "1", "--force"]].concat());
    assert_eq!(code, 0, "{stderr}");
    assert!(home.path().join("again/mood/model.safetensors").is_file());

    write_project(home.path());
    let line = ["train", "--project", "both.hone", "--output", "unpacked", "--device", "cpu"];
    let (code, _, stderr) = run(hone(home.path()).args(line).args(["--task", "regression"]));
    assert!(code == 2 && stderr.contains("leave out --task"), "{stderr}");
    let (code, _, stderr) = run(hone(home.path()).args(line));
    assert_eq!(code, 0, "{stderr}");
    for name in ["mood", "count"] {
        let [found, expected] = ["unpacked", "both"]
            .map(|output| fs::read(home.path().join(output).join(name).join("model.safetensors")).expect("is there"));
        assert!(found == expected, "{name}: the same job, the same rows, the same model");
    }
}

/// The run in `both` as one file, with the rows of both tasks, which lie nowhere else then.
fn write_project(home: &Path) {
    let take = |name: &str| {
        let bytes = fs::read(home.join(name)).expect("reads");
        fs::remove_file(home.join(name)).expect("removes");
        (name.to_owned(), bytes)
    };
    let job = Job::from_json(&fs::read(home.join("both/hone.json")).expect("the job of both")).expect("a job");
    let files = fs::read_dir(tiny_encoder()).expect("is there").map(|entry| {
        let path = entry.expect("can be listed").path();
        let name = path.file_name().expect("a file").to_string_lossy().into_owned();
        (name, fs::read(path).expect("reads"))
    });
    let project = Project {
        model: files.collect(),
        beside: vec![ProjectRows { train: take("scores.tsv"), ..ProjectRows::default() }],
        ..Project::new(job, take("rows.csv"))
    };
    fs::write(home.join("both.hone"), project.to_zip()).expect("writes");
}

#[test]
fn a_job_takes_the_test_rows_of_its_parts_again() {
    let home = tempfile::tempdir().expect("a temporary folder");
    write_rows(&home.path().join("rows.csv"));
    write_numbers(&home.path().join("scores.tsv"));
    fs::write(home.path().join("held.csv"), "text,label\nan odd morning was good,up\nan odd evening was bad,down\n")
        .expect("writes");
    let job = r#"{"hone":1,"model":{"local":{"name":"m"}},"run":{"num_train_epochs":1},"parts":[
        {"name":"mood","task":"sequence_classification","data_file":"rows.csv","test_file":"held.csv"},
        {"name":"count","task":"regression","data_file":"scores.tsv"}]}"#;
    fs::write(home.path().join("hone.json"), job).expect("writes");
    let (code, _, stderr) = train(home.path(), &["--job", "hone.json", "--output", "both"]);
    assert_eq!(code, 0, "{stderr}");
    let written = fs::read(home.path().join("both/hone.json")).expect("the job of both");
    let written: Value = serde_json::from_slice(&written).expect("JSON");
    let [mood, count] = [&written["parts"][0], &written["parts"][1]];
    assert!(mood["test_file"] == "held.csv" && mood["data_sha256"]["test"].is_string(), "{mood}");
    assert!(count["test_file"].is_null() && count["data_sha256"]["test"].is_null(), "{count}");

    // Other test rows are said, and none are taken for them.
    fs::write(home.path().join("held.csv"), "text,label\nan odd night was good,up\n").expect("writes");
    let again = ["--job", "both/hone.json", "--output", "again"];
    let (code, _, stderr) = train(home.path(), &again);
    assert!(
        code == 0 && stderr.contains("the rows of mood differ from those the job was made with (test file)"),
        "{stderr}"
    );
    fs::remove_file(home.path().join("held.csv")).expect("removes");
    let (code, _, stderr) = train(home.path(), &[&again[..], &["--force"]].concat());
    assert!(code == 1 && stderr.contains("the job's file of test rows of mood is neither beside the job"), "{stderr}");
}

#[test]
fn flags_that_no_part_has_a_use_for_are_refused() {
    let home = tempfile::tempdir().expect("a temporary folder");
    write_rows(&home.path().join("rows.csv"));
    write_numbers(&home.path().join("scores.tsv"));
    let parts = ["--part", "mood::rows.csv", "--part", "count:regression:scores.tsv", "--output", "out"];
    for (flags, says) in [
        (&["--doc-stride", "128"][..], "--doc-stride: has no effect: none of the tasks has it (sequence-"),
        (&["--from-scratch"], "--from-scratch: has no effect"),
        (&["--compare", "--test-fraction", "0"], "--compare: has no effect: there are no test rows"),
    ] {
        let (code, _, stderr) = train(home.path(), &[&parts[..], flags].concat());
        assert!(code == 2 && stderr.contains(says), "{flags:?}: {stderr}");
    }
    assert!(!home.path().join("out/mood").exists());
}

#[test]
fn parts_that_can_not_be_used_are_refused_before_anything_is_read() {
    let home = tempfile::tempdir().expect("a temporary folder");
    for (parts, says) in [
        (&["--part", "mood::rows.csv"][..], "two at the least"),
        (&["--part", "mood::a.csv", "--part", "mood::b.csv"], "two tasks have the name"),
        (&["--part", "mood::a.csv", "--part", "b:ranking:b.csv"], "it is not one of"),
        (&["--part", "mood::a.csv", "--part", "b::b.csv", "--data", "c.csv"], "--data: goes with one task"),
        (&["--part", "mood::a.csv", "--part", "b::b.csv", "--text-column", "c"], "--text-column: goes with one task"),
        (&["--part", "mood::a.csv", "--part", "b::b.csv", "--format", "adapter"], "--format: "),
    ] {
        let (code, _, stderr) = train(home.path(), &[parts, &["--output", "out"]].concat());
        assert!(code == 2 && stderr.contains(says), "{stderr}");
    }
}
