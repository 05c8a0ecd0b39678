//! Projects: what the page shows of rows, recipe and model is kept in the browser's storage with each change, and comes back when
//! the project is opened. In: what is typed and chosen. Out: the list of projects, the one that is open, and whether it is kept.

use hone_core::config::ModelSource;
use hone_core::hub::{KNOWN_MODELS, read_typed_id};
use hone_core::session::protocol::{
    Command, KeptModels, KeptProjects, NamedBlob, OpenedProject, Problem, ProblemKind, ProjectFiles, ProjectState,
    Reply,
};
use hone_core::task::Task;
use js_sys::ArrayBuffer;
use leptos::prelude::*;
use leptos::task::spawn_local;

use super::guess::Guess;
use super::project_notes::{ProjectNotes, guessed_name};
use super::run::Input;
use super::{ModelChoice, Step, Store, WorkerStatus, presets, unexpected, unreadable};
use crate::browser::{self, FileIdentity, PickedFile};

/// Id of the list of projects, and of its heading.
pub(crate) const PROJECTS_ID: &str = "projects-panel";
pub(crate) const PROJECTS_TITLE_ID: &str = "projects-title";

/// Where the browser remembers which project was open last.
const LAST: &str = "hone-project";

/// Milliseconds without another change after which a project is kept.
const DELAY_MS: u32 = 800;

/// Milliseconds after which it is tried again where it could not be kept.
const RETRY_MS: u32 = 10_000;

/// The project that is open.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct OpenProject {
    pub id: String,
    /// As the person typed it; `None` names it after its training file.
    pub typed_name: Option<String>,
    /// Another tab has it open: it is not changed here.
    pub is_elsewhere: bool,
}

/// Whether what is shown of the project is kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Keeping {
    /// It is, or will be in a moment.
    Kept,
    /// It is not, and why.
    Failed(String),
}

/// Signals of projects.
#[derive(Clone, Copy)]
pub(crate) struct ProjectsState {
    pub list: RwSignal<KeptProjects>,
    pub open: RwSignal<Option<OpenProject>>,
    pub keeping: RwSignal<Keeping>,
    /// One of them is being opened.
    pub opening: RwSignal<bool>,
    /// The models that are kept; `None` before that was asked.
    pub models: RwSignal<Option<KeptModels>>,
    /// What was last kept of the open one; `None` where that is not known.
    kept: StoredValue<Option<ProjectState>>,
    kept_files: StoredValue<[Option<FileIdentity>; 3]>,
    is_keeping: StoredValue<bool>,
    /// Id of the one that is opened once the person has said so.
    to_open: StoredValue<String>,
    num_changes: StoredValue<u32>,
    /// A run that was opened before the list said of which project it is: until it does nothing is kept.
    awaited_run: StoredValue<Option<String>>,
    /// The rows that are read next are those of a project, for the task that was guessed when it was made.
    is_restored: StoredValue<bool>,
}

impl ProjectsState {
    pub(super) fn new() -> Self {
        Self {
            list: RwSignal::new(KeptProjects::default()),
            open: RwSignal::new(None),
            keeping: RwSignal::new(Keeping::Kept),
            opening: RwSignal::new(false),
            models: RwSignal::new(None),
            kept: StoredValue::new(None),
            kept_files: StoredValue::new([None, None, None]),
            is_keeping: StoredValue::new(false),
            to_open: StoredValue::new(String::new()),
            num_changes: StoredValue::new(0),
            awaited_run: StoredValue::new(None),
            is_restored: StoredValue::new(false),
        }
    }

    /// Takes a project for the open one; nothing is known of what is kept of it.
    fn set_open(self, open: Option<OpenProject>) {
        browser::remember(LAST, open.as_ref().map_or("", |open| open.id.as_str()));
        self.kept.set_value(None);
        self.kept_files.set_value([None, None, None]);
        self.keeping.set(Keeping::Kept);
        self.open.set(open);
    }

