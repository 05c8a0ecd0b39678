//! Choosing and loading a model. In: a known model, a hub id, or files. Out: what the worker found in it.

use std::sync::Arc;

use hone_core::config::{ModelSource, RunConfig};
use hone_core::hub::{KNOWN_MODELS, own_model_folder, read_typed_id};
use hone_core::session::protocol::{Command, ModelInfo, NamedBlob, Problem, ProblemKind, Reply};
use hone_core::task::Task;
use leptos::prelude::*;
use leptos::task::spawn_local;

use super::adapter::is_adapter;
use super::hub_token::HubTokens;
use super::way_back::WayBack;
use super::{Step, Store, unexpected, unreadable};
use crate::browser::{self, PickedFile};

/// The hub that is asked when the page's address names no other.
const DEFAULT_HUB_URL: &str = "https://huggingface.co";

/// Milliseconds without a byte after which a download counts as broken.
const STALL_MS: u32 = 60_000;

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

/// What a model was loaded from.
#[derive(Clone)]
pub(super) struct LoadedFrom {
    choice: ModelChoice,
    hub_id: String,
    files: Vec<PickedFile>,
    info: ModelInfo,
    /// Where that was loaded from which these files, an adapter's, were put on.
    base: Option<Box<LoadedFrom>>,
}

impl LoadedFrom {
    /// It can be loaded again: of a model that only the worker has there are no files.
    fn is_at_hand(&self) -> bool {
        self.choice != ModelChoice::Local || !self.files.is_empty()
    }
}

/// Signals of the step Model.
#[derive(Clone, Copy)]
pub(crate) struct ModelState {
    pub choice: RwSignal<ModelChoice>,
    pub hub_id: RwSignal<String>,
    pub hub_url: RwSignal<String>,
    pub tokens: HubTokens,
    pub files: RwSignal<Vec<PickedFile>, LocalStorage>,
    pub loading: RwSignal<bool>,
    pub downloads: RwSignal<Vec<Download>>,
    pub info: RwSignal<Option<Arc<ModelInfo>>>,
    /// What the loaded model is used for, or the one before it.
    pub task: RwSignal<Task>,
    /// This site does not serve the default model: ask the hub for it.
    pub from_hub: RwSignal<bool>,
    /// What would take away trained weights, until the person has answered; and the button that does it nevertheless.
    pub pending: RwSignal<Option<(Callback<()>, &'static str)>>,
    /// The control that had the focus when that was asked.
    asked_by: StoredValue<Option<String>>,
    /// Where the loaded model, or the one that a worker took with it, is to be had again.
    loaded_from: StoredValue<Option<LoadedFrom>, LocalStorage>,
    /// What comes back with the task that was left by hand, as long as no rows were read for another.
    pub(super) way_back: StoredValue<Option<WayBack>>,
}

impl ModelState {
    pub(super) fn new(hub_url: Option<String>) -> Self {
        Self {
            choice: RwSignal::new(ModelChoice::Known(0)),
            hub_id: RwSignal::new(String::new()),
            hub_url: RwSignal::new(hub_url.unwrap_or_else(|| DEFAULT_HUB_URL.into())),
            tokens: HubTokens::new(),
            files: RwSignal::new_local(Vec::new()),
            loading: RwSignal::new(false),
            downloads: RwSignal::new(Vec::new()),
            info: RwSignal::new(None),
            task: RwSignal::new(Task::default()),
            from_hub: RwSignal::new(false),
            pending: RwSignal::new(None),
            asked_by: StoredValue::new(None),
            loaded_from: StoredValue::new_local(None),
            way_back: StoredValue::new(None),
        }
    }

    /// The default settings of the task, within what the model can take.
    pub(super) fn base_run(self) -> RunConfig {
        self.base_run_of(self.task.get())
    }

    /// Those of another task.
    pub(super) fn base_run_of(self, task: Task) -> RunConfig {
        let hidden_size = self.info.with(|info| info.as_ref().map(|info| info.hidden_size));
        let mut run = task.spec().recipe.base_run(hidden_size);
        let has_lengths = task.spec().settings.contains(&"max_seq_length");
        let longest = self.info.with(|info| info.as_ref().map(|info| info.max_position_embeddings));
        let longest = longest.filter(|_| has_lengths);
        if let Some(longest) = longest.and_then(|n| u32::try_from(n).ok()).filter(|n| *n >= 4) {
            run.max_seq_length = run.max_seq_length.min(longest);
        }
        run
    }

