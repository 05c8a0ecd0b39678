//! Inverted dropout, drawn on the device. The trainer seeds the device before every micro-batch, so a resumed run
//! draws what the uninterrupted one would have drawn.

use burn::tensor::{Distribution, Tensor};

#[cfg(feature = "cpu")]
use crate::platform::host;

/// Dropout with probability `p`; does nothing at 0.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Dropout {
    /// Share of values set to zero.
    pub p: f64,
}

impl Dropout {
    /// Zeroes a share `p` of `x` and scales the rest by `1 / (1 - p)`. Shape unchanged.
    #[must_use]
    pub fn forward<const D: usize>(self, x: Tensor<D>) -> Tensor<D> {
        if self.p == 0.0 {
            return x;
        }
        #[cfg(feature = "cpu")]
        if host::is_host(&x) {
            return host::dropout(x, self.p);
        }
        let keep = 1.0 - self.p;
        let mask = Tensor::<D>::random(x.shape(), Distribution::Bernoulli(keep), &x.device().without_autodiff());
        x * mask.mul_scalar(1.0 / keep)
    }
}
