//! Reading the rows that were chosen, and reading them again where the task or the recipe asks for it. In: files, and how they are
//! read. Out: the worker's report. Of readings that overtake each other the last one counts.

use std::sync::Arc;

use hone_core::config::{ReadOptions, RunConfig};
use hone_core::session::protocol::{Command, NamedBlob, Problem, Reply};
use hone_core::task::{DataReport, Task};
use leptos::prelude::*;
use leptos::task::spawn_local;

use super::guess::Guess;
use super::{Step, Store, WorkerStatus, unexpected, unreadable};
use crate::browser;
use crate::client::Answer;

/// Milliseconds of quiet in the recipe before the rows are measured again.
const REREAD_DELAY_MS: u32 = 600;

/// Id of the report on the rows.
pub(crate) const REPORT_ID: &str = "data-report";

/// Id of the heading of what stands out in the rows: it takes the focus from what goes when they are read otherwise.
pub(crate) const FINDINGS_TITLE_ID: &str = "findings-title";

/// The settings that a report depends on.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct ReadFor {
    max_seq_length: u32,
    max_target_length: u32,
    seed: u64,
    valid_fraction: f64,
    test_fraction: f64,
}

impl ReadFor {
    pub(super) fn of(run: &RunConfig) -> Self {
        let (valid_fraction, test_fraction) = (run.split.valid_fraction, run.split.test_fraction);
        let &RunConfig { max_seq_length, max_target_length, seed, .. } = run;
        Self { max_seq_length, max_target_length, seed, valid_fraction, test_fraction }
    }
}

/// What became of a reading.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Outcome {
    /// There is a report.
    Read,
    /// There is none.
    Unread,
    /// The person ended it.
    Cancelled,
    /// Another reading took its place.
    Superseded,
}

impl Store {
    /// Reads the chosen files.
    pub(super) fn load_data(self) {
        spawn_local(async move {
            self.load_data_now().await;
        });
    }

    /// Reads the same files in another way; when that can't be done, the reading before stands.
    pub(crate) fn reread_data(self, change: impl FnOnce(&mut ReadOptions)) {
        let mut read = self.data.read.get_untracked();
        change(&mut read);
        self.edit(None, || self.reread_data_as(read));
    }

    pub(super) fn reread_data_as(self, wanted: ReadOptions) {
        let data = self.data;
        let (read, report) = (data.read.get_untracked(), data.report.get_untracked());
        data.read.set(wanted);
        if self.model.loading.get_untracked() {
            return data.report.set(None); // they are read once that is over
        }
        // The controls of the reading are built anew with its report, and some go with what they undo.
        let refocus = browser::focus_keeper_within(REPORT_ID, FINDINGS_TITLE_ID);
        spawn_local(async move {
            let Some(report) = report else {
                self.load_data_now().await;
                return;
            };
            let (task, read_now, run) = (data.task.get_untracked(), data.read.get_untracked(), self.run_to_read_for());
            let number = self.begin_reading();
            data.used.set_value(Some(ReadFor::of(&run)));
            let answer = self.request(Command::RereadData { task, read: read_now, run }, Vec::new()).await;
            let outcome = self.end_reading(number, None, report_of(answer));
            // A model that was asked for meanwhile has the rows read anew.
            let is_kept =
                |store: Self| store.data.report.with_untracked(Option::is_none) && !store.model.loading.get_untracked();
            if matches!(outcome, Outcome::Unread | Outcome::Cancelled) && is_kept(self) {
                self.rows.note_reading(&read); // else they are read once more, and what is said here goes
                data.read.set(read);
                if outcome == Outcome::Cancelled {
                    data.note.set(Some("The rows were not read again: the report is the one from before.".into()));
                }
                // In a later task, so that the controls are built anew and show what holds.
                browser::after(0, move || {
                    if is_kept(self) {
                        data.report.set(Some(report));
                    }
                });
            }
            refocus();
        });
    }

    pub(super) async fn load_data_now(self) -> Outcome {
        let data = self.data;
        let Some(train) = data.train.get_untracked() else { return Outcome::Unread };
        if self.model.loading.get_untracked() {
            return Outcome::Unread; // they are read once that is over
        }
        let number = self.begin_reading();
        let guess = match self.guess_task(&train).await {
            Ok(guess) => guess,
            Err(problem) => return self.end_reading(number, None, Err(problem)),
        };
        let mut blobs = Vec::new();
        let mut named = [None, None, None];
        let picked = [Some(train), data.valid.get_untracked(), data.test.get_untracked()];
        for (name, file) in named.iter_mut().zip(picked) {
            let Some(file) = file else { continue };
            *name = Some(NamedBlob { name: file.name.clone(), blob: blobs.len() });
            match file.read().await {
                Ok(buffer) => blobs.push(buffer),
                Err(error) => return self.end_reading(number, None, Err(unreadable(error))),
            }
        }
        let [Some(train), valid, test] = named else { return self.end_reading(number, None, Ok(None)) };
        if data.num_readings.get_value() != number || data.is_cancelled.get_value() {
            return self.end_reading(number, None, Ok(None));
        }
        let guessed = guess.filter(|guess| guess.is_followed).map(|guess| guess.task);
        let task = guessed.unwrap_or_else(|| data.task.get_untracked());
        let (read, run) = self.settings_to_read_for(task);
        data.used.set_value(Some(ReadFor::of(&run)));
        data.asked_for.set_value(Some(task));
        let answer = self.request(Command::LoadData { task, train, valid, test, read, run }, blobs).await;
        self.end_reading(number, guess, report_of(answer))
    }

