//! The runs that are kept in the browser's storage: listed when the part that trains listens; then opened or gone on with, noted
//! on, or deleted. Which kept run is offered and how it is named are plain values, tested natively.

use std::sync::Arc;

use hone_core::session::protocol::{Command, KeptRuns, NamedBlob, OpenedRun, Problem, ProblemKind, Reply, SavedRun};
use js_sys::ArrayBuffer;
use leptos::prelude::*;
use leptos::task::spawn_local;

use super::guess::Guess;
use super::page_notes::PageNotes;
use super::reading::ReadFor;
use super::run::{Input, RunState, Status};
use super::saving::Cuts;
use super::train::Started;
use super::unsure::Unsure;
use super::{Step, Store, WorkerStatus, bug, opened_run, unexpected};
use crate::browser::{self, PickedFile};
use crate::client::Answer;
use crate::{format, tasks};

/// Id of what is said of a kept run above every step.
pub(crate) const SAVED_ID: &str = "saved-run";

/// Id of the table of kept runs, and of its heading.
pub(crate) const RUNS_ID: &str = "runs";
pub(crate) const RUNS_TITLE_ID: &str = "runs-title";

/// What is kept, and what is done with it.
#[derive(Clone, Copy)]
pub(crate) struct KeptState {
    pub runs: RwSignal<KeptRuns>,
    /// Ids of those whose curves are drawn, in the order in which they were chosen.
    pub drawn: RwSignal<Vec<String>>,
    /// One of them is being opened.
    pub opening: RwSignal<bool>,
    /// What of its project a run that was opened took the place of, and how it comes back; empty where that is nothing.
    pub put_aside: RwSignal<String>,
    /// What is done with a project file, or was done with the last one; empty where that is nothing.
    pub project: RwSignal<String>,
    has_project: StoredValue<bool>,
    /// Id of the run that is being opened.
    to_open: StoredValue<String>,
    /// Its project was laid out for it, without its rows.
    is_laid_out: StoredValue<bool>,
    /// What is done once a device is open.
    once_open: StoredValue<Option<fn(Store)>>,
    /// The events that come are those of a run that was opened, up to its checkpoint, as they came the first time.
    is_replay: StoredValue<bool>,
    /// How often batches are cut when a run is gone on with.
    pub(super) cuts: StoredValue<Cuts>,
    /// Notes that are being saved, (id of the run, its note), in the order in which they were typed.
    noting: StoredValue<Vec<(String, String)>>,
}

impl KeptState {
    /// Before anything was listed.
    pub(super) fn new() -> Self {
        Self {
            runs: RwSignal::new(KeptRuns::default()),
            drawn: RwSignal::new(Vec::new()),
            opening: RwSignal::new(false),
            put_aside: RwSignal::new(String::new()),
            project: RwSignal::new(String::new()),
            has_project: StoredValue::new(false),
            to_open: StoredValue::new(String::new()),
            is_laid_out: StoredValue::new(false),
            once_open: StoredValue::new(None),
            is_replay: StoredValue::new(false),
            cuts: StoredValue::new(Cuts::remembered()),
            noting: StoredValue::new(Vec::new()),
        }
    }

    /// The events that come were told before.
    pub(super) fn is_replay(self) -> bool {
        self.is_replay.get_value()
    }

    /// What comes now is new; returns whether it was not before.
    pub(super) fn end_replay(self) -> bool {
        self.is_replay.try_update_value(std::mem::take).unwrap_or(false)
    }

    /// A project file is being written or read.
    pub(super) fn has_project_under_way(self) -> bool {
        self.has_project.get_value()
    }

    pub(super) fn begin_project(self, said: String) {
        self.has_project.set_value(true);
        self.project.set(said);
    }

    pub(super) fn end_project(self, said: String) {
        self.has_project.set_value(false);
        self.project.set(said);
    }
}

/// The kept run that is offered: the one that was saved last. None while a run goes on, or while the weights of one are loaded.
pub(crate) fn offered(kept: &[SavedRun], run: &RunState) -> Option<SavedRun> {
    let last = kept.iter().max_by(|a, b| a.saved_ms.total_cmp(&b.saved_ms));
    last.filter(|_| !run.is_active() && !run.is_finished()).cloned()
}

/// Which run is kept, and how far it came.
pub(crate) fn describe(saved: &SavedRun, now_ms: f64) -> String {
    let model = saved.model.name().rsplit('/').next().unwrap_or_default();
    let run = format!("A run of {model} on {}", saved.file);
    let ago = ago(now_ms - saved.saved_ms);
    if saved.is_finished {
        return format!("{run} finished {ago}. Its weights are kept in this browser.");
    }
    let [step, total] = [saved.step, saved.total_steps].map(|steps| format::count(steps as usize));
    format!("{run} was cut off. Step {step} of {total} was saved {ago}.")
}

