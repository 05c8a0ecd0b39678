//! What is compared of the rows of each task: whether they are right or how far off they are, and what figures are made of. In: a run that
//! was measured, or rows of a file one by one. Out: rows in plain texts, and how they are compared.

use super::MeasuredRun;
use crate::metrics::{
    ANSWER_FIGURES, ENTITY_FIGURES, ERROR_FIGURES, SumFigure, TEXT_FIGURES, TOKEN_FIGURES, is_exact_match, sums_of_text,
};
use crate::task::in_reports::{answer_text, labels_text, name_of, numbers_text, spans_text, with_second};
use crate::task::token_classification::Span;
use crate::task::{RowPredictions, Unit};
use crate::task::{causal_lm, image_classification, multi_label, question_answering, regression};
use crate::task::{sequence_classification, token_classification};

/// Why two models of vectors are not compared.
const VECTORS: &str = "of vectors a row is neither right nor wrong, and what they stand beside changes with the model";

/// Why several tasks are not compared at once.
const SEVERAL: &str = "what was measured of several tasks is compared task by task";

/// What the outcome of a row is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Outcome {
    /// 1 where it is right, else 0.
    Right,
    /// How far off it is.
    Error,
    /// Nothing of the row as a whole: figures are made of its tokens.
    Tokens,
}

