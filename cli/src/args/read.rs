//! Flags that say how a data file is read.

use clap::Args;
use hone_core::config::{DataShape, Encoding, PromptFormat, ReadOptions};

use super::as_flags;

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
    /// How prompt and answer are joined: plain (as they stand), newline, qa, chat (the model's template), or a text with
    /// {prompt} and {completion} [default: guessed]
    #[arg(long, value_name = "FORMAT", allow_hyphen_values = true)]
    prompt_format: Option<String>,
    /// The same as --prompt-format chat
    #[arg(long, hide = true, conflicts_with = "prompt_format")]
    as_chat: bool,
    /// Field separator: one character, or tab [default: guessed]
    #[arg(long, value_name = "CHARACTER")]
    delimiter: Option<String>,
    /// Whether the first row names the columns: yes or no [default: guessed]
    #[arg(long, value_name = "YES|NO")]
    header: Option<String>,
    /// Row that names the columns, counted from 1; the rows above it are skipped. Validation and test files may have
    /// it in another row [default: guessed]
    #[arg(long, value_name = "ROW")]
    header_row: Option<String>,
    /// Character encoding: utf-8, utf-16le, utf-16be, windows-1252, windows-1250, windows-1251 or macintosh [default:
    /// guessed]
    #[arg(long, value_name = "ENCODING")]
    encoding: Option<String>,
    /// Read a label as another one, such as biling=Billing; may be given more than once
    #[arg(long, value_name = "FROM=TO")]
    merge_label: Vec<String>,
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
            &self.prompt_format,
            &self.delimiter,
            &self.header,
            &self.header_row,
            &self.encoding,
        ];
        !self.as_chat && self.merge_label.is_empty() && typed.iter().all(|field| field.is_none())
    }

    /// The header's row, the encoding and the labels to merge.
    fn lay_layout(&self, read: &mut ReadOptions, problems: &mut Vec<String>) {
        match self.header_row.as_ref().map(|text| (text, text.parse())) {
            Some((_, Ok(row))) => {
                read.header_row = Some(row);
                // What the job said of a header gives way.
                read.has_header = if self.header.is_some() { read.has_header } else { None };
            }
            Some((text, Err(_))) => problems.push(format!("--header-row: {text:?} is not the number of a row")),
            None if self.header.is_some() => read.header_row = None,
            None => {}
        }
        if let Some(text) = &self.encoding {
            match Encoding::from_name(text) {
                Some(encoding) => read.encoding = Some(encoding),
                None => {
                    let names = Encoding::ALL.map(Encoding::name).join(", ");
                    problems.push(format!("--encoding: {text:?} is not one of {names}"));
                }
            }
        }
        for text in &self.merge_label {
            match text.split_once('=') {
                Some((from, to)) => {
                    read.merge_labels.insert(from.trim().to_owned(), to.trim().to_owned());
                }
                None => problems.push(format!("--merge-label: {text:?} is not of the form FROM=TO")),
            }
        }
        problems.extend(as_flags(&read.check()));
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
        if self.as_chat {
            read.prompt_format = Some(PromptFormat::Chat);
        }
        match self.prompt_format.as_deref().map(PromptFormat::parse_typed) {
            Some(Ok(format)) => read.prompt_format = Some(format),
            Some(Err(error)) => problems.push(format!("--prompt-format: {error}")),
            None => {}
        }
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
        self.lay_layout(&mut read, problems);
        read
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Parser)]
    struct Line {
        #[command(flatten)]
        read: ReadArgs,
    }

    fn over(flags: &[&str], base: &ReadOptions) -> (ReadOptions, Vec<String>) {
        let line = Line::try_parse_from(["hone"].iter().chain(flags)).expect("parses");
        let mut problems = Vec::new();
        (line.read.over(base, &mut problems), problems)
    }

    #[test]
    fn encoding_header_row_and_merged_labels_reach_the_options() {
        let flags = ["--encoding", "Windows-1252", "--header-row", "3", "--merge-label", "biling = Billing"];
        let base = ReadOptions { has_header: Some(false), ..ReadOptions::default() };
        let (read, problems) = over(&flags, &base);
        assert!(problems.is_empty(), "{problems:?}");
        assert_eq!((read.encoding, read.header_row, read.has_header), (Some(Encoding::Windows1252), Some(3), None));
        assert_eq!(read.merged_label("biling"), "Billing");
        let (read, problems) = over(&["--header", "no"], &read);
        assert_eq!((read.header_row, read.has_header, problems.len()), (None, Some(false), 0));
    }

    #[test]
    fn what_can_not_be_is_named_with_its_flag() {
        for (flags, start) in [
            (&["--encoding", "ebcdic"][..], "--encoding: \"ebcdic\" is not one of utf-8, "),
            (&["--header-row", "two"][..], "--header-row: \"two\" is not the number of a row"),
            (&["--header-row", "0"][..], "--header-row: rows are counted from 1"),
            (&["--header-row", "2", "--header", "no"][..], "--header-row: names the row of the header"),
            (&["--merge-label", "biling"][..], "--merge-label: \"biling\" is not of the form FROM=TO"),
            (&["--merge-label", "a=b", "--merge-label", "b=a"][..], "--merge-label: \"a\" is read as \"b\""),
        ] {
            let (_, problems) = over(flags, &ReadOptions::default());
            assert!(problems.first().is_some_and(|problem| problem.starts_with(start)), "{problems:?}");
        }
    }
}
