//! The commands of project files: a kept run is put into one, and the run of one is kept.

use hone_core::project::Project;
use hone_core::session::protocol::{Problem, ProblemKind, Reply};
use js_sys::Uint8Array;

use super::opening::{find_run, unreadable};
use super::{Answer, has_room};
use crate::disk::DiskError;
use crate::errors;
use crate::kept::NamedBytes;
use crate::kept_run::ImportedRun;
use crate::kept_runs;
use crate::run_lock::RunLock;

/// Puts a kept run with all that it needs into one file.
pub(super) async fn save(id: &str) -> Answer {
    let _lock = RunLock::acquire().await?;
    let found = find_run(id).await?;
    check_room("the run", found.project_bytes())?;
    let note = kept_runs::note_of(&found).await;
    let project = found.to_project(note).await.map_err(|error| unreadable(&error))?;
    let zip = project.to_zip();
    Ok((Reply::Exported { blob: 0 }, vec![Uint8Array::from(zip.as_slice())]))
}

/// Keeps the run of a project file, under a number of the page.
pub(super) async fn import((name, bytes): &NamedBytes, number: u32) -> Result<Reply, Problem> {
    let _lock = RunLock::acquire().await?;
    check_room(name, u64::from(bytes.length()))?;
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

/// Whether `what` has room in memory twice, packed and unpacked.
fn check_room(what: &str, bytes: u64) -> Result<(), Problem> {
    let twice = usize::try_from(bytes.saturating_mul(2)).ok();
    if twice.is_some_and(has_room) {
        return Ok(());
    }
    let message =
        format!("{what} of {} MB does not fit into the browser's memory twice, packed and unpacked", bytes / 1_000_000);
    Err(errors::problem(ProblemKind::Storage, message, "reload the page, and try again before a model is loaded"))
}
