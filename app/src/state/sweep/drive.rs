//! Runs of a sweep, one after the other: each is asked for as the person would start it, and what it came to is told to core's state,
//! which says what comes next. In: the plan that is typed, and how runs end. Out: runs that are kept, and the state of the sweep.

use std::sync::Arc;

use hone_core::config::{ReadOptions, RunConfig, RunDraft};
use hone_core::data::FOLD_NOTE;
use hone_core::session::protocol::{Command, Problem, RenamedRun, Reply};
use hone_core::sweep::{Leg, RunResult, Sweep, SweepOfRuns, TrainedLeg};
use leptos::prelude::*;
use leptos::task::spawn_local;

use super::super::page_notes::PageNotes;
use super::super::recipe::set_typed;
use super::super::run::{Input, RunState, Status};
use super::super::train::Started;
use super::super::{Step, Store, WorkerStatus, unexpected};
use super::told::{Outcome, leg_words, outcome_of, sentences, unusable};
use super::{Going, SweepDraft, SweepState};
use crate::browser::{self, FileIdentity};
use crate::tasks;

impl Store {
    /// Starts what is typed. Where trained weights would go that nothing else keeps, the person is asked first.
    pub(crate) fn start_sweep(self) {
        self.confirm_losing_weights("Start anyway", move || {
            if untrack(|| self.activity()).is_some() {
                return; // the person may have asked for something else meanwhile
            }
            if let Ok(of) = untrack(|| self.sweep_to_start()) {
                SweepState::keep_focus();
                self.sweep.kept.set(Some(Arc::new(of)));
                self.sweep.problem.set(None);
                self.next_of_sweep();
            }
        });
    }

    /// Goes on with a sweep that waits; a run that was cut off is made again.
    pub(crate) fn go_on_with_sweep(self) {
        self.confirm_losing_weights("Go on anyway", move || {
            if untrack(|| self.activity()).is_none() && untrack(|| self.sweep_obstacle()).is_none() {
                SweepState::keep_focus();
                self.sweep.problem.set(None);
                self.next_of_sweep();
            }
        });
    }

    /// Ends the run that goes on, without a result, and goes on no further.
    pub(crate) fn stop_sweep(self) {
        match self.sweep.going.get_untracked() {
            Going::Running => {
                self.sweep.going.set(Going::Stopping);
                self.stop_run(false);
            }
            // Its rows are being read: it ends once they are.
            Going::Between if self.run.with_untracked(RunState::is_active) => self.sweep.going.set(Going::Stopping),
            Going::Between => self.end_sweep(None),
            Going::No | Going::Stopping => {}
        }
    }

    /// Goes on without the run that is next, which counts as one that failed: it may be one that this device has no memory for.
    pub(crate) fn leave_out_leg(self) {
        if self.sweep.going.get_untracked() != Going::No {
            return;
        }
        let next = self.sweep.kept.with_untracked(|kept| kept.as_ref().and_then(|of| of.sweep.peek_leg()));
        if let Some(leg) = next {
            SweepState::keep_focus();
            self.sweep.problem.set(None);
            self.tell_sweep(&leg, unusable("left out by hand".into()), None);
        }
    }

    /// Forgets a sweep. Its runs stay.
    pub(crate) fn forget_sweep(self) {
        if self.sweep.going.get_untracked() == Going::No {
            SweepState::keep_focus();
            self.sweep.clear();
        }
    }

    /// Types a cross-validation, and shows it.
    pub(crate) fn set_up_folds(self, count: u32) {
        self.sweep.draft.set(SweepDraft::of_folds(count));
        self.sweep.is_open.set(true);
        self.go_to(Step::Recipe);
    }

    /// Takes the settings of a trial into the recipe.
    pub(crate) fn use_trial(self, trial: usize) {
        let Some(of) = self.sweep.kept.get_untracked() else { return };
        let Some(trial) = of.sweep.trials.get(trial) else { return };
        let wanted = draft_of(&of.typed, &trial.settings);
        self.edit_recipe(None, |draft| *draft = wanted);
    }

    /// Reads the rows by themselves again, and not as a fold that a run was opened with.
    pub(crate) fn leave_fold(self) {
        self.reread_data(|read| {
            read.sharing.fold = None;
            read.sharing.split_seed = None;
        });
    }

