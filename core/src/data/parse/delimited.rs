//! Delimited text to a [`Table`]: guesses delimiter, quoting and header, then reads every record once.

use std::borrow::Cow;
use std::collections::HashMap;

use super::header::{has_header, is_known};
use super::records::{Flaw, Record, Records};
use super::{Format, Row, Table, extension};
use crate::config::ReadOptions;
use crate::data::error::DataError;

/// Records looked at to guess the delimiter.
const DELIMITER_SAMPLE: usize = 50;

/// Bytes looked at to guess the delimiter.
const DELIMITER_BYTES: usize = 256 << 10;

/// Records looked at to guess the header and the number of fields.
const HEADER_SAMPLE: usize = 1000;

/// Most columns a file may have.
const MAX_COLUMNS: usize = 1024;

/// Delimiters that are tried, with what each is worth where the evidence is the same: tabs hardly occur in texts.
const DELIMITERS: [(char, f64); 4] = [('\t', 0.03), (',', 0.02), (';', 0.01), ('|', 0.0)];

/// Reads the file.
pub(super) fn parse(name: &str, text: &str, read: &ReadOptions) -> Result<Table, DataError> {
    let delimiter = match read.delimiter {
        Some(delimiter @ ('"' | '\n' | '\r')) => return Err(DataError::BadDelimiter { delimiter }),
        Some(delimiter) => Some(delimiter),
        None => guess_delimiter(name, text),
    };
    // A file of one column is read with a delimiter that can't occur in it.
    let separator = delimiter.unwrap_or('\0');
    let quoting = means_quotes(text, separator);
    let sample: Vec<Vec<String>> = Records::new(text, separator, quoting)
        .filter(|record| !record.is_blank())
        .take(HEADER_SAMPLE + 1)
        .map(|record| record.fields.into_iter().map(Cow::into_owned).collect())
        .collect();
    let mut header = sample[0].clone();
    let rest = &sample[1..];
    let width = usual_width(if rest.is_empty() { &sample } else { rest });
    while header.len() > width && header.last().is_some_and(|cell| cell.trim().is_empty()) {
        header.pop();
    }
    let same_width: Vec<Vec<String>> = rest.iter().filter(|row| row.len() == width).cloned().collect();
    let has_header = read.has_header.unwrap_or_else(|| header.len() == width && has_header(&header, &same_width));
    let columns = if has_header { name_columns(&header, width) } else { name_columns(&[], width) };
    if columns.len() > MAX_COLUMNS {
        return Err(DataError::TooManyColumns { limit: MAX_COLUMNS });
    }
    let mut table = Table::new(Format::Csv, delimiter, has_header, columns);
    read_rows(&mut table, text, Records::new(text, separator, quoting));
    table.checked()
}

fn read_rows(table: &mut Table, text: &str, mut records: Records<'_>) {
    let width = table.columns.len();
    let mut skip_header = table.has_header;
    let mut number = 0;
    // Lines may be read again after a quote that is never closed, but not without end.
    let mut again = 4 * text.len();
    while let Some(record) = records.next() {
        number += 1;
        if record.is_blank() {
            continue;
        }
        if std::mem::take(&mut skip_header) {
            continue;
        }
        let swallowed = record.flaw.is_some() && (record.multiline || record.flaw == Some(Flaw::Unclosed));
        if swallowed && (record.fields.len() != width || record.flaw == Some(Flaw::Unclosed)) && again > 0 {
            again = again.saturating_sub(records.restart_after_line(record.start));
            table.add_bad(number, "a quoted field starts here and is never properly closed".into());
            continue;
        }
        match fit(record, width) {
            Ok(cells) => table.rows.push(Row { number, cells, nested: Vec::new() }),
            Err(reason) => table.add_bad(number, reason),
        }
    }
}

