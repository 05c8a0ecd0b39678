//! Rows of a Parquet file to lines of JSON. In: rows as the `parquet` crate puts them together, and the schema and the names of
//! classes, which know what the numbers in them stand for. Out: text, a line a row.
//!
//! Dates and times are written as Python's `str` writes them. Bytes that are UTF-8 are text: files of old writers do not say so.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;

use parquet::basic::{ConvertedType, LogicalType, TimeUnit};
use parquet::data_type::Decimal;
use parquet::record::{Field, Row};
use parquet::schema::types::Type;

use super::class_labels::ClassNames;

const SECS_A_DAY: i64 = 86_400;

/// Writes rows of a schema.
pub(super) struct RowWriter<'a> {
    schema: &'a Type,
    /// Names of classes, by column.
    class_names: &'a BTreeMap<String, ClassNames>,
    text: String,
    /// Columns that hold what is left empty.
    unreadable: BTreeSet<String>,
}

impl<'a> RowWriter<'a> {
    pub(super) fn new(schema: &'a Type, class_names: &'a BTreeMap<String, ClassNames>) -> Self {
        Self { schema, class_names, text: String::new(), unreadable: BTreeSet::new() }
    }

    /// Bytes written so far.
    pub(super) fn num_bytes(&self) -> u64 {
        self.text.len() as u64
    }

    /// Writes a row, and ends its line.
    pub(super) fn write(&mut self, row: &Row) {
        self.text.push('{');
        for (index, (name, field)) in row.get_column_iter().enumerate() {
            if index > 0 {
                self.text.push_str(", ");
            }
            write_text(&mut self.text, name);
            self.text.push_str(": ");
            if write_field(&mut self.text, field, child(self.schema, index), self.class_names.get(name)).is_none() {
                self.unreadable.insert(name.clone());
            }
        }
        self.text.push_str("}\n");
    }

    /// The text, and the columns of which something was left empty.
    pub(super) fn finish(self) -> (Vec<u8>, Vec<String>) {
        (self.text.into_bytes(), self.unreadable.into_iter().collect())
    }
}

/// The type of the field of a struct.
fn child(ty: &Type, index: usize) -> Option<&Type> {
    let fields = if ty.is_group() { ty.get_fields() } else { &[] };
    fields.get(index).map(|ty| &**ty)
}

/// The type of the elements of a list, as the crate that puts rows together finds it.
fn element(ty: &Type) -> Option<&Type> {
    if ty.is_primitive() || ty.get_basic_info().converted_type() != ConvertedType::LIST {
        // Repeated by itself, without a list around it.
        return Some(ty);
    }
    let repeated = child(ty, 0)?;
    let is_element = repeated.is_primitive()
        || repeated.get_fields().len() != 1
        || repeated.name() == "array"
        || repeated.name() == format!("{}_tuple", ty.name());
    if is_element { Some(repeated) } else { child(repeated, 0) }
}

