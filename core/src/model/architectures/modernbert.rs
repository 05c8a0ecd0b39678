//! ModernBERT (<https://arxiv.org/abs/2412.13663>).
//!
//! Reference: `transformers` v5.24 `models/modernbert/modeling_modernbert.py`. Every head begins with dense, activation and
//! LayerNorm (`ModernBertPredictionHead`); then dropout and classifier. `ModernBertForSequenceClassification` puts them on
//! token 0 or on the mean of all tokens, as `classifier_pooling` says. `ModernBertForMaskedLM`: then the word table with a
//! bias; `save_pretrained` writes `decoder.bias` and not `decoder.weight`, which is tied. Files of the hub say which layers
//! see all by `global_attn_every_n_layers` and give angles by `global_rope_theta` and `local_rope_theta`; transformers 5
//! writes `layer_types` and `rope_parameters`. Layers with biases, which no published model has, are refused.

use serde_json::Value;

use super::super::fields::{Fields, activation, only, shown};
use super::super::heads::{HeadConfig, MaskedLmConfig, PredictionConfig, RowVector, SequenceConfig};
use super::super::padding::padding_row;
use super::super::spec::{ArchitectureSpec, BackboneConfig, HeadSpec, PadToken};
use super::super::{KeyMap, LinearLayout, ModelError};
use super::{bert, llama};
use crate::nn::{ModernEncoderConfig, RopeConfig};
use crate::task::HeadKind;

pub(super) const SPEC: ArchitectureSpec = ArchitectureSpec {
    model_type: "modernbert",
    backbone,
    heads: &[
        HeadSpec {
            kind: HeadKind::Sequence,
            class_name: "ModernBertForSequenceClassification",
            key_map: key_map(&[
                ("head.prediction.dense", "head.dense"),
                ("head.prediction.norm", "head.norm"),
                ("head.classifier", "classifier"),
            ]),
            config: sequence,
            tied_keys: &[],
            kept_keys: &[],
        },
        HeadSpec {
            kind: HeadKind::Token,
            class_name: "ModernBertForTokenClassification",
            key_map: key_map(&[
                ("head.prediction.dense", "head.dense"),
                ("head.prediction.norm", "head.norm"),
                ("head.classifier", "classifier"),
            ]),
            config: token,
            tied_keys: &[],
            kept_keys: &[],
        },
        HeadSpec {
            kind: HeadKind::Span,
            class_name: "ModernBertForQuestionAnswering",
            key_map: key_map(&[
                ("head.prediction.dense", "head.dense"),
                ("head.prediction.norm", "head.norm"),
                ("head.qa_outputs", "classifier"),
            ]),
            config: span,
            tied_keys: &[],
            kept_keys: &[],
        },
        HeadSpec {
            kind: HeadKind::MaskedLm,
            class_name: "ModernBertForMaskedLM",
            key_map: key_map(&[
                ("head.lm_head.dense", "head.dense"),
                ("head.lm_head.norm", "head.norm"),
                ("head.lm_head", "decoder"), // its bias
            ]),
            config: masked_lm,
            tied_keys: &["decoder.weight"],
            kept_keys: &[],
        },
        HeadSpec {
            kind: HeadKind::Pooled,
            class_name: "ModernBertModel",
            key_map: KeyMap { is_bare: true, ..key_map(&[]) },
            config: bert::pooled,
            tied_keys: &[],
            kept_keys: &[],
        },
    ],
    // PEFT 0.21 names none for this model type; the layer of queries and values.
    default_target_modules: &["Wqkv"],
    is_in_peft_table: false,
    field_names: &[],
    pad_token: PadToken::Id(PADDING),
};

const PADDING: u32 = 50_283;

/// The kinds of `layer_types`.
const SEES_ALL: &str = "full_attention";
const HAS_WINDOW: &str = "sliding_attention";

const BACKBONE: &[(&str, &str)] = &[
    ("backbone.embeddings.word_embeddings", "embeddings.tok_embeddings"),
    ("backbone.embeddings.norm", "embeddings.norm"),
    ("backbone.layers.{i}.attention_norm", "layers.{i}.attn_norm"),
    ("backbone.layers.{i}.qkv_proj", "layers.{i}.attn.Wqkv"),
    ("backbone.layers.{i}.attention_output", "layers.{i}.attn.Wo"),
    ("backbone.layers.{i}.mlp_norm", "layers.{i}.mlp_norm"),
    ("backbone.layers.{i}.mlp_in", "layers.{i}.mlp.Wi"),
    ("backbone.layers.{i}.mlp_out", "layers.{i}.mlp.Wo"),
    ("backbone.norm", "final_norm"),
];

