//! The pre-norm transformer decoder shared by GPT-2, GPT-Neo and the Llama family: token vectors, then blocks of causal
//! self-attention and feed-forward, each after a norm and added to its input, then a last norm.
//!
//! In: tokens. Out: a state per token. References: `transformers` v5.23 `models/gpt2/modeling_gpt2.py` (`GPT2Block`),
//! `models/gpt_neo/modeling_gpt_neo.py`, `models/llama/modeling_llama.py` (`LlamaDecoderLayer`), `models/qwen3`.

use burn::module::Module;
use burn::tensor::{Device, Tensor};

use super::attention::{attend_grouped, causal_mask, merge_heads, split_heads};
use super::embedding::stop_gradient;
use super::kv_cache::{CachePart, KvCache};
use super::rope::Rotation;
use super::{Dropout, Embedding, Init, LayerNorm, Linear, RmsNorm, RopeConfig, TokenTable};
use crate::batch::{SeqLayout, TextBatch};
use crate::kernels::{gelu_tanh, silu};

/// Which norm.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NormKind {
    /// Mean and variance, weight and bias.
    LayerNorm,
    /// Mean square, weight only.
    RmsNorm,
}

/// How a token's position reaches the model.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Positions {
    /// A table added to the token vectors.
    Learned,
    /// Queries and keys are turned.
    Rotary(RopeConfig),
}

/// How queries, keys and values are made.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct AttentionConfig {
    /// One layer makes all three (GPT-2's `c_attn`).
    pub has_fused_qkv: bool,
    /// Query, key and value layers have a bias.
    pub has_qkv_bias: bool,
    /// The output layer has a bias.
    pub has_output_bias: bool,
    /// Queries and keys are normed head by head (Qwen3).
    pub has_qk_norm: bool,
    /// Scores are multiplied with this (GPT-Neo: 1).
    pub scale: f64,
}

/// The feed-forward part.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MlpKind {
    /// `W2 gelu_new(W1 x)`, with biases.
    GeluNew,
    /// `W3 (silu(W1 x) * W2 x)` (<https://arxiv.org/abs/2002.05202>).
    SwiGlu {
        /// Its layers have biases.
        has_bias: bool,
    },
}

/// Sizes, kinds and rates, under Llama's names.
#[derive(Debug, Clone, PartialEq)]
pub struct DecoderConfig {
    /// Tokens in the vocabulary.
    pub vocab_size: usize,
    /// Width of a token state.
    pub hidden_size: usize,
    /// Blocks.
    pub num_hidden_layers: usize,
    /// Query heads.
    pub num_attention_heads: usize,
    /// Key and value heads; divides the query heads.
    pub num_key_value_heads: usize,
    /// Width of a head.
    pub head_dim: usize,
    /// Width of the feed-forward's inside.
    pub intermediate_size: usize,
    /// Longest input in tokens.
    pub max_position_embeddings: usize,
    /// Which norm.
    pub norm: NormKind,
    /// The norm's epsilon.
    pub norm_eps: f64,
    /// How positions reach the model.
    pub positions: Positions,
    /// How attention is built.
    pub attention: AttentionConfig,
    /// Tokens that each block sees, itself included; `None` sees all before it.
    pub windows: Vec<Option<usize>>,
    /// The feed-forward part.
    pub mlp: MlpKind,
    /// Tokens are scored with the table that they are looked up in.
    pub tie_word_embeddings: bool,
    /// Row of the token table that takes no gradient from looking up (`torch.nn.Embedding`'s `padding_idx`).
    pub padding_idx: Option<usize>,
    /// Dropout on token vectors.
    pub embd_pdrop: f64,
    /// Dropout on attention probabilities.
    pub attn_pdrop: f64,
    /// Dropout on the outputs of attention and feed-forward, before they are added to the states.
    pub resid_pdrop: f64,
    /// Standard deviation of fresh weights.
    pub initializer_range: f64,
}

impl DecoderConfig {
    /// Standard deviation of fresh weights of the layers whose outputs are added to the states.
    #[must_use]
    pub fn residual_std(&self) -> f64 {
        // GPT-2, which has one layer for queries, keys and values, shrinks them by depth; no other does.
        match self.attention.has_fused_qkv {
            true => self.initializer_range / ((2 * self.num_hidden_layers) as f64).sqrt(),
            false => self.initializer_range,
        }
    }
}

