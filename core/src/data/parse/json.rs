//! JSON lines, or a JSON array of objects (alone, or under a key such as `data`), to a [`Table`].
//!
//! Strings are taken as they are, numbers and booleans become text, null is an empty cell. An object or array as a
//! value is nested: it is noted, and only hurts if its column turns out to be the text or the label. Its cell is empty,
//! or (`KEEP`) its JSON text, for conversations. Columns come in the order of their first appearance.

use std::collections::HashMap;
use std::fmt;

use serde::de::value::{MapAccessDeserializer, SeqAccessDeserializer};
use serde::de::{Deserialize, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};

use super::{Format, Row, Table};
use crate::data::error::DataError;

/// Most columns a file may have.
const MAX_COLUMNS: usize = 256;

/// Most cells that are held, missing ones included: keeps a file with few values in many columns in memory.
const MAX_CELLS: usize = 64 << 20;

/// Reads a JSON object a line.
pub(super) fn parse_lines<const KEEP: bool>(text: &str) -> Result<Table, DataError> {
    let mut builder = Builder::new(Format::Jsonl);
    for (index, line) in text.split('\n').enumerate() {
        let line = line.trim();
        if line.is_empty() {
            continue;
        }
        match serde_json::from_str::<Item<KEEP>>(line) {
            Ok(item) => builder.add(index + 1, item)?,
            Err(error) => builder.table.add_bad(index + 1, in_line(&error)),
        }
    }
    builder.finish()
}

/// What is wrong with a line; the parser's "line 1" would only confuse.
fn in_line(error: &serde_json::Error) -> String {
    let message = error.to_string();
    let message = message.split(" at line ").next().unwrap_or_default();
    format!("malformed JSON at column {}: {message}", error.column())
}

/// Reads an array of objects, or an object that holds one.
pub(super) fn parse_array<const KEEP: bool>(text: &str) -> Result<Table, DataError> {
    let document: Document<KEEP> = serde_json::from_str(text).map_err(|source| DataError::MalformedJson {
        line: source.line(),
        column: source.column(),
        source,
    })?;
    let items = document.0.ok_or(DataError::NoJsonRows)?;
    if items.is_empty() {
        return Err(DataError::NoJsonRows);
    }
    let mut builder = Builder::new(Format::Json);
    for (index, item) in items.into_iter().enumerate() {
        builder.add(index + 1, item)?;
    }
    builder.finish()
}

struct Builder {
    table: Table,
    places: HashMap<String, usize>,
}

impl Builder {
    fn new(format: Format) -> Self {
        Self { table: Table::new(format, None, true, Vec::new()), places: HashMap::new() }
    }

    fn add<const KEEP: bool>(&mut self, number: usize, item: Item<KEEP>) -> Result<(), DataError> {
        let values = match item {
            Item::Object(values) => values,
            Item::Other(kind) => {
                self.table.add_bad(number, format!("expected an object, found {kind}"));
                return Ok(());
            }
        };
        let mut row = Row { number, cells: vec![String::new(); self.table.columns.len()], nested: Vec::new() };
        for (key, value) in values {
            let place = match self.places.get(&key) {
                Some(&place) => place,
                None => {
                    let place = self.table.columns.len();
                    self.table.columns.push(key.clone());
                    self.places.insert(key, place);
                    row.cells.push(String::new());
                    place
                }
            };
            match value {
                Value::Text(text) => row.cells[place] = text,
                Value::Null => {}
                Value::Nested(json) => {
                    row.nested.push(place);
                    row.cells[place] = json;
                }
            }
        }
        self.table.rows.push(row);
        let num_columns = self.table.columns.len();
        if num_columns > MAX_COLUMNS || num_columns.saturating_mul(self.table.rows.len()) > MAX_CELLS {
            return Err(DataError::TooManyColumns { limit: MAX_COLUMNS });
        }
        Ok(())
    }

    fn finish(mut self) -> Result<Table, DataError> {
        let num_columns = self.table.columns.len();
        for row in &mut self.table.rows {
            row.cells.resize(num_columns, String::new());
        }
        self.table.checked()
    }
}

/// A value of an object.
#[derive(Debug, Clone, PartialEq)]
enum Value<const KEEP: bool> {
    Text(String),
    Null,
    /// Its JSON text with `KEEP`, else nothing.
    Nested(String),
}

