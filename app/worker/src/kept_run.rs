//! The run that is kept on the disk, so that it goes on after a reload: a folder `runs/<milliseconds when it began>/` with
//! sealed folders in it.
//!
//! `inputs/` is written once: the files of rows, those of the model where they lie in memory only, and `inputs.json`.
//! `step-<n>/` is where the run stands: a checkpoint, `events.jsonl` with what it has said, and `saved.json`. The next one
//! is whole before this one goes, and a run before goes when the inputs of this one are whole.

use hone_core::config::{ModelSource, ReadOptions, RunConfig};
use hone_core::folder::Folder;
use hone_core::hub;
use hone_core::session::protocol::SavedRun;
use hone_core::task::Task;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::disk::{DiskError, DiskFolder, Manifest, StoredFile};
use crate::journal::{Journal, Line};
use crate::kept::{KeptData, KeptFiles, KeptModel, NamedBytes, to_folder};
use crate::model_files;

/// All runs.
const RUNS: &str = "runs";

const INPUTS: &str = "inputs";
const INPUTS_FILE: &str = "inputs.json";
const TRAIN: &str = "train";
const VALID: &str = "valid";
const TEST: &str = "test";

const STEP: &str = "step-";
const EVENTS_FILE: &str = "events.jsonl";
const STATE_FILE: &str = "saved.json";

/// What a run was started with.
#[derive(Debug, Serialize, Deserialize)]
struct Inputs {
    source: ModelSource,
    model: StoredModel,
    /// Names of the files of rows, as the person knows them.
    train: String,
    valid: Option<String>,
    test: Option<String>,
    task: Task,
    read: ReadOptions,
    run: RunConfig,
    /// What the page wants back.
    page: String,
}

/// Where the files of the pretrained model are.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum StoredModel {
    /// At a path of the disk; the SHA-256 of each, as a revision of a hub may be another later.
    OnDisk { path: Vec<String>, sha256: Vec<(String, String)> },
    /// Beside the rows, under numbers, with these names.
    Beside { names: Vec<String> },
}

/// Where a run stands.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
pub(crate) struct SavedState {
    /// Optimizer steps taken.
    pub(crate) step: u32,
    pub(crate) total_steps: u32,
    pub(crate) is_finished: bool,
    /// When it was saved, in milliseconds since 1970.
    pub(crate) saved_ms: f64,
    /// Seconds of the run until then.
    pub(crate) elapsed_secs: f64,
}

impl SavedState {
    /// What is over has a folder of its own: the last checkpoint may be of the same step.
    fn folder_name(&self) -> String {
        format!("{STEP}{:08}{}", self.step, if self.is_finished { "-over" } else { "" })
    }
}

/// The folder of a run that goes on.
#[derive(Debug)]
pub(crate) struct RunFolder(DiskFolder);

impl RunFolder {
    /// Writes what a run was started with. Then the runs before go.
    ///
    /// # Errors
    /// No storage, or no room: the runs before stay.
    pub(crate) async fn begin(
        model: &KeptModel,
        data: &KeptData,
        run: RunConfig,
        page: String,
    ) -> Result<Self, DiskError> {
        let runs = DiskFolder::open(&[RUNS.to_owned()]).await?;
        let name = format!("{:013}", js_sys::Date::now() as u64);
        let folder = runs.folder(&name).await?;
        if let Err(error) = write_inputs(&folder, model, data, run, page).await {
            let _ = runs.remove(&name).await;
            return Err(error);
        }
        for older in runs.names().await?.into_iter().filter(|older| *older != name) {
            let _ = runs.remove(&older).await; // what can't go now goes when the next run begins
        }
        Ok(Self(folder))
    }

    /// Writes where the run stands, and drops what was written before.
    ///
    /// # Errors
    /// No storage, or no room: what was written before stays.
    pub(crate) async fn write(&self, state: &SavedState, checkpoint: &Folder, events: &[u8]) -> Result<(), DiskError> {
        let name = state.folder_name();
        let folder = self.0.folder(&name).await?;
        if let Err(error) = write_step(&folder, state, checkpoint, events).await {
            let _ = self.0.remove(&name).await;
            return Err(error);
        }
        for older in self.0.names().await?.into_iter().filter(|older| older.starts_with(STEP) && *older != name) {
            self.0.remove(&older).await?;
        }
        Ok(())
    }
}

