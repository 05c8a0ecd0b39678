//! Where the table of a delimited file begins: a declaration of the delimiter, lines above the header that are no rows,
//! the header, and further rows of names below it.
//!
//! In: the first records. Out: [`Layout`], how many fields a row has and which record names the columns. Only what can't
//! be a row is skipped, and only above a header that is recognised.

mod notes;

use std::borrow::Cow;
use std::collections::{HashMap, HashSet};

use super::column_names::is_known;
use super::header::{has_header, num_further_headers};
use super::records::{Record, Records};
use crate::config::ReadOptions;
use crate::data::error::DataError;

pub(super) use notes::{note_narrow_header, note_skipped};

/// Records above a header that are looked past.
const MAX_ABOVE: usize = 20;

/// Rows that show that each has a name of its own.
const MIN_NAMED_ROWS: usize = 4;

type Fields<'t> = [Cow<'t, str>];

/// How the first records of a file are read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Layout {
    /// Fields of a row.
    pub(super) width: usize,
    /// The record that names the columns, by its index among those that are not blank.
    pub(super) header: Option<usize>,
    /// The header begins with the second column: the first holds row numbers.
    pub(super) skips_row_numbers: bool,
    /// The first record that can be a row.
    pub(super) first_row: usize,
}

/// A spreadsheet's own declaration in the first line, `sep=;`: the delimiter, and where the next line begins.
pub(super) fn declared_delimiter(text: &str) -> Option<(char, usize)> {
    let end = text.find(['\n', '\r']).unwrap_or(text.len());
    let line = text[..end].trim_matches([' ', '"']);
    let (key, value) = line.split_at_checked(4)?;
    let delimiter = value.chars().next()?;
    // The delimiter may come again, once for every column.
    let is_declaration = key.eq_ignore_ascii_case("sep=")
        && !delimiter.is_alphanumeric()
        && delimiter != '"'
        && value.chars().all(|other| other == delimiter);
    let line_end = if text[end..].starts_with("\r\n") { 2 } else { usize::from(end < text.len()) };
    is_declaration.then_some((delimiter, end + line_end))
}

/// Where row `row` of a file begins, as a person counts, if `num_above` rows stand above the first of `records`.
///
/// # Errors
/// When there is no such row, or nothing is in it.
pub(super) fn start_of_row(records: Records<'_>, num_above: usize, row: usize) -> Result<usize, DataError> {
    let mut num_rows = num_above;
    for record in records {
        num_rows += 1;
        if num_rows >= row {
            let is_it = num_rows == row && num_filled(&record.fields) > 0;
            return if is_it { Ok(record.start) } else { Err(DataError::EmptyHeaderRow { row }) };
        }
    }
    Err(DataError::NoHeaderRow { row, num_rows })
}

