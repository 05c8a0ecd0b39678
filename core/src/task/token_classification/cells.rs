//! What stands in a cell: words or tags as a list, and spans.
//!
//! In: the text of a cell. Out: [`Items`] (from a JSON array, a list as Python prints it, or words between spaces) or
//! [`RawSpan`]s, as the usual annotation tools write them.

use std::ops::Range;

use serde_json::{Map, Value};

use crate::data::read_literal;

/// Keys of an object that is a span.
pub(super) const START: [&str; 6] = ["start", "start_offset", "startOffset", "begin", "start_char", "from"];
pub(super) const END: [&str; 6] = ["end", "end_offset", "endOffset", "stop", "end_char", "to"];
pub(super) const LABEL: [&str; 9] =
    ["label", "labels", "type", "entity", "entity_group", "entity_type", "tag", "category", "class"];
pub(super) const TEXT: [&str; 3] = ["text", "word", "surface"];

/// Keys under which an object holds a list of spans.
pub(super) const LISTS: [&str; 4] = ["entities", "spans", "labels", "annotations"];

/// Words or tags.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Items {
    pub(super) values: Vec<String>,
    /// All are whole numbers that stand without quotes: ids of tags.
    pub(super) are_ids: bool,
}

/// A span as its file has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct RawSpan {
    /// Its first character, counted from 0.
    pub(super) start: usize,
    /// The character after its last.
    pub(super) end: usize,
    pub(super) label: String,
    /// What it covers, where the file says so.
    pub(super) text: Option<String>,
}

/// A word or tag without the white space around it; of a no-break space alone there is a word, too.
fn trimmed(item: &str) -> &str {
    item.trim_matches(|letter: char| letter.is_ascii_whitespace())
}

/// The words of a cell: a list, or a text with spaces between the words.
///
/// # Errors
/// When it is a list of something else.
pub(super) fn read_words(cell: &str) -> Result<Items, String> {
    read_items(cell, char::is_whitespace)
}

/// The tags of a cell: a list, or a text with spaces or commas between the tags.
///
/// # Errors
/// When it is a list of something else, or of numbers that are no ids.
pub(super) fn read_tags(cell: &str) -> Result<Items, String> {
    let tags = read_items(cell, |c| c == ',' || c.is_whitespace())?;
    match tags.values.iter().find(|tag| tag.starts_with('-') && tag.parse::<f64>().is_ok()) {
        Some(tag) => Err(format!("{tag} is not the id of a tag")),
        None => Ok(tags),
    }
}

fn read_items(cell: &str, is_between: impl Fn(char) -> bool) -> Result<Items, String> {
    let cell = cell.trim();
    if cell.starts_with('[') {
        if let Ok(values) = serde_json::from_str::<Vec<Value>>(cell) {
            return items_of(values);
        }
        if let Some(items) = read_python_list(cell) {
            return Ok(items);
        }
    }
    let values = cell.split(is_between).filter(|value| !value.is_empty()).map(str::to_owned).collect();
    Ok(Items { values, are_ids: false })
}

fn items_of(values: Vec<Value>) -> Result<Items, String> {
    let are_ids = !values.is_empty() && values.iter().all(Value::is_u64);
    let mut items = Items { values: Vec::with_capacity(values.len()), are_ids };
    for (index, value) in values.into_iter().enumerate() {
        items.values.push(match value {
            Value::String(text) => trimmed(&text).to_owned(),
            Value::Number(number) => number.to_string(),
            Value::Null => String::new(),
            Value::Bool(_) | Value::Array(_) | Value::Object(_) => {
                return Err(format!("item {} is neither a text nor a number", index + 1));
            }
        });
    }
    Ok(items)
}

/// A list as Python prints it, or NumPy without commas: texts in quotes of either kind, or whole numbers.
fn read_python_list(cell: &str) -> Option<Items> {
    let mut rest = cell.strip_prefix('[')?.strip_suffix(']')?;
    let mut items = Items { values: Vec::new(), are_ids: true };
    loop {
        rest = rest.trim_start_matches(|c: char| c == ',' || c.is_whitespace());
        let Some(quote) = rest.chars().next() else { break };
        if matches!(quote, '\'' | '"') {
            let mut text = String::new();
            let mut is_escaped = false;
            let end = rest.char_indices().skip(1).find_map(|(at, c)| {
                if is_escaped || c != '\\' && c != quote {
                    text.push(c);
                    is_escaped = false;
                } else if c == '\\' {
                    is_escaped = true;
                } else {
                    return Some(at + 1);
                }
                None
            })?;
            items.values.push(trimmed(&text).to_owned());
            items.are_ids = false;
            rest = &rest[end..];
        } else {
            let end = rest.find(|c: char| c == ',' || c.is_whitespace()).unwrap_or(rest.len());
            let (number, after) = rest.split_at(end);
            number.parse::<i64>().ok()?;
            items.values.push(number.to_owned());
            rest = after;
        }
    }
    items.are_ids &= !items.values.is_empty();
    Some(items)
}

