//! Gradients by parameter path, summed over the micro-batches of a step.

use std::collections::BTreeMap;

use burn::module::{Module, ModuleVisitor, Param};
use burn::tensor::{Gradients, Tensor};

use crate::nn::ParamPath;

/// Path to gradient, flattened to `[numel]`.
#[derive(Debug, Default)]
pub struct GradientSum {
    gradients: BTreeMap<String, Tensor<1>>,
}

impl GradientSum {
    /// Adds the gradients that `backward` left for the parameters of `module`.
    pub fn add<M: Module>(&mut self, module: &M, gradients: Gradients) {
        module.visit(&mut Collect { path: ParamPath::default(), gradients, sum: &mut self.gradients });
    }

    /// Adds a gradient that autodiff did not compute; its shape does not matter.
    pub fn add_gradient<const D: usize>(&mut self, path: String, gradient: Tensor<D>) {
        add(&mut self.gradients, path, gradient.flatten::<1>(0, D - 1));
    }

    /// Adds all gradients of `other`, each under the path that `name` gives for its own.
    pub fn add_all(&mut self, other: Self, name: impl Fn(&str) -> String) {
        for (path, gradient) in other.gradients {
            add(&mut self.gradients, name(&path), gradient);
        }
    }

    /// All gradients times `factor`.
    #[must_use]
    pub fn scaled(self, factor: f64) -> Self {
        let scale = |(path, gradient): (String, Tensor<1>)| (path, gradient.mul_scalar(factor));
        Self { gradients: self.gradients.into_iter().map(scale).collect() }
    }

    /// Drops every gradient whose parameter's path `is_kept` does not accept.
    pub fn retain(&mut self, is_kept: impl Fn(&str) -> bool) {
        self.gradients.retain(|path, _| is_kept(path));
    }

    /// The gradient of a parameter, `[elements]`.
    #[must_use]
    pub fn get(&self, path: &str) -> Option<&Tensor<1>> {
        self.gradients.get(path)
    }

    /// Removes the gradient of a parameter and returns it, `[elements]`.
    pub fn remove(&mut self, path: &str) -> Option<Tensor<1>> {
        self.gradients.remove(path)
    }

    /// All gradients, `[elements]` each, with the paths of their parameters.
    pub fn tensors(&self) -> impl Iterator<Item = (&str, &Tensor<1>)> {
        self.gradients.iter().map(|(path, tensor)| (path.as_str(), tensor))
    }
}

fn add(sum: &mut BTreeMap<String, Tensor<1>>, path: String, gradient: Tensor<1>) {
    let gradient = match sum.remove(&path) {
        Some(before) => before + gradient,
        None => gradient,
    };
    sum.insert(path, gradient);
}

struct Collect<'a> {
    path: ParamPath,
    gradients: Gradients,
    sum: &'a mut BTreeMap<String, Tensor<1>>,
}

impl ModuleVisitor for Collect<'_> {
    fn enter_module(&mut self, name: &str, container_type: &str) {
        self.path.enter(name, container_type);
    }

    fn exit_module(&mut self, _name: &str, _container_type: &str) {
        self.path.exit();
    }

    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
        let Some(gradient) = param.val().grad_remove(&mut self.gradients) else { return };
        let gradient = gradient.flatten::<1>(0, D - 1);
        add(self.sum, self.path.join(), gradient);
    }
}
