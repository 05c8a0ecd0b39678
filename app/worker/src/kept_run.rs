//! A run that is kept on the disk, so that it goes on after a reload and can be opened again: a folder `runs/<id>/`, where the
//! id is the milliseconds when it began, with sealed folders in it. All of them are looked through in `kept_runs`.
//!
//! `inputs/` is written once: `inputs.json`, which names the files of rows, and those of the model where they lie in memory
//! only; their bytes lie in `shared_files`. `step-<n>/` is where the run stands: see `kept_steps`.

mod parts;
mod project;

use hone_core::config::{DataHashes, JobPart, ModelChanges, ModelSource, ReadOptions, RunConfig, RunDraft};
use hone_core::folder::Folder;
use hone_core::hub;
use hone_core::session::protocol::SavedRun;
use hone_core::task::Task;
use serde::{Deserialize, Serialize};

use crate::disk::{DiskError, DiskFolder, Manifest};
use crate::journal::{Journal, Line};
use crate::kept::{KeptData, KeptFiles, KeptModel, NamedBytes, NamedPart, to_folder};
use crate::kept_projects::{StoredProject, StoredTask};
use crate::kept_runs;
use crate::kept_steps::{self, SavedState, SavedStep, Steps, write_to};
use crate::model_files;
use crate::shared_files::{SharedFile, SharedFiles};

use self::parts::{StoredPart, job_part};
pub(crate) use self::project::{Hashes, ImportedRun, PackedProject, Packing, add_shared, hashed, keep_packed};

const INPUTS: &str = "inputs";
const INPUTS_FILE: &str = "inputs.json";

/// What a run is started with, beside model and rows.
#[derive(Debug)]
pub(crate) struct Start {
    /// Name of its folder.
    pub(crate) id: String,
    /// That of the page.
    pub(crate) number: u32,
    pub(crate) run: RunConfig,
    pub(crate) changes: ModelChanges,
    /// What the page wants back.
    pub(crate) page: String,
}

/// What a run was started with.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Inputs {
    number: u32,
    source: ModelSource,
    model: StoredModel,
    train: SharedFile,
    valid: Option<SharedFile>,
    test: Option<SharedFile>,
    task: Task,
    read: ReadOptions,
    /// What the task of these rows is called, of several that are learned at once; `None` where there is one.
    #[serde(default)]
    name: Option<String>,
    /// The others of several tasks, in their order.
    #[serde(default)]
    beside: Vec<StoredPart>,
    run: RunConfig,
    changes: ModelChanges,
    page: String,
    /// When it began, where its id does not say that: of a run that came in a project file.
    #[serde(default)]
    began_ms: Option<f64>,
}

/// Where the files of the pretrained model are.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum StoredModel {
    /// At a path of the disk, or anywhere among the cached models; the SHA-256 of each says whether it is the one.
    OnDisk { path: Vec<String>, sha256: Vec<(String, String)> },
    /// Among the files of runs.
    Shared { files: Vec<SharedFile> },
}

impl Inputs {
    /// Those of a run's folder; `None` where they are not what was written, or another version of Hone wrote them.
    pub(crate) async fn of_run(run: &DiskFolder) -> Result<Option<Self>, DiskError> {
        let Some(folder) = run.existing(INPUTS).await? else { return Ok(None) };
        let Some(manifest) = folder.manifest().await? else { return Ok(None) };
        match folder.damaged_file(&manifest).await? {
            None => folder.read_json(INPUTS_FILE).await,
            Some(_) => Ok(None),
        }
    }

    /// Writes them into a run's folder.
    async fn write(&self, run: &DiskFolder) -> Result<(), DiskError> {
        let folder = run.folder(INPUTS).await?;
        let mut manifest = Manifest::default();
        let json = serde_json::to_vec(self).expect("inputs hold only plain values");
        write_to(&folder, INPUTS_FILE, &json, &mut manifest).await?;
        folder.seal(&manifest).await
    }

    /// The files that it has among those of runs.
    pub(crate) fn shared_files(&self) -> Vec<&SharedFile> {
        let of_model: &[SharedFile] = match &self.model {
            StoredModel::OnDisk { .. } => &[],
            StoredModel::Shared { files } => files,
        };
        let own = [Some(&self.train), self.valid.as_ref(), self.test.as_ref()];
        let others = self.beside.iter().flat_map(|part| [Some(&part.train), part.valid.as_ref(), part.test.as_ref()]);
        own.into_iter().chain(others).flatten().chain(of_model).collect()
    }

