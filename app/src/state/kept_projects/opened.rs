//! A project that is opened, or left for a new one: everything is put where it was when the project was kept. In: the worker's answer.
//! Out: rows that are read again, recipe, chosen model, tasks beside, step.

use hone_core::session::protocol::{Command, NamedBlob, OpenedProject, Problem, ProblemKind, Reply};
use hone_core::task::Task;
use js_sys::ArrayBuffer;
use leptos::prelude::*;
use leptos::task::spawn_local;

use super::super::guess::Guess;
use super::super::presets::PresetFields;
use super::super::project_notes::{ProjectNotes, guessed_name, rename_ids};
use super::super::run::{Input, Status};
use super::super::{Step, Store, presets, unexpected};
use super::OpenProject;
use crate::browser::{self, PickedFile};

impl Store {
    /// Opens a project. Where trained weights would go that nothing else keeps, the person is asked first.
    pub(crate) fn open_project_of(self, id: String) {
        self.projects.to_open.set_value(id);
        self.confirm_losing_weights("Open anyway", move || {
            if self.projects.opening.get_untracked() || untrack(|| self.activity()).is_some() {
                return; // the person may have started something meanwhile
            }
            spawn_local(async move {
                self.keep_project_now().await; // the one that is left
                self.ask_to_open_project(self.projects.to_open.get_value(), false);
            });
        });
    }

    pub(super) fn ask_to_open_project(self, id: String, is_start: bool) {
        self.projects.opening.set(true);
        self.client().send(Command::OpenProject { id }, Vec::new(), move |answer| {
            self.projects.opening.set(false);
            let problem = match answer {
                // Who has begun something meanwhile is left alone; runs that are started are not of this project.
                Ok((Reply::Project { .. }, _)) if is_start && self.has_begun() => {
                    self.client().send(Command::CloseProject, Vec::new(), |_| {});
                    return;
                }
                Ok((Reply::Project { opened }, blobs)) => return self.take_project(*opened, &blobs, is_start),
                Ok((other, _)) => unexpected(&other),
                Err(_) if is_start => return, // it was deleted in another tab, or the storage was cleared
                Err(problem) => problem,
            };
            self.report(self.step.get_untracked(), problem);
        });
    }

    /// Something was loaded or chosen on this page.
    fn has_begun(self) -> bool {
        self.data.train.with_untracked(Option::is_some)
            || self.model.info.with_untracked(Option::is_some)
            || self.model.loading.get_untracked()
            || self.kept.opening.get_untracked()
    }

    /// Lays out the project of a run that is opened next, where another is shown, or none: what was done there since the run stays. Its
    /// rows are not read, as those of the run come. Whether it was laid out: where it can't be, the run is opened without.
    pub(in super::super) async fn lay_out_project_of(self, run: &str) -> bool {
        let open = self.projects.open.with_untracked(|open| open.as_ref().map(|open| open.id.clone()));
        let of_run = self.projects.list.with_untracked(|list| {
            let of = list.projects.iter().find(|project| project.runs.iter().any(|id| id == run));
            of.map(|of| of.state.id.clone())
        });
        let Some(id) = of_run.filter(|id| open.as_ref() != Some(id)) else { return false };
        // A worker that has stopped, or a device that failed, is restarted first.
        let has_failed = self.run.with_untracked(|run| run.status == Status::Failed);
        let is_busy = move || untrack(|| self.activity()).is_some() || self.kept.opening.get_untracked();
        if has_failed || is_busy() || self.projects.opening.get_untracked() {
            return false;
        }
        self.projects.opening.set(true);
        let answer = self.request(Command::OpenProject { id }, Vec::new()).await;
        self.projects.opening.set(false);
        let Ok((Reply::Project { opened }, blobs)) = answer else { return false };
        if is_busy() {
            // Runs that are started are not of this project.
            self.client().send(Command::CloseProject, Vec::new(), |_| {});
            return false;
        }
        self.lay_out_project(*opened, &blobs); // the run brings the rows, also those that are missing of the project
        true
    }

    /// Reads the rows of a project that was laid out for a run which could not be opened.
    pub(in super::super) async fn read_rows_laid_out(self) {
        self.note_restored_rows();
        self.load_data_now().await;
    }

    /// The rows that are read next are those of the project.
    fn note_restored_rows(self) {
        self.projects.is_restored.set_value(self.data.wished_task.with_untracked(Option::is_none));
    }

