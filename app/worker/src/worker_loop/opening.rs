//! The commands of the runs that are kept on the disk: they are listed, loaded to go on with, noted on, or deleted.

use std::ops::Range;

use hone_core::checkpoint::{CheckpointError, STATE_FILE, TensorParts};
use hone_core::config::Job;
use hone_core::folder::Folder;
use hone_core::session::protocol::{
    FromWorker, KeptRuns, NamedBlob, OpenedPart, OpenedRun, Problem, ProblemKind, Reply,
};
use hone_core::session::{Resuming, SessionError};
use hone_core::task::DataReport;

use super::report::RunRecord;
use super::run::{Begun, Run};
use super::{Answer, Worker};
use crate::disk::DiskError;
use crate::errors;
use crate::journal::{Journal, Line};
use crate::kept::{KeptData, KeptModel, NamedBytes, NamedPart};
use crate::kept_projects;
use crate::kept_run::FoundRun;
use crate::kept_runs;
use crate::run_lock::{self, RunLock};

/// What was read from the disk of a run, beside its weights.
struct Opening {
    found: FoundRun,
    model: KeptModel,
    /// The files of the model.
    folder: Folder,
    /// Of several tasks that of the first.
    data: KeptData,
    /// Several tasks with their rows; none where there is one.
    parts: Vec<NamedPart>,
    journal: Journal,
    /// What the journal holds.
    lines: Vec<Line>,
}

impl Worker {
    /// What is kept, or why that can't be read.
    pub(super) async fn list_runs(&self) -> Reply {
        let mut kept = kept_runs::list().await.unwrap_or_else(|error| {
            let unread_reason = Some(error.reason().to_owned());
            KeptRuns { unread_reason, ..KeptRuns::default() }
        });
        let has_any = !kept.runs.is_empty() || !kept.unreadable.is_empty();
        kept.is_elsewhere = has_any && self.run.is_none() && run_lock::is_held().await;
        Reply::Runs { kept }
    }

    /// Deletes a run; one that is loaded stays loaded, and one that goes on is refused.
    pub(super) async fn drop_run(&self, id: &str) -> Result<Reply, Problem> {
        let _lock = match &self.run {
            Some(run) if run.kept_id() == Some(id) => return Err(errors::run_goes_on()),
            Some(_) => None, // it holds the lock
            None => Some(RunLock::acquire().await?),
        };
        match kept_runs::remove(id).await {
            Ok(()) => Ok(Reply::Done),
            Err(error) => {
                let message = format!("the run can't be deleted: {}", error.reason());
                Err(errors::problem(ProblemKind::Storage, message, "close other tabs of this page, and try again"))
            }
        }
    }

    /// Loads a run that is kept in the place of what is loaded, and goes on with it; one that is over is there as it was
    /// when it ended. Where a file is missing it is refused, and all that is loaded stays. Where it fails later, or the page
    /// ends the reading, nothing is loaded any more. What is kept stays in any case. Batches are cut `cuts` times.
    pub(super) async fn open_run(&mut self, id: &str, cuts: u32) -> Answer {
        let (lock, opening) = match self.begin_opening(id).await {
            Ok(begun) => begun,
            Err(problem) => return Ok((Reply::Refused { problem }, Vec::new())),
        };
        self.forget_all(); // room for what comes now
        let answer = self.restore_run(opening, lock).await;
        if answer.is_err() {
            self.forget_all();
        } else if let (true, Some(session)) = (self.run.is_some(), &mut self.session) {
            for _ in 0..cuts {
                session.cut_batches(); // as it was it would fail again
            }
        }
        answer
    }

    /// Reads what does not take the place of anything that is loaded.
    async fn begin_opening(&self, id: &str) -> Result<(RunLock, Opening), Problem> {
        if self.run.is_some() {
            return Err(errors::run_goes_on());
        }
        self.usable_device()?;
        let lock = RunLock::acquire().await?;
        Ok((lock, read_run(id).await?))
    }

