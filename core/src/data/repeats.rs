//! Rows that stand twice: in one split, under two labels, or in two splits.

use std::collections::HashMap;
use std::hash::Hash;

use super::rows::ReadSummary;
use crate::words::plural;

/// What a warning of leaks has, and nothing else.
pub(crate) const LEAKED: &str = "also in the training rows";

/// What a warning of rows with one text and several labels has, and nothing else.
pub(crate) const SAME_TEXT: &str = "the text of an earlier row but another";

/// Labels of one text that are remembered: every row with that text is compared with them.
const MAX_LABELS: usize = 100;

/// Counts rows whose text stood in an earlier row: duplicates and leaks in the summary, and (what is returned) conflicts,
/// which have another label than that; warns of leaks and conflicts. `splits` are texts, each with its label, of training,
/// validation and test rows; `label` is what a label is called.
pub fn count_repeats<T: Eq + Hash, L: PartialEq>(
    splits: [impl Iterator<Item = (T, L)>; 3],
    label: &str,
    summary: &mut ReadSummary,
) -> usize {
    // Text to the split it was first seen in and the labels it had (nearly always one).
    let mut seen: HashMap<T, (usize, Vec<L>)> = HashMap::new();
    let mut num_conflicts = 0;
    for (index, split) in splits.into_iter().enumerate() {
        for (text, found) in split {
            let Some((first, labels)) = seen.get_mut(&text) else {
                seen.insert(text, (index, vec![found]));
                continue;
            };
            summary.num_leaks += usize::from(*first < index);
            if labels.contains(&found) {
                summary.num_duplicates += 1;
            } else {
                if labels.len() < MAX_LABELS {
                    labels.push(found);
                }
                num_conflicts += 1;
            }
        }
    }
    if summary.num_leaks > 0 {
        summary.warnings.push(warn_of_leaks(summary.num_leaks));
    }
    if num_conflicts > 0 {
        let (rows, have) = (plural(num_conflicts, "row"), if num_conflicts == 1 { "has" } else { "have" });
        summary.warnings.push(format!("{rows} {have} {SAME_TEXT} {label}"));
    }
    num_conflicts
}

/// What is said of rows that an earlier split has too.
#[must_use]
pub fn warn_of_leaks(num_leaks: usize) -> String {
    let (rows, are) = (plural(num_leaks, "validation or test row"), if num_leaks == 1 { "is" } else { "are" });
    format!("{rows} {are} {LEAKED}: figures will look better than they are")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn repeats_conflicts_and_leaks_are_counted() {
        let mut summary = ReadSummary::default();
        let splits = [vec![("a", 0), ("b", 1), ("a", 0), ("a", 1)], vec![("b", 1), ("c", 0)], vec![("c", 1)]];
        let num_conflicts = count_repeats(splits.map(Vec::into_iter), "number", &mut summary);
        assert_eq!((num_conflicts, summary.num_duplicates, summary.num_leaks), (2, 2, 2));
        let leaks = "2 validation or test rows are also in the training rows: figures will look better than they are";
        let conflicts = "2 rows have the text of an earlier row but another number";
        assert_eq!(summary.warnings, [leaks, conflicts]);
    }

    #[test]
    fn a_text_with_a_label_of_its_own_in_every_row_takes_no_time() {
        let rows: Vec<(&str, usize)> = (0..200_000).map(|label| ("a", label)).collect();
        let splits = [rows, Vec::new(), Vec::new()].map(Vec::into_iter);
        assert_eq!(count_repeats(splits, "number", &mut ReadSummary::default()), 199_999);
    }
}
