//! How a file is read: plain wishes, that the rooms of data turn into columns.

use serde::{Deserialize, Serialize};

/// What an example of a file is made of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DataShape {
    /// A text; all of it is learned.
    Text,
    /// A prompt and what follows it; only that is learned.
    PromptCompletion,
    /// An instruction, perhaps an input to it, and the output: Alpaca's template makes a prompt of the former.
    Instruction,
    /// A conversation; what the assistant says is learned.
    Messages,
}

impl DataShape {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Text, Self::PromptCompletion, Self::Instruction, Self::Messages];

    /// As it is called in messages and settings.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Text => "text",
            Self::PromptCompletion => "prompt_completion",
            Self::Instruction => "instruction",
            Self::Messages => "messages",
        }
    }
}

/// How a data file is read; `None` means guess.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ReadOptions {
    /// Column that holds the text.
    pub text_column: Option<String>,
    /// Column that holds the label.
    pub label_column: Option<String>,
    /// What an example is made of, for a language model.
    pub shape: Option<DataShape>,
    /// Column that holds the prompt, or the instruction.
    pub prompt_column: Option<String>,
    /// Column that holds what an instruction is about.
    pub input_column: Option<String>,
    /// Column that holds the completion, or the output of an instruction.
    pub completion_column: Option<String>,
    /// Column that holds the conversation.
    pub messages_column: Option<String>,
    /// Prompts and instructions become a user's turn and completions an assistant's, written by the model's chat
    /// template: for models that were made for conversations.
    pub as_chat: bool,
    /// Field separator of a delimited file.
    pub delimiter: Option<char>,
    /// Whether the first row names the columns.
    pub has_header: Option<bool>,
}
