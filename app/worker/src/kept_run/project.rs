//! A kept run in a project file, and one of a project file as a kept run, both a piece of a file at a time. A foreign run is checked
//! before anything of it is written; its curves are made anew of its events.

use std::collections::BTreeMap;

use std::io;

use hone_core::checkpoint::{STATE_FILE, TrainState, read_state};
use hone_core::config::{DataHashes, Job, ModelSource, ReadOptions};
use hone_core::folder::Folder;
use hone_core::hub::{Sha256Pieces, names_in_folder};
use hone_core::project::{EVENTS_FILE, PackedFile, PackedRun, ProjectReader, ProjectWriter, RunAbout, SAVED_FILE};
use hone_core::session::protocol::{Problem, RenamedRun};
use hone_core::task::Task;

use super::{FoundRun, Inputs, StoredModel, StoredPart};
use crate::blob_file::BlobFile;
use crate::disk::{DiskError, DiskFolder, HASHED_BYTES, Manifest};
use crate::export::not_packed;
use crate::growing_blob::GrowingBlob;
use crate::hashed_file::{HashedFile, WriteError};
use crate::journal::Journal;
use crate::kept_steps::{SavedState, Steps};
use crate::shared_files::{SharedFile, SharedFiles};

/// Characters of a note at most, as on the page.
const MAX_NOTE_CHARS: usize = 200;

/// What a run that was never saved can be used for.
const NEVER_SAVED: &str = "it holds a recipe, and no run that was saved: hone train --project runs it in a terminal";

/// A project file that is being read.
pub(crate) type PackedProject = ProjectReader<BlobFile>;

/// One that is being written.
pub(crate) type Packing = ProjectWriter<GrowingBlob>;

/// The id by which a project file knows a run: that which it got when it began (`kept_runs::next_id`).
fn id_in_file(began_ms: Option<f64>) -> Option<String> {
    began_ms.map(|ms| format!("{ms:013.0}"))
}

impl FoundRun {
    /// Bytes of what a project file has of it alone, beside rows and a model.
    pub(crate) fn bytes_of_step(&self) -> u64 {
        self.step.bytes()
    }

    /// Its id in a project file, where it has one there.
    pub(crate) fn id_in_file(&self) -> Option<String> {
        id_in_file(self.began_ms())
    }

    fn began_ms(&self) -> Option<f64> {
        self.inputs.began_ms.or_else(|| self.id.parse().ok())
    }

    /// What a project file says of it.
    pub(crate) fn about(&self, note: String) -> RunAbout {
        let Inputs { number, source, model, train, valid, test, task, read, run, changes, page, .. } = &self.inputs;
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
        let (model_sha256, has_model) = match model {
            StoredModel::OnDisk { sha256, .. } => (sha256.iter().cloned().collect(), false),
            StoredModel::Shared { files } => {
                (named_in_folder(files).map(|(name, file)| (name, hash(file))).collect(), true)
            }
        };
        RunAbout {
            number: Some(*number),
            began_ms: self.began_ms(),
            note,
            job: Job { changes: changes.clone(), ..job },
            model_sha256,
            has_model,
            page: page.clone(),
        }
    }

    /// Adds it to a project file: its rows, its model where that lies nowhere else, and where it stands.
    ///
    /// # Errors
    /// When the storage can't be read, or the file takes no more.
    pub(crate) async fn add_to(&self, packing: &mut Packing, about: &RunAbout) -> Result<(), Problem> {
        let Inputs { model, train, valid, test, beside, .. } = &self.inputs;
        let own = [Some(train), valid.as_ref(), test.as_ref()];
        let others = beside.iter().map(|part| [Some(&part.train), part.valid.as_ref(), part.test.as_ref()]);
        for (task, files) in std::iter::once(own).chain(others).enumerate() {
            for (slot, file) in files.into_iter().enumerate() {
                let Some(file) = file else { continue };
                let is_begun = packing.begin_rows((task, slot), &file.name, &file.sha256, file.bytes);
                add_shared(packing, is_begun, &self.shared, file).await?;
            }
        }
        if let StoredModel::Shared { files } = model {
            for (name, file) in named_in_folder(files) {
                let is_begun = packing.begin_model(&name, &file.sha256, file.bytes);
                add_shared(packing, is_begun, &self.shared, file).await?;
            }
        }
        packing.begin_run(about).map_err(|error| not_packed(&error))?;
        for (name, bytes) in self.step.files() {
            if !packing.begin_file(name, bytes).map_err(|error| not_packed(&error))? {
                continue;
            }
            let mut start = 0;
            while start < bytes {
                let end = bytes.min(start + HASHED_BYTES as u64);
                let part = self.step.read_part(name, start, end).await.map_err(|error| not_saved(&error))?;
                packing.append(&part).map_err(|error| not_packed(&error))?;
                start = end;
            }
        }
        Ok(())
    }
}

