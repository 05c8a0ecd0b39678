//! Projects: what the page shows of rows, recipe and model is kept in the browser's storage with each change, and comes back when
//! the project is opened. In: what is typed and chosen. Out: the list of projects, the one that is open, and whether it is kept.

mod opened;

use hone_core::config::ModelSource;
use hone_core::hub::{KNOWN_MODELS, read_typed_id};
use hone_core::session::protocol::{
    Command, KeptModels, KeptProjects, NamedBlob, Problem, ProblemKind, ProjectFiles, ProjectState, Reply,
};
use leptos::prelude::*;
use leptos::task::spawn_local;

use super::parts::PartsIdentity;
use super::project_notes::{ProjectNotes, guessed_name};
use super::{ModelChoice, Store, WorkerStatus, unexpected, unreadable};
use crate::browser::{self, FileIdentity, PickedFile};

/// Id of the list of projects, and of its heading.
pub(crate) const PROJECTS_ID: &str = "projects-panel";
pub(crate) const PROJECTS_TITLE_ID: &str = "projects-title";

/// Where the browser remembers which project was open last.
const LAST: &str = "hone-project";

/// Milliseconds without another change after which a project is kept.
const DELAY_MS: u32 = 800;

/// Milliseconds after which it is tried again where it could not be kept, and after which it is kept although changes do not cease, as
/// those of a sweep.
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

/// As what that which is shown is kept.
#[derive(Debug, PartialEq, Eq)]
enum KeptAs {
    /// The open project.
    Open,
    /// A project that is made now.
    New,
    /// It is not.
    Nothing,
}

/// As what that which is shown is kept. `has_same_rows`: it shows the rows of the open project, or of a run of it; `has_rows`: it
/// shows rows that were read.
fn what_is_kept(open: Option<&OpenProject>, has_same_rows: bool, has_rows: bool) -> KeptAs {
    match open {
        Some(open) if !open.is_elsewhere => KeptAs::Open,
        Some(_) if has_same_rows => KeptAs::Nothing,
        _ if has_rows => KeptAs::New,
        _ => KeptAs::Nothing,
    }
}

