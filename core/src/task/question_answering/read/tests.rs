//! Tests of reading questions from files.

use super::*;
use crate::config::{ReadOptions, RowEdit, RowEdits, RunConfig, Split, SplitConfig};
use crate::data::DataFiles;

const NONE_HELD_BACK: SplitConfig = SplitConfig { valid_fraction: 0.0, test_fraction: 0.0 };

fn file(name: &str, text: &str) -> (String, Vec<u8>) {
    (name.to_owned(), text.as_bytes().to_vec())
}

fn read_files(files: &DataFiles, split: SplitConfig) -> Result<(Questions, ReadSummary), DataError> {
    let (read, run) = (ReadOptions::default(), RunConfig { split, seed: 1, ..RunConfig::default() });
    let purpose = Purpose::Train;
    read_questions(&ReadRequest {
        files: &files.clone().into(),
        read: &read,
        run: &run,
        known_labels: &[],
        purpose,
        model: None,
    })
}

fn read_as(name: &str, text: &str, split: SplitConfig) -> Result<(Questions, ReadSummary), DataError> {
    read_files(&DataFiles { train: file(name, text), ..DataFiles::default() }, split)
}

fn read(name: &str, text: &str) -> (Questions, ReadSummary) {
    read_as(name, text, NONE_HELD_BACK).expect("good rows")
}

/// Texts of the answers that are learned.
fn learned(questions: &Questions) -> Vec<Option<String>> {
    let text = |question: &Question| {
        question.span.map(|(start, end)| questions.contexts[question.context][start..end].to_owned())
    };
    questions.splits.iter().flatten().map(text).collect()
}

