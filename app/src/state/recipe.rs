//! The recipe: which settings the page shows, in which words; presets; and the plan that follows from them. Plain data
//! over [`RunDraft`], which holds what the person typed.

use hone_core::config::{
    ClassWeights, EvalStrategy, LrSchedulerType, Method, MetricForBest, Pooling, RunConfig, RunDraft,
};

/// A setting as the page shows it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct FieldSpec {
    /// Field of [`RunDraft`].
    pub name: &'static str,
    /// In plain words.
    pub label: &'static str,
    /// What it is counted in; empty for choices.
    pub unit: &'static str,
    /// What it does, and when to change it.
    pub hint: &'static str,
    /// (value, words) to choose from; empty where a number is typed.
    pub choices: &'static [(&'static str, &'static str)],
    /// Shown only when asked for.
    pub is_advanced: bool,
}

const fn number(name: &'static str, label: &'static str, unit: &'static str, hint: &'static str) -> FieldSpec {
    FieldSpec { name, label, unit, hint, choices: &[], is_advanced: false }
}

const fn choice(
    name: &'static str,
    label: &'static str,
    hint: &'static str,
    choices: &'static [(&'static str, &'static str)],
) -> FieldSpec {
    FieldSpec { name, label, unit: "", hint, choices, is_advanced: false }
}

const fn advanced(spec: FieldSpec) -> FieldSpec {
    FieldSpec { is_advanced: true, ..spec }
}

/// All settings, in the order of the page.
pub(crate) const FIELDS: &[FieldSpec] = &[
    choice(
        "method",
        "What is trained",
        "All weights give the best result; the head alone is quicker and needs less memory.",
        &[("full", "All weights"), ("head", "Head only, the rest frozen")],
    ),
    number(
        "num_train_epochs",
        "Epochs",
        "passes over the rows",
        "More help small files; too many learn rows by heart.",
    ),
    number("batch_size", "Batch size", "rows", "Rows looked at together. Halve it when memory runs out."),
    number("learning_rate", "Learning rate", "per step", "Too high and the loss jumps; too low and nothing happens."),
    number("max_seq_length", "Longest input", "tokens", "Longer rows are cut off here; shorter is quicker."),
    choice(
        "class_weights",
        "Class weights",
        "Balanced makes rare classes count as much as frequent ones.",
        &[("none", "Every row counts the same"), ("balanced", "Balanced")],
    ),
    number(
        "early_stopping_patience",
        "Early stopping",
        "evaluations, or off",
        "Stops after so many without improvement.",
    ),
    advanced(number(
        "gradient_accumulation_steps",
        "Gradient accumulation",
        "batches a step",
        "Larger steps without more memory.",
    )),
    advanced(number(
        "weight_decay",
        "Weight decay",
        "share",
        "Pulls weights towards zero; not applied to biases and LayerNorm.",
    )),
    advanced(number(
        "warmup_ratio",
        "Warm-up",
        "share of the steps",
        "The learning rate rises from zero over these steps.",
    )),
    advanced(choice(
        "lr_scheduler_type",
        "Learning rate schedule",
        "How the rate moves after the warm-up.",
        &[("linear", "Linear to zero"), ("cosine", "Cosine to zero"), ("constant", "Constant")],
    )),
    advanced(number(
        "max_grad_norm",
        "Gradient clipping",
        "global norm, 0 is off",
        "Larger gradients are scaled down to this.",
    )),
    advanced(number("label_smoothing_factor", "Label smoothing", "share", "Helps when some labels are wrong.")),
    advanced(number("dropout", "Dropout", "share, or model", "model takes what the model's config.json says.")),
    advanced(choice(
        "pooling",
        "Pooling",
        "How token states become one vector. Mean suits sentence-transformers models.",
        &[("cls", "First token, as transformers does"), ("mean", "Mean over the tokens")],
    )),
    advanced(number("eval_strategy", "Evaluate every", "steps, or epoch", "When the validation rows are measured.")),
    advanced(choice(
        "metric_for_best_model",
        "Best means",
        "Which validation figure decides which weights are the best.",
        &[("loss", "Lowest loss"), ("accuracy", "Highest accuracy"), ("macro_f1", "Highest macro F1")],
    )),
    advanced(number("logging_steps", "Read the loss every", "steps", "Each reading waits for the GPU.")),
    advanced(number(
        "valid_fraction",
        "Validation share",
        "share of the rows",
        "Not used when you give a validation file.",
    )),
    advanced(number("test_fraction", "Test share", "share of the rows", "Not used when you give a test file.")),
    advanced(number("seed", "Seed", "whole number", "The same seed gives the same run.")),
];

