//! What the cells of a question hold once it has another answer, in the way of its file (ADR 44). In: the text that is asked about, the
//! cells that say its answer, and the new one. Out: these cells, which are read as just that answer.

use serde_json::{Map, Value, json};

use super::answers::{RawAnswer, START, TEXT, parse_value, read_answers};
use super::place::{chars_before, place_answer};

/// Roles of the columns that say an answer.
pub const ANSWER_ROLES: [&str; 3] = ["answers", "start of the answer", "no answer"];

/// The first answer that these cells say, each a (role, cell); empty where the text holds none.
#[must_use]
pub fn answer_in_cells(cells: &[(&str, &str)]) -> String {
    let first = read(cells).ok().and_then(|answers| answers.into_iter().next());
    first.map(|answer| answer.text).filter(|_| !is_marked(cells)).unwrap_or_default()
}

/// The new content of these cells, each a (role, cell), in their order, once the question has this answer, which is the only one then;
/// empty for none. Where it stands several times, the place nearest to the answer before is taken, else the first.
///
/// # Errors
/// When it does not stand in the context, or the cells would be read otherwise.
pub fn cells_with_answer(context: &str, cells: &[(&str, &str)], answer: &str) -> Result<Vec<String>, String> {
    let answer = answer.trim();
    let before = read(cells).ok().and_then(|answers| answers.first().and_then(|answer| answer.start));
    let start = match place_answer(context, answer, before) {
        Some(placed) => Some(chars_before(context, placed.start)),
        None if answer.is_empty() => None,
        None => {
            return Err(format!("\u{201c}{answer}\u{201d} does not stand in the context: an answer is a part of it"));
        }
    };
    // Of a list of places -1 is none of its items: an empty cell of answers would be a row without any.
    let is_one = |cell: &str| !cell.trim().starts_with('[');
    let says_none =
        cells.iter().any(|(role, cell)| *role == ANSWER_ROLES[2] || (*role == ANSWER_ROLES[1] && is_one(cell)));
    let new = |(role, cell): &(&str, &str)| match *role {
        "answers" => write_answers(cell, start.map(|start| (answer, start)), says_none),
        "start of the answer" => write_start(cell, start),
        _ => write_truth(cell, start.is_none()),
    };
    let written: Vec<String> = cells.iter().map(new).collect();
    let again: Vec<(&str, &str)> = cells.iter().zip(&written).map(|((role, _), cell)| (*role, cell.as_str())).collect();
    let expected: Vec<&str> = Some(answer).filter(|answer| !answer.is_empty()).into_iter().collect();
    match read(&again) {
        Ok(found) if found.iter().map(|answer| answer.text.as_str()).collect::<Vec<_>>() == expected => Ok(written),
        _ => Err("the answer would be read otherwise".into()),
    }
}

fn cell_of<'c>(cells: &[(&str, &'c str)], role: &str) -> Option<&'c str> {
    cells.iter().find(|(own, _)| *own == role).map(|(_, cell)| *cell)
}

fn read(cells: &[(&str, &str)]) -> Result<Vec<RawAnswer>, String> {
    let cell = cell_of(cells, ANSWER_ROLES[0]).unwrap_or_default();
    read_answers(cell, false, cell_of(cells, ANSWER_ROLES[1]))
}

/// Whether a cell of its own says that there is no answer.
fn is_marked(cells: &[(&str, &str)]) -> bool {
    cell_of(cells, ANSWER_ROLES[2]).is_some_and(super::read::is_true)
}

/// The cell of answers: a text, or a list or an object where it was one. `says_none`: another cell says that there is none.
fn write_answers(before: &str, answer: Option<(&str, usize)>, says_none: bool) -> String {
    let trimmed = before.trim();
    match trimmed.starts_with(['[', '{']).then(|| parse_value(trimmed)).flatten() {
        Some(Value::Object(fields)) => Value::Object(with_answer(fields, answer)).to_string(),
        Some(Value::Array(items)) => match (items.into_iter().next(), answer) {
            (_, None) => "[]".to_owned(),
            (Some(Value::Object(first)), answer) => json!([with_answer(first, answer)]).to_string(),
            (_, Some((text, _))) => json!([text]).to_string(),
        },
        _ => match answer {
            Some((text, _)) if text.starts_with(['[', '{']) => json!([text]).to_string(),
            Some((text, _)) => text.to_owned(),
            None if says_none => String::new(),
            None => "[]".to_owned(),
        },
    }
}