fn squad(num_articles: usize, is_titled: bool) -> String {
    let article = |article: usize| {
        let paragraph = |place: usize| {
            format!(
                r#"{{"context": "In {article} and {place} it was Ann.", "qas": [
                {{"id": "q{article}-{place}", "question": "Who was it?", "answers": [{{"text": "Ann", "answer_start": 19}}]}},
                {{"id": "n{article}-{place}", "question": "Why?", "answers": [], "is_impossible": true}}]}}"#
            )
        };
        let title = if is_titled { format!(r#""title": "T{article}", "#) } else { String::new() };
        format!(r#"{{{title}"paragraphs": [{}, {}]}}"#, paragraph(0), paragraph(1))
    };
    let articles: Vec<String> = (10..10 + num_articles).map(article).collect();
    format!(r#"{{"version": "v2.0", "data": [{}]}}"#, articles.join(", "))
}

#[test]
fn squads_json_is_read_with_ids_and_row_numbers() {
    let (questions, summary) = read("dev.json", &squad(2, true));
    assert_eq!((questions.contexts.len(), questions.is_nested, questions.num_sought), (4, true, 0));
    let first = &questions.splits[0][0];
    assert_eq!((first.row, first.id.as_deref(), first.text.as_str()), (1, Some("q10-0"), "Who was it?"));
    assert_eq!((first.answers.as_slice(), first.span), (&["Ann".to_owned()][..], Some((19, 22))));
    let second = &questions.splits[0][1];
    assert_eq!((second.row, second.context, second.answers.len(), second.span), (2, 0, 0, None));
    let roles: Vec<&str> = summary.used_columns.iter().map(|(_, role)| role.as_str()).collect();
    assert_eq!(roles, ["question", "context", "answers", "no answer", "title", "id"]);
    assert_eq!(summary.warnings, [NO_VALIDATION_ROWS]);
}

#[test]
fn articles_stay_whole_when_rows_are_split_off() {
    for (text, grouping) in [
        (squad(20, true), Grouping::Article),
        (squad(20, false), Grouping::Article),
        (squad(3, true), Grouping::Context),
    ] {
        let (questions, _) = read_as("x.json", &text, SplitConfig::default()).expect("good rows");
        assert_eq!(questions.grouping, grouping);
        let parts = questions.splits.each_ref().map(|rows| {
            let part = |row: &Question| match grouping {
                Grouping::Article => questions.contexts[row.context][3..5].to_owned(),
                _ => row.context.to_string(),
            };
            rows.iter().map(part).collect::<std::collections::HashSet<_>>()
        });
        assert!(parts.iter().all(|part| !part.is_empty()), "{parts:?}");
        assert!(parts[0].is_disjoint(&parts[1]) && parts[0].is_disjoint(&parts[2]) && parts[1].is_disjoint(&parts[2]));
    }
    let quarters = SplitConfig { valid_fraction: 0.25, test_fraction: 0.25 };
    let (questions, summary) = read_as("x.json", &squad(1, true), quarters).expect("good rows");
    assert_eq!(questions.grouping, Grouping::Question);
    assert!(summary.warnings[0].starts_with("the questions are about 2 texts: "), "{:?}", summary.warnings);
    assert_eq!(read("x.json", &squad(20, true)).0.grouping, Grouping::NotSplit);
}

#[test]
fn rows_of_the_hub_and_flat_tables_are_read() {
    let hub = r#"{"id": "a", "title": "T", "context": "Zoë saw Ann.", "question": " Whom?", "answers": {"text": ["Ann", "Zoë"], "answer_start": [8, 0]}}"#;
    let none = r#"{"id": "b", "title": "T", "context": "Zoë saw Ann.", "question": "When?", "answers": {"text": [], "answer_start": []}}"#;
    let (questions, summary) = read("x.jsonl", &[hub, "\n", none, "\n"].concat());
    assert_eq!(learned(&questions), [Some("Ann".to_owned()), None]);
    assert_eq!(questions.splits[0][0].answers, ["Ann", "Zoë"]);
    assert_eq!(
        (questions.splits[0][0].text.as_str(), questions.contexts.len(), questions.is_nested),
        ("Whom?", 1, false)
    );
    assert_eq!(summary.column_of("answers"), "answers");

    let flat = "question,context,answer,answer_start,is_impossible\nWhom?,Ann saw Ann.,Ann,8,\nWhen?,Ann saw.,,,true\n";
    let (questions, _) = read("x.csv", flat);
    assert_eq!(learned(&questions), [Some("Ann".to_owned()), None]);
    assert_eq!(questions.splits[0][0].span, Some((8, 11)));

    let python = "id,context,question,answers\n1,Ann saw it.,Who?,\"{'text': array(['Ann'], dtype=object), 'answer_start': array([0], dtype=int32)}\"\n";
    assert_eq!(learned(&read("x.csv", python).0), [Some("Ann".to_owned())]);
}

#[test]
fn answers_without_a_start_are_found_and_what_is_odd_is_said() {
    let text = "question,context,answer,answer_start,is_impossible\n\
                Whom?,Ann saw Ann.,Ann,,\n\
                Who?,Bob saw Ann.,Ann,0,\n\
                Who?,Eve saw it.,Eve,0,yes\n";
    let (questions, summary) = read("x.csv", text);
    assert_eq!(learned(&questions), [Some("Ann".to_owned()), Some("Ann".to_owned()), None]);
    assert_eq!(questions.splits[0][1].span, Some((8, 11)));
    assert_eq!(questions.num_sought, 1);
    let said: Vec<&str> = summary.warnings.iter().map(String::as_str).collect();
    let expected = [
        "1 row (2): the answer stands several times in the context, and no start is given: the first is learned",
        "1 row (3): the answer does not stand where its start says: the nearest place is learned",
        "1 row (4): there is an answer, and the row is marked as one without: it is taken as one without",
        NO_VALIDATION_ROWS,
    ];
    assert_eq!(said, expected);
    let later = r#"{"question": "Who?", "context": "Ann was.", "answers": ["Anne", "Ann"]}"#;
    let (questions, summary) = read("x.jsonl", &[later, "\n", later].concat());
    assert_eq!(learned(&questions)[0].as_deref(), Some("Ann"));
    assert!(summary.warnings.iter().any(|said| said.starts_with("2 rows (1, 2): the first answer does not stand")));
}

#[test]
fn rows_that_can_not_be_used_say_why() {
    let text = "id,question,context,answer\na,Who?,Ann was.,Ann\nb,Who?,Ann was.,Bob\nc,,Ann was.,Ann\nd,Who?,,Ann\ne,Who?,Ann was.,\n";
    let (_, summary) = read("x.csv", text);
    assert_eq!((summary.num_rows, summary.num_bad_rows, summary.num_empty), (5, 4, 3));
    let reasons: Vec<(usize, &str)> = summary.bad_rows.iter().map(|bad| (bad.row, bad.reason.as_str())).collect();
    let expected = [
        (3, "the answer \"Bob\" does not stand in the context (columns \"answer\" and \"context\"), question \"b\""),
        (4, "the question is empty (column \"question\"), question \"c\""),
        (5, "the context is empty (column \"context\"), question \"d\""),
        (
            6,
            "the answer is empty (column \"answer\"): where the context holds none, write [], or true in a column \
             is_impossible, question \"e\"",
        ),
    ];
    assert_eq!(reasons, expected);
    let wrong = r#"{"question": "Who?", "context": "Ann was.", "answers": {"text": ["Ann"], "answer_start": []}}"#;
    let nested = r#"{"question": "Who?", "context": ["Ann was."], "answers": []}"#;
    let good = r#"{"question": "Who?", "context": "Ann was.", "answers": []}"#;
    let (_, summary) = read("x.jsonl", &[wrong, "\n", nested, "\n", good].concat());
    let reasons: Vec<&str> = summary.bad_rows.iter().map(|bad| bad.reason.as_str()).collect();
    let expected = [
        "the cell of answers has 1 answer and 0 starts (column \"answers\")",
        "the context holds an object or array (column \"context\")",
    ];
    assert_eq!(reasons, expected);
}

#[test]
fn own_files_are_read_alike_and_named() {
    let train = "question,context,answer\nWho?,Ann was.,Ann\nWho?,Bob was.,Bob\n";
    let valid = "question,context,answer\nWho?,Eve and Eve.,Eve\nWho?,Ann was.,Ann\nWho?,Ann was.,nobody\n";
    let files = DataFiles { train: file("t.csv", train), valid: Some(file("v.csv", valid)), ..DataFiles::default() };
    let (questions, summary) = read_files(&files, SplitConfig::default()).expect("good rows");
    assert_eq!(questions.splits.each_ref().map(Vec::len), [2, 2, 0]);
    assert_eq!((questions.grouping, summary.num_leaks), (Grouping::NotSplit, 1));
    assert!(summary.bad_rows[0].reason.starts_with("validation file: the answer \"nobody\""));
    assert!(summary.warnings.iter().any(|said| said.starts_with("1 row (validation 2): the answer stands several")));
}

#[test]
fn a_column_of_answers_that_the_test_file_lacks_is_named() {
    let train = "{\"question\": \"Who?\", \"context\": \"Ann was.\", \"answer\": \"Ann\"}\n".repeat(2);
    let test = Some(file("t.jsonl", &train.replace("answer", "reply")));
    let files = DataFiles { train: file("x.jsonl", &train), test, ..DataFiles::default() };
    let error = read_files(&files, SplitConfig::default()).expect_err("it is missing").to_string();
    assert!(error.starts_with("test file \"t.jsonl\": there is no column \"answer\""), "{error}");
}

#[test]
fn the_same_question_with_another_answer_is_a_conflict() {
    let text =
        "question,context,answer\nWho?,Ann or Bob.,Ann\nWho?,Ann or Bob.,Bob\nWho?,Ann or Bob.,Ann\nWho?,Bob.,Bob\n";
    let (questions, summary) = read("x.csv", text);
    assert_eq!((questions.num_conflicts, summary.num_duplicates), (1, 1));
}

#[test]
fn an_answer_that_was_corrected_is_learned_where_it_begins() {
    let flat = "question,context,answer,answer_start\nWhom?,Ann saw Ann.,Ann,8\nWho?,Bob left.,Bob,0\n";
    let set = |column: &str, was: &str, value: &str| {
        let [column, was, value] = [column, was, value].map(str::to_owned);
        RowEdit::SetCell { file: Split::Train, row: 2, column, was, value }
    };
    let log = vec![set("answer", "Ann", "saw"), set("answer_start", "8", "4")];
    let (read, run) = (
        ReadOptions { edits: RowEdits { log }, ..ReadOptions::default() },
        RunConfig { split: NONE_HELD_BACK, ..RunConfig::default() },
    );
    let files = DataFiles { train: file("x.csv", flat), ..DataFiles::default() }.into();
    let (questions, summary) = read_questions(&ReadRequest::to_train(&files, &read, &run)).expect("good rows");
    assert_eq!(learned(&questions), [Some("saw".to_owned()), Some("Bob".to_owned())]);
    assert_eq!(questions.splits[0][0].span, Some((4, 7)));
    assert_eq!(summary.notes, ["by edits: 1 row read otherwise"]);
    assert_eq!(summary.warnings, [NO_VALIDATION_ROWS]);
}