/// One of the two norms.
#[derive(Module, Debug)]
pub(super) enum Norm {
    /// GPT.
    Layer(LayerNorm),
    /// Llama.
    Rms(RmsNorm),
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
    dropout: Dropout,
}

/// How many heads, how wide, how scaled.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Heads {
    query: usize,
    key: usize,
    dim: usize,
    scale: f64,
}

/// Feed-forward; without a gate it is GPT's.
#[derive(Module, Debug)]
pub(super) struct Mlp {
    gate_proj: Option<Linear>,
    up_proj: Linear,
    down_proj: Linear,
}

/// One block.
#[derive(Module, Debug)]
pub struct DecoderLayer {
    input_layernorm: Norm,
    self_attn: CausalAttention,
    post_attention_layernorm: Norm,
    mlp: Mlp,
    #[module(skip)]
    dropout: Dropout,
}

/// Tables, blocks, last norm.
#[derive(Module, Debug)]
pub struct Decoder {
    /// Token vectors.
    pub embed_tokens: TokenTable,
    position_embeddings: Option<Embedding>,
    /// Blocks, in order.
    pub layers: Vec<DecoderLayer>,
    norm: Norm,
    #[module(skip)]
    dropout: Dropout,
    #[module(skip)]
    windows: Vec<Option<usize>>,
    #[module(skip)]
    rope: Option<RopeConfig>,
    #[module(skip)]
    padding_idx: Option<usize>,
}

/// What the attention of all blocks shares in one pass: masks, and rotary tables.
#[derive(Debug, Clone)]
pub struct AttentionContext {
    /// (window, its mask)
    masks: Vec<(Option<usize>, Option<Tensor<4>>)>,
    rotation: Option<Rotation>,
}

impl Norm {
    fn new(config: &DecoderConfig, device: &Device) -> Self {
        match config.norm {
            NormKind::LayerNorm => Self::Layer(LayerNorm::new(config.hidden_size, config.norm_eps, device)),
            NormKind::RmsNorm => Self::Rms(RmsNorm::new(config.hidden_size, config.norm_eps, device)),
        }
    }

    fn forward(&self, x: Tensor<3>) -> Tensor<3> {
        match self {
            Self::Layer(norm) => norm.forward(x),
            Self::Rms(norm) => norm.forward(x),
        }
    }
}

fn linear(input: usize, output: usize, bias: bool, std: f64, init: &mut Init, device: &Device) -> Linear {
    match bias {
        true => Linear::new(input, output, std, init, device),
        false => Linear::without_bias(input, output, std, init, device),
    }
}

impl CausalAttention {
    fn new(config: &DecoderConfig, init: &mut Init, device: &Device) -> Self {
        let AttentionConfig { has_fused_qkv, has_qkv_bias, has_output_bias, has_qk_norm, scale } = config.attention;
        let (hidden, dim, std) = (config.hidden_size, config.head_dim, config.initializer_range);
        let (queries, keys) = (config.num_attention_heads * dim, config.num_key_value_heads * dim);
        let mut make = |output| linear(hidden, output, has_qkv_bias, std, init, device);
        let (qkv_proj, q_proj, k_proj, v_proj) = match has_fused_qkv {
            true => (Some(make(queries + 2 * keys)), None, None, None),
            false => (None, Some(make(queries)), Some(make(keys)), Some(make(keys))),
        };
        let norm = || has_qk_norm.then(|| RmsNorm::new(dim, config.norm_eps, device));
        Self {
            qkv_proj,
            q_proj,
            k_proj,
            v_proj,
            o_proj: linear(queries, hidden, has_output_bias, config.residual_std(), init, device),
            q_norm: norm(),
            k_norm: norm(),
            heads: Heads { query: config.num_attention_heads, key: config.num_key_value_heads, dim, scale },
            dropout: Dropout { p: config.attn_pdrop },
        }
    }