const fn key_map(head: &'static [(&'static str, &'static str)]) -> KeyMap {
    KeyMap { prefix: "model.", is_bare: false, backbone: BACKBONE, head, modules: &[], linear: LinearLayout::OutIn }
}

fn backbone(fields: &Fields<'_>) -> Result<BackboneConfig, ModelError> {
    for field in ["attention_bias", "mlp_bias", "norm_bias", "classifier_bias"] {
        only(fields, field, false)?;
    }
    let (vocab_size, hidden_size) = (fields.whole("vocab_size")?, fields.whole("hidden_size")?);
    if !fields.has("pad_token_id") && vocab_size <= PADDING as usize {
        let reason = format!("is missing, and the usual one, {PADDING}, is in no vocabulary of {vocab_size} tokens");
        return Err(ModelError::Field { field: "pad_token_id", reason });
    }
    let heads = fields.whole("num_attention_heads")?;
    let angles = |kind: &str, field: &'static str, usual: f64| {
        rope(fields, kind, fields.real_or(field, usual)?, hidden_size / heads)
    };
    Ok(BackboneConfig::ModernEncoder(ModernEncoderConfig {
        vocab_size,
        hidden_size,
        num_attention_heads: heads,
        intermediate_size: fields.whole("intermediate_size")?,
        max_position_embeddings: fields.whole_or("max_position_embeddings", 8192)?,
        windows: windows(fields)?,
        global_rope: angles(SEES_ALL, "global_rope_theta", 160_000.0)?,
        local_rope: angles(HAS_WINDOW, "local_rope_theta", 10_000.0)?,
        norm_eps: norm_eps(fields)?,
        embedding_dropout: fields.real_or("embedding_dropout", 0.0)?,
        attention_dropout: fields.real_or("attention_dropout", 0.0)?,
        mlp_dropout: fields.real_or("mlp_dropout", 0.0)?,
        hidden_act: activation(fields, "hidden_activation")?,
        padding_idx: padding_row(fields, Some(PADDING as usize), vocab_size)?,
        initializer_range: fields.real_or("initializer_range", 0.02)?,
    }))
}

/// How many tokens each layer sees to either side: half of `local_attention`.
fn windows(fields: &Fields<'_>) -> Result<Vec<Option<usize>>, ModelError> {
    let layers = fields.whole("num_hidden_layers")?;
    let window = fields.whole_or("local_attention", 128)? / 2;
    let Some(kinds) = fields.list("layer_types") else {
        let every = fields.whole_or("global_attn_every_n_layers", 3)?;
        return Ok((0..layers).map(|layer| (layer % every != 0).then_some(window)).collect());
    };
    let bad = |reason: String| ModelError::Field { field: "layer_types", reason };
    if kinds.len() != layers {
        return Err(bad(format!("names {} layers, num_hidden_layers is {layers}", kinds.len())));
    }
    let window_of = |kind: &Value| match kind.as_str() {
        Some(SEES_ALL) => Ok(None),
        Some(HAS_WINDOW) => Ok(Some(window)),
        _ => Err(bad(format!("{} is not supported; supported are {SEES_ALL}, {HAS_WINDOW}", shown(kind)))),
    };
    kinds.iter().map(window_of).collect()
}

/// The angles of one kind of layers; `theta` is the base where transformers 5 has not written one.
fn rope(fields: &Fields<'_>, kind: &str, theta: f64, dim: usize) -> Result<RopeConfig, ModelError> {
    let of_kind = || fields.object("rope_parameters").and_then(|kinds| kinds.get(kind)).and_then(Value::as_object);
    llama::rope_of(fields, fields.object("rope_scaling").or_else(of_kind), theta, dim)
}

fn norm_eps(fields: &Fields<'_>) -> Result<f64, ModelError> {
    fields.real_or("norm_eps", 1e-5)
}

fn classifier_dropout(fields: &Fields<'_>) -> Result<f64, ModelError> {
    fields.real_or("classifier_dropout", 0.0)
}

fn prediction(fields: &Fields<'_>) -> Result<Option<PredictionConfig>, ModelError> {
    let activation = activation(fields, "classifier_activation")?;
    Ok(Some(PredictionConfig { activation, norm_eps: norm_eps(fields)? }))
}

