//! Delimited text to a [`Table`]: guesses delimiter, quoting and header, then reads every record once.

mod broken_lines;

use std::borrow::Cow;
use std::collections::HashMap;
use std::ops::Range;

use self::broken_lines::{BROKEN, find_broken};
use super::column_names::is_known;
use super::header::note_on_first_row;
use super::layout::{
    declared_delimiter, find_named_layout, layout_below_header, note_narrow_header, note_skipped, num_known,
    repeats_header, start_of_row, usual_width,
};
use super::records::{Flaw, MAX_FIELDS, Record, Records};
use super::{DELIMITED_ENDINGS, Format, Row, Table, extension};
use crate::config::ReadOptions;
use crate::data::error::{DataError, quote_name};
use crate::words::{list, plural};

/// Records looked at to guess the delimiter.
const DELIMITER_SAMPLE: usize = 50;

/// Bytes looked at to guess the delimiter.
const DELIMITER_BYTES: usize = 256 << 10;

/// Records looked at to guess the header and the number of fields.
const HEADER_SAMPLE: usize = 1000;

/// Most columns a file may have.
const MAX_COLUMNS: usize = 1024;

/// Cells that may be filled in at the ends of rows in any file; others get one for each byte of theirs at most: nearly empty rows below
/// a long header would take a thousand times the file.
const FREE_CELLS: usize = 1 << 20;

/// Rows without their last cells whose numbers are named.
const MAX_NAMED_SHORT: usize = 10;

/// Columns with made-up names that are listed one by one.
const MAX_RENAMED: usize = 10;

/// Delimiters that are tried, with what each is worth where the evidence is the same: tabs hardly occur in texts.
const DELIMITERS: [(char, f64); 4] = [('\t', 0.03), (',', 0.02), (';', 0.01), ('|', 0.0)];

/// Reads the file.
pub(super) fn parse(name: &str, text: &str, read: &ReadOptions) -> Result<Table, DataError> {
    parse_located(name, text, read).map(|located| located.table)
}

/// A file, and where its rows stand.
pub(super) struct Located {
    pub(super) table: Table,
    /// Of each row, its line end included.
    pub(super) spans: Vec<Range<usize>>,
    /// Of each row that can't be read, by its number.
    pub(super) bad_spans: Vec<(usize, Range<usize>)>,
    /// Of the row that names the columns, its line end included.
    pub(super) header: Option<Range<usize>>,
    /// Between fields; one that can't occur where there is one column.
    pub(super) separator: char,
    /// Quotes delimit fields.
    pub(super) is_quoted: bool,
    /// They are single ones.
    pub(super) has_single_quotes: bool,
}

/// Reads the file, and says where its rows stand.
pub(super) fn parse_located(name: &str, text: &str, read: &ReadOptions) -> Result<Located, DataError> {
    if let Some(swapped) = with_single_quotes_swapped(name, text, read) {
        let mut located = read_located(name, &swapped, read)?;
        let Table { columns, rows, notes, .. } = &mut located.table;
        for cell in columns.iter_mut().chain(rows.iter_mut().flat_map(|row| &mut row.cells)) {
            if cell.contains('"') {
                *cell = cell.replace('"', "'");
            }
        }
        notes.push("its fields stand in single quotes, which are not read as letters of them".into());
        located.has_single_quotes = true;
        return Ok(located);
    }
    let Some(doubled) = with_doubled_quotes(name, text, read) else { return read_located(name, text, read) };
    let mut located = read_located(name, &doubled, read)?;
    let note = "a quote behind a backslash is read as a quote within its field: the quotes of the file add up only so";
    located.table.notes.push(note.into());
    Ok(located)
}

/// The text with double quotes in the place of single ones, where it has none itself, and single ones stand around fields of nearly
/// every row and add up. All else stands where it stood.
fn with_single_quotes_swapped(name: &str, text: &str, read: &ReadOptions) -> Option<String> {
    if text.contains('"') || !text.contains('\'') || matches!(read.delimiter, Some('\'' | '"' | '\n' | '\r')) {
        return None;
    }
    let adds_up = |swapped: &str| {
        let delimiter = read.delimiter.or_else(|| guess_delimiter(name, swapped));
        let tally = Tally::of(swapped, delimiter.unwrap_or('\0'), true);
        // A header may stand without.
        tally.records > 2 && tally.flawed == 0 && (tally.clean + tally.multiline + 1) * 10 >= tally.records * 9
    };
    // Of most files the start is enough to tell.
    let swap = |text: &str| text.replace('\'', "\"");
    if !adds_up(&swap(sample_of(text))) {
        return None;
    }
    Some(swap(text)).filter(|swapped| adds_up(swapped))
}

