//! Every shape of data, every bad row, and what is said of them.

use super::*;
use crate::config::{RowEdit, RowEdits, RunConfig, Split, SplitConfig};
use crate::data::DataFiles;

const NONE_HELD_BACK: SplitConfig = SplitConfig { valid_fraction: 0.0, test_fraction: 0.0 };

/// Reads a training file (and a validation file) for a model with these labels.
fn build(
    files: &[(&str, &str)],
    read: &ReadOptions,
    known_labels: &[&str],
    purpose: Purpose,
) -> Result<(Dataset, ReadSummary), DataError> {
    let file = |index: usize| files.get(index).map(|(name, text)| ((*name).to_owned(), text.as_bytes().to_vec()));
    let files =
        DataFiles { train: file(0).expect("a training file"), valid: file(1), test: file(2), ..DataFiles::default() };
    let run = RunConfig { split: NONE_HELD_BACK, ..RunConfig::default() };
    let known: Vec<String> = known_labels.iter().map(|label| (*label).to_owned()).collect();
    read_dataset(&ReadRequest {
        files: &files.clone().into(),
        read,
        run: &run,
        known_labels: &known,
        purpose,
        model: None,
    })
}

fn train(name: &str, text: &str) -> (Dataset, ReadSummary) {
    build(&[(name, text)], &ReadOptions::default(), &[], Purpose::Train).expect("good rows")
}

/// The words of each sentence with their tags, and its row.
fn tagged(dataset: &Dataset) -> Vec<(usize, String)> {
    let sentence = |of: &Sentence| {
        let words = of.words.iter().map(|&(start, end)| &of.text[start..end]);
        let pairs = words.zip(of.tag_names(&dataset.labels)).map(|(word, tag)| format!("{word}/{tag}"));
        (of.row, pairs.collect::<Vec<_>>().join(" "))
    };
    dataset.splits.iter().flatten().map(sentence).collect()
}

fn rows(expected: &[(usize, &str)]) -> Vec<(usize, String)> {
    expected.iter().map(|&(row, words)| (row, words.to_owned())).collect()
}

fn reasons(summary: &ReadSummary) -> Vec<(usize, &str)> {
    summary.bad_rows.iter().map(|bad| (bad.row, bad.reason.as_str())).collect()
}

const EU: &str = "EU/B-ORG said/O so/O";

#[test]
fn every_shape_gives_the_same_sentences() {
    let jsonl = "{\"tokens\": [\"EU\", \"said\", \"so\"], \"tags\": [\"B-ORG\", \"O\", \"O\"]}\n\
                 {\"tokens\": [\"Rome\"], \"tags\": [\"B-LOC\"]}\n";
    let spans = "{\"text\": \"EU said so\", \"spans\": [{\"start\": 0, \"end\": 2, \"label\": \"ORG\"}]}\n\
                 {\"text\": \"Rome\", \"spans\": [[0, 4, \"LOC\"]]}\n";
    for (name, text, second) in [
        ("x.conll", "EU\tB-ORG\nsaid\tO\nso\tO\n\nRome\tB-LOC\n", 5),
        ("x.txt", "-DOCSTART- -X- O\n\nEU NNP B-ORG\nsaid V O\nso A O\n\nRome NNP B-LOC\n", 7),
        ("x.jsonl", jsonl, 2),
        ("x.jsonl", spans, 2),
        ("x.csv", "sentence_id,token,tag\n1,EU,B-ORG\n1,said,O\n1,so,O\n2,Rome,B-LOC\n", 5),
        ("x.csv", "token,tag\nEU,B-ORG\nsaid,O\nso,O\n\nRome,B-LOC\n", 6),
    ] {
        let (dataset, summary) = train(name, text);
        let first = if name == "x.conll" || name == "x.jsonl" {
            1
        } else if name == "x.txt" {
            3
        } else {
            2
        };
        assert_eq!(tagged(&dataset), rows(&[(first, EU), (second, "Rome/B-LOC")]), "{text}");
        assert_eq!((dataset.scheme, summary.num_rows, summary.num_bad_rows), (Scheme::Bio, 2, 0), "{text}");
        assert_eq!(dataset.splits[0][0].is_split, text != spans);
    }
}

