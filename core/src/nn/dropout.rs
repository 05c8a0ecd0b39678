//! Inverted dropout, drawn on the device. The trainer seeds the device before every micro-batch, so a resumed run
//! draws what the uninterrupted one would have drawn.

use burn::tensor::Tensor;

use crate::kernels::dropout;

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
        if self.p == 0.0 { x } else { dropout(x, self.p) }
    }
}
