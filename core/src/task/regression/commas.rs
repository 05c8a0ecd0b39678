//! Columns whose numbers have a decimal comma, as spreadsheets write them in many countries: `0,5`.
//!
//! In: a file. Out: its table as it stands, so that edits find their cells, with a note on each such column; and the numbers of its cells
//! with a point.

use std::cell::RefCell;
use std::collections::HashSet;

use crate::config::ReadOptions;
use crate::data::{DataError, Table, parse};

/// Of so many cells one may be no number.
const CELLS_A_FLAW: usize = 10;

/// Columns with decimal commas, by their names.
#[derive(Debug, Default)]
pub(super) struct CommaColumns(RefCell<HashSet<String>>);

impl CommaColumns {
    /// Reads a file as [`parse`] does, and notes which columns have decimal commas.
    ///
    /// # Errors
    /// See [`parse`].
    pub(super) fn parse(&self, name: &str, bytes: &[u8], read: &ReadOptions) -> Result<Table, DataError> {
        let mut table = parse(name, bytes, read)?;
        for column in 0..table.columns.len() {
            let Some(example) = find_decimal_comma(&table, column) else { continue };
            let (name, point) = (&table.columns[column], example.replacen(',', ".", 1));
            table.notes.push(format!("column {name:?} has decimal commas: {example} is read as {point}"));
            self.0.borrow_mut().insert(name.clone());
        }
        Ok(table)
    }

    /// A cell of a column, with a point in the place of a decimal comma. One that was edited may have either.
    pub(super) fn with_point(&self, column: &str, cell: String) -> String {
        let has_comma = self.0.borrow().contains(column) && is_with_comma(cell.trim());
        if has_comma { cell.replacen(',', ".", 1) } else { cell }
    }
}

/// A cell as a number, where a comma may stand in the place of its point.
pub(super) fn number_of(cell: &str) -> Option<f64> {
    let cell = cell.trim();
    if is_with_comma(cell) { cell.replacen(',', ".", 1).parse().ok() } else { cell.parse().ok() }
}

/// A number of a column that has decimal commas; `None` where it holds something else, has points in more than a few cells, or commas
/// may be those between thousands: `1,500`.
pub(super) fn find_decimal_comma(table: &Table, column: usize) -> Option<String> {
    let cells = || table.rows.iter().map(|row| row.cells[column].trim()).filter(|cell| !cell.is_empty());
    let is_number = |cell: &&str| is_with_comma(cell) || cell.parse::<i64>().is_ok();
    let (num_cells, num_numbers) = (cells().count(), cells().filter(is_number).count());
    if (num_cells - num_numbers) * CELLS_A_FLAW > num_cells {
        return None;
    }
    cells().find(|cell| is_with_comma(cell) && !may_be_thousands(cell)).map(str::to_owned)
}

/// Digits, a comma, digits.
fn is_with_comma(cell: &str) -> bool {
    let digits = cell.strip_prefix(['-', '+']).unwrap_or(cell);
    let are_digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    digits.split_once(',').is_some_and(|(whole, fraction)| are_digits(whole) && are_digits(fraction))
}

/// Whether a comma may stand before the last three digits of a whole number.
fn may_be_thousands(cell: &str) -> bool {
    let digits = cell.trim_start_matches(['-', '+']);
    digits.split_once(',').is_some_and(|(whole, rest)| rest.len() == 3 && whole.len() <= 3 && !whole.starts_with('0'))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn numbers(cells: &[&str]) -> (Vec<String>, Vec<String>) {
        let text: String = cells.iter().map(|cell| format!("some text;{cell}\n")).collect();
        let read = ReadOptions { delimiter: Some(';'), has_header: Some(true), ..ReadOptions::default() };
        let commas = CommaColumns::default();
        let table = commas.parse("x.csv", format!("text;score\n{text}").as_bytes(), &read).expect("a table");
        assert_eq!(table.rows.iter().map(|row| row.cells[1].as_str()).collect::<Vec<_>>(), cells, "as they stand");
        (cells.iter().map(|cell| commas.with_point("score", (*cell).to_owned())).collect(), table.notes)
    }

    #[test]
    fn decimal_commas_become_points_and_that_is_said() {
        let (found, notes) = numbers(&["1,5", "-0,25", "3", "1,500", ""]);
        assert_eq!(found, ["1.5", "-0.25", "3", "1.500", ""]);
        assert_eq!(notes, ["column \"score\" has decimal commas: 1,5 is read as 1.5"]);
        assert_eq!(numbers(&["0,500", "1,250"]).0, ["0.500", "1.250"], "no number of thousands begins with 0");
        let typed: Vec<&str> = std::iter::repeat_n("1,5", 9).chain(["2.5"]).collect();
        assert_eq!(numbers(&typed).0[8..], ["1.5", "2.5"], "one that was typed with a point");
    }

    #[test]
    fn what_may_be_something_else_is_left_alone() {
        for cells in [&["1,500", "2,250"][..], &["1,5", "2.5"], &["1,5", "high"], &["a, b", "c, d"], &["1,5,2", "1,5"]]
        {
            let (found, notes) = numbers(cells);
            assert_eq!(
                (found.as_slice(), notes.len()),
                (cells.iter().map(ToString::to_string).collect::<Vec<_>>().as_slice(), 0)
            );
        }
    }
}
