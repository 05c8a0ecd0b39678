//! ODS: the table of an OpenDocument spreadsheet. In: its zip. Out: the cells of a sheet.
//!
//! Read here and not by `calamine`: its reader of ODS goes on for ever where the table is cut off, and writes out cells that are
//! said to be repeated before anything bounds them. Of the format this is what a table needs:
//! <https://docs.oasis-open.org/office/OpenDocument/v1.3/os/part3-schema/OpenDocument-v1.3-os-part3-schema.html>.

use std::io::Cursor;

use quick_xml::escape::resolve_xml_entity;
use quick_xml::events::{BytesStart, Event};
use quick_xml::{Reader, XmlVersion};
use zip::ZipArchive;

use super::grid::{Grid, MAX_COLUMNS, MAX_ROWS};
use super::{Found, plain_number};
use crate::ReadError;
use crate::unpack::{Unpacked, read_within};

/// Reads the sheet that is asked for, else the first with rows.
///
/// # Errors
/// When the workbook is damaged, encrypted or too large, there is no such sheet, or nothing in it.
pub(super) fn read(bytes: &[u8], asked: Option<&str>, limit: u64) -> Result<Found, ReadError> {
    let damaged = |reason: String| ReadError::Workbook { reason };
    let mut zip = ZipArchive::new(Cursor::new(bytes)).map_err(|error| damaged(error.to_string()))?;
    let entry = zip.by_name("content.xml").map_err(|error| damaged(format!("content.xml: {error}")))?;
    let claimed = entry.size();
    let content = match read_within(entry, claimed, limit).map_err(|error| damaged(format!("content.xml: {error}")))? {
        Unpacked::Whole(content) => content,
        Unpacked::TooLarge => return Err(ReadError::TooLarge { limit }),
    };
    // A document with a password has noise in the place of its content.
    let content =
        String::from_utf8(content).map_err(|_| damaged("its content is no text: has it a password?".into()))?;
    Content::new(asked, limit).read(&content)
}

/// What a cell says of itself.
#[derive(Debug, Default)]
struct Cell {
    columns: u32,
    /// Rows that it is merged over, itself among them.
    rows_spanned: u32,
    /// By its attributes.
    value: Option<String>,
    is_error: bool,
    /// By its paragraphs.
    text: String,
    num_paragraphs: usize,
}

/// A row whose cells are read.
#[derive(Debug)]
struct Row {
    repeated: u32,
    column: u32,
    cells: Vec<(u32, Cell)>,
}

/// The tables of a document, while they are read.
struct Content<'a> {
    asked: Option<&'a str>,
    limit: u64,
    names: Vec<String>,
    found: Option<(String, Grid)>,
    others: Vec<String>,
    /// The cells of the table that is read; of one that is not wanted only whether there are any.
    grid: Option<Grid>,
    is_wanted: bool,
    has_cells: bool,
    row_number: u32,
    row: Option<Row>,
    cell: Option<Cell>,
    in_paragraph: usize,
    /// Elements that are open in one that is passed over.
    skipped: usize,
}

impl<'a> Content<'a> {
    fn new(asked: Option<&'a str>, limit: u64) -> Self {
        Self {
            asked,
            limit,
            names: Vec::new(),
            found: None,
            others: Vec::new(),
            grid: None,
            is_wanted: false,
            has_cells: false,
            row_number: 0,
            row: None,
            cell: None,
            in_paragraph: 0,
            skipped: 0,
        }
    }