/// What stands where an object should.
#[derive(Debug, Clone, PartialEq)]
enum Item<const KEEP: bool> {
    Object(Vec<(String, Value<KEEP>)>),
    Other(&'static str),
}

/// A whole file: its array of items, if there is one.
struct Document<const KEEP: bool>(Option<Vec<Item<KEEP>>>);

/// The visitor's methods for everything that is not an array or an object.
macro_rules! scalars {
    ($bool:expr, $number:expr, $string:expr, $null:expr) => {
        fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
            formatter.write_str("any JSON value")
        }

        fn visit_bool<E>(self, value: bool) -> Result<Self::Value, E> {
            Ok($bool(value))
        }

        fn visit_i64<E>(self, value: i64) -> Result<Self::Value, E> {
            Ok($number(value.to_string()))
        }

        fn visit_u64<E>(self, value: u64) -> Result<Self::Value, E> {
            Ok($number(value.to_string()))
        }

        fn visit_f64<E>(self, value: f64) -> Result<Self::Value, E> {
            Ok($number(value.to_string()))
        }

        fn visit_str<E>(self, value: &str) -> Result<Self::Value, E> {
            Ok($string(value))
        }

        fn visit_unit<E>(self) -> Result<Self::Value, E> {
            Ok($null)
        }
    };
}

fn drain_array<'de, A: SeqAccess<'de>>(mut array: A) -> Result<(), A::Error> {
    while array.next_element::<IgnoredAny>()?.is_some() {}
    Ok(())
}

fn drain_object<'de, A: MapAccess<'de>>(mut object: A) -> Result<(), A::Error> {
    while object.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
    Ok(())
}

struct ValueVisitor<const KEEP: bool>;

impl<'de, const KEEP: bool> Visitor<'de> for ValueVisitor<KEEP> {
    type Value = Value<KEEP>;

    scalars!(
        |flag: bool| Value::Text(flag.to_string()),
        Value::Text,
        |text: &str| Value::Text(text.into()),
        Value::Null
    );

    fn visit_string<E>(self, value: String) -> Result<Value<KEEP>, E> {
        Ok(Value::Text(value))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, array: A) -> Result<Value<KEEP>, A::Error> {
        if KEEP {
            let json = serde_json::Value::deserialize(SeqAccessDeserializer::new(array))?;
            return Ok(Value::Nested(json.to_string()));
        }
        drain_array(array).map(|()| Value::Nested(String::new()))
    }

    fn visit_map<A: MapAccess<'de>>(self, object: A) -> Result<Value<KEEP>, A::Error> {
        if KEEP {
            let json = serde_json::Value::deserialize(MapAccessDeserializer::new(object))?;
            return Ok(Value::Nested(json.to_string()));
        }
        drain_object(object).map(|()| Value::Nested(String::new()))
    }
}

impl<'de, const KEEP: bool> Deserialize<'de> for Value<KEEP> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(ValueVisitor::<KEEP>)
    }
}

struct ItemVisitor<const KEEP: bool>;

impl<'de, const KEEP: bool> Visitor<'de> for ItemVisitor<KEEP> {
    type Value = Item<KEEP>;

    scalars!(
        |_| Item::Other("a boolean"),
        |_| Item::Other("a number"),
        |_: &str| Item::Other("a string"),
        Item::Other("null")
    );

    fn visit_seq<A: SeqAccess<'de>>(self, array: A) -> Result<Item<KEEP>, A::Error> {
        drain_array(array).map(|()| Item::Other("an array"))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut object: A) -> Result<Item<KEEP>, A::Error> {
        let mut values = Vec::new();
        while let Some(entry) = object.next_entry::<String, Value<KEEP>>()? {
            values.push(entry);
        }
        Ok(Item::Object(values))
    }
}

impl<'de, const KEEP: bool> Deserialize<'de> for Item<KEEP> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(ItemVisitor::<KEEP>)
    }
}

struct ArrayVisitor<const KEEP: bool>;

impl<'de, const KEEP: bool> Visitor<'de> for ArrayVisitor<KEEP> {
    type Value = Option<Vec<Item<KEEP>>>;

    scalars!(|_| None, |_| None, |_: &str| None, None);

    fn visit_seq<A: SeqAccess<'de>>(self, mut array: A) -> Result<Self::Value, A::Error> {
        let mut items = Vec::new();
        while let Some(item) = array.next_element::<Item<KEEP>>()? {
            items.push(item);
        }
        Ok(Some(items))
    }

    fn visit_map<A: MapAccess<'de>>(self, object: A) -> Result<Self::Value, A::Error> {
        drain_object(object).map(|()| None)
    }
}

/// An array of items, or `None` for any other value.
struct MaybeArray<const KEEP: bool>(Option<Vec<Item<KEEP>>>);

impl<'de, const KEEP: bool> Deserialize<'de> for MaybeArray<KEEP> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(ArrayVisitor::<KEEP>).map(Self)
    }
}

struct DocumentVisitor<const KEEP: bool>;

impl<'de, const KEEP: bool> Visitor<'de> for DocumentVisitor<KEEP> {
    type Value = Document<KEEP>;

    scalars!(|_| Document(None), |_| Document(None), |_: &str| Document(None), Document(None));

