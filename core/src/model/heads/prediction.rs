//! What ModernBERT puts before the outputs of every head: dense, activation and LayerNorm, without biases
//! (`ModernBertPredictionHead`).

use burn::module::Module;
use burn::tensor::{Device, Tensor};

use crate::nn::{Activation, Init, Linear, UnbiasedLayerNorm};

/// How it is built.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct PredictionConfig {
    /// After the dense layer.
    pub activation: Activation,
    /// LayerNorm's epsilon.
    pub norm_eps: f64,
}

/// States to what outputs are made of.
#[derive(Module, Debug)]
pub(super) struct Prediction {
    pub(super) dense: Linear,
    norm: UnbiasedLayerNorm,
    #[module(skip)]
    activation: Activation,
}

impl Prediction {
    pub(super) fn new(config: PredictionConfig, hidden: usize, std: f64, init: &mut Init, device: &Device) -> Self {
        Self {
            dense: Linear::without_bias(hidden, hidden, std, init, device),
            norm: UnbiasedLayerNorm::new(hidden, config.norm_eps, device),
            activation: config.activation,
        }
    }

    /// # Shapes
    /// - `states`: `[rows, hidden]`
    /// - returns: the same
    pub(super) fn forward(&self, states: Tensor<2>) -> Tensor<2> {
        let [rows, hidden] = states.dims();
        let inner = self.activation.forward(self.dense.forward(states));
        self.norm.forward(inner.reshape([1, rows, hidden])).reshape([rows, hidden])
    }
}
