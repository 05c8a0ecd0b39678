//! Everything the page knows, and everything it can ask for. A [`Store`] is a handful of signals; pages read them and
//! call its methods; components never see it. What is plain (`run`, `measurement`, `recipe`, `numbers`, `presets`,
//! `samples`, `report`, `evaluation`, `writing`, `origin`, `changes`, `several`, `step`, `history`, `edit_words`, `lost`,
//! `page_notes`, `project_notes`, `room`, `sweep` but for its driver, the names in `adapter`, `dropped` and `images`, the guesses in
//! `guess`, the counting in `saving` and `silence`, the words in `away`, `busy`, `offline`, `rates` and `saved`) is tested natively. One
//! task's alone stands in `tasks`.

mod actions;
mod adapter;
mod augmented;
pub(crate) mod away;
pub(crate) mod batch;
mod busy;
pub(crate) mod changes;
pub(crate) mod comparing;
pub(crate) mod corrections;
mod data;
mod dropped;
mod edit_words;
mod edits;
pub(crate) mod evaluation;
mod examined;
pub(crate) mod explaining;
mod fields;
mod guess;
mod hearing;
pub(crate) mod history;
mod hub_token;
mod images;
pub(crate) mod kept_projects;
pub(crate) mod label_check;
pub(crate) mod labeling;
mod lost;
mod measurement;
mod model;
mod network;
pub(crate) mod numbers;
pub(crate) mod offline;
mod opened_run;
mod origin;
mod page_notes;
mod parts;
pub(crate) mod plan;
mod predict;
pub(crate) mod presets;
mod problems;
mod project_list;
pub(crate) mod project_notes;
mod projects;
pub(crate) mod rates;
pub(crate) mod rating;
pub(crate) mod reading;
pub(crate) mod recipe;
pub(crate) mod report;
pub(crate) mod room;
pub(crate) mod rows;
pub(crate) mod run;
pub(crate) mod run_report;
pub(crate) mod runs;
pub(crate) mod samples;
pub(crate) mod saved;
mod saving;
pub(crate) mod several;
mod silence;
mod step;
pub(crate) mod sweep;
mod task_choice;
mod train;
mod unsure;
mod way_back;
mod worker_gone;
pub(crate) mod writing;

use std::sync::Arc;

use hone_core::config::{ConfigProblem, ModelChanges, RunConfig, RunDraft};
use hone_core::session::protocol::{Backend, Command, DeviceReport, Problem, RequestId, RunId, Weights};
use hone_core::task::{FewShotReport, Task};
use hone_core::tokenizer::{Role, Turn};
use leptos::prelude::*;
use leptos::task::spawn_local;

pub(crate) use busy::Activity;
pub(crate) use data::{DataState, Slot as DataSlot};
pub(crate) use images::{ImageClass, ImagesState};
pub(crate) use model::{Download, ModelChoice, ModelState};
pub(crate) use network::{NetworkState, Traffic};
pub(crate) use predict::{Nearest, Tried};
pub(crate) use step::Step;

use crate::browser::{self, PickedFile};
use crate::client::{Answer, Client};
use edits::Choices;
use evaluation::Measured;
use history::History;
use kept_projects::ProjectsState;
use parts::PartsState;
use presets::PresetFields;
use problems::{bug, unexpected, unreadable};
use rows::RowsState;
use run::RunState;
use saved::KeptState;
use several::RunPart;
use train::Started;
use writing::{SamplingDraft, Writing};

/// What has happened when the worker is gone, in words for people who know of none.
pub(crate) const STOPPED: &str = "The part of the page that trains has stopped.";

/// Where the worker stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum WorkerStatus {
    /// Its script is loading.
    Starting,
    /// It listens.
    Ready,
    /// It is gone; a button starts another.
    Dead,
}

/// Whether the steps after the first are there to be drawn.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum LaterSteps {
    /// They are being fetched.
    Loading,
    /// They are there.
    Loaded,
    /// They could not be fetched; a button tries again.
    Failed,
}

