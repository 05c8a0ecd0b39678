//! Where the sentences of a CoNLL file stand in its text, and a line with other fields: all other letters stay.

use std::collections::HashSet;
use std::ops::Range;

use super::{Layout, ends_document, is_space, read_sentences, split};
use crate::config::ReadOptions;
use crate::data::error::DataError;
use crate::data::parse::located::{LocatedRows, RowWriting};

/// A sentence as far as it was found.
struct Found {
    /// Line of its first token.
    number: usize,
    /// From the comments above it to the blank lines below it.
    span: Range<usize>,
    /// Lines of its tokens.
    tokens: Vec<Range<usize>>,
}

/// Reads a CoNLL file and finds its sentences; `None` where it is none. Comments right above a sentence and blank lines below it go with
/// it; lines around documents belong to none.
///
/// # Errors
/// When no sentence can be read.
pub(in crate::data::parse) fn locate(
    name: &str,
    text: &str,
    read: &ReadOptions,
) -> Result<Option<LocatedRows>, DataError> {
    let Some(layout) = Layout::of(name, text, read) else { return Ok(None) };
    let table = read_sentences(text, &layout)?;
    let good: HashSet<usize> = table.rows.iter().map(|row| row.number).collect();
    let found = find_sentences(text, &layout).into_iter();
    let (read, unread): (Vec<Found>, Vec<Found>) = found.partition(|found| good.contains(&found.number));
    let (spans, tokens) = read.into_iter().map(|found| ((found.number, found.span), found.tokens)).unzip();
    let bad_spans = unread.into_iter().map(|found| (found.number, found.span)).collect();
    let writing = RowWriting::TokenLines { has_tabs: layout.has_tabs };
    Ok(Some(LocatedRows { table, spans, tokens, bad_spans, header: None, writing, is_array: false, split: None }))
}

/// Every sentence, also those that can't be read.
fn find_sentences(text: &str, layout: &Layout) -> Vec<Found> {
    let mut sentences: Vec<Found> = Vec::new();
    // Where what stands above the next sentence begins; tokens go to the last sentence, and so do blank lines behind it.
    let (mut above, mut is_open, mut is_last) = (None, false, false);
    let mut at = 0;
    for (index, line) in text.split_inclusive('\n').enumerate() {
        let (number, span) = (index + 1, at..at + line.len());
        at = span.end;
        if layout.header.is_some_and(|header| number <= header) {
            continue;
        }
        if line.trim().is_empty() {
            if let Some(last) = sentences.last_mut().filter(|_| is_last) {
                last.span.end = span.end;
            }
            (above, is_open) = (None, false);
        } else if ends_document(line) {
            (above, is_open, is_last) = (None, false, false);
        } else if layout.is_comment(line) || layout.is_range(&split(line, layout.has_tabs)) {
            if !is_open {
                above.get_or_insert(span.start);
                is_last = false;
            }
        } else if let Some(last) = sentences.last_mut().filter(|_| is_open) {
            last.span.end = span.end;
            last.tokens.push(span);
        } else {
            let start = above.take().unwrap_or(span.start);
            sentences.push(Found { number, span: start..span.end, tokens: vec![span] });
            (is_open, is_last) = (true, true);
        }
    }
    sentences
}

/// A line of a token with other fields, each by its column; `None` where it has no such column, or a field would be read otherwise.
pub(in crate::data) fn set_fields(line: &str, has_tabs: bool, fields: &[(usize, &str)]) -> Option<String> {
    let own = split(line, has_tabs);
    let (mut out, mut at) = (String::with_capacity(line.len()), 0);
    for &(column, value) in fields {
        let field = own.get(column)?;
        // One that stays may be empty, or hold what could not be written anew.
        if *field == value {
            continue;
        }
        let is_between = |letter: char| if has_tabs { matches!(letter, '\t' | '\r' | '\n') } else { is_space(letter) };
        if value.is_empty() || value.trim() != value || value.contains(is_between) {
            return None;
        }
        let start = field.as_ptr().addr() - line.as_ptr().addr();
        out.push_str(line.get(at..start)?);
        out.push_str(value);
        at = start + field.len();
    }
    out.push_str(&line[at..]);
    Some(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rows(text: &str) -> Vec<(usize, &str, usize)> {
        let located = locate("x.conll", text, &ReadOptions::default()).expect("a table").expect("CoNLL");
        let spans = located.spans.into_iter().zip(located.tokens);
        spans.map(|((number, span), tokens)| (number, &text[span], tokens.len())).collect()
    }

    #[test]
    fn a_sentence_stands_with_its_comments_and_the_blank_lines_below() {
        let text = "-DOCSTART- O\n\n# id 1\nEU B-ORG\nsaid O\n\n\n# id 2\n. O\n-DOCSTART- O\n\nHi O";
        let expected = [(4, "# id 1\nEU B-ORG\nsaid O\n\n\n", 2), (9, "# id 2\n. O\n", 1), (12, "Hi O", 1)];
        assert_eq!(rows(text), expected);
        let flawed =
            "EU B-ORG\r\n\r\nlonely\r\na O\r\n\r\nHi O\r\nb O\r\nc O\r\nd O\r\ne O\r\nf O\r\ng O\r\nh O\r\ni O\r\n";
        let found: Vec<_> = rows(flawed).into_iter().map(|(number, _, count)| (number, count)).collect();
        assert_eq!(found, [(1, 1), (6, 9)], "a sentence that can't be read stands apart from them");
        let located = locate("x.conll", flawed, &ReadOptions::default()).expect("a table").expect("CoNLL");
        let bad: Vec<_> = located.bad_spans.into_iter().map(|(number, span)| (number, &flawed[span])).collect();
        assert_eq!(bad, [(3, "lonely\r\na O\r\n\r\n")]);
    }

    #[test]
    fn lines_of_multiword_tokens_stand_with_their_sentence() {
        let line = |id: &str, form: &str| format!("{id}\t{form}\t_\tNOUN\t_\t_\t0\troot\t_\t_\n");
        let sentence = ["# text = im Haus\n", &line("1-2", "im"), &line("1", "in"), &line("2", "dem"), "\n"].concat();
        let text = format!("{sentence}{}", line("1", "Rad"));
        let located = locate("de.conllu", &text, &ReadOptions::default()).expect("a table").expect("CoNLL-U");
        assert_eq!((located.spans[0].clone(), located.tokens[0].len()), ((3, 0..sentence.len()), 2));
    }

    #[test]
    fn fields_change_and_no_other_letter() {
        let set = |line: &str, has_tabs, column, value| set_fields(line, has_tabs, &[(column, value)]);
        assert_eq!(set("EU  NNP B-ORG \r\n", false, 2, "O").as_deref(), Some("EU  NNP O \r\n"));
        assert_eq!(set("New York\t O\t\n", true, 1, "B-LOC").as_deref(), Some("New York\t B-LOC\t\n"));
        assert_eq!(set_fields("a b c\n", false, &[(0, "x"), (2, "z")]).as_deref(), Some("x b z\n"));
        for value in ["", "B LOC", " O"] {
            assert_eq!(set("a O\n", false, 1, value), None, "{value:?}");
        }
        assert_eq!(
            set_fields("a\t\tO\n", true, &[(1, ""), (2, "B-x")]).as_deref(),
            Some("a\t\tB-x\n"),
            "an empty field stays"
        );
        assert_eq!([set("a O\n", false, 2, "x"), set("a\tO\n", true, 1, "x\ty")], [None, None]);
    }
}
