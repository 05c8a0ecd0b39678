//! CPU kernels for burn-flex tensors: what training repeats over every weight or activation, in one pass over memory
//! where the composition of burn's operations would take one pass an operation.
//!
//! In: tensors on the CPU, with or without autodiff. Out: the same figures, faster (`cargo xtask bench` measures them;
//! the parity tests cover them).

mod adamw;
mod dropout;
mod gelu;
mod lanes;
mod layer_norm;
mod matmul;
mod parallel;
mod rms_norm;
mod rows;
mod softmax;
mod square_sum;

use burn::tensor::{DType, Device, Tensor};
use burn_autodiff::Autodiff;
use burn_dispatch::DispatchDevice;
use burn_flex::{Flex, FlexTensor};

pub(crate) use adamw::adamw;
pub(crate) use dropout::dropout;
pub(crate) use gelu::{gelu, gelu_tanh, relu, silu};
pub(crate) use layer_norm::layer_norm;
pub(crate) use matmul::{linear, matmul, takes_matmul};
pub(crate) use rms_norm::rms_norm;
pub(crate) use rows::{exp_below, scale_rows, takes_rows};
pub(crate) use softmax::masked_softmax;
pub(crate) use square_sum::square_sum;

/// Whether the tensor lives on the CPU backend.
pub(crate) fn is_on_cpu<const D: usize>(tensor: &Tensor<D>) -> bool {
    is_cpu(tensor.device())
}

/// Whether a device is the CPU backend, with autodiff or without.
pub(super) fn is_cpu(device: Device) -> bool {
    matches!(device.without_autodiff().as_dispatch(), DispatchDevice::Flex(_))
}

/// The value of a one-element tensor on the CPU.
pub(crate) fn scalar(tensor: &Tensor<1>) -> f32 {
    plain(tensor.clone()).storage::<f32>()[0]
}

/// The same values in memory of their own; of a tensor that is none of f32, which no step writes over, the tensor.
pub(crate) fn own_copy<const D: usize>(tensor: Tensor<D>) -> Tensor<D> {
    let flex = plain(tensor);
    match flex.dtype() {
        DType::F32 => lift(shaped(&flex, flex.storage::<f32>().to_vec())),
        _ => lift(flex),
    }
}

type Recorded = <Autodiff<Flex> as burn_backend::BackendTypes>::FloatTensorPrimitive;

/// The primitive of a tensor on the CPU without autodiff, contiguous and exactly as long as its shape says.
fn plain<const D: usize>(tensor: Tensor<D>) -> FlexTensor {
    exact(tensor.try_into_primitive::<Flex>().expect("callers check is_on_cpu and take autodiff off"))
}

/// The autodiff primitive of a tensor on the CPU.
fn recorded<const D: usize>(tensor: Tensor<D>) -> Recorded {
    tensor.try_into_primitive::<Autodiff<Flex>>().expect("callers check is_on_cpu and is_autodiff")
}

fn exact(flex: FlexTensor) -> FlexTensor {
    let is_exact = flex.layout().start_offset() == 0
        && flex.is_contiguous()
        && flex.bytes().len() == flex.layout().num_elements() * size_of::<f32>();
    if is_exact { flex } else { FlexTensor::from_data(flex.into_data()) }
}

/// A tensor of the shape of `like`, with these values.
fn shaped(like: &FlexTensor, values: Vec<f32>) -> FlexTensor {
    FlexTensor::from_data(burn::tensor::TensorData::new(values, like.layout().shape().clone()))
}

fn vector(values: Vec<f32>) -> FlexTensor {
    let length = values.len();
    FlexTensor::from_data(burn::tensor::TensorData::new(values, [length]))
}

fn lift<const D: usize>(flex: FlexTensor) -> Tensor<D> {
    Tensor::from_primitive::<Flex>(flex)
}
