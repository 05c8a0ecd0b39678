//! The commands of the data: rows are read a part at a time, and between two parts the page hears how far it is and can
//! end the reading. Before there is a model rows are read without their tokens.

use hone_core::config::{ReadOptions, RunConfig};
use hone_core::report::DataSummary;
use hone_core::session::Survey;
use hone_core::session::protocol::{FromWorker, Problem, Reply};
use hone_core::task::{DataReport, Task, guess_for_model};

use super::Worker;
use crate::errors;
use crate::kept::{KeptData, NamedBytes};
use crate::mailbox::post;
use crate::readers;

impl Worker {
    /// What a file is for, by its beginning; by all of it where it is no text.
    pub(super) async fn guess_task(file: &NamedBytes, tasks: &[Task], own: Task) -> Reply {
        // What is wrong with it is said when it is read.
        let (name, bytes) = readers::read_first(file, None).await.unwrap_or_else(|_| file.clone());
        Reply::Task { task: guess_for_model(&name, &bytes.to_vec(), tasks, own) }
    }

    pub(super) async fn load_data(&mut self, mut data: KeptData) -> Result<Reply, Problem> {
        data.make_readable().await?;
        let report = self.read_rows(&data, data.task, &data.read, &data.run).await?;
        if report.is_some() {
            self.data = Some(data);
        }
        Ok(reply_of(report))
    }

    pub(super) async fn reread_data(
        &mut self,
        task: Task,
        read: ReadOptions,
        run: RunConfig,
    ) -> Result<Reply, Problem> {
        let mut data = self.data.take().ok_or_else(errors::no_data)?;
        let before = data.readable.clone();
        let report = match data.make_readable_for(read.sheet.as_deref()).await {
            Ok(()) => self.read_rows(&data, task, &read, &run).await,
            Err(problem) => Err(problem),
        };
        if matches!(report, Ok(Some(_))) {
            (data.task, data.read, data.run) = (task, read, run);
        } else {
            data.readable = before;
        }
        self.data = Some(data);
        Ok(reply_of(report?))
    }

    /// Reads what was read before, for the model that was loaded onto another device. What this model can't be given the
    /// page has no report on, and so no use for.
    pub(super) fn load_kept_data(&mut self) {
        let (Some(data), Some(session)) = (&self.data, &mut self.session) else { return };
        let read = session.set_task(data.task).and_then(|()| session.load_data(data.files(), &data.read, &data.run));
        if read.is_err() {
            self.data = None;
        }
    }

    /// Reads rows for a task, which the model is used for once they are read. `None` where the page ended it, or asked for
    /// something after which they are read anew; then, and on an error, model, rows and weights stay as they were.
    pub(super) async fn read_rows(
        &mut self,
        data: &KeptData,
        task: Task,
        read: &ReadOptions,
        run: &RunConfig,
    ) -> Result<Option<DataReport>, Problem> {
        if self.session.is_none() {
            let survey = Survey::new(task, data.files(), read, run).map_err(|error| error.problem())?;
            let report = with_notes(survey.report.clone(), data);
            self.record.note_rows(vec![DataSummary::of("", &report)]);
            self.survey = Some(survey);
            self.forget_places();
            return Ok(Some(report));
        }
        self.survey = None;
        let session = self.ready()?;
        let reading = session.begin_reading_for(task, data.files(), read, run);
        let mut reading = reading.map_err(|error| error.problem())?;
        loop {
            let is_unfinished = self.ready()?.advance_reading(&mut reading).map_err(|error| error.problem())?;
            if !is_unfinished {
                break;
            }
            let (done, total) = reading.progress();
            post(&FromWorker::ReadProgress { part: None, done, total }, Vec::new());
            if self.is_reading_ended().await {
                return Ok(None);
            }
            self.answer_rows_meanwhile();
        }
        self.forget_places();
        let report = self.ready()?.finish_reading(reading).map_err(|error| error.problem())?;
        let report = with_notes(report, data);
        self.record.note_rows(vec![DataSummary::of("", &report)]);
        Ok(Some(report))
    }

    /// Lets messages in. Whether the page ended the reading that goes on, or asked for something after which rows are read
    /// anew.
    pub(super) async fn is_reading_ended(&self) -> bool {
        self.macrotask.pass().await;
        if let Some(id) = self.mailbox.take_cancel() {
            post(&FromWorker::Reply { id, result: Ok(Reply::Done) }, Vec::new());
            return true;
        }
        self.mailbox.is_reading_superseded()
    }
}

/// A report that says first how files that are no text were read.
fn with_notes(mut report: DataReport, data: &KeptData) -> DataReport {
    report.notes.splice(0..0, data.notes().iter().cloned());
    report
}

fn reply_of(report: Option<DataReport>) -> Reply {
    report.map_or(Reply::Done, |report| Reply::Data { report: Box::new(report) })
}
