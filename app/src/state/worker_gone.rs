//! What the page does when its worker is gone: it forgets what the worker held, says so, and loads it into another when the person
//! asks for that. And what it does while it can't read what the worker says.

use std::sync::Arc;

use hone_core::session::protocol::{Problem, ProblemKind};
use hone_core::task::DataReport;
use leptos::prelude::*;

use super::lost::what_was_lost;
use super::run::{Input, RunState};
use super::{LaterSteps, Step, Store, WorkerStatus};

impl Store {
    /// Has messages of every kind read from now on, those that wait first. For the parts of the later steps alone.
    pub(crate) fn read_all_messages(self) {
        self.client().read_all_messages();
    }

    /// Says that an answer waits for the parts of the later steps, where these could not be fetched.
    pub(crate) fn note_unread(self) {
        if self.later.get_untracked() == LaterSteps::Failed && self.client().has_unread() {
            let message = "what came of this can't be shown: the steps after the first could not be loaded";
            let hint = "Check the connection, open the step Data and press Try again there.";
            let problem = Problem { kind: ProblemKind::Network, message: message.into(), hint: hint.into() };
            self.report(self.step.get_untracked(), problem);
        }
    }

    pub(super) fn worker_died(self, problem: Problem) {
        self.worker.set(WorkerStatus::Dead);
        self.end_waiting(false);
        let at = if self.run.with_untracked(RunState::is_active) { Step::Train } else { self.step.get_untracked() };
        self.forget_worker_contents();
        self.report(at, problem);
    }

    pub(super) fn forget_worker_contents(self) {
        let model = self.model.loaded_name();
        let name = |report: &Arc<DataReport>| report.file_name.clone();
        let data = self.data.report.with_untracked(|report| report.as_ref().map(name));
        let has_run = self.run.with_untracked(|run| run.is_active() || run.is_finished());
        let mut parts = Vec::new();
        parts.extend(model.map(|name| format!("the model {name}")));
        parts.extend(data.map(|name| format!("the data {name}")));
        if !parts.is_empty() {
            let saved_step = self.run.with_untracked(|run| run.checkpoint_step);
            self.lost.set(Some(what_was_lost(&parts, has_run, saved_step)));
        }
        self.device.set(None);
        self.forget_loaded();
        for signal in [self.model.loading, self.data.loading, self.predicting, self.exporting] {
            signal.set(false);
        }
        self.measuring.set(None);
        self.batch.going.set(None);
        self.parts.reading.set(None);
        self.model.way_back.set_value(None);
        self.model.pending.set(None);
    }

    /// Forgets the model, the rows and the run that the worker held.
    pub(super) fn forget_loaded(self) {
        self.model.info.set(None);
        self.data.report.set(None);
        self.feed(Input::WorkerGone);
        self.run_id.set_value(None);
        self.kept.end_replay();
    }

    /// Loads into a fresh worker what the one before held: its model, if it had one, and the chosen files.
    pub(crate) fn load_again(self) {
        self.lost.set(None);
        if self.choose_lost_model() {
            self.load_model();
        } else {
            self.load_data();
        }
    }
}