    fn read(mut self, xml: &str) -> Result<Found, ReadError> {
        let mut reader = Reader::from_str(xml);
        reader.config_mut().expand_empty_elements = true;
        let mut is_whole = false;
        loop {
            match reader.read_event().map_err(|error| self.failed(error.to_string()))? {
                Event::Start(element) => self.start(&element)?,
                Event::End(element) => {
                    let name = element.local_name().into_inner();
                    is_whole = name == "document-content";
                    self.end(name)?;
                }
                Event::Text(text) => self.add_text(&text.xml10_content()),
                Event::CData(text) => self.add_text(&text.xml10_content()),
                Event::GeneralRef(reference) => {
                    let letter = reference.resolve_char_ref().map_err(|error| self.failed(error.to_string()))?;
                    match letter {
                        Some(letter) => self.add_text(letter.encode_utf8(&mut [0; 4])),
                        None => self.add_text(resolve_xml_entity(&reference).unwrap_or_default()),
                    }
                }
                Event::Eof => break,
                _ => {}
            }
        }
        if !is_whole {
            return Err(self.failed("its end is missing".into()));
        }
        match (self.found, self.asked) {
            (Some((sheet, cells)), _) => Ok(Found { sheet, cells, others: self.others }),
            (None, Some(asked)) if !self.names.iter().any(|name| name == asked) => {
                Err(ReadError::NoSheet { asked: asked.to_owned(), sheets: self.names })
            }
            (None, Some(asked)) => Err(ReadError::NoRows { sheets: vec![asked.to_owned()] }),
            (None, None) => Err(ReadError::NoRows { sheets: self.names }),
        }
    }

    fn failed(&self, reason: String) -> ReadError {
        match self.names.last() {
            Some(sheet) => ReadError::Sheet { sheet: sheet.clone(), row: Some(self.row_number as usize + 1), reason },
            None => ReadError::Workbook { reason },
        }
    }

    fn start(&mut self, element: &BytesStart<'_>) -> Result<(), ReadError> {
        if self.skipped > 0 {
            self.skipped += 1;
            return Ok(());
        }
        match element.local_name().into_inner() {
            "table" if self.grid.is_none() => self.start_table(element),
            "table-row" if self.grid.is_some() && self.row.is_none() => {
                let repeated = count_of(element, "number-rows-repeated");
                self.row = Some(Row { repeated, column: 0, cells: Vec::new() });
            }
            "table-cell" | "covered-table-cell" if self.row.is_some() && self.cell.is_none() => {
                self.cell = Some(start_cell(element));
            }
            // Notes, drawings and tables in a cell are none of its text.
            "annotation" | "frame" | "table" | "shapes" | "custom-shape" | "control" => self.skipped = 1,
            "p" | "h" => {
                if let Some(cell) = &mut self.cell {
                    if cell.num_paragraphs > 0 {
                        cell.text.push('\n');
                    }
                    cell.num_paragraphs += 1;
                }
                self.in_paragraph += 1;
            }
            "s" => {
                // No text has more spaces in a row than this; a claim of more is damage.
                let spaces = count_of(element, "c").min(1000) as usize;
                self.add_text(&" ".repeat(spaces));
            }
            "tab" => self.add_text("\t"),
            "line-break" => self.add_text("\n"),
            _ => {}
        }
        Ok(())
    }

    fn start_table(&mut self, element: &BytesStart<'_>) {
        let name = attribute(element, "name").unwrap_or_else(|| format!("table {}", self.names.len() + 1));
        self.is_wanted = match self.asked {
            Some(asked) => asked == name && self.found.is_none(),
            None => self.found.is_none(),
        };
        self.names.push(name);
        (self.grid, self.has_cells, self.row_number) = (Some(Grid::new(self.limit)), false, 0);
    }

    fn end(&mut self, name: &str) -> Result<(), ReadError> {
        if self.skipped > 0 {
            self.skipped -= 1;
            return Ok(());
        }
        match name {
            "p" | "h" => self.in_paragraph = self.in_paragraph.saturating_sub(1),
            "table-cell" | "covered-table-cell" => {
                if let (Some(cell), Some(row)) = (self.cell.take(), &mut self.row) {
                    let column = row.column;
                    row.column = column.saturating_add(cell.columns);
                    if cell.is_error {
                        self.grid.iter_mut().for_each(Grid::add_error);
                    } else if column < MAX_COLUMNS && !cell.content().trim().is_empty() {
                        row.cells.push((column, cell));
                    }
                }
            }
            "table-row" => {
                if let Some(row) = self.row.take() {
                    self.end_row(row)?;
                }
            }
            "table" => {
                let (grid, name) = (self.grid.take(), self.names.last().cloned().unwrap_or_default());
                match grid {
                    Some(grid) if self.is_wanted && !grid.is_empty() => self.found = Some((name, grid)),
                    Some(_) if self.has_cells => self.others.push(name),
                    _ => {}
                }
            }
            _ => {}
        }
        Ok(())
    }

