//! OLMo 2 (<https://arxiv.org/abs/2501.00656>): Llama with norms after attention and feed-forward instead of before them, and
//! with queries and keys normed over all heads together.
//!
//! Reference: `transformers` v5.24 `models/olmo2/modeling_olmo2.py`.

use super::super::fields::Fields;
use super::super::padding::padding_row;
use super::super::spec::{ArchitectureSpec, BackboneConfig};
use super::super::{KeyMap, ModelError};
use super::llama;
use crate::nn::{AttentionConfig, DecoderConfig, NormPlacement, QkNorm};

pub(super) const SPEC: ArchitectureSpec = ArchitectureSpec {
    model_type: "olmo2",
    backbone,
    // `transformers` has no class of it that labels tokens.
    heads: &[
        llama::head_with("Olmo2ForCausalLM", KEY_MAP),
        llama::sequence_head("Olmo2ForSequenceClassification", KEY_MAP),
    ],
    is_in_peft_table: false,
    ..llama::SPEC
};

const KEY_MAP: KeyMap = llama::key_map(&[
    ("backbone.embed_tokens", "embed_tokens"),
    ("backbone.layers.{i}.self_attn.q_proj", "layers.{i}.self_attn.q_proj"),
    ("backbone.layers.{i}.self_attn.k_proj", "layers.{i}.self_attn.k_proj"),
    ("backbone.layers.{i}.self_attn.v_proj", "layers.{i}.self_attn.v_proj"),
    ("backbone.layers.{i}.self_attn.o_proj", "layers.{i}.self_attn.o_proj"),
    ("backbone.layers.{i}.self_attn.q_norm", "layers.{i}.self_attn.q_norm"),
    ("backbone.layers.{i}.self_attn.k_norm", "layers.{i}.self_attn.k_norm"),
    ("backbone.layers.{i}.post_self_attn_layernorm", "layers.{i}.post_attention_layernorm"),
    ("backbone.layers.{i}.mlp.gate_proj", "layers.{i}.mlp.gate_proj"),
    ("backbone.layers.{i}.mlp.up_proj", "layers.{i}.mlp.up_proj"),
    ("backbone.layers.{i}.mlp.down_proj", "layers.{i}.mlp.down_proj"),
    ("backbone.layers.{i}.post_mlp_layernorm", "layers.{i}.post_feedforward_layernorm"),
    ("backbone.norm", "norm"),
]);

/// `Olmo2Config.pad_token_id` where the file says nothing.
const PADDING: usize = 1;

fn backbone(fields: &Fields<'_>) -> Result<BackboneConfig, ModelError> {
    let decoder = llama::decoder(fields)?;
    Ok(BackboneConfig::Decoder(DecoderConfig {
        norm_eps: fields.real_or("rms_norm_eps", 1e-5)?,
        norm_placement: NormPlacement::After,
        attention: AttentionConfig { qk_norm: QkNorm::Whole, ..decoder.attention },
        mlp: llama::gated(fields, false)?,
        padding_idx: padding_row(fields, Some(PADDING), decoder.vocab_size)?,
        ..decoder
    }))
}
