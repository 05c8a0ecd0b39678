//! On the step Try: a whole file is labeled, or a text written for each row, and taken home. The file is chosen or dropped, its columns can
//! be changed, and its answers come as the same file with columns added.

use hone_core::task::Task;
use leptos::ev::DragEvent;
use leptos::prelude::*;

use super::ask::can_predict;
use super::frame::wait_hint;
use crate::browser::PickedFile;
use crate::components::{Button, Cell, FileInput, counted, select, table};
use crate::format;
use crate::state::batch::{Going, LabeledFile, LookedAt};
use crate::state::{Activity, Step, Store};
use crate::tasks;

/// What a browser offers to choose from, of rows.
const ROWS: &str = ".csv,.tsv,.txt,.jsonl,.ndjson,.json,.conll,.parquet,.xlsx,.ods,.gz,.zip";
/// The same of images.
const IMAGES: &str = "image/png,image/jpeg,image/webp,image/bmp,image/gif,.zip";

const WHAT_OF_ROWS: &str = "Drop a file with a text in each row here: it comes back with the answers in columns of their own. It stays \
    in this browser.";
const WHAT_OF_QUESTIONS: &str = "Drop a file with a question and a text in each row here: it comes back with the answers in columns of \
    their own. It stays in this browser.";
const WHAT_OF_PROMPTS: &str = "Drop a file here that has in each row a prompt, or a text to turn into another: it comes back with what the \
    model writes in a column of its own, by the settings above. It stays in this browser.";
const WHAT_OF_IMAGES: &str =
    "Drop images or a zip of images here: each gets a label, in a table by the names of the files.";

/// Characters of a cell that are shown.
const MAX_CELL: usize = 80;
/// Labels whose counts are shown.
const MAX_COUNTS: usize = 20;

/// What is said of a file.
#[derive(Clone, Copy)]
struct FileWords {
    title: &'static str,
    what: &'static str,
    begin: &'static str,
    going: &'static str,
    waits: &'static str,
}

/// What is said of a file for a task.
fn words_of(task: Task) -> FileWords {
    if task.spec().writes() {
        return FileWords {
            title: "Write for a whole file",
            what: WHAT_OF_PROMPTS,
            begin: "Write for each row",
            going: "Writing for the file",
            waits: "Texts can be written for the file",
        };
    }
    if task == Task::Regression {
        return FileWords {
            title: "Predict for a whole file",
            what: WHAT_OF_ROWS,
            begin: "Predict for each row",
            going: "Predicting for the file",
            waits: "Numbers can be predicted for the file",
        };
    }
    if task == Task::QuestionAnswering {
        return FileWords {
            title: "Answer a whole file",
            what: WHAT_OF_QUESTIONS,
            begin: "Answer each question",
            going: "Answering the file",
            waits: "The file can be answered",
        };
    }
    FileWords {
        title: "Label a whole file",
        what: if tasks::of(task).reads_images { WHAT_OF_IMAGES } else { WHAT_OF_ROWS },
        begin: "Label it",
        going: "Labeling the file",
        waits: "The file can be labeled",
    }
}

/// The panel.
pub(super) fn panel(store: Store, task: Task) -> AnyView {
    let (has_images, words) = (tasks::of(task).reads_images, words_of(task));
    let batch = store.batch;
    let is_loaded =
        Memo::new(move |_| store.model.info.with(Option::is_some) && store.data.report.with(Option::is_some));
    // Files may come after the panel is drawn anew: this lives longer than what it draws.
    let on_files = Callback::new(move |files: Vec<PickedFile>| store.choose_batch(files));
    let chosen = move || {
        let names = batch.files.with(|files| {
            let first = files.first().map(|file| file.name.clone())?;
            Some(if files.len() > 1 { format!("{first} and {} more", files.len() - 1) } else { first })
        });
        names.map(|names| view! { <p data-testid="label-file-name">{names}</p> })
    };
    let looked = move || batch.looked.get().map(|looked| columns(store, &looked));
    let labeled = move || batch.labeled.get().map(|labeled| answers(store, &labeled));
    let content = move || {
        is_loaded.get().then(|| {
            view! {
                <details class="panel" data-testid="label-panel">
                    <summary>{words.title}</summary>
                    {drop_area(store, words.what, has_images, on_files)}
                    {chosen}
                    {looked}
                    {start(store, words)}
                    {labeled}
                </details>
            }
            .into_any()
        })
    };
    content.into_any()
}

/// Where a file is dropped or chosen.
fn drop_area(store: Store, what: &'static str, has_images: bool, on_files: Callback<Vec<PickedFile>>) -> AnyView {
    let on_drop = move |event: DragEvent| {
        if untrack(|| can_predict(store)) {
            store.take_dropped_on_part(&event, Step::Try, on_files);
        }
    };
    let cannot_choose = Signal::derive(move || !can_predict(store));
    let accept = if has_images { IMAGES } else { ROWS };
    view! {
        <div class="drop" on:drop=on_drop data-testid="label-drop">
            <p>{what}</p>
            <div class="row">
                <FileInput
                    id="label-file"
                    label="Choose a file"
                    accept=accept
                    multiple=has_images
                    disabled=cannot_choose
                    on_files=on_files
                />
            </div>
        </div>
    }
    .into_any()
}

