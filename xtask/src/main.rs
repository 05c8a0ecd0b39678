//! `cargo xtask <command>`: the one door to Hone's workspace.

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Result;
use clap::{Parser, Subcommand};
use xtask::{bench, ci, fuzz, gpu_kit, proc, setup, size, soak, test, tidy, web};

/// Set up, build, serve, test and check Hone.
#[derive(Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask")]
struct Arguments {
    #[command(subcommand)]
    command: Task,
}

#[derive(Subcommand)]
enum Task {
    /// Bring what any build of the page needs: wasm toolchain, wasm-bindgen, wasm-opt, the default model
    Setup,
    /// Build the page and its worker into dist/
    Build {
        /// What is deployed: link-time optimisation, wasm-opt, and the size budget
        #[arg(long)]
        release: bool,
    },
    /// Set up, build and serve the page on localhost
    Serve {
        /// Port to listen on
        #[arg(long, default_value_t = 8080)]
        port: u16,
        /// Serve the page as it is deployed (see build)
        #[arg(long, conflicts_with = "dist")]
        release: bool,
        /// Serve a folder that holds a built page, without set-up and build
        #[arg(long, value_name = "FOLDER")]
        dist: Option<PathBuf>,
    },
    /// Set up, build and run every test: unit, parity, end-to-end in a real browser
    Test {
        /// Leave out the page and the browser
        #[arg(long)]
        native_only: bool,
        /// Run only the end-to-end tests, on the page that is deployed
        #[arg(long, conflicts_with = "native_only")]
        deployed: bool,
        /// Run only tests whose name contains this
        filter: Option<String>,
        /// Passed to the test binaries
        #[arg(last = true)]
        rest: Vec<String>,
    },
    /// Measure training steps, memory and sizes beside PyTorch, TensorFlow.js and jax-js
    Bench(bench::Options),
    /// Gather all that a machine with an NVIDIA GPU needs to measure Hone beside PyTorch, by one command
    GpuKit(gpu_kit::Options),
    /// Interrupt runs of hone train, or of the page, again and again, and see that they end as an undisturbed one
    Soak(soak::Options),
    /// Feed every reader of other people's files with damaged ones, ten minutes each
    Fuzz(fuzz::Options),
    /// What is checked before the tests: house rules, formatting, whether page and tests compile, size budget
    Ci,
    /// House rules, formatting, clippy (native and wasm), docs
    Lint,
    /// Check the house rules only
    Tidy,
}

fn main() -> ExitCode {
    let result = match Arguments::parse().command {
        Task::Setup => setup::run().map(|()| ExitCode::SUCCESS),
        Task::Build { release } => build(mode(release)).map(|()| ExitCode::SUCCESS),
        Task::Serve { port, release, dist } => {
            web::serve(port, mode(release), dist.as_deref()).map(|()| ExitCode::SUCCESS)
        }
        Task::Test { native_only, deployed, filter, rest } => {
            test::run(&test::Options { native_only, deployed, filter, rest })
        }
        Task::Bench(options) => bench::run(&options).map(|()| ExitCode::SUCCESS),
        Task::GpuKit(options) => gpu_kit::run(&options).map(|()| ExitCode::SUCCESS),
        Task::Soak(options) => soak::run(&options).map(|()| ExitCode::SUCCESS),
        Task::Fuzz(options) => fuzz::run(&options).map(|()| ExitCode::SUCCESS),
        Task::Ci => Ok(ci::run()),
        Task::Lint => Ok(ci::lint()),
        Task::Tidy => tidy::run(),
    };
    result.unwrap_or_else(|error| {
        proc::say(format!("error: {error:#}"));
        ExitCode::FAILURE
    })
}

fn build(mode: web::Mode) -> Result<()> {
    web::build(mode)?;
    match mode {
        web::Mode::Release => size::check(&web::dist(), mode),
        web::Mode::Quick => Ok(()),
    }
}

fn mode(release: bool) -> web::Mode {
    if release { web::Mode::Release } else { web::Mode::Quick }
}
