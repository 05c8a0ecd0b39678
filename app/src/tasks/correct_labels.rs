//! What a row has that the model gets wrong, corrected where it is seen: its label or labels, its numbers, text or tags; and the second run
//! that goes on from there. In: what is corrected, and the names of the classes. Out: a box under the list in which classes are chosen by
//! keys, or fields; and a bar that says what was corrected.

use std::sync::Arc;

use leptos::prelude::*;
use web_sys::KeyboardEvent;

use super::token_classification::correct;
use super::wrong_rows::{TITLE_ID, WrongRow};
use crate::browser;
use crate::components::{Button, ClassAct, class_box};
use crate::format;
use crate::pages::frame::wait_hint;
use crate::pages::undo::undo_button;
use crate::state::corrections::{AnswerKind, BOX_ID, Correction, WrongAnswer, number_of, tags};
use crate::state::history::Way;
use crate::state::labeling::toggle;
use crate::state::{Activity, Store};

/// Corrected rows that are named, the last first.
const MAX_NAMED: usize = 5;

/// Characters of a text in the box.
const MAX_CHARS: usize = 600;

/// Characters of a value that is named.
const MAX_VALUE: usize = 60;

const KEYS: &str = "A digit takes its class, letters find one and Enter takes it; the arrows leave the row as it is.";

const KEYS_OF_SEVERAL: &str = "A digit adds its label or takes it away, so do letters with Enter; Enter alone keeps what is chosen; the \
    arrows leave the row as it is.";

const KEYS_OF_FIELDS: &str = "Ctrl and Enter keep what is typed, Escape leaves the row as it is.";

const AGAIN: &str = "Every row stays in its split, so that the figures of both runs are of the same rows. “From here” goes on from the \
    weights that this run kept, “from the pretrained model” begins as this run did. Correcting rows that figures are of changes \
    what is measured: the runs are compared by what is corrected.";

/// What a press on what a row has does: it is corrected.
pub(super) fn press(store: Store, wrong: WrongAnswer) -> (String, Callback<()>) {
    let [noun, _] = wrong.kind.nouns();
    let what = match value_words(wrong.kind, &wrong.values) {
        value if value.is_empty() => format!("Correct the {noun} of row {}", wrong.row),
        value => format!("Correct the {noun} “{value}” of row {}", wrong.row),
    };
    (what, Callback::new(move |()| store.open_correction(wrong.clone())))
}

/// A row of one label.
pub(super) fn of_label(row: &WrongRow) -> WrongAnswer {
    WrongAnswer {
        kind: AnswerKind::Label,
        index: row.index,
        row: row.row,
        text: row.text.clone(),
        second: row.second.clone(),
        values: vec![row.label.clone()],
        predicted: vec![row.predicted.clone()],
    }
}

/// The box of the row that is corrected, and the bar of those that were. `names` are the classes, or the columns of numbers.
pub(super) fn panel(store: Store, names: Vec<String>) -> AnyView {
    let names = Arc::new(names);
    let active = store.corrections.active;
    let row = move || active.get().map(|wrong| of_row(store, wrong, Arc::clone(&names)));
    let problem = move || {
        let note = store.corrections.note.get()?;
        Some(view! { <p class="note" role="status" data-testid="correction-note">{note}</p> }.into_any())
    };
    let held = Memo::new(move |_| store.held_corrections());
    // Its buttons keep the focus while one row after the other is corrected, or taken back.
    let is_shown = Memo::new(move |_| held.with(|held| !held.is_empty()));
    let bar = move || is_shown.get().then(|| bar(store, held));
    view! {
        {row}
        {problem}
        {bar}
    }
    .into_any()
}

