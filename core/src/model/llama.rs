//! The Llama family: Llama, SmolLM, TinyLlama (<https://arxiv.org/abs/2302.13971>), Mistral, Qwen2, Qwen3.
//!
//! References: `transformers` v5.23 `models/{llama,mistral,qwen2,qwen3}/modeling_*.py`: RMSNorm, rotary positions,
//! grouped keys and values, SwiGLU. Qwen2 has biases on queries, keys and values; Qwen3 norms queries and keys.

use serde_json::Value;

use super::arch::Fields;
use super::{Architecture, KeyMap, LinearLayout, ModelError};
use crate::nn::{AttentionConfig, DecoderConfig, MlpKind, NormKind, Positions, RopeConfig, RopeScaling};

/// Names of `LlamaForCausalLM` and its kin.
pub(super) const KEY_MAP: KeyMap = KeyMap {
    prefix: "model.",
    backbone: &[
        ("decoder.embed_tokens", "embed_tokens"),
        ("decoder.layers.{i}.input_layernorm", "layers.{i}.input_layernorm"),
        ("decoder.layers.{i}.self_attn.q_proj", "layers.{i}.self_attn.q_proj"),
        ("decoder.layers.{i}.self_attn.k_proj", "layers.{i}.self_attn.k_proj"),
        ("decoder.layers.{i}.self_attn.v_proj", "layers.{i}.self_attn.v_proj"),
        ("decoder.layers.{i}.self_attn.o_proj", "layers.{i}.self_attn.o_proj"),
        ("decoder.layers.{i}.self_attn.q_norm", "layers.{i}.self_attn.q_norm"),
        ("decoder.layers.{i}.self_attn.k_norm", "layers.{i}.self_attn.k_norm"),
        ("decoder.layers.{i}.post_attention_layernorm", "layers.{i}.post_attention_layernorm"),
        ("decoder.layers.{i}.mlp.gate_proj", "layers.{i}.mlp.gate_proj"),
        ("decoder.layers.{i}.mlp.up_proj", "layers.{i}.mlp.up_proj"),
        ("decoder.layers.{i}.mlp.down_proj", "layers.{i}.mlp.down_proj"),
        ("decoder.norm", "norm"),
    ],
    head: &[("lm_head", "lm_head")],
    linear: LinearLayout::OutIn,
};

pub(super) fn decoder(fields: &Fields<'_>, architecture: Architecture) -> Result<DecoderConfig, ModelError> {
    if fields.text_or("hidden_act", "silu") != "silu" {
        let reason = format!("{:?} is not supported; only silu is", fields.text_or("hidden_act", "silu"));
        return Err(ModelError::Field { field: "hidden_act", reason });
    }
    let (hidden_size, heads) = (fields.whole("hidden_size")?, fields.whole("num_attention_heads")?);
    let num_hidden_layers = fields.whole("num_hidden_layers")?;
    let head_dim = fields.whole_or("head_dim", hidden_size / heads)?;
    let attention_bias = fields.flag_or("attention_bias", false)?;
    let is_qwen2 = architecture == Architecture::Qwen2;
    Ok(DecoderConfig {
        vocab_size: fields.whole("vocab_size")?,
        hidden_size,
        num_hidden_layers,
        num_attention_heads: heads,
        num_key_value_heads: fields.whole_or("num_key_value_heads", heads)?,
        head_dim,
        intermediate_size: fields.whole("intermediate_size")?,
        max_position_embeddings: max_tokens(fields)?,
        norm: NormKind::RmsNorm,
        norm_eps: fields.real_or("rms_norm_eps", 1e-6)?,
        positions: Positions::Rotary(rope(fields)?),
        attention: AttentionConfig {
            has_fused_qkv: false,
            has_qkv_bias: is_qwen2 || attention_bias,
            has_output_bias: !is_qwen2 && attention_bias,
            has_qk_norm: architecture == Architecture::Qwen3,
            scale: 1.0 / (head_dim as f64).sqrt(),
        },
        windows: vec![None; num_hidden_layers],
        mlp: MlpKind::SwiGlu { has_bias: fields.flag_or("mlp_bias", false)? },
        tie_word_embeddings: fields.flag_or("tie_word_embeddings", false)?,
        embd_pdrop: 0.0,
        attn_pdrop: fields.real_or("attention_dropout", 0.0)?,
        resid_pdrop: 0.0,
        initializer_range: fields.real_or("initializer_range", 0.02)?,
    })
}

/// A sliding window changes nothing for inputs that fit into it: the limit is the smaller of the two.
fn max_tokens(fields: &Fields<'_>) -> Result<usize, ModelError> {
    let limit = fields.whole_or("max_position_embeddings", 2048)?;
    let is_sliding = fields.flag_or("use_sliding_window", true)?;
    Ok(if is_sliding { limit.min(fields.whole_or("sliding_window", limit)?) } else { limit })
}

/// `rope_theta` and `rope_scaling` of hub files, or `rope_parameters` of transformers 5.
fn rope(fields: &Fields<'_>) -> Result<RopeConfig, ModelError> {
    let parameters = fields.object("rope_parameters").or_else(|| fields.object("rope_scaling"));
    let number = |name: &str| parameters.and_then(|object| object.get(name)).and_then(Value::as_f64);
    let theta = match number("rope_theta") {
        Some(theta) => theta,
        None => fields.real_or("rope_theta", 10_000.0)?,
    };
    let kind = parameters.and_then(|object| object.get("rope_type").or_else(|| object.get("type")));
    let kind = kind.and_then(Value::as_str).unwrap_or("default");
    let needed = |name: &'static str| {
        number(name)
            .ok_or_else(|| ModelError::Field { field: "rope_scaling", reason: format!("{kind} needs a number {name}") })
    };
    let scaling = match kind {
        "default" => RopeScaling::None,
        "linear" => RopeScaling::Linear { factor: needed("factor")? },
        "llama3" => RopeScaling::Llama3 {
            factor: needed("factor")?,
            low_freq_factor: needed("low_freq_factor")?,
            high_freq_factor: needed("high_freq_factor")?,
            original_max_position_embeddings: needed("original_max_position_embeddings")?,
        },
        other => {
            let reason = format!("rope type {other:?} is not supported; supported are default, linear, llama3");
            return Err(ModelError::Field { field: "rope_scaling", reason });
        }
    };
    Ok(RopeConfig { theta, scaling })
}