/// All signals of the page. Copies share them.
#[derive(Clone, Copy)]
pub(crate) struct Store {
    client: StoredValue<Client, LocalStorage>,
    pub worker: RwSignal<WorkerStatus>,
    pub device: RwSignal<Option<Arc<DeviceReport>>>,
    /// The device wished for by the page's address.
    prefer: StoredValue<Option<Backend>>,
    pub step: RwSignal<Step>,
    pub later: RwSignal<LaterSteps>,
    /// At most one problem a step.
    pub problems: RwSignal<Vec<(Step, Problem)>>,
    /// After a restart: what the worker no longer holds.
    pub lost: RwSignal<Option<String>>,
    pub kept: KeptState,
    pub projects: ProjectsState,
    pub network: NetworkState,
    pub offline: offline::OfflineState,
    pub model: ModelState,
    pub data: DataState,
    pub rows: RowsState,
    pub images: ImagesState,
    pub parts: PartsState,
    /// The tasks that are learned at once, by their names; none where there is one.
    pub learned: Memo<Vec<(String, Task)>>,
    pub draft: RwSignal<RunDraft>,
    /// Settings that hold where nothing was typed.
    pub base: Memo<RunConfig>,
    pub resolved: Memo<Result<RunConfig, Vec<ConfigProblem>>>,
    /// What was typed of changes to the model.
    pub changes: RwSignal<RunDraft>,
    /// What is changed of the model before a run.
    pub changed: Memo<Result<ModelChanges, Vec<ConfigProblem>>>,
    /// The edits of all that is typed and chosen, for as long as they can be undone.
    history: RwSignal<History<Choices>, LocalStorage>,
    pub run: RwSignal<RunState>,
    run_id: StoredValue<Option<RunId>>,
    publishing: StoredValue<train::Publishing>,
    /// Runs since the page was opened.
    num_runs: StoredValue<u32>,
    /// What the last run is.
    pub started: RwSignal<Option<Arc<Started>>>,
    /// The tasks of the last run; none where it has one.
    pub run_parts: Memo<Vec<RunPart>>,
    /// That of a finished run's tasks whose answers and files are shown; `None` where it has one.
    pub shown_part: Memo<Option<RunPart>>,
    /// The tasks whose figures are shown: those of a finished run, else those that were measured before one; none where one
    /// task was measured.
    pub measured_parts: Memo<Vec<RunPart>>,
    /// The one of them that is shown.
    pub measured_part: Memo<Option<RunPart>>,
    pub measured_base: RwSignal<Option<Arc<Measured>>>,
    pub measured_tuned: RwSignal<Option<Arc<Measured>>>,
    /// Below which probability answers are unsure, where the person chose that.
    unsure: RwSignal<unsure::Unsure>,
    /// What labels can be told without training, once it was asked for.
    pub few_shot: RwSignal<Option<Arc<FewShotReport>>>,
    /// What is learned of labels before any training.
    pub label_check: label_check::LabelCheckState,
    pub labeling: labeling::LabelingState,
    pub copies: augmented::CopiesState,
    /// Labels that were corrected in the list of wrong rows.
    pub corrections: corrections::CorrectionsState,
    /// Why a measured row was answered as it was.
    pub explaining: explaining::ExplainingState,
    /// Which weights are being measured.
    pub measuring: RwSignal<Option<Weights>>,
    /// Rows measured and to measure.
    pub measuring_progress: RwSignal<(usize, usize)>,
    /// The person's own text on which forgetting is measured; else a bundled one.
    pub general_text: RwSignal<Option<PickedFile>, LocalStorage>,
    /// What there is to say about how it was read.
    pub general_note: RwSignal<Option<String>>,
    pub try_text: RwSignal<String>,
    /// The second text of a pair.
    pub try_second: RwSignal<String>,
    pub try_live: RwSignal<bool>,
    pub tried: RwSignal<Option<Arc<Tried>>>,
    pub predicting: RwSignal<bool>,
    /// Many inputs at once: a whole file, texts with words swapped.
    pub batch: batch::BatchState,
    predict_again: StoredValue<bool>,
    /// The prompt of a model that has conversations.
    pub try_turns: RwSignal<Vec<Turn>>,
    /// The prompt is the conversation, where the model has them, and not the text; `None` where nobody chose.
    pub try_as_chat: RwSignal<Option<bool>>,
    pub sampling: RwSignal<SamplingDraft>,
    pub writing: RwSignal<Writing>,
    /// Texts of two models that a person compares.
    pub rating: rating::RatingState,
    /// Models that were measured, to be compared.
    pub comparing: comparing::ComparingState,
    /// What was looked at besides the figures, for the report.
    examined: examined::ExaminedState,
    /// The request whose text is being written.
    writing_id: StoredValue<Option<RequestId>>,
    pub exporting: RwSignal<bool>,
    /// Name and bytes of the last export.
    pub exported: RwSignal<Option<(String, f64)>>,
    /// What came of opening it again; empty of a file that is no model.
    pub export_checked: RwSignal<String>,
    /// Whether what is exported is opened again, and its answers compared.
    pub verifies_export: RwSignal<bool>,
    /// The one-click sample is on its way.
    pub loading_sample: RwSignal<bool>,
    asked_to_keep_files: StoredValue<bool>,
    /// The browser was asked to keep this site's files, and did not promise it.
    pub may_be_cleared: RwSignal<bool>,
    pub away: away::AwayState,
    pub plan: plan::PlanState,
    pub rates: rates::RatesState,
    pub sweep: sweep::SweepState,
    /// How long a worker that trains has said nothing.
    silence: StoredValue<silence::Silence>,
}

