//! Inverted dropout, drawn on the device.

use burn::tensor::{Distribution, Tensor};

#[cfg(feature = "cpu")]
use super::cpu;

/// Zeroes a share `p` of `x` and scales the rest by `1 / (1 - p)`. Shape unchanged.
#[must_use]
pub(crate) fn dropout<const D: usize>(x: Tensor<D>, p: f64) -> Tensor<D> {
    #[cfg(feature = "cpu")]
    if cpu::is_on_cpu(&x) {
        return cpu::dropout(x, p);
    }
    let keep = 1.0 - p;
    let mask = Tensor::<D>::random(x.shape(), Distribution::Bernoulli(keep), &x.device().without_autodiff());
    x * mask.mul_scalar(1.0 / keep)
}
