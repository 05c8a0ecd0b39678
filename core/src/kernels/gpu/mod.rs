//! Kernels for GPUs through cubecl: what burn's own do slowly at the shapes of small models (`docs/adr/0009`).
//!
//! In: tensors on a GPU, with or without autodiff. Out: the same figures, faster. Shapes that a kernel does not take go to
//! burn's operation.

mod choice;
mod matmul;

use burn::backend::Dispatch;
use burn::tensor::Tensor;

pub(crate) use choice::takes_matmul;
pub use choice::{MatmulKernel, set_matmul_kernel};
use matmul::MatmulOps;

/// `lhs rhs` of f32 tensors on one GPU.
pub(crate) fn matmul<const D: usize>(lhs: Tensor<D>, rhs: Tensor<D>) -> Tensor<D> {
    Tensor::from_dispatch(<Dispatch as MatmulOps>::matmul(lhs.into_dispatch(), rhs.into_dispatch()))
}
