//! What makes states of tokens or of patches, whatever reads them.

use burn::module::Module;
use burn::tensor::{Device, FloatDType, Int, Tensor};

use super::BackboneConfig;
use crate::batch::BatchInputs;
use crate::kernels::matmul;
use crate::nn::{Decoder, Encoder, EncoderDecoder, Init, Linear, ModernEncoder, TokenTable, VisionEncoder};

/// A model without its head.
#[derive(Module, Debug)]
#[expect(clippy::large_enum_variant, reason = "there is one of it, and its weights lie elsewhere")]
pub enum Backbone {
    /// Every token sees all others.
    Encoder(Encoder),
    /// Every token sees all others, in most layers those near it.
    ModernEncoder(ModernEncoder),
    /// A token sees those before it.
    Decoder(Decoder),
    /// A token of a target sees those before it, and a whole source.
    EncoderDecoder(EncoderDecoder),
    /// Every patch of an image sees all others.
    Vision(VisionEncoder),
}

/// How many layers a model has. They are counted from where a text comes in: an encoder's first, then a decoder's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LayerCounts {
    /// Those of the encoder before a decoder; 0 where there is one stack.
    pub before_decoder: usize,
    /// All of them.
    pub all: usize,
}

impl Backbone {
    /// Fresh weights; a checkpoint replaces them.
    #[must_use]
    pub fn new(config: &BackboneConfig, init: &mut Init, device: &Device) -> Self {
        match config {
            BackboneConfig::Encoder(config) => Self::Encoder(Encoder::new(config, init, device)),
            BackboneConfig::ModernEncoder(config) => Self::ModernEncoder(ModernEncoder::new(config, init, device)),
            BackboneConfig::Decoder(config) => Self::Decoder(Decoder::new(config, init, device)),
            BackboneConfig::EncoderDecoder(config) => Self::EncoderDecoder(EncoderDecoder::new(config, init, device)),
            BackboneConfig::Vision(config) => Self::Vision(VisionEncoder::new(config, init, device)),
        }
    }

    /// # Shapes
    /// - returns the last layer's states: `[batch, seq, hidden]`, of sources and targets those of targets, of images
    ///   `[batch, 1 + patches, hidden]`
    ///
    /// # Panics
    /// When a target comes without a source, or images go to a model of texts or the other way round: no task makes them so.
    #[must_use]
    pub fn forward(&self, inputs: &BatchInputs) -> Tensor<3> {
        match (self, inputs) {
            (Self::Vision(encoder), BatchInputs::Pixels(pixels)) => encoder.forward(pixels.clone()),
            (Self::Vision(_), BatchInputs::Text(_) | BatchInputs::TextToText { .. }) => {
                panic!("a model of images reads pixels")
            }
            (_, BatchInputs::Pixels(_)) => panic!("a model of texts reads tokens"),
            (Self::Encoder(encoder), inputs) => encoder.forward(inputs.text()),
            (Self::ModernEncoder(encoder), inputs) => encoder.forward(inputs.text()),
            (Self::Decoder(decoder), inputs) => decoder.forward(inputs.text(), None),
            (Self::EncoderDecoder(both), BatchInputs::TextToText { source, target }) => both.forward(source, target),
            (Self::EncoderDecoder(_), BatchInputs::Text(_)) => panic!("a model for text to text reads two texts"),
        }
    }

    /// The vectors that tokens are looked up as, before anything is done with them; `None` of a model that reads more than one text
    /// or images.
    ///
    /// # Shapes
    /// - `ids`: `[batch, seq]`
    /// - returns: `[batch, seq, width]`, f32
    #[must_use]
    pub fn word_vectors(&self, ids: Tensor<2, Int>) -> Option<Tensor<3>> {
        let of_table = |table, ids| burn::tensor::module::embedding(table, ids).cast(FloatDType::F32);
        match self {
            Self::Encoder(encoder) => Some(of_table(encoder.embeddings.word_table(), ids)),
            Self::ModernEncoder(encoder) => Some(of_table(encoder.embeddings.word_table(), ids)),
            Self::Decoder(decoder) => Some(decoder.embed_tokens.forward(ids)),
            Self::EncoderDecoder(_) | Self::Vision(_) => None,
        }
    }

