//! Binary cross-entropy of every output, as
//! <https://docs.pytorch.org/docs/stable/generated/torch.nn.BCEWithLogitsLoss.html> with `reduction="sum"`.
//!
//! `ln sigmoid(x)` and `ln sigmoid(-x)` are the log-softmax of `(x, 0)`, which neither overflows nor has a kink.

use burn::tensor::{Device, Tensor};

use super::cross_entropy::{cross_entropy_sum, rows};

/// `-(positive * ln sigmoid(x) + negative * ln sigmoid(-x))`, summed over all outputs `x`.
///
/// # Shapes
/// - `outputs`: `[rows, width]`; `positive`, `negative`: the same on the host
/// - returns: `[1]`
pub(super) fn binary_cross_entropy_sum(
    outputs: Tensor<2>,
    positive: &[f32],
    negative: &[f32],
    device: &Device,
) -> Tensor<1> {
    let (logits, targets) = as_two_classes(outputs, positive, negative);
    cross_entropy_sum(logits, rows(&targets, 2, device))
}

/// Each output as a row of two classes, yes and no, and the targets of these rows, row after row.
///
/// # Shapes
/// - `outputs`: `[rows, width]`; `positive`, `negative`: the same on the host
/// - returns logits: `[rows * width, 2]`
pub(super) fn as_two_classes(outputs: Tensor<2>, positive: &[f32], negative: &[f32]) -> (Tensor<2>, Vec<f32>) {
    let count = outputs.shape().num_elements();
    let outputs = outputs.reshape([count, 1]);
    let logits = Tensor::cat(vec![outputs.clone(), Tensor::zeros_like(&outputs)], 1); // [count, 2]
    let pairs = positive.iter().zip(negative);
    (logits, pairs.flat_map(|(&positive, &negative)| [positive, negative]).collect())
}

#[cfg(all(test, feature = "cpu"))]
mod tests {
    use super::super::tests::check;
    use crate::data::HostTargets;

    /// `torch.nn.functional.binary_cross_entropy_with_logits` (2.15) with the positive weights 2, 1, 0.5 and 3, for large
    /// outputs too.
    #[test]
    fn labels_that_may_all_hold_give_pytorchs_losses() {
        let outputs = [1.0, -0.5, 2.0, 0.25, 0.0, 30.0, -40.0, 0.5];
        let positive = vec![2.0, 0.0, 0.5, 0.0, 0.0, 1.0, 0.5, 0.0];
        let negative = vec![0.0, 1.0, 0.0, 1.0, 1.0, 0.0, 0.0, 1.0];
        let gradient = [-0.537_882_805, 0.377_540_678, -0.059_601_486, 0.562_176_526, 0.5, 0.0, -0.5, 0.622_459_352];
        check(&outputs, 4, &HostTargets::Binary { positive, negative, width: 4 }, [2, 1], 23.657_228_47, &gradient);
    }
}
