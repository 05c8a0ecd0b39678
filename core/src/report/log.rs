//! The log of a run: a line of JSON for each thing that happened, with its time and step. A driver writes it while the run goes
//! on; the report is made of it.
//!
//! What only says how far something is (progress, phases, a checkpoint that is due) is not logged.

use serde::{Deserialize, Serialize};

use super::examined::Examined;
use crate::config::{Job, MadeCopies, RowEdits};
use crate::event::{Split, TrainEvent};
use crate::metrics::WritingEvaluation;
use crate::task::{DataReport, Evaluation, WorstRow};

/// File name of a run's log.
pub const RUN_LOG_FILE: &str = "run_log.jsonl";

/// A line of the log.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct LogLine {
    /// Seconds since 1970, where the driver has a clock for it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub time: Option<f64>,
    /// Seconds since the run began, pauses not counted.
    pub elapsed_secs: f64,
    /// Optimizer steps taken; in the journals of runs that a page keeps each event says it.
    #[serde(default)]
    pub step: u32,
    /// What happened.
    #[serde(flatten)]
    pub entry: LogEntry,
}

/// What happened.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LogEntry {
    /// A run begins, or goes on in another process.
    Began(Box<Beginning>),
    /// The run said something.
    Event(TrainEvent),
    /// The driver measured something after the run.
    Measured(Box<MeasuredSplit>),
    /// Something besides the figures was looked at.
    Examined(Box<Examined>),
}

/// What a run begins with.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Beginning {
    /// Version of Hone.
    pub version: String,
    /// What computes.
    pub device: String,
    /// What runs.
    pub job: Job,
    /// The rows; of several tasks those of each.
    pub data: Vec<DataSummary>,
}

/// A split that was measured in full.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct MeasuredSplit {
    /// With the weights before training, else with the trained ones.
    pub before_training: bool,
    /// Which rows.
    pub split: Split,
    /// The figures.
    pub evaluation: Evaluation,
    /// The rows that are most wrong.
    pub worst: Vec<WorstRow>,
    /// What the model wrote after prompts, where it was asked to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub writing: Option<WritingEvaluation>,
}

/// What is in the rows, in short.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct DataSummary {
    /// Of several tasks which; empty where there is one.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub part: String,
    /// Name of the training file.
    pub file_name: String,
    /// Rows of training, validation and test.
    pub split_sizes: [usize; 3],
    /// Counts that say what may be wrong, each with its words; only those that are not 0.
    pub counts: Vec<(String, usize)>,
    /// Labels, each with its rows.
    pub labels: Vec<(String, usize)>,
    /// How the rows were shared out, and what a person should know of them.
    pub notes: Vec<String>,
}

impl DataSummary {
    /// A report on rows in short; `part` is the name of one of several tasks, else empty.
    #[must_use]
    pub fn of(part: &str, report: &DataReport) -> Self {
        let counts = [
            ("rows in the files", report.num_rows),
            ("rows that are used", report.num_usable),
            ("rows that can't be used", report.num_bad_rows),
            ("rows that repeat an earlier one", report.num_duplicates),
            ("validation and test rows that stand in an earlier split too", report.num_leaks),
            ("rows that are cut off", report.num_truncated),
        ];
        let counts = counts.into_iter().filter(|(_, count)| *count > 0);
        Self {
            part: part.to_owned(),
            file_name: report.file_name.clone(),
            split_sizes: report.split_sizes,
            counts: counts.map(|(words, count)| (words.to_owned(), count)).collect(),
            labels: report.detail.label_counts(),
            notes: report.notes.iter().chain(&report.warnings).cloned().collect(),
        }
    }
}

impl LogLine {
    /// An event with its step; `None` where it is not logged.
    #[must_use]
    pub fn of_event(elapsed_secs: f64, event: &TrainEvent) -> Option<Self> {
        let step = match event {
            TrainEvent::Started { step, .. }
            | TrainEvent::Augmented { step, .. }
            | TrainEvent::Step { step, .. }
            | TrainEvent::Evaluated { step, .. }
            | TrainEvent::GeneralMeasured { step, .. }
            | TrainEvent::Sampled { step, .. }
            | TrainEvent::BatchesCut { step, .. }
            | TrainEvent::RolledBack { from_step: step, .. }
            | TrainEvent::Finished { step, .. } => *step,
            TrainEvent::Phase { .. }
            | TrainEvent::Progress { .. }
            | TrainEvent::EvaluationProgress { .. }
            | TrainEvent::CheckpointDue { .. } => return None,
        };
        Some(Self { time: None, elapsed_secs, step, entry: LogEntry::Event(event.clone()) })
    }

