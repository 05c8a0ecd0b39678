//! Conversations to text by the model's own chat template, as `transformers`' `apply_chat_template` does it.
//!
//! In: `chat_template.jinja`, or `chat_template` of `tokenizer_config.json` (a text, or a list in which `default` is
//! taken), and turns. Out: the text; its pieces, of which those that the assistant says carry loss, are found by
//! `chat_pieces`. Jinja is rendered with `trim_blocks`, `lstrip_blocks` and loop controls; `raise_exception`,
//! `strftime_now`, `tojson`, `{% generation %}` and Python's string methods are there. A template is a stranger's: what
//! it may do and write is limited (`jinja_text`, `jinja_limits`).

use std::sync::Arc;

use minijinja::value::{Kwargs, Serde};
use minijinja::{Environment, Value};
use serde::{Deserialize, Serialize};

use super::TokenizerError;
use super::conversation::{Conversation, Turn};
use super::jinja::{raise_exception, strftime, to_json};
use super::jinja_limits::{BoundedText, Excess, Limits, fuel, limit, written_limit};
use super::jinja_text::prepare;
use super::settings::Settings;
use crate::folder::Folder;

/// Name of the template's own file.
const FILE: &str = "chat_template.jinja";

/// Where a template without a file of its own stands.
const FIELD: &str = "tokenizer_config.json, chat_template";

/// Name of the template within the environment.
const NAME: &str = "chat_template";

/// A chat template that can't be used, at all or on a conversation.
#[derive(Debug, thiserror::Error)]
pub enum ChatError {
    /// A file that the template stands in is broken.
    #[error(transparent)]
    Tokenizer(#[from] TokenizerError),
    /// Several templates, and none is called `default`.
    #[error("{FIELD} has no template named \"default\"; there are {}", names.join(", "))]
    NoDefault {
        /// What there is.
        names: Vec<String>,
    },
    /// Not Jinja, or Jinja that this build does not know.
    #[error("the chat template is broken: line {line}: {message} ({place})")]
    Broken {
        /// Where it stands.
        place: &'static str,
        /// From 1.
        line: usize,
        /// What the parser said.
        message: String,
    },
    /// The template refuses the conversation, or fails on it.
    #[error("the chat template does not take this conversation: line {line}: {message} ({place})")]
    Refused {
        /// Where it stands.
        place: &'static str,
        /// From 1.
        line: usize,
        /// What the template or the renderer said.
        message: String,
    },
    /// The template asks for more than any conversation needs.
    #[error("the chat template {message}: line {line} ({place})")]
    Excessive {
        /// Where it stands.
        place: &'static str,
        /// From 1.
        line: usize,
        /// What there is too much of.
        message: String,
    },
    /// What the assistant says can't be told from the rest.
    #[error(
        "the chat template writes the turns before turn {turn} differently once it is there, so what the assistant \
         says can't be told apart ({place})"
    )]
    Unstable {
        /// Where it stands.
        place: &'static str,
        /// From 1.
        turn: usize,
    },
    /// The assistant speaks first.
    #[error(
        "the conversation begins with the assistant, and nothing stands before turn 1 that it answers: put a turn of the \
         user's or a system text before it, or leave it out"
    )]
    NothingBefore,
    /// The assistant says nothing.
    #[error("no turn is the assistant's: there is nothing to learn from")]
    NoAssistant,
}

/// The day that `strftime_now` tells, since this library has no clock.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct TemplateDate {
    /// Year of the common era.
    pub year: u16,
    /// From 1 to 12.
    pub month: u8,
    /// From 1 to 31.
    pub day: u8,
}

