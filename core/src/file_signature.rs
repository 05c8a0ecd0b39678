//! What a file is by its first bytes, where it is not the text or the weights that it was taken for.

/// A format that is known by its first bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Signature {
    /// HTML: what a portal or a log-in answers in the place of a file.
    WebPage,
    /// XML: what a store answers in the place of a file.
    Xml,
    /// What Git has of a large file before it is fetched.
    LfsPointer,
    Gzip,
    /// A zip archive, such as an Excel workbook.
    Zip,
    /// An Excel workbook of before 2007.
    OldWorkbook,
    Pdf,
    Bzip2,
    Xz,
    Zstandard,
    Parquet,
    Arrow,
    Image,
    Sqlite,
}

/// First bytes of binary formats.
const BINARY: &[(&[u8], Signature)] = &[
    (b"PK\x03\x04", Signature::Zip),
    (b"\xD0\xCF\x11\xE0", Signature::OldWorkbook),
    (b"%PDF", Signature::Pdf),
    (b"\x1F\x8B\x08", Signature::Gzip),
    (b"BZh", Signature::Bzip2),
    (b"\xFD7zXZ", Signature::Xz),
    (b"\x28\xB5\x2F\xFD", Signature::Zstandard),
    (b"PAR1", Signature::Parquet),
    (b"ARROW1", Signature::Arrow),
    (b"\xFF\xFF\xFF\xFF", Signature::Arrow), // a stream, as the `datasets` library keeps rows
    (b"\x89PNG", Signature::Image),
    (b"\xFF\xD8\xFF", Signature::Image),
    (b"SQLite format 3", Signature::Sqlite),
];

/// Begin a web page, where white space or `>` follows.
const HTML: [&str; 4] = ["<!doctype html", "<html", "<head", "<body"];

impl Signature {
    /// The format of a file with these first bytes; `None` for text and for anything unknown.
    pub(crate) fn of(head: &[u8]) -> Option<Self> {
        if let Some((_, found)) = BINARY.iter().find(|(start, _)| head.starts_with(start)) {
            return Some(*found);
        }
        let text = head.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(head).trim_ascii_start();
        let rest_of = |word: &str| {
            let (start, rest) = text.split_at_checked(word.len())?;
            start.eq_ignore_ascii_case(word.as_bytes()).then_some(rest)
        };
        let ends_word = |byte: &u8| *byte == b'>' || byte.is_ascii_whitespace();
        let begins = |word: &str| rest_of(word).is_some_and(|rest| rest.first().is_some_and(ends_word));
        if HTML.into_iter().any(begins) {
            Some(Self::WebPage)
        } else if rest_of("<?xml").is_some() {
            Some(Self::Xml)
        } else {
            rest_of("version https://git-lfs.github.com/spec/").map(|_| Self::LfsPointer)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn formats_are_known_by_their_first_bytes() {
        assert_eq!(Signature::of(b"PK\x03\x04rest"), Some(Signature::Zip));
        assert_eq!(Signature::of(b"\x1F\x8B\x08\0"), Some(Signature::Gzip));
        assert_eq!(Signature::of(b"\xEF\xBB\xBF\n<!DOCTYPE HTML>\n<title>"), Some(Signature::WebPage));
        assert_eq!(Signature::of(b" <Html lang=\"en\">"), Some(Signature::WebPage));
        assert_eq!(Signature::of(b"<?xml version=\"1.0\"?>"), Some(Signature::Xml));
        assert_eq!(Signature::of(b"version https://git-lfs.github.com/spec/v1\n"), Some(Signature::LfsPointer));
        for text in [&b"<html,label\n"[..], b"<headline>,label", b"text,label\n", b"", b"<html"] {
            assert_eq!(Signature::of(text), None);
        }
    }
}
