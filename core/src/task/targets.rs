//! What is learned of labels: a distribution over the classes for every output row, with label smoothing and class weights, in
//! PyTorch's meaning.

use crate::config::{ClassWeights, RunConfig};
use crate::data::HostTargets;

/// How labels become targets.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct ClassTargets {
    num_labels: usize,
    /// Label smoothing in `[0, 1)`.
    label_smoothing: f64,
    /// Weight of each class; `None` means all are 1.
    class_weights: Option<Vec<f64>>,
}

impl ClassTargets {
    /// As a run has it; `trained` are the label ids of the rows to train on.
    pub(super) fn new(num_labels: usize, trained: impl Iterator<Item = usize>, run: &RunConfig) -> Self {
        let class_weights = match run.class_weights {
            ClassWeights::None => None,
            ClassWeights::Balanced => Some(balance(trained, num_labels)),
        };
        Self { num_labels, label_smoothing: run.label_smoothing_factor, class_weights }
    }

    /// `(1 - s) w[y]` on the label and `s / C * w[c]` on every class, after PyTorch's
    /// `cross_entropy` (<https://docs.pytorch.org/docs/stable/generated/torch.nn.CrossEntropyLoss.html>); and what the
    /// losses are divided by for their mean: the sum of the weights of the labels.
    pub(super) fn of(&self, labels: &[usize]) -> (HostTargets, f64) {
        self.of_some(labels.iter().map(|&label| Some(label)))
    }

    /// The same of output rows some of which have no label: these are zeros and have no weight (`ignore_index`).
    pub(super) fn of_some(&self, labels: impl ExactSizeIterator<Item = Option<usize>>) -> (HostTargets, f64) {
        let width = self.num_labels;
        let mut values = vec![0f32; labels.len() * width];
        let mut weight = 0.0;
        for (row, label) in values.chunks_mut(width).zip(labels) {
            let Some(label) = label else { continue };
            if self.label_smoothing > 0.0 {
                for (class, value) in row.iter_mut().enumerate() {
                    *value = (self.label_smoothing / width as f64 * self.weight(class)) as f32;
                }
            }
            row[label] += ((1.0 - self.label_smoothing) * self.weight(label)) as f32;
            weight += self.weight(label);
        }
        (HostTargets::Distributions { values, width }, weight)
    }

    fn weight(&self, class: usize) -> f64 {
        self.class_weights.as_ref().map_or(1.0, |weights| weights[class])
    }
}

/// The weights that make all classes count the same in sum: `num_rows / (num_classes * rows_of_class)`, as
/// scikit-learn's `class_weight="balanced"`. Classes without a row get 0.
fn balance(labels: impl Iterator<Item = usize>, num_labels: usize) -> Vec<f64> {
    let mut counts = vec![0usize; num_labels];
    for label in labels {
        counts[label] += 1;
    }
    let rows: usize = counts.iter().sum();
    counts.iter().map(|&count| if count == 0 { 0.0 } else { rows as f64 / (num_labels * count) as f64 }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Sums of `torch.nn.functional.cross_entropy` (2.15) over two rows of four classes.
    #[test]
    fn smoothing_and_weights_give_pytorchs_losses() {
        let logits = [[1.0, -0.5, 2.0, 0.25], [0.0, 3.0, -1.0, 0.5]];
        let loss = |label_smoothing: f64, class_weights: Option<Vec<f64>>| {
            let targets = ClassTargets { num_labels: 4, label_smoothing, class_weights };
            let (HostTargets::Distributions { values, width }, _) = targets.of(&[2, 0]) else { panic!("not classes") };
            let log_softmax = |row: &[f64; 4]| {
                let log_sum = row.iter().map(|value| value.exp()).sum::<f64>().ln();
                row.map(|value| value - log_sum)
            };
            let rows = logits.iter().map(log_softmax).zip(values.chunks(width));
            let products = rows.flat_map(|(row, targets)| row.into_iter().zip(targets.to_vec()));
            -products.map(|(log_probability, target)| log_probability * f64::from(target)).sum::<f64>()
        };
        let weights = Some(vec![0.5, 2.0, 1.0, 1.5]);
        for (found, expected) in [
            (loss(0.0, None), 3.6246564388275146),
            (loss(0.1, None), 3.693406581878662),
            (loss(0.1, weights), 2.3616814613342285),
        ] {
            assert!((found - expected).abs() < 1e-6, "{found}, not {expected}");
        }
    }

    #[test]
    fn balanced_weights_are_those_of_scikit_learn() {
        assert_eq!(balance([0, 0, 0, 1].into_iter(), 3), [4.0 / 9.0, 4.0 / 3.0, 0.0]);
        let run = RunConfig { class_weights: ClassWeights::Balanced, ..RunConfig::default() };
        let targets = ClassTargets::new(2, [0, 0, 0, 1].into_iter(), &run);
        assert_eq!(targets.of(&[0, 1, 1]).1, 2.0 / 3.0 + 2.0 + 2.0);
        assert_eq!(ClassTargets::new(2, [0].into_iter(), &RunConfig::default()).of(&[0, 1, 1]).1, 3.0);
    }

    #[test]
    fn rows_without_a_label_are_zeros_and_have_no_weight() {
        let targets = ClassTargets { num_labels: 2, label_smoothing: 0.2, class_weights: Some(vec![1.0, 3.0]) };
        let (found, weight) = targets.of_some([None, Some(1), None].into_iter());
        let values = vec![0.0, 0.0, 0.1, 2.7, 0.0, 0.0];
        assert_eq!((found, weight), (HostTargets::Distributions { values, width: 2 }, 3.0));
    }
}
