//! AdamW (<https://arxiv.org/abs/1711.05101>) with PyTorch's order of operations and defaults.
//!
//! `torch.optim.AdamW`: decay first (`p *= 1 - lr * wd`), then `p -= lr / (1 - b1^t) * m / (sqrt(v) / sqrt(1 - b2^t)
//! + eps)`. No decay on biases and LayerNorm, as `transformers.Trainer` groups them.

use std::collections::BTreeMap;

use burn::module::{Module, ModuleMapper, Param};
use burn::tensor::Tensor;

use super::{ClipFactor, GradientSum};
use crate::kernels::{AdamWStep, GradientScale, adamw};
use crate::nn::ParamPath;

/// Settings of AdamW.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct AdamWConfig {
    /// Decay of the first moment.
    pub beta1: f64,
    /// Decay of the second moment.
    pub beta2: f64,
    /// Denominator term.
    pub epsilon: f64,
    /// Decoupled weight decay.
    pub weight_decay: f64,
}

/// First and second moment of a parameter, flattened to `[numel]`, on its device.
#[derive(Debug, Clone)]
pub struct Moments {
    /// Running mean of gradients.
    pub first: Tensor<1>,
    /// Running mean of squared gradients.
    pub second: Tensor<1>,
}

/// The optimizer: settings, step count and moments by parameter path.
#[derive(Debug, Clone)]
pub struct AdamW {
    /// Settings.
    pub config: AdamWConfig,
    /// Steps taken.
    pub step: u32,
    /// Moments by parameter path.
    pub moments: BTreeMap<String, Moments>,
}

/// Whether weight decay applies: not to biases and LayerNorm weights.
fn takes_decay(path: &str) -> bool {
    !path.ends_with(".bias") && !path.contains("norm")
}

impl AdamW {
    /// A fresh optimizer.
    #[must_use]
    pub fn new(config: AdamWConfig) -> Self {
        Self { config, step: 0, moments: BTreeMap::new() }
    }

    /// Updates every parameter of `module` that has a gradient.
    #[must_use]
    pub fn step<M: Module>(&mut self, module: M, gradients: GradientSum, clip: &ClipFactor, learning_rate: f64) -> M {
        self.step += 1;
        let time = f64::from(self.step);
        let AdamWConfig { beta1, beta2, epsilon, weight_decay } = self.config;
        let step = AdamWStep {
            beta1,
            beta2,
            epsilon,
            step_size: learning_rate / (1.0 - beta1.powf(time)),
            sqrt_correction2: (1.0 - beta2.powf(time)).sqrt(),
            scale: GradientScale::new(clip.factor.clone()),
        };
        let decay = 1.0 - learning_rate * weight_decay;
        module.map(&mut Update { path: ParamPath::default(), gradients, moments: &mut self.moments, decay, step })
    }
}

struct Update<'a> {
    path: ParamPath,
    gradients: GradientSum,
    moments: &'a mut BTreeMap<String, Moments>,
    /// What weights are multiplied with where weight decay applies.
    decay: f64,
    step: AdamWStep,
}

impl Update<'_> {
    /// `[numel]` to `[numel]`.
    fn update(&mut self, path: &str, weight: Tensor<1>, gradient: Tensor<1>) -> Tensor<1> {
        let decay = if takes_decay(path) { self.decay } else { 1.0 };
        let moments = match self.moments.remove(path) {
            Some(Moments { first, second }) => [first, second],
            None => [Tensor::zeros_like(&gradient), Tensor::zeros_like(&gradient)],
        };
        let (weight, [first, second]) = adamw(weight, moments, gradient, decay, &self.step);
        self.moments.insert(path.to_owned(), Moments { first, second });
        weight
    }
}

impl ModuleMapper for Update<'_> {
    fn enter_module(&mut self, name: &str, container_type: &str) {
        self.path.enter(name, container_type);
    }

    fn exit_module(&mut self, _name: &str, _container_type: &str) {
        self.path.exit();
    }

    fn map_float<const D: usize>(&mut self, param: Param<Tensor<D>>) -> Param<Tensor<D>> {
        let path = self.path.join();
        let Some(gradient) = self.gradients.remove(&path) else { return param };
        let shape = param.shape();
        let (id, weight, mapper) = param.consume();
        let weight = self.update(&path, weight.inner().flatten::<1>(0, D - 1), gradient);
        let weight = weight.reshape::<D, _>(shape).autodiff().require_grad();
        Param::from_mapped_value(id, weight, mapper)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn biases_and_norms_take_no_decay() {
        for path in ["backbone.layers.0.query.bias", "backbone.layers.1.attention_norm.weight", "backbone.norm.weight"]
        {
            assert!(!takes_decay(path), "{path}");
        }
        let decayed = [
            "backbone.embeddings.word_embeddings.weight",
            "head.classifier.weight",
            "backbone.layers.0.mlp.up_proj.weight",
        ];
        for path in decayed {
            assert!(takes_decay(path), "{path}");
        }
    }
}
