//! A file's bytes to a [`Table`] of text cells: any delimited text, JSON objects one after another, or a JSON array of
//! objects.
//!
//! Encoding, format, delimiter, quoting and header are guessed where [`ReadOptions`] does not say. Rows that can't be
//! read are listed, with number and reason, and do not stop the rest. What was guessed against the letter of the file
//! (lines skipped, columns renamed) is in the table's notes. Time is linear in the bytes, and a cell is copied once.

mod column_names;
mod conll;
mod decode;
mod delimited;
mod header;
mod json;
mod label_first;
mod layout;
mod lines;
mod located;
mod records;
mod single_byte;
mod token_rows;
mod translations;

use serde::{Deserialize, Serialize};

use super::error::DataError;
use crate::config::{ConfigProblem, Encoding, ReadOptions};

pub(crate) use column_names::name_rank;
pub(super) use column_names::{LABEL_NAMES, TEXT_NAMES, ending_rank, words_of};
pub(super) use conll::set_fields;
pub use conll::{is_conll_u, is_tag, is_tagged_conll, parse_sentences};
pub use decode::DecodedText;
pub(super) use json::set_field;
pub(crate) use json::whole_start;
pub(super) use label_first::write_fast_text;
pub use lines::{LINES_COLUMN, parse_lines};
pub(super) use located::{LocatedRows, RowKind, RowWriting, fields_of, locate_rows, num_fields};
pub use token_rows::parse_tagged;
pub(crate) use token_rows::{SENTENCE_NAMES, TAG_NAMES, TOKEN_NAMES, best_named};

/// Largest file that is read, in bytes.
const MAX_BYTES: usize = 512 << 20;

/// Bad rows that are listed with their reason; further ones are only counted.
const MAX_LISTED: usize = 1000;

/// How names of JSON files end.
const JSON_ENDINGS: [&str; 3] = ["json", "jsonl", "ndjson"];

/// How names of delimited files end.
const DELIMITED_ENDINGS: [&str; 4] = ["csv", "tsv", "tab", "psv"];

/// What kind of file it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Format {
    /// Delimited text: commas, tabs, semicolons or anything else between fields.
    Csv,
    /// JSON objects one after another, usually one a line.
    Jsonl,
    /// A JSON array of objects.
    Json,
    /// One token a line, with blank lines between sentences.
    Conll,
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
    /// holds a line break). JSON objects one after another: the line on which the object starts, or its number where
    /// several stand on a line. JSON: the number in the array.
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
    /// Sentences about how the file was read, where that was not obvious: a guessed encoding, lines skipped above the
    /// header, columns renamed, parts that are not read.
    pub notes: Vec<String>,
    /// How the file's bytes stand for characters.
    pub encoding: Encoding,
    /// Neither the person nor the file itself said so.
    pub is_encoding_guessed: bool,
    /// The row that names the columns, counted as [`Row::number`]; `None` without one, and for JSON.
    pub header_row: Option<usize>,
    /// JSON text of nested values in the first rows, for a preview, where it is not in their cells.
    pub(super) nested: Vec<NestedValue>,
}

/// An object or array in a JSON row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct NestedValue {
    pub(super) row: usize,
    pub(super) column: usize,
    pub(super) json: String,
}

