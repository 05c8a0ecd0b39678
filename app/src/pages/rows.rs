//! The rows one by one, at the step Data: a table that draws only what is in view, with search, filters, order, edits of single rows
//! and of many, and the cleaned file. What is chosen and asked for stands in `state::rows`.

mod actions;
mod editor;
mod filters;
mod grid;

use leptos::prelude::*;

use crate::components::Button;
use crate::state::Store;

/// The button that opens the table, and the table.
pub(super) fn panel(store: Store) -> AnyView {
    let can_be_listed = Memo::new(move |_| store.row_source().is_some());
    let content = move || can_be_listed.get().then(|| of_rows(store));
    view! { {content} }.into_any()
}

fn of_rows(store: Store) -> AnyView {
    let is_open = store.rows.is_open;
    let text = Signal::derive(move || {
        let words = if is_open.get() { "Close the table of rows" } else { "Look through all rows" };
        words.to_owned()
    });
    let on_press = Callback::new(move |()| store.toggle_rows());
    let table = move || is_open.get().then(|| table(store));
    view! {
        <div class="row"><Button id="open-rows" text=text on_press=on_press /></div>
        {table}
    }
    .into_any()
}

fn table(store: Store) -> AnyView {
    let is_editing = RwSignal::new(false);
    let note = move || store.rows.note.get();
    view! {
        <section class="panel rows" id="rows" aria-label="All rows" data-testid="rows">
            {filters::bar(store)}
            {grid::grid(store, is_editing)}
            {actions::bar(store, is_editing)}
            {editor::editor(store, is_editing)}
            <p class="hint" role="status" data-testid="rows-note">{note}</p>
            {actions::files(store)}
        </section>
    }
    .into_any()
}
