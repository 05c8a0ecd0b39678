//! RoBERTa (<https://arxiv.org/abs/1907.11692>).
//!
//! Reference: `transformers` v5.24 `models/roberta/modeling_roberta.py`. `RobertaForSequenceClassification`: no pooler; head
//! is dropout, dense, tanh, dropout, out_proj on token 0. Tokens and spans as BERT. `RobertaForMaskedLM`: dense, GELU
//! whatever `hidden_act` says, LayerNorm, and the word table with a bias; `save_pretrained` writes `lm_head.bias` and
//! neither `lm_head.decoder.weight` nor `lm_head.decoder.bias`, which are tied to others. Positions start at
//! `pad_token_id + 1` and skip padding.

use super::super::fields::Fields;
use super::super::heads::{DenseActivation, DenseConfig, HeadConfig, SequenceConfig};
use super::super::padding::padding_row;
use super::super::spec::{ArchitectureSpec, BackboneConfig, HeadSpec, PadToken};
use super::super::{KeyMap, LinearLayout, ModelError};
use super::bert;
use crate::nn::{Activation, EncoderConfig};
use crate::task::HeadKind;

pub(super) const SPEC: ArchitectureSpec = ArchitectureSpec {
    model_type: "roberta",
    backbone,
    heads: &[
        HeadSpec {
            kind: HeadKind::Sequence,
            class_name: "RobertaForSequenceClassification",
            key_map: key_map(&[("head.dense", "classifier.dense"), ("head.classifier", "classifier.out_proj")]),
            config: sequence,
            tied_keys: &[],
            kept_keys: &[],
        },
        HeadSpec {
            kind: HeadKind::Token,
            class_name: "RobertaForTokenClassification",
            key_map: key_map(&[("head.classifier", "classifier")]),
            config: bert::token,
            tied_keys: &[],
            kept_keys: &[],
        },
        HeadSpec {
            kind: HeadKind::Span,
            class_name: "RobertaForQuestionAnswering",
            key_map: key_map(&[("head.qa_outputs", "qa_outputs")]),
            config: bert::span,
            tied_keys: &[],
            kept_keys: &[],
        },
        HeadSpec {
            kind: HeadKind::MaskedLm,
            class_name: "RobertaForMaskedLM",
            key_map: key_map(&[("head.lm_head", "lm_head")]),
            config: masked_lm,
            tied_keys: &["lm_head.decoder.weight", "lm_head.decoder.bias"],
            kept_keys: &[],
        },
        HeadSpec {
            kind: HeadKind::Pooled,
            class_name: "RobertaModel",
            key_map: KeyMap { is_bare: true, ..key_map(&[]) },
            config: bert::pooled,
            tied_keys: &[],
            kept_keys: bert::POOLER,
        },
    ],
    default_target_modules: &["query", "value"],
    is_in_peft_table: true,
    field_names: &[],
    pad_token: PadToken::NumbersPositions(1),
};

const fn key_map(head: &'static [(&'static str, &'static str)]) -> KeyMap {
    KeyMap { prefix: "roberta.", is_bare: false, backbone: bert::BACKBONE, head, linear: LinearLayout::OutIn }
}

fn backbone(fields: &Fields<'_>) -> Result<BackboneConfig, ModelError> {
    let encoder = bert::encoder(fields)?;
    Ok(BackboneConfig::Encoder(EncoderConfig {
        padding_idx: padding_row(fields, Some(1), encoder.vocab_size)?,
        position_padding_idx: padding_row(fields, Some(1), encoder.max_position_embeddings)?,
        ..encoder
    }))
}

fn sequence(fields: &Fields<'_>) -> Result<HeadConfig, ModelError> {
    let dense = DenseConfig { activation: DenseActivation::Tanh, is_dropped_before: true };
    Ok(HeadConfig::Sequence(SequenceConfig { dense: Some(dense), dropout: bert::classifier_dropout(fields)? }))
}

fn masked_lm(fields: &Fields<'_>) -> Result<HeadConfig, ModelError> {
    Ok(HeadConfig::MaskedLm { activation: Activation::Gelu, layer_norm_eps: fields.real_or("layer_norm_eps", 1e-12)? })
}