    /// Whether a run is shown with those of the open project: one of another project is not.
    pub(crate) fn has_run(self, id: &str) -> bool {
        let open = self.open.with(|open| open.as_ref().map(|open| open.id.clone()));
        self.list.with(|list| {
            let of = list.projects.iter().find(|project| project.runs.iter().any(|run| run == id));
            open.is_none() || of.is_none_or(|of| Some(&of.state.id) == open.as_ref())
        })
    }

    /// Whether these rows are those that the project was opened with, which are read for the task that was guessed then. Said once.
    pub(super) fn is_restoring(self, train: &PickedFile) -> bool {
        let is_restored = self.is_restored.try_update_value(std::mem::take).unwrap_or(false);
        is_restored && self.kept_files.with_value(|[kept, _, _]| kept.as_ref() == Some(&train.identity()))
    }

    /// Names of all projects.
    pub(super) fn names(self) -> Vec<String> {
        self.list.with_untracked(|list| list.projects.iter().map(|project| project.state.name.clone()).collect())
    }
}

impl Store {
    /// Opens the project that was open last, and keeps each change from now on.
    pub(crate) fn keep_projects(self) {
        if let Some(id) = browser::remembered(LAST).filter(|id| !id.is_empty()) {
            self.ask_to_open_project(id, true);
        }
        Effect::new(move |_| {
            self.kept.runs.track();
            if self.worker.get() == WorkerStatus::Ready {
                self.list_projects();
            }
        });
        Effect::new(move |_| self.follow_open_run());
        Effect::new(move |_| {
            if self.worker.get() != WorkerStatus::Ready {
                self.projects.kept.set_value(None); // the next worker knows of no project
                return;
            }
            self.data.report.track();
            let _ = (self.project_state(), self.data.identities());
            self.keep_project_later();
        });
    }

    /// The project of the run whose weights are shown is the open one.
    fn follow_open_run(self) {
        let Some(run) = self.open_id() else { return };
        self.projects.list.track();
        self.turn_to_project_of(&run);
    }

    /// Takes the project of a run for the open one; says whether the list has it.
    fn turn_to_project_of(self, run: &str) -> bool {
        let of = self.projects.list.with_untracked(|list| {
            let of = list.projects.iter().find(|project| project.runs.iter().any(|id| id == run));
            of.map(|of| (of.state.id.clone(), of.state.name.clone()))
        });
        let Some((id, name)) = of else { return false };
        if self.projects.open.with_untracked(|open| open.as_ref().map(|open| &open.id) != Some(&id)) {
            self.projects.set_open(Some(OpenProject { id, typed_name: Some(name), is_elsewhere: false }));
        }
        true
    }

    /// The rows and the recipe of a run come in the place of those that are shown: these are never kept as those of the
    /// project that was open.
    pub(super) fn leave_project_for_run(self, run: &str) {
        if !self.turn_to_project_of(run) {
            self.projects.set_open(None);
            self.projects.awaited_run.set_value(Some(run.to_owned()));
            self.list_projects();
        }
    }

    /// The list is a new one: the project of a run that was opened is in it now, else one is made.
    pub(super) fn end_awaiting_run(self) {
        if let Some(run) = self.projects.awaited_run.try_update_value(Option::take).flatten() {
            self.turn_to_project_of(&run);
            self.keep_project_later();
        }
    }

    /// Name of the open project; `None` where none is open.
    pub(crate) fn project_name(self) -> Option<String> {
        let typed = self.projects.open.with(|open| open.as_ref().map(|open| open.typed_name.clone()))?;
        let [file, _, _] = self.data.identities();
        Some(typed.unwrap_or_else(|| guessed_name(&file.map(|file| file.name).unwrap_or_default())))
    }

