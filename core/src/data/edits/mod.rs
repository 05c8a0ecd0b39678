//! Edits of rows on their way to training, and the rows as a person looks through them. In: the log of edits
//! ([`RowEdits`]) and the table of a file. Out: the table as it is read from then on; `view` has a window of the rows of all
//! files, searched, filtered and sorted; `export` the file itself, cleaned, in the format that it came in.

mod by_hand;
mod export;
mod query;
mod view;

use std::collections::{BTreeMap, HashMap};

use super::parse::Table;
use super::report::list_rows;
use super::rows::{ReadSummary, in_file_of};
use crate::config::{EditedRow, RowEdit, RowEdits, Split};
use crate::words::plural;

pub use by_hand::{EditedLabel, edited_labels, splits_by_hand};
pub use export::{AppendedRow, CleanedFile, append_rows, clean_file};
pub use query::{RowFilter, RowId, RowQuery, RowSort, RowSource, RowState, RowView, RowWindow};
pub use view::{RowTable, UnlabeledRow};

/// A row that a person moved to a split.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Move {
    /// The file it stands in.
    pub file: Split,
    /// Its number there.
    pub row: usize,
    /// Where it belongs.
    pub split: Split,
}

/// An edit for each file of these rows.
pub fn edits_by_file(rows: &[RowId], edit: impl Fn(Split, Vec<usize>) -> RowEdit) -> Vec<RowEdit> {
    let mut files: BTreeMap<Split, Vec<usize>> = BTreeMap::new();
    for id in rows {
        files.entry(id.file).or_default().push(id.row);
    }
    files.into_iter().map(|(file, rows)| edit(file, rows)).collect()
}

/// What edits did to a file.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct EditOutcome {
    /// Rows that were left out.
    pub num_dropped: usize,
    /// Rows of which a cell was edited.
    pub num_changed: usize,
    /// Rows that belong to a split.
    pub moves: Vec<Move>,
    /// Rows whose edits do not fit the file, and were not made: it has no such row or column, or other words there.
    pub misfits: Vec<usize>,
}

impl EditOutcome {
    /// Says what was done, and what could not be. `split` is the one whose file was edited.
    pub fn tell(self, summary: &mut ReadSummary, split: Split) {
        let counts = [
            (self.num_dropped, "left out"),
            (self.num_changed, "read otherwise"),
            (self.moves.len(), "moved to a split"),
        ];
        let done: Vec<String> = counts
            .iter()
            .filter(|(count, _)| *count > 0)
            .map(|(count, what)| format!("{} {what}", plural(*count, "row")))
            .collect();
        if !done.is_empty() {
            summary.notes.push(in_file_of(split, format!("by edits: {}", done.join(", "))));
        }
        if !self.misfits.is_empty() {
            let rows: Vec<String> = self.misfits.iter().map(ToString::to_string).collect();
            let (edits, were) = (plural(rows.len(), "edited row"), if rows.len() == 1 { "was" } else { "were" });
            let sentence = format!(
                "{edits} {were} not found as the edits know them, and the edits are not made: {}. Is it another file?",
                list_rows(&rows)
            );
            summary.warnings.push(in_file_of(split, sentence));
        }
        summary.moves.extend(self.moves);
    }
}

/// Makes the edits of a file in its table. `columns` has the index of each column that may be edited, by its name in the
/// training file; `None` where the file has no such column.
pub fn apply_edits(
    edits: &RowEdits,
    file: Split,
    columns: &HashMap<String, Option<usize>>,
    table: &mut Table,
) -> EditOutcome {
    let mut outcome = EditOutcome::default();
    if edits.is_empty() {
        return outcome;
    }
    let mut of_file = edits.of_file(file);
    table.rows.retain_mut(|row| {
        let Some(edited) = of_file.remove(&row.number) else { return true };
        if edited.is_dropped {
            outcome.num_dropped += 1;
            return false;
        }
        match set_cells(&edited, columns, &mut row.cells) {
            Ok(is_changed) => outcome.num_changed += usize::from(is_changed),
            Err(()) => outcome.misfits.push(row.number),
        }
        outcome.moves.extend(edited.split.map(|split| Move { file, row: row.number, split }));
        true
    });
    // A row that could not be read can be left out, too.
    let num_listed = table.bad_rows.len();
    table.bad_rows.retain(|bad| {
        let is_dropped = of_file.get(&bad.row).is_some_and(|edited| edited.is_dropped);
        if is_dropped {
            of_file.remove(&bad.row);
        }
        !is_dropped
    });
    let num_left_out = num_listed - table.bad_rows.len();
    table.num_bad_rows -= num_left_out;
    outcome.num_dropped += num_left_out;
    outcome.misfits.extend(of_file.keys());
    outcome.misfits.sort_unstable();
    outcome
}

