//! Files to tables whose rows are sentences with a tag for each word: what comes as one token a row is put together.
//!
//! In: a file, and how it is to be read. Out: a [`Table`]; a cell that holds a list is its JSON text. Where the rows of each sentence
//! stand is told, too, so that the file can be written again.

use std::collections::{HashMap, HashSet};
use std::ops::Range;

use super::located::LocatedRows;
use super::{BadRow, Format, MAX_LISTED, Row, Table, is_tag, name_rank, parse_sentences};
use crate::config::ReadOptions;
use crate::data::columns::find_column;
use crate::data::error::DataError;

/// Names of columns of tokens, the likeliest first.
pub(crate) const TOKEN_NAMES: &[&str] = &["tokens", "token", "words", "word", "form", "forms"];

/// Names of columns of tags.
pub(crate) const TAG_NAMES: &[&str] = &[
    "ner_tags",
    "ner_tag",
    "ner",
    "tags",
    "tag",
    "labels",
    "label",
    "word_labels",
    "named_entities",
    "entity",
    "entities",
    "bio",
    "iob",
    "fine_ner_tags",
    "pos_tags",
    "upos",
    "pos",
    "chunk_tags",
];

/// Names of columns that tell sentences apart.
pub(crate) const SENTENCE_NAMES: &[&str] =
    &["sentence_id", "sentence_#", "sentence_number", "sent_id", "sentence", "sent", "sentence_idx"];

/// Rows that are looked at.
const SAMPLE: usize = 2000;

/// Reads a file whose rows are sentences, or tokens of sentences.
///
/// # Errors
/// See [`parse_sentences`].
pub fn parse_tagged(name: &str, bytes: &[u8], read: &ReadOptions) -> Result<Table, DataError> {
    let mut table = parse_sentences(name, bytes, read)?;
    if table.format == Format::Csv
        && let Some(columns) = TokenColumns::of(&table, read)
    {
        join_tokens(&mut table, &columns);
    }
    Ok(table)
}

/// The column with the likeliest of these names, none of those that are taken.
pub(crate) fn best_named(table: &Table, names: &[&str], taken: &[Option<usize>]) -> Option<usize> {
    let free = (0..table.columns.len()).filter(|&column| !taken.contains(&Some(column)));
    free.filter_map(|column| Some((name_rank(&table.columns[column], names)?, column))).min().map(|(_, column)| column)
}

/// Puts the rows of each sentence together where a row is a token. What stands behind a sentence goes with it: the lines that keep it
/// apart from the next one.
pub(super) fn join_located(located: &mut LocatedRows, read: &ReadOptions) {
    let Some(columns) = TokenColumns::of(&located.table, read) else { return };
    let rows: HashMap<usize, Range<usize>> = std::mem::take(&mut located.spans).into_iter().collect();
    let records = std::mem::take(&mut located.bad_spans);
    let sentences = join_tokens(&mut located.table, &columns);
    let good: HashSet<usize> = located.table.rows.iter().map(|row| row.number).collect();
    for (index, numbers) in sentences.iter().enumerate() {
        let tokens: Vec<Range<usize>> = numbers.iter().map(|number| rows[number].clone()).collect();
        let (start, end) = (tokens[0].start, tokens[tokens.len() - 1].end);
        // A record that can't be read belongs to the sentence within which it stands, and to none between two.
        let record = records.get(records.partition_point(|(_, record)| record.start < end)).map(|(_, span)| span.start);
        let next = sentences.get(index + 1).map_or(end, |numbers| rows[&numbers[0]].start);
        let span = start..record.map_or(next, |record| record.min(next));
        if good.contains(&numbers[0]) {
            located.spans.push((numbers[0], span));
            located.tokens.push(tokens);
        } else {
            located.bad_spans.push((numbers[0], span));
        }
    }
    let mut between = records;
    between.retain(|(_, record)| {
        let holds = |spans: &[(usize, Range<usize>)]| {
            let last = spans.partition_point(|(_, span)| span.start <= record.start).checked_sub(1);
            last.is_some_and(|last| spans[last].1.end > record.start)
        };
        !holds(&located.spans) && !holds(&located.bad_spans)
    });
    located.bad_spans.extend(between);
    located.bad_spans.sort_by_key(|(_, span)| span.start);
}

/// Columns of a table with one token a row.
struct TokenColumns {
    /// What is nothing in two columns is between two sentences.
    token: usize,
    tag: usize,
    /// Tells sentences apart.
    sentence: Option<usize>,
}