/// The columns that are read, which can be others, and what there is to know of the file.
fn columns(store: Store, looked: &LookedAt) -> AnyView {
    let disabled = Signal::derive(move || store.activity().is_some());
    let choices = looked.used.iter().filter_map(|(column, role)| {
        let (label, id) = match role.as_str() {
            "text" => ("Column of the text", "label-text-column"),
            "prompt" => ("Column of the prompt", "label-prompt-column"),
            "source" => ("Column of the text to turn into another", "label-source-column"),
            "second text" => ("Column of the second text", "label-second-column"),
            "question" => ("Column of the question", "label-question-column"),
            "context" => ("Column of the context", "label-context-column"),
            _ => return None,
        };
        let role = role.clone();
        let options = looked.columns.iter().map(|name| (name.clone(), name.clone())).collect();
        let on_choose = Callback::new(move |chosen: String| store.choose_batch_column(&role, chosen));
        Some(select(label, id, options, column, disabled, on_choose))
    });
    let choices: Vec<AnyView> = choices.collect();
    let count = format::plural(looked.num_inputs, "row");
    view! {
        <div class="row">{choices}</div>
        <p data-testid="label-inputs">{format!("{count} to be answered.")}</p>
        {notes(&looked.notes)}
    }
    .into_any()
}

/// The button that begins, how far it is, and the way to end it.
fn start(store: Store, words: FileWords) -> AnyView {
    let batch = store.batch;
    let is_going = Memo::new(move |_| batch.going.get() == Some(Going::Labeling));
    let is_ready = Memo::new(move |_| {
        let has_files = batch.files.with(|files| !files.is_empty());
        has_files && (batch.looked.with(Option::is_some) || store.tries_images())
    });
    let disabled = Signal::derive(move || !can_predict(store) || store.write_as().is_err());
    let on_start = Callback::new(move |()| store.label_batch());
    let button = move || {
        (is_ready.get() && !is_going.get()).then(|| {
            view! { <Button id="label-run" text=words.begin is_primary=true disabled=disabled on_press=on_start /> }
        })
    };
    let meter = move || is_going.get().then(|| progress(store, words.going, "label-cancel"));
    view! {
        <div class="row">{button}</div>
        {meter}
        {move || is_ready.get().then(|| wait_hint(store, words.waits, Some(Activity::Answering)))}
    }
    .into_any()
}

/// How far many inputs are, and the button that ends it.
pub(super) fn progress(store: Store, label: &'static str, id: &'static str) -> AnyView {
    let on_cancel = Callback::new(move |()| store.cancel_batch());
    counted(label, id, store.measuring_progress.into(), on_cancel)
}

/// What was answered: counts, the first rows, and the file once more.
fn answers(store: Store, labeled: &LabeledFile) -> AnyView {
    let LabeledFile { name, summary, notes: said } = labeled;
    let unsure =
        summary.num_unsure.map(|count| format!(", {} of them unsure", format::count(count))).unwrap_or_default();
    let done = format!("{} answered{unsure}. Saved as {name}.", format::plural(summary.num_answered, "input"));
    let counts: Vec<Vec<Cell>> = summary
        .counts
        .iter()
        .take(MAX_COUNTS)
        .map(|(label, count)| {
            vec![Cell::new("head", format::shortened(label, MAX_CELL)), Cell::number(format::count(*count))]
        })
        .collect();
    let hidden = summary.counts.len().saturating_sub(MAX_COUNTS);
    let hidden = (hidden > 0).then(|| format!("Not shown: {} of fewer rows.", format::plural(hidden, "label")));
    let counts = (!counts.is_empty()).then(|| table("Labels given", "label-counts", &["Label", "Rows"], counts));
    let heads: Vec<&str> = summary.columns.iter().map(String::as_str).collect();
    let cells = summary.rows.iter().map(|row| {
        let cell = |text: &String| Cell::new("text", format::shortened(text, MAX_CELL));
        row.iter().map(cell).collect()
    });
    let first = table("The first answers", "label-rows", &heads, cells.collect());
    let on_save = Callback::new(move |()| store.save_batch());
    view! {
        <p role="status" data-testid="labeled">{done}</p>
        {notes(said)}
        {counts}
        <p class="hint">{hidden}</p>
        {first}
        <div class="row"><Button id="label-save" text="Save it again" on_press=on_save /></div>
    }
    .into_any()
}

fn notes(notes: &[String]) -> AnyView {
    let lines = notes.iter().map(|note| view! { <li>{format::sentence(note)}</li> }).collect_view();
    let list = (!notes.is_empty()).then(|| view! { <ul class="hint" data-testid="label-notes">{lines}</ul> });
    view! { {list} }.into_any()
}
