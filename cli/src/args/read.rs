//! Flags that say how a data file is read.

use clap::Args;
use hone_core::config::{DataShape, Encoding, PromptFormat, ReadOptions, TextCleaning};

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
    /// Column that holds a text which does not belong to the pair (sentence-embedding) [default: guessed]
    #[arg(long, value_name = "COLUMN")]
    negative_column: Option<String>,
    /// Column that holds the names of the image files (image-classification) [default: guessed]
    #[arg(long, value_name = "COLUMN")]
    image_column: Option<String>,
    /// Column that holds the label, number, score, tags or spans; given more than once: columns that each hold one label (0
    /// or 1) or one number [default: guessed]
    #[arg(long, value_name = "COLUMN")]
    label_column: Vec<String>,
    /// What stands between the labels of a cell (multi-label): one character, or tab [default: guessed]
    #[arg(long, value_name = "CHAR")]
    label_separator: Option<String>,
    /// Column that holds the tokens, or one token (token-classification) [default: guessed]
    #[arg(long, value_name = "COLUMN")]
    tokens_column: Option<String>,
    /// Column that tells sentences apart where a row is one token (token-classification) [default: guessed]
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
    /// Column that holds the target, which a text is turned into (seq2seq-lm) [default: guessed]
    #[arg(long, value_name = "COLUMN")]
    target_column: Option<String>,
    /// What is written before every text that is turned into another, such as "summarize: " (seq2seq-lm) [default: nothing,
    /// or what the model was trained with]
    #[arg(long, value_name = "TEXT", allow_hyphen_values = true)]
    source_prefix: Option<String>,
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
    /// Sheet of a workbook (.xlsx, .ods) [default: the first with rows]
    #[arg(long, value_name = "NAME")]
    sheet: Option<String>,
    /// Read a label as another one, such as biling=Billing; may be given more than once
    #[arg(long, value_name = "FROM=TO")]
    merge_label: Vec<String>,
    /// What texts are cleaned of as they are read: damage, markup (HTML), personal-data, or several with commas
    #[arg(long, value_name = "OF", value_delimiter = ',')]
    clean_texts: Vec<String>,
}

impl ReadArgs {
    pub(super) fn is_empty(&self) -> bool {
        self.typed_flags().is_empty()
    }

