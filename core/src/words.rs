//! Counts, times, figures, lists and long texts as a person reads them, in every message. Plain values in, short text out.

/// `12,345`.
#[must_use]
pub fn count(value: usize) -> String {
    let digits = value.to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// `1 row`, `1,200 rows`, `3 classes`: a count with the noun that it counts, which is given in the singular.
#[must_use]
pub fn plural(value: usize, noun: &str) -> String {
    let number = count(value);
    let ends_in = |endings: &[&str]| endings.iter().any(|ending| noun.ends_with(ending));
    match noun.strip_suffix('y') {
        _ if value == 1 => format!("{number} {noun}"),
        // `batch` and `class`, but `epochs`.
        _ if ends_in(&["ss", "x", "sh", "tch"]) => format!("{number} {noun}es"),
        Some(stem) if !ends_in(&["ay", "ey", "oy"]) => format!("{number} {stem}ies"),
        _ => format!("{number} {noun}s"),
    }
}

/// `8 s`, `3 min 20 s`, `2 h 05 min`: rounded seconds in two units at most; `0 s` of negative ones.
#[must_use]
pub fn duration(secs: f64) -> String {
    let whole = secs.max(0.0).round() as u64;
    match (whole / 3600, whole / 60 % 60, whole % 60) {
        (0, 0, secs) => format!("{secs} s"),
        (0, minutes, secs) => format!("{minutes} min {secs:02} s"),
        (hours, minutes, _) => format!("{hours} h {minutes:02} min"),
    }
}

/// Four significant digits, without an exponent where that stays short.
#[must_use]
pub fn significant(value: f64) -> String {
    let size = value.abs();
    if !value.is_finite() {
        "not a number".into()
    } else if size == 0.0 {
        "0".into()
    } else if size >= 1e7 {
        format!("{value:.2e}")
    } else if size >= 1000.0 {
        format!("{value:.0}")
    } else if size >= 100.0 {
        format!("{value:.1}")
    } else if size >= 10.0 {
        format!("{value:.2}")
    } else if size >= 1.0 {
        format!("{value:.3}")
    } else if size >= 1e-3 {
        format!("{value:.4}")
    } else {
        format!("{value:.2e}")
    }
}

/// `a, b and 7 more`: the names to show, of `num_all` in all.
#[must_use]
pub fn list(shown: &[String], num_all: usize) -> String {
    let names = shown.join(", ");
    match num_all.saturating_sub(shown.len()) {
        0 => names,
        more => format!("{names} and {more} more"),
    }
}

/// The first `max_chars` characters of a text, and an ellipsis where something was left out.
#[must_use]
pub fn shorten(text: &str, max_chars: usize) -> String {
    match text.char_indices().nth(max_chars) {
        Some((end, _)) => [&text[..end], "…"].concat(),
        None => text.to_owned(),
    }
}

/// [`shorten`] in quotes, as a message repeats a name or a cell: on one line, with quotes and line breaks escaped.
#[must_use]
pub fn quote_short(text: &str, max_chars: usize) -> String {
    format!("{:?}", shorten(text, max_chars))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn thousands_are_separated() {
        assert_eq!([count(0), count(999), count(1000), count(1_234_567)], ["0", "999", "1,000", "1,234,567"]);
    }

    #[test]
    fn one_is_singular() {
        assert_eq!([plural(1, "epoch"), plural(2, "epoch"), plural(0, "row")], ["1 epoch", "2 epochs", "0 rows"]);
        assert_eq!([plural(1, "class"), plural(3, "class"), plural(2, "batch")], ["1 class", "3 classes", "2 batches"]);
        assert_eq!([plural(2, "entry"), plural(2, "key"), plural(1200, "row")], ["2 entries", "2 keys", "1,200 rows"]);
    }

    #[test]
    fn durations_have_two_units_at_most() {
        assert_eq!([duration(0.3), duration(12.4), duration(-1.0)], ["0 s", "12 s", "0 s"]);
        assert_eq!([duration(185.0), duration(3600.0), duration(3725.0)], ["3 min 05 s", "1 h 00 min", "1 h 02 min"]);
    }

    #[test]
    fn figures_have_four_significant_digits() {
        let values = [0.12345, 5e-5, 1.2346, 12.3456, 123.456, 50_257.4, 1.5e9, 0.0, f64::INFINITY];
        let texts = ["0.1235", "5.00e-5", "1.235", "12.35", "123.5", "50257", "1.50e9", "0", "not a number"];
        assert_eq!(values.map(significant), texts);
    }

    #[test]
    fn long_texts_end_in_an_ellipsis() {
        assert_eq!([shorten("äöü", 2), shorten("äöü", 3), shorten("", 0)], ["äö…", "äöü", ""]);
        assert_eq!([quote_short("a\n\"b\" c", 5), quote_short("äöü", 3)], [r#""a\n\"b\"…""#, "\"äöü\""]);
    }
}
