//! The shape of a model for a plan of a run: its sizes by `config.json`, its parameters and linear parts as they were built.
//!
//! In: a [`Model`] and its [`ModelConfig`]. Out: [`Shape`], plain numbers.

use burn::module::{Module, ModuleVisitor, Param};
use burn::tensor::Tensor;

use super::several::{is_of_head, path_of_one_head};
use super::whole::{EMBEDDINGS, LAST_NORMS, VOCABULARY, layer_of, module_name};
use super::{BackboneConfig, KeyMap, Model, ModelConfig};
use crate::nn::{
    Activation, DecoderConfig, EncoderConfig, EncoderDecoderConfig, FeedForward, MlpKind, ModernEncoderConfig,
    NormPlacement, ParamPath, VisionConfig, VisionMlpKind,
};
use crate::plan::{ActivationKind, LinearShape, Parameters, Reads, Shape, Stack};
use crate::task::HeadKind;

impl Model {
    /// The shape of the model, as its head is; `num_outputs` are those of a row or token.
    #[must_use]
    pub fn plan_shape(&self, config: &ModelConfig, num_outputs: usize) -> Shape {
        let layers = self.backbone.layer_counts();
        let mut count = Count { path: ParamPath::default(), layers, parameters: Parameters::default() };
        self.visit(&mut count);
        let kind = config.head_kind();
        let parameters = Parameters { num_layers: layers.all as u64, ..count.parameters };
        let (patch_size, patch_values) = match &config.backbone {
            BackboneConfig::Vision(vision) => {
                (vision.patch_size, vision.num_channels * vision.patch_size * vision.patch_size)
            }
            _ => (0, 0),
        };
        let [hidden_size, vocab_size, patch_size, patch_values, num_outputs] =
            [config.hidden_size(), config.vocab_size(), patch_size, patch_values, num_outputs].map(|size| size as u64);
        Shape {
            parameters,
            stacks: self.stacks(config),
            hidden_size,
            vocab_size,
            patch_size,
            patch_values,
            scores_vocabulary: kind.writes() || kind == HeadKind::MaskedLm,
            num_outputs,
            scores_tokens: matches!(kind, HeadKind::Token | HeadKind::Span),
            can_checkpoint: kind.writes(),
        }
    }

    fn stacks(&self, config: &ModelConfig) -> Vec<Stack> {
        let linears = |name: &str| self.linears_of_layer(name, config.key_map());
        let of_one_stack = || linears("backbone.layers.");
        match &config.backbone {
            BackboneConfig::Encoder(encoder) => vec![encoder_stack(encoder, of_one_stack())],
            BackboneConfig::ModernEncoder(encoder) => vec![modern_encoder_stack(encoder, of_one_stack())],
            BackboneConfig::Decoder(decoder) => vec![decoder_stack(decoder, of_one_stack())],
            BackboneConfig::EncoderDecoder(both) => vec![
                stack_of_both(both, linears("backbone.encoder.layers."), false),
                stack_of_both(both, linears("backbone.decoder.layers."), true),
            ],
            BackboneConfig::Vision(vision) => vec![vision_stack(vision, of_one_stack())],
        }
    }

    /// The linear parts of the first layer whose path begins so.
    fn linears_of_layer(&self, stack: &str, map: &KeyMap) -> Vec<LinearShape> {
        let mut copy = self.clone(); // shares all weights
        let first = format!("{stack}0.");
        let of_layer = copy.linears_mut().filter_map(|(path, linear)| {
            let name = path.strip_prefix(&first)?;
            let [input, output] = linear.weight.dims().map(|size| size as u64);
            Some(LinearShape { module: module_name(map, &path), reads: Reads::of_part(name), input, output })
        });
        of_layer.collect()
    }
}

fn encoder_stack(encoder: &EncoderConfig, linears: Vec<LinearShape>) -> Stack {
    Stack {
        layers: encoder.num_hidden_layers as u64,
        own_layers: encoder.num_own_layers() as u64,
        linears,
        score_parts: if encoder.disentangled.is_some() { 3 } else { 1 },
        norms: 2,
        activation: kind_of(encoder.hidden_act),
        attention_dropout: encoder.attention_probs_dropout_prob,
        hidden_dropout: encoder.hidden_dropout_prob,
        num_hidden_dropouts: if encoder.drops_feed_forward { 2 } else { 1 },
        ..heads([encoder.num_attention_heads; 2], encoder.hidden_size / encoder.num_attention_heads)
    }
}

fn modern_encoder_stack(encoder: &ModernEncoderConfig, linears: Vec<LinearShape>) -> Stack {
    Stack {
        layers: encoder.windows.len() as u64,
        own_layers: encoder.windows.len() as u64,
        linears,
        norms: 2,
        activation: kind_of(encoder.hidden_act),
        is_gated: true,
        attention_dropout: encoder.attention_dropout,
        hidden_dropout: encoder.mlp_dropout,
        num_hidden_dropouts: 1,
        ..heads([encoder.num_attention_heads; 2], encoder.hidden_size / encoder.num_attention_heads)
    }
}

