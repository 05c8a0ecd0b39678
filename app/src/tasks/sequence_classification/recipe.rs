//! What a newcomer can try of models that label texts with one click.

use hone_core::task::Task;

use crate::state::samples::Sample;

/// Messages to a support desk.
pub(super) const SAMPLE: Sample = Sample {
    id: "try-sample",
    action: "Label messages",
    task: Task::SequenceClassification,
    file: "support-desk.csv",
    model_id: "sentence-transformers/all-MiniLM-L6-v2",
    settings: &[],
};

#[cfg(test)]
mod tests {
    use super::*;
    use crate::state::presets::{PresetFields, balanced, presets};

    #[test]
    fn presets_say_what_they_set() {
        let task = Task::SequenceClassification;
        let summary = balanced(task).map(|preset| preset.summary(task));
        assert_eq!(summary.as_deref(), Some("Epochs: 3"));
        let head = presets(task).iter().find(|preset| preset.id == "head").expect("there is one");
        assert_eq!(head.summary(task), "What is trained: Head only; Epochs: 5; Learning rate: 3e-3");
    }
}
