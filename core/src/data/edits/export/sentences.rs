//! Sentences that stand in several lines or records, one for each token, with other cells. In: where their tokens stand, and the new
//! cells, of which each holds a list with an item for each token. Out: the same letters with other fields.

use std::collections::BTreeMap;

use super::quoted;
use crate::data::error::DataError;
use crate::data::parse::{LocatedRows, Row, RowWriting, fields_of, set_fields};

/// The sentence at a place of `located`, with new cells by their columns.
///
/// # Errors
/// When a cell has no item for each token, or an item that the layout of the file has no way to write: names the row.
pub(super) fn written(
    text: &str,
    located: &LocatedRows,
    place: usize,
    new: &BTreeMap<usize, String>,
) -> Result<String, DataError> {
    let ((number, span), tokens) = (&located.spans[place], &located.tokens[place]);
    let cannot = |why: &str| {
        let message = format!("row {number} can't be written in the layout of its file: {why}");
        DataError::BadOption { field: "edits".into(), message }
    };
    let row = located.table.rows.binary_search_by_key(number, |row| row.number).ok();
    let before = row.map(|index| lists_of(&located.table.rows[index])).unwrap_or_default();
    let mut columns: Vec<(usize, Vec<String>)> = Vec::with_capacity(new.len());
    for (column, cell) in new {
        if before.iter().all(|(list, _)| list != column) {
            return Err(cannot("what a sentence is called keeps its tokens together, and stays as it is"));
        }
        let items = serde_json::from_str::<Vec<String>>(cell).ok().filter(|items| items.len() == tokens.len());
        let wanted = || format!("a list of {} texts is needed, one for each token", tokens.len());
        columns.push((*column, items.ok_or_else(|| cannot(&wanted()))?));
    }
    let (mut out, mut at) = (String::with_capacity(span.len()), span.start);
    for (index, token) in tokens.iter().enumerate() {
        let fields = item_of_each(&columns, index);
        let line = &text[token.clone()];
        let line = match located.writing {
            RowWriting::TokenLines { has_tabs } => set_fields(line, has_tabs, &fields)
                .ok_or_else(|| cannot("a token or a tag is empty, or holds what stands between fields"))?,
            RowWriting::Delimited { separator, is_quoted } => {
                let layout = (separator, is_quoted, located.table.columns.len());
                record(line, layout, &item_of_each(&before, index), &fields).map_err(cannot)?
            }
            _ => return Err(cannot("it has no line for each token")),
        };
        out.push_str(&text[at..token.start]);
        out.push_str(&line);
        at = token.end;
    }
    out.push_str(&text[at..span.end]);
    Ok(out)
}

/// The items of each column of a row that holds lists, by its column.
fn lists_of(row: &Row) -> Vec<(usize, Vec<String>)> {
    let list = |&column: &usize| Some((column, serde_json::from_str(&row.cells[column]).ok()?));
    row.nested.iter().filter_map(list).collect()
}

/// What a token has in each column.
fn item_of_each(columns: &[(usize, Vec<String>)], token: usize) -> Vec<(usize, &str)> {
    columns.iter().filter_map(|(column, items)| Some((*column, items.get(token)?.as_str()))).collect()
}

/// A record with other fields, of a table of so many columns; as it is where they are the same. `before` is how its fields were read:
/// those that it lacks at its end as empty.
///
/// # Errors
/// Why it can't be written.
fn record(
    line: &str,
    (separator, is_quoted, width): (char, bool, usize),
    before: &[(usize, &str)],
    fields: &[(usize, &str)],
) -> Result<String, &'static str> {
    let mut own = fields_of(line, separator, is_quoted);
    own.resize(own.len().max(width), String::new());
    let is_same = |&(column, value): &(usize, &str)| own.get(column).is_some_and(|field| field.trim() == value);
    if fields.iter().all(is_same) {
        return Ok(line.to_owned());
    }
    // Such as a record with a backslash before its quotes, which count for none where it stands alone.
    if !before.iter().all(is_same) {
        return Err("its quotes do not add up where it stands alone: save the file with doubled quotes within cells");
    }
    for &(column, value) in fields {
        if let Some(field) = own.get_mut(column) {
            value.clone_into(field);
        }
    }
    if !is_quoted && own.iter().any(|field| field.contains([separator, '\r', '\n'])) {
        return Err("a cell holds what separates cells, and quotes are letters in this file");
    }
    let written: Vec<String> =
        own.iter().map(|field| if is_quoted { quoted(field, separator, false) } else { field.clone() }).collect();
    let body = line.trim_end_matches(['\r', '\n']);
    Ok(written.join(&separator.to_string()) + &line[body.len()..])
}