/// A compiled chat template.
#[derive(Debug)]
pub struct ChatTemplate {
    environment: Environment<'static>,
    limits: Arc<Limits>,
    pub(super) place: &'static str,
    source: String,
    /// The tokenizer's special tokens by name.
    tokens: Vec<(&'static str, String)>,
}

impl ChatTemplate {
    /// The template of a model folder; `None` if the model has none.
    ///
    /// # Errors
    /// When a file is broken, the template is, or there are several and none is the default.
    pub fn from_folder(folder: &Folder, date: TemplateDate) -> Result<Option<Self>, ChatError> {
        let malformed = |file, source| TokenizerError::Malformed { file, source };
        let (template, place) = if let Some(bytes) = folder.get(FILE) {
            let text = std::str::from_utf8(bytes).map_err(|source| malformed(FILE, source.into()))?;
            (text.to_owned(), FILE)
        } else {
            let file = "tokenizer_config.json";
            let Some(bytes) = folder.get(file) else { return Ok(None) };
            let config: Config = serde_json::from_slice(bytes).map_err(|source| malformed(file, source.into()))?;
            match config.chat_template {
                None => return Ok(None),
                Some(Templates::One(template)) => (template, FIELD),
                Some(Templates::Many(named)) => (default_of(named)?, FIELD),
            }
        };
        let named = Settings::read(folder, None)?.named.into_iter();
        let tokens = named.filter_map(|(name, token)| Some((name, token?.content))).collect();
        Self::compile(&template, place, tokens, date).map(Some)
    }

    /// Whether it asks what day it is.
    #[must_use]
    pub fn tells_the_day(&self) -> bool {
        self.source.contains("strftime_now")
    }

    /// Compiles a template that a person gave.
    ///
    /// # Errors
    /// When it is not Jinja, or Jinja that this build does not know.
    pub fn new(
        template: &str,
        bos_token: Option<String>,
        eos_token: Option<String>,
        date: TemplateDate,
    ) -> Result<Self, ChatError> {
        let named = [("bos_token", bos_token), ("eos_token", eos_token)];
        let tokens = named.into_iter().filter_map(|(name, token)| Some((name, token?))).collect();
        Self::compile(template, "the template given", tokens, date)
    }

