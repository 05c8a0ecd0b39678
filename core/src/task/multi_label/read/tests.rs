//! How labels are read from each layout, in which order they are, and what is said of cells and files that are wrong.

use super::*;
use crate::config::RunConfig;
use crate::data::DataFiles;

fn build(
    file: (&str, &str),
    test: Option<&str>,
    known: &[&str],
    purpose: Purpose,
) -> Result<(Dataset, ReadSummary), DataError> {
    build_with(file, test, known, purpose, &ReadOptions::default())
}

fn build_with(
    (name, text): (&str, &str),
    test: Option<&str>,
    known: &[&str],
    purpose: Purpose,
    read: &ReadOptions,
) -> Result<(Dataset, ReadSummary), DataError> {
    let file = |name: &str, text: &str| (name.to_owned(), text.as_bytes().to_vec());
    let files =
        &DataFiles { train: file(name, text), test: test.map(|text| file("t.csv", text)), ..DataFiles::default() };
    let known_labels: Vec<String> = known.iter().map(|label| (*label).to_owned()).collect();
    let run = &RunConfig::default();
    read_dataset(&ReadRequest {
        files: &files.clone().into(),
        read,
        run,
        known_labels: &known_labels,
        purpose,
        model: None,
    })
}

fn rows() -> String {
    let labels = ["a;b", "a", "b; c", "a;c"];
    String::from("text,tags\n") + &(0..20).map(|i| format!("text {i},{}\n", labels[i % 4])).collect::<String>()
}

#[test]
fn rows_have_the_ids_of_their_labels() {
    let (dataset, summary) = build(("x.csv", &rows()), None, &[], Purpose::Train).expect("good rows");
    assert_eq!((dataset.labels, dataset.separator), (["a", "b", "c"].map(String::from).to_vec(), Some(';')));
    let third = dataset.splits.iter().flatten().find(|row| row.row == 4).expect("it is there");
    assert_eq!((third.input.text.as_str(), third.label.as_slice()), ("text 2", &[1, 2][..]));
    assert_eq!(dataset.preview[0].labels, ["a", "b"]);
    assert_eq!(dataset.splits.iter().map(Vec::len).sum::<usize>(), 20);
    assert!(dataset.columns.is_empty() && summary.warnings.is_empty(), "{:?}", summary.warnings);
}

#[test]
fn a_column_a_label_keeps_the_order_of_the_columns() {
    let row = |i: usize| format!("text {i},{},{},0\n", i % 2, usize::from(i.is_multiple_of(3)));
    let text = format!("text,z,y,never\n{}bad,2,0,0\nempty,,0,0\n", (0..20).map(row).collect::<String>());
    let (dataset, summary) = build(("x.csv", &text), None, &["z", "y", "never"], Purpose::Train).expect("good rows");
    assert_eq!(
        (dataset.labels.as_slice(), &dataset.columns),
        (&["z", "y", "never"].map(String::from)[..], &dataset.labels)
    );
    assert_eq!(dataset.splits.iter().flatten().filter(|row| row.label.is_empty()).count(), 6);
    let reasons: Vec<&str> = summary.bad_rows.iter().map(|bad| bad.reason.as_str()).collect();
    assert_eq!(reasons, ["the label \"2\" is neither 0 nor 1 (column \"z\")", "the label is empty (column \"z\")"]);
    let said = "no training row has the label \"never\": it can't be learned";
    assert!(summary.warnings.iter().any(|warning| warning == said), "{:?}", summary.warnings);
}

#[test]
fn marked_columns_say_no_where_they_are_empty() {
    let row = |i: usize| format!("text {i},{}\n", ["x,", ",X", "x,x", ","][i % 4]);
    let text = String::from("text,z,y\n") + &(0..20).map(row).collect::<String>();
    let (dataset, summary) = build(("x.csv", &text), None, &[], Purpose::Train).expect("good rows");
    assert!(dataset.has_marks && dataset.labels == ["z", "y"] && summary.num_bad_rows == 0);
    assert_eq!(dataset.splits.iter().flatten().filter(|row| row.label.is_empty()).count(), 5);
    let said = "the columns \"z\", \"y\" hold marks of labels that a row has: an empty cell is read as a no";
    assert!(summary.warnings.iter().any(|warning| warning == said), "{:?}", summary.warnings);
}

