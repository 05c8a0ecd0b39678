//! Mistral (<https://arxiv.org/abs/2310.06825>): Llama with a sliding window.
//!
//! Reference: `transformers` v5.23 `models/mistral/modeling_mistral.py`.

use super::super::ModelError;
use super::super::fields::Fields;
use super::super::spec::{ArchitectureSpec, BackboneConfig};
use super::{llama, qwen2};
use crate::nn::{AttentionConfig, DecoderConfig};

pub(super) const SPEC: ArchitectureSpec = ArchitectureSpec {
    model_type: "mistral",
    backbone,
    heads: &[
        llama::head("MistralForCausalLM"),
        llama::sequence_head("MistralForSequenceClassification", llama::KEY_MAP),
        llama::token_head("MistralForTokenClassification", llama::KEY_MAP),
    ],
    ..llama::SPEC
};

/// All layers slide, as `MistralConfig` has it; or those that `layer_types` names, for then `transformers` takes the file for that
/// of a Ministral.
fn backbone(fields: &Fields<'_>) -> Result<BackboneConfig, ModelError> {
    let decoder = llama::decoder(fields)?;
    let window = llama::sliding_window(fields)?;
    let windows = match fields.list("layer_types") {
        Some(types) => qwen2::typed_windows(types, window, decoder.num_hidden_layers)?,
        None => vec![window; decoder.num_hidden_layers],
    };
    // Its classes have no biases, whatever the file says.
    let attention = AttentionConfig { has_qkv_bias: false, has_output_bias: false, ..decoder.attention };
    let mlp = llama::gated(fields, false)?;
    Ok(BackboneConfig::Decoder(DecoderConfig { attention, windows, mlp, ..decoder }))
}
