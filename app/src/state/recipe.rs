//! The recipe: which settings a task has, what was typed into which field, and the plan that follows. Plain data over
//! [`RunDraft`], which holds what the person typed; `presets` fills it. The settings are those of the table in `config`.

use hone_core::config::{ConfigProblem, Kind, LAST, Method, Of, Pooling, RunConfig, RunDraft, SETTINGS, setting};
use hone_core::task::{HeadKind, Task};

pub(crate) use super::fields::FieldSpec;
use super::fields::typed as typed_field;
use super::numbers::normalised;
use crate::format;

/// The page has the method in two fields: its name, and the number of its layers where it has one.
const LAYERS: FieldSpec = FieldSpec {
    method: "last",
    ..typed_field(
        Kind::Whole,
        "last_layers",
        "Layers trained",
        "from the end",
        "More layers learn more and need more memory.",
    )
};

/// The figure that chooses the best weights.
pub(crate) const METRIC: &str = "metric_for_best_model";

/// The settings of a task, in the order of the page.
pub(crate) fn fields(task: Task) -> Vec<FieldSpec> {
    fields_with(task.spec().settings)
}

/// Of the settings that not every task has those of these `names`, and all others.
pub(crate) fn fields_with(names: &[&str]) -> Vec<FieldSpec> {
    let has_it = |of: Of, name: &str| of == Of::EveryTask || names.contains(&name);
    let mut fields = Vec::new();
    for setting in SETTINGS.iter().filter(|one| !one.is_of_job_files && has_it(one.of, one.name)) {
        fields.push(FieldSpec::of(setting));
        if setting.name == "method" {
            fields.push(LAYERS);
        }
    }
    fields
}

/// What a field offers to a task: (value, words); nothing where something is typed.
pub(crate) fn choices(spec: &FieldSpec, task: Task) -> Vec<(&'static str, String)> {
    let of_task = task.spec();
    if spec.name == METRIC {
        let best = |higher_is_better: bool| if higher_is_better { "Highest" } else { "Lowest" };
        let figures = of_task.figures.iter();
        return figures
            .map(|one| (one.name, format!("{} {}", best(one.higher_is_better), format::in_sentence(one.title))))
            .collect();
    }
    // A head that predicts words is the word table or tied to it: it is not trained alone.
    let is_offered = |value: &str| (spec.name, value) != ("method", "head") || !of_task.writes();
    let offered = spec.choices.iter().filter(|&&(value, _)| is_offered(value));
    offered.map(|(value, words)| (*value, (*words).to_owned())).collect()
}

/// Whether a field belongs to the method that was chosen.
pub(crate) fn is_shown(spec: &FieldSpec, draft: &RunDraft, base: &RunConfig) -> bool {
    spec.method.is_empty()
        || typed(draft, "method").map_or(spec.method == base_text(base, "method"), |m| m == spec.method)
}

/// What counts of a draft, with numbers as programs write them: fields that are not shown keep what was typed for
/// another day, and a number that could be either of two stays as it is, which the settings refuse.
pub(crate) fn in_force(draft: &RunDraft, fields: &[FieldSpec], base: &RunConfig) -> RunDraft {
    let mut shown = RunDraft::default();
    for spec in fields.iter().filter(|spec| is_shown(spec, draft, base)) {
        if let Some(text) = typed(draft, spec.name) {
            set_typed(&mut shown, spec.name, Some(normalised(spec.kind, text).unwrap_or_else(|_| text.into())));
        }
    }
    shown
}

/// The field of the page that a problem belongs to.
fn field_of<'a>(problem: &'a ConfigProblem, draft: &RunDraft) -> &'a str {
    let is_count = problem.field == "method" && typed(draft, LAYERS.name).is_some();
    if is_count { LAYERS.name } else { &problem.field }
}

/// What is wrong with the field of the page that is named, in a sentence.
pub(crate) fn message_at(spec: &FieldSpec, problems: &[ConfigProblem], draft: &RunDraft) -> Option<String> {
    let problem = problems.iter().find(|problem| field_of(problem, draft) == spec.name)?;
    let ambiguous = typed(draft, spec.name).and_then(|text| normalised(spec.kind, text).err());
    Some(ambiguous.unwrap_or_else(|| problem.message.clone()))
}

/// Names on the page of the settings that are wrong: `Learning rate`, `Learning rate and Seed`.
pub(crate) fn names_of(problems: &[ConfigProblem], draft: &RunDraft, fields: &[FieldSpec]) -> String {
    let is_wrong = |spec: &&FieldSpec| problems.iter().any(|problem| field_of(problem, draft) == spec.name);
    let labels: Vec<_> = fields.iter().filter(is_wrong).map(|spec| spec.label).collect();
    format::names(&labels).unwrap_or_else(|| "a setting".into())
}

/// How the draft has a number of layers after which nothing is typed yet.
const NO_COUNT: &str = "none";

