//! Step 3: the settings. Every one has a sensible value already.

use hone_core::config::{ClassSampling, DEFAULT_TARGETS, RunConfig};
use hone_core::session::protocol::ModelInfo;
use hone_core::task::{DataReport, Preset, Task};
use leptos::prelude::*;

use super::frame::{Typed, frame, onward, setting};
use super::model_changes::model_changes;
use super::{estimate, parts, rates, sweep, undo};
use crate::format;
use crate::state::presets::{self, LaidPreset, PresetFields};
use crate::state::recipe::{self, FieldSpec, METRIC, Plan, PlannedHead};
use crate::state::report::num_to_train;
use crate::state::several::figure_choices;
use crate::state::{Step, Store};
use crate::tasks;

const LEAD: &str =
    "Every setting already has a value that usually works. Choose a preset, or change the settings you know.";

/// A learning rate above it seldom trains anything.
const HIGH_RATE: f64 = 0.02;

/// That steps of several tasks were counted without the rows that augmentation adds.
const OF_COPIES: &str = " Augmentation adds changed copies of rows to these, and steps in proportion.";

pub(super) fn page(store: Store, task: Task) -> AnyView {
    let (advanced, plain): (Vec<_>, Vec<_>) =
        untrack(|| store.fields(task)).into_iter().partition(|spec| spec.is_advanced);
    let views = |specs: &[FieldSpec]| specs.iter().map(|spec| field_if_shown(store, task, *spec)).collect_view();
    let (plain, advanced_fields) = (views(&plain), views(&advanced));
    let advanced_is_wrong = move || {
        store.resolved.with(|resolved| match resolved {
            Ok(_) => false,
            Err(problems) => store
                .draft
                .with(|draft| advanced.iter().any(|spec| recipe::message_at(spec, problems, draft).is_some())),
        })
    };
    let content = view! {
        {undo::buttons(store)}
        {presets(store, task)}
        <fieldset disabled=move || store.run.with(|run| run.is_active())>
            <legend class="unseen">"Settings"</legend>
            <div class="fields">{plain}</div>
            <details class="panel" data-testid="advanced">
                <summary>
                    "Advanced"
                    <span class="field-error">
                        {move || advanced_is_wrong().then_some(" – a setting in here is wrong")}
                    </span>
                </summary>
                <div class="fields">{advanced_fields}</div>
            </details>
            {model_changes(store, task)}
        </fieldset>
        {tasks::below_settings(store, task)}
        {move || plan_view(store)}
        {estimate::panel(store)}
        {rates::panel(store)}
        {sweep::panel(store, task)}
        {onward(store, Step::Train, "On to training")}
    };
    frame(store, Step::Recipe, LEAD, content.into_any())
}

fn presets(store: Store, task: Task) -> AnyView {
    let button = |preset: &'static Preset| {
        let is_chosen = move || store.draft.with(|draft| preset.matches(draft));
        view! {
            <button
                type="button"
                class="card"
                class:chosen=is_chosen
                data-testid=format!("preset-{}", preset.id)
                aria-pressed=move || if is_chosen() { "true" } else { "false" }
                disabled=move || store.run.with(|run| run.is_active())
                on:click=move |_| store.choose_preset(preset)
            >
                <span class="card-title">{preset.title}</span>
                <span>{preset.hint}</span>
                <span class="card-facts">{summary(preset, task)}</span>
                {move || recommended(store, task, preset)}
            </button>
        }
    };
    let buttons = presets::presets(task).iter().map(button).collect_view();
    // Said once, and not with all that is typed.
    let laid = Memo::new(move |_| laid(store, task));
    let said =
        move || laid.get().map(|words| view! { <p class="hint" role="status" data-testid="laid-preset">{words}</p> });
    view! {
        <div class="cards small" role="group" aria-label="Presets">{buttons}</div>
        {said}
    }
    .into_any()
}

