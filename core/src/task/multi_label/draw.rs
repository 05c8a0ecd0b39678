//! By which labels rows are shared out: by those that stand in the file (ADR 38, 44). In: the log of edits, labeled rows. Out: a class for
//! each row that is drawn, and which rows have labels by hand alone.

use std::collections::HashMap;

use super::layout::LabelLayout;
use super::read::{IdRow, NamedRow};
use crate::config::{EditedCell, ReadOptions};
use crate::data::{SourceRow, Split, sort_labels};

/// Labels of training rows as their file has them, of those that have others by edits.
#[derive(Debug, Default)]
pub(super) struct FileLabels {
    /// By the number of the row; `None` where the file has none that can be read.
    of_rows: HashMap<usize, Option<Vec<String>>>,
    /// The labels that these rows have.
    given: Vec<String>,
}

impl FileLabels {
    /// Of rows as they were read, before labels are merged; `columns` have their labels.
    pub(super) fn of(
        read: &ReadOptions,
        columns: &[String],
        layout: &LabelLayout,
        rows: &[SourceRow<NamedRow>],
    ) -> Self {
        let mut found = Self::default();
        if read.edits.is_empty() {
            return found;
        }
        let edited = read.edits.of_file(Split::Train);
        for row in rows {
            let Some(edited) = edited.get(&row.row) else { continue };
            let is_label = |cell: &&EditedCell<'_>| columns.iter().any(|column| column == cell.column);
            let cells: Vec<&EditedCell<'_>> = edited.cells.iter().filter(is_label).collect();
            let labels = &row.value.labels;
            if let Some(in_file) = in_file(layout, &cells, labels) {
                let merged = |label: &String| read.merged_label(label).to_owned();
                found.of_rows.insert(row.row, in_file.map(|labels| labels.iter().map(merged).collect()));
                found.given.extend(labels.iter().map(merged));
            }
        }
        found
    }

    /// The labels that were given by hand.
    pub(super) fn given(&self) -> &[String] {
        &self.given
    }

    /// Whether a row has labels by hand alone.
    pub(super) fn is_by_hand(&self, row: usize) -> bool {
        matches!(self.of_rows.get(&row), Some(None))
    }

    /// The class that each of these rows is drawn by: the rarest of its labels in the file. `labels` are the names of the label ids,
    /// which are the file's own where `is_fixed`, else what its rows have, in the order of the labels that a model knows if it does.
    pub(super) fn classes(
        &self,
        rows: &[SourceRow<IdRow>],
        labels: &[String],
        known: &[String],
        is_fixed: bool,
    ) -> Vec<usize> {
        if self.of_rows.is_empty() {
            return rarest_labels(&rows.iter().map(|row| row.value.1.clone()).collect::<Vec<_>>(), labels.len());
        }
        let names_of = |row: &SourceRow<IdRow>| match self.of_rows.get(&row.row) {
            Some(Some(in_file)) => in_file.clone(),
            _ => row.value.1.iter().map(|&id| labels[id].clone()).collect(),
        };
        let sets: Vec<Vec<String>> = rows.iter().map(names_of).collect();
        let names = if is_fixed {
            labels.to_vec()
        } else {
            let mut names: Vec<String> = sets.iter().flatten().cloned().collect();
            names.sort_unstable();
            names.dedup();
            sort_labels(&mut names);
            let is_known = !known.is_empty() && names.iter().all(|name| known.contains(name));
            if is_known { known.to_vec() } else { names }
        };
        let ids: HashMap<&str, usize> = names.iter().enumerate().map(|(id, name)| (name.as_str(), id)).collect();
        let ids_of = |set: &Vec<String>| {
            let mut ids: Vec<usize> = set.iter().filter_map(|name| ids.get(name.as_str()).copied()).collect();
            ids.sort_unstable();
            ids.dedup();
            ids
        };
        rarest_labels(&sets.iter().map(ids_of).collect::<Vec<_>>(), names.len())
    }
}

