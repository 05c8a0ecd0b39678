//! Numbers as a person reads them. Plain values in, short text with its unit out.

use hone_core::spreadsheet;
use hone_core::task::Unit;
use hone_core::words;
pub(crate) use hone_core::words::{count, plural, significant};

/// `22.7 million`, `558,272`.
pub(crate) fn large(value: f64) -> String {
    match value {
        v if v >= 1e9 => format!("{:.1} billion", v / 1e9),
        v if v >= 1e6 => format!("{:.1} million", v / 1e6),
        // Parameters and rates: far below the range of usize.
        v => count(v.round() as usize),
    }
}

/// `91.6 MB`; decimal units, as file managers and the hub show them.
pub(crate) fn bytes(value: f64) -> String {
    match value {
        v if v >= 1e9 => format!("{:.2} GB", v / 1e9),
        v if v >= 1e6 => format!("{:.1} MB", v / 1e6),
        v if v >= 1e3 => format!("{:.1} kB", v / 1e3),
        v => format!("{v:.0} bytes"),
    }
}

/// `under 1 s`, else [`words::duration`]; `unknown` for what is no time.
pub(crate) fn duration(secs: f64) -> String {
    match secs {
        secs if !secs.is_finite() || secs < 0.0 => "unknown".into(),
        secs if secs.round() < 1.0 => "under 1 s".into(),
        secs => words::duration(secs),
    }
}

/// `87.5 %` of a share in `[0, 1]`.
pub(crate) fn percent(share: f64) -> String {
    format!("{:.1} %", share * 100.0)
}

/// `+0.125`, `−0.031`, for differences; `±0.0` for one that would be written as none.
pub(crate) fn signed(value: f64, decimals: usize) -> String {
    let text = format!("{value:+.decimals$}");
    let shows_none = value.is_finite() && text.bytes().all(|byte| !byte.is_ascii_digit() || byte == b'0');
    match text.strip_prefix(['+', '-']) {
        Some(digits) if shows_none => format!("±{digits}"),
        _ => text.replace('-', "\u{2212}"),
    }
}

/// A number as people read it, with the minus sign in place of a hyphen in front; that of an exponent stays.
pub(crate) fn with_minus(text: String) -> String {
    match text.strip_prefix('-') {
        Some(digits) => format!("\u{2212}{digits}"),
        None => text,
    }
}

/// Names in a sentence: `a`, `a and b`, `a, b and c`; `None` without any.
pub(crate) fn names<T: AsRef<str>>(all: &[T]) -> Option<String> {
    let (last, others) = all.split_last()?;
    let others: Vec<&str> = others.iter().map(AsRef::as_ref).collect();
    let last = last.as_ref();
    Some(if others.is_empty() { last.to_owned() } else { format!("{} and {last}", others.join(", ")) })
}

/// A message with a capital in front, as a sentence has: only where it begins with a plain word. What may be a name (of
/// a file, a label, a setting) stays as somebody wrote it.
pub(crate) fn sentence(message: &str) -> String {
    let first_word = message.split(' ').next().unwrap_or_default();
    let is_plain =
        first_word.len() < message.len() && first_word.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'\'');
    let mut text = message.to_owned();
    if is_plain && let Some(first) = text.get_mut(..1) {
        first.make_ascii_uppercase();
    }
    text
}

/// A title within a sentence: `macro F1`, `accuracy`. What begins with more than one capital, or is none, stays: `BLEU`.
pub(crate) fn in_sentence(title: &str) -> String {
    let mut text = title.to_owned();
    let second = title.chars().nth(1);
    if second.is_some_and(char::is_lowercase)
        && let Some(first) = text.get_mut(..1)
    {
        first.make_ascii_lowercase();
    }
    text
}

/// A figure of a task, in its unit.
pub(crate) fn figure(unit: Unit, value: f64) -> String {
    with_minus(match unit {
        Unit::Share => percent(value),
        Unit::Percent => percent(value / 100.0),
        Unit::Score => format!("{value:.3}"),
        Unit::Number => significant(value),
    })
}

/// At most `max_chars` characters, with an ellipsis where something was left out.
pub(crate) fn shortened(text: &str, max_chars: usize) -> String {
    match text.char_indices().nth(max_chars) {
        Some((end, _)) => format!("{}…", text[..end].trim_end()),
        None => text.into(),
    }
}

