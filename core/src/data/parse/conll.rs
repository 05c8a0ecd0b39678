//! CoNLL files to a [`Table`] of sentences: one token a line, columns by tabs or white space, a blank line between two
//! sentences.
//!
//! A row is a sentence, its number the line of its first token; each of its cells is a JSON array of what stands in that
//! column. `-DOCSTART-` lines end a sentence; comments, and CoNLL-U's lines of multiword tokens, are skipped: the notes
//! say so. Tags may stand before their words, `B-PER ada`.

mod located;

use std::collections::{HashMap, HashSet};

use super::{Format, Row, Table, holds_json, name_rank, parse_as, read_text};
use crate::config::{ConfigProblem, ReadOptions};
use crate::data::error::DataError;
use crate::words::plural;

pub(super) use located::locate;
pub(in crate::data) use located::set_fields;

/// Lines that are looked at to tell the format.
const SAMPLE: usize = 2000;

/// Of ten lines so many must look alike.
const NEARLY_ALL: usize = 9;

/// Most fields of a line.
const MAX_WIDTH: usize = 256;

/// So many lines with the same number of words are no text of sentences.
const FEW: usize = 10;

/// The tag of a word that is in no entity, and as some files write it.
const OUTSIDE: &str = "O";
const SMALL_OUTSIDE: &str = "o";

/// What may stand between whole sentences and their tags.
const CELL_SEPARATORS: [char; 4] = [',', ';', '\t', '|'];

/// What the first line of a document begins with.
const DOCUMENT: &str = "-DOCSTART-";

/// What lines around a document of CoNLL-2011 and -2012 begin with.
const BORDERS: [&str; 2] = ["#begin document", "#end document"];

/// Columns of a CoNLL-U file.
const CONLL_U_WIDTH: usize = 10;

/// How names of CoNLL files end.
const ENDINGS: [&str; 6] = ["conll", "conllu", "bio", "iob", "iob2", "bioes"];

/// What a header calls the column of tokens.
const TOKEN_NAMES: [&str; 5] = ["token", "tokens", "word", "words", "form"];

/// What a header calls a column that tells sentences apart.
const SENTENCE_NAMES: [&str; 6] = ["sentence", "sentence_id", "sentence_#", "sent_id", "sent", "sentence_number"];

/// Reads a file of sentences: a CoNLL file as sentences, and any other as
/// [`parse_keeping_nested`](super::parse_keeping_nested) does.
///
/// # Errors
/// See [`parse`](super::parse).
pub fn parse_sentences(name: &str, bytes: &[u8], read: &ReadOptions) -> Result<Table, DataError> {
    if let Some(ConfigProblem { field, message }) = read.check().into_iter().next() {
        return Err(DataError::BadOption { field, message });
    }
    let decoded = read_text(bytes, read.encoding)?;
    let text = decoded.text.as_ref();
    if holds_json(name, text, read) {
        return parse_as::<true>(name, bytes, read);
    }
    let Some(layout) = Layout::of(name, text, read) else { return parse_as::<true>(name, bytes, read) };
    let mut table = read_sentences(text, &layout)?;
    (table.encoding, table.is_encoding_guessed) = (decoded.encoding, decoded.is_guessed);
    if let Some(note) = decoded.note {
        table.notes.insert(0, note);
    }
    Ok(table)
}

/// Whether a text is CoNLL beyond doubt, with tags such as `B-PER` or `O` in its last column or its first; or with few others, `O` among
/// them, in its last.
#[must_use]
pub fn is_tagged_conll(name: &str, text: &str) -> bool {
    Layout::of(name, text, &ReadOptions::default()).is_some_and(|layout| layout.has_tags)
}

/// Whether a text is CoNLL-U: ten columns by tabs, of which the first numbers the tokens of a sentence.
#[must_use]
pub fn is_conll_u(name: &str, text: &str) -> bool {
    let layout = Layout::of(name, text, &ReadOptions::default());
    let is_wide = layout.is_some_and(|layout| layout.has_tabs && layout.width == CONLL_U_WIDTH);
    let first = || text.lines().find(|line| !line.trim().is_empty() && !line.starts_with('#'));
    is_wide && first().is_some_and(|line| matches!(line.split('\t').next(), Some("1" | "1-2" | "1-3")))
}

