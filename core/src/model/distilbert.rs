//! DistilBERT (<https://arxiv.org/abs/1910.01108>).
//!
//! Reference: `transformers` v5.23 `models/distilbert/modeling_distilbert.py`, `DistilBertForSequenceClassification`:
//! no token types, head is pre_classifier, ReLU, dropout, classifier on token 0. LayerNorm's epsilon is fixed at 1e-12.

use super::fields::{Fields, activation};
use super::padding::padding_row;
use super::{HeadConfig, HeadKind, KeyMap, LinearLayout, ModelError};
use crate::nn::EncoderConfig;

/// Names of `DistilBertForSequenceClassification`.
pub(super) const KEY_MAP: KeyMap = KeyMap {
    prefix: "distilbert.",
    backbone: &[
        ("encoder.embeddings.word_embeddings", "embeddings.word_embeddings"),
        ("encoder.embeddings.position_embeddings", "embeddings.position_embeddings"),
        ("encoder.embeddings.layer_norm", "embeddings.LayerNorm"),
        ("encoder.layers.{i}.query", "transformer.layer.{i}.attention.q_lin"),
        ("encoder.layers.{i}.key", "transformer.layer.{i}.attention.k_lin"),
        ("encoder.layers.{i}.value", "transformer.layer.{i}.attention.v_lin"),
        ("encoder.layers.{i}.attention_output", "transformer.layer.{i}.attention.out_lin"),
        ("encoder.layers.{i}.attention_norm", "transformer.layer.{i}.sa_layer_norm"),
        ("encoder.layers.{i}.intermediate", "transformer.layer.{i}.ffn.lin1"),
        ("encoder.layers.{i}.output_norm", "transformer.layer.{i}.output_layer_norm"),
        ("encoder.layers.{i}.output", "transformer.layer.{i}.ffn.lin2"),
    ],
    head: &[("head.dense", "pre_classifier"), ("head.classifier", "classifier")],
    linear: LinearLayout::OutIn,
};

pub(super) fn encoder(fields: &Fields<'_>) -> Result<EncoderConfig, ModelError> {
    let vocab_size = fields.whole("vocab_size")?;
    Ok(EncoderConfig {
        vocab_size,
        hidden_size: fields.whole("dim")?,
        num_hidden_layers: fields.whole("n_layers")?,
        num_attention_heads: fields.whole("n_heads")?,
        intermediate_size: fields.whole("hidden_dim")?,
        max_position_embeddings: fields.whole("max_position_embeddings")?,
        type_vocab_size: 0,
        layer_norm_eps: 1e-12,
        hidden_dropout_prob: fields.real_or("dropout", 0.1)?,
        attention_probs_dropout_prob: fields.real_or("attention_dropout", 0.1)?,
        hidden_act: activation(fields, "activation")?,
        padding_idx: padding_row(fields, Some(0), vocab_size)?,
        position_padding_idx: None,
        initializer_range: fields.real_or("initializer_range", 0.02)?,
    })
}

pub(super) fn head(fields: &Fields<'_>) -> Result<HeadConfig, ModelError> {
    Ok(HeadConfig { kind: HeadKind::Distilbert, dropout: fields.real_or("seq_classif_dropout", 0.2)? })
}