fn of_row(store: Store, wrong: WrongAnswer, names: Arc<Vec<String>>) -> AnyView {
    let kind = wrong.kind;
    let has = match kind {
        AnswerKind::Label | AnswerKind::Labels => "labeled",
        AnswerKind::Numbers | AnswerKind::Text | AnswerKind::Answer => "in the file",
        AnswerKind::Tags => "tagged",
    };
    let [value, predicted] = [&wrong.values, &wrong.predicted].map(|values| value_words(kind, values));
    let title = format!("Row {}: {has} “{value}”, predicted “{predicted}”", wrong.row);
    // The words of a sentence are what is corrected.
    let text = (kind != AnswerKind::Tags).then(|| {
        let text = format::shortened(&wrong.text, MAX_CHARS);
        view! { <p class="written">{text}</p> }
    });
    let second = wrong.second.as_ref().map(|second| view! { <p>{format::shortened(second, MAX_CHARS)}</p> });
    let reason = Memo::new(move |_| store.can_correct(kind).err());
    let waits = Signal::derive(move || reason.get().is_some());
    let has_commas = wrong.values.iter().any(|value| value.contains(','));
    let values = RwSignal::new(wrong.values);
    let on_keep = Callback::new(move |()| keep(store, (kind, has_commas), values));
    let predicted = wrong.predicted;
    let take = (kind == AnswerKind::Answer).then(|| take_predicted(values, predicted.clone(), waits));
    let (control, keys) = match kind {
        AnswerKind::Label => (classes(store, values, &names, waits), KEYS),
        AnswerKind::Labels => (sets_of_classes(store, values, &names, waits), KEYS_OF_SEVERAL),
        AnswerKind::Numbers | AnswerKind::Text | AnswerKind::Answer => {
            (fields(store, values, (kind, has_commas), &names, waits), KEYS_OF_FIELDS)
        }
        AnswerKind::Tags => (correct::words(store, values, predicted, &names, waits, on_keep), correct::KEYS),
    };
    let on_close = Callback::new(move |()| store.close_correction());
    let keep = (kind != AnswerKind::Label).then(|| {
        view! { <Button id="correction-keep" text="Keep" is_primary=true waits=waits on_press=on_keep /> }
    });
    view! {
        <div class="panel" id="correction" data-testid="correction">
            <p><strong>{title}</strong></p>
            {text}
            {second}
            {control}
            <p class="hint">{move || reason.get().unwrap_or(keys)}</p>
            <div class="row">
                {keep}
                {take}
                <Button id="correction-close" text="Leave it as it is" on_press=on_close />
            </div>
        </div>
    }
    .into_any()
}

/// The button that puts the model's answer into the field.
fn take_predicted(values: RwSignal<Vec<String>>, predicted: Vec<String>, waits: Signal<bool>) -> AnyView {
    let on_press = Callback::new(move |()| values.set(predicted.clone()));
    view! { <Button id="correct-predicted" text="Take the model's answer" waits=waits on_press=on_press /> }.into_any()
}

/// Keeps what was chosen or typed; numbers only where they are some. `has_commas`: the file has decimal commas.
fn keep(store: Store, (kind, has_commas): (AnswerKind, bool), values: RwSignal<Vec<String>>) {
    let values = values.get_untracked();
    match problem_of((kind, has_commas), &values) {
        Some(problem) => store.corrections.note.set(Some(problem)),
        None => store.correct_row(values),
    }
}

/// Why values can't be kept.
fn problem_of((kind, has_commas): (AnswerKind, bool), values: &[String]) -> Option<String> {
    let is_number = |value: &String| number_of(value).is_some() && (has_commas || !value.contains(','));
    match kind {
        AnswerKind::Numbers => {
            let wrong = values.iter().find(|value| !is_number(value))?;
            Some(format!("“{wrong}” is not a number such as 0.7, with a point before decimals."))
        }
        AnswerKind::Text if values.iter().any(|value| value.trim().is_empty()) => {
            Some("A row needs a text: one without is left out.".into())
        }
        _ => None,
    }
}

/// One class out of all: it is taken at once.
fn classes(store: Store, values: RwSignal<Vec<String>>, names: &Arc<Vec<String>>, waits: Signal<bool>) -> AnyView {
    let on_act = Callback::new(move |act: ClassAct| match act {
        ClassAct::Choose(label) => store.correct_row(vec![label]),
        ClassAct::Done | ClassAct::Skip | ClassAct::Back => store.close_correction(),
    });
    let names = names_with_new(store, values, names);
    class_box(BOX_ID, "The label that this row should have", names, values.into(), waits, false, on_act)
}

