//! XLSX, by `calamine`: cell by cell, so that a cell at the far end of a sheet takes no more room than any other.

use std::io::Cursor;

use calamine::{DataRef, ExcelDateTime, Reader, SheetType, SheetVisible, Xlsx, XlsxError};

use super::grid::Grid;
use super::{Found, plain_number};
use crate::ReadError;

/// Reads the sheet that is asked for, else the first with rows; visible ones come first.
///
/// # Errors
/// When the workbook or the sheet is damaged, there is no such sheet, or nothing in it.
pub(super) fn read(bytes: &[u8], asked: Option<&str>, limit: u64) -> Result<Found, ReadError> {
    let mut workbook =
        Xlsx::new(Cursor::new(bytes)).map_err(|error| ReadError::Workbook { reason: error.to_string() })?;
    let is_sheet = |sheet: &&calamine::Sheet| sheet.typ == SheetType::WorkSheet;
    let mut sheets: Vec<(bool, String)> = workbook
        .sheets_metadata()
        .iter()
        .filter(is_sheet)
        .map(|sheet| (sheet.visible != SheetVisible::Visible, sheet.name.clone()))
        .collect();
    sheets.sort_by_key(|(is_hidden, _)| *is_hidden);
    let names: Vec<String> = sheets.into_iter().map(|(_, name)| name).collect();
    let chosen = match asked {
        Some(asked) if names.iter().any(|name| name == asked) => Some(asked.to_owned()),
        Some(asked) => return Err(ReadError::NoSheet { asked: asked.to_owned(), sheets: names }),
        None => None,
    };
    let mut found: Option<(String, Grid)> = None;
    let mut others = Vec::new();
    for name in &names {
        let is_wanted = chosen.as_ref().map_or(found.is_none(), |chosen| chosen == name);
        let cells = read_cells(&mut workbook, name, is_wanted, limit)?;
        if cells.is_empty() {
            continue;
        }
        if is_wanted {
            found = Some((name.clone(), cells));
        } else {
            others.push(name.clone());
        }
    }
    let Some((sheet, mut cells)) = found else {
        return Err(ReadError::NoRows { sheets: chosen.map_or(names, |chosen| vec![chosen]) });
    };
    if cells.has_gaps() {
        cells.add_unknown_formulas(count_unknown_formulas(&mut workbook, &sheet));
    }
    let merged = workbook.merge_cells_by_sheet_name(&sheet).map_err(|error| failed(&sheet, None, &error))?;
    merged.iter().for_each(|region| cells.merge(region.start, region.end.0));
    Ok(Found { sheet, cells, others })
}

fn failed(sheet: &str, row: Option<usize>, error: &XlsxError) -> ReadError {
    ReadError::Sheet { sheet: sheet.to_owned(), row, reason: error.to_string() }
}

/// The cells of a sheet; of one that is not wanted the first that is not empty, if there is one.
fn read_cells(workbook: &mut Xlsx<Cursor<&[u8]>>, sheet: &str, is_wanted: bool, limit: u64) -> Result<Grid, ReadError> {
    let mut grid = Grid::new(limit);
    let mut reader = match workbook.worksheet_cells_reader(sheet) {
        Ok(reader) => reader,
        // A sheet that is not read may be what it likes.
        Err(_) if !is_wanted => return Ok(grid),
        Err(error) => return Err(failed(sheet, None, &error)),
    };
    let mut last_row = None;
    loop {
        let cell = match reader.next_cell() {
            Ok(Some(cell)) => cell,
            Ok(None) => return Ok(grid),
            Err(_) if !is_wanted => return Ok(grid),
            Err(error) => return Err(failed(sheet, last_row, &error)),
        };
        let (row, column) = cell.get_position();
        last_row = Some(row as usize + 1);
        let text = match cell.get_value() {
            DataRef::Empty => {
                grid.add_gap();
                continue;
            }
            DataRef::Error(_) => {
                grid.add_error();
                continue;
            }
            DataRef::Int(value) => value.to_string(),
            DataRef::Float(value) => plain_number(*value),
            DataRef::String(value) => value.clone(),
            DataRef::SharedString(value) => (*value).to_owned(),
            DataRef::Bool(value) => value.to_string(),
            DataRef::DateTime(value) => date(value),
            DataRef::DateTimeIso(value) | DataRef::DurationIso(value) => value.replacen('T', " ", 1),
        };
        grid.push(row, column, text)?;
        if !is_wanted && !grid.is_empty() {
            return Ok(grid);
        }
    }
}

