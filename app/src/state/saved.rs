//! The run that is kept in the browser's storage: looked for when the part that trains listens; then gone on with, or deleted.
//! What the page gives along with a run, whether a kept run is offered and how it is named are plain values, tested natively.

use std::sync::Arc;

use hone_core::config::RunDraft;
use hone_core::session::protocol::{Command, NamedBlob, OpenedRun, Problem, ProblemKind, Reply, SavedRun};
use hone_core::task::Task;
use js_sys::ArrayBuffer;
use leptos::prelude::*;

use super::data::ReadFor;
use super::guess::Guess;
use super::run::{Input, RunState, Status};
use super::train::Started;
use super::{Step, Store, WorkerStatus, bug, unexpected};
use crate::browser::{self, PickedFile};
use crate::client::Answer;
use crate::{format, tasks};

/// The button that starts a run though trained weights go: of a run that is kept nothing is left then.
pub(crate) const START_ANYWAY: &str = "Start anyway";

/// Id of what is said of a kept run.
pub(crate) const SAVED_ID: &str = "saved-run";

/// What the page wants back when it goes on with a run, besides what the worker keeps for itself.
#[derive(Debug, Clone, PartialEq, Default)]
pub(super) struct PageNotes {
    /// That of the run, counted since the page was opened.
    pub number: u32,
    /// What was typed into the recipe.
    pub draft: RunDraft,
    /// What was typed of changes to the model.
    pub changes: RunDraft,
    /// The task that the person chose; `None` where it was guessed.
    pub wished_task: Option<Task>,
}

/// The same as JSON has it: number, recipe, changes to the model, task.
type Written = (u32, RunDraft, RunDraft, Option<Task>);

impl PageNotes {
    /// As JSON.
    pub(super) fn to_json(&self) -> String {
        let Self { number, draft, changes, wished_task } = self;
        serde_json::to_string(&(number, draft, changes, wished_task)).expect("notes hold only plain values")
    }

    /// Of JSON that the browser reads, which takes less of the page than a parser of our own.
    fn read(json: &str) -> Result<Self, String> {
        let value = js_sys::JSON::parse(json).map_err(|error| browser::describe(&error))?;
        serde_wasm_bindgen::from_value(value).map(Self::of_written).map_err(|error| error.to_string())
    }

    fn of_written((number, draft, changes, wished_task): Written) -> Self {
        Self { number, draft, changes, wished_task }
    }
}

/// The kept run where it is offered: not while a run goes on, and not where it is the one whose weights are loaded. A run of
/// several tasks is never the one that is kept.
pub(crate) fn offered(saved: Option<SavedRun>, run: &RunState, has_parts: bool) -> Option<SavedRun> {
    let is_loaded = run.is_finished() && !has_parts;
    saved.filter(|_| !run.is_active() && !is_loaded)
}

/// Which run is kept, how far it came and until when it is there.
pub(crate) fn describe(saved: &SavedRun, now_ms: f64) -> String {
    let model = saved.model.name().rsplit('/').next().unwrap_or_default();
    let run = format!("A run of {model} on {}", saved.file);
    let ago = ago(now_ms - saved.saved_ms);
    if saved.is_elsewhere {
        return format!("{run} goes on in another tab of this browser. Reload this page once it has ended there.");
    }
    if saved.is_finished {
        return format!("{run} finished {ago}. Its weights are kept in this browser until another run starts.");
    }
    let [step, total] = [saved.step, saved.total_steps].map(|steps| format::count(steps as usize));
    format!("{run} was cut off. Step {step} of {total} was saved {ago}, and is kept until another run starts.")
}

/// How long ago something was; a clock that was set back since says that it was just now.
fn ago(ms: f64) -> String {
    let minutes = (ms.max(0.0) / 60_000.0) as usize;
    match minutes {
        0 => "less than a minute ago".into(),
        1..60 => format!("{} ago", format::plural(minutes, "minute")),
        60..2880 => format!("{} ago", format::plural(minutes / 60, "hour")),
        _ => format!("{} ago", format::plural(minutes / 1440, "day")),
    }
}

/// The step at which it is shown why a kept run could not be opened.
fn step_of(kind: ProblemKind) -> Step {
    match kind {
        ProblemKind::Model | ProblemKind::Network => Step::Model,
        ProblemKind::Data => Step::Data,
        _ => Step::Train,
    }
}

