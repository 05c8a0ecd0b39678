//! Labels that rows got by hand, new ones among them: each can be chosen for the next row, too. In: the edits of rows, which hold after a
//! reload. Out: names.

use std::collections::BTreeSet;

use hone_core::config::{RowEdits, Split};
use hone_core::task::image_classification::FOLDER;
use hone_core::task::multi_label::LabelLayout;
use leptos::prelude::*;

use super::super::Store;
use super::super::labeling::labels_in;

/// The labels in the edited cells of a column, each once.
fn labels_in_edits(edits: &RowEdits, column: &str, layout: Option<&LabelLayout>) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    for file in [Split::Train, Split::Valid, Split::Test] {
        for row in edits.of_file(file).into_values() {
            let cells = row.cells.iter().filter(|cell| cell.column == column && !cell.value.trim().is_empty());
            found.extend(cells.flat_map(|cell| labels_in(cell.value.trim(), layout)));
        }
    }
    found
}

impl Store {
    /// The column in which edits name the labels of images.
    pub(in crate::state) fn image_label_column(self) -> String {
        self.data.report.with(|report| {
            let column = report.as_ref().and_then(|report| report.column_of("label"));
            column.unwrap_or(FOLDER).to_owned()
        })
    }

    /// Labels that rows have by edits, but those that are read as another one; none where each label has a column of its own.
    pub(crate) fn labels_by_edits(self) -> BTreeSet<String> {
        let layout = self.label_layout();
        if matches!(layout, Some(LabelLayout::Columns { .. })) {
            return BTreeSet::new();
        }
        let Some(column) = self.label_column() else { return BTreeSet::new() };
        self.data.read.with(|read| {
            let mut labels = labels_in_edits(&read.edits, &column, layout.as_ref());
            labels.retain(|label| !read.merge_labels.contains_key(label));
            labels
        })
    }
}

#[cfg(test)]
mod tests {
    use hone_core::config::RowEdit;

    use super::*;

    #[test]
    fn labels_by_hand_are_named_once_while_their_edits_hold() {
        let set = |file: Split, row: usize, column: &str, was: &str, value: &str| {
            let column = column.to_owned();
            RowEdit::SetCell { file, row, column, was: was.into(), value: value.into() }
        };
        let mut log = vec![
            set(Split::Train, 2, "label", "a", "new"),
            set(Split::Test, 2, "label", "b", " new "),
            set(Split::Train, 3, "label", "a", "typo"),
            set(Split::Train, 3, "label", "typo", ""),
            set(Split::Train, 4, "text", "x", "y"),
        ];
        let names = |log: &[RowEdit], layout| {
            let found = labels_in_edits(&RowEdits { log: log.to_vec() }, "label", layout);
            found.into_iter().collect::<Vec<_>>()
        };
        assert_eq!(names(&log, None), ["new"]);
        log.push(set(Split::Train, 5, "label", "a", "c;new"));
        let layout = LabelLayout::Cell { separator: Some(';') };
        assert_eq!(names(&log, Some(&layout)), ["c", "new"]);
    }
}
