//! Choosing the rows and how they are read (`reading` has them read). In: files, columns, samples. Out: the state of the step Data. The
//! files stay with the page, so that they can be read again by another model or another worker.

use std::sync::Arc;

use hone_core::config::{DataShape, Encoding, ReadOptions};
use hone_core::hub::KNOWN_MODELS;
use hone_core::session::protocol::{Command, Problem, ProblemKind};
use hone_core::task::{DataReport, Preset, Task};
use leptos::prelude::*;
use leptos::task::spawn_local;

use super::dropped::pasted_name;
use super::guess::{Guess, LeftTasks};
use super::presets::{LaidPreset, PresetFields, PresetTurn, preset_to_lay};
use super::reading::{Outcome, ReadFor};
use super::report::{self, ColumnRole};
use super::samples::Sample;
use super::{ModelChoice, ModelState, Step, Store};
use crate::browser::{self, FileIdentity, PickedFile};

/// Signals of the step Data.
#[derive(Clone, Copy)]
pub(crate) struct DataState {
    pub train: RwSignal<Option<PickedFile>, LocalStorage>,
    pub valid: RwSignal<Option<PickedFile>, LocalStorage>,
    pub test: RwSignal<Option<PickedFile>, LocalStorage>,
    pub paste: RwSignal<String>,
    pub read: RwSignal<ReadOptions>,
    pub report: RwSignal<Option<Arc<DataReport>>>,
    /// What happened to the rows without being asked for.
    pub note: RwSignal<Option<String>>,
    pub loading: RwSignal<bool>,
    /// Rows that are read (bytes, where a row may be a whole file), and in all; (0, 0) before that is known.
    pub progress: RwSignal<(usize, usize)>,
    /// What the rows are for: what the loaded model is used for; before there is one what the person chose, else what the
    /// model is for that is chosen.
    pub task: Memo<Task>,
    /// The task that the person chose; `None` where nobody did.
    pub wished_task: RwSignal<Option<Task>>,
    /// What the training file seems to be for; `None` where the person chose, or there is no file.
    pub guess: RwSignal<Option<Guess>>,
    /// The preset that was laid for the rows of a new file; what is said of it.
    pub laid: RwSignal<Option<LaidPreset>>,
    /// Whether a preset is laid for the rows of the training file.
    pub(super) preset_turn: StoredValue<PresetTurn>,
    /// What belongs to the tasks that were left.
    pub(super) left: StoredValue<LeftTasks>,
    /// The person ended the reading that goes on.
    pub(super) is_cancelled: StoredValue<bool>,
    /// Readings that were asked for: an answer to one before the last says nothing any more.
    pub(super) num_readings: StoredValue<u32>,
    /// What the report was made with.
    pub(super) used: StoredValue<Option<ReadFor>>,
    /// The task that the rows were last read for, or are to be.
    pub(super) asked_for: StoredValue<Option<Task>>,
}

/// Which of the three files.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Slot {
    /// Rows to train on.
    Train,
    /// The person's own validation rows.
    Valid,
    /// The person's own test rows.
    Test,
}

/// Files, how they are read, and the report on them.
#[derive(Default)]
struct Chosen {
    files: [Option<PickedFile>; 3],
    read: ReadOptions,
    guess: Option<Guess>,
    report: Option<Arc<DataReport>>,
}

impl DataState {
    pub(super) fn new(model: ModelState) -> Self {
        let wished_task: RwSignal<Option<Task>> = RwSignal::new(None);
        let guess: RwSignal<Option<Guess>> = RwSignal::new(None);
        let guessed = move || guess.get().filter(|guess| guess.is_followed).map(|guess| guess.task);
        let task = move || match model.choice.get() {
            _ if model.info.with(Option::is_some) => model.task.get(),
            ModelChoice::Known(index) => {
                let family = KNOWN_MODELS[index].family;
                let fitting = || guessed().filter(|task| task.spec().suits(family));
                wished_task.get().or_else(fitting).unwrap_or_else(|| Task::usual_of(family))
            }
            ModelChoice::Hub | ModelChoice::Local => {
                wished_task.get().or_else(guessed).unwrap_or_else(|| model.task.get())
            }
        };
        Self {
            train: RwSignal::new_local(None),
            valid: RwSignal::new_local(None),
            test: RwSignal::new_local(None),
            paste: RwSignal::new(String::new()),
            read: RwSignal::new(ReadOptions::default()),
            report: RwSignal::new(None),
            note: RwSignal::new(None),
            loading: RwSignal::new(false),
            progress: RwSignal::new((0, 0)),
            task: Memo::new(move |_| task()),
            wished_task,
            guess,
            laid: RwSignal::new(None),
            preset_turn: StoredValue::new(PresetTurn::default()),
            left: StoredValue::new(LeftTasks::default()),
            is_cancelled: StoredValue::new(false),
            num_readings: StoredValue::new(0),
            used: StoredValue::new(None),
            asked_for: StoredValue::new(None),
        }
    }