macro_rules! draft_fields {
    ($($field:ident),+ $(,)?) => {
        /// What was typed into a field; `None` where nothing was, or where there is no such field.
        pub(crate) fn typed<'a>(draft: &'a RunDraft, name: &str) -> Option<&'a str> {
            match name {
                $(stringify!($field) => draft.$field.as_deref(),)+
                _ => None,
            }
        }

        /// Types into a field, or clears it; an unknown field is left alone.
        pub(crate) fn set_typed(draft: &mut RunDraft, name: &str, value: Option<String>) {
            match name {
                $(stringify!($field) => draft.$field = value,)+
                _ => {}
            }
        }
    };
}

draft_fields!(
    method,
    pooling,
    num_train_epochs,
    batch_size,
    gradient_accumulation_steps,
    learning_rate,
    weight_decay,
    warmup_ratio,
    lr_scheduler_type,
    max_grad_norm,
    label_smoothing_factor,
    class_weights,
    dropout,
    max_seq_length,
    eval_strategy,
    metric_for_best_model,
    early_stopping_patience,
    logging_steps,
    seed,
    valid_fraction,
    test_fraction,
);

/// The value that a field has when nothing is typed, in the form in which it would be typed.
pub(crate) fn base_text(base: &RunConfig, name: &str) -> String {
    match name {
        "method" => match base.method {
            Method::Full => "full".into(),
            Method::Head => "head".into(),
            Method::Lora => "lora".into(),
            Method::LastLayers(layers) => format!("last:{layers}"),
        },
        "pooling" => match base.pooling {
            Pooling::Cls => "cls".into(),
            Pooling::Mean => "mean".into(),
        },
        "num_train_epochs" => base.num_train_epochs.to_string(),
        "batch_size" => base.batch_size.to_string(),
        "gradient_accumulation_steps" => base.gradient_accumulation_steps.to_string(),
        "learning_rate" => rate(base.learning_rate),
        "weight_decay" => base.weight_decay.to_string(),
        "warmup_ratio" => base.warmup_ratio.to_string(),
        "lr_scheduler_type" => match base.lr_scheduler_type {
            LrSchedulerType::Linear => "linear".into(),
            LrSchedulerType::Cosine => "cosine".into(),
            LrSchedulerType::Constant => "constant".into(),
        },
        "max_grad_norm" => base.max_grad_norm.to_string(),
        "label_smoothing_factor" => base.label_smoothing_factor.to_string(),
        "class_weights" => match base.class_weights {
            ClassWeights::None => "none".into(),
            ClassWeights::Balanced => "balanced".into(),
        },
        "dropout" => base.dropout.map_or_else(|| "model".into(), |p| p.to_string()),
        "max_seq_length" => base.max_seq_length.to_string(),
        "eval_strategy" => match base.eval_strategy {
            EvalStrategy::Epoch => "epoch".into(),
            EvalStrategy::Steps(steps) => steps.to_string(),
        },
        "metric_for_best_model" => match base.metric_for_best_model {
            MetricForBest::Loss => "loss".into(),
            MetricForBest::Accuracy => "accuracy".into(),
            MetricForBest::MacroF1 => "macro_f1".into(),
        },
        "early_stopping_patience" => base.early_stopping_patience.map_or_else(|| "off".into(), |n| n.to_string()),
        "logging_steps" => base.logging_steps.to_string(),
        "seed" => base.seed.to_string(),
        "valid_fraction" => base.split.valid_fraction.to_string(),
        "test_fraction" => base.split.test_fraction.to_string(),
        _ => String::new(),
    }
}

/// A learning rate as people write it: `5e-5`.
fn rate(value: f64) -> String {
    if value == 0.0 || value >= 0.01 { value.to_string() } else { format!("{value:e}") }
}

/// A named set of settings.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Preset {
    pub id: &'static str,
    pub title: &'static str,
    /// When to take it.
    pub hint: &'static str,
    /// (field, value).
    values: &'static [(&'static str, &'static str)],
}

/// The presets; the page opens with [`BALANCED`].
pub(crate) const PRESETS: &[Preset] = &[
    Preset {
        id: "quick",
        title: "Quick look",
        hint: "One pass: does it learn at all?",
        values: &[("num_train_epochs", "1"), ("learning_rate", "1e-4")],
    },
    BALANCED,
    Preset {
        id: "careful",
        title: "Careful",
        hint: "More passes, a lower rate, stops when it gets no better.",
        values: &[("num_train_epochs", "5"), ("learning_rate", "3e-5"), ("early_stopping_patience", "2")],
    },
    FEW_ROWS,
    Preset {
        id: "head",
        title: "Head only",
        hint: "Quickest and lightest: the pretrained weights stay as they are.",
        values: &[("method", "head"), ("num_train_epochs", "5"), ("learning_rate", "3e-3")],
    },
];