/// Whether it is a tag as NER data has them: `O`, or a prefix and a type, `B-PER`; also with an underscore, or the other way round.
#[must_use]
pub fn is_tag(field: &str) -> bool {
    let is_prefix = |text: &str| matches!(text, "B" | "I" | "E" | "S" | "L" | "U");
    let is_type = |text: &str| !text.is_empty() && text.chars().all(|letter| letter.is_uppercase() || letter == '_');
    let has_prefix = |separator: char| {
        let begins = field.split_once(separator).is_some_and(|(prefix, of)| is_prefix(prefix) && !of.is_empty());
        begins || field.rsplit_once(separator).is_some_and(|(of, suffix)| is_type(of) && is_prefix(suffix))
    };
    field == OUTSIDE || !field.contains(char::is_whitespace) && (has_prefix('-') || has_prefix('_'))
}

/// How the lines of a file are made.
#[derive(Debug)]
struct Layout {
    /// Fields are apart by tabs; else by spaces.
    has_tabs: bool,
    /// Fields of a line.
    width: usize,
    /// Some of its fields are tags, beyond doubt.
    has_tags: bool,
    /// The tags are its first fields.
    has_tags_first: bool,
    /// Line of the header, from 1.
    header: Option<usize>,
    /// Last fields of lines that are no comments: a line that begins with `# ` and ends in one of them is a token.
    last_fields: HashSet<String>,
}

impl Layout {
    /// `None` where the text is no CoNLL file.
    fn of(name: &str, text: &str, read: &ReadOptions) -> Option<Self> {
        if read.delimiter.is_some_and(|delimiter| !matches!(delimiter, '\t' | ' ')) {
            return None;
        }
        let skipped = read.header_row.map_or(0, |row| row - 1);
        let sample = || text.lines().enumerate().skip(skipped).take(SAMPLE);
        let is_token = |line: &str| !line.trim().is_empty() && !ends_document(line) && !line.starts_with("# ");
        let lines: Vec<(usize, &str)> = sample().filter(|(_, line)| is_token(line)).collect();
        let nearly_all = |count: usize| count * 10 >= lines.len() * NEARLY_ALL;
        if lines.is_empty() || read.delimiter.is_none() && hold_whole_sentences(&lines) {
            return None;
        }
        let has_tabs = match read.delimiter {
            Some(delimiter) => delimiter == '\t',
            None => nearly_all(lines.iter().filter(|(_, line)| line.contains('\t')).count()),
        };
        let mut widths: HashMap<usize, usize> = HashMap::new();
        for (_, line) in &lines {
            *widths.entry(split(line, has_tabs).len()).or_default() += 1;
        }
        let (width, count) = widths.into_iter().max_by_key(|&(width, count)| (count, width))?;
        if !(2..=MAX_WIDTH).contains(&width) || !nearly_all(count) {
            return None;
        }
        let first = split(lines[0].1, has_tabs);
        // A table with a column for its sentences: not for this reader.
        if first.iter().any(|field| name_rank(field, &SENTENCE_NAMES).is_some())
            && !first.last().is_some_and(|last| is_tag(last))
        {
            return None;
        }
        let ends: Vec<(&str, &str)> = lines.iter().filter_map(|(_, line)| ends_of(line, has_tabs)).collect();
        let last_fields: HashSet<String> = ends.iter().map(|(_, last)| (*last).to_owned()).collect();
        let mut is_below = false;
        let mut is_separated = false;
        for (_, line) in sample() {
            let is_gap = line.trim().is_empty() || ends_document(line);
            is_separated |= is_gap && is_below;
            is_below |= !is_gap;
        }
        let has_tags_last = nearly_all(ends.iter().filter(|(_, last)| is_tag(last)).count());
        // What begins like a tag may as well be an id, `S-1`, where nothing is outside of an entity.
        let has_tags_first = !has_tags_last
            && is_separated
            && nearly_all(ends.iter().filter(|(first, _)| is_tag(first)).count())
            && ends.iter().any(|(first, _)| *first == OUTSIDE);
        let has_tags = has_tags_last || has_tags_first || is_separated && are_plain_tags(&ends);
        let is_even = count == lines.len() && count >= FEW;
        let is_conll = ENDINGS.contains(&super::extension(name).as_str());
        if !(is_conll || has_tags || is_separated && (has_tabs || is_even)) {
            return None;
        }
        let names_columns = || {
            let (word, tag) =
                if has_tags_first { (first.last(), first.first()) } else { (first.first(), first.last()) };
            let is_header = word.is_some_and(|field| name_rank(field, &TOKEN_NAMES).is_some());
            is_header && !tag.is_some_and(|tag| is_tag(tag))
        };
        let has_header = read.header_row.is_some() || read.has_header.unwrap_or_else(names_columns);
        let header = has_header.then(|| read.header_row.unwrap_or(lines[0].0 + 1));
        Some(Self { has_tabs, width, has_tags, has_tags_first, header, last_fields })
    }

