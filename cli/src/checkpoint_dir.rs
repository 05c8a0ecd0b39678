//! `OUTPUT/checkpoint`: what a run needs to go on after Ctrl-C, a crash or a power cut.
//!
//! A checkpoint is written beside the one before and takes its place by renaming, so that one whole checkpoint is always there. The one
//! before stays as `checkpoint.old`: where the newest is damaged, a run goes on from that one, and moves the damaged one
//! aside, to `checkpoint.part`. Beside the core's files lies `inputs.json`: the paths that `--resume` needs and that a job file rightly
//! leaves out; and `checksums.json`, by which a damaged file is known before anything is trained from it.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs::{self, File};
use std::io::Write as _;
use std::path::{Path, PathBuf};

use anyhow::{Context, anyhow, bail};
use hone_core::checkpoint::{CheckpointError, FilePiece, FileStream};
use hone_core::folder::Folder;
use hone_core::hub::sha256_hex;
use hone_core::session::SessionError;
use hone_core::train::TrainError;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::device::DeviceChoice;
use crate::failure::io_error;
use crate::output::{make_dir, read_all, remove_dir, sync_names};
use crate::progress::say;

const DIR: &str = "checkpoint";
const PART: &str = "checkpoint.part";
const OLD: &str = "checkpoint.old";
pub(crate) const INPUTS: &str = "inputs.json";
const CHECKSUMS: &str = "checksums.json";

/// Folders in an output folder that are a checkpoint, whole or not.
pub(crate) const NAMES: [&str; 3] = [DIR, PART, OLD];

/// Where the run's inputs lie on this machine.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Inputs {
    /// As given to `--model`.
    pub(crate) model: String,
    /// SHA-256 of its files, by name.
    pub(crate) model_sha256: BTreeMap<String, String>,
    /// Training file.
    pub(crate) data: PathBuf,
    /// Validation file.
    pub(crate) valid: Option<PathBuf>,
    /// Test file.
    pub(crate) test: Option<PathBuf>,
    /// Of several tasks the training file of each, by its name.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub(crate) parts: BTreeMap<String, PathBuf>,
    /// Of several tasks the validation file of each that has one.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub(crate) parts_valid: BTreeMap<String, PathBuf>,
    /// Of several tasks the test file of each that has one.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub(crate) parts_test: BTreeMap<String, PathBuf>,
    /// The project file that the rows, and perhaps the model, lie in.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) project: Option<PathBuf>,
    /// Number of the run there, of several.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) project_run: Option<u32>,
    /// As given to `--device`.
    pub(crate) device: DeviceChoice,
    /// Optimizer steps taken, for messages.
    pub(crate) step: u32,
    /// Those of the whole run; a checkpoint of an earlier version does not say it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) total_steps: Option<u32>,
    /// Seconds trained so far.
    pub(crate) elapsed_secs: f64,
}

/// The newest checkpoint in an output folder.
pub(crate) fn find(output: &Path) -> Option<PathBuf> {
    all(output).next()
}

/// The checkpoints of an output folder, the newest first. A crash between the two renames of `write` leaves only the one before.
fn all(output: &Path) -> impl Iterator<Item = PathBuf> {
    [DIR, OLD].map(|name| output.join(name)).into_iter().filter(|dir| is_checkpoint(dir))
}

fn is_checkpoint(dir: &Path) -> bool {
    dir.join(INPUTS).is_file()
}

/// A checkpoint that was read: where it lies, the core's folder and the paths.
pub(crate) struct Found {
    pub(crate) dir: PathBuf,
    pub(crate) folder: Folder,
    pub(crate) inputs: Inputs,
    /// The newest, where it is damaged and this is the one before.
    pub(crate) damaged: Option<Damaged>,
}

/// A damaged checkpoint that still lies where the next one is written. Whoever goes on from the one before moves it aside first: the next
/// one would take the place of the one before otherwise.
#[derive(Debug)]
pub(crate) struct Damaged {
    dir: PathBuf,
}

