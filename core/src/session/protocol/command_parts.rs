//! What commands are made of: files, tasks with their files, weights, prompts.

use serde::{Deserialize, Serialize};

use crate::config::{PromptFormat, ReadOptions};
use crate::task::Task;
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
