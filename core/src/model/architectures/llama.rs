//! Llama, SmolLM, TinyLlama (<https://arxiv.org/abs/2302.13971>), and what Mistral and Qwen share with it.
//!
//! Reference: `transformers` v5.23 `models/llama/modeling_llama.py`: RMSNorm, rotary positions, grouped keys and values,
//! SwiGLU. Classes that label texts and tokens: v5.24 `modeling_layers.py`, `GenericForSequenceClassification` (`score`, without
//! a bias, of the last token that is not padding) and `GenericForTokenClassification` (dropout, then `score` with a bias).

use serde_json::{Map, Value};

use super::super::fields::{Fields, activation_or, only};
use super::super::heads::{HeadConfig, SequenceConfig};
use super::super::padding::padding_row;
use super::super::spec::{ArchitectureSpec, BackboneConfig, HeadSpec, PadToken};
use super::super::{KeyMap, LinearLayout, ModelError};
use crate::nn::{
    Activation, AttentionConfig, DecoderConfig, MlpKind, NormKind, NormPlacement, Positions, QkNorm, RopeConfig,
    RopeScaling, Scales,
};
use crate::task::HeadKind;

pub(super) const SPEC: ArchitectureSpec = ArchitectureSpec {
    model_type: "llama",
    backbone,
    heads: &[
        head("LlamaForCausalLM"),
        sequence_head("LlamaForSequenceClassification", KEY_MAP),
        token_head("LlamaForTokenClassification", KEY_MAP),
    ],
    default_target_modules: TARGET_MODULES,
    is_in_peft_table: true,
    field_names: &[],
    pad_token: PadToken::EndOfText,
};

/// Queries and values.
pub(super) const TARGET_MODULES: &[&str] = &["q_proj", "v_proj"];

/// The table that scores tokens, where it is tied and stored all the same.
const TIED: &[&str] = &["lm_head.weight"];

/// The class that predicts the next token, of this and of kindred architectures.
pub(super) const fn head(class_name: &'static str) -> HeadSpec {
    head_with(class_name, KEY_MAP)
}

/// As [`head`], of files that name some modules otherwise.
pub(super) const fn head_with(class_name: &'static str, key_map: KeyMap) -> HeadSpec {
    HeadSpec { kind: HeadKind::CausalLm, class_name, key_map, config: causal_lm, tied_keys: TIED, kept_keys: &[] }
}

/// The class that labels texts.
pub(super) const fn sequence_head(class_name: &'static str, key_map: KeyMap) -> HeadSpec {
    label_head(HeadKind::Sequence, class_name, KeyMap { head: SCORE, ..key_map }, sequence)
}

/// The class that labels tokens.
pub(super) const fn token_head(class_name: &'static str, key_map: KeyMap) -> HeadSpec {
    label_head(HeadKind::Token, class_name, KeyMap { head: SCORE, ..key_map }, token)
}

