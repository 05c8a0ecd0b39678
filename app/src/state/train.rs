//! Starting, holding and ending a run, and passing its events to the reducer. Events may come hundreds of times a
//! second: the page is drawn ten times a second at most.

use std::sync::Arc;

use hone_core::config::{ModelChanges, PromptFormat};
use hone_core::event::TrainEvent;
use hone_core::session::protocol::{Command, Problem, Reply, RunId};
use js_sys::ArrayBuffer;
use leptos::prelude::*;
use leptos::task::spawn_local;

use super::origin::{MadeOf, Origin};
use super::page_notes::PageNotes;
use super::recipe::names_of;
use super::run::Input;
use super::several::RunPart;
use super::way_back::WayBack;
use super::{Step, Store, unexpected};
use crate::browser;
use crate::tasks;

/// Milliseconds between two drawings of a run.
const PUBLISH_EVERY_MS: f64 = 100.0;

/// What a run is, as the worker said when it began.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Started {
    /// What it was made of.
    pub origin: Origin,
    /// Its job file.
    pub job: String,
    /// It trains an adapter, which can be taken home alone.
    pub has_adapter: bool,
    /// Labels that it tells apart; 0 where it has none.
    pub num_labels: usize,
    /// What was changed of the model before.
    pub notes: Vec<String>,
    /// How a bare prompt is given to it; `None` where none is.
    pub prompt_format: Option<PromptFormat>,
    /// Its tasks; none where it has one.
    pub parts: Vec<RunPart>,
    /// Id under which it is kept in the browser's storage; `None` where it is not.
    pub kept_id: Option<String>,
}

/// When a run was last drawn, and whether it will be without another event.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Publishing {
    last_ms: f64,
    is_scheduled: bool,
}

impl Store {
    /// Starts a run with the recipe, if it is right.
    pub(crate) fn start_run(self) {
        let (Ok(run), Ok(changes)) = (self.resolved.get_untracked(), self.changed.get_untracked()) else { return };
        if untrack(|| self.parts_problem()).is_some() {
            return; // the page says so
        }
        let parts = untrack(|| self.parts_to_run());
        let before = self.run_before();
        self.dismiss(Step::Train);
        self.kept.put_aside.set(String::new());
        self.ask_to_keep_files();
        self.run_id.set_value(None);
        // Where there was a run, the figures of the model before training may be of that run's rows; a model that is changed
        // has others, and so have several tasks.
        let has_others = !parts.is_empty() || self.changes_before() != changes;
        if has_others || self.run.with_untracked(|run| run.is_finished()) {
            self.forget_figures();
        } else {
            self.forget_tuned();
        }
        self.feed(Input::Requested);
        let prompt_format =
            self.data.report.with_untracked(|report| tasks::row_facts(report.as_deref()?).prompt_format);
        let number = self.next_number();
        let (origin, is_one) = (self.origin_of(number), parts.is_empty());
        // What the page knows of it before the worker answers.
        let (job, notes) = (String::new(), Vec::new());
        let asked =
            Started { origin, job, has_adapter: false, num_labels: 0, notes, prompt_format, parts, kept_id: None };
        let page = self.page_notes().to_json();
        spawn_local(async move {
            self.keep_project_now().await; // a run is noted as one of the project that is kept
            if is_one {
                return self.ask_for_run(Command::Train { number, run, changes, page }, Vec::new(), asked, before);
            }
            match self.files_of_parts().await {
                Ok(Some((parts, blobs))) => {
                    let command = Command::TrainParts { number, parts, run, changes, page };
                    self.ask_for_run(command, blobs, asked, before);
                }
                Ok(None) => self.run_not_started(None),
                Err(problem) => self.train_problem(problem),
            }
        });
    }

    /// `before` is the run that is loaded, which stays where this one is refused.
    pub(super) fn ask_for_run(
        self,
        command: Command,
        blobs: Vec<ArrayBuffer>,
        asked: Started,
        before: Option<WayBack>,
    ) {
        // Answered by a callback, not a future: events of the run may follow the answer at once.
        self.client().send(command, blobs, move |answer| match answer {
            Ok((Reply::Started { run, has_adapter, num_labels, notes, job, kept_as: kept_id }, _)) => {
                self.parts.reading.set(None);
                self.run_id.set_value(Some(run));
                self.num_runs.set_value(asked.origin.number);
                self.started.set(Some(Arc::new(Started { job, has_adapter, num_labels, notes, kept_id, ..asked })));
            }
            Ok((Reply::Refused { problem }, _)) => match before {
                Some(before) => {
                    self.run_not_started(Some(before));
                    self.report(Step::Train, problem);
                }
                None => self.train_problem(problem),
            },
            Ok((Reply::Done, _)) => {
                // A model that was changed for this run, or changed back, has lost its run; so have several tasks.
                let is_plain = asked.origin.made_of.changes.as_ref().is_none_or(ModelChanges::is_empty);
                let stays = asked.parts.is_empty() && is_plain && self.changes_before().is_empty();
                self.run_not_started(before.filter(|_| stays));
            }
            Ok((other, _)) => self.train_problem(unexpected(&other)),
            Err(problem) => self.train_problem(problem),
        });
    }

    /// The person ended the reading of the rows, or the making of copies of them, or the run was refused; `before` is the one that is
    /// loaded still.
    fn run_not_started(self, before: Option<WayBack>) {
        self.parts.reading.set(None);
        if let Some(before) = before {
            self.take_back(before);
        }
        self.feed(Input::NotStarted); // where nothing was taken back
    }

