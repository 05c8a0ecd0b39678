//! Qwen3 (<https://arxiv.org/abs/2505.09388>): Llama with a norm on each head's queries and keys.
//!
//! Reference: `transformers` v5.23 `models/qwen3/modeling_qwen3.py`.

use super::super::ModelError;
use super::super::fields::Fields;
use super::super::spec::{ArchitectureSpec, BackboneConfig};
use super::{llama, qwen2};
use crate::nn::{AttentionConfig, DecoderConfig, QkNorm};

pub(super) const SPEC: ArchitectureSpec = ArchitectureSpec {
    model_type: "qwen3",
    backbone,
    heads: &[
        llama::head("Qwen3ForCausalLM"),
        llama::sequence_head("Qwen3ForSequenceClassification", llama::KEY_MAP),
        llama::token_head("Qwen3ForTokenClassification", llama::KEY_MAP),
    ],
    ..llama::SPEC
};

fn backbone(fields: &Fields<'_>) -> Result<BackboneConfig, ModelError> {
    let decoder = llama::decoder(fields)?;
    let attention = AttentionConfig { qk_norm: QkNorm::PerHead, ..decoder.attention };
    let windows = qwen2::windows(fields, decoder.num_hidden_layers)?;
    let mlp = llama::gated(fields, false)?;
    Ok(BackboneConfig::Decoder(DecoderConfig { attention, windows, mlp, ..decoder }))
}
