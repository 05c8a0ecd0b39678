//! Which kernel multiplies matrices on GPUs: burn's, or Hone's where it was found faster (`device_tune`).

use std::sync::atomic::{AtomicBool, Ordering};

use burn::backend::DispatchDevice;
use burn::tensor::{DType, Tensor};

/// Whose kernel multiplies matrices on a GPU.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MatmulKernel {
    /// burn's, from cubek.
    Burn,
    /// `kernels/gpu/matmul`.
    Hone,
}

static IS_HONES: AtomicBool = AtomicBool::new(false);

/// Which kernel multiplies f32 matrices on GPUs from now on, in this process. At first it is burn's.
pub fn set_matmul_kernel(kernel: MatmulKernel) {
    IS_HONES.store(kernel == MatmulKernel::Hone, Ordering::Relaxed);
}

/// Whether Hone's kernel multiplies these two. Shapes that do not belong together go to burn, which says so or stretches
/// them.
pub(crate) fn takes_matmul<const D: usize>(lhs: &Tensor<D>, rhs: &Tensor<D>) -> bool {
    let (left, right) = (lhs.dims(), rhs.dims());
    IS_HONES.load(Ordering::Relaxed)
        && left[..D - 2] == right[..D - 2]
        && left[D - 1] == right[D - 2]
        && is_f32_on_gpu(lhs)
        && is_f32_on_gpu(rhs)
}

fn is_f32_on_gpu<const D: usize>(tensor: &Tensor<D>) -> bool {
    let device = tensor.device().without_autodiff();
    tensor.dtype() == DType::F32 && !matches!(device.as_dispatch(), DispatchDevice::Flex(_))
}
