//! BERT (<https://arxiv.org/abs/1810.04805>), any size, MiniLM included.
//!
//! Reference: `transformers` v5.24 `models/bert/modeling_bert.py`. `BertForSequenceClassification`: pooler (dense and
//! tanh on token 0), dropout, classifier. `BertForTokenClassification`: dropout, classifier. `classifier_dropout` falls
//! back on `hidden_dropout_prob`. `BertForQuestionAnswering`: one linear layer. `BertForMaskedLM`: dense, activation,
//! LayerNorm, and the word table with a bias of its own; `save_pretrained` writes `cls.predictions.bias` and neither
//! `decoder.weight` nor `decoder.bias`, which are tied to others. Only the first of these classes, and `BertModel`, have a
//! pooler.

use super::super::fields::{Fields, activation, only_text};
use super::super::heads::{DenseActivation, DenseConfig, HeadConfig, MaskedLmConfig, SequenceConfig};
use super::super::padding::padding_row;
use super::super::spec::{ArchitectureSpec, BackboneConfig, HeadSpec, PadToken};
use super::super::{KeyMap, LinearLayout, ModelError};
use crate::nn::EncoderConfig;
use crate::task::HeadKind;

pub(super) const SPEC: ArchitectureSpec = ArchitectureSpec {
    model_type: "bert",
    backbone,
    heads: &[
        HeadSpec {
            kind: HeadKind::Sequence,
            class_name: "BertForSequenceClassification",
            key_map: key_map(&[("head.dense", "bert.pooler.dense"), ("head.classifier", "classifier")]),
            config: sequence,
            tied_keys: &[],
            kept_keys: &[],
        },
        HeadSpec {
            kind: HeadKind::Token,
            class_name: "BertForTokenClassification",
            key_map: key_map(&[("head.classifier", "classifier")]),
            config: token,
            tied_keys: &[],
            kept_keys: &[],
        },
        HeadSpec {
            kind: HeadKind::Span,
            class_name: "BertForQuestionAnswering",
            key_map: key_map(&[("head.qa_outputs", "qa_outputs")]),
            config: span,
            tied_keys: &[],
            kept_keys: &[],
        },
        HeadSpec {
            kind: HeadKind::MaskedLm,
            class_name: "BertForMaskedLM",
            key_map: key_map(&[
                ("head.lm_head.dense", "cls.predictions.transform.dense"),
                ("head.lm_head.layer_norm", "cls.predictions.transform.LayerNorm"),
                ("head.lm_head", "cls.predictions"), // its bias
            ]),
            config: masked_lm,
            tied_keys: &["cls.predictions.decoder.weight", "cls.predictions.decoder.bias"],
            kept_keys: &[],
        },
        HeadSpec {
            kind: HeadKind::Pooled,
            class_name: "BertModel",
            key_map: KeyMap { is_bare: true, ..key_map(&[]) },
            config: pooled,
            tied_keys: &[],
            kept_keys: POOLER,
        },
    ],
    default_target_modules: &["query", "value"],
    is_in_peft_table: true,
    field_names: &[],
    pad_token: PadToken::Id(0),
};

/// The pooler of a bare model, which mean pooling does without.
pub(super) const POOLER: &[&str] = &["pooler.dense.weight", "pooler.dense.bias"];

/// Names of the backbone, which RoBERTa and ELECTRA share.
pub(super) const BACKBONE: &[(&str, &str)] = &[
    ("backbone.embeddings.word_embeddings", "embeddings.word_embeddings"),
    ("backbone.embeddings.position_embeddings", "embeddings.position_embeddings"),
    ("backbone.embeddings.token_type_embeddings", "embeddings.token_type_embeddings"),
    ("backbone.embeddings.layer_norm", "embeddings.LayerNorm"),
    ("backbone.projection", "embeddings_project"), // only ELECTRA has one
    ("backbone.layers.{i}.query", "encoder.layer.{i}.attention.self.query"),
    ("backbone.layers.{i}.key", "encoder.layer.{i}.attention.self.key"),
    ("backbone.layers.{i}.value", "encoder.layer.{i}.attention.self.value"),
    ("backbone.layers.{i}.attention_output", "encoder.layer.{i}.attention.output.dense"),
    ("backbone.layers.{i}.attention_norm", "encoder.layer.{i}.attention.output.LayerNorm"),
    ("backbone.layers.{i}.intermediate", "encoder.layer.{i}.intermediate.dense"),
    ("backbone.layers.{i}.output_norm", "encoder.layer.{i}.output.LayerNorm"),
    ("backbone.layers.{i}.output", "encoder.layer.{i}.output.dense"),
];

