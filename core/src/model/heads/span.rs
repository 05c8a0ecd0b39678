//! Scores of each token as first and as last of a span (`…ForQuestionAnswering`): one linear layer, after a dropout with
//! DistilBERT; with ModernBERT a dense layer and a norm before both.

use burn::module::Module;
use burn::tensor::{Device, Tensor};

use super::prediction::{Prediction, PredictionConfig};
use crate::nn::{Dropout, Init, Linear};

/// First and last.
const ENDS: usize = 2;

/// Token states to scores of both ends.
#[derive(Module, Debug)]
pub struct SpanHead {
    prediction: Option<Prediction>,
    qa_outputs: Linear,
    #[module(skip)]
    pub(super) dropout: Dropout,
}

impl SpanHead {
    pub(super) fn new(
        dropout: f64,
        prediction: Option<PredictionConfig>,
        hidden: usize,
        std: f64,
        init: &mut Init,
        device: &Device,
    ) -> Self {
        Self {
            prediction: prediction.map(|config| Prediction::new(config, hidden, std, init, device)),
            qa_outputs: Linear::new(hidden, ENDS, std, init, device),
            dropout: Dropout { p: dropout },
        }
    }

    pub(super) fn dense_mut(&mut self) -> Option<&mut Linear> {
        self.prediction.as_mut().map(|prediction| &mut prediction.dense)
    }

    /// # Shapes
    /// - `states`: `[rows, hidden]`
    /// - returns: `[rows, 2]`
    pub(super) fn forward(&self, states: Tensor<2>) -> Tensor<2> {
        let states = match &self.prediction {
            Some(prediction) => prediction.forward(states),
            None => states,
        };
        self.qa_outputs.forward(self.dropout.forward(states))
    }
}
