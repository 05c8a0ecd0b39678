//! Labels that rows can't get: of an own validation or test file those that no training row has, as a model can't learn them and the whole
//! reading would fail; of images the names of folders without labels. In: edits that a person is about to make, and the labels of the
//! training rows. Out: why they are not made, in words.

use std::collections::BTreeSet;

use hone_core::config::{ReadOptions, RowEdit, Split};
use hone_core::task::image_classification::is_unlabeled_folder;
use hone_core::task::multi_label::LabelLayout;
use leptos::prelude::*;

use super::super::Store;
use super::super::images::no_class;
use super::super::labeling::labels_in;
use crate::tasks;

/// The first label that edits give to a row of an own file and that is not among those of the training rows, with that file. Edits of the
/// training file are taken along: they are made at once.
fn find_untrained(
    edits: &[RowEdit],
    column: &str,
    layout: Option<&LabelLayout>,
    read: &ReadOptions,
    trained: &[String],
) -> Option<(Split, String)> {
    let given = |edit: &RowEdit| -> Option<(Split, Vec<String>)> {
        let RowEdit::SetCell { file, column: of, value, .. } = edit else { return None };
        let value = value.trim();
        (of == column && !value.is_empty()).then(|| (*file, labels_in(value, layout)))
    };
    // Labels of training rows that are not read with them yet.
    let cells = read.edits.of_file(Split::Train);
    let by_edits =
        cells.values().filter(|row| !row.is_dropped).flat_map(|row| &row.cells).filter(|cell| cell.column == column);
    let mut known: BTreeSet<String> = by_edits.flat_map(|cell| labels_in(cell.value.trim(), layout)).collect();
    let of_training = edits.iter().filter_map(given).filter(|(file, _)| *file == Split::Train);
    known.extend(of_training.flat_map(|(_, labels)| labels));
    let known: BTreeSet<&str> = known.iter().chain(trained).map(|label| read.merged_label(label)).collect();
    let of_own = edits.iter().filter_map(given).filter(|(file, _)| *file != Split::Train);
    let mut labels = of_own.flat_map(|(file, labels)| labels.into_iter().map(move |label| (file, label)));
    labels.find(|(_, label)| !known.contains(read.merged_label(label)))
}

/// Why a row of an own file does not get such a label.
fn refusal((file, label): &(Split, String)) -> String {
    format!(
        "No training row has the label “{label}”, so no model can learn it, and a row of your own {} file can't have it: give a \
         training row that label first, or choose another one.",
        file.words()
    )
}

/// The first label that edits give to an image and that is the name of a folder of images without labels.
fn find_unlabeled<'e>(edits: &'e [RowEdit], column: &str) -> Option<&'e str> {
    let label = |edit: &'e RowEdit| match edit {
        RowEdit::SetCell { column: of, value, .. } if of == column => Some(value.trim()),
        _ => None,
    };
    edits.iter().filter_map(label).find(|label| is_unlabeled_folder(label))
}

impl Store {
    /// Why edits of labels are not made; `None` where they can be.
    pub(super) fn refuse_labels(self, edits: &[RowEdit]) -> Option<String> {
        let column = self.label_column()?;
        if self.rows_are_images()
            && let Some(label) = find_unlabeled(edits, &column)
        {
            return Some(no_class(label));
        }
        // Training rows may have any label.
        if edits.iter().all(|edit| edit.rows().0 == Split::Train) {
            return None;
        }
        let trained = self.data.report.with(|report| tasks::labels_with_rows(report.as_deref()?))?;
        let layout = self.label_layout();
        let found = self.data.read.with(|read| find_untrained(edits, &column, layout.as_ref(), read, &trained));
        found.as_ref().map(refusal)
    }
}

#[cfg(test)]
mod tests {
    use hone_core::config::RowEdits;

    use super::*;

    fn set(file: Split, row: usize, column: &str, value: &str) -> RowEdit {
        RowEdit::SetCell { file, row, column: column.into(), was: "a".into(), value: value.into() }
    }

    fn found(edits: &[RowEdit], layout: Option<&LabelLayout>, read: &ReadOptions) -> Option<(Split, String)> {
        find_untrained(edits, "label", layout, read, &["a".to_owned(), "b".to_owned()])
    }

    #[test]
    fn a_row_of_an_own_file_gets_no_label_that_no_training_row_has() {
        let read = ReadOptions::default();
        for file in [Split::Valid, Split::Test] {
            let new = set(file, 2, "label", " new ");
            assert_eq!(found(std::slice::from_ref(&new), None, &read), Some((file, "new".into())));
            let beside = [new, set(Split::Train, 2, "label", "new")];
            assert_eq!(found(&beside, None, &read), None, "a training row gets it at once");
            assert_eq!(found(&[set(file, 2, "label", "b")], None, &read), None);
            assert_eq!(found(&[set(file, 2, "label", "")], None, &read), None, "it is taken away");
            assert_eq!(found(&[set(file, 2, "text", "new")], None, &read), None, "no label");
        }
        assert_eq!(found(&[set(Split::Train, 2, "label", "new")], None, &read), None, "a single file takes any");
        let said = refusal(&(Split::Valid, "new".into()));
        assert!(said.contains("“new”") && said.contains("your own validation file"), "{said}");
    }

    #[test]
    fn labels_that_training_rows_got_by_hand_or_are_read_as_count() {
        let edits = RowEdits { log: vec![set(Split::Train, 4, "label", "new")] };
        let merge_labels = [("bee".to_owned(), "b".to_owned())].into();
        let read = ReadOptions { edits, merge_labels, ..ReadOptions::default() };
        let test = |label: &str| found(&[set(Split::Test, 2, "label", label)], None, &read);
        assert_eq!([test("new"), test("bee")], [None, None]);
        assert_eq!(test("other"), Some((Split::Test, "other".into())));
    }

    #[test]
    fn an_image_gets_no_label_that_says_it_has_none() {
        let edits = [set(Split::Train, 1, "folder", "cat"), set(Split::Train, 2, "folder", " Unlabeled ")];
        assert_eq!(find_unlabeled(&edits, "folder"), Some("Unlabeled"));
        assert_eq!([find_unlabeled(&edits[..1], "folder"), find_unlabeled(&edits, "label")], [None, None]);
    }

    #[test]
    fn of_several_labels_each_is_looked_at() {
        let layout = LabelLayout::Cell { separator: Some(';') };
        let read = ReadOptions::default();
        assert_eq!(found(&[set(Split::Test, 2, "label", "a;b")], Some(&layout), &read), None);
        let one = found(&[set(Split::Test, 2, "label", "a;new")], Some(&layout), &read);
        assert_eq!(one, Some((Split::Test, "new".into())));
    }
}