    async fn restore_run(&mut self, opening: Opening, lock: RunLock) -> Answer {
        let Opening { found, model, folder, data, parts, journal, lines } = opening;
        let info = self.load_model(model.source.clone(), folder).await?;
        self.model = Some(model);
        let (report, beside) = self.read_opened(&data, &parts, &found).await?;
        let resumed = self.resume_opened(&found).await;
        let job = self.trust(resumed).await?;
        let Begun { id, has_adapter, num_labels, notes, job } = self.name_run(&job)?;
        let project = kept_projects::find_of(&found).await;
        let has_rows_of_project = project.as_ref().is_some_and(|project| found.inputs.has_rows_of(project));

        let mut blobs = Vec::new();
        let mut copy = |(name, bytes): &NamedBytes| {
            blobs.push(bytes.slice(0, bytes.length())); // what is sent is given away
            NamedBlob { name: name.clone(), blob: blobs.len() - 1 }
        };
        let opened_part = |((name, data), report): (&NamedPart, DataReport)| OpenedPart {
            name: name.clone(),
            report,
            train: copy(&data.train),
            valid: data.valid.as_ref().map(&mut copy),
            test: data.test.as_ref().map(&mut copy),
            read: data.read.clone(),
        };
        let beside = parts.iter().skip(1).zip(beside).map(opened_part).collect();
        let opened = OpenedRun {
            model: info,
            report,
            train: copy(&data.train),
            valid: data.valid.as_ref().map(&mut copy),
            test: data.test.as_ref().map(&mut copy),
            read: data.read.clone(),
            name: parts.first().map(|(name, _)| name.clone()),
            beside,
            run: id,
            number: found.number(),
            has_adapter,
            num_labels,
            notes,
            job,
            page: found.page().to_owned(),
            project: project.map(|project| project.state),
            has_rows_of_project,
            damage: found.damage().map(|damage| went_back(&damage, found.state().step)),
        };
        let reply = Reply::Opened { opened: Box::new(opened) };
        self.data = Some(data);
        let state = found.state().clone();
        let last_secs = lines.last().map_or(state.elapsed_secs, |line| line.elapsed_secs);
        let event = |Line { elapsed_secs, event }| FromWorker::Event { run: id, elapsed_secs, event };
        self.after_reply.extend(lines.into_iter().map(event));
        let written = FromWorker::CheckpointWritten { step: state.step, is_gone: false, problem: None };
        self.after_reply.push(written);
        if state.is_finished {
            self.record.end(journal.to_bytes(), (last_secs, state.step));
        } else {
            self.run = Some(Run::reopened(id, &state, journal, found.into_folder(), lock));
        }
        Ok((reply, blobs))
    }

    /// Reads the rows of a run whose model was loaded: a report on them, of several tasks one on those of the first, and one on
    /// those of each other.
    async fn read_opened(
        &mut self,
        data: &KeptData,
        parts: &[NamedPart],
        found: &FoundRun,
    ) -> Result<(DataReport, Vec<DataReport>), Problem> {
        let reports = match parts {
            [] => self.read_rows(data, data.task, &data.read, &data.run).await?.map(|report| vec![report]),
            parts => {
                let read = self.open_parts(parts.to_vec(), &data.run, found.changes()).await?;
                read.map(|parts| parts.into_iter().map(|part| part.report).collect())
            }
        };
        let mut reports = reports.unwrap_or_default().into_iter();
        let own = reports.next().ok_or_else(|| {
            let message = "the run was not opened: the reading of its rows was ended";
            errors::problem(ProblemKind::Data, message, "open it again: it is kept")
        })?;
        Ok((own, reports.collect()))
    }

    /// Puts the run where it stands; of its checkpoint a few tensors at a time lie in memory.
    async fn resume_opened(&mut self, found: &FoundRun) -> Result<Job, Problem> {
        let read = async |name: &str| found.checkpoint_file(name).await.map_err(|error| unreadable(&error));
        let state = read(STATE_FILE).await?;
        let mut resuming = self.ready()?.begin_resume(&state).map_err(|error| error.problem())?;
        while let Some(name) = resuming.next_file() {
            if resuming.takes_parts() {
                put_in_parts(found, name, &mut resuming).await?;
                continue;
            }
            let file = read(name).await?;
            resuming.put(&file).map_err(|error| error.problem())?;
        }
        Ok(self.ready()?.finish_resume(resuming))
    }