impl Store {
    /// Looks for a run that is kept.
    pub(super) fn find_run(self) {
        self.client().send(Command::FindRun, Vec::new(), move |answer| match answer {
            Ok((Reply::Saved { saved }, _)) => self.saved.set(saved),
            Ok((other, _)) => self.report(Step::Train, unexpected(&other)),
            // The part that trains has stopped meanwhile, which is said already: the next one is asked again.
            Err(problem) if problem.kind == ProblemKind::Bug => {}
            Err(problem) => self.report(Step::Train, problem),
        });
    }

    /// Goes on with the kept run, or opens it where it is over. Where trained weights would go that nothing else keeps, the
    /// person is asked first.
    pub(crate) fn open_run(self) {
        self.confirm_losing_weights("Open anyway", move || self.open_run_now());
    }

    fn open_run_now(self) {
        if self.opening.get_untracked() {
            return;
        }
        self.opening.set(true);
        let has_failed =
            self.run_id.get_value().is_some() && self.run.with_untracked(|run| run.status == Status::Failed);
        if has_failed || self.worker.get_untracked() == WorkerStatus::Dead {
            // What is left of a device, or of a worker, that failed can't be trusted.
            self.once_open.set_value(Some(Self::ask_to_open as fn(Self)));
            self.restart_worker();
            self.lost.set(None);
        } else {
            self.ask_to_open();
        }
    }

    /// Goes on with what waited for a device, or gives it up where there is none.
    pub(super) fn end_waiting(self, is_open: bool) {
        match self.once_open.try_update_value(Option::take).flatten() {
            Some(then) if is_open => then(self),
            _ if is_open => {}
            _ => self.opening.set(false),
        }
    }

    fn ask_to_open(self) {
        self.ask_to_keep_files();
        for step in [Step::Model, Step::Data, Step::Train] {
            self.dismiss(step);
        }
        self.model.downloads.set(Vec::new());
        self.data.progress.set((0, 0));
        self.model.loading.set(true);
        // Answered by a callback, not a future: events of the run follow the answer at once.
        self.client().send(Command::OpenRun, Vec::new(), move |answer| self.note_opened(answer));
    }

    fn note_opened(self, answer: Answer) {
        self.opening.set(false);
        self.model.loading.set(false);
        let problem = match answer {
            Ok((Reply::Opened { opened }, blobs)) => return self.take_opened(*opened, &blobs),
            Ok((other, _)) => unexpected(&other),
            Err(problem) => problem,
        };
        // Nobody knows what the worker still holds of what was loaded before.
        self.forget_loaded();
        let step = step_of(problem.kind);
        self.report(step, problem);
        self.go_to(step);
        self.find_run();
    }

    /// Puts everything where it was when the run was started; its events follow.
    fn take_opened(self, opened: OpenedRun, blobs: &[ArrayBuffer]) {
        let OpenedRun { model, report, train, valid, test, read, run, has_adapter, num_labels, notes, job, page } =
            opened;
        let is_finished = self.saved.with_untracked(|saved| saved.as_ref().is_some_and(|saved| saved.is_finished));
        let task = report.task();
        let PageNotes { number, draft, changes, wished_task } = self.notes_of(&page);
        self.forget_parts();
        self.forget_figures();
        self.model.way_back.set_value(None);
        self.model.take_opened(model, task);
        self.draft.set(draft);
        self.changes.set(changes);

        let data = self.data;
        let file = |named: NamedBlob| PickedFile::from_bytes(&named.name, blobs.get(named.blob)?);
        let files = [Some(train), valid, test].map(|named| named.and_then(file));
        for (slot, file) in [data.train, data.valid, data.test].into_iter().zip(files) {
            slot.set(file);
        }
        if data.train.with_untracked(Option::is_none) {
            self.report(Step::Data, bug("the run came without its file of rows".into()));
        }
        data.read.set(read);
        data.note.set(None);
        data.wished_task.set(wished_task);
        data.guess.set(wished_task.is_none().then_some(Guess { task, is_followed: true }));
        // The rows are read already, for this task and this recipe.
        data.asked_for.set_value(Some(task));
        data.used.set_value(Some(ReadFor::of(&self.run_to_read_for())));
        let prompt_format = tasks::row_facts(&report).prompt_format;
        data.report.set(Some(Arc::new(report)));

        self.num_runs.set_value(number.saturating_sub(1));
        let (origin, parts) = (self.next_origin(), Vec::new());
        self.num_runs.set_value(origin.number);
        self.run_id.set_value(Some(run));
        let started = Started { origin, job, has_adapter, num_labels, notes, prompt_format, parts };
        self.started.set(Some(Arc::new(started)));
        self.feed(Input::Requested);
        self.saved.set(None);
        self.lost.set(None);
        self.go_to(if is_finished { Step::Evaluate } else { Step::Train });
    }

