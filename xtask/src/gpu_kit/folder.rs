//! Folders of a kit: copying, sizes and their limit, and what programs need of the system.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};

use crate::proc;

/// A folder, or a file, of a kit may not be larger.
pub(super) const LIMIT: u64 = 60 * 1024 * 1024;

/// Says how large a file, or a folder with all that is in it, is.
///
/// # Errors
/// When it is larger than [`LIMIT`].
pub(super) fn say_size(path: &Path) -> Result<()> {
    let bytes = size(path)?;
    let mib = |bytes: u64| bytes as f64 / f64::from(1 << 20);
    proc::say(format!("{:.1} MiB: {}", mib(bytes), path.display()));
    if bytes > LIMIT {
        bail!("larger than {:.0} MiB, so it can't be carried: {}", mib(LIMIT), path.display());
    }
    Ok(())
}

/// Bytes of a file, or of all files in a folder.
pub(super) fn size(path: &Path) -> Result<u64> {
    let found = std::fs::metadata(path).with_context(|| format!("cannot read {}", path.display()))?;
    if !found.is_dir() {
        return Ok(found.len());
    }
    let mut bytes = 0;
    for entry in std::fs::read_dir(path).with_context(|| format!("cannot read {}", path.display()))? {
        bytes += size(&entry?.path())?;
    }
    Ok(bytes)
}

/// Where a shared library lies, as the system's linker finds it.
pub(super) fn find_library(name: &str) -> Option<PathBuf> {
    let listed = ["ldconfig", "/sbin/ldconfig", "/usr/sbin/ldconfig"];
    let said = listed.iter().find_map(|program| proc::output(Command::new(program).arg("-p")).ok())?;
    let start = format!("{name} ");
    let line = said.lines().find(|line| line.trim_start().starts_with(&start) && line.contains("x86-64"))?;
    line.rsplit_once("=> ").map(|(_, path)| PathBuf::from(path.trim()))
}

/// The newest version of glibc whose symbols one of the programs or libraries asks for.
pub(super) fn newest_glibc(files: &[PathBuf]) -> Result<String> {
    let said = proc::output(Command::new("readelf").args(["--version-info", "--wide"]).args(files))?;
    newest(&said).context("no program asks for a version of glibc")
}

fn newest(said: &str) -> Option<String> {
    let versions = said.split("GLIBC_").skip(1).filter_map(|rest| {
        let text: String = rest.chars().take_while(|c| c.is_ascii_digit() || *c == '.').collect();
        text.split('.').map(str::parse::<u32>).collect::<Result<Vec<_>, _>>().ok()
    });
    let newest = versions.max()?;
    Some(newest.iter().map(u32::to_string).collect::<Vec<_>>().join("."))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_compared_as_numbers() {
        let said = "Name: GLIBC_2.9  Flags\n Name: GLIBC_2.35  Flags\n Name: GLIBC_2.4\n GLIBC_PRIVATE GCC_3.0";
        assert_eq!(newest(said).as_deref(), Some("2.35"));
        assert_eq!(newest("GCC_3.0"), None);
    }

    #[test]
    fn folders_are_copied_and_measured() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let (from, to) = (folder.path().join("from"), folder.path().join("to"));
        proc::write(&from.join("a/b.txt"), "12345").expect("the folder is ours");
        proc::write(&from.join("models/large"), "1234567890").expect("the folder is ours");
        proc::copy_tree(&from, &to, &["models"]).expect("it can be copied");
        assert_eq!(std::fs::read_to_string(to.join("a/b.txt")).expect("it is there"), "12345");
        assert!(!to.join("models").exists());
        assert_eq!((size(&from).expect("readable"), size(&to).expect("readable")), (15, 5));
    }
}
