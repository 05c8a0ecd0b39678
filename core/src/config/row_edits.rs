//! Edits of rows, as data: a log in the order in which they were made, which a job file carries. In: rows by their file and their
//! number there, so that the log holds however often the file is read. Out: what the log makes of each row.
//!
//! The files themselves are never changed. Labels that are renamed or merged stand in [`super::ReadOptions::merge_labels`].

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::{ConfigProblem, Split};
use crate::file_text::text_of;
use crate::words::plural;

/// One edit. `file` is the file of training, validation or test rows; rows are counted as reports count them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "edit", rename_all = "snake_case")]
pub enum RowEdit {
    /// Another text, label or number in a cell.
    SetCell {
        /// Which file.
        file: Split,
        /// Row number in it.
        row: usize,
        /// Name of the column in the training file.
        column: String,
        /// What stood there: where the file has something else, it is not the file that the edit was made of.
        was: String,
        /// What stands there now.
        value: String,
    },
    /// Rows are left out.
    DropRows {
        /// Which file.
        file: Split,
        /// Their numbers in it.
        rows: Vec<usize>,
    },
    /// Rows that were dropped are back.
    RestoreRows {
        /// Which file.
        file: Split,
        /// Their numbers in it.
        rows: Vec<usize>,
    },
    /// Rows belong to a split, wherever the seed would have put them.
    MoveRows {
        /// Which file they stand in.
        file: Split,
        /// Their numbers in it.
        rows: Vec<usize>,
        /// Where they belong.
        split: Split,
    },
}

/// Edits of rows, in the order in which they were made.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct RowEdits {
    /// The log.
    pub log: Vec<RowEdit>,
}

/// A cell that was edited.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct EditedCell<'e> {
    /// Name of its column.
    pub column: &'e str,
    /// What stands in the file.
    pub was: &'e str,
    /// What is read.
    pub value: &'e str,
}

/// What the log makes of a row.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct EditedRow<'e> {
    /// It is left out.
    pub is_dropped: bool,
    /// The split that it was moved to.
    pub split: Option<Split>,
    /// Its edited cells, each column once.
    pub cells: Vec<EditedCell<'e>>,
}

impl RowEdit {
    /// Which file the rows stand in, and their numbers there.
    #[must_use]
    pub fn rows(&self) -> (Split, &[usize]) {
        match self {
            Self::SetCell { file, row, .. } => (*file, std::slice::from_ref(row)),
            Self::DropRows { file, rows } | Self::RestoreRows { file, rows } | Self::MoveRows { file, rows, .. } => {
                (*file, rows)
            }
        }
    }

    /// The edit in a few words: `Label of row 5`, `2 rows dropped`.
    #[must_use]
    pub fn words(&self) -> String {
        let name = |rows: &[usize]| match rows {
            [row] => format!("Row {row}"),
            rows => plural(rows.len(), "row"),
        };
        match self {
            Self::SetCell { row, column, .. } => format!("\u{201c}{column}\u{201d} of row {row}"),
            Self::DropRows { rows, .. } => format!("{} dropped", name(rows)),
            Self::RestoreRows { rows, .. } => format!("{} restored", name(rows)),
            Self::MoveRows { rows, split, .. } => format!("{} moved to {}", name(rows), split.words()),
        }
    }
}

impl RowEdits {
    /// Nothing was edited.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.log.is_empty()
    }

    /// What the log makes of the rows of a file, by their numbers; rows without an edit are left out.
    #[must_use]
    pub fn of_file(&self, file: Split) -> BTreeMap<usize, EditedRow<'_>> {
        let mut found: BTreeMap<usize, EditedRow<'_>> = BTreeMap::new();
        for edit in self.log.iter().filter(|edit| edit.rows().0 == file) {
            for &row in edit.rows().1 {
                found.entry(row).or_default().take(edit);
            }
        }
        found.retain(|_, row| *row != EditedRow::default());
        found
    }

    /// Names of the columns in which a cell was edited.
    pub fn columns(&self) -> impl Iterator<Item = &str> {
        self.log.iter().filter_map(|edit| match edit {
            RowEdit::SetCell { column, .. } => Some(column.as_str()),
            _ => None,
        })
    }

    /// Takes out the edits of a file: another one is in its place.
    pub fn forget_file(&mut self, file: Split) {
        self.log.retain(|edit| edit.rows().0 != file);
    }

    /// Every edit that can't be made of any file.
    #[must_use]
    pub fn check(&self) -> Vec<ConfigProblem> {
        let problem = |(index, edit): (usize, &RowEdit)| {
            let what = match edit {
                RowEdit::SetCell { column, .. } if column.is_empty() => "names no column",
                edit if edit.rows().1.contains(&0) => "names row 0: rows are counted from 1",
                _ => return None,
            };
            Some(ConfigProblem { field: "edits".into(), message: format!("edit {} {what}", index + 1) })
        };
        self.log.iter().enumerate().filter_map(problem).collect()
    }

    /// Reads a log from a file, as [`Self::to_json`] writes it.
    ///
    /// # Errors
    /// When it is no list of edits, or one of them can't be made of any file.
    pub fn from_json(bytes: &[u8]) -> Result<Self, String> {
        let text = text_of(bytes).map_err(|error| format!("the file is {error}"))?;
        let edits: Self = serde_json::from_str(&text).map_err(|error| format!("no list of edits: {error}"))?;
        match edits.check().into_iter().next() {
            Some(problem) => Err(problem.message),
            None => Ok(edits),
        }
    }

    /// The log as a file: a JSON list with an edit a line.
    #[must_use]
    pub fn to_json(&self) -> String {
        let line = |edit: &RowEdit| serde_json::to_string(edit).expect("an edit holds only plain values");
        format!("[\n{}\n]\n", self.log.iter().map(line).collect::<Vec<_>>().join(",\n"))
    }
}

