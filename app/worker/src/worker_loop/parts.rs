//! A run of several tasks: the files of each are read when it starts, and are kept while its weights are, for a device that
//! is opened anew. Rows of one task, which the page looks at before a run, come back where another run takes its place. Before
//! a run they can be measured, for which they are read too. The page hears how far the reading is, and can end it.

use std::rc::Rc;

use hone_core::config::{Job, ModelChanges, RunConfig};
use hone_core::event::Split;
use hone_core::report::DataSummary;
use hone_core::session::protocol::{FromWorker, PartFiles, Problem, Reply, Weights};
use hone_core::session::{PartReport, PartRequest, PartsReading, Session, SessionError};
use hone_core::task::TaskInput;
use js_sys::Uint8Array;

use super::Worker;
use super::answers::show_progress;
use super::run::Keeping;
use crate::kept::{KeptData, NamedPart};
use crate::kept_run::Start;
use crate::kept_runs;
use crate::mailbox::{Letter, post};
use crate::run_lock::RunLock;

/// What the last run of several tasks was started with.
pub(super) struct KeptParts {
    parts: Vec<NamedPart>,
    run: RunConfig,
    changes: ModelChanges,
}

impl Worker {
    /// Reads the rows of all tasks and starts the run. Where the page ended the reading, and on an error, there are the rows
    /// of one task again, and no run.
    pub(super) async fn train_parts(
        &mut self,
        (number, page): (u32, String),
        (files, blobs): (Vec<PartFiles>, &[Uint8Array]),
        run: RunConfig,
        changes: ModelChanges,
    ) -> Result<Reply, Problem> {
        let lock = RunLock::acquire().await?;
        let id = kept_runs::next_id().await;
        let parts = keep_all(files, blobs, &run).await?;
        let started = self.start_parts(&parts, &run, &changes).await;
        self.parts = Some(KeptParts { parts, run, changes: changes.clone() });
        let answer = match started {
            Ok(Some(job)) => {
                let start = Start { id, number, run: job.run.clone(), changes, page };
                self.begin_run(&job, Keeping::Begins(Box::new(start)), lock).map(Some)
            }
            Ok(None) => Ok(None),
            Err(problem) => Err(problem),
        };
        if !matches!(answer, Ok(Some(_))) {
            self.leave_parts();
        }
        answer.map(|reply| reply.unwrap_or(Reply::Done))
    }

    /// `None` where the page ended the reading.
    async fn start_parts(
        &mut self,
        parts: &[NamedPart],
        run: &RunConfig,
        changes: &ModelChanges,
    ) -> Result<Option<Job>, Problem> {
        self.ready()?.change_model(changes, run.seed).map_err(|error| error.problem())?;
        let Some(reading) = self.read_parts(parts, run).await? else { return Ok(None) };
        let reports = self.ready()?.finish_parts(reading).map_err(|error| error.problem())?;
        self.record.note_rows(summaries(&reports));
        let session = self.ready()?;
        session.start(run.clone()).map(Some).map_err(|error| error.problem())
    }

    /// Reads the rows of a kept run of several tasks, whose model was loaded for it: a report on each. `None` where the page ended
    /// the reading.
    pub(super) async fn open_parts(
        &mut self,
        parts: Vec<NamedPart>,
        run: &RunConfig,
        changes: &ModelChanges,
    ) -> Result<Option<Vec<PartReport>>, Problem> {
        self.ready()?.change_model(changes, run.seed).map_err(|error| error.problem())?;
        let Some(reading) = self.read_parts(&parts, run).await? else { return Ok(None) };
        self.parts = Some(KeptParts { parts, run: run.clone(), changes: changes.clone() });
        let reports = self.ready()?.finish_parts(reading).map_err(|error| error.problem())?;
        self.record.note_rows(summaries(&reports));
        Ok(Some(reports))
    }

    /// Measures a split of several tasks before there is a run. After it there are the rows of one task again.
    pub(super) async fn evaluate_parts(
        &mut self,
        files: Vec<PartFiles>,
        blobs: &[Uint8Array],
        run: RunConfig,
        split: Split,
    ) -> Result<Reply, Problem> {
        let parts = keep_all(files, blobs, &run).await?;
        let answer = match self.read_parts(&parts, &run).await {
            Ok(Some(reading)) => self.measure_parts(reading, &run, split).await,
            Ok(None) => Ok(Reply::Done),
            Err(problem) => Err(problem),
        };
        self.parts = None; // of a run before, which is dropped now
        self.load_one_task();
        answer
    }

