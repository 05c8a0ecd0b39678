//! Columns whose numbers are written for people: with a decimal comma, as spreadsheets write them in many countries (`0,5`), with marks
//! between thousands (`1,000.50`, `1.000,50`), or with a sign of money or percent (`$5`, `2.1%`).
//!
//! In: a file. Out: its table as it stands, so that edits find their cells, with a note on each such column; and the numbers of its cells
//! as programs write them.

use std::cell::RefCell;
use std::collections::HashMap;

use crate::config::ReadOptions;
use crate::data::{DataError, Table, parse};

/// Of so many cells one may be no number.
const CELLS_A_FLAW: usize = 10;

/// Longest number, with all that people write around it, in bytes.
const MAX_NUMBER: usize = 40;

/// Signs that may stand before or behind a number, the same in all of a column. Percents stay percents: 2.1% is 2.1.
const SIGNS: [char; 6] = ['$', '€', '£', '¥', '₹', '%'];

/// Marks between thousands, each with whether a comma is the decimal point then.
const THOUSANDS: [(char, bool); 7] =
    [(',', false), ('.', true), (' ', false), (' ', true), ('\u{a0}', false), ('\u{a0}', true), ('\'', false)];

/// How the numbers of a column are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Writing {
    /// What stands before or behind each.
    sign: Option<char>,
    /// What stands between thousands.
    thousands: Option<char>,
    /// A comma stands in the place of the point.
    has_decimal_comma: bool,
}

impl Writing {
    /// A cell as programs write numbers; `None` where it is not written so.
    fn plain(self, cell: &str) -> Option<String> {
        if cell.len() > MAX_NUMBER {
            return None;
        }
        let (minus, digits) = split_minus(without_sign(cell, self.sign)?);
        let point = if self.has_decimal_comma { ',' } else { '.' };
        let (whole, fraction) = digits.split_once(point).map_or((digits, None), |(whole, rest)| (whole, Some(rest)));
        let whole = match self.thousands.filter(|mark| whole.contains(*mark)) {
            Some(mark) => join_groups(whole, mark)?,
            None => whole.to_owned(),
        };
        let is_number = are_digits(&whole) && fraction.is_none_or(are_digits);
        let fraction = fraction.map_or_else(String::new, |fraction| format!(".{fraction}"));
        is_number.then(|| format!("{minus}{whole}{fraction}"))
    }

    /// A cell as a number.
    pub(super) fn number(self, cell: &str) -> Option<f64> {
        self.plain(cell.trim())?.parse().ok()
    }

    /// What there is to say about it.
    fn describe(self, column: &str, example: &str) -> String {
        let plain = self.plain(example).unwrap_or_default();
        if self.sign.is_none() && self.thousands.is_none() {
            return format!("column {column:?} has decimal commas: {example} is read as {plain}");
        }
        let sign = self.sign.map(|sign| format!("the sign {sign}"));
        let mark = self.thousands.map(|mark| format!("{mark:?} between thousands"));
        let comma = self.has_decimal_comma.then(|| "decimal commas".to_owned());
        let parts: Vec<String> = [sign, mark, comma].into_iter().flatten().collect();
        format!("column {column:?} has numbers with {}: {example} is read as {plain}", parts.join(" and "))
    }
}

/// Columns whose numbers are written for people, by their names.
#[derive(Debug, Default)]
pub(super) struct CommaColumns(RefCell<HashMap<String, Writing>>);

impl CommaColumns {
    /// Reads a file as [`parse`] does, and notes which columns have numbers that are written for people.
    ///
    /// # Errors
    /// See [`parse`].
    pub(super) fn parse(&self, name: &str, bytes: &[u8], read: &ReadOptions) -> Result<Table, DataError> {
        let mut table = parse(name, bytes, read)?;
        for column in 0..table.columns.len() {
            let Some((writing, example)) = find_writing(&table, column) else { continue };
            let name = &table.columns[column];
            table.notes.push(writing.describe(name, &example));
            self.0.borrow_mut().insert(name.clone(), writing);
        }
        Ok(table)
    }

