//! What is in the data, before anything is trained: a pure function of what was read and of the token lengths.

use serde::{Deserialize, Serialize};

use super::advice::Advice;
use super::dataset::{Dataset, Example, ReadSummary};
use super::parse::{BadRow, Format};
use super::reading::FileReading;
use crate::words::{list, plural};

/// Bad rows that the report lists.
const MAX_BAD_ROWS: usize = 100;

/// Bars of the histogram, at most.
const MAX_BUCKETS: usize = 32;

/// Rows that a sentence names; the rest is counted.
const MAX_NAMED_ROWS: usize = 10;

/// A class and its rows.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ClassCount {
    /// Name of the class.
    pub label: String,
    /// Usable rows of it, over all splits.
    pub count: usize,
}

/// Rows by their number of tokens (special tokens included, before truncation).
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct LengthHistogram {
    /// Tokens that a bucket spans: bucket `i` counts lengths from `i * bucket_width`, below `(i + 1) * bucket_width`.
    pub bucket_width: usize,
    /// Rows in each bucket.
    pub counts: Vec<usize>,
    /// Longest row in tokens.
    pub max: usize,
    /// Mean length in tokens.
    pub mean: f64,
}

/// A row as it will be used.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PreviewRow {
    /// Row number in its file.
    pub row: usize,
    /// The text.
    pub text: String,
    /// The label.
    pub label: String,
}

/// What is in the data.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct DataReport {
    /// Name of the training file.
    pub file_name: String,
    /// Its format.
    pub format: Format,
    /// Between its fields.
    pub delimiter: Option<char>,
    /// Its first row named the columns.
    pub has_header: bool,
    /// Its columns.
    pub columns: Vec<String>,
    /// How it was read, and its first rows with all columns.
    pub reading: FileReading,
    /// Column of the text.
    pub text_column: String,
    /// Column of the label.
    pub label_column: String,
    /// Rows of all files, bad ones included.
    pub num_rows: usize,
    /// Rows that are used.
    pub num_usable: usize,
    /// Rows without text or without label.
    pub num_empty: usize,
    /// Rows that repeat an earlier one: same text, same label.
    pub num_duplicates: usize,
    /// Rows whose text stood in an earlier one with another label.
    pub num_conflicts: usize,
    /// Validation and test rows whose text stands in an earlier split too.
    pub num_leaks: usize,
    /// Classes in label order.
    pub classes: Vec<ClassCount>,
    /// Rows of training, validation and test.
    pub split_sizes: [usize; 3],
    /// The first hundred bad rows.
    pub bad_rows: Vec<BadRow>,
    /// All bad rows.
    pub num_bad_rows: usize,
    /// Rows by their number of tokens; empty before there is a model.
    pub lengths: LengthHistogram,
    /// Tokens after which a row is cut off.
    pub max_seq_length: usize,
    /// Rows that are cut off.
    pub num_truncated: usize,
    /// What a person should know before training.
    pub warnings: Vec<String>,
    /// What may be better to change before training, each with what its remedy needs.
    pub advice: Vec<Advice>,
    /// The first five rows.
    pub preview: Vec<PreviewRow>,
}

/// Writes the report. `token_lengths` are tokens a usable row before truncation: those of the training rows, then of the
/// validation rows, then of the test rows.
#[must_use]
pub fn report(summary: &ReadSummary, dataset: &Dataset, token_lengths: &[usize], max_seq_length: usize) -> DataReport {
    let splits = [&dataset.train, &dataset.valid, &dataset.test];
    let mut counts = vec![0; dataset.labels.len()];
    splits.iter().flat_map(|split| split.iter()).for_each(|example| counts[example.label] += 1);
    let classes = dataset.labels.iter().zip(counts).map(|(label, count)| ClassCount { label: label.clone(), count });
    let split_sizes = splits.map(Vec::len);
    let cut = cut_rows(summary, splits, token_lengths, max_seq_length);
    let num_truncated = cut.len();
    let mut warnings = summary.warnings.clone();
    if num_truncated > 0 {
        let (all, rows) = (plural(token_lengths.len(), "row"), list_rows(&cut));
        let are = if num_truncated == 1 { "is" } else { "are" };
        warnings.push(format!(
            "{num_truncated} of {all} {are} longer than {max_seq_length} tokens and {are} shortened: rows {rows}"
        ));
    }
    DataReport {
        file_name: summary.file_name.clone(),
        format: summary.format,
        delimiter: summary.delimiter,
        has_header: summary.has_header,
        columns: summary.columns.clone(),
        reading: summary.reading.clone(),
        text_column: summary.text_column.clone(),
        label_column: summary.label_column.clone(),
        num_rows: summary.num_rows,
        num_usable: split_sizes.iter().sum(),
        num_empty: summary.num_empty,
        num_duplicates: summary.num_duplicates,
        num_conflicts: summary.num_conflicts,
        num_leaks: summary.num_leaks,
        classes: classes.collect(),
        split_sizes,
        bad_rows: summary.bad_rows.iter().take(MAX_BAD_ROWS).cloned().collect(),
        num_bad_rows: summary.num_bad_rows,
        lengths: LengthHistogram::of(token_lengths),
        max_seq_length,
        num_truncated,
        warnings,
        advice: summary.advice.clone(),
        preview: summary.preview.clone(),
    }
}