/// Any number of classes: each is added or taken away.
fn sets_of_classes(
    store: Store,
    values: RwSignal<Vec<String>>,
    names: &Arc<Vec<String>>,
    waits: Signal<bool>,
) -> AnyView {
    let names = names_with_new(store, values, names);
    let on_act = Callback::new(move |act: ClassAct| match act {
        ClassAct::Choose(label) => values.update(|values| toggle(values, label)),
        ClassAct::Done => keep(store, (AnswerKind::Labels, false), values),
        ClassAct::Skip | ClassAct::Back => store.close_correction(),
    });
    class_box(BOX_ID, "The labels that this row should have", names, values.into(), waits, true, on_act)
}

/// The names of the classes, then those that rows got by hand or that are chosen, and that are new.
fn names_with_new(store: Store, chosen: RwSignal<Vec<String>>, names: &Arc<Vec<String>>) -> Signal<Arc<Vec<String>>> {
    let mut known = names.to_vec();
    let given = untrack(|| store.labels_by_edits());
    known.extend(given.into_iter().filter(|name| !names.contains(name)));
    let all = Memo::new(move |_| {
        chosen.with(|chosen| {
            let new = chosen.iter().filter(|name| !known.contains(name)).cloned();
            Arc::new(known.iter().cloned().chain(new).collect::<Vec<_>>())
        })
    });
    all.into()
}

/// A field for each number, or for the text.
fn fields(
    store: Store,
    values: RwSignal<Vec<String>>,
    (kind, has_commas): (AnswerKind, bool),
    names: &Arc<Vec<String>>,
    waits: Signal<bool>,
) -> AnyView {
    let on_key = move |event: KeyboardEvent| match event.key().as_str() {
        "Escape" => store.close_correction(),
        "Enter" if (event.ctrl_key() || event.meta_key()) && !waits.get_untracked() => {
            keep(store, (kind, has_commas), values);
        }
        _ => {}
    };
    let count = values.with_untracked(Vec::len);
    let field = |index: usize| {
        let name = names.get(index).cloned().unwrap_or_else(|| "The text that this row should have".into());
        let id = if index == 0 { BOX_ID.to_owned() } else { format!("{BOX_ID}-{index}") };
        let value = move || values.with(|values| values.get(index).cloned().unwrap_or_default());
        let on_input = move |event: web_sys::Event| {
            let typed = event_target_value(&event);
            values.update(|values| {
                if let Some(value) = values.get_mut(index) {
                    *value = typed;
                }
            });
        };
        let rows = if kind == AnswerKind::Numbers { "1" } else { "4" };
        view! {
            <label class="stacked">
                <span>{name}</span>
                <textarea id=id.clone() data-testid=id rows=rows prop:value=value on:input=on_input></textarea>
            </label>
        }
        .into_any()
    };
    view! { <div on:keydown=on_key>{(0..count).map(field).collect_view()}</div> }.into_any()
}

fn bar(store: Store, held: Memo<Vec<Correction>>) -> AnyView {
    let count = move || held.with(Vec::len);
    let title = move || held.with(|held| format!("{} corrected. Train again from here", count_words(held)));
    let rows = move || held.with(|held| row_words(held));
    let measured = Memo::new(move |_| store.rescore().map(|found| found.in_words()));
    let waits = Signal::derive(move || store.activity().is_some());
    let on_weights = Callback::new(move |()| store.train_again(true));
    let on_pretrained = Callback::new(move |()| store.train_again(false));
    let on_undo = Callback::new(move |()| {
        if held.with_untracked(Vec::len) == 1 {
            browser::keep_focus("corrections", TITLE_ID);
        }
        store.take_step(Way::Undo);
    });
    view! {
        <div
            id="corrections"
            class="banner"
            role="region"
            aria-labelledby="corrections-title"
            data-testid="corrections"
            data-value=move || count().to_string()
        >
            <div>
                <p class="banner-title" id="corrections-title" role="status">{title}</p>
                <p class="hint">{rows}</p>
                <p data-testid="corrections-measured">{move || measured.get()}</p>
                <p class="hint">{AGAIN}</p>
                {wait_hint(store, "Training can start", None::<Activity>)}
            </div>
            <div class="row">
                <Button
                    id="train-from-here"
                    text="Train again from here"
                    is_primary=true
                    waits=waits
                    on_press=on_weights
                />
                <Button
                    id="train-from-pretrained"
                    text="Train again from the pretrained model"
                    waits=waits
                    on_press=on_pretrained
                />
                {undo_button(store, "corrections-undo", on_undo)}
            </div>
        </div>
    }
    .into_any()
}

