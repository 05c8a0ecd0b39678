//! Builds the page and its worker into `dist/`, and serves them.
//!
//! cargo compiles both while set-up still brings the tools. Then `bundle.rs` puts `dist/` together. `dist/built.txt` says
//! from which sources: where these are the ones that lie here, nothing is built, even if `dist/` was built elsewhere.

use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::thread;

use anyhow::{Context, Result, bail};
use sha2::{Digest, Sha256};

use crate::model::hex;
use crate::parts::{Part, Parts};
use crate::setup::{self, Tools};
use crate::toolchain::TARGET;
use crate::{bundle, offline, policy, proc, server, tools};

/// How much the build optimises.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// For work on this machine and for tests: compiled in minutes.
    Quick,
    /// What is deployed: smallest.
    Release,
}

impl Mode {
    /// cargo's profile.
    #[must_use]
    pub const fn profile(self) -> &'static str {
        match self {
            Self::Quick => "page",
            Self::Release => "web",
        }
    }
}

/// What goes into the page, relative to the workspace's folder.
const INPUTS: [&str; 19] = [
    "core/src",
    "core/Cargo.toml",
    "images/src",
    "images/Cargo.toml",
    "readers/src",
    "readers/Cargo.toml",
    "templates/src",
    "templates/Cargo.toml",
    "app",
    "public",
    "index.html",
    "Cargo.toml",
    "Cargo.lock",
    ".cargo/config.toml",
    "xtask/src/policy.rs",    // what the page's meta element says
    "xtask/src/bundle.rs",    // how it is put together
    "xtask/src/integrity.rs", // what its files must be
    "xtask/src/offline.rs",   // how browsers keep it
    "xtask/src/wasm.rs",      // what the worker loses
];
/// What `dist/` was built from.
const BUILT: &str = "built.txt";
/// Part of `public` that set-up fills and verifies by itself.
const MODELS: &str = "public/models";
/// The crates, and the wasm that each becomes.
const CRATES: [(Part, &str, &str); 5] = [
    (Part::Page, "app", "hone-app.wasm"),
    (Part::Worker, "app/worker", "hone-worker.wasm"),
    (Part::Readers, "app/readers", "hone_readers_web.wasm"),
    (Part::Images, "app/images", "hone_images_web.wasm"),
    (Part::Templates, "app/templates", "hone_templates_web.wasm"),
];

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

/// A command that compiles for wasm with `tools` and finds the other tools among them.
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

/// Sets up and builds `dist/`, unless it is up to date.
///
/// # Errors
/// When set-up, cargo or a tool fails.
pub fn build(mode: Mode) -> Result<()> {
    build_and_say(mode, "built")
}

/// What the next build makes from nothing, set-up included; nothing when `dist/` is up to date.
///
/// # Errors
/// When the sources cannot be read.
pub fn anew(mode: Mode) -> Result<Vec<Part>> {
    if is_built(mode, &sources()?) {
        return Ok(Vec::new());
    }
    let mut parts = setup::missing()?;
    let compiled = target_dir().join(TARGET).join(mode.profile());
    let fresh = CRATES.into_iter().filter(|(_, _, wasm)| !compiled.join(wasm).exists()).map(|(part, ..)| part);
    parts.extend(fresh);
    if !parts.is_empty() {
        parts.extend([Part::Crates, Part::Bundle]);
    }
    Ok(parts)
}

/// Like [`build`], as part of a longer job.
///
/// # Errors
/// When set-up, cargo or a tool fails.
pub fn build_as_part(mode: Mode, parts: &Parts) -> Result<()> {
    let sources = sources()?;
    if is_built(mode, &sources) {
        proc::say("dist/ is up to date");
        return Ok(());
    }
    let tools = setup::compiler(parts)?;
    thread::scope(|scope| {
        let brought = scope.spawn(|| tools.bring(parts));
        let compiled = compile(&tools, mode, parts);
        compiled.and(brought.join().expect("set-up does not panic"))
    })?;
    parts.run(Part::Bundle, |_| bundle(&tools, mode))?;
    proc::write(&dist().join(BUILT), built(mode, &sources))
}

/// Sets up, builds and serves until the process is ended; a `prebuilt` folder is served as it is.
///
/// # Errors
/// When set-up or the build fails, the port is taken, or `prebuilt` holds no page.
pub fn serve(port: u16, mode: Mode, prebuilt: Option<&Path>) -> Result<()> {
    let folder = match prebuilt {
        Some(folder) if folder.join("index.html").is_file() => {
            proc::say(format!("serving what lies in {}, without building", folder.display()));
            folder.to_path_buf()
        }
        Some(folder) => bail!("there is no index.html in {}", folder.display()),
        None => {
            // Better said before a long build than after it.
            TcpListener::bind(("127.0.0.1", port))
                .with_context(|| format!("cannot listen on port {port}; choose another with --port"))?;
            build_and_say(mode, "page up")?;
            dist()
        }
    };
    let running = server::serve(&folder, port)?;
    proc::say(format!("Hone is at http://localhost:{} (Ctrl-C ends it)", running.port()));
    running.wait();
    Ok(())
}

