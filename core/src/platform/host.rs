//! CPU kernels for burn-flex tensors: what training repeats over every weight, in one pass over memory instead of one
//! pass an operation. In: tensors on the CPU. Out: the same tensors, changed in place where nobody else holds them.

use burn::tensor::Tensor;
use burn_flex::Flex;

use crate::optim::Moments;

/// Values per task: small enough to share out, large enough to hide the cost of sharing.
const CHUNK: usize = 1 << 15;

/// Whether the tensor lives on the CPU backend.
pub(crate) fn is_host<const D: usize>(tensor: &Tensor<D>) -> bool {
    matches!(tensor.device().without_autodiff().as_dispatch(), burn_dispatch::DispatchDevice::Flex(_))
}

/// The value of a one-element CPU tensor; `None` elsewhere.
pub(crate) fn scalar(tensor: &Tensor<1>) -> Option<f32> {
    is_host(tensor).then(|| with_values(tensor, |values| values[0]))
}

/// Sum of squares; `None` if the tensor is not on the CPU.
pub(crate) fn square_sum(tensor: &Tensor<1>) -> Option<f32> {
    is_host(tensor).then(|| {
        with_values(tensor, |values| {
            let partial = |chunk: &[f32]| {
                let mut lanes = [0f32; 16];
                let (blocks, rest) = chunk.as_chunks::<16>();
                for block in blocks {
                    for (lane, value) in lanes.iter_mut().zip(block) {
                        *lane += value * value;
                    }
                }
                f64::from(lanes.iter().sum::<f32>()) + rest.iter().map(|&v| f64::from(v) * f64::from(v)).sum::<f64>()
            };
            map_chunks(values, partial).into_iter().sum::<f64>() as f32
        })
    })
}

/// One AdamW step; `weight`, both moments and `gradient` are `[numel]`.
pub(crate) fn adamw(
    weight: Tensor<1>,
    moments: Moments,
    gradient: Tensor<1>,
    scalars: &crate::optim::StepScalars,
    decay: f64,
    clip: f32,
) -> (Tensor<1>, Moments) {
    let (mut weight, mut first, mut second) = (primitive(weight), primitive(moments.first), primitive(moments.second));
    let gradient = primitive(gradient);
    let gradient = contiguous(&gradient);
    let (beta1, beta2) = (scalars.beta1 as f32, scalars.beta2 as f32);
    let (rest1, rest2) = ((1.0 - scalars.beta1) as f32, (1.0 - scalars.beta2) as f32);
    let (decay, step_size) = (decay as f32, scalars.step_size as f32);
    let (inverse, epsilon) = ((1.0 / scalars.sqrt_correction2) as f32, scalars.epsilon as f32);
    let kernel = |w: &mut [f32], m: &mut [f32], v: &mut [f32], g: &[f32]| {
        for (((w, m), v), g) in w.iter_mut().zip(m).zip(v).zip(g) {
            let g = g * clip;
            *m = beta1 * *m + rest1 * g;
            *v = beta2 * *v + rest2 * g * g;
            *w = decay * *w - step_size * (*m / (v.sqrt() * inverse + epsilon));
        }
    };
    zip_chunks(weight.storage_mut(), first.storage_mut(), second.storage_mut(), &gradient, kernel);
    (tensor(weight), Moments { first: tensor(first), second: tensor(second) })
}

fn primitive(tensor: Tensor<1>) -> burn_flex::FlexTensor {
    let flex = tensor.try_into_primitive::<Flex>().expect("checked by is_host: the tensor lives on burn-flex");
    let exact = flex.layout().start_offset() == 0
        && flex.is_contiguous()
        && flex.bytes().len() == flex.layout().num_elements() * size_of::<f32>();
    if exact { flex } else { flex.to_contiguous() }
}

fn tensor(flex: burn_flex::FlexTensor) -> Tensor<1> {
    Tensor::from_primitive::<Flex>(flex)
}

fn contiguous(flex: &burn_flex::FlexTensor) -> std::borrow::Cow<'_, [f32]> {
    match flex.as_slice::<f32>() {
        Some(values) => std::borrow::Cow::Borrowed(values),
        None => std::borrow::Cow::Owned(flex.to_contiguous().storage::<f32>().to_vec()),
    }
}

fn with_values<T>(tensor: &Tensor<1>, read: impl FnOnce(&[f32]) -> T) -> T {
    let flex = primitive(tensor.clone());
    read(&contiguous(&flex))
}

#[cfg(feature = "rayon")]
fn map_chunks<T: Send>(values: &[f32], kernel: impl Fn(&[f32]) -> T + Sync + Send) -> Vec<T> {
    use rayon::prelude::*;
    values.par_chunks(CHUNK).map(kernel).collect()
}

#[cfg(not(feature = "rayon"))]
fn map_chunks<T>(values: &[f32], kernel: impl Fn(&[f32]) -> T) -> Vec<T> {
    values.chunks(CHUNK).map(kernel).collect()
}

#[cfg(feature = "rayon")]
fn zip_chunks(
    w: &mut [f32],
    m: &mut [f32],
    v: &mut [f32],
    g: &[f32],
    kernel: impl Fn(&mut [f32], &mut [f32], &mut [f32], &[f32]) + Sync + Send,
) {
    use rayon::prelude::*;
    w.par_chunks_mut(CHUNK)
        .zip(m.par_chunks_mut(CHUNK))
        .zip(v.par_chunks_mut(CHUNK))
        .zip(g.par_chunks(CHUNK))
        .for_each(|(((w, m), v), g)| kernel(w, m, v, g));
}

#[cfg(not(feature = "rayon"))]
fn zip_chunks(
    w: &mut [f32],
    m: &mut [f32],
    v: &mut [f32],
    g: &[f32],
    kernel: impl Fn(&mut [f32], &mut [f32], &mut [f32], &[f32]),
) {
    kernel(w, m, v, g);
}