    /// What is to be kept of the open project; `None` where none is open. Tracks all of it.
    fn project_state(self) -> Option<ProjectState> {
        let open = self.projects.open.get();
        // These are read below without being tracked.
        self.draft.track();
        self.changes.track();
        self.data.wished_task.track();
        self.unsure.track();
        let notes = ProjectNotes {
            of_run: self.page_notes(),
            is_named: open.as_ref().is_some_and(|open| open.typed_name.is_some()),
            step: self.step.get().id().to_owned(),
            drawn: self.kept.drawn.get(),
        };
        let (task, read, model) = (self.data.task.get(), self.data.read.get(), self.chosen_source());
        let name = self.project_name()?;
        Some(ProjectState { id: open?.id, name, task, model, read, page: notes.to_json() })
    }

    /// The model that is chosen.
    fn chosen_source(self) -> Option<ModelSource> {
        match self.model.choice.get() {
            ModelChoice::Known(index) => Some(ModelSource::hub(KNOWN_MODELS[index].id)),
            ModelChoice::Hub => {
                let (id, revision) = read_typed_id(&self.model.hub_id.get());
                (!id.is_empty()).then_some(ModelSource::Hub { id, revision })
            }
            ModelChoice::Local => {
                let loaded = self.model.info.with(|info| info.as_ref().map(|info| info.source.clone()));
                let is_local = |source: &ModelSource| matches!(source, ModelSource::Local { .. });
                let before = self.projects.kept.with_value(|kept| kept.as_ref()?.model.clone());
                loaded.filter(is_local).or_else(|| before.filter(is_local))
            }
        }
    }

    fn keep_project_later(self) {
        self.keep_project_in(DELAY_MS);
    }

    /// Keeps the project so many milliseconds later, unless another time was set by then.
    fn keep_project_in(self, delay_ms: u32) {
        self.projects.num_changes.update_value(|count| *count += 1);
        let number = self.projects.num_changes.get_value();
        browser::after(delay_ms, move || {
            if self.projects.num_changes.get_value() == number {
                spawn_local(self.keep_project());
            }
        });
    }

    /// Keeps the project as it stands now, also where an earlier state is being kept: before it is left.
    pub(super) async fn keep_project_now(self) {
        // Requests are answered in their order.
        while self.projects.is_keeping.get_value() && self.request(Command::Memory, Vec::new()).await.is_ok() {}
        self.keep_project().await;
    }

    /// Keeps the project as it stands; one is made where there are rows and none is open.
    pub(super) async fn keep_project(self) {
        let projects = self.projects;
        if self.worker.get_untracked() != WorkerStatus::Ready {
            return; // once there is another worker it is kept
        }
        let is_opening = projects.opening.get_untracked() || self.kept.opening.get_untracked();
        if is_opening || projects.is_keeping.get_value() || projects.awaited_run.with_value(Option::is_some) {
            return self.keep_project_later();
        }
        if !self.can_keep_project() {
            return;
        }
        let files = untrack(|| self.data.identities());
        let has_other_files = projects.kept_files.get_value() != files;
        let Some(state) = untrack(|| self.project_state()) else { return };
        let before = projects.kept.get_value();
        if !has_other_files && before.as_ref() == Some(&state) {
            return;
        }
        projects.is_keeping.set_value(true);
        let answer = self.ask_to_keep(state.clone(), has_other_files).await;
        projects.is_keeping.set_value(false);
        let is_open = projects.open.with_untracked(|open| open.as_ref().is_some_and(|open| open.id == state.id));
        match answer {
            // The person may have left it meanwhile.
            Ok(()) if !is_open => self.list_projects(),
            Ok(()) => {
                projects.keeping.set(Keeping::Kept);
                projects.kept_files.set_value(files);
                let is_like = |before: &ProjectState| {
                    (&before.name, before.task, &before.model) == (&state.name, state.task, &state.model)
                };
                if has_other_files || !before.as_ref().is_some_and(is_like) {
                    self.list_projects();
                }
                projects.kept.set_value(Some(state));
                self.keep_project_later(); // what was changed meanwhile
            }
            Err(problem) => {
                if is_open {
                    projects.keeping.set(Keeping::Failed(format!("{}. Hint: {}.", problem.message, problem.hint)));
                    if problem.kind == ProblemKind::Storage {
                        // What was kept of it may be gone: its rows go along the next time.
                        projects.kept_files.set_value([None, None, None]);
                    }
                }
                self.keep_project_in(RETRY_MS);
            }
        }
    }