/// The files of a model, each with its name in the model's folder: one that was chosen whole has its own name in front of each.
fn named_in_folder(files: &[SharedFile]) -> impl Iterator<Item = (String, &SharedFile)> {
    let paths: Vec<&str> = files.iter().map(|file| file.name.as_str()).collect();
    names_in_folder(&paths).into_iter().map(move |(name, index)| (name, &files[index]))
}

fn not_saved(error: &DiskError) -> Problem {
    error.problem("the run can't be saved as a file")
}

/// Adds the bytes of a file of rows, or of a model, that was begun in a project file.
///
/// # Errors
/// When the file can't be read, is not what was written, or the project file takes no more.
pub(crate) async fn add_shared(
    packing: &mut Packing,
    is_begun: io::Result<bool>,
    shared: &SharedFiles,
    file: &SharedFile,
) -> Result<(), Problem> {
    if !is_begun.map_err(|error| not_packed(&error))? {
        return Ok(());
    }
    let (mut hash, mut start) = (Sha256Pieces::default(), 0);
    while start < file.bytes {
        let end = file.bytes.min(start + HASHED_BYTES as u64);
        let part = shared.read_part(file, start, end).await.map_err(|error| not_saved(&error))?;
        hash.add(&part);
        packing.append(&part).map_err(|error| not_packed(&error))?;
        start = end;
    }
    match hash.into_hex() == file.sha256 {
        true => Ok(()),
        false => Err(not_saved(&DiskError::Damaged(format!("{} is not what was written", file.name)))),
    }
}

/// Files of rows and models of a project file that were hashed, by where they lie in it.
pub(crate) type Hashes = BTreeMap<String, String>;

/// What a file of a project file is among those that are kept, by its true hash.
///
/// # Errors
/// In words, when it is damaged.
pub(crate) fn hashed(
    project: &mut PackedProject,
    file: &PackedFile,
    hashes: &mut Hashes,
) -> Result<SharedFile, String> {
    let (name, bytes) = (file.name.clone(), file.bytes);
    if let Some(sha256) = hashes.get(file.path()) {
        return Ok(SharedFile { name, sha256: sha256.clone(), bytes });
    }
    let mut hash = Sha256Pieces::default();
    let mut pieces = project.pieces(file).map_err(|error| error.to_string())?;
    while let Some(piece) = pieces.next_piece().map_err(|error| error.to_string())? {
        hash.add(&piece);
    }
    let sha256 = hash.into_hex();
    hashes.insert(file.path().to_owned(), sha256.clone());
    Ok(SharedFile { name, sha256, bytes })
}

/// Keeps a file of a project file, if it is not there.
///
/// # Errors
/// No storage, or no room.
pub(crate) async fn keep_packed(
    project: &mut PackedProject,
    file: &PackedFile,
    shared: &SharedFiles,
    stored: &SharedFile,
) -> Result<(), DiskError> {
    if shared.is_kept(stored).await? {
        return Ok(());
    }
    let mut writer = shared.writer(stored).await?;
    let mut pieces = project.pieces(file).map_err(|error| DiskError::Unavailable(error.to_string()))?;
    while let Some(piece) = pieces.next_piece().map_err(|error| DiskError::Unavailable(error.to_string()))? {
        writer.append(&piece).await?;
    }
    writer.finish().await
}

