//! All runs that are kept on the disk, `runs/<id>/` each: they are listed with the room that each takes, noted on, and removed.
//! A run is removed only by the person, or where it was cut off before it was saved at all.

use std::collections::BTreeMap;

use hone_core::session::protocol::{KeptRuns, Problem};

use crate::disk::{DiskError, DiskFolder};
use crate::errors;
use crate::kept_projects;
use crate::kept_run::{FoundRun, Hashes, ImportedRun, Inputs, PackedProject};
use crate::kept_steps;
use crate::shared_files::SharedFiles;

const RUNS: &str = "runs";

/// What the person wrote about a run, in its folder.
const NOTE_FILE: &str = "note.txt";

/// The folder of all runs; made if it is not there.
pub(crate) async fn folder() -> Result<DiskFolder, DiskError> {
    DiskFolder::open(&[RUNS.to_owned()]).await
}

/// Ids of all runs, the oldest first.
pub(crate) async fn ids(runs: &DiskFolder) -> Result<Vec<String>, DiskError> {
    let mut ids = runs.names().await?;
    ids.retain(|name| is_id(name));
    ids.sort_unstable();
    Ok(ids)
}

fn is_id(name: &str) -> bool {
    !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_digit())
}

/// A name for a run that begins now: it is later than all others, also where the clock was set back.
pub(crate) async fn next_id() -> String {
    let newest = match folder().await {
        Ok(runs) => ids(&runs).await.ok().and_then(|ids| ids.last()?.parse::<u64>().ok()),
        Err(_) => None, // nothing is kept then
    };
    let now_ms = js_sys::Date::now() as u64;
    format!("{:013}", newest.map_or(now_ms, |newest| now_ms.max(newest + 1)))
}

/// The run of an id; `None` where it is not there, or not whole.
///
/// # Errors
/// When the storage can't be read.
pub(crate) async fn find(id: &str) -> Result<Option<FoundRun>, DiskError> {
    if is_id(id) { FoundRun::find(&folder().await?, id).await } else { Ok(None) }
}

/// All runs, without what is said elsewhere of other tabs. Nothing large is read.
///
/// # Errors
/// When the storage can't be read.
pub(crate) async fn list() -> Result<KeptRuns, DiskError> {
    let runs = folder().await?;
    let (mut found, mut unreadable, mut unread_reason) = (Vec::new(), Vec::new(), None);
    let reason = |error: &DiskError| Some(error.reason().to_owned());
    for id in ids(&runs).await? {
        match FoundRun::find(&runs, &id).await {
            Ok(Some(run)) => found.push(run),
            Ok(None) | Err(DiskError::Damaged(_)) => match is_saved(&runs, &id).await {
                Ok(true) => unreadable.push(id),
                Ok(false) => {} // it has just begun, or never came far
                Err(error) => unread_reason = reason(&error),
            },
            // That may pass: a run is not offered to be deleted for it.
            Err(error) => unread_reason = reason(&error),
        }
    }
    let hashes = |run: &FoundRun| -> BTreeMap<String, u64> {
        run.inputs.shared_files().into_iter().map(|file| (file.sha256.clone(), file.bytes)).collect()
    };
    let mut num_uses: BTreeMap<String, (u64, usize)> = BTreeMap::new();
    for (sha256, bytes) in found.iter().flat_map(hashes) {
        num_uses.entry(sha256).or_insert((bytes, 0)).1 += 1;
    }
    let mut kept = KeptRuns { unreadable, unread_reason, ..KeptRuns::default() };
    kept.shared_bytes = num_uses.values().filter(|(_, uses)| *uses > 1).map(|(bytes, _)| bytes).sum();
    let of_projects = kept_projects::used_files().await.unwrap_or_default();
    for run in found {
        let is_its_alone = |(sha256, _): &(String, u64)| {
            num_uses.get(sha256).is_none_or(|(_, uses)| *uses == 1) && !of_projects.contains(sha256)
        };
        let bytes: u64 = hashes(&run).into_iter().filter(is_its_alone).map(|(_, bytes)| bytes).sum();
        let note = note_of(&run).await;
        kept.runs.push(run.saved(bytes, note));
    }
    Ok(kept)
}

/// What the person wrote about a run.
pub(crate) async fn note_of(run: &FoundRun) -> String {
    run.text(NOTE_FILE).await.unwrap_or_default()
}

