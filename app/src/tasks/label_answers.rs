//! Which label an input is given, before training beside after: bars of probabilities.

use leptos::prelude::*;

use crate::charts::{Bar, Bars};
use crate::format;
use crate::pages::ask::answer;
use crate::state::{Store, Tried};

/// Labels shown.
const MAX_LABELS: usize = 10;

/// Bars of the probabilities of the labels; `tuned` is empty where nothing was trained.
pub(super) fn label_answers(store: Store, tried: &Tried, base: &[f32], tuned: &[f32]) -> AnyView {
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