/// The labels that the file has of a row whose cells of labels were edited; `None` inside where it has none that can be read, and
/// outside where none of these edits was made. `labels` are those that were read.
fn in_file(layout: &LabelLayout, cells: &[&EditedCell<'_>], labels: &[String]) -> Option<Option<Vec<String>>> {
    if cells.is_empty() {
        return None;
    }
    let has = |column: &str| labels.iter().any(|label| label == column);
    if matches!(layout, LabelLayout::Columns { .. }) {
        let of_cell = |text: &str, column: &str| layout.labels_of(&[(column, text)]).map(|found| !found.is_empty());
        // An edit that does not fit its row was not made.
        if cells.iter().any(|cell| of_cell(cell.value, cell.column) != Some(has(cell.column))) {
            return None;
        }
        let mut before = labels.to_vec();
        for cell in cells {
            match of_cell(cell.was, cell.column) {
                Some(true) if !has(cell.column) => before.push(cell.column.to_owned()),
                Some(true) => {}
                Some(false) => before.retain(|label| label != cell.column),
                None => return Some(None),
            }
        }
        return Some(Some(before));
    }
    let read = |text: &str| layout.labels_of(&[("", text)]);
    let cell = cells.first().filter(|cell| read(cell.value).is_some_and(|found| found == labels))?;
    Some(read(cell.was).filter(|_| !cell.was.trim().is_empty()))
}

/// Of each row the label that the fewest rows have; one more than the last id where a row has none.
fn rarest_labels(rows: &[Vec<usize>], num_labels: usize) -> Vec<usize> {
    let mut counts = vec![0_usize; num_labels];
    rows.iter().flatten().for_each(|&label| counts[label] += 1);
    let rarest = |row: &Vec<usize>| row.iter().copied().min_by_key(|&label| (counts[label], label));
    rows.iter().map(|row| rarest(row).unwrap_or(num_labels)).collect()
}

#[cfg(test)]
mod tests {
    use super::super::read::{Dataset, read_dataset};
    use super::*;
    use crate::config::{RowEdit, RowEdits, RunConfig};
    use crate::data::{DataError, DataFiles, ReadSummary};
    use crate::task::ReadRequest;

    fn set(row: usize, column: &str, was: &str, value: &str) -> RowEdit {
        let (file, column) = (Split::Train, column.to_owned());
        RowEdit::SetCell { file, row, column, was: was.into(), value: value.into() }
    }

    fn build(text: &str, log: Vec<RowEdit>) -> Result<(Dataset, ReadSummary), DataError> {
        let train = ("x.csv".to_owned(), text.as_bytes().to_vec());
        let files = DataFiles { train, ..DataFiles::default() }.into();
        let read = &ReadOptions { edits: RowEdits { log }, ..ReadOptions::default() };
        read_dataset(&ReadRequest::to_train(&files, read, &RunConfig { seed: 7, ..RunConfig::default() }))
    }

    fn numbers(dataset: &Dataset) -> [Vec<usize>; 3] {
        dataset.splits.each_ref().map(|rows| rows.iter().map(|row| row.row).collect())
    }

    fn names(dataset: &Dataset, number: usize) -> Vec<&str> {
        let row = dataset.splits.iter().flatten().find(|row| row.row == number).expect("it is there");
        row.label.iter().map(|&id| dataset.labels[id].as_str()).collect()
    }

    fn label(row: usize) -> &'static str {
        ["a;b", "a", "b;c", "[]"][row % 4]
    }

    fn rows(label: impl Fn(usize) -> &'static str) -> String {
        String::from("text,tags\n")
            + &(2..122).map(|row| format!("text number {row},{}\n", label(row))).collect::<String>()
    }

    #[test]
    fn corrected_labels_leave_every_row_in_its_split() {
        let (before, _) = build(&rows(label), Vec::new()).expect("good rows");
        let log = vec![set(5, "tags", "a", "c"), set(6, "tags", "b;c", "[]"), set(7, "tags", "[]", "new;a")];
        let (after, summary) = build(&rows(label), log).expect("good rows");
        assert_eq!(numbers(&after), numbers(&before));
        assert_eq!([5, 6, 7, 8].map(|row| names(&after, row)), [vec!["c"], vec![], vec!["a", "new"], vec!["a", "b"]]);
        assert_eq!(summary.notes, ["by edits: 3 rows read otherwise"]);

        let truth = |row: usize| format!("text number {row},{},{}\n", row % 2, usize::from(row.is_multiple_of(3)));
        let text = String::from("text,toxic,rude\n") + &(2..122).map(truth).collect::<String>();
        let (before, _) = build(&text, Vec::new()).expect("good rows");
        let log = vec![set(5, "toxic", "1", "0"), set(6, "rude", "1", "0"), set(6, "toxic", "0", "1")];
        let (after, _) = build(&text, log).expect("good rows");
        assert_eq!(numbers(&after), numbers(&before));
        assert_eq!([5, 6, 9].map(|row| names(&after, row)), [vec![], vec!["toxic"], vec!["toxic", "rude"]]);
    }

    #[test]
    fn rows_that_get_their_labels_are_trained_on_and_move_no_other() {
        let text = rows(|row| if row > 100 { "" } else { label(row) });
        let (before, summary) = build(&text, Vec::new()).expect("most have labels");
        assert_eq!((summary.num_unlabeled, summary.num_bad_rows), (21, 21));
        assert!(summary.notes.contains(&"21 rows have no label and are left out until they get one".into()));
        let log = vec![set(110, "tags", "", "a;b"), set(105, "tags", "", "[]")];
        let (after, summary) = build(&text, log).expect("more have labels");
        let [mut train, valid, test] = numbers(&before);
        train.extend([105, 110]);
        assert_eq!(numbers(&after), [train, valid, test]);
        assert_eq!(summary.num_unlabeled, 19);
        assert!(summary.notes.contains(&"2 rows labeled by hand: 2 to train on, 0 for validation, 0 for test".into()));
    }

    #[test]
    fn labels_can_be_given_from_nothing() {
        let text = rows(|_| "");
        let (nothing, summary) = build(&text, Vec::new()).expect("rows that wait for their labels");
        assert_eq!((nothing.labels.len(), summary.num_unlabeled, numbers(&nothing)), (0, 120, Default::default()));
        assert!(summary.warnings.iter().any(|warning| warning.starts_with("no row has a label")));
        let log = (2..24).map(|row| set(row, "tags", "", r#"["new","other"]"#)).collect();
        let (some, summary) = build(&text, log).expect("some have labels");
        assert_eq!((some.labels.as_slice(), summary.num_unlabeled), (&["new".to_owned(), "other".to_owned()][..], 98));
        assert_eq!(numbers(&some).map(|rows| rows.len()), [18, 2, 2], "a tenth each is kept aside");
    }
}
