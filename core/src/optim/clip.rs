//! Clipping by the global norm, as `torch.nn.utils.clip_grad_norm_`.

use burn::tensor::Tensor;

use super::GradientSum;
use crate::kernels::square_sum;

/// Added to the norm before dividing, as PyTorch does.
const NORM_EPS: f64 = 1e-6;

/// The global norm and what gradients are multiplied with; both stay on the device, so that no step waits for it.
#[derive(Debug, Clone)]
pub struct ClipFactor {
    /// `[1]`, the norm before clipping.
    pub norm: Tensor<1>,
    /// `[1]`, at most 1; `None` where clipping is off.
    pub factor: Option<Tensor<1>>,
}

/// Measures the global norm; `max_grad_norm` 0 switches clipping off. `None` when there are no gradients.
#[must_use]
pub fn clip_factor(gradients: &GradientSum, max_grad_norm: f64) -> Option<ClipFactor> {
    let squares: Vec<Tensor<1>> = gradients.tensors().map(|(_, gradient)| square_sum(gradient)).collect();
    if squares.is_empty() {
        return None;
    }
    let norm = Tensor::cat(squares, 0).sum().sqrt();
    let factor = (max_grad_norm > 0.0)
        .then(|| norm.clone().add_scalar(NORM_EPS).recip().mul_scalar(max_grad_norm).clamp_max(1.0));
    Some(ClipFactor { norm, factor })
}