/// What is said of kept runs while another tab trains.
pub(crate) const ELSEWHERE: &str = "Hone trains in another tab of this browser. Runs that are kept can be opened and deleted here \
    once that has ended: reload this page then.";

/// How long ago something was; a clock that was set back since says that it was just now.
pub(crate) fn ago(ms: f64) -> String {
    let minutes = (ms.max(0.0) / 60_000.0) as usize;
    match minutes {
        0 => "less than a minute ago".into(),
        1..60 => format!("{} ago", format::plural(minutes, "minute")),
        60..2880 => format!("{} ago", format::plural(minutes / 60, "hour")),
        _ => format!("{} ago", format::plural(minutes / 1440, "day")),
    }
}

/// Lays notes that are being saved over those that are kept.
fn lay_notes(runs: &mut [SavedRun], noting: &[(String, String)]) {
    for (id, note) in noting {
        if let Some(run) = runs.iter_mut().find(|run| run.id == *id) {
            run.note.clone_from(note);
        }
    }
}

/// The step at which it is shown why a kept run could not be opened.
fn step_of(kind: ProblemKind) -> Step {
    match kind {
        ProblemKind::Model | ProblemKind::Network | ProblemKind::Access => Step::Model,
        ProblemKind::Data => Step::Data,
        _ => Step::Train,
    }
}

impl Store {
    /// Lists the runs that are kept.
    pub(super) fn list_runs(self) {
        self.client().send(Command::ListRuns, Vec::new(), move |answer| match answer {
            Ok((Reply::Runs { kept }, _)) => self.show_runs(kept),
            Ok((other, _)) => self.report(Step::Train, unexpected(&other)),
            // The part that trains has stopped meanwhile, which is said already: the next one is asked again.
            Err(problem) if problem.kind == ProblemKind::Bug => {}
            Err(problem) => self.report(Step::Train, problem),
        });
    }

    /// Draws the table anew; what has the focus in it keeps it, and what is typed meanwhile stays.
    fn show_runs(self, mut kept: KeptRuns) {
        lay_notes(&mut kept.runs, &self.kept.noting.get_value());
        let is_there = |id: &String| kept.runs.iter().any(|run| run.id == *id);
        if self.kept.drawn.with_untracked(|drawn| !drawn.iter().all(is_there)) {
            self.kept.drawn.update(|drawn| drawn.retain(is_there));
        }
        let refocus = browser::focus_keeper_within(RUNS_ID, RUNS_TITLE_ID);
        self.kept.runs.set(kept);
        refocus();
    }

    /// The last run where it is kept, as it was saved last.
    pub(crate) fn last_kept(self) -> Option<SavedRun> {
        let id = self.started.with(|started| started.as_ref()?.kept_id.clone())?;
        self.kept.runs.with(|kept| kept.runs.iter().find(|run| run.id == id).cloned())
    }

    /// Id of the kept run that goes on, or whose weights are loaded.
    pub(crate) fn open_id(self) -> Option<String> {
        let is_open = self.run.with(|run| run.status != Status::Starting && (run.is_active() || run.is_finished()));
        if is_open { self.started.with(|started| started.as_ref()?.kept_id.clone()) } else { None }
    }

    /// Goes on with a kept run, or opens it where it is over. Where trained weights would go that nothing else keeps, the
    /// person is asked first.
    pub(crate) fn open_run(self, id: String) {
        if self.kept.opening.get_untracked() {
            return;
        }
        self.kept.to_open.set_value(id);
        self.confirm_losing_weights("Open anyway", move || {
            spawn_local(async move {
                self.keep_project_now().await; // the project that is left
                let is_laid_out = self.lay_out_project_of(&self.kept.to_open.get_value()).await;
                self.kept.is_laid_out.set_value(is_laid_out);
                self.open_run_now();
            });
        });
    }

    fn open_run_now(self) {
        if self.kept.opening.get_untracked() || self.run.with_untracked(RunState::is_active) {
            return; // the person may have started something meanwhile
        }
        self.kept.opening.set(true);
        let has_failed =
            self.run_id.get_value().is_some() && self.run.with_untracked(|run| run.status == Status::Failed);
        if has_failed || self.worker.get_untracked() == WorkerStatus::Dead {
            // What is left of a device, or of a worker, that failed can't be trusted.
            self.kept.once_open.set_value(Some(Self::ask_to_open as fn(Self)));
            self.restart_worker();
            self.lost.set(None);
        } else {
            self.ask_to_open();
        }
    }

