//! Bytes to text, in the encoding that was asked for or in the one that the bytes show: a byte order mark, valid UTF-8,
//! the zero bytes of UTF-16, else an encoding of one byte a character. What is no text is named.

use std::borrow::Cow;

use super::layout::line_of;
use super::single_byte;
use crate::config::Encoding;
use crate::data::error::DataError;
use crate::file_signature::Signature;
use crate::words::plural;

/// Bytes that show whether a file is UTF-16 or no text.
const SAMPLE: usize = 8192;

/// A damaged UTF-8 file has at least so many whole characters above ASCII for each broken one.
const WHOLE_FOR_A_BROKEN_ONE: usize = 4;

/// What is said of a file with zero bytes or control characters.
const NO_TEXT: &str = "a binary file (it holds bytes that no text has)";

/// A file's text, and how its bytes were read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DecodedText<'b> {
    /// The text, without a byte order mark; borrowed where the file is UTF-8.
    pub text: Cow<'b, str>,
    /// How the bytes stand for characters.
    pub encoding: Encoding,
    /// Neither the person nor the file itself said so.
    pub is_guessed: bool,
    /// What a person should know about it: a guess, or characters that are broken.
    pub note: Option<String>,
}

impl<'b> DecodedText<'b> {
    fn sure(text: Cow<'b, str>, encoding: Encoding) -> Self {
        Self { text, encoding, is_guessed: false, note: None }
    }

    fn guess(text: String, encoding: Encoding, fits: bool) -> Self {
        let name = encoding.name();
        let doubt = if fits { "" } else { " (none that is known here fits it well: saving it as UTF-8 is surest)" };
        let note = format!(
            "the file is not UTF-8: it is read as {name}, a guess; if letters look wrong, choose another encoding{doubt}"
        );
        Self { text: Cow::Owned(text), encoding, is_guessed: true, note: Some(note) }
    }

    /// Says something more.
    fn add_note(&mut self, more: String) {
        self.note = Some(self.note.take().map_or(more.clone(), |note| format!("{note}; {more}")));
    }
}

/// What begins a line where a file with a byte order mark was put behind another one.
const INNER_MARK: &str = "\n\u{feff}";

/// Decodes a file.
pub(super) fn decode(bytes: &[u8], asked: Option<Encoding>) -> Result<DecodedText<'_>, DataError> {
    let padded = without_padding(bytes, asked);
    let filled = without_end_mark(padded, asked);
    let mut decoded = match without_stray_zeros(filled, asked) {
        None => decode_as_is(filled, asked).map(without_further_marks)?,
        Some((bytes, note)) => {
            let DecodedText { text, encoding, is_guessed, note: other } =
                decode_as_is(&bytes, asked).map(without_further_marks)?;
            let text = Cow::Owned(text.into_owned());
            let mut decoded = DecodedText { text, encoding, is_guessed, note: other };
            decoded.add_note(note);
            decoded
        }
    };
    if filled.len() < padded.len() {
        decoded.add_note("the mark of the end of a DOS file (Ctrl-Z), which is no row, left out".into());
    }
    if padded.len() < bytes.len() {
        let padding = plural(bytes.len() - padded.len(), "zero byte");
        decoded.add_note(format!("{padding} at the end of the file, which a program or a disk left there, left out"));
    }
    Ok(decoded)
}

/// A file without zero bytes that fill it up to the end of a block. Text of UTF-16 has others, and ends in one at most.
fn without_padding(bytes: &[u8], asked: Option<Encoding>) -> &[u8] {
    let end = bytes.iter().rposition(|&byte| byte != 0).map_or(0, |last| last + 1);
    let is_padded = bytes.len() - end > 1 && end > 0 && !bytes[..end].contains(&0);
    if is_padded && !is_utf16(bytes, asked) { &bytes[..end] } else { bytes }
}

/// Whether a person or a byte order mark says that a file is UTF-16.
fn is_utf16(bytes: &[u8], asked: Option<Encoding>) -> bool {
    matches!(asked, Some(Encoding::Utf16Le | Encoding::Utf16Be))
        || bytes.starts_with(b"\xFF\xFE")
        || bytes.starts_with(b"\xFE\xFF")
}

