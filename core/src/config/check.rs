//! Which settings can be used: the range of each, and which of them a run has a use for.
//!
//! [`RunConfig::check`] needs nothing but the settings; [`RunConfig::check_for`] also what is trained: its task, its
//! layers, and whether there are validation rows.

use std::fmt::Display;
use std::ops::RangeInclusive;

use super::{
    ClassWeights, ConfigProblem, EvalStrategy, LoraConfig, Method, MetricForBest, Pooling, PromptFormat, ReadOptions,
    RunConfig, Task,
};

/// The largest value of a share that is less than 1.
const BELOW_ONE: f64 = 0.999_999;

pub(super) const LAST_LAYERS: RangeInclusive<u32> = 1..=10_000;
pub(super) const LORA_R: RangeInclusive<u32> = 1..=LoraConfig::MAX_RANK;
pub(super) const LORA_ALPHA: RangeInclusive<f64> = 1e-6..=1e6;
pub(super) const SHARE_BELOW_ONE: RangeInclusive<f64> = 0.0..=BELOW_ONE;
pub(super) const SHARE: RangeInclusive<f64> = 0.0..=1.0;
pub(super) const EPOCHS: RangeInclusive<u32> = 1..=10_000;
pub(super) const BATCH_SIZE: RangeInclusive<u32> = 1..=4096;
pub(super) const ACCUMULATION: RangeInclusive<u32> = 1..=4096;
pub(super) const LEARNING_RATE: RangeInclusive<f64> = 1e-12..=1.0;
pub(super) const MAX_GRAD_NORM: RangeInclusive<f64> = 0.0..=1e6;
pub(super) const MAX_SEQ_LENGTH: RangeInclusive<u32> = 4..=65_536;
pub(super) const EVAL_STEPS: RangeInclusive<u32> = 1..=u32::MAX;
pub(super) const PATIENCE: RangeInclusive<u32> = 1..=10_000;
pub(super) const LOGGING_STEPS: RangeInclusive<u32> = 1..=1_000_000;
/// In f32 a smaller one is lost beside any second moment, a larger one stops every step.
const ADAM_EPSILON: RangeInclusive<f64> = 1e-16..=1.0;
const PAD_TO_MULTIPLE_OF: RangeInclusive<u32> = 0..=65_536;
/// Most of the rows that validation and test may take together.
const MAX_HELD_OUT: f64 = 0.9;

impl RunConfig {
    /// Every setting whose value can't be used, whatever is trained.
    #[must_use]
    pub fn check(&self) -> Vec<ConfigProblem> {
        let mut problems = Problems(Vec::new());
        if let Method::LastLayers(layers) = self.method {
            problems.whole("method", layers, LAST_LAYERS);
        }
        problems.whole("lora_r", self.lora.r, LORA_R);
        problems.real("lora_alpha", self.lora.lora_alpha, LORA_ALPHA);
        problems.real("lora_dropout", self.lora.lora_dropout, SHARE_BELOW_ONE);
        problems.whole("num_train_epochs", self.num_train_epochs, EPOCHS);
        problems.whole("batch_size", self.batch_size, BATCH_SIZE);
        problems.whole("gradient_accumulation_steps", self.gradient_accumulation_steps, ACCUMULATION);
        problems.real("learning_rate", self.learning_rate, LEARNING_RATE);
        problems.real("weight_decay", self.weight_decay, SHARE);
        problems.real("adam_beta1", self.adam_beta1, SHARE_BELOW_ONE);
        problems.real("adam_beta2", self.adam_beta2, SHARE_BELOW_ONE);
        problems.real("adam_epsilon", self.adam_epsilon, ADAM_EPSILON);
        problems.real("warmup_ratio", self.warmup_ratio, SHARE);
        problems.real("max_grad_norm", self.max_grad_norm, MAX_GRAD_NORM);
        problems.real("label_smoothing_factor", self.label_smoothing_factor, SHARE_BELOW_ONE);
        if let Some(dropout) = self.dropout {
            problems.real("dropout", dropout, SHARE_BELOW_ONE);
        }
        problems.whole("max_seq_length", self.max_seq_length, MAX_SEQ_LENGTH);
        problems.whole("pad_to_multiple_of", self.pad_to_multiple_of, PAD_TO_MULTIPLE_OF);
        if let EvalStrategy::Steps(steps) = self.eval_strategy {
            problems.whole("eval_strategy", steps, EVAL_STEPS);
        }
        if let Some(patience) = self.early_stopping_patience {
            problems.whole("early_stopping_patience", patience, PATIENCE);
        }
        problems.whole("logging_steps", self.logging_steps, LOGGING_STEPS);
        problems.real("valid_fraction", self.split.valid_fraction, SHARE_BELOW_ONE);
        problems.real("test_fraction", self.split.test_fraction, SHARE_BELOW_ONE);
        if self.split.valid_fraction + self.split.test_fraction > MAX_HELD_OUT {
            problems.add("valid_fraction", "validation and test together leave less than a tenth for training");
        }
        problems.0
    }

