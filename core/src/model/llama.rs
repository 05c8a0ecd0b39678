//! The Llama family: Llama, SmolLM, TinyLlama (<https://arxiv.org/abs/2302.13971>), Mistral, Qwen2, Qwen3.
//!
//! References: `transformers` v5.23 `models/{llama,mistral,qwen2,qwen3}/modeling_*.py`: RMSNorm, rotary positions,
//! grouped keys and values, SwiGLU. Qwen2 has biases on queries, keys and values; Qwen3 norms queries and keys.

use serde_json::Value;

use super::fields::{Fields, only_text};
use super::padding::padding_row;
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
    only_text(fields, "hidden_act", "silu")?;
    let (hidden_size, heads) = (fields.whole("hidden_size")?, fields.whole("num_attention_heads")?);
    let num_hidden_layers = fields.whole("num_hidden_layers")?;
    let head_dim = fields.whole_or("head_dim", hidden_size / heads)?;
    let attention_bias = fields.flag_or("attention_bias", false)?;
    let is_qwen2 = architecture == Architecture::Qwen2;
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
        positions: Positions::Rotary(rope(fields)?),
        attention: AttentionConfig {
            has_fused_qkv: false,
            has_qkv_bias: is_qwen2 || attention_bias,
            has_output_bias: !is_qwen2 && attention_bias,
            has_qk_norm: architecture == Architecture::Qwen3,
            scale: 1.0 / (head_dim as f64).sqrt(),
        },
        windows: windows(fields, architecture, num_hidden_layers)?,
        mlp: MlpKind::SwiGlu { has_bias: fields.flag_or("mlp_bias", false)? },
        tie_word_embeddings: fields.flag_or("tie_word_embeddings", false)?,
        padding_idx: padding_row(fields, None, vocab_size)?,
        embd_pdrop: 0.0,
        attn_pdrop: fields.real_or("attention_dropout", 0.0)?,
        resid_pdrop: 0.0,
        initializer_range: fields.real_or("initializer_range", 0.02)?,
    })
}

/// The sliding window of `transformers`' configs where the file does not say.
const SLIDING_WINDOW: usize = 4096;

/// How far each layer sees, as the configuration classes of `transformers` decide it: all layers of Mistral slide, those of
/// Qwen from `max_window_layers` on if `use_sliding_window` is set, or those that `layer_types` names.
fn windows(fields: &Fields<'_>, architecture: Architecture, layers: usize) -> Result<Vec<Option<usize>>, ModelError> {
    let window = match fields.is_null("sliding_window") {
        true => None,
        false => Some(fields.whole_or("sliding_window", SLIDING_WINDOW)?),
    };
    match architecture {
        Architecture::Mistral => Ok(vec![window; layers]),
        Architecture::Qwen2 | Architecture::Qwen3 => {
            let window = window.filter(|_| fields.flag_or("use_sliding_window", false).is_ok_and(|is_used| is_used));
            if let Some(types) = fields.list("layer_types") {
                return typed_windows(types, window, layers);
            }
            let first = fields.whole_or("max_window_layers", 28)?;
            Ok((0..layers).map(|layer| window.filter(|_| layer >= first)).collect())
        }
        _ => Ok(vec![None; layers]),
    }
}

/// The windows of `layer_types`: `full_attention` or `sliding_attention`, one a layer.
fn typed_windows(types: &[Value], window: Option<usize>, layers: usize) -> Result<Vec<Option<usize>>, ModelError> {
    let bad = |reason: String| ModelError::Field { field: "layer_types", reason };
    if types.len() != layers {
        return Err(bad(format!("names {} layers, num_hidden_layers is {layers}", types.len())));
    }
    let window_of = |kind: &Value| match (kind.as_str(), window) {
        (Some("full_attention"), _) => Ok(None),
        (Some("sliding_attention"), Some(window)) => Ok(Some(window)),
        (Some("sliding_attention"), None) => Err(bad("a layer slides, but no sliding window is in use".into())),
        _ => Err(bad(format!("{kind} is not supported; supported are full_attention, sliding_attention"))),
    };
    types.iter().map(window_of).collect()
}

/// `rope_theta` and `rope_scaling` of hub files, or `rope_parameters` of transformers 5.
fn rope(fields: &Fields<'_>) -> Result<RopeConfig, ModelError> {
    // Where both stand, transformers 5 reads `rope_scaling`.
    let parameters = fields.object("rope_scaling").or_else(|| fields.object("rope_parameters"));
    let number = |name: &str| parameters.and_then(|object| object.get(name)).and_then(Value::as_f64);
    let theta = match number("rope_theta") {
        Some(theta) if theta > 0.0 => theta,
        Some(theta) => {
            let reason = format!("rope_theta {theta} is not above 0");
            return Err(ModelError::Field { field: "rope_parameters", reason });
        }
        None => fields.real_or("rope_theta", 10_000.0)?,
    };
    let kind = parameters.and_then(|object| object.get("rope_type").or_else(|| object.get("type")));
    let kind = kind.and_then(Value::as_str).unwrap_or("default");
    let needed = |name: &'static str| {
        number(name).filter(|&value| value > 0.0).ok_or_else(|| ModelError::Field {
            field: "rope_scaling",
            reason: format!("{kind} needs a number {name} above 0"),
        })
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

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::{Body, ModelConfig};
    use super::*;

    fn config(extra: &Value) -> Value {
        let mut config = json!({
            "model_type": "mistral", "vocab_size": 100, "hidden_size": 8, "num_hidden_layers": 3,
            "num_attention_heads": 2, "intermediate_size": 16, "max_position_embeddings": 64,
        });
        let fields = extra.as_object().expect("an object").clone();
        config.as_object_mut().expect("an object").extend(fields);
        config
    }

    fn windows(extra: &Value) -> Vec<Option<usize>> {
        let config = ModelConfig::from_json(config(extra).to_string().as_bytes()).expect("a good config");
        assert_eq!(config.max_tokens(), 64, "a window is no limit");
        let Body::CausalLm(decoder) = config.body else { panic!("a decoder") };
        decoder.windows
    }

    #[test]
    fn windows_are_those_of_the_reference() {
        assert_eq!(windows(&json!({"sliding_window": 16})), [Some(16); 3]);
        assert_eq!(windows(&json!({"sliding_window": null})), [None; 3]);
        assert_eq!(windows(&json!({})), [Some(4096); 3], "MistralConfig's default");
        let llama = json!({"model_type": "llama", "sliding_window": 16});
        assert_eq!(windows(&llama), [None; 3], "Llama has none");
        let unused = json!({"model_type": "qwen2", "sliding_window": 16, "max_window_layers": 1});
        assert_eq!(windows(&unused), [None; 3], "use_sliding_window is false where it is missing");
        let used = json!({
            "model_type": "qwen2", "sliding_window": 16, "max_window_layers": 1, "use_sliding_window": true,
        });
        assert_eq!(windows(&used), [None, Some(16), Some(16)]);
        let typed = json!({
            "model_type": "qwen3", "sliding_window": 16, "use_sliding_window": true,
            "layer_types": ["sliding_attention", "full_attention", "sliding_attention"],
        });
        assert_eq!(windows(&typed), [Some(16), None, Some(16)]);
    }

    #[test]
    fn unknown_kinds_of_layers_are_refused() {
        let config = config(&json!({"model_type": "qwen3", "layer_types": ["chunked_attention", "a", "b"]}));
        let error = ModelConfig::from_json(config.to_string().as_bytes()).expect_err("unknown").to_string();
        assert!(error.contains("layer_types") && error.contains("chunked_attention"), "{error}");
    }
}