/// Writes a value. `None` where it, or a part of it, has no JSON, and null was written.
fn write_field(text: &mut String, field: &Field, ty: Option<&Type>, names: Option<&ClassNames>) -> Option<()> {
    if let (Some(names), Some(number)) = (names, integer(field))
        && let Some(name) = names.name_of(number)
    {
        match name {
            Some(name) => write_text(text, name),
            None => text.push_str("null"),
        }
        return Some(());
    }
    let logical = ty.and_then(|ty| ty.get_basic_info().logical_type_ref());
    match field {
        Field::Null => text.push_str("null"),
        Field::Bool(value) => text.push_str(if *value { "true" } else { "false" }),
        Field::Byte(value) => write_plain(text, value),
        Field::Short(value) => write_plain(text, value),
        Field::Int(value) => match logical {
            Some(LogicalType::Time(_)) => write_time(text, i64::from(*value), 1000),
            _ => write_plain(text, value),
        },
        Field::Long(value) => match logical {
            Some(LogicalType::Timestamp(of)) => {
                write_timestamp(text, *value, a_second(of.unit), of.is_adjusted_to_u_t_c)
            }
            Some(LogicalType::Time(of)) => write_time(text, *value, a_second(of.unit)),
            _ => write_plain(text, value),
        },
        Field::UByte(value) => write_plain(text, value),
        Field::UShort(value) => write_plain(text, value),
        Field::UInt(value) => write_plain(text, value),
        Field::ULong(value) => write_plain(text, value),
        Field::Float16(value) => return write_float(text, &f32::from(*value), f32::from(*value).is_finite()),
        Field::Float(value) => return write_float(text, value, value.is_finite()),
        Field::Double(value) => return write_float(text, value, value.is_finite()),
        Field::Decimal(value) => return write_or_null(text, decimal(value), |text, number| text.push_str(&number)),
        Field::Str(value) => write_text(text, value),
        Field::Bytes(value) => {
            let found = match (logical, value.data()) {
                (Some(LogicalType::Uuid), bytes) if bytes.len() == 16 => Some(uuid(bytes)),
                (_, bytes) => std::str::from_utf8(bytes).ok().map(str::to_owned),
            };
            return write_or_null(text, found, |text, value| write_text(text, &value));
        }
        Field::Date(days) => {
            text.push('"');
            push_date(text, i64::from(*days));
            text.push('"');
        }
        Field::TimeMillis(value) => write_time(text, i64::from(*value), 1000),
        Field::TimeMicros(value) => write_time(text, *value, 1_000_000),
        Field::TimestampMillis(value) => write_timestamp(text, *value, 1000, is_utc(logical)),
        Field::TimestampMicros(value) => write_timestamp(text, *value, 1_000_000, is_utc(logical)),
        Field::Group(row) => {
            let fields = row.get_column_iter().enumerate();
            return write_all(text, ['{', '}'], fields, |text, (index, (name, field))| {
                write_text(text, name);
                text.push_str(": ");
                write_field(text, field, ty.and_then(|ty| child(ty, index)), names.and_then(|names| names.field(name)))
            });
        }
        Field::ListInternal(list) => {
            let (of_elements, names) = (ty.and_then(element), names.and_then(ClassNames::element));
            return write_all(text, ['[', ']'], list.elements().iter(), |text, field| {
                write_field(text, field, of_elements, names)
            });
        }
        Field::MapInternal(map) => {
            let pair = ty.and_then(|ty| child(ty, 0));
            let [of_keys, of_values] = [0, 1].map(|index| pair.and_then(|pair| child(pair, index)));
            return write_all(text, ['{', '}'], map.entries().iter(), |text, (key, value)| {
                let mut written = String::new();
                let is_key = write_field(&mut written, key, of_keys, None);
                // Keys of an object are texts.
                if written.starts_with('"') {
                    text.push_str(&written)
                } else {
                    write_text(text, &written)
                }
                text.push_str(": ");
                write_field(text, value, of_values, None).and(is_key)
            });
        }
    }
    Some(())
}

/// A whole number of any width.
fn integer(field: &Field) -> Option<i64> {
    Some(match field {
        Field::Byte(value) => i64::from(*value),
        Field::Short(value) => i64::from(*value),
        Field::Int(value) => i64::from(*value),
        Field::Long(value) => *value,
        Field::UByte(value) => i64::from(*value),
        Field::UShort(value) => i64::from(*value),
        Field::UInt(value) => i64::from(*value),
        Field::ULong(value) => i64::try_from(*value).ok()?,
        _ => return None,
    })
}

/// Writes values between brackets; `None` where one of them is left empty.
fn write_all<T>(
    text: &mut String,
    [open, close]: [char; 2],
    items: impl Iterator<Item = T>,
    mut write: impl FnMut(&mut String, T) -> Option<()>,
) -> Option<()> {
    let mut is_whole = Some(());
    text.push(open);
    for (index, item) in items.enumerate() {
        if index > 0 {
            text.push_str(", ");
        }
        is_whole = write(text, item).and(is_whole);
    }
    text.push(close);
    is_whole
}

fn write_or_null<T>(text: &mut String, value: Option<T>, write: impl FnOnce(&mut String, T)) -> Option<()> {
    match value {
        Some(value) => {
            write(text, value);
            Some(())
        }
        None => {
            text.push_str("null");
            None
        }
    }
}

fn write_plain(text: &mut String, value: &impl std::fmt::Display) {
    write!(text, "{value}").expect("texts grow");
}

/// Not a number is null, as a value that is missing.
fn write_float(text: &mut String, value: &impl std::fmt::Debug, is_finite: bool) -> Option<()> {
    if is_finite {
        write!(text, "{value:?}").expect("texts grow");
    } else {
        text.push_str("null");
    }
    Some(())
}

fn write_text(text: &mut String, value: &str) {
    text.push_str(&serde_json::to_string(value).expect("a text is JSON"));
}

/// A decimal of up to 16 bytes, with all its digits; `None` of a longer one.
fn decimal(value: &Decimal) -> Option<String> {
    let (bytes, scale) = (value.data(), usize::try_from(value.scale()).ok()?);
    if bytes.is_empty() || bytes.len() > 16 || scale > 64 {
        return None;
    }
    let start = if bytes[0] & 0x80 == 0 { 0_i128 } else { -1 };
    let unscaled = bytes.iter().fold(start, |sum, byte| sum << 8 | i128::from(*byte));
    let sign = if unscaled < 0 { "-" } else { "" };
    let digits = format!("{:0>width$}", unscaled.unsigned_abs(), width = scale + 1);
    let (whole, fraction) = digits.split_at(digits.len() - scale);
    let point = if scale > 0 { "." } else { "" };
    Some(format!("{sign}{whole}{point}{fraction}"))
}

