//! Workbooks to delimited text. In: the bytes of an XLSX or ODS file, and perhaps the name of a sheet. Out: the sheet's rows as
//! comma-separated text with a line for each row, empty ones too: so row 7 of a message is row 7 of the sheet. Its file is named
//! after the sheet.
//!
//! Without a name the first sheet with anything in it is read, and the others are named. Formulas have the value that the workbook
//! holds for them; dates are written as `2024-05-01`, with their time where they have one; a cell with an error is empty; a cell
//! that is merged over several rows stands in each of them.

mod grid;
mod ods;
mod xlsx;

use std::io::{Cursor, Read, copy, sink};

use quick_xml::Reader;
use quick_xml::events::Event;
use zip::ZipArchive;

use self::grid::Grid;
use crate::kind::Kind;
use crate::unpack::{Unpacked, read_within};
use crate::{Limits, Options, ReadError, ReadFile};

/// Names of sheets that a message has.
const MAX_NAMES: usize = 8;

/// What a workbook gave.
#[derive(Debug)]
struct Found {
    /// The sheet that is read.
    sheet: String,
    cells: Grid,
    /// Other sheets in which something stands.
    others: Vec<String>,
}

/// Reads a sheet of a workbook.
///
/// # Errors
/// When the workbook is damaged or too large, there is no such sheet, or nothing in it.
pub(crate) fn read(name: &str, bytes: &[u8], kind: Kind, options: &Options) -> Result<ReadFile, ReadError> {
    let limit = options.limits.unpacked(bytes.len() as u64);
    let asked = options.sheet.as_deref();
    let found = match kind {
        Kind::Ods => ods::read(bytes, asked, limit)?,
        _ => {
            check_parts(bytes, &options.limits, limit)?;
            xlsx::read(bytes, asked, limit)?
        }
    };
    let Found { sheet, mut cells, others } = found;
    cells.fill_merged()?;
    let mut notes = vec![format!("{name} is a workbook: its sheet {sheet:?} is read")];
    if !others.is_empty() {
        let shown: Vec<String> = others.iter().take(MAX_NAMES).map(|name| format!("{name:?}")).collect();
        let more = others.len().saturating_sub(MAX_NAMES);
        let more = if more > 0 { format!(" and {more} more") } else { String::new() };
        notes.push(format!("{name} has other sheets with rows, which are not read: {}{more}", shown.join(", ")));
    }
    notes.extend(cells.notes(name));
    Ok(ReadFile { name: format!("{name}, sheet {sheet:?}"), bytes: cells.to_csv()?, notes })
}

/// Unpacks the parts of an XLSX to see how large they are, before a reader that sets no limits unpacks them; and the number of
/// shared texts that it makes room for. All parts: a sheet may have any name.
fn check_parts(bytes: &[u8], limits: &Limits, limit: u64) -> Result<(), ReadError> {
    let damaged = |reason: String| ReadError::Workbook { reason };
    let mut zip = ZipArchive::new(Cursor::new(bytes)).map_err(|error| damaged(error.to_string()))?;
    if zip.len() > limits.max_entries {
        return Err(ReadError::TooManyEntries { found: zip.len(), limit: limits.max_entries });
    }
    let mut left = limit;
    for index in 0..zip.len() {
        let name = zip.name_for_index(index).unwrap_or_default().to_ascii_lowercase();
        let entry = zip.by_index(index).map_err(|error| damaged(format!("{name}: {error}")))?;
        let unpacked = if name.ends_with("sharedstrings.xml") {
            let claimed = entry.size();
            match read_within(entry, claimed, left).map_err(|error| damaged(format!("{name}: {error}")))? {
                Unpacked::Whole(text) => {
                    check_count(&text).map_err(damaged)?;
                    text.len() as u64
                }
                Unpacked::TooLarge => return Err(ReadError::TooLarge { limit }),
            }
        } else {
            copy(&mut entry.take(left + 1), &mut sink()).map_err(|error| damaged(format!("{name}: {error}")))?
        };
        left = left.checked_sub(unpacked).ok_or(ReadError::TooLarge { limit })?;
    }
    Ok(())
}

/// Whether the shared texts are at most as many as their part can hold, each of which takes five bytes: `<si/>`. The part is read
/// with the settings of `calamine`, or it would find another claim than is found here.
fn check_count(xml: &[u8]) -> Result<(), String> {
    let mut reader = Reader::from_reader(xml);
    let config = reader.config_mut();
    config.check_end_names = false;
    config.expand_empty_elements = true;
    loop {
        match reader.read_event() {
            Ok(Event::Start(element)) if element.local_name().into_inner() == "sst" => {
                for attribute in element.attributes().with_checks(false).flatten() {
                    if attribute.key.local_name().into_inner() != "uniqueCount" {
                        continue;
                    }
                    let count: Option<u64> = attribute.value.trim().parse().ok();
                    if count.is_none_or(|count| count > xml.len() as u64 / 5) {
                        return Err("it claims more texts than it has".into());
                    }
                }
                return Ok(());
            }
            Ok(Event::Eof) | Err(_) => return Ok(()), // which its reader says
            Ok(_) => {}
        }
    }
}

/// The number of a spreadsheet as a person sees it: 3, not 3.0, and 0, not -0.
fn plain_number(value: f64) -> String {
    let value = value + 0.0; // of zeros, the positive one
    if value.fract() == 0.0 && value.abs() < 1e18 { format!("{value:.0}") } else { format!("{value:?}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_written_as_they_are_seen() {
        for (value, expected) in [
            (3.0, "3"),
            (-2.0, "-2"),
            (-0.0, "0"),
            (0.1, "0.1"),
            (1_234_567_890_123_450.0, "1234567890123450"),
            (1e300, "1e300"),
            (4.5e-7, "4.5e-7"),
        ] {
            assert_eq!(plain_number(value), expected);
        }
    }

    #[test]
    fn claims_of_texts_that_are_not_there_are_refused() {
        check_count(b"<?xml version=\"1.0\"?><sst uniqueCount=\"2\"><si/><si/></sst>").expect("they may be there");
        check_count(b"<sst><si/></sst>").expect("it claims nothing");
        for count in ["99999999999", "-1", "x"] {
            assert!(check_count(format!("<x:sst uniqueCount=\"{count}\">").as_bytes()).is_err(), "{count}");
        }
        assert!(
            check_count(b"<a></b><sst uniqueCount=\"99999999999\"/>").is_err(),
            "its reader goes on after a wrong end"
        );
    }
}
