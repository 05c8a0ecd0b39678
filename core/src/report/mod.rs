//! The report on a run: one page to read, print and send on, with all that the run has to say. Plain text in and out; drivers read
//! the log and write the page. The log as an event file for TensorBoard is `tfevents`.
//!
//! In: [`RunReport`], a job and the lines of its log (`log`). Out: HTML in one file without scripts (`frame`): what was run
//! (`job`), what was learned on the way (`training`, drawn by `chart` with the `geometry` that the page's own charts have), how good it is
//! (`figures`, and of models that write `writing` and `side_by_side`), and what a person looked at besides (`examined`). All texts that
//! come from rows, files and models are escaped.

mod chart;
mod date;
mod examined;
mod figures;
mod frame;
pub mod geometry;
mod job;
mod log;
pub mod side_by_side;
mod tfevents;
mod training;
mod writing;

use serde_json::{Map, Value};

pub use examined::{Examined, FoundInRows, RatedTexts};
pub use frame::{escape, page};
pub use log::{Beginning, DataSummary, LogEntry, LogLine, MeasuredSplit, RUN_LOG_FILE, read_log};
pub use tfevents::{event_file, event_records, restart_record, version_record};

use crate::config::Job;
use crate::event::{Split, TrainEvent};
use crate::task::Task;
use frame::{Cell, paragraph, section, table};
use training::Course;

/// A run, as far as it is known.
#[derive(Debug, Clone, Copy)]
pub struct RunReport<'a> {
    /// What was run, as it left with the model where it is over.
    pub job: &'a Job,
    /// The log, in order.
    pub lines: &'a [LogLine],
    /// Figures by name, for a run that has no log: those of `all_results.json`.
    pub results: Option<&'a Map<String, Value>>,
    /// Version of Hone that makes the report.
    pub version: &'a str,
    /// When it is made, in seconds since 1970.
    pub made_secs: f64,
    /// What the reader should know of the report itself: of what is missing in it.
    pub notes: &'a [String],
}

impl RunReport<'_> {
    /// The page.
    #[must_use]
    pub fn to_html(&self) -> String {
        let course = Course::of(self.lines);
        let title = format!("Report on a run of {}", self.job.model.name());
        let made = format!("Made by Hone {}, {}.", self.version, date::utc(self.made_secs));
        let notes: String = self.notes.iter().map(|note| paragraph("note", note)).collect();
        let (measured, examined) = (self.measured(), self.examined());
        let results = self.results.filter(|_| measured.is_empty() && course.valid.is_empty());
        let body = [
            paragraph("soft", &made),
            notes,
            section("In short", &self.in_short(&course, &measured)),
            section("What was run", &job::what_was_run(self.job, &course, self.beginning())),
            section("Settings that differ from the defaults", &job::settings(self.job)),
            section("Data", &self.beginning().map(|began| job::data(&began.data)).unwrap_or_default()),
            examined::of_rows(&examined),
            section("Training", &training::section(&course, self.task())),
            section("How good it is", &figures::section(&measured)),
            section("Figures by name", &results.map(figures::by_name).unwrap_or_default()),
            section("The rows that are most wrong", &figures::worst(&measured)),
            examined::of_model(&examined),
            section("Texts written on the way, side by side", &training::samples(&course)),
            section("How to use the model", &job::how_to_use(self.job, self.task(), &self.labels(&measured))),
        ];
        page(&title, &body.concat())
    }

    /// Of several tasks the first.
    fn task(&self) -> Task {
        let of_parts = self.job.parts.first().map(|part| part.task);
        self.job.task.or(of_parts).unwrap_or_default()
    }

    /// What the run began with; where it went on in another process, what it went on with.
    fn beginning(&self) -> Option<&Beginning> {
        self.lines.iter().rev().find_map(|line| match &line.entry {
            LogEntry::Began(beginning) => Some(beginning.as_ref()),
            _ => None,
        })
    }

    /// What was measured after the run, of each split and each weights the newest.
    fn measured(&self) -> Vec<&MeasuredSplit> {
        let mut newest: Vec<&MeasuredSplit> = Vec::new();
        for line in self.lines {
            match &line.entry {
                // What was measured before belongs to other weights.
                LogEntry::Event(TrainEvent::Step { .. } | TrainEvent::Started { .. }) => {
                    newest.retain(|one| one.before_training);
                }
                LogEntry::Measured(measured) => {
                    let of = |one: &MeasuredSplit| (one.split, one.before_training);
                    newest.retain(|one| of(one) != of(measured));
                    newest.push(measured);
                }
                LogEntry::Began(_) | LogEntry::Event(_) | LogEntry::Examined(_) => {}
            }
        }
        newest
    }

    /// What was looked at besides, of each kind and task the newest. Two runs are compared as often as there are pairs of them.
    fn examined(&self) -> Vec<&Examined> {
        let mut newest: Vec<&Examined> = Vec::new();
        for line in self.lines {
            match &line.entry {
                LogEntry::Event(TrainEvent::Step { .. } | TrainEvent::Started { .. }) => {
                    newest.retain(|one| one.outlasts_training());
                }
                LogEntry::Examined(examined) => {
                    newest.retain(|one| !one.is_replaced_by(examined));
                    newest.push(examined);
                }
                LogEntry::Began(_) | LogEntry::Event(_) | LogEntry::Measured(_) => {}
            }
        }
        newest
    }

    fn labels(&self, measured: &[&MeasuredSplit]) -> Vec<String> {
        let own = measured.first().map(|one| one.evaluation.detail.per_label()).unwrap_or_default();
        if !own.is_empty() {
            return own.into_iter().map(|label| label.label).collect();
        }
        let of_data = self.beginning().and_then(|began| began.data.first());
        of_data.map(|data| data.labels.iter().map(|(label, _)| label.clone()).collect()).unwrap_or_default()
    }

    /// The leading figure after training, of the rows that say most.
    fn in_short(&self, course: &Course<'_>, measured: &[&MeasuredSplit]) -> String {
        let after = |split: Split| measured.iter().find(|one| !one.before_training && one.split == split);
        let best = after(Split::Test).or_else(|| after(Split::Valid));
        let evaluation = best.map(|one| (one.split, &one.evaluation));
        let evaluation = evaluation.or_else(|| course.of_weights().map(|one| (one.split, one.evaluation)));
        let Some((split, evaluation)) = evaluation else {
            return paragraph("note", "No figure of this run is known.");
        };
        let rows = figures::headline(evaluation)
            .into_iter()
            .map(|(title, value, between)| vec![Cell::text(&title), Cell::number(value), Cell::number(between)]);
        let of = format!("On {}.", figures::rows_of(split, evaluation.num_rows));
        table(&["", "After training", "95 % between"], &rows.collect::<Vec<_>>()) + &paragraph("soft", &of)
    }
}

#[cfg(test)]
mod tests;
