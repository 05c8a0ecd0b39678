//! Replacing the files of a folder as a whole, so that a crash leaves the old ones or the new ones and never a mixture.
//!
//! The new files are written to [`PART`] inside the folder; the old ones are moved to [`OLD`]; renaming [`PART`] to
//! [`NEW`] decides, and then the new ones are moved into place. Everything happens inside the folder: it may be a mount
//! point, the current folder, or hold a checkpoint that must stay.

use std::fs;
use std::path::Path;

use crate::failure::io_error;
use crate::output::{make_dir, names_in, remove_dir, sync_names};

const PART: &str = ".export.part";
const NEW: &str = ".export.new";
const OLD: &str = ".export.old";

/// Names that a replacement uses for itself.
pub(crate) const OWN: [&str; 3] = [PART, NEW, OLD];

/// Puts the files into `dir` that `write` writes into the folder that it is given; of what is there, the entries for which `goes` is
/// true, and those of the same names, make way for them. Returns the names of those that are gone and have no successor.
///
/// # Errors
/// When the disk refuses, or nothing more can be written; the next [`recover`] then brings the old files back, or ends what was begun.
pub(crate) fn replace(
    write: impl FnOnce(&Path) -> anyhow::Result<()>,
    dir: &Path,
    goes: impl Fn(&str) -> bool,
) -> anyhow::Result<Vec<String>> {
    recover(dir)?;
    let (part, old) = (dir.join(PART), dir.join(OLD));
    write(&part).inspect_err(|_| drop(fs::remove_dir_all(&part)))?;
    sync_names(&part);
    let new = names_in(&part)?;
    let entries = names_in(dir)?.into_iter().filter(|name| !OWN.contains(&name.as_str()));
    let leaving: Vec<String> = entries.filter(|name| new.contains(name) || goes(name)).collect();
    let decided = make_dir(&old)
        .and_then(|()| leaving.iter().try_for_each(|name| rename(&dir.join(name), &old.join(name))))
        .and_then(|()| rename(&part, &dir.join(NEW)));
    recover(dir).and(decided)?;
    Ok(leaving.into_iter().filter(|name| !new.contains(name)).collect())
}

/// Ends a replacement that was broken off, or takes it back: whichever is nearer.
///
/// # Errors
/// When the disk refuses.
pub(crate) fn recover(dir: &Path) -> anyhow::Result<()> {
    let (part, new, old) = (dir.join(PART), dir.join(NEW), dir.join(OLD));
    let from = if new.is_dir() { &new } else { &old };
    if from.is_dir() {
        names_in(from)?.iter().try_for_each(|name| rename(&from.join(name), &dir.join(name)))?;
        sync_names(dir); // what is removed below is wanted no more then
    }
    // The new folder goes last: as long as it is there, the old files are not wanted back.
    [&part, &old, &new].into_iter().try_for_each(|dir| remove_dir(dir))
}

fn rename(from: &Path, to: &Path) -> anyhow::Result<()> {
    fs::rename(from, to).map_err(|e| io_error("put the file in place", &e, to))
}

#[cfg(test)]
mod tests {
    use hone_core::folder::Folder;

    use super::*;
    use crate::output::{read_all, write_files};

    fn folder(files: &[(&str, &str)]) -> Folder {
        files.iter().map(|(name, text)| ((*name).to_owned(), text.as_bytes().to_vec())).collect()
    }

    #[test]
    fn what_makes_way_is_named_and_the_rest_stays() {
        let dir = tempfile::tempdir().expect("a temporary folder");
        write_files(&folder(&[("a", "1"), ("b", "1"), ("c/d", "1"), ("keep/x", "1")]), dir.path()).expect("writes");
        let new = folder(&[("a", "2"), ("e/f", "2")]);
        let gone = replace(|to| write_files(&new, to), dir.path(), |name| name != "keep").expect("replaces");
        assert_eq!(gone, ["b", "c"]);
        let expected = folder(&[("a", "2"), ("e/f", "2"), ("keep/x", "1")]);
        assert_eq!(read_all(dir.path()).expect("reads"), expected);
    }

    #[test]
    fn a_disk_that_takes_no_more_leaves_the_old_files() {
        let dir = tempfile::tempdir().expect("a temporary folder");
        let old = folder(&[("a", "1"), ("b", "1")]);
        write_files(&old, dir.path()).expect("writes");
        // The second file can't be written: the first stands where its folder would be.
        let new = folder(&[("c", "2"), ("c/d", "2")]);
        let message = replace(|to| write_files(&new, to), dir.path(), |_| true).expect_err("refused").to_string();
        assert!(message.starts_with("can't "), "{message}");
        assert_eq!(read_all(dir.path()).expect("reads"), old, "and nothing of the new ones takes room");
    }

    #[test]
    fn a_crash_leaves_the_old_files_or_the_new_ones() {
        let (old, new) = (folder(&[("a", "1"), ("b", "1")]), folder(&[("a", "2"), ("c", "2")]));
        let crashed = |files: &[(&str, &str)]| {
            let dir = tempfile::tempdir().expect("a temporary folder");
            write_files(&folder(files), dir.path()).expect("writes");
            recover(dir.path()).expect("recovers");
            recover(dir.path()).expect("and once more changes nothing");
            read_all(dir.path()).expect("reads")
        };
        let while_writing = [("a", "1"), ("b", "1"), (".export.part/a", "2")];
        let while_moving_old = [("b", "1"), (".export.old/a", "1"), (".export.part/a", "2"), (".export.part/c", "2")];
        assert_eq!(crashed(&while_writing), old);
        assert_eq!(crashed(&while_moving_old), old);
        let decided = [(".export.old/a", "1"), (".export.old/b", "1"), (".export.new/a", "2"), (".export.new/c", "2")];
        let while_moving_new = [("a", "2"), (".export.old/a", "1"), (".export.old/b", "1"), (".export.new/c", "2")];
        assert_eq!(crashed(&decided), new);
        assert_eq!(crashed(&while_moving_new), new);
    }
}
