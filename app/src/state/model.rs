//! Choosing and loading a model. In: a known model, a hub id, or files. Out: what the worker found in it.

use std::sync::Arc;

use hone_core::config::{ModelSource, RunConfig, Task};
use hone_core::hub::KNOWN_MODELS;
use hone_core::session::protocol::{Command, ModelInfo, NamedBlob, Problem, ProblemKind, Reply};
use leptos::prelude::*;
use leptos::task::spawn_local;

use super::network::host_of;
use super::report::forget_columns;
use super::run::Input;
use super::writing::Writing;
use super::{Step, Store, presets, recipe, unexpected, unreadable};
use crate::browser::{self, PickedFile};

/// The hub that is asked when the page's address names no other.
const DEFAULT_HUB_URL: &str = "https://huggingface.co";

/// Where the model comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ModelChoice {
    /// One of [`KNOWN_MODELS`].
    Known(usize),
    /// The id that was typed.
    Hub,
    /// The files that were chosen.
    Local,
}

/// A file of the model, as far as it has come.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Download {
    pub file: String,
    pub received: u64,
    pub total: Option<u64>,
    pub cached: bool,
}

/// Signals of the step Model.
#[derive(Clone, Copy)]
pub(crate) struct ModelState {
    pub choice: RwSignal<ModelChoice>,
    pub hub_id: RwSignal<String>,
    pub hub_url: RwSignal<String>,
    pub files: RwSignal<Vec<PickedFile>, LocalStorage>,
    pub loading: RwSignal<bool>,
    pub downloads: RwSignal<Vec<Download>>,
    pub info: RwSignal<Option<Arc<ModelInfo>>>,
    /// What the loaded model is for, or the one before it.
    pub task: RwSignal<Task>,
    /// This site does not serve the default model: ask the hub for it.
    pub from_hub: RwSignal<bool>,
}

impl ModelState {
    pub(super) fn new(hub_url: Option<String>) -> Self {
        Self {
            choice: RwSignal::new(ModelChoice::Known(0)),
            hub_id: RwSignal::new(String::new()),
            hub_url: RwSignal::new(hub_url.unwrap_or_else(|| DEFAULT_HUB_URL.into())),
            files: RwSignal::new_local(Vec::new()),
            loading: RwSignal::new(false),
            downloads: RwSignal::new(Vec::new()),
            info: RwSignal::new(None),
            task: RwSignal::new(Task::default()),
            from_hub: RwSignal::new(false),
        }
    }

    /// The default settings of the task, within what the model can take.
    pub(super) fn base_run(self) -> RunConfig {
        let mut run = recipe::base(self.task.get());
        let longest = self.info.with(|info| info.as_ref().map(|info| info.max_position_embeddings));
        if let Some(longest) = longest.and_then(|n| u32::try_from(n).ok()).filter(|n| *n >= 4) {
            run.max_seq_length = run.max_seq_length.min(longest);
        }
        run
    }

    /// Notes how far a file has come. Returns whether it is new, and the bytes since it was last noted.
    pub(super) fn note_download(self, download: Download) -> (bool, u64) {
        let received = download.received;
        self.downloads
            .try_update(|downloads| match downloads.iter_mut().find(|known| known.file == download.file) {
                Some(known) => (false, received.saturating_sub(std::mem::replace(known, download).received)),
                None => {
                    downloads.push(download);
                    (true, received)
                }
            })
            .unwrap_or_default()
    }

    /// The host that the chosen model comes from.
    pub(super) fn host(self) -> String {
        if self.served_here() {
            return browser::window().location().host().unwrap_or_default();
        }
        self.hub_url.with_untracked(|url| host_of(url).to_string())
    }

    /// Whether this site serves the chosen model itself: set-up fetches the default model only.
    fn served_here(self) -> bool {
        self.choice.get_untracked() == ModelChoice::Known(0) && !self.from_hub.get_untracked()
    }
}

impl Store {
    /// Loads the chosen model; then reads the data, if a file waits for it.
    pub(crate) fn load_model(self) {
        spawn_local(async move {
            if self.load_model_now().await {
                self.load_data_now().await;
            }
        });
    }

    /// Asks the hub for the default model instead of this site.
    pub(crate) fn load_model_from_hub(self) {
        self.model.from_hub.set(true);
        self.load_model();
    }