    fn end_row(&mut self, row: Row) -> Result<(), ReadError> {
        let first = self.row_number;
        self.row_number = first.saturating_add(row.repeated);
        let Some(grid) = self.grid.as_mut().filter(|_| self.is_wanted) else {
            self.has_cells |= !row.cells.is_empty();
            return Ok(());
        };
        let rows = if row.cells.is_empty() { first..first } else { first..self.row_number.min(MAX_ROWS) };
        for number in rows {
            for (column, cell) in &row.cells {
                // What is repeated is bounded by the sheet's columns, and by the memory that cells may take: none of them is empty.
                for at in (*column..column.saturating_add(cell.columns)).take_while(|at| *at < MAX_COLUMNS) {
                    grid.push(number, at, cell.content().to_owned())?;
                }
                grid.merge((number, *column), number.saturating_add(cell.rows_spanned.saturating_sub(1)));
            }
        }
        Ok(())
    }

    fn add_text(&mut self, text: &str) {
        if let (Some(cell), true, 0) = (&mut self.cell, self.in_paragraph > 0, self.skipped) {
            cell.text.push_str(text);
        }
    }
}

impl Cell {
    /// Its value; of a text, what is written in it.
    fn content(&self) -> &str {
        self.value.as_deref().unwrap_or(&self.text)
    }
}

fn start_cell(element: &BytesStart<'_>) -> Cell {
    let value = |name: &str| attribute(element, name);
    let by_type = |kind: &str| -> Option<String> {
        match kind {
            "float" | "currency" | "percentage" => {
                let number: f64 = value("value")?.parse().ok()?;
                Some(plain_number(number))
            }
            "date" => value("date-value").map(|date| date.replacen('T', " ", 1)),
            "time" => value("time-value").map(|span| clock(&span).unwrap_or(span)),
            "boolean" => value("boolean-value"),
            // The text without marks, where it is not that of the paragraphs.
            "string" => value("string-value"),
            _ => None,
        }
    };
    let mut cell = Cell {
        columns: count_of(element, "number-columns-repeated"),
        rows_spanned: count_of(element, "number-rows-spanned"),
        ..Cell::default()
    };
    for attribute in element.attributes().with_checks(false).flatten() {
        // `office:value-type`, and `calcext:value-type`, which knows errors.
        if attribute.key.local_name().into_inner() == "value-type" {
            match &*attribute.value {
                "error" => cell.is_error = true,
                kind => cell.value = cell.value.take().or_else(|| by_type(kind)),
            }
        }
    }
    cell
}

/// `PT06H30M00S` as `06:30:00`.
fn clock(span: &str) -> Option<String> {
    let (hours, rest) = span.strip_prefix("PT")?.split_once('H')?;
    let (minutes, rest) = rest.split_once('M')?;
    let seconds = rest.strip_suffix('S')?;
    let (seconds, fraction) = seconds.split_once(['.', ',']).unwrap_or((seconds, ""));
    let [hours, minutes, seconds] = [hours, minutes, seconds].map(|part| part.parse::<u64>().ok());
    let fraction = fraction.trim_end_matches('0');
    let point = if fraction.is_empty() { "" } else { "." };
    Some(format!("{:02}:{:02}:{:02}{point}{fraction}", hours?, minutes?, seconds?))
}

/// The value of an attribute, whatever its prefix.
fn attribute(element: &BytesStart<'_>, name: &str) -> Option<String> {
    let mut attributes = element.attributes();
    let found = attributes.with_checks(false).flatten().find(|found| found.key.local_name().into_inner() == name)?;
    found.normalized_value(XmlVersion::Explicit1_0).ok().map(std::borrow::Cow::into_owned)
}

