//! ALBERT (<https://arxiv.org/abs/1909.11942>): one layer, which states pass `num_hidden_layers` times, and tables of width
//! `embedding_size`, which `embedding_hidden_mapping_in` makes states of.
//!
//! Reference: `transformers` v5.24 `models/albert/modeling_albert.py`. No dropout after the feed-forward.
//! `AlbertForSequenceClassification`: pooler (a linear layer and tanh on token 0), dropout, classifier. Tokens and spans as
//! BERT; the dropout is `classifier_dropout_prob`. `AlbertForMaskedLM`: dense to `embedding_size`, activation, LayerNorm, and
//! the word table with a bias; `save_pretrained` writes `predictions.bias` and neither `predictions.decoder.weight` nor
//! `predictions.decoder.bias`, which are tied to others.
//!
//! With one layer of weights, "the last layer" is that one, and no layer can be frozen, left out or added alone. Several groups of
//! layers, which no published model has, are refused.

use super::super::fields::{Fields, activation_or, only_whole};
use super::super::heads::{DenseActivation, DenseConfig, HeadConfig, MaskedLmConfig, SequenceConfig};
use super::super::spec::{ArchitectureSpec, BackboneConfig, HeadSpec, PadToken};
use super::super::{KeyMap, LinearLayout, ModelError};
use super::bert;
use crate::nn::{Activation, EncoderConfig};
use crate::task::HeadKind;

pub(super) const SPEC: ArchitectureSpec = ArchitectureSpec {
    model_type: "albert",
    backbone,
    heads: &[
        HeadSpec {
            kind: HeadKind::Sequence,
            class_name: "AlbertForSequenceClassification",
            key_map: key_map(&[("head.dense", "albert.pooler"), ("head.classifier", "classifier")]),
            config: sequence,
            tied_keys: &[],
            kept_keys: &[],
        },
        HeadSpec {
            kind: HeadKind::Token,
            class_name: "AlbertForTokenClassification",
            key_map: key_map(&[("head.classifier", "classifier")]),
            config: token,
            tied_keys: &[],
            kept_keys: &[],
        },
        HeadSpec {
            kind: HeadKind::Span,
            class_name: "AlbertForQuestionAnswering",
            key_map: key_map(&[("head.qa_outputs", "qa_outputs")]),
            config: bert::span,
            tied_keys: &[],
            kept_keys: &[],
        },
        HeadSpec {
            kind: HeadKind::MaskedLm,
            class_name: "AlbertForMaskedLM",
            key_map: key_map(&[
                ("head.lm_head.dense", "predictions.dense"),
                ("head.lm_head.layer_norm", "predictions.LayerNorm"),
                ("head.lm_head", "predictions"), // its bias
            ]),
            config: masked_lm,
            tied_keys: &["predictions.decoder.weight", "predictions.decoder.bias"],
            kept_keys: &[],
        },
        HeadSpec {
            kind: HeadKind::Pooled,
            class_name: "AlbertModel",
            key_map: KeyMap { is_bare: true, ..key_map(&[]) },
            config: bert::pooled,
            tied_keys: &[],
            kept_keys: &["pooler.weight", "pooler.bias"],
        },
    ],
    // PEFT 0.21 names none for this model type; queries and values, as elsewhere.
    default_target_modules: &["query", "value"],
    is_in_peft_table: false,
    field_names: &[],
    pad_token: PadToken::Id(0),
};

const BACKBONE: &[(&str, &str)] = &[
    ("backbone.embeddings.word_embeddings", "embeddings.word_embeddings"),
    ("backbone.embeddings.position_embeddings", "embeddings.position_embeddings"),
    ("backbone.embeddings.token_type_embeddings", "embeddings.token_type_embeddings"),
    ("backbone.embeddings.layer_norm", "embeddings.LayerNorm"),
    ("backbone.projection", "encoder.embedding_hidden_mapping_in"),
    ("backbone.layers.{i}.query", "encoder.albert_layer_groups.{i}.albert_layers.0.attention.query"),
    ("backbone.layers.{i}.key", "encoder.albert_layer_groups.{i}.albert_layers.0.attention.key"),
    ("backbone.layers.{i}.value", "encoder.albert_layer_groups.{i}.albert_layers.0.attention.value"),
    ("backbone.layers.{i}.attention_output", "encoder.albert_layer_groups.{i}.albert_layers.0.attention.dense"),
    ("backbone.layers.{i}.attention_norm", "encoder.albert_layer_groups.{i}.albert_layers.0.attention.LayerNorm"),
    ("backbone.layers.{i}.intermediate", "encoder.albert_layer_groups.{i}.albert_layers.0.ffn"),
    ("backbone.layers.{i}.output_norm", "encoder.albert_layer_groups.{i}.albert_layers.0.full_layer_layer_norm"),
    ("backbone.layers.{i}.output", "encoder.albert_layer_groups.{i}.albert_layers.0.ffn_output"),
];

