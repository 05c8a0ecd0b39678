//! What the page gives along with a run, and wants back when it goes on with it: what was typed and chosen, as JSON. Of builds before
//! this one, too.

use hone_core::config::RunDraft;
use hone_core::task::Task;

use super::unsure::Unsure;
use crate::browser;

/// What the page wants back when it goes on with a run, besides what the worker keeps for itself.
#[derive(Debug, Clone, PartialEq, Default)]
pub(super) struct PageNotes {
    /// What was typed into the recipe.
    pub draft: RunDraft,
    /// What was typed of changes to the model.
    pub changes: RunDraft,
    /// The task that the person chose; `None` where it was guessed.
    pub wished_task: Option<Task>,
    /// Below which probability answers are unsure.
    pub unsure: Unsure,
}

/// The same as JSON has it: recipe, changes to the model, task, thresholds.
type Written = (RunDraft, RunDraft, Option<Task>, Unsure);

/// What earlier builds wrote, in which nobody could choose thresholds.
type WrittenBefore = (RunDraft, RunDraft, Option<Task>);

impl PageNotes {
    /// As JSON.
    pub(super) fn to_json(&self) -> String {
        let Self { draft, changes, wished_task, unsure } = self;
        serde_json::to_string(&(draft, changes, wished_task, unsure)).expect("notes hold only plain values")
    }

    /// Of JSON that the browser reads, which takes less of the page than a parser of our own.
    pub(super) fn read(json: &str) -> Result<Self, String> {
        let value = js_sys::JSON::parse(json).map_err(|error| browser::describe(&error))?;
        if let Ok(written) = serde_wasm_bindgen::from_value::<Written>(value.clone()) {
            return Ok(Self::of_written(written));
        }
        let before = serde_wasm_bindgen::from_value::<WrittenBefore>(value).map_err(|error| error.to_string())?;
        let (draft, changes, wished_task) = before;
        Ok(Self::of_written((draft, changes, wished_task, Unsure::new())))
    }

    fn of_written((draft, changes, wished_task, unsure): Written) -> Self {
        Self { draft, changes, wished_task, unsure }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn notes_come_back_as_they_were() {
        let notes = PageNotes {
            draft: RunDraft::from_typed([("seed", "7"), ("learning_rate", "1e-3")]),
            changes: RunDraft::from_typed([("add_layers", "1")]),
            wished_task: Some(Task::default()),
            unsure: [("".to_owned(), 0.75)].into(),
        };
        for notes in [notes, PageNotes::default()] {
            let written: Written = serde_json::from_str(&notes.to_json()).expect("it is JSON");
            assert_eq!(PageNotes::of_written(written), notes);
        }
    }
}
