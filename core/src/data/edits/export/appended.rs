//! A file of rows with rows added behind its last: each is a row of the file with some cells changed, written as that one is. In: the
//! bytes, how they are read, the rows to add. Out: a file of the same format in which every letter that was there stays as it was.

use std::collections::{BTreeMap, HashMap};
use std::ops::Range;

use super::{CleanedFile, MARK, written};
use crate::config::{Encoding, ReadOptions};
use crate::data::error::DataError;
use crate::data::parse::{RowKind, locate_rows, read_text};

/// A row of a file that is added once more, with other cells.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AppendedRow {
    /// Number of the row in the file.
    pub row: usize,
    /// New cells, each with the name of its column.
    pub cells: Vec<(String, String)>,
}

/// Adds rows to a file.
///
/// # Errors
/// When the file can't be read, has no such row or column, or its layout has no way to write what a cell holds: names it.
pub fn append_rows(
    (name, bytes): (&str, &[u8]),
    read: &ReadOptions,
    rows: &[AppendedRow],
) -> Result<CleanedFile, DataError> {
    let decoded = read_text(bytes, read.encoding)?;
    let text = decoded.text.as_ref();
    let mut located = locate_rows(name, text, read, RowKind::Cells)?;
    located.split_translations();
    let columns = &located.table.columns;
    let index_of = |column: &String| {
        let index = columns.iter().position(|known| known == column);
        index.ok_or_else(|| DataError::MissingColumn { column: column.clone(), columns: columns.clone() })
    };
    let spans: HashMap<usize, &Range<usize>> = located.spans.iter().map(|(number, span)| (*number, span)).collect();
    let write_row = |AppendedRow { row, cells }: &AppendedRow| {
        let missing =
            || DataError::BadOption { field: "row".into(), message: format!("there is no row {row} in the file") };
        let span = spans.get(row).copied().ok_or_else(missing)?;
        let cells = cells.iter().map(|(column, cell)| Ok::<_, DataError>((index_of(column)?, cell.clone())));
        let cells = cells.collect::<Result<BTreeMap<usize, String>, DataError>>()?;
        written(&text[span.clone()], &cells, &located, *row)
    };
    let added = rows.iter().map(write_row).collect::<Result<Vec<String>, DataError>>()?;
    let end = located.spans.last().map_or(text.len(), |(_, span)| span.end);
    let between = match located.spans.as_slice() {
        _ if !located.is_array => "",
        [(_, first), (_, second), ..] => &text[first.end..second.start],
        _ => ",\n",
    };
    let line_end = if text.contains("\r\n") { "\r\n" } else { "\n" };
    let mut out = text[..end].to_owned();
    for row in &added {
        if !located.is_array && !out.ends_with(['\r', '\n']) {
            out.push_str(line_end);
        }
        out.push_str(between);
        out.push_str(row);
    }
    let rest = &text[end..];
    if !located.is_array && !rest.is_empty() && !out.ends_with(['\r', '\n']) {
        out.push_str(line_end);
    }
    out.push_str(rest);
    let mut notes: Vec<String> = decoded.note.into_iter().filter(|_| decoded.encoding == Encoding::Utf8).collect();
    if decoded.encoding != Encoding::Utf8 {
        notes.push(format!("it is written as UTF-8; the file came as {}", decoded.encoding.name()));
    }
    let mark = if bytes.starts_with(MARK) { MARK } else { &[][..] };
    let num_rows = located.table.rows.len() + added.len();
    Ok(CleanedFile { bytes: [mark, out.as_bytes()].concat(), num_rows, notes })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn appended(name: &str, text: &str, rows: &[(usize, &str, &str)]) -> String {
        let row = |&(row, column, cell): &(usize, &str, &str)| {
            let cells = vec![(column.to_owned(), cell.to_owned())];
            AppendedRow { row, cells }
        };
        let rows: Vec<AppendedRow> = rows.iter().map(row).collect();
        let file = append_rows((name, text.as_bytes()), &ReadOptions::default(), &rows).expect("it can be written");
        String::from_utf8(file.bytes).expect("text")
    }

    #[test]
    fn rows_are_written_as_the_rows_that_they_are_made_of() {
        let csv = "id,text,label\r\n7,\"good, really\",yes\r\n8,bad,no";
        let found = appended("x.csv", csv, &[(2, "text", "really, good"), (3, "text", "bda")]);
        assert_eq!(found, format!("{csv}\r\n7,\"really, good\",yes\r\n8,bda,no"));
        let lines = "{\"text\": \"a b\", \"label\": 1}\n{\"text\": \"c d\", \"label\": 0}";
        let found = appended("x.jsonl", lines, &[(2, "text", "d c"), (1, "text", "b a")]);
        let expected = "\n{\"text\": \"d c\", \"label\": 0}\n{\"text\": \"b a\", \"label\": 1}\n";
        assert_eq!(found, format!("{lines}{expected}"));
    }

    #[test]
    fn an_array_stays_one() {
        let array = "[\n {\"text\": \"a b\"},\n {\"text\": \"c d\"}\n]\n";
        let found = appended("x.json", array, &[(1, "text", "b a")]);
        assert_eq!(found, "[\n {\"text\": \"a b\"},\n {\"text\": \"c d\"},\n {\"text\": \"b a\"}\n]\n");
    }

    #[test]
    fn what_is_not_there_is_named() {
        let fail = |row: usize, column: &str| {
            let rows = [AppendedRow { row, cells: vec![(column.to_owned(), "x".to_owned())] }];
            let error = append_rows(("x.csv", b"text,label\na,b\n"), &ReadOptions::default(), &rows);
            error.expect_err("it can't be written").to_string()
        };
        assert!(fail(9, "text").contains("there is no row 9"), "{}", fail(9, "text"));
        assert!(fail(2, "topic").contains("there is no column \"topic\""));
    }
}
