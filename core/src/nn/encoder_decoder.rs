//! T5's encoder and decoder (<https://arxiv.org/abs/1910.10683>): two stacks of pre-norm blocks over one token table. A token
//! of the source sees all of the source; one of the target sees the target before it, and all of the source.
//!
//! In: tokens of a source, and of a target shifted right. Out: a state per token of the target. Reference: `transformers`
//! v5.24 `models/t5/modeling_t5.py`: RMS norms, no biases, scores that are not scaled, and in place of position tables a
//! number for each head and distance between two tokens, which the first block of a stack has and all of them share.

use burn::module::Module;
use burn::tensor::{Device, Int, Tensor};

use super::attention::{attend, causal_mask, merge_heads, padding_mask, split_heads};
use super::embedding::with_noise;
use super::kv_cache::{CachePart, KvCache};
use super::relative_bias::RelativeBias;
use super::{Activation, Dropout, Init, Linear, RmsNorm, TokenTable};
use crate::batch::TextBatch;

/// The feed-forward part.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FeedForward {
    /// `W2 activation(W1 x)` (T5 1.0, with ReLU).
    Plain(Activation),
    /// `W3 (activation(W1 x) * W2 x)` (T5 1.1, with GELU by `tanh`, <https://arxiv.org/abs/2002.05202>).
    Gated(Activation),
}

/// Sizes, kinds and rates, under T5's names where they have no other here.
#[derive(Debug, Clone, PartialEq)]
pub struct EncoderDecoderConfig {
    /// Tokens in the vocabulary.
    pub vocab_size: usize,
    /// Width of a token state (`d_model`).
    pub hidden_size: usize,
    /// Blocks of the encoder (`num_layers`).
    pub num_encoder_layers: usize,
    /// Blocks of the decoder.
    pub num_decoder_layers: usize,
    /// Heads; all of them together need not be as wide as a state.
    pub num_attention_heads: usize,
    /// Width of a head (`d_kv`).
    pub head_dim: usize,
    /// Width of the feed-forward's inside (`d_ff`).
    pub intermediate_size: usize,
    /// Classes of distances.
    pub relative_attention_num_buckets: usize,
    /// From this distance on all are of one class.
    pub relative_attention_max_distance: usize,
    /// Longest input in tokens that is read.
    pub max_position_embeddings: usize,
    /// The norm's epsilon.
    pub norm_eps: f64,
    /// The feed-forward part.
    pub feed_forward: FeedForward,
    /// Tokens are scored with the table that they are looked up in.
    pub tie_word_embeddings: bool,
    /// The last states are multiplied with `hidden_size^-0.5` before tokens are scored (T5 1.0).
    pub scale_decoder_outputs: bool,
    /// Dropout everywhere.
    pub dropout: f64,
    /// Token with which a target begins in the decoder.
    pub decoder_start_token_id: u32,
    /// Factor of the standard deviations of fresh weights.
    pub initializer_factor: f64,
}

/// Attention of a stack: to its own tokens, or to those of the source.
#[derive(Module, Debug)]
struct StackAttention {
    q_proj: Linear,
    k_proj: Linear,
    v_proj: Linear,
    o_proj: Linear,
    /// In the first block of a stack.
    relative_attention_bias: Option<RelativeBias>,
    #[module(skip)]
    heads: usize,
    #[module(skip)]
    head_dim: usize,
    #[module(skip)]
    dropout: Dropout,
}

/// Feed-forward; `wi` without a gate, `wi_0` and `wi_1` with one.
#[derive(Module, Debug)]
struct StackMlp {
    wi: Option<Linear>,
    wi_0: Option<Linear>,
    wi_1: Option<Linear>,
    wo: Linear,
    #[module(skip)]
    activation: Activation,
    #[module(skip)]
    dropout: Dropout,
}

/// One block; that of a decoder sees the source, too.
#[derive(Module, Debug)]
pub struct StackLayer {
    self_attn_norm: RmsNorm,
    self_attn: StackAttention,
    cross_attn_norm: Option<RmsNorm>,
    cross_attn: Option<StackAttention>,
    mlp_norm: RmsNorm,
    mlp: StackMlp,
    #[module(skip)]
    dropout: Dropout,
}

