//! A plain text to a [`Table`] of one column: each line that is not blank is a row.

use super::{Format, Row, Table, read_text};
use crate::config::ReadOptions;
use crate::data::error::DataError;

/// Name of the column.
pub const LINES_COLUMN: &str = "text";

/// Reads a plain text line by line; row numbers are those of the lines.
///
/// # Errors
/// When the file is empty, too large, no text, or not in the encoding that `read` asks for.
pub fn parse_lines(bytes: &[u8], read: &ReadOptions) -> Result<Table, DataError> {
    let decoded = read_text(bytes, read.encoding)?;
    let mut table = Table::new(Format::Csv, None, false, vec![LINES_COLUMN.to_owned()]);
    let lines = decoded.text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty());
    let row = |(index, line): (usize, &str)| Row {
        number: index + 1,
        cells: vec![line.trim().to_owned()],
        nested: Vec::new(),
    };
    table.rows = lines.map(row).collect();
    (table.encoding, table.is_encoding_guessed) = (decoded.encoding, decoded.is_guessed);
    table.notes.extend(decoded.note);
    Ok(table)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_line_is_a_row_whatever_stands_in_it() {
        let text = b"one, two\r\n\r\n\"three\n  four\tfive \n";
        let table = parse_lines(text, &ReadOptions::default()).expect("a text");
        let rows: Vec<(usize, &str)> = table.rows.iter().map(|row| (row.number, row.cells[0].as_str())).collect();
        assert_eq!(rows, [(1, "one, two"), (3, "\"three"), (4, "four\tfive")]);
        assert_eq!((table.columns.as_slice(), table.has_header), (&["text".to_owned()][..], false));
        assert!(matches!(parse_lines(b" \n", &ReadOptions::default()), Err(DataError::Empty)));
    }
}
