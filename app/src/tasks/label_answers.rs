//! Which label an input is given, before training beside after: bars of probabilities.

use hone_core::task::EvaluationDetail;
use leptos::prelude::*;

use crate::charts::{Bar, Bars};
use crate::format;
use crate::pages::ask::answer;
use crate::state::{Store, Tried};

/// Labels shown.
const MAX_LABELS: usize = 10;

/// The temperature that the trained model answers with, where it was measured.
fn temperature(store: Store) -> Option<f64> {
    let measured = store.measured_tuned.get()?;
    let part = store.measured_part.get();
    let evaluation = match (&measured.evaluation.detail, part) {
        (EvaluationDetail::Several(detail), Some(part)) => detail.part(&part.name)?,
        _ => &measured.evaluation,
    };
    Some(evaluation.of_classes()?.calibration.as_ref()?.applied?.temperature)
}

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
    let unsure = store.unsure_below().filter(|below| {
        let highest = leading.iter().copied().fold(0.0, f32::max);
        !tuned.is_empty() && f64::from(highest) < *below
    });
    let unsure = unsure.map(|below| {
        let text = format!("Unsure: no label has a probability of {:.0} % or more.", below * 100.0);
        view! { <p class="note" data-testid="try-unsure">{text}</p> }
    });
    let num_hidden = tried.labels.len().saturating_sub(MAX_LABELS);
    let hidden =
        (num_hidden > 0).then(|| format!("Not shown: {} of lower probability.", format::plural(num_hidden, "label")));
    let winner = order.first().map(|&id| tried.labels[id].clone());
    let before = bars(base, "Probabilities before training");
    let after = (!tuned.is_empty()).then(|| (bars(tuned, "Probabilities after training"), winner));
    let hidden = hidden.map(|text| view! { <p class="hint">{text}</p> });
    let cooled = temperature(store).filter(|_| !tuned.is_empty()).map(|temperature| {
        let text = format!(
            "After training, logits are divided by the temperature {temperature:.2} that the validation rows gave."
        );
        view! { <p class="hint">{text}</p> }
    });
    answer(store, tried, before, after, Some(view! { {unsure} {cooled} {hidden} }.into_any()))
}
