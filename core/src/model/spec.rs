//! What there is to say of an architecture, as data: how its `config.json` is read, how its files name what is in them,
//! and which classes of `transformers` it has. One const [`ArchitectureSpec`] in each file of `architectures`; nothing
//! else knows one architecture from another.

use super::fields::Fields;
use super::heads::HeadConfig;
use super::{KeyMap, ModelError};
use crate::nn::{DecoderConfig, EncoderConfig, EncoderDecoderConfig, ModernEncoderConfig, VisionConfig};
use crate::task::HeadKind;

/// One architecture.
#[derive(Debug)]
pub struct ArchitectureSpec {
    /// `model_type` as `transformers` spells it.
    pub model_type: &'static str,
    /// Reads sizes and rates of the backbone.
    pub(super) backbone: fn(&Fields<'_>) -> Result<BackboneConfig, ModelError>,
    /// The classes it has; the first is taken where `config.json` names none of them.
    pub heads: &'static [HeadSpec],
    /// Modules that LoRA adapts where none are named, as PEFT's table for this `model_type` has them
    /// (`TRANSFORMERS_MODELS_TO_LORA_TARGET_MODULES_MAPPING`).
    pub default_target_modules: &'static [&'static str],
    /// PEFT's table has this `model_type`.
    pub is_in_peft_table: bool,
    /// What `config.json` calls fields of a [`BackboneConfig`] (`attribute_map` of `transformers`), where it differs:
    /// (ours, theirs).
    pub(super) field_names: &'static [(&'static str, &'static str)],
    /// The padding token.
    pub(super) pad_token: PadToken,
}

/// One class of `transformers`: a head on the architecture's backbone.
#[derive(Debug)]
pub struct HeadSpec {
    /// What the head gives.
    pub kind: HeadKind,
    /// The class that loads the exported folder.
    pub class_name: &'static str,
    /// Parameter paths to checkpoint keys.
    pub key_map: KeyMap,
    /// Reads how the head is built.
    pub(super) config: fn(&Fields<'_>) -> Result<HeadConfig, ModelError>,
    /// Keys of copies that older versions of `transformers` wrote of tied tables and biases; that of the table that scores
    /// tokens first, which may be no copy.
    pub tied_keys: &'static [&'static str],
    /// Keys that the class has and that nothing here computes with: they are written as they came.
    pub kept_keys: &'static [&'static str],
}

/// The padding token, where `config.json` names none.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum PadToken {
    /// This one.
    Id(u32),
    /// This one, and positions are numbered from it (RoBERTa): a file can't do without one.
    NumbersPositions(u32),
    /// One that ends a text: padding is never scored.
    EndOfText,
    /// It reads no tokens.
    None,
}

/// Sizes and rates of a backbone.
#[derive(Debug, Clone, PartialEq)]
pub enum BackboneConfig {
    /// Every token sees all others.
    Encoder(EncoderConfig),
    /// Every token sees all others, in most layers those near it.
    ModernEncoder(ModernEncoderConfig),
    /// A token sees those before it.
    Decoder(DecoderConfig),
    /// A token of a target sees those before it, and a whole source.
    EncoderDecoder(EncoderDecoderConfig),
    /// Every patch of an image sees all others.
    Vision(VisionConfig),
}

impl ArchitectureSpec {
    /// What `config.json` calls one of the fields of a [`BackboneConfig`].
    #[must_use]
    pub fn field_name(&self, field: &'static str) -> &'static str {
        self.field_names.iter().find(|(ours, _)| *ours == field).map_or(field, |(_, theirs)| theirs)
    }

    /// The class with a head of this kind.
    #[must_use]
    pub fn head(&self, kind: HeadKind) -> Option<&HeadSpec> {
        self.heads.iter().find(|head| head.kind == kind)
    }
}

/// An architecture is its `model_type`.
impl PartialEq for ArchitectureSpec {
    fn eq(&self, other: &Self) -> bool {
        self.model_type == other.model_type
    }
}

/// A head is its class.
impl PartialEq for HeadSpec {
    fn eq(&self, other: &Self) -> bool {
        self.class_name == other.class_name
    }
}

fn require(holds: bool, field: &'static str, reason: impl FnOnce() -> String) -> Result<(), ModelError> {
    if holds { Ok(()) } else { Err(ModelError::Field { field, reason: reason() }) }
}

fn divides(inner: usize, outer: usize) -> bool {
    inner > 0 && outer > 0 && outer.is_multiple_of(inner)
}

/// Whether a state falls into whole heads.
fn check_heads(heads: usize, hidden: usize) -> Result<(), ModelError> {
    require(divides(heads, hidden), "num_attention_heads", || format!("{heads} does not divide hidden_size {hidden}"))
}

impl BackboneConfig {
    /// Whether the sizes go together.
    pub(super) fn check(&self) -> Result<(), ModelError> {
        match self {
            Self::Encoder(encoder) => check_heads(encoder.num_attention_heads, encoder.hidden_size),
            Self::ModernEncoder(encoder) => {
                let (heads, hidden) = (encoder.num_attention_heads, encoder.hidden_size);
                check_heads(heads, hidden)?;
                let head_dim = hidden / heads;
                let is_even = head_dim.is_multiple_of(2);
                let reason = || format!("a head is {head_dim} wide, and its values are turned in pairs");
                require(is_even, "num_attention_heads", reason)
            }
            Self::Decoder(decoder) => {
                let (heads, keys) = (decoder.num_attention_heads, decoder.num_key_value_heads);
                let reason = || format!("{keys} does not divide num_attention_heads {heads}");
                require(divides(keys, heads), "num_key_value_heads", reason)?;
                let is_even = decoder.head_dim.is_multiple_of(2);
                let reason = || format!("{} is odd, and a head's values are turned in pairs", decoder.head_dim);
                require(is_even, "head_dim", reason)
            }
            Self::EncoderDecoder(_) => Ok(()), // its heads need not be as wide as a state
            Self::Vision(vision) => {
                check_heads(vision.num_attention_heads, vision.hidden_size)?;
                let (pixels, patch) = (vision.image_size, vision.patch_size);
                let reason = || format!("{pixels} pixels have no room for a patch of {patch}");
                require(vision.patches_a_side() > 0, "image_size", reason)
            }
        }
    }