/// A file without the bytes that mark its end behind its last line, as DOS wrote them.
fn without_end_mark(bytes: &[u8], asked: Option<Encoding>) -> &[u8] {
    let end = bytes.iter().rposition(|&byte| byte != 0x1A).map_or(0, |last| last + 1);
    if bytes[..end].ends_with(b"\n") && !is_utf16(bytes, asked) { &bytes[..end] } else { bytes }
}

/// A text without the few zero bytes that a program left in it, and a sentence about them; `None` where there are none, where they
/// belong to its encoding, or where there are so many that it is no text.
fn without_stray_zeros(bytes: &[u8], asked: Option<Encoding>) -> Option<(Vec<u8>, String)> {
    if !bytes.contains(&0) {
        return None;
    }
    let first = bytes.iter().position(|&byte| byte == 0)?;
    let is_utf16 = |encoding: Option<Encoding>| matches!(encoding, Some(Encoding::Utf16Le | Encoding::Utf16Be));
    let (marked, body) = split_mark(bytes);
    let is_other = is_utf16(asked) || is_utf16(marked) || bytes.starts_with(b"\0\0\xFE\xFF");
    let is_of_a_format = || Signature::of(bytes).and_then(name_of).is_some();
    if is_other || num_control(bytes) * 100 > bytes.len() || is_of_a_format() || guess_utf16(body).is_some() {
        return None;
    }
    let kept: Vec<u8> = bytes.iter().copied().filter(|&byte| byte != 0).collect();
    let line = line_of(bytes, first);
    let note = match bytes.len() - kept.len() {
        1 => format!("1 zero byte (line {line}), which no text has, left out"),
        count => format!("{} (the first in line {line}), which no text has, left out", plural(count, "zero byte")),
    };
    Some((kept, note))
}

/// Bytes that hardly a text has: where they are more than one in a hundred, it is none.
fn num_control(bytes: &[u8]) -> usize {
    let is_control = |byte: u8| byte.is_ascii_control() && !matches!(byte, b'\t' | b'\n' | b'\r' | 0x0B | 0x0C | 0x1A);
    bytes.iter().filter(|&&byte| is_control(byte)).count()
}

/// Leaves out the byte order marks at the beginning of lines, and a second one of the file, which nobody sees: one would be part of a
/// name or a text.
fn without_further_marks(mut decoded: DecodedText<'_>) -> DecodedText<'_> {
    let text = decoded.text.trim_start_matches('\u{feff}');
    let count = decoded.text[..decoded.text.len() - text.len()].chars().count() + text.matches(INNER_MARK).count();
    if count == 0 {
        return decoded;
    }
    let text = text.replace(INNER_MARK, "\n");
    decoded.text = Cow::Owned(text);
    let marks = plural(count, "byte order mark");
    decoded.add_note(format!("{marks} within the file, as where files were put one behind the other, left out"));
    decoded
}

fn decode_as_is(bytes: &[u8], asked: Option<Encoding>) -> Result<DecodedText<'_>, DataError> {
    if let Some(kind) = Signature::of(bytes).and_then(name_of) {
        return Err(DataError::Binary { kind });
    }
    // Before UTF-16, whose little-endian mark this one begins with.
    if bytes.starts_with(b"\xFF\xFE\0\0") || bytes.starts_with(b"\0\0\xFE\xFF") {
        return Err(DataError::Utf32);
    }
    let (marked, body) = split_mark(bytes);
    let skipped = bytes.len() - body.len();
    if let (Some(found), Some(asked)) = (marked, asked)
        && found != asked
    {
        return Err(DataError::OtherEncoding { asked: asked.name(), found: found.name() });
    }
    match (asked, asked.or(marked)) {
        (_, Some(encoding @ (Encoding::Utf16Le | Encoding::Utf16Be))) => {
            Ok(DecodedText::sure(Cow::Owned(decode_utf16(body, encoding, skipped)?), encoding))
        }
        _ if body.iter().take(SAMPLE).any(|&byte| byte == 0) => match guess_utf16(body) {
            Some((text, found)) if marked.is_none() => match asked {
                None => Ok(DecodedText::guess(text, found, true)),
                Some(asked) => Err(DataError::OtherEncoding { asked: asked.name(), found: found.name() }),
            },
            _ => Err(DataError::Binary { kind: NO_TEXT }),
        },
        (Some(encoding), _) => match single_byte::decode(body, encoding) {
            Some(text) => Ok(DecodedText::sure(Cow::Owned(text), encoding)),
            None => match std::str::from_utf8(body) {
                Ok(text) => Ok(DecodedText::sure(Cow::Borrowed(text), encoding)),
                Err(error) => {
                    let (line, offset) = (line_of(body, error.valid_up_to()), skipped + error.valid_up_to());
                    Err(DataError::NotUtf8 { offset, line })
                }
            },
        },
        (None, _) => match std::str::from_utf8(body) {
            Ok(text) => Ok(DecodedText::sure(Cow::Borrowed(text), Encoding::Utf8)),
            Err(error) => guess(body, line_of(body, error.valid_up_to())),
        },
    }
}

