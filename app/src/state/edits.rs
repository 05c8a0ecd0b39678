//! Edits of the recipe and of the choices made about the rows, and the way back from them. In: an edit, noted where it is made
//! with everything that was typed or chosen before it. Out: what held before, or after, in its place again. A step goes through
//! what an edit goes through: rows that are others, or are read otherwise, are read again.

use hone_core::config::{ReadOptions, RunDraft};
use hone_core::task::Task;
use leptos::prelude::*;
use leptos::task::spawn_local;

use super::edit_words::describe;
use super::guess::Guess;
use super::history::{History, Way};
use super::parts::KeptPart;
use super::presets::PresetTurn;
use super::reading::Outcome;
use super::{Store, recipe};
use crate::browser::{self, FileIdentity, PickedFile};

/// Everything that a person typed or chose of a run, but the model.
#[derive(Debug, Clone, Default)]
pub(crate) struct Choices {
    /// The recipe.
    pub draft: RunDraft,
    /// Changes to the model.
    pub changes: RunDraft,
    /// How rows are read.
    pub read: ReadOptions,
    /// The training, validation and test file.
    pub files: [Option<PickedFile>; 3],
    /// The task that was chosen; `None` where it is guessed.
    pub wished_task: Option<Task>,
    /// What was guessed of the training file.
    pub guess: Option<Guess>,
    /// The task that the recipe is for.
    pub task: Task,
    /// Tasks that are learned beside it.
    pub kept: Vec<KeptPart>,
    /// What was typed as its name among them.
    pub own_name: Option<String>,
}

impl Choices {
    /// What tells the files from others.
    pub(super) fn identities(&self) -> [Option<FileIdentity>; 3] {
        self.files.each_ref().map(|file| file.as_ref().map(PickedFile::identity))
    }

    /// The tasks that are learned at once are others, or called otherwise.
    pub(super) fn has_other_parts(&self, other: &Self) -> bool {
        let names = |choices: &Self| {
            choices.kept.iter().map(|part| (part.id, part.name.clone())).collect::<Vec<(u32, String)>>()
        };
        names(self) != names(other) || self.own_name != other.own_name
    }

    /// The rows are others, or for another task: their files have to be read.
    fn has_other_rows(&self, other: &Self) -> bool {
        self.wished_task != other.wished_task || self.task != other.task || self.identities() != other.identities()
    }
}

/// Alike is what the person typed or chose: what follows from it by itself (the guess, the task) does not count.
impl PartialEq for Choices {
    fn eq(&self, other: &Self) -> bool {
        self.draft == other.draft
            && self.changes == other.changes
            && self.read == other.read
            && self.wished_task == other.wished_task
            && self.identities() == other.identities()
            && !self.has_other_parts(other)
    }
}

impl Store {
    /// What is typed and chosen now.
    pub(super) fn choices(self) -> Choices {
        let (data, parts) = (self.data, self.parts);
        Choices {
            draft: self.draft.get(),
            changes: self.changes.get(),
            read: data.read.get(),
            files: [data.train, data.valid, data.test].map(|file| file.get()),
            wished_task: data.wished_task.get(),
            guess: data.guess.get(),
            task: self.model.task.get(),
            kept: parts.kept.get(),
            own_name: parts.own_name.get(),
        }
    }

    /// Makes an edit, which can be undone from then on. `field` is the one in which something is typed.
    pub(super) fn edit(self, field: Option<&'static str>, change: impl FnOnce()) {
        let before = untrack(|| self.choices());
        change();
        if untrack(|| self.choices()) != before {
            self.history.update(|history| history.note(before, field));
        }
    }

    /// Changes the recipe. `field` is the one in which something is typed; `None` where something is chosen.
    pub(crate) fn edit_recipe(self, field: Option<&'static str>, change: impl FnOnce(&mut RunDraft)) {
        self.data.preset_turn.update_value(PresetTurn::end);
        self.edit(field, || self.draft.update(change));
    }

    /// Changes what is to be changed of the model, as [`Self::edit_recipe`].
    pub(crate) fn edit_changes(self, field: Option<&'static str>, change: impl FnOnce(&mut RunDraft)) {
        self.data.preset_turn.update_value(PresetTurn::end);
        self.edit(field, || self.changes.update(change));
    }

    /// Weights classes by how rare they are, or no more.
    pub(crate) fn weight_classes(self, is_weighted: bool) {
        let value = is_weighted.then(|| "balanced".to_owned());
        self.edit_recipe(None, |draft| recipe::set_typed(draft, "class_weights", value));
    }

    /// A field is left: what is typed next is an edit of its own.
    pub(crate) fn end_typing(self) {
        self.history.update_untracked(|history| history.end_typing());
    }

