//! What a newcomer can try of models that turn a text into another with one click.

use hone_core::task::Task;

use crate::state::samples::Sample;

/// Dates in words.
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

    use hone_core::config::Method;
    use serde_json::Value;

    use super::*;
    use crate::state::presets::{PresetFields, balanced, presets};
    use crate::state::recipe::base;

    #[test]
    fn a_model_gets_adapters_without_a_word_and_all_weights_a_lower_rate() {
        let task = Task::Seq2seqLm;
        assert_eq!(balanced(task).map(|preset| preset.summary(task)).as_deref(), Some(""));
        let full = presets(task).iter().find(|preset| preset.id == "full").map(|preset| preset.summary(task));
        assert!(full.is_some_and(|summary| summary.ends_with("Learning rate: 1e-4")));
        let run = base(task);
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
