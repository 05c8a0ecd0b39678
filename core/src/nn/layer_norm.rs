//! Layer normalisation over the last dimension (<https://arxiv.org/abs/1607.06450>).

use burn::module::{Module, Param};
use burn::tensor::{Device, Tensor};

use crate::kernels::layer_norm;

/// `(x - mean) / sqrt(var + eps) * weight + bias`
#[derive(Module, Debug)]
pub struct LayerNorm {
    /// `[hidden]`
    pub weight: Param<Tensor<1>>,
    /// `[hidden]`
    pub bias: Param<Tensor<1>>,
    /// Added to the variance.
    #[module(skip)]
    pub eps: f64,
}

/// The same without a bias.
#[derive(Module, Debug)]
pub struct UnbiasedLayerNorm {
    /// `[hidden]`
    pub weight: Param<Tensor<1>>,
    /// Added to the variance.
    #[module(skip)]
    pub eps: f64,
}

impl UnbiasedLayerNorm {
    /// Weight one.
    #[must_use]
    pub fn new(hidden: usize, eps: f64, device: &Device) -> Self {
        Self { weight: Param::from_tensor(Tensor::ones([hidden], device)), eps }
    }

    /// # Shapes
    /// - `x`: `[batch, seq, hidden]`
    /// - returns: the same
    #[must_use]
    pub fn forward(&self, x: Tensor<3>) -> Tensor<3> {
        let weight = self.weight.val();
        let zeros = weight.clone().detach().mul_scalar(0.0); // of the weight's device, with autodiff where it has it
        layer_norm(x, weight, zeros, self.eps)
    }
}

impl LayerNorm {
    /// Weight one, bias zero.
    #[must_use]
    pub fn new(hidden: usize, eps: f64, device: &Device) -> Self {
        Self {
            weight: Param::from_tensor(Tensor::ones([hidden], device)),
            bias: Param::from_tensor(Tensor::zeros([hidden], device)),
            eps,
        }
    }

    /// # Shapes
    /// - `x`: `[batch, seq, hidden]`
    /// - returns: the same
    #[must_use]
    pub fn forward(&self, x: Tensor<3>) -> Tensor<3> {
        layer_norm(x, self.weight.val(), self.bias.val(), self.eps)
    }
}
