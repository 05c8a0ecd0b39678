//! Gemma 3's language model (<https://arxiv.org/abs/2503.19786>; 270 M and 1 B have no other part): Gemma 2 without its caps,
//! with a norm on each head's queries and keys, five layers that see a window to one that sees all, and another base of
//! rotary positions in those that see all.
//!
//! Reference: `transformers` v5.24 `models/gemma3/modeling_gemma3.py`, `Gemma3ForCausalLM`.

use serde_json::{Map, Value};

use super::super::ModelError;
use super::super::fields::{Fields, shown};
use super::super::spec::{ArchitectureSpec, BackboneConfig};
use super::{gemma2, llama};
use crate::nn::{AttentionConfig, DecoderConfig, Positions, QkNorm, Scales};

pub(super) const SPEC: ArchitectureSpec = ArchitectureSpec {
    model_type: "gemma3_text",
    backbone,
    // `transformers` has no class of it that labels tokens.
    heads: &[
        llama::head_with("Gemma3ForCausalLM", gemma2::KEY_MAP),
        llama::sequence_head("Gemma3TextForSequenceClassification", gemma2::KEY_MAP),
    ],
    ..llama::SPEC
};

/// What `Gemma3TextConfig` has where the file says nothing.
const MAX_POSITIONS: usize = 131_072;
const PATTERN: usize = 6;
const THETA: f64 = 1_000_000.0;

fn backbone(fields: &Fields<'_>) -> Result<BackboneConfig, ModelError> {
    const UNUSED: &str = "attn_logit_softcapping";
    // `Gemma3Attention` reads this field and caps nothing.
    if fields.has(UNUSED) {
        return Err(ModelError::Field { field: UNUSED, reason: "only null is supported of a Gemma 3".into() });
    }
    let decoder = gemma2::decoder(fields, MAX_POSITIONS)?;
    let pattern = fields.whole_or("sliding_window_pattern", PATTERN)?;
    let windows = gemma2::windows(fields, decoder.num_hidden_layers, pattern)?;
    Ok(BackboneConfig::Decoder(DecoderConfig {
        positions: positions(fields, &windows, decoder.head_dim)?,
        attention: AttentionConfig { qk_norm: QkNorm::PerHead, ..decoder.attention },
        windows,
        scales: Scales { final_softcap: gemma2::softcap_of_tokens(fields, None)?, ..decoder.scales },
        ..decoder
    }))
}

/// Layers that see all are turned by `rope_theta` and `rope_scaling`, the others by `rope_local_base_freq`; transformers 5
/// writes both as `rope_parameters`, under the names of `layer_types`.
fn positions(fields: &Fields<'_>, windows: &[Option<usize>], dim: usize) -> Result<Positions, ModelError> {
    let plain = llama::rope_of(fields, typed(fields, "full_attention")?, fields.real_or("rope_theta", THETA)?, dim)?;
    // Where both stand, transformers 5 reads `rope_scaling`.
    let all = match fields.object("rope_scaling") {
        Some(scaling) => llama::rope_of(fields, Some(scaling), plain.theta, dim)?,
        None => plain,
    };
    let near = typed(fields, "sliding_attention")?;
    let near = llama::rope_of(fields, near, fields.real_or("rope_local_base_freq", llama::THETA)?, dim)?;
    let rope_of = |window: &Option<usize>| Some(if window.is_some() { near } else { all });
    Ok(Positions::Rotary(windows.iter().map(rope_of).collect()))
}

/// The parameters of one kind of layers.
fn typed<'a>(fields: &'a Fields<'_>, kind: &str) -> Result<Option<&'a Map<String, Value>>, ModelError> {
    let Some(value) = fields.object("rope_parameters").and_then(|object| object.get(kind)) else { return Ok(None) };
    match value {
        Value::Null => Ok(None),
        Value::Object(parameters) => Ok(Some(parameters)),
        other => {
            let reason = format!("{kind} is {}, which is no object", shown(other));
            Err(ModelError::Field { field: "rope_parameters", reason })
        }
    }
}
