//! Many inputs at once: a whole file that is labeled or written for, rows that were measured taken apart, texts asked about with words
//! swapped. In: a file, columns, words. Out: what the worker found; a file of answers is saved by the browser.

use std::collections::{BTreeMap, HashSet};
use std::sync::Arc;

use hone_core::config::{ConfigProblem, ReadOptions};
use hone_core::event::Split;
use hone_core::report::Examined;
use hone_core::session::protocol::{Command, NamedBlob, Problem, Reply, WriteAs};
use hone_core::task::{AnswerSummary, MeasuredRows, SliceBy, Slicing, SwapReport, TaskInput, texts_to_swap};
use js_sys::ArrayBuffer;
use leptos::prelude::*;
use leptos::task::spawn_local;

use super::evaluation::Measured;
use super::several::measured_part;
use super::{Step, Store, unexpected, unreadable};
use crate::browser::{self, PickedFile};
use crate::tasks;

/// What many inputs are asked about for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Going {
    /// A file is labeled, or a text is written for each of its rows.
    Labeling,
    /// Words are swapped.
    Swapping,
}

/// A file of inputs, as it is going to be read.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct LookedAt {
    pub columns: Vec<String>,
    /// The columns that are read, each with its role.
    pub used: Vec<(String, String)>,
    pub num_inputs: usize,
    pub notes: Vec<String>,
}

/// A file whose inputs were answered.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct LabeledFile {
    /// Name of the file of answers.
    pub name: String,
    pub summary: AnswerSummary,
    pub notes: Vec<String>,
}

/// Rows that were taken apart.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Sliced {
    /// Columns by which they can be.
    pub columns: Vec<String>,
    pub slicing: Slicing,
}

/// A slice whose wrong rows are looked at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ChosenSlice {
    /// What its rows have in common.
    pub name: String,
    /// Their places among the rows that were measured.
    pub rows: Arc<HashSet<usize>>,
}

/// Signals of many inputs.
#[derive(Clone, Copy)]
pub(crate) struct BatchState {
    /// What goes on.
    pub going: RwSignal<Option<Going>>,
    /// The files that were chosen: one of rows, or images.
    pub files: RwSignal<Vec<PickedFile>, LocalStorage>,
    /// How the file is read, as far as the person chose.
    pub read: RwSignal<ReadOptions>,
    pub looked: RwSignal<Option<Arc<LookedAt>>>,
    pub labeled: RwSignal<Option<Arc<LabeledFile>>>,
    /// The bytes of the file of answers, to be saved again.
    bytes: StoredValue<Vec<ArrayBuffer>, LocalStorage>,
    /// The slice that the list of wrong rows is of.
    pub slice: RwSignal<Option<ChosenSlice>>,
}

impl BatchState {
    pub(super) fn new() -> Self {
        Self {
            going: RwSignal::new(None),
            files: RwSignal::new_local(Vec::new()),
            read: RwSignal::new(ReadOptions::default()),
            looked: RwSignal::new(None),
            labeled: RwSignal::new(None),
            bytes: StoredValue::new_local(Vec::new()),
            slice: RwSignal::new(None),
        }
    }
}

/// The option that names the column of a role; `None` where it can't be chosen.
fn column_of_role<'a>(read: &'a mut ReadOptions, role: &str) -> Option<&'a mut Option<String>> {
    match role {
        "text" | "source" => Some(&mut read.text_column),
        "prompt" => Some(&mut read.prompt_column),
        "second text" => Some(&mut read.text_pair_column),
        "question" => Some(&mut read.question_column),
        "context" => Some(&mut read.context_column),
        _ => None,
    }
}

/// Names of files with places for their bytes.
fn named(files: &[PickedFile]) -> Vec<NamedBlob> {
    files.iter().enumerate().map(|(blob, file)| NamedBlob { name: file.name.clone(), blob }).collect()
}

async fn read_all(files: &[PickedFile]) -> Result<Vec<ArrayBuffer>, Problem> {
    let mut blobs = Vec::with_capacity(files.len());
    for file in files {
        blobs.push(file.read().await.map_err(unreadable)?);
    }
    Ok(blobs)
}

impl Store {
    /// Takes a file whose inputs are to be answered, or images.
    pub(crate) fn choose_batch(self, files: Vec<PickedFile>) {
        let batch = self.batch;
        batch.labeled.set(None);
        batch.bytes.set_value(Vec::new());
        batch.looked.set(None);
        batch.read.set(ReadOptions::default());
        let has_images = tasks::of(untrack(|| self.shown_task())).reads_images;
        let taken = if has_images { files } else { files.into_iter().take(1).collect() };
        batch.files.set(taken);
        if !has_images {
            self.look_at_batch();
        }
    }

