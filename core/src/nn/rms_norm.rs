//! Root mean square normalisation over the last dimension (<https://arxiv.org/abs/1910.07467>).

use burn::module::{Module, Param};
use burn::tensor::{Device, Tensor};

/// `x / sqrt(mean(x^2) + eps) * weight`, as `transformers`' `LlamaRMSNorm`.
#[derive(Module, Debug)]
pub struct RmsNorm {
    /// `[hidden]`
    pub weight: Param<Tensor<1>>,
    /// Added to the mean square.
    #[module(skip)]
    pub eps: f64,
}

impl RmsNorm {
    /// Weight one.
    #[must_use]
    pub fn new(hidden: usize, eps: f64, device: &Device) -> Self {
        Self { weight: Param::from_tensor(Tensor::ones([hidden], device)), eps }
    }

    /// # Shapes
    /// - `x`: `[.., hidden]`
    /// - returns: the same
    #[must_use]
    pub fn forward<const D: usize>(&self, x: Tensor<D>) -> Tensor<D> {
        let mean_square = x.clone().square().mean_dim(D - 1); // [.., 1]
        x / mean_square.add_scalar(self.eps).sqrt() * self.weight.val().unsqueeze()
    }
}