/// A sentence of lines with a blank line behind it, which keeps it apart from one that did not stand behind it before.
pub(super) fn apart(mut sentence: String) -> String {
    let line_end = if sentence.contains("\r\n") { "\r\n" } else { "\n" };
    if !sentence.ends_with('\n') {
        sentence.push_str(line_end);
    }
    if sentence.lines().next_back().is_some_and(|line| !line.trim().is_empty()) {
        sentence.push_str(line_end);
    }
    sentence
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::{CleanedFile, clean_file};
    use super::record;
    use crate::config::{ReadOptions, RowEdit, RowEdits, Split};
    use crate::data::edits::query::RowSource;
    use crate::data::error::DataError;

    const CONLL: &str =
        "-DOCSTART- -X- O\n\n# id 1\nEU  NNP B-ORG\nsaid VBD O \n\n# id 2\nAda NNP O\nleft VBD O\n\nHi UH O\n";
    const TABLE: &str = "Sentence #,Word,Tag\r\nSentence: 1,\"EU\",B-ORG\r\n,said,O\r\nSentence: 2,\"a,b\",O\r\n";

    fn clean(
        (name, text): (&str, &str),
        columns: [&str; 2],
        log: Vec<RowEdit>,
        kept: Option<&[usize]>,
    ) -> Result<(String, Vec<String>), DataError> {
        let columns = [(columns[0].to_owned(), "tokens".to_owned()), (columns[1].to_owned(), "tags".to_owned())];
        let file_columns = Vec::new();
        let source =
            RowSource { columns: columns.to_vec(), file_columns, is_lines: false, merge_labels: Default::default() };
        let read = ReadOptions { edits: RowEdits { log }, ..ReadOptions::default() };
        let file = (name.to_owned(), text.as_bytes().to_vec());
        let CleanedFile { bytes, notes, .. } = clean_file(&file, Split::Train, &read, &source, kept)?;
        Ok((String::from_utf8(bytes).expect("text"), notes))
    }

    fn set(row: usize, column: &str, was: &str, value: &str) -> RowEdit {
        let [column, was, value] = [column, was, value].map(str::to_owned);
        RowEdit::SetCell { file: Split::Train, row, column, was, value }
    }

    #[test]
    fn a_file_without_edits_comes_back_to_the_letter() {
        for (name, text, columns) in [
            ("x.conll", CONLL, ["column 1", "column 3"]),
            ("x.csv", TABLE, ["Word", "Tag"]),
            ("x.csv", "token,tag\nEU,B-ORG\n,\nHi,O\n\nParis,B-LOC\n", ["token", "tag"]),
            (
                "x.jsonl",
                "{\"tokens\": [\"a\"], \"tags\": [\"O\"]}\n{\"tokens\":[\"b\"],\"tags\":[\"O\"]}\n",
                ["tokens", "tags"],
            ),
        ] {
            let (found, notes) = clean((name, text), columns, Vec::new(), None).expect(name);
            assert_eq!((found.as_str(), notes), (text, Vec::new()));
        }
    }

    #[test]
    fn tags_change_in_their_lines_and_nothing_else() {
        let columns = ["column 1", "column 3"];
        let log = vec![set(8, "column 3", r#"["O","O"]"#, r#"["B-PER","O"]"#)];
        let (found, notes) = clean(("x.conll", CONLL), columns, log.clone(), None).expect("it can be written");
        assert_eq!((found, notes), (CONLL.replace("Ada NNP O", "Ada NNP B-PER"), Vec::new()));
        let dropped = RowEdit::DropRows { file: Split::Train, rows: vec![4] };
        let (found, _) = clean(("x.conll", CONLL), columns, vec![dropped], None).expect("it can be written");
        assert_eq!(found, CONLL.replace("# id 1\nEU  NNP B-ORG\nsaid VBD O \n\n", ""));
        let (found, _) = clean(("x.conll", CONLL), columns, log, Some(&[11, 8])).expect("it can be written");
        assert_eq!(found, "-DOCSTART- -X- O\n\n# id 2\nAda NNP B-PER\nleft VBD O\n\nHi UH O\n\n", "kept apart");
    }

    #[test]
    fn tags_of_a_table_of_tokens_change_in_their_records() {
        let log = vec![set(4, "Tag", r#"["O"]"#, r#"["B-x\"y"]"#)];
        let (found, _) = clean(("x.csv", TABLE), ["Word", "Tag"], log, None).expect("it can be written");
        assert_eq!(found, TABLE.replace("\"a,b\",O", "\"a,b\",\"B-x\"\"y\""));
        let log = vec![set(2, "Tag", r#"["B-ORG","O"]"#, r#"["O","O"]"#)];
        let (found, _) = clean(("x.csv", TABLE), ["Word", "Tag"], log, None).expect("it can be written");
        assert_eq!(found, TABLE.replace("\"EU\",B-ORG", "EU,O"), "an edited record is written anew");
    }

    #[test]
    fn a_record_that_is_read_otherwise_where_it_stands_alone_is_refused() {
        let with_tag = |line: &str, token: &str| record(line, (',', true, 2), &[(0, token), (1, "O")], &[(1, "B-x")]);
        assert_eq!(with_tag("\"a\",O\n", "a"), Ok("a,B-x\n".to_owned()));
        assert!(with_tag("\"a\\\"b\",O\n", "a\"b").is_err_and(|why| why.starts_with("its quotes do not add up")));
    }

    #[test]
    fn a_token_that_lacks_its_tag_gets_one() {
        let with_tag = |tag: &str| record("1,said\r\n", (',', true, 3), &[(1, "said"), (2, "")], &[(2, tag)]);
        assert_eq!(with_tag("O"), Ok("1,said,O\r\n".to_owned()));
        assert_eq!(with_tag(""), Ok("1,said\r\n".to_owned()), "as it was");
        let text = format!("sentence,word,tag\n1,EU,B-ORG\n1,said\n{}", "2,w,O\n".repeat(20));
        let log = vec![set(2, "tag", r#"["B-ORG",""]"#, r#"["B-ORG","O"]"#)];
        let (found, _) = clean(("x.csv", &text), ["word", "tag"], log, None).expect("it can be written");
        assert_eq!(found, text.replace("1,said\n", "1,said,O\n"));
    }

    #[test]
    fn lists_change_within_their_objects() {
        let text = "{\"id\": 7, \"tokens\": [\"EU\", \"said\"], \"tags\": [3, 0], \"x\": null}\n";
        let log = vec![set(1, "tags", "[3, 0]", "[0, 0]")];
        let (found, _) = clean(("x.jsonl", text), ["tokens", "tags"], log, None).expect("it can be written");
        assert_eq!(found, text.replace("[3, 0]", "[0, 0]"));
    }

    #[test]
    fn what_a_line_has_no_room_for_is_refused_with_its_row() {
        let fail = |value: &str| {
            let log = vec![set(8, "column 3", r#"["O","O"]"#, value)];
            let error = clean(("x.conll", CONLL), ["column 1", "column 3"], log, None).expect_err("no room");
            error.to_string()
        };
        assert!(fail(r#"["O"]"#).contains("row 8 can't be written in the layout of its file: a list of 2 texts"));
        assert!(fail(r#"["B-a b","O"]"#).contains("a token or a tag is empty, or holds what stands between fields"));
    }

    #[test]
    fn a_sentence_that_could_not_be_read_goes_when_it_is_dropped() {
        let without = |file: (&str, &str), columns: [&str; 2], row: usize| {
            let dropped = RowEdit::DropRows { file: Split::Train, rows: vec![row] };
            clean(file, columns, vec![dropped], None).expect("it can be written")
        };
        let good = "a O\n".repeat(12);
        let text = format!("EU B-ORG\n\n# id 2\nlonely\nb O\n\n{good}");
        let (found, notes) = without(("x.conll", &text), ["column 1", "column 2"], 4);
        assert_eq!(found, format!("EU B-ORG\n\n{good}"));
        assert_eq!(notes, ["1 row that could not be read is left out, as it was dropped: 4"]);
        let good = "2,w,O\n".repeat(20);
        let text = format!("sentence,word,tag\n1,EU,B-ORG\n1,a,b,c,O\n1,said,O\n{good}");
        let (found, notes) = without(("x.csv", &text), ["word", "tag"], 2);
        assert_eq!(found, format!("sentence,word,tag\n{good}"));
        assert_eq!(notes, ["1 row that could not be read is left out, as it was dropped: 2"]);
        let (found, notes) = without(("x.csv", &text), ["word", "tag"], 3);
        assert_eq!(found, text, "a record within a sentence goes with it only");
        assert!(notes[1].starts_with("1 dropped row is not found by its number"), "{notes:?}");
    }

    #[test]
    fn sentences_that_run_together_are_said() {
        let text = "sentence,word,tag\n1,EU,B-ORG\n2,Hi,O\n1,Ada,B-PER\n";
        let dropped = RowEdit::DropRows { file: Split::Train, rows: vec![3] };
        let (found, notes) = clean(("x.csv", text), ["word", "tag"], vec![dropped], None).expect("it can be written");
        assert_eq!(found, "sentence,word,tag\n1,EU,B-ORG\n1,Ada,B-PER\n");
        assert!(notes[0].starts_with("2 sentences are written and 1 read again"), "{notes:?}");
    }

    proptest! {
        #[test]
        fn whatever_lines_there_are_a_file_without_edits_comes_back(
            lines in proptest::collection::vec(0_usize..8, 1..40),
            ending in 0_usize..3,
        ) {
            const LINES: [&str; 8] = ["a O", "b B-x", "c\tO", "", " ", "# id 1", "-DOCSTART- O", "lonely"];
            let line_end = ["\n", "\r\n", "\n\n"][ending];
            let text = lines.iter().map(|&line| LINES[line]).collect::<Vec<_>>().join(line_end);
            if let Ok((found, _)) = clean(("x.conll", &text), ["column 1", "column 2"], Vec::new(), None) {
                prop_assert_eq!(found, text);
            }
        }
    }
}
