//! Several tasks that are learned at once: the one whose rows the step Data shows, and those that were kept beside it. In:
//! rows that were read for a task. Out: what a run of all of them is asked for with. The files stay with the page; a run has
//! them read anew.

use std::sync::Arc;

use hone_core::config::{JobPart, ReadOptions};
use hone_core::session::protocol::{NamedBlob, OpenedPart, PartFiles, Problem};
use hone_core::task::several::goes_with_others;
use hone_core::task::{DataReport, Task};
use js_sys::ArrayBuffer;
use leptos::prelude::*;

use super::origin::Beside;
use super::recipe::{FieldSpec, METRIC, set_typed, typed};
use super::several::{RunPart, default_name, fields_of, figure_choices, problem};
use super::{DataState, Store, unreadable};
use crate::browser::{self, FileIdentity, PickedFile};
use crate::tasks;

/// A task whose rows were read, and that is learned beside the one that the step Data shows.
#[derive(Debug, Clone)]
pub(crate) struct KeptPart {
    /// Tells it from others while its name is typed.
    pub id: u32,
    pub name: String,
    pub task: Task,
    pub report: Arc<DataReport>,
    files: [Option<PickedFile>; 3],
    read: ReadOptions,
}

/// What tells tasks that were kept from others: what was typed as the name of the one beside them; of each its name, what it is, its
/// files, and how they are read.
pub(super) type PartsIdentity = (Option<String>, Vec<(String, Task, [Option<FileIdentity>; 3], ReadOptions)>);

/// Signals of several tasks.
#[derive(Clone, Copy)]
pub(crate) struct PartsState {
    /// The last that was kept stands first; none where one task is learned.
    pub kept: RwSignal<Vec<KeptPart>, LocalStorage>,
    /// What was typed as the name of the task that the step Data shows; `None` names it after its file.
    pub(super) own_name: RwSignal<Option<String>>,
    /// The task of the run whose figures and answers are shown; `None` shows the first.
    shown: RwSignal<Option<String>>,
    /// The tasks that figures were measured of; none where it was one task.
    pub measured: RwSignal<Vec<RunPart>>,
    /// The task whose rows are read now, for a run or to be measured.
    pub reading: RwSignal<Option<String>>,
    num_kept: StoredValue<u32>,
}

impl PartsState {
    /// What tells these tasks from others.
    pub(super) fn identity(self) -> PartsIdentity {
        let part = |part: &KeptPart| {
            let files = part.files.each_ref().map(|file| file.as_ref().map(PickedFile::identity));
            (part.name.clone(), part.task, files, part.read.clone())
        };
        (self.own_name.get(), self.kept.with(|kept| kept.iter().map(part).collect()))
    }

    /// The tasks that were kept, with their files, whose bytes are added to `blobs`.
    ///
    /// # Errors
    /// When the browser can't read one any more.
    pub(super) async fn files_beside(self, blobs: &mut Vec<ArrayBuffer>) -> Result<Vec<PartFiles>, Problem> {
        let mut beside = Vec::new();
        for KeptPart { name, task, files, read, .. } in self.kept.get_untracked() {
            let mut named = [None, None, None];
            for (name, file) in named.iter_mut().zip(files) {
                let Some(file) = file else { continue };
                *name = Some(NamedBlob { name: file.name.clone(), blob: blobs.len() });
                blobs.push(file.read().await.map_err(unreadable)?);
            }
            let [Some(train), valid, test] = named else { continue };
            beside.push(PartFiles { name, task, train, valid, test, read });
        }
        Ok(beside)
    }

    pub(super) fn new() -> Self {
        Self {
            kept: RwSignal::new_local(Vec::new()),
            own_name: RwSignal::new(None),
            shown: RwSignal::new(None),
            measured: RwSignal::new(Vec::new()),
            reading: RwSignal::new(None),
            num_kept: StoredValue::new(0),
        }
    }

    /// Several tasks are learned at once.
    pub(crate) fn are_several(self) -> bool {
        self.kept.with(|kept| !kept.is_empty())
    }

    /// The tasks that a run learns at once, by their names, that of the step Data first; none where there is one. `task` is
    /// what the model is used for.
    pub(super) fn learned(self, data: DataState, task: Task) -> Vec<(String, Task)> {
        if !self.are_several() {
            return Vec::new();
        }
        let own = (self.own_name(&name_of_file(data)), task);
        let kept = self.kept.with(|kept| kept.iter().map(|part| (part.name.clone(), part.task)).collect::<Vec<_>>());
        std::iter::once(own).chain(kept).collect()
    }

