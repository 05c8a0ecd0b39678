//! The wasm-bindgen CLI, what cuts the page, and wasm-opt, pinned, in the folder that set-up owns: nothing is downloaded in the middle of a build.
//! And axe-core, which the tests need.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};

use crate::cache::Cache;
use crate::parts::Count;
use crate::{apt, proc};

/// Version of binaryen, which wasm-opt is part of.
pub const BINARYEN: &str = "132";
/// Version of axe-core, which looks for what keeps people out of the page.
const AXE: &str = "4.14.1";

/// How the tools are compiled: each runs for seconds, so time spent optimising them would be lost.
const PROFILE: [(&str, &str); 5] = [
    ("CARGO_PROFILE_RELEASE_OPT_LEVEL", "0"),
    ("CARGO_PROFILE_RELEASE_LTO", "off"),
    ("CARGO_PROFILE_RELEASE_CODEGEN_UNITS", "16"),
    ("CARGO_PROFILE_RELEASE_DEBUG", "false"),
    ("CARGO_PROFILE_RELEASE_STRIP", "symbols"),
];
/// Crates of wasm-bindgen that read and write all of the worker's wasm: optimised a little, or they take a minute over it.
const OPTIMISED: [&str; 5] = ["walrus", "wasmparser", "wasm-encoder", "id-arena", "wasm-bindgen-cli-support"];

/// A tool that `cargo install` builds.
#[derive(Debug)]
pub struct CargoTool {
    package: &'static str,
    binary: &'static str,
    version: String,
    /// Flags of every attempt.
    flags: &'static [&'static str],
    /// Crates that are optimised.
    optimised: &'static [&'static str],
}

/// The CLI whose version must be exactly the library's; without its test runner's network.
#[must_use]
pub fn wasm_bindgen(version: &str) -> CargoTool {
    CargoTool {
        package: "wasm-bindgen-cli",
        binary: "wasm-bindgen",
        version: version.to_owned(),
        flags: &["--no-default-features"],
        optimised: &OPTIMISED,
    }
}

/// The program that cuts the page's wasm.
pub const WASM_SPLIT: &str = "wasm-split-cli";
/// Its version.
pub const WASM_SPLIT_VERSION: &str = "0.2.4";

/// What cuts the page's wasm where leptos marks it; the other half of what leptos has for that.
#[must_use]
pub fn wasm_split() -> CargoTool {
    CargoTool {
        package: "wasm_split_cli_support",
        binary: WASM_SPLIT,
        version: WASM_SPLIT_VERSION.to_owned(),
        flags: &["--features", "build-binary"],
        optimised: &["wasmparser", "wasm-encoder"],
    }
}

impl CargoTool {
    /// Whether it lies where set-up puts it, in its version.
    #[must_use]
    pub fn is_there(&self, cache: &Cache) -> bool {
        self.path(cache).is_file() && cache.stamp(self.binary).as_deref() == Some(&self.version)
    }

    /// Finds it, adopts it from the search path, or builds it; `count` hears how far that is.
    ///
    /// # Errors
    /// When `cargo install` fails in every way it is tried.
    pub fn ensure(&self, cache: &Cache, count: &Count) -> Result<()> {
        let Self { package, binary, version, .. } = self;
        let path = self.path(cache);
        if self.is_there(cache) {
            return Ok(());
        }
        if reports(&path, version) {
            return cache.set_stamp(binary, version);
        }
        if let Some(found) = proc::find(binary).filter(|found| reports(found, version)) {
            proc::say(format!("taking {binary} {version} from {}", found.display()));
            std::fs::create_dir_all(cache.tools_bin())?;
            std::fs::copy(&found, &path).with_context(|| format!("cannot copy to {}", path.display()))?;
            return cache.set_stamp(binary, version);
        }
        // Its lock file may name a version that a mirror does not carry.
        let install = |more: &[&str]| {
            let mut command = self.command(cache);
            command.args(more);
            proc::run_counted(&mut command, |done, total| count.report(done, total))
        };
        install(&["--locked"])
            .or_else(|_| install(&[]))
            .with_context(|| format!("cannot build {package} {version}: is the crate registry reachable?"))?;
        cache.set_stamp(binary, version)
    }

    fn path(&self, cache: &Cache) -> PathBuf {
        cache.tools_bin().join(format!("{}{}", self.binary, std::env::consts::EXE_SUFFIX))
    }