/// Checks all runs of a project file before anything of them is kept; the first has this number of the page.
///
/// # Errors
/// Why one can't be kept, in words.
pub(crate) fn check_import(project: &mut PackedProject, number: u32) -> Result<Vec<ImportedRun>, String> {
    let (runs, mut hashes) = (project.runs().to_vec(), Hashes::new());
    let are_several = runs.len() > 1;
    let mut checked = Vec::with_capacity(runs.len());
    for (number_there, (run, number)) in (1..).zip(runs.into_iter().zip(number..)) {
        let number_there: u32 = run.about.number.unwrap_or(number_there);
        let of_run = |reason| if are_several { format!("run {number_there} of it: {reason}") } else { reason };
        checked.push(ImportedRun::of(project, run, number, &mut hashes).map_err(of_run)?);
    }
    Ok(checked)
}

/// Keeps the runs of a project file, and the project where it says what that is; the ids under which they are.
///
/// # Errors
/// No storage, or no room: nothing of it is left then.
pub(crate) async fn import(
    project: &mut PackedProject,
    runs: Vec<ImportedRun>,
) -> Result<(Vec<String>, Option<String>), DiskError> {
    let folder = folder().await?;
    let mut ids = Vec::new();
    match import_into(project, runs, &folder, &mut ids).await {
        Ok(of_project) => Ok((ids, of_project)),
        Err(error) => {
            for id in &ids {
                let _ = folder.remove(id).await;
            }
            let _ = remove_unused_files(&folder).await;
            Err(error)
        }
    }
}

async fn import_into(
    project: &mut PackedProject,
    runs: Vec<ImportedRun>,
    folder: &DiskFolder,
    ids: &mut Vec<String>,
) -> Result<Option<String>, DiskError> {
    let mut renamed = Vec::new();
    for run in runs {
        let (id, said) = (next_id().await, run.note());
        ids.push(id.clone());
        renamed.push(run.renamed(&id));
        run.write(project, folder, &id).await?;
        if !said.is_empty() {
            note(&id, &said).await?;
        }
    }
    kept_projects::import(project, renamed).await
}

/// Writes what the person says about a run.
///
/// # Errors
/// When it is not there, or the storage refuses it.
pub(crate) async fn note(id: &str, note: &str) -> Result<(), DiskError> {
    let run = if is_id(id) { folder().await?.existing(id).await? } else { None };
    run.ok_or(DiskError::Missing)?.write(NOTE_FILE, note.as_bytes()).await
}

/// Removes a run, and the files that no other has.
///
/// # Errors
/// When the storage does not let the run go.
pub(crate) async fn remove(id: &str) -> Result<(), DiskError> {
    if !is_id(id) {
        return Err(DiskError::Missing);
    }
    let runs = folder().await?;
    runs.remove(id).await?;
    let _ = remove_unused_files(&runs).await; // the run is gone: what can't go now goes with the next
    Ok(())
}

/// Removes runs that were cut off before they were saved at all. None may be going on.
///
/// # Errors
/// When the storage refuses it.
pub(crate) async fn remove_never_saved(runs: &DiskFolder) -> Result<(), DiskError> {
    for id in ids(runs).await? {
        if !is_saved(runs, &id).await? {
            runs.remove(&id).await?;
        }
    }
    remove_unused_files(runs).await
}

/// Whether a run was saved at least once.
pub(crate) async fn was_saved(id: &str) -> Result<bool, DiskError> {
    is_saved(&folder().await?, id).await
}

async fn is_saved(runs: &DiskFolder, id: &str) -> Result<bool, DiskError> {
    match runs.existing(id).await? {
        Some(run) => kept_steps::is_saved(&run).await,
        None => Ok(false),
    }
}

/// Removes the files that no run and no project has any more; none of them while there is a run that does not say which it has.
///
/// # Errors
/// When the storage refuses it.
pub(crate) async fn remove_unused_files(runs: &DiskFolder) -> Result<(), DiskError> {
    let mut used = kept_projects::used_files().await?;
    for id in ids(runs).await? {
        let Some(run) = runs.existing(&id).await? else { continue };
        let Some(inputs) = Inputs::of_run(&run).await? else { return Ok(()) };
        used.extend(inputs.shared_files().into_iter().map(|file| file.sha256.clone()));
    }
    SharedFiles::open(runs).await?.keep_only(&used).await
}

/// Why something of a run could not be written, for the person; where there is no room, with the runs that take it, but for
/// the one that is `going`, by its id.
pub(crate) async fn problem(error: &DiskError, what: &str, going: Option<&str>) -> Problem {
    let mut problem = error.problem(what);
    if matches!(error, DiskError::Full)
        && let Ok(mut kept) = list().await
    {
        kept.runs.retain(|run| Some(run.id.as_str()) != going);
        if !kept.runs.is_empty() {
            problem.hint = errors::room_hint(&kept.runs);
        }
    }
    problem
}
