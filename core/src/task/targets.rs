//! What is learned of labels: a distribution over the classes for every output row, with label smoothing and class weights, in
//! PyTorch's meaning; by cross-entropy, or by focal loss.

use crate::config::{ClassSampling, ClassWeights, RunConfig};
use crate::data::HostTargets;
use crate::words::plural;

/// Classes that a note names, at most.
const MAX_NAMED: usize = 10;

/// How labels become targets.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct ClassTargets {
    num_labels: usize,
    /// Label smoothing in `[0, 1)`.
    label_smoothing: f64,
    /// Weight of each class; `None` means all are 1.
    class_weights: Option<Vec<f64>>,
    /// Of focal loss; 0 is cross-entropy.
    focal_gamma: f64,
}

impl ClassTargets {
    /// As a run has it; `trained` are the label ids of the rows to train on.
    pub(super) fn new(num_labels: usize, trained: impl Iterator<Item = usize>, run: &RunConfig) -> Self {
        let class_weights = match run.class_weights {
            ClassWeights::None => None,
            ClassWeights::Balanced => Some(balance(&count_classes(trained, num_labels))),
            ClassWeights::EffectiveNumber => {
                let beta = run.techniques.effective_number_beta;
                Some(weigh_by_effective_number(&count_classes(trained, num_labels), beta))
            }
        };
        let focal_gamma = run.techniques.focal_gamma;
        Self { num_labels, label_smoothing: run.label_smoothing_factor, class_weights, focal_gamma }
    }

    /// The same with cross-entropy whatever the run says: of several tasks some may have no focal loss.
    pub(super) fn with_cross_entropy(self) -> Self {
        Self { focal_gamma: 0.0, ..self }
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
        let targets = match self.focal_gamma {
            0.0 => HostTargets::Distributions { values, width },
            gamma => HostTargets::Focal { values, width, gamma },
        };
        (targets, weight)
    }

    fn weight(&self, class: usize) -> f64 {
        self.class_weights.as_ref().map_or(1.0, |weights| weights[class])
    }
}

/// The weights that make all classes count the same in sum: `num_rows / (num_classes * rows_of_class)`, as
/// scikit-learn's `class_weight="balanced"`. Classes without a row get 0.
fn balance(counts: &[usize]) -> Vec<f64> {
    let (rows, num_labels): (usize, usize) = (counts.iter().sum(), counts.len());
    counts.iter().map(|&count| if count == 0 { 0.0 } else { rows as f64 / (num_labels * count) as f64 }).collect()
}

/// The weights of <https://arxiv.org/abs/1901.05555>: `1 / E` of each class, `E = (1 - beta^rows) / (1 - beta)` being the
/// effective number of its rows, all times what makes their mean 1 over the classes that have rows. Classes without a row get
/// 0.
fn weigh_by_effective_number(counts: &[usize], beta: f64) -> Vec<f64> {
    let weights: Vec<f64> =
        counts.iter().map(|&count| if count == 0 { 0.0 } else { 1.0 / effective_number(count, beta) }).collect();
    let (sum, present) = (weights.iter().sum::<f64>(), counts.iter().filter(|&&count| count > 0).count());
    weights.into_iter().map(|weight| weight * present as f64 / sum.max(f64::MIN_POSITIVE)).collect()
}

/// How many rows so many count for where what they cover overlaps: `(1 - beta^rows) / (1 - beta)`. With a beta of 0 any
/// number counts as one, and towards 1 each counts for itself.
pub(super) fn effective_number(rows: usize, beta: f64) -> f64 {
    (1.0 - beta.powf(rows as f64)) / (1.0 - beta)
}

/// Says how many rows of each class an epoch has, where classes are evened out; `trained` are the label ids of the rows to train
/// on.
pub(super) fn note_of_sampling(
    labels: &[String],
    trained: impl Iterator<Item = usize>,
    run: &RunConfig,
) -> Option<String> {
    let sampling = run.techniques.class_sampling;
    if sampling == ClassSampling::None {
        return None;
    }
    let counts = count_classes(trained, labels.len());
    let rows = sampling.rows_an_epoch(&counts);
    let of_class =
        |((label, rows), count): ((&String, &usize), &usize)| format!("{rows} of {label} (which has {count})");
    let mut parts: Vec<String> = labels.iter().zip(&rows).zip(&counts).take(MAX_NAMED).map(of_class).collect();
    if labels.len() > MAX_NAMED {
        parts.push("…".to_owned());
    }
    let all: usize = rows.iter().sum();
    Some(format!("an epoch has {} to train on ({}): {}", plural(all, "row"), sampling.name(), parts.join(", ")))
}