impl Store {
    /// The signals, without a worker yet.
    pub(crate) fn new() -> Self {
        let model = ModelState::new(browser::query_parameter("hub"));
        let data = DataState::new(model);
        let parts = PartsState::new();
        let learned = Memo::new(move |_| parts.learned(data, model.task.get()));
        let mut draft = RunDraft::default();
        if let Some(preset) = presets::balanced(Task::default()) {
            preset.apply_to(&mut draft);
        }
        let draft = RwSignal::new(draft);
        let base = Memo::new(move |_| model.base_run());
        let resolved = Memo::new(move |_| {
            let fields = learned.with(|learned| several::fields_of(model.task.get(), learned));
            base.with(|base| draft.with(|draft| recipe::in_force(draft, &fields, base).resolve(base)))
        });
        let changes = RwSignal::new(RunDraft::default());
        let changed = Memo::new(move |_| {
            let layers = model.info.with(|info| info.as_ref().map(|info| info.num_hidden_layers));
            resolved.with(|run| changes.with(|draft| changes::resolve(draft, layers, run.as_ref().ok())))
        });
        let run = RwSignal::new(RunState::default());
        let started: RwSignal<Option<Arc<Started>>> = RwSignal::new(None);
        let run_parts =
            Memo::new(move |_| started.with(|run| run.as_ref().map(|run| run.parts.clone()).unwrap_or_default()));
        let is_finished = Memo::new(move |_| run.with(RunState::is_finished));
        let shown_part =
            Memo::new(move |_| run_parts.with(|of_run| if is_finished.get() { parts.shown_of(of_run) } else { None }));
        let prefer = match browser::query_parameter("backend").as_deref() {
            Some("cpu") => Some(Backend::Cpu),
            Some("webgpu") => Some(Backend::Webgpu),
            _ => None,
        };
        let measured_parts = Memo::new(move |_| if is_finished.get() { run_parts.get() } else { parts.measured.get() });
        let measured_part = Memo::new(move |_| measured_parts.with(|measured| parts.shown_of(measured)));
        Self {
            client: StoredValue::new_local(Client::new()),
            worker: RwSignal::new(WorkerStatus::Starting),
            device: RwSignal::new(None),
            prefer: StoredValue::new(prefer),
            step: RwSignal::new(Step::of_hash(&browser::fragment()).unwrap_or(Step::Model)),
            later: RwSignal::new(LaterSteps::Loading),
            problems: RwSignal::new(Vec::new()),
            lost: RwSignal::new(None),
            kept: KeptState::new(),
            projects: ProjectsState::new(),
            network: NetworkState::new(),
            offline: offline::OfflineState::new(),
            model,
            data,
            rows: RowsState::new(),
            images: ImagesState::new(),
            parts,
            learned,
            draft,
            base,
            resolved,
            changes,
            changed,
            history: RwSignal::new_local(History::new()),
            run,
            run_id: StoredValue::new(None),
            publishing: StoredValue::new(train::Publishing::default()),
            num_runs: StoredValue::new(0),
            started,
            run_parts,
            shown_part,
            measured_parts,
            measured_part,
            measured_base: RwSignal::new(None),
            measured_tuned: RwSignal::new(None),
            unsure: RwSignal::new(unsure::Unsure::new()),
            few_shot: RwSignal::new(None),
            label_check: label_check::LabelCheckState::new(),
            labeling: labeling::LabelingState::new(),
            copies: augmented::CopiesState::new(),
            corrections: corrections::CorrectionsState::new(),
            explaining: explaining::ExplainingState::new(),
            measuring: RwSignal::new(None),
            measuring_progress: RwSignal::new((0, 0)),
            general_text: RwSignal::new_local(None),
            general_note: RwSignal::new(None),
            try_text: RwSignal::new(String::new()),
            try_second: RwSignal::new(String::new()),
            try_live: RwSignal::new(true),
            tried: RwSignal::new(None),
            predicting: RwSignal::new(false),
            batch: batch::BatchState::new(),
            predict_again: StoredValue::new(false),
            try_turns: RwSignal::new(vec![Turn::new(Role::User, "")]),
            try_as_chat: RwSignal::new(None),
            sampling: RwSignal::new(SamplingDraft::default()),
            writing: RwSignal::new(Writing::default()),
            rating: rating::RatingState::new(),
            comparing: comparing::ComparingState::new(),
            examined: examined::ExaminedState::new(),
            writing_id: StoredValue::new(None),
            exporting: RwSignal::new(false),
            exported: RwSignal::new(None),
            export_checked: RwSignal::new(String::new()),
            verifies_export: RwSignal::new(true),
            loading_sample: RwSignal::new(false),
            asked_to_keep_files: StoredValue::new(false),
            may_be_cleared: RwSignal::new(false),
            away: away::AwayState::new(),
            plan: plan::PlanState::new(),
            rates: rates::RatesState::new(),
            sweep: sweep::SweepState::new(),
            silence: StoredValue::new(silence::Silence::default()),
        }
    }

