//! Files that results go to: that one can't be written is said before the work, not after it. In: the path that a flag names. Out:
//! nothing, or what is wrong with it. What writes them stands in `output.rs`.

use std::path::Path;

use anyhow::bail;

/// Refuses a file that could not be written once what goes into it was computed. `flag` is what names it; where it was not given, there is
/// nothing to refuse.
///
/// # Errors
/// When it is a folder, or there is no folder for it.
pub(crate) fn check_file(flag: &str, path: Option<&Path>) -> anyhow::Result<()> {
    let Some(path) = path else { return Ok(()) };
    if path.is_dir() {
        bail!("{flag} is a folder, name a file in it: {}", path.display());
    }
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty() && !folder.is_dir());
    match folder {
        Some(folder) => bail!("{flag} is in a folder that is not there, make it first: {}", folder.display()),
        None => Ok(()),
    }
}

/// Refuses an `--output` that is the file which `--data` reads.
///
/// # Errors
/// When both are given and lead to one file.
pub(crate) fn check_other_file(output: Option<&Path>, data: Option<&Path>) -> anyhow::Result<()> {
    let (Some(output), Some(data)) = (output, data) else { return Ok(()) };
    if output.canonicalize().is_ok_and(|output| data.canonicalize().is_ok_and(|data| output == data)) {
        bail!("--output is the file that --data reads, choose another: {}", output.display());
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_that_can_not_be_written_is_refused_before_the_work() {
        let dir = tempfile::tempdir().expect("a temporary folder");
        check_file("--output", Some(&dir.path().join("new.csv"))).expect("it is made");
        check_file("--output", Some(Path::new("new.csv"))).expect("in the current folder");
        check_file("--output", None).expect("it was not given");
        let message = |path: &Path| check_file("--output", Some(path)).expect_err("it can't").to_string();
        assert!(message(dir.path()).starts_with("--output is a folder, name a file in it: "));
        let missing = message(&dir.path().join("none/new.csv"));
        assert!(missing.contains("a folder that is not there") && missing.ends_with("none"), "{missing}");
    }
}