    /// Whether what is shown is kept as a project, and of which: a new one where there is none, or where other rows were chosen
    /// beside one that is open in another tab.
    fn can_keep_project(self) -> bool {
        let projects = self.projects;
        let files = untrack(|| self.data.identities());
        match projects.open.get_untracked() {
            Some(open) if !open.is_elsewhere => return true,
            Some(_) if projects.kept_files.get_value() == files => return false,
            _ => {}
        }
        let has_rows = files[0].is_some() && self.data.report.with_untracked(Option::is_some);
        if has_rows {
            let id = format!("{:013.0}", browser::now_ms());
            projects.set_open(Some(OpenProject { id, typed_name: None, is_elsewhere: false }));
        }
        has_rows
    }

    async fn ask_to_keep(self, state: ProjectState, has_other_files: bool) -> Result<(), Problem> {
        let (mut blobs, mut files) = (Vec::new(), None);
        if has_other_files {
            let mut named = [None, None, None];
            let picked = [self.data.train, self.data.valid, self.data.test].map(|file| file.get_untracked());
            for (name, file) in named.iter_mut().zip(picked) {
                let Some(file) = file else { continue };
                *name = Some(NamedBlob { name: file.name.clone(), blob: blobs.len() });
                blobs.push(file.read().await.map_err(unreadable)?);
            }
            let [train, valid, test] = named;
            files = Some(ProjectFiles { train, valid, test });
        }
        match self.request(Command::KeepProject { state, files }, blobs).await? {
            (Reply::Done, _) => Ok(()),
            (other, _) => Err(unexpected(&other)),
        }
    }

    /// Opens a project. Where trained weights would go that nothing else keeps, the person is asked first.
    pub(crate) fn open_project_of(self, id: String) {
        self.projects.to_open.set_value(id);
        self.confirm_losing_weights("Open anyway", move || {
            if self.projects.opening.get_untracked() || untrack(|| self.activity()).is_some() {
                return; // the person may have started something meanwhile
            }
            spawn_local(async move {
                self.keep_project_now().await; // the one that is left
                self.ask_to_open_project(self.projects.to_open.get_value(), false);
            });
        });
    }

    fn ask_to_open_project(self, id: String, is_start: bool) {
        self.projects.opening.set(true);
        self.client().send(Command::OpenProject { id }, Vec::new(), move |answer| {
            self.projects.opening.set(false);
            let problem = match answer {
                // Who has begun something meanwhile is left alone; runs that are started are not of this project.
                Ok((Reply::Project { .. }, _)) if is_start && self.has_begun() => {
                    self.client().send(Command::CloseProject, Vec::new(), |_| {});
                    return;
                }
                Ok((Reply::Project { opened }, blobs)) => return self.take_project(*opened, &blobs, is_start),
                Ok((other, _)) => unexpected(&other),
                Err(_) if is_start => return, // it was deleted in another tab, or the storage was cleared
                Err(problem) => problem,
            };
            self.report(self.step.get_untracked(), problem);
        });
    }

    /// Something was loaded or chosen on this page.
    fn has_begun(self) -> bool {
        self.data.train.with_untracked(Option::is_some)
            || self.model.info.with_untracked(Option::is_some)
            || self.model.loading.get_untracked()
            || self.kept.opening.get_untracked()
    }