fn uuid(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(36);
    for (index, byte) in bytes.iter().enumerate() {
        if matches!(index, 4 | 6 | 8 | 10) {
            text.push('-');
        }
        write!(text, "{byte:02x}").expect("texts grow");
    }
    text
}

fn is_utc(logical: Option<&LogicalType>) -> bool {
    matches!(logical, Some(LogicalType::Timestamp(of)) if of.is_adjusted_to_u_t_c)
}

/// How many of a unit are a second.
fn a_second(unit: TimeUnit) -> i64 {
    match unit {
        TimeUnit::MILLIS => 1000,
        TimeUnit::MICROS => 1_000_000,
        TimeUnit::NANOS => 1_000_000_000,
    }
}

fn write_timestamp(text: &mut String, value: i64, a_second: i64, is_utc: bool) {
    let (secs, part) = (value.div_euclid(a_second), value.rem_euclid(a_second));
    text.push('"');
    push_date(text, secs.div_euclid(SECS_A_DAY));
    text.push(' ');
    push_time(text, secs.rem_euclid(SECS_A_DAY), part, a_second);
    text.push_str(if is_utc { "+00:00\"" } else { "\"" });
}

fn write_time(text: &mut String, value: i64, a_second: i64) {
    text.push('"');
    push_time(text, value.div_euclid(a_second), value.rem_euclid(a_second), a_second);
    text.push('"');
}

fn push_time(text: &mut String, secs: i64, part: i64, a_second: i64) {
    write!(text, "{:02}:{:02}:{:02}", secs / 3600, secs / 60 % 60, secs % 60).expect("texts grow");
    if part == 0 {
        return;
    }
    let nanos = part * (1_000_000_000 / a_second);
    match nanos % 1000 {
        0 => write!(text, ".{:06}", nanos / 1000).expect("texts grow"),
        _ => write!(text, ".{nanos:09}").expect("texts grow"),
    }
}

/// Writes the day of the Gregorian calendar that is so many days after 1970-01-01:
/// <https://howardhinnant.github.io/date_algorithms.html#civil_from_days>.
fn push_date(text: &mut String, days: i64) {
    let days = days + 719_468;
    let era = days.div_euclid(146_097);
    let of_era = days.rem_euclid(146_097);
    let year_of_era = (of_era - of_era / 1460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted = (5 * of_year + 2) / 153; // months from March
    let day = of_year - (153 * shifted + 2) / 5 + 1;
    let month = if shifted < 10 { shifted + 3 } else { shifted - 9 };
    let year = year_of_era + era * 400 + i64::from(month <= 2);
    write!(text, "{year:04}-{month:02}-{day:02}").expect("texts grow");
}

#[cfg(test)]
mod tests {
    use super::*;

    fn date(days: i64) -> String {
        let mut text = String::new();
        push_date(&mut text, days);
        text
    }

    fn timestamp(value: i64, a_second: i64, is_utc: bool) -> String {
        let mut text = String::new();
        write_timestamp(&mut text, value, a_second, is_utc);
        text
    }

    #[test]
    fn dates_are_those_of_the_calendar() {
        for (days, expected) in [
            (0, "1970-01-01"),
            (-1, "1969-12-31"),
            (11_016, "2000-02-29"),
            (19_844, "2024-05-01"),
            (-25_509, "1900-02-28"),
            (-25_508, "1900-03-01"),
        ] {
            assert_eq!(date(days), expected);
        }
        // Any number of a damaged file is some date, and no panic.
        for value in [i64::MIN, i64::MAX] {
            assert!(timestamp(value, 1000, false).len() > 20);
            let mut text = String::new();
            write_time(&mut text, value, 1_000_000_000);
        }
    }

    #[test]
    fn times_have_the_digits_that_python_writes() {
        assert_eq!(timestamp(1_714_566_600_000, 1000, false), "\"2024-05-01 12:30:00\"");
        assert_eq!(timestamp(1_714_566_600_120, 1000, true), "\"2024-05-01 12:30:00.120000+00:00\"");
        assert_eq!(timestamp(1_714_566_600_000_000_007, 1_000_000_000, false), "\"2024-05-01 12:30:00.000000007\"");
        assert_eq!(timestamp(-1, 1000, false), "\"1969-12-31 23:59:59.999000\"");
    }

    #[test]
    fn decimals_keep_their_digits() {
        for (value, scale, expected) in [(1250, 2, "12.50"), (-5, 2, "-0.05"), (7, 0, "7"), (-1234, 3, "-1.234")] {
            assert_eq!(decimal(&Decimal::from_i32(value, 9, scale)).as_deref(), Some(expected));
        }
        assert_eq!(decimal(&Decimal::from_i32(1, 9, -2)), None);
        let long = Decimal::from_bytes(vec![1_u8; 17].into(), 40, 2);
        assert_eq!(decimal(&long), None);
    }
}
