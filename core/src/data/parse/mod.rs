//! A file's bytes to a [`Table`] of text cells: any delimited text, JSON lines, or a JSON array of objects.
//!
//! Encoding, format, delimiter, quoting and header are guessed where [`ReadOptions`] does not say. Rows that can't be
//! read are listed, with number and reason, and do not stop the rest. Time is linear in the bytes, and a cell is copied
//! once.

mod decode;
mod delimited;
mod header;
mod json;
mod label_first;
mod records;

use std::borrow::Cow;

use serde::{Deserialize, Serialize};

use super::error::DataError;
use crate::config::ReadOptions;

pub(super) use header::{LABEL_NAMES, TEXT_NAMES, name_rank};

/// Largest file that is read, in bytes.
const MAX_BYTES: usize = 512 << 20;

/// Bad rows that are listed with their reason; further ones are only counted.
const MAX_LISTED: usize = 1000;

/// What kind of file it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Format {
    /// Delimited text: commas, tabs, semicolons or anything else between fields.
    Csv,
    /// A JSON object a line.
    Jsonl,
    /// A JSON array of objects.
    Json,
}

/// A row that can't be used.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BadRow {
    /// Row number, counted as [`Row::number`].
    pub row: usize,
    /// What is wrong with it.
    pub reason: String,
}

/// A row of text cells.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Row {
    /// From 1. Delimited text: as a spreadsheet counts, the header being row 1 (the line number, as long as no field
    /// holds a line break). JSON lines: the line number. JSON: the place in the array.
    pub number: usize,
    /// One a column; a missing JSON value is an empty cell.
    pub cells: Vec<String>,
    /// Columns in which this row held a JSON object or array; their cells are empty, or its JSON text where that was
    /// asked for.
    pub nested: Vec<usize>,
}

/// A file as it was read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Table {
    /// What kind of file it was taken for.
    pub format: Format,
    /// Between fields; `None` for JSON and for a file of one column.
    pub delimiter: Option<char>,
    /// The first row named the columns.
    pub has_header: bool,
    /// Column names; `column 1`, `column 2`, … without a header.
    pub columns: Vec<String>,
    /// Rows with a cell for every column.
    pub rows: Vec<Row>,
    /// The first thousand rows that could not be read.
    pub bad_rows: Vec<BadRow>,
    /// All rows that could not be read.
    pub num_bad_rows: usize,
}

impl Table {
    /// A table without rows.
    fn new(format: Format, delimiter: Option<char>, has_header: bool, columns: Vec<String>) -> Self {
        Self { format, delimiter, has_header, columns, rows: Vec::new(), bad_rows: Vec::new(), num_bad_rows: 0 }
    }

    fn add_bad(&mut self, row: usize, reason: String) {
        self.num_bad_rows += 1;
        if self.bad_rows.len() < MAX_LISTED {
            self.bad_rows.push(BadRow { row, reason });
        }
    }

    /// The table, unless there is no good row in it.
    fn checked(self) -> Result<Self, DataError> {
        if !self.rows.is_empty() {
            return Ok(self);
        }
        match self.bad_rows.into_iter().next() {
            Some(BadRow { row, reason }) => Err(DataError::NothingUsable { num_rows: self.num_bad_rows, row, reason }),
            None => Err(DataError::NoRows { columns: self.columns }),
        }
    }
}

/// Reads a file. `name` is a hint only: content decides where the two differ.
///
/// # Errors
/// When the file as a whole can't be read; see [`DataError`].
pub fn parse(name: &str, bytes: &[u8], read: &ReadOptions) -> Result<Table, DataError> {
    parse_as::<false>(name, bytes, read)
}

/// Reads a file as [`parse`] does, but an object or array in a JSON row is a cell of JSON text.
pub(super) fn parse_keeping_nested(name: &str, bytes: &[u8], read: &ReadOptions) -> Result<Table, DataError> {
    parse_as::<true>(name, bytes, read)
}

/// A file as one text that is not empty: UTF-8, or UTF-16 with a byte order mark.
///
/// # Errors
/// When the file is empty, too large, or no text.
pub fn read_text(bytes: &[u8]) -> Result<Cow<'_, str>, DataError> {
    check_size(bytes.len())?;
    let text = decode::decode(bytes)?;
    if text.trim().is_empty() { Err(DataError::Empty) } else { Ok(text) }
}

fn parse_as<const KEEP: bool>(name: &str, bytes: &[u8], read: &ReadOptions) -> Result<Table, DataError> {
    let text = read_text(bytes)?;
    let text = text.as_ref();
    match guess_format(name, text, read) {
        Format::Json => json::parse_array::<KEEP>(text),
        Format::Jsonl => json::parse_lines::<KEEP>(text),
        Format::Csv => match label_first::parse(text, read) {
            Some(table) => Ok(table),
            None => delimited::parse(name, text, read),
        },
    }
}

