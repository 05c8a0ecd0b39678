//! AdamW (<https://arxiv.org/abs/1711.05101>) with PyTorch's order of operations and defaults.
//!
//! `torch.optim.AdamW`: decay first (`p *= 1 - lr * wd`), then `p -= lr / (1 - b1^t) * m / (sqrt(v) / sqrt(1 - b2^t)
//! + eps)`. No decay on biases and LayerNorm, as `transformers.Trainer` groups them.

use std::collections::BTreeMap;

use burn::module::{Module, ModuleMapper, Param};
use burn::tensor::Tensor;

use super::{ClipFactor, GradientSum, Pull};
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
    /// What the learning rate of a parameter is multiplied with, by its path; of one that is not named with 1.
    pub rate_scales: BTreeMap<String, f64>,
    /// What weights are pulled to in the place of weight decay.
    pub pull: Option<Pull>,
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
        let (moments, skipped, rate_scales) = (BTreeMap::new(), BTreeMap::new(), BTreeMap::new());
        Self { config, step: 0, moments, skipped, rate_scales, pull: None }
    }

    /// Updates every parameter of `module` that has a gradient.
    #[must_use]
    pub fn step<M: Module>(&mut self, module: M, gradients: GradientSum, clip: &ClipFactor, learning_rate: f64) -> M {
        self.step += 1;
        let AdamWConfig { beta1, beta2, epsilon, weight_decay } = self.config;
        let at = |step: u32, rate_scale: f64| {
            let time = f64::from(step);
            AdamWStep {
                beta1,
                beta2,
                epsilon,
                step_size: learning_rate * rate_scale / (1.0 - beta1.powf(time)),
                sqrt_correction2: (1.0 - beta2.powf(time)).sqrt(),
                scale: GradientScale::new(clip.factor.clone()),
            }
        };
        let (moments, skipped) = (&mut self.moments, &mut self.skipped);
        let (path, step, count) = (ParamPath::default(), at(self.step, 1.0), self.step);
        let (rate_scales, pull) = (&self.rate_scales, self.pull.as_ref());
        let rates = Rates { learning_rate, weight_decay, rate_scales, pull };
        module.map(&mut Update { path, gradients, moments, skipped, rates, step, count, at: &at })
    }
}

struct Update<'a> {
    path: ParamPath,
    gradients: GradientSum,
    moments: &'a mut BTreeMap<String, Moments>,
    skipped: &'a mut BTreeMap<String, u32>,
    rates: Rates<'a>,
    /// Of parameters that had a gradient in every step, at the whole rate.
    step: AdamWStep,
    /// Steps so far.
    count: u32,
    /// The step of a parameter that had so many, at this share of the rate.
    at: &'a dyn Fn(u32, f64) -> AdamWStep,
}

/// How fast each parameter goes, and where to without a gradient.
struct Rates<'a> {
    learning_rate: f64,
    weight_decay: f64,
    rate_scales: &'a BTreeMap<String, f64>,
    pull: Option<&'a Pull>,
}

impl Update<'_> {
    /// `[numel]` to `[numel]`.
    fn update(&mut self, path: &str, weight: Tensor<1>, gradient: Tensor<1>) -> Tensor<1> {
        let Rates { learning_rate, weight_decay, rate_scales, pull } = &self.rates;
        let rate_scale = rate_scales.get(path).copied();
        let own_rate = learning_rate * rate_scale.unwrap_or(1.0);
        let (weight, decay) = match pull.and_then(|pull| pull.pulled(path, &weight, own_rate)) {
            Some(pulled) => (pulled, 1.0),
            None if takes_decay(path) => (weight, 1.0 - own_rate * weight_decay),
            None => (weight, 1.0),
        };
        let moments = match self.moments.remove(path) {
            Some(Moments { first, second }) => [first, second],
            None => [Tensor::zeros_like(&gradient), Tensor::zeros_like(&gradient)],
        };
        let taken = self.skipped.get(path).map(|skipped| self.count.saturating_sub(*skipped).max(1));
        let is_own = taken.is_some() || rate_scale.is_some();
        let own = is_own.then(|| (self.at)(taken.unwrap_or(self.count), rate_scale.unwrap_or(1.0)));
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

    #[cfg(feature = "cpu")]
    #[derive(Module, Debug)]
    struct Weights {
        weights: Vec<Weight>,
    }

    /// Each parameter at its own share of the rate; and pulled to what it began with, in the place of weight decay.
    #[cfg(feature = "cpu")]
    #[test]
    fn scaled_rates_and_pulls_give_the_weights_of_pytorch() {
        use crate::loss::goldens::{golden, number, numbers, numbers_of};

        let device = burn::tensor::Device::flex().autodiff();
        let plain = device.clone().without_autodiff();
        let lists = |value: &serde_json::Value| -> Vec<Vec<f32>> {
            value.as_array().expect("lists").iter().map(numbers_of).collect()
        };
        for case in golden("adamw") {
            let tensor = |values: Vec<f32>, on: &burn::tensor::Device| Tensor::<1>::from_data(values.as_slice(), on);
            let weight = |values: Vec<f32>| Weight { weight: Param::from_tensor(tensor(values, &device)) };
            let mut module = Weights { weights: lists(&case["begin"]).into_iter().map(weight).collect() };
            let weight_decay = number(&case, "weight_decay");
            let mut optimizer = AdamW::new(AdamWConfig { beta1: 0.9, beta2: 0.999, epsilon: 1e-8, weight_decay });
            let path = |index: usize| format!("weights.{index}.weight");
            for (index, scale) in numbers(&case, "scales").into_iter().enumerate() {
                // The scales of the script are decimals, which f32 has not exactly.
                optimizer.rate_scales.insert(path(index), (f64::from(scale) * 1e4).round() / 1e4);
            }
            if number(&case, "l2_sp") > 0.0 {
                optimizer.pull = Some(Pull::to(&module, number(&case, "l2_sp"), |_| true));
            }
            for step in case["gradients"].as_array().expect("steps") {
                let mut gradients = GradientSum::default();
                for (index, gradient) in lists(step).into_iter().enumerate() {
                    gradients.add_gradient(path(index), tensor(gradient, &plain));
                }
                let clip = ClipFactor { norm: tensor(vec![1.0], &plain), factor: None };
                module = optimizer.step(module, gradients, &clip, number(&case, "learning_rate"));
            }
            for (found, expected) in module.weights.iter().zip(lists(&case["end"])) {
                for (found, expected) in found.weight.val().into_data().iter::<f32>().zip(expected) {
                    assert!((found - expected).abs() < 2e-6, "{found}, not {expected}");
                }
            }
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