async fn write_inputs(
    folder: &DiskFolder,
    model: &KeptModel,
    data: &KeptData,
    run: RunConfig,
    page: String,
) -> Result<(), DiskError> {
    let folder = folder.folder(INPUTS).await?;
    let mut files = vec![(TRAIN.to_owned(), &data.train.1)];
    files.extend(data.valid.as_ref().map(|(_, bytes)| (VALID.to_owned(), bytes)));
    files.extend(data.test.as_ref().map(|(_, bytes)| (TEST.to_owned(), bytes)));
    let stored = match &model.files {
        KeptFiles::OnDisk(path) => StoredModel::OnDisk { path: path.clone(), sha256: hashes_at(path).await? },
        KeptFiles::InMemory(own) => {
            files.extend(own.iter().enumerate().map(|(index, (_, bytes))| (model_file(index), bytes)));
            StoredModel::Beside { names: own.iter().map(|(name, _)| name.clone()).collect() }
        }
    };
    let mut manifest = Manifest::default();
    for (name, bytes) in files {
        folder.write_js(&name, bytes).await?;
        manifest.files.insert(name, StoredFile { bytes: u64::from(bytes.length()), sha256: None });
    }
    let name_of = |file: &Option<NamedBytes>| file.as_ref().map(|(name, _)| name.clone());
    let inputs = Inputs {
        source: model.source.clone(),
        model: stored,
        train: data.train.0.clone(),
        valid: name_of(&data.valid),
        test: name_of(&data.test),
        task: data.task,
        read: data.read.clone(),
        run,
        page,
    };
    let json = serde_json::to_vec(&inputs).expect("inputs hold only plain values");
    write_to(&folder, INPUTS_FILE, &json, &mut manifest).await?;
    folder.seal(&manifest).await
}

async fn write_step(
    folder: &DiskFolder,
    state: &SavedState,
    checkpoint: &Folder,
    events: &[u8],
) -> Result<(), DiskError> {
    folder.unseal().await?;
    let mut manifest = Manifest::default();
    for (name, bytes) in checkpoint.iter() {
        write_to(folder, name, bytes, &mut manifest).await?;
    }
    write_to(folder, EVENTS_FILE, events, &mut manifest).await?;
    let json = serde_json::to_vec(state).expect("a state holds only plain values");
    write_to(folder, STATE_FILE, &json, &mut manifest).await?;
    folder.seal(&manifest).await
}

async fn write_to(folder: &DiskFolder, name: &str, bytes: &[u8], manifest: &mut Manifest) -> Result<(), DiskError> {
    folder.write(name, bytes).await?;
    manifest.files.insert(name.to_owned(), StoredFile { bytes: bytes.len() as u64, sha256: None });
    Ok(())
}

/// The hashes of a model's files on the disk.
async fn hashes_at(path: &[String]) -> Result<Vec<(String, String)>, DiskError> {
    let folder = DiskFolder::find(path).await?.ok_or(DiskError::Missing)?;
    let manifest = folder.manifest().await?.ok_or(DiskError::Missing)?;
    Ok(manifest.files.into_iter().filter_map(|(name, file)| Some((name, file.sha256?))).collect())
}

fn model_file(index: usize) -> String {
    format!("model-{index}")
}

/// A run that was found on the disk.
#[derive(Debug)]
pub(crate) struct FoundRun {
    run: DiskFolder,
    inputs_folder: DiskFolder,
    inputs: Inputs,
    step_folder: DiskFolder,
    /// What is in `step_folder`.
    manifest: Manifest,
    pub(crate) state: SavedState,
}

impl FoundRun {
    /// The newest run that is whole, at its newest step that is whole. Nothing large is read.
    ///
    /// # Errors
    /// When the storage can't be read.
    pub(crate) async fn newest() -> Result<Option<Self>, DiskError> {
        let Some(runs) = DiskFolder::find(&[RUNS.to_owned()]).await? else { return Ok(None) };
        let mut names = runs.names().await?;
        names.retain(|name| name.bytes().all(|byte| byte.is_ascii_digit()));
        names.sort_unstable();
        for name in names.iter().rev() {
            if let Some(run) = runs.existing(name).await?
                && let Some(found) = Self::in_folder(run).await?
            {
                return Ok(Some(found));
            }
        }
        Ok(None)
    }

    async fn in_folder(run: DiskFolder) -> Result<Option<Self>, DiskError> {
        let Some(inputs_folder) = run.existing(INPUTS).await? else { return Ok(None) };
        if inputs_folder.manifest().await?.is_none() {
            return Ok(None);
        }
        let Some(inputs) = read_json(&inputs_folder, INPUTS_FILE).await? else { return Ok(None) };
        let mut steps = run.names().await?;
        steps.retain(|name| name.starts_with(STEP));
        steps.sort_unstable();
        for step in steps.iter().rev() {
            let Some(step_folder) = run.existing(step).await? else { continue };
            let Some(manifest) = step_folder.manifest().await? else { continue };
            if let Some(state) = read_json(&step_folder, STATE_FILE).await? {
                return Ok(Some(Self { run, inputs_folder, inputs, step_folder, manifest, state }));
            }
        }
        Ok(None)
    }

