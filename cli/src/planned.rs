//! `hone train --plan`: what the run would cost, and no run.
//!
//! In: a session with model and rows. Out: steps, minutes and memory on standard output, as text or as one line of JSON.

use std::fs;
use std::process::ExitCode;
use std::time::Instant;

use burn::tensor::Device;
use futures_lite::future::block_on;
use hone_core::config::RunConfig;
use hone_core::kernels::kernels_of;
use hone_core::plan::{Estimate, Kernels, Limits, about, describe, memory_in_words};
use hone_core::session::{Meter, Session};
use hone_core::words::plural;
use serde_json::{Value, json};

use crate::progress::Progress;
use crate::train::name_flags;

/// Plans a run on `device`, and prints the plan.
///
/// # Errors
/// When a setting can't be used or the device fails.
pub(crate) fn run(
    session: &mut Session,
    run: RunConfig,
    device: &Device,
    is_json: bool,
    progress: &mut Progress,
) -> anyhow::Result<ExitCode> {
    let start = Instant::now();
    let now_ms = || start.elapsed().as_secs_f64() * 1000.0;
    let is_cpu = kernels_of(device) == Kernels::Own;
    let held_bytes = || match is_cpu {
        true => field("/proc/self/status", "VmRSS:"),
        false => device.memory_pool_usage().map(|usage| usage.bytes_reserved),
    };
    let limits = Limits { process: memory_limit(), tensor: None };
    let code_bytes = field("/proc/self/status", "RssFile:").unwrap_or(0);
    let meter = Meter { now_ms: &now_ms, held_bytes: &held_bytes, code_bytes, limits };
    let estimate = block_on(session.estimate(run, &meter)).map_err(name_flags)?;
    let text = if is_json { format!("{}\n", in_json(&estimate)) } else { in_words(&estimate) };
    progress.print(&text);
    Ok(ExitCode::SUCCESS)
}

fn in_words(estimate: &Estimate) -> String {
    let steps = plural(usize::try_from(estimate.steps).unwrap_or(usize::MAX), "step");
    let time = match estimate.secs {
        Some(secs) => about(secs),
        None => "how long is not measured, for it does not fit".to_owned(),
    };
    let mut text = format!("plan: {steps}, {time}\n{}\n", memory_in_words(estimate, "that this machine has"));
    for other in &estimate.shorter {
        if let Some(secs) = other.secs {
            text.push_str(&format!("shorter: {}: {}\n", describe(other), about(secs)));
        }
    }
    text
}

/// The estimate as `--json` writes it: flat, its name under `event`.
fn in_json(estimate: &Estimate) -> Value {
    let mut line = json!(estimate);
    if let Value::Object(fields) = &mut line {
        fields.insert("event".to_owned(), json!("plan"));
    }
    line
}

/// Bytes of memory that this process can have: what the machine has, or less in a container.
fn memory_limit() -> Option<u64> {
    let of_group = fs::read_to_string("/sys/fs/cgroup/memory.max").ok();
    smaller(field("/proc/meminfo", "MemTotal:"), of_group.as_deref())
}

/// The smaller of the machine's memory and the limit of a control group, which may be `max`.
fn smaller(machine: Option<u64>, of_group: Option<&str>) -> Option<u64> {
    let of_group = of_group.and_then(|text| text.trim().parse().ok());
    [machine, of_group].into_iter().flatten().min()
}

/// A number of kilobytes in a file of the kernel, in bytes; `None` where there is no such file.
fn field(path: &str, name: &str) -> Option<u64> {
    kilobytes(&fs::read_to_string(path).ok()?, name).map(|kilobytes| kilobytes * 1024)
}

fn kilobytes(text: &str, name: &str) -> Option<u64> {
    text.lines().find_map(|line| line.strip_prefix(name))?.trim().strip_suffix("kB")?.trim().parse().ok()
}

#[cfg(test)]
mod tests {
    use hone_core::plan::{MemoryParts, Suggestion, SuggestionKind};

    use super::*;

    fn estimate() -> Estimate {
        Estimate {
            steps: 480,
            secs: Some(1500.0),
            memory: MemoryParts::default(),
            on_gpu: false,
            bytes: 1_900_000_000,
            limit: Some(16_000_000_000),
            too_large_tensor: None,
            fits: true,
            fitting: None,
            shorter: vec![Suggestion {
                kind: SuggestionKind::HalfOfTheRows,
                settings: Vec::new(),
                secs: Some(750.0),
                bytes: 0,
            }],
            writes_samples: false,
        }
    }

    #[test]
    fn a_plan_says_steps_minutes_and_memory() {
        let expected = "plan: 480 steps, about 25 minutes\nIt needs about 1.9 GB of the 16.0 GB that this machine has.\n\
            shorter: half of the rows: about 13 minutes\n";
        assert_eq!(in_words(&estimate()), expected);
        let unmeasured = Estimate { secs: None, ..estimate() };
        assert!(in_words(&unmeasured).starts_with("plan: 480 steps, how long is not measured"));
        let line = in_json(&estimate());
        assert_eq!((&line["event"], &line["steps"]), (&json!("plan"), &json!(480)));
    }

    #[test]
    fn a_container_may_have_less_than_the_machine() {
        assert_eq!(smaller(Some(8000), Some("4000\n")), Some(4000));
        assert_eq!(smaller(Some(8000), Some("9000\n")), Some(8000));
        assert_eq!([smaller(Some(8000), Some("max\n")), smaller(Some(8000), None)], [Some(8000); 2]);
        assert_eq!((smaller(None, Some("4000\n")), smaller(None, None)), (Some(4000), None));
    }

    #[test]
    fn kilobytes_are_read_from_the_kernels_files() {
        let text = "VmHWM:\t   9 kB\nVmRSS:\t    1234 kB\n";
        assert_eq!((kilobytes(text, "VmRSS:"), kilobytes(text, "VmSwap:")), (Some(1234), None));
    }
}
