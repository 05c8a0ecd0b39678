//! How a prompt and its answer become one text: in training, when texts are measured, and when the model writes.
//!
//! In: the name of a format, or a person's own text with `{prompt}` and `{completion}`. Out: what the model reads, and
//! what it learns to write after it.

use serde::{Deserialize, Deserializer, Serialize};

use super::{DataShape, ReadOptions};

/// Where the prompt stands in a text of a person's own.
const PROMPT: &str = "{prompt}";

/// Where the answer stands in it.
const COMPLETION: &str = "{completion}";

/// What stands before and after an instruction in the prompt of Stanford Alpaca
/// (<https://github.com/tatsu-lab/stanford_alpaca>, `train.py`), where the instruction has no input.
const ALPACA: [&str; 2] = [
    "Below is an instruction that describes a task. Write a response that appropriately completes the \
     request.\n\n### Instruction:\n",
    "\n\n### Response:",
];

/// An instruction, and what it is about below it.
pub(crate) fn with_input_below(instruction: &str, input: &str) -> String {
    if input.trim().is_empty() { instruction.to_owned() } else { [instruction, "\n\n", input].concat() }
}

/// The prompt of Stanford Alpaca, to the letter.
pub(crate) fn alpaca_prompt(instruction: &str, input: &str) -> String {
    if input.trim().is_empty() {
        return [ALPACA[0], instruction, ALPACA[1]].concat();
    }
    format!(
        "Below is an instruction that describes a task, paired with an input that provides further context. Write a \
         response that appropriately completes the request.\n\n### Instruction:\n{instruction}\n\n### \
         Input:\n{input}\n\n### Response:"
    )
}

/// How a prompt and its answer are joined.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum PromptFormat {
    /// As they stand in the file, with nothing between them.
    #[default]
    Plain,
    /// With a line break between them.
    Newline,
    /// `Q: …`, and on the next line `A: …`.
    QuestionAnswer,
    /// As a user's turn and the assistant's, written by the model's chat template.
    Chat,
    /// As a person's own text says.
    Own(OwnFormat),
}

/// A text that holds `{prompt}` once and ends with `{completion}`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OwnFormat(String);

/// A text that says of no prompt and answer how they are joined.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PromptFormatError {
    /// Neither a name nor a text with places for both.
    #[error("{text:?} is not one of plain, newline, qa, chat, nor a text that holds {{prompt}} and {{completion}}")]
    Unknown {
        /// What was given.
        text: String,
    },
    /// One of the two has no place.
    #[error("{place} is missing: the text must hold {{prompt}} and, at its end, {{completion}}")]
    Missing {
        /// `{prompt}` or `{completion}`.
        place: &'static str,
    },
    /// One of the two has several places.
    #[error("{place} appears more than once")]
    Repeated {
        /// `{prompt}` or `{completion}`.
        place: &'static str,
    },
    /// Something follows the answer.
    #[error("the text must end with {{completion}}: the model writes the answer last, and ends the text by itself")]
    NotLast,
}

impl PromptFormat {
    /// The formats that have a name.
    pub const NAMED: [Self; 4] = [Self::Plain, Self::Newline, Self::QuestionAnswer, Self::Chat];

    /// Reads a name, or a text that holds `{prompt}` and ends with `{completion}`.
    ///
    /// # Errors
    /// When it is neither.
    pub fn parse(text: &str) -> Result<Self, PromptFormatError> {
        if let Some(named) = Self::NAMED.into_iter().find(|format| format.to_text() == text.trim()) {
            return Ok(named);
        }
        let [has_prompt, has_completion] = [PROMPT, COMPLETION].map(|place| text.contains(place));
        if !has_prompt && !has_completion {
            return Err(PromptFormatError::Unknown { text: text.to_owned() });
        }
        for place in [PROMPT, COMPLETION] {
            match text.matches(place).count() {
                0 => return Err(PromptFormatError::Missing { place }),
                1 => {}
                _ => return Err(PromptFormatError::Repeated { place }),
            }
        }
        if !text.ends_with(COMPLETION) {
            return Err(PromptFormatError::NotLast);
        }
        Ok(Self::Own(OwnFormat(text.to_owned())))
    }

