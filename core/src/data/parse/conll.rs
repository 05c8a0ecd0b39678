//! CoNLL files to a [`Table`] of sentences: one token a line, columns by tabs or white space, a blank line between two
//! sentences.
//!
//! A row is a sentence, its number the line of its first token; each of its cells is a JSON array of what stands in that
//! column. `-DOCSTART-` lines end a sentence; comments, and CoNLL-U's lines of multiword tokens, are skipped: the notes
//! say so.

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

/// Whether a text is CoNLL beyond doubt, with tags such as `B-PER` or `O` in its last column.
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
    field == "O" || has_prefix('-') || has_prefix('_')
}

/// How the lines of a file are made.
#[derive(Debug)]
struct Layout {
    /// Fields are apart by tabs; else by white space.
    has_tabs: bool,
    /// Fields of a line.
    width: usize,
    /// Its last fields are tags such as `B-PER` or `O`.
    has_tags: bool,
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
        if lines.is_empty() {
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
        let last_fields: HashSet<String> =
            lines.iter().filter_map(|(_, line)| Some((*split(line, has_tabs).last()?).to_owned())).collect();
        let num_tags =
            lines.iter().filter(|(_, line)| split(line, has_tabs).last().is_some_and(|tag| is_tag(tag))).count();
        let has_tags = nearly_all(num_tags);
        let mut is_below = false;
        let mut is_separated = false;
        for (_, line) in sample() {
            let is_gap = line.trim().is_empty() || ends_document(line);
            is_separated |= is_gap && is_below;
            is_below |= !is_gap;
        }
        let is_even = count == lines.len() && count >= FEW;
        let is_conll = ENDINGS.contains(&super::extension(name).as_str());
        if !(is_conll || has_tags || is_separated && (has_tabs || is_even)) {
            return None;
        }
        let names_columns = || {
            let is_header = first.first().is_some_and(|field| name_rank(field, &TOKEN_NAMES).is_some());
            is_header && !first.last().is_some_and(|last| is_tag(last))
        };
        let has_header = read.header_row.is_some() || read.has_header.unwrap_or_else(names_columns);
        let header = has_header.then(|| read.header_row.unwrap_or(lines[0].0 + 1));
        Some(Self { has_tabs, width, has_tags, header, last_fields })
    }

