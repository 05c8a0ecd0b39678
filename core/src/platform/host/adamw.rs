//! One AdamW step in one pass.

use burn::tensor::Tensor;

use super::parallel::{map_tasks, vectorised, zip_tasks};
use super::{lanes, lift, plain};
use crate::optim::{Moments, StepScalars};

/// Sum of squares; `None` if the tensor is not on the CPU.
pub(crate) fn square_sum(tensor: &Tensor<1>) -> Option<f32> {
    super::is_host(tensor).then(|| {
        let flex = plain(tensor.clone());
        let parts = map_tasks(flex.storage::<f32>(), |part| {
            vectorised(
                #[inline(always)]
                || lanes::dot(part, part),
            )
        });
        parts.into_iter().map(f64::from).sum::<f64>() as f32
    })
}

/// `weight`, both moments and `gradient` are `[numel]`; `clip` multiplies the gradient.
pub(crate) fn adamw(
    weight: Tensor<1>,
    moments: Moments,
    gradient: Tensor<1>,
    scalars: &StepScalars,
    decay: f64,
    clip: f32,
) -> (Tensor<1>, Moments) {
    let (mut weight, mut first, mut second) = (plain(weight), plain(moments.first), plain(moments.second));
    let gradient = plain(gradient);
    let (beta1, beta2) = (scalars.beta1 as f32, scalars.beta2 as f32);
    let (rest1, rest2) = ((1.0 - scalars.beta1) as f32, (1.0 - scalars.beta2) as f32);
    let (decay, step_size) = (decay as f32, scalars.step_size as f32);
    let (inverse, epsilon) = ((1.0 / scalars.sqrt_correction2) as f32, scalars.epsilon as f32);
    let kernel = |w: &mut [f32], m: &mut [f32], v: &mut [f32], g: &[f32]| {
        vectorised(
            #[inline(always)]
            || {
                for (((w, m), v), g) in w.iter_mut().zip(m).zip(v).zip(g) {
                    let g = g * clip;
                    *m = beta1 * *m + rest1 * g;
                    *v = beta2 * *v + rest2 * g * g;
                    *w = decay * *w - step_size * (*m / (v.sqrt() * inverse + epsilon));
                }
            },
        );
    };
    let changed = [weight.storage_mut(), first.storage_mut(), second.storage_mut()];
    zip_tasks(changed, gradient.storage(), kernel);
    (lift(weight), Moments { first: lift(first), second: lift(second) })
}