/// The text with two quotes in the place of a backslash and a quote, which MySQL and Spark write, where its quotes do not add up
/// without that and do with it. All else stands where it stood.
fn with_doubled_quotes(name: &str, text: &str, read: &ReadOptions) -> Option<String> {
    if !text.contains(r#"\""#) || matches!(read.delimiter, Some('"' | '\n' | '\r')) {
        return None;
    }
    let tally = |text: &str| {
        let delimiter = read.delimiter.or_else(|| guess_delimiter(name, text));
        Tally::of(text, delimiter.unwrap_or('\0'), true)
    };
    let before = tally(text);
    if before.flawed == 0 {
        return None;
    }
    let mut doubled = String::with_capacity(text.len());
    let mut letters = text.chars();
    while let Some(letter) = letters.next() {
        match (letter, if letter == '\\' { letters.next() } else { None }) {
            ('\\', Some('"')) => doubled.push_str("\"\""),
            (letter, after) => doubled.extend([Some(letter), after].into_iter().flatten()),
        }
    }
    let after = tally(&doubled);
    (after.flawed == 0 && after.uneven <= before.uneven).then_some(doubled)
}

fn read_located(name: &str, text: &str, read: &ReadOptions) -> Result<Located, DataError> {
    let declared = declared_delimiter(text);
    let start = declared.map_or(0, |(_, end)| end);
    if text[start..].trim().is_empty() {
        return Err(DataError::Empty);
    }
    if let Some(delimiter @ ('"' | '\n' | '\r')) = read.delimiter {
        return Err(DataError::BadDelimiter { delimiter });
    }
    let asked = read.delimiter.or(declared.map(|(delimiter, _)| delimiter));
    // A file of one column is read with a delimiter that can't occur in it.
    let peek = |delimiter: Option<char>, start: usize| {
        let separator = delimiter.unwrap_or('\0');
        let quoting = means_quotes(&text[start..], separator);
        (Records::peek(text, separator, quoting).starting_at(start), separator, quoting)
    };
    let mut notes = Vec::new();
    if let Some((delimiter, _)) = declared {
        notes.push(format!("line 1 is skipped: it declares the delimiter {delimiter:?}"));
    }
    let num_declared = usize::from(declared.is_some());
    let (start, num_above) = match read.header_row {
        None => (start, num_declared),
        Some(row) => {
            let delimiter = asked.or_else(|| guess_delimiter(name, &text[start..]));
            let start = start_of_row(peek(delimiter, start).0, num_declared, row)?;
            match row - 1 - num_declared {
                0 => {}
                1 => notes.push(format!("row {} is skipped: it stands above the header", row - 1)),
                _ => notes.push(format!(
                    "rows {} to {} are skipped: they stand above the header",
                    num_declared + 1,
                    row - 1
                )),
            }
            (start, row - 1)
        }
    };
    let delimiter = asked.or_else(|| guess_delimiter(name, &text[start..]));
    let (records, separator, quoting) = peek(delimiter, start);
    let sample: Vec<Record<'_>> = records.clone().filter(|record| !record.is_blank()).take(HEADER_SAMPLE + 1).collect();
    let layout =
        if read.header_row.is_some() { layout_below_header(&sample) } else { find_named_layout(&sample, read) };
    if read.has_header != Some(false) {
        note_narrow_header(text, &sample, &layout, &mut notes);
    }
    let header = layout.header.map(|index| {
        note_skipped(text, start, &sample, &layout, &mut notes);
        let mut records = Records::new(text, separator, quoting).starting_at(sample[index].start);
        records.next().map(|record| record.fields).unwrap_or_default()
    });
    let columns = match header {
        Some(mut header) => {
            if layout.skips_row_numbers {
                header.insert(0, Cow::Borrowed(""));
                notes.push(
                    "the header has a name less than the rows have fields: the first are numbers or names of rows"
                        .into(),
                );
            }
            while header.len() > layout.width && header.last().is_some_and(|cell| cell.trim().is_empty()) {
                header.pop();
            }
            name_columns(&header, layout.width, &mut notes)
        }
        None => (1..=layout.width).map(|number| format!("column {number}")).collect(),
    };
    if columns.len() > MAX_COLUMNS {
        return Err(DataError::TooManyColumns { limit: MAX_COLUMNS });
    }
    let mut table = Table::new(Format::Csv, delimiter, layout.header.is_some(), columns);
    table.notes = notes;
    table.header_row = layout.header.map(|index| {
        let header = sample[index].start;
        num_above + records.take_while(|record| record.start <= header).count()
    });
    let header = layout.header.map(|index| {
        let start = sample[index].start;
        let mut records = Records::new(text, separator, quoting).starting_at(start);
        records.next();
        start..records.offset()
    });
    let first_row = sample.get(layout.first_row).map_or(text.len(), |record| record.start);
    drop(sample);
    let records = Records::new(text, separator, quoting).starting_at(start);
    let (spans, bad_spans) = read_rows(&mut table, text, records, num_above, first_row);
    if !table.has_header && read.has_header.is_none() {
        let note = note_on_first_row(&table);
        table.notes.extend(note);
    }
    let (table, is_quoted, has_single_quotes) = (table.checked()?, quoting, false);
    Ok(Located { table, spans, bad_spans, header, separator, is_quoted, has_single_quotes })
}

