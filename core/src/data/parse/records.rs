//! Delimited text to records, one at a time, borrowing what needs no unescaping.
//!
//! RFC 4180 with the leniency of Python's `csv`: a quote means something only at the start of a field (spaces may stand before one
//! that is closed at the field's end, as with `skipinitialspace`), `""` inside is a quote, and what follows a closing quote is
//! taken literally. Line feed, carriage return and both together end a
//! record. Unlike the `csv` crate (the reference in the tests below) it says when quotes do not add up, counts blank
//! lines, takes any character as delimiter, and can start again at any offset: this is what guessing needs.

use std::borrow::Cow;

/// Fields of a record that are kept: more than any table has, and few enough for a line of nothing but delimiters.
pub(super) const MAX_FIELDS: usize = 4096;

/// Bytes of a field with quotes in it that are copied where records are only looked at.
const PEEKED_BYTES: usize = 1024;

/// Quotes that do not add up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Flaw {
    /// Text between a closing quote and the next delimiter.
    StrayQuote,
    /// A quoted field that the file ends in.
    Unclosed,
}

/// One record.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Record<'t> {
    /// At least one field and at most [`MAX_FIELDS`]; a blank line has one empty field.
    pub(super) fields: Vec<Cow<'t, str>>,
    /// The first thing wrong with its quotes.
    pub(super) flaw: Option<Flaw>,
    /// Some field was quoted.
    pub(super) quoted: bool,
    /// Some quoted field holds a line break.
    pub(super) multiline: bool,
    /// Byte offset of its first character.
    pub(super) start: usize,
}

impl Record<'_> {
    /// A line without anything on it.
    pub(super) fn is_blank(&self) -> bool {
        !self.quoted && self.fields.len() == 1 && self.fields[0].trim().is_empty()
    }
}

/// Reads records from a text.
#[derive(Debug, Clone)]
pub(super) struct Records<'t> {
    text: &'t str,
    at: usize,
    delimiter: [u8; 4],
    delimiter_len: usize,
    quoting: bool,
    /// Most bytes of a field that are copied to take quotes out of it.
    copied_bytes: usize,
}

impl<'t> Records<'t> {
    /// From the start of `text`. Without `quoting` a quote is a character like any other.
    pub(super) fn new(text: &'t str, delimiter: char, quoting: bool) -> Self {
        let mut encoded = [0; 4];
        let delimiter_len = delimiter.encode_utf8(&mut encoded).len();
        Self { text, at: 0, delimiter: encoded, delimiter_len, quoting, copied_bytes: usize::MAX }
    }

    /// As [`Records::new`], for guessing: long fields that hold quotes end early instead of being copied.
    pub(super) fn peek(text: &'t str, delimiter: char, quoting: bool) -> Self {
        Self { copied_bytes: PEEKED_BYTES, ..Self::new(text, delimiter, quoting) }
    }

    /// Where the next record begins.
    pub(super) fn offset(&self) -> usize {
        self.at
    }

    /// The records from an offset on.
    pub(super) fn starting_at(self, at: usize) -> Self {
        Self { at, ..self }
    }

    /// Goes on at the line after the one that starts at `start`; returns how many bytes are read again.
    pub(super) fn restart_after_line(&mut self, start: usize) -> usize {
        let was = self.at;
        let bytes = self.text.as_bytes();
        let end = bytes[start..].iter().position(|byte| matches!(byte, b'\n' | b'\r')).map(|found| start + found);
        self.at = end.unwrap_or(bytes.len());
        self.skip_line_end();
        was.saturating_sub(self.at)
    }

    fn at_delimiter(&self, at: usize) -> bool {
        self.text.as_bytes()[at..].starts_with(&self.delimiter[..self.delimiter_len])
    }

    /// End of the unquoted stretch that starts at `from`: offset of a delimiter, a line end or the end of the text.
    fn bare_end(&self, from: usize) -> usize {
        let bytes = self.text.as_bytes();
        let first = self.delimiter[0];
        let mut at = from;
        while at < bytes.len() {
            let byte = bytes[at];
            if matches!(byte, b'\n' | b'\r') || (byte == first && self.at_delimiter(at)) {
                break;
            }
            at += 1;
        }
        at
    }

