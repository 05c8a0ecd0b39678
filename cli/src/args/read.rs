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
    /// Column that holds the second text of a pair [default: guessed]
    #[arg(long, value_name = "COLUMN")]
    text_pair_column: Option<String>,
    /// Column that holds a hard negative [default: guessed]
    #[arg(long, value_name = "COLUMN")]
    negative_column: Option<String>,
    /// Column that holds the label; given more than once: columns that each hold one label (0 or 1) or one number [default:
    /// guessed]
    #[arg(long, value_name = "COLUMN")]
    label_column: Vec<String>,
    /// What stands between several labels in a cell: one character, or tab [default: guessed]
    #[arg(long, value_name = "CHAR")]
    label_separator: Option<String>,
    /// Column that holds the tokens, or one token [default: guessed]
    #[arg(long, value_name = "COLUMN")]
    tokens_column: Option<String>,
    /// Column that tells sentences apart [default: guessed]
    #[arg(long, value_name = "COLUMN")]
    sentence_column: Option<String>,
    /// Column that holds the question [default: guessed]
    #[arg(long, value_name = "COLUMN")]
    question_column: Option<String>,
    /// Column that holds the context of a question [default: guessed]
    #[arg(long, value_name = "COLUMN")]
    context_column: Option<String>,
    /// Column that holds the answers [default: guessed]
    #[arg(long, value_name = "COLUMN")]
    answer_column: Option<String>,
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
            &self.text_pair_column,
            &self.negative_column,
            &self.label_separator,
            &self.tokens_column,
            &self.sentence_column,
            &self.question_column,
            &self.context_column,
            &self.answer_column,
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
        let has_none = self.label_column.is_empty() && self.merge_label.is_empty();
        !self.as_chat && has_none && typed.iter().all(|field| field.is_none())
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
            ("--text-pair-column", &self.text_pair_column, &mut read.text_pair_column),
            ("--negative-column", &self.negative_column, &mut read.negative_column),
            ("--tokens-column", &self.tokens_column, &mut read.tokens_column),
            ("--sentence-column", &self.sentence_column, &mut read.sentence_column),
            ("--question-column", &self.question_column, &mut read.question_column),
            ("--context-column", &self.context_column, &mut read.context_column),
            ("--answer-column", &self.answer_column, &mut read.answer_column),
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
        match self.label_column.as_slice() {
            [] => {}
            names if names.iter().any(|name| name.trim().is_empty()) => {
                problems.push("--label-column: is empty; name a column, or leave the flag out".to_owned());
            }
            [one] => (read.label_column, read.label_columns) = (Some(one.clone()), Vec::new()),
            several => (read.label_column, read.label_columns) = (None, several.to_vec()),
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
        let characters = [
            ("--delimiter", &self.delimiter, &mut read.delimiter),
            ("--label-separator", &self.label_separator, &mut read.label_separator),
        ];
        for (flag, typed, character) in characters {
            let Some(text) = typed else { continue };
            let mut letters = text.chars();
            match (text.as_str(), letters.next(), letters.next()) {
                ("tab" | "\\t", ..) => *character = Some('\t'),
                (_, Some(one), None) => *character = Some(one),
                _ => problems.push(format!("{flag}: {text:?} is not one character or tab")),
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
    fn one_column_of_labels_or_several_and_what_separates_labels_reach_the_options() {
        let (read, problems) = over(&["--label-column", "a", "--label-separator", "|"], &ReadOptions::default());
        assert_eq!((read.label_column.as_deref(), read.label_separator), (Some("a"), Some('|')));
        assert!(problems.is_empty(), "{problems:?}");
        let (read, _) = over(&["--label-column", "b", "--label-column", "c"], &read);
        assert_eq!((read.label_column.as_deref(), &read.label_columns), (None, &vec!["b".to_owned(), "c".to_owned()]));
        let (read, _) = over(&["--label-column", "d", "--label-separator", "tab"], &read);
        assert_eq!((read.label_columns.len(), read.label_separator), (0, Some('\t')));
    }

    #[test]
    fn what_can_not_be_is_named_with_its_flag() {
        for (flags, start) in [
            (&["--encoding", "ebcdic"][..], "--encoding: \"ebcdic\" is not one of utf-8, "),
            (&["--header-row", "two"][..], "--header-row: \"two\" is not the number of a row"),
            (&["--header-row", "0"][..], "--header-row: rows are counted from 1"),
            (&["--header-row", "2", "--header", "no"][..], "--header-row: names the row of the header"),
            (&["--label-column", " "][..], "--label-column: is empty"),
            (&["--label-separator", "; "][..], "--label-separator: \"; \" is not one character or tab"),
            (&["--label-separator", "x"][..], "--label-separator: 'x' can't stand between labels"),
            (&["--merge-label", "biling"][..], "--merge-label: \"biling\" is not of the form FROM=TO"),
            (&["--merge-label", "a=b", "--merge-label", "b=a"][..], "--merge-label: \"a\" is read as \"b\""),
        ] {
            let (_, problems) = over(flags, &ReadOptions::default());
            assert!(problems.first().is_some_and(|problem| problem.starts_with(start)), "{problems:?}");
        }
    }
}