/// What suits most files.
pub(crate) const BALANCED: Preset = Preset {
    id: "balanced",
    title: "Balanced",
    hint: "Three passes over all weights: right for most files.",
    values: &[("num_train_epochs", "3"), ("learning_rate", "1e-4")],
};

/// What suits files of a few hundred rows, the sample among them.
pub(crate) const FEW_ROWS: Preset = Preset {
    id: "few_rows",
    title: "Few rows",
    hint: "Small batches and more passes, for less than about 1,000 rows.",
    values: &[("num_train_epochs", "6"), ("learning_rate", "1e-4"), ("batch_size", "8"), ("logging_steps", "1")],
};

/// Fields that presets decide; choosing one clears the others of these.
const PRESET_FIELDS: &[&str] =
    &["method", "num_train_epochs", "learning_rate", "batch_size", "logging_steps", "early_stopping_patience"];

impl Preset {
    /// Lays the preset over what was typed; fields that no preset touches stay.
    pub(crate) fn apply_to(&self, draft: &mut RunDraft) {
        for name in PRESET_FIELDS {
            set_typed(draft, name, None);
        }
        for (name, value) in self.values {
            set_typed(draft, name, Some((*value).into()));
        }
    }

    /// Whether the draft says exactly this, as far as presets go.
    pub(crate) fn matches(&self, draft: &RunDraft) -> bool {
        PRESET_FIELDS.iter().all(|name| {
            let wanted = self.values.iter().find(|(field, _)| field == name).map(|(_, value)| *value);
            typed(draft, name) == wanted
        })
    }
}

/// What a run of these settings will do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Plan {
    pub steps_per_epoch: u64,
    pub total_steps: u64,
    /// Parameters that are trained, the new head included.
    pub num_trainable: u64,
}

/// Plans a run: `num_train` rows, `num_classes` labels, a model of `num_parameters` and width `hidden_size`.
pub(crate) fn plan(
    run: &RunConfig,
    num_train: usize,
    num_classes: usize,
    num_parameters: usize,
    hidden_size: usize,
) -> Plan {
    let rows_per_step = u64::from(run.batch_size) * u64::from(run.gradient_accumulation_steps);
    let steps_per_epoch = (num_train as u64).div_ceil(rows_per_step.max(1));
    let hidden = hidden_size as u64;
    let dense = match run.pooling {
        Pooling::Cls => hidden * hidden + hidden,
        Pooling::Mean => 0,
    };
    let num_trainable = match run.method {
        Method::Full => num_parameters as u64,
        Method::Head => dense + (hidden + 1) * num_classes as u64,
    };
    Plan { steps_per_epoch, total_steps: steps_per_epoch * u64::from(run.num_train_epochs), num_trainable }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_field_can_be_typed_and_shows_a_usable_base() {
        let base = RunConfig::default();
        let mut draft = RunDraft::default();
        for field in FIELDS {
            let text = base_text(&base, field.name);
            assert!(!text.is_empty(), "{} has a base", field.name);
            if !field.choices.is_empty() {
                assert!(field.choices.iter().any(|(value, _)| *value == text), "{} offers its base", field.name);
            }
            set_typed(&mut draft, field.name, Some(text.clone()));
            assert_eq!(typed(&draft, field.name), Some(text.as_str()));
        }
        assert_eq!(draft.resolve(&base).expect("the base, typed out"), base);
    }

    #[test]
    fn presets_resolve_and_are_recognised() {
        for preset in PRESETS {
            let mut draft = RunDraft { seed: Some("7".into()), ..RunDraft::default() };
            preset.apply_to(&mut draft);
            let run = draft.resolve(&RunConfig::default()).expect("a preset is valid");
            assert_eq!(run.seed, 7, "{} keeps what it does not decide", preset.id);
            let recognised: Vec<_> = PRESETS.iter().filter(|p| p.matches(&draft)).map(|p| p.id).collect();
            assert_eq!(recognised, [preset.id]);
        }
    }

    #[test]
    fn the_plan_counts_the_last_short_batch() {
        let run = RunConfig { batch_size: 16, gradient_accumulation_steps: 2, ..RunConfig::default() };
        let planned = plan(&run, 193, 4, 1000, 8);
        assert_eq!((planned.steps_per_epoch, planned.total_steps, planned.num_trainable), (7, 21, 1000));
    }

    #[test]
    fn a_frozen_backbone_trains_pooler_and_classifier() {
        let run = RunConfig { method: Method::Head, ..RunConfig::default() };
        assert_eq!(plan(&run, 1, 4, 1000, 8).num_trainable, 8 * 8 + 8 + 8 * 4 + 4);
    }
}
