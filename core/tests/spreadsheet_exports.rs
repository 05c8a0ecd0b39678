//! Files as spreadsheets export them: in other encodings than UTF-8, with titles above the header, and with labels that
//! people typed.

use hone_core::config::{Encoding, ReadOptions, RunConfig, SplitConfig};
use hone_core::data::{AdviceKind, DataError, DataFiles, ReadSummary};
use hone_core::task::ReadRequest;
use hone_core::task::causal_lm;
use hone_core::task::sequence_classification::{Dataset, read_dataset};

const SPLIT: SplitConfig = SplitConfig { valid_fraction: 0.1, test_fraction: 0.1 };

/// Characters up to U+00FF are their own bytes in Latin-1.
fn latin_1(text: &str) -> Vec<u8> {
    text.chars().map(|character| u8::try_from(character).expect("a character of Latin-1")).collect()
}

fn utf_16(text: &str) -> Vec<u8> {
    text.encode_utf16().flat_map(u16::to_le_bytes).collect()
}

fn build(bytes: Vec<u8>, read: &ReadOptions) -> Result<(Dataset, ReadSummary), DataError> {
    build_of(&DataFiles { train: ("export.csv".into(), bytes), ..DataFiles::default() }, read)
}

fn build_of(files: &DataFiles, read: &ReadOptions) -> Result<(Dataset, ReadSummary), DataError> {
    let run = RunConfig { split: SPLIT, seed: 42, ..RunConfig::default() };
    read_dataset(&ReadRequest::to_train(&files.clone().into(), read, &run))
}

/// Sixty rows below a title, a note and an empty row.
fn export() -> String {
    let rows: String = (0..60)
        .map(|i| {
            let (complaint, team) = [("l'écran reste éteint", "matériel"), ("accès refusé à l'écran", "accès")][i % 2];
            format!("{i};{complaint} depuis le {i} août;{team};é{i}\n")
        })
        .collect();
    format!("Réclamations;;;\nétat au;31.08.2025;;\n;;;\nN°;Réclamation;Équipe;Notes\n{rows}")
}

#[test]
fn an_export_is_read_in_any_encoding_with_its_header_below_titles() {
    let (expected, summary) = build(export().into_bytes(), &ReadOptions::default()).expect("UTF-8");
    assert_eq!((summary.reading.encoding, summary.reading.is_encoding_guessed), (Encoding::Utf8, false));
    assert!(summary.warnings.iter().all(|warning| !warning.contains("a guess")), "{:?}", summary.warnings);
    for (bytes, encoding) in [
        (latin_1(&export()), Encoding::Windows1252),
        (utf_16(&export()), Encoding::Utf16Le),
        (utf_16(&format!("\u{feff}{}", export())), Encoding::Utf16Le),
    ] {
        let (dataset, summary) = build(bytes, &ReadOptions::default()).expect("another encoding");
        assert_eq!(dataset, expected);
        assert_eq!(dataset.labels, ["accès", "matériel"]);
        assert_eq!(summary.reading.encoding, encoding);
        let says_guess = summary.warnings.iter().any(|warning| warning.contains("a guess"));
        assert_eq!(says_guess, summary.reading.is_encoding_guessed, "{:?}", summary.warnings);
        assert_eq!(summary.reading.header_row, Some(4));
        assert_eq!(summary.columns, ["N°", "Réclamation", "Équipe", "Notes"]);
        assert_eq!((summary.column_of("text"), summary.column_of("label")), ("Réclamation", "Équipe"));
        assert_eq!(summary.reading.table.columns, summary.columns);
        assert_eq!(summary.reading.table.rows[0], ["0", "l'écran reste éteint depuis le 0 août", "matériel", "é0"]);
        assert_eq!((summary.reading.table.rows.len(), dataset.splits[0][0].row >= 5), (5, true));
    }
}

#[test]
fn an_encoding_that_does_not_fit_is_an_error() {
    let read = ReadOptions { encoding: Some(Encoding::Utf8), ..ReadOptions::default() };
    let error = build(latin_1(&export()), &read).expect_err("it is Latin-1").to_string();
    assert!(error.contains("not utf-8") && error.contains("choose another encoding"), "{error}");
}

