//! What a person typed, as text; resolved once, at the edge, with every problem named at once.

use std::ops::RangeInclusive;

use serde::{Deserialize, Serialize};

use super::check::{self as ranges, not_real, not_whole};
use super::{
    ClassWeights, Dtype, EvalStrategy, LoraConfig, LrSchedulerType, Method, MetricForBest, Pooling, RunConfig,
};

/// Settings as typed. `None` or blank keeps the base value.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct RunDraft {
    /// `full`, `head`, `lora`, or `last:` and a number of layers.
    pub method: Option<String>,
    /// Whole number from 1.
    pub lora_r: Option<String>,
    /// Above 0.
    pub lora_alpha: Option<String>,
    /// From 0, below 1.
    pub lora_dropout: Option<String>,
    /// Names with commas between, `all-linear`, or `default`.
    pub target_modules: Option<String>,
    /// `true` or `false`.
    pub use_rslora: Option<String>,
    /// `true` or `false`.
    pub use_dora: Option<String>,
    /// `true` or `false`.
    pub packing: Option<String>,
    /// `true` or `false`.
    pub gradient_checkpointing: Option<String>,
    /// `f32`, `bf16` or `f16`.
    pub dtype: Option<String>,
    /// `cls` or `mean`.
    pub pooling: Option<String>,
    /// Whole number from 1.
    pub num_train_epochs: Option<String>,
    /// Whole number from 1.
    pub batch_size: Option<String>,
    /// Whole number from 1.
    pub gradient_accumulation_steps: Option<String>,
    /// Above 0, at most 1.
    pub learning_rate: Option<String>,
    /// From 0 to 1.
    pub weight_decay: Option<String>,
    /// From 0 to 1.
    pub warmup_ratio: Option<String>,
    /// `linear`, `cosine` or `constant`.
    pub lr_scheduler_type: Option<String>,
    /// 0 (off) or above.
    pub max_grad_norm: Option<String>,
    /// From 0, below 1.
    pub label_smoothing_factor: Option<String>,
    /// `none` or `balanced`.
    pub class_weights: Option<String>,
    /// From 0, below 1; `model` takes the model's own.
    pub dropout: Option<String>,
    /// Whole number from 4.
    pub max_seq_length: Option<String>,
    /// `epoch` or a number of steps.
    pub eval_strategy: Option<String>,
    /// `loss`, `accuracy` or `macro_f1`.
    pub metric_for_best_model: Option<String>,
    /// `off` or a whole number from 1.
    pub early_stopping_patience: Option<String>,
    /// Whole number from 1.
    pub logging_steps: Option<String>,
    /// Whole number.
    pub seed: Option<String>,
    /// From 0, below 1.
    pub valid_fraction: Option<String>,
    /// From 0, below 1.
    pub test_fraction: Option<String>,
}

/// One thing wrong with a draft.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[error("{field}: {message}")]
pub struct ConfigProblem {
    /// Name of the field in [`RunDraft`].
    pub field: String,
    /// What is wrong and what would be right.
    pub message: String,
}