    /// A cell of a column as programs write numbers. One that was edited may be written either way.
    pub(super) fn with_point(&self, column: &str, cell: String) -> String {
        let writing = self.0.borrow().get(column).copied();
        writing.and_then(|writing| writing.plain(cell.trim())).unwrap_or(cell)
    }
}

/// A cell as a number, where a comma may stand in the place of its point.
pub(super) fn number_of(cell: &str) -> Option<f64> {
    let cell = cell.trim();
    if is_with_comma(cell) { cell.replacen(',', ".", 1).parse().ok() } else { cell.parse().ok() }
}

/// How the numbers of a column are written, with one of them; `None` where it holds something else, where programs write them so, or
/// where it is not clear what a mark is: `1,500` alone may be one and a half.
pub(super) fn find_writing(table: &Table, column: usize) -> Option<(Writing, String)> {
    let cells = || table.rows.iter().map(|row| row.cells[column].trim()).filter(|cell| !cell.is_empty());
    let num_cells = cells().count();
    // Most columns are told at once.
    let num_short =
        cells().filter(|cell| cell.len() <= MAX_NUMBER && cell.contains(|c: char| c.is_ascii_digit())).count();
    if (num_cells - num_short) * CELLS_A_FLAW > num_cells {
        return None;
    }
    let sign = cells().next().and_then(sign_of);
    let has_mark = |cell: &str| cell.contains([',', ' ', '\u{a0}', '\'']) || cell.matches('.').count() > 1;
    if sign.is_none() && !cells().any(has_mark) {
        return None;
    }
    let fits = |writing: Writing| {
        let num_numbers = cells().filter(|cell| writing.plain(cell).is_some()).count();
        num_numbers > 0 && (num_cells - num_numbers) * CELLS_A_FLAW <= num_cells
    };
    let bare = |cell: &'_ str| without_sign(cell, sign).map(|digits| split_minus(digits).1.to_owned());
    let mut with_marks = THOUSANDS.into_iter().filter_map(|(mark, has_decimal_comma)| {
        let writing = Writing { sign, thousands: Some(mark), has_decimal_comma };
        let point = if has_decimal_comma { ',' } else { '.' };
        let is_number = |cell: &&str| writing.plain(cell).is_some();
        let has = |letter: char| cells().filter(is_number).filter_map(bare).any(|digits| digits.contains(letter));
        let comes_twice = || cells().filter(is_number).filter_map(bare).any(|digits| digits.matches(mark).count() > 1);
        // A comma or point is known as a mark by what else stands there; dollars and pounds have no decimal commas.
        let is_money = mark == ',' && matches!(sign, Some('$' | '£'));
        let is_clear = || is_money || !matches!(mark, ',' | '.') || has(point) || comes_twice();
        let example = || cells().find(|cell| is_number(cell) && cell.contains(mark)).map(str::to_owned);
        // Of the writings with spaces, that with the comma needs one.
        let is_told = !has_decimal_comma || mark == '.' || has(',');
        (is_told && has(mark) && is_clear() && fits(writing)).then(example).flatten().map(|example| (writing, example))
    });
    if let Some(found) = with_marks.next() {
        // Both may be marks: it is not clear which.
        return with_marks.all(|(other, _)| other.thousands == found.0.thousands).then_some(found);
    }
    let with_comma = Writing { sign, thousands: None, has_decimal_comma: true };
    let comma = cells().find(|cell| {
        with_comma.plain(cell).is_some()
            && bare(cell).is_some_and(|digits| digits.contains(',') && !may_be_thousands(&digits))
    });
    if let Some(example) = comma.filter(|_| fits(with_comma)) {
        return Some((with_comma, example.to_owned()));
    }
    let with_sign = Writing { sign: Some(sign?), thousands: None, has_decimal_comma: false };
    let example = cells().find(|cell| with_sign.plain(cell).is_some())?;
    fits(with_sign).then(|| (with_sign, example.to_owned()))
}

