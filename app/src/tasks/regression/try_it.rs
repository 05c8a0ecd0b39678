//! Type a text, or two, and see which number the model gives: before training beside after.

use hone_core::task;
use hone_core::task::regression::Prediction;
use leptos::prelude::*;

use crate::format;
use crate::pages::ask::{answer, ask_page, texts};
use crate::state::{Store, Tried};

const LEAD: &str = "Type a text like those the model will get, and see which number it gives.";

pub(in crate::tasks) fn page(store: Store) -> AnyView {
    ask_page(store, LEAD, texts(store), numbers)
}

fn numbers(store: Store, tried: &Tried) -> AnyView {
    let of = |answer: Option<&task::Prediction>| match answer {
        Some(task::Prediction::Regression(Prediction { numbers })) => Some(numbers.clone()),
        _ => None,
    };
    let list = |numbers: Vec<f32>| {
        let row = |(label, number): (&String, f32)| {
            let number = format::significant(f64::from(number));
            view! { <div><dt>{label.clone()}</dt><dd>{number}</dd></div> }.into_any()
        };
        let rows = tried.labels.iter().zip(numbers).map(row).collect_view();
        view! { <dl class="pairs">{rows}</dl> }.into_any()
    };
    let after = of(tried.tuned.as_ref()).map(|numbers| {
        let value = numbers.iter().map(f32::to_string).collect::<Vec<_>>().join(" ");
        (list(numbers), Some(value))
    });
    answer(store, tried, list(of(tried.base.as_ref()).unwrap_or_default()), after, None)
}
