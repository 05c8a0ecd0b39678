//! Projects that are kept on the disk, `projects/<id>/` each: how they stand is one file of JSON, their rows and a model of the
//! person's own lie among the files of runs, and a run says in its own folder of which project it is. A run that is of none (it was
//! made before there were projects, or came alone in a project file) gets one that is made of it. What of a project goes into a
//! project file, and comes out of one, stands in `packed`; how it is written and found again in `states`.

mod packed;
mod states;

use std::collections::{BTreeMap, BTreeSet};

use hone_core::config::{ModelSource, ReadOptions};
use hone_core::session::protocol::{KeptProjects, ProjectState, SavedProject, SavedRun};
use hone_core::task::Task;
use serde::{Deserialize, Serialize};

pub(crate) use self::packed::{add_files, import, to_draft};
use self::states::{all, folder, is_id, later_id, write};
pub(crate) use self::states::{find, used_files};
use crate::disk::DiskError;
use crate::kept::NamedBytes;
use crate::kept_run::FoundRun;
use crate::kept_runs;
use crate::shared_files::{SharedFile, SharedFiles};

/// Id of the project that a run is of, in its folder.
const PROJECT_FILE: &str = "project.txt";

/// Files of rows: training, validation, test.
pub(crate) type Rows<T> = [Option<T>; 3];

/// A project as it is written.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct StoredProject {
    pub(crate) state: ProjectState,
    pub(crate) rows: Rows<SharedFile>,
    /// What its task is called where others are learned beside it; `None` names it after its file.
    #[serde(default)]
    pub(crate) own_name: Option<String>,
    /// The tasks that are learned beside it.
    #[serde(default)]
    pub(crate) beside: Vec<StoredTask>,
    /// The files of its model, where these are the person's own.
    #[serde(default)]
    pub(crate) model_files: Vec<SharedFile>,
    /// Milliseconds since 1970.
    changed_ms: f64,
}

/// A task that is learned beside the first one of a project.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct StoredTask {
    pub(crate) name: String,
    pub(crate) task: Task,
    pub(crate) read: ReadOptions,
    pub(crate) rows: Rows<SharedFile>,
}

/// A task as the page gives it, with its files.
pub(crate) struct GivenTask {
    pub(crate) name: String,
    pub(crate) task: Task,
    pub(crate) read: ReadOptions,
    pub(crate) rows: Rows<NamedBytes>,
}

/// The rows of a project as the page gives them: of its task, and of those beside it.
pub(crate) struct GivenRows {
    pub(crate) rows: Rows<NamedBytes>,
    pub(crate) own_name: Option<String>,
    pub(crate) beside: Vec<GivenTask>,
}

impl StoredProject {
    /// One for a run that is of none.
    fn of_run(run: &OfRun) -> Self {
        let SavedRun { id, file, task, model, read, data_sha256, saved_ms, .. } = &run.saved;
        let of_hash = |sha256: &Option<String>| run.files.iter().find(|file| Some(&file.sha256) == sha256.as_ref());
        let rows = [&data_sha256.train, &data_sha256.valid, &data_sha256.test].map(|hash| of_hash(hash).cloned());
        let first = rows[0].as_ref().map_or(file.as_str(), |train| train.name.as_str());
        let name = first.rsplit_once('.').map_or(first, |(name, _)| name).to_owned();
        let (id, model, page) = (id.clone(), Some(model.clone()), run.page.clone());
        let state = ProjectState { id, name, task: *task, model, read: read.clone(), page, renamed: Vec::new() };
        let (own_name, beside, model_files) = (None, Vec::new(), Vec::new());
        Self { state, rows, own_name, beside, model_files, changed_ms: *saved_ms }
    }

    /// All files that it names.
    pub(crate) fn files(&self) -> impl Iterator<Item = &SharedFile> {
        let beside = self.beside.iter().flat_map(|task| task.rows.iter().flatten());
        self.rows.iter().flatten().chain(beside).chain(&self.model_files)
    }

