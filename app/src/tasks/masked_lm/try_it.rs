//! Type a text with blanks, and see which tokens the model would write there: before training beside after.

use hone_core::task;
use hone_core::task::masked_lm::{BLANKS, Fill};
use leptos::prelude::*;

use crate::charts::{Bar, Bars};
use crate::components::text_area;
use crate::format;
use crate::pages::ask::{answer, ask_page, typing};
use crate::state::{Store, Tried};

const LEAD: &str = "Write [MASK] where a word is missing, and see which words the model expects there.";

pub(in crate::tasks) fn page(store: Store) -> AnyView {
    let asking = typing(store, store.try_text);
    // A text without a blank is not finished yet.
    let on_input = Callback::new(move |text: String| match BLANKS.iter().any(|blank| text.contains(blank)) {
        true => asking.run(text),
        false => store.try_text.set(text),
    });
    let field = text_area("Text with a blank", "try-text", "4", true, store.try_text, on_input);
    ask_page(store, LEAD, field, fills)
}

/// What fills each blank, the best first; none where there is no answer of this kind.
fn blanks_of(answer: Option<&task::Prediction>) -> &[Vec<Fill>] {
    match answer {
        Some(task::Prediction::MaskedLm(prediction)) => &prediction.blanks,
        _ => &[],
    }
}

/// The best token of each blank.
fn best(blanks: &[Vec<Fill>]) -> String {
    let tokens = blanks.iter().filter_map(|fills| fills.first()).map(|fill| fill.token.as_str());
    tokens.collect::<Vec<_>>().join(" ")
}

fn fills(store: Store, tried: &Tried) -> AnyView {
    let (base, tuned) = (blanks_of(tried.base.as_ref()), blanks_of(tried.tuned.as_ref()));
    let before = bars(base, "Tokens before training");
    let after = (!tuned.is_empty()).then(|| (bars(tuned, "Tokens after training"), Some(best(tuned))));
    answer(store, tried, before, after, None)
}

fn bars(blanks: &[Vec<Fill>], label: &'static str) -> AnyView {
    let one = |(index, fills): (usize, &Vec<Fill>)| {
        let bar = |(rank, fill): (usize, &Fill)| Bar {
            label: fill.token.clone(),
            share: f64::from(fill.probability),
            text: format::percent(f64::from(fill.probability)),
            is_strong: rank == 0,
        };
        let bars = fills.iter().enumerate().map(bar).collect();
        let title = (blanks.len() > 1).then(|| format!("Blank {}", index + 1));
        view! {
            {title.map(|title| view! { <p class="hint">{title}</p> })}
            <Bars bars=bars label=label />
        }
    };
    blanks.iter().enumerate().map(one).collect_view().into_any()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_best_token_of_each_blank_is_the_answer() {
        let fill = |token: &str| Fill { token: token.into(), probability: 0.5 };
        let blanks = vec![vec![fill("calm"), fill("wild")], vec![fill("sea")]];
        let prediction = task::Prediction::MaskedLm(task::masked_lm::Prediction { blanks });
        assert_eq!(best(blanks_of(Some(&prediction))), "calm sea");
        assert!(blanks_of(None).is_empty());
    }
}
