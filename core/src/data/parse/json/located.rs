//! Where the objects of a JSON file stand, and an object with another value under one of its keys: all other letters stay.

use std::collections::HashSet;
use std::ops::Range;

use serde::de::IgnoredAny;
use serde_json::value::RawValue;

use super::annotations::{self, Annotated};
use super::item::{Item, first_value, is_gap};
use super::not_numbers::{blank, word_at};
use super::{is_line_of_many, lists_of_objects, only_object};
use crate::data::error::DataError;
use crate::data::parse::{Format, Table};

/// Bytes of rows by their numbers.
type Spans = Vec<(usize, Range<usize>)>;

/// Bytes of the objects of a file that was read as `table`, by their numbers, and those of what could not be read between objects one
/// after another. These take the rest of their line along where nothing else stands on it.
///
/// # Errors
/// When something between the objects is broken, so that they can't be told apart.
pub(in crate::data::parse) fn locate(text: &str, table: &Table) -> Result<(Spans, Spans), DataError> {
    let (text, _) = blank(text);
    let text = text.as_ref();
    if table.format == Format::Jsonl {
        return by_lines(text, table);
    }
    let start = text.trim_start_matches(is_gap);
    let list = match only_object(start) {
        _ if start.starts_with('[') && !is_line_of_many(start) => Some(text.trim_start_matches('\u{feff}')),
        Some(fields) => {
            let (lists, _) = lists_of_objects(&fields);
            // Else it is a table of pandas.
            let (key, _) = lists.first().ok_or_else(is_table)?;
            fields.iter().rev().find(|(own, _)| own == key).map(|(_, value)| value.get())
        }
        None => None,
    };
    let spans = match list {
        Some(list) => items(text, list),
        None => in_order(text),
    };
    Ok((spans?, Vec::new()))
}

/// The items of an array that stands in `text`.
fn items(text: &str, list: &str) -> Result<Spans, DataError> {
    let items: Vec<&RawValue> = serde_json::from_str(list).map_err(|source| DataError::MalformedJson {
        line: source.line(),
        column: source.column(),
        source,
    })?;
    Ok(items.iter().enumerate().map(|(index, item)| (index + 1, range_in(text, item.get()))).collect())
}

/// Objects by the lines on which they start, and by theirs what could not be read.
fn by_lines(text: &str, table: &Table) -> Result<(Spans, Spans), DataError> {
    let wanted: HashSet<usize> = table.rows.iter().map(|row| row.number).collect();
    let (mut spans, mut bad_spans) = (Vec::with_capacity(wanted.len()), Vec::new());
    let (mut start, mut last_end) = (0, 0);
    for (index, line) in text.split_inclusive('\n').enumerate() {
        let number = index + 1;
        // The object before may end on this line.
        let from = start.max(last_end);
        start += line.len();
        let Some(gap) = text[from..start.max(from)].find(|character: char| !is_gap(character)) else { continue };
        let found = first_value(&text[from + gap..]).map(|(_, length)| from + gap + length);
        if wanted.contains(&number) {
            last_end = end_of_line(text, found.map_err(|_| can_not_tell())?);
            spans.push((number, from + gap..last_end));
        } else {
            last_end = match found {
                Ok(end) if ends_line(text, end) => end_of_line(text, end),
                Ok(end) => end_of_broken(text, from + gap, end),
                Err(_) => end_of_broken(text, from + gap, from + gap),
            };
            bad_spans.push((number, from + gap..last_end));
        }
    }
    if spans.len() == wanted.len() { Ok((spans, bad_spans)) } else { Err(can_not_tell()) }
}

/// Whether nothing but a gap or the next object stands between `end` and the end of its line.
fn ends_line(text: &str, end: usize) -> bool {
    let line = text[end..].split('\n').next().unwrap_or_default().trim_start_matches(is_gap);
    line.is_empty() || line.starts_with('{')
}

/// The end of what starts at `start` and is broken behind `at`: of the line of `at`, or of an object written over many lines where
/// another begins, indented alike.
fn end_of_broken(text: &str, start: usize, at: usize) -> usize {
    let line_start = text[..start].rfind('\n').map_or(0, |end| end + 1);
    let indent = &text[line_start..start];
    let is_pretty =
        text[start..].split('\n').next().is_some_and(|line| line.trim_end() == "{" && indent.trim().is_empty());
    let begins = |line: &str| line.strip_prefix(indent).is_some_and(|line| line.starts_with('{'));
    let mut lines = text[at..].split_inclusive('\n');
    let first = lines.next().unwrap_or_default();
    let more = lines.take_while(|line| is_pretty && !begins(line));
    at + first.len() + more.map(str::len).sum::<usize>()
}

/// Behind what stands between `end` and the end of its line, where that is nothing but a gap.
fn end_of_line(text: &str, end: usize) -> usize {
    let rest = &text[end..];
    let line = rest.split_inclusive('\n').next().unwrap_or_default();
    if line.chars().all(is_gap) { end + line.len() } else { end }
}

/// Objects in their order, several on a line.
fn in_order(text: &str) -> Result<Spans, DataError> {
    let (mut spans, mut at) = (Vec::new(), 0);
    while let Some(gap) = text[at..].find(|character: char| !is_gap(character)) {
        let start = at + gap;
        let (_, length) = first_value(&text[start..]).map_err(|_| can_not_tell())?;
        at = start + length.max(1);
        spans.push((spans.len() + 1, start..at));
    }
    Ok(spans)
}

fn can_not_tell() -> DataError {
    let message = "objects share lines with something that is broken: the file can't be written again".into();
    DataError::BadOption { field: "edits".into(), message }
}

