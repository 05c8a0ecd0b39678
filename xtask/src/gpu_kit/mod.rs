//! `cargo xtask gpu-kit`: a folder that a machine with an NVIDIA GPU needs to measure Hone beside PyTorch by one command,
//! `./run.sh`, without network or Rust; and with `--browser` further folders, to do the same in Chromium. Each is small
//! enough to be carried there. `bench/README.md` says how they are used.

mod browser;
mod folder;

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};

use self::folder::{find_library, newest_glibc, say_size};
use crate::bench::machine::commit;
use crate::proc;

/// What goes into the kit.
#[derive(Debug, Clone, clap::Args)]
pub struct Options {
    /// Folder for the kit, replaced if it is one [default: target/hone-gpu-kit]
    #[arg(long)]
    out: Option<PathBuf>,
    /// Leave CUDA out: a quick build, to rehearse with
    #[arg(long)]
    no_cuda: bool,
    /// Make the browser's folders, from dist/ and this machine's Chromium, and nothing else
    #[arg(long)]
    browser: bool,
}

/// Programs of the kit, and the packages that they are of.
const PROGRAMS: [&str; 2] = ["hone", "hone-bench"];
/// Files of `bench/` that lie at the kit's top.
const FILES: [&str; 6] =
    ["kit/run.sh", "kit/measure.py", "kit/report.py", "torch_step.py", "torch_models.py", "shapes.json"];
/// A model that `hone train` is tried on.
const TRAINED: &str = "tiny_encoder";
/// A file that says what the kit was made from; also how a kit is told from a folder that holds something else.
const MADE: &str = "MADE";

/// Builds, gathers, and says how large it is.
///
/// # Errors
/// When something cannot be built or copied, when the folder holds something else, or when the kit is too large.
pub fn run(options: &Options) -> Result<()> {
    let out = options.out.clone().unwrap_or_else(|| crate::root().join("target").join("hone-gpu-kit"));
    if options.browser {
        return browser::make(&out);
    }
    let built = build(!options.no_cuda)?;
    clear(&out)?;
    let glibc = pack_programs(&built, &out)?;
    gather(&built, &out)?;
    let devices = if options.no_cuda { "cpu, wgpu" } else { "cpu, wgpu, cuda" };
    let made = format!("commit {}, {devices}, needs glibc {glibc} or newer\n", commit());
    proc::write(&out.join(MADE), &made)?;
    proc::say(made.trim());
    say_size(&out)?;
    let archive = archive(&out)?;
    proc::say(format!("there: unpack {}, then ./run.sh; here: {}", archive.display(), out.join("run.sh").display()));
    Ok(())
}

/// Builds both programs in one go, so that they share burn. Returns the folder that they lie in.
///
/// CUDA has a folder of its own: with it burn is another build, and the usual one is not to be thrown away.
fn build(with_cuda: bool) -> Result<PathBuf> {
    let mut command = Command::new("cargo");
    command.current_dir(crate::root()).args(["build", "--release", "--locked"]);
    command.args(["--package", "hone-cli", "--package", "hone-bench"]);
    let target = crate::root().join("target");
    if !with_cuda {
        proc::run(&mut command)?;
        return Ok(target.join("release"));
    }
    proc::say("building with CUDA, which need not be here; burn is built once more for it (25 minutes of CPU time)");
    let target = target.join("kit");
    command.args(["--features", "hone-cli/cuda,hone-bench/cuda", "--target-dir"]).arg(&target);
    proc::run(&mut command)?;
    Ok(target.join("release"))
}

/// Empties the kit's folder; refuses one that holds something else.
fn clear(out: &Path) -> Result<()> {
    let is_empty = std::fs::read_dir(out).map_or(true, |mut entries| entries.next().is_none());
    if !is_empty && !out.join(MADE).is_file() {
        bail!("this folder holds something other than a kit: name another with --out: {}", out.display());
    }
    if out.exists() {
        std::fs::remove_dir_all(out).with_context(|| format!("cannot empty {}", out.display()))?;
    }
    std::fs::create_dir_all(out).with_context(|| format!("cannot make folder {}", out.display()))
}

