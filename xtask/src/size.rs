//! The size budget: what a browser downloads to show the page, and to start its worker, after brotli.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};

use crate::proc;

/// Bytes of brotli that the page's wasm and script may take; what keeps it small is in `docs/adr/0010`.
const PAGE_BUDGET: u64 = 280_000;
/// Bytes of brotli that the worker's wasm and script may take.
const WORKER_BUDGET: u64 = 3_000_000;

/// What a browser downloads of one part, in bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Size {
    /// `page` or `worker`.
    pub name: String,
    /// As it lies on the disk.
    pub raw: u64,
    /// After brotli (quality 11).
    pub brotli: u64,
    /// What brotli may leave.
    pub budget: u64,
}

/// Measures the page and the worker in `dist`.
///
/// # Errors
/// When one was not built, or node is missing.
pub fn measure(dist: &Path) -> Result<Vec<Size>> {
    let parts = [("page", "hone-app", PAGE_BUDGET), ("worker", "hone-worker", WORKER_BUDGET)];
    let size = |(name, prefix, budget): (&str, &str, u64)| {
        let mut size = Size { name: name.into(), raw: 0, brotli: 0, budget };
        for file in &files(dist, prefix)? {
            size.raw += std::fs::metadata(file)?.len();
            size.brotli += brotli(file)?;
        }
        Ok(size)
    };
    parts.into_iter().map(size).collect()
}

/// Prints raw and brotli size (quality 11) of the page and the worker in `dist`.
///
/// # Errors
/// When one is over its budget, was not built, or node is missing.
pub fn check(dist: &Path) -> Result<()> {
    let mut over = Vec::new();
    for Size { name, raw, brotli, budget } in measure(dist)? {
        proc::say(format!("{name}: {raw} bytes raw, {brotli} bytes brotli, budget {budget}"));
        if brotli > budget {
            over.push(format!("{name} is {} bytes over its budget of {budget}", brotli - budget));
        }
    }
    if over.is_empty() { Ok(()) } else { bail!("{}", over.join("; ")) }
}

fn files(dist: &Path, prefix: &str) -> Result<Vec<PathBuf>> {
    let entries = std::fs::read_dir(dist).context("dist/ is not there: run `cargo xtask build`")?;
    let wanted = |path: &PathBuf| {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        name.starts_with(prefix) && (name.ends_with(".wasm") || name.ends_with(".js"))
    };
    let files: Vec<PathBuf> = entries.flatten().map(|entry| entry.path()).filter(wanted).collect();
    if !files.iter().any(|file| file.extension().is_some_and(|extension| extension == "wasm")) {
        bail!("dist/ has no {prefix}*.wasm: run `cargo xtask build`");
    }
    Ok(files)
}

fn brotli(file: &Path) -> Result<u64> {
    const SCRIPT: &str = "const f=process.argv[1];\
        console.log(require('zlib').brotliCompressSync(require('fs').readFileSync(f)).length)";
    let text = proc::output(Command::new("node").args(["-e", SCRIPT]).arg(file)).context("node measures brotli")?;
    text.parse().with_context(|| format!("node printed {text:?} instead of a number"))
}
