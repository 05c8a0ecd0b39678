//! Files of inputs for models that find names and terms: texts, and sentences that come in words.
//!
//! In: CoNLL files with tags or without, JSON rows with a list of tokens, tables with one token a row, tables of texts.
//! Out: a [`Table`] with a text a row. Words are joined by spaces, as they are when such a model is trained; the notes
//! say so, and name the columns that are not read, those of tags among them.

use std::collections::HashSet;

use serde_json::Value;

use super::columns::has_tags_first;
use crate::config::ReadOptions;
use crate::data::{
    BadRow, DataError, Format, Row, Table, UsedColumn, choose_text_columns, find_column, is_tag, parse as parse_table,
    parse_lines, parse_sentences,
};

/// Names of columns of tokens.
const TOKEN_NAMES: [&str; 6] = ["tokens", "token", "words", "word", "form", "forms"];

/// Names of columns that tell sentences apart.
const SENTENCE_NAMES: [&str; 7] =
    ["sentence_id", "sentence #", "sentence_#", "sentence_number", "sent_id", "sentence", "sent"];

/// How names of CoNLL files end.
const CONLL_ENDINGS: [&str; 6] = ["conll", "conllu", "bio", "iob", "iob2", "bioes"];

/// How names of tables end, whose lines are no single words.
const TABLE_ENDINGS: [&str; 7] = ["csv", "tsv", "tab", "psv", "json", "jsonl", "ndjson"];

/// What the first line of a document begins with.
const DOCUMENT: &str = "-DOCSTART-";

/// What a comment begins with.
const COMMENT: &str = "# ";

/// Columns of a CoNLL-U file, and that of its words.
const CONLL_U: (usize, usize) = (10, 1);

/// Of ten cells so many must look alike.
const NEARLY_ALL: usize = 9;

/// The row of a sentence's first word, and its words.
type Sentence = (usize, Vec<String>);

/// Reads a file of texts, or of sentences in words.
///
/// # Errors
/// When the file as a whole can't be used, a column that is named is not there, or no row is good.
pub(super) fn parse(name: &str, bytes: &[u8], read: &ReadOptions) -> Result<Table, DataError> {
    if read.text_column.is_some() && read.tokens_column.is_some() {
        let message = "has no effect beside tokens_column: leave one of them out".to_owned();
        return Err(DataError::BadOption { field: "text_column".into(), message });
    }
    if read.text_column.is_some() {
        return parse_table(name, bytes, read);
    }
    if let Some(table) = parse_words_alone(name, bytes, read)? {
        return Ok(table);
    }
    let mut table = parse_sentences(name, bytes, read)?;
    let column = token_column(&table, read)?;
    let sentences = match (column, table.format) {
        (None, Format::Csv) => return Ok(table),
        (None, _) => return parse_table(name, bytes, read),
        (Some(column), Format::Csv) if !first_cell(&table, column).starts_with('[') => {
            match take_tokens(&mut table, column, read)? {
                Some(sentences) => sentences,
                None => return Ok(table), // of texts, whose words stand between spaces
            }
        }
        (Some(column), _) => take_lists(&mut table, column),
    };
    let is_text = |(_, words): &Sentence| words.iter().any(|word| word.contains(' '));
    if table.format == Format::Conll && sentences.iter().any(is_text) {
        return parse_table(name, bytes, read); // a table of texts with blank lines in it
    }
    join(table, column.unwrap_or(0), sentences)
}

/// The column of the text: where the words of sentences were joined, the only one.
///
/// # Errors
/// When a named column is not there, or nothing looks like a text.
pub(super) fn choose(table: &Table, read: &ReadOptions, labels: &[String]) -> Result<Vec<UsedColumn>, DataError> {
    let index = match (&read.text_column, &read.tokens_column) {
        (None, _) if table.columns.len() == 1 => 0,
        (None, Some(tokens)) => find_column(table, tokens)?,
        _ => choose_text_columns(table, read, labels)?.text,
    };
    Ok(vec![UsedColumn { role: "text", index }])
}

