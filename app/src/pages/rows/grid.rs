//! The table itself: a grid of which only the rows in view are there. It has the focus as a whole and tells readers which row is the
//! active one; keys move it, select, edit and drop. Which key does what is plain, tested natively.

use std::collections::HashSet;

use hone_core::data::{RowSort, RowState, RowView};
use leptos::prelude::*;
use wasm_bindgen::JsCast;
use web_sys::{Element, KeyboardEvent, MouseEvent};

use super::filters::state_words;
use crate::browser;
use crate::components::{Extent, ROW_HEIGHT};
use crate::format;
use crate::state::Store;

/// Id of the grid.
const ID: &str = "rows-grid";

/// Characters of a cell that are drawn: more is not seen on two lines.
const MAX_CHARS: usize = 240;

/// What a key asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Act {
    /// Rows up (negative) or down.
    Move(isize),
    First,
    Last,
    Toggle,
    SelectAll,
    Edit,
    Drop,
    Search,
    Clear,
}

/// What a key asks for; `page` are the rows in view.
fn act_of(key: &str, has_control: bool, page: usize) -> Option<Act> {
    let page = page.saturating_sub(2).max(1) as isize;
    Some(match (key, has_control) {
        ("a" | "A", true) => Act::SelectAll,
        // Without taking the selection away.
        (key, true) if !key.starts_with("Arrow") => return None,
        ("ArrowUp", _) => Act::Move(-1),
        ("ArrowDown", _) => Act::Move(1),
        ("PageUp", _) => Act::Move(-page),
        ("PageDown", _) => Act::Move(page),
        ("Home", _) => Act::First,
        ("End", _) => Act::Last,
        (" ", _) => Act::Toggle,
        ("Enter" | "F2", _) => Act::Edit,
        ("Delete" | "Backspace", _) => Act::Drop,
        ("/", _) => Act::Search,
        ("Escape", _) => Act::Clear,
        _ => return None,
    })
}

/// The row that a key leads to.
fn target_of(act: Act, active: Option<usize>, total: usize) -> Option<usize> {
    let last = total.checked_sub(1)?;
    Some(match (act, active) {
        (Act::First, _) => 0,
        (Act::Last, _) => last,
        (Act::Move(_), None) => 0,
        (Act::Move(by), Some(active)) => active.saturating_add_signed(by).min(last),
        _ => return None,
    })
}

fn has_control(event: &KeyboardEvent) -> bool {
    event.ctrl_key() || event.meta_key()
}

/// Makes a row the one that keys act on, as the keys say that are held: with Ctrl the selection stays, with Shift it grows.
fn move_to(store: Store, index: usize, event: &KeyboardEvent) {
    match has_control(event) {
        true => store.rows.active.set(Some(index)),
        false => store.choose_row(index, event.shift_key(), false),
    }
}

/// Does what a key asks for that leads to no other row.
fn apply(store: Store, act: Act, is_editing: RwSignal<bool>) {
    let rows = store.rows;
    match act {
        Act::Move(_) | Act::First | Act::Last => {} // there are no rows
        Act::Toggle => {
            if let Some(active) = rows.active.get_untracked() {
                store.choose_row(active, false, true);
            }
        }
        Act::SelectAll => store.select_all_rows(),
        Act::Edit => is_editing.set(untrack(|| rows.active_row()).is_some()),
        Act::Drop => {
            let shows_dropped = rows.query.with_untracked(|query| query.filter.state == Some(RowState::Dropped));
            store.drop_rows(!shows_dropped);
        }
        Act::Search => browser::focus_element("rows-search"),
        Act::Clear => rows.selected.update(HashSet::clear),
    }
}

