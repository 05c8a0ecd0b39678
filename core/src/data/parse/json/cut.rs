//! The beginning of a JSON file that is cut off somewhere, as a file of its own: the rows that are whole.
//!
//! In: the text up to the cut. Out: an array's whole items one after another, or the object that wraps a list with the whole
//! items of that; nothing where the text starts with a whole value, or holds no whole item.

use serde_json::value::RawValue;

use super::item::{first_value, is_gap};
use super::not_numbers::blank;

/// What is whole of a text of which the first value, an array or an object around one, goes on behind its end.
pub(crate) fn whole_start(text: &str) -> Option<String> {
    let (text, _) = blank(text);
    let start = text.trim_start_matches(is_gap);
    match first_value(start) {
        Err(error) if error.is_eof() => {}
        _ => return None,
    }
    if let Some(inside) = start.strip_prefix('[') {
        return Some(whole_values(inside)?.join("\n") + "\n");
    }
    let mut rest = start.strip_prefix('{')?;
    let mut object = String::from("{");
    loop {
        let (key, after) = next_value(rest.trim_start_matches(is_gap))?;
        rest = after.trim_start().strip_prefix(':')?.trim_start();
        if let Some((value, after)) = next_value(rest) {
            object += &format!("{key}: {value}, ");
            rest = after;
            continue;
        }
        let items = whole_values(rest.strip_prefix('[')?)?;
        return Some(object + &format!("{key}: [{}]}}", items.join(",")));
    }
}

/// The whole values at the beginning of the inside of an array; `None` without one.
fn whole_values(inside: &str) -> Option<Vec<&str>> {
    let (mut values, mut rest) = (Vec::new(), inside.trim_start_matches(is_gap));
    while let Some((value, after)) = next_value(rest) {
        values.push(value);
        rest = after.trim_start_matches(is_gap);
    }
    (!values.is_empty()).then_some(values)
}

/// The value that a text starts with, as it is written, and what stands behind it; `None` where it is not whole.
fn next_value(text: &str) -> Option<(&str, &str)> {
    let mut values = serde_json::Deserializer::from_str(text).into_iter::<&RawValue>();
    let value = values.next()?.ok()?;
    Some((value.get(), &text[values.byte_offset()..]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whole_rows_of_a_cut_file_are_left() {
        for (text, expected) in [
            ("[{\"a\": 1},\n {\"a\": [2]}, {\"a\": ", "{\"a\": 1}\n{\"a\": [2]}\n"),
            ("\u{feff}[\n {\n  \"a\": 1\n }", "{\n  \"a\": 1\n }\n"),
            ("{\"version\": \"1\", \"data\": [{\"a\": 1}, {\"a", "{\"version\": \"1\", \"data\": [{\"a\": 1}]}"),
            ("[[\"a\", {\"b\": 1}], [\"a", "[\"a\", {\"b\": 1}]\n"),
            ("[{\"a\": NaN}, {\"a", "{\"a\": \"\" }\n"),
        ] {
            assert_eq!(whole_start(text).as_deref(), Some(expected), "{text}");
        }
        for text in [
            "{\"a\": 1}\n{\"a\": ",
            "[1, 2]\n[3",
            "[{\"a\": ",
            "{\"a\": \"b",
            "{\"a\": {\"b\": [1, ",
            "a,b\n",
            "{oops",
            "",
        ] {
            assert_eq!(whole_start(text), None, "{text}");
        }
    }
}
