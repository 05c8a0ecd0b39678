//! A moment as a date, in UTC. Seconds in, text out.

const DAY_SECS: i64 = 86_400;

/// `2026-11-29 22:05 UTC` of seconds since 1970.
pub(super) fn utc(secs: f64) -> String {
    let secs = secs.floor() as i64;
    let (days, of_day) = (secs.div_euclid(DAY_SECS), secs.rem_euclid(DAY_SECS));
    // Years begin in March here, so that the day of a leap year is their last; an era has 400 of them.
    // https://howardhinnant.github.io/date_algorithms.html#civil_from_days
    let shifted = days + 719_468;
    let (era, day_of_era) = (shifted.div_euclid(146_097), shifted.rem_euclid(146_097));
    let year_of_era = (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month_from_march = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month_from_march + 2) / 5 + 1;
    let month = if month_from_march < 10 { month_from_march + 3 } else { month_from_march - 9 };
    let year = year_of_era + era * 400 + i64::from(month <= 2);
    format!("{year}-{month:02}-{day:02} {:02}:{:02} UTC", of_day / 3_600, of_day / 60 % 60)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn seconds_become_dates() {
        for (secs, expected) in [
            (0.0, "1970-01-01 00:00 UTC"),
            (951_782_399.9, "2000-02-28 23:59 UTC"),
            (951_782_400.0, "2000-02-29 00:00 UTC"),
            (951_868_800.0, "2000-03-01 00:00 UTC"),
            (1_735_689_599.0, "2024-12-31 23:59 UTC"),
            (-1.0, "1969-12-31 23:59 UTC"),
        ] {
            assert_eq!(utc(secs), expected);
        }
    }
}
