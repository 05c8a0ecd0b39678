//! What is heard of the saving of a run, and how often the batches of a kept run are cut when it is gone on with: as often as the
//! device had too little memory for it since it was saved. In: saves and failures. Out: a number, which outlives the worker and,
//! as the browser remembers it, the page. The counting is plain, tested natively.

use hone_core::session::protocol::{Problem, RunId};
use leptos::prelude::*;

use super::Store;
use super::run::{Input, RunState};
use crate::browser;

/// What the browser remembers the failures as.
const CUTS: &str = "hone-cuts";

/// Failures for lack of memory, of the run that had the last.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Cuts {
    /// Its id in the storage.
    id: String,
    count: u32,
}

impl Cuts {
    /// Those that the browser remembers, of a page that was closed since.
    pub(super) fn remembered() -> Self {
        browser::remembered(CUTS).as_deref().and_then(Self::of_text).unwrap_or_default()
    }

    fn to_text(&self) -> String {
        format!("{} {}", self.count, self.id)
    }

    /// Of what [`Self::to_text`] gave; `None` of anything else.
    fn of_text(text: &str) -> Option<Self> {
        let (count, id) = text.split_once(' ')?;
        Some(Self { id: id.to_owned(), count: count.parse().ok()? })
    }

    /// The device had too little memory for a run in the parts that it had.
    pub(super) fn note_failure(&mut self, id: &str) {
        if self.id != id {
            *self = Self { id: id.to_owned(), count: 0 };
        }
        self.count = self.count.saturating_add(1);
    }

    /// A run was saved, and with it the parts that it has by now.
    pub(super) fn note_saved(&mut self, id: &str) {
        if self.id == id {
            self.count = 0;
        }
    }

    /// How often the batches of a run are cut when it is opened.
    pub(super) fn of(&self, id: &str) -> u32 {
        if self.id == id { self.count } else { 0 }
    }
}

impl Store {
    /// The run was saved, or could not be.
    pub(super) fn hear_of_saving(self, step: u32, is_gone: bool, problem: Option<Problem>) {
        let is_replayed = self.kept.end_replay();
        // The last that is saved of a run may be heard when another was asked for, which has no name yet.
        let is_of_this = self.run_id.get_value().is_some();
        if is_of_this {
            if let (None, false, Some(id)) = (&problem, is_replayed, self.kept_id()) {
                self.count_cuts(|cuts| cuts.note_saved(&id));
            }
            let error = problem.map(|p| format!("{} {}", p.message, p.hint));
            self.feed(Input::Checkpoint { step: (!is_gone).then_some(step), error: error.as_deref() });
        } else if let Some(problem) = problem {
            self.note_unkept_leg(&problem);
        }
        if !is_of_this || !self.run.with_untracked(RunState::is_active) {
            self.list_runs(); // it is over, and among them
        }
    }

    /// A run failed, or (`None`) the worker that it went on in.
    pub(super) fn hear_of_failure(self, run: Option<RunId>, problem: Problem, lacks_memory: bool) {
        let shown = self.run_id.get_value();
        let is_of_this = shown.is_some() && run.is_none_or(|run| shown == Some(run));
        if lacks_memory
            && is_of_this
            && self.run.with_untracked(RunState::is_active)
            && let Some(id) = self.kept_id()
        {
            self.count_cuts(|cuts| cuts.note_failure(&id));
        }
        match run {
            Some(run) => self.run_failed(run, problem),
            None => self.worker_died(problem),
        }
    }

    fn count_cuts(self, count: impl FnOnce(&mut Cuts)) {
        let before = self.kept.cuts.get_value();
        self.kept.cuts.update_value(count);
        let now = self.kept.cuts.get_value();
        if now != before {
            browser::remember(CUTS, &now.to_text());
        }
    }

    /// Id of the last run in the storage; `None` where it is not kept.
    fn kept_id(self) -> Option<String> {
        self.started.with_untracked(|started| started.as_ref()?.kept_id.clone())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_run_is_cut_once_more_with_each_failure_until_it_is_saved() {
        let mut cuts = Cuts::default();
        assert_eq!(cuts.of("1"), 0);
        cuts.note_failure("1");
        cuts.note_failure("1");
        assert_eq!((cuts.of("1"), cuts.of("2")), (2, 0), "twice as many parts each time");
        cuts.note_saved("2");
        assert_eq!(cuts.of("1"), 2, "another was saved");
        cuts.note_saved("1");
        assert_eq!(cuts.of("1"), 0, "its parts were saved with it");
        cuts.note_failure("1");
        cuts.note_failure("2");
        assert_eq!((cuts.of("1"), cuts.of("2")), (0, 1));
    }

    #[test]
    fn what_is_remembered_is_what_was_counted() {
        let cuts = Cuts { id: "1700000000000".into(), count: 2 };
        for cuts in [cuts, Cuts::default()] {
            assert_eq!(Cuts::of_text(&cuts.to_text()), Some(cuts));
        }
        assert!(["", "x 1", "-1 2", "3"].iter().all(|text| Cuts::of_text(text).is_none()));
    }
}
