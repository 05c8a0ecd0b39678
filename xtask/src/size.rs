//! The size budget: what a browser downloads to show the page, the steps after the first, the worker, and the modules that the worker
//! loads when it needs them, after brotli.
//!
//! The budget is the deployed build's. The quick build has one of its own, which is cheap to check with every change.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};

use crate::proc;
use crate::web::Mode;

/// What wasm and scripts may take, in bytes after brotli.
struct Budget {
    /// What shows the page.
    page: u64,
    /// The steps after the first, which are fetched while the first is shown.
    steps: u64,
    worker: u64,
    /// What is fetched when the first Parquet file, workbook or packed file comes.
    readers: u64,
    /// What is fetched when the first images come.
    images: u64,
    /// What is fetched when the first model with a chat template comes.
    templates: u64,
    /// Of brotli: the best one takes a minute over the worker.
    quality: u8,
}

/// What is deployed; what keeps the page small is in `docs/adr/0010`.
const DEPLOYED: Budget = Budget {
    page: 380_000,
    steps: 720_000,
    worker: 3_500_000,
    readers: 600_000,
    images: 215_000,
    templates: 235_000,
    quality: 11,
};
/// The quick build.
const QUICK: Budget = Budget {
    page: 830_000,
    steps: 1_350_000,
    worker: 6_600_000,
    readers: 1_400_000,
    images: 500_000,
    templates: 400_000,
    quality: 5,
};

/// How the wasm of the steps after the first begins.
const STEPS: &str = "split_";

/// What a browser downloads of one part, in bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Size {
    /// `page`, `later steps`, `worker`, `readers`, `images` or `templates`.
    pub name: String,
    /// As it lies on the disk.
    pub raw: u64,
    /// After brotli.
    pub brotli: u64,
    /// What brotli may leave.
    pub budget: u64,
}

/// Measures page, worker and the modules beside it in `dist`, which is a build of this mode.
///
/// # Errors
/// When one was not built, or node is missing.
pub fn measure(dist: &Path, mode: Mode) -> Result<Vec<Size>> {
    let Budget { page, steps, worker, readers, images, templates, quality } = match mode {
        Mode::Release => DEPLOYED,
        Mode::Quick => QUICK,
    };
    let of_page = folder_of(dist, "page-")?;
    let parts = [
        ("page", files(&of_page, |name| !name.starts_with(STEPS))?, page),
        ("later steps", files(&of_page, |name| name.starts_with(STEPS))?, steps),
        ("worker", files(dist, |name| name.starts_with("hone-worker"))?, worker),
        ("readers", files(&folder_of(dist, "readers-")?, |_| true)?, readers),
        ("images", files(&folder_of(dist, "images-")?, |_| true)?, images),
        ("templates", files(&folder_of(dist, "templates-")?, |_| true)?, templates),
    ];
    let size = |(name, files, budget): (&str, Vec<PathBuf>, u64)| {
        let mut size = Size { name: name.into(), raw: 0, brotli: 0, budget };
        for file in &files {
            size.raw += std::fs::metadata(file)?.len();
            size.brotli += brotli(file, quality)?;
        }
        Ok(size)
    };
    parts.into_iter().map(size).collect()
}

/// Prints raw and brotli size of page, worker and the modules beside it in `dist`, which is a build of this mode.
///
/// # Errors
/// When one is over its budget, was not built, or node is missing.
pub fn check(dist: &Path, mode: Mode) -> Result<()> {
    let mut over = Vec::new();
    for Size { name, raw, brotli, budget } in measure(dist, mode)? {
        proc::say(format!("{name}: {raw} bytes raw, {brotli} bytes brotli, budget {budget}"));
        if brotli > budget {
            over.push(format!("{name} is {} bytes over its budget of {budget}", brotli - budget));
        }
    }
    if over.is_empty() { Ok(()) } else { bail!("{}", over.join("; ")) }
}

/// The folder of scripts and wasm whose name begins so; a hash follows.
fn folder_of(dist: &Path, start: &str) -> Result<PathBuf> {
    let entries = std::fs::read_dir(dist).context("dist/ is not there: run `cargo xtask build`")?;
    let is_sought = |path: &PathBuf| path.file_name().is_some_and(|name| name.to_string_lossy().starts_with(start));
    let found = entries.flatten().map(|entry| entry.path()).find(is_sought);
    found.with_context(|| format!("dist/ has no {start}* folder: run `cargo xtask build`"))
}

/// Wasm and scripts of a folder whose names are `wanted`; at least one wasm.
fn files(folder: &Path, wanted: impl Fn(&str) -> bool) -> Result<Vec<PathBuf>> {
    let entries = std::fs::read_dir(folder).with_context(|| format!("cannot read {}", folder.display()))?;
    let is_wanted = |path: &PathBuf| {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        wanted(&name) && (name.ends_with(".wasm") || name.ends_with(".js"))
    };
    let files: Vec<PathBuf> = entries.flatten().map(|entry| entry.path()).filter(is_wanted).collect();
    if !files.iter().any(|file| file.extension().is_some_and(|extension| extension == "wasm")) {
        bail!("{} lacks a wasm: run `cargo xtask build`", folder.display());
    }
    Ok(files)
}

/// Bytes of a file after brotli, as its command-line tool compresses: it knows how long the file is.
fn brotli(file: &Path, quality: u8) -> Result<u64> {
    const SCRIPT: &str = "const [file, quality] = process.argv.slice(1), zlib = require('zlib');\
        const bytes = require('fs').readFileSync(file), { constants } = zlib;\
        const params = { [constants.BROTLI_PARAM_QUALITY]: Number(quality), [constants.BROTLI_PARAM_SIZE_HINT]: bytes.length };\
        console.log(zlib.brotliCompressSync(bytes, { params }).length)";
    let mut node = Command::new("node");
    node.args(["-e", SCRIPT]).arg(file).arg(quality.to_string());
    let text = proc::output(&mut node).context("node measures brotli")?;
    text.parse().with_context(|| format!("node printed {text:?} instead of a number"))
}
