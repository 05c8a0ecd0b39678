//! Hidden tokens: encoders that learn a domain from its plain texts, before they learn what is to be told about them.
//!
//! In: plain text files, or tables with a column of texts. `read` makes rows of them; `passages` tokenises these, a part
//! at a time, and cuts them into passages of which nothing is lost; `mask` hides some tokens of a passage, others in each
//! batch; `data` and `rows` are what the rest of Hone sees; `fill` fills the blanks of a text that a person typed;
//! `recognise` knows such files; `card` says how the model is used.

mod answers;
mod card;
mod data;
mod fill;
mod mask;
mod passages;
mod read;
mod recognise;
mod rows;

use serde::{Deserialize, Serialize};

use super::spec::settings_of_texts;
use super::{FigureSpec, HeadKind, LOSS, Task, TaskSpec, Unit};

pub use super::token_measure::TokenRow as RowPrediction;
pub use answers::ANSWERS;
pub use card::card;
pub use data::read;
pub use fill::{BLANKS, predictor};
pub use recognise::recognise;

/// What there is to say about this task.
pub const SPEC: TaskSpec = TaskSpec {
    task: Task::MaskedLm,
    title: "Learn from plain texts",
    does: "fills in blanks",
    row_noun: "passage",
    head: HeadKind::MaskedLm,
    problem_type: None,
    peft_task_type: None,
    pipeline: "fill-mask",
    library: "transformers",
    command: "predict",
    figures: &[
        LOSS,
        FigureSpec { name: "perplexity", title: "Perplexity", unit: Unit::Number, higher_is_better: false },
        FigureSpec { name: "token_accuracy", title: "Token accuracy", unit: Unit::Share, higher_is_better: true },
    ],
    settings: settings_of_texts!["mlm_probability", "whole_word_masking", "from_scratch"],
    columns: &["text_column", "group_column", "time_column", "dedupe", "fold", "clean_texts", "edits"],
    recipe: &super::recipes::WITH_HEAD,
    eval_batch_size: 32,
    has_labels: false,
    num_outputs: 0,
};

/// What a report on texts says besides what all tasks say.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReportDetail {
    /// Tokens in all; 0 before there is a tokenizer.
    pub num_tokens: usize,
    /// The first passages to train on.
    pub preview: Vec<PassagePreview>,
}

/// A passage as the model sees it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PassagePreview {
    /// Row number in its file; of a plain text the line that it starts on.
    pub row: usize,
    /// The passage with its blanks; before there is a tokenizer the beginning of the row.
    pub text: String,
    /// Tokens that are hidden.
    pub num_hidden: usize,
}

/// What an evaluation says besides its figures.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct EvaluationDetail {
    /// Hidden tokens that were guessed.
    pub num_tokens: u64,
}

/// What may stand in the blanks of a text, in their order.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Prediction {
    /// The likeliest tokens of each blank, the best first.
    pub blanks: Vec<Vec<Fill>>,
}

/// A token that may stand in a blank.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Fill {
    /// As it is written.
    pub token: String,
    /// How likely it is.
    pub probability: f32,
}