/// A file with one word a line and nothing beside it, blank lines between sentences; `None` where it is something else.
fn parse_words_alone(name: &str, bytes: &[u8], read: &ReadOptions) -> Result<Option<Table>, DataError> {
    let ending = name.rsplit_once('.').map(|(_, ending)| ending.to_ascii_lowercase()).unwrap_or_default();
    let asks_for_table = read.delimiter.is_some_and(|delimiter| !matches!(delimiter, '\t' | ' '))
        || read.has_header == Some(true)
        || read.header_row.is_some();
    if asks_for_table || TABLE_ENDINGS.contains(&ending.as_str()) {
        return Ok(None);
    }
    let mut table = parse_lines(bytes, read)?;
    let is_skipped = |line: &str| line.starts_with(DOCUMENT) || line.starts_with(COMMENT);
    let mut words = table.rows.iter().map(|row| row.cells[0].as_str()).filter(|line| !is_skipped(line)).peekable();
    let has_words = words.peek().is_some();
    let are_words = words.all(|line| !line.contains(char::is_whitespace) && !is_json(line));
    let has_gap = table.rows.windows(2).any(|pair| pair[1].number > pair[0].number + 1);
    if !has_words || !are_words || !(has_gap || CONLL_ENDINGS.contains(&ending.as_str())) {
        return Ok(None);
    }
    let mut sentences: Vec<Sentence> = Vec::new();
    let (mut last, mut is_ended, mut num_comments) = (0, true, 0);
    for row in std::mem::take(&mut table.rows) {
        is_ended |= row.number > last + 1;
        last = row.number;
        for line in row.cells {
            if line.starts_with(DOCUMENT) {
                is_ended = true;
            } else if line.starts_with(COMMENT) {
                num_comments += 1;
            } else {
                add_word(&mut sentences, &mut is_ended, row.number, line);
            }
        }
    }
    table.notes.push("the file has one word a line, and a blank line between sentences".to_owned());
    if num_comments > 0 {
        table.notes.push(format!("lines skipped as comments, as they begin with {COMMENT:?}: {num_comments}"));
    }
    join(table, 0, sentences).map(Some)
}

/// Whether a line is an object or a list of a JSON file.
fn is_json(line: &str) -> bool {
    line.starts_with(['{', '['])
        && serde_json::from_str::<Value>(line).is_ok_and(|value| value.is_object() || value.is_array())
}

/// The column of the words; `None` where rows are texts.
fn token_column(table: &Table, read: &ReadOptions) -> Result<Option<usize>, DataError> {
    if let Some(name) = &read.tokens_column {
        return find_column(table, name).map(Some);
    }
    let named = named(table, &TOKEN_NAMES);
    if table.format == Format::Conll {
        let (width, form) = CONLL_U;
        let is_conll_u = table.columns.len() == width && first_cell(table, 0).starts_with("[\"1\"");
        let first = usize::from(has_tags_first(table));
        return Ok(Some(if is_conll_u { form } else { named.unwrap_or(first) }));
    }
    if table.format == Format::Csv {
        let sentence = named_sentence(table);
        let first = (0..table.columns.len()).find(|&column| Some(column) != sentence);
        let last = (0..table.columns.len()).rfind(|&column| Some(column) != sentence);
        let found = if has_tags_first(table) { last } else { first.filter(|_| has_tags(table)) };
        return Ok(named.or(found));
    }
    Ok(named.filter(|&column| {
        let cell = first_cell(table, column);
        cell.starts_with('[') && words_of(cell).is_ok()
    }))
}

fn named(table: &Table, names: &[&str]) -> Option<usize> {
    table.columns.iter().position(|column| names.contains(&column.trim().to_lowercase().as_str()))
}

fn named_sentence(table: &Table) -> Option<usize> {
    named(table, &SENTENCE_NAMES)
}

/// The first cell of a column that is not empty.
fn first_cell(table: &Table, column: usize) -> &str {
    table.rows.iter().map(|row| row.cells[column].trim()).find(|cell| !cell.is_empty()).unwrap_or_default()
}

