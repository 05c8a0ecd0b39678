//! Step 2: drop in labeled rows, or texts, see how they were understood, correct it.

use hone_core::config::{ReadOptions, Task};
use hone_core::data::{DataReport, Format};
use leptos::prelude::*;

use super::data_controls::{encoding, header_row};
use super::data_report::report_view;
use super::frame::{data_note, frame, hint_while, is_running, missing, onward};
use super::texts_report;
use crate::browser::PickedFile;
use crate::components::{Button, FileInput, Meter, check, optional_file, select, text_area};
use crate::format;
use crate::state::report::{Report, forget_columns};
use crate::state::{DataSlot, Step, Store};

const CLASSES_LEAD: &str =
    "A table with a text and a label in each row: CSV, TSV, JSONL or a JSON array. It stays in this tab.";
const TEXTS_LEAD: &str = "Texts as the model should write them: prompts with answers, instructions, conversations, or \
                          plain text. They stay in this tab.";

const ACCEPT: &str = ".csv,.tsv,.txt,.md,.json,.jsonl,.ndjson,text/csv,application/json";

pub(super) fn page(store: Store, task: Task) -> AnyView {
    // Rows can be read before there is a model, but not trained on.
    let next = move || match missing(store, Step::Data) {
        None => onward(store, Step::Recipe, "On to the recipe"),
        Some(missing) => missing,
    };
    let report = move || {
        store.data.report.get().map(|report| {
            let report = match &*report {
                Report::Classes(report) => view! { {reading(store, report)} {report_view(store, report)} }.into_any(),
                Report::Texts(report) => texts_report::page(store, report),
            };
            view! {
                <div class="report" data-testid="data-report">{report}</div>
                {next}
            }
            .into_any()
        })
    };
    let is_loading = Memo::new(move |_| store.data.loading.get());
    let is_unread = Memo::new(move |_| {
        let is_busy = is_loading.get() || store.model.loading.get();
        !is_busy && store.data.train.with(Option::is_some) && store.data.report.with(Option::is_none)
    });
    let waits = move || {
        let is_waiting = !is_loading.get()
            && store.model.loading.get()
            && store.data.train.with(Option::is_some)
            && store.data.report.with(Option::is_none);
        is_waiting.then(|| view! { <p class="note">"The rows are read as soon as the model is loaded."</p> }.into_any())
    };
    let content = view! {
        {data_note(store)}
        {choose(store, task)}
        {move || is_loading.get().then(|| progress(store, task))}
        {waits}
        {move || is_unread.get().then(|| name_columns(store, task))}
        {report}
    };
    let lead = match task {
        Task::SequenceClassification => CLASSES_LEAD,
        Task::CausalLm => TEXTS_LEAD,
    };
    frame(store, Step::Data, lead, content.into_any())
}

/// How far the reading is, and the way out of it.
fn progress(store: Store, task: Task) -> AnyView {
    let progress = store.data.progress;
    let share = Signal::derive(move || match progress.get() {
        (_, 0) => None,
        (done, total) => Some(done as f64 / total as f64),
    });
    let text = Signal::derive(move || match progress.get() {
        (_, 0) => String::new(),
        // A text may be one row and a whole file.
        (done, total) if task == Task::CausalLm => format::percent(done as f64 / total as f64),
        (done, total) => format!("{} of {}", format::count(done), format::plural(total, "row")),
    });
    let on_cancel = Callback::new(move |()| store.cancel_reading());
    view! {
        <div class="panel">
            <p class="unseen" role="status">"Reading the rows."</p>
            <Meter label="Reading the rows" share=share text=text id="read-progress" />
            <div class="row"><Button id="cancel-reading" text="Cancel" on_press=on_cancel /></div>
        </div>
    }
    .into_any()
}

fn is_busy(store: Store) -> bool {
    store.data.loading.get() || store.loading_sample.get() || store.run.with(|run| run.is_active())
}

/// Whether controls must wait.
pub(super) fn busy(store: Store) -> Signal<bool> {
    Signal::derive(move || is_busy(store))
}

fn choose(store: Store, task: Task) -> AnyView {
    let busy = busy(store);
    let files = match task {
        Task::SequenceClassification => "For labels: .csv, .tsv, .txt, .jsonl or .json.",
        Task::CausalLm => "For a language model: .jsonl, .json, .csv or .tsv, or .txt as one text.",
    };
    let on_files = Callback::new(move |files: Vec<PickedFile>| store.choose_data_files(files));
    let chosen = move || {
        let file = store.data.train.get()?;
        Some(format!("{} ({})", file.name, format::bytes(file.size_bytes())))
    };
    view! {
        <div class="drop">
            <p class="drop-title">{move || chosen().unwrap_or_else(|| "Drop a file anywhere, or paste rows".into())}</p>
            <FileInput
                id="data-file"
                label="Choose a file"
                accept=ACCEPT
                multiple=true
                disabled=busy
                on_files=on_files
            />
            <p class="hint">{files}</p>
        </div>
        {hint_while(is_running(store), "A run is going on: stop it before other rows are read.")}
        <div class="columns">{paste(store, task)} {own_splits(store)}</div>
    }
    .into_any()
}