    /// What was changed of the model for the last run.
    fn changes_before(self) -> ModelChanges {
        let of_run = self.started.with_untracked(|started| started.as_ref()?.origin.made_of.changes.clone());
        of_run.unwrap_or_default()
    }

    /// What the page wants back when it goes on with the run.
    pub(super) fn page_notes(self) -> PageNotes {
        let (draft, changes) = (self.draft.get_untracked(), self.changes.get_untracked());
        let (wished_task, unsure) = (self.data.wished_task.get_untracked(), self.unsure.get_untracked());
        PageNotes { draft, changes, wished_task, unsure }
    }

    /// The number of the next run: of those that are kept, and of those since the page was opened, none has it.
    pub(super) fn next_number(self) -> u32 {
        let of_kept = self.kept.runs.with_untracked(|kept| kept.runs.iter().map(|run| run.number).max());
        self.num_runs.get_value().max(of_kept.unwrap_or(0)) + 1
    }

    /// What a run that is started now is made of.
    pub(super) fn origin_of(self, number: u32) -> Origin {
        let model = self.model.loaded_name();
        Origin {
            number,
            model: model.unwrap_or_default(),
            task: self.model.task.get_untracked(),
            file: untrack(|| self.names_of_files()),
            made_of: untrack(|| self.made_of_now()),
        }
    }

    fn made_of_now(self) -> MadeOf {
        MadeOf {
            run: self.resolved.with(|run| run.as_ref().ok().cloned()),
            changes: self.changed.with(|changes| changes.as_ref().ok().cloned()),
            read: self.data.read.get(),
            files: self.data.identities(),
            beside: self.beside(),
        }
    }

    /// Why what the last run gave is not what a run would give now; `None` where it is, or there is none.
    pub(crate) fn out_of_date(self) -> Option<String> {
        if !self.run.with(|run| run.is_finished()) {
            return None;
        }
        let now = self.made_of_now();
        self.started.with(|started| started.as_ref().and_then(|started| started.origin.changed_since(&now)))
    }

    /// Whether closing the page would lose something: a run, or weights that were not exported.
    pub(crate) fn has_unsaved_work(self) -> bool {
        let is_exported = self.exported.with_untracked(Option::is_some);
        self.run.with_untracked(|run| run.is_active() || (run.is_finished() && !is_exported))
    }

    /// Names of the settings that are wrong; `None` where none is.
    pub(crate) fn wrong_settings(self) -> Option<String> {
        let task = self.model.task.get();
        let settings = self.resolved.with(|resolved| {
            let problems = resolved.as_ref().err()?;
            Some(self.draft.with(|draft| names_of(problems, draft, &self.fields(task))))
        });
        let changes = self.changed.with(Result::is_err).then(|| "Change the model".to_owned());
        settings.or(changes)
    }

    /// Holds the run after the batch in flight.
    pub(crate) fn pause_run(self) {
        self.steer(Command::Pause, Input::Held);
    }

    /// Goes on with a held run.
    pub(crate) fn resume_run(self) {
        self.steer(Command::Resume, Input::Released);
    }

    /// Ends the run with its last or its best weights.
    pub(crate) fn stop_run(self, keep_best: bool) {
        self.feed(Input::Stopping);
        self.client().send(Command::Stop { keep_best }, Vec::new(), move |answer| {
            if let Err(problem) = answer {
                self.report(Step::Train, problem);
            }
        });
    }

    fn steer(self, command: Command, then: Input<'static>) {
        self.client().send(command, Vec::new(), move |answer| match answer {
            Ok(_) => self.feed(then),
            Err(problem) => self.report(Step::Train, problem),
        });
    }

    pub(super) fn hear_event(self, run: RunId, elapsed_secs: f64, event: &TrainEvent) {
        if self.run_id.get_value() != Some(run) {
            return;
        }
        self.feed(Input::Event { elapsed_secs, event });
        let is_over = matches!(event, TrainEvent::Finished { .. });
        if is_over && !self.writes() && !self.try_text.with_untracked(String::is_empty) {
            // What was tried before is shown beside what the model says now.
            self.predict();
        }
    }

    pub(super) fn run_failed(self, run: RunId, problem: Problem) {
        if self.run_id.get_value() == Some(run) {
            self.train_problem(problem);
            self.list_runs();
        }
    }

    fn train_problem(self, problem: Problem) {
        self.parts.reading.set(None);
        self.feed(Input::Failed);
        self.report(Step::Train, problem);
    }

    /// Applies what happened; frequent events are drawn together.
    pub(super) fn feed(self, input: Input<'_>) {
        let is_frequent = matches!(
            input,
            Input::Event {
                event: TrainEvent::Progress { .. } | TrainEvent::Step { .. } | TrainEvent::EvaluationProgress { .. },
                ..
            }
        );
        let now_ms = browser::now_ms();
        let Publishing { last_ms, is_scheduled } = self.publishing.get_value();
        let is_due = !is_frequent || now_ms - last_ms >= PUBLISH_EVERY_MS;
        self.run.maybe_update(|run| {
            run.apply(input);
            is_due
        });
        if is_due {
            self.publishing.update_value(|publishing| publishing.last_ms = now_ms);
        } else if !is_scheduled {
            self.publishing.update_value(|publishing| publishing.is_scheduled = true);
            browser::after(100, move || {
                self.publishing.set_value(Publishing { last_ms: browser::now_ms(), is_scheduled: false });
                self.run.notify();
            });
        }
    }
}
