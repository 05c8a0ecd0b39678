//! Qwen2, Qwen2.5 (<https://arxiv.org/abs/2407.10671>): Llama with biases on queries, keys and values.
//!
//! Reference: `transformers` v5.23 `models/qwen2/modeling_qwen2.py`.

use serde_json::Value;

use super::super::ModelError;
use super::super::fields::Fields;
use super::super::spec::{ArchitectureSpec, BackboneConfig};
use super::llama;
use crate::nn::{AttentionConfig, DecoderConfig};

pub(super) const SPEC: ArchitectureSpec = ArchitectureSpec {
    model_type: "qwen2",
    backbone,
    heads: &[
        llama::head("Qwen2ForCausalLM"),
        llama::sequence_head("Qwen2ForSequenceClassification", llama::KEY_MAP),
        llama::token_head("Qwen2ForTokenClassification", llama::KEY_MAP),
    ],
    ..llama::SPEC
};

fn backbone(fields: &Fields<'_>) -> Result<BackboneConfig, ModelError> {
    let decoder = llama::decoder(fields)?;
    let attention = AttentionConfig { has_qkv_bias: true, has_output_bias: false, ..decoder.attention };
    let windows = windows(fields, decoder.num_hidden_layers)?;
    let mlp = llama::gated(fields, false)?;
    Ok(BackboneConfig::Decoder(DecoderConfig { attention, windows, mlp, ..decoder }))
}

/// How far each layer of a Qwen sees, as its configuration class decides it: from `max_window_layers` on as far as the
/// window if `use_sliding_window` is set, or as `layer_types` says.
pub(super) fn windows(fields: &Fields<'_>, layers: usize) -> Result<Vec<Option<usize>>, ModelError> {
    let window = llama::sliding_window(fields)?
        .filter(|_| fields.flag_or("use_sliding_window", false).is_ok_and(|is_used| is_used));
    if let Some(types) = fields.list("layer_types") {
        return typed_windows(types, window, layers);
    }
    let first = fields.whole_or("max_window_layers", 28)?;
    Ok((0..layers).map(|layer| window.filter(|_| layer >= first)).collect())
}

/// The windows of `layer_types`: `full_attention` or `sliding_attention`, one a layer.
pub(super) fn typed_windows(
    types: &[Value],
    window: Option<usize>,
    layers: usize,
) -> Result<Vec<Option<usize>>, ModelError> {
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
