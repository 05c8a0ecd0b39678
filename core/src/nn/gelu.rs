//! The exact Gaussian error linear unit, `x * Phi(x)`.

use std::f64::consts::FRAC_1_SQRT_2;

use burn::tensor::Tensor;

#[cfg(feature = "cpu")]
use crate::platform::host;

/// `0.5 x (1 + erf(x / sqrt 2))` (<https://arxiv.org/abs/1606.08415>). Shape unchanged.
///
/// Written out rather than taken from `activation::gelu`: that one's backward goes through `tanh`, which is NaN for
/// large arguments in WGSL, and MiniLM's weights reach such arguments in the first step.
#[must_use]
pub fn gelu<const D: usize>(x: Tensor<D>) -> Tensor<D> {
    #[cfg(feature = "cpu")]
    if host::is_host(&x) {
        return host::gelu(x);
    }
    let cdf = x.clone().mul_scalar(FRAC_1_SQRT_2).erf().add_scalar(1.0);
    (x * cdf).mul_scalar(0.5)
}
