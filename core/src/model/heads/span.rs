//! Scores of each token as first and as last of a span (`…ForQuestionAnswering`): one linear layer, after a dropout with
//! DistilBERT.

use burn::module::Module;
use burn::tensor::{Device, Tensor};

use crate::nn::{Dropout, Init, Linear};

/// First and last.
const ENDS: usize = 2;

/// Token states to scores of both ends.
#[derive(Module, Debug)]
pub struct SpanHead {
    qa_outputs: Linear,
    #[module(skip)]
    pub(super) dropout: Dropout,
}

impl SpanHead {
    pub(super) fn new(dropout: f64, hidden: usize, std: f64, init: &mut Init, device: &Device) -> Self {
        Self { qa_outputs: Linear::new(hidden, ENDS, std, init, device), dropout: Dropout { p: dropout } }
    }

    /// # Shapes
    /// - `states`: `[rows, hidden]`
    /// - returns: `[rows, 2]`
    pub(super) fn forward(&self, states: Tensor<2>) -> Tensor<2> {
        self.qa_outputs.forward(self.dropout.forward(states))
    }
}
