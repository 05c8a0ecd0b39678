//! What makes states of tokens, whatever reads them.

use burn::module::Module;
use burn::tensor::{Device, FloatDType, Tensor};

use super::BackboneConfig;
use crate::batch::BatchInputs;
use crate::kernels::matmul;
use crate::nn::{Decoder, Encoder, Init, Linear};

/// A model without its head.
#[derive(Module, Debug)]
pub enum Backbone {
    /// Every token sees all others.
    Encoder(Encoder),
    /// A token sees those before it.
    Decoder(Decoder),
}

impl Backbone {
    /// Fresh weights; a checkpoint replaces them.
    #[must_use]
    pub fn new(config: &BackboneConfig, init: &mut Init, device: &Device) -> Self {
        match config {
            BackboneConfig::Encoder(config) => Self::Encoder(Encoder::new(config, init, device)),
            BackboneConfig::Decoder(config) => Self::Decoder(Decoder::new(config, init, device)),
        }
    }

    /// # Shapes
    /// - returns the last layer's states: `[batch, seq, hidden]`
    #[must_use]
    pub fn forward(&self, inputs: &BatchInputs) -> Tensor<3> {
        let BatchInputs::Text(text) = inputs;
        match self {
            Self::Encoder(encoder) => encoder.forward(text),
            Self::Decoder(decoder) => decoder.forward(text, None),
        }
    }

    /// Score of every token of the vocabulary with the table that tokens are looked up in.
    ///
    /// # Shapes
    /// - `states`: `[rows, hidden]`
    /// - returns: `[rows, vocab]`, f32
    #[must_use]
    pub fn scores(&self, states: Tensor<2>) -> Tensor<2> {
        match self {
            Self::Encoder(encoder) => matmul(states, encoder.embeddings.word_table().cast(FloatDType::F32).transpose()),
            Self::Decoder(decoder) => decoder.embed_tokens.logits(states),
        }
    }

    /// Tokens in the vocabulary.
    #[must_use]
    pub fn vocab_size(&self) -> usize {
        match self {
            Self::Encoder(encoder) => encoder.embeddings.word_table().dims()[0],
            Self::Decoder(decoder) => decoder.embed_tokens.shards.iter().map(|shard| shard.dims()[0]).sum(),
        }
    }

    /// Transformer layers.
    #[must_use]
    pub fn num_layers(&self) -> usize {
        match self {
            Self::Encoder(encoder) => encoder.layers.len(),
            Self::Decoder(decoder) => decoder.layers.len(),
        }
    }

    /// Every linear layer with its path in a model.
    pub fn linears_mut(&mut self) -> Box<dyn Iterator<Item = (String, &mut Linear)> + '_> {
        fn in_model((path, linear): (String, &mut Linear)) -> (String, &mut Linear) {
            (format!("backbone.{path}"), linear)
        }
        match self {
            Self::Encoder(encoder) => Box::new(encoder.linears_mut().map(in_model)),
            Self::Decoder(decoder) => Box::new(decoder.linears_mut().map(in_model)),
        }
    }

    /// Replaces every dropout rate but those of adapters.
    pub fn set_dropout(&mut self, rate: f64) {
        match self {
            Self::Encoder(encoder) => encoder.set_dropout(rate, rate),
            Self::Decoder(decoder) => decoder.set_dropout(rate),
        }
    }
}
