//! Step 1: choose a pretrained model and load it.

use hone_core::config::ModelSource;
use hone_core::hub::{KNOWN_MODELS, KnownModel, ModelFamily};
use hone_core::project::PROJECT_ENDING;
use hone_core::session::protocol::ModelInfo;
use leptos::prelude::*;

use super::frame::{data_note, frame, hint_while, is_running, onward, problem};
use super::hub_token::hub_token;
use crate::browser;
use crate::components::{Button, FileInput, Meter, facts};
use crate::format;
use crate::state::samples::{Sample, samples};
use crate::state::{Download, ModelChoice, Step, Store, WorkerStatus};
use crate::tasks;

const LEAD: &str = "A pretrained model knows a lot already. Fine-tuning teaches it your task.";

/// Id of the panel of the loaded model, and of its heading, which takes the focus from what goes with another model.
const LOADED_ID: &str = "loaded-model";
const LOADED_TITLE_ID: &str = "loaded-model-title";

/// Labels of a loaded model that are named.
const MAX_LABELS: usize = 20;

pub(super) fn page(store: Store) -> AnyView {
    let content = view! {
        {project(store)}
        {sample(store)}
        {ModelFamily::ALL.map(|family| group(store, family)).collect_view()}
        {more(store)}
        {move || {
            // The button that takes an adapter off goes with it.
            browser::keep_focus(LOADED_ID, LOADED_TITLE_ID);
            store.model.info.get().map(|info| loaded(store, &info))
        }}
    };
    frame(store, Step::Model, LEAD, content.into_any())
}

fn is_busy(store: Store) -> bool {
    store.model.loading.get() || store.loading_sample.get() || store.run.with(|run| run.is_active())
}

fn cannot_load(store: Store) -> Signal<bool> {
    Signal::derive(move || is_busy(store) || store.worker.get() == WorkerStatus::Dead)
}

/// Opens a run that was saved as a file. The button stands beside the heading, where it moves nothing down.
fn project(store: Store) -> AnyView {
    let on_files = Callback::new(move |files: Vec<crate::browser::PickedFile>| {
        if let Some(file) = files.into_iter().next() {
            store.open_project(file);
        }
    });
    view! {
        <div class="beside-title">
            <FileInput
                id="project-file"
                label="Open a project file"
                accept=PROJECT_ENDING
                disabled=cannot_load(store)
                on_files=on_files
            />
        </div>
    }
    .into_any()
}

fn sample(store: Store) -> AnyView {
    let is_first_visit = Memo::new(move |_| store.data.train.with(Option::is_none) || store.loading_sample.get());
    let disabled = cannot_load(store);
    // In one sentence, so that on a phone the button that loads a model is in view below.
    let about = || {
        let sizes = || samples().map(|sample| sample.model().download_bytes);
        let [least, most] = [sizes().min(), sizes().max()].map(|size| format::bytes(size.unwrap_or(0) as f64));
        view! { <p>{format!("Each loads a model and a few hundred rows for it: {least} to {most}.")}</p> }
    };
    let button = move |sample: &'static Sample| {
        let on_try = Callback::new(move |()| store.try_sample(sample));
        view! { <Button id=sample.id text=sample.action is_primary=true disabled=disabled on_press=on_try /> }
    };
    let banner = move || {
        view! {
            <div class="banner">
                <div>
                    <p class="banner-title">"New here?"</p>
                    {about()}
                </div>
                <div class="row">{samples().map(button).collect_view()}</div>
                <p class="busy" role="status">{move || store.loading_sample.get().then_some("Loading…")}</p>
            </div>
        }
    };
    view! { {move || is_first_visit.get().then(banner)} }.into_any()
}

/// The known models of a family. Under the one that is chosen stands what its loading has to say.
fn group(store: Store, family: ModelFamily) -> AnyView {
    let of_family = KNOWN_MODELS.iter().enumerate().filter(|(_, known)| known.family == family);
    let card = |(index, known): (usize, &'static KnownModel)| {
        let is_chosen = Memo::new(move |_| store.model.choice.get() == ModelChoice::Known(index));
        let below = move || is_chosen.get().then(|| progress(store));
        view! {
            {card(store, index, known, is_chosen)}
            {below}
        }
        .into_any()
    };
    let cards: Vec<_> = of_family.map(card).collect();
    let title = match family {
        ModelFamily::Encoder => "Models that read: for labels, names, answers, similar texts",
        ModelFamily::Decoder => "Models that write, and label texts, too",
        ModelFamily::EncoderDecoder => "Models that turn one text into another: translations, summaries",
        ModelFamily::Vision => "Models that read images",
    };
    view! {
        <h3>{title}</h3>
        <fieldset class="cards dense" aria-label=title>{cards}</fieldset>
    }
    .into_any()
}