impl Damaged {
    /// Moves it aside and says so: the run goes on. The next checkpoint removes it.
    ///
    /// # Errors
    /// When the disk refuses.
    pub(crate) fn move_aside(self) -> anyhow::Result<()> {
        let part = self.dir.with_file_name(PART);
        remove_dir(&part)?;
        fs::rename(&self.dir, &part).map_err(|e| io_error("move the damaged checkpoint aside", &e, &self.dir))?;
        let part = part.display();
        say(&format!("the damaged checkpoint was moved aside, and is removed when the next one is saved: {part}"));
        Ok(())
    }
}

/// Reads the newest checkpoint that is as it was written, to go on from it; `None` where there is none. Where the newest is damaged it
/// says so, and takes the one before. Nothing in the folder changes: the run may be refused yet.
///
/// # Errors
/// When there are some and none is as it was written.
pub(crate) fn read_newest(output: &Path) -> anyhow::Result<Option<Found>> {
    let mut damage: Option<(PathBuf, anyhow::Error)> = None;
    for dir in all(output) {
        match (read(&dir), damage) {
            (Ok((folder, inputs)), None) => return Ok(Some(Found { dir, folder, inputs, damaged: None })),
            (Ok((folder, inputs)), Some((newest, error))) => {
                let step = inputs.step;
                say(&format!("warning: {error:#}; the checkpoint before it is opened instead, at step {step}"));
                return Ok(Some(Found { dir, folder, inputs, damaged: Some(Damaged { dir: newest }) }));
            }
            (Err(error), None) => damage = Some((dir, error)),
            (Err(error), Some((newest, before))) => {
                damage = Some((newest, anyhow!("{before:#}; and the one before: {error:#}")));
            }
        }
    }
    damage.map_or(Ok(None), |(_, error)| Err(error))
}

/// The step a checkpoint was written at, if it says so.
pub(crate) fn step_of(checkpoint: &Path) -> Option<u32> {
    steps_of(checkpoint).map(|(step, _)| step)
}

/// That step, and the steps of the whole run, as far as the checkpoint says so.
pub(crate) fn steps_of(checkpoint: &Path) -> Option<(u32, Option<u32>)> {
    let bytes = fs::read(checkpoint.join(INPUTS)).ok()?;
    serde_json::from_slice::<Inputs>(&bytes).ok().map(|inputs| (inputs.step, inputs.total_steps))
}

/// Writes a checkpoint, while its weights are read from the device, and returns where it lies. The one before stays beside it.
///
/// # Errors
/// When the disk refuses, or the device fails; the newest checkpoint is then still there. Where it is the disk that refuses, the one before
/// that makes room for the next attempt.
pub(crate) async fn write(output: &Path, mut files: FileStream, inputs: &Inputs) -> anyhow::Result<PathBuf> {
    let (dir, part, old) = (output.join(DIR), output.join(PART), output.join(OLD));
    files.insert(INPUTS, serde_json::to_vec_pretty(inputs).context("can't describe the run's inputs")?);
    remove_dir(&part)?;
    let written = write_pieces(files, &part).await;
    written.inspect_err(|error| {
        drop(fs::remove_dir_all(&part));
        if is_checkpoint(&dir) && is_of_disk(error) {
            drop(fs::remove_dir_all(&old));
        }
    })?;
    sync_names(&part);
    let rename =
        |from: &Path, to: &Path| fs::rename(from, to).map_err(|e| io_error("put the checkpoint in place", &e, to));
    if is_checkpoint(&dir) {
        remove_dir(&old)?;
        rename(&dir, &old)?;
    }
    remove_dir(&dir)?; // what is there is no checkpoint
    rename(&part, &dir)?;
    sync_names(output);
    Ok(dir)
}

/// Whether it was the disk that refused a checkpoint, and not the run or its device.
pub(crate) fn is_of_disk(error: &anyhow::Error) -> bool {
    error.downcast_ref::<SessionError>().is_none()
}

