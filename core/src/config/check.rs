//! Which settings can be used: the range of each, and which of them a run has a use for.
//!
//! [`RunConfig::check`] needs nothing but the settings; [`RunConfig::check_for`] also what is trained: its task, its
//! layers, and whether there are validation rows.

use super::setting::{Of, Setting};
use super::settings::SETTINGS;
use super::{ConfigProblem, Freeze, Method, PromptFormat, ReadOptions, RunConfig, SplitConfig, TextAugmentation};

/// Most of the rows that validation and test may take together.
const MAX_HELD_OUT: f64 = 0.9;

/// What a task has a use for.
#[derive(Debug, Clone, Copy)]
pub struct TaskSettings<'a> {
    /// What a model of it does, to go on after "this one": `labels texts`.
    pub does: &'a str,
    /// Settings that not every task has, of which it has these.
    pub settings: &'a [&'a str],
    /// Wishes about columns that it reads, by their names in [`ReadOptions`].
    pub columns: &'a [&'a str],
    /// Figures that may choose the best weights.
    pub figures: &'a [&'a str],
}

impl RunConfig {
    /// Every setting whose value can't be used, whatever is trained.
    #[must_use]
    pub fn check(&self) -> Vec<ConfigProblem> {
        let mut problems = Vec::new();
        let mut add = |field: &str, message: String| problems.push(ConfigProblem { field: field.into(), message });
        let mut scratch = Self::default();
        for setting in SETTINGS {
            // What can be typed can be used, and nothing else.
            let value = (setting.get)(self);
            if let Err(message) = (setting.set)(&mut scratch, &value) {
                add(setting.name, message.replacen(&format!("{value:?}"), &value, 1)); // nobody typed it
            }
        }
        let SplitConfig { valid_fraction, test_fraction } = self.split;
        if valid_fraction + test_fraction > MAX_HELD_OUT {
            // The larger one is to be lowered.
            let field = if test_fraction > valid_fraction { "test_fraction" } else { "valid_fraction" };
            let together = format!("validation ({valid_fraction}) and test ({test_fraction}) together");
            add(field, format!("{together} leave less than a tenth for training"));
        }
        if self.from_scratch && self.method != Method::Full {
            add("from_scratch", "needs the method full: fresh weights that are not trained stay random".into());
        }
        if self.from_scratch && !self.freeze.is_none() {
            add("freeze", "can't be used in a run from scratch: fresh weights that are not trained stay random".into());
        }
        problems
    }

    /// Every setting that a run would have no use for, or could not follow: one that is not at its default although
    /// nothing reads it would promise what does not happen.
    #[must_use]
    pub fn check_for(
        &self,
        task: &TaskSettings<'_>,
        num_hidden_layers: usize,
        has_valid_rows: bool,
    ) -> Vec<ConfigProblem> {
        let mut problems = Vec::new();
        let mut add = |field: &str, message: String| problems.push(ConfigProblem { field: field.into(), message });
        if let Method::LastLayers(layers) = self.method
            && layers as usize > num_hidden_layers
        {
            add("method", format!("last:{layers} is more than the {num_hidden_layers} layers of this model"));
        }
        if let Freeze::Layers(layers) = self.freeze
            && layers as usize >= num_hidden_layers
        {
            let message = format!(
                "{layers} leaves none of the {num_hidden_layers} layers of this model to train: choose fewer, or the method head"
            );
            add("freeze", message);
        }
        for setting in SETTINGS.iter().filter(|setting| (setting.get)(self) != setting.default_text()) {
            if setting.method == "lora" && self.method != Method::Lora {
                add(setting.name, "has no effect: only the method lora trains adapters".into());
            } else if setting.method == "full" && self.method != Method::Full {
                add(setting.name, "has no effect: it is for the method full, which trains the rest".into());
            } else if setting.of == Of::SomeTasks && !task.settings.contains(&setting.name) {
                let why = TextAugmentation::why_of_whole_texts(setting.name);
                add(setting.name, format!("has no effect: this model {}{why}", task.does));
            } else if setting.needs_valid && !has_valid_rows && self.is_wanted(setting) {
                add(setting.name, "has no effect: there are no validation rows".into());
            }
        }
        let has_patterns = !self.lora.rank_pattern.is_empty() || !self.lora.alpha_pattern.is_empty();
        if has_patterns && self.method != Method::Lora {
            add("lora", "has no effect: only the method lora trains adapters".into());
        }
        if has_valid_rows && !task.figures.contains(&self.metric_for_best_model.as_str()) {
            let message = format!("{:?} is not one of {}", self.metric_for_best_model, task.figures.join(", "));
            add("metric_for_best_model", message);
        }
        for problem in self.check_techniques(num_hidden_layers).into_iter().chain(self.check_augmentation()) {
            if problems.iter().all(|known| known.field != problem.field) {
                problems.push(problem);
            }
        }
        problems
    }