    /// The same with the step that its event says; `None` of what is not logged, which a page's journal has, too.
    fn with_own_step(self) -> Option<Self> {
        match &self.entry {
            LogEntry::Event(event) => {
                Self::of_event(self.elapsed_secs, event).map(|line| Self { time: self.time, ..line })
            }
            LogEntry::Began(_) | LogEntry::Measured(_) | LogEntry::Examined(_) => Some(self),
        }
    }

    /// The same without texts of rows, for a log that lies beside a model and goes where it goes; `None` where nothing is left.
    /// Names of labels stay: the model has them, too.
    #[must_use]
    pub fn without_texts(&self) -> Option<Self> {
        let entry = match &self.entry {
            LogEntry::Event(TrainEvent::Sampled { .. }) => return None,
            LogEntry::Event(event) => LogEntry::Event(event.clone()),
            LogEntry::Began(beginning) => {
                let mut beginning = beginning.clone();
                // Warnings may quote rows, edits have what stood in them, and copies what they were made of.
                beginning.data.iter_mut().for_each(|data| data.notes.clear());
                let reads = beginning.job.parts.iter_mut().map(|part| &mut part.read);
                for read in reads.chain([&mut beginning.job.read]) {
                    (read.edits, read.copies) = (RowEdits::default(), MadeCopies::default());
                }
                LogEntry::Began(beginning)
            }
            LogEntry::Measured(measured) => {
                let mut measured = measured.clone();
                let has_labels = measured.evaluation.detail.classes().is_some();
                if let Some(writing) = &mut measured.writing {
                    writing.samples.clear();
                    writing.figures.labels = None; // targets are texts of rows
                }
                for row in &mut measured.worst {
                    row.text.clear();
                    if !has_labels {
                        row.expected.clear();
                        row.predicted.clear();
                    }
                }
                LogEntry::Measured(measured)
            }
            LogEntry::Examined(examined) => LogEntry::Examined(Box::new(examined.without_texts()?)),
        };
        Some(Self { entry, ..*self })
    }

    /// The line with the newline at its end.
    ///
    /// # Panics
    /// Never: all of it is plain data.
    #[must_use]
    pub fn to_json_line(&self) -> String {
        let line = serde_json::to_string(self).expect("a line is plain data");
        format!("{line}\n")
    }
}

/// The lines of a log in order, and how many of them can't be read: the last one may be half written, and a number that is none
/// (of a run that diverged) stands as `null`.
#[must_use]
pub fn read_log(bytes: &[u8]) -> (Vec<LogLine>, usize) {
    let lines = bytes.split(|&byte| byte == b'\n').filter(|line| !line.trim_ascii().is_empty());
    let read: Vec<Option<LogLine>> = lines.map(|line| serde_json::from_slice(line).ok()).collect();
    let num_unread = read.iter().filter(|line| line.is_none()).count();
    (read.into_iter().flatten().filter_map(LogLine::with_own_step).collect(), num_unread)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{ModelSource, ReadOptions, RunConfig};

    #[test]
    fn a_line_has_time_step_and_event_and_is_read_again() {
        let event = TrainEvent::Step {
            step: 3,
            epoch: 0.5,
            loss: 0.25,
            losses: vec![0.25],
            learning_rate: 1e-3,
            grad_norm: 1.0,
            rows: 24,
            tokens: 100,
        };
        let line = LogLine { time: Some(1.7e9), ..LogLine::of_event(1.5, &event).expect("it is logged") };
        let text = line.to_json_line();
        assert!(
            text.starts_with(r#"{"time":1700000000.0,"elapsed_secs":1.5,"step":3,"event":{"step":{"step":3,"#),
            "{text}"
        );
        let job =
            Job::new(ModelSource::hub("a/b"), Some("rows.csv".into()), ReadOptions::default(), RunConfig::default());
        let beginning =
            Beginning { version: "1".into(), device: "cpu".into(), job, data: vec![DataSummary::default()] };
        let began = LogLine { time: None, elapsed_secs: 0.0, step: 0, entry: LogEntry::Began(Box::new(beginning)) };
        let whole = format!("{}{text}{{\"half", began.to_json_line());
        assert_eq!(read_log(whole.as_bytes()), (vec![began, line], 1));
    }

    #[test]
    fn what_only_says_how_far_something_is_is_not_logged() {
        assert_eq!(LogLine::of_event(0.0, &TrainEvent::Progress { step: 1, rows: 1, tokens: 1 }), None);
        assert_eq!(LogLine::of_event(0.0, &TrainEvent::CheckpointDue { step: 1 }), None);
    }
}