    /// As [`Self::parse`], of a text that was typed on one line: `\n` is a line break and `\t` a tab.
    ///
    /// # Errors
    /// As [`Self::parse`].
    pub fn parse_typed(text: &str) -> Result<Self, PromptFormatError> {
        Self::parse(&text.replace("\\n", "\n").replace("\\t", "\t"))
    }

    /// The name, or the person's own text: what [`Self::parse`] reads.
    #[must_use]
    pub fn to_text(&self) -> &str {
        match self {
            Self::Plain => "plain",
            Self::Newline => "newline",
            Self::QuestionAnswer => "qa",
            Self::Chat => "chat",
            Self::Own(OwnFormat(text)) => text,
        }
    }

    /// The name, or the person's own text on one line: what [`Self::parse_typed`] reads.
    #[must_use]
    pub fn to_typed(&self) -> String {
        self.to_text().replace('\n', "\\n").replace('\t', "\\t")
    }

    /// How prompt and answer are joined, after "they are joined".
    #[must_use]
    pub fn describe(&self) -> String {
        match self {
            Self::Plain => "as they stand in the file".into(),
            Self::Newline => "by a line break".into(),
            Self::QuestionAnswer => "as \"Q: …\" and, on the next line, \"A: …\"".into(),
            Self::Chat => "by the model's chat template".into(),
            Self::Own(OwnFormat(text)) => format!("as {text:?}"),
        }
    }

    /// How rows of a shape were given to a model, and so how a bare prompt is: an instruction gets Alpaca's prompt, a
    /// conversation the chat template, and what is neither is taken as it stands.
    #[must_use]
    pub fn for_rows(shape: Option<DataShape>, format: Option<&Self>) -> Self {
        match (shape, format) {
            (Some(DataShape::Messages), _) => Self::Chat,
            (Some(DataShape::Text), _) => Self::Plain,
            (Some(DataShape::Instruction), None | Some(Self::Plain)) => {
                Self::Own(OwnFormat([ALPACA[0], PROMPT, ALPACA[1], COMPLETION].concat()))
            }
            (_, format) => format.cloned().unwrap_or_default(),
        }
    }

    /// What the model is given of a prompt; `None` where the chat template writes it.
    #[must_use]
    pub fn prompt(&self, prompt: &str) -> Option<String> {
        let [before, between, _] = self.parts()?;
        let between = if prompt.is_empty() && before.is_empty() {
            "" // there is nothing to part from the answer
        } else if prompt.ends_with('\n') {
            between.strip_prefix('\n').unwrap_or(between) // the prompt brings its own line break
        } else {
            between
        };
        Some([before, prompt, between].concat())
    }

    /// What the model is given of an instruction and what it is about, as of rows with both; `None` where the chat template writes it.
    /// Alpaca's prompt has a form of its own for that, in any other the one stands below the other.
    #[must_use]
    pub fn prompt_with_input(&self, instruction: &str, input: &str) -> Option<String> {
        let is_alpaca = *self == Self::for_rows(Some(DataShape::Instruction), None);
        if is_alpaca {
            Some(alpaca_prompt(instruction, input))
        } else {
            self.prompt(&with_input_below(instruction, input))
        }
    }

    /// What the model reads of a prompt and its answer, and what it learns to write; `None` where the chat template writes
    /// both. A line break that the prompt ends with, or a space that the answer begins with, is not doubled.
    #[must_use]
    pub fn join(&self, prompt: &str, completion: &str) -> Option<[String; 2]> {
        let [_, _, space] = self.parts()?;
        let space = if completion.starts_with(char::is_whitespace) { "" } else { space };
        Some([self.prompt(prompt)?, [space, completion].concat()])
    }

    /// What stands before the prompt and after it, and spaces that the answer begins with: these are learned with its
    /// first word, since most tokenizers have one token for both.
    fn parts(&self) -> Option<[&str; 3]> {
        let template: &str = match self {
            Self::Plain => "{prompt}{completion}",
            Self::Newline => "{prompt}\n{completion}",
            Self::QuestionAnswer => "Q: {prompt}\nA: {completion}",
            Self::Chat => return None,
            Self::Own(OwnFormat(text)) => text,
        };
        let (before, after) = template.split_once(PROMPT)?;
        let after = after.strip_suffix(COMPLETION)?;
        let between = after.trim_end_matches(' ');
        Some([before, between, &after[between.len()..]])
    }
}