/// Whether nearly all cells that are filled, of which there is one at the least, are so.
fn nearly_all(table: &Table, column: usize, is: fn(&str) -> bool) -> bool {
    let cells = || table.rows.iter().map(|row| row.cells[column].trim()).filter(|cell| !cell.is_empty());
    let count = cells().filter(|cell| is(cell)).count();
    count > 0 && count * 10 >= cells().count() * NEARLY_ALL
}

/// Whether the last of several columns holds tags such as `B-PER` or `O`.
fn has_tags(table: &Table) -> bool {
    let last = table.columns.len() - 1;
    last > 0 && nearly_all(table, last, is_tag)
}

/// Sentences of a table with one token a row; `None` where a row is more than a token, and then the rows stay.
fn take_tokens(table: &mut Table, token: usize, read: &ReadOptions) -> Result<Option<Vec<Sentence>>, DataError> {
    let is_word = |cell: &str| !cell.contains(char::is_whitespace);
    if table.columns.len() < 2 || !nearly_all(table, token, is_word) {
        return Ok(None);
    }
    let sentence = match &read.sentence_column {
        Some(name) => Some(find_column(table, name)?),
        None => named_sentence(table),
    };
    let bad: HashSet<usize> = table.bad_rows.iter().map(|bad| bad.row).collect();
    let mut sentences: Vec<Sentence> = Vec::new();
    let (mut current, mut last, mut is_ended, mut num_blank) = (String::new(), 0, true, 0);
    for mut row in std::mem::take(&mut table.rows) {
        let is_gap = (last + 1..row.number).any(|number| !bad.contains(&number));
        last = row.number;
        if let Some(column) = sentence {
            let name = row.cells[column].trim();
            is_ended |= !name.is_empty() && name != current;
            if !name.is_empty() {
                name.clone_into(&mut current);
            }
        } else {
            is_ended |= is_gap;
        }
        let word = std::mem::take(&mut row.cells[token]);
        match (word.trim(), sentence) {
            ("", Some(_)) => num_blank += 1,
            ("", None) => is_ended = true,
            (word, _) => add_word(&mut sentences, &mut is_ended, row.number, word.to_owned()),
        }
    }
    if num_blank > 0 {
        table.notes.push(format!("rows without a token, which are left out of their sentences: {num_blank}"));
    }
    if sentence.is_none() && sentences.len() == 1 {
        let note = "nothing tells sentences apart, no column and no empty rows: the file is read as one sentence \
                    (sentence_column names such a column)";
        table.notes.push(note.to_owned());
    }
    Ok(Some(sentences))
}

/// Adds a word to the last sentence, or begins the next with it.
fn add_word(sentences: &mut Vec<Sentence>, is_ended: &mut bool, row: usize, word: String) {
    match sentences.last_mut() {
        Some((_, words)) if !*is_ended => words.push(word),
        _ => sentences.push((row, vec![word])),
    }
    *is_ended = false;
}

/// Sentences of rows that hold a list of words each; others are put among the bad rows.
fn take_lists(table: &mut Table, column: usize) -> Vec<Sentence> {
    let mut sentences = Vec::with_capacity(table.rows.len());
    for row in std::mem::take(&mut table.rows) {
        match words_of(row.cells[column].trim()) {
            Ok(words) => sentences.push((row.number, words)),
            Err(reason) => {
                let reason = format!("{reason} (column {:?})", table.columns[column]);
                table.num_bad_rows += 1;
                table.bad_rows.push(BadRow { row: row.number, reason });
            }
        }
    }
    sentences
}

/// The words of a cell: a JSON list, or a text with spaces between words.
fn words_of(cell: &str) -> Result<Vec<String>, &'static str> {
    const NO_LIST: &str = "the tokens are not a JSON list of words";
    if !cell.starts_with(['[', '{']) {
        return Ok(cell.split_whitespace().map(str::to_owned).collect());
    }
    let Ok(Value::Array(items)) = serde_json::from_str(cell) else { return Err(NO_LIST) };
    let word = |item: Value| match item {
        Value::String(word) => Ok(word),
        Value::Number(number) => Ok(number.to_string()),
        _ => Err(NO_LIST),
    };
    items.into_iter().map(word).collect()
}

