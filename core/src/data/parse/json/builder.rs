//! Items to a [`Table`]: columns are found as they come, values become text.

use std::collections::HashMap;

use super::annotations::{self, Annotated};
use super::item::{Item, first_value, message_of};
use crate::data::error::{DataError, quote_name};
use crate::data::parse::{Format, NestedValue, Row, Table};
use crate::data::reading::{MAX_ROWS, on_one_line};
use crate::words::plural;

/// Most columns a file may have.
const MAX_COLUMNS: usize = 256;

/// Most cells that are held, missing ones included: keeps a file with few values in many columns in memory.
const MAX_CELLS: usize = 64 << 20;

/// Cells that any file may have, and those for each of its bytes beyond: rows of `{}` in a table of many columns would take
/// two thousand times the file.
const FREE_CELLS: usize = 1 << 20;
const CELLS_A_BYTE: usize = 8;

/// The key under which the `datasets` library keeps translations: an object with a text for each language.
pub(in crate::data::parse) const TRANSLATION: &str = "translation";

/// A table that grows by an item at a time.
pub(super) struct Builder {
    pub(super) table: Table,
    indices: HashMap<String, usize>,
    /// For each column, which object set it last, counted from 1.
    last_set: Vec<usize>,
    num_objects: usize,
    num_repeated: usize,
    /// What was made of rows that are a tool's.
    tool: Option<&'static str>,
    /// Indices of rows whose label was rejected in Prodigy, of those on which nobody decided, and how many were accepted.
    rejected: Vec<usize>,
    undecided: Vec<usize>,
    num_accepted: usize,
    max_cells: usize,
}

impl Builder {
    /// An empty table, of a file of so many bytes.
    pub(super) fn new(format: Format, num_bytes: usize) -> Self {
        let table = Table::new(format, None, true, Vec::new());
        let max_cells = FREE_CELLS.saturating_add(num_bytes.saturating_mul(CELLS_A_BYTE)).min(MAX_CELLS);
        Self {
            table,
            indices: HashMap::new(),
            last_set: Vec::new(),
            num_objects: 0,
            num_repeated: 0,
            tool: None,
            rejected: Vec::new(),
            undecided: Vec::new(),
            num_accepted: 0,
            max_cells,
        }
    }

    /// Adds a row, or a bad one where the item is none.
    pub(super) fn add<const KEEP: bool>(&mut self, number: usize, item: Item<'_>) -> Result<(), DataError> {
        let fields = match item {
            Item::Object(fields) => fields,
            Item::Other(kind) => {
                self.table.add_bad(number, format!("expected an object, found {kind}"));
                return Ok(());
            }
        };
        let annotated = annotations::read(&fields);
        let fields: Vec<(String, &str)> = match &annotated {
            Some(Annotated::Bad(reason)) => {
                self.table.add_bad(number, reason.clone());
                return Ok(());
            }
            Some(Annotated::Row(tool, row)) => {
                self.tool = Some(*tool);
                row.iter().map(|(key, json)| (key.clone(), json.as_str())).collect()
            }
            Some(Annotated::Answered(_)) | None => fields.into_iter().map(|(key, json)| (key, json.get())).collect(),
        };
        let mut values = Vec::with_capacity(fields.len());
        for (key, json) in fields {
            if let Some(texts) = translations(&key, json) {
                values.extend(texts.into_iter().map(|(name, text)| (name, Value::Text(text), "")));
                continue;
            }
            let choices = annotations::choices(json);
            match Value::read::<KEEP>(choices.as_deref().unwrap_or(json)) {
                Ok(value) => values.push((key, value, json)),
                Err(error) => {
                    let reason = format!("malformed JSON under {}: {}", quote_name(&key), message_of(&error));
                    self.table.add_bad(number, reason);
                    return Ok(());
                }
            }
        }
        self.num_objects += 1;
        let mut row = Row { number, cells: vec![String::new(); self.table.columns.len()], nested: Vec::new() };
        for (key, value, json) in values {
            let index = match self.indices.get(&key) {
                Some(&index) => index,
                None => {
                    let index = self.table.columns.len();
                    self.table.columns.push(key.clone());
                    self.indices.insert(key, index);
                    self.last_set.push(0);
                    row.cells.push(String::new());
                    index
                }
            };
            if std::mem::replace(&mut self.last_set[index], self.num_objects) == self.num_objects {
                self.note_repeated(number, index);
                row.nested.retain(|&nested| nested != index);
            }
            row.cells[index] = match value {
                Value::Text(text) => text,
                Value::Null => String::new(),
                Value::Nested(kept) => {
                    row.nested.push(index);
                    if !KEEP && self.table.rows.len() < MAX_ROWS {
                        let json = on_one_line(json);
                        self.table.nested.push(NestedValue { row: number, column: index, json });
                    }
                    kept
                }
            };
        }
        match annotated {
            Some(Annotated::Answered(Some(true))) => self.num_accepted += 1,
            Some(Annotated::Answered(Some(false))) => self.rejected.push(self.table.rows.len()),
            Some(Annotated::Answered(None)) => self.undecided.push(self.table.rows.len()),
            _ => {}
        }
        self.table.rows.push(row);
        let num_columns = self.table.columns.len();
        if num_columns > MAX_COLUMNS {
            return Err(DataError::TooManyColumns { limit: MAX_COLUMNS });
        }
        if num_columns.saturating_mul(self.table.rows.len()) > self.max_cells {
            return Err(DataError::TooSparse { columns: num_columns, rows: self.table.rows.len() });
        }
        Ok(())
    }