    fn compile(
        template: &str,
        place: &'static str,
        tokens: Vec<(&'static str, String)>,
        date: TemplateDate,
    ) -> Result<Self, ChatError> {
        let mut environment = Environment::new();
        let syntax = minijinja::syntax::SyntaxConfig::builder().trim_blocks(true).lstrip_blocks(true).build();
        environment.set_syntax(syntax.expect("the usual delimiters"));
        let limits = Arc::new(Limits::default());
        limit(&mut environment, &limits);
        let json_limits = Arc::clone(&limits);
        environment.add_filter("tojson", move |value: Value, options: Kwargs| -> Result<String, minijinja::Error> {
            to_json(&value, &options, &json_limits)
        });
        environment.add_function("raise_exception", raise_exception);
        environment.add_function("strftime_now", move |format: String| strftime(&format, date));
        let excessive = |line, excess: Excess| ChatError::Excessive { place, line, message: excess.to_string() };
        let prepared = prepare(template).map_err(|(line, excess)| excessive(line, excess))?;
        environment.add_template_owned(NAME, prepared).map_err(|error| {
            let (line, message) = line_and_message(&error);
            Excess::of(&error).map_or(ChatError::Broken { place, line, message }, |excess| excessive(line, excess))
        })?;
        Ok(Self { environment, limits, place, source: template.to_owned(), tokens })
    }

    /// The text of a conversation, with or without the words that open the assistant's next turn.
    ///
    /// # Errors
    /// When the template refuses the conversation, fails on it, or asks for more than it is worth.
    pub fn render(&self, turns: &[Turn], add_generation_prompt: bool) -> Result<String, ChatError> {
        let input = self.input(turns, &Conversation::default());
        self.write(&input, &input.messages, add_generation_prompt, false)
    }

    /// Whether the template marks what the assistant says by itself.
    pub(super) fn has_generation_tags(&self) -> bool {
        self.source.contains("endgeneration")
    }

    /// Turns, and the variables of their conversation, as the template sees them.
    pub(super) fn input(&self, turns: &[Turn], conversation: &Conversation) -> TemplateInput {
        let variables = || conversation.variables.iter();
        let size = |turn: &Turn| {
            let extra =
                if turn.extra.is_empty() { 0 } else { serde_json::to_string(&turn.extra).map_or(0, |json| json.len()) };
            turn.content.len() + extra
        };
        let beside: usize = variables().map(|(_, value)| value.to_string().len()).sum();
        TemplateInput {
            messages: turns.iter().map(|turn| self.message(turn)).collect(),
            num_bytes: turns.iter().map(size).sum::<usize>() + beside,
            variables: variables().map(|(name, value)| (name.clone(), Value::from(Serde(value)))).collect(),
        }
    }

    /// A turn as the template sees it. A role goes by the file's name for it if the template has that in quotes: names of
    /// fields such as `tool_call.function` are no roles.
    pub(super) fn message(&self, turn: &Turn) -> Value {
        let is_quoted =
            |name: &&str| ['\'', '"'].iter().any(|quote| self.source.contains(&format!("{quote}{name}{quote}")));
        let own = turn.role_name.as_deref().filter(is_quoted);
        Value::from(Serde(turn.to_message(own.unwrap_or(turn.role.name()))))
    }

    /// Writes messages with the variables of their conversation; `is_marking` puts marks around what stands between
    /// the tags of generation.
    pub(super) fn write(
        &self,
        input: &TemplateInput,
        messages: &[Value],
        add_generation_prompt: bool,
        is_marking: bool,
    ) -> Result<String, ChatError> {
        let mut variables = vec![("tools", Value::from(())), ("documents", Value::from(()))];
        variables.extend(self.tokens.iter().map(|(name, token)| (*name, Value::from(token.as_str()))));
        variables.extend(input.variables.iter().map(|(name, value)| (name.as_str(), value.clone())));
        variables.push(("messages", Value::from(messages.to_vec())));
        variables.push(("add_generation_prompt", Value::from(add_generation_prompt)));
        let excessive =
            |line, excess: Excess| ChatError::Excessive { place: self.place, line, message: excess.to_string() };
        let failed = |error: minijinja::Error| {
            let (line, message) = line_and_message(&error);
            let refused = ChatError::Refused { place: self.place, line, message };
            Excess::of(&error).map_or(refused, |excess| excessive(line, excess))
        };
        let mut environment = self.environment.clone();
        environment.set_fuel(Some(fuel(messages.len())));
        self.limits.begin(input.num_bytes, is_marking);
        let template = environment.get_template(NAME).map_err(failed)?;
        let mut room = written_limit(input.num_bytes);
        let mut text = BoundedText::new(|num_bytes: usize| {
            let left = room.checked_sub(num_bytes);
            room = left.unwrap_or(room);
            left.is_some()
        });
        let written = template.render_captured_to(Value::from_pairs(variables), &mut text).map(drop);
        match written {
            Ok(()) => Ok(text.into_text()),
            Err(error) if text.is_full => Err(excessive(line_and_message(&error).0, Excess::Text)),
            Err(error) => Err(failed(error)),
        }
    }
}

/// A conversation as a template sees it.
pub(super) struct TemplateInput {
    pub(super) messages: Vec<Value>,
    variables: Vec<(String, Value)>,
    pub(super) num_bytes: usize,
}

/// What is read of `tokenizer_config.json`.
#[derive(Deserialize)]
struct Config {
    chat_template: Option<Templates>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Templates {
    One(String),
    Many(Vec<Named>),
}

#[derive(Deserialize)]
struct Named {
    name: String,
    template: String,
}

fn default_of(named: Vec<Named>) -> Result<String, ChatError> {
    match named.iter().position(|named| named.name == "default") {
        Some(place) => Ok(named.into_iter().nth(place).map(|named| named.template).unwrap_or_default()),
        None => Err(ChatError::NoDefault { names: named.into_iter().map(|named| named.name).collect() }),
    }
}

/// Line and message of an error.
fn line_and_message(error: &minijinja::Error) -> (usize, String) {
    let message = error.detail().map_or_else(|| error.kind().to_string(), str::to_owned);
    (error.line().unwrap_or(1), message)
}

#[cfg(test)]
pub(super) mod tests;
