//! Rows that are the parts of one: a text with line breaks that has no quotes around it.
//!
//! In: the rows of a table below a header, and which of them lack their last cells. Out: which of these are such parts. A part that
//! begins within the text has a piece of it where other rows have a label or a number, and would make a class of it.

use std::collections::HashSet;

use crate::data::parse::Row;

/// Why such a row is not used.
pub(super) const BROKEN: &str =
    "it is a part of a row whose text has a line break: put quotes around such texts, or take the line breaks out";

/// Whole rows that show what stands in the first column.
const MIN_WHOLE: usize = 10;

/// Rows for each value of a column of labels, at least.
const ROWS_A_LABEL: usize = 5;

/// The indices in `rows` of those in `short`, which ascend, that are parts of a row: one behind the other, the second without what all
/// whole rows have in the first column.
pub(super) fn find_broken(rows: &[Row], short: &[usize]) -> Vec<usize> {
    if short.len() < 2 {
        return Vec::new();
    }
    let are_short: HashSet<usize> = short.iter().copied().collect();
    let first_of = |index: usize| rows[index].cells[0].trim();
    let whole: Vec<&str> = (0..rows.len()).filter(|index| !are_short.contains(index)).map(first_of).collect();
    let values: HashSet<&str> = whole.iter().copied().collect();
    let are_numbers = whole.iter().all(|cell| is_number(cell));
    let come_back = values.len() * ROWS_A_LABEL <= whole.len();
    if whole.len() < MIN_WHOLE || !(are_numbers || come_back) {
        return Vec::new();
    }
    let is_odd = |cell: &str| if are_numbers { !is_number(cell) } else { !values.contains(cell) };
    let mut broken: Vec<usize> = Vec::new();
    for pair in short.windows(2) {
        let (before, after) = (pair[0], pair[1]);
        if rows[before].number + 1 == rows[after].number && is_odd(first_of(after)) {
            if broken.last() != Some(&before) {
                broken.push(before);
            }
            broken.push(after);
        }
    }
    broken
}

fn is_number(cell: &str) -> bool {
    cell.parse::<f64>().is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Rows with these first cells, numbered from 2.
    fn rows(cells: impl Iterator<Item = String>) -> Vec<Row> {
        cells.zip(2..).map(|(cell, number)| Row { number, cells: vec![cell], nested: Vec::new() }).collect()
    }

    #[test]
    fn pieces_of_a_text_in_a_column_of_labels_or_numbers_show_broken_lines() {
        let kinds: [fn(usize) -> String; 2] = [|index| ["up", "down"][index % 2].to_owned(), |index| index.to_string()];
        for value in kinds {
            let piece = |index: usize| if index == 5 { "and more".to_owned() } else { value(index) };
            assert_eq!(find_broken(&rows((0..20).map(piece)), &[1, 4, 5, 9]), [4, 5]);
            assert!(find_broken(&rows((0..20).map(value)), &[1, 4, 5, 9]).is_empty(), "empty cells were left out");
            assert!(find_broken(&rows((0..20).map(piece)), &[1, 5, 9]).is_empty(), "nothing is broken above it");
        }
        let texts = rows((0..20).map(|index| format!("this is text {index}")));
        assert!(find_broken(&texts, &[4, 5]).is_empty(), "any text may stand there");
    }
}