/// The layout of records of which the first names the columns, because a person says so.
pub(super) fn layout_below_header(sample: &[Record<'_>]) -> Layout {
    let records: Vec<&Fields<'_>> = sample.iter().map(|record| record.fields.as_slice()).collect();
    let below = &records[1..];
    let width = table_width(records[0], if below.is_empty() { &records[..] } else { below });
    Layout {
        width,
        header: Some(0),
        skips_row_numbers: lacks_row_numbers(records[0], below, width),
        first_row: 1 + heads(records[0], below, width).unwrap_or(0),
    }
}

/// Finds the header among the first records (at least one), which are not blank. `asked` is what the person says about
/// it.
pub(super) fn find_layout(sample: &[Record<'_>], asked: Option<bool>) -> Layout {
    let records: Vec<&Fields<'_>> = sample.iter().map(|record| record.fields.as_slice()).collect();
    let below = &records[1..];
    let width = table_width(records[0], if below.is_empty() { &records[..] } else { below });
    let without = Layout { width, header: None, skips_row_numbers: false, first_row: 0 };
    if asked == Some(false) {
        return without;
    }
    if let Some((index, width)) = find_wide_header(&records, width, asked) {
        return Layout { width, header: Some(index), skips_row_numbers: false, first_row: index + 1 };
    }
    let mut short_header = None;
    for (index, record) in records.iter().enumerate().take(MAX_ABOVE + 1) {
        let lacks_cells = lacks_cells(record, &records[index + 1..], width);
        if let Some(further) = heads(record, &records[index + 1..], width) {
            let found = Layout { header: Some(index), first_row: index + 1 + further, ..without };
            if !lacks_cells || record.iter().any(|name| is_known(name)) {
                return found;
            }
            // A note of two cells above the table may look like names: the first, unless a whole header follows.
            short_header.get_or_insert(found);
            continue;
        }
        if is_row(record, width) && !lacks_cells && !is_title_of(record, &records[index + 1..], width) {
            break;
        }
    }
    if let Some(found) = short_header {
        return found;
    }
    if lacks_row_numbers(records[0], below, width) {
        return Layout { header: Some(0), skips_row_numbers: true, first_row: 1, ..without };
    }
    if asked == Some(true) {
        let is_title = |record: &&Fields<'_>| num_filled(record) <= usize::from(width > 1);
        let index = records.iter().take(MAX_ABOVE + 1).position(|record| !is_title(record)).unwrap_or(0);
        return Layout { header: Some(index), first_row: index + 1, ..without };
    }
    without
}

/// [`find_layout`] of a file of which a person, or the job of a model, asks for columns by their names: where nothing else shows a
/// header and nobody says whether there is one, the first row is it if it holds one of these names.
pub(super) fn find_named_layout(sample: &[Record<'_>], read: &ReadOptions) -> Layout {
    let found = find_layout(sample, read.has_header);
    let names = asked_names(read);
    if found.header.is_some() || read.has_header.is_some() || names.is_empty() {
        return found;
    }
    let layout = find_layout(sample, Some(true));
    let holds_name = |index: usize| sample[index].fields.iter().any(|cell| names.contains(&cell.trim().to_lowercase()));
    if layout.header.is_some_and(holds_name) { layout } else { found }
}

/// The columns of rows that are asked for by their names, in small letters. Numbers are none: they are likely values.
fn asked_names(read: &ReadOptions) -> Vec<String> {
    let columns = [
        &read.text_column,
        &read.text_pair_column,
        &read.negative_column,
        &read.label_column,
        &read.tokens_column,
        &read.sentence_column,
        &read.question_column,
        &read.context_column,
        &read.answer_column,
        &read.target_column,
        &read.image_column,
        &read.prompt_column,
        &read.input_column,
        &read.completion_column,
        &read.messages_column,
    ];
    let names = columns.into_iter().flatten().chain(&read.label_columns).map(|name| name.trim().to_lowercase());
    names.filter(|name| !name.is_empty() && name.parse::<f64>().is_err()).collect()
}

/// A header with more names than most rows have fields, because these lack their last cells, as spreadsheets write rows in which these
/// are empty: its index, and how many columns it names. It is the first record that is no title; its names are known, or some rows
/// have a field for each of them and show that they are names.
fn find_wide_header(records: &[&Fields<'_>], usual: usize, asked: Option<bool>) -> Option<(usize, usize)> {
    let index = records.iter().take(MAX_ABOVE + 1).position(|record| num_filled(record) > 1)?;
    let (header, below) = (records[index], &records[index + 1..]);
    let width = header.iter().rposition(|name| !name.trim().is_empty())? + 1;
    if width <= usual || below.is_empty() {
        return None;
    }
    let header = &header[..width];
    let rows = below.iter().filter(|row| row.len() <= width || fields_of(row, width).is_some());
    let rows = rows.filter(|row| !repeats_header(header, row));
    let cells = |row: &&Fields<'_>| {
        (0..width).map(|column| row.get(column).map_or("", |cell| cell.trim()).to_owned()).collect()
    };
    let rows: Vec<Vec<String>> = rows.map(cells).collect();
    let names: Vec<String> = header.iter().map(|name| name.trim().to_owned()).collect();
    let comes_back = |column: usize| !names[column].is_empty() && rows.iter().any(|row| row[column] == names[column]);
    if num_known(header) > 1 && !(0..width).any(comes_back) {
        return Some((index, width));
    }
    // Else the first row may be a text with the delimiter in it: `Thanks, it works,praise`.
    let is_text = header[1..].iter().any(|name| name.starts_with(' '));
    let num_full = below.iter().filter(|row| fields_of(row, width).is_some()).count();
    let is_header = !is_text && num_full > 0 && (asked == Some(true) || has_header(&names, &rows));
    is_header.then_some((index, width))
}

/// The number of fields that most records have, without columns at the end that are empty in all and not in `first`.
fn table_width(first: &Fields<'_>, records: &[&Fields<'_>]) -> usize {
    let usual = usual_width(records.iter().map(|record| record.len()));
    let is_empty = |column: usize| {
        records.iter().filter(|record| record.len() == usual).all(|record| record[column].trim().is_empty())
    };
    let mut width = usual;
    while width > first.len() && is_empty(width - 1) {
        width -= 1;
    }
    width
}

/// The number that occurs most often, the smaller one where two do.
pub(super) fn usual_width(widths: impl Iterator<Item = usize>) -> usize {
    let mut counts: HashMap<usize, usize> = HashMap::new();
    for width in widths {
        *counts.entry(width).or_default() += 1;
    }
    let usual = counts.into_iter().max_by_key(|&(width, count)| (count, std::cmp::Reverse(width)));
    usual.map_or(1, |(width, _)| width)
}

/// The fields of a record as wide as the table; those too many at the end are empty.
fn fields_of<'r, 't>(record: &'r Fields<'t>, width: usize) -> Option<&'r Fields<'t>> {
    let (fields, more) = record.split_at_checked(width)?;
    more.iter().all(|field| field.trim().is_empty()).then_some(fields)
}

fn num_filled(fields: &Fields<'_>) -> usize {
    fields.iter().filter(|field| !field.trim().is_empty()).count()
}

fn has_cell(fields: &Fields<'_>, column: usize) -> bool {
    !fields[column].trim().is_empty()
}

/// Whether a record may be a row: as wide as the table, with more in it than a title.
fn is_row(record: &Fields<'_>, width: usize) -> bool {
    fields_of(record, width).is_some_and(|fields| num_filled(fields) > usize::from(width > 1))
}

/// Whether a record is as wide as the table but without cells that most rows below it have: at its end, or half of
/// them. So spreadsheets write a title or a note above a table, `Generated on,2025-03-31,,`.
fn lacks_cells(record: &Fields<'_>, below: &[&Fields<'_>], width: usize) -> bool {
    let Some(fields) = fields_of(record, width) else { return false };
    let rows: Vec<&Fields<'_>> =
        below.iter().filter(|row| is_row(row, width)).filter_map(|row| fields_of(row, width)).collect();
    let is_usual = |column: &usize| 2 * rows.iter().filter(|row| has_cell(row, *column)).count() > rows.len();
    let usual: Vec<usize> = (0..width).filter(is_usual).collect();
    let num_lacking = usual.iter().filter(|&&column| !has_cell(fields, column)).count();
    usual.last().is_some_and(|&last| !has_cell(fields, last)) || (num_lacking > 0 && num_lacking * 2 >= usual.len())
}

/// Whether a record that may be a row is a title, which holds the delimiter by chance or has a gap (`Tickets,,2025`): the
/// names of the columns stand right below it. Without a gap, only names that are known show that.
fn is_title_of(record: &Fields<'_>, below: &[&Fields<'_>], width: usize) -> bool {
    let [next, rows @ ..] = below else { return false };
    let are_known = || next.iter().filter(|name| is_known(name)).count() >= 2;
    (are_known() || has_gap(record, below, width)) && heads(next, rows, width).is_some()
}

