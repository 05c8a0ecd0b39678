//! CoSENT: of two pairs, the one with the higher score is to have the higher cosine (<https://kexue.fm/archives/8847>).
//!
//! Reference: `CoSENTLoss` of sentence-transformers v6: `ln(1 + sum exp(scale * (cos_j - cos_i)))` over all `i, j` with
//! `scores[i] > scores[j]`.

use burn::tensor::{Device, Tensor};

use super::cross_entropy::{cross_entropy_sum, one_hot, rows};

/// Added to what is not compared: finite, so that nothing becomes NaN.
const LEFT_OUT: f32 = -1e9;

/// # Shapes
/// - `outputs`: `[2 * pairs, hidden]`, of length 1 each: all first texts, then all second ones; `scores`: `[pairs]`
/// - returns: `[1]`
pub(super) fn cosent(outputs: Tensor<2>, scores: &[f32], scale: f32, device: &Device) -> Tensor<1> {
    let pairs = scores.len();
    let (first, second) = (outputs.clone().narrow(0, 0, pairs), outputs.narrow(0, pairs, pairs));
    let cosines = (first * second).sum_dim(1).mul_scalar(scale); // [pairs, 1]
    let left_out: Vec<f32> = scores
        .iter()
        .flat_map(|&lower| scores.iter().map(move |&higher| if lower < higher { 0.0 } else { LEFT_OUT }))
        .collect();
    // Row j, column i: cos_j - cos_i.
    let differences = cosines.clone() - cosines.transpose() + rows(&left_out, pairs, device); // [pairs, pairs]
    let differences = differences.reshape([1, pairs * pairs]);
    // ln(e^0 + sum e^x) is the cross-entropy of a row that holds a 0 besides, with this 0 as the class.
    let logits = Tensor::cat(vec![rows(&[0.0], 1, device), differences], 1);
    cross_entropy_sum(logits, one_hot([0].into_iter(), pairs * pairs + 1, 1.0, device))
}

#[cfg(all(test, feature = "cpu"))]
mod tests {
    use super::super::tests::check;
    use crate::data::HostTargets;

    /// Three pairs.
    const VECTORS: [f32; 12] = [
        0.894_427_2,
        0.447_213_6,
        0.447_213_6,
        -0.894_427_2,
        0.242_535_64,
        0.970_142_54,
        0.970_142_54,
        0.242_535_64,
        0.447_213_6,
        0.894_427_2,
        0.8,
        -0.6,
    ];

    fn targets(scores: [f32; 3]) -> HostTargets {
        HostTargets::Scores { scores: scores.into(), scale: 2.0 }
    }

    /// The loss is that of `CoSENTLoss` (sentence-transformers 6.2), the gradient that of its lines behind the cosine (torch
    /// 2.15, f64). Two scores are equal.
    #[test]
    fn pairs_are_ordered_by_their_scores() {
        let gradient = [
            1.751_051_619,
            0.437_762_905,
            -0.859_919_188,
            -1.719_838_376,
            0.094_316_135,
            -0.070_737_103,
            1.614_389_734,
            0.807_194_867,
            -0.859_919_188,
            1.719_838_376,
            0.028_593_779,
            0.114_375_118,
        ];
        check(&VECTORS, 2, &targets([0.25, 1.0, 0.25]), [6, 1], 3.254_992_537, &gradient);
    }

    #[test]
    fn equal_scores_are_not_compared() {
        check(&VECTORS, 2, &targets([0.5; 3]), [6, 1], 0.0, &[0.0; 12]);
    }
}
