//! DeBERTa v2 and v3 (<https://arxiv.org/abs/2111.09543>), one `model_type` for both.
//!
//! Reference: `transformers` v5.24 `models/deberta_v2/modeling_deberta_v2.py`. BERT's layers with disentangled attention, no
//! position table, and no token types where the file names none. `DebertaV2ForSequenceClassification`: pooler (dense and
//! GELU on token 0), dropout, classifier; `cls_dropout` falls back on `hidden_dropout_prob`. Tokens and spans as BERT.
//! `DebertaV2ForMaskedLM` with `legacy`, which is the default: BERT's head. What published models have is supported: vectors
//! of distances in classes, normed, which layers read with their own query and key layers. The convolution of the largest
//! two of v2 is not.

use serde_json::Value;

use super::super::fields::{Fields, activation, only, only_text, only_whole};
use super::super::heads::{DenseActivation, DenseConfig, HeadConfig, MaskedLmConfig, SequenceConfig};
use super::super::spec::{ArchitectureSpec, BackboneConfig, HeadSpec, PadToken};
use super::super::{KeyMap, LinearLayout, ModelError};
use super::bert;
use crate::nn::{DisentangledConfig, EncoderConfig};
use crate::task::HeadKind;

pub(super) const SPEC: ArchitectureSpec = ArchitectureSpec {
    model_type: "deberta-v2",
    backbone,
    heads: &[
        HeadSpec {
            kind: HeadKind::Sequence,
            class_name: "DebertaV2ForSequenceClassification",
            key_map: key_map(&[("head.dense", "pooler.dense"), ("head.classifier", "classifier")]),
            config: sequence,
            tied_keys: &[],
            kept_keys: &[],
        },
        HeadSpec {
            kind: HeadKind::Token,
            class_name: "DebertaV2ForTokenClassification",
            key_map: key_map(&[("head.classifier", "classifier")]),
            config: token,
            tied_keys: &[],
            kept_keys: &[],
        },
        HeadSpec {
            kind: HeadKind::Span,
            class_name: "DebertaV2ForQuestionAnswering",
            key_map: key_map(&[("head.qa_outputs", "qa_outputs")]),
            config: bert::span,
            tied_keys: &[],
            kept_keys: &[],
        },
        HeadSpec {
            kind: HeadKind::MaskedLm,
            class_name: "DebertaV2ForMaskedLM",
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
            class_name: "DebertaV2Model",
            key_map: KeyMap { is_bare: true, ..key_map(&[]) },
            config: bert::pooled,
            tied_keys: &[],
            kept_keys: &[],
        },
    ],
    default_target_modules: &["query_proj", "value_proj"],
    is_in_peft_table: true,
    field_names: &[],
    pad_token: PadToken::Id(0),
};

const BACKBONE: &[(&str, &str)] = &[
    ("backbone.embeddings.word_embeddings", "embeddings.word_embeddings"),
    ("backbone.embeddings.token_type_embeddings", "embeddings.token_type_embeddings"),
    ("backbone.embeddings.layer_norm", "embeddings.LayerNorm"),
    ("backbone.relative_embeddings", "encoder.rel_embeddings"),
    ("backbone.relative_norm", "encoder.LayerNorm"),
    ("backbone.layers.{i}.query", "encoder.layer.{i}.attention.self.query_proj"),
    ("backbone.layers.{i}.key", "encoder.layer.{i}.attention.self.key_proj"),
    ("backbone.layers.{i}.value", "encoder.layer.{i}.attention.self.value_proj"),
    ("backbone.layers.{i}.attention_output", "encoder.layer.{i}.attention.output.dense"),
    ("backbone.layers.{i}.attention_norm", "encoder.layer.{i}.attention.output.LayerNorm"),
    ("backbone.layers.{i}.intermediate", "encoder.layer.{i}.intermediate.dense"),
    ("backbone.layers.{i}.output_norm", "encoder.layer.{i}.output.LayerNorm"),
    ("backbone.layers.{i}.output", "encoder.layer.{i}.output.dense"),
];

const fn key_map(head: &'static [(&'static str, &'static str)]) -> KeyMap {
    KeyMap { prefix: "deberta.", is_bare: false, backbone: BACKBONE, head, modules: &[], linear: LinearLayout::OutIn }
}

fn backbone(fields: &Fields<'_>) -> Result<BackboneConfig, ModelError> {
    let encoder = bert::encoder(fields)?;
    // What is missing is off in the reference, which published files never leave it.
    for (field, supported) in [("relative_attention", true), ("share_att_key", true), ("position_biased_input", false)]
    {
        match fields.has(field) {
            true => only(fields, field, supported)?,
            false => return Err(bad(field, format!("is missing; only {supported} is supported"))),
        }
    }
    if !fields.has("norm_rel_ebd") {
        return Err(bad("norm_rel_ebd", "is missing; only layer_norm is supported".to_owned()));
    }
    only_text(fields, "norm_rel_ebd", "layer_norm")?;
    only_whole(fields, "conv_kernel_size", 0)?;
    only_whole(fields, "embedding_size", encoder.hidden_size)?;
    only_whole(fields, "attention_head_size", encoder.hidden_size / encoder.num_attention_heads)?;
    check_parts(fields)?;
    Ok(BackboneConfig::Encoder(EncoderConfig {
        type_vocab_size: fields.whole_or("type_vocab_size", 0)?,
        layer_norm_eps: layer_norm_eps(fields)?,
        disentangled: Some(disentangled(fields, encoder.max_position_embeddings)?),
        ..encoder
    }))
}

