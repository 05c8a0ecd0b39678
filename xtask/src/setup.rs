//! `cargo xtask setup`: everything the page's build needs, each with a stamp, each failure with what to do about it.

use anyhow::{Context, Result};

use crate::cache::Cache;
use crate::toolchain::{self, WasmToolchain};
use crate::{model, proc, tools};

/// What set-up brought; the build is run with these and nothing else.
#[derive(Debug, Clone)]
pub struct Tools {
    /// The folder that set-up owns.
    pub cache: Cache,
    /// Who compiles for wasm.
    pub toolchain: WasmToolchain,
    /// Version of wasm-bindgen, from Cargo.lock.
    pub wasm_bindgen: String,
}

/// Brings what is missing; under a second when nothing is.
///
/// # Errors
/// The first thing that is missing and cannot be brought, with how to get it.
pub fn run() -> Result<Tools> {
    let cache = Cache::locate()?;
    let lock = std::fs::read_to_string(crate::root().join("Cargo.lock")).context("cannot read Cargo.lock")?;
    let wasm_bindgen = tools::locked_version(&lock, "wasm-bindgen").context("Cargo.lock names no wasm-bindgen")?;

    let toolchain = toolchain::ensure(&cache).context("wasm toolchain")?;
    tools::ensure_cargo_tool(&cache, &tools::wasm_bindgen(&wasm_bindgen)).context("wasm-bindgen CLI")?;
    tools::ensure_cargo_tool(&cache, &tools::trunk()).context("trunk")?;
    tools::ensure_wasm_opt(&cache).context("wasm-opt")?;
    model::ensure(&crate::root().join("public").join("models")).context("default model")?;

    proc::say(format!(
        "ready: {toolchain}; wasm-bindgen {wasm_bindgen}; trunk {}; wasm-opt {}; {}",
        tools::TRUNK,
        tools::BINARYEN,
        model::ID
    ));
    Ok(Tools { cache, toolchain, wasm_bindgen })
}