/// Where good rows stand, and bad ones by their numbers.
type Places = (Vec<Range<usize>>, Vec<(usize, Range<usize>)>);

/// Reads the records from `first_row` (an offset) on; `number` rows stand above the first record. Returns where they stand. Below a
/// header, rows may lack their last cells.
fn read_rows(table: &mut Table, text: &str, mut records: Records<'_>, mut number: usize, first_row: usize) -> Places {
    let (mut spans, mut bad_spans) = (Vec::new(), Vec::new());
    let width = table.columns.len();
    let mut short = Vec::new();
    let mut num_free = if table.has_header { FREE_CELLS.max(text.len()) } else { 0 };
    // Lines may be read again after a quote that is never closed, but not without end.
    let mut again = 4 * text.len();
    while let Some(record) = records.next() {
        number += 1;
        if record.start < first_row || record.is_blank() {
            continue;
        }
        let swallowed = record.flaw.is_some() && (record.multiline || record.flaw == Some(Flaw::Unclosed));
        if swallowed && (record.fields.len() != width || record.flaw == Some(Flaw::Unclosed)) && again > 0 {
            again = again.saturating_sub(records.restart_after_line(record.start));
            table.add_bad(number, "a quoted field starts here and is never properly closed".into());
            bad_spans.push((number, record.start..records.offset()));
            continue;
        }
        let start = record.start;
        let mut add_bad = |table: &mut Table, reason: String| {
            table.add_bad(number, reason);
            bad_spans.push((number, start..records.offset()));
        };
        let num_lacking = width.saturating_sub(record.fields.len());
        match fit(record, width, num_lacking <= num_free) {
            Ok(cells) if table.has_header && repeats_header(&table.columns, &cells) => {
                add_bad(table, "it names the columns once more".into());
            }
            Ok(cells) if table.rows.is_empty() && table.has_header && is_rule_of_markdown(&cells) => {
                let note =
                    format!("row {number} is skipped: it is the line of dashes below the header of a Markdown table");
                table.notes.push(note);
            }
            Ok(cells) => {
                if num_lacking > 0 {
                    num_free -= num_lacking;
                    short.push(table.rows.len());
                }
                table.rows.push(Row { number, cells, nested: Vec::new() });
                spans.push(start..records.offset());
            }
            Err(reason) => add_bad(table, reason),
        }
    }
    let broken = find_broken(&table.rows, &short);
    short.retain(|index| broken.binary_search(index).is_err());
    let num_short = short.len();
    if num_short > 0 {
        let (have, end) = if num_short == 1 { ("has", "its end") } else { ("have", "their ends") };
        let named: Vec<String> =
            short.iter().take(MAX_NAMED_SHORT).map(|&index| table.rows[index].number.to_string()).collect();
        let (rows, numbers) = (plural(num_short, "row"), list(&named, num_short));
        table.notes.push(format!(
            "{rows} {have} fewer cells than the header has names: those left out at {end} are read as empty ({} {numbers})",
            if num_short == 1 { "row" } else { "rows" }
        ));
    }
    if !broken.is_empty() {
        let rows = std::mem::take(&mut table.rows).into_iter().zip(std::mem::take(&mut spans));
        for (index, (row, span)) in rows.enumerate() {
            if broken.binary_search(&index).is_ok() {
                table.add_bad(row.number, BROKEN.into());
                bad_spans.push((row.number, span));
            } else {
                table.rows.push(row);
                spans.push(span);
            }
        }
        table.bad_rows.sort_by_key(|bad| bad.row);
        bad_spans.sort_by_key(|(number, _)| *number);
    }
    (spans, bad_spans)
}

