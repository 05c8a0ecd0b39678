//! What a newcomer can try with one click: rows that the page brings along, and the model that is trained on them. Plain
//! data, tested natively.

use hone_core::config::{RunDraft, Task};
use hone_core::hub::{KNOWN_MODELS, KnownModel, OWN_MODEL};

use super::presets::presets;
use super::recipe::set_typed;

/// Rows, and the model and the settings that suit them.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Sample {
    /// Test id of its button.
    pub id: &'static str,
    pub action: &'static str,
    /// What the rows are.
    pub rows: &'static str,
    pub task: Task,
    /// File under `samples`.
    pub file: &'static str,
    model_id: &'static str,
    /// (field, value), laid over the preset for few rows where that model is trained.
    settings: &'static [(&'static str, &'static str)],
}

/// The samples, in the order in which they are offered.
pub(crate) const SAMPLES: &[Sample] = &[
    Sample {
        id: "try-sample",
        action: "Label messages",
        rows: "240 messages to a support desk in four classes",
        task: Task::SequenceClassification,
        file: "support-desk.csv",
        model_id: "sentence-transformers/all-MiniLM-L6-v2",
        settings: &[],
    },
    Sample {
        id: "try-text-sample",
        action: "Write answers",
        rows: "120 questions and answers about capitals",
        task: Task::CausalLm,
        file: "capitals.jsonl",
        model_id: OWN_MODEL,
        // So small a model learns nothing at the rate that suits large ones.
        settings: &[("num_train_epochs", "10"), ("batch_size", "8"), ("learning_rate", "3e-3")],
    },
];

impl Sample {
    /// Place of its model among the known ones.
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
    use super::super::recipe::{base, in_force};
    use super::*;

    #[test]
    fn samples_have_models_of_their_task_and_recipes_that_resolve() {
        for sample in SAMPLES {
            assert_eq!(sample.model().task, sample.task, "{}", sample.id);
            let mut draft = RunDraft::default();
            sample.apply_to(&mut draft, sample.model_id);
            let base = base(sample.task);
            in_force(&draft, sample.task, &base).resolve(&base).expect("a sample's recipe is right");
        }
    }

    #[test]
    fn settings_for_a_tiny_model_are_not_another_ones() {
        let (mut own, mut other) = (RunDraft::default(), RunDraft::default());
        SAMPLES[1].apply_to(&mut own, OWN_MODEL);
        SAMPLES[1].apply_to(&mut other, "a/b");
        assert_eq!((own.learning_rate.as_deref(), other.learning_rate), (Some("3e-3"), None));
    }

    #[test]
    fn the_rows_of_the_text_sample_fit_its_model() {
        let rows = include_str!("../../../public/samples/capitals.jsonl");
        assert_eq!(rows.lines().count(), 120);
        // Braces, quotes, colons and the two names take 30 bytes; "Q: ", "\nA: " and the end of the text take 8.
        assert!(rows.lines().all(|row| row.len() - 30 + 8 <= 64), "the tiny decoder reads 64 bytes");
    }
}
