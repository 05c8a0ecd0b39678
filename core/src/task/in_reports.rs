//! What a report on a run shows of any task, by what its evaluation and its predictions have: labels of the rows, figures of each
//! label, bins of probabilities, and the rows that are most wrong.

use std::fmt::Display;

use serde::{Deserialize, Serialize};

use super::token_classification::Span;
use super::{Evaluation, EvaluationDetail, ReportDetail, RowPredictions};
use crate::metrics::{self, ClassMetrics, ReliabilityBin};
use crate::words::shorten;

/// Rows that are kept of those that are wrong.
const MAX_WORST: usize = 20;

/// Characters of a row's text that are kept.
pub(super) const MAX_CHARS: usize = 400;

/// A row that the model answers wrongly.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct WorstRow {
    /// Of several tasks which; empty where there is one.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub part: String,
    /// Row number in its file.
    pub row: usize,
    /// Its text, or the name of its image; of a long one the beginning.
    pub text: String,
    /// What stands in the file.
    pub expected: String,
    /// What the model says.
    pub predicted: String,
    /// How far off it is; never a text of rows.
    pub note: String,
}

impl ReportDetail {
    /// Labels, or types of entities, each with its rows; none where rows have no labels.
    #[must_use]
    pub fn label_counts(&self) -> Vec<(String, usize)> {
        match self {
            Self::SequenceClassification(detail) => {
                detail.classes.iter().map(|class| (class.label.clone(), class.count)).collect()
            }
            Self::ImageClassification(detail) => {
                detail.classes.iter().map(|class| (class.label.clone(), class.count)).collect()
            }
            Self::MultiLabel(detail) => detail.labels.iter().map(|label| (label.label.clone(), label.count)).collect(),
            Self::SentenceEmbedding(detail) => {
                detail.labels.iter().map(|label| (label.label.clone(), label.count)).collect()
            }
            Self::TokenClassification(detail) => {
                detail.types.iter().map(|kind| (kind.label.clone(), kind.counts.iter().sum())).collect()
            }
            _ => Vec::new(),
        }
    }
}

impl EvaluationDetail {
    /// What was measured of rows that have one label each.
    #[must_use]
    pub fn classes(&self) -> Option<&metrics::Evaluation> {
        match self {
            Self::SequenceClassification(detail) | Self::ImageClassification(detail) => Some(detail),
            _ => None,
        }
    }

    /// Figures of each label, or type of entities; none where there are no labels.
    #[must_use]
    pub fn per_label(&self) -> Vec<ClassMetrics> {
        match self {
            Self::SequenceClassification(detail) | Self::ImageClassification(detail) => detail.per_class.clone(),
            Self::TokenClassification(detail) => detail.per_type.clone(),
            Self::MultiLabel(detail) => {
                let per_label = detail.evaluation.per_label.iter();
                let plain = per_label.map(|label| ClassMetrics {
                    label: label.label.clone(),
                    precision: label.precision,
                    recall: label.recall,
                    f1: label.f1,
                    support: label.support,
                });
                plain.collect()
            }
            _ => Vec::new(),
        }
    }

    /// Bins of the probabilities that answers have; none where that was not measured.
    #[must_use]
    pub fn reliability_bins(&self) -> &[ReliabilityBin] {
        match self {
            Self::MultiLabel(detail) => detail.bins.as_slice(),
            _ => {
                let calibration = self.classes().and_then(|detail| detail.calibration.as_ref());
                calibration.map_or(&[][..], |found| found.bins.as_slice())
            }
        }
    }
}

/// The rows that are most wrong, the worst first; of several tasks those of each, one task after the other. None where rows
/// have no answers of their own.
#[must_use]
pub fn worst_rows(evaluation: &Evaluation, rows: &RowPredictions) -> Vec<WorstRow> {
    if let (EvaluationDetail::Several(detail), RowPredictions::Several(parts)) = (&evaluation.detail, rows) {
        let of_part = |(name, rows): &(String, RowPredictions)| {
            let worst = detail.part(name).map(|evaluation| worst_rows(evaluation, rows)).unwrap_or_default();
            worst.into_iter().map(|row| WorstRow { part: name.clone(), ..row }).collect::<Vec<_>>()
        };
        return parts.iter().flat_map(of_part).collect();
    }
    let names: Vec<String> = evaluation.detail.per_label().into_iter().map(|label| label.label).collect();
    let mut wrong = wrong_rows(&names, rows);
    wrong.sort_by(|left, right| right.0.total_cmp(&left.0));
    wrong.into_iter().take(MAX_WORST).map(|(_, row)| row).collect()
}

