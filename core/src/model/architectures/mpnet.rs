//! MPNet (<https://arxiv.org/abs/2004.09297>).
//!
//! Reference: `transformers` v5.24 `models/mpnet/modeling_mpnet.py`. RoBERTa without token types, and with a number for each
//! head and class of distances between two tokens, which all layers add to their scores; there are 32 classes whatever
//! config.json says, and distances from 128 on are one. Positions start at 2 and skip padding, which is token 1 whatever
//! config.json says. Heads are RoBERTa's; their dropout is `hidden_dropout_prob`.

use super::super::fields::{Fields, only_whole};
use super::super::heads::{DenseActivation, DenseConfig, HeadConfig, SequenceConfig};
use super::super::padding::padding_row;
use super::super::spec::{ArchitectureSpec, BackboneConfig, HeadSpec, PadToken};
use super::super::{KeyMap, LinearLayout, ModelError};
use super::{bert, roberta};
use crate::nn::EncoderConfig;
use crate::task::HeadKind;

pub(super) const SPEC: ArchitectureSpec = ArchitectureSpec {
    model_type: "mpnet",
    backbone,
    heads: &[
        HeadSpec {
            kind: HeadKind::Sequence,
            class_name: "MPNetForSequenceClassification",
            key_map: key_map(&[("head.dense", "classifier.dense"), ("head.classifier", "classifier.out_proj")]),
            config: sequence,
            tied_keys: &[],
            kept_keys: &[],
        },
        HeadSpec {
            kind: HeadKind::Token,
            class_name: "MPNetForTokenClassification",
            key_map: key_map(&[("head.classifier", "classifier")]),
            config: token,
            tied_keys: &[],
            kept_keys: &[],
        },
        HeadSpec {
            kind: HeadKind::Span,
            class_name: "MPNetForQuestionAnswering",
            key_map: key_map(&[("head.qa_outputs", "qa_outputs")]),
            config: bert::span,
            tied_keys: &[],
            kept_keys: &[],
        },
        HeadSpec {
            kind: HeadKind::MaskedLm,
            class_name: "MPNetForMaskedLM",
            key_map: key_map(&[("head.lm_head", "lm_head")]),
            config: roberta::masked_lm,
            tied_keys: &["lm_head.decoder.weight", "lm_head.decoder.bias"],
            kept_keys: &[],
        },
        HeadSpec {
            kind: HeadKind::Pooled,
            class_name: "MPNetModel",
            key_map: KeyMap { is_bare: true, ..key_map(&[]) },
            config: bert::pooled,
            tied_keys: &[],
            kept_keys: bert::POOLER,
        },
    ],
    // PEFT 0.21 names none for this model type; queries and values, as elsewhere.
    default_target_modules: &["q", "v"],
    is_in_peft_table: false,
    field_names: &[],
    pad_token: PadToken::NumbersPositions(PADDING),
};

/// The padding token, which positions are numbered from.
const PADDING: u32 = 1;

/// Classes of distances.
const BUCKETS: usize = 32;

const BACKBONE: &[(&str, &str)] = &[
    ("backbone.embeddings.word_embeddings", "embeddings.word_embeddings"),
    ("backbone.embeddings.position_embeddings", "embeddings.position_embeddings"),
    ("backbone.embeddings.layer_norm", "embeddings.LayerNorm"),
    ("backbone.relative_attention_bias", "encoder.relative_attention_bias"),
    ("backbone.layers.{i}.query", "encoder.layer.{i}.attention.attn.q"),
    ("backbone.layers.{i}.key", "encoder.layer.{i}.attention.attn.k"),
    ("backbone.layers.{i}.value", "encoder.layer.{i}.attention.attn.v"),
    ("backbone.layers.{i}.attention_output", "encoder.layer.{i}.attention.attn.o"),
    ("backbone.layers.{i}.attention_norm", "encoder.layer.{i}.attention.LayerNorm"),
    ("backbone.layers.{i}.intermediate", "encoder.layer.{i}.intermediate.dense"),
    ("backbone.layers.{i}.output_norm", "encoder.layer.{i}.output.LayerNorm"),
    ("backbone.layers.{i}.output", "encoder.layer.{i}.output.dense"),
];

const fn key_map(head: &'static [(&'static str, &'static str)]) -> KeyMap {
    KeyMap { prefix: "mpnet.", is_bare: false, backbone: BACKBONE, head, modules: &[], linear: LinearLayout::OutIn }
}

fn backbone(fields: &Fields<'_>) -> Result<BackboneConfig, ModelError> {
    only_whole(fields, "relative_attention_num_buckets", BUCKETS)?;
    if let Some(id) = fields.token_id("pad_token_id")?.filter(|&id| id != PADDING) {
        let reason = format!("{id} is not supported: an MPNet numbers positions from token {PADDING}");
        return Err(ModelError::Field { field: "pad_token_id", reason });
    }
    let encoder = bert::encoder(fields)?;
    Ok(BackboneConfig::Encoder(EncoderConfig {
        type_vocab_size: 0,
        relative_attention_num_buckets: Some(BUCKETS),
        padding_idx: padding_row(fields, Some(PADDING as usize), encoder.vocab_size)?,
        position_padding_idx: padding_row(fields, Some(PADDING as usize), encoder.max_position_embeddings)?,
        ..encoder
    }))
}

fn dropout(fields: &Fields<'_>) -> Result<f64, ModelError> {
    fields.real_or("hidden_dropout_prob", 0.1)
}

fn sequence(fields: &Fields<'_>) -> Result<HeadConfig, ModelError> {
    let dense = DenseConfig { activation: DenseActivation::Tanh, is_dropped_before: true };
    Ok(HeadConfig::Sequence(SequenceConfig::of_dense(dense, dropout(fields)?)))
}

fn token(fields: &Fields<'_>) -> Result<HeadConfig, ModelError> {
    Ok(HeadConfig::Token { dropout: dropout(fields)?, prediction: None })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::super::ModelConfig;
    use super::*;
    use crate::data::PositionIds;

    fn config(field: &str, value: &serde_json::Value) -> Result<ModelConfig, ModelError> {
        let mut json = json!({
            "model_type": "mpnet", "vocab_size": 100, "hidden_size": 8, "num_hidden_layers": 2,
            "num_attention_heads": 2, "intermediate_size": 16, "max_position_embeddings": 64, "pad_token_id": 1,
        });
        json[field] = value.clone();
        ModelConfig::from_json(json.to_string().as_bytes())
    }

    #[test]
    fn positions_are_numbered_from_token_one_and_there_are_no_token_types() {
        for pad in [json!(1), json!(null)] {
            let config = config("pad_token_id", &pad).expect("usable");
            assert_eq!((config.position_ids(), config.max_tokens()), (PositionIds::AfterPad(1), 62));
            let BackboneConfig::Encoder(encoder) = &config.backbone else { panic!("an encoder") };
            assert_eq!((encoder.padding_idx, encoder.position_padding_idx), (Some(1), Some(1)));
            assert_eq!((encoder.type_vocab_size, encoder.relative_attention_num_buckets), (0, Some(32)));
        }
    }

    #[test]
    fn what_the_reference_does_not_follow_is_refused_by_name() {
        for (field, value) in
            [("pad_token_id", json!(0)), ("pad_token_id", json!(-1)), ("relative_attention_num_buckets", json!(16))]
        {
            let error = config(field, &value).expect_err("the reference does not read it").to_string();
            assert!(error.contains(field), "{error}");
        }
    }
}
