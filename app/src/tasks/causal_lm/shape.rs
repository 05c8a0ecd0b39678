//! What a row of texts is made of, and which columns hold its parts. Plain data, tested natively.

use hone_core::config::{DataShape, ReadOptions};
use hone_core::task::DataReport;

use crate::state::report::{ColumnRole, forget_columns};

const TEXT: &[ColumnRole] = &[ColumnRole::TEXT];

const PAIR: &[ColumnRole] = &[
    ColumnRole::needed("prompt", "Prompt", "prompt-column", |read| &mut read.prompt_column),
    ColumnRole::needed("completion", "Answer", "completion-column", |read| &mut read.completion_column),
];

const INSTRUCTION: &[ColumnRole] = &[
    ColumnRole::needed("instruction", "Instruction", "prompt-column", |read| &mut read.prompt_column),
    ColumnRole::optional("input", "Input to it", "input-column", |read| &mut read.input_column),
    ColumnRole::needed("output", "Output", "completion-column", |read| &mut read.completion_column),
];

const MESSAGES: &[ColumnRole] =
    &[ColumnRole::needed("messages", "Conversation", "messages-column", |read| &mut read.messages_column)];

/// What a column can be to a row of a shape, in the order in which it is read.
pub(super) fn roles(shape: DataShape) -> &'static [ColumnRole] {
    match shape {
        DataShape::Text => TEXT,
        DataShape::PromptCompletion => PAIR,
        DataShape::Instruction => INSTRUCTION,
        DataShape::Messages => MESSAGES,
    }
}

/// Takes another shape. Every part of it gets a column: one of that name, else the one that was used for the same, else
/// the first that is left; what is wrong can then be corrected.
pub(super) fn choose_shape(read: &mut ReadOptions, report: &DataReport, shape: DataShape) {
    forget_columns(read);
    // How prompt and answer are joined was chosen for another shape.
    read.prompt_format = None;
    read.shape = Some(shape);
    let mut taken: Vec<&str> = Vec::new();
    for one in roles(shape) {
        let is_free = |column: &&str| !taken.contains(column);
        let names = || report.columns.iter().map(String::as_str);
        let named = names().find(|column| column.trim().eq_ignore_ascii_case(one.role));
        let like = match one.role {
            "prompt" => "instruction",
            "instruction" => "prompt",
            "completion" => "output",
            "output" => "completion",
            other => other,
        };
        let found = named.filter(is_free).or_else(|| report.column_of(like).filter(is_free));
        let found = if one.is_optional { found } else { found.or_else(|| names().find(is_free)) };
        taken.extend(found);
        *(one.wish)(read) = found.map(str::to_owned);
    }
}

#[cfg(test)]
mod tests {
    use super::super::data::tests::report;
    use super::*;
    use crate::state::report::choose_column;

    fn name(name: &str) -> Option<String> {
        Some(name.into())
    }

    #[test]
    fn columns_change_places() {
        let pair = report(&["q", "a", "id"], DataShape::PromptCompletion, &[("q", "prompt"), ("a", "completion")]);
        let mut read = ReadOptions::default();
        choose_column(&mut read, &pair, PAIR, "prompt", "a");
        assert_eq!((read.prompt_column.clone(), read.completion_column.clone()), (name("a"), name("q")));
        choose_column(&mut read, &pair, PAIR, "completion", "id");
        assert_eq!((read.prompt_column, read.completion_column), (name("q"), name("id")));
    }

    #[test]
    fn another_shape_gets_columns_for_all_its_parts() {
        let text = report(&["subject", "text", "output"], DataShape::Text, &[("text", "text")]);
        let mut read = ReadOptions { has_header: Some(true), text_column: name("text"), ..ReadOptions::default() };
        choose_shape(&mut read, &text, DataShape::Instruction);
        let expected = ReadOptions {
            has_header: Some(true),
            shape: Some(DataShape::Instruction),
            prompt_column: name("subject"),
            completion_column: name("output"),
            ..ReadOptions::default()
        };
        assert_eq!(read, expected);

        let pair = report(&["q", "a"], DataShape::PromptCompletion, &[("a", "prompt"), ("q", "completion")]);
        choose_shape(&mut read, &pair, DataShape::Instruction);
        assert_eq!((read.prompt_column, read.completion_column), (name("a"), name("q")));
    }

    #[test]
    fn a_plain_text_has_no_columns_to_name() {
        let plain = report(&[], DataShape::Text, &[]);
        let mut read = ReadOptions::default();
        choose_shape(&mut read, &plain, DataShape::Messages);
        assert_eq!(read, ReadOptions { shape: Some(DataShape::Messages), ..ReadOptions::default() });
    }
}
