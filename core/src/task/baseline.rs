//! What one gets without a model: the least that a trained one must beat.

use super::{Evaluation, EvaluationDetail};

/// Figures of an answer that is always the same.
#[derive(Debug, Clone, PartialEq)]
pub struct TaskBaseline {
    /// The answer.
    pub answer: String,
    /// Why that one, to go on after it: `the most frequent label of the training rows`.
    pub reason: &'static str,
    /// Its figures by name; a model may have others.
    pub figures: Vec<(&'static str, f64)>,
    /// The figures of which a gain is worth saying.
    pub gains: &'static [&'static str],
}

impl Evaluation {
    /// What one gets without a model, on the same rows; `None` where the task has no such answer.
    #[must_use]
    pub fn baseline(&self) -> Option<TaskBaseline> {
        match &self.detail {
            EvaluationDetail::SequenceClassification(detail) | EvaluationDetail::ImageClassification(detail) => {
                let baseline = detail.baseline.as_ref()?;
                Some(TaskBaseline {
                    answer: baseline.label.clone(),
                    reason: "the most frequent label of the training rows",
                    figures: vec![
                        ("accuracy", baseline.accuracy),
                        ("macro_precision", baseline.macro_precision),
                        ("macro_recall", baseline.macro_recall),
                        ("macro_f1", baseline.macro_f1),
                    ],
                    gains: &["accuracy", "macro_f1"],
                })
            }
            EvaluationDetail::Regression(detail) => {
                let baseline = detail.baseline.as_ref()?;
                let errors = [("mse", baseline.mse), ("mae", baseline.mae), ("rmse", baseline.rmse)];
                Some(TaskBaseline {
                    answer: "the mean".into(),
                    reason: "that of the training rows",
                    // What is always the same has no correlation with anything.
                    figures: errors.into_iter().chain(baseline.r2.map(|r2| ("r2", r2))).collect(),
                    gains: &["mae", "r2"],
                })
            }
            _ => None,
        }
    }
}
