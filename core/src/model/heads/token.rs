//! Numbers for each token (`…ForTokenClassification`): dropout, classifier; with ModernBERT a dense layer and a norm before
//! both.

use burn::module::Module;
use burn::tensor::{Device, Tensor};

use super::prediction::{Prediction, PredictionConfig};
use crate::nn::{Dropout, Init, Linear};

/// Token states to logits of tokens.
#[derive(Module, Debug)]
pub struct TokenHead {
    prediction: Option<Prediction>,
    classifier: Linear,
    #[module(skip)]
    pub(super) dropout: Dropout,
}

impl TokenHead {
    pub(super) fn new(
        dropout: f64,
        prediction: Option<PredictionConfig>,
        [hidden, num_labels]: [usize; 2],
        std: f64,
        init: &mut Init,
        device: &Device,
    ) -> Self {
        Self {
            prediction: prediction.map(|config| Prediction::new(config, hidden, std, init, device)),
            classifier: Linear::new(hidden, num_labels, std, init, device),
            dropout: Dropout { p: dropout },
        }
    }

    pub(super) fn dense_mut(&mut self) -> Option<&mut Linear> {
        self.prediction.as_mut().map(|prediction| &mut prediction.dense)
    }

    pub(super) fn num_labels(&self) -> usize {
        self.classifier.weight.dims()[1]
    }

    /// # Shapes
    /// - `states`: `[rows, hidden]`
    /// - returns logits: `[rows, labels]`
    pub(super) fn forward(&self, states: Tensor<2>) -> Tensor<2> {
        let states = match &self.prediction {
            Some(prediction) => prediction.forward(states),
            None => states,
        };
        self.classifier.forward(self.dropout.forward(states))
    }
}
