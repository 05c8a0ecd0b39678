//! `hone-bench parity`: whether a device computes what PyTorch does. In: a device and a folder of goldens. Out: a JSON
//! object a golden on standard output, a line a golden on standard error; the exit code is 1 where one is off.

use std::io::Write;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Instant;

use anyhow::{Context, Result, bail};
use clap::Args;
use hone_tests::devices::{self, DeviceName};
use hone_tests::{parity, paths};
use serde_json::json;

/// What is compared, and where the goldens lie.
#[derive(Args)]
pub(crate) struct Options {
    /// What computes: cpu, wgpu (the first adapter), cuda or cuda:1
    #[arg(long, default_value = "cpu")]
    device: DeviceName,
    /// A folder that holds tests/fixtures [default: the source folder that this was built from]
    #[arg(long)]
    goldens: Option<PathBuf>,
    /// Only name the folders of tests/fixtures that are needed
    #[arg(long)]
    list: bool,
}

/// Compares, and says what it found as it goes.
///
/// # Errors
/// When the device can't be opened or the goldens are not there; a device that computes wrongly is no error.
pub(crate) fn run(options: Options) -> Result<ExitCode> {
    let mut out = std::io::stdout();
    if options.list {
        for name in parity::fixtures() {
            writeln!(out, "{name}").context("standard output")?;
        }
        return Ok(ExitCode::SUCCESS);
    }
    if let Some(folder) = options.goldens {
        paths::use_root(folder);
    }
    if !paths::fixture("gpt2_tiny").is_dir() {
        bail!("no goldens: name the folder that holds tests/fixtures with --goldens: {}", paths::root().display());
    }
    let (device, name) = devices::open(options.device)?;
    eprintln!("{name}");
    let is_gpu = options.device != DeviceName::Cpu;
    let (mut all, mut wrong, mut unwritten) = (0, 0, None);
    let mut since = Instant::now();
    parity::check(&device, is_gpu, &mut |part| {
        all += 1;
        wrong += u32::from(!part.passed());
        eprintln!("{}", part.line());
        let mut line = part.json();
        line["device"] = json!(options.device.to_string());
        line["adapter"] = json!(name);
        line["elapsed_secs"] = json!(since.elapsed().as_secs_f64());
        since = Instant::now();
        if let Err(error) = writeln!(out, "{line}").and_then(|()| out.flush()) {
            unwritten = Some(error);
        }
    });
    if let Some(error) = unwritten {
        return Err(error).context("standard output");
    }
    eprintln!("{}: {all} compared, {wrong} wrong", options.device);
    Ok(if wrong == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
