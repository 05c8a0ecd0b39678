//! Cross-entropy over a vocabulary where its scores are held: a head that makes them by more than a product with a table,
//! as masked language models have it, and the reference for `tokens`.

use burn::tensor::{Device, Int, Tensor, TensorData, activation};

/// Weighted sum of the cross-entropies: `-(1 - e) ln p[id] - e mean(ln p)`, `e` being the label smoothing.
///
/// # Shapes
/// - `scores`: `[rows, vocab]`; `ids`, `weights`: one a row
/// - returns: `[1]`
#[must_use]
pub fn vocabulary_cross_entropy(scores: Tensor<2>, ids: &[i32], weights: &[f32], label_smoothing: f64) -> Tensor<1> {
    let device = scores.device();
    let weights = Tensor::<2>::from_data(TensorData::new(weights.to_vec(), [weights.len(), 1]), &device);
    (smoothed(scores, ids, label_smoothing) * weights).sum().neg()
}

/// The same, unweighted, of the scores at some positions.
///
/// # Shapes
/// - `scores`: `[batch * seq, vocab]`; `positions`, `ids`: one a target
/// - returns: `[1]`
pub(super) fn scores_at(
    scores: Tensor<2>,
    positions: &[i32],
    ids: &[i32],
    label_smoothing: f64,
    device: &Device,
) -> Tensor<1> {
    let positions = Tensor::<1, Int>::from_data(TensorData::new(positions.to_vec(), [positions.len()]), device);
    smoothed(scores.select(0, positions), ids, label_smoothing).sum().neg()
}

/// # Shapes
/// - `scores`: `[rows, vocab]`
/// - returns: `[rows, 1]`
fn smoothed(scores: Tensor<2>, ids: &[i32], label_smoothing: f64) -> Tensor<2> {
    let of_ids = log_probabilities(scores.clone(), ids);
    match label_smoothing > 0.0 {
        true => {
            let mean = activation::log_softmax(scores, 1).mean_dim(1);
            of_ids.mul_scalar(1.0 - label_smoothing) + mean.mul_scalar(label_smoothing)
        }
        false => of_ids,
    }
}

/// # Shapes
/// - `scores`: `[rows, vocab]`
/// - returns: `[rows, 1]`
pub(super) fn log_probabilities(scores: Tensor<2>, ids: &[i32]) -> Tensor<2> {
    let ids = Tensor::<2, Int>::from_data(TensorData::new(ids.to_vec(), [ids.len(), 1]), &scores.device());
    activation::log_softmax(scores, 1).gather(1, ids)
}

#[cfg(all(test, feature = "cpu"))]
mod tests {
    use super::super::tests::check;
    use super::*;
    use crate::data::HostTargets;

    const SCORES: [f32; 12] = [1.0, -0.5, 2.0, 0.25, 0.0, 3.0, -1.0, 0.5, 5.0, 0.0, 1.0, 2.0];

    /// `torch.nn.functional.cross_entropy` (2.15) of rows 2 and 0 with the classes 3 and 1, with `reduction="sum"`.
    #[test]
    fn ids_at_positions_give_pytorchs_losses() {
        let gradient = [
            0.226_563_23,
            -0.949_446_917,
            0.615_862_727,
            0.107_020_892,
            0.0,
            0.0,
            0.0,
            0.0,
            0.930_370_45,
            0.006_268_785,
            0.017_040_325,
            -0.953_679_562,
        ];
        let targets = HostTargets::Ids { positions: vec![2, 0], ids: vec![3, 1], label_smoothing: 0.0 };
        check(&SCORES, 4, &targets, [1, 3], 6.056_903_839, &gradient);
    }

    #[test]
    fn weights_multiply_the_loss_of_a_row() {
        let scores = Tensor::<2>::from_data(TensorData::new(SCORES.to_vec(), [3, 4]), &Device::flex());
        let loss = |weights: [f32; 3]| vocabulary_cross_entropy(scores.clone(), &[1, 0, 3], &weights, 0.0);
        let loss = |weights: [f32; 3]| f64::from(loss(weights).into_scalar::<f32>());
        assert!((loss([1.0, 0.0, 1.0]) - 6.056_903_839).abs() < 1e-5);
        assert!((loss([0.5, 0.0, 0.5]) - 3.028_451_919).abs() < 1e-5);
    }
}
