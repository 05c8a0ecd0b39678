//! Root mean square normalisation over the last dimension (<https://arxiv.org/abs/1910.07467>).

use burn::module::{Module, Param};
use burn::tensor::{Device, Tensor};

use crate::kernels::rms_norm;

/// `x / sqrt(mean(x^2) + eps) * weight`, as `transformers`' `LlamaRMSNorm`; or `* (1 + weight)`, as its `GemmaRMSNorm`.
#[derive(Module, Debug)]
pub struct RmsNorm {
    /// `[hidden]`
    pub weight: Param<Tensor<1>>,
    /// Added to the mean square.
    #[module(skip)]
    pub eps: f64,
    /// The factor is `1 + weight` (Gemma).
    #[module(skip)]
    adds_one: bool,
}

impl RmsNorm {
    /// Weight one.
    #[must_use]
    pub fn new(hidden: usize, eps: f64, device: &Device) -> Self {
        Self { weight: Param::from_tensor(Tensor::ones([hidden], device)), eps, adds_one: false }
    }

    /// Weight zero, to which the norm adds one.
    #[must_use]
    pub fn one_plus(hidden: usize, eps: f64, device: &Device) -> Self {
        Self { weight: Param::from_tensor(Tensor::zeros([hidden], device)), eps, adds_one: true }
    }

    /// # Shapes
    /// - `x`: `[.., hidden]`
    /// - returns: the same
    #[must_use]
    pub fn forward<const D: usize>(&self, x: Tensor<D>) -> Tensor<D> {
        let weight = if self.adds_one { self.weight.val().add_scalar(1.0) } else { self.weight.val() };
        rms_norm(x, weight, self.eps)
    }
}

#[cfg(all(test, feature = "cpu"))]
mod tests {
    use super::*;

    fn values(tensor: Tensor<2>) -> Vec<f32> {
        tensor.into_data().iter::<f32>().collect()
    }

    #[test]
    fn a_weight_that_one_is_added_to_is_the_plain_weight_less_one() {
        let device = Device::flex();
        let x = Tensor::<2>::from_data([[1.0_f32, -2.0, 0.5], [3.0, 4.0, -1.0]], &device);
        let norms = || [RmsNorm::new(3, 1e-6, &device), RmsNorm::one_plus(3, 1e-6, &device)];
        let [plain, one_plus] = norms().map(|norm| values(norm.forward(x.clone())));
        assert_eq!(plain, one_plus, "fresh, both multiply with one");
        let [mut plain, mut one_plus] = norms();
        plain.weight = Param::from_tensor(Tensor::from_data([1.5_f32, 0.25, -2.0], &device));
        one_plus.weight = Param::from_tensor(Tensor::from_data([0.5_f32, -0.75, -3.0], &device));
        assert_eq!(values(plain.forward(x.clone())), values(one_plus.forward(x)));
    }
}