fn card(store: Store, index: usize, known: &'static KnownModel, is_chosen: Memo<bool>) -> AnyView {
    let is_loaded = Memo::new(move |_| {
        let is_it = |source: &ModelSource| matches!(source, ModelSource::Hub { id, .. } if id == known.id);
        store.model.info.with(|info| info.as_ref().is_some_and(|info| is_it(&info.source)))
    });
    let action = move || is_chosen.get().then(|| load_button(store, ModelChoice::Known(index), is_loaded.into()));
    view! {
        <div class="card" class:chosen=move || is_chosen.get()>
            <label class="card-choice">
                <span class="card-head">
                    <input
                        type="radio"
                        name="model"
                        data-testid=format!("model-card-{}", known.id)
                        prop:checked=move || is_chosen.get()
                        disabled=move || is_busy(store)
                        on:change=move |_| store.choose_model(ModelChoice::Known(index))
                    />
                    <span class="card-title">{known.title}</span>
                    {move || is_loaded.get().then(|| view! { <span class="loaded">"Loaded"</span> })}
                </span>
                <span class="card-id">{known.id}</span>
                <span>{format::sentence(known.good_for)}"."</span>
                <span class="card-facts">
                    {format::large(known.num_parameters as f64)}" parameters · "
                    {format::bytes(known.download_bytes as f64)}" · "
                    {known.licence}
                </span>
            </label>
            {action}
        </div>
    }
    .into_any()
}

/// The button that loads a model; and the way onward, where it is loaded already.
fn load_button(store: Store, choice: ModelChoice, is_loaded: Signal<bool>) -> AnyView {
    let model = store.model;
    let is_chosen = Signal::derive(move || model.choice.get() == choice);
    let text = Signal::derive(move || match choice {
        _ if model.loading.get() && is_chosen.get() => "Loading…".to_string(),
        _ if is_loaded.get() => "Load again".into(),
        ModelChoice::Known(index) => format!("Load {}", KNOWN_MODELS[index].title),
        ModelChoice::Hub => "Load from the hub".into(),
        ModelChoice::Local if has_kept(store) => "Load the files that are kept".into(),
        ModelChoice::Local => "Load these files".into(),
    });
    let on_load = Callback::new(move |()| {
        store.choose_model(choice);
        store.load_model();
    });
    let on_next = Callback::new(move |()| store.go_to(Step::Data));
    let next = move || {
        let button = || view! { <Button text="On to the data" is_primary=true on_press=on_next /> };
        is_loaded.get().then(button)
    };
    // Programs look for the one button that loads what is chosen.
    let id = Signal::derive(move || if is_chosen.get() { "load-model" } else { "" });
    let is_primary = Signal::derive(move || is_chosen.get() && !is_loaded.get());
    // While it loads what it was pressed for it keeps the focus.
    let (cannot_load, is_loading) =
        (cannot_load(store), Signal::derive(move || model.loading.get() && is_chosen.get()));
    let disabled = Signal::derive(move || cannot_load.get() && !is_loading.get());
    view! {
        <div class="row">
            <Button id=id text=text is_primary=is_primary disabled=disabled waits=is_loading on_press=on_load />
            {next}
        </div>
    }
    .into_any()
}

/// The model of the open project, which is the person's own, is kept with it, and no other files were chosen.
fn has_kept(store: Store) -> bool {
    store.projects.has_model.with(Option::is_some) && store.model.files.with(Vec::is_empty)
}

/// What loading the chosen model has to say: what went wrong, and how far its files have come.
fn progress(store: Store) -> AnyView {
    let model = store.model;
    let downloads = move || model.downloads.get().into_iter().map(download).collect_view();
    let offers_hub = move || {
        let has_problem = store.problems.with(|problems| problems.iter().any(|(at, _)| *at == Step::Model));
        has_problem && model.choice.get() == ModelChoice::Known(0) && !model.from_hub.get() && !model.loading.get()
    };
    let on_hub = Callback::new(move |()| store.load_model_from_hub());
    let hub_button = move || {
        let button = || view! { <Button text="Fetch it from the hub instead" on_press=on_hub /> };
        offers_hub().then(button)
    };
    view! {
        <div class="load-progress">
            {move || problem(store, Step::Model)}
            {hub_button}
            <div class="downloads" data-testid="downloads">{downloads}</div>
            {hint_while(is_running(store), "A run is going on: stop it before you load another model.")}
        </div>
    }
    .into_any()
}

/// Models that are in no list; open while one of them is chosen, or a hub asks for a token.
fn more(store: Store) -> AnyView {
    let is_chosen = Memo::new(move |_| !matches!(store.model.choice.get(), ModelChoice::Known(_)));
    view! {
        <details
            class="panel"
            data-testid="more-models"
            prop:open=move || is_chosen.get() || store.model.tokens.is_asked_for.get()
        >
            <summary>"More: any model of the hub, or files from this machine"</summary>
            <div class="columns">{hub(store)} {local(store)}</div>
        </details>
    }
    .into_any()
}