fn decoder_stack(decoder: &DecoderConfig, linears: Vec<LinearShape>) -> Stack {
    let (activation, is_gated) = match decoder.mlp {
        MlpKind::Plain(activation) => (kind_of(activation), false),
        MlpKind::Gated { activation, .. } => (kind_of(activation), true),
    };
    Stack {
        layers: decoder.num_hidden_layers as u64,
        own_layers: decoder.num_hidden_layers as u64,
        linears,
        // Scores that are capped keep as much as if there were more of them.
        score_parts: if decoder.attention.softcap.is_some() { 3 } else { 1 },
        norms: if decoder.norm_placement == NormPlacement::Around { 4 } else { 2 },
        activation,
        is_gated,
        attention_dropout: decoder.attn_pdrop,
        hidden_dropout: decoder.resid_pdrop,
        num_hidden_dropouts: 2,
        ..heads([decoder.num_attention_heads, decoder.num_key_value_heads], decoder.head_dim)
    }
}

/// The encoder or the decoder of a model that has both.
fn stack_of_both(both: &EncoderDecoderConfig, linears: Vec<LinearShape>, is_of_target: bool) -> Stack {
    let (activation, is_gated) = match both.feed_forward {
        FeedForward::Plain(activation) => (kind_of(activation), false),
        FeedForward::Gated(activation) => (kind_of(activation), true),
    };
    let layers = if is_of_target { both.num_decoder_layers } else { both.num_encoder_layers };
    Stack {
        layers: layers as u64,
        own_layers: layers as u64,
        is_of_target,
        sees_source: is_of_target,
        linears,
        norms: if is_of_target { 3 } else { 2 },
        activation,
        is_gated,
        attention_dropout: both.dropout,
        hidden_dropout: both.dropout,
        num_hidden_dropouts: if is_of_target { 3 } else { 2 },
        ..heads([both.num_attention_heads; 2], both.head_dim)
    }
}

fn vision_stack(vision: &VisionConfig, linears: Vec<LinearShape>) -> Stack {
    let (activation, is_gated) = match vision.mlp {
        VisionMlpKind::Plain(activation) => (kind_of(activation), false),
        VisionMlpKind::SwiGlu => (ActivationKind::Silu, true),
    };
    Stack {
        layers: vision.num_hidden_layers as u64,
        own_layers: vision.num_hidden_layers as u64,
        linears,
        norms: 2,
        activation,
        is_gated,
        attention_dropout: vision.attention_probs_dropout_prob,
        hidden_dropout: if vision.drops_residuals { vision.hidden_dropout_prob } else { 0.0 },
        num_hidden_dropouts: 2,
        ..heads([vision.num_attention_heads; 2], vision.hidden_size / vision.num_attention_heads)
    }
}

fn heads([heads, key_heads]: [usize; 2], head_dim: usize) -> Stack {
    let [heads, key_heads, head_dim] = [heads, key_heads, head_dim].map(|size| size as u64);
    Stack { heads, key_heads, head_dim, score_parts: 1, ..Stack::default() }
}

fn kind_of(activation: Activation) -> ActivationKind {
    match activation {
        Activation::Gelu => ActivationKind::Gelu,
        Activation::GeluNew => ActivationKind::GeluTanh,
        Activation::Relu => ActivationKind::Relu,
        Activation::Silu => ActivationKind::Silu,
        // Without kinds of their own: these keep at least as many tensors for the backward pass.
        Activation::Tanh => ActivationKind::Relu,
        Activation::Relu2 => ActivationKind::Silu,
        Activation::QuickGelu => ActivationKind::Gelu,
        Activation::Mish => ActivationKind::GeluTanh,
    }
}

/// Counts parameters by where they are; those of adapters are left out.
struct Count {
    path: ParamPath,
    layers: super::LayerCounts,
    parameters: Parameters,
}

impl ModuleVisitor for Count {
    fn enter_module(&mut self, name: &str, container_type: &str) {
        self.path.enter(name, container_type);
    }

    fn exit_module(&mut self, _name: &str, _container_type: &str) {
        self.path.exit();
    }

    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
        let path = self.path.join();
        if path.contains(".lora.") {
            return;
        }
        let count = param.shape().num_elements() as u64;
        let parameters = &mut self.parameters;
        parameters.all += count;
        parameters.largest = parameters.largest.max(count);
        let is_in = |starts: &[&str]| starts.iter().any(|start| path.starts_with(start));
        if is_of_head(&path) {
            match path_of_one_head(&path).starts_with(VOCABULARY) {
                true => parameters.vocabulary += count,
                false => parameters.head += count,
            }
        } else if layer_of(&path, self.layers).is_some() {
            parameters.layers += count;
        } else if is_in(&EMBEDDINGS) {
            parameters.embeddings += count;
        } else if is_in(&LAST_NORMS) {
            parameters.last_norm += count;
        }
    }
}