#[test]
fn labels_are_sorted_with_outside_first_and_completed_for_spans() {
    let (dataset, _) = train("x.conll", "a\tI-PER\nb\tO\nc\tB-LOC\nd\tI-LOC\n\ne\tB-PER\n");
    assert_eq!(dataset.labels, ["O", "B-LOC", "I-LOC", "B-PER", "I-PER"]);
    let (dataset, _) =
        train("x.jsonl", "{\"text\": \"a b\", \"spans\": [[0, 1, \"PER\"]]}\n{\"text\": \"a\", \"spans\": []}\n");
    assert_eq!(dataset.labels, ["O", "B-PER", "I-PER"]);
}

#[test]
fn spans_have_the_scheme_of_a_model_that_has_one() {
    let line = "{\"text\": \"a b c\", \"spans\": [[0, 3, \"PER\"]]}\n";
    let known = ["O", "B-PER", "I-PER", "E-PER", "S-PER"];
    let built = build(&[("x.jsonl", &line.repeat(2))], &ReadOptions::default(), &known, Purpose::Measure);
    let (dataset, _) = built.expect("good rows");
    assert_eq!(tagged(&dataset)[0], (1, "a/B-PER b/E-PER c/O".to_owned()));
}

#[test]
fn ids_of_tags_are_named_by_the_file_or_by_their_numbers() {
    let named = "{\"tokens\": [\"a\", \"b\"], \"ner_tags\": [2, 0], \"names\": [\"O\", \"B-x\", \"I-x\"]}\n".repeat(2);
    let (dataset, summary) = train("x.jsonl", &named);
    assert_eq!((tagged(&dataset)[0].1.as_str(), dataset.labels.len()), ("a/I-x b/O", 3));
    assert!(summary.warnings.iter().any(|said| said == "tags are ids: their 3 names are in the file"));
    let beside = "{\"label_names\": [\"O\", \"B-x\"], \"data\": [{\"tokens\": [\"a\", \"b\"], \"ner_tags\": [1, 0]}]}";
    assert_eq!(tagged(&train("x.json", beside).0)[0].1, "a/B-x b/O");

    let unnamed = "{\"tokens\": [\"a\", \"b\", \"c\"], \"ner_tags\": [2, 0, 0]}\n".repeat(2);
    let (dataset, summary) = train("x.jsonl", &unnamed);
    assert_eq!((tagged(&dataset)[0].1.as_str(), dataset.labels.len()), ("a/LABEL_2 b/O c/O", 3));
    assert!(summary.warnings.iter().any(|said| said.contains("0, which most words have, is taken for \"O\"")));
    let even = "{\"tokens\": [\"a\", \"b\"], \"ner_tags\": [1, 0]}\n".repeat(2);
    assert_eq!(tagged(&train("x.jsonl", &even).0)[0].1, "a/LABEL_1 b/LABEL_0");

    let known = ["O", "B-PER", "I-PER"];
    let built = build(&[("x.jsonl", &unnamed)], &ReadOptions::default(), &known, Purpose::Measure);
    assert_eq!(tagged(&built.expect("good rows").0)[0].1, "a/I-PER b/O c/O");
}

#[test]
fn rows_that_can_not_be_used_are_put_aside_with_their_reason() {
    let good = "{\"tokens\": [\"a\", \"b\"], \"tags\": [\"B-x\", \"O\"]}\n";
    let bad = "{\"tokens\": [\"a\", \"b\"], \"tags\": [\"O\"]}\n{\"tokens\": [], \"tags\": []}\n\
               {\"tokens\": [\"a\", \" \"], \"tags\": [\"O\", \"O\"]}\n{\"tokens\": [\"a\"], \"tags\": [\"\"]}\n\
               {\"tokens\": [\"a\"], \"tags\": [{}]}\n{\"tokens\": null, \"tags\": [\"O\"]}\n";
    let (dataset, summary) = train("x.jsonl", &[good, bad, good].concat());
    assert_eq!((dataset.splits[0].len(), summary.num_bad_rows, summary.num_empty), (2, 6, 4));
    let expected = [
        (2, "there are 2 tokens and 1 tag (columns \"tokens\" and \"tags\")"),
        (3, "there are no tokens (column \"tokens\")"),
        (4, "token 2 is empty (column \"tokens\")"),
        (5, "tag 1 is empty (column \"tags\")"),
        (6, "item 1 is neither a text nor a number (column \"tags\")"),
        (7, "there are no tokens (column \"tokens\")"),
    ];
    assert_eq!(reasons(&summary), expected);
}