/// A run of a project file, which can be kept.
#[derive(Debug)]
pub(crate) struct ImportedRun {
    packed: PackedRun,
    state: SavedState,
    task: Task,
    number: u32,
    /// What its files are among those that are kept: rows of each task, then those of its model.
    rows: Vec<[Option<SharedFile>; 3]>,
    model: Vec<SharedFile>,
}

impl ImportedRun {
    /// Checks it; `number` is that of the page.
    ///
    /// # Errors
    /// Why it can't be kept, in words.
    pub(crate) fn of(
        project: &mut PackedProject,
        packed: PackedRun,
        number: u32,
        hashes: &mut Hashes,
    ) -> Result<Self, String> {
        let (Some(events), Some(saved)) = (find(&packed, EVENTS_FILE), find(&packed, SAVED_FILE)) else {
            return Err(NEVER_SAVED.to_owned());
        };
        let unreadable = |name: &str, error: serde_json::Error| format!("{name} in it can't be read: {error}");
        let mut read =
            |file: &PackedFile| project.read(file).map(|(_, bytes)| bytes).map_err(|error| error.to_string());
        let (journal, _) = Journal::read(read(events)?).map_err(|error| unreadable(EVENTS_FILE, error))?;
        let saved = serde_json::from_slice(&read(saved)?).map_err(|error| unreadable(SAVED_FILE, error))?;
        let state = SavedState { summary: journal.summary(), ..saved };
        let mut checkpoint = Folder::new();
        checkpoint.insert(STATE_FILE, read(find(&packed, STATE_FILE).ok_or(NEVER_SAVED)?)?);
        let of_checkpoint = read_state(&checkpoint).map_err(|error| error.to_string())?;
        check_step(&state, &of_checkpoint)?;
        let job = &packed.about.job;
        if packed.model.is_empty()
            && let ModelSource::Local { name } = &job.model
        {
            return Err(format!(
                "it does not hold its model, {name}, which is one of a person's own: hone train --project with --model DIR runs it in a \
                 terminal"
            ));
        }
        let task = job.parts.first().map(|part| part.task).or(job.task).or(of_checkpoint.job.task);
        let task = task.ok_or("it does not say what the run learns")?;
        let expected: Vec<&DataHashes> = match job.parts.as_slice() {
            [] => vec![&job.data_sha256],
            parts => parts.iter().map(|part| &part.data_sha256).collect(),
        };
        let mut rows = Vec::new();
        for (expected, files) in expected.into_iter().zip(&packed.rows) {
            let mut stored: [Option<SharedFile>; 3] = [const { None }; 3];
            for (stored, file) in stored.iter_mut().zip(files) {
                *stored = file.as_ref().map(|file| hashed(project, file, hashes)).transpose()?;
            }
            let hash = |file: &Option<SharedFile>| file.as_ref().map(|file| file.sha256.clone());
            let [train, valid, test] = stored.each_ref().map(hash);
            let differing = expected.differing(&DataHashes { train, valid, test });
            if !differing.is_empty() {
                return Err(format!(
                    "the {} rows in it are not those that the run began with",
                    differing.join(" and ")
                ));
            }
            rows.push(stored);
        }
        let model = packed.model.iter().map(|file| hashed(project, file, hashes));
        let model: Vec<SharedFile> = model.collect::<Result<_, String>>()?;
        let known = &packed.about.model_sha256;
        if let Some(file) = model.iter().find(|file| known.get(&file.name).is_some_and(|sha256| *sha256 != file.sha256))
        {
            return Err(format!("{} of the model in it is not the file that the run began with", file.name));
        }
        Ok(Self { packed, state, task, number, rows, model })
    }

    /// How it is called there and, kept under this id, here.
    pub(crate) fn renamed(&self, id: &str) -> RenamedRun {
        let RunAbout { number, began_ms, .. } = &self.packed.about;
        RenamedRun {
            id_there: id_in_file(*began_ms).unwrap_or_default(),
            id: id.to_owned(),
            number_there: number.unwrap_or(self.number),
            number: self.number,
        }
    }