/// Blocks and the last norm.
#[derive(Module, Debug)]
pub struct Stack {
    /// Blocks, in order; the first has the numbers of distances, which all share.
    pub layers: Vec<StackLayer>,
    norm: RmsNorm,
    #[module(skip)]
    dropout: Dropout,
}

/// Table, encoder, decoder.
#[derive(Module, Debug)]
pub struct EncoderDecoder {
    /// Token vectors of source and target.
    pub embed_tokens: TokenTable,
    /// Reads the source.
    pub encoder: Stack,
    /// Writes the target.
    pub decoder: Stack,
    /// What the last states are multiplied with.
    #[module(skip)]
    output_scale: Option<f64>,
    /// Token with which a target begins.
    #[module(skip)]
    pub decoder_start_token_id: u32,
}

/// What the decoder knows of a source: each block's keys and values of it, and which of its tokens are padding.
#[derive(Debug, Clone)]
pub struct Source {
    /// `[batch, heads, source, head_dim]` each.
    keys: Vec<(Tensor<4>, Tensor<4>)>,
    /// `[batch, 1, 1, source]`
    mask: Option<Tensor<4>>,
}

impl Source {
    /// The same for other rows: row `i` is what row `rows[i]` was.
    ///
    /// # Shapes
    /// - `rows`: `[batch]`, of what it gives
    #[must_use]
    pub fn select(&self, rows: Tensor<1, Int>) -> Self {
        let pick = |x: &Tensor<4>| x.clone().select(0, rows.clone());
        Self {
            keys: self.keys.iter().map(|(key, value)| (pick(key), pick(value))).collect(),
            mask: self.mask.as_ref().map(pick),
        }
    }
}

impl StackAttention {
    fn new(
        config: &EncoderDecoderConfig,
        relative_attention_bias: Option<RelativeBias>,
        init: &mut Init,
        device: &Device,
    ) -> Self {
        let (hidden, heads, head_dim) = (config.hidden_size, config.num_attention_heads, config.head_dim);
        let (inner, factor) = (heads * head_dim, config.initializer_factor);
        let std = factor / (hidden as f64).sqrt();
        let std_of_queries = factor / ((hidden * head_dim) as f64).sqrt();
        Self {
            q_proj: Linear::without_bias(hidden, inner, std_of_queries, init, device),
            k_proj: Linear::without_bias(hidden, inner, std, init, device),
            v_proj: Linear::without_bias(hidden, inner, std, init, device),
            o_proj: Linear::without_bias(inner, hidden, factor / (inner as f64).sqrt(), init, device),
            relative_attention_bias,
            heads,
            head_dim,
            dropout: Dropout { p: config.dropout },
        }
    }

    fn split(&self, x: Tensor<3>) -> Tensor<4> {
        split_heads(x, self.heads, self.head_dim)
    }

    /// # Shapes
    /// - `x`: `[batch, seq, hidden]`
    /// - returns keys and values: `[batch, heads, seq, head_dim]`
    fn keys(&self, x: Tensor<3>) -> (Tensor<4>, Tensor<4>) {
        (self.split(self.k_proj.forward(x.clone())), self.split(self.v_proj.forward(x)))
    }

    fn forward(
        &self,
        x: Tensor<3>,
        (key, value): (Tensor<4>, Tensor<4>),
        bias: Option<Tensor<4>>,
        mask: Option<Tensor<4>>,
    ) -> Tensor<3> {
        let query = self.split(self.q_proj.forward(x));
        self.o_proj.forward(merge_heads(attend(query, key, value, bias, mask, self.dropout)))
    }
}

