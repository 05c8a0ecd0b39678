//! Choosing and reading the rows. In: files, and how to read them. Out: the worker's report. The files stay with the
//! page, so that they can be read again by another model or another worker.

use std::sync::Arc;

use hone_core::config::{DataShape, ReadOptions, RunConfig, Task};
use hone_core::hub::KNOWN_MODELS;
use hone_core::session::protocol::{Command, ModelInfo, NamedBlob, Problem, Reply};
use leptos::prelude::*;
use leptos::task::spawn_local;

use super::report::{self, Report};
use super::{ModelChoice, Step, Store, unexpected, unreadable};
use crate::browser::{self, PickedFile};

/// Milliseconds of quiet in the recipe before the rows are measured again.
const REREAD_DELAY_MS: u32 = 600;

/// Signals of the step Data.
#[derive(Clone, Copy)]
pub(crate) struct DataState {
    pub train: RwSignal<Option<PickedFile>, LocalStorage>,
    pub valid: RwSignal<Option<PickedFile>, LocalStorage>,
    pub test: RwSignal<Option<PickedFile>, LocalStorage>,
    pub paste: RwSignal<String>,
    pub read: RwSignal<ReadOptions>,
    pub report: RwSignal<Option<Arc<Report>>>,
    /// What happened to the rows without being asked for.
    pub note: RwSignal<Option<String>>,
    pub loading: RwSignal<bool>,
    /// What the report was made with.
    used: StoredValue<Option<ReadFor>>,
}

/// The settings that a report depends on.
#[derive(Debug, Clone, Copy, PartialEq)]
struct ReadFor {
    max_seq_length: u32,
    seed: u64,
    valid_fraction: f64,
    test_fraction: f64,
}