/// Bytes of each word or tag of a cell, quotes included: of a list, or between spaces and commas.
pub(super) fn item_ranges(cell: &str) -> Vec<Range<usize>> {
    let is_list = cell.trim().starts_with('[') && cell.trim().ends_with(']');
    let inside = cell.find('[').zip(cell.rfind(']')).filter(|_| is_list);
    let (mut at, end) = inside.map_or((0, cell.len()), |(open, close)| (open + 1, close));
    let is_between = |letter: char| letter == ',' || letter.is_whitespace();
    let mut ranges = Vec::new();
    while let Some(gap) = cell.get(at..end).and_then(|rest| rest.find(|letter: char| !is_between(letter))) {
        let start = at + gap;
        let rest = &cell[start..end];
        let quote = rest.chars().next().filter(|first| is_list && matches!(first, '"' | '\''));
        let length = match quote {
            Some(quote) => length_in_quotes(rest, quote),
            None => rest.find(is_between),
        };
        at = length.map_or(end, |length| start + length);
        ranges.push(start..at);
    }
    ranges
}

/// Bytes of a text in quotes, up to the quote that closes it; `None` where none does.
fn length_in_quotes(text: &str, quote: char) -> Option<usize> {
    let mut is_escaped = false;
    let closes = |(at, letter): (usize, char)| {
        let is_end = letter == quote && !is_escaped;
        is_escaped = letter == '\\' && !is_escaped;
        is_end.then_some(at + letter.len_utf8())
    };
    text.char_indices().skip(1).find_map(closes)
}

/// The spans of a cell.
///
/// # Errors
/// When it is no list of spans; says which one lacks what.
pub(super) fn read_spans(cell: &str) -> Result<Vec<RawSpan>, String> {
    let not_a_list = || "expected a list of spans with start, end and label".to_owned();
    let value = serde_json::from_str(cell.trim()).ok().or_else(|| read_literal(cell)).ok_or_else(not_a_list)?;
    let list = match value {
        Value::Array(list) => list,
        Value::Object(mut object) => match LISTS.iter().find_map(|key| object.remove(*key)) {
            Some(Value::Array(list)) => list,
            _ => return Err(not_a_list()),
        },
        _ => return Err(not_a_list()),
    };
    list.iter().enumerate().map(|(index, span)| read_span(span, index + 1)).collect()
}

/// Whether a value looks like a span.
pub(super) fn is_span(value: &Value) -> bool {
    read_span(value, 1).is_ok()
}

fn read_span(value: &Value, number: usize) -> Result<RawSpan, String> {
    let lacks = |what: &str| format!("span {number} has no {what}");
    let offset = |value: Option<&Value>, what: &str| {
        let offset = value.and_then(Value::as_u64).ok_or_else(|| lacks(&format!("{what} that is a whole number")));
        offset.map(|offset| offset as usize)
    };
    if let Value::Array(parts) = value {
        let label = parts.get(2).and_then(Value::as_str).filter(|label| !label.trim().is_empty());
        return Ok(RawSpan {
            start: offset(parts.first(), "start")?,
            end: offset(parts.get(1), "end")?,
            label: label.ok_or_else(|| lacks("label"))?.trim().to_owned(),
            text: None,
        });
    }
    let object = value.as_object().ok_or_else(|| format!("span {number} is no object and no list"))?;
    // Label Studio's own format has what matters one level below.
    let object = object.get("value").and_then(Value::as_object).unwrap_or(object);
    let start = offset(find(object, &START), "start")?;
    let end = offset(find(object, &END), "end")?;
    let label = match find(object, &LABEL) {
        Some(Value::Array(labels)) if labels.len() > 1 => {
            return Err(format!("span {number} has {} labels", labels.len()));
        }
        Some(Value::Array(labels)) => labels.first().and_then(Value::as_str),
        label => label.and_then(Value::as_str),
    };
    let label = label.map(str::trim).filter(|label| !label.is_empty()).ok_or_else(|| lacks("label"))?;
    let text = find(object, &TEXT).and_then(Value::as_str).map(str::to_owned);
    Ok(RawSpan { start, end, label: label.to_owned(), text })
}

