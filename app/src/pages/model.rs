//! Step 1: choose a pretrained model and load it.

use hone_core::config::Task;
use hone_core::hub::{KNOWN_MODELS, KnownModel};
use hone_core::session::protocol::ModelInfo;
use leptos::prelude::*;

use super::frame::{data_note, frame, hint_while, is_running, onward};
use crate::components::{Button, FileInput, Meter, facts};
use crate::format;
use crate::state::{Download, ModelChoice, Step, Store, WorkerStatus};

const LEAD: &str = "A pretrained model already knows the language. Fine-tuning teaches it your task.";

pub(super) fn page(store: Store) -> AnyView {
    let content = view! {
        {sample(store)}
        {group(store, Task::SequenceClassification)}
        {group(store, Task::CausalLm)}
        <div class="columns">{hub(store)} {local(store)}</div>
        {load(store)}
        {move || store.model.info.get().map(|info| loaded(store, &info))}
    };
    frame(store, Step::Model, LEAD, content.into_any())
}

fn is_busy(store: Store) -> bool {
    store.model.loading.get() || store.loading_sample.get() || store.run.with(|run| run.is_active())
}

fn cannot_load(store: Store) -> Signal<bool> {
    Signal::derive(move || is_busy(store) || store.worker.get() == WorkerStatus::Dead)
}

fn sample(store: Store) -> AnyView {
    let is_first_visit = Memo::new(move |_| store.data.train.with(Option::is_none) || store.loading_sample.get());
    let text = Signal::derive(move || {
        let text = if store.loading_sample.get() { "Loading…" } else { "Try it with the sample data" };
        text.to_string()
    });
    let disabled = cannot_load(store);
    let on_try = Callback::new(move |()| store.try_sample());
    let banner = move || {
        view! {
            <div class="banner">
                <div>
                    <p class="banner-title">"New here?"</p>
                    <p>
                        "One click loads "{KNOWN_MODELS[0].title}" ("
                        {format::bytes(KNOWN_MODELS[0].download_bytes as f64)}
                        ") and 240 messages to a support desk in four classes."
                    </p>
                </div>
                <Button id="try-sample" text=text is_primary=true disabled=disabled on_press=on_try />
            </div>
        }
    };
    view! { {move || is_first_visit.get().then(banner)} }.into_any()
}

/// The known models of a task.
fn group(store: Store, task: Task) -> AnyView {
    let of_task = KNOWN_MODELS.iter().enumerate().filter(|(_, known)| known.task == task);
    let cards = of_task.map(|(index, known)| card(store, index, known)).collect_view();
    let (title, label) = match task {
        Task::SequenceClassification => ("Label texts", "Models known to work that label texts"),
        Task::CausalLm => ("Write texts", "Models known to work that write texts"),
    };
    view! {
        <h3>{title}</h3>
        <div class="cards" role="radiogroup" aria-label=label>{cards}</div>
    }
    .into_any()
}

fn card(store: Store, index: usize, known: &'static KnownModel) -> AnyView {
    let is_chosen = move || store.model.choice.get() == ModelChoice::Known(index);
    view! {
        <label class="card" class:chosen=is_chosen>
            <span class="card-head">
                <input
                    type="radio"
                    name="model"
                    data-testid=format!("model-card-{}", known.id)
                    prop:checked=is_chosen
                    disabled=move || is_busy(store)
                    on:change=move |_| store.model.choice.set(ModelChoice::Known(index))
                />
                <span class="card-title">{known.title}</span>
            </span>
            <span class="card-id">{known.id}</span>
            <span>{known.good_for}"."</span>
            <span class="card-facts">
                {format::large(known.num_parameters as f64)}" parameters · "
                {format::bytes(known.download_bytes as f64)}" · "
                {known.licence}
            </span>
        </label>
    }
    .into_any()
}

fn hub(store: Store) -> AnyView {
    let model = store.model;
    let is_chosen = move || model.choice.get() == ModelChoice::Hub;
    view! {
        <div class="panel" class:chosen=is_chosen>
            <h3>"From the hub"</h3>
            <label class="stacked">
                <span>"Model id"</span>
                <input
                    type="text"
                    data-testid="hub-id"
                    placeholder="owner/name, or owner/name@revision"
                    autocomplete="off"
                    spellcheck="false"
                    prop:value=move || model.hub_id.get()
                    disabled=move || is_busy(store)
                    on:input=move |event| {
                        model.hub_id.set(event_target_value(&event));
                        model.choice.set(ModelChoice::Hub);
                    }
                />
            </label>
            <label class="stacked">
                <span>"Hub address"</span>
                <input
                    type="url"
                    data-testid="hub-url"
                    prop:value=move || model.hub_url.get()
                    disabled=move || is_busy(store)
                    on:input=move |event| model.hub_url.set(event_target_value(&event))
                />
            </label>
            <p class="hint">
                "BERT, DistilBERT and RoBERTa label texts; GPT-2, GPT-Neo, Llama, Mistral, Qwen2 and Qwen3 write them. \
                 Only the model is fetched; nothing is sent."
            </p>
        </div>
    }
    .into_any()
}

