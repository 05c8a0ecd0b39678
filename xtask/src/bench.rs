//! `cargo xtask bench`: what Hone's training step costs, beside its peers, in one run.
//!
//! Native: the CPU beside PyTorch (in turns, medians), and wgpu. Browser, an encoder and a decoder: the worker beside
//! TensorFlow.js and jax-js on WebGPU, and the CPU in wasm. Then memory after 20 and after 300 steps, and the sizes of
//! page and worker. Out: one table on standard output, and the same in `bench/results/<date>.md`.
//!
//! PyTorch is taken from `$HONE_PYTHON`, else `python3`; where that has no torch, transformers or peft it is left out, and said so.

pub(crate) mod machine;
mod report;
mod samples;

use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context, Result};

use self::machine::Machine;
use self::report::Report;
use self::samples::{Json, MemoryRun, Samples};
use crate::{apt, proc, size, web};

/// What to measure, and how long.
#[derive(Debug, Clone, clap::Args)]
pub struct Options {
    /// Turns that Hone and its peers take
    #[arg(long, default_value_t = 2)]
    rounds: u32,
    /// Windows of five steps a turn
    #[arg(long, default_value_t = 4)]
    windows: u32,
    /// Steps after which memory is measured the second time
    #[arg(long, default_value_t = 300)]
    memory_steps: u32,
    /// Leave out parts
    #[arg(long, value_delimiter = ',')]
    skip: Vec<Part>,
    /// Measure the page that lies in dist/, without building it
    #[arg(long)]
    no_build: bool,
    /// Use the browser's hardware adapter instead of its software rasteriser
    #[arg(long)]
    gpu: bool,
    /// Append an entry to docs/LOG.md
    #[arg(long)]
    log: bool,
}

/// A part of the bench.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Part {
    /// Native CPU and PyTorch
    Cpu,
    /// Native wgpu
    Wgpu,
    /// Everything in the browser
    Browser,
    /// Memory after many steps
    Memory,
}

/// The peers that a ratio is taken to.
pub(crate) const TORCH: &str = "PyTorch, CPU";
pub(crate) const TFJS: &str = "TensorFlow.js, WebGPU";
pub(crate) const JAX: &str = "jax-js, WebGPU";
/// Rows of the tables that are Hone's own.
pub(crate) const NATIVE_CPU: &str = "Hone, native CPU";
const NATIVE_WGPU: &str = "Hone, native wgpu";
const WASM_CPU: &str = "Hone, CPU in wasm";
pub(crate) const BROWSER_WEBGPU: &str = "Hone, WebGPU";

/// Shapes and methods in which the native CPU and PyTorch meet, and which native wgpu takes too.
const NATIVE_CONTESTS: [(&str, &str); 9] = [
    ("minilm", "full"),
    ("distilgpt2_b1", "lora"),
    ("distilgpt2_b1", "full"),
    ("distilgpt2_b8", "lora"),
    ("distilgpt2_b8", "full"),
    ("t5_small", "lora"),
    ("t5_small", "full"),
    ("vit_tiny", "head"),
    ("vit_tiny", "full"),
];

/// Shapes and methods that are measured in the browser, and what `run.mjs` calls the contestants; not all take part in
/// each.
const BROWSER_CONTESTS: [(&str, &str); 4] =
    [("minilm", "full"), ("small", "full"), ("decoder_small", "full"), ("decoder_small", "lora")];
const BROWSER_CONTESTANTS: [(&str, &str); 4] =
    [("hone webgpu", BROWSER_WEBGPU), ("tfjs webgpu", TFJS), ("jax-js webgpu", JAX), ("hone wasm cpu", WASM_CPU)];

/// Shapes and methods whose memory is measured, and what the table calls them.
const MEMORY_SHAPES: [(&str, &str, &str); 2] = [("small", "full", "encoder"), ("decoder_small", "lora", "decoder")];

