//! One AdamW step in one pass.

use burn::tensor::Tensor;

use super::parallel::{vectorised, zip_tasks};
use super::{lift, plain};
use crate::kernels::AdamWStep;

/// `weight`, both moments and `gradient` are `[numel]`, on the CPU; `scale` multiplies the gradient.
pub(crate) fn adamw(
    weight: Tensor<1>,
    [first, second]: [Tensor<1>; 2],
    gradient: Tensor<1>,
    decay: f64,
    scale: f32,
    step: &AdamWStep,
) -> (Tensor<1>, [Tensor<1>; 2]) {
    let (mut weight, mut first, mut second) = (plain(weight), plain(first), plain(second));
    let gradient = plain(gradient);
    let (beta1, beta2) = (step.beta1 as f32, step.beta2 as f32);
    let (rest1, rest2) = ((1.0 - step.beta1) as f32, (1.0 - step.beta2) as f32);
    let (decay, step_size) = (decay as f32, step.step_size as f32);
    let (inverse, epsilon) = ((1.0 / step.sqrt_correction2) as f32, step.epsilon as f32);
    let kernel = |w: &mut [f32], m: &mut [f32], v: &mut [f32], g: &[f32]| {
        vectorised(
            #[inline(always)]
            || {
                for (((w, m), v), g) in w.iter_mut().zip(m).zip(v).zip(g) {
                    let g = g * scale;
                    *m = beta1 * *m + rest1 * g;
                    *v = beta2 * *v + rest2 * g * g;
                    *w = decay * *w - step_size * (*m / (v.sqrt() * inverse + epsilon));
                }
            },
        );
    };
    let changed = [weight.storage_mut(), first.storage_mut(), second.storage_mut()];
    zip_tasks(changed, gradient.storage(), kernel);
    (lift(weight), [lift(first), lift(second)])
}
