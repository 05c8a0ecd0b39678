//! The post-norm transformer encoder of BERT and its kin: embeddings, then layers of self-attention and feed-forward, each
//! followed by dropout, residual and LayerNorm.
//!
//! In: token ids. Out: a state per token. Reference: `transformers` v5.24 `models/bert/modeling_bert.py`
//! (`BertEmbeddings`, `BertLayer`). RoBERTa and DistilBERT differ in names and positions only. ELECTRA and ALBERT have
//! tables that are narrower than states, and a linear layer after them (`models/electra/modeling_electra.py`,
//! `ElectraModel`; `models/albert/modeling_albert.py`, `AlbertTransformer`); ALBERT has one layer, which states pass several
//! times. MPNet adds numbers for distances to the scores of all layers (`models/mpnet/modeling_mpnet.py`, `MPNetEncoder`), and
//! DeBERTa has vectors for distances in place of positions (see [`super::DisentangledConfig`]).

use burn::module::Module;
use burn::tensor::{Device, Tensor};

use super::attention::{attend, merge_heads, mutual_mask, padding_mask, split_heads};
use super::disentangled::{Distances, Readers, RelativeEmbeddings};
use super::embedding::{stop_gradient, with_noise, word_vectors};
use super::relative_bias::RelativeBias;
use super::{DisentangledConfig, Dropout, Embedding, Init, LayerNorm, Linear};
use crate::batch::TextBatch;
use crate::kernels::{gelu, gelu_tanh, mish, quick_gelu, relu, silu, tanh};

/// Feed-forward activation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Activation {
    /// Exact GELU.
    Gelu,
    /// GELU by `tanh`.
    GeluNew,
    /// Rectified linear unit.
    Relu,
    /// `x sigmoid(x)`.
    Silu,
    /// `x sigmoid(1.702 x)`.
    QuickGelu,
    /// Hyperbolic tangent.
    Tanh,
    /// The square of the rectified linear unit.
    Relu2,
    /// `x tanh(softplus(x))`.
    Mish,
}

/// Distance from which on all are one class: `MPNetEncoder.relative_position_bucket` has it fixed.
const MAX_DISTANCE: usize = 128;

/// Sizes and rates, under BERT's names.
#[derive(Debug, Clone, PartialEq)]
pub struct EncoderConfig {
    /// Tokens in the vocabulary.
    pub vocab_size: usize,
    /// Width of the tables where a linear layer makes states of their rows; else they are as wide as states.
    pub embedding_size: Option<usize>,
    /// Width of a token state.
    pub hidden_size: usize,
    /// Layers that states pass.
    pub num_hidden_layers: usize,
    /// All layers are one, with the same weights (ALBERT).
    pub shares_layers: bool,
    /// Attention heads; divides `hidden_size`.
    pub num_attention_heads: usize,
    /// Width of the feed-forward's inside.
    pub intermediate_size: usize,
    /// Rows of the position table, or longest input in tokens where there is none.
    pub max_position_embeddings: usize,
    /// Rows of the token type table; 0 means there is none (DistilBERT, MPNet).
    pub type_vocab_size: usize,
    /// Classes of distances that a number is added to the scores for (MPNet); `None` adds none.
    pub relative_attention_num_buckets: Option<usize>,
    /// Vectors of distances in place of a position table (DeBERTa).
    pub disentangled: Option<DisentangledConfig>,
    /// LayerNorm's epsilon.
    pub layer_norm_eps: f64,
    /// Dropout on states.
    pub hidden_dropout_prob: f64,
    /// It stands after the feed-forward too, as it stands after attention (not with ALBERT).
    pub drops_feed_forward: bool,
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
    position_embeddings: Option<Embedding>,
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
    /// After the feed-forward.
    #[module(skip)]
    output_dropout: Option<Dropout>,
}

/// Embeddings and layers.
#[derive(Module, Debug)]
pub struct Encoder {
    /// Tables.
    pub embeddings: Embeddings,
    /// Makes states of what the tables hold.
    projection: Option<Linear>,
    relative_attention_bias: Option<RelativeBias>,
    relative_embeddings: Option<RelativeEmbeddings>,
    relative_norm: Option<LayerNorm>,
    /// Layers, in order; one, where all share its weights.
    pub layers: Vec<EncoderLayer>,
    /// How often states pass `layers`.
    #[module(skip)]
    passes: usize,
}

/// What all layers need of a batch.
struct Context {
    /// `[1, heads, seq, seq]`, added to the scores
    bias: Option<Tensor<4>>,
    distances: Option<Distances>,
    /// 1 where a query is a token and 0 where it is padding, whose scores nothing learns from (DeBERTa fills them in):
    /// `[batch, 1, seq, 1]`. `None` where they take part.
    scored: Option<Tensor<4>>,
    /// `[batch, 1, 1 or seq, seq]`, added to the scores
    mask: Option<Tensor<4>>,
}

