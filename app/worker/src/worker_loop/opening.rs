//! The commands of the run that is kept on the disk: it is found, loaded to go on with, or dropped.

use hone_core::folder::Folder;
use hone_core::session::protocol::{FromWorker, NamedBlob, OpenedRun, Problem, ProblemKind, Reply};

use super::run::{Begun, Run};
use super::{Answer, Worker};
use crate::disk::DiskError;
use crate::errors;
use crate::journal::{Journal, Line};
use crate::kept::{KeptData, KeptModel, NamedBytes};
use crate::kept_run::{self, FoundRun};
use crate::run_lock::{self, RunLock};

/// What was read from the disk of a run, beside its weights.
struct Opening {
    found: FoundRun,
    model: KeptModel,
    /// The files of the model.
    folder: Folder,
    data: KeptData,
    journal: Journal,
    /// What the journal holds.
    lines: Vec<Line>,
}

impl Worker {
    /// What is kept. Where the storage can't be read nothing can be kept in it, either.
    pub(super) async fn find_run(&self) -> Reply {
        let saved = match FoundRun::newest().await.ok().flatten() {
            Some(found) => Some(found.saved(self.run.is_none() && run_lock::is_held().await)),
            None => None,
        };
        Reply::Saved { saved }
    }

    pub(super) async fn drop_run(&self) -> Result<Reply, Problem> {
        let _lock = RunLock::acquire().await?;
        match kept_run::remove().await {
            Ok(()) => Ok(Reply::Done),
            Err(error) => {
                let message = format!("the run that is kept can't be deleted: {}", error.reason());
                Err(errors::problem(ProblemKind::Storage, message, "close other tabs of this page, and try again"))
            }
        }
    }

    /// Loads the run that is kept in the place of what is loaded, and goes on with it; one that is over is there as it was
    /// when it ended. Where a file is missing, all that is loaded stays. Where it fails later, or the page ends the
    /// reading, nothing is loaded any more. What is kept stays in any case.
    pub(super) async fn open_run(&mut self) -> Answer {
        self.usable_device()?;
        let lock = RunLock::acquire().await?;
        let opening = read_run().await?;
        self.forget_all(); // room for what comes now
        let answer = self.restore_run(opening, lock).await;
        if answer.is_err() {
            self.forget_all();
        }
        answer
    }

    async fn restore_run(&mut self, opening: Opening, lock: RunLock) -> Answer {
        let Opening { found, model, folder, data, journal, lines } = opening;
        let info = self.load_model(model.source.clone(), folder).await?;
        self.model = Some(model);
        let report = self.read_rows(&data, data.task, &data.read, &data.run).await?;
        let report = report.ok_or_else(|| {
            let message = "the run was not opened: the reading of its rows was ended";
            errors::problem(ProblemKind::Data, message, "open it again: it is kept")
        })?;
        let checkpoint = found.checkpoint().await.map_err(|error| unreadable(&error))?;
        let resumed = self.ready()?.resume(&checkpoint).map_err(|error| error.problem());
        drop(checkpoint);
        let job = self.trust(resumed).await?;
        let Begun { id, has_adapter, num_labels, notes, job } = self.name_run(&job)?;

        let mut blobs = Vec::new();
        let mut copy = |(name, bytes): &NamedBytes| {
            blobs.push(bytes.slice(0, bytes.length())); // what is sent is given away
            NamedBlob { name: name.clone(), blob: blobs.len() - 1 }
        };
        let opened = OpenedRun {
            model: info,
            report,
            train: copy(&data.train),
            valid: data.valid.as_ref().map(&mut copy),
            test: data.test.as_ref().map(&mut copy),
            read: data.read.clone(),
            run: id,
            has_adapter,
            num_labels,
            notes,
            job,
            page: found.page().to_owned(),
        };
        let reply = Reply::Opened { opened: Box::new(opened) };
        self.data = Some(data);
        let event = |Line { elapsed_secs, event }| FromWorker::Event { run: id, elapsed_secs, event };
        self.after_reply.extend(lines.into_iter().map(event));
        let state = found.state;
        self.after_reply.push(FromWorker::CheckpointWritten { step: state.step, problem: None });
        if !state.is_finished {
            self.run = Some(Run::reopened(id, &state, journal, found.into_folder(), lock));
        }
        Ok((reply, blobs))
    }

    /// Drops model, rows and weights.
    fn forget_all(&mut self) {
        (self.session, self.model, self.data) = (None, None, None);
        (self.survey, self.parts) = (None, None);
    }
}

/// Reads all but the weights of the run that is kept.
async fn read_run() -> Result<Opening, Problem> {
    let found = FoundRun::newest().await.map_err(|error| unreadable(&error))?;
    let Some(found) = found else {
        let message = "there is no run in this browser's storage to go on with";
        return Err(errors::problem(ProblemKind::Storage, message, "start a run"));
    };
    let Some((model, folder)) = found.model().await.map_err(|error| unreadable(&error))? else {
        let name = found.source().argument();
        let message = format!("the files of {name}, which the run began with, are no longer in the browser's storage");
        let hint = format!("load {name} again, then go on with the run: it is kept");
        return Err(errors::problem(ProblemKind::Model, message, hint));
    };
    let data = found.data().await.map_err(|error| unreadable(&error))?;
    let (journal, lines) = found.events().await.map_err(|error| unreadable(&error))?;
    Ok(Opening { found, model, folder, data, journal, lines })
}

fn unreadable(error: &DiskError) -> Problem {
    let message = format!("the run that is kept can't be read: {}", error.reason());
    errors::problem(ProblemKind::Storage, message, "try again, or delete it and start the run anew")
}
