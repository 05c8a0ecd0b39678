//! Kernels for GPUs through cubecl: what burn's own do slowly at the shapes of small models (`docs/adr/0009`).
//!
//! In: tensors on a GPU, with or without autodiff. Out: the same figures, faster. `nn/` keeps burn's operation for other
//! devices, and for shapes that a kernel does not take.

mod matmul;

use burn::backend::{Dispatch, DispatchDevice};
use burn::tensor::{DType, Tensor};

use matmul::MatmulOps;

/// Whether the tensor lives on a GPU, in f32.
pub(crate) fn is_gpu<const D: usize>(tensor: &Tensor<D>) -> bool {
    let device = tensor.device().without_autodiff();
    tensor.dtype() == DType::F32 && !matches!(device.as_dispatch(), DispatchDevice::Flex(_))
}

/// `lhs rhs` of f32 tensors on one GPU.
pub(crate) fn matmul<const D: usize>(lhs: Tensor<D>, rhs: Tensor<D>) -> Tensor<D> {
    Tensor::from_dispatch(<Dispatch as MatmulOps>::matmul(lhs.into_dispatch(), rhs.into_dispatch()))
}
