//! What stands in a cell of answers.
//!
//! In: the cell, and that of where the answers begin, if they stand apart. Out: [`RawAnswer`]s; none where the text holds
//! no answer.

use serde_json::Value;

use crate::data::read_literal;
use crate::words::plural;

/// Keys of an object that is an answer, or several.
pub(super) const TEXT: [&str; 3] = ["text", "texts", "answer"];
pub(super) const START: [&str; 5] = ["answer_start", "answer_starts", "start", "start_char", "char_start"];

/// An answer as its file has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct RawAnswer {
    pub(super) text: String,
    /// Its first character in the text, counted from 0, where the file says so.
    pub(super) start: Option<usize>,
}

/// The answers of a cell: `Paris`; `["Paris", "in Paris"]`; `[{"text": "Paris", "answer_start": 12}]`;
/// `{"text": ["Paris"], "answer_start": [12]}`, as JSON or as Python prints it. `is_nested` says that it is surely JSON;
/// else a text that only looks like it is an answer as it stands. Answers of nothing but white space are left out.
///
/// # Errors
/// When it holds something else, or not as many starts as answers.
pub(super) fn read_answers(cell: &str, is_nested: bool, starts: Option<&str>) -> Result<Vec<RawAnswer>, String> {
    let trimmed = cell.trim();
    let value = trimmed.starts_with(['[', '{']).then(|| parse_value(trimmed)).flatten();
    let found = match &value {
        Some(value) if is_nested => {
            let reason = "is neither a text, nor a list of texts, nor an object with text and answer_start";
            Some(answers_of(value, reason)?)
        }
        Some(value) => answers_of(value, "").ok(),
        None => None,
    };
    let (texts, mut places) = found.unwrap_or_else(|| (vec![cell.to_owned()], None));
    if let Some(starts) = starts.filter(|starts| !starts.trim().is_empty()) {
        places = Some(read_starts(starts)?);
    }
    let places = match places {
        Some(places) if places.len() != texts.len() && !texts.iter().all(|text| text.trim().is_empty()) => {
            return Err(format!("has {} and {}", plural(texts.len(), "answer"), plural(places.len(), "start")));
        }
        Some(places) => places,
        None => vec![None; texts.len()],
    };
    let answers = texts.into_iter().zip(places).map(|(text, start)| RawAnswer { text, start });
    Ok(answers.filter(|answer| !answer.text.trim().is_empty()).collect())
}

pub(super) fn parse_value(text: &str) -> Option<Value> {
    serde_json::from_str(text).ok().or_else(|| read_literal(text))
}

/// Texts, and where each begins, if that is said.
type Found = (Vec<String>, Option<Vec<Option<usize>>>);

fn answers_of(value: &Value, wrong: &str) -> Result<Found, String> {
    match value {
        Value::Array(items) if items.iter().all(Value::is_string) => {
            Ok((items.iter().filter_map(Value::as_str).map(str::to_owned).collect(), None))
        }
        Value::Array(items) if items.iter().all(Value::is_object) => {
            let mut all = (Vec::new(), Vec::new());
            for item in items {
                let (texts, places) = answers_of(item, wrong)?;
                all.1.extend(places.unwrap_or_else(|| vec![None; texts.len()]));
                all.0.extend(texts);
            }
            Ok((all.0, Some(all.1)))
        }
        Value::Object(fields) => {
            let find = |keys: &[&str]| keys.iter().find_map(|key| fields.get(*key));
            let texts = match find(&TEXT) {
                Some(Value::String(text)) => vec![text.clone()],
                Some(Value::Array(texts)) if texts.iter().all(Value::is_string) => {
                    texts.iter().filter_map(Value::as_str).map(str::to_owned).collect()
                }
                Some(Value::Null) => Vec::new(),
                _ => return Err(wrong.to_owned()),
            };
            Ok((texts, find(&START).map(starts_of).transpose()?))
        }
        _ => Err(wrong.to_owned()),
    }
}

fn read_starts(cell: &str) -> Result<Vec<Option<usize>>, String> {
    let cell = cell.trim();
    let value = if cell.starts_with('[') { parse_value(cell) } else { number(cell) };
    value.as_ref().map_or_else(|| Err(format!("has the start {cell:?}, which is no number")), starts_of)
}

