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
