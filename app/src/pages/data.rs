//! Step 2: say what the model should learn, drop in rows, see how they were understood, correct it.

use hone_core::task::Task;
use leptos::prelude::*;

use super::data_findings::section;
use super::data_report::report_view;
use super::frame::{data_note, frame, hint_while, is_running, missing, onward};
use super::parts::parts;
use super::{few_rows, label_check, labeling, reading, rows, undo};
use crate::browser::PickedFile;
use crate::components::{Button, FileInput, TextInput, optional_file, select, text_area};
use crate::format;
use crate::state::reading::REPORT_ID;
use crate::state::report::Wish;
use crate::state::{DataSlot, Step, Store};
use crate::tasks::{self, TaskPage};

const ACCEPT: &str = ".csv,.tsv,.txt,.md,.json,.jsonl,.ndjson,.conll,.conllu,.bio,.iob,.iob2,.bioes,.parquet,.xlsx,.ods,.gz,.zip,\
                      text/csv,application/json";
/// The same of rows that are images.
const ACCEPT_IMAGES: &str = ".zip,.png,.jpg,.jpeg,.webp,.bmp,.gif";
/// What is read beside the files that a task names.
const PACKED: &str = "Also .parquet, .xlsx and .ods, and any of these in .gz or .zip.";

/// What the browser offers to choose from.
fn accept(words: &TaskPage) -> &'static str {
    if words.reads_images { ACCEPT_IMAGES } else { ACCEPT }
}

