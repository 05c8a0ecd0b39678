//! Which columns hold what: tokens and their tags, or a text and its spans; as asked for, else guessed from names and
//! content.

use serde_json::Value;

use super::cells::{is_span, read_tags, read_words};
use super::tags::OUTSIDE;
use crate::config::ReadOptions;
use crate::data::{
    DataError, Format, SENTENCE_NAMES, TAG_NAMES, TOKEN_NAMES, Table, UsedColumn, best_named, find_column, is_tag,
    name_rank,
};

/// Names of columns of texts.
const TEXT_NAMES: &[&str] = &["text", "content", "sentence", "document", "data", "body"];

/// Names of columns of spans.
const SPAN_NAMES: &[&str] =
    &["spans", "entities", "label", "labels", "annotations", "ents", "ner", "entity", "named_entities"];

/// Rows that are looked at.
const SAMPLE: usize = 100;

/// Of ten rows so many must look alike.
const NEARLY_ALL: usize = 9;

/// Columns of a CoNLL-U file, and those of its words and their parts of speech.
const CONLL_U: (usize, usize, usize) = (10, 1, 3);

/// What most cells of a column hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// Lists of texts or of numbers.
    Items,
    /// Lists of spans.
    Spans,
    /// Lists with nothing in them.
    EmptyLists,
    /// Text.
    Text,
    /// Something else, or nothing.
    Other,
}

/// Chooses the columns: `tokens` and `tags` (and `sentence`, where a column tells sentences apart), or `text` and `spans`.
///
/// # Errors
/// When a named column is not there, one has two roles, or nothing looks like either.
pub(super) fn choose(table: &Table, read: &ReadOptions) -> Result<Vec<UsedColumn>, DataError> {
    let find = |name: &Option<String>| name.as_deref().map(|name| find_column(table, name)).transpose();
    let (tokens, text, label) = (find(&read.tokens_column)?, find(&read.text_column)?, find(&read.label_column)?);
    if tokens.is_some() && text.is_some() {
        let message = "has no effect beside tokens_column: leave one of them out".to_owned();
        return Err(DataError::BadOption { field: "text_column".into(), message });
    }
    let sentence = find(&read.sentence_column)?;
    let is_joined = table.format == Format::Csv && table.rows.first().is_some_and(|row| !row.nested.is_empty());
    if sentence.is_some() && !is_joined {
        let message = "has no effect: a row of this file is a whole sentence".to_owned();
        return Err(DataError::BadOption { field: "sentence_column".into(), message });
    }
    let sentence = if is_joined { sentence.or_else(|| best_named(table, SENTENCE_NAMES, &[])) } else { sentence };
    let kinds: Vec<Kind> = (0..table.columns.len()).map(|column| kind_of(table, column)).collect();
    let is_conll = table.format == Format::Conll;
    let used = if let Some(columns) = choose_tags(table, &kinds, tokens.or(text), label, sentence, is_conll) {
        Some(columns)
    } else if tokens.is_none() {
        choose_spans(table, &kinds, text, label)
    } else {
        None
    };
    let used = used.ok_or_else(|| DataError::NoTags { columns: table.columns.clone() })?;
    if let [first, second, ..] = used[..]
        && first.index == second.index
    {
        let column = table.columns[first.index].clone();
        return Err(DataError::SharedColumn { column, first: first.role, second: second.role });
    }
    Ok(used)
}

