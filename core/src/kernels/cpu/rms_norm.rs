//! Root mean square normalisation, forward and backward, a row at a time.

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

/// `x` is `[.., hidden]`, `weight` is `[hidden]`; both on the CPU, both with autodiff or none.
pub(crate) fn rms_norm<const D: usize>(x: Tensor<D>, weight: Tensor<1>, eps: f64) -> Tensor<D> {
    let eps = eps as f32;
    if !x.is_autodiff() {
        let (y, _) = forward(&plain(x), &plain(weight), eps);
        return lift(y);
    }
    let (x, x_node) = recorded(x).into_parts();
    let (weight, weight_node) = recorded(weight).into_parts();
    let (x, weight) = (exact(x), exact(weight));
    let (y, inverses) = forward(&x, &weight, eps);
    let output = match RmsNorm.prepare::<NoCheckpointing>([x_node, weight_node]).compute_bound().stateful() {
        OpsKind::Tracked(prep) => prep.finish((x, weight, inverses), y),
        OpsKind::UnTracked(prep) => prep.finish(y),
    };
    Tensor::from_primitive::<Autodiff<Flex>>(output)
}

#[derive(Debug)]
struct RmsNorm;

impl Backward<Flex, 2> for RmsNorm {
    /// Input, weight, and 1 / root mean square of each row.
    type State = (FlexTensor, FlexTensor, Vec<f32>);

    fn backward(self, ops: Ops<Self::State, 2>, grads: &mut Gradients, _checkpointer: &mut Checkpointer) {
        let gradient = exact(grads.consume::<Flex>(&ops.node));
        let (x, weight, inverses) = ops.state;
        let [x_node, weight_node] = ops.parents;
        if let Some(node) = weight_node {
            grads.register::<Flex>(node.id, vector(weight_gradient(&x, &inverses, &gradient)));
        }
        if let Some(node) = x_node {
            grads.register::<Flex>(node.id, input_gradient(&x, &weight, &inverses, gradient));
        }
    }
}

#[expect(unsafe_code, reason = "the result is not zeroed before it is written")]
fn forward(x: &FlexTensor, weight: &FlexTensor, eps: f32) -> (FlexTensor, Vec<f32>) {
    let weight = weight.storage::<f32>();
    let hidden = weight.len();
    let values = x.storage::<f32>();
    let inverses = map_row_ranges(values.len() / hidden, hidden, |range| {
        vectorised(
            #[inline(always)]
            || {
                let mut inverses = Vec::with_capacity(range.len());
                for row in range {
                    let x = &values[row * hidden..(row + 1) * hidden];
                    inverses.push(1.0 / (mean_of_products(x, x) + eps).sqrt());
                }
                inverses
            },
        )
    });
    let inverses: Vec<f32> = inverses.into_iter().flatten().collect();
    let fill = |y: &mut [MaybeUninit<f32>]| {
        map_rows(hidden, values, y, |first, x, y| {
            vectorised(
                #[inline(always)]
                || {
                    let rows = x.chunks_exact(hidden).zip(y.chunks_exact_mut(hidden)).zip(&inverses[first..]);
                    for ((x, y), inverse) in rows {
                        for ((y, x), w) in y.iter_mut().zip(x).zip(weight) {
                            y.write(x * inverse * w);
                        }
                    }
                },
            );
        });
    };
    // SAFETY: `y` is as long as `values`, which are whole rows, and one value is written for each.
    let y = unsafe { filled(values.len(), fill) };
    (shaped(x, y), inverses)
}

/// Mean of the products of two rows of one length.
#[inline(always)]
fn mean_of_products(x: &[f32], y: &[f32]) -> f32 {
    lanes::dot(x, y) / x.len() as f32
}

fn input_gradient(x: &FlexTensor, weight: &FlexTensor, inverses: &[f32], mut gradient: FlexTensor) -> FlexTensor {
    let weight = weight.storage::<f32>();
    let hidden = weight.len();
    map_rows(hidden, x.storage(), gradient.storage_mut::<f32>(), |first, x, gradient| {
        vectorised(
            #[inline(always)]
            || {
                let rows = x.chunks_exact(hidden).zip(gradient.chunks_exact_mut(hidden)).zip(&inverses[first..]);
                for ((x, gradient), inverse) in rows {
                    for (g, w) in gradient.iter_mut().zip(weight) {
                        *g *= w;
                    }
                    let pull = mean_of_products(gradient, x) * inverse * inverse;
                    for (g, x) in gradient.iter_mut().zip(x) {
                        *g = inverse * (*g - x * pull);
                    }
                }
            },
        );
    });
    gradient
}

fn weight_gradient(x: &FlexTensor, inverses: &[f32], gradient: &FlexTensor) -> Vec<f32> {
    let (x, gradient) = (x.storage::<f32>(), gradient.storage::<f32>());
    let hidden = x.len() / inverses.len();
    let parts = map_row_ranges(inverses.len(), hidden, |range| {
        let mut part = vec![0f32; hidden];
        vectorised(
            #[inline(always)]
            || {
                for row in range {
                    let values = row * hidden..(row + 1) * hidden;
                    for ((sum, x), g) in part.iter_mut().zip(&x[values.clone()]).zip(&gradient[values]) {
                        *sum += g * x * inverses[row];
                    }
                }
            },
        );
        part
    });
    let mut sums = vec![0f32; hidden];
    for part in parts {
        for (sum, part) in sums.iter_mut().zip(part) {
            *sum += part;
        }
    }
    sums
}