/// Reads what is not valid UTF-8, from `line` on: UTF-8 with a few broken characters, or another encoding.
fn guess(body: &[u8], line: usize) -> Result<DecodedText<'_>, DataError> {
    let (mut num_whole, mut num_broken) = (0, 0);
    for chunk in body.utf8_chunks() {
        num_whole += chunk.valid().chars().filter(|character| !character.is_ascii()).count();
        num_broken += usize::from(!chunk.invalid().is_empty());
    }
    if num_whole >= num_broken * WHOLE_FOR_A_BROKEN_ONE {
        let broken = plural(num_broken, "character");
        let what = match num_broken {
            1 => format!("{broken} is broken (line {line}): it is read"),
            _ => format!("{broken} are broken (the first in line {line}): they are read"),
        };
        let note = format!("the file is UTF-8, but damaged: {what} as \u{fffd}");
        let text = Cow::Owned(String::from_utf8_lossy(body).into_owned());
        return Ok(DecodedText { text, encoding: Encoding::Utf8, is_guessed: false, note: Some(note) });
    }
    if num_control(body) * 100 > body.len() {
        return Err(DataError::Binary { kind: NO_TEXT });
    }
    let (encoding, fits) = single_byte::guess(body);
    let text = single_byte::decode(body, encoding).expect("a guess has one byte a character");
    Ok(DecodedText::guess(text, encoding, fits))
}

/// The encoding whose byte order mark a file begins with, and what follows it.
fn split_mark(bytes: &[u8]) -> (Option<Encoding>, &[u8]) {
    let marks = [
        (&b"\xFF\xFE"[..], Encoding::Utf16Le),
        (&b"\xFE\xFF"[..], Encoding::Utf16Be),
        (&b"\xEF\xBB\xBF"[..], Encoding::Utf8),
    ];
    let found = marks.into_iter().find_map(|(mark, encoding)| Some((Some(encoding), bytes.strip_prefix(mark)?)));
    found.unwrap_or((None, bytes))
}

/// What a format that is no text of rows is, and what to do.
fn name_of(signature: Signature) -> Option<&'static str> {
    Some(match signature {
        Signature::Zip => "a zip archive or an Excel workbook; save the sheet as CSV",
        Signature::OldWorkbook => "an old Excel workbook; save the sheet as CSV",
        Signature::Pdf => "a PDF",
        Signature::Gzip => "a gzip archive; unpack it first",
        Signature::Bzip2 => "a bzip2 archive; unpack it first",
        Signature::Xz => "an xz archive; unpack it first",
        Signature::Zstandard => "a Zstandard archive; unpack it first",
        Signature::Parquet => "a Parquet file; save it as CSV or JSON lines",
        Signature::Arrow => "an Arrow file; save it as CSV or JSON lines",
        Signature::Image => "an image",
        Signature::Sqlite => "a database; save the table as CSV",
        Signature::LfsPointer => "a Git LFS pointer and not the file itself; fetch it with git lfs pull",
        Signature::WebPage => "a web page; is the address right, and did the download need a log-in?",
        // XML is text that a model can learn to write.
        Signature::Xml => return None,
    })
}

