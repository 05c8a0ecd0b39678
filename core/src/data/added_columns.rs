//! A file of rows with columns added: every letter that was there stays as it was. In: the bytes, how they are read, names and
//! cells of the new columns by the numbers of the rows. Out: a file of the same format. Cells that are added are no formulas; the
//! person's own are written as they stand.

use std::collections::HashMap;
use std::ops::Range;

use serde_json::{Map, Value};

use super::error::DataError;
use super::parse::{LocatedRows, RowKind, RowWriting, locate_rows, num_fields, read_text};
use crate::config::{Encoding, ReadOptions};
use crate::spreadsheet;
use crate::words::plural;

/// What UTF-8 files of some programs begin with.
const MARK: &[u8] = b"\xEF\xBB\xBF";

/// Between the columns of a file that had only one.
const USUAL_SEPARATOR: char = ',';

/// What is added to a row.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct AddedCells {
    /// A cell for each column, of a table.
    pub cells: Vec<String>,
    /// The same as fields of a JSON object.
    pub fields: Map<String, Value>,
}

/// A file with columns added.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WidenedFile {
    /// Its bytes.
    pub bytes: Vec<u8>,
    /// Added cells that begin with `'`, so that no spreadsheet takes them for formulas.
    pub num_formulas: usize,
    /// What a person should know about it.
    pub notes: Vec<String>,
}

/// Adds columns to a file; rows without an entry in `added` get empty cells, and objects no fields. `None` where its rows do not
/// stand in it one by one, so that nothing can be written beside them: fits(table) says so, too, of rows that are not those that
/// were meant.
///
/// # Errors
/// When the file can't be read.
pub fn add_columns(
    (name, bytes): (&str, &[u8]),
    read: &ReadOptions,
    columns: &[String],
    added: &HashMap<usize, AddedCells>,
    fits: impl FnOnce(&super::Table) -> bool,
) -> Result<Option<WidenedFile>, DataError> {
    let decoded = read_text(bytes, read.encoding)?;
    let text = decoded.text.as_ref();
    let Ok(located) = locate_rows(name, text, read, RowKind::Cells) else { return Ok(None) };
    if !fits(&located.table_as_read()) {
        return Ok(None);
    }
    let mut notes = Vec::new();
    let columns = match located.writing {
        RowWriting::Object => with_keys(columns, &located, added),
        _ => columns.to_vec(),
    };
    let names = free_names(&columns, &located.table.columns, &mut notes);
    let widened = match located.writing {
        RowWriting::Delimited { separator, is_quoted } => {
            widen_table(text, &located, (separator, is_quoted), &names, added, &mut notes)
        }
        RowWriting::Object => widen_objects(text, &located, &columns, &names, added).map(|text| (text, 0)),
        RowWriting::LabelFirst | RowWriting::Lines | RowWriting::TokenLines { .. } => None,
    };
    let Some((written, num_formulas)) = widened else { return Ok(None) };
    notes.extend(decoded.note.filter(|_| decoded.encoding == Encoding::Utf8));
    if decoded.encoding != Encoding::Utf8 {
        notes.push(format!("it is written as UTF-8; the file came as {}", decoded.encoding.name()));
    }
    let num_bad = located.table.num_bad_rows;
    if num_bad > 0 {
        notes.push(format!("rows that could not be read, and are written as they stand: {num_bad}"));
    }
    let mark = if bytes.starts_with(MARK) { MARK } else { &[][..] };
    Ok(Some(WidenedFile { bytes: [mark, written.as_bytes()].concat(), num_formulas, notes }))
}

/// The columns, and the keys of objects that are none of them: a key that a row has already would come twice.
fn with_keys(columns: &[String], located: &LocatedRows, added: &HashMap<usize, AddedCells>) -> Vec<String> {
    let mut all = columns.to_vec();
    for added in located.spans.iter().filter_map(|(number, _)| added.get(number)) {
        for key in added.fields.keys() {
            if !all.contains(key) {
                all.push(key.clone());
            }
        }
    }
    all
}

