//! Type a text, or two, and see which label the model chooses: before training beside after.

use hone_core::task;
use hone_core::task::sequence_classification::Prediction;
use leptos::prelude::*;

use crate::components::text_area;
use crate::pages::ask::{ask, second_text, typing};
use crate::pages::frame::{frame, missing};
use crate::pages::of_run::of_run;
use crate::state::{Step, Store, Tried};
use crate::tasks::label_answers::label_answers;

const LEAD: &str = "Type a text like those the model will get, and see which label it chooses.";

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
        Some(task::Prediction::SequenceClassification(Prediction { probabilities, .. })) => probabilities,
        _ => &[],
    }
}

fn labels(store: Store, tried: &Tried) -> AnyView {
    label_answers(store, tried, probabilities(tried.base.as_ref()), probabilities(tried.tuned.as_ref()))
}