/// Every row that is wrong, with how wrong it is.
fn wrong_rows(names: &[String], rows: &RowPredictions) -> Vec<(f64, WorstRow)> {
    match rows {
        RowPredictions::SequenceClassification(rows) => {
            let wrong = rows.iter().filter(|row| row.label != row.predicted);
            let row = |row: &super::sequence_classification::RowPrediction| {
                let text = with_second(&row.text, row.second.as_deref());
                wrong_class(names, row.row, text, (row.label, row.predicted), &row.probabilities)
            };
            wrong.map(row).collect()
        }
        RowPredictions::ImageClassification(rows) => {
            let wrong = rows.iter().filter(|row| row.label != row.predicted);
            let row = |row: &super::image_classification::RowPrediction| {
                wrong_class(names, row.row, row.name.clone(), (row.label, row.predicted), &row.probabilities)
            };
            wrong.map(row).collect()
        }
        RowPredictions::MultiLabel(rows) => {
            rows.iter().filter(|row| row.labels != row.predicted).map(|row| wrong_labels(names, row)).collect()
        }
        RowPredictions::Regression(rows) => rows.iter().filter_map(wrong_numbers).collect(),
        RowPredictions::QuestionAnswering(rows) => rows.iter().filter(|row| !row.is_exact).map(wrong_answer).collect(),
        RowPredictions::TokenClassification(rows) => {
            rows.iter().filter(|row| !row.errors.is_empty()).map(wrong_spans).collect()
        }
        RowPredictions::SentenceEmbedding(rows) => rows.iter().filter_map(wrong_neighbour).collect(),
        _ => Vec::new(),
    }
}

fn wrong_class(
    names: &[String],
    row: usize,
    text: String,
    (label, predicted): (usize, usize),
    probabilities: &[f32],
) -> (f64, WorstRow) {
    let sure = probabilities.get(predicted).copied().map_or(0.0, f64::from);
    let (expected, answer) = (name_of(names, label), name_of(names, predicted));
    (sure, wrong_row(row, &text, expected, answer, format!("{:.0} % sure", sure * 100.0)))
}

fn wrong_labels(names: &[String], row: &super::multi_label::RowPrediction) -> (f64, WorstRow) {
    let off = |(id, &probability): (usize, &f32)| match (row.labels.contains(&id), row.predicted.contains(&id)) {
        (true, false) => 1.0 - f64::from(probability),
        (false, true) => f64::from(probability),
        _ => 0.0,
    };
    let by = row.probabilities.iter().enumerate().map(off).sum();
    let text = with_second(&row.text, row.second.as_deref());
    let wrong = (0..row.probabilities.len()).filter(|id| row.labels.contains(id) != row.predicted.contains(id)).count();
    let note = format!("{wrong} wrong");
    let all = |ids: &[usize]| labels_text(names, ids);
    (by, wrong_row(row.row, &text, all(&row.labels), all(&row.predicted), note))
}

/// Labels by their names, in one text.
pub(super) fn labels_text(names: &[String], ids: &[usize]) -> String {
    match ids {
        [] => "(none)".to_owned(),
        ids => ids.iter().map(|&id| name_of(names, id)).collect::<Vec<_>>().join(", "),
    }
}

fn wrong_numbers(row: &super::regression::RowPrediction) -> Option<(f64, WorstRow)> {
    // A number that is predicted as well as it can be is no mistake.
    let wrong = row.numbers.iter().zip(&row.predicted).filter(|(number, found)| **number as f32 != **found);
    let off = wrong.map(|(number, &found)| (number - f64::from(found)).abs());
    let by = off.fold(0.0, f64::max);
    let text = with_second(&row.text, row.second.as_deref());
    let (expected, predicted) = (numbers_text(&row.numbers), numbers_text(&row.predicted));
    let wrong = wrong_row(row.row, &text, expected, predicted, format!("off by {by:.4}"));
    (by > 0.0).then_some((by, wrong))
}

/// Numbers in one text.
pub(super) fn numbers_text<N: Display>(numbers: &[N]) -> String {
    numbers.iter().map(|number| format!("{number:.4}")).collect::<Vec<_>>().join(", ")
}

fn wrong_answer(row: &super::question_answering::RowPrediction) -> (f64, WorstRow) {
    let by = row.score * (1.0 - row.f1 / 100.0);
    let note = format!("{:.0} % sure, F1 {:.0}", row.score * 100.0, row.f1);
    let (expected, predicted) = (answer_text(&row.answers.join(" / ")), answer_text(&row.predicted));
    (by, wrong_row(row.row, &row.question, expected, predicted, note))
}

/// An answer; that there is none.
pub(super) fn answer_text(answer: &str) -> String {
    if answer.is_empty() { "(no answer)".to_owned() } else { answer.to_owned() }
}

fn wrong_spans(row: &super::token_classification::RowPrediction) -> (f64, WorstRow) {
    let all = |spans: &[Span]| spans_text(&row.text, spans);
    let by = row.errors.len();
    (by as f64, wrong_row(row.row, &row.text, all(&row.gold), all(&row.predicted), format!("{by} wrong")))
}

/// Spans of a text, in one text.
pub(super) fn spans_text(text: &str, spans: &[Span]) -> String {
    match spans {
        [] => "(none)".to_owned(),
        spans => spans.iter().map(|span| named_span(text, span)).collect::<Vec<_>>().join("; "),
    }
}

