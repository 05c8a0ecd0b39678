//! Layouts of lines that begin with their label and have no delimiter but a space: `COARSE:fine text of the question` of the
//! TREC question set, and `__label__name text` of fastText, with any number of labels.

use super::{Format, Row, Table};
use crate::config::ReadOptions;

/// Lines looked at before the whole file is.
const SAMPLE: usize = 50;

/// What fastText writes before each label.
const PREFIX: &str = "__label__";

/// The table, if (nearly) every line starts with its labels.
pub(super) fn parse(text: &str, read: &ReadOptions) -> Option<Table> {
    let trec = |line: &str| split(line).map(|(coarse, fine, rest)| [coarse, fine, rest].map(str::to_owned).to_vec());
    parse_lines(text, read, &["label", "fine label", "text"], "LABEL:fine", &trec)
        .or_else(|| parse_lines(text, read, &["label", "text"], PREFIX, &split_fast_text))
}

/// The table of lines that `split` takes apart into `columns`; `start` is what the others begin with.
fn parse_lines(
    text: &str,
    read: &ReadOptions,
    columns: &[&str],
    start: &str,
    split: &dyn Fn(&str) -> Option<Vec<String>>,
) -> Option<Table> {
    let lines = || text.split(['\n', '\r']).filter(|line| !line.trim().is_empty());
    let is_asked = read.delimiter.is_some() || read.header_row.is_some();
    if is_asked || !lines().take(SAMPLE).all(|line| split(line).is_some()) {
        return None;
    }
    let (mut good, mut bad) = (0_usize, 0_usize);
    for line in lines() {
        if split(line).is_some() { good += 1 } else { bad += 1 }
    }
    if bad * 20 > good {
        return None;
    }
    let columns = columns.iter().map(|&name| name.to_owned()).collect();
    let mut table = Table::new(Format::Csv, Some(' '), false, columns);
    let mut number = 0;
    for line in text.split_inclusive('\n') {
        let line = line.strip_suffix('\n').unwrap_or(line);
        // A carriage return before the line feed is part of the line end; alone it is one.
        for line in line.strip_suffix('\r').unwrap_or(line).split('\r') {
            number += 1;
            match split(line) {
                Some(cells) => table.rows.push(Row { number, cells, nested: Vec::new() }),
                None if line.trim().is_empty() => {}
                None => table.add_bad(number, format!("the line does not start with {start} as the others do")),
            }
        }
    }
    Some(table)
}

/// `ENTY:animal What …` to (`ENTY`, `ENTY:animal`, `What …`).
fn split(line: &str) -> Option<(&str, &str, &str)> {
    let (labels, text) = line.split_once(' ')?;
    let (coarse, fine) = labels.split_once(':')?;
    let upper = !coarse.is_empty() && coarse.bytes().all(|byte| byte.is_ascii_uppercase());
    let word = !fine.is_empty() && fine.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
    (upper && word && !text.trim().is_empty()).then_some((coarse, labels, text))
}

/// `__label__a __label__b Text` to the labels, with `|` between, and the text. A comma may stand between labels.
fn split_fast_text(line: &str) -> Option<Vec<String>> {
    let (mut labels, mut rest) = (Vec::new(), line.trim_start());
    while let Some(after) = rest.strip_prefix(PREFIX) {
        let (label, after) = after.split_once([' ', '\t'])?;
        labels.push(label.trim_end_matches(','));
        let after = after.trim_start();
        rest = after.strip_prefix(',').map(str::trim_start).filter(|next| next.starts_with(PREFIX)).unwrap_or(after);
    }
    let is_whole = !labels.is_empty() && labels.iter().all(|label| !label.is_empty()) && !rest.trim().is_empty();
    is_whole.then(|| vec![labels.join("|"), rest.to_owned()])
}

/// The labels, with `|` between, and the text as such a line; `None` where it would be read otherwise.
pub(in crate::data) fn write_fast_text(labels: &str, text: &str) -> Option<String> {
    let line: String = labels.split('|').map(|label| format!("{PREFIX}{label} ")).collect::<String>() + text;
    let is_same = split_fast_text(&line).is_some_and(|cells| cells == [labels, text]);
    is_same.then_some(line)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_of_fast_text_are_written_as_they_are_read() {
        assert_eq!(write_fast_text("a|b", "x, y").as_deref(), Some("__label__a __label__b x, y"));
        for (labels, text) in
            [("two words", "x"), ("", "x"), ("a", ""), ("a", " x"), ("a", "__label__b x"), ("a,", "x")]
        {
            assert_eq!(write_fast_text(labels, text), None, "{labels:?} {text:?}");
        }
    }

    #[test]
    fn lines_of_fast_text_are_labels_and_a_text() {
        let text = "__label__ham see you, then\n__label__spam __label__ad Buy now\n\n__label__a , __label__b, x, y\n";
        let table = parse(text, &ReadOptions::default()).expect("the layout");
        assert_eq!(table.columns, ["label", "text"]);
        let cells: Vec<[&str; 2]> =
            table.rows.iter().map(|row| [row.cells[0].as_str(), row.cells[1].as_str()]).collect();
        assert_eq!(cells, [["ham", "see you, then"], ["spam|ad", "Buy now"], ["a|b", "x, y"]]);
        assert_eq!(table.rows[2].number, 4);
        assert_eq!(parse("__label__ham\n", &ReadOptions::default()), None, "no text");
    }

    #[test]
    fn questions_are_split_into_three_columns() {
        let text = "DESC:manner How did serfdom develop ?\r\n\nENTY:animal What, \"fowl\" ?\n";
        let table = parse(text, &ReadOptions::default()).expect("the layout");
        assert_eq!(table.columns, ["label", "fine label", "text"]);
        assert_eq!(table.rows[0].cells, ["DESC", "DESC:manner", "How did serfdom develop ?"]);
        assert_eq!((table.rows[1].number, table.rows[1].cells[2].as_str()), (3, "What, \"fowl\" ?"));
    }

    #[test]
    fn other_text_is_left_alone() {
        for text in ["text,label\nA:b c,d\n", "Note:this is text\n", "A: b\n", "12:30 lunch\n"] {
            assert_eq!(parse(text, &ReadOptions::default()), None, "{text}");
        }
        let read = ReadOptions { delimiter: Some(','), ..ReadOptions::default() };
        assert_eq!(parse("A:b c\nA:b d\n", &read), None);
    }
}
