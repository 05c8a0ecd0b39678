//! RoBERTa (<https://arxiv.org/abs/1907.11692>).
//!
//! Reference: `transformers` v5.23 `models/roberta/modeling_roberta.py`, `RobertaForSequenceClassification`: no pooler;
//! head is dropout, dense, tanh, dropout, out_proj on token 0. Positions start at `pad_token_id + 1` and skip padding.

use super::fields::Fields;
use super::padding::padding_row;
use super::{HeadConfig, HeadKind, KeyMap, LinearLayout, ModelError, bert};
use crate::nn::EncoderConfig;

/// Names of `RobertaForSequenceClassification`.
pub(super) const KEY_MAP: KeyMap = KeyMap {
    prefix: "roberta.",
    backbone: bert::KEY_MAP.backbone.split_at(bert::KEY_MAP.backbone.len() - 1).0, // all but the pooler
    head: &[("head.dense", "classifier.dense"), ("head.classifier", "classifier.out_proj")],
    linear: LinearLayout::OutIn,
};

pub(super) fn encoder(fields: &Fields<'_>) -> Result<EncoderConfig, ModelError> {
    let encoder = bert::encoder(fields)?;
    Ok(EncoderConfig {
        padding_idx: padding_row(fields, Some(1), encoder.vocab_size)?,
        position_padding_idx: padding_row(fields, Some(1), encoder.max_position_embeddings)?,
        ..encoder
    })
}

pub(super) fn head(fields: &Fields<'_>) -> Result<HeadConfig, ModelError> {
    Ok(HeadConfig { kind: HeadKind::Roberta, ..bert::head(fields)? })
}