    fn visit_seq<A: SeqAccess<'de>>(self, array: A) -> Result<Document<KEEP>, A::Error> {
        ArrayVisitor::<KEEP>.visit_seq(array).map(Document)
    }

    /// `data` if it is there, else the first array that holds an object.
    fn visit_map<A: MapAccess<'de>>(self, mut object: A) -> Result<Document<KEEP>, A::Error> {
        let mut found: Option<Vec<Item<KEEP>>> = None;
        while let Some((key, value)) = object.next_entry::<String, MaybeArray<KEEP>>()? {
            let Some(items) = value.0 else { continue };
            let has_object = items.iter().any(|item| matches!(item, Item::Object(_)));
            if has_object && (found.is_none() || key == "data") {
                found = Some(items);
            }
        }
        Ok(Document(found))
    }
}

impl<'de, const KEEP: bool> Deserialize<'de> for Document<KEEP> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(DocumentVisitor::<KEEP>)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_become_text_and_columns_keep_their_order() {
        let text = "{\"text\": \"caf\\u00e9\", \"label\": 1}\n{\"label\": true, \"extra\": 1.5, \"text\": null}\n";
        let table = parse_lines::<false>(text).expect("a table");
        assert_eq!(table.columns, ["text", "label", "extra"]);
        assert_eq!(table.rows[0].cells, ["café", "1", ""]);
        assert_eq!(table.rows[1].cells, ["", "true", "1.5"]);
    }

    #[test]
    fn bad_lines_are_listed_and_the_rest_is_read() {
        let table =
            parse_lines::<false>("{\"a\": \"x\"}\n\n{\"a\": \n[1]\n\"s\"\n{\"a\": \"y\"}\r\n").expect("a table");
        assert_eq!(table.rows.iter().map(|row| row.number).collect::<Vec<_>>(), [1, 6]);
        let reasons: Vec<_> = table.bad_rows.iter().map(|bad| (bad.row, bad.reason.as_str())).collect();
        assert_eq!(reasons[0], (3, "malformed JSON at column 5: EOF while parsing a value"));
        assert_eq!(reasons[1], (4, "expected an object, found an array"));
        assert_eq!(reasons[2], (5, "expected an object, found a string"));
    }

    #[test]
    fn an_array_may_stand_alone_or_under_a_key() {
        for text in [
            "[{\"a\": 1, \"b\": [1, {\"c\": 2}]}, 7]",
            "{\"version\": \"1\", \"data\": [{\"a\": 1, \"b\": {}}, 7]}",
            "{\"meta\": [1, 2], \"rows\": [{\"a\": 1, \"b\": []}, 7], \"n\": {\"x\": [0]}}",
        ] {
            let table = parse_array::<false>(text).expect(text);
            assert_eq!((table.columns.len(), table.rows.len(), table.num_bad_rows), (2, 1, 1), "{text}");
            assert_eq!(table.rows[0].nested, [1]);
        }
    }

    #[test]
    fn a_broken_or_rowless_document_says_where_and_why() {
        let error = parse_array::<false>("[{\"text\": \"a\"},\n {\"text\": \"b").expect_err("cut off");
        assert!(matches!(error, DataError::MalformedJson { line: 2, .. }), "{error}");
        assert!(error.to_string().contains("line 2 column"), "{error}");
        for text in ["[]", "{}", "7", "{\"a\": {\"b\": []}}", "{\"a\": [1]}"] {
            assert!(matches!(parse_array::<false>(text), Err(DataError::NoJsonRows)), "{text}");
        }
        assert!(matches!(parse_array::<false>("[1, 2]"), Err(DataError::NothingUsable { num_rows: 2, .. })));
    }

    #[test]
    fn ever_new_columns_are_refused() {
        let text: String = (0..300).map(|i| format!("{{\"k{i}\": 1}}\n")).collect();
        assert!(matches!(parse_lines::<false>(&text), Err(DataError::TooManyColumns { .. })));
    }

    #[test]
    fn nested_values_survive_as_json_where_they_are_kept() {
        let row =
            r#"{"id": 7, "messages": [{"role": "user", "content": "caf\u00e9 \"x\""}], "meta": {"b": 1, "a": null}}"#;
        let document = format!("[{row}]");
        for table in [parse_lines::<true>(row), parse_array::<true>(&document)] {
            let table = table.expect("a table");
            let cells = ["7", r#"[{"role":"user","content":"café \"x\""}]"#, r#"{"b":1,"a":null}"#];
            assert_eq!(table.rows[0].cells, cells);
            assert_eq!(table.rows[0].nested, [1, 2]);
        }
        assert_eq!(parse_lines::<false>(row).expect("a table").rows[0].cells, ["7", "", ""]);
    }
}
