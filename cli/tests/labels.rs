//! What is learned of labels in seconds, through the binary: the quick baseline, rows whose labels may be wrong, and the same by given
//! probabilities.

mod support;

use std::fs;

use serde_json::{Value, json};
use support::{hone, run, tiny_encoder, train_line, write_rows};

/// Rows of two classes that differ in one word; row 12 of the file has the label of the other.
fn rows() -> String {
    let row = |index: usize| {
        let (word, label) = [("rain and snow", "weather"), ("bread and soup", "kitchen")][index % 2];
        let label = if index == 10 { "kitchen" } else { label };
        format!("{word} came to us {} times,{label}\n", ["one", "two", "three", "four", "five"][index % 5])
    };
    String::from("text,label\n") + &(0..60).map(row).collect::<String>()
}

#[test]
fn a_wrong_label_is_found_and_the_baseline_is_measured() {
    let home = tempfile::tempdir().expect("a temporary folder");
    fs::write(home.path().join("rows.csv"), rows()).expect("writes");
    let model = tiny_encoder().display().to_string();
    let of_model = ["--model", model.as_str(), "--device", "cpu"];
    let (code, stdout, stderr) = run(hone(home.path()).args(["baseline", "--data", "rows.csv"]).args(of_model));
    assert_eq!(code, 0, "{stderr}");
    assert!(stdout.starts_with("without training: 6 validation rows, told by 48 training rows"), "{stdout}");
    for method in ["majority class", "nearest neighbour", "5 nearest neighbours", "logistic regression"] {
        assert!(stdout.contains(&format!("  {method} ")), "{method}: {stdout}");
    }

    let line = ["data", "label-errors", "rows.csv", "--save-probabilities", "out.jsonl", "--json"];
    let (code, stdout, stderr) = run(hone(home.path()).args(line).args(of_model));
    assert_eq!(code, 0, "{stderr}");
    let found: Value = serde_json::from_str(&stdout).expect("JSON");
    assert_eq!((&found["num_rows"], &found["num_folds"]), (&json!(60), &json!(5)));
    let first = &found["errors"][0];
    assert_eq!(
        (&first["row"], &first["label"], &first["suggested"]),
        (&json!(12), &json!("kitchen"), &json!("weather"))
    );

    // The same by the probabilities that were written.
    let line = ["data", "label-errors", "--predictions", "out.jsonl", "--json"];
    let (code, stdout, stderr) = run(hone(home.path()).args(line));
    assert_eq!((code, stderr.as_str()), (0, ""));
    let again: Value = serde_json::from_str(&stdout).expect("JSON");
    let rows_of = |found: &Value| -> Vec<Value> {
        found["errors"].as_array().expect("a list").iter().map(|error| error["row"].clone()).collect()
    };
    assert_eq!((rows_of(&again), &again["num_folds"]), (rows_of(&found), &Value::Null));
}

#[test]
fn what_can_not_be_looked_at_is_said() {
    let home = tempfile::tempdir().expect("a temporary folder");
    fs::write(home.path().join("rows.csv"), rows()).expect("writes");
    fs::write(home.path().join("other.jsonl"), "{\"row\":2,\"label\":\"a\",\"predicted\":\"a\"}\n").expect("writes");
    let label_errors = |line: &[&str]| {
        let (code, _, stderr) = run(hone(home.path()).args(["data", "label-errors"]).args(line));
        (code, stderr)
    };
    let (code, stderr) = label_errors(&["rows.csv"]);
    assert_eq!((code, stderr.contains("--model")), (2, true), "{stderr}");
    let (code, stderr) = label_errors(&["--predictions", "other.jsonl", "--label-column", "label"]);
    assert_eq!((code, stderr.contains("--label-column: has no effect with --predictions")), (2, true), "{stderr}");
    let (code, stderr) = label_errors(&["--predictions", "other.jsonl"]);
    let fault = "line 1 can't be read, the field \"probabilities\" is missing: hone eval --predictions FILE writes";
    assert!(code == 1 && stderr.contains(fault) && stderr.contains("other.jsonl"), "{stderr}");
}

#[test]
fn unlabeled_rows_are_ranked_by_a_model_that_learned_from_the_others() {
    let home = tempfile::tempdir().expect("a temporary folder");
    write_rows(&home.path().join("rows.csv"));
    let labeled = fs::read_to_string(home.path().join("rows.csv")).expect("it was written");
    let unlabeled = "the day was good and the house too,\n\"the man was dark, the word was bright\",\n";
    fs::write(home.path().join("rows.csv"), format!("{labeled}{unlabeled}")).expect("writes");
    let more = ["--epochs", "2", "--output", "out"];
    let (code, _, stderr) = run(hone(home.path()).args(train_line(&tiny_encoder())).args(more));
    assert_eq!(code, 0, "{stderr}");
    assert!(stderr.contains("2 rows have no label and are left out until they get one"), "{stderr}");

    let rank = |line: &[&str]| {
        let (code, stdout, stderr) = run(hone(home.path()).args(["data", "rank", "rows.csv", "--json"]).args(line));
        assert_eq!(code, 0, "{stderr}");
        let rows: Vec<Value> = stdout.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect();
        (rows, stderr)
    };
    let (rows, stderr) = rank(&["--model", "out", "--device", "cpu"]);
    assert!(stderr.contains("2 of 202 rows have no label"), "{stderr}");
    let numbers = |rows: &[Value]| {
        let mut numbers: Vec<u64> = rows.iter().filter_map(|row| row["id"]["row"].as_u64()).collect();
        numbers.sort_unstable();
        numbers
    };
    assert_eq!(numbers(&rows), [202, 203]);
    let unsure: Vec<f64> = rows.iter().filter_map(|row| row["uncertainty"].as_f64()).collect();
    assert!(unsure.len() == 2 && unsure[0] >= unsure[1] && unsure.iter().all(|u| (0.0..=1.0).contains(u)), "{rows:?}");
    assert_eq!(rows[0]["likely"].as_array().map(Vec::len), Some(2));

    let (rows, _) = rank(&["--first", "1"]);
    assert!(rows.len() == 1 && rows[0]["uncertainty"].is_null(), "{rows:?}");
    let untrained = tiny_encoder().display().to_string();
    let line = ["data", "rank", "rows.csv", "--model", &untrained, "--device", "cpu"];
    let (code, _, stderr) = run(hone(home.path()).args(line));
    assert!(code == 1 && stderr.contains("leave --model out"), "{stderr}");
}
