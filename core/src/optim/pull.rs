//! L2-SP (Li et al. 2018, <https://arxiv.org/abs/1802.01483>): weights are pulled back to those that a run began with, rather
//! than to zero.
//!
//! The paper adds `alpha / 2 |w - w0|^2` to the loss. Under AdamW such a term would be divided by each weight's own second
//! moment, as L2 regularisation was before weight decay was decoupled; here the pull is decoupled as AdamW's decay is:
//! `w -= rate * alpha * (w - w0)` before the step. It takes the place of the weight decay of what it pulls; what is new, such
//! as a head, keeps its decay, which is the paper's `beta / 2 |w|^2`.

use std::collections::BTreeMap;

use burn::module::{Module, ModuleVisitor, Param};
use burn::tensor::Tensor;

use crate::nn::ParamPath;

/// What weights are pulled to, and how strongly.
#[derive(Debug, Clone)]
pub struct Pull {
    /// The paper's alpha.
    strength: f64,
    /// `[numel]` each, by parameter path, without autodiff.
    towards: BTreeMap<String, Tensor<1>>,
}

impl Pull {
    /// Pulls every parameter of `module` that takes gradients and that `is_pulled` accepts by its path, to what it is now. The
    /// weights are held once more from the first step on.
    #[must_use]
    pub fn to<M: Module>(module: &M, strength: f64, is_pulled: impl Fn(&str) -> bool) -> Self {
        Self { strength, towards: trained_weights(module, is_pulled) }
    }

    /// A weight after its pull in a step of this learning rate; `None` where nothing pulls it.
    ///
    /// # Shapes
    /// - `weight`: `[numel]`, without autodiff
    /// - returns: the same
    pub(super) fn pulled(&self, path: &str, weight: &Tensor<1>, learning_rate: f64) -> Option<Tensor<1>> {
        let towards = self.towards.get(path)?;
        let share = learning_rate * self.strength;
        Some(weight.clone() - (weight.clone() - towards.clone()).mul_scalar(share))
    }
}

/// Every parameter of `module` that takes gradients and that `is_taken` accepts by its path: `[numel]` each, without autodiff,
/// shared with the module.
#[must_use]
pub fn trained_weights<M: Module>(module: &M, is_taken: impl Fn(&str) -> bool) -> BTreeMap<String, Tensor<1>> {
    let mut collect = Collect { path: ParamPath::default(), is_taken, weights: BTreeMap::new() };
    module.visit(&mut collect);
    collect.weights
}

struct Collect<F> {
    path: ParamPath,
    is_taken: F,
    weights: BTreeMap<String, Tensor<1>>,
}

impl<F: Fn(&str) -> bool> ModuleVisitor for Collect<F> {
    fn enter_module(&mut self, name: &str, container_type: &str) {
        self.path.enter(name, container_type);
    }

    fn exit_module(&mut self, _name: &str, _container_type: &str) {
        self.path.exit();
    }

    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
        let path = self.path.join();
        if param.is_require_grad() && (self.is_taken)(&path) {
            self.weights.insert(path, param.val().inner().flatten::<1>(0, D - 1));
        }
    }
}
