//! JSON objects to a [`Table`]: one after another (one a line, or however they stand), in an array, or in a list under a
//! key of one object that wraps them; or one object that is a table of pandas.
//!
//! Rows that a tool for annotation exported become rows of a text and what was said of it (`annotations`).
//!
//! Strings are taken as they are, numbers and booleans as they stand in the file, null is an empty cell. An object or
//! array as a value is nested: it is noted, and only hurts if its column turns out to be the text or the label. Its cell
//! is empty, or (`KEEP`) its JSON text, for conversations. Columns come in the order of their first appearance.

mod annotations;
mod builder;
mod cut;
mod item;
mod located;
mod not_numbers;
mod pandas;
mod sequence;

use std::cmp::Reverse;

use serde::de::IgnoredAny;
use serde_json::value::RawValue;

use self::builder::Builder;
pub(super) use self::builder::TRANSLATION;
pub(crate) use self::cut::whole_start;
use self::item::{Fields, Item, first_value, is_gap};
pub(super) use self::located::locate;
pub(in crate::data) use self::located::set_field;
use self::sequence::{Numbers, read_values};
use super::{Format, Table};
use crate::data::error::{DataError, quote_name};

/// Keys under which a wrapping object holds its rows, best first.
const LISTS: &[&str] =
    &["data", "rows", "records", "examples", "samples", "items", "instances", "entries", "documents", "train"];

/// Keys of an object that is a row, whatever lists it holds beside them.
const PARTS: &[&str] = &[
    "text",
    "sentence",
    "utterance",
    "label",
    "labels",
    "category",
    "intent",
    "prompt",
    "completion",
    "instruction",
    "output",
    "response",
    "question",
    "answer",
];

/// So many keys of a single object may as well be rows under their names.
const MANY_KEYS: usize = 16;

/// Whether a text that starts like JSON goes on like it: its first value is whole, and the line has nothing else after
/// it; or the text ends within it. If not `strict`, it may also be broken.
pub(super) fn starts_well(start: &str, strict: bool) -> bool {
    let mut values = serde_json::Deserializer::from_str(start).into_iter::<IgnoredAny>();
    match values.next() {
        Some(Ok(_)) => {
            let after = &start[values.byte_offset()..];
            let line = after.split('\n').next().unwrap_or_default().trim_start_matches(is_gap);
            line.is_empty() || line.starts_with(['{', '['])
        }
        Some(Err(error)) => error.is_eof() || !strict,
        None => false,
    }
}

/// Reads the file, whatever its objects stand in. What Python writes for numbers that are none is an empty cell.
pub(super) fn parse<const KEEP: bool>(text: &str) -> Result<Table, DataError> {
    let (text, count) = not_numbers::blank(text);
    let mut table = parse_numbers::<KEEP>(&text)?;
    if count > 0 {
        table.notes.push(format!("NaN and Infinity, which JSON does not have, are read as empty: {count} in the file"));
    }
    Ok(table)
}

fn parse_numbers<const KEEP: bool>(text: &str) -> Result<Table, DataError> {
    let start = text.trim_start_matches(is_gap);
    if start.starts_with('[') && !is_line_of_many(start) {
        return parse_array::<KEEP>(text);
    }
    if start.starts_with('{')
        && let Some(fields) = only_object(start)
    {
        let line = 1 + text[..text.len() - start.len()].matches('\n').count();
        return parse_object::<KEEP>(fields, line, text.len());
    }
    // By lines, unless several objects share one: then by their order.
    match read_values::<KEEP>(text, Numbers::Lines)? {
        Some(table) => Ok(table),
        None => read_values::<KEEP>(text, Numbers::Order)?.ok_or(DataError::NoJsonRows),
    }
}

/// Whether the first line is a whole value with more lines below it.
fn is_line_of_many(text: &str) -> bool {
    let mut lines = text.lines().filter(|line| !line.trim().is_empty());
    let first = lines.next().unwrap_or_default();
    lines.next().is_some() && serde_json::from_str::<IgnoredAny>(first.trim()).is_ok()
}

/// The object that a text is, if it is a single one.
fn only_object(text: &str) -> Option<Fields<'_>> {
    match first_value(text) {
        Ok((Item::Object(fields), end)) if text[end..].chars().all(is_gap) => Some(fields),
        _ => None,
    }
}

