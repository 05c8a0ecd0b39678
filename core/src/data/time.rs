//! Times in cells: numbers, dates of ISO 8601, and others of which it is clear what is the month. Plain arithmetic, no clock and no time
//! zones but those that are written.

/// Seconds of a day.
const DAY: f64 = 86_400.0;

/// The months in English.
const MONTHS: [&str; 12] = [
    "january",
    "february",
    "march",
    "april",
    "may",
    "june",
    "july",
    "august",
    "september",
    "october",
    "november",
    "december",
];

/// The days of a week, whose names say nothing more.
const WEEKDAYS: [&str; 7] = ["monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"];

/// A number by which times can be put in order, and whether it is of a date: seconds since 1970-01-01 of one
/// (`2024-05-31`, `2024/5/31 18:30`, `2024-05-31T18:30:00.5+02:00`, `31.05.2024`, `31 May 2024`, `Fri May 31 18:30:00 +0000 2024`), else
/// the number itself. `None` for all else: whether 5/6/2024 is in May or in June can't be told.
#[must_use]
pub(super) fn parse_time(text: &str) -> Option<(f64, bool)> {
    let text = text.trim();
    if let Some(number) = text.parse::<f64>().ok().filter(|number| number.is_finite()) {
        return Some((number, false));
    }
    parse_figures(text).or_else(|| parse_named(text)).map(|secs| (secs, true))
}

/// Seconds of a date in figures, with or without a time behind it.
fn parse_figures(text: &str) -> Option<f64> {
    let (date, time) = match text.find(['T', 't', ' ']) {
        Some(at) => (&text[..at], Some(text[at + 1..].trim())),
        None => (text, None),
    };
    let days = parse_date(date)?;
    let secs = time.map_or(Some(0.0), parse_clock)?;
    Some(days as f64 * DAY + secs)
}

/// Seconds of a date with the name of its month, in whatever order: `31 May 2024`, `May 31, 2024 6:30 PM`, `Fri, 31 May 2024 18:30:00
/// GMT`, `Fri May 31 18:30:00 +0000 2024`.
fn parse_named(text: &str) -> Option<f64> {
    let (mut year, mut month, mut day, mut clock) = (None, None, None, String::new());
    for word in text.split([' ', ',']).filter(|word| !word.is_empty()) {
        let is_free = match (digits(word), place_of(word, &MONTHS)) {
            (Some(number), _) if word.len() == 4 => year.replace(number).is_none(),
            (Some(number), _) if word.len() <= 2 => day.replace(number).is_none(),
            (_, Some(place)) => month.replace(place).is_none(),
            _ if place_of(word, &WEEKDAYS).is_some() => true,
            // What is of the time stands in its order: 6:30 PM, 18:30 +0200.
            _ => {
                clock += word;
                word.contains(':') == (clock == word)
            }
        };
        if !is_free {
            return None;
        }
    }
    let days = days_of(year?, month?, day?)?;
    let secs = if clock.is_empty() { 0.0 } else { parse_clock(&clock)? };
    Some(days as f64 * DAY + secs)
}

/// The place of a name in a list, from 1; also of its first three letters, with a point or without.
fn place_of(word: &str, names: &[&str]) -> Option<i64> {
    let word = word.trim_end_matches('.').to_lowercase();
    let is_it = |name: &&str| word == **name || word == name[..3] || (word == "sept" && *name == "september");
    names.iter().position(is_it).map(|place| place as i64 + 1)
}

/// Days since 1970-01-01 of `2024-05-31`, `2024/5/31`, `2024-05` or `31.05.2024`.
fn parse_date(text: &str) -> Option<i64> {
    let separator = text.chars().find(|letter| matches!(letter, '-' | '/' | '.'))?;
    let fields: Vec<&str> = text.split(separator).collect();
    let is_short = |field: &&str| matches!(field.len(), 1 | 2);
    let (year, month, day) = match fields[..] {
        [year, month] if separator == '-' && month.len() == 2 => (year, month, "1"),
        [year, month, day] if [month, day].iter().all(is_short) && year.len() == 4 => (year, month, day),
        // With points the day comes first; with other signs it may be the month.
        [day, month, year] if separator == '.' && [day, month].iter().all(is_short) => (year, month, day),
        _ => return None,
    };
    if year.len() != 4 {
        return None;
    }
    days_of(digits(year)?, digits(month)?, digits(day)?)
}

/// Days since 1970-01-01 of a day of a month; `None` where there is none.
fn days_of(year: i64, month: i64, day: i64) -> Option<i64> {
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

/// Seconds of `18:30`, `18:30:00.5`, `6:30 PM`, with `Z`, `UTC` or an offset from it: those of universal time.
fn parse_clock(text: &str) -> Option<f64> {
    let text = text.strip_suffix("UTC").or_else(|| text.strip_suffix("GMT")).unwrap_or(text).trim();
    let (clock, offset) = match text.find(['Z', 'z', '+', '-']) {
        Some(at) => (text[..at].trim(), parse_offset(&text[at..])?),
        None => (text, 0.0),
    };
    let lower = clock.to_ascii_lowercase();
    let half = ["am", "pm"].into_iter().position(|half| lower.ends_with(half));
    let clock = if half.is_some() { clock[..clock.len() - 2].trim() } else { clock };
    let mut fields = clock.split(':');
    let (hour, minute) = (fields.next()?, fields.next()?);
    if (hour.len() != 2 && (half.is_none() || hour.len() != 1)) || minute.len() != 2 {
        return None;
    }
    let second =
        fields.next().map_or(Some(0.0), |text| text.parse::<f64>().ok().filter(|secs| (0.0..61.0).contains(secs)))?;
    let (hour, minute) = (digits(hour).filter(|hour| *hour < 25)?, digits(minute).filter(|minute| *minute < 60)?);
    if fields.next().is_some() {
        return None;
    }
    let hour = match half {
        None => hour,
        Some(half) if (1..=12).contains(&hour) => hour % 12 + 12 * half as i64,
        Some(_) => return None,
    };
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
        for wrong in ["2023-02-29", "2024-13-01", "5/6/2024", "5-6-2024", "May", "2024-05-31Tnoon", "5.6.24", ""] {
            assert_eq!(parse_time(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn dates_as_other_programs_and_people_write_them_are_read() {
        let day = parse_time("2024-05-31");
        for text in
            ["2024/05/31", "2024-5-31", "31.05.2024", "31.5.2024", "31 May 2024", "May 31, 2024", "Fri, 31 May 2024"]
        {
            assert_eq!(parse_time(text), day, "{text}");
        }
        let time = parse_time("2024-05-31T18:30:00Z");
        for text in [
            "Fri May 31 18:30:00 +0000 2024",
            "Fri, 31 May 2024 18:30:00 GMT",
            "31 May 2024 20:30:00 +0200",
            "2024-05-31 18:30:00 UTC",
            "2024/05/31 6:30 PM",
            "May 31, 2024 6:30 pm",
            "31.05.2024 18:30",
        ] {
            assert_eq!(parse_time(text), time, "{text}");
        }
        assert_eq!(parse_time("Sept. 1, 2024 12:05 AM"), parse_time("2024-09-01 00:05"));
        for wrong in [
            "31 May",
            "May 2024",
            "31 Mayor 2024",
            "31 May 31 2024",
            "31 May 2024 noon",
            "2024-05-31 13:00 PM",
            "May may 1 2024",
        ] {
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
