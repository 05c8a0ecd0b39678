//! Plain text files and columns of texts to rows.

use crate::config::{ReadOptions, SplitConfig};
use crate::data::{
    BadCell, BadRow, DataError, DataFiles, ReadRows, ReadSummary, Row, RowFormat, RowReader, SourceRow, Split, Table,
    UsedColumn, choose_text_columns, count_repeats, in_file_of, parse, read_rows, share_out, take_filled,
};
use crate::task::ReadRequest;
use crate::task::plain_texts::{PlainText, share_out_text, unused_cleaning, unused_edits};

/// Texts with their row numbers; of a plain text the line that it starts on.
pub(super) type Texts = Vec<SourceRow<String>>;

/// Reads the files: texts of training, validation and test, and what reading had to say.
///
/// # Errors
/// When a file as a whole can't be used: see [`DataError`].
pub(super) fn read_texts(request: &ReadRequest<'_>) -> Result<([Texts; 3], ReadSummary), DataError> {
    let is_plain = PlainText::is_named(&request.files.train.0) && !asks_for_table(request.read);
    let (splits, mut summary) = if is_plain { read_plain(request)? } else { read_table(request)? };
    // Rows have no labels that could differ.
    let texts = splits.each_ref().map(|rows| rows.iter().map(|row| (row.value.as_str(), ())));
    count_repeats(texts, "label", &mut summary);
    Ok((splits, summary))
}

/// Whether a file can only be a table if it is to be read like this.
fn asks_for_table(read: &ReadOptions) -> bool {
    let ReadOptions { text_column, delimiter, has_header, header_row, sharing, .. } = read;
    !sharing.is_default()
        || text_column.is_some()
        || delimiter.is_some()
        || has_header.is_some()
        || header_row.is_some()
}

fn choose(table: &Table, read: &ReadOptions) -> Result<Vec<UsedColumn>, DataError> {
    let index = choose_text_columns(table, read, &[])?.text;
    Ok(vec![UsedColumn { role: "text", index }])
}

fn take_text(row: &mut Row, used: &[UsedColumn], columns: &[String]) -> Result<String, BadCell> {
    take_filled(row, used[0], columns)
}

fn read_table(request: &ReadRequest<'_>) -> Result<([Texts; 3], ReadSummary), DataError> {
    let (files, run) = (request.files, request.run);
    let mut read_row = take_text;
    let mut format = RowFormat { parse: &parse, choose: &choose, read_row: &mut read_row };
    let (mut reader, train) = RowReader::begin(files, request.read, &mut format)?;
    let mut own = |split: Split| match files.file_of(split) {
        Some((name, bytes)) if PlainText::is_named(name) => {
            own_text(split, name, bytes, request.read, &mut reader.summary).map(Some)
        }
        _ => reader.own_file(split, &mut format),
    };
    let (valid, test) = (own(Split::Valid)?, own(Split::Test)?);
    let classes = vec![0; train.len()];
    Ok(share_out(ReadRows { train, valid, test, summary: reader.summary }, &classes, &run.split, run.seed))
}

fn read_plain(request: &ReadRequest<'_>) -> Result<([Texts; 3], ReadSummary), DataError> {
    let (files, read, split) = (request.files, request.read, &request.run.split);
    let plain = PlainText::read(&files.train.1, read.encoding)?;
    let mut summary = ReadSummary {
        file_name: files.train.0.clone(),
        reading: plain.reading,
        has_own_file: [files.valid.is_some(), files.test.is_some()],
        warnings: plain.note.into_iter().chain(unused_edits(&read.edits)).chain(unused_cleaning(read)).collect(),
        ..ReadSummary::default()
    };
    let mut own = |split: Split| match files.file_of(split) {
        None => Ok(None),
        Some((name, bytes)) if PlainText::is_named(name) => own_text(split, name, bytes, read, &mut summary).map(Some),
        Some(file) => own_table(split, file, read, &mut summary).map(Some),
    };
    let (own_valid, own_test) = (own(Split::Valid)?, own(Split::Test)?);
    let fractions = SplitConfig {
        valid_fraction: if own_valid.is_some() { 0.0 } else { split.valid_fraction },
        test_fraction: if own_valid.is_some() || own_test.is_some() { 0.0 } else { split.test_fraction },
    };
    let [train, valid, test] = share_out_text(&plain.text, &fractions).map(|part| -> Texts {
        part.map(|(row, text)| SourceRow { row, value: text.to_owned() }).into_iter().collect()
    });
    summary.num_rows += train.len() + valid.len() + test.len(); // those of own files are counted
    Ok(([train, own_valid.unwrap_or(valid), own_test.unwrap_or(test)], summary))
}

