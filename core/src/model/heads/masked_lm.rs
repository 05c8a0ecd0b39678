//! Scores of the vocabulary at a token, from both sides of it (`…ForMaskedLM`): dense, activation, LayerNorm, the
//! backbone's word table, and a bias a token.

use burn::module::{Module, Param};
use burn::tensor::{Device, Tensor, activation};

use super::super::Backbone;
use crate::kernels::{add_bias, gelu};
use crate::nn::{Activation, Init, LayerNorm, Linear};

/// Token states to scores of the vocabulary.
#[derive(Module, Debug)]
pub struct MaskedLmHead {
    lm_head: Transform,
    #[module(skip)]
    activation: Activation,
}

/// What is learned besides the table, which is the backbone's.
#[derive(Module, Debug)]
pub(super) struct Transform {
    dense: Linear,
    layer_norm: LayerNorm,
    /// `[vocab]`
    bias: Param<Tensor<1>>,
}

impl MaskedLmHead {
    pub(super) fn new(
        activation: Activation,
        layer_norm_eps: f64,
        [hidden, vocab]: [usize; 2],
        std: f64,
        init: &mut Init,
        device: &Device,
    ) -> Self {
        let lm_head = Transform {
            dense: Linear::new(hidden, hidden, std, init, device),
            layer_norm: LayerNorm::new(hidden, layer_norm_eps, device),
            bias: Param::from_tensor(Tensor::zeros([vocab], device)),
        };
        Self { lm_head, activation }
    }

    pub(super) fn dense_mut(&mut self) -> &mut Linear {
        &mut self.lm_head.dense
    }

    /// # Shapes
    /// - `states`: `[rows, hidden]`
    /// - returns: `[rows, vocab]`
    pub(super) fn forward(&self, states: Tensor<2>, backbone: &Backbone) -> Tensor<2> {
        let [rows, hidden] = states.dims();
        let inner = self.lm_head.dense.forward(states);
        let inner = match self.activation {
            Activation::Gelu => gelu(inner),
            Activation::Relu => activation::relu(inner),
        };
        let normed = self.lm_head.layer_norm.forward(inner.reshape([1, rows, hidden])); // [1, rows, hidden]
        add_bias(backbone.scores(normed.reshape([rows, hidden])), Some(self.lm_head.bias.val()))
    }
}