    /// Starts the worker and everything that happens by itself.
    pub(crate) fn start(self) {
        let client = self.client();
        client.listen(move |notice| self.hear(notice));
        client.restart();
        self.network.watch();
        self.reread_when_the_recipe_asks_for_it();
        self.reread_when_the_task_changes();
        self.follow_row_edits();
        self.forget_edits_of_other_models();
    }

    /// Starts another worker. What the page holds stays; what the worker held has to be loaded again.
    pub(crate) fn restart_worker(self) {
        self.forget_worker_contents();
        self.problems.set(Vec::new());
        self.worker.set(WorkerStatus::Starting);
        self.client().restart();
    }

    /// Shows another step, which the address names from then on, and moves the focus to its heading.
    pub(crate) fn go_to(self, step: Step) {
        if self.step.get_untracked() != step {
            browser::set_fragment(step.id());
        }
        self.show(step);
    }

    /// Shows the step that the address names after the person went back or forward, or typed it.
    pub(crate) fn follow_address(self) {
        let named = Step::of_hash(&browser::fragment());
        if let Some(step) = named.filter(|step| *step != self.step.get_untracked()) {
            self.show(step);
        }
    }

    fn show(self, step: Step) {
        if self.step.get_untracked() != step {
            self.step.set(step);
        }
        browser::after(0, || {
            browser::focus_element(browser::PAGE_TITLE_ID);
            Self::show_current_step();
        });
    }

    /// On a narrow page the steps scroll sideways: brings the current one into view.
    pub(crate) fn show_current_step() {
        browser::scroll_sideways_to("[aria-current=step]");
    }

    /// Asks the browser, once, not to clear models and checkpoints when the disk runs full. The page asks: a worker
    /// can't be answered by the person.
    fn ask_to_keep_files(self) {
        if self.asked_to_keep_files.get_value() {
            return;
        }
        self.asked_to_keep_files.set_value(true);
        spawn_local(async move {
            if !browser::keeps_files().await {
                self.may_be_cleared.set(true);
            }
        });
    }

    /// Shows a problem at its step.
    pub(crate) fn report(self, step: Step, problem: Problem) {
        self.problems.update(|problems| {
            problems.retain(|(at, _)| *at != step);
            problems.push((step, problem));
        });
    }

    /// Takes a step's problem away.
    pub(crate) fn dismiss(self, step: Step) {
        if self.problems.with_untracked(|problems| problems.iter().any(|(at, _)| *at == step)) {
            self.problems.update(|problems| problems.retain(|(at, _)| *at != step));
        }
    }

    fn client(self) -> Client {
        self.client.get_value()
    }

    async fn request(self, command: Command, blobs: Vec<js_sys::ArrayBuffer>) -> Answer {
        self.client().request(command, blobs).await
    }
}
