//! Settings that suit language models: adapters, and their rate.

use hone_core::config::{Method, RunConfig};
use hone_core::hub::OWN_MODEL;
use hone_core::task::Task;

use crate::state::presets::Preset;
use crate::state::samples::Sample;

/// The settings that hold where nothing is typed.
pub(super) fn base() -> RunConfig {
    RunConfig {
        method: Method::Lora,
        num_train_epochs: 3,
        learning_rate: 2e-4,
        batch_size: 4,
        max_seq_length: 256,
        ..RunConfig::default()
    }
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
        hint: "Three passes with adapters: right for most files.",
        values: &[],
    },
    Preset {
        id: "careful",
        title: "Careful",
        hint: "More passes at a lower rate; stops when it gets no better.",
        values: &[("num_train_epochs", "5"), ("learning_rate", "1e-4"), ("early_stopping_patience", "2")],
    },
    Preset {
        id: "few_rows",
        title: "Few rows",
        hint: "Small batches and more passes, for fewer than about 500 rows.",
        values: &[("num_train_epochs", "6"), ("batch_size", "2"), ("logging_steps", "1")],
    },
    Preset {
        id: "full",
        title: "All weights",
        hint: "Learns the most, but needs the most memory and forgets the most.",
        values: &[("method", "full"), ("learning_rate", "5e-5")],
    },
];

/// What a newcomer can try with one click.
pub(super) const SAMPLE: Sample = Sample {
    id: "try-text-sample",
    action: "Write answers",
    task: Task::CausalLm,
    file: "capitals.jsonl",
    model_id: OWN_MODEL,
    // So small a model learns nothing at the rate that suits large ones.
    settings: &[("num_train_epochs", "10"), ("batch_size", "8"), ("learning_rate", "3e-3")],
};

#[cfg(test)]
mod tests {
    use hone_core::config::RunDraft;

    use super::*;
    use crate::state::presets::{balanced, change_task};
    use crate::state::recipe::{set_typed, typed};

    #[test]
    fn a_language_model_gets_adapters_without_a_word() {
        let (labels, texts) = (Task::SequenceClassification, Task::CausalLm);
        let preset = balanced(labels).expect("there is one");
        let mut draft = RunDraft::default();
        preset.apply_to(&mut draft);
        change_task(&mut draft, labels, texts);
        assert!(draft.is_empty());
        assert_eq!(balanced(texts).map(|preset| preset.summary(texts)).as_deref(), Some(""));
        let run = draft.resolve(&base()).expect("nothing typed");
        assert_eq!((run.method, run.learning_rate, run.batch_size, run.max_seq_length), (Method::Lora, 2e-4, 4, 256));
        change_task(&mut draft, texts, labels);
        assert!(preset.matches(&draft));
        set_typed(&mut draft, "method", Some("head".into()));
        change_task(&mut draft, labels, texts);
        assert_eq!(typed(&draft, "method"), None, "a method that a task does not have is dropped");
    }

    #[test]
    fn the_rows_of_the_sample_fit_its_model() {
        let rows = include_str!("../../../../public/samples/capitals.jsonl");
        assert_eq!(rows.lines().count(), 120);
        // Braces, quotes, colons and the two names take 30 bytes; "Q: ", "\nA: " and the end of the text take 8.
        assert!(rows.lines().all(|row| row.len() - 30 + 8 <= 64), "the tiny decoder reads 64 bytes");
    }
}
