//! Edits of rows: a cell, a label, a split, rows that are left out. In: the rows that a person chose, and what they are to be. Out:
//! edits in the way the rows are read, where a step back finds them; the rows are read again with them. Files are saved with their
//! edits made.

use std::collections::HashSet;

use hone_core::config::{RowEdit, Split};
use hone_core::data::{RowFilter, RowQuery, RowSource, RowView, edits_by_file};
use hone_core::session::protocol::{Command, Reply};
use leptos::prelude::*;

use super::super::{Step, Store, unexpected};
use crate::browser;
use crate::format;

/// Most rows that get a label at once: what stood in each goes into the log.
const MAX_LABELED: usize = 500;

/// Said where an edit was not made.
const NO_EDITS: &str =
    "Nothing was edited: a run goes on, the rows or a model are being loaded, or rows of this task have no edits.";

/// Said after an edit that changes which rows there are to draw from, or their labels.
const DRAWN_ANEW: &str = "Validation and test rows are drawn anew from the rows that are left, but for those that were moved: runs \
    before and after this edit are measured on other rows.";

/// The edits that give cells of a row other values.
pub(crate) fn set_cells(source: &RowSource, row: &RowView, values: &[String]) -> Vec<RowEdit> {
    let columns = source.columns.iter().zip(row.cells.iter().zip(values));
    let edit = |((column, _), (was, value)): (&(String, String), (&String, &String))| RowEdit::SetCell {
        file: row.id.file,
        row: row.id.row,
        column: column.clone(),
        was: was.clone(),
        value: value.clone(),
    };
    columns.filter(|(_, (was, value))| was != value).map(edit).collect()
}

impl Store {
    /// Makes edits of rows; all of them are one step. Where they are not made, the reason stands beside the rows.
    pub(crate) fn edit_rows(self, edits: Vec<RowEdit>) {
        if let Err(reason) = self.try_edit_rows(edits) {
            self.rows.note.set(Some(reason));
        }
    }

    /// Makes edits of rows; all of them are one step.
    ///
    /// # Errors
    /// When they are not made: the reason, for the person.
    pub(in super::super) fn try_edit_rows(self, edits: Vec<RowEdit>) -> Result<(), String> {
        if edits.is_empty() {
            return Ok(());
        }
        if !untrack(|| self.can_edit_rows()) {
            return Err(NO_EDITS.into());
        }
        if let Some(refusal) = untrack(|| self.refuse_labels(&edits)) {
            return Err(refusal);
        }
        self.rows.note.set(untrack(|| self.draws_anew(&edits)).then(|| DRAWN_ANEW.into()));
        self.edit(None, || self.data.read.update(|read| read.edits.log.extend(edits)));
        self.rows.selected.update(HashSet::clear);
        self.ask_rows();
        Ok(())
    }

    /// Whether other rows are drawn for validation and test after these edits.
    fn draws_anew(self, edits: &[RowEdit]) -> bool {
        let source = self.row_source();
        let is_label = |column: &String| {
            let mut columns = source.iter().flat_map(|source| &source.columns);
            columns.any(|(name, role)| name == column && role.starts_with("label"))
        };
        // Rows are drawn by the labels of the file, and not by numbers; a row whose label is taken away is left out.
        let spec = self.data.task.get().spec();
        let follows_labels = !spec.gives_labels() && !spec.predicts_numbers();
        let changes_draw = |edit: &RowEdit| match edit {
            RowEdit::SetCell { column, value, .. } => (follows_labels || value.trim().is_empty()) && is_label(column),
            RowEdit::DropRows { .. } | RowEdit::RestoreRows { .. } => true,
            RowEdit::MoveRows { .. } => false,
        };
        self.data.valid.with(Option::is_none)
            && edits.iter().any(|edit| edit.rows().0 == Split::Train && changes_draw(edit))
    }

    /// Reads a label as another one from now on, and shows the rows of that one.
    pub(crate) fn rename_label(self, label: String, name: String) {
        self.merge_labels(&[name.clone(), label]);
        self.ask_other_rows(|query| query.filter.label = Some(name));
        let draws_anew = self.data.valid.with_untracked(Option::is_none);
        self.rows.note.set(draws_anew.then(|| DRAWN_ANEW.into()));
    }

    /// Leaves the chosen rows out, or takes them back.
    pub(crate) fn drop_rows(self, is_dropped: bool) {
        let chosen = untrack(|| self.rows.chosen());
        self.edit_rows(edits_by_file(&chosen, |file, rows| match is_dropped {
            true => RowEdit::DropRows { file, rows },
            false => RowEdit::RestoreRows { file, rows },
        }));
    }

    /// Moves the chosen rows to a split.
    pub(crate) fn move_rows(self, split: Split) {
        let chosen = untrack(|| self.rows.chosen());
        self.edit_rows(edits_by_file(&chosen, |file, rows| RowEdit::MoveRows { file, rows, split }));
    }