    /// Puts everything where it was when the project was kept, and has its rows read.
    fn take_project(self, opened: OpenedProject, blobs: &[ArrayBuffer], is_start: bool) {
        let (step, problem) = self.lay_out_project(opened, blobs);
        if self.data.train.with_untracked(Option::is_some) {
            self.note_restored_rows();
            self.load_data();
        }
        if let Some(problem) = problem {
            self.report(Step::Data, problem);
        }
        let is_addressed = is_start && !browser::fragment().is_empty();
        if let Some(step) = Step::of_hash(&step).filter(|_| !is_addressed) {
            self.go_to(step);
        }
    }

    /// Puts everything where it was when the project was kept; its rows are still to be read. Returns the step that was shown, and what
    /// is missing of it, if anything is.
    fn lay_out_project(self, opened: OpenedProject, blobs: &[ArrayBuffer]) -> (String, Option<Problem>) {
        let OpenedProject { state, train, valid, test, own_name, beside, has_model, is_elsewhere, problem } = opened;
        let notes = ProjectNotes::read(&state.page).unwrap_or_else(|error| {
            let message = format!("what was typed into the recipe of this project can't be read: {error}");
            let hint = "Its rows are as they were; type the recipe again.".into();
            self.report(Step::Recipe, Problem { kind: ProblemKind::Config, message, hint });
            ProjectNotes::default()
        });
        let ProjectNotes { of_run, is_named, step, drawn, sweep, corrections } = notes;
        // A copy, or one that was renamed in the list, has a name of its own, too.
        let file = train.as_ref().map_or("", |train| train.name.as_str());
        let typed_name = (is_named || state.name != guessed_name(file)).then(|| state.name.clone());
        self.clear_project(state.task);
        self.projects.set_open(Some(OpenProject { id: state.id.clone(), typed_name, is_elsewhere }));
        if let Some(source) = &state.model {
            self.choose_source(source);
        }
        self.draft.set(of_run.draft);
        self.changes.set(of_run.changes);
        self.unsure.set(of_run.unsure);
        self.kept.drawn.set(rename_ids(drawn, &state.renamed));
        self.take_sweep(&sweep, &state.renamed);
        self.take_corrections(&corrections, &state.renamed);

        let data = self.data;
        let file = |named: NamedBlob| PickedFile::from_bytes(&named.name, blobs.get(named.blob)?);
        let files = [train, valid, test].map(|named| named.and_then(file));
        for (slot, file) in [data.train, data.valid, data.test].into_iter().zip(files) {
            slot.set(file);
        }
        data.read.set(state.read.clone());
        data.wished_task.set(of_run.wished_task);
        let guess = Guess { task: state.task, is_followed: true };
        data.guess.set(of_run.wished_task.is_none().then_some(guess));
        data.asked_for.set_value(Some(state.task));
        self.take_opened_parts(own_name, beside, file);
        self.projects.kept_files.set_value(untrack(|| data.identities()));
        self.projects.kept_parts.set_value(untrack(|| self.parts.identity()));
        self.projects.has_model.set(has_model.then(|| state.id.clone()));
        if has_model {
            self.model.files.set(Vec::new()); // those that were chosen before are of another project
        }
        if !is_elsewhere {
            self.projects.kept.set_value(Some(state));
        }
        (step, problem)
    }

    /// Takes rows, recipe and figures off the page, for those of a task. The model stays loaded.
    fn clear_project(self, task: Task) {
        self.forget_parts();
        self.forget_figures();
        self.model.way_back.set_value(None);
        self.data.clear();
        self.data.forget_chosen_preset();
        self.sweep.clear();
        self.corrections.clear();
        self.kept.put_aside.set(String::new());
        self.leave_ratings();
        self.leave_comparisons();
        self.data.wished_task.set(None);
        self.changes.set(Default::default());
        self.unsure.set(Default::default());
        let mut draft = Default::default();
        if let Some(preset) = presets::balanced(task) {
            preset.apply_to(&mut draft);
        }
        self.draft.set(draft);
        self.model.task.set(task);
        self.started.set(None);
        self.run_id.set_value(None);
        // Weights of another project are not shown as those of this one; where they are kept, they are opened again.
        self.feed(Input::ModelLoaded { is_other_task: true });
        self.history.update(|history| history.clear());
    }

    /// Leaves the open project for a new one, without rows. Where trained weights would go that nothing else keeps, the person
    /// is asked first.
    pub(crate) fn start_project(self) {
        self.confirm_losing_weights("Start anyway", move || {
            if untrack(|| self.activity()).is_none() {
                spawn_local(async move {
                    self.keep_project_now().await;
                    self.start_project_now();
                });
            }
        });
    }

    pub(in super::super) fn start_project_now(self) {
        self.client().send(Command::CloseProject, Vec::new(), |_| {}); // a worker that has stopped has left it
        self.projects.set_open(None);
        self.clear_project(self.data.task.get_untracked());
        self.go_to(Step::Data);
    }
}
