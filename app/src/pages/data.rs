//! Step 2: drop in labeled rows, see how they were understood, correct it.

use hone_core::data::{DataReport, Format};
use leptos::prelude::*;

use super::data_report::report_view;
use super::frame::{frame, hint_while, is_running, missing, onward};
use crate::browser::PickedFile;
use crate::components::{Button, DropZone, FileInput};
use crate::format;
use crate::state::{DataSlot, Step, Store};

const LEAD: &str =
    "A table with a text and a label in each row: CSV, TSV, JSONL or a JSON array. It stays in this tab.";

const ACCEPT: &str = ".csv,.tsv,.txt,.json,.jsonl,.ndjson,text/csv,application/json";

pub(super) fn page(store: Store) -> AnyView {
    let report = move || {
        store.data.report.get().map(|report| {
            view! {
                <div class="report" data-testid="data-report">
                    {reading(store, &report)}
                    {report_view(&report)}
                </div>
                {onward(store, Step::Recipe, "On to the recipe")}
            }
        })
    };
    let waits = move || {
        let has_file = store.data.train.with(Option::is_some);
        let is_loading = store.data.loading.get();
        match (has_file, is_loading, store.model.info.with(Option::is_some)) {
            (true, true, _) => Some(view! { <p class="busy" role="status">"Reading the rows…"</p> }.into_any()),
            (true, false, false) => Some(
                view! {
                    <p class="note">
                        "The file is kept here and read as soon as a model is loaded: its tokenizer measures the texts."
                    </p>
                    {missing(store, Step::Data)}
                }
                .into_any(),
            ),
            _ => None,
        }
    };
    let is_unread = Memo::new(move |_| {
        let is_possible = store.data.train.with(Option::is_some) && store.model.info.with(Option::is_some);
        is_possible && !store.data.loading.get() && store.data.report.with(Option::is_none)
    });
    let content = view! {
        {choose(store)}
        {waits}
        {move || is_unread.get().then(|| name_columns(store))}
        {report}
    };
    frame(store, Step::Data, LEAD, content.into_any())
}

fn is_busy(store: Store) -> bool {
    store.data.loading.get() || store.sampling.get() || store.run.with(|run| run.is_active())
}

fn choose(store: Store) -> AnyView {
    let busy = Signal::derive(move || is_busy(store));
    let on_files = Callback::new(move |files: Vec<PickedFile>| {
        store.choose_data(DataSlot::Train, files.into_iter().next());
    });
    let chosen = move || {
        let file = store.data.train.get()?;
        Some(format!("{} ({})", file.name, format::bytes(file.size_bytes())))
    };
    view! {
        <DropZone disabled=busy on_files=on_files>
            <p class="drop-title">{move || chosen().unwrap_or_else(|| "Drop a file here".into())}</p>
            <FileInput id="data-file" label="Choose a file" accept=ACCEPT disabled=busy on_files=on_files />
        </DropZone>
        {hint_while(is_running(store), "A run is going: end it before other rows are read.")}
        <div class="columns">{paste(store)} {own_splits(store)}</div>
    }
    .into_any()
}

fn paste(store: Store) -> AnyView {
    let is_blank = move || store.data.paste.with(|text| text.trim().is_empty());
    let cannot_use = Signal::derive(move || is_busy(store) || is_blank());
    let on_use = Callback::new(move |()| store.use_pasted_data());
    view! {
        <details class="panel">
            <summary>"Paste rows instead"</summary>
            <label class="stacked">
                <span>"Rows with a header, such as text,label"</span>
                <textarea
                    rows="6"
                    data-testid="paste-data"
                    spellcheck="false"
                    prop:value=move || store.data.paste.get()
                    on:input=move |event| store.data.paste.set(event_target_value(&event))
                ></textarea>
            </label>
            <Button id="use-pasted" text="Use these rows" disabled=cannot_use on_press=on_use />
        </details>
    }
    .into_any()
}

fn own_splits(store: Store) -> AnyView {
    let busy = Signal::derive(move || is_busy(store));
    let one = move |slot: DataSlot, id: &'static str, label: &'static str| {
        let signal = if slot == DataSlot::Valid { store.data.valid } else { store.data.test };
        let on_files = Callback::new(move |files: Vec<PickedFile>| store.choose_data(slot, files.into_iter().next()));
        let on_remove = Callback::new(move |()| store.choose_data(slot, None));
        let chosen = move || {
            let name = signal.get()?.name;
            Some(view! { <span>{name}</span> <Button text="Remove" disabled=busy on_press=on_remove /> })
        };
        view! {
            <div class="row">
                <FileInput id=id label=label accept=ACCEPT disabled=busy on_files=on_files />
                {chosen}
            </div>
        }
        .into_any()
    };
    view! {
        <details class="panel">
            <summary>"Your own validation and test files"</summary>
            <p class="hint">"Without them a seeded, stratified part of the rows is kept aside."</p>
            {one(DataSlot::Valid, "valid-file", "Choose validation rows")}
            {one(DataSlot::Test, "test-file", "Choose test rows")}
        </details>
    }
    .into_any()
}

