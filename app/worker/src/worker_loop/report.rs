//! The report on the run that is loaded: what it needs is gathered while rows are read, the run goes on and is measured. In: what
//! the worker did. Out: the page of HTML that `hone report` writes too, made by core.

use hone_core::config::Job;
use hone_core::event::Split;
use hone_core::metrics::WritingEvaluation;
use hone_core::report::{Beginning, DataSummary, LogEntry, LogLine, MeasuredSplit, RunReport};
use hone_core::session::protocol::{Problem, ProblemKind, Reply, Weights};
use hone_core::task::{Evaluation, RowPredictions, worst_rows};
use hone_core::words::plural;
use js_sys::Uint8Array;

use super::{Answer, Worker};
use crate::errors;
use crate::journal::Line;

/// What a report is made of, of the run that was started or opened last.
#[derive(Debug, Default)]
pub(super) struct RunRecord {
    /// The rows that were read last; of several tasks those of each.
    read: Vec<DataSummary>,
    /// Measurements of the model before training, each with whether a run was loaded then, whose rows it is of.
    base: Vec<(MeasuredSplit, bool)>,
    run: Option<RecordedRun>,
}

#[derive(Debug)]
struct RecordedRun {
    job: Job,
    data: Vec<DataSummary>,
    /// The journal of the run, once it is over.
    events: Vec<u8>,
    tuned: Vec<MeasuredSplit>,
}

impl RunRecord {
    /// Rows were read, which the next run is of.
    pub(super) fn note_rows(&mut self, read: Vec<DataSummary>) {
        self.read = read;
        self.base.clear();
    }

    /// A run was started, or opened.
    pub(super) fn begin(&mut self, job: &Job) {
        // What was measured while another run was loaded is of that run's rows.
        self.base.retain(|(_, is_of_run)| !is_of_run);
        let (job, data) = (job.clone(), self.read.clone());
        self.run = Some(RecordedRun { job, data, events: Vec::new(), tuned: Vec::new() });
    }

    /// The run is over, and said all this.
    pub(super) fn end(&mut self, events: Vec<u8>) {
        if let Some(run) = &mut self.run {
            run.events = events;
        }
    }

    /// The run failed, and its weights are gone.
    pub(super) fn forget_run(&mut self) {
        self.run = None;
    }

    /// A split was measured.
    pub(super) fn note_measured(
        &mut self,
        weights: Weights,
        split: Split,
        (evaluation, rows): (&Evaluation, &RowPredictions),
        writing: Option<&WritingEvaluation>,
    ) {
        let (before_training, worst) = (weights == Weights::Base, worst_rows(evaluation, rows));
        let (evaluation, writing) = (evaluation.clone(), writing.cloned());
        let measured = MeasuredSplit { before_training, split, evaluation, worst, writing };
        if before_training {
            self.base.retain(|(other, _)| other.split != split);
            self.base.push((measured, self.run.is_some()));
        } else if let Some(run) = &mut self.run {
            run.tuned.retain(|other| other.split != split);
            run.tuned.push(measured);
        }
    }
}

impl Worker {
    /// The report on the run that is loaded, as HTML.
    pub(super) fn report(&self) -> Answer {
        let run = self.record.run.as_ref().filter(|run| !run.events.is_empty()).ok_or_else(no_run)?;
        let read = run.events.split(|&byte| byte == b'\n').filter(|line| !line.is_empty());
        let read: Vec<Option<Line>> = read.map(|line| serde_json::from_slice(line).ok()).collect();
        let num_unread = read.iter().filter(|line| line.is_none()).count();
        let mut notes = Vec::new();
        if num_unread > 0 {
            let count = plural(num_unread, "event");
            notes.push(format!("{count} of the run could not be read, and what was in them is missing here."));
        }
        if run.tuned.is_empty() {
            notes.push(
                "Nothing was measured after the run: the figures are those of the validation rows on the way.".into(),
            );
        }
        let events = read.into_iter().flatten().filter_map(|line| LogLine::of_event(line.elapsed_secs, &line.event));
        let mut lines = vec![entry(LogEntry::Began(Box::new(self.beginning(run))))];
        lines.extend(events);
        let measured = self.record.base.iter().map(|(measured, _)| measured).chain(&run.tuned);
        lines.extend(measured.map(|measured| entry(LogEntry::Measured(Box::new(measured.clone())))));
        let (version, made_secs) = (env!("CARGO_PKG_VERSION"), js_sys::Date::now() / 1000.0);
        let report = RunReport { job: &run.job, lines: &lines, results: None, version, made_secs, notes: &notes };
        let html = report.to_html();
        Ok((Reply::Exported { damage: None, checked: None }, vec![Uint8Array::from(html.as_bytes())]))
    }

    fn beginning(&self, run: &RecordedRun) -> Beginning {
        let device = self.device.as_ref().map(|device| device.report.name.clone()).unwrap_or_default();
        let version = env!("CARGO_PKG_VERSION").to_owned();
        Beginning { version, device, job: run.job.clone(), data: run.data.clone() }
    }
}

/// A line that is no event.
fn entry(entry: LogEntry) -> LogLine {
    LogLine { time: None, elapsed_secs: 0.0, step: 0, entry }
}

fn no_run() -> Problem {
    errors::problem(ProblemKind::Config, "there is no run that is over to report on", "train first, at the step Train")
}
