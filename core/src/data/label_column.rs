//! A column for labels, where a file has none: in, a file of texts; out, the same file with an empty column to be filled by hand.

use std::collections::HashMap;

use serde_json::{Map, Value};

use super::added_columns::{AddedCells, add_columns};
use super::error::DataError;
use super::parse::{Format, LINES_COLUMN, Table, extension, parse, parse_lines};
use crate::config::ReadOptions;
use crate::words::plural;

/// Name of the column.
const COLUMN: &str = "label";

/// Endings of files whose lines are texts, where nothing says that they are a table.
const PLAIN: &[&str] = &["", "txt", "text", "md"];

/// A file with a column for labels.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LabelColumn {
    /// Its bytes.
    pub bytes: Vec<u8>,
    /// How its name ends: `csv`, or as that of the file (`None`).
    pub ending: Option<&'static str>,
    /// Rows in it.
    pub num_rows: usize,
    /// What a person should know about it.
    pub notes: Vec<String>,
}

/// Adds an empty column to a file: where its rows stand in it one by one and its columns have names, every letter that was there
/// stays; else its rows are written as CSV.
///
/// # Errors
/// When the file can't be read.
pub fn add_label_column((name, bytes): (&str, &[u8]), read: &ReadOptions) -> Result<LabelColumn, DataError> {
    let is_plain = PLAIN.contains(&extension(name).as_str());
    // A comma in a sentence makes no table of it.
    let is_table = |table: &Table| !is_plain || table.format != Format::Csv || table.delimiter == Some('\t');
    let table = match parse(name, bytes, read) {
        Ok(table) if is_table(&table) => table,
        Ok(_) => parse_lines(bytes, read)?,
        Err(error) => parse_lines(bytes, read).map_err(|_| error)?,
    };
    let num_rows = table.rows.len();
    if table.has_header || table.format != Format::Csv {
        let empty = || AddedCells {
            cells: vec![String::new()],
            fields: Map::from_iter([(COLUMN.to_owned(), Value::String(String::new()))]),
        };
        let added: HashMap<usize, AddedCells> = table.rows.iter().map(|row| (row.number, empty())).collect();
        let widened = add_columns((name, bytes), read, &[COLUMN.to_owned()], &added, |_| true)?;
        if let Some(file) = widened {
            return Ok(LabelColumn { bytes: file.bytes, ending: None, num_rows, notes: file.notes });
        }
    }
    let mut notes = vec!["its rows are written as CSV, with names of the columns".to_owned()];
    if table.num_bad_rows > 0 {
        notes.push(format!("{} could not be read, and is left out", plural(table.num_bad_rows, "row")));
    }
    Ok(LabelColumn { bytes: to_csv(&table).into_bytes(), ending: Some("csv"), num_rows, notes })
}

fn to_csv(table: &Table) -> String {
    // The person's own words stay as they are: they are read again, not looked at in a spreadsheet.
    let field = |text: &str| match text.contains([',', '"', '\n', '\r']) {
        true => format!("\"{}\"", text.replace('"', "\"\"")),
        false => text.to_owned(),
    };
    let line = |cells: &[String]| cells.iter().map(|cell| field(cell)).collect::<Vec<_>>().join(",");
    let names = match table.columns.as_slice() {
        [_] if !table.has_header => LINES_COLUMN.to_owned(),
        columns => line(columns),
    };
    let rows: String = table.rows.iter().map(|row| format!("{},\n", line(&row.cells))).collect();
    format!("{names},{COLUMN}\n{rows}")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn add(name: &str, text: &str) -> (String, LabelColumn) {
        let added = add_label_column((name, text.as_bytes()), &ReadOptions::default()).expect("it can be read");
        (String::from_utf8(added.bytes.clone()).expect("a text"), added)
    }

    #[test]
    fn a_table_with_names_gets_a_column_and_keeps_its_letters() {
        let (text, added) = add("x.csv", "id,text\r\n1,\"a, b\"\r\n2,c d\r\n");
        assert_eq!(text, "id,text,label\r\n1,\"a, b\",\r\n2,c d,\r\n");
        assert_eq!((added.ending, added.num_rows), (None, 2));
        let (text, _) = add("x.jsonl", "{\"text\": \"a\"}\n{\"text\": \"b\"}\n");
        let lines: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).expect("an object")).collect();
        assert_eq!(lines.len(), 2);
        assert!(lines.iter().all(|line| line["label"] == "" && line["text"].is_string()));
    }

    #[test]
    fn bare_texts_become_a_table_that_is_read_with_them() {
        let texts = ["the first text of them, with a comma", "=a second one", "and \"a third\" one"];
        let (text, added) = add("x.txt", &(texts.join("\n") + "\n"));
        assert_eq!((added.ending, added.num_rows), (Some("csv"), 3));
        let table = parse("x.csv", text.as_bytes(), &ReadOptions::default()).expect("a table");
        assert_eq!(table.columns, ["text", "label"]);
        let cells: Vec<(&str, &str)> =
            table.rows.iter().map(|row| (row.cells[0].as_str(), row.cells[1].as_str())).collect();
        assert_eq!(cells, texts.map(|text| (text, "")));
    }
}
