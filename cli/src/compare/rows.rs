//! Rows with what they are and what a model made of them, as `hone eval --predictions` and `--save-texts` write them, a line of JSON each.
//!
//! In: what an evaluation predicted, or a file of such lines. Out: the lines, or the rows; and the rows as core compares them, with how
//! ([`scheme`]).

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use anyhow::bail;
use hone_core::metrics::{SquadQuestion, evaluate_answers};
use hone_core::task::token_classification::Span;
use hone_core::task::{ComparedRow, RowPredictions, RowScheme, causal_lm};
use hone_core::words::plural;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use crate::json_lines::{Field, fault_in, read_lines};

/// The file in a folder that was named.
pub(super) const FILE_NAME: &str = "predictions.jsonl";

/// A row and what was made of it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct PredictedRow {
    pub(super) row: usize,
    #[serde(flatten)]
    pub(super) made: Made,
}

/// What a row is and what was made of it. Fields tell which task it is.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
pub(super) enum Made {
    /// One label, or a list of them.
    Label {
        #[serde(alias = "labels")]
        label: Value,
        predicted: Value,
        /// Of the predicted label, of the logits as they are.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        probability: Option<f32>,
        /// Of each label, where a row has one.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        probabilities: Option<BTreeMap<String, f32>>,
    },
    /// Answers that count as right, and the one that was given; empty for "no answer".
    Answer { answers: Vec<String>, predicted: String },
    /// Names and terms in a text.
    Spans { spans: Vec<Span>, predicted: Vec<Span> },
    /// Numbers, in the order of the outputs.
    Numbers { numbers: Vec<f64>, predicted: Vec<f32> },
    /// How well the tokens of a text were predicted.
    Tokens { loss_sum: f64, num_correct: u64, num_tokens: u64 },
    /// A text that was written after a prompt.
    Text { prompt: String, expected: String, generated: String },
}

/// The number of a row, which each line has.
const ROW: Field = Field::of::<usize>("row", "the number of a row");

/// The fields of each kind of [`Made`].
const FORMS: [&[Field]; 6] = [
    &[
        Field::of::<Value>("label", "a label"),
        Field::of::<Value>("predicted", "a label"),
        Field::optional::<Option<f32>>("probability", "a number"),
        Field::optional::<Option<BTreeMap<String, f32>>>("probabilities", "a number for each label"),
    ],
    &[Field::of::<Vec<String>>("answers", "a list of texts"), Field::of::<String>("predicted", "a text")],
    &[
        Field::of::<Vec<Span>>("spans", "a list of spans with start, end and label"),
        Field::of::<Vec<Span>>("predicted", "a list of spans with start, end and label"),
    ],
    &[Field::of::<Vec<f64>>("numbers", "a list of numbers"), Field::of::<Vec<f32>>("predicted", "a list of numbers")],
    &[
        Field::of::<f64>("loss_sum", "a number"),
        Field::of::<u64>("num_correct", "a whole number"),
        Field::of::<u64>("num_tokens", "a whole number"),
    ],
    &[
        Field::of::<String>("prompt", "a text"),
        Field::of::<String>("expected", "a text"),
        Field::of::<String>("generated", "a text"),
    ],
];

/// What writes such lines.
const WRITERS: &str = "hone eval --predictions FILE writes such lines, and hone eval --generate N --save-texts FILE those of written texts";

/// What is wrong with the fields of a line that is no row: which one is missing, or is something else.
fn fault_of(mut fields: Map<String, Value>) -> String {
    if let Some(labels) = fields.remove("labels") {
        fields.entry("label").or_insert(labels);
    }
    // Several kinds have what was predicted: it tells none of them.
    let is_known = |field: &Field| field.name != "predicted" && fields.contains_key(field.name);
    let num_known = |form: &[Field]| form.iter().filter(|field| is_known(field)).count();
    // Of equals the first, as it is where lines are read.
    let form = FORMS.into_iter().rev().max_by_key(|form| num_known(form)).filter(|form| num_known(form) > 0);
    let Some(form) = form else {
        let names = FORMS.map(|form| format!("{:?}", form[0].name)).join(", ");
        return format!("it has none of the fields {names}");
    };
    fault_in(&fields, [ROW].iter().chain(form))
}

impl PredictedRow {
    /// The same with the labels that a row has in alphabetical order, by which rows of two files are held against each other: each model
    /// lists them in its own. What was predicted stays as it is; [`ComparedRow::of_labels`] sorts it.
    pub(super) fn in_order(mut self) -> Self {
        if let Made::Label { label: Value::Array(labels), .. } = &mut self.made {
            labels.sort_by_key(ToString::to_string);
            labels.dedup();
        }
        self
    }

