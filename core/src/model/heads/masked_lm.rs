//! Scores of the vocabulary at a token, from both sides of it (`…ForMaskedLM`): dense, activation, LayerNorm, the
//! backbone's word table, and a bias a token. The dense layer gives as much as the table is wide. With ModernBERT neither
//! dense layer nor norm has a bias.

use burn::module::{Module, Param};
use burn::tensor::{Device, Tensor};

use super::super::Backbone;
use crate::kernels::add_bias;
use crate::nn::{Activation, Init, LayerNorm, Linear, UnbiasedLayerNorm};

/// How the head is built.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct MaskedLmConfig {
    /// After the dense layer.
    pub activation: Activation,
    /// LayerNorm's epsilon.
    pub layer_norm_eps: f64,
    /// Dense layer and norm have biases.
    pub has_biases: bool,
}

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
    layer_norm: Option<LayerNorm>,
    /// In its place.
    norm: Option<UnbiasedLayerNorm>,
    /// `[vocab]`
    bias: Param<Tensor<1>>,
}

impl MaskedLmHead {
    pub(super) fn new(
        MaskedLmConfig { activation, layer_norm_eps, has_biases }: MaskedLmConfig,
        [hidden, width, vocab]: [usize; 3],
        std: f64,
        init: &mut Init,
        device: &Device,
    ) -> Self {
        let lm_head = Transform {
            dense: match has_biases {
                true => Linear::new(hidden, width, std, init, device),
                false => Linear::without_bias(hidden, width, std, init, device),
            },
            layer_norm: has_biases.then(|| LayerNorm::new(width, layer_norm_eps, device)),
            norm: (!has_biases).then(|| UnbiasedLayerNorm::new(width, layer_norm_eps, device)),
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
        let inner = self.activation.forward(self.lm_head.dense.forward(states));
        let [rows, width] = inner.dims();
        let inner = inner.reshape([1, rows, width]);
        let normed = match (&self.lm_head.layer_norm, &self.lm_head.norm) {
            (Some(norm), _) => norm.forward(inner),
            (None, Some(norm)) => norm.forward(inner),
            (None, None) => inner,
        };
        add_bias(backbone.scores(normed.reshape([rows, width])), Some(self.lm_head.bias.val()))
    }
}
