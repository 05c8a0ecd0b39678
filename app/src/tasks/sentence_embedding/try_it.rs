//! Type two texts, and see how similar they are to the model; or one, and see which rows are nearest to it: before training
//! beside after.

use std::sync::Arc;

use hone_core::task;
use hone_core::task::{NearText, NearestTexts};
use leptos::prelude::*;

use crate::charts::{Bar, Bars};
use crate::components::{Button, Cell, table, text_area};
use crate::format;
use crate::pages::ask::{answer, ask, can_predict, typing};
use crate::pages::frame::{frame, missing};
use crate::pages::of_run::of_run;
use crate::state::{Nearest, Step, Store, Tried};

const LEAD: &str =
    "Type two texts, and see how similar they are to the model; or one text, and find the rows that are nearest to it.";

/// Characters of a text in a table.
const MAX_CHARS: usize = 160;

pub(in crate::tasks) fn page(store: Store) -> AnyView {
    let second = typing(store, store.try_second);
    let content = view! {
        {move || missing(store, Step::Try)}
        {of_run(store)}
        {text_area("Text", "try-text", "4", true, store.try_text, typing(store, store.try_text))}
        {text_area("Second text", "try-second", "4", true, store.try_second, second)}
        {ask(store)}
        {move || store.tried.get().map(|tried| similarities(store, &tried))}
        {nearest_rows(store)}
    };
    frame(store, Step::Try, LEAD, content.into_any())
}

/// From -1 to 1; `None` where there is no second text, or no answer of this kind.
fn similarity(answer: Option<&task::Prediction>) -> Option<f32> {
    match answer {
        Some(task::Prediction::SentenceEmbedding(prediction)) => prediction.similarity,
        _ => None,
    }
}

fn similarities(store: Store, tried: &Tried) -> AnyView {
    let view = |similarity: Option<f32>, label: &'static str| match similarity {
        Some(similarity) => {
            let (share, text) = (f64::from(similarity), format!("{similarity:.3}"));
            let bars = vec![Bar { label: "Similarity".into(), share, text, is_strong: true }];
            view! { <Bars bars=bars label=label /> }.into_any()
        }
        None => view! { <p class="hint">"Type a second text to compare this one with."</p> }.into_any(),
    };
    let before = view(similarity(tried.base.as_ref()), "Similarity before training");
    let after = tried.tuned.as_ref().map(|tuned| {
        let found = similarity(Some(tuned));
        (view(found, "Similarity after training"), found.map(|similarity| format!("{similarity:.6}")))
    });
    answer(store, tried, before, after, None)
}

/// The button that looks for the nearest rows, and what it found. Of several tasks at once the rows are the run's alone.
fn nearest_rows(store: Store) -> AnyView {
    let found: RwSignal<Option<Arc<Nearest>>> = RwSignal::new(None);
    let is_blank = move || store.try_text.with(|text| text.trim().is_empty());
    let cannot_find = Signal::derive(move || !can_predict(store) || store.predicting.get() || is_blank());
    let on_find = Callback::new(move |()| store.find_nearest(found));
    let is_shown = Memo::new(move |_| {
        let has_rows = store.model.info.with(Option::is_some) && store.data.report.with(Option::is_some);
        has_rows && store.shown_part.with(Option::is_none)
    });
    let text = "Find the rows nearest to the text";
    let button = move || {
        view! { <div class="row"><Button id="find-nearest" text=text disabled=cannot_find on_press=on_find /></div> }
            .into_any()
    };
    view! {
        {move || is_shown.get().then(button)}
        {move || found.get().map(|found| nearest(&found))}
    }
    .into_any()
}

fn nearest(found: &Nearest) -> AnyView {
    let side = |found: &NearestTexts, title: &'static str, id: &'static str| {
        let row = |near: &NearText| {
            let similarity = Cell::number(format!("{:.3}", near.similarity));
            let text = Cell::new("text", format::shortened(&near.text, MAX_CHARS));
            vec![similarity, Cell::number(format::count(near.row)), text]
        };
        let rows = found.nearest.iter().map(row).collect();
        view! { <div class="panel"><h4>{title}</h4>{table(title, id, &["Similarity", "Row", "Text"], rows)}</div> }
            .into_any()
    };
    let tuned = found.tuned.as_ref().map(|tuned| side(tuned, "Nearest after training", "nearest-tuned"));
    view! {
        <h3>"The training rows nearest to the text"</h3>
        <p class="quoted">{format::shortened(&found.text, 300)}</p>
        <p class="hint" data-testid="nearest-searched">{searched(&found.base)}</p>
        <div class="columns">{side(&found.base, "Nearest before training", "nearest-base")} {tuned}</div>
    }
    .into_any()
}

/// How much was looked through.
fn searched(found: &NearestTexts) -> String {
    let all = format::plural(found.num_texts, "text");
    if found.num_searched == found.num_texts {
        return format!("The texts of all training rows were looked through: {all}.");
    }
    let some = format::count(found.num_searched);
    format!("{some} of the {all} of the training rows were looked through, spread evenly: others may be nearer.")
}

#[cfg(test)]
mod tests {
    use hone_core::task::sentence_embedding::Prediction;

    use super::*;

    #[test]
    fn only_two_texts_have_a_similarity() {
        let predicted =
            |similarity| task::Prediction::SentenceEmbedding(Prediction { embedding: vec![1.0], similarity });
        assert_eq!(similarity(Some(&predicted(Some(0.5)))), Some(0.5));
        assert_eq!(similarity(Some(&predicted(None))), None);
        assert_eq!(similarity(None), None);
    }

    #[test]
    fn what_was_left_out_of_a_search_is_said() {
        let of = |num_searched, num_texts| searched(&NearestTexts { num_searched, num_texts, nearest: Vec::new() });
        assert_eq!(of(90, 90), "The texts of all training rows were looked through: 90 texts.");
        assert!(of(500, 1200).starts_with("500 of the 1,200 texts"), "{}", of(500, 1200));
    }
}
