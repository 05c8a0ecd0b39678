//! Classifiers that other programs trained, measured and used by the binary. What is expected was computed with
//! transformers 5.24 (`tests/fixtures/field`).

mod support;

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};
use support::{hone, run, tiny_encoder};

/// Figures and probabilities of the reference differ from ours by less.
const TOLERANCE: f64 = 2e-4;

fn field(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/fixtures/field").join(name)
}

fn read_json(path: &Path) -> Value {
    serde_json::from_slice(&fs::read(path).expect("is there")).expect("JSON")
}

/// A copy of a model folder that a test may change.
fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).expect("makes");
    for entry in fs::read_dir(from).expect("lists") {
        let entry = entry.expect("an entry");
        fs::copy(entry.path(), to.join(entry.file_name())).expect("copies");
    }
}

/// Fields of a JSON file of a folder set to other values; `null` takes them out.
fn change(dir: &Path, file: &str, fields: &Value) {
    let path = dir.join(file);
    let mut config = read_json(&path);
    let object = config.as_object_mut().expect("an object");
    for (name, value) in fields.as_object().expect("an object") {
        object.remove(name);
        if !value.is_null() {
            object.insert(name.clone(), value.clone());
        }
    }
    fs::write(path, config.to_string()).expect("writes");
}

/// Exit code, standard output and standard error of a command with a model and a data file, on the CPU.
fn hone_on(home: &Path, command: &str, model: &Path, data: &Path, more: &[&str]) -> (i32, String, String) {
    let mut line = hone(home);
    line.args([command, "--device", "cpu", "--model"]).arg(model).arg("--data").arg(data).args(more);
    run(&mut line)
}

fn assert_figures(stdout: &str, expected: &Value) {
    let found: Value = serde_json::from_str(stdout).expect("JSON");
    for (name, expected) in expected.as_object().expect("an object") {
        let (found, expected) = (found[name].as_f64().expect("a figure"), expected.as_f64().expect("a figure"));
        assert!((found - expected).abs() < TOLERANCE, "{name} is {found}, not {expected}");
    }
}

/// Probabilities of a CSV of `predict`: the columns of the labels, row by row.
fn probabilities(csv: &str, labels: &[&str]) -> Vec<Vec<f64>> {
    let mut lines = csv.lines();
    let header: Vec<&str> = lines.next().expect("a header").split(',').collect();
    let place = |label: &&str| header.iter().rposition(|name| name == label).expect("a column for the label");
    let places: Vec<usize> = labels.iter().map(place).collect();
    let row = |line: &str| {
        let cells: Vec<&str> = line.split(',').collect();
        places.iter().map(|&place| cells[place].parse::<f64>().expect("a number")).collect::<Vec<f64>>()
    };
    lines.map(row).collect()
}

#[test]
fn as_few_rows_as_classes_are_measured() {
    let home = tempfile::tempdir().expect("a temporary folder");
    let case = field("10-eval-fewer-rows-than-classes");
    let (code, stdout, stderr) = hone_on(home.path(), "eval", &case.join("model"), &case.join("data.csv"), &["--json"]);
    assert_eq!(code, 0, "{stderr}");
    assert_figures(&stdout, &read_json(&case.join("expected.json")));
    assert!(stderr.contains("label \"intent\"") && !stderr.contains("no validation rows"), "{stderr}");

    // Whatever the column is called, and whatever else looks like labels; a mistaken label is named with its row.
    let rows = fs::read_to_string(case.join("data.csv")).expect("reads");
    let rows: String = rows
        .lines()
        .enumerate()
        .map(|(row, line)| if row == 0 { format!("type,{line}\n") } else { format!("low,{line}\n") })
        .collect();
    let other = home.path().join("other.csv");
    fs::write(&other, rows.replace("text,intent", "body,who")).expect("writes");
    let (code, stdout, stderr) = hone_on(home.path(), "eval", &case.join("model"), &other, &["--json"]);
    assert_eq!(code, 0, "{stderr}");
    assert_figures(&stdout, &read_json(&case.join("expected.json")));
    fs::write(&other, rows.replace("intent_h", "intent_z")).expect("writes");
    let (code, stdout, stderr) = hone_on(home.path(), "eval", &case.join("model"), &other, &["--json"]);
    assert_eq!((code, stdout.as_str()), (1, ""), "{stderr}");
    assert!(
        stderr.contains("row 9, column \"intent\": label \"intent_z\"") && stderr.contains("\"intent_l\""),
        "{stderr}"
    );
}

