//! Numbers for a row, from one vector a row (`…ForSequenceClassification`).

use burn::module::Module;
use burn::tensor::{Device, Tensor, activation};

use super::pooled::mean_pool;
use super::prediction::{Prediction, PredictionConfig};
use crate::kernels::{gelu, tanh};
use crate::nn::{Dropout, Init, Linear};

/// How the head is built.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct SequenceConfig {
    /// Of the first token's state; `None` has no such layer.
    pub dense: Option<DenseConfig>,
    /// Without it: of the first token's state, else of the mean of all tokens.
    pub of_first_token: bool,
    /// A dense layer and a norm on that (ModernBERT).
    pub prediction: Option<PredictionConfig>,
    /// Dropout before the classifier.
    pub dropout: f64,
}

impl SequenceConfig {
    /// A dense layer on the first token's state.
    pub(in crate::model) fn of_dense(dense: DenseConfig, dropout: f64) -> Self {
        Self { dense: Some(dense), of_first_token: true, prediction: None, dropout }
    }
}

/// The layer before the classifier: the pooler of BERT and ALBERT, dense of RoBERTa, ELECTRA and MPNet, DistilBERT's
/// pre_classifier.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DenseConfig {
    /// After it.
    pub activation: DenseActivation,
    /// The dropout stands before it too (RoBERTa, ELECTRA, MPNet).
    pub is_dropped_before: bool,
}

/// What comes after the dense layer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DenseActivation {
    /// Hyperbolic tangent.
    Tanh,
    /// Exact GELU.
    Gelu,
    /// Rectified linear unit.
    Relu,
}

/// Token states to logits of rows.
#[derive(Module, Debug)]
pub struct SequenceHead {
    dense: Option<Linear>,
    prediction: Option<Prediction>,
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
            prediction: config.prediction.map(|config| Prediction::new(config, hidden, std, init, device)),
            classifier: Linear::new(hidden, num_labels, std, init, device),
            config,
            dropout: Dropout { p: config.dropout },
        }
    }

    pub(super) fn num_labels(&self) -> usize {
        self.classifier.weight.dims()[1]
    }

    /// The layer before the classifier, with its name.
    pub(super) fn dense_mut(&mut self) -> Option<(&'static str, &mut Linear)> {
        match (&mut self.dense, &mut self.prediction) {
            (Some(dense), _) => Some(("dense", dense)),
            (None, Some(prediction)) => Some(("prediction.dense", &mut prediction.dense)),
            (None, None) => None,
        }
    }

    /// # Shapes
    /// - `states`: `[batch, seq, hidden]`
    /// - `attention_mask`: `[batch, seq]`
    /// - returns logits: `[batch, labels]`
    pub(super) fn forward(&self, states: Tensor<3>, attention_mask: &Tensor<2>) -> Tensor<2> {
        let pooled = match (self.config.dense, &self.dense) {
            (Some(config), Some(dense)) => self.of_dense(config, dense, first_token(states)),
            _ if self.config.of_first_token => first_token(states),
            _ => mean_pool(states, attention_mask),
        };
        let pooled = match &self.prediction {
            Some(prediction) => prediction.forward(pooled),
            None => pooled,
        };
        self.classifier.forward(self.dropout.forward(pooled))
    }

    /// # Shapes
    /// - `first`: `[batch, hidden]`
    /// - returns: the same
    fn of_dense(&self, config: DenseConfig, dense: &Linear, first: Tensor<2>) -> Tensor<2> {
        let first = if config.is_dropped_before { self.dropout.forward(first) } else { first };
        let inner = dense.forward(first);
        match config.activation {
            DenseActivation::Tanh => tanh(inner),
            DenseActivation::Gelu => gelu(inner),
            DenseActivation::Relu => activation::relu(inner),
        }
    }
}

/// # Shapes
/// - `states`: `[batch, seq, hidden]`
/// - returns: `[batch, hidden]`
fn first_token(states: Tensor<3>) -> Tensor<2> {
    let [rows, _, hidden] = states.dims();
    states.slice([0..rows, 0..1, 0..hidden]).reshape([rows, hidden])
}