/// Whether a record lacks a cell that every record below it has, and nothing that it holds comes again: a row without
/// its label lacks one too, and a table may have a column that is filled now and then.
fn has_gap(record: &Fields<'_>, below: &[&Fields<'_>], width: usize) -> bool {
    let Some(fields) = fields_of(record, width) else { return false };
    let rows: Vec<&Fields<'_>> = below.iter().filter_map(|row| fields_of(row, width)).collect();
    let lacks = |column: usize| !has_cell(fields, column) && rows.iter().all(|row| has_cell(row, column));
    let comes_again =
        |column: usize| has_cell(fields, column) && rows.iter().any(|row| row[column].trim() == fields[column].trim());
    !rows.is_empty() && (0..width).any(lacks) && !(0..width).any(comes_again)
}

/// Whether a record names the columns of those below it; with the number of further rows of names.
fn heads(record: &Fields<'_>, below: &[&Fields<'_>], width: usize) -> Option<usize> {
    let fields = fields_of(record, width)?;
    // A title that a spreadsheet wrote with all its empty cells.
    if width > 1 && num_filled(fields) < 2 && !fields.iter().any(|field| is_known(field)) {
        return None;
    }
    // Empty lines and sums at the end of a spreadsheet say nothing about its columns, nor does the header of a file that
    // was appended.
    let rows = below.iter().filter(|record| is_row(record, width) && !repeats_header(fields, record));
    let rows: Vec<&Fields<'_>> = rows.filter_map(|record| fields_of(record, width)).collect();
    let are_next = below.iter().take(2).all(|record| fields_of(record, width).is_some());
    let further = if are_next { num_further_headers::<Cow<'_, str>, _>(&rows) } else { 0 };
    // Two such rows are a survey tool's mark: its short names need no other evidence.
    (further == 2 || has_header(fields, &rows[further..])).then_some(further)
}

/// Whether a record is the header once more, as where files were put one behind the other.
pub(super) fn repeats_header<A: AsRef<str>, B: AsRef<str>>(header: &[A], record: &[B]) -> bool {
    let is_same = |(name, cell): (&A, &B)| name.as_ref().trim() == cell.as_ref().trim();
    header.len() <= record.len()
        && header.iter().zip(record).all(is_same)
        && header.iter().filter(|name| is_known(name.as_ref())).count() >= 2
}

/// Whether the first record names all columns but the first, which numbers or names the rows, as R writes tables.
fn lacks_row_numbers(first: &Fields<'_>, below: &[&Fields<'_>], width: usize) -> bool {
    if first.len() + 1 != width || below.is_empty() {
        return false;
    }
    let rows: Vec<&Fields<'_>> = below.iter().filter_map(|record| fields_of(record, width)).collect();
    let numbers: Option<Vec<u64>> = rows.iter().map(|row| row[0].trim().parse().ok()).collect();
    let ascend = |numbers: Vec<u64>| numbers.windows(2).all(|pair| pair[0] < pair[1]);
    let are_names = || {
        let names: Vec<&str> = rows.iter().map(|row| row[0].trim()).collect();
        let is_word = |name: &&str| !name.is_empty() && !name.contains(char::is_whitespace);
        let num_different = names.iter().collect::<HashSet<_>>().len();
        names.len() >= MIN_NAMED_ROWS
            && num_different == names.len()
            && names.iter().all(is_word)
            && num_known(first) > 1
            // Else it is a text with the delimiter in it: `Thanks, it works,praise`.
            && !rows.iter().any(|row| row[1].starts_with(' '))
    };
    let mut fields = vec![Cow::Borrowed("")];
    fields.extend(first.iter().cloned());
    (numbers.is_some_and(ascend) || are_names()) && has_header(&fields, &rows)
}

/// How many cells are names that columns of texts and labels have.
pub(super) fn num_known(fields: &Fields<'_>) -> usize {
    fields.iter().filter(|name| is_known(name)).count()
}

/// Number of the line, from 1, in which an offset lies.
pub(super) fn line_of(bytes: &[u8], offset: usize) -> usize {
    let ends = bytes[..offset].iter().zip(1..).filter(|&(&byte, next)| match byte {
        b'\n' => true,
        b'\r' => bytes.get(next) != Some(&b'\n'),
        _ => false,
    });
    ends.count() + 1
}

#[cfg(test)]
mod tests;
