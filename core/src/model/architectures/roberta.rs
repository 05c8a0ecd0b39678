//! RoBERTa (<https://arxiv.org/abs/1907.11692>).
//!
//! Reference: `transformers` v5.24 `models/roberta/modeling_roberta.py`. `RobertaForSequenceClassification`: no pooler; head
//! is dropout, dense, tanh, dropout, out_proj on token 0. Tokens and spans as BERT. `RobertaForMaskedLM`: dense, GELU
//! whatever `hidden_act` says, LayerNorm, and the word table with a bias; `save_pretrained` writes `lm_head.bias` and
//! neither `lm_head.decoder.weight` nor `lm_head.decoder.bias`, which are tied to others. Positions start at
//! `pad_token_id + 1` and skip padding.

use super::super::fields::Fields;
use super::super::heads::{DenseActivation, DenseConfig, HeadConfig, MaskedLmConfig, SequenceConfig};
use super::super::padding::padding_row;
use super::super::spec::{ArchitectureSpec, BackboneConfig, HeadSpec, PadToken};
use super::super::{KeyMap, LinearLayout, ModelError};
use super::bert;
use crate::nn::{Activation, EncoderConfig};
use crate::task::HeadKind;

pub(super) const SPEC: ArchitectureSpec = ArchitectureSpec {
    model_type: "roberta",
    backbone,
    heads: &HEADS,
    default_target_modules: &["query", "value"],
    is_in_peft_table: true,
    field_names: &[],
    pad_token: PadToken::NumbersPositions(1),
};

const HEADS: [HeadSpec; 5] = heads([
    "RobertaForSequenceClassification",
    "RobertaForTokenClassification",
    "RobertaForQuestionAnswering",
    "RobertaForMaskedLM",
    "RobertaModel",
]);

/// The classes of an architecture that is RoBERTa under another name: for sequences, tokens, spans, masked tokens, and
/// without a head.
pub(super) const fn heads(class_names: [&'static str; 5]) -> [HeadSpec; 5] {
    let [of_sequences, of_tokens, of_spans, of_masked_tokens, bare] = class_names;
    [
        HeadSpec {
            kind: HeadKind::Sequence,
            class_name: of_sequences,
            key_map: key_map(&[("head.dense", "classifier.dense"), ("head.classifier", "classifier.out_proj")]),
            config: sequence,
            tied_keys: &[],
            kept_keys: &[],
        },
        HeadSpec {
            kind: HeadKind::Token,
            class_name: of_tokens,
            key_map: key_map(&[("head.classifier", "classifier")]),
            config: bert::token,
            tied_keys: &[],
            kept_keys: &[],
        },
        HeadSpec {
            kind: HeadKind::Span,
            class_name: of_spans,
            key_map: key_map(&[("head.qa_outputs", "qa_outputs")]),
            config: bert::span,
            tied_keys: &[],
            kept_keys: &[],
        },
        HeadSpec {
            kind: HeadKind::MaskedLm,
            class_name: of_masked_tokens,
            key_map: key_map(&[("head.lm_head", "lm_head")]),
            config: masked_lm,
            tied_keys: &["lm_head.decoder.weight", "lm_head.decoder.bias"],
            kept_keys: &[],
        },
        HeadSpec {
            kind: HeadKind::Pooled,
            class_name: bare,
            key_map: KeyMap { is_bare: true, ..key_map(&[]) },
            config: bert::pooled,
            tied_keys: &[],
            kept_keys: bert::POOLER,
        },
    ]
}

const fn key_map(head: &'static [(&'static str, &'static str)]) -> KeyMap {
    KeyMap {
        prefix: "roberta.",
        is_bare: false,
        backbone: bert::BACKBONE,
        head,
        modules: &[],
        linear: LinearLayout::OutIn,
    }
}

pub(super) fn backbone(fields: &Fields<'_>) -> Result<BackboneConfig, ModelError> {
    bert::check_sees_all(fields)?;
    let encoder = bert::encoder(fields)?;
    Ok(BackboneConfig::Encoder(EncoderConfig {
        padding_idx: padding_row(fields, Some(1), encoder.vocab_size)?,
        position_padding_idx: padding_row(fields, Some(1), encoder.max_position_embeddings)?,
        ..encoder
    }))
}

fn sequence(fields: &Fields<'_>) -> Result<HeadConfig, ModelError> {
    let dense = DenseConfig { activation: DenseActivation::Tanh, is_dropped_before: true };
    Ok(HeadConfig::Sequence(SequenceConfig::of_dense(dense, bert::classifier_dropout(fields)?)))
}

pub(super) fn masked_lm(fields: &Fields<'_>) -> Result<HeadConfig, ModelError> {
    let layer_norm_eps = fields.real_or("layer_norm_eps", 1e-12)?;
    Ok(HeadConfig::MaskedLm(MaskedLmConfig { activation: Activation::Gelu, layer_norm_eps, has_biases: true }))
}