impl Activation {
    /// Shape unchanged.
    #[must_use]
    pub fn forward<const D: usize>(self, x: Tensor<D>) -> Tensor<D> {
        match self {
            Self::Gelu => gelu(x),
            Self::GeluNew => gelu_tanh(x),
            Self::Relu => relu(x),
            Self::Silu => silu(x),
            Self::QuickGelu => quick_gelu(x),
            Self::Tanh => tanh(x),
            Self::Relu2 => relu(x).square(),
            Self::Mish => mish(x),
        }
    }
}

impl EncoderConfig {
    /// Width of the tables.
    #[must_use]
    pub fn table_width(&self) -> usize {
        self.embedding_size.unwrap_or(self.hidden_size)
    }

    /// Layers that have weights of their own.
    #[must_use]
    pub fn num_own_layers(&self) -> usize {
        if self.shares_layers { 1 } else { self.num_hidden_layers }
    }
}

impl Embeddings {
    fn new(config: &EncoderConfig, init: &mut Init, device: &Device) -> Self {
        let (width, std) = (config.table_width(), config.initializer_range);
        Self {
            word_embeddings: Embedding::new(config.vocab_size, width, std, config.padding_idx, init, device),
            position_embeddings: config.disentangled.is_none().then(|| {
                let (rows, padding_row) = (config.max_position_embeddings, config.position_padding_idx);
                Embedding::new(rows, width, std, padding_row, init, device)
            }),
            token_type_embeddings: (config.type_vocab_size > 0)
                .then(|| Embedding::new(config.type_vocab_size, width, std, None, init, device)),
            layer_norm: LayerNorm::new(width, config.layer_norm_eps, device),
            dropout: Dropout { p: config.hidden_dropout_prob },
            padding_idx: config.padding_idx,
            position_padding_idx: config.position_padding_idx,
        }
    }

    /// The token table, `[vocab, width]`, for heads that tie their output to it.
    #[must_use]
    pub fn word_table(&self) -> Tensor<2> {
        self.word_embeddings.weight.val()
    }

    /// # Shapes
    /// - returns: `[batch, seq, width]`
    fn forward(&self, batch: &TextBatch) -> Tensor<3> {
        let mut words = word_vectors(batch, |ids| self.word_embeddings.forward(ids));
        let mut positions = self.position_embeddings.as_ref().map(|table| table.forward(batch.position_ids.clone()));
        // Padding that nothing attends to takes no gradient anyway; a padding token within a text would.
        if let Some(id) =
            self.padding_idx.filter(|&id| self.word_embeddings.weight.is_require_grad() && batch.holds(id))
        {
            words = stop_gradient(words, batch.input_ids.clone().equal_elem(id as i64));
            if let Some(id) = self.position_padding_idx {
                let at = batch.position_ids.clone().equal_elem(id as i64);
                positions = positions.map(|positions| stop_gradient(positions, at));
            }
        }
        let mut x = with_noise(words, batch);
        if let Some(positions) = positions {
            x = x + positions;
        }
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
            output_dropout: config.drops_feed_forward.then_some(Dropout { p: config.hidden_dropout_prob }),
        }
    }

    /// # Shapes
    /// - `x`: `[batch, seq, hidden]`
    /// - returns: `[batch, seq, hidden]`
    fn forward(&self, x: Tensor<3>, context: &Context) -> Tensor<3> {
        let attended = self.attention_output.forward(self.attend(x.clone(), context));
        let x = self.attention_norm.forward(self.hidden_dropout.forward(attended) + x);
        let inner = self.output.forward(self.hidden_act.forward(self.intermediate.forward(x.clone())));
        let inner = match self.output_dropout {
            Some(dropout) => dropout.forward(inner),
            None => inner,
        };
        self.output_norm.forward(inner + x)
    }

    fn attend(&self, x: Tensor<3>, context: &Context) -> Tensor<3> {
        let heads = self.num_attention_heads;
        let head_dim = x.dims()[2] / heads;
        let split = |x: Tensor<3>| split_heads(x, heads, head_dim); // [batch, heads, seq, head_dim]
        // What a query sees of a key, of its position, and what a key sees of the query's: three numbers are summed.
        let parts = if context.distances.is_some() { 3 } else { 1 };
        let scale = 1.0 / ((parts * head_dim) as f64).sqrt();
        let query = split(self.query.forward(x.clone()).mul_scalar(scale));
        let key = split(self.key.forward(x.clone()));
        let value = split(self.value.forward(x));
        let bias = match &context.distances {
            Some(distances) => {
                let readers = Readers { query: &self.query, key: &self.key, scale, dropout: self.hidden_dropout };
                Some(distances.scores(query.clone(), key.clone(), &readers))
            }
            None => context.bias.clone(),
        };
        let (query, bias) = match &context.scored {
            Some(scored) => (query * scored.clone(), bias.map(|bias| bias * scored.clone())),
            None => (query, bias),
        };
        merge_heads(attend(query, key, value, bias, context.mask.clone(), self.attention_dropout))
    }
}