    /// Goes on with what waited for a device, or gives it up where there is none.
    pub(super) fn end_waiting(self, is_open: bool) {
        match self.kept.once_open.try_update_value(Option::take).flatten() {
            Some(then) if is_open => then(self),
            _ if is_open => {}
            _ => self.kept.opening.set(false),
        }
    }

    fn ask_to_open(self) {
        self.ask_to_keep_files();
        self.kept.put_aside.set(String::new());
        for step in [Step::Model, Step::Data, Step::Train] {
            self.dismiss(step);
        }
        self.model.downloads.set(Vec::new());
        self.data.progress.set((0, 0));
        self.model.loading.set(true);
        // Answered by a callback, not a future: events of the run follow the answer at once.
        let id = self.kept.to_open.get_value();
        let cuts = self.kept.cuts.get_value().of(&id);
        let command = Command::OpenRun { id, cuts };
        self.client().send(command, Vec::new(), move |answer| self.note_opened(answer));
    }

    fn note_opened(self, answer: Answer) {
        self.kept.opening.set(false);
        self.model.loading.set(false);
        let is_laid_out = self.kept.is_laid_out.try_update_value(std::mem::take).unwrap_or(false);
        self.parts.reading.set(None);
        let (problem, is_refused) = match answer {
            Ok((Reply::Opened { opened }, blobs)) => return self.take_opened(*opened, &blobs),
            Ok((Reply::Refused { problem }, _)) => (problem, true),
            Ok((other, _)) => (unexpected(&other), false),
            Err(problem) => (problem, false),
        };
        if !is_refused {
            // Nobody knows what the worker still holds of what was loaded before.
            self.forget_loaded();
        }
        let step = step_of(problem.kind);
        if problem.kind == ProblemKind::Model {
            self.choose_model_of_run(&self.kept.to_open.get_value());
        }
        spawn_local(async move {
            if is_laid_out {
                self.read_rows_laid_out().await; // its project came in the place of the one before
            }
            self.report(step, problem);
            self.go_to(step);
            self.list_runs();
        });
    }

    /// Puts everything where it was when the run was started; its events follow.
    fn take_opened(self, opened: OpenedRun, blobs: &[ArrayBuffer]) {
        let OpenedRun {
            model,
            report,
            train,
            valid,
            test,
            read,
            name,
            beside,
            run,
            number,
            has_adapter,
            num_labels,
            notes,
            job,
            page,
            project,
            has_rows_of_project,
            damage,
        } = opened;
        let id = self.kept.to_open.get_value();
        let before = self.choices_of_project(project.as_ref());
        self.leave_project_for_run(&id, project.as_ref());
        let is_over = |kept: &KeptRuns| kept.runs.iter().any(|run| run.id == id && run.is_finished);
        // As it was saved before its end it is not over.
        let is_finished = damage.is_none() && self.kept.runs.with_untracked(is_over);
        let task = report.task();
        let PageNotes { draft, changes, wished_task, unsure } = self.notes_of(&page);
        self.forget_parts();
        self.forget_figures();
        self.model.way_back.set_value(None);
        self.model.take_opened(model, task);
        self.draft.set(draft);
        self.changes.set(changes);
        // What was chosen after the run had begun is in the notes of its project, which are laid out already.
        if !unsure.is_empty() && self.unsure.with_untracked(Unsure::is_empty) {
            self.unsure.set(unsure);
        }

        let data = self.data;
        let file = |named: NamedBlob| PickedFile::from_bytes(&named.name, blobs.get(named.blob)?);
        let mut files = [Some(train), valid, test].map(|named| named.and_then(&file));
        let is_known = before.as_ref().is_none_or(|before| opened_run::know_files(&mut files, &before.files));
        let has_same_rows = has_rows_of_project && is_known;
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
        data.read.with_untracked(|read| self.rows.note_read(read));
        let prompt_format = tasks::row_facts(&report).prompt_format;
        data.report.set(Some(Arc::new(report)));

        self.take_opened_parts(name, beside, file);
        self.projects.note_rows_of_run(untrack(|| data.identities()));
        let (origin, parts, kept_id) = (self.origin_of(number), untrack(|| self.parts_to_run()), Some(id));
        self.run_id.set_value(Some(run));
        self.kept.is_replay.set_value(true);
        let started = Started { origin, job, has_adapter, num_labels, notes, prompt_format, parts, kept_id };
        self.started.set(Some(Arc::new(started)));
        self.keep_what_came_since(number, before, project.filter(|_| has_same_rows));
        self.feed(Input::Requested);
        self.lost.set(None);
        self.go_to(if is_finished { Step::Evaluate } else { Step::Train });
        if let Some(problem) = damage {
            self.report(Step::Train, problem);
        }
    }