#[test]
fn spans_that_can_not_be_used_are_put_aside_and_cut_words_are_said() {
    let text = "{\"text\": \"EU said\", \"spans\": [[0, 2, \"x\"]]}\n\
                {\"text\": \"EU said\", \"spans\": [[0, 99, \"x\"]]}\n\
                {\"text\": \"EU said\", \"spans\": [[0, 4, \"x\"], [3, 7, \"x\"]]}\n\
                {\"text\": \" \", \"spans\": []}\n\
                {\"text\": \"EU said\"}\n\
                {\"text\": \"EU said\", \"spans\": [[0, 2]]}\n\
                {\"text\": \"EU said\", \"spans\": [[3, 5, \"x\"]]}\n";
    let (dataset, summary) = train("x.jsonl", text);
    let expected = [
        (2, "span 1 (0 to 99) ends outside the text, which has 7 characters (column \"spans\")"),
        (3, "spans 1 (0 to 4) and 2 (3 to 7) overlap (column \"spans\")"),
        (4, "the text is empty (column \"text\")"),
        (5, "the spans are missing: a text without any has an empty list (column \"spans\")"),
        (6, "span 1 has no label (column \"spans\")"),
    ];
    assert_eq!(reasons(&summary), expected);
    assert_eq!(tagged(&dataset), rows(&[(1, "EU/B-x said/O"), (7, "EU/O said/B-x")]));
    let said = "1 row has spans that cut a word: they are widened to whole words: rows 7";
    assert!(summary.warnings.iter().any(|warning| warning == said), "{:?}", summary.warnings);
}

#[test]
fn of_an_annotators_rows_only_accepted_ones_are_used() {
    let line = |answer: &str, spans: &str| format!("{{\"text\": \"EU said\", {spans}\"answer\": \"{answer}\"}}\n");
    let spans = "\"spans\": [{\"start\": 0, \"end\": 2, \"label\": \"ORG\"}], ";
    let text = [line("accept", spans), line("reject", spans), line("accept", ""), line("ignore", "")].concat();
    let (dataset, summary) = train("x.jsonl", &text);
    assert_eq!(tagged(&dataset), rows(&[(1, "EU/B-ORG said/O"), (3, "EU/O said/O")]));
    let reason = "its answer is \"reject\": only accepted rows are used (column \"spans\")";
    assert_eq!(reasons(&summary)[0], (2, reason));
}

#[test]
fn a_tag_that_no_training_row_has_makes_a_bad_row_of_another_file() {
    let files = [("x.conll", "a\tB-x\nb\tO\n\nc\tO\n"), ("v.conll", "a\tB-x\n\nb\tB-y\nc\tO\n")];
    let (dataset, summary) = build(&files, &ReadOptions::default(), &[], Purpose::Train).expect("good rows");
    assert_eq!(dataset.splits[1].len(), 1);
    let reason = "validation file: the tag \"B-y\" is in none of the training rows (column \"column 2\")";
    assert_eq!(reasons(&summary), [(3, reason)]);
    let files = [
        ("x.jsonl", "{\"text\": \"a b\", \"spans\": [[0, 1, \"x\"]]}\n{\"text\": \"c\", \"spans\": []}\n"),
        ("v.jsonl", "{\"text\": \"a b\", \"spans\": [[0, 3, \"x\"]]}\n{\"text\": \"c\", \"spans\": [[0, 1, \"y\"]]}\n"),
    ];
    let (dataset, summary) = build(&files, &ReadOptions::default(), &[], Purpose::Train).expect("good rows");
    assert_eq!(tagged(&dataset).last(), Some(&(1, "a/B-x b/I-x".to_owned())));
    assert_eq!(summary.num_bad_rows, 1);
}

#[test]
fn a_column_of_tags_that_the_validation_file_lacks_is_named() {
    let train = "{\"tokens\": [\"a\", \"b\"], \"tags\": [\"B-x\", \"O\"]}\n".repeat(2);
    let valid = train.replace("tags", "labels");
    let files = [("x.jsonl", train.as_str()), ("v.jsonl", valid.as_str())];
    let error = build(&files, &ReadOptions::default(), &[], Purpose::Train).expect_err("it is missing").to_string();
    assert!(error.starts_with("validation file \"v.jsonl\": there is no column \"tags\""), "{error}");
}

