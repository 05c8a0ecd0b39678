//! Files to rows with a source and a target in three splits.

use super::columns::{TARGET, choose};
use crate::data::{
    BadCell, DataError, NO_VALIDATION_ROWS, ReadSummary, Row, RowFormat, SourceRow, UsedColumn, count_repeats, parse,
    read_rows, share_out, take_filled,
};
use crate::task::{Purpose, ReadRequest};
use crate::words::{count, quote_short};

/// Rows of the preview.
const PREVIEW: usize = 5;

/// Longest target that a warning repeats, in characters.
const MAX_SHOWN: usize = 40;

/// A text, and what it is turned into.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct TextPair {
    /// Row number in its file.
    pub(super) row: usize,
    /// The text as it stands in the file, without the prefix.
    pub(super) source: String,
    /// What it is turned into.
    pub(super) target: String,
}

/// Rows in three splits, each in file order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct TextPairs {
    /// Those of training, validation and test.
    pub(super) splits: [Vec<TextPair>; 3],
    /// Rows whose source stood in an earlier one with another target.
    pub(super) num_conflicts: usize,
    /// The first rows of the training file.
    pub(super) preview: Vec<TextPair>,
}

/// Reads the files and shares the rows out.
///
/// # Errors
/// When a file as a whole can't be used: see [`DataError`].
pub(super) fn read_pairs(request: &ReadRequest<'_>) -> Result<(TextPairs, ReadSummary), DataError> {
    let mut format = RowFormat { parse: &parse, choose: &choose, read_row: &mut take_pair };
    let rows = read_rows(request.files, request.read, &mut format)?;
    let preview = rows.train.iter().take(PREVIEW).cloned().map(text_pair).collect();
    let classes = vec![0; rows.train.len()];
    let (splits, mut summary) = share_out(rows, &classes, &request.run.split, request.run.seed);
    let splits = splits.map(|rows| rows.into_iter().map(text_pair).collect::<Vec<_>>());
    let texts = splits.each_ref().map(|rows| rows.iter().map(|row| (row.source.as_str(), row.target.as_str())));
    let num_conflicts = count_repeats(texts, TARGET, &mut summary);
    if request.purpose == Purpose::Train {
        summary.warnings.extend(warn_of_one_target(&splits[0]));
        summary.warnings.extend(splits[1].is_empty().then(|| NO_VALIDATION_ROWS.to_owned()));
    }
    Ok((TextPairs { splits, num_conflicts, preview }, summary))
}

fn take_pair(row: &mut Row, used: &[UsedColumn], columns: &[String]) -> Result<[String; 2], BadCell> {
    Ok([take_filled(row, used[0], columns)?, take_filled(row, used[1], columns)?])
}

fn text_pair(row: SourceRow<[String; 2]>) -> TextPair {
    let SourceRow { row, value: [source, target] } = row;
    TextPair { row, source, target }
}