    /// Puts everything where it was when the project was kept, and has its rows read.
    fn take_project(self, opened: OpenedProject, blobs: &[ArrayBuffer], is_start: bool) {
        let OpenedProject { state, files, is_elsewhere, problem } = opened;
        let notes = ProjectNotes::read(&state.page).unwrap_or_else(|error| {
            let message = format!("what was typed into the recipe of this project can't be read: {error}");
            let hint = "Its rows are as they were; type the recipe again.".into();
            self.report(Step::Recipe, Problem { kind: ProblemKind::Config, message, hint });
            ProjectNotes::default()
        });
        let ProjectNotes { of_run, is_named, step, drawn } = notes;
        // A copy, or one that was renamed in the list, has a name of its own, too.
        let file = files.train.as_ref().map_or("", |train| train.name.as_str());
        let typed_name = (is_named || state.name != guessed_name(file)).then(|| state.name.clone());
        self.clear_project(state.task);
        self.projects.set_open(Some(OpenProject { id: state.id.clone(), typed_name, is_elsewhere }));
        if let Some(source) = &state.model {
            self.choose_source(source);
        }
        self.draft.set(of_run.draft);
        self.changes.set(of_run.changes);
        self.unsure.set(of_run.unsure);
        self.kept.drawn.set(drawn);

        let data = self.data;
        let file = |named: NamedBlob| PickedFile::from_bytes(&named.name, blobs.get(named.blob)?);
        let files = [files.train, files.valid, files.test].map(|named| named.and_then(file));
        for (slot, file) in [data.train, data.valid, data.test].into_iter().zip(files) {
            slot.set(file);
        }
        data.read.set(state.read.clone());
        data.wished_task.set(of_run.wished_task);
        let guess = Guess { task: state.task, is_followed: true };
        data.guess.set(of_run.wished_task.is_none().then_some(guess));
        data.asked_for.set_value(Some(state.task));
        self.projects.kept_files.set_value(untrack(|| data.identities()));
        if !is_elsewhere {
            self.projects.kept.set_value(Some(state));
        }
        if data.train.with_untracked(Option::is_some) {
            self.projects.is_restored.set_value(of_run.wished_task.is_none());
            self.load_data();
        }
        if let Some(problem) = problem {
            self.report(Step::Data, problem);
        }
        let is_addressed = is_start && !browser::fragment().is_empty();
        if let Some(step) = Step::of_hash(&step).filter(|_| !is_addressed) {
            self.go_to(step);
        }
    }

    /// Takes rows, recipe and figures off the page, for those of a task. The model stays loaded.
    fn clear_project(self, task: Task) {
        self.forget_parts();
        self.forget_figures();
        self.model.way_back.set_value(None);
        self.data.clear();
        self.data.wished_task.set(None);
        self.changes.set(Default::default());
        self.unsure.set(Default::default());
        let mut draft = Default::default();
        if let Some(preset) = presets::balanced(task) {
            preset.apply_to(&mut draft);
        }
        self.draft.set(draft);
        self.model.task.set(task);
        self.started.set(None);
        self.run_id.set_value(None);
        // Weights of another project are not shown as those of this one; where they are kept, they are opened again.
        self.feed(Input::ModelLoaded { is_other_task: true });
        self.history.update(|history| history.clear());
    }

    /// Leaves the open project for a new one, without rows. Where trained weights would go that nothing else keeps, the person
    /// is asked first.
    pub(crate) fn start_project(self) {
        self.confirm_losing_weights("Start anyway", move || {
            if untrack(|| self.activity()).is_none() {
                spawn_local(async move {
                    self.keep_project_now().await;
                    self.start_project_now();
                });
            }
        });
    }

    pub(super) fn start_project_now(self) {
        self.client().send(Command::CloseProject, Vec::new(), |_| {}); // a worker that has stopped has left it
        self.projects.set_open(None);
        self.clear_project(self.data.task.get_untracked());
        self.go_to(Step::Data);
    }
}
