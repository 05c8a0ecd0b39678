//! What a report on the run that is loaded, and its log, need: gathered while rows are read, the run goes on and is measured. In: what the
//! worker did. Out: plain values and the run's journal, of which the page makes the report, the log and an event file.

use hone_core::config::Job;
use hone_core::event::Split;
use hone_core::metrics::WritingEvaluation;
use hone_core::report::{DataSummary, MeasuredSplit};
use hone_core::session::protocol::{self, Problem, ProblemKind, Reply, Weights};
use hone_core::task::{Evaluation, RowPredictions, worst_rows};
use js_sys::Uint8Array;
use serde::Serialize;

use super::{Answer, Worker};
use crate::errors;

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
    /// When it was over: seconds since it began, pauses not counted, and optimizer steps taken.
    end: (f64, u32),
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
        self.run = Some(RecordedRun { job, data, events: Vec::new(), end: (0.0, 0), tuned: Vec::new() });
    }

    /// The run is over, and said all this; `end` is its last second, pauses not counted, and its last step.
    pub(super) fn end(&mut self, events: Vec<u8>, end: (f64, u32)) {
        if let Some(run) = &mut self.run {
            (run.events, run.end) = (events, end);
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
    /// What is known of the run that is loaded: the page makes the report and the log of it.
    pub(super) fn report(&self) -> Answer {
        let run = self.record.run.as_ref().filter(|run| !run.events.is_empty()).ok_or_else(no_run)?;
        let device = self.device.as_ref().map(|device| device.report.name.clone()).unwrap_or_default();
        let recorded = protocol::RecordedRun { job: run.job.to_json(), device, data: run.data.clone() };
        let mut lines = run.events.clone();
        // While a run goes on nothing is measured by request: that was done before it began, or after its end.
        let base = self.record.base.iter();
        let base = base.map(|(measured, is_after)| (if *is_after { run.end } else { (0.0, 0) }, measured));
        let tuned = run.tuned.iter().map(|measured| (run.end, measured));
        for ((elapsed_secs, step), measured) in base.chain(tuned) {
            let line = MeasuredLine { elapsed_secs, step, measured };
            lines.extend(serde_json::to_vec(&line).expect("figures are plain values"));
            lines.push(b'\n');
        }
        Ok((Reply::Recorded { run: Box::new(recorded) }, vec![Uint8Array::from(lines.as_slice())]))
    }
}

/// A line of a log, written without core's reader and writer of all its kinds: these are the page's.
#[derive(Serialize)]
struct MeasuredLine<'a> {
    elapsed_secs: f64,
    step: u32,
    measured: &'a MeasuredSplit,
}

fn no_run() -> Problem {
    errors::problem(ProblemKind::Config, "there is no run that is over to report on", "train first, at the step Train")
}