/// The table of the joined sentences; says what they are, and what is not read.
fn join(mut table: Table, column: usize, sentences: Vec<Sentence>) -> Result<Table, DataError> {
    if sentences.is_empty()
        && let Some(BadRow { row, reason }) = table.bad_rows.first().cloned()
    {
        return Err(DataError::NothingUsable { num_rows: table.num_bad_rows, row, reason });
    }
    let name = table.columns[column].clone();
    let others = table.columns.iter().enumerate().filter(|(other, _)| *other != column);
    let others: Vec<String> = others.map(|(_, other)| format!("{other:?}")).collect();
    let mut note = format!("the words of a sentence (column {name:?}) are joined by spaces");
    if !others.is_empty() {
        note.push_str(&format!("; tags and all other columns are not read: {}", others.join(", ")));
    }
    table.notes.push(note);
    let row = |(number, words): Sentence| Row { number, cells: vec![words.join(" ")], nested: Vec::new() };
    table.rows = sentences.into_iter().map(row).collect();
    (table.columns, table.delimiter) = (vec![name], None);
    Ok(table)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(name: &str, text: &str, read: &ReadOptions) -> (Vec<(usize, String)>, Vec<String>) {
        let table = parse(name, text.as_bytes(), read).expect(text);
        let used = choose(&table, read, &[]).expect(text)[0].index;
        (table.rows.iter().map(|row| (row.number, row.cells[used].clone())).collect(), table.notes)
    }

    fn owned(rows: &[(usize, &str)]) -> Vec<(usize, String)> {
        rows.iter().map(|&(row, text)| (row, text.to_owned())).collect()
    }

    #[test]
    fn conll_files_are_read_with_tags_and_without() {
        let read = ReadOptions::default();
        let (rows, notes) = texts("x.conll", "EU B-ORG\nsaid O\n\nParis B-LOC\n", &read);
        assert_eq!(rows, owned(&[(1, "EU said"), (4, "Paris")]));
        let note = "the words of a sentence (column \"column 1\") are joined by spaces; tags and all other columns are \
                    not read: \"column 2\"";
        assert_eq!(notes, [note]);
        // The tags stand first.
        for (name, text) in
            [("x.txt", "B-ORG EU\nO said\n\nB-LOC Paris\n"), ("x.csv", "B-ORG,EU\nO,said\n\nB-LOC,Paris\n")]
        {
            let read = ReadOptions { has_header: Some(false), ..ReadOptions::default() };
            let (rows, notes) = texts(name, text, &read);
            assert_eq!(rows, owned(&[(1, "EU said"), (4, "Paris")]), "{notes:?}");
        }
        // The sentence may stand behind both.
        let behind = "tag,surface,sentence_id\nB-ORG,EU,1\nO,said,1\nB-LOC,Paris,2\n";
        let found = texts("x.csv", behind, &ReadOptions { has_header: Some(true), ..ReadOptions::default() }).0;
        assert_eq!(found.iter().map(|(_, text)| text.as_str()).collect::<Vec<_>>(), ["EU said", "Paris"]);
        let kept = texts("x.conll", "10\u{a0}000 O\nEU B-ORG\n\nso O\n", &read).0;
        assert_eq!(kept, owned(&[(1, "10\u{a0}000 EU"), (4, "so")]));
        // One word a line: by its name, or by its blank lines.
        for (name, text) in [
            ("x.txt", "EU\nsaid\n\n\"\nParis\n"),
            ("x.bio", "-DOCSTART-\nEU\nsaid\n-DOCSTART-\n\"\n# a comment\nParis\n"),
        ] {
            let found: Vec<String> = texts(name, text, &read).0.into_iter().map(|(_, text)| text).collect();
            assert_eq!(found, ["EU said", "\" Paris"], "{name}");
        }
        let line = |id: usize, form: &str| format!("{id}\t{form}\t_\tNOUN\t_\t_\t0\troot\t_\t_\n");
        let conll_u = [line(1, "Haus"), line(2, "Boot"), "\n".into(), line(1, "Rad")].concat();
        assert_eq!(texts("x.conllu", &conll_u, &read).0, owned(&[(1, "Haus Boot"), (4, "Rad")]));
        let named = ReadOptions { tokens_column: Some("column 2".into()), ..ReadOptions::default() };
        assert_eq!(texts("x.conll", "7 EU B-ORG\n\n8 Hi O\n", &named).0, owned(&[(1, "EU"), (3, "Hi")]));
    }

    #[test]
    fn lists_of_tokens_are_joined() {
        let text = r#"{"tokens": ["EU", "said"], "ner_tags": [3, 0]}
{"tokens": ["in", 2020], "ner_tags": [0, 0]}
"#;
        let (rows, notes) = texts("x.jsonl", text, &ReadOptions::default());
        assert_eq!(rows, owned(&[(1, "EU said"), (2, "in 2020")]));
        assert!(notes.iter().any(|note| note.ends_with("not read: \"ner_tags\"")), "{notes:?}");
        let text = "tokens,tags\n\"[\"\"EU\"\", \"\"said\"\"]\",x\n\"['a', 'b']\",y\n";
        let with_header = ReadOptions { has_header: Some(true), ..ReadOptions::default() };
        let table = parse("x.csv", text.as_bytes(), &with_header).expect("a good row");
        assert_eq!((table.rows.len(), table.num_bad_rows), (1, 1));
        assert_eq!(table.bad_rows[0].reason, "the tokens are not a JSON list of words (column \"tokens\")");
        let text = "{\"tokens\": {\"a\": 1}}\n{\"tokens\": {\"b\": 2}}\n";
        let error = parse("x.jsonl", text.as_bytes(), &asking("tokens")).expect_err("no row is good");
        assert!(error.to_string().contains("not a JSON list of words"), "{error}");
    }

    fn asking(tokens: &str) -> ReadOptions {
        ReadOptions { tokens_column: Some(tokens.into()), ..ReadOptions::default() }
    }

    #[test]
    fn tokens_of_a_table_become_sentences() {
        let text = "Sentence #,Word,Tag\nSentence: 1,EU,B-org\n,said,O\nSentence: 2,Hi,O\n";
        let (rows, notes) = texts("x.csv", text, &ReadOptions::default());
        assert_eq!(rows, owned(&[(2, "EU said"), (4, "Hi")]));
        let is_said = notes.iter().any(|note| note.ends_with("not read: \"Sentence #\", \"Tag\""));
        assert!(is_said, "{notes:?}");
        let (rows, notes) = texts("x.csv", "token,tag\nEU,B-ORG\nsaid,O\n", &ReadOptions::default());
        assert_eq!((rows.len(), rows[0].1.as_str()), (1, "EU said"));
        let is_said = notes.iter().any(|note| note.contains("read as one sentence (sentence_column "));
        assert!(is_said, "{notes:?}");
    }

    #[test]
    fn texts_are_left_alone() {
        let read = ReadOptions::default();
        let annotated = r#"{"text": "EU said", "tokens": [{"id": 0}]}
{"text": "Hi", "tokens": []}
"#;
        for (name, text, expected) in [
            ("x.csv", "text,label\ngood film,x\nbad film,y\n", "good film"),
            ("x.tsv", "good old film\tpos\n\nbad film\tneg\n", "good old film"),
            ("x.jsonl", annotated, "EU said"),
        ] {
            assert_eq!(texts(name, text, &read).0[0].1, expected, "{name}");
        }
        let both = ReadOptions { text_column: Some("text".into()), ..asking("tokens") };
        let error = parse("x.csv", b"text,tokens\na,b\n", &both).expect_err("one of them").to_string();
        assert!(error.starts_with("text_column: has no effect beside tokens_column"), "{error}");
    }
}
