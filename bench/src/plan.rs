//! What is predicted of a run before it starts, beside what it takes: `hone-bench plan`.
//!
//! In: shapes of `shapes.json` and methods. Out: a table of steps and bytes, predicted and measured. Each shape is measured in
//! a process of its own, whose peak of memory is its own then. The prediction is calibrated as in a session, by a step of few rows
//! and one of as many as two seconds allow; but by half of a batch at most, so that it is never the step that is predicted.

use std::io::Write;
use std::process::Command;
use std::time::Instant;

use anyhow::{Context, Result, ensure};
use burn::tensor::Device;
use clap::{Args, ValueEnum};
use hone_core::config::{Dtype, LoraConfig, RunConfig};
use hone_core::kernels::{kernels_of, num_threads};
use hone_core::plan::{Alternatives, BatchShape, Batches, Inputs, Kernels, Limits, Measured, estimate, predict};
use hone_core::task::HeadKind;
use hone_tests::devices::DeviceName;
use serde_json::{Value, json};

use crate::memory::{Peak, code_bytes, peak_bytes};
use crate::shape::Shape;
use crate::training::{Settings, Training};
use crate::{MethodName, milliseconds, open};

/// What is measured where no shape is named: one of each kind, and longer rows.
const SHAPES: [&str; 6] = ["minilm", "minilm_32x128", "distilgpt2_b8", "gpt2_b4", "t5_small", "vit_tiny"];

/// Steps of a window that is timed, and windows of which the fastest counts.
const STEPS: u32 = 3;
const WINDOWS: u32 = 2;

/// Seconds that the larger of the two steps may take by which a prediction is calibrated, where it has more than twice the rows of
/// the smaller one.
const LARGE_STEP_SECS: f64 = 2.0;

/// Seconds until which a step is taken again, and how often at most: the shortest counts, as in a session.
const REPEATED_SECS: f64 = 1.5;
const MOST_TIMES: u32 = 4;

#[derive(Args)]
pub(crate) struct Options {
    /// What computes: cpu, wgpu (the first adapter), cuda or cuda:1
    #[arg(long, default_value = "cpu")]
    device: DeviceName,
    /// Shapes of shapes.json
    #[arg(long, value_delimiter = ',', default_values = SHAPES)]
    shapes: Vec<String>,
    /// What is trained
    #[arg(long, value_enum, value_delimiter = ',', default_values = ["full", "lora"])]
    methods: Vec<MethodName>,
    /// Measure the one shape and method that are given in this process, and write JSON
    #[arg(long)]
    alone: bool,
}

/// One shape with one method.
struct Case<'a> {
    shape: &'a Shape,
    run: RunConfig,
    device: &'a Device,
}

pub(crate) fn run(options: &Options) -> Result<()> {
    if options.alone {
        ensure!(options.shapes.len() == 1 && options.methods.len() == 1, "--alone takes one shape and one method");
        let line = measure(&options.shapes[0], options.methods[0], options.device)?;
        return writeln!(std::io::stdout(), "{line}").context("standard output");
    }
    let mut out = std::io::stdout();
    writeln!(out, "| shape | method | step, ms: predicted | measured | off | MB: predicted | measured | off |")?;
    writeln!(out, "|---|---|---|---|---|---|---|---|")?;
    for shape in &options.shapes {
        for method in &options.methods {
            let line = in_own_process(shape, *method, options.device)?;
            writeln!(out, "{}", row(&line))?;
        }
    }
    Ok(())
}

fn in_own_process(shape: &str, method: MethodName, device: DeviceName) -> Result<Value> {
    let method = method.to_possible_value().context("every method has a name")?;
    let output = Command::new(std::env::current_exe().context("this program")?)
        .args(["plan", "--alone", "--shapes", shape, "--methods", method.get_name()])
        .args(["--device", &device.to_string()])
        .output()
        .context("this program once more")?;
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    ensure!(output.status.success(), "{shape}: {said}");
    serde_json::from_slice(&output.stdout).context("what the other process wrote")
}

fn row(line: &Value) -> String {
    let number = |name: &str| line[name].as_f64();
    let pair = |predicted: Option<f64>, measured: Option<f64>| match (predicted, measured) {
        (Some(predicted), Some(measured)) => {
            format!("{predicted:.0} | {measured:.0} | {:+.0} %", (predicted / measured - 1.0) * 100.0)
        }
        (predicted, _) => format!("{:.0} | – | –", predicted.unwrap_or(0.0)),
    };
    let megabytes = |name: &str| number(name).map(|bytes| bytes / 1e6);
    let text = |name: &str| line[name].as_str().unwrap_or_default().to_owned();
    format!(
        "| {} | {} | {} | {} |",
        text("shape"),
        text("method"),
        pair(number("predicted_ms"), number("measured_ms")),
        pair(megabytes("predicted_bytes"), megabytes("measured_bytes")),
    )
}

