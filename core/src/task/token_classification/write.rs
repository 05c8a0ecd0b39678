//! Cells with other tags or spans, written in the way of the cell before: only what changed is another text. In: what stands there, and
//! tags or entities. Out: what stands there then, which is read as just these.

use std::collections::HashMap;

use serde::de::IgnoredAny;
use serde_json::value::RawValue;
use serde_json::{Map, Value};

use super::cells::{END, LABEL, LISTS, START, TEXT, item_ranges, read_spans, read_tags};
use super::place::place_in_words;
use crate::data::read_literal;
use crate::metrics::EntitySpan;

/// A cell with these tags in it. Where its own way has no room for them, such as a tag with a space among tags between spaces, it is a
/// JSON list, which is read in any file.
pub(super) fn write_items(before: &str, items: &[String], are_ids: bool) -> String {
    let is_read = |cell: &String| read_tags(cell).is_ok_and(|read| read.values == items && read.are_ids == are_ids);
    let list = || match are_ids {
        true => format!("[{}]", items.join(", ")),
        false => serde_json::to_string(items).expect("texts are always JSON"),
    };
    replace_items(before, items).filter(is_read).unwrap_or_else(list)
}

/// The cell with other items in the places of those that changed; `None` where it has more or fewer.
fn replace_items(before: &str, items: &[String]) -> Option<String> {
    let ranges = item_ranges(before);
    let old = read_tags(before).ok()?.values;
    if ranges.len() != items.len() || old.len() != items.len() {
        return None;
    }
    let (mut out, mut at) = (String::with_capacity(before.len()), 0);
    for ((range, old), new) in ranges.into_iter().zip(&old).zip(items) {
        if old == new {
            continue;
        }
        out.push_str(&before[at..range.start]);
        match before[range.clone()].chars().next().filter(|first| matches!(first, '"' | '\'')) {
            Some('"') => out.push_str(&Value::from(new.as_str()).to_string()),
            Some(quote) => {
                let escaped = new.replace('\\', "\\\\").replace(quote, &format!("\\{quote}"));
                out.push_str(&format!("{quote}{escaped}{quote}"));
            }
            None => out.push_str(new),
        }
        at = range.end;
    }
    out.push_str(&before[at..]);
    Some(out)
}

/// A cell with these entities of words as its spans. Those that were there stay as they stand, with all that is said of them; others
/// are written like `example`, or the first that is there. `words` are bytes of the text.
///
/// # Errors
/// When the cell holds no list of spans, or the spans would be read as others.
pub(super) fn write_spans(
    before: &str,
    example: Option<&str>,
    (text, words): (&str, &[(usize, usize)]),
    entities: &[EntitySpan],
) -> Result<String, String> {
    let before = if before.trim().is_empty() { "[]" } else { before };
    // What Python prints is JSON from then on.
    let is_json = serde_json::from_str::<IgnoredAny>(before).is_ok();
    let json = read_literal(before).filter(|_| !is_json).map(|value| value.to_string());
    let before = json.as_deref().unwrap_or(before);
    let list = list_of(before).ok_or("expected a list of spans with start, end and label")?;
    let at = list.as_ptr().addr() - before.as_ptr().addr();
    let raw: Vec<&RawValue> = serde_json::from_str(list).map_err(|error| format!("no list of spans: {error}"))?;
    let placed = place_in_words(text, words.to_vec(), &read_spans(before)?)?;
    let entity =
        |span: &super::place::PlacedSpan| EntitySpan { start: span.start, end: span.end, label: span.label.clone() };
    let old: Vec<(EntitySpan, usize)> = placed.spans.iter().map(|span| (entity(span), span.index)).collect();
    let example = raw.first().map(|span| span.get()).or(example);
    let write = |counts_utf16: bool| {
        let span = |entity: &EntitySpan| match old.iter().find(|(old, _)| old == entity) {
            Some((_, index)) => raw[*index].get().to_owned(),
            None => {
                let bytes = (words[entity.start].0, words[entity.end - 1].1);
                write_span(example, text, bytes, &entity.label, counts_utf16)
            }
        };
        let spans: Vec<String> = entities.iter().map(span).collect();
        [&before[..at], "[", &spans.join(", "), "]", &before[at + list.len()..]].concat()
    };
    let is_read = |cell: &String| {
        let read = read_spans(cell).and_then(|spans| place_in_words(text, words.to_vec(), &spans));
        read.is_ok_and(|read| read.spans.iter().map(entity).collect::<Vec<_>>() == entities)
    };
    let counts = [placed.counts_utf16, !placed.counts_utf16];
    let written = counts.into_iter().map(write).find(is_read);
    written.ok_or_else(|| "the spans would be read as others".to_owned())
}

