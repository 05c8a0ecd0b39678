//! The Gaussian error linear unit `x * Phi(x)`, exact and by `tanh`, and its cousins SiLU and ReLU.

use std::f64::consts::{FRAC_1_SQRT_2, PI};

use burn::tensor::{Tensor, activation};

#[cfg(feature = "cpu")]
use super::cpu;

/// `0.5 x (1 + erf(x / sqrt 2))` (<https://arxiv.org/abs/1606.08415>). Shape unchanged.
///
/// Written out rather than taken from `activation::gelu`: that one's backward goes through `tanh`, which is NaN for
/// large arguments in WGSL, and MiniLM's weights reach such arguments in the first step.
#[must_use]
pub fn gelu<const D: usize>(x: Tensor<D>) -> Tensor<D> {
    #[cfg(feature = "cpu")]
    if cpu::is_on_cpu(&x) {
        return cpu::gelu(x);
    }
    let cdf = x.clone().mul_scalar(FRAC_1_SQRT_2).erf().add_scalar(1.0);
    (x * cdf).mul_scalar(0.5)
}

/// Largest argument that `tanh` gets. `tanh(20)` is 1 in f32; WGSL's `tanh` of large arguments is NaN on some devices.
const TANH_LIMIT: f64 = 20.0;

/// `tanh` that is no NaN anywhere. Shape unchanged.
#[must_use]
pub fn tanh<const D: usize>(x: Tensor<D>) -> Tensor<D> {
    x.clamp(-TANH_LIMIT, TANH_LIMIT).tanh()
}

/// `0.5 x (1 + tanh(sqrt(2 / pi) (x + 0.044715 x^3)))`, `transformers`' `gelu_new`. Shape unchanged.
#[must_use]
pub fn gelu_tanh<const D: usize>(x: Tensor<D>) -> Tensor<D> {
    #[cfg(feature = "cpu")]
    if cpu::is_on_cpu(&x) {
        return cpu::gelu_tanh(x);
    }
    let cube = x.clone() * x.clone().square().mul_scalar(0.044_715);
    let inner = (x.clone() + cube).mul_scalar((2.0 / PI).sqrt());
    let cdf = tanh(inner).add_scalar(1.0);
    (x * cdf).mul_scalar(0.5)
}

/// `x sigmoid(x)` (<https://arxiv.org/abs/1702.03118>). Shape unchanged.
#[must_use]
pub fn silu<const D: usize>(x: Tensor<D>) -> Tensor<D> {
    #[cfg(feature = "cpu")]
    if cpu::is_on_cpu(&x) {
        return cpu::silu(x);
    }
    activation::silu(x)
}

/// `max(x, 0)`. Shape unchanged.
#[must_use]
pub fn relu<const D: usize>(x: Tensor<D>) -> Tensor<D> {
    #[cfg(feature = "cpu")]
    if cpu::is_on_cpu(&x) {
        return cpu::relu(x);
    }
    activation::relu(x)
}