    /// What is wrong with numbers: there are not as many predicted as there are, or one is larger than a model gives.
    fn flaw(&self) -> Option<String> {
        let Made::Numbers { numbers, predicted } = &self.made else { return None };
        if numbers.len() != predicted.len() {
            let (found, expected) = (predicted.len(), numbers.len());
            return Some(format!("\"predicted\" has {} and \"numbers\" {expected}", plural(found, "number")));
        }
        let mut all = numbers.iter().map(|&number| number as f32).chain(predicted.iter().copied());
        let are_finite = all.all(f32::is_finite);
        (!are_finite).then(|| "a number in it is larger than a model gives".to_owned())
    }

    /// What the row is, whatever was predicted: the name of it, and its value.
    pub(super) fn truth(&self) -> (&'static str, Value) {
        let bounds = |span: &Span| json!([span.start, span.end, span.label]);
        match &self.made {
            Made::Label { label, .. } => ("label", label.clone()),
            Made::Answer { answers, .. } => ("answers", json!(answers)),
            Made::Spans { spans, .. } => ("spans", spans.iter().map(bounds).collect()),
            Made::Numbers { numbers, .. } => ("numbers", json!(numbers)),
            Made::Tokens { num_tokens, .. } => ("number of tokens", json!(num_tokens)),
            Made::Text { prompt, expected, .. } => ("prompt and text", json!([prompt, expected])),
        }
    }

    /// The row as core compares it. Of its text there is no more in the file than a prompt.
    pub(super) fn compared(&self) -> ComparedRow {
        let (number, text) = (self.row, String::new());
        match &self.made {
            Made::Label { label, predicted, .. } if self.has_list() => {
                ComparedRow::of_labels(number, text, names_of(label), names_of(predicted))
            }
            Made::Label { label, predicted, .. } => {
                ComparedRow::of_class(number, text, name_of(label), name_of(predicted))
            }
            Made::Answer { answers, predicted } => {
                ComparedRow::of_answer(number, text, answers, predicted, score(answers, predicted))
            }
            Made::Spans { spans, predicted } => ComparedRow::of_spans(number, text, spans, predicted),
            Made::Numbers { numbers, predicted } => ComparedRow::of_numbers(number, text, numbers, predicted),
            &Made::Tokens { loss_sum, num_correct, num_tokens } => {
                ComparedRow::of_tokens(&causal_lm::RowPrediction { row: number, loss_sum, num_correct, num_tokens })
            }
            Made::Text { prompt, expected, generated } => {
                ComparedRow::of_text(number, prompt.clone(), expected.clone(), generated.clone())
            }
        }
    }

    /// Whether a list of labels stands in it.
    fn has_list(&self) -> bool {
        matches!(&self.made, Made::Label { label, predicted, .. } if label.is_array() || predicted.is_array())
    }
}

/// A label as it is written.
fn name_of(label: &Value) -> String {
    label.as_str().map_or_else(|| label.to_string(), str::to_owned)
}

fn names_of(labels: &Value) -> Vec<String> {
    labels.as_array().map_or_else(|| vec![name_of(labels)], |labels| labels.iter().map(name_of).collect())
}

/// Whether an answer is one of those that count, and the F1 of its words, up to 1. An empty one was withheld, and is right where none
/// counts, and only there: so the figures of `hone eval` have it, and the official script of SQuAD.
fn score(answers: &[String], predicted: &str) -> (bool, f64) {
    if predicted.is_empty() {
        return if answers.is_empty() { (true, 1.0) } else { (false, 0.0) };
    }
    let question = SquadQuestion { answers: answers.to_vec(), prediction: predicted.to_owned() };
    let found = evaluate_answers(&[question], None, 0.0).all;
    (found.exact_match > 0.0, found.f1 / 100.0)
}

/// How the rows of two files of one task are compared; `None` without rows.
pub(super) fn scheme(first: &[PredictedRow], second: &[PredictedRow]) -> Option<RowScheme> {
    Some(match &first.first()?.made {
        Made::Label { .. } if first.iter().chain(second).any(PredictedRow::has_list) => RowScheme::LABELS,
        Made::Label { .. } => RowScheme::CLASSES,
        Made::Answer { .. } => RowScheme::ANSWERS,
        Made::Spans { .. } => RowScheme::SPANS,
        Made::Numbers { .. } => RowScheme::NUMBERS,
        Made::Tokens { .. } => RowScheme::TOKENS,
        Made::Text { .. } => RowScheme::TEXTS,
    })
}

