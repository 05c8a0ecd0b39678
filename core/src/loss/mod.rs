//! Losses, one file a formula: each is a sum, which the trainer divides by the weight of the whole step.
//!
//! Whatever can be computed beforehand of targets (which class, which weight, which pairs) is a tensor made on the host, so
//! that a device needs a log-softmax, a product and a sum: `docs/adr/0003`. The tokens of a language model are the
//! exception (`tokens`): its scores are too large to be held.

mod binary;
mod consistency;
mod cosent;
mod cross_entropy;
mod focal;
#[cfg(all(test, feature = "cpu"))]
pub(crate) mod goldens;
mod negatives;
mod spans;
mod squared_error;
mod tokens;
mod vocabulary;

use burn::tensor::{Device, Tensor};

use crate::data::HostTargets;

pub use consistency::{row_weights, symmetric_divergence_sum};
pub use cross_entropy::cross_entropy_sum;
pub(crate) use tokens::rows_in_chunk;
pub use tokens::{TokenLoss, measure_tokens, token_cross_entropy};
pub use vocabulary::vocabulary_cross_entropy;

/// Sum of the losses of a batch, from all outputs of a head. Where nothing is to be given back it is 0.
///
/// # Shapes
/// - `outputs`: those of the head; see [`HeadKind`](crate::task::HeadKind)
/// - `text`: `[rows of text, seq]`
/// - returns: `[1]`
#[must_use]
pub fn loss_sum(outputs: Tensor<2>, targets: &HostTargets, text: [usize; 2], device: &Device) -> Tensor<1> {
    match targets {
        HostTargets::None | HostTargets::Positions(_) => outputs.mul_scalar(0.0).sum(),
        HostTargets::Distributions { values, width } => {
            cross_entropy_sum(outputs, cross_entropy::rows(values, *width, device))
        }
        HostTargets::Numbers { values, width } => {
            squared_error::squared_error_sum(outputs, cross_entropy::rows(values, *width, device))
        }
        HostTargets::Binary { positive, negative, .. } => {
            binary::binary_cross_entropy_sum(outputs, positive, negative, device)
        }
        HostTargets::Focal { values, width, gamma } => {
            focal::focal_sum(outputs, cross_entropy::rows(values, *width, device), *gamma)
        }
        HostTargets::FocalBinary { positive, negative, gamma, .. } => {
            focal::focal_binary_sum(outputs, positive, negative, *gamma, device)
        }
        HostTargets::Ids { positions, ids, label_smoothing } => {
            vocabulary::scores_at(outputs, positions, ids, *label_smoothing, device)
        }
        HostTargets::Spans { starts, ends } => spans::span_loss_sum(outputs, starts, ends, text[1], device),
        HostTargets::InBatchNegatives { anchors, targets, ignored, scale } => {
            negatives::in_batch_negatives_sum(outputs, *anchors, targets, ignored, *scale, device)
        }
        HostTargets::Scores { scores, scale } => cosent::cosent(outputs, scores, *scale, device),
    }
}

/// Loss of a batch that was passed twice, with different dropout (R-Drop): the mean of both losses, and `alpha` times how far
/// the answers are apart. `weights` are what each output row counts.
///
/// # Shapes
/// - `outputs`, `text`: as of [`loss_sum`], each of one pass
/// - returns: `[1]`
#[must_use]
pub fn loss_of_two(
    [first, second]: [Tensor<2>; 2],
    targets: &HostTargets,
    text: [usize; 2],
    (weights, alpha): (&[f32], f64),
    device: &Device,
) -> Tensor<1> {
    let losses = [&first, &second].map(|outputs| loss_sum(outputs.clone(), targets, text, device));
    let [one, other] = losses;
    (one + other).mul_scalar(0.5) + symmetric_divergence_sum(first, second, weights, device).mul_scalar(alpha)
}

#[cfg(all(test, feature = "cpu"))]
mod tests {
    use burn::tensor::TensorData;

    use super::*;

    /// Loss and gradient of outputs (`width` numbers a row) are those given.
    pub(super) fn check(
        outputs: &[f32],
        width: usize,
        targets: &HostTargets,
        text: [usize; 2],
        loss: f64,
        gradient: &[f64],
    ) {
        let device = Device::flex().autodiff();
        let data = TensorData::new(outputs.to_vec(), [outputs.len() / width, width]);
        let leaf = Tensor::<2>::from_data(data, &device).require_grad();
        let found = loss_sum(leaf.clone(), targets, text, &device);
        let gradients = found.backward();
        let found = f64::from(found.into_scalar::<f32>());
        assert!((found - loss).abs() <= 1e-6 * loss.abs().max(1.0), "loss {found}, not {loss}");
        let by_output = leaf.grad(&gradients).expect("the loss depends on the outputs").into_data();
        let by_output: Vec<f64> = by_output.iter::<f32>().map(f64::from).collect();
        assert_eq!(by_output.len(), gradient.len());
        let largest = gradient.iter().fold(1e-3f64, |largest, value| largest.max(value.abs()));
        for (index, (found, expected)) in by_output.iter().zip(gradient).enumerate() {
            assert!((found - expected).abs() < 1e-5 * largest, "gradient {index} is {found}, not {expected}");
        }
    }

    #[test]
    fn nothing_to_give_back_costs_nothing() {
        for targets in [HostTargets::None, HostTargets::Positions(vec![1])] {
            check(&[1.0, 2.0], 1, &targets, [2, 1], 0.0, &[0.0, 0.0]);
        }
    }
}
