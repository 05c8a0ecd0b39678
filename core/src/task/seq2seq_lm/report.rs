//! What is in the rows, before anything is trained: lengths of sources as all tasks report them, and those of targets.

use super::encode::{EncodedPair, Limits};
use super::{PreviewRow, ReportDetail};
use crate::data::{LengthHistogram, ReadSummary, list_rows};
use crate::task::{self, DataReport, data_report, name_cut_rows, warn_of_long_texts};
use crate::words::plural;

/// Rows with a cut target that the report lists.
const MAX_LISTED: usize = 100;

/// What is known of rows before they are tokens.
pub(super) struct Facts<'a> {
    pub(super) summary: &'a ReadSummary,
    /// Numbers of the rows of training, validation and test in their files.
    pub(super) rows: [Vec<usize>; 3],
    /// What stands before every source.
    pub(super) prefix: &'a str,
    pub(super) limits: Limits,
    pub(super) num_conflicts: usize,
    pub(super) preview: Vec<PreviewRow>,
}

/// Writes the report. `encoded` are the rows of training, validation and test as tokens; `None` before there is a model.
pub(super) fn report(facts: Facts<'_>, encoded: Option<&[Vec<EncodedPair>; 3]>) -> DataReport {
    let Facts { summary, rows, prefix, limits, num_conflicts, preview } = facts;
    let tokens = || encoded.into_iter().flatten().flatten();
    let sources: Vec<usize> = tokens().map(|pair| pair.num_source_untruncated).collect();
    let targets: Vec<usize> = tokens().map(|pair| pair.num_target_untruncated).collect();
    let cut = name_cut_rows(summary.has_own_file, &rows, &targets, limits.target);
    let detail = ReportDetail {
        source_prefix: prefix.to_owned(),
        target_lengths: LengthHistogram::of(&targets),
        max_target_length: limits.target,
        num_targets_cut: cut.len(),
        cut_targets: cut.iter().take(MAX_LISTED).cloned().collect(),
        num_conflicts,
        num_source_tokens: tokens().map(|pair| pair.source_ids.len()).sum(),
        num_target_tokens: tokens().map(|pair| pair.target_ids.len()).sum(),
        preview,
    };
    let detail = task::ReportDetail::Seq2seqLm(Box::new(detail));
    let mut report = data_report(summary, &rows, &sources, limits.source, detail);
    report.warnings.extend(warn_of_cut_targets(&cut, targets.len(), limits.target));
    report.warnings.extend(warn_of_long_texts(tokens().filter(|pair| pair.is_lower_bound).count()));
    report
}

/// Says which targets are cut off, of `num_rows` in all; nothing where none is.
fn warn_of_cut_targets(cut: &[String], num_rows: usize, limit: usize) -> Option<String> {
    let (have, targets, are) = match cut.len() {
        0 => return None,
        1 => ("has", "a target that is", "is"),
        _ => ("have", "targets that are", "are"),
    };
    let (num_cut, all, rows) = (cut.len(), plural(num_rows, "row"), list_rows(cut));
    Some(format!(
        "{num_cut} of {all} {have} {targets} longer than {limit} tokens (max_target_length) and {are} shortened: rows \
         {rows}"
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pair(num_target_untruncated: usize, is_lower_bound: bool) -> EncodedPair {
        let (source_ids, target_ids) = (vec![5; 2], vec![6; num_target_untruncated.min(4)]);
        EncodedPair { source_ids, target_ids, num_source_untruncated: 2, num_target_untruncated, is_lower_bound }
    }

    #[test]
    fn cut_targets_are_named_by_row_and_file() {
        let encoded = [vec![pair(9, false), pair(4, false)], vec![pair(5, true)], Vec::new()];
        let summary = ReadSummary { has_own_file: [true, false], ..ReadSummary::default() };
        let facts = |preview| Facts {
            summary: &summary,
            rows: [vec![2, 3], vec![2], Vec::new()],
            prefix: "",
            limits: Limits { source: 8, target: 4 },
            num_conflicts: 1,
            preview,
        };
        let found = report(facts(Vec::new()), Some(&encoded));
        let expected = [
            "2 of 3 rows have targets that are longer than 4 tokens (max_target_length) and are shortened: rows 2, \
             validation 2",
            "1 row has a very long text, of which only the part that is read was tokenised: lengths are at least those \
             given",
        ];
        assert_eq!(found.warnings, expected);
        let task::ReportDetail::Seq2seqLm(detail) = &found.detail else { panic!("of another task") };
        assert_eq!((detail.num_targets_cut, detail.cut_targets.join(" ")), (2, "2 validation 2".to_owned()));
        assert_eq!((detail.target_lengths.max, detail.num_source_tokens, detail.num_target_tokens), (9, 6, 12));
        assert_eq!((found.num_truncated, found.split_sizes, detail.num_conflicts), (0, [2, 1, 0], 1));
        let before = report(facts(Vec::new()), None);
        assert!(before.warnings.is_empty() && before.lengths.counts.is_empty());
    }
}
