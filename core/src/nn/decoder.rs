//! The transformer decoder shared by GPT-2, GPT-Neo, the Llama family and Gemma: token vectors, then blocks of causal
//! self-attention and feed-forward, each with a norm before it, after it or both and added to its input, then a last norm.
//!
//! In: tokens. Out: a state per token. References: `transformers` v5.23 `models/gpt2/modeling_gpt2.py` (`GPT2Block`),
//! `models/gpt_neo/modeling_gpt_neo.py`, `models/llama/modeling_llama.py` (`LlamaDecoderLayer`), `models/qwen3`; v5.24
//! `models/granite`, `models/smollm3`, `models/olmo2`, `models/phi3`, `models/gemma2`, `models/gemma3`.

use burn::module::Module;
use burn::tensor::{DType, Device, Tensor};
use half::{bf16, f16};

use super::attention::{causal_mask, soft_capped};
use super::causal_attention::{AttentionConfig, CausalAttention};
use super::embedding::{stop_gradient, with_noise, word_vectors};
use super::kv_cache::{CachePart, KvCache};
use super::mlp::{Mlp, MlpKind};
use super::rope::Rotation;
use super::{Dropout, Embedding, Init, LayerNorm, Linear, RmsNorm, RopeConfig, TokenTable};
use crate::batch::{SeqLayout, TextBatch};

/// Which norm.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NormKind {
    /// Mean and variance, weight and bias.
    LayerNorm,
    /// Mean square, weight only.
    RmsNorm,
    /// The same, and one is added to the weight (Gemma).
    OnePlusRmsNorm,
}

/// How a token's position reaches the model.
#[derive(Debug, Clone, PartialEq)]
pub enum Positions {
    /// A table added to the token vectors.
    Learned,
    /// Queries and keys are turned: how, for each block; `None` turns nothing in that block (SmolLM3).
    Rotary(Vec<Option<RopeConfig>>),
}

/// Where a block's norms stand: each part of a block reads the states and is added to them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NormPlacement {
    /// Before each part.
    Before,
    /// After each part, before it is added (OLMo 2).
    After,
    /// Before and after each part (Gemma).
    Around,
}

/// Factors and caps that most models do without.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Scales {
    /// Token vectors are multiplied with this.
    pub embedding: f64,
    /// That factor is rounded to the number format that the token table is held in (Gemma).
    pub rounds_embedding: bool,
    /// What attention and feed-forward add to the states is multiplied with this (Granite).
    pub residual: f64,
    /// Scores of tokens are divided by this (Granite's `logits_scaling`).
    pub logits: f64,
    /// Scores of tokens stay below this: `cap tanh(scores / cap)` (Gemma 2's `final_logit_softcapping`).
    pub final_softcap: Option<f64>,
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
    /// Where a block's norms stand.
    pub norm_placement: NormPlacement,
    /// How positions reach the model.
    pub positions: Positions,
    /// How attention is built.
    pub attention: AttentionConfig,
    /// Tokens that each block sees, itself included; `None` sees all before it.
    pub windows: Vec<Option<usize>>,
    /// The feed-forward part.
    pub mlp: MlpKind,
    /// Factors and caps.
    pub scales: Scales,
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
    /// That of the layers whose outputs are added to the states is divided by `sqrt(2 num_hidden_layers)` (GPT-2).
    pub shrinks_residual_std: bool,
}

impl Default for Scales {
    fn default() -> Self {
        Self { embedding: 1.0, rounds_embedding: false, residual: 1.0, logits: 1.0, final_softcap: None }
    }
}

impl DecoderConfig {
    /// Standard deviation of fresh weights of the layers whose outputs are added to the states.
    #[must_use]
    pub fn residual_std(&self) -> f64 {
        match self.shrinks_residual_std {
            true => self.initializer_range / ((2 * self.num_hidden_layers) as f64).sqrt(),
            false => self.initializer_range,
        }
    }

