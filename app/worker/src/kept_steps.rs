//! Where a kept run stands: sealed folders `step-<n>/` in its folder, each with a checkpoint, `events.jsonl` with what the run
//! has said, and `saved.json`. Their manifests have the SHA-256 of each file, or of its pieces: nothing is gone on from that is not
//! what was written.
//!
//! Of a run that goes on there are two, so that there is one where the newest is damaged; each has the best weights, too. Of a
//! run that is over there is its end.

use hone_core::checkpoint::FileStream;
use hone_core::folder::Folder;
use hone_core::project::{EVENTS_FILE, SAVED_FILE as STATE_FILE};
use hone_core::session::protocol::RunSummary;
use serde::{Deserialize, Serialize};

use crate::disk::{DiskError, DiskFolder, Manifest, StoredFile};
use crate::hash;
use crate::hashed_file::{WriteError, write_files};
use crate::journal::{Journal, Line};

const STEP: &str = "step-";

/// Steps that are kept of a run that goes on.
const MAX_KEPT: usize = 2;

/// Where a run stands.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct SavedState {
    /// Optimizer steps taken.
    pub(crate) step: u32,
    pub(crate) total_steps: u32,
    pub(crate) is_finished: bool,
    /// When it was saved, in milliseconds since 1970.
    pub(crate) saved_ms: f64,
    /// Seconds of the run until then.
    pub(crate) elapsed_secs: f64,
    /// Its curves and figures until then.
    pub(crate) summary: RunSummary,
}

impl SavedState {
    /// What is over has a folder of its own: the last checkpoint may be of the same step.
    fn folder_name(&self) -> String {
        format!("{STEP}{:08}{}", self.step, if self.is_finished { "-over" } else { "" })
    }
}

/// The steps of a run that goes on.
#[derive(Debug)]
pub(crate) struct Steps {
    run: DiskFolder,
    /// Names of those that are known to be whole, the oldest first.
    whole: Vec<String>,
}

impl Steps {
    /// Those of a run's folder; `whole` is the one that it goes on from.
    pub(crate) fn new(run: DiskFolder, whole: Option<&SavedStep>) -> Self {
        Self { run, whole: whole.into_iter().map(|step| step.name.clone()).collect() }
    }

    /// Writes where the run stands, while its weights are read from the device. It counts once it is sealed.
    ///
    /// # Errors
    /// No storage, no room, or no checkpoint: what was written of earlier steps stays.
    pub(crate) async fn write(
        &mut self,
        state: &SavedState,
        checkpoint: FileStream,
        events: &[u8],
    ) -> Result<WrittenStep, WriteError> {
        let write =
            async |folder: &DiskFolder, manifest: &mut Manifest| write_files(folder, checkpoint, manifest).await;
        self.write_with(state, events, write).await
    }

    /// As [`Self::write`], of a checkpoint whose files `write_checkpoint` writes, and notes in the manifest.
    ///
    /// # Errors
    /// As there.
    pub(crate) async fn write_with(
        &mut self,
        state: &SavedState,
        events: &[u8],
        write_checkpoint: impl AsyncFnOnce(&DiskFolder, &mut Manifest) -> Result<(), WriteError>,
    ) -> Result<WrittenStep, WriteError> {
        let name = state.folder_name();
        self.whole.retain(|before| *before < name); // a run that went back does not stand at later steps any more
        let folder = self.run.folder(&name).await?;
        match write_step(&folder, state, write_checkpoint, events).await {
            Ok(manifest) => Ok(WrittenStep { name, folder, manifest, is_finished: state.is_finished }),
            Err(error) => {
                let _ = self.run.remove(&name).await;
                Err(error)
            }
        }
    }

    /// Removes what was written where it is not to be trusted.
    pub(crate) async fn discard(&mut self, step: WrittenStep) {
        let _ = self.run.remove(&step.name).await; // it is not sealed, so that nobody goes on from it
    }

    /// Declares what was written whole, and drops what is no longer needed.
    ///
    /// # Errors
    /// No storage, or no room: what was written of earlier steps stays.
    pub(crate) async fn seal(&mut self, step: WrittenStep) -> Result<(), DiskError> {
        let WrittenStep { name, folder, manifest, is_finished } = step;
        if let Err(error) = folder.seal(&manifest).await {
            let _ = self.run.remove(&name).await;
            return Err(error);
        }
        self.whole.push(name);
        let num_kept = if is_finished { 1 } else { MAX_KEPT };
        self.whole.drain(..self.whole.len().saturating_sub(num_kept));
        for other in names(&self.run).await?.into_iter().filter(|name| !self.whole.contains(name)) {
            // Half of one must not look like one that was damaged.
            if let Some(folder) = self.run.existing(&other).await? {
                folder.unseal().await?;
            }
            self.run.remove(&other).await?;
        }
        Ok(())
    }

    /// Whether there were steps, and somebody removed all of them.
    pub(crate) async fn are_gone(&self) -> bool {
        for name in &self.whole {
            if !matches!(self.run.existing(name).await, Ok(None)) {
                return false;
            }
        }
        !self.whole.is_empty()
    }
}

/// A step that was written, and is not sealed yet.
#[derive(Debug)]
pub(crate) struct WrittenStep {
    name: String,
    folder: DiskFolder,
    manifest: Manifest,
    is_finished: bool,
}

