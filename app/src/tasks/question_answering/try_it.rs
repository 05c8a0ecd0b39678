//! Paste a text, ask a question, and see the answer marked in it: before training beside after.

use hone_core::task;
use hone_core::task::question_answering::{Excerpt, Prediction};
use leptos::prelude::*;

use super::marks::marked;
use super::mistakes::NO_ANSWER;
use crate::charts::{Bar, Bars};
use crate::components::text_area;
use crate::format;
use crate::pages::ask::{answer, ask_page, typing};
use crate::state::{Store, Tried};

const LEAD: &str = "Paste a text, ask a question about it, and see where in it the model finds the answer.";

/// Characters of an answer beside its bar.
const MAX_ANSWER_CHARS: usize = 80;

pub(in crate::tasks) fn page(store: Store) -> AnyView {
    // A question without a text has no answer yet, nor has a text without a question.
    let on_input = move |field: RwSignal<String>, other: RwSignal<String>| {
        let asking = typing(store, field);
        Callback::new(move |text: String| match other.with_untracked(|other| other.trim().is_empty()) {
            true => field.set(text),
            false => asking.run(text),
        })
    };
    let (on_text, on_question) =
        (on_input(store.try_second, store.try_text), on_input(store.try_text, store.try_second));
    let fields = view! {
        {text_area("Text", "try-second", "8", true, store.try_second, on_text)}
        {text_area("Question", "try-text", "2", true, store.try_text, on_question)}
    };
    ask_page(store, LEAD, fields.into_any(), answers)
}

/// What was answered; nothing where there is no answer of this kind.
fn found(answer: Option<&task::Prediction>) -> Option<&Prediction> {
    match answer {
        Some(task::Prediction::QuestionAnswering(found)) => Some(found),
        _ => None,
    }
}

fn answers(store: Store, tried: &Tried) -> AnyView {
    let text = tried.second.clone().unwrap_or_default();
    let side = |prediction: &Prediction, label: &'static str| {
        let given = prediction.given().map(|best| best.text.clone()).unwrap_or_default();
        (shown(&text, prediction, label), Some(given))
    };
    let before = found(tried.base.as_ref()).map(|prediction| side(prediction, "Answers before training").0);
    let after = found(tried.tuned.as_ref()).map(|prediction| side(prediction, "Answers after training"));
    // The text stands in both answers.
    let tried = Tried { second: None, ..tried.clone() };
    answer(store, &tried, before.into_any(), after, None)
}

/// The answer with its score, where it stands in the text, and the runners-up.
fn shown(text: &str, prediction: &Prediction, label: &'static str) -> AnyView {
    let given = prediction.given();
    let head = match given {
        Some(best) => best.text.clone(),
        None => "The text holds no answer.".into(),
    };
    let score = format::percent(given.map_or(prediction.no_answer, |best| best.score));
    let whole = Excerpt { text: text.to_owned(), start: 0, is_cut: false };
    let bars = bars(prediction);
    view! {
        <p><strong>{head}</strong> <span class="hint">{format!(" {score}")}</span></p>
        {marked(&whole, given.map(|best| (best.start, best.end)), None)}
        <Bars bars=bars label=label />
    }
    .into_any()
}

/// The likeliest answers and "no answer", the likeliest first.
fn bars(prediction: &Prediction) -> Vec<Bar> {
    let bar = |label: String, score: f64, is_strong: bool| Bar {
        label,
        share: score,
        text: format::percent(score),
        is_strong,
    };
    let answers = prediction.answers.iter().enumerate().map(|(index, found)| {
        let label = format::shortened(&found.text, MAX_ANSWER_CHARS);
        bar(label, found.score, index == 0 && prediction.is_answered)
    });
    let none = bar(NO_ANSWER.into(), prediction.no_answer, !prediction.is_answered);
    let mut bars: Vec<Bar> = answers.chain([none]).collect();
    bars.sort_by(|one, other| other.share.total_cmp(&one.share));
    bars
}

#[cfg(test)]
mod tests {
    use hone_core::task::question_answering::FoundAnswer;

    use super::*;

    #[test]
    fn the_likeliest_come_first_and_what_is_given_stands_out() {
        let answer = |text: &str, score: f64| FoundAnswer { text: text.into(), start: 0, end: 1, score };
        let answers = vec![answer("Ann", 0.5), answer("Bob", 0.125)];
        let of = |is_answered: bool| {
            let bars = bars(&Prediction { answers: answers.clone(), no_answer: 0.25, is_answered });
            bars.into_iter().map(|bar| (bar.label, bar.is_strong)).collect::<Vec<_>>()
        };
        let names = [("Ann", true), (NO_ANSWER, false), ("Bob", false)];
        assert_eq!(of(true), names.map(|(name, is_strong)| (name.to_owned(), is_strong)));
        assert!(of(false)[1].1 && !of(false)[0].1);
    }
}