/// Sets the edited cells of a row; says whether there are any.
///
/// # Errors
/// When the row is not the one that was edited; nothing is set then.
fn set_cells(
    edited: &EditedRow<'_>,
    columns: &HashMap<String, Option<usize>>,
    cells: &mut [String],
) -> Result<bool, ()> {
    let index_of = |column: &str| columns.get(column).copied().flatten();
    let fits = edited.cells.iter().all(|cell| {
        let found = index_of(cell.column).and_then(|index| cells.get(index));
        found.is_some_and(|found| found == cell.was)
    });
    if !fits {
        return Err(());
    }
    for cell in &edited.cells {
        if let Some(found) = index_of(cell.column).and_then(|index| cells.get_mut(index)) {
            cell.value.clone_into(found);
        }
    }
    Ok(!edited.cells.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{ReadOptions, SplitConfig};
    use crate::data::error::DataError;
    use crate::data::parse::{Row, parse};
    use crate::data::rows::{BadCell, DataFiles, RowFormat, UsedColumn, read_rows, share_out};

    const FILE: &str = "text,label\ngood film,pos\nbad film,neg\n\"a, b\",pos\nlong\tone,x,y\n";

    fn table() -> Table {
        parse("x.csv", FILE.as_bytes(), &ReadOptions::default()).expect("a table")
    }

    fn set(row: usize, was: &str, value: &str) -> RowEdit {
        let (file, column) = (Split::Train, "label".to_owned());
        RowEdit::SetCell { file, row, column, was: was.into(), value: value.into() }
    }

    fn apply(log: Vec<RowEdit>) -> (Table, EditOutcome) {
        let mut table = table();
        let columns = [("text".to_owned(), Some(0)), ("label".to_owned(), Some(1))].into();
        let outcome = apply_edits(&RowEdits { log }, Split::Train, &columns, &mut table);
        (table, outcome)
    }

    #[test]
    fn edits_change_drop_and_move_rows_of_their_file() {
        let file = Split::Train;
        let log = vec![
            set(2, "pos", "great"),
            RowEdit::DropRows { file, rows: vec![3, 5] },
            RowEdit::MoveRows { file, rows: vec![4], split: Split::Test },
            RowEdit::DropRows { file: Split::Valid, rows: vec![4] },
        ];
        let (table, outcome) = apply(log);
        assert_eq!(
            table.rows.iter().map(|row| (row.number, row.cells[1].as_str())).collect::<Vec<_>>(),
            [(2, "great"), (4, "pos")]
        );
        assert_eq!((table.num_bad_rows, table.bad_rows.len()), (0, 0), "row 5 could not be read, and is gone");
        let moves = vec![Move { file, row: 4, split: Split::Test }];
        assert_eq!(outcome, EditOutcome { num_dropped: 2, num_changed: 1, moves, misfits: vec![] });
        let mut summary = ReadSummary::default();
        outcome.tell(&mut summary, Split::Train);
        assert_eq!(summary.notes, ["by edits: 2 rows left out, 1 row read otherwise, 1 row moved to a split"]);
        assert!(summary.warnings.is_empty() && summary.moves.len() == 1);
    }

    #[test]
    fn edits_of_another_file_are_not_made_and_it_is_said() {
        let (edited, outcome) = apply(vec![set(2, "neg", "great"), set(99, "a", "b")]);
        assert_eq!((edited, outcome.misfits.as_slice()), (table(), &[2, 99][..]));
        let mut summary = ReadSummary::default();
        outcome.tell(&mut summary, Split::Test);
        assert!(summary.warnings[0].starts_with("test file: 2 edited rows were not found"), "{:?}", summary.warnings);
        assert!(summary.warnings[0].contains("2, 99"), "{:?}", summary.warnings);
    }

    #[test]
    fn moved_rows_belong_to_their_split_whatever_is_drawn() {
        let lines: String = (0..40).map(|i| format!("text {i},l{}\n", i % 2)).collect();
        let train = ("x.csv".to_owned(), format!("text,label\n{lines}").into_bytes());
        let valid = Some(("v.csv".to_owned(), b"text,label\na,l0\nb,l1\n".to_vec()));
        let files = DataFiles { train, valid, ..DataFiles::default() };
        let move_rows = |file, rows: &[usize], split| RowEdit::MoveRows { file, rows: rows.to_vec(), split };
        let log = vec![
            move_rows(Split::Train, &[2, 3], Split::Test),
            move_rows(Split::Valid, &[3], Split::Train),
            RowEdit::DropRows { file: Split::Train, rows: vec![4] },
        ];
        let read = ReadOptions { edits: RowEdits { log }, ..ReadOptions::default() };
        let choose = |_: &Table, _: &ReadOptions| -> Result<Vec<UsedColumn>, DataError> {
            Ok(vec![UsedColumn { role: "text", index: 0 }, UsedColumn { role: "label", index: 1 }])
        };
        let mut read_row = |row: &mut Row, used: &[UsedColumn], _: &[String]| -> Result<String, BadCell> {
            Ok(row.cells[used[0].index].clone())
        };
        let mut format = RowFormat { parse: &parse, choose: &choose, read_row: &mut read_row };
        let rows = read_rows(&files, &read, &mut format).expect("good files");
        let classes = vec![0; rows.train.len()];
        let (splits, summary) = share_out(rows, &classes, &SplitConfig::default(), 7);
        let [train, valid, test] = splits.map(|rows| rows.into_iter().map(|row| row.value).collect::<Vec<_>>());
        assert_eq!((valid, test), (vec!["a".to_owned()], vec!["text 0".to_owned(), "text 1".to_owned()]));
        assert_eq!((train.len(), train.last().map(String::as_str)), (38, Some("b")));
        let notes =
            ["by edits: 1 row left out, 2 rows moved to a split", "validation file: by edits: 1 row moved to a split"];
        assert_eq!(summary.notes, notes);
        assert!(summary.warnings.is_empty(), "{:?}", summary.warnings);
    }

    #[test]
    fn rows_of_several_files_are_an_edit_each() {
        let id = |file, row| RowId { file, row };
        let rows = [id(Split::Test, 9), id(Split::Train, 2), id(Split::Train, 3)];
        let edits = edits_by_file(&rows, |file, rows| RowEdit::DropRows { file, rows });
        let of = |file, rows: &[usize]| RowEdit::DropRows { file, rows: rows.to_vec() };
        assert_eq!(edits, [of(Split::Train, &[2, 3]), of(Split::Test, &[9])]);
    }

    #[test]
    fn without_edits_a_table_stays_as_it_is() {
        assert_eq!(apply(Vec::new()), (table(), EditOutcome::default()));
    }
}
