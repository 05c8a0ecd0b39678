//! The native half of `cargo xtask bench`: full fine-tuning steps on one device, timed.
//!
//! In: a device and a shape of `shapes.json`. Out: one JSON object on standard output. Weights and rows are random: speed
//! and memory do not depend on them.

mod memory;
mod shape;
mod training;

use std::io::Write;
use std::time::Instant;

use anyhow::{Context, Result};
use burn::tensor::Device;
use clap::{Parser, ValueEnum};
use futures_lite::future::block_on;
use hone_core::config::Method;
use hone_core::device_tune::choose_matmul_kernel;
use serde_json::{Value, json};

use crate::shape::Shape;
use crate::training::{Settings, Training};

/// Measures training steps on one device.
#[derive(Parser)]
struct Arguments {
    /// What computes
    #[arg(long, value_enum)]
    device: DeviceName,
    /// A shape of shapes.json
    #[arg(long, default_value = "minilm")]
    shape: String,
    /// What is trained
    #[arg(long, value_enum, default_value_t = MethodName::Full)]
    method: MethodName,
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
enum DeviceName {
    /// burn-flex with Hone's kernels, all cores
    Cpu,
    /// The first adapter that wgpu finds
    Wgpu,
}

#[derive(Clone, Copy, ValueEnum)]
enum MethodName {
    /// Every weight
    Full,
    /// LoRA, rank 8, on the architecture's default modules
    Lora,
}

impl Arguments {
    fn training(&self, shape: &Shape, device: &Device) -> Result<Training> {
        let method = match self.method {
            MethodName::Full => Method::Full,
            MethodName::Lora => Method::Lora,
        };
        let (gradient_checkpointing, whole_logits) = (self.gradient_checkpointing, self.whole_logits);
        Training::new(shape, Settings { method, gradient_checkpointing, whole_logits }, device)
    }
}

fn main() -> Result<()> {
    let arguments = Arguments::parse();
    let shape = Shape::find(&arguments.shape)?;
    let (device, name) = open(arguments.device)?;
    let report = if arguments.memory_at.is_empty() {
        time(&arguments, &shape, &device)?
    } else {
        measure_memory(&arguments, &shape, &device)?
    };
    let line = json!({ "device": name, "shape": arguments.shape, "report": report });
    writeln!(std::io::stdout(), "{line}").context("standard output")
}

fn open(name: DeviceName) -> Result<(Device, String)> {
    match name {
        DeviceName::Cpu => {
            let threads = std::thread::available_parallelism().map_or(1, usize::from);
            Ok((Device::flex(), format!("cpu, {threads} threads")))
        }
        DeviceName::Wgpu => {
            let (device, setup) = Device::wgpu_options()
                .init_with_setup()
                .map_err(|error| anyhow::anyhow!("no adapter could be opened through wgpu: {error}"))?;
            let info = setup.adapter.get_info();
            let start = Instant::now();
            let choice = block_on(choose_matmul_kernel(&device, &|| milliseconds(start)))?;
            Ok((device, format!("{} ({}); {choice}", info.name, info.backend)))
        }
    }
}

/// Time of the first step, of each window and of queueing each step, in milliseconds.
fn time(arguments: &Arguments, shape: &Shape, device: &Device) -> Result<Value> {
    let start = Instant::now();
    let mut training = arguments.training(shape, device)?;
    let open_ms = milliseconds(start);
    let start = Instant::now();
    training.step();
    let mut losses = training.read()?;
    let first_step_ms = milliseconds(start);
    for _ in 1..arguments.warmup {
        training.step();
    }
    losses.extend(training.read()?);

    let (mut step_ms, mut queue_ms) = (Vec::new(), Vec::new());
    for _ in 0..arguments.windows {
        let window = Instant::now();
        for _ in 0..arguments.every {
            let start = Instant::now();
            training.step();
            queue_ms.push(milliseconds(start));
        }
        losses.extend(training.read()?);
        step_ms.push(milliseconds(window) / f64::from(arguments.every));
    }
    Ok(json!({
        "open_ms": open_ms,
        "first_step_ms": first_step_ms,
        "step_ms": step_ms,
        "queue_ms": queue_ms,
        "losses": losses,
    }))
}

/// Memory of the process and of the device's allocator after the steps asked for; losses are read every window.
fn measure_memory(arguments: &Arguments, shape: &Shape, device: &Device) -> Result<Value> {
    let mut training = arguments.training(shape, device)?;
    let last = arguments.memory_at.iter().copied().max().unwrap_or(0);
    let mut found = Vec::new();
    for step in 1..=last {
        training.step();
        let wanted = arguments.memory_at.contains(&step);
        if wanted || step % arguments.every == 0 {
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