/// Reads an array of objects.
fn parse_array<const KEEP: bool>(text: &str) -> Result<Table, DataError> {
    let text = text.trim_start_matches('\u{feff}');
    let items: Vec<Item<'_>> = serde_json::from_str(text).map_err(|source| DataError::MalformedJson {
        line: source.line(),
        column: source.column(),
        source,
    })?;
    if items.is_empty() {
        return Err(DataError::NoJsonRows);
    }
    add_all::<KEEP>(items, Builder::new(Format::Json, text.len()))
}

fn add_all<const KEEP: bool>(items: Vec<Item<'_>>, mut builder: Builder) -> Result<Table, DataError> {
    for (index, item) in items.into_iter().enumerate() {
        builder.add::<KEEP>(index + 1, item)?;
    }
    builder.finish()
}

/// Reads a file of `num_bytes` that is one object, on `line`: a row, or what wraps a list of rows.
fn parse_object<const KEEP: bool>(fields: Fields<'_>, line: usize, num_bytes: usize) -> Result<Table, DataError> {
    let (lists, holds_turns) = lists_of_objects(&fields);
    let num_parts =
        fields.iter().filter(|(key, value)| is_scalar(value) && PARTS.contains(&key.to_lowercase().as_str())).count();
    let most_parts = |key: &String| if list_rank(key) < LISTS.len() { 1 } else { 0 };
    if lists.first().is_some_and(|(key, _)| num_parts <= most_parts(key)) {
        let mut builder = Builder::new(Format::Json, num_bytes);
        let mut lists = lists.into_iter();
        let (key, items) = lists.next().unwrap_or_default();
        builder.table.notes.extend(lists.map(|(other, items)| {
            let (other, key) = (quote_name(&other), quote_name(&key));
            format!("the rows are those under {key}: the {} under {other} are not read", items.len())
        }));
        return add_all::<KEEP>(items.into_iter().map(without_index).collect(), builder);
    }
    // Lists and objects alone are no row: columns written one after another, say, or rows under their numbers.
    // A row of words and tags is a row, though: lists of scalars beside nothing that is nested deeper.
    let is_table = !holds_turns && !fields.iter().any(|(_, value)| is_scalar(value));
    if let Some((rows, orient)) = is_table.then(|| pandas::rows(&fields)).flatten() {
        let mut builder = Builder::new(Format::Json, num_bytes);
        builder.table.notes.push(format!("the file is one table, as pandas writes it with orient={orient:?}"));
        return add_all::<KEEP>(rows, builder);
    }
    if is_table && !is_row_of_words(&fields) {
        return Err(DataError::NoJsonRows);
    }
    let mut builder = Builder::new(Format::Jsonl, num_bytes);
    let holds_objects = !lists.is_empty() || fields.iter().any(|(_, value)| value.get().starts_with('{'));
    if holds_objects || fields.len() > MANY_KEYS {
        builder.table.notes.push("the file holds a single object: it is read as one row".into());
    }
    builder.add::<KEEP>(line, Item::Object(fields))?;
    builder.finish()
}

/// A list of objects under a key.
type List<'t> = (String, Vec<Item<'t>>);

/// Lists of objects in an object, the likeliest rows first; and whether there is a conversation, which is no such list.
fn lists_of_objects<'t>(fields: &[(String, &'t RawValue)]) -> (Vec<List<'t>>, bool) {
    let mut lists: Vec<List<'t>> = Vec::new();
    let mut holds_turns = false;
    for &(ref key, value) in fields {
        if !value.get().starts_with('[') {
            continue;
        }
        let items: Vec<Item<'t>> = serde_json::from_str(value.get()).unwrap_or_default();
        let (mut num_objects, mut num_turns) = (0, 0);
        for item in &items {
            num_objects += usize::from(matches!(item, Item::Object(_)));
            num_turns += usize::from(is_turn(item));
        }
        if num_objects > num_turns {
            lists.push((key.clone(), items));
        }
        holds_turns |= num_objects > 0 && num_objects == num_turns;
    }
    lists.sort_by_key(|(key, items)| (list_rank(key), Reverse(items.len())));
    (lists, holds_turns)
}

fn list_rank(key: &str) -> usize {
    let key = key.to_lowercase();
    LISTS.iter().position(|known| *known == key).unwrap_or(LISTS.len())
}