    /// Whether a line is a comment: `# text = …`, but not a token `#` with its tag.
    fn is_comment(&self, line: &str) -> bool {
        if !line.starts_with("# ") && line.trim_end() != "#" {
            return false;
        }
        // Where the tag stands first, no token begins with `#`.
        let fields = split(line, self.has_tabs);
        let is_token = !self.has_tags_first
            && fields.len() == self.width
            && fields.last().is_some_and(|last| self.last_fields.contains(*last));
        !is_token
    }

    /// Whether a line stands for several tokens below it, or for one that is not in the text (CoNLL-U).
    fn is_range(&self, fields: &[&str]) -> bool {
        let is_number = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
        let is_pair = |id: &&str| id.split_once(['-', '.']).is_some_and(|(a, b)| is_number(a) && is_number(b));
        self.width == CONLL_U_WIDTH && fields.first().is_some_and(is_pair)
    }
}

/// Whether a line says where a document begins or ends.
fn ends_document(line: &str) -> bool {
    line.starts_with(DOCUMENT) || BORDERS.iter().any(|border| line.starts_with(border))
}

/// The first and the last field of a line.
fn ends_of(line: &str, has_tabs: bool) -> Option<(&str, &str)> {
    let fields = split(line, has_tabs);
    Some((*fields.first()?, *fields.last()?))
}

/// Whether lines hold whole sentences and their tags, as in `Ada lives in Oslo,B-PER O O B-LOC`: the last cell of nearly all of them is
/// tags, mostly several.
fn hold_whole_sentences(lines: &[(usize, &str)]) -> bool {
    let num_tags = |line: &str, separator: char| -> Option<usize> {
        let (_, cell) = line.trim_end().rsplit_once(separator)?;
        let tags = || cell.trim_matches('"').split_whitespace();
        tags().all(is_tag).then(|| tags().count())
    };
    CELL_SEPARATORS.into_iter().any(|separator| {
        let counts = || lines.iter().filter_map(|(_, line)| num_tags(line, separator)).filter(|&count| count > 0);
        let num_several = counts().filter(|&count| count > 1).count();
        counts().count() * 10 >= lines.len() * NEARLY_ALL && num_several * 2 > lines.len()
    })
}

/// Whether the last fields are tags without prefixes, as in Few-NERD: few of them, which come back, and `O` among them, behind words
/// without spaces. `ends` are the first and the last field of each line.
fn are_plain_tags(ends: &[(&str, &str)]) -> bool {
    let num_outside = ends.iter().filter(|(_, last)| matches!(*last, OUTSIDE | SMALL_OUTSIDE)).count();
    let distinct: HashSet<&str> = ends.iter().map(|(_, last)| *last).collect();
    let num_words = ends.iter().filter(|(first, last)| !first.contains(' ') && !last.contains(' ')).count();
    num_outside * 10 >= ends.len() && distinct.len() * 2 <= ends.len() && num_words * 10 >= ends.len() * NEARLY_ALL
}

/// What stands between fields where no tabs do, and around them: a no-break space is part of a word.
fn is_space(letter: char) -> bool {
    matches!(letter, ' ' | '\t' | '\r' | '\n')
}

/// The fields of a line; tabs at its end stand before nothing.
fn split(line: &str, has_tabs: bool) -> Vec<&str> {
    if !has_tabs {
        return line.split(is_space).filter(|field| !field.is_empty()).collect();
    }
    let line = line.trim_end_matches([' ', '\r', '\n']);
    let mut fields: Vec<&str> = line.split('\t').map(|field| field.trim_matches(is_space)).collect();
    while fields.len() > 2 && fields.last().is_some_and(|field| field.is_empty()) {
        fields.pop();
    }
    fields
}