/// Rows that are cut off, in file order; those of an own file with its role before the number.
fn cut_rows(
    summary: &ReadSummary,
    splits: [&Vec<Example>; 3],
    token_lengths: &[usize],
    max_seq_length: usize,
) -> Vec<String> {
    let [has_own_valid, has_own_test] = summary.has_own_file;
    let files = [0, usize::from(has_own_valid), 2 * usize::from(has_own_test)];
    let rows = splits.into_iter().zip(files).flat_map(|(split, file)| split.iter().map(move |row| (file, row.row)));
    let cut = rows.zip(token_lengths).filter(|(_, length)| **length > max_seq_length);
    let mut cut: Vec<(usize, usize)> = cut.map(|(row, _)| row).collect();
    cut.sort_unstable();
    cut.into_iter().map(|(file, row)| format!("{}{row}", ["", "validation ", "test "][file])).collect()
}

/// Row numbers for a sentence: the first ten, and how many more there are.
#[must_use]
pub fn list_rows(rows: &[String]) -> String {
    list(&rows[..rows.len().min(MAX_NAMED_ROWS)], rows.len())
}

impl LengthHistogram {
    /// Counts lengths in at most 32 buckets whose width is a power of two.
    #[must_use]
    pub fn of(lengths: &[usize]) -> Self {
        let max = lengths.iter().copied().max().unwrap_or(0);
        let mut bucket_width = 1;
        while max / bucket_width >= MAX_BUCKETS {
            bucket_width *= 2;
        }
        let mut counts = vec![0; if lengths.is_empty() { 0 } else { max / bucket_width + 1 }];
        for length in lengths {
            counts[length / bucket_width] += 1;
        }
        let total: u64 = lengths.iter().map(|&length| length as u64).sum();
        let mean = if lengths.is_empty() { 0.0 } else { total as f64 / lengths.len() as f64 };
        Self { bucket_width, counts, max, mean }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{ReadOptions, SplitConfig};
    use crate::data::{DataFiles, build_dataset};
    use proptest::prelude::*;

    #[test]
    fn the_report_says_what_is_there() {
        let rows: String =
            (0..20).map(|i| format!("text {i},{}\n", if i % 4 == 0 { "rare" } else { "usual" })).collect();
        let train = ("d.csv".to_owned(), format!("text,label\n{rows}only one cell\n").into_bytes());
        let files = DataFiles { train, ..DataFiles::default() };
        let built = build_dataset(&files, &ReadOptions::default(), &SplitConfig::default(), 1, &[]);
        let (dataset, summary) = built.expect("good rows");
        let lengths: Vec<usize> = (0..20).map(|i| 5 + i).collect();
        let report = report(&summary, &dataset, &lengths, 20);
        assert_eq!((report.num_rows, report.num_usable, report.num_bad_rows), (21, 20, 1));
        let rare = ClassCount { label: "rare".into(), count: 5 };
        assert_eq!(report.classes, [rare, ClassCount { label: "usual".into(), count: 15 }]);
        assert_eq!(report.split_sizes, [16, 2, 2]);
        assert_eq!(report.num_truncated, 4);
        assert!(report.warnings.iter().any(|warning| warning.starts_with("4 of 20 rows are longer than 20 tokens")));
        assert_eq!((report.lengths.bucket_width, report.lengths.max, report.lengths.mean), (1, 24, 14.5));
        assert_eq!(report.preview.len(), 5);
        let json = serde_json::to_string(&report).expect("plain values");
        assert_eq!(serde_json::from_str::<DataReport>(&json).expect("its own JSON"), report);
    }

    #[test]
    fn cut_rows_are_named_in_file_order_with_their_file() {
        let rows: String = (0..20).map(|i| format!("text {i},{}\n", ["a", "b"][i % 2])).collect();
        let train = ("d.csv".to_owned(), format!("text,label\n{rows}").into_bytes());
        let valid = Some(("v.csv".to_owned(), b"text,label\none,a\ntwo,b\n".to_vec()));
        let files = DataFiles { train, valid, test: None };
        let built = build_dataset(&files, &ReadOptions::default(), &SplitConfig::default(), 1, &[]);
        let (dataset, summary) = built.expect("good rows");
        let lengths: Vec<usize> = [&dataset.train, &dataset.valid]
            .into_iter()
            .flatten()
            .map(|row| if row.row % 2 == 0 { 12 } else { 3 })
            .collect();
        let last = report(&summary, &dataset, &lengths, 8).warnings.pop().expect("rows are cut");
        let expected = "11 of 22 rows are longer than 8 tokens and are shortened: rows 2, 4, 6, 8, 10, 12, 14, 16, 18, \
                        20 and 1 more";
        assert_eq!(last, expected);
        let few: Vec<usize> = lengths.iter().enumerate().map(|(i, _)| if i >= 19 { 9 } else { 1 }).collect();
        let last = report(&summary, &dataset, &few, 8).warnings.pop().expect("rows are cut");
        assert!(last.ends_with("are shortened: rows 21, validation 2, validation 3"), "{last}");
    }

    proptest! {
        #[test]
        fn every_row_is_in_a_bucket(lengths in prop::collection::vec(0_usize..100_000, 0..100)) {
            let histogram = LengthHistogram::of(&lengths);
            prop_assert_eq!(histogram.counts.iter().sum::<usize>(), lengths.len());
            prop_assert!(histogram.counts.len() <= MAX_BUCKETS);
            prop_assert!(histogram.counts.last() != Some(&0));
        }
    }
}
