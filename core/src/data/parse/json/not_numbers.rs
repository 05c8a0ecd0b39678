//! `NaN`, `Infinity` and `-Infinity`, which Python writes and JSON does not have.
//!
//! In: the text of a file. Out: the same text with an empty string in the place of each, filled up with spaces, so that all else
//! stands where it stood; and how many there were.

use std::borrow::Cow;

/// What Python's `json` writes for numbers that are none.
const WORDS: [&str; 3] = ["NaN", "Infinity", "-Infinity"];

/// Takes them out; such words within strings stay.
pub(super) fn blank(text: &str) -> (Cow<'_, str>, usize) {
    if !WORDS[..2].iter().any(|word| text.contains(word)) {
        return (Cow::Borrowed(text), 0);
    }
    let bytes = text.as_bytes();
    let mut blanked = String::new();
    let (mut copied, mut at, mut count, mut is_in_string) = (0, 0, 0, false);
    while at < bytes.len() {
        match bytes[at] {
            b'"' => is_in_string = !is_in_string,
            // A string ends with its line at the latest, so that a broken one spoils no other line.
            b'\n' => is_in_string = false,
            b'\\' if is_in_string => at += 1,
            b'N' | b'I' | b'-' if !is_in_string => {
                if let Some(word) = word_at(text, at) {
                    blanked.push_str(&text[copied..at]);
                    blanked.push_str("\"\"");
                    blanked.extend(std::iter::repeat_n(' ', word.len() - 2));
                    (at, count) = (at + word.len(), count + 1);
                    copied = at;
                    continue;
                }
            }
            _ => {}
        }
        at += 1;
    }
    if count == 0 {
        return (Cow::Borrowed(text), 0);
    }
    blanked.push_str(&text[copied..]);
    (Cow::Owned(blanked), count)
}

/// The word that stands at an offset as a value: behind a colon, a comma or a bracket, and before one.
pub(super) fn word_at(text: &str, at: usize) -> Option<&'static str> {
    let word = WORDS.into_iter().find(|word| text.as_bytes()[at..].starts_with(word.as_bytes()))?;
    let is_before = text[..at].trim_end().ends_with([':', ',', '[']);
    let after = text[at + word.len()..].trim_start();
    (is_before && (after.is_empty() || after.starts_with([',', '}', ']']))).then_some(word)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn only_values_are_blanked_and_all_else_stays_in_its_place() {
        let text = "{\"a\": NaN, \"b\": \"is NaN, \\\"NaN\\\"\", \"c\": [1, -Infinity ,Infinity]}\n";
        let (found, count) = blank(text);
        let expected = "{\"a\": \"\" , \"b\": \"is NaN, \\\"NaN\\\"\", \"c\": [1, \"\"        ,\"\"      ]}\n";
        assert_eq!((found.as_ref(), count, found.len()), (expected, 3, text.len()));
        for same in ["{\"a\": NaNs}", "NaN", "{\"a\": \"NaN\"}", "{\"NaN\": 1}"] {
            assert_eq!(blank(same), (Cow::Borrowed(same), 0), "{same}");
        }
        let broken = "{\"a\": \"cut off\n{\"a\": NaN}";
        assert_eq!(blank(broken).1, 1, "the first line is not closed");
    }

    proptest! {
        #[test]
        fn the_length_stays(text in "[\\[\\]{}:,\"\\\\ é\nNaInfity-]{0,60}") {
            let (found, _) = blank(&text);
            prop_assert_eq!(found.len(), text.len());
        }
    }
}
