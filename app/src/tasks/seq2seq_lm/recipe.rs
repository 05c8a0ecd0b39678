//! Settings that suit models of T5's kind: adapters, at a higher rate than other models learn at.

use hone_core::config::{Method, RunConfig};
use hone_core::task::Task;

use crate::state::presets::Preset;
use crate::state::samples::Sample;

/// The settings that hold where nothing is typed.
pub(super) fn base() -> RunConfig {
    RunConfig {
        method: Method::Lora,
        num_train_epochs: 3,
        learning_rate: 5e-4,
        batch_size: 8,
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
        values: &[("num_train_epochs", "1"), ("learning_rate", "1e-3")],
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
        values: &[("num_train_epochs", "6"), ("learning_rate", "3e-4"), ("early_stopping_patience", "2")],
    },
    Preset {
        id: "few_rows",
        title: "Few rows",
        hint: "Small batches and more passes, for fewer than about 500 rows.",
        values: &[("num_train_epochs", "8"), ("batch_size", "4"), ("learning_rate", "1e-3"), ("logging_steps", "1")],
    },
    Preset {
        id: "full",
        title: "All weights",
        hint: "Learns the most, but needs the most memory and forgets the most.",
        values: &[("method", "full"), ("learning_rate", "1e-4")],
    },
];

/// What a newcomer can try with one click.
pub(super) const SAMPLE: Sample = Sample {
    id: "try-dates-sample",
    action: "Rewrite dates",
    task: Task::Seq2seqLm,
    file: "dates.jsonl",
    model_id: "google-t5/t5-small",
    // Short rows, and a model that is small enough to train all of it.
    settings: &[("method", "full"), ("batch_size", "8"), ("learning_rate", "5e-4")],
};

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use serde_json::Value;

    use super::*;
    use crate::state::presets::balanced;

    #[test]
    fn a_model_gets_adapters_without_a_word_and_all_weights_a_lower_rate() {
        let task = Task::Seq2seqLm;
        assert_eq!(balanced(task).map(|preset| preset.summary(task)).as_deref(), Some(""));
        let full = PRESETS.iter().find(|preset| preset.id == "full").map(|preset| preset.summary(task));
        assert!(full.is_some_and(|summary| summary.ends_with("Learning rate: 1e-4")));
        let run = base();
        assert_eq!((run.method, run.max_seq_length, run.max_target_length), (Method::Lora, 256, 128));
    }

    #[test]
    fn the_rows_of_the_sample_are_different_dates_in_words_with_their_digits() {
        let rows = include_str!("../../../../public/samples/dates.jsonl");
        let parts = |row: &str| -> Option<[String; 2]> {
            let row: Value = serde_json::from_str(row).ok()?;
            Some([row["source"].as_str()?.to_owned(), row["target"].as_str()?.to_owned()])
        };
        let rows: Vec<[String; 2]> = rows.lines().map(|row| parts(row).expect("a source and a target")).collect();
        let sources: HashSet<&str> = rows.iter().map(|[source, _]| source.as_str()).collect();
        assert_eq!((rows.len(), sources.len()), (300, 300));
        let is_date = |text: &str| {
            let numbers: Vec<Option<u32>> = text.split('-').map(|part| part.parse().ok()).collect();
            text.len() == 10 && matches!(numbers[..], [Some(1900..2100), Some(1..=12), Some(1..=31)])
        };
        assert!(rows.iter().all(|[source, target]| source.len() < 80 && is_date(target)), "{rows:?}");
    }
}
