//! Step 7: take the model home.

use leptos::prelude::*;

use super::frame::{frame, missing};
use crate::components::{Button, facts};
use crate::format;
use crate::state::{Step, Store};

const LEAD: &str = "A folder in Hugging Face's layout: it loads without conversion, here and elsewhere.";

/// What is in the zip, and what for.
const CONTENTS: &[(&str, &str)] = &[
    ("model.safetensors", "the trained weights"),
    ("config.json", "the architecture, and which number is which label"),
    ("tokenizer files", "as they came with the model"),
    ("README.md", "a model card: what was done, on what, with which figures"),
    ("hone.json", "the job: the native binary runs it again with hone train --job"),
];

/// Three lines that load it.
const PYTHON: &str = "from transformers import pipeline
classify = pipeline(\"text-classification\", model=\"path/to/the/unzipped/folder\")
print(classify(\"My parcel has not arrived yet\"))";

pub(super) fn page(store: Store) -> AnyView {
    let contents = CONTENTS.iter().map(|(name, what)| (*name, (*what).to_string())).collect();
    let text = Signal::derive(move || {
        let text = if store.exporting.get() { "Packing…" } else { "Download the zip" };
        text.to_string()
    });
    let cannot_pack = Signal::derive(move || store.exporting.get() || !store.run.with(|run| run.is_finished()));
    let has_no_job = Signal::derive(move || store.job.with(Option::is_none) && store.model.info.with(Option::is_none));
    let done = move || {
        let (name, size_bytes) = store.exported.get()?;
        let text = format!("{name} ({}) was handed to your browser's downloads.", format::bytes(size_bytes));
        Some(view! { <p class="note" role="status" data-testid="exported">{text}</p> })
    };
    let on_pack = Callback::new(move |()| store.export());
    let on_job = Callback::new(move |()| store.save_job());
    let content = view! {
        {move || missing(store, Step::Export)}
        <div class="row">
            <Button id="export-zip" text=text is_primary=true disabled=cannot_pack on_press=on_pack />
            <Button id="export-job" text="Save the job file" disabled=has_no_job on_press=on_job />
        </div>
        {done}
        <div class="columns">
            <div class="panel">
                <h3>"What is inside"</h3>
                {facts("pairs wide", contents)}
            </div>
            <div class="panel">
                <h3>"Load it in Python"</h3>
                <pre><code>{PYTHON}</code></pre>
                <p class="hint">"Your rows are not in the zip. With mean pooling, the README says how to load it."</p>
            </div>
        </div>
    };
    frame(store, Step::Export, LEAD, content.into_any())
}
