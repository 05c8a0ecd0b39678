//! GELU, exact and by `tanh`: value and derivative from one exponential.

use std::f32::consts::FRAC_1_SQRT_2;
use std::mem::MaybeUninit;

use burn::tensor::Tensor;
use burn_autodiff::Autodiff;
use burn_autodiff::checkpoint::base::Checkpointer;
use burn_autodiff::checkpoint::strategy::NoCheckpointing;
use burn_autodiff::grads::Gradients;
use burn_autodiff::ops::{Backward, Ops, OpsKind, unary};
use burn_flex::{Flex, FlexTensor};

use super::parallel::{filled, filled2, map_rows, map_rows2, vectorised};
use super::{exact, lanes, lift, plain, recorded, shaped};

/// `x Phi(x)`; any shape, on the CPU.
pub(crate) fn gelu<const D: usize>(x: Tensor<D>) -> Tensor<D> {
    gated(x, phi)
}

/// `x (1 + tanh(..)) / 2`; any shape, on the CPU.
pub(crate) fn gelu_tanh<const D: usize>(x: Tensor<D>) -> Tensor<D> {
    gated(x, tanh_gate)
}

/// `x sigmoid(x)`; any shape, on the CPU.
pub(crate) fn silu<const D: usize>(x: Tensor<D>) -> Tensor<D> {
    gated(x, sigmoid)
}

/// `x [x > 0]`; any shape, on the CPU.
pub(crate) fn relu<const D: usize>(x: Tensor<D>) -> Tensor<D> {
    gated(x, |x| (f32::from(u8::from(x > 0.0)), 0.0))
}

/// `x g(x)`, where `gate` gives `g` and its derivative.
fn gated<const D: usize>(x: Tensor<D>, gate: impl Fn(f32) -> (f32, f32) + Copy + Sync) -> Tensor<D> {
    if !x.is_autodiff() {
        let x = plain(x);
        return lift(value(&x, gate));
    }
    let (x, node) = recorded(x).into_parts();
    let x = exact(x);
    let (y, slope) = value_and_slope(&x, gate);
    let output = match Gelu.prepare::<NoCheckpointing>([node]).compute_bound().stateful() {
        OpsKind::Tracked(prep) => prep.finish(slope, y),
        OpsKind::UnTracked(prep) => prep.finish(y),
    };
    Tensor::from_primitive::<Autodiff<Flex>>(output)
}

#[derive(Debug)]
struct Gelu;

impl Backward<Flex, 1> for Gelu {
    /// The derivative at every value.
    type State = FlexTensor;

    fn backward(self, ops: Ops<Self::State, 1>, grads: &mut Gradients, _checkpointer: &mut Checkpointer) {
        let slope = ops.state;
        unary::<Flex, _>(ops.parents, ops.node, grads, |gradient| multiply(exact(gradient), &slope));
    }
}

/// `gradient * factor`, in place where nobody else holds the gradient.
pub(super) fn multiply(mut gradient: FlexTensor, factor: &FlexTensor) -> FlexTensor {
    map_rows(1, factor.storage(), gradient.storage_mut::<f32>(), |_, factor, gradient| {
        vectorised(
            #[inline(always)]
            || {
                for (gradient, factor) in gradient.iter_mut().zip(factor) {
                    *gradient *= factor;
                }
            },
        );
    });
    gradient
}

#[expect(unsafe_code, reason = "the result is not zeroed before it is written")]
fn value(x: &FlexTensor, gate: impl Fn(f32) -> (f32, f32) + Copy + Sync) -> FlexTensor {
    let values = x.storage::<f32>();
    let fill = |y: &mut [MaybeUninit<f32>]| {
        map_rows(1, values, y, |_, x, y| {
            vectorised(
                #[inline(always)]
                || {
                    for (x, y) in x.iter().zip(y) {
                        y.write(x * gate(*x).0);
                    }
                },
            );
        });
    };
    // SAFETY: `y` is as long as `x`, and one value is written for each.
    let y = unsafe { filled(values.len(), fill) };
    shaped(x, y)
}