/// Milliseconds to wait for another change, `waited_ms` after the first of those that are not kept yet.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "from 0 to RETRY_MS")]
fn time_to_wait(delay_ms: u32, waited_ms: f64) -> u32 {
    let left = (f64::from(RETRY_MS) - waited_ms).clamp(0.0, f64::from(RETRY_MS)) as u32;
    delay_ms.min(left)
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
    kept_parts: StoredValue<PartsIdentity>,
    /// The project whose model, which is the person's own, is kept with it and not loaded.
    pub has_model: RwSignal<Option<String>>,
    is_keeping: StoredValue<bool>,
    /// Id of the one that is opened once the person has said so.
    to_open: StoredValue<String>,
    num_changes: StoredValue<u32>,
    /// When the first change came of those that wait, in milliseconds.
    changed_ms: StoredValue<Option<f64>>,
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
            kept_parts: StoredValue::new(PartsIdentity::default()),
            has_model: RwSignal::new(None),
            is_keeping: StoredValue::new(false),
            to_open: StoredValue::new(String::new()),
            num_changes: StoredValue::new(0),
            changed_ms: StoredValue::new(None),
            awaited_run: StoredValue::new(None),
            is_restored: StoredValue::new(false),
        }
    }

    /// Takes a project for the open one; nothing is known of what is kept of it.
    fn set_open(self, open: Option<OpenProject>) {
        browser::remember(LAST, open.as_ref().map_or("", |open| open.id.as_str()));
        self.kept.set_value(None);
        self.kept_files.set_value([None, None, None]);
        self.kept_parts.set_value(PartsIdentity::default());
        self.has_model.set(None);
        self.keeping.set(Keeping::Kept);
        self.open.set(open);
    }

    /// The rows that are shown now are those of a run of the open project. Where another tab has that open, they make no other
    /// project.
    pub(super) fn note_rows_of_run(self, shown: [Option<FileIdentity>; 3]) {
        if self.open.with_untracked(|open| open.as_ref().is_some_and(|open| open.is_elsewhere)) {
            self.kept_files.set_value(shown);
        }
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
            let _ = (self.project_state(), self.data.identities(), self.parts.identity());
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
        let before = self.projects.open.with_untracked(|open| open.as_ref().map(|open| open.id.clone()));
        if before.as_ref() != Some(&id) {
            self.projects.set_open(Some(OpenProject { id, typed_name: Some(name), is_elsewhere: false }));
            if before.is_some() {
                self.sweep.clear(); // it is of the project that is left
                self.corrections.clear();
            }
        }
        true
    }

    /// The rows and the recipe of a run come in the place of those that are shown: these are never kept as those of the
    /// project that was open. `project` is that of the run as it was last kept, whose sweep and corrections are shown from now on.
    pub(super) fn leave_project_for_run(self, run: &str, project: Option<&ProjectState>) {
        let open_id = move || self.projects.open.with_untracked(|open| open.as_ref().map(|open| open.id.clone()));
        let before = open_id();
        if !self.turn_to_project_of(run) {
            self.projects.set_open(None);
            self.projects.awaited_run.set_value(Some(run.to_owned()));
            self.list_projects();
        }
        if before.is_none() || before != open_id() {
            let notes = project.and_then(|project| ProjectNotes::read(&project.page).ok()).unwrap_or_default();
            let renamed = project.map_or(&[][..], |project| project.renamed.as_slice());
            self.take_sweep(&notes.sweep, renamed);
            self.take_corrections(&notes.corrections, renamed);
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
            sweep: self.sweep_json(),
            corrections: self.corrections_json(),
        };
        let (task, read, model) = (self.data.task.get(), self.data.read.get(), self.chosen_source());
        let name = self.project_name()?;
        let (page, renamed) = (notes.to_json(), Vec::new());
        Some(ProjectState { id: open?.id, name, task, model, read, page, renamed })
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
        let projects = self.projects;
        projects.num_changes.update_value(|count| *count += 1);
        let (number, now) = (projects.num_changes.get_value(), browser::now_ms());
        let first = projects.changed_ms.try_update_value(|first| *first.get_or_insert(now)).unwrap_or(now);
        let waits = time_to_wait(delay_ms, now - first);
        browser::after(waits, move || {
            if projects.num_changes.get_value() == number {
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
        projects.changed_ms.set_value(None);
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
        let (files, parts) = untrack(|| (self.data.identities(), self.parts.identity()));
        let has_other_files =
            projects.kept_files.get_value() != files || projects.kept_parts.with_value(|kept| *kept != parts);
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
                projects.kept_parts.set_value(parts);
                let is_like = |before: &ProjectState| {
                    (&before.name, before.task, &before.model) == (&state.name, state.task, &state.model)
                };
                if has_other_files || !before.as_ref().is_some_and(is_like) {
                    self.list_projects();
                }
                projects.kept.set_value(Some(state));
                self.keep_project_later(); // what was changed meanwhile
            }
            // Another tab has it: what is shown here, such as a run of it, is not kept, and makes no project of its own.
            Err(problem) if is_open && problem.kind == ProblemKind::Config => {
                projects.kept_files.set_value(files);
                projects.open.update(|open| {
                    if let Some(open) = open {
                        open.is_elsewhere = true;
                    }
                });
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
        let has_same_rows = projects.kept_files.get_value() == untrack(|| self.data.identities());
        let has_rows =
            self.data.train.with_untracked(Option::is_some) && self.data.report.with_untracked(Option::is_some);
        match projects.open.with_untracked(|open| what_is_kept(open.as_ref(), has_same_rows, has_rows)) {
            KeptAs::Open => true,
            KeptAs::Nothing => false,
            KeptAs::New => {
                let id = format!("{:013.0}", browser::now_ms());
                projects.set_open(Some(OpenProject { id, typed_name: None, is_elsewhere: false }));
                true
            }
        }
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
            let beside = self.parts.files_beside(&mut blobs).await?;
            let own_name = self.parts.own_name.get_untracked();
            files = Some(ProjectFiles { train, valid, test, own_name, beside });
        }
        match self.request(Command::KeepProject { state, files }, blobs).await? {
            (Reply::Done, _) => Ok(()),
            (other, _) => Err(unexpected(&other)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_project_that_is_open_in_another_tab_is_left_alone_also_where_a_run_of_it_is_shown() {
        let open = |is_elsewhere| OpenProject { id: "7".into(), typed_name: None, is_elsewhere };
        assert_eq!(what_is_kept(Some(&open(false)), false, true), KeptAs::Open);
        assert_eq!(what_is_kept(Some(&open(true)), true, true), KeptAs::Nothing, "its rows, or those of a run of it");
        assert_eq!(what_is_kept(Some(&open(true)), false, true), KeptAs::New, "other rows were chosen");
        assert_eq!(what_is_kept(None, false, true), KeptAs::New);
        assert_eq!(what_is_kept(None, false, false), KeptAs::Nothing, "there is nothing to keep");
    }
    #[test]
    fn changes_that_do_not_cease_are_kept_all_the_same() {
        assert_eq!(time_to_wait(DELAY_MS, 0.0), DELAY_MS);
        assert_eq!(time_to_wait(RETRY_MS, 0.0), RETRY_MS);
        assert_eq!(time_to_wait(DELAY_MS, 9_900.0), 100);
        assert_eq!(time_to_wait(DELAY_MS, 60_000.0), 0);
        assert_eq!(time_to_wait(DELAY_MS, -5_000.0), DELAY_MS, "a clock that was set back");
    }
}
