//! The post-norm transformer encoder shared by BERT, RoBERTa and DistilBERT: embeddings, then layers of self-attention
//! and feed-forward, each followed by dropout, residual and LayerNorm.
//!
//! In: token ids. Out: a state per token. Reference: `transformers` v5.23 `models/bert/modeling_bert.py`
//! (`BertEmbeddings`, `BertLayer`); the two others differ in names and positions only.

use burn::module::Module;
use burn::tensor::{Device, Tensor, activation};

use super::attention::{attend, merge_heads, padding_mask, split_heads};
use super::embedding::stop_gradient;
use super::{Dropout, Embedding, Init, LayerNorm, Linear};
use crate::batch::TextBatch;
use crate::kernels::gelu;

/// Feed-forward activation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Activation {
    /// Exact GELU.
    Gelu,
    /// Rectified linear unit.
    Relu,
}

/// Sizes and rates, under BERT's names.
#[derive(Debug, Clone, PartialEq)]
pub struct EncoderConfig {
    /// Tokens in the vocabulary.
    pub vocab_size: usize,
    /// Width of a token state.
    pub hidden_size: usize,
    /// Layers.
    pub num_hidden_layers: usize,
    /// Attention heads; divides `hidden_size`.
    pub num_attention_heads: usize,
    /// Width of the feed-forward's inside.
    pub intermediate_size: usize,
    /// Rows of the position table.
    pub max_position_embeddings: usize,
    /// Rows of the token type table; 0 means there is none (DistilBERT).
    pub type_vocab_size: usize,
    /// LayerNorm's epsilon.
    pub layer_norm_eps: f64,
    /// Dropout on states.
    pub hidden_dropout_prob: f64,
    /// Dropout on attention probabilities.
    pub attention_probs_dropout_prob: f64,
    /// Feed-forward activation.
    pub hidden_act: Activation,
    /// Row of the token table that takes no gradient (`torch.nn.Embedding`'s `padding_idx`).
    pub padding_idx: Option<usize>,
    /// Row of the position table that takes none (RoBERTa).
    pub position_padding_idx: Option<usize>,
    /// Standard deviation of fresh weights.
    pub initializer_range: f64,
}

/// Token, position and type tables, summed and normed.
#[derive(Module, Debug)]
pub struct Embeddings {
    word_embeddings: Embedding,
    position_embeddings: Embedding,
    token_type_embeddings: Option<Embedding>,
    layer_norm: LayerNorm,
    #[module(skip)]
    dropout: Dropout,
    #[module(skip)]
    padding_idx: Option<usize>,
    #[module(skip)]
    position_padding_idx: Option<usize>,
}

/// One layer: self-attention and feed-forward.
#[derive(Module, Debug)]
pub struct EncoderLayer {
    query: Linear,
    key: Linear,
    value: Linear,
    attention_output: Linear,
    attention_norm: LayerNorm,
    intermediate: Linear,
    output: Linear,
    output_norm: LayerNorm,
    #[module(skip)]
    num_attention_heads: usize,
    #[module(skip)]
    hidden_act: Activation,
    #[module(skip)]
    attention_dropout: Dropout,
    #[module(skip)]
    hidden_dropout: Dropout,
}

/// Embeddings and layers.
#[derive(Module, Debug)]
pub struct Encoder {
    /// Tables.
    pub embeddings: Embeddings,
    /// Layers, in order.
    pub layers: Vec<EncoderLayer>,
}

impl Embeddings {
    fn new(config: &EncoderConfig, init: &mut Init, device: &Device) -> Self {
        let (hidden, std) = (config.hidden_size, config.initializer_range);
        Self {
            word_embeddings: Embedding::new(config.vocab_size, hidden, std, config.padding_idx, init, device),
            position_embeddings: Embedding::new(
                config.max_position_embeddings,
                hidden,
                std,
                config.position_padding_idx,
                init,
                device,
            ),
            token_type_embeddings: (config.type_vocab_size > 0)
                .then(|| Embedding::new(config.type_vocab_size, hidden, std, None, init, device)),
            layer_norm: LayerNorm::new(hidden, config.layer_norm_eps, device),
            dropout: Dropout { p: config.hidden_dropout_prob },
            padding_idx: config.padding_idx,
            position_padding_idx: config.position_padding_idx,
        }
    }

    /// The token table, `[vocab, hidden]`, for heads that tie their output to it.
    #[must_use]
    pub fn word_table(&self) -> Tensor<2> {
        self.word_embeddings.weight.val()
    }