#[test]
fn own_files_have_their_header_where_it_is() {
    let rows: String = (0..20).map(|i| format!("a {i},b {i},{}\n", ["x", "y"][i % 2])).collect();
    let read = ReadOptions {
        header_row: Some(3),
        text_column: Some("foo".into()),
        label_column: Some("qux".into()),
        ..ReadOptions::default()
    };
    for own in ["foo,bar,qux\nc,d,x\n", "1,2,3\n4,5,6\nfoo,bar,qux\nc,d,x\n"] {
        let files = DataFiles {
            train: ("t.csv".into(), format!("one,two,three\n4,5,6\nfoo,bar,qux\n{rows}").into_bytes()),
            valid: Some(("v.csv".into(), own.as_bytes().to_vec())),
            ..DataFiles::default()
        };
        let (dataset, summary) = build_of(&files, &read).expect("the columns are there");
        let [train, valid, test] = &dataset.splits;
        assert_eq!((summary.reading.header_row, train.len() + test.len()), (Some(3), 20));
        assert_eq!((valid.len(), valid[0].input.text.as_str()), (1, "c"));
    }
}

#[test]
fn labels_that_are_probably_one_are_said_and_merged_where_asked() {
    let mut text = String::from("text,label\n");
    for i in 0..40 {
        text += &format!("please pay number {i},{}\n", [" Billing", "Billing ", "Access"][i % 3]);
    }
    text += "no money,biling\nno more money,billing\n";
    let (dataset, summary) = build(text.clone().into_bytes(), &ReadOptions::default()).expect("good rows");
    assert_eq!(dataset.labels, ["Access", "Billing", "biling", "billing"]);
    let AdviceKind::SimilarLabels { labels } = &summary.advice[0].kind else { panic!("{:?}", summary.advice) };
    assert_eq!(labels, &["Billing", "billing", "biling"]);
    let merge_labels = labels[1..].iter().map(|other| (other.clone(), labels[0].clone())).collect();
    let read = ReadOptions { merge_labels, ..ReadOptions::default() };
    let (dataset, summary) = build(text.into_bytes(), &read).expect("good rows");
    assert_eq!(dataset.labels, ["Access", "Billing"]);
    assert!(summary.advice.is_empty(), "{:?}", summary.advice);
    let note = "the label \"biling\" of 1 row is read as \"Billing\"";
    assert!(summary.warnings.iter().any(|warning| warning == note), "{:?}", summary.warnings);
}

fn build_texts(name: &str, bytes: Vec<u8>, read: &ReadOptions) -> (causal_lm::Dataset, ReadSummary) {
    let files = DataFiles { train: (name.into(), bytes), ..DataFiles::default() };
    let (dataset, summary) = causal_lm::build_dataset(&files, read, None, &SPLIT, 42).expect("texts");
    (dataset, summary.read)
}

#[test]
fn texts_are_read_in_any_encoding_too() {
    let plain = "Ein Bär läuft über die grüne Straße.\r\nEr hört ein Geräusch.\r\n";
    let (dataset, summary) = build_texts("baer.txt", latin_1(plain), &ReadOptions::default());
    assert!(dataset.train[0].text().contains("Ein Bär läuft"));
    assert_eq!((summary.reading.encoding, summary.reading.is_encoding_guessed), (Encoding::Windows1252, true));
    assert!(summary.warnings.iter().any(|warning| warning.contains("windows-1252, a guess")), "{:?}", summary.warnings);

    let rows: String = (0..20).map(|i| format!("Wie heißt Bär {i}?,Er heißt Jörg {i}.\n")).collect();
    let table = format!("Export,\n,\nprompt,completion\n{rows}");
    let (dataset, summary) = build_texts("x.csv", latin_1(&table), &ReadOptions::default());
    assert_eq!((dataset.train.len() + dataset.valid.len() + dataset.test.len(), summary.num_bad_rows), (20, 0));
    assert_eq!((summary.reading.header_row, summary.reading.table.rows.len()), (Some(3), 5));
    let read = ReadOptions { header_row: Some(3), encoding: Some(Encoding::Windows1252), ..ReadOptions::default() };
    let (same, summary) = build_texts("x.csv", latin_1(&table), &read);
    assert_eq!((same, summary.reading.is_encoding_guessed), (dataset, false));
}