pub(super) fn grid(store: Store, is_editing: RwSignal<bool>) -> AnyView {
    let rows = store.rows;
    store.show_first_rows();
    let scroll = RwSignal::new(0.0);
    let total = Memo::new(move |_| rows.window.with(|window| window.as_ref().map_or(0, |window| window.total)));
    let extent = move || {
        // Its head lies over the first row's place.
        let height = browser::scrolled(ID).map_or(0.0, |(_, height)| height);
        Extent { total: total.get_untracked(), viewport: height - ROW_HEIGHT }
    };
    let on_scroll = move |_| {
        let Some((top, _)) = browser::scrolled(ID) else { return };
        scroll.set(top);
        let extent = extent();
        store.show_rows(extent.first(top), extent.count());
    };
    let scroll_to = move |index: usize| {
        let top = extent().scroll_to(index, scroll.get_untracked());
        browser::scroll_to(ID, top.round() as i32);
    };
    let on_key = move |event: KeyboardEvent| {
        let target = event.target().and_then(|target| target.dyn_into::<Element>().ok());
        if target.is_none_or(|element| element.id() != ID) {
            return; // a button of the head
        }
        let has_control = has_control(&event);
        let Some(act) = act_of(&event.key(), has_control, extent().count()) else { return };
        event.prevent_default();
        match target_of(act, rows.active.get_untracked(), total.get_untracked()) {
            Some(index) => {
                move_to(store, index, &event);
                scroll_to(index);
            }
            None => apply(store, act, is_editing),
        }
    };
    let active_id = move || {
        let active = rows.active.get()?;
        let is_drawn = rows.window.with(|window| {
            window.as_ref().is_some_and(|window| (window.from..window.from + window.rows.len()).contains(&active))
        });
        is_drawn.then(|| format!("row-{active}"))
    };
    let height = move || format!("{}px", Extent { total: total.get(), viewport: 0.0 }.height());
    let from = Memo::new(move |_| rows.window.with(|window| window.as_ref().map_or(0, |window| window.from)));
    let place = move || {
        let extent = Extent { total: total.get(), ..extent() };
        format!("translateY({}px)", extent.offset(from.get(), scroll.get()))
    };
    let body = move || {
        let Some(window) = rows.window.get() else { return ().into_any() };
        let row = |(offset, view): (usize, &RowView)| row(store, window.from + offset, view, is_editing);
        window.rows.iter().enumerate().map(row).collect_view().into_any()
    };
    view! {
        <p class="hint" id="rows-keys">
            "Arrow keys move (with Shift they select, with Ctrl the selection stays), Space selects, Enter edits, Delete drops, / searches."
        </p>
        <div
            class="rows-grid"
            id=ID
            data-testid=ID
            role="grid"
            tabindex="0"
            aria-label="Rows"
            aria-describedby="rows-keys"
            aria-multiselectable="true"
            aria-rowcount=move || (total.get() + 1).to_string()
            aria-activedescendant=active_id
            on:scroll=on_scroll
            on:keydown=on_key
        >
            {head(store)}
            <div class="rows-space" style:height=height>
                <div class="rows-window" style:transform=place>{body}</div>
            </div>
        </div>
    }
    .into_any()
}

/// The columns, each a button that puts the rows in its order.
fn head(store: Store) -> AnyView {
    let source = Memo::new(move |_| store.row_source());
    let cell = move |name: String, class: String, sort: RowSort| {
        let order = Memo::new(move |_| store.rows.query.with(|query| (query.sort == sort).then_some(query.is_falling)));
        let sorted = move || order.get().map(|is_falling| if is_falling { "descending" } else { "ascending" });
        let on_click = move |_| {
            store.ask_other_rows(|query| {
                (query.sort, query.is_falling) = match (query.sort == sort, query.is_falling) {
                    (false, _) => (sort, false),
                    (true, false) => (sort, true),
                    (true, true) => (RowSort::File, false),
                };
            });
        };
        view! {
            <div role="columnheader" class=class aria-sort=sorted>
                <button type="button" class="sort" on:click=on_click>{name}</button>
            </div>
        }
        .into_any()
    };
    let cells = move || {
        let columns = source.get().map(|source| source.columns).unwrap_or_default();
        let of_column = |(index, (name, role)): (usize, (String, String))| {
            let class = format!("rows-cell {}", class_of(&role));
            cell(if name == role { name } else { format!("{name} ({role})") }, class, RowSort::Column(index))
        };
        view! {
            {cell("Row".into(), "rows-cell narrow".into(), RowSort::File)}
            {cell("Used for".into(), "rows-cell state".into(), RowSort::Split)}
            {columns.into_iter().enumerate().map(of_column).collect_view()}
            {cell("Tokens".into(), "rows-cell narrow".into(), RowSort::Length)}
        }
    };
    view! { <div role="row" class="rows-row rows-head" aria-rowindex="1">{cells}</div> }.into_any()
}