    fn hashes(&self) -> impl Iterator<Item = (&str, u64)> {
        self.files().map(|file| (file.sha256.as_str(), file.bytes))
    }
}

/// A run that was saved, and its files.
struct OfRun {
    /// Without the bytes of files.
    saved: SavedRun,
    files: Vec<SharedFile>,
    page: String,
    /// The project that it names.
    project: Option<String>,
}

impl OfRun {
    async fn of(found: FoundRun) -> Self {
        let project = found.text(PROJECT_FILE).await;
        let files = found.inputs.shared_files().into_iter().cloned().collect();
        let page = found.page().to_owned();
        Self { saved: found.saved(0, String::new()), files, page, project }
    }
}

/// All projects with their runs. Nothing large is read.
///
/// # Errors
/// When the storage can't be read.
pub(crate) async fn list() -> Result<KeptProjects, DiskError> {
    let folder = kept_runs::folder().await?;
    let mut runs = Vec::new();
    for id in kept_runs::ids(&folder).await? {
        // Of those that can't be read the list of runs says so.
        if let Ok(Some(found)) = FoundRun::find(&folder, &id).await {
            runs.push(OfRun::of(found).await);
        }
    }
    let (mut projects, unreadable) = all().await?;
    let made = make_for(&mut runs, &projects, &unreadable).await?;
    projects.extend(made);
    let mut owners: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for stored in &projects {
        for (sha256, _) in stored.hashes() {
            owners.entry(sha256).or_default().insert(&stored.state.id);
        }
    }
    for run in &runs {
        for file in &run.files {
            owners.entry(&file.sha256).or_default().insert(run.project.as_deref().unwrap_or_default());
        }
    }
    let saved = projects.iter().map(|stored| {
        let own: Vec<&OfRun> = runs.iter().filter(|run| run.project.as_ref() == Some(&stored.state.id)).collect();
        let of_runs = own.iter().flat_map(|run| &run.files).map(|file| (file.sha256.as_str(), file.bytes));
        let files: BTreeMap<&str, u64> = stored.hashes().chain(of_runs).collect();
        let is_its_alone = |sha256: &str| owners.get(sha256).is_none_or(|owners| owners.len() == 1);
        let of_files: u64 = files.iter().filter(|(sha256, _)| is_its_alone(sha256)).map(|(_, bytes)| bytes).sum();
        SavedProject {
            state: ProjectState { page: String::new(), ..stored.state.clone() },
            file: stored.rows[0].as_ref().map(|file| file.name.clone()),
            changed_ms: stored.changed_ms,
            runs: own.iter().map(|run| run.saved.id.clone()).collect(),
            bytes: of_files + own.iter().map(|run| run.saved.bytes).sum::<u64>(),
        }
    });
    let projects = saved.collect();
    let unread_reason = (!unreadable.is_empty()).then(|| "what says how a project stands is damaged".to_owned());
    Ok(KeptProjects { projects, unreadable, unread_reason })
}

/// Makes projects for runs that are of none of these, one for the runs of the same rows and task; and notes them in the runs.
/// Those of a project that can't be read stay with it.
async fn make_for(
    runs: &mut [OfRun],
    projects: &[StoredProject],
    unreadable: &[String],
) -> Result<Vec<StoredProject>, DiskError> {
    let mut made: Vec<StoredProject> = Vec::new();
    // The newest run says how the project stands.
    for run in runs.iter_mut().rev() {
        let is_there = |id: &String| projects.iter().any(|stored| stored.state.id == *id);
        if run.project.as_ref().is_some_and(|id| is_there(id) || unreadable.contains(id)) {
            continue;
        }
        let train = run.saved.data_sha256.train.as_ref();
        let is_like = |stored: &&StoredProject| {
            stored.state.task == run.saved.task && stored.rows[0].as_ref().map(|file| &file.sha256) == train
        };
        let id = match made.iter().find(is_like) {
            Some(stored) => stored.state.id.clone(),
            None => {
                let mut stored = StoredProject::of_run(run);
                while is_there(&stored.state.id) || unreadable.contains(&stored.state.id) {
                    stored.state.id = later_id(&stored.state.id);
                }
                write(&stored).await?;
                made.push(stored);
                made.last().expect("it was just pushed").state.id.clone()
            }
        };
        name_project(&run.saved.id, &id).await?;
        run.project = Some(id);
    }
    Ok(made)
}