/// The record's cells, if there are as many as columns; empty ones too many at the end are dropped.
fn fit(record: Record<'_>, width: usize) -> Result<Vec<String>, String> {
    let found = record.fields.len();
    let extra_is_empty = record.fields.iter().skip(width).all(|field| field.trim().is_empty());
    if found < width || !extra_is_empty {
        let hint = match record.flaw {
            Some(_) => " (its quotes do not add up)",
            None if found > width => " (does the text hold the delimiter without quotes?)",
            None => "",
        };
        let fields = if found == 1 { "1 field".to_owned() } else { format!("{found} fields") };
        return Err(format!("{fields} where {width} were expected{hint}"));
    }
    Ok(record.fields.into_iter().take(width).map(Cow::into_owned).collect())
}

/// The header's names for `width` columns; missing, empty and repeated ones are made up and unique.
fn name_columns(header: &[String], width: usize) -> Vec<String> {
    let mut names: Vec<String> = Vec::with_capacity(width.max(header.len()));
    let mut counts: HashMap<String, usize> = HashMap::new();
    for place in 0..width.max(header.len()) {
        let given = header.get(place).map(|name| name.trim()).filter(|name| !name.is_empty());
        let base = given.map_or_else(|| format!("column {}", place + 1), str::to_owned);
        let mut name = base.clone();
        while counts.contains_key(&name) {
            let count = counts.entry(base.clone()).or_insert(1);
            *count += 1;
            name = format!("{base} ({count})");
        }
        counts.insert(name.clone(), 1);
        names.push(name);
    }
    names
}

/// The number of fields that most records have.
fn usual_width<T>(records: &[Vec<T>]) -> usize {
    let mut counts: HashMap<usize, usize> = HashMap::new();
    for record in records {
        *counts.entry(record.len()).or_default() += 1;
    }
    let usual = counts.into_iter().max_by_key(|&(width, count)| (count, std::cmp::Reverse(width)));
    usual.map_or(1, |(width, _)| width)
}