/// The columns of tokens and tags.
fn choose_tags(
    table: &Table,
    kinds: &[Kind],
    tokens: Option<usize>,
    tags: Option<usize>,
    sentence: Option<usize>,
    is_conll: bool,
) -> Option<Vec<UsedColumn>> {
    let is_free = |column: usize| Some(column) != sentence;
    let lists = || (0..kinds.len()).filter(|&column| kinds[column] == Kind::Items && is_free(column));
    let (tokens, tags) = if is_conll {
        let (width, form, upos) = CONLL_U;
        let is_conll_u = kinds.len() == width && counts_up(table);
        let last = kinds.len() - 1;
        let named = |names: &[&str]| best_named(table, names, &[]);
        let first = if is_conll_u { form } else { named(TOKEN_NAMES).unwrap_or(0) };
        let last = if is_conll_u { upos } else { last };
        let (first, last) = if has_tags_first(table) { (1, 0) } else { (first, last) };
        (tokens.unwrap_or(first), tags.unwrap_or(last))
    } else {
        let are_guessed = tokens.is_none() && tags.is_none();
        let named = |names: &[&str], taken: Option<usize>| {
            let ranked = lists().filter(|&column| Some(column) != taken);
            ranked.filter_map(|column| Some((name_rank(&table.columns[column], names)?, column))).min()
        };
        let other_text = |tags: Option<usize>| {
            let texts = (0..kinds.len()).filter(|&column| kinds[column] == Kind::Text && Some(column) != tags);
            best_of(table, texts.filter(|&column| is_free(column)), TEXT_NAMES)
        };
        let may_be_tokens = |column: usize| Some(column) != tags && !holds_numbers(table, column);
        let is_called_tags = |column: usize| name_rank(&table.columns[column], TAG_NAMES).is_some();
        let tokens = tokens
            .or_else(|| named(TOKEN_NAMES, tags).map(|(_, column)| column))
            .or_else(|| lists().find(|&column| may_be_tokens(column) && !is_called_tags(column)))
            .or_else(|| other_text(tags))
            .or_else(|| lists().find(|&column| may_be_tokens(column)))?;
        let tags = tags
            .or_else(|| named(TAG_NAMES, Some(tokens)).map(|(_, column)| column))
            .or_else(|| lists().rfind(|&column| column != tokens))
            .or_else(|| {
                let texts = (0..kinds.len()).filter(|&column| kinds[column] == Kind::Text && column != tokens);
                best_of(table, texts.filter(|&column| is_free(column)), TAG_NAMES)
            })?;
        if !have_equal_counts(table, tokens, tags) {
            return None;
        }
        let are_swapped = are_guessed && holds_tags(table, tokens) && !holds_tags(table, tags);
        if are_swapped { (tags, tokens) } else { (tokens, tags) }
    };
    let sentence = sentence.map(|index| UsedColumn { role: "sentence", index });
    let used = [UsedColumn { role: "tokens", index: tokens }, UsedColumn { role: "tags", index: tags }];
    Some(used.into_iter().chain(sentence).collect())
}

/// Whether the first column holds tags such as `B-PER`, and the last none: `B-PER ada`.
pub(super) fn has_tags_first(table: &Table) -> bool {
    let last = table.columns.len().saturating_sub(1);
    last > 0 && holds_tags(table, 0) && !holds_tags(table, last)
}

/// Whether nearly all cells of a column are tags such as `B-PER`, `O` among them.
fn holds_tags(table: &Table, column: usize) -> bool {
    let filled = || cells(table, column).map(|(_, cell)| cell).filter(|cell| !cell.is_empty());
    let (mut num_tagged, mut has_outside) = (0, false);
    for cell in filled() {
        let tags = read_tags(cell).map(|tags| tags.values).unwrap_or_default();
        has_outside |= tags.iter().any(|tag| tag == OUTSIDE);
        num_tagged += usize::from(!tags.is_empty() && tags.iter().all(|tag| is_tag(tag)));
    }
    has_outside && num_tagged * 10 >= filled().count() * NEARLY_ALL
}

