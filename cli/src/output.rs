//! Folders on disk: reading one into memory and writing one so that a crash or a full disk never leaves half of it.
//!
//! What a folder holds is never overwritten unasked, and replaced whole where it is asked for (`swap.rs`): files of
//! another form of model beside the new ones would be read instead of them.

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};

use anyhow::bail;
use futures_lite::future::block_on;
use hone_core::checkpoint::{ADAPTER_CONFIG, FilePiece, FileStream, RESULTS_FILE};
use hone_core::config::JOB_FILE;
use hone_core::folder::Folder;
use hone_core::hub::MODEL_FILES;
use hone_core::report::RUN_LOG_FILE;
use hone_core::session::SessionError;
use indicatif::HumanBytes;

use crate::checkpoint_dir;
use crate::failure::io_error;
use crate::lock::{self, LOCK};
use crate::progress::say;
use crate::reopen::DAMAGED;
use crate::swap;

/// What is made and removed to see whether a folder can be written.
const PROBE: &str = ".hone.probe";
/// Most bytes of a file of rows: all of it is held in memory, more than once.
pub(crate) const MAX_DATA_BYTES: u64 = 4 << 30;
/// Folders that are part of an exported model.
const OWN_FOLDERS: &[&str] = &["1_Pooling"];
/// Names that are listed in a message; the rest is counted.
const MAX_LISTED: usize = 10;

/// Whether `dir` may become a folder that Hone writes to.
///
/// # Errors
/// When a run is writing to it or it holds anything, unless `force`; and always when replacing it whole would take more
/// with it than a model: a home folder, folders that Hone did not make.
pub(crate) fn check(dir: &Path, force: bool) -> anyhow::Result<()> {
    if dir.as_os_str().is_empty() {
        bail!("--output is empty: name a folder");
    }
    if dir.exists() && !dir.is_dir() {
        bail!("--output is a file, not a folder: {}", dir.display());
    }
    if !dir.exists() {
        return Ok(());
    }
    lock::check_free(dir)?;
    if is_home_or_root(dir) {
        bail!("--output would be replaced whole, and it is a home folder or a root: name one in it: {}", dir.display());
    }
    swap::recover(dir)?;
    check_content(dir, force)
}

/// As [`check`], for a folder that is locked by this run.
///
/// # Errors
/// By what is in it.
pub(crate) fn check_content(dir: &Path, force: bool) -> anyhow::Result<()> {
    let entries: Vec<String> = names_in(dir)?.into_iter().filter(|name| !is_own(name)).collect();
    if force {
        let folders: Vec<String> = entries.into_iter().filter(|name| is_strange_folder(dir, name)).collect();
        if !folders.is_empty() {
            bail!(
                "--force replaces the output folder whole, and it holds folders that hone did not write ({}): move them \
                 away, or choose another: {}",
                listed(&folders),
                dir.display()
            );
        }
        return Ok(());
    }
    if let Some(step) = checkpoint_dir::find(dir).map(|found| checkpoint_dir::step_of(&found)) {
        let at = step.map_or_else(String::new, |step| format!(" at step {step}"));
        bail!(
            "the output folder holds an unfinished run{at}: --resume goes on from it, --force starts anew: {}",
            dir.display()
        );
    }
    if entries.is_empty() {
        return Ok(());
    }
    let holds = if entries.iter().any(|name| name == JOB_FILE) {
        "a finished run"
    } else if entries.iter().any(|name| is_model_file(name)) {
        "a model that was not written by hone"
    } else {
        "files that were not written by hone"
    };
    bail!(
        "the output folder holds {holds} ({}): choose another, or replace it whole with --force: {}",
        listed(&entries),
        dir.display()
    )
}

/// Refuses an output folder in which something lies that is read as well: replaced whole, that would be gone.
///
/// # Errors
/// Names what lies there.
pub(crate) fn check_apart<'a>(
    dir: &Path,
    reads: impl IntoIterator<Item = (&'static str, &'a Path)>,
) -> anyhow::Result<()> {
    let Ok(output) = dir.canonicalize() else { return Ok(()) }; // it is not there yet
    for (what, path) in reads {
        if path.canonicalize().is_ok_and(|path| path.starts_with(&output)) {
            bail!("the output folder would be replaced whole, and it holds {what}: choose another: {}", dir.display());
        }
    }
    Ok(())
}

/// Makes `dir` and writes into it once, so that a folder that can't be written is known before hours of training.
///
/// # Errors
/// When the disk refuses.
pub(crate) fn probe(dir: &Path) -> anyhow::Result<()> {
    make_dir(dir)?;
    let probe = dir.join(PROBE);
    make_dir(&probe)?;
    remove_dir(&probe)
}

