//! Thresholds of models that give several labels: the probability from which on each is given. Where one label is given, the
//! temperature takes their place (`class_answers.rs`).

use std::collections::BTreeMap;

use super::class_answers::thresholds_of_classes;
use super::{Evaluation, EvaluationDetail};

/// The threshold of a label of which nothing is known.
pub(super) const DEFAULT_THRESHOLD: f64 = 0.5;

impl Evaluation {
    /// The thresholds that suit the measured rows best, by label; where rows have one label each, the temperature. None for a task
    /// without either. Of several tasks a label stands behind the name of its part: `part/label`.
    #[must_use]
    pub fn thresholds(&self) -> BTreeMap<String, f64> {
        match &self.detail {
            EvaluationDetail::MultiLabel(detail) => {
                detail.best.per_label.iter().map(|label| (label.label.clone(), label.threshold)).collect()
            }
            EvaluationDetail::SequenceClassification(detail) | EvaluationDetail::ImageClassification(detail) => {
                thresholds_of_classes(detail)
            }
            EvaluationDetail::Several(detail) => detail.thresholds(),
            _ => BTreeMap::new(),
        }
    }
}

/// One threshold for each label: its own, where it has one.
pub(super) fn in_order(labels: &[String], thresholds: &BTreeMap<String, f64>) -> Vec<f64> {
    labels.iter().map(|label| thresholds.get(label).copied().unwrap_or(DEFAULT_THRESHOLD)).collect()
}
