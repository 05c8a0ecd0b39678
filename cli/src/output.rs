//! Folders on disk: reading one into memory and writing one so that a crash or a full disk never leaves half of it.
//!
//! An export is written to a temporary folder inside the output folder and then renamed into place file by file.

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};

use anyhow::bail;
use hone_core::config::JOB_FILE;
use hone_core::folder::Folder;

use crate::checkpoint_dir;
use crate::failure::io_error;

/// Where an export is put together before it is renamed.
const PART: &str = ".export.part";

/// Whether `dir` may become (or already is) a folder that Hone writes to.
///
/// # Errors
/// When it holds something that is not Hone's, or an unfinished run, unless `force`.
pub(crate) fn check(dir: &Path, force: bool) -> anyhow::Result<()> {
    if dir.exists() && !dir.is_dir() {
        bail!("--output is a file, not a folder: {}", dir.display());
    }
    if force || !dir.exists() {
        return Ok(());
    }
    if let Some(step) = checkpoint_dir::find(dir).map(|found| checkpoint_dir::step_of(&found)) {
        let at = step.map_or_else(String::new, |step| format!(" at step {step}"));
        bail!(
            "the output folder holds an unfinished run{at}: --resume goes on from it, --force starts anew: {}",
            dir.display()
        );
    }
    let entries = names_in(dir)?;
    let is_ours = entries.iter().any(|name| name == JOB_FILE || name == PART);
    if entries.is_empty() || is_ours {
        return Ok(());
    }
    bail!(
        "the output folder is not empty and was not written by hone (no {JOB_FILE}); choose another, or write into it \
         with --force: {}",
        dir.display()
    )
}

/// Makes `dir` and writes into it once, so that a folder that can't be written is known before hours of training.
///
/// # Errors
/// When the disk refuses.
pub(crate) fn probe(dir: &Path) -> anyhow::Result<()> {
    make_dir(dir)?;
    let part = dir.join(PART);
    make_dir(&part)?;
    remove_dir(&part)
}

/// Writes `folder` into `dir`, replacing files of the same names.
///
/// # Errors
/// When the disk refuses; files that were there are then still the old ones.
pub(crate) fn write(folder: &Folder, dir: &Path) -> anyhow::Result<()> {
    let part = dir.join(PART);
    remove_dir(&part)?;
    write_files(folder, &part).inspect_err(|_| drop(fs::remove_dir_all(&part)))?;
    for (name, _) in folder.iter() {
        let target = dir.join(name);
        make_dir(target.parent().unwrap_or(dir))?;
        fs::rename(part.join(name), &target).map_err(|e| io_error("put the file in place", &e, &target))?;
    }
    remove_dir(&part)
}

/// Writes every file of `folder` under `dir` (made if it isn't there) and waits until the disk has them.
///
/// # Errors
/// When the disk refuses.
pub(crate) fn write_files(folder: &Folder, dir: &Path) -> anyhow::Result<()> {
    make_dir(dir)?;
    for (name, bytes) in folder.iter() {
        let path = dir.join(name);
        make_dir(path.parent().unwrap_or(dir))?;
        let written = fs::File::create(&path).and_then(|mut file| {
            file.write_all(bytes)?;
            file.sync_all()
        });
        written.map_err(|e| io_error("write the file", &e, &path))?;
    }
    Ok(())
}

/// Writes one file through a temporary name beside it.
///
/// # Errors
/// When the disk refuses; a file that was there is then still the old one.
pub(crate) fn write_file(bytes: &[u8], path: &Path) -> anyhow::Result<()> {
    let mut part = path.as_os_str().to_owned();
    part.push(".part");
    let part = PathBuf::from(part);
    let written = fs::write(&part, bytes).and_then(|()| fs::rename(&part, path));
    written.map_err(|e| {
        drop(fs::remove_file(&part));
        io_error("write the file", &e, path)
    })
}

