//! `cargo xtask ci`: what is checked before the tests run: house rules, formatting, whether page and tests compile, the size
//! budget of the quick build. What the tests need of the system is installed meanwhile. `cargo xtask lint`: house rules and
//! formatting again, clippy for native and for wasm, docs. Linting goes through all the code once more, so the workflow runs the
//! two side by side.
//!
//! Every step runs; what failed, and how long each took, is listed at the end.

use std::process::{Command, ExitCode};
use std::thread;
use std::time::Instant;

use anyhow::{Context, Result, bail};

use crate::parts::Parts;
use crate::setup::Tools;
use crate::toolchain::TARGET;
use crate::{proc, setup, size, test, tidy, web};

/// The build that is checked and that the tests run on; what is deployed has its own check (`cargo xtask build --release`).
const MODE: web::Mode = web::Mode::Quick;

/// Runs what is checked before the tests; the exit code says whether a check failed.
#[must_use]
pub fn run() -> ExitCode {
    let mut report = Report::default();
    rules(&mut report);
    // Downloads need no core, compilers no network.
    thread::scope(|scope| {
        scope.spawn(test::install);
        report.step("page and tests compile", || test::build(MODE, false));
    });
    report.step("size budget of the quick build", || size::check(&web::dist(), MODE));
    report.close()
}

/// Runs the linters; the exit code says whether one found something.
#[must_use]
pub fn lint() -> ExitCode {
    let mut report = Report::default();
    rules(&mut report);
    report.step("clippy is there", || component("clippy", "clippy"));
    let [page, rest] = test::SETS;
    report.step("clippy, native", || {
        let clippy = |set: &[&str], more: &[&str]| {
            let flags = ["clippy", "--release", "--locked", "--all-targets"];
            proc::run(cargo().args(flags).args(set).args(more).args(["--", "-D", "warnings"]))
        };
        clippy(rest, &["--features", "hone-tests/tools"])?;
        clippy(page, &[])
    });
    report.step("docs", || {
        let doc = |set: &[&str]| {
            let flags = ["doc", "--release", "--locked", "--no-deps"];
            proc::run(cargo().args(flags).args(set).env("RUSTDOCFLAGS", "-D warnings"))
        };
        doc(rest)?;
        doc(page)
    });
    report.step("clippy, wasm", || clippy_wasm(&setup::compiler(&Parts::begin(MODE, &[]))?));
    report.close()
}

/// House rules and formatting: a second each.
fn rules(report: &mut Report) {
    report.step("house rules", tidy::check);
    report.step("formatting", || {
        component("fmt", "rustfmt")?;
        proc::run(cargo().args(["fmt", "--all", "--", "--check"]))
    });
}

/// Lints what runs in the browser, with the settings of `clippy-wasm/`: page, worker and the modules beside it apart, since the page
/// links core without its engine.
fn clippy_wasm(tools: &Tools) -> Result<()> {
    // The page as it is cut; in one piece it is linted natively.
    for (package, features) in [
        ("hone-app", "split"),
        ("hone-worker", ""),
        ("hone-readers-web", ""),
        ("hone-images-web", ""),
        ("hone-templates-web", ""),
    ] {
        let mut command = web::command(tools, "cargo");
        command
            .args(["clippy", "--locked", "--profile", MODE.profile(), "--target", TARGET, "--package", package])
            .args(["--features", features, "--", "-D", "warnings"])
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
