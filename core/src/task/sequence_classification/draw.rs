//! By which labels rows are shared out: by those that stand in the file. In: the log of edits, labeled rows. Out: a class for each row
//! that is drawn, and the rows that have a label by hand alone, which are drawn by nobody (ADR 38).

use std::collections::HashMap;

use super::read::IdRow;
use crate::config::{ReadOptions, SplitConfig};
use crate::data::{SourceRow, edited_labels};
use crate::task::by_hand::{ByHand, number_names, set_aside};

/// Labels of training rows as their file has them, of those that have others by edits.
#[derive(Debug, Default)]
pub(super) struct FileLabels {
    /// By the number of the row; empty where the file has none.
    of_rows: HashMap<usize, String>,
    /// The labels that these rows have.
    given: Vec<String>,
}

impl FileLabels {
    /// Of rows with their numbers and the labels that were read, before any are merged; `no_label` stands in the file where there is none.
    pub(super) fn of<'l>(
        read: &ReadOptions,
        column: &str,
        rows: impl Iterator<Item = (usize, &'l str)>,
        no_label: Option<&str>,
    ) -> Self {
        let edited = edited_labels(&read.edits, column);
        let mut found = Self::default();
        if edited.is_empty() {
            return found;
        }
        for (row, label) in rows {
            // An edit that does not fit its row was not made.
            if let Some(edit) = edited.get(&row).filter(|edit| edit.value == label) {
                let was = if Some(edit.was.trim()) == no_label { "" } else { edit.was };
                found.of_rows.insert(row, read.merged_label(was).to_owned());
                found.given.push(read.merged_label(label).to_owned());
            }
        }
        found
    }

    /// The labels that were given by hand.
    pub(super) fn given(&self) -> &[String] {
        &self.given
    }

    /// Takes the rows out that have a label by hand alone ([`set_aside`]).
    pub(super) fn set_aside(
        &self,
        train: Vec<SourceRow<IdRow>>,
        read: (&ReadOptions, &str),
        split: &SplitConfig,
        has_own_file: [bool; 2],
    ) -> (Vec<SourceRow<IdRow>>, ByHand<IdRow>) {
        let is_by_hand = |row: usize| self.of_rows.get(&row).is_some_and(String::is_empty);
        set_aside(train, is_by_hand, read, split, has_own_file)
    }

    /// The class that each of these rows is drawn by: its label in the file, or where that has none the one by hand. `labels` are the
    /// names of the label ids.
    pub(super) fn classes<'r>(&'r self, rows: &'r [SourceRow<IdRow>], labels: &'r [String]) -> Vec<usize> {
        if self.of_rows.is_empty() {
            return rows.iter().map(|row| row.value.1).collect();
        }
        let name = |row: &'r SourceRow<IdRow>| -> &'r str {
            let in_file = self.of_rows.get(&row.row).filter(|label| !label.is_empty());
            in_file.unwrap_or(&labels[row.value.1])
        };
        number_names(&rows.iter().map(name).collect::<Vec<_>>())
    }
}

#[cfg(test)]
mod tests {
    use super::super::read::{Dataset, read_dataset};
    use super::*;
    use crate::config::{Fold, RowEdit, RowEdits, RowSharing, RunConfig};
    use crate::data::{DataError, DataFiles, ReadSummary, Split};
    use crate::task::{Purpose, ReadRequest};

    fn set(row: usize, was: &str, value: &str) -> RowEdit {
        let column = "label".to_owned();
        RowEdit::SetCell { file: Split::Train, row, column, was: was.into(), value: value.into() }
    }

    fn build(text: String, log: Vec<RowEdit>) -> Result<(Dataset, ReadSummary), DataError> {
        let files = DataFiles { train: ("x.csv".into(), text.into_bytes()), ..DataFiles::default() };
        build_as(files, &ReadOptions { edits: RowEdits { log }, ..ReadOptions::default() })
    }

    fn build_as(files: DataFiles, read: &ReadOptions) -> Result<(Dataset, ReadSummary), DataError> {
        let files = files.into();
        read_dataset(&ReadRequest::to_train(&files, read, &RunConfig { seed: 7, ..RunConfig::default() }))
    }

    /// Rows 2 and on, each with the label that `label` says of its number.
    fn rows(count: usize, label: impl Fn(usize) -> &'static str) -> String {
        let row = |row: usize| format!("this is text number {row},{}\n", label(row));
        String::from("text,label\n") + &(2..count + 2).map(row).collect::<String>()
    }

    fn numbers(dataset: &Dataset) -> [Vec<usize>; 3] {
        dataset.splits.each_ref().map(|rows| rows.iter().map(|row| row.row).collect())
    }

