//! Projects that are kept on the disk, `projects/<id>/` each: how they stand is one file of JSON, their rows lie among the files of
//! runs, and a run says in its own folder of which project it is. A run that is of none (it was made before there were projects,
//! or came in a project file) gets one that is made of it.

use std::collections::{BTreeMap, BTreeSet};

use hone_core::session::protocol::{KeptProjects, ProjectState, SavedProject, SavedRun};
use serde::{Deserialize, Serialize};

use crate::disk::{DiskError, DiskFolder};
use crate::kept::NamedBytes;
use crate::kept_run::FoundRun;
use crate::kept_runs;
use crate::shared_files::{SharedFile, SharedFiles};

const PROJECTS: &str = "projects";

/// How the names of files begin that say how a project stands. The newest that is whole counts: the one before goes once the next
/// is written.
const STATE: &str = "state-";

/// Id of the project that a run is of, in its folder.
const PROJECT_FILE: &str = "project.txt";

/// Files of rows: training, validation, test.
pub(crate) type Rows<T> = [Option<T>; 3];

/// A project as it is written.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct StoredProject {
    pub(crate) state: ProjectState,
    pub(crate) rows: Rows<SharedFile>,
    /// Milliseconds since 1970.
    changed_ms: f64,
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
        let state = ProjectState { id, name, task: *task, model, read: read.clone(), page };
        Self { state, rows, changed_ms: *saved_ms }
    }

    fn hashes(&self) -> impl Iterator<Item = (&str, u64)> {
        self.rows.iter().flatten().map(|file| (file.sha256.as_str(), file.bytes))
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

async fn folder() -> Result<DiskFolder, DiskError> {
    DiskFolder::open(&[PROJECTS.to_owned()]).await
}

fn is_id(name: &str) -> bool {
    !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_digit())
}

/// Names of the files that say how a project stands, the newest last.
async fn states(project: &DiskFolder) -> Result<Vec<String>, DiskError> {
    let mut names = project.names().await?;
    names.retain(|name| name.starts_with(STATE));
    names.sort_unstable();
    Ok(names)
}

/// The project of an id; `None` where it is not there, or can't be read.
///
/// # Errors
/// When the storage can't be read.
pub(crate) async fn find(id: &str) -> Result<Option<StoredProject>, DiskError> {
    let project = if is_id(id) { folder().await?.existing(id).await? } else { None };
    let Some(project) = project else { return Ok(None) };
    for name in states(&project).await?.iter().rev() {
        // Half of one, or one that was damaged, is no JSON: the one before counts.
        if let Some(stored) = project.read_json(name).await? {
            return Ok(Some(stored));
        }
    }
    Ok(None)
}

/// Writes how a project stands in the place of what was written of it.
async fn write(stored: &StoredProject) -> Result<(), DiskError> {
    let project = folder().await?.folder(&stored.state.id).await?;
    let before = states(&project).await?;
    let number = |name: &String| name.trim_start_matches(STATE).trim_end_matches(".json").parse::<u32>().ok();
    let newest = before.last().and_then(number).unwrap_or(0);
    let json = serde_json::to_vec(stored).expect("a project holds only plain values");
    let name = state_name(newest + 1);
    if let Err(error) = project.write(&name, &json).await {
        let _ = project.remove(&name).await;
        return Err(error);
    }
    for name in before {
        let _ = project.remove(&name).await; // what can't go now goes with the next
    }
    Ok(())
}

/// Whether nothing was ever kept of a project: its first file is missing, or was cut off while it was written.
async fn is_never_kept(id: &str) -> Result<bool, DiskError> {
    let Some(project) = folder().await?.existing(id).await? else { return Ok(true) };
    Ok(states(&project).await?.iter().all(|name| *name == state_name(1)))
}

fn state_name(number: u32) -> String {
    format!("{STATE}{number:08}.json")
}

/// All projects that can be read, the oldest first, and whether there are others. One that was cut off before it was kept at all is
/// none: it goes where that can be.
async fn all() -> Result<(Vec<StoredProject>, bool), DiskError> {
    let mut ids = folder().await?.names().await?;
    ids.retain(|name| is_id(name));
    ids.sort_unstable();
    let (mut projects, mut has_others) = (Vec::new(), false);
    for id in ids {
        match find(&id).await? {
            Some(stored) => projects.push(stored),
            None => has_others |= !is_never_kept(&id).await?,
        }
    }
    Ok((projects, has_others))
}