/// The fields of an answer, or of several, with this one alone.
fn with_answer(mut fields: Map<String, Value>, answer: Option<(&str, usize)>) -> Map<String, Value> {
    let find = |known: &[&'static str]| known.iter().copied().find(|key| fields.contains_key(*key));
    let (text_key, start_key) = (find(&TEXT).unwrap_or("text"), find(&START));
    let is_list = |key: &str| fields.get(key).is_some_and(Value::is_array);
    let text = match answer {
        Some((text, _)) if is_list(text_key) => json!([text]),
        None if is_list(text_key) => json!([]),
        answer => json!(answer.map_or("", |(text, _)| text)),
    };
    let start = start_key.map(|key| match answer {
        Some((_, start)) if is_list(key) => (key, json!([start])),
        None if is_list(key) => (key, json!([])),
        Some((_, start)) => (key, json!(start)),
        None => (key, json!(-1)),
    });
    fields.insert(text_key.to_owned(), text);
    fields.extend(start.map(|(key, start)| (key.to_owned(), start)));
    fields
}

/// The cell of where the answer begins.
fn write_start(before: &str, start: Option<usize>) -> String {
    match (before.trim().starts_with('['), start) {
        (true, Some(start)) => format!("[{start}]"),
        (true, None) => "[]".to_owned(),
        (false, Some(start)) => start.to_string(),
        (false, None) => "-1".to_owned(),
    }
}

/// The cell that says whether there is no answer, in the words that stood there.
fn write_truth(before: &str, is_none: bool) -> String {
    let before = before.trim();
    if super::read::is_true(before) == is_none {
        return before.to_owned();
    }
    let words = match before {
        "0" | "1" => ["0", "1"],
        "0.0" | "1.0" => ["0.0", "1.0"],
        "no" | "yes" => ["no", "yes"],
        "False" | "True" => ["False", "True"],
        "FALSE" | "TRUE" => ["FALSE", "TRUE"],
        _ => ["false", "true"],
    };
    words[usize::from(is_none)].to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    const CONTEXT: &str = "Zo\u{eb} saw Ann, and Ann left.";

    #[test]
    fn an_answer_is_written_in_the_way_of_its_file() {
        for (before, answer, expected) in [
            ("Ann", "Zo\u{eb}", "Zo\u{eb}"),
            (
                r#"{"text": ["Ann", "her"], "answer_start": [8, 8], "by": 7}"#,
                "saw",
                r#"{"text":["saw"],"answer_start":[4],"by":7}"#,
            ),
            (r#"{"text": [], "answer_start": []}"#, "Ann", r#"{"text":["Ann"],"answer_start":[8]}"#),
            (r#"{"text": "Ann", "start": 17}"#, "Ann left", r#"{"text":"Ann left","start":17}"#),
            (r#"[{"text": "saw", "answer_start": 4}, {"text": "x"}]"#, "Ann", r#"[{"text":"Ann","answer_start":8}]"#),
            (r#"["Ann", "her"]"#, "left", r#"["left"]"#),
            ("[]", "left", r#"["left"]"#),
            ("{'text': ['Ann'], 'answer_start': [17]}", "Ann", r#"{"text":["Ann"],"answer_start":[17]}"#),
            ("Ann", "", "[]"),
            (r#"{"text": ["Ann"], "answer_start": [8]}"#, " ", r#"{"text":[],"answer_start":[]}"#),
        ] {
            let written = cells_with_answer(CONTEXT, &[("answers", before)], answer);
            assert_eq!(written, Ok(vec![expected.to_owned()]), "{before}");
            assert_eq!(answer_in_cells(&[("answers", expected)]), answer.trim());
        }
    }

    #[test]
    fn what_stands_beside_an_answer_goes_with_it() {
        let cells = [("answers", "Ann"), ("start of the answer", "17"), ("no answer", "False")];
        let with = |cells: &[(&str, &str)], answer: &str| cells_with_answer(CONTEXT, cells, answer).expect("written");
        assert_eq!(with(&cells, "Ann"), ["Ann", "17", "False"], "the place nearest to the one before");
        assert_eq!(with(&cells, "saw"), ["saw", "4", "False"]);
        assert_eq!(with(&cells, ""), ["", "-1", "True"]);
        let none = [("no answer", "1"), ("answers", "")];
        assert_eq!(with(&none, "Ann"), ["0", "Ann"]);
        assert_eq!((answer_in_cells(&none), answer_in_cells(&cells)), (String::new(), "Ann".to_owned()));
        let lists = [("answers", r#"["Ann"]"#), ("start of the answer", "[8]")];
        assert_eq!(with(&lists, "left"), [r#"["left"]"#, "[21]"]);
        assert_eq!(with(&[("answers", "Ann"), ("start of the answer", "[8]")], ""), ["[]", "[]"]);
    }

    #[test]
    fn what_does_not_stand_in_the_context_is_refused() {
        let refused = cells_with_answer(CONTEXT, &[("answers", "Ann")], "Bob").expect_err("nowhere");
        assert!(refused.starts_with("\u{201c}Bob\u{201d} does not stand in the context"), "{refused}");
    }
}
