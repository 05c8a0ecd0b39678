//! The pre-norm transformer encoder of ModernBERT (<https://arxiv.org/abs/2412.13663>): embeddings, then layers of
//! self-attention and a gated feed-forward, each behind a LayerNorm and added to its input, and a last LayerNorm. Positions are
//! rotations of queries and keys; most layers see a window of tokens to both sides, the others see all. No layer has a bias.
//!
//! In: token ids. Out: a state per token. Reference: `transformers` v5.24 `models/modernbert/modeling_modernbert.py`
//! (`ModernBertModel`), with eager attention. Fresh weights are normal, not cut off at two standard deviations as there.

use burn::module::Module;
use burn::tensor::{Device, Tensor};

use super::attention::{attend, merge_heads, padding_mask, split_heads, window_mask};
use super::embedding::{stop_gradient, with_noise, word_vectors};
use super::rope::Rotation;
use super::{Activation, Dropout, Embedding, Init, Linear, RopeConfig, UnbiasedLayerNorm};
use crate::batch::TextBatch;

/// Sizes and rates, under ModernBERT's names.
#[derive(Debug, Clone, PartialEq)]
pub struct ModernEncoderConfig {
    /// Tokens in the vocabulary.
    pub vocab_size: usize,
    /// Width of a token state.
    pub hidden_size: usize,
    /// Attention heads; divides `hidden_size` into even parts.
    pub num_attention_heads: usize,
    /// Width of the feed-forward's inside.
    pub intermediate_size: usize,
    /// Longest input in tokens.
    pub max_position_embeddings: usize,
    /// How many tokens each layer sees to either side; `None` sees all.
    pub windows: Vec<Option<usize>>,
    /// Angles of layers that see all.
    pub global_rope: RopeConfig,
    /// Angles of layers with a window.
    pub local_rope: RopeConfig,
    /// LayerNorm's epsilon.
    pub norm_eps: f64,
    /// Dropout on embeddings.
    pub embedding_dropout: f64,
    /// Dropout on attention probabilities, and on what attention adds.
    pub attention_dropout: f64,
    /// Dropout inside the feed-forward.
    pub mlp_dropout: f64,
    /// Feed-forward activation.
    pub hidden_act: Activation,
    /// Row of the token table that takes no gradient.
    pub padding_idx: Option<usize>,
    /// Standard deviation of fresh weights.
    pub initializer_range: f64,
}

/// The token table, normed.
#[derive(Module, Debug)]
pub struct ModernEmbeddings {
    word_embeddings: Embedding,
    norm: UnbiasedLayerNorm,
    #[module(skip)]
    dropout: Dropout,
    #[module(skip)]
    padding_idx: Option<usize>,
}

/// One layer: self-attention and feed-forward.
#[derive(Module, Debug)]
pub struct ModernEncoderLayer {
    /// The first layer has none: embeddings are normed.
    attention_norm: Option<UnbiasedLayerNorm>,
    qkv_proj: Linear,
    attention_output: Linear,
    mlp_norm: UnbiasedLayerNorm,
    /// Inner values and gates.
    mlp_in: Linear,
    mlp_out: Linear,
    #[module(skip)]
    num_attention_heads: usize,
    #[module(skip)]
    hidden_act: Activation,
    #[module(skip)]
    attention_dropout: Dropout,
    #[module(skip)]
    mlp_dropout: Dropout,
}

/// Embeddings, layers and the last norm.
#[derive(Module, Debug)]
pub struct ModernEncoder {
    /// Table.
    pub embeddings: ModernEmbeddings,
    /// Layers, in order.
    pub layers: Vec<ModernEncoderLayer>,
    norm: UnbiasedLayerNorm,
    #[module(skip)]
    windows: Vec<Option<usize>>,
    #[module(skip)]
    global_rope: RopeConfig,
    #[module(skip)]
    local_rope: RopeConfig,
}

/// What layers of one kind need of a batch.
struct Context {
    rotation: Rotation,
    mask: Option<Tensor<4>>,
}

impl ModernEncoderConfig {
    /// Standard deviation of fresh weights that add to states.
    #[must_use]
    pub fn residual_std(&self) -> f64 {
        self.initializer_range / (2.0 * self.windows.len() as f64).sqrt()
    }
}

impl ModernEmbeddings {
    fn new(config: &ModernEncoderConfig, init: &mut Init, device: &Device) -> Self {
        let (vocab, hidden, std) = (config.vocab_size, config.hidden_size, config.initializer_range);
        Self {
            word_embeddings: Embedding::new(vocab, hidden, std, config.padding_idx, init, device),
            norm: UnbiasedLayerNorm::new(hidden, config.norm_eps, device),
            dropout: Dropout { p: config.embedding_dropout },
            padding_idx: config.padding_idx,
        }
    }

    /// The token table, `[vocab, hidden]`, for heads that tie their output to it.
    #[must_use]
    pub fn word_table(&self) -> Tensor<2> {
        self.word_embeddings.weight.val()
    }

    /// # Shapes
    /// - returns: `[batch, seq, hidden]`
    fn forward(&self, batch: &TextBatch) -> Tensor<3> {
        let mut words = word_vectors(batch, |ids| self.word_embeddings.forward(ids));
        // Padding that nothing attends to takes no gradient anyway; a padding token within a text would.
        if let Some(id) =
            self.padding_idx.filter(|&id| self.word_embeddings.weight.is_require_grad() && batch.holds(id))
        {
            words = stop_gradient(words, batch.input_ids.clone().equal_elem(id as i64));
        }
        self.dropout.forward(self.norm.forward(with_noise(words, batch)))
    }
}

