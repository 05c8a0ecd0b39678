//! Public data sets as they are published, each with its own quirks. They lie beside the checkout (`shared/data`) and
//! may not be redistributed: where they are not, the tests say that they were skipped.

use std::path::Path;

use hone_core::config::{ReadOptions, RunConfig};
use hone_core::data::{DataError, DataFiles, Format, ReadSummary};
use hone_core::task::question_answering::Grouping;
use hone_core::task::sequence_classification::{Dataset, read_dataset};
use hone_core::task::{ReadRequest, ReportDetail, Task};

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

fn try_to_build(
    train: (String, Vec<u8>),
    test: Option<(String, Vec<u8>)>,
) -> Result<(Dataset, ReadSummary), DataError> {
    let files = DataFiles { train, test, ..DataFiles::default() }.into();
    let run = RunConfig { seed: 42, ..RunConfig::default() };
    read_dataset(&ReadRequest::to_train(&files, &ReadOptions::default(), &run))
}

fn build(train: (String, Vec<u8>), test: Option<(String, Vec<u8>)>) -> (Dataset, ReadSummary) {
    try_to_build(train, test).expect("a good file")
}

#[test]
fn sms_spam_keeps_every_row_in_spite_of_its_raw_quotes() {
    let Some(train) = file("sms_spam/SMSSpamCollection") else { return };
    let (dataset, summary) = build(train, None);
    assert_eq!((summary.delimiter, summary.has_header), (Some('\t'), false));
    assert_eq!((summary.num_rows, summary.num_bad_rows), (5574, 0));
    assert_eq!(dataset.labels, ["ham", "spam"]);
    let all = dataset.splits.concat();
    assert_eq!(all.iter().filter(|row| row.label == 0).count(), 4827);
    assert!(all.iter().any(|row| row.input.text.starts_with('"')), "quotes are kept as they are");
}

#[test]
fn trec_is_read_into_coarse_and_fine_labels() {
    let (Some(train), Some(test)) = (file("trec/train_5500.label"), file("trec/TREC_10.label")) else { return };
    let (dataset, summary) = build(train, Some(test));
    assert_eq!(summary.columns, ["label", "fine label", "text"]);
    assert_eq!((summary.num_rows, summary.num_bad_rows), (5952, 0));
    assert_eq!(dataset.labels, ["ABBR", "DESC", "ENTY", "HUM", "LOC", "NUM"]);
    let [train, valid, test] = &dataset.splits;
    assert_eq!((train.len() + valid.len(), test.len()), (5452, 500));
    let first = train.iter().chain(valid).min_by_key(|row| row.row).expect("there are rows");
    assert_eq!((first.row, first.label), (1, 1));
    assert_eq!(first.input.text, "How did serfdom develop in and then leave Russia ?");
    let per_class = |label: usize| test.iter().filter(|row| row.label == label).count();
    assert_eq!((0..6).map(per_class).collect::<Vec<_>>(), [9, 138, 94, 65, 81, 113]);
}

#[test]
fn banking77_has_its_77_intents() {
    let (Some(train), Some(test)) = (file("banking77/train.csv"), file("banking77/test.csv")) else { return };
    let (dataset, summary) = build(train, Some(test));
    assert_eq!((summary.column_of("text"), summary.column_of("label")), ("text", "category"));
    assert_eq!((summary.num_rows, summary.num_bad_rows), (13_083, 0));
    assert_eq!(dataset.labels.len(), 77);
    let [train, valid, test] = dataset.splits.map(|rows| rows.len());
    assert_eq!((train + valid, test), (10_003, 3080));
}

#[test]
fn ag_news_has_no_header_and_its_class_in_front() {
    let Some(train) = file("ag_news/test.csv") else { return };
    let (dataset, summary) = build(train, None);
    assert_eq!((summary.delimiter, summary.has_header), (Some(','), false));
    assert_eq!((summary.column_of("text"), summary.column_of("label")), ("column 3", "column 1"));
    assert_eq!((summary.num_rows, summary.num_bad_rows), (7600, 0));
    assert_eq!(dataset.labels, ["1", "2", "3", "4"]);
    assert_eq!(dataset.splits.map(|rows| rows.len()), [6080, 760, 760]);
}

