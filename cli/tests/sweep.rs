//! Sweeps of a tiny model: successive halving to the best trial, a cross-validation, a sweep that is killed and goes on; the
//! learning-rate range test; rows that are shared out by a column.

mod support;

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use serde_json::Value;
use support::{hone, run, tiny_encoder, train_line, write_rows};

/// Figures of one run that were written and read another number of times may differ by this.
const JSON_TOLERANCE: f64 = 1e-9;

/// A sweep over rates of which only the first learns much in so few steps.
const RATES: &str = "[space]\nlearning_rate = [1e-3, 1e-5, 1e-6]\n[search]\nway = \"halving\"\nmin_epochs = 0.5\n";

fn write_sweep(home: &Path, name: &str, epochs: u32, rest: &str) {
    let model = tiny_encoder().display().to_string();
    let run = format!(
        "[run]\nmodel = '{model}'\ndata = \"rows.csv\"\ndevice = \"cpu\"\nbatch_size = 8\nmax_seq_length = 32\n\
         num_train_epochs = {epochs}\n"
    );
    fs::write(home.join(name), run + rest).expect("writes");
    write_rows(&home.join("rows.csv"));
}

fn sweep(home: &Path, file: &str, output: &str) -> Command {
    let mut command = hone(home);
    command.args(["sweep", file, "--output", output]);
    command
}

fn read(path: &Path) -> Value {
    serde_json::from_slice(&fs::read(path).expect("it is there")).expect("JSON")
}

#[test]
fn halving_keeps_the_best_trial_and_each_run_is_that_of_its_job() {
    let home = tempfile::tempdir().expect("a temporary folder");
    let home = home.path();
    write_sweep(home, "sweep.toml", 2, RATES);
    let (code, stdout, stderr) = run(sweep(home, "sweep.toml", "out").arg("--dry-run"));
    assert_eq!(code, 0, "{stderr}");
    assert!(stdout.contains("rung 1: 3 trials, at most 30 steps\nrung 2: 1 trial, at most 30 steps\n"), "{stdout}");
    assert!(stdout.ends_with("in all 60 of the 120 steps of every trial run to its end\n"), "{stdout}");
    assert!(!home.join("out").exists(), "nothing is written");
    let (_, planned, _) = run(sweep(home, "sweep.toml", "out").args(["--dry-run", "--json"]));
    let planned: Value = serde_json::from_str(&planned).expect("JSON alone");
    assert_eq!((&planned["steps"], planned["trials"].as_array().map(Vec::len)), (&60.into(), Some(3)));
    let early = "at step 10 of 40, and learning rates rise until step 4: ";
    assert!(stderr.contains(early) && stderr.contains("min_steps = 12"), "{stderr}");

    let (code, stdout, stderr) = run(&mut sweep(home, "sweep.toml", "out"));
    assert_eq!(code, 0, "{stderr}");
    assert!(stderr.contains(early), "{stderr}");
    assert!(stdout.contains("best: trial 2 (learning_rate 1e-5): loss "), "{stdout}");
    assert!(stdout.contains("60 steps, 50 % of the 120 of every trial run to its end\n"), "{stdout}");
    assert!(stderr.contains("trial 3 of 3 (learning_rate 1e-6): loss "), "{stderr}");
    for (trial, has_weights) in [("trial-001", false), ("trial-002", true), ("trial-003", false)] {
        let dir = home.join("out").join(trial);
        assert_eq!(dir.join("model.safetensors").is_file(), has_weights, "{trial}");
        assert!(!dir.join("checkpoint").exists() && dir.join("job.json").is_file(), "{trial}");
        let figures = read(&dir.join("figures.json"));
        assert!(figures["figures"]["accuracy"].as_f64().is_some(), "{figures}");
        let events = fs::read_to_string(dir.join("events.jsonl")).expect("there are events");
        assert!(events.lines().all(|line| serde_json::from_str::<Value>(line).is_ok()), "{trial}");
        assert!(events.contains("\"event\":\"started\""), "{trial}");
    }

    // The best trial was stopped after half an epoch and went on: it is the run that was never stopped.
    let model = tiny_encoder();
    for job in ["out/trial-002/job.json", "out/best.json"] {
        let mut again = hone(home);
        again.args(["train", "--job", job, "--data", "rows.csv", "--device", "cpu", "--force", "--output", "again"]);
        let (code, _, stderr) = run(again.arg("--model").arg(&model));
        assert_eq!(code, 0, "{stderr}");
        let weights = |dir: &str| fs::read(home.join(dir).join("model.safetensors")).expect("there is a model");
        assert!(weights("out/trial-002") == weights("again"), "other weights of {job}");
    }

    let (code, stdout, stderr) = run(sweep(home, "sweep.toml", "out").arg("--json"));
    assert_eq!(code, 0, "{stderr}");
    assert!(stderr.contains("the sweep is over, nothing is left to train"), "{stderr}");
    let found: Value = serde_json::from_str(&stdout).expect("JSON");
    assert_eq!((&found["best"], &found["steps"]), (&2.into(), &60.into()));

    write_sweep(home, "sweep.toml", 3, RATES);
    let (code, _, stderr) = run(&mut sweep(home, "sweep.toml", "out"));
    let says =
        "holds another sweep (line 7: [run] num_train_epochs is another: --epochs=3 where it began with --epochs=2)";
    assert!(code == 1 && stderr.contains(says), "{stderr}");
    fs::write(home.join("bad.toml"), "[run]\nmodel = \"m\"\n[space]\nlearning_rat = [1]\n[search]\nway = \"best\"\n")
        .expect("writes");
    let (code, _, stderr) = run(&mut sweep(home, "bad.toml", "other"));
    assert_eq!(code, 2, "{stderr}");
    assert!(stderr.contains("line 4: [space] learning_rat: there is no such setting"), "{stderr}");
    assert!(stderr.contains("line 6: [search] way: \"best\" is not one of"), "{stderr}");

    // A sweep that is refused leaves nothing behind, and drops nothing.
    fs::write(home.join("rows.csv"), "text,label\nonly one,up\n").expect("writes");
    let (code, _, stderr) = run(&mut sweep(home, "sweep.toml", "other"));
    assert!(code != 0 && !home.join("other").exists(), "{stderr}");
    let (code, _, stderr) = run(sweep(home, "sweep.toml", "out").arg("--force"));
    assert!(code != 0 && home.join("out/trial-002/model.safetensors").is_file(), "{stderr}");
}

