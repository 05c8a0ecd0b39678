//! Builds the page and its worker with trunk into `dist/`, and serves them.
//!
//! The build runs offline with the tools that set-up brought, in `target/web`. When nothing that goes into it has
//! changed since the last time it is not run at all: link-time optimisation and wasm-opt take minutes.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};
use sha2::{Digest, Sha256};

use crate::model::hex;
use crate::setup::{self, Tools};
use crate::{proc, server, tools};

/// How much the build optimises.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// Cargo profile `web`, minified, through wasm-opt.
    Release,
    /// Cargo profile `release`, as it comes.
    Dev,
}

/// What goes into the page, relative to the workspace's folder.
const INPUTS: [&str; 8] =
    ["core", "app", "public", "index.html", "Trunk.toml", "Cargo.toml", "Cargo.lock", ".cargo/config.toml"];

/// Where the built page lies.
#[must_use]
pub fn dist() -> PathBuf {
    crate::root().join("dist")
}

/// Where cargo keeps what the page is built from.
#[must_use]
pub fn target_dir() -> PathBuf {
    crate::root().join("target").join("web")
}

/// A command that compiles for wasm with `tools` and finds trunk, wasm-bindgen and wasm-opt among them.
#[must_use]
pub fn command(tools: &Tools, program: &str) -> Command {
    let mut path = tools.toolchain.path();
    path.extend([tools.cache.tools_bin(), tools.cache.node_bin()]);
    let search = proc::path_with(&path);
    // A bare name would be looked up on the path of this process, not on the one set here.
    let found = std::env::split_paths(&search)
        .map(|folder| folder.join(format!("{program}{}", std::env::consts::EXE_SUFFIX)))
        .find(|candidate| candidate.is_file())
        .unwrap_or_else(|| PathBuf::from(program));
    let mut command = Command::new(found);
    command.current_dir(crate::root()).env("PATH", search).env("CARGO_TARGET_DIR", target_dir());
    tools.toolchain.apply(&mut command);
    command
}

/// Builds `dist/` unless it is up to date.
///
/// # Errors
/// When cargo or trunk fails.
pub fn build(tools: &Tools, mode: Mode) -> Result<()> {
    let stamp = target_dir().join("dist.stamp");
    let state = state(tools, mode)?;
    if built_from(&stamp, &state) {
        proc::say("dist/ is up to date");
        return Ok(());
    }
    let (words, profile) = match mode {
        Mode::Release => ("page and worker, optimised for size (the first time takes a quarter of an hour)", "web"),
        Mode::Dev => ("page and worker, quickly", "release"),
    };
    proc::say(format!("building {words}"));
    // trunk stays offline, so everything it compiles must be here before it starts.
    proc::run(command(tools, "cargo").args(["fetch", "--locked"]))?;
    let mut trunk = command(tools, "trunk");
    // trunk reads NO_COLOR as `true` or `false` and refuses the usual `1`.
    trunk.env_remove("NO_COLOR").args(["build", "--offline", "--locked", "--cargo-profile", profile]);
    trunk.arg(if mode == Mode::Release { "--release=true" } else { "--release=false" });
    proc::run(&mut trunk).context("building the page")?;
    proc::write(&stamp, format!("{state}\n{}", index_age(&dist())))
}

/// Sets up, builds and serves until the process is ended.
///
/// # Errors
/// When set-up or the build fails, or the port is taken.
pub fn serve(port: u16, mode: Mode) -> Result<()> {
    let tools = setup::run()?;
    build(&tools, mode)?;
    let running = server::serve(&dist(), port)?;
    proc::say(format!("Hone is at http://localhost:{} (Ctrl-C ends it)", running.port()));
    running.wait();
    Ok(())
}

fn built_from(stamp: &Path, state: &str) -> bool {
    std::fs::read_to_string(stamp).is_ok_and(|found| found == format!("{state}\n{}", index_age(&dist())))
}

/// When the built page was written, so that a build by other means is noticed.
fn index_age(dist: &Path) -> String {
    let modified = std::fs::metadata(dist.join("index.html")).and_then(|found| found.modified());
    modified.map_or_else(|_| "absent".to_owned(), |time| format!("{time:?}"))
}

/// A hash of all that goes into the build: tools, mode, sources by content, files under `public/` by size and age.
fn state(tools: &Tools, mode: Mode) -> Result<String> {
    let mut hasher = Sha256::new();
    hasher.update(format!("{mode:?} {} {} {} {}", tools.toolchain, tools.wasm_bindgen, tools::TRUNK, tools::BINARYEN));
    let root = crate::root();
    let rustc = proc::output(command(tools, "rustc").arg("--version"))?;
    hasher.update(rustc);
    for input in INPUTS {
        let mut files = Vec::new();
        collect(&root.join(input), &mut files)?;
        files.sort();
        for file in files {
            let name = file.strip_prefix(&root).unwrap_or(&file).to_string_lossy().into_owned();
            hasher.update(&name);
            if input == "public" {
                let found = std::fs::metadata(&file)?;
                hasher.update(format!("{} {:?}", found.len(), found.modified().ok()));
            } else {
                hasher.update(std::fs::read(&file).with_context(|| format!("cannot read {name}"))?);
            }
        }
    }
    Ok(hex(&hasher.finalize()))
}

fn collect(path: &Path, files: &mut Vec<PathBuf>) -> Result<()> {
    if path.is_dir() {
        for entry in std::fs::read_dir(path).with_context(|| format!("cannot read {}", path.display()))? {
            collect(&entry?.path(), files)?;
        }
    } else if path.exists() {
        files.push(path.to_path_buf());
    }
    Ok(())
}
