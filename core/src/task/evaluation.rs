//! What was measured of a split, whatever the task: figures by their names, and what the task says besides.

use serde::{Deserialize, Serialize};

use super::{EvaluationDetail, Task};
use crate::metrics::Figure;

/// What was measured of a split.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Evaluation {
    /// Every figure of the task's [`TaskSpec::figures`](super::TaskSpec::figures) that could be measured, `loss` first.
    pub figures: Vec<Figure>,
    /// Rows measured.
    pub num_rows: usize,
    /// What the task says besides.
    pub detail: EvaluationDetail,
}

impl Evaluation {
    /// Which task.
    #[must_use]
    pub fn task(&self) -> Task {
        self.detail.task()
    }

    /// A figure by its name.
    #[must_use]
    pub fn figure(&self, name: &str) -> Option<f64> {
        self.figures.iter().find(|figure| figure.name == name).map(|figure| figure.value)
    }
}