/// The sign that a cell begins or ends with.
fn sign_of(cell: &str) -> Option<char> {
    let (_, rest) = split_minus(cell);
    SIGNS.into_iter().find(|&sign| rest.starts_with(sign) || rest.ends_with(sign))
}

/// A cell without the sign that all numbers of its column have; `None` where it is missing.
fn without_sign(cell: &str, sign: Option<char>) -> Option<&str> {
    let Some(sign) = sign else { return Some(cell) };
    let rest = cell.strip_prefix(sign).or_else(|| cell.strip_suffix(sign))?;
    Some(rest.trim())
}

/// The minus or plus of a number, and what follows.
fn split_minus(cell: &str) -> (&str, &str) {
    let rest = cell.strip_prefix(['-', '+']).unwrap_or(cell);
    cell.split_at(cell.len() - rest.len())
}

fn are_digits(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit())
}

/// The digits of a whole number with marks between its thousands.
fn join_groups(whole: &str, mark: char) -> Option<String> {
    let (first, rest) = whole.split_once(mark)?;
    let is_first = are_digits(first) && first.len() <= 3 && !first.starts_with('0');
    let are_groups = rest.split(mark).all(|group| group.len() == 3 && are_digits(group));
    (is_first && are_groups).then(|| whole.replace(mark, ""))
}

/// Digits, a comma, digits.
fn is_with_comma(cell: &str) -> bool {
    let digits = cell.strip_prefix(['-', '+']).unwrap_or(cell);
    digits.split_once(',').is_some_and(|(whole, fraction)| are_digits(whole) && are_digits(fraction))
}

/// Whether a comma may stand before the last three digits of a whole number.
fn may_be_thousands(digits: &str) -> bool {
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
    fn marks_between_thousands_and_signs_are_left_out_and_that_is_said() {
        for (cells, expected, note) in [
            (
                &["1,000.50", "-2,500", "7"][..],
                &["1000.50", "-2500", "7"][..],
                "\',\' between thousands: 1,000.50 is read as 1000.50",
            ),
            (&["1.000,50", "2.500", "0,5"], &["1000.50", "2500", "0.5"], "decimal commas: 1.000,50 is read as 1000.50"),
            (&["1,234,567", "8"], &["1234567", "8"], "between thousands: 1,234,567 is read as 1234567"),
            (&["1 500,25", "2 000"], &["1500.25", "2000"], "decimal commas: 1 500,25 is read as 1500.25"),
            (
                &["$1,500", "$20", "$3.5"],
                &["1500", "20", "3.5"],
                "the sign $ and \',\' between thousands: $1,500 is read as 1500",
            ),
            (&["3,50 €", "4,00 €"], &["3.50", "4.00"], "the sign € and decimal commas: 3,50 € is read as 3.50"),
            (&["2.1%", "-5%"], &["2.1", "-5"], "column \"score\" has numbers with the sign %: 2.1% is read as 2.1"),
        ] {
            let (found, notes) = numbers(cells);
            assert_eq!(found, expected, "{notes:?}");
            assert!(notes.len() == 1 && notes[0].ends_with(note), "{notes:?}");
        }
    }

    #[test]
    fn what_may_be_something_else_is_left_alone() {
        for cells in [
            &["1,500", "2,250"][..],
            &["1,5", "2.5"],
            &["1,5", "high"],
            &["a, b", "c, d"],
            &["1,5,2", "1,5"],
            &["1.500", "2,250"],
            &["$5", "€5"],
            &["5%", "0.5"],
            &["1,500%", "2%"],
            &["€1,500", "€2"],
        ] {
            let (found, notes) = numbers(cells);
            assert_eq!(
                (found.as_slice(), notes.len()),
                (cells.iter().map(ToString::to_string).collect::<Vec<_>>().as_slice(), 0)
            );
        }
    }
}
