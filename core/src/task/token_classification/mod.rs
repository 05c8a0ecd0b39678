//! A tag for each word: names and terms in texts.
//!
//! In: CoNLL files, tables with one token a row, lists of tokens with their tags, or texts with spans
//! ([`parse_tagged`](crate::data::parse_tagged)). `columns` tells which columns hold what, `cells` takes lists and spans out of them,
//! `place` finds the words of spans; `tags`, `tagset`, `names` and `labels` know tags and number them; `read` puts all this together into
//! `sentence`s. `encode` tokenises them and cuts them into windows; `rows` are the rows of a run, `measure` their figures,
//! `predict` answers texts, `spans` says both in characters; `report` says what is there, `card` how the model is used; `layout` and
//! `write` give a row other tags, in the way of its file.

mod answers;
mod card;
mod cells;
mod columns;
mod data;
mod encode;
mod labels;
mod layout;
mod measure;
mod names;
mod place;
mod predict;
mod read;
mod recognise;
mod report;
mod rows;
mod sentence;
mod spans;
mod tags;
mod tagset;
mod word_rows;
mod write;

use serde::{Deserialize, Serialize};

use super::spec::settings_of_texts;
use super::{FigureSpec, HeadKind, LOSS, PredictRequest, Predictor, Task, TaskError, TaskSpec, Unit};
use crate::metrics::EntityErrorKind;

pub use crate::metrics::EntityEvaluation as EvaluationDetail;
pub use answers::ANSWERS;
pub use card::card;
pub use data::read;
pub use layout::{TagLayout, are_words_of};
pub use recognise::recognise;
pub use spans::Span;
pub use tags::Scheme;

/// What there is to say about this task.
pub const SPEC: TaskSpec = TaskSpec {
    task: Task::TokenClassification,
    title: "Find names and terms in texts",
    does: "finds names and terms in texts",
    row_noun: "row",
    head: HeadKind::Token,
    problem_type: None,
    peft_task_type: Some("TOKEN_CLS"),
    pipeline: "token-classification",
    library: "transformers",
    command: "predict",
    figures: &[
        LOSS,
        FigureSpec { name: "f1", title: "F1 of entities", unit: Unit::Score, higher_is_better: true },
        FigureSpec { name: "precision", title: "Precision", unit: Unit::Score, higher_is_better: true },
        FigureSpec { name: "recall", title: "Recall", unit: Unit::Score, higher_is_better: true },
        FigureSpec { name: "accuracy", title: "Accuracy of words", unit: Unit::Share, higher_is_better: true },
        FigureSpec { name: "strict_f1", title: "F1, strict", unit: Unit::Score, higher_is_better: true },
    ],
    settings: settings_of_texts![
        "doc_stride",
        "label_all_tokens",
        "label_smoothing_factor",
        "class_weights",
        "effective_number_beta",
        "rdrop_alpha",
        "fgm_epsilon",
        "gradual_unfreezing"
    ],
    columns: &[
        "text_column",
        "tokens_column",
        "label_column",
        "sentence_column",
        "group_column",
        "time_column",
        "dedupe",
        "fold",
        "edits",
    ],
    recipe: &super::recipes::WITH_HEAD,
    eval_batch_size: 32,
    has_labels: true,
    num_outputs: 0,
};

/// What a report says of sentences.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ReportDetail {
    /// How tags mark entities.
    pub scheme: Scheme,
    /// How they stand in the cells of rows.
    #[serde(default)]
    pub layout: TagLayout,
    /// Tags that are told apart.
    pub num_labels: usize,
    /// Types of entities, by name.
    pub types: Vec<TypeCount>,
    /// Words of all sentences.
    pub num_words: usize,
    /// Sentences that are read in several windows; 0 before there is a model.
    pub num_long: usize,
    /// Words for which the tokenizer has no token; 0 before there is a model.
    pub num_unseen_words: usize,
    /// The first five sentences with entities.
    pub preview: Vec<PreviewSentence>,
}

/// A type and its entities.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TypeCount {
    /// Name of the type.
    pub label: String,
    /// Entities of it in training, validation and test.
    pub counts: [usize; 3],
}

/// A sentence as it will be used.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PreviewSentence {
    /// Row number in its file.
    pub row: usize,
    /// The text; of words that came one by one, those with spaces between.
    pub text: String,
    /// What is in it.
    pub spans: Vec<Span>,
}

/// What was predicted for a sentence.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RowPrediction {
    /// Row number in its file.
    pub row: usize,
    /// The text; of words that came one by one, those with spaces between.
    pub text: String,
    /// What is in it.
    pub gold: Vec<Span>,
    /// What the model found, each with its score.
    pub predicted: Vec<Span>,
    /// Where the two differ.
    pub errors: Vec<SpanError>,
    /// Where each word begins, and where it ends, in characters.
    #[serde(default)]
    pub words: Vec<(usize, usize)>,
}

/// A span that is wrong, or missing, or both of a pair that differs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct SpanError {
    /// How they differ.
    pub kind: EntityErrorKind,
    /// Index of what is there; `None` when spurious.
    pub gold: Option<usize>,
    /// Index of what was predicted; `None` when missed.
    pub predicted: Option<usize>,
}

/// What a model finds in a text.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Prediction {
    /// The text.
    pub text: String,
    /// What is in it, each with its score.
    pub spans: Vec<Span>,
}

/// Prepares to find spans in texts.
///
/// # Errors
/// When an input is a pair, or the tokenizer fails on one.
pub fn predictor(request: &PredictRequest<'_>) -> Result<Box<dyn Predictor>, TaskError> {
    Ok(Box::new(predict::SpanPredictor::new(request)?))
}
