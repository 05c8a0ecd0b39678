//! Granite 3 (<https://arxiv.org/abs/2405.04324>): Llama with four factors: on token vectors, on scores of attention, on what
//! each block adds, and on scores of tokens.
//!
//! Reference: `transformers` v5.24 `models/granite/modeling_granite.py`.

use super::super::ModelError;
use super::super::fields::Fields;
use super::super::spec::{ArchitectureSpec, BackboneConfig};
use super::llama;
use crate::nn::{AttentionConfig, DecoderConfig, Scales};

pub(super) const SPEC: ArchitectureSpec = ArchitectureSpec {
    model_type: "granite",
    backbone,
    heads: &[llama::head("GraniteForCausalLM")],
    is_in_peft_table: false,
    ..llama::SPEC
};

fn backbone(fields: &Fields<'_>) -> Result<BackboneConfig, ModelError> {
    let decoder = llama::decoder(fields)?;
    let attention = AttentionConfig { scale: fields.real_or("attention_multiplier", 1.0)?, ..decoder.attention };
    let scales = Scales {
        embedding: fields.real_or("embedding_multiplier", 1.0)?,
        residual: fields.real_or("residual_multiplier", 1.0)?,
        logits: fields.real_or("logits_scaling", 1.0)?,
        ..decoder.scales
    };
    Ok(BackboneConfig::Decoder(DecoderConfig { attention, scales, ..decoder }))
}