impl TryFrom<String> for PromptFormat {
    type Error = PromptFormatError;

    fn try_from(text: String) -> Result<Self, PromptFormatError> {
        Self::parse(&text)
    }
}

impl From<PromptFormat> for String {
    fn from(format: PromptFormat) -> Self {
        format.to_text().to_owned()
    }
}

impl ReadOptions {
    /// How a bare prompt is given to a model that was trained on rows that were read so: behind the prefix of sources, where
    /// there is one.
    #[must_use]
    pub fn format_of_prompts(&self) -> PromptFormat {
        match self.prefix_of_sources() {
            "" => PromptFormat::for_rows(self.shape, self.prompt_format.as_ref()),
            prefix => PromptFormat::Own(OwnFormat([prefix, PROMPT, COMPLETION].concat())),
        }
    }
}

/// Reads a format. Job files from before there were formats have `as_chat` instead, true or false.
pub(super) fn read_prompt_format<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<PromptFormat>, D::Error> {
    use serde::de::Error;
    match Option::<serde_json::Value>::deserialize(deserializer)? {
        None | Some(serde_json::Value::Null) => Ok(None),
        Some(serde_json::Value::Bool(as_chat)) => {
            Ok(Some(if as_chat { PromptFormat::Chat } else { PromptFormat::Plain }))
        }
        Some(serde_json::Value::String(text)) => {
            PromptFormat::parse(&text).map(Some).map_err(|error| D::Error::custom(format!("prompt_format: {error}")))
        }
        Some(other) => Err(D::Error::custom(format!("prompt_format: {other} is not a text"))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn own(text: &str) -> PromptFormat {
        PromptFormat::parse(text).expect("a good text")
    }

    fn join(format: &PromptFormat, prompt: &str, completion: &str) -> [String; 2] {
        format.join(prompt, completion).expect("not the chat template")
    }

    #[test]
    fn the_prompt_is_read_and_the_answer_is_learned() {
        let joined = |format: &PromptFormat| join(format, "Japan?", "Tokyo");
        assert_eq!(joined(&PromptFormat::Plain), ["Japan?", "Tokyo"]);
        assert_eq!(joined(&PromptFormat::Newline), ["Japan?\n", "Tokyo"]);
        assert_eq!(joined(&PromptFormat::QuestionAnswer), ["Q: Japan?\nA:", " Tokyo"]);
        assert_eq!(joined(&own("<{prompt}> = {completion}")), ["<Japan?> =", " Tokyo"]);
        assert_eq!(PromptFormat::Chat.join("a", "b"), None);
        for format in [PromptFormat::Plain, PromptFormat::Newline, PromptFormat::QuestionAnswer] {
            assert_eq!(format.prompt("Japan?"), Some(joined(&format)[0].clone()), "a bare prompt is given the same");
        }
    }

    #[test]
    fn what_the_file_brings_is_not_doubled() {
        assert_eq!(join(&PromptFormat::Plain, "a ", "\nb"), ["a ", "\nb"]);
        assert_eq!(join(&PromptFormat::Newline, "a\n", "b"), ["a\n", "b"]);
        assert_eq!(join(&PromptFormat::QuestionAnswer, "a\n", " b"), ["Q: a\nA:", " b"]);
        assert_eq!(join(&PromptFormat::Newline, "", "b"), ["", "b"]);
    }

    #[test]
    fn an_own_text_holds_both_once_and_ends_with_the_answer() {
        let reason = |text: &str| PromptFormat::parse(text).expect_err(text).to_string();
        assert!(reason("qaa").starts_with("\"qaa\" is not one of plain, newline, qa, chat"), "{}", reason("qaa"));
        assert!(reason("{completion}").starts_with("{prompt} is missing"));
        assert!(reason("Q: {prompt}").starts_with("{completion} is missing"));
        assert_eq!(reason("{prompt}{prompt}{completion}"), "{prompt} appears more than once");
        assert!(reason("{prompt} {completion}!").starts_with("the text must end with {completion}"));
        assert!(reason("{completion} {prompt}").starts_with("the text must end with {completion}"));
        let typed = PromptFormat::parse_typed("F: {prompt}\\nA: {completion}").expect("a good text");
        assert_eq!(typed, own("F: {prompt}\nA: {completion}"));
        assert_eq!(typed.to_typed(), "F: {prompt}\\nA: {completion}");
        for format in PromptFormat::NAMED {
            assert_eq!(PromptFormat::parse(format.to_text()), Ok(format));
        }
    }

    #[test]
    fn job_files_from_before_formats_are_read() {
        let read = |json: &str| serde_json::from_str::<ReadOptions>(json);
        let format = |json: &str| read(json).expect("options").prompt_format;
        assert_eq!(format("{}"), None);
        assert_eq!(format(r#"{"as_chat": true}"#), Some(PromptFormat::Chat));
        assert_eq!(format(r#"{"as_chat": false}"#), Some(PromptFormat::Plain), "there was nothing between them");
        assert_eq!(format(r#"{"prompt_format": null}"#), None);
        assert_eq!(format(r#"{"prompt_format": "qa"}"#), Some(PromptFormat::QuestionAnswer));
        let error = read(r#"{"prompt_format": "{prompt}"}"#).expect_err("no answer").to_string();
        assert!(error.contains("{completion} is missing"), "{error}");
        let options = ReadOptions { prompt_format: Some(own("{prompt}\n{completion}")), ..ReadOptions::default() };
        let json = serde_json::to_string(&options).expect("plain values");
        assert_eq!(read(&json).expect("its own JSON"), options);
        assert!(!serde_json::to_string(&ReadOptions::default()).expect("plain values").contains("prompt_format"));
    }

    #[test]
    fn a_bare_prompt_is_given_as_the_rows_were() {
        let given = |shape, format: Option<PromptFormat>| PromptFormat::for_rows(shape, format.as_ref());
        assert_eq!(given(Some(DataShape::Messages), None), PromptFormat::Chat);
        assert_eq!(given(Some(DataShape::Text), Some(PromptFormat::Newline)), PromptFormat::Plain);
        assert_eq!(given(Some(DataShape::PromptCompletion), Some(PromptFormat::Newline)), PromptFormat::Newline);
        assert_eq!(given(Some(DataShape::Instruction), Some(PromptFormat::Chat)), PromptFormat::Chat);
        assert_eq!(given(None, None), PromptFormat::Plain);
        let alpaca = given(Some(DataShape::Instruction), None).prompt("Add.").expect("a text");
        assert!(alpaca.ends_with("### Instruction:\nAdd.\n\n### Response:"), "{alpaca}");
        let read = |prefix: &str| ReadOptions { source_prefix: Some(prefix.into()), ..ReadOptions::default() };
        assert_eq!(read("").format_of_prompts(), PromptFormat::Plain);
        let prefixed = read("summarize: ").format_of_prompts();
        assert_eq!(prefixed.prompt("It rains."), Some("summarize: It rains.".to_owned()));
        assert_eq!(PromptFormat::parse(prefixed.to_text()), Ok(prefixed), "it survives its text");
    }

    #[test]
    fn what_an_instruction_is_about_stands_below_it_or_in_alpacas_own_place() {
        let alpaca = PromptFormat::for_rows(Some(DataShape::Instruction), None);
        let both = alpaca.prompt_with_input("Add.", "1 2").expect("a text");
        assert!(both.ends_with("### Instruction:\nAdd.\n\n### Input:\n1 2\n\n### Response:"), "{both}");
        assert_eq!(alpaca.prompt_with_input("Add.", " "), alpaca.prompt("Add."));
        let asked = PromptFormat::QuestionAnswer.prompt_with_input("Add.", "1 2");
        assert_eq!(asked.as_deref(), Some("Q: Add.\n\n1 2\nA:"));
        assert_eq!(PromptFormat::Chat.prompt_with_input("Add.", "1 2"), None, "its template writes it");
    }
}