#[test]
fn labels_that_are_numbers_are_those_of_the_model() {
    let home = tempfile::tempdir().expect("a temporary folder");
    let case = field("12-labels-are-numbers");
    let expected = read_json(&case.join("expected.json"));
    let (code, stdout, stderr) = hone_on(home.path(), "eval", &case.join("ints"), &case.join("data.csv"), &["--json"]);
    assert_eq!(code, 0, "{stderr}");
    assert_figures(&stdout, &expected);
    let numbered = home.path().join("numbered");
    copy(&case.join("ints"), &numbered);
    fs::copy(case.join("placeholders/config.json"), numbered.join("config.json")).expect("copies");
    let (code, stdout, stderr) = hone_on(home.path(), "eval", &numbered, &case.join("data.csv"), &["--json"]);
    assert_eq!(code, 0, "{stderr}");
    assert_figures(&stdout, &expected);
    assert!(stderr.contains("label k of the file is taken for LABEL_k"), "{stderr}");

    // Floats are other labels than whole numbers: both spellings are named.
    let floats = fs::read_to_string(case.join("data.csv")).expect("reads").replace(",0\n", ",0.0\n");
    fs::write(home.path().join("floats.csv"), floats).expect("writes");
    let (code, _, stderr) = hone_on(home.path(), "eval", &numbered, &home.path().join("floats.csv"), &["--json"]);
    assert_eq!(code, 1);
    assert!(stderr.contains("\"0.0\"") && stderr.contains("\"LABEL_1\""), "{stderr}");
}

/// Columns of a CSV of `predict` agree with the reference, row by row.
fn assert_columns(csv: &str, columns: &[&str], expected: &[Vec<f64>]) {
    let found = probabilities(csv, columns);
    assert_eq!(found.len(), expected.len(), "{csv}");
    for (found, expected) in found.iter().flatten().zip(expected.iter().flatten()) {
        assert!((found - expected).abs() < TOLERANCE, "{found} is not {expected}: {csv}");
    }
}

#[test]
fn heads_of_several_labels_and_of_numbers_answer_as_what_they_are_for() {
    let home = tempfile::tempdir().expect("a temporary folder");
    let case = field("13-multi-label-and-regression-heads");
    let texts = case.join("texts.csv");
    let expected = read_json(&case.join("expected.json"));
    let expected: Vec<Vec<f64>> = serde_json::from_value(expected["probabilities"].clone()).expect("rows");
    let (code, stdout, stderr) = hone_on(home.path(), "predict", &case.join("multi"), &texts, &[]);
    assert_eq!(code, 0, "{stderr}");
    assert_columns(&stdout, &["late", "broken", "rude"], &expected);
    assert!(stdout.lines().nth(1).is_some_and(|line| line.contains(",late,")), "from 0.5 on: {stdout}");
    // One output is a score, whether the config says so or not.
    let score = home.path().join("score");
    copy(&case.join("score"), &score);
    change(&score, "config.json", &json!({ "problem_type": null }));
    let expected: Vec<f64> = serde_json::from_value(read_json(&case.join("expected_scores.json"))).expect("numbers");
    let expected: Vec<Vec<f64>> = expected.into_iter().map(|score| vec![score]).collect();
    for model in [case.join("score"), score] {
        let (code, stdout, stderr) = hone_on(home.path(), "predict", &model, &texts, &[]);
        assert_eq!(code, 0, "{stderr}");
        assert_columns(&stdout, &["LABEL_0"], &expected);
    }
    let rows = home.path().join("numbers.csv");
    fs::write(&rows, "text,score\nthe parcel was late,0.5\nit is broken,-1\n").expect("writes");
    let (code, stdout, stderr) = hone_on(home.path(), "eval", &case.join("score"), &rows, &["--json"]);
    assert!(code == 0 && stdout.contains("\"mae\""), "{stderr}");
}

