//! `cargo xtask <command>`: the one door to Hone's workspace.

use std::process::ExitCode;

use anyhow::Result;
use clap::{Parser, Subcommand};
use xtask::{bench, ci, proc, setup, test, tidy, web};

/// Set up, build, serve, test and check Hone.
#[derive(Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask")]
struct Arguments {
    #[command(subcommand)]
    command: Task,
}

#[derive(Subcommand)]
enum Task {
    /// Bring what the page needs: wasm toolchain, wasm-bindgen, trunk, wasm-opt, the default model
    Setup,
    /// Build the page and its worker into dist/
    Build {
        /// Quick build: no link-time optimisation, no wasm-opt
        #[arg(long)]
        dev: bool,
    },
    /// Set up, build and serve the page on localhost
    Serve {
        /// Port to listen on
        #[arg(long, default_value_t = 8080)]
        port: u16,
        /// Quick build: no link-time optimisation, no wasm-opt
        #[arg(long)]
        dev: bool,
    },
    /// Set up, build and run every test: unit, parity, end-to-end in a real browser
    Test {
        /// Leave out the page and the browser
        #[arg(long)]
        native_only: bool,
        /// Run only tests whose name contains this
        filter: Option<String>,
        /// Passed to the test binaries
        #[arg(last = true)]
        rest: Vec<String>,
    },
    /// Measure training steps, memory and sizes beside PyTorch, TensorFlow.js and jax-js
    Bench(bench::Options),
    /// Formatting, house rules, clippy (native and wasm), docs, size budget
    Ci,
    /// Check the house rules only
    Tidy,
}

fn main() -> ExitCode {
    let result = match Arguments::parse().command {
        Task::Setup => setup::run().map(|_| ExitCode::SUCCESS),
        Task::Build { dev } => build(dev),
        Task::Serve { port, dev } => web::serve(port, mode(dev)).map(|()| ExitCode::SUCCESS),
        Task::Test { native_only, filter, rest } => test::run(&test::Options { native_only, filter, rest }),
        Task::Bench(options) => bench::run(&options).map(|()| ExitCode::SUCCESS),
        Task::Ci => ci::run(),
        Task::Tidy => tidy::run(),
    };
    result.unwrap_or_else(|error| {
        proc::say(format!("error: {error:#}"));
        ExitCode::FAILURE
    })
}

fn build(dev: bool) -> Result<ExitCode> {
    let tools = setup::run()?;
    web::build(&tools, mode(dev))?;
    Ok(ExitCode::SUCCESS)
}

fn mode(dev: bool) -> web::Mode {
    if dev { web::Mode::Dev } else { web::Mode::Release }
}
