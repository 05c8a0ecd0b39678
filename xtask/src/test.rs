//! `cargo xtask test`: brings the browser, builds the page, runs every test of the workspace.
//!
//! The tests crate is told by environment variables where things lie: `HONE_DIST` (the built page), `HONE_MODELS` (the
//! folder of models), `HONE_CHROMIUM` and `HONE_CHROMEDRIVER` (the browser and its driver). With `--native-only` there
//! is `HONE_NATIVE_ONLY=1` instead of the page and the browser.

use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};

use anyhow::{Context, Result, bail};

use crate::cache::Cache;
use crate::{apt, model, proc, setup, web};

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
    let models = crate::root().join("public").join("models");
    let mut command = command(&["--no-fail-fast"]);
    command.env("HONE_MODELS", &models);
    if options.native_only {
        Cache::locate()?;
        model::ensure(&models).context("default model")?;
        command.env("HONE_NATIVE_ONLY", "1");
    } else {
        let (chromium, driver) = browser()?;
        let tools = setup::run()?;
        web::build(&tools, web::Mode::Release)?;
        command
            .env("HONE_DIST", web::dist())
            .env("HONE_CHROMIUM", chromium)
            .env("HONE_CHROMEDRIVER", driver)
            .env_remove("HONE_NATIVE_ONLY");
    }
    vulkan();
    command.args(&options.filter);
    if !options.rest.is_empty() {
        command.arg("--").args(&options.rest);
    }
    let status = command.status().context("cannot start cargo test")?;
    Ok(if status.success() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
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