/// That the page laid a preset for the rows of a new file, as long as it holds.
fn laid(store: Store, task: Task) -> Option<String> {
    let LaidPreset { id, num_rows } = store.data.laid.get()?;
    let preset = presets::presets(task).iter().find(|preset| preset.id == id)?;
    let holds = store.draft.with(|draft| preset.matches(draft));
    let words = || {
        let (title, rows) = (preset.title, format::plural(num_rows, "training row"));
        format!(
            "\u{201c}{title}\u{201d} is set for {rows}, because no preset was chosen. Choose another one at any time."
        )
    };
    holds.then(words)
}

/// That a preset is the one for as many rows as were read.
fn recommended(store: Store, task: Task, preset: &Preset) -> Option<AnyView> {
    let num_rows = store.data.report.with(|report| report.as_ref().and_then(|report| num_to_train(report)))?;
    let is_it = task.spec().recipe.preset_for(num_rows).is_some_and(|one| one.id == preset.id);
    let text = || format!("Recommended for {}", format::plural(num_rows, "training row"));
    is_it.then(|| view! { <span class="card-facts" data-testid="recommended">{text()}</span> }.into_any())
}

/// What choosing a preset changes.
fn summary(preset: &Preset, task: Task) -> String {
    match preset.summary(task) {
        text if text.is_empty() => "All settings at their defaults".into(),
        text => text,
    }
}

/// A field that is there only while the method that has it is chosen.
fn field_if_shown(store: Store, task: Task, spec: FieldSpec) -> AnyView {
    let is_shown =
        Memo::new(move |_| store.draft.with(|draft| store.base.with(|base| recipe::is_shown(&spec, draft, base))));
    view! { {move || is_shown.get().then(|| field(store, task, spec))} }.into_any()
}

/// What a field shows where nothing is typed.
fn base_text(store: Store, name: &str) -> String {
    match store.base.with(|base| recipe::base_text(base, name)) {
        text if text == DEFAULT_TARGETS => {
            let targets = store.model.info.with(|info| info.as_ref().map(|info| info.target_modules.join(", ")));
            targets.filter(|targets| !targets.is_empty()).unwrap_or(text)
        }
        text => text,
    }
}

/// What a field is for, and, where names are typed, which there are.
fn hint(store: Store, spec: &FieldSpec) -> String {
    let names = store.model.info.with_untracked(|info| info.as_ref().map(|info| info.module_names.join(", ")));
    match names {
        Some(names) if spec.name == "target_modules" => format!("{} This model has {names}.", spec.hint),
        _ => spec.hint.into(),
    }
}

fn field(store: Store, task: Task, spec: FieldSpec) -> AnyView {
    let name = spec.name;
    let typed = move || store.draft.with(|draft| recipe::typed(draft, name).map(String::from));
    let value = Signal::derive(move || typed().unwrap_or_else(|| base_text(store, name)));
    let is_changed = Signal::derive(move || typed().is_some());
    let error = Signal::derive(move || {
        store.resolved.with(|resolved| {
            let problems = resolved.as_ref().err()?;
            store.draft.with(|draft| recipe::message_at(&spec, problems, draft))
        })
    });
    let choices = choices(store, task, &spec);
    // What is chosen is an edit each time.
    let typed_in = choices.is_empty().then_some(name);
    let on_input =
        Callback::new(move |text| store.edit_recipe(typed_in, |draft| recipe::set_typed(draft, name, Some(text))));
    let on_reset = Callback::new(move |()| store.edit_recipe(None, |draft| recipe::set_typed(draft, name, None)));
    let typed = Typed { value, is_changed, error };
    setting(&spec, choices, hint(store, &spec), typed, on_input, on_reset)
}

/// What a field offers: (value, words); nothing where something is typed.
fn choices(store: Store, task: Task, spec: &FieldSpec) -> Vec<(String, String)> {
    let learned = store.learned.get_untracked();
    if spec.name == METRIC && !learned.is_empty() {
        return figure_choices(&learned);
    }
    recipe::choices(spec, task).into_iter().map(|(value, words)| (value.to_owned(), words)).collect()
}

