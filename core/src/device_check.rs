//! Does a device compute rightly? Every kind of operation that training uses, forward and backward, in the shapes of small
//! models, on the device and on the CPU: those of all models, and those that only decoders need.
//!
//! In: a device and a reference (burn-flex). Out: one [`DeviceCheck`] an operation. Drivers run it before a device is
//! trained on; one that fails is named and not used. Results are read with the async readers only.

use burn::module::Param;
use burn::tensor::{Device, ExecutionError, FloatDType, Gradients, Int, Tensor, TensorData, activation};

use crate::device_report::DeviceCheck;
use crate::kernels::{gelu, gelu_tanh, matmul, silu};
use crate::loss::token_cross_entropy;
use crate::nn::{Embedding, Init, LayerNorm, Linear, Lora, RmsNorm, RopeConfig, RopeScaling, TokenTable};

/// Largest difference from the reference, relative to the largest value of the result, that passes. Sums of a thousand
/// f32 products in another order differ by about 1e-6; wrong kernels differ by more than 1e-2.
pub const RELATIVE_TOLERANCE: f64 = 1e-4;

/// What stands in [`DeviceCheck::error`] for NaN, infinity or a result of the wrong size: JSON has no infinity.
pub const NOT_A_NUMBER: f64 = f64::MAX;

/// The device could not be asked.
#[derive(Debug, thiserror::Error)]
pub enum DeviceCheckError {
    /// A result could not be read back.
    #[error("{name}: the result can't be read back: {source}")]
    Read {
        /// Operation and shape.
        name: &'static str,
        /// Why.
        source: ExecutionError,
    },
    /// A result came back in another number format.
    #[error("{name}: the result is not f32: {found}")]
    Format {
        /// Operation and shape.
        name: &'static str,
        /// What came back.
        found: String,
    },
}

/// Results of an operation, each flattened to `[numel]`: the forward result, then the gradients.
type Operation = fn(&Device) -> Vec<Tensor<1>>;

const OPERATIONS: &[(&str, Operation)] = &[
    ("linear [16, 64, 384] x [384, 1536], with gradients", |device| linear([16, 64, 384], 1536, device)),
    ("linear [8, 64, 128] x [128, 512], with gradients", |device| linear([8, 64, 128], 512, device)),
    ("linear [16, 1, 384] x [384, 6], with gradients", |device| linear([16, 1, 384], 6, device)),
    ("matmul [2, 12, 64, 32] x [2, 12, 32, 64], with gradients", attention_scores),
    ("matmul [2, 12, 64, 64] x [2, 12, 64, 32], with gradients", attention_values),
    ("softmax of large values [2, 12, 64, 64], with gradient", masked_softmax),
    ("layer norm [16, 64, 384], with gradients", layer_norm),
    ("gather [1000, 384] by [16, 64], with its scatter", embedding),
    ("exact gelu up to 60, with gradient", |device| pointwise(60.0, gelu, device)),
    ("erf up to 10, with gradient", |device| pointwise(10.0, Tensor::erf, device)),
    ("tanh up to 50, with gradient", |device| pointwise(50.0, |x| x.clamp(-20.0, 20.0).tanh(), device)),
    ("relu up to 10, with gradient", |device| pointwise(10.0, activation::relu, device)),
    ("log-softmax cross-entropy [16, 6], with gradient", cross_entropy),
    ("sums and means of [1024, 1536]", reductions),
    ("LoRA and DoRA of rank 8 on linear [8, 64, 128] x [128, 384], with gradients", adapted_linear),
    ("adamw update [384, 1536]", adamw),
];

/// What decoders compute and encoders do not.
const DECODER_OPERATIONS: &[(&str, Operation)] = &[
    ("causal softmax [2, 4, 64, 64], with gradient", causal_softmax),
    ("rms norm [8, 64, 128], with gradients", rms_norm),
    ("rotary positions [2, 4, 64, 32], with gradient", rotary),
    ("gelu_new up to 60, with gradient", |device| pointwise(60.0, gelu_tanh, device)),
    ("silu up to 60, with gradient", |device| pointwise(60.0, silu, device)),
    ("token table [1000, 128] in three shards, with its scatter", token_table),
    ("token cross-entropy [96, 128] over 1000 tokens in three shards, with gradients", token_loss),
];

