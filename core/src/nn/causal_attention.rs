//! Causal self-attention of a decoder's block: queries, keys and values, made by one layer or by three, normed or not,
//! turned by their positions or not.
//!
//! In: states, a mask, angles. Out: what is added to the states. References: `transformers` v5.23
//! `models/gpt2/modeling_gpt2.py` (`GPT2Attention`), `models/llama/modeling_llama.py` (`LlamaAttention`),
//! `models/qwen3/modeling_qwen3.py` and `models/olmo2/modeling_olmo2.py` (norms), `models/gemma2/modeling_gemma2.py` (cap).

use burn::module::Module;
use burn::tensor::{Device, Tensor};

use super::attention::{attend_grouped, merge_heads, split_heads};
use super::kv_cache::CachePart;
use super::mlp::linear;
use super::rope::Rotation;
use super::{DecoderConfig, Dropout, Init, Linear, RmsNorm};

/// How queries, keys and values are made.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct AttentionConfig {
    /// One layer makes all three (GPT-2's `c_attn`, Phi-3's `qkv_proj`).
    pub has_fused_qkv: bool,
    /// Query, key and value layers have a bias.
    pub has_qkv_bias: bool,
    /// The output layer has a bias.
    pub has_output_bias: bool,
    /// How queries and keys are normed.
    pub qk_norm: QkNorm,
    /// Scores are multiplied with this (GPT-Neo: 1).
    pub scale: f64,
    /// Scores stay below this: `cap tanh(scores / cap)` (Gemma 2's `attn_logit_softcapping`).
    pub softcap: Option<f64>,
}

/// How queries and keys are normed before they are turned.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum QkNorm {
    /// Not at all.
    None,
    /// Head by head (Qwen3, Gemma 3).
    PerHead,
    /// All heads of a token together (OLMo 2).
    Whole,
}

/// Causal self-attention.
#[derive(Module, Debug)]
pub(super) struct CausalAttention {
    qkv_proj: Option<Linear>,
    q_proj: Option<Linear>,
    k_proj: Option<Linear>,
    v_proj: Option<Linear>,
    o_proj: Linear,
    q_norm: Option<RmsNorm>,
    k_norm: Option<RmsNorm>,
    #[module(skip)]
    heads: Heads,
    #[module(skip)]
    pub(super) dropout: Dropout,
}

/// How many heads, how wide, how normed, scaled and capped.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Heads {
    query: usize,
    key: usize,
    dim: usize,
    norm: QkNorm,
    scale: f64,
    softcap: Option<f64>,
}

impl CausalAttention {
    pub(super) fn new(config: &DecoderConfig, init: &mut Init, device: &Device) -> Self {
        let AttentionConfig { has_fused_qkv, has_qkv_bias, has_output_bias, qk_norm, scale, softcap } =
            config.attention;
        let (hidden, dim, std) = (config.hidden_size, config.head_dim, config.initializer_range);
        let (query, key) = (config.num_attention_heads, config.num_key_value_heads);
        let (queries, keys) = (query * dim, key * dim);
        let mut make = |output| linear(hidden, output, has_qkv_bias, std, init, device);
        let (qkv_proj, q_proj, k_proj, v_proj) = match has_fused_qkv {
            true => (Some(make(queries + 2 * keys)), None, None, None),
            false => (None, Some(make(queries)), Some(make(keys)), Some(make(keys))),
        };
        let norm = |whole: usize| match qk_norm {
            QkNorm::None => None,
            QkNorm::PerHead => Some(config.rms_norm(dim, device)),
            QkNorm::Whole => Some(config.rms_norm(whole, device)),
        };
        Self {
            qkv_proj,
            q_proj,
            k_proj,
            v_proj,
            o_proj: linear(queries, hidden, has_output_bias, config.residual_std(), init, device),
            q_norm: norm(queries),
            k_norm: norm(keys),
            heads: Heads { query, key, dim, norm: qk_norm, scale, softcap },
            dropout: Dropout { p: config.attn_pdrop },
        }
    }

    /// # Shapes
    /// - returns queries `[batch, heads, seq, head_dim]`, keys and values `[batch, key heads, seq, head_dim]`
    fn project(&self, x: Tensor<3>) -> (Tensor<4>, Tensor<4>, Tensor<4>) {
        let Heads { query, key, dim, .. } = self.heads;
        let (q_norm, k_norm) = (self.q_norm.as_ref(), self.k_norm.as_ref());
        if let Some(qkv_proj) = &self.qkv_proj {
            let all = qkv_proj.forward(x); // [batch, seq, (heads + 2 key heads) * head_dim]
            let part = |first: usize, heads: usize| all.clone().narrow(2, first * dim, heads * dim);
            return (
                self.split(part(0, query), query, q_norm),
                self.split(part(query, key), key, k_norm),
                self.split(part(query + key, key), key, None),
            );
        }
        let make = |layer: &Option<Linear>| {
            layer.as_ref().expect("there is one layer for all three, or three").forward(x.clone())
        };
        (
            self.split(make(&self.q_proj), query, q_norm),
            self.split(make(&self.k_proj), key, k_norm),
            self.split(make(&self.v_proj), key, None),
        )
    }

    /// Heads of a projection, normed.
    ///
    /// # Shapes
    /// - `x`: `[batch, seq, heads * head_dim]`
    /// - returns: `[batch, heads, seq, head_dim]`
    fn split(&self, x: Tensor<3>, heads: usize, norm: Option<&RmsNorm>) -> Tensor<4> {
        let dim = self.heads.dim;
        match norm {
            Some(norm) if self.heads.norm == QkNorm::Whole => split_heads(norm.forward(x), heads, dim),
            Some(norm) => norm.forward(split_heads(x, heads, dim)),
            None => split_heads(x, heads, dim),
        }
    }

    pub(super) fn forward(
        &self,
        x: Tensor<3>,
        mask: Option<Tensor<4>>,
        rotation: Option<&Rotation>,
        cache: Option<CachePart<'_>>,
    ) -> Tensor<3> {
        let Heads { scale, softcap, .. } = self.heads;
        let (mut query, mut key, mut value) = self.project(x);
        if let Some(rotation) = rotation {
            (query, key) = (rotation.apply(query), rotation.apply(key));
        }
        if let Some(part) = cache {
            (key, value) = part.extend(key, value);
        }
        let query = if scale == 1.0 { query } else { query.mul_scalar(scale) };
        self.o_proj.forward(merge_heads(attend_grouped(query, key, value, softcap, mask, self.dropout)))
    }

    /// Every linear layer that there is, with its name.
    pub(super) fn linears_mut(&mut self) -> [(&'static str, Option<&mut Linear>); 5] {
        [
            ("self_attn.qkv_proj", self.qkv_proj.as_mut()),
            ("self_attn.q_proj", self.q_proj.as_mut()),
            ("self_attn.k_proj", self.k_proj.as_mut()),
            ("self_attn.v_proj", self.v_proj.as_mut()),
            ("self_attn.o_proj", Some(&mut self.o_proj)),
        ]
    }
}