/// Writes files under `dir`, a piece at a time, and their hashes beside them; waits until the disk has them.
async fn write_pieces(mut files: FileStream, dir: &Path) -> anyhow::Result<()> {
    make_dir(dir)?;
    let mut sums = BTreeMap::new();
    let mut open: Option<HashedFile> = None;
    loop {
        let piece = files.next_piece().await.map_err(of_reading)?;
        if let Some(FilePiece::Bytes(bytes)) = &piece {
            if let Some(file) = &mut open {
                file.append(bytes)?;
            }
            continue;
        }
        if let Some(file) = open.take() {
            sums.extend([file.finish()?]);
        }
        match piece {
            Some(FilePiece::Begins { name, .. }) => open = Some(HashedFile::create(dir, name)?),
            _ => break,
        }
    }
    let mut file = HashedFile::create(dir, CHECKSUMS.to_owned())?;
    file.append(&serde_json::to_vec_pretty(&sums).context("can't describe the checkpoint's files")?)?;
    file.finish().map(drop)
}

/// What failed while weights or moments were read, as a run says it: a device that has too little memory is told by that.
fn of_reading(error: CheckpointError) -> SessionError {
    match error {
        CheckpointError::Device(error) => TrainError::Device(error).into(),
        error => TrainError::from(error).into(),
    }
}

/// A file that is being written.
struct HashedFile {
    name: String,
    path: PathBuf,
    file: File,
    hash: Sha256,
}

impl HashedFile {
    fn create(dir: &Path, name: String) -> anyhow::Result<Self> {
        let path = dir.join(&name);
        let file = File::create(&path).map_err(|e| io_error("write the file", &e, &path))?;
        Ok(Self { name, path, file, hash: Sha256::new() })
    }

    fn append(&mut self, bytes: &[u8]) -> anyhow::Result<()> {
        self.hash.update(bytes);
        self.file.write_all(bytes).map_err(|e| io_error("write the file", &e, &self.path))
    }

    /// Its name and SHA-256, once the disk has it.
    fn finish(self) -> anyhow::Result<(String, String)> {
        self.file.sync_all().map_err(|e| io_error("write the file", &e, &self.path))?;
        let mut sum = String::with_capacity(64);
        for byte in self.hash.finalize() {
            write!(sum, "{byte:02x}").context("can't spell a hash")?;
        }
        Ok((self.name, sum))
    }
}

/// Reads a checkpoint back: the core's folder and the paths.
///
/// # Errors
/// When it can't be read, or a file in it is not as it was written.
fn read(checkpoint: &Path) -> anyhow::Result<(Folder, Inputs)> {
    let mut folder = read_all(checkpoint)?;
    let sums = folder.remove(CHECKSUMS);
    let sums = sums.with_context(|| format!("no {CHECKSUMS} in the checkpoint: {}", checkpoint.display()))?;
    let sums: BTreeMap<String, String> = serde_json::from_slice(&sums)
        .with_context(|| format!("can't read {CHECKSUMS} of the checkpoint: {}", checkpoint.display()))?;
    for (name, sum) in &sums {
        let Some(bytes) = folder.get(name) else {
            bail!("{name} is missing in the checkpoint: {}", checkpoint.display());
        };
        if sha256_hex(bytes) != *sum {
            bail!(
                "{name} of the checkpoint is damaged: its SHA-256 is not that of the file that was written: {}",
                checkpoint.display()
            );
        }
    }
    let bytes =
        folder.remove(INPUTS).with_context(|| format!("no {INPUTS} in the checkpoint: {}", checkpoint.display()))?;
    let inputs = serde_json::from_slice(&bytes)
        .with_context(|| format!("can't read {INPUTS} of the checkpoint: {}", checkpoint.display()))?;
    Ok((folder, inputs))
}

/// Removes the checkpoint before the newest: of many runs that wait, each has one.
///
/// # Errors
/// When the disk refuses.
pub(crate) fn drop_older(output: &Path) -> anyhow::Result<()> {
    if is_checkpoint(&output.join(DIR)) { remove_dir(&output.join(OLD)) } else { Ok(()) }
}