    /// For the page.
    pub(crate) fn saved(self, is_elsewhere: bool) -> SavedRun {
        let SavedState { step, total_steps, is_finished, saved_ms, .. } = self.state;
        let Inputs { source, train, task, .. } = self.inputs;
        SavedRun { step, total_steps, is_finished, saved_ms, model: source, file: train, task, is_elsewhere }
    }

    /// Where the pretrained model comes from.
    pub(crate) fn source(&self) -> &ModelSource {
        &self.inputs.source
    }

    /// What the page gave.
    pub(crate) fn page(&self) -> &str {
        &self.inputs.page
    }

    /// The model and its files, each as the run began with it; `None` where they are on the disk no more.
    ///
    /// # Errors
    /// When the storage can't be read.
    pub(crate) async fn model(&self) -> Result<Option<(KeptModel, Folder)>, DiskError> {
        let source = self.inputs.source.clone();
        let (path, sha256) = match &self.inputs.model {
            StoredModel::Beside { names } => {
                let mut files = Vec::with_capacity(names.len());
                for (index, name) in names.iter().enumerate() {
                    files.push((name.clone(), self.inputs_folder.read_js(&model_file(index)).await?));
                }
                let folder = to_folder(&files);
                return Ok(Some((KeptModel::in_memory(source, files), folder)));
            }
            StoredModel::OnDisk { path, sha256 } => (path, sha256),
        };
        // A branch that has moved on was loaded again under its name, and the old files perhaps under their commit.
        let mut paths = vec![path.clone()];
        if let (ModelSource::Hub { revision, .. }, Some((_, before))) = (&source, path.split_last())
            && hub::is_commit(revision)
        {
            paths.push(before.iter().chain([revision]).cloned().collect());
        }
        for path in paths {
            if let Some(disk) = DiskFolder::find(&path).await?
                && let Some((folder, _)) = model_files::from_disk(&disk, sha256).await
            {
                return Ok(Some((KeptModel::on_disk(source, path), folder)));
            }
        }
        Ok(None)
    }

    /// The files of rows, and how they are read.
    ///
    /// # Errors
    /// When the storage can't be read.
    pub(crate) async fn data(&self) -> Result<KeptData, DiskError> {
        let Inputs { train, valid, test, task, read, run, .. } = &self.inputs;
        Ok(KeptData {
            train: (train.clone(), self.inputs_folder.read_js(TRAIN).await?),
            valid: self.file(VALID, valid.as_ref()).await?,
            test: self.file(TEST, test.as_ref()).await?,
            task: *task,
            read: read.clone(),
            run: run.clone(),
        })
    }

    async fn file(&self, stored: &str, name: Option<&String>) -> Result<Option<NamedBytes>, DiskError> {
        match name {
            Some(name) => Ok(Some((name.clone(), self.inputs_folder.read_js(stored).await?))),
            None => Ok(None),
        }
    }

    /// What the run has said.
    ///
    /// # Errors
    /// When the storage can't be read, or a line is no event.
    pub(crate) async fn events(&self) -> Result<(Journal, Vec<Line>), DiskError> {
        let bytes = self.step_folder.read(EVENTS_FILE).await?.ok_or(DiskError::Missing)?;
        Journal::read(bytes).map_err(|error| DiskError::Unavailable(format!("{EVENTS_FILE}: {error}")))
    }

    /// Everything that restores the run.
    ///
    /// # Errors
    /// When the storage can't be read.
    pub(crate) async fn checkpoint(&self) -> Result<Folder, DiskError> {
        let mut folder = Folder::new();
        for name in self.manifest.files.keys().filter(|name| ![EVENTS_FILE, STATE_FILE].contains(&name.as_str())) {
            folder.insert(name.as_str(), self.step_folder.read(name).await?.ok_or(DiskError::Missing)?);
        }
        Ok(folder)
    }

    /// To write on.
    pub(crate) fn into_folder(self) -> RunFolder {
        RunFolder(self.run)
    }
}

/// Drops what is kept.
///
/// # Errors
/// When the storage refuses it.
pub(crate) async fn remove() -> Result<(), DiskError> {
    DiskFolder::root().await?.remove(RUNS).await
}

/// A value from a file; `None` where it is missing or holds something else.
async fn read_json<T: DeserializeOwned>(folder: &DiskFolder, name: &str) -> Result<Option<T>, DiskError> {
    Ok(folder.read(name).await?.and_then(|bytes| serde_json::from_slice(&bytes).ok()))
}
