//! Whether a file plainly holds rows with numbers: a look at its beginning, to guess the task from the data.

use super::columns::{LABEL, NUMBER_NAMES, choose};
use super::commas::{find_writing, number_of};
use crate::config::ReadOptions;
use crate::data::{Table, UsedColumn, name_rank, parse};
use crate::task::guess::beginning;

/// Columns of names: what stands beside one is no more than a number of the row.
const NAMES_OF_LABELS: &[&str] = &["label", "labels", "class", "category", "topic", "tags", "intent"];

/// Whether a file is plainly of this task: a table of texts with a column that is named as numbers are, in which many have
/// a fraction. Whole numbers may as well be classes.
#[must_use]
pub fn recognise(name: &str, bytes: &[u8]) -> bool {
    let read = ReadOptions::default();
    let Ok(table) = parse(name, beginning(bytes), &read) else { return false };
    if table.num_bad_rows * 10 > table.rows.len() {
        return false; // the lines of a text may look like a table in part
    }
    let Ok(used) = choose(&table, &read) else { return false };
    let is_number = |used: &&UsedColumn| used.role == LABEL;
    let texts_are_none = used.iter().filter(|used| !is_number(used)).any(|text| are_numbers(&table, text.index));
    let Some(column) = used.iter().find(is_number).map(|used| used.index) else { return false };
    let is_rank = |column: usize, names: &[&str]| name_rank(&table.columns[column], names).is_some();
    let has_labels = (0..table.columns.len()).any(|other| other != column && is_rank(other, NAMES_OF_LABELS));
    // Of tables without names, two texts and a number are pairs with a similarity.
    let is_told = is_rank(column, NUMBER_NAMES) || (!table.has_header && used.len() > 2);
    !texts_are_none && !has_labels && is_told && have_fractions(&table, column)
}

/// At least a fifth of the filled cells are numbers with a fraction.
fn have_fractions(table: &Table, column: usize) -> bool {
    let cells = || table.rows.iter().map(|row| row.cells[column].trim()).filter(|cell| !cell.is_empty());
    let writing = find_writing(table, column).map(|(writing, _)| writing);
    let number = |cell: &str| writing.map_or_else(|| number_of(cell), |writing| writing.number(cell));
    let has_fraction = |cell: &&str| number(cell).is_some_and(|number| number.is_finite() && number.fract() != 0.0);
    let num_fractions = cells().filter(has_fraction).count();
    num_fractions > 0 && num_fractions * 5 >= cells().count()
}

fn are_numbers(table: &Table, column: usize) -> bool {
    table.rows.iter().all(|row| number_of(&row.cells[column]).is_some())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rows(header: &str, row: impl Fn(usize) -> String) -> String {
        format!("{header}\n{}", (0..30).map(|i| row(i) + "\n").collect::<String>())
    }

    #[test]
    fn numbers_with_fractions_under_a_name_of_numbers_are_known() {
        let found = |text: String| recognise("x.csv", text.as_bytes());
        assert!(found(rows("text,score", |i| format!("some text {i},{}.5", i % 5))));
        assert!(found(rows("text;score", |i| format!("some text {i};{},5", i % 5))), "decimal commas");
        assert!(found(rows("text,price", |i| format!("some text {i},$1.{i}"))), "amounts of money");
        assert!(found(rows("text,score", |i| format!("some text {i},{}.5%", i % 5))), "percents");
        assert!(found(rows("sentence1,sentence2,score", |i| format!("one {i},two {i},{}.25", i % 5))));
        let objects: String = (0..9).map(|i| format!("{{\"text\": \"some text {i}\", \"label\": 0.{i}}}\n")).collect();
        assert!(recognise("x.jsonl", objects.as_bytes()));
        let pairs: String = (0..30).map(|i| format!("one two three {i}\tthree two one {i}\t{}.25\n", i % 5)).collect();
        assert!(recognise("x.tsv", pairs.as_bytes()), "pairs without names");
        let calls: String = (0..30).map(|i| format!("+49 30 12{i}\tthree two one {i}\t{}.25\n", i % 5)).collect();
        assert!(!recognise("x.tsv", calls.as_bytes()), "a phone number is no text");
        assert!(!found(rows("text,stars", |i| format!("some text {i},{}", i % 5))), "they may be classes");
        assert!(!found(rows("text,label", |i| format!("some text {i},{}.0", i % 2))), "so may these");
        assert!(!found(rows("text,weight", |i| format!("some text {i},{}.5", i % 5))), "of what it is not said");
        assert!(!found(rows("text,label,price", |i| format!("some text {i},{},1.{i}", ["a", "b"][i % 2]))), "a label");
    }
}
