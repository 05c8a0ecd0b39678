//! One AdamW step of one parameter, in PyTorch's order of operations: `w = decay w`, then
//! `w -= step_size m / (sqrt(v) / sqrt(1 - b2^t) + eps)`.

use burn::tensor::Tensor;

#[cfg(feature = "cpu")]
use super::cpu;

/// What one step does to every parameter alike, computed once.
pub(crate) struct AdamWStep {
    pub(crate) beta1: f64,
    pub(crate) beta2: f64,
    pub(crate) epsilon: f64,
    /// `learning_rate / (1 - beta1^t)`
    pub(crate) step_size: f64,
    /// `sqrt(1 - beta2^t)`
    pub(crate) sqrt_correction2: f64,
    /// What every gradient is multiplied with first.
    pub(crate) scale: GradientScale,
}

/// A factor of all gradients of a step: on the device, so that no step waits for it, or on the CPU as a number.
pub(crate) struct GradientScale {
    factor: Option<Tensor<1>>,
    /// The factor's value, where it lies on the CPU.
    #[cfg(feature = "cpu")]
    value: Option<f32>,
}

impl GradientScale {
    /// `factor` is `[1]`; `None` leaves gradients as they are.
    pub(crate) fn new(factor: Option<Tensor<1>>) -> Self {
        Self {
            #[cfg(feature = "cpu")]
            value: factor.as_ref().map_or(Some(1.0), |factor| cpu::is_on_cpu(factor).then(|| cpu::scalar(factor))),
            factor,
        }
    }
}

/// New weight and moments (mean of gradients, mean of squared gradients); `decay` multiplies the old weight.
///
/// # Shapes
/// - all tensors: `[numel]`, without autodiff
pub(crate) fn adamw(
    weight: Tensor<1>,
    [first, second]: [Tensor<1>; 2],
    gradient: Tensor<1>,
    decay: f64,
    step: &AdamWStep,
) -> (Tensor<1>, [Tensor<1>; 2]) {
    #[cfg(feature = "cpu")]
    if let Some(scale) = step.scale.value
        && cpu::is_on_cpu(&weight)
    {
        return cpu::adamw(weight, [first, second], gradient, decay, scale, step);
    }
    let AdamWStep { beta1, beta2, epsilon, step_size, sqrt_correction2, .. } = *step;
    let gradient = match &step.scale.factor {
        Some(factor) => gradient * factor.clone(),
        None => gradient,
    };
    let first = first.mul_scalar(beta1) + gradient.clone().mul_scalar(1.0 - beta1);
    let second = second.mul_scalar(beta2) + gradient.square().mul_scalar(1.0 - beta2);
    let denominator = second.clone().sqrt().div_scalar(sqrt_correction2).add_scalar(epsilon);
    let weight = weight.mul_scalar(decay) - (first.clone() / denominator).mul_scalar(step_size);
    (weight, [first, second])
}

#[cfg(all(test, feature = "cpu"))]
mod tests {
    use burn::tensor::Device;

    use super::*;

    fn value(tensor: Tensor<1>) -> f32 {
        tensor.into_data().try_to_vec::<f32>().expect("it is f32")[0]
    }

    /// Of `torch.optim.AdamW` (2.15) with a learning rate and a weight decay of 0.1.
    #[test]
    fn gradients_are_scaled_before_the_first_step() {
        let device = Device::flex();
        let tensor = |value: f32| Tensor::<1>::from_data([value], &device);
        for (factor, expected) in [(None, [0.89, 0.05, 2.5e-4]), (Some(0.5), [0.89, 0.025, 6.25e-5])] {
            let step = AdamWStep {
                beta1: 0.9,
                beta2: 0.999,
                epsilon: 1e-8,
                step_size: 1.0,
                sqrt_correction2: 0.001f64.sqrt(),
                scale: GradientScale::new(factor.map(tensor)),
            };
            let (weight, [first, second]) = adamw(tensor(1.0), [tensor(0.0), tensor(0.0)], tensor(0.5), 0.99, &step);
            for (found, expected) in [weight, first, second].map(value).into_iter().zip(expected) {
                assert!((found - expected).abs() < 1e-6, "{found}, not {expected}");
            }
        }
    }
}
