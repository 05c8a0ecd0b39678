//! The number format of a run: whether the device has it, and what f16 needs so that small gradients survive.

use burn::tensor::{Device, FloatDType};

use super::TrainError;
use crate::config::Dtype;

/// burn's name for a format that the device computes in.
///
/// # Errors
/// When the device does not; says which formats it has.
pub fn float_dtype(dtype: Dtype, device: &Device) -> Result<FloatDType, TrainError> {
    let has = |dtype: Dtype| dtype.is_f32() || device.supports_dtype(named(dtype));
    if has(dtype) {
        return Ok(named(dtype));
    }
    let known: Vec<&str> = Dtype::ALL.into_iter().filter(|&dtype| has(dtype)).map(Dtype::name).collect();
    let device = format!("{:?}", device.clone().without_autodiff());
    Err(TrainError::NoDtype { dtype: dtype.name(), known: known.join(" or "), device })
}

fn named(dtype: Dtype) -> FloatDType {
    match dtype {
        Dtype::F32 => FloatDType::F32,
        Dtype::Bf16 => FloatDType::BF16,
        Dtype::F16 => FloatDType::F16,
    }
}

/// What the loss of a step is multiplied with before its gradients are found, and they are divided by afterwards.
///
/// Between layers gradients are f32, but on their way through a product they are f16 for a moment, where digits are
/// lost below 6e-5 and nothing is smaller than 6e-8: the gradient of a mean over a thousand tokens lies about there. So
/// in f16 gradients are those of the sum, of order one at the logits of each token, whatever the batch. That needs no
/// state, unlike a scale that is searched for (`torch.amp.GradScaler`); as a power of two it changes no digit. A
/// gradient above 65,504 is infinite and ends the run as diverged. bf16 has the range of f32 and needs nothing.
#[must_use]
pub fn gradient_scale(dtype: Dtype, weight_sum: f64) -> f64 {
    match dtype {
        Dtype::F16 if weight_sum >= 1.0 => 2f64.powi(weight_sum.log2().floor() as i32),
        Dtype::F32 | Dtype::Bf16 | Dtype::F16 => 1.0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_f16_is_scaled_and_by_a_power_of_two() {
        assert_eq!([Dtype::F32, Dtype::Bf16].map(|dtype| gradient_scale(dtype, 1000.0)), [1.0, 1.0]);
        let found = [0.3, 1.0, 7.9, 8.0, 1000.0].map(|sum| gradient_scale(Dtype::F16, sum));
        assert_eq!(found, [1.0, 1.0, 4.0, 8.0, 512.0]);
    }

    #[cfg(feature = "cpu")]
    #[test]
    fn the_cpu_has_every_format() {
        for dtype in Dtype::ALL {
            assert_eq!(float_dtype(dtype, &Device::flex().autodiff()).expect("it has"), named(dtype));
        }
    }
}