/// Writes files into `dir`, a piece at a time. Files of a model that are there make way for them, with `force` all other files, too:
/// what is gone is said. Checkpoints stay. Returns names and sizes of what was written.
///
/// # Errors
/// When the disk refuses, or what is written can't be read from the device; files that were there are then still the old ones.
pub(crate) fn write(files: FileStream, dir: &Path, force: bool) -> anyhow::Result<Vec<(String, u64)>> {
    let goes = |name: &str| !is_own(name) && !is_strange_folder(dir, name) && (force || is_model_file(name));
    let mut written = Vec::new();
    let gone = swap::replace(
        |to| {
            written = block_on(write_pieces(files, to))?;
            Ok(())
        },
        dir,
        goes,
    )?;
    if !gone.is_empty() {
        say(&format!("removed from the output folder: {}", listed(&gone)));
    }
    Ok(written)
}

/// Writes files under `dir` (made if it isn't there) as they come, and waits until the disk has them; their names and sizes.
async fn write_pieces(mut files: FileStream, dir: &Path) -> anyhow::Result<Vec<(String, u64)>> {
    let refused = |e: &std::io::Error, path: &Path| io_error("write the file", e, path);
    make_dir(dir)?;
    let mut written = Vec::new();
    let mut open: Option<(PathBuf, fs::File)> = None;
    loop {
        let piece = files.next_piece().await.map_err(SessionError::from)?;
        if let Some(FilePiece::Bytes(bytes)) = &piece {
            if let Some((path, file)) = &mut open {
                file.write_all(bytes).map_err(|e| refused(&e, path))?;
            }
            continue;
        }
        if let Some((path, file)) = open.take() {
            file.sync_all().map_err(|e| refused(&e, &path))?;
        }
        let Some(FilePiece::Begins { name, bytes }) = piece else { return Ok(written) };
        let path = dir.join(&name);
        make_dir(path.parent().unwrap_or(dir))?;
        let file = fs::File::create(&path).map_err(|e| refused(&e, &path))?;
        open = Some((path, file));
        written.push((name, bytes));
    }
}

/// Whether it is a folder that no export writes; of several tasks one writes a folder with a job for each.
fn is_strange_folder(dir: &Path, name: &str) -> bool {
    let path = dir.join(name);
    path.is_dir() && !OWN_FOLDERS.contains(&name) && !path.join(JOB_FILE).is_file()
}

/// What Hone keeps in an output folder besides a model.
pub(crate) fn is_own(name: &str) -> bool {
    name == LOCK
        || name == PROBE
        || name == RUN_LOG_FILE
        || swap::OWN.contains(&name)
        || checkpoint_dir::NAMES.contains(&name)
}

/// Whether a file is read by those who load a model, in one form or another.
pub(crate) fn is_model_file(name: &str) -> bool {
    let named = [JOB_FILE, ADAPTER_CONFIG, RESULTS_FILE, DAMAGED, "README.md"];
    let ends = [".safetensors", ".safetensors.index.json", ".bin", ".bin.index.json"];
    MODEL_FILES.iter().any(|(file, _)| *file == name)
        || named.contains(&name)
        || OWN_FOLDERS.contains(&name)
        || ends.iter().any(|end| name.ends_with(end))
}

fn is_home_or_root(dir: &Path) -> bool {
    let Ok(whole) = dir.canonicalize() else { return false };
    let home = std::env::home_dir().and_then(|home| home.canonicalize().ok());
    whole.parent().is_none() || home.is_some_and(|home| home == whole)
}

fn listed(names: &[String]) -> String {
    let more = names.len().saturating_sub(MAX_LISTED);
    let shown = names[..names.len() - more].join(", ");
    if more > 0 { format!("{shown} and {more} more") } else { shown }
}

/// Writes every file of `folder` under `dir` (made if it isn't there) and waits until the disk has them.
///
/// # Errors
/// When the disk refuses.
#[cfg(test)]
pub(crate) fn write_files(folder: &Folder, dir: &Path) -> anyhow::Result<()> {
    block_on(write_pieces(folder.clone().into(), dir)).map(drop)
}

/// Has the disk keep the names in a folder, as it keeps the content of files that were synced: after a power cut what was renamed
/// is found under its new name.
pub(crate) fn sync_names(dir: &Path) {
    // Some systems open no folder as a file, and some disks sync none: they order renames by themselves, or can't be asked.
    let _ = fs::File::open(dir).and_then(|dir| dir.sync_all());
}

