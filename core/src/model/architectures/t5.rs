//! T5, T5 1.1, FLAN-T5 (<https://arxiv.org/abs/1910.10683>), and what mT5 shares with it.
//!
//! Reference: `transformers` v5.24 `models/t5/modeling_t5.py`, `T5ForConditionalGeneration`: an encoder and a decoder over
//! one token table, RMS norms, distances in place of positions.

use super::super::fields::{Fields, activation_named};
use super::super::heads::HeadConfig;
use super::super::spec::{ArchitectureSpec, BackboneConfig, HeadSpec, PadToken};
use super::super::{KeyMap, LinearLayout, ModelError};
use crate::nn::{Activation, EncoderDecoderConfig, FeedForward};
use crate::task::HeadKind;

pub(super) const SPEC: ArchitectureSpec = ArchitectureSpec {
    model_type: "t5",
    backbone,
    heads: &[head("T5ForConditionalGeneration")],
    default_target_modules: TARGET_MODULES,
    is_in_peft_table: true,
    field_names: FIELD_NAMES,
    pad_token: PadToken::Id(0),
};

/// Queries and values of all three attentions.
pub(super) const TARGET_MODULES: &[&str] = &["q", "v"];

pub(super) const FIELD_NAMES: &[(&str, &str)] = &[
    ("hidden_size", "d_model"),
    ("num_hidden_layers", "num_layers"),
    ("num_attention_heads", "num_heads"),
    ("intermediate_size", "d_ff"),
    ("max_position_embeddings", "n_positions"),
];

/// Tokens that an input may have at the least: distances know no end, and 2,048 tokens of a source are one matrix of
/// scores of 16 MB a head.
const MAX_TOKENS: usize = 2048;

/// The class that writes a target, of this and of kindred architectures.
pub(super) const fn head(class_name: &'static str) -> HeadSpec {
    HeadSpec {
        kind: HeadKind::Seq2seqLm,
        class_name,
        key_map: KEY_MAP,
        config: seq2seq_lm,
        tied_keys: &["lm_head.weight", "encoder.embed_tokens.weight", "decoder.embed_tokens.weight"],
        kept_keys: &[],
    }
}

const KEY_MAP: KeyMap = KeyMap {
    prefix: "",
    is_bare: false,
    backbone: &[
        ("backbone.embed_tokens", "shared"),
        ("backbone.encoder.layers.{i}.self_attn.q_proj", "encoder.block.{i}.layer.0.SelfAttention.q"),
        ("backbone.encoder.layers.{i}.self_attn.k_proj", "encoder.block.{i}.layer.0.SelfAttention.k"),
        ("backbone.encoder.layers.{i}.self_attn.v_proj", "encoder.block.{i}.layer.0.SelfAttention.v"),
        ("backbone.encoder.layers.{i}.self_attn.o_proj", "encoder.block.{i}.layer.0.SelfAttention.o"),
        (
            "backbone.encoder.layers.{i}.self_attn.relative_attention_bias",
            "encoder.block.{i}.layer.0.SelfAttention.relative_attention_bias",
        ),
        ("backbone.encoder.layers.{i}.self_attn_norm", "encoder.block.{i}.layer.0.layer_norm"),
        ("backbone.encoder.layers.{i}.mlp.wi", "encoder.block.{i}.layer.1.DenseReluDense.wi"),
        ("backbone.encoder.layers.{i}.mlp.wi_0", "encoder.block.{i}.layer.1.DenseReluDense.wi_0"),
        ("backbone.encoder.layers.{i}.mlp.wi_1", "encoder.block.{i}.layer.1.DenseReluDense.wi_1"),
        ("backbone.encoder.layers.{i}.mlp.wo", "encoder.block.{i}.layer.1.DenseReluDense.wo"),
        ("backbone.encoder.layers.{i}.mlp_norm", "encoder.block.{i}.layer.1.layer_norm"),
        ("backbone.encoder.norm", "encoder.final_layer_norm"),
        ("backbone.decoder.layers.{i}.self_attn.q_proj", "decoder.block.{i}.layer.0.SelfAttention.q"),
        ("backbone.decoder.layers.{i}.self_attn.k_proj", "decoder.block.{i}.layer.0.SelfAttention.k"),
        ("backbone.decoder.layers.{i}.self_attn.v_proj", "decoder.block.{i}.layer.0.SelfAttention.v"),
        ("backbone.decoder.layers.{i}.self_attn.o_proj", "decoder.block.{i}.layer.0.SelfAttention.o"),
        (
            "backbone.decoder.layers.{i}.self_attn.relative_attention_bias",
            "decoder.block.{i}.layer.0.SelfAttention.relative_attention_bias",
        ),
        ("backbone.decoder.layers.{i}.self_attn_norm", "decoder.block.{i}.layer.0.layer_norm"),
        ("backbone.decoder.layers.{i}.cross_attn.q_proj", "decoder.block.{i}.layer.1.EncDecAttention.q"),
        ("backbone.decoder.layers.{i}.cross_attn.k_proj", "decoder.block.{i}.layer.1.EncDecAttention.k"),
        ("backbone.decoder.layers.{i}.cross_attn.v_proj", "decoder.block.{i}.layer.1.EncDecAttention.v"),
        ("backbone.decoder.layers.{i}.cross_attn.o_proj", "decoder.block.{i}.layer.1.EncDecAttention.o"),
        ("backbone.decoder.layers.{i}.cross_attn_norm", "decoder.block.{i}.layer.1.layer_norm"),
        ("backbone.decoder.layers.{i}.mlp.wi", "decoder.block.{i}.layer.2.DenseReluDense.wi"),
        ("backbone.decoder.layers.{i}.mlp.wi_0", "decoder.block.{i}.layer.2.DenseReluDense.wi_0"),
        ("backbone.decoder.layers.{i}.mlp.wi_1", "decoder.block.{i}.layer.2.DenseReluDense.wi_1"),
        ("backbone.decoder.layers.{i}.mlp.wo", "decoder.block.{i}.layer.2.DenseReluDense.wo"),
        ("backbone.decoder.layers.{i}.mlp_norm", "decoder.block.{i}.layer.2.layer_norm"),
        ("backbone.decoder.norm", "decoder.final_layer_norm"),
    ],
    head: &[("head.lm_head", "lm_head")],
    modules: &[],
    linear: LinearLayout::OutIn,
};

