//! What was measured before and after training, and what can be read off it: differences, confused pairs, wrong rows,
//! samples side by side.

use hone_core::config::Task;
use hone_core::event::Split;
use hone_core::metrics::{Evaluation, LmEvaluation, RowPrediction, TextEvaluation, TextSample};

use crate::format;

/// A split, measured with one set of weights.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Measured {
    /// By a classifier.
    Rows(MeasuredRows),
    /// By a language model.
    Texts(MeasuredTexts),
}

impl Measured {
    /// What the model was for.
    pub(crate) fn task(&self) -> Task {
        match self {
            Self::Rows(_) => Task::SequenceClassification,
            Self::Texts(_) => Task::CausalLm,
        }
    }

    /// By a classifier.
    pub(crate) fn as_rows(&self) -> Option<&MeasuredRows> {
        match self {
            Self::Rows(rows) => Some(rows),
            Self::Texts(_) => None,
        }
    }

    /// By a language model.
    pub(crate) fn as_texts(&self) -> Option<&MeasuredTexts> {
        match self {
            Self::Rows(_) => None,
            Self::Texts(texts) => Some(texts),
        }
    }

    /// What was measured.
    pub(crate) fn split(&self) -> Split {
        match self {
            Self::Rows(rows) => rows.split,
            Self::Texts(texts) => texts.split,
        }
    }
}

/// A split of a language model's texts.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct MeasuredTexts {
    pub split: Split,
    pub tokens: LmEvaluation,
    /// Of what was written after the first prompts, where there are prompts.
    pub texts: Option<TextEvaluation>,
    pub samples: Vec<TextSample>,
    /// Of a text that has nothing to do with the rows, once it is measured: what the model forgets shows there.
    pub general: Option<LmEvaluation>,
}

/// A prompt, what stands in the file, and what was written before and after training.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct SamplePair<'a> {
    pub row: usize,
    pub prompt: &'a str,
    pub expected: &'a str,
    pub before: Option<&'a str>,
    pub after: Option<&'a str>,
}

/// Samples of the same prompts side by side, in the order of the file.
pub(crate) fn sample_pairs<'a>(base: &'a [TextSample], tuned: &'a [TextSample]) -> Vec<SamplePair<'a>> {
    let shown = if tuned.is_empty() { base } else { tuned };
    let of = |samples: &'a [TextSample], row: usize, prompt: &str| {
        let found = samples.iter().find(|sample| sample.row == row && sample.prompt == prompt);
        found.map(|sample| sample.generated.as_str())
    };
    let pair = |sample: &'a TextSample| SamplePair {
        row: sample.row,
        prompt: &sample.prompt,
        expected: &sample.expected,
        before: of(base, sample.row, &sample.prompt),
        after: of(tuned, sample.row, &sample.prompt),
    };
    shown.iter().map(pair).collect()
}

/// A split of labeled rows.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct MeasuredRows {
    pub split: Split,
    pub evaluation: Evaluation,
    pub rows: Vec<RowPrediction>,
    /// What makes the figures worthless, if anything does.
    pub warnings: Vec<String>,
}

/// A row that was predicted wrongly.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct WrongRow {
    pub row: usize,
    pub text: String,
    pub label: String,
    pub predicted: String,
    /// Of the predicted label.
    pub probability: f32,
}

impl MeasuredRows {
    /// The labels in their order.
    pub(crate) fn labels(&self) -> Vec<String> {
        self.evaluation.per_class.iter().map(|class| class.label.clone()).collect()
    }

    /// Rows predicted wrongly, the most confident first.
    pub(crate) fn wrong_rows(&self) -> Vec<WrongRow> {
        let name = |id: usize| self.evaluation.per_class.get(id).map_or_else(|| id.to_string(), |c| c.label.clone());
        let wrong = self.rows.iter().filter(|row| row.label != row.predicted).map(|row| WrongRow {
            row: row.row,
            text: row.text.clone(),
            label: name(row.label),
            predicted: name(row.predicted),
            probability: row.probabilities.get(row.predicted).copied().unwrap_or(f32::NAN),
        });
        let mut wrong: Vec<_> = wrong.collect();
        wrong.sort_by(|a, b| b.probability.total_cmp(&a.probability));
        wrong
    }
}

/// The wrong rows of a pair of labels, (true, predicted); all of them without one.
pub(crate) fn of_pair<'a>(rows: &'a [WrongRow], pair: Option<(&str, &str)>) -> Vec<&'a WrongRow> {
    let is_of = |row: &WrongRow| pair.is_none_or(|(label, predicted)| row.label == label && row.predicted == predicted);
    rows.iter().filter(|row| is_of(row)).collect()
}

