//! What a newcomer can try of models that label images with one click.

use hone_core::hub::OWN_IMAGE_MODEL;
use hone_core::task::Task;

use crate::state::samples::Sample;

/// Shapes.
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
    use crate::state::presets::{PresetFields, presets};

    #[test]
    fn presets_say_what_they_set() {
        let task = Task::ImageClassification;
        let summary = |id: &str| {
            let preset = presets(task).iter().find(|preset| preset.id == id).expect("there is one");
            preset.summary(task)
        };
        assert_eq!(summary("balanced"), "");
        assert_eq!(summary("head"), "What is trained: Head only; Epochs: 20; Learning rate: 1e-3");
    }
}
