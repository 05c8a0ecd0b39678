//! A conversation, as files hold it and chat templates take it: who speaks, what is said, and what the template makes of
//! it.
//!
//! A turn keeps the keys that this library does not know, so that the chat template sees them as they stand in the
//! file.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// Key of an assistant's turn that says whether it is learned: 1, or 0 (OpenAI's name).
pub(crate) const WEIGHT_KEY: &str = "weight";

/// Keys under which a turn calls tools.
pub(crate) const CALL_KEYS: [&str; 2] = ["tool_calls", "function_call"];

/// Keys under which a turn says what the model thinks before it answers.
const THOUGHT_KEYS: [&str; 3] = ["reasoning_content", "reasoning", "thinking"];

/// Who speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// Says how to behave.
    System,
    /// Asks.
    User,
    /// Answers; what it says is learned.
    Assistant,
    /// What a tool gave back.
    Tool,
}

impl Role {
    /// A role by any of its names: those of OpenAI, ShareGPT and Alpaca, and of their variants.
    pub(crate) fn parse(name: &str) -> Option<Self> {
        match name.trim().to_lowercase().as_str() {
            "system" | "developer" | "system_prompt" => Some(Self::System),
            "user" | "human" | "prompter" | "instruction" | "question" | "input" => Some(Self::User),
            "assistant" | "gpt" | "bot" | "chatbot" | "model" | "ai" | "chatgpt" | "bing" | "bard" | "llm"
            | "response" | "answer" | "output" | "function_call" | "tool_call" => Some(Self::Assistant),
            "tool" | "function" | "observation" | "ipython" | "function_response" | "tool_response" | "tool_result" => {
                Some(Self::Tool)
            }
            _ => None,
        }
    }

    /// The name that templates know.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::System => "system",
            Self::User => "user",
            Self::Assistant => "assistant",
            Self::Tool => "tool",
        }
    }
}

/// What one side says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Turn {
    /// Who speaks.
    pub role: Role,
    /// The role's name in the file, where it is another one: `developer`, `ipython`. Templates that know it get it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub role_name: Option<String>,
    /// What is said.
    pub content: String,
    /// The other keys of the turn: `reasoning_content`, `tool_calls`, `tool_call_id`, `name`, `weight`. A `content`
    /// among them is what the file holds where that is no text.
    #[serde(default, skip_serializing_if = "Map::is_empty")]
    pub extra: Map<String, Value>,
}

impl Turn {
    /// A turn that is nothing but its text.
    #[must_use]
    pub fn new(role: Role, content: impl Into<String>) -> Self {
        Self { role, role_name: None, content: content.into(), extra: Map::new() }
    }

    /// Whether it is the assistant's and learned: its `weight` is not 0.
    #[must_use]
    pub fn has_loss(&self) -> bool {
        self.role == Role::Assistant && self.extra.get(WEIGHT_KEY).and_then(Value::as_f64) != Some(0.0)
    }

    /// The turn as templates see it: as it stands in the file.
    #[must_use]
    pub fn to_message(&self, role_name: &str) -> Map<String, Value> {
        let mut message = Map::new();
        message.insert("role".into(), role_name.into());
        let is_call = CALL_KEYS.iter().any(|key| self.extra.contains_key(*key));
        match self.extra.get("content") {
            Some(content) => message.insert("content".into(), content.clone()),
            None if is_call && self.content.is_empty() => None,
            None => message.insert("content".into(), self.content.as_str().into()),
        };
        let others = self.extra.iter().filter(|(key, _)| *key != "content");
        message.extend(others.map(|(key, value)| (key.clone(), value.clone())));
        message
    }

    /// Whether it says nothing at all: no text, no thought, no call of a tool.
    pub(crate) fn is_empty(&self) -> bool {
        let says = |key: &&str| match self.extra.get(*key) {
            Some(Value::String(text)) => !text.trim().is_empty(),
            Some(Value::Array(items)) => !items.is_empty(),
            Some(value) => !value.is_null(),
            None => false,
        };
        self.content.trim().is_empty() && !CALL_KEYS.iter().chain(&THOUGHT_KEYS).any(says)
    }
}

/// Turns, and what else a chat template is given.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Conversation {
    /// What is said, in order.
    pub turns: Vec<Turn>,
    /// Variables of the template by name: `tools`, and the keys of `chat_template_kwargs`.
    pub variables: Map<String, Value>,
}

impl From<Vec<Turn>> for Conversation {
    fn from(turns: Vec<Turn>) -> Self {
        Self { turns, variables: Map::new() }
    }
}

/// A part of a conversation's or an example's text.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Piece {
    /// The text, verbatim.
    pub text: String,
    /// Whether the model learns to write it; else it only reads it.
    pub has_loss: bool,
}

/// A conversation as its chat template writes it, and how much of it is learned.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RenderedConversation {
    /// The text, in order.
    pub pieces: Vec<Piece>,
    /// Earlier answers are only read, since the template writes them differently once later turns are there.
    pub only_last: bool,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn roles_have_many_names() {
        let role = |name: &str| Role::parse(name).map(Role::name);
        for (names, expected) in [
            (["human", "user", "Prompter", "instruction"], "user"),
            (["gpt", "bing", "function_call", "model"], "assistant"),
            (["tool", "observation", "function", "ipython"], "tool"),
            (["system", "developer", " System ", "system_prompt"], "system"),
        ] {
            for name in names {
                assert_eq!(role(name), Some(expected), "{name}");
            }
        }
        assert_eq!(role("narrator"), None);
    }
}