/// A number as JSON has it; `12.0` too, as tables with gaps write whole numbers.
fn number(cell: &str) -> Option<Value> {
    cell.parse().ok().and_then(whole).map(Value::from)
}

fn whole(number: f64) -> Option<i64> {
    (number.fract() == 0.0 && number.abs() < 9e15).then_some(number as i64)
}

/// Where answers begin; -1 is nowhere.
fn starts_of(value: &Value) -> Result<Vec<Option<usize>>, String> {
    let start = |value: &Value| match value.as_i64().or_else(|| value.as_f64().and_then(whole)) {
        Some(start) => Ok(usize::try_from(start).ok()),
        None if value.is_null() => Ok(None),
        None => Err(format!("has the start {value}, which is no number")),
    };
    match value {
        Value::Array(starts) => starts.iter().map(start).collect(),
        one => Ok(vec![start(one)?]),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(cell: &str, starts: Option<&str>) -> Vec<(String, Option<usize>)> {
        let answers = read_answers(cell, cell.starts_with(['{', '[']), starts).expect(cell);
        answers.into_iter().map(|answer| (answer.text, answer.start)).collect()
    }

    fn owned(answers: &[(&str, Option<usize>)]) -> Vec<(String, Option<usize>)> {
        answers.iter().map(|&(text, start)| (text.to_owned(), start)).collect()
    }

    #[test]
    fn answers_are_read_however_they_are_written() {
        for (cell, starts, answers) in [
            ("Paris", None, &[("Paris", None)][..]),
            ("Paris", Some("12"), &[("Paris", Some(12))][..]),
            ("Paris", Some("12.0"), &[("Paris", Some(12))][..]),
            ("Paris", Some("-1"), &[("Paris", None)][..]),
            (r#"["Paris", "in Paris"]"#, None, &[("Paris", None), ("in Paris", None)][..]),
            (r#"["Paris", "in Paris"]"#, Some("[3, 0]"), &[("Paris", Some(3)), ("in Paris", Some(0))][..]),
            (r#"{"text": ["Paris"], "answer_start": [12]}"#, None, &[("Paris", Some(12))][..]),
            (r#"{"text": ["Paris"], "answer_start": [12.0]}"#, None, &[("Paris", Some(12))][..]),
            (r#"{"text": "Paris", "start": 12}"#, None, &[("Paris", Some(12))][..]),
            (r#"[{"text": "a", "answer_start": 1}, {"answer": "b"}]"#, None, &[("a", Some(1)), ("b", None)][..]),
            ("{'text': ['Paris'], 'answer_start': [12]}", None, &[("Paris", Some(12))][..]),
        ] {
            assert_eq!(read(cell, starts), owned(answers), "{cell}");
        }
    }

    #[test]
    fn no_answer_is_an_empty_list_or_text() {
        for cell in
            ["[]", r#"{"text": [], "answer_start": []}"#, r#"{"text": "", "answer_start": -1}"#, "", r#"["", " "]"#]
        {
            assert!(read(cell, None).is_empty(), "{cell}");
        }
        assert!(read("", Some("-1")).is_empty());
    }

    #[test]
    fn a_text_that_only_looks_like_json_is_an_answer() {
        for cell in ["[1]", "{x}", "[sic] they said", "[1, 2"] {
            let answers = read_answers(cell, false, None).expect(cell);
            assert_eq!(answers, [RawAnswer { text: cell.into(), start: None }], "{cell}");
        }
    }

    #[test]
    fn what_is_wrong_is_said() {
        let fail = |cell: &str, starts: Option<&str>| read_answers(cell, true, starts).expect_err(cell);
        assert!(fail("[1, 2]", None).starts_with("is neither a text, nor"));
        assert!(fail(r#"{"span": [1, 2]}"#, None).starts_with("is neither a text, nor"));
        assert_eq!(fail(r#"["a", "b"]"#, Some("[1]")), "has 2 answers and 1 start");
        assert_eq!(fail(r#"{"text": ["a"], "answer_start": []}"#, None), "has 1 answer and 0 starts");
        let half = fail(r#"{"text": ["a"], "answer_start": [0.5]}"#, None);
        assert_eq!(half, "has the start 0.5, which is no number");
        assert_eq!(fail("a", Some("soon")), "has the start \"soon\", which is no number");
        assert_eq!(fail(r#"{"text": ["a"], "answer_start": ["b"]}"#, None), "has the start \"b\", which is no number");
    }
}
