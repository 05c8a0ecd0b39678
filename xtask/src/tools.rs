//! trunk, the wasm-bindgen CLI and wasm-opt, pinned, in the folder that set-up owns. trunk finds them there and is
//! told to stay offline, so that nothing is downloaded in the middle of a build.

use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result, bail};

use crate::cache::Cache;
use crate::{apt, proc};

/// Version of trunk.
pub const TRUNK: &str = "0.22.1";
/// Version of binaryen, which wasm-opt is part of.
pub const BINARYEN: &str = "132";

/// A tool that `cargo install` builds.
#[derive(Debug)]
pub struct CargoTool {
    package: &'static str,
    binary: &'static str,
    version: String,
    /// Flag sets to try in turn.
    attempts: &'static [&'static [&'static str]],
}

/// The CLI whose version must be exactly the library's.
#[must_use]
pub fn wasm_bindgen(version: &str) -> CargoTool {
    // Its lock file may name a version that a mirror does not carry.
    let attempts: &[&[&str]] = &[&["--locked"], &[]];
    CargoTool { package: "wasm-bindgen-cli", binary: "wasm-bindgen", version: version.to_owned(), attempts }
}

/// The page's bundler.
#[must_use]
pub fn trunk() -> CargoTool {
    // It asks for a newer rustc than it needs.
    let attempts: &[&[&str]] = &[&["--locked", "--ignore-rust-version"], &["--ignore-rust-version"]];
    CargoTool { package: "trunk", binary: "trunk", version: TRUNK.to_owned(), attempts }
}

/// Finds, adopts from the search path, or builds `tool`.
///
/// # Errors
/// When `cargo install` fails in every way it is tried.
pub fn ensure_cargo_tool(cache: &Cache, tool: &CargoTool) -> Result<()> {
    let CargoTool { package, binary, version, attempts } = tool;
    let place = cache.tools_bin().join(format!("{binary}{}", std::env::consts::EXE_SUFFIX));
    if place.is_file() && cache.stamp(binary).as_deref() == Some(version) {
        return Ok(());
    }
    if reports(&place, version) {
        return cache.set_stamp(binary, version);
    }
    if let Some(found) = proc::find(binary).filter(|found| reports(found, version)) {
        proc::say(format!("taking {binary} {version} from {}", found.display()));
        std::fs::create_dir_all(cache.tools_bin())?;
        std::fs::copy(&found, &place).with_context(|| format!("cannot copy to {}", place.display()))?;
        return cache.set_stamp(binary, version);
    }
    proc::say(format!("building {package} {version} (once; several minutes)"));
    let mut last = None;
    for flags in *attempts {
        let mut command = Command::new("cargo");
        command
            .args(["install", "--root"])
            .arg(cache.tools())
            .args(["--version", &format!("={version}"), "--bin", binary, "--force"])
            .args(*flags)
            .arg(package)
            .current_dir(std::env::temp_dir()) // away from this workspace's own settings
            .env("CARGO_TARGET_DIR", cache.build().join("tools"));
        match proc::run(&mut command) {
            Ok(()) => {
                let _ = std::fs::remove_dir_all(cache.build().join("tools"));
                return cache.set_stamp(binary, version);
            }
            Err(error) => last = Some(error),
        }
    }
    Err(last.context("no way to install was tried")?)
        .with_context(|| format!("cannot build {package} {version}: is the crate registry reachable?"))
}

/// Finds or brings wasm-opt, which is npm's `binaryen` package.
///
/// # Errors
/// Without node and npm (the message says how to get them), or when npm fails.
pub fn ensure_wasm_opt(cache: &Cache) -> Result<()> {
    let place = cache.node_bin().join("wasm-opt");
    if place.exists() && cache.stamp("wasm-opt").as_deref() == Some(BINARYEN) {
        return Ok(());
    }
    if proc::find("node").is_none() || proc::find("npm").is_none() {
        if apt::here() {
            apt::ensure(&["nodejs", "npm"], "wasm-opt")?;
        } else {
            bail!("node and npm are missing: install Node.js 18 or newer (https://nodejs.org), then run this again");
        }
    }
    if !reports(&place, BINARYEN) {
        proc::say(format!("installing binaryen {BINARYEN} for wasm-opt"));
        std::fs::create_dir_all(cache.node())?;
        proc::run(
            Command::new("npm")
                .args(["install", "--no-audit", "--no-fund", "--no-save", "--prefix"])
                .arg(cache.node())
                .arg(format!("binaryen@{BINARYEN}")),
        )?;
    }
    if !reports(&place, BINARYEN) {
        bail!("npm brought no working wasm-opt {BINARYEN} at {}", place.display());
    }
    cache.set_stamp("wasm-opt", BINARYEN)
}

/// The version that a Cargo.lock pins for `package`; the first where there are several.
#[must_use]
pub fn locked_version(lock: &str, package: &str) -> Option<String> {
    let mut lines = lock.lines();
    lines.find(|line| *line == format!("name = \"{package}\""))?;
    lines.next()?.strip_prefix("version = \"")?.strip_suffix('"').map(str::to_owned)
}

/// Whether the program at `path` runs and names `version` as a word of its own.
fn reports(path: &Path, version: &str) -> bool {
    path.exists()
        && proc::output(Command::new(path).arg("--version"))
            .is_ok_and(|text| text.split_whitespace().any(|word| word == version))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn locked_version_is_the_packages_own() {
        let lock = "[[package]]\nname = \"wasm-bindgen-macro\"\nversion = \"0.1.0\"\n\n[[package]]\nname = \"wasm-bindgen\"\nversion = \"0.2.130\"\n";
        assert_eq!(locked_version(lock, "wasm-bindgen").as_deref(), Some("0.2.130"));
        assert_eq!(locked_version(lock, "wasm"), None);
    }
}
