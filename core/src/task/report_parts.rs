//! A report on rows out of what all tasks know of them: what reading said, the lengths in tokens, and the rows that are
//! cut off.

use super::{DataReport, ReportDetail};
use crate::data::{LengthHistogram, ReadSummary, list_rows};
use crate::words::plural;

/// What a warning of rows that are cut off has, beside [`CUT_ROWS`].
const TOKENS_AND: &str = "tokens and";

/// What a warning that names rows, or their targets, that are cut off has.
const CUT_ROWS: &str = "shortened: rows";

/// Whether a warning is that of [`warn_of_cut_rows`].
pub(super) fn is_of_cut_rows(warning: &str) -> bool {
    warning.contains(TOKENS_AND) && warning.contains(CUT_ROWS)
}

/// Bad rows that a report lists.
const MAX_BAD_ROWS: usize = 100;

/// Writes the report. `row_numbers` are the numbers of the rows of training, validation and test in their files, and
/// `lengths` the tokens of each of them before it is cut at `max_seq_length`, split after split: none before there is a
/// model.
#[must_use]
pub fn data_report(
    summary: &ReadSummary,
    row_numbers: &[Vec<usize>; 3],
    lengths: &[usize],
    max_seq_length: usize,
    detail: ReportDetail,
) -> DataReport {
    let split_sizes = [row_numbers[0].len(), row_numbers[1].len(), row_numbers[2].len()];
    let cut = name_cut_rows(summary.has_own_file, row_numbers, lengths, max_seq_length);
    let mut warnings = summary.warnings.clone();
    warnings.extend(warn_of_cut_rows(&cut, lengths.len(), max_seq_length));
    DataReport {
        file_name: summary.file_name.clone(),
        format: summary.format,
        delimiter: summary.delimiter,
        has_header: summary.has_header,
        columns: summary.columns.clone(),
        reading: summary.reading.clone(),
        used_columns: summary.used_columns.clone(),
        num_rows: summary.num_rows,
        num_usable: split_sizes.iter().sum(),
        num_empty: summary.num_empty,
        num_duplicates: summary.num_duplicates,
        num_leaks: summary.num_leaks,
        split_sizes,
        num_encoded: split_sizes,
        bad_rows: summary.bad_rows.iter().take(MAX_BAD_ROWS).cloned().collect(),
        num_bad_rows: summary.num_bad_rows,
        lengths: LengthHistogram::of(lengths),
        max_seq_length,
        num_truncated: cut.len(),
        notes: summary.notes.clone(),
        warnings,
        advice: summary.advice.clone(),
        detail,
    }
}

/// Says which rows are cut off, of `num_rows` in all; nothing where none is.
#[must_use]
pub fn warn_of_cut_rows(cut: &[String], num_rows: usize, max_seq_length: usize) -> Option<String> {
    let are = match cut.len() {
        0 => return None,
        1 => "is",
        _ => "are",
    };
    let (num_cut, all, rows) = (cut.len(), plural(num_rows, "row"), list_rows(cut));
    Some(format!("{num_cut} of {all} {are} longer than {max_seq_length} {TOKENS_AND} {are} {CUT_ROWS} {rows}"))
}

/// Says that texts were too long to be tokenised whole; nothing where none was.
#[must_use]
pub fn warn_of_long_texts(num_long: usize) -> Option<String> {
    let (rows, have) = match num_long {
        0 => return None,
        1 => ("row", "has"),
        _ => ("rows", "have"),
    };
    let what = "of which only the part that is read was tokenised: lengths are at least those given";
    Some(format!("{num_long} {rows} {have} a very long text, {what}"))
}

/// Rows that are cut off, in file order; those of an own file with its role before the number. `has_own_file` says of
/// validation and test whether they are files of their own.
#[must_use]
pub fn name_cut_rows(
    has_own_file: [bool; 2],
    row_numbers: &[Vec<usize>; 3],
    lengths: &[usize],
    max_seq_length: usize,
) -> Vec<String> {
    let files = [0, usize::from(has_own_file[0]), 2 * usize::from(has_own_file[1])];
    let rows = row_numbers.iter().zip(files).flat_map(|(split, file)| split.iter().map(move |&row| (file, row)));
    let cut = rows.zip(lengths).filter(|(_, length)| **length > max_seq_length);
    let mut cut: Vec<(usize, usize)> = cut.map(|(row, _)| row).collect();
    cut.sort_unstable();
    cut.into_iter().map(|(file, row)| format!("{}{row}", ["", "validation ", "test "][file])).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cut_rows_are_named_in_file_order_with_their_file() {
        let train: Vec<usize> = (2..22).collect();
        let rows = [train, vec![2, 3], Vec::new()];
        let lengths: Vec<usize> = rows.iter().flatten().map(|row| if row % 2 == 0 { 12 } else { 3 }).collect();
        let warn = |lengths: &[usize]| {
            let cut = name_cut_rows([true, false], &rows, lengths, 8);
            warn_of_cut_rows(&cut, lengths.len(), 8).expect("rows are cut")
        };
        let expected = "11 of 22 rows are longer than 8 tokens and are shortened: rows 2, 4, 6, 8, 10, 12, 14, 16, 18, \
                        20 and 1 more";
        assert_eq!(warn(&lengths), expected);
        let few: Vec<usize> = (0..22).map(|i| if i >= 19 { 9 } else { 1 }).collect();
        let said = warn(&few);
        assert!(said.ends_with("are shortened: rows 21, validation 2, validation 3"), "{said}");
        assert_eq!(warn_of_cut_rows(&[], 22, 8), None);
    }

    #[test]
    fn rows_split_off_the_training_file_are_named_by_its_numbers() {
        let rows = [vec![2, 5], vec![4], vec![3]];
        assert_eq!(name_cut_rows([false, false], &rows, &[9, 1, 9, 9], 8), ["2", "3", "4"]);
    }

    #[test]
    fn very_long_texts_are_said() {
        assert_eq!(warn_of_long_texts(0), None);
        assert!(warn_of_long_texts(1).expect("one").starts_with("1 row has a very long text, of which only"));
        assert!(warn_of_long_texts(2).expect("two").starts_with("2 rows have a very long text, of which only"));
    }
}
