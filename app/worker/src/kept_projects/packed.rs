//! A kept project in a project file, and one of a project file as a kept project: rows, recipe and a model of the person's own; its
//! runs go in and come out beside it (`kept_run`).

use std::collections::BTreeMap;

use hone_core::project::{DraftFile, DraftPart, ProjectDraft};
use hone_core::session::protocol::{Problem, ProjectState, RenamedRun};

use super::{StoredProject, StoredTask, folder, is_id, later_id, name_project, write};
use crate::disk::DiskError;
use crate::kept_run::{Hashes, PackedProject, Packing, add_shared, hashed, keep_packed};
use crate::kept_runs;
use crate::shared_files::{SharedFile, SharedFiles};

/// Characters of a name at most, as on the page.
const MAX_NAME_CHARS: usize = 80;

/// What a project file says of a project, and the files that go with it. A file that is not there any more is left out.
///
/// # Errors
/// When the storage can't be read.
pub(crate) async fn to_draft(stored: &StoredProject) -> Result<(ProjectDraft, Vec<SharedFile>), DiskError> {
    let shared = SharedFiles::open(&kept_runs::folder().await?).await?;
    let mut files: BTreeMap<&str, &SharedFile> = BTreeMap::new();
    for file in stored.files() {
        if shared.has(file).await? {
            files.insert(&file.sha256, file);
        }
    }
    let draft_file = |file: &SharedFile| DraftFile { name: file.name.clone(), sha256: file.sha256.clone() };
    let of_file = |file: &Option<SharedFile>| {
        file.as_ref().filter(|file| files.contains_key(file.sha256.as_str())).map(draft_file)
    };
    let of_task = |StoredTask { name, task, read, rows }: &StoredTask| DraftPart {
        name: name.clone(),
        task: *task,
        read: read.clone(),
        rows: rows.each_ref().map(of_file),
    };
    let has_model = stored.model_files.iter().all(|file| files.contains_key(file.sha256.as_str()));
    let ProjectState { task, model, read, page, .. } = stored.state.clone();
    let draft = ProjectDraft {
        task,
        model,
        read,
        rows: stored.rows.each_ref().map(of_file),
        own_name: stored.own_name.clone(),
        beside: stored.beside.iter().map(of_task).collect(),
        model_files: stored.model_files.iter().filter(|_| has_model).map(draft_file).collect(),
        page,
    };
    Ok((draft, files.into_values().cloned().collect()))
}

/// Adds the files of a draft to a project file.
///
/// # Errors
/// When one can't be read, or the project file takes no more.
pub(crate) async fn add_files(packing: &mut Packing, files: &[SharedFile]) -> Result<(), Problem> {
    let opened = match kept_runs::folder().await {
        Ok(runs) => SharedFiles::open(&runs).await,
        Err(error) => Err(error),
    };
    let shared = opened.map_err(|error| error.problem("the project can't be saved as a file"))?;
    for file in files {
        let is_begun = packing.begin_shared(&file.name, &file.sha256, file.bytes);
        add_shared(packing, is_begun, &shared, file).await?;
    }
    Ok(())
}

/// Keeps the project of a project file that says what it is, with these runs of it; its id.
///
/// # Errors
/// No storage, or no room.
pub(crate) async fn import(project: &mut PackedProject, runs: Vec<RenamedRun>) -> Result<Option<String>, DiskError> {
    let (Some(name), Some(draft)) = (project.name().map(str::to_owned), project.draft().cloned()) else {
        return Ok(None);
    };
    let shared = SharedFiles::open(&kept_runs::folder().await?).await?;
    let (mut hashes, mut files) = (Hashes::new(), BTreeMap::new());
    for DraftFile { name, sha256 } in draft.files() {
        let packed = project.shared(sha256).cloned().ok_or(DiskError::Missing)?;
        let stored = hashed(project, &packed, &mut hashes).map_err(DiskError::Unavailable)?;
        if stored.sha256 != *sha256 {
            return Err(DiskError::Damaged(format!("{name} in it is not what was saved")));
        }
        keep_packed(project, &packed, &shared, &stored).await?;
        files.insert(sha256.clone(), stored);
    }
    let of_file = |file: &DraftFile| {
        files.get(&file.sha256).map(|stored| SharedFile { name: file.name.clone(), ..stored.clone() })
    };
    let of_rows = |rows: &[Option<DraftFile>; 3]| rows.each_ref().map(|file| file.as_ref().and_then(of_file));
    let of_task = |DraftPart { name, task, read, rows }: &DraftPart| StoredTask {
        name: name.clone(),
        task: *task,
        read: read.clone(),
        rows: of_rows(rows),
    };
    let mut name: String = name.trim().chars().take(MAX_NAME_CHARS).collect();
    if name.is_empty() {
        name.push_str("project"); // the list shows it by its name
    }
    let id = next_id().await?;
    let (rows, beside) = (of_rows(&draft.rows), draft.beside.iter().map(of_task).collect());
    let model_files = draft.model_files.iter().filter_map(of_file).collect();
    let ProjectDraft { task, model, read, own_name, page, .. } = draft;
    let ids: Vec<String> = runs.iter().map(|run| run.id.clone()).collect();
    let state = ProjectState { id: id.clone(), name, task, model, read, page, renamed: runs };
    let changed_ms = js_sys::Date::now();
    write(&StoredProject { state, rows, own_name, beside, model_files, changed_ms }).await?;
    for run in &ids {
        if let Err(error) = name_project(run, &id).await {
            let _ = folder().await?.remove(&id).await; // its runs go, too
            return Err(error);
        }
    }
    Ok(Some(id))
}

/// An id that no project has.
pub(super) async fn next_id() -> Result<String, DiskError> {
    let taken = folder().await?.names().await?;
    let mut id = format!("{:013.0}", js_sys::Date::now());
    while taken.iter().filter(|name| is_id(name)).any(|name| *name == id) {
        id = later_id(&id);
    }
    Ok(id)
}