#[test]
fn rows_to_measure_must_have_tags_of_the_model() {
    let text = "a\tB-x\n\nb\tB-y\nc\tO\n";
    let measure = |known: &[&str]| build(&[("x.conll", text)], &ReadOptions::default(), known, Purpose::Measure);
    let error = measure(&["O", "B-x"]).expect_err("B-y is unknown").to_string();
    let expected = "row 3, column \"column 2\": label \"B-y\" is not one of the model's (rows with such labels: 1)";
    assert!(error.starts_with(expected), "{error}");
    assert_eq!(measure(&["O", "B-x", "B-y"]).expect("all are known").0.splits[0].len(), 2);
}

#[test]
fn nothing_to_find_and_columns_of_no_tags_are_refused() {
    let fail = |name: &str, text: &str| {
        build(&[(name, text)], &ReadOptions::default(), &[], Purpose::Train).expect_err("not usable").to_string()
    };
    let error = fail("x.conll", "a\tO\nb\tO\n\nc\tO\n");
    assert_eq!(error, "all words have the tag \"O\" (3 words): there is nothing to find");
    let many: String = (0..40).map(|i| format!("w{i}\tt{i}\n\n")).collect();
    assert!(fail("x.conll", &many).contains("it looks like text or ids"));
    assert!(
        fail("x.jsonl", "{\"tokens\": [\"a\"], \"tags\": [5000]}\n{\"tokens\": [\"a\"], \"tags\": [0]}\n")
            .contains("5,001")
    );
    assert!(fail("x.csv", "text,label\ngood film,pos\nbad film,neg\n").starts_with("no column looks like tokens"));
}

#[test]
fn unusual_tags_are_said() {
    let (_, summary) = train("x.conll", "a\tB-x\nb\tI-x\n\nc\tI-x\nd\tO\n");
    let loose = "1 entity begins with I- instead of B-: it counts all the same: rows 4";
    assert!(summary.warnings.iter().any(|warning| warning == loose), "{:?}", summary.warnings);
    let (dataset, summary) = train("x.conll", "a\tDET\nb\tNOUN\n\nc\tNOUN\nd\tVERB\n");
    assert_eq!(dataset.scheme, Scheme::Plain);
    assert!(summary.warnings.iter().any(|warning| warning.starts_with("no word has the tag \"O\"")));
}

#[test]
fn rare_types_come_into_every_split() {
    let text: String = (0..100).map(|i| format!("w{i}\t{}\n\n", if i % 10 == 0 { "B-rare" } else { "O" })).collect();
    let files = &DataFiles { train: ("x.conll".into(), text.into_bytes()), ..DataFiles::default() }.into();
    let run = RunConfig::default();
    let read = ReadOptions::default();
    let request = ReadRequest::to_train(files, &read, &run);
    let (dataset, _) = read_dataset(&request).expect("good rows");
    let rare = |sentences: &Vec<Sentence>| sentences.iter().filter(|of| !dataset.entities(of).is_empty()).count();
    assert_eq!(dataset.splits.each_ref().map(Vec::len), [80, 10, 10]);
    assert_eq!(dataset.splits.each_ref().map(rare), [8, 1, 1]);
}

fn set(row: usize, column: &str, was: &str, value: &str) -> RowEdit {
    let [column, was, value] = [column, was, value].map(str::to_owned);
    RowEdit::SetCell { file: Split::Train, row, column, was, value }
}