fn sequence(fields: &Fields<'_>) -> Result<HeadConfig, ModelError> {
    let row_vector = match fields.text_or("classifier_pooling", "cls")? {
        "cls" => RowVector::FirstToken,
        "mean" => RowVector::Mean,
        other => {
            let reason = format!("{other:?} is not supported; supported are cls, mean");
            return Err(ModelError::Field { field: "classifier_pooling", reason });
        }
    };
    let (dropout, prediction) = (classifier_dropout(fields)?, prediction(fields)?);
    Ok(HeadConfig::Sequence(SequenceConfig { row_vector, dense: None, prediction, dropout, has_bias: true }))
}

fn token(fields: &Fields<'_>) -> Result<HeadConfig, ModelError> {
    Ok(HeadConfig::Token { dropout: classifier_dropout(fields)?, prediction: prediction(fields)? })
}

fn span(fields: &Fields<'_>) -> Result<HeadConfig, ModelError> {
    Ok(HeadConfig::Span { dropout: classifier_dropout(fields)?, prediction: prediction(fields)? })
}

fn masked_lm(fields: &Fields<'_>) -> Result<HeadConfig, ModelError> {
    only(fields, "decoder_bias", true)?;
    Ok(HeadConfig::MaskedLm(MaskedLmConfig {
        activation: activation(fields, "classifier_activation")?,
        layer_norm_eps: norm_eps(fields)?,
        has_biases: false,
    }))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::super::ModelConfig;
    use super::*;

    fn config(more: &Value) -> Result<ModelConfig, ModelError> {
        let mut json = json!({
            "model_type": "modernbert", "vocab_size": 100, "hidden_size": 8, "num_hidden_layers": 4,
            "num_attention_heads": 2, "intermediate_size": 16, "max_position_embeddings": 64, "pad_token_id": 0,
            "local_attention": 16,
        });
        json.as_object_mut().expect("an object").extend(more.as_object().expect("an object").clone());
        ModelConfig::from_json(json.to_string().as_bytes())
    }

    fn encoder(more: &Value) -> ModernEncoderConfig {
        let config = config(more).expect("usable");
        let BackboneConfig::ModernEncoder(encoder) = config.backbone else { panic!("a modern encoder") };
        encoder
    }

    #[test]
    fn files_of_the_hub_and_of_transformers_5_mean_the_same() {
        let hub = encoder(&json!({"global_attn_every_n_layers": 3, "global_rope_theta": 5e4, "local_rope_theta": 2e4}));
        assert_eq!(hub.windows, [None, Some(8), Some(8), None]);
        assert_eq!((hub.global_rope.theta, hub.local_rope.theta, hub.local_rope.dim), (5e4, 2e4, 4));
        let new = encoder(&json!({
            "layer_types": ["full_attention", "sliding_attention", "sliding_attention", "full_attention"],
            "rope_parameters": {
                "full_attention": {"rope_type": "default", "rope_theta": 5e4},
                "sliding_attention": {"rope_type": "default", "rope_theta": 2e4},
            },
        }));
        assert_eq!(new, hub);
        let usual = encoder(&json!({}));
        assert_eq!((usual.global_rope.theta, usual.local_rope.theta), (160_000.0, 10_000.0));
    }

    #[test]
    fn what_is_not_supported_is_refused_by_name() {
        for (field, value) in [
            ("mlp_bias", json!(true)),
            ("norm_bias", json!(true)),
            ("layer_types", json!(["full_attention"])),
            ("layer_types", json!(["full_attention", "chunked", "full_attention", "full_attention"])),
            ("classifier_pooling", json!("max")),
            ("global_attn_every_n_layers", json!(0)),
            ("pad_token_id", json!(null)),
        ] {
            let mut more = json!({});
            more[field] = value;
            let error = config(&more).expect_err(field).to_string();
            assert!(error.contains(field), "{error}");
        }
    }

    #[test]
    fn the_first_layer_stays_the_first() {
        let config = config(&json!({})).expect("usable");
        let kept = config.with_layers(&[0, 1, 3], 1).expect("four layers");
        let BackboneConfig::ModernEncoder(encoder) = &kept.backbone else { panic!("a modern encoder") };
        assert_eq!(encoder.windows, [None, Some(8), None, None]);
        for (layers, added) in [(&[1_usize, 2][..], 0), (&[0][..], 1)] {
            let error = config.with_layers(layers, added).expect_err("it has one norm less").to_string();
            assert!(error.contains("one norm less"), "{error}");
        }
    }
}
