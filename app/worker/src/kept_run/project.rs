//! A kept run as a project file, and one of a project file as a kept run. A foreign run is checked before anything of it is
//! written; its curves are made anew of its events.

use hone_core::checkpoint::{TrainState, read_state};
use hone_core::config::{DataHashes, Job};
use hone_core::folder::Folder;
use hone_core::project::{EVENTS_FILE, NamedFile, Project, SAVED_FILE};
use hone_core::task::Task;
use js_sys::Uint8Array;

use super::{FoundRun, Inputs, StoredModel};
use crate::disk::{DiskError, DiskFolder};
use crate::hash::sha256_hex;
use crate::journal::Journal;
use crate::kept::NamedBytes;
use crate::kept_runs;
use crate::kept_steps::{SavedState, Steps};
use crate::shared_files::{SharedFile, SharedFiles};

/// Characters of a note at most, as on the page.
const MAX_NOTE_CHARS: usize = 200;

/// What a run that was never saved can be used for.
const NEVER_SAVED: &str = "it holds a recipe, and no run that was saved: hone train --project runs it in a terminal";

impl FoundRun {
    /// Bytes of all that a project file has of it.
    pub(crate) fn project_bytes(&self) -> u64 {
        let shared: u64 = self.inputs.shared_files().into_iter().map(|file| file.bytes).sum();
        shared + self.step.bytes()
    }

    /// The run with all that it needs, where it stands now.
    ///
    /// # Errors
    /// When the storage can't be read.
    pub(crate) async fn to_project(&self, note: String) -> Result<Project, DiskError> {
        let Inputs { source, model, train, valid, test, task, read, run, changes, page, .. } = &self.inputs;
        let hash = |file: &SharedFile| file.sha256.clone();
        let data_sha256 =
            DataHashes { train: Some(hash(train)), valid: valid.as_ref().map(hash), test: test.as_ref().map(hash) };
        let name = |file: &SharedFile| file.name.clone();
        let (valid_file, test_file) = (valid.as_ref().map(name), test.as_ref().map(name));
        let job = Job::new(source.clone(), Some(name(train)), read.clone(), run.clone());
        let job = Job { changes: changes.clone(), task: Some(*task), valid_file, test_file, data_sha256, ..job };

        let mut project = Project::new(job, copied(self.file(train).await?));
        project.valid = self.optional_file(valid.as_ref()).await?.map(copied);
        project.test = self.optional_file(test.as_ref()).await?.map(copied);
        match model {
            StoredModel::OnDisk { sha256, .. } => project.model_sha256 = sha256.iter().cloned().collect(),
            StoredModel::Shared { files } => {
                for file in files {
                    let name = file.name.rsplit(['/', '\\']).next().unwrap_or(&file.name);
                    project.model_sha256.insert(name.to_owned(), hash(file));
                    project.model.insert(name, self.file(file).await?.1.to_vec());
                }
            }
        }
        project.run = self.checkpoint().await?;
        project.run.insert(EVENTS_FILE, self.events().await?.0.to_bytes());
        project.run.insert(SAVED_FILE, serde_json::to_vec(self.state()).expect("a state holds only plain values"));
        project.began_ms = self.inputs.began_ms.or_else(|| self.id.parse().ok());
        project.note = note;
        project.page = page.clone();
        Ok(project)
    }
}

/// A file in wasm memory.
fn copied((name, bytes): NamedBytes) -> NamedFile {
    (name, bytes.to_vec())
}

/// The run of a project file, which can be kept.
#[derive(Debug)]
pub(crate) struct ImportedRun {
    /// Without what restores the run.
    project: Project,
    checkpoint: Folder,
    journal: Journal,
    state: SavedState,
    task: Task,
    number: u32,
}

