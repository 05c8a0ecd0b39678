//! How far up in a model a parameter lies: layer-wise learning rates and gradual unfreezing go by it.

use std::collections::BTreeMap;

use burn::module::{Module, ModuleVisitor, Param};
use burn::tensor::Tensor;

use super::whole::{EMBEDDINGS, layer_of};
use super::{LayerCounts, Model};
use crate::nn::ParamPath;

/// 0 for embeddings, 1 and more for layers, and one more than there are layers for all above them: the last norm of a model,
/// and heads. An adapter lies where its layer lies.
#[must_use]
pub fn depth_of(path: &str, layers: LayerCounts) -> usize {
    match layer_of(path, layers) {
        Some(layer) => layer + 1,
        None if EMBEDDINGS.iter().any(|start| path.starts_with(start)) => 0,
        None => top_depth(layers),
    }
}

/// The depth of heads.
#[must_use]
pub fn top_depth(layers: LayerCounts) -> usize {
    layers.all + 1
}

impl Model {
    /// What the learning rate of each parameter that is trained is multiplied with: 1 for heads, `decay^(N - i)` for layer `i`,
    /// counted from 0, of `N`, and `decay^(N + 1)` for embeddings (<https://arxiv.org/abs/1801.06146>, section 3.2, with one
    /// factor from each layer to the next).
    #[must_use]
    pub fn rate_scales(&self, decay: f64) -> BTreeMap<String, f64> {
        let layers = self.backbone.layer_counts();
        let mut paths = TrainedPaths::default();
        self.visit(&mut paths);
        let scale = |path: &str| decay.powi((top_depth(layers) - depth_of(path, layers)) as i32);
        paths.found.into_iter().map(|path| (path.clone(), scale(&path))).collect()
    }
}

#[derive(Default)]
struct TrainedPaths {
    path: ParamPath,
    found: Vec<String>,
}

impl ModuleVisitor for TrainedPaths {
    fn enter_module(&mut self, name: &str, container_type: &str) {
        self.path.enter(name, container_type);
    }

    fn exit_module(&mut self, _name: &str, _container_type: &str) {
        self.path.exit();
    }

    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
        if param.is_require_grad() {
            self.found.push(self.path.join());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parameters_lie_where_a_text_meets_them() {
        let one_stack = LayerCounts { before_decoder: 0, all: 3 };
        for (path, expected) in [
            ("backbone.embeddings.word_embeddings.weight", 0),
            ("backbone.embed_tokens.shards.1", 0),
            ("backbone.projection.bias", 0),
            ("backbone.layers.0.query.weight", 1),
            ("backbone.layers.2.mlp.up_proj.lora.lora_a", 3),
            ("backbone.relative_attention_bias.weight", 1),
            ("backbone.norm.weight", 4),
            ("head.classifier.weight", 4),
            ("more_heads.1.classifier.bias", 4),
        ] {
            assert_eq!(depth_of(path, one_stack), expected, "{path}");
        }
        let two_stacks = LayerCounts { before_decoder: 2, all: 5 };
        for (path, expected) in [
            ("backbone.embed_tokens.shards.0", 0),
            ("backbone.encoder.layers.1.mlp.wo.weight", 2),
            ("backbone.encoder.norm.weight", 2),
            ("backbone.decoder.layers.0.cross_attn.q_proj.weight", 3),
            ("backbone.decoder.norm.weight", 6),
            ("head.lm_head.shards.0", 6),
        ] {
            assert_eq!(depth_of(path, two_stacks), expected, "{path}");
        }
    }

    #[cfg(feature = "cpu")]
    #[test]
    fn rates_fall_from_the_head_down_to_the_embeddings_and_of_adapters_with_their_layers() {
        use burn::tensor::Device;

        use super::super::ModelConfig;
        use crate::config::{Freeze, LoraConfig, Method, Pooling};
        use crate::nn::Init;

        let json = br#"{"model_type": "vit", "hidden_size": 8, "num_hidden_layers": 2, "num_attention_heads": 2,
            "intermediate_size": 16, "image_size": 8, "patch_size": 4}"#;
        let config = ModelConfig::from_json(json).expect("usable");
        let device = Device::flex().autodiff();
        let model = Model::new(&config, Pooling::Cls, 2, &mut Init::new(1), &device);
        let scale = |scales: &BTreeMap<String, f64>, start: &str| -> Vec<f64> {
            let mut found: Vec<f64> =
                scales.iter().filter(|(path, _)| path.starts_with(start)).map(|(_, scale)| *scale).collect();
            found.dedup();
            found
        };
        let all = model.clone().rate_scales(0.5);
        assert_eq!(scale(&all, "head."), [1.0]);
        assert_eq!(scale(&all, "backbone.layers.1."), [0.5]);
        assert_eq!(scale(&all, "backbone.layers.0."), [0.25]);
        assert_eq!(scale(&all, "backbone.embeddings."), [0.125]);
        let frozen = model.clone().frozen_for(Method::Full, Freeze::Layers(1)).rate_scales(0.5);
        assert!(scale(&frozen, "backbone.embeddings.").is_empty() && scale(&frozen, "backbone.layers.0.").is_empty());
        assert_eq!(scale(&frozen, "backbone.layers.1."), [0.5], "layers keep their place");

        let mut adapted = model;
        let targets = ["all-linear".to_owned()];
        adapted.add_lora(config.key_map(), &LoraConfig::default(), &targets, &mut Init::new(2), &device);
        let scales = adapted.frozen_for(Method::Lora, Freeze::None).rate_scales(0.5);
        assert!(scales.keys().all(|path| path.contains(".lora.") || path.starts_with("head.")));
        assert_eq!(
            (scale(&scales, "backbone.layers.0."), scale(&scales, "backbone.layers.1.")),
            (vec![0.25], vec![0.5])
        );
    }
}