    fn command(&self, cache: &Cache) -> Command {
        let mut command = Command::new("cargo");
        command
            .args(["install", self.package, "--root"])
            .arg(cache.tools())
            .args(["--version", &format!("={}", self.version), "--bin", self.binary, "--force"])
            .args(self.flags)
            .current_dir(std::env::temp_dir()) // away from this workspace's own settings
            .env("CARGO_TARGET_DIR", cache.tools_build())
            .envs(PROFILE);
        for name in self.optimised {
            command.args(["--config", &format!("profile.release.package.{name}.opt-level=1")]);
        }
        command
    }
}

/// Whether wasm-opt lies where set-up puts it, in its version.
#[must_use]
pub fn has_wasm_opt(cache: &Cache) -> bool {
    cache.node_bin().join("wasm-opt").exists() && cache.stamp("wasm-opt").as_deref() == Some(BINARYEN)
}

/// Finds or brings wasm-opt, which is npm's `binaryen` package.
///
/// # Errors
/// Without node and npm (the message says how to get them), or when npm fails.
pub fn ensure_wasm_opt(cache: &Cache) -> Result<()> {
    if has_wasm_opt(cache) {
        return Ok(());
    }
    let path = cache.node_bin().join("wasm-opt");
    ensure_node("wasm-opt")?;
    if !reports(&path, BINARYEN) {
        npm_install(&cache.node(), &format!("binaryen@{BINARYEN}"))?;
    }
    if !reports(&path, BINARYEN) {
        bail!("npm brought no working wasm-opt {BINARYEN} at {}", path.display());
    }
    cache.set_stamp("wasm-opt", BINARYEN)
}

/// axe-core's script, where it lies there in its version.
#[must_use]
pub fn axe(cache: &Cache) -> Option<PathBuf> {
    let path = axe_path(cache);
    (path.is_file() && cache.stamp("axe-core").as_deref() == Some(AXE)).then_some(path)
}

/// Finds or brings axe-core.
///
/// # Errors
/// Without node and npm (the message says how to get them), or when npm fails.
pub fn ensure_axe(cache: &Cache) -> Result<()> {
    if axe(cache).is_some() {
        return Ok(());
    }
    ensure_node("axe-core")?;
    npm_install(&cache.axe(), &format!("axe-core@{AXE}"))?;
    let path = axe_path(cache);
    if !path.is_file() {
        bail!("npm brought no axe-core {AXE} at {}", path.display());
    }
    cache.set_stamp("axe-core", AXE)
}

fn axe_path(cache: &Cache) -> PathBuf {
    cache.axe().join("node_modules").join("axe-core").join("axe.min.js")
}

/// Finds node and npm, or installs them where that can be done.
fn ensure_node(what_for: &str) -> Result<()> {
    if proc::find("node").is_some() && proc::find("npm").is_some() {
        return Ok(());
    }
    if !apt::here() {
        bail!("node and npm are missing: install Node.js 18 or newer (https://nodejs.org), then run this again");
    }
    apt::ensure(&["nodejs", "npm"], what_for)
}

/// Installs one package (`name@version`) in a folder of its own: npm takes away what else it finds there.
fn npm_install(folder: &Path, package: &str) -> Result<()> {
    proc::say(format!("installing {package}"));
    std::fs::create_dir_all(folder).with_context(|| format!("cannot make the folder {}", folder.display()))?;
    proc::run(
        Command::new("npm")
            .args(["install", "--no-audit", "--no-fund", "--no-save", "--prefix"])
            .arg(folder)
            .arg(package),
    )
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
    fn axe_is_there_once_it_is_whole_and_of_its_version() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let cache = Cache::at(folder.path());
        let path = axe_path(&cache);
        proc::write(&path, "").expect("the folder is ours");
        assert_eq!(axe(&cache), None, "npm may have been interrupted");
        cache.set_stamp("axe-core", "4.0.0").expect("the folder is ours");
        assert_eq!(axe(&cache), None, "an older one is replaced");
        cache.set_stamp("axe-core", AXE).expect("the folder is ours");
        assert_eq!(axe(&cache), Some(path));
    }

    #[test]
    fn locked_version_is_the_packages_own() {
        let lock = "[[package]]\nname = \"wasm-bindgen-macro\"\nversion = \"0.1.0\"\n\n[[package]]\nname = \"wasm-bindgen\"\nversion = \"0.2.130\"\n";
        assert_eq!(locked_version(lock, "wasm-bindgen").as_deref(), Some("0.2.130"));
        assert_eq!(locked_version(lock, "wasm"), None);
    }
}