/// Notes in a run of which project it is, if it is of none yet.
///
/// # Errors
/// When the storage refuses it.
pub(crate) async fn take_run(run: &str, project: &str) -> Result<(), DiskError> {
    let Some(folder) = kept_runs::folder().await?.existing(run).await? else { return Ok(()) };
    if folder.size(PROJECT_FILE).await?.is_some_and(|bytes| bytes > 0) {
        return Ok(());
    }
    folder.write(PROJECT_FILE, project.as_bytes()).await
}

/// The project that a run is of, as it stands; `None` where it is of none that can be read.
pub(crate) async fn find_of(run: &FoundRun) -> Option<StoredProject> {
    let id = run.text(PROJECT_FILE).await?;
    find(&id).await.ok().flatten()
}

async fn name_project(run: &str, project: &str) -> Result<(), DiskError> {
    let folder = kept_runs::folder().await?.existing(run).await?.ok_or(DiskError::Missing)?;
    folder.write(PROJECT_FILE, project.as_bytes()).await
}

/// Writes a project as it stands. `given` is `None` where its rows are those that are kept of it; `model_files` are those of the model
/// that is loaded, where that is the project's and the files the person's own. `None` where no model of the project is loaded: the
/// files that are kept of one stay, also while another is merely chosen.
///
/// # Errors
/// No storage, or no room: what was kept of it stays. Also where its rows are to stay, and nothing is kept of it any more.
pub(crate) async fn keep(
    mut state: ProjectState,
    given: Option<GivenRows>,
    model_files: Option<Vec<SharedFile>>,
) -> Result<(), DiskError> {
    if !is_id(&state.id) {
        return Err(DiskError::Missing);
    }
    let before = find(&state.id).await?;
    let is_local = |state: &ProjectState| matches!(state.model, Some(ModelSource::Local { .. }));
    let model_files = match (model_files, before.as_ref().filter(|before| !before.model_files.is_empty())) {
        (Some(files), _) => files,
        (None, Some(before)) => {
            if is_local(&state) && is_local(&before.state) {
                state.model.clone_from(&before.state.model); // the one that is loaded is of another project
            }
            before.model_files.clone()
        }
        (None, None) => Vec::new(),
    };
    let changed_ms = js_sys::Date::now();
    let Some(GivenRows { rows, own_name, beside }) = given else {
        let before = before.ok_or(DiskError::Missing)?;
        return write(&StoredProject { state, model_files, changed_ms, ..before }).await;
    };
    let shared = SharedFiles::open(&kept_runs::folder().await?).await?;
    let own = keep_rows(&shared, &rows).await?;
    let mut stored = StoredProject { state, rows: own, own_name, beside: Vec::new(), model_files, changed_ms };
    for GivenTask { name, task, read, rows } in &beside {
        let rows = keep_rows(&shared, rows).await?;
        stored.beside.push(StoredTask { name: name.clone(), task: *task, read: read.clone(), rows });
    }
    write(&stored).await?;
    // Another tab may have removed a file that was nobody's until now.
    keep_missing(&shared, &stored.rows, &rows).await?;
    for (stored, given) in stored.beside.iter().zip(&beside) {
        keep_missing(&shared, &stored.rows, &given.rows).await?;
    }
    Ok(())
}

async fn keep_missing(
    shared: &SharedFiles,
    stored: &Rows<SharedFile>,
    rows: &Rows<NamedBytes>,
) -> Result<(), DiskError> {
    for (file, (name, bytes)) in stored.iter().flatten().zip(rows.iter().flatten()) {
        if !shared.has(file).await? {
            shared.keep(name, bytes).await?;
        }
    }
    Ok(())
}

