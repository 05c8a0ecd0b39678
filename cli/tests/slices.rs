//! `hone eval --slice-by`, `--slice-contains` and `--swap`, on a classifier that another program trained.

mod support;

use std::fs;
use std::path::Path;

use serde_json::{Value, json};
use support::{hone, run};

const LABELS: [&str; 4] = ["intent_a", "intent_b", "intent_c", "intent_d"];

/// Rows with a column beside text and label.
fn write_rows(path: &Path, words: [&str; 2]) {
    let row = |n: usize| {
        let (word, label, source) = (words[n % 2], LABELS[n % 4], ["mail", "phone"][n / 24]);
        format!("we spoke of the {word} and soup {n} times,{label},{source}\n")
    };
    fs::write(path, format!("text,intent,source\n{}", (0..48).map(row).collect::<String>())).expect("writes");
}

fn command(home: &Path, command: &str, data: &str, more: &[&str]) -> (i32, String, String) {
    let model =
        Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/fixtures/field/10-eval-fewer-rows-than-classes/model");
    let mut line = hone(home);
    line.args([command, "--device", "cpu", "--data", data, "--model"]).arg(model).args(more);
    run(&mut line)
}

fn labels(csv: &str) -> Vec<String> {
    let column = csv.lines().next().and_then(|header| header.split(',').position(|name| name == "label"));
    let column = column.expect("a column of labels");
    csv.lines().skip(1).map(|line| line.split(',').nth(column).expect("a label").to_owned()).collect()
}

#[test]
fn rows_are_measured_in_parts_and_asked_about_with_words_swapped() {
    let home = tempfile::tempdir().expect("a temporary folder");
    write_rows(&home.path().join("rows.csv"), ["bread", "song"]);
    write_rows(&home.path().join("swapped.csv"), ["song", "bread"]);
    let more = ["--slice-by", "source", "--slice-by", "length", "--slice-contains", "SONG", "--swap", "bread=song"];
    let (code, stdout, stderr) = command(home.path(), "eval", "rows.csv", &[&more[..], &["--json"]].concat());
    assert_eq!(code, 0, "{stderr}");
    let found: Value = serde_json::from_str(&stdout).expect("JSON");
    assert!(found["model"].as_str().is_some_and(|model| model.ends_with("model")), "a report says of which it is");
    let slices = found["slices"]["slices"].as_array().expect("a list");
    let names: Vec<(&str, &str)> = slices
        .iter()
        .map(|one| (one["by"].as_str().expect("a text"), one["value"].as_str().expect("a text")))
        .collect();
    assert!(names.contains(&("source", "mail")) && names.contains(&("source", "phone")), "{names:?}");
    assert!(names.contains(&("contains", "SONG")) && names.iter().any(|(by, _)| *by == "length"), "{names:?}");
    let differences: Vec<f64> = slices.iter().map(|one| one["difference"].as_f64().expect("a number")).collect();
    assert!(differences.is_sorted(), "the worst comes first: {differences:?}");

    // The same, row by row, out of what the model answers to each of the files.
    let [before, after] = ["rows.csv", "swapped.csv"].map(|data| {
        let (code, stdout, stderr) = command(home.path(), "predict", data, &[]);
        assert_eq!(code, 0, "{stderr}");
        labels(&stdout)
    });
    let right = |rows: std::ops::Range<usize>| rows.filter(|&n| before[n] == LABELS[n % 4]).count() as f64 / 24.0;
    let mail = slices.iter().find(|one| one["value"] == "mail").expect("a slice");
    for (side, expected) in [("slice", right(0..24)), ("rest", right(24..48))] {
        let found = mail[side]["value"].as_f64().expect("a number");
        assert!((found - expected).abs() < 1e-9, "{side}: {found} and {expected}");
    }
    let flipped = before.iter().zip(&after).filter(|(before, after)| before != after).count();
    assert_eq!((&found["swaps"]["num_swapped"], &found["swaps"]["num_flipped"]), (&json!(48), &json!(flipped)));

    let (code, stdout, stderr) = command(home.path(), "eval", "rows.csv", &more);
    assert_eq!(code, 0, "{stderr}");
    assert!(stdout.contains("slices, the worst first") && stdout.contains("  source: mail "), "{stdout}");
    assert!(stdout.contains("words swapped, both ways at once, in 48 of 48 rows"), "{stdout}");
}

#[test]
fn columns_and_pairs_that_can_not_be_are_named() {
    let home = tempfile::tempdir().expect("a temporary folder");
    write_rows(&home.path().join("rows.csv"), ["bread", "song"]);
    let (code, _, stderr) = command(home.path(), "eval", "rows.csv", &["--swap", "bread"]);
    assert_eq!(code, 2, "{stderr}");
    assert!(stderr.contains("--swap: \"bread\" is not of the form WORD=WORD"), "{stderr}");
    let (code, _, stderr) = command(home.path(), "eval", "rows.csv", &["--slice-by", "colour"]);
    assert!(code != 0 && stderr.contains("--slice-by") && stderr.contains("colour"), "{stderr}");
}
