//! What the page shows of one task alone: a folder a task, and a line here. All else on the page asks
//! [`Task::spec`](hone_core::task::TaskSpec) or the functions of this file, which are the only dispatch.
//!
//! The folder of a task, named as its room in `hone_core::task`, has
//! - `mod.rs`: `PAGE` ([`TaskPage`]), its words;
//! - `data.rs`: `row_facts` and `data_parts` of a report;
//! - `evaluation.rs`: `evaluation_parts` of what was measured, and for tests `sample_detail`;
//! - `try_it.rs`: the page of the step Try.
//!
//! What of it is plain (choices of columns, what follows from rows that were measured) stands in files of its own, tested
//! natively.

use hone_core::config::PromptFormat;
use hone_core::for_each_task;
use hone_core::task::multi_label::LabelLayout;
use hone_core::task::token_classification::TagLayout;
use hone_core::task::{DataReport, EvaluationDetail, ReportDetail, RowPredictions, Task};
use leptos::prelude::*;

use crate::state::Store;
use crate::state::evaluation::Measured;
use crate::state::report::Wish;
use crate::state::samples::Sample;

mod augmented_texts;
mod calibration;
mod causal_lm;
mod class_figures;
mod class_table;
mod correct_labels;
mod explanation;
mod image_classification;
mod label_answers;
mod masked_lm;
mod model_copies;
mod multi_label;
mod question_answering;
mod regression;
mod report_views;
mod sentence_embedding;
mod seq2seq_lm;
mod sequence_classification;
mod token_classification;
mod writing;
mod writing_figures;
mod wrong_rows;

/// Words and settings of a task. It names no function that draws: the first step reads it too, and would bring all of them
/// (`pages/later.rs`).
pub(crate) struct TaskPage {
    /// What the step Data is for.
    pub lead: &'static str,
    /// The files that can be read.
    pub files: &'static str,
    /// What rows look like that are pasted; empty where none can be.
    pub pasted: &'static str,
    /// What a row has that can be used, to go on after "rows".
    pub usable: &'static str,
    /// A row may be a whole file: how far its reading is, is counted in bytes.
    pub counts_bytes: bool,
    /// Its inputs are images: they come in a zip, a folder or class by class, are shown, and have no tokens.
    pub reads_images: bool,
    /// Columns that a person can name where they could not be guessed: test id, what the column holds, and the wish.
    pub named_columns: &'static [(&'static str, &'static str, Wish)],
    /// What a newcomer can try with one click.
    pub sample: Option<Sample>,
    /// A model of it answers before rows were read.
    pub is_tried_without_rows: bool,
    /// Python that asks a whole model; a prompt is given as that of a string in Python.
    pub python: fn(&str) -> String,
    /// Of an adapter with so many labels: the class of PEFT that loads it, further arguments, and Python that asks it.
    pub adapter_python: fn(usize, &str) -> [String; 3],
}

/// What follows from a report for the other steps.
pub(crate) struct RowFacts {
    /// One row as the model gets it: `row`, `passage`.
    pub part: &'static str,
    /// What of it is counted in tokens, and cut off after the longest input: mostly the same, or `source`.
    pub input: &'static str,
    /// Labels of the rows; 0 where there are none.
    pub num_labels: usize,
    /// An input has a second text.
    pub has_second: bool,
    /// How a bare prompt is given to a model that is trained on the rows; `None` where none is.
    pub prompt_format: Option<PromptFormat>,
}

/// What inputs and rows of a task are called, more of them than one.
pub(crate) fn inputs_noun(task: Task) -> &'static str {
    if of(task).reads_images { "images" } else { "rows" }
}

/// Ways to give images, where a task reads them.
pub(crate) fn give_images(store: Store, task: Task) -> Option<AnyView> {
    of(task).reads_images.then(|| image_classification::class_panel::give_images(store))
}