fn build_and_say(mode: Mode, what: &str) -> Result<()> {
    if is_built(mode, &sources()?) {
        proc::say("dist/ was built from these sources already: nothing to do");
        return Ok(());
    }
    let parts = Parts::begin(mode, &anew(mode)?);
    build_as_part(mode, &parts)?;
    parts.close(what);
    Ok(())
}

/// Compiles page, worker and the modules beside it, each by its own manifest, or their features would mix. The page keeps its
/// relocations: it is cut in two by them.
fn compile(tools: &Tools, mode: Mode, parts: &Parts) -> Result<()> {
    parts.run(Part::Crates, |_| proc::run_counted(command(tools, "cargo").args(["fetch", "--locked"]), |_, _| {}))?;
    for (part, folder, _) in CRATES {
        let manifest = crate::root().join(folder).join("Cargo.toml");
        let mut cargo = command(tools, "cargo");
        cargo.args(["rustc", "--offline", "--locked", "--target", TARGET, "--profile", mode.profile()]);
        cargo.arg("--manifest-path").arg(manifest);
        if part == Part::Page {
            cargo.args(["--features", "split", "--", "-C", "link-arg=--emit-relocs"]);
        }
        parts.run(part, |count| proc::run_counted(&mut cargo, |done, total| count.report(done, total)))?;
    }
    Ok(())
}

fn bundle(tools: &Tools, mode: Mode) -> Result<()> {
    bundle::assemble(tools, mode, &dist())?;
    let page = dist().join("index.html");
    let html = std::fs::read_to_string(&page).with_context(|| format!("cannot read {}", page.display()))?;
    proc::write(&page, policy::with_policy(&html)?)?;
    match mode {
        Mode::Release => offline::keep(&dist()).map(drop),
        // What one works on is not hidden behind what a browser kept.
        Mode::Quick => offline::keep_nothing(&dist()),
    }
}

/// Whether `dist/` was built from `sources`, and optimised at least as much as `mode` asks for.
fn is_built(mode: Mode, sources: &str) -> bool {
    std::fs::read_to_string(dist().join(BUILT)).is_ok_and(|found| satisfies(&found, mode, sources))
}

fn satisfies(found: &str, mode: Mode, sources: &str) -> bool {
    found == built(Mode::Release, sources) || found == built(mode, sources)
}

/// What `dist/built.txt` says.
fn built(mode: Mode, sources: &str) -> String {
    format!("profile {}\nsources {sources}\n", mode.profile())
}

/// A hash of all that goes into the build: versions of tools, and sources by content. The compiler is not in it, so that
/// a page built elsewhere from the same sources is known again.
fn sources() -> Result<String> {
    let mut hasher = Sha256::new();
    hasher.update(format!("{} {}", tools::WASM_SPLIT_VERSION, tools::BINARYEN));
    let root = crate::root();
    for input in INPUTS {
        let mut files = Vec::new();
        collect(&root.join(input), &root.join(MODELS), &mut files)?;
        files.sort();
        for file in files {
            let name = file.strip_prefix(&root).unwrap_or(&file).to_string_lossy().replace('\\', "/");
            hasher.update(&name);
            hasher.update(std::fs::read(&file).with_context(|| format!("cannot read {name}"))?);
        }
    }
    Ok(hex(&hasher.finalize()))
}

fn collect(path: &Path, except: &Path, files: &mut Vec<PathBuf>) -> Result<()> {
    if path == except {
        return Ok(());
    }
    if path.is_dir() {
        for entry in std::fs::read_dir(path).with_context(|| format!("cannot read {}", path.display()))? {
            collect(&entry?.path(), except, files)?;
        }
    } else if path.exists() {
        files.push(path.to_path_buf());
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_are_hashed_and_models_are_not() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let models = folder.path().join("models");
        for (name, text) in [("a.txt", "a"), ("deep/b.txt", "b"), ("models/big", "c")] {
            proc::write(&folder.path().join(name), text).expect("the folder is ours");
        }
        let mut files = Vec::new();
        collect(folder.path(), &models, &mut files).expect("all can be read");
        files.sort();
        assert_eq!(files, [folder.path().join("a.txt"), folder.path().join("deep/b.txt")]);
    }

    #[test]
    fn a_deployed_page_serves_for_work_too_but_not_the_other_way_round() {
        let [deployed, quick] = [Mode::Release, Mode::Quick].map(|mode| built(mode, "1"));
        assert!(satisfies(&deployed, Mode::Quick, "1") && satisfies(&quick, Mode::Quick, "1"));
        assert!(!satisfies(&quick, Mode::Release, "1"));
        assert!(!satisfies(&deployed, Mode::Release, "2"), "other sources");
    }
}