impl TokenColumns {
    /// `None` where a row is more than a token.
    fn of(table: &Table, read: &ReadOptions) -> Option<Self> {
        if read.text_column.is_some() {
            return None;
        }
        let wish = |name: &Option<String>| name.as_deref().and_then(|name| find_column(table, name).ok());
        let sentence = wish(&read.sentence_column).or_else(|| best_named(table, SENTENCE_NAMES, &[]));
        let others: Vec<usize> = (0..table.columns.len()).filter(|&column| Some(column) != sentence).collect();
        let named = |names: &[&str], taken: &[Option<usize>]| best_named(table, names, taken);
        let token = wish(&read.tokens_column).or_else(|| named(TOKEN_NAMES, &[sentence]));
        let token = token.or_else(|| others.first().copied())?;
        let tag = wish(&read.label_column).or_else(|| named(TAG_NAMES, &[sentence, Some(token)]));
        let tag = tag.or_else(|| others.last().copied()).filter(|&tag| tag != token)?;
        let cells = |column: usize| {
            let sample = table.rows.iter().take(SAMPLE).map(move |row| row.cells[column].trim());
            sample.filter(|cell| !cell.is_empty())
        };
        let nearly_all = |column: usize, is: fn(&str) -> bool| {
            let count = cells(column).filter(|cell| is(cell)).count();
            count > 0 && count * 10 >= cells(column).count() * 9
        };
        let is_one = |cell: &str| !cell.contains(char::is_whitespace) && (cell.len() < 3 || !cell.starts_with('['));
        let is_word_each =
            nearly_all(token, is_one) && nearly_all(tag, |tag| !tag.contains(|c: char| c.is_whitespace() || c == ','));
        // A word and a label a row may be anything; what makes it a sentence is its tags, its names or its column.
        let is_known = sentence.is_some()
            || nearly_all(tag, is_tag)
            || nearly_all(token, is_tag)
            || read.tokens_column.is_some()
            || named(TOKEN_NAMES, &[sentence]) == Some(token);
        (is_word_each && is_known).then_some(Self { token, tag, sentence })
    }
}

