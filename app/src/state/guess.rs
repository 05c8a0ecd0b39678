//! What the rows are for where nobody said: a guess from the training file and the model, which the worker makes; and what was
//! chosen for tasks that are left, so that it comes back with them. Guesses and choices are plain values, tested natively.

use std::collections::HashMap;

use hone_core::config::{ReadOptions, RunConfig, RunDraft};
use hone_core::data::is_packed_name;
use hone_core::hub::KNOWN_MODELS;
use hone_core::session::protocol::{Command, NamedBlob, Problem, Reply};
use hone_core::task::{GUESS_BYTES, Task};
use leptos::prelude::*;

use super::dropped::is_zip;
use super::report::{keep_what_is_read, options_after_change};
use super::{ModelChoice, Store, presets, recipe, unexpected, unreadable};
use crate::browser::{self, FileIdentity, PickedFile};

/// A zip of at most so many bytes is looked at whole; a larger one is likely one of images, which its beginning tells.
const WHOLE_ZIP_BYTES: f64 = 64e6;

/// What a file seems to be for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Guess {
    pub task: Task,
    /// The rows are read for it.
    pub is_followed: bool,
}

impl Guess {
    /// In words, beside the choice of the task.
    pub(crate) fn describe(self) -> String {
        let does = self.task.spec().does;
        if self.is_followed {
            return format!("Read for a model that {does}: a guess from the file and the model. Change it here.");
        }
        format!(
            "The file looks like rows for a model that {does}. That would take the weights that you trained, so it is read \
             for what is chosen here: change it if you want that."
        )
    }
}

/// What was chosen for the tasks that were left.
#[derive(Debug, Default)]
pub(crate) struct LeftTasks {
    /// The training file that was read so.
    file: Option<FileIdentity>,
    reads: HashMap<Task, ReadOptions>,
    drafts: HashMap<Task, RunDraft>,
}

impl LeftTasks {
    /// Keeps the recipe of a task, and how `file` is read for it.
    fn keep(&mut self, task: Task, file: Option<FileIdentity>, read: ReadOptions, draft: RunDraft) {
        if self.file != file {
            self.file = file;
            self.reads.clear();
        }
        self.reads.insert(task, read);
        self.drafts.insert(task, draft);
    }

    /// How a file was read for a task; `None` where it was not, or its columns may be others.
    fn read_of(&self, task: Task, file: Option<&FileIdentity>) -> Option<&ReadOptions> {
        self.reads.get(&task).filter(|_| self.file.as_ref() == file)
    }
}

impl Store {
    /// What the training file is for; `None` where the person chose a task. Where trained weights would go, for the model is
    /// used for another task then, the guess is not followed.
    pub(super) async fn guess_task(self, train: &PickedFile) -> Result<Option<Guess>, Problem> {
        if self.data.wished_task.with_untracked(Option::is_some) {
            return Ok(None);
        }
        if self.projects.is_restoring(train) {
            return Ok(self.data.guess.get_untracked()); // as it was guessed when the project was made
        }
        let (tasks, own) = self.tasks_to_guess();
        let file = NamedBlob { name: train.name.clone(), blob: 0 };
        // Of what is packed the beginning alone says nothing.
        let is_small_zip = is_zip(&train.name) && train.size_bytes() <= WHOLE_ZIP_BYTES;
        let beginning = match is_packed_name(&train.name) || is_small_zip {
            true => train.read().await.map_err(unreadable)?,
            false => train.read_beginning(GUESS_BYTES).await.map_err(unreadable)?,
        };
        match self.request(Command::GuessTask { file, tasks, own }, vec![beginning]).await? {
            (Reply::Task { task }, _) => {
                let is_followed = task == self.data.task.get_untracked() || !self.has_unsaved_work();
                Ok(Some(Guess { task, is_followed }))
            }
            (other, _) => Err(unexpected(&other)),
        }
    }

    /// The tasks that a file can be for, and the one that it is for where its content does not tell.
    fn tasks_to_guess(self) -> (Vec<Task>, Task) {
        if let Some(info) = self.model.info.get_untracked() {
            return (info.tasks.clone(), info.task);
        }
        match self.model.choice.get_untracked() {
            ModelChoice::Known(index) => {
                let family = KNOWN_MODELS[index].family;
                let tasks = Task::ALL.iter().copied().filter(|task| task.spec().suits(family));
                (tasks.collect(), Task::usual_of(family))
            }
            ModelChoice::Hub | ModelChoice::Local => (Task::ALL.to_vec(), self.model.task.get_untracked()),
        }
    }

