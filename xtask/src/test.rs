//! `cargo xtask test`: brings the browser, builds the page and beside it the tests, runs every test of the workspace.
//!
//! The tests crate is told by environment variables where things lie: `HONE_DIST` (the built page), `HONE_MODELS` (the
//! folder of models), `HONE_CHROMIUM` and `HONE_CHROMEDRIVER` (the browser and its driver), `HONE_AXE` (axe-core's
//! script, unless it can't be brought). With `--native-only` there is `HONE_NATIVE_ONLY=1` instead of the page and all that
//! looks at it. With `--deployed` the page is the one that is deployed, and only the end-to-end tests look at it.

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
    /// Run only the end-to-end tests, on the page that is deployed.
    pub deployed: bool,
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
    let mode = if options.deployed { Mode::Release } else { Mode::Quick };
    let needs = Needs::bring(mode, options.native_only)?;
    let mut succeeded = true;
    for mut command in commands(mode, &["--no-fail-fast"]) {
        needs.tell(&mut command).args(&options.filter);
        if !options.rest.is_empty() {
            command.arg("--").args(&options.rest);
        }
        succeeded &= command.status().context("cannot start cargo test")?.success();
    }
    Ok(if succeeded { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// `cargo test` of the end-to-end tests alone, on a page that is built before; arguments are added to it.
///
/// # Errors
/// When what the tests need cannot be brought or built.
pub(crate) fn end_to_end() -> Result<Command> {
    let needs = Needs::bring(Mode::Quick, false)?;
    let [_, rest] = SETS;
    let mut command = cargo_test(rest, &["--release", "--test", "e2e"]);
    needs.tell(&mut command);
    Ok(command)
}

/// What tests need beside what cargo builds.
struct Needs {
    /// Chromium and its driver; `None` leaves out what looks at the page.
    browser: Option<(PathBuf, PathBuf)>,
    axe: Option<PathBuf>,
}

impl Needs {
    /// Brings all of it, and builds the page and the tests.
    fn bring(mode: Mode, native_only: bool) -> Result<Self> {
        let browser = if native_only { None } else { Some(browser()?) };
        vulkan();
        build(mode, native_only)?;
        let axe = tools::axe(&Cache::locate()?).filter(|_| !native_only);
        Ok(Self { browser, axe })
    }

    /// Tells the tests where it lies.
    fn tell<'a>(&self, command: &'a mut Command) -> &'a mut Command {
        command.env("HONE_MODELS", model::folder());
        match &self.browser {
            None => command.env("HONE_NATIVE_ONLY", "1"),
            Some((chromium, driver)) => command
                .env("HONE_DIST", web::dist())
                .env("HONE_CHROMIUM", chromium)
                .env("HONE_CHROMEDRIVER", driver)
                .env_remove("HONE_NATIVE_ONLY"),
        };
        if let Some(axe) = &self.axe {
            command.env("HONE_AXE", axe);
        }
        command
    }
}

/// Builds the page, set-up included, and beside it the tests: where one waits, the other has the cores.
pub(crate) fn build(mode: Mode, native_only: bool) -> Result<()> {
    let mut anew = if native_only { Vec::new() } else { web::anew(mode)? };
    if !crate::root().join("target").join("release").join("deps").exists() {
        anew.push(Part::Tests);
    }
    let parts = Parts::begin(mode, &anew);
    thread::scope(|scope| {
        let page = scope.spawn(|| {
            if native_only {
                return parts.run(Part::Downloads, |_| model::ensure(&model::folder()).context("default model"));
            }
            web::build_as_part(mode, &parts)?;
            axe();
            // A page built elsewhere needed no set-up; the tests want the model all the same.
            model::ensure(&model::folder()).context("default model")
        });
        let tests = parts.run(Part::Tests, |count| {
            let compile = |mut command| proc::run_counted(&mut command, |done, total| count.report(done, total));
            commands(mode, &["--no-run"]).into_iter().try_for_each(compile)
        });
        page.join().expect("a build does not panic").and(tests)
    })?;
    parts.close("ready to test");
    Ok(())
}

/// What cargo is given together: the page, whose reducers are tested natively, apart from everything else. In one set leptos
/// would switch on features of crates that burn depends on, and `cargo build -p hone-cli` would compile burn once more.
pub(crate) const SETS: [&[&str]; 2] = [
    &["--package", "hone-app"],
    &[
        "--workspace",
        "--exclude",
        "hone-worker",
        "--exclude",
        "hone-readers-web",
        "--exclude",
        "hone-images-web",
        "--exclude",
        "hone-templates-web",
        "--exclude",
        "hone-app",
    ],
];

/// `cargo test` of each of the sets; of the deployed page the end-to-end tests alone. The page's own tests are plain code:
/// optimising it takes longer than running it.
fn commands(mode: Mode, flags: &[&str]) -> Vec<Command> {
    let [page, rest] = SETS;
    let sets: &[(&[&str], &[&str])] = match mode {
        Mode::Quick => &[(page, &[]), (rest, &["--release"])],
        Mode::Release => &[(rest, &["--release", "--test", "e2e"])],
    };
    let command = |(set, only): &(&[&str], &[&str])| {
        let mut command = cargo_test(set, only);
        command.args(flags);
        command
    };
    sets.iter().map(command).collect()
}

/// `cargo test` of a set; `more` says how it is built, and which of its tests.
fn cargo_test(set: &[&str], more: &[&str]) -> Command {
    let mut command = Command::new("cargo");
    command.current_dir(crate::root()).args(["test", "--locked"]).args(set).args(more);
    command
}

/// Installs what the tests need of the system, where that can be done. What could not be installed is said when they run.
pub(crate) fn install() {
    let _ = browser();
    vulkan();
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
