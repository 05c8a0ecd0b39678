//! One room a task. A room says what a row is, how it is read from a table, tokenised and made a batch, how outputs are
//! measured, what a prediction looks like, and what the card says. All of it is plain Rust: the tensors behind a
//! [`HostBatch`](crate::data::HostBatch) know heads and targets, no tasks.
//!
//! A room has: `SPEC` ([`TaskSpec`]), `read`, `predictor`, `recognise` and `card` (functions of the types and traits in
//! `room.rs`), and the plain types `ReportDetail`, `EvaluationDetail`, `RowPrediction` and `Prediction`, which travel to the
//! page. The table of tasks is `table.rs`; this file turns it into the enums that carry any task's types, and is the only
//! dispatch. `guess` asks all rooms which of them a file is for.

use serde::{Deserialize, Serialize};

use crate::for_each_task;

mod answer_file;
mod answers;
mod augmented;
mod baseline;
mod by_hand;
mod card_text;
mod class_answers;
mod class_cells;
mod class_labels;
mod class_sums;
mod encoding;
mod error;
mod evaluation;
mod explanation;
mod few_shot;
mod findings;
mod guess;
mod in_reports;
mod inputs;
mod label_errors;
mod labeled_texts;
mod model;
mod model_copies;
mod nearest;
mod outputs;
mod plain_texts;
mod prepared_texts;
mod prompt_row;
mod quick_baseline;
mod recipes;
mod report;
mod report_parts;
mod room;
mod row_predictor;
mod run_comparison;
mod slicing;
mod spec;
mod swaps;
mod table;
mod targets;
mod texts;
mod thresholds;
mod token_measure;
mod unlabeled;
mod vector_rows;
mod written;

pub mod causal_lm;
pub mod image_classification;
pub mod masked_lm;
pub mod multi_label;
pub mod question_answering;
pub mod regression;
pub mod sentence_embedding;
pub mod seq2seq_lm;
pub mod sequence_classification;
pub mod several;
pub mod token_classification;

pub use crate::config::{TEMPERATURE, UNSURE_BELOW};
pub use answer_file::{
    AnswerFile, AnswerSummary, UNSURE, answer_file, answer_lines, answer_objects, image_answers, summarize_answers,
};
pub use answers::{AnswerForm, Answers, ChooseInputs, InputFile, Inputs, ParseInputs};
pub use augmented::{AddedRows, AugmentationPreview, PreviewedRow, preview_augmentation, preview_of};
pub use baseline::TaskBaseline;
pub use card_text::{CardRequest, CardText};
pub use encoding::EncodedSplits;
pub use error::TaskError;
pub use evaluation::Evaluation;
pub use explanation::{Explanation, NearRow, NearestRows, TextPart, text_parts};
pub use few_shot::{FewShot, FewShotReport, FewShotRows};
pub use findings::{FindingSearch, finding_of_warning, findings_of_report};
pub use guess::{GUESS_BYTES, explain_no_guess, guess, guess_as_read, guess_for_model, guess_for_model_as_read};
pub use in_reports::{WorstRow, worst_rows};
pub use inputs::{InputTable, NumberedInput, read_inputs};
pub use label_errors::{
    LabelError, LabelErrorRows, LabelErrorSearch, LabelErrorVectors, LabelErrors, OutOfFold, label_errors_of,
    label_errors_of_run,
};
pub use model::{Reads, RenderTurns, TaskModel};
pub use model_copies::{CopyQuestions, ModelCopies, Translated, copies_of_rows};
pub use nearest::{NearText, NearestTexts, rank_by_similarity};
pub use prompt_row::PromptRow;
pub use quick_baseline::{QuickBaseline, QuickFigures, QuickMeasure, QuickMethod, QuickRows, QuickVectors};
pub use recipes::{Preset, Recipe, Recommended, TypedSetting};
pub use report::DataReport;
pub use report_parts::{data_report, name_cut_rows, warn_of_cut_rows, warn_of_long_texts};
pub use room::{Measure, PredictRequest, Predictor, Purpose, ReadRequest, RowPlaces, TaskData, TaskInput, TaskRows};
pub use run_comparison::{
    ComparedFigure, ComparedRow, DifferingRow, MeasuredRun, RowScheme, RunComparison, compare_pairs, compare_runs,
};
pub use slicing::{
    ColumnsOfRows, MAX_SLICE_VALUES, MeasuredRow, MeasuredRows, SliceBy, Slicing, can_slice, slice_rows,
};
pub use spec::{FigureSpec, HeadKind, LOSS, TaskSpec, Unit, WRITING_FIGURES};
pub use swaps::{
    FlippedRow, LabelAnswer, SwapPairs, SwapReport, can_swap, compare_answers, label_answer, texts_to_swap,
};
pub use table::Task;
pub use texts::LabeledText;
pub use unlabeled::{RankedRow, RankedRows, Uncertainty, UnlabeledRows, diverse_order};
pub use written::Written;

