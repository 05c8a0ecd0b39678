//! What was measured of a split, whatever the task: figures by their names, and what the task says besides.

use serde::{Deserialize, Serialize};

use super::{EvaluationDetail, LOSS, Task};
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

    /// Why figures of an evaluation in full have no interval, a sentence each; nothing where intervals were not asked for. Where rows
    /// have one label, the task says it itself.
    #[must_use]
    pub fn missing_intervals(&self) -> Vec<String> {
        let is_said = matches!(
            self.detail,
            EvaluationDetail::SequenceClassification(_) | EvaluationDetail::ImageClassification(_)
        );
        if is_said || self.figures.iter().all(|figure| figure.interval.is_none()) {
            return Vec::new();
        }
        let spec = self.task().spec();
        let note = |figure: &Figure| {
            let title = spec.figure(&figure.name).map_or(&*figure.name, |spec| spec.title);
            format!("{title} has no interval: {}", self.reason(&figure.name))
        };
        self.figures.iter().filter(|figure| figure.interval.is_none()).map(note).collect()
    }

    fn reason(&self, name: &str) -> &'static str {
        match &self.detail {
            EvaluationDetail::Several(_) if name == LOSS.name => {
                "it is the mean over the tasks, each of which has its own"
            }
            EvaluationDetail::SentenceEmbedding(_) if name == LOSS.name => {
                "it compares the pairs of a batch with each other, and is no sum over rows"
            }
            EvaluationDetail::MultiLabel(_) => {
                "of so many rows and labels it would take too long, or it is undefined in most draws"
            }
            _ => "it is undefined in most draws of these rows",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::task::{causal_lm, several};

    #[test]
    fn a_figure_without_an_interval_says_why() {
        let detail = || EvaluationDetail::CausalLm(Box::new(causal_lm::EvaluationDetail { num_tokens: 3 }));
        let of = |detail: EvaluationDetail, interval| {
            let accuracy = Figure { interval, ..Figure::higher("token_accuracy", 0.5) };
            Evaluation { figures: vec![Figure::lower("loss", 1.0), accuracy], num_rows: 2, detail }
        };
        assert!(of(detail(), None).missing_intervals().is_empty(), "none was asked for");
        let found = of(detail(), Some([0.25, 0.75]));
        assert_eq!(found.missing_intervals(), ["Loss has no interval: it is undefined in most draws of these rows"]);
        let parts = vec![("a".to_owned(), found)];
        let several = of(EvaluationDetail::Several(Box::new(several::EvaluationDetail { parts })), Some([0.25, 0.75]));
        let words = several.missing_intervals();
        assert!(
            words.len() == 1 && words[0].ends_with("the mean over the tasks, each of which has its own"),
            "{words:?}"
        );
    }
}