const fn key_map(head: &'static [(&'static str, &'static str)]) -> KeyMap {
    KeyMap { prefix: "bert.", is_bare: false, backbone: BACKBONE, head, modules: &[], linear: LinearLayout::OutIn }
}

fn backbone(fields: &Fields<'_>) -> Result<BackboneConfig, ModelError> {
    check_sees_all(fields)?;
    encoder(fields).map(BackboneConfig::Encoder)
}

/// Refuses what would be a decoder, as RoBERTa's and ELECTRA's files say it too; the other encoders do not read the field.
pub(super) fn check_sees_all(fields: &Fields<'_>) -> Result<(), ModelError> {
    const FIELD: &str = "is_decoder";
    match fields.flag_or(FIELD, false)? {
        false => Ok(()),
        true => {
            let reason = "is true, and each token would see only those before it, which is not supported of an encoder; write \
                          false if the model was trained to read whole texts";
            Err(ModelError::Field { field: FIELD, reason: reason.into() })
        }
    }
}

/// Sizes and rates, which the files of RoBERTa, ELECTRA, MPNet and ALBERT say alike.
pub(super) fn encoder(fields: &Fields<'_>) -> Result<EncoderConfig, ModelError> {
    only_text(fields, "position_embedding_type", "absolute")?;
    let vocab_size = fields.whole("vocab_size")?;
    Ok(EncoderConfig {
        vocab_size,
        embedding_size: None,
        hidden_size: fields.whole("hidden_size")?,
        num_hidden_layers: fields.whole("num_hidden_layers")?,
        shares_layers: false,
        num_attention_heads: fields.whole("num_attention_heads")?,
        intermediate_size: fields.whole("intermediate_size")?,
        max_position_embeddings: fields.whole("max_position_embeddings")?,
        type_vocab_size: fields.whole_or("type_vocab_size", 2)?,
        relative_attention_num_buckets: None,
        disentangled: None,
        layer_norm_eps: fields.real_or("layer_norm_eps", 1e-12)?,
        hidden_dropout_prob: fields.real_or("hidden_dropout_prob", 0.1)?,
        drops_feed_forward: true,
        attention_probs_dropout_prob: fields.real_or("attention_probs_dropout_prob", 0.1)?,
        hidden_act: activation(fields, "hidden_act")?,
        padding_idx: padding_row(fields, Some(0), vocab_size)?,
        position_padding_idx: None,
        initializer_range: fields.real_or("initializer_range", 0.02)?,
    })
}

/// `classifier_dropout`, else `hidden_dropout_prob`.
pub(super) fn classifier_dropout(fields: &Fields<'_>) -> Result<f64, ModelError> {
    fields.real_or("classifier_dropout", fields.real_or("hidden_dropout_prob", 0.1)?)
}

fn sequence(fields: &Fields<'_>) -> Result<HeadConfig, ModelError> {
    let dense = DenseConfig { activation: DenseActivation::Tanh, is_dropped_before: false };
    Ok(HeadConfig::Sequence(SequenceConfig::of_dense(dense, classifier_dropout(fields)?)))
}

pub(super) fn token(fields: &Fields<'_>) -> Result<HeadConfig, ModelError> {
    Ok(HeadConfig::Token { dropout: classifier_dropout(fields)?, prediction: None })
}

pub(super) fn span(_: &Fields<'_>) -> Result<HeadConfig, ModelError> {
    Ok(HeadConfig::Span { dropout: 0.0, prediction: None })
}

fn masked_lm(fields: &Fields<'_>) -> Result<HeadConfig, ModelError> {
    Ok(HeadConfig::MaskedLm(MaskedLmConfig {
        activation: activation(fields, "hidden_act")?,
        layer_norm_eps: fields.real_or("layer_norm_eps", 1e-12)?,
        has_biases: true,
    }))
}

pub(super) fn pooled(_: &Fields<'_>) -> Result<HeadConfig, ModelError> {
    Ok(HeadConfig::Pooled)
}
