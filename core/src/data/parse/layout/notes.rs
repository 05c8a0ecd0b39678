//! What is said of a table's layout: a first record that seems to be a header but is read as a row, and lines around the
//! header that are skipped.

use super::{Layout, line_of, num_known};
use crate::data::error::quote_name;
use crate::data::parse::records::Record;
use crate::words::plural;

/// Says that the first record looks like a header, but has fewer fields than the rows, where it is read as one of them.
pub(in crate::data::parse) fn note_narrow_header(
    text: &str,
    sample: &[Record<'_>],
    layout: &Layout,
    notes: &mut Vec<String>,
) {
    let Some(first) = sample.first().filter(|_| layout.header.is_none()) else { return };
    let width = first.fields.len();
    if width > 1 && width < layout.width && num_known(&first.fields) > 1 {
        let line = line_of(text.as_bytes(), first.start);
        let (names, usual) = (plural(width, "column"), layout.width);
        notes.push(format!(
            "line {line} seems to name {names}, but most rows have {usual} fields: do texts hold the delimiter without quotes around \
             them? Columns are numbered"
        ));
    }
}

/// Says which lines around the header are no rows.
pub(in crate::data::parse) fn note_skipped(
    text: &str,
    start: usize,
    sample: &[Record<'_>],
    layout: &Layout,
    notes: &mut Vec<String>,
) {
    let Some(header) = layout.header else { return };
    let is_blank = |line: &str| line.trim().is_empty();
    // Nothing but tabs may be a record with empty fields: that is said below.
    let is_of_blanks = |record: &&Record<'_>| text[record.start..].lines().next().is_some_and(is_blank);
    let num_of_blanks = sample[..header].iter().filter(is_of_blanks).count();
    let lines = text[start..sample[header].start].lines();
    let blank = lines.filter(|line| is_blank(line)).count().saturating_sub(num_of_blanks);
    if blank > 0 {
        let (lines, are) = (plural(blank, "blank line"), if blank == 1 { "is" } else { "are" });
        notes.push(format!("{lines} above the header {are} skipped"));
    }
    for record in &sample[..header] {
        let line = line_of(text.as_bytes(), record.start);
        let fields = plural(record.fields.len(), "field");
        let filled: Vec<&str> =
            record.fields.iter().map(|field| field.trim()).filter(|field| !field.is_empty()).collect();
        let what = match filled.as_slice() {
            [] => "it is empty".to_owned(),
            [only] => format!("it holds nothing but {}", quote_name(only)),
            [first, ..] if record.fields.len() == layout.width => {
                format!("the names of the columns stand below it ({} …)", quote_name(first))
            }
            [first, ..] => format!("it has {fields} where the table has {} ({} …)", layout.width, quote_name(first)),
        };
        notes.push(format!("line {line}, above the header, is skipped: {what}"));
    }
    for record in &sample[header + 1..layout.first_row] {
        let line = line_of(text.as_bytes(), record.start);
        notes.push(format!("line {line}, below the header, is skipped: it holds further names of the columns"));
    }
}