/// A sentence as far as it was read.
#[derive(Debug, Default)]
struct Sentence<'t> {
    /// Line of its first token.
    line: usize,
    /// Fields of each column.
    columns: Vec<Vec<&'t str>>,
    /// What is wrong with it.
    flaw: Option<String>,
}

fn read_sentences(text: &str, layout: &Layout) -> Result<Table, DataError> {
    let delimiter = if layout.has_tabs { '\t' } else { ' ' };
    let mut columns: Vec<String> = (1..=layout.width).map(|number| format!("column {number}")).collect();
    let mut table = Table::new(Format::Conll, Some(delimiter), layout.header.is_some(), Vec::new());
    let (mut num_comments, mut num_documents, mut num_borders, mut num_ranges) = (0, 0, 0, 0);
    let mut sentence = Sentence::default();
    for (index, line) in text.lines().enumerate() {
        let number = index + 1;
        if layout.header.is_some_and(|header| number < header) {
            continue;
        }
        if layout.header == Some(number) {
            for (column, name) in columns.iter_mut().zip(split(line, layout.has_tabs)) {
                if !name.is_empty() {
                    *column = name.to_owned();
                }
            }
            continue;
        }
        if line.trim().is_empty() || ends_document(line) {
            num_documents += usize::from(line.starts_with(DOCUMENT));
            num_borders += usize::from(BORDERS.iter().any(|border| line.starts_with(border)));
            add_sentence(&mut table, std::mem::take(&mut sentence));
            continue;
        }
        if layout.is_comment(line) {
            num_comments += 1;
            continue;
        }
        let fields = split(line, layout.has_tabs);
        if layout.is_range(&fields) {
            num_ranges += 1;
            continue;
        }
        if sentence.columns.is_empty() {
            (sentence.line, sentence.columns) = (number, vec![Vec::new(); layout.width]);
        }
        if fields.len() != layout.width {
            let (found, width) = (plural(fields.len(), "field"), layout.width);
            let flaw = format!("line {number} has {found} where {width} were expected: its sentence is left out");
            sentence.flaw.get_or_insert(flaw);
            continue;
        }
        for (column, field) in sentence.columns.iter_mut().zip(fields) {
            column.push(field);
        }
    }
    add_sentence(&mut table, sentence);
    unique(&mut columns);
    table.columns = columns;
    table.header_row = layout.header;
    if layout.has_tags_first {
        table.notes.push("the tags stand in the first column, before their words".into());
    }
    if let Some(header) = layout.header.filter(|&header| header > 1) {
        table.notes.push(format!("the lines above line {header}, which names the columns, are skipped"));
    }
    let skipped = [
        ("lines skipped as comments, as they begin with \"# \":", num_comments),
        ("lines with -DOCSTART-, which end a sentence and are no tokens:", num_documents),
        ("lines with #begin document or #end document, which end a sentence and are no tokens:", num_borders),
        ("lines skipped as multiword tokens or empty nodes of CoNLL-U:", num_ranges),
    ];
    let said = skipped.into_iter().filter(|&(_, count)| count > 0);
    table.notes.extend(said.map(|(what, count)| format!("{what} {count}")));
    table.checked()
}

fn add_sentence(table: &mut Table, sentence: Sentence<'_>) {
    if sentence.columns.is_empty() {
        return;
    }
    if let Some(flaw) = sentence.flaw {
        table.add_bad(sentence.line, flaw);
        return;
    }
    let cell = |fields: &Vec<&str>| serde_json::to_string(fields).expect("texts are always JSON");
    let nested = (0..sentence.columns.len()).collect();
    table.rows.push(Row { number: sentence.line, cells: sentence.columns.iter().map(cell).collect(), nested });
}

/// Numbers names that come twice.
fn unique(columns: &mut [String]) {
    let mut seen: HashMap<String, usize> = HashMap::new();
    for column in columns {
        let count = seen.entry(column.clone()).or_default();
        *count += 1;
        if *count > 1 {
            *column = format!("{column} ({count})");
        }
    }
}

#[cfg(test)]
mod tests;
