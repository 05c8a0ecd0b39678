//! Flags that say how a data file is read.

use clap::Args;
use hone_core::config::{DataShape, ReadOptions};

/// How a data file is read.
#[derive(Debug, Default, Args)]
#[command(next_help_heading = "Reading the data")]
pub(crate) struct ReadArgs {
    /// Column that holds the text [default: guessed]
    #[arg(long, value_name = "COLUMN")]
    text_column: Option<String>,
    /// Column that holds the label [default: guessed]
    #[arg(long, value_name = "COLUMN")]
    label_column: Option<String>,
    /// What an example is to a language model: text, prompt_completion, instruction or messages [default: guessed]
    #[arg(long, value_name = "SHAPE")]
    shape: Option<String>,
    /// Column that holds the prompt or the instruction [default: guessed]
    #[arg(long, value_name = "COLUMN")]
    prompt_column: Option<String>,
    /// Column that holds what an instruction is about [default: guessed]
    #[arg(long, value_name = "COLUMN")]
    input_column: Option<String>,
    /// Column that holds the completion or the output [default: guessed]
    #[arg(long, value_name = "COLUMN")]
    completion_column: Option<String>,
    /// Column that holds conversations [default: guessed]
    #[arg(long, value_name = "COLUMN")]
    messages_column: Option<String>,
    /// Make conversations of prompts and completions, with the model's chat template
    #[arg(long)]
    as_chat: bool,
    /// Field separator: one character, or tab [default: guessed]
    #[arg(long, value_name = "CHARACTER")]
    delimiter: Option<String>,
    /// Whether the first row names the columns: yes or no [default: guessed]
    #[arg(long, value_name = "YES|NO")]
    header: Option<String>,
}

impl ReadArgs {
    pub(super) fn is_empty(&self) -> bool {
        let typed = [
            &self.text_column,
            &self.label_column,
            &self.shape,
            &self.prompt_column,
            &self.input_column,
            &self.completion_column,
            &self.messages_column,
            &self.delimiter,
            &self.header,
        ];
        !self.as_chat && typed.iter().all(|field| field.is_none())
    }

    pub(super) fn over(&self, base: &ReadOptions, problems: &mut Vec<String>) -> ReadOptions {
        let mut read = base.clone();
        let columns = [
            ("--text-column", &self.text_column, &mut read.text_column),
            ("--label-column", &self.label_column, &mut read.label_column),
            ("--prompt-column", &self.prompt_column, &mut read.prompt_column),
            ("--input-column", &self.input_column, &mut read.input_column),
            ("--completion-column", &self.completion_column, &mut read.completion_column),
            ("--messages-column", &self.messages_column, &mut read.messages_column),
        ];
        for (flag, typed, column) in columns {
            match typed.as_deref().map(str::trim) {
                Some("") => problems.push(format!("{flag}: is empty; name a column, or leave the flag out")),
                Some(_) => *column = typed.clone(),
                None => {}
            }
        }
        read.as_chat |= self.as_chat;
        if let Some(text) = &self.shape {
            match DataShape::ALL.into_iter().find(|shape| shape.name() == text) {
                Some(shape) => read.shape = Some(shape),
                None => {
                    let names = DataShape::ALL.map(DataShape::name).join(", ");
                    problems.push(format!("--shape: {text:?} is not one of {names}"));
                }
            }
        }
        if let Some(text) = &self.delimiter {
            let mut characters = text.chars();
            match (text.as_str(), characters.next(), characters.next()) {
                ("tab" | "\\t", ..) => read.delimiter = Some('\t'),
                (_, Some(one), None) => read.delimiter = Some(one),
                _ => problems.push(format!("--delimiter: {text:?} is not one character or tab")),
            }
        }
        if let Some(text) = &self.header {
            match text.as_str() {
                "yes" => read.has_header = Some(true),
                "no" => read.has_header = Some(false),
                _ => problems.push(format!("--header: {text:?} is not one of yes, no")),
            }
        }
        read
    }
}