    /// # Shapes
    /// - returns queries `[batch, heads, seq, head_dim]`, keys and values `[batch, key heads, seq, head_dim]`
    fn project(&self, x: Tensor<3>) -> (Tensor<4>, Tensor<4>, Tensor<4>) {
        let Heads { query, key, dim, .. } = self.heads;
        let split = |x: Tensor<3>, heads: usize| split_heads(x, heads, dim);
        if let Some(qkv_proj) = &self.qkv_proj {
            let all = qkv_proj.forward(x); // [batch, seq, (heads + 2 key heads) * head_dim]
            let part = |first: usize, heads: usize| split(all.clone().narrow(2, first * dim, heads * dim), heads);
            return (part(0, query), part(query, key), part(query + key, key));
        }
        let make = |layer: &Option<Linear>, heads: usize| {
            let layer = layer.as_ref().expect("there is one layer for all three, or three");
            split(layer.forward(x.clone()), heads)
        };
        (make(&self.q_proj, query), make(&self.k_proj, key), make(&self.v_proj, key))
    }

    fn forward(
        &self,
        x: Tensor<3>,
        mask: Option<Tensor<4>>,
        rotation: Option<&Rotation>,
        cache: Option<CachePart<'_>>,
    ) -> Tensor<3> {
        let scale = self.heads.scale;
        let (mut query, mut key, mut value) = self.project(x);
        if let (Some(q_norm), Some(k_norm)) = (&self.q_norm, &self.k_norm) {
            (query, key) = (q_norm.forward(query), k_norm.forward(key));
        }
        if let Some(rotation) = rotation {
            (query, key) = (rotation.apply(query), rotation.apply(key));
        }
        if let Some(part) = cache {
            (key, value) = part.extend(key, value);
        }
        let query = if scale == 1.0 { query } else { query.mul_scalar(scale) };
        self.o_proj.forward(merge_heads(attend_grouped(query, key, value, mask, self.dropout)))
    }
}

impl Mlp {
    fn new(config: &DecoderConfig, init: &mut Init, device: &Device) -> Self {
        let (hidden, inner, std) = (config.hidden_size, config.intermediate_size, config.initializer_range);
        let (has_gate, bias) = match config.mlp {
            MlpKind::GeluNew => (false, true),
            MlpKind::SwiGlu { has_bias } => (true, has_bias),
        };
        Self {
            gate_proj: has_gate.then(|| linear(hidden, inner, bias, std, init, device)),
            up_proj: linear(hidden, inner, bias, std, init, device),
            down_proj: linear(inner, hidden, bias, config.residual_std(), init, device),
        }
    }

    fn forward(&self, x: Tensor<3>) -> Tensor<3> {
        let inner = match &self.gate_proj {
            Some(gate) => silu(gate.forward(x.clone())) * self.up_proj.forward(x),
            None => gelu_tanh(self.up_proj.forward(x)),
        };
        self.down_proj.forward(inner)
    }
}

impl DecoderLayer {
    fn new(config: &DecoderConfig, init: &mut Init, device: &Device) -> Self {
        Self {
            input_layernorm: Norm::new(config, device),
            self_attn: CausalAttention::new(config, init, device),
            post_attention_layernorm: Norm::new(config, device),
            mlp: Mlp::new(config, init, device),
            dropout: Dropout { p: config.resid_pdrop },
        }
    }

    fn forward(
        &self,
        x: Tensor<3>,
        mask: Option<Tensor<4>>,
        rotation: Option<&Rotation>,
        cache: Option<CachePart<'_>>,
    ) -> Tensor<3> {
        let attended = self.self_attn.forward(self.input_layernorm.forward(x.clone()), mask, rotation, cache);
        let x = x + self.dropout.forward(attended);
        let inner = self.mlp.forward(self.post_attention_layernorm.forward(x.clone()));
        x + self.dropout.forward(inner)
    }
}

impl Decoder {
    /// Fresh weights; a checkpoint replaces them.
    #[must_use]
    pub fn new(config: &DecoderConfig, init: &mut Init, device: &Device) -> Self {
        let (hidden, std) = (config.hidden_size, config.initializer_range);
        let rope = match config.positions {
            Positions::Learned => None,
            Positions::Rotary(rope) => Some(rope),
        };
        Self {
            embed_tokens: TokenTable::new(config.vocab_size, hidden, std, config.padding_idx, init, device),
            position_embeddings: rope
                .is_none()
                .then(|| Embedding::new(config.max_position_embeddings, hidden, std, None, init, device)),
            layers: (0..config.num_hidden_layers).map(|_| DecoderLayer::new(config, init, device)).collect(),
            norm: Norm::new(config, device),
            dropout: Dropout { p: config.embd_pdrop },
            windows: config.windows.clone(),
            rope,
            padding_idx: config.padding_idx,
        }
    }