    /// Drops model, rows and weights.
    fn forget_all(&mut self) {
        (self.session, self.model, self.data) = (None, None, None);
        (self.survey, self.parts) = (None, None);
        self.record = RunRecord::default();
    }
}

/// Reads a file of weights, or of moments, a few tensors at a time.
async fn put_in_parts(found: &FoundRun, name: &str, resuming: &mut Resuming) -> Result<(), Problem> {
    let damaged = |error: CheckpointError| SessionError::from(error).problem();
    let size = found.checkpoint_size(name).map_err(|error| unreadable(&error))?;
    let read = async |range: Range<u64>| {
        found.checkpoint_part(name, range.start, range.end).await.map_err(|error| unreadable(&error))
    };
    let first = read(0..size.min(8)).await?;
    let header = TensorParts::header_range(name, &first, size).map_err(damaged)?;
    let mut parts = TensorParts::open(name, &read(header).await?, size).map_err(damaged)?;
    while let Some(range) = parts.next_range() {
        let bytes = read(range).await?;
        resuming.put_part(&mut parts, &bytes).map_err(|error| error.problem())?;
    }
    resuming.end_file().map_err(|error| error.problem())
}

/// Keeps what the person wrote about a run.
pub(super) async fn note_run(id: &str, note: &str) -> Result<Reply, Problem> {
    match kept_runs::note(id, note).await {
        Ok(()) => Ok(Reply::Done),
        Err(error) => {
            let message = format!("the note on the run can't be kept: {}", error.reason());
            Err(errors::problem(ProblemKind::Storage, message, "copy it elsewhere, and reload the page"))
        }
    }
}

/// Reads all but the weights of a run that is kept.
async fn read_run(id: &str) -> Result<Opening, Problem> {
    let found = find_run(id).await?;
    let Some((model, folder)) = found.model().await.map_err(|error| unreadable(&error))? else {
        let name = found.source().argument();
        let message = format!("the files of {name}, which the run began with, are not in the browser's storage");
        let hint = format!("load {name}, which is chosen here, then go on with the run: it is kept");
        return Err(errors::problem(ProblemKind::Model, message, hint));
    };
    let mut data = found.data().await.map_err(|error| unreadable(&error))?;
    data.make_readable().await?;
    let mut parts = found.parts(&data).await.map_err(|error| unreadable(&error))?;
    for (_, rows) in &mut parts {
        rows.make_readable().await?;
    }
    let (journal, lines) = found.events().await.map_err(|error| unreadable(&error))?;
    Ok(Opening { found, model, folder, data, parts, journal, lines })
}

/// The run of an id, at its newest step of which each file is what was written.
pub(super) async fn find_run(id: &str) -> Result<FoundRun, Problem> {
    let found = kept_runs::find(id).await.map_err(|error| unreadable(&error))?;
    let Some(mut found) = found else {
        let message = "this run is not in the browser's storage any more, or not all of it";
        return Err(errors::problem(ProblemKind::Storage, message, "open another, or start a run"));
    };
    found.check().await.map_err(|error| unreadable(&error))?;
    Ok(found)
}

pub(super) fn unreadable(error: &DiskError) -> Problem {
    let message = format!("the run that is kept can't be read: {}", error.reason());
    errors::problem(ProblemKind::Storage, message, "try again, or delete it and start the run anew")
}

/// What was saved last is damaged, and what was saved before is not.
fn went_back(damage: &str, step: u32) -> Problem {
    let message = format!(
        "what was saved of this run last is damaged ({damage}): it was opened as it was saved before, at step {step}"
    );
    let hint = "a run that goes on computes the steps since then again, to the same end; if this happens again, the disk may fail";
    errors::problem(ProblemKind::Storage, message, hint)
}
