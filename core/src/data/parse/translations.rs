//! Translations in cells of delimited text: `{"en": "…", "fr": "…"}` under `translation`, as JSON or as Python prints it, which is what
//! the sets of the `datasets` library hold where they were saved as CSV.
//!
//! In: a table. Out: the same with a column for each language in the place of that one, named as those of JSON lines are
//! (`translation.en`); and for a file that is written again the way back.

use std::collections::BTreeMap;
use std::ops::Range;

use serde_json::{Map, Value};

use super::json::TRANSLATION;
use super::{Row, Table};
use crate::data::literal::read_literal;
use crate::words::list;

/// Rows that show whether the cells hold translations.
const SAMPLE: usize = 1000;

/// Most languages: a column each.
const MAX_LANGUAGES: usize = 128;

/// Cells that any file may get by this; others get one for each byte of their translations at most: nearly empty rows of many languages
/// would take a thousand times the file.
const FREE_CELLS: usize = 1 << 20;

/// Languages that a sentence names.
const MAX_NAMED: usize = 10;

/// A column that became several.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::data) struct SplitColumn {
    /// Where it stands in the file, and the first of its columns in the table.
    index: usize,
    /// How many columns it became.
    count: usize,
}

impl SplitColumn {
    /// Its columns in the table.
    pub(in crate::data) fn range(self) -> Range<usize> {
        self.index..self.index + self.count
    }

    /// What stands in its field in a row with `new` cells: the row's `own` where none of its texts is another one.
    pub(in crate::data) fn field(
        self,
        columns: &[String],
        cells: &[&str],
        new: &BTreeMap<usize, String>,
        own: impl FnOnce() -> Vec<String>,
    ) -> String {
        if new.range(self.range()).next().is_none() {
            return own().into_iter().nth(self.index).unwrap_or_default();
        }
        let text = |index: usize| new.get(&index).map_or(cells[index], String::as_str);
        let language = |index: usize| columns[index].split_once('.').map_or("", |(_, language)| language);
        let texts = self.range().filter(|&index| !text(index).is_empty());
        let object: Map<String, Value> = texts.map(|index| (language(index).to_owned(), text(index).into())).collect();
        Value::Object(object).to_string()
    }
}

/// Texts by their languages.
type Texts = Vec<(String, String)>;

/// Whether a table has a column that may hold translations.
pub(super) fn may_split(table: &Table) -> bool {
    find_column(table).is_some()
}

fn find_column(table: &Table) -> Option<usize> {
    table.columns.iter().position(|name| name.trim().eq_ignore_ascii_case(TRANSLATION))
}

/// Puts a column for each language in the place of one of translations, where a table has one; rows with something else there can't be
/// read.
pub(super) fn split(table: &mut Table) -> Option<SplitColumn> {
    let index = find_column(table)?;
    let cell = |row: &Row| texts_of(&row.cells[index]);
    let sample = || table.rows.iter().filter(|row| !row.cells[index].trim().is_empty()).take(SAMPLE);
    let num_good = sample().filter(|row| cell(row).is_some()).count();
    if num_good == 0 || num_good * 10 < sample().count() * 9 {
        return None;
    }
    let mut languages: Vec<String> = Vec::new();
    let mut all: Vec<Option<Texts>> = Vec::with_capacity(table.rows.len());
    for row in &table.rows {
        let texts = if row.cells[index].trim().is_empty() { Some(Texts::new()) } else { cell(row) };
        for (language, _) in texts.iter().flatten() {
            if languages.contains(language) {
                continue;
            }
            if languages.len() == MAX_LANGUAGES {
                return None;
            }
            languages.push(language.clone());
        }
        all.push(texts);
    }
    let num_bytes: usize = table.rows.iter().map(|row| row.cells[index].len()).sum();
    if languages.len().saturating_mul(all.len()) > FREE_CELLS.max(num_bytes) {
        return None;
    }
    let names: Vec<String> = languages.iter().map(|language| format!("{TRANSLATION}.{language}")).collect();
    if names.iter().any(|name| table.columns.contains(name)) {
        return None;
    }
    for (mut row, texts) in std::mem::take(&mut table.rows).into_iter().zip(all) {
        let Some(mut texts) = texts else {
            let reason =
                format!("it holds no object with a text for each language (column {:?})", table.columns[index]);
            table.add_bad(row.number, reason);
            continue;
        };
        let text = |language: &String| {
            let found = texts.iter_mut().rfind(|(own, _)| own == language);
            found.map_or_else(String::new, |(_, text)| std::mem::take(text))
        };
        let cells: Vec<String> = languages.iter().map(text).collect();
        drop(row.cells.splice(index..=index, cells));
        table.rows.push(row);
    }
    let named = list(&names[..names.len().min(MAX_NAMED)], names.len());
    table.notes.push(format!(
        "each cell of {:?} holds a text for each language: they are read as {named}",
        table.columns[index]
    ));
    drop(table.columns.splice(index..=index, names));
    Some(SplitColumn { index, count: languages.len() })
}

