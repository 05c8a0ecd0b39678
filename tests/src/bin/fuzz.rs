//! Feeds every parser of foreign bytes with damaged files until the time is up: none may panic, hang or grow.
//!
//!     cargo run --release -p hone-tests --features tools --bin fuzz -- [MINUTES [TARGET ...]]
//!
//! Every target runs for MINUTES (1 if not given). Inputs are files that are right, cut, spliced, repeated, with hostile
//! numbers and words put into them. The input that is being read lies in a file of the temporary folder, so that one
//! which ends the process can be looked at. Run it under `ulimit -v` to hold it to a size.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use hone_tests::fuzz::{Mutator, TARGETS, Target};

/// Longest that one input may take of a processor.
const SLOW: Duration = Duration::from_secs(10);

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let minutes: f64 = arguments.first().and_then(|text| text.parse().ok()).unwrap_or(1.0);
    let wanted = arguments.get(1..).unwrap_or_default();
    std::panic::set_hook(Box::new(|_| ())); // panics are counted and reported below
    let mut is_sound = true;
    for target in TARGETS.iter().filter(|target| wanted.is_empty() || wanted.iter().any(|name| name == target.name)) {
        is_sound &= run(target, Duration::from_secs_f64(minutes * 60.0));
    }
    if is_sound { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// Whether no input was too much for it.
fn run(target: &Target, time: Duration) -> bool {
    let path = std::env::temp_dir().join(format!("hone-fuzz-{}", target.name));
    let mut mutator = Mutator::new(target.name, (target.seeds)());
    let (start, before) = (Instant::now(), resident_mb());
    let (mut inputs, mut accepted, mut faults) = (0u64, 0u64, 0u32);
    let (mut slowest, mut largest) = (Duration::ZERO, before);
    while start.elapsed() < time && faults < 10 {
        let input = mutator.next_input();
        std::fs::write(&path, &input).expect("the temporary folder can be written");
        let began = cpu_time(start);
        let outcome = catch_unwind(AssertUnwindSafe(|| (target.read)(&input)));
        let took = cpu_time(start).saturating_sub(began);
        inputs += 1;
        slowest = slowest.max(took);
        if inputs.is_multiple_of(64) || took > SLOW / 10 {
            largest = largest.max(resident_mb());
        }
        match outcome {
            Ok(is_accepted) if took <= SLOW => accepted += u64::from(is_accepted),
            Ok(_) => faults += report(target, &input, "is slow", faults),
            Err(panic) => {
                let text = panic.downcast_ref::<String>().cloned();
                let text = text.or_else(|| panic.downcast_ref::<&str>().map(|text| (*text).to_owned()));
                faults += report(target, &input, &format!("panics: {}", text.unwrap_or_default()), faults);
            }
        }
    }
    let slowest = slowest.as_secs_f64();
    eprintln!(
        "{}: {inputs} inputs, {accepted} of them taken, {faults} faults; slowest {slowest:.2} s, {before} -> {largest} MB",
        target.name
    );
    faults == 0
}

fn report(target: &Target, input: &[u8], what: &str, number: u32) -> u32 {
    let path: PathBuf = std::env::temp_dir().join(format!("hone-fuzz-{}-{number}", target.name));
    drop(std::fs::write(&path, input));
    eprintln!("{}: an input {what} ({})", target.name, path.display());
    1
}

/// Processor time of this thread, since a busy machine makes every input slow; the clock's where the system does not tell.
fn cpu_time(start: Instant) -> Duration {
    let stat = std::fs::read_to_string("/proc/thread-self/schedstat").ok();
    let nanos = stat.and_then(|text| text.split(' ').next()?.parse().ok());
    nanos.map_or_else(|| start.elapsed(), Duration::from_nanos)
}

/// Megabytes that the process has in memory; 0 where the system does not tell.
fn resident_mb() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    line.and_then(|line| line.trim().split(' ').next()?.parse::<u64>().ok()).unwrap_or(0) / 1024
}