    /// Notes how far a file has come.
    pub(super) fn note_download(self, download: Download) {
        self.downloads.update(|downloads| match downloads.iter_mut().find(|known| known.file == download.file) {
            Some(known) => *known = download,
            None => downloads.push(download),
        });
    }

    /// Shows the model of a kept run as the one that is loaded, for a task.
    pub(super) fn take_opened(self, info: ModelInfo, task: Task) {
        let (source, hub_id) = (&info.source, info.source.argument());
        let known = KNOWN_MODELS.iter().position(|known| *source == ModelSource::hub(known.id));
        let choice = match (source, known) {
            (_, Some(index)) => ModelChoice::Known(index),
            (ModelSource::Hub { .. }, None) => ModelChoice::Hub,
            (ModelSource::Local { .. }, None) => ModelChoice::Local,
        };
        if choice == ModelChoice::Hub {
            self.hub_id.set(hub_id.clone());
        }
        self.loaded_from.update_value(|from| match choice {
            // Only the worker has its files, unless they were chosen on this page.
            ModelChoice::Local => *from = from.take().filter(|from| from.choice == choice && from.info == info),
            _ => *from = Some(LoadedFrom { choice, hub_id, files: Vec::new(), info: info.clone(), base: None }),
        });
        self.choice.set(choice);
        self.task.set(task);
        self.info.set(Some(Arc::new(info)));
    }

    /// Whether the files that are to be loaded are those of an adapter.
    fn is_adapter_chosen(self) -> bool {
        let are_its = |files: &Vec<PickedFile>| is_adapter(files.iter().map(|file| file.name.as_str()));
        self.choice.get_untracked() == ModelChoice::Local && self.files.with_untracked(are_its)
    }

    /// Where the model was loaded from that an adapter was put on; `None` where there is none on it, or only the worker had that model.
    pub(super) fn base(self) -> Option<LoadedFrom> {
        self.loaded_from.with_value(|from| from.as_ref()?.base.as_deref().cloned())
    }

    /// There is an adapter on the loaded model, and it can be taken off.
    pub(crate) fn has_adapter(self) -> bool {
        self.base().is_some()
    }

    /// Name of the loaded model.
    pub(super) fn loaded_name(self) -> Option<String> {
        self.info.with_untracked(|info| info.as_ref().map(|info| info.source.name().to_owned()))
    }

    /// Whether the loaded model has conversations.
    pub(crate) fn has_chat_template(self) -> bool {
        self.info.with(|info| info.as_ref().is_some_and(|info| info.has_chat_template))
    }

    /// Whether this site serves the chosen model itself: set-up brings the default model and those that come with Hone.
    fn served_here(self) -> bool {
        match self.choice.get_untracked() {
            ModelChoice::Known(0) => !self.from_hub.get_untracked(),
            ModelChoice::Known(index) => own_model_folder(KNOWN_MODELS[index].id).is_some(),
            ModelChoice::Hub | ModelChoice::Local => false,
        }
    }
}

impl Store {
    /// Takes another model for the one that is to be loaded next. Where loading the one before failed, that is no matter
    /// any more.
    pub(crate) fn choose_model(self, choice: ModelChoice) {
        let model = self.model;
        if model.choice.get_untracked() == choice {
            return;
        }
        model.choice.set(choice);
        model.downloads.set(Vec::new());
        let is_of_load = |problem: &Problem| !matches!(problem.kind, ProblemKind::Device | ProblemKind::Bug);
        if self.problems.with_untracked(|all| all.iter().any(|(at, problem)| *at == Step::Model && is_of_load(problem)))
        {
            self.dismiss(Step::Model);
        }
    }

    /// Loads the chosen model, and reads the data for it, if a file is chosen. Where trained weights would go, the person is
    /// asked first.
    pub(crate) fn load_model(self) {
        self.confirm_losing_weights("Load anyway", move || self.load_model_and_rows());
    }

    /// Loads the chosen model, then the rows for it.
    pub(super) fn load_model_and_rows(self) {
        spawn_local(async move {
            let is_loaded = self.load_model_now().await;
            // Reading that made way for a model that did not come is done for the one that stands.
            if is_loaded || self.data.report.with_untracked(Option::is_none) {
                self.load_data_now().await;
            }
        });
    }

