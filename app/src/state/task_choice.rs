//! Which task model and rows are for: chosen, guessed or the model's own. In: a task. Out: the rows read again for it, the columns
//! and the recipe that it had when it was left, and a note of what changed.

use hone_core::task::Task;
use leptos::prelude::*;
use leptos::task::spawn_local;

use super::Store;
use super::reading::Outcome;
use super::report::keep_what_is_read;
use super::run::Input;
use crate::browser;

impl Store {
    /// Takes another task for the model and the rows, and reads these again. Where trained weights would go, the person is
    /// asked first.
    pub(crate) fn choose_task(self, task: Task) {
        if task != self.data.task.get_untracked() {
            self.confirm_losing_weights("Change anyway", move || self.change_task(task));
        }
    }

    fn change_task(self, task: Task) {
        // The page of the data is built anew for it.
        let refocus = browser::focus_keeper();
        let data = self.data;
        let before = data.task.get_untracked();
        let way_back_from = self.way_back_from(before);
        data.asked_for.set_value(Some(task));
        self.edit(None, || self.use_for(task));
        if data.train.with_untracked(Option::is_some) {
            spawn_local(async move {
                let outcome = self.load_data_now().await;
                if outcome == Outcome::Unread {
                    data.note.set(Some(way_back(before)));
                }
                self.follow_way_back(way_back_from, task, outcome);
            });
        }
        refocus();
    }

    /// Forgets the rows and the figures of the model, or of the task, before. What belongs to another task makes way for what
    /// this one had when it was left: the columns, the preset; and the page says so.
    pub(super) fn turn_to(self, task: Task, has_chat_template: bool) {
        let before = self.model.task.get_untracked();
        // Before there was a model they may have been read for this one.
        let read_for = self.data.report.with_untracked(|report| report.as_ref().map(|report| report.task()));
        let is_read_for_another = read_for.is_some_and(|read_for| read_for != task);
        let is_other_task = before != task;
        self.data.report.set(None);
        self.data.note.set(None);
        self.forget_figures();
        if self.run.with_untracked(|run| run.is_finished()) {
            self.list_runs(); // its weights can be opened again
        }
        self.feed(Input::ModelLoaded { is_other_task });
        let (mut read, draft) = self.settings_of(task, has_chat_template);
        if is_other_task {
            self.started.set(None);
            if read_for == Some(task) {
                // They are read on as they were.
                read = self.data.read.get_untracked();
                keep_what_is_read(&mut read, task, has_chat_template);
            }
            self.keep_settings();
            self.draft.set(draft);
            self.data.note.set(is_read_for_another.then(|| changed_task(task)));
            self.model.task.set(task);
        }
        self.data.read.set(read);
    }
}

fn changed_task(task: Task) -> String {
    let does = task.spec().does;
    format!(
        "The rows are read again, for a model that {does}; the recipe has the settings for such a model. Those that you leave \
         come back when you change back."
    )
}

/// What is said where a file could not be read for another task; `task` is the one that is left.
fn way_back(task: Task) -> String {
    let title = task.spec().title;
    format!(
        "The file could not be read for this. Its rows are not lost: change back to \u{201c}{title}\u{201d} to read them as \
         they were, or name the columns."
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_note_on_another_task_speaks_of_no_model_before() {
        // Rows may have been read before there was any.
        for &task in Task::ALL {
            let note = changed_task(task);
            assert!(note.contains(task.spec().does) && !note.contains("before"), "{note}");
        }
    }
}
