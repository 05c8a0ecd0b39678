//! What a run leaves to be looked at later: its log, TensorBoard's event files, and the report that is made of them.

mod support;

use std::ffi::OsString;
use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};

use hone_core::report::{LogEntry, read_log};
use serde_json::{Value, json};
use support::{hone, leave_checkpoint, run, tiny_encoder, train_line, write_rows};

/// The lines of a log, as JSON.
fn lines(path: &Path) -> Vec<Value> {
    let text = fs::read_to_string(path).expect("is there");
    text.lines().map(|line| serde_json::from_str(line).expect("a line is JSON")).collect()
}

#[test]
fn a_run_is_logged_and_reported() {
    let model = tiny_encoder();
    let home = tempfile::tempdir().expect("a temporary folder");
    let path = |name: &str| home.path().join(name);
    write_rows(&path("rows.csv"));
    let line = train_line(&model);
    // Hardly anything is learned: there are mistakes to look at.
    let more = ["--epochs", "2", "--learning-rate", "1e-7", "--logging-steps", "1", "--output", "tuned", "--compare"];
    let (code, _, stderr) = run(hone(home.path()).args(&line).args(more).args(["--logging-dir", "logs"]));
    assert_eq!(code, 0, "{stderr}");
    let all = lines(&path("logs/run_log.jsonl"));
    let bare = fs::read_to_string(path("tuned/run_log.jsonl")).expect("is there");
    assert!(
        bare.lines().count() == all.len() && !bare.contains(" was "),
        "no texts of rows stand beside the model: {bare}"
    );
    assert!(all.iter().all(|line| line["time"].as_f64() > Some(1.6e9) && line["step"].is_u64()), "{all:?}");
    let losses: Vec<&Value> = all.iter().filter(|line| line["event"]["step"]["loss"].is_f64()).collect();
    assert_eq!(losses.last().expect("there are steps")["step"], all.last().expect("there are lines")["step"]);
    let (read, num_unread) = read_log(&fs::read(path("logs/run_log.jsonl")).expect("is there"));
    assert_eq!((read.len(), num_unread), (all.len(), 0));
    let measured = read.iter().filter_map(|line| match &line.entry {
        LogEntry::Measured(measured) => Some((measured.before_training, measured.evaluation.figure("accuracy"))),
        _ => None,
    });
    let measured: Vec<_> = measured.collect();
    assert_eq!(measured.iter().map(|one| one.0).collect::<Vec<_>>(), [true, false]);
    check_by_tensorboard(&path("logs"), losses.len(), 1);

    let (code, _, stderr) = run(hone(home.path()).args(["report", "tuned"]));
    assert!(code == 0 && stderr.contains("the report is in tuned/report.html"), "{stderr}");
    let html = fs::read_to_string(path("tuned/report.html")).expect("was written");
    let accuracy = format!("{:.1} %", measured[1].1.expect("a figure") * 100.0);
    for part in [
        "<svg",
        "Which label is taken for which",
        "95 % between",
        "<td>max_seq_length</td><td>32</td>",
        "Labels without training",
        accuracy.as_str(),
    ] {
        assert!(html.contains(part), "{part} is not in\n{html}");
    }
    assert!(!html.contains("<script") && html.contains("has no texts of rows"), "{html}");
    let (code, _, stderr) = run(hone(home.path()).args(["report", "logs", "-o", "whole.html"]));
    assert_eq!(code, 0, "{stderr}");
    let html = fs::read_to_string(path("whole.html")).expect("was written");
    assert!(html.contains("The rows that are most wrong") && html.contains("<td class=\"written\">the "), "{html}");

    // What other commands found of the model is added.
    let (code, findings, stderr) = run(hone(home.path()).args(["data", "report", "rows.csv", "--json"]));
    assert_eq!(code, 0, "{stderr}");
    fs::write(path("findings.json"), findings).expect("writes");
    let (code, _, stderr) =
        run(hone(home.path()).args(["report", "logs", "-o", "added.html", "--add", "findings.json"]));
    assert_eq!(code, 0, "{stderr}");
    let html = fs::read_to_string(path("added.html")).expect("was written");
    assert!(html.contains("What may be wrong with the rows"), "{html}");
    assert!(html.contains("<h3>Of the rows of rows.csv, from findings.json</h3>"), "{html}");
    let (code, _, stderr) =
        run(hone(home.path()).args(["report", "logs", "-o", "added.html", "--add", "tuned/hone.json"]));
    assert!(code == 1 && stderr.contains("it has neither slices nor swaps"), "{stderr}");

    // A log is not lost unasked, and no run is a folder without one.
    let again = ["--output", "other", "--log-dir", "logs"];
    let (code, _, stderr) = run(hone(home.path()).args(&line).args(again));
    assert!(code == 1 && stderr.contains("has the log of another run"), "{stderr}");
    fs::remove_file(path("tuned/run_log.jsonl")).expect("removes");
    let (code, _, stderr) = run(hone(home.path()).args(["report", "tuned", "-o", "short.html"]));
    assert!(code == 0 && stderr.contains("left no run_log.jsonl"), "{stderr}");
    let html = fs::read_to_string(path("short.html")).expect("was written");
    assert!(html.contains("test_accuracy") && !html.contains("<svg"), "{html}");
    let (code, _, stderr) = run(hone(home.path()).args(["report", "logs/nowhere"]));
    assert!(code == 1 && stderr.ends_with("logs/nowhere\n"), "{stderr}");
}