    /// Score of every token of the vocabulary with the table that tokens are looked up in.
    ///
    /// # Shapes
    /// - `states`: `[rows, hidden]`
    /// - returns: `[rows, vocab]`, f32
    ///
    /// # Panics
    /// Of a model that reads images, which no head that scores tokens stands on.
    #[must_use]
    pub fn scores(&self, states: Tensor<2>) -> Tensor<2> {
        let by_table = |table: Tensor<2>, states| matmul(states, table.cast(FloatDType::F32).transpose());
        match self {
            Self::Encoder(encoder) => by_table(encoder.embeddings.word_table(), states),
            Self::ModernEncoder(encoder) => by_table(encoder.embeddings.word_table(), states),
            Self::Decoder(Decoder { embed_tokens, .. }) | Self::EncoderDecoder(EncoderDecoder { embed_tokens, .. }) => {
                embed_tokens.logits(states)
            }
            Self::Vision(_) => panic!("a model of images scores no tokens"),
        }
    }

    /// Tokens in the vocabulary; 0 of a model that reads images.
    #[must_use]
    pub fn vocab_size(&self) -> usize {
        match self {
            Self::Encoder(encoder) => encoder.embeddings.word_table().dims()[0],
            Self::ModernEncoder(encoder) => encoder.embeddings.word_table().dims()[0],
            Self::Decoder(Decoder { embed_tokens, .. }) | Self::EncoderDecoder(EncoderDecoder { embed_tokens, .. }) => {
                embed_tokens.shards.iter().map(|shard| shard.dims()[0]).sum()
            }
            Self::Vision(_) => 0,
        }
    }

    /// Transformer layers.
    #[must_use]
    pub fn layer_counts(&self) -> LayerCounts {
        match self {
            Self::Encoder(encoder) => LayerCounts { before_decoder: 0, all: encoder.layers.len() },
            Self::ModernEncoder(encoder) => LayerCounts { before_decoder: 0, all: encoder.layers.len() },
            Self::Decoder(decoder) => LayerCounts { before_decoder: 0, all: decoder.layers.len() },
            Self::EncoderDecoder(both) => {
                let [first, second] = [&both.encoder, &both.decoder].map(|stack| stack.layers.len());
                LayerCounts { before_decoder: first, all: first + second }
            }
            Self::Vision(encoder) => LayerCounts { before_decoder: 0, all: encoder.layers.len() },
        }
    }

    /// The table that tokens are looked up in and that may score them, of a model that writes.
    #[must_use]
    pub(super) fn token_table(&self) -> Option<&TokenTable> {
        match self {
            Self::Encoder(_) | Self::ModernEncoder(_) | Self::Vision(_) => None,
            Self::Decoder(decoder) => Some(&decoder.embed_tokens),
            Self::EncoderDecoder(both) => Some(&both.embed_tokens),
        }
    }

    /// Every linear layer with its path in a model.
    pub fn linears_mut(&mut self) -> Box<dyn Iterator<Item = (String, &mut Linear)> + '_> {
        fn in_model((path, linear): (String, &mut Linear)) -> (String, &mut Linear) {
            (format!("backbone.{path}"), linear)
        }
        match self {
            Self::Encoder(encoder) => Box::new(encoder.linears_mut().map(in_model)),
            Self::ModernEncoder(encoder) => Box::new(encoder.linears_mut().map(in_model)),
            Self::Decoder(decoder) => Box::new(decoder.linears_mut().map(in_model)),
            Self::EncoderDecoder(both) => Box::new(both.linears_mut().map(in_model)),
            Self::Vision(encoder) => Box::new(encoder.linears_mut().map(in_model)),
        }
    }

    /// Replaces every dropout rate but those of adapters.
    pub fn set_dropout(&mut self, rate: f64) {
        match self {
            Self::Encoder(encoder) => encoder.set_dropout(rate, rate),
            Self::ModernEncoder(encoder) => encoder.set_dropout(rate),
            Self::Decoder(decoder) => decoder.set_dropout(rate),
            Self::EncoderDecoder(both) => both.set_dropout(rate),
            Self::Vision(encoder) => encoder.set_dropout(rate),
        }
    }
}