/// Names that the file does not have yet: `label`, else `predicted_label`, else that with a number.
fn free_names(columns: &[String], taken: &[String], notes: &mut Vec<String>) -> Vec<String> {
    let mut taken: Vec<String> = taken.iter().map(|name| name.trim().to_lowercase()).collect();
    let mut names = Vec::with_capacity(columns.len());
    for column in columns {
        let predicted = format!("predicted_{column}");
        let numbered = (2..).map(|number| format!("{predicted}_{number}"));
        let mut candidates = [column.clone(), predicted.clone()].into_iter().chain(numbered);
        let name = candidates.find(|name| !taken.contains(&name.to_lowercase())).expect("numbers do not end");
        if name != *column {
            notes.push(format!("the file has a column {column:?} already: the new one is called {name:?}"));
        }
        taken.push(name.to_lowercase());
        names.push(name);
    }
    names
}

/// The table with cells at the end of each row, and how many of them would have been formulas.
fn widen_table(
    text: &str,
    located: &LocatedRows,
    layout: (char, bool),
    names: &[String],
    added: &HashMap<usize, AddedCells>,
    notes: &mut Vec<String>,
) -> Option<(String, usize)> {
    let LocatedRows { table, spans, header, .. } = located;
    let mut wider = WiderTable::new(text, table.columns.len(), layout);
    if let Some(span) = header {
        let has_more = wider.num_fields(&text[span.clone()]) > table.columns.len();
        let own = (wider.had_one_column || has_more).then_some(table.columns.as_slice());
        wider.push_row(span, own, names);
    }
    let empty = vec![String::new(); names.len()];
    for ((number, span), row) in spans.iter().zip(&table.rows) {
        wider.push_row(span, Some(row.cells.as_slice()), added.get(number).map_or(&empty, |added| &added.cells));
    }
    let WiderTable { mut out, end, had_one_column, num_formulas, num_replaced, .. } = wider;
    out.push_str(&text[end..]);
    if header.is_none() {
        let names = names.iter().map(|name| format!("{name:?}")).collect::<Vec<_>>().join(", ");
        notes.push(format!("the file does not name its columns: the new ones stand at the end of each row: {names}"));
    }
    if had_one_column {
        notes.push(
            "the file had one column: it has commas between columns now, and quotes where a text holds one".into(),
        );
    }
    if num_replaced > 0 {
        let cells = plural(num_replaced, "new cell");
        notes
            .push(format!("{cells} held what separates columns, and quotes are letters in this file: a space instead"));
    }
    Some((out, num_formulas))
}

/// A table that is written once more, row by row, with cells at the end of each.
struct WiderTable<'a> {
    text: &'a str,
    /// Columns that it had.
    width: usize,
    separator: char,
    is_quoted: bool,
    had_one_column: bool,
    /// What stands between cells from now on.
    between: char,
    out: String,
    /// End of the text that is written.
    end: usize,
    num_formulas: usize,
    /// New cells that held what separates columns, where quotes can't hold it together.
    num_replaced: usize,
}

impl<'a> WiderTable<'a> {
    fn new(text: &'a str, width: usize, (separator, is_quoted): (char, bool)) -> Self {
        let had_one_column = separator == '\0';
        let between = if had_one_column { USUAL_SEPARATOR } else { separator };
        let out = String::with_capacity(text.len() * 2);
        let (end, num_formulas, num_replaced) = (0, 0, 0);
        Self { text, width, separator, is_quoted, had_one_column, between, out, end, num_formulas, num_replaced }
    }

    fn num_fields(&self, row: &str) -> usize {
        num_fields(row, self.separator, self.is_quoted)
    }

    fn writes_quotes(&self) -> bool {
        self.is_quoted || self.had_one_column
    }

    /// Takes over the text up to a row, and writes the row with new cells: as it stands, unless that would put them into other columns
    /// and its own `cells` are given.
    fn push_row(&mut self, span: &Range<usize>, cells: Option<&[String]>, added: &[String]) {
        let text = self.text;
        self.out.push_str(&text[self.end..span.start]);
        self.end = span.end;
        let row = &text[span.clone()];
        let body = row.trim_end_matches(['\r', '\n']);
        match cells {
            Some(cells) if self.had_one_column || self.num_fields(body) != self.width => {
                let fields = cells.iter().map(|cell| as_it_is(cell, self.between, self.writes_quotes()));
                let fields = fields.collect::<Vec<_>>().join(&self.between.to_string());
                self.out.push_str(&fields);
            }
            _ => self.out.push_str(body),
        }
        added.iter().for_each(|cell| self.push_added(cell));
        self.out.push_str(&row[body.len()..]);
    }

