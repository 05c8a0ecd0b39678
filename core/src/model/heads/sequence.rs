//! Numbers for a row, from one vector a row (`…ForSequenceClassification`).

use burn::module::Module;
use burn::tensor::{Device, Tensor, activation};

use super::pooled::mean_pool;
use crate::kernels::tanh;
use crate::nn::{Dropout, Init, Linear};

/// How the head is built.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct SequenceConfig {
    /// Of the first token's state; `None` takes the mean of all tokens and has no dense layer.
    pub dense: Option<DenseConfig>,
    /// Dropout before the classifier.
    pub dropout: f64,
}

/// The layer before the classifier: BERT's pooler, RoBERTa's dense, DistilBERT's pre_classifier.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DenseConfig {
    /// After it.
    pub activation: DenseActivation,
    /// The dropout stands before it too (RoBERTa).
    pub is_dropped_before: bool,
}

/// What comes after the dense layer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DenseActivation {
    /// Hyperbolic tangent.
    Tanh,
    /// Rectified linear unit.
    Relu,
}

/// Token states to logits of rows.
#[derive(Module, Debug)]
pub struct SequenceHead {
    dense: Option<Linear>,
    classifier: Linear,
    #[module(skip)]
    config: SequenceConfig,
    #[module(skip)]
    pub(super) dropout: Dropout,
}

impl SequenceHead {
    pub(super) fn new(
        config: SequenceConfig,
        hidden: usize,
        num_labels: usize,
        std: f64,
        init: &mut Init,
        device: &Device,
    ) -> Self {
        Self {
            dense: config.dense.map(|_| Linear::new(hidden, hidden, std, init, device)),
            classifier: Linear::new(hidden, num_labels, std, init, device),
            config,
            dropout: Dropout { p: config.dropout },
        }
    }

    pub(super) fn num_labels(&self) -> usize {
        self.classifier.weight.dims()[1]
    }

    pub(super) fn dense_mut(&mut self) -> Option<&mut Linear> {
        self.dense.as_mut()
    }

    /// # Shapes
    /// - `states`: `[batch, seq, hidden]`
    /// - `attention_mask`: `[batch, seq]`
    /// - returns logits: `[batch, labels]`
    pub(super) fn forward(&self, states: Tensor<3>, attention_mask: &Tensor<2>) -> Tensor<2> {
        let pooled = match (self.config.dense, &self.dense) {
            (Some(config), Some(dense)) => self.first_token(config, dense, states),
            _ => mean_pool(states, attention_mask),
        };
        self.classifier.forward(self.dropout.forward(pooled))
    }

    /// # Shapes
    /// - returns: `[batch, hidden]`
    fn first_token(&self, config: DenseConfig, dense: &Linear, states: Tensor<3>) -> Tensor<2> {
        let [rows, _, hidden] = states.dims();
        let first = states.slice([0..rows, 0..1, 0..hidden]).reshape([rows, hidden]);
        let first = if config.is_dropped_before { self.dropout.forward(first) } else { first };
        let inner = dense.forward(first);
        match config.activation {
            DenseActivation::Tanh => tanh(inner),
            DenseActivation::Relu => activation::relu(inner),
        }
    }
}
