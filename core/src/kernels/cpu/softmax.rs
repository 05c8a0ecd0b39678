//! Softmax over keys with a padding mask, forward and backward.

use std::mem::MaybeUninit;

use burn::tensor::Tensor;
use burn_autodiff::Autodiff;
use burn_autodiff::checkpoint::base::Checkpointer;
use burn_autodiff::checkpoint::strategy::NoCheckpointing;
use burn_autodiff::grads::Gradients;
use burn_autodiff::ops::{Backward, Ops, OpsKind, unary};
use burn_flex::{Flex, FlexTensor};

use super::lanes::LANES;
use super::parallel::{filled, map_rows, vectorised};
use super::{exact, lanes, lift, plain, recorded, shaped};

/// `scores` is `[batch, heads, queries, keys]`; `bias`, `[batch or 1, 1, queries or 1, keys]` without a gradient, is
/// added first.
pub(crate) fn masked_softmax(scores: Tensor<4>, bias: Option<Tensor<4>>) -> Tensor<4> {
    let [_, heads, queries, keys] = scores.dims();
    let bias = bias.map(|bias| {
        let [texts, _, rows, _] = bias.dims();
        let bias = plain(bias.without_autodiff());
        Bias { values: bias, heads, queries, texts, rows }
    });
    if !scores.is_autodiff() {
        return lift(forward(plain(scores), bias.as_ref(), keys));
    }
    let (scores, node) = recorded(scores).into_parts();
    let probabilities = forward(exact(scores), bias.as_ref(), keys);
    let output = match Softmax.prepare::<NoCheckpointing>([node]).compute_bound().stateful() {
        OpsKind::Tracked(prep) => prep.finish(probabilities.clone(), probabilities),
        OpsKind::UnTracked(prep) => prep.finish(probabilities),
    };
    Tensor::from_primitive::<Autodiff<Flex>>(output)
}

#[derive(Debug)]
struct Softmax;

impl Backward<Flex, 1> for Softmax {
    /// The probabilities.
    type State = FlexTensor;

    fn backward(self, ops: Ops<Self::State, 1>, grads: &mut Gradients, _checkpointer: &mut Checkpointer) {
        let probabilities = ops.state;
        unary::<Flex, _>(ops.parents, ops.node, grads, |gradient| backward(&probabilities, exact(gradient)));
    }
}

/// `[texts, 1, rows, keys]`, each of the two repeated where it is 1.
struct Bias {
    values: FlexTensor,
    heads: usize,
    queries: usize,
    texts: usize,
    rows: usize,
}

impl Bias {
    /// The row that belongs to a row of the scores.
    fn row_of(&self, score_row: usize) -> usize {
        let (text, query) = (score_row / (self.heads * self.queries), score_row % self.queries);
        text.min(self.texts - 1) * self.rows + query.min(self.rows - 1)
    }
}

#[expect(unsafe_code, reason = "the result is not zeroed before it is written")]
fn forward(scores: FlexTensor, bias: Option<&Bias>, keys: usize) -> FlexTensor {
    let values = scores.storage::<f32>();
    let bias = bias.map(|bias| (bias, bias.values.storage::<f32>()));
    let fill = |output: &mut [MaybeUninit<f32>]| {
        map_rows(keys, values, output, |first, scores, output| {
            vectorised(
                #[inline(always)]
                || {
                    for (index, (scores, output)) in
                        scores.chunks_exact(keys).zip(output.chunks_exact_mut(keys)).enumerate()
                    {
                        let row = output.write_copy_of_slice(scores);
                        if let Some((bias, values)) = bias {
                            let start = bias.row_of(first + index) * keys;
                            for (value, bias) in row.iter_mut().zip(&values[start..start + keys]) {
                                *value += bias;
                            }
                        }
                        normalise(row);
                    }
                },
            );
        });
    };
    // SAFETY: `output` is as long as `values`, which are whole rows, and every row is copied to it.
    let output = unsafe { filled(values.len(), fill) };
    shaped(&scores, output)
}

/// A row of scores to its probabilities.
#[inline(always)]
fn normalise(row: &mut [f32]) {
    let mut maxima = [f32::MIN; LANES];
    let (blocks, rest) = row.as_chunks::<LANES>();
    for block in blocks {
        for lane in 0..LANES {
            maxima[lane] = if block[lane] > maxima[lane] { block[lane] } else { maxima[lane] };
        }
    }
    let max = maxima.iter().chain(rest).fold(f32::MIN, |max, &value| if value > max { value } else { max });
    for value in row.iter_mut() {
        *value = lanes::exp(*value - max);
    }
    let inverse = 1.0 / lanes::sum(row);
    for value in row.iter_mut() {
        *value *= inverse;
    }
}

/// `p (g - sum(p g))`
fn backward(probabilities: &FlexTensor, mut gradient: FlexTensor) -> FlexTensor {
    let keys = *probabilities.layout().shape().last().expect("scores have four dimensions");
    map_rows(keys, probabilities.storage(), gradient.storage_mut::<f32>(), |_, probabilities, gradient| {
        vectorised(
            #[inline(always)]
            || {
                for (p, g) in probabilities.chunks_exact(keys).zip(gradient.chunks_exact_mut(keys)) {
                    let dot = lanes::dot(p, g);
                    for (g, p) in g.iter_mut().zip(p) {
                        *g = p * (*g - dot);
                    }
                }
            },
        );
    });
    gradient
}
