//! What commands are made of: files, tasks with their files, weights, prompts.

use serde::{Deserialize, Serialize};

use crate::config::{PromptFormat, ReadOptions, with_input_below};
use crate::generate::SamplingConfig;
use crate::task::{Task, TaskInput};
use crate::tokenizer::{Role, Turn};

/// A file whose bytes travel beside the message.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct NamedBlob {
    /// File name as the person knows it.
    pub name: String,
    /// Index into the transferred buffers.
    pub blob: usize,
}

/// One of several tasks with its files, whose bytes travel beside the message.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PartFiles {
    /// Its name, which figures and the exported folder have.
    pub name: String,
    /// What is learned.
    pub task: Task,
    /// Training rows; then the person's own validation and test rows, if there are any.
    pub train: NamedBlob,
    /// Validation rows.
    pub valid: Option<NamedBlob>,
    /// Test rows.
    pub test: Option<NamedBlob>,
    /// How they are read.
    pub read: ReadOptions,
}

/// Which weights answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Weights {
    /// The pretrained model with a fresh head, before training.
    Base,
    /// The model as trained.
    Tuned,
}

/// What a model that writes goes on from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Prompt {
    /// A text.
    Text(String),
    /// A conversation, written by the model's chat template.
    Turns(Vec<Turn>),
}

/// How texts are written after the inputs of a file.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct WriteAs {
    /// How an input is given to the model.
    pub format: PromptFormat,
    /// How tokens are chosen, and how many.
    pub sampling: SamplingConfig,
}

impl WriteAs {
    /// What the model is given of an input: of an instruction with what it is about (a second text) both.
    #[must_use]
    pub fn prompt(&self, input: &TaskInput) -> Prompt {
        let Some(about) = &input.second else { return Prompt::from_bare(&self.format, &input.text) };
        match self.format.prompt_with_input(&input.text, about) {
            Some(text) => Prompt::Text(text),
            None => Prompt::from_bare(&self.format, &with_input_below(&input.text, about)),
        }
    }
}

impl Prompt {
    /// A bare prompt as a model is given it that was trained on rows of a format.
    #[must_use]
    pub fn from_bare(format: &PromptFormat, prompt: &str) -> Self {
        match format.prompt(prompt) {
            Some(text) => Self::Text(text),
            None => Self::Turns(vec![Turn::new(Role::User, prompt)]),
        }
    }
}
