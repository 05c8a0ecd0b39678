//! How a file was read, and the controls to correct it: its columns, what stands between the fields, its encoding, the line
//! of its header; and the labels that are read as another one.

use hone_core::config::{DataShape, Encoding, ReadOptions};
use hone_core::data::{FileReading, Format, TablePreview};
use hone_core::task::DataReport;
use leptos::prelude::*;

use super::data::busy;
use crate::components::{Button, check, select};
use crate::format;
use crate::state::Store;
use crate::state::report::{ColumnRole, forget_columns};
use crate::tasks;

/// What stands between the name of a workbook and that of its sheet (`readers/src/sheet`).
const SHEET: &str = ", sheet \"";

/// How the file was understood, and the controls to correct it: those of the task, then those of the file.
pub(super) fn reading(store: Store, report: &DataReport, columns: AnyView, below: Option<AnyView>) -> AnyView {
    // Images in folders: nothing of it is text.
    let is_text = report.format.is_some() || !tasks::of(report.task()).reads_images;
    let format = match report.format {
        Some(Format::Csv) => "separated values",
        Some(Format::Jsonl) => "JSON Lines",
        Some(Format::Json) => "JSON",
        Some(Format::Conll) => "CoNLL",
        None if is_text => "plain text",
        None => "images, a folder a class",
    };
    view! {
        <fieldset class="panel">
            <legend>{format!("How {} was read ({format})", report.file_name)}</legend>
            {notes(&report.notes)}
            <div class="fields">
                {columns}
                {separator(store, report.delimiter)}
                {is_text.then(|| encoding(store, &report.reading))}
                {header_row(store, report.delimiter, &report.reading)}
                {sheet(store, &report.file_name)}
            </div>
            {header(store, report.delimiter, report.has_header)}
            {below}
        </fieldset>
    }
    .into_any()
}

/// What there is to say of how the files were read and shared out: which sheet, what they were packed as.
fn notes(notes: &[String]) -> Option<AnyView> {
    let items = notes.iter().map(|note| view! { <li>{format::sentence(note)}</li> });
    (!notes.is_empty())
        .then(|| view! { <ul class="hint" data-testid="data-notes">{items.collect_view()}</ul> }.into_any())
}

/// The sheet of a workbook, by its name.
fn sheet(store: Store, file_name: &str) -> Option<AnyView> {
    let (_, current) = file_name.rsplit_once(SHEET)?;
    let (current, is_busy) = (current.trim_end_matches('"').to_owned(), busy(store));
    let on_change = move |event: leptos::ev::Event| {
        let name = event_target_value(&event).trim().to_owned();
        store.reread_data(|read| {
            read.sheet = Some(name).filter(|name| !name.is_empty());
            forget_columns(read);
        });
    };
    let view = view! {
        <label class="stacked">
            <span>"Sheet"</span>
            <input
                type="text"
                data-testid="sheet"
                autocomplete="off"
                spellcheck="false"
                prop:value=current
                disabled=move || is_busy.get()
                on:change=on_change
            />
        </label>
    };
    Some(view.into_any())
}

/// Which column is used as what; choosing one also takes the rows for those of `shape`, for tasks that have shapes.
pub(crate) fn columns(
    store: Store,
    report: &DataReport,
    roles: &'static [ColumnRole],
    shape: Option<DataShape>,
) -> Option<AnyView> {
    let control = |one: &'static ColumnRole| {
        let current = report.column_of(one.role);
        let none = (one.is_optional || current.is_none()).then(|| (String::new(), "none".to_owned()));
        let named = report.columns.iter().map(|column| (column.clone(), column.clone()));
        let options = none.into_iter().chain(named).collect();
        let on_choose = Callback::new(move |chosen: String| store.choose_column(roles, one.role, &chosen, shape));
        select(one.label, one.id, options, current.unwrap_or_default(), busy(store), on_choose)
    };
    (!report.columns.is_empty()).then(|| roles.iter().map(control).collect_view().into_any())
}

/// Whether there is a header, where there can be one.
fn header(store: Store, delimiter: Option<char>, has_header: bool) -> Option<AnyView> {
    delimiter?;
    let on_change = Callback::new(move |has_header| {
        store.reread_data(|read| {
            (read.has_header, read.header_row) = (Some(has_header), None);
            forget_columns(read); // they are named by the header
        });
    });
    let checked = Signal::stored(has_header);
    Some(check("A row names the columns", "has-header", checked, busy(store), on_change))
}

/// What stands between the fields, where there is such a thing.
fn separator(store: Store, current: Option<char>) -> Option<AnyView> {
    let current = current?;
    let known = [(',', "comma"), (';', "semicolon"), ('\t', "tab"), ('|', "bar")];
    let other = (!known.iter().any(|(one, _)| *one == current)).then_some((current, "another"));
    let options = known.into_iter().chain(other).map(|(one, words)| (one.to_string(), words.to_owned())).collect();
    let on_choose = Callback::new(move |chosen: String| {
        store.reread_data(|read| {
            read.delimiter = chosen.chars().next();
            forget_columns(read);
        });
    });
    Some(select("Separator", "delimiter", options, &current.to_string(), busy(store), on_choose))
}