/// How often something is repeated: at least once.
fn count_of(element: &BytesStart<'_>, name: &str) -> u32 {
    attribute(element, name).and_then(|count| count.parse().ok()).unwrap_or(1).max(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read_tables(tables: &str, asked: Option<&str>) -> Result<(String, String, Vec<String>), ReadError> {
        let xml = format!("<?xml version=\"1.0\"?><office:document-content>{tables}</office:document-content>");
        let mut found = Content::new(asked, 1 << 16).read(&xml)?;
        found.cells.fill_merged()?;
        let csv = String::from_utf8(found.cells.to_csv()?).expect("text");
        Ok((found.sheet, csv, found.others))
    }

    const TWO: &str = r#"
        <table:table table:name="Empty"><table:table-row table:number-rows-repeated="1048576">
          <table:table-cell table:number-columns-repeated="16384"/></table:table-row></table:table>
        <table:table table:name="A &amp; B">
          <table:table-row table:number-rows-repeated="2"><table:table-cell/></table:table-row>
          <table:table-row>
            <table:table-cell office:value-type="string"
              table:number-columns-repeated="2"><text:p>a<text:s text:c="2"/>b &lt;&#233;&gt;</text:p>
              <text:p>next</text:p><office:annotation><text:p>a note</text:p></office:annotation></table:table-cell>
            <table:table-cell office:value-type="float" office:value="3"><text:p>3.00</text:p></table:table-cell>
            <table:table-cell office:value-type="date" office:date-value="2024-05-01T12:30:00"/>
            <table:table-cell office:value-type="time" office:time-value="PT06H30M00S"/>
            <table:table-cell office:value-type="boolean" office:boolean-value="true"/>
            <table:table-cell office:value-type="string" calcext:value-type="error"><text:p>#N/A</text:p></table:table-cell>
          </table:table-row>
        </table:table>
        <table:table table:name="Third"><table:table-row><table:table-cell office:value-type="string"><text:p>x</text:p>
          </table:table-cell></table:table-row></table:table>"#;

    #[test]
    fn the_first_sheet_with_rows_is_read() {
        let (sheet, csv, others) = read_tables(TWO, None).expect("it is whole");
        assert_eq!((sheet.as_str(), others.as_slice()), ("A & B", &["Third".to_owned()][..]));
        let text = "\"a  b <é>\nnext\"";
        assert_eq!(csv, format!("\n\n{text},{text},\"3\",\"2024-05-01 12:30:00\",\"06:30:00\",\"true\"\n"));
        let (sheet, csv, others) = read_tables(TWO, Some("Third")).expect("it is there");
        assert_eq!((sheet.as_str(), csv.as_str(), others.as_slice()), ("Third", "\"x\"\n", &["A & B".to_owned()][..]));
        assert!(matches!(read_tables(TWO, Some("Empty")), Err(ReadError::NoRows { .. })));
        assert!(matches!(read_tables(TWO, Some("Fourth")), Err(ReadError::NoSheet { .. })));
    }

    #[test]
    fn merged_cells_stand_in_each_row() {
        let rows = r#"<table:table table:name="A">
            <table:table-row><table:table-cell table:number-rows-spanned="2"
              office:value-type="string"><text:p>a</text:p></table:table-cell>
              <table:table-cell office:value-type="string"><text:p>x</text:p></table:table-cell></table:table-row>
            <table:table-row><table:covered-table-cell/>
              <table:table-cell office:value-type="string"><text:p>y</text:p></table:table-cell></table:table-row></table:table>"#;
        assert_eq!(read_tables(rows, None).expect("it is whole").1, "\"a\",\"x\"\n\"a\",\"y\"\n");
    }

    #[test]
    fn repeated_cells_take_no_more_than_they_may() {
        let cell = |repeated: &str| {
            format!(
                "<table:table table:name=\"A\"><table:table-row table:number-rows-repeated=\"1000000\"><table:table-cell \
                 {repeated} office:value-type=\"string\"><text:p>{}</text:p></table:table-cell></table:table-row></table:table>",
                "x".repeat(1000)
            )
        };
        for repeated in ["", "table:number-columns-repeated=\"4000000000\""] {
            assert!(matches!(read_tables(&cell(repeated), None), Err(ReadError::TooLarge { .. })));
        }
    }

    #[test]
    fn a_document_that_is_cut_off_is_an_error_at_any_length() {
        let xml = format!("<office:document-content>{TWO}</office:document-content>");
        for length in (0..xml.len()).filter(|length| xml.is_char_boundary(*length)) {
            assert!(Content::new(None, 1 << 16).read(&xml[..length]).is_err(), "{length} bytes");
        }
    }
}
