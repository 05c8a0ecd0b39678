//! The commands of projects that are kept on the disk, and of models that are: they are listed, opened, named, copied, deleted.

use hone_core::config::{ModelSource, ReadOptions, RunConfig};
use hone_core::session::Survey;
use hone_core::session::protocol::{
    KeptModels, KeptProjects, ModelInfo, NamedBlob, OpenedPart, OpenedProject, PartFiles, Problem, ProblemKind,
    ProjectFiles, ProjectState, Reply,
};
use hone_core::task::{DataReport, Task};
use js_sys::Uint8Array;

use super::run::Run;
use super::{Answer, Worker};
use crate::disk::{self, DiskError};
use crate::kept::{KeptData, KeptFiles, KeptModel, NamedBytes};
use crate::kept_projects::{GivenRows, GivenTask, StoredTask};
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
        let given = files.map(|files| given_rows(files, blobs)).transpose()?;
        let id = state.id.clone();
        let (model_files, not_kept) =
            match self.model.as_mut().filter(|model| state.model.as_ref() == Some(&model.source)) {
                Some(model) => match model.keep_for_project().await {
                    Ok(files) => (files, None),
                    Err(error) => (Some(Vec::new()), Some(error)),
                },
                None => (None, None),
            };
        if let Err(error) = kept_projects::keep(state, given, model_files).await {
            return Err(kept_runs::problem(&error, "the project can't be kept", None).await);
        }
        // A run that began before its project was kept.
        if let Some(run) = self.run.as_ref().and_then(Run::kept_id) {
            let _ = kept_projects::take_run(run, &id).await; // else a project is made of it
        }
        match not_kept {
            None => Ok(Reply::Done),
            Some(error) => {
                Err(kept_runs::problem(&error, "the project is kept without the files of its model", None).await)
            }
        }
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
        if let Some(model) = &mut self.model {
            model.leave_project();
        }
        // A page that was reloaded leaves it a moment later.
        let is_elsewhere = !is_own && self.take_project(id).await.is_err() && self.take_project(id).await.is_err();
        let (mut blobs, mut missing) = (Vec::new(), Vec::new());
        let rows = kept_projects::read_rows(&stored.rows, &mut missing).await;
        let [train, valid, test] = named(rows.map_err(|error| refused("opened", &error))?, &mut blobs);
        let mut beside = Vec::new();
        for StoredTask { name, task, read, rows } in &stored.beside {
            let rows = kept_projects::read_rows(rows, &mut missing).await.map_err(|error| refused("opened", &error))?;
            match look_at(*task, read.clone(), rows).await {
                Ok((report, read, rows)) => {
                    let [Some(train), valid, test] = named(rows, &mut blobs) else { continue };
                    beside.push(OpenedPart { name: name.clone(), report, train, valid, test, read });
                }
                Err(why) => missing.push(format!("{name}: {why}")),
            }
        }
        let problem = (!missing.is_empty()).then(|| {
            let message = format!("not all rows of the project can be read: {}", missing.join("; "));
            let hint = "choose the files again; the recipe and all else is as it was";
            errors::problem(ProblemKind::Storage, message, hint)
        });
        let has_model = kept_projects::has_model(&stored).await;
        let (state, own_name) = (stored.state, stored.own_name);
        let opened = OpenedProject { state, train, valid, test, own_name, beside, has_model, is_elsewhere, problem };
        let opened = Box::new(opened);
        Ok((Reply::Project { opened }, blobs))
    }

    /// Loads the model of a project, whose files are kept with it, as they would be loaded from the person's machine.
    pub(super) async fn load_model_of_project(&mut self, id: &str) -> Result<ModelInfo, Problem> {
        self.usable_device()?;
        let gone = |why: &str| {
            let hint = "choose its files again, at the step Model";
            errors::problem(ProblemKind::Storage, format!("the model of the project can't be read: {why}"), hint)
        };
        let stored = kept_projects::find(id).await.map_err(|error| gone(error.reason()))?;
        let stored = stored.ok_or_else(|| gone("the project is not in the browser's storage any more"))?;
        let files = kept_projects::read_model(&stored).await.map_err(|error| gone(error.reason()))?;
        if files.is_empty() {
            return Err(gone("no files of it are kept"));
        }
        // Where another one was chosen when the project was kept, the name of this one is not known.
        let unnamed = || ModelSource::Local { name: "local model".to_owned() };
        let source =
            stored.state.model.filter(|model| matches!(model, ModelSource::Local { .. })).unwrap_or_else(unnamed);
        let info = self.take_local_model(source, files).await?;
        if let Some(model) = &mut self.model {
            model.note_kept(stored.model_files);
        }
        Ok(info)
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
        Reply::Models { kept: KeptModels { place: disk::storage_place(), models, unread_reason } }
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

/// Files as the page hears of them; their bytes are added to `blobs`.
fn named(rows: [Option<NamedBytes>; 3], blobs: &mut Vec<Uint8Array>) -> [Option<NamedBlob>; 3] {
    rows.map(|row| {
        row.map(|(name, bytes)| {
            blobs.push(bytes);
            NamedBlob { name, blob: blobs.len() - 1 }
        })
    })
}

/// The files of rows that the page gives with a project.
fn given_rows(files: ProjectFiles, blobs: &[Uint8Array]) -> Result<GivenRows, Problem> {
    let file = |named: Option<NamedBlob>| named.map(|named| Letter::file(blobs, &named)).transpose();
    let ProjectFiles { train, valid, test, own_name, beside } = files;
    let rows = [file(train)?, file(valid)?, file(test)?];
    let task = |PartFiles { name, task, train, valid, test, read }: PartFiles| {
        let rows = [file(Some(train))?, file(valid)?, file(test)?];
        Ok::<_, Problem>(GivenTask { name, task, read, rows })
    };
    Ok(GivenRows { rows, own_name, beside: beside.into_iter().map(task).collect::<Result<_, _>>()? })
}

/// Rows as core reads them.
type Rows = [Option<NamedBytes>; 3];

/// A report on the rows of a task, read without a model; with them, and how they are read. In words, why they can't be.
async fn look_at(task: Task, read: ReadOptions, rows: Rows) -> Result<(DataReport, ReadOptions, Rows), String> {
    let [Some(train), valid, test] = rows else { return Err("it has no training rows".to_owned()) };
    let run = RunConfig::default(); // of it the shares of the splits are used, until a run reads the rows anew
    let mut data = KeptData { train, valid, test, task, read, run, readable: None };
    data.make_readable().await.map_err(|problem| problem.message)?;
    let survey = Survey::new(task, data.files(), &data.read, &data.run).map_err(|error| error.to_string())?;
    Ok((survey.report, data.read, [Some(data.train), data.valid, data.test]))
}

/// Keeps a copy of a project.
pub(super) async fn duplicate_project(id: &str, name: String) -> Result<Reply, Problem> {
    kept_projects::duplicate(id, name).await.map(|()| Reply::Done).map_err(|error| refused("copied", &error))
}

fn refused(what: &str, error: &DiskError) -> Problem {
    let message = format!("the project can't be {what}: {}", error.reason());
    errors::problem(ProblemKind::Storage, message, "close other tabs of this page, and try again")
}
