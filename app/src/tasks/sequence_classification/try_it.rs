//! Type a text, or two, and see which label the model chooses: before training beside after.

use hone_core::task;
use hone_core::task::sequence_classification::Prediction;
use leptos::prelude::*;

use crate::pages::ask::{ask_page, texts};
use crate::state::{Store, Tried};
use crate::tasks::label_answers::label_answers;

const LEAD: &str = "Type a text like those the model will get, and see which label it chooses.";

pub(in crate::tasks) fn page(store: Store) -> AnyView {
    ask_page(store, LEAD, texts(store), labels)
}

/// Probabilities in the order of the labels; none where there is no answer of this kind.
fn probabilities(answer: Option<&task::Prediction>) -> &[f32] {
    match answer {
        Some(task::Prediction::SequenceClassification(Prediction { probabilities, .. })) => probabilities,
        _ => &[],
    }
}

fn labels(store: Store, tried: &Tried) -> AnyView {
    label_answers(store, tried, probabilities(tried.base.as_ref()), probabilities(tried.tuned.as_ref()))
}
