//! Where the table of a delimited file begins: a declaration of the delimiter, lines above the header that are no rows,
//! the header, and further rows of names below it.
//!
//! In: the first records. Out: [`Layout`], how many fields a row has and which record names the columns. Only what can't
//! be a row is skipped, and only above a header that is recognised.

use std::borrow::Cow;
use std::collections::{HashMap, HashSet};

use super::column_names::is_known;
use super::header::{has_header, num_further_headers};
use super::records::{Record, Records};
use crate::data::error::{DataError, shorten};
use crate::words::plural;

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
fn num_known(fields: &Fields<'_>) -> usize {
    fields.iter().filter(|name| is_known(name)).count()
}

/// Says that the first record looks like a header, but has fewer fields than the rows, where it is read as one of them.
pub(super) fn note_narrow_header(text: &str, sample: &[Record<'_>], layout: &Layout, notes: &mut Vec<String>) {
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
pub(super) fn note_skipped(text: &str, start: usize, sample: &[Record<'_>], layout: &Layout, notes: &mut Vec<String>) {
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
            [only] => format!("it holds nothing but {}", shorten(only)),
            [first, ..] if record.fields.len() == layout.width => {
                format!("the names of the columns stand below it ({} …)", shorten(first))
            }
            [first, ..] => format!("it has {fields} where the table has {} ({} …)", layout.width, shorten(first)),
        };
        notes.push(format!("line {line}, above the header, is skipped: {what}"));
    }
    for record in &sample[header + 1..layout.first_row] {
        let line = line_of(text.as_bytes(), record.start);
        notes.push(format!("line {line}, below the header, is skipped: it holds further names of the columns"));
    }
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
mod tests {
    use super::*;

    fn layout(text: &str, asked: Option<bool>) -> Layout {
        let records: Vec<Record<'_>> = Records::new(text, ',', true).filter(|record| !record.is_blank()).collect();
        find_layout(&records, asked)
    }

    const ROWS: &str = "the printer is broken again,hardware,1\nI can't log in any more,access,2\n";

    #[test]
    fn a_declared_delimiter_is_read() {
        for text in ["sep=;\na;b\n", "SEP=;\r\na;b\n", "\"sep=;\"\na;b\n", "sep=;;;\na;b\n"] {
            let (delimiter, end) = declared_delimiter(text).expect(text);
            assert_eq!((delimiter, &text[end..]), (';', "a;b\n"));
        }
        assert_eq!(declared_delimiter("sep=\t\na\tb\n"), Some(('\t', 6)));
        for text in ["", "sep=", "sep=\n", "sep=ab\n", "sep=a", "sepal,label\n", "séparé;b\n", "sep=;x\n"] {
            assert_eq!(declared_delimiter(text), None, "{text}");
        }
    }

    #[test]
    fn lines_that_are_no_rows_are_passed_over_above_a_header() {
        for (above, index) in [("", 0), ("Export of May\n", 1), ("Export of May,,\n\n,,\nsee, below\n", 3)] {
            let found = layout(&format!("{above}message,team,nr\n{ROWS}"), None);
            assert_eq!((found.header, found.first_row, found.width), (Some(index), index + 1, 3), "{above}");
        }
    }

    #[test]
    fn a_title_that_holds_the_delimiter_is_passed_over_above_known_names() {
        let found = layout("Tickets, first quarter\nmessage,label\nit is broken,hw\nno access at all,sw\n", None);
        assert_eq!((found.header, found.first_row), (Some(1), 2));
    }

    #[test]
    fn a_title_with_a_gap_is_passed_over_above_names() {
        for title in ["Tickets,,2025-03-31", ",Tickets,2025-03-31", "Tickets,,first quarter"] {
            for header in ["Ticket ID,Subject,Team", "Nr,Was ist los,Wer hilft"] {
                let found = layout(&format!("{title}\n{header}\n{}", TICKETS.repeat(3)), None);
                assert_eq!((found.header, found.first_row), (Some(1), 2), "{title} {header}");
            }
        }
        let rows = TICKETS.repeat(3);
        for header in ["Ticket ID,,Team", ",Subject,Team", "Nr,,Wer hilft"] {
            let found = layout(&format!("{header}\n{rows}"), None);
            assert_eq!((found.header, found.first_row), (Some(0), 1), "a header with an empty cell: {header}");
        }
        for row in ["5,,access", "0,,printer", ",my mouse is gone,access"] {
            assert_eq!(layout(&format!("{row}\n{rows}"), None).header, None, "a row with an empty cell: {row}");
        }
        let survey = "good,it was all right I think,yes\nbad,never again please,no\n".repeat(4);
        assert_eq!(layout(&format!("pretty bad,,maybe\n{survey}"), None).header, None);
    }

    const TICKETS: &str = "1,the printer is broken again,hardware\n2,I can't log in any more,access\n\
                           3,the screen stays black,hardware\n4,no access to the folder,access\n";

    #[test]
    fn titles_and_notes_of_a_spreadsheet_are_passed_over() {
        for (above, index) in [
            ("Tickets export 2025-03,,\n", 1),
            ("Tickets export 2025-03,,\n,,\nSupport desk,,\n\n", 3),
            ("Generated on 2025-03-31\n\n", 1),
            ("Tickets,,\nGenerated on,2025-03-31,\nRows,4,\n,,\n", 4),
            ("Region,North,\nOwner,Desk,\n", 2),
        ] {
            for header in ["Ticket ID,Subject,Team", "Nr,Was ist los,Wer hilft"] {
                let found = layout(&format!("{above}{header}\n{}", TICKETS.repeat(3)), None);
                assert_eq!((found.header, found.first_row), (Some(index), index + 1), "{above}{header}");
            }
        }
    }

    #[test]
    fn a_header_without_its_last_names_is_one() {
        let rows = "it is broken,hw,x,1\nno access at all,sw,y,2\nit burns,hw,x,3\ncan't log in,sw,y,4\n";
        for header in ["text,label,,", "Was,Wer,,"] {
            let found = layout(&format!("{header}\n{}", rows.repeat(5)), None);
            assert_eq!((found.header, found.first_row), (Some(0), 1), "{header}");
        }
    }

    #[test]
    fn a_first_row_without_a_label_is_no_title() {
        assert_eq!(layout(&format!("a text without,,\n{ROWS}{ROWS}"), None).header, None);
        assert_eq!(layout(&format!("a text without,hardware,\n{ROWS}{ROWS}"), None).header, None);
    }

    #[test]
    fn a_row_that_a_person_names_is_found_as_a_spreadsheet_counts() {
        let text = "Tickets\n\n\"two\nlines\",x\nfoo,bar\na,b\n";
        let start = |row| start_of_row(Records::peek(text, ',', true), 0, row);
        assert_eq!(start(4).expect("there"), text.find("foo").expect("there"));
        assert!(matches!(start(2), Err(DataError::EmptyHeaderRow { row: 2 })));
        assert!(matches!(start(6), Err(DataError::NoHeaderRow { row: 6, num_rows: 5 })));
        // A declaration of the delimiter is row 1.
        assert!(matches!(
            start_of_row(Records::peek(text, ',', true), 1, 1),
            Err(DataError::EmptyHeaderRow { row: 1 })
        ));
        assert_eq!(start_of_row(Records::peek(text, ',', true), 1, 2).expect("there"), 0);
    }

    #[test]
    fn a_header_that_comes_again_is_still_one() {
        let rows = "it is broken,hw\nno access at all,sw\nit burns,hw\ncan't log in,sw\n";
        let found = layout(&format!("text,label\n{rows}text,label\n{rows}"), None);
        assert_eq!((found.header, found.first_row), (Some(0), 1));
    }

    #[test]
    fn sums_below_the_rows_do_not_hide_a_header() {
        let found =
            layout("No.,What they wrote,Queue\n1,it is broken,hw\n2,no access at all,hw\n,,\nTotal: 2,,\n", None);
        assert_eq!((found.header, found.first_row), (Some(0), 1));
    }

    #[test]
    fn nothing_is_passed_over_without_a_header_or_above_a_row() {
        assert_eq!(layout(&format!("Export of May\n{ROWS}{ROWS}"), None).header, None);
        assert_eq!(layout(&format!("a text,access,3\nb text,label,nr\n{ROWS}"), None).header, None);
        assert_eq!(layout(&format!("Export of May\ntext,label,nr\n{ROWS}"), Some(false)).header, None);
        let asked = layout(&format!("Export of May\ntext,label,nr\n{ROWS}"), Some(true));
        assert_eq!((asked.header, asked.first_row), (Some(1), 2));
        assert_eq!(layout(ROWS, Some(true)).header, Some(0));
        let unknown = "Export of May\nfoo,bar\na b,c d\ne f,g h\n";
        assert_eq!((layout(unknown, None).header, layout(unknown, Some(true)).header), (None, Some(1)));
    }

    #[test]
    fn a_header_without_a_name_for_row_numbers_is_recognised() {
        let found = layout("text,label\n1,first of all,a\n2,and then,b\n", None);
        assert_eq!((found.header, found.skips_row_numbers, found.width), (Some(0), true, 3));
        assert_eq!(layout("text,label\nx,first of all,a\ny,and then,b\n", None).header, None);
        let named = "doc1,first of all,a\ndoc2,and then,b\ndoc3,at last,a\ndoc4,no more,b\n";
        let found = layout(&format!("text,label\n{named}"), None);
        assert_eq!((found.header, found.skips_row_numbers), (Some(0), true));
        assert_eq!(
            layout(&format!("text,label\n{named}doc1,again,b\n"), None).header,
            None,
            "it is no name of its own"
        );
        let texts = "Thanks, it works,a\nSorry, no,b\nHello, again,a\nWell, yes,b\n";
        assert_eq!(layout(&format!("text,label\n{texts}"), None).header, None, "these are texts with commas");
    }

    #[test]
    fn empty_columns_at_the_end_of_rows_are_none() {
        let found = layout("text,label\na,x,\nb,y,\n", None);
        assert_eq!((found.header, found.width), (Some(0), 2));
    }

    #[test]
    fn lines_are_counted_whatever_ends_them() {
        let text = "a\r\nb\rc\nd";
        let lines = ["a", "b", "c", "d"].map(|line| line_of(text.as_bytes(), text.find(line).expect("there")));
        assert_eq!(lines, [1, 2, 3, 4]);
    }
}
