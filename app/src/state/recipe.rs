//! The recipe: which settings the page shows for a task, in which words, and the plan that follows from them. Plain
//! data over [`RunDraft`], which holds what the person typed; `presets` fills it.

use hone_core::config::{
    ClassWeights, ConfigProblem, EvalStrategy, LrSchedulerType, Method, MetricForBest, Pooling, RunConfig, RunDraft,
    Task,
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
    /// The task that has it; `None` for all.
    task: Option<Task>,
    /// The method that has it; empty for all.
    method: &'static str,
}

/// A setting that is typed.
pub(super) const fn number(
    name: &'static str,
    label: &'static str,
    unit: &'static str,
    hint: &'static str,
) -> FieldSpec {
    FieldSpec { name, label, unit, hint, choices: &[], is_advanced: false, task: None, method: "" }
}

const fn choice(
    name: &'static str,
    label: &'static str,
    hint: &'static str,
    choices: &'static [(&'static str, &'static str)],
) -> FieldSpec {
    FieldSpec { choices, ..number(name, label, "", hint) }
}

const fn advanced(spec: FieldSpec) -> FieldSpec {
    FieldSpec { is_advanced: true, ..spec }
}

const fn of_classes(spec: FieldSpec) -> FieldSpec {
    FieldSpec { task: Some(Task::SequenceClassification), ..spec }
}

const fn of_texts(spec: FieldSpec) -> FieldSpec {
    FieldSpec { task: Some(Task::CausalLm), ..spec }
}

const fn of_method(method: &'static str, spec: FieldSpec) -> FieldSpec {
    FieldSpec { method, ..spec }
}

const SWITCH: &[(&str, &str)] = &[("false", "No"), ("true", "Yes")];

/// All settings, in the order of the page.
const FIELDS: &[FieldSpec] = &[
    of_classes(choice(
        "method",
        "What is trained",
        "All weights give the best result; adapters and the head alone are quicker and need less memory.",
        &[
            ("full", "All weights"),
            ("head", "Head only, the rest frozen"),
            ("lora", "Adapters (LoRA) and the head, the rest frozen"),
        ],
    )),
    of_texts(choice(
        "method",
        "What is trained",
        "Adapters need the least memory and make the smallest download; all weights need the most.",
        &[
            ("lora", "Adapters (LoRA), the rest frozen"),
            ("last", "The last layers, the rest frozen"),
            ("full", "All weights"),
        ],
    )),
    of_method("last", number("last_layers", "Layers trained", "from the end", "More learn more and need more memory.")),
    of_method(
        "lora",
        number("lora_r", "LoRA rank", "", "Width of an adapter: higher learns more and needs more memory."),
    ),
    of_method(
        "lora",
        number("lora_alpha", "LoRA alpha", "", "An adapter counts alpha divided by rank; twice the rank is usual."),
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
    of_classes(choice(
        "class_weights",
        "Class weights",
        "Balanced makes rare classes count as much as frequent ones.",
        &[("none", "Every row counts the same"), ("balanced", "Balanced")],
    )),
    number(
        "early_stopping_patience",
        "Early stopping",
        "evaluations, or off",
        "Stops after so many without improvement.",
    ),
    advanced(of_method(
        "lora",
        number("target_modules", "LoRA target modules", "names, or all-linear", "The layers that get an adapter."),
    )),
    advanced(of_method(
        "lora",
        number("lora_dropout", "LoRA dropout", "share", "Helps against learning a small file by heart."),
    )),
    advanced(of_method(
        "lora",
        choice("use_rslora", "Rank-stabilised LoRA", "Divides by the root of the rank; for high ranks.", SWITCH),
    )),
    advanced(of_texts(choice(
        "packing",
        "Packing",
        "Several short texts share a row, apart from each other: fewer, fuller steps.",
        SWITCH,
    ))),
    advanced(of_texts(choice(
        "gradient_checkpointing",
        "Gradient checkpointing",
        "Computes layers twice instead of keeping them: less memory, slower.",
        SWITCH,
    ))),
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
    advanced(of_classes(number(
        "label_smoothing_factor",
        "Label smoothing",
        "share",
        "Helps when some labels are wrong.",
    ))),
    advanced(number("dropout", "Dropout", "share, or model", "model takes what the model's config.json says.")),
    advanced(of_classes(choice(
        "pooling",
        "Pooling",
        "How token states become one vector. Mean suits sentence-transformers models.",
        &[("cls", "First token, as transformers does"), ("mean", "Mean over the tokens")],
    ))),
    advanced(number("eval_strategy", "Evaluate every", "steps, or epoch", "When the validation rows are measured.")),
    advanced(of_classes(choice(
        "metric_for_best_model",
        "Best means",
        "Which validation figure decides which weights are the best.",
        &[("loss", "Lowest loss"), ("accuracy", "Highest accuracy"), ("macro_f1", "Highest macro F1")],
    ))),
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

/// The settings of a task, in the order of the page.
pub(crate) fn fields(task: Task) -> impl Iterator<Item = &'static FieldSpec> {
    FIELDS.iter().filter(move |spec| spec.task.is_none_or(|of| of == task))
}

/// Whether a field belongs to the method that was chosen.
pub(crate) fn is_shown(spec: &FieldSpec, draft: &RunDraft, base: &RunConfig) -> bool {
    spec.method.is_empty()
        || typed(draft, "method").map_or(spec.method == base_text(base, "method"), |m| m == spec.method)
}

/// What counts of a draft: fields that are not shown keep what was typed for another day.
pub(crate) fn in_force(draft: &RunDraft, task: Task, base: &RunConfig) -> RunDraft {
    let mut shown = RunDraft::default();
    for spec in fields(task).filter(|spec| is_shown(spec, draft, base)) {
        if let Some(text) = typed(draft, spec.name) {
            set_typed(&mut shown, spec.name, Some(text.into()));
        }
    }
    shown
}

/// The field of the page that a problem belongs to.
pub(crate) fn field_of<'a>(problem: &'a ConfigProblem, draft: &RunDraft) -> &'a str {
    let is_count = problem.field == "method" && typed(draft, "last_layers").is_some();
    if is_count { "last_layers" } else { &problem.field }
}

