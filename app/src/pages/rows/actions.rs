//! What can be done with the chosen rows and with the labels, the log of edits, and the cleaned file.

use hone_core::config::{RowEdit, Split};
use hone_core::data::RowState;
use leptos::prelude::*;

use crate::components::{Button, TextInput, select};
use crate::format;
use crate::state::Store;
use crate::state::history::Way;

/// Edits of the log that are listed, the newest first.
const MAX_LISTED: usize = 100;

pub(super) fn bar(store: Store, is_editing: RwSignal<bool>) -> AnyView {
    let rows = store.rows;
    let num_chosen = Memo::new(move |_| rows.chosen().len());
    let waits = Signal::derive(move || num_chosen.get() == 0 || !store.can_edit_rows());
    let words = move || match num_chosen.get() {
        0 => "No row is chosen.".to_owned(),
        count => format!("{} chosen", format::plural(count, "row")),
    };
    let is_dropped = Memo::new(move |_| rows.query.with(|query| query.filter.state == Some(RowState::Dropped)));
    let drop_text = Signal::derive(move || {
        let words = if is_dropped.get() { "Take back" } else { "Drop" };
        words.to_owned()
    });
    let on_drop = Callback::new(move |()| store.drop_rows(!is_dropped.get_untracked()));
    let on_edit = Callback::new(move |()| is_editing.set(untrack(|| rows.active_row()).is_some()));
    let on_all = Callback::new(move |()| store.select_all_rows());
    let is_still = Signal::derive(move || !store.can_step());
    let on_undo = Callback::new(move |()| store.take_step(Way::Undo));
    let on_redo = Callback::new(move |()| store.take_step(Way::Redo));
    let has_no_row = Signal::derive(move || rows.active.with(Option::is_none));
    view! {
        <div class="row" role="group" aria-label="Chosen rows">
            <p class="hint" role="status" data-testid="rows-chosen">{words}</p>
            <Button id="rows-all" text="Choose all that match" on_press=on_all />
            <Button id="rows-edit" text="Edit" waits=has_no_row on_press=on_edit />
            <Button id="rows-drop" text=drop_text waits=waits on_press=on_drop />
            <Button id="rows-undo" text="Undo" waits=is_still on_press=on_undo />
            <Button id="rows-redo" text="Redo" waits=is_still on_press=on_redo />
        </div>
        <div class="fields">{move_to(store, waits)} {give_label(store, waits)} {rename_label(store)}</div>
    }
    .into_any()
}

fn move_to(store: Store, waits: Signal<bool>) -> AnyView {
    let split = RwSignal::new(Split::Valid);
    let options = Split::ALL.map(|split| (split.words().to_owned(), split.words().to_owned())).to_vec();
    let on_choose = Callback::new(move |chosen: String| {
        split.set(Split::ALL.into_iter().find(|split| split.words() == chosen).unwrap_or(Split::Valid));
    });
    let never = Signal::stored(false);
    let on_press = Callback::new(move |()| store.move_rows(split.get_untracked()));
    view! {
        <div class="row">
            {select("Move to", "rows-split", options, Split::Valid.words(), never, on_choose)}
            <Button id="rows-move" text="Move" waits=waits on_press=on_press />
        </div>
    }
    .into_any()
}

/// Whether rows have one label each.
fn has_label(store: Store) -> Memo<bool> {
    Memo::new(move |_| store.row_source().is_some_and(|source| source.label_column().is_some()))
}

fn give_label(store: Store, waits: Signal<bool>) -> AnyView {
    let has_label = has_label(store);
    let typed = RwSignal::new(String::new());
    let waits = Signal::derive(move || waits.get() || typed.with(|typed| typed.trim().is_empty()));
    let on_press = Callback::new(move |()| store.label_rows(typed.get_untracked().trim().to_owned()));
    let field = move || {
        has_label
            .get()
            .then(|| label_field("Label", ["rows-new-label", "rows-give-label"], typed, "Give it", waits, on_press))
    };
    view! { {field} }.into_any()
}

/// For the rows of one label: another name for it, that of another label or a new one.
fn rename_label(store: Store) -> AnyView {
    let label = Memo::new(move |_| store.rows.query.with(|query| query.filter.label.clone()));
    let can_merge = Memo::new(move |_| {
        store
            .data
            .report
            .with(|report| report.as_ref().is_some_and(|report| report.task().spec().columns.contains(&"merge_labels")))
    });
    let typed = RwSignal::new(String::new());
    let waits = Signal::derive(move || {
        let is_same = label.with(|label| typed.with(|typed| label.as_deref() == Some(typed.trim())));
        is_same || typed.with(|typed| typed.trim().is_empty()) || !store.can_edit_rows()
    });
    let on_press = Callback::new(move |()| {
        let Some(from) = label.get_untracked() else { return };
        store.rename_label(from, typed.get_untracked().trim().to_owned());
    });
    let field = move || {
        let _ = label.get().filter(|_| can_merge.get())?;
        Some(label_field("Rename, or merge into", ["rows-new-name", "rows-rename"], typed, "Rename", waits, on_press))
    };
    view! { {field} }.into_any()
}