impl<'e> EditedRow<'e> {
    fn take(&mut self, edit: &'e RowEdit) {
        match edit {
            RowEdit::DropRows { .. } => self.is_dropped = true,
            RowEdit::RestoreRows { .. } => self.is_dropped = false,
            RowEdit::MoveRows { split, .. } => self.split = Some(*split),
            RowEdit::SetCell { column, was, value, .. } => {
                match self.cells.iter_mut().find(|cell| cell.column == column) {
                    Some(cell) => cell.value = value,
                    None => self.cells.push(EditedCell { column, was, value }),
                }
                self.cells.retain(|cell| cell.was != cell.value);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn set(row: usize, was: &str, value: &str) -> RowEdit {
        let (file, column) = (Split::Train, "label".to_owned());
        RowEdit::SetCell { file, row, column, was: was.into(), value: value.into() }
    }

    fn drop_rows(rows: &[usize]) -> RowEdit {
        RowEdit::DropRows { file: Split::Train, rows: rows.to_vec() }
    }

    #[test]
    fn the_last_edit_of_a_row_counts() {
        let move_to = |split| RowEdit::MoveRows { file: Split::Train, rows: vec![4], split };
        let restore = RowEdit::RestoreRows { file: Split::Train, rows: vec![2] };
        let log = vec![
            set(5, "a", "b"),
            set(5, "b", "c"),
            drop_rows(&[2, 3]),
            restore,
            move_to(Split::Test),
            move_to(Split::Valid),
            set(9, "x", "y"),
            set(9, "y", "x"),
        ];
        let edits = RowEdits { log };
        let rows = edits.of_file(Split::Train);
        assert_eq!(rows.keys().copied().collect::<Vec<_>>(), [3, 4, 5], "2 is back, and 9 is as it was");
        assert!(rows[&3].is_dropped && rows[&4].split == Some(Split::Valid));
        assert_eq!(rows[&5].cells, [EditedCell { column: "label", was: "a", value: "c" }]);
        assert!(edits.of_file(Split::Test).is_empty());
    }

    #[test]
    fn a_log_survives_its_file_and_what_can_not_be_is_named() {
        let edits = RowEdits { log: vec![set(5, "a", "ü, \"b\"\n"), drop_rows(&[2])] };
        assert_eq!(RowEdits::from_json(edits.to_json().as_bytes()), Ok(edits));
        assert_eq!(RowEdits::from_json(RowEdits::default().to_json().as_bytes()), Ok(RowEdits::default()));
        let zero = RowEdits { log: vec![set(5, "a", "b"), drop_rows(&[0])] };
        let error = RowEdits::from_json(zero.to_json().as_bytes()).expect_err("rows are counted from 1");
        assert!(error.starts_with("edit 2 "), "{error}");
        assert!(RowEdits::from_json(b"{\"a\": 1}").is_err());
        assert_eq!(RowEdits::from_json("\u{feff}[]".as_bytes()), Ok(RowEdits::default()));
        assert!(RowEdits::from_json(b"\xE9").is_err_and(|error| error.starts_with("the file is not UTF-8")));
    }

    #[test]
    fn the_edits_of_a_file_go_with_it() {
        let of_test = RowEdit::DropRows { file: Split::Test, rows: vec![2] };
        let mut edits = RowEdits { log: vec![drop_rows(&[2]), of_test.clone()] };
        edits.forget_file(Split::Train);
        assert_eq!(edits.log, [of_test]);
    }

    #[test]
    fn an_edit_is_named_in_a_few_words() {
        let moved = RowEdit::MoveRows { file: Split::Train, rows: vec![2, 3], split: Split::Valid };
        let words = [set(5, "a", "b"), drop_rows(&[7]), moved].map(|edit| edit.words());
        assert_eq!(words, ["\u{201c}label\u{201d} of row 5", "Row 7 dropped", "2 rows moved to validation"]);
    }
}