    /// Notes the first key that stands twice in its object; further ones are only counted.
    fn note_repeated(&mut self, number: usize, index: usize) {
        self.num_repeated += 1;
        if self.num_repeated == 1 {
            let key = quote_name(&self.table.columns[index]);
            self.table.notes.push(format!("row {number} holds the key {key} more than once: the last value counts"));
        }
    }

    /// Empties labels that were not accepted: nothing says which one holds instead. They are rows without a label, and not bad ones:
    /// their texts can be labeled and answered. Where all rows are asked for one label, a rejection says no to it, which is a label too.
    fn resolve_answers(&mut self) {
        let (rejected, undecided) = (std::mem::take(&mut self.rejected), std::mem::take(&mut self.undecided));
        let Some(&label) = self.indices.get(annotations::LABEL) else { return };
        let Some(&first) = rejected.first().or(undecided.first()) else { return };
        let rows = &mut self.table.rows;
        let asked = rows[first].cells[label].clone();
        let are_all_asked = rows.len() == rejected.len() + undecided.len() + self.num_accepted
            && rows.iter().all(|row| row.cells[label] == asked);
        let says_no = are_all_asked && self.num_accepted > 0 && !rejected.is_empty();
        if says_no {
            let other = format!("not {asked}");
            rejected.iter().for_each(|&index| rows[index].cells[label].clone_from(&other));
            self.table.notes.push(format!(
                "the rows are Prodigy's, and all ask for one label: where the answer is {:?} it is {}, not {}",
                annotations::REJECT,
                quote_name(&other),
                quote_name(&asked)
            ));
        }
        let emptied: Vec<usize> = if says_no { undecided } else { [rejected, undecided].concat() };
        if emptied.is_empty() {
            return;
        }
        emptied.iter().for_each(|&index| rows[index].cells[label].clear());
        let (rows, are) = (plural(emptied.len(), "row"), if emptied.len() == 1 { "is" } else { "are" });
        self.table.notes.push(format!(
            "{rows} of Prodigy's {are} read without a label, as the answer there is not {:?}",
            annotations::ACCEPT
        ));
    }

    /// The table, all rows as wide as it has columns.
    pub(super) fn finish(mut self) -> Result<Table, DataError> {
        let num_columns = self.table.columns.len();
        for row in &mut self.table.rows {
            row.cells.resize(num_columns, String::new());
        }
        self.resolve_answers();
        if self.num_repeated > 1 {
            let more = self.num_repeated - 1;
            self.table.notes.push(format!("repeated keys in rows, beside that one: {more}; the last value counts"));
        }
        self.table.notes.extend(self.tool.map(|tool| format!("the rows are {tool}")));
        self.table.checked()
    }
}

/// A value of an object.
#[derive(Debug, PartialEq)]
enum Value {
    Text(String),
    Null,
    /// Its JSON text if it is kept, else nothing.
    Nested(String),
}

impl Value {
    /// Reads a value; a number stays as it is written.
    fn read<const KEEP: bool>(json: &str) -> Result<Self, serde_json::Error> {
        Ok(match json.as_bytes().first() {
            Some(b'"') => Self::Text(serde_json::from_str(json)?),
            Some(b'[' | b'{') => Self::Nested(if KEEP { json.to_owned() } else { String::new() }),
            Some(b'n') => Self::Null,
            _ => Self::Text(json.to_owned()),
        })
    }
}

/// The texts of an object of translations, each with the name of its column, such as `translation.en`; `None` where it is
/// none. A language without a text has an empty one.
fn translations(key: &str, json: &str) -> Option<Vec<(String, String)>> {
    if key != TRANSLATION || !json.starts_with('{') {
        return None;
    }
    let Ok((Item::Object(fields), _)) = first_value(json) else { return None };
    let text = |json: &str| serde_json::from_str::<Option<String>>(json).ok().map(Option::unwrap_or_default);
    let texts = fields.into_iter().map(|(language, json)| Some((format!("{key}.{language}"), text(json.get())?)));
    texts.collect::<Option<Vec<_>>>().filter(|texts| !texts.is_empty())
}
