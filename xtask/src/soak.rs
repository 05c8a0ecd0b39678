//! `cargo xtask soak`: kills short runs of `hone train` again and again, at random moments and while a checkpoint is
//! written, and compares the weights of every run that has ended with those of a run that was left alone. With `--browser` it is
//! runs of the page: they are reloaded, their worker is killed, their GPU is lost.
//!
//! The kills are those of tests (`cli/tests/killed.rs`, which makes a few of them each time, and `tests/tests/e2e/soak.rs`): here
//! they are told by environment variables how many to make, and print their table.

use std::process::Command;
use std::time::{SystemTime, UNIX_EPOCH};

use anyhow::Result;

use crate::{proc, test};

/// The test that kills `hone train`.
const TEST: &str = "a_run_that_is_killed_again_and_again_gives_the_same_weights";
/// The test that interrupts runs of the page.
const BROWSER_TEST: &str = "runs_survive_whatever_happens";

/// Kills at random moments of `hone train`, and of the page's worker.
const KILLS: [u32; 2] = [200, 10];

/// How often, and when.
#[derive(Debug, Clone, clap::Args)]
pub struct Options {
    /// Kills at random moments [default: 200; with --browser 10]
    #[arg(long, value_name = "N")]
    pub kills: Option<u32>,
    /// Kills while a checkpoint is written
    #[arg(long, value_name = "N", default_value_t = 50, conflicts_with = "browser")]
    pub writes: u32,
    /// Interrupt runs of the page instead of hone train
    #[arg(long)]
    pub browser: bool,
    /// Reloads of the page
    #[arg(long, value_name = "N", default_value_t = 30, requires = "browser")]
    pub reloads: u32,
    /// Losses of the page's GPU, which is a software adapter
    #[arg(long, value_name = "N", default_value_t = 10, requires = "browser")]
    pub losses: u32,
    /// Seed of the moments [default: another each time]
    #[arg(long, value_name = "N")]
    pub seed: Option<u64>,
}

/// Builds what is interrupted and interrupts it; the table is printed, with the seed.
///
/// # Errors
/// When it can't be built, or a run ended with other weights or not at all.
pub fn run(options: &Options) -> Result<()> {
    let now = || SystemTime::now().duration_since(UNIX_EPOCH).map_or(1, |passed| passed.as_millis() as u64);
    let seed = options.seed.unwrap_or_else(now);
    let mut command = if options.browser { of_the_page(options)? } else { of_the_binary(options) };
    proc::say(format!("the moments follow from the seed {seed} (--seed {seed}) and the speed of this machine"));
    proc::run(command.env("HONE_SOAK_SEED", seed.to_string()))
}

fn of_the_binary(options: &Options) -> Command {
    let [_, rest] = test::SETS;
    let mut command = Command::new("cargo");
    command
        .current_dir(crate::root())
        .args(["test", "--release", "--locked"])
        .args(rest)
        .args(["--test", "killed", "--", "--nocapture", "--exact", TEST])
        .env("HONE_SOAK_KILLS", options.kills.unwrap_or(KILLS[0]).to_string())
        .env("HONE_SOAK_WRITES", options.writes.to_string());
    command
}

fn of_the_page(options: &Options) -> Result<Command> {
    let mut command = test::end_to_end()?;
    let name = format!("soak::{BROWSER_TEST}");
    command
        .args(["--", "--nocapture", "--ignored", "--exact", &name])
        .env("HONE_SOAK_KILLS", options.kills.unwrap_or(KILLS[1]).to_string())
        .env("HONE_SOAK_RELOADS", options.reloads.to_string())
        .env("HONE_SOAK_LOSSES", options.losses.to_string());
    Ok(command)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_tests_that_interrupt_are_there() {
        // By another name cargo would run no test, and be content.
        assert!(include_str!("../../cli/tests/killed.rs").contains(&format!("#[test]\nfn {TEST}() {{")));
        let of_the_page = include_str!("../../tests/tests/e2e/soak.rs");
        assert!(of_the_page.contains(&format!("cargo xtask soak --browser\"]\nfn {BROWSER_TEST}() {{")));
    }
}