    /// What the person wrote about it.
    pub(crate) fn note(&self) -> String {
        self.packed.about.note.chars().take(MAX_NOTE_CHARS).collect()
    }

    /// Writes it as a kept run of that id.
    ///
    /// # Errors
    /// No storage, or no room: some of it may be there then, and does not count.
    pub(crate) async fn write(self, project: &mut PackedProject, runs: &DiskFolder, id: &str) -> Result<(), DiskError> {
        let Self { packed, state, task, number, rows, model } = self;
        let shared = SharedFiles::open(runs).await?;
        let of_rows = packed.rows.iter().flatten().zip(rows.iter().flatten());
        let of_rows = of_rows.filter_map(|(file, stored)| file.as_ref().zip(stored.as_ref()));
        for (file, stored) in of_rows.chain(packed.model.iter().zip(&model)) {
            keep_packed(project, file, &shared, stored).await?;
        }
        let RunAbout { began_ms, job, model_sha256, page, .. } = packed.about;
        let mut parts = job.parts.into_iter();
        let first = parts.next();
        let name = first.as_ref().map(|part| part.name.clone());
        let read = first.map_or(job.read, |part| part.read);
        let mut tasks = rows.into_iter();
        let [Some(train), valid, test] = tasks.next().unwrap_or_default() else { return Err(DiskError::Missing) };
        let mut beside = Vec::new();
        for (part, files) in parts.zip(tasks) {
            let [Some(train), valid, test] = files else { return Err(DiskError::Missing) };
            beside.push(StoredPart { name: part.name, train, valid, test, task: part.task, read: part.read });
        }
        // Where a hub has them they are looked for by their hashes.
        let (path, sha256) = (Vec::new(), model_sha256.into_iter().collect());
        let model = match model.is_empty() {
            true => StoredModel::OnDisk { path, sha256 },
            false => StoredModel::Shared { files: model },
        };
        let (source, run, changes) = (job.model, job.run, job.changes);
        let inputs = Inputs {
            number,
            source,
            model,
            train,
            valid,
            test,
            task,
            read,
            name,
            beside,
            run,
            changes,
            page,
            began_ms,
        };
        let folder = runs.folder(id).await?;
        inputs.write(&folder).await?;
        write_step(project, &packed.files, &state, Steps::new(folder, None)).await
    }
}

/// Writes where a run of a project file stands.
async fn write_step(
    project: &mut PackedProject,
    files: &[PackedFile],
    state: &SavedState,
    mut steps: Steps,
) -> Result<(), DiskError> {
    let unpacked = |error: &dyn std::fmt::Display| DiskError::Unavailable(error.to_string());
    let events = files.iter().find(|file| file.name == EVENTS_FILE).ok_or(DiskError::Missing)?;
    let (_, events) = project.read(events).map_err(|error| unpacked(&error))?;
    let of_checkpoint = files.iter().filter(|file| ![EVENTS_FILE, SAVED_FILE].contains(&file.name.as_str()));
    let written = steps.write_with(state, &events, async |folder: &DiskFolder, manifest: &mut Manifest| {
        for file in of_checkpoint {
            let mut written = HashedFile::create(folder, &file.name, file.bytes).await?;
            let mut pieces = project.pieces(file).map_err(|error| unpacked(&error))?;
            while let Some(piece) = pieces.next_piece().map_err(|error| unpacked(&error))? {
                written.append(&piece).await?;
            }
            manifest.files.insert(file.name.clone(), written.finish().await?);
        }
        Ok::<(), WriteError>(())
    });
    match written.await {
        Ok(step) => steps.seal(step).await,
        Err(WriteError::Disk(error)) => Err(error),
        Err(WriteError::Source(problem)) => Err(DiskError::Unavailable(problem.message)),
    }
}

fn find<'a>(packed: &'a PackedRun, name: &str) -> Option<&'a PackedFile> {
    packed.files.iter().find(|file| file.name == name)
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