impl StackMlp {
    fn new(config: &EncoderDecoderConfig, init: &mut Init, device: &Device) -> Self {
        let (hidden, inner, factor) = (config.hidden_size, config.intermediate_size, config.initializer_factor);
        let (is_gated, activation) = match config.feed_forward {
            FeedForward::Plain(activation) => (false, activation),
            FeedForward::Gated(activation) => (true, activation),
        };
        let std = factor / (hidden as f64).sqrt();
        let mut make = |is_there: bool| is_there.then(|| Linear::without_bias(hidden, inner, std, init, device));
        let (wi, wi_0, wi_1) = (make(!is_gated), make(is_gated), make(is_gated));
        let wo = Linear::without_bias(inner, hidden, factor / (inner as f64).sqrt(), init, device);
        Self { wi, wi_0, wi_1, wo, activation, dropout: Dropout { p: config.dropout } }
    }

    fn forward(&self, x: Tensor<3>) -> Tensor<3> {
        let inner = match (&self.wi, &self.wi_0, &self.wi_1) {
            (_, Some(gate), Some(up)) => self.activation.forward(gate.forward(x.clone())) * up.forward(x),
            (Some(up), ..) => self.activation.forward(up.forward(x)),
            (None, ..) => x,
        };
        self.wo.forward(self.dropout.forward(inner))
    }
}

impl StackLayer {
    fn new(config: &EncoderDecoderConfig, is_decoder: bool, is_first: bool, init: &mut Init, device: &Device) -> Self {
        let bias = is_first.then(|| {
            let std = config.initializer_factor / (config.hidden_size as f64).sqrt();
            let size = [config.relative_attention_num_buckets, config.num_attention_heads];
            RelativeBias::new(size, config.relative_attention_max_distance, !is_decoder, std, init, device)
        });
        let norm = || RmsNorm::new(config.hidden_size, config.norm_eps, device);
        Self {
            self_attn_norm: norm(),
            self_attn: StackAttention::new(config, bias, init, device),
            cross_attn_norm: is_decoder.then(norm),
            cross_attn: is_decoder.then(|| StackAttention::new(config, None, init, device)),
            mlp_norm: norm(),
            mlp: StackMlp::new(config, init, device),
            dropout: Dropout { p: config.dropout },
        }
    }

    /// # Shapes
    /// - `x`: `[batch, seq, hidden]`
    /// - returns: the same
    fn forward(
        &self,
        x: Tensor<3>,
        context: &StackContext,
        source: Option<(&(Tensor<4>, Tensor<4>), &Option<Tensor<4>>)>,
        cache: Option<CachePart<'_>>,
    ) -> Tensor<3> {
        let normed = self.self_attn_norm.forward(x.clone());
        let (key, value) = self.self_attn.keys(normed.clone());
        let keys = match cache {
            Some(part) => part.extend(key, value),
            None => (key, value),
        };
        let attended = self.self_attn.forward(normed, keys, context.bias.clone(), context.mask.clone());
        let mut x = x + self.dropout.forward(attended);
        if let (Some(attention), Some(norm), Some((keys, mask))) = (&self.cross_attn, &self.cross_attn_norm, source) {
            let attended = attention.forward(norm.forward(x.clone()), keys.clone(), None, mask.clone());
            x = x + self.dropout.forward(attended);
        }
        let inner = self.mlp.forward(self.mlp_norm.forward(x.clone()));
        x + self.dropout.forward(inner)
    }

    fn linears_mut(&mut self) -> impl Iterator<Item = (&'static str, &mut Linear)> {
        let Self { self_attn, cross_attn, mlp, .. } = self;
        let own = [
            ("self_attn.q_proj", &mut self_attn.q_proj),
            ("self_attn.k_proj", &mut self_attn.k_proj),
            ("self_attn.v_proj", &mut self_attn.v_proj),
            ("self_attn.o_proj", &mut self_attn.o_proj),
        ];
        let cross = cross_attn.as_mut().into_iter().flat_map(|attention| {
            [
                ("cross_attn.q_proj", &mut attention.q_proj),
                ("cross_attn.k_proj", &mut attention.k_proj),
                ("cross_attn.v_proj", &mut attention.v_proj),
                ("cross_attn.o_proj", &mut attention.o_proj),
            ]
        });
        let inner = [("mlp.wi", mlp.wi.as_mut()), ("mlp.wi_0", mlp.wi_0.as_mut()), ("mlp.wi_1", mlp.wi_1.as_mut())];
        let inner = inner.into_iter().filter_map(|(name, linear)| Some((name, linear?)));
        own.into_iter().chain(cross).chain(inner).chain(std::iter::once(("mlp.wo", &mut mlp.wo)))
    }