#[test]
fn a_sweep_that_is_killed_goes_on_where_it_was() {
    let home = tempfile::tempdir().expect("a temporary folder");
    let home = home.path();
    write_sweep(home, "sweep.toml", 2, RATES);
    let start = Instant::now();
    let (code, _, stderr) = run(&mut sweep(home, "sweep.toml", "whole"));
    assert_eq!(code, 0, "{stderr}");
    let took = start.elapsed();
    let mut kills = 0;
    for share in [0.3, 0.45, 0.6, 0.75, 0.9] {
        let mut command = sweep(home, "sweep.toml", "killed");
        let mut child = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().expect("the binary starts");
        sleep(Duration::from_secs_f64(took.as_secs_f64() * share));
        if child.try_wait().expect("can be asked").is_none() {
            child.kill().expect("it still runs");
            kills += 1;
        }
        child.wait().expect("ends");
    }
    assert!(kills > 0, "it took {took:?} when it was left alone");
    let (code, stdout, stderr) = run(&mut sweep(home, "sweep.toml", "killed"));
    assert_eq!(code, 0, "{stderr}");
    assert!(stdout.contains("best: trial 2 "), "{stdout}");
    let [whole, killed] = ["whole", "killed"].map(|dir| {
        let weights = fs::read(home.join(dir).join("trial-002/model.safetensors")).expect("there is a model");
        (weights, read(&home.join(dir).join("sweep.json"))["sweep"]["trials"].clone())
    });
    assert!(whole.0 == killed.0, "other weights");
    let figures = |trials: &Value| -> Vec<(f64, u64)> {
        let trials = trials.as_array().expect("trials").iter();
        let rungs = trials.flat_map(|trial| trial["rungs"].as_array().expect("rungs"));
        let runs = rungs.flat_map(|rung| rung.as_array().expect("runs"));
        let of = |run: &Value| (run["figure"].as_f64().expect("a figure"), run["step"].as_u64().expect("a step"));
        runs.map(of).collect()
    };
    let (whole, killed) = (figures(&whole.1), figures(&killed.1));
    assert_eq!(whole.len(), 4);
    for ((a, step_a), (b, step_b)) in whole.into_iter().zip(killed) {
        assert!((a - b).abs() < JSON_TOLERANCE && step_a == step_b, "{a} at {step_a}, {b} at {step_b}");
    }
}

#[test]
fn a_job_is_cross_validated() {
    let home = tempfile::tempdir().expect("a temporary folder");
    let home = home.path();
    write_sweep(home, "folds.toml", 1, "metric_for_best_model = \"accuracy\"\n[search]\nfolds = 3\n");
    let (code, stdout, stderr) = run(sweep(home, "folds.toml", "out").arg("--json"));
    assert_eq!(code, 0, "{stderr}");
    assert!(stderr.contains("fold 3 of 3: accuracy ") && stderr.contains("\n  fold 1: "), "{stderr}");
    let found: Value = serde_json::from_str(&stdout).expect("JSON");
    let trial = &found["trials"][0];
    assert_eq!((trial["figure"]["count"].as_u64(), trial["rungs"][0].as_array().map(Vec::len)), (Some(3), Some(3)));
    assert!(trial["figure"]["std_dev"].as_f64().is_some() && trial["figure"]["interval"].as_f64().is_some(), "{trial}");
    for fold in 0..3 {
        let job = read(&home.join(format!("out/trial-001/fold-{}/hone.json", fold + 1)));
        assert_eq!(job["read"]["sharing"]["fold"], serde_json::json!({ "index": fold, "count": 3 }));
    }
    assert!(read(&home.join("out/best.json"))["read"]["sharing"].is_null(), "the best job learns from all folds");
}