    /// Chooses what the model was loaded from that went with the worker; `false` where there was none.
    pub(super) fn choose_lost_model(self) -> bool {
        self.model.loaded_from.get_value().map(|from| self.choose_again(from)).is_some()
    }

    /// Chooses what a model was loaded from.
    pub(super) fn choose_again(self, LoadedFrom { choice, hub_id, files, .. }: LoadedFrom) {
        let model = self.model;
        match choice {
            ModelChoice::Known(_) => {}
            ModelChoice::Hub => model.hub_id.set(hub_id),
            ModelChoice::Local => model.files.set(files),
        }
        self.choose_model(choice);
    }

    /// Asks the hub for the default model instead of this site.
    pub(crate) fn load_model_from_hub(self) {
        self.model.from_hub.set(true);
        self.load_model();
    }

    /// Does what takes trained weights away: at once where there are none or they were exported, else when the person has
    /// pressed the button `do_anyway`.
    pub(crate) fn confirm_losing_weights(
        self,
        do_anyway: &'static str,
        action: impl Fn() + Copy + Send + Sync + 'static,
    ) {
        if !self.has_unsaved_work() {
            return action();
        }
        self.model.asked_by.set_value(browser::focused_control());
        self.model.pending.set(Some((Callback::new(move |()| action()), do_anyway)));
        browser::after(0, || browser::focus_element("weights-question"));
    }

    /// Takes the person's answer: to do it anyway, or not.
    pub(crate) fn answer_weights_question(self, does_it: bool) {
        let pending = self.model.pending.get_untracked();
        browser::give_focus_back(self.model.asked_by.get_value());
        self.model.pending.set(None);
        if let (true, Some((action, _))) = (does_it, pending) {
            action.run(());
        }
    }

    /// Whether the chosen model is loaded in the end. If it is not, the model before stays, with its rows, its run and its
    /// figures.
    pub(super) async fn load_model_now(self) -> bool {
        let model = self.model;
        if model.loading.get_untracked() {
            return false;
        }
        // An adapter is put on the model alone, not on what it is with another adapter.
        if let Some(base) = model.base().filter(|_| model.is_adapter_chosen()) {
            let adapter = model.files.get_untracked();
            self.choose_again(base);
            let is_loaded = self.load_chosen().await;
            model.files.set(adapter);
            model.choice.set(ModelChoice::Local);
            if !is_loaded {
                return false;
            }
        }
        self.load_chosen().await
    }

    async fn load_chosen(self) -> bool {
        let model = self.model;
        model.loading.set(true);
        if model.choice.get_untracked() != ModelChoice::Local {
            self.ask_to_keep_files();
        }
        model.downloads.set(Vec::new());
        self.dismiss(Step::Model);
        let outcome = self.ask_for_model().await;
        model.loading.set(false);
        match outcome {
            Ok(info) => {
                let (choice, hub_id) = (model.choice.get_untracked(), model.hub_id.get_untracked());
                let files = model.files.get_untracked();
                let base = model.loaded_from.get_value().filter(|base| model.is_adapter_chosen() && base.is_at_hand());
                let base = base.map(Box::new);
                model.loaded_from.set_value(Some(LoadedFrom { choice, hub_id, files, info: info.clone(), base }));
                self.take_model(info);
                self.lost.set(None);
                true
            }
            Err(problem) => {
                let name = model.loaded_name();
                let has_weights = self.run.with_untracked(|run| run.is_finished());
                self.report(Step::Model, with_what_stands(problem, name.as_deref(), has_weights));
                false
            }
        }
    }

    /// Takes the trained model for the loaded one, and goes to the rows with labels that it is to learn next. It can't be
    /// exported any more then: where it was not, the person is asked first.
    pub(crate) fn go_on_with_labels(self) {
        self.confirm_losing_weights("Go on anyway", move || {
            spawn_local(async move {
                if self.continue_from_run().await {
                    self.go_to(Step::Data);
                }
            });
        });
    }

    async fn continue_from_run(self) -> bool {
        let Some(info) = self.ask_for_trained(Step::Export).await else { return false };
        self.data.clear();
        self.data.wished_task.set(Some(Task::default()));
        self.take_model(info);
        self.history.update(|history| history.clear()); // its rows are other ones
        true
    }