fn is_table() -> DataError {
    let message = "it is one table of pandas, in which rows can't be changed: write it with to_json(orient=\"records\", lines=True)";
    DataError::BadOption { field: "edits".into(), message: message.into() }
}

/// Where a part of a text stands in it.
fn range_in(text: &str, part: &str) -> Range<usize> {
    let start = part.as_ptr().addr() - text.as_ptr().addr();
    start..start + part.len()
}

/// An object with another value in a column; all its other letters stay. `None` where the text is no object, or one that a tool for
/// annotation exported. Of a row of Prodigy's with a label that was accepted or not, all else may change.
///
/// Numbers and booleans stay such where the new value is one; an object or array stays one where the new value is JSON. All else
/// is written as a string.
pub(in crate::data) fn set_field(object: &str, column: &str, value: &str) -> Option<String> {
    let (plain, _) = blank(object);
    let plain = plain.as_ref();
    let Ok((Item::Object(fields), _)) = first_value(plain) else { return None };
    match annotations::read(&fields) {
        Some(Annotated::Answered(_)) if column != annotations::LABEL => {}
        Some(_) => return None,
        None => {}
    }
    // It stands in the object, as that is written, where it stands in the plain one; a word that was blanked is longer.
    let place = |json: &str| {
        let Range { start, end } = range_in(plain, json);
        start..word_at(object, start).map_or(end, |word| start + word.len())
    };
    let find = |key: &str| fields.iter().rev().find(|(own, _)| own == key).map(|(_, json)| place(json.get()));
    if let (Some(_), Some(row)) = (find("row_idx"), find("row"))
        && object[row.clone()].starts_with('{')
    {
        let inner = set_field(&object[row.clone()], column, value)?;
        return Some(replaced(object, row, &inner));
    }
    if let Some(old) = find(column) {
        let new = written(&object[old.clone()], value);
        return Some(replaced(object, old, &new));
    }
    if let Some((key, language)) = column.split_once('.')
        && let Some(texts) = find(key).filter(|texts| object[texts.clone()].starts_with('{'))
    {
        let inner = set_field(&object[texts.clone()], language, value)?;
        return Some(replaced(object, texts, &inner));
    }
    let end = object.rfind('}')?;
    // Of a text and an object beside it the text stands before the object.
    let num_before = usize::from(plain.trim_start().starts_with('['));
    let comma = if fields.len() <= num_before { "" } else { ", " };
    let before = object[..end].trim_end();
    let (column, value) = (serde_json::to_string(column).ok()?, serde_json::to_string(value).ok()?);
    Some(format!("{before}{comma}{column}: {value}{}{}", &object[before.len()..end], &object[end..]))
}

/// `text` with `new` in the place of a part of it.
fn replaced(text: &str, part: Range<usize>, new: &str) -> String {
    [&text[..part.start], new, &text[part.end..]].concat()
}

/// A value as JSON of the kind that stood there, if it can be.
fn written(old: &str, value: &str) -> String {
    let is_kind = match old.as_bytes().first() {
        Some(b'"' | b'n') => false,
        Some(b'[' | b'{') => {
            value.trim_start().starts_with(['[', '{']) && serde_json::from_str::<IgnoredAny>(value).is_ok()
        }
        _ => serde_json::from_str::<serde_json::Value>(value).is_ok_and(|json| json.is_number() || json.is_boolean()),
    };
    if is_kind { value.trim().to_owned() } else { serde_json::Value::from(value).to_string() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_that_prodigy_asked_for_stay_and_all_else_may_change() {
        let row = r#"{"text": "a", "label": "X", "_task_hash": 1, "answer": "reject"}"#;
        assert_eq!(set_field(row, "label", "Y"), None);
        assert_eq!(set_field(row, "text", "b"), Some(row.replace("\"a\"", "\"b\"")));
    }

    #[test]
    fn one_value_changes_and_no_other_letter() {
        let object = "{ \"a\":\"x\", \"n\" : 1.0,\"l\": [ 1 ], \"a\": \"caf\\u00e9\" }";
        let set = |column: &str, value: &str| set_field(object, column, value).expect("an object");
        assert_eq!(set("a", "y \"z\""), object.replace("\"caf\\u00e9\"", "\"y \\\"z\\\"\""), "the last one counts");
        assert_eq!(set("n", "2.50"), object.replace("1.0", "2.50"));
        assert_eq!(set("n", "two"), object.replace("1.0", "\"two\""));
        assert_eq!(set("l", "[1, 2]"), object.replace("[ 1 ]", "[1, 2]"));
        assert_eq!(set("l", "none"), object.replace("[ 1 ]", "\"none\""));
        assert_eq!(set("new", "v"), object.replace("\" }", "\", \"new\": \"v\" }"));
        assert_eq!(set_field("{}", "a", "v").as_deref(), Some("{\"a\": \"v\"}"));
        assert_eq!(set_field("[1]", "a", "v"), None);
        let gaps = "{\"a\": NaN, \"b\": -Infinity, \"c\": \"NaN\"}";
        assert_eq!(set_field(gaps, "c", "d").expect("an object"), gaps.replace("\"NaN\"", "\"d\""));
        assert_eq!(set_field(gaps, "a", "2").expect("an object"), gaps.replace("NaN,", "2,"));
    }

    #[test]
    fn values_of_inner_objects_are_found() {
        let pair = "{\"translation\": {\"en\": \"a\", \"de\": \"b\"}}";
        assert_eq!(set_field(pair, "translation.de", "c").expect("an object"), pair.replace("\"b\"", "\"c\""));
        let served = "{\"row_idx\": 0, \"row\": {\"text\": \"a\"}}";
        assert_eq!(set_field(served, "text", "b").expect("an object"), served.replace("\"a\"", "\"b\""));
    }
}
