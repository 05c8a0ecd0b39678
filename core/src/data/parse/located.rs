//! Where the rows of a file stand in its text, so that a file can be written again with the same letters around what changed.
//! In: the text, read as [`super::parse_keeping_nested`], [`super::parse_lines`] or [`super::parse_tagged`] reads it. Out: the table, and
//! the bytes of each of its rows.

use std::borrow::Cow;
use std::ops::Range;

use super::delimited::{self, Located};
use super::records::Records;
use super::{Format, Table, conll, holds_json, json, label_first, token_rows};
use crate::config::ReadOptions;
use crate::data::error::DataError;

/// How a row is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::data) enum RowWriting {
    /// Fields with a separator between them; quotes delimit fields, or are characters like any other.
    Delimited { separator: char, is_quoted: bool },
    /// `LABEL:fine text`, or `__label__name text` where there are two columns, a line each.
    LabelFirst,
    /// A text a line.
    Lines,
    /// An object.
    Object,
    /// A token a line, its fields between tabs or white space; a sentence is several lines.
    TokenLines { has_tabs: bool },
}

/// What a row of a file is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::data) enum RowKind {
    /// Cells, as [`super::parse_keeping_nested`] reads them.
    Cells,
    /// A line, whatever stands in it.
    Line,
    /// A sentence with a tag for each word, as [`super::parse_tagged`] reads them.
    Sentence,
}

/// A file, and where its rows stand.
#[derive(Debug)]
pub(in crate::data) struct LocatedRows {
    pub(in crate::data) table: Table,
    /// Bytes of rows by their numbers, ascending; those of lines include the line end. Of an array all items are here, rows or not.
    pub(in crate::data) spans: Vec<(usize, Range<usize>)>,
    /// Where rows are sentences and have a line or a record for each token: bytes of these, of each row of `spans`.
    pub(in crate::data) tokens: Vec<Vec<Range<usize>>>,
    /// Bytes of the row that names the columns, of delimited text.
    pub(in crate::data) header: Option<Range<usize>>,
    pub(in crate::data) writing: RowWriting,
    /// Between two rows something stands that belongs to neither: the commas of an array.
    pub(in crate::data) is_array: bool,
}

/// Reads a text and finds its rows in it.
///
/// # Errors
/// When the text can't be read, or its rows can't be told apart in it.
pub(in crate::data) fn locate_rows(
    name: &str,
    text: &str,
    read: &ReadOptions,
    kind: RowKind,
) -> Result<LocatedRows, DataError> {
    if kind == RowKind::Line {
        let table = super::parse_lines(text.as_bytes(), &ReadOptions::default())?;
        return Ok(of_lines(table, text, RowWriting::Lines));
    }
    if holds_json(name, text, read) {
        let table = json::parse::<true>(text)?;
        let spans = json::locate(text, &table)?;
        let is_array = table.format == Format::Json;
        let writing = RowWriting::Object;
        return Ok(LocatedRows { table, spans, tokens: Vec::new(), header: None, writing, is_array });
    }
    let sentences = if kind == RowKind::Sentence { conll::locate(name, text, read)? } else { None };
    if let Some(located) = sentences {
        return Ok(located);
    }
    if let Some(table) = label_first::parse(text, read) {
        return Ok(of_lines(table, text, RowWriting::LabelFirst));
    }
    let Located { table, spans, header, separator, is_quoted, has_single_quotes } =
        delimited::parse_located(name, text, read)?;
    if has_single_quotes {
        let message = "its fields stand in single quotes, in which rows can't be changed: save it with double quotes";
        return Err(DataError::BadOption { field: "edits".into(), message: message.into() });
    }
    let spans = table.rows.iter().map(|row| row.number).zip(spans).collect();
    let writing = RowWriting::Delimited { separator, is_quoted };
    let mut located = LocatedRows { table, spans, tokens: Vec::new(), header, writing, is_array: false };
    if kind == RowKind::Sentence {
        token_rows::join_located(&mut located, read);
    }
    Ok(located)
}

/// Fields of a row of delimited text.
pub(in crate::data) fn num_fields(row: &str, separator: char, is_quoted: bool) -> usize {
    Records::new(row, separator, is_quoted).next().map_or(0, |record| record.fields.len())
}

