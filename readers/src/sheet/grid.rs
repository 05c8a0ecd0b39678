//! The cells of a sheet, by row and column, with the memory that they may take; and the text that they become.

use std::collections::{BTreeMap, BTreeSet};

use crate::ReadError;

/// Bytes that a cell takes beside its text.
const CELL: u64 = 48;

/// Rows and columns of a sheet.
pub(super) const MAX_ROWS: u32 = 1_048_576;
pub(super) const MAX_COLUMNS: u32 = 16_384;

/// Cells of merged ones that are looked at: regions may lie over each other.
const MAX_MERGED: u64 = 20_000_000;

/// Cells that are not empty.
#[derive(Debug)]
pub(super) struct Grid {
    cells: BTreeMap<(u32, u32), String>,
    /// First cell and last row of cells that are merged over rows.
    merged: Vec<((u32, u32), u32)>,
    num_errors: usize,
    has_gaps: bool,
    num_unknown_formulas: usize,
    num_merged: usize,
    left: u64,
    limit: u64,
}

impl Grid {
    /// An empty sheet whose cells take at most so many bytes.
    pub(super) fn new(limit: u64) -> Self {
        Self {
            cells: BTreeMap::new(),
            merged: Vec::new(),
            num_errors: 0,
            has_gaps: false,
            num_unknown_formulas: 0,
            num_merged: 0,
            left: limit,
            limit,
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.cells.is_empty()
    }

    /// Takes a cell; one that is empty, or lies outside of what a sheet has, is none.
    ///
    /// # Errors
    /// When they are too large.
    pub(super) fn push(&mut self, row: u32, column: u32, text: String) -> Result<(), ReadError> {
        if text.trim().is_empty() || row >= MAX_ROWS || column >= MAX_COLUMNS {
            return Ok(());
        }
        self.left = self.left.checked_sub(CELL + text.len() as u64).ok_or(ReadError::TooLarge { limit: self.limit })?;
        self.cells.insert((row, column), text);
        Ok(())
    }

    /// Counts a cell with an error, which is left empty.
    pub(super) fn add_error(&mut self) {
        self.num_errors += 1;
    }

    /// Notes that a cell stands in the file without a value.
    pub(super) fn add_gap(&mut self) {
        self.has_gaps = true;
    }

    /// Whether cells stand in the file without a value.
    pub(super) fn has_gaps(&self) -> bool {
        self.has_gaps
    }

    /// Counts cells with formulas whose values the workbook does not hold.
    pub(super) fn add_unknown_formulas(&mut self, count: usize) {
        self.num_unknown_formulas += count;
    }

    /// Notes that a cell is merged with those below it, to `last_row`.
    pub(super) fn merge(&mut self, first: (u32, u32), last_row: u32) {
        if last_row > first.0 && (self.merged.len() as u64) < MAX_MERGED {
            self.merged.push((first, last_row));
        }
    }

    /// Gives each row of merged cells their value. Over columns they are left alone: so a title stays a title.
    ///
    /// # Errors
    /// When they are too many.
    pub(super) fn fill_merged(&mut self) -> Result<(), ReadError> {
        let last_used = self.cells.keys().next_back().map_or(0, |(row, _)| *row);
        let mut looked_at = 0;
        for ((row, column), last_row) in std::mem::take(&mut self.merged) {
            let Some(text) = self.cells.get(&(row, column)).cloned() else { continue };
            self.num_merged += 1;
            for below in row + 1..=last_row.min(last_used) {
                looked_at += 1;
                if looked_at > MAX_MERGED {
                    return Err(ReadError::Workbook { reason: "too many cells are merged".into() });
                }
                if !self.cells.contains_key(&(below, column)) {
                    self.push(below, column, text.clone())?;
                }
            }
        }
        Ok(())
    }

    /// What there is to say about cells that were not taken as they stand.
    pub(super) fn notes(&self, name: &str) -> Vec<String> {
        let mut notes = Vec::new();
        if self.num_errors > 0 {
            notes.push(format!(
                "{name}: cells that hold an error, such as #N/A, are read as empty: {}",
                self.num_errors
            ));
        }
        if self.num_unknown_formulas > 0 {
            notes.push(format!(
                "{name}: cells with formulas whose values the workbook does not hold are read as empty: {}. Open it in a spreadsheet \
                 program, save it, and read it again",
                self.num_unknown_formulas
            ));
        }
        if self.num_merged > 0 {
            notes.push(format!(
                "{name}: cells that are merged over rows stand in each of their rows: {} of them",
                self.num_merged
            ));
        }
        notes
    }

    /// Comma-separated text with a line for each row, from the first row of the sheet; columns without a cell are left out.
    ///
    /// # Errors
    /// When it is too large.
    pub(super) fn to_csv(&self) -> Result<Vec<u8>, ReadError> {
        let columns: BTreeSet<u32> = self.cells.keys().map(|(_, column)| *column).collect();
        let mut text = String::new();
        let mut cells = self.cells.iter().peekable();
        let mut next_row = 0;
        while let Some(((row, _), _)) = cells.peek().copied() {
            let row = *row;
            (next_row..row).for_each(|_| text.push('\n'));
            for (index, column) in columns.iter().enumerate() {
                if index > 0 {
                    text.push(',');
                }
                if let Some((_, cell)) = cells.next_if(|((of_row, of_column), _)| *of_row == row && of_column == column)
                {
                    text.push('"');
                    text.push_str(&cell.replace('"', "\"\""));
                    text.push('"');
                }
            }
            text.push('\n');
            next_row = row + 1;
            if text.len() as u64 > self.limit {
                return Err(ReadError::TooLarge { limit: self.limit });
            }
        }
        Ok(text.into_bytes())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn grid(cells: &[(u32, u32, &str)]) -> Grid {
        let mut grid = Grid::new(1 << 16);
        for (row, column, text) in cells {
            grid.push(*row, *column, (*text).to_owned()).expect("they are small");
        }
        grid
    }

    fn csv(grid: &Grid) -> String {
        String::from_utf8(grid.to_csv().expect("it is small")).expect("text")
    }

    #[test]
    fn rows_keep_their_numbers_and_columns_without_a_cell_are_left_out() {
        let grid = grid(&[(1, 1, "text"), (1, 3, "label"), (3, 1, "say \"hi\", twice\n"), (3, 3, "a"), (3, 2, " ")]);
        assert_eq!(csv(&grid), "\n\"text\",\"label\"\n\n\"say \"\"hi\"\", twice\n\",\"a\"\n");
        assert!(csv(&Grid::new(10)).is_empty());
    }

    #[test]
    fn merged_cells_stand_in_each_row_that_is_used() {
        let mut grid = grid(&[(0, 0, "label"), (0, 1, "text"), (1, 0, "a"), (1, 1, "x"), (2, 1, "y"), (3, 1, "z")]);
        grid.merge((1, 0), 900_000);
        grid.merge((0, 0), 0);
        grid.fill_merged().expect("they are few");
        assert_eq!(csv(&grid), "\"label\",\"text\"\n\"a\",\"x\"\n\"a\",\"y\"\n\"a\",\"z\"\n");
        assert_eq!(grid.notes("x").len(), 1);
    }

    #[test]
    fn what_takes_too_much_is_refused() {
        let mut grid = Grid::new(100);
        grid.push(0, 0, "a".into()).expect("it fits");
        grid.push(MAX_ROWS, 0, "outside".into()).expect("it is no cell");
        grid.push(1, 0, "a".into()).expect("it fits");
        assert!(matches!(grid.push(2, 0, "a".into()), Err(ReadError::TooLarge { limit: 100 })));
        let mut wide = Grid::new(10_000);
        (0..100).for_each(|index| wide.push(index, index, "a".into()).expect("it fits"));
        assert!(wide.to_csv().is_err(), "a cell a row and column are many commas");
    }
}