/// What was predicted for each row, a line each; nothing for vectors, of which no row is right or wrong.
pub(crate) fn prediction_lines(rows: &RowPredictions, labels: &[String]) -> String {
    let title = |id: usize| labels.get(id).cloned().unwrap_or_else(|| id.to_string());
    let name = |id: usize| json!(title(id));
    let names = |ids: &[usize]| Value::Array(ids.iter().map(|&id| name(id)).collect());
    let row_of = |row: usize, made: Made| PredictedRow { row, made };
    let of_one = |label: usize, predicted: usize, probabilities: &[f32]| Made::Label {
        label: name(label),
        predicted: name(predicted),
        probability: probabilities.get(predicted).copied(),
        probabilities: Some(probabilities.iter().enumerate().map(|(id, &share)| (title(id), share)).collect()),
    };
    let of_several = |labels: &[usize], predicted: &[usize]| Made::Label {
        label: names(labels),
        predicted: names(predicted),
        probability: None,
        probabilities: None,
    };
    let rows: Vec<PredictedRow> = match rows {
        RowPredictions::SequenceClassification(rows) => {
            rows.iter().map(|row| row_of(row.row, of_one(row.label, row.predicted, &row.probabilities))).collect()
        }
        RowPredictions::ImageClassification(rows) => {
            rows.iter().map(|row| row_of(row.row, of_one(row.label, row.predicted, &row.probabilities))).collect()
        }
        RowPredictions::MultiLabel(rows) => {
            rows.iter().map(|row| row_of(row.row, of_several(&row.labels, &row.predicted))).collect()
        }
        RowPredictions::QuestionAnswering(rows) => rows
            .iter()
            .map(|row| row_of(row.row, Made::Answer { answers: row.answers.clone(), predicted: row.predicted.clone() }))
            .collect(),
        RowPredictions::TokenClassification(rows) => rows
            .iter()
            .map(|row| row_of(row.row, Made::Spans { spans: row.gold.clone(), predicted: row.predicted.clone() }))
            .collect(),
        RowPredictions::Regression(rows) => rows
            .iter()
            .map(|row| {
                row_of(row.row, Made::Numbers { numbers: row.numbers.clone(), predicted: row.predicted.clone() })
            })
            .collect(),
        RowPredictions::CausalLm(rows) | RowPredictions::Seq2seqLm(rows) | RowPredictions::MaskedLm(rows) => rows
            .iter()
            .map(|&causal_lm::RowPrediction { row, loss_sum, num_correct, num_tokens }| {
                row_of(row, Made::Tokens { loss_sum, num_correct, num_tokens })
            })
            .collect(),
        RowPredictions::SentenceEmbedding(_) | RowPredictions::Several(_) => Vec::new(),
    };
    let mut lines = String::new();
    for row in &rows {
        let line = serde_json::to_string(row).expect("plain values");
        writeln!(lines, "{line}").expect("writing to a string does not fail");
    }
    lines
}

/// The rows of a file, or of the one in a folder.
///
/// # Errors
/// When it can't be read, has no rows, or holds something else.
pub(super) fn read(path: &Path) -> anyhow::Result<Vec<PredictedRow>> {
    let file: PathBuf = if path.is_dir() { path.join(FILE_NAME) } else { path.to_owned() };
    if path.is_dir() && !file.is_file() {
        bail!(
            "there is no {FILE_NAME} in it: hone eval --predictions {} writes one: {}",
            file.display(),
            path.display()
        );
    }
    let rows = read_lines::<PredictedRow>(&file, "predictions", WRITERS, fault_of)?;
    for (number, row) in &rows {
        if let Some(fault) = row.flaw() {
            bail!("line {number} can't be used, {fault}: {}", file.display());
        }
    }
    Ok(rows.into_iter().map(|(_, row)| row.in_order()).collect())
}

#[cfg(test)]
mod tests {
    use hone_core::task::{RunComparison, multi_label, question_answering, regression, sequence_classification};

    use super::super::compare;
    use super::*;

    /// The lines of rows, read again.
    fn again(rows: &RowPredictions, labels: &[String]) -> (String, Vec<PredictedRow>) {
        let lines = prediction_lines(rows, labels);
        let dir = tempfile::tempdir().expect("a temporary folder");
        std::fs::write(dir.path().join(FILE_NAME), &lines).expect("writes");
        let found = read(dir.path()).expect("its own file");
        (lines, found)
    }