    /// What the weight of a fresh norm holds.
    #[must_use]
    pub fn fresh_norm(&self) -> f32 {
        match self.norm {
            NormKind::LayerNorm | NormKind::RmsNorm => 1.0,
            NormKind::OnePlusRmsNorm => 0.0,
        }
    }

    /// A norm of so many values that has a weight only.
    pub(super) fn rms_norm(&self, width: usize, device: &Device) -> RmsNorm {
        match self.norm {
            NormKind::LayerNorm | NormKind::RmsNorm => RmsNorm::new(width, self.norm_eps, device),
            NormKind::OnePlusRmsNorm => RmsNorm::one_plus(width, self.norm_eps, device),
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

/// One block.
#[derive(Module, Debug)]
pub struct DecoderLayer {
    /// Before attention.
    input_layernorm: Option<Norm>,
    self_attn: CausalAttention,
    /// After attention; its name and that of the last norm are GLM-4's.
    post_self_attn_layernorm: Option<Norm>,
    /// Before the feed-forward part.
    post_attention_layernorm: Option<Norm>,
    mlp: Mlp,
    /// After the feed-forward part.
    post_mlp_layernorm: Option<Norm>,
    #[module(skip)]
    dropout: Dropout,
    #[module(skip)]
    residual_multiplier: f64,
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
    ropes: Vec<Option<RopeConfig>>,
    #[module(skip)]
    padding_idx: Option<usize>,
    #[module(skip)]
    scales: Scales,
}

/// What the attention of all blocks shares in one pass: masks, and rotary tables.
#[derive(Debug, Clone)]
pub struct AttentionContext {
    /// (window, its mask)
    masks: Vec<(Option<usize>, Option<Tensor<4>>)>,
    /// (how queries and keys are turned, the angles)
    rotations: Vec<(RopeConfig, Rotation)>,
}

impl Norm {
    fn new(config: &DecoderConfig, device: &Device) -> Self {
        match config.norm {
            NormKind::LayerNorm => Self::Layer(LayerNorm::new(config.hidden_size, config.norm_eps, device)),
            NormKind::RmsNorm | NormKind::OnePlusRmsNorm => Self::Rms(config.rms_norm(config.hidden_size, device)),
        }
    }

    fn forward(&self, x: Tensor<3>) -> Tensor<3> {
        match self {
            Self::Layer(norm) => norm.forward(x),
            Self::Rms(norm) => norm.forward(x),
        }
    }
}

/// `x` after a norm, where there is one.
fn normed(norm: &Option<Norm>, x: Tensor<3>) -> Tensor<3> {
    match norm {
        Some(norm) => norm.forward(x),
        None => x,
    }
}

/// `x * factor`; `x` itself where the factor is 1.
fn scaled<const D: usize>(x: Tensor<D>, factor: f64) -> Tensor<D> {
    if factor == 1.0 { x } else { x.mul_scalar(factor) }
}

impl DecoderLayer {
    fn new(config: &DecoderConfig, init: &mut Init, device: &Device) -> Self {
        let placement = config.norm_placement;
        let before = || (placement != NormPlacement::After).then(|| Norm::new(config, device));
        let after = || (placement != NormPlacement::Before).then(|| Norm::new(config, device));
        Self {
            input_layernorm: before(),
            self_attn: CausalAttention::new(config, init, device),
            post_self_attn_layernorm: after(),
            post_attention_layernorm: before(),
            mlp: Mlp::new(config, init, device),
            post_mlp_layernorm: after(),
            dropout: Dropout { p: config.resid_pdrop },
            residual_multiplier: config.scales.residual,
        }
    }

    fn forward(
        &self,
        x: Tensor<3>,
        mask: Option<Tensor<4>>,
        rotation: Option<&Rotation>,
        cache: Option<CachePart<'_>>,
    ) -> Tensor<3> {
        let attended = self.self_attn.forward(normed(&self.input_layernorm, x.clone()), mask, rotation, cache);
        let x = x + self.added(&self.post_self_attn_layernorm, attended);
        let inner = self.mlp.forward(normed(&self.post_attention_layernorm, x.clone()));
        x + self.added(&self.post_mlp_layernorm, inner)
    }

    /// What a part of the block adds to the states.
    fn added(&self, norm: &Option<Norm>, part: Tensor<3>) -> Tensor<3> {
        scaled(self.dropout.forward(normed(norm, part)), self.residual_multiplier)
    }
}

impl Decoder {
    /// Fresh weights; a checkpoint replaces them.
    #[must_use]
    pub fn new(config: &DecoderConfig, init: &mut Init, device: &Device) -> Self {
        let (hidden, std) = (config.hidden_size, config.initializer_range);
        let ropes = match &config.positions {
            Positions::Learned => vec![None; config.num_hidden_layers],
            Positions::Rotary(ropes) => ropes.clone(),
        };
        Self {
            embed_tokens: TokenTable::new(config.vocab_size, hidden, std, config.padding_idx, init, device),
            position_embeddings: (config.positions == Positions::Learned)
                .then(|| Embedding::new(config.max_position_embeddings, hidden, std, None, init, device)),
            layers: (0..config.num_hidden_layers).map(|_| DecoderLayer::new(config, init, device)).collect(),
            norm: Norm::new(config, device),
            dropout: Dropout { p: config.embd_pdrop },
            windows: config.windows.clone(),
            ropes,
            padding_idx: config.padding_idx,
            scales: config.scales,
        }
    }

    /// Masks and rotary tables of a batch.
    #[must_use]
    pub fn attention_context(&self, layout: &SeqLayout, device: &Device) -> AttentionContext {
        let mut windows = self.windows.clone();
        windows.sort_unstable();
        windows.dedup();
        let (positions, rows) = layout.distinct_positions();
        let mut rotations: Vec<(RopeConfig, Rotation)> = Vec::new();
        for &rope in self.ropes.iter().flatten() {
            if rotations.iter().all(|(turned, _)| *turned != rope) {
                rotations.push((rope, rope.rotation(positions, rows, device)));
            }
        }
        AttentionContext {
            masks: windows.into_iter().map(|window| (window, causal_mask(layout, window, device))).collect(),
            rotations,
        }
    }

    /// Token vectors with their positions, `[batch, seq, hidden]`.
    #[must_use]
    pub fn embed(&self, batch: &TextBatch) -> Tensor<3> {
        let x = word_vectors(batch, |ids| self.embed_tokens.forward(ids));
        let x = match self.padding_idx.filter(|&id| self.embed_tokens.is_trained() && batch.holds(id)) {
            Some(id) => stop_gradient(x, batch.input_ids.clone().equal_elem(id as i64)),
            None => x,
        };
        let x = with_noise(scaled(x, self.embedding_multiplier()), batch);
        let x = match &self.position_embeddings {
            Some(table) => x + table.forward(batch.position_ids.clone()),
            None => x,
        };
        self.dropout.forward(x)
    }

    /// What token vectors are multiplied with: a table in half precision has its factor in it, too, as in `transformers`.
    fn embedding_multiplier(&self) -> f64 {
        let Scales { embedding, rounds_embedding, .. } = self.scales;
        match self.embed_tokens.dtype() {
            DType::F16 if rounds_embedding => f16::from_f64(embedding).to_f64(),
            DType::BF16 if rounds_embedding => bf16::from_f64(embedding).to_f64(),
            _ => embedding,
        }
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
        let turned = self.ropes[index];
        let rotation = context.rotations.iter().find(|(rope, _)| Some(*rope) == turned).map(|(_, rotation)| rotation);
        let cache = cache.map(|cache| CachePart { cache, layer: index, window });
        self.layers[index].forward(x, mask, rotation, cache)
    }

    /// The last norm. What scores are divided by is in the states that it gives.
    ///
    /// # Shapes
    /// - `x`: `[batch, seq, hidden]`
    /// - returns: as `x`
    #[must_use]
    pub fn finish(&self, x: Tensor<3>) -> Tensor<3> {
        scaled(self.norm.forward(x), 1.0 / self.scales.logits)
    }

    /// What scores of tokens stay below.
    #[must_use]
    pub fn final_softcap(&self) -> Option<f64> {
        self.scales.final_softcap
    }

    /// Scores of tokens, capped where the model caps them.
    ///
    /// # Shapes
    /// - `scores`: `[tokens, vocab]`
    /// - returns: as `scores`
    #[must_use]
    pub fn capped(&self, scores: Tensor<2>) -> Tensor<2> {
        soft_capped(scores, self.scales.final_softcap)
    }

    /// # Shapes
    /// - returns the states of [`Self::finish`]: `[batch, seq, hidden]`
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
            let DecoderLayer { self_attn, mlp, .. } = layer;
            let named = self_attn.linears_mut().into_iter().chain(mlp.linears_mut());
            named.filter_map(move |(name, linear)| Some((format!("layers.{index}.{name}"), linear?)))
        })
    }
}

