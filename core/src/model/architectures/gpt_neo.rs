//! GPT-Neo (<https://doi.org/10.5281/zenodo.5297715>).
//!
//! Reference: `transformers` v5.23 `models/gpt_neo/modeling_gpt_neo.py`, `GPTNeoForCausalLM`: global and local
//! attention by turns, scores not scaled, no bias on queries, keys and values. v5.24: `GPTNeoForSequenceClassification` and
//! `GPTNeoForTokenClassification`, as GPT-2's.

use serde_json::Value;

use super::super::fields::{Fields, activation_or, shown};
use super::super::heads::HeadConfig;
use super::super::spec::{ArchitectureSpec, BackboneConfig, PadToken};
use super::super::{KeyMap, LinearLayout, ModelError};
use super::{gpt2, llama};
use crate::nn::{AttentionConfig, DecoderConfig, MlpKind, NormKind, NormPlacement, Positions, QkNorm, Scales};
use crate::task::HeadKind;

pub(super) const SPEC: ArchitectureSpec = ArchitectureSpec {
    model_type: "gpt_neo",
    backbone,
    heads: &[
        llama::head_with("GPTNeoForCausalLM", KEY_MAP),
        llama::sequence_head("GPTNeoForSequenceClassification", KEY_MAP),
        llama::label_head(
            HeadKind::Token,
            "GPTNeoForTokenClassification",
            KeyMap { head: gpt2::CLASSIFIER, ..KEY_MAP },
            token,
        ),
    ],
    default_target_modules: &["q_proj", "v_proj"],
    is_in_peft_table: true,
    field_names: &[("num_hidden_layers", "num_layers")],
    pad_token: PadToken::EndOfText,
};

const KEY_MAP: KeyMap = KeyMap {
    prefix: "transformer.",
    is_bare: false,
    backbone: &[
        ("backbone.embed_tokens", "wte"),
        ("backbone.position_embeddings", "wpe"),
        ("backbone.layers.{i}.input_layernorm", "h.{i}.ln_1"),
        ("backbone.layers.{i}.self_attn.q_proj", "h.{i}.attn.attention.q_proj"),
        ("backbone.layers.{i}.self_attn.k_proj", "h.{i}.attn.attention.k_proj"),
        ("backbone.layers.{i}.self_attn.v_proj", "h.{i}.attn.attention.v_proj"),
        ("backbone.layers.{i}.self_attn.o_proj", "h.{i}.attn.attention.out_proj"),
        ("backbone.layers.{i}.post_attention_layernorm", "h.{i}.ln_2"),
        ("backbone.layers.{i}.mlp.up_proj", "h.{i}.mlp.c_fc"),
        ("backbone.layers.{i}.mlp.down_proj", "h.{i}.mlp.c_proj"),
        ("backbone.norm", "ln_f"),
    ],
    head: &[("head.lm_head", "lm_head")],
    modules: &[],
    linear: LinearLayout::OutIn,
};

fn token(fields: &Fields<'_>) -> Result<HeadConfig, ModelError> {
    Ok(HeadConfig::Token { dropout: fields.real_or("classifier_dropout", 0.1)?, prediction: None })
}

fn backbone(fields: &Fields<'_>) -> Result<BackboneConfig, ModelError> {
    let (hidden_size, heads) = (fields.whole("hidden_size")?, fields.whole("num_heads")?);
    let num_hidden_layers = fields.whole("num_layers")?;
    Ok(BackboneConfig::Decoder(DecoderConfig {
        vocab_size: fields.whole("vocab_size")?,
        hidden_size,
        num_hidden_layers,
        num_attention_heads: heads,
        num_key_value_heads: heads,
        head_dim: hidden_size / heads,
        intermediate_size: fields.whole_or("intermediate_size", 4 * hidden_size)?,
        max_position_embeddings: fields.whole("max_position_embeddings")?,
        norm: NormKind::LayerNorm,
        norm_eps: fields.real_or("layer_norm_epsilon", 1e-5)?,
        norm_placement: NormPlacement::Before,
        positions: Positions::Learned,
        attention: AttentionConfig {
            has_fused_qkv: false,
            has_qkv_bias: false,
            has_output_bias: true,
            qk_norm: QkNorm::None,
            scale: 1.0,
            softcap: None,
        },
        windows: windows(fields, num_hidden_layers)?,
        mlp: MlpKind::Plain(activation_or(fields, "activation_function", "gelu_new")?),
        scales: Scales::default(),
        tie_word_embeddings: fields.flag_or("tie_word_embeddings", true)?,
        padding_idx: None,
        embd_pdrop: fields.real_or("embed_dropout", 0.0)?,
        attn_pdrop: fields.real_or("attention_dropout", 0.0)?,
        resid_pdrop: fields.real_or("resid_dropout", 0.0)?,
        initializer_range: fields.real_or("initializer_range", 0.02)?,
        shrinks_residual_std: false,
    }))
}

/// `attention_layers`, or `attention_types` unrolled: `[[["global", "local"], 6]]` names twelve layers.
fn windows(fields: &Fields<'_>, layers: usize) -> Result<Vec<Option<usize>>, ModelError> {
    let window = fields.whole_or("window_size", 256)?;
    let bad = |field: &'static str, reason: String| ModelError::Field { field, reason };
    let kinds: Vec<&Value> = if let Some(kinds) = fields.list("attention_layers") {
        kinds.iter().collect()
    } else {
        let mut kinds = Vec::new();
        for group in fields.list("attention_types").into_iter().flatten() {
            let pattern = group.get(0).and_then(Value::as_array);
            let times = group.get(1).and_then(Value::as_u64);
            let (Some(pattern), Some(times)) = (pattern, times) else {
                return Err(bad("attention_types", format!("{} is not a pattern and a count", shown(group))));
            };
            // A pattern may name no layer at all, and a count may be anything.
            let named = (pattern.len() as u64).saturating_mul(times).saturating_add(kinds.len() as u64);
            if times > layers as u64 || named > layers as u64 {
                return Err(bad("attention_types", format!("names more than num_layers, {layers}")));
            }
            for _ in 0..times {
                kinds.extend(pattern);
            }
        }
        kinds
    };
    if kinds.len() != layers {
        return Err(bad("attention_types", format!("names {} layers, num_layers is {layers}", kinds.len())));
    }
    kinds
        .into_iter()
        .map(|kind| match kind.as_str() {
            Some("global") => Ok(None),
            Some("local") => Ok(Some(window)),
            _ => Err(bad("attention_types", format!("{} is not supported; supported are global, local", shown(kind)))),
        })
        .collect()
}