    fn chosen(self) -> Chosen {
        Chosen {
            files: [self.train, self.valid, self.test].map(|file| file.get_untracked()),
            read: self.read.get_untracked(),
            guess: self.guess.get_untracked(),
            report: self.report.get_untracked(),
        }
    }

    fn set(self, Chosen { files, read, guess, report }: Chosen) {
        for (slot, file) in [self.train, self.valid, self.test].into_iter().zip(files) {
            slot.set(file);
        }
        self.read.set(read);
        self.guess.set(guess);
        self.note.set(None);
        self.report.set(report);
        self.preset_turn.update_value(PresetTurn::end);
    }

    /// Takes all files away.
    pub(super) fn clear(self) {
        self.set(Chosen::default());
        self.laid.set(None);
    }

    /// Another project begins: nobody chose a preset there.
    pub(super) fn forget_chosen_preset(self) {
        self.preset_turn.update_value(PresetTurn::forget_chosen);
    }

    /// What tells the chosen files from others.
    pub(super) fn identities(self) -> [Option<FileIdentity>; 3] {
        [self.train, self.valid, self.test].map(|file| file.with(|file| file.as_ref().map(PickedFile::identity)))
    }

    fn slot(self, slot: Slot) -> RwSignal<Option<PickedFile>, LocalStorage> {
        match slot {
            Slot::Train => self.train,
            Slot::Valid => self.valid,
            Slot::Test => self.test,
        }
    }
}

impl Store {
    /// Takes a file, or takes it away, and reads the rows.
    pub(crate) fn choose_data(self, slot: Slot, file: Option<PickedFile>) {
        self.take_data(vec![(slot, file)], None);
    }

    /// Takes files, or takes them away, with what there is to say about it; and reads the rows. What was read before comes
    /// back if the person ends that.
    pub(super) fn take_data(self, chosen: Vec<(Slot, Option<PickedFile>)>, note: Option<String>) {
        let data = self.data;
        let before = data.chosen();
        self.edit(None, || {
            if chosen.iter().any(|(slot, _)| *slot == Slot::Train) {
                // Another file has its own columns.
                data.read.set(ReadOptions::default());
                data.preset_turn.update_value(PresetTurn::take_file);
            }
            for (slot, file) in chosen {
                data.slot(slot).set(file);
                data.read.update(|read| read.edits.forget_file(slot.split()));
            }
        });
        data.report.set(None);
        data.note.set(note);
        spawn_local(async move {
            match self.load_data_now().await {
                Outcome::Cancelled => data.set(before),
                Outcome::Unread => self.forget_figures_of_rows(),
                Outcome::Read | Outcome::Superseded => {}
            }
        });
    }

    /// Lays the preset for as many rows as a new file has, where nobody decided otherwise. It is a part of the step that took the file.
    pub(super) fn lay_preset(self, report: &DataReport) {
        let (data, task) = (self.data, report.task());
        if !data.preset_turn.get_value().is_open()
            || task != self.model.task.get_untracked()
            || untrack(|| self.parts.are_several())
        {
            return;
        }
        let Some(num_rows) = report::num_to_train(report) else { return };
        data.preset_turn.update_value(PresetTurn::end);
        let preset = self.draft.with_untracked(|draft| preset_to_lay(draft, task, num_rows));
        match preset {
            Some(preset) => {
                self.draft.update(|draft| preset.apply_to(draft));
                data.laid.set(Some(LaidPreset { id: preset.id, num_rows }));
            }
            // The one that was laid for the file before suits this one, too.
            None => data.laid.update(|laid| laid.iter_mut().for_each(|laid| laid.num_rows = num_rows)),
        }
    }