/// The text of UTF-16 without a mark. Its line breaks, delimiters and Latin letters have a zero byte each, always on the
/// same side.
fn guess_utf16(body: &[u8]) -> Option<(String, Encoding)> {
    let (mut first, mut second, mut num_units) = (0, 0, 0);
    for unit in body[..body.len().min(SAMPLE)].chunks_exact(2) {
        num_units += 1;
        first += usize::from(unit[0] == 0);
        second += usize::from(unit[1] == 0);
    }
    // A few characters of any script end in a zero byte.
    let is_side = |zeros: usize, others: usize| zeros * 20 >= num_units && zeros > others;
    let encoding = if is_side(second, first) {
        Encoding::Utf16Le
    } else if is_side(first, second) {
        Encoding::Utf16Be
    } else {
        return None;
    };
    let text = decode_utf16(body, encoding, 0).ok()?;
    let is_text = !text.contains(|c: char| c.is_control() && !c.is_whitespace()) && text.contains(['\n', '\r']);
    is_text.then_some((text, encoding))
}

/// Decodes UTF-16; `skipped` bytes stand before `bytes`.
fn decode_utf16(bytes: &[u8], encoding: Encoding, skipped: usize) -> Result<String, DataError> {
    let unit = if encoding == Encoding::Utf16Be { u16::from_be_bytes } else { u16::from_le_bytes };
    let mut text = String::with_capacity(bytes.len());
    let mut offset = skipped;
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
    use super::super::single_byte::tests::encode;
    use super::*;
    use proptest::prelude::*;

    fn guessed(bytes: &[u8]) -> (String, Encoding) {
        let decoded = decode(bytes, None).expect("a text");
        assert_eq!(decoded.is_guessed, decoded.encoding != Encoding::Utf8);
        assert_eq!(decoded.is_guessed, decoded.note.as_ref().is_some_and(|note| note.contains("a guess")));
        (decoded.text.into_owned(), decoded.encoding)
    }

    fn utf16(text: &str, bytes_of: fn(u16) -> [u8; 2]) -> Vec<u8> {
        text.encode_utf16().flat_map(bytes_of).collect()
    }

    #[test]
    fn marks_of_files_behind_others_are_left_out() {
        let found =
            decode("\u{feff}text,label\na,b\r\n\u{feff}text,label\nc \u{feff},d\n".as_bytes(), None).expect("a text");
        assert_eq!(found.text, "text,label\na,b\r\ntext,label\nc \u{feff},d\n");
        assert!(found.note.is_some_and(|note| note.starts_with("1 byte order mark within the file")));
        let found = decode("\u{feff}\u{feff}text,label\na,b\n".as_bytes(), None).expect("a text");
        assert_eq!(found.text, "text,label\na,b\n");
        assert!(found.note.is_some_and(|note| note.starts_with("1 byte order mark within the file")));
    }

    #[test]
    fn zero_bytes_behind_a_text_are_left_out() {
        let found = decode(b"text,label\na,b\n\0\0\0", None).expect("a text");
        assert_eq!((found.text.as_ref(), found.encoding), ("text,label\na,b\n", Encoding::Utf8));
        assert!(found.note.is_some_and(|note| note.starts_with("3 zero bytes at the end of the file")));
        for text in ["a,b\n", "\u{6587}\n", "a,b\n\u{6587}"] {
            assert_eq!(guessed(&utf16(text, u16::to_le_bytes)), (text.to_owned(), Encoding::Utf16Le), "{text}");
        }
        assert!(matches!(decode(&[0; 9], None), Err(DataError::Binary { .. })));
    }

    #[test]
    fn a_zero_byte_within_a_text_is_left_out_and_said_with_its_line() {
        let text = "text,label\nsoup and br\0ead,kitchen\na violin,music\n".to_owned() + &"a drum,music\n".repeat(1000);
        let far = "a drum,music\n".repeat(1000) + &text;
        for (text, asked) in
            [(&text, None), (&far, None), (&text, Some(Encoding::Utf8)), (&text, Some(Encoding::Windows1252))]
        {
            let found = decode(text.as_bytes(), asked).expect("a text");
            assert_eq!(found.text, text.replace('\0', ""));
            let line = if text.len() == far.len() { 1002 } else { 2 };
            let note = found.note.expect("it is said");
            assert!(note.starts_with(&format!("1 zero byte (line {line})")), "{note}");
        }
        let twice = text.replace("violin", "vio\0lin");
        let note = decode(twice.as_bytes(), None).expect("a text").note.expect("it is said");
        assert!(note.starts_with("2 zero bytes (the first in line 2)"), "{note}");
        let latin = [text.as_bytes(), b"caf\xE9,food\n"].concat();
        let found = decode(&latin, None).expect("a text");
        assert_eq!((found.encoding, found.text.contains('\0')), (Encoding::Windows1252, false));
        assert!(found.note.is_some_and(|note| note.contains("a guess") && note.contains("1 zero byte")));
    }

    #[test]
    fn the_mark_of_the_end_of_a_file_is_no_row() {
        for end in ["\x1A", "\x1A\x1A", "\x1A\0\0"] {
            let text = format!("text,label\r\na,b\r\n{end}");
            let found = decode(text.as_bytes(), None).expect("a text");
            assert_eq!(found.text, "text,label\r\na,b\r\n");
            assert!(found.note.is_some_and(|note| note.contains("(Ctrl-Z)")), "{end:?}");
        }
        let within = "a\x1Ab\x1A";
        assert_eq!(decode(within.as_bytes(), None).expect("a text").text, within, "part of a text");
    }

    #[test]
    fn what_is_not_text_is_named() {
        let error = decode(b"PK\x03\x04rest", None).expect_err("a zip").to_string();
        assert!(error.contains("Excel"), "{error}");
        let error = decode(b"\n<!DOCTYPE HTML>\n<title>Log in</title>", None).expect_err("a page").to_string();
        assert!(error.contains("a web page"), "{error}");
        decode(b"<html,label\n", None).expect("a text that begins alike");
        decode(b"<?xml version=\"1.0\"?><a/>", None).expect("a text");
        for bytes in [&b"text\0text"[..], b"text\0tex", b"\x01\x02\x03\x80\x81", b"\xEF\xBB\xBFa\0b\n"] {
            assert!(matches!(decode(bytes, None), Err(DataError::Binary { .. })), "{bytes:?}");
        }
        assert!(matches!(decode(b"\xFF\xFEa\0b", None), Err(DataError::NotUtf16 { offset: 4 })));
        assert!(matches!(decode(b"\xFF\xFE\x00\xD8a\0", None), Err(DataError::NotUtf16 { offset: 2 })));
    }

    #[test]
    fn utf_32_is_not_taken_for_utf_16() {
        let little: Vec<u8> = "\u{feff}text,label\n".chars().flat_map(|c| u32::from(c).to_le_bytes()).collect();
        let big: Vec<u8> = "\u{feff}text,label\n".chars().flat_map(|c| u32::from(c).to_be_bytes()).collect();
        for bytes in [little, big] {
            assert!(matches!(decode(&bytes, None), Err(DataError::Utf32)));
        }
    }

    #[test]
    fn a_spreadsheet_export_in_any_usual_encoding_is_read() {
        let text = "texte;catégorie\nl’écran est resté noir;matériel\nje n’ai pas accès à mon dossier;accès\n";
        assert_eq!(guessed(text.as_bytes()), (text.to_owned(), Encoding::Utf8));
        for encoding in [Encoding::Windows1252, Encoding::Macintosh] {
            assert_eq!(guessed(&encode(text, encoding)), (text.to_owned(), encoding));
        }
        let texts = [text, "текст\tотдел\nпринтер сломался\tтехника\n", "文本,部门\n打印机坏了一次又一次,技术\n"];
        for text in texts {
            assert_eq!(guessed(&utf16(text, u16::to_le_bytes)), (text.to_owned(), Encoding::Utf16Le));
            assert_eq!(guessed(&utf16(text, u16::to_be_bytes)), (text.to_owned(), Encoding::Utf16Be));
        }
        let note = decode(b"caf\xE9,x\n", None).expect("windows-1252").note.expect("a guess is said");
        assert!(note.contains("read as windows-1252, a guess") && !note.contains("UTF-8 is surest"), "{note}");
    }

    #[test]
    fn an_encoding_that_was_chosen_is_taken_or_refused() {
        let decoded = decode(b"caf\x8E\n", Some(Encoding::Macintosh)).expect("any bytes are that");
        assert_eq!((decoded.text.as_ref(), decoded.is_guessed, decoded.note), ("café\n", false, None));
        let error = decode(b"text\ncaf\xE9,x", Some(Encoding::Utf8)).expect_err("it is not").to_string();
        assert!(error.contains("offset 8") && error.contains("line 2"), "{error}");
        let error = decode(b"\xFF\xFEa\0", Some(Encoding::Windows1252)).expect_err("it is marked").to_string();
        assert_eq!(error, "the file is utf-16le, not windows-1252: choose utf-16le, or leave it to a guess");
        let refused = decode(b"a\0\n\0", Some(Encoding::Utf8));
        assert!(matches!(refused, Err(DataError::OtherEncoding { asked: "utf-8", found: "utf-16le" })));
        assert!(matches!(decode(b"abc", Some(Encoding::Utf16Le)), Err(DataError::NotUtf16 { offset: 2 })));
        assert_eq!(decode(b"\0a", Some(Encoding::Utf16Be)).expect("even").text, "a");
    }

    #[test]
    fn a_damaged_utf_8_file_stays_one() {
        let mut bytes = "text,label\nl’été à la plage,été\nbientôt l’hiver,hiver\n".as_bytes().to_vec();
        let place = bytes.windows(2).position(|pair| pair == "ô".as_bytes()).expect("there");
        bytes.remove(place + 1);
        let decoded = decode(&bytes, None).expect("a text");
        assert_eq!((decoded.encoding, decoded.is_guessed), (Encoding::Utf8, false));
        assert!(decoded.text.contains("l’été") && decoded.text.contains("bient\u{fffd}t"), "{}", decoded.text);
        let note = decoded.note.expect("it is said");
        assert!(note.contains("1 character is broken (line 3)"), "{note}");
        // As many broken as whole ones: rather another encoding with two letters side by side.
        assert_eq!(guessed(b"na\xEFve caf\xE9, \xC3\xA9\n").1, Encoding::Windows1252);
    }

    proptest! {
        #[test]
        fn every_text_survives_every_encoding(text in "[^\0\u{feff}]{1,40}") {
            prop_assume!(decode(text.as_bytes(), None).is_ok());
            let marked = ["\u{feff}", &text].concat();
            prop_assert_eq!(decode(marked.as_bytes(), None).expect("UTF-8").text, text.as_str());
            let little = utf16(&marked, u16::to_le_bytes);
            prop_assert_eq!(decode(&little, None).expect("UTF-16").text, text.as_str());
            let big = utf16(&marked, u16::to_be_bytes);
            prop_assert_eq!(decode(&big, None).expect("UTF-16").text, text.as_str());
        }

        #[test]
        fn no_bytes_panic_in_any_encoding(bytes in prop::collection::vec(any::<u8>(), 0..100)) {
            for asked in Encoding::ALL.map(Some).into_iter().chain([None]) {
                if let Ok(decoded) = decode(&bytes, asked) {
                    prop_assert!(asked.is_none_or(|asked| decoded.encoding == asked));
                }
            }
        }
    }
}
