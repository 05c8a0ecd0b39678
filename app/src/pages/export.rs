//! Step 7: export the trained model, and after a run with adapters the adapter alone.

use hone_core::config::ExportFormat;
use hone_core::hub::own_model_folder;
use hone_core::task::{HeadKind, Task};
use leptos::prelude::*;

use super::frame::{frame, missing};
use super::of_run::of_run;
use crate::components::{Button, check, facts};
use crate::format;
use crate::state::run_report::RunFile;
use crate::state::several::RunPart;
use crate::state::{Step, Store};
use crate::tasks;

const LEAD: &str = "Save the trained model as a zip. It loads in Python, and here again, without conversion.";

/// What is in the zip beside what the model reads its inputs with, and what for.
const CONTENTS: &[(&str, &str)] = &[
    ("model.safetensors", "the trained model's weights"),
    ("config.json", "the architecture, and for a classifier the names of its labels"),
    ("README.md", "a model card: the data, the settings, the figures, and the commands that use and repeat it"),
    ("hone.json", "the job file: hone train --job hone.json repeats the run in a terminal"),
    ("all_results.json", "the figures, for programs"),
];

/// What a model reads its inputs with: the file or files, and what for.
fn reader_files(task: Task) -> (&'static str, &'static str) {
    match tasks::of(task).reads_images {
        true => ("preprocessor_config.json", "how images are resized and scaled, as it came with the model"),
        false => ("tokenizer files", "as they came with the model"),
    }
}

const VERIFY: &str =
    "Open the file again before it is saved, and compare its answers on up to 200 rows with those of the model here";

const REPORT: &str = "The report is one page to read and print: settings, data, curves, figures and mistakes, and the slices, swapped \
    words, votes and models side by side that you looked at. The run log has the same for programs, a line of JSON for each thing that \
    happened: hone report reads it, from a folder where it is called run_log.jsonl. Texts of your rows are in both. Figures of the test \
    rows are in them once you pressed Evaluate. The file for TensorBoard has the numbers alone; its times are seconds since the run began.";

const JOB_BEFORE_A_RUN: &str = "The job file holds the model, the recipe and the names of your data files. Saved before a run, it \
    can't tell whether another file of such a name holds the same rows; saved after a run, it can.";

/// Where the zip was unpacked, in Python.
const UNZIPPED: &str = "path/to/the/unzipped/folder";

/// What is in the zip of an adapter, and what for.
const ADAPTER_CONTENTS: &[(&str, &str)] = &[
    ("adapter_model.safetensors", "the adapter's weights: small, but useless without the model it was trained on"),
    ("adapter_config.json", "its settings, as PEFT reads them, and the name of that model"),
];

/// A prompt in Python, as the model was given those that it was trained on.
fn prompt(store: Store) -> String {
    let given = store.format_to_try().prompt("your text here");
    // What the chat template would write is left to the model card.
    given.map_or_else(|| "\"your text here\"".into(), |given| format!("{given:?}"))
}

/// What is in the zip: the files of a model, or a folder with them for each of several tasks.
fn contents(store: Store, task: Task) -> AnyView {
    let files = || {
        let all = CONTENTS.iter().copied().chain([reader_files(task)]);
        facts("pairs wide", all.map(|(name, what)| (name, what.to_owned())).collect())
    };
    if store.shown_part.with(Option::is_none) {
        return files();
    }
    let folder = |part: RunPart| {
        let title = part.task.spec().title;
        view! { <li><code>{format!("{}/", part.name)}</code>{format!(" {title}")}</li> }.into_any()
    };
    view! {
        <p>"A folder for each task, with hone.json, the job file of all of them, and their figures (all_results.json):"</p>
        <ul data-testid="folders">{store.run_parts.get().into_iter().map(folder).collect_view()}</ul>
        <p>"In each folder a whole model. Tasks share the encoder, and adapters too, so no adapter is saved alone."</p>
        {files()}
    }
    .into_any()
}

/// Python that asks the model, or that of the task that is shown.
fn python(store: Store, task: Task) -> String {
    let text = (tasks::of(task).python)(&prompt(store));
    match store.shown_part.get() {
        Some(part) => text.replace(UNZIPPED, &format!("{UNZIPPED}/{}", part.name)),
        None => text,
    }
}