#[cfg(all(test, feature = "cpu"))]
mod tests {
    use burn::tensor::FloatDType;

    use super::*;
    use crate::model::{BackboneConfig, ModelConfig};

    fn config(model_type: &str) -> DecoderConfig {
        let json = format!(
            r#"{{"model_type":"{model_type}","vocab_size":9,"hidden_size":40,"num_hidden_layers":3,"head_dim":4,
            "num_attention_heads":2,"num_key_value_heads":2,"intermediate_size":16,"max_position_embeddings":32,
            "embedding_multiplier":12.3,"no_rope_layer_interval":2,"sliding_window_pattern":3}}"#
        );
        match ModelConfig::from_json(json.as_bytes()).expect("a good config").backbone {
            BackboneConfig::Decoder(config) => config,
            _ => panic!("a decoder"),
        }
    }

    fn decoder(model_type: &str) -> Decoder {
        Decoder::new(&config(model_type), &mut Init::new(1), &Device::flex())
    }

    #[test]
    fn gemmas_factor_is_rounded_as_its_table_is() {
        // sqrt(40) is 6.3245..; bf16 counts there in 1/32, f16 in 1/256.
        let cases =
            [(FloatDType::F32, 40.0_f64.sqrt()), (FloatDType::BF16, 202.0 / 32.0), (FloatDType::F16, 1619.0 / 256.0)];
        for (dtype, expected) in cases {
            let [mut gemma, mut granite] = [decoder("gemma3_text"), decoder("granite")];
            for decoder in [&mut gemma, &mut granite] {
                let shard = decoder.embed_tokens.shards.remove(0);
                decoder.embed_tokens.shards.push(shard.map(|table| table.cast(dtype)));
            }
            assert_eq!(gemma.embedding_multiplier(), expected, "{dtype:?}");
            assert_eq!(granite.embedding_multiplier(), 12.3, "{dtype:?}: transformers multiplies with a plain number");
        }
    }

    #[test]
    fn layers_share_angles_where_they_turn_alike() {
        let device = Device::flex();
        let layout = SeqLayout { batch: 1, seq: 3, past: 0, position_ids: vec![0, 1, 2], segment_ids: None };
        // Two bases; layers with and without; all alike.
        for (model_type, count) in [("gemma3_text", 2), ("smollm3", 1), ("llama", 1)] {
            let context = decoder(model_type).attention_context(&layout, &device);
            assert_eq!(context.rotations.len(), count, "{model_type}");
        }
    }

    #[test]
    fn norms_stand_where_the_architecture_has_them() {
        let norms = |model_type: &str| {
            let layer = decoder(model_type).layers.remove(0);
            let has = [
                &layer.input_layernorm,
                &layer.post_self_attn_layernorm,
                &layer.post_attention_layernorm,
                &layer.post_mlp_layernorm,
            ];
            has.map(Option::is_some)
        };
        assert_eq!(norms("llama"), [true, false, true, false]);
        assert_eq!(norms("olmo2"), [false, true, false, true]);
        assert_eq!(norms("gemma2"), [true; 4]);
    }
}
