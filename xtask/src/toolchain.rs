//! The compiler for wasm32-unknown-unknown: rustup's where it can bring the target, else one assembled from Debian's.
//!
//! Debian 12 packages a recent rustc with its library source (`rustc-web`, `rust-web-src`). From these the standard
//! library is built once for wasm, and a folder is assembled that rustup accepts as a toolchain. The two shell
//! wrappers in it are there because rustc finds its sysroot from its driver library: a link would not do.

use std::fmt;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};

use crate::cache::Cache;
use crate::{apt, proc};

/// The target of the page and its worker.
pub const TARGET: &str = "wasm32-unknown-unknown";
/// The name under which rustup knows the assembled toolchain.
pub const LINKED: &str = "hone-wasm";
/// Oldest rustc that burn 0.22 compiles with, as the minor version of 1.x.
const OLDEST_MINOR: u32 = 95;
const STAMP: &str = "toolchain";
const RUSTC: &str = "/usr/bin/rustc";
const CARGO: &str = "/usr/bin/cargo";
const PACKAGES: [&str; 6] = ["rustc-web", "cargo-web", "rust-web-src", "rust-web-llvm", "rust-web-clippy", "lld-19"];

/// Who compiles for wasm.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum WasmToolchain {
    /// The active toolchain has the target.
    Active,
    /// The folder assembled from Debian's packages.
    Assembled(PathBuf),
}

impl fmt::Display for WasmToolchain {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Active => write!(out, "{TARGET} of the active toolchain"),
            Self::Assembled(_) => write!(out, "{TARGET} of Debian's rustc (toolchain {LINKED})"),
        }
    }
}

impl WasmToolchain {
    /// Folders that must come first on the search path.
    #[must_use]
    pub fn path(&self) -> Vec<PathBuf> {
        match self {
            Self::Active => Vec::new(),
            Self::Assembled(folder) => vec![folder.join("bin")],
        }
    }

    /// Makes `command` (cargo, trunk) compile with this toolchain and nothing that the caller's cargo left behind.
    pub fn apply(&self, command: &mut Command) {
        // Flags from the environment would replace those of .cargo/config.toml.
        for name in ["RUSTFLAGS", "CARGO_ENCODED_RUSTFLAGS"] {
            command.env_remove(name);
        }
        if let Self::Assembled(folder) = self {
            for name in ["CARGO", "RUSTC", "RUSTDOC", "RUSTC_WRAPPER", "RUSTC_WORKSPACE_WRAPPER", "LD_LIBRARY_PATH"] {
                command.env_remove(name);
            }
            command.env("RUSTUP_TOOLCHAIN", LINKED).env("SYSROOT", folder);
        }
    }
}

/// The wasm toolchain that is there already.
#[must_use]
pub fn found(cache: &Cache) -> Option<WasmToolchain> {
    if active_has_target() {
        return Some(WasmToolchain::Active);
    }
    let folder = cache.toolchain();
    let (stamp, version) = (cache.stamp(STAMP)?, rustc_version(RUSTC).ok()?);
    let is_whole = stamp == version && folder.join("bin").join("cargo-clippy").exists();
    is_whole.then_some(WasmToolchain::Assembled(folder))
}

/// Finds or brings the wasm toolchain.
///
/// # Errors
/// When neither rustup nor Debian's packages can bring it; the message says what to do.
pub fn ensure(cache: &Cache) -> Result<WasmToolchain> {
    if let Some(found) = found(cache) {
        return Ok(found);
    }
    if proc::find("rustup").is_some() {
        proc::say(format!("the active toolchain lacks {TARGET}: asking rustup for it"));
        if proc::run(Command::new("rustup").args(["target", "add", TARGET])).is_ok() && active_has_target() {
            return Ok(WasmToolchain::Active);
        }
        proc::say("rustup could not bring it");
    }
    if !apt::here() {
        bail!("get the target with `rustup target add {TARGET}` (rustup: https://rustup.rs), then run this again");
    }
    let folder = cache.toolchain();
    assemble(cache, &folder)?;
    Ok(WasmToolchain::Assembled(folder))
}

/// Builds std for wasm with Debian's rustc and assembles the toolchain folder around it.
fn assemble(cache: &Cache, folder: &Path) -> Result<()> {
    proc::say("assembling a wasm toolchain from Debian's rustc and its library source instead (about a minute)");
    apt::ensure(&PACKAGES, "the wasm toolchain")?;
    let version = rustc_version(RUSTC)?;
    match minor(&version) {
        Some(found) if found >= OLDEST_MINOR => {}
        _ => bail!("Debian's compiler is too old: burn needs rustc 1.{OLDEST_MINOR}, {RUSTC} is {version}"),
    }
    let host = proc::output(Command::new(RUSTC).arg("-vV"))?
        .lines()
        .find_map(|line| line.strip_prefix("host: ").map(str::to_owned))
        .context("rustc -vV names no host")?;
    let debian = PathBuf::from(proc::output(Command::new(RUSTC).args(["--print", "sysroot"]))?);

    let wasm_lib = folder.join("lib/rustlib").join(TARGET).join("lib");
    let host_lib = folder.join("lib/rustlib").join(&host);
    let bin = folder.join("bin");
    for made in [&bin, &host_lib.join("bin"), &wasm_lib] {
        std::fs::create_dir_all(made).with_context(|| format!("cannot make folder {}", made.display()))?;
    }
    for (name, target) in [("rustc", RUSTC), ("rustdoc", "/usr/bin/rustdoc")] {
        write_wrapper(&bin.join(name), target, folder)?;
    }
    for name in ["cargo", "cargo-clippy", "clippy-driver"] {
        link(&Path::new("/usr/bin").join(name), &bin.join(name))?;
    }
    link(&debian.join("lib/rustlib").join(&host).join("lib"), &host_lib.join("lib"))?;
    // Debian's own link to its linker dangles.
    link(Path::new("/usr/bin/lld-19"), &host_lib.join("bin/rust-lld"))?;

    if !works(folder) {
        build_std(cache, &wasm_lib)?;
    }
    if !works(folder) {
        bail!("the assembled toolchain does not compile for wasm; remove {} and try again", folder.display());
    }
    if proc::find("rustup").is_some() {
        proc::run(Command::new("rustup").args(["toolchain", "link", LINKED]).arg(folder))?;
    }
    cache.set_stamp(STAMP, &version)
}