/// Measures, prints, writes the results down.
///
/// # Errors
/// When something cannot be built or run. A missing PyTorch or adapter is noted, not an error.
pub fn run(options: &Options) -> Result<()> {
    let wanted = |part| !options.skip.contains(&part);
    let mut report = Report::new(Machine::look()?);
    if wanted(Part::Cpu) || wanted(Part::Wgpu) {
        let flags = ["build", "--release", "--locked", "--package", "hone-bench"];
        proc::run(Command::new("cargo").current_dir(crate::root()).args(flags))?;
    }
    if wanted(Part::Cpu) {
        native_cpu(options, &mut report)?;
    }
    if wanted(Part::Wgpu) {
        native_wgpu(&mut report);
    }
    if wanted(Part::Memory) {
        for device in [Part::Cpu, Part::Wgpu].into_iter().filter(|device| wanted(*device)) {
            native_memory(options, device, &mut report);
        }
    }
    if wanted(Part::Browser) {
        if !options.no_build {
            web::build(web::Mode::Release)?;
        }
        browser(options, wanted(Part::Memory), &mut report)?;
        report.sizes = size::measure(&web::dist(), web::Mode::Release)?;
    }
    report.close(options.log)
}

/// Hone and PyTorch in turns: both see the same weather on this machine.
fn native_cpu(options: &Options, report: &mut Report) -> Result<()> {
    let windows = options.windows.to_string();
    let python = python();
    if python.is_none() {
        report.note("PyTorch was left out: neither $HONE_PYTHON nor python3 has torch, transformers and peft");
    }
    for (name, method) in NATIVE_CONTESTS {
        let shape = samples::shape(name)?.of_method(method);
        let mut hone = Samples::new(NATIVE_CPU, &shape);
        let mut torch = Samples::new(TORCH, &shape);
        let flags = ["--shape", name, "--method", method, "--windows", &windows];
        for round in 1..=options.rounds {
            proc::say(format!("native CPU, {name}, {method}, round {round} of {}", options.rounds));
            hone.add(&hone_bench(&[&["--device", "cpu"], flags.as_slice()].concat())?);
            if let Some(python) = &python {
                let script = crate::root().join("bench").join("torch_step.py");
                let mut command = Command::new(python);
                command.arg(script).args(flags);
                torch.add(&Json::parse(&proc::output(&mut command)?)?);
            }
        }
        hone.queue_ms.clear(); // on the CPU a step is taken, not queued
        report.steps.push(hone);
        report.steps.extend(python.as_ref().map(|_| torch));
    }
    Ok(())
}

/// Few steps: on a software adapter each takes many seconds.
fn native_wgpu(report: &mut Report) {
    for (name, method) in NATIVE_CONTESTS {
        proc::say(format!("native wgpu, {name}, {method}"));
        let measured = samples::shape(name).and_then(|shape| {
            let shape = shape.of_method(method);
            let flags = ["--device", "wgpu", "--shape", name, "--method", method];
            let few = ["--warmup", "2", "--every", "2", "--windows", "2"];
            let mut hone = Samples::new(NATIVE_WGPU, &shape);
            hone.add(&hone_bench(&[flags.as_slice(), &few].concat())?);
            Ok(hone)
        });
        match measured {
            Ok(hone) => report.steps.push(hone),
            Err(error) => return report.note(format!("native wgpu was left out: {}", first_line(&error))),
        }
    }
}

fn native_memory(options: &Options, device: Part, report: &mut Report) {
    let (flag, name) = if device == Part::Cpu { ("cpu", NATIVE_CPU) } else { ("wgpu", NATIVE_WGPU) };
    proc::say(format!("memory of {name}"));
    let at = format!("20,{}", options.memory_steps);
    for (shape, method, what) in MEMORY_SHAPES {
        let name = format!("{name}, {what}");
        match hone_bench(&["--device", flag, "--shape", shape, "--method", method, "--memory-at", &at]) {
            Ok(found) => report.memory.extend(MemoryRun::read(&name, &found.at("report"))),
            Err(error) => report.note(format!("memory of {name} was left out: {}", first_line(&error))),
        }
    }
}

