//! Gemma 2 (<https://arxiv.org/abs/2408.00118>), and what Gemma 3 shares with it: norms around attention and feed-forward whose
//! weights one is added to, scaled token vectors, a gate of GELU, layers that see a window and all by turns; scores of
//! attention and of tokens are capped.
//!
//! Reference: `transformers` v5.24 `models/gemma2/modeling_gemma2.py`.

use super::super::fields::{Fields, activation_or, only};
use super::super::padding::padding_row;
use super::super::spec::{ArchitectureSpec, BackboneConfig};
use super::super::{KeyMap, ModelError};
use super::{llama, qwen2};
use crate::nn::{AttentionConfig, DecoderConfig, MlpKind, NormKind, NormPlacement, Positions, QkNorm, Scales};

pub(super) const SPEC: ArchitectureSpec = ArchitectureSpec {
    model_type: "gemma2",
    backbone,
    heads: &[
        llama::head_with("Gemma2ForCausalLM", KEY_MAP),
        llama::sequence_head("Gemma2ForSequenceClassification", KEY_MAP),
        llama::token_head("Gemma2ForTokenClassification", KEY_MAP),
    ],
    ..llama::SPEC
};

pub(super) const KEY_MAP: KeyMap = llama::key_map(&[
    ("backbone.embed_tokens", "embed_tokens"),
    ("backbone.layers.{i}.input_layernorm", "layers.{i}.input_layernorm"),
    ("backbone.layers.{i}.self_attn.q_proj", "layers.{i}.self_attn.q_proj"),
    ("backbone.layers.{i}.self_attn.k_proj", "layers.{i}.self_attn.k_proj"),
    ("backbone.layers.{i}.self_attn.v_proj", "layers.{i}.self_attn.v_proj"),
    ("backbone.layers.{i}.self_attn.o_proj", "layers.{i}.self_attn.o_proj"),
    ("backbone.layers.{i}.self_attn.q_norm", "layers.{i}.self_attn.q_norm"),
    ("backbone.layers.{i}.self_attn.k_norm", "layers.{i}.self_attn.k_norm"),
    // What Llama calls so stands before the feed-forward part.
    ("backbone.layers.{i}.post_self_attn_layernorm", "layers.{i}.post_attention_layernorm"),
    ("backbone.layers.{i}.post_attention_layernorm", "layers.{i}.pre_feedforward_layernorm"),
    ("backbone.layers.{i}.mlp.gate_proj", "layers.{i}.mlp.gate_proj"),
    ("backbone.layers.{i}.mlp.up_proj", "layers.{i}.mlp.up_proj"),
    ("backbone.layers.{i}.mlp.down_proj", "layers.{i}.mlp.down_proj"),
    ("backbone.layers.{i}.post_mlp_layernorm", "layers.{i}.post_feedforward_layernorm"),
    ("backbone.norm", "norm"),
]);

/// What the configs of both have where the file says nothing.
const KEY_VALUE_HEADS: usize = 4;
const HEAD_DIM: usize = 256;
const QUERY_SCALAR: f64 = 256.0;
const SLIDING_WINDOW: usize = 4096;
const PADDING: usize = 0;

/// Of Gemma 2 alone.
const MAX_POSITIONS: usize = 8192;
const ATTENTION_SOFTCAP: f64 = 50.0;
const FINAL_SOFTCAP: f64 = 30.0;

fn backbone(fields: &Fields<'_>) -> Result<BackboneConfig, ModelError> {
    let decoder = decoder(fields, MAX_POSITIONS)?;
    let rope = llama::rope(fields, llama::THETA, decoder.head_dim)?;
    let softcap = softcap(fields, "attn_logit_softcapping", Some(ATTENTION_SOFTCAP))?;
    let final_softcap = softcap_of_tokens(fields, Some(FINAL_SOFTCAP))?;
    Ok(BackboneConfig::Decoder(DecoderConfig {
        positions: Positions::Rotary(vec![Some(rope); decoder.num_hidden_layers]),
        attention: AttentionConfig { softcap, ..decoder.attention },
        windows: windows(fields, decoder.num_hidden_layers, 2)?,
        scales: Scales { final_softcap, ..decoder.scales },
        ..decoder
    }))
}