/// Says that all rows to train on have the same target.
fn warn_of_one_target(rows: &[TextPair]) -> Option<String> {
    let target = &rows.first()?.target;
    if rows.len() < 2 || rows.iter().any(|row| row.target != *target) {
        return None;
    }
    let (num_rows, target) = (count(rows.len()), quote_short(target, MAX_SHOWN));
    Some(format!("all {num_rows} training rows have the target {target}: there is nothing to learn"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{ReadOptions, RunConfig, SplitConfig};
    use crate::data::DataFiles;

    fn read_files(files: &DataFiles, read: &ReadOptions) -> Result<(TextPairs, ReadSummary), DataError> {
        let run = &RunConfig::default();
        read_pairs(&ReadRequest::to_train(&files.clone().into(), read, run))
    }

    fn read(name: &str, text: &str) -> (TextPairs, ReadSummary) {
        let files = DataFiles { train: (name.into(), text.as_bytes().to_vec()), ..DataFiles::default() };
        read_files(&files, &ReadOptions::default()).expect("good rows")
    }

    fn rows() -> String {
        String::from("source,target\n") + &(0..20).map(|i| format!("text {i},turned {i}\n")).collect::<String>()
    }

    #[test]
    fn rows_are_shared_out_and_say_which_columns_they_are_of() {
        let (pairs, summary) = read("x.csv", &rows());
        assert_eq!(pairs.splits.each_ref().map(Vec::len), [16, 2, 2]);
        let first = TextPair { row: 2, source: "text 0".into(), target: "turned 0".into() };
        assert_eq!((&pairs.preview[0], pairs.preview.len()), (&first, 5));
        let used = |name: &str| (name.to_owned(), name.to_owned());
        assert_eq!(summary.used_columns, [used("source"), used("target")]);
        assert!(summary.warnings.is_empty(), "{:?}", summary.warnings);
    }

    #[test]
    fn rows_that_lack_a_text_are_bad_with_their_reason() {
        let line = |translation: &str| format!("{{\"translation\": {translation}}}\n");
        let good = line("{\"en\": \"one\", \"de\": \"eins\"}");
        let text = [&good, &line("{\"en\": \"two\", \"de\": null}"), &line("{\"en\": \" \", \"de\": \"drei\"}"), &good];
        let (pairs, summary) = read("x.jsonl", &text.map(String::as_str).concat());
        let reasons: Vec<(usize, &str)> = summary.bad_rows.iter().map(|bad| (bad.row, bad.reason.as_str())).collect();
        let expected = [
            (2, "the target is empty (column \"translation.de\")"),
            (3, "the source is empty (column \"translation.en\")"),
        ];
        assert_eq!(reasons, expected);
        assert_eq!((summary.num_empty, summary.num_duplicates, pairs.num_conflicts), (2, 1, 0));
        let (_, summary) =
            read("x.jsonl", "{\"source\": \"a\", \"target\": [\"b\"]}\n{\"source\": \"a\", \"target\": \"b\"}\n");
        assert_eq!(summary.bad_rows[0].reason, "the target holds an object or array (column \"target\")");
    }

    #[test]
    fn sources_with_two_targets_and_one_target_for_all_are_said() {
        let (pairs, summary) = read("x.csv", &(rows() + "text 1,another\n"));
        assert_eq!(pairs.num_conflicts, 1);
        assert!(summary.warnings.iter().any(|said| said.ends_with("another target")), "{:?}", summary.warnings);
        let same: String = (0..20).map(|i| format!("text {i},same\n")).collect();
        let (_, summary) = read("x.csv", &format!("source,target\n{same}"));
        let said = "all 16 training rows have the target \"same\": there is nothing to learn";
        assert_eq!(summary.warnings, [said]);
        let files = DataFiles { train: ("x.csv".into(), rows().into_bytes()), ..DataFiles::default() };
        let run = &RunConfig { split: SplitConfig { valid_fraction: 0.0, test_fraction: 0.0 }, ..RunConfig::default() };
        let (purpose, read) = (Purpose::Train, &ReadOptions::default());
        let request = ReadRequest { files: &files.clone().into(), read, run, known_labels: &[], purpose, model: None };
        let warnings = |request: &ReadRequest<'_>| read_pairs(request).expect("good rows").1.warnings;
        assert_eq!(warnings(&request), [NO_VALIDATION_ROWS]);
        assert!(warnings(&ReadRequest { purpose: Purpose::Measure, ..request }).is_empty());
    }

    #[test]
    fn a_column_that_the_test_file_lacks_is_named() {
        let test = Some(("t.csv".to_owned(), b"text,summary\nhello,there\nthere,hello\n".to_vec()));
        let files = DataFiles { train: ("x.csv".into(), rows().into_bytes()), test, ..DataFiles::default() };
        let error = read_files(&files, &ReadOptions::default()).expect_err("other columns").to_string();
        assert!(error.starts_with("test file \"t.csv\": there is no column \"source\""), "{error}");
    }
}
