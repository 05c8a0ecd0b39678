//! Answers to questions, as parts of a text: where in its context the answer stands, or that it holds none.
//!
//! In: SQuAD's JSON, or tables with columns of questions, contexts and answers. `nested` makes tables of the former,
//! `columns` chooses columns, `answers` reads cells, `place` finds answers in contexts; `read` makes
//! questions in three splits of all that, and `recognise` knows such files. `encode` cuts contexts into windows; `data`
//! and `rows` are the rows of a run, each a window; `best` finds the likeliest answers in scores, for `measure` and
//! `predict`; `excerpt` shows parts of contexts, `card` says how the model is used.

mod answers;
mod best;
mod card;
mod columns;
mod corrected;
mod data;
mod encode;
mod excerpt;
mod measure;
mod nested;
mod place;
mod predict;
mod read;
mod recognise;
mod rows;
mod written;

use serde::{Deserialize, Serialize};

use super::spec::settings_of_texts;
use super::{FigureSpec, HeadKind, LOSS, Task, TaskSpec, Unit};
use crate::config::ReadOptions;
use crate::data::{DataError, Table, UsedColumn};
use crate::metrics::SquadEvaluation;

pub use card::card;
pub use corrected::{ANSWER_ROLES, answer_in_cells, cells_with_answer};
pub use data::read;
pub use predict::predictor;
pub use recognise::recognise;
pub use written::ANSWERS;

/// What there is to say about this task.
pub const SPEC: TaskSpec = TaskSpec {
    task: Task::QuestionAnswering,
    title: "Answer questions from a text",
    does: "answers questions from a text",
    row_noun: "question",
    head: HeadKind::Span,
    problem_type: None,
    // QUESTION_ANS is of a class that drops token types (PEFT 0.21): with none PEFT hands on all that a model reads.
    peft_task_type: None,
    pipeline: "question-answering",
    library: "transformers",
    command: "predict",
    figures: &[
        LOSS,
        FigureSpec { name: "exact_match", title: "Exact match", unit: Unit::Percent, higher_is_better: true },
        FigureSpec { name: "f1", title: "F1", unit: Unit::Percent, higher_is_better: true },
    ],
    settings: settings_of_texts![
        "doc_stride",
        "max_answer_length",
        "null_score_threshold",
        "fgm_epsilon",
        "gradual_unfreezing"
    ],
    columns: &["question_column", "context_column", "answer_column", "fold", "edits"],
    recipe: &super::recipes::OF_SPANS,
    eval_batch_size: 32,
    has_labels: false,
    num_outputs: 2,
};

/// What a job file calls the threshold of "no answer", among the others of a trained model. It stands there where some of
/// the run's questions had no answer, and only then may "no answer" be given (`version_2_with_negative` of
/// `transformers`' `run_qa.py`).
const NO_ANSWER: &str = "no_answer";

/// What stays together when validation and test rows are split off.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Grouping {
    /// Questions on one article.
    Article,
    /// Questions on one context.
    Context,
    /// Nothing: there are too few contexts.
    Question,
    /// No rows are split off.
    NotSplit,
}

/// What a report says of questions.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReportDetail {
    /// Contexts, each counted once.
    pub num_contexts: usize,
    /// Questions that their context does not answer.
    pub num_no_answer: usize,
    /// Answers that were found in their context by their text alone.
    pub num_sought: usize,
    /// Rows whose question and context stood in an earlier one with other answers.
    pub num_conflicts: usize,
    /// Windows of all splits; 0 before there is a model.
    pub num_windows: usize,
    /// What stays together when rows are split off.
    pub grouping: Grouping,
    /// The file nests its questions in its contexts: it has no rows of a table.
    #[serde(default)]
    pub is_nested: bool,
    /// The first five questions.
    pub preview: Vec<PreviewRow>,
}

/// A question as it will be used.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PreviewRow {
    /// Row number in its file.
    pub row: usize,
    /// Its name in the file.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
    /// The question.
    pub question: String,
    /// The context around the answer.
    pub context: Excerpt,
    /// Texts that count as right; none where the context holds no answer.
    pub answers: Vec<String>,
    /// The answer that is learned, in characters of the context, from and up to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub answer: Option<(usize, usize)>,
}

/// A part of a text.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Excerpt {
    /// The part.
    pub text: String,
    /// Characters of the text before it.
    pub start: usize,
    /// The text goes on behind it.
    pub is_cut: bool,
}

/// What an evaluation says besides its figures.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct EvaluationDetail {
    /// Exact match and F1 as SQuAD's official script has them, of all questions and of those with and without answers;
    /// where there are some without, the best thresholds for `null_score_threshold` too.
    pub squad: SquadEvaluation,
    /// Windows that the contexts were read in.
    pub num_windows: usize,
    /// Questions that were answered with "no answer".
    pub num_unanswered: usize,
    /// How much better than the best answer no answer had to score; `None` where all questions have an answer, and one
    /// was always given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub null_score_threshold: Option<f64>,
}

/// What was predicted for a question.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RowPrediction {
    /// Row number in its file.
    pub row: usize,
    /// Its name in the file.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
    /// The question.
    pub question: String,
    /// The context around the answers.
    pub context: Excerpt,
    /// Texts that count as right; none where the context holds no answer.
    pub answers: Vec<String>,
    /// One of them, in characters of the context, from and up to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub answer: Option<(usize, usize)>,
    /// The text that was given; empty for "no answer".
    pub predicted: String,
    /// The same in characters of the context, from and up to; `None` for "no answer".
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub predicted_at: Option<(usize, usize)>,
    /// Its probability among the best answers, 0 to 1.
    pub score: f64,
    /// It is one of the answers, as SQuAD's script compares them.
    pub is_exact: bool,
    /// F1 of its words against the closest answer's, 0 to 100.
    pub f1: f64,
}

/// What a model says to a question.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Prediction {
    /// The likeliest answers, the best first.
    pub answers: Vec<FoundAnswer>,
    /// Probability that the text holds none, beside these.
    pub no_answer: f64,
    /// Whether the first of them is given; else "no answer" is.
    pub is_answered: bool,
}

/// An answer that a model found in a text.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct FoundAnswer {
    /// The answer.
    pub text: String,
    /// Its first character in the text, counted from 0.
    pub start: usize,
    /// The character after its last.
    pub end: usize,
    /// Its probability among the best answers and no answer, 0 to 1.
    pub score: f64,
}

impl Prediction {
    /// The answer that is given; `None` for "no answer".
    #[must_use]
    pub fn given(&self) -> Option<&FoundAnswer> {
        self.answers.first().filter(|_| self.is_answered)
    }
}

/// Reads a file of questions as a table with a question a row, SQuAD's JSON too.
///
/// # Errors
/// See [`crate::data::parse_keeping_nested`].
pub fn parse(name: &str, bytes: &[u8], read: &ReadOptions) -> Result<Table, DataError> {
    nested::parse(name, bytes, read)
}

/// The columns of question and context of a table of questions that are to be answered, in this order; and that of the
/// questions' names, if there is one.
///
/// # Errors
/// When a named column is not there, both are the same, or nothing looks like them.
pub fn choose_inputs(table: &Table, read: &ReadOptions) -> Result<(Vec<UsedColumn>, Option<usize>), DataError> {
    let used = columns::choose_inputs(table, read)?;
    let id = columns::MoreColumns::of(&table.columns, &used).id;
    Ok((used, id))
}
