//! What a person typed, as text; resolved once, at the edge, with every problem named at once.

use serde::{Deserialize, Serialize};

use super::{ClassWeights, Dtype, EvalStrategy, LrSchedulerType, Method, MetricForBest, Pooling, RunConfig};

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
                if check.whole("method", &Some(layers.to_owned()), 1, 10_000, &mut count) {
                    config.method = Method::LastLayers(count);
                }
            }
            None => {
                let methods = [("full", Method::Full), ("head", Method::Head), ("lora", Method::Lora)];
                check.choice("method", &self.method, &methods, &mut config.method);
            }
        }
        check.whole("lora_r", &self.lora_r, 1, 4096, &mut config.lora.r);
        check.real("lora_alpha", &self.lora_alpha, 1e-6..=1e6, &mut config.lora.lora_alpha);
        check.real("lora_dropout", &self.lora_dropout, 0.0..=BELOW_ONE, &mut config.lora.lora_dropout);
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
        check.whole("num_train_epochs", &self.num_train_epochs, 1, 10_000, &mut config.num_train_epochs);
        check.whole("batch_size", &self.batch_size, 1, 4096, &mut config.batch_size);
        let accumulation = &mut config.gradient_accumulation_steps;
        check.whole("gradient_accumulation_steps", &self.gradient_accumulation_steps, 1, 4096, accumulation);
        check.real("learning_rate", &self.learning_rate, 1e-12..=1.0, &mut config.learning_rate);
        check.real("weight_decay", &self.weight_decay, 0.0..=1.0, &mut config.weight_decay);
        check.real("warmup_ratio", &self.warmup_ratio, 0.0..=1.0, &mut config.warmup_ratio);
        let schedules = [
            ("linear", LrSchedulerType::Linear),
            ("cosine", LrSchedulerType::Cosine),
            ("constant", LrSchedulerType::Constant),
        ];
        check.choice("lr_scheduler_type", &self.lr_scheduler_type, &schedules, &mut config.lr_scheduler_type);
        check.real("max_grad_norm", &self.max_grad_norm, 0.0..=1e6, &mut config.max_grad_norm);
        let smoothing = &mut config.label_smoothing_factor;
        check.real("label_smoothing_factor", &self.label_smoothing_factor, 0.0..=BELOW_ONE, smoothing);
        let weights = [("none", ClassWeights::None), ("balanced", ClassWeights::Balanced)];
        check.choice("class_weights", &self.class_weights, &weights, &mut config.class_weights);
        match given(&self.dropout) {
            Some("model") => config.dropout = None,
            Some(_) => {
                let mut value = 0.0;
                if check.real("dropout", &self.dropout, 0.0..=BELOW_ONE, &mut value) {
                    config.dropout = Some(value);
                }
            }
            None => {}
        }
        check.whole("max_seq_length", &self.max_seq_length, 4, 65_536, &mut config.max_seq_length);
        match given(&self.eval_strategy) {
            Some("epoch") => config.eval_strategy = EvalStrategy::Epoch,
            Some(_) => {
                let mut steps = 1;
                if check.whole("eval_strategy", &self.eval_strategy, 1, u32::MAX, &mut steps) {
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
                if check.whole("early_stopping_patience", &self.early_stopping_patience, 1, 10_000, &mut patience) {
                    config.early_stopping_patience = Some(patience);
                }
            }
            None => {}
        }
        check.whole("logging_steps", &self.logging_steps, 1, 1_000_000, &mut config.logging_steps);
        check.whole("seed", &self.seed, 0, u64::MAX, &mut config.seed);
        check.real("valid_fraction", &self.valid_fraction, 0.0..=BELOW_ONE, &mut config.split.valid_fraction);
        check.real("test_fraction", &self.test_fraction, 0.0..=BELOW_ONE, &mut config.split.test_fraction);
        if config.split.valid_fraction + config.split.test_fraction > 0.9 {
            check.problem("valid_fraction", "validation and test together leave less than a tenth for training".into());
        }
        if check.problems.is_empty() { Ok(config) } else { Err(check.problems) }
    }
}

const BELOW_ONE: f64 = 0.999_999;

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

    fn whole<T>(&mut self, field: &str, typed: &Option<String>, low: T, high: T, into: &mut T) -> bool
    where
        T: std::str::FromStr + PartialOrd + std::fmt::Display + Copy,
    {
        let Some(text) = given(typed) else { return false };
        match text.parse::<T>() {
            Ok(value) if value >= low && value <= high => {
                *into = value;
                true
            }
            _ => {
                self.problem(field, format!("{text:?} is not a whole number from {low} to {high}"));
                false
            }
        }
    }

    fn real(
        &mut self,
        field: &str,
        typed: &Option<String>,
        range: std::ops::RangeInclusive<f64>,
        into: &mut f64,
    ) -> bool {
        let Some(text) = given(typed) else { return false };
        match text.parse::<f64>() {
            Ok(value) if range.contains(&value) => {
                *into = value;
                true
            }
            _ => {
                let (low, high) = (range.start(), range.end());
                self.problem(field, format!("{text:?} is not a number from {low} to {high}"));
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
    fn not_a_number_is_refused() {
        let draft = RunDraft { learning_rate: Some("NaN".into()), ..RunDraft::default() };
        assert!(draft.resolve(&RunConfig::default()).is_err());
    }
}