    /// Takes a preset that a person chose.
    pub(crate) fn choose_preset(self, preset: &Preset) {
        self.data.preset_turn.update_value(PresetTurn::choose);
        self.edit_recipe(None, |draft| preset.apply_to(draft));
    }

    /// Forgets figures of rows that are gone. Those of a finished run are of its own rows, and the page says of which.
    pub(super) fn forget_figures_of_rows(self) {
        if !self.run.with_untracked(|run| run.is_finished()) {
            self.forget_figures();
        }
    }

    /// Takes pasted text as the training file.
    pub(crate) fn use_pasted_data(self) {
        let text = self.data.paste.get_untracked();
        if let Some(file) = PickedFile::from_text(pasted_name(&text).unwrap_or("pasted.csv"), &text) {
            self.choose_data(Slot::Train, Some(file));
        }
    }

    /// Ends the reading that goes on.
    pub(crate) fn cancel_reading(self) {
        self.data.is_cancelled.set_value(true);
        self.client().send(Command::CancelReading, Vec::new(), |_| {});
    }

    /// Reads the bytes of the file in another encoding, `None` in the one that is guessed.
    pub(crate) fn choose_encoding(self, encoding: Option<Encoding>) {
        self.reread_data(|read| {
            report::forget_columns(read); // their names may be written otherwise
            read.encoding = encoding;
        });
    }

    /// Takes another line for the one that names the columns, `None` the one that is found.
    pub(crate) fn choose_header_row(self, row: Option<usize>) {
        self.reread_data(|read| {
            report::forget_columns(read);
            (read.header_row, read.has_header) = (row, None);
        });
    }

    /// Reads labels as the first of them, which they are other spellings of.
    pub(crate) fn merge_labels(self, labels: &[String]) {
        let Some((kept, others)) = labels.split_first() else { return };
        self.reread_data(|read| {
            // What was read as one of the others goes along.
            for target in read.merge_labels.values_mut().filter(|target| others.contains(target)) {
                target.clone_from(kept);
            }
            read.merge_labels.remove(kept);
            read.merge_labels.extend(others.iter().map(|other| (other.clone(), kept.clone())));
        });
    }

    /// Takes another column for a role; if it was another's, the two change places. Where rows have shapes they are taken
    /// for those of `shape` from now on.
    pub(crate) fn choose_column(self, roles: &[ColumnRole], role: &str, chosen: &str, shape: Option<DataShape>) {
        let Some(report) = self.data.report.get_untracked() else { return };
        self.reread_data(|read| {
            report::choose_column(read, &report, roles, role, chosen);
            read.shape = shape;
        });
    }

    /// Fetches a sample, and loads its model and its rows in one go.
    pub(crate) fn try_sample(self, sample: &'static Sample) {
        if self.loading_sample.get_untracked() {
            return;
        }
        self.loading_sample.set(true);
        spawn_local(async move {
            match browser::fetch_own_file(&format!("samples/{}", sample.file), sample.file).await {
                Ok(file) => self.try_sample_with(sample, file).await,
                Err(message) => {
                    let hint = "Check that the page is still being served.".into();
                    self.report(Step::Model, Problem { kind: ProblemKind::Network, message, hint });
                }
            }
            self.loading_sample.set(false);
        });
    }

    async fn try_sample_with(self, sample: &Sample, file: PickedFile) {
        let data = self.data;
        self.edit(None, || {
            data.set(Chosen { files: [Some(file), None, None], ..Chosen::default() });
            data.wished_task.set(None); // its model says what it is for
            self.forget_parts();
        });
        // A model that is not used for such rows makes way for the sample's.
        let has_model =
            self.model.info.with_untracked(Option::is_some) && self.model.task.get_untracked() == sample.task;
        if !has_model {
            self.choose_model(ModelChoice::Known(sample.model_index()));
        }
        if has_model || self.load_model_now().await {
            let name = self.model.loaded_name().unwrap_or_default();
            self.draft.update(|draft| sample.apply_to(draft, &name));
            self.forget_figures();
            self.load_data_now().await;
            let arrived = data.report.with_untracked(Option::is_some);
            self.go_to(if arrived { Step::Recipe } else { Step::Data });
        }
    }
}
