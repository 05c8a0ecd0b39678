//! Mistral (<https://arxiv.org/abs/2310.06825>): Llama with a sliding window.
//!
//! Reference: `transformers` v5.23 `models/mistral/modeling_mistral.py`.

use super::super::ModelError;
use super::super::fields::Fields;
use super::super::spec::{ArchitectureSpec, BackboneConfig};
use super::llama;
use crate::nn::DecoderConfig;

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

/// All layers slide, as `MistralConfig` has it.
fn backbone(fields: &Fields<'_>) -> Result<BackboneConfig, ModelError> {
    let decoder = llama::decoder(fields)?;
    let windows = vec![llama::sliding_window(fields)?; decoder.num_hidden_layers];
    Ok(BackboneConfig::Decoder(DecoderConfig { windows, ..decoder }))
}