    /// Whether a line is a comment: `# text = …`, but not a token `#` with its tag.
    fn is_comment(&self, line: &str) -> bool {
        if !line.starts_with("# ") && line.trim_end() != "#" {
            return false;
        }
        let fields = split(line, self.has_tabs);
        let is_token = fields.len() == self.width && fields.last().is_some_and(|last| self.last_fields.contains(*last));
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

/// The fields of a line; tabs at its end stand before nothing.
fn split(line: &str, has_tabs: bool) -> Vec<&str> {
    if !has_tabs {
        return line.split_whitespace().collect();
    }
    let line = line.trim_end_matches([' ', '\r', '\n']);
    let mut fields: Vec<&str> = line.split('\t').map(str::trim).collect();
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
mod tests {
    use super::*;

    fn read(name: &str, text: &str) -> Table {
        parse_sentences(name, text.as_bytes(), &ReadOptions::default()).expect("a table")
    }

    fn cells(table: &Table) -> Vec<(usize, Vec<&str>)> {
        table.rows.iter().map(|row| (row.number, row.cells.iter().map(String::as_str).collect())).collect()
    }

    #[test]
    fn sentences_stand_between_blank_lines_or_lines_with_a_tab_alone() {
        let table = read("x.conll", "EU\tB-ORG\nsaid\tO\n\t\n\"\tO\nhi \tO\r\n\n\nParis\tB-LOC\n");
        let expected = [
            (1, vec![r#"["EU","said"]"#, r#"["B-ORG","O"]"#]),
            (4, vec![r#"["\"","hi"]"#, r#"["O","O"]"#]),
            (8, vec![r#"["Paris"]"#, r#"["B-LOC"]"#]),
        ];
        assert_eq!(cells(&table), expected);
        assert_eq!((table.format, table.delimiter, table.has_header), (Format::Conll, Some('\t'), false));
        assert_eq!(
            (table.columns, table.rows[0].nested.as_slice()),
            (vec!["column 1".into(), "column 2".into()], &[0, 1][..])
        );
        assert!(table.notes.is_empty(), "{:?}", table.notes);
    }

    #[test]
    fn columns_may_be_apart_by_spaces_and_documents_have_a_first_line() {
        let table = read("eng.train", "-DOCSTART- -X- -X- O\n\nEU NNP B-NP B-ORG\n. . O O\n\nHi UH B-NP O\n");
        assert_eq!((table.rows.len(), table.columns.len(), table.delimiter), (2, 4, Some(' ')));
        assert_eq!(table.rows[0].cells[3], r#"["B-ORG","O"]"#);
        assert_eq!(table.notes, ["lines with -DOCSTART-, which end a sentence and are no tokens: 1"]);
    }

    #[test]
    fn lines_around_a_document_are_no_tokens() {
        let table = read("x.conll", "#begin document (a); part 000\nEU\tB-ORG\nsaid\tO\n#end document\n\n# x\nHi\tO\n");
        assert_eq!((table.rows.len(), table.num_bad_rows, table.rows[0].number), (2, 0, 2));
        assert!(
            table.notes[1].ends_with("#end document, which end a sentence and are no tokens: 2"),
            "{:?}",
            table.notes
        );
    }

    #[test]
    fn comments_are_skipped_and_a_hash_with_a_tag_is_a_token() {
        let text = "# id 7 domain=en\nParis _ _ B-LOC\n# _ _ O\n\n# text = x y\nx _ _ O\n";
        let table = read("x.conll", text);
        assert_eq!(table.rows[0].cells[0], r##"["Paris","#"]"##);
        assert_eq!(table.rows.iter().map(|row| row.number).collect::<Vec<_>>(), [2, 6]);
        assert_eq!(table.notes, ["lines skipped as comments, as they begin with \"# \": 2"]);
        let hash = read("x.conll", "#\tO\nParis\tB-LOC\n\na\tO\n");
        assert_eq!(hash.rows[0].cells[0], r##"["#","Paris"]"##);
    }

    #[test]
    fn a_line_of_another_width_spoils_its_sentence_only() {
        let good: String = (0..12).map(|i| format!("w{i} O\n")).collect();
        let table = read("x.conll", &format!("a O\nlonely\nb O\n\n{good}"));
        assert_eq!((table.rows.len(), table.num_bad_rows), (1, 1));
        let expected = "line 2 has 1 field where 2 were expected: its sentence is left out";
        assert_eq!((table.bad_rows[0].row, table.bad_rows[0].reason.as_str()), (1, expected));
    }

    #[test]
    fn a_header_names_the_columns() {
        let table = read("x.tsv", "token\tner\nEU\tB-ORG\n\nParis\tB-LOC\n");
        assert_eq!(
            (table.columns, table.header_row, table.rows.len()),
            (vec!["token".into(), "ner".into()], Some(1), 2)
        );
        let named = ReadOptions { header_row: Some(2), ..ReadOptions::default() };
        let text = "made in May\nw\tw\nEU\tB-ORG\n\nParis\tB-LOC\n";
        let table = parse_sentences("x.conll", text.as_bytes(), &named).expect("a table");
        assert_eq!((table.columns, table.rows[0].number), (vec!["w".into(), "w (2)".into()], 3));
        assert_eq!(table.notes, ["the lines above line 2, which names the columns, are skipped"]);
    }

    #[test]
    fn multiword_tokens_of_conll_u_are_skipped() {
        let line = |id: &str, form: &str| format!("{id}\t{form}\t_\tNOUN\t_\t_\t0\troot\t_\t_\n");
        let text = ["# text = im Haus\n", &line("1-2", "im"), &line("1", "in"), &line("2", "dem"), &line("2.1", "x")];
        let table = read("de.conllu", &text.concat());
        assert_eq!((table.rows[0].cells[1].as_str(), table.columns.len()), (r#"["in","dem"]"#, 10));
        assert_eq!(table.notes[1], "lines skipped as multiword tokens or empty nodes of CoNLL-U: 2");
    }

    #[test]
    fn tables_and_json_are_read_as_ever() {
        for (name, text, format) in [
            ("x.csv", "sentence,word,tag\n1,EU,B-ORG\n1,said,O\n", Format::Csv),
            ("x.tsv", "sentence_id\tword\ttag\n1\tEU\tB-ORG\n1\tsaid\tO\n", Format::Csv),
            ("x.jsonl", "{\"tokens\": [\"a\"], \"n\": 1}\n{\"tokens\": [\"b\"], \"n\": 2}\n", Format::Jsonl),
            ("x.txt", "A text of words.\n\nAnother one, and longer.\n", Format::Csv),
        ] {
            assert_eq!(read(name, text).format, format, "{text}");
        }
        let lines = "{\"tokens\": [\"a\"], \"n\": 1}\n{\"tokens\": [\"b\"], \"n\": 2}\n";
        assert_eq!(read("x.jsonl", lines).rows[0].cells[0], "[\"a\"]");
    }

    #[test]
    fn only_files_with_tags_are_conll_beyond_doubt() {
        assert!(is_tagged_conll("x", "EU B-ORG\n. O\n\nHi O\n"));
        let conll_u = "# text = Haus\n1\tHaus\t_\tNOUN\t_\t_\t0\troot\t_\t_\n\n1\tRad\t_\tNOUN\t_\t_\t0\troot\t_\t_\n";
        assert!(is_conll_u("de.conllu", conll_u) && !is_tagged_conll("de.conllu", conll_u));
        assert!(!is_conll_u("x.conll", "EU\tB-ORG\n.\tO\n\nHi\tO\n"));
        assert!(!is_tagged_conll("x.tsv", "good film\tpos\n\nbad film\tneg\n"));
        assert!(!is_tagged_conll("x.txt", "one two\nthree four\n"));
        assert!(
            is_tagged_conll("x.txt", "EU ORG-B\n. O\n\nHi O\n") && is_tagged_conll("x.txt", "EU B_ORG\n. O\n\nHi O\n")
        );
        for (tag, expected) in [
            ("PER-B", true),
            ("I_PER", true),
            ("Typ-B", false),
            ("-B", false),
            ("O", true),
            ("B-x", true),
            ("I-", false),
            ("OK", false),
            ("X-a", false),
            ("", false),
        ] {
            assert_eq!(is_tag(tag), expected, "{tag}");
        }
    }
}