/// What was typed into a field; `None` where nothing was.
pub(crate) fn typed<'a>(draft: &'a RunDraft, name: &str) -> Option<&'a str> {
    let count = draft.typed("method").and_then(|method| method.strip_prefix(LAST));
    match name {
        "method" if count.is_some() => Some("last"),
        name if name == LAYERS.name => count.map(|count| if count == NO_COUNT { "" } else { count }),
        name => draft.typed(name),
    }
}

/// Types into a field, or clears it.
pub(crate) fn set_typed(draft: &mut RunDraft, name: &str, value: Option<String>) {
    let layers = |count: &str| Some(format!("{LAST}{count}"));
    match (name, value.as_deref()) {
        ("method", Some("last")) => draft.set("method", layers("1")),
        (name, Some("")) if name == LAYERS.name => draft.set("method", layers(NO_COUNT)),
        (name, count) if name == LAYERS.name => draft.set("method", layers(count.unwrap_or("1"))),
        _ => draft.set(name, value),
    }
}

/// The settings that hold for a task where nothing is typed, whatever the model.
#[cfg(test)]
pub(crate) fn base(task: Task) -> RunConfig {
    task.spec().recipe.base_run(None)
}

/// The value that a field has when nothing is typed, in the form in which it would be typed.
pub(crate) fn base_text(base: &RunConfig, name: &str) -> String {
    let text = |name: &str| setting(name).map_or_else(String::new, |setting| (setting.get)(base));
    let method = text("method");
    let count = method.strip_prefix(LAST);
    match name {
        "method" if count.is_some() => "last".into(),
        name if name == LAYERS.name => count.unwrap_or("1").into(),
        name => text(name),
    }
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

/// The head of a run, as far as a plan counts its parameters.
#[derive(Debug, Clone, Copy)]
pub(crate) struct PlannedHead {
    pub kind: HeadKind,
    pub num_outputs: usize,
    /// It stands on a model that writes: where it labels texts it is one layer without a bias.
    pub is_on_decoder: bool,
}

/// Plans a run: `num_train` rows, a head, a model of `num_parameters` and width `hidden_size`.
pub(crate) fn plan(
    run: &RunConfig,
    num_train: usize,
    head: PlannedHead,
    num_parameters: usize,
    hidden_size: usize,
) -> Plan {
    let rows_per_step = u64::from(run.batch_size) * u64::from(run.gradient_accumulation_steps);
    let steps_per_epoch = (num_train as u64).div_ceil(rows_per_step.max(1));
    let hidden = hidden_size as u64;
    let outputs = (hidden + 1) * head.num_outputs as u64;
    let num_trainable = match (run.method, head.kind) {
        (Method::Full, _) => Some(num_parameters as u64),
        (Method::Head, HeadKind::Sequence) if head.is_on_decoder => Some(hidden * head.num_outputs as u64),
        (Method::Head, HeadKind::Sequence) if run.pooling == Pooling::Cls => Some(hidden * hidden + hidden + outputs),
        (Method::Head, HeadKind::Sequence | HeadKind::Token | HeadKind::Span) => Some(outputs),
        _ => None,
    };
    let total_steps = steps_per_epoch * u64::from(run.num_train_epochs);
    Plan { rows_per_step, steps_per_epoch, total_steps, is_upper_bound: run.packing, num_trainable }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// One with a head of its own, and one whose head is the word table.
    fn tasks() -> [Task; 2] {
        let of = |kind: HeadKind| Task::ALL.iter().copied().find(|task| task.spec().head == kind).expect("a task");
        [of(HeadKind::Sequence), of(HeadKind::CausalLm)]
    }

    fn draft(typed: &[(&'static str, &'static str)]) -> RunDraft {
        RunDraft::from_typed(typed.iter().copied())
    }

    fn field(task: Task, name: &str) -> FieldSpec {
        fields(task).into_iter().find(|spec| spec.name == name).expect("a field of the page")
    }

    #[test]
    fn every_field_can_be_typed_and_shows_a_usable_base() {
        for &task in Task::ALL {
            let base = base(task);
            let mut draft = RunDraft::default();
            for field in fields(task) {
                let text = base_text(&base, field.name);
                assert!(!text.is_empty(), "{} has a base", field.name);
                let choices = choices(&field, task);
                if !choices.is_empty() {
                    assert!(choices.iter().any(|(value, _)| *value == text), "{} offers its base", field.name);
                }
                if field.name != LAYERS.name {
                    set_typed(&mut draft, field.name, Some(text.clone()));
                    assert_eq!(typed(&draft, field.name), Some(text.as_str()));
                }
            }
            assert_eq!(draft.resolve(&base).expect("the base, typed out"), base);
        }
    }

    #[test]
    fn a_task_is_offered_its_own_figures_and_methods() {
        let [labels, texts] = tasks();
        for &task in Task::ALL {
            let best = choices(&field(task, "metric_for_best_model"), task);
            assert_eq!(best.iter().map(|(name, _)| *name).collect::<Vec<_>>(), task.spec().figure_names());
            assert_eq!(best[0], ("loss", "Lowest loss".to_owned()));
        }
        let offers_head = |task| choices(&field(task, "method"), task).iter().any(|(value, _)| *value == "head");
        assert!(offers_head(labels) && !offers_head(texts));
    }

    #[test]
    fn layers_are_typed_beside_the_method() {
        let [_, task] = tasks();
        let base = base(task);
        let mut draft = draft(&[("lora_r", "none")]);
        assert!(in_force(&draft, &fields(task), &base).resolve(&base).is_err(), "adapters have a rank");
        set_typed(&mut draft, "method", Some("last".into()));
        assert_eq!((typed(&draft, "method"), typed(&draft, "last_layers")), (Some("last"), Some("1")));
        set_typed(&mut draft, "last_layers", Some("2".into()));
        let run = in_force(&draft, &fields(task), &base).resolve(&base).expect("what is not shown does not count");
        assert_eq!(run.method, Method::LastLayers(2));
        set_typed(&mut draft, "last_layers", Some(String::new()));
        assert_eq!(typed(&draft, "last_layers"), Some(""));
        let problems = in_force(&draft, &fields(task), &base).resolve(&base).expect_err("no number");
        assert_eq!(field_of(&problems[0], &draft), "last_layers");
        set_typed(&mut draft, "last_layers", None);
        assert_eq!(typed(&draft, "last_layers"), Some("1"));
        set_typed(&mut draft, "method", Some("full".into()));
        assert_eq!(typed(&draft, "last_layers"), None);
    }

    #[test]
    fn a_comma_counts_as_a_point_and_a_doubtful_number_is_refused() {
        let [task, _] = tasks();
        let base = base(task);
        let mut draft = draft(&[("learning_rate", "0,001"), ("num_train_epochs", "1,000")]);
        let run = in_force(&draft, &fields(task), &base).resolve(&base).expect("both are numbers");
        assert_eq!((run.learning_rate, run.num_train_epochs), (0.001, 1000));
        set_typed(&mut draft, "learning_rate", Some("1,000".into()));
        set_typed(&mut draft, "seed", Some("x".into()));
        let problems = in_force(&draft, &fields(task), &base).resolve(&base).expect_err("one, or a thousand");
        let message = message_at(&field(task, "learning_rate"), &problems, &draft).expect("it is wrong");
        assert!(message.contains("1000 or 1: type it without the comma"), "{message}");
        assert_eq!(message_at(&field(task, "batch_size"), &problems, &draft), None);
        assert_eq!(names_of(&problems, &draft, &fields(task)), "Learning rate and Seed");
    }

    #[test]
    fn what_another_task_has_does_not_count() {
        let [labels, texts] = tasks();
        let draft = draft(&[("class_weights", "many"), ("packing", "true")]);
        let run = in_force(&draft, &fields(texts), &base(texts)).resolve(&base(texts));
        assert!(run.expect("class weights are not its").packing);
        let problems = in_force(&draft, &fields(labels), &RunConfig::default()).resolve(&RunConfig::default());
        assert_eq!(problems.expect_err("no such weights").len(), 1);
    }

    fn four_labels(kind: HeadKind) -> PlannedHead {
        PlannedHead { kind, num_outputs: 4, is_on_decoder: false }
    }

    #[test]
    fn the_plan_counts_the_last_short_batch() {
        let run = RunConfig { batch_size: 16, gradient_accumulation_steps: 2, ..RunConfig::default() };
        let planned = plan(&run, 193, four_labels(HeadKind::Sequence), 1000, 8);
        assert_eq!((planned.rows_per_step, planned.steps_per_epoch, planned.total_steps), (32, 7, 21));
        assert_eq!(planned.num_trainable, Some(1000));
    }

    #[test]
    fn a_frozen_backbone_trains_its_head() {
        let run = RunConfig { method: Method::Head, ..RunConfig::default() };
        let trained = |run: &RunConfig, kind| plan(run, 1, four_labels(kind), 1000, 8).num_trainable;
        assert_eq!(trained(&run, HeadKind::Sequence), Some(8 * 8 + 8 + 8 * 4 + 4), "pooler and classifier");
        assert_eq!(trained(&run, HeadKind::Token), Some(8 * 4 + 4));
        assert_eq!(trained(&run, HeadKind::MaskedLm), None, "only the model can tell");
        let on_decoder = |kind| PlannedHead { is_on_decoder: true, ..four_labels(kind) };
        let trained_on_decoder = |kind| plan(&run, 1, on_decoder(kind), 1000, 8).num_trainable;
        assert_eq!(trained_on_decoder(HeadKind::Sequence), Some(8 * 4), "one layer without a bias");
        assert_eq!(trained_on_decoder(HeadKind::Token), Some(8 * 4 + 4));
        let mean = RunConfig { pooling: Pooling::Mean, ..run };
        assert_eq!(trained(&mean, HeadKind::Sequence), Some(8 * 4 + 4));
    }
}