    fn set_dropout(&mut self, rate: f64) {
        let attentions = std::iter::once(&mut self.self_attn).chain(&mut self.cross_attn);
        attentions.for_each(|attention| attention.dropout.p = rate);
        (self.dropout.p, self.mlp.dropout.p) = (rate, rate);
    }
}

/// What the blocks of a stack share in one pass.
#[derive(Debug)]
pub struct StackContext {
    /// `[1, heads, seq, keys]`
    bias: Option<Tensor<4>>,
    /// `[batch or 1, 1, seq or 1, keys]`
    mask: Option<Tensor<4>>,
}

impl Stack {
    fn new(config: &EncoderDecoderConfig, is_decoder: bool, init: &mut Init, device: &Device) -> Self {
        let layers = if is_decoder { config.num_decoder_layers } else { config.num_encoder_layers };
        Self {
            layers: (0..layers).map(|layer| StackLayer::new(config, is_decoder, layer == 0, init, device)).collect(),
            norm: RmsNorm::new(config.hidden_size, config.norm_eps, device),
            dropout: Dropout { p: config.dropout },
        }
    }

    /// As [`RelativeBias::forward`], of the first block.
    fn bias(&self, past: usize, queries: usize, device: &Device) -> Option<Tensor<4>> {
        let bias = self.layers.first()?.self_attn.relative_attention_bias.as_ref()?;
        Some(bias.forward(past, queries, past + queries, device))
    }

    fn finish(&self, x: Tensor<3>) -> Tensor<3> {
        self.dropout.forward(self.norm.forward(x))
    }

    fn set_dropout(&mut self, rate: f64) {
        self.dropout.p = rate;
        self.layers.iter_mut().for_each(|layer| layer.set_dropout(rate));
    }
}

impl EncoderDecoder {
    /// Fresh weights; a checkpoint replaces them.
    #[must_use]
    pub fn new(config: &EncoderDecoderConfig, init: &mut Init, device: &Device) -> Self {
        let (vocab, hidden) = (config.vocab_size, config.hidden_size);
        Self {
            embed_tokens: TokenTable::new(vocab, hidden, config.initializer_factor, None, init, device),
            encoder: Stack::new(config, false, init, device),
            decoder: Stack::new(config, true, init, device),
            output_scale: config.scale_decoder_outputs.then(|| 1.0 / (hidden as f64).sqrt()),
            decoder_start_token_id: config.decoder_start_token_id,
        }
    }

    /// Token vectors, `[batch, seq, hidden]`: of a source, or of a target.
    #[must_use]
    pub fn embed(&self, text: &TextBatch) -> Tensor<3> {
        let x = with_noise(self.embed_tokens.forward(text.input_ids.clone()), text);
        self.encoder.dropout.forward(x)
    }

    /// Distances and mask of a source.
    #[must_use]
    pub fn encoder_context(&self, source: &TextBatch) -> StackContext {
        let bias = self.encoder.bias(0, source.layout.seq, &source.input_ids.device());
        StackContext { bias, mask: padding_mask(source) }
    }

    /// Distances and mask of a target, or of what continues it.
    #[must_use]
    pub fn decoder_context(&self, target: &TextBatch) -> StackContext {
        let device = target.input_ids.device();
        let bias = self.decoder.bias(target.layout.past, target.layout.seq, &device);
        StackContext { bias, mask: causal_mask(&target.layout, None, &device) }
    }

    /// One block of the encoder.
    ///
    /// # Shapes
    /// - `x`: `[batch, source, hidden]`
    /// - returns: the same
    #[must_use]
    pub fn encoder_block(&self, index: usize, x: Tensor<3>, context: &StackContext) -> Tensor<3> {
        self.encoder.layers[index].forward(x, context, None, None)
    }