pub(super) fn page(store: Store, task: Task) -> AnyView {
    let words = tasks::of(task);
    // Rows can be read before there is a model, but not trained on.
    let next = move || match missing(store, Step::Data) {
        None => onward(store, Step::Recipe, "On to the recipe"),
        Some(missing) => missing,
    };
    let report = move || {
        store.data.report.get().map(|report| {
            view! {
                <div class="report" id=REPORT_ID data-testid="data-report">
                    {few_rows::view(store, &report)}
                    {report_view(store, &report)}
                    {section(store, &report)}
                </div>
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
        {undo::buttons(store)}
        {data_note(store)}
        <div class="fields">{move || what_to_learn(store, task)}</div>
        {guess_note(store)}
        {choose(store, task, words)}
        {rows::panel(store)}
        {move || is_loading.get().then(|| reading::of_rows(store, words.counts_bytes))}
        {waits}
        {move || is_unread.get().then(|| name_columns(store, words.named_columns))}
        {move || is_unread.get().then(|| labeling::offer_column(store))}
        {parts(store)}
        {report}
        {labeling::panel(store)}
        {labeling::images_by_hand(store)}
        {label_check::panel(store)}
    };
    frame(store, Step::Data, words.lead, content.into_any())
}

/// The choice of the task, among those that the loaded model has heads for.
fn what_to_learn(store: Store, task: Task) -> AnyView {
    // While the person is asked about weights that would go, and once they stay, it shows what holds.
    store.model.pending.track();
    let can = store.model.info.with(|info| info.as_ref().map(|info| info.tasks.clone()));
    let is_offered = |one: &&Task| **one == task || can.as_ref().is_none_or(|can| can.contains(one));
    let option = |one: &Task| (one.name().to_owned(), one.spec().title.to_owned());
    let guess = store.data.wished_task.get().map(|_| (String::new(), "guess it from the file".to_owned()));
    let options = Task::ALL.iter().filter(is_offered).map(option).chain(guess).collect();
    let on_choose = Callback::new(move |chosen: String| match Task::from_name(&chosen) {
        Some(task) => store.choose_task(task),
        None => store.guess_again(),
    });
    let is_busy = Signal::derive(move || is_busy(store) || store.model.loading.get());
    select("What the model should learn", "task", options, task.name(), is_busy, on_choose)
}

/// What the file seems to be for, where nobody said.
fn guess_note(store: Store) -> AnyView {
    let data = store.data;
    let note = move || {
        let is_wanted = data.train.with(Option::is_some) && data.wished_task.with(Option::is_none);
        let guess = data.guess.get().filter(|_| is_wanted && !data.loading.get() && !store.model.loading.get())?;
        Some(view! { <p class="hint" role="status" data-testid="task-guess">{guess.describe()}</p> }.into_any())
    };
    view! { {note} }.into_any()
}

fn is_busy(store: Store) -> bool {
    store.data.loading.get()
        || store.loading_sample.get()
        || store.images.packing.get().is_some()
        || store.run.with(|run| run.is_active())
}

/// Whether controls must wait.
pub(crate) fn busy(store: Store) -> Signal<bool> {
    Signal::derive(move || is_busy(store))
}

fn choose(store: Store, task: Task, words: &'static TaskPage) -> AnyView {
    let busy = busy(store);
    let reads_images = words.reads_images;
    let on_files = Callback::new(move |files: Vec<PickedFile>| match reads_images {
        true => store.take_files(files),
        false => store.choose_data_files(files),
    });
    let chosen = move || {
        let file = store.data.train.get()?;
        Some(format!("{} ({})", file.name, format::bytes(file.size_bytes())))
    };
    let asked =
        if reads_images { "Drop a zip, a folder or images anywhere" } else { "Drop a file anywhere, or paste rows" };
    let label = if reads_images { "Choose a zip or images" } else { "Choose a file" };
    let folder = reads_images.then(|| {
        let on_files = Callback::new(move |files: Vec<PickedFile>| store.take_folder(files));
        view! {
            <FileInput
                id="data-folder"
                label="Choose a folder"
                accept=""
                multiple=true
                is_folder=true
                disabled=busy
                on_files=on_files
            />
        }
    });
    let pasted = (!words.pasted.is_empty()).then(|| paste(store, words.pasted));
    view! {
        <div class="drop">
            <p class="drop-title">{move || chosen().unwrap_or_else(|| asked.into())}</p>
            <div class="row">
                <FileInput
                    id="data-file"
                    label=label
                    accept=accept(words)
                    multiple=true
                    disabled=busy
                    on_files=on_files
                />
                {folder}
            </div>
            <p class="hint">{words.files} " " {(!reads_images).then_some(PACKED)}</p>
        </div>
        {hint_while(is_running(store), "A run is going on: stop it before other rows are read.")}
        {reading::of_packing(store)}
        {tasks::give_images(store, task)}
        <div class="columns">{pasted} {own_splits(store, words)}</div>
    }
    .into_any()
}

fn paste(store: Store, label: &'static str) -> AnyView {
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

fn own_splits(store: Store, words: &'static TaskPage) -> AnyView {
    let (busy, accept) = (busy(store), accept(words));
    let one = move |slot: DataSlot, id: &'static str, label: &'static str| {
        let signal = if slot == DataSlot::Valid { store.data.valid } else { store.data.test };
        let on_files = Callback::new(move |files: Vec<PickedFile>| store.choose_data(slot, files.into_iter().next()));
        let on_remove = Callback::new(move |()| store.choose_data(slot, None));
        optional_file(id, label, accept, signal, busy, on_files, on_remove)
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

/// For a file whose columns could not be guessed: to name them.
fn name_columns(store: Store, columns: &'static [(&'static str, &'static str, Wish)]) -> AnyView {
    let mut read = store.data.read.get_untracked();
    let typed: Vec<_> = columns.iter().map(|(_, _, wish)| wish(&mut read).clone().unwrap_or_default()).collect();
    let typed = RwSignal::new(typed);
    let field = |(index, (id, name, _)): (usize, &(&'static str, &'static str, Wish))| {
        let value = Signal::derive(move || typed.with(|typed| typed[index].clone()));
        let on_input = Callback::new(move |text: String| typed.update(|typed| typed[index] = text));
        view! { <TextInput id=*id label=*name value=value placeholder="guess" on_input=on_input /> }.into_any()
    };
    let fields = columns.iter().enumerate().map(field).collect_view();
    let on_read = Callback::new(move |()| {
        store.reread_data(|read| {
            read.shape = None; // follows from the columns
            for ((_, _, wish), name) in columns.iter().zip(typed.get_untracked()) {
                *wish(read) = Some(name.trim().to_owned()).filter(|name| !name.is_empty());
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