/// Compares `device` with `reference`, operation by operation.
///
/// # Errors
/// When a result can't be read back. A wrong result is not an error: it is a check that did not pass.
pub async fn check_device(device: &Device, reference: &Device) -> Result<Vec<DeviceCheck>, DeviceCheckError> {
    check(OPERATIONS, device, reference).await
}

/// As [`check_device`], what language models need besides.
///
/// # Errors
/// When a result can't be read back.
pub async fn check_decoder(device: &Device, reference: &Device) -> Result<Vec<DeviceCheck>, DeviceCheckError> {
    check(DECODER_OPERATIONS, device, reference).await
}

async fn check(
    operations: &[(&'static str, Operation)],
    device: &Device,
    reference: &Device,
) -> Result<Vec<DeviceCheck>, DeviceCheckError> {
    let mut checks = Vec::with_capacity(operations.len());
    for &(name, operation) in operations {
        let expected = read(name, operation(reference)).await?;
        let found = read(name, operation(device)).await?;
        let error = relative_error(&found, &expected);
        checks.push(DeviceCheck { name: name.into(), error, passed: error <= RELATIVE_TOLERANCE });
    }
    Ok(checks)
}

async fn read(name: &'static str, results: Vec<Tensor<1>>) -> Result<Vec<Vec<f32>>, DeviceCheckError> {
    let mut values = Vec::with_capacity(results.len());
    for result in results {
        let data = result.into_data_async().await.map_err(|source| DeviceCheckError::Read { name, source })?;
        let data =
            data.try_to_vec::<f32>().map_err(|error| DeviceCheckError::Format { name, found: format!("{error:?}") })?;
        values.push(data);
    }
    Ok(values)
}

/// The worst result's largest absolute difference over its largest expected value.
fn relative_error(found: &[Vec<f32>], expected: &[Vec<f32>]) -> f64 {
    if found.len() != expected.len() {
        return NOT_A_NUMBER;
    }
    let mut worst = 0.0f64;
    for (found, expected) in found.iter().zip(expected) {
        if found.len() != expected.len() || found.iter().any(|value| !value.is_finite()) {
            return NOT_A_NUMBER;
        }
        let largest = expected.iter().fold(0.0f64, |largest, &value| largest.max(f64::from(value).abs()));
        let difference = found
            .iter()
            .zip(expected)
            .fold(0.0f64, |most, (&found, &expected)| most.max((f64::from(found) - f64::from(expected)).abs()));
        worst = worst.max(difference / largest.max(f64::MIN_POSITIVE));
    }
    worst.min(NOT_A_NUMBER)
}

/// Spread evenly over `(-scale, scale)`, the same everywhere: integer hashing (<https://nullprogram.com/blog/2018/07/31/>),
/// then one exact conversion.
fn values<const D: usize>(dims: [usize; D], scale: f32, seed: u32, device: &Device) -> Tensor<D> {
    let count: usize = dims.iter().product();
    let values: Vec<f32> = (0..count)
        .map(|index| {
            let mut hash = (index as u32).wrapping_add(seed.wrapping_mul(0x9e37_79b9));
            hash = (hash ^ (hash >> 16)).wrapping_mul(0x7feb_352d);
            hash = (hash ^ (hash >> 15)).wrapping_mul(0x846c_a68b);
            hash ^= hash >> 16;
            ((hash >> 8) as f32 / 8_388_608.0 - 1.0) * scale
        })
        .collect();
    Tensor::from_data(TensorData::new(values, dims), device)
}

fn leaf<const D: usize>(dims: [usize; D], scale: f32, seed: u32, device: &Device) -> Tensor<D> {
    values(dims, scale, seed, &device.clone().autodiff()).require_grad()
}

/// Gradients of `sum(output * c)` for a fixed uneven `c`, so that errors can't cancel.
fn backward<const D: usize>(output: &Tensor<D>) -> Gradients {
    let uneven = values(output.dims(), 1.0, 99, &output.device());
    (output.clone() * uneven).sum().backward()
}

/// To `[numel]`, without autodiff.
fn flat<const D: usize>(tensor: Tensor<D>) -> Tensor<1> {
    let count = tensor.shape().num_elements();
    tensor.without_autodiff().reshape([count])
}

fn gradient<const D: usize>(of: &Tensor<D>, gradients: &Gradients) -> Tensor<1> {
    flat(of.grad(gradients).expect("every leaf takes part in the result"))
}

fn linear([batch, seq, hidden]: [usize; 3], output: usize, device: &Device) -> Vec<Tensor<1>> {
    let x = leaf([batch, seq, hidden], 1.0, 1, device);
    let (weight, bias) = (leaf([hidden, output], 0.1, 2, device), leaf([output], 0.1, 3, device));
    let layer = Linear {
        weight: Param::from_tensor(weight),
        bias: Some(Param::from_tensor(bias.clone())),
        lora: None,
        dtype: FloatDType::F32,
    };
    let y = layer.forward(x.clone()); // [batch, seq, output]
    let gradients = backward(&y);
    let of_weight = gradient(&layer.weight.val(), &gradients);
    let of_bias = gradient(&bias, &gradients);
    vec![flat(y), gradient(&x, &gradients), of_weight, of_bias]
}

/// Queries by keys, the keys transposed as attention does it.
fn attention_scores(device: &Device) -> Vec<Tensor<1>> {
    let (query, key) = (leaf([2, 12, 64, 32], 1.0, 4, device), leaf([2, 12, 64, 32], 1.0, 5, device));
    let scores = matmul(query.clone(), key.clone().swap_dims(2, 3)); // [batch, heads, seq, seq]
    let gradients = backward(&scores);
    vec![flat(scores), gradient(&query, &gradients), gradient(&key, &gradients)]
}

fn attention_values(device: &Device) -> Vec<Tensor<1>> {
    let (weights, value) = (leaf([2, 12, 64, 64], 1.0, 6, device), leaf([2, 12, 64, 32], 1.0, 7, device));
    let context = matmul(weights.clone(), value.clone()); // [batch, heads, seq, head_dim]
    let gradients = backward(&context);
    vec![flat(context), gradient(&weights, &gradients), gradient(&value, &gradients)]
}

/// Scores of several hundred, and a mask as large as f32 allows on some columns.
fn masked_softmax(device: &Device) -> Vec<Tensor<1>> {
    let scores = leaf([2, 12, 64, 64], 300.0, 8, device);
    let mask: Vec<f32> = (0..128).map(|index| if index % 64 >= 50 { -1e30 } else { 0.0 }).collect();
    let mask = Tensor::<4>::from_data(TensorData::new(mask, [2, 1, 1, 64]), &scores.device());
    let weights = activation::softmax(scores.clone() + mask, 3);
    let gradients = backward(&weights);
    vec![flat(weights), gradient(&scores, &gradients)]
}

fn layer_norm(device: &Device) -> Vec<Tensor<1>> {
    let x = leaf([16, 64, 384], 3.0, 9, device);
    let norm = LayerNorm::new(384, 1e-12, &device.clone().autodiff());
    let y = norm.forward(x.clone());
    let gradients = backward(&y);
    let of_weight = gradient(&norm.weight.val(), &gradients);
    let of_bias = gradient(&norm.bias.val(), &gradients);
    vec![flat(y), gradient(&x, &gradients), of_weight, of_bias]
}

/// Ids repeat, so that the gradient must add up.
fn embedding(device: &Device) -> Vec<Tensor<1>> {
    let table = Embedding { weight: Param::from_tensor(leaf([1000, 384], 1.0, 10, device)) };
    let ids: Vec<i32> = (0..16 * 64).map(|index| index * index % 997).collect();
    let ids = Tensor::<2, Int>::from_data(TensorData::new(ids, [16, 64]), &table.weight.val().device());
    let rows = table.forward(ids); // [batch, seq, hidden]
    let gradients = backward(&rows);
    vec![flat(rows), gradient(&table.weight.val(), &gradients)]
}

fn pointwise(scale: f32, function: fn(Tensor<2>) -> Tensor<2>, device: &Device) -> Vec<Tensor<1>> {
    let x = leaf([64, 384], scale, 11, device);
    let y = function(x.clone());
    let gradients = backward(&y);
    vec![flat(y), gradient(&x, &gradients)]
}

fn cross_entropy(device: &Device) -> Vec<Tensor<1>> {
    let logits = leaf([16, 6], 20.0, 12, device);
    let targets: Vec<f32> = (0..96).map(|index| if index % 6 == index / 6 % 6 { 1.0 } else { 0.0 }).collect();
    let targets = Tensor::<2>::from_data(TensorData::new(targets, [16, 6]), &logits.device());
    let loss = crate::loss::cross_entropy_sum(logits.clone(), targets);
    let gradients = loss.backward();
    vec![flat(loss), gradient(&logits, &gradients)]
}

fn reductions(device: &Device) -> Vec<Tensor<1>> {
    let x = values([1024, 1536], 1.0, 13, device);
    let squares = x.clone().square();
    vec![
        flat(squares.clone().sum_dim(0)),
        flat(squares.clone().mean_dim(1)),
        flat(squares.sum().sqrt()),
        flat(x.max_dim(1)),
    ]
}

/// Scores of several hundred; a token sees none behind it.
fn causal_softmax(device: &Device) -> Vec<Tensor<1>> {
    let scores = leaf([2, 4, 64, 64], 300.0, 18, device);
    let mask: Vec<f32> = (0..64 * 64).map(|at| if at % 64 > at / 64 { -1e30 } else { 0.0 }).collect();
    let mask = Tensor::<4>::from_data(TensorData::new(mask, [1, 1, 64, 64]), &scores.device());
    let weights = activation::softmax(scores.clone() + mask, 3);
    let gradients = backward(&weights);
    vec![flat(weights), gradient(&scores, &gradients)]
}

fn rms_norm(device: &Device) -> Vec<Tensor<1>> {
    let x = leaf([8, 64, 128], 3.0, 19, device);
    let norm = RmsNorm::new(128, 1e-6, &device.clone().autodiff());
    let y = norm.forward(x.clone());
    let gradients = backward(&y);
    let of_weight = gradient(&norm.weight.val(), &gradients);
    vec![flat(y), gradient(&x, &gradients), of_weight]
}

fn rotary(device: &Device) -> Vec<Tensor<1>> {
    let x = leaf([2, 4, 64, 32], 1.0, 20, device);
    let rope = RopeConfig { theta: 10_000.0, scaling: RopeScaling::None, dim: 32 };
    let positions: Vec<i32> = (0..64).collect();
    let y = rope.rotation(&positions, 1, &device.clone().autodiff()).apply(x.clone());
    let gradients = backward(&y);
    vec![flat(y), gradient(&x, &gradients)]
}

/// `[1000, 128]`, cut as large tables are.
fn sharded(seed: u32, device: &Device) -> TokenTable {
    let shard = |at: u32, rows: usize| Param::from_tensor(leaf([rows, 128], 0.3, seed + at, device));
    TokenTable { shards: vec![shard(0, 400), shard(1, 400), shard(2, 200)] }
}

fn token_table(device: &Device) -> Vec<Tensor<1>> {
    let table = sharded(21, device);
    let ids: Vec<i32> = (0..8 * 64).map(|index| index * index % 1000).collect();
    let ids = Tensor::<2, Int>::from_data(TensorData::new(ids, [8, 64]), &device.clone().autodiff());
    let rows = table.forward(ids); // [batch, seq, hidden]
    let gradients = backward(&rows);
    let of_shards = table.shards.iter().map(|shard| gradient(&shard.val(), &gradients));
    std::iter::once(flat(rows)).chain(of_shards).collect()
}

fn token_loss(device: &Device) -> Vec<Tensor<1>> {
    let states = values([96, 128], 1.0, 24, device);
    let targets: Vec<i32> = (0..96).map(|index| index * 37 % 1000).collect();
    let loss = token_cross_entropy(states, &sharded(25, device), &targets, &[1.0 / 96.0; 96], 0.0);
    let of_table = loss.table.into_iter().flatten().map(flat);
    [flat(loss.sum), flat(loss.states)].into_iter().chain(of_table).collect()
}

fn adapted_linear(device: &Device) -> Vec<Tensor<1>> {
    let autodiff = device.clone().autodiff();
    let weight = values([128, 384], 0.1, 31, &autodiff);
    let adapted = |with_magnitudes: bool| {
        let x = leaf([8, 64, 128], 1.0, 28, device);
        let mut lora = Lora::new([128, 384], 8, 2.0, 0.0, &mut Init::new(0), &autodiff);
        if with_magnitudes {
            lora = lora.with_magnitudes(weight.clone());
        }
        lora.lora_a = Param::from_tensor(leaf([128, 8], 0.1, 29, device));
        lora.lora_b = Param::from_tensor(leaf([8, 384], 0.1, 30, device));
        let weight = Param::from_tensor(weight.clone());
        let layer = Linear { weight, bias: None, lora: Some(lora.clone()), dtype: FloatDType::F32 };
        let y = layer.forward(x.clone());
        let gradients = backward(&y);
        let of_lora = [&lora.lora_a, &lora.lora_b].map(|factor| gradient(&factor.val(), &gradients));
        let of_magnitudes = lora.lora_magnitude_vector.as_ref().map(|vector| gradient(&vector.val(), &gradients));
        [flat(y), gradient(&x, &gradients)].into_iter().chain(of_lora).chain(of_magnitudes).collect::<Vec<_>>()
    };
    [false, true].into_iter().flat_map(adapted).collect()
}

/// The optimizer's chain of pointwise operations, which fusion compiles into one kernel.
fn adamw(device: &Device) -> Vec<Tensor<1>> {
    let weight = values([384, 1536], 0.1, 14, device);
    let gradient = values([384, 1536], 0.01, 15, device);
    let first = values([384, 1536], 0.01, 16, device).mul_scalar(0.9) + gradient.clone().mul_scalar(0.1);
    let second = values([384, 1536], 0.01, 17, device).square().mul_scalar(0.999) + gradient.square().mul_scalar(0.001);
    let change = first.clone() / second.clone().sqrt().add_scalar(1e-8);
    vec![flat(weight.mul_scalar(0.9995) - change.mul_scalar(5e-5)), flat(first), flat(second)]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn errors_are_relative_to_the_largest_value() {
        assert_eq!(relative_error(&[vec![1.0, 2.5]], &[vec![1.0, 2.0]]), 0.25);
        assert_eq!(relative_error(&[vec![0.0]], &[vec![0.0]]), 0.0);
    }

    #[test]
    fn what_is_not_a_number_fails_and_survives_json() {
        for found in [vec![f32::NAN, 1.0], vec![f32::INFINITY, 1.0], vec![1.0]] {
            let error = relative_error(&[found], &[vec![1.0, 1.0]]);
            assert!(error > RELATIVE_TOLERANCE);
            let check = DeviceCheck { name: "x".into(), error, passed: false };
            let json = serde_json::to_string(&check).expect("plain values");
            assert_eq!(serde_json::from_str::<DeviceCheck>(&json).expect("reads its own JSON"), check);
        }
    }

    #[cfg(feature = "cpu")]
    #[test]
    fn an_operation_that_comes_out_differently_does_not_pass() {
        use std::sync::atomic::{AtomicUsize, Ordering};

        /// Right when the reference is asked, a thousandth off when the device is.
        fn drifting(device: &Device) -> Vec<Tensor<1>> {
            static CALLS: AtomicUsize = AtomicUsize::new(0);
            let factor = if CALLS.fetch_add(1, Ordering::SeqCst) == 0 { 1.0 } else { 1.001 };
            vec![values([64], 1.0, 1, device).mul_scalar(factor)]
        }
        let device = Device::flex();
        let operations: [(&str, Operation); 2] =
            [("steady", |device| vec![values([64], 1.0, 1, device)]), ("drifting", drifting)];
        let checks = futures_lite::future::block_on(check(&operations, &device, &device)).expect("the CPU can be read");
        let passed: Vec<bool> = checks.iter().map(|check| check.passed).collect();
        assert_eq!(passed, [true, false], "{checks:#?}");
    }
}
