//! Where a span begins and where it ends: half the sum of two cross-entropies over all tokens of a row.
//!
//! Reference: `transformers` v5.24, `BertForQuestionAnswering`. Padding takes part in both softmaxes, and a position
//! outside the row counts nothing (`ignored_index`).

use burn::tensor::{Device, Tensor};

use super::cross_entropy::{cross_entropy_sum, one_hot};

/// # Shapes
/// - `outputs`: `[batch * seq, 2]`, scores as first and as last token; `starts`, `ends`: `[batch]`
/// - returns: `[1]`
pub(super) fn span_loss_sum(
    outputs: Tensor<2>,
    starts: &[i32],
    ends: &[i32],
    seq: usize,
    device: &Device,
) -> Tensor<1> {
    let batch = starts.len();
    let scores = outputs.reshape([batch, seq, 2]).swap_dims(1, 2).reshape([batch * 2, seq]);
    let positions = starts.iter().zip(ends).flat_map(|(&start, &end)| [start, end]);
    cross_entropy_sum(scores, one_hot(positions, seq, 0.5, device))
}

#[cfg(all(test, feature = "cpu"))]
mod tests {
    use super::super::tests::check;
    use crate::data::HostTargets;

    /// Two rows of three tokens.
    const SCORES: [f32; 12] = [1.0, 0.5, -0.5, 2.0, 0.25, -1.0, 0.0, 0.75, 3.0, -0.25, 0.5, 1.5];

    /// The lines of `transformers` that clamp positions and add two `torch.nn.functional.cross_entropy` (2.15), with
    /// `reduction="sum"`.
    #[test]
    fn spans_give_the_losses_of_transformers() {
        let gradient = [
            0.294_898_808,
            0.087_645_195,
            -0.434_199_184,
            0.392_798_513,
            0.139_300_331,
            -0.480_443_716,
            -0.478_006_75,
            0.143_476_978,
            0.441_746_056,
            0.052_782_238,
            0.036_260_72,
            -0.196_259_201,
        ];
        let targets = HostTargets::Spans { starts: vec![1, 0], ends: vec![2, 2] };
        check(&SCORES, 2, &targets, [2, 3], 4.445_796_967, &gradient);
    }

    #[test]
    fn a_position_outside_the_row_counts_nothing() {
        let mut gradient =
            vec![0.294_898_808, 0.087_645_195, -0.434_199_184, 0.392_798_513, 0.139_300_331, -0.480_443_716];
        gradient.resize(12, 0.0);
        for (start, end) in [(3, 7), (-1, -100)] {
            let targets = HostTargets::Spans { starts: vec![1, start], ends: vec![2, end] };
            check(&SCORES, 2, &targets, [2, 3], 2.634_643_555, &gradient);
        }
    }
}
