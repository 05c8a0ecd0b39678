//! One run a folder: a file in the output folder that is locked for as long as a run writes there. The system gives the
//! lock back when the process ends, however it ends. Folders that were made for it and in which nothing was written are removed again:
//! a run that is refused before it begins leaves nothing behind.

use std::fs::{self, File, TryLockError};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

use anyhow::bail;

use crate::failure::{io_error, reason};
use crate::output::make_dir;
use crate::progress::say;

/// Name of the file.
pub(crate) const LOCK: &str = ".hone.lock";

/// The folders that this process holds: whoever quits it at once leaves no lock behind.
static HELD: Mutex<Vec<PathBuf>> = Mutex::new(Vec::new());

fn held() -> MutexGuard<'static, Vec<PathBuf>> {
    HELD.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Removes the locks of this process, which is about to end; returns the folders that they were of.
pub(crate) fn release_all() -> Vec<PathBuf> {
    release(std::mem::take(&mut *held()))
}

fn release(dirs: Vec<PathBuf>) -> Vec<PathBuf> {
    for dir in &dirs {
        let _ = fs::remove_file(dir.join(LOCK)); // a file that stays is taken over by the next run
    }
    dirs
}

/// The folder is ours until this is dropped.
#[derive(Debug)]
pub(crate) struct Lock {
    path: PathBuf,
    _file: File,
    was_left: bool,
    /// Dropped last: where a folder that holds an open file can't be removed, that is closed by then.
    _made: MadeFolders,
}

/// Folders that were not there, the innermost first. When this is dropped, those go that are empty.
#[derive(Debug)]
struct MadeFolders(Vec<PathBuf>);

impl MadeFolders {
    /// Makes a folder and those above it.
    ///
    /// # Errors
    /// When the disk refuses.
    fn make(dir: &Path) -> anyhow::Result<Self> {
        let missing = dir.ancestors().take_while(|dir| !dir.as_os_str().is_empty() && !dir.exists());
        let made = Self(missing.map(Path::to_owned).collect());
        make_dir(dir)?;
        Ok(made)
    }
}

impl Drop for MadeFolders {
    fn drop(&mut self) {
        for dir in &self.0 {
            let _ = fs::remove_dir(dir); // one that holds something stays
        }
    }
}

impl Lock {
    /// Makes `dir` if it is not there, and takes it.
    ///
    /// # Errors
    /// When another run has it, or nothing can be written there.
    pub(crate) fn take(dir: &Path) -> anyhow::Result<Self> {
        let made = MadeFolders::make(dir)?;
        let path = dir.join(LOCK);
        if fs::symlink_metadata(&path).is_ok_and(|found| !found.is_file()) {
            bail!("this is not hone's lock, remove it: {}", path.display());
        }
        let was_left = path.is_file();
        loop {
            let file = File::options().create(true).truncate(false).write(true).open(&path);
            let file = file.map_err(|e| io_error("write into the output folder", &e, &path))?;
            match file.try_lock() {
                Ok(()) => {}
                Err(TryLockError::WouldBlock) => bail!(taken(dir)),
                Err(TryLockError::Error(error)) => say(&format!(
                    "warning: the output folder can't be locked ({}), so see that no other hone writes into it: {}",
                    reason(&error),
                    dir.display()
                )),
            }
            // Its last owner may have removed the file before it was locked here.
            if path.exists() {
                held().push(dir.to_owned());
                return Ok(Self { path, _file: file, was_left, _made: made });
            }
        }
    }

    /// Whether its last owner left it behind, which was ended from outside.
    pub(crate) fn was_left(&self) -> bool {
        self.was_left
    }
}

impl Drop for Lock {
    fn drop(&mut self) {
        held().retain(|dir| dir.join(LOCK) != self.path);
        let _ = fs::remove_file(&self.path); // a file that stays is taken over by the next run
    }
}

/// Refuses a folder that a run is writing to.
///
/// # Errors
/// When one is.
pub(crate) fn check_free(dir: &Path) -> anyhow::Result<()> {
    let path = dir.join(LOCK);
    if fs::symlink_metadata(&path).is_ok_and(|found| !found.is_file()) {
        return Ok(()); // a pipe would be waited for; whoever takes the folder says what it is
    }
    match File::open(path).map(|file| file.try_lock()) {
        Ok(Err(TryLockError::WouldBlock)) => bail!(taken(dir)),
        _ => Ok(()),
    }
}

fn taken(dir: &Path) -> String {
    format!("another hone is writing into this folder: wait for it, or choose another: {}", dir.display())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_has_one_owner_at_a_time() {
        let dir = tempfile::tempdir().expect("a temporary folder");
        let out = dir.path().join("out");
        check_free(&out).expect("it is not even there");
        fs::create_dir(&out).expect("makes");
        let lock = Lock::take(&out).expect("it is free");
        assert!(!lock.was_left());
        let message = Lock::take(&out).expect_err("it is taken").to_string();
        assert!(message.contains("another hone") && message.ends_with("out"), "{message}");
        check_free(&out).expect_err("it is taken");
        drop(lock);
        assert!(!out.join(LOCK).exists());
        fs::write(out.join(LOCK), "").expect("as a killed run leaves it");
        check_free(&out).expect("nobody holds it");
        assert!(Lock::take(&out).expect("nobody holds it").was_left());
    }

    #[test]
    fn who_quits_at_once_leaves_no_lock() {
        let dir = tempfile::tempdir().expect("a temporary folder");
        let is_held = || held().iter().any(|held| held == dir.path());
        let lock = Lock::take(dir.path()).expect("it is free");
        assert!(is_held() && dir.path().join(LOCK).exists());
        assert_eq!(release(vec![dir.path().to_owned()]), [dir.path()]);
        assert!(!dir.path().join(LOCK).exists());
        drop(lock);
        assert!(!is_held());
        assert!(!Lock::take(dir.path()).expect("it is free").was_left());
    }

    #[test]
    fn a_run_that_writes_nothing_leaves_no_folder_behind() {
        let dir = tempfile::tempdir().expect("a temporary folder");
        let out = dir.path().join("runs/first");
        drop(Lock::take(&out).expect("it is free"));
        assert!(!dir.path().join("runs").exists(), "neither it nor the one above was there");
        let lock = Lock::take(&out).expect("it is free");
        fs::write(out.join("run_log.jsonl"), "{}").expect("writes");
        drop(lock);
        assert!(out.join("run_log.jsonl").is_file() && !out.join(LOCK).exists());
        let empty = dir.path().join("empty");
        fs::create_dir(&empty).expect("makes");
        drop(Lock::take(&empty).expect("it is free"));
        assert!(empty.is_dir(), "it was there before");
        let taken = dir.path().join("taken");
        fs::create_dir_all(taken.join(LOCK)).expect("makes");
        Lock::take(&taken).expect_err("a folder is no lock");
        fs::write(dir.path().join("file"), "").expect("writes");
        Lock::take(&dir.path().join("file/out")).expect_err("a file has no folders");
    }
}