    /// What rows are beside themselves.
    fn compared(rows: &[PredictedRow]) -> RunComparison {
        compare(rows, rows).expect("the same rows")
    }

    fn value(found: &RunComparison, name: &str) -> Option<f64> {
        Some(found.figures.iter().find(|figure| figure.name == name)?.difference.first)
    }

    #[test]
    fn labels_that_are_written_are_read_again() {
        let row = |row, label, predicted| sequence_classification::RowPrediction {
            row,
            text: "t".into(),
            second: None,
            label,
            predicted,
            probabilities: vec![0.25, 0.75],
        };
        let labels = ["no".to_owned(), "yes".to_owned()];
        let rows = RowPredictions::SequenceClassification(vec![row(2, 0, 1), row(3, 1, 1)]);
        let (lines, found) = again(&rows, &labels);
        let expected =
            r#"{"row":2,"label":"no","predicted":"yes","probability":0.75,"probabilities":{"no":0.25,"yes":0.75}}"#;
        assert_eq!(lines.lines().next(), Some(expected));
        assert_eq!((found.len(), found[1].truth()), (2, ("label", json!("yes"))));
        let names: Vec<String> = compared(&found).figures.into_iter().map(|figure| figure.name).collect();
        assert_eq!(
            (names, value(&compared(&found), "accuracy")),
            (vec!["accuracy".into(), "macro_f1".into()], Some(0.5))
        );
        let row = multi_label::RowPrediction {
            row: 2,
            text: "t".into(),
            second: None,
            labels: vec![0, 1],
            predicted: vec![1],
            probabilities: vec![0.25, 0.75],
        };
        let lines = prediction_lines(&RowPredictions::MultiLabel(vec![row]), &labels);
        assert_eq!(lines, "{\"row\":2,\"label\":[\"no\",\"yes\"],\"predicted\":[\"yes\"]}\n");
        assert_eq!(prediction_lines(&RowPredictions::SentenceEmbedding(Vec::new()), &labels), "");
    }

