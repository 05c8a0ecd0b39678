//! Delimited text to a [`Table`]: guesses delimiter, quoting and header, then reads every record once.

use std::borrow::Cow;
use std::collections::HashMap;

use super::header::is_known;
use super::layout::{
    declared_delimiter, find_layout, layout_below_header, note_skipped, repeats_header, start_of_row, usual_width,
};
use super::records::{Flaw, MAX_FIELDS, Record, Records};
use super::{DELIMITED_ENDINGS, Format, Row, Table, extension};
use crate::config::ReadOptions;
use crate::data::error::{DataError, shorten};
use crate::words::plural;

/// Records looked at to guess the delimiter.
const DELIMITER_SAMPLE: usize = 50;

/// Bytes looked at to guess the delimiter.
const DELIMITER_BYTES: usize = 256 << 10;

/// Records looked at to guess the header and the number of fields.
const HEADER_SAMPLE: usize = 1000;

/// Most columns a file may have.
const MAX_COLUMNS: usize = 1024;

/// Columns with made-up names that are listed one by one.
const MAX_RENAMED: usize = 10;

/// Delimiters that are tried, with what each is worth where the evidence is the same: tabs hardly occur in texts.
const DELIMITERS: [(char, f64); 4] = [('\t', 0.03), (',', 0.02), (';', 0.01), ('|', 0.0)];

