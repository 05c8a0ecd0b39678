//! The native half of `cargo xtask bench`, and all of Hone that `cargo xtask gpu-kit` measures: training steps on one
//! device, timed; and whether the device computes what PyTorch does.
//!
//! In: a device and a shape of `shapes.json`. Out: one JSON object on standard output, or one a golden. Weights and rows
//! are random: speed and memory do not depend on them.

mod findings;
mod memory;
mod parity;
mod plan;
mod shape;
mod training;

use std::io::Write;
use std::process::ExitCode;
use std::time::Instant;

use anyhow::{Context, Result};
use burn::tensor::Device;
use clap::{Args, Parser, Subcommand, ValueEnum};
use futures_lite::future::block_on;
use hone_core::config::{Dtype, Method};
use hone_core::device_tune::choose_matmul_kernel;
use hone_tests::devices::{self, DeviceName};
use serde_json::{Value, json};

use crate::memory::Peak;
use crate::shape::Shape;
use crate::training::{Settings, Training};

/// Measures training steps on one device.
#[derive(Parser)]
#[command(args_conflicts_with_subcommands = true)]
struct Arguments {
    #[command(subcommand)]
    command: Option<Task>,
    #[command(flatten)]
    steps: Steps,
}

#[derive(Subcommand)]
enum Task {
    /// Compare a device with the goldens of PyTorch and transformers
    Parity(parity::Options),
    /// Compare what is predicted of a run before it starts with what it takes
    Plan(plan::Options),
    /// Time the search for findings among 50,000 generated rows
    Findings,
}

#[derive(Args)]
struct Steps {
    /// What computes: cpu, wgpu (the first adapter), cuda or cuda:1
    #[arg(long, default_value = "cpu")]
    device: DeviceName,
    /// A shape of shapes.json
    #[arg(long, default_value = "minilm")]
    shape: String,
    /// What is trained
    #[arg(long, value_enum, default_value_t = MethodName::Full)]
    method: MethodName,
    /// Format of matrix products and frozen weights
    #[arg(long, value_enum, default_value_t = DtypeName::F32)]
    dtype: DtypeName,
    /// Blocks are computed again in the backward pass
    #[arg(long)]
    gradient_checkpointing: bool,
    /// A language model's logits of all tokens at once, kept for autodiff: how most trainers do it, and Hone does not
    #[arg(long, conflicts_with = "gradient_checkpointing")]
    whole_logits: bool,
    /// Steps before the clock starts
    #[arg(long, default_value_t = 3)]
    warmup: u32,
    /// Steps a window; losses are read at its end
    #[arg(long, default_value_t = 5)]
    every: u32,
    /// Windows that are timed
    #[arg(long, default_value_t = 4)]
    windows: u32,
    /// Steps after which memory is measured, instead of time
    #[arg(long, value_delimiter = ',')]
    memory_at: Vec<u32>,
}

#[derive(Clone, Copy, ValueEnum)]
enum MethodName {
    /// Every weight
    Full,
    /// LoRA, rank 8, on the architecture's default modules
    Lora,
    /// A classifier's head
    Head,
}

#[derive(Clone, Copy, ValueEnum)]
enum DtypeName {
    F32,
    Bf16,
    F16,
}

impl MethodName {
    fn method(self) -> Method {
        match self {
            Self::Full => Method::Full,
            Self::Lora => Method::Lora,
            Self::Head => Method::Head,
        }
    }
}

impl Steps {
    fn training(&self, shape: &Shape, device: &Device) -> Result<Training> {
        let method = self.method.method();
        let dtype = match self.dtype {
            DtypeName::F32 => Dtype::F32,
            DtypeName::Bf16 => Dtype::Bf16,
            DtypeName::F16 => Dtype::F16,
        };
        let (gradient_checkpointing, whole_logits) = (self.gradient_checkpointing, self.whole_logits);
        Training::new(shape, Settings { method, dtype, gradient_checkpointing, whole_logits }, device)
    }
}

fn main() -> Result<ExitCode> {
    hone_core::kernels::keep_freed_memory(); // as `hone` does
    let arguments = Arguments::parse();
    hone_core::kernels::run_on_threads(|| match arguments.command {
        Some(Task::Parity(options)) => parity::run(options),
        Some(Task::Plan(options)) => plan::run(&options).map(|()| ExitCode::SUCCESS),
        Some(Task::Findings) => findings::run().map(|()| ExitCode::SUCCESS),
        None => measure(&arguments.steps).map(|()| ExitCode::SUCCESS),
    })
}

