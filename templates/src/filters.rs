//! What the filters and methods of a chat template make of values, measured before they run.
//!
//! In: a value and the arguments of a filter. Out: the bytes it will make or read, counted in [`Limits`], or a refusal.

use minijinja::value::ValueKind;
use minijinja::{Error, Value};

use crate::limits::{Excess, ITEM_BYTES, Limits, MAX_COUNT, items};

/// Bytes that a filter or method will make of a value and its arguments.
pub(crate) type Measure = fn(&Limits, &Value, &[Value]) -> Result<(), Error>;

/// The value as a text.
fn text_of(limits: &Limits, value: &Value) -> Result<String, Error> {
    limits.spend_deep(value, 0)?;
    Ok(value.as_str().map_or_else(|| value.to_string(), str::to_owned))
}

/// The largest number among arguments, named ones included.
fn largest(arguments: &[Value]) -> Option<usize> {
    let numbers = |value: &Value| match value.kind() {
        ValueKind::Map => items(value).filter_map(|value| value.as_usize()).max(),
        _ => value.as_usize(),
    };
    arguments.iter().filter_map(numbers).max()
}

fn measure_items(limits: &Limits, value: &Value, _: &[Value]) -> Result<(), Error> {
    limits.spend(value.len().unwrap_or(0).saturating_mul(ITEM_BYTES))
}

fn measure_text(limits: &Limits, value: &Value, _: &[Value]) -> Result<(), Error> {
    limits.spend_deep(value, 0)
}

fn measure_counted(limits: &Limits, value: &Value, arguments: &[Value]) -> Result<(), Error> {
    let count = largest(arguments).unwrap_or(0);
    if count > MAX_COUNT {
        return Err(Excess::Work.into());
    }
    limits.spend(value.len().unwrap_or(0).saturating_add(count).saturating_mul(ITEM_BYTES))
}

fn measure_indent(limits: &Limits, value: &Value, arguments: &[Value]) -> Result<(), Error> {
    let num_lines = text_of(limits, value)?.split('\n').count();
    let width = largest(arguments).unwrap_or(4);
    limits.spend(num_lines.saturating_mul(width).saturating_add(width))
}

pub(crate) fn measure_replace(limits: &Limits, value: &Value, arguments: &[Value]) -> Result<(), Error> {
    let [from, to, ..] = arguments else { return Ok(()) };
    let (text, from, to) = (text_of(limits, value)?, text_of(limits, from)?, text_of(limits, to)?);
    limits.spend(text.matches(from.as_str()).count().saturating_mul(to.len()))
}

/// `values | join(between)`.
pub(crate) fn measure_join(limits: &Limits, values: &Value, arguments: &[Value]) -> Result<(), Error> {
    let texts = |value: &Value| match value.kind() {
        ValueKind::Map => items(value).filter_map(|value| value.as_str().map(str::len)).max(),
        _ => value.as_str().map(str::len),
    };
    let between = arguments.iter().filter_map(texts).max().unwrap_or(0);
    for value in values.try_iter().into_iter().flatten() {
        limits.spend_deep(&value, 0)?;
        limits.spend(between)?;
    }
    Ok(())
}

/// `pattern | format(values)` and `pattern.format(values)`: widths are what grows.
pub(crate) fn measure_format(limits: &Limits, pattern: &Value, values: &[Value]) -> Result<(), Error> {
    let pattern = text_of(limits, pattern)?;
    for value in values {
        limits.spend_deep(value, 0)?;
    }
    let longest = values.iter().filter_map(|value| value.as_str().map(str::len)).max().unwrap_or(0);
    for field in pattern.split(['%', '{']).skip(1) {
        let spec = field.split([' ', '}']).next().unwrap_or_default();
        let numbers = spec.split(|character: char| !character.is_ascii_digit()).filter(|digits| !digits.is_empty());
        let mut width = numbers.map(|digits| digits.parse().unwrap_or(usize::MAX)).max().unwrap_or(0);
        // A width that is a value too: `%*d`, `{:{}}`.
        if spec.contains('*') || (spec.contains(':') && !field.contains([' ', '}'])) {
            width = width.max(largest(values).unwrap_or(0));
        }
        if width > MAX_COUNT {
            return Err(Excess::Text.into());
        }
        limits.spend(width.saturating_add(longest))?;
    }
    Ok(())
}

/// Filters of minijinja that can make much of little.
pub(crate) const MEASURED: &[(&str, Measure)] = &[
    ("indent", measure_indent),
    ("replace", measure_replace),
    ("join", measure_join),
    ("format", measure_format),
    ("batch", measure_counted),
    ("slice", measure_counted),
    ("list", measure_items),
    ("sort", measure_items),
    ("unique", measure_items),
    ("groupby", measure_items),
    ("sum", measure_text),
    ("string", measure_text),
    ("pprint", measure_text),
    // These make little, but read all that they are given.
    ("upper", measure_read),
    ("lower", measure_read),
    ("title", measure_read),
    ("capitalize", measure_read),
    ("trim", measure_read),
    ("reverse", measure_read),
    ("first", measure_characters),
    ("last", measure_characters),
    ("min", measure_read),
    ("max", measure_read),
    ("length", measure_characters),
    ("count", measure_characters),
    ("select", measure_read),
    ("reject", measure_read),
    ("selectattr", measure_read),
    ("rejectattr", measure_read),
    ("map", measure_read),
    ("escape", measure_read),
    ("e", measure_read),
    ("lines", measure_read),
    ("split", measure_read),
    ("zip", measure_read),
    ("items", measure_read),
    ("dictsort", measure_read),
];

/// Of a list these ask for its length or an end only.
fn measure_characters(limits: &Limits, value: &Value, _arguments: &[Value]) -> Result<(), Error> {
    value.as_str().map_or(Ok(()), |text| limits.spend(text.len()))
}

fn measure_read(limits: &Limits, value: &Value, _arguments: &[Value]) -> Result<(), Error> {
    limits.spend_shallow(value)
}