    /// Whether a model is loaded in the end.
    pub(super) async fn load_model_now(self) -> bool {
        let model = self.model;
        if model.loading.get_untracked() {
            return false;
        }
        model.loading.set(true);
        if model.choice.get_untracked() != ModelChoice::Local {
            self.ask_to_keep_files();
        }
        model.downloads.set(Vec::new());
        model.info.set(None);
        let had_rows = self.data.report.with_untracked(Option::is_some);
        // Its rows were tokenised for the model before.
        self.data.report.set(None);
        self.forget_figures();
        self.dismiss(Step::Model);
        let outcome = self.ask_for_model().await;
        model.loading.set(false);
        match outcome {
            Ok(info) => {
                self.take_model(info, had_rows);
                self.lost.set(None);
                true
            }
            Err(problem) => {
                self.report(Step::Model, problem);
                false
            }
        }
    }

    /// Shows the model that was loaded. What belongs to another task goes: the report, the columns, the figures, the
    /// preset; and the page says so.
    fn take_model(self, info: ModelInfo, had_rows: bool) {
        let (before, task) = (self.model.task.get_untracked(), info.task);
        let is_other_task = before != task;
        self.data.report.set(None);
        self.data.note.set(None);
        self.writing.set(Writing::default());
        self.feed(Input::ModelLoaded { is_other_task });
        if !info.has_chat_template {
            self.data.read.update(|read| read.as_chat = false);
        }
        if is_other_task {
            self.started.set(None);
            self.data.read.update(forget_columns);
            self.draft.update(|draft| presets::change_task(draft, before, task));
            self.data.note.set(had_rows.then(|| changed_task(task).into()));
            self.model.task.set(task);
        }
        self.model.info.set(Some(Arc::new(info)));
    }

    async fn ask_for_model(self) -> Result<ModelInfo, Problem> {
        let model = self.model;
        let mut blobs = Vec::new();
        let command = match model.choice.get_untracked() {
            ModelChoice::Known(index) => {
                let known = &KNOWN_MODELS[index];
                let here = model.served_here();
                let hashes = known.files_sha256.iter().map(|(name, hash)| ((*name).into(), (*hash).into()));
                Command::FetchModel {
                    source: ModelSource::hub(known.id),
                    base_url: here.then(|| browser::absolute_url(&format!("models/{}/", known.id))),
                    hub_url: model.hub_url.get_untracked(),
                    // The hashes are those of the copy that this site serves.
                    sha256: if here { hashes.collect() } else { Vec::new() },
                }
            }
            ModelChoice::Hub => {
                let typed = model.hub_id.get_untracked();
                let (id, revision) = match typed.trim().split_once('@') {
                    Some((id, revision)) => (id, revision),
                    None => (typed.trim(), "main"),
                };
                if id.is_empty() {
                    return Err(config(
                        "no hub id was typed",
                        "Type owner/name, for example google-bert/bert-base-uncased.",
                    ));
                }
                let source = ModelSource::Hub { id: id.into(), revision: revision.into() };
                let hub_url = model.hub_url.get_untracked();
                Command::FetchModel { source, base_url: None, hub_url, sha256: Vec::new() }
            }
            ModelChoice::Local => {
                let picked = model.files.get_untracked();
                if picked.is_empty() {
                    return Err(config(
                        "no files were chosen",
                        "Choose config.json, model.safetensors and tokenizer.json.",
                    ));
                }
                let mut files = Vec::new();
                for file in picked {
                    files.push(NamedBlob { name: file.name.clone(), blob: blobs.len() });
                    blobs.push(file.read().await.map_err(unreadable)?);
                }
                Command::LoadModel { files }
            }
        };
        match self.request(command, blobs).await? {
            (Reply::Model { model }, _) => Ok(model),
            (other, _) => Err(unexpected(&other)),
        }
    }
}

fn changed_task(task: Task) -> &'static str {
    match task {
        Task::SequenceClassification => {
            "The loaded model labels texts, the one before wrote them: the rows are read anew, for their labels, and \
             the recipe has the settings of such a model."
        }
        Task::CausalLm => {
            "The loaded model writes texts, the one before labelled them: the rows are read anew, as texts to learn, \
             and the recipe has the settings of such a model."
        }
    }
}

fn config(message: &str, hint: &str) -> Problem {
    Problem { kind: ProblemKind::Config, message: message.into(), hint: hint.into() }
}