/// Fields of a row of delimited text, without the quotes around them.
pub(in crate::data) fn fields_of(row: &str, separator: char, is_quoted: bool) -> Vec<String> {
    let record = Records::new(row, separator, is_quoted).next();
    record.map_or_else(Vec::new, |record| record.fields.into_iter().map(Cow::into_owned).collect())
}

/// A table whose rows are lines, by their numbers.
fn of_lines(table: Table, text: &str, writing: RowWriting) -> LocatedRows {
    // A carriage return alone ends a line of the one, and is a letter of the other.
    let lines = line_spans(text, writing == RowWriting::LabelFirst);
    let span = |number: usize| Some((number, lines.get(number.checked_sub(1)?)?.clone()));
    let spans = table.rows.iter().filter_map(|row| span(row.number)).collect();
    LocatedRows { table, spans, tokens: Vec::new(), header: None, writing, is_array: false }
}

/// Bytes of each line, its end included.
fn line_spans(text: &str, ends_at_return: bool) -> Vec<Range<usize>> {
    let bytes = text.as_bytes();
    let (mut spans, mut start) = (Vec::new(), 0);
    for (at, &byte) in bytes.iter().enumerate() {
        let is_end = byte == b'\n' || (byte == b'\r' && ends_at_return && bytes.get(at + 1) != Some(&b'\n'));
        if is_end {
            spans.push(start..at + 1);
            start = at + 1;
        }
    }
    if start < bytes.len() {
        spans.push(start..bytes.len());
    }
    spans
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::parse::parse_keeping_nested;

    fn rows(name: &str, text: &str) -> Vec<(usize, String)> {
        let read = ReadOptions::default();
        let located = locate_rows(name, text, &read, RowKind::Cells).expect("a table");
        let parsed = parse_keeping_nested(name, text.as_bytes(), &read).expect("a table");
        assert_eq!(located.table.rows, parsed.rows);
        located.spans.into_iter().map(|(number, span)| (number, text[span].to_owned())).collect()
    }

    fn owned(rows: &[(usize, &str)]) -> Vec<(usize, String)> {
        rows.iter().map(|(number, text)| (*number, (*text).to_owned())).collect()
    }

    #[test]
    fn rows_of_delimited_text_stand_with_their_line_ends() {
        let text = "Export,\r\ntext,label\r\n\"a\r\nb\",x\r\n\r\nc,y\r\nd,y";
        assert_eq!(rows("x.csv", text), owned(&[(3, "\"a\r\nb\",x\r\n"), (5, "c,y\r\n"), (6, "d,y")]));
    }

    #[test]
    fn rows_of_lines_are_their_lines() {
        let text = "DESC:manner How did it go ?\r\n\nENTY:animal What ?\n";
        assert_eq!(
            rows("x.label", text),
            owned(&[(1, "DESC:manner How did it go ?\r\n"), (3, "ENTY:animal What ?\n")])
        );
        let lines = locate_rows("x.txt", "a, b\n\n c\n", &ReadOptions::default(), RowKind::Line).expect("lines");
        assert_eq!(lines.spans, [(1, 0..5), (3, 6..9)]);
    }

    #[test]
    fn objects_stand_where_they_stand() {
        let lines = "{\"a\": \"x\"}\n\n {\"a\": \n\"y\"},\n{\"a\": \"z\"}";
        let spans = [(1, "{\"a\": \"x\"}\n"), (3, "{\"a\": \n\"y\"},\n"), (5, "{\"a\": \"z\"}")];
        assert_eq!(rows("x.jsonl", lines), owned(&spans));
        let array = "[\n {\"a\": 1},\n {\"a\": [2, {}]}\n]\n";
        assert_eq!(rows("x.json", array), owned(&[(1, "{\"a\": 1}"), (2, "{\"a\": [2, {}]}")]));
        let wrapped = "{\"version\": [1], \"data\": [{\"a\": 1}, {\"a\": 2}]}";
        assert_eq!(rows("x.json", wrapped), owned(&[(1, "{\"a\": 1}"), (2, "{\"a\": 2}")]));
        let on_a_line = "{\"a\": 1}{\"a\": 2}";
        assert_eq!(rows("x.json", on_a_line), owned(&[(1, "{\"a\": 1}"), (2, "{\"a\": 2}")]));
    }
}