fn build_std(cache: &Cache, wasm_lib: &Path) -> Result<()> {
    let scratch = cache.build().join("std");
    proc::write(
        &scratch.join("Cargo.toml"),
        "[package]\nname = \"std-for-wasm\"\nversion = \"0.0.0\"\nedition = \"2021\"\n[lib]\n[workspace]\n",
    )?;
    proc::write(&scratch.join("src/lib.rs"), "//! Empty: only its standard library is wanted.\n")?;
    let target = scratch.join("target");
    let mut command = Command::new(CARGO);
    command
        .current_dir(&scratch)
        .args(["build", "--release", "-Zbuild-std=std,panic_abort,proc_macro,test", "--target", TARGET])
        .env("RUSTC", RUSTC)
        .env("RUSTC_BOOTSTRAP", "1")
        .env("CARGO_TARGET_DIR", &target);
    for name in ["RUSTUP_TOOLCHAIN", "LD_LIBRARY_PATH", "RUSTFLAGS", "CARGO_ENCODED_RUSTFLAGS", "RUSTC_WRAPPER"] {
        command.env_remove(name);
    }
    proc::run(&mut command).context("building the standard library for wasm")?;

    std::fs::remove_dir_all(wasm_lib)?;
    std::fs::create_dir_all(wasm_lib)?;
    let built = target.join(TARGET).join("release/deps");
    for entry in std::fs::read_dir(&built).with_context(|| format!("cannot read {}", built.display()))? {
        let path = entry?.path();
        if let (Some("rlib"), Some(name)) = (path.extension().and_then(|e| e.to_str()), path.file_name()) {
            std::fs::copy(&path, wasm_lib.join(name))?;
        }
    }
    std::fs::remove_dir_all(&scratch).with_context(|| format!("cannot remove {}", scratch.display()))
}

/// Whether the assembled compiler turns a small library into wasm.
fn works(folder: &Path) -> bool {
    let scratch = folder.join("probe");
    let source = scratch.join("probe.rs");
    let written = proc::write(
        &source,
        "#![crate_type = \"cdylib\"]\n#[no_mangle]\npub extern \"C\" fn f() -> usize { String::from(\"a\").len() }\n",
    );
    let compiled = written.is_ok()
        && proc::succeeds(
            Command::new(folder.join("bin/rustc"))
                .env_remove("LD_LIBRARY_PATH")
                .args(["--edition", "2021", "--target", TARGET, "--out-dir"])
                .arg(&scratch)
                .arg(&source),
        );
    let _ = std::fs::remove_dir_all(&scratch);
    compiled
}

fn active_has_target() -> bool {
    let Ok(sysroot) = proc::output(Command::new("rustc").args(["--print", "sysroot"])) else { return false };
    let lib = Path::new(&sysroot).join("lib/rustlib").join(TARGET).join("lib");
    std::fs::read_dir(lib)
        .is_ok_and(|entries| entries.flatten().any(|entry| entry.file_name().to_string_lossy().starts_with("libstd-")))
}

fn rustc_version(rustc: &str) -> Result<String> {
    proc::output(Command::new(rustc).env_remove("LD_LIBRARY_PATH").arg("--version"))
}

/// `rustc 1.96.0 (…)` -> 96.
fn minor(version: &str) -> Option<u32> {
    version.split_whitespace().nth(1)?.strip_prefix("1.")?.split('.').next()?.parse().ok()
}

#[cfg(unix)]
fn write_wrapper(path: &Path, target: &str, sysroot: &Path) -> Result<()> {
    use std::os::unix::fs::PermissionsExt;
    proc::write(path, format!("#!/bin/sh\nexec {target} --sysroot \"{}\" \"$@\"\n", sysroot.display()))?;
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o755))?;
    Ok(())
}

#[cfg(unix)]
fn link(target: &Path, at: &Path) -> Result<()> {
    if std::fs::read_link(at).is_ok_and(|current| current == target) {
        return Ok(());
    }
    let _ = std::fs::remove_file(at);
    std::os::unix::fs::symlink(target, at).with_context(|| format!("cannot link {}", at.display()))
}

#[cfg(not(unix))]
fn write_wrapper(_: &Path, _: &str, _: &Path) -> Result<()> {
    bail!("the assembled toolchain is for Debian only")
}

#[cfg(not(unix))]
fn link(_: &Path, _: &Path) -> Result<()> {
    bail!("the assembled toolchain is for Debian only")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn minor_version_is_read() {
        assert_eq!(minor("rustc 1.96.0 (abc 2026-01-01)"), Some(96));
        assert_eq!(minor("rustc 2.0"), None);
    }
}