#[test]
fn a_head_that_is_asked_for_another_task_is_refused_by_name() {
    let home = tempfile::tempdir().expect("a temporary folder");
    let case = field("13-multi-label-and-regression-heads");
    let data = home.path().join("rows.csv");
    fs::write(&data, "text,label\nthe parcel was late,late\nit is broken,broken\n").expect("writes");
    let one_label = ["--task", "sequence-classification"];
    for (model, head, task) in [
        ("multi", "multi-label classification", "the task multi-label"),
        ("score", "regression", "the task regression"),
    ] {
        for command in ["predict", "eval"] {
            let (code, stdout, stderr) = hone_on(home.path(), command, &case.join(model), &data, &one_label);
            assert_eq!((code, stdout.as_str()), (1, ""), "{stderr}");
            assert!(stderr.contains(head) && stderr.contains(task), "{command}: {stderr}");
        }
    }
    // A run for it begins with a head of its own.
    let train = ["--output", "out", "--epochs", "1", "--valid-fraction", "0", "--test-fraction", "0"];
    let train = [&one_label[..], &train].concat();
    let (code, _, stderr) = hone_on(home.path(), "train", &case.join("multi"), &data, &train);
    assert_eq!(code, 0, "{stderr}");
    let (code, stdout, stderr) = hone_on(home.path(), "predict", &home.path().join("out"), &data, &[]);
    assert!(code == 0 && stdout.starts_with("row,text,label,probability,"), "{stderr}");
}

#[test]
fn texts_are_cut_where_the_model_ends_and_that_is_said() {
    let home = tempfile::tempdir().expect("a temporary folder");
    let case = field("14-long-texts-of-foreign-models");
    let (model, data) = (case.join("model"), case.join("texts.csv"));
    let expected = read_json(&case.join("expected.json"));
    let assert_probabilities = |csv: &str, expected: &Value| {
        let found = probabilities(csv, &["neg", "pos"]);
        let expected: Vec<Vec<f64>> = serde_json::from_value(expected.clone()).expect("numbers");
        assert_eq!(found.len(), expected.len());
        for (found, expected) in found.iter().flatten().zip(expected.iter().flatten()) {
            assert!((found - expected).abs() < TOLERANCE, "{found} is not {expected}");
        }
    };
    let (code, stdout, stderr) = hone_on(home.path(), "predict", &model, &data, &[]);
    assert_eq!(code, 0, "{stderr}");
    assert_probabilities(&stdout, &expected["probabilities"]);
    assert!(!stderr.contains("are cut"), "{stderr}");

    // The tokenizer's limit is the model's too.
    let short = home.path().join("short");
    copy(&model, &short);
    change(&short, "tokenizer_config.json", &json!({ "model_max_length": 128 }));
    let (code, stdout, stderr) = hone_on(home.path(), "predict", &short, &data, &[]);
    assert_eq!(code, 0, "{stderr}");
    assert_probabilities(&stdout, &expected["at_128"]);
    assert!(stderr.contains("4 of 4 texts are longer than 128 tokens and are cut: rows 2, 3, 4, 5"), "{stderr}");
    let rows = fs::read_to_string(&data).expect("reads").replacen("text", "label,text", 1).replace("\n", "\nneg,");
    let rows = rows.strip_suffix("neg,").expect("a last line").to_owned();
    fs::write(home.path().join("rows.csv"), rows).expect("writes");
    let (code, _, stderr) = hone_on(home.path(), "eval", &short, &home.path().join("rows.csv"), &[]);
    assert_eq!(code, 0, "{stderr}");
    assert!(stderr.contains("4 of 4 rows are longer than 128 tokens and are shortened: rows 2, 3"), "{stderr}");

    // A limit that is none, as tokenizers write it.
    change(&short, "tokenizer_config.json", &json!({ "model_max_length": 1e30 }));
    let (code, stdout, stderr) = hone_on(home.path(), "predict", &short, &data, &[]);
    assert_eq!(code, 0, "{stderr}");
    assert_probabilities(&stdout, &expected["probabilities"]);
}

