//! Type a text, and see the names that the model finds in it: before training beside after.

use hone_core::task;
use leptos::prelude::*;

use super::marks::{covered, marked};
use crate::pages::ask::{answer, ask_page, text};
use crate::state::{Store, Tried};

const LEAD: &str = "Type a text like those the model will get, and see which names and terms it finds.";

pub(in crate::tasks) fn page(store: Store) -> AnyView {
    ask_page(store, LEAD, text(store), spans)
}

fn spans(store: Store, tried: &Tried) -> AnyView {
    let side = |answer: Option<&task::Prediction>| match answer {
        Some(task::Prediction::TokenClassification(found)) => {
            let names = found.spans.iter().map(|span| format!("{}: {}", span.label, covered(&found.text, span)));
            let names = names.collect::<Vec<_>>().join("; ");
            let none = found.spans.is_empty().then(|| view! { <p class="hint">"It finds nothing."</p> });
            let text = marked(&found.text, &found.spans, |_| false);
            Some((view! { {text} {none} }.into_any(), Some(names)))
        }
        _ => None,
    };
    let before = side(tried.base.as_ref()).map(|(view, _)| view);
    answer(store, tried, before.into_any(), side(tried.tuned.as_ref()), None)
}