/// Rows of each class.
fn count_classes(labels: impl Iterator<Item = usize>, num_labels: usize) -> Vec<usize> {
    let mut counts = vec![0usize; num_labels];
    for label in labels {
        counts[label] += 1;
    }
    counts
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Techniques;

    /// Sums of `torch.nn.functional.cross_entropy` (2.15) over two rows of four classes.
    #[test]
    fn smoothing_and_weights_give_pytorchs_losses() {
        let logits = [[1.0, -0.5, 2.0, 0.25], [0.0, 3.0, -1.0, 0.5]];
        let loss = |label_smoothing: f64, class_weights: Option<Vec<f64>>| {
            let targets = ClassTargets { num_labels: 4, label_smoothing, class_weights, focal_gamma: 0.0 };
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
        assert_eq!(balance(&count_classes([0, 0, 0, 1].into_iter(), 3)), [4.0 / 9.0, 4.0 / 3.0, 0.0]);
        let run = RunConfig { class_weights: ClassWeights::Balanced, ..RunConfig::default() };
        let targets = ClassTargets::new(2, [0, 0, 0, 1].into_iter(), &run);
        assert_eq!(targets.of(&[0, 1, 1]).1, 2.0 / 3.0 + 2.0 + 2.0);
        assert_eq!(ClassTargets::new(2, [0].into_iter(), &RunConfig::default()).of(&[0, 1, 1]).1, 3.0);
    }

    /// The lines of the authors' `class_balanced_loss.py`: `(1 - beta) / (1 - beta^n)`, divided by their sum, times the number
    /// of classes; computed with NumPy.
    #[test]
    fn effective_numbers_give_the_weights_of_their_paper() {
        let counts = [500, 50, 5];
        for (beta, expected) in [
            (0.9, [0.674_593_396_3, 0.678_088_110_0, 1.647_318_493_6]),
            (0.999, [0.034_110_773_7, 0.275_169_415_1, 2.690_719_811_1]),
            (0.0, [1.0, 1.0, 1.0]),
        ] {
            let found = weigh_by_effective_number(&counts, beta);
            let is_close = found.iter().zip(expected).all(|(found, expected)| (found - expected).abs() < 1e-9);
            assert!(is_close, "{beta}: {found:?}");
        }
        assert_eq!(weigh_by_effective_number(&[3, 0, 3], 0.9), [1.0, 0.0, 1.0]);
        let towards_one = weigh_by_effective_number(&counts, 0.999_999);
        let balanced = balance(&counts);
        let ratio = |weights: &[f64]| weights[2] / weights[0];
        assert!((ratio(&towards_one) / ratio(&balanced) - 1.0).abs() < 1e-3, "{towards_one:?}");
    }

    #[test]
    fn a_note_says_how_many_rows_of_each_class_an_epoch_has() {
        let labels = ["rare".to_owned(), "usual".to_owned()];
        let note = |class_sampling| {
            let techniques = Techniques { class_sampling, ..Techniques::default() };
            note_of_sampling(&labels, [1, 0, 1, 1].into_iter(), &RunConfig { techniques, ..RunConfig::default() })
        };
        assert_eq!(note(ClassSampling::None), None);
        let expected =
            "an epoch has 6 rows to train on (oversample): 3 of rare (which has 1), 3 of usual (which has 3)";
        assert_eq!(note(ClassSampling::Oversample).as_deref(), Some(expected));
    }

    #[test]
    fn a_gamma_makes_the_loss_focal_and_leaves_the_numbers_as_they_are() {
        let techniques = Techniques { focal_gamma: 2.0, ..Techniques::default() };
        let run = RunConfig { techniques, class_weights: ClassWeights::Balanced, ..RunConfig::default() };
        let targets = ClassTargets::new(2, [0, 0, 0, 1].into_iter(), &run);
        let (found, weight) = targets.of(&[1]);
        assert_eq!((found, weight), (HostTargets::Focal { values: vec![0.0, 2.0], width: 2, gamma: 2.0 }, 2.0));
        let (found, _) = targets.with_cross_entropy().of(&[1]);
        assert_eq!(found, HostTargets::Distributions { values: vec![0.0, 2.0], width: 2 });
    }

    #[test]
    fn rows_without_a_label_are_zeros_and_have_no_weight() {
        let class_weights = Some(vec![1.0, 3.0]);
        let targets = ClassTargets { num_labels: 2, label_smoothing: 0.2, class_weights, focal_gamma: 0.0 };
        let (found, weight) = targets.of_some([None, Some(1), None].into_iter());
        let values = vec![0.0, 0.0, 0.1, 2.7, 0.0, 0.0];
        assert_eq!((found, weight), (HostTargets::Distributions { values, width: 2 }, 3.0));
    }
}
