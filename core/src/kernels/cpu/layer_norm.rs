//! Layer normalisation, forward and backward, a row at a time.

use std::mem::MaybeUninit;

use burn::tensor::Tensor;
use burn_autodiff::Autodiff;
use burn_autodiff::checkpoint::base::Checkpointer;
use burn_autodiff::checkpoint::strategy::NoCheckpointing;
use burn_autodiff::grads::Gradients;
use burn_autodiff::ops::{Backward, Ops, OpsKind};
use burn_flex::{Flex, FlexTensor};

use super::parallel::{filled, map_row_ranges, map_rows, vectorised};
use super::{exact, lanes, lift, plain, recorded, shaped, vector};

/// `x` is `[batch, seq, hidden]`, `weight` and `bias` are `[hidden]`; all on the CPU, all with autodiff or none.
pub(crate) fn layer_norm(x: Tensor<3>, weight: Tensor<1>, bias: Tensor<1>, eps: f64) -> Tensor<3> {
    let eps = eps as f32;
    if !x.is_autodiff() {
        let (x, weight, bias) = (plain(x), plain(weight), plain(bias));
        let (y, _) = forward(&x, &weight, &bias, eps);
        return lift(y);
    }
    let (x, x_node) = recorded(x).into_parts();
    let (weight, weight_node) = recorded(weight).into_parts();
    let (bias, bias_node) = recorded(bias).into_parts();
    let (x, weight, bias) = (exact(x), exact(weight), exact(bias));
    let (y, scale) = forward(&x, &weight, &bias, eps);
    let nodes = [x_node, weight_node, bias_node];
    let output = match LayerNorm.prepare::<NoCheckpointing>(nodes).compute_bound().stateful() {
        OpsKind::Tracked(prep) => prep.finish((x, weight, scale), y),
        OpsKind::UnTracked(prep) => prep.finish(y),
    };
    Tensor::from_primitive::<Autodiff<Flex>>(output)
}

#[derive(Debug)]
struct LayerNorm;

impl Backward<Flex, 3> for LayerNorm {
    /// Input, weight, and (mean, 1 / standard deviation) of each row.
    type State = (FlexTensor, FlexTensor, Vec<[f32; 2]>);

    fn backward(self, ops: Ops<Self::State, 3>, grads: &mut Gradients, _checkpointer: &mut Checkpointer) {
        let gradient = exact(grads.consume::<Flex>(&ops.node));
        let (x, weight, rows) = ops.state;
        let [x_node, weight_node, bias_node] = ops.parents;
        if weight_node.is_some() || bias_node.is_some() {
            let (for_weight, for_bias) = parameter_gradients(&x, &rows, &gradient);
            if let Some(node) = weight_node {
                grads.register::<Flex>(node.id, vector(for_weight));
            }
            if let Some(node) = bias_node {
                grads.register::<Flex>(node.id, vector(for_bias));
            }
        }
        if let Some(node) = x_node {
            grads.register::<Flex>(node.id, input_gradient(&x, &weight, &rows, gradient));
        }
    }
}

#[expect(unsafe_code, reason = "the result is not zeroed before it is written")]
fn forward(x: &FlexTensor, weight: &FlexTensor, bias: &FlexTensor, eps: f32) -> (FlexTensor, Vec<[f32; 2]>) {
    let (weight, bias) = (weight.storage::<f32>(), bias.storage::<f32>());
    let hidden = weight.len();
    let values = x.storage::<f32>();
    let scale = map_row_ranges(values.len() / hidden, hidden, |range| {
        vectorised(
            #[inline(always)]
            || {
                let mut scale = Vec::with_capacity(range.len());
                for row in range {
                    scale.push(moments(&values[row * hidden..(row + 1) * hidden], eps));
                }
                scale
            },
        )
    });
    let scale: Vec<[f32; 2]> = scale.into_iter().flatten().collect();
    let fill = |y: &mut [MaybeUninit<f32>]| {
        map_rows(hidden, values, y, |first, x, y| {
            vectorised(
                #[inline(always)]
                || {
                    let blocks = x.chunks_exact(hidden).zip(y.chunks_exact_mut(hidden)).zip(&scale[first..]);
                    for ((x, y), [mean, inverse]) in blocks {
                        for (((y, x), w), b) in y.iter_mut().zip(x).zip(weight).zip(bias) {
                            y.write((x - mean) * inverse * w + b);
                        }
                    }
                },
            );
        });
    };
    // SAFETY: `y` is as long as `values`, which are whole rows, and one value is written for each.
    let y = unsafe { filled(values.len(), fill) };
    (shaped(x, y), scale)
}

#[inline(always)]
fn moments(x: &[f32], eps: f32) -> [f32; 2] {
    let count = x.len() as f32;
    let mean = lanes::sum(x) / count;
    let variance = lanes::sum_by(x.len(), |index| (x[index] - mean) * (x[index] - mean)) / count;
    [mean, 1.0 / (variance + eps).sqrt()]
}

fn input_gradient(x: &FlexTensor, weight: &FlexTensor, rows: &[[f32; 2]], mut gradient: FlexTensor) -> FlexTensor {
    let weight = weight.storage::<f32>();
    let hidden = weight.len();
    map_rows(hidden, x.storage(), gradient.storage_mut::<f32>(), |first, x, gradient| {
        vectorised(
            #[inline(always)]
            || {
                let blocks = x.chunks_exact(hidden).zip(gradient.chunks_exact_mut(hidden)).zip(&rows[first..]);
                for ((x, gradient), [mean, inverse]) in blocks {
                    for (g, w) in gradient.iter_mut().zip(weight) {
                        *g *= w;
                    }
                    let sum = lanes::sum(gradient);
                    let dot = lanes::sum_by(x.len(), |index| gradient[index] * (x[index] - mean));
                    let (sum, dot) = (sum / hidden as f32, dot * inverse * inverse / hidden as f32);
                    for (g, x) in gradient.iter_mut().zip(x) {
                        *g = inverse * (*g - sum - (x - mean) * dot);
                    }
                }
            },
        );
    });
    gradient
}

fn parameter_gradients(x: &FlexTensor, rows: &[[f32; 2]], gradient: &FlexTensor) -> (Vec<f32>, Vec<f32>) {
    let (x, gradient) = (x.storage::<f32>(), gradient.storage::<f32>());
    let hidden = x.len() / rows.len();
    let parts = map_row_ranges(rows.len(), hidden, |range| {
        let (mut for_weight, mut for_bias) = (vec![0f32; hidden], vec![0f32; hidden]);
        vectorised(
            #[inline(always)]
            || {
                for row in range {
                    let values = row * hidden..(row + 1) * hidden;
                    let [mean, inverse] = rows[row];
                    let pairs = x[values.clone()].iter().zip(&gradient[values]);
                    for (((x, g), w), b) in pairs.zip(&mut for_weight).zip(&mut for_bias) {
                        *w += g * (x - mean) * inverse;
                        *b += g;
                    }
                }
            },
        );
        (for_weight, for_bias)
    });
    let (mut for_weight, mut for_bias) = (vec![0f32; hidden], vec![0f32; hidden]);
    for (part_weight, part_bias) in parts {
        for ((sum, part), (bias_sum, bias_part)) in
            for_weight.iter_mut().zip(part_weight).zip(for_bias.iter_mut().zip(part_bias))
        {
            *sum += part;
            *bias_sum += bias_part;
        }
    }
    (for_weight, for_bias)
}