/// Puts the rows of each sentence together; returns their numbers, those of sentences that are left out, too. Sentences end where the
/// sentence column names another, at an empty row, and where no column tells them apart, at a blank line.
fn join_tokens(table: &mut Table, columns: &TokenColumns) -> Vec<Vec<usize>> {
    let bad: HashSet<usize> = table.bad_rows.iter().map(|bad| bad.row).collect();
    let mut sentences: Vec<Vec<Row>> = Vec::new();
    let mut flaws: Vec<(usize, usize)> = Vec::new(); // a sentence, and a row of it that can't be read
    let mut current = String::new();
    let mut is_ended = true;
    let mut next_row = None;
    for row in std::mem::take(&mut table.rows) {
        let missing = next_row.unwrap_or(row.number)..row.number;
        next_row = Some(row.number + 1);
        let is_blank = |column: usize| row.cells[column].trim().is_empty();
        let unread = missing.clone().find(|number| bad.contains(number));
        let name = columns.sentence.map(|column| row.cells[column].trim()).filter(|name| !name.is_empty());
        is_ended |= match columns.sentence {
            Some(_) => name.is_some_and(|name| name != current),
            None => missing.clone().any(|number| !bad.contains(&number)),
        };
        if let Some(name) = name {
            current = name.to_owned();
        }
        if is_blank(columns.token) && is_blank(columns.tag) {
            is_ended = true;
            continue;
        }
        // Where a sentence ends beside it, the row may have been of either.
        if let Some(unread) = unread {
            flaws.extend(sentences.len().checked_sub(1).map(|last| (last, unread)));
            flaws.extend(is_ended.then_some((sentences.len(), unread)));
        }
        if std::mem::take(&mut is_ended) {
            sentences.push(Vec::new());
        }
        sentences.last_mut().expect("a sentence was begun").push(row);
    }
    if columns.sentence.is_none() && sentences.len() == 1 && sentences[0].len() > 1 {
        let note = "nothing tells sentences apart, no column and no empty rows: the file is read as one sentence \
                    (sentence_column names such a column)";
        table.notes.push(note.into());
    }
    let numbers = sentences.iter().map(|rows| rows.iter().map(|row| row.number).collect()).collect();
    let mut flaws = flaws.into_iter().peekable();
    for (index, rows) in sentences.into_iter().enumerate() {
        let number = rows[0].number;
        if let Some((_, unread)) = flaws.next_if(|(sentence, _)| *sentence == index) {
            while flaws.next_if(|(sentence, _)| *sentence == index).is_some() {}
            table.num_bad_rows += 1;
            if table.bad_rows.len() < MAX_LISTED {
                let reason = format!("row {unread} of its sentence can't be read: the sentence is left out");
                table.bad_rows.push(BadRow { row: number, reason });
            }
            continue;
        }
        let cell = |column: usize| match columns.sentence {
            Some(sentence) if sentence == column => rows[0].cells[column].trim().to_owned(),
            _ => {
                let fields: Vec<&str> = rows.iter().map(|row| row.cells[column].trim()).collect();
                serde_json::to_string(&fields).expect("texts are always JSON")
            }
        };
        let cells = (0..table.columns.len()).map(cell).collect();
        let nested = (0..table.columns.len()).filter(|&column| columns.sentence != Some(column)).collect();
        table.rows.push(Row { number, cells, nested });
    }
    numbers
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(name: &str, text: &str) -> Table {
        parse_tagged(name, text.as_bytes(), &ReadOptions::default()).expect("a table")
    }

    fn sentences(table: &Table, column: usize) -> Vec<(usize, &str)> {
        table.rows.iter().map(|row| (row.number, row.cells[column].as_str())).collect()
    }

    #[test]
    fn a_sentence_column_may_be_filled_in_the_first_row_only() {
        let text = "Sentence #,Word,POS,Tag\nSentence: 1,Thousands,NNS,O\n,of,IN,O\nSentence: 2,London,NNP,B-geo\n";
        let table = read("ner.csv", text);
        assert_eq!(sentences(&table, 1), [(2, r#"["Thousands","of"]"#), (4, r#"["London"]"#)]);
        assert_eq!(sentences(&table, 0), [(2, "Sentence: 1"), (4, "Sentence: 2")]);
        assert_eq!(table.rows[0].nested, [1, 2, 3]);
        let full = read("ner.csv", "sentence_id,token,tag\n7,EU,B-ORG\n7,said,O\n8,Hi,O\n");
        assert_eq!(sentences(&full, 2), [(2, r#"["B-ORG","O"]"#), (4, r#"["O"]"#)]);
    }

    #[test]
    fn empty_rows_stand_between_sentences() {
        for between in ["\n", ",\n", "\n\n"] {
            let table = read("ner.csv", &format!("token,tag\nEU,B-ORG\n\"\"\"\",O\n{between}Hi,O\nParis,B-LOC\n"));
            let found: Vec<&str> = sentences(&table, 0).into_iter().map(|(_, cell)| cell).collect();
            assert_eq!(found, [r#"["EU","\""]"#, r#"["Hi","Paris"]"#], "{between:?}");
        }
        let one = read("ner.csv", "token,tag\nEU,B-ORG\nsaid,O\n");
        assert!(one.notes.iter().any(|note| note.contains("read as one sentence")), "{:?}", one.notes);
    }

    #[test]
    fn without_names_tags_tell_that_a_row_is_a_token() {
        let wishes = ReadOptions { has_header: Some(false), ..ReadOptions::default() };
        let table = parse_tagged("ner.csv", b"EU,B-ORG\nsaid,O\n\nParis,B-LOC\nis,O\n", &wishes).expect("a table");
        assert_eq!(sentences(&table, 1), [(1, r#"["B-ORG","O"]"#), (4, r#"["B-LOC","O"]"#)]);
    }

    #[test]
    fn a_row_that_can_not_be_read_spoils_its_sentence() {
        let good: String = (0..20).map(|i| format!("2,w{i},O\n")).collect();
        let table = read("ner.csv", &format!("sentence,word,tag\n1,EU,B-ORG\n1,a,b,c,O\n1,said,O\n{good}"));
        assert_eq!((table.rows.len(), table.num_bad_rows), (1, 2));
        let reason = "row 3 of its sentence can't be read: the sentence is left out";
        assert_eq!(table.bad_rows.last().map(|bad| (bad.row, bad.reason.as_str())), Some((2, reason)));
    }

    #[test]
    fn rows_of_whole_sentences_are_left_alone() {
        for text in [
            "sentence,word_labels\nEU said so,B-ORG O O\nParis is big,B-LOC O O\n",
            "text,label\ngood film,pos\nbad film,neg\n",
            "tokens,tags\n\"['EU', 'said']\",\"['B-ORG', 'O']\"\n\"['a', 'b']\",\"['O', 'O']\"\n",
        ] {
            let wishes = ReadOptions { has_header: Some(true), ..ReadOptions::default() };
            let table = parse_tagged("x.csv", text.as_bytes(), &wishes).expect("a table");
            assert!(table.rows.iter().all(|row| row.nested.is_empty()) && table.rows.len() == 2, "{text}");
        }
    }
}