    #[test]
    fn a_line_that_is_no_row_is_named_with_the_field_that_is_missing_or_wrong() {
        let good = r#"{"row":2,"label":"a","predicted":"b"}"#;
        for (line, fault) in [
            ("text,label", "it is not JSON"),
            ("[1]", "it is not a JSON object"),
            (r#"{"label":"a","predicted":"b"}"#, r#"the field "row" is missing"#),
            (r#"{"row":"x","label":"a","predicted":"b"}"#, r#"the field "row" is not the number of a row"#),
            (r#"{"row":2,"label":"a"}"#, r#"the field "predicted" is missing"#),
            (r#"{"row":2,"labels":["a"]}"#, r#"the field "predicted" is missing"#),
            (
                r#"{"row":2,"label":"a","predicted":"b","probability":"c"}"#,
                r#"the field "probability" is not a number"#,
            ),
            (r#"{"row":2,"numbers":[1],"predicted":1}"#, r#"the field "predicted" is not a list of numbers"#),
            (r#"{"row":2,"num_correct":1,"num_tokens":2}"#, r#"the field "loss_sum" is missing"#),
            (r#"{"row":2,"prompt":"a","generated":"b"}"#, r#"the field "expected" is missing"#),
            (r#"{"row":2,"predicted":"b"}"#, r#"it has none of the fields "label", "answers", "spans""#),
            (r#"{"row":2,"label":"a","labels":"a","predicted":"b"}"#, "a field stands in it twice"),
        ] {
            let dir = tempfile::tempdir().expect("a temporary folder");
            std::fs::write(dir.path().join(FILE_NAME), format!("{good}\n\n{line}\n")).expect("writes");
            let error = read(dir.path()).expect_err("it is no row").to_string();
            assert!(error.starts_with(&format!("line 3 can't be read, {fault}")), "{line}: {error}");
            assert!(error.contains("hone eval --predictions FILE") && error.ends_with(FILE_NAME), "{error}");
            assert!(!error.contains("column"), "no words of the reader of JSON: {error}");
        }
    }

    #[test]
    fn numbers_that_are_not_as_many_or_too_large_are_refused_with_their_line() {
        for (line, fault) in [
            (r#"{"row":3,"numbers":[1.0],"predicted":[1.0,99.0]}"#, r#""predicted" has 2 numbers and "numbers" 1"#),
            (r#"{"row":3,"numbers":[1.0],"predicted":[1e308]}"#, "a number in it is larger than a model gives"),
        ] {
            let dir = tempfile::tempdir().expect("a temporary folder");
            let good = r#"{"row":2,"numbers":[1.0],"predicted":[2.0]}"#;
            std::fs::write(dir.path().join(FILE_NAME), format!("{good}\n{line}\n")).expect("writes");
            let error = read(dir.path()).expect_err("it can't be compared").to_string();
            assert!(error.starts_with(&format!("line 2 can't be used, {fault}: ")), "{error}");
        }
    }

    #[test]
    fn a_label_that_stands_twice_is_one_and_a_withheld_answer_is_right_where_there_is_none() {
        let row = |line: &str| serde_json::from_str::<PredictedRow>(line).expect("a row").in_order();
        let found = compared(&[row(r#"{"row":2,"labels":["b","a","b"],"predicted":["a","a","b"]}"#)]);
        assert_eq!((value(&found, "accuracy"), value(&found, "micro_f1")), (Some(1.0), Some(1.0)));
        assert_eq!(score(&["the".to_owned()], ""), (false, 0.0), "as hone eval has it");
        assert_eq!(score(&[], ""), (true, 1.0));
    }

    #[test]
    fn answers_numbers_and_tokens_are_read_with_what_figures_are_made_of() {
        let row = question_answering::RowPrediction {
            row: 2,
            id: None,
            question: "q".into(),
            context: question_answering::Excerpt::default(),
            answers: vec!["the red fox".into()],
            answer: None,
            predicted: "a fox".into(),
            predicted_at: None,
            score: 0.5,
            is_exact: false,
            f1: 200.0 / 3.0,
        };
        let (lines, found) = again(&RowPredictions::QuestionAnswering(vec![row]), &[]);
        assert_eq!(lines, "{\"row\":2,\"answers\":[\"the red fox\"],\"predicted\":\"a fox\"}\n");
        let found = compared(&found);
        assert_eq!((value(&found, "exact_match"), found.test.is_some()), (Some(0.0), true));
        assert!(value(&found, "f1").is_some_and(|f1| (f1 - 200.0 / 3.0).abs() < 1e-9), "{found:?}");

        let (numbers, predicted) = (vec![0.5, 2.0], vec![0.5, 4.0]);
        let row = regression::RowPrediction { row: 3, text: "t".into(), second: None, numbers, predicted };
        let (lines, found) = again(&RowPredictions::Regression(vec![row]), &[]);
        assert_eq!(lines, "{\"row\":3,\"numbers\":[0.5,2.0],\"predicted\":[0.5,4.0]}\n");
        let found = compared(&found);
        assert_eq!((value(&found, "mse"), value(&found, "mae"), found.test), (Some(2.0), Some(1.0), None));

        let row = causal_lm::RowPrediction { row: 4, loss_sum: 6.0, num_correct: 1, num_tokens: 3 };
        let (lines, found) = again(&RowPredictions::CausalLm(vec![row]), &[]);
        assert_eq!(lines, "{\"row\":4,\"loss_sum\":6.0,\"num_correct\":1,\"num_tokens\":3}\n");
        let found = compared(&found);
        assert_eq!((value(&found, "perplexity"), value(&found, "loss")), (Some(2_f64.exp()), Some(2.0)));
    }

    #[test]
    fn spans_count_where_borders_and_type_agree() {
        let line = r#"{"row":2,"spans":[{"start":0,"end":3,"label":"PER"},{"start":5,"end":9,"label":"LOC"}],
            "predicted":[{"start":0,"end":3,"label":"PER","score":0.5},{"start":5,"end":9,"label":"ORG","score":0.5}]}"#;
        let row: PredictedRow = serde_json::from_str(line).expect("a row of spans");
        let Made::Spans { spans, .. } = &row.made else { panic!("{row:?}") };
        let right = PredictedRow { row: 2, made: Made::Spans { spans: spans.clone(), predicted: spans.clone() } };
        let found = compare(std::slice::from_ref(&row), &[right]).expect("the same row");
        assert_eq!((value(&found, "f1"), value(&found, "precision")), (Some(0.5), Some(0.5)));
        assert_eq!((found.num_better, found.figures[0].difference.second), ([0, 1], 1.0));
        let line = r#"{"row":7,"prompt":"p","expected":"red fox","generated":"red fox "}"#;
        let row: PredictedRow = serde_json::from_str(line).expect("a text that was saved");
        let found = compared(&[row]);
        assert!(
            found.figures[0].name == "chrf" && (found.figures[0].difference.first - 100.0).abs() < 1e-9,
            "{found:?}"
        );
        assert_eq!(value(&found, "exact_match"), Some(1.0), "white space around a text does not count");
    }
}