/// How a column of a role is laid out.
fn class_of(role: &str) -> &'static str {
    if role == "label" || role == "labels" { "label" } else { "words" }
}

fn row(store: Store, index: usize, view: &RowView, is_editing: RwSignal<bool>) -> AnyView {
    let rows = store.rows;
    let id = view.id;
    let is_active = move || rows.active.get() == Some(index);
    let is_selected = move || rows.selected.with(|selected| selected.contains(&id));
    let on_click = move |event: MouseEvent| {
        store.choose_row(index, event.shift_key(), event.ctrl_key() || event.meta_key());
    };
    let on_double_click = move |_| is_editing.set(true);
    let roles: Vec<&'static str> = untrack(|| store.row_source())
        .map(|source| source.columns.iter().map(|(_, role)| class_of(role)).collect())
        .unwrap_or_default();
    let cell = |(cell, class): (&String, &'static str)| {
        let shown = match &view.label {
            Some(label) if class == "label" => label,
            _ => cell,
        };
        let text = format::shortened(shown, MAX_CHARS);
        view! { <div role="gridcell" class=format!("rows-cell {class}")>{text}</div> }.into_any()
    };
    let cells = view.cells.iter().zip(roles).map(cell).collect_view();
    let tokens = view.num_tokens.map(format::count);
    let number = format::count(id.row);
    view! {
        <div
            role="row"
            class="rows-row"
            class:active=is_active
            class:edited=view.is_edited
            id=format!("row-{index}")
            data-testid="rows-row"
            data-row=id.row.to_string()
            aria-rowindex=(index + 2).to_string()
            aria-selected=move || if is_selected() { "true" } else { "false" }
            on:click=on_click
            on:dblclick=on_double_click
        >
            <div role="gridcell" class="rows-cell narrow">{number}</div>
            <div role="gridcell" class="rows-cell state">{state_words(view.state)}</div>
            {cells}
            <div role="gridcell" class="rows-cell narrow">{tokens}</div>
        </div>
    }
    .into_any()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_do_what_they_do_in_tables() {
        let act = |key| act_of(key, false, 12);
        assert_eq!([act("ArrowUp"), act("PageDown")], [Some(Act::Move(-1)), Some(Act::Move(10))]);
        assert_eq!([act("Delete"), act("/"), act("x")], [Some(Act::Drop), Some(Act::Search), None]);
        assert_eq!([act_of("a", true, 12), act_of("Delete", true, 12)], [Some(Act::SelectAll), None]);
        assert_eq!([act_of("ArrowUp", true, 12), act_of("End", true, 12)], [Some(Act::Move(-1)), None]);
    }

    #[test]
    fn the_active_row_stays_within_the_table() {
        assert_eq!(target_of(Act::Move(-5), Some(3), 10), Some(0));
        assert_eq!(target_of(Act::Move(5), Some(7), 10), Some(9));
        assert_eq!([target_of(Act::Last, None, 10), target_of(Act::Move(1), None, 10)], [Some(9), Some(0)]);
        assert_eq!([target_of(Act::Last, None, 0), target_of(Act::Edit, Some(1), 10)], [None, None]);
    }
}