    /// The flags that were typed.
    pub(super) fn typed_flags(&self) -> Vec<&'static str> {
        let flags = [
            ("--text-column", self.text_column.is_some()),
            ("--text-pair-column", self.text_pair_column.is_some()),
            ("--negative-column", self.negative_column.is_some()),
            ("--image-column", self.image_column.is_some()),
            ("--label-column", !self.label_column.is_empty()),
            ("--label-separator", self.label_separator.is_some()),
            ("--tokens-column", self.tokens_column.is_some()),
            ("--sentence-column", self.sentence_column.is_some()),
            ("--question-column", self.question_column.is_some()),
            ("--context-column", self.context_column.is_some()),
            ("--answer-column", self.answer_column.is_some()),
            ("--target-column", self.target_column.is_some()),
            ("--source-prefix", self.source_prefix.is_some()),
            ("--shape", self.shape.is_some()),
            ("--prompt-column", self.prompt_column.is_some()),
            ("--input-column", self.input_column.is_some()),
            ("--completion-column", self.completion_column.is_some()),
            ("--messages-column", self.messages_column.is_some()),
            ("--prompt-format", self.prompt_format.is_some()),
            ("--as-chat", self.as_chat),
            ("--delimiter", self.delimiter.is_some()),
            ("--header", self.header.is_some()),
            ("--header-row", self.header_row.is_some()),
            ("--encoding", self.encoding.is_some()),
            ("--sheet", self.sheet.is_some()),
            ("--merge-label", !self.merge_label.is_empty()),
            ("--clean-texts", !self.clean_texts.is_empty()),
        ];
        flags.into_iter().filter(|(_, is_typed)| *is_typed).map(|(flag, _)| flag).collect()
    }

    /// The header's row, the encoding, the labels to merge and what texts are cleaned of.
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
        if self.sheet.is_some() {
            read.sheet.clone_from(&self.sheet);
        }
        for text in &self.merge_label {
            match text.split_once('=') {
                Some((from, to)) => {
                    read.merge_labels.insert(from.trim().to_owned(), to.trim().to_owned());
                }
                None => problems.push(format!("--merge-label: {text:?} is not of the form FROM=TO")),
            }
        }
        for text in &self.clean_texts {
            match TextCleaning::from_name(text) {
                Some(of) => {
                    read.clean_texts.insert(of);
                }
                None => {
                    let names = TextCleaning::ALL.map(TextCleaning::name).join(", ");
                    problems.push(format!("--clean-texts: {text:?} is not one of {names}"));
                }
            }
        }
        problems.extend(as_flags(&read.check()));
    }

    /// What was typed laid over `base`; what is wrong with it goes to `problems`.
    pub(super) fn over(&self, base: &ReadOptions, problems: &mut Vec<String>) -> ReadOptions {
        let mut read = base.clone();
        self.lay_columns(&mut read, problems);
        self.lay_label_columns(&mut read, problems);
        self.lay_form(&mut read, problems);
        self.lay_characters(&mut read, problems);
        self.lay_layout(&mut read, problems);
        problems.extend(self.unused_of_shape(&read));
        if self.negative_column.is_some() && !self.label_column.is_empty() {
            problems.push("--label-column: has no effect beside --negative-column".to_owned());
        }
        read
    }

    fn lay_columns(&self, read: &mut ReadOptions, problems: &mut Vec<String>) {
        let columns = [
            ("--text-column", &self.text_column, &mut read.text_column),
            ("--text-pair-column", &self.text_pair_column, &mut read.text_pair_column),
            ("--negative-column", &self.negative_column, &mut read.negative_column),
            ("--image-column", &self.image_column, &mut read.image_column),
            ("--tokens-column", &self.tokens_column, &mut read.tokens_column),
            ("--sentence-column", &self.sentence_column, &mut read.sentence_column),
            ("--question-column", &self.question_column, &mut read.question_column),
            ("--context-column", &self.context_column, &mut read.context_column),
            ("--answer-column", &self.answer_column, &mut read.answer_column),
            ("--target-column", &self.target_column, &mut read.target_column),
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
    }

    fn lay_label_columns(&self, read: &mut ReadOptions, problems: &mut Vec<String>) {
        match self.label_column.as_slice() {
            [] => {}
            names if names.iter().any(|name| name.trim().is_empty()) => {
                problems.push("--label-column: is empty; name a column, or leave the flag out".to_owned());
            }
            [one] => (read.label_column, read.label_columns) = (Some(one.clone()), Vec::new()),
            several => (read.label_column, read.label_columns) = (None, several.to_vec()),
        }
    }

    /// The form of rows, and what is written around their texts.
    fn lay_form(&self, read: &mut ReadOptions, problems: &mut Vec<String>) {
        if self.source_prefix.is_some() {
            read.source_prefix.clone_from(&self.source_prefix); // an empty one says that there is none
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
    }

    /// What separates fields and labels, and whether the first row names the columns.
    fn lay_characters(&self, read: &mut ReadOptions, problems: &mut Vec<String>) {
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
    }

    /// Typed columns that rows of the shape which was chosen, or which follows from the columns, do not have.
    fn unused_of_shape(&self, read: &ReadOptions) -> Vec<String> {
        let by_columns = if read.messages_column.is_some() {
            Some(DataShape::Messages)
        } else if read.input_column.is_some() {
            Some(DataShape::Instruction)
        } else {
            let has_pair = read.prompt_column.is_some() || read.completion_column.is_some();
            has_pair.then_some(DataShape::PromptCompletion)
        };
        let Some(shape) = read.shape.or(by_columns) else { return Vec::new() };
        let pairs = &[DataShape::PromptCompletion, DataShape::Instruction][..];
        let columns = [
            ("--text-column", &self.text_column, &[DataShape::Text][..]),
            ("--prompt-column", &self.prompt_column, pairs),
            ("--input-column", &self.input_column, &[DataShape::Instruction]),
            ("--completion-column", &self.completion_column, pairs),
            ("--messages-column", &self.messages_column, &[DataShape::Messages]),
        ];
        let unused = columns.into_iter().filter(|(_, typed, shapes)| typed.is_some() && !shapes.contains(&shape));
        unused.map(|(flag, ..)| format!("{flag}: has no effect on rows of the shape {}", shape.name())).collect()
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
    fn what_texts_are_cleaned_of_goes_over_that_of_the_job() {
        let base = ReadOptions { clean_texts: [TextCleaning::Damage].into(), ..ReadOptions::default() };
        let (read, problems) = over(&["--clean-texts", "markup,personal-data"], &base);
        assert!(read.clean_texts.iter().copied().eq(TextCleaning::ALL) && problems.is_empty(), "{problems:?}");
        let (_, problems) = over(&["--clean-texts", "html"], &base);
        assert_eq!(problems, ["--clean-texts: \"html\" is not one of damage, markup, personal-data"]);
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
    fn a_prefix_is_taken_to_the_letter_and_an_empty_one_takes_that_of_a_job_away() {
        let flags = ["--target-column", "b", "--source-prefix", "translate en to de: "];
        let (read, problems) = over(&flags, &ReadOptions::default());
        assert!(problems.is_empty(), "{problems:?}");
        assert_eq!(
            (read.target_column.as_deref(), read.source_prefix.as_deref()),
            (Some("b"), Some("translate en to de: "))
        );
        assert_eq!(over(&[], &read).0, read);
        assert_eq!(over(&["--source-prefix", ""], &read).0.prefix_of_sources(), "");
    }

    #[test]
    fn columns_of_another_shape_are_named() {
        let problems = |flags: &[&str], base: &ReadOptions| over(flags, base).1;
        let default = ReadOptions::default();
        let found = problems(&["--shape", "text", "--prompt-column", "a"], &default);
        assert_eq!(found, ["--prompt-column: has no effect on rows of the shape text"]);
        let found = problems(&["--messages-column", "m", "--text-column", "t"], &default);
        assert_eq!(found, ["--text-column: has no effect on rows of the shape messages"]);
        assert!(problems(&["--prompt-column", "p", "--input-column", "i"], &default).is_empty());
        // What a job says of its own shape is no flag.
        let job = ReadOptions { shape: Some(DataShape::Text), text_column: Some("t".into()), ..default.clone() };
        assert!(problems(&["--shape", "messages", "--messages-column", "m"], &job).is_empty());
        let found = problems(&["--negative-column", "n", "--label-column", "l"], &default);
        assert_eq!(found, ["--label-column: has no effect beside --negative-column"]);
    }

    #[test]
    fn what_can_not_be_is_named_with_its_flag() {
        for (flags, start) in [
            (&["--encoding", "ebcdic"][..], "--encoding: \"ebcdic\" is not one of utf-8, "),
            (&["--header-row", "two"][..], "--header-row: \"two\" is not the number of a row"),
            (&["--header-row", "0"][..], "--header-row: rows are counted from 1"),
            (&["--header-row", "2", "--header", "no"][..], "--header-row: names the row of the header"),
            (&["--label-column", " "][..], "--label-column: is empty"),
            (&["--target-column", ""][..], "--target-column: is empty"),
            (&["--image-column", " "][..], "--image-column: is empty"),
            (&["--source-prefix", "a {prompt}"][..], "--source-prefix: can't hold {prompt}"),
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