fn label_field(
    label: &'static str,
    [id, button_id]: [&'static str; 2],
    typed: RwSignal<String>,
    text: &'static str,
    waits: Signal<bool>,
    on_press: Callback<()>,
) -> AnyView {
    view! {
        <div class="row">
            <TextInput id=id label=label value=typed on_input=Callback::new(move |text: String| typed.set(text)) />
            <Button id=button_id text=text waits=waits on_press=on_press />
        </div>
    }
    .into_any()
}

/// The log of edits, and the files that can be taken home.
pub(super) fn files(store: Store) -> AnyView {
    let data = store.data;
    let num_edits = Memo::new(move |_| data.read.with(|read| read.edits.log.len()));
    let has_edits = Memo::new(move |_| num_edits.get() > 0);
    let title = move || format!("{}, the newest first", format::plural(num_edits.get(), "edit"));
    let items = move || {
        let item = |edit: &RowEdit| view! { <li>{describe(edit)}</li> }.into_any();
        data.read.with(|read| read.edits.log.iter().rev().take(MAX_LISTED).map(item).collect_view())
    };
    let rest = move || {
        let rest = num_edits.get().saturating_sub(MAX_LISTED);
        (rest > 0).then(|| view! { <p class="hint">{format!("and {} more", format::count(rest))}</p> }.into_any())
    };
    let on_save = Callback::new(move |()| store.save_row_edits());
    // One that is unfolded stays so when an edit comes.
    let log = move || {
        has_edits.get().then(|| {
            view! {
                <details data-testid="rows-log">
                    <summary>{title}</summary>
                    <ul class="log">{items}</ul>
                    {rest}
                    <p class="hint">
                        "The file itself is not changed. A job file has the edits with it; hone train takes them from a file of \
                         their own with --edits."
                    </p>
                    <div class="row"><Button id="save-edits" text="Save the edits" on_press=on_save /></div>
                </details>
            }
        })
    };
    view! {
        {log}
        {cleaned(store)}
    }
    .into_any()
}

/// An edit with what it changed.
fn describe(edit: &RowEdit) -> String {
    match edit {
        RowEdit::SetCell { was, value, .. } => {
            let [was, value] = [was, value].map(|text| format::excerpt(text, 60));
            format!("{}: \u{201c}{was}\u{201d} is now \u{201c}{value}\u{201d}", edit.words())
        }
        edit => edit.words(),
    }
}

/// The files that can be written, each with what is written of it.
fn cleaned(store: Store) -> AnyView {
    let data = store.data;
    let choices = move || {
        let (has_valid, has_test) = (data.valid.with(Option::is_some), data.test.with(Option::is_some));
        let splits = Split::ALL.into_iter().filter(|split| match split {
            Split::Train => true,
            Split::Valid => !has_valid,
            Split::Test => !has_valid && !has_test,
        });
        let own = [(Split::Valid, has_valid), (Split::Test, has_test)].into_iter().filter(|(_, is_there)| *is_there);
        let whole = |split: Split| (split, None, format!("The file of {} rows", split.words()));
        let part = |split: Split| (Split::Train, Some(split), format!("Of the first file the {} rows", split.words()));
        let whole_files = std::iter::once(Split::Train).chain(own.map(|(split, _)| split)).map(whole);
        whole_files.chain(splits.map(part)).collect::<Vec<(Split, Option<Split>, String)>>()
    };
    let chosen = RwSignal::new(0_usize);
    let list = move || {
        let options =
            choices().into_iter().enumerate().map(|(index, (.., words))| (index.to_string(), words)).collect();
        chosen.set(0); // the list is built anew, with its first choice
        let on_choose = Callback::new(move |index: String| chosen.set(index.parse().unwrap_or(0)));
        select("Write", "rows-file", options, "0", Signal::stored(false), on_choose)
    };
    let on_press = Callback::new(move |()| {
        let found = untrack(choices).into_iter().nth(chosen.get_untracked());
        if let Some((file, split, _)) = found {
            store.save_cleaned(file, split);
        }
    });
    view! {
        <div class="row">
            {list}
            <Button id="save-cleaned" text="Save the cleaned file" on_press=on_press />
        </div>
        <p class="hint">
            "It has the format it came in. Rows that were moved to another split stay in it: the rows of a split can be written alone."
        </p>
    }
    .into_any()
}
