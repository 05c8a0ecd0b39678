//! Files of JSON Lines that a command of Hone wrote, a line a row.
//!
//! In: such a file, and the fields that its lines have. Out: the rows with the numbers of their lines; or which line can't be read, which
//! of its fields is missing or wrong, and what writes such a file.

use std::path::Path;

use anyhow::{anyhow, bail};
use hone_core::file_text::text_of;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

use crate::output::read_data_file;

/// A field of a line.
pub(crate) struct Field {
    /// As it stands in the line.
    pub(crate) name: &'static str,
    /// What it has to be, in words.
    what: &'static str,
    /// Whether a value is that.
    is_good: fn(&Value) -> bool,
    /// A line need not have it.
    is_optional: bool,
}

impl Field {
    /// A field that each line has.
    pub(crate) const fn of<T: DeserializeOwned>(name: &'static str, what: &'static str) -> Self {
        Self { name, what, is_good: holds::<T>, is_optional: false }
    }

    /// A field that a line need not have.
    pub(crate) const fn optional<T: DeserializeOwned>(name: &'static str, what: &'static str) -> Self {
        Self { name, what, is_good: holds::<T>, is_optional: true }
    }
}

fn holds<T: DeserializeOwned>(value: &Value) -> bool {
    T::deserialize(value).is_ok()
}

/// What is wrong with a line that is no row: which of the fields it should have is missing, or is something else.
pub(crate) fn fault_in<'a>(found: &Map<String, Value>, fields: impl IntoIterator<Item = &'a Field>) -> String {
    for Field { name, what, is_good, is_optional } in fields {
        match found.get(*name) {
            None if *is_optional => {}
            None => return format!("the field {name:?} is missing"),
            Some(value) if !is_good(value) => return format!("the field {name:?} is not {what}"),
            Some(_) => {}
        }
    }
    "a field stands in it twice".to_owned()
}

/// The rows of a file, each with the number of its line, from 1. Empty lines count, and are no rows. `what` the rows are and `writers`,
/// what writes them, are words for messages; `fault_of` says what is wrong with the fields of a line that is no row.
///
/// # Errors
/// When it can't be read, is no text, has no rows, or a line that is none.
pub(crate) fn read_lines<T: DeserializeOwned>(
    path: &Path,
    what: &str,
    writers: &str,
    fault_of: impl Fn(Map<String, Value>) -> String,
) -> anyhow::Result<Vec<(usize, T)>> {
    let bytes = read_data_file(&format!("read the {what}"), path)?;
    let text = text_of(&bytes).map_err(|error| anyhow!("the {what} are {error}: {}", path.display()))?;
    let lines = text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty());
    let rows = lines.map(|(index, line)| -> anyhow::Result<(usize, T)> {
        let number = index + 1;
        let row = serde_json::from_str(line).map_err(|_| {
            let fault = match serde_json::from_str(line) {
                Ok(Value::Object(fields)) => fault_of(fields),
                Ok(_) => "it is not a JSON object".to_owned(),
                Err(_) => "it is not JSON".to_owned(),
            };
            anyhow!("line {number} can't be read, {fault}: {writers}: {}", path.display())
        })?;
        Ok((number, row))
    });
    let rows = rows.collect::<anyhow::Result<Vec<(usize, T)>>>()?;
    if rows.is_empty() {
        bail!("there are no {what} in it: {}", path.display());
    }
    Ok(rows)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_keep_the_numbers_of_their_lines_and_a_file_without_rows_is_refused() {
        let file = tempfile::NamedTempFile::new().expect("a temporary file");
        let read = |bytes: &[u8]| {
            std::fs::write(file.path(), bytes).expect("writes");
            let found = read_lines::<u8>(file.path(), "texts", "hone writes such lines", |_| "it is no row".to_owned());
            found.map_err(|error| error.to_string())
        };
        assert_eq!(read(b"7\n\n8\n").expect("two rows"), [(1, 7), (3, 8)]);
        assert_eq!(read(b"\xEF\xBB\xBF7\r\n8\r\n").expect("with a mark"), [(1, 7), (2, 8)]);
        assert_eq!(read(b"\xFF\xFE7\0\n\0").expect("of PowerShell"), [(1, 7)]);
        let place = format!(": {}", file.path().display());
        for (bytes, fault) in [
            (&b"7\n\n{}\n"[..], "line 3 can't be read, it is no row: hone writes such lines"),
            (b"7\n\"x\"\n", "line 2 can't be read, it is not a JSON object: hone writes such lines"),
            (b"x\n", "line 1 can't be read, it is not JSON: hone writes such lines"),
            (b" \n\n", "there are no texts in it"),
            (b"\xff\n", "the texts are not UTF-8: save the file as UTF-8"),
            (b"\x1F\x8B\x08", "the texts are packed with gzip: unpack the file first"),
        ] {
            assert_eq!(read(bytes), Err(format!("{fault}{place}")));
        }
    }
}