#[test]
fn a_file_is_read_by_the_columns_that_the_model_was_trained_on() {
    let encoder = tiny_encoder();
    let home = tempfile::tempdir().expect("a temporary folder");
    let tickets = field("15-predict-reads-another-column/tickets.csv");
    let train = ["--text-column", "complaint", "--label-column", "team", "--output", "out", "--epochs", "1"];
    let (code, _, stderr) = hone_on(home.path(), "train", &encoder, &tickets, &train);
    assert_eq!(code, 0, "{stderr}");
    let job = read_json(&home.path().join("out/hone.json"));
    assert_eq!((&job["read"]["text_column"], &job["read"]["label_column"]), (&json!("complaint"), &json!("team")));

    let out = home.path().join("out");
    let of = |command: &str, data: &Path, more: &[&str]| {
        let (code, stdout, stderr) = hone_on(home.path(), command, &out, data, more);
        assert_eq!(code, 0, "{stderr}");
        (stdout, stderr)
    };
    let (by_job, stderr) = of("predict", &tickets, &[]);
    assert!(stderr.contains("texts: column \"complaint\""), "{stderr}");
    assert_eq!(by_job, of("predict", &tickets, &["--text-column", "complaint"]).0);
    let (by_flag, stderr) = of("predict", &tickets, &["--text-column", "title"]);
    assert!(by_flag != by_job && stderr.contains("texts: column \"title\""), "{stderr}");
    let both = ["--text-column", "complaint", "--label-column", "team", "--json"];
    assert_eq!(of("eval", &tickets, &["--json"]).0, of("eval", &tickets, &both).0);

    // A file without these columns: what is read instead is said.
    let other = home.path().join("other.csv");
    fs::write(&other, "text,label\nwe spoke of the bread and soup,kitchen\nthe rain and snow,weather\n")
        .expect("writes");
    let missing = "the model was trained on column \"complaint\", which this file does not have: texts are read from column \
                   \"text\"";
    for command in ["predict", "eval"] {
        let (_, stderr) = of(command, &other, &[]);
        assert!(stderr.contains(missing), "{command}: {stderr}");
    }
    // A job is exact: its columns are not guessed anew.
    let line = ["train", "--job", "out/hone.json", "--data", "other.csv", "--output", "again", "--device", "cpu"];
    let (code, _, stderr) = run(hone(home.path()).args(line).arg("--model").arg(&encoder));
    assert!(code == 1 && stderr.contains("there is no column \"complaint\""), "{stderr}");
}

#[test]
fn rows_of_a_language_model_are_read_as_it_was_trained() {
    let home = tempfile::tempdir().expect("a temporary folder");
    let decoder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/fixtures/tiny_decoder");
    let rows: String = (0..12).map(|i| format!("{i},wort {i} was?,das ist {i}\n")).collect();
    let data = home.path().join("rows.csv");
    fs::write(&data, format!("nr,anfang,ende\n{rows}")).expect("writes");
    let flags = ["--prompt-column", "anfang", "--completion-column", "ende", "--max-seq-length", "32"];
    let more = ["--output", "out", "--epochs", "1", "--valid-fraction", "0", "--test-fraction", "0"];
    let (code, _, stderr) = hone_on(home.path(), "train", &decoder, &data, &[&flags[..], &more[..]].concat());
    assert_eq!(code, 0, "{stderr}");
    let job = read_json(&home.path().join("out/hone.json"));
    assert_eq!((&job["read"]["shape"], &job["read"]["prompt_column"]), (&json!("prompt_completion"), &json!("anfang")));
    let (code, _, stderr) = hone_on(home.path(), "eval", &home.path().join("out"), &data, &["--json"]);
    assert_eq!(code, 0, "{stderr}");
    assert!(stderr.contains("prompt \"anfang\", completion \"ende\""), "{stderr}");
    fs::write(home.path().join("other.jsonl"), "{\"prompt\":\"wort?\",\"completion\":\" das\"}\n").expect("writes");
    let (code, _, stderr) =
        hone_on(home.path(), "eval", &home.path().join("out"), &home.path().join("other.jsonl"), &[]);
    assert_eq!(code, 0, "{stderr}");
    assert!(stderr.contains("texts are read from columns \"prompt\", \"completion\""), "{stderr}");
}

#[cfg(unix)]
#[test]
fn a_closed_reader_does_not_make_prediction_fail() {
    let home = tempfile::tempdir().expect("a temporary folder");
    let case = field("14-long-texts-of-foreign-models");
    let mut command = hone(home.path());
    command.args(["predict", "--device", "cpu", "--model"]).arg(case.join("model"));
    command.arg("--data").arg(case.join("texts.csv"));
    command.stdout(std::process::Stdio::piped()).stderr(std::process::Stdio::piped());
    let mut child = command.spawn().expect("the binary starts");
    drop((child.stdout.take(), child.stderr.take()));
    assert_eq!(child.wait().expect("ends").code(), Some(0));
}