#[test]
fn a_run_that_goes_on_adds_to_its_log() {
    let model = tiny_encoder();
    let home = tempfile::tempdir().expect("a temporary folder");
    write_rows(&home.path().join("rows.csv"));
    leave_checkpoint(home.path(), &model, "cut");
    let resume = ["train", "--resume", "--output", "cut", "--device", "cpu", "--log-dir", "logs"];
    let (code, _, stderr) = run(hone(home.path()).args(resume));
    assert_eq!(code, 0, "{stderr}");
    let (lines, _) = read_log(&fs::read(home.path().join("cut/run_log.jsonl")).expect("is there"));
    let began = lines.iter().filter(|line| matches!(line.entry, LogEntry::Began(_))).map(|line| line.step);
    let began: Vec<u32> = began.collect();
    assert!(began.len() == 2 && began[0] == 0 && began[1] > 0, "{began:?}");
    let (code, _, stderr) = run(hone(home.path()).args(["report", "cut"]));
    assert_eq!(code, 0, "{stderr}");
    let html = fs::read_to_string(home.path().join("cut/report.html")).expect("was written");
    assert!(html.contains(&format!("It went on at step {}", began[1])) && html.contains("Finished"), "{html}");
}

/// Reads the event files with TensorBoard's own loader, where Python has it.
fn check_by_tensorboard(folder: &Path, num_losses: usize, num_files: usize) {
    let python = std::env::var_os("HONE_PYTHON").unwrap_or_else(|| OsString::from("python3"));
    let mut probe = Command::new(&python);
    probe.args(["-c", "import tensorboard"]).stdin(Stdio::null()).stderr(Stdio::null());
    if !probe.status().is_ok_and(|status| status.success()) {
        return eprintln!(
            "SKIPPED: {} can't import tensorboard (HONE_PYTHON can name another)",
            python.to_string_lossy()
        );
    }
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/python/check_tfevents.py");
    let output = Command::new(&python).arg(script).arg(folder).output().expect("python starts");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let read: Value = serde_json::from_slice(&output.stdout).expect("JSON");
    assert_eq!(read["files"], json!(num_files));
    let steps = |tag: &str| {
        let scalars = read["scalars"].as_array().expect("a list");
        scalars.iter().filter(|scalar| scalar[0] == tag).map(|scalar| scalar[1].clone()).collect::<Vec<_>>()
    };
    assert_eq!(steps("train/loss").len(), num_losses);
    assert_eq!(read["train_loss_steps"], Value::from(steps("train/loss")));
    assert_eq!(steps("eval/accuracy").len(), 2, "one an epoch: {read}");
    assert_eq!(steps("test/accuracy").len(), 1, "of the trained weights alone: {read}");
    assert!(!steps("train/learning_rate").is_empty() && !steps("train/grad_norm").is_empty());
}