    fn push_added(&mut self, cell: &str) {
        self.num_formulas += usize::from(spreadsheet::is_formula(cell));
        self.out.push(self.between);
        if self.writes_quotes() {
            self.out.push_str(&spreadsheet::field(cell, self.between));
        } else {
            // Quotes are letters in this file: what separates cells can't stand in one.
            let plain = spreadsheet::cell(cell).replace([self.between, '\r', '\n'], " ");
            self.num_replaced += usize::from(plain != spreadsheet::cell(cell));
            self.out.push_str(&plain);
        }
    }
}

/// A cell of the person's own, in quotes where it has to be.
fn as_it_is(cell: &str, separator: char, is_quoted: bool) -> String {
    if is_quoted && (cell.contains([separator, '"', '\r', '\n'])) {
        format!("\"{}\"", cell.replace('"', "\"\""))
    } else {
        cell.to_owned()
    }
}

/// The objects with fields at their ends; `None` where one is no object.
fn widen_objects(
    text: &str,
    located: &LocatedRows,
    columns: &[String],
    names: &[String],
    added: &HashMap<usize, AddedCells>,
) -> Option<String> {
    let mut out = String::with_capacity(text.len() * 2);
    let mut at = 0;
    for (number, span) in &located.spans {
        let Some(AddedCells { fields, .. }) = added.get(number) else { continue };
        out.push_str(&text[at..span.start]);
        at = span.end;
        let row = &text[span.clone()];
        let object = row.trim_end_matches(|character: char| character == ',' || character.is_whitespace());
        let head = object.strip_suffix('}')?;
        let body = head.trim_end();
        out.push_str(body);
        let [comma, colon] = if body.contains("\":\"") || body.contains("\":[") { [",", ":"] } else { [", ", ": "] };
        let mut is_first = body.ends_with('{');
        for (key, value) in fields {
            let name = columns.iter().position(|column| column == key).and_then(|index| names.get(index));
            let key = Value::String(name.unwrap_or(key).clone());
            out.push_str(&format!("{}{key}{colon}{value}", if is_first { "" } else { comma }));
            is_first = false;
        }
        out.push_str(&head[body.len()..]);
        out.push('}');
        out.push_str(&row[object.len()..]);
    }
    out.push_str(&text[at..]);
    Some(out)
}

#[cfg(test)]
mod tests {
    use super::super::parse::parse;
    use super::*;

    fn widened(name: &str, text: &str, rows: &[(usize, &str, f64)]) -> (String, WidenedFile) {
        let columns = ["label".to_owned(), "score".to_owned()];
        let cells = |&(row, label, score): &(usize, &str, f64)| {
            let fields = [("label".to_owned(), label.into()), ("score".to_owned(), score.into())];
            (row, AddedCells { cells: vec![label.into(), format!("{score:.2}")], fields: Map::from_iter(fields) })
        };
        let added = rows.iter().map(cells).collect();
        let has_header = Some(true).filter(|_| !name.contains("json"));
        let read = ReadOptions { has_header, ..ReadOptions::default() };
        let file = add_columns((name, text.as_bytes()), &read, &columns, &added, |_| true);
        let file = file.expect("readable").expect("rows stand one by one");
        (String::from_utf8(file.bytes.clone()).expect("text"), file)
    }

    #[test]
    fn cells_stand_at_the_end_of_their_rows_and_all_else_stays() {
        let text = "id, text ,n\r\n1,\"a, b\",\r\none,cell,too,many\r\n\r\n2,=SUM(A1),x";
        let (found, file) = widened("x.csv", text, &[(2, "=yes", 0.5), (5, "no, not", 0.25)]);
        let expected = "id, text ,n,label,score\r\n1,\"a, b\",,'=yes,0.50\r\none,cell,too,many\r\n\r\n2,=SUM(A1),x,\"no, not\",0.25";
        assert_eq!((found.as_str(), file.num_formulas), (expected, 1));
        assert_eq!(file.notes, ["rows that could not be read, and are written as they stand: 1"]);
    }

