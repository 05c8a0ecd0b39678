//! Which column of a file holds prompts to be answered, where no answers have to be in it.
//!
//! In: a table, and the columns that were asked for or that the model's own rows stood in. Out: the column of the prompt, and behind it
//! that of what an instruction is about, where one is named.

use crate::config::ReadOptions;
use crate::data::{DataError, Table, UsedColumn, choose_text_columns, find_column, name_rank};

/// Names of columns of prompts, best first.
const PROMPTS: &[&str] = &["prompt", "prompts", "instruction", "question", "query", "input", "text"];

/// Chooses the columns: those asked for, else a known name, else the only one that holds texts.
///
/// # Errors
/// When a named column is not there, or nothing looks like a text.
pub(super) fn choose_prompt(
    table: &Table,
    read: &ReadOptions,
    _labels: &[String],
) -> Result<Vec<UsedColumn>, DataError> {
    let names = table.columns.iter().enumerate();
    let known = names.filter_map(|(index, name)| Some((name_rank(name, PROMPTS)?, index))).min();
    let prompt = match (read.prompt_column.as_ref().or(read.text_column.as_ref()), known) {
        (Some(name), _) => find_column(table, name)?,
        (None, Some((_, index))) => index,
        (None, None) => choose_text_columns(table, read, &[])?.text,
    };
    let input = read.input_column.as_deref().map(|name| find_column(table, name)).transpose()?;
    let input = input.filter(|&index| index != prompt).map(|index| UsedColumn { role: "input", index });
    Ok([UsedColumn { role: "prompt", index: prompt }].into_iter().chain(input).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::parse;

    fn chosen(csv: &str, read: &ReadOptions) -> Result<Vec<(&'static str, usize)>, String> {
        let as_table = ReadOptions { has_header: Some(true), delimiter: Some(','), ..ReadOptions::default() };
        let table = parse("x.csv", csv.as_bytes(), &as_table).expect("a table");
        let columns = choose_prompt(&table, read, &[]).map_err(|error| error.to_string())?;
        Ok(columns.into_iter().map(|column| (column.role, column.index)).collect())
    }

    #[test]
    fn a_prompt_needs_no_answer_beside_it() {
        let read = ReadOptions::default();
        assert_eq!(chosen("id,prompt\n1,Say it.\n", &read), Ok(vec![("prompt", 1)]));
        assert_eq!(chosen("text,question\nlong text,Why?\n", &read), Ok(vec![("prompt", 1)]), "the better name");
        let named = ReadOptions { prompt_column: Some("ask".into()), ..ReadOptions::default() };
        assert_eq!(chosen("prompt,ask\na b,c d\n", &named), Ok(vec![("prompt", 1)]));
        let missing = chosen("prompt\na b\n", &named).expect_err("it is not there");
        assert!(missing.contains("\"ask\""), "{missing}");
        let with_input = ReadOptions {
            prompt_column: Some("instruction".into()),
            input_column: Some("input".into()),
            ..ReadOptions::default()
        };
        let found = chosen("input,instruction\n1 2,Add.\n", &with_input);
        assert_eq!(found, Ok(vec![("prompt", 1), ("input", 0)]));
    }
}