impl Table {
    /// A table without rows.
    fn new(format: Format, delimiter: Option<char>, has_header: bool, columns: Vec<String>) -> Self {
        Self {
            format,
            delimiter,
            has_header,
            columns,
            rows: Vec::new(),
            bad_rows: Vec::new(),
            num_bad_rows: 0,
            notes: Vec::new(),
            encoding: Encoding::default(),
            is_encoding_guessed: false,
            header_row: None,
            nested: Vec::new(),
        }
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
///
/// # Errors
/// See [`parse`].
pub fn parse_keeping_nested(name: &str, bytes: &[u8], read: &ReadOptions) -> Result<Table, DataError> {
    parse_as::<true>(name, bytes, read)
}

/// A file as one text that is not empty, in the encoding `asked` for or in the one that the file shows.
///
/// # Errors
/// When the file is empty, too large, no text, or not in the encoding `asked` for.
pub fn read_text(bytes: &[u8], asked: Option<Encoding>) -> Result<DecodedText<'_>, DataError> {
    check_size(bytes.len())?;
    let decoded = decode::decode(bytes, asked)?;
    if decoded.text.trim().is_empty() { Err(DataError::Empty) } else { Ok(decoded) }
}

fn parse_as<const KEEP: bool>(name: &str, bytes: &[u8], read: &ReadOptions) -> Result<Table, DataError> {
    if let Some(ConfigProblem { field, message }) = read.check().into_iter().next() {
        return Err(DataError::BadOption { field, message });
    }
    let DecodedText { text, encoding, is_guessed, note } = read_text(bytes, read.encoding)?;
    let text = text.as_ref();
    let is_json = holds_json(name, text, read);
    let mut table = if is_json {
        json::parse::<KEEP>(text)?
    } else {
        match label_first::parse(text, read) {
            Some(table) => table,
            None => {
                let mut table = delimited::parse(name, text, read)?;
                translations::split(&mut table);
                table
            }
        }
    };
    (table.encoding, table.is_encoding_guessed) = (encoding, is_guessed);
    if let Some(note) = note {
        table.notes.insert(0, note);
    }
    for (name, is_given) in [("has_header", read.has_header.is_some()), ("header_row", read.header_row.is_some())] {
        if is_json && is_given {
            table.notes.push(format!("{name} has no effect: every object of a JSON file names its own columns"));
        }
    }
    let extension = extension(name);
    let named_json = JSON_ENDINGS.contains(&extension.as_str());
    let named_delimited = DELIMITED_ENDINGS.contains(&extension.as_str());
    match table.format {
        Format::Csv if named_json => {
            table
                .notes
                .push(format!("the file's name ends in .{extension}, but it holds delimited text and is read so"));
        }
        Format::Json | Format::Jsonl if named_delimited => {
            table.notes.push(format!("the file's name ends in .{extension}, but it holds JSON and is read so"));
        }
        _ => {}
    }
    Ok(table)
}

fn check_size(bytes: usize) -> Result<(), DataError> {
    if bytes > MAX_BYTES { Err(DataError::TooLarge { bytes, limit: MAX_BYTES }) } else { Ok(()) }
}

/// Whether the content is JSON. The name decides only where the content could be either.
fn holds_json(name: &str, text: &str, read: &ReadOptions) -> bool {
    if read.delimiter.is_some() {
        return false;
    }
    let extension = extension(name);
    let named_json = JSON_ENDINGS.contains(&extension.as_str());
    let start = text.trim_start_matches(|c: char| c.is_whitespace() || c == '\u{feff}');
    let opens_object =
        |text: &str| text.strip_prefix('{').is_some_and(|inside| inside.trim_start().starts_with(['"', '}']));
    let opens_array = start.strip_prefix('[').is_some_and(|inside| {
        let inside = inside.trim();
        opens_object(inside) || inside == "]"
    });
    if opens_array || opens_object(start) {
        return named_json || json::starts_well(start, DELIMITED_ENDINGS.contains(&extension.as_str()));
    }
    // Something else under a name of JSON: broken JSON, unless it reads as delimited text.
    let has_json_line = || text.lines().take(100).any(|line| line.trim_start().starts_with(['{', '[']));
    named_json && (has_json_line() || delimited::guess_delimiter("", text).is_none())
}

/// Lower-case extension without the dot, or nothing.
pub(crate) fn extension(name: &str) -> String {
    name.rsplit_once('.').map(|(_, extension)| extension.to_ascii_lowercase()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn is_json(name: &str, text: &str) -> bool {
        holds_json(name, text, &ReadOptions::default())
    }

    #[test]
    fn json_is_told_from_delimited_text() {
        for (name, text) in [
            ("x.txt", "[ {\"a\": 1}]"),
            ("x", "{\"a\": 1}\n{\"a\": 2}\n"),
            ("x", "{\"a\": 1}\noops\n{\"a\": 2}\n"),
            ("x.json", "{\"a\": 1}\n{\"a\": 2}\n"),
            ("x.json", "{\"data\": [{\"a\": 1}]}"),
            ("x.json", "{\n \"data\": [\n  {\"a\": 1}]}"),
            ("x.json", "[]"),
            ("x.csv", "[\n {\"a\": 1},\n {\"a\": 2}\n]\n"),
            ("x.tsv", "{\"a\": 1}{\"a\": 2}"),
            ("x.csv", "[{\"a\": 1}, {\"a\":"),
            ("x.jsonl", "oops"),
            ("x.jsonl", "oops, not yet\n{\"a\": 1}\n"),
        ] {
            assert!(is_json(name, text), "{name}: {text}");
        }
        for (name, text) in [
            ("x.csv", "[a],b\n"),
            ("x.txt", "[note] hi\tspam\n"),
            ("x.txt", "{name} says hi\tspam\n"),
            ("x.txt", "{\"a\": 1}\tspam\n{\"a\": 2}\tham\n"),
            ("x.csv", "{\"a\" and b},x\n"),
            ("x.csv", ",{\"a\": 1}\n,{\"a\": 2}\n"),
            ("x.json", "text,label\ngood film,pos\nbad film,neg\n"),
        ] {
            assert!(!is_json(name, text), "{name}: {text}");
        }
    }

    #[test]
    fn content_decides_under_any_name_and_the_note_says_so() {
        let array = "[\n {\"text\": \"a\", \"label\": 1},\n {\"text\": \"b\", \"label\": 0}\n]\n";
        for name in ["x.jsonl", "x.txt", "x.csv", "x", "x.json"] {
            for start in ["", "\u{feff}", "\u{feff}\n\n"] {
                let table = parse(name, [start, array].concat().as_bytes(), &ReadOptions::default()).expect(name);
                assert_eq!((table.format, table.rows.len(), table.num_bad_rows), (Format::Json, 2, 0), "{name}");
                assert_eq!(table.notes.len(), usize::from(name == "x.csv"), "{:?}", table.notes);
            }
        }
        let table = parse("x.json", b"text,label\na,x\nb,y\n", &ReadOptions::default()).expect("delimited text");
        assert_eq!((table.format, table.rows.len(), table.notes.len()), (Format::Csv, 2, 1));
    }

    #[test]
    fn what_is_too_large_or_empty_is_refused() {
        assert!(matches!(check_size(MAX_BYTES + 1), Err(DataError::TooLarge { .. })));
        check_size(MAX_BYTES).expect("just fits");
        for bytes in [&b""[..], b" \n\r\n\t", b"\xEF\xBB\xBF"] {
            assert!(matches!(parse("x.csv", bytes, &ReadOptions::default()), Err(DataError::Empty)));
        }
    }

    #[test]
    fn an_encoding_that_is_no_utf_8_is_said_first() {
        let bytes = b"texte,etiquette,etiquette\nd\xE9j\xE0 vu,a,b\nno\xEBl,b,b\n";
        let has_header = Some(true);
        let table = parse("x.csv", bytes, &ReadOptions { has_header, ..ReadOptions::default() }).expect("a table");
        assert_eq!((table.encoding, table.is_encoding_guessed), (Encoding::Windows1252, true));
        assert_eq!(table.rows[0].cells[0], "déjà vu");
        assert!(table.notes[0].contains("windows-1252") && table.notes.len() > 1, "{:?}", table.notes);
        let read = ReadOptions { encoding: Some(Encoding::Windows1252), has_header, ..ReadOptions::default() };
        let table = parse("x.csv", bytes, &read).expect("a table");
        assert!(!table.is_encoding_guessed && !table.notes[0].contains("windows-1252"), "{:?}", table.notes);
        let text = read_text(bytes, None).expect("a text");
        assert!(text.is_guessed && text.text.contains("noël"));
    }

    #[test]
    fn a_header_row_that_a_person_names_is_taken() {
        let text = "Export; of May\n\n1;2;3\nfoo;bar;baz\na b;c d;x\ne f;g h;y\n";
        let read =
            |row| parse("x.csv", text.as_bytes(), &ReadOptions { header_row: Some(row), ..ReadOptions::default() });
        let table = read(4).expect("a table");
        assert_eq!((&table.columns, table.header_row), (&["foo", "bar", "baz"].map(str::to_owned).to_vec(), Some(4)));
        assert_eq!(table.rows.iter().map(|row| row.number).collect::<Vec<_>>(), [5, 6]);
        assert!(table.notes[0].contains("rows 1 to 3 are skipped"), "{:?}", table.notes);
        assert_eq!(read(3).expect("a table").columns, ["1", "2", "3"], "whatever it looks like");
        assert!(matches!(read(2), Err(DataError::EmptyHeaderRow { row: 2 })));
        assert!(matches!(read(7), Err(DataError::NoHeaderRow { row: 7, num_rows: 6 })));
        let found = parse("x.csv", b"text,label\na,x\nb,y\n", &ReadOptions::default()).expect("a table");
        assert_eq!(found.header_row, Some(1));
        let none = parse("x.csv", b"a b c,x\nb d e,y\nf g h,x\n", &ReadOptions::default()).expect("a table");
        assert_eq!((none.has_header, none.header_row), (false, None));
    }

    #[test]
    fn a_wish_that_contradicts_is_an_error_of_the_file() {
        let read = ReadOptions { header_row: Some(1), has_header: Some(false), ..ReadOptions::default() };
        let error = parse("x.csv", b"a,b\nc,d\n", &read).expect_err("one or the other").to_string();
        assert!(error.starts_with("header_row: "), "{error}");
        let notes = |read| parse("x.json", b"[{\"a\": 1}]", &read).expect("a table").notes;
        let of_row = notes(ReadOptions { header_row: Some(1), ..ReadOptions::default() });
        assert!(of_row[0].starts_with("header_row has no effect"), "{of_row:?}");
        let of_header = notes(ReadOptions { has_header: Some(false), ..ReadOptions::default() });
        assert!(of_header[0].starts_with("has_header has no effect"), "{of_header:?}");
        assert!(notes(ReadOptions::default()).is_empty());
    }

    fn check(name: &str, bytes: &[u8], read: &ReadOptions) {
        if let Ok(table) = parse(name, bytes, read) {
            assert!(!table.rows.is_empty());
            assert!(table.rows.iter().all(|row| row.cells.len() == table.columns.len()));
            assert!(table.rows.windows(2).all(|pair| pair[0].number < pair[1].number));
            assert!(table.bad_rows.len() <= MAX_LISTED && table.bad_rows.len() <= table.num_bad_rows);
            let names: std::collections::HashSet<&String> = table.columns.iter().collect();
            assert_eq!(names.len(), table.columns.len());
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
            header_row in prop::option::of(0_usize..12),
        ) {
            let read = ReadOptions { delimiter, has_header, header_row, ..ReadOptions::default() };
            check("x.csv", text.as_bytes(), &read);
        }

        #[test]
        fn no_text_above_a_header_panics(
            above in "((sep=[;,a]|Title|a note, of sorts|,,|;;|\"open)?\n){0,4}",
            header in "[a-z \"]{0,6}([,;][A-Z\"]{0,3}){0,3}\n",
            rows in "([a-c1 ]{0,5}[,;][xy]{0,1}\n){0,12}",
        ) {
            for name in ["x.csv", "x"] {
                check(name, [above.as_str(), &header, &rows].concat().as_bytes(), &ReadOptions::default());
            }
        }

        #[test]
        fn a_table_with_a_header_is_read_back(
            rows in prop::collection::vec(("[a-z ,\"\n]{1,20}[a-z]", "[xyz]"), 1..40),
            delimiter in prop::sample::select(vec![',', '\t', ';']),
        ) {
            let quote = |text: &str| format!("\"{}\"", text.replace('"', "\"\""));
            let line = |text: &str, label: &str| format!("{}{delimiter}{}\n", quote(text), quote(label));
            let body: String = rows.iter().map(|(text, label)| line(text, label)).collect();
            let read = ReadOptions { delimiter: Some(delimiter), ..ReadOptions::default() };
            let table = parse("x.csv", (line("text", "label") + &body).as_bytes(), &read).expect("a table");
            prop_assert_eq!(&table.columns, &["text", "label"]);
            prop_assert_eq!((table.rows.len(), table.num_bad_rows), (rows.len(), 0));
            for (row, (text, label)) in table.rows.iter().zip(&rows) {
                prop_assert_eq!(&row.cells, &[text.clone(), label.clone()]);
            }
        }

        #[test]
        fn every_line_of_json_is_a_row_or_a_bad_row(
            lines in prop::collection::vec(prop::sample::select(vec![
                "{\"a\": 1}", "{\"a\": \"x\", \"b\": [{}]}", "oops", "{\"a\": ", "[1]", "7", "{\"a\": \"\\ud800\"}",
            ]), 2..20),
        ) {
            let text = lines.join("\n");
            if let Ok(table) = json::parse::<false>(&text) {
                prop_assert!(table.rows.len() + table.num_bad_rows == lines.len(), "{}", text);
            }
        }

        #[test]
        fn no_json_like_text_panics(text in "([\\[\\]{}:,\n]|\"[a-c]\"|1|null|true){0,60}") {
            for name in ["x.json", "x.jsonl", "x"] {
                check(name, text.as_bytes(), &ReadOptions::default());
            }
        }
    }
}
