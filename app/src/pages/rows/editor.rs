//! One row, to be read whole and edited: a field for each column that is used. Enter opens it, Escape closes it, Ctrl and Enter keep
//! what was typed.

use hone_core::data::{RowSource, RowView};
use leptos::prelude::*;
use web_sys::KeyboardEvent;

use crate::browser;
use crate::components::Button;
use crate::format;
use crate::state::Store;
use crate::state::rows::set_cells;

/// Id of its first field.
const FIRST: &str = "row-cell-0";

pub(super) fn editor(store: Store, is_editing: RwSignal<bool>) -> AnyView {
    let content = move || {
        if !is_editing.get() {
            return None;
        }
        // What is typed belongs to the row that was active then.
        let (row, source) = untrack(|| (store.rows.active_row(), store.row_source()));
        Some(fields(store, is_editing, &row?, source?))
    };
    view! { {content} }.into_any()
}

fn fields(store: Store, is_editing: RwSignal<bool>, row: &RowView, source: RowSource) -> AnyView {
    let title = format!("Row {}", format::count(row.id.row));
    let values = RwSignal::new(row.cells.clone());
    let can_edit = !row.is_cut && untrack(|| store.can_edit_rows());
    let label_column = source.label_column();
    let names: Vec<String> = source.columns.iter().map(|(name, _)| name.clone()).collect();
    let field = |(index, name): (usize, String)| field(values, index, name, label_column == Some(index), !can_edit);
    let fields = names.into_iter().enumerate().map(field).collect_view();
    let options = move || {
        let option = |(label, _): &(String, usize)| view! { <option value=label.clone()></option> };
        store.rows.labels.with(|labels| labels.iter().map(option).collect_view())
    };
    let close = move || {
        is_editing.set(false);
        browser::after(0, || browser::focus_element("rows-grid"));
    };
    let kept = row.clone();
    let on_save = Callback::new(move |()| {
        if can_edit {
            store.edit_rows(set_cells(&source, &kept, &values.get_untracked()));
        }
        close();
    });
    let on_cancel = Callback::new(move |()| close());
    let on_key = move |event: KeyboardEvent| match event.key().as_str() {
        "Escape" => on_cancel.run(()),
        "Enter" if event.ctrl_key() || event.meta_key() => on_save.run(()),
        _ => {}
    };
    let why = (!can_edit).then_some(match row.is_cut {
        true => "It is too long to be edited here.",
        false => "Rows of this kind can't be edited, or a run is going on.",
    });
    let save = can_edit.then(|| view! { <Button id="row-save" text="Keep" is_primary=true on_press=on_save /> });
    browser::after(0, || browser::focus_element(FIRST));
    view! {
        <fieldset class="panel" data-testid="row-editor" on:keydown=on_key>
            <legend>{title}</legend>
            {fields}
            <datalist id="row-labels">{options}</datalist>
            <p class="hint">{why}</p>
            <div class="row">{save} <Button id="row-cancel" text="Cancel" on_press=on_cancel /></div>
        </fieldset>
    }
    .into_any()
}

fn field(values: RwSignal<Vec<String>>, index: usize, name: String, is_label: bool, is_fixed: bool) -> AnyView {
    let id = format!("row-cell-{index}");
    let value = move || values.with(|values| values.get(index).cloned().unwrap_or_default());
    let on_input = move |event: web_sys::Event| values.update(|values| values[index] = event_target_value(&event));
    let control = match is_label {
        true => view! {
            <input
                type="text"
                id=id.clone()
                data-testid=id
                list="row-labels"
                autocomplete="off"
                readonly=is_fixed
                prop:value=value
                on:input=on_input
            />
        }
        .into_any(),
        false => view! {
            <textarea id=id.clone() data-testid=id rows="3" readonly=is_fixed prop:value=value on:input=on_input></textarea>
        }
        .into_any(),
    };
    view! { <label class="stacked"><span>{name}</span>{control}</label> }.into_any()
}