    /// Chooses the column of a role, and looks at the file again.
    pub(crate) fn choose_batch_column(self, role: &str, column: String) {
        self.batch.read.update(|read| {
            if let Some(own) = column_of_role(read, role) {
                *own = Some(column);
            }
        });
        self.batch.labeled.set(None);
        self.look_at_batch();
    }

    fn look_at_batch(self) {
        let batch = self.batch;
        let Some(file) = batch.files.with_untracked(|files| files.first().cloned()) else { return };
        self.dismiss(Step::Try);
        let (read, part) = (batch.read.get_untracked(), self.shown_part.get_untracked().map(|part| part.name));
        spawn_local(async move {
            let asked = file.identity();
            let blobs = match read_all(std::slice::from_ref(&file)).await {
                Ok(blobs) => blobs,
                Err(problem) => return self.report(Step::Try, problem),
            };
            let named = NamedBlob { name: file.name.clone(), blob: 0 };
            let answer = self.request(Command::LookAtInputs { file: named, read, part }, blobs).await;
            let is_current =
                batch.files.with_untracked(|files| files.first().is_some_and(|file| file.identity() == asked));
            match answer {
                _ if !is_current => {}
                Ok((Reply::Inputs { columns, used, num_inputs, notes }, _)) => {
                    batch.looked.set(Some(Arc::new(LookedAt { columns, used, num_inputs, notes })));
                }
                Ok((other, _)) => self.report(Step::Try, unexpected(&other)),
                Err(problem) => {
                    batch.looked.set(None);
                    self.report(Step::Try, problem);
                }
            }
        });
    }

    /// How texts are written for a file, as for a prompt that is typed; `None` of a model that does not write.
    ///
    /// # Errors
    /// The settings that can't be used; the page says so beside them.
    pub(crate) fn write_as(self) -> Result<Option<WriteAs>, Vec<ConfigProblem>> {
        if !self.shown_task().spec().writes() {
            return Ok(None);
        }
        let (sampling, _) = self.sampling_now()?;
        Ok(Some(WriteAs { format: self.format_to_try(), sampling }))
    }

    /// Answers all inputs of the chosen file, and saves the file of answers.
    pub(crate) fn label_batch(self) {
        let batch = self.batch;
        let files = batch.files.get_untracked();
        if files.is_empty() || untrack(|| self.activity()).is_some() {
            return;
        }
        let Ok(write_as) = untrack(|| self.write_as()) else { return };
        self.dismiss(Step::Try);
        batch.labeled.set(None);
        self.measuring_progress.set((0, 0));
        batch.going.set(Some(Going::Labeling));
        let (read, part) = (batch.read.get_untracked(), self.shown_part.get_untracked().map(|part| part.name));
        let thresholds: BTreeMap<String, f64> = self.chosen_thresholds();
        spawn_local(async move {
            let answer = match read_all(&files).await {
                Ok(blobs) => {
                    let files = named(&files);
                    self.request(Command::LabelFile { files, read, part, thresholds, write_as }, blobs).await
                }
                Err(problem) => Err(problem),
            };
            batch.going.set(None);
            match answer {
                Ok((Reply::Labeled { name, summary, notes }, blobs)) => {
                    batch.bytes.set_value(blobs);
                    batch.labeled.set(Some(Arc::new(LabeledFile { name, summary, notes })));
                    self.save_batch();
                }
                Ok((Reply::Done, _)) => {} // it was ended
                Ok((other, _)) => self.report(Step::Try, unexpected(&other)),
                Err(problem) => self.report(Step::Try, problem),
            }
        });
    }

    /// Saves the file of answers, once more.
    pub(crate) fn save_batch(self) {
        let Some(labeled) = self.batch.labeled.get_untracked() else { return };
        self.batch.bytes.with_value(|bytes| {
            self.save_parts(Step::Try, &labeled.name, bytes, "application/octet-stream");
        });
    }

    /// Ends the answering of many inputs.
    pub(crate) fn cancel_batch(self) {
        self.client().send(Command::CancelReading, Vec::new(), |_| {});
    }

    /// What was measured last, of the task whose figures are shown.
    pub(crate) fn shown_measured(self) -> Option<Measured> {
        let measured = self.measured_tuned.get_untracked().or(self.measured_base.get_untracked())?;
        match self.measured_part.get_untracked() {
            Some(part) => measured_part(&measured, &part.name),
            None => Some(measured.as_ref().clone()),
        }
    }

