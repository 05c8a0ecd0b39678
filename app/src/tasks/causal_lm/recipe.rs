//! What a newcomer can try of language models with one click.

use hone_core::hub::OWN_MODEL;
use hone_core::task::Task;

use crate::state::samples::Sample;

/// Questions about capitals.
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
    use hone_core::config::{Method, RunDraft};

    use super::*;
    use crate::state::presets::{PresetFields, balanced, change_task};
    use crate::state::recipe::{base, set_typed, typed};

    #[test]
    fn a_language_model_gets_adapters_without_a_word() {
        let (labels, texts) = (Task::SequenceClassification, Task::CausalLm);
        let preset = balanced(labels).expect("there is one");
        let mut draft = RunDraft::default();
        preset.apply_to(&mut draft);
        change_task(&mut draft, labels, texts);
        assert!(draft.is_empty());
        assert_eq!(balanced(texts).map(|preset| preset.summary(texts)).as_deref(), Some(""));
        let run = draft.resolve(&base(texts)).expect("nothing typed");
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
