//! Bytes of a file that a person hands over (a job, predictions, edits, a list of words) to text: UTF-8 with or without a byte order
//! mark, and UTF-16 with one, as Windows PowerShell and Notepad write it.
//!
//! Files of rows are read by `data`, which also guesses encodings.

use std::borrow::Cow;

use crate::file_signature::Signature;

/// Why bytes are no text. The message goes on from "the file is".
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NotText {
    /// It has to be unpacked first.
    #[error("packed with gzip: unpack the file first")]
    Gzip,
    /// It has to be unpacked first.
    #[error("packed as a zip: unpack the file first")]
    Zip,
    /// Neither a mark of UTF-16 nor valid UTF-8.
    #[error("not UTF-8: save the file as UTF-8")]
    NotUtf8,
    /// Begins with a byte order mark of UTF-16, and is none.
    #[error("not UTF-16, although it begins with the byte order mark of UTF-16: save the file as UTF-8")]
    NotUtf16,
}

/// The text of a file, without its byte order mark; borrowed where it is UTF-8.
///
/// # Errors
/// When it is packed or in another encoding.
pub fn text_of(bytes: &[u8]) -> Result<Cow<'_, str>, NotText> {
    if let Some(body) = bytes.strip_prefix(b"\xFF\xFE") {
        return utf16(body, u16::from_le_bytes).map(Cow::Owned);
    }
    if let Some(body) = bytes.strip_prefix(b"\xFE\xFF") {
        return utf16(body, u16::from_be_bytes).map(Cow::Owned);
    }
    match Signature::of(bytes) {
        Some(Signature::Gzip) => return Err(NotText::Gzip),
        Some(Signature::Zip) => return Err(NotText::Zip),
        _ => {}
    }
    let body = bytes.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(bytes);
    std::str::from_utf8(body).map(Cow::Borrowed).map_err(|_| NotText::NotUtf8)
}

fn utf16(body: &[u8], unit: fn([u8; 2]) -> u16) -> Result<String, NotText> {
    let units = body.chunks_exact(2).map(|pair| unit([pair[0], pair[1]]));
    let text = char::decode_utf16(units).collect::<Result<String, _>>().map_err(|_| NotText::NotUtf16)?;
    if body.len().is_multiple_of(2) { Ok(text) } else { Err(NotText::NotUtf16) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_windows_writes_is_read() {
        let text = "{\"a\": \"Größe 😀\"}\r\n";
        let utf16 = |mark: &[u8], bytes_of: fn(u16) -> [u8; 2]| -> Vec<u8> {
            mark.iter().copied().chain(text.encode_utf16().flat_map(bytes_of)).collect()
        };
        for bytes in [
            text.as_bytes().to_vec(),
            format!("\u{feff}{text}").into_bytes(),
            utf16(b"\xFF\xFE", u16::to_le_bytes),
            utf16(b"\xFE\xFF", u16::to_be_bytes),
        ] {
            assert_eq!(text_of(&bytes).as_deref(), Ok(text), "{bytes:?}");
        }
        assert!(matches!(text_of(b"a"), Ok(Cow::Borrowed("a"))) && text_of(b"").as_deref() == Ok(""));
    }

    #[test]
    fn what_is_no_text_is_told_apart() {
        for (bytes, expected) in [
            (&b"\x1F\x8B\x08\x00"[..], NotText::Gzip),
            (b"PK\x03\x04rest", NotText::Zip),
            (b"caf\xE9", NotText::NotUtf8),
            (b"\xFF\xFEa", NotText::NotUtf16),
            (b"\xFF\xFE\x00\xD8a\x00", NotText::NotUtf16),
        ] {
            assert_eq!(text_of(bytes), Err(expected), "{bytes:?}");
        }
    }
}