const fn key_map(head: &'static [(&'static str, &'static str)]) -> KeyMap {
    KeyMap { prefix: "albert.", is_bare: false, backbone: BACKBONE, head, modules: &[], linear: LinearLayout::OutIn }
}

fn backbone(fields: &Fields<'_>) -> Result<BackboneConfig, ModelError> {
    only_whole(fields, "num_hidden_groups", 1)?;
    only_whole(fields, "inner_group_num", 1)?;
    Ok(BackboneConfig::Encoder(EncoderConfig {
        embedding_size: Some(fields.whole_or("embedding_size", 128)?),
        shares_layers: true,
        hidden_act: hidden_act(fields)?,
        hidden_dropout_prob: hidden_dropout(fields)?,
        attention_probs_dropout_prob: fields.real_or("attention_probs_dropout_prob", 0.0)?,
        drops_feed_forward: false,
        ..bert::encoder(fields)?
    }))
}

fn hidden_act(fields: &Fields<'_>) -> Result<Activation, ModelError> {
    activation_or(fields, "hidden_act", "gelu_new")
}

fn hidden_dropout(fields: &Fields<'_>) -> Result<f64, ModelError> {
    fields.real_or("hidden_dropout_prob", 0.0)
}

/// `classifier_dropout_prob`; where it is null, `hidden_dropout_prob`.
fn classifier_dropout(fields: &Fields<'_>) -> Result<f64, ModelError> {
    match fields.is_null("classifier_dropout_prob") {
        true => hidden_dropout(fields),
        false => fields.real_or("classifier_dropout_prob", 0.1),
    }
}

fn sequence(fields: &Fields<'_>) -> Result<HeadConfig, ModelError> {
    let dense = DenseConfig { activation: DenseActivation::Tanh, is_dropped_before: false };
    Ok(HeadConfig::Sequence(SequenceConfig::of_dense(dense, classifier_dropout(fields)?)))
}

fn token(fields: &Fields<'_>) -> Result<HeadConfig, ModelError> {
    Ok(HeadConfig::Token { dropout: classifier_dropout(fields)?, prediction: None })
}

fn masked_lm(fields: &Fields<'_>) -> Result<HeadConfig, ModelError> {
    Ok(HeadConfig::MaskedLm(MaskedLmConfig {
        activation: hidden_act(fields)?,
        layer_norm_eps: fields.real_or("layer_norm_eps", 1e-12)?,
        has_biases: true,
    }))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::super::ModelConfig;
    use super::*;

    fn config(field: &str, value: serde_json::Value) -> Result<ModelConfig, ModelError> {
        let mut json = json!({
            "model_type": "albert", "vocab_size": 100, "hidden_size": 8, "num_hidden_layers": 12,
            "num_attention_heads": 2, "intermediate_size": 16, "max_position_embeddings": 64,
        });
        json[field] = value;
        ModelConfig::from_json(json.to_string().as_bytes())
    }

    fn encoder(config: &ModelConfig) -> EncoderConfig {
        let BackboneConfig::Encoder(encoder) = &config.backbone else { panic!("an encoder") };
        encoder.clone()
    }

    #[test]
    fn twelve_layers_are_one_and_what_is_not_said_is_as_in_the_reference() {
        let config = config("bos_token_id", json!(2)).expect("usable");
        let encoder = encoder(&config);
        assert_eq!((encoder.num_hidden_layers, config.num_hidden_layers()), (12, 1));
        assert_eq!((encoder.embedding_size, encoder.hidden_act), (Some(128), Activation::GeluNew));
        assert_eq!((encoder.hidden_dropout_prob, encoder.attention_probs_dropout_prob), (0.0, 0.0));
    }

    #[test]
    fn tables_as_wide_as_states_have_a_layer_after_them_too() {
        let config = config("embedding_size", json!(8)).expect("usable");
        assert_eq!(encoder(&config).embedding_size, Some(8));
    }

    #[test]
    fn several_groups_are_refused_by_name() {
        for field in ["num_hidden_groups", "inner_group_num"] {
            let error = config(field, json!(2)).expect_err("two").to_string();
            assert!(error.contains(field), "{error}");
        }
    }

    #[test]
    fn a_null_dropout_of_tokens_is_that_of_states() {
        let config = config("classifier_dropout_prob", json!(null)).expect("usable");
        let head = config.with_head(HeadKind::Token).expect("it has it").head_config(crate::config::Pooling::Cls);
        assert_eq!(head, HeadConfig::Token { dropout: 0.0, prediction: None });
    }
}
