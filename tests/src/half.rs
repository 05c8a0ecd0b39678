//! Half precision beside f32: what a device makes of products in it, and of a whole run.

use burn::tensor::{Device, FloatDType};
use hone_core::config::{Dtype, LoraConfig, RunConfig};
use hone_core::event::TrainEvent;
use hone_core::nn::{Init, Linear};
use hone_core::train::float_dtype;

use crate::figure::Figure;
use crate::golden::values;
use crate::texts::{self, drain, ready_on, valid_losses};

/// Largest difference of a loss from that of f32, along twenty steps; and of a product, relative to its largest value.
pub const HALF: [(Dtype, f64); 2] = [(Dtype::F16, 2e-2), (Dtype::Bf16, 5e-2)];

/// Adapters on every linear layer of the tiny decoder, four epochs of five steps. No dropout, whose generator a process
/// shares.
#[must_use]
pub fn run_in(dtype: Dtype) -> RunConfig {
    let usual = texts::run();
    RunConfig { dtype, learning_rate: 1e-3, lora: LoraConfig { lora_dropout: 0.0, ..usual.lora.clone() }, ..usual }
}

/// Losses of the steps, then those of the validation rows.
#[must_use]
pub fn all_losses(events: &[TrainEvent]) -> Vec<f64> {
    let of_steps = events.iter().filter_map(|event| match event {
        TrainEvent::Step { losses, .. } => Some(losses.clone()),
        _ => None,
    });
    of_steps.flatten().chain(valid_losses(events)).collect()
}

/// All losses of a run in `dtype` on `device`, which is without autodiff.
///
/// # Panics
/// When the fixture is damaged, or the device has no such format.
#[must_use]
pub fn losses(dtype: Dtype, device: &Device) -> Vec<f64> {
    let run = run_in(dtype);
    let mut session = ready_on(&run, device);
    session.start(run).expect("it starts");
    all_losses(&drain(&mut session))
}

/// The largest difference between the losses of two runs of the same length.
///
/// # Panics
/// When one is longer.
#[must_use]
pub fn compare_losses(what: &str, found: &[f64], expected: &[f64], tolerance: f64) -> Figure {
    assert_eq!(found.len(), expected.len(), "losses of {what}");
    let pairs = found.iter().zip(expected).enumerate();
    Figure::worst(what, tolerance, pairs.map(|(index, (a, b))| (format!("loss {index}: {a}, not {b}"), (a - b).abs())))
}

/// A linear layer's product and gradient in `dtype` on `device` beside f32 on the CPU; the error says that the device
/// lacks the format, and which it has.
///
/// # Errors
/// When the device does not compute in the format.
pub fn products(dtype: Dtype, tolerance: f64, device: &Device) -> Result<Vec<Figure>, String> {
    let found = float_dtype(dtype, device).map_err(|error| error.to_string())?;
    let (found, expected) = (product(device, found), product(&Device::flex(), FloatDType::F32));
    let whats = ["product", "gradient of a product"].into_iter();
    let compared = whats.zip(found.iter().zip(&expected)).map(|(what, (found, expected))| {
        let largest = expected.iter().fold(0f32, |most, value| most.max(value.abs()));
        let differences = found.iter().zip(expected).map(|(a, b)| (String::new(), f64::from((a - b).abs() / largest)));
        Figure::worst(&format!("{what} in {}", dtype.name()), tolerance, differences)
    });
    Ok(compared.collect())
}

fn product(device: &Device, dtype: FloatDType) -> [Vec<f32>; 2] {
    let device = device.clone().autodiff();
    let mut init = Init::new(3);
    let layer = Linear { dtype, ..Linear::new(128, 96, 0.1, &mut init, &device) };
    let y = layer.forward(init.normal([40, 128], 1.0, &device));
    let gradients = y.clone().square().sum().backward();
    let gradient = layer.weight.val().grad(&gradients).expect("it takes part");
    [values(y), values(gradient)]
}
