//! The recipe: what was typed into which field (`fields` lists them), and the plan that follows. Plain data over
//! [`RunDraft`], which holds what the person typed; `presets` fills it.

use hone_core::config::{
    ClassWeights, ConfigProblem, EvalStrategy, Method, MetricForBest, Pooling, RunConfig, RunDraft, Task,
};

use super::fields::FIELDS;
pub(crate) use super::fields::FieldSpec;
use super::numbers::normalised;

/// The settings of a task, in the order of the page.
pub(crate) fn fields(task: Task) -> impl Iterator<Item = &'static FieldSpec> {
    FIELDS.iter().filter(move |spec| spec.task.is_none_or(|of| of == task))
}

/// Whether a field belongs to the method that was chosen.
pub(crate) fn is_shown(spec: &FieldSpec, draft: &RunDraft, base: &RunConfig) -> bool {
    spec.method.is_empty()
        || typed(draft, "method").map_or(spec.method == base_text(base, "method"), |m| m == spec.method)
}

/// What counts of a draft, with numbers as programs write them: fields that are not shown keep what was typed for
/// another day, and a number that could be either of two stays as it is, which the settings refuse.
pub(crate) fn in_force(draft: &RunDraft, task: Task, base: &RunConfig) -> RunDraft {
    let mut shown = RunDraft::default();
    for spec in fields(task).filter(|spec| is_shown(spec, draft, base)) {
        if let Some(text) = typed(draft, spec.name) {
            set_typed(&mut shown, spec.name, Some(normalised(spec.kind, text).unwrap_or_else(|_| text.into())));
        }
    }
    shown
}

/// The field of the page that a problem belongs to.
fn field_of<'a>(problem: &'a ConfigProblem, draft: &RunDraft) -> &'a str {
    let is_count = problem.field == "method" && typed(draft, "last_layers").is_some();
    if is_count { "last_layers" } else { &problem.field }
}

/// What is wrong with the field of the page that is named, in a sentence.
pub(crate) fn message_at(spec: &FieldSpec, problems: &[ConfigProblem], draft: &RunDraft) -> Option<String> {
    let problem = problems.iter().find(|problem| field_of(problem, draft) == spec.name)?;
    let ambiguous = typed(draft, spec.name).and_then(|text| normalised(spec.kind, text).err());
    Some(ambiguous.unwrap_or_else(|| problem.message.clone()))
}

/// Names on the page of the settings that are wrong: `Learning rate`, `Learning rate and Seed`.
pub(crate) fn names_of(problems: &[ConfigProblem], draft: &RunDraft, task: Task) -> String {
    let is_wrong = |spec: &&FieldSpec| problems.iter().any(|problem| field_of(problem, draft) == spec.name);
    let labels: Vec<_> = fields(task).filter(is_wrong).map(|spec| spec.label).collect();
    match labels.split_last() {
        None => "a setting".into(),
        Some((last, [])) => (*last).into(),
        Some((last, others)) => format!("{} and {last}", others.join(", ")),
    }
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
    use_dora,
    packing,
    gradient_checkpointing,
    dtype,
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
        "use_dora" => base.lora.use_dora.to_string(),
        "packing" => base.packing.to_string(),
        "gradient_checkpointing" => base.gradient_checkpointing.to_string(),
        "dtype" => base.dtype.name().into(),
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
        "lr_scheduler_type" => base.lr_scheduler_type.name().into(),
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
    /// In all batches of a step.
    pub rows_per_step: u64,
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
    Plan { rows_per_step, steps_per_epoch, total_steps, is_upper_bound: run.packing, num_trainable }
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
    fn a_comma_counts_as_a_point_and_a_doubtful_number_is_refused() {
        let task = Task::SequenceClassification;
        let base = base(task);
        let mut draft = RunDraft {
            learning_rate: Some("0,001".into()),
            num_train_epochs: Some("1,000".into()),
            ..RunDraft::default()
        };
        let run = in_force(&draft, task, &base).resolve(&base).expect("both are numbers");
        assert_eq!((run.learning_rate, run.num_train_epochs), (0.001, 1000));
        draft.learning_rate = Some("1,000".into());
        draft.seed = Some("x".into());
        let problems = in_force(&draft, task, &base).resolve(&base).expect_err("one, or a thousand");
        let spec = |name: &str| fields(task).find(|spec| spec.name == name).expect("a field of the page");
        let message = message_at(spec("learning_rate"), &problems, &draft).expect("it is wrong");
        assert!(message.contains("1000 or 1: type it without the comma"), "{message}");
        assert_eq!(message_at(spec("batch_size"), &problems, &draft), None);
        assert_eq!(names_of(&problems, &draft, task), "Learning rate and Seed");
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
        assert_eq!((planned.rows_per_step, planned.steps_per_epoch, planned.total_steps), (32, 7, 21));
        assert_eq!(planned.num_trainable, Some(1000));
    }

    #[test]
    fn a_frozen_backbone_trains_pooler_and_classifier() {
        let run = RunConfig { method: Method::Head, ..RunConfig::default() };
        assert_eq!(plan(&run, 1, 4, 1000, 8).num_trainable, Some(8 * 8 + 8 + 8 * 4 + 4));
    }
}
