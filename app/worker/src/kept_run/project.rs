//! A kept run as a project file, and one of a project file as a kept run. A foreign run is checked before anything of it is
//! written; its curves are made anew of its events.

use hone_core::checkpoint::{FileStream, TrainState, read_state};
use hone_core::config::{DataHashes, Job, ReadOptions};
use hone_core::folder::{Folder, FolderZip};
use hone_core::project::{EVENTS_FILE, NamedFile, Project, ProjectRows, SAVED_FILE};
use hone_core::session::protocol::Problem;
use hone_core::task::Task;
use js_sys::Uint8Array;

use super::{FoundRun, Inputs, StoredModel, StoredPart};
use crate::disk::{DiskError, DiskFolder, HASHED_BYTES};
use crate::export::not_packed;
use crate::hash::sha256_hex;
use crate::hashed_file::WriteError;
use crate::heap_file::HeapFile;
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
    /// Bytes of all that [`Self::to_project`] reads into memory.
    pub(crate) fn project_bytes(&self) -> u64 {
        self.inputs.shared_files().into_iter().map(|file| file.bytes).sum()
    }

    /// Bytes of what [`Self::add_step_to`] adds, about.
    pub(crate) fn step_bytes(&self) -> u64 {
        self.step.bytes()
    }

    /// Adds the files of where it stands to a project file, a part of one at a time.
    ///
    /// # Errors
    /// When the storage can't be read, or the file takes no more.
    pub(crate) async fn add_step_to(&self, zip: &mut FolderZip<HeapFile>) -> Result<(), Problem> {
        for (name, bytes) in self.step.files() {
            let Some(path) = Project::path_of_run(name) else { continue };
            zip.begin(&path, bytes).map_err(|error| not_packed(&error))?;
            let mut start = 0;
            while start < bytes {
                let end = bytes.min(start + HASHED_BYTES as u64);
                let read = self.step.read_part(name, start, end).await;
                let part = read.map_err(|error| error.problem("the run can't be saved as a file"))?;
                zip.append(&part).map_err(|error| not_packed(&error))?;
                start = end;
            }
        }
        Ok(())
    }

    /// What the run was started with, without where it stands: see [`Self::add_step_to`].
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
        let job = match self.inputs.job_parts() {
            parts if parts.is_empty() => {
                let job = Job::new(source.clone(), Some(name(train)), read.clone(), run.clone());
                Job { task: Some(*task), valid_file, test_file, data_sha256, ..job }
            }
            parts => Job { parts, ..Job::new(source.clone(), None, ReadOptions::default(), run.clone()) },
        };
        let job = Job { changes: changes.clone(), ..job };

        let mut project = Project::new(job, NamedFile::default());
        project.rows = self.project_rows([Some(train), valid.as_ref(), test.as_ref()]).await?;
        for StoredPart { train, valid, test, .. } in &self.inputs.beside {
            project.beside.push(self.project_rows([Some(train), valid.as_ref(), test.as_ref()]).await?);
        }
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
        project.began_ms = self.inputs.began_ms.or_else(|| self.id.parse().ok());
        project.note = note;
        project.page = page.clone();
        Ok(project)
    }

    async fn project_rows(&self, [train, valid, test]: [Option<&SharedFile>; 3]) -> Result<ProjectRows, DiskError> {
        Ok(ProjectRows {
            train: copied(self.file(train.ok_or(DiskError::Missing)?).await?),
            valid: self.optional_file(valid).await?.map(copied),
            test: self.optional_file(test).await?.map(copied),
        })
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
        let job = &project.job;
        let task = job.parts.first().map(|part| part.task).or(job.task).or(of_checkpoint.job.task);
        let task = task.ok_or("it does not say what the run learns")?;
        let expected: Vec<&DataHashes> = match job.parts.as_slice() {
            [] => vec![&job.data_sha256],
            parts => parts.iter().map(|part| &part.data_sha256).collect(),
        };
        for (expected, rows) in expected.into_iter().zip(project.rows_of_tasks()) {
            let found = DataHashes {
                train: Some(sha256_hex(&rows.train.1).await),
                valid: hash_of(rows.valid.as_ref()).await,
                test: hash_of(rows.test.as_ref()).await,
            };
            let differing = expected.differing(&found);
            if !differing.is_empty() {
                return Err(format!(
                    "the {} rows in it are not those that the run began with",
                    differing.join(" and ")
                ));
            }
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
        let Project { began_ms, job, rows, beside, model_sha256, model, page, .. } = project;
        let shared = SharedFiles::open(runs).await?;
        let mut parts = job.parts.into_iter();
        let first = parts.next();
        let name = first.as_ref().map(|part| part.name.clone());
        let read = first.map_or(job.read, |part| part.read);
        let mut others = Vec::new();
        for (part, ProjectRows { train, valid, test }) in parts.zip(beside) {
            others.push(StoredPart {
                name: part.name,
                train: keep(&shared, &train).await?,
                valid: keep_optional(&shared, valid.as_ref()).await?,
                test: keep_optional(&shared, test.as_ref()).await?,
                task: part.task,
                read: part.read,
            });
        }
        let ProjectRows { train, valid, test } = rows;
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
            read,
            name,
            beside: others,
            run: job.run,
            changes: job.changes,
            page,
            began_ms,
        };
        let folder = runs.folder(id).await?;
        inputs.write(&folder).await?;
        let mut steps = Steps::new(folder, None);
        match steps.write(&state, FileStream::from(checkpoint), &journal.to_bytes()).await {
            Ok(step) => steps.seal(step).await,
            Err(WriteError::Disk(error)) => Err(error),
            Err(WriteError::Source(problem)) => Err(DiskError::Unavailable(problem.message)),
        }
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