impl ImportedRun {
    /// Checks it; `number` is that of the page.
    ///
    /// # Errors
    /// Why it can't be kept, in words.
    pub(crate) async fn of(mut project: Project, number: u32) -> Result<Self, String> {
        let (Some(events), Some(saved)) = (project.run.get(EVENTS_FILE), project.run.get(SAVED_FILE)) else {
            return Err(NEVER_SAVED.to_owned());
        };
        let unreadable = |name: &str, error: serde_json::Error| format!("{name} in it can't be read: {error}");
        let (journal, _) = Journal::read(events.to_vec()).map_err(|error| unreadable(EVENTS_FILE, error))?;
        let saved = serde_json::from_slice(saved).map_err(|error| unreadable(SAVED_FILE, error))?;
        let state = SavedState { summary: journal.summary(), ..saved };
        let checkpoint = project.take_checkpoint().ok_or(NEVER_SAVED)?;
        let of_checkpoint = read_state(&checkpoint).map_err(|error| error.to_string())?;
        check_step(&state, &of_checkpoint)?;
        let task = project.job.task.or(of_checkpoint.job.task).ok_or("it does not say what the run learns")?;
        let found = DataHashes {
            train: Some(sha256_hex(&project.train.1).await),
            valid: hash_of(project.valid.as_ref()).await,
            test: hash_of(project.test.as_ref()).await,
        };
        let differing = project.job.data_sha256.differing(&found);
        if !differing.is_empty() {
            return Err(format!("the {} rows in it are not those that the run began with", differing.join(" and ")));
        }
        Ok(Self { project, checkpoint, journal, state, task, number })
    }

    /// What the person wrote about it.
    pub(crate) fn note(&self) -> String {
        self.project.note.chars().take(MAX_NOTE_CHARS).collect()
    }

    /// Writes it as a kept run of that id.
    ///
    /// # Errors
    /// No storage, or no room: nothing of it is left then.
    pub(crate) async fn write(self, runs: &DiskFolder, id: &str) -> Result<(), DiskError> {
        let written = self.write_files(runs, id).await;
        if written.is_err() {
            let _ = runs.remove(id).await;
            let _ = kept_runs::remove_unused_files(runs).await;
        }
        written
    }

    async fn write_files(self, runs: &DiskFolder, id: &str) -> Result<(), DiskError> {
        let Self { project, checkpoint, journal, state, task, number } = self;
        let Project { began_ms, job, train, valid, test, model_sha256, model, page, .. } = project;
        let shared = SharedFiles::open(runs).await?;
        let mut files = Vec::new();
        for (name, bytes) in model.iter() {
            files.push(shared.keep(name, &Uint8Array::from(bytes)).await?);
        }
        // Where a hub has them they are looked for by their hashes.
        let (path, sha256) = (Vec::new(), model_sha256.into_iter().collect());
        let model = if files.is_empty() { StoredModel::OnDisk { path, sha256 } } else { StoredModel::Shared { files } };
        let inputs = Inputs {
            number,
            source: job.model,
            model,
            train: keep(&shared, &train).await?,
            valid: keep_optional(&shared, valid.as_ref()).await?,
            test: keep_optional(&shared, test.as_ref()).await?,
            task,
            read: job.read,
            run: job.run,
            changes: job.changes,
            page,
            began_ms,
        };
        let folder = runs.folder(id).await?;
        inputs.write(&folder).await?;
        Steps::new(folder, None).write(&state, &checkpoint, &journal.to_bytes()).await
    }
}

/// Whether what is said of a run is what its checkpoint holds: one that is over has nothing more to say.
fn check_step(state: &SavedState, checkpoint: &TrainState) -> Result<(), String> {
    let stands = |step: u32, is_over: bool| format!("{} at step {step}", if is_over { "is over" } else { "goes on" });
    let is_over = checkpoint.over.is_some();
    // One that diverged ended at a step before the one that it had taken.
    let is_same_step = checkpoint.step == state.step || is_over && checkpoint.diverged_at.is_some();
    if is_over == state.is_finished && is_same_step {
        return Ok(());
    }
    let [said, found] = [stands(state.step, state.is_finished), stands(checkpoint.step, is_over)];
    Err(format!("by {SAVED_FILE} in it the run {said}, and by its checkpoint it {found}"))
}

async fn hash_of(file: Option<&NamedFile>) -> Option<String> {
    match file {
        Some((_, bytes)) => Some(sha256_hex(bytes).await),
        None => None,
    }
}

async fn keep(shared: &SharedFiles, (name, bytes): &NamedFile) -> Result<SharedFile, DiskError> {
    shared.keep(name, &Uint8Array::from(bytes.as_slice())).await
}

async fn keep_optional(shared: &SharedFiles, file: Option<&NamedFile>) -> Result<Option<SharedFile>, DiskError> {
    match file {
        Some(file) => Ok(Some(keep(shared, file).await?)),
        None => Ok(None),
    }
}