    fn forward(&self, batch: &TextBatch) -> Tensor<3> {
        let mut words = self.word_embeddings.forward(batch.input_ids.clone());
        let mut positions = self.position_embeddings.forward(batch.position_ids.clone());
        // Padding that nothing attends to takes no gradient anyway; a padding token within a text would.
        if let Some(id) =
            self.padding_idx.filter(|&id| self.word_embeddings.weight.is_require_grad() && batch.holds(id))
        {
            words = stop_gradient(words, batch.input_ids.clone().equal_elem(id as i64));
            if let Some(id) = self.position_padding_idx {
                positions = stop_gradient(positions, batch.position_ids.clone().equal_elem(id as i64));
            }
        }
        let mut x = words + positions;
        if let Some(types) = &self.token_type_embeddings {
            x = x + types.forward(batch.token_type_ids.clone());
        }
        self.dropout.forward(self.layer_norm.forward(x))
    }
}

impl EncoderLayer {
    fn new(config: &EncoderConfig, init: &mut Init, device: &Device) -> Self {
        let (hidden, inner, std) = (config.hidden_size, config.intermediate_size, config.initializer_range);
        let mut linear = |input, output| Linear::new(input, output, std, init, device);
        let norm = || LayerNorm::new(hidden, config.layer_norm_eps, device);
        Self {
            query: linear(hidden, hidden),
            key: linear(hidden, hidden),
            value: linear(hidden, hidden),
            attention_output: linear(hidden, hidden),
            attention_norm: norm(),
            intermediate: linear(hidden, inner),
            output: linear(inner, hidden),
            output_norm: norm(),
            num_attention_heads: config.num_attention_heads,
            hidden_act: config.hidden_act,
            attention_dropout: Dropout { p: config.attention_probs_dropout_prob },
            hidden_dropout: Dropout { p: config.hidden_dropout_prob },
        }
    }

    /// # Shapes
    /// - `x`: `[batch, seq, hidden]`
    /// - `mask`: `[batch, 1, 1, seq]`, added to the scores
    /// - returns: `[batch, seq, hidden]`
    fn forward(&self, x: Tensor<3>, mask: Option<Tensor<4>>) -> Tensor<3> {
        let attended = self.hidden_dropout.forward(self.attention_output.forward(self.attend(x.clone(), mask)));
        let x = self.attention_norm.forward(attended + x);
        let inner = self.intermediate.forward(x.clone());
        let inner = match self.hidden_act {
            Activation::Gelu => gelu(inner),
            Activation::Relu => activation::relu(inner),
        };
        let inner = self.hidden_dropout.forward(self.output.forward(inner));
        self.output_norm.forward(inner + x)
    }

    fn attend(&self, x: Tensor<3>, mask: Option<Tensor<4>>) -> Tensor<3> {
        let heads = self.num_attention_heads;
        let head_dim = x.dims()[2] / heads;
        let split = |x: Tensor<3>| split_heads(x, heads, head_dim); // [batch, heads, seq, head_dim]
        let query = split(self.query.forward(x.clone()).mul_scalar(1.0 / (head_dim as f64).sqrt()));
        let key = split(self.key.forward(x.clone()));
        let value = split(self.value.forward(x));
        merge_heads(attend(query, key, value, mask, self.attention_dropout))
    }
}

impl Encoder {
    /// Fresh weights; a checkpoint replaces them.
    #[must_use]
    pub fn new(config: &EncoderConfig, init: &mut Init, device: &Device) -> Self {
        Self {
            embeddings: Embeddings::new(config, init, device),
            layers: (0..config.num_hidden_layers).map(|_| EncoderLayer::new(config, init, device)).collect(),
        }
    }

    /// # Shapes
    /// - returns the last layer's states: `[batch, seq, hidden]`
    #[must_use]
    pub fn forward(&self, batch: &TextBatch) -> Tensor<3> {
        let mask = padding_mask(batch);
        self.layers.iter().fold(self.embeddings.forward(batch), |x, layer| layer.forward(x, mask.clone()))
    }

    /// Every linear layer with its path.
    pub fn linears_mut(&mut self) -> impl Iterator<Item = (String, &mut Linear)> {
        self.layers.iter_mut().enumerate().flat_map(|(index, layer)| {
            let named = [
                ("query", &mut layer.query),
                ("key", &mut layer.key),
                ("value", &mut layer.value),
                ("attention_output", &mut layer.attention_output),
                ("intermediate", &mut layer.intermediate),
                ("output", &mut layer.output),
            ];
            named.into_iter().map(move |(name, linear)| (format!("layers.{index}.{name}"), linear))
        })
    }

    /// Replaces the dropout rates of states and of attention probabilities.
    pub fn set_dropout(&mut self, hidden: f64, attention: f64) {
        self.embeddings.dropout.p = hidden;
        for layer in &mut self.layers {
            layer.hidden_dropout.p = hidden;
            layer.attention_dropout.p = attention;
        }
    }
}