    fn label(row: usize) -> &'static str {
        ["no", "yes", "maybe"][row % 3]
    }

    #[test]
    fn corrected_labels_leave_every_row_in_its_split() {
        let (before, _) = build(rows(120, label), Vec::new()).expect("good rows");
        let corrected =
            [set(5, label(5), "no"), set(9, label(9), "yes"), set(9, "yes", "new"), set(50, label(50), "new")];
        let (after, summary) = build(rows(120, label), corrected.to_vec()).expect("good rows");
        assert_eq!(numbers(&after), numbers(&before));
        assert_eq!(after.labels, ["maybe", "new", "no", "yes"]);
        let labels: HashMap<usize, &str> =
            after.splits.iter().flatten().map(|row| (row.row, after.labels[row.label].as_str())).collect();
        assert_eq!([labels[&5], labels[&9], labels[&50], labels[&6]], ["no", "new", "new", label(6)]);
        assert_eq!(summary.notes, ["by edits: 3 rows read otherwise"]);
        let vanished: Vec<RowEdit> =
            (2..122).filter(|row| label(*row) == "maybe").map(|row| set(row, "maybe", "no")).collect();
        let (merged, _) = build(rows(120, label), vanished).expect("two labels are left");
        assert_eq!((numbers(&merged), merged.labels.len()), (numbers(&before), 2));
    }

    #[test]
    fn rows_that_are_labeled_are_trained_on_and_move_no_other() {
        let text = || rows(120, |row| if row > 100 { "" } else { label(row) });
        let (before, summary) = build(text(), Vec::new()).expect("most have labels");
        assert_eq!((summary.num_unlabeled, summary.num_bad_rows, summary.num_empty), (21, 21, 21));
        assert_eq!(summary.notes, ["21 rows have no label and are left out until they get one"]);
        let (after, summary) = build(text(), vec![set(110, "", "yes"), set(105, "", "new")]).expect("more have labels");
        let [mut train, valid, test] = numbers(&before);
        train.extend([105, 110]);
        assert_eq!(numbers(&after), [train, valid, test]);
        assert_eq!(summary.num_unlabeled, 19);
        assert!(summary.notes.contains(&"2 rows labeled by hand: 2 to train on, 0 for validation, 0 for test".into()));
    }

    #[test]
    fn labels_can_be_given_from_nothing() {
        let (nothing, summary) = build(rows(40, |_| ""), Vec::new()).expect("rows that wait for their labels");
        assert_eq!((nothing.labels.len(), summary.num_unlabeled, numbers(&nothing)), (0, 40, Default::default()));
        assert!(summary.warnings.iter().any(|warning| warning.starts_with("no row has a label")));
        let mut log = vec![set(30, "", "a")];
        let (one, _) = build(rows(40, |_| ""), log.clone()).expect("one class waits for others");
        assert_eq!((one.labels.len(), numbers(&one)), (1, [vec![30], Vec::new(), Vec::new()]));
        // Twelve labels of a row each are labels all the same: a person gave them.
        const NAMES: [&str; 12] = ["a", "b", "c", "d", "e", "f", "g", "h", "i", "j", "k", "l"];
        log.extend((1..12).map(|index| set(30 - index, "", NAMES[index])));
        let (twelve, summary) = build(rows(40, |_| ""), log).expect("a person gave them");
        assert_eq!((twelve.labels.len(), summary.num_unlabeled), (12, 28));
        let [train, valid, test] = numbers(&twelve).map(|rows| rows.len());
        assert_eq!((train, valid, test), (10, 1, 1), "a tenth each is kept aside");
    }

    #[test]
    fn rows_that_are_labeled_by_hand_alone_fill_folds() {
        let log = (2..42).map(|row| set(row, "", label(row))).collect();
        let sharing = RowSharing { fold: Some(Fold { index: 0, count: 4 }), ..RowSharing::default() };
        let read = ReadOptions { edits: RowEdits { log }, sharing, ..ReadOptions::default() };
        let train = ("x.csv".to_owned(), rows(40, |_| "").into_bytes());
        let (folded, _) = build_as(DataFiles { train, ..DataFiles::default() }, &read).expect("all have labels");
        assert_eq!(numbers(&folded).map(|rows| rows.len()), [27, 9, 4]);
        let names: HashMap<usize, usize> = folded.splits[1].iter().fold(HashMap::new(), |mut counts, row| {
            *counts.entry(row.label).or_default() += 1;
            counts
        });
        assert_eq!(names.into_values().collect::<Vec<_>>(), [3, 3, 3], "each class has its share");
    }

    #[test]
    fn own_validation_rows_teach_nothing_where_no_row_to_train_on_has_a_label() {
        let train = ("x.csv".to_owned(), rows(5, |_| "").into_bytes());
        let valid = Some(("v.csv".to_owned(), rows(5, label).into_bytes()));
        let error = build_as(DataFiles { train, valid, ..DataFiles::default() }, &ReadOptions::default());
        assert!(matches!(error, Err(DataError::NothingUsable { num_rows: 5, row: 2, .. })), "{error:?}");
    }

    #[test]
    fn a_file_without_labels_is_refused_where_it_is_to_be_measured() {
        let files = DataFiles { train: ("x.csv".into(), rows(5, |_| "").into_bytes()), ..DataFiles::default() }.into();
        let (read, run, purpose) = (&ReadOptions::default(), &RunConfig::default(), Purpose::Measure);
        let known_labels = &["a".to_owned(), "b".to_owned()];
        let error = read_dataset(&ReadRequest { files: &files, read, run, known_labels, purpose, model: None });
        assert!(matches!(error, Err(DataError::NothingUsable { num_rows: 5, row: 2, .. })), "{error:?}");
    }
}
