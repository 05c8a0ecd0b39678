//! GPT-2 and DistilGPT-2 (<https://cdn.openai.com/better-language-models/language_models_are_unsupervised_multitask_learners.pdf>).
//!
//! Reference: `transformers` v5.23 `models/gpt2/modeling_gpt2.py`, `GPT2LMHeadModel`: learned positions, one layer for
//! queries, keys and values, `gelu_new`, output tied to the token table; linear weights are `Conv1D`, `[in, out]`. v5.24:
//! `GPT2ForSequenceClassification` (`score`, without a bias, of the last token that is not padding) and
//! `GPT2ForTokenClassification` (dropout, classifier), whose layers are no `Conv1D`.

use super::super::fields::{Fields, activation_or, only};
use super::super::spec::{ArchitectureSpec, BackboneConfig, PadToken};
use super::super::{KeyMap, LinearLayout, ModelError};
use super::llama;
use crate::nn::{AttentionConfig, DecoderConfig, MlpKind, NormKind, NormPlacement, Positions, QkNorm, Scales};
use crate::task::HeadKind;

pub(super) const SPEC: ArchitectureSpec = ArchitectureSpec {
    model_type: "gpt2",
    backbone,
    heads: &[
        llama::head_with("GPT2LMHeadModel", KEY_MAP),
        llama::sequence_head("GPT2ForSequenceClassification", KEY_MAP),
        llama::label_head(
            HeadKind::Token,
            "GPT2ForTokenClassification",
            KeyMap { head: CLASSIFIER, ..KEY_MAP },
            llama::token_with_bias,
        ),
    ],
    default_target_modules: &["c_attn"],
    is_in_peft_table: true,
    field_names: &[
        ("hidden_size", "n_embd"),
        ("num_hidden_layers", "n_layer"),
        ("intermediate_size", "n_inner"),
        ("max_position_embeddings", "n_positions"),
    ],
    pad_token: PadToken::EndOfText,
};

/// The layer of the class that labels tokens, as GPT-Neo has it, too.
pub(super) const CLASSIFIER: &[(&str, &str)] = &[("head.classifier", "classifier")];

const KEY_MAP: KeyMap = KeyMap {
    prefix: "transformer.",
    is_bare: false,
    backbone: &[
        ("backbone.embed_tokens", "wte"),
        ("backbone.position_embeddings", "wpe"),
        ("backbone.layers.{i}.input_layernorm", "h.{i}.ln_1"),
        ("backbone.layers.{i}.self_attn.qkv_proj", "h.{i}.attn.c_attn"),
        ("backbone.layers.{i}.self_attn.o_proj", "h.{i}.attn.c_proj"),
        ("backbone.layers.{i}.post_attention_layernorm", "h.{i}.ln_2"),
        ("backbone.layers.{i}.mlp.up_proj", "h.{i}.mlp.c_fc"),
        ("backbone.layers.{i}.mlp.down_proj", "h.{i}.mlp.c_proj"),
        ("backbone.norm", "ln_f"),
    ],
    head: &[("head.lm_head", "lm_head")],
    modules: &[],
    linear: LinearLayout::InOut,
};

fn backbone(fields: &Fields<'_>) -> Result<BackboneConfig, ModelError> {
    only(fields, "scale_attn_weights", true)?;
    only(fields, "scale_attn_by_inverse_layer_idx", false)?;
    only(fields, "add_cross_attention", false)?;
    let (hidden_size, heads) = (fields.whole("n_embd")?, fields.whole("n_head")?);
    let num_hidden_layers = fields.whole("n_layer")?;
    let head_dim = hidden_size / heads;
    Ok(BackboneConfig::Decoder(DecoderConfig {
        vocab_size: fields.whole("vocab_size")?,
        hidden_size,
        num_hidden_layers,
        num_attention_heads: heads,
        num_key_value_heads: heads,
        head_dim,
        intermediate_size: fields.whole_or("n_inner", 4 * hidden_size)?,
        max_position_embeddings: fields.whole("n_positions")?,
        norm: NormKind::LayerNorm,
        norm_eps: fields.real_or("layer_norm_epsilon", 1e-5)?,
        norm_placement: NormPlacement::Before,
        positions: Positions::Learned,
        attention: AttentionConfig {
            has_fused_qkv: true,
            has_qkv_bias: true,
            has_output_bias: true,
            qk_norm: QkNorm::None,
            scale: 1.0 / (head_dim as f64).sqrt(),
            softcap: None,
        },
        windows: vec![None; num_hidden_layers],
        mlp: MlpKind::Plain(activation_or(fields, "activation_function", "gelu_new")?),
        scales: Scales::default(),
        tie_word_embeddings: fields.flag_or("tie_word_embeddings", true)?,
        padding_idx: None,
        embd_pdrop: fields.real_or("embd_pdrop", 0.1)?,
        attn_pdrop: fields.real_or("attn_pdrop", 0.1)?,
        resid_pdrop: fields.real_or("resid_pdrop", 0.1)?,
        initializer_range: fields.real_or("initializer_range", 0.02)?,
        shrinks_residual_std: true,
    }))
}
