//! JSON values one after another, however lines divide them.

use super::builder::Builder;
use super::item::{first_value, is_gap, message_of};
use crate::data::error::DataError;
use crate::data::parse::{Format, Table};

/// What numbers the rows of values one after another.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Numbers {
    /// The line on which a value starts.
    Lines,
    /// Their order.
    Order,
}

/// Reads values one after another; `None` if two of them start on one line and lines are to number them.
///
/// A line is tried first: what is wrong with one costs that line only. Where a line ends within a value, the value may
/// go on below it.
pub(super) fn read_values<const KEEP: bool>(text: &str, numbers: Numbers) -> Result<Option<Table>, DataError> {
    let format = if numbers == Numbers::Lines { Format::Jsonl } else { Format::Json };
    let mut builder = Builder::new(format, text.len());
    let mut lines = Lines::new(text);
    let (mut at, mut last_line, mut count) = (0, 0, 0);
    // Text may be read again after a value that is never closed, but not without end.
    let mut again = 4 * text.len();
    loop {
        let Some(gap) = text[at..lines.end].find(|character: char| !is_gap(character)) else {
            if !lines.advance() {
                break;
            }
            at = lines.start;
            continue;
        };
        let start = at + gap;
        if numbers == Numbers::Lines && last_line == lines.number {
            return Ok(None);
        }
        (last_line, count) = (lines.number, count + 1);
        let number = if numbers == Numbers::Lines { lines.number } else { count };
        let line = &text[start..lines.end];
        let indent = &text[lines.start..start];
        let mut is_pretty = false;
        let found = match first_value(line) {
            Err(error) if error.is_eof() && lines.end < text.len() && again > 0 => {
                // The brace of an object written over many lines stands alone.
                is_pretty = line.trim_end() == "{" && indent.trim().is_empty();
                first_value(&text[start..]).map_err(|whole| {
                    again = again.saturating_sub(scanned(&text[start..], &whole));
                    if is_pretty { in_lines(&whole, lines.number) } else { in_line(&error, line, indent.len()) }
                })
            }
            found => found.map_err(|error| in_line(&error, line, indent.len())),
        };
        let reason = match found {
            Ok((item, end)) => {
                at = start + end;
                lines.go_to(at);
                let rest = text[at..lines.end].trim_start_matches(is_gap);
                if rest.is_empty() || rest.starts_with('{') {
                    builder.add::<KEEP>(number, item)?;
                    continue;
                }
                format!("malformed JSON at column {}: trailing characters", lines.end - rest.len() - lines.start + 1)
            }
            Err(reason) => reason,
        };
        builder.table.add_bad(number, reason);
        // An object written over many lines ends at the latest where another begins, indented alike.
        at = text.len();
        while lines.advance() {
            let next = &text[lines.start..lines.end];
            if !is_pretty || next.strip_prefix(indent).is_some_and(|next| next.starts_with('{')) {
                at = lines.start;
                break;
            }
        }
    }
    if numbers == Numbers::Order {
        builder.table.notes.push("several objects stand on a line: rows are numbered in their order".into());
    }
    builder.finish().map(Some)
}

/// The lines of a text, one at a time.
struct Lines<'t> {
    text: &'t str,
    start: usize,
    end: usize,
    /// From 1.
    number: usize,
}

impl<'t> Lines<'t> {
    /// At the first line.
    fn new(text: &'t str) -> Self {
        Self { text, start: 0, end: text.find('\n').unwrap_or(text.len()), number: 1 }
    }

    /// Goes to the next line, if there is one.
    fn advance(&mut self) -> bool {
        if self.end >= self.text.len() {
            return false;
        }
        self.start = self.end + 1;
        self.end = self.text[self.start..].find('\n').map_or(self.text.len(), |found| self.start + found);
        self.number += 1;
        true
    }

    /// Goes on to the line that holds an offset.
    fn go_to(&mut self, offset: usize) {
        while offset > self.end && self.advance() {}
    }
}

/// How many bytes were read until an error.
fn scanned(text: &str, error: &serde_json::Error) -> usize {
    let lines = text.split_inclusive('\n').take(error.line().saturating_sub(1));
    lines.map(str::len).sum::<usize>() + error.column()
}

/// What is wrong with a line, of which `before` bytes were not given to the parser.
fn in_line(error: &serde_json::Error, line: &str, before: usize) -> String {
    let column = error.column().min(line.trim_end().len()) + before;
    format!("malformed JSON at column {column}: {}", message_of(error))
}

/// What is wrong with an object that starts on line `first` and goes on below it.
fn in_lines(error: &serde_json::Error, first: usize) -> String {
    let line = first + error.line().saturating_sub(1);
    format!("malformed JSON at line {line}, column {}: {}", error.column(), message_of(error))
}