/// How the file's bytes stand for characters.
fn encoding(store: Store, reading: &FileReading) -> AnyView {
    let FileReading { encoding: current, is_encoding_guessed, .. } = *reading;
    let option = |encoding: Encoding| {
        let writing = match encoding {
            Encoding::Utf8 | Encoding::Utf16Le | Encoding::Utf16Be => "Unicode",
            Encoding::Windows1252 => "Western European",
            Encoding::Windows1250 => "Central European",
            Encoding::Windows1251 => "Cyrillic",
            Encoding::Macintosh => "Western European, Mac",
        };
        let guessed = if encoding == current && is_encoding_guessed { ", guessed" } else { "" };
        (encoding.name().to_owned(), format!("{writing}{guessed} ({})", encoding.name()))
    };
    let mut options: Vec<_> = Encoding::ALL.into_iter().map(option).collect();
    if store.data.read.with_untracked(|read| read.encoding.is_some()) {
        options.push((String::new(), "guess it again".into()));
    }
    let on_choose = Callback::new(move |chosen: String| store.choose_encoding(Encoding::from_name(&chosen)));
    select("Encoding", "encoding", options, current.name(), busy(store), on_choose)
}

/// The line that names the columns, where lines can.
fn header_row(store: Store, delimiter: Option<char>, reading: &FileReading) -> Option<AnyView> {
    delimiter?;
    let row = reading.header_row.map(|row| row.to_string()).unwrap_or_default();
    let is_asked = store.data.read.with_untracked(|read| read.header_row.is_some());
    let busy = busy(store);
    let on_change = move |event: web_sys::Event| {
        // Nothing else is a line.
        if let Ok(row @ 1..) = event_target_value(&event).trim().parse::<usize>() {
            store.choose_header_row(Some(row));
        }
    };
    let reset = is_asked.then(|| {
        view! {
            <button
                type="button"
                class="reset"
                data-testid="reset-header-row"
                disabled=move || busy.get()
                on:click=move |_| store.choose_header_row(None)
            >
                "Find it again"
            </button>
        }
    });
    let view = view! {
        <div class="field">
            <div class="field-head"><label for="header-row">"Header is in row"</label>{reset}</div>
            <div class="field-control">
                <input
                    id="header-row"
                    data-testid="header-row"
                    type="number"
                    min="1"
                    placeholder="none"
                    aria-describedby="header-row-hint"
                    prop:value=row
                    disabled=move || busy.get()
                    on:change=on_change
                />
            </div>
            <p class="hint" id="header-row-hint">"It names the columns. Rows above it are skipped."</p>
        </div>
    };
    Some(view.into_any())
}

/// The first rows with all columns of the file. `used` are the columns in use, each with what it is used as.
pub(super) fn all_columns(table: &TablePreview, used: &[(String, String)]) -> Option<AnyView> {
    if table.columns.is_empty() {
        return None;
    }
    let role_of = |column: &String| used.iter().find(|(name, _)| name == column).map(|(_, role)| role.clone());
    let roles: Vec<Option<String>> = table.columns.iter().map(role_of).collect();
    let head = |(column, role): (&String, &Option<String>)| {
        let badge = role.clone().map(|role| view! { <span class="badge" data-testid="used-column">{role}</span> });
        view! { <th scope="col" class:used=role.is_some()>{column.clone()}{badge}</th> }.into_any()
    };
    let heads = table.columns.iter().zip(&roles).map(head).collect_view();
    let cell = |(cell, role): (&String, &Option<String>)| {
        let class = match role.as_deref() {
            None => "cell",
            Some("label" | "labels") => "cell used",
            Some(_) => "text used",
        };
        view! { <td class=class>{cell.clone()}</td> }.into_any()
    };
    let row = |row: &Vec<String>| view! { <tr>{row.iter().zip(&roles).map(cell).collect_view()}</tr> }.into_any();
    let view = view! {
        <div class="panel">
            <h3>"The first rows of the file, with all its columns"</h3>
            <div class="scroll" tabindex="0" role="region" aria-label="First rows with all columns">
                <table data-testid="all-columns">
                    <thead><tr>{heads}</tr></thead>
                    <tbody>{table.rows.iter().map(row).collect_view()}</tbody>
                </table>
            </div>
        </div>
    };
    Some(view.into_any())
}

/// Labels that are read as another one, and the way back.
pub(super) fn merged(store: Store) -> Option<AnyView> {
    let pairs = store.data.read.with_untracked(|read| {
        let pair = |(from, to): (&String, &String)| format!("\u{201c}{from}\u{201d} as \u{201c}{to}\u{201d}");
        read.merge_labels.iter().map(pair).collect::<Vec<_>>()
    });
    if pairs.is_empty() {
        return None;
    }
    let what = format!("Labels that are read as another one: {}.", pairs.join(", "));
    Some(read_otherwise(store, ["merged-labels", "undo-merges"], what, |read| read.merge_labels.clear()))
}

/// What texts are cleaned of as they are read, and the way back.
pub(super) fn cleaned(store: Store) -> Option<AnyView> {
    let what = store.data.read.with_untracked(|read| {
        let words: Vec<&str> = read.clean_texts.iter().map(|one| one.words()).collect();
        (!words.is_empty()).then(|| words.join(", "))
    })?;
    let what = format!("Texts are read with {what}. The file stays as it is.");
    Some(read_otherwise(store, ["cleaned-texts", "undo-cleaning"], what, |read| read.clean_texts.clear()))
}

/// What is read otherwise than it stands, and the button that undoes it. `id` and `button_id` are test ids.
fn read_otherwise(
    store: Store,
    [id, button_id]: [&'static str; 2],
    what: String,
    undo: fn(&mut ReadOptions),
) -> AnyView {
    let on_press = Callback::new(move |()| store.reread_data(undo));
    view! {
        <div class="note" data-testid=id>
            <p>{what}</p>
            <div class="row">
                <Button id=button_id text="Read them as they stand" waits=busy(store) on_press=on_press />
            </div>
        </div>
    }
    .into_any()
}