impl ReadFor {
    fn of(run: &RunConfig) -> Self {
        let (valid_fraction, test_fraction) = (run.split.valid_fraction, run.split.test_fraction);
        Self { max_seq_length: run.max_seq_length, seed: run.seed, valid_fraction, test_fraction }
    }
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

impl DataState {
    pub(super) fn new() -> Self {
        Self {
            train: RwSignal::new_local(None),
            valid: RwSignal::new_local(None),
            test: RwSignal::new_local(None),
            paste: RwSignal::new(String::new()),
            read: RwSignal::new(ReadOptions::default()),
            report: RwSignal::new(None),
            note: RwSignal::new(None),
            loading: RwSignal::new(false),
            used: StoredValue::new(None),
        }
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
    /// Takes a file, or takes it away, and reads the rows if there is a model.
    pub(crate) fn choose_data(self, slot: Slot, file: Option<PickedFile>) {
        if slot == Slot::Train {
            // Another file has its own columns.
            self.data.read.set(ReadOptions::default());
        }
        self.data.slot(slot).set(file);
        self.data.report.set(None);
        self.data.note.set(None);
        self.forget_figures();
        self.load_data();
    }

    /// Takes pasted text as the training file.
    pub(crate) fn use_pasted_data(self) {
        let text = self.data.paste.get_untracked();
        let name = match text.trim_start().chars().next() {
            Some('{') => "pasted.jsonl",
            Some('[') => "pasted.json",
            _ => "pasted.csv",
        };
        if let Some(file) = PickedFile::from_text(name, &text) {
            self.choose_data(Slot::Train, Some(file));
        }
    }

    /// Reads the chosen files.
    pub(crate) fn load_data(self) {
        spawn_local(self.load_data_now());
    }

    /// Reads the same files in another way; when that can't be done, the reading before stands.
    pub(crate) fn reread_data(self, change: impl FnOnce(&mut ReadOptions)) {
        let mut read = self.data.read.get_untracked();
        change(&mut read);
        self.reread_data_as(read);
    }

    fn reread_data_as(self, wanted: ReadOptions) {
        let data = self.data;
        let (read, report) = (data.read.get_untracked(), data.report.get_untracked());
        data.read.set(wanted);
        spawn_local(async move {
            let Some(report) = report else { return self.load_data_now().await };
            let command = Command::RereadData { read: data.read.get_untracked(), run: self.run_to_read_for() };
            self.ask_for_report(command, Vec::new()).await;
            let is_kept = |store: Self| {
                store.data.report.with_untracked(Option::is_none) && store.model.info.with_untracked(Option::is_some)
            };
            if is_kept(self) {
                data.read.set(read);
                // In a later task, so that the controls are built anew and show what holds.
                browser::after(0, move || {
                    if is_kept(self) {
                        data.report.set(Some(report));
                    }
                });
            }
        });
    }

    /// Takes another column for the text or for the labels; if it was the other one's, the two change places.
    pub(crate) fn choose_column(self, is_text: bool, chosen: String) {
        let report = self.data.report.get_untracked();
        let Some(Report::Classes(report)) = report.as_deref() else { return };
        let (text, label) = (report.text_column.clone(), report.label_column.clone());
        let (text, label) = match is_text {
            true if chosen == label => (chosen, text),
            true => (chosen, label),
            false if chosen == text => (label, chosen),
            false => (text, chosen),
        };
        self.reread_data(|read| (read.text_column, read.label_column) = (Some(text), Some(label)));
    }

    /// Takes another column for a part of a language model's examples.
    pub(crate) fn choose_part(self, role: &str, chosen: &str) {
        if let Some(Report::Texts(report)) = self.data.report.get_untracked().as_deref() {
            self.reread_data(|read| report::choose_column(read, report, role, chosen));
        }
    }

    /// Takes a language model's examples for something else.
    pub(crate) fn choose_shape(self, shape: DataShape) {
        if let Some(Report::Texts(report)) = self.data.report.get_untracked().as_deref() {
            self.reread_data(|read| report::choose_shape(read, report, shape));
        }
    }

    pub(super) async fn load_data_now(self) {
        let Some(train) = self.data.train.get_untracked() else { return };
        if self.model.info.with_untracked(Option::is_none) {
            return;
        }
        let mut blobs = Vec::new();
        let mut named = [None, None, None];
        let picked = [Some(train), self.data.valid.get_untracked(), self.data.test.get_untracked()];
        for (name, file) in named.iter_mut().zip(picked) {
            let Some(file) = file else { continue };
            *name = Some(NamedBlob { name: file.name.clone(), blob: blobs.len() });
            match file.read().await {
                Ok(buffer) => blobs.push(buffer),
                Err(error) => return self.report(Step::Data, unreadable(error)),
            }
        }
        let [Some(train), valid, test] = named else { return };
        let (read, run) = (self.data.read.get_untracked(), self.run_to_read_for());
        self.ask_for_report(Command::LoadData { train, valid, test, read, run }, blobs).await;
    }

    async fn ask_for_report(self, command: Command, blobs: Vec<js_sys::ArrayBuffer>) {
        let data = self.data;
        self.dismiss(Step::Data);
        data.loading.set(true);
        data.used.set_value(Some(ReadFor::of(&self.run_to_read_for())));
        let outcome = match self.request(command, blobs).await {
            Ok((Reply::Data { report }, _)) => Ok(Report::Classes(report)),
            Ok((Reply::Texts { report }, _)) => Ok(Report::Texts(report)),
            Ok((other, _)) => Err(unexpected(&other)),
            Err(problem) => Err(problem),
        };
        data.loading.set(false);
        // An answer may come after another model was asked for: its rows are not that model's.
        let fits = |report: &Report| {
            self.model.info.with_untracked(|info| info.as_ref().is_some_and(|info| info.task == report.task()))
        };
        // Figures of a finished run are of its own rows; others were of the rows before.
        if outcome.is_ok() && !self.run.with_untracked(|run| run.is_finished()) {
            self.forget_figures();
        }
        match outcome {
            Ok(report) => data.report.set(Some(report).filter(fits).map(Arc::new)),
            Err(problem) => {
                data.report.set(None);
                self.report(Step::Data, problem);
            }
        }
    }

    /// Fetches the sample, and loads the default model and the sample in one go.
    pub(crate) fn try_sample(self) {
        if self.loading_sample.get_untracked() {
            return;
        }
        self.loading_sample.set(true);
        spawn_local(async move {
            match browser::fetch_own_file("samples/support-desk.csv", "support-desk.csv").await {
                Ok(file) => self.try_sample_with(file).await,
                Err(message) => {
                    let hint = "Check that the page is still being served.".into();
                    let kind = hone_core::session::protocol::ProblemKind::Network;
                    self.report(Step::Model, Problem { kind, message, hint });
                }
            }
            self.loading_sample.set(false);
        });
    }

    async fn try_sample_with(self, file: PickedFile) {
        let data = self.data;
        data.read.set(ReadOptions::default());
        data.train.set(Some(file));
        data.valid.set(None);
        data.test.set(None);
        data.report.set(None);
        data.note.set(None);
        let labels = Task::SequenceClassification;
        let is_loaded = |info: &Option<Arc<ModelInfo>>| info.as_ref().is_some_and(|info| info.task == labels);
        let has_model = self.model.info.with_untracked(is_loaded);
        // The sample has labels: a model that writes texts makes way.
        let writes_texts = match self.model.choice.get_untracked() {
            ModelChoice::Known(index) => KNOWN_MODELS[index].task != labels,
            ModelChoice::Hub | ModelChoice::Local => self.model.info.with_untracked(Option::is_some) && !has_model,
        };
        if !has_model && writes_texts {
            self.model.choice.set(ModelChoice::Known(0));
        }
        if has_model || self.load_model_now().await {
            self.draft.update(|draft| super::presets::FEW_ROWS.apply_to(draft));
            self.forget_figures();
            self.load_data_now().await;
            let arrived = data.report.with_untracked(Option::is_some);
            self.go_to(if arrived { Step::Recipe } else { Step::Data });
        }
    }

    /// The recipe where it is right, else the base: a typing error must not keep a file from being read.
    fn run_to_read_for(self) -> RunConfig {
        self.resolved.get_untracked().unwrap_or_else(|_| self.base.get_untracked())
    }

    /// Lengths, truncation and splits follow the recipe: measure them again when it changes them.
    pub(super) fn reread_when_the_recipe_asks_for_it(self) {
        let wanted = Memo::new(move |_| self.resolved.with(|run| run.as_ref().ok().map(ReadFor::of)));
        Effect::new(move |_| {
            let Some(wanted_now) = wanted.get() else { return };
            if self.data.report.with(Option::is_none) || self.data.used.get_value() == Some(wanted_now) {
                return;
            }
            browser::after(REREAD_DELAY_MS, move || {
                let is_current = wanted.try_get_untracked() == Some(Some(wanted_now));
                let is_idle = !self.data.loading.get_untracked() && !self.run.with_untracked(|run| run.is_active());
                let is_unread = self.data.used.get_value() != Some(wanted_now);
                if is_current && is_idle && is_unread && self.data.report.with_untracked(Option::is_some) {
                    self.reread_data(|_| {});
                }
            });
        });
    }
}
