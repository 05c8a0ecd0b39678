//! Controls for labels or numbers of which a row may have several: one column with all of them, or a column for each.

use hone_core::task::DataReport;
use leptos::prelude::*;

use super::data::busy;
use crate::components::select;
use crate::state::Store;
use crate::state::report::ColumnRole;

/// The texts of a row beside such labels or numbers.
pub(crate) const TEXTS: &[ColumnRole] = &[ColumnRole::TEXT, ColumnRole::SECOND_TEXT];

/// The role of a column with one label or number.
const ONE: &str = "label";
/// The role of a column with all labels of a row.
const ALL: &str = "labels";
/// Columns up to which the list is open by itself.
const MAX_OPEN: usize = 12;

/// Which column holds all labels of a row; none of them, where each has a column of its own.
pub(crate) fn list_column(store: Store, report: &DataReport) -> Option<AnyView> {
    if report.columns.is_empty() {
        return None;
    }
    let none = (String::new(), "none".to_owned());
    let options = [none].into_iter().chain(report.columns.iter().map(|column| (column.clone(), column.clone())));
    let on_choose = Callback::new(move |chosen: String| {
        store.reread_data(|read| {
            read.label_columns.clear();
            read.label_column = Some(chosen).filter(|chosen| !chosen.is_empty());
        });
    });
    let current = report.column_of(ALL).unwrap_or_default();
    Some(select("Labels", "labels-column", options.collect(), current, busy(store), on_choose))
}

/// What stands between the labels of a cell; `found` is what the rows were read with.
pub(crate) fn label_separator(store: Store, report: &DataReport, found: Option<char>) -> Option<AnyView> {
    report.column_of(ALL)?;
    let known = [(';', "semicolon"), ('|', "bar"), (',', "comma")];
    let other = found.filter(|found| !known.iter().any(|(one, _)| one == found)).map(|found| (found, "another"));
    let options = known.into_iter().chain(other).map(|(one, words)| (one.to_string(), words.to_owned()));
    let guess =
        (String::new(), if found.is_some() { "guess it again" } else { "nothing: lists, or one label" }.to_owned());
    let options = options.chain([guess]).collect();
    let on_choose = Callback::new(move |chosen: String| {
        store.reread_data(|read| read.label_separator = chosen.chars().next());
    });
    let current = found.map(String::from).unwrap_or_default();
    Some(select("Between labels", "label-separator", options, &current, busy(store), on_choose))
}

/// The columns that may each hold one label or number, those that are used with a tick. `title` says what they hold.
pub(crate) fn one_column_each(store: Store, report: &DataReport, title: &'static str) -> Option<AnyView> {
    let names: Vec<String> = of_role(report);
    let is_free = |column: &&String| {
        !report.used_columns.iter().any(|(used, role)| used == *column && role != ONE && role != ALL)
    };
    let columns: Vec<&String> = report.columns.iter().filter(is_free).collect();
    if columns.is_empty() {
        return None;
    }
    let is_open = columns.len() <= MAX_OPEN;
    let busy = busy(store);
    let boxes = columns.into_iter().map(|column| {
        let is_chosen = names.contains(column);
        let (names, name) = (names.clone(), column.clone());
        let on_change = move |_: web_sys::Event| {
            let names = toggled(&names, &name);
            store.reread_data(move |read| (read.label_column, read.label_columns) = (None, names));
        };
        view! {
            <label class="check">
                <input
                    type="checkbox"
                    data-testid=format!("one-column-{column}")
                    prop:checked=is_chosen
                    disabled=move || busy.get()
                    on:change=on_change
                />
                <span>{column.clone()}</span>
            </label>
        }
        .into_any()
    });
    let view = view! {
        <details open=is_open>
            <summary>{title}</summary>
            <div class="fields">{boxes.collect_view()}</div>
            <p class="hint">"With none chosen they are guessed."</p>
        </details>
    };
    Some(view.into_any())
}

/// The columns with one label or number each, in the order of the outputs.
fn of_role(report: &DataReport) -> Vec<String> {
    report.used_columns.iter().filter(|(_, role)| role == ONE).map(|(column, _)| column.clone()).collect()
}

/// The names without this one, or with it at the end.
fn toggled(names: &[String], name: &String) -> Vec<String> {
    let mut left: Vec<String> = names.iter().filter(|other| *other != name).cloned().collect();
    if left.len() == names.len() {
        left.push(name.clone());
    }
    left
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_column_is_added_at_the_end_and_taken_away() {
        let names = ["b", "a"].map(String::from);
        assert_eq!(toggled(&names, &"c".to_owned()), ["b", "a", "c"]);
        assert_eq!(toggled(&names, &"b".to_owned()), ["a"]);
        assert!(toggled(&names[..1], &"b".to_owned()).is_empty());
    }
}
