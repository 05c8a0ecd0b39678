//! Bytes to text: UTF-8 with or without a byte order mark, or UTF-16 with one; anything else is named.

use std::borrow::Cow;

use crate::data::error::DataError;

/// What a file that is not text starts with, and what it is then.
const SIGNATURES: &[(&[u8], &str)] = &[
    (b"PK\x03\x04", "a zip archive or an Excel workbook; save the sheet as CSV"),
    (b"\xD0\xCF\x11\xE0", "an old Excel workbook; save the sheet as CSV"),
    (b"%PDF", "a PDF"),
    (b"\x1F\x8B", "a gzip archive; unpack it first"),
    (b"BZh", "a bzip2 archive; unpack it first"),
    (b"\xFD7zXZ", "an xz archive; unpack it first"),
    (b"PAR1", "a Parquet file; save it as CSV or JSON lines"),
    (b"ARROW1", "an Arrow file; save it as CSV or JSON lines"),
    (b"\x89PNG", "an image"),
    (b"\xFF\xD8\xFF", "an image"),
    (b"SQLite format 3", "a database; save the table as CSV"),
    (b"\x28\xB5\x2F\xFD", "a Zstandard archive; unpack it first"),
    (
        b"version https://git-lfs.github.com/spec/",
        "a Git LFS pointer and not the file itself; fetch it with git lfs pull",
    ),
];

/// Decodes a file, borrowing where it is UTF-8 already.
pub(super) fn decode(bytes: &[u8]) -> Result<Cow<'_, str>, DataError> {
    if let Some((_, kind)) = SIGNATURES.iter().find(|(start, _)| bytes.starts_with(start)) {
        return Err(DataError::Binary { kind });
    }
    // Before UTF-16, whose little-endian mark this one begins with.
    if bytes.starts_with(b"\xFF\xFE\0\0") || bytes.starts_with(b"\0\0\xFE\xFF") {
        return Err(DataError::Utf32);
    }
    if let Some(rest) = bytes.strip_prefix(b"\xFF\xFE") {
        return decode_utf16(rest, u16::from_le_bytes).map(Cow::Owned);
    }
    if let Some(rest) = bytes.strip_prefix(b"\xFE\xFF") {
        return decode_utf16(rest, u16::from_be_bytes).map(Cow::Owned);
    }
    let (skipped, body) = match bytes.strip_prefix(b"\xEF\xBB\xBF") {
        Some(rest) => (3, rest),
        None => (0, bytes),
    };
    if body.iter().take(8192).any(|&byte| byte == 0) {
        return Err(DataError::Binary { kind: "a binary file (it holds zero bytes)" });
    }
    if is_web_page(body) {
        return Err(DataError::Binary { kind: "a web page; was it to be downloaded, or is a log-in missing?" });
    }
    match std::str::from_utf8(body) {
        Ok(text) => Ok(Cow::Borrowed(text)),
        Err(error) => Err(DataError::NotUtf8 { offset: skipped + error.valid_up_to() }),
    }
}

/// Whether a text begins as HTML pages do: what a portal or a log-in answers in the place of a file.
fn is_web_page(body: &[u8]) -> bool {
    let start = body.trim_ascii_start();
    let begins = |word: &[u8]| start.get(..word.len()).is_some_and(|start| start.eq_ignore_ascii_case(word));
    [&b"<!doctype html"[..], b"<html>", b"<html "].into_iter().any(begins)
}

fn decode_utf16(bytes: &[u8], unit: fn([u8; 2]) -> u16) -> Result<String, DataError> {
    let mut text = String::with_capacity(bytes.len());
    let mut offset = 2;
    let units = bytes.chunks_exact(2).map(|pair| unit([pair[0], pair[1]]));
    for decoded in char::decode_utf16(units) {
        let character = decoded.map_err(|_| DataError::NotUtf16 { offset })?;
        offset += 2 * character.len_utf16();
        text.push(character);
    }
    if bytes.len() % 2 == 1 {
        return Err(DataError::NotUtf16 { offset });
    }
    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn what_is_not_text_is_named() {
        let error = decode(b"PK\x03\x04rest").expect_err("a zip").to_string();
        assert!(error.contains("Excel"), "{error}");
        assert!(matches!(decode(b"text\0text"), Err(DataError::Binary { .. })));
        let error = decode(b"\n<!DOCTYPE HTML>\n<title>Log in</title>").expect_err("a page").to_string();
        assert!(error.contains("a web page"), "{error}");
        decode(b"<html,label\n").expect("a text that begins alike");
        assert!(matches!(decode(b"caf\xE9,x"), Err(DataError::NotUtf8 { offset: 3 })));
        assert!(matches!(decode(b"\xEF\xBB\xBFcaf\xE9"), Err(DataError::NotUtf8 { offset: 6 })));
        assert!(matches!(decode(b"\xFF\xFEa\0b"), Err(DataError::NotUtf16 { offset: 4 })));
        assert!(matches!(decode(b"\xFF\xFE\x00\xD8a\0"), Err(DataError::NotUtf16 { offset: 2 })));
    }

    #[test]
    fn utf_32_is_not_taken_for_utf_16() {
        let little: Vec<u8> = "\u{feff}text,label\n".chars().flat_map(|c| u32::from(c).to_le_bytes()).collect();
        let big: Vec<u8> = "\u{feff}text,label\n".chars().flat_map(|c| u32::from(c).to_be_bytes()).collect();
        for bytes in [little, big] {
            assert!(matches!(decode(&bytes), Err(DataError::Utf32)));
        }
    }

    proptest! {
        #[test]
        fn every_text_survives_every_encoding(text in "[^\0\u{feff}]{1,40}") {
            prop_assume!(decode(text.as_bytes()).is_ok());
            let marked = ["\u{feff}", &text].concat();
            prop_assert_eq!(decode(marked.as_bytes()).expect("UTF-8"), text.as_str());
            let little: Vec<u8> = marked.encode_utf16().flat_map(u16::to_le_bytes).collect();
            prop_assert_eq!(decode(&little).expect("UTF-16"), text.as_str());
            let big: Vec<u8> = marked.encode_utf16().flat_map(u16::to_be_bytes).collect();
            prop_assert_eq!(decode(&big).expect("UTF-16"), text.as_str());
        }
    }
}
