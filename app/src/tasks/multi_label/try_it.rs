//! Type a text, or two, and see which labels the model gives: before training beside after.

use hone_core::task;
use hone_core::task::multi_label::Prediction;
use leptos::prelude::*;

use crate::charts::{Bar, Bars};
use crate::format;
use crate::pages::ask::{answer, ask_page, texts};
use crate::state::{Store, Tried};

const LEAD: &str = "Type a text like those the model will get, and see which labels it gives.";

/// Labels shown.
const MAX_LABELS: usize = 20;

pub(in crate::tasks) fn page(store: Store) -> AnyView {
    ask_page(store, LEAD, texts(store), labels)
}

fn labels(store: Store, tried: &Tried) -> AnyView {
    let base = prediction(tried.base.as_ref());
    let tuned = prediction(tried.tuned.as_ref());
    let order = order_of(tuned.or(base), tried.labels.len());
    let bars = |of: Option<&Prediction>, label: &'static str| {
        let bars = of.map(|of| bars_of(of, &order, &tried.labels)).unwrap_or_default();
        view! { <Bars bars=bars label=label /> }.into_any()
    };
    let after = tuned.map(|tuned| {
        let given: Vec<&str> = tuned.given().into_iter().map(|id| tried.labels[id].as_str()).collect();
        (bars(Some(tuned), "Probabilities after training"), Some(given.join(";")))
    });
    let num_hidden = tried.labels.len().saturating_sub(MAX_LABELS);
    let hidden = (num_hidden > 0).then(|| {
        let text = format!("Not shown: {} of lower probability.", format::plural(num_hidden, "label"));
        view! { <p class="hint">{text}</p> }
    });
    let below = view! {
        <p class="hint">"A label in colour is given: its probability reaches its threshold."</p>
        {hidden}
    };
    answer(store, tried, bars(base, "Probabilities before training"), after, Some(below.into_any()))
}

fn prediction(answer: Option<&task::Prediction>) -> Option<&Prediction> {
    match answer {
        Some(task::Prediction::MultiLabel(prediction)) => Some(prediction),
        _ => None,
    }
}

/// Ids of the labels that are shown, the most probable first.
fn order_of(leading: Option<&Prediction>, num_labels: usize) -> Vec<usize> {
    let probability = |id: usize| leading.and_then(|one| one.probabilities.get(id).copied()).unwrap_or(0.0);
    let mut order: Vec<usize> = (0..num_labels).collect();
    order.sort_by(|&a, &b| probability(b).total_cmp(&probability(a)));
    order.truncate(MAX_LABELS);
    order
}

/// A bar a label, in colour where the label is given.
fn bars_of(prediction: &Prediction, order: &[usize], labels: &[String]) -> Vec<Bar> {
    let given = prediction.given();
    let bar = |&id: &usize| {
        let probability = prediction.probabilities.get(id).copied().map_or(0.0, f64::from);
        let threshold = prediction.thresholds.get(id).copied().unwrap_or(f64::NAN);
        Bar {
            label: labels[id].clone(),
            share: probability,
            text: format!("{} (from {})", format::percent(probability), format::percent(threshold)),
            is_strong: given.contains(&id),
        }
    };
    order.iter().map(bar).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_that_reach_their_thresholds_are_strong_and_the_most_probable_come_first() {
        let prediction = Prediction { probabilities: vec![0.25, 0.75, 0.5], thresholds: vec![0.125, 0.875, 0.5] };
        let labels = ["a", "b", "c"].map(String::from);
        let order = order_of(Some(&prediction), 3);
        assert_eq!((order.as_slice(), order_of(None, 2)), (&[1, 2, 0][..], vec![0, 1]));
        let bars = bars_of(&prediction, &order, &labels);
        let seen: Vec<_> = bars.iter().map(|bar| (bar.label.as_str(), bar.is_strong)).collect();
        assert_eq!(seen, [("b", false), ("c", true), ("a", true)]);
        assert_eq!(bars[0].text, "75.0 % (from 87.5 %)");
    }
}
