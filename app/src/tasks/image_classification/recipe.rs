//! Settings that suit vision transformers: those of the examples of `transformers` and PEFT for image classification.

use hone_core::config::RunConfig;
use hone_core::hub::OWN_IMAGE_MODEL;
use hone_core::task::Task;

use crate::state::presets::Preset;
use crate::state::samples::Sample;

/// The settings that hold where nothing is typed.
pub(super) fn base() -> RunConfig {
    RunConfig { num_train_epochs: 3, learning_rate: 5e-5, batch_size: 8, ..RunConfig::default() }
}

/// Named sets of settings, laid over [`base`].
pub(super) const PRESETS: &[Preset] = &[
    Preset {
        id: "quick",
        title: "Quick look",
        hint: "One pass: does it learn at all?",
        values: &[("num_train_epochs", "1")],
    },
    Preset {
        id: "balanced",
        title: "Balanced",
        hint: "Three passes over all weights: right for most sets of images.",
        values: &[],
    },
    Preset {
        id: "careful",
        title: "Careful",
        hint: "More passes at a lower rate; stops when it gets no better.",
        values: &[("num_train_epochs", "8"), ("learning_rate", "2e-5"), ("early_stopping_patience", "2")],
    },
    Preset {
        id: "few_rows",
        title: "Few images",
        hint: "Small batches and more passes, for fewer than about 500 images.",
        values: &[("num_train_epochs", "8"), ("batch_size", "4"), ("logging_steps", "1")],
    },
    Preset {
        id: "head",
        title: "Head only",
        hint: "Each image is looked at once, and only what tells the classes apart is trained: by far the quickest.",
        values: &[("method", "head"), ("num_train_epochs", "20"), ("learning_rate", "1e-3")],
    },
    Preset {
        id: "lora",
        title: "Adapters",
        hint: "Learns nearly as much as all weights with less memory, and can be taken home alone.",
        values: &[("method", "lora"), ("num_train_epochs", "5"), ("learning_rate", "1e-3")],
    },
];

/// What a newcomer can try with one click.
pub(super) const SAMPLE: Sample = Sample {
    id: "try-image-sample",
    action: "Label images",
    task: Task::ImageClassification,
    file: "shapes.zip",
    model_id: OWN_IMAGE_MODEL,
    settings: &[("num_train_epochs", "5"), ("learning_rate", "5e-4")],
};

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn presets_say_what_they_set() {
        let task = Task::ImageClassification;
        let summary = |id: &str| {
            let preset = PRESETS.iter().find(|preset| preset.id == id).expect("there is one");
            preset.summary(task)
        };
        assert_eq!(summary("balanced"), "");
        assert_eq!(summary("head"), "What is trained: Head only; Epochs: 20; Learning rate: 1e-3");
    }
}
