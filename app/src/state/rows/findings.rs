//! What may be wrong with the rows that are read. In: each report on rows, for which the worker looks through them. Out: the findings;
//! the rows of one of them in the table; and its action, which becomes one step of the edits of rows, after which the rows are read and
//! looked through again.

use std::sync::Arc;

use hone_core::data::findings::{FindingKind, ShownFindings};
use hone_core::data::{RowFilter, RowState};
use hone_core::session::protocol::{Command, Reply};
use hone_core::task::Task;
use leptos::prelude::*;

use super::super::{Step, Store, unexpected};
use crate::{browser, format};

/// Milliseconds before a search that was ended is asked for again.
const AGAIN_MS: u32 = 500;

/// Signals of the findings.
#[derive(Clone, Copy)]
pub(crate) struct FindingsState {
    /// What was found last; `None` before the first search is done.
    pub found: RwSignal<Option<Arc<ShownFindings>>>,
    /// It was found in the rows as they are read now.
    pub is_current: RwSignal<bool>,
    /// Rows that were looked at, and rows in all; (0, 0) before that is known.
    pub progress: RwSignal<(usize, usize)>,
    /// Why the rows could not be looked through.
    pub problem: RwSignal<Option<String>>,
    /// What there is to say of the last action.
    pub note: RwSignal<Option<String>>,
    /// Searches that were asked for, or are no more: an answer to one before the last says nothing.
    num_searches: StoredValue<u32>,
}

impl FindingsState {
    pub(super) fn new() -> Self {
        Self {
            found: RwSignal::new(None),
            is_current: RwSignal::new(false),
            progress: RwSignal::new((0, 0)),
            problem: RwSignal::new(None),
            note: RwSignal::new(None),
            num_searches: StoredValue::new(0),
        }
    }

    /// Another search begins, or none: gives it its number.
    fn begin(self) -> u32 {
        self.is_current.set(false);
        self.progress.set((0, 0));
        self.problem.set(None);
        self.num_searches.update_value(|count| *count += 1);
        self.num_searches.get_value()
    }
}

impl Store {
    /// Has the rows looked through whenever they were read.
    pub(crate) fn seek_findings(self) {
        let (data, findings) = (self.data, self.rows.findings);
        Effect::new(move |before: Option<Option<Task>>| {
            let task = data.report.with(|report| report.as_ref().map(|report| report.task()));
            let is_still = !data.loading.get() && !self.model.loading.get();
            findings.begin();
            // What was found stays while the rows are read again, and is not acted upon.
            if task.is_none() || before.flatten() != task {
                findings.found.set(None);
                findings.note.set(None);
            }
            if task.is_some() && is_still {
                self.ask_for_findings();
            }
            task
        });
    }

    fn ask_for_findings(self) {
        let findings = self.rows.findings;
        let number = findings.begin();
        let is_last = move || findings.num_searches.try_get_value() == Some(number);
        self.client().send(Command::SeekFindings, Vec::new(), move |answer| {
            if !is_last() {
                return;
            }
            let problem = match answer {
                Ok((Reply::Findings { found }, _)) => {
                    findings.found.set(Some(Arc::from(found)));
                    return findings.is_current.set(true);
                }
                // Other rows are read, or a device is opened: where it does not begin by itself then, it does here.
                Ok((Reply::Done, _)) => {
                    return browser::after(AGAIN_MS, move || {
                        if is_last() {
                            self.ask_for_findings();
                        }
                    });
                }
                Ok((other, _)) => unexpected(&other),
                Err(problem) => problem,
            };
            findings.problem.set(Some(problem.message));
        });
    }

    /// The worker knows the findings no more.
    fn seek_findings_again(self) {
        let again = "The rows had to be looked through again: press it once more when that is done.";
        self.rows.findings.note.set(Some(again.into()));
        self.ask_for_findings();
    }

    /// Shows the rows of a finding, by its place, in the table.
    pub(crate) fn look_at_finding(self, finding: usize, kind: FindingKind) {
        if kind == FindingKind::LeftOut {
            return self.look_at_rows(RowFilter { state: Some(RowState::Unused), ..RowFilter::default() });
        }
        self.rows.findings.note.set(None);
        self.client().send(Command::RowsOfFinding { finding }, Vec::new(), move |answer| {
            let problem = match answer {
                Ok((Reply::Rows { window }, _)) => {
                    return self.look_at_rows(RowFilter { rows: Some(window.ids), ..RowFilter::default() });
                }
                Ok((Reply::Done, _)) => return self.seek_findings_again(),
                Ok((other, _)) => unexpected(&other),
                Err(problem) => problem,
            };
            self.report(Step::Data, problem);
        });
    }

    /// Does what would mend a finding, by its place: all of it is one step, which can be undone.
    pub(crate) fn mend_finding(self, finding: usize) {
        let findings = self.rows.findings;
        let source = untrack(|| self.row_source());
        let edits = self.data.read.with_untracked(|read| read.edits.clone());
        findings.note.set(None);
        self.client().send(Command::MendFinding { finding, source, edits }, Vec::new(), move |answer| {
            let problem = match answer {
                Ok((Reply::Mended { edits, merged, num_left }, _)) => {
                    let stay = if num_left == 1 { "stays" } else { "stay" };
                    let what = "as it stands in the file: labels in a list can't be changed here";
                    let rows = format::plural(num_left, "row");
                    findings.note.set((num_left > 0).then(|| format!("{rows} {stay} {what}.")));
                    return match merged.is_empty() {
                        true => self.edit_rows(edits),
                        false => self.merge_labels(&merged),
                    };
                }
                Ok((Reply::Done, _)) => return self.seek_findings_again(),
                Ok((other, _)) => unexpected(&other),
                Err(problem) => problem,
            };
            self.report(Step::Data, problem);
        });
    }
}