    /// Whether a project has these files of rows, for the same tasks.
    pub(crate) fn has_rows_of(&self, project: &StoredProject) -> bool {
        let sha256 = |file: Option<&SharedFile>| file.map(|file| file.sha256.clone());
        let own = [Some(&self.train), self.valid.as_ref(), self.test.as_ref()].map(sha256);
        let is_alike = |(part, task): (&StoredPart, &StoredTask)| {
            let files = [Some(&part.train), part.valid.as_ref(), part.test.as_ref()].map(sha256);
            (&part.name, part.task, &part.read) == (&task.name, task.task, &task.read)
                && files == task.rows.each_ref().map(|file| sha256(file.as_ref()))
        };
        let is_named_otherwise = self.name.is_some() && project.own_name.is_some() && self.name != project.own_name;
        self.task == project.state.task
            && own == project.rows.each_ref().map(|file| sha256(file.as_ref()))
            && !is_named_otherwise
            && self.beside.len() == project.beside.len()
            && self.beside.iter().zip(&project.beside).all(is_alike)
    }

    /// Several tasks as a job has them; none where there is one.
    fn job_parts(&self) -> Vec<JobPart> {
        let Some(name) = &self.name else { return Vec::new() };
        let own = job_part(name, self.task, [Some(&self.train), self.valid.as_ref(), self.test.as_ref()], &self.read);
        let others = self.beside.iter().map(|part| {
            let files = [Some(&part.train), part.valid.as_ref(), part.test.as_ref()];
            job_part(&part.name, part.task, files, &part.read)
        });
        std::iter::once(own).chain(others).collect()
    }
}

/// The folder of a run that goes on.
#[derive(Debug)]
pub(crate) struct RunFolder {
    id: String,
    steps: Steps,
}

impl RunFolder {
    /// Writes what a run was started with: `own` rows, which are those of the first of `parts` where it learns several tasks at
    /// once. Runs that were cut off before they were saved at all make room first: there is
    /// nothing to open in them.
    ///
    /// # Errors
    /// No storage, or no room: nothing of it is left then, and the runs before stay.
    pub(crate) async fn begin(
        model: &KeptModel,
        own: &KeptData,
        parts: &[NamedPart],
        start: Start,
    ) -> Result<Self, DiskError> {
        let runs = kept_runs::folder().await?;
        let _ = kept_runs::remove_never_saved(&runs).await; // what can't go now goes when the next run begins
        let id = start.id.clone();
        let folder = runs.folder(&id).await?;
        if let Err(error) = write_inputs(&runs, &folder, model, (own, parts), start).await {
            let _ = runs.remove(&id).await;
            let _ = kept_runs::remove_unused_files(&runs).await;
            return Err(error);
        }
        Ok(Self { id, steps: Steps::new(folder, None) })
    }

    pub(crate) fn id(&self) -> &str {
        &self.id
    }

    /// Where the run stands, to be written.
    pub(crate) fn steps(&mut self) -> &mut Steps {
        &mut self.steps
    }
}

async fn write_inputs(
    runs: &DiskFolder,
    folder: &DiskFolder,
    model: &KeptModel,
    (data, parts): (&KeptData, &[NamedPart]),
    start: Start,
) -> Result<(), DiskError> {
    let shared = SharedFiles::open(runs).await?;
    let mut beside = Vec::new();
    for part in parts.iter().skip(1) {
        beside.push(StoredPart::keep(part, &shared).await?);
    }
    let stored = match &model.files {
        KeptFiles::OnDisk(path) => StoredModel::OnDisk { path: path.clone(), sha256: hashes_at(path).await? },
        KeptFiles::InMemory(own) => {
            let mut files = Vec::with_capacity(own.len());
            for (name, bytes) in own {
                files.push(shared.keep(name, bytes).await?);
            }
            StoredModel::Shared { files }
        }
    };
    let Start { number, run, changes, page, .. } = start;
    let inputs = Inputs {
        number,
        source: model.source.clone(),
        model: stored,
        train: shared.keep(&data.train.0, &data.train.1).await?,
        valid: keep(&shared, data.valid.as_ref()).await?,
        test: keep(&shared, data.test.as_ref()).await?,
        task: data.task,
        read: data.read.clone(),
        name: parts.first().map(|(name, _)| name.clone()),
        beside,
        run,
        changes,
        page,
        began_ms: None,
    };
    inputs.write(folder).await
}