/// The columns of a text and its spans.
fn choose_spans(table: &Table, kinds: &[Kind], text: Option<usize>, spans: Option<usize>) -> Option<Vec<UsedColumn>> {
    let of_kind = |kind: Kind| (0..kinds.len()).filter(move |&column| kinds[column] == kind);
    let spans = spans.or_else(|| best_of(table, of_kind(Kind::Spans), SPAN_NAMES)).or_else(|| {
        let empty = of_kind(Kind::EmptyLists)
            .filter_map(|column| Some((name_rank(&table.columns[column], SPAN_NAMES)?, column)));
        empty.min().map(|(_, column)| column)
    })?;
    let text = text.or_else(|| best_of(table, of_kind(Kind::Text).filter(|&column| column != spans), TEXT_NAMES))?;
    Some(vec![UsedColumn { role: "text", index: text }, UsedColumn { role: "spans", index: spans }])
}

/// Of some columns the one with the likeliest name; without such a name the first.
fn best_of(table: &Table, columns: impl Iterator<Item = usize>, names: &[&str]) -> Option<usize> {
    let rank = |column: &usize| (name_rank(&table.columns[*column], names).unwrap_or(names.len()), *column);
    columns.min_by_key(rank)
}

/// The first cells of a column, and whether each held a list or an object.
fn cells(table: &Table, column: usize) -> impl Iterator<Item = (bool, &str)> {
    table.rows.iter().take(SAMPLE).map(move |row| (row.nested.contains(&column), row.cells[column].trim()))
}

fn kind_of(table: &Table, column: usize) -> Kind {
    let of_cell = |(is_nested, cell): (bool, &str)| {
        if !is_nested && !cell.starts_with('[') {
            return if cell.is_empty() { Kind::Other } else { Kind::Text };
        }
        match serde_json::from_str::<Value>(cell) {
            Ok(Value::Array(list)) if list.is_empty() => Kind::EmptyLists,
            Ok(Value::Array(list)) if list.iter().all(is_span) => Kind::Spans,
            Ok(Value::Array(list)) if list.iter().all(|item| item.is_string() || item.is_number()) => Kind::Items,
            Ok(Value::Object(_)) if super::cells::read_spans(cell).is_ok() => Kind::Spans,
            Ok(_) => Kind::Other,
            Err(_) if super::cells::read_spans(cell).is_ok_and(|spans| !spans.is_empty()) => Kind::Spans,
            Err(_) if cell.ends_with(']') && cell[1..].trim_start().starts_with(['\'', '"', ']']) => Kind::Items,
            Err(_) if cell.starts_with('[') && cell.ends_with(']') && is_of_numbers(cell) => Kind::Items,
            Err(_) => Kind::Text,
        }
    };
    let mut counts = [(0, Kind::Items), (0, Kind::Spans), (0, Kind::Text), (0, Kind::EmptyLists)];
    for cell in cells(table, column) {
        let kind = of_cell(cell);
        counts.iter_mut().filter(|(_, of)| *of == kind).for_each(|(count, _)| *count += 1);
    }
    // A list with nothing in it goes with any list.
    let (most, kind) = counts[..3].iter().copied().max_by_key(|(count, _)| *count).unwrap_or((0, Kind::Other));
    let num_empty = counts[3].0;
    match most {
        0 if num_empty > 0 => Kind::EmptyLists,
        0 => Kind::Other,
        _ => kind,
    }
}

/// A list of numbers without commas, as NumPy prints it.
fn is_of_numbers(cell: &str) -> bool {
    cell.chars().all(|c| c.is_ascii_digit() || c.is_whitespace() || matches!(c, '[' | ']' | ','))
}

fn holds_numbers(table: &Table, column: usize) -> bool {
    cells(table, column).all(|(_, cell)| is_of_numbers(cell))
}

