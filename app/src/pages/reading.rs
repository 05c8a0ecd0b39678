//! How far a reading of rows is, and the way out of it: of the rows at the step Data, and of those of several tasks, which are
//! read when a run of them starts or before they are measured. And how far the packing of files is, before they are read.

use leptos::prelude::*;

use crate::browser;
use crate::components::{Button, Meter, amount_of, share_of};
use crate::format;
use crate::state::Store;
use crate::tasks;

/// Id of what is shown.
const ID: &str = "reading";

/// What is done of rows.
const READING: &str = "Reading the rows";
const COPYING: &str = "Making copies of the rows";

/// Of the rows at the step Data.
pub(super) fn of_rows(store: Store, counts_bytes: bool) -> AnyView {
    meter(store, READING, Signal::derive(move || amount(store.data.progress.get(), counts_bytes)))
}

/// Of the rows of several tasks, while they are read; of one task, of the copies that augmentation adds to its rows.
pub(super) fn of_parts(store: Store) -> AnyView {
    let is_reading = Memo::new(move |_| store.parts.reading.with(Option::is_some));
    let text = Signal::derive(move || {
        let Some(name) = store.parts.reading.get() else { return String::new() };
        let task = store.learned.with(|learned| learned.iter().find(|(own, _)| *own == name).map(|(_, task)| *task));
        let counts_bytes = task.is_some_and(|task| tasks::of(task).counts_bytes);
        match amount(store.data.progress.get(), counts_bytes) {
            amount if amount.is_empty() => name,
            amount => format!("{name}: {amount}"),
        }
    });
    let shown = move || {
        browser::keep_focus(ID, browser::PAGE_TITLE_ID);
        let label = if untrack(|| store.parts.are_several()) { READING } else { COPYING };
        is_reading.get().then(|| meter(store, label, text))
    };
    view! { {shown} }.into_any()
}

/// How far files are packed into one: images, or the parts of a data set.
pub(super) fn of_packing(store: Store) -> AnyView {
    let packing = store.images.packing;
    // Not drawn anew with every file.
    let title = Memo::new(move |_| packing.get().map(|packing| packing.title()));
    let files = Signal::derive(move || packing.get().map_or((0, 0), |packing| packing.files));
    let text = Signal::derive(move || amount_of(files.get(), "file"));
    let meter = move || {
        let label = title.get()?;
        Some(view! { <Meter label=label share=share_of(files) text=text id="packing" /> }.into_any())
    };
    view! { {meter} }.into_any()
}

/// How much was read, in words; nothing before that is known.
pub(super) fn amount((done, total): (usize, usize), counts_bytes: bool) -> String {
    match total {
        1.. if counts_bytes => format::percent(done as f64 / total as f64),
        _ => amount_of((done, total), "row"),
    }
}

fn meter(store: Store, label: &'static str, text: Signal<String>) -> AnyView {
    let share = share_of(store.data.progress);
    let on_cancel = Callback::new(move |()| store.cancel_reading());
    view! {
        <div class="panel" id=ID>
            <p class="unseen" role="status">{format!("{label}.")}</p>
            <Meter label=label share=share text=text id="read-progress" />
            <div class="row"><Button id="cancel-reading" text="Cancel" on_press=on_cancel /></div>
        </div>
    }
    .into_any()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_are_counted_and_whole_files_in_percent() {
        assert_eq!(amount((1_200, 5_000), false), "1,200 of 5,000 rows");
        assert_eq!([amount((1, 4), true), amount((0, 0), true)], ["25.0 %", ""]);
    }
}
