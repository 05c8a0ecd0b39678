//! Type two texts, and see how similar they are to the model: before training beside after.

use hone_core::task;
use leptos::prelude::*;

use crate::charts::{Bar, Bars};
use crate::components::text_area;
use crate::pages::ask::{answer, ask, typing};
use crate::pages::frame::{frame, missing};
use crate::pages::of_run::of_run;
use crate::state::{Step, Store, Tried};

const LEAD: &str = "Type two texts, and see how similar they are to the model.";

pub(super) fn page(store: Store) -> AnyView {
    let second = typing(store, store.try_second);
    let content = view! {
        {move || missing(store, Step::Try)}
        {of_run(store)}
        {text_area("Text", "try-text", "4", true, store.try_text, typing(store, store.try_text))}
        {text_area("Second text", "try-second", "4", true, store.try_second, second)}
        {ask(store)}
        {move || store.tried.get().map(|tried| similarities(store, &tried))}
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
}