    /// Says what was guessed, and uses the model for that.
    pub(super) fn take_guess(self, guess: Guess) {
        // The page of the data is built anew for another task.
        let refocus = browser::focus_keeper();
        self.data.guess.set(Some(guess));
        if guess.is_followed && guess.task != self.model.task.get_untracked() {
            // What was said of the files holds for any task.
            let note = self.data.note.get_untracked();
            self.turn_to(guess.task, untrack(|| self.model.has_chat_template()));
            self.data.note.set(note);
        }
        refocus();
    }

    /// Leaves what is learned to a guess again.
    pub(crate) fn guess_again(self) {
        // Until the file was looked at nothing changes.
        let task = self.data.task.get_untracked();
        self.data.guess.set(Some(Guess { task, is_followed: true }));
        self.edit(None, || self.data.wished_task.set(None));
        self.load_data();
    }

    /// Uses the model for a task that the person chose.
    pub(super) fn use_for(self, task: Task) {
        self.data.wished_task.set(Some(task));
        self.turn_to(task, untrack(|| self.model.has_chat_template()));
    }

    /// How rows are read for a task and its recipe, where the model is used for another one now: as they were when it was
    /// left, else with columns that are guessed and the preset of the same name.
    pub(super) fn settings_of(self, task: Task, has_chat_template: bool) -> (ReadOptions, RunDraft) {
        let before = self.model.task.get_untracked();
        let (mut read, mut draft) = (self.data.read.get_untracked(), self.draft.get_untracked());
        if task != before {
            let [file, _, _] = untrack(|| self.data.identities());
            presets::change_task(&mut draft, before, task);
            self.data.left.with_value(|left| {
                read = options_after_change(&read, left.read_of(task, file.as_ref()));
                if let Some(kept) = left.drafts.get(&task) {
                    presets::restore(&mut draft, kept);
                }
            });
        }
        keep_what_is_read(&mut read, task, has_chat_template);
        (read, draft)
    }

    /// Keeps what was chosen for the task that the model is used for, which is left for another one.
    pub(super) fn keep_settings(self) {
        let [file, _, _] = untrack(|| self.data.identities());
        let (read, draft) = (self.data.read.get_untracked(), self.draft.get_untracked());
        let task = self.model.task.get_untracked();
        self.data.left.update_value(|left| left.keep(task, file, read, draft));
    }

    /// How rows are read for a task, and the recipe then.
    pub(super) fn settings_to_read_for(self, task: Task) -> (ReadOptions, RunConfig) {
        if task == self.model.task.get_untracked() {
            return (self.data.read.get_untracked(), self.run_to_read_for());
        }
        let (read, draft) = self.settings_of(task, untrack(|| self.model.has_chat_template()));
        let base = untrack(|| self.model.base_run_of(task));
        let run = recipe::in_force(&draft, &recipe::fields(task), &base).resolve(&base);
        (read, run.unwrap_or(base))
    }

    /// The recipe where it is right, else the base: a typing error must not keep a file from being read.
    pub(super) fn run_to_read_for(self) -> RunConfig {
        self.resolved.get_untracked().unwrap_or_else(|_| self.base.get_untracked())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_guess_says_what_it_is_and_why_it_is_not_followed() {
        for &task in Task::ALL {
            let followed = Guess { task, is_followed: true }.describe();
            assert!(followed.starts_with(&format!("Read for a model that {}", task.spec().does)), "{followed}");
            assert!(followed.contains("a guess from the file"), "{followed}");
            let other = Guess { task, is_followed: false }.describe();
            assert!(other.contains("weights that you trained") && !other.contains("Read for"), "{other}");
        }
    }

    #[test]
    fn what_was_chosen_for_a_task_comes_back_and_columns_only_with_their_file() {
        let file = |name: &str| FileIdentity { name: name.into(), size_bytes: 1.0, stamp: 0 };
        let read = ReadOptions { text_column: Some("body".into()), ..ReadOptions::default() };
        let draft = RunDraft::from_typed([("seed", "7")]);
        let (one, other) = (Task::ALL[0], Task::ALL[1]);
        let mut left = LeftTasks::default();
        left.keep(one, Some(file("a.csv")), read.clone(), draft.clone());
        assert_eq!(left.read_of(one, Some(&file("a.csv"))), Some(&read));
        assert_eq!(left.read_of(one, Some(&file("b.csv"))), None);
        left.keep(other, Some(file("b.csv")), ReadOptions::default(), RunDraft::default());
        assert_eq!(left.read_of(one, Some(&file("b.csv"))), None, "those of a.csv are gone");
        assert_eq!((left.read_of(one, Some(&file("a.csv"))), left.drafts.get(&one)), (None, Some(&draft)));
    }
}
