//! Public data sets as they are published, each with its own quirks. They lie beside the checkout (`shared/data`) and
//! may not be redistributed: where they are not, the tests say that they were skipped.

use std::path::Path;

use hone_core::config::{ReadOptions, SplitConfig};
use hone_core::data::{DataFiles, Dataset, Format, ReadSummary, SourceFile, build_dataset};

/// A file of `shared/data`, or `None` (said loudly) where it is not there.
fn file(path: &str) -> Option<(String, Vec<u8>)> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let found =
        ["shared/data", "../shared/data"].iter().find_map(|folder| std::fs::read(root.join(folder).join(path)).ok());
    if found.is_none() {
        eprintln!("SKIPPED: shared/data/{path} is not here");
    }
    let name = path.rsplit('/').next().unwrap_or(path);
    found.map(|bytes| (name.to_owned(), bytes))
}

fn build(train: (String, Vec<u8>), test: Option<(String, Vec<u8>)>) -> (Dataset, ReadSummary) {
    let files = DataFiles { train, valid: None, test };
    build_dataset(&files, &ReadOptions::default(), &SplitConfig::default(), 42, &[]).expect("a good file")
}

#[test]
fn sms_spam_keeps_every_row_in_spite_of_its_raw_quotes() {
    let Some(train) = file("sms_spam/SMSSpamCollection") else { return };
    let (dataset, summary) = build(train, None);
    assert_eq!((summary.delimiter, summary.has_header), (Some('\t'), false));
    assert_eq!((summary.num_rows, summary.num_bad_rows), (5574, 0));
    assert_eq!(dataset.labels, ["ham", "spam"]);
    let all = [dataset.train, dataset.valid, dataset.test].concat();
    assert_eq!(all.iter().filter(|example| example.label == 0).count(), 4827);
    assert!(all.iter().any(|example| example.text.starts_with('"')), "quotes are kept as they are");
}

#[test]
fn trec_is_read_into_coarse_and_fine_labels() {
    let (Some(train), Some(test)) = (file("trec/train_5500.label"), file("trec/TREC_10.label")) else { return };
    let (dataset, summary) = build(train, Some(test));
    assert_eq!(summary.columns, ["label", "fine label", "text"]);
    assert_eq!((summary.num_rows, summary.num_bad_rows), (5952, 0));
    assert_eq!(dataset.labels, ["ABBR", "DESC", "ENTY", "HUM", "LOC", "NUM"]);
    assert_eq!((dataset.train.len() + dataset.valid.len(), dataset.test.len()), (5452, 500));
    let by_file_order = dataset.train.iter().chain(&dataset.valid).min_by_key(|example| example.row);
    let first = by_file_order.expect("there are rows");
    assert_eq!((first.row, first.label), (1, 1));
    assert_eq!(first.text, "How did serfdom develop in and then leave Russia ?");
    let per_class = |label: usize| dataset.test.iter().filter(|example| example.label == label).count();
    assert_eq!((0..6).map(per_class).collect::<Vec<_>>(), [9, 138, 94, 65, 81, 113]);
}

#[test]
fn banking77_has_its_77_intents() {
    let (Some(train), Some(test)) = (file("banking77/train.csv"), file("banking77/test.csv")) else { return };
    let (dataset, summary) = build(train, Some(test));
    assert_eq!((summary.text_column.as_str(), summary.label_column.as_str()), ("text", "category"));
    assert_eq!((summary.num_rows, summary.num_bad_rows), (13_083, 0));
    assert_eq!(dataset.labels.len(), 77);
    assert_eq!((dataset.train.len() + dataset.valid.len(), dataset.test.len()), (10_003, 3080));
}

#[test]
fn ag_news_has_no_header_and_its_class_in_front() {
    let Some(train) = file("ag_news/test.csv") else { return };
    let (dataset, summary) = build(train, None);
    assert_eq!((summary.delimiter, summary.has_header), (Some(','), false));
    assert_eq!((summary.text_column.as_str(), summary.label_column.as_str()), ("column 3", "column 1"));
    assert_eq!((summary.num_rows, summary.num_bad_rows), (7600, 0));
    assert_eq!(dataset.labels, ["1", "2", "3", "4"]);
    assert_eq!((dataset.train.len(), dataset.valid.len(), dataset.test.len()), (6080, 760, 760));
}

#[test]
fn files_without_labels_say_what_is_missing() {
    let Some((name, bytes)) = file("dolly_open_qa/chinkara-open_qa.jsonl") else { return };
    let error = SourceFile::read(&name, &bytes, &ReadOptions::default(), &[]).expect_err("no labels").to_string();
    assert!(error.starts_with("only one column was found (\"text\")"), "{error}");
    let Some((name, bytes)) = file("tiny_shakespeare/input.txt") else { return };
    SourceFile::read(&name, &bytes, &ReadOptions::default(), &[]).expect_err("a play has no labels");
    let Some((name, bytes)) = file("xquad_en/xquad.en.json") else { return };
    SourceFile::read(&name, &bytes, &ReadOptions::default(), &[]).expect_err("paragraphs are nested");
}

/// A hundred megabytes, as a person might drop them: seconds, and no more memory than a few copies.
#[test]
#[cfg_attr(debug_assertions, ignore = "takes most of a minute without --release")]
fn a_hundred_megabytes_are_read() {
    let row = |i: usize| format!("\"row {i}, {}\",class {}\n", "and some words of it ".repeat(5), i % 7);
    let mut text = String::from("text,label\n");
    let mut rows = 0;
    while text.len() < 100 << 20 {
        text += &row(rows);
        rows += 1;
    }
    let (dataset, summary) = build(("large.csv".into(), text.into_bytes()), None);
    assert_eq!((summary.num_rows, summary.format), (rows, Format::Csv));
    assert_eq!(dataset.labels.len(), 7);
    let lines = |i: usize| format!("{{\"text\": \"row {i} {}\", \"label\": {}}}\n", "some words ".repeat(9), i % 7);
    let text: String = (0..rows).map(lines).collect();
    let (_, summary) = build(("large.jsonl".into(), text.into_bytes()), None);
    assert_eq!((summary.num_rows, summary.format), (rows, Format::Jsonl));
}
