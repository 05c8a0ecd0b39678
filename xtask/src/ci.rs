//! `cargo xtask ci`: house rules, formatting, clippy for native and wasm, docs, whether tests compile, the page and its
//! size. Every step runs; what failed is listed at the end.

use std::process::{Command, ExitCode};
use std::time::Instant;

use anyhow::{Context, Result, bail};

use crate::setup::Tools;
use crate::toolchain::{TARGET, WasmToolchain};
use crate::{proc, setup, size, test, tidy, web};

const NATIVE: [&str; 3] = ["--workspace", "--exclude", "hone-worker"];

/// Runs all checks.
///
/// # Errors
/// When set-up fails; failed checks are reported through the exit code.
pub fn run() -> Result<ExitCode> {
    let mut report = Report::default();
    report.step("house rules", tidy::check);
    report.step("formatting", || {
        component("fmt", "rustfmt")?;
        proc::run(cargo().args(["fmt", "--all", "--", "--check"]))
    });
    // Link-time optimisation of the page keeps one core busy for minutes; what is native has the others meanwhile.
    std::thread::scope(|scope| {
        let page = scope.spawn(|| Line::of("page", || web::build(&setup::run()?, web::Mode::Release)));
        native(&mut report);
        report.lines.push(page.join().expect("a build does not panic"));
    });
    report.step("clippy, wasm", || clippy_wasm(&setup::run()?));
    report.step("size budget", || size::check(&web::dist()));
    Ok(report.close())
}

/// The release profile shares its build scripts and macros between clippy and the tests.
fn native(report: &mut Report) {
    report.step("clippy, native", || {
        component("clippy", "clippy")?;
        let flags = ["--release", "--locked", "--all-targets"];
        proc::run(cargo().arg("clippy").args(flags).args(NATIVE).args(["--", "-D", "warnings"]))
    });
    report.step("docs", || {
        let flags = ["--release", "--locked", "--no-deps"];
        proc::run(cargo().arg("doc").args(flags).args(NATIVE).env("RUSTDOCFLAGS", "-D warnings"))
    });
    report.step("tests compile", || proc::run(&mut test::command(&["--no-run"])));
}

/// Lints what runs in the browser, with the settings of `clippy-wasm/`: page and worker apart, since the page links core
/// without its engine.
fn clippy_wasm(tools: &Tools) -> Result<()> {
    if tools.toolchain == WasmToolchain::Active {
        component("clippy", "clippy")?;
    }
    for package in ["hone-app", "hone-worker"] {
        let mut command = web::command(tools, "cargo");
        command
            .args(["clippy", "--locked", "--profile", "web", "--target", TARGET, "--package", package])
            .args(["--", "-D", "warnings"])
            .env("CLIPPY_CONF_DIR", crate::root().join("clippy-wasm"));
        proc::run(&mut command)?;
    }
    Ok(())
}

fn cargo() -> Command {
    let mut command = Command::new("cargo");
    command.current_dir(crate::root());
    command
}

/// Makes sure that `cargo <subcommand>` exists, through rustup if need be.
fn component(subcommand: &str, name: &str) -> Result<()> {
    let there = || proc::succeeds(cargo().args([subcommand, "--version"]));
    if there() {
        return Ok(());
    }
    if proc::find("rustup").is_some() {
        proc::run(Command::new("rustup").args(["component", "add", name]))?;
    }
    if there() { Ok(()) } else { bail!("cargo {subcommand} is missing: rustup component add {name}") }
}

/// What came of a check.
struct Line {
    text: String,
    is_failed: bool,
}

impl Line {
    /// Runs a check and says what is wrong, if anything.
    fn of(name: &str, check: impl FnOnce() -> Result<()>) -> Self {
        proc::say(format!("== {name}"));
        let start = Instant::now();
        let result = check().with_context(|| name.to_owned());
        let elapsed_secs = start.elapsed().as_secs();
        if let Err(error) = &result {
            proc::say(format!("{error:#}"));
        }
        let word = if result.is_ok() { "ok    " } else { "FAILED" };
        Self { text: format!("{word} {name} ({elapsed_secs} s)"), is_failed: result.is_err() }
    }
}

#[derive(Default)]
struct Report {
    lines: Vec<Line>,
}

impl Report {
    fn step(&mut self, name: &str, check: impl FnOnce() -> Result<()>) {
        self.lines.push(Line::of(name, check));
    }

    fn close(self) -> ExitCode {
        for line in &self.lines {
            proc::say(&line.text);
        }
        if self.lines.iter().any(|line| line.is_failed) { ExitCode::FAILURE } else { ExitCode::SUCCESS }
    }
}
