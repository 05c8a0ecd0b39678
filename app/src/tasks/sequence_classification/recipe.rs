//! Settings that suit models with a head of their own: those of labels, and of every task that has no others.

use hone_core::config::RunConfig;
use hone_core::task::Task;

use crate::state::presets::Preset;
use crate::state::samples::Sample;

/// The settings that hold where nothing is typed.
pub(crate) fn base() -> RunConfig {
    RunConfig::default()
}

/// Named sets of settings.
pub(crate) const PRESETS: &[Preset] = &[
    Preset {
        id: "quick",
        title: "Quick look",
        hint: "One pass: does it learn at all?",
        values: &[("num_train_epochs", "1"), ("learning_rate", "1e-4")],
    },
    Preset {
        id: "balanced",
        title: "Balanced",
        hint: "Three passes over all weights: right for most files.",
        values: &[("num_train_epochs", "3"), ("learning_rate", "1e-4")],
    },
    Preset {
        id: "careful",
        title: "Careful",
        hint: "More passes at a lower rate; stops when it gets no better.",
        values: &[("num_train_epochs", "5"), ("learning_rate", "3e-5"), ("early_stopping_patience", "2")],
    },
    Preset {
        id: "few_rows",
        title: "Few rows",
        hint: "Small batches and more passes, for fewer than about 1,000 rows.",
        values: &[("num_train_epochs", "6"), ("learning_rate", "1e-4"), ("batch_size", "8"), ("logging_steps", "1")],
    },
    Preset {
        id: "head",
        title: "Head only",
        hint: "Only the part that gives the answer is trained: quickest and lightest.",
        values: &[("method", "head"), ("num_train_epochs", "5"), ("learning_rate", "3e-3")],
    },
];

/// What a newcomer can try with one click.
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
    use crate::state::presets::balanced;

    #[test]
    fn presets_say_what_they_set() {
        let task = Task::SequenceClassification;
        let summary = balanced(task).map(|preset| preset.summary(task));
        assert_eq!(summary.as_deref(), Some("Epochs: 3; Learning rate: 1e-4"));
        let head = PRESETS.iter().find(|preset| preset.id == "head").expect("there is one");
        assert_eq!(head.summary(task), "What is trained: Head only; Epochs: 5; Learning rate: 3e-3");
    }
}