/// The texts of an object of translations; a language without one has an empty one. `None` where it is none.
fn texts_of(cell: &str) -> Option<Texts> {
    let cell = cell.trim();
    let value = serde_json::from_str(cell).ok().or_else(|| read_literal(cell))?;
    let Value::Object(fields) = value else { return None };
    let text = |value: Value| match value {
        Value::String(text) => Some(text),
        Value::Null => Some(String::new()),
        _ => None,
    };
    let texts: Option<Texts> = fields.into_iter().map(|(language, value)| Some((language, text(value)?))).collect();
    texts.filter(|texts| !texts.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::ReadOptions;
    use crate::data::parse::parse;

    fn read(text: &str) -> Table {
        parse("x.csv", text.as_bytes(), &ReadOptions::default()).expect("a table")
    }

    #[test]
    fn translations_in_cells_are_columns_of_their_languages() {
        let json = "id,translation\n7,\"{\"\"en\"\": \"\"a, \\\"\"b\\\"\"\"\", \"\"fr\"\": \"\"c\"\"}\"\n\
                    8,\"{\"\"fr\"\": \"\"d\"\", \"\"en\"\": null}\"\n";
        let python = "id,translation\n7,\"{'en': 'a, \"\"b\"\"', 'fr': 'c'}\"\n8,\"{'fr': 'd', 'en': None}\"\n";
        for text in [json, python] {
            let table = read(text);
            assert_eq!(table.columns, ["id", "translation.en", "translation.fr"], "{text}");
            assert_eq!(table.rows[0].cells, ["7", "a, \"b\"", "c"]);
            assert_eq!(table.rows[1].cells, ["8", "", "d"]);
            let note = "each cell of \"translation\" holds a text for each language: they are read as translation.en, translation.fr";
            assert_eq!(table.notes, [note]);
        }
    }

    #[test]
    fn a_column_alone_has_its_header() {
        let row = |text: &str| format!("\"{{'de': 'ein {text}', 'en': 'a {text}'}}\"\n");
        let table = read(&format!("translation\n{}{}{}", row("x"), row("y"), row("z")));
        assert_eq!((table.columns.join(","), table.rows.len()), ("translation.de,translation.en".to_owned(), 3));
        assert_eq!(table.rows[2].cells, ["ein z", "a z"]);
    }

    #[test]
    fn rows_without_an_object_are_bad_and_columns_without_any_stay() {
        let good: String = (0..20).map(|i| format!("{i},\"{{'en': 'a', 'fr': 'b{i}'}}\"\n")).collect();
        let table = read(&format!("id,translation\n{good}20,oops\n21,\n"));
        let bad: Vec<_> = table.bad_rows.iter().map(|bad| (bad.row, bad.reason.as_str())).collect();
        assert_eq!(bad, [(22, "it holds no object with a text for each language (column \"translation\")")]);
        assert_eq!((table.rows.len(), table.rows[20].cells.join("|")), (21, "21||".to_owned()));
        assert_eq!(read("id,translation\n1,Haus\n2,Baum\n").columns, ["id", "translation"]);
        let many: String = (0..100).map(|i| format!("'l{i}': 'a',")).collect();
        let sparse = format!("id,translation\n0,\"{{{many}}}\"\n{}", "1,{'a': ''}\n".repeat(20_000));
        assert_eq!(read(&sparse).columns, ["id", "translation"], "two million cells of a small file");
        assert_eq!(read("id,translation\n1,{'en': 3}\n2,{}\n").columns, ["id", "translation"]);
        let keys: String = (0..100_000).map(|i| format!("'k{i}': 'a',")).collect();
        let one = format!("id,translation\n0,\"{{{keys}}}\"\n");
        assert_eq!(read(&one).columns, ["id", "translation"], "a row of more languages than there are");
    }
}
