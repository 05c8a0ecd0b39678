//! The layout of the TREC question set: `COARSE:fine text of the question`, one a line, no delimiter but a space.

use super::{Format, Row, Table};
use crate::config::ReadOptions;

/// Lines looked at before the whole file is.
const SAMPLE: usize = 50;

/// The table, if (nearly) every line starts with such a pair of labels.
pub(super) fn parse(text: &str, read: &ReadOptions) -> Option<Table> {
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
    let columns = ["label", "fine label", "text"].map(str::to_owned).to_vec();
    let mut table = Table::new(Format::Csv, Some(' '), false, columns);
    let mut number = 0;
    for line in text.split_inclusive('\n') {
        let line = line.strip_suffix('\n').unwrap_or(line);
        // A carriage return before the line feed is part of the line end; alone it is one.
        for line in line.strip_suffix('\r').unwrap_or(line).split('\r') {
            number += 1;
            match split(line) {
                Some((coarse, fine, rest)) => {
                    let cells = [coarse, fine, rest].map(str::to_owned).to_vec();
                    table.rows.push(Row { number, cells, nested: Vec::new() });
                }
                None if line.trim().is_empty() => {}
                None => table.add_bad(number, "the line does not start with LABEL:fine as the others do".into()),
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

#[cfg(test)]
mod tests {
    use super::*;

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