    /// What would be started.
    ///
    /// # Errors
    /// All that is wrong or missing, in sentences.
    pub(crate) fn sweep_to_start(self) -> Result<SweepOfRuns, Vec<String>> {
        let one = |words: &str| Err(vec![words.to_owned()]);
        let Some(of) = self.model_and_files() else { return one("It needs a model and rows.") };
        if self.parts.are_several() {
            return one("It is for one task: where several are learned at once, start their runs one by one.");
        }
        let (Ok(run), Ok(changes)) = (self.resolved.get(), self.changed.get()) else {
            return one("It needs a recipe that is right.");
        };
        let plan = self.sweep.draft.with(|draft| draft.plan(&run))?;
        let has_valid = self.data.report.with(|report| report.as_ref().is_some_and(|report| report.split_sizes[1] > 0));
        if !has_valid && plan.search.folds.is_none() {
            return one("It needs validation rows, by which trials are compared: hold some out, or use folds.");
        }
        if plan.search.folds.is_some() && self.data.valid.with(Option::is_some) {
            return one(
                "Folds have no effect on validation rows from a file of their own: leave the folds or that file out.",
            );
        }
        let metric = run.metric_for_best_model.clone();
        let spec = self.model.task.get().spec();
        let Some(figure) = spec.figure(&metric) else {
            return Err(vec![format!(
                "Trials can't be compared by {metric}: choose another figure for the best weights."
            )]);
        };
        let sweep = Sweep::new(plan, figure.higher_is_better).map_err(|error| vec![error.to_string()])?;
        // Which rows are looked at is what the page shows, whatever fold a run was opened with.
        let mut read = self.data.read.get();
        (read.sharing.fold, read.sharing.split_seed) = (None, None);
        let (base, typed, typed_changes) = (RunDraft::of(&run), self.draft.get(), self.changes.get());
        let of = SweepOfRuns { sweep, of, base, typed, changes, typed_changes, read, metric, runs: Vec::new() };
        let first = of.sweep.peek_leg();
        match first.map(|leg| of.read_of(&leg)) {
            // Rows that are held out by their time have no folds.
            Some(Err(problems)) => Err(problems.iter().map(|problem| format!("{problem}.")).collect()),
            _ => Ok(of),
        }
    }

    /// Why the sweep that waits can't go on now; `None` where it can.
    pub(crate) fn sweep_obstacle(self) -> Option<String> {
        let wanted = self.sweep.kept.with(|kept| kept.as_ref().map(|kept| kept.of.clone()))?;
        match self.model_and_files() {
            Some(now) if now == wanted => None,
            Some(now) => {
                Some(format!("It is a sweep of {wanted}, and here is {now}: load those again to go on with it."))
            }
            None => Some(format!("It is a sweep of {wanted}: load both to go on with it.")),
        }
    }

    /// The loaded model, what it is used for and the chosen files, in words; `None` where something is missing.
    fn model_and_files(self) -> Option<String> {
        let model = self.model.info.with(|info| info.as_ref().map(|info| info.source.argument()))?;
        if self.data.report.with(Option::is_none) {
            return None;
        }
        let named = |file: FileIdentity| format!("{} ({} bytes)", file.name, file.size_bytes);
        let files: Vec<String> = self.data.identities().into_iter().flatten().map(named).collect();
        Some(format!("{model} for {} on {}", self.model.task.get().spec().pipeline, files.join(", ")))
    }

    /// Goes on with the sweep each time that a run of it ends.
    pub(crate) fn drive_sweep(self) {
        let is_over = Memo::new(move |_| self.run.with(|run| !run.is_active()));
        Effect::new(move |_| {
            let is_of_sweep = matches!(self.sweep.going.get(), Going::Running | Going::Stopping);
            if is_over.get() && is_of_sweep {
                untrack(|| self.take_result_of_leg());
            }
        });
    }

    /// Begins the next run of the sweep.
    fn next_of_sweep(self) {
        let Some(kept) = self.sweep.kept.get_untracked() else { return self.end_sweep(None) };
        let mut of = (*kept).clone();
        let leg = of.sweep.next_leg();
        self.sweep.kept.set(Some(Arc::new(of.clone()))); // trials may have been left behind
        let Some(leg) = leg else { return self.end_sweep(None) };
        self.sweep.going.set(Going::Between);
        match (of.run_of(&leg), of.read_of(&leg)) {
            (Ok((run, _)), Ok(read)) => {
                self.dismiss(Step::Train);
                self.ask_to_keep_files();
                self.run_id.set_value(None);
                self.forget_figures(); // the next run may be on other rows
                self.feed(Input::Requested);
                spawn_local(self.begin_leg(of, leg, run, read));
            }
            (Err(problems), _) | (_, Err(problems)) => {
                let why = problems.first().map_or_else(|| "its settings can't be used".into(), ToString::to_string);
                // Not from within: many of them would fill the stack.
                browser::after(0, move || self.tell_sweep(&leg, unusable(why), None));
            }
        }
    }

