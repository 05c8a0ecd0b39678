//! Texts that go into a CSV file: a spreadsheet that opens it must not take one for a formula. In: a cell's text. Out: the text
//! to write, unquoted.
//!
//! A cell that begins like a formula can fetch an address with what stands in other cells, or start a program, when someone opens
//! the file (<https://owasp.org/www-community/attacks/CSV_Injection>). Numbers stay numbers, and all other texts as they are.

use std::borrow::Cow;

/// What a formula begins with, for one spreadsheet or another; the last four are the wide forms of the first.
const FORMULA: [char; 10] = ['=', '+', '-', '@', '\t', '\r', '＝', '＋', '－', '＠'];

/// Stands before a text that would be a formula: spreadsheets show what follows it as text.
const TEXT: char = '\'';

/// Whether a spreadsheet may take a text for a formula.
#[must_use]
pub fn is_formula(text: &str) -> bool {
    text.starts_with(FORMULA) && text.parse::<f64>().is_err()
}

/// A text as it is written into a cell: with `'` before it where it [`is_formula`].
#[must_use]
pub fn cell(text: &str) -> Cow<'_, str> {
    if is_formula(text) { Cow::Owned(format!("{TEXT}{text}")) } else { Cow::Borrowed(text) }
}

/// The same as a field of a table with a separator: in quotes where it has to be.
#[must_use]
pub fn field(text: &str, separator: char) -> String {
    let text = cell(text);
    if text.contains([separator, '"', '\n', '\r']) {
        format!("\"{}\"", text.replace('"', "\"\""))
    } else {
        text.into_owned()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn what_begins_like_a_formula_becomes_text() {
        for formula in [
            "=1+1",
            "=HYPERLINK(\"http://x\")",
            "+a",
            "-a",
            "- a list",
            "@SUM(A1)",
            "\t=1",
            "\r=1",
            "-1+cmd|x",
            "＝1",
            "-",
        ] {
            assert_eq!(cell(formula), format!("'{formula}"), "{formula:?}");
        }
    }

    #[test]
    fn numbers_and_texts_stay_as_they_are() {
        for text in ["", "-0.5", "+1", "-1e-5", "-inf", "1", "a = b", "it's", "'=1", " =1", "\u{2212}5", "a@b"] {
            assert_eq!(cell(text), text);
        }
    }

    #[test]
    fn fields_stand_in_quotes_where_they_hold_what_separates_them() {
        for (text, separator, expected) in [
            ("plain", ',', "plain"),
            ("a \"b\", c", ',', "\"a \"\"b\"\", c\""),
            ("a,b", ';', "a,b"),
            ("=1,2", ',', "\"'=1,2\""),
        ] {
            assert_eq!(field(text, separator), expected);
        }
    }

    proptest! {
        #[test]
        fn no_cell_is_a_formula(text in "[=+\\-@\\t\\r＝＋－＠]{0,2}\\PC{0,8}") {
            let written = cell(&text);
            prop_assert!(!is_formula(&written));
            prop_assert!(written.ends_with(&text));
        }
    }
}