/// A person's own plain text for a split.
fn own_text(
    split: Split,
    name: &str,
    bytes: &[u8],
    read: &ReadOptions,
    summary: &mut ReadSummary,
) -> Result<Texts, DataError> {
    let plain = PlainText::read(bytes, read.encoding).map_err(|source| DataError::in_file(split, name, source))?;
    summary.num_rows += 1;
    summary.warnings.extend(plain.note.map(|note| in_file_of(split, note)));
    Ok(vec![SourceRow { row: 1, value: plain.text }])
}

/// A person's own table for a split, beside a plain text to train on: its columns are its own.
fn own_table(
    split: Split,
    (name, bytes): &(String, Vec<u8>),
    read: &ReadOptions,
    summary: &mut ReadSummary,
) -> Result<Texts, DataError> {
    let files = DataFiles { train: (name.clone(), bytes.clone()), ..DataFiles::default() };
    let options = ReadOptions { encoding: read.encoding, ..ReadOptions::default() };
    let mut read_row = take_text;
    let mut format = RowFormat { parse: &parse, choose: &choose, read_row: &mut read_row };
    let found = read_rows(&files, &options, &mut format).map_err(|source| DataError::in_file(split, name, source))?;
    let in_file = |sentence: String| in_file_of(split, sentence);
    summary.num_rows += found.summary.num_rows;
    summary.num_empty += found.summary.num_empty;
    summary.num_bad_rows += found.summary.num_bad_rows;
    let bad = found.summary.bad_rows.into_iter();
    summary.bad_rows.extend(bad.map(|bad| BadRow { row: bad.row, reason: in_file(bad.reason) }));
    summary.warnings.extend(found.summary.warnings.into_iter().map(in_file));
    Ok(found.train)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::RunConfig;
    use crate::task::Purpose;

    fn file(name: &str, text: &str) -> (String, Vec<u8>) {
        (name.to_owned(), text.as_bytes().to_vec())
    }

    fn texts(files: &DataFiles, read: &ReadOptions) -> Result<([Vec<String>; 3], ReadSummary), DataError> {
        let run = RunConfig::default();
        let request = ReadRequest {
            files: &files.clone().into(),
            read,
            run: &run,
            known_labels: &[],
            purpose: Purpose::Train,
            model: None,
        };
        let (splits, summary) = read_texts(&request)?;
        Ok((splits.map(|rows| rows.into_iter().map(|row| row.value).collect()), summary))
    }

    #[test]
    fn a_plain_text_is_shared_out_by_position() {
        let text: String = (0..50).map(|line| format!("line {line}\r\n")).collect();
        let files = DataFiles { train: file("a.txt", &text), ..DataFiles::default() };
        let (splits, summary) = texts(&files, &ReadOptions::default()).expect("a text");
        assert_eq!(splits.each_ref().map(Vec::len), [1, 1, 1]);
        assert_eq!(splits.concat().concat(), text.replace("\r\n", "\n"));
        assert_eq!((summary.num_rows, summary.format), (3, None));
    }

    #[test]
    fn a_table_has_a_text_a_row_and_empty_ones_are_bad_rows() {
        let rows: String = (0..20).map(|row| format!("{row},the text of row {row}\n")).collect();
        let files = DataFiles { train: file("a.csv", &format!("id,text\n{rows}20,\n")), ..DataFiles::default() };
        let (splits, summary) = texts(&files, &ReadOptions::default()).expect("rows");
        assert_eq!(splits.each_ref().map(Vec::len), [16, 2, 2]);
        assert_eq!((summary.num_empty, summary.bad_rows[0].row, summary.column_of("text")), (1, 22, "text"));
    }

    #[test]
    fn texts_and_tables_go_together() {
        let table = file("v.jsonl", "{\"text\": \"some words\"}\n{\"text\": \"\"}\n{\"text\": \"other words\"}\n");
        let files = DataFiles {
            train: file("a.txt", "a\nb\n"),
            valid: Some(table),
            test: Some(file("t.md", "c\n")),
            ..DataFiles::default()
        };
        let (splits, summary) = texts(&files, &ReadOptions::default()).expect("all can be read");
        assert_eq!(splits.each_ref().map(Vec::len), [1, 2, 1]);
        assert_eq!(splits[0][0], "a\nb\n", "nothing is split off");
        let reason = "validation file: the text is empty (column \"text\")";
        assert_eq!(summary.bad_rows, [BadRow { row: 2, reason: reason.into() }]);
        let files = DataFiles { train: file("a.csv", "text\nsome words\nother words\n"), ..files };
        let (splits, _) = texts(&DataFiles { valid: None, ..files }, &ReadOptions::default()).expect("rows");
        assert_eq!(splits[2], ["c\n"]);
        let bad = DataFiles { train: file("a.txt", "a\n"), test: Some(file("t.txt", " ")), ..DataFiles::default() };
        let error = texts(&bad, &ReadOptions::default()).expect_err("it is empty").to_string();
        assert!(error.starts_with("test file \"t.txt\": the file is empty"), "{error}");
    }
}