/// (true label, predicted label, rows) of the pairs of label ids that are mixed up most, at most `limit`.
pub(crate) fn confused_pairs(confusion: &[Vec<u32>], limit: usize) -> Vec<(usize, usize, u32)> {
    let mut pairs = Vec::new();
    for (truth, row) in confusion.iter().enumerate() {
        for (predicted, &rows) in row.iter().enumerate() {
            if truth != predicted && rows > 0 {
                pairs.push((truth, predicted, rows));
            }
        }
    }
    pairs.sort_by_key(|&(truth, predicted, rows)| (std::cmp::Reverse(rows), truth, predicted));
    pairs.truncate(limit);
    pairs
}

/// The wrong rows as a CSV file.
pub(crate) fn wrong_rows_csv(rows: &[WrongRow]) -> String {
    let mut csv = String::from("row,text,label,predicted,probability\n");
    for row in rows {
        let fields = [&row.text, &row.label, &row.predicted].map(|text| format::csv_field(text)).join(",");
        csv.push_str(&format!("{},{fields},{}\n", row.row, row.probability));
    }
    csv
}

/// Name of a split as people say it.
pub(crate) fn split_name(split: Split) -> &'static str {
    match split {
        Split::Train => "training",
        Split::Valid => "validation",
        Split::Test => "test",
    }
}

#[cfg(test)]
mod tests {
    use hone_core::metrics::ClassMetrics;

    use super::*;

    fn measured() -> MeasuredRows {
        let class =
            |label: &str| ClassMetrics { label: label.into(), precision: 0.0, recall: 0.0, f1: 0.0, support: 1 };
        let evaluation = Evaluation {
            loss: 0.0,
            accuracy: 0.0,
            macro_precision: 0.0,
            macro_recall: 0.0,
            macro_f1: 0.0,
            num_rows: 3,
            per_class: vec![class("yes"), class("no")],
            confusion: vec![vec![1, 1], vec![1, 0]],
            baseline: None,
        };
        let row = |row, label, predicted, probability: f32| {
            let mut probabilities = vec![1.0 - probability; 2];
            probabilities[predicted] = probability;
            RowPrediction { row, text: format!("row, {row}"), label, predicted, probabilities }
        };
        MeasuredRows {
            split: Split::Test,
            evaluation,
            rows: vec![row(1, 0, 1, 0.6), row(2, 0, 0, 0.9), row(3, 1, 0, 0.8)],
            warnings: Vec::new(),
        }
    }

    #[test]
    fn wrong_rows_come_most_confident_first() {
        let wrong = measured().wrong_rows();
        let seen: Vec<_> = wrong.iter().map(|w| (w.row, w.label.as_str(), w.predicted.as_str())).collect();
        assert_eq!(seen, [(3, "no", "yes"), (1, "yes", "no")]);
    }

    #[test]
    fn wrong_rows_of_one_pair_can_be_looked_at_alone() {
        let wrong = measured().wrong_rows();
        let rows = |pair| of_pair(&wrong, pair).iter().map(|row| row.row).collect::<Vec<_>>();
        assert_eq!(rows(None), [3, 1]);
        assert_eq!(rows(Some(("yes", "no"))), [1]);
        assert_eq!(rows(Some(("yes", "yes"))), [0; 0]);
    }

    #[test]
    fn samples_are_paired_by_their_prompts() {
        let sample = |row, generated: &str| TextSample {
            row,
            prompt: format!("prompt {row}"),
            expected: "yes".into(),
            generated: generated.into(),
        };
        let (base, tuned) = ([sample(1, "no"), sample(2, "never")], [sample(2, "yes"), sample(3, "well")]);
        let pairs = sample_pairs(&base, &tuned);
        let seen: Vec<_> = pairs.iter().map(|pair| (pair.row, pair.before, pair.after)).collect();
        assert_eq!(seen, [(2, Some("never"), Some("yes")), (3, None, Some("well"))]);
        let alone: Vec<_> = sample_pairs(&base, &[]).iter().map(|pair| (pair.row, pair.before, pair.after)).collect();
        assert_eq!(alone, [(1, Some("no"), None), (2, Some("never"), None)]);
    }

    #[test]
    fn the_csv_quotes_texts() {
        let csv = wrong_rows_csv(&measured().wrong_rows());
        assert_eq!(csv, "row,text,label,predicted,probability\n3,\"row, 3\",no,yes,0.8\n1,\"row, 1\",yes,no,0.6\n");
    }

    #[test]
    fn pairs_are_sorted_by_rows_and_leave_out_the_diagonal() {
        let pairs = confused_pairs(&[vec![9, 1, 0], vec![4, 9, 0], vec![0, 1, 9]], 2);
        assert_eq!(pairs, [(1, 0, 4), (0, 1, 1)]);
    }
}
