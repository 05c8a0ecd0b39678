//! `cargo xtask setup`: everything the page's build needs, each with a stamp, each failure with what to do about it.

use std::thread;

use anyhow::{Context, Result};

use crate::cache::Cache;
use crate::parts::{Part, Parts};
use crate::toolchain::{self, WasmToolchain};
use crate::web::Mode;
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
pub fn run() -> Result<()> {
    let missing = missing()?;
    let parts = Parts::begin(Mode::Release, &missing);
    let tools = compiler(&parts)?;
    tools.bring(&parts)?;
    if !missing.is_empty() {
        parts.close("set up");
    }
    proc::say(format!(
        "ready: {}; wasm-bindgen {}; wasm-opt {}; {}",
        tools.toolchain,
        tools.wasm_bindgen,
        tools::BINARYEN,
        model::ID
    ));
    Ok(())
}

/// What set-up has to bring for a build.
///
/// # Errors
/// Without a folder for it, or when Cargo.lock cannot be read.
pub fn missing() -> Result<Vec<Part>> {
    let (cache, wasm_bindgen) = (Cache::locate()?, wasm_bindgen()?);
    let parts = [
        (Part::Toolchain, toolchain::found(&cache).is_some()),
        (Part::Downloads, tools::has_wasm_opt(&cache) && model::is_there(&model::folder())),
        (Part::WasmBindgen, tools::wasm_bindgen(&wasm_bindgen).is_there(&cache)),
        (Part::WasmSplit, tools::wasm_split().is_there(&cache)),
    ];
    Ok(parts.into_iter().filter(|(_, is_there)| !is_there).map(|(part, _)| part).collect())
}

/// Brings the compiler: with it a build can begin while [`Tools::bring`] brings the rest.
///
/// # Errors
/// When there is none and none can be brought.
pub fn compiler(parts: &Parts) -> Result<Tools> {
    let (cache, wasm_bindgen) = (Cache::locate()?, wasm_bindgen()?);
    let toolchain = parts.run(Part::Toolchain, |_| toolchain::ensure(&cache))?;
    Ok(Tools { cache, toolchain, wasm_bindgen })
}

impl Tools {
    /// Brings what a build needs at its end: what is downloaded beside what is compiled.
    ///
    /// # Errors
    /// The first thing that is missing and cannot be brought, with how to get it.
    pub fn bring(&self, parts: &Parts) -> Result<()> {
        thread::scope(|scope| {
            let downloads = scope.spawn(|| {
                parts.run(Part::Downloads, |_| {
                    tools::ensure_wasm_opt(&self.cache).context("wasm-opt")?;
                    model::ensure(&model::folder()).context("default model")
                })
            });
            let compiled = self.compile(parts);
            downloads.join().expect("a download does not panic").and(compiled)
        })
    }

    fn compile(&self, parts: &Parts) -> Result<()> {
        let wasm_bindgen = tools::wasm_bindgen(&self.wasm_bindgen);
        parts.run(Part::WasmBindgen, |count| wasm_bindgen.ensure(&self.cache, count))?;
        parts.run(Part::WasmSplit, |count| tools::wasm_split().ensure(&self.cache, count))?;
        // Hundreds of megabytes that are of no use any more; it is not there where nothing was compiled.
        let _ = std::fs::remove_dir_all(self.cache.tools_build());
        Ok(())
    }
}

fn wasm_bindgen() -> Result<String> {
    let lock = std::fs::read_to_string(crate::root().join("Cargo.lock")).context("cannot read Cargo.lock")?;
    tools::locked_version(&lock, "wasm-bindgen").context("Cargo.lock names no wasm-bindgen")
}
