//! Where the rows of a file stand in its text, so that a file can be written again with the same letters around what changed.
//! In: the text, read as [`super::parse_keeping_nested`], [`super::parse_lines`] or [`super::parse_tagged`] reads it. Out: the table, and
//! the bytes of each of its rows.

use std::borrow::Cow;
use std::collections::HashSet;
use std::ops::Range;

use super::delimited::{self, Located};
use super::records::Records;
use super::translations::{self, SplitColumn};
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
    /// Bytes of rows that can't be read, by their numbers, ascending, apart from those of `spans`.
    pub(in crate::data) bad_spans: Vec<(usize, Range<usize>)>,
    /// Bytes of the row that names the columns, of delimited text.
    pub(in crate::data) header: Option<Range<usize>>,
    pub(in crate::data) writing: RowWriting,
    /// Between two rows something stands that belongs to neither: the commas of an array.
    pub(in crate::data) is_array: bool,
    /// The column that became several, once [`LocatedRows::split_translations`] made it so.
    pub(in crate::data) split: Option<SplitColumn>,
}

impl LocatedRows {
    /// The table as it is where such a file is read: with translations in cells taken apart.
    pub(in crate::data) fn table_as_read(&self) -> Cow<'_, Table> {
        if !matches!(self.writing, RowWriting::Delimited { .. }) || !translations::may_split(&self.table) {
            return Cow::Borrowed(&self.table);
        }
        let mut table = self.table.clone();
        translations::split(&mut table);
        Cow::Owned(table)
    }

    /// Takes translations in cells of delimited text apart, as they are where such a file is read.
    pub(in crate::data) fn split_translations(&mut self) {
        if !matches!(self.writing, RowWriting::Delimited { .. }) || !self.tokens.is_empty() {
            return;
        }
        self.split = translations::split(&mut self.table);
        if self.split.is_none() {
            return;
        }
        let good: HashSet<usize> = self.table.rows.iter().map(|row| row.number).collect();
        let spans = std::mem::take(&mut self.spans).into_iter();
        let (spans, bad): (Vec<_>, Vec<_>) = spans.partition(|(number, _)| good.contains(number));
        self.spans = spans;
        self.bad_spans.extend(bad);
        self.bad_spans.sort_by_key(|(_, span)| span.start);
    }
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
        let (spans, bad_spans) = json::locate(text, &table)?;
        let is_array = table.format == Format::Json;
        let writing = RowWriting::Object;
        return Ok(LocatedRows {
            table,
            spans,
            tokens: Vec::new(),
            bad_spans,
            header: None,
            writing,
            is_array,
            split: None,
        });
    }
    let sentences = if kind == RowKind::Sentence { conll::locate(name, text, read)? } else { None };
    if let Some(located) = sentences {
        return Ok(located);
    }
    if let Some(table) = label_first::parse(text, read) {
        return Ok(of_lines(table, text, RowWriting::LabelFirst));
    }
    let Located { table, spans, bad_spans, header, separator, is_quoted, has_single_quotes } =
        delimited::parse_located(name, text, read)?;
    if has_single_quotes {
        let message = "its fields stand in single quotes, in which rows can't be changed: save it with double quotes";
        return Err(DataError::BadOption { field: "edits".into(), message: message.into() });
    }
    let spans = table.rows.iter().map(|row| row.number).zip(spans).collect();
    let writing = RowWriting::Delimited { separator, is_quoted };
    let mut located =
        LocatedRows { table, spans, tokens: Vec::new(), bad_spans, header, writing, is_array: false, split: None };
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
    let good: HashSet<usize> = table.rows.iter().map(|row| row.number).collect();
    let numbered = (1..).zip(lines).filter(|(_, line)| !text[line.clone()].trim().is_empty());
    let (spans, bad_spans) = numbered.partition(|(number, _)| good.contains(number));
    LocatedRows { table, spans, tokens: Vec::new(), bad_spans, header: None, writing, is_array: false, split: None }
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
    fn rows_that_can_not_be_read_have_a_place_too() {
        let bad_rows = |name: &str, text: &str| {
            let located = locate_rows(name, text, &ReadOptions::default(), RowKind::Cells).expect("a table");
            let spans = located.bad_spans.into_iter();
            spans.map(|(number, span)| (number, text[span].to_owned())).collect::<Vec<_>>()
        };
        let table = "text,label\r\na,b,c\r\n\r\n\"d\",x\r\n\"e\",x\r\ntext,label\r\n\"f,x\r\ng,x\r\n";
        let expected = [(2, "a,b,c\r\n"), (6, "text,label\r\n"), (7, "\"f,x\r\n")];
        assert_eq!(bad_rows("x.csv", table), owned(&expected));
        let lines = "oops\n{\"a\": 1}\n\n[\n1\n]\n{\"a\": 2}\n{\n  \"a\": oops\n}\n{\n  \"a\": 3\n}\n{\"a\": 4} x";
        let expected = [(1, "oops\n"), (4, "[\n1\n]\n"), (8, "{\n  \"a\": oops\n}\n"), (14, "{\"a\": 4} x")];
        assert_eq!(bad_rows("x.jsonl", lines), owned(&expected));
        let questions = "ENTY:animal What ?\n".repeat(60) + "oops\r\n\r\nDESC:manner How ?\n";
        assert_eq!(bad_rows("x.label", &questions), owned(&[(61, "oops\r\n")]));
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