    /// Whether a setting that is not at its default asks for something: no early stopping and no samples do not.
    fn is_wanted(&self, setting: &Setting) -> bool {
        match setting.name {
            "early_stopping_patience" => self.early_stopping_patience.is_some(),
            "eval_samples" => self.eval_samples > 0,
            _ => true,
        }
    }
}

impl ReadOptions {
    /// Every choice of columns that reading rows for a task has no use for.
    #[must_use]
    pub fn check_for(&self, task: &TaskSettings<'_>) -> Vec<ConfigProblem> {
        let set = [
            ("text_column", self.text_column.is_some()),
            ("text_pair_column", self.text_pair_column.is_some()),
            ("negative_column", self.negative_column.is_some()),
            ("label_column", self.label_column.is_some()),
            ("label_columns", !self.label_columns.is_empty()),
            ("tokens_column", self.tokens_column.is_some()),
            ("sentence_column", self.sentence_column.is_some()),
            // As they stand is how texts are taken that have no prompt, too.
            ("prompt_format", self.prompt_format.as_ref().is_some_and(|format| *format != PromptFormat::Plain)),
            ("shape", self.shape.is_some()),
            ("prompt_column", self.prompt_column.is_some()),
            ("input_column", self.input_column.is_some()),
            ("completion_column", self.completion_column.is_some()),
            ("messages_column", self.messages_column.is_some()),
            ("question_column", self.question_column.is_some()),
            ("context_column", self.context_column.is_some()),
            ("answer_column", self.answer_column.is_some()),
            ("target_column", self.target_column.is_some()),
            ("source_prefix", self.source_prefix.is_some()),
            ("image_column", self.image_column.is_some()),
            ("label_separator", self.label_separator.is_some()),
            ("merge_labels", !self.merge_labels.is_empty()),
            ("clean_texts", !self.clean_texts.is_empty()),
            ("group_column", self.sharing.group_column.is_some()),
            ("time_column", self.sharing.time_column.is_some()),
            ("dedupe", self.sharing.dedupe),
            ("fold", self.sharing.fold.is_some()),
            ("edits", !self.edits.is_empty()),
            ("copies", !self.copies.is_empty()),
        ];
        let unused = set.into_iter().filter(|(field, is_set)| *is_set && !task.columns.contains(field));
        let problem = |(field, _): (&str, bool)| ConfigProblem {
            field: field.to_owned(),
            message: format!("has no effect: this model {}", task.does),
        };
        unused.map(problem).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::super::{ClassWeights, EvalStrategy, Job, LoraConfig, ModelSource, Pooling, Techniques};
    use super::*;

    const LABELS: TaskSettings<'static> = TaskSettings {
        does: "labels texts",
        settings: &["max_seq_length", "pad_to_multiple_of", "pooling", "label_smoothing_factor", "class_weights"],
        columns: &["text_column", "label_column", "merge_labels"],
        figures: &["loss", "accuracy", "macro_f1"],
    };
    const WRITES: TaskSettings<'static> = TaskSettings {
        does: "writes texts",
        settings: &["max_seq_length", "pad_to_multiple_of", "packing", "gradient_checkpointing"],
        columns: &["text_column", "prompt_column", "prompt_format"],
        figures: &["loss", "perplexity"],
    };

    fn fields(problems: &[ConfigProblem]) -> Vec<&str> {
        problems.iter().map(|problem| problem.field.as_str()).collect()
    }

    #[test]
    fn choices_of_columns_belong_to_a_task() {
        let of_texts = ReadOptions {
            prompt_format: Some(PromptFormat::Newline),
            prompt_column: Some("q".into()),
            ..ReadOptions::default()
        };
        assert_eq!(fields(&of_texts.check_for(&LABELS)), ["prompt_format", "prompt_column"]);
        let plain = ReadOptions { prompt_format: Some(PromptFormat::Plain), ..ReadOptions::default() };
        assert!(plain.check_for(&LABELS).is_empty(), "job files of labels may say so");
        assert!(of_texts.check_for(&WRITES).is_empty());
        let of_labels = ReadOptions { label_column: Some("l".into()), ..ReadOptions::default() };
        assert_eq!(fields(&of_labels.check_for(&WRITES)), ["label_column"]);
        let (target_column, source_prefix) = (Some("t".into()), Some("p: ".into()));
        let of_targets = ReadOptions { target_column, source_prefix, ..ReadOptions::default() };
        assert_eq!(fields(&of_targets.check_for(&LABELS)), ["target_column", "source_prefix"]);
        let of_images = ReadOptions { image_column: Some("file".into()), ..ReadOptions::default() };
        assert_eq!(fields(&of_images.check_for(&LABELS)), ["image_column"]);
        assert!(of_labels.check_for(&LABELS).is_empty());
    }

    #[test]
    fn the_defaults_can_be_used_for_every_task() {
        let run = RunConfig::default();
        assert!(run.check().is_empty());
        for task in [LABELS, WRITES] {
            for has_valid_rows in [true, false] {
                assert!(run.check_for(&task, 2, has_valid_rows).is_empty());
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
            (
                RunConfig { split: SplitConfig { valid_fraction: 0.1, test_fraction: 0.9 }, ..RunConfig::default() },
                "test_fraction",
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
    fn fresh_weights_are_all_trained() {
        for method in [Method::Lora, Method::Head, Method::LastLayers(1)] {
            let run = RunConfig { method, from_scratch: true, ..RunConfig::default() };
            assert_eq!(fields(&run.check()), ["from_scratch"], "{method:?}");
        }
        let run = RunConfig { from_scratch: true, freeze: Freeze::Embeddings, ..RunConfig::default() };
        assert_eq!(fields(&run.check()), ["freeze"]);
        let run = RunConfig { from_scratch: true, ..RunConfig::default() };
        assert!(run.check().is_empty());
        assert_eq!(fields(&run.check_for(&LABELS, 2, true)), ["from_scratch"], "labels are learned on what is known");
    }

    #[test]
    fn more_layers_than_the_model_has_are_refused() {
        let run = RunConfig { method: Method::LastLayers(3), ..RunConfig::default() };
        assert!(run.check_for(&WRITES, 3, true).is_empty());
        let problems = run.check_for(&WRITES, 2, true);
        assert_eq!(problems[0].to_string(), "method: last:3 is more than the 2 layers of this model");
    }

    #[test]
    fn freezing_belongs_to_its_method_and_leaves_something_to_train() {
        let run = |method, freeze| RunConfig { method, freeze, ..RunConfig::default() };
        for freeze in [Freeze::Embeddings, Freeze::Layers(2)] {
            assert!(run(Method::Full, freeze).check_for(&LABELS, 3, true).is_empty());
            for method in [Method::Head, Method::Lora, Method::LastLayers(1)] {
                assert_eq!(fields(&run(method, freeze).check_for(&LABELS, 3, true)), ["freeze"], "{method:?}");
            }
        }
        let all = run(Method::Full, Freeze::Layers(3)).check_for(&LABELS, 3, true);
        assert_eq!(fields(&all), ["freeze"]);
        assert!(all[0].message.contains("none of the 3 layers"), "{}", all[0]);
        assert_eq!(fields(&run(Method::Full, Freeze::Layers(0)).check()), ["freeze"], "that is embeddings");
    }

    #[test]
    fn settings_without_effect_are_named() {
        let of_texts = RunConfig { packing: true, gradient_checkpointing: true, ..RunConfig::default() };
        assert_eq!(fields(&of_texts.check_for(&LABELS, 2, true)), ["packing", "gradient_checkpointing"]);
        assert!(of_texts.check_for(&WRITES, 2, true).is_empty());
        let of_labels = RunConfig {
            pooling: Pooling::Mean,
            label_smoothing_factor: 0.1,
            class_weights: ClassWeights::Balanced,
            metric_for_best_model: "accuracy".into(),
            ..RunConfig::default()
        };
        let named = ["class_weights", "label_smoothing_factor", "pooling", "metric_for_best_model"];
        assert_eq!(fields(&of_labels.check_for(&WRITES, 2, true)), named);
        assert!(of_labels.check_for(&LABELS, 2, true).is_empty());
        let without_valid = RunConfig {
            early_stopping_patience: Some(2),
            metric_for_best_model: "macro_f1".into(),
            eval_strategy: EvalStrategy::Steps(5),
            ..RunConfig::default()
        };
        let named = ["early_stopping_patience", "eval_strategy", "metric_for_best_model"];
        assert_eq!(fields(&without_valid.check_for(&LABELS, 2, false)), named);
        assert!(without_valid.check_for(&LABELS, 2, true).is_empty());
    }

    #[test]
    fn early_stopping_is_on_and_may_be_off_where_nothing_is_measured() {
        assert_eq!(RunConfig::default().early_stopping_patience, Some(3));
        let off = RunConfig { early_stopping_patience: None, ..RunConfig::default() };
        for has_valid_rows in [true, false] {
            assert!(off.check_for(&LABELS, 2, has_valid_rows).is_empty());
        }
    }

    #[test]
    fn samples_of_validation_prompts_need_validation_rows() {
        let task = TaskSettings { settings: &["eval_samples"], ..WRITES };
        let run = |eval_samples| RunConfig { eval_samples, ..RunConfig::default() };
        assert_eq!(fields(&run(5).check_for(&task, 2, false)), ["eval_samples"]);
        assert!(run(5).check_for(&task, 2, true).is_empty());
        assert!(run(0).check_for(&task, 2, false).is_empty(), "that asks for none");
    }

    #[test]
    fn techniques_belong_to_tasks_and_methods() {
        let techniques = Techniques { focal_gamma: 2.0, fgm_epsilon: 0.5, l2_sp: 0.1, ..Techniques::default() };
        let run = RunConfig { method: Method::Lora, techniques, ..RunConfig::default() };
        assert_eq!(fields(&run.check_for(&WRITES, 2, true)), ["focal_gamma", "fgm_epsilon", "l2_sp"], "each once");
        let wrong = Techniques { layerwise_lr_decay: 1.5, focal_gamma: -1.0, ..Techniques::default() };
        let run = RunConfig { techniques: wrong, ..RunConfig::default() };
        assert_eq!(fields(&run.check()), ["layerwise_lr_decay", "focal_gamma"]);
    }

    #[test]
    fn changes_of_images_are_no_settings_of_texts_and_have_their_ranges() {
        let run = RunConfig { horizontal_flip: true, rotation: 15.0, mixup_alpha: 0.2, ..RunConfig::default() };
        assert_eq!(fields(&run.check_for(&LABELS, 2, true)), ["horizontal_flip", "rotation", "mixup_alpha"]);
        let settings = &["horizontal_flip", "random_resized_crop", "color_jitter", "rotation", "mixup_alpha"];
        let images = TaskSettings { does: "labels images", settings, ..LABELS };
        assert!(run.check().is_empty() && run.check_for(&images, 2, true).is_empty());
        let wrong =
            RunConfig { random_resized_crop: 0.0, color_jitter: 1.5, mixup_alpha: -1.0, ..RunConfig::default() };
        assert_eq!(fields(&wrong.check()), ["random_resized_crop", "color_jitter", "mixup_alpha"]);
    }

    #[test]
    fn adapters_belong_to_their_method() {
        let lora = LoraConfig { r: 4, use_dora: true, ..LoraConfig::default() };
        let run = RunConfig { method: Method::Lora, lora, ..RunConfig::default() };
        assert!(run.check_for(&WRITES, 2, true).is_empty());
        let run = RunConfig { method: Method::Head, ..run };
        assert_eq!(fields(&run.check_for(&LABELS, 2, true)), ["lora_r", "use_dora"]);
    }
}