    fn own_name(self, own_file: &str) -> String {
        self.own_name.get().unwrap_or_else(|| {
            self.kept
                .with(|kept| default_name(own_file, &kept.iter().map(|part| part.name.as_str()).collect::<Vec<_>>()))
        })
    }

    /// The name of a task that was kept; empty once it is gone.
    pub(crate) fn name_of(self, id: u32) -> String {
        self.kept.with(|kept| kept.iter().find(|part| part.id == id).map(|part| part.name.clone())).unwrap_or_default()
    }

    /// The part of a run that is shown.
    pub(super) fn shown_of(self, parts: &[RunPart]) -> Option<RunPart> {
        let shown = self.shown.get();
        let named = parts.iter().find(|part| shown.as_ref().is_some_and(|shown| *shown == part.name));
        named.or(parts.first()).cloned()
    }
}

impl Store {
    /// The name of the task whose rows the step Data shows.
    pub(crate) fn own_part_name(self) -> String {
        self.parts.own_name(&name_of_file(self.data))
    }

    /// Names the task whose rows the step Data shows.
    pub(crate) fn name_own_part(self, name: String) {
        self.edit(Some("own task"), || self.parts.own_name.set(Some(name)));
        self.note_other_parts();
    }

    /// Names a task that was kept.
    pub(crate) fn name_part(self, id: u32, name: String) {
        let rename = |kept: &mut Vec<KeptPart>| {
            if let Some(part) = kept.iter_mut().find(|part| part.id == id) {
                part.name = name;
            }
        };
        self.edit(Some("kept task"), || self.parts.kept.update(rename));
        self.note_other_parts();
    }

    /// Keeps the rows that were read, with their task, and makes room for those of another.
    pub(crate) fn keep_part(self) {
        let (data, parts) = (self.data, self.parts);
        let Some(report) = data.report.get_untracked() else { return };
        parts.num_kept.update_value(|count| *count += 1);
        let part = KeptPart {
            id: parts.num_kept.get_value(),
            name: untrack(|| self.own_part_name()),
            task: report.task(),
            report,
            files: [data.train, data.valid, data.test].map(|file| file.get_untracked()),
            read: data.read.get_untracked(),
        };
        let note = format!(
            "The rows of \u{201c}{}\u{201d} are kept. Say what to learn beside it, and choose its file.",
            part.name
        );
        self.edit(None, || {
            parts.kept.update(|kept| kept.insert(0, part));
            parts.own_name.set(None);
            data.clear();
        });
        data.note.set(Some(note));
        self.note_other_parts();
        browser::after(0, || browser::focus_element(browser::PAGE_TITLE_ID));
    }

    /// Takes a task that was kept away.
    pub(crate) fn remove_part(self, id: u32) {
        self.edit(None, || self.parts.kept.update(|kept| kept.retain(|part| part.id != id)));
        self.note_other_parts();
        browser::after(0, || browser::focus_element(browser::PAGE_TITLE_ID));
    }

    /// Takes the task away whose rows the step Data shows; the last that was kept takes its place. Where trained weights would
    /// go, for the model is used for another task then, the person is asked first.
    pub(crate) fn remove_own_part(self) {
        let next = self.parts.kept.with_untracked(|kept| kept.first().map(|part| part.task));
        match next {
            None => {}
            Some(task) if task == self.data.task.get_untracked() => self.take_part_back(),
            Some(_) => self.confirm_losing_weights("Remove anyway", move || self.take_part_back()),
        }
    }

    fn take_part_back(self) {
        self.edit(None, || self.put_kept_part_first());
        self.note_other_parts();
        self.load_data();
        browser::after(0, || browser::focus_element(browser::PAGE_TITLE_ID));
    }

    /// Puts the task that was kept last in the place of the one whose rows the step Data shows.
    fn put_kept_part_first(self) {
        let data = self.data;
        let mut taken = None;
        self.parts.kept.update(|kept| {
            if !kept.is_empty() {
                taken = Some(kept.remove(0));
            }
        });
        let Some(KeptPart { name, task, files, read, .. }) = taken else { return };
        self.parts.own_name.set(Some(name));
        if task != data.task.get_untracked() {
            self.use_for(task);
        }
        data.report.set(None);
        data.note.set(None);
        for (slot, file) in [data.train, data.valid, data.test].into_iter().zip(files) {
            slot.set(file);
        }
        data.read.set(read);
    }

    /// Other tasks are learned at once now, or they have other names: forgets figures of those before.
    pub(super) fn note_other_parts(self) {
        self.forget_figures_of_rows();
        self.forget_unknown_figure();
    }