/// Rows that lack nothing but their label, or labels; 0 where rows of the task have none to give.
pub(crate) fn num_unlabeled(report: &DataReport) -> usize {
    match &report.detail {
        ReportDetail::SequenceClassification(detail) => detail.num_unlabeled,
        ReportDetail::MultiLabel(detail) => detail.num_to_label,
        ReportDetail::ImageClassification(detail) => detail.num_unlabeled,
        _ => 0,
    }
}

/// How the labels of a row stand in its cells, where it has any number of them.
pub(crate) fn label_layout(report: &DataReport) -> Option<LabelLayout> {
    match &report.detail {
        ReportDetail::MultiLabel(detail) => Some(LabelLayout::of(detail)),
        _ => None,
    }
}

/// How the tags of a row stand in its cells, where its words have some.
pub(crate) fn tag_layout(report: &DataReport) -> Option<TagLayout> {
    match &report.detail {
        ReportDetail::TokenClassification(detail) => Some(detail.layout.clone()),
        _ => None,
    }
}

/// Whether rows stand within others in the file, and not one by one.
pub(crate) fn nests_rows(report: &DataReport) -> bool {
    matches!(&report.detail, ReportDetail::QuestionAnswering(detail) if detail.is_nested)
}

/// Labels with the rows that have each, where no column of a table has one label a row: a row has any number of them, or is an image.
pub(crate) fn label_counts(report: &DataReport) -> Option<Vec<(String, usize)>> {
    match &report.detail {
        ReportDetail::MultiLabel(detail) => {
            Some(detail.labels.iter().map(|label| (label.label.clone(), label.count)).collect())
        }
        ReportDetail::ImageClassification(detail) => {
            let has_images = detail.classes.iter().filter(|class| class.count > 0);
            Some(has_images.map(|class| (class.label.clone(), class.count)).collect())
        }
        _ => None,
    }
}

/// Labels that rows have, where a row has one or any number of them: rows of an own validation or test file can have no others.
pub(crate) fn labels_with_rows(report: &DataReport) -> Option<Vec<String>> {
    let counts = match &report.detail {
        ReportDetail::SequenceClassification(detail) => {
            Some(detail.classes.iter().map(|class| (class.label.clone(), class.count)).collect())
        }
        _ => label_counts(report),
    };
    Some(counts?.into_iter().filter(|(_, count)| *count > 0).map(|(label, _)| label).collect())
}

/// What the settings make of the training rows, where that can be shown.
pub(crate) fn below_settings(store: Store, task: Task) -> Option<AnyView> {
    if of(task).reads_images {
        return Some(image_classification::augmentation::preview(store));
    }
    // What is changed by words has copies that a model makes, too.
    task.spec().columns.contains(&model_copies::COPIES).then(|| {
        view! {
            {model_copies::panel(store, task)}
            {augmented_texts::preview(store)}
        }
        .into_any()
    })
}

/// A count of a report: its name, the number, what it counts.
pub(crate) type Count = (&'static str, usize, String);

/// A task's parts of the report on rows.
pub(crate) struct DataParts {
    /// Controls of the columns, beside those of the file.
    pub columns: AnyView,
    /// What stands below these controls.
    pub below_columns: Option<AnyView>,
    pub counts: Vec<Count>,
    /// A chart beside that of the lengths.
    pub beside_lengths: Option<AnyView>,
    /// What stands below the rows that could not be used.
    pub below_bad_rows: Option<AnyView>,
    /// The first rows, as they were understood.
    pub preview: AnyView,
}

/// A task's parts of what was measured.
pub(crate) struct EvaluationParts {
    /// What the figures are of.
    pub caption: String,
    /// Beside the figures.
    pub beside: Option<AnyView>,
    pub below: AnyView,
}

/// What was measured with one set of weights, with the task's own part of it unpacked.
pub(crate) struct Side<'a, Detail, Row> {
    pub measured: &'a Measured,
    pub detail: &'a Detail,
    pub rows: &'a [Row],
}