    /// The edit that can be undone, or redone, in a few words; `None` where there is none.
    pub(crate) fn step_words(self, way: Way) -> Option<String> {
        let now = self.choices();
        self.history.with(|history| {
            let other = history.next(way, &now)?;
            Some(match way {
                Way::Undo => describe(other, &now),
                Way::Redo => describe(&now, other),
            })
        })
    }

    /// Nothing goes on that a step would get in the way of.
    pub(crate) fn can_step(self) -> bool {
        self.activity().is_none() && !self.loading_sample.get() && self.images.packing.get().is_none()
    }

    /// Undoes the last edit, or redoes the last that was undone. Where trained weights would go, for the model is used for
    /// another task then, the person is asked first.
    pub(crate) fn take_step(self, way: Way) {
        if !untrack(|| self.can_step()) {
            return;
        }
        let now = untrack(|| self.choices());
        let to = self.history.with_untracked(|history| history.next(way, &now).map(|to| to.task));
        match to {
            None => {}
            Some(task) if task == now.task => self.take_step_now(way),
            Some(_) => {
                let asked = self.history.with_untracked(History::version);
                self.confirm_losing_weights("Change anyway", move || {
                    // The person may have done something else meanwhile.
                    let is_next = self.history.with_untracked(History::version) == asked;
                    if is_next && untrack(|| self.can_step()) {
                        self.take_step_now(way);
                    }
                });
            }
        }
    }

    fn take_step_now(self, way: Way) {
        self.kept.put_aside.set(String::new());
        let now = untrack(|| self.choices());
        let to = self.history.try_update(|history| history.take(way, now.clone())).flatten();
        if let Some(to) = to {
            self.restore(to, &now);
        }
    }

    /// Puts `to` in the place of what holds now, and reads the rows again where they are others or read otherwise.
    fn restore(self, to: Choices, now: &Choices) {
        // The page may be built anew, for another task.
        let refocus = browser::focus_keeper();
        let data = self.data;
        let (has_other_rows, has_other_parts) = (to.has_other_rows(now), to.has_other_parts(now));
        let task = to.task;
        let way_back = (task != now.task).then(|| self.way_back_from(now.task));
        data.wished_task.set(to.wished_task);
        data.guess.set(to.guess);
        if way_back.is_some() {
            self.turn_to(task, untrack(|| self.model.has_chat_template()));
        } else if has_other_rows {
            data.note.set(None);
        }
        self.draft.set(to.draft);
        self.changes.set(to.changes);
        self.parts.own_name.set(to.own_name);
        self.parts.kept.set(to.kept);
        for (slot, file) in [data.train, data.valid, data.test].into_iter().zip(to.files) {
            if has_other_rows {
                slot.set(file);
            }
        }
        if has_other_parts {
            self.note_other_parts();
        }
        if has_other_rows {
            data.read.set(to.read);
            data.report.set(None);
            data.asked_for.set_value(Some(data.task.get_untracked()));
            spawn_local(async move {
                let outcome = self.load_data_now().await;
                if outcome == Outcome::Unread {
                    self.forget_figures_of_rows();
                }
                if let Some(way_back) = way_back {
                    self.follow_way_back(way_back, task, outcome);
                }
            });
        } else if to.read != now.read {
            self.reread_data_as(to.read);
        }
        refocus();
    }

    /// Another model may not be used for the task of an edit: it can't be undone any more then.
    pub(super) fn forget_edits_of_other_models(self) {
        Effect::new(move |_| {
            let Some(tasks) = self.model.info.with(|info| info.as_ref().map(|info| info.tasks.clone())) else { return };
            self.history.update(|history| history.forget_unless(|choices| tasks.contains(&choices.task)));
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn choices_are_alike_whatever_followed_from_them() {
        let typed = Choices { draft: RunDraft::from_typed([("seed", "7")]), ..Choices::default() };
        let (one, other) = (Task::ALL[0], Task::ALL[1]);
        let guess = |task| Some(Guess { task, is_followed: true });
        let [first, second] = [one, other].map(|task| Choices { guess: guess(task), task, ..typed.clone() });
        assert_eq!(first, second);
        assert!(first.has_other_rows(&second), "and yet they are read for another task");
        let chosen = Choices { wished_task: Some(one), ..first.clone() };
        assert!(chosen != first && chosen.has_other_rows(&first));
        let named = Choices { own_name: Some("sentiment".into()), ..first.clone() };
        assert!(named != first && named.has_other_parts(&first) && !named.has_other_rows(&first));
        for other in [
            Choices { draft: RunDraft::default(), ..first.clone() },
            Choices { changes: RunDraft::from_typed([("add_layers", "1")]), ..first.clone() },
            Choices { read: ReadOptions { delimiter: Some(';'), ..ReadOptions::default() }, ..first.clone() },
        ] {
            assert!(other != first && !other.has_other_rows(&first), "{other:?}");
        }
    }
}
