//! The pre-norm encoder of images of ViT (<https://arxiv.org/abs/2010.11929>) and DINOv2
//! (<https://arxiv.org/abs/2304.07193>): an image is cut into patches, each becomes a state, a class token stands before
//! them, and all get their positions; then layers of self-attention and feed-forward, each behind a LayerNorm and added to its
//! input, and a last LayerNorm.
//!
//! In: pixels. Out: a state of the class token and of each patch. Reference: `transformers` v5.24
//! `models/vit/modeling_vit.py` (`ViTModel`) and `models/dinov2/modeling_dinov2.py` (`Dinov2Model`), with eager attention.
//! DINOv2 multiplies what a layer adds (`layer_scale`), and has no dropout there. Fresh weights are normal, not cut off at two
//! standard deviations as there.

use burn::module::{Module, Param};
use burn::tensor::{Device, Tensor};

use super::attention::{attend, merge_heads, split_heads};
use super::image_embeddings::VisionEmbeddings;
use super::{Activation, Dropout, Init, LayerNorm, Linear};
use crate::kernels::silu;

/// The feed-forward part.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum VisionMlpKind {
    /// `W2 activation(W1 x)`
    Plain(Activation),
    /// `W2 (silu(gate) * inner)` (<https://arxiv.org/abs/2002.05202>); one layer makes both, the gate first.
    SwiGlu,
}

/// Sizes, kinds and rates, under ViT's names.
#[derive(Debug, Clone, PartialEq)]
pub struct VisionConfig {
    /// Width of a state.
    pub hidden_size: usize,
    /// Layers.
    pub num_hidden_layers: usize,
    /// Attention heads; divides `hidden_size`.
    pub num_attention_heads: usize,
    /// The feed-forward part.
    pub mlp: VisionMlpKind,
    /// Width of the feed-forward's inside.
    pub intermediate_size: usize,
    /// Queries, keys and values have biases.
    pub has_qkv_bias: bool,
    /// Height and width in pixels of the images that the position table was made for.
    pub image_size: usize,
    /// Images of other sizes are read without being asked for, the table interpolated (DINOv2).
    pub always_interpolates: bool,
    /// Height and width in pixels of a patch.
    pub patch_size: usize,
    /// Colours of a pixel.
    pub num_channels: usize,
    /// LayerNorm's epsilon.
    pub layer_norm_eps: f64,
    /// What fresh factors of what a layer adds hold (DINOv2's `layerscale_value`); `None` has no such factors.
    pub layer_scale: Option<f64>,
    /// Dropout on embeddings.
    pub hidden_dropout_prob: f64,
    /// It stands on what a layer adds, too (not with DINOv2).
    pub drops_residuals: bool,
    /// Dropout on attention probabilities.
    pub attention_probs_dropout_prob: f64,
    /// Standard deviation of fresh weights.
    pub initializer_range: f64,
}

/// Feed-forward.
#[derive(Module, Debug)]
enum VisionMlp {
    /// Two layers.
    Plain(PlainMlp),
    /// With a gate.
    SwiGlu(SwiGluMlp),
}

/// `fc2(activation(fc1(x)))`
#[derive(Module, Debug)]
struct PlainMlp {
    fc1: Linear,
    fc2: Linear,
    #[module(skip)]
    activation: Activation,
}

/// `weights_out(silu(gate) * inner)`
#[derive(Module, Debug)]
struct SwiGluMlp {
    /// Gate, then inner values.
    weights_in: Linear,
    weights_out: Linear,
}

/// A factor for each value of what a layer adds.
#[derive(Module, Debug)]
struct LayerScale {
    /// `[hidden]`
    lambda1: Param<Tensor<1>>,
}

/// One layer: self-attention and feed-forward.
#[derive(Module, Debug)]
pub struct VisionLayer {
    attention_norm: LayerNorm,
    query: Linear,
    key: Linear,
    value: Linear,
    attention_output: Linear,
    attention_scale: Option<LayerScale>,
    mlp_norm: LayerNorm,
    mlp: VisionMlp,
    mlp_scale: Option<LayerScale>,
    #[module(skip)]
    num_attention_heads: usize,
    #[module(skip)]
    attention_dropout: Dropout,
    /// On what is added.
    #[module(skip)]
    residual_dropout: Option<Dropout>,
}

