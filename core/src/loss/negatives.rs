//! In-batch negatives: each anchor is to be closer to its own candidate than to all others of the batch
//! (<https://arxiv.org/abs/1705.00652>; InfoNCE, <https://arxiv.org/abs/1807.03748>).
//!
//! Reference: `MultipleNegativesRankingLoss` of sentence-transformers v6, with the cosine and a sum over the anchors.

use burn::tensor::{Device, Tensor};

use super::cross_entropy::{cross_entropy_sum, one_hot, rows};
use crate::kernels::matmul;

/// Added to the score of a candidate that is left out: finite, so that no row becomes NaN.
const LEFT_OUT: f32 = -1e9;

/// # Shapes
/// - `outputs`: `[anchors + candidates, hidden]`, of length 1 each
/// - `targets`: `[anchors]`; `ignored`: `[anchors, candidates]`, or empty
/// - returns: `[1]`
pub(super) fn in_batch_negatives_sum(
    outputs: Tensor<2>,
    anchors: usize,
    targets: &[i32],
    ignored: &[f32],
    scale: f32,
    device: &Device,
) -> Tensor<1> {
    let candidates = outputs.dims()[0] - anchors;
    let first = outputs.clone().narrow(0, 0, anchors);
    let others = outputs.narrow(0, anchors, candidates);
    let mut scores = matmul(first, others.transpose()).mul_scalar(scale); // [anchors, candidates]
    if ignored.contains(&1.0) {
        scores = scores + rows(ignored, candidates, device).mul_scalar(LEFT_OUT);
    }
    cross_entropy_sum(scores, one_hot(targets.iter().copied(), candidates, 1.0, device))
}

#[cfg(all(test, feature = "cpu"))]
mod tests {
    use super::super::tests::check;
    use crate::data::HostTargets;

    /// Two anchors and three candidates.
    const VECTORS: [f32; 15] = [
        0.872_871_5,
        0.436_435_76,
        -0.218_217_88,
        0.218_217_88,
        -0.436_435_76,
        0.872_871_5,
        0.970_142_54,
        0.242_535_64,
        0.0,
        0.0,
        -0.554_700_2,
        0.832_050_3,
        0.514_495_8,
        0.514_495_8,
        0.685_994_4,
    ];

    fn targets(ignored: Vec<f32>) -> HostTargets {
        HostTargets::InBatchNegatives { anchors: 2, targets: vec![0, 1], ignored, scale: 2.0 }
    }

    /// `torch.nn.functional.cross_entropy` (2.15) of `2 * anchors @ candidates.T` in f64, with `reduction="sum"`.
    #[test]
    fn anchors_are_compared_with_all_candidates() {
        let gradient = [
            -0.342_957_267,
            0.086_755_325,
            0.462_471_53,
            0.473_334_972,
            0.705_181_519,
            -0.261_549_363,
            -0.522_673_721,
            -0.385_979_06,
            0.342_560_169,
            -0.081_802_628,
            0.350_613_204,
            -0.645_124_024,
            0.604_476_35,
            0.035_365_856,
            0.302_563_855,
        ];
        check(&VECTORS, 3, &targets(Vec::new()), [5, 1], 0.841_893_704, &gradient);
    }

    /// The same with `masked_fill(…, -inf)` at the third candidate of the first anchor.
    #[test]
    fn a_candidate_that_is_left_out_counts_nothing() {
        let gradient = [
            -0.116_296_215,
            -0.095_568_956,
            0.099_742_357,
            0.473_334_972,
            0.705_181_519,
            -0.261_549_363,
            -0.054_778_934,
            -0.152_031_666,
            0.225_586_472,
            -0.051_969_994,
            0.365_529_521,
            -0.652_582_182,
            0.106_748_928,
            -0.213_497_855,
            0.426_995_711,
        ];
        check(&VECTORS, 3, &targets(vec![0.0, 0.0, 1.0, 0.0, 0.0, 0.0]), [5, 1], 0.506_268_211, &gradient);
    }
}