fn seq2seq_lm(_: &Fields<'_>) -> Result<HeadConfig, ModelError> {
    Ok(HeadConfig::Seq2seqLm)
}

fn backbone(fields: &Fields<'_>) -> Result<BackboneConfig, ModelError> {
    encoder_decoder(fields, "relu").map(BackboneConfig::EncoderDecoder)
}

/// Says the feed-forward part: an activation, with `gated-` before it where it is a gate's.
const FEED_FORWARD: &str = "feed_forward_proj";

/// The activation alone.
const ACTIVATION: &str = "dense_act_fn";

/// Sizes and rates; `usual` is the feed-forward part of files that do not say.
pub(super) fn encoder_decoder(fields: &Fields<'_>, usual: &str) -> Result<EncoderDecoderConfig, ModelError> {
    let num_encoder_layers = fields.whole("num_layers")?;
    let kind = fields.text_or(FEED_FORWARD, usual)?;
    let feed_forward = match (kind.strip_prefix("gated-"), fields.has(ACTIVATION)) {
        // Where the file says the parts of the name too, `transformers` takes those.
        (gated, true) => (gated.is_some(), activation_named(ACTIVATION, fields.text_or(ACTIVATION, "")?)?),
        // What `transformers` makes of it, too: the name came first, the kind of GELU later.
        (Some("gelu"), false) => (true, Activation::GeluNew),
        (Some(name), false) => (true, activation_named(FEED_FORWARD, name)?),
        (None, false) => (false, activation_named(FEED_FORWARD, kind)?),
    };
    let feed_forward = match (fields.flag_or("is_gated_act", feed_forward.0)?, feed_forward.1) {
        (true, activation) => FeedForward::Gated(activation),
        (false, activation) => FeedForward::Plain(activation),
    };
    let buckets = fields.whole_or("relative_attention_num_buckets", 32)?;
    let max_distance = fields.whole_or("relative_attention_max_distance", 128)?;
    if buckets < 4 || max_distance <= buckets / 2 {
        let reason = format!("{buckets} classes of distances up to {max_distance} can't be told apart");
        return Err(ModelError::Field { field: "relative_attention_num_buckets", reason });
    }
    let start = fields.token_id("decoder_start_token_id")?;
    let is_tied = fields.flag_or("tie_word_embeddings", true)?;
    Ok(EncoderDecoderConfig {
        vocab_size: fields.whole("vocab_size")?,
        hidden_size: fields.whole("d_model")?,
        num_encoder_layers,
        num_decoder_layers: fields.whole_or("num_decoder_layers", num_encoder_layers)?,
        num_attention_heads: fields.whole("num_heads")?,
        head_dim: fields.whole("d_kv")?,
        intermediate_size: fields.whole("d_ff")?,
        relative_attention_num_buckets: buckets,
        relative_attention_max_distance: max_distance,
        max_position_embeddings: fields.whole_or("n_positions", MAX_TOKENS)?.max(MAX_TOKENS),
        norm_eps: fields.real_or("layer_norm_epsilon", 1e-6)?,
        feed_forward,
        tie_word_embeddings: is_tied,
        scale_decoder_outputs: fields.flag_or("scale_decoder_outputs", is_tied)?,
        dropout: fields.real_or("dropout_rate", 0.1)?,
        decoder_start_token_id: start.or(fields.token_id("pad_token_id")?).unwrap_or(0),
        initializer_factor: fields.real_or("initializer_factor", 1.0)?,
    })
}