    #[test]
    fn rows_without_their_last_cells_get_new_ones_in_the_right_columns() {
        let (found, file) = widened("x.csv", "id,text,note\n1,a,b\n2,c\n3,d,e\n", &[(3, "x", 1.0)]);
        assert_eq!(found, "id,text,note,label,score\n1,a,b,,\n2,c,,x,1.00\n3,d,e,,\n");
        assert_eq!(file.notes, Vec::<String>::new());
    }

    #[test]
    fn rows_with_empty_cells_too_many_keep_their_columns() {
        let (found, _) = widened("x.csv", "text,kind\na,b\nc,d,,\n", &[(2, "x", 1.0), (3, "y", 1.0)]);
        assert_eq!(found, "text,kind,label,score\na,b,x,1.00\nc,d,y,1.00\n");
    }

    #[test]
    fn a_name_that_is_taken_gets_another_and_rows_without_an_answer_are_kept() {
        let (found, file) = widened("x.tsv", "text\tLabel\na\tb\nc\td\n", &[(3, "y", 1.0)]);
        assert_eq!(found, "text\tLabel\tpredicted_label\tscore\na\tb\t\t\nc\td\ty\t1.00\n");
        assert_eq!(file.notes, ["the file has a column \"label\" already: the new one is called \"predicted_label\""]);
    }

    #[test]
    fn one_column_becomes_a_table_that_is_read_again() {
        let text = "text\nshort\nplain\nlong\nwith \"quotes\"\nold\n";
        let (found, file) = widened("x.csv", text, &[(2, "x", 1.0), (5, "y, z", 0.5)]);
        let table = parse("x.csv", found.as_bytes(), &ReadOptions::default()).expect("a table");
        assert_eq!(table.columns, ["text", "label", "score"]);
        assert_eq!(table.rows[3].cells, ["with \"quotes\"", "y, z", "0.50"]);
        assert!(file.notes[0].starts_with("the file had one column"), "{:?}", file.notes);
    }

    #[test]
    fn objects_get_fields_at_their_ends() {
        let lines = "{\"text\": \"a\"}\n{\"text\": 1,}x\n{\"label\": 1, \"text\": \"c\"}\n";
        let (found, file) = widened("x.jsonl", lines, &[(1, "x", 0.5), (3, "y", 1.0)]);
        let expected = "{\"text\": \"a\", \"predicted_label\": \"x\", \"score\": 0.5}\n{\"text\": 1,}x\n\
                        {\"label\": 1, \"text\": \"c\", \"predicted_label\": \"y\", \"score\": 1.0}\n";
        assert_eq!(found, expected);
        assert!(file.notes.iter().any(|note| note.starts_with("rows that could not be read")), "{:?}", file.notes);
        let (found, _) = widened("x.json", "[\n {\n  \"text\": \"a\"\n }\n]\n", &[(1, "x", 0.5)]);
        assert_eq!(found, "[\n {\n  \"text\": \"a\", \"label\": \"x\", \"score\": 0.5\n }\n]\n");
        let (found, _) = widened("x.jsonl", "{\"text\":\"a\"}\n", &[(1, "x", 0.5)]);
        assert_eq!(found, "{\"text\":\"a\",\"label\":\"x\",\"score\":0.5}\n");
    }

    #[test]
    fn a_key_that_a_row_has_is_not_written_twice() {
        let fields = Map::from_iter([("answer".to_owned(), "x".into()), ("answers".to_owned(), "y".into())]);
        let added = HashMap::from([(1, AddedCells { cells: vec!["x".into()], fields })]);
        let bytes = b"{\"text\": \"a\", \"answers\": [1]}\n";
        let columns = ["answer".to_owned()];
        let file = add_columns(("x.jsonl", bytes), &ReadOptions::default(), &columns, &added, |_| true);
        let file = file.expect("readable").expect("rows stand one by one");
        let expected = "{\"text\": \"a\", \"answers\": [1], \"answer\": \"x\", \"predicted_answers\": \"y\"}\n";
        assert_eq!(String::from_utf8(file.bytes).expect("text"), expected);
    }
}
