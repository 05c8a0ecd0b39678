//! Type a text, or two, and see which number the model gives: before training beside after.

use hone_core::task;
use hone_core::task::regression::Prediction;
use leptos::prelude::*;

use crate::components::text_area;
use crate::format;
use crate::pages::ask::{answer, ask, second_text, typing};
use crate::pages::frame::{frame, missing};
use crate::pages::of_run::of_run;
use crate::state::{Step, Store, Tried};

const LEAD: &str = "Type a text like those the model will get, and see which number it gives.";

pub(in crate::tasks) fn page(store: Store) -> AnyView {
    let content = view! {
        {move || missing(store, Step::Try)}
        {of_run(store)}
        {text_area("Text", "try-text", "4", true, store.try_text, typing(store, store.try_text))}
        {second_text(store)}
        {ask(store)}
        {move || store.tried.get().map(|tried| numbers(store, &tried))}
    };
    frame(store, Step::Try, LEAD, content.into_any())
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