macro_rules! define_pages {
    ($($(#[$doc:meta])* $room:ident $variant:ident,)*) => {
        /// What the page shows of a task.
        pub(crate) fn of(task: Task) -> &'static TaskPage {
            match task {
                $(Task::$variant => &$room::PAGE,)*
            }
        }

        /// What follows from a report for the other steps.
        pub(crate) fn row_facts(report: &DataReport) -> RowFacts {
            match &report.detail {
                $(ReportDetail::$variant(detail) => $room::data::row_facts(detail),)*
            }
        }

        /// The task's parts of a report.
        pub(crate) fn data_parts(store: Store, report: &DataReport) -> DataParts {
            match &report.detail {
                $(ReportDetail::$variant(detail) => $room::data::data_parts(store, report, detail),)*
            }
        }

        /// The step Try.
        pub(crate) fn try_it(store: Store, task: Task) -> AnyView {
            match task {
                $(Task::$variant => $room::try_it::page(store),)*
            }
        }

        /// The task's parts of what was measured, before and after training; `None` where nothing was.
        pub(crate) fn evaluation_parts<'a>(
            store: Store,
            before: Option<&'a Measured>,
            after: Option<&'a Measured>,
        ) -> Option<EvaluationParts> {
            match after.or(before)?.evaluation.task() {
                $(Task::$variant => {
                    let side = |measured: &'a Measured| match (&measured.evaluation.detail, &measured.rows) {
                        (EvaluationDetail::$variant(detail), RowPredictions::$variant(rows)) => {
                            Some(Side { measured, detail: &**detail, rows: rows.as_slice() })
                        }
                        _ => None,
                    };
                    $room::evaluation::evaluation_parts(store, before.and_then(side), after.and_then(side))
                })*
            }
        }

        #[cfg(test)]
        pub(crate) mod fixtures {
            use hone_core::data::{FileReading, Format, LengthHistogram};
            use hone_core::event::Split;
            use hone_core::metrics::Figure;
            use hone_core::task::{DataReport, Evaluation, EvaluationDetail, ReportDetail, RowPredictions, Task};

            use crate::state::evaluation::Measured;

            /// Figures of a task, without anything else.
            pub(crate) fn evaluation(task: Task, figures: Vec<Figure>) -> Evaluation {
                let detail = match task {
                    $(Task::$variant => {
                        EvaluationDetail::$variant(Box::new(super::$room::evaluation::sample_detail()))
                    })*
                };
                Evaluation { figures, num_rows: 1, detail }
            }

            /// The same as a split that was measured, without rows.
            pub(crate) fn measured(evaluation: Evaluation) -> Measured {
                let rows = match evaluation.task() {
                    $(Task::$variant => RowPredictions::$variant(Vec::new()),)*
                };
                let (writing, general, warnings) = (None, None, Vec::new());
                Measured { split: Split::Test, evaluation, rows, writing, general, warnings }
            }

            /// A report on so many rows of a table, all of them for training; `used` has its columns and their roles.
            pub(crate) fn report(num_rows: usize, used: &[(&str, &str)], detail: ReportDetail) -> DataReport {
                DataReport {
                    file_name: "rows.csv".into(),
                    format: Some(Format::Csv),
                    delimiter: Some(','),
                    has_header: true,
                    columns: used.iter().map(|(column, _)| (*column).into()).collect(),
                    reading: FileReading::default(),
                    used_columns: used.iter().map(|(column, role)| ((*column).into(), (*role).into())).collect(),
                    num_rows,
                    num_usable: num_rows,
                    num_empty: 0,
                    num_duplicates: 0,
                    num_leaks: 0,
                    split_sizes: [num_rows, 0, 0],
                    num_encoded: [num_rows, 0, 0],
                    bad_rows: Vec::new(),
                    num_bad_rows: 0,
                    lengths: LengthHistogram::default(),
                    max_seq_length: 8,
                    num_truncated: 0,
                    notes: Vec::new(),
                    warnings: Vec::new(),
                    advice: Vec::new(),
                    detail,
                }
            }
        }
    };
}

for_each_task!(define_pages);
