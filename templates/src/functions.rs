//! What `transformers` adds to Jinja for chat templates: `tojson` as Python writes it, `raise_exception` and
//! `strftime_now`.

use std::io;

use minijinja::value::Kwargs;
use minijinja::{ErrorKind, Value};
use serde::Serialize;
use serde_json::ser::Formatter;

use crate::TemplateDate;
use crate::limits::{BoundedText, Excess, Limits};

pub(crate) fn raise_exception(message: String) -> Result<Value, minijinja::Error> {
    Err(minijinja::Error::new(ErrorKind::InvalidOperation, message))
}

/// Python's `json.dumps(value, ensure_ascii=False, indent=indent)`, within limits.
pub(crate) fn to_json(value: &Value, options: &Kwargs, limits: &Limits) -> Result<String, minijinja::Error> {
    let indent: Option<usize> = if options.has("indent") { options.get("indent")? } else { None };
    let mut json = BoundedText::new(|num_bytes: usize| limits.spend(num_bytes).is_ok());
    let written = if let Some(indent) = indent {
        let indent = " ".repeat(indent.min(64));
        let pretty = serde_json::ser::PrettyFormatter::with_indent(indent.as_bytes());
        value.serialize(&mut serde_json::Serializer::with_formatter(&mut json, pretty))
    } else {
        value.serialize(&mut serde_json::Serializer::with_formatter(&mut json, PythonFormatter))
    };
    match written {
        Ok(()) => Ok(json.into_text()),
        Err(_) if json.is_full => Err(Excess::Text.into()),
        Err(error) => Err(minijinja::Error::new(ErrorKind::BadSerialization, error.to_string())),
    }
}

/// One line, with a space after commas and colons.
struct PythonFormatter;

impl PythonFormatter {
    fn comma<W: ?Sized + io::Write>(writer: &mut W, first: bool) -> io::Result<()> {
        if first { Ok(()) } else { writer.write_all(b", ") }
    }
}

impl Formatter for PythonFormatter {
    fn begin_array_value<W: ?Sized + io::Write>(&mut self, writer: &mut W, first: bool) -> io::Result<()> {
        Self::comma(writer, first)
    }

    fn begin_object_key<W: ?Sized + io::Write>(&mut self, writer: &mut W, first: bool) -> io::Result<()> {
        Self::comma(writer, first)
    }

    fn begin_object_value<W: ?Sized + io::Write>(&mut self, writer: &mut W) -> io::Result<()> {
        writer.write_all(b": ")
    }
}

/// The parts of `strftime` that say a day; midnight where the time is asked for.
pub(crate) fn strftime(format: &str, date: TemplateDate) -> String {
    const MONTHS: [&str; 12] = [
        "January",
        "February",
        "March",
        "April",
        "May",
        "June",
        "July",
        "August",
        "September",
        "October",
        "November",
        "December",
    ];
    let TemplateDate { year, month, day } = date;
    let name = MONTHS[usize::from(month.clamp(1, 12)) - 1];
    let mut text = String::new();
    let mut characters = format.chars();
    while let Some(character) = characters.next() {
        if character != '%' {
            text.push(character);
            continue;
        }
        match characters.next() {
            Some('Y') => text += &year.to_string(),
            Some('y') => text += &format!("{:02}", year % 100),
            Some('m') => text += &format!("{month:02}"),
            Some('d') => text += &format!("{day:02}"),
            Some('B') => text += name,
            Some('b') => text += &name[..3],
            Some('H' | 'M' | 'S') => text += "00",
            Some('%') => text.push('%'),
            Some('-') => match characters.next() {
                Some('d') => text += &day.to_string(),
                Some('m') => text += &month.to_string(),
                other => text.extend(['%', '-'].into_iter().chain(other)),
            },
            other => text.extend(std::iter::once('%').chain(other)),
        }
    }
    text
}