    /// One block of the decoder, which sees the states of a source.
    ///
    /// # Shapes
    /// - `x`: `[batch, target, hidden]`
    /// - `states`: `[batch, source, hidden]`
    /// - returns: as `x`
    #[must_use]
    pub fn decoder_block(
        &self,
        index: usize,
        x: Tensor<3>,
        context: &StackContext,
        states: Tensor<3>,
        source: &TextBatch,
    ) -> Tensor<3> {
        let layer = &self.decoder.layers[index];
        let keys = layer.cross_attn.as_ref().map(|attention| attention.keys(states));
        let mask = padding_mask(source);
        layer.forward(x, context, keys.as_ref().map(|keys| (keys, &mask)), None)
    }

    /// The last norm of the encoder.
    ///
    /// # Shapes
    /// - `x`: `[batch, source, hidden]`
    /// - returns: as `x`
    #[must_use]
    pub fn finish_encoder(&self, x: Tensor<3>) -> Tensor<3> {
        self.encoder.finish(x)
    }

    /// The last norm of the decoder, and the scale with which tokens are scored.
    ///
    /// # Shapes
    /// - `x`: `[batch, target, hidden]`
    /// - returns: as `x`
    #[must_use]
    pub fn finish_decoder(&self, x: Tensor<3>) -> Tensor<3> {
        let states = self.decoder.finish(x);
        match self.output_scale {
            Some(scale) => states.mul_scalar(scale),
            None => states,
        }
    }

    /// States of a source's tokens.
    ///
    /// # Shapes
    /// - returns: `[batch, source, hidden]`
    #[must_use]
    pub fn encode(&self, source: &TextBatch) -> Tensor<3> {
        let context = self.encoder_context(source);
        let blocks = 0..self.encoder.layers.len();
        self.finish_encoder(blocks.fold(self.embed(source), |x, index| self.encoder_block(index, x, &context)))
    }

    /// What the decoder needs of a source.
    #[must_use]
    pub fn source(&self, source: &TextBatch) -> Source {
        let states = self.encode(source);
        let keys = |layer: &StackLayer| Some(layer.cross_attn.as_ref()?.keys(states.clone()));
        Source { keys: self.decoder.layers.iter().filter_map(keys).collect(), mask: padding_mask(source) }
    }

    /// States of a target's tokens, or of those that follow what `cache` holds.
    ///
    /// # Shapes
    /// - returns: `[batch, target, hidden]`, scaled as the scoring of tokens needs them
    #[must_use]
    pub fn decode(&self, target: &TextBatch, source: &Source, mut cache: Option<&mut KvCache>) -> Tensor<3> {
        let mut x = self.embed(target);
        let context = self.decoder_context(target);
        for (index, (layer, keys)) in self.decoder.layers.iter().zip(&source.keys).enumerate() {
            let part = cache.as_deref_mut().map(|cache| CachePart { cache, layer: index, window: None });
            x = layer.forward(x, &context, Some((keys, &source.mask)), part);
        }
        if let Some(cache) = cache {
            cache.len += target.layout.seq;
        }
        self.finish_decoder(x)
    }

    /// States of a target's tokens, `[batch, target, hidden]`.
    #[must_use]
    pub fn forward(&self, source: &TextBatch, target: &TextBatch) -> Tensor<3> {
        self.decode(target, &self.source(source), None)
    }

    /// Replaces every dropout rate but those of adapters.
    pub fn set_dropout(&mut self, rate: f64) {
        self.encoder.set_dropout(rate);
        self.decoder.set_dropout(rate);
    }

    /// Every linear layer with its path.
    pub fn linears_mut(&mut self) -> impl Iterator<Item = (String, &mut Linear)> {
        let stacks = [("encoder", &mut self.encoder), ("decoder", &mut self.decoder)];
        stacks.into_iter().flat_map(|(stack, layers)| {
            layers.layers.iter_mut().enumerate().flat_map(move |(index, layer)| {
                layer.linears_mut().map(move |(name, linear)| (format!("{stack}.layers.{index}.{name}"), linear))
            })
        })
    }
}