fn bad(field: &'static str, reason: String) -> ModelError {
    ModelError::Field { field, reason }
}

/// Refuses another choice than both of what `pos_att_type` can name, in a list or in a text.
fn check_parts(fields: &Fields<'_>) -> Result<(), ModelError> {
    const FIELD: &str = "pos_att_type";
    let names: Vec<&str> = match fields.list(FIELD) {
        Some(list) => list.iter().filter_map(Value::as_str).collect(),
        None => fields.text_or(FIELD, "")?.split('|').map(str::trim).collect(),
    };
    match ["c2p", "p2c"].iter().all(|part| names.contains(part)) {
        true => Ok(()),
        false => Err(bad(FIELD, format!("names {names:?}; only p2c and c2p together are supported"))),
    }
}

fn disentangled(fields: &Fields<'_>, positions: usize) -> Result<DisentangledConfig, ModelError> {
    let buckets = fields.whole("position_buckets")?;
    let said = fields.real_or("max_relative_positions", -1.0)?;
    let max_position = if said < 1.0 { positions } else { said as usize };
    if buckets < 4 || max_position <= buckets / 2 + 1 {
        let reason = format!("{buckets} makes no classes of {max_position} distances to a side");
        return Err(bad("position_buckets", reason));
    }
    Ok(DisentangledConfig { buckets, max_position })
}

fn layer_norm_eps(fields: &Fields<'_>) -> Result<f64, ModelError> {
    fields.real_or("layer_norm_eps", 1e-7)
}

fn hidden_dropout(fields: &Fields<'_>) -> Result<f64, ModelError> {
    fields.real_or("hidden_dropout_prob", 0.1)
}

fn sequence(fields: &Fields<'_>) -> Result<HeadConfig, ModelError> {
    only_text(fields, "pooler_hidden_act", "gelu")?;
    only_whole(fields, "pooler_hidden_size", fields.whole("hidden_size")?)?;
    let dropout = fields.real_or("cls_dropout", hidden_dropout(fields)?)?;
    let before = fields.real_or("pooler_dropout", 0.0)?;
    if before > 0.0 && before.total_cmp(&dropout).is_ne() {
        let reason = format!("{before} is not supported; only 0 and the classifier's {dropout} are");
        return Err(bad("pooler_dropout", reason));
    }
    let dense = DenseConfig { activation: DenseActivation::Gelu, is_dropped_before: before > 0.0 };
    Ok(HeadConfig::Sequence(SequenceConfig::of_dense(dense, dropout)))
}

fn token(fields: &Fields<'_>) -> Result<HeadConfig, ModelError> {
    Ok(HeadConfig::Token { dropout: hidden_dropout(fields)?, prediction: None })
}

fn masked_lm(fields: &Fields<'_>) -> Result<HeadConfig, ModelError> {
    only(fields, "legacy", true)?;
    Ok(HeadConfig::MaskedLm(MaskedLmConfig {
        activation: activation(fields, "hidden_act")?,
        layer_norm_eps: layer_norm_eps(fields)?,
        has_biases: true,
    }))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::super::ModelConfig;
    use super::*;

    fn config(more: &Value) -> Result<ModelConfig, ModelError> {
        let mut json = json!({
            "model_type": "deberta-v2", "vocab_size": 100, "hidden_size": 8, "num_hidden_layers": 2,
            "num_attention_heads": 2, "intermediate_size": 16, "max_position_embeddings": 64,
            "relative_attention": true, "share_att_key": true, "position_biased_input": false,
            "norm_rel_ebd": "layer_norm", "pos_att_type": "p2c|c2p", "position_buckets": 16,
            "max_relative_positions": -1,
        });
        json.as_object_mut().expect("an object").extend(more.as_object().expect("an object").clone());
        ModelConfig::from_json(json.to_string().as_bytes())
    }

    #[test]
    fn distances_end_where_the_file_says_or_where_positions_end() {
        for (said, expected) in [(json!(-1), 64), (json!(null), 64), (json!(32), 32)] {
            let more = json!({"max_relative_positions": said, "pos_att_type": ["p2c", "c2p"]});
            let config = config(&more).expect("usable");
            let BackboneConfig::Encoder(encoder) = &config.backbone else { panic!("an encoder") };
            assert_eq!(encoder.disentangled, Some(DisentangledConfig { buckets: 16, max_position: expected }));
            assert_eq!((encoder.type_vocab_size, config.max_tokens()), (0, 64));
        }
    }

    #[test]
    fn what_is_not_supported_is_refused_by_name() {
        for (field, value) in [
            ("relative_attention", json!(false)),
            ("share_att_key", json!(null)),
            ("position_biased_input", json!(true)),
            ("norm_rel_ebd", json!("none")),
            ("pos_att_type", json!(["c2p"])),
            ("position_buckets", json!(-1)),
            ("conv_kernel_size", json!(3)),
            ("embedding_size", json!(4)),
            ("pooler_dropout", json!(0.5)),
        ] {
            let mut more = json!({});
            more[field] = value;
            let error = config(&more).expect_err(field).to_string();
            assert!(error.contains(field), "{error}");
        }
    }
}
