//! Step 3: the settings. Every one has a sensible value already.

use leptos::prelude::*;

use super::frame::{frame, onward};
use crate::components::Field;
use crate::format;
use crate::state::recipe::{self, FIELDS, FieldSpec, PRESETS, Plan};
use crate::state::{Step, Store};

const LEAD: &str = "Every setting has a value that usually works. Take a preset, or change what you know.";

pub(super) fn page(store: Store) -> AnyView {
    let plain = FIELDS.iter().filter(|spec| !spec.is_advanced).map(|spec| field(store, spec)).collect_view();
    let advanced = FIELDS.iter().filter(|spec| spec.is_advanced).map(|spec| field(store, spec)).collect_view();
    let advanced_is_wrong = move || {
        store.resolved.with(|resolved| match resolved {
            Ok(_) => false,
            Err(problems) => {
                let is_advanced = |name: &str| FIELDS.iter().any(|spec| spec.is_advanced && spec.name == name);
                problems.iter().any(|problem| is_advanced(&problem.field))
            }
        })
    };
    let content = view! {
        {presets(store)}
        <fieldset disabled=move || store.run.with(|run| run.is_active())>
            <legend class="unseen">"Settings"</legend>
            <div class="fields">{plain}</div>
            <details class="panel" data-testid="advanced">
                <summary>
                    "Advanced"
                    <span class="field-error">
                        {move || advanced_is_wrong().then_some(" – something here is wrong")}
                    </span>
                </summary>
                <div class="fields">{advanced}</div>
            </details>
        </fieldset>
        {move || plan_view(store)}
        {onward(store, Step::Train, "On to training")}
    };
    frame(store, Step::Recipe, LEAD, content.into_any())
}

fn presets(store: Store) -> AnyView {
    let button = |preset: &'static recipe::Preset| {
        let is_chosen = move || store.draft.with(|draft| preset.matches(draft));
        view! {
            <button
                type="button"
                class="card"
                class:chosen=is_chosen
                data-testid=format!("preset-{}", preset.id)
                aria-pressed=move || if is_chosen() { "true" } else { "false" }
                disabled=move || store.run.with(|run| run.is_active())
                on:click=move |_| store.draft.update(|draft| preset.apply_to(draft))
            >
                <span class="card-title">{preset.title}</span>
                <span>{preset.hint}</span>
            </button>
        }
    };
    let buttons = PRESETS.iter().map(button).collect_view();
    view! { <div class="cards small" role="group" aria-label="Presets">{buttons}</div> }.into_any()
}

fn field(store: Store, spec: &'static FieldSpec) -> AnyView {
    let name = spec.name;
    let typed = move || store.draft.with(|draft| recipe::typed(draft, name).map(String::from));
    let value = Signal::derive(move || typed().unwrap_or_else(|| recipe::base_text(&store.base.get(), name)));
    let is_changed = Signal::derive(move || typed().is_some());
    let error = Signal::derive(move || {
        store.resolved.with(|resolved| {
            let problems = resolved.as_ref().err()?;
            problems.iter().find(|problem| problem.field == name).map(|problem| problem.message.clone())
        })
    });
    let on_input = Callback::new(move |text| store.draft.update(|draft| recipe::set_typed(draft, name, Some(text))));
    let on_reset = Callback::new(move |()| store.draft.update(|draft| recipe::set_typed(draft, name, None)));
    view! {
        <Field
            name=name
            label=spec.label
            unit=spec.unit
            hint=spec.hint
            choices=spec.choices
            value=value
            is_changed=is_changed
            error=error
            on_input=on_input
            on_reset=on_reset
        />
    }
    .into_any()
}

fn plan_view(store: Store) -> AnyView {
    let run = match store.resolved.get() {
        Ok(run) => run,
        Err(problems) => {
            let text = format!("{} to mend above before a run can start.", settings(problems.len()));
            return view! { <p class="plan bad" role="status" data-testid="plan">{text}</p> }.into_any();
        }
    };
    let (Some(report), Some(info)) = (store.data.report.get(), store.model.info.get()) else {
        let text = "With a model and rows loaded, the plan of the run stands here.";
        return view! { <p class="plan" data-testid="plan">{text}</p> }.into_any();
    };
    let num_train = report.split_sizes[0];
    let Plan { steps_per_epoch, total_steps, num_trainable } =
        recipe::plan(&run, num_train, report.classes.len(), info.num_parameters, info.hidden_size);
    let text = format!(
        "{} rows, {} steps an epoch, {} steps in all; about {} of {} parameters are trained. How long a step takes on \
         this device is measured when the run starts.",
        format::count(num_train),
        format::count(steps_per_epoch as usize),
        format::count(total_steps as usize),
        format::large(num_trainable as f64),
        format::large(info.num_parameters as f64)
    );
    view! { <p class="plan" role="status" data-testid="plan">{text}</p> }.into_any()
}

fn settings(count: usize) -> String {
    if count == 1 { "One setting is".into() } else { format!("{count} settings are") }
}