    async fn begin_leg(self, of: SweepOfRuns, leg: Leg, run: RunConfig, read: ReadOptions) {
        self.keep_project_now().await; // a run is noted as one of the project that is kept
        if let Err(why) = self.read_rows_of_leg(&leg, &read, &run).await {
            self.feed(Input::NotStarted);
            return self.end_sweep(Some(why));
        }
        if self.sweep.going.get_untracked() != Going::Between || self.worker.get_untracked() != WorkerStatus::Ready {
            self.feed(Input::NotStarted);
            return self.end_sweep(None);
        }
        let prompt_format =
            self.data.report.with_untracked(|report| tasks::row_facts(report.as_deref()?).prompt_format);
        let number = self.next_number();
        let mut origin = self.origin_of(number);
        (origin.made_of.run, origin.made_of.changes) = (Some(run.clone()), Some(of.changes.clone()));
        origin.made_of.read = read;
        let (job, notes, parts) = (String::new(), Vec::new(), Vec::new());
        let asked =
            Started { origin, job, has_adapter: false, num_labels: 0, notes, prompt_format, parts, kept_id: None };
        let mut draft = draft_of(&of.typed, &leg.settings);
        draft.set("seed", Some(run.seed.to_string()));
        draft.set("num_train_epochs", Some(run.num_train_epochs.to_string()));
        let page = PageNotes { draft, changes: of.typed_changes, ..self.page_notes() }.to_json();
        let command = Command::Train { number, run, changes: of.changes, page };
        self.sweep.going.set(Going::Running);
        self.ask_for_run(command, Vec::new(), asked, None);
    }

    /// Has the worker read the rows as a run shares them out; what the page shows stays.
    ///
    /// # Errors
    /// Why no run can be made on them, in a sentence.
    async fn read_rows_of_leg(self, leg: &Leg, read: &ReadOptions, run: &RunConfig) -> Result<(), String> {
        let before = self.sweep.rows.get_value();
        let wanted = Some((read.clone(), run.seed));
        let is_shown = before.is_none()
            && leg.fold.is_none()
            && leg.seed.is_none()
            && self.data.read.with_untracked(|shown| shown == read);
        if is_shown || before == wanted {
            return Ok(());
        }
        self.sweep.rows.set_value(wanted);
        let task = self.model.task.get_untracked();
        let command = Command::RereadData { task, read: read.clone(), run: run.clone() };
        let report = match self.request(command, Vec::new()).await {
            Ok((Reply::Data { report }, _)) => report,
            Ok((Reply::Done, _)) => return Err("The reading of its rows was ended.".into()),
            Ok((other, _)) => return Err(unexpected(&other).message),
            Err(problem) => return Err(sentences(&problem)),
        };
        if report.split_sizes[1] == 0 {
            return Err(match leg.fold {
                Some(_) => {
                    "There are no validation rows in a fold, as there are fewer rows or groups than folds.".into()
                }
                None => "There are no validation rows, by which trials are compared.".into(),
            });
        }
        if leg.fold.is_some() && !report.notes.iter().any(|note| note.starts_with(FOLD_NOTE)) {
            return Err("Folds have no effect: the data says itself which rows are for validation.".into());
        }
        Ok(())
    }

    /// Tells the sweep what its run came to.
    fn take_result_of_leg(self) {
        let Some(kept) = self.sweep.kept.get_untracked() else { return self.end_sweep(None) };
        let mut of = (*kept).clone();
        let Some(leg) = of.sweep.next_leg() else { return self.end_sweep(None) };
        let is_whole = of.run_of(&leg).is_ok_and(|(_, is_whole)| is_whole);
        let problem = self.problems.with_untracked(|problems| {
            problems.iter().find(|(at, _)| *at == Step::Train).map(|(_, problem)| problem.clone())
        });
        let is_stopping = self.sweep.going.get_untracked() == Going::Stopping;
        let outcome =
            self.run.with_untracked(|run| outcome_of(run, &of.metric, is_whole, problem.as_ref(), is_stopping));
        let result = match outcome {
            Outcome::Told(result) => result,
            Outcome::Waits(why) => return self.end_sweep(why),
        };
        let started = self.started.get_untracked().filter(|_| self.run_id.get_value().is_some());
        let number = started.as_ref().map(|started| started.origin.number);
        let has_ended = self.run.with_untracked(|run| matches!(run.status, Status::Finished(_)));
        if let Some(id) = started.and_then(|started| started.kept_id.clone()).filter(|_| has_ended) {
            self.note_run(id, format!("Sweep: {}", leg_words(&of, &leg)));
        }
        self.tell_sweep(&leg, result, number);
    }

