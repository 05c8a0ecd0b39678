//! Heads: states to outputs. Each is built as `transformers` builds it for the architecture; which ones an
//! architecture has is said by its file.

mod causal_lm;
mod image;
mod masked_lm;
mod pooled;
mod prediction;
mod sequence;
mod span;
mod token;

use burn::module::Module;
use burn::tensor::{Device, Tensor};

use super::{Backbone, ModelConfig};
use crate::batch::BatchInputs;
use crate::config::Pooling;
use crate::nn::{Init, Linear};
use crate::task::HeadKind;

pub use causal_lm::CausalLmHead;
pub use image::{ImageHead, ImageHeadConfig};
pub use masked_lm::{MaskedLmConfig, MaskedLmHead};
pub use pooled::PooledHead;
pub use prediction::PredictionConfig;
pub use sequence::{DenseActivation, DenseConfig, RowVector, SequenceConfig, SequenceHead};
pub use span::SpanHead;
pub use token::TokenHead;

/// How a head is built.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum HeadConfig {
    /// Numbers for a row.
    Sequence(SequenceConfig),
    /// Numbers for each token.
    Token {
        /// Dropout before the classifier.
        dropout: f64,
        /// Before that (ModernBERT).
        prediction: Option<PredictionConfig>,
    },
    /// Scores of each token as first and as last of a span.
    Span {
        /// Dropout before the linear layer (DistilBERT).
        dropout: f64,
        /// Before that (ModernBERT).
        prediction: Option<PredictionConfig>,
    },
    /// Scores of the vocabulary at a token.
    MaskedLm(MaskedLmConfig),
    /// Scores of the vocabulary for the next token.
    CausalLm,
    /// The same, of a target.
    Seq2seqLm,
    /// One vector a row.
    Pooled,
    /// Numbers for an image.
    Image(ImageHeadConfig),
}

/// What stands on a backbone.
#[derive(Module, Debug)]
#[expect(clippy::large_enum_variant, reason = "there are few of them, and their weights lie elsewhere")]
pub enum Head {
    /// Numbers for a row.
    Sequence(SequenceHead),
    /// Numbers for each token.
    Token(TokenHead),
    /// Scores of each token as first and as last of a span.
    Span(SpanHead),
    /// Scores of the vocabulary at a token.
    MaskedLm(MaskedLmHead),
    /// Scores of the vocabulary for the next token.
    CausalLm(CausalLmHead),
    /// The same, of a target.
    Seq2seqLm(CausalLmHead),
    /// One vector a row.
    Pooled(PooledHead),
    /// Numbers for an image.
    Image(ImageHead),
}

impl Head {
    /// Fresh weights; a checkpoint replaces those it has. `num_outputs` counts only where labels do.
    pub(super) fn new(
        config: &ModelConfig,
        pooling: Pooling,
        num_outputs: usize,
        init: &mut Init,
        device: &Device,
    ) -> Self {
        let (hidden, vocab) = (config.hidden_size(), config.vocab_size());
        let std = config.backbone.initializer_range();
        match config.head_config(pooling) {
            HeadConfig::Sequence(head) => {
                let size = [hidden, num_outputs];
                Self::Sequence(SequenceHead::new(head, config.pad_token_id, size, std, init, device))
            }
            HeadConfig::Token { dropout, prediction } => {
                Self::Token(TokenHead::new(dropout, prediction, [hidden, num_outputs], std, init, device))
            }
            HeadConfig::Span { dropout, prediction } => {
                Self::Span(SpanHead::new(dropout, prediction, hidden, std, init, device))
            }
            HeadConfig::MaskedLm(head) => {
                let size = [hidden, config.backbone.table_width(), vocab];
                Self::MaskedLm(MaskedLmHead::new(head, size, std, init, device))
            }
            HeadConfig::CausalLm | HeadConfig::Seq2seqLm => {
                let has_table = !config.backbone.ties_word_embeddings();
                let head = CausalLmHead::new(has_table, [hidden, vocab], std, init, device);
                match config.head_kind() {
                    HeadKind::Seq2seqLm => Self::Seq2seqLm(head),
                    _ => Self::CausalLm(head),
                }
            }
            HeadConfig::Pooled => Self::Pooled(PooledHead::new(config.row_vector)),
            HeadConfig::Image(head) => Self::Image(ImageHead::new(head, [hidden, num_outputs], std, init, device)),
        }
    }

    /// What it gives.
    #[must_use]
    pub fn kind(&self) -> HeadKind {
        match self {
            Self::Sequence(_) => HeadKind::Sequence,
            Self::Token(_) => HeadKind::Token,
            Self::Span(_) => HeadKind::Span,
            Self::MaskedLm(_) => HeadKind::MaskedLm,
            Self::CausalLm(_) => HeadKind::CausalLm,
            Self::Seq2seqLm(_) => HeadKind::Seq2seqLm,
            Self::Pooled(_) => HeadKind::Pooled,
            Self::Image(_) => HeadKind::Image,
        }
    }