async fn keep_rows(shared: &SharedFiles, rows: &Rows<NamedBytes>) -> Result<Rows<SharedFile>, DiskError> {
    let mut stored = [const { None }; 3];
    for (slot, file) in stored.iter_mut().zip(rows) {
        if let Some((name, bytes)) = file {
            *slot = Some(shared.keep(name, bytes).await?);
        }
    }
    Ok(stored)
}

/// Some rows of a project; why one is missing goes to `missing`, in words.
///
/// # Errors
/// When the storage can't be read.
pub(crate) async fn read_rows(
    stored: &Rows<SharedFile>,
    missing: &mut Vec<String>,
) -> Result<Rows<NamedBytes>, DiskError> {
    let shared = SharedFiles::open(&kept_runs::folder().await?).await?;
    let mut rows: Rows<NamedBytes> = [const { None }; 3];
    for (row, file) in rows.iter_mut().zip(stored) {
        let Some(file) = file else { continue };
        match shared.read(file).await {
            Ok(bytes) => *row = Some((file.name.clone(), bytes)),
            Err(error) => missing.push(format!("{}: {}", file.name, error.reason())),
        }
    }
    Ok(rows)
}

/// The files of the model of a project.
///
/// # Errors
/// When one is not there, or not what was written.
pub(crate) async fn read_model(stored: &StoredProject) -> Result<Vec<NamedBytes>, DiskError> {
    let shared = SharedFiles::open(&kept_runs::folder().await?).await?;
    let mut files = Vec::with_capacity(stored.model_files.len());
    for file in &stored.model_files {
        files.push((file.name.clone(), shared.read(file).await?));
    }
    Ok(files)
}

/// Whether the files of the model of a project are there.
pub(crate) async fn has_model(stored: &StoredProject) -> bool {
    let Ok(runs) = kept_runs::folder().await else { return false };
    let Ok(shared) = SharedFiles::open(&runs).await else { return false };
    !stored.model_files.is_empty() && shared.has_all(&stored.model_files).await.unwrap_or(false)
}

/// Gives a project another name.
///
/// # Errors
/// When it is not there, or the storage refuses it.
pub(crate) async fn name(id: &str, name: String) -> Result<(), DiskError> {
    let mut stored = find(id).await?.ok_or(DiskError::Missing)?;
    stored.state.name = name;
    write(&stored).await
}

/// Keeps a copy of a project, without its runs.
///
/// # Errors
/// When it is not there, or the storage refuses it.
pub(crate) async fn duplicate(id: &str, name: String) -> Result<(), DiskError> {
    let mut copy = find(id).await?.ok_or(DiskError::Missing)?;
    copy.state.id = packed::next_id().await?;
    (copy.state.name, copy.changed_ms) = (name, js_sys::Date::now());
    write(&copy).await
}

/// Ids of the runs that name a project, also of those that can't be read.
///
/// # Errors
/// When the storage can't be read.
pub(crate) async fn runs_of(id: &str) -> Result<Vec<String>, DiskError> {
    let folder = kept_runs::folder().await?;
    let mut found = Vec::new();
    for run in kept_runs::ids(&folder).await? {
        let Some(of_run) = folder.existing(&run).await? else { continue };
        if of_run.read(PROJECT_FILE).await?.is_some_and(|project| project == id.as_bytes()) {
            found.push(run);
        }
    }
    Ok(found)
}

/// Removes a project with its runs, and the files that no other has.
///
/// # Errors
/// When the storage does not let it go.
pub(crate) async fn remove(id: &str) -> Result<(), DiskError> {
    if !is_id(id) {
        return Err(DiskError::Missing);
    }
    let runs = kept_runs::folder().await?;
    for run in runs_of(id).await? {
        runs.remove(&run).await?;
    }
    folder().await?.remove(id).await?;
    let _ = kept_runs::remove_unused_files(&runs).await; // what can't go now goes with the next
    Ok(())
}
