//! Step 7: export the trained model, and after a run with adapters the adapter alone.

use hone_core::config::{ExportFormat, Task};
use hone_core::hub::{OWN_MODEL, OWN_MODEL_FOLDER};
use leptos::prelude::*;

use super::frame::{frame, missing};
use super::of_run::of_run;
use crate::components::{Button, facts};
use crate::format;
use crate::state::{Step, Store};

const LEAD: &str = "Save the trained model as a zip. It loads in Python, and here again, without conversion.";

/// What is in the zip, and what for.
const CONTENTS: &[(&str, &str)] = &[
    ("model.safetensors", "the trained model's weights"),
    ("config.json", "the architecture, and for a classifier the names of its labels"),
    ("tokenizer files", "as they came with the model"),
    ("README.md", "a model card: the data, the settings, the figures, and the commands that use and repeat it"),
    ("hone.json", "the job file: hone train --job hone.json repeats the run in a terminal"),
];

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

/// Lines that load a whole model.
fn python(task: Task, prompt: &str) -> String {
    match task {
        Task::SequenceClassification => "from transformers import pipeline
classify = pipeline(\"text-classification\", model=\"path/to/the/unzipped/folder\")
print(classify(\"My parcel has not arrived yet\"))"
            .into(),
        Task::CausalLm => format!(
            "from transformers import pipeline
write = pipeline(\"text-generation\", model=\"path/to/the/unzipped/folder\")
print(write({prompt}, max_new_tokens=20))"
        ),
    }
}

/// Lines that load an adapter with the model that it belongs to.
fn adapter_python(task: Task, num_labels: usize, prompt: &str) -> String {
    // PEFT's files do not say how many labels a classifier has.
    let (class, more, rest) = match task {
        Task::SequenceClassification => (
            "AutoPeftModelForSequenceClassification",
            format!(", num_labels={num_labels}"),
            "inputs = tokenizer(\"My parcel has not arrived yet\", return_tensors=\"pt\")
print(model(**inputs).logits.softmax(-1))"
                .to_owned(),
        ),
        Task::CausalLm => (
            "AutoPeftModelForCausalLM",
            String::new(),
            format!(
                "inputs = tokenizer({prompt}, return_tensors=\"pt\")
print(tokenizer.decode(model.generate(**inputs, max_new_tokens=20)[0]))"
            ),
        ),
    };
    format!(
        "from peft import {class}
from transformers import AutoTokenizer
folder = \"path/to/the/unzipped/adapter\"
model = {class}.from_pretrained(folder{more})
tokenizer = AutoTokenizer.from_pretrained(folder)
{rest}"
    )
}

pub(super) fn page(store: Store, task: Task) -> AnyView {
    let has_adapter = move || store.started.with(|started| started.as_ref().is_some_and(|run| run.has_adapter));
    let contents = CONTENTS.iter().map(|(name, what)| (*name, (*what).to_string())).collect();
    let text = Signal::derive(move || {
        let text = match (store.exporting.get(), has_adapter()) {
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
    let packs: Signal<bool> = store.exporting.into();
    let can_pack = Memo::new(move |_| store.run.with(|run| run.is_finished()));
    let is_before_a_run = Memo::new(move |_| store.started.with(Option::is_none));
    let has_job = Memo::new(move |_| {
        let is_planned = store.model.info.with(Option::is_some) && store.resolved.with(Result::is_ok);
        !is_before_a_run.get() || is_planned
    });
    let done = move || {
        let (name, size_bytes) = store.exported.get()?;
        let text = format!("Saved in your browser's downloads: {name} ({})", format::bytes(size_bytes));
        Some(view! { <p class="note" role="status" data-testid="exported">{text}</p> })
    };
    let on_pack = Callback::new(move |()| store.export(ExportFormat::Merged));
    let on_adapter = Callback::new(move |()| store.export(ExportFormat::Adapter));
    let adapter_button =
        move || view! { <Button id="export-adapter" text=adapter_text waits=packs on_press=on_adapter /> }.into_any();
    let zip_button =
        move || view! { <Button id="export-zip" text=text is_primary=true waits=packs on_press=on_pack /> }.into_any();
    let adapter = move || {
        let num_labels = store.started.with(|started| started.as_ref().map_or(0, |run| run.num_labels));
        let is_own = store.started.with(|started| started.as_ref().is_some_and(|run| run.origin.model == OWN_MODEL));
        let base = match is_own {
            true => format!("This model is on no hub: it comes with Hone's sources, in {OWN_MODEL_FOLDER}. Load it"),
            false => "This downloads the model that the adapter names. If that model came from your own files, load it"
                .into(),
        };
        let contents = ADAPTER_CONTENTS.iter().map(|(name, what)| (*name, (*what).to_string())).collect();
        view! {
            <div class="columns">
                <div class="panel">
                    <h3>"What is in the adapter's zip"</h3>
                    {facts("pairs wide", contents)}
                    <p class="hint">"And tokenizer files, README.md and hone.json, as in the whole model."</p>
                </div>
                <div class="panel">
                    <h3>"Load the adapter in Python"</h3>
                    <pre data-testid="python-adapter"><code>{adapter_python(task, num_labels, &prompt(store))}</code></pre>
                    <p class="hint">{base}" first, then call PeftModel.from_pretrained(model, folder)."</p>
                </div>
            </div>
        }
        .into_any()
    };
    let on_job = Callback::new(move |()| store.save_job());
    let job_button = move || view! { <Button id="export-job" text="Save the job file" on_press=on_job /> }.into_any();
    let job_note = move || {
        if !is_before_a_run.get() {
            return None;
        }
        if let Some(names) = store.wrong_settings() {
            return Some(format!("Fix this in the recipe before you save a job file: {names}."));
        }
        let text = "The job file holds the model, the recipe and the name of your data file. Saved before a run, it \
                    can't tell whether another file of that name holds the same rows; saved after a run, it can.";
        has_job.get().then(|| text.into())
    };
    let has_pooling = task == Task::SequenceClassification;
    let pooling = has_pooling.then_some(" If you chose mean pooling, load it as README.md says.");
    let content = view! {
        {move || missing(store, Step::Export)}
        {of_run(store)}
        <div class="row">
            {move || can_pack.get().then(zip_button)}
            {move || (can_pack.get() && has_adapter()).then(adapter_button)}
            {move || has_job.get().then(job_button)}
        </div>
        <p class="hint" data-testid="job-note">{job_note}</p>
        {done}
        <div class="columns">
            <div class="panel">
                <h3>"What is in the zip"</h3>
                {facts("pairs wide", contents)}
            </div>
            <div class="panel">
                <h3>"Load it in Python"</h3>
                <pre data-testid="python"><code>{move || python(task, &prompt(store))}</code></pre>
                <p class="hint">"Your rows are not in the zip."{pooling}</p>
            </div>
        </div>
        {move || has_adapter().then(adapter)}
    };
    frame(store, Step::Export, LEAD, content.into_any())
}