async fn keep(shared: &SharedFiles, file: Option<&NamedBytes>) -> Result<Option<SharedFile>, DiskError> {
    match file {
        Some((name, bytes)) => Ok(Some(shared.keep(name, bytes).await?)),
        None => Ok(None),
    }
}

/// The hashes of a model's files on the disk.
async fn hashes_at(path: &[String]) -> Result<Vec<(String, String)>, DiskError> {
    let folder = DiskFolder::find(path).await?.ok_or(DiskError::Missing)?;
    let manifest = folder.manifest().await?.ok_or(DiskError::Missing)?;
    Ok(manifest.files.into_iter().filter_map(|(name, file)| Some((name, file.sha256?))).collect())
}

/// A run that was found on the disk.
#[derive(Debug)]
pub(crate) struct FoundRun {
    id: String,
    folder: DiskFolder,
    shared: SharedFiles,
    pub(crate) inputs: Inputs,
    /// Where it stands.
    step: SavedStep,
    /// Where it stood before, the newest first.
    older: Vec<SavedStep>,
    /// What is wrong with what was saved later than `step`, in words.
    damaged: Vec<String>,
}

impl FoundRun {
    /// The run of an id, at its newest step that is whole; `None` where it is not there, or not whole. Nothing large is read.
    ///
    /// # Errors
    /// When the storage can't be read.
    pub(crate) async fn find(runs: &DiskFolder, id: &str) -> Result<Option<Self>, DiskError> {
        let Some(folder) = runs.existing(id).await? else { return Ok(None) };
        let Some(inputs) = Inputs::of_run(&folder).await? else { return Ok(None) };
        let shared = SharedFiles::open(runs).await?;
        for file in inputs.shared_files() {
            if !shared.has(file).await? {
                return Ok(None);
            }
        }
        let kept_steps::FoundSteps { whole, damaged } = kept_steps::find(&folder).await?;
        let mut older = whole.into_iter();
        let Some(step) = older.next() else { return Ok(None) };
        Ok(Some(Self { id: id.to_owned(), folder, shared, inputs, step, older: older.collect(), damaged }))
    }

    /// Takes the newest step of which each file is what was written. Reads all of it.
    ///
    /// # Errors
    /// Where there is none.
    pub(crate) async fn check(&mut self) -> Result<(), DiskError> {
        while let Some(damage) = self.step.damage().await {
            self.damaged.push(damage);
            if self.older.is_empty() {
                return Err(DiskError::Damaged(self.damaged.join("; ")));
            }
            self.step = self.older.remove(0);
        }
        Ok(())
    }

    /// What is wrong with what was saved later than where it stands, in words; `None` where nothing is.
    pub(crate) fn damage(&self) -> Option<String> {
        (!self.damaged.is_empty()).then(|| self.damaged.join("; "))
    }

    /// Where it stands.
    pub(crate) fn state(&self) -> &SavedState {
        &self.step.state
    }

    /// For the page; `shared_bytes` are those of its files that no other run has.
    pub(crate) fn saved(self, shared_bytes: u64, note: String) -> SavedRun {
        let own_bytes: u64 = self.older.iter().chain([&self.step]).map(SavedStep::bytes).sum();
        let SavedState { step, total_steps, is_finished, saved_ms, elapsed_secs, summary } = self.step.state;
        let parts = self.inputs.job_parts();
        let file = match parts.as_slice() {
            [] => self.inputs.train.name.clone(),
            parts => parts.iter().filter_map(|part| part.data_file.clone()).collect::<Vec<_>>().join(" and "),
        };
        let Inputs { number, source, train, valid, test, task, read, run, changes, began_ms, .. } = self.inputs;
        let hash = |file: SharedFile| file.sha256;
        SavedRun {
            number,
            began_ms: began_ms.unwrap_or_else(|| self.id.parse().unwrap_or(saved_ms)),
            id: self.id,
            saved_ms,
            elapsed_secs,
            step,
            total_steps,
            is_finished,
            model: source,
            changes,
            file,
            data_sha256: DataHashes { train: Some(hash(train)), valid: valid.map(hash), test: test.map(hash) },
            read,
            task,
            parts,
            settings: RunDraft::of(&run),
            summary,
            bytes: own_bytes + shared_bytes,
            note,
        }
    }

