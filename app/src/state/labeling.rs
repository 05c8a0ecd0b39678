//! Rows without labels, which a person labels one by one: active learning. In: the unlabeled rows, texts or images, in the order in which
//! the worker says they are best labeled. Out: labels, each an edit of its row. Where a person is in the list is plain, and tested
//! natively.

mod pictures;

use std::collections::HashMap;
use std::sync::Arc;

use hone_core::config::{EditedRow, RowEdit, RowEdits, Split};
use hone_core::data::RowId;
use hone_core::session::protocol::{Command, NamedBlob, Problem, Reply};
use hone_core::task::multi_label::LabelLayout;
use hone_core::task::{RankedRow, RankedRows, Uncertainty};
use leptos::prelude::*;
use leptos::task::spawn_local;

use super::data::Slot;
use super::history::Way;
use super::{Step, Store, unexpected, unreadable};
use crate::browser::{self, FileIdentity, PickedFile};
use crate::format;
use crate::tasks;
use pictures::Pictures;
pub(crate) use pictures::Shown;

/// Id of the box in which a class is chosen.
pub(crate) const BOX_ID: &str = "label-box";

/// Rows that were ranked, with the files that they are of.
type RankedOf = ([Option<FileIdentity>; 3], Arc<RankedRows>);

/// Signals of the rows without labels.
#[derive(Clone, Copy)]
pub(crate) struct LabelingState {
    pub ranking: RwSignal<bool>,
    /// The rows in their order with the files that they are of; `None` where they were not asked for.
    ranked: RwSignal<Option<RankedOf>>,
    /// The row that is labeled, by its place among them.
    pub at: RwSignal<usize>,
    /// Labels that are chosen for it, where a row has any number of them.
    pub picked: RwSignal<Vec<String>>,
    /// By what it is told how unsure a model is.
    pub by: RwSignal<Uncertainty>,
    /// What there is to say.
    pub note: RwSignal<Option<String>>,
    /// Images of the list, where rows are images.
    pictures: RwSignal<Pictures, LocalStorage>,
    /// Rankings that were asked for: each draws its own order.
    num_rankings: StoredValue<u64>,
}

impl LabelingState {
    pub(super) fn new() -> Self {
        Self {
            ranking: RwSignal::new(false),
            ranked: RwSignal::new(None),
            at: RwSignal::new(0),
            picked: RwSignal::new(Vec::new()),
            by: RwSignal::new(Uncertainty::default()),
            note: RwSignal::new(None),
            pictures: RwSignal::new_local(Pictures::default()),
            num_rankings: StoredValue::new(0),
        }
    }
}

/// The labels that rows of the training file have by edits, where `column` has the labels; of rows whose label was taken away none.
pub(crate) fn labels_by_hand(edits: &RowEdits, column: &str) -> HashMap<usize, String> {
    let label = |(row, edited): (usize, EditedRow<'_>)| {
        let cell = edited.cells.iter().find(|cell| cell.column == column && !cell.value.trim().is_empty())?;
        Some((row, cell.value.to_owned()))
    };
    edits.of_file(Split::Train).into_iter().filter_map(label).collect()
}

/// The next row without a label after `from`, else after the first; `None` where all have one.
pub(crate) fn next_unlabeled(rows: &[RankedRow], given: &HashMap<usize, String>, from: usize) -> Option<usize> {
    let is_open = |index: &usize| !given.contains_key(&rows[*index].id.row);
    let count = rows.len();
    (1..=count).map(|step| (from + step) % count).find(is_open)
}

/// The row of the list whose label an undone step took away, or changed; `None` where it took none of them.
fn find_undone(rows: &[RankedRow], before: &HashMap<usize, String>, after: &HashMap<usize, String>) -> Option<usize> {
    let is_undone = |row: &RankedRow| before.get(&row.id.row).is_some_and(|was| after.get(&row.id.row) != Some(was));
    rows.iter().position(is_undone)
}

/// How many rows each class has: those of the file, and those that were labeled since. `layout` is how several labels stand in a cell.
pub(crate) fn class_counts(
    ranked: &RankedRows,
    given: &HashMap<usize, String>,
    layout: Option<&LabelLayout>,
) -> Vec<(String, usize)> {
    let mut counts = ranked.labels.clone();
    let given = ranked.rows.iter().filter_map(|row| given.get(&row.id.row));
    for label in given.flat_map(|cell| labels_in(cell, layout)) {
        match counts.iter_mut().find(|(name, _)| *name == label) {
            Some((_, count)) => *count += 1,
            None => counts.push((label, 1)),
        }
    }
    counts
}