    /// What the page gave along with the run. Where another version of the page wrote it, the recipe is not shown as it was, and
    /// the page says so.
    fn notes_of(self, page: &str) -> PageNotes {
        PageNotes::read(page).unwrap_or_else(|error| {
            let message = format!("what was typed into the recipe of this run can't be read: {error}");
            let hint = "The run itself has the settings that it was started with; its job file names them.".into();
            self.report(Step::Recipe, Problem { kind: ProblemKind::Config, message, hint });
            PageNotes::default()
        })
    }

    /// Deletes a kept run. One whose weights are loaded stays loaded.
    pub(crate) fn drop_run(self, id: String) {
        self.client().send(Command::DropRun { id: id.clone() }, Vec::new(), move |answer| match answer {
            Ok(_) => {
                browser::keep_focus(SAVED_ID, browser::PAGE_TITLE_ID);
                browser::keep_focus(RUNS_ID, RUNS_TITLE_ID);
                if untrack(|| self.open_id()).as_ref() == Some(&id) {
                    self.feed(Input::Checkpoint { step: None, error: None });
                }
                self.kept.runs.update(|kept| {
                    kept.runs.retain(|run| run.id != id);
                    kept.unreadable.retain(|one| *one != id);
                });
                self.list_runs(); // what it shared with others is theirs now
            }
            Err(problem) => self.report(self.step.get_untracked(), problem),
        });
    }

    /// Keeps what the person types about a kept run. The table is not drawn anew, as they go on typing.
    pub(crate) fn note_run(self, id: String, note: String) {
        self.kept.runs.maybe_update(|kept| {
            if let Some(run) = kept.runs.iter_mut().find(|run| run.id == id) {
                run.note.clone_from(&note);
            }
            false
        });
        self.kept.noting.update_value(|noting| noting.push((id.clone(), note.clone())));
        self.client().send(Command::NoteRun { id: id.clone(), note }, Vec::new(), move |answer| {
            // They are answered in the order in which they were sent.
            self.kept.noting.update_value(|noting| {
                if let Some(index) = noting.iter().position(|(of_run, _)| *of_run == id) {
                    noting.remove(index);
                }
            });
            if let Err(problem) = answer {
                self.report(Step::Train, problem);
            }
        });
    }
}

#[cfg(test)]
mod tests {
    use hone_core::event::{StopReason, TrainEvent};

    use super::super::runs::fixtures::saved;
    use super::*;

    const MINUTE_MS: f64 = 60_000.0;

    #[test]
    fn a_kept_run_is_named_with_how_far_it_came() {
        let cut_off =
            "A run of all-MiniLM-L6-v2 on tickets.csv was cut off. Step 1,024 of 2,400 was saved 12 minutes ago.";
        assert_eq!(describe(&saved(1), 12.5 * MINUTE_MS), cut_off);
        let finished = describe(&SavedRun { is_finished: true, ..saved(1) }, 0.0);
        assert!(finished.contains("tickets.csv finished less than a minute ago. Its weights are kept"), "{finished}");
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
        let is_offered = |run: &RunState| offered(&[saved(1)], run).is_some();
        assert!(is_offered(&run) && offered(&[], &run).is_none());
        let opened_later = [SavedRun { saved_ms: 5.0, ..saved(1) }, saved(2)];
        assert_eq!(offered(&opened_later, &run).map(|run| run.number), Some(1), "the one that was saved last");
        run.apply(Input::Requested);
        assert!(!is_offered(&run), "a run begins");
        let event = TrainEvent::Finished { step: 1, reason: StopReason::Completed, weights_of_step: 1 };
        run.apply(Input::Event { elapsed_secs: 1.0, event: &event });
        assert!(!is_offered(&run), "its weights are loaded");
        run.apply(Input::ModelLoaded { is_other_task: false });
        assert!(is_offered(&run), "its weights are no longer loaded");
    }

    #[test]
    fn a_note_that_is_being_saved_is_not_lost_to_a_list_from_before() {
        let mut runs = [SavedRun { note: "for".into(), ..saved(1) }, SavedRun { note: "b".into(), ..saved(2) }];
        let noting =
            [("1", "for t"), ("1", "for the"), ("3", "gone")].map(|(id, note)| (id.to_owned(), note.to_owned()));
        lay_notes(&mut runs, &noting);
        assert_eq!(runs.map(|run| run.note), ["for the", "b"]);
    }
}
