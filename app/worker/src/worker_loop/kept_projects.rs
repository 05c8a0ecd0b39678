//! The commands of projects that are kept on the disk, and of models that are: they are listed, opened, named, copied, deleted.

use hone_core::session::protocol::{
    KeptModels, KeptProjects, NamedBlob, OpenedProject, Problem, ProblemKind, ProjectFiles, ProjectState, Reply,
};
use js_sys::Uint8Array;

use super::run::Run;
use super::{Answer, Worker};
use crate::disk::{self, DiskError};
use crate::kept::{KeptFiles, KeptModel, NamedBytes};
use crate::mailbox::Letter;
use crate::run_lock::RunLock;
use crate::{cached_models, errors, kept_projects, kept_runs};

/// The project of runs that are started from now on.
pub(super) struct ProjectInUse {
    pub(super) id: String,
    _lock: RunLock,
}

impl Worker {
    /// What is kept, or why that can't be read.
    pub(super) async fn list_projects() -> Reply {
        let kept = kept_projects::list().await.unwrap_or_else(|error| {
            let unread_reason = Some(error.reason().to_owned());
            KeptProjects { unread_reason, ..KeptProjects::default() }
        });
        Reply::Projects { kept }
    }

    /// Keeps a project as it stands, and takes it for the one of runs that are started from now on.
    pub(super) async fn keep_project(
        &mut self,
        state: ProjectState,
        files: Option<ProjectFiles>,
        blobs: &[Uint8Array],
    ) -> Result<Reply, Problem> {
        if self.project.as_ref().is_none_or(|open| open.id != state.id) {
            self.take_project(&state.id).await?;
        }
        let file = |named: Option<NamedBlob>| named.map(|named| Letter::file(blobs, &named)).transpose();
        let rows: Option<[Option<NamedBytes>; 3]> = match files {
            Some(ProjectFiles { train, valid, test }) => Some([file(train)?, file(valid)?, file(test)?]),
            None => None,
        };
        let id = state.id.clone();
        if let Err(error) = kept_projects::keep(state, rows).await {
            return Err(kept_runs::problem(&error, "the project can't be kept", None).await);
        }
        // A run that began before its project was kept.
        if let Some(run) = self.run.as_ref().and_then(Run::kept_id) {
            let _ = kept_projects::take_run(run, &id).await; // else a project is made of it
        }
        Ok(Reply::Done)
    }

    async fn take_project(&mut self, id: &str) -> Result<(), Problem> {
        self.project = None;
        let lock = RunLock::of_project(id).await.ok_or_else(errors::project_elsewhere)?;
        self.project = Some(ProjectInUse { id: id.to_owned(), _lock: lock });
        Ok(())
    }

    /// Gives the page a project. One that is open in another tab is given, too, and is not that of runs here.
    pub(super) async fn open_project(&mut self, id: &str) -> Answer {
        let stored = kept_projects::find(id).await.map_err(|error| refused("opened", &error))?;
        let Some(stored) = stored else {
            let message = "this project is not in the browser's storage any more, or can't be read";
            return Err(errors::problem(ProblemKind::Storage, message, "open another, or start a new one"));
        };
        let is_own = self.project.as_ref().is_some_and(|open| open.id == id);
        // A page that was reloaded leaves it a moment later.
        let is_elsewhere = !is_own && self.take_project(id).await.is_err() && self.take_project(id).await.is_err();
        let (rows, missing) = kept_projects::rows_of(&stored).await.map_err(|error| refused("opened", &error))?;
        let mut blobs = Vec::new();
        let [train, valid, test] = rows.map(|row| {
            row.map(|(name, bytes)| {
                blobs.push(bytes);
                NamedBlob { name, blob: blobs.len() - 1 }
            })
        });
        let problem = missing.map(|missing| {
            let hint = "choose the files again; the recipe and all else is as it was";
            errors::problem(ProblemKind::Storage, format!("not all rows of the project can be read: {missing}"), hint)
        });
        let files = ProjectFiles { train, valid, test };
        let opened = Box::new(OpenedProject { state: stored.state, files, is_elsewhere, problem });
        Ok((Reply::Project { opened }, blobs))
    }

    /// Deletes a project with its runs.
    pub(super) async fn drop_project(&mut self, id: &str) -> Result<Reply, Problem> {
        let runs = kept_projects::runs_of(id).await.map_err(|error| refused("deleted", &error))?;
        let _lock = match &self.run {
            Some(run) if run.kept_id().is_some_and(|going| runs.iter().any(|run| run == going)) => {
                return Err(errors::run_goes_on());
            }
            Some(_) => None, // it holds the lock
            None => Some(RunLock::acquire().await?),
        };
        let _of_project = self.lock_of_project(id).await?;
        let _own = self.project.take_if(|open| open.id == id);
        kept_projects::remove(id).await.map(|()| Reply::Done).map_err(|error| refused("deleted", &error))
    }

    /// Gives a project another name. What another tab has open is kept by that tab alone.
    pub(super) async fn name_project(&self, id: &str, name: String) -> Result<Reply, Problem> {
        let _of_project = self.lock_of_project(id).await?;
        kept_projects::name(id, name).await.map(|()| Reply::Done).map_err(|error| refused("renamed", &error))
    }

    /// Held while a project is changed; `None` where it is the one in use, whose lock is held anyway.
    async fn lock_of_project(&self, id: &str) -> Result<Option<RunLock>, Problem> {
        if self.project.as_ref().is_some_and(|open| open.id == id) {
            return Ok(None);
        }
        RunLock::of_project(id).await.map(Some).ok_or_else(errors::project_elsewhere)
    }

    /// The models that are kept, and where.
    pub(super) async fn list_models(&self) -> Reply {
        let listed = cached_models::list(self.loaded_path()).await;
        let (models, unread_reason) = match listed {
            Ok(models) => (models, None),
            Err(error) => (Vec::new(), Some(error.reason().to_owned())),
        };
        Reply::Models { kept: KeptModels { place: disk::place(), models, unread_reason } }
    }

    /// Deletes a model that is not loaded.
    pub(super) async fn drop_model(&self, address: &str, id: &str, revision: &str) -> Result<Reply, Problem> {
        if self.loaded_path() == Some(&cached_models::path_of(address, id, revision)[..]) {
            let hint = "load another model first: a device that is lost needs these files again";
            return Err(errors::problem(ProblemKind::Storage, format!("{id} is loaded"), hint));
        }
        let _lock = match &self.run {
            Some(_) => None, // it holds the lock
            None => Some(RunLock::acquire().await?),
        };
        cached_models::remove(address, id, revision).await.map(|()| Reply::Done).map_err(|error| {
            let message = format!("{id} can't be deleted: {}", error.reason());
            errors::problem(ProblemKind::Storage, message, "close other tabs of this page, and try again")
        })
    }

    /// Where the files of the loaded model are kept.
    fn loaded_path(&self) -> Option<&[String]> {
        match self.model.as_ref() {
            Some(KeptModel { files: KeptFiles::OnDisk(path), .. }) => Some(path),
            _ => None,
        }
    }
}

/// Keeps a copy of a project.
pub(super) async fn duplicate_project(id: &str, name: String) -> Result<Reply, Problem> {
    kept_projects::duplicate(id, name).await.map(|()| Reply::Done).map_err(|error| refused("copied", &error))
}

fn refused(what: &str, error: &DiskError) -> Problem {
    let message = format!("the project can't be {what}: {}", error.reason());
    errors::problem(ProblemKind::Storage, message, "close other tabs of this page, and try again")
}