impl ModernEncoderLayer {
    fn new(config: &ModernEncoderConfig, is_first: bool, init: &mut Init, device: &Device) -> Self {
        let (hidden, inner, std) = (config.hidden_size, config.intermediate_size, config.initializer_range);
        let mut linear = |input, output, std| Linear::without_bias(input, output, std, init, device);
        let norm = || UnbiasedLayerNorm::new(hidden, config.norm_eps, device);
        Self {
            attention_norm: (!is_first).then(norm),
            qkv_proj: linear(hidden, 3 * hidden, std),
            attention_output: linear(hidden, hidden, config.residual_std()),
            mlp_norm: norm(),
            mlp_in: linear(hidden, 2 * inner, std),
            mlp_out: linear(inner, hidden, config.residual_std()),
            num_attention_heads: config.num_attention_heads,
            hidden_act: config.hidden_act,
            attention_dropout: Dropout { p: config.attention_dropout },
            mlp_dropout: Dropout { p: config.mlp_dropout },
        }
    }

    /// # Shapes
    /// - `x`: `[batch, seq, hidden]`
    /// - returns: `[batch, seq, hidden]`
    fn forward(&self, x: Tensor<3>, context: &Context) -> Tensor<3> {
        let normed = match &self.attention_norm {
            Some(norm) => norm.forward(x.clone()),
            None => x.clone(),
        };
        let attended = self.attention_output.forward(self.attend(normed, context));
        let x = x + self.attention_dropout.forward(attended);
        x.clone() + self.feed_forward(self.mlp_norm.forward(x))
    }

    fn attend(&self, x: Tensor<3>, context: &Context) -> Tensor<3> {
        let (heads, hidden) = (self.num_attention_heads, x.dims()[2]);
        let head_dim = hidden / heads;
        let all = self.qkv_proj.forward(x); // [batch, seq, 3 * hidden]
        let part = |index: usize| split_heads(all.clone().narrow(2, index * hidden, hidden), heads, head_dim);
        let query = context.rotation.apply(part(0)).mul_scalar(1.0 / (head_dim as f64).sqrt());
        let key = context.rotation.apply(part(1));
        merge_heads(attend(query, key, part(2), None, context.mask.clone(), self.attention_dropout))
    }

    fn feed_forward(&self, x: Tensor<3>) -> Tensor<3> {
        let both = self.mlp_in.forward(x); // [batch, seq, 2 * intermediate]
        let inner = both.dims()[2] / 2;
        let (values, gate) = (both.clone().narrow(2, 0, inner), both.narrow(2, inner, inner));
        self.mlp_out.forward(self.mlp_dropout.forward(self.hidden_act.forward(values) * gate))
    }
}

impl ModernEncoder {
    /// Fresh weights; a checkpoint replaces them.
    #[must_use]
    pub fn new(config: &ModernEncoderConfig, init: &mut Init, device: &Device) -> Self {
        let count = config.windows.len();
        Self {
            embeddings: ModernEmbeddings::new(config, init, device),
            layers: (0..count).map(|layer| ModernEncoderLayer::new(config, layer == 0, init, device)).collect(),
            norm: UnbiasedLayerNorm::new(config.hidden_size, config.norm_eps, device),
            windows: config.windows.clone(),
            global_rope: config.global_rope,
            local_rope: config.local_rope,
        }
    }

    /// # Shapes
    /// - returns the last layer's states, normed: `[batch, seq, hidden]`
    #[must_use]
    pub fn forward(&self, batch: &TextBatch) -> Tensor<3> {
        let device = batch.input_ids.device();
        let (positions, rows) = batch.layout.distinct_positions();
        let global =
            Context { rotation: self.global_rope.rotation(positions, rows, &device), mask: padding_mask(batch) };
        // All windows are equally wide.
        let local = self.windows.iter().flatten().next().map(|&window| Context {
            rotation: self.local_rope.rotation(positions, rows, &device),
            mask: window_mask(batch, window),
        });
        let mut x = self.embeddings.forward(batch);
        for (layer, window) in self.layers.iter().zip(&self.windows) {
            let context = local.as_ref().filter(|_| window.is_some()).unwrap_or(&global);
            x = layer.forward(x, context);
        }
        self.norm.forward(x)
    }

    /// Every linear layer with its path.
    pub fn linears_mut(&mut self) -> impl Iterator<Item = (String, &mut Linear)> {
        self.layers.iter_mut().enumerate().flat_map(|(index, layer)| {
            let named = [
                ("qkv_proj", &mut layer.qkv_proj),
                ("attention_output", &mut layer.attention_output),
                ("mlp_in", &mut layer.mlp_in),
                ("mlp_out", &mut layer.mlp_out),
            ];
            named.into_iter().map(move |(name, linear)| (format!("layers.{index}.{name}"), linear))
        })
    }

    /// Replaces every dropout rate.
    pub fn set_dropout(&mut self, rate: f64) {
        self.embeddings.dropout.p = rate;
        for layer in &mut self.layers {
            layer.attention_dropout.p = rate;
            layer.mlp_dropout.p = rate;
        }
    }
}
