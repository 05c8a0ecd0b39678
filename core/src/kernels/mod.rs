//! Operations with kernels of their own, each behind one function: it picks the CPU's kernel, the GPU's, or the composition
//! of burn's operations that every other device takes.
//!
//! In: tensors, with or without autodiff. Out: the same figures whichever way is taken, up to the last digits. This is the
//! only room of the library that asks for devices' features and for the target that it is compiled for.

mod adamw;
mod constructors;
#[cfg(feature = "cpu")]
mod cpu;
mod dropout;
mod gelu;
#[cfg(feature = "gpu")]
mod gpu;
mod layer_norm;
mod matmul;
mod memory;
mod own_copy;
mod rms_norm;
mod rows;
mod softmax;
mod square_sum;
mod threads;

use burn::tensor::Device;

use crate::plan::Kernels;

pub(crate) use adamw::{AdamWStep, GradientScale, adamw};
pub use constructors::run_static_constructors;
pub(crate) use dropout::dropout;
pub use gelu::{gelu, gelu_tanh, mish, quick_gelu, relu, silu, tanh};
#[cfg(feature = "gpu")]
pub use gpu::{MatmulKernel, set_matmul_kernel};
pub(crate) use layer_norm::layer_norm;
pub use matmul::matmul;
pub(crate) use matmul::{add_bias, linear};
pub use memory::keep_freed_memory;
pub(crate) use own_copy::own_copy;
pub(crate) use rms_norm::rms_norm;
pub(crate) use rows::{exp_below, scale_rows};
pub(crate) use softmax::masked_softmax;
pub(crate) use square_sum::square_sum;
pub use threads::{num_threads, run_on_threads};

/// Whose kernels compute on a device.
#[must_use]
pub fn kernels_of(device: &Device) -> Kernels {
    #[cfg(feature = "cpu")]
    if cpu::is_cpu(device.clone()) {
        return Kernels::Own;
    }
    #[cfg(not(feature = "cpu"))]
    let _ = device;
    Kernels::Composed
}