fn check_size(bytes: usize) -> Result<(), DataError> {
    if bytes > MAX_BYTES { Err(DataError::TooLarge { bytes, limit: MAX_BYTES }) } else { Ok(()) }
}

fn guess_format(name: &str, text: &str, read: &ReadOptions) -> Format {
    let extension = extension(name);
    if read.delimiter.is_some() || matches!(extension.as_str(), "csv" | "tsv" | "tab" | "psv") {
        return Format::Csv;
    }
    if matches!(extension.as_str(), "jsonl" | "ndjson") {
        return Format::Jsonl;
    }
    let start = text.trim_start();
    if let Some(inside) = start.strip_prefix('[').map(str::trim_start) {
        let is_array = inside.starts_with('{') || (extension == "json" && !inside.is_empty());
        return if is_array || inside == "]" { Format::Json } else { Format::Csv };
    }
    let opens_object = start.strip_prefix('{').is_some_and(|inside| inside.trim_start().starts_with(['"', '}']));
    if opens_object {
        // One whole object on the first line and another below it is JSON lines; anything else is one document.
        let mut lines = start.lines().filter(|line| !line.trim().is_empty());
        let first = lines.next().unwrap_or_default();
        let is_object = serde_json::from_str::<serde::de::IgnoredAny>(first).is_ok();
        let more = lines.next().is_some_and(|line| line.trim_start().starts_with('{'));
        return match (is_object && more, extension == "json" || !more) {
            (true, _) => Format::Jsonl,
            (false, true) => Format::Json,
            (false, false) => Format::Jsonl,
        };
    }
    if extension == "json" { Format::Json } else { Format::Csv }
}

/// Lower-case extension without the dot, or nothing.
pub(super) fn extension(name: &str) -> String {
    name.rsplit_once('.').map(|(_, extension)| extension.to_ascii_lowercase()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn format_of(name: &str, text: &str) -> Format {
        guess_format(name, text, &ReadOptions::default())
    }

    #[test]
    fn formats_are_told_apart() {
        assert_eq!(format_of("x.csv", "[a],b\n"), Format::Csv);
        assert_eq!(format_of("x.txt", "[note] hi\tspam\n"), Format::Csv);
        assert_eq!(format_of("x.txt", "[ {\"a\": 1}]"), Format::Json);
        assert_eq!(format_of("x", "{\"a\": 1}\n{\"a\": 2}\n"), Format::Jsonl);
        assert_eq!(format_of("x.json", "{\"a\": 1}\n{\"a\": 2}\n"), Format::Jsonl);
        assert_eq!(format_of("x.json", "{\"data\": [{\"a\": 1}]}"), Format::Json);
        assert_eq!(format_of("x.json", "{\n \"data\": [\n  {\"a\": 1}]}"), Format::Json);
        assert_eq!(format_of("x.json", "[]"), Format::Json);
        assert_eq!(format_of("x.txt", "{name} says hi\tspam\n"), Format::Csv);
        assert_eq!(format_of("x.jsonl", "oops"), Format::Jsonl);
    }

    #[test]
    fn what_is_too_large_or_empty_is_refused() {
        assert!(matches!(check_size(MAX_BYTES + 1), Err(DataError::TooLarge { .. })));
        check_size(MAX_BYTES).expect("just fits");
        for bytes in [&b""[..], b" \n\r\n\t", b"\xEF\xBB\xBF"] {
            assert!(matches!(parse("x.csv", bytes, &ReadOptions::default()), Err(DataError::Empty)));
        }
    }

    fn check(name: &str, bytes: &[u8], read: &ReadOptions) {
        if let Ok(table) = parse(name, bytes, read) {
            assert!(!table.rows.is_empty());
            assert!(table.rows.iter().all(|row| row.cells.len() == table.columns.len()));
            assert!(table.rows.windows(2).all(|pair| pair[0].number < pair[1].number));
        }
    }

    proptest! {
        #[test]
        fn no_bytes_panic(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            for name in ["x.csv", "x.tsv", "x.json", "x.jsonl", "x"] {
                check(name, &bytes, &ReadOptions::default());
            }
        }

        #[test]
        fn no_table_like_text_panics(
            text in "([a-c\"\"\",;\t|é]{0,6}[,\t\n\r]){0,40}",
            delimiter in prop::option::of(prop::sample::select(vec![',', '\t', 'é', '"'])),
            has_header in any::<Option<bool>>(),
        ) {
            check("x.csv", text.as_bytes(), &ReadOptions { delimiter, has_header, ..ReadOptions::default() });
        }

        #[test]
        fn no_json_like_text_panics(text in "([\\[\\]{}:,\n]|\"[a-c]\"|1|null|true){0,60}") {
            for name in ["x.json", "x.jsonl", "x"] {
                check(name, text.as_bytes(), &ReadOptions::default());
            }
        }
    }
}
