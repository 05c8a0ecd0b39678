//! Numbers for each token (`…ForTokenClassification`): dropout, classifier.

use burn::module::Module;
use burn::tensor::{Device, Tensor};

use crate::nn::{Dropout, Init, Linear};

/// Token states to logits of tokens.
#[derive(Module, Debug)]
pub struct TokenHead {
    classifier: Linear,
    #[module(skip)]
    pub(super) dropout: Dropout,
}

impl TokenHead {
    pub(super) fn new(
        dropout: f64,
        hidden: usize,
        num_labels: usize,
        std: f64,
        init: &mut Init,
        device: &Device,
    ) -> Self {
        Self { classifier: Linear::new(hidden, num_labels, std, init, device), dropout: Dropout { p: dropout } }
    }

    pub(super) fn num_labels(&self) -> usize {
        self.classifier.weight.dims()[1]
    }

    /// # Shapes
    /// - `states`: `[rows, hidden]`
    /// - returns logits: `[rows, labels]`
    pub(super) fn forward(&self, states: Tensor<2>) -> Tensor<2> {
        self.classifier.forward(self.dropout.forward(states))
    }
}