fn find<'v>(object: &'v Map<String, Value>, keys: &[&str]) -> Option<&'v Value> {
    keys.iter().find_map(|key| object.get(*key)).filter(|value| !value.is_null())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn values(items: Result<Items, String>) -> (Vec<String>, bool) {
        let Items { values, are_ids } = items.expect("a list");
        (values, are_ids)
    }

    fn owned(values: &[&str]) -> Vec<String> {
        values.iter().map(|value| (*value).to_owned()).collect()
    }

    #[test]
    fn words_are_lists_or_stand_between_spaces() {
        for cell in [r#"["EU", "isn't", 7]"#, r#"['EU', "isn't", '7']"#, r"['EU' 'isn\'t' 7]", "EU isn't  7"] {
            assert_eq!(values(read_words(cell)), (owned(&["EU", "isn't", "7"]), false), "{cell}");
        }
        assert_eq!(values(read_words("[Reuters] a, b")), (owned(&["[Reuters]", "a,", "b"]), false));
        assert_eq!(values(read_words("[]")), (owned(&[]), false));
        assert_eq!(read_words(r#"["a", {}]"#), Err("item 2 is neither a text nor a number".into()));
    }

    #[test]
    fn spans_are_read_as_python_prints_them() {
        let expected = read_spans(r#"[{"start": 0, "end": 2, "label": "ORG"}]"#).expect("a span");
        for cell in ["[(0, 2, 'ORG')]", "[{'start': 0, 'end': 2, 'label': 'ORG'}]", "{'entities': [(0, 2, 'ORG')]}"] {
            assert_eq!(read_spans(cell).as_ref(), Ok(&expected), "{cell}");
        }
        assert!(read_spans("['a', 'b']").is_err() && read_spans("(0, 2").is_err());
    }

    #[test]
    fn tags_are_names_or_ids() {
        for cell in ["[0, 3]", "[0 3]"] {
            assert_eq!(values(read_tags(cell)), (owned(&["0", "3"]), true), "{cell}");
        }
        for cell in ["O,B-PER", "O B-PER", "O, B-PER", r#"["O","B-PER"]"#] {
            assert_eq!(values(read_tags(cell)), (owned(&["O", "B-PER"]), false), "{cell}");
        }
        assert_eq!(values(read_tags(r#"["0", "3"]"#)), (owned(&["0", "3"]), false));
        assert_eq!(read_tags("[0, -100]"), Err("-100 is not the id of a tag".into()));
    }

    #[test]
    fn spans_are_read_as_annotation_tools_write_them() {
        let expected = [RawSpan { start: 0, end: 5, label: "LOC".into(), text: None }];
        for cell in [
            r#"[[0, 5, "LOC"]]"#,
            r#"[{"start": 0, "end": 5, "label": "LOC", "token_start": 0}]"#,
            r#"[{"id": 9, "start_offset": 0, "end_offset": 5, "label": "LOC"}]"#,
            r#"[{"start": 0, "end": 5, "labels": ["LOC"]}]"#,
            r#"{"entities": [[0, 5, "LOC"]]}"#,
            r#"[{"value": {"start": 0, "end": 5, "labels": ["LOC"]}, "type": "labels"}]"#,
        ] {
            assert_eq!(read_spans(cell).as_deref(), Ok(&expected[..]), "{cell}");
        }
        let found = read_spans(r#"[{"start": 0, "end": 5, "text": "Paris", "label": "LOC"}]"#).expect("a span");
        assert_eq!(found[0].text.as_deref(), Some("Paris"));
        assert_eq!(read_spans("[]"), Ok(Vec::new()));
    }

    #[test]
    fn what_a_span_lacks_is_named() {
        let fail = |cell: &str| read_spans(cell).expect_err("no span");
        assert_eq!(fail(r#"[[0, 5, "A"], [0, 5]]"#), "span 2 has no label");
        assert_eq!(fail(r#"[{"start": 0, "label": "A"}]"#), "span 1 has no end that is a whole number");
        assert_eq!(fail(r#"[{"start": -1, "end": 2, "label": "A"}]"#), "span 1 has no start that is a whole number");
        assert_eq!(fail(r#"[{"start": 0, "end": 2, "labels": ["A", "B"]}]"#), "span 1 has 2 labels");
        assert_eq!(fail("[7]"), "span 1 is no object and no list");
        assert_eq!(fail("LOC"), "expected a list of spans with start, end and label");
    }
}
