//! Rows that stand twice: in one split, under two labels, or in two splits.

use std::collections::HashMap;

use super::dataset::{Dataset, ReadSummary};
use crate::words::plural;

/// Counts duplicates, conflicts and leaks, and warns of the last two.
pub(super) fn count_repeats(dataset: &Dataset, summary: &mut ReadSummary) {
    // Text to the split it was first seen in and the labels it had (nearly always one).
    let mut seen: HashMap<&str, (usize, Vec<usize>)> = HashMap::new();
    for (place, split) in [&dataset.train, &dataset.valid, &dataset.test].into_iter().enumerate() {
        for example in split {
            let Some((first, labels)) = seen.get_mut(example.text.as_str()) else {
                seen.insert(&example.text, (place, vec![example.label]));
                continue;
            };
            summary.num_leaks += usize::from(*first < place);
            if labels.contains(&example.label) {
                summary.num_duplicates += 1;
            } else {
                labels.push(example.label);
                summary.num_conflicts += 1;
            }
        }
    }
    if summary.num_leaks > 0 {
        summary.warnings.push(told_of_leaks(summary.num_leaks));
    }
    if summary.num_conflicts > 0 {
        let (rows, have) =
            (plural(summary.num_conflicts, "row"), if summary.num_conflicts == 1 { "has" } else { "have" });
        summary.warnings.push(format!("{rows} {have} the text of an earlier row but another label"));
    }
}

/// What is said of rows that an earlier split has too.
pub(super) fn told_of_leaks(num_leaks: usize) -> String {
    let (rows, are) = (plural(num_leaks, "validation or test row"), if num_leaks == 1 { "is" } else { "are" });
    format!("{rows} {are} also in the training rows: figures will look better than they are")
}
