//! `cargo xtask test`: brings the browser, builds the page and beside it the tests, runs every test of the workspace.
//!
//! The tests crate is told by environment variables where things lie: `HONE_DIST` (the built page), `HONE_MODELS` (the
//! folder of models), `HONE_CHROMIUM` and `HONE_CHROMEDRIVER` (the browser and its driver), `HONE_AXE` (axe-core's
//! script, unless it can't be brought). With `--native-only` there is `HONE_NATIVE_ONLY=1` instead of the page and all that
//! looks at it.

use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};
use std::thread;

use anyhow::{Context, Result, bail};

use crate::cache::Cache;
use crate::parts::{Part, Parts};
use crate::web::Mode;
use crate::{apt, model, proc, tools, web};

/// What to run.
#[derive(Debug, Clone, Default)]
pub struct Options {
    /// Leave out the page and the browser.
    pub native_only: bool,
    /// Run only tests whose name contains this.
    pub filter: Option<String>,
    /// Passed to the test binaries.
    pub rest: Vec<String>,
}

/// Runs the tests; the exit code is the test runner's, whose own lines come last.
///
/// # Errors
/// When what the tests need cannot be brought or built.
pub fn run(options: &Options) -> Result<ExitCode> {
    let mut command = command(&["--no-fail-fast"]);
    command.env("HONE_MODELS", model::folder());
    if options.native_only {
        command.env("HONE_NATIVE_ONLY", "1");
    } else {
        let (chromium, driver) = browser()?;
        command
            .env("HONE_DIST", web::dist())
            .env("HONE_CHROMIUM", chromium)
            .env("HONE_CHROMEDRIVER", driver)
            .env_remove("HONE_NATIVE_ONLY");
    }
    vulkan();
    build(options.native_only)?;
    if !options.native_only
        && let Some(axe) = tools::axe(&Cache::locate()?)
    {
        command.env("HONE_AXE", axe);
    }
    command.args(&options.filter);
    if !options.rest.is_empty() {
        command.arg("--").args(&options.rest);
    }
    let status = command.status().context("cannot start cargo test")?;
    Ok(if status.success() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Builds the page, set-up included, and beside it the tests: where one waits, the other has the cores.
fn build(native_only: bool) -> Result<()> {
    let mut anew = if native_only { Vec::new() } else { web::anew(Mode::Quick)? };
    if !crate::root().join("target").join("release").join("deps").exists() {
        anew.push(Part::Tests);
    }
    let parts = Parts::begin(Mode::Quick, &anew);
    thread::scope(|scope| {
        let page = scope.spawn(|| {
            if native_only {
                return parts.run(Part::Downloads, |_| model::ensure(&model::folder()).context("default model"));
            }
            web::build_as_part(Mode::Quick, &parts)?;
            axe();
            // A page built elsewhere needed no set-up; the tests want the model all the same.
            model::ensure(&model::folder()).context("default model")
        });
        let tests = parts.run(Part::Tests, |count| {
            proc::run_counted(&mut command(&["--no-run"]), |done, total| count.report(done, total))
        });
        page.join().expect("a build does not panic").and(tests)
    })?;
    parts.close("ready to test");
    Ok(())
}

/// `cargo test`, optimised, of all that runs natively: everything but the worker. The page is compiled for its reducers.
pub(crate) fn command(flags: &[&str]) -> Command {
    let mut command = Command::new("cargo");
    command.current_dir(crate::root()).args(["test", "--release", "--locked", "--workspace"]);
    command.args(["--exclude", "hone-worker"]).args(flags);
    command
}

/// Chromium and its driver, installed where that can be done.
fn browser() -> Result<(PathBuf, PathBuf)> {
    let found = || {
        let named = |names: &[&str]| names.iter().find_map(|name| proc::find(name));
        let chromium = named(&["chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome"])?;
        Some((chromium, named(&["chromedriver"])?))
    };
    if let Some(both) = found() {
        return Ok(both);
    }
    if apt::here() {
        apt::ensure(&["chromium", "chromium-driver"], "the end-to-end tests")?;
    }
    match found() {
        Some(both) => Ok(both),
        None => bail!(
            "the end-to-end tests need Chromium (or Chrome) and a chromedriver of the same version on the search path: \
             install them, or leave these tests out with --native-only"
        ),
    }
}

/// axe-core, once set-up is done with npm. Not fatal: the tests that need it say so, and fail under CI.
fn axe() {
    if let Err(error) = Cache::locate().and_then(|cache| tools::ensure_axe(&cache)) {
        proc::say(format!("no axe-core: {error:#}"));
    }
}

/// A software Vulkan device where there is no other, so that the native GPU tests have one. Not fatal: those tests say
/// so when they find no device.
fn vulkan() {
    let drivers = ["/usr/share/vulkan/icd.d", "/etc/vulkan/icd.d"];
    let any = |folder: &&str| Path::new(folder).read_dir().is_ok_and(|mut entries| entries.next().is_some());
    if apt::here()
        && !drivers.iter().any(any)
        && let Err(error) = apt::ensure(&["libvulkan1", "mesa-vulkan-drivers"], "native GPU tests on a software device")
    {
        proc::say(format!("no Vulkan driver: {error:#}"));
    }
}
