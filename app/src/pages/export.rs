//! Step 7: take the model home.

use leptos::prelude::*;

use super::frame::{frame, missing};
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
    let contents = CONTENTS.iter().map(|(name, what)| view! { <div><dt>{*name}</dt><dd>{*what}</dd></div> });
    let text = move || if store.exporting.get() { "Packing…" } else { "Download the zip" };
    let done = move || {
        let (name, size_bytes) = store.exported.get()?;
        let text = format!("{name} ({}) was handed to your browser's downloads.", format::bytes(size_bytes));
        Some(view! { <p class="note" role="status" data-testid="exported">{text}</p> })
    };
    let can_save_job = move || store.job.with(Option::is_some) || store.model.info.with(Option::is_some);
    let content = view! {
        {move || missing(store, Step::Export)}
        <div class="row">
            <button
                type="button"
                class="button primary"
                data-testid="export-zip"
                disabled=move || store.exporting.get() || !store.run.with(|run| run.is_finished())
                on:click=move |_| store.export()
            >
                {text}
            </button>
            <button
                type="button"
                class="button"
                data-testid="export-job"
                disabled=move || !can_save_job()
                on:click=move |_| store.save_job()
            >
                "Save the job file"
            </button>
        </div>
        {done}
        <div class="columns">
            <div class="panel">
                <h3>"What is inside"</h3>
                <dl class="pairs wide">{contents.collect_view()}</dl>
            </div>
            <div class="panel">
                <h3>"Load it in Python"</h3>
                <pre class="scroll" tabindex="0"><code>{PYTHON}</code></pre>
                <p class="hint">"Your rows are not in the zip. With mean pooling, the README says how to load it."</p>
            </div>
        </div>
    };
    frame(store, Step::Export, LEAD, content.into_any())
}
