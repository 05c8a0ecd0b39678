//! `hone compare` on files of predictions: what it says of two models, and what it refuses. No model and no network.

mod support;

use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use serde_json::Value;
use support::{hone, run};

/// Predictions of thirty rows, of which the first `num_wrong` are wrong, in a folder.
fn write_predictions(dir: &Path, num_wrong: usize) {
    let mut lines = String::new();
    for row in 0..30 {
        let label = ["up", "down"][row % 2];
        let predicted = ["up", "down"][(row + usize::from(row < num_wrong)) % 2];
        writeln!(lines, r#"{{"row":{},"label":"{label}","predicted":"{predicted}","probability":0.75}}"#, row + 2)
            .expect("writing to a string does not fail");
    }
    fs::create_dir(dir).expect("makes");
    fs::write(dir.join("predictions.jsonl"), lines).expect("writes");
}

#[test]
fn of_two_models_the_better_one_is_named() {
    let home = tempfile::tempdir().expect("a temporary folder");
    write_predictions(&home.path().join("a"), 12);
    write_predictions(&home.path().join("b"), 3);
    let (code, stdout, stderr) = run(hone(home.path()).args(["compare", "a", "b/predictions.jsonl"]));
    assert_eq!((code, stderr.as_str()), (0, ""));
    assert!(stdout.starts_with("30 rows: B is better by 30.0 points, 95 % between "), "{stdout}");
    assert!(stdout.contains("; McNemar p = 0.0039: this is hardly luck.\n"), "{stdout}");
    let (_, stdout, _) = run(hone(home.path()).args(["compare", "b", "a", "--json"]));
    let found: Value = serde_json::from_str(&stdout).expect("JSON");
    assert_eq!((&found["num_rows"], &found["mcnemar"]["only_first"]), (&30.into(), &9.into()));
    assert_eq!((&found["files"][0], &found["files"][1]), (&"b".into(), &"a".into()));
    let p = found["mcnemar"]["p_exact"].as_f64().expect("a number");
    assert!((p - 2.0 / 512.0).abs() < 1e-9, "{p}");
    let ends: Vec<f64> =
        found["accuracy"]["interval"].as_array().into_iter().flatten().filter_map(Value::as_f64).collect();
    assert!(ends.len() == 2 && ends[0] < -0.3 && -0.3 < ends[1] && ends[1] < 0.0, "{ends:?}");
    let (_, stdout, _) = run(hone(home.path()).args(["compare", "a", "a"]));
    assert!(stdout.contains("A and B have as many rows right; McNemar p = 1.00: neither is better."), "{stdout}");
}

/// Perplexities of thirty texts, of which the second model predicts most a little better.
#[test]
fn of_two_models_that_write_the_better_one_is_named_by_its_perplexity() {
    let home = tempfile::tempdir().expect("a temporary folder");
    let write = |name: &str, gain: usize, num_tokens: usize| {
        let line = |row: usize| {
            let loss = 2 * num_tokens + row % 7 - gain * (1 + row % 3);
            format!(r#"{{"row":{},"loss_sum":{loss}.5,"num_correct":{},"num_tokens":{num_tokens}}}"#, row + 2, row % 5)
        };
        let lines: Vec<String> = (0..30).map(line).collect();
        fs::write(home.path().join(name), lines.join("\n")).expect("writes");
    };
    write("a.jsonl", 0, 10);
    write("b.jsonl", 1, 10);
    write("longer.jsonl", 0, 12);
    let (code, stdout, stderr) = run(hone(home.path()).args(["compare", "a.jsonl", "b.jsonl"]));
    assert_eq!((code, stderr.as_str()), (0, ""));
    assert!(stdout.starts_with("30 rows: B is better by ") && !stdout.contains("McNemar"), "{stdout}");
    assert!(stdout.contains(" in perplexity, 95 % between "), "{stdout}");
    assert!(stdout.contains(": this is hardly luck.\n  Perplexity           A "), "{stdout}");
    let (_, stdout, _) = run(hone(home.path()).args(["compare", "a.jsonl", "b.jsonl", "--json"]));
    let found: Value = serde_json::from_str(&stdout).expect("JSON");
    let ends = &found["loss"]["interval"];
    assert_eq!(found.as_object().and_then(|fields| fields.keys().next()).map(String::as_str), Some("perplexity"));
    assert!(ends[0].as_f64() < ends[1].as_f64() && ends[1].as_f64() < Some(0.0), "{found}");
    assert_eq!(
        (&found["mcnemar"], &found["token_accuracy"]["first"]),
        (&Value::Null, &found["token_accuracy"]["second"])
    );
    let (code, _, stderr) = run(hone(home.path()).args(["compare", "a.jsonl", "longer.jsonl"]));
    assert!(code == 1 && stderr.contains("row 2 of A has the number of tokens 10"), "{stderr}");
    assert!(stderr.contains("perplexities are compared between models that read the same tokens"), "{stderr}");
}

#[test]
fn predictions_of_other_rows_and_folders_without_any_are_refused() {
    let home = tempfile::tempdir().expect("a temporary folder");
    write_predictions(&home.path().join("a"), 1);
    fs::create_dir(home.path().join("empty")).expect("makes");
    fs::write(home.path().join("other.jsonl"), "{\"row\":2,\"label\":\"up\",\"predicted\":\"up\"}\n").expect("writes");
    fs::write(home.path().join("rows.csv"), "text,label\na,b\n").expect("writes");
    let lines = "{\"row\":2,\"label\":\"up\",\"predicted\":\"up\"}\n{\"row\":3,\"label\":\"up\"}\n";
    fs::write(home.path().join("cut.jsonl"), lines).expect("writes");
    for (other, says) in [
        ("empty", "hone eval --predictions empty/predictions.jsonl writes one"),
        ("other.jsonl", "A has 30 rows and B 1: both have to be of the same file"),
        ("rows.csv", "line 1 can't be read, it is not JSON: hone eval --predictions FILE writes such lines"),
        ("cut.jsonl", "line 2 can't be read, the field \"predicted\" is missing: hone eval --predictions FILE"),
    ] {
        let (code, stdout, stderr) = run(hone(home.path()).args(["compare", "a", other]));
        assert_eq!((code, stdout.as_str()), (1, ""));
        assert!(stderr.contains(says), "{other}: {stderr}");
    }
}
