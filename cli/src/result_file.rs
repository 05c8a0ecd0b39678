//! Files that results go to: that one can't be written is said before the work, not after it. In: the path that a flag names. Out:
//! nothing, or what is wrong with it. What writes them stands in `output.rs`.

use std::ffi::OsStr;
use std::path::Path;

use anyhow::bail;

use crate::output::{is_model_file, is_own};

/// Refuses a file that could not be written once what goes into it was computed, and one that is not to be lost. `flag` is what names it;
/// where it was not given, there is nothing to refuse. `read`: the files that the command reads.
///
/// # Errors
/// When it is a folder, there is no folder for it, it may not be written, or it is there and is one of those that are read or a file of a
/// model or of a run.
pub(crate) fn check_file(flag: &str, path: Option<&Path>, read: &[&Path]) -> anyhow::Result<()> {
    let Some(path) = path else { return Ok(()) };
    if path.is_dir() {
        bail!("{flag} is a folder, name a file in it: {}", path.display());
    }
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty() && !folder.is_dir());
    if let Some(folder) = folder {
        bail!("{flag} is in a folder that is not there, make it first: {}", folder.display());
    }
    let Ok(found) = path.metadata() else { return Ok(()) };
    if !found.is_file() {
        return Ok(()); // a pipe or a device
    }
    if found.permissions().readonly() {
        bail!("{flag} may not be written, choose another: {}", path.display());
    }
    if read.iter().any(|read| are_same(path, read)) {
        bail!("{flag} is a file that is read here, choose another: {}", path.display());
    }
    if path.file_name().and_then(OsStr::to_str).is_some_and(|name| is_model_file(name) || is_own(name)) {
        bail!("{flag} would replace a file of a model or of a run, choose another: {}", path.display());
    }
    Ok(())
}

/// Whether both names lead to one file.
fn are_same(one: &Path, other: &Path) -> bool {
    one.canonicalize().is_ok_and(|one| other.canonicalize().is_ok_and(|other| one == other))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_that_can_not_be_written_is_refused_before_the_work() {
        let dir = tempfile::tempdir().expect("a temporary folder");
        check_file("--output", Some(&dir.path().join("new.csv")), &[]).expect("it is made");
        check_file("--output", Some(Path::new("new.csv")), &[]).expect("in the current folder");
        check_file("--output", None, &[]).expect("it was not given");
        let message = |path: &Path| check_file("--output", Some(path), &[]).expect_err("it can't").to_string();
        assert!(message(dir.path()).starts_with("--output is a folder, name a file in it: "));
        let missing = message(&dir.path().join("none/new.csv"));
        assert!(missing.contains("a folder that is not there") && missing.ends_with("none"), "{missing}");
    }

    #[test]
    fn what_is_read_and_what_a_model_is_made_of_is_not_replaced() {
        let dir = tempfile::tempdir().expect("a temporary folder");
        let [rows, config, log, other] =
            ["rows.csv", "config.json", "run_log.jsonl", "other.csv"].map(|name| dir.path().join(name));
        let refused = |path: &Path, read: &[&Path]| check_file("--output", Some(path), read).map_err(|e| e.to_string());
        assert_eq!(refused(&config, &[&rows]), Ok(()), "nothing is there yet");
        for path in [&rows, &config, &log, &other] {
            std::fs::write(path, "text").expect("the folder is ours");
        }
        let again = dir.path().join(".").join("rows.csv");
        assert!(refused(&again, &[&other, &rows]).is_err_and(|why| why.contains("is a file that is read here")));
        for path in [&config, &log] {
            assert!(refused(path, &[&rows]).is_err_and(|why| why.contains("a file of a model or of a run")));
        }
        assert_eq!(refused(&other, &[&rows]), Ok(()), "results of before are replaced");
        let mut locked = std::fs::metadata(&other).expect("is there").permissions();
        locked.set_readonly(true);
        std::fs::set_permissions(&other, locked).expect("it is ours");
        assert!(refused(&other, &[]).is_err_and(|why| why.contains("may not be written")));
    }
}
