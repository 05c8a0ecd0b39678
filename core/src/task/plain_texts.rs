//! Files that are one plain text: how they are read, and shared out over the splits by position.

use crate::config::{Encoding, ReadOptions, RowEdits, SplitConfig};
use crate::data::{DataError, FileReading, extension, read_text};

/// Extensions of such files.
const EXTENSIONS: &[&str] = &["txt", "text", "md"];

/// A plain text file.
pub(super) struct PlainText {
    pub(super) text: String,
    pub(super) reading: FileReading,
    /// What there is to say about its encoding.
    pub(super) note: Option<String>,
}

impl PlainText {
    /// Whether a file is a plain text by its name.
    pub(super) fn is_named(name: &str) -> bool {
        EXTENSIONS.contains(&extension(name).as_str())
    }

    /// Reads a file.
    ///
    /// # Errors
    /// When it is no text, or not in the encoding `asked` for.
    pub(super) fn read(bytes: &[u8], asked: Option<Encoding>) -> Result<Self, DataError> {
        let decoded = read_text(bytes, asked)?;
        let reading = FileReading::of_text(&decoded);
        // Line ends as models know them.
        let text = match decoded.text.contains("\r\n") {
            true => decoded.text.replace("\r\n", "\n"),
            false => decoded.text.into_owned(),
        };
        Ok(Self { text, reading, note: decoded.note })
    }
}

/// Says that edits of rows are not made where the training file is one plain text.
pub(super) fn unused_edits(edits: &RowEdits) -> Option<String> {
    let sentence = "edits of rows have no effect: the training file is one text, which has no rows";
    (!edits.is_empty()).then(|| sentence.to_owned())
}

/// Says that a text is not cleaned where the training file is one plain text.
pub(super) fn unused_cleaning(read: &ReadOptions) -> Option<String> {
    let sentence = "clean_texts has no effect: the training file is one text, which is read as it stands";
    (!read.clean_texts.is_empty()).then(|| sentence.to_owned())
}

/// Training, validation and test are a text's beginning, what follows, and its end, cut where a line ends; each with the
/// line that it begins on, from 1, and `None` where nothing stands in it.
pub(super) fn share_out_text<'t>(text: &'t str, fractions: &SplitConfig) -> [Option<(usize, &'t str)>; 3] {
    let share = |fraction: f64| if fraction.is_finite() { fraction.clamp(0.0, 1.0) } else { 0.0 };
    let (valid, test) = (share(fractions.valid_fraction), share(fractions.test_fraction));
    let train_end = line_end(text, 1.0 - valid - test);
    let valid_end = if valid > 0.0 { line_end(text, 1.0 - test).max(train_end) } else { train_end };
    [(0, train_end), (train_end, valid_end), (valid_end, text.len())].map(|(from, to)| {
        let line = || 1 + text[..from].bytes().filter(|&byte| byte == b'\n').count();
        (!text[from..to].trim().is_empty()).then(|| (line(), &text[from..to]))
    })
}

/// Where the line ends that a share of the text ends in; where the share ends if that is the last line.
fn line_end(text: &str, share: f64) -> usize {
    let at = text.floor_char_boundary((text.len() as f64 * share.clamp(0.0, 1.0)).round() as usize);
    match text[at..].find('\n') {
        Some(found) if at + found + 1 < text.len() && at > 0 => at + found + 1,
        _ => at,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_is_shared_out_by_position_at_the_ends_of_lines() {
        let text = "one\ntwo\nthree\nfour\nfive\n";
        let fractions = SplitConfig { valid_fraction: 0.25, test_fraction: 0.25 };
        let [train, valid, test] = share_out_text(text, &fractions);
        let parts = [train, valid, test].map(|part| part.expect("something stands in each"));
        assert_eq!(parts.map(|(_, part)| part).concat(), text);
        assert_eq!(parts.map(|(line, _)| line), [1, 4, 5]);
        let none = SplitConfig { valid_fraction: 0.0, test_fraction: 0.0 };
        assert_eq!(share_out_text(text, &none), [Some((1, text)), None, None]);
    }

    #[test]
    fn line_ends_are_those_that_models_know() {
        let plain = PlainText::read(b"a\r\nb\r\n", None).expect("a text");
        assert_eq!((plain.text.as_str(), plain.note), ("a\nb\n", None));
        assert!(PlainText::is_named("Book.TXT") && !PlainText::is_named("book.csv"));
    }
}
