//! Parts of the step Try that tasks share which answer inputs: asking while one types, and the answers side by side.

use leptos::prelude::*;

use super::data_report::warnings;
use super::frame::{frame, missing, onward, wait_hint};
use super::of_run::of_run;
use crate::browser;
use crate::components::{Button, check, text_area};
use crate::format;
use crate::state::{Step, Store, Tried};

/// Milliseconds of quiet after which what was typed is answered.
const TYPING_PAUSE_MS: u32 = 350;

/// There are a model and rows that say what it answers.
fn is_loaded(store: Store) -> bool {
    store.model.info.with(Option::is_some) && store.data.report.with(Option::is_some)
}

/// Something can be asked now.
pub(crate) fn can_predict(store: Store) -> bool {
    is_loaded(store) && store.activity().is_none()
}

/// Takes what is typed into a field, and asks the models where they answer as one types.
pub(crate) fn typing(store: Store, field: RwSignal<String>) -> Callback<String> {
    Callback::new(move |text: String| {
        field.set(text.clone());
        if store.try_live.get_untracked() {
            browser::after(TYPING_PAUSE_MS, move || {
                // Only when nothing was typed since.
                if untrack(|| can_predict(store)) && field.with_untracked(|now| *now == text) {
                    store.predict();
                }
            });
        }
    })
}

/// The step Try where inputs are typed: `fields` take them, and `answers` shows what came of them.
pub(crate) fn ask_page(
    store: Store,
    lead: &'static str,
    fields: AnyView,
    answers: fn(Store, &Tried) -> AnyView,
) -> AnyView {
    let content = view! {
        {move || missing(store, Step::Try)}
        {of_run(store)}
        {fields}
        {ask(store)}
        {move || store.tried.get().map(|tried| answers(store, &tried))}
    };
    frame(store, Step::Try, lead, content.into_any())
}

/// The field of the text.
pub(crate) fn text(store: Store) -> AnyView {
    text_area("Text", "try-text", "4", true, store.try_text, typing(store, store.try_text))
}

/// The fields of the text and, where rows are pairs, of the second.
pub(crate) fn texts(store: Store) -> AnyView {
    view! {
        {text(store)}
        {second_text(store)}
    }
    .into_any()
}

/// The field of the second text, where rows are pairs.
fn second_text(store: Store) -> AnyView {
    let is_pair = Memo::new(move |_| store.has_second_text());
    let field = move || {
        let on_input = typing(store, store.try_second);
        is_pair.get().then(|| text_area("Second text", "try-second", "4", true, store.try_second, on_input))
    };
    field.into_any()
}

/// The button that asks, and whether that is needed at all.
pub(crate) fn ask(store: Store) -> AnyView {
    let cannot_ask = Signal::derive(move || !can_predict(store) || store.try_text.with(|text| text.trim().is_empty()));
    let on_ask = Callback::new(move |()| store.predict());
    let is_shown = Memo::new(move |_| is_loaded(store));
    let button = move || {
        view! { <Button id="try-run" text="Predict" is_primary=true disabled=cannot_ask on_press=on_ask /> }.into_any()
    };
    let on_live = Callback::new(move |is_live| store.try_live.set(is_live));
    view! {
        <div class="row">
            {move || is_shown.get().then(button)}
            {check("Predict as I type", "try-live", store.try_live.into(), Signal::stored(false), on_live)}
            <span class="busy" role="status">{move || store.predicting.get().then_some("Predicting…")}</span>
        </div>
        {move || is_shown.get().then(|| wait_hint(store, "You can predict", None))}
    }
    .into_any()
}

/// The answers side by side; `after`, with its value for programs, only where something was trained.
pub(crate) fn answer(
    store: Store,
    tried: &Tried,
    before: AnyView,
    after: Option<(AnyView, Option<String>)>,
    below: Option<AnyView>,
) -> AnyView {
    let has_tuned = after.is_some();
    let cut = tried.cut_at.map(|limit| {
        let limit = format::plural(limit, "token");
        format!("The model reads the first {limit} of this text; the rest is left out.")
    });
    let tuned = match after {
        Some((answer, value)) => view! {
            <div class="panel good" data-testid="try-result-tuned" data-value=value>
                <h3>"After training"</h3>
                {answer}
            </div>
        }
        .into_any(),
        None => view! {
            <div class="panel">
                <h3>"After training"</h3>
                <p>"Nothing has been trained yet."</p>
                {onward(store, Step::Train, "Go to training")}
            </div>
        }
        .into_any(),
    };
    let second =
        tried.second.as_ref().map(|second| view! { <p class="quoted">{format::shortened(second, 300)}</p> }.into_any());
    view! {
        {warnings(&tried.warnings)}
        <p class="quoted">{format::shortened(&tried.text, 300)}</p>
        {second}
        {cut.map(|text| view! { <p class="hint">{text}</p> })}
        <div class="columns">
            <div class="panel" data-testid="try-result-base">
                <h3>"Before training"</h3>
                {before}
            </div>
            {tuned}
        </div>
        {below}
        {has_tuned.then(|| onward(store, Step::Export, "On to the export"))}
    }
    .into_any()
}