/// Cells of a sheet that was read which have a formula and no value: so libraries write workbooks, which compute nothing.
fn count_unknown_formulas(workbook: &mut Xlsx<Cursor<&[u8]>>, sheet: &str) -> usize {
    let Ok(mut reader) = workbook.worksheet_cells_reader(sheet) else { return 0 };
    let mut num_unknown = 0;
    while let Ok(Some(cell)) = reader.next_cell_with_formula_metadata() {
        num_unknown += usize::from(cell.formula.is_some() && matches!(cell.value, DataRef::Empty));
    }
    num_unknown
}

/// Days of the calendar of a workbook, which ends with the year 9999.
const MAX_DAYS: f64 = 2_958_466.0;

/// A date, a date with its time, a time of the day, or a span of time, by what the cell's value and format say; the number
/// where the calendar has no such day.
fn date(value: &ExcelDateTime) -> String {
    let days = value.as_f64();
    if value.is_duration() {
        let secs = (days * 86_400.0).round();
        let (sign, secs) = if secs < 0.0 { ("-", -secs as u64) } else { ("", secs as u64) };
        return format!("{sign}{:02}:{:02}:{:02}", secs / 3600, secs / 60 % 60, secs % 60);
    }
    if !(0.0..MAX_DAYS).contains(&days) {
        return plain_number(days);
    }
    let (year, month, day, hour, minute, second, milli) = value.to_ymd_hms_milli();
    let date = format!("{year:04}-{month:02}-{day:02}");
    let part = if milli > 0 { format!(".{milli:03}") } else { String::new() };
    let time = format!("{hour:02}:{minute:02}:{second:02}{part}");
    match (days < 1.0, (hour, minute, second, milli) == (0, 0, 0, 0)) {
        (true, _) => time,
        (false, true) => date,
        (false, false) => format!("{date} {time}"),
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use calamine::ExcelDateTimeType;
    use zip::ZipWriter;
    use zip::write::SimpleFileOptions;

    use super::*;

    /// A workbook with one sheet of these rows, as XML.
    fn workbook(rows: &str) -> Vec<u8> {
        let office = "http://schemas.openxmlformats.org/officeDocument/2006/relationships";
        let sheet = "<sheets><sheet name=\"S\" sheetId=\"1\" r:id=\"rId1\"/></sheets>";
        let to = |kind: &str, target: &str| {
            let one = format!("<Relationship Id=\"rId1\" Type=\"{office}/{kind}\" Target=\"{target}\"/>");
            format!("<Relationships>{one}</Relationships>")
        };
        let parts = [
            ("_rels/.rels", to("officeDocument", "xl/workbook.xml")),
            ("xl/_rels/workbook.xml.rels", to("worksheet", "worksheets/sheet1.xml")),
            ("xl/workbook.xml", format!("<workbook xmlns:r=\"{office}\">{sheet}</workbook>")),
            ("xl/worksheets/sheet1.xml", format!("<worksheet><sheetData>{rows}</sheetData></worksheet>")),
        ];
        let mut writer = ZipWriter::new(Cursor::new(Vec::new()));
        for (name, xml) in parts {
            writer.start_file(name, SimpleFileOptions::default()).expect("a new name");
            writer.write_all(xml.as_bytes()).expect("memory");
        }
        writer.finish().expect("memory").into_inner()
    }

    #[test]
    fn formulas_without_values_are_counted() {
        let row = |cells: &str| format!("<row r=\"1\">{cells}</row>");
        let text = "<c r=\"A1\" t=\"inlineStr\"><is><t>a text</t></is></c>";
        let notes = |cell: &str| {
            let bytes = workbook(&row(&format!("{text}{cell}")));
            read(&bytes, None, 1 << 20).expect("a workbook").cells.notes("x.xlsx")
        };
        let said = notes("<c r=\"B1\"><f>1+1</f><v/></c><c r=\"C1\"><f>A1</f></c>");
        assert!(
            said.len() == 1 && said[0].contains("are read as empty: 2. Open it in a spreadsheet program"),
            "{said:?}"
        );
        assert!(notes("<c r=\"B1\"><f>1+1</f><v>2</v></c><c r=\"C1\" s=\"0\"/>").is_empty());
    }

    #[test]
    fn dates_and_times_are_told_apart_by_their_value() {
        let of = |value, kind| date(&ExcelDateTime::new(value, kind, false));
        assert_eq!(of(45413.0, ExcelDateTimeType::DateTime), "2024-05-01");
        assert_eq!(of(45413.5, ExcelDateTimeType::DateTime), "2024-05-01 12:00:00");
        assert_eq!(of(0.25, ExcelDateTimeType::DateTime), "06:00:00");
        assert_eq!(of(1.5, ExcelDateTimeType::TimeDelta), "36:00:00");
        assert_eq!(of(-5.0, ExcelDateTimeType::DateTime), "-5", "no day");
        assert_eq!(of(1e300, ExcelDateTimeType::DateTime), "1e300", "no day");
    }
}
