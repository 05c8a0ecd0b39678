//! What `transformers` adds to Jinja for chat templates: `tojson` as Python writes it, `raise_exception`, `strftime_now`,
//! and the tags of generation, which are read over.

use std::borrow::Cow;

use minijinja::value::Kwargs;
use minijinja::{ErrorKind, Value};
use serde::Serialize;
use serde_json::ser::Formatter;

use super::chat_template::TemplateDate;

/// `{% generation %}` (an extension of `transformers`) as a block that is always written.
pub(super) fn without_generation_tags(template: &str) -> Cow<'_, str> {
    if !template.contains("generation") {
        return Cow::Borrowed(template);
    }
    let mut plain = String::with_capacity(template.len());
    let mut rest = template;
    while let Some(start) = rest.find("{%") {
        let Some(length) = rest[start..].find("%}") else { break };
        let (before, tag) = (&rest[..start + 2], &rest[start + 2..start + length]);
        plain.push_str(before);
        match tag.trim_matches(|character: char| character.is_whitespace() || matches!(character, '-' | '+')) {
            "generation" => plain.push_str(&tag.replace("generation", "if true")),
            "endgeneration" => plain.push_str(&tag.replace("endgeneration", "endif")),
            _ => plain.push_str(tag),
        }
        rest = &rest[start + length..];
    }
    plain.push_str(rest);
    Cow::Owned(plain)
}

pub(super) fn raise_exception(message: String) -> Result<Value, minijinja::Error> {
    Err(minijinja::Error::new(ErrorKind::InvalidOperation, message))
}

/// Python's `json.dumps(value, ensure_ascii=False, indent=indent)`.
pub(super) fn to_json(value: Value, options: Kwargs) -> Result<String, minijinja::Error> {
    let failed = |error: serde_json::Error| minijinja::Error::new(ErrorKind::BadSerialization, error.to_string());
    let indent: Option<usize> = if options.has("indent") { options.get("indent")? } else { None };
    let mut json = Vec::new();
    if let Some(indent) = indent {
        let indent = " ".repeat(indent.min(64));
        let pretty = serde_json::ser::PrettyFormatter::with_indent(indent.as_bytes());
        value.serialize(&mut serde_json::Serializer::with_formatter(&mut json, pretty)).map_err(failed)?;
    } else {
        value.serialize(&mut serde_json::Serializer::with_formatter(&mut json, PythonFormatter)).map_err(failed)?;
    }
    Ok(String::from_utf8_lossy(&json).into_owned())
}

/// One line, with a space after commas and colons.
struct PythonFormatter;

impl PythonFormatter {
    fn comma<W: ?Sized + std::io::Write>(writer: &mut W, first: bool) -> std::io::Result<()> {
        if first { Ok(()) } else { writer.write_all(b", ") }
    }
}

impl Formatter for PythonFormatter {
    fn begin_array_value<W: ?Sized + std::io::Write>(&mut self, writer: &mut W, first: bool) -> std::io::Result<()> {
        Self::comma(writer, first)
    }

    fn begin_object_key<W: ?Sized + std::io::Write>(&mut self, writer: &mut W, first: bool) -> std::io::Result<()> {
        Self::comma(writer, first)
    }

    fn begin_object_value<W: ?Sized + std::io::Write>(&mut self, writer: &mut W) -> std::io::Result<()> {
        writer.write_all(b": ")
    }
}

/// The parts of `strftime` that say a day; midnight where the time is asked for.
pub(super) fn strftime(format: &str, date: TemplateDate) -> String {
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