/// Writes one file through a temporary name beside it. What is no file (a pipe, a device) is written into, and never
/// replaced; a link keeps leading to the file.
///
/// # Errors
/// When the disk refuses; a file that was there is then still the old one.
pub(crate) fn write_file(bytes: &[u8], path: &Path) -> anyhow::Result<()> {
    if fs::metadata(path).is_ok_and(|found| !found.is_file() && !found.is_dir()) {
        let written = fs::File::options().write(true).open(path).and_then(|mut file| file.write_all(bytes));
        return written.map_err(|e| io_error("write the file", &e, path));
    }
    let path = &path.canonicalize().unwrap_or_else(|_| path.to_owned());
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
    size_of(doing, path)?;
    fs::read(path).map_err(|e| io_error(doing, &e, path))
}

/// The bytes of a file of rows or texts, of which more than so many are not read.
///
/// # Errors
/// `can't {doing}: reason: path`.
pub(crate) fn read_data_file(doing: &str, path: &Path) -> anyhow::Result<Vec<u8>> {
    check_data_size(doing, path)?;
    fs::read(path).map_err(|e| io_error(doing, &e, path))
}

/// As [`read_data_file`], of which nothing is read yet.
///
/// # Errors
/// As there.
pub(crate) fn open_data_file(doing: &str, path: &Path) -> anyhow::Result<fs::File> {
    check_data_size(doing, path)?;
    fs::File::open(path).map_err(|e| io_error(doing, &e, path))
}

fn check_data_size(doing: &str, path: &Path) -> anyhow::Result<()> {
    let bytes = size_of(doing, path)?;
    if bytes > MAX_DATA_BYTES {
        let (found, limit) = (HumanBytes(bytes), HumanBytes(MAX_DATA_BYTES));
        bail!("can't {doing}: it has {found}, at most {limit} are read: {}", path.display());
    }
    Ok(())
}