/// The button of a panel and, once the panel is chosen, what loading has to say.
fn panel_action(store: Store, choice: ModelChoice) -> AnyView {
    let is_chosen = Memo::new(move |_| store.model.choice.get() == choice);
    let below = move || is_chosen.get().then(|| progress(store));
    view! {
        {load_button(store, choice, Signal::stored(false))}
        {below}
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
                    placeholder="owner/name, or its address on the hub"
                    autocomplete="off"
                    spellcheck="false"
                    prop:value=move || model.hub_id.get()
                    disabled=move || is_busy(store)
                    on:input=move |event| {
                        model.hub_id.set(event_target_value(&event));
                        store.choose_model(ModelChoice::Hub);
                    }
                    on:keydown=move |event| {
                        if event.key() == "Enter" && !cannot_load(store).get_untracked() {
                            store.choose_model(ModelChoice::Hub);
                            store.load_model();
                        }
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
            {hub_token(store, Signal::derive(move || is_busy(store)))}
            <p class="hint">
                "BERT, DistilBERT and RoBERTa label texts; ViT, DeiT and DINOv2 label images; GPT-2, GPT-Neo, Llama, \
                 Mistral, Qwen2, Qwen3, Granite, SmolLM3, OLMo 2, Phi-3, Gemma 2 and Gemma 3 write texts, and all of them \
                 but Granite label texts, too. \
                 Only the model is fetched; nothing of yours is sent but a token that you give. A revision can follow: \
                 owner/name@revision."
            </p>
            {panel_action(store, ModelChoice::Hub)}
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
    let on_files = Callback::new(move |files: Vec<crate::browser::PickedFile>| store.choose_model_files(files));
    view! {
        <div class="panel" class:chosen=is_chosen>
            <h3>"From this machine"</h3>
            <p class="hint">
                "config.json, model.safetensors, and tokenizer.json, vocab.txt or spiece.model, at once or one by one; \
                 tokenizer_config.json too for a model that writes; for one that reads images preprocessor_config.json in the \
                 tokenizer's place. An adapter of PEFT is put on the model that is loaded: adapter_config.json and \
                 adapter_model.safetensors, or a zip of them."
            </p>
            <div class="row">
                <FileInput
                    id="local-files"
                    label="Choose files"
                    accept=".json,.safetensors,.txt,.jinja,.model,.zip"
                    multiple=true
                    disabled=Signal::derive(move || is_busy(store))
                    on_files=on_files
                />
            </div>
            <ul class="plain">{chosen}</ul>
            {panel_action(store, ModelChoice::Local)}
        </div>
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
    let talks = if info.has_chat_template { ", in conversations too" } else { "" };
    let task = format!("{}{talks}", format::in_sentence(info.task.spec().title));
    let sees = tasks::of(info.task).reads_images;
    let mut rows = vec![
        ("Made to", task),
        ("Architecture", info.model_type.clone()),
        ("Parameters", format::count(info.num_parameters)),
        ("Layers", format::count(info.num_hidden_layers)),
        ("Hidden size", format::count(info.hidden_size)),
    ];
    if !sees {
        rows.push(("Longest input", format!("{} tokens", format::count(info.max_position_embeddings))));
        rows.push(("Vocabulary", format!("{} tokens", format::count(info.vocab_size))));
    }
    let inputs = if sees { "images" } else { "texts" };
    let labels = (!info.labels.is_empty()).then(|| {
        // A thousand of them are in the models of ImageNet.
        let (shown, rest) = (info.labels.iter().take(MAX_LABELS), info.labels.len().saturating_sub(MAX_LABELS));
        let names = shown.map(String::as_str).collect::<Vec<_>>().join(", ");
        let more = if rest > 0 { format!(" and {} more", format::count(rest)) } else { String::new() };
        view! { <p>{format!("It already labels {inputs} as: {names}{more}.")}</p> }
    });
    // It stays while another is loaded.
    let id = move || if store.model.loading.get() { "model-stays" } else { "model-ready" };
    let take_off = store.model.has_adapter().then(|| {
        let on_press = Callback::new(move |()| store.take_adapter_off());
        view! {
            <div class="row">
                <Button id="take-adapter-off" text="Take the adapter off" waits=cannot_load(store) on_press=on_press />
            </div>
        }
    });
    let notes = info.notes.iter().map(|note| view! { <li>{format::sentence(note)}</li> }).collect_view();
    view! {
        <div class="panel good" id=LOADED_ID data-testid=id>
            <h3 id=LOADED_TITLE_ID tabindex="-1">{format!("Loaded: {}", info.source.name())}</h3>
            {facts("pairs", rows)}
            {labels}
            <ul class="plain">{notes}</ul>
            {take_off}
        </div>
        {data_note(store)}
        {onward(store, Step::Data, "On to the data")}
    }
    .into_any()
}