impl RunDraft {
    /// The draft laid over `base`.
    ///
    /// # Errors
    /// Every field that can't be used, with what would be right.
    pub fn resolve(&self, base: &RunConfig) -> Result<RunConfig, Vec<ConfigProblem>> {
        let mut config = base.clone();
        let mut check = Check { problems: Vec::new() };

        match given(&self.method).and_then(|text| text.strip_prefix("last:")) {
            Some(layers) => {
                let mut count = 1;
                if check.whole("method", &Some(layers.to_owned()), ranges::LAST_LAYERS, &mut count) {
                    config.method = Method::LastLayers(count);
                }
            }
            None => {
                let methods = [("full", Method::Full), ("head", Method::Head), ("lora", Method::Lora)];
                check.choice("method", &self.method, &methods, &mut config.method);
            }
        }
        if given(&self.method).is_some() && config.method != Method::Lora {
            config.lora = LoraConfig::default(); // the base's adapters go with its method
        }
        check.whole("lora_r", &self.lora_r, ranges::LORA_R, &mut config.lora.r);
        check.real("lora_alpha", &self.lora_alpha, ranges::LORA_ALPHA, &mut config.lora.lora_alpha);
        check.real("lora_dropout", &self.lora_dropout, ranges::SHARE_BELOW_ONE, &mut config.lora.lora_dropout);
        match given(&self.target_modules) {
            Some("default") => config.lora.target_modules.clear(),
            Some(names) => {
                let names = names.split(',').map(str::trim).filter(|name| !name.is_empty());
                config.lora.target_modules = names.map(str::to_owned).collect();
            }
            None => {}
        }
        let switches = [("true", true), ("false", false)];
        check.choice("use_rslora", &self.use_rslora, &switches, &mut config.lora.use_rslora);
        check.choice("use_dora", &self.use_dora, &switches, &mut config.lora.use_dora);
        check.choice("packing", &self.packing, &switches, &mut config.packing);
        let checkpointing = &mut config.gradient_checkpointing;
        check.choice("gradient_checkpointing", &self.gradient_checkpointing, &switches, checkpointing);
        check.choice("dtype", &self.dtype, &Dtype::ALL.map(|dtype| (dtype.name(), dtype)), &mut config.dtype);
        check.choice("pooling", &self.pooling, &[("cls", Pooling::Cls), ("mean", Pooling::Mean)], &mut config.pooling);
        check.whole("num_train_epochs", &self.num_train_epochs, ranges::EPOCHS, &mut config.num_train_epochs);
        check.whole("batch_size", &self.batch_size, ranges::BATCH_SIZE, &mut config.batch_size);
        let accumulation = &mut config.gradient_accumulation_steps;
        let typed = &self.gradient_accumulation_steps;
        check.whole("gradient_accumulation_steps", typed, ranges::ACCUMULATION, accumulation);
        check.real("learning_rate", &self.learning_rate, ranges::LEARNING_RATE, &mut config.learning_rate);
        check.real("weight_decay", &self.weight_decay, ranges::SHARE, &mut config.weight_decay);
        check.real("warmup_ratio", &self.warmup_ratio, ranges::SHARE, &mut config.warmup_ratio);
        let schedules = LrSchedulerType::ALL.map(|schedule| (schedule.name(), schedule));
        check.choice("lr_scheduler_type", &self.lr_scheduler_type, &schedules, &mut config.lr_scheduler_type);
        check.real("max_grad_norm", &self.max_grad_norm, ranges::MAX_GRAD_NORM, &mut config.max_grad_norm);
        let smoothing = &mut config.label_smoothing_factor;
        check.real("label_smoothing_factor", &self.label_smoothing_factor, ranges::SHARE_BELOW_ONE, smoothing);
        let weights = [("none", ClassWeights::None), ("balanced", ClassWeights::Balanced)];
        check.choice("class_weights", &self.class_weights, &weights, &mut config.class_weights);
        match given(&self.dropout) {
            Some("model") => config.dropout = None,
            Some(_) => {
                let mut value = 0.0;
                if check.real("dropout", &self.dropout, ranges::SHARE_BELOW_ONE, &mut value) {
                    config.dropout = Some(value);
                }
            }
            None => {}
        }
        check.whole("max_seq_length", &self.max_seq_length, ranges::MAX_SEQ_LENGTH, &mut config.max_seq_length);
        match given(&self.eval_strategy) {
            Some("epoch") => config.eval_strategy = EvalStrategy::Epoch,
            Some(_) => {
                let mut steps = 1;
                if check.whole("eval_strategy", &self.eval_strategy, ranges::EVAL_STEPS, &mut steps) {
                    config.eval_strategy = EvalStrategy::Steps(steps);
                }
            }
            None => {}
        }
        let metrics = [
            ("loss", MetricForBest::Loss),
            ("accuracy", MetricForBest::Accuracy),
            ("macro_f1", MetricForBest::MacroF1),
        ];
        check.choice("metric_for_best_model", &self.metric_for_best_model, &metrics, &mut config.metric_for_best_model);
        match given(&self.early_stopping_patience) {
            Some("off") => config.early_stopping_patience = None,
            Some(_) => {
                let mut patience = 1;
                if check.whole(
                    "early_stopping_patience",
                    &self.early_stopping_patience,
                    ranges::PATIENCE,
                    &mut patience,
                ) {
                    config.early_stopping_patience = Some(patience);
                }
            }
            None => {}
        }
        check.whole("logging_steps", &self.logging_steps, ranges::LOGGING_STEPS, &mut config.logging_steps);
        check.whole("seed", &self.seed, 0..=u64::MAX, &mut config.seed);
        let split = &mut config.split;
        check.real("valid_fraction", &self.valid_fraction, ranges::SHARE_BELOW_ONE, &mut split.valid_fraction);
        check.real("test_fraction", &self.test_fraction, ranges::SHARE_BELOW_ONE, &mut split.test_fraction);
        // What only shows in the whole: shares that do not go together, or a base that was never checked.
        for problem in config.check() {
            if check.problems.iter().all(|known| known.field != problem.field) {
                check.problems.push(problem);
            }
        }
        if check.problems.is_empty() { Ok(config) } else { Err(check.problems) }
    }
}