/// How the draft has a number of layers, after which nothing is typed yet.
const LAST: &str = "last:";
const NO_COUNT: &str = "none";

/// What was typed into a field; `None` where nothing was, or where there is no such field.
///
/// The draft's `method` is two fields of the page: its name, and for `last:2` the number of layers.
pub(crate) fn typed<'a>(draft: &'a RunDraft, name: &str) -> Option<&'a str> {
    let count = draft.method.as_deref().and_then(|method| method.strip_prefix(LAST));
    match name {
        "method" if count.is_some() => Some("last"),
        "last_layers" => count.map(|count| if count == NO_COUNT { "" } else { count }),
        name => typed_into(draft, name),
    }
}

/// Types into a field, or clears it; an unknown field is left alone.
pub(crate) fn set_typed(draft: &mut RunDraft, name: &str, value: Option<String>) {
    match (name, value.as_deref()) {
        ("method", Some("last")) => draft.method = Some(format!("{LAST}1")),
        ("last_layers", Some("")) => draft.method = Some(format!("{LAST}{NO_COUNT}")),
        ("last_layers", count) => draft.method = Some(format!("{LAST}{}", count.unwrap_or("1"))),
        _ => type_into(draft, name, value),
    }
}

macro_rules! draft_fields {
    ($($field:ident),+ $(,)?) => {
        fn typed_into<'a>(draft: &'a RunDraft, name: &str) -> Option<&'a str> {
            match name {
                $(stringify!($field) => draft.$field.as_deref(),)+
                _ => None,
            }
        }

        fn type_into(draft: &mut RunDraft, name: &str, value: Option<String>) {
            match name {
                $(stringify!($field) => draft.$field = value,)+
                _ => {}
            }
        }
    };
}

