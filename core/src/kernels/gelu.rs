//! The Gaussian error linear unit `x * Phi(x)`, exact, by `tanh` and by a sigmoid, and its cousins SiLU, ReLU and Mish.

use std::f64::consts::{FRAC_1_SQRT_2, PI};

use burn::tensor::{Tensor, activation};

#[cfg(feature = "cpu")]
use super::cpu;

/// `0.5 x (1 + erf(x / sqrt 2))` (<https://arxiv.org/abs/1606.08415>). Shape unchanged.
///
/// Written out rather than taken from `activation::gelu`: that one's backward goes through `tanh`, which is NaN for
/// large arguments in WGSL, and MiniLM's weights reach such arguments in the first step.
#[must_use]
pub fn gelu<const D: usize>(x: Tensor<D>) -> Tensor<D> {
    #[cfg(feature = "cpu")]
    if cpu::is_on_cpu(&x) {
        return cpu::gelu(x);
    }
    let cdf = x.clone().mul_scalar(FRAC_1_SQRT_2).erf().add_scalar(1.0);
    (x * cdf).mul_scalar(0.5)
}

/// Largest argument that `tanh` gets. `tanh(20)` is 1 in f32; WGSL's `tanh` of large arguments is NaN on some devices.
const TANH_LIMIT: f64 = 20.0;

/// `tanh` that is no NaN anywhere. Shape unchanged.
#[must_use]
pub fn tanh<const D: usize>(x: Tensor<D>) -> Tensor<D> {
    x.clamp(-TANH_LIMIT, TANH_LIMIT).tanh()
}

/// `0.5 x (1 + tanh(sqrt(2 / pi) (x + 0.044715 x^3)))`, `transformers`' `gelu_new`. Shape unchanged.
#[must_use]
pub fn gelu_tanh<const D: usize>(x: Tensor<D>) -> Tensor<D> {
    #[cfg(feature = "cpu")]
    if cpu::is_on_cpu(&x) {
        return cpu::gelu_tanh(x);
    }
    let cube = x.clone() * x.clone().square().mul_scalar(0.044_715);
    let inner = (x.clone() + cube).mul_scalar((2.0 / PI).sqrt());
    let cdf = tanh(inner).add_scalar(1.0);
    (x * cdf).mul_scalar(0.5)
}

/// `x sigmoid(x)` (<https://arxiv.org/abs/1702.03118>). Shape unchanged.
#[must_use]
pub fn silu<const D: usize>(x: Tensor<D>) -> Tensor<D> {
    #[cfg(feature = "cpu")]
    if cpu::is_on_cpu(&x) {
        return cpu::silu(x);
    }
    activation::silu(x)
}

/// `max(x, 0)`. Shape unchanged.
#[must_use]
pub fn relu<const D: usize>(x: Tensor<D>) -> Tensor<D> {
    #[cfg(feature = "cpu")]
    if cpu::is_on_cpu(&x) {
        return cpu::relu(x);
    }
    activation::relu(x)
}

/// `x sigmoid(1.702 x)`, `transformers`' `quick_gelu`. Shape unchanged.
#[must_use]
pub fn quick_gelu<const D: usize>(x: Tensor<D>) -> Tensor<D> {
    activation::sigmoid(x.clone().mul_scalar(1.702)) * x
}

/// `x tanh(ln(1 + exp(x)))` (<https://arxiv.org/abs/1908.08681>). Shape unchanged.
///
/// With `e = exp(x)` the `tanh` is `e (e + 2) / (e (e + 2) + 2)`, which is 1 in f32 long before `exp` overflows.
#[must_use]
pub fn mish<const D: usize>(x: Tensor<D>) -> Tensor<D> {
    let e = x.clone().clamp_max(TANH_LIMIT).exp();
    let product = e.clone() * e.add_scalar(2.0);
    x * (product.clone() / product.add_scalar(2.0))
}

#[cfg(all(test, feature = "cpu"))]
mod tests {
    use burn::tensor::Device;

    use super::*;

    /// Largest difference from torch's figures, which are rounded to seven digits.
    const TOLERANCE: f32 = 2e-6;

    /// A function, and torch's values and gradients at `X`.
    type Case = (&'static str, fn(Tensor<1>) -> Tensor<1>, [f32; 9], [f32; 9]);

    const X: [f32; 9] = [-12.0, -3.0, -1.0, -0.25, 0.0, 0.25, 1.0, 3.0, 12.0];

    /// `ACT2FN` of transformers 5.24 on torch, with autograd.
    #[test]
    fn values_and_gradients_are_those_of_torch() {
        #[rustfmt::skip]
        let cases: [Case; 4] = [
            ("quick_gelu", quick_gelu,
                [0.0, -0.0180713, -0.1542042, -0.0988003, 0.0, 0.1511997, 0.8457958, 2.9819288, 12.0],
                [0.0, -0.024548, -0.06778, 0.2935, 0.5, 0.7065, 1.06778, 1.024548, 1.0]),
            ("tanh", tanh,
                [-1.0, -0.9950548, -0.7615942, -0.2449187, 0.0, 0.2449187, 0.7615942, 0.9950548, 1.0],
                [0.0, 0.009866, 0.419974, 0.940015, 1.0, 0.940015, 0.419974, 0.009866, 0.0]),
            ("relu2", |x| relu(x).square(),
                [0.0, 0.0, 0.0, 0.0, 0.0, 0.0625, 1.0, 9.0, 144.0],
                [0.0, 0.0, 0.0, 0.0, 0.0, 0.5, 2.0, 6.0, 24.0]),
            ("mish", mish,
                [-7.37e-5, -0.145_647_5, -0.303_401, -0.129_927, 0.0, 0.1695724, 0.8650984, 2.986_535, 12.0],
                [-6.8e-5, -0.093393, 0.059217, 0.439816, 0.6, 0.754173, 1.049036, 1.021107, 1.0]),
        ];
        for (name, function, values, gradients) in cases {
            let x = Tensor::<1>::from_data(X, &Device::flex().autodiff()).require_grad();
            let y = function(x.clone());
            let all = y.clone().sum().backward();
            let found: Vec<f32> = y.into_data().iter::<f32>().collect();
            let slopes: Vec<f32> = x.grad(&all).expect("it takes part").into_data().iter::<f32>().collect();
            for (index, at) in X.into_iter().enumerate() {
                let off = [found[index] - values[index], slopes[index] - gradients[index]];
                assert!(off.iter().all(|off| off.abs() < TOLERANCE), "{name} at {at}: off by {off:?}");
            }
        }
        let far: Vec<f32> =
            mish(Tensor::<1>::from_data([-100.0_f32, 100.0], &Device::flex())).into_data().iter::<f32>().collect();
        assert!(far[0].abs() < f32::MIN_POSITIVE && far[1] == 100.0, "{far:?}");
    }
}
