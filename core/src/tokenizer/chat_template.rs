//! Conversations to text by the model's own chat template, as `transformers`' `apply_chat_template` does it.
//!
//! In: `chat_template.jinja` (or `additional_chat_templates/default.jinja`), or `chat_template` of `tokenizer_config.json` (a text,
//! or a list or an object in which `default` is taken) or of the older `special_tokens_map.json`, and turns. Out: the text; its
//! pieces, of which those that the assistant says carry loss, are found by `chat_pieces`. What renders Jinja, and limits what a
//! stranger's template may do and write, is `hone-templates`.

use std::collections::BTreeMap;

use hone_templates::{Rendering, Template, TemplateValue};
use serde::Deserialize;
use serde::de::IgnoredAny;

pub use hone_templates::{Renderer, TemplateDate, TemplateError, install as install_renderer};

use super::TokenizerError;
use super::conversation::{Conversation, Turn};
use super::settings::Settings;
use crate::folder::Folder;
use crate::hub::{CHAT_TEMPLATE, DEFAULT_CHAT_TEMPLATE};

/// Where a template without a file of its own stands.
const FIELD: &str = "tokenizer_config.json, chat_template";

/// Where it may stand beside a `tokenizer_config.json` without `added_tokens_decoder`: there all of the map wins.
const FIELD_OF_MAP: &str = "special_tokens_map.json, chat_template";

/// A chat template that can't be used, at all or on a conversation.
#[derive(Debug, thiserror::Error)]
pub enum ChatError {
    /// A file that the template stands in is broken.
    #[error(transparent)]
    Tokenizer(#[from] TokenizerError),
    /// Several templates, and none is called `default`.
    #[error("{place} has no template named \"default\"; there are {}", names.join(", "))]
    NoDefault {
        /// Where they stand.
        place: &'static str,
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
    /// There is nothing that renders it, or it stopped.
    #[error("the chat template can't be used: {message} ({place})")]
    NotRendered {
        /// Where it stands.
        place: &'static str,
        /// Why.
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

impl ChatError {
    /// What the renderer says of a template that stands at a place.
    fn of(error: TemplateError, place: &'static str) -> Self {
        match error {
            TemplateError::Broken { line, message } => Self::Broken { place, line, message },
            TemplateError::Refused { line, message } => Self::Refused { place, line, message },
            TemplateError::Excessive { line, message } => Self::Excessive { place, line, message },
            TemplateError::NotRendered { message } => Self::NotRendered { place, message },
        }
    }
}

/// A compiled chat template.
#[derive(Debug)]
pub struct ChatTemplate {
    compiled: Template,
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
        let Some((template, place)) = find(folder)? else { return Ok(None) };
        let named = Settings::read(folder, None)?.named.into_iter();
        let tokens = named.filter_map(|(name, token)| Some((name, token?.content))).collect();
        Self::compile(&template, place, tokens, date).map(Some)
    }

    /// Whether a model folder has one, be it good or not: what renders it must be there before the model is loaded.
    #[must_use]
    pub fn is_in(folder: &Folder) -> bool {
        find(folder).is_ok_and(|found| found.is_some())
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
        let compiled = Template::compile(template, date).map_err(|error| ChatError::of(error, place))?;
        Ok(Self { compiled, place, source: template.to_owned(), tokens })
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
            variables: variables().map(|(name, value)| (name.clone(), TemplateValue::new(value))).collect(),
        }
    }

    /// A turn as the template sees it. A role goes by the file's name for it if the template has that in quotes: names of
    /// fields such as `tool_call.function` are no roles.
    pub(super) fn message(&self, turn: &Turn) -> TemplateValue {
        let is_quoted =
            |name: &&str| ['\'', '"'].iter().any(|quote| self.source.contains(&format!("{quote}{name}{quote}")));
        let own = turn.role_name.as_deref().filter(is_quoted);
        TemplateValue::new(&turn.to_message(own.unwrap_or(turn.role.name())))
    }

    /// Writes messages with the variables of their conversation; `is_marking` puts marks around what stands between
    /// the tags of generation.
    pub(super) fn write(
        &self,
        input: &TemplateInput,
        messages: &[TemplateValue],
        add_generation_prompt: bool,
        is_marking: bool,
    ) -> Result<String, ChatError> {
        let none = TemplateValue::new(&());
        let mut variables = vec![("tools", none.clone()), ("documents", none)];
        variables.extend(self.tokens.iter().map(|(name, token)| (*name, TemplateValue::new(token))));
        variables.extend(input.variables.iter().map(|(name, value)| (name.as_str(), value.clone())));
        variables.push(("add_generation_prompt", TemplateValue::new(&add_generation_prompt)));
        let rendering = Rendering { messages, variables: &variables, num_bytes: input.num_bytes, is_marking };
        self.compiled.render(&rendering).map_err(|error| ChatError::of(error, self.place))
    }
}

/// A conversation as a template sees it.
pub(super) struct TemplateInput {
    pub(super) messages: Vec<TemplateValue>,
    variables: Vec<(String, TemplateValue)>,
    pub(super) num_bytes: usize,
}

/// What is read of `tokenizer_config.json` and `special_tokens_map.json`.
#[derive(Deserialize, Default)]
struct Config {
    chat_template: Option<Templates>,
    added_tokens_decoder: Option<IgnoredAny>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Templates {
    One(String),
    Many(Vec<Named>),
    ByName(BTreeMap<String, String>),
}

#[derive(Deserialize)]
struct Named {
    name: String,
    template: String,
}

/// The template of a model folder and where it stands; `None` if the model has none.
fn find(folder: &Folder) -> Result<Option<(String, &'static str)>, ChatError> {
    let malformed = |file, source| TokenizerError::Malformed { file, source };
    for file in [DEFAULT_CHAT_TEMPLATE, CHAT_TEMPLATE] {
        let Some(bytes) = folder.get(file) else { continue };
        let text = std::str::from_utf8(bytes).map_err(|source| malformed(file, source.into()))?;
        return Ok(Some((text.to_owned(), file)));
    }
    let read = |file: &'static str| -> Result<Config, TokenizerError> {
        let Some(bytes) = folder.get(file) else { return Ok(Config::default()) };
        serde_json::from_slice(bytes).map_err(|source| malformed(file, source.into()))
    };
    let Config { chat_template, added_tokens_decoder } = read("tokenizer_config.json")?;
    let of_map = if added_tokens_decoder.is_none() { read("special_tokens_map.json")?.chat_template } else { None };
    let found = of_map.map(|templates| (templates, FIELD_OF_MAP)).or(chat_template.map(|templates| (templates, FIELD)));
    let (named, place): (Vec<(String, String)>, _) = match found {
        None => return Ok(None),
        Some((Templates::One(template), place)) => return Ok(Some((template, place))),
        Some((Templates::Many(list), place)) => {
            (list.into_iter().map(|named| (named.name, named.template)).collect(), place)
        }
        Some((Templates::ByName(map), place)) => (map.into_iter().collect(), place),
    };
    default_of(named, place).map(Some)
}

/// The template named `default` of those at a place, (name, template) each.
fn default_of(named: Vec<(String, String)>, place: &'static str) -> Result<(String, &'static str), ChatError> {
    match named.iter().position(|(name, _)| name == "default") {
        Some(index) => Ok((named.into_iter().nth(index).map(|(_, template)| template).unwrap_or_default(), place)),
        None => Err(ChatError::NoDefault { place, names: named.into_iter().map(|(name, _)| name).collect() }),
    }
}

#[cfg(test)]
pub(super) mod tests;