fn given(field: &Option<String>) -> Option<&str> {
    field.as_deref().map(str::trim).filter(|text| !text.is_empty())
}

struct Check {
    problems: Vec<ConfigProblem>,
}

impl Check {
    fn problem(&mut self, field: &str, message: String) {
        self.problems.push(ConfigProblem { field: field.into(), message });
    }

    fn choice<T: Copy>(&mut self, field: &str, typed: &Option<String>, choices: &[(&str, T)], into: &mut T) {
        let Some(text) = given(typed) else { return };
        match choices.iter().find(|(name, _)| *name == text) {
            Some((_, value)) => *into = *value,
            None => {
                let names: Vec<_> = choices.iter().map(|(name, _)| *name).collect();
                self.problem(field, format!("{text:?} is not one of {}", names.join(", ")));
            }
        }
    }

    fn whole<T>(&mut self, field: &str, typed: &Option<String>, range: RangeInclusive<T>, into: &mut T) -> bool
    where
        T: std::str::FromStr + PartialOrd + std::fmt::Display,
    {
        let Some(text) = given(typed) else { return false };
        match text.parse::<T>() {
            Ok(value) if range.contains(&value) => {
                *into = value;
                true
            }
            _ => {
                self.problem(field, not_whole(&format!("{text:?}"), &range));
                false
            }
        }
    }

    fn real(&mut self, field: &str, typed: &Option<String>, range: RangeInclusive<f64>, into: &mut f64) -> bool {
        let Some(text) = given(typed) else { return false };
        match text.parse::<f64>() {
            Ok(value) if range.contains(&value) => {
                *into = value;
                true
            }
            _ => {
                self.problem(field, not_real(&format!("{text:?}"), &range));
                false
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_blank_draft_is_the_base() {
        let base = RunConfig { batch_size: 7, ..RunConfig::default() };
        let draft = RunDraft { learning_rate: Some("  ".into()), ..RunDraft::default() };
        assert_eq!(draft.resolve(&base).expect("nothing typed"), base);
    }

    #[test]
    fn every_problem_is_named_at_once() {
        let draft = RunDraft {
            method: Some("lora?".into()),
            learning_rate: Some("-1".into()),
            batch_size: Some("many".into()),
            dropout: Some("1".into()),
            ..RunDraft::default()
        };
        let problems = draft.resolve(&RunConfig::default()).expect_err("four things are wrong");
        let fields: Vec<_> = problems.iter().map(|p| p.field.as_str()).collect();
        assert_eq!(fields, ["method", "batch_size", "learning_rate", "dropout"]);
        assert!(problems[0].to_string().contains("full, head"));
    }

    #[test]
    fn another_method_drops_the_adapters_of_the_base() {
        let lora = LoraConfig { r: 4, use_dora: true, ..LoraConfig::default() };
        let base = RunConfig { method: Method::Lora, lora, ..RunConfig::default() };
        let draft = RunDraft { method: Some("full".into()), ..RunDraft::default() };
        assert_eq!(draft.resolve(&base).expect("all good"), RunConfig::default());
        let draft = RunDraft { method: Some("lora".into()), ..RunDraft::default() };
        assert_eq!(draft.resolve(&base).expect("all good"), base);
    }

    #[test]
    fn shares_are_checked_together() {
        let draft = RunDraft { valid_fraction: Some("0.95".into()), ..RunDraft::default() };
        let problems = draft.resolve(&RunConfig::default()).expect_err("too much is held out");
        assert_eq!(problems.len(), 1);
        assert_eq!(problems[0].field, "valid_fraction");
    }

    #[test]
    fn not_a_number_is_refused() {
        let draft = RunDraft { learning_rate: Some("NaN".into()), ..RunDraft::default() };
        assert!(draft.resolve(&RunConfig::default()).is_err());
    }
}