/// The delimiter under which the first records agree best on their number of fields; `None` for a single column.
fn guess_delimiter(name: &str, text: &str) -> Option<char> {
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
    let enough = if matches!(extension.as_str(), "csv" | "tsv" | "tab" | "psv") { 0.0 } else { 0.5 };
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
/// known names in the first, a column of few values in the others. `None` if they have one field.
fn agreement(sample: &str, delimiter: char, quoting: bool) -> Option<(f64, f64)> {
    let records: Vec<Record<'_>> =
        Records::new(sample, delimiter, quoting).filter(|record| !record.is_blank()).take(DELIMITER_SAMPLE).collect();
    let fields: Vec<Vec<Cow<'_, str>>> = records
        .iter()
        .map(|record| if record.flaw == Some(Flaw::Unclosed) { Vec::new() } else { record.fields.clone() })
        .collect();
    let width = usual_width(&fields);
    if width < 2 {
        return None;
    }
    let usual: Vec<&Vec<Cow<'_, str>>> = fields.iter().filter(|record| record.len() == width).collect();
    let flawed = records.iter().filter(|record| record.flaw.is_some()).count();
    let share = usual.len() as f64 / records.len() as f64 - 0.1 * flawed as f64 / records.len() as f64;
    let known = fields.first().is_some_and(|first| first.iter().any(|cell| is_known(cell)));
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
        for record in Records::new(text, delimiter, quoting).filter(|record| !record.is_blank()) {
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
mod tests {
    use super::*;

    fn read(text: &str) -> Table {
        parse("x.txt", text, &ReadOptions::default()).expect("a table")
    }

    fn cells(table: &Table) -> Vec<Vec<&str>> {
        table.rows.iter().map(|row| row.cells.iter().map(String::as_str).collect()).collect()
    }

    #[test]
    fn every_usual_delimiter_is_guessed() {
        for delimiter in [',', '\t', ';', '|'] {
            let text = "text,label\ngood film,pos\nbad film,neg\n".replace(',', &delimiter.to_string());
            let table = read(&text);
            assert_eq!(table.delimiter, Some(delimiter));
            assert_eq!(table.columns, ["text", "label"]);
            assert_eq!(cells(&table), [["good film", "pos"], ["bad film", "neg"]]);
        }
    }

    #[test]
    fn text_that_holds_commas_does_not_hide_the_delimiter() {
        let table = read("pos;yes, very good\nneg;no, not at all\npos;well, why not\nneg;oh, no\n");
        assert_eq!((table.delimiter, table.has_header), (Some(';'), false));
        let table = read("ham\tok, one, two\nspam\twin, now\nham\tone, two, three\nham\tno\n");
        assert_eq!(table.delimiter, Some('\t'));
        let table = read("text,label\n\"a; b; c\",x\n\"d; e\",y\n\"f; g\",y\n");
        assert_eq!(table.delimiter, Some(','));
    }

    #[test]
    fn raw_quotes_in_a_tab_file_are_characters() {
        let text = "ham\tok\nspam\t\"Free entry\nham\tsee you\nham\t\"no\" he said\nspam\twin\" now\nham\tsame\"\n";
        let table = read(text);
        assert_eq!(table.rows.len(), 6);
        assert_eq!(table.rows[1].cells[1], "\"Free entry");
        let text = "ham\tok\nspam\t\"Free entry\nham\tsee you\nham\tdone\"\n";
        assert_eq!(read(text).rows.len(), 4, "two rows that fit together by chance");
    }

    #[test]
    fn quoted_line_breaks_are_kept() {
        let text = "text,label\r\n\"two\r\nlines, here\",a\r\nplain,b\r\n";
        let table = read(text);
        assert_eq!(cells(&table), [["two\r\nlines, here", "a"], ["plain", "b"]]);
        assert_eq!(table.rows.iter().map(|row| row.number).collect::<Vec<_>>(), [2, 3]);
    }

    #[test]
    fn rows_of_the_wrong_width_are_listed_and_the_rest_is_read() {
        let table = read("text,label\na,x\nonly\nb, with comma,x\nc,y,,\n\nd,y\n");
        assert_eq!(cells(&table), [["a", "x"], ["c", "y"], ["d", "y"]]);
        assert_eq!(table.bad_rows[0], super::super::BadRow { row: 3, reason: "1 field where 2 were expected".into() });
        assert!(table.bad_rows[1].reason.starts_with("3 fields where 2 were expected (does the text"));
        assert_eq!(table.rows[2].number, 7);
    }

    #[test]
    fn a_quote_that_is_never_closed_costs_one_row() {
        let mut text = String::from("text,label\n\"quoted, text\",x\n\"never closed,x\n");
        for i in 0..30 {
            text += &format!("\"row, {i}\",y\n");
        }
        let table = read(&text);
        assert_eq!((table.rows.len(), table.num_bad_rows), (31, 1));
        assert_eq!(table.bad_rows[0].row, 3);
    }

    #[test]
    fn many_quotes_that_are_never_closed_are_read_in_linear_time() {
        let text = String::from("a,\"b\n") + &"\"x\"\"\n".repeat(200_000);
        let read = ReadOptions { delimiter: Some(','), ..ReadOptions::default() };
        let _ = parse("x.csv", &text, &read);
    }

    #[test]
    fn missing_and_repeated_names_are_made_up() {
        let table = read("text,,label,label\na,1,x,p\nb,2,y,q\n");
        assert!(!table.has_header, "a header has no gaps");
        let read = ReadOptions { has_header: Some(true), ..ReadOptions::default() };
        let table = parse("x.csv", "text,,label,label\na,1,x,p\n", &read).expect("a table");
        assert_eq!(table.columns, ["text", "column 2", "label", "label (2)"]);
    }

    #[test]
    fn options_win_over_guesses() {
        let read = ReadOptions { has_header: Some(false), delimiter: Some('/'), ..ReadOptions::default() };
        let table = parse("x.csv", "text/label\na,b/c\n", &read).expect("a table");
        assert_eq!(table.columns, ["column 1", "column 2"]);
        assert_eq!(cells(&table), [["text", "label"], ["a,b", "c"]]);
        let read = ReadOptions { delimiter: Some('"'), ..ReadOptions::default() };
        assert!(matches!(parse("x.csv", "a\"b\n", &read), Err(DataError::BadDelimiter { .. })));
    }

    #[test]
    fn a_header_alone_has_no_rows() {
        let error = parse("x.csv", "text,label\n", &ReadOptions::default()).expect_err("no rows");
        assert!(matches!(error, DataError::NoRows { .. }), "{error}");
    }
}
