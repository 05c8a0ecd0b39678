//! Copies of training rows that the loaded model makes, before a run: words that it fills in, or texts that it translates and translates
//! back. In: how many, and what tells the model to translate. Out: copies that are kept with the rows; or why it makes none.

use hone_core::config::{CopyMethod, MadeCopies, Translation};
use hone_core::task::{HeadKind, Task};
use leptos::prelude::*;

use crate::components::{Button, TextInput, counted};
use crate::format;
use crate::state::Store;

/// What tasks read whose rows have such copies.
pub(super) const COPIES: &str = "copies";

/// Copies of a row, at most.
const MAX_COPIES: u32 = 16;

const LEAD_MASKED: &str = "Some words of each training text become what this model thinks likely in their place: one in ten, or the share \
                           that the recipe names where it augments texts, too. The seed is that of the recipe.";

const LEAD_TRANSLATED: &str = "Each source to train on is translated and translated back by this model, and keeps its target. That takes \
                               seconds a row. Say what tells the model to translate, as it was trained; a model of one pair of \
                               languages needs nothing there, and can't translate back.";

const KEPT: &str = "Copies are made before a run and kept with the project, so that every run learns from the same. New ones take the \
                    place of those that there are. They go into the job file of an export, as edits of rows do.";

const NO_HEAD: &str = "This model can't make copies by filling in words: its files hold no head for that. A sentence encoder, such as \
                       all-MiniLM-L6-v2, has none; a base, such as distilbert-base-uncased, bert-base-uncased or roberta-base, brings its \
                       own.";

/// What is typed.
#[derive(Clone, Copy)]
struct Typed {
    num_copies: RwSignal<String>,
    there: RwSignal<String>,
    back: RwSignal<String>,
}

/// The panel; nothing without rows, or without a model.
pub(super) fn panel(store: Store, task: Task) -> AnyView {
    let usual = Translation::default();
    // Made here: the panel is built anew with every reading of the rows.
    let typed = Typed {
        num_copies: RwSignal::new("1".to_owned()),
        there: RwSignal::new(usual.there),
        back: RwSignal::new(usual.back),
    };
    let is_translated = task.spec().head == HeadKind::Seq2seqLm;
    let can_make = Memo::new(move |_| {
        let has_rows = store.data.report.with(|report| report.as_ref().is_some_and(|report| report.split_sizes[0] > 0));
        let fills_blanks = store.model.info.with(|info| info.as_ref().map(|info| info.fills_blanks))?;
        (has_rows && !store.parts.are_several()).then_some(is_translated || fills_blanks)
    });
    let content = move || can_make.get().map(|can_make| content(store, typed, is_translated, can_make));
    view! { {content} }.into_any()
}

fn content(store: Store, typed: Typed, is_translated: bool, can_make: bool) -> AnyView {
    let controls = can_make.then(|| controls(store, typed, is_translated));
    let lead = match (can_make, is_translated) {
        (false, _) => NO_HEAD,
        (true, true) => LEAD_TRANSLATED,
        (true, false) => LEAD_MASKED,
    };
    let made = move || {
        let words = store.data.read.with(|read| in_words(&read.copies));
        let notes = store.notes_on_copies();
        let has_made = words.is_some();
        let notes = notes.iter().map(|note| format!("{}.", format::sentence(note)));
        let said: Vec<String> = words.into_iter().chain(notes).collect();
        let drop = Callback::new(move |()| store.drop_copies());
        let drop = has_made.then(|| {
            let cannot = Signal::derive(move || store.activity().is_some());
            view! { <div class="row"><Button id="drop-copies" text="Drop the copies" waits=cannot on_press=drop /></div> }
        });
        view! {
            <p role="status" data-testid="made-copies">{said.join(" ")}</p>
            {drop}
        }
        .into_any()
    };
    view! {
        <div class="panel" data-testid="model-copies">
            <h3>"Copies that the model makes"</h3>
            <p class="hint">{lead}</p>
            {controls}
            {made}
        </div>
    }
    .into_any()
}

fn controls(store: Store, typed: Typed, is_translated: bool) -> AnyView {
    let Typed { num_copies, there, back } = typed;
    let is_going = store.copies.is_going;
    let number = move || num_copies.with(|text| parse_copies(text));
    let cannot = Signal::derive(move || is_going.get() || store.activity().is_some() || number().is_err());
    let prefixes = is_translated.then(|| {
        view! {
            {field("Before a text", "copies-there", there)}
            {field("Before a translation", "copies-back", back)}
        }
    });
    let on_make = Callback::new(move |()| {
        let Ok(num_copies) = number() else { return };
        let (there, back) = (there.get_untracked(), back.get_untracked());
        let method = match is_translated {
            true => CopyMethod::Translated(Translation { there, back, ..Translation::default() }),
            false => CopyMethod::Masked,
        };
        store.make_copies(method, num_copies);
    });
    let progress = move || {
        let on_stop = Callback::new(move |()| store.stop_making_copies());
        is_going.get().then(|| {
            view! {
                {counted("Making copies", "stop-copies", store.measuring_progress.into(), on_stop)}
                <p class="hint">"What was made until it is cancelled is kept."</p>
            }
        })
    };
    view! {
        <div class="row">{field("Copies of each row", "copies-of-row", num_copies)} {prefixes}</div>
        <p class="hint" role="status">{move || number().err()}</p>
        <div class="row"><Button id="make-copies" text="Make copies" waits=cannot on_press=on_make /></div>
        <p class="hint">{KEPT}</p>
        {progress}
    }
    .into_any()
}

/// A typed value; `id` is its test id.
fn field(label: &'static str, id: &'static str, value: RwSignal<String>) -> AnyView {
    let on_input = Callback::new(move |text: String| value.set(text));
    view! { <TextInput id=id label=label value=value on_input=on_input /> }.into_any()
}

/// How many copies of each row were typed.
fn parse_copies(text: &str) -> Result<u32, String> {
    let number = text.trim().parse::<u32>().ok().filter(|number| (1..=MAX_COPIES).contains(number));
    number.ok_or_else(|| format!("Copies of each row: a whole number from 1 to {MAX_COPIES}."))
}

/// The copies that there are, as a sentence.
fn in_words(made: &MadeCopies) -> Option<String> {
    let count = made.copies.len();
    let is_kept = if count == 1 { "is" } else { "are" };
    (count > 0).then(|| format!("{} {is_kept} trained on beside the rows: {}.", format::plural(count, "copy"), made.by))
}

#[cfg(test)]
mod tests {
    use hone_core::config::{AugmentKind, MadeCopy};

    use super::*;

    #[test]
    fn copies_are_counted_with_how_they_were_made() {
        assert_eq!(in_words(&MadeCopies::default()), None);
        let copy = MadeCopy { row: 2, of: "0".into(), texts: vec!["a".into()] };
        let by = "words filled in by tiny, seed 42".to_owned();
        let made = MadeCopies { by, kind: AugmentKind::Masked, copies: vec![copy].into() };
        let expected = "1 copy is trained on beside the rows: words filled in by tiny, seed 42.";
        assert_eq!(in_words(&made).as_deref(), Some(expected));
    }

    #[test]
    fn a_number_of_copies_is_whole_and_small() {
        assert_eq!([" 1", "16"].map(parse_copies), [Ok(1), Ok(16)]);
        assert!(["", "0", "17", "1.5", "-1"].into_iter().all(|text| parse_copies(text).is_err()));
    }
}
