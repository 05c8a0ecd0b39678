//! DistilBERT (<https://arxiv.org/abs/1910.01108>).
//!
//! Reference: `transformers` v5.24 `models/distilbert/modeling_distilbert.py`: no token types, LayerNorm's epsilon is fixed
//! at 1e-12. `DistilBertForSequenceClassification`: pre_classifier, ReLU, dropout, classifier on token 0.
//! `DistilBertForTokenClassification`: the encoder's `dropout`, classifier. `DistilBertForQuestionAnswering`: `qa_dropout`,
//! one linear layer. `DistilBertForMaskedLM`: dense, the encoder's activation, LayerNorm, and the word table with a bias;
//! `save_pretrained` writes `vocab_projector.bias` and not `vocab_projector.weight`, which is tied.

use super::super::fields::{Fields, activation};
use super::super::heads::{DenseActivation, DenseConfig, HeadConfig, MaskedLmConfig, SequenceConfig};
use super::super::padding::padding_row;
use super::super::spec::{ArchitectureSpec, BackboneConfig, HeadSpec, PadToken};
use super::super::{KeyMap, LinearLayout, ModelError};
use super::bert;
use crate::nn::EncoderConfig;
use crate::task::HeadKind;

pub(super) const SPEC: ArchitectureSpec = ArchitectureSpec {
    model_type: "distilbert",
    backbone,
    heads: &[
        HeadSpec {
            kind: HeadKind::Sequence,
            class_name: "DistilBertForSequenceClassification",
            key_map: key_map(&[("head.dense", "pre_classifier"), ("head.classifier", "classifier")]),
            config: sequence,
            tied_keys: &[],
            kept_keys: &[],
        },
        HeadSpec {
            kind: HeadKind::Token,
            class_name: "DistilBertForTokenClassification",
            key_map: key_map(&[("head.classifier", "classifier")]),
            config: token,
            tied_keys: &[],
            kept_keys: &[],
        },
        HeadSpec {
            kind: HeadKind::Span,
            class_name: "DistilBertForQuestionAnswering",
            key_map: key_map(&[("head.qa_outputs", "qa_outputs")]),
            config: span,
            tied_keys: &[],
            kept_keys: &[],
        },
        HeadSpec {
            kind: HeadKind::MaskedLm,
            class_name: "DistilBertForMaskedLM",
            key_map: key_map(&[
                ("head.lm_head.dense", "vocab_transform"),
                ("head.lm_head.layer_norm", "vocab_layer_norm"),
                ("head.lm_head", "vocab_projector"), // its bias
            ]),
            config: masked_lm,
            tied_keys: &["vocab_projector.weight"],
            kept_keys: &[],
        },
        HeadSpec {
            kind: HeadKind::Pooled,
            class_name: "DistilBertModel",
            key_map: KeyMap { is_bare: true, ..key_map(&[]) },
            config: bert::pooled,
            tied_keys: &[],
            kept_keys: &[],
        },
    ],
    // PEFT 0.21 names none for this model type; queries and values, as elsewhere.
    default_target_modules: &["q_lin", "v_lin"],
    is_in_peft_table: false,
    field_names: &[("hidden_size", "dim"), ("num_hidden_layers", "n_layers"), ("intermediate_size", "hidden_dim")],
    pad_token: PadToken::Id(0),
};

const LAYER_NORM_EPS: f64 = 1e-12;

const BACKBONE: &[(&str, &str)] = &[
    ("backbone.embeddings.word_embeddings", "embeddings.word_embeddings"),
    ("backbone.embeddings.position_embeddings", "embeddings.position_embeddings"),
    ("backbone.embeddings.layer_norm", "embeddings.LayerNorm"),
    ("backbone.layers.{i}.query", "transformer.layer.{i}.attention.q_lin"),
    ("backbone.layers.{i}.key", "transformer.layer.{i}.attention.k_lin"),
    ("backbone.layers.{i}.value", "transformer.layer.{i}.attention.v_lin"),
    ("backbone.layers.{i}.attention_output", "transformer.layer.{i}.attention.out_lin"),
    ("backbone.layers.{i}.attention_norm", "transformer.layer.{i}.sa_layer_norm"),
    ("backbone.layers.{i}.intermediate", "transformer.layer.{i}.ffn.lin1"),
    ("backbone.layers.{i}.output_norm", "transformer.layer.{i}.output_layer_norm"),
    ("backbone.layers.{i}.output", "transformer.layer.{i}.ffn.lin2"),
];

const fn key_map(head: &'static [(&'static str, &'static str)]) -> KeyMap {
    KeyMap {
        prefix: "distilbert.",
        is_bare: false,
        backbone: BACKBONE,
        head,
        modules: &[],
        linear: LinearLayout::OutIn,
    }
}

fn backbone(fields: &Fields<'_>) -> Result<BackboneConfig, ModelError> {
    let vocab_size = fields.whole("vocab_size")?;
    Ok(BackboneConfig::Encoder(EncoderConfig {
        vocab_size,
        embedding_size: None,
        hidden_size: fields.whole("dim")?,
        num_hidden_layers: fields.whole("n_layers")?,
        shares_layers: false,
        num_attention_heads: fields.whole("n_heads")?,
        intermediate_size: fields.whole("hidden_dim")?,
        max_position_embeddings: fields.whole("max_position_embeddings")?,
        type_vocab_size: 0,
        relative_attention_num_buckets: None,
        disentangled: None,
        layer_norm_eps: LAYER_NORM_EPS,
        hidden_dropout_prob: dropout(fields)?,
        drops_feed_forward: true,
        attention_probs_dropout_prob: fields.real_or("attention_dropout", 0.1)?,
        hidden_act: activation(fields, "activation")?,
        padding_idx: padding_row(fields, Some(0), vocab_size)?,
        position_padding_idx: None,
        initializer_range: fields.real_or("initializer_range", 0.02)?,
    }))
}

fn dropout(fields: &Fields<'_>) -> Result<f64, ModelError> {
    fields.real_or("dropout", 0.1)
}

fn sequence(fields: &Fields<'_>) -> Result<HeadConfig, ModelError> {
    let dense = DenseConfig { activation: DenseActivation::Relu, is_dropped_before: false };
    let dropout = fields.real_or("seq_classif_dropout", 0.2)?;
    Ok(HeadConfig::Sequence(SequenceConfig::of_dense(dense, dropout)))
}

fn token(fields: &Fields<'_>) -> Result<HeadConfig, ModelError> {
    Ok(HeadConfig::Token { dropout: dropout(fields)?, prediction: None })
}

fn span(fields: &Fields<'_>) -> Result<HeadConfig, ModelError> {
    Ok(HeadConfig::Span { dropout: fields.real_or("qa_dropout", 0.1)?, prediction: None })
}

fn masked_lm(fields: &Fields<'_>) -> Result<HeadConfig, ModelError> {
    let activation = activation(fields, "activation")?;
    Ok(HeadConfig::MaskedLm(MaskedLmConfig { activation, layer_norm_eps: LAYER_NORM_EPS, has_biases: true }))
}
