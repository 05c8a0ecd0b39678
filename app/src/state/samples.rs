//! What a newcomer can try with one click: rows that the page brings along, and the model that is trained on them. Plain
//! data, tested natively.

use hone_core::config::RunDraft;
use hone_core::hub::{KNOWN_MODELS, KnownModel};
use hone_core::task::Task;

use super::presets::{PresetFields, presets};
use super::recipe::set_typed;
use crate::tasks;

/// Rows, and the model and the settings that suit them.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Sample {
    /// Test id of its button.
    pub id: &'static str,
    pub action: &'static str,
    pub task: Task,
    /// File under `samples`.
    pub file: &'static str,
    pub model_id: &'static str,
    /// (field, value), laid over the preset for few rows where that model is trained.
    pub settings: &'static [(&'static str, &'static str)],
}

/// The samples, in the order in which they are offered: at most one a task.
pub(crate) fn samples() -> impl Iterator<Item = &'static Sample> {
    Task::ALL.iter().filter_map(|&task| tasks::of(task).sample.as_ref())
}

impl Sample {
    /// Index of its model among the known ones.
    pub(crate) fn model_index(&self) -> usize {
        KNOWN_MODELS.iter().position(|known| known.id == self.model_id).expect("a sample's model is known")
    }

    /// Its model.
    pub(crate) fn model(&self) -> &'static KnownModel {
        &KNOWN_MODELS[self.model_index()]
    }

    /// Sets the recipe for its rows; its own settings count only if `model_name` is the model that it brings.
    pub(crate) fn apply_to(&self, draft: &mut RunDraft, model_name: &str) {
        if let Some(preset) = presets(self.task).iter().find(|preset| preset.id == "few_rows") {
            preset.apply_to(draft);
        }
        let settings = self.settings.iter().filter(|_| model_name == self.model_id);
        for (name, value) in settings {
            set_typed(draft, name, Some((*value).into()));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::recipe::{base, fields, in_force, typed};
    use super::*;

    #[test]
    fn samples_have_models_of_their_task_and_recipes_that_resolve() {
        for sample in samples() {
            assert_eq!(sample.model().family, sample.task.spec().family(), "{}", sample.id);
            let mut draft = RunDraft::default();
            sample.apply_to(&mut draft, sample.model_id);
            let base = base(sample.task);
            in_force(&draft, &fields(sample.task), &base).resolve(&base).expect("a sample's recipe is right");
        }
        assert!(samples().count() > 1);
    }

    #[test]
    fn settings_for_a_samples_model_are_not_another_ones() {
        for sample in samples() {
            let (mut own, mut other) = (RunDraft::default(), RunDraft::default());
            sample.apply_to(&mut own, sample.model_id);
            sample.apply_to(&mut other, "a/b");
            for (name, value) in sample.settings {
                assert_eq!((typed(&own, name), typed(&other, name) == Some(*value)), (Some(*value), false));
            }
        }
    }
}