/// The labels of a cell: one, or as many as stand in it.
pub(crate) fn labels_in(cell: &str, layout: Option<&LabelLayout>) -> Vec<String> {
    match layout {
        Some(layout) => layout.labels_of(&[("", cell)]).unwrap_or_default(),
        None => vec![cell.to_owned()],
    }
}

/// Why a label can't be given that the columns or lists of a file have no place for.
pub(crate) fn no_place(label: &str) -> String {
    format!(
        "The file has no place for the label “{label}”: each of its labels has a column, or a place in a list, of its own."
    )
}

/// Adds a label to those that are chosen, or takes it away.
pub(crate) fn toggle(chosen: &mut Vec<String>, label: String) {
    match chosen.iter().position(|one| *one == label) {
        Some(place) => drop(chosen.remove(place)),
        None => chosen.push(label),
    }
}

/// The edit that gives a row a label; `None` where it has that already.
fn edit_of(row: &RankedRow, column: &str, given: Option<&String>, label: &str) -> Option<RowEdit> {
    let was = given.unwrap_or(&row.label);
    let RowId { file, row } = row.id;
    let (column, value) = (column.to_owned(), label.to_owned());
    (was != label).then(|| RowEdit::SetCell { file, row, column, was: was.clone(), value })
}

impl Store {
    /// Rows that lack nothing but their label, where those can be given.
    pub(crate) fn num_unlabeled(self) -> usize {
        self.data.report.with(|report| report.as_ref().map_or(0, |report| tasks::num_unlabeled(report)))
    }

    /// The rows in their order, once they were asked for; of files that are there no more none.
    pub(crate) fn ranked_rows(self) -> Option<Arc<RankedRows>> {
        let files = self.data.identities();
        self.labeling
            .ranked
            .with(|ranked| ranked.as_ref().filter(|(of, _)| *of == files).map(|(_, ranked)| Arc::clone(ranked)))
    }

    /// Labels that were given to rows of the list and hold.
    pub(crate) fn given_labels(self) -> HashMap<usize, String> {
        let column = self.label_column();
        column.map_or_else(HashMap::new, |column| self.data.read.with(|read| labels_by_hand(&read.edits, &column)))
    }

    /// The column of the labels, where all of a row stand in one.
    pub(super) fn label_column(self) -> Option<String> {
        if self.rows_are_images() {
            return Some(self.image_label_column());
        }
        let source = self.row_source()?;
        Some(source.columns.get(source.label_column()?)?.0.clone())
    }

    /// Puts the unlabeled rows in order, and shows the first. Each time another order is drawn, where no model tells.
    pub(crate) fn rank_unlabeled(self) {
        let labeling = self.labeling;
        let source = untrack(|| self.row_source());
        let is_ready = source.is_some() || untrack(|| self.rows_are_images());
        if !is_ready || untrack(|| self.activity()).is_some() {
            return;
        }
        self.dismiss(Step::Data);
        labeling.note.set(None);
        self.measuring_progress.set((0, 0));
        labeling.ranking.set(true);
        labeling.num_rankings.update_value(|count| *count += 1);
        let seed = self.run_to_read_for().seed.wrapping_add(labeling.num_rankings.get_value() - 1);
        let edits = self.data.read.with_untracked(|read| read.edits.clone());
        let command = Command::RankUnlabeled { source, edits, by: labeling.by.get_untracked(), seed };
        let files = untrack(|| self.data.identities());
        // Where a row has any number of labels its cell is none of them; images have no cells.
        let counts =
            self.data.report.with_untracked(|report| report.as_ref().and_then(|report| tasks::label_counts(report)));
        self.client().send(command, Vec::new(), move |answer| {
            labeling.ranking.set(false);
            match answer {
                Ok((Reply::Ranked { ranked }, _)) => {
                    let mut ranked = *ranked;
                    if let Some(counts) = counts {
                        ranked.labels = counts;
                    }
                    labeling.ranked.set(Some((files, Arc::new(ranked))));
                    labeling.pictures.set(Pictures::default());
                    self.show_row(0);
                    browser::after(0, || browser::focus_element(BOX_ID));
                }
                Ok((Reply::Done, _)) => {} // it was ended
                Ok((other, _)) => self.report(Step::Data, unexpected(&other)),
                Err(problem) => self.report(Step::Data, problem),
            }
        });
    }