/// A class that labels something. Its files hold no table that scores tokens; those of the language model that it begins
/// with may.
pub(super) const fn label_head(
    kind: HeadKind,
    class_name: &'static str,
    key_map: KeyMap,
    config: fn(&Fields<'_>) -> Result<HeadConfig, ModelError>,
) -> HeadSpec {
    HeadSpec { kind, class_name, key_map, config, tied_keys: TIED, kept_keys: &[] }
}

/// The layer of both classes.
const SCORE: &[(&str, &str)] = &[("head.classifier", "score")];

pub(super) const KEY_MAP: KeyMap = key_map(&[
    ("backbone.embed_tokens", "embed_tokens"),
    ("backbone.layers.{i}.input_layernorm", "layers.{i}.input_layernorm"),
    ("backbone.layers.{i}.self_attn.q_proj", "layers.{i}.self_attn.q_proj"),
    ("backbone.layers.{i}.self_attn.k_proj", "layers.{i}.self_attn.k_proj"),
    ("backbone.layers.{i}.self_attn.v_proj", "layers.{i}.self_attn.v_proj"),
    ("backbone.layers.{i}.self_attn.o_proj", "layers.{i}.self_attn.o_proj"),
    ("backbone.layers.{i}.self_attn.q_norm", "layers.{i}.self_attn.q_norm"),
    ("backbone.layers.{i}.self_attn.k_norm", "layers.{i}.self_attn.k_norm"),
    ("backbone.layers.{i}.post_attention_layernorm", "layers.{i}.post_attention_layernorm"),
    ("backbone.layers.{i}.mlp.gate_proj", "layers.{i}.mlp.gate_proj"),
    ("backbone.layers.{i}.mlp.up_proj", "layers.{i}.mlp.up_proj"),
    ("backbone.layers.{i}.mlp.down_proj", "layers.{i}.mlp.down_proj"),
    ("backbone.norm", "norm"),
]);

/// The keys of a language model as Llama's are built, with these for its backbone.
pub(super) const fn key_map(backbone: &'static [(&'static str, &'static str)]) -> KeyMap {
    KeyMap {
        prefix: "model.",
        is_bare: false,
        backbone,
        head: &[("head.lm_head", "lm_head")],
        modules: &[],
        linear: LinearLayout::OutIn,
    }
}

fn backbone(fields: &Fields<'_>) -> Result<BackboneConfig, ModelError> {
    decoder(fields).map(BackboneConfig::Decoder)
}

fn causal_lm(_: &Fields<'_>) -> Result<HeadConfig, ModelError> {
    Ok(HeadConfig::CausalLm)
}

fn sequence(_: &Fields<'_>) -> Result<HeadConfig, ModelError> {
    Ok(HeadConfig::Sequence(SequenceConfig::OF_LAST_TOKEN))
}

fn token(fields: &Fields<'_>) -> Result<HeadConfig, ModelError> {
    only(fields, "token_classification_bias", true)?;
    token_with_bias(fields)
}

/// `classifier_dropout`, else `hidden_dropout`, else 0.1.
pub(super) fn token_with_bias(fields: &Fields<'_>) -> Result<HeadConfig, ModelError> {
    let dropout = fields.real_or("classifier_dropout", fields.real_or("hidden_dropout", 0.1)?)?;
    Ok(HeadConfig::Token { dropout, prediction: None })
}

/// Sizes and rates, which kindred files say alike.
pub(super) fn decoder(fields: &Fields<'_>) -> Result<DecoderConfig, ModelError> {
    let (hidden_size, heads) = (fields.whole("hidden_size")?, fields.whole("num_attention_heads")?);
    let num_hidden_layers = fields.whole("num_hidden_layers")?;
    let head_dim = fields.whole_or("head_dim", hidden_size / heads)?;
    let attention_bias = fields.flag_or("attention_bias", false)?;
    let vocab_size = fields.whole("vocab_size")?;
    Ok(DecoderConfig {
        vocab_size,
        hidden_size,
        num_hidden_layers,
        num_attention_heads: heads,
        num_key_value_heads: fields.whole_or("num_key_value_heads", heads)?,
        head_dim,
        intermediate_size: fields.whole("intermediate_size")?,
        max_position_embeddings: fields.whole_or("max_position_embeddings", 2048)?,
        norm: NormKind::RmsNorm,
        norm_eps: fields.real_or("rms_norm_eps", 1e-6)?,
        norm_placement: NormPlacement::Before,
        positions: Positions::Rotary(vec![Some(rope(fields, THETA, head_dim)?); num_hidden_layers]),
        attention: AttentionConfig {
            has_fused_qkv: false,
            has_qkv_bias: attention_bias,
            has_output_bias: attention_bias,
            qk_norm: QkNorm::None,
            scale: 1.0 / (head_dim as f64).sqrt(),
            softcap: None,
        },
        windows: vec![None; num_hidden_layers],
        mlp: gated(fields, fields.flag_or("mlp_bias", false)?)?,
        scales: Scales::default(),
        tie_word_embeddings: fields.flag_or("tie_word_embeddings", false)?,
        padding_idx: padding_row(fields, None, vocab_size)?,
        embd_pdrop: 0.0,
        attn_pdrop: fields.real_or("attention_dropout", 0.0)?,
        resid_pdrop: 0.0,
        initializer_range: fields.real_or("initializer_range", 0.02)?,
        shrinks_residual_std: false,
    })
}

/// A feed-forward part of three layers.
pub(super) fn gated(fields: &Fields<'_>, has_bias: bool) -> Result<MlpKind, ModelError> {
    Ok(MlpKind::Gated { activation: hidden_act(fields)?, has_bias, is_fused: false })
}

/// Of the gate.
pub(super) fn hidden_act(fields: &Fields<'_>) -> Result<Activation, ModelError> {
    activation_or(fields, "hidden_act", "silu")
}

/// The sliding window of `transformers`' configs where the file does not say.
const SLIDING_WINDOW: usize = 4096;

/// `sliding_window`; `None` where the file says null.
pub(super) fn sliding_window(fields: &Fields<'_>) -> Result<Option<usize>, ModelError> {
    match fields.is_null("sliding_window") {
        true => Ok(None),
        false => fields.whole_or("sliding_window", SLIDING_WINDOW).map(Some),
    }
}

/// The base of rotary positions where neither file nor architecture says.
pub(super) const THETA: f64 = 10_000.0;

/// `rope_theta` and `rope_scaling` of hub files, or `rope_parameters` of transformers 5; `usual` is the base where the file
/// has none, `dim` how many values of a head are turned.
pub(super) fn rope(fields: &Fields<'_>, usual: f64, dim: usize) -> Result<RopeConfig, ModelError> {
    rope_of(fields, rope_parameters(fields), fields.real_or("rope_theta", usual)?, dim)
}

/// The object that says how positions turn. Where both stand, transformers 5 reads `rope_scaling`.
pub(super) fn rope_parameters<'a>(fields: &'a Fields<'_>) -> Option<&'a Map<String, Value>> {
    fields.object("rope_scaling").or_else(|| fields.object("rope_parameters"))
}

/// The kind of scaling that such an object names.
pub(super) fn rope_type(parameters: Option<&Map<String, Value>>) -> &str {
    let kind = parameters.and_then(|object| object.get("rope_type").or_else(|| object.get("type")));
    kind.and_then(Value::as_str).unwrap_or("default")
}

/// The same out of one of these objects; `usual` is the base where it has none.
pub(super) fn rope_of(
    fields: &Fields<'_>,
    parameters: Option<&Map<String, Value>>,
    usual: f64,
    dim: usize,
) -> Result<RopeConfig, ModelError> {
    let number = |name: &str| parameters.and_then(|object| object.get(name)).and_then(Value::as_f64);
    let theta = match number("rope_theta") {
        Some(theta) if theta > 0.0 => theta,
        Some(theta) => {
            let reason = format!("rope_theta {theta} is not above 0");
            return Err(ModelError::Field { field: "rope_parameters", reason });
        }
        None => usual,
    };
    let kind = rope_type(parameters);
    let needed = |name: &'static str| {
        number(name).filter(|&value| value > 0.0).ok_or_else(|| ModelError::Field {
            field: "rope_scaling",
            reason: format!("{kind} needs a number {name} above 0"),
        })
    };
    let scaling = match kind {
        // Of texts within `max_position_embeddings`, and longer ones are cut, "dynamic" changes nothing.
        "default" | "dynamic" => RopeScaling::None,
        "linear" => RopeScaling::Linear { factor: needed("factor")? },
        "llama3" => RopeScaling::Llama3 {
            factor: needed("factor")?,
            low_freq_factor: needed("low_freq_factor")?,
            high_freq_factor: needed("high_freq_factor")?,
            original_max_position_embeddings: original_positions(fields, parameters)?,
        },
        "yarn" => {
            let factor = needed("factor")?;
            let above_0 = |name: &str| number(name).filter(|&value| value > 0.0);
            let raised = |by: f64| if factor > 1.0 { 0.1 * by * factor.ln() + 1.0 } else { 1.0 };
            let usual = match (above_0("mscale"), above_0("mscale_all_dim")) {
                (Some(own), Some(all)) => raised(own) / raised(all),
                _ => raised(1.0),
            };
            RopeScaling::Yarn {
                factor,
                beta_fast: above_0("beta_fast").unwrap_or(32.0),
                beta_slow: above_0("beta_slow").unwrap_or(1.0),
                // Null is not the same as missing, in transformers.
                truncate: parameters.and_then(|object| object.get("truncate")).is_none_or(|value| *value == true),
                original_max_position_embeddings: original_positions(fields, parameters)?,
                attention_factor: above_0("attention_factor").unwrap_or(usual),
            }
        }
        other => {
            let reason = format!(
                "rope type {other:?} is not supported; supported are default, linear, dynamic, llama3, yarn: take a model with \
                 one of these"
            );
            return Err(ModelError::Field { field: "rope_scaling", reason });
        }
    };
    Ok(RopeConfig { theta, scaling, dim })
}

/// Context of the first training, in tokens: the field of the whole file counts before that of its rotary parameters, and where
/// neither says it, it is that of the model.
fn original_positions(fields: &Fields<'_>, parameters: Option<&Map<String, Value>>) -> Result<f64, ModelError> {
    const FIELD: &str = "original_max_position_embeddings";
    let inner = parameters.and_then(|object| object.get(FIELD)).and_then(Value::as_f64).filter(|&value| value > 0.0);
    match (fields.has(FIELD), inner) {
        (false, Some(inner)) => Ok(inner),
        (true, _) => Ok(fields.whole(FIELD)?.max(1) as f64),
        (false, None) => Ok(fields.whole_or("max_position_embeddings", 2048)? as f64),
    }
}
