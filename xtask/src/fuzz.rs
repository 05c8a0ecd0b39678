//! `cargo xtask fuzz`: damaged files for every reader of other people's files, for as long as you like.
//!
//! The readers are those of tests of one binary, which feed each with a few hundred wherever tests run (`tests/tests/native/fuzz`):
//! here they are told by environment variables to go on for minutes, with other damage each time, and say how much they read.

use std::process::Command;
use std::time::{SystemTime, UNIX_EPOCH};

use anyhow::{Result, bail};

use crate::{proc, test};

/// The tests that feed a reader each.
const TARGETS: [&str; 17] = [
    "delimited",
    "json_rows",
    "safetensors",
    "config",
    "model",
    "tokenizer",
    "tokenizer_folder",
    "sentencepiece",
    "chat_template",
    "adapter_config",
    "weight_index",
    "job",
    "project",
    "image",
    "preprocessor_config",
    "packed_rows",
    "archive",
];

/// Whom to feed, how long, and with what.
#[derive(Debug, Clone, clap::Args)]
pub struct Options {
    /// One reader only [default: all, one after the other]
    pub target: Option<String>,
    /// Minutes for each
    #[arg(long, value_name = "N", default_value_t = 10.0)]
    pub minutes: f64,
    /// Seed of the damage [default: another each time]
    #[arg(long, value_name = "N")]
    pub seed: Option<u64>,
}

/// Builds the tests and feeds the readers; each says how many files it was given, which took longest and how much memory.
///
/// # Errors
/// When they can't be built, there is no such reader, or a file was too much for one: the test says where the file is.
pub fn run(options: &Options) -> Result<()> {
    if let Some(target) = options.target.as_deref().filter(|target| !TARGETS.contains(target)) {
        bail!("there is no reader {target:?}; there are {}", TARGETS.join(", "));
    }
    let now = || SystemTime::now().duration_since(UNIX_EPOCH).map_or(1, |passed| passed.as_millis() as u64);
    let seed = options.seed.unwrap_or_else(now);
    proc::say(format!("the damage follows from the seed {seed} (--seed {seed})"));
    let wanted = TARGETS.iter().filter(|target| options.target.as_deref().is_none_or(|only| only == **target));
    let [_, rest] = test::SETS;
    let mut command = Command::new("cargo");
    command
        .current_dir(crate::root())
        .args(["test", "--release", "--locked"])
        .args(rest)
        .args(["--test", "native", "--", "--nocapture", "--test-threads", "1", "--exact"])
        .args(wanted.map(|target| format!("fuzz::{target}")))
        .env("HONE_FUZZ_SECS", (options.minutes * 60.0).to_string())
        .env("HONE_FUZZ_SEED", seed.to_string());
    proc::run(&mut command)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_tests_that_feed_are_there_and_all_are_known() {
        // By another name cargo would run no test, and be content.
        let source = include_str!("../../tests/tests/native/fuzz/mod.rs");
        for target in TARGETS {
            assert!(source.contains(&format!("#[test]\nfn {target}() {{\n    run(")), "{target}");
        }
        assert_eq!(source.matches("() {\n    run(").count(), TARGETS.len());
    }
}
