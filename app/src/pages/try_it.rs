//! Step 6: type and see, the model before training beside the model after.

use leptos::prelude::*;

use super::data_report::warnings;
use super::frame::{frame, missing, onward, wait_hint};
use super::of_run::of_run;
use crate::browser;
use crate::charts::{Bar, Bars};
use crate::components::{Button, check, text_area};
use crate::format;
use crate::state::{Prediction, Step, Store};

const LEAD: &str = "Type a text like those the model will get, and see which label it chooses.";

/// Milliseconds of quiet after which a typed text is predicted.
const TYPING_PAUSE_MS: u32 = 350;
/// Labels shown.
const MAX_LABELS: usize = 10;

pub(super) fn page(store: Store) -> AnyView {
    let content = view! {
        {move || missing(store, Step::Try)}
        {of_run(store)}
        {ask(store)}
        {move || store.prediction.get().map(|prediction| answer(store, &prediction))}
    };
    frame(store, Step::Try, LEAD, content.into_any())
}

/// There are a model and labels to choose from.
fn is_loaded(store: Store) -> bool {
    store.model.info.with(Option::is_some) && store.data.report.with(Option::is_some)
}

fn can_predict(store: Store) -> bool {
    is_loaded(store) && store.activity().is_none()
}

fn ask(store: Store) -> AnyView {
    let on_input = Callback::new(move |text: String| {
        store.try_text.set(text.clone());
        if store.try_live.get_untracked() {
            browser::after(TYPING_PAUSE_MS, move || {
                // Only when nothing was typed since.
                if untrack(|| can_predict(store)) && store.try_text.with_untracked(|now| *now == text) {
                    store.predict();
                }
            });
        }
    });
    let cannot_ask = Signal::derive(move || !can_predict(store) || store.try_text.with(|text| text.trim().is_empty()));
    let on_ask = Callback::new(move |()| store.predict());
    let is_shown = Memo::new(move |_| is_loaded(store));
    let button = move || {
        view! { <Button id="try-run" text="Predict" is_primary=true disabled=cannot_ask on_press=on_ask /> }.into_any()
    };
    let on_live = Callback::new(move |is_live| store.try_live.set(is_live));
    view! {
        {text_area("Text", "try-text", "4", true, store.try_text, on_input)}
        <div class="row">
            {move || is_shown.get().then(button)}
            {check("Predict as I type", "try-live", store.try_live.into(), Signal::stored(false), on_live)}
            <span class="busy" role="status">{move || store.predicting.get().then_some("Predicting…")}</span>
        </div>
        {move || is_shown.get().then(|| wait_hint(store, "You can predict", None))}
    }
    .into_any()
}

fn answer(store: Store, prediction: &Prediction) -> AnyView {
    let has_tuned = !prediction.tuned.is_empty();
    let leading = if has_tuned { &prediction.tuned } else { &prediction.base };
    let mut order: Vec<usize> = (0..prediction.labels.len()).collect();
    let probability = |of: &[f32], id: usize| of.get(id).copied().unwrap_or(0.0);
    order.sort_by(|&a, &b| probability(leading, b).total_cmp(&probability(leading, a)));
    order.truncate(MAX_LABELS);
    let bars = |of: &[f32]| -> Vec<Bar> {
        let best = (0..of.len()).max_by(|&a, &b| of[a].total_cmp(&of[b]));
        let bar = |&id: &usize| Bar {
            label: prediction.labels[id].clone(),
            share: f64::from(probability(of, id)),
            text: format::percent(f64::from(probability(of, id))),
            is_strong: best == Some(id),
        };
        order.iter().map(bar).collect()
    };
    let num_hidden = prediction.labels.len().saturating_sub(MAX_LABELS);
    let hidden =
        (num_hidden > 0).then(|| format!("Not shown: {} of lower probability.", format::plural(num_hidden, "label")));
    let cut = prediction.cut_at.map(|limit| {
        let limit = format::plural(limit, "token");
        format!("The model reads the first {limit} of this text; the rest is left out.")
    });
    let tuned = if has_tuned {
        let winner = order.first().map(|&id| prediction.labels[id].clone());
        view! {
            <div class="panel good" data-testid="try-result-tuned" data-value=winner>
                <h3>"After training"</h3>
                <Bars bars=bars(&prediction.tuned) label="Probabilities after training" />
            </div>
        }
        .into_any()
    } else {
        view! {
            <div class="panel">
                <h3>"After training"</h3>
                <p>"Nothing has been trained yet."</p>
                {onward(store, Step::Train, "Go to training")}
            </div>
        }
        .into_any()
    };
    view! {
        {warnings(&prediction.warnings)}
        <p class="quoted">{format::shortened(&prediction.text, 300)}</p>
        {cut.map(|text| view! { <p class="hint">{text}</p> })}
        <div class="columns">
            <div class="panel" data-testid="try-result-base">
                <h3>"Before training"</h3>
                <Bars bars=bars(&prediction.base) label="Probabilities before training" />
            </div>
            {tuned}
        </div>
        {hidden.map(|text| view! { <p class="hint">{text}</p> })}
        {has_tuned.then(|| onward(store, Step::Export, "On to the export"))}
    }
    .into_any()
}