/// Whether cells hold nothing but dashes, with colons where Markdown aligns a column: `---`, `:--`, `:-:`.
fn is_rule_of_markdown(cells: &[String]) -> bool {
    let is_rule = |cell: &&str| {
        let dashes = cell.strip_prefix(':').unwrap_or(cell);
        let dashes = dashes.strip_suffix(':').unwrap_or(dashes);
        !dashes.is_empty() && dashes.bytes().all(|byte| byte == b'-')
    };
    let mut filled = cells.iter().map(|cell| cell.trim()).filter(|cell| !cell.is_empty()).peekable();
    filled.peek().is_some() && filled.all(|cell| is_rule(&cell) && cell.len() > 1)
}

/// The record's cells, if there are as many as columns; empty ones too many at the end are dropped. Those that are missing there are
/// empty where `may_be_short`, as spreadsheets leave them out, unless the record's quotes do not add up.
fn fit(record: Record<'_>, width: usize, may_be_short: bool) -> Result<Vec<String>, String> {
    let found = record.fields.len();
    let extra_is_empty = record.fields.iter().skip(width).all(|field| field.trim().is_empty());
    let is_too_short = found < width && (!may_be_short || record.flaw.is_some());
    if is_too_short || !extra_is_empty {
        let hint = match record.flaw {
            Some(_) => " (its quotes do not add up)",
            None if found > width => " (does the text hold the delimiter without quotes?)",
            None => "",
        };
        let (fields, were) = (plural(found, "field"), if width == 1 { "was" } else { "were" });
        let or_more = if found == MAX_FIELDS { " or more" } else { "" };
        return Err(format!("{fields}{or_more} where {width} {were} expected{hint}"));
    }
    let mut cells: Vec<String> = record.fields.into_iter().take(width).map(Cow::into_owned).collect();
    cells.resize(width, String::new());
    Ok(cells)
}