    /// Every setting that a run would have no use for, or could not follow: one that is not at its default although
    /// nothing reads it would promise what does not happen.
    #[must_use]
    pub fn check_for(&self, task: Task, num_hidden_layers: usize, has_valid_rows: bool) -> Vec<ConfigProblem> {
        let default = Self::default();
        let mut problems = Problems(Vec::new());
        if let Method::LastLayers(layers) = self.method
            && layers as usize > num_hidden_layers
        {
            problems.add("method", format!("last:{layers} is more than the {num_hidden_layers} layers of this model"));
        }
        if self.method != Method::Lora {
            for field in unused_lora(&self.lora) {
                problems.add(field, "has no effect: only the method lora trains adapters");
            }
        }
        let only = |is_set: bool, field, of| is_set.then(|| (field, format!("has no effect: {of}")));
        let for_texts = "this setting is for models that write texts, and this one labels them";
        let for_labels = "this setting is for models that label texts, and this one writes them";
        let without_valid = "there are no validation rows";
        let is_classifier = task == Task::SequenceClassification;
        let unused = [
            only(is_classifier && self.packing, "packing", for_texts),
            only(is_classifier && self.gradient_checkpointing, "gradient_checkpointing", for_texts),
            only(!is_classifier && self.pooling != Pooling::Cls, "pooling", for_labels),
            only(!is_classifier && self.label_smoothing_factor != 0.0, "label_smoothing_factor", for_labels),
            only(!is_classifier && self.class_weights != ClassWeights::None, "class_weights", for_labels),
            only(
                !is_classifier && self.metric_for_best_model != MetricForBest::Loss,
                "metric_for_best_model",
                "a language model is measured by its loss",
            ),
            only(!has_valid_rows && self.early_stopping_patience.is_some(), "early_stopping_patience", without_valid),
            only(
                !has_valid_rows && is_classifier && self.metric_for_best_model != MetricForBest::Loss,
                "metric_for_best_model",
                without_valid,
            ),
            only(!has_valid_rows && self.eval_strategy != default.eval_strategy, "eval_strategy", without_valid),
        ];
        for (field, message) in unused.into_iter().flatten() {
            problems.add(field, message);
        }
        problems.0
    }
}

/// Settings of LoRA that are not at their defaults.
fn unused_lora(lora: &LoraConfig) -> Vec<&'static str> {
    let default = LoraConfig::default();
    let changed = [
        ("lora_r", lora.r != default.r),
        ("lora_alpha", lora.lora_alpha != default.lora_alpha),
        ("lora_dropout", lora.lora_dropout != default.lora_dropout),
        ("target_modules", lora.target_modules != default.target_modules),
        ("use_rslora", lora.use_rslora != default.use_rslora),
        ("use_dora", lora.use_dora != default.use_dora),
    ];
    let fields: Vec<_> = changed.into_iter().filter(|(_, is_changed)| *is_changed).map(|(field, _)| field).collect();
    // Whatever else an adapter may have.
    if fields.is_empty() && *lora != default { vec!["lora"] } else { fields }
}

struct Problems(Vec<ConfigProblem>);