macro_rules! define_rooms {
    ($($(#[$doc:meta])* $room:ident $variant:ident,)*) => {
        /// What a report on rows says of one task alone.
        #[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
        #[serde(rename_all = "snake_case")]
        pub enum ReportDetail {
            $($(#[$doc])* $variant(Box<$room::ReportDetail>),)*
        }

        /// What an evaluation says besides its figures.
        #[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
        #[serde(rename_all = "snake_case")]
        pub enum EvaluationDetail {
            $($(#[$doc])* $variant(Box<$room::EvaluationDetail>),)*
            /// Of several tasks at once.
            Several(Box<several::EvaluationDetail>),
        }

        /// What was predicted for each row of a split, in the order of its file.
        #[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
        #[serde(rename_all = "snake_case")]
        pub enum RowPredictions {
            $($(#[$doc])* $variant(Vec<$room::RowPrediction>),)*
            /// Of several tasks at once: those of each part, by its name.
            Several(Vec<(String, RowPredictions)>),
        }

        /// What a model says to one input.
        #[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
        #[serde(rename_all = "snake_case")]
        pub enum Prediction {
            $($(#[$doc])* $variant($room::Prediction),)*
        }

        impl ReportDetail {
            /// Of which task it is.
            #[must_use]
            pub fn task(&self) -> Task {
                match self {
                    $(Self::$variant(_) => Task::$variant,)*
                }
            }
        }

        impl EvaluationDetail {
            /// Of which task it is; of several tasks the first.
            #[must_use]
            pub fn task(&self) -> Task {
                match self {
                    $(Self::$variant(_) => Task::$variant,)*
                    Self::Several(detail) => detail.task(),
                }
            }
        }

        impl Task {
            /// What there is to say about it.
            #[must_use]
            pub fn spec(self) -> &'static TaskSpec {
                match self {
                    $(Self::$variant => &$room::SPEC,)*
                }
            }

            /// Reads rows of this task.
            ///
            /// # Errors
            /// Says what is wrong, with file, row and column.
            pub fn read(self, request: &ReadRequest<'_>) -> Result<Box<dyn TaskData>, TaskError> {
                match self {
                    $(Self::$variant => $room::read(request),)*
                }
            }

            /// Prepares to answer inputs with a model of this task, whose outputs are `labels`.
            ///
            /// # Errors
            /// When an input can't be used, or the task answers in another way.
            pub fn predictor(self, request: &PredictRequest<'_>) -> Result<Box<dyn Predictor>, TaskError> {
                match self {
                    $(Self::$variant => $room::predictor(request),)*
                }
            }

            /// How its inputs are read and its answers written.
            #[must_use]
            pub fn answers(self) -> &'static Answers {
                match self {
                    $(Self::$variant => &$room::ANSWERS,)*
                }
            }

            /// Whether a file plainly holds rows of this task.
            #[must_use]
            pub fn recognises(self, name: &str, bytes: &[u8]) -> bool {
                match self {
                    $(Self::$variant => $room::recognise(name, bytes),)*
                }
            }

            /// What the card of a model of this task says.
            #[must_use]
            pub fn card(self, request: &CardRequest<'_>) -> CardText {
                match self {
                    $(Self::$variant => $room::card(request),)*
                }
            }
        }
    };
}

for_each_task!(define_rooms);
