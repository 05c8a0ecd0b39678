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
    /// Steps in which a parameter that is trained had no gradient, by its path: as in PyTorch they are none of its own. Of
    /// a head that a step was not about.
    pub skipped: BTreeMap<String, u32>,
}

/// Whether weight decay applies: not to norms, nor to what has `bias` in its name (`Trainer.get_decay_parameter_names` of
/// `transformers`), which the numbers of distances of T5 have, too.
fn takes_decay(path: &str) -> bool {
    !path.contains("bias") && !path.contains("norm")
}

impl AdamW {
    /// A fresh optimizer.
    #[must_use]
    pub fn new(config: AdamWConfig) -> Self {
        Self { config, step: 0, moments: BTreeMap::new(), skipped: BTreeMap::new() }
    }

    /// Updates every parameter of `module` that has a gradient.
    #[must_use]
    pub fn step<M: Module>(&mut self, module: M, gradients: GradientSum, clip: &ClipFactor, learning_rate: f64) -> M {
        self.step += 1;
        let AdamWConfig { beta1, beta2, epsilon, weight_decay } = self.config;
        let at = |step: u32| {
            let time = f64::from(step);
            AdamWStep {
                beta1,
                beta2,
                epsilon,
                step_size: learning_rate / (1.0 - beta1.powf(time)),
                sqrt_correction2: (1.0 - beta2.powf(time)).sqrt(),
                scale: GradientScale::new(clip.factor.clone()),
            }
        };
        let (moments, skipped) = (&mut self.moments, &mut self.skipped);
        let decay = 1.0 - learning_rate * weight_decay;
        let (path, step, count) = (ParamPath::default(), at(self.step), self.step);
        module.map(&mut Update { path, gradients, moments, skipped, decay, step, count, at: &at })
    }
}

struct Update<'a> {
    path: ParamPath,
    gradients: GradientSum,
    moments: &'a mut BTreeMap<String, Moments>,
    skipped: &'a mut BTreeMap<String, u32>,
    /// What weights are multiplied with where weight decay applies.
    decay: f64,
    /// Of parameters that had a gradient in every step.
    step: AdamWStep,
    /// Steps so far.
    count: u32,
    /// The step of a parameter that had so many.
    at: &'a dyn Fn(u32) -> AdamWStep,
}

impl Update<'_> {
    /// `[numel]` to `[numel]`.
    fn update(&mut self, path: &str, weight: Tensor<1>, gradient: Tensor<1>) -> Tensor<1> {
        let decay = if takes_decay(path) { self.decay } else { 1.0 };
        let moments = match self.moments.remove(path) {
            Some(Moments { first, second }) => [first, second],
            None => [Tensor::zeros_like(&gradient), Tensor::zeros_like(&gradient)],
        };
        let own = self.skipped.get(path).map(|skipped| (self.at)(self.count.saturating_sub(*skipped).max(1)));
        let (weight, [first, second]) = adamw(weight, moments, gradient, decay, own.as_ref().unwrap_or(&self.step));
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
        let Some(gradient) = self.gradients.remove(&path) else {
            if param.is_require_grad() {
                *self.skipped.entry(path).or_default() += 1;
            }
            return param;
        };
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

    #[cfg(feature = "cpu")]
    #[derive(Module, Debug)]
    struct Weight {
        weight: Param<Tensor<1>>,
    }

    /// As in `torch.optim.AdamW`, each of two steps with a gradient of 1 is as long as the learning rate, whatever steps
    /// without one stand before, between or after them.
    #[cfg(feature = "cpu")]
    #[test]
    fn steps_without_a_gradient_do_not_count() {
        let device = burn::tensor::Device::flex().autodiff();
        let run = |has_gradient: &[bool]| {
            let config = AdamWConfig { beta1: 0.9, beta2: 0.999, epsilon: 1e-8, weight_decay: 0.0 };
            let mut optimizer = AdamW::new(config);
            let mut module = Weight { weight: Param::from_tensor(Tensor::from_data([1.0_f32], &device)) };
            for &has_gradient in has_gradient {
                let mut gradients = GradientSum::default();
                let one = Tensor::<1>::from_data([1.0_f32], &device.clone().without_autodiff());
                if has_gradient {
                    gradients.add_gradient("weight".to_owned(), one.clone());
                }
                let clip = ClipFactor { norm: one, factor: None };
                module = optimizer.step(module, gradients, &clip, 0.1);
            }
            module.weight.val().into_data().iter::<f32>().next().expect("one number")
        };
        for steps in [&[true, true][..], &[false, true, true], &[true, false, false, true], &[true, true, false]] {
            assert!((run(steps) - 0.8).abs() < 1e-5, "{steps:?}: {}", run(steps));
        }
    }

    #[test]
    fn biases_and_norms_take_no_decay() {
        let others = [
            "backbone.layers.0.query.bias",
            "backbone.layers.1.attention_norm.weight",
            "backbone.norm.weight",
            "backbone.encoder.layers.0.self_attn.relative_attention_bias.weight",
        ];
        for path in others {
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