impl ReadOptions {
    /// Every choice of columns that reading rows for a task has no use for.
    #[must_use]
    pub fn check_for(&self, task: Task) -> Vec<ConfigProblem> {
        let is_classifier = task == Task::SequenceClassification;
        let of_texts = [
            // As they stand is how texts are taken that have no prompt, too.
            ("prompt_format", self.prompt_format.as_ref().is_some_and(|format| *format != PromptFormat::Plain)),
            ("shape", self.shape.is_some()),
            ("prompt_column", self.prompt_column.is_some()),
            ("input_column", self.input_column.is_some()),
            ("completion_column", self.completion_column.is_some()),
            ("messages_column", self.messages_column.is_some()),
        ];
        let mut problems = Problems(Vec::new());
        for (field, _) in of_texts.into_iter().filter(|(_, is_set)| is_classifier && *is_set) {
            problems.add(field, "has no effect: it is for models that write texts, and this one labels them");
        }
        if !is_classifier && self.label_column.is_some() {
            problems.add("label_column", "has no effect: it is for models that label texts, and this one writes them");
        }
        if !is_classifier && !self.merge_labels.is_empty() {
            problems.add("merge_labels", "has no effect: it is for models that label texts, and this one writes them");
        }
        problems.0
    }
}

impl Problems {
    fn add(&mut self, field: &str, message: impl Into<String>) {
        self.0.push(ConfigProblem { field: field.into(), message: message.into() });
    }

    fn whole<T: PartialOrd + Display>(&mut self, field: &str, value: T, range: RangeInclusive<T>) {
        if !range.contains(&value) {
            self.add(field, not_whole(&value, &range));
        }
    }

    fn real(&mut self, field: &str, value: f64, range: RangeInclusive<f64>) {
        if !range.contains(&value) {
            self.add(field, not_real(&value, &range));
        }
    }
}

/// Why `found` is no count.
pub(super) fn not_whole<T: Display>(found: &impl Display, range: &RangeInclusive<T>) -> String {
    format!("{found} is not a whole number from {} to {}", range.start(), range.end())
}

/// Why `found` is no measure.
pub(super) fn not_real(found: &impl Display, range: &RangeInclusive<f64>) -> String {
    let least = *range.start();
    // Nobody counts a dozen zeros.
    let least = if least > 0.0 && least < 1e-4 { format!("{least:e}") } else { least.to_string() };
    format!("{found} is not a number from {least} to {}", range.end())
}

#[cfg(test)]
mod tests {
    use super::super::{ModelSource, SplitConfig};
    use super::*;
    use crate::config::Job;

    fn fields(problems: &[ConfigProblem]) -> Vec<&str> {
        problems.iter().map(|problem| problem.field.as_str()).collect()
    }

    #[test]
    fn a_tiny_bound_is_said_with_an_exponent() {
        assert_eq!(not_real(&30, &(1e-12..=1.0)), "30 is not a number from 1e-12 to 1");
        assert_eq!(not_real(&2, &(0.0..=0.5)), "2 is not a number from 0 to 0.5");
    }

    #[test]
    fn choices_of_columns_belong_to_a_task() {
        let of_texts = ReadOptions {
            prompt_format: Some(PromptFormat::Newline),
            prompt_column: Some("q".into()),
            ..ReadOptions::default()
        };
        assert_eq!(fields(&of_texts.check_for(Task::SequenceClassification)), ["prompt_format", "prompt_column"]);
        let plain = ReadOptions { prompt_format: Some(PromptFormat::Plain), ..ReadOptions::default() };
        assert!(plain.check_for(Task::SequenceClassification).is_empty(), "job files of labels may say so");
        assert!(of_texts.check_for(Task::CausalLm).is_empty());
        let of_labels = ReadOptions { label_column: Some("l".into()), ..ReadOptions::default() };
        assert_eq!(fields(&of_labels.check_for(Task::CausalLm)), ["label_column"]);
        assert!(of_labels.check_for(Task::SequenceClassification).is_empty());
    }

    #[test]
    fn the_defaults_can_be_used_for_every_task() {
        let run = RunConfig::default();
        assert!(run.check().is_empty());
        for task in [Task::SequenceClassification, Task::CausalLm] {
            for has_valid_rows in [true, false] {
                assert!(run.check_for(task, 2, has_valid_rows).is_empty());
            }
        }
    }

