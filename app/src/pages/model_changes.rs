//! A part of the recipe: what is to be changed of the model before it is trained.

use hone_core::task::Task;
use leptos::prelude::*;

use super::frame::{Typed, setting};
use crate::components::text_area;
use crate::state::Store;
use crate::state::changes::{ALL, FRESH, KEEP, WORDS};
use crate::state::recipe::FieldSpec;
use crate::tasks;

const LEAD: &str = "The model is changed when a run starts, always from its files as they were loaded. What is exported then \
                    is a model of its own, with files of its own.";

pub(super) fn model_changes(store: Store, task: Task) -> AnyView {
    let words = (!tasks::of(task).reads_images).then(|| new_words(store));
    let wrong = move || store.changed.with(|changed| changed.is_err().then_some(" – something in here is wrong"));
    view! {
        <details class="panel" data-testid="change-model">
            <summary>"Change the model" <span class="field-error">{wrong}</span></summary>
            <p class="hint">{LEAD}</p>
            <div class="fields">{field(store, &KEEP, ALL)} {field(store, &FRESH, "0")}</div>
            {words}
        </details>
    }
    .into_any()
}

/// Words that become tokens of the model.
fn new_words(store: Store) -> AnyView {
    let words = RwSignal::new(String::new());
    // They also come back without being typed.
    Effect::new(move |_| words.set(store.changes.with(|draft| draft.typed(WORDS).unwrap_or_default().to_owned())));
    let on_words = Callback::new(move |text| store.edit_changes(Some(WORDS), |draft| draft.set(WORDS, Some(text))));
    view! {
        {text_area("Words to add as tokens, one a line", "field-add_tokens", "3", false, words, on_words)}
        <p class="hint">
            "Words of your field that the model reads in many pieces. Each begins as the mean of its pieces."
        </p>
        <p class="field-error" aria-live="polite">{move || message(store, WORDS)}</p>
    }
    .into_any()
}

/// What is wrong with a field.
fn message(store: Store, name: &str) -> Option<String> {
    store.changed.with(|changed| {
        let problem = changed.as_ref().err()?.iter().find(|problem| problem.field == name)?;
        Some(problem.message.clone())
    })
}

/// A field that shows `base` where nothing is typed.
fn field(store: Store, spec: &FieldSpec, base: &'static str) -> AnyView {
    let name = spec.name;
    let typed = move || store.changes.with(|draft| draft.typed(name).map(String::from));
    let typed = Typed {
        value: Signal::derive(move || typed().unwrap_or_else(|| base.into())),
        is_changed: Signal::derive(move || typed().is_some()),
        error: Signal::derive(move || message(store, name)),
    };
    let on_input = Callback::new(move |text| store.edit_changes(Some(name), |draft| draft.set(name, Some(text))));
    let on_reset = Callback::new(move |()| store.edit_changes(None, |draft| draft.set(name, None)));
    setting(spec, Vec::new(), spec.hint.into(), typed, on_input, on_reset)
}