/// For a file whose columns could not be guessed: to name them.
fn name_columns(store: Store) -> AnyView {
    let read = store.data.read.get_untracked();
    let text = RwSignal::new(read.text_column.unwrap_or_default());
    let label = RwSignal::new(read.label_column.unwrap_or_default());
    let field = |id: &'static str, name: &'static str, value: RwSignal<String>| {
        view! {
            <label class="stacked">
                <span>{name}</span>
                <input
                    type="text"
                    data-testid=id
                    autocomplete="off"
                    spellcheck="false"
                    placeholder="guess"
                    prop:value=move || value.get()
                    on:input=move |event| value.set(event_target_value(&event))
                />
            </label>
        }
        .into_any()
    };
    let on_read = Callback::new(move |()| {
        let typed = |value: RwSignal<String>| Some(value.get_untracked().trim().to_owned()).filter(|v| !v.is_empty());
        store.reread_data(|read| (read.text_column, read.label_column) = (typed(text), typed(label)));
    });
    view! {
        <fieldset class="panel" data-testid="name-columns">
            <legend>"If the columns were guessed wrong, name them"</legend>
            <div class="fields">
                {field("name-text-column", "Column of the text", text)}
                {field("name-label-column", "Column of the labels", label)}
            </div>
            <div class="row"><Button id="read-again" text="Read the file again" on_press=on_read /></div>
        </fieldset>
    }
    .into_any()
}

/// How the file was understood, and the controls to correct it.
fn reading(store: Store, report: &DataReport) -> AnyView {
    let column = |id: &'static str, label: &'static str, current: &str, is_text: bool| {
        let options = report.columns.iter().map(|column| {
            view! { <option value=column.clone() prop:selected={column == current}>{column.clone()}</option> }
        });
        let on_change = move |event: web_sys::Event| store.choose_column(is_text, event_target_value(&event));
        view! {
            <label class="stacked">
                <span>{label}</span>
                <select data-testid=id disabled=move || is_busy(store) on:change=on_change>
                    {options.collect_view()}
                </select>
            </label>
        }
        .into_any()
    };
    let format = match report.format {
        Format::Csv => "separated values",
        Format::Jsonl => "JSON Lines",
        Format::Json => "JSON",
    };
    let delimiter = report.delimiter.map(|delimiter| separator(store, delimiter));
    let has_header = report.has_header;
    let header = report.delimiter.is_some().then(|| {
        view! {
            <label class="check">
                <input
                    type="checkbox"
                    data-testid="has-header"
                    prop:checked=has_header
                    disabled=move || is_busy(store)
                    on:change=move |event| {
                        let checked = event_target_checked(&event);
                        // Columns are named by the header: without it they have other names.
                        store.reread_data(|read| {
                            (read.has_header, read.text_column, read.label_column) = (Some(checked), None, None);
                        });
                    }
                />
                <span>"The first row names the columns"</span>
            </label>
        }
    });
    view! {
        <fieldset class="panel">
            <legend>{format!("How {} was read ({format})", report.file_name)}</legend>
            <div class="fields">
                {column("text-column", "Text", &report.text_column, true)}
                {column("label-column", "Label", &report.label_column, false)}
                {delimiter}
            </div>
            {header}
        </fieldset>
    }
    .into_any()
}

fn separator(store: Store, current: char) -> AnyView {
    let known = [(',', "comma"), (';', "semicolon"), ('\t', "tab"), ('|', "bar")];
    let other = (!known.iter().any(|(one, _)| *one == current)).then_some((current, "another"));
    let options = known.into_iter().chain(other).map(|(one, words)| {
        view! { <option value=one.to_string() prop:selected={one == current}>{words}</option> }
    });
    let on_change = move |event: web_sys::Event| {
        let chosen = event_target_value(&event).chars().next();
        store.reread_data(|read| (read.delimiter, read.text_column, read.label_column) = (chosen, None, None));
    };
    view! {
        <label class="stacked">
            <span>"Separator"</span>
            <select data-testid="delimiter" disabled=move || is_busy(store) on:change=on_change>
                {options.collect_view()}
            </select>
        </label>
    }
    .into_any()
}