    /// Offset of the quote behind spaces at `self.at`, where it opens a field that ends on its line with another quote: `a, "b, c"`.
    fn quote_behind_spaces(&self) -> Option<usize> {
        let rest = &self.text.as_bytes()[self.at..];
        let spaces = rest.iter().take_while(|&&byte| byte == b' ').count();
        if !self.quoting || self.delimiter[0] == b' ' || spaces == 0 || rest.get(spaces) != Some(&b'"') {
            return None;
        }
        let open = self.at + spaces;
        let mut bytes = self.text.as_bytes()[open + 1..].iter().copied().zip(open + 1..).peekable();
        while let Some((byte, at)) = bytes.next() {
            match byte {
                b'\n' | b'\r' => return None,
                b'"' if bytes.next_if(|&(next, _)| next == b'"').is_none() => {
                    let end = at + 1 + self.text[at + 1..].bytes().take_while(|&byte| byte == b' ').count();
                    let is_end =
                        matches!(self.text.as_bytes().get(end), None | Some(b'\n' | b'\r')) || self.at_delimiter(end);
                    return is_end.then_some(open);
                }
                _ => {}
            }
        }
        None
    }

    fn skip_line_end(&mut self) {
        let rest = &self.text.as_bytes()[self.at..];
        self.at += match rest {
            [b'\r', b'\n', ..] => 2,
            [b'\r' | b'\n', ..] => 1,
            _ => 0,
        };
    }

    /// Reads a quoted field whose opening quote is at `self.at`; leaves `self.at` behind it.
    fn quoted_field(&mut self, record: &mut Record<'t>) -> Cow<'t, str> {
        let text = self.text;
        let bytes = text.as_bytes();
        let open = self.at + 1;
        let mut from = open;
        let mut owned: Option<String> = None;
        let close = loop {
            let Some(found) = bytes[from..].iter().position(|&byte| byte == b'"') else {
                record.flaw.get_or_insert(Flaw::Unclosed);
                break bytes.len();
            };
            let quote = from + found;
            if bytes.get(quote + 1) != Some(&b'"') {
                break quote;
            }
            self.append(owned.get_or_insert_default(), &text[from..=quote]);
            from = quote + 2;
        };
        let last = &text[from..close];
        let content = match owned {
            Some(mut start) => {
                self.append(&mut start, last);
                Cow::Owned(start)
            }
            None => Cow::Borrowed(last),
        };
        self.at = (close + 1).min(bytes.len());
        record.quoted = true;
        record.multiline |= bytes[open..close].iter().any(|byte| matches!(byte, b'\n' | b'\r'));
        let end = self.bare_end(self.at);
        let rest = &text[self.at..end];
        self.at = end;
        if rest.trim().is_empty() {
            return content;
        }
        record.flaw.get_or_insert(Flaw::StrayQuote);
        if content.len() + rest.len() > self.copied_bytes {
            return content;
        }
        Cow::Owned(content.into_owned() + rest)
    }

    /// Appends as much of `part` as may be copied: all of it or nothing.
    fn append(&self, text: &mut String, part: &str) {
        if text.len() + part.len() <= self.copied_bytes {
            text.push_str(part);
        }
    }
}

impl<'t> Iterator for Records<'t> {
    type Item = Record<'t>;