    /// Masks and rotary tables of a batch.
    #[must_use]
    pub fn attention_context(&self, layout: &SeqLayout, device: &Device) -> AttentionContext {
        let mut windows = self.windows.clone();
        windows.sort_unstable();
        windows.dedup();
        let head_dim = self.layers.first().map_or(0, |layer| layer.self_attn.heads.dim);
        let (positions, rows) = layout.distinct_positions();
        AttentionContext {
            masks: windows.into_iter().map(|window| (window, causal_mask(layout, window, device))).collect(),
            rotation: self.rope.map(|rope| rope.rotation(positions, rows, head_dim, device)),
        }
    }

    /// Token vectors with their positions, `[batch, seq, hidden]`.
    #[must_use]
    pub fn embed(&self, batch: &TextBatch) -> Tensor<3> {
        let x = self.embed_tokens.forward(batch.input_ids.clone());
        let x = match self.padding_idx.filter(|&id| self.embed_tokens.is_trained() && batch.holds(id)) {
            Some(id) => stop_gradient(x, batch.input_ids.clone().equal_elem(id as i64)),
            None => x,
        };
        let x = match &self.position_embeddings {
            Some(table) => x + table.forward(batch.position_ids.clone()),
            None => x,
        };
        self.dropout.forward(x)
    }

    /// One block.
    ///
    /// # Shapes
    /// - `x`: `[batch, seq, hidden]`
    /// - returns: the same
    #[must_use]
    pub fn block(
        &self,
        index: usize,
        x: Tensor<3>,
        context: &AttentionContext,
        cache: Option<&mut KvCache>,
    ) -> Tensor<3> {
        let window = self.windows[index];
        let mask = context.masks.iter().find(|(masked, _)| *masked == window).and_then(|(_, mask)| mask.clone());
        let cache = cache.map(|cache| CachePart { cache, layer: index, window });
        self.layers[index].forward(x, mask, context.rotation.as_ref(), cache)
    }

    /// The last norm.
    #[must_use]
    pub fn finish(&self, x: Tensor<3>) -> Tensor<3> {
        self.norm.forward(x)
    }

    /// # Shapes
    /// - returns the states after the last norm: `[batch, seq, hidden]`
    #[must_use]
    pub fn forward(&self, batch: &TextBatch, mut cache: Option<&mut KvCache>) -> Tensor<3> {
        let context = self.attention_context(&batch.layout, &batch.input_ids.device());
        let mut x = self.embed(batch);
        for index in 0..self.layers.len() {
            x = self.block(index, x, &context, cache.as_deref_mut());
        }
        if let Some(cache) = cache {
            cache.len += batch.layout.seq;
        }
        self.finish(x)
    }

    /// Whether token or position vectors take gradients.
    #[must_use]
    pub fn is_embedding_trained(&self) -> bool {
        let positions = self.position_embeddings.as_ref().is_some_and(|table| table.weight.is_require_grad());
        self.embed_tokens.is_trained() || positions
    }

    /// Replaces every dropout rate but those of adapters.
    pub fn set_dropout(&mut self, rate: f64) {
        self.dropout.p = rate;
        for layer in &mut self.layers {
            layer.dropout.p = rate;
            layer.self_attn.dropout.p = rate;
        }
    }

    /// Every linear layer with its path.
    pub fn linears_mut(&mut self) -> impl Iterator<Item = (String, &mut Linear)> {
        self.layers.iter_mut().enumerate().flat_map(|(index, layer)| {
            let DecoderLayer { self_attn: attention, mlp, .. } = layer;
            let named = [
                ("self_attn.qkv_proj", attention.qkv_proj.as_mut()),
                ("self_attn.q_proj", attention.q_proj.as_mut()),
                ("self_attn.k_proj", attention.k_proj.as_mut()),
                ("self_attn.v_proj", attention.v_proj.as_mut()),
                ("self_attn.o_proj", Some(&mut attention.o_proj)),
                ("mlp.gate_proj", mlp.gate_proj.as_mut()),
                ("mlp.up_proj", Some(&mut mlp.up_proj)),
                ("mlp.down_proj", Some(&mut mlp.down_proj)),
            ];
            named.into_iter().filter_map(move |(name, linear)| Some((format!("layers.{index}.{name}"), linear?)))
        })
    }
}
