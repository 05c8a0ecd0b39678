//! `cargo xtask soak`: kills short runs of `hone train` again and again, at random moments and while a checkpoint is
//! written, and compares the weights of every run that has ended with those of a run that was left alone.
//!
//! The kills are those of a test of the binary, which makes a few of them each time (`cli/tests/killed.rs`): here it is told
//! by environment variables to make many, and prints its table.

use std::process::Command;
use std::time::{SystemTime, UNIX_EPOCH};

use anyhow::Result;

use crate::{proc, test};

/// The test that kills.
const TEST: &str = "a_run_that_is_killed_again_and_again_gives_the_same_weights";

/// How often, and when.
#[derive(Debug, Clone, clap::Args)]
pub struct Options {
    /// Kills at random moments
    #[arg(long, value_name = "N", default_value_t = 200)]
    pub kills: u32,
    /// Kills while a checkpoint is written
    #[arg(long, value_name = "N", default_value_t = 50)]
    pub writes: u32,
    /// Seed of the moments [default: another each time]
    #[arg(long, value_name = "N")]
    pub seed: Option<u64>,
}

/// Builds the binary and kills it; its table is printed, with the seed.
///
/// # Errors
/// When it can't be built, or a run ended with other weights or not at all.
pub fn run(options: &Options) -> Result<()> {
    let now = || SystemTime::now().duration_since(UNIX_EPOCH).map_or(1, |passed| passed.as_millis() as u64);
    let seed = options.seed.unwrap_or_else(now);
    proc::say(format!("the moments follow from the seed {seed} (--seed {seed}) and the speed of this machine"));
    let [_, rest] = test::SETS;
    let mut command = Command::new("cargo");
    command
        .current_dir(crate::root())
        .args(["test", "--release", "--locked"])
        .args(rest)
        .args(["--test", "killed", "--", "--nocapture", "--exact", TEST])
        .env("HONE_SOAK_KILLS", options.kills.to_string())
        .env("HONE_SOAK_WRITES", options.writes.to_string())
        .env("HONE_SOAK_SEED", seed.to_string());
    proc::run(&mut command)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_test_that_kills_is_there() {
        // By another name cargo would run no test, and be content.
        assert!(include_str!("../../cli/tests/killed.rs").contains(&format!("#[test]\nfn {TEST}() {{")));
    }
}
