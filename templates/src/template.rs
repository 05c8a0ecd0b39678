//! A template, compiled and rendered by `minijinja`. In: its text, and what it is given. Out: the text that it writes.

use std::sync::Arc;

use minijinja::value::{Kwargs, Serde};
use minijinja::{Environment, Value};
use serde::{Deserialize, Serialize};

use crate::functions::{raise_exception, strftime, to_json};
use crate::limits::{BoundedText, Excess, Limits, fuel, limit, written_limit};
use crate::text::prepare;
use crate::{Rendering, TemplateDate, TemplateError};

/// Name of the template within the environment.
const NAME: &str = "chat_template";

/// A value as a template takes it.
#[derive(Debug, Clone)]
pub struct TemplateValue(Value);

impl TemplateValue {
    /// Takes what JSON can hold.
    pub fn new(value: &impl Serialize) -> Self {
        Self(Value::from(Serde(value)))
    }
}

/// A compiled template.
#[derive(Debug)]
pub struct Template {
    environment: Environment<'static>,
    limits: Arc<Limits>,
}

/// What a template is given, as JSON.
#[derive(Deserialize)]
struct Given {
    messages: Vec<serde_json::Value>,
    variables: serde_json::Map<String, serde_json::Value>,
    num_bytes: usize,
    is_marking: bool,
}

impl Template {
    /// Compiles a template for conversations of a day.
    ///
    /// # Errors
    /// When it is not Jinja, or Jinja that this build does not know, or it is too much.
    pub fn compile(source: &str, date: TemplateDate) -> Result<Self, TemplateError> {
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
        let prepared = prepare(source).map_err(|(line, excess)| excessive(line, excess))?;
        environment.add_template_owned(NAME, prepared).map_err(|error| {
            let (line, message) = line_and_message(&error);
            Excess::of(&error).map_or(TemplateError::Broken { line, message }, |excess| excessive(line, excess))
        })?;
        Ok(Self { environment, limits })
    }

    /// Writes it.
    ///
    /// # Errors
    /// When it refuses what it is given, fails on it, or asks for more than that is worth.
    pub fn render(&self, rendering: &Rendering<'_, TemplateValue>) -> Result<String, TemplateError> {
        let Rendering { messages, variables, num_bytes, is_marking } = *rendering;
        let messages: Vec<Value> = messages.iter().map(|message| message.0.clone()).collect();
        let mut variables: Vec<(&str, Value)> =
            variables.iter().map(|(name, value)| (*name, value.0.clone())).collect();
        let mut environment = self.environment.clone();
        environment.set_fuel(Some(fuel(messages.len())));
        variables.push(("messages", Value::from(messages)));
        self.limits.begin(num_bytes, is_marking);
        let template = environment.get_template(NAME).map_err(|error| explain(&error))?;
        let mut room = written_limit(num_bytes);
        let mut text = BoundedText::new(|num_bytes: usize| {
            let left = room.checked_sub(num_bytes);
            room = left.unwrap_or(room);
            left.is_some()
        });
        let written = template.render_captured_to(Value::from_pairs(variables), &mut text).map(drop);
        match written {
            Ok(()) => Ok(text.into_text()),
            Err(error) if text.is_full => Err(excessive(line_and_message(&error).0, Excess::Text)),
            Err(error) => Err(explain(&error)),
        }
    }

    /// Writes it with what it is given as JSON: an object of `messages`, `variables`, `num_bytes` and `is_marking`, as in
    /// [`Rendering`].
    ///
    /// # Errors
    /// As [`render`](Self::render), and when values lie deeper within each other than JSON is read.
    pub fn render_json(&self, json: &str) -> Result<String, TemplateError> {
        let given: Given = serde_json::from_str(json).map_err(|error| TemplateError::Excessive {
            line: 1,
            message: format!("is given what can't be handed over: {error}"),
        })?;
        let messages: Vec<TemplateValue> = given.messages.iter().map(TemplateValue::new).collect();
        let variables: Vec<(&str, TemplateValue)> =
            given.variables.iter().map(|(name, value)| (name.as_str(), TemplateValue::new(value))).collect();
        let Given { num_bytes, is_marking, .. } = given;
        self.render(&Rendering { messages: &messages, variables: &variables, num_bytes, is_marking })
    }
}

fn excessive(line: usize, excess: Excess) -> TemplateError {
    TemplateError::Excessive { line, message: excess.to_string() }
}

/// What ended the rendering.
fn explain(error: &minijinja::Error) -> TemplateError {
    let (line, message) = line_and_message(error);
    Excess::of(error).map_or(TemplateError::Refused { line, message }, |excess| excessive(line, excess))
}

/// Line and message of an error.
fn line_and_message(error: &minijinja::Error) -> (usize, String) {
    let message = error.detail().map_or_else(|| error.kind().to_string(), str::to_owned);
    (error.line().unwrap_or(1), message)
}