/// The first span of a cell, as it stands there.
pub(super) fn first_span(cell: &str) -> Option<String> {
    let spans: Vec<&RawValue> = serde_json::from_str(list_of(cell)?).ok()?;
    spans.first().map(|span| span.get().to_owned())
}

/// The list of spans in a cell, which may stand in an object.
fn list_of(cell: &str) -> Option<&str> {
    let cell = cell.trim();
    if !cell.starts_with('{') {
        return cell.starts_with('[').then_some(cell);
    }
    let fields: HashMap<String, &RawValue> = serde_json::from_str(cell).ok()?;
    LISTS.iter().find_map(|key| fields.get(*key)).map(|list| list.get()).filter(|list| list.starts_with('['))
}

/// A new span, with the keys of the example. Its numbers count characters, or UTF-16 units; ids and scores are those of other spans, and
/// are left out.
fn write_span(
    example: Option<&str>,
    text: &str,
    (start, end): (usize, usize),
    label: &str,
    counts_utf16: bool,
) -> String {
    let count = |text: &str| if counts_utf16 { text.encode_utf16().count() } else { text.chars().count() };
    let (first, last) = (count(&text[..start]), count(&text[..end]));
    let example: Value = example.and_then(|example| serde_json::from_str(example).ok()).unwrap_or(Value::Null);
    let own = example.as_object().cloned().unwrap_or_default();
    if example.is_array() {
        return format!("[{first}, {last}, {}]", Value::from(label));
    }
    let nested = own.get("value").and_then(Value::as_object);
    let keys = nested.unwrap_or(&own);
    let key = |known: &[&'static str]| known.iter().copied().find(|key| keys.contains_key(*key));
    let label_key = key(&LABEL).unwrap_or("label");
    let is_list = keys.get(label_key).is_some_and(Value::is_array);
    let mut span = Map::new();
    span.insert(key(&START).unwrap_or("start").to_owned(), first.into());
    span.insert(key(&END).unwrap_or("end").to_owned(), last.into());
    if let Some(key) = key(&TEXT) {
        span.insert(key.to_owned(), Value::from(&text[start..end]));
    }
    span.insert(label_key.to_owned(), if is_list { vec![label].into() } else { label.into() });
    if nested.is_none() {
        return spaced(&span);
    }
    // What Label Studio says of every span, such as its type, but for the id.
    let mut outer = own.clone();
    outer.retain(|key, value| key != "id" && value.is_string());
    let mut out = Map::from_iter([("value".to_owned(), Value::Object(span))]);
    out.extend(outer);
    spaced(&out)
}

/// An object with a space behind each comma and colon, as Python writes it.
fn spaced(object: &Map<String, Value>) -> String {
    let value = |value: &Value| value.as_object().map_or_else(|| value.to_string(), spaced);
    let field = |(key, own): (&String, &Value)| format!("{}: {}", Value::from(key.as_str()), value(own));
    format!("{{{}}}", object.iter().map(field).collect::<Vec<_>>().join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn owned(items: &[&str]) -> Vec<String> {
        items.iter().map(|item| (*item).to_owned()).collect()
    }

    #[test]
    fn tags_that_changed_are_another_text_and_all_else_stays() {
        for (before, tags, expected) in [
            (r#"["O", "B-PER","O" ]"#, ["O", "O", "B-x"], r#"["O", "O","B-x" ]"#),
            ("['O', 'O' 'O']", ["O", "B-PER", "it's"], r"['O', 'B-PER' 'it\'s']"),
            ("O O  O", ["O", "B-PER", "O"], "O B-PER  O"),
            ("O, B-PER, O", ["B-x", "I-x", "O"], "B-x, I-x, O"),
            ("O O O", ["O", "a b", "O"], r#"["O","a b","O"]"#),
            ("O O", ["O", "O", "O"], r#"["O","O","O"]"#),
        ] {
            assert_eq!(write_items(before, &owned(&tags), false), expected, "{before}");
        }
        assert_eq!(write_items("[0, 3 ,0]", &owned(&["0", "12", "4"]), true), "[0, 12 ,4]");
        assert_eq!(write_items("[0 3]", &owned(&["1", "3"]), true), "[1 3]");
    }

    const TEXT_OF_ROW: &str = "Ada saw São Paulo.";
    const WORDS: [(usize, usize); 5] = [(0, 3), (4, 7), (8, 12), (13, 18), (18, 19)];

    fn entities(spans: &[(usize, usize, &str)]) -> Vec<EntitySpan> {
        let entity = |&(start, end, label): &(usize, usize, &str)| EntitySpan { start, end, label: label.to_owned() };
        spans.iter().map(entity).collect()
    }

    fn written(before: &str, example: Option<&str>, spans: &[(usize, usize, &str)]) -> String {
        write_spans(before, example, (TEXT_OF_ROW, &WORDS), &entities(spans)).expect("it can be written")
    }

    #[test]
    fn spans_that_stay_keep_all_that_is_said_of_them_and_new_ones_are_like_the_first() {
        let ada = r#"{"start": 0, "end": 3, "label": "PER", "id": 7, "by": {"x": [1]}}"#;
        let found = written(&format!("[{ada}]"), None, &[(0, 1, "PER"), (2, 4, "LOC")]);
        assert_eq!(found, format!(r#"[{ada}, {{"start": 8, "end": 17, "label": "LOC"}}]"#));
        let new = [(2, 4, "LOC")];
        for (before, expected) in [
            (r#"[[0, 3, "PER"]]"#, r#"[[8, 17, "LOC"]]"#),
            ("[(0, 3, 'PER')]", r#"[[8, 17, "LOC"]]"#),
            (r#"{"entities": [[0,3,"PER"]], "n": 1}"#, r#"{"entities": [[8, 17, "LOC"]], "n": 1}"#),
            (
                r#"{"notes": [], "entities": []}"#,
                r#"{"notes": [], "entities": [{"start": 8, "end": 17, "label": "LOC"}]}"#,
            ),
            (
                r#"[{"label": ["PER"], "start_offset": 0, "end_offset": 3, "text": "Ada"}]"#,
                r#"[{"start_offset": 8, "end_offset": 17, "text": "São Paulo", "label": ["LOC"]}]"#,
            ),
            (
                r#"[{"id": "a", "type": "labels", "value": {"start": 0, "end": 3, "labels": ["PER"]}}]"#,
                r#"[{"value": {"start": 8, "end": 17, "labels": ["LOC"]}, "type": "labels"}]"#,
            ),
            ("[]", r#"[{"start": 8, "end": 17, "label": "LOC"}]"#),
            ("", r#"[{"start": 8, "end": 17, "label": "LOC"}]"#),
        ] {
            assert_eq!(written(before, None, &new), expected, "{before}");
        }
        assert_eq!(written("[]", Some(r#"[0, 1, "X"]"#), &new), r#"[[8, 17, "LOC"]]"#, "like others of the file");
        assert_eq!(written(r#"[[0, 3, "PER"]]"#, None, &[]), "[]");
    }

    #[test]
    fn numbers_count_as_those_of_the_row() {
        let text = "😀 Ada saw Rome";
        let words = [(0, 4), (5, 8), (9, 12), (13, 17)];
        let before = r#"[{"start": 3, "end": 6, "label": "PER", "text": "Ada"}]"#;
        let found = write_spans(before, None, (text, &words), &entities(&[(1, 2, "PER"), (3, 4, "LOC")]));
        let expected = before.replace("}]", r#"}, {"start": 11, "end": 15, "text": "Rome", "label": "LOC"}]"#);
        assert_eq!(found, Ok(expected));
        assert!(write_spans("7", None, (text, &words), &[]).is_err());
    }
}