/// A text for a cell of a table: a few lines of it, without blanks around it.
pub(crate) fn excerpt(text: &str, max_chars: usize) -> String {
    const MAX_LINES: usize = 6;
    let text = text.trim();
    if text.is_empty() {
        return "(blank)".into();
    }
    let lines_end = text.match_indices('\n').nth(MAX_LINES - 1).map(|(at, _)| text[..at].chars().count());
    shortened(text, lines_end.map_or(max_chars, |end| end.min(max_chars)))
}

/// A field of a CSV file: no spreadsheet takes it for a formula, and it is quoted where it has to be.
pub(crate) fn csv_field(text: &str) -> String {
    let text = spreadsheet::cell(text);
    if text.contains([',', '"', '\n', '\r']) { format!("\"{}\"", text.replace('"', "\"\"")) } else { text.into_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_have_two_units_at_most() {
        assert_eq!([duration(7.6), duration(200.0), duration(7500.0)], ["8 s", "3 min 20 s", "2 h 05 min"]);
        assert_eq!([duration(0.3), duration(f64::NAN)], ["under 1 s", "unknown"]);
    }

    #[test]
    fn large_numbers_are_counted_or_rounded() {
        assert_eq!([large(512.4), large(558_272.0), large(22.7e6)], ["512", "558,272", "22.7 million"]);
    }

    #[test]
    fn differences_have_a_sign() {
        assert_eq!([signed(0.125, 3), signed(-0.5, 1), signed(0.0, 1)], ["+0.125", "\u{2212}0.5", "±0.0"]);
        assert_eq!([signed(-0.04, 1), signed(f64::NAN, 1)], ["±0.0", "NaN"], "a change that does not show is none");
    }

    #[test]
    fn figures_below_zero_have_the_minus_sign() {
        let found = [figure(Unit::Score, -0.25), figure(Unit::Number, -5e-5), figure(Unit::Score, 0.25)];
        assert_eq!(found, ["\u{2212}0.250", "\u{2212}5.00e-5", "0.250"]);
    }

    #[test]
    fn names_are_joined_as_in_a_sentence() {
        let all = ["a", "b", "c"];
        let found = [0, 1, 2, 3].map(|count| names(&all[..count]));
        assert_eq!(found, [None, Some("a".into()), Some("a and b".into()), Some("a, b and c".into())]);
    }

    #[test]
    fn only_plain_words_are_capitalised() {
        assert_eq!([sentence("the file is empty"), sentence("can't be read")], ["The file is empty", "Can't be read"]);
        for kept in
            ["\"biling\" is rare", "rows.csv: it is empty", "lora_r is 0", "f16 is not there", "über uns", "x", ""]
        {
            assert_eq!(sentence(kept), kept);
        }
    }

    #[test]
    fn titles_lose_their_capital_in_a_sentence() {
        let titles = ["Accuracy", "Macro F1", "F1", "BLEU, 0 to 100", "R2", "x", ""];
        assert_eq!(titles.map(in_sentence), ["accuracy", "macro F1", "F1", "BLEU, 0 to 100", "R2", "x", ""]);
    }

    #[test]
    fn figures_are_written_in_their_units() {
        let units = [Unit::Share, Unit::Percent, Unit::Score, Unit::Number];
        assert_eq!(units.map(|unit| figure(unit, 0.5)), ["50.0 %", "0.5 %", "0.500", "0.5000"]);
    }

    #[test]
    fn text_is_cut_between_characters() {
        assert_eq!(shortened("äöü", 2), "äö…");
        assert_eq!(shortened("äöü", 3), "äöü");
    }

    #[test]
    fn an_excerpt_has_few_lines() {
        assert_eq!([excerpt("\n a\nb ", 9), excerpt(" \n\n", 9)], ["a\nb", "(blank)"]);
        assert_eq!(excerpt(&"n\n".repeat(30), 99), format!("{}n…", "n\n".repeat(5)));
        assert_eq!(excerpt("äöü", 2), "äö…");
    }

    #[test]
    fn csv_quotes_are_doubled() {
        assert_eq!(csv_field("a \"b\", c"), "\"a \"\"b\"\", c\"");
        assert_eq!([csv_field("plain"), csv_field("-0.5"), csv_field("=1,2")], ["plain", "-0.5", "\"'=1,2\""]);
    }
}