    #[test]
    fn a_job_file_is_held_to_the_ranges_of_the_command_line() {
        let wrong = [
            (RunConfig { gradient_accumulation_steps: 0, ..RunConfig::default() }, "gradient_accumulation_steps"),
            (RunConfig { batch_size: 0, ..RunConfig::default() }, "batch_size"),
            (RunConfig { num_train_epochs: 0, ..RunConfig::default() }, "num_train_epochs"),
            (RunConfig { logging_steps: 0, ..RunConfig::default() }, "logging_steps"),
            (RunConfig { max_seq_length: 1, ..RunConfig::default() }, "max_seq_length"),
            (RunConfig { dropout: Some(1.0), ..RunConfig::default() }, "dropout"),
            (RunConfig { dropout: Some(-0.1), ..RunConfig::default() }, "dropout"),
            (RunConfig { adam_epsilon: 1e308, ..RunConfig::default() }, "adam_epsilon"),
            (RunConfig { adam_beta2: 1.0, ..RunConfig::default() }, "adam_beta2"),
            (RunConfig { method: Method::LastLayers(0), ..RunConfig::default() }, "method"),
            (RunConfig { lora: LoraConfig { r: 0, ..LoraConfig::default() }, ..RunConfig::default() }, "lora_r"),
            (
                RunConfig { split: SplitConfig { valid_fraction: 0.6, test_fraction: 0.5 }, ..RunConfig::default() },
                "valid_fraction",
            ),
        ];
        for (run, field) in wrong {
            assert_eq!(fields(&run.check()), [field]);
            let job = Job::new(ModelSource::hub("a/b"), None, ReadOptions::default(), run);
            let error = Job::from_json(job.to_json().as_bytes()).expect_err(field).to_string();
            assert!(error.contains(field), "{error}");
        }
    }

    #[test]
    fn more_layers_than_the_model_has_are_refused() {
        let run = RunConfig { method: Method::LastLayers(3), ..RunConfig::default() };
        assert!(run.check_for(Task::CausalLm, 3, true).is_empty());
        let problems = run.check_for(Task::CausalLm, 2, true);
        assert_eq!(problems[0].to_string(), "method: last:3 is more than the 2 layers of this model");
    }

    #[test]
    fn settings_without_effect_are_named() {
        let classes = Task::SequenceClassification;
        let of_texts = RunConfig { packing: true, gradient_checkpointing: true, ..RunConfig::default() };
        assert_eq!(fields(&of_texts.check_for(classes, 2, true)), ["packing", "gradient_checkpointing"]);
        assert!(of_texts.check_for(Task::CausalLm, 2, true).is_empty());
        let of_labels = RunConfig {
            pooling: Pooling::Mean,
            label_smoothing_factor: 0.1,
            class_weights: ClassWeights::Balanced,
            metric_for_best_model: MetricForBest::Accuracy,
            ..RunConfig::default()
        };
        let named = ["pooling", "label_smoothing_factor", "class_weights", "metric_for_best_model"];
        assert_eq!(fields(&of_labels.check_for(Task::CausalLm, 2, true)), named);
        assert!(of_labels.check_for(classes, 2, true).is_empty());
        let of_valid = RunConfig {
            early_stopping_patience: Some(2),
            metric_for_best_model: MetricForBest::MacroF1,
            eval_strategy: EvalStrategy::Steps(5),
            ..RunConfig::default()
        };
        let named = ["early_stopping_patience", "metric_for_best_model", "eval_strategy"];
        assert_eq!(fields(&of_valid.check_for(classes, 2, false)), named);
        assert!(of_valid.check_for(classes, 2, true).is_empty());
    }

    #[test]
    fn adapters_belong_to_their_method() {
        let lora = LoraConfig { r: 4, use_dora: true, ..LoraConfig::default() };
        let run = RunConfig { method: Method::Lora, lora, ..RunConfig::default() };
        assert!(run.check_for(Task::CausalLm, 2, true).is_empty());
        let run = RunConfig { method: Method::Head, ..run };
        assert_eq!(fields(&run.check_for(Task::SequenceClassification, 2, true)), ["lora_r", "use_dora"]);
    }
}
