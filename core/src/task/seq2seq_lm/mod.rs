//! A text for a text: translations, summaries, answers, labels in words.
//!
//! In: tables with a column of sources and one of targets. `columns` chooses them, `read` makes rows of them; `encode`
//! tokenises sources and targets, `data` a part at a time; `rows` are the rows of a run, with what a decoder reads;
//! `report` says what is there, `card` how the model is used.

mod card;
mod columns;
mod data;
mod encode;
mod read;
mod recognise;
mod report;
mod rows;

use serde::{Deserialize, Serialize};

use super::answers::{Answers, InputFile, Inputs};
use super::spec::settings_of_texts;
use super::written::FORM;
use super::{FigureSpec, HeadKind, LOSS, PredictRequest, Predictor, Task, TaskError, TaskSpec, Unit};
use crate::data::{LengthHistogram, parse};

pub use super::token_measure::TokenRow as RowPrediction;
pub use super::written::Written as Prediction;
pub use card::card;
pub use data::read;
pub use recognise::recognise;

/// What there is to say about this task.
pub const SPEC: TaskSpec = TaskSpec {
    task: Task::Seq2seqLm,
    title: "Turn one text into another",
    does: "turns one text into another",
    row_noun: "row",
    head: HeadKind::Seq2seqLm,
    problem_type: None,
    peft_task_type: Some("SEQ_2_SEQ_LM"),
    pipeline: "text2text-generation",
    library: "transformers",
    command: "generate",
    figures: &[
        LOSS,
        FigureSpec { name: "perplexity", title: "Perplexity", unit: Unit::Number, higher_is_better: false },
        FigureSpec { name: "token_accuracy", title: "Token accuracy", unit: Unit::Share, higher_is_better: true },
    ],
    settings: settings_of_texts![
        "label_smoothing_factor",
        "max_target_length",
        "gradient_checkpointing",
        "from_scratch",
        "eval_samples"
    ],
    columns: &[
        "text_column",
        "target_column",
        "source_prefix",
        "group_column",
        "time_column",
        "dedupe",
        "fold",
        "clean_texts",
        "edits",
        "copies",
    ],
    recipe: &super::recipes::OF_TEXT_TO_TEXT,
    eval_batch_size: 8,
    has_labels: false,
    num_outputs: 0,
};

/// What a report says of rows with a source and a target.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ReportDetail {
    /// What is written before every source; empty where nothing is.
    pub source_prefix: String,
    /// Targets by their number of tokens before they are cut; empty before there is a model.
    pub target_lengths: LengthHistogram,
    /// Tokens after which a target is cut off.
    pub max_target_length: usize,
    /// Targets that are cut off.
    pub num_targets_cut: usize,
    /// The first hundred rows of these in file order, with the role before the number where it is of an own file:
    /// `7`, `validation 3`.
    pub cut_targets: Vec<String>,
    /// Rows whose source stood in an earlier one with another target.
    pub num_conflicts: usize,
    /// Tokens of sources in all, after truncation; 0 before there is a model.
    pub num_source_tokens: usize,
    /// Tokens of targets in all, after truncation, which the model learns to write; 0 before there is a model.
    pub num_target_tokens: usize,
    /// The first five rows of the training file.
    pub preview: Vec<PreviewRow>,
}

/// A row as it will be used.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PreviewRow {
    /// Row number in its file.
    pub row: usize,
    /// What the model reads: the prefix and the source.
    pub source: String,
    /// What it learns to write.
    pub target: String,
    /// Tokens of the source after truncation, special tokens included; 0 before there is a model.
    pub num_source_tokens: usize,
    /// Tokens of the target after truncation, its end included; 0 before there is a model.
    pub num_target_tokens: usize,
}

/// What an evaluation says besides its figures.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct EvaluationDetail {
    /// Tokens of targets that were scored.
    pub num_tokens: u64,
}

/// Inputs are sources, and each is turned into another text.
pub static ANSWERS: Answers = Answers {
    inputs: Inputs::Rows { file: InputFile { parse, names: &["source"] }, choose: columns::choose_source },
    in_file: FORM,
    in_row: FORM,
};

/// A model that turns texts into others answers by writing, a token at a time, which is another way than a batch of
/// inputs.
///
/// # Errors
/// Always.
pub fn predictor(_request: &PredictRequest<'_>) -> Result<Box<dyn Predictor>, TaskError> {
    Err(TaskError::NoAnswer("a model that turns one text into another writes: ask it with a prompt".into()))
}