draft_fields!(
    method,
    lora_r,
    lora_alpha,
    lora_dropout,
    target_modules,
    use_rslora,
    packing,
    gradient_checkpointing,
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

/// The default of `target_modules`: the model knows which those are.
pub(crate) const DEFAULT_TARGETS: &str = "default";

/// The settings that hold for a task where nothing is typed.
pub(crate) fn base(task: Task) -> RunConfig {
    match task {
        Task::SequenceClassification => RunConfig::default(),
        Task::CausalLm => RunConfig {
            method: Method::Lora,
            num_train_epochs: 3,
            learning_rate: 2e-4,
            batch_size: 4,
            max_seq_length: 256,
            ..RunConfig::default()
        },
    }
}

/// The value that a field has when nothing is typed, in the form in which it would be typed.
pub(crate) fn base_text(base: &RunConfig, name: &str) -> String {
    match name {
        "method" => match base.method {
            Method::Full => "full".into(),
            Method::Head => "head".into(),
            Method::Lora => "lora".into(),
            Method::LastLayers(_) => "last".into(),
        },
        "last_layers" => match base.method {
            Method::LastLayers(layers) => layers.to_string(),
            _ => "1".into(),
        },
        "lora_r" => base.lora.r.to_string(),
        "lora_alpha" => base.lora.lora_alpha.to_string(),
        "lora_dropout" => base.lora.lora_dropout.to_string(),
        "target_modules" if base.lora.target_modules.is_empty() => DEFAULT_TARGETS.into(),
        "target_modules" => base.lora.target_modules.join(", "),
        "use_rslora" => base.lora.use_rslora.to_string(),
        "packing" => base.packing.to_string(),
        "gradient_checkpointing" => base.gradient_checkpointing.to_string(),
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

/// What a run of these settings will do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Plan {
    pub steps_per_epoch: u64,
    pub total_steps: u64,
    /// There may be fewer steps: rows are packed, which only the worker does.
    pub is_upper_bound: bool,
    /// Parameters that are trained, the new head included; `None` where only the model can count them.
    pub num_trainable: Option<u64>,
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
        Method::Full => Some(num_parameters as u64),
        Method::Head => Some(dense + (hidden + 1) * num_classes as u64),
        Method::Lora | Method::LastLayers(_) => None,
    };
    let total_steps = steps_per_epoch * u64::from(run.num_train_epochs);
    Plan { steps_per_epoch, total_steps, is_upper_bound: run.packing, num_trainable }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TASKS: [Task; 2] = [Task::SequenceClassification, Task::CausalLm];

    #[test]
    fn every_field_can_be_typed_and_shows_a_usable_base() {
        for task in TASKS {
            let base = base(task);
            let mut draft = RunDraft::default();
            for field in fields(task) {
                let text = base_text(&base, field.name);
                assert!(!text.is_empty(), "{} has a base", field.name);
                if !field.choices.is_empty() {
                    assert!(field.choices.iter().any(|(value, _)| *value == text), "{} offers its base", field.name);
                }
                if field.name != "last_layers" {
                    set_typed(&mut draft, field.name, Some(text.clone()));
                    assert_eq!(typed(&draft, field.name), Some(text.as_str()));
                }
            }
            assert_eq!(draft.resolve(&base).expect("the base, typed out"), base);
        }
    }

    #[test]
    fn layers_are_typed_beside_the_method() {
        let task = Task::CausalLm;
        let base = base(task);
        let mut draft = RunDraft { lora_r: Some("none".into()), ..RunDraft::default() };
        assert!(in_force(&draft, task, &base).resolve(&base).is_err(), "adapters have a rank");
        set_typed(&mut draft, "method", Some("last".into()));
        assert_eq!((typed(&draft, "method"), typed(&draft, "last_layers")), (Some("last"), Some("1")));
        set_typed(&mut draft, "last_layers", Some("2".into()));
        let run = in_force(&draft, task, &base).resolve(&base).expect("what is not shown does not count");
        assert_eq!(run.method, Method::LastLayers(2));
        set_typed(&mut draft, "last_layers", Some(String::new()));
        assert_eq!(typed(&draft, "last_layers"), Some(""));
        let problems = in_force(&draft, task, &base).resolve(&base).expect_err("no number");
        assert_eq!(field_of(&problems[0], &draft), "last_layers");
        set_typed(&mut draft, "last_layers", None);
        assert_eq!(typed(&draft, "last_layers"), Some("1"));
        set_typed(&mut draft, "method", Some("full".into()));
        assert_eq!(typed(&draft, "last_layers"), None);
    }

    #[test]
    fn what_the_other_task_has_does_not_count() {
        let draft =
            RunDraft { class_weights: Some("many".into()), packing: Some("true".into()), ..RunDraft::default() };
        let run = in_force(&draft, Task::CausalLm, &base(Task::CausalLm)).resolve(&base(Task::CausalLm));
        assert!(run.expect("class weights are not its").packing);
        let problems =
            in_force(&draft, Task::SequenceClassification, &RunConfig::default()).resolve(&RunConfig::default());
        assert_eq!(problems.expect_err("no such weights").len(), 1);
    }

    #[test]
    fn the_plan_counts_the_last_short_batch() {
        let run = RunConfig { batch_size: 16, gradient_accumulation_steps: 2, ..RunConfig::default() };
        let planned = plan(&run, 193, 4, 1000, 8);
        assert_eq!((planned.steps_per_epoch, planned.total_steps, planned.num_trainable), (7, 21, Some(1000)));
    }

    #[test]
    fn a_frozen_backbone_trains_pooler_and_classifier() {
        let run = RunConfig { method: Method::Head, ..RunConfig::default() };
        assert_eq!(plan(&run, 1, 4, 1000, 8).num_trainable, Some(8 * 8 + 8 + 8 * 4 + 4));
    }
}
