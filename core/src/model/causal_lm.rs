//! A decoder that predicts the next token.

use burn::module::Module;
use burn::tensor::{Device, Tensor};

use crate::batch::TokenBatch;
use crate::nn::{Decoder, DecoderConfig, Init, KvCache, TokenTable};

/// Decoder and output table.
#[derive(Module, Debug)]
pub struct CausalLm {
    /// Token states.
    pub decoder: Decoder,
    /// Scores tokens; `None` where the input table does (tied).
    lm_head: Option<TokenTable>,
}

impl CausalLm {
    /// Fresh weights; a checkpoint replaces them.
    #[must_use]
    pub fn new(config: &DecoderConfig, init: &mut Init, device: &Device) -> Self {
        let mut table =
            || TokenTable::new(config.vocab_size, config.hidden_size, config.initializer_range, init, device);
        let lm_head = (!config.tie_word_embeddings).then(&mut table);
        Self { decoder: Decoder::new(config, init, device), lm_head }
    }

    /// Path and table that score tokens.
    #[must_use]
    pub fn output_table(&self) -> (&'static str, &TokenTable) {
        match &self.lm_head {
            Some(table) => ("lm_head", table),
            None => ("decoder.embed_tokens", &self.decoder.embed_tokens),
        }
    }

    /// Logits of every token: for tests and short inputs; training scores only where a label stands.
    ///
    /// # Shapes
    /// - returns: `[batch, seq, vocab]`
    #[must_use]
    pub fn logits(&self, batch: &TokenBatch) -> Tensor<3> {
        let states = self.decoder.forward(batch, None);
        let [rows, seq, hidden] = states.dims();
        let logits = self.output_table().1.logits(states.reshape([rows * seq, hidden]));
        let vocab = logits.dims()[1];
        logits.reshape([rows, seq, vocab])
    }

    /// Logits after the last token of a continuation, `[1, vocab]`.
    #[must_use]
    pub fn next_logits(&self, batch: &TokenBatch, cache: &mut KvCache) -> Tensor<2> {
        let states = self.decoder.forward(batch, Some(cache));
        let [_, seq, hidden] = states.dims();
        self.output_table().1.logits(states.narrow(1, seq - 1, 1).reshape([1, hidden]))
    }
}