/// Every file directly in `dir` and in its sub-folders.
///
/// # Errors
/// When it can't be read.
pub(crate) fn read_all(dir: &Path) -> anyhow::Result<Folder> {
    let mut folder = Folder::new();
    let mut waiting = vec![(dir.to_owned(), String::new())];
    while let Some((at, prefix)) = waiting.pop() {
        for name in names_in(&at)? {
            let path = at.join(&name);
            if path.is_dir() {
                waiting.push((path, format!("{prefix}{name}/")));
            } else {
                folder.insert(format!("{prefix}{name}"), read_file("read the file", &path)?);
            }
        }
    }
    Ok(folder)
}

/// A file's bytes.
///
/// # Errors
/// `can't {doing}: reason: path`.
pub(crate) fn read_file(doing: &str, path: &Path) -> anyhow::Result<Vec<u8>> {
    // Reading a folder gives an unhelpful message on some systems.
    if path.is_dir() {
        bail!("can't {doing}: it is a folder, not a file: {}", path.display());
    }
    fs::read(path).map_err(|e| io_error(doing, &e, path))
}

/// Makes a folder and those above it.
///
/// # Errors
/// When the disk refuses.
pub(crate) fn make_dir(dir: &Path) -> anyhow::Result<()> {
    fs::create_dir_all(dir).map_err(|e| io_error("make the folder", &e, dir))
}

/// Removes a folder if it is there.
///
/// # Errors
/// When the disk refuses.
pub(crate) fn remove_dir(dir: &Path) -> anyhow::Result<()> {
    match fs::remove_dir_all(dir) {
        Err(e) if e.kind() != std::io::ErrorKind::NotFound => Err(io_error("remove the folder", &e, dir)),
        _ => Ok(()),
    }
}

fn names_in(dir: &Path) -> anyhow::Result<Vec<String>> {
    let failed = |e| io_error("list the folder", &e, dir);
    let mut names = Vec::new();
    for entry in fs::read_dir(dir).map_err(failed)? {
        names.push(entry.map_err(failed)?.file_name().to_string_lossy().into_owned());
    }
    names.sort();
    Ok(names)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn folder(files: &[(&str, &str)]) -> Folder {
        files.iter().map(|(name, text)| ((*name).to_owned(), text.as_bytes().to_vec())).collect()
    }

    #[test]
    fn a_folder_survives_the_disk() {
        let dir = tempfile::tempdir().expect("a temporary folder");
        let written = folder(&[("config.json", "{}"), ("sub/weights.bin", "abc"), (JOB_FILE, "{}")]);
        write(&written, dir.path()).expect("writes");
        assert_eq!(read_all(dir.path()).expect("reads"), written);
        assert!(!dir.path().join(PART).exists());
        write(&folder(&[("config.json", "{1}")]), dir.path()).expect("writes again");
        assert_eq!(read_all(dir.path()).expect("reads").get("config.json"), Some(&b"{1}"[..]));
    }

    #[test]
    fn only_hone_folders_are_written_over() {
        let dir = tempfile::tempdir().expect("a temporary folder");
        check(dir.path(), false).expect("an empty folder is fine");
        fs::write(dir.path().join("thesis.txt"), "years of work").expect("writes");
        let message = check(dir.path(), false).expect_err("not ours").to_string();
        assert!(message.contains("--force"), "{message}");
        check(dir.path(), true).expect("forced");
        fs::write(dir.path().join(JOB_FILE), "{}").expect("writes");
        check(dir.path(), false).expect("ours");
        check(&dir.path().join("thesis.txt"), true).expect_err("a file is never a folder");
    }

    #[test]
    fn a_path_that_is_missing_is_named_last() {
        let message = read_file("read the data", Path::new("nowhere/rows.csv")).expect_err("missing").to_string();
        assert!(message.ends_with("nowhere/rows.csv"), "{message}");
    }
}