#[test]
fn tags_that_were_corrected_are_read_and_move_no_row() {
    let sentence = |index: usize| match index % 4 {
        0 => format!("Ada{index} B-PER\nsaw O\nRome B-LOC\n\n"),
        1 => format!("in O\nParis{index} B-LOC\n\n"),
        _ => format!("so O\nit{index} O\n\n"),
    };
    let text: String = (0..40).map(sentence).collect();
    let read_with = |log: Vec<RowEdit>| {
        let files = DataFiles { train: ("x.conll".into(), text.clone().into_bytes()), ..DataFiles::default() };
        let read = ReadOptions { edits: RowEdits { log }, ..ReadOptions::default() };
        let request = ReadRequest {
            files: &files.into(),
            read: &read,
            run: &RunConfig::default(),
            known_labels: &[],
            purpose: Purpose::Train,
            model: None,
        };
        read_dataset(&request).expect("good rows")
    };
    let places =
        |dataset: &Dataset| dataset.splits.clone().map(|rows| rows.iter().map(|row| row.row).collect::<Vec<_>>());
    let (before, _) = read_with(Vec::new());
    // The first sentence has no name any more, the second another one, and the third its first.
    let log = vec![
        set(1, "column 2", r#"["B-PER","O","B-LOC"]"#, r#"["O","O","O"]"#),
        set(5, "column 2", r#"["O","B-LOC"]"#, r#"["O","B-PER"]"#),
        set(8, "column 2", r#"["O","O"]"#, r#"["B-PER","I-PER"]"#),
    ];
    let (after, summary) = read_with(log);
    assert_eq!(places(&after), places(&before));
    let all = tagged(&after);
    let words = |row: usize| all.iter().find(|(number, _)| *number == row).map(|(_, words)| words.as_str());
    assert_eq!([words(1), words(5)], [Some("Ada0/O saw/O Rome/O"), Some("in/O Paris1/B-PER")]);
    assert_eq!([words(8), words(11)], [Some("so/B-PER it2/I-PER"), Some("so/O it3/O")]);
    assert!(after.labels.contains(&"I-PER".to_owned()), "a tag that nobody had");
    assert_eq!(summary.notes, ["by edits: 3 rows read otherwise"]);
}

#[test]
fn tags_that_are_written_small_are_read_as_others_and_it_is_said() {
    let text = "Ada b-per\nHolm i-per\nin o\n\nRome b-loc\nis o\n\n";
    let files = [("x.conll", text), ("valid.conll", "Rome b-loc\nis o\n\nso o\n")];
    let (dataset, summary) = build(&files, &ReadOptions::default(), &[], Purpose::Train).expect("good rows");
    assert_eq!(dataset.labels, ["O", "B-loc", "B-per", "I-per"]);
    assert_eq!(tagged(&dataset)[2], (1, "Rome/B-loc is/O".to_owned()), "as in the training file");
    let said = |summary: &ReadSummary| summary.warnings.iter().any(|warning| warning.contains("written small"));
    assert!(said(&summary) && dataset.layout.are_small);
    // A model that learned them as they stand is asked for them.
    let known = ["o", "b-per", "i-per", "b-loc"];
    let (dataset, summary) =
        build(&[("x.conll", text)], &ReadOptions::default(), &known, Purpose::Measure).expect("good rows");
    assert_eq!(tagged(&dataset)[0].1, "Ada/b-per Holm/i-per in/o");
    assert!(!said(&summary));
}

#[test]
fn words_may_be_white_space_that_is_kept() {
    let (dataset, summary) = train("x.conll", "10\u{a0}000 O\n\u{a0} O\nRome B-LOC\n\nso O\n");
    assert_eq!(tagged(&dataset)[0].1, "10\u{a0}000/O \u{a0}/O Rome/B-LOC");
    assert!(reasons(&summary).is_empty(), "{summary:?}");
}

#[test]
fn tags_before_their_words_are_read_as_those_behind() {
    let (dataset, _) = train("x.bio", "B-PER\tada\nO\tlives\n\nO\tin\nB-LOC\toslo\n");
    assert_eq!(tagged(&dataset), rows(&[(1, "ada/B-PER lives/O"), (4, "in/O oslo/B-LOC")]));
}

#[test]
fn it_is_known_how_tags_stand_in_their_cells() {
    let layout = |name: &str, text: &str| train(name, text).0.layout;
    let ids = "{\"tokens\": [\"EU\", \"so\"], \"tags\": [1, 0], \"names\": [\"O\", \"B-ORG\"]}\n";
    let of_ids = layout("x.jsonl", &ids.repeat(2));
    assert_eq!((of_ids.names_of_ids, of_ids.has_spans), (vec!["O".to_owned(), "B-ORG".to_owned()], false));
    let spans = "{\"text\": \"so\", \"spans\": []}\n{\"text\": \"EU so\", \"spans\": [{\"start\":0,\"end\":2,\"label\":\"ORG\"}]}\n";
    let of_spans = layout("x.jsonl", spans);
    assert_eq!(of_spans.example.as_deref(), Some("{\"start\":0,\"end\":2,\"label\":\"ORG\"}"));
    assert!(of_spans.has_spans && of_spans.names_of_ids.is_empty());
    assert_eq!(layout("x.conll", "EU B-ORG\nsaid O\n\nso O\n"), TagLayout::default());
}
