//! The label of a row that the model gets wrong, corrected where it is seen; and the second run that goes on from there. In: the names
//! of the classes. Out: a box under the list in which a class is chosen by keys, and a bar that says what was corrected.

use std::sync::Arc;

use leptos::prelude::*;

use super::wrong_rows::{TITLE_ID, WrongRow};
use crate::browser;
use crate::components::{Button, ClassAct, class_box};
use crate::format;
use crate::pages::frame::wait_hint;
use crate::state::corrections::{BOX_ID, Correction, WrongLabel};
use crate::state::history::Way;
use crate::state::{Activity, Store};

/// Corrected rows that are named, the last first.
const MAX_NAMED: usize = 5;

/// Characters of a text in the box.
const MAX_CHARS: usize = 600;

const KEYS: &str = "A digit takes its class, letters find one and Enter takes it; the arrows leave the row as it is.";

const AGAIN: &str = "Every row stays in its split, so that the figures of both runs are of the same rows. “From here” goes on from the \
    weights that this run kept, “from the pretrained model” begins as this run did. Correcting labels of rows that figures are of \
    changes what is measured: the runs are compared by the corrected labels.";

/// What a press on the label of a row does: its label is corrected.
pub(super) fn press(store: Store, row: &WrongRow) -> (String, Callback<()>) {
    let what = format!("Correct the label “{}” of row {}", row.label, row.row);
    let wrong = WrongLabel {
        index: row.index,
        row: row.row,
        text: row.text.clone(),
        second: row.second.clone(),
        label: row.label.clone(),
        predicted: row.predicted.clone(),
    };
    (what, Callback::new(move |()| store.open_correction(wrong.clone())))
}

/// The box of the row whose label is corrected, and the bar of those that were.
pub(super) fn panel(store: Store, labels: Vec<String>) -> AnyView {
    let names = Signal::stored(Arc::new(labels));
    let active = store.corrections.active;
    let row = move || active.get().map(|wrong| of_row(store, &wrong, names));
    let problem = move || {
        let note = store.corrections.note.get()?;
        Some(view! { <p class="note" role="status" data-testid="correction-note">{note}</p> }.into_any())
    };
    let held = Memo::new(move |_| store.held_corrections());
    // Its buttons keep the focus while one label after the other is corrected, or taken back.
    let is_shown = Memo::new(move |_| held.with(|held| !held.is_empty()));
    let bar = move || is_shown.get().then(|| bar(store, held));
    view! {
        {row}
        {problem}
        {bar}
    }
    .into_any()
}

fn of_row(store: Store, wrong: &WrongLabel, names: Signal<Arc<Vec<String>>>) -> AnyView {
    let title = format!("Row {}: labeled “{}”, predicted “{}”", wrong.row, wrong.label, wrong.predicted);
    let text = format::shortened(&wrong.text, MAX_CHARS);
    let second = wrong.second.as_ref().map(|second| view! { <p>{format::shortened(second, MAX_CHARS)}</p> });
    let label = wrong.label.clone();
    let chosen = Signal::derive(move || Some(label.clone()));
    let reason = Memo::new(move |_| store.can_correct().err());
    let waits = Signal::derive(move || reason.get().is_some());
    let on_act = Callback::new(move |act: ClassAct| match act {
        ClassAct::Choose(label) => store.correct_label(label),
        ClassAct::Skip | ClassAct::Back => store.close_correction(),
    });
    let on_close = Callback::new(move |()| store.close_correction());
    view! {
        <div class="panel" id="correction" data-testid="correction">
            <p><strong>{title}</strong></p>
            <p>{text}</p>
            {second}
            {class_box(BOX_ID, "The label that this row should have", names, chosen, waits, true, on_act)}
            <p class="hint">{move || reason.get().unwrap_or(KEYS)}</p>
            <div class="row"><Button id="correction-close" text="Leave it as it is" on_press=on_close /></div>
        </div>
    }
    .into_any()
}

fn bar(store: Store, held: Memo<Vec<Correction>>) -> AnyView {
    let count = move || held.with(Vec::len);
    let title = move || format!("{} corrected. Train again from here", format::plural(count(), "label"));
    let rows = move || held.with(|held| row_words(held));
    let measured = Memo::new(move |_| store.rescored().map(|found| found.in_words()));
    let waits = Signal::derive(move || store.activity().is_some());
    let words = Memo::new(move |_| store.step_words(Way::Undo));
    let undo = Signal::derive(move || words.get().map_or_else(|| "Undo".to_owned(), |words| format!("Undo: {words}")));
    let cannot_undo = Signal::derive(move || words.with(Option::is_none) || !store.can_step());
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
                <Button id="corrections-undo" text=undo waits=cannot_undo on_press=on_undo />
            </div>
        </div>
    }
    .into_any()
}

/// `Row 12 is now “refund”; row 40 is now “billing”.`
fn row_words(held: &[Correction]) -> String {
    let row = |one: &Correction| format!("row {} is now “{}”", one.id.row, one.value);
    let rows: Vec<String> = held.iter().rev().take(MAX_NAMED).map(row).collect();
    let more = held.len() - rows.len();
    let and_more = if more > 0 { format!("; and {more} more") } else { String::new() };
    format!("{}{and_more}.", format::sentence(&rows.join("; ")))
}

/// The run before beside this one, by the corrected labels.
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
            run: 1,
            split: Split::Test,
            index: row,
            id: RowId { file: Split::Train, row },
            column: "label".into(),
            predicted: "a".into(),
            value: "b".into(),
        };
        assert_eq!(row_words(&[one(2), one(9)]), "Row 9 is now “b”; row 2 is now “b”.");
        let many: Vec<Correction> = (0..MAX_NAMED + 3).map(one).collect();
        assert!(row_words(&many).ends_with("; and 3 more."), "{}", row_words(&many));
    }
}
