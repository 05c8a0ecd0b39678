//! Numbers as people type them: `0,001`, `1e-4`, `1,000`, `1 000`. In: the text of a field. Out: the text that the rest
//! of the page reads, with a point for the decimals and nothing between thousands.

use hone_core::config::Kind;

/// The number that was typed, as programs write it. A word in the place of a number (`off`) comes back without blanks around
/// it, and what is no number at all as it is.
///
/// # Errors
/// Says why, when it could be either of two numbers.
pub(crate) fn normalised(kind: Kind, typed: &str) -> Result<String, String> {
    if !matches!(kind, Kind::Whole | Kind::Real) {
        return Ok(typed.into());
    }
    let text = typed.trim().replace('\u{2212}', "-");
    if let Some(joined) = without_thousands(&text, |c| c.is_whitespace() || c == '\'') {
        return Ok(joined);
    }
    match kind {
        Kind::Whole => Ok(without_thousands(&text, |c| c == ',').unwrap_or(text)),
        _ => decimal(text),
    }
}

/// `0,001` is 0.001: a comma stands for the point, unless there is a point too or it may part thousands.
fn decimal(text: String) -> Result<String, String> {
    let Some((whole, rest)) = text.split_once(',') else { return Ok(text) };
    let decimals = rest.split(['e', 'E']).next().unwrap_or_default();
    let is_number = !decimals.is_empty()
        && decimals.bytes().all(|byte| byte.is_ascii_digit())
        && whole.trim_start_matches(['+', '-']).bytes().all(|byte| byte.is_ascii_digit());
    if !is_number {
        return Ok(text);
    }
    let point = format!("{whole}.{rest}");
    match without_thousands(&text, |c| c == ',') {
        Some(joined) => {
            let short = point.trim_end_matches('0').trim_end_matches('.');
            Err(format!("{text:?} could be {joined} or {short}: type it without the comma"))
        }
        None => Ok(point),
    }
}

/// `1,000` without what parts its thousands; `None` where nothing does, or the parts are not groups of three digits, or
/// nobody writes thousands so: `0,001`.
fn without_thousands(text: &str, is_separator: impl Fn(char) -> bool) -> Option<String> {
    let mut groups = text.split(is_separator);
    let first = groups.next()?;
    let digits = first.trim_start_matches(['+', '-']);
    let is_group = |group: &str| group.bytes().all(|byte| byte.is_ascii_digit());
    if digits.is_empty() || digits.len() > 3 || digits.starts_with('0') || !is_group(digits) {
        return None;
    }
    let mut joined = first.to_owned();
    for group in groups {
        if group.len() != 3 || !is_group(group) {
            return None;
        }
        joined.push_str(group);
    }
    (joined.len() > first.len()).then_some(joined)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(kind: Kind, typed: &str) -> String {
        normalised(kind, typed).unwrap_or_else(|error| format!("refused: {error}"))
    }

    #[test]
    fn a_comma_is_a_decimal_point_in_a_decimal_field() {
        let cases = [
            ("0,001", "0.001"),
            ("0,5", "0.5"),
            (" 1,5e-4 ", "1.5e-4"),
            ("1e-4", "1e-4"),
            ("1e\u{2212}4", "1e-4"),
            (",25", ".25"),
            ("1,0000", "1.0000"),
            ("0.001", "0.001"),
            ("1 000", "1000"),
            ("1\u{a0}000", "1000"),
        ];
        for (typed, expected) in cases {
            assert_eq!(of(Kind::Real, typed), expected, "{typed:?}");
        }
    }

    #[test]
    fn what_may_be_either_is_refused_in_a_decimal_field() {
        let error = normalised(Kind::Real, "1,000").expect_err("one, or a thousand");
        assert_eq!(error, "\"1,000\" could be 1000 or 1: type it without the comma");
        let error = normalised(Kind::Real, "12,500").expect_err("twelve and a half, or more");
        assert!(error.contains("12500 or 12.5"), "{error}");
    }

    #[test]
    fn a_comma_parts_thousands_in_a_whole_field() {
        let cases = [("1,000", "1000"), ("12,345,678", "12345678"), ("1 000", "1000"), ("1'000", "1000"), ("64", "64")];
        for (typed, expected) in cases {
            assert_eq!(of(Kind::Whole, typed), expected, "{typed:?}");
        }
        // No whole numbers: they stay as they are, for the settings to refuse.
        for typed in ["1,5", "1,0000", "1000,000", "1.000", "1,00", "0,001"] {
            assert_eq!(of(Kind::Whole, typed), typed);
        }
    }

    #[test]
    fn words_and_texts_stay_as_they_are() {
        assert_eq!([of(Kind::Whole, "off"), of(Kind::Real, "model")], ["off", "model"]);
        assert_eq!(of(Kind::Words, " query, value "), " query, value ");
        assert_eq!([of(Kind::Real, "a,b"), of(Kind::Real, "1,"), of(Kind::Real, "")], ["a,b", "1,", ""]);
        assert_eq!([of(Kind::Real, "1,000,5"), of(Kind::Real, "1.000,5")], ["1,000,5", "1.000,5"]);
    }
}
