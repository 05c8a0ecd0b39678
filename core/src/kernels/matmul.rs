//! Matrix products: by Hone's own kernel on a GPU where that was found faster (`device_tune`), by `gemm` on the CPU, by
//! burn elsewhere.

use burn::tensor::Tensor;

#[cfg(feature = "cpu")]
use super::cpu;
#[cfg(feature = "gpu")]
use super::gpu;

/// `lhs rhs`.
///
/// # Shapes
/// - `lhs`: `[.., m, k]`, `rhs`: `[.., k, n]`
/// - returns: `[.., m, n]`
#[must_use]
pub fn matmul<const D: usize>(lhs: Tensor<D>, rhs: Tensor<D>) -> Tensor<D> {
    #[cfg(feature = "gpu")]
    if gpu::takes_matmul(&lhs, &rhs) {
        return gpu::matmul(lhs, rhs);
    }
    #[cfg(feature = "cpu")]
    if cpu::takes_matmul(&lhs, &rhs) {
        return cpu::matmul(lhs, rhs);
    }
    lhs.matmul(rhs)
}

/// `x W + b`.
///
/// # Shapes
/// - `x`: `[rows, in]`, `weight`: `[in, out]`, `bias`: `[out]`
/// - returns: `[rows, out]`
#[must_use]
pub(crate) fn linear(x: Tensor<2>, weight: Tensor<2>, bias: Option<Tensor<1>>) -> Tensor<2> {
    #[cfg(feature = "gpu")]
    if gpu::takes_matmul(&x, &weight) {
        return add_bias(gpu::matmul(x, weight), bias);
    }
    #[cfg(feature = "cpu")]
    if cpu::takes_matmul(&x, &weight) {
        return match bias {
            Some(bias) => cpu::linear(x, weight, bias),
            None => cpu::matmul(x, weight),
        };
    }
    burn::tensor::module::linear(x, weight, bias)
}

/// `x + b`, if there is a bias.
///
/// # Shapes
/// - `x`: `[rows, out]`, `bias`: `[out]`
/// - returns: as `x`
#[must_use]
pub(crate) fn add_bias(x: Tensor<2>, bias: Option<Tensor<1>>) -> Tensor<2> {
    match bias {
        Some(bias) => x + bias.unsqueeze(),
        None => x,
    }
}
