//! Figures of rows with one label each, out of the outputs of a model: the loss in f64 on the host, and what was predicted.

use super::outputs::{find_highest, log_softmax, probabilities};
use crate::metrics::{Confusion, Evaluation};

/// What was predicted for a row.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct ClassPrediction {
    /// Label id with the highest probability.
    pub(super) predicted: usize,
    /// Probabilities in label order.
    pub(super) probabilities: Vec<f32>,
}

/// Sums over the rows of a split.
pub(super) struct ClassSums {
    confusion: Confusion,
    loss_sum: f64,
    /// The label id that the rows to train on have most.
    most_frequent_label: Option<usize>,
}

impl ClassSums {
    /// Nothing yet.
    pub(super) fn new(labels: &[String], most_frequent_label: Option<usize>) -> Self {
        Self { confusion: Confusion::new(labels), loss_sum: 0.0, most_frequent_label }
    }

    /// Adds a row of this label id; `None` where a number is not finite.
    pub(super) fn add(&mut self, label: usize, logits: &[f32]) -> Option<ClassPrediction> {
        let log_probabilities = log_softmax(logits)?;
        let predicted = find_highest(logits);
        self.loss_sum -= log_probabilities[label];
        self.confusion.add(label, predicted);
        Some(ClassPrediction { predicted, probabilities: probabilities(&log_probabilities) })
    }

    /// The figures of a split of `num_rows` rows, beside what one gets without a model.
    pub(super) fn finish(&self, num_rows: usize) -> Evaluation {
        let mut evaluation = self.confusion.finish(self.loss_sum / num_rows.max(1) as f64);
        if let Some(label) = self.most_frequent_label {
            evaluation.set_baseline(label);
        }
        evaluation
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_counts_for_all_figures_and_one_that_is_not_finite_for_none() {
        let mut sums = ClassSums::new(&["a".into(), "b".into()], Some(1));
        assert_eq!(sums.add(0, &[f32::NAN, 0.0]), None);
        let found = sums.add(1, &[0.0, 0.0]).expect("finite");
        assert_eq!(found, ClassPrediction { predicted: 0, probabilities: vec![0.5, 0.5] });
        let evaluation = sums.finish(1);
        assert_eq!((evaluation.num_rows, evaluation.accuracy), (1, 0.0));
        assert!((evaluation.loss - 2.0_f64.ln()).abs() < 1e-12);
        assert_eq!(evaluation.baseline.map(|baseline| baseline.accuracy), Some(1.0));
    }
}
