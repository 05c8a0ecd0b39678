//! Cross-entropy over classes, with label smoothing and class weights, in PyTorch's meaning.
//!
//! The target distribution of each row is built on the host, so that the device needs one product and one sum.

use burn::tensor::{Device, Tensor, TensorData, activation};

/// What a row's loss looks like apart from its logits.
#[derive(Debug, Clone, PartialEq)]
pub struct LossConfig {
    /// Classes.
    pub num_labels: usize,
    /// Label smoothing in `[0, 1)`.
    pub label_smoothing: f64,
    /// Weight of each class; `None` means all are 1.
    pub class_weights: Option<Vec<f64>>,
}

impl LossConfig {
    /// The weights that make all classes count the same in sum: `num_rows / (num_classes * rows_of_class)`, as
    /// scikit-learn's `class_weight="balanced"`. Classes without a row get 0.
    #[must_use]
    pub fn balanced(labels: impl Iterator<Item = usize>, num_labels: usize) -> Vec<f64> {
        let mut counts = vec![0usize; num_labels];
        for label in labels {
            counts[label] += 1;
        }
        let rows: usize = counts.iter().sum();
        counts.iter().map(|&count| if count == 0 { 0.0 } else { rows as f64 / (num_labels * count) as f64 }).collect()
    }

    /// What the losses of these rows are divided by for their mean: the sum of their classes' weights.
    #[must_use]
    pub fn weight_sum(&self, labels: impl Iterator<Item = usize>) -> f64 {
        labels.map(|label| self.weight(label)).sum()
    }

    /// Target distributions: `(1 - s) w[y]` on the label and `s / C * w[c]` on every class, after PyTorch's
    /// `cross_entropy` (<https://docs.pytorch.org/docs/stable/generated/torch.nn.CrossEntropyLoss.html>).
    ///
    /// # Shapes
    /// - returns: `[batch, labels]`
    #[must_use]
    pub fn targets(&self, labels: &[i32], device: &Device) -> Tensor<2> {
        let classes = self.num_labels;
        let mut values = vec![0f32; labels.len() * classes];
        for (row, &label) in values.chunks_mut(classes).zip(labels) {
            if self.label_smoothing > 0.0 {
                for (class, value) in row.iter_mut().enumerate() {
                    *value = (self.label_smoothing / classes as f64 * self.weight(class)) as f32;
                }
            }
            let label = label as usize;
            row[label] += ((1.0 - self.label_smoothing) * self.weight(label)) as f32;
        }
        Tensor::from_data(TensorData::new(values, [labels.len(), classes]), device)
    }

    fn weight(&self, class: usize) -> f64 {
        self.class_weights.as_ref().map_or(1.0, |weights| weights[class])
    }
}

/// Sum over the rows of the cross-entropy with `targets`.
///
/// # Shapes
/// - `logits`, `targets`: `[batch, labels]`
/// - returns: `[1]`
#[must_use]
pub fn cross_entropy_sum(logits: Tensor<2>, targets: Tensor<2>) -> Tensor<1> {
    (activation::log_softmax(logits, 1) * targets).sum().neg()
}

#[cfg(all(test, feature = "cpu"))]
mod tests {
    use super::*;

    /// Sums of `torch.nn.functional.cross_entropy` (2.15) over two rows of four classes.
    #[test]
    fn smoothing_and_weights_give_pytorchs_losses() {
        let device = Device::flex();
        let values = vec![1.0f32, -0.5, 2.0, 0.25, 0.0, 3.0, -1.0, 0.5];
        let loss = |label_smoothing: f64, class_weights: Option<Vec<f64>>| {
            let config = LossConfig { num_labels: 4, label_smoothing, class_weights };
            let logits = Tensor::from_data(TensorData::new(values.clone(), [2, 4]), &device);
            let sum = cross_entropy_sum(logits, config.targets(&[2, 0], &device));
            f64::from(sum.into_data().try_to_vec::<f32>().expect("it is f32")[0])
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
}