/// Embeddings, layers and the last norm.
#[derive(Module, Debug)]
pub struct VisionEncoder {
    embeddings: VisionEmbeddings,
    /// Layers, in order.
    pub layers: Vec<VisionLayer>,
    norm: LayerNorm,
}

impl VisionConfig {
    /// Patches along a side of the images that the position table was made for.
    #[must_use]
    pub fn patches_a_side(&self) -> usize {
        self.image_size / self.patch_size
    }

    /// Rows of the position table: one for each patch, and that of the class token.
    #[must_use]
    pub fn num_positions(&self) -> usize {
        1 + self.patches_a_side() * self.patches_a_side()
    }

    /// Width of what the feed-forward's first layer makes.
    #[must_use]
    pub fn mlp_width(&self) -> usize {
        match self.mlp {
            VisionMlpKind::Plain(_) => self.intermediate_size,
            VisionMlpKind::SwiGlu => 2 * self.intermediate_size,
        }
    }
}

impl VisionMlp {
    fn new(config: &VisionConfig, init: &mut Init, device: &Device) -> Self {
        let (hidden, inner, std) = (config.hidden_size, config.intermediate_size, config.initializer_range);
        let first = Linear::new(hidden, config.mlp_width(), std, init, device);
        let second = Linear::new(inner, hidden, std, init, device);
        match config.mlp {
            VisionMlpKind::Plain(activation) => Self::Plain(PlainMlp { fc1: first, fc2: second, activation }),
            VisionMlpKind::SwiGlu => Self::SwiGlu(SwiGluMlp { weights_in: first, weights_out: second }),
        }
    }

    /// # Shapes
    /// - `x`: `[batch, seq, hidden]`
    /// - returns: the same
    fn forward(&self, x: Tensor<3>) -> Tensor<3> {
        match self {
            Self::Plain(mlp) => mlp.fc2.forward(mlp.activation.forward(mlp.fc1.forward(x))),
            Self::SwiGlu(mlp) => {
                let both = mlp.weights_in.forward(x); // [batch, seq, 2 * intermediate]
                let width = both.dims()[2] / 2;
                let (gate, inner) = (both.clone().narrow(2, 0, width), both.narrow(2, width, width));
                mlp.weights_out.forward(silu(gate) * inner)
            }
        }
    }

    fn linears_mut(&mut self) -> [(&'static str, &mut Linear); 2] {
        match self {
            Self::Plain(mlp) => [("mlp.fc1", &mut mlp.fc1), ("mlp.fc2", &mut mlp.fc2)],
            Self::SwiGlu(mlp) => [("mlp.weights_in", &mut mlp.weights_in), ("mlp.weights_out", &mut mlp.weights_out)],
        }
    }
}

impl LayerScale {
    fn new(hidden: usize, value: f64, device: &Device) -> Self {
        Self { lambda1: Param::from_tensor(Tensor::full([hidden], value, device)) }
    }
}

impl VisionLayer {
    fn new(config: &VisionConfig, init: &mut Init, device: &Device) -> Self {
        let (hidden, std) = (config.hidden_size, config.initializer_range);
        let mut projection = || match config.has_qkv_bias {
            true => Linear::new(hidden, hidden, std, init, device),
            false => Linear::without_bias(hidden, hidden, std, init, device),
        };
        let (query, key, value) = (projection(), projection(), projection());
        let norm = || LayerNorm::new(hidden, config.layer_norm_eps, device);
        let scale = || config.layer_scale.map(|value| LayerScale::new(hidden, value, device));
        Self {
            attention_norm: norm(),
            query,
            key,
            value,
            attention_output: Linear::new(hidden, hidden, std, init, device),
            attention_scale: scale(),
            mlp_norm: norm(),
            mlp: VisionMlp::new(config, init, device),
            mlp_scale: scale(),
            num_attention_heads: config.num_attention_heads,
            attention_dropout: Dropout { p: config.attention_probs_dropout_prob },
            residual_dropout: config.drops_residuals.then_some(Dropout { p: config.hidden_dropout_prob }),
        }
    }