fn local(store: Store) -> AnyView {
    let model = store.model;
    let is_chosen = move || model.choice.get() == ModelChoice::Local;
    let chosen = move || {
        let files = model.files.get();
        let item = |file: &crate::browser::PickedFile| {
            view! { <li>{file.name.clone()}" ("{format::bytes(file.size_bytes())}")"</li> }
        };
        files.iter().map(item).collect_view()
    };
    let on_files = Callback::new(move |files: Vec<crate::browser::PickedFile>| {
        // Files may be chosen one by one; a second of the same name replaces the first.
        model.files.update(|known| {
            known.retain(|old| files.iter().all(|new| new.name != old.name));
            known.extend(files);
        });
        model.choice.set(ModelChoice::Local);
    });
    view! {
        <div class="panel" class:chosen=is_chosen>
            <h3>"From this machine"</h3>
            <p class="hint">
                "config.json, model.safetensors, and tokenizer.json or vocab.txt, at once or one by one; \
                 tokenizer_config.json too for a model that writes."
            </p>
            <div class="row">
                <FileInput
                    id="local-files"
                    label="Choose files"
                    accept=".json,.safetensors,.txt,.jinja"
                    multiple=true
                    disabled=Signal::derive(move || is_busy(store))
                    on_files=on_files
                />
            </div>
            <ul class="plain">{chosen}</ul>
        </div>
    }
    .into_any()
}

fn load(store: Store) -> AnyView {
    let model = store.model;
    let what = move || match model.choice.get() {
        ModelChoice::Known(index) => KNOWN_MODELS[index].title.to_string(),
        ModelChoice::Hub => model.hub_id.with(|id| if id.trim().is_empty() { "the hub id".into() } else { id.clone() }),
        ModelChoice::Local => "the chosen files".into(),
    };
    let text =
        Signal::derive(move || if model.loading.get() { "Loading…".to_string() } else { format!("Load {}", what()) });
    let disabled = cannot_load(store);
    let on_load = Callback::new(move |()| store.load_model());
    let on_hub = Callback::new(move |()| store.load_model_from_hub());
    let downloads = move || model.downloads.get().into_iter().map(download).collect_view();
    let offers_hub = move || {
        let has_problem = store.problems.with(|problems| problems.iter().any(|(at, _)| *at == Step::Model));
        has_problem && model.choice.get() == ModelChoice::Known(0) && !model.from_hub.get() && !model.loading.get()
    };
    view! {
        <div class="row">
            <Button id="load-model" text=text is_primary=true disabled=disabled on_press=on_load />
            {move || {
                let button = || view! { <Button text="Fetch it from the hub instead" on_press=on_hub /> };
                offers_hub().then(button)
            }}
            {hint_while(is_running(store), "A run is going: end it before another model is loaded.")}
        </div>
        <div class="downloads" data-testid="downloads">{downloads}</div>
    }
    .into_any()
}

fn download(download: Download) -> AnyView {
    let Download { file, received, total, cached } = download;
    let share = total.filter(|total| *total > 0).map(|total| received as f64 / total as f64);
    let text = match total {
        _ if cached => format!("{}, from this machine's cache", format::bytes(received as f64)),
        Some(total) => format!("{} of {}", format::bytes(received as f64), format::bytes(total as f64)),
        None => format::bytes(received as f64),
    };
    let share = if cached { Some(1.0) } else { share };
    let (share, text) = (Signal::stored(share), Signal::stored(text));
    view! { <Meter label=file share=share text=text /> }.into_any()
}

fn loaded(store: Store, info: &ModelInfo) -> AnyView {
    let task = match info.task {
        Task::SequenceClassification => "label texts",
        Task::CausalLm if info.has_chat_template => "write texts, in conversations too",
        Task::CausalLm => "write texts",
    };
    let rows = vec![
        ("Made to", task.into()),
        ("Architecture", info.model_type.clone()),
        ("Parameters", format::count(info.num_parameters)),
        ("Layers", format::count(info.num_hidden_layers)),
        ("Width", format::count(info.hidden_size)),
        ("Longest input", format!("{} tokens", format::count(info.max_position_embeddings))),
        ("Vocabulary", format!("{} tokens", format::count(info.vocab_size))),
    ];
    let labels = (!info.labels.is_empty())
        .then(|| view! { <p>{format!("Came with a head for: {}.", info.labels.join(", "))}</p> });
    let notes = info.notes.iter().map(|note| view! { <li>{note.clone()}</li> }).collect_view();
    view! {
        <div class="panel good" data-testid="model-ready">
            <h3>{format!("{} is loaded", info.source.name())}</h3>
            {facts("pairs", rows)}
            {labels}
            <ul class="plain">{notes}</ul>
        </div>
        {data_note(store)}
        {onward(store, Step::Data, "On to the data")}
    }
    .into_any()
}