/// Reads the file.
pub(super) fn parse(name: &str, text: &str, read: &ReadOptions) -> Result<Table, DataError> {
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
        if read.header_row.is_some() { layout_below_header(&sample) } else { find_layout(&sample, read.has_header) };
    let header = layout.header.map(|index| {
        note_skipped(text, start, &sample, &layout, &mut notes);
        let mut records = Records::new(text, separator, quoting).starting_at(sample[index].start);
        records.next().map(|record| record.fields).unwrap_or_default()
    });
    let columns = match header {
        Some(mut header) => {
            if layout.skips_row_numbers {
                header.insert(0, Cow::Borrowed(""));
                notes.push("the header has a name less than the rows have fields: the first are row numbers".into());
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
    let first_row = sample.get(layout.first_row).map_or(text.len(), |record| record.start);
    drop(sample);
    let records = Records::new(text, separator, quoting).starting_at(start);
    read_rows(&mut table, text, records, num_above, first_row);
    table.checked()
}

/// Reads the records from `first_row` (an offset) on; `number` rows stand above the first record.
fn read_rows(table: &mut Table, text: &str, mut records: Records<'_>, mut number: usize, first_row: usize) {
    let width = table.columns.len();
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
            continue;
        }
        match fit(record, width) {
            Ok(cells) if table.has_header && repeats_header(&table.columns, &cells) => {
                table.add_bad(number, "it names the columns once more".into());
            }
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
        let (fields, were) = (plural(found, "field"), if width == 1 { "was" } else { "were" });
        let or_more = if found == MAX_FIELDS { " or more" } else { "" };
        return Err(format!("{fields}{or_more} where {width} {were} expected{hint}"));
    }
    Ok(record.fields.into_iter().take(width).map(Cow::into_owned).collect())
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
                given.map_or_else(|| "has no name".to_owned(), |name| format!("is also called {}", shorten(name)));
            if num_renamed <= MAX_RENAMED {
                notes.push(format!("column {} {why}: it is read as {}", index + 1, shorten(&name)));
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
/// known names in the first, a column of few values in the others. `None` if they have one field.
fn agreement(sample: &str, delimiter: char, quoting: bool) -> Option<(f64, f64)> {
    let records: Vec<Record<'_>> =
        Records::peek(sample, delimiter, quoting).filter(|record| !record.is_blank()).take(DELIMITER_SAMPLE).collect();
    let num_fields = |record: &Record<'_>| if record.flaw == Some(Flaw::Unclosed) { 0 } else { record.fields.len() };
    let width = usual_width(records.iter().map(num_fields));
    if width < 2 {
        return None;
    }
    let usual: Vec<&[Cow<'_, str>]> =
        records.iter().filter(|&record| num_fields(record) == width).map(|record| record.fields.as_slice()).collect();
    let flawed = records.iter().filter(|record| record.flaw.is_some()).count();
    let share = usual.len() as f64 / records.len() as f64 - 0.1 * flawed as f64 / records.len() as f64;
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
        let mut records = Records::new(&text, ',', true);
        let (mut num_records, mut again) = (0, 0);
        let budget = 4 * text.len();
        while let Some(record) = records.next() {
            num_records += 1;
            if again < budget {
                again += records.restart_after_line(record.start);
            }
        }
        assert!(again <= budget + text.len(), "{again} bytes are read again, of {}", text.len());
        let options = ReadOptions { delimiter: Some(','), ..ReadOptions::default() };
        let table = parse("x.csv", &text, &options);
        let rows = table.map_or(0, |table| table.rows.len() + table.num_bad_rows);
        assert!(rows <= 200_001 && num_records <= 200_001);
    }

    #[test]
    fn a_cell_of_many_megabytes_is_one_cell() {
        let long = "say \"\"hello\"\", again and again, ".repeat(200_000);
        let table = read(&format!("text,label\n\"{long}\",a\nshort,b\n"));
        assert_eq!((table.rows.len(), table.num_bad_rows), (2, 0));
        assert_eq!(table.rows[0].cells[0].len(), long.replace("\"\"", "\"").len());
    }

    #[test]
    fn missing_and_repeated_names_are_made_up_and_said() {
        let table = read("text,,label,label\na,1,x,p\nb,2,y,q\n");
        assert!(table.has_header);
        assert_eq!(table.columns, ["text", "Unnamed: 1", "label", "label (2)"]);
        let notes = [
            "column 2 has no name: it is read as \"Unnamed: 1\"",
            "column 4 is also called \"label\": it is read as \"label (2)\"",
        ];
        assert_eq!(table.notes, notes);
        let read = ReadOptions { has_header: Some(true), ..ReadOptions::default() };
        let table = parse("x.csv", "foo,,bar,bar\na,1,x,p\n", &read).expect("a table");
        assert_eq!(table.columns, ["foo", "Unnamed: 1", "bar", "bar (2)"]);
        let table = parse("x.csv", &format!("{}\n{}\n", "a,".repeat(50), "x,".repeat(50)), &read).expect("a table");
        assert_eq!(
            (table.notes.len(), table.notes[10].as_str()),
            (11, "40 more columns without a name of their own got one")
        );
    }

    #[test]
    fn the_nameless_index_of_pandas_is_no_row_and_no_class() {
        let table = read(",text,label\n0,soup and bread,kitchen\n1,a violin,music\n");
        assert_eq!((table.columns[0].as_str(), table.rows.len(), table.rows[0].number), ("Unnamed: 0", 2, 2));
        assert_eq!(table.notes, ["column 1 has no name: it is read as \"Unnamed: 0\""]);
    }

    #[test]
    fn lines_around_a_header_are_skipped_and_said() {
        let rows = "soup and bread;kitchen;1\na violin;music;2\n";
        let table = read(&format!("sep=;\r\nAll messages, May\n\ntext;label;nr\n{rows}"));
        assert_eq!((table.delimiter, table.columns.len(), table.num_bad_rows), (Some(';'), 3, 0));
        assert_eq!(table.rows.iter().map(|row| row.number).collect::<Vec<_>>(), [5, 6]);
        let notes = [
            "line 1 is skipped: it declares the delimiter ';'",
            "1 blank line above the header is skipped",
            "line 2, above the header, is skipped: it holds nothing but \"All messages, May\"",
        ];
        assert_eq!(table.notes, notes);
        let table = read(&format!("All messages, May\t\t\n\t\t\n\ntext;label;nr\n{rows}").replace(';', "\t"));
        let notes = [
            "1 blank line above the header is skipped",
            "line 1, above the header, is skipped: it holds nothing but \"All messages, May\"",
            "line 2, above the header, is skipped: it is empty",
        ];
        assert_eq!(table.notes, notes, "each line once");
        let survey = "Respondent ID,How was it?,label\n,Open-Ended Response,Response\n1,good,a\n2,bad,b\n";
        let table = read(survey);
        assert_eq!((table.rows.len(), table.rows[0].number), (2, 3));
        assert!(table.notes[0].starts_with("line 2, below the header, is skipped"), "{:?}", table.notes);
    }

    #[test]
    fn a_declared_delimiter_wins_over_a_guess_and_loses_to_the_person() {
        let text = "sep=|\na,b|c\nd,e|f\n";
        assert_eq!(read(text).delimiter, Some('|'));
        let options = ReadOptions { delimiter: Some(','), ..ReadOptions::default() };
        let table = parse("x.csv", text, &options).expect("a table");
        assert_eq!(cells(&table), [["a", "b|c"], ["d", "e|f"]]);
        assert!(matches!(parse("x.csv", "sep=;\n\n", &ReadOptions::default()), Err(DataError::Empty)));
    }

    #[test]
    fn rows_without_a_header_are_all_rows() {
        let table = read("Export of May\nsoup and bread,kitchen\na violin,music\nbread,kitchen\n");
        assert_eq!((table.has_header, table.rows.len(), table.num_bad_rows), (false, 3, 1));
        assert_eq!(table.columns, ["column 1", "column 2"]);
        assert!(table.notes.is_empty());
    }

    #[test]
    fn leading_zeros_and_long_numbers_stay() {
        let table = read("label,text\n007,a\n1.0,b\n1e5,c\n12345678901234567890,d\n");
        let labels: Vec<&str> = table.rows.iter().map(|row| row.cells[0].as_str()).collect();
        assert_eq!(labels, ["007", "1.0", "1e5", "12345678901234567890"]);
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
