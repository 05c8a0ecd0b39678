//! Layouts of lines that begin with their label and have no delimiter but a space: `COARSE:fine text of the question` of the
//! TREC question set, and `__label__name text` of fastText, with any number of labels.

use super::{Format, Row, Table};
use crate::config::ReadOptions;

/// Lines looked at before the whole file is.
const SAMPLE: usize = 50;

/// What fastText writes before each label.
const PREFIX: &str = "__label__";

/// Takes a line apart into its cells; `None` where it is not laid out so.
type SplitLine = fn(&str) -> Option<Vec<String>>;

/// The table, if the lines start with their labels.
pub(super) fn parse(text: &str, read: &ReadOptions) -> Option<Table> {
    let is_asked = read.delimiter.is_some() || read.header_row.is_some();
    if is_asked { None } else { parse_questions(text).or_else(|| parse_fast_text(text)) }
}

/// The table of `LABEL:fine text`. Other texts have lines that start so, too: all of the first lines do here, and nearly all others.
fn parse_questions(text: &str) -> Option<Table> {
    let split_line: SplitLine =
        |line| split(line).map(|(coarse, fine, rest)| [coarse, fine, rest].map(str::to_owned).to_vec());
    let num_bad = lines(text).filter(|line| split(line).is_none()).count();
    let num_good = lines(text).count() - num_bad;
    if num_bad * 20 > num_good || !lines(text).take(SAMPLE).all(|line| split(line).is_some()) {
        return None;
    }
    let fault = |_: &str| "the line does not start with LABEL:fine as the others do".to_owned();
    Some(read_lines(text, &["label", "fine label", "text"], split_line, &fault))
}

/// The table of `__label__name text`. No other text has lines that start so: most of the first lines decide.
fn parse_fast_text(text: &str) -> Option<Table> {
    let sample: Vec<&str> = lines(text).take(SAMPLE).collect();
    let num_good = sample.iter().filter(|line| split_fast_text(line).is_some()).count();
    if 2 * num_good <= sample.len() || is_delimited(&sample) {
        return None;
    }
    Some(read_lines(text, &["label", "text"], split_fast_text, &fault_of_fast_text))
}

/// Lines that are not blank.
fn lines(text: &str) -> impl Iterator<Item = &str> {
    text.split(['\n', '\r']).filter(|line| !line.trim().is_empty())
}

/// Whether lines are delimited text, whose first column holds such labels: a header stands above them, and its delimiter right behind
/// most labels.
fn is_delimited(sample: &[&str]) -> bool {
    let Some((header, rows)) = sample.split_first().filter(|(header, _)| split_fast_text(header).is_none()) else {
        return false;
    };
    let ends_label = |line: &str, delimiter: char| {
        let label = line.trim_start().strip_prefix(PREFIX)?;
        let behind = label[label.find([' ', '\t', delimiter])?..].strip_prefix(delimiter)?;
        Some(!behind.starts_with(char::is_whitespace))
    };
    [',', ';', '|', '\t'].into_iter().any(|delimiter| {
        let num_ended = rows.iter().filter(|line| ends_label(line, delimiter) == Some(true)).count();
        header.contains(delimiter) && 2 * num_ended > rows.len()
    })
}

/// The table of lines that `split_line` takes apart into `columns`; `fault` says what is wrong with one that it does not.
fn read_lines(text: &str, columns: &[&str], split_line: SplitLine, fault: &dyn Fn(&str) -> String) -> Table {
    let columns = columns.iter().map(|&name| name.to_owned()).collect();
    let mut table = Table::new(Format::Csv, Some(' '), false, columns);
    let mut number = 0;
    for line in text.split_inclusive('\n') {
        let line = line.strip_suffix('\n').unwrap_or(line);
        // A carriage return before the line feed is part of the line end; alone it is one.
        for line in line.strip_suffix('\r').unwrap_or(line).split('\r') {
            number += 1;
            match split_line(line) {
                Some(cells) => table.rows.push(Row { number, cells, nested: Vec::new() }),
                None if line.trim().is_empty() => {}
                None => table.add_bad(number, fault(line)),
            }
        }
    }
    table
}

/// What is wrong with a line that is not `__label__name text`.
fn fault_of_fast_text(line: &str) -> String {
    if line.trim_start().starts_with(PREFIX) {
        format!("the line lacks the name of a label or the text: it has to be {PREFIX}name and a text")
    } else {
        format!("the line has no label: it does not start with {PREFIX} as the others do")
    }
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
    fn a_line_that_is_odd_is_a_bad_row_wherever_it_stands() {
        let fine = "__label__ham see you, then\n__label__spam Buy now\n__label__ham, and so on\n";
        for (text, number, reason) in [
            (format!("see, you\n{fine}"), 1, "the line has no label: it does not start with __label__"),
            (format!("{fine}\nBuy more\n"), 5, "the line has no label"),
            (format!("{fine}__label__spam\n"), 4, "the line lacks the name of a label or the text"),
        ] {
            let table = parse(&text, &ReadOptions::default()).expect("the layout");
            assert_eq!((table.columns.join(" "), table.rows.len(), table.num_bad_rows), ("label text".into(), 3, 1));
            let bad = &table.bad_rows[0];
            assert!(bad.row == number && bad.reason.starts_with(reason), "{text}: {bad:?}");
        }
        for text in ["a text\nanother\n__label__ham one\n", "a text\n__label__ham one\n"] {
            assert_eq!(parse(text, &ReadOptions::default()), None, "most lines decide: {text}");
        }
        for delimiter in [",", ";", "\t"] {
            let table =
                format!("label{delimiter}text\n__label__a{delimiter}one text\n__label__b{delimiter}two texts\n");
            assert_eq!(parse(&table, &ReadOptions::default()), None, "a header with a delimiter: {table}");
        }
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