impl Encoder {
    /// Gives every token type the vector of type 0: states are then those of a text whose tokens all have type 0.
    pub fn ignore_token_types(&mut self) {
        if let Some(types) = &mut self.embeddings.token_type_embeddings {
            types.repeat_first();
        }
    }

    /// Fresh weights; a checkpoint replaces them.
    #[must_use]
    pub fn new(config: &EncoderConfig, init: &mut Init, device: &Device) -> Self {
        let (heads, std) = (config.num_attention_heads, config.initializer_range);
        Self {
            embeddings: Embeddings::new(config, init, device),
            projection: config.embedding_size.map(|width| Linear::new(width, config.hidden_size, std, init, device)),
            relative_attention_bias: config
                .relative_attention_num_buckets
                .map(|buckets| RelativeBias::new([buckets, heads], MAX_DISTANCE, true, std, init, device)),
            relative_embeddings: config
                .disentangled
                .map(|disentangled| RelativeEmbeddings::new(disentangled, config.hidden_size, std, init, device)),
            relative_norm: config
                .disentangled
                .map(|_| LayerNorm::new(config.hidden_size, config.layer_norm_eps, device)),
            layers: (0..config.num_own_layers()).map(|_| EncoderLayer::new(config, init, device)).collect(),
            passes: if config.shares_layers { config.num_hidden_layers } else { 1 },
        }
    }

    /// # Shapes
    /// - returns the last layer's states: `[batch, seq, hidden]`
    #[must_use]
    pub fn forward(&self, batch: &TextBatch) -> Tensor<3> {
        let context = self.context(batch);
        let mut x = self.embeddings.forward(batch);
        if context.distances.is_some() && !batch.is_dense {
            x = x * batch.attention_mask.clone().unsqueeze_dim::<3>(2); // padding is all zeros
        }
        if let Some(projection) = &self.projection {
            x = projection.forward(x); // [batch, seq, hidden]
        }
        for _ in 0..self.passes {
            for layer in &self.layers {
                x = layer.forward(x, &context);
            }
        }
        x
    }

    fn context(&self, batch: &TextBatch) -> Context {
        let (seq, device) = (batch.layout.seq, batch.input_ids.device());
        let bias = self.relative_attention_bias.as_ref().map(|bias| bias.forward(0, seq, seq, &device));
        let distances = self.relative_embeddings.as_ref().zip(self.relative_norm.as_ref());
        let distances = distances.map(|(embeddings, norm)| embeddings.distances(norm, seq, &device));
        // Padding of a DeBERTa sees nothing.
        let mask = if distances.is_some() { mutual_mask(batch) } else { padding_mask(batch) };
        let scored = (distances.is_some() && !batch.is_dense)
            .then(|| batch.attention_mask.clone().unsqueeze_dim::<3>(1).unsqueeze_dim::<4>(3));
        Context { bias, distances, scored, mask }
    }

    /// Every linear layer with its path.
    pub fn linears_mut(&mut self) -> impl Iterator<Item = (String, &mut Linear)> {
        let projection = self.projection.iter_mut().map(|linear| ("projection".to_owned(), linear));
        let of_layers = self.layers.iter_mut().enumerate().flat_map(|(index, layer)| {
            let named = [
                ("query", &mut layer.query),
                ("key", &mut layer.key),
                ("value", &mut layer.value),
                ("attention_output", &mut layer.attention_output),
                ("intermediate", &mut layer.intermediate),
                ("output", &mut layer.output),
            ];
            named.into_iter().map(move |(name, linear)| (format!("layers.{index}.{name}"), linear))
        });
        projection.chain(of_layers)
    }

    /// Replaces the dropout rates of states and of attention probabilities.
    pub fn set_dropout(&mut self, hidden: f64, attention: f64) {
        self.embeddings.dropout.p = hidden;
        for layer in &mut self.layers {
            layer.hidden_dropout.p = hidden;
            layer.attention_dropout.p = attention;
            if let Some(dropout) = &mut layer.output_dropout {
                dropout.p = hidden;
            }
        }
    }
}
