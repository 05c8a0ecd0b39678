//! Lines of a CSV file in which no cell is a formula. In: the cells of each line. Out: the file, and how many cells begin with `'`
//! for that reason.

use anyhow::Context;
use csv::Writer;
use hone_core::spreadsheet;

/// A CSV file in the making.
pub(crate) struct CsvLines {
    writer: Writer<Vec<u8>>,
    num_formulas: usize,
}

impl CsvLines {
    /// An empty file.
    pub(crate) fn new() -> Self {
        Self { writer: Writer::from_writer(Vec::new()), num_formulas: 0 }
    }

    /// Adds a line.
    ///
    /// # Errors
    /// When it has not as many cells as the first.
    pub(crate) fn write(&mut self, cells: impl Iterator<Item = String>) -> csv::Result<()> {
        for cell in cells {
            self.num_formulas += usize::from(spreadsheet::is_formula(&cell));
            self.writer.write_field(spreadsheet::cell(&cell).as_bytes())?;
        }
        self.writer.write_record(None::<&[u8]>)
    }

    /// The file, and the number of cells that a spreadsheet would have taken for formulas.
    ///
    /// # Errors
    /// When memory does not suffice.
    pub(crate) fn finish(self) -> anyhow::Result<(Vec<u8>, usize)> {
        Ok((self.writer.into_inner().context("can't finish the CSV")?, self.num_formulas))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn formulas_are_counted_and_become_text() {
        let mut lines = CsvLines::new();
        for cells in [["row", "-no"], ["=A1, B1", "-0.5"]] {
            lines.write(cells.into_iter().map(str::to_owned)).expect("as many cells");
        }
        let (file, num_formulas) = lines.finish().expect("memory");
        assert_eq!(String::from_utf8(file).expect("text"), "row,'-no\n\"'=A1, B1\",-0.5\n");
        assert_eq!(num_formulas, 2);
    }
}