/// Strips and packs the programs, which are large (xz, which Python's own library unpacks). Returns the version of glibc
/// that they need.
fn pack_programs(built: &Path, out: &Path) -> Result<String> {
    let folder = out.join("bin");
    std::fs::create_dir_all(&folder).with_context(|| format!("cannot make folder {}", folder.display()))?;
    let mut files = Vec::new();
    for program in PROGRAMS {
        let place = folder.join(program);
        proc::run(Command::new("strip").arg("-o").arg(&place).arg(built.join(program)))?;
        files.push(place);
    }
    let glibc = newest_glibc(&files)?;
    for file in &files {
        proc::run(Command::new("xz").args(["--force", "--threads=0", "-7"]).arg(file))
            .context("xz packs the programs (on Debian: apt-get install xz-utils)")?;
    }
    Ok(glibc)
}

/// Everything else: scripts, shapes, goldens, a model to train, Vulkan's loader.
fn gather(built: &Path, out: &Path) -> Result<()> {
    let root = crate::root();
    for file in FILES {
        let from = root.join("bench").join(file);
        let name = from.file_name().context("a file has a name")?;
        std::fs::copy(&from, out.join(name)).with_context(|| format!("cannot copy {}", from.display()))?;
    }
    let listed = proc::output(Command::new(built.join("hone-bench")).args(["parity", "--list"]))?;
    for name in listed.lines().chain([TRAINED]) {
        let fixture = Path::new("tests").join("fixtures").join(name);
        proc::copy_tree(&root.join(&fixture), &out.join(&fixture), &[])?;
    }
    for licence in ["LICENSE-MIT", "LICENSE-APACHE"] {
        std::fs::copy(root.join(licence), out.join(licence)).with_context(|| format!("cannot copy {licence}"))?;
    }
    match find_library("libvulkan.so.1") {
        Some(library) => {
            std::fs::create_dir_all(out.join("lib"))?;
            std::fs::copy(&library, out.join("lib").join("libvulkan.so.1"))
                .with_context(|| format!("cannot copy {}", library.display()))?;
        }
        None => proc::say("note: Vulkan's loader (libvulkan.so.1) is not on this machine, so the kit has none"),
    }
    Ok(())
}

/// The kit as one file beside it.
fn archive(out: &Path) -> Result<PathBuf> {
    let name = out.file_name().context("the kit's folder has a name")?;
    let archive = beside(out, ".tar.gz")?;
    // A bare name has an empty parent, which tar does not take for the folder it is in.
    let parent = out.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let mut tar = Command::new("tar");
    tar.args(["--create", "--gzip", "--file"]).arg(&archive).arg("-C").arg(parent).arg(name);
    proc::run(&mut tar)?;
    say_size(&archive)?;
    Ok(archive)
}

/// `<out><suffix>`, which lies beside the kit.
fn beside(out: &Path, suffix: &str) -> Result<PathBuf> {
    let mut name = out.file_name().context("the kit's folder has a name")?.to_owned();
    name.push(suffix);
    Ok(out.with_file_name(name))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_that_holds_something_else_is_kept() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let out = folder.path().join("kit");
        clear(&out).expect("it is made");
        proc::write(&out.join("letter.txt"), "dear").expect("the folder is ours");
        let error = clear(&out).expect_err("it is no kit").to_string();
        assert!(error.contains("something other than a kit"), "{error}");
        proc::write(&out.join(MADE), "").expect("the folder is ours");
        clear(&out).expect("it is a kit");
        assert!(!out.join("letter.txt").exists());
    }

    #[test]
    fn every_file_of_the_kit_is_there() {
        for file in FILES {
            assert!(crate::root().join("bench").join(file).is_file(), "{file}");
        }
        assert!(crate::root().join("tests/fixtures").join(TRAINED).is_dir());
    }
}