    /// A text beside it in its folder; `None` where there is none.
    pub(crate) async fn text(&self, name: &str) -> Option<String> {
        self.folder.read(name).await.ok().flatten().map(|bytes| String::from_utf8_lossy(&bytes).into_owned())
    }

    /// Where the pretrained model comes from.
    pub(crate) fn source(&self) -> &ModelSource {
        &self.inputs.source
    }

    /// What was changed of the model before.
    pub(crate) fn changes(&self) -> &ModelChanges {
        &self.inputs.changes
    }

    /// Its number on the page.
    pub(crate) fn number(&self) -> u32 {
        self.inputs.number
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
            StoredModel::Shared { files: stored } => {
                let mut files = Vec::with_capacity(stored.len());
                for file in stored {
                    files.push(self.file(file).await?);
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
        // One of a project file may be here from another address.
        paths.extend(model_files::cached_paths(source.name()).await?);
        for path in paths {
            if let Some(disk) = DiskFolder::find(&path).await?
                && let Some((folder, _)) = model_files::from_disk(&disk, sha256).await
            {
                return Ok(Some((KeptModel::on_disk(source, path), folder)));
            }
        }
        Ok(None)
    }

    /// The files of rows, and how they are read; of several tasks those of the first.
    ///
    /// # Errors
    /// When the storage can't be read.
    pub(crate) async fn data(&self) -> Result<KeptData, DiskError> {
        let Inputs { train, valid, test, task, read, .. } = &self.inputs;
        self.rows([Some(train), valid.as_ref(), test.as_ref()], *task, read).await
    }

    /// Several tasks with their rows, of which `own` are those of the first; none where the run learns one.
    ///
    /// # Errors
    /// When the storage can't be read.
    pub(crate) async fn parts(&self, own: &KeptData) -> Result<Vec<NamedPart>, DiskError> {
        let Some(name) = &self.inputs.name else { return Ok(Vec::new()) };
        let mut parts = vec![(name.clone(), own.clone())];
        for StoredPart { name, train, valid, test, task, read } in &self.inputs.beside {
            let rows = self.rows([Some(train), valid.as_ref(), test.as_ref()], *task, read).await?;
            parts.push((name.clone(), rows));
        }
        Ok(parts)
    }

    async fn rows(
        &self,
        [train, valid, test]: [Option<&SharedFile>; 3],
        task: Task,
        read: &ReadOptions,
    ) -> Result<KeptData, DiskError> {
        Ok(KeptData {
            train: self.file(train.ok_or(DiskError::Missing)?).await?,
            valid: self.optional_file(valid).await?,
            test: self.optional_file(test).await?,
            task,
            read: read.clone(),
            run: self.inputs.run.clone(),
            readable: None,
        })
    }

    async fn optional_file(&self, file: Option<&SharedFile>) -> Result<Option<NamedBytes>, DiskError> {
        match file {
            Some(file) => Ok(Some(self.file(file).await?)),
            None => Ok(None),
        }
    }

    async fn file(&self, file: &SharedFile) -> Result<NamedBytes, DiskError> {
        Ok((file.name.clone(), self.shared.read(file).await?))
    }

    /// What the run has said.
    ///
    /// # Errors
    /// When the storage can't be read, or a line is no event.
    pub(crate) async fn events(&self) -> Result<(Journal, Vec<Line>), DiskError> {
        self.step.events().await
    }

    /// A file of what restores the run, alone in a folder.
    ///
    /// # Errors
    /// When it is not there, or can't be read.
    pub(crate) async fn checkpoint_file(&self, name: &str) -> Result<Folder, DiskError> {
        self.step.checkpoint_file(name).await
    }

    /// Size of a file of what restores the run.
    ///
    /// # Errors
    /// When it is not there.
    pub(crate) fn checkpoint_size(&self, name: &str) -> Result<u64, DiskError> {
        self.step.size(name).ok_or(DiskError::Missing)
    }

    /// Some bytes of such a file.
    ///
    /// # Errors
    /// When it is not there, or can't be read.
    pub(crate) async fn checkpoint_part(&self, name: &str, start: u64, end: u64) -> Result<Vec<u8>, DiskError> {
        self.step.read_part(name, start, end).await
    }

    /// To write on.
    pub(crate) fn into_folder(self) -> RunFolder {
        RunFolder { id: self.id, steps: Steps::new(self.folder, Some(&self.step)) }
    }
}