    fn next(&mut self) -> Option<Record<'t>> {
        let bytes = self.text.as_bytes();
        if self.at >= bytes.len() {
            return None;
        }
        let mut record =
            Record { fields: Vec::with_capacity(2), flaw: None, quoted: false, multiline: false, start: self.at };
        loop {
            let field = if self.quoting && bytes.get(self.at) == Some(&b'"') {
                self.quoted_field(&mut record)
            } else if let Some(quote) = self.quote_behind_spaces() {
                self.at = quote;
                self.quoted_field(&mut record)
            } else {
                let end = self.bare_end(self.at);
                let field = &self.text[self.at..end];
                self.at = end;
                Cow::Borrowed(field)
            };
            if record.fields.len() < MAX_FIELDS {
                record.fields.push(field);
            }
            if self.at < bytes.len() && self.at_delimiter(self.at) {
                self.at += self.delimiter_len;
            } else {
                self.skip_line_end();
                return Some(record);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn read(text: &str, delimiter: char, quoting: bool) -> Vec<Vec<String>> {
        let records = Records::new(text, delimiter, quoting);
        records.map(|record| record.fields.into_iter().map(Cow::into_owned).collect()).collect()
    }

    #[test]
    fn fields_quotes_and_line_ends_are_read() {
        let text = "a,\"b, \"\"c\"\"\"\r\n\"x\ny\",\rlast,é";
        assert_eq!(read(text, ',', true), [["a", "b, \"c\""], ["x\ny", ""], ["last", "é"]]);
        assert_eq!(read("a\n\n b", ',', true), [["a"], [""], [" b"]]);
        assert_eq!(read("a·b·\n", '·', true), [["a", "b", ""]]);
    }

    #[test]
    fn a_quote_inside_a_field_is_a_character() {
        assert_eq!(read("5\" disk,x\n", ',', true), [["5\" disk", "x"]]);
        assert_eq!(read("\"a,b\n\"c,d\n", ',', false), [["\"a", "b"], ["\"c", "d"]]);
    }

    #[test]
    fn spaces_before_a_field_in_quotes_are_none_of_it() {
        assert_eq!(
            read("a, \"b, \"\"c\"\"\" ,  \"d\"\n \"e\", f", ',', true),
            [vec!["a", "b, \"c\"", "d"], vec!["e", " f"]]
        );
        for text in ["a, \"b\" c", "a, \"b", "a, \"b\nc\"", "a,\t\"b\""] {
            assert_eq!(read(text, ',', true)[0][1], text[2..].lines().next().expect("a line"), "{text}");
        }
        assert_eq!(read("a, \"b, c\"", ',', false), [["a", " \"b", " c\""]]);
    }

    #[test]
    fn flaws_are_said() {
        let flaws = |text| Records::new(text, ',', true).map(|record| record.flaw).collect::<Vec<_>>();
        assert_eq!(flaws("\"a\" b,c\n\"d\" ,e\nf,\"g\n"), [Some(Flaw::StrayQuote), None, Some(Flaw::Unclosed)]);
    }

    #[test]
    fn reading_goes_on_after_the_first_line_of_a_flawed_record() {
        let mut records = Records::new("\"a,1\nb,2\n", ',', true);
        let record = records.next().expect("one record");
        assert_eq!((record.flaw, record.start), (Some(Flaw::Unclosed), 0));
        assert_eq!(records.restart_after_line(record.start), 4);
        assert_eq!(records.next().expect("the second line").fields, ["b", "2"]);
        assert_eq!(records.next(), None);
    }

    #[test]
    fn peeking_finds_the_same_records_without_copying_long_fields() {
        let text = format!("\"a \"\"b\"\"\",1\n\"{}\"\"c\"\"\",2\n", "x".repeat(1 << 20));
        let peeked: Vec<Record<'_>> = Records::peek(&text, ',', true).collect();
        assert_eq!(peeked[0].fields, ["a \"b\"", "1"]);
        assert_eq!((peeked[1].fields[0].len() <= PEEKED_BYTES, &peeked[1].fields[1]), (true, &Cow::Borrowed("2")));
        let starts: Vec<usize> = Records::new(&text, ',', true).map(|record| record.start).collect();
        assert_eq!(peeked.iter().map(|record| record.start).collect::<Vec<_>>(), starts);
    }

    #[test]
    fn a_line_of_delimiters_keeps_a_bounded_number_of_fields() {
        let record = Records::new(&",".repeat(1 << 20), ',', true).map(|record| record.fields.len()).next();
        assert_eq!(record, Some(MAX_FIELDS));
    }

    proptest! {
        /// Texts as people write them, quoted properly: the same fields as the `csv` crate's.
        #[test]
        fn well_formed_text_is_read_as_the_csv_crate_reads_it(
            rows in prop::collection::vec(prop::collection::vec("[ab ,\"\n\ré;]{0,8}", 3), 1..20),
            line_end in prop::sample::select(vec!["\n", "\r\n", "\r"]),
        ) {
            let quote = |field: &String| format!("\"{}\"", field.replace('"', "\"\""));
            let line = |row: &Vec<String>| row.iter().map(quote).collect::<Vec<_>>().join(",") + line_end;
            let text: String = rows.iter().map(line).collect();
            prop_assert_eq!(&read(&text, ',', true), &rows);
            let mut reference = csv::ReaderBuilder::new().has_headers(false).from_reader(text.as_bytes());
            for (record, row) in reference.records().zip(&rows) {
                let record = record.expect("well-formed");
                prop_assert_eq!(&record.iter().collect::<Vec<_>>(), row);
            }
        }

        /// Without quotes there is nothing to be lenient about: any text gives the same fields.
        #[test]
        fn unquoted_text_is_read_as_the_csv_crate_reads_it(text in "[ab ,;\n\ré]{0,80}") {
            let ours: Vec<_> = read(&text, ',', true).into_iter().filter(|fields| fields != &[""]).collect();
            let mut builder = csv::ReaderBuilder::new();
            let mut reference = builder.has_headers(false).flexible(true).from_reader(text.as_bytes());
            let theirs: Vec<Vec<String>> = reference
                .records()
                .map(|record| record.expect("UTF-8").iter().map(str::to_owned).collect())
                .collect();
            prop_assert_eq!(ours, theirs);
        }
    }
}