/// Whether the columns are tokens and tags: lists of tags, or nearly everywhere as many as there are words.
fn have_equal_counts(table: &Table, tokens: usize, tags: usize) -> bool {
    let (mut num_equal, mut num_rows, mut most) = (0, 0, 0);
    for ((_, tokens), (_, tags)) in cells(table, tokens).zip(cells(table, tags)) {
        let (Ok(tokens), Ok(tags)) = (read_words(tokens), read_tags(tags)) else { continue };
        num_rows += 1;
        num_equal += usize::from(tokens.values.len() == tags.values.len());
        most = most.max(tags.values.len());
    }
    // Lists are what they are: rows of unequal numbers are bad rows. Words between spaces are a guess.
    let are_lists = cells(table, tags).any(|(is_nested, _)| is_nested);
    most > 0 && (are_lists || most > 1 && num_equal * 10 >= num_rows * NEARLY_ALL)
}

/// Whether the first column numbers the tokens of each sentence.
fn counts_up(table: &Table) -> bool {
    cells(table, 0).all(|(_, cell)| {
        read_words(cell)
            .is_ok_and(|items| items.values.iter().zip(1_usize..).all(|(id, number)| *id == number.to_string()))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::parse_tagged;

    fn roles(name: &str, text: &str, read: &ReadOptions) -> Result<Vec<(String, &'static str)>, DataError> {
        let table = parse_tagged(name, text.as_bytes(), read).expect("a table");
        let used = choose(&table, read)?;
        Ok(used.into_iter().map(|used| (table.columns[used.index].clone(), used.role)).collect())
    }

    fn guess(name: &str, text: &str) -> Vec<(String, &'static str)> {
        let has_header = name.ends_with(".csv").then_some(true);
        roles(name, text, &ReadOptions { has_header, ..ReadOptions::default() }).expect(text)
    }

    /// Of a line alone nobody knows whether it is a row or wraps some.
    fn twice(line: &str) -> String {
        format!("{line}\n{line}\n")
    }

    fn owned(roles: &[(&str, &'static str)]) -> Vec<(String, &'static str)> {
        roles.iter().map(|&(column, role)| (column.to_owned(), role)).collect()
    }

    #[test]
    fn tokens_and_tags_are_found_by_name_and_content() {
        let line = r#"{"id": "0", "tokens": ["EU", "said"], "pos_tags": [22, 42], "ner_tags": [3, 0]}"#;
        assert_eq!(guess("x.jsonl", &twice(line)), owned(&[("tokens", "tokens"), ("ner_tags", "tags")]));
        let unnamed = r#"{"a": ["EU", "said"], "b": ["B-ORG", "O"]}"#;
        assert_eq!(guess("x.jsonl", &twice(unnamed)), owned(&[("a", "tokens"), ("b", "tags")]));
        let python = "tokens,ner_tags\n\"['EU', 'said']\",\"['B-ORG', 'O']\"\n\"['a', 'b']\",\"['O', 'O']\"\n";
        assert_eq!(guess("x.csv", python), owned(&[("tokens", "tokens"), ("ner_tags", "tags")]));
        let spaced = "sentence,word_labels\nEU said so,\"B-ORG,O,O\"\nParis is big,\"B-LOC,O,O\"\n";
        assert_eq!(guess("x.csv", spaced), owned(&[("sentence", "tokens"), ("word_labels", "tags")]));
    }

    #[test]
    fn texts_with_spans_are_found_as_annotation_tools_write_them() {
        for (line, spans) in [
            (r#"{"id": 1, "text": "EU said", "label": [[0, 2, "ORG"]], "Comments": []}"#, "label"),
            (r#"{"text": "EU said", "meta": {}, "spans": [{"start": 0, "end": 2, "label": "ORG"}]}"#, "spans"),
            (
                r#"{"text": "EU said", "tokens": [{"text": "EU", "start": 0, "end": 2, "id": 0}], "spans": [{"start": 0, "end": 2, "label": "ORG"}]}"#,
                "spans",
            ),
            (
                r#"{"text": "EU said", "entities": [{"id": 1, "label": "ORG", "start_offset": 0, "end_offset": 2}], "relations": []}"#,
                "entities",
            ),
            (r#"{"text": "EU said", "labels": []}"#, "labels"),
        ] {
            assert_eq!(guess("x.jsonl", &twice(line)), owned(&[("text", "text"), (spans, "spans")]), "{line}");
        }
    }

    #[test]
    fn of_conll_columns_the_first_is_the_token_and_the_last_the_tag() {
        let text = "EU NNP B-NP B-ORG\nsaid VBD B-VP O\n\nHi UH B-NP O\n";
        assert_eq!(guess("x.conll", text), owned(&[("column 1", "tokens"), ("column 4", "tags")]));
        let read = ReadOptions { label_column: Some("column 2".into()), ..ReadOptions::default() };
        let found = roles("x.conll", text, &read).expect("it is there");
        assert_eq!(found, owned(&[("column 1", "tokens"), ("column 2", "tags")]));
        let line = |id: usize, form: &str| format!("{id}\t{form}\t_\tNOUN\t_\t_\t0\troot\t_\t_\n");
        let conll_u = [line(1, "Haus"), line(2, "Boot"), "\n".into(), line(1, "Rad")].concat();
        assert_eq!(guess("x.conllu", &conll_u), owned(&[("column 2", "tokens"), ("column 4", "tags")]));
    }

    #[test]
    fn of_conll_columns_the_first_may_be_the_tag() {
        let text = "B-PER\tada\nO\tlives\n\nO\tin\nB-LOC\toslo\n";
        let expected = owned(&[("column 2", "tokens"), ("column 1", "tags")]);
        assert_eq!(guess("x.bio", text), expected);
        let read = ReadOptions { tokens_column: Some("column 2".into()), ..ReadOptions::default() };
        assert_eq!(roles("x.bio", text, &read).expect("it is there"), expected);
        let twice = "O\tO\nB-PER\tB-PER\n\nO\tO\n";
        assert_eq!(guess("x.bio", twice), owned(&[("column 1", "tokens"), ("column 2", "tags")]));
        let read = ReadOptions { has_header: Some(false), ..ReadOptions::default() };
        let commas = text.replace('\t', ",");
        assert_eq!(roles("x.csv", &commas, &read).expect("a row is a token"), expected);
    }

    #[test]
    fn a_sentence_column_is_used_where_rows_are_tokens() {
        let text = "Sentence #,Word,POS,Tag\nSentence: 1,EU,NNP,B-org\n,said,VBD,O\nSentence: 2,Hi,UH,O\n";
        assert_eq!(guess("x.csv", text), owned(&[("Word", "tokens"), ("Tag", "tags"), ("Sentence #", "sentence")]));
    }

    #[test]
    fn what_can_not_be_found_is_said() {
        let fail =
            |text: &str, read: &ReadOptions| roles("x.jsonl", &twice(text), read).expect_err("not good").to_string();
        let none = ReadOptions::default();
        let error = fail(r#"{"text": "a film", "label": "good"}"#, &none);
        assert!(
            error.starts_with("no column looks like tokens with their tags, or like a text with its spans"),
            "{error}"
        );
        let line = r#"{"tokens": ["EU"], "tags": ["O"], "text": "EU"}"#;
        let wish = |tokens: &str, tags: &str| ReadOptions {
            tokens_column: Some(tokens.into()),
            label_column: Some(tags.into()),
            ..ReadOptions::default()
        };
        assert!(fail(line, &wish("tokens", "topic")).starts_with("there is no column \"topic\""));
        assert_eq!(fail(line, &wish("tags", "tags")), "column \"tags\" can't be both the tokens and the tags");
        let sentence = ReadOptions { sentence_column: Some("text".into()), ..wish("tokens", "tags") };
        assert!(fail(line, &sentence).starts_with("sentence_column: has no effect: a row of this file is a whole"));
        let both = ReadOptions { text_column: Some("text".into()), ..wish("tokens", "tags") };
        assert!(fail(line, &both).starts_with("text_column: has no effect beside tokens_column"));
    }
}
