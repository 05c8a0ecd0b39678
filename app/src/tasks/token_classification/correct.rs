//! The words of a sentence whose tags are corrected: words are chosen by the arrows or pressed, and get a type by a digit or letters.
//! In: the words with their tags, and what the model found. Out: the same words with other tags. Which key does what is plain, tested
//! natively.

use std::collections::BTreeSet;
use std::ops::Range;
use std::sync::Arc;

use hone_core::metrics::EntitySpan;
use leptos::prelude::*;
use web_sys::KeyboardEvent;

use crate::browser;
use crate::components::{Button, ClassAct, class_box};
use crate::format;
use crate::state::Store;
use crate::state::corrections::{BOX_ID, tags};

pub(in crate::tasks) const KEYS: &str = "The arrows left and right choose a word, with Shift several; up and down go from name to name. A \
    digit or letters with Enter give what is chosen a type, Delete takes it away, = takes the model's answer. Enter alone keeps the \
    sentence, Escape leaves it as it is.";

/// What a key does beside those of the types.
#[derive(Debug, Clone, PartialEq, Eq)]
enum WordAct {
    /// These words are chosen: the one where the choice began, and the one where it ends.
    Choose(usize, usize),
    /// What is chosen is nothing.
    Clear,
    /// The sentence is what the model found.
    Predicted,
}

fn act_of(
    key: &str,
    has_shift: bool,
    (anchor, cursor): (usize, usize),
    count: usize,
    entities: &[EntitySpan],
) -> Option<WordAct> {
    let to = |cursor: usize| Some(WordAct::Choose(if has_shift { anchor } else { cursor }, cursor));
    let whole = |entity: Option<&EntitySpan>| entity.map(|entity| WordAct::Choose(entity.start, entity.end - 1));
    let chosen = range_of((anchor, cursor));
    match key {
        "ArrowLeft" => to(cursor.saturating_sub(1)),
        "ArrowRight" => to((cursor + 1).min(count.saturating_sub(1))),
        "Home" => to(0),
        "End" => to(count.saturating_sub(1)),
        "ArrowDown" => whole(entities.iter().find(|entity| entity.start > chosen.start)),
        "ArrowUp" => whole(entities.iter().rfind(|entity| entity.start < chosen.start)),
        "Delete" => Some(WordAct::Clear),
        "=" => Some(WordAct::Predicted),
        _ => None,
    }
}

fn range_of((anchor, cursor): (usize, usize)) -> Range<usize> {
    anchor.min(cursor)..anchor.max(cursor) + 1
}

/// What is chosen, for whoever does not see it.
fn describe(values: &[String], chosen: (usize, usize)) -> String {
    let range = range_of(chosen);
    let (words, entities) = (tags::words(values), tags::entities(values));
    let text = words.get(range.clone()).map_or_else(String::new, |words| words.join(" "));
    let types: Vec<&str> = entities
        .iter()
        .filter(|entity| entity.start < range.end && entity.end > range.start)
        .map(|entity| entity.label.as_str())
        .collect();
    let is = if types.is_empty() { "nothing".to_owned() } else { types.join(", ") };
    let place = match range.len() {
        1 => format!("Word {}", range.end),
        _ => format!("Words {} to {}", range.start + 1, range.end),
    };
    format!("{place} of {}: “{text}”, {is}", values.len())
}

/// The words, and the box of the types; `on_keep` is called once the sentence is to be kept.
pub(in crate::tasks) fn words(
    store: Store,
    values: RwSignal<Vec<String>>,
    predicted: Vec<String>,
    names: &Arc<Vec<String>>,
    waits: Signal<bool>,
    on_keep: Callback<()>,
) -> AnyView {
    let layout = StoredValue::new(untrack(|| store.tag_layout()));
    let predicted = StoredValue::new(predicted);
    let first =
        values.with_untracked(|values| tags::entities(values).first().map(|entity| (entity.start, entity.end - 1)));
    let chosen = RwSignal::new(first.unwrap_or((0, 0)));
    let give = move |label: Option<String>| {
        let range = range_of(chosen.get_untracked());
        values.update(|values| {
            let given = layout.with_value(|layout| layout.give(&tags::tags(values), range, label.as_deref()));
            *values = tags::with_tags(values, &given);
        });
    };
    let act = move |act: WordAct| match act {
        WordAct::Choose(anchor, cursor) => chosen.set((anchor, cursor)),
        WordAct::Clear => give(None),
        WordAct::Predicted => {
            values.update(|values| *values = tags::with_tags(values, &tags::tags(&predicted.get_value())));
        }
    };
    let on_key = move |event: KeyboardEvent| {
        if event.ctrl_key() || event.meta_key() || event.alt_key() || waits.get_untracked() {
            return;
        }
        let found = values.with_untracked(|values| {
            let (count, entities) = (values.len(), tags::entities(values));
            act_of(&event.key(), event.shift_key(), chosen.get_untracked(), count, &entities)
        });
        if let Some(found) = found {
            event.prevent_default();
            event.stop_propagation();
            act(found);
        }
    };
    // What is typed in the box is taken back by Escape first.
    let on_escape = move |event: KeyboardEvent| {
        if event.key() == "Escape" && !event.default_prevented() {
            store.close_correction();
        }
    };
    let on_class = Callback::new(move |class: ClassAct| match class {
        ClassAct::Choose(label) => give(Some(label)),
        ClassAct::Back => give(None),
        ClassAct::Done => on_keep.run(()),
        ClassAct::Skip => {}
    });
    let on_predicted = Callback::new(move |()| act(WordAct::Predicted));
    let names = types_with_new(values, names, untrack(|| store.types_by_hand()));
    let of_chosen = Signal::derive(move || {
        let range = range_of(chosen.get());
        let entities = values.with(|values| tags::entities(values));
        let is_chosen = |entity: &EntitySpan| entity.start < range.end && entity.end > range.start;
        entities.into_iter().filter(is_chosen).map(|entity| entity.label).collect::<Vec<String>>()
    });
    let said = move || values.with(|values| describe(values, chosen.get()));
    view! {
        <div on:keydown:capture=on_key on:keydown=on_escape>
            {sentence(values, chosen)}
            <p class="hint" role="status" data-testid="correct-words-chosen">{said}</p>
            {class_box(BOX_ID, "The type of the words that are chosen", names, of_chosen, waits, true, on_class)}
            <div class="row">
                <Button id="correct-predicted" text="Take the model's answer" waits=waits on_press=on_predicted />
            </div>
        </div>
    }
    .into_any()
}