    /// # Shapes
    /// - `x`: `[batch, seq, hidden]`
    /// - returns: the same
    fn forward(&self, x: Tensor<3>) -> Tensor<3> {
        let attended = self.attention_output.forward(self.attend(self.attention_norm.forward(x.clone())));
        let x = x + self.added(attended, self.attention_scale.as_ref());
        let inner = self.mlp.forward(self.mlp_norm.forward(x.clone()));
        x + self.added(inner, self.mlp_scale.as_ref())
    }

    fn attend(&self, x: Tensor<3>) -> Tensor<3> {
        let heads = self.num_attention_heads;
        let head_dim = x.dims()[2] / heads;
        let split = |x: Tensor<3>| split_heads(x, heads, head_dim); // [batch, heads, seq, head_dim]
        let query = split(self.query.forward(x.clone()).mul_scalar(1.0 / (head_dim as f64).sqrt()));
        let key = split(self.key.forward(x.clone()));
        let value = split(self.value.forward(x));
        merge_heads(attend(query, key, value, None, None, self.attention_dropout))
    }

    /// What a part adds, of what it makes.
    fn added(&self, x: Tensor<3>, scale: Option<&LayerScale>) -> Tensor<3> {
        let x = match scale {
            Some(scale) => x * scale.lambda1.val().unsqueeze(),
            None => x,
        };
        match self.residual_dropout {
            Some(dropout) => dropout.forward(x),
            None => x,
        }
    }
}

impl VisionEncoder {
    /// Fresh weights; a checkpoint replaces them.
    #[must_use]
    pub fn new(config: &VisionConfig, init: &mut Init, device: &Device) -> Self {
        Self {
            embeddings: VisionEmbeddings::new(config, init, device),
            layers: (0..config.num_hidden_layers).map(|_| VisionLayer::new(config, init, device)).collect(),
            norm: LayerNorm::new(config.hidden_size, config.layer_norm_eps, device),
        }
    }

    /// Images of any size, of a patch at the least: the position table is interpolated where it has to be.
    ///
    /// # Shapes
    /// - `pixels`: `[batch, channels, height, width]`
    /// - returns the last layer's states, normed: `[batch, 1 + patches, hidden]`, that of the class token first
    #[must_use]
    pub fn forward(&self, pixels: Tensor<4>) -> Tensor<3> {
        let x = self.embeddings.forward(pixels);
        self.norm.forward(self.layers.iter().fold(x, |x, layer| layer.forward(x)))
    }

    /// Every linear layer with its path.
    pub fn linears_mut(&mut self) -> impl Iterator<Item = (String, &mut Linear)> {
        self.layers.iter_mut().enumerate().flat_map(|(index, layer)| {
            let named = [
                ("query", &mut layer.query),
                ("key", &mut layer.key),
                ("value", &mut layer.value),
                ("attention_output", &mut layer.attention_output),
            ];
            let named = named.into_iter().chain(layer.mlp.linears_mut());
            named.map(move |(name, linear)| (format!("layers.{index}.{name}"), linear))
        })
    }

    /// Replaces every dropout rate.
    pub fn set_dropout(&mut self, rate: f64) {
        self.embeddings.dropout.p = rate;
        for layer in &mut self.layers {
            layer.attention_dropout.p = rate;
            if let Some(dropout) = &mut layer.residual_dropout {
                dropout.p = rate;
            }
        }
    }
}

#[cfg(all(test, feature = "cpu"))]
pub(super) mod tests {
    use burn::tensor::TensorData;

    use super::*;

