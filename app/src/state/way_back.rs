//! What a change of task by hand, or the start of a run, takes off the page: the run before, its figures and what was exported.
//! Where no rows can be read for the other task, or the start is refused, the worker still holds model and weights as they were,
//! and all of it comes back.

use std::sync::Arc;

use hone_core::task::{FewShotReport, Task};
use leptos::prelude::*;

use super::Store;
use super::evaluation::Measured;
use super::examined;
use super::reading::Outcome;
use super::run::{Input, RunState};
use super::several::RunPart;
use super::train::Started;
use crate::browser::FileIdentity;

/// A task that was left, until rows are read for another.
#[derive(Debug, Clone)]
pub(super) struct WayBack {
    task: Task,
    /// The chosen files, which the figures without a run are of.
    files: [Option<FileIdentity>; 3],
    run: RunState,
    started: Option<Arc<Started>>,
    measured_base: Option<Arc<Measured>>,
    measured_tuned: Option<Arc<Measured>>,
    measured_parts: Vec<RunPart>,
    few_shot: Option<Arc<FewShotReport>>,
    exported: Option<(String, f64)>,
    /// What was looked at of these weights besides, which their report says.
    examined: examined::Kept,
}

impl WayBack {
    /// Whether what was measured is of these rows: a run is measured on its own.
    fn is_of(&self, files: &[Option<FileIdentity>; 3]) -> bool {
        self.run.is_finished() || self.files == *files
    }
}

impl Store {
    /// What would be lost if another task took the place of this one, now; of a task that was left before and whose rows are
    /// still those of the worker, what was lost then.
    pub(super) fn way_back_from(self, task: Task) -> WayBack {
        self.model.way_back.get_value().unwrap_or_else(|| self.way_back_now(task))
    }

    /// What would be lost now, of a task.
    fn way_back_now(self, task: Task) -> WayBack {
        WayBack {
            task,
            files: untrack(|| self.data.identities()),
            run: self.run.get_untracked(),
            started: self.started.get_untracked(),
            measured_base: self.measured_base.get_untracked(),
            measured_tuned: self.measured_tuned.get_untracked(),
            measured_parts: self.parts.measured.get_untracked(),
            few_shot: self.few_shot.get_untracked(),
            exported: self.exported.get_untracked(),
            examined: self.examined.kept(),
        }
    }

    /// What another run would take the place of; `None` where no run is loaded.
    pub(super) fn run_before(self) -> Option<WayBack> {
        let is_loaded = self.run.with_untracked(RunState::is_finished);
        is_loaded.then(|| self.way_back_now(self.model.task.get_untracked()))
    }

    /// After rows were read for `task`, or not: takes back what was lost where it leads back there, and keeps it as long as
    /// no rows were read for another task.
    pub(super) fn follow_way_back(self, way_back: WayBack, task: Task, outcome: Outcome) {
        match outcome {
            Outcome::Read if way_back.task == task => self.take_back(way_back),
            Outcome::Read | Outcome::Superseded => {}
            Outcome::Unread | Outcome::Cancelled => self.model.way_back.set_value(Some(way_back)),
        }
    }

    /// Puts what was lost where it was, if it is of the rows that are chosen.
    pub(super) fn take_back(self, way_back: WayBack) {
        if !way_back.is_of(&untrack(|| self.data.identities())) {
            return;
        }
        self.started.set(way_back.started);
        self.parts.measured.set(way_back.measured_parts);
        self.measured_base.set(way_back.measured_base);
        self.measured_tuned.set(way_back.measured_tuned);
        self.few_shot.set(way_back.few_shot);
        self.exported.set(way_back.exported);
        self.examined.take_back(way_back.examined);
        self.feed(Input::TakenBack { run: &way_back.run });
    }
}

#[cfg(test)]
mod tests {
    use hone_core::event::{StopReason, TrainEvent};

    use super::*;

    #[test]
    fn figures_come_back_with_their_rows_and_those_of_a_run_with_any() {
        let file = |name: &str| Some(FileIdentity { name: name.into(), size_bytes: 1.0, stamp: 0 });
        let (own, other) = ([file("a.csv"), None, None], [file("b.csv"), None, None]);
        let mut left = WayBack {
            task: Task::default(),
            files: own.clone(),
            run: RunState::default(),
            started: None,
            measured_base: None,
            measured_tuned: None,
            measured_parts: Vec::new(),
            few_shot: None,
            exported: None,
            examined: Vec::new(),
        };
        assert!(left.is_of(&own) && !left.is_of(&other));
        let event = TrainEvent::Finished { step: 1, reason: StopReason::Completed, weights_of_step: 1 };
        left.run.apply(Input::Event { elapsed_secs: 1.0, event: &event });
        assert!(left.is_of(&other), "it was measured on the rows of the run");
        let mut run = RunState::default();
        run.apply(Input::TakenBack { run: &left.run });
        assert_eq!(run, left.run);
    }
}
