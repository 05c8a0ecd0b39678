//! The next token: models that write texts.
//!
//! In: plain texts, prompts with their completions, instructions, or conversations. `shape` tells what a file's columns
//! are, `beside` which other columns matter; `prompts` tells how prompt and answer are joined; `turns` and `conversation`
//! read conversations, and `plain` writes them before there is a model; `row` and `examples` make texts of which parts
//! carry loss; `encode` tokenises them, `parts` a part at a time, `bounds` no more than is kept; `pack` fills rows;
//! `batch` pads; `report` says what is there, `card` how the model is used. `data` and `rows` are what the rest of Hone
//! sees of all this; `general` makes rows of a text that has nothing to do with the task.

mod batch;
mod beside;
mod bounds;
mod card;
mod conversation;
mod data;
mod encode;
mod examples;
mod general;
mod pack;
mod parts;
mod plain;
mod prompts;
mod prompts_alone;
mod report;
mod row;
mod rows;
mod shape;
mod splits;
mod turns;

use serde::{Deserialize, Serialize};

use super::answers::{Answers, InputFile, Inputs};
use super::spec::settings_of_texts;
use super::written::FORM;
use super::{FigureSpec, HeadKind, LOSS, PredictRequest, Predictor, Task, TaskError, TaskSpec, Unit};
use crate::data::parse;
use prompts_alone::choose_prompt;

pub use super::token_measure::TokenRow as RowPrediction;
pub use super::written::Written as Prediction;
pub use card::card;
pub use data::read;
pub use examples::{Dataset, Example, Summary, build_dataset};
pub use general::{GENERAL_TEXT, GENERAL_TOKENS_AT_EVALUATIONS, MAX_GENERAL_TOKENS, rows_of_text};
pub use report::{PreviewToken, ReportDetail, TokenPreview};
pub use shape::recognise;

/// What there is to say about this task.
pub const SPEC: TaskSpec = TaskSpec {
    task: Task::CausalLm,
    title: "Write texts",
    does: "writes texts",
    row_noun: "row",
    head: HeadKind::CausalLm,
    problem_type: None,
    peft_task_type: Some("CAUSAL_LM"),
    pipeline: "text-generation",
    library: "transformers",
    command: "generate",
    figures: &[
        LOSS,
        FigureSpec { name: "perplexity", title: "Perplexity", unit: Unit::Number, higher_is_better: false },
        FigureSpec { name: "token_accuracy", title: "Token accuracy", unit: Unit::Share, higher_is_better: true },
    ],
    settings: settings_of_texts!["packing", "gradient_checkpointing", "from_scratch", "eval_samples"],
    columns: &[
        "shape",
        "text_column",
        "prompt_column",
        "input_column",
        "completion_column",
        "messages_column",
        "prompt_format",
        "fold",
        "clean_texts",
        "edits",
    ],
    recipe: &super::recipes::OF_WRITING,
    eval_batch_size: 8,
    has_labels: false,
    num_outputs: 0,
};

/// What an evaluation says besides its figures.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct EvaluationDetail {
    /// Tokens scored.
    pub num_tokens: u64,
}

/// Inputs are prompts, and an answer is written after each.
pub static ANSWERS: Answers = Answers {
    inputs: Inputs::Rows { file: InputFile { parse, names: &["prompt", "input"] }, choose: choose_prompt },
    in_file: FORM,
    in_row: FORM,
};

/// A language model answers by writing, a token at a time, which is another way than a batch of inputs.
///
/// # Errors
/// Always.
pub fn predictor(_request: &PredictRequest<'_>) -> Result<Box<dyn Predictor>, TaskError> {
    Err(TaskError::NoAnswer("a language model writes texts: ask it with a prompt".into()))
}
