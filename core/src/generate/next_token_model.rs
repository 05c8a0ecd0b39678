//! A model as the loops of `decoding` see it: it scores the next tokens, and keeps what it has read.
//!
//! In: the tokens that come next, of one text or of several that began alike. Out: a row of logits for each. Whatever
//! writes texts is a variant here; searches and loops know no other difference between models.

use burn::tensor::{Device, Int, Tensor, TensorData};

use crate::batch::TextBatch;
use crate::model::{CausalLm, Model, Seq2seqLm};
use crate::nn::{KvCache, Source};

/// A model in the middle of texts.
#[expect(clippy::large_enum_variant, reason = "there is one at a time")]
pub(super) enum NextTokenModel<'a> {
    /// A prompt is the beginning of the text.
    Decoder {
        /// Token states and the table that scores tokens.
        model: CausalLm<'a>,
        /// Keys and values of what was read.
        cache: KvCache,
    },
    /// A prompt is a source, which is read once; the text is a target.
    EncoderDecoder {
        /// States of both and the table that scores tokens.
        model: Seq2seqLm<'a>,
        /// What the decoder knows of the source, as many rows as there are texts.
        source: Source,
        /// Rows of `source`.
        rows: usize,
        /// Keys and values of what was read of the target.
        cache: KvCache,
    },
}

impl<'a> NextTokenModel<'a> {
    /// A model that is to write after a prompt, and the tokens with which the text begins: the prompt itself, or of a
    /// source what a target begins with. `None` where the model does not predict the next token.
    pub(super) fn new(model: &'a Model, prompt: Vec<u32>, device: &Device) -> Option<(Self, Vec<u32>)> {
        let cache = KvCache::default();
        if let Some(model) = model.seq2seq_lm() {
            let source = model.model.source(&TextBatch::continuation(&prompt, 0, device));
            let begin = vec![model.model.decoder_start_token_id];
            return Some((Self::EncoderDecoder { model, source, rows: 1, cache }, begin));
        }
        Some((Self::Decoder { model: model.causal_lm()?, cache }, prompt))
    }

    /// Reads on; scores what follows the last token of each text.
    ///
    /// # Shapes
    /// - `ids`: `[rows, seq]`, row after row
    /// - returns: `[rows, vocab]`, f32
    pub(super) fn next_logits(&mut self, ids: &[u32], rows: usize, device: &Device) -> Tensor<2> {
        match self {
            Self::Decoder { model, cache } => {
                let batch = TextBatch::continuations(ids, rows, cache.len(), device);
                model.next_logits(&batch, cache)
            }
            Self::EncoderDecoder { model, source, cache, .. } => {
                let batch = TextBatch::continuations(ids, rows, cache.len(), device);
                model.next_logits(&batch, source, cache)
            }
        }
    }

    /// From now on text `i` is what text `rows[i]` was.
    pub(super) fn select(&mut self, rows: &[usize], device: &Device) {
        let indices: Vec<i32> = rows.iter().map(|&row| row as i32).collect();
        let indices = Tensor::<1, Int>::from_data(TensorData::new(indices, [rows.len()]), device);
        match self {
            Self::Decoder { cache, .. } => cache.select(&indices),
            Self::EncoderDecoder { source, rows: known, cache, .. } => {
                cache.select(&indices);
                // All texts have one source: only how many rows there are of it can change.
                if *known != rows.len() {
                    *source = source.select(indices);
                    *known = rows.len();
                }
            }
        }
    }
}
