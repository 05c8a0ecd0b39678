//! Counts as a person reads them, in every message. Plain values in, short text out.

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

/// `a, b and 7 more`: the names to show, of `num_all` in all.
#[must_use]
pub fn list(shown: &[String], num_all: usize) -> String {
    let names = shown.join(", ");
    match num_all.saturating_sub(shown.len()) {
        0 => names,
        more => format!("{names} and {more} more"),
    }
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
}