#[test]
fn lists_of_json_are_labels_and_an_empty_list_is_none() {
    let row =
        |i: usize| format!("{{\"text\": \"t {i}\", \"labels\": {}}}\n", [r#"["a"]"#, r#"["b", "a"]"#, "[]"][i % 3]);
    let text = (0..21).map(row).collect::<String>()
        + "{\"text\": \"x\", \"labels\": [[1]]}\n{\"text\": [1], \"labels\": []}\n";
    let (dataset, summary) = build(("x.jsonl", &text), None, &[], Purpose::Train).expect("good rows");
    assert_eq!(dataset.labels, ["a", "b"]);
    assert_eq!(dataset.splits.iter().flatten().filter(|row| row.label.is_empty()).count(), 7);
    assert_eq!(summary.bad_rows[0].reason, "the labels \"[[1]]\" are no list of labels (column \"labels\")");
    assert_eq!(summary.bad_rows[1].reason, "the text holds an object or array (column \"text\")");
    let empty = "{\"text\": \"x\", \"labels\": []}\n".repeat(3);
    let error = build(("x.jsonl", &empty), None, &[], Purpose::Train).expect_err("no labels").to_string();
    assert_eq!(error, "none of the 3 rows has a label (column \"labels\")");
}

#[test]
fn lists_of_zeros_and_ones_are_labels_by_their_places() {
    let row = |i: usize| {
        format!("{{\"text\": \"text {i}\", \"labels\": [{}, 0.0, {}]}}\n", i % 2, usize::from(i.is_multiple_of(3)))
    };
    let text: String = (0..20).map(row).collect();
    let (dataset, summary) = build(("x.jsonl", &text), None, &[], Purpose::Train).expect("good rows");
    assert_eq!(dataset.labels, ["LABEL_0", "LABEL_1", "LABEL_2"]);
    let labels =
        |number: usize| dataset.splits.iter().flatten().find(|row| row.row == number).map(|row| row.label.clone());
    assert_eq!([1, 2, 4].map(labels), [Some(vec![2]), Some(vec![0]), Some(vec![0, 2])]);
    assert!(summary.warnings[0].contains("lists of 3 zeros and ones"), "{:?}", summary.warnings);
    let known = ["x", "y", "z"];
    let (measured, _) = build(("x.jsonl", &text), None, &known, Purpose::Measure).expect("the model has as many");
    assert_eq!(measured.labels, known);
}

#[test]
fn unknown_labels_are_named_with_their_row() {
    let error = build(("x.csv", &rows()), Some("text,tags\nx,a;d\n"), &[], Purpose::Train).expect_err("d").to_string();
    assert!(error.starts_with("test file \"t.csv\": row 2, column \"tags\": label \"d\" is in none"), "{error}");
    let error = build(("x.csv", &rows()), None, &["a", "b"], Purpose::Measure).expect_err("c").to_string();
    assert!(error.starts_with("row 4, column \"tags\": label \"c\" is not one of the model's"), "{error}");
    let (dataset, _) = build(("x.csv", &rows()), None, &["c", "b", "a", "d"], Purpose::Measure).expect("all known");
    assert_eq!(dataset.labels.len(), 4);
}

#[test]
fn what_stands_between_labels_can_be_chosen() {
    let row = |i: usize| format!("text {i},\"a, b;c{}\"\n", i % 2);
    let text = String::from("text,tags\n") + &(0..20).map(row).collect::<String>();
    let read = |separator| ReadOptions { label_separator: separator, ..ReadOptions::default() };
    let labels = |separator| {
        let built = build_with(("x.csv", &text), None, &[], Purpose::Train, &read(separator)).expect("good rows");
        built.0.labels
    };
    assert_eq!(labels(None), ["a, b", "c0", "c1"], "the semicolon is as frequent, and the surer one");
    assert_eq!(labels(Some(',')), ["a", "b;c0", "b;c1"]);
    assert_eq!(labels(Some('|')), ["a, b;c0", "a, b;c1"]);
    let truths =
        String::from("text,toxic,rude\n") + &(0..20).map(|i| format!("t {i},{},1\n", i % 2)).collect::<String>();
    let (dataset, summary) =
        build_with(("x.csv", &truths), None, &[], Purpose::Train, &read(Some('|'))).expect("good rows");
    assert_eq!((dataset.separator, dataset.labels.len()), (None, 2));
    let said = |start: &str| summary.warnings.iter().any(|warning| warning.starts_with(start));
    assert!(said("label_separator '|' has no effect"), "{:?}", summary.warnings);
    assert!(said("all training rows have the label \"rude\""), "{:?}", summary.warnings);
}

#[test]
fn a_label_column_that_the_test_file_lacks_is_named() {
    let truths =
        String::from("text,toxic,rude\n") + &(0..20).map(|i| format!("t {i},{},1\n", i % 2)).collect::<String>();
    let error = build(("x.csv", &truths), Some("text,toxic\nhello,1\nthere,0\n"), &[], Purpose::Train);
    let error = error.expect_err("it is missing").to_string();
    assert!(error.starts_with("test file \"t.csv\": there is no column \"rude\""), "{error}");
}
