//! Type a text, or two, and see which label the model chooses: before training beside after.

use hone_core::task;
use hone_core::task::sequence_classification::Prediction;
use leptos::prelude::*;

use crate::charts::{Bar, Bars};
use crate::components::text_area;
use crate::format;
use crate::pages::ask::{answer, ask, second_text, typing};
use crate::pages::frame::{frame, missing};
use crate::pages::of_run::of_run;
use crate::state::{Step, Store, Tried};

const LEAD: &str = "Type a text like those the model will get, and see which label it chooses.";

/// Labels shown.
const MAX_LABELS: usize = 10;

pub(in crate::tasks) fn page(store: Store) -> AnyView {
    let content = view! {
        {move || missing(store, Step::Try)}
        {of_run(store)}
        {text_area("Text", "try-text", "4", true, store.try_text, typing(store, store.try_text))}
        {second_text(store)}
        {ask(store)}
        {move || store.tried.get().map(|tried| labels(store, &tried))}
    };
    frame(store, Step::Try, LEAD, content.into_any())
}

/// Probabilities in the order of the labels; none where there is no answer of this kind.
fn probabilities(answer: Option<&task::Prediction>) -> &[f32] {
    match answer {
        Some(task::Prediction::SequenceClassification(Prediction { probabilities })) => probabilities,
        _ => &[],
    }
}

fn labels(store: Store, tried: &Tried) -> AnyView {
    let (base, tuned) = (probabilities(tried.base.as_ref()), probabilities(tried.tuned.as_ref()));
    let leading = if tuned.is_empty() { base } else { tuned };
    let mut order: Vec<usize> = (0..tried.labels.len()).collect();
    let probability = |of: &[f32], id: usize| of.get(id).copied().unwrap_or(0.0);
    order.sort_by(|&a, &b| probability(leading, b).total_cmp(&probability(leading, a)));
    order.truncate(MAX_LABELS);
    let bars = |of: &[f32], label: &'static str| {
        let best = (0..of.len()).max_by(|&a, &b| of[a].total_cmp(&of[b]));
        let bar = |&id: &usize| Bar {
            label: tried.labels[id].clone(),
            share: f64::from(probability(of, id)),
            text: format::percent(f64::from(probability(of, id))),
            is_strong: best == Some(id),
        };
        let bars = order.iter().map(bar).collect();
        view! { <Bars bars=bars label=label /> }.into_any()
    };
    let num_hidden = tried.labels.len().saturating_sub(MAX_LABELS);
    let hidden =
        (num_hidden > 0).then(|| format!("Not shown: {} of lower probability.", format::plural(num_hidden, "label")));
    let winner = order.first().map(|&id| tried.labels[id].clone());
    let before = bars(base, "Probabilities before training");
    let after = (!tuned.is_empty()).then(|| (bars(tuned, "Probabilities after training"), winner));
    let hidden = hidden.map(|text| view! { <p class="hint">{text}</p> }.into_any());
    answer(store, tried, before, after, hidden)
}
