//! How a file was read, and what its first rows hold: the same for labels and for texts.

use serde::{Deserialize, Serialize};

use super::parse::{DecodedText, Row, Table};
use crate::config::Encoding;
use crate::words::shorten;

/// Rows of the preview.
pub(super) const MAX_ROWS: usize = 5;

/// Longest cell of the preview, in characters.
const MAX_CELL: usize = 200;

/// The first rows of a table with all its columns.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct TablePreview {
    /// Names of the columns.
    pub columns: Vec<String>,
    /// Rows with a cell for every column; long cells are cut and end in `…`.
    pub rows: Vec<Vec<String>>,
}

/// How the training file was read.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct FileReading {
    /// How its bytes stand for characters.
    pub encoding: Encoding,
    /// Neither the person nor the file itself said so.
    pub is_encoding_guessed: bool,
    /// The row that names the columns, counted as [`Row::number`]; `None` without such a row, and for JSON and plain text.
    pub header_row: Option<usize>,
    /// Its first rows; empty for plain text.
    pub table: TablePreview,
}

impl FileReading {
    /// How a table was read.
    pub(crate) fn of(table: &Table) -> Self {
        Self {
            encoding: table.encoding,
            is_encoding_guessed: table.is_encoding_guessed,
            header_row: table.header_row,
            table: TablePreview::of(table),
        }
    }

    /// How a plain text was read.
    pub(crate) fn of_text(text: &DecodedText<'_>) -> Self {
        Self { encoding: text.encoding, is_encoding_guessed: text.is_guessed, ..Self::default() }
    }
}

impl TablePreview {
    fn of(table: &Table) -> Self {
        let preview = |row: &Row| -> Vec<String> {
            row.cells.iter().enumerate().map(|(column, cell)| preview_cell(table, row, column, cell)).collect()
        };
        Self { columns: table.columns.clone(), rows: table.rows.iter().take(MAX_ROWS).map(preview).collect() }
    }
}

fn preview_cell(table: &Table, row: &Row, column: usize, cell: &str) -> String {
    if !row.nested.contains(&column) {
        return shorten(cell, MAX_CELL);
    }
    // Of a key that comes twice the last value counts.
    let kept = table.nested.iter().rfind(|value| value.row == row.number && value.column == column);
    kept.map_or_else(|| shorten(&on_one_line(cell), MAX_CELL), |value| shorten(&value.json, MAX_CELL))
}

/// The start of a JSON value, longer than a cell of the preview, without its line breaks.
pub(super) fn on_one_line(json: &str) -> String {
    let start = json.char_indices().nth(4 * MAX_CELL).map_or(json, |(end, _)| &json[..end]);
    start.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::ReadOptions;
    use crate::data::parse;

    fn reading(name: &str, text: &str) -> FileReading {
        FileReading::of(&parse(name, text.as_bytes(), &ReadOptions::default()).expect("a table"))
    }

    #[test]
    fn the_preview_has_all_columns_of_the_first_rows() {
        let rows: String = (1..9).map(|i| format!("{i},message {i},Billing,{}\n", "é".repeat(195 + i))).collect();
        let found = reading("x.csv", &format!("Export of May,,,\n,,,\nid,message,team,notes\n{rows}"));
        assert_eq!(found.header_row, Some(3));
        assert_eq!(found.table.columns, ["id", "message", "team", "notes"]);
        assert_eq!(found.table.rows.len(), 5);
        assert_eq!(found.table.rows[4], ["5", "message 5", "Billing", "é".repeat(200).as_str()]);
        let long = reading("x.csv", &format!("text,label\n{},a\nb,b\n", "é".repeat(201)));
        assert_eq!(long.table.rows[0][0], "é".repeat(200) + "…");
    }

    #[test]
    fn nested_values_are_shown_as_json() {
        let text = "[{\"id\": 1,\n \"meta\": {\n \"a\": [1]\n}, \"text\": \"x\"}, {\"text\": \"y\"}]";
        let found = reading("x.json", text);
        assert_eq!((found.header_row, found.table.rows.len()), (None, 2));
        assert_eq!(found.table.rows[0], ["1", "{ \"a\": [1] }", "x"]);
        assert_eq!(found.table.rows[1], ["", "", "y"]);
        let twice = reading("x.jsonl", "{\"a\": [1], \"a\": {\"b\": 2}}\n{\"a\": [3], \"a\": 4}\n");
        assert_eq!(twice.table.rows, [["{\"b\": 2}"], ["4"]]);
    }
}