    /// A small encoder of 3 x 3 patches.
    pub(in crate::nn) fn config() -> VisionConfig {
        VisionConfig {
            hidden_size: 8,
            num_hidden_layers: 2,
            num_attention_heads: 2,
            mlp: VisionMlpKind::Plain(Activation::Gelu),
            intermediate_size: 12,
            has_qkv_bias: true,
            image_size: 6,
            always_interpolates: true,
            patch_size: 2,
            num_channels: 3,
            layer_norm_eps: 1e-6,
            layer_scale: None,
            hidden_dropout_prob: 0.0,
            drops_residuals: true,
            attention_probs_dropout_prob: 0.0,
            initializer_range: 0.5,
        }
    }

    fn encoder(config: &VisionConfig) -> VisionEncoder {
        VisionEncoder::new(config, &mut Init::new(1), &Device::flex())
    }

    /// An image of 3 channels whose pixels are all different.
    pub(in crate::nn) fn image(height: usize, width: usize) -> Tensor<4> {
        let values: Vec<f32> = (0..3 * height * width).map(|index| index as f32 / 100.0).collect();
        Tensor::from_data(TensorData::new(values, [1, 3, height, width]), &Device::flex())
    }

    pub(in crate::nn) fn values<const D: usize>(tensor: Tensor<D>) -> Vec<f32> {
        tensor.into_data().iter::<f32>().collect()
    }

    #[test]
    fn gradients_reach_the_table_through_another_grid() {
        let device = Device::flex().autodiff();
        let encoder = VisionEncoder::new(&config(), &mut Init::new(1), &device);
        let states = encoder.forward(image(8, 4).autodiff());
        assert_eq!(states.dims(), [1, 1 + 8, 8]);
        let gradients = states.narrow(2, 0, 3).square().sum().backward(); // of all values the norm fixes the sum
        let embeddings = &encoder.embeddings;
        let table = embeddings.position_embeddings.val().grad(&gradients).expect("it takes part");
        assert_eq!(table.dims(), [1, 10, 8]);
        assert!(values(table).chunks(8).all(|row| row.iter().any(|&value| value != 0.0)), "every place counts");
        let class = embeddings.cls_token.val().grad(&gradients).expect("it takes part");
        assert_eq!(class.dims(), [1, 1, 8]);
    }

    #[test]
    fn dropout_stands_where_the_reference_has_it() {
        let rates = |config: &VisionConfig| {
            let mut encoder = encoder(config);
            encoder.set_dropout(0.25);
            let layer = &encoder.layers[1];
            let residual = layer.residual_dropout.map(|dropout| dropout.p);
            (encoder.embeddings.dropout.p, layer.attention_dropout.p, residual)
        };
        assert_eq!(rates(&config()), (0.25, 0.25, Some(0.25)));
        let dinov2 = VisionConfig { drops_residuals: false, layer_scale: Some(0.5), ..config() };
        assert_eq!(rates(&dinov2), (0.25, 0.25, None));
        let scale = encoder(&dinov2).layers.remove(0).mlp_scale.expect("it has factors");
        assert_eq!(values(scale.lambda1.val()), [0.5; 8]);
    }

    #[test]
    fn layers_have_the_biases_and_the_width_that_are_asked_for() {
        let swiglu = VisionConfig { mlp: VisionMlpKind::SwiGlu, has_qkv_bias: false, ..config() };
        let mut encoder = encoder(&swiglu);
        let found: Vec<(String, [usize; 2], bool)> = encoder
            .linears_mut()
            .map(|(path, linear)| (path, linear.weight.dims(), linear.bias.is_some()))
            .take(6)
            .collect();
        let expected = [
            ("layers.0.query", [8, 8], false),
            ("layers.0.key", [8, 8], false),
            ("layers.0.value", [8, 8], false),
            ("layers.0.attention_output", [8, 8], true),
            ("layers.0.mlp.weights_in", [8, 24], true),
            ("layers.0.mlp.weights_out", [12, 8], true),
        ];
        assert_eq!(found, expected.map(|(path, shape, bias)| (path.to_owned(), shape, bias)));
        assert_eq!(encoder.forward(image(6, 6)).dims(), [1, 10, 8]);
    }
}