/// A figure out of sums over rows, with its title and how it is written.
type TitledFigure = (&'static str, Unit, SumFigure);

/// Of labels that were found, were given, and are there, as the F1 of entities.
const MICRO_F1: SumFigure = SumFigure { name: "micro_f1", ..ENTITY_FIGURES[0] };

/// How the rows of a task are compared: each is one of the constants, so that only the figures of those that are used are compiled in.
#[derive(Debug, Clone, Copy)]
pub struct RowScheme {
    pub(super) outcome: Outcome,
    /// The verdict goes by the rows that are right, not by draws of the first figure.
    pub(super) is_by_rows: bool,
    /// What the share of right rows is called, where it is the first figure and no sum.
    pub(super) accuracy: Option<&'static str>,
    /// Rows have one label each: there is a macro F1.
    pub(super) has_classes: bool,
    /// Figures out of sums over rows, the leading one of the task first.
    pub(super) figures: &'static [TitledFigure],
}

impl RowScheme {
    /// Rows that are right or wrong, of which the verdict goes by no test.
    const RIGHT: Self =
        Self { outcome: Outcome::Right, is_by_rows: false, accuracy: None, has_classes: false, figures: &[] };
    /// One label each.
    pub const CLASSES: Self = Self { is_by_rows: true, accuracy: Some("Accuracy"), has_classes: true, ..Self::RIGHT };
    /// Several labels each. The F1 is that of all labels' counts together.
    pub const LABELS: Self = Self {
        is_by_rows: true,
        accuracy: Some("All labels right"),
        figures: &[("Micro F1", Unit::Score, MICRO_F1)],
        ..Self::RIGHT
    };
    /// An answer each.
    pub const ANSWERS: Self = Self {
        is_by_rows: true,
        figures: &[
            ("Exact match", Unit::Percent, ANSWER_FIGURES[0]),
            ("F1 of answers", Unit::Percent, ANSWER_FIGURES[1]),
        ],
        ..Self::RIGHT
    };
    /// Spans of a text.
    pub const SPANS: Self = Self {
        figures: &[
            ("F1 of entities", Unit::Score, ENTITY_FIGURES[0]),
            ("Precision", Unit::Score, ENTITY_FIGURES[1]),
            ("Recall", Unit::Score, ENTITY_FIGURES[2]),
        ],
        ..Self::RIGHT
    };
    /// Numbers.
    pub const NUMBERS: Self = Self {
        outcome: Outcome::Error,
        figures: &[
            ("Mean squared error", Unit::Number, ERROR_FIGURES[0]),
            ("Mean absolute error", Unit::Number, ERROR_FIGURES[1]),
        ],
        ..Self::RIGHT
    };
    /// How well tokens were predicted.
    pub const TOKENS: Self = Self {
        outcome: Outcome::Tokens,
        figures: &[
            ("Perplexity", Unit::Number, TOKEN_FIGURES[1]),
            ("Loss", Unit::Number, TOKEN_FIGURES[0]),
            ("Token accuracy", Unit::Share, TOKEN_FIGURES[2]),
        ],
        ..Self::RIGHT
    };
    /// Texts that were written. BLEU is 0 where all are shorter than four words: chrF says it of any text.
    pub const TEXTS: Self = Self {
        figures: &[
            ("chrF", Unit::Number, TEXT_FIGURES[1]),
            ("BLEU", Unit::Number, TEXT_FIGURES[0]),
            ("ROUGE-1", Unit::Score, TEXT_FIGURES[2]),
            ("ROUGE-2", Unit::Score, TEXT_FIGURES[3]),
            ("ROUGE-L", Unit::Score, TEXT_FIGURES[4]),
            ("Exact match", Unit::Share, TEXT_FIGURES[5]),
        ],
        ..Self::RIGHT
    };
}

/// A row of a model: what it is, and what the model made of it.
#[derive(Debug, Clone, PartialEq)]
pub struct ComparedRow {
    pub(super) number: usize,
    pub(super) text: String,
    pub(super) expected: String,
    pub(super) answer: String,
    pub(super) outcome: f64,
    /// What the figures of the scheme are made of; empty where a row has one label.
    pub(super) sums: Vec<f64>,
}

impl ComparedRow {
    /// Of [`RowScheme::CLASSES`]. Here and below: `number` is the row's in its file, `text` what is shown of it.
    #[must_use]
    pub fn of_class(number: usize, text: String, expected: String, answer: String) -> Self {
        let outcome = share_of_right(expected == answer);
        Self { number, text, expected, answer, outcome, sums: Vec::new() }
    }

    /// Of [`RowScheme::LABELS`], in any order: each model lists them in its own. One that stands there twice is one.
    #[must_use]
    pub fn of_labels(number: usize, text: String, mut expected: Vec<String>, mut answer: Vec<String>) -> Self {
        for labels in [&mut expected, &mut answer] {
            labels.sort_unstable();
            labels.dedup();
        }
        let outcome = share_of_right(expected == answer);
        let hits = answer.iter().filter(|label| expected.binary_search(label).is_ok()).count();
        let sums = [hits, answer.len(), expected.len()].map(|count| count as f64).to_vec();
        let [expected, answer] = [expected, answer].map(|names| {
            let ids: Vec<usize> = (0..names.len()).collect();
            labels_text(&names, &ids)
        });
        Self { number, text, expected, answer, outcome, sums }
    }

    /// Of [`RowScheme::ANSWERS`]: answers that count as right, the one that was given, whether it is one of them, and the F1 of its
    /// words, up to 1.
    #[must_use]
    pub fn of_answer(
        number: usize,
        text: String,
        answers: &[String],
        predicted: &str,
        (is_exact, f1): (bool, f64),
    ) -> Self {
        let (expected, answer) = (answer_text(&answers.join(" / ")), answer_text(predicted));
        let outcome = share_of_right(is_exact);
        Self { number, text, expected, answer, outcome, sums: vec![outcome, f1, 1.0] }
    }

    /// Of [`RowScheme::SPANS`]: what is in the text, and what was found. A span is right where borders and type agree.
    #[must_use]
    pub fn of_spans(number: usize, text: String, spans: &[Span], predicted: &[Span]) -> Self {
        let is_there = |found: &&Span| {
            spans.iter().any(|span| (span.start, span.end, &span.label) == (found.start, found.end, &found.label))
        };
        let hits = predicted.iter().filter(is_there).count();
        let is_right = spans.len() == predicted.len() && hits == spans.len();
        Self {
            number,
            expected: spans_text(&text, spans),
            answer: spans_text(&text, predicted),
            text,
            outcome: share_of_right(is_right),
            sums: [hits, predicted.len(), spans.len()].map(|count| count as f64).to_vec(),
        }
    }

    /// Of [`RowScheme::NUMBERS`], in the order of the outputs.
    #[must_use]
    pub fn of_numbers(number: usize, text: String, numbers: &[f64], predicted: &[f32]) -> Self {
        let errors = || numbers.iter().zip(predicted).map(|(&number, &found)| f64::from(found) - number);
        let squared: f64 = errors().map(|error| error * error).sum();
        let absolute: f64 = errors().map(f64::abs).sum();
        let count = numbers.len() as f64;
        Self {
            number,
            text,
            expected: numbers_text(numbers),
            answer: numbers_text(predicted),
            outcome: squared / count.max(1.0),
            sums: vec![squared, absolute, count],
        }
    }

    /// Of [`RowScheme::TOKENS`].
    #[must_use]
    pub fn of_tokens(row: &causal_lm::RowPrediction) -> Self {
        // Where there are as many tokens, they are the same: of another text, or another tokenizer, there hardly are.
        let expected = row.num_tokens.to_string();
        let (text, answer) = (String::new(), String::new());
        Self { number: row.row, text, expected, answer, outcome: 0.0, sums: row.sums().to_vec() }
    }

    /// Of [`RowScheme::TEXTS`]: the prompt, what stands in the file after it, and what was written.
    #[must_use]
    pub fn of_text(number: usize, prompt: String, expected: String, generated: String) -> Self {
        let outcome = share_of_right(is_exact_match(&generated, &expected));
        let sums = sums_of_text(&generated, &expected);
        Self { number, text: prompt, expected, answer: generated, outcome, sums }
    }
}

/// The rows of a run, and how they are compared.
///
/// # Errors
/// Says why they are not.
pub(super) fn rows_of(run: &MeasuredRun<'_>) -> Result<(RowScheme, Vec<ComparedRow>), String> {
    let names: Vec<String> = run.evaluation.detail.per_label().into_iter().map(|label| label.label).collect();
    let name = |id: usize| name_of(&names, id);
    let found = match run.rows {
        RowPredictions::SequenceClassification(rows) => {
            let row = |row: &sequence_classification::RowPrediction| {
                let text = with_second(&row.text, row.second.as_deref());
                ComparedRow::of_class(row.row, text, name(row.label), name(row.predicted))
            };
            (RowScheme::CLASSES, rows.iter().map(row).collect())
        }
        RowPredictions::ImageClassification(rows) => {
            let row = |row: &image_classification::RowPrediction| {
                ComparedRow::of_class(row.row, row.name.clone(), name(row.label), name(row.predicted))
            };
            (RowScheme::CLASSES, rows.iter().map(row).collect())
        }
        RowPredictions::MultiLabel(rows) => {
            let row = |row: &multi_label::RowPrediction| {
                let text = with_second(&row.text, row.second.as_deref());
                let all = |ids: &[usize]| ids.iter().map(|&id| name(id)).collect::<Vec<String>>();
                ComparedRow::of_labels(row.row, text, all(&row.labels), all(&row.predicted))
            };
            (RowScheme::LABELS, rows.iter().map(row).collect())
        }
        RowPredictions::QuestionAnswering(rows) => {
            let row = |row: &question_answering::RowPrediction| {
                let right = (row.is_exact, row.f1 / 100.0);
                ComparedRow::of_answer(row.row, row.question.clone(), &row.answers, &row.predicted, right)
            };
            (RowScheme::ANSWERS, rows.iter().map(row).collect())
        }
        RowPredictions::TokenClassification(rows) => {
            let row = |row: &token_classification::RowPrediction| {
                ComparedRow::of_spans(row.row, row.text.clone(), &row.gold, &row.predicted)
            };
            (RowScheme::SPANS, rows.iter().map(row).collect())
        }
        RowPredictions::Regression(rows) => {
            let row = |row: &regression::RowPrediction| {
                let text = with_second(&row.text, row.second.as_deref());
                ComparedRow::of_numbers(row.row, text, &row.numbers, &row.predicted)
            };
            (RowScheme::NUMBERS, rows.iter().map(row).collect())
        }
        RowPredictions::CausalLm(rows) | RowPredictions::MaskedLm(rows) | RowPredictions::Seq2seqLm(rows) => {
            (RowScheme::TOKENS, rows.iter().map(ComparedRow::of_tokens).collect())
        }
        RowPredictions::SentenceEmbedding(_) => return Err(VECTORS.to_owned()),
        RowPredictions::Several(_) => return Err(SEVERAL.to_owned()),
    };
    Ok(found)
}

fn share_of_right(is_right: bool) -> f64 {
    if is_right { 1.0 } else { 0.0 }
}