#[test]
fn more_folds_than_rows_are_refused_before_the_first_is_trained() {
    let home = tempfile::tempdir().expect("a temporary folder");
    let home = home.path();
    write_sweep(home, "folds.toml", 1, "test_fraction = 0.0\n[search]\nfolds = 40\n");
    let line = |number: usize| format!("the day was {},{}\n", ["good", "bad"][number % 2], ["up", "down"][number % 2]);
    let rows: String = (0..30).map(|number| format!("{number} {}", line(number))).collect();
    fs::write(home.join("rows.csv"), format!("text,label\n{rows}")).expect("writes");
    for more in [&["--dry-run"][..], &[]] {
        let (code, _, stderr) = run(sweep(home, "folds.toml", "out").args(more));
        assert_eq!(code, 2, "{stderr}");
        assert!(stderr.contains("[search] folds: 40 are more than the 30 rows that are not test rows"), "{stderr}");
        assert!(!home.join("out/trial-001").exists(), "nothing is trained");
    }
}

#[test]
fn rates_are_tried_and_nothing_is_kept() {
    let home = tempfile::tempdir().expect("a temporary folder");
    let home = home.path();
    write_rows(&home.join("rows.csv"));
    let line = train_line(&tiny_encoder());
    let more = ["--find-learning-rate", "--output", "out"];
    let (code, stdout, stderr) = run(hone(home).args(&line).args(more).arg("--json"));
    assert_eq!(code, 0, "{stderr}");
    let found: Value = serde_json::from_str(&stdout).expect("JSON");
    let points = found["points"].as_array().expect("points");
    assert!(points.len() > 20, "{stdout}");
    let rate = |index: usize| points[index]["learning_rate"].as_f64().expect("a rate");
    assert!((rate(1) / rate(0) - rate(2) / rate(1)).abs() < 1e-6, "rates rise by one factor");
    assert!(found["steepest"].as_f64().is_some_and(|rate| (1e-6..1.0).contains(&rate)), "{}", found["steepest"]);
    assert!(!home.join("out").exists(), "nothing is written");
    let (code, stdout, _) = run(hone(home).args(&line).args(more));
    assert!(code == 0 && stdout.contains("suggestion: --learning-rate "), "{stdout}");
}

#[test]
fn rows_are_shared_out_by_a_column() {
    let home = tempfile::tempdir().expect("a temporary folder");
    let home = home.path();
    let line = |n: usize| {
        let (word, label) = [("good", "up"), ("bad", "down")][n % 2];
        format!("the day {} was {word},{label},user {},2024-01-{:02}\n", n / 2, n / 8, n % 28 + 1)
    };
    let rows: String = (0..80).map(line).collect();
    let repeated = line(3) + &line(4);
    fs::write(home.join("rows.csv"), format!("text,label,user,day\n{rows}{repeated}")).expect("writes");
    let plan = |flags: &[&str]| {
        let line = train_line(&tiny_encoder());
        let more = ["--text-column", "text", "--label-column", "label", "--plan", "--output", "out"];
        run(hone(home).args(line).args(more).args(flags))
    };
    let (code, _, stderr) = plan(&["--group-column", "user", "--dedupe"]);
    assert_eq!(code, 0, "{stderr}");
    assert!(stderr.contains("2 rows repeat an earlier one and are left out"), "{stderr}");
    let groups = "rows of one \"user\" stay together: 10 groups, 8 in training, 1 in validation, 1 in test";
    assert!(stderr.contains(groups), "{stderr}");
    let (code, _, stderr) = plan(&["--time-column", "day"]);
    assert!(code == 0 && stderr.contains("the newest rows by \"day\" are held out: training "), "{stderr}");
    let (code, _, stderr) = plan(&["--group-column", "customer"]);
    assert!(code == 2 && stderr.contains("there is no column \"customer\""), "{stderr}");
    let (code, _, stderr) = plan(&["--group-column", "user", "--task", "question-answering"]);
    assert!(code == 2 && stderr.contains("--group-column: has no effect: this model "), "{stderr}");
    let (code, _, stderr) = plan(&["--group-column", "user", "--valid-fraction", "0", "--test-fraction", "0"]);
    assert!(code == 2 && stderr.contains("--group-column: has no effect: no rows are split off"), "{stderr}");

    // What the run would be refused for at its beginning, its plan is refused for.
    for (flag, value, why) in [
        ("--balance-column", "nocol", "\"nocol\" is no column of the training file"),
        ("--metric-for-best", "top_5_accuracy", "\"top_5_accuracy\" is no figure of these rows"),
    ] {
        let (code, stdout, stderr) = plan(&[flag, value]);
        assert_eq!((code, stdout.as_str()), (2, ""), "{stderr}");
        assert!(stderr.contains(&format!("{flag}: {why}")), "{stderr}");
    }
}
