//! Inputs of a file that are to be answered. In: the file, how it is read, and how the task chooses its columns. Out: inputs with
//! the numbers of their rows, and all that there is to say about the rows: which are left out, which are empty.

use super::TaskInput;
use super::answers::{ChooseInputs, InputFile};
use crate::data::{BadRow, DataError, Row, TrainedRead, UsedColumn, clean_text};

/// An input, and its row in the file (or its number where it was typed).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NumberedInput {
    /// The row, as [`Row::number`].
    pub row: usize,
    /// Its name in the file.
    pub id: Option<String>,
    /// The input.
    pub input: TaskInput,
}

/// The inputs of a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InputTable {
    /// The inputs, in the order of the file.
    pub inputs: Vec<NumberedInput>,
    /// All columns of the file.
    pub columns: Vec<String>,
    /// The columns that are read, the first text first.
    pub used: Vec<String>,
    /// Their roles: `text`, `second text`, `question`.
    pub roles: Vec<&'static str>,
    /// The first row named the columns.
    pub has_header: bool,
    /// Between fields; `None` where there is nothing.
    pub delimiter: Option<char>,
    /// How the file was read, where that was not obvious.
    pub notes: Vec<String>,
    /// The texts of the training stood in columns that this file does not have.
    pub warning: Option<String>,
    /// Rows that are left out, with the reason, ascending: the first thousand that could not be read, and all that hold no text.
    pub bad_rows: Vec<BadRow>,
    /// All rows that are left out.
    pub num_bad_rows: usize,
    /// Of these the rows that were read, and hold something else than a text.
    pub num_nested: usize,
}

impl InputTable {
    /// Numbers of the rows whose text is empty; they are answered as such.
    #[must_use]
    pub fn blank_rows(&self) -> Vec<usize> {
        self.inputs.iter().filter(|one| one.input.text.trim().is_empty()).map(|one| one.row).collect()
    }
}

/// Reads the inputs of a file.
///
/// # Errors
/// When the file as a whole can't be used, a named column is not there, or nothing looks like a text.
pub fn read_inputs(
    (name, bytes): (&str, &[u8]),
    trained: &TrainedRead,
    labels: &[String],
    file: &InputFile,
    choose: ChooseInputs,
) -> Result<InputTable, DataError> {
    let mut table = (file.parse)(name, bytes, &trained.read)?;
    let (ids, columns): (Vec<UsedColumn>, Vec<UsedColumn>) =
        choose(&table, &trained.read, labels)?.into_iter().partition(|column| column.role == "id");
    let used: Vec<String> = columns.iter().map(|column| table.columns[column.index].clone()).collect();
    let names: Vec<&str> = used.iter().map(String::as_str).collect();
    let warning = trained.missing_texts(&names);
    let nested_of = |row: &Row| columns.iter().position(|column| row.nested.contains(&column.index));
    let mut bad_rows = std::mem::take(&mut table.bad_rows);
    let num_read_badly = table.num_bad_rows;
    let nested: Vec<BadRow> = table
        .rows
        .iter()
        .filter_map(|row| {
            let at = nested_of(row)?;
            let (role, name) = (columns[at].role, &used[at]);
            Some(BadRow { row: row.number, reason: format!("the {role} holds an object or array (column {name:?})") })
        })
        .collect();
    let num_nested = nested.len();
    bad_rows.extend(nested);
    bad_rows.sort_by_key(|bad| bad.row);
    let rows = std::mem::take(&mut table.rows).into_iter().filter(|row| nested_of(row).is_none());
    // As the model's own rows were.
    let clean = |text: String| clean_text(&trained.read.clean_texts, &text).unwrap_or(text);
    let inputs = rows
        .map(|mut row| {
            let mut cells = columns.iter().map(|column| std::mem::take(&mut row.cells[column.index]));
            let (text, second) = (clean(cells.next().unwrap_or_default()), cells.next().map(&clean));
            let id = ids.first().map(|column| std::mem::take(&mut row.cells[column.index]));
            NumberedInput { row: row.number, id, input: TaskInput { text, second, image: None } }
        })
        .collect();
    let roles = columns.iter().map(|column| column.role).collect();
    Ok(InputTable {
        inputs,
        columns: table.columns,
        used,
        roles,
        has_header: table.has_header,
        delimiter: table.delimiter,
        notes: table.notes,
        warning,
        bad_rows,
        num_bad_rows: num_read_badly + num_nested,
        num_nested,
    })
}

#[cfg(test)]
mod tests {
    use super::super::{Inputs, Task};
    use super::*;

    fn read(bytes: &[u8]) -> InputTable {
        let labels = ["no".to_owned(), "yes".to_owned()];
        let Inputs::Rows { file, choose } = &Task::SequenceClassification.answers().inputs else {
            panic!("it reads texts")
        };
        read_inputs(("x.jsonl", bytes), &TrainedRead::default(), &labels, file, *choose).expect("texts")
    }

    fn texts(bytes: &[u8]) -> Vec<(usize, String, Option<String>)> {
        read(bytes).inputs.into_iter().map(|one| (one.row, one.input.text, one.input.second)).collect()
    }

    fn text(row: usize, text: &str) -> (usize, String, Option<String>) {
        (row, text.to_owned(), None)
    }

    #[test]
    fn rows_that_hold_no_text_are_left_out_and_blank_ones_are_kept() {
        let lines = "{\"text\": \"a\"}\n{\"text\": [\"b\"]}\n{\"text\": \" \"}\n{\"text\": \"c\"}\n";
        assert_eq!(texts(lines.as_bytes()), [text(1, "a"), text(3, " "), text(4, "c")]);
        let table = read(lines.as_bytes());
        assert_eq!((table.blank_rows(), table.num_bad_rows, table.num_nested), (vec![3], 1, 1));
        let reason = "the text holds an object or array (column \"text\")".to_owned();
        assert_eq!((table.bad_rows, table.used), (vec![BadRow { row: 2, reason }], vec!["text".to_owned()]));
    }

    #[test]
    fn a_column_of_the_labels_is_not_the_text() {
        let lines = "{\"answer\": \"yes\", \"q\": \"a\"}\n{\"answer\": \"no\", \"q\": \"b\"}\n";
        assert_eq!(texts(lines.as_bytes()), [text(1, "a"), text(2, "b")]);
    }

    #[test]
    fn pairs_are_read_from_two_columns() {
        let lines = "{\"premise\": \"a\", \"hypothesis\": \"b\"}\n{\"premise\": \"c\", \"hypothesis\": [1]}\n";
        assert_eq!(texts(lines.as_bytes()), [(1, "a".to_owned(), Some("b".to_owned()))]);
    }
}
