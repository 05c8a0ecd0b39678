//! Gradients by parameter path, summed over the micro-batches of a step.

use std::collections::BTreeMap;

use burn::module::{Module, ModuleVisitor, Param};
use burn::tensor::{Gradients, Tensor};

/// Path to gradient, flattened to `[numel]`.
#[derive(Debug, Default)]
pub struct GradientSum {
    gradients: BTreeMap<String, Tensor<1>>,
}

impl GradientSum {
    /// Adds the gradients that `backward` left for the parameters of `module`.
    pub fn add<M: Module>(&mut self, module: &M, gradients: Gradients) {
        module.visit(&mut Collect { path: Vec::new(), gradients, sum: &mut self.gradients });
    }

    /// Takes the gradient of a parameter out.
    pub fn remove(&mut self, path: &str) -> Option<Tensor<1>> {
        self.gradients.remove(path)
    }

    /// All gradients.
    pub fn tensors(&self) -> impl Iterator<Item = (&str, &Tensor<1>)> {
        self.gradients.iter().map(|(path, tensor)| (path.as_str(), tensor))
    }

    /// Nothing has been added.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.gradients.is_empty()
    }
}

struct Collect<'a> {
    path: Vec<String>,
    gradients: Gradients,
    sum: &'a mut BTreeMap<String, Tensor<1>>,
}

impl ModuleVisitor for Collect<'_> {
    fn enter_module(&mut self, name: &str, _container_type: &str) {
        self.path.push(name.to_owned());
    }

    fn exit_module(&mut self, _name: &str, _container_type: &str) {
        self.path.pop();
    }

    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
        let Some(gradient) = param.val().grad_remove(&mut self.gradients) else { return };
        let gradient = gradient.flatten::<1>(0, D - 1);
        let path = self.path.join(".");
        let sum = match self.sum.remove(&path) {
            Some(sum) => sum + gradient,
            None => gradient,
        };
        self.sum.insert(path, sum);
    }
}