fn browser(options: &Options, memory: bool, report: &mut Report) -> Result<()> {
    let names = ["chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome"];
    let missing = std::env::var_os("HONE_CHROMIUM").is_none() && names.iter().all(|name| proc::find(name).is_none());
    if missing && apt::here() {
        apt::ensure(&["chromium"], "the browser's bench")?;
    }
    let folder = crate::root().join("bench").join("web");
    install(&folder)?;
    proc::say("browser: Hone, TensorFlow.js and jax-js in turns; on a software adapter this takes long");
    let mut command = Command::new("node");
    command.current_dir(&folder).arg("run.mjs").arg("--dist").arg(web::dist());
    command.args(["--rounds", &options.rounds.to_string(), "--windows", &options.windows.to_string()]);
    command.args(["--memory-steps", &options.memory_steps.to_string()]);
    let mut parts = "tfjs,jax,hone-webgpu,hone-cpu,tfjs-decoder,jax-decoder,hone-decoder,hone-decoder-cpu".to_owned();
    if memory {
        parts += ",memory,memory-decoder";
    }
    command.args(["--only", &parts]);
    if options.gpu {
        command.arg("--gpu");
    }
    let found = Json::parse(&proc::output_while_saying(&mut command)?)?.at("measured");
    for (shape, method) in BROWSER_CONTESTS {
        let shape = samples::shape(shape)?.of_method(method);
        for (key, name) in BROWSER_CONTESTANTS {
            let mut samples = Samples::new(name, &shape);
            for result in found.at(&format!("{key}, {}", shape.name)).list() {
                samples.add_report(&result);
            }
            if name == WASM_CPU {
                samples.queue_ms.clear();
            }
            if samples.step().is_some() {
                report.steps.push(samples);
            }
        }
    }
    for (shape, method, what) in MEMORY_SHAPES {
        let shape = samples::shape(shape)?.of_method(method).name;
        for (key, name) in [("memory webgpu", BROWSER_WEBGPU), ("memory cpu", WASM_CPU)] {
            for result in found.at(&format!("{key}, {shape}")).list() {
                report.memory.extend(MemoryRun::read(&format!("{name}, {what}"), &result));
            }
        }
    }
    Ok(())
}

/// The peers and the browser's driver, as the lock file names them.
fn install(folder: &std::path::Path) -> Result<()> {
    let age = |path: PathBuf| std::fs::metadata(path).and_then(|found| found.modified()).ok();
    let installed = age(folder.join("node_modules").join(".package-lock.json"));
    if installed.is_some() && installed >= age(folder.join("package-lock.json")) {
        return Ok(());
    }
    let flags = ["ci", "--no-audit", "--no-fund", "--ignore-scripts"];
    proc::run(Command::new("npm").current_dir(folder).args(flags)).context("installing the peers with npm")
}

fn hone_bench(arguments: &[&str]) -> Result<Json> {
    let mut command = Command::new("cargo");
    command.current_dir(crate::root());
    command.args(["run", "--quiet", "--release", "--locked", "--package", "hone-bench", "--"]).args(arguments);
    Json::parse(&proc::output(&mut command)?)
}

/// A Python that has torch, transformers and peft.
fn python() -> Option<PathBuf> {
    let named = std::env::var_os("HONE_PYTHON").filter(|value| !value.is_empty()).map(PathBuf::from);
    let python = named.or_else(|| proc::find("python3"))?;
    proc::succeeds(Command::new(&python).args(["-c", "import torch, transformers, peft"])).then_some(python)
}

fn first_line(error: &anyhow::Error) -> String {
    let text = format!("{error:#}");
    let lines: Vec<&str> = text.lines().filter(|line| !line.trim().is_empty()).collect();
    // The first line is our command; what it said about itself comes after.
    lines.iter().take(2).map(|line| line.trim()).collect::<Vec<_>>().join(": ")
}
