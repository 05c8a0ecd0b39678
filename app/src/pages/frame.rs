//! What all pages share: heading, problem, the way onward, and what is missing.

use hone_core::session::protocol::ProblemKind;
use leptos::prelude::*;

use super::parts;
use super::weights_question::weights_question;
use crate::components::{Button, Empty, Field, ProblemAlert};
use crate::state::numbers::normalised;
use crate::state::recipe::FieldSpec;
use crate::state::run::Status;
use crate::state::{Activity, Step, Store};
use crate::tasks;

/// A page: its heading, what it is for, the problem that stands at this step, and its content. On the page of the model
/// the problem stands beside the button that loads.
pub(crate) fn frame(store: Store, step: Step, lead: &'static str, content: AnyView) -> AnyView {
    view! {
        <section aria-labelledby="page-title">
            <h2 id="page-title" tabindex="-1">{step.title()}</h2>
            <p class="lead">{lead}</p>
            {project_note(store)}
            {move || weights_question(store)}
            {parts::choice(store, step)}
            {move || if step == Step::Model { None } else { problem(store, step) }}
            {content}
        </section>
    }
    .into_any()
}

/// The problem of a step, if there is one.
pub(super) fn problem(store: Store, step: Step) -> Option<AnyView> {
    let problem =
        store.problems.with(|problems| problems.iter().find(|(at, _)| *at == step).map(|(_, p)| p.clone()))?;
    let on_dismiss = Callback::new(move |()| store.dismiss(step));
    // A device that failed took its weights with it: there is nothing left to ask about.
    let has_lost_weights = problem.kind == ProblemKind::Device;
    let on_restart = Callback::new(move |()| match has_lost_weights {
        true => store.restart_worker(),
        false => store.confirm_losing_weights("Restart anyway", move || store.restart_worker()),
    });
    Some(view! { <ProblemAlert problem=problem on_dismiss=on_dismiss on_restart=on_restart /> }.into_any())
}

/// What is missing before `step` can do its work, with the button that goes there; `None` when nothing is.
pub(crate) fn missing(store: Store, step: Step) -> Option<AnyView> {
    let empty = |text: &'static str, action: &'static str, to: Step| {
        let on_action = Callback::new(move |()| store.go_to(to));
        Some(view! { <Empty text=text action=action on_action=on_action /> }.into_any())
    };
    if store.model.info.with(Option::is_none) {
        return empty("No model is loaded yet.", "Choose a model", Step::Model);
    }
    let needs_rows =
        step != Step::Data && (step != Step::Try || !tasks::of(store.model.task.get()).is_tried_without_rows);
    if needs_rows && store.data.report.with(Option::is_none) {
        return empty("No rows have been read yet.", "Choose the data", Step::Data);
    }
    let needs_run = step == Step::Export;
    if needs_run && !store.run.with(|run| run.is_finished()) {
        let is_saved = store.kept.runs.with(|kept| !kept.runs.is_empty());
        let text = match store.run.with(|run| run.status) {
            Status::Gone if is_saved => {
                "The weights of the last run are no longer loaded: open a run that is kept, or train again."
            }
            Status::Gone => "The weights of the last run are no longer loaded: train again to export them.",
            Status::Failed if is_saved => {
                "The last run failed, so there is nothing to export yet. Go on with it, or open another that is kept."
            }
            Status::Failed => "The last run failed, so there is nothing to export. Train again.",
            _ => "There is nothing to export before a run has ended.",
        };
        return empty(text, "Go to training", Step::Train);
    }
    None
}

/// What is done with a project file, or was done with the last one; and what a run that was opened took the place of.
fn project_note(store: Store) -> AnyView {
    let note = |id: &'static str, said: RwSignal<String>| {
        move || {
            let said = said.get();
            (!said.is_empty()).then(|| view! { <p class="hint" role="status" data-testid=id>{said}</p> })
        }
    };
    let (of_file, of_run) = (note("project-note", store.kept.project), note("put-aside", store.kept.put_aside));
    view! {
        {of_file}
        {of_run}
    }
    .into_any()
}

/// What another model, or another task, did to the rows.
pub(crate) fn data_note(store: Store) -> AnyView {
    let note = move || {
        let note = store.data.note.get()?;
        Some(view! { <p class="note" role="status" data-testid="data-note">{note}</p> }.into_any())
    };
    view! { {note} }.into_any()
}

/// What was typed into a field.
pub(crate) struct Typed {
    /// What the field shows.
    pub value: Signal<String>,
    /// Something was typed or chosen.
    pub is_changed: Signal<bool>,
    /// What is wrong with it.
    pub error: Signal<Option<String>>,
}

/// A setting with everything around it; `choices` are (value, words), none where something is typed.
pub(crate) fn setting(
    spec: &FieldSpec,
    choices: Vec<(String, String)>,
    hint: String,
    Typed { value, is_changed, error }: Typed,
    on_input: Callback<String>,
    on_reset: Callback<()>,
) -> AnyView {
    let &FieldSpec { name, label, unit, kind, .. } = spec;
    let on_leave = Callback::new(move |()| {
        let Some(typed) = value.try_get_untracked() else { return };
        // What could be two numbers stays as it was typed, beside what is wrong with it.
        if let Ok(text) = normalised(kind, &typed)
            && text != typed
        {
            on_input.run(text);
        }
    });
    view! {
        <Field
            name=name
            label=label
            unit=unit
            hint=hint
            choices=choices
            value=value
            is_changed=is_changed
            error=error
            on_input=on_input
            on_leave=on_leave
            on_reset=on_reset
        />
    }
    .into_any()
}

/// A remark that stands there only while it applies.
pub(crate) fn hint_while(applies: Signal<bool>, text: &'static str) -> AnyView {
    view! { <p class="hint">{move || applies.get().then_some(text)}</p> }.into_any()
}

/// Until when something else keeps `what` from beginning; nothing is said of what the page itself shows.
pub(crate) fn wait_hint(store: Store, what: &'static str, shown: Option<Activity>) -> AnyView {
    let text = move || Some(store.activity().filter(|going| Some(*going) != shown)?.then(what));
    view! { <p class="hint">{text}</p> }.into_any()
}

/// Whether a run keeps the worker from doing anything else.
pub(crate) fn is_running(store: Store) -> Signal<bool> {
    Signal::derive(move || store.run.with(|run| run.is_active()))
}

/// The button at the foot of a page.
pub(crate) fn onward(store: Store, to: Step, text: &'static str) -> AnyView {
    let on_press = Callback::new(move |()| store.go_to(to));
    view! { <div class="onward"><Button id="next" text=text is_primary=true on_press=on_press /></div> }.into_any()
}