#[test]
fn wnut17_keeps_every_sentence_of_its_three_files() {
    let files = ["wnut17train.conll", "emerging.dev.conll", "emerging.test.annotated"];
    let [Some(train), valid @ Some(_), test @ Some(_)] = files.map(|name| file(&format!("wnut17/{name}"))) else {
        return;
    };
    let files = DataFiles { train, valid, test, ..DataFiles::default() }.into();
    let (read, run) = (&ReadOptions::default(), &RunConfig::default());
    let data = Task::TokenClassification.read(&ReadRequest::to_train(&files, read, run)).expect("good files");
    let report = data.report(None, run).expect("no tokens are asked for");
    assert_eq!((report.split_sizes, report.num_bad_rows), ([3394, 1009, 1287], 0));
    assert_eq!((report.format, report.delimiter), (Some(Format::Conll), Some('\t')));
    let labels = data.labels();
    assert_eq!((labels.len(), labels[0].as_str(), labels[1].as_str()), (13, "O", "B-corporation"));
    let ReportDetail::TokenClassification(detail) = &report.detail else { panic!("of this task") };
    assert_eq!(detail.num_words, 62_730 + 15_733 + 23_394);
    let types: Vec<_> = detail.types.iter().map(|of| (of.label.as_str(), of.counts)).collect();
    let expected = [
        ("corporation", [221, 34, 66]),
        ("creative-work", [140, 105, 142]),
        ("group", [264, 39, 165]),
        ("location", [548, 74, 150]),
        ("person", [660, 470, 429]),
        ("product", [142, 114, 127]),
    ];
    assert_eq!(types, expected);
}

#[test]
fn xquad_keeps_its_articles_whole() {
    let Some(train) = file("xquad_en/xquad.en.json") else { return };
    assert!(Task::QuestionAnswering.recognises(&train.0, &train.1));
    let files = DataFiles { train, ..DataFiles::default() }.into();
    let (read, run) = (&ReadOptions::default(), &RunConfig::default());
    let data = Task::QuestionAnswering.read(&ReadRequest::to_train(&files, read, run)).expect("a good file");
    let report = data.report(None, run).expect("no tokens are asked for");
    assert_eq!((report.num_usable, report.num_bad_rows, report.num_leaks), (1190, 0, 0));
    assert_eq!(report.warnings, ["2 rows have the text of an earlier row but another answer"]);
    let [train, valid, test] = report.split_sizes;
    assert!(train + valid + test == 1190 && valid.abs_diff(119) < 40 && test.abs_diff(119) < 40, "{valid}, {test}");
    let ReportDetail::QuestionAnswering(detail) = &report.detail else { panic!("of this task") };
    assert_eq!((detail.num_contexts, detail.num_no_answer, detail.num_sought), (240, 0, 0));
    assert_eq!(detail.grouping, Grouping::Article);
    let first = &detail.preview[0];
    assert_eq!((first.row, first.id.as_deref()), (1, Some("56beb4343aeaaa14008c925b")));
    assert_eq!((first.answers.as_slice(), first.answer), (&["308".to_owned()][..], Some((34, 37))));
}

#[test]
fn files_without_labels_say_what_is_missing() {
    let Some(train) = file("dolly_open_qa/chinkara-open_qa.jsonl") else { return };
    let error = try_to_build(train, None).expect_err("no labels").to_string();
    assert!(error.starts_with("only one column was found (\"text\")"), "{error}");
    let Some(train) = file("tiny_shakespeare/input.txt") else { return };
    try_to_build(train, None).expect_err("a play has no labels");
    let Some(train) = file("xquad_en/xquad.en.json") else { return };
    try_to_build(train, None).expect_err("paragraphs are nested");
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
    assert_eq!((summary.num_rows, summary.format), (rows, Some(Format::Csv)));
    assert_eq!(dataset.labels.len(), 7);
    let lines = |i: usize| format!("{{\"text\": \"row {i} {}\", \"label\": {}}}\n", "some words ".repeat(9), i % 7);
    let text: String = (0..rows).map(lines).collect();
    let (_, summary) = build(("large.jsonl".into(), text.into_bytes()), None);
    assert_eq!((summary.num_rows, summary.format), (rows, Some(Format::Jsonl)));
}
