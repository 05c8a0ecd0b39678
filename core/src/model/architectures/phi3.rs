//! Phi-3 (<https://arxiv.org/abs/2404.14219>): Llama with one layer for queries, keys and values and one for gate and inner
//! values, a sliding window, and heads that may be turned in part.
//!
//! Reference: `transformers` v5.24 `models/phi3/modeling_phi3.py`. Not supported: `longrope`, which Phi-3 has for texts of more
//! than 4096 tokens.

use serde_json::Value;

use super::super::fields::Fields;
use super::super::padding::padding_row;
use super::super::spec::{ArchitectureSpec, BackboneConfig};
use super::super::{KeyMap, ModelError};
use super::llama;
use crate::nn::{AttentionConfig, DecoderConfig, MlpKind, Positions};

pub(super) const SPEC: ArchitectureSpec = ArchitectureSpec {
    model_type: "phi3",
    backbone,
    heads: &[
        llama::head_with("Phi3ForCausalLM", KEY_MAP),
        llama::sequence_head("Phi3ForSequenceClassification", KEY_MAP),
        llama::token_head("Phi3ForTokenClassification", KEY_MAP),
    ],
    default_target_modules: &["qkv_proj"],
    is_in_peft_table: false,
    ..llama::SPEC
};

const KEY_MAP: KeyMap = llama::key_map(&[
    ("backbone.embed_tokens", "embed_tokens"),
    ("backbone.layers.{i}.input_layernorm", "layers.{i}.input_layernorm"),
    ("backbone.layers.{i}.self_attn.qkv_proj", "layers.{i}.self_attn.qkv_proj"),
    ("backbone.layers.{i}.self_attn.o_proj", "layers.{i}.self_attn.o_proj"),
    ("backbone.layers.{i}.post_attention_layernorm", "layers.{i}.post_attention_layernorm"),
    ("backbone.layers.{i}.mlp.gate_up_proj", "layers.{i}.mlp.gate_up_proj"),
    ("backbone.layers.{i}.mlp.down_proj", "layers.{i}.mlp.down_proj"),
    ("backbone.norm", "norm"),
]);

/// What `Phi3Config` has where the file says nothing.
const MAX_POSITIONS: usize = 4096;
const PADDING: usize = 32_000;

fn backbone(fields: &Fields<'_>) -> Result<BackboneConfig, ModelError> {
    check_rope_type(fields)?;
    let decoder = llama::decoder(fields)?;
    let layers = decoder.num_hidden_layers;
    let rope = llama::rope(fields, llama::THETA, turned_values(fields, decoder.head_dim)?)?;
    let window = match fields.has("sliding_window") {
        true => Some(fields.whole("sliding_window")?),
        false => None,
    };
    let attention =
        AttentionConfig { has_fused_qkv: true, has_qkv_bias: false, has_output_bias: false, ..decoder.attention };
    Ok(BackboneConfig::Decoder(DecoderConfig {
        max_position_embeddings: fields.whole_or("max_position_embeddings", MAX_POSITIONS)?,
        norm_eps: fields.real_or("rms_norm_eps", 1e-5)?,
        positions: Positions::Rotary(vec![Some(rope); layers]),
        attention,
        windows: vec![window; layers],
        mlp: MlpKind::Gated { activation: llama::hidden_act(fields)?, has_bias: false, is_fused: true },
        padding_idx: padding_row(fields, Some(PADDING), decoder.vocab_size)?,
        resid_pdrop: fields.real_or("resid_pdrop", 0.0)?,
        ..decoder
    }))
}

/// Refuses a scaling before Llama's fields are read, whose message names kinds that a Phi-3 never has.
fn check_rope_type(fields: &Fields<'_>) -> Result<(), ModelError> {
    match llama::rope_type(llama::rope_parameters(fields)) {
        "default" => Ok(()),
        kind => {
            let reason = format!(
                "rope type {kind:?} is not supported of a Phi-3; supported is default: take a model without rope_scaling, as those \
                 for texts of 4,096 tokens (Phi-3-mini-4k-instruct)"
            );
            Err(ModelError::Field { field: "rope_scaling", reason })
        }
    }
}

/// Values of a head that are turned: `partial_rotary_factor`, which transformers 5 writes among the `rope_parameters`, of all.
fn turned_values(fields: &Fields<'_>, head_dim: usize) -> Result<usize, ModelError> {
    const FIELD: &str = "partial_rotary_factor";
    let inner = ["rope_scaling", "rope_parameters"].into_iter().filter_map(|name| fields.object(name));
    let inner = inner.filter_map(|object| object.get(FIELD)).find_map(Value::as_f64);
    let share = inner.map_or_else(|| fields.real_or(FIELD, 1.0), Ok)?;
    let turned = (head_dim as f64 * share) as usize;
    match (0.0..=1.0).contains(&share) && turned > 0 && turned.is_multiple_of(2) {
        true => Ok(turned),
        false => {
            let reason =
                format!("{share} of a head's {head_dim} values is no even number of them from 2 to {head_dim}");
            Err(ModelError::Field { field: FIELD, reason })
        }
    }
}