    /// Outputs of a row, a token or an image, where they are labels.
    #[must_use]
    pub fn num_labels(&self) -> Option<usize> {
        match self {
            Self::Sequence(head) => Some(head.num_labels()),
            Self::Token(head) => Some(head.num_labels()),
            Self::Image(head) => Some(head.num_labels()),
            Self::Span(_) | Self::MaskedLm(_) | Self::CausalLm(_) | Self::Seq2seqLm(_) | Self::Pooled(_) => None,
        }
    }

    /// # Shapes
    /// - `states`: `[batch, seq, hidden]`, those of `inputs`
    /// - returns: `[batch, labels]` of a sequence or an image, `[batch * seq, labels]` of tokens, `[batch * seq, 2]` of spans,
    ///   `[batch * seq, vocab]` of the vocabulary, `[batch, hidden]` pooled
    #[must_use]
    pub fn outputs(&self, states: Tensor<3>, inputs: &BatchInputs, backbone: &Backbone) -> Tensor<2> {
        let [batch, seq, hidden] = states.dims();
        let rows = |states: Tensor<3>| states.reshape([batch * seq, hidden]); // [batch * seq, hidden]
        match self {
            Self::Sequence(head) => head.forward(states, inputs.text()),
            Self::Token(head) => head.forward(rows(states)),
            Self::Span(head) => head.forward(rows(states)),
            Self::MaskedLm(head) => head.forward(rows(states), backbone),
            Self::CausalLm(head) | Self::Seq2seqLm(head) => head.forward(rows(states), backbone),
            Self::Pooled(head) => head.forward(states, &inputs.text().attention_mask),
            Self::Image(head) => head.forward(head.features(states)),
        }
    }

    /// What the head reads of each row, before anything of it that is trained; `None` where that is more than a vector.
    ///
    /// # Shapes
    /// - `states`: `[batch, seq, hidden]`, those of `inputs`
    /// - returns: `[batch, width]`
    #[must_use]
    pub fn features(&self, states: Tensor<3>, inputs: &BatchInputs) -> Option<Tensor<2>> {
        match (self, inputs) {
            (Self::Image(head), BatchInputs::Pixels(_)) => Some(head.features(states)),
            _ => None,
        }
    }

    /// As [`Self::outputs`], of what [`Self::features`] gave.
    ///
    /// # Shapes
    /// - `features`: `[batch, width]`
    /// - returns: `[batch, labels]`
    ///
    /// # Panics
    /// Of a head that has no such vectors.
    #[must_use]
    pub fn outputs_of_features(&self, features: Tensor<2>) -> Tensor<2> {
        match self {
            Self::Image(head) => head.forward(features),
            _ => panic!("the head reads more than a vector a row"),
        }
    }

    /// Scores of the vocabulary at some tokens; `None` where the head has no vocabulary.
    ///
    /// # Shapes
    /// - `picked`: `[rows, hidden]`
    /// - returns: `[rows, vocab]`
    #[must_use]
    pub fn scores_of_tokens(&self, picked: Tensor<2>, backbone: &Backbone) -> Option<Tensor<2>> {
        match self {
            Self::MaskedLm(head) => Some(head.forward(picked, backbone)),
            Self::CausalLm(head) | Self::Seq2seqLm(head) => Some(head.forward(picked, backbone)),
            Self::Sequence(_) | Self::Token(_) | Self::Span(_) | Self::Pooled(_) | Self::Image(_) => None,
        }
    }

    /// Replaces the dropout rate.
    pub(super) fn set_dropout(&mut self, rate: f64) {
        match self {
            Self::Sequence(head) => head.dropout.p = rate,
            Self::Token(head) => head.dropout.p = rate,
            Self::Span(head) => head.dropout.p = rate,
            Self::MaskedLm(_) | Self::CausalLm(_) | Self::Seq2seqLm(_) | Self::Pooled(_) | Self::Image(_) => {}
        }
    }

    /// The linear layer before the outputs, with its path: an adapter can stand beside it.
    pub(super) fn dense_mut(&mut self) -> Option<(String, &mut Linear)> {
        match self {
            Self::Sequence(head) => head.dense_mut().map(|(name, dense)| (format!("head.{name}"), dense)),
            Self::Token(head) => head.dense_mut().map(|dense| ("head.prediction.dense".to_owned(), dense)),
            Self::Span(head) => head.dense_mut().map(|dense| ("head.prediction.dense".to_owned(), dense)),
            Self::MaskedLm(head) => Some(("head.lm_head.dense".to_owned(), head.dense_mut())),
            Self::CausalLm(_) | Self::Seq2seqLm(_) | Self::Pooled(_) | Self::Image(_) => None,
        }
    }
}