#[expect(unsafe_code, reason = "the results are not zeroed before they are written")]
fn value_and_slope(x: &FlexTensor, gate: impl Fn(f32) -> (f32, f32) + Copy + Sync) -> (FlexTensor, FlexTensor) {
    let values = x.storage::<f32>();
    let fill = |outputs: [&mut [MaybeUninit<f32>]; 2]| {
        map_rows2(1, values, outputs, |_, x, y, slope| {
            vectorised(
                #[inline(always)]
                || {
                    for ((x, y), slope) in x.iter().zip(y).zip(slope) {
                        let (share, change) = gate(*x);
                        y.write(x * share);
                        slope.write(share + x * change);
                    }
                },
            );
        });
    };
    // SAFETY: both are as long as `x`, and one value of each is written for each of `x`.
    let [y, slope] = unsafe { filled2(values.len(), fill) };
    (shaped(x, y), shaped(x, slope))
}

/// The normal distribution's function and density at `x`: Abramowitz and Stegun 7.1.26, absolute error below 2e-7.
#[inline(always)]
fn phi(x: f32) -> (f32, f32) {
    const INVERSE_SQRT_TAU: f32 = 0.398_942_3;
    let z = x.abs() * FRAC_1_SQRT_2;
    let bell = lanes::exp(-z * z);
    let t = 1.0 / (1.0 + 0.327_591_1 * z);
    let p = 1.061_405_4;
    let p = p * t - 1.453_152_1;
    let p = p * t + 1.421_413_8;
    let p = p * t - 0.284_496_72;
    let p = p * t + 0.254_829_6;
    let tail = 0.5 * p * t * bell;
    (if x >= 0.0 { 1.0 - tail } else { tail }, bell * INVERSE_SQRT_TAU)
}

/// `(1 + tanh(u)) / 2` with `u = sqrt(2 / pi) (x + 0.044715 x^3)`, which is `sigmoid(2 u)`; and its derivative.
#[inline(always)]
fn tanh_gate(x: f32) -> (f32, f32) {
    const SQRT_2_OVER_PI: f32 = 0.797_884_6;
    let square = x * x;
    let (share, change) = sigmoid(2.0 * SQRT_2_OVER_PI * x * (1.0 + 0.044_715 * square));
    (share, change * 2.0 * SQRT_2_OVER_PI * (1.0 + 3.0 * 0.044_715 * square))
}

/// `1 / (1 + exp(-x))` and its derivative, from the exponential that does not overflow.
#[inline(always)]
fn sigmoid(x: f32) -> (f32, f32) {
    let bell = lanes::exp(-x.abs());
    let inverse = 1.0 / (1.0 + bell);
    let share = if x >= 0.0 { inverse } else { bell * inverse };
    (share, bell * inverse * inverse)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn phi_is_the_normal_distribution() {
        for (x, expected) in [(0.0, 0.5), (1.0, 0.841_344_7), (-1.0, 0.158_655_3), (3.0, 0.998_650_1), (-40.0, 0.0)] {
            assert!((phi(x).0 - expected).abs() < 5e-7, "phi({x}) = {}", phi(x).0);
        }
        assert!((phi(0.5).1 - 0.352_065_3).abs() < 1e-6);
    }

    #[test]
    fn sigmoid_neither_overflows_nor_loses_its_tail() {
        for (x, expected) in [(0.0, 0.5), (2.0, 0.880_797_1), (-2.0, 0.119_202_9), (80.0, 1.0), (-80.0, 0.0)] {
            assert!((sigmoid(x).0 - expected).abs() < 2e-7, "sigmoid({x}) = {}", sigmoid(x).0);
        }
        assert!((sigmoid(1.0).1 - 0.196_611_9).abs() < 1e-6);
        assert!((tanh_gate(1.0).0 - 0.841_192).abs() < 1e-6);
    }
}