    /// What the page gave along with the run. Where another version of the page wrote it, the recipe is not shown as it was, and
    /// the page says so.
    fn notes_of(self, page: &str) -> PageNotes {
        PageNotes::read(page).unwrap_or_else(|error| {
            let message = format!("what was typed into the recipe of this run can't be read: {error}");
            let hint = "The run itself has the settings that it was started with; its job file names them.".into();
            self.report(Step::Recipe, Problem { kind: ProblemKind::Config, message, hint });
            PageNotes { number: 1, ..PageNotes::default() }
        })
    }

    /// Deletes the kept run.
    pub(crate) fn drop_run(self) {
        self.client().send(Command::DropRun, Vec::new(), move |answer| match answer {
            Ok(_) => {
                browser::keep_focus(SAVED_ID, "page-title");
                self.saved.set(None);
            }
            Err(problem) => self.report(self.step.get_untracked(), problem),
        });
    }
}

#[cfg(test)]
mod tests {
    use hone_core::config::ModelSource;
    use hone_core::event::{StopReason, TrainEvent};

    use super::*;

    const MINUTE_MS: f64 = 60_000.0;

    fn saved() -> SavedRun {
        SavedRun {
            step: 1024,
            total_steps: 2400,
            is_finished: false,
            saved_ms: 0.0,
            model: ModelSource::hub("sentence-transformers/all-MiniLM-L6-v2"),
            file: "tickets.csv".into(),
            task: Task::default(),
            is_elsewhere: false,
        }
    }

    #[test]
    fn a_kept_run_is_named_with_how_far_it_came() {
        let cut_off = "A run of all-MiniLM-L6-v2 on tickets.csv was cut off. Step 1,024 of 2,400 was saved 12 minutes ago, and \
            is kept until another run starts.";
        assert_eq!(describe(&saved(), 12.5 * MINUTE_MS), cut_off);
        let finished = describe(&SavedRun { is_finished: true, ..saved() }, 0.0);
        assert!(finished.contains("tickets.csv finished less than a minute ago. Its weights are kept"), "{finished}");
        let elsewhere = describe(&SavedRun { is_elsewhere: true, ..saved() }, 0.0);
        assert!(elsewhere.contains("goes on in another tab"), "{elsewhere}");
    }

    #[test]
    fn times_are_told_in_their_units() {
        let told = [-5.0, 1.0, 59.9, 60.0, 47.0 * 60.0, 49.0 * 60.0].map(|minutes| ago(minutes * MINUTE_MS));
        let expected = ["less than a minute", "1 minute", "59 minutes", "1 hour", "47 hours", "2 days"];
        assert_eq!(told, expected.map(|text| format!("{text} ago")));
    }

    #[test]
    fn the_run_that_is_loaded_is_not_offered_again() {
        let mut run = RunState::default();
        let is_offered = |run: &RunState, has_parts| offered(Some(saved()), run, has_parts).is_some();
        assert!(is_offered(&run, false) && offered(None, &run, false).is_none());
        run.apply(Input::Requested);
        assert!(!is_offered(&run, false), "a run begins");
        let event = TrainEvent::Finished { step: 1, reason: StopReason::Completed, weights_of_step: 1 };
        run.apply(Input::Event { elapsed_secs: 1.0, event: &event });
        assert_eq!([is_offered(&run, false), is_offered(&run, true)], [false, true], "of several tasks none is kept");
        run.apply(Input::ModelLoaded { is_other_task: false });
        assert!(is_offered(&run, false), "its weights are no longer loaded");
    }

    #[test]
    fn notes_come_back_as_they_were() {
        let notes = PageNotes {
            number: 3,
            draft: RunDraft::from_typed([("seed", "7"), ("learning_rate", "1e-3")]),
            changes: RunDraft::from_typed([("add_layers", "1")]),
            wished_task: Some(Task::default()),
        };
        for notes in [notes, PageNotes::default()] {
            let written: Written = serde_json::from_str(&notes.to_json()).expect("it is JSON");
            assert_eq!(PageNotes::of_written(written), notes);
        }
    }
}
