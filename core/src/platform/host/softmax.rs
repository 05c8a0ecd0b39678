//! Softmax over keys with a padding mask, forward and backward.

use burn::tensor::Tensor;
use burn_autodiff::Autodiff;
use burn_autodiff::checkpoint::base::Checkpointer;
use burn_autodiff::checkpoint::strategy::NoCheckpointing;
use burn_autodiff::grads::Gradients;
use burn_autodiff::ops::{Backward, Ops, OpsKind, unary};
use burn_flex::{Flex, FlexTensor};

use super::parallel::{map_rows, vectorised};
use super::{exact, lanes, lift, plain, recorded, shaped};

/// `scores` is `[batch, heads, seq, seq]`; `bias`, `[batch, 1, 1, seq]` without a gradient, is added first.
pub(crate) fn masked_softmax(scores: Tensor<4>, bias: Option<Tensor<4>>) -> Tensor<4> {
    let [_, heads, queries, keys] = scores.dims();
    let bias = bias.map(|bias| plain(bias.without_autodiff()));
    let rows_per_bias = heads * queries;
    if !scores.is_autodiff() {
        return lift(forward(plain(scores), bias.as_ref(), rows_per_bias, keys));
    }
    let (scores, node) = recorded(scores).into_parts();
    let probabilities = forward(exact(scores), bias.as_ref(), rows_per_bias, keys);
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

fn forward(scores: FlexTensor, bias: Option<&FlexTensor>, rows_per_bias: usize, keys: usize) -> FlexTensor {
    let values = scores.storage::<f32>();
    let mut output = vec![0f32; values.len()];
    let bias = bias.map(FlexTensor::storage::<f32>);
    map_rows(keys, values, &mut output, |first, scores, output| {
        vectorised(
            #[inline(always)]
            || {
                for (index, (scores, output)) in
                    scores.chunks_exact(keys).zip(output.chunks_exact_mut(keys)).enumerate()
                {
                    output.copy_from_slice(scores);
                    if let Some(bias) = bias {
                        let start = (first + index) / rows_per_bias * keys;
                        for (value, bias) in output.iter_mut().zip(&bias[start..start + keys]) {
                            *value += bias;
                        }
                    }
                    let mut max = f32::MIN;
                    for value in output.iter() {
                        max = if *value > max { *value } else { max };
                    }
                    for value in output.iter_mut() {
                        *value = lanes::exp(*value - max);
                    }
                    let inverse = 1.0 / lanes::sum(output);
                    for value in output.iter_mut() {
                        *value *= inverse;
                    }
                }
            },
        );
    });
    shaped(&scores, output)
}

/// `p (g - sum(p g))`
fn backward(probabilities: &FlexTensor, mut gradient: FlexTensor) -> FlexTensor {
    let keys = *probabilities.layout().shape().last().expect("scores have four dimensions");
    map_rows(keys, probabilities.storage(), gradient.storage_mut(), |_, probabilities, gradient| {
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