/// The header's names for `width` columns; missing and empty ones are named as pandas names them, by their index from
/// 0, and repeated ones are numbered. The notes say which.
fn name_columns(header: &[Cow<'_, str>], width: usize, notes: &mut Vec<String>) -> Vec<String> {
    let mut names: Vec<String> = Vec::with_capacity(width.max(header.len()));
    let mut counts: HashMap<String, usize> = HashMap::new();
    let mut num_renamed = 0;
    for index in 0..width.max(header.len()) {
        let given = header.get(index).map(|name| name.trim()).filter(|name| !name.is_empty());
        let base = given.map_or_else(|| format!("Unnamed: {index}"), str::to_owned);
        let mut name = base.clone();
        while counts.contains_key(&name) {
            let count = counts.entry(base.clone()).or_insert(1);
            *count += 1;
            name = format!("{base} ({count})");
        }
        if given != Some(name.as_str()) {
            num_renamed += 1;
            let why =
                given.map_or_else(|| "has no name".to_owned(), |name| format!("is also called {}", quote_name(name)));
            if num_renamed <= MAX_RENAMED {
                notes.push(format!("column {} {why}: it is read as {}", index + 1, quote_name(&name)));
            }
        }
        counts.insert(name.clone(), 1);
        names.push(name);
    }
    if num_renamed > MAX_RENAMED {
        let more = plural(num_renamed - MAX_RENAMED, "more column");
        notes.push(format!("{more} without a name of their own got one"));
    }
    names
}

/// The delimiter under which the first records agree best on their number of fields; `None` for a single column.
pub(super) fn guess_delimiter(name: &str, text: &str) -> Option<char> {
    let sample = sample_of(text);
    let extension = extension(name);
    let mut best: Option<(f64, f64, char)> = None;
    for (delimiter, worth) in DELIMITERS {
        for quoting in [true, false] {
            let Some((share, evidence)) = agreement(sample, delimiter, quoting) else { continue };
            let by_name = matches!((extension.as_str(), delimiter), ("tsv" | "tab", '\t') | ("psv", '|'));
            let score = share + evidence + worth + if by_name { 0.1 } else { 0.0 };
            if best.is_none_or(|(most, ..)| score > most) {
                best = Some((score, share + evidence, delimiter));
            }
        }
    }
    let (_, belief, delimiter) = best?;
    let enough = if DELIMITED_ENDINGS.contains(&extension.as_str()) { 0.0 } else { 0.5 };
    (belief > enough).then_some(delimiter)
}

/// The start of the text, whole lines of it.
fn sample_of(text: &str) -> &str {
    if text.len() <= DELIMITER_BYTES {
        return text;
    }
    let mut end = DELIMITER_BYTES;
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    let cut = text[..end].rfind(['\n', '\r']).map_or(end, |found| found + 1);
    &text[..cut]
}

/// Share of the first records which have the usual number of fields (two or more), and what else speaks for it:
/// known names in the first, a column of few values in the others. `None` if they have one field. A header of known names says how
/// many fields there may be: rows may lack the last ones.
fn agreement(sample: &str, delimiter: char, quoting: bool) -> Option<(f64, f64)> {
    let records: Vec<Record<'_>> =
        Records::peek(sample, delimiter, quoting).filter(|record| !record.is_blank()).take(DELIMITER_SAMPLE).collect();
    let num_fields = |record: &Record<'_>| if record.flaw == Some(Flaw::Unclosed) { 0 } else { record.fields.len() };
    let usual = usual_width(records.iter().map(num_fields));
    let header = records.first().filter(|first| num_known(&first.fields) > 1).map_or(0, num_fields);
    let width = usual.max(header);
    if width < 2 {
        return None;
    }
    let lacks_cells = |record: &Record<'_>| header == width && (1..width).contains(&num_fields(record));
    // They count half: the delimiter may stand in a header by chance.
    let num_short = records.iter().filter(|record| lacks_cells(record)).count();
    let usual: Vec<&[Cow<'_, str>]> =
        records.iter().filter(|&record| num_fields(record) == width).map(|record| record.fields.as_slice()).collect();
    let flawed = records.iter().filter(|record| record.flaw.is_some()).count();
    let share = (usual.len() as f64 + 0.5 * num_short as f64 - 0.1 * flawed as f64) / records.len() as f64;
    // The first record of that width: titles may stand above the header.
    let known = usual.first().is_some_and(|first| first.iter().any(|cell| is_known(cell)));
    let few = |column: usize| {
        let distinct: std::collections::HashSet<&str> = usual.iter().map(|record| record[column].trim()).collect();
        usual.len() >= 4 && distinct.len() * 2 <= usual.len()
    };
    let evidence = if known { 0.3 } else { 0.0 } + if (0..width).any(few) { 0.1 } else { 0.0 };
    Some((share, evidence))
}

/// Whether quotes delimit fields in this file, or are characters like any other.
///
/// They are characters where reading them as delimiters goes wrong (they do not add up, or swallow lines), reading
/// them as characters goes wrong less often, and hardly a row is quoted cleanly.
fn means_quotes(text: &str, delimiter: char) -> bool {
    let quoted = Tally::of(text, delimiter, true);
    if quoted.flawed == 0 && quoted.multiline == 0 {
        return true;
    }
    let bare = Tally::of(text, delimiter, false);
    let wrong = quoted.flawed + quoted.uneven;
    let better = bare.uneven == 0 || bare.uneven < wrong;
    !(better && quoted.clean * 10 <= quoted.records)
}

/// How a whole text reads.
#[derive(Default)]
struct Tally {
    records: usize,
    flawed: usize,
    multiline: usize,
    /// Records without the usual number of fields.
    uneven: usize,
    /// Records with quoted fields and nothing wrong with them.
    clean: usize,
}

impl Tally {
    fn of(text: &str, delimiter: char, quoting: bool) -> Self {
        let mut tally = Self::default();
        let mut widths: HashMap<usize, usize> = HashMap::new();
        for record in Records::peek(text, delimiter, quoting).filter(|record| !record.is_blank()) {
            tally.records += 1;
            tally.flawed += usize::from(record.flaw.is_some());
            tally.multiline += usize::from(record.multiline);
            tally.clean += usize::from(record.quoted && record.flaw.is_none() && !record.multiline);
            *widths.entry(record.fields.len()).or_default() += 1;
        }
        tally.uneven = tally.records - widths.into_values().max().unwrap_or(0);
        tally
    }
}

#[cfg(test)]
mod tests;