    /// Puts the list away; labels that were given stay.
    pub(crate) fn close_labeling(self) {
        self.labeling.ranked.set(None);
        self.labeling.note.set(None);
        self.labeling.pictures.set(Pictures::default());
    }

    /// Takes the last edit back; where that was a label of the list, its row is shown.
    pub(crate) fn undo_labeling(self) {
        let before = untrack(|| self.given_labels());
        self.labeling.note.set(None);
        self.take_step(Way::Undo);
        let (ranked, after) = untrack(|| (self.ranked_rows(), self.given_labels()));
        if let Some(place) = ranked.and_then(|ranked| find_undone(&ranked.rows, &before, &after)) {
            self.show_row(place);
        }
    }

    /// Shows a row of the list, with the labels that it has.
    fn show_row(self, at: usize) {
        let ranked = untrack(|| self.ranked_rows());
        let row = ranked.as_ref().and_then(|ranked| ranked.rows.get(at));
        let (given, layout) = untrack(|| (self.given_labels(), self.label_layout()));
        let cell = row.and_then(|row| given.get(&row.id.row));
        self.labeling.picked.set(cell.map_or_else(Vec::new, |cell| labels_in(cell, layout.as_ref())));
        self.labeling.at.set(at);
        self.ask_for_pictures(at);
    }

    /// Gives the row that is shown the labels that are chosen, perhaps none, and shows the next without any.
    pub(crate) fn give_picked_labels(self) {
        let Some(layout) = untrack(|| self.label_layout()) else { return };
        let picked = self.labeling.picked.get_untracked();
        if let Some(label) = layout.find_without_place(&picked, &[]) {
            return self.labeling.note.set(Some(no_place(label)));
        }
        self.give_label(&layout.cells_with(&picked, &[("", "")]).concat());
    }

    /// Gives the row that is shown a label, or what its cell of labels is to hold, and shows the next without one.
    pub(crate) fn give_label(self, label: &str) {
        let labeling = self.labeling;
        let Some(ranked) = untrack(|| self.ranked_rows()) else { return };
        let at = labeling.at.get_untracked();
        let (Some(row), Some(column)) = (ranked.rows.get(at), untrack(|| self.label_column())) else { return };
        if !untrack(|| self.can_edit_rows()) {
            let text = "No label was given: a run goes on, or a model is being loaded.";
            return labeling.note.set(Some(text.into()));
        }
        let given = untrack(|| self.given_labels());
        let edits: Vec<RowEdit> = edit_of(row, &column, given.get(&row.id.row), label).into_iter().collect();
        if let Err(reason) = self.try_edit_rows(edits) {
            return labeling.note.set(Some(reason));
        }
        labeling.note.set(None);
        let given = untrack(|| self.given_labels());
        match next_unlabeled(&ranked.rows, &given, at) {
            Some(next) => self.show_row(next),
            None => {
                let noun = if untrack(|| self.rows_are_images()) { "image" } else { "row" };
                labeling.note.set(Some(format!("Every {noun} of this list has a label.")));
            }
        }
    }

    /// Shows the row after this one, or before it, whether it has a label or not.
    pub(crate) fn move_to_row(self, is_back: bool) {
        let count = untrack(|| self.ranked_rows()).map_or(0, |ranked| ranked.rows.len());
        let at = self.labeling.at.get_untracked();
        self.show_row(if is_back { at.saturating_sub(1) } else { (at + 1).min(count.saturating_sub(1)) });
    }

    /// Gives the chosen training file, which has no column of labels, an empty one, and reads it.
    pub(crate) fn add_label_column(self) {
        let Some(file) = self.data.train.get_untracked() else { return };
        self.dismiss(Step::Data);
        spawn_local(async move {
            if let Err(problem) = self.add_label_column_to(file).await {
                self.report(Step::Data, problem);
            }
        });
    }