/// `1 label`, `3 texts`; of sets of labels their rows are counted.
fn count_words(held: &[Correction]) -> String {
    let noun = match held.first().map(|one| one.kind) {
        Some(AnswerKind::Numbers | AnswerKind::Labels | AnswerKind::Tags) => "row",
        Some(AnswerKind::Text) => "text",
        Some(AnswerKind::Answer) => "answer",
        _ => "label",
    };
    format::plural(held.len(), noun)
}

/// What a row has, or what was predicted for it.
fn value_words(kind: AnswerKind, values: &[String]) -> String {
    let all = if kind == AnswerKind::Tags { tags::in_words(values).join(", ") } else { values.join(", ") };
    match kind {
        AnswerKind::Tags if all.is_empty() => "nothing".into(),
        AnswerKind::Answer if all.is_empty() => "no answer".into(),
        AnswerKind::Labels if values.is_empty() => "none".into(),
        AnswerKind::Label => all,
        _ => format::shortened(&all, MAX_VALUE),
    }
}

/// `Row 12 is now “refund”; row 40 is now “billing”.`
fn row_words(held: &[Correction]) -> String {
    let row = |one: &Correction| format!("row {} is now “{}”", one.id.row, value_words(one.kind, &one.values));
    let rows: Vec<String> = held.iter().rev().take(MAX_NAMED).map(row).collect();
    let more = held.len() - rows.len();
    let and_more = if more > 0 { format!("; and {more} more") } else { String::new() };
    format!("{}{and_more}.", format::sentence(&rows.join("; ")))
}

/// The run before beside this one, by what was corrected.
pub(crate) fn beside(store: Store) -> AnyView {
    let words = move || {
        let words = store.beside_the_first()?;
        Some(view! { <p class="note" role="status" data-testid="beside-first-run">{words}</p> }.into_any())
    };
    view! { {words} }.into_any()
}

#[cfg(test)]
mod tests {
    use hone_core::config::Split;
    use hone_core::data::RowId;

    use super::*;

    #[test]
    fn the_last_corrections_are_named_and_the_others_counted() {
        let one = |row: usize| Correction {
            kind: AnswerKind::Label,
            run: 1,
            split: Split::Test,
            index: row,
            id: RowId { file: Split::Train, row },
            cells: vec![("label".into(), "b".into())],
            predicted: vec!["a".into()],
            values: vec!["b".into()],
        };
        assert_eq!(row_words(&[one(2), one(9)]), "Row 9 is now “b”; row 2 is now “b”.");
        let many: Vec<Correction> = (0..MAX_NAMED + 3).map(one).collect();
        assert!(row_words(&many).ends_with("; and 3 more."), "{}", row_words(&many));
    }
    #[test]
    fn what_a_row_has_is_named() {
        assert_eq!(value_words(AnswerKind::Labels, &[]), "none");
        assert_eq!(value_words(AnswerKind::Labels, &["a".into(), "c".into()]), "a, c");
    }

    #[test]
    fn what_is_no_number_or_no_text_is_not_kept() {
        let problem = |kind, value: &str| problem_of((kind, false), &["1".to_owned(), value.to_owned()]);
        assert_eq!(problem(AnswerKind::Numbers, " -2.5 "), None);
        assert!(problem(AnswerKind::Numbers, "2,5").is_some_and(|text| text.starts_with("“2,5” is not a number")));
        assert_eq!(problem_of((AnswerKind::Numbers, true), &["2,5".to_owned()]), None, "the file has such");
        assert!(problem(AnswerKind::Numbers, "inf").is_some() && problem(AnswerKind::Text, " ").is_some());
        assert_eq!([problem(AnswerKind::Text, "x"), problem(AnswerKind::Labels, "")], [None, None]);
    }
}