fn measure(steps: &Steps) -> Result<()> {
    let shape = Shape::find(&steps.shape)?;
    let (device, name) = open(steps.device)?;
    let report = if steps.memory_at.is_empty() {
        time(steps, &shape, &device)?
    } else {
        measure_memory(steps, &shape, &device)?
    };
    let line = json!({ "device": name, "shape": steps.shape, "report": report });
    writeln!(std::io::stdout(), "{line}").context("standard output")
}

/// With the faster of two kernels for products where Hone chooses one: through wgpu.
fn open(name: DeviceName) -> Result<(Device, String)> {
    let (device, text) = devices::open(name)?;
    if name != DeviceName::Wgpu {
        return Ok((device, text));
    }
    let start = Instant::now();
    let choice = block_on(choose_matmul_kernel(&device, &|| milliseconds(start)))?;
    Ok((device, format!("{text}; {choice}")))
}

/// Time of the first step, of each window and of queueing each step, in milliseconds, and what was held at most.
fn time(steps: &Steps, shape: &Shape, device: &Device) -> Result<Value> {
    let start = Instant::now();
    let mut training = steps.training(shape, device)?;
    let open_ms = milliseconds(start);
    let start = Instant::now();
    training.step();
    let mut losses = training.read()?;
    let first_step_ms = milliseconds(start);
    for _ in 1..steps.warmup {
        training.step();
    }
    losses.extend(training.read()?);

    let mut peak = Peak::default();
    let (mut step_ms, mut queue_ms) = (Vec::new(), Vec::new());
    for _ in 0..steps.windows {
        let window = Instant::now();
        for _ in 0..steps.every {
            let start = Instant::now();
            training.step();
            queue_ms.push(milliseconds(start));
        }
        losses.extend(training.read()?);
        step_ms.push(milliseconds(window) / f64::from(steps.every));
        peak.look(device);
    }
    let rates = rates(&step_ms, shape);
    Ok(json!({
        "open_ms": open_ms,
        "first_step_ms": first_step_ms,
        "step_ms": step_ms,
        "queue_ms": queue_ms,
        "rows_per_sec": rates.map(|[rows, _]| rows),
        "tokens_per_sec": rates.map(|[_, tokens]| tokens),
        "process_peak": memory::peak_bytes(),
        "gpu_reserved_peak": peak.reserved,
        "gpu_in_use_peak": peak.in_use,
        "losses": losses,
    }))
}

/// Rows and tokens a second in the middle window; nothing where no window was timed.
fn rates(step_ms: &[f64], shape: &Shape) -> Option<[f64; 2]> {
    let mut sorted = step_ms.to_vec();
    sorted.sort_by(f64::total_cmp);
    let half = sorted.len() / 2;
    let upper = *sorted.get(half)?;
    let median = if sorted.len() % 2 == 1 { upper } else { f64::midpoint(sorted[half - 1], upper) };
    let rows = shape.batch as f64 * 1000.0 / median;
    Some([rows, rows * (shape.seq + shape.target_seq) as f64])
}

/// Memory of the process and of the device's allocator after the steps asked for; losses are read every window.
fn measure_memory(steps: &Steps, shape: &Shape, device: &Device) -> Result<Value> {
    let mut training = steps.training(shape, device)?;
    let last = steps.memory_at.iter().copied().max().unwrap_or(0);
    let mut found = Vec::new();
    for step in 1..=last {
        training.step();
        let wanted = steps.memory_at.contains(&step);
        if wanted || step % steps.every == 0 {
            training.read()?;
        }
        if wanted {
            let usage = device.memory_pool_usage();
            found.push(json!({
                "step": step,
                "process": memory::resident_bytes(),
                "process_peak": memory::peak_bytes(),
                "gpu_reserved": usage.as_ref().map(|usage| usage.bytes_reserved),
                "gpu_in_use": usage.as_ref().map(|usage| usage.bytes_in_use),
            }));
        }
    }
    Ok(json!({ "memory": found }))
}

fn milliseconds(since: Instant) -> f64 {
    since.elapsed().as_secs_f64() * 1000.0
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn arguments_are_read() {
        Arguments::command().debug_assert();
        let steps = Arguments::parse_from(["hone-bench", "--device", "cuda:1", "--method", "head", "--dtype", "bf16"]);
        assert!(steps.command.is_none() && steps.steps.device == DeviceName::Cuda(1));
        let parity = Arguments::parse_from(["hone-bench", "parity", "--device", "wgpu"]);
        assert!(matches!(parity.command, Some(Task::Parity(_))));
    }

    #[test]
    fn rates_are_those_of_the_middle_window() {
        let shape = Shape::find("minilm").expect("it is there");
        assert_eq!(rates(&[], &shape), None);
        assert_eq!(rates(&[50.0, 1.0, 150.0, 900.0], &shape), Some([160.0, 10_240.0]));
    }
}