    /// Gives the chosen rows a label.
    pub(crate) fn label_rows(self, label: String) {
        let (chosen, source) = untrack(|| (self.rows.chosen(), self.row_source()));
        let Some((source, column)) = source.and_then(|source| Some((source.clone(), source.label_column()?))) else {
            return;
        };
        if chosen.len() > MAX_LABELED {
            let most = format::count(MAX_LABELED);
            return self.rows.note.set(Some(format!("At most {most} rows get a label at once: select fewer.")));
        }
        let filter = RowFilter { rows: Some(chosen), ..RowFilter::default() };
        self.ask_beside(RowQuery { count: MAX_LABELED, filter, ..RowQuery::default() }, move |window| {
            let edits = window.rows.iter().flat_map(|row| {
                let mut values = row.cells.clone();
                values[column].clone_from(&label);
                set_cells(&source, row, &values)
            });
            self.edit_rows(edits.collect());
        });
    }

    /// Writes a file of rows with its edits made, or those of its rows that are in a split; of images their labels, as a table that is
    /// put beside them.
    pub(crate) fn save_cleaned(self, file: Split, split: Option<Split>) {
        let (source, are_images) = untrack(|| (self.row_source(), self.rows_are_images()));
        if source.is_none() && !are_images {
            return;
        }
        let (noun, read) = (if are_images { "image" } else { "row" }, self.data.read.get_untracked());
        self.rows.note.set(None);
        self.client().send(Command::CleanFile { file, source, read, split }, Vec::new(), move |answer| {
            let problem = match answer {
                Ok((Reply::Cleaned { name, blob, num_rows, notes }, blobs)) => {
                    let Some(buffer) = blobs.get(blob) else { return };
                    if self.save(Step::Data, &name, buffer, "application/octet-stream") {
                        let said = format!("{name} has {}", format::plural(num_rows, noun));
                        let sentences = std::iter::once(said).chain(notes).map(|note| format::sentence(&note));
                        self.rows.note.set(Some(sentences.collect::<Vec<_>>().join(" ")));
                    }
                    return;
                }
                Ok((other, _)) => unexpected(&other),
                Err(problem) => problem,
            };
            self.report(Step::Data, problem);
        });
    }

    /// Saves the log of edits, for the terminal.
    pub(crate) fn save_row_edits(self) {
        let json = self.data.read.with_untracked(|read| read.edits.to_json());
        self.save(Step::Data, "edits.json", &wasm_bindgen::JsValue::from_str(&json), "application/json");
    }

    /// Reads the rows again once they were edited, or a run was opened that knew less of their edits and copies; where that fails the
    /// edits are taken back. Windows follow what is read.
    pub(in super::super) fn follow_row_edits(self) {
        let (data, rows) = (self.data, self.rows);
        let files = Memo::new(move |_| data.identities());
        Effect::new(move |before: Option<()>| {
            files.track();
            if before.is_some() {
                rows.forget_choices();
                self.ask_rows();
            }
        });
        Effect::new(move |_| {
            let has_report = data.report.with(Option::is_some);
            let is_asked = || data.read.with_untracked(|read| rows.is_asked(read));
            if has_report && is_asked() {
                rows.held.set_value(rows.asked.get_value());
            }
            rows.sent.set_value(None);
            self.ask_rows();
        });
        let is_edited = move || {
            let is_idle = !data.loading.get() && !self.model.loading.get() && !self.run.with(|run| run.is_active());
            let is_read = data.report.with(Option::is_some);
            let is_other = data.read.with(|read| !rows.is_asked(read));
            is_idle && is_read && is_other
        };
        // Not with every event of a run: the rows in view are asked for after it.
        let is_due = Memo::new(move |_| is_edited());
        Effect::new(move |_| {
            data.read.track();
            if !is_due.get() {
                return self.ask_rows(); // a step back changes them, too
            }
            // A reading that was asked for beside the edits has begun by then.
            browser::after(0, move || {
                if untrack(is_edited) {
                    let wanted = data.read.get_untracked();
                    data.read.update_untracked(|read| (read.edits, read.copies) = rows.held.get_value());
                    self.reread_data_as(wanted);
                }
            });
        });
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use hone_core::data::{RowId, RowState};

    use super::*;

    fn row(row: usize, cells: &[&str]) -> RowView {
        RowView {
            id: RowId { file: Split::Valid, row },
            state: RowState::Train,
            is_edited: false,
            num_tokens: None,
            cells: cells.iter().map(|&cell| cell.to_owned()).collect(),
            label: None,
            is_cut: false,
        }
    }

    #[test]
    fn only_cells_that_differ_are_edited() {
        let own = |name: &str| (name.to_owned(), name.to_owned());
        let columns = vec![own("text"), own("label")];
        let source = RowSource { columns, file_columns: Vec::new(), is_lines: false, merge_labels: BTreeMap::new() };
        let values = ["a".to_owned(), "y".to_owned()];
        let edits = set_cells(&source, &row(4, &["a", "x"]), &values);
        let (column, was, value) = ("label".to_owned(), "x".to_owned(), "y".to_owned());
        assert_eq!(edits, [RowEdit::SetCell { file: Split::Valid, row: 4, column, was, value }]);
        assert!(set_cells(&source, &row(4, &["a", "y"]), &values).is_empty());
    }
}