async fn write_step(
    folder: &DiskFolder,
    state: &SavedState,
    write_checkpoint: impl AsyncFnOnce(&DiskFolder, &mut Manifest) -> Result<(), WriteError>,
    events: &[u8],
) -> Result<Manifest, WriteError> {
    folder.unseal().await?;
    let mut manifest = Manifest::default();
    write_checkpoint(folder, &mut manifest).await?;
    write_to(folder, EVENTS_FILE, events, &mut manifest).await?;
    let json = serde_json::to_vec(state).expect("a state holds only plain values");
    write_to(folder, STATE_FILE, &json, &mut manifest).await?;
    Ok(manifest)
}

/// Writes a file, and notes it with its hash.
pub(crate) async fn write_to(
    folder: &DiskFolder,
    name: &str,
    bytes: &[u8],
    manifest: &mut Manifest,
) -> Result<(), DiskError> {
    folder.write(name, bytes).await?;
    let sha256 = Some(hash::sha256_hex(bytes).await);
    let stored = StoredFile { bytes: bytes.len() as u64, sha256, hashes: Vec::new() };
    manifest.files.insert(name.to_owned(), stored);
    Ok(())
}

/// Names of the folders that say where a run stands, the newest last.
async fn names(run: &DiskFolder) -> Result<Vec<String>, DiskError> {
    let mut names = run.names().await?;
    names.retain(|name| name.starts_with(STEP));
    names.sort_unstable();
    Ok(names)
}

/// Whether a run was saved at least once since it began.
pub(crate) async fn is_saved(run: &DiskFolder) -> Result<bool, DiskError> {
    for name in names(run).await? {
        if let Some(folder) = run.existing(&name).await?
            && folder.is_sealed().await?
        {
            return Ok(true);
        }
    }
    Ok(false)
}

/// A step in whose folder each file has its full size.
#[derive(Debug)]
pub(crate) struct SavedStep {
    name: String,
    folder: DiskFolder,
    /// What is in it.
    manifest: Manifest,
    pub(crate) state: SavedState,
}

/// The steps that were found of a run.
#[derive(Debug, Default)]
pub(crate) struct FoundSteps {
    /// The newest first.
    pub(crate) whole: Vec<SavedStep>,
    /// What is wrong with those that were saved later than these, and are not whole any more; in words.
    pub(crate) damaged: Vec<String>,
}

/// Looks through the folder of a run. Nothing large is read.
///
/// # Errors
/// When the storage can't be read.
pub(crate) async fn find(run: &DiskFolder) -> Result<FoundSteps, DiskError> {
    let mut found = FoundSteps::default();
    for name in names(run).await?.into_iter().rev() {
        let Some(folder) = run.existing(&name).await? else { continue };
        if !folder.is_sealed().await? {
            continue; // it was being written when the run was cut off
        }
        let damage = match folder.manifest().await? {
            None => "a file is missing or cut short".to_owned(),
            Some(manifest) => match folder.read_json(STATE_FILE).await? {
                Some(state) => {
                    found.whole.push(SavedStep { name, folder, manifest, state });
                    continue;
                }
                None => format!("{STATE_FILE} is not as this version of Hone writes it"),
            },
        };
        if found.whole.is_empty() {
            found.damaged.push(format!("{}: {damage}", in_words(&name)));
        }
    }
    Ok(found)
}

/// `step 20`.
fn in_words(name: &str) -> String {
    let number = name.trim_start_matches(STEP).split('-').next().unwrap_or_default().trim_start_matches('0');
    format!("step {}", if number.is_empty() { "0" } else { number })
}

impl SavedStep {
    /// What is wrong with it, in words, where a file is not what was written, or can't be read. Reads all of it.
    pub(crate) async fn damage(&self) -> Option<String> {
        let damage = match self.folder.damaged_file(&self.manifest).await {
            Ok(None) => return None,
            Ok(Some(file)) => format!("{file} is not what was written"),
            Err(error) => error.reason().to_owned(),
        };
        Some(format!("{}: {damage}", in_words(&self.name)))
    }

    /// Names and sizes of all of its files, in their order.
    pub(crate) fn files(&self) -> impl Iterator<Item = (&str, u64)> {
        self.manifest.files.iter().map(|(name, file)| (name.as_str(), file.bytes))
    }

    /// Size of a file; `None` where it is not there.
    pub(crate) fn size(&self, name: &str) -> Option<u64> {
        self.manifest.files.get(name).map(|file| file.bytes)
    }

    /// Some bytes of a file.
    ///
    /// # Errors
    /// When the storage can't be read.
    pub(crate) async fn read_part(&self, name: &str, start: u64, end: u64) -> Result<Vec<u8>, DiskError> {
        self.folder.read_part(name, start, end).await
    }

    pub(crate) fn bytes(&self) -> u64 {
        self.manifest.files.values().map(|file| file.bytes).sum()
    }

    /// What the run has said.
    ///
    /// # Errors
    /// When the storage can't be read, or a line is no event.
    pub(crate) async fn events(&self) -> Result<(Journal, Vec<Line>), DiskError> {
        let bytes = self.folder.read(EVENTS_FILE).await?.ok_or(DiskError::Missing)?;
        Journal::read(bytes).map_err(|error| DiskError::Damaged(format!("{EVENTS_FILE}: {error}")))
    }

    /// A file of what restores the run, alone in a folder.
    ///
    /// # Errors
    /// When it is not there, or can't be read.
    pub(crate) async fn checkpoint_file(&self, name: &str) -> Result<Folder, DiskError> {
        let mut folder = Folder::new();
        folder.insert(name, self.folder.read(name).await?.ok_or(DiskError::Missing)?);
        Ok(folder)
    }
}
