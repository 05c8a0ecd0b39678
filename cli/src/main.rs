//! `hone`: fine-tunes, measures and runs small pretrained transformers on this machine.
//!
//! Exit codes: 0 done, 1 an error, 2 a command line that can't be used, 3 a run that diverged and wrote its best weights, 130
//! stopped by Ctrl-C. Results go to standard output, everything else to standard error.

mod args;
mod cache;
mod checkpoint_dir;
mod csv_lines;
mod device;
mod download;
mod eval;
mod export;
mod failure;
mod few_shot;
mod generate;
mod hub_cache;
mod hub_env;
mod image_files;
mod inputs;
mod lock;
mod memory;
mod model_files;
mod models;
mod output;
mod pace;
mod plan;
mod planned;
mod predict;
mod progress;
mod project;
mod runs;
mod several;
mod shell;
mod signals;
mod swap;
mod tables;
mod tasks;
mod train;

use std::process::ExitCode;

use clap::Parser;
use hone_core::kernels::keep_freed_memory;

use crate::args::{Cli, Command};

fn main() -> ExitCode {
    keep_freed_memory();
    let result = match Cli::parse().command {
        Command::Train(args) => train::run(&args),
        Command::Eval(args) => eval::run(&args),
        Command::Predict(args) => predict::run(&args),
        Command::Generate(args) => generate::run(&args),
        Command::Export(args) => export::run(&args),
        Command::Runs(args) => runs::run(&args),
        Command::Models(command) => models::run(command),
        Command::Completions { shell } => shell::completions(shell),
        Command::Man { out } => shell::man(out.as_deref()),
    };
    result.unwrap_or_else(|error| failure::report(&error))
}
