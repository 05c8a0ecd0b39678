//! How the prompts and answers of a file are joined: as asked for, else by what stands between them.
//!
//! In: a table, its columns and the wish. Out: the [`PromptFormat`] that all rows get, or why it can't be.

use super::shape::Columns;
use crate::config::{DataShape, PromptFormat};
use crate::data::{DataError, Row, Table};

/// How prompt and answer are joined, and how that was found.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct JoinedBy {
    /// `None` where there is nothing to choose: a text, a conversation, an instruction with Alpaca's prompt.
    pub(super) format: Option<PromptFormat>,
    /// Nobody asked for it.
    pub(super) is_guess: bool,
    /// What a person should know about it.
    pub(super) warning: Option<String>,
}

/// How the prompts and answers of a table are joined.
///
/// # Errors
/// When a format is asked for that these rows have no use for.
pub(super) fn joined_by(table: &Table, columns: &Columns, asked: Option<&PromptFormat>) -> Result<JoinedBy, DataError> {
    check(columns.shape(), asked)?;
    let Columns::PromptCompletion { prompt, completion } = *columns else {
        let is_chat = columns.shape() == DataShape::Instruction && asked == Some(&PromptFormat::Chat);
        return Ok(JoinedBy { format: is_chat.then_some(PromptFormat::Chat), ..JoinedBy::default() });
    };
    if let Some(asked) = asked {
        return Ok(JoinedBy { format: Some(asked.clone()), ..JoinedBy::default() });
    }
    let guess = |format, warning| JoinedBy { format: Some(format), is_guess: true, warning };
    // TRL's conversational layout: each of the two is a list of turns.
    let is_list =
        |row: &&Row| [prompt, completion].iter().any(|at| row.nested.contains(at) && row.cells[*at].starts_with('['));
    let num_lists = table.rows.iter().filter(is_list).count();
    if num_lists > 0 && 2 * num_lists >= table.rows.len() {
        return Ok(guess(PromptFormat::Chat, None));
    }
    let cells = table.rows.iter().map(|row| (row.cells[prompt].as_str(), row.cells[completion].as_str()));
    let pairs = cells.filter(|(prompt, completion)| !prompt.is_empty() && !completion.trim().is_empty());
    let (mut num_pairs, mut num_apart) = (0_usize, 0_usize);
    for (prompt, completion) in pairs {
        num_pairs += 1;
        let is_apart = prompt.ends_with(char::is_whitespace) || completion.starts_with(char::is_whitespace);
        num_apart += usize::from(is_apart);
    }
    if num_pairs > 0 && 2 * num_apart < num_pairs {
        return Ok(guess(PromptFormat::Newline, None));
    }
    let num_close = num_pairs - num_apart;
    let warning = (num_close > 0).then(|| {
        format!(
            "in {num_close} of {num_pairs} rows nothing stands between prompt and answer, in the others a space or a \
             line break does: choose how they are joined (prompt_format)"
        )
    });
    Ok(guess(PromptFormat::Plain, warning))
}

/// Refuses a format that rows of a shape have no use for.
pub(super) fn check(shape: DataShape, asked: Option<&PromptFormat>) -> Result<(), DataError> {
    let is_used = match (shape, asked) {
        (_, None | Some(PromptFormat::Plain)) | (DataShape::PromptCompletion, _) => true,
        (DataShape::Instruction | DataShape::Messages, Some(format)) => *format == PromptFormat::Chat,
        (DataShape::Text, Some(_)) => false,
    };
    match asked {
        Some(format) if !is_used => {
            Err(DataError::UnusedPromptFormat { format: format.to_typed(), shape: shape.name() })
        }
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::super::shape::choose_columns;
    use super::*;
    use crate::config::ReadOptions;
    use crate::data::parse;

    fn joined(csv: &str, asked: Option<PromptFormat>) -> Result<JoinedBy, DataError> {
        let read = ReadOptions { has_header: Some(true), delimiter: Some(','), ..ReadOptions::default() };
        let table = parse("x.csv", csv.as_bytes(), &read).expect("a table");
        let columns = choose_columns(&table, &ReadOptions::default()).expect("known names");
        joined_by(&table, &columns, asked.as_ref())
    }

    fn guessed(csv: &str) -> (Option<PromptFormat>, Option<String>) {
        let joined = joined(csv, None).expect("nothing is asked for");
        assert!(joined.is_guess);
        (joined.format, joined.warning)
    }

    #[test]
    fn a_file_that_brings_its_separator_is_taken_as_it_stands() {
        for rows in ["a:, b\nc:, d\n", "\"a \",b\n\"c\n\",d\n"] {
            assert_eq!(guessed(&format!("prompt,completion\n{rows}")), (Some(PromptFormat::Plain), None), "{rows}");
        }
        let (format, warning) = guessed("prompt,completion\na:, b\nc:, d\ne:,f\n");
        assert_eq!(format, Some(PromptFormat::Plain));
        assert!(warning.expect("one row lacks it").starts_with("in 1 of 3 rows nothing stands between"));
    }

    #[test]
    fn else_a_line_break_is_put_between() {
        let (format, warning) = guessed("question,answer\nJapan?,Tokyo\nPeru?,Lima\n");
        assert_eq!((format, warning), (Some(PromptFormat::Newline), None));
    }

    #[test]
    fn what_is_asked_for_is_taken_or_refused() {
        let pairs = "question,answer\nJapan?,Tokyo\n";
        let qa = Some(PromptFormat::QuestionAnswer);
        let taken = joined(pairs, qa.clone()).expect("pairs can be joined so");
        assert_eq!((taken.format, taken.is_guess), (qa.clone(), false));
        let error = joined("text\na\nb\n", qa.clone()).expect_err("texts have no prompts").to_string();
        assert!(error.contains("prompt_format qa has no effect on text rows"), "{error}");
        assert!(joined("text\na\nb\n", Some(PromptFormat::Chat)).is_err());
        assert!(joined("text\na\nb\n", Some(PromptFormat::Plain)).is_ok());
        let instructions = "instruction,output\nAdd.,4\n";
        assert!(joined(instructions, qa).is_err(), "they have Alpaca's prompt");
        let chat = joined(instructions, Some(PromptFormat::Chat)).expect("the template can write them");
        assert_eq!(chat.format, Some(PromptFormat::Chat));
        assert_eq!(joined(instructions, None).expect("nothing is asked for"), JoinedBy::default());
    }
}