    /// Takes the measured rows apart by length, by every column with few values, and by these words.
    pub(crate) fn slice_rows(self, words: Vec<String>, found: RwSignal<Option<Arc<Sliced>>>) {
        let Some(measured) = self.shown_measured() else { return };
        let (split, part) = (measured.split, self.measured_part.get_untracked().map(|part| part.name));
        let Some(rows) = MeasuredRows::of(&measured.rows) else { return };
        self.dismiss(Step::Evaluate);
        self.batch.slice.set(None);
        spawn_local(async move {
            let ask = |by: Vec<SliceBy>| {
                let command = Command::Slice { split, measured: rows.clone(), by, part: part.clone() };
                self.request(command, Vec::new())
            };
            let problem = match ask(Vec::new()).await {
                Ok((Reply::Sliced { columns, .. }, _)) => {
                    let by_column = columns.iter().cloned().map(SliceBy::Column);
                    let words = words.into_iter().map(SliceBy::Contains);
                    match ask([SliceBy::Length].into_iter().chain(by_column).chain(words).collect()).await {
                        Ok((Reply::Sliced { slicing: Some(slicing), .. }, _)) => {
                            self.note_slices(split, &slicing);
                            // The panel may be gone.
                            let _ = found.try_set(Some(Arc::new(Sliced { columns, slicing: *slicing })));
                            return;
                        }
                        Ok((other, _)) => unexpected(&other),
                        Err(problem) => problem,
                    }
                }
                Ok((other, _)) => unexpected(&other),
                Err(problem) => problem,
            };
            self.report(Step::Evaluate, problem);
        });
    }

    /// Asks about the measured texts again with words swapped.
    pub(crate) fn swap_words(self, pairs: Vec<String>, found: RwSignal<Option<Arc<SwapReport>>>) {
        let inputs: Vec<TaskInput> =
            self.shown_measured().map(|measured| texts_to_swap(&measured.rows)).unwrap_or_default();
        if inputs.is_empty() || untrack(|| self.activity()).is_some() {
            return;
        }
        self.dismiss(Step::Evaluate);
        self.measuring_progress.set((0, 0));
        self.batch.going.set(Some(Going::Swapping));
        let part = self.measured_part.get_untracked().map(|part| part.name);
        let asked = pairs.clone();
        self.client().send(Command::SwapWords { inputs, pairs, part }, Vec::new(), move |answer| {
            self.batch.going.set(None);
            match answer {
                Ok((Reply::Swapped { report }, _)) => {
                    let part = self.name_of_measured_part();
                    self.note_for_report(Examined::Swaps { part, pairs: asked, report: report.clone() });
                    let _ = found.try_set(Some(Arc::new(report)));
                }
                Ok((Reply::Done, _)) => {} // it was ended
                Ok((other, _)) => self.report(Step::Evaluate, unexpected(&other)),
                Err(problem) => self.report(Step::Evaluate, problem),
            }
        });
    }

    /// Keeps slices for the report on the run.
    fn note_slices(self, split: Split, slicing: &Slicing) {
        let (part, report, notes) = (self.name_of_measured_part(), slicing.report.clone(), slicing.notes.clone());
        self.note_for_report(Examined::Slices { part, split: Some(split), report, notes });
    }

    /// Of several tasks the one whose figures are shown; empty where there is one.
    fn name_of_measured_part(self) -> String {
        self.measured_part.get_untracked().map(|part| part.name).unwrap_or_default()
    }

    /// Shows the wrong rows of a slice alone, or (`None`) all of them.
    pub(crate) fn choose_slice(self, slice: Option<ChosenSlice>) {
        self.batch.slice.set(slice);
        browser::after(0, || browser::focus_element("wrong-rows-title"));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_chosen_by_what_they_are_read_for() {
        let mut read = ReadOptions::default();
        for role in ["text", "second text", "question", "context", "prompt"] {
            *column_of_role(&mut read, role).expect("it can be chosen") = Some(role.to_owned());
        }
        assert_eq!((read.text_column.as_deref(), read.context_column.as_deref()), (Some("text"), Some("context")));
        assert_eq!(read.prompt_column.as_deref(), Some("prompt"));
        assert_eq!(column_of_role(&mut read, "source"), Some(&mut Some("text".to_owned())), "of text to text");
        assert!(column_of_role(&mut read, "anchor").is_none());
    }
}