/// The size of what is a file: a folder gives an unhelpful message when it is read, a pipe may never end.
///
/// # Errors
/// `can't {doing}: reason: path`.
pub(crate) fn size_of(doing: &str, path: &Path) -> anyhow::Result<u64> {
    let found = fs::metadata(path).map_err(|e| io_error(doing, &e, path))?;
    if found.is_dir() {
        bail!("can't {doing}: it is a folder, not a file: {}", path.display());
    }
    if !found.is_file() {
        bail!("can't {doing}: it is a pipe or a device; write it to a file first: {}", path.display());
    }
    Ok(found.len())
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

/// Removes a file, if it is there.
///
/// # Errors
/// When the disk refuses.
pub(crate) fn remove_file(path: &Path) -> anyhow::Result<()> {
    match fs::remove_file(path) {
        Err(e) if e.kind() != std::io::ErrorKind::NotFound => Err(io_error("remove the old file", &e, path)),
        _ => Ok(()),
    }
}

/// Names of what is in a folder, in alphabetical order.
///
/// # Errors
/// When it can't be read.
pub(crate) fn names_in(dir: &Path) -> anyhow::Result<Vec<String>> {
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

    fn files_in(dir: &Path) -> Vec<String> {
        names_in(dir).expect("reads")
    }

    #[cfg(unix)]
    #[test]
    fn a_link_keeps_leading_to_its_file() {
        let dir = tempfile::tempdir().expect("a temporary folder");
        let (file, link) = (dir.path().join("file.csv"), dir.path().join("link.csv"));
        fs::write(&file, "old").expect("writes");
        std::os::unix::fs::symlink(&file, &link).expect("links");
        write_file(b"new", &link).expect("writes");
        assert_eq!(fs::read(&file).expect("is there"), b"new");
        assert!(fs::symlink_metadata(&link).expect("is there").is_symlink());
    }

    #[test]
    fn a_folder_survives_the_disk() {
        let dir = tempfile::tempdir().expect("a temporary folder");
        let written = folder(&[("config.json", "{}"), ("sub/weights.bin", "abc"), (JOB_FILE, "{}")]);
        write(written.clone().into(), dir.path(), false).expect("writes");
        assert_eq!(read_all(dir.path()).expect("reads"), written);
        write(folder(&[("config.json", "{1}")]).into(), dir.path(), false).expect("writes again");
        assert_eq!(read_all(dir.path()).expect("reads").get("config.json"), Some(&b"{1}"[..]));
    }

    #[test]
    fn files_of_another_form_do_not_survive() {
        let dir = tempfile::tempdir().expect("a temporary folder");
        let whole = [("config.json", "{}"), ("model.safetensors", "w"), ("tokenizer.json", "{}"), (JOB_FILE, "{}")];
        let shards = [("model-00001-of-00002.safetensors", "w"), ("model.safetensors.index.json", "{}")];
        let adapter = [("adapter_config.json", "{}"), ("adapter_model.safetensors", "a"), (JOB_FILE, "{}")];
        fs::create_dir(dir.path().join("checkpoint")).expect("makes");
        fs::write(dir.path().join("notes.txt"), "mine").expect("writes");
        for form in [&whole[..], &shards, &adapter, &whole] {
            write(folder(form).into(), dir.path(), false).expect("writes");
            let mut expected: Vec<_> = form.iter().map(|(name, _)| *name).chain(["checkpoint", "notes.txt"]).collect();
            expected.sort_unstable();
            assert_eq!(files_in(dir.path()), expected, "unasked, other files stay");
        }
        write(folder(&adapter).into(), dir.path(), true).expect("writes");
        assert_eq!(files_in(dir.path()), ["adapter_config.json", "adapter_model.safetensors", "checkpoint", JOB_FILE]);
    }

    #[test]
    fn a_folder_of_an_export_makes_way_for_the_next() {
        let dir = tempfile::tempdir().expect("a temporary folder");
        let vectors = [("1_Pooling/config.json", "{}"), ("model.safetensors", "w"), ("modules.json", "{}")];
        write(folder(&vectors).into(), dir.path(), false).expect("writes");
        check(dir.path(), true).expect("it is ours");
        write(folder(&[("config.json", "{}")]).into(), dir.path(), false).expect("writes");
        assert_eq!(files_in(dir.path()), ["config.json"]);
    }

    #[test]
    fn what_a_folder_holds_is_not_overwritten_unasked() {
        for (name, holds) in [
            ("thesis.txt", "files that were not written by hone"),
            ("config.json", "a model that was not written by hone"),
            (JOB_FILE, "a finished run"),
        ] {
            let dir = tempfile::tempdir().expect("a temporary folder");
            fs::write(dir.path().join(LOCK), "").expect("writes");
            check(dir.path(), false).expect("what a killed run left behind is nothing");
            fs::write(dir.path().join(name), "{}").expect("writes");
            let message = check(dir.path(), false).expect_err(name).to_string();
            assert!(message.contains(holds) && message.contains("--force"), "{message}");
            check(dir.path(), true).expect("forced");
            check(&dir.path().join(name), true).expect_err("a file is never a folder");
        }
    }

    #[test]
    fn force_has_its_limits() {
        let dir = tempfile::tempdir().expect("a temporary folder");
        fs::create_dir(dir.path().join("photos")).expect("makes");
        let message = check(dir.path(), true).expect_err("not ours").to_string();
        assert!(message.contains("photos"), "{message}");
        check(Path::new("/"), true).expect_err("a root");
        check(Path::new(""), true).expect_err("no name");
        if let Some(home) = std::env::home_dir().filter(|home| home.is_dir()) {
            check(&home, true).expect_err("a home folder");
        }
    }

    #[test]
    fn what_is_read_is_not_in_the_output() {
        let dir = tempfile::tempdir().expect("a temporary folder");
        let (out, data) = (dir.path().join("out"), dir.path().join("out/rows.csv"));
        check_apart(&out, [("the training file", data.as_path())]).expect("neither is there");
        fs::create_dir(&out).expect("makes");
        fs::write(&data, "x").expect("writes");
        let message = check_apart(&out, [("the training file", data.as_path())]).expect_err("inside").to_string();
        assert!(message.contains("the training file"), "{message}");
        check_apart(&dir.path().join("out/../out"), [("the model", out.as_path())]).expect_err("the same folder");
        check_apart(&out, [("the model", dir.path())]).expect("a folder in the model's takes nothing with it");
    }

    #[cfg(unix)]
    #[test]
    fn a_device_is_not_read() {
        let message = read_file("read the data", Path::new("/dev/zero")).expect_err("it never ends").to_string();
        assert!(message.contains("a pipe or a device") && message.ends_with(": /dev/zero"), "{message}");
    }

    #[test]
    fn a_path_that_is_missing_is_named_last() {
        let message = read_file("read the data", Path::new("nowhere/rows.csv")).expect_err("missing").to_string();
        assert!(message.ends_with("nowhere/rows.csv"), "{message}");
    }
}
