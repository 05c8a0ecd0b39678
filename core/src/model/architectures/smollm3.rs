//! SmolLM3 (<https://huggingface.co/blog/smollm3>): Llama where every fourth layer has no rotary positions.
//!
//! Reference: `transformers` v5.24 `models/smollm3/modeling_smollm3.py`.

use serde_json::Value;

use super::super::ModelError;
use super::super::fields::{Fields, shown};
use super::super::padding::padding_row;
use super::super::spec::{ArchitectureSpec, BackboneConfig};
use super::{llama, qwen2};
use crate::nn::{DecoderConfig, Positions};

pub(super) const SPEC: ArchitectureSpec = ArchitectureSpec {
    model_type: "smollm3",
    backbone,
    heads: &[
        llama::head("SmolLM3ForCausalLM"),
        llama::sequence_head("SmolLM3ForSequenceClassification", llama::KEY_MAP),
        llama::token_head("SmolLM3ForTokenClassification", llama::KEY_MAP),
    ],
    is_in_peft_table: false,
    ..llama::SPEC
};

/// What `SmolLM3Config` has where the file says nothing.
const THETA: f64 = 2_000_000.0;
const KEY_VALUE_HEADS: usize = 4;
const MAX_POSITIONS: usize = 32_768;
const PADDING: usize = 128_004;

fn backbone(fields: &Fields<'_>) -> Result<BackboneConfig, ModelError> {
    let decoder = llama::decoder(fields)?;
    let layers = decoder.num_hidden_layers;
    let rope = llama::rope(fields, THETA, decoder.head_dim)?;
    let turned = turned_layers(fields, layers)?;
    let window = match fields.flag_or("use_sliding_window", false)? && fields.has("sliding_window") {
        true => Some(fields.whole("sliding_window")?),
        false => None,
    };
    let windows = match fields.list("layer_types") {
        Some(types) => qwen2::typed_windows(types, window, layers)?,
        None => turned.iter().map(|&is_turned| window.filter(|_| !is_turned)).collect(),
    };
    // Null means as many as there are query heads; a missing field does not.
    let num_key_value_heads = match fields.is_null("num_key_value_heads") {
        true => decoder.num_attention_heads,
        false => fields.whole_or("num_key_value_heads", KEY_VALUE_HEADS)?,
    };
    Ok(BackboneConfig::Decoder(DecoderConfig {
        num_key_value_heads,
        max_position_embeddings: fields.whole_or("max_position_embeddings", MAX_POSITIONS)?,
        positions: Positions::Rotary(turned.iter().map(|&is_turned| is_turned.then_some(rope)).collect()),
        windows,
        tie_word_embeddings: fields.flag_or("tie_word_embeddings", true)?,
        padding_idx: padding_row(fields, Some(PADDING), decoder.vocab_size)?,
        ..decoder
    }))
}

/// Which layers turn queries and keys: those whose number in `no_rope_layers` is not 0; or all but each last one of
/// `no_rope_layer_interval`.
fn turned_layers(fields: &Fields<'_>, layers: usize) -> Result<Vec<bool>, ModelError> {
    let bad = |reason: String| ModelError::Field { field: "no_rope_layers", reason };
    let Some(listed) = fields.list("no_rope_layers") else {
        let interval = fields.whole_or("no_rope_layer_interval", 4)?;
        return Ok((0..layers).map(|layer| !(layer + 1).is_multiple_of(interval)).collect());
    };
    if listed.len() < layers {
        return Err(bad(format!("names {} layers, num_hidden_layers is {layers}", listed.len())));
    }
    let is_turned = |value: &Value| match value.as_u64() {
        Some(number @ (0 | 1)) => Ok(number == 1),
        _ => Err(bad(format!("{} is neither 0 nor 1", shown(value)))),
    };
    listed.iter().take(layers).map(is_turned).collect()
}
