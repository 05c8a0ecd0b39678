//! The commands of project files: a kept run, or a project with all of its runs, is put into one, and the runs of one are kept.

use std::collections::{BTreeMap, BTreeSet};

use hone_core::project::{Project, ProjectReader};
use hone_core::session::protocol::{Problem, ProblemKind, Reply};
use web_sys::Blob;

use super::opening::{find_run, unreadable};
use crate::blob_file::BlobFile;
use crate::disk::DiskError;
use crate::errors;
use crate::export::not_packed;
use crate::growing_blob::GrowingBlob;
use crate::kept_projects;
use crate::kept_run::{FoundRun, PackedProject, Packing};
use crate::kept_runs;
use crate::run_lock::RunLock;
use crate::shared_files::SharedFile;

/// Puts a kept run with all that it needs into one file.
pub(super) async fn save(id: &str) -> Result<(Reply, Blob), Problem> {
    let _lock = RunLock::acquire().await?;
    let found = find_run(id).await?;
    check_size("the run", found.inputs.shared_files(), [&found])?;
    let about = found.about(kept_runs::note_of(&found).await);
    let mut packing = Packing::of_one_run(GrowingBlob::default(), &about).map_err(|error| not_packed(&error))?;
    found.add_to(&mut packing, &about).await?;
    finish(packing, damage_of(&found).into_iter().collect())
}

/// Puts a kept project with all of its runs into one file; `best` is the run that is taken where nobody chooses.
pub(super) async fn pack(id: &str, best: Option<&str>) -> Result<(Reply, Blob), Problem> {
    let _lock = RunLock::acquire().await?;
    let stored = kept_projects::find(id).await.map_err(|error| unreadable(&error))?;
    let Some(stored) = stored else {
        let message = "this project is not in the browser's storage any more, or can't be read";
        return Err(errors::problem(ProblemKind::Storage, message, "open another, or start a new one"));
    };
    let (mut runs, mut wrong) = (Vec::new(), Vec::new());
    for run in kept_projects::runs_of(id).await.map_err(|error| unreadable(&error))? {
        match kept_runs::find(&run).await {
            Ok(Some(mut found)) => match found.check().await {
                Ok(()) => {
                    wrong.extend(damage_of(&found));
                    runs.push((run, found));
                }
                Err(error) => wrong.push(format!("run {} is not in the file: {}", found.number(), error.reason())),
            },
            Ok(None) => match kept_runs::was_saved(&run).await {
                Ok(false) => {} // it was cut off before that
                _ => wrong.push("a run that can't be read is not in the file".to_owned()),
            },
            Err(error) => wrong.push(format!("a run is not in the file: {}", error.reason())),
        }
    }
    let (mut draft, shared) = kept_projects::to_draft(&stored).await.map_err(|error| unreadable(&error))?;
    // A run that itself came in a file has another id here than there; the page's notes name runs by their ids.
    let ids_in_file = runs.iter().filter_map(|(id, found)| Some((id.as_str(), found.id_in_file()?)));
    draft.rename_runs(&ids_in_file.collect());
    let is_lost = |file: &&SharedFile| shared.iter().all(|kept| kept.sha256 != file.sha256);
    let lost: BTreeSet<&str> = stored.files().filter(is_lost).map(|file| file.name.as_str()).collect();
    wrong.extend(lost.into_iter().map(|name| format!("{name} is lost, and not in the file")));
    let of_runs = runs.iter().flat_map(|(_, found)| found.inputs.shared_files());
    check_size("the project", shared.iter().chain(of_runs), runs.iter().map(|(_, found)| found))?;
    let main = best.and_then(|best| runs.iter().position(|(id, _)| id == best));
    let packing = Packing::new(GrowingBlob::default(), &stored.state.name, main, Some(draft));
    let mut packing = packing.map_err(|error| not_packed(&error))?;
    kept_projects::add_files(&mut packing, &shared).await?;
    for (_, found) in &runs {
        let about = found.about(kept_runs::note_of(found).await);
        found.add_to(&mut packing, &about).await?;
    }
    finish(packing, wrong)
}

/// Closes a project file; `wrong` is what is to be said about it.
fn finish(packing: Packing, wrong: Vec<String>) -> Result<(Reply, Blob), Problem> {
    let file = packing.finish().and_then(GrowingBlob::into_blob).map_err(|error| not_packed(&error))?;
    let damage = (!wrong.is_empty()).then(|| {
        let hint = "whoever goes on with a run computes the steps since then again";
        errors::problem(ProblemKind::Storage, wrong.join("; "), hint)
    });
    Ok((Reply::Exported { damage, checked: None }, file))
}

/// What is to be said of a run of which the last that was saved is damaged.
fn damage_of(found: &FoundRun) -> Option<String> {
    found.damage().map(|damage| {
        let (number, step) = (found.number(), found.state().step);
        format!(
            "what was saved of run {number} last is damaged ({damage}): the file has the run as it was saved before, at step {step}"
        )
    })
}

/// Keeps the runs of a project file, the first of them under a number of the page. The file is read where it is.
pub(super) async fn import(name: &str, file: Blob, number: u32) -> Result<Reply, Problem> {
    let _lock = RunLock::acquire().await?;
    let refused = |reason: String| {
        let hint = "choose a file that “Save as file” made, in the table of runs at the step Train, or in the list of projects";
        errors::problem(ProblemKind::Data, format!("{name} was not opened: {reason}"), hint)
    };
    let file = BlobFile::open(file).map_err(refused)?;
    let mut project: PackedProject = ProjectReader::open(file).map_err(|error| refused(error.to_string()))?;
    let checked = kept_runs::check_import(&mut project, number).map_err(refused)?;
    let main = project.main().min(checked.len().saturating_sub(1));
    let num_runs = u32::try_from(checked.len()).unwrap_or(u32::MAX);
    match kept_runs::import(&mut project, checked).await {
        Ok((ids, project)) => Ok(Reply::Imported { id: ids.get(main).cloned(), num_runs, project }),
        Err(error @ DiskError::Full) => Err(kept_runs::problem(&error, &format!("{name} can't be kept"), None).await),
        Err(error) => {
            let message = format!("{name} can't be kept: {}", error.reason());
            let hint =
                "private windows and strict settings have no storage; hone train --project runs it in a terminal";
            Err(errors::problem(ProblemKind::Storage, message, hint))
        }
    }
}

/// Whether a project file of these files, each of which is in it once, and of these runs could be read again.
fn check_size<'a>(
    what: &str,
    files: impl IntoIterator<Item = &'a SharedFile>,
    runs: impl IntoIterator<Item = &'a FoundRun>,
) -> Result<(), Problem> {
    let files: BTreeMap<&str, u64> = files.into_iter().map(|file| (file.sha256.as_str(), file.bytes)).collect();
    let bytes = files.values().sum::<u64>() + runs.into_iter().map(FoundRun::bytes_of_step).sum::<u64>();
    if bytes <= Project::MAX_BYTES {
        return Ok(());
    }
    let [has, most] = [bytes, Project::MAX_BYTES].map(|bytes| bytes / 1_000_000);
    let message = format!("{what} has {has} MB, and of a project file at most {most} MB are read");
    let hint = "it stays in this browser; runs can be saved one by one, and models exported";
    Err(errors::problem(ProblemKind::Storage, message, hint))
}