    /// Has the worker take the trained model for the loaded one; only the worker has its files then.
    pub(super) async fn ask_for_trained(self, step: Step) -> Option<ModelInfo> {
        let model = self.model;
        if model.loading.get_untracked() {
            return None;
        }
        self.dismiss(step);
        model.loading.set(true);
        let answer = self.request(Command::ContinueFromRun, Vec::new()).await;
        model.loading.set(false);
        let problem = match answer {
            Ok((Reply::Model { model: info }, _)) => {
                model.loaded_from.set_value(None);
                return Some(info);
            }
            Ok((other, _)) => unexpected(&other),
            Err(problem) => problem,
        };
        self.report(step, problem);
        None
    }

    /// Shows the model that was loaded: for the task that the person chose, or that was guessed, if it can do that, else for
    /// that of its own head.
    pub(super) fn take_model(self, info: ModelInfo) {
        let guess = self.data.guess.get_untracked().filter(|guess| guess.is_followed).map(|guess| guess.task);
        let wished = self.data.wished_task.get_untracked().or(guess).filter(|task| info.tasks.contains(task));
        self.model.way_back.set_value(None);
        self.turn_to(wished.unwrap_or(info.task), info.has_chat_template);
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
                    stall_ms: STALL_MS,
                }
            }
            ModelChoice::Hub => {
                let (id, revision) = read_typed_id(&model.hub_id.get_untracked());
                if id.is_empty() {
                    return Err(config(
                        "no hub id was typed",
                        "Type owner/name, for example google-bert/bert-base-uncased.",
                    ));
                }
                let source = ModelSource::Hub { id, revision };
                let hub_url = model.hub_url.get_untracked();
                Command::FetchModel { source, base_url: None, hub_url, sha256: Vec::new(), stall_ms: STALL_MS }
            }
            ModelChoice::Local => {
                let picked = model.files.get_untracked();
                match self.projects.has_model.get_untracked().filter(|_| picked.is_empty()) {
                    Some(project) => Command::LoadKeptModel { project },
                    None if picked.is_empty() => {
                        return Err(config(
                            "no files were chosen",
                            "Choose config.json, model.safetensors and tokenizer.json.",
                        ));
                    }
                    None => {
                        let mut files = Vec::new();
                        for file in picked {
                            files.push(NamedBlob { name: file.name.clone(), blob: blobs.len() });
                            blobs.push(file.read().await.map_err(unreadable)?);
                        }
                        Command::LoadModel { files }
                    }
                }
            }
        };
        match self.request_model(command, blobs).await? {
            (Reply::Model { model }, _) => Ok(model),
            (other, _) => Err(unexpected(&other)),
        }
    }
}

/// The problem of a load that failed, with what is still there.
fn with_what_stands(problem: Problem, loaded: Option<&str>, has_weights: bool) -> Problem {
    let Problem { kind, message, hint } = problem;
    // Of a worker or a device that failed nothing stands for sure.
    let Some(name) = loaded.filter(|_| !matches!(kind, ProblemKind::Device | ProblemKind::Bug)) else {
        return Problem { kind, message, hint };
    };
    let weights = if has_weights { ", with the weights you trained" } else { "" };
    let hint = format!("{}. {name} is still loaded{weights}.", hint.trim_end_matches('.'));
    Problem { kind, message, hint }
}

fn config(message: &str, hint: &str) -> Problem {
    Problem { kind: ProblemKind::Config, message: message.into(), hint: hint.into() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_load_that_failed_says_what_is_still_there() {
        let problem = |kind| Problem { kind, message: "couldn't reach hub.example".into(), hint: "try again".into() };
        let network = problem(ProblemKind::Network);
        assert_eq!(with_what_stands(network.clone(), None, false), network);
        let shown = with_what_stands(network.clone(), Some("a/b"), false);
        assert_eq!(shown.hint, "try again. a/b is still loaded.");
        let shown = with_what_stands(network, Some("a/b"), true);
        assert_eq!(shown.hint, "try again. a/b is still loaded, with the weights you trained.");
        let device = problem(ProblemKind::Device);
        assert_eq!(with_what_stands(device.clone(), Some("a/b"), true), device, "nobody knows what it still holds");
    }
}