/// Removes every trace of a checkpoint: the run is over, or starts anew.
///
/// # Errors
/// When the disk refuses.
pub(crate) fn remove(output: &Path) -> anyhow::Result<()> {
    let part = output.join(PART);
    remove_dir(&part)?;
    // Under the name of what is not whole first: half of one must never be found.
    for dir in [OLD, DIR].map(|name| output.join(name)).into_iter().filter(|dir| dir.exists()) {
        fs::rename(&dir, &part).map_err(|e| io_error("remove the checkpoint", &e, &dir))?;
        remove_dir(&part)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use futures_lite::future::block_on;

    use super::*;
    use crate::output::write_files;

    fn write_state(output: &Path, text: &str, step: u32) -> PathBuf {
        block_on(write(output, state(text).into(), &inputs(step))).expect("writes")
    }

    fn inputs(step: u32) -> Inputs {
        let data = PathBuf::from("rows.csv");
        let (valid, test, device) = (None, Some("t.csv".into()), DeviceChoice::Cpu);
        let model_sha256 = [("model.safetensors".to_owned(), "00".to_owned())].into();
        let parts = BTreeMap::from([("topic".to_owned(), data.clone())]);
        let (parts_valid, parts_test) = (BTreeMap::new(), parts.clone());
        Inputs {
            model: "m".into(),
            model_sha256,
            data,
            valid,
            test,
            parts,
            parts_valid,
            parts_test,
            project: Some("run.hone".into()),
            project_run: Some(2),
            device,
            step,
            total_steps: Some(9),
            elapsed_secs: 1.5,
        }
    }

    fn state(text: &str) -> Folder {
        [("state.bin".to_owned(), text.as_bytes().to_vec())].into_iter().collect()
    }

    #[test]
    fn the_newest_checkpoint_comes_back() {
        let output = tempfile::tempdir().expect("a temporary folder");
        assert_eq!(find(output.path()), None);
        write_state(output.path(), "one", 1);
        write_state(output.path(), "two", 2);
        let found = find(output.path()).expect("is there");
        assert_eq!((step_of(&found), steps_of(&found)), (Some(2), Some((2, Some(9)))));
        assert_eq!(read(&found).expect("reads"), (state("two"), inputs(2)));
        remove(output.path()).expect("removes");
        assert_eq!(find(output.path()), None);
    }

    #[test]
    fn a_crash_while_swapping_leaves_the_old_one() {
        let output = tempfile::tempdir().expect("a temporary folder");
        let dir = write_state(output.path(), "one", 1);
        fs::rename(&dir, output.path().join(OLD)).expect("as if it stopped between the renames");
        let found = find(output.path()).expect("the old one is found");
        assert_eq!(read(&found).expect("reads").1.step, 1);
        write_state(output.path(), "two", 2);
        assert_eq!(step_of(&find(output.path()).expect("is there")), Some(2));
    }

    fn step_of_newest(output: &Path) -> Option<u32> {
        read_newest(output).expect("one is whole").map(|found| found.inputs.step)
    }

    #[test]
    fn a_damaged_checkpoint_makes_way_for_the_one_before() {
        let output = tempfile::tempdir().expect("a temporary folder");
        let output = output.path();
        assert_eq!(step_of_newest(output), None);
        for (step, text) in [(1, "one"), (2, "two"), (3, "three")] {
            write_state(output, text, step);
        }
        assert_eq!(step_of_newest(output), Some(3));
        let damage = |dir: &str| fs::write(output.join(dir).join("state.bin"), "other").expect("writes");
        damage(DIR);
        // A run that is refused yet leaves the folder as it was, and finds the same the next time.
        let before = read_all(output).expect("reads");
        assert_eq!(step_of_newest(output), Some(2));
        assert_eq!(step_of_newest(output), Some(2));
        assert_eq!(read_all(output).expect("reads"), before);
        // Of one that goes on it is the newest from now on, which the next one is written beside.
        let found = read_newest(output).expect("one is whole").expect("it is there");
        assert_eq!(found.dir, output.join(OLD));
        found.damaged.expect("the newest is damaged").move_aside().expect("it moves");
        assert_eq!(fs::read(output.join(PART).join("state.bin")).expect("it is there yet"), b"other");
        assert_eq!(step_of(&find(output).expect("is there")), Some(2));
        let again = read_newest(output).expect("one is whole").expect("it is there");
        assert!(again.damaged.is_none(), "it is out of the way");
        write_state(output, "three again", 3);
        assert_eq!(read(&output.join(OLD)).expect("it is whole").1.step, 2);
        assert!(!output.join(PART).exists(), "the damaged one is gone");

        // Nothing is taken away where all are damaged: a disk may be repaired.
        damage(DIR);
        damage(OLD);
        let message = read_newest(output).err().expect("none is whole").to_string();
        assert!(message.matches("state.bin of the checkpoint is damaged").count() == 2, "{message}");
        assert!(message.contains("; and the one before: ") && message.ends_with("checkpoint.old"), "{message}");
        assert!(output.join(DIR).exists() && output.join(OLD).exists());
    }

    #[test]
    fn a_flipped_bit_is_found_and_named() {
        let output = tempfile::tempdir().expect("a temporary folder");
        let dir = write_state(output.path(), "one", 1);
        for (name, bytes) in [("state.bin", &b"onf"[..]), (INPUTS, b"{}")] {
            let before = fs::read(dir.join(name)).expect("reads");
            fs::write(dir.join(name), bytes).expect("writes");
            let message = read(&dir).expect_err("it is damaged").to_string();
            assert!(message.contains(name) && message.contains("damaged"), "{message}");
            fs::write(dir.join(name), before).expect("writes");
        }
        read(&dir).expect("it is whole again");
        fs::remove_file(dir.join("state.bin")).expect("removes");
        assert!(read(&dir).expect_err("a file is gone").to_string().contains("state.bin is missing"));
        fs::remove_file(dir.join(CHECKSUMS)).expect("removes");
        assert!(read(&dir).expect_err("nothing to check by").to_string().contains(CHECKSUMS));
    }

    #[test]
    fn a_disk_that_takes_no_more_leaves_the_checkpoint_before() {
        let output = tempfile::tempdir().expect("a temporary folder");
        write_state(output.path(), "one", 1);
        // Of two files the second can't be written: its folder is not there.
        let files = || -> Folder {
            let files = [("a.bin", "1"), ("no/such/folder.bin", "2")].into_iter();
            files.map(|(name, text)| (name.to_owned(), text.as_bytes().to_vec())).collect()
        };
        let message = block_on(write(output.path(), files().into(), &inputs(2))).expect_err("refused").to_string();
        assert!(message.starts_with("can't write the file: ") && message.ends_with("folder.bin"), "{message}");
        let found = find(output.path()).expect("the one before is there");
        assert_eq!(read(&found).expect("it is whole"), (state("one"), inputs(1)));
        assert!(!output.path().join(PART).exists(), "half of one takes no room");

        // Nor does the one before that, where there is not room enough for three.
        write_state(output.path(), "two", 2);
        assert!(output.path().join(OLD).exists());
        block_on(write(output.path(), files().into(), &inputs(3))).expect_err("refused");
        assert!(!output.path().join(OLD).exists());
        assert_eq!(read(&find(output.path()).expect("the newest is there")).expect("it is whole").1, inputs(2));
    }

    #[test]
    fn a_run_that_waits_keeps_its_newest_checkpoint_alone() {
        let output = tempfile::tempdir().expect("a temporary folder");
        let output = output.path();
        for (step, text) in [(1, "one"), (2, "two")] {
            write_state(output, text, step);
        }
        drop_older(output).expect("removes");
        assert_eq!((step_of_newest(output), output.join(OLD).exists()), (Some(2), false));
        fs::rename(output.join(DIR), output.join(OLD)).expect("as a crash between two renames leaves it");
        drop_older(output).expect("there is nothing to remove");
        assert_eq!(step_of_newest(output), Some(2));
    }

    #[test]
    fn a_half_written_checkpoint_is_not_found() {
        let output = tempfile::tempdir().expect("a temporary folder");
        write_files(&state("half"), &output.path().join(PART)).expect("writes");
        assert_eq!(find(output.path()), None);
    }
}
