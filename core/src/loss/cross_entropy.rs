//! Cross-entropy with a distribution over classes for every row: class weights and label smoothing are in its numbers, in
//! the meaning of <https://docs.pytorch.org/docs/stable/generated/torch.nn.CrossEntropyLoss.html>.

use burn::tensor::{Device, Tensor, TensorData, activation};

/// Sum over the rows of the cross-entropy with `targets`: `-(targets * log_softmax(logits))`. A row of zeros counts
/// nothing.
///
/// # Shapes
/// - `logits`, `targets`: `[rows, width]`
/// - returns: `[1]`
#[must_use]
pub fn cross_entropy_sum(logits: Tensor<2>, targets: Tensor<2>) -> Tensor<1> {
    (activation::log_softmax(logits, 1) * targets).sum().neg()
}

/// Numbers of the host as rows.
///
/// # Shapes
/// - returns: `[rows, width]`
pub(super) fn rows(values: &[f32], width: usize, device: &Device) -> Tensor<2> {
    Tensor::from_data(TensorData::new(values.to_vec(), [values.len() / width.max(1), width]), device)
}

/// `value` at one index of each row, and zeros elsewhere; a row whose index lies outside is all zeros.
///
/// # Shapes
/// - returns: `[indices, width]`
pub(super) fn one_hot(indices: impl Iterator<Item = i32>, width: usize, value: f32, device: &Device) -> Tensor<2> {
    let mut values = Vec::new();
    for index in indices {
        let row = values.len();
        values.resize(row + width, 0.0);
        if let Some(index) = usize::try_from(index).ok().filter(|&index| index < width) {
            values[row + index] = value;
        }
    }
    rows(&values, width, device)
}

#[cfg(all(test, feature = "cpu"))]
mod tests {
    use super::super::tests::check;
    use crate::data::HostTargets;

    const LOGITS: [f32; 12] = [1.0, -0.5, 2.0, 0.25, 0.0, 3.0, -1.0, 0.5, 5.0, 0.0, 1.0, 2.0];

    /// `torch.nn.functional.cross_entropy` (2.15) of labels 2, 0 and -100, with the class weights 0.5, 2, 1 and 1.5, label
    /// smoothing 0.1 and `reduction="sum"`.
    #[test]
    fn distributions_give_pytorchs_losses() {
        let values = vec![0.0125, 0.05, 0.925, 0.0375, 0.4625, 0.05, 0.025, 0.0375, 0.0, 0.0, 0.0, 0.0];
        let gradient = [
            0.219_727_308,
            0.001_816_916,
            -0.293_740_66,
            0.072_196_409,
            -0.437_610_507,
            0.449_918_36,
            -0.015_843_675,
            0.003_535_797,
            0.0,
            0.0,
            0.0,
            0.0,
        ];
        check(&LOGITS, 4, &HostTargets::Distributions { values, width: 4 }, [3, 1], 2.361_681_461, &gradient);
    }
}