/// Lines that load an adapter with the model that it belongs to.
fn adapter_python(task: Task, num_labels: usize, prompt: &str) -> String {
    let [class, more, rest] = (tasks::of(task).adapter_python)(num_labels, prompt);
    let (reader, reads_with) = match tasks::of(task).reads_images {
        true => ("AutoImageProcessor", "processor"),
        false => ("AutoTokenizer", "tokenizer"),
    };
    if task.spec().peft_task_type.is_none() {
        // PEFT has no class that finds the model by itself.
        return format!(
            "from peft import PeftModel
from transformers import {class}, {reader}
folder = \"path/to/the/unzipped/adapter\"
base = {class}.from_pretrained(\"path/to/the/model\"{more})
model = PeftModel.from_pretrained(base, folder)
{reads_with} = {reader}.from_pretrained(folder)
{rest}"
        );
    }
    format!(
        "from peft import {class}
from transformers import {reader}
folder = \"path/to/the/unzipped/adapter\"
model = {class}.from_pretrained(folder{more})
{reads_with} = {reader}.from_pretrained(folder)
{rest}"
    )
}

/// Whether the run that was started trains an adapter.
fn has_adapter(store: Store) -> bool {
    store.started.with(|started| started.as_ref().is_some_and(|run| run.has_adapter))
}

/// Whether there is a job file to save: that of the run, or before one that of a recipe which is right.
fn has_job(store: Store) -> bool {
    let is_right = store.resolved.with(Result::is_ok) && store.changed.with(Result::is_ok);
    let is_planned = store.model.info.with(Option::is_some) && is_right && store.parts_problem().is_none();
    store.started.with(Option::is_some) || is_planned
}

/// What can be saved: the model, its adapter, the report, the log, the job file.
fn buttons(store: Store, can_pack: Memo<bool>, has_job: Memo<bool>) -> AnyView {
    let packs: Signal<bool> = store.exporting.into();
    let text = Signal::derive(move || {
        let text = match (store.exporting.get(), has_adapter(store)) {
            (true, _) => "Packing…",
            (false, true) => "Download the whole model",
            (false, false) => "Download the zip",
        };
        text.to_string()
    });
    let adapter_text = Signal::derive(move || {
        let text = if store.exporting.get() { "Packing…" } else { "Download the adapter" };
        text.to_string()
    });
    let on_pack = Callback::new(move |()| store.export(ExportFormat::Merged));
    let on_adapter = Callback::new(move |()| store.export(ExportFormat::Adapter));
    let on_report = Callback::new(move |()| store.save_of_run(RunFile::Report));
    let on_log = Callback::new(move |()| store.save_of_run(RunFile::Log));
    let on_events = Callback::new(move |()| store.save_of_run(RunFile::Events));
    let on_job = Callback::new(move |()| store.save_job());
    let zip_button =
        move || view! { <Button id="export-zip" text=text is_primary=true waits=packs on_press=on_pack /> }.into_any();
    let adapter_button =
        move || view! { <Button id="export-adapter" text=adapter_text waits=packs on_press=on_adapter /> }.into_any();
    let report_buttons = move || {
        view! {
            <Button id="export-report" text="Download report" waits=packs on_press=on_report />
            <Button id="export-log" text="Run log (JSON Lines)" waits=packs on_press=on_log />
            <Button id="export-events" text="Curves for TensorBoard" waits=packs on_press=on_events />
        }
        .into_any()
    };
    let job_button = move || view! { <Button id="export-job" text="Save the job file" on_press=on_job /> }.into_any();
    view! {
        <div class="row">
            {move || can_pack.get().then(zip_button)}
            {move || (can_pack.get() && has_adapter(store)).then(adapter_button)}
            {move || can_pack.get().then(report_buttons)}
            {move || has_job.get().then(job_button)}
        </div>
    }
    .into_any()
}

/// How the zip is checked, and what is in the report and the log.
fn about_files(store: Store) -> AnyView {
    let on_verify = Callback::new(move |is_on| store.verifies_export.set(is_on));
    view! {
        {check(VERIFY, "export-verify", store.verifies_export.into(), store.exporting.into(), on_verify)}
        <p class="hint">{REPORT}</p>
    }
    .into_any()
}

/// What is to be known of the job file before a run.
fn job_note(store: Store, has_job: bool) -> Option<String> {
    if store.started.with(Option::is_some) {
        return None;
    }
    if let Some(names) = store.wrong_settings() {
        return Some(format!("Fix this in the recipe before you save a job file: {names}."));
    }
    has_job.then(|| JOB_BEFORE_A_RUN.into())
}

/// The threshold that was chosen at another step: it is said here that it is in the files.
fn unsure_note(store: Store, task: Task) -> Option<AnyView> {
    let below = store.unsure_below().filter(|_| task.spec().gives_one_label())?;
    let text =
        format!("Answers below {:.0} % are marked as unsure by hone predict, as you chose at Evaluate.", below * 100.0);
    Some(view! { <p class="hint" data-testid="export-unsure">{text}</p> }.into_any())
}

/// What was saved, and what came of its check.
fn saved_note(store: Store) -> Option<AnyView> {
    let (name, size_bytes) = store.exported.get()?;
    let text = format!("Saved in your browser's downloads: {name} ({})", format::bytes(size_bytes));
    let checked = store.export_checked.get();
    let checked =
        (!checked.is_empty()).then(|| view! { <span data-testid="export-checked">{format!(" {checked}")}</span> });
    Some(view! { <p class="note" role="status" data-testid="exported">{text}{checked}</p> }.into_any())
}

/// The next step after a model that scores words, which is a base for others.
fn go_on(store: Store) -> AnyView {
    let text = "This model knows the words of your texts now. Train it next on rows with labels: it takes the place of \
                the model that you loaded, and you choose a file of such rows.";
    let loads: Signal<bool> = store.model.loading.into();
    let on_labels = Callback::new(move |()| store.go_on_with_labels());
    view! {
        <div class="panel">
            <p>{text}</p>
            <div class="row">
                <Button id="go-on-with-labels" text="Go on with labeled rows" waits=loads on_press=on_labels />
            </div>
        </div>
    }
    .into_any()
}

/// What is in the zip of the model, and the Python that loads it.
fn about_model(store: Store, task: Task) -> AnyView {
    let has_pooling = task.spec().settings.contains(&"pooling");
    let pooling = has_pooling.then_some(" If you chose mean pooling, load it as README.md says.");
    view! {
        <div class="columns">
            <div class="panel">
                <h3>"What is in the zip"</h3>
                {move || contents(store, task)}
            </div>
            <div class="panel">
                <h3>"Load it in Python"</h3>
                <pre data-testid="python"><code>{move || python(store, task)}</code></pre>
                <p class="hint">"Your rows are not in the zip."{pooling}</p>
            </div>
        </div>
    }
    .into_any()
}

/// The same of the adapter.
fn about_adapter(store: Store, task: Task) -> AnyView {
    let num_labels = store.started.with(|started| started.as_ref().map_or(0, |run| run.num_labels));
    let sources = store.started.with(|started| started.as_ref().and_then(|run| own_model_folder(&run.origin.model)));
    let base = match sources {
        Some(folder) => format!("This model is on no hub: it comes with Hone's sources, in {folder}. Load it"),
        None => {
            "This downloads the model that the adapter names. If that model came from your own files, load it".into()
        }
    };
    let contents = ADAPTER_CONTENTS.iter().map(|(name, what)| (*name, (*what).to_string())).collect();
    view! {
        <div class="columns">
            <div class="panel">
                <h3>"What is in the adapter's zip"</h3>
                {facts("pairs wide", contents)}
                <p class="hint">
                    {format!("And {}, README.md, hone.json and all_results.json, as in the whole model.", reader_files(task).0)}
                </p>
            </div>
            <div class="panel">
                <h3>"Load the adapter in Python"</h3>
                <pre data-testid="python-adapter"><code>{adapter_python(task, num_labels, &prompt(store))}</code></pre>
                <p class="hint">{base}" first, then call PeftModel.from_pretrained(model, folder)."</p>
            </div>
        </div>
    }
    .into_any()
}

pub(super) fn page(store: Store, task: Task) -> AnyView {
    let can_pack = Memo::new(move |_| store.run.with(|run| run.is_finished()));
    let has_job = Memo::new(move |_| has_job(store));
    // Of several tasks the zip is no model by itself.
    let is_base = task.spec().head == HeadKind::MaskedLm && store.shown_part.with_untracked(Option::is_none);
    let content = view! {
        {move || missing(store, Step::Export)}
        {of_run(store)}
        {buttons(store, can_pack, has_job)}
        {move || can_pack.get().then(|| about_files(store))}
        <p class="hint" data-testid="job-note">{move || job_note(store, has_job.get())}</p>
        {move || unsure_note(store, task)}
        {move || saved_note(store)}
        {move || (is_base && can_pack.get()).then(|| go_on(store))}
        {about_model(store, task)}
        {move || has_adapter(store).then(|| about_adapter(store, task))}
    };
    frame(store, Step::Export, LEAD, content.into_any())
}
