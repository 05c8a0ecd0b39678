//! Labels that were given or corrected by hand, where rows are shared out: in, the log of edits and the column of labels; out, what
//! the file itself has, by which rows are drawn, and the split of rows that the file has no label of. So a label that is corrected
//! leaves every row in its split, and one that is given moves none of the others (ADR 38).

use std::collections::HashMap;

use crate::config::{EditedRow, RowEdit, RowEdits, Split, SplitConfig};

/// A label that was edited.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct EditedLabel<'e> {
    /// What stands in the file; empty where it has none.
    pub was: &'e str,
    /// What is read.
    pub value: &'e str,
}

/// The labels of training rows that were edited, by their numbers.
#[must_use]
pub fn edited_labels<'e>(edits: &'e RowEdits, column: &str) -> HashMap<usize, EditedLabel<'e>> {
    let of_row = |(row, edited): (usize, EditedRow<'e>)| {
        let cell = edited.cells.iter().find(|cell| cell.column == column)?;
        Some((row, EditedLabel { was: cell.was.trim(), value: cell.value.trim() }))
    };
    edits.of_file(Split::Train).into_iter().filter_map(of_row).collect()
}

/// The split of each training row that the file has no label of, by its number, in the order in which they got their first: as many
/// as the shares ask for are kept aside, evenly. What a row gets later, and what others get, changes nothing of it.
#[must_use]
pub fn splits_by_hand(edits: &RowEdits, column: &str, split: &SplitConfig) -> HashMap<usize, Split> {
    let mut places = EvenPlaces::new(split);
    let mut found = HashMap::new();
    for edit in &edits.log {
        let RowEdit::SetCell { file: Split::Train, row, column: of, was, .. } = edit else { continue };
        if of == column && was.trim().is_empty() && !found.contains_key(row) {
            found.insert(*row, places.next_split());
        }
    }
    found
}

/// Shares rows out one by one, so that the first so many of them have their shares, too.
#[derive(Debug)]
struct EvenPlaces {
    fractions: [f64; 2],
    /// What validation and test lack so far, in rows.
    missing: [f64; 2],
}

impl EvenPlaces {
    fn new(split: &SplitConfig) -> Self {
        let share = |fraction: f64| if fraction.is_finite() { fraction.clamp(0.0, 1.0) } else { 0.0 };
        Self { fractions: [share(split.valid_fraction), share(split.test_fraction)], missing: [0.0; 2] }
    }

    fn next_split(&mut self) -> Split {
        // A tenth ten times is a little less than one.
        const ONE: f64 = 1.0 - 1e-9;
        for (missing, fraction) in self.missing.iter_mut().zip(self.fractions) {
            *missing += fraction;
        }
        let [valid, test] = &mut self.missing;
        if *valid >= ONE && *valid >= *test {
            *valid -= 1.0;
            Split::Valid
        } else if *test >= ONE {
            *test -= 1.0;
            Split::Test
        } else {
            Split::Train
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn set(row: usize, was: &str, value: &str) -> RowEdit {
        let column = "label".to_owned();
        RowEdit::SetCell { file: Split::Train, row, column, was: was.into(), value: value.into() }
    }

    #[test]
    fn what_stands_in_the_file_is_known_of_every_edited_label() {
        let text =
            RowEdit::SetCell { file: Split::Train, row: 9, column: "text".into(), was: "a".into(), value: "b".into() };
        let edits =
            RowEdits { log: vec![set(2, " a", "b"), set(2, "b", "c "), set(3, "", "a"), set(4, "a", "b"), text] };
        let found = edited_labels(&edits, "label");
        assert_eq!(found.len(), 3);
        assert_eq!(found[&2], EditedLabel { was: "a", value: "c" });
        assert_eq!(found[&3], EditedLabel { was: "", value: "a" });
    }

    #[test]
    fn rows_labeled_by_hand_keep_their_split_as_more_of_them_come() {
        let split = SplitConfig { valid_fraction: 0.2, test_fraction: 0.1 };
        let log = |count: usize| RowEdits { log: (0..count).map(|i| set(100 - i, "", "a")).collect() };
        let all = splits_by_hand(&log(41), "label", &split);
        let count = |of: Split| all.values().filter(|split| **split == of).count();
        assert_eq!([count(Split::Train), count(Split::Valid), count(Split::Test)], [29, 8, 4]);
        assert_eq!(all[&100], Split::Train, "the first is trained on");
        let few = splits_by_hand(&log(20), "label", &split);
        assert!(few.iter().all(|(row, split)| all[row] == *split) && few.len() == 20);
        let mut again = log(20);
        again.log.extend([set(100, "a", "b"), set(99, "a", "")]);
        assert_eq!(splits_by_hand(&again, "label", &split), few, "another label moves no row");
        let mut corrected = log(0);
        corrected.log.push(set(5, "a", "b"));
        assert!(splits_by_hand(&corrected, "label", &split).is_empty(), "it has a label in its file");
    }
}