    async fn add_label_column_to(self, file: PickedFile) -> Result<(), Problem> {
        let asked = file.identity();
        let blob = file.read().await.map_err(unreadable)?;
        let named = NamedBlob { name: file.name.clone(), blob: 0 };
        let command = Command::AddLabelColumn { file: named, read: self.data.read.get_untracked() };
        let (reply, blobs) = self.request(command, vec![blob]).await?;
        let (name, blob, num_rows, notes) = match reply {
            Reply::Cleaned { name, blob, num_rows, notes } => (name, blob, num_rows, notes),
            other => return Err(unexpected(&other)),
        };
        let is_current =
            self.data.train.with_untracked(|train| train.as_ref().is_some_and(|train| train.identity() == asked));
        let made = blobs.get(blob).and_then(|buffer| PickedFile::from_bytes(&name, buffer));
        if let Some(made) = made.filter(|_| is_current) {
            let said = format!("{name} is {} with an empty column “label”: {num_rows} rows to label", file.name);
            let sentences = std::iter::once(said).chain(notes).map(|note| format::sentence(&note));
            let note = sentences.collect::<Vec<_>>().join(" ");
            self.take_data(vec![(Slot::Train, Some(made))], Some(note));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(row: usize) -> RankedRow {
        let id = RowId { file: Split::Train, row };
        let (label, text) = (" ".to_owned(), format!("text {row}"));
        RankedRow { id, label, text, second: None, uncertainty: None, likely: Vec::new() }
    }

    fn set(row: usize, was: &str, value: &str) -> RowEdit {
        let column = "label".to_owned();
        RowEdit::SetCell { file: Split::Train, row, column, was: was.into(), value: value.into() }
    }

    #[test]
    fn a_label_becomes_an_edit_of_what_stands_in_the_cell() {
        let own = row(4);
        assert_eq!(edit_of(&own, "label", None, "a"), Some(set(4, " ", "a")));
        let given = "a".to_owned();
        assert_eq!(edit_of(&own, "label", Some(&given), "b"), Some(set(4, "a", "b")), "another one");
        assert_eq!(edit_of(&own, "label", Some(&given), "a"), None);
        let log = vec![set(4, " ", "a"), set(4, "a", "b"), set(5, "", "c"), set(5, "c", ""), set(6, "d", " ")];
        let found = labels_by_hand(&RowEdits { log }, "label");
        assert_eq!(found, HashMap::from([(4, "b".to_owned())]), "5 has none again, and 6 none any more");
    }

    #[test]
    fn the_next_row_is_one_without_a_label() {
        let rows = [row(9), row(2), row(7)];
        let given = |of: &[usize]| of.iter().map(|&row| (row, "a".to_owned())).collect::<HashMap<_, _>>();
        assert_eq!(next_unlabeled(&rows, &given(&[9]), 0), Some(1));
        assert_eq!(next_unlabeled(&rows, &given(&[9, 2]), 1), Some(2));
        assert_eq!(next_unlabeled(&rows, &given(&[2, 7]), 2), Some(0), "one that was skipped");
        assert_eq!(next_unlabeled(&rows, &given(&[9, 2, 7]), 1), None);
        assert_eq!(next_unlabeled(&[], &given(&[]), 0), None);
    }

    #[test]
    fn the_row_whose_label_is_undone_is_found() {
        let rows = [row(9), row(2), row(7)];
        let labels = |of: &[(usize, &str)]| -> HashMap<usize, String> {
            of.iter().map(|&(row, label)| (row, label.to_owned())).collect()
        };
        let before = labels(&[(9, "a"), (7, "b")]);
        assert_eq!(find_undone(&rows, &before, &labels(&[(9, "a")])), Some(2));
        assert_eq!(find_undone(&rows, &before, &labels(&[(9, "c"), (7, "b")])), Some(0), "it has the one before again");
        assert_eq!(find_undone(&rows, &before, &before), None, "another edit was undone");
    }

    #[test]
    fn classes_are_counted_with_what_was_given_since() {
        let labels = vec![("a".to_owned(), 3), ("b".to_owned(), 1)];
        let ranked = RankedRows { rows: vec![row(2), row(3), row(4)], labels, ..RankedRows::default() };
        let given = HashMap::from([(2, "b".to_owned()), (4, "new".to_owned()), (99, "a".to_owned())]);
        let counts = [("a", 3), ("b", 2), ("new", 1)].map(|(name, count)| (name.to_owned(), count));
        assert_eq!(class_counts(&ranked, &given, None), counts, "99 had its label before the list was made");
        let given = HashMap::from([(2, "b;new".to_owned()), (4, "[]".to_owned())]);
        let layout = LabelLayout::Cell { separator: Some(';') };
        let counts = [("a", 3), ("b", 2), ("new", 1)].map(|(name, count)| (name.to_owned(), count));
        assert_eq!(class_counts(&ranked, &given, Some(&layout)), counts);
    }

    #[test]
    fn labels_are_added_and_taken_away() {
        let mut chosen = vec!["a".to_owned()];
        for label in ["b", "a", "c", "b"] {
            toggle(&mut chosen, label.to_owned());
        }
        assert_eq!(chosen, ["c"]);
    }
}