    /// A figure that is not measured any more, or is called otherwise, can't choose the best weights.
    fn forget_unknown_figure(self) {
        let learned = self.learned.get_untracked();
        let is_known = |figure: &str| match learned.as_slice() {
            [] => self.model.task.get_untracked().spec().figure(figure).is_some(),
            parts => figure_choices(parts).iter().any(|(name, _)| name == figure),
        };
        let is_gone = self.draft.with_untracked(|draft| typed(draft, METRIC).is_some_and(|figure| !is_known(figure)));
        if is_gone {
            self.draft.update(|draft| set_typed(draft, METRIC, None));
        }
    }

    /// Why the tasks can't be learned at once; `None` where they can, or there is one.
    pub(crate) fn parts_problem(self) -> Option<String> {
        let can = self.model.info.with(|info| info.as_ref().map(|info| info.tasks.clone()));
        self.learned.with(|learned| problem(learned, can.as_deref()))
    }

    /// The fields of the recipe.
    pub(crate) fn fields(self, task: Task) -> Vec<FieldSpec> {
        self.learned.with(|learned| fields_of(task, learned))
    }

    /// Shows the figures, the answers and the files of another task of the run.
    pub(crate) fn show_part(self, name: String) {
        // The page may be built anew for its task.
        let refocus = browser::focus_keeper();
        self.tried.set(None);
        self.parts.shown.set(Some(name));
        refocus();
    }

    /// The task of the figures, answers and files that are shown.
    pub(crate) fn shown_task(self) -> Task {
        self.shown_part.get().map_or_else(|| self.model.task.get(), |part| part.task)
    }

    /// Whether inputs have a second text: those of the task that is shown, else of the rows.
    pub(crate) fn has_second_text(self) -> bool {
        match self.shown_part.get() {
            Some(part) => part.has_second,
            None => self
                .data
                .report
                .with(|report| report.as_deref().is_some_and(|report| tasks::row_facts(report).has_second)),
        }
    }

    /// The tasks of a run that is started now; none where it has one.
    pub(super) fn parts_to_run(self) -> Vec<RunPart> {
        let reports = self.reports_of_parts();
        let part = |((name, task), report): ((String, Task), Option<Arc<DataReport>>)| {
            let has_second = report.is_some_and(|report| tasks::row_facts(&report).has_second);
            RunPart { name, task, has_second }
        };
        self.learned.get_untracked().into_iter().zip(reports).map(part).collect()
    }

    /// The reports of the tasks, in their order.
    fn reports_of_parts(self) -> Vec<Option<Arc<DataReport>>> {
        let kept = self.parts.kept.with(|kept| kept.iter().map(|part| Some(part.report.clone())).collect::<Vec<_>>());
        std::iter::once(self.data.report.get()).chain(kept).collect()
    }

    /// Rows of the splits of all tasks that are learned at once; `None` where one of them was not read.
    pub(super) fn sizes_of_splits(self) -> Option<[usize; 3]> {
        let reports = self.reports_of_parts().into_iter().collect::<Option<Vec<_>>>()?;
        Some([0, 1, 2].map(|split| reports.iter().map(|report| report.num_encoded[split]).sum::<usize>()))
    }

    /// Names and training rows of the tasks that are learned at once.
    pub(crate) fn sizes_of_parts(self) -> Vec<(String, usize)> {
        let size = |report: Option<Arc<DataReport>>| report.map_or(0, |report| report.num_encoded[0]);
        let names = self.learned.get().into_iter().map(|(name, _)| name);
        names.zip(self.reports_of_parts().into_iter().map(size)).collect()
    }

    /// The files of the tasks, as a run is asked for with them; `None` where the person ends the reading meanwhile. From now
    /// on the page shows how far it is, until [`PartsState::reading`] is cleared.
    ///
    /// # Errors
    /// When the browser can't read one any more.
    pub(super) async fn files_of_parts(self) -> Result<Option<(Vec<PartFiles>, Vec<ArrayBuffer>)>, Problem> {
        let data = self.data;
        data.progress.set((0, 0));
        data.is_cancelled.set_value(false);
        self.parts.reading.set(self.learned.with_untracked(|learned| learned.first().map(|(name, _)| name.clone())));
        let own = [data.train, data.valid, data.test].map(|file| file.get_untracked());
        let kept = self.parts.kept.get_untracked().into_iter().map(|part| (part.files, part.read));
        let files: Vec<_> = std::iter::once((own, data.read.get_untracked())).chain(kept).collect();
        let (mut parts, mut blobs) = (Vec::new(), Vec::new());
        for ((name, task), (picked, read)) in self.learned.get_untracked().into_iter().zip(files) {
            let mut named = [None, None, None];
            for (name, file) in named.iter_mut().zip(picked) {
                let Some(file) = file else { continue };
                *name = Some(NamedBlob { name: file.name.clone(), blob: blobs.len() });
                blobs.push(file.read().await.map_err(unreadable)?);
            }
            let [Some(train), valid, test] = named else {
                return Err(unreadable(format!("the task {name} has no file of rows")));
            };
            parts.push(PartFiles { name, task, train, valid, test, read });
        }
        Ok((!data.is_cancelled.get_value()).then_some((parts, blobs)))
    }