/// What both have in common; positions, windows and caps are Llama's yet.
pub(super) fn decoder(fields: &Fields<'_>, max_positions: usize) -> Result<DecoderConfig, ModelError> {
    let activation = activation_or(fields, "hidden_activation", "gelu_pytorch_tanh")?;
    only(fields, "use_bidirectional_attention", false)?;
    let hidden_size = fields.whole("hidden_size")?;
    let num_attention_heads = fields.whole("num_attention_heads")?;
    let num_hidden_layers = fields.whole("num_hidden_layers")?;
    let vocab_size = fields.whole("vocab_size")?;
    let attention_bias = fields.flag_or("attention_bias", false)?;
    Ok(DecoderConfig {
        vocab_size,
        hidden_size,
        num_hidden_layers,
        num_attention_heads,
        num_key_value_heads: fields.whole_or("num_key_value_heads", KEY_VALUE_HEADS)?,
        head_dim: fields.whole_or("head_dim", HEAD_DIM)?,
        intermediate_size: fields.whole("intermediate_size")?,
        max_position_embeddings: fields.whole_or("max_position_embeddings", max_positions)?,
        norm: NormKind::OnePlusRmsNorm,
        norm_eps: fields.real_or("rms_norm_eps", 1e-6)?,
        norm_placement: NormPlacement::Around,
        positions: Positions::Rotary(vec![None; num_hidden_layers]),
        attention: AttentionConfig {
            has_fused_qkv: false,
            has_qkv_bias: attention_bias,
            has_output_bias: attention_bias,
            qk_norm: QkNorm::None,
            scale: 1.0 / fields.real_or("query_pre_attn_scalar", QUERY_SCALAR)?.sqrt(),
            softcap: None,
        },
        windows: vec![None; num_hidden_layers],
        mlp: MlpKind::Gated { activation, has_bias: false, is_fused: false },
        scales: Scales { embedding: (hidden_size as f64).sqrt(), rounds_embedding: true, ..Scales::default() },
        tie_word_embeddings: fields.flag_or("tie_word_embeddings", true)?,
        padding_idx: padding_row(fields, Some(PADDING), vocab_size)?,
        embd_pdrop: 0.0,
        attn_pdrop: fields.real_or("attention_dropout", 0.0)?,
        resid_pdrop: 0.0,
        initializer_range: fields.real_or("initializer_range", 0.02)?,
        shrinks_residual_std: false,
    })
}

/// How far each layer sees: what `layer_types` says, else all but each last one of `pattern` layers see the window.
pub(super) fn windows(fields: &Fields<'_>, layers: usize, pattern: usize) -> Result<Vec<Option<usize>>, ModelError> {
    let window = match fields.is_null("sliding_window") {
        true => None,
        false => Some(fields.whole_or("sliding_window", SLIDING_WINDOW)?),
    };
    if let Some(types) = fields.list("layer_types") {
        return qwen2::typed_windows(types, window, layers);
    }
    let slides = |layer: usize| !(layer + 1).is_multiple_of(pattern);
    if window.is_none() && (0..layers).any(slides) {
        let reason = "is null, and no layer_types say that no layer slides".to_owned();
        return Err(ModelError::Field { field: "sliding_window", reason });
    }
    Ok((0..layers).map(|layer| window.filter(|_| slides(layer))).collect())
}

/// What scores of tokens stay below.
pub(super) fn softcap_of_tokens(fields: &Fields<'_>, usual: Option<f64>) -> Result<Option<f64>, ModelError> {
    softcap(fields, "final_logit_softcapping", usual)
}

/// A cap; null is none, `usual` is taken where the file says nothing.
fn softcap(fields: &Fields<'_>, field: &'static str, usual: Option<f64>) -> Result<Option<f64>, ModelError> {
    match fields.has(field) {
        true => fields.real_or(field, f64::INFINITY).map(Some),
        false => Ok(usual.filter(|_| !fields.is_null(field))),
    }
}