fn paste(store: Store, task: Task) -> AnyView {
    let label = match task {
        Task::SequenceClassification => "Rows with a header, such as text,label",
        Task::CausalLm => "Rows with a header, such as prompt,completion, or as JSON",
    };
    let is_blank = move || store.data.paste.with(|text| text.trim().is_empty());
    let cannot_use = Signal::derive(move || is_busy(store) || is_blank());
    let on_input = Callback::new(move |text| store.data.paste.set(text));
    let on_use = Callback::new(move |()| store.use_pasted_data());
    view! {
        <details class="panel">
            <summary>"Paste rows instead"</summary>
            {text_area(label, "paste-data", "6", false, store.data.paste, on_input)}
            <Button id="use-pasted" text="Use these rows" disabled=cannot_use on_press=on_use />
        </details>
    }
    .into_any()
}

fn own_splits(store: Store) -> AnyView {
    let busy = busy(store);
    let one = move |slot: DataSlot, id: &'static str, label: &'static str| {
        let signal = if slot == DataSlot::Valid { store.data.valid } else { store.data.test };
        let on_files = Callback::new(move |files: Vec<PickedFile>| store.choose_data(slot, files.into_iter().next()));
        let on_remove = Callback::new(move |()| store.choose_data(slot, None));
        optional_file(id, label, ACCEPT, signal, busy, on_files, on_remove)
    };
    view! {
        <details class="panel">
            <summary>"Your own validation and test files"</summary>
            <p class="hint">"Without them a part of the rows, drawn at random, is kept aside for both."</p>
            {one(DataSlot::Valid, "valid-file", "Choose validation rows")}
            {one(DataSlot::Test, "test-file", "Choose test rows")}
        </details>
    }
    .into_any()
}

/// A field of [`ReadOptions`].
type ColumnOf = fn(&mut ReadOptions) -> &mut Option<String>;

/// For a file whose columns could not be guessed: to name them.
fn name_columns(store: Store, task: Task) -> AnyView {
    let columns: &[(&str, &str, ColumnOf)] = match task {
        Task::SequenceClassification => &[
            ("name-text-column", "Column of the text", |read| &mut read.text_column),
            ("name-label-column", "Column of the labels", |read| &mut read.label_column),
        ],
        Task::CausalLm => &[
            ("name-prompt-column", "Column of the prompt, or the instruction", |read| &mut read.prompt_column),
            ("name-completion-column", "Column of the answer", |read| &mut read.completion_column),
            ("name-messages-column", "Column of the conversation", |read| &mut read.messages_column),
            ("name-text-column", "Column of the text, where all is learned", |read| &mut read.text_column),
        ],
    };
    let mut read = store.data.read.get_untracked();
    let typed = |column: ColumnOf| column(&mut read).clone().unwrap_or_default();
    let typed: Vec<_> = columns.iter().map(|(_, _, column)| *column).map(typed).collect();
    let typed = RwSignal::new(typed);
    let field = |(index, (id, name, _)): (usize, &(&'static str, &'static str, ColumnOf))| {
        view! {
            <label class="stacked">
                <span>{*name}</span>
                <input
                    type="text"
                    data-testid=*id
                    autocomplete="off"
                    spellcheck="false"
                    placeholder="guess"
                    prop:value=move || typed.with(|typed| typed[index].clone())
                    on:input=move |event| typed.update(|typed| typed[index] = event_target_value(&event))
                />
            </label>
        }
        .into_any()
    };
    let fields = columns.iter().enumerate().map(field).collect_view();
    let of: Vec<ColumnOf> = columns.iter().map(|(_, _, column)| *column).collect();
    let on_read = Callback::new(move |()| {
        store.reread_data(|read| {
            read.shape = None; // follows from the columns
            for (column, name) in of.iter().zip(typed.get_untracked()) {
                *column(read) = Some(name.trim().to_owned()).filter(|name| !name.is_empty());
            }
        });
    });
    view! {
        <fieldset class="panel" data-testid="name-columns">
            <legend>"If the wrong columns were guessed, name them"</legend>
            <div class="fields">{fields}</div>
            <div class="row"><Button id="read-again" text="Read the file again" on_press=on_read /></div>
        </fieldset>
    }
    .into_any()
}

/// How the file was understood, and the controls to correct it.
fn reading(store: Store, report: &DataReport) -> AnyView {
    let column = |id: &'static str, label: &'static str, current: &str, is_text: bool| {
        let on_choose = Callback::new(move |chosen| store.choose_column(is_text, chosen));
        select(label, id, named(&report.columns), current, busy(store), on_choose)
    };
    view! {
        <fieldset class="panel">
            <legend>{read_as(&report.file_name, Some(report.format))}</legend>
            <div class="fields">
                {column("text-column", "Text", &report.text_column, true)}
                {column("label-column", "Label", &report.label_column, false)}
                {separator(store, report.delimiter)}
                {encoding(store, &report.reading)}
                {header_row(store, report.delimiter, &report.reading)}
            </div>
            {header(store, report.delimiter, report.has_header)}
        </fieldset>
    }
    .into_any()
}

/// Columns as options of a list.
pub(super) fn named(columns: &[String]) -> Vec<(String, String)> {
    columns.iter().map(|column| (column.clone(), column.clone())).collect()
}

/// How a file was read, in words; without a format it is plain text.
pub(super) fn read_as(file_name: &str, format: Option<Format>) -> String {
    let format = match format {
        Some(Format::Csv) => "separated values",
        Some(Format::Jsonl) => "JSON Lines",
        Some(Format::Json) => "JSON",
        None => "plain text",
    };
    format!("How {file_name} was read ({format})")
}

/// Whether there is a header, where there can be one.
pub(super) fn header(store: Store, delimiter: Option<char>, has_header: bool) -> Option<AnyView> {
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
pub(super) fn separator(store: Store, current: Option<char>) -> Option<AnyView> {
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
