//! Scores of the vocabulary for the next token (`…ForCausalLM`, `…ForConditionalGeneration`): a table of its own, or the backbone's.

use burn::module::Module;
use burn::tensor::{Device, Tensor};

use super::super::Backbone;
use crate::nn::{Init, TokenTable};

/// The output table.
#[derive(Module, Debug)]
pub struct CausalLmHead {
    /// Scores tokens; `None` where the input table does (tied).
    pub(in crate::model) lm_head: Option<TokenTable>,
}

impl CausalLmHead {
    pub(super) fn new(
        has_table: bool,
        [hidden, vocab]: [usize; 2],
        std: f64,
        init: &mut Init,
        device: &Device,
    ) -> Self {
        Self { lm_head: has_table.then(|| TokenTable::new(vocab, hidden, std, None, init, device)) }
    }

    /// # Shapes
    /// - `states`: `[rows, hidden]`
    /// - returns: `[rows, vocab]`
    pub(super) fn forward(&self, states: Tensor<2>, backbone: &Backbone) -> Tensor<2> {
        let scores = match &self.lm_head {
            Some(table) => table.logits(states),
            None => backbone.scores(states),
        };
        match backbone {
            Backbone::Decoder(decoder) => decoder.capped(scores),
            Backbone::Encoder(_) | Backbone::ModernEncoder(_) | Backbone::EncoderDecoder(_) | Backbone::Vision(_) => {
                scores
            }
        }
    }
}
