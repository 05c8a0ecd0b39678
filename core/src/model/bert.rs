//! BERT (<https://arxiv.org/abs/1810.04805>), any size, MiniLM included.
//!
//! Reference: `transformers` v5.23 `models/bert/modeling_bert.py`, `BertForSequenceClassification`: pooler (dense and
//! tanh on token 0), dropout, classifier. `classifier_dropout` falls back on `hidden_dropout_prob`.

use super::fields::{Fields, activation, only_text};
use super::padding::padding_row;
use super::{HeadConfig, HeadKind, KeyMap, LinearLayout, ModelError};
use crate::nn::EncoderConfig;

/// Names of `BertForSequenceClassification`.
pub(super) const KEY_MAP: KeyMap = KeyMap {
    prefix: "bert.",
    backbone: &[
        ("encoder.embeddings.word_embeddings", "embeddings.word_embeddings"),
        ("encoder.embeddings.position_embeddings", "embeddings.position_embeddings"),
        ("encoder.embeddings.token_type_embeddings", "embeddings.token_type_embeddings"),
        ("encoder.embeddings.layer_norm", "embeddings.LayerNorm"),
        ("encoder.layers.{i}.query", "encoder.layer.{i}.attention.self.query"),
        ("encoder.layers.{i}.key", "encoder.layer.{i}.attention.self.key"),
        ("encoder.layers.{i}.value", "encoder.layer.{i}.attention.self.value"),
        ("encoder.layers.{i}.attention_output", "encoder.layer.{i}.attention.output.dense"),
        ("encoder.layers.{i}.attention_norm", "encoder.layer.{i}.attention.output.LayerNorm"),
        ("encoder.layers.{i}.intermediate", "encoder.layer.{i}.intermediate.dense"),
        ("encoder.layers.{i}.output_norm", "encoder.layer.{i}.output.LayerNorm"),
        ("encoder.layers.{i}.output", "encoder.layer.{i}.output.dense"),
        ("head.dense", "pooler.dense"),
    ],
    head: &[("head.classifier", "classifier")],
    linear: LinearLayout::OutIn,
};

pub(super) fn encoder(fields: &Fields<'_>) -> Result<EncoderConfig, ModelError> {
    only_text(fields, "position_embedding_type", "absolute")?;
    let vocab_size = fields.whole("vocab_size")?;
    Ok(EncoderConfig {
        vocab_size,
        hidden_size: fields.whole("hidden_size")?,
        num_hidden_layers: fields.whole("num_hidden_layers")?,
        num_attention_heads: fields.whole("num_attention_heads")?,
        intermediate_size: fields.whole("intermediate_size")?,
        max_position_embeddings: fields.whole("max_position_embeddings")?,
        type_vocab_size: fields.whole_or("type_vocab_size", 2)?,
        layer_norm_eps: fields.real_or("layer_norm_eps", 1e-12)?,
        hidden_dropout_prob: fields.real_or("hidden_dropout_prob", 0.1)?,
        attention_probs_dropout_prob: fields.real_or("attention_probs_dropout_prob", 0.1)?,
        hidden_act: activation(fields, "hidden_act")?,
        padding_idx: padding_row(fields, Some(0), vocab_size)?,
        position_padding_idx: None,
        initializer_range: fields.real_or("initializer_range", 0.02)?,
    })
}

pub(super) fn head(fields: &Fields<'_>) -> Result<HeadConfig, ModelError> {
    let dropout = fields.real_or("classifier_dropout", fields.real_or("hidden_dropout_prob", 0.1)?)?;
    Ok(HeadConfig { kind: HeadKind::Bert, dropout })
}