    fn tell_sweep(self, leg: &Leg, result: RunResult, number: Option<u32>) {
        let Some(kept) = self.sweep.kept.get_untracked() else { return self.end_sweep(None) };
        let mut of = (*kept).clone();
        if let Err(error) = of.sweep.tell(leg, result) {
            return self.end_sweep(Some(error.to_string()));
        }
        let trained = |number| TrainedLeg { trial: leg.trial, rung: leg.rung, run: leg.run, number };
        of.runs.extend(number.map(trained));
        self.sweep.kept.set(Some(Arc::new(of)));
        match self.sweep.going.get_untracked() {
            Going::Running | Going::Between => self.next_of_sweep(),
            Going::Stopping => self.end_sweep(None),
            Going::No => {}
        }
    }

    /// A run of the sweep could not be kept, as was heard when the next one was asked for already.
    pub(in super::super) fn note_unkept_leg(self, problem: &Problem) {
        if self.sweep.going.get_untracked() != Going::No {
            self.sweep.problem.set(Some(format!("A run of the sweep is not kept. {}", sentences(problem))));
        }
    }

    /// Goes on no further. The rows are read again as the page shows them.
    fn end_sweep(self, why: Option<String>) {
        SweepState::keep_focus();
        self.sweep.going.set(Going::No);
        if why.is_some() {
            self.sweep.problem.set(why); // else it stays said that a run could not be kept
        }
        let has_other_rows = self.sweep.rows.try_update_value(Option::take).flatten().is_some();
        let is_there = self.worker.get_untracked() == WorkerStatus::Ready;
        if has_other_rows && is_there && self.data.report.with_untracked(Option::is_some) {
            self.reread_data(|_| {});
        }
    }

    /// The sweep of a project as JSON; empty where there is none.
    pub(in super::super) fn sweep_json(self) -> String {
        self.sweep.kept.with(|kept| kept.as_deref().map_or_else(String::new, to_json))
    }

    /// Shows the sweep of a project, whose runs may have come under other numbers. One that another version wrote is not shown, and the
    /// page says so.
    pub(in super::super) fn take_sweep(self, json: &str, renamed: &[RenamedRun]) {
        self.sweep.clear();
        if json.is_empty() {
            return;
        }
        // The browser reads it, which takes less of the page than a parser of our own.
        let read = js_sys::JSON::parse(json).map_err(|error| browser::describe(&error));
        let read = read
            .and_then(|value| serde_wasm_bindgen::from_value::<SweepOfRuns>(value).map_err(|error| error.to_string()));
        match read {
            Ok(mut of) => {
                of.renumber(&renamed.iter().map(|run| (run.number_there, run.number)).collect::<Vec<_>>());
                self.sweep.kept.set(Some(Arc::new(of)));
            }
            Err(error) => {
                let why = format!("What is kept of its last sweep can't be read ({error}); the runs of it are kept.");
                self.sweep.problem.set(Some(why));
            }
        }
    }
}

/// The recipe with the settings of a trial.
fn draft_of(typed: &RunDraft, settings: &RunDraft) -> RunDraft {
    let mut draft = typed.clone();
    for (name, value) in settings.iter() {
        set_typed(&mut draft, name, Some(value.to_owned()));
    }
    draft
}

fn to_json(of: &SweepOfRuns) -> String {
    serde_json::to_string(of).expect("a sweep holds only plain values")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_recipe_takes_the_settings_of_a_trial() {
        let typed = RunDraft::from_typed([("method", "last:2"), ("batch_size", "8")]);
        let settings = RunDraft::from_typed([("method", "full"), ("learning_rate", "3e-5")]);
        let all = [("method", "full"), ("batch_size", "8"), ("learning_rate", "3e-5")];
        assert_eq!(draft_of(&typed, &settings), RunDraft::from_typed(all));
    }
}
