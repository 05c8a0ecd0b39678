//! What a file is by its bytes: names lie.

use std::io::{Cursor, Read};

use zip::ZipArchive;

use crate::ReadError;

/// A format that is read here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Gzip,
    /// A zip that is no workbook.
    Zip,
    Parquet,
    Xlsx,
    Ods,
    /// Text, and whatever else core says that it can't read.
    Other,
}

/// How the type of an ODS begins, which its first entry holds.
const ODS_TYPE: &[u8] = b"application/vnd.oasis.opendocument.spreadsheet";
/// That of any other file of an OpenDocument office.
const OPEN_DOCUMENT: &[u8] = b"application/vnd.oasis.opendocument.";

impl Kind {
    /// What a file is.
    ///
    /// # Errors
    /// When it is a document of an office that is no table.
    pub(crate) fn of(bytes: &[u8]) -> Result<Self, ReadError> {
        if bytes.starts_with(b"\x1F\x8B\x08") {
            return Ok(Self::Gzip);
        }
        if bytes.starts_with(b"PAR1") || bytes.starts_with(b"PARE") {
            return Ok(Self::Parquet);
        }
        if bytes.starts_with(b"PK\x03\x04") || bytes.starts_with(b"PK\x05\x06") {
            return Self::of_zip(bytes);
        }
        Ok(Self::Other)
    }

    fn of_zip(bytes: &[u8]) -> Result<Self, ReadError> {
        // What is wrong with a zip is said by core, as of a zip of images.
        let Ok(mut zip) = ZipArchive::new(Cursor::new(bytes)) else { return Ok(Self::Other) };
        let has = |start: &str| zip.file_names().any(|name| name.to_ascii_lowercase().starts_with(start));
        if has("[content_types].xml") {
            return match (has("xl/workbook.bin"), has("xl/"), has("word/"), has("ppt/")) {
                (true, ..) => Err(ReadError::NoWorkbook { what: "a binary Excel workbook (.xlsb)" }),
                (_, true, ..) => Ok(Self::Xlsx),
                (_, _, true, _) => Err(ReadError::NoWorkbook { what: "a Word document" }),
                (_, _, _, true) => Err(ReadError::NoWorkbook { what: "a presentation" }),
                _ => Ok(Self::Zip),
            };
        }
        let mut start = Vec::with_capacity(ODS_TYPE.len());
        if let Ok(entry) = zip.by_name("mimetype") {
            // What can't be unpacked is no type of a document.
            let _ = entry.take(ODS_TYPE.len() as u64).read_to_end(&mut start);
        }
        if start == ODS_TYPE {
            Ok(Self::Ods)
        } else if start.starts_with(OPEN_DOCUMENT) {
            Err(ReadError::NoWorkbook { what: "an OpenDocument file that is no spreadsheet" })
        } else {
            Ok(Self::Zip)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_are_known_by_their_first_bytes() {
        for (bytes, kind) in [
            (&b"\x1F\x8B\x08\0"[..], Kind::Gzip),
            (b"PAR1...", Kind::Parquet),
            (b"PK,not a zip", Kind::Other),
            (b"text,label\n", Kind::Other),
            (b"", Kind::Other),
        ] {
            assert_eq!(Kind::of(bytes).expect("no document of an office"), kind);
        }
        assert_eq!(Kind::of(b"PK\x03\x04 cut off").expect("core says so"), Kind::Other);
    }
}
