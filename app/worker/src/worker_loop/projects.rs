//! The commands of project files: a kept run is put into one, and the run of one is kept.

use hone_core::project::Project;
use hone_core::session::protocol::{Problem, ProblemKind, Reply};

use super::opening::{find_run, unreadable};
use super::{Answer, has_room};
use crate::disk::DiskError;
use crate::errors;
use crate::export::not_packed;
use crate::heap_file::HeapFile;
use crate::kept::NamedBytes;
use crate::kept_run::ImportedRun;
use crate::kept_runs;
use crate::run_lock::RunLock;

/// Puts a kept run with all that it needs into one file.
pub(super) async fn save(id: &str) -> Answer {
    let _lock = RunLock::acquire().await?;
    let found = find_run(id).await?;
    check_room("the rows and the model of the run", found.project_bytes())?;
    check_size(found.project_bytes() + found.step_bytes())?;
    let note = kept_runs::note_of(&found).await;
    let project = found.to_project(note).await.map_err(|error| unreadable(&error))?;
    let mut zip = project.into_zip(HeapFile::default()).map_err(|error| not_packed(&error))?;
    found.add_step_to(&mut zip).await?;
    let parts = zip.finish().map_err(|error| not_packed(&error))?.into_parts();
    let damage = found.damage().map(|damage| {
        let step = found.state().step;
        let message = format!(
            "what was saved of this run last is damaged ({damage}): the file has the run as it was saved before, at step {step}"
        );
        errors::problem(ProblemKind::Storage, message, "whoever goes on with it computes the steps since then again")
    });
    Ok((Reply::Exported { damage }, parts))
}

/// Keeps the run of a project file, under a number of the page.
pub(super) async fn import((name, bytes): &NamedBytes, number: u32) -> Result<Reply, Problem> {
    let _lock = RunLock::acquire().await?;
    check_room(&format!("{name}, packed and unpacked,"), u64::from(bytes.length()).saturating_mul(2))?;
    let refused = |reason: String| {
        let hint = "choose a file that “Save as file” made, in the table of runs at the step Train";
        errors::problem(ProblemKind::Data, format!("{name} was not opened: {reason}"), hint)
    };
    let project = Project::from_zip(&bytes.to_vec()).map_err(|error| refused(error.to_string()))?;
    let run = ImportedRun::of(project, number).await.map_err(refused)?;
    match kept_runs::import(run).await {
        Ok(id) => Ok(Reply::Imported { id }),
        Err(error @ DiskError::Full) => Err(kept_runs::problem(&error, &format!("{name} can't be kept"), None).await),
        Err(error) => {
            let message = format!("{name} can't be kept: {}", error.reason());
            let hint =
                "private windows and strict settings have no storage; hone train --project runs it in a terminal";
            Err(errors::problem(ProblemKind::Storage, message, hint))
        }
    }
}

/// Whether a project file of so many bytes could be read again.
fn check_size(bytes: u64) -> Result<(), Problem> {
    if bytes <= Project::MAX_BYTES {
        return Ok(());
    }
    let [has, most] = [bytes, Project::MAX_BYTES].map(|bytes| bytes / 1_000_000);
    let message = format!("the run has {has} MB, and of a project file at most {most} MB are read");
    Err(errors::problem(ProblemKind::Storage, message, "the run stays in this browser; its model can be exported"))
}

/// Whether `what` has room in memory.
fn check_room(what: &str, bytes: u64) -> Result<(), Problem> {
    if usize::try_from(bytes).is_ok_and(has_room) {
        return Ok(());
    }
    let message = format!("{what} would take {} MB, which the browser's memory has no room for", bytes / 1_000_000);
    Err(errors::problem(ProblemKind::Storage, message, "reload the page, and try again before a model is loaded"))
}