/// SHA-256 of the files that projects have; `None` where one of them does not say which it has.
///
/// # Errors
/// When the storage can't be read.
pub(crate) async fn used_files() -> Result<Option<BTreeSet<String>>, DiskError> {
    let (projects, has_others) = all().await?;
    let hashes = projects.iter().flat_map(StoredProject::hashes).map(|(sha256, _)| sha256.to_owned());
    Ok((!has_others).then(|| hashes.collect()))
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
    let (mut projects, has_others) = all().await?;
    let made = make_for(&mut runs, &projects).await?;
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
    let unread_reason = has_others.then(|| "what says how a project stands is damaged".to_owned());
    Ok(KeptProjects { projects: saved.collect(), unread_reason })
}

/// Makes projects for runs that are of none of these, one for the runs of the same rows and task; and notes them in the runs.
async fn make_for(runs: &mut [OfRun], projects: &[StoredProject]) -> Result<Vec<StoredProject>, DiskError> {
    let mut made: Vec<StoredProject> = Vec::new();
    // The newest run says how the project stands.
    for run in runs.iter_mut().rev() {
        let is_there = |id: &String| projects.iter().any(|stored| stored.state.id == *id);
        if run.project.as_ref().is_some_and(is_there) {
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
                while is_there(&stored.state.id) {
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

/// The id after another.
fn later_id(id: &str) -> String {
    format!("{:013}", id.parse::<u64>().unwrap_or(0) + 1)
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

async fn name_project(run: &str, project: &str) -> Result<(), DiskError> {
    let folder = kept_runs::folder().await?.existing(run).await?.ok_or(DiskError::Missing)?;
    folder.write(PROJECT_FILE, project.as_bytes()).await
}

/// Writes a project as it stands; `rows` are `None` where they are those that are kept of it.
///
/// # Errors
/// No storage, or no room: what was kept of it stays. Also where its rows are to stay, and nothing is kept of it any more.
pub(crate) async fn keep(state: ProjectState, rows: Option<Rows<NamedBytes>>) -> Result<(), DiskError> {
    if !is_id(&state.id) {
        return Err(DiskError::Missing);
    }
    let Some(rows) = rows else {
        let rows = find(&state.id).await?.ok_or(DiskError::Missing)?.rows;
        return write(&StoredProject { state, rows, changed_ms: js_sys::Date::now() }).await;
    };
    let shared = SharedFiles::open(&kept_runs::folder().await?).await?;
    let mut stored = StoredProject { state, rows: [const { None }; 3], changed_ms: js_sys::Date::now() };
    for (slot, file) in stored.rows.iter_mut().zip(&rows) {
        if let Some((name, bytes)) = file {
            *slot = Some(shared.keep(name, bytes).await?);
        }
    }
    write(&stored).await?;
    // Another tab may have removed a file that was nobody's until now.
    for (file, bytes) in stored.rows.iter().flatten().zip(rows.iter().flatten()) {
        if !shared.has(file).await? {
            shared.keep(&bytes.0, &bytes.1).await?;
        }
    }
    Ok(())
}

/// The rows of a project, and why some are missing, in words.
///
/// # Errors
/// When the storage can't be read.
pub(crate) async fn rows_of(stored: &StoredProject) -> Result<(Rows<NamedBytes>, Option<String>), DiskError> {
    let shared = SharedFiles::open(&kept_runs::folder().await?).await?;
    let (mut rows, mut missing): (Rows<NamedBytes>, Vec<String>) = ([const { None }; 3], Vec::new());
    for (row, file) in rows.iter_mut().zip(&stored.rows) {
        let Some(file) = file else { continue };
        match shared.read(file).await {
            Ok(bytes) => *row = Some((file.name.clone(), bytes)),
            Err(error) => missing.push(format!("{}: {}", file.name, error.reason())),
        }
    }
    Ok((rows, (!missing.is_empty()).then(|| missing.join("; "))))
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
    let projects = folder().await?;
    let now_ms = js_sys::Date::now();
    copy.state.id = format!("{now_ms:013.0}");
    while projects.existing(&copy.state.id).await?.is_some() {
        copy.state.id = later_id(&copy.state.id);
    }
    (copy.state.name, copy.changed_ms) = (name, now_ms);
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