fn measure(name: &str, method: MethodName, device: DeviceName) -> Result<Value> {
    let shape = Shape::find(name)?;
    let (device, _) = open(device)?;
    let run = RunConfig {
        method: method.method(),
        lora: LoraConfig {
            target_modules: shape.config.architecture.default_target_modules.iter().map(|&name| name.into()).collect(),
            lora_dropout: shape.dropout,
            ..LoraConfig::default()
        },
        batch_size: shape.batch as u32,
        num_train_epochs: 1,
        dropout: Some(shape.dropout),
        ..RunConfig::default()
    };
    let case = Case { shape: &shape, run, device: &device };
    let measured = case.calibrate()?;
    let mut training = case.training(shape.batch)?;
    let (predicted_ms, predicted_bytes) = case.predict(&training, &measured);

    for _ in 0..STEPS {
        training.step();
    }
    training.read()?;
    let (mut measured_ms, mut peak) = (f64::INFINITY, Peak::default());
    for _ in 0..WINDOWS {
        let start = Instant::now();
        for _ in 0..STEPS {
            training.step();
        }
        training.read()?;
        measured_ms = measured_ms.min(milliseconds(start) / f64::from(STEPS));
        peak.look(&device);
    }
    let measured_bytes = if kernels_of(&device) == Kernels::Own { peak_bytes() } else { peak.reserved };
    Ok(json!({
        "shape": name,
        "method": method.to_possible_value().map(|value| value.get_name().to_owned()),
        "predicted_ms": predicted_ms,
        "measured_ms": measured_ms,
        "predicted_bytes": predicted_bytes,
        "measured_bytes": measured_bytes,
    }))
}

impl Case<'_> {
    fn training(&self, batch: usize) -> Result<Training> {
        let settings =
            Settings { method: self.run.method, dtype: Dtype::F32, gradient_checkpointing: false, whole_logits: false };
        Training::new(&Shape { batch, ..self.shape.clone() }, settings, self.device)
    }

    /// Seconds of whole steps of few rows and of more, the optimizer among them, as of the line through both.
    fn calibrate(&self) -> Result<Measured> {
        let few = if self.shape.config.head_kind() == HeadKind::Pooled { 2 } else { 1 };
        let few = few.min(self.shape.batch);
        let first = self.time(few)?;
        let affordable = (few as f64 * LARGE_STEP_SECS / first.1) as usize;
        let more = affordable.max(2 * few).min((self.shape.batch / 2).max(few));
        let mut steps = vec![first];
        if more > few {
            steps.push(self.time(more)?);
        }
        Ok(Measured { steps, bytes_factor: 1.0, ..Measured::default() })
    }

    /// Operations and seconds of a step of so many rows.
    fn time(&self, rows: usize) -> Result<(f64, f64)> {
        let mut training = self.training(rows)?;
        training.step();
        training.read()?;
        let (mut best, mut sum) = (f64::INFINITY, 0.0);
        for _ in 0..MOST_TIMES {
            if sum >= REPEATED_SECS {
                break;
            }
            let start = Instant::now();
            training.step();
            training.read()?;
            let secs = milliseconds(start) / 1000.0;
            (best, sum) = (best.min(secs), sum + secs);
        }
        Ok((self.flops(&training, rows), best))
    }

    fn batches(&self, rows: usize) -> Batches {
        let Shape { seq, target_seq, .. } = *self.shape;
        let scored = match self.shape.config.head_kind() {
            HeadKind::CausalLm => rows * (seq - 1),
            HeadKind::Seq2seqLm => rows * target_seq,
            _ => 0,
        };
        let [rows, seq, target_seq, scored] = [rows, seq, target_seq, scored].map(|count| count as u64);
        Batches::alike(BatchShape { rows, seq, target_seq, scored }, 1)
    }

    fn flops(&self, training: &Training, rows: usize) -> f64 {
        let shape = training.plan_shape(self.shape);
        let batches = self.batches(rows);
        let run = RunConfig { batch_size: rows as u32, ..self.run.clone() };
        let plan = predict(&self.inputs(&shape, &batches), &run);
        plan.forward_flops + plan.backward_flops
    }

    /// Milliseconds and bytes of a step of all rows.
    fn predict(&self, training: &Training, measured: &Measured) -> (Option<f64>, u64) {
        let shape = training.plan_shape(self.shape);
        let batches = self.batches(self.shape.batch);
        let inputs =
            Inputs { file_bytes: code_bytes().unwrap_or(0) + training.batch_bytes(), ..self.inputs(&shape, &batches) };
        let said = estimate(&inputs, &self.run, Some(measured), Limits::default(), Alternatives::default());
        (said.secs.map(|secs| secs * 1000.0), said.bytes)
    }

    fn inputs<'b>(&self, shape: &'b hone_core::plan::Shape, batches: &'b Batches) -> Inputs<'b> {
        let (kernels, num_threads) = (kernels_of(self.device), num_threads() as u64);
        Inputs { shape, batches, kernels, num_threads, file_bytes: 0, keeps_states: false }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_says_how_far_a_prediction_is_off() {
        let line = json!({ "shape": "minilm", "method": "full", "predicted_ms": 110.0, "measured_ms": 100.0,
            "predicted_bytes": 9e8, "measured_bytes": 1e9 });
        assert_eq!(row(&line), "| minilm | full | 110 | 100 | +10 % | 900 | 1000 | -10 % |");
        let unknown = json!({ "shape": "x", "method": "full", "predicted_ms": 1.0, "predicted_bytes": 2e6 });
        assert_eq!(row(&unknown), "| x | full | 1 | – | – | 2 | – | – |");
    }
}