    /// Tokens in the vocabulary; 0 of a model that reads images.
    #[must_use]
    pub fn vocab_size(&self) -> usize {
        match self {
            Self::Encoder(encoder) => encoder.vocab_size,
            Self::ModernEncoder(encoder) => encoder.vocab_size,
            Self::Decoder(decoder) => decoder.vocab_size,
            Self::EncoderDecoder(both) => both.vocab_size,
            Self::Vision(_) => 0,
        }
    }

    /// Width of a state.
    #[must_use]
    pub fn hidden_size(&self) -> usize {
        match self {
            Self::Encoder(encoder) => encoder.hidden_size,
            Self::ModernEncoder(encoder) => encoder.hidden_size,
            Self::Decoder(decoder) => decoder.hidden_size,
            Self::EncoderDecoder(both) => both.hidden_size,
            Self::Vision(vision) => vision.hidden_size,
        }
    }

    /// Width of the table that tokens are looked up in.
    #[must_use]
    pub fn table_width(&self) -> usize {
        match self {
            Self::Encoder(encoder) => encoder.table_width(),
            Self::ModernEncoder(_) | Self::Decoder(_) | Self::EncoderDecoder(_) | Self::Vision(_) => self.hidden_size(),
        }
    }

    /// Transformer layers that have weights of their own, those of encoder and decoder together.
    #[must_use]
    pub fn num_hidden_layers(&self) -> usize {
        match self {
            Self::Encoder(encoder) => encoder.num_own_layers(),
            Self::ModernEncoder(encoder) => encoder.windows.len(),
            Self::Decoder(decoder) => decoder.num_hidden_layers,
            Self::EncoderDecoder(both) => both.num_encoder_layers + both.num_decoder_layers,
            Self::Vision(vision) => vision.num_hidden_layers,
        }
    }

    /// Whether anything of it is dropped out in training, unless a run says otherwise.
    #[must_use]
    pub fn has_dropout(&self) -> bool {
        let rates = match self {
            Self::Encoder(encoder) => vec![encoder.hidden_dropout_prob, encoder.attention_probs_dropout_prob],
            Self::ModernEncoder(encoder) => {
                vec![encoder.embedding_dropout, encoder.attention_dropout, encoder.mlp_dropout]
            }
            Self::Decoder(decoder) => vec![decoder.embd_pdrop, decoder.attn_pdrop, decoder.resid_pdrop],
            Self::EncoderDecoder(both) => vec![both.dropout],
            Self::Vision(vision) => vec![vision.hidden_dropout_prob, vision.attention_probs_dropout_prob],
        };
        rates.into_iter().any(|rate| rate > 0.0)
    }

    /// Rows of the position table, or longest input in tokens.
    #[must_use]
    pub fn max_position_embeddings(&self) -> usize {
        match self {
            Self::Encoder(encoder) => encoder.max_position_embeddings,
            Self::ModernEncoder(encoder) => encoder.max_position_embeddings,
            Self::Decoder(decoder) => decoder.max_position_embeddings,
            Self::EncoderDecoder(both) => both.max_position_embeddings,
            Self::Vision(vision) => vision.num_positions(),
        }
    }

    /// Standard deviation of fresh weights that stand on the backbone.
    #[must_use]
    pub fn initializer_range(&self) -> f64 {
        match self {
            Self::Encoder(encoder) => encoder.initializer_range,
            Self::ModernEncoder(encoder) => encoder.initializer_range,
            Self::Decoder(decoder) => decoder.initializer_range,
            Self::EncoderDecoder(both) => both.initializer_factor,
            Self::Vision(vision) => vision.initializer_range,
        }
    }

    /// Path of the table that tokens are looked up in; a model that reads images has nothing there.
    #[must_use]
    pub fn word_table(&self) -> &'static str {
        match self {
            Self::Encoder(_) | Self::ModernEncoder(_) | Self::Vision(_) => "backbone.embeddings.word_embeddings.weight",
            Self::Decoder(_) | Self::EncoderDecoder(_) => "backbone.embed_tokens.weight",
        }
    }

    /// Tokens are scored with the table that they are looked up in, where they are scored.
    #[must_use]
    pub fn ties_word_embeddings(&self) -> bool {
        match self {
            Self::Encoder(_) | Self::ModernEncoder(_) | Self::Vision(_) => true,
            Self::Decoder(decoder) => decoder.tie_word_embeddings,
            Self::EncoderDecoder(both) => both.tie_word_embeddings,
        }
    }
}