/// Whether an object holds `tokens` or `words`, and under every key a list of scalars or null.
fn is_row_of_words(fields: &[(String, &RawValue)]) -> bool {
    let is_flat = |value: &RawValue| match serde_json::from_str::<Vec<&RawValue>>(value.get()) {
        Ok(items) => items.into_iter().all(is_scalar),
        Err(_) => value.get() == "null",
    };
    fields.iter().any(|(key, _)| ["tokens", "words"].contains(&key.to_lowercase().as_str()))
        && fields.iter().all(|(_, value)| is_flat(value))
}

/// Neither nested nor null.
fn is_scalar(value: &RawValue) -> bool {
    !value.get().starts_with(['[', '{', 'n'])
}

/// Whether an object is a turn of a conversation.
fn is_turn(item: &Item<'_>) -> bool {
    let Item::Object(fields) = item else { return false };
    let has = |name: &str| fields.iter().any(|(key, _)| key == name);
    (has("role") && (has("content") || has("parts") || has("tool_calls"))) || (has("from") && has("value"))
}

/// The row in `{"row_idx": 0, "row": {…}}`, as servers of data sets write it.
fn without_index(item: Item<'_>) -> Item<'_> {
    let Item::Object(fields) = &item else { return item };
    let find = |name: &str| fields.iter().find(|(key, _)| key == name).map(|(_, value)| *value);
    match (find("row_idx"), find("row")) {
        (Some(_), Some(row)) if row.get().starts_with('{') => serde_json::from_str(row.get()).unwrap_or(item),
        _ => item,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Table {
        parse::<false>(text).expect("a table")
    }

    fn numbers(table: &Table) -> Vec<usize> {
        table.rows.iter().map(|row| row.number).collect()
    }

    #[test]
    fn values_become_text_and_columns_keep_their_order() {
        let table =
            read("{\"text\": \"caf\\u00e9\", \"label\": 1}\n{\"label\": true, \"extra\": 1.5, \"text\": null}\n");
        assert_eq!(table.columns, ["text", "label", "extra"]);
        assert_eq!(table.rows[0].cells, ["café", "1", ""]);
        assert_eq!(table.rows[1].cells, ["", "true", "1.5"]);
    }

    #[test]
    fn translations_are_columns_of_their_languages_in_their_order() {
        let lines = "{\"id\": \"7\", \"translation\": {\"en\": \"a \\\"b\\\"\", \"de\": \"c\"}}\n\
                     {\"translation\": {\"de\": \"d\", \"en\": null}}\n";
        let table = read(lines);
        assert_eq!(table.columns, ["id", "translation.en", "translation.de"]);
        assert_eq!(table.rows[0].cells, ["7", "a \"b\"", "c"]);
        assert_eq!((table.rows[1].cells[1].as_str(), table.rows[1].cells[2].as_str()), ("", "d"));
        for other in ["{\"translation\": {\"en\": [1]}, \"a\": 1}", "{\"translation\": {}, \"a\": 1}"] {
            let table = read(other);
            assert_eq!((table.columns[0].as_str(), table.rows[0].nested.as_slice()), ("translation", &[0][..]));
        }
    }

    #[test]
    fn labels_that_were_not_accepted_are_none_or_say_no() {
        let row = |label: &str, answer: &str| {
            format!(r#"{{"text": "a", "label": "{label}", "_task_hash": 1, "answer": "{answer}"}}"#) + "\n"
        };
        let labels = |table: &Table| table.rows.iter().map(|row| row.cells[1].clone()).collect::<Vec<_>>();
        let several = read(&[row("x", "ignore"), row("x", "accept"), row("y", "reject"), row("y", "accept")].concat());
        assert_eq!((labels(&several).join(","), several.num_bad_rows), (",x,,y".to_owned(), 0));
        let left_out = |rows: &str| format!("{rows} read without a label, as the answer there is not \"accept\"");
        assert_eq!(several.notes, [left_out("2 rows of Prodigy's are")]);
        let one = read(&[row("SPAM", "reject"), row("SPAM", "accept"), row("SPAM", "ignore")].concat());
        assert_eq!(labels(&one), ["not SPAM", "SPAM", ""]);
        let note = "the rows are Prodigy's, and all ask for one label: where the answer is \"reject\" it is \"not SPAM\", not \"SPAM\"";
        assert_eq!(one.notes, [note.to_owned(), left_out("1 row of Prodigy's is")]);
        let with_plain = [row("x", "reject"), row("x", "accept"), "{\"text\": \"b\", \"label\": \"x\"}\n".into()];
        assert_eq!(labels(&read(&with_plain.concat())), ["", "x", "x"], "of the third nobody was asked");
    }

    #[test]
    fn numbers_stay_as_they_are_written() {
        let written = ["1", "1.0", "1e5", "-0.50", "12345678901234567890123", "1E+2", "0.1000000000000000055511"];
        let lines: String = written.iter().map(|number| format!("{{\"label\": {number} }}\n")).collect();
        let array = format!("[{}]", lines.trim_end().replace('\n', ","));
        for text in [lines, array] {
            let table = read(&text);
            assert_eq!(table.rows.iter().map(|row| row.cells[0].as_str()).collect::<Vec<_>>(), written);
        }
    }

    #[test]
    fn numbers_that_are_none_are_empty_and_it_is_said() {
        let rows =
            ["{\"text\": \"a\", \"label\": 1, \"score\": NaN}", "{\"text\": \"NaN\", \"label\": NaN, \"score\": 2}"];
        for text in [rows.join("\n"), format!("[{}]", rows.join(","))] {
            let table = read(&text);
            assert_eq!((&table.rows[0].cells[2], &table.rows[1].cells[1]), (&String::new(), &String::new()));
            assert_eq!((table.rows[1].cells[0].as_str(), table.num_bad_rows), ("NaN", 0));
            assert_eq!(table.notes, ["NaN and Infinity, which JSON does not have, are read as empty: 2 in the file"]);
        }
    }

    #[test]
    fn tables_of_pandas_are_read_however_they_are_turned() {
        let columns = r#"{"text": {"0": "a", "2": "b"}, "label": {"0": 1, "2": null}}"#;
        let index = r#"{"0": {"text": "a", "label": 1}, "2": {"text": "b", "label": null}}"#;
        let split = r#"{"columns": ["text", "label"], "index": [0, 2], "data": [["a", 1], ["b", null]]}"#;
        let named = r#"{"x": {"text": "a", "label": 1}, "y": {"text": "b", "label": null}}"#;
        let list = r#"{"text": ["a", "b"], "label": [1, null]}"#;
        let all = [(columns, "columns"), (index, "index"), (named, "index"), (split, "split"), (list, "list")];
        for (text, orient) in all {
            let table = read(text);
            assert_eq!(table.columns, ["text", "label"], "{orient}");
            assert_eq!([&table.rows[0].cells, &table.rows[1].cells], [&["a", "1"], &["b", ""]], "{orient}");
            assert_eq!((numbers(&table), table.format), (vec![1, 2], Format::Json));
            assert!(table.notes[0].ends_with(&format!("orient={orient:?}")), "{:?}", table.notes);
            assert!(locate(text, &table).is_err(), "a row does not stand in one place, or under a key");
        }
        for other in [
            r#"{"text": {"0": "a"}, "label": {"1": 1}}"#,
            r#"{"text": {"a": "x"}, "label": {"a": 1}}"#,
            r#"{"text": ["a"], "label": [1]}"#,
            r#"{"text": ["a", "b"], "label": [1]}"#,
            r#"{"columns": ["text", "label"], "data": [["a"]]}"#,
            r#"{"a": {}, "b": {}}"#,
        ] {
            assert!(matches!(parse::<false>(other), Err(DataError::NoJsonRows)), "{other}");
        }
        let words = read(r#"{"tokens": ["a", "b"], "labels": ["X", "O"]}"#);
        assert_eq!((words.rows.len(), words.format), (1, Format::Jsonl), "the words of a sentence, and not rows");
    }

    #[test]
    fn bad_lines_are_listed_and_the_rest_is_read() {
        let table = read("{\"a\": \"x\"}\n\n{\"a\": \n[1]\n\"s\"\n{\"a\": \"y\"}\r\n");
        assert_eq!(numbers(&table), [1, 6]);
        let reasons: Vec<_> = table.bad_rows.iter().map(|bad| (bad.row, bad.reason.as_str())).collect();
        assert_eq!(reasons[0], (3, "malformed JSON at column 5: EOF while parsing a value"));
        assert_eq!(reasons[1], (4, "expected an object, found an array"));
        assert_eq!(reasons[2], (5, "expected an object, found a string"));
        let table = read("oops\n{\"a\": 1} and more\n{\"a\": \"\\ud800\"}\n{\"a\": 2}\n{\"a\": \"cut o");
        assert_eq!((numbers(&table), table.num_bad_rows), (vec![4], 4));
        let reasons: Vec<_> = table.bad_rows.iter().map(|bad| (bad.row, bad.reason.as_str())).collect();
        assert_eq!(reasons[1], (2, "malformed JSON at column 10: trailing characters"));
        assert!(reasons[2].1.starts_with("malformed JSON under \"a\": "), "{}", reasons[2].1);
        assert_eq!(reasons[3].0, 5);
    }

    #[test]
    fn objects_are_read_however_they_stand_after_one_another() {
        let table = read("{\n  \"a\": 1\n}\n{\n  \"a\": 2\n}\n");
        assert_eq!((numbers(&table), table.format), (vec![1, 4], Format::Jsonl));
        for text in ["{\"a\": 1}{\"a\": 2}", "{\"a\": 1}, {\"a\": 2},\n", "{\n\"a\": 1} {\"a\": 2} {\"a\":\n3}"] {
            let table = read(text);
            assert_eq!((table.rows[0].number, table.rows[1].number, table.num_bad_rows), (1, 2, 0), "{text}");
            assert_eq!(table.rows[1].cells, ["2"]);
        }
        let table = read("{\"a\": 1},\n{\"a\": 2},\n\u{feff}{\"a\": 3}\n");
        assert_eq!((numbers(&table), table.num_bad_rows), (vec![1, 2, 3], 0));
        let table = read("{\"a\": 1}{\"a\": 2}");
        assert_eq!(table.notes, ["several objects stand on a line: rows are numbered in their order"]);
    }

    #[test]
    fn a_broken_object_of_many_lines_is_one_bad_row() {
        let good = "{\n  \"a\": 1,\n  \"b\": {\n    \"c\": 2\n  }\n}\n";
        let table = read(&[good, "{\n  \"a\": oops,\n  \"b\": 1\n}\n", good, "{\n  \"a\": \"cut o"].concat());
        assert_eq!(numbers(&table), [1, 11]);
        let reasons: Vec<_> = table.bad_rows.iter().map(|bad| (bad.row, bad.reason.as_str())).collect();
        assert_eq!((reasons[0].0, reasons[1].0, reasons.len()), (7, 17, 2));
        assert!(reasons[0].1.starts_with("malformed JSON at line 8, column "), "{}", reasons[0].1);
    }

    #[test]
    fn an_array_may_stand_alone_or_under_a_key() {
        for text in [
            "[{\"a\": 1, \"b\": [1, {\"c\": 2}]}, 7]",
            "{\"version\": \"1\", \"data\": [{\"a\": 1, \"b\": {}}, 7]}",
            "{\"meta\": [1, 2], \"rows\": [{\"a\": 1, \"b\": []}, 7], \"n\": {\"x\": [0]}}",
            "{\"rows\": [{\"row_idx\": 0, \"row\": {\"a\": 1, \"b\": []}}, 7]}",
        ] {
            let table = parse::<false>(text).expect(text);
            assert_eq!((table.columns.len(), table.rows.len(), table.num_bad_rows), (2, 1, 1), "{text}");
            assert_eq!((table.rows[0].nested.as_slice(), table.format), (&[1][..], Format::Json));
            assert!(table.notes.is_empty(), "{:?}", table.notes);
        }
        let table = read("{\"test\": [{\"a\": 1}], \"train\": [{\"a\": 2}, {\"a\": 3}]}");
        assert_eq!(table.rows[0].cells, ["2"]);
        assert_eq!(table.notes, ["the rows are those under \"train\": the 1 under \"test\" are not read"]);
    }

    #[test]
    fn a_single_object_is_a_row_if_it_holds_more_than_lists() {
        assert_eq!(read("\n{\"text\": \"a\", \"label\": 1}\n").rows[0].number, 2);
        let chat = "{\"messages\": [{\"role\": \"user\", \"content\": \"q\"}]}";
        assert_eq!(read(chat).columns, ["messages"]);
        let marked = "{\"text\": \"a\", \"spans\": [{\"start\": 0}]}";
        let table = read(marked);
        assert_eq!((table.columns.len(), table.notes.len()), (2, 1), "said, as it could be meant otherwise");
        for (words, cells) in [
            ("{\"tokens\":[\"the\",\"parcel\"]}", &["[\"the\",\"parcel\"]"][..]),
            ("{\"id\": null, \"words\":[\"a\"], \"tags\":[0]}", &["", "[\"a\"]", "[0]"]),
        ] {
            let table = parse::<true>(words).expect("a row of words");
            assert_eq!((table.rows.len(), table.format), (1, Format::Jsonl));
            assert_eq!(table.rows[0].cells, cells);
        }
        let table = "{\"tokens\": [[\"a\"], [\"b\"]]}";
        assert!(matches!(parse::<false>(table), Err(DataError::NoJsonRows)), "{table}");
        let uneven = "{\"text\": [\"a\", \"b\"], \"label\": [0]}";
        assert!(matches!(parse::<false>(uneven), Err(DataError::NoJsonRows)), "{uneven}");
    }

    #[test]
    fn the_last_value_of_a_repeated_key_counts_and_it_is_said() {
        let table = parse::<true>("{\"a\": [1], \"a\": 2}\n{\"a\": 3, \"a\": null}\n").expect("a table");
        assert_eq!((&table.rows[0].cells, table.rows[0].nested.len()), (&vec!["2".to_owned()], 0));
        assert_eq!(table.rows[1].cells, [""]);
        let notes = [
            "row 1 holds the key \"a\" more than once: the last value counts",
            "repeated keys in rows, beside that one: 1; the last value counts",
        ];
        assert_eq!(table.notes, notes);
    }

    #[test]
    fn a_broken_or_rowless_document_says_where_and_why() {
        let error = parse::<false>("[{\"text\": \"a\"},\n {\"text\": \"b").expect_err("cut off");
        assert!(matches!(error, DataError::MalformedJson { line: 2, .. }), "{error}");
        assert!(error.to_string().contains("line 2, column"), "{error}");
        for text in ["[]", "{}", "{\"a\": {\"b\": []}}", "{\"a\": [1]}"] {
            assert!(matches!(parse::<false>(text), Err(DataError::NoJsonRows)), "{text}");
        }
        assert!(matches!(parse::<false>("[1, 2]"), Err(DataError::NothingUsable { num_rows: 2, .. })));
        assert!(matches!(parse::<false>("7"), Err(DataError::NothingUsable { num_rows: 1, .. })));
    }

    #[test]
    fn ever_new_columns_are_refused() {
        let text: String = (0..300).map(|i| format!("{{\"k{i}\": 1}}\n")).collect();
        assert!(matches!(parse::<false>(&text), Err(DataError::TooManyColumns { .. })));
    }

    #[test]
    fn empty_objects_below_one_of_many_keys_are_refused_before_they_fill_memory() {
        let keys: Vec<String> = (0..200).map(|index| format!("\"k{index}\": 1")).collect();
        let wide = format!("{{{}}}\n", keys.join(", "));
        let sparse = |rows: usize| parse::<false>(&[wide.as_str(), &"{}\n".repeat(rows)].concat());
        assert_eq!(sparse(5_000).expect("not too many").rows.len(), 5_001);
        assert!(matches!(sparse(100_000), Err(DataError::TooSparse { columns: 200, .. })));
        assert_eq!(parse::<false>(&wide.repeat(6_000)).expect("whole rows").rows.len(), 6_000);
    }

    #[test]
    fn nesting_without_end_and_values_without_end_cost_no_stack_and_bounded_time() {
        let deep = format!("{{\"a\": {}1{}}}\n{{\"a\": 1}}\n", "[".repeat(200_000), "]".repeat(200_000));
        assert_eq!(read(&deep).rows.len(), 2);
        let open = "{\"a\":\n".repeat(20_000);
        assert!(matches!(parse::<true>(&open), Err(DataError::NothingUsable { num_rows: 20_000, .. })));
    }

    #[test]
    fn nested_values_survive_as_json_where_they_are_kept() {
        let row =
            r#"{"id": 7, "messages": [{"role": "user", "content": "caf\u00e9 \"x\""}], "meta": {"b": 1.0, "a": null}}"#;
        let document = format!("[{row}]");
        for table in [parse::<true>(row), parse::<true>(&document)] {
            let table = table.expect("a table");
            let cells = ["7", r#"[{"role": "user", "content": "caf\u00e9 \"x\""}]"#, r#"{"b": 1.0, "a": null}"#];
            assert_eq!(table.rows[0].cells, cells);
            assert_eq!(table.rows[0].nested, [1, 2]);
        }
        assert_eq!(read(row).rows[0].cells, ["7", "", ""]);
    }
}