    async fn measure_parts(&mut self, reading: PartsReading, run: &RunConfig, split: Split) -> Result<Reply, Problem> {
        let session = self.ready()?;
        session.finish_parts(reading).map_err(|error| error.problem())?;
        let measured = session.evaluate_parts(run, split, &mut show_progress).await;
        let (evaluation, rows) = self.trust(measured.map_err(|error| error.problem())).await?;
        let (weights, writing, warnings) = (Weights::Base, None, Vec::new());
        Ok(Reply::Evaluated { weights, split, evaluation, rows, writing, warnings })
    }

    /// Reads the rows of several tasks; `None` where the page ended it, or asked for something after which rows are read anew.
    async fn read_parts(&mut self, parts: &[NamedPart], run: &RunConfig) -> Result<Option<PartsReading>, Problem> {
        let reading = self.ready()?.begin_parts(requests(parts), run);
        let mut reading = reading.map_err(|error| error.problem())?;
        while self.ready()?.advance_parts(&mut reading).map_err(|error| error.problem())? {
            if let Some((part, done, total)) = reading.progress() {
                post(&FromWorker::ReadProgress { part: Some(part.to_owned()), done, total }, Vec::new());
            }
            if self.is_reading_ended().await {
                return Ok(None);
            }
        }
        Ok(Some(reading))
    }

    /// Drops the files of several tasks, and gives the session the rows of one again.
    pub(super) fn leave_parts(&mut self) {
        if self.parts.take().is_some() {
            self.load_one_task();
        }
    }

    fn load_one_task(&mut self) {
        if let Some(session) = &mut self.session {
            session.leave_parts(); // the tokens of the first part are taken over
        }
        self.load_kept_data();
    }

    /// Reads the rows of several tasks that were read before, for the model that was loaded onto another device.
    pub(super) fn load_kept_parts(&mut self) -> Result<(), Problem> {
        let (Some(kept), Some(session)) = (&self.parts, &mut self.session) else { return Ok(()) };
        kept.load(session).map_err(|error| error.problem())
    }

    /// Answers of one of several tasks.
    pub(super) async fn predict_part(&mut self, part: &str, inputs: &[TaskInput]) -> Result<Reply, Problem> {
        let session = self.ready()?;
        let predicted = async {
            let (base, cut) = session.predict_part(part, inputs, Weights::Base).await?;
            let (tuned, _) = session.predict_part(part, inputs, Weights::Tuned).await?;
            let (max_tokens, labels) = (session.max_tokens()?, session.labels_of_part(part).to_vec());
            Ok(Reply::Predicted { labels, base, tuned, max_tokens, cut, warnings: session.warnings() })
        };
        let predicted = predicted.await.map_err(|error: SessionError| error.problem());
        self.trust(predicted).await
    }
}

impl KeptParts {
    /// The tasks, each with its rows.
    pub(super) fn rows(&self) -> &[NamedPart] {
        &self.parts
    }

    /// Changes the model as for the run, and reads the rows for it.
    fn load(&self, session: &mut Session) -> Result<(), SessionError> {
        session.change_model(&self.changes, self.run.seed)?;
        session.load_parts(requests(&self.parts), &self.run).map(drop)
    }
}

/// What is in the rows of each task, in short.
fn summaries(reports: &[PartReport]) -> Vec<DataSummary> {
    reports.iter().map(|part| DataSummary::of(&part.name, &part.report)).collect()
}

fn requests(parts: &[NamedPart]) -> Vec<PartRequest> {
    let request = |(name, data): &NamedPart| PartRequest {
        name: name.clone(),
        task: Some(data.task),
        files: Rc::unwrap_or_clone(data.files()),
        read: data.read.clone(),
    };
    parts.iter().map(request).collect()
}

/// The files of all tasks out of the buffers that came with the message, as core reads them.
async fn keep_all(files: Vec<PartFiles>, blobs: &[Uint8Array], run: &RunConfig) -> Result<Vec<NamedPart>, Problem> {
    let mut parts = Vec::with_capacity(files.len());
    for files in files {
        let (name, mut data) = keep(files, blobs, run)?;
        data.make_readable().await?;
        parts.push((name, data));
    }
    Ok(parts)
}

/// The files of a task out of the buffers that came with the message.
fn keep(files: PartFiles, blobs: &[Uint8Array], run: &RunConfig) -> Result<NamedPart, Problem> {
    let PartFiles { name, task, train, valid, test, read } = files;
    let data = KeptData {
        train: Letter::file(blobs, &train)?,
        valid: valid.as_ref().map(|file| Letter::file(blobs, file)).transpose()?,
        test: test.as_ref().map(|file| Letter::file(blobs, file)).transpose()?,
        task,
        read,
        run: run.clone(),
        readable: None,
    };
    Ok((name, data))
}
