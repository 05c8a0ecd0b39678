//! Test files without labels, as public data sets have them (GLUE, Kaggle): what counts as none, and what becomes of such a file.
//!
//! In: a test file beside the training file, and the columns of it that hold what is learned. Out: why it has no labels. A file that
//! was found by its name is left out then, which is said; one that a person gave is refused.

use std::collections::HashSet;

use super::error::DataError;
use super::parse::{Row, Table};
use super::rows::{DataFiles, ReadSummary, SourceRow, UsedColumn};

/// Roles of the columns that hold what is learned.
const LEARNED: [&str; 8] = ["answers", "completion", "label", "labels", "output", "spans", "tags", "target"];

/// What stands in the place of a label that is not made known, as in GLUE.
const SECRET: f64 = -1.0;

/// Whether a column of this role holds what is learned.
pub(crate) fn is_learned(role: &str) -> bool {
    LEARNED.contains(&role)
}

/// What the rows of the other files have in their columns of labels that looks like no label.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct LabelMarks {
    /// Some hold a number below zero: [`SECRET`] may be a label then.
    pub(crate) has_negative: bool,
    /// Some are empty, and their rows are used: an empty cell says that none of the labels holds.
    pub(crate) has_empty: bool,
}

/// Whether a number below zero stands in a column of labels.
pub(crate) fn holds_negative(table: &Table, used: &[UsedColumn]) -> bool {
    let is_negative = |row: &Row, column: usize| number_of(&row.cells[column]).is_some_and(|number| number < 0.0);
    table.rows.iter().any(|row| learned(used).any(|used| is_negative(row, used.index)))
}

/// The numbers of the rows whose labels are empty.
pub(crate) fn rows_without_label(table: &Table, used: &[UsedColumn]) -> HashSet<usize> {
    let has_none = |row: &&Row| {
        let mut columns = learned(used).peekable();
        columns.peek().is_some() && columns.all(|used| is_empty(row, used.index))
    };
    table.rows.iter().filter(has_none).map(|row| row.number).collect()
}

/// Whether one of the rows that are used is among those whose labels are empty.
pub(crate) fn uses_one_of<T>(rows: &[SourceRow<T>], without_label: &HashSet<usize>) -> bool {
    !without_label.is_empty() && rows.iter().any(|row| without_label.contains(&row.row))
}

/// Why none of the rows of a test file has a label; `None` where one has, or there are no rows or no labels to learn. `marks` are those of
/// the other files.
pub(crate) fn why_unlabeled(table: &Table, used: &[UsedColumn], marks: LabelMarks) -> Option<String> {
    let names: Vec<String> = learned(used).map(|used| format!("{:?}", table.columns[used.index])).collect();
    let (mut num_empty, mut num_secret) = (0_usize, 0_usize);
    for row in &table.rows {
        for used in learned(used) {
            if is_empty(row, used.index) && !marks.has_empty {
                num_empty += 1;
            } else if is_secret(&row.cells[used.index]) && !marks.has_negative {
                num_secret += 1;
            } else {
                return None;
            }
        }
    }
    let what = match (num_empty, num_secret) {
        (0, 0) => return None,
        (_, 0) => "empty",
        (0, _) => "-1",
        _ => "empty or -1",
    };
    let (columns, are) = if names.len() == 1 { ("column", "is") } else { ("columns", "are") };
    Some(format!("{columns} {} {are} {what} in all rows", names.join(", ")))
}

/// Leaves the test file out where it was found by its name, and says so. `reason` is why it has no labels.
///
/// # Errors
/// Where a person gave the file: [`DataError::NoTestLabels`].
pub(crate) fn leave_out_test(files: &DataFiles, reason: String, summary: &mut ReadSummary) -> Result<(), DataError> {
    if !files.is_test_by_name {
        return Err(DataError::NoTestLabels { reason });
    }
    let name = files.test.as_ref().map_or("", |(name, _)| name.as_str());
    summary.has_own_file[1] = false;
    summary.warnings.push(format!(
        "{name} has no labels ({reason}): nothing can be measured on it, and it is left out; the trained model answers it \
         (`hone predict`, or the step Try)"
    ));
    Ok(())
}

fn learned(used: &[UsedColumn]) -> impl Iterator<Item = &UsedColumn> {
    used.iter().filter(|used| is_learned(used.role))
}

/// Whether a cell holds nothing, and no object or array either.
fn is_empty(row: &Row, column: usize) -> bool {
    row.cells[column].trim().is_empty() && !row.nested.contains(&column)
}

fn is_secret(cell: &str) -> bool {
    number_of(cell) == Some(SECRET)
}

fn number_of(cell: &str) -> Option<f64> {
    cell.trim().parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::ReadOptions;
    use crate::data::parse;

    const USED: [UsedColumn; 2] = [UsedColumn { role: "text", index: 0 }, UsedColumn { role: "label", index: 1 }];

    fn why(rows: &str, marks: LabelMarks) -> Option<String> {
        let text = format!("text,label\n{rows}");
        let table = parse("x.csv", text.as_bytes(), &ReadOptions::default()).expect("a table");
        why_unlabeled(&table, &USED, marks)
    }

    #[test]
    fn labels_that_are_empty_or_secret_are_none() {
        let none = LabelMarks::default();
        assert_eq!(why("a,-1\nb,-1\n", none).as_deref(), Some("column \"label\" is -1 in all rows"));
        assert_eq!(why("a,-1.0\nb,\n", none).as_deref(), Some("column \"label\" is empty or -1 in all rows"));
        assert_eq!(why("a,\nb,\n", none).as_deref(), Some("column \"label\" is empty in all rows"));
        assert_eq!(why("a,-1\nb,1\n", none), None, "one row has a label");
        assert_eq!(why("a,-1\nb,-1\n", LabelMarks { has_negative: true, ..none }), None, "it is a label");
        assert_eq!(why("a,\nb,\n", LabelMarks { has_empty: true, ..none }), None, "an empty cell says no");
        let table = parse("x.csv", b"text\na\nb\n", &ReadOptions::default()).expect("a table");
        assert_eq!(why_unlabeled(&table, &USED[..1], none), None, "nothing has a label");
        let negative = |text: &str| {
            let table = parse("x.csv", text.as_bytes(), &ReadOptions::default()).expect("a table");
            holds_negative(&table, &USED)
        };
        assert!(negative("text,label\na,-0.5\nb,1\n") && !negative("text,label\n-1,0\nb,1\n"));
    }
}
