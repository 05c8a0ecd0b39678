//! Columns that say yes and no as the label does: several labels a row may be meant, and one of them alone is learned. In: the table and
//! its columns. Out: a sentence that names the others.

use crate::data::{Columns, Table};
use crate::words::{list, quote_short};

/// How cells are written that say yes or no, or that nobody said either (-1).
const FLAGS: [&str; 10] = ["0", "1", "0.0", "1.0", "-1", "-1.0", "true", "false", "yes", "no"];

/// Columns that a sentence names.
const MAX_NAMED: usize = 10;

/// Longest name that a sentence repeats, in characters.
const MAX_SHOWN: usize = 40;

/// Says which columns hold 0 and 1 as that of the label does; `None` where none does, or the label is called one.
pub(super) fn note_on_flags(table: &Table, columns: &Columns) -> Option<String> {
    if columns.is_label_named(table) || !holds_flags(table, columns.label) {
        return None;
    }
    let is_used = |column: usize| columns.used().iter().any(|used| used.index == column);
    let others = (0..table.columns.len()).filter(|&column| !is_used(column) && holds_flags(table, column));
    let names: Vec<String> = others.map(|column| quote_short(&table.columns[column], MAX_SHOWN)).collect();
    if names.is_empty() {
        return None;
    }
    let shown = list(&names[..names.len().min(MAX_NAMED)], names.len());
    let label = quote_short(&table.columns[columns.label], MAX_SHOWN);
    let (hold, are) = if names.len() == 1 { ("holds", "is") } else { ("hold", "are") };
    Some(format!(
        "{shown} {hold} yes and no as the label {label} does, and {are} not learned: for several labels a row choose multi-label and name \
         all columns (--task multi-label, --label-column for each)"
    ))
}

/// Whether the filled cells of a column say yes or no, and not all the same.
fn holds_flags(table: &Table, column: usize) -> bool {
    let cells = || table.rows.iter().map(|row| row.cells[column].trim()).filter(|cell| !cell.is_empty());
    let is_flag = |cell: &str| FLAGS.iter().any(|flag| flag.eq_ignore_ascii_case(cell));
    let Some(first) = cells().next() else { return false };
    cells().all(is_flag) && cells().any(|cell| cell != first)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::ReadOptions;
    use crate::data::{choose_columns, parse};

    fn note(header: &str, row: impl Fn(usize) -> String) -> Option<String> {
        let lines: String = (0..30).map(|i| format!("some text of row {i},{}\n", row(i))).collect();
        let table = parse("x.csv", format!("text,{header}\n{lines}").as_bytes(), &ReadOptions::default());
        let table = table.expect("a table");
        let columns = choose_columns(&table, &ReadOptions::default(), &[]).expect("a text and a label");
        note_on_flags(&table, &columns)
    }

    #[test]
    fn columns_of_yes_and_no_beside_the_label_are_named() {
        let flags = |i: usize| format!("{},{}", i % 2, usize::from(i.is_multiple_of(3)));
        let scored = |i: usize| if i.is_multiple_of(5) { "-1,-1".to_owned() } else { flags(i) };
        let said = note("toxic,insult", scored).expect("both are labels");
        assert!(said.contains("holds yes and no as the label") && said.contains("--label-column"), "{said}");
        let of_class = note("label,is_long", flags);
        assert_eq!(of_class, None, "it is called the label");
        assert_eq!(note("toxic,note", |i| format!("{},ok", i % 2)), None);
    }
}