    /// Bytes of the files of the tasks that were kept.
    pub(crate) fn bytes_of_kept_parts(self) -> f64 {
        let files = |part: &KeptPart| part.files.iter().flatten().map(PickedFile::size_bytes).sum::<f64>();
        self.parts.kept.with(|kept| kept.iter().map(files).sum())
    }

    /// Puts the tasks of a kept run where they were when it was started; none where it learns one. `name` is that of the task
    /// whose rows the step Data shows, and `file` gives a file by its name in the message.
    pub(super) fn take_opened_parts(
        self,
        name: Option<String>,
        beside: Vec<OpenedPart>,
        file: impl Fn(NamedBlob) -> Option<PickedFile>,
    ) {
        let parts = self.parts;
        let kept = |part: OpenedPart| {
            let OpenedPart { name, report, train, valid, test, read } = part;
            parts.num_kept.update_value(|count| *count += 1);
            let files = [Some(train), valid, test].map(|named| named.and_then(&file));
            KeptPart {
                id: parts.num_kept.get_value(),
                name,
                task: report.task(),
                report: Arc::new(report),
                files,
                read,
            }
        };
        parts.kept.set(beside.into_iter().map(kept).collect());
        parts.own_name.set(name);
    }

    /// Names of the training, validation and test file that the step Data shows.
    pub(super) fn names_of_own_files(self) -> [Option<String>; 3] {
        let name = |file: &Option<PickedFile>| file.as_ref().map(|file| file.name.clone());
        [self.data.train, self.data.valid, self.data.test].map(|file| file.with_untracked(name))
    }

    /// The tasks as a job file has them; none where there is one.
    pub(super) fn job_parts(self) -> Vec<JobPart> {
        let own = (self.names_of_own_files(), self.data.read.get_untracked());
        let kept = self
            .parts
            .kept
            .get_untracked()
            .into_iter()
            .map(|KeptPart { files, read, .. }| (files.map(|file| file.map(|file| file.name)), read));
        let rows = std::iter::once(own).chain(kept);
        let parts = self.learned.get_untracked().into_iter().zip(rows);
        parts
            .map(|((name, task), ([data_file, valid_file, test_file], read))| JobPart {
                data_file,
                valid_file,
                test_file,
                read,
                ..JobPart::new(name, task)
            })
            .collect()
    }

    /// What is learned beside the task that the step Data shows, and what both are called.
    pub(super) fn beside(self) -> Beside {
        let names = self.learned.get().into_iter().map(|(name, _)| name).collect();
        let identities =
            |files: &[Option<PickedFile>; 3]| files.each_ref().map(|file| file.as_ref().map(PickedFile::identity));
        let parts = self.parts.kept.with(|kept| {
            kept.iter().map(|part| (part.task, part.read.clone(), identities(&part.files))).collect::<Vec<_>>()
        });
        Beside { names, parts }
    }

    /// Names of the training files of all tasks: `a.csv and b.csv`.
    pub(super) fn names_of_files(self) -> String {
        let files = self.reports_of_parts().into_iter().flatten().map(|report| report.file_name.clone());
        files.collect::<Vec<_>>().join(" and ")
    }

    /// Whether the rows can be kept, for another task to be learned beside them.
    pub(crate) fn can_keep_part(self) -> bool {
        let has_model = self.model.info.with(Option::is_some);
        has_model
            && self.data.report.with(|report| report.as_ref().is_some_and(|report| goes_with_others(report.task())))
    }

    /// Leaves the step Data with one task.
    pub(super) fn forget_parts(self) {
        self.parts.kept.set(Vec::new());
        self.parts.own_name.set(None);
        self.forget_unknown_figure();
    }
}

/// The chosen training file's; empty where there is none.
fn name_of_file(data: DataState) -> String {
    data.train.with(|file| file.as_ref().map(|file| file.name.clone())).unwrap_or_default()
}
