//! Settings that suit texts that are told apart within a batch: the larger it is, the more there is to learn.

use hone_core::config::RunConfig;

use crate::state::presets::Preset;

/// The settings that hold where nothing is typed.
pub(super) fn base() -> RunConfig {
    RunConfig::default()
}

/// Named sets of settings.
pub(super) const PRESETS: &[Preset] = &[
    Preset {
        id: "quick",
        title: "Quick look",
        hint: "One pass: does it learn at all?",
        values: &[("num_train_epochs", "1"), ("batch_size", "32")],
    },
    Preset {
        id: "balanced",
        title: "Balanced",
        hint: "Two passes in large batches: right for most files.",
        values: &[("num_train_epochs", "2"), ("batch_size", "32")],
    },
    Preset {
        id: "careful",
        title: "Careful",
        hint: "More passes at a lower rate; stops when it gets no better.",
        values: &[
            ("num_train_epochs", "5"),
            ("learning_rate", "2e-5"),
            ("batch_size", "32"),
            ("early_stopping_patience", "2"),
        ],
    },
    Preset {
        id: "few_rows",
        title: "Few rows",
        hint: "More passes, for fewer than about 1,000 rows.",
        values: &[("num_train_epochs", "6"), ("logging_steps", "1")],
    },
];

#[cfg(test)]
mod tests {
    use hone_core::task::Task;

    use super::*;
    use crate::state::presets::balanced;

    #[test]
    fn presets_say_what_they_set_and_none_trains_a_head_alone() {
        let task = Task::SentenceEmbedding;
        let summary = balanced(task).map(|preset| preset.summary(task));
        assert_eq!(summary.as_deref(), Some("Epochs: 2; Batch size: 32"));
        // The head has no weights.
        assert!(PRESETS.iter().all(|preset| preset.values.iter().all(|(name, _)| *name != "method")));
    }
}
