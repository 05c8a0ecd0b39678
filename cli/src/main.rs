//! `hone`: fine-tunes, measures and runs small pretrained transformers on this machine.
//!
//! Exit codes: 0 done, 1 an error, 2 a command line that can't be used, 3 a run that diverged and wrote its best weights, 130
//! stopped by Ctrl-C. Results go to standard output, everything else to standard error.

mod args;
mod baseline;
mod cache;
mod checkpoint_dir;
mod compare;
mod csv_lines;
mod data;
mod device;
mod disk_file;
mod download;
mod eval;
mod export;
mod failure;
mod fairness;
mod few_shot;
mod find_rate;
mod generate;
mod hub_cache;
mod hub_env;
mod image_files;
mod inputs;
mod json_lines;
mod lock;
mod memory;
mod missing_files;
mod model_files;
mod models;
mod output;
mod pace;
mod plan;
mod planned;
mod predict;
mod progress;
mod project;
mod rate;
mod read_files;
mod recommend;
mod reopen;
mod report;
mod result_file;
mod run_log;
mod run_loop;
mod run_to_end;
mod runs;
mod several;
mod shell;
mod signals;
mod swap;
mod sweep;
mod tables;
mod tasks;
mod text_folders;
mod train;

use std::process::ExitCode;

use clap::Parser;
use hone_core::kernels::{keep_freed_memory, run_on_threads};

use crate::args::{Cli, Command};

fn main() -> ExitCode {
    keep_freed_memory();
    quiet_desktop_libraries();
    let command = Cli::parse().command;
    let result = run_on_threads(|| match command {
        Command::Train(args) => train::run(&args),
        Command::Sweep(args) => sweep::run(&args),
        Command::Baseline(args) => baseline::run(&args),
        Command::Eval(args) => eval::run(&args),
        Command::Compare(args) => compare::run(&args),
        Command::Rate(args) => rate::run(&args),
        Command::Predict(args) => predict::run(&args),
        Command::Generate(args) => generate::run(&args),
        Command::Export(args) => export::run(&args),
        Command::Runs(args) => runs::run(&args),
        Command::Report(args) => report::run(&args),
        Command::Data(command) => data::run(&command),
        Command::Models(command) => models::run(command),
        Command::Completions { shell } => shell::completions(shell),
        Command::Man { out } => shell::man(out.as_deref()),
    });
    result.unwrap_or_else(|error| failure::report(&error))
}

/// Where there is no desktop session, libraries of the desktop say so on standard error each time they are asked for a GPU, and nobody
/// here can do anything about it.
#[cfg(target_os = "linux")]
fn quiet_desktop_libraries() {
    const SESSION: &str = "XDG_RUNTIME_DIR";
    if std::env::var_os(SESSION).is_none() {
        #[expect(unsafe_code, reason = "the environment of a process is global")]
        // SAFETY: no other thread has been started that could read it meanwhile.
        unsafe {
            std::env::set_var(SESSION, std::env::temp_dir());
        }
    }
}

#[cfg(not(target_os = "linux"))]
fn quiet_desktop_libraries() {}