/// `city: Berlin`; a span counts characters.
fn named_span(text: &str, span: &Span) -> String {
    let part: String = text.chars().skip(span.start).take(span.end.saturating_sub(span.start)).collect();
    format!("{}: {part}", span.label)
}

/// A text that another is nearer to than the one that belongs to it.
fn wrong_neighbour(row: &super::sentence_embedding::RowPrediction) -> Option<(f64, WorstRow)> {
    let nearest = row.nearest.clone().unwrap_or_default();
    let of = |expected: String, predicted: String, note| wrong_row(row.row, &row.text, expected, predicted, note);
    let second = row.second.clone().unwrap_or_default();
    match (row.rank, &row.label, &row.predicted, row.score.zip(row.similarity)) {
        (Some(rank), ..) if rank > 1 => Some((rank as f64, of(second, nearest, format!("rank {rank}")))),
        (None, Some(label), Some(predicted), _) if label != predicted => {
            Some((1.0, of(label.clone(), format!("{predicted}, as “{nearest}”"), String::new())))
        }
        (None, None, _, Some((score, similarity))) => {
            let by = f64::from((score - similarity).abs());
            let text = with_second(&row.text, row.second.as_deref());
            let (expected, predicted) = (format!("{score:.2}"), format!("{similarity:.2}"));
            Some((by, wrong_row(row.row, &text, expected, predicted, format!("off by {by:.2}"))))
        }
        _ => None,
    }
}

fn wrong_row(row: usize, text: &str, expected: String, predicted: String, note: String) -> WorstRow {
    let [text, expected, predicted] = [text, &expected, &predicted].map(|shown| shorten(shown, MAX_CHARS));
    WorstRow { part: String::new(), row, text, expected, predicted, note }
}

pub(super) fn name_of(names: &[String], id: usize) -> String {
    names.get(id).cloned().unwrap_or_else(|| format!("label {id}"))
}

pub(super) fn with_second(text: &str, second: Option<&str>) -> String {
    second.map_or_else(|| text.to_owned(), |second| format!("{text}\n{second}"))
}

#[cfg(test)]
mod tests {
    use super::super::{regression, sentence_embedding, sequence_classification};
    use super::*;

    #[test]
    fn the_surest_mistake_comes_first_and_long_texts_are_cut() {
        let row = |row, label, predicted, sure: f32| sequence_classification::RowPrediction {
            row,
            text: "é".repeat(row * 200),
            second: None,
            label,
            predicted,
            probabilities: if predicted == 0 { vec![sure, 1.0 - sure] } else { vec![1.0 - sure, sure] },
        };
        let rows = vec![row(1, 0, 0, 0.99), row(2, 0, 1, 0.6), row(3, 1, 0, 0.9)];
        let names = ["up".to_owned(), "down".to_owned()];
        let mut wrong = wrong_rows(&names, &RowPredictions::SequenceClassification(rows));
        wrong.sort_by(|left, right| right.0.total_cmp(&left.0));
        let told: Vec<_> = wrong.iter().map(|(_, row)| (row.row, row.expected.as_str(), row.note.as_str())).collect();
        assert_eq!(told, [(3, "down", "90 % sure"), (2, "up", "60 % sure")], "a right row is no mistake");
        assert_eq!(wrong[0].1.text.chars().count(), MAX_CHARS + 1);
        assert!(wrong[0].1.text.ends_with('…') && !wrong[1].1.text.ends_with('…'));
    }

    #[test]
    fn numbers_are_wrong_by_their_distance() {
        let row = |row, number: f64, found: f32| regression::RowPrediction {
            row,
            text: "t".into(),
            second: Some("u".into()),
            numbers: vec![number],
            predicted: vec![found],
        };
        let rows = RowPredictions::Regression(vec![row(1, 0.1, 0.1), row(2, 1.0, 3.5)]);
        let wrong = wrong_rows(&[], &rows);
        assert_eq!(wrong.len(), 1);
        assert_eq!((wrong[0].1.note.as_str(), wrong[0].1.text.as_str()), ("off by 2.5000", "t\nu"));
    }

    #[test]
    fn a_note_has_no_text_of_another_row() {
        let row = sentence_embedding::RowPrediction {
            row: 3,
            text: "mine".into(),
            second: None,
            similarity: None,
            score: None,
            rank: None,
            label: Some("up".into()),
            predicted: Some("down".into()),
            nearest: Some("another".into()),
        };
        let wrong = wrong_rows(&[], &RowPredictions::SentenceEmbedding(vec![row]));
        assert_eq!((wrong[0].1.predicted.as_str(), wrong[0].1.note.as_str()), ("down, as “another”", ""));
    }

    #[test]
    fn a_span_counts_characters() {
        let span = Span { start: 2, end: 5, label: "city".into(), score: None };
        assert_eq!(named_span("öä Ulm", &Span { start: 3, end: 6, ..span.clone() }), "city: Ulm");
        assert_eq!(named_span("ö", &span), "city: ");
    }
}
