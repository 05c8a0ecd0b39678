//! Root mean square normalisation over the last dimension (<https://arxiv.org/abs/1910.07467>).

use burn::tensor::Tensor;

#[cfg(feature = "cpu")]
use super::cpu;

/// `x / sqrt(mean(x^2) + eps) * weight`
///
/// # Shapes
/// - `x`: `[.., hidden]`, `weight`: `[hidden]`
/// - returns: as `x`
#[must_use]
pub(crate) fn rms_norm<const D: usize>(x: Tensor<D>, weight: Tensor<1>, eps: f64) -> Tensor<D> {
    #[cfg(feature = "cpu")]
    if cpu::is_on_cpu(&x) {
        return cpu::rms_norm(x, weight, eps);
    }
    let mean_square = x.clone().square().mean_dim(D - 1); // [.., 1]
    x / mean_square.add_scalar(eps).sqrt() * weight.unsqueeze()
}

#[cfg(all(test, feature = "cpu"))]
mod tests {
    use burn::tensor::{Device, TensorData};

    use super::*;

    /// Output, gradient of `x` and of the weight, where each output counts as often as its place.
    fn found(norm: impl Fn(Tensor<3>, Tensor<1>) -> Tensor<3>) -> [Vec<f32>; 3] {
        let device = Device::flex().autodiff();
        let values: Vec<f32> = (0..2 * 3 * 11).map(|at| ((at * 37 % 23) as f32 - 11.0) / 7.0).collect();
        let x = Tensor::<3>::from_data(TensorData::new(values, [2, 3, 11]), &device).require_grad();
        let weight: Vec<f32> = (0..11).map(|at| 0.5 + at as f32 / 10.0).collect();
        let weight = Tensor::<1>::from_data(TensorData::new(weight, [11]), &device).require_grad();
        let places: Vec<f32> = (0..2 * 3 * 11).map(|at| (at % 5) as f32 - 1.5).collect();
        let places = Tensor::<3>::from_data(TensorData::new(places, [2, 3, 11]), &device);
        let y = norm(x.clone(), weight.clone());
        let gradients = (y.clone() * places).sum().backward();
        let [of_x, of_weight] = [x.grad(&gradients).expect("it is used").into_data(), {
            weight.grad(&gradients).expect("it is used").into_data()
        }];
        [y.into_data(), of_x, of_weight].map(|data| data.iter::<f32>().collect())
    }

    #[test]
    fn the_kernel_and_the_composition_agree() {
        let kernel = found(|x, weight| rms_norm(x, weight, 1e-6));
        let composed = found(|x, weight| {
            let mean_square = x.clone().square().mean_dim(2);
            x / mean_square.add_scalar(1e-6).sqrt() * weight.unsqueeze()
        });
        for (kernel, composed) in kernel.iter().zip(&composed) {
            assert_eq!(kernel.len(), composed.len());
            let worst = kernel.iter().zip(composed).map(|(one, other)| (one - other).abs()).fold(0.0, f32::max);
            assert!(worst < 2e-5, "{worst}: {kernel:?} {composed:?}");
        }
    }
}