fn plan_view(store: Store) -> AnyView {
    if let Some(names) = store.wrong_settings() {
        let text = format!("Fix this above before a run can start: {names}.");
        return view! { <p class="plan bad" role="status" data-testid="plan">{text}</p> }.into_any();
    }
    let missing = || "Load a model and rows, and this line says what the run will do.".into();
    let text = plan_text(store).unwrap_or_else(missing);
    view! { <p class="plan" role="status" data-testid="plan">{text}</p> }.into_any()
}

/// The plan of a run.
fn planned(run: &RunConfig, report: &DataReport, info: &ModelInfo) -> Plan {
    let spec = report.task().spec();
    let num_outputs = if spec.has_labels { tasks::row_facts(report).num_labels } else { spec.num_outputs };
    let head = PlannedHead { kind: spec.head, num_outputs, is_on_decoder: info.tasks.contains(&Task::CausalLm) };
    recipe::plan(run, report.num_encoded[0], head, info.num_parameters, info.hidden_size)
}

/// Parameters that a run will train; `None` where that is not known before.
pub(super) fn num_trained(store: Store) -> Option<u64> {
    let (run, report, info) = (store.resolved.get().ok()?, store.data.report.get()?, store.model.info.get()?);
    planned(&run, &report, &info).num_trainable
}

/// What a run will do; `None` without a model, rows, or a recipe that is right.
pub(super) fn plan_text(store: Store) -> Option<String> {
    let run = store.resolved.get().ok()?;
    let (report, info) = (store.data.report.get()?, store.model.info.get()?);
    let (facts, spec) = (tasks::row_facts(&report), report.task().spec());
    let num_train = report.num_encoded[0];
    let Plan { rows_per_step, steps_per_epoch, total_steps, is_upper_bound, num_trainable } =
        planned(&run, &report, &info);
    // A fresh head has as many rows as there are labels: what was loaded had another one.
    let about = if spec.has_labels { "about " } else { "" };
    let all = format!("{about}{}", format::large(info.num_parameters as f64));
    let trained = match num_trainable {
        Some(trained) if trained == info.num_parameters as u64 => format!("all parameters are trained, {all}"),
        Some(trained) => format!("{} of {all} parameters are trained", format::large(trained as f64)),
        None => format!("a part of the {all} parameters is trained"),
    };
    let bound = if is_upper_bound { "before packing at most " } else { "" };
    let too_high = match run.learning_rate {
        rate if rate > HIGH_RATE => format!(" A learning rate of {rate} is very high: most runs take 1e-5 to 5e-3."),
        _ => String::new(),
    };
    let is_changed = store.changed.with(|changed| changed.as_ref().is_ok_and(|changes| !changes.is_empty()));
    let changed =
        if is_changed { " The model is changed first, so that it has other parameters than these." } else { "" };
    let evened_out = match run.techniques.class_sampling {
        ClassSampling::None | ClassSampling::Balanced => "",
        ClassSampling::Oversample => " Rows of smaller classes come again, so that an epoch has more steps than these.",
        ClassSampling::Undersample => {
            " An epoch leaves out rows of larger classes, so that it has fewer steps than these."
        }
    };
    let num_made = store.data.read.with(|read| read.copies.copies.len());
    let augmented = match num_train.saturating_mul(run.augmentation.max_copies()) + num_made {
        0 => String::new(),
        copies => {
            format!(" Augmentation adds up to {} to these, and steps in proportion.", format::plural(copies, "row"))
        }
    };
    if store.parts.are_several() {
        let augmented = if run.augmentation.is_none() { "" } else { OF_COPIES };
        return Some(format!("{}{changed}{augmented}{too_high}", parts::plan_text(store, &run)));
    }
    // Numbers of steps are far below the range of usize.
    let steps = |count: u64| format::plural(count as usize, "step");
    Some(format!(
        "{} to train on, {} a step: {bound}{} an epoch, {}, {} in all; {trained}. {}{changed}{evened_out}{augmented}{too_high}",
        format::plural(num_train, facts.part),
        format::count(rows_per_step as usize),
        steps(steps_per_epoch),
        format::plural(run.num_train_epochs as usize, "epoch"),
        steps(total_steps),
        store.plan.time_in_words(),
    ))
}
