//! Matrix products: by Hone's own kernel on a GPU where that was found faster (`device_tune`), by burn elsewhere.

#[cfg(feature = "gpu")]
use std::sync::atomic::{AtomicBool, Ordering};

use burn::tensor::Tensor;

#[cfg(feature = "gpu")]
use crate::platform::gpu;

/// Whose kernel multiplies matrices on a GPU.
#[cfg(feature = "gpu")]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MatmulKernel {
    /// burn's, from cubek.
    Burn,
    /// `platform/gpu/matmul`.
    Hone,
}

#[cfg(feature = "gpu")]
static IS_HONES: AtomicBool = AtomicBool::new(false);

/// Which kernel multiplies f32 matrices on GPUs from now on, in this process. At first it is burn's.
#[cfg(feature = "gpu")]
pub fn set_matmul_kernel(kernel: MatmulKernel) {
    IS_HONES.store(kernel == MatmulKernel::Hone, Ordering::Relaxed);
}

/// `lhs rhs`.
///
/// # Shapes
/// - `lhs`: `[.., m, k]`, `rhs`: `[.., k, n]`
/// - returns: `[.., m, n]`
#[must_use]
pub fn matmul<const D: usize>(lhs: Tensor<D>, rhs: Tensor<D>) -> Tensor<D> {
    #[cfg(feature = "gpu")]
    if is_for_hone(&lhs, &rhs) {
        return gpu::matmul(lhs, rhs);
    }
    lhs.matmul(rhs)
}

/// `x W + b`.
///
/// # Shapes
/// - `x`: `[rows, in]`, `weight`: `[in, out]`, `bias`: `[out]`
/// - returns: `[rows, out]`
#[must_use]
pub(super) fn linear(x: Tensor<2>, weight: Tensor<2>, bias: Option<Tensor<1>>) -> Tensor<2> {
    #[cfg(feature = "gpu")]
    if is_for_hone(&x, &weight) {
        return plus(gpu::matmul(x, weight), bias);
    }
    burn::tensor::module::linear(x, weight, bias)
}

/// `x + b`, if there is one.
pub(super) fn plus(x: Tensor<2>, bias: Option<Tensor<1>>) -> Tensor<2> {
    match bias {
        Some(bias) => x + bias.unsqueeze(),
        None => x,
    }
}

/// Shapes that do not belong together go to burn, which says so or stretches them.
#[cfg(feature = "gpu")]
fn is_for_hone<const D: usize>(lhs: &Tensor<D>, rhs: &Tensor<D>) -> bool {
    let (left, right) = (lhs.dims(), rhs.dims());
    IS_HONES.load(Ordering::Relaxed)
        && left[..D - 2] == right[..D - 2]
        && left[D - 1] == right[D - 2]
        && gpu::is_gpu(lhs)
        && gpu::is_gpu(rhs)
}
