//! Times in cells: numbers, or dates of ISO 8601. Plain arithmetic, no clock and no time zones but those that are written.

/// Seconds of a day.
const DAY: f64 = 86_400.0;

/// A number by which times can be put in order, and whether it is of a date: seconds since 1970-01-01 of one
/// (`2024-05-31`, `2024-05-31 18:30`, `2024-05-31T18:30:00.5+02:00`), else the number itself. `None` for all else: whether
/// 5/6/2024 is in May or in June can't be told.
#[must_use]
pub(super) fn parse_time(text: &str) -> Option<(f64, bool)> {
    let text = text.trim();
    if let Some(number) = text.parse::<f64>().ok().filter(|number| number.is_finite()) {
        return Some((number, false));
    }
    let (date, time) = match text.find(['T', 't', ' ']) {
        Some(at) => (&text[..at], Some(text[at + 1..].trim())),
        None => (text, None),
    };
    let days = parse_date(date)?;
    let secs = time.map_or(Some(0.0), parse_clock)?;
    Some((days as f64 * DAY + secs, true))
}

/// Days since 1970-01-01 of `2024-05-31` or `2024-05`.
fn parse_date(text: &str) -> Option<i64> {
    let mut fields = text.split('-');
    let (year, month, day) = (fields.next()?, fields.next()?, fields.next());
    if fields.next().is_some() || year.len() != 4 || month.len() != 2 || day.is_some_and(|day| day.len() != 2) {
        return None;
    }
    let (year, month, day) = (digits(year)?, digits(month)?, day.map_or(Some(1), digits)?);
    let is_leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    let length = match month {
        2 => 28 + i64::from(is_leap),
        4 | 6 | 9 | 11 => 30,
        1..=12 => 31,
        _ => return None,
    };
    if !(1..=length).contains(&day) {
        return None;
    }
    // Days from the civil calendar, with years that begin in March (Howard Hinnant, "chrono-compatible low-level date
    // algorithms").
    let year = if month <= 2 { year - 1 } else { year };
    let (era, of_era) = (year.div_euclid(400), year.rem_euclid(400));
    let day_of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    Some(era * 146_097 + of_era * 365 + of_era / 4 - of_era / 100 + day_of_year - 719_468)
}

/// Seconds of `18:30`, `18:30:00.5`, with `Z` or an offset from it: those of universal time.
fn parse_clock(text: &str) -> Option<f64> {
    let (clock, offset) = match text.find(['Z', 'z', '+', '-']) {
        Some(at) => (text[..at].trim(), parse_offset(&text[at..])?),
        None => (text, 0.0),
    };
    let mut fields = clock.split(':');
    let (hour, minute) = (fields.next()?, fields.next()?);
    if hour.len() != 2 || minute.len() != 2 {
        return None;
    }
    let second =
        fields.next().map_or(Some(0.0), |text| text.parse::<f64>().ok().filter(|secs| (0.0..61.0).contains(secs)))?;
    let (hour, minute) = (digits(hour).filter(|hour| *hour < 25)?, digits(minute).filter(|minute| *minute < 60)?);
    if fields.next().is_some() {
        return None;
    }
    Some((hour * 3600 + minute * 60) as f64 + second - offset)
}

/// Seconds of `Z`, `+02:00`, `-0530` or `+02`.
fn parse_offset(text: &str) -> Option<f64> {
    let sign = match text.chars().next()? {
        'Z' | 'z' => return (text.len() == 1).then_some(0.0),
        '-' => -1.0,
        _ => 1.0,
    };
    let text: String = text[1..].chars().filter(|&c| c != ':').collect();
    let (hour, minute) = match text.len() {
        2 => (digits(&text)?, 0),
        4 if text.is_ascii() => (digits(&text[..2])?, digits(&text[2..])?),
        _ => return None,
    };
    (hour < 24 && minute < 60).then_some(sign * (hour * 3600 + minute * 60) as f64)
}

fn digits(text: &str) -> Option<i64> {
    if text.bytes().all(|byte| byte.is_ascii_digit()) { text.parse().ok() } else { None }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_are_seconds_of_universal_time() {
        let secs = |text: &str| parse_time(text).filter(|(_, is_date)| *is_date).map(|(secs, _)| secs);
        assert_eq!(secs("1970-01-01"), Some(0.0));
        assert_eq!(secs("2000-03-01"), Some(951_868_800.0));
        assert_eq!(secs("2024-02-29T12:00:00Z"), Some(1_709_208_000.0));
        assert_eq!(secs("2024-02-29 14:00+02:00"), secs("2024-02-29T12:00"));
        assert_eq!(secs("2024-02-29T06:30:00.5-0530"), Some(1_709_208_000.5));
        assert_eq!(secs("2024-05"), secs("2024-05-01"));
        for wrong in ["2023-02-29", "2024-13-01", "31.05.2024", "5/6/2024", "May", "2024-05-31Tnoon", "2024-5-1", ""] {
            assert_eq!(parse_time(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn numbers_are_themselves() {
        assert_eq!(parse_time(" 2024 "), Some((2024.0, false)));
        assert_eq!(parse_time("1.5e9"), Some((1.5e9, false)));
        assert_eq!(parse_time("NaN"), None);
    }
}