/// The types with those that a person made up: in other sentences (`by_hand`), then in this one.
fn types_with_new(
    values: RwSignal<Vec<String>>,
    names: &Arc<Vec<String>>,
    by_hand: BTreeSet<String>,
) -> Signal<Arc<Vec<String>>> {
    let known = with_new(names, by_hand);
    let all = Memo::new(move |_| {
        let of_this = values.with(|values| tags::entities(values)).into_iter().map(|entity| entity.label);
        Arc::new(with_new(&known, of_this))
    });
    all.into()
}

/// Names, and behind them those that are new.
fn with_new(names: &[String], more: impl IntoIterator<Item = String>) -> Vec<String> {
    let mut all = names.to_vec();
    for name in more {
        if !all.contains(&name) {
            all.push(name);
        }
    }
    all
}

/// The words of the sentence; each can be pressed, with Shift all up to it.
fn sentence(values: RwSignal<Vec<String>>, chosen: RwSignal<(usize, usize)>) -> AnyView {
    let words = move || {
        let (words, entities) = values.with(|values| (tags::words(values), tags::entities(values)));
        let word = |(index, word): (usize, String)| {
            let entity = entities.iter().find(|entity| (entity.start..entity.end).contains(&index));
            let label = entity.filter(|entity| entity.end == index + 1).map(|entity| entity.label.clone());
            let class = if entity.is_some() { "tagged span" } else { "tagged" };
            let is_chosen = move || if range_of(chosen.get()).contains(&index) { "true" } else { "false" };
            let on_click = move |event: web_sys::MouseEvent| {
                chosen.update(|chosen| *chosen = (if event.shift_key() { chosen.0 } else { index }, index));
                browser::focus_element(BOX_ID);
            };
            view! {
                <button type="button" class=class tabindex="-1" aria-pressed=is_chosen on:click=on_click>
                    {format::shortened(&word, MAX_WORD)}
                    {label.map(|label| view! { " " <small>{label}</small> })}
                </button>
                " "
            }
            .into_any()
        };
        words.into_iter().enumerate().map(word).collect_view()
    };
    view! { <p class="spans" data-testid="correct-words">{words}</p> }.into_any()
}

/// Characters of a word that are shown.
const MAX_WORD: usize = 60;

#[cfg(test)]
mod tests {
    use super::*;

    fn entities() -> Vec<EntitySpan> {
        let entity = |start, end| EntitySpan { start, end, label: "PER".into() };
        vec![entity(1, 3), entity(5, 6)]
    }

    #[test]
    fn arrows_choose_words_and_names() {
        let act = |key, has_shift, chosen| act_of(key, has_shift, chosen, 7, &entities());
        let choose = |from, to| Some(WordAct::Choose(from, to));
        assert_eq!([act("ArrowLeft", false, (0, 0)), act("ArrowRight", false, (6, 6))], [choose(0, 0), choose(6, 6)]);
        assert_eq!([act("ArrowRight", true, (2, 2)), act("ArrowLeft", true, (2, 2))], [choose(2, 3), choose(2, 1)]);
        assert_eq!(act("ArrowRight", false, (2, 4)), choose(5, 5), "the choice begins anew");
        assert_eq!([act("Home", false, (3, 3)), act("End", true, (3, 3))], [choose(0, 0), choose(3, 6)]);
        assert_eq!([act("ArrowDown", false, (0, 0)), act("ArrowDown", false, (1, 2))], [choose(1, 2), choose(5, 5)]);
        assert_eq!([act("ArrowUp", false, (5, 5)), act("ArrowUp", false, (1, 2))], [choose(1, 2), None]);
        assert_eq!(
            [act("Delete", false, (0, 0)), act("=", false, (0, 0))],
            [Some(WordAct::Clear), Some(WordAct::Predicted)]
        );
        assert_eq!([act("1", false, (0, 0)), act("Enter", false, (0, 0)), act("p", false, (0, 0))], [None, None, None]);
    }

    #[test]
    fn types_that_a_person_made_up_come_behind_the_others_and_once() {
        let names = ["LOC", "PER"].map(str::to_owned);
        assert_eq!(with_new(&names, ["PER", "ART", "ART"].map(str::to_owned)), ["LOC", "PER", "ART"]);
    }

    #[test]
    fn it_is_said_what_is_chosen() {
        let values = ["in\tO", "New\tB-LOC", "York\tI-LOC"].map(str::to_owned);
        assert_eq!(describe(&values, (0, 0)), "Word 1 of 3: “in”, nothing");
        assert_eq!(describe(&values, (2, 1)), "Words 2 to 3 of 3: “New York”, LOC");
    }
}