    /// Notes that rows are read, and gives the reading its number.
    fn begin_reading(self) -> u32 {
        let data = self.data;
        self.dismiss(Step::Data);
        data.progress.set((0, 0));
        data.is_cancelled.set_value(false);
        data.read.with_untracked(|read| self.rows.note_reading(read));
        data.num_readings.update_value(|count| *count += 1);
        data.loading.set(true);
        data.num_readings.get_value()
    }

    /// Shows what came of a reading: a report, or none (`None`) where it was ended. What was guessed of the file holds from
    /// now on, unless it was.
    fn end_reading(self, number: u32, guess: Option<Guess>, answer: Result<Option<DataReport>, Problem>) -> Outcome {
        let data = self.data;
        if data.num_readings.get_value() != number {
            return Outcome::Superseded;
        }
        data.loading.set(false);
        // An answer may come after another model was asked for: its rows are not that model's.
        let has_model_still = !self.model.loading.get_untracked();
        if let Some(guess) = guess.filter(|_| has_model_still && !matches!(answer, Ok(None))) {
            self.take_guess(guess);
        }
        match answer {
            Ok(Some(report)) => {
                self.model.way_back.set_value(None); // the worker has other rows
                self.forget_figures_of_rows();
                let fits = report.task() == data.task.get_untracked() && has_model_still;
                if fits {
                    self.lay_preset(&report);
                }
                data.report.set(fits.then(|| Arc::new(report)));
                Outcome::Read
            }
            Ok(None) => {
                data.report.set(None);
                if data.is_cancelled.get_value() { Outcome::Cancelled } else { Outcome::Unread }
            }
            Err(problem) => {
                data.report.set(None);
                self.report(Step::Data, problem);
                Outcome::Unread
            }
        }
    }

    /// Before there is a model, rows are read for the task that is chosen, or that of the model that is: for another task they
    /// are read anew.
    pub(super) fn reread_when_the_task_changes(self) {
        let data = self.data;
        Effect::new(move |before: Option<Task>| {
            let task = data.task.get();
            let has_no_model = self.model.info.with_untracked(Option::is_none) && !self.model.loading.get_untracked();
            let is_served = self.worker.get_untracked() == WorkerStatus::Ready;
            let is_other = before.is_some_and(|before| before != task) && data.asked_for.get_value() != Some(task);
            if is_other && has_no_model && is_served && data.train.with_untracked(Option::is_some) {
                if task != self.model.task.get_untracked() {
                    self.turn_to(task, false);
                }
                data.report.set(None);
                self.load_data();
            }
            task
        });
    }

    /// Lengths, truncation and splits follow the recipe: measure them again when it changes them.
    pub(super) fn reread_when_the_recipe_asks_for_it(self) {
        let wanted = Memo::new(move |_| self.resolved.with(|run| run.as_ref().ok().map(ReadFor::of)));
        Effect::new(move |_| {
            let Some(wanted_now) = wanted.get() else { return };
            // A model that comes has them read anew; where it does not come they are measured after that.
            let is_waiting = self.model.loading.get() || self.data.report.with(Option::is_none);
            if is_waiting || self.data.used.get_value() == Some(wanted_now) {
                return;
            }
            browser::after(REREAD_DELAY_MS, move || {
                let is_current = wanted.try_get_untracked() == Some(Some(wanted_now));
                let is_idle = !self.data.loading.get_untracked()
                    && !self.model.loading.get_untracked()
                    && !self.run.with_untracked(|run| run.is_active());
                let is_unread = self.data.used.get_value() != Some(wanted_now);
                if is_current && is_idle && is_unread && self.data.report.with_untracked(Option::is_some) {
                    self.reread_data(|_| {});
                }
            });
        });
    }
}

/// The report of an answer; `None` where the reading was ended.
fn report_of(answer: Answer) -> Result<Option<DataReport>, Problem> {
    match answer? {
        (Reply::Data { report }, _) => Ok(Some(*report)),
        (Reply::Done, _) => Ok(None),
        (other, _) => Err(unexpected(&other)),
    }
}
