//! Labels that a person corrects in the list of rows that a model gets wrong, and the second run that goes on from there. In: a row as
//! it was measured, and the label that it should have. Out: an edit of the row; what the first run's answers are worth by the corrected
//! labels, computed from the answers that it gave; a second run, from the weights of the first or from the pretrained model.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::Arc;

use hone_core::config::{RowEdit, RowEdits, RunDraft, Split};
use hone_core::data::{RowFilter, RowId, RowQuery, RowSource, RowView};
use hone_core::session::protocol::{Command, Reply};
use hone_core::task::MeasuredRows;
use leptos::prelude::*;
use leptos::task::spawn_local;

use super::data::Outcome;
use super::evaluation::{Measured, split_name};
use super::rows::set_cells;
use super::run::RunState;
use super::{Step, Store};
use crate::browser;
use crate::format;

/// Id of the box in which a label is corrected.
pub(crate) const BOX_ID: &str = "correct-box";

/// A row of the list of wrong ones.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct WrongLabel {
    /// Where it stands among the rows that were measured.
    pub index: usize,
    /// Row number in its file.
    pub row: usize,
    pub text: String,
    pub second: Option<String>,
    pub label: String,
    pub predicted: String,
}

/// A label that was corrected.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Correction {
    /// The run that was looked at, and the split that it was measured on.
    pub run: u32,
    pub split: Split,
    /// Place of the row among those that were measured.
    pub index: usize,
    /// The row in its file, and the column of its label.
    pub id: RowId,
    pub column: String,
    /// What the model says.
    pub predicted: String,
    /// The label that it has now.
    pub value: String,
}

/// What a run's answers are worth by the labels before, and by the corrected ones.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Rescored {
    pub run: u32,
    pub split: Split,
    pub num_rows: usize,
    /// Which rows these are ([`fingerprint`]).
    rows: u64,
    /// Rows of the split whose labels were corrected.
    pub num_corrected: usize,
    /// Accuracy by the labels as they were when it was measured, and by the corrected ones.
    pub before: f64,
    pub after: f64,
}

/// Signals of corrected labels.
#[derive(Clone, Copy)]
pub(crate) struct CorrectionsState {
    /// The row whose label is being corrected.
    pub active: RwSignal<Option<WrongLabel>>,
    /// Why one could not be.
    pub note: RwSignal<Option<String>>,
    made: RwSignal<Vec<Correction>>,
    /// A run whose labels were corrected, and the number of the one that was started with the corrected ones.
    first: RwSignal<Option<(Arc<Rescored>, u32)>>,
}

impl CorrectionsState {
    pub(super) fn new() -> Self {
        Self {
            active: RwSignal::new(None),
            note: RwSignal::new(None),
            made: RwSignal::new(Vec::new()),
            first: RwSignal::new(None),
        }
    }
}

/// The corrections of a run that hold: the last of each row, while its edit does.
pub(crate) fn held(made: &[Correction], run: u32, edits: &RowEdits) -> Vec<Correction> {
    let files = [Split::Train, Split::Valid, Split::Test].map(|file| edits.of_file(file));
    let holds = |one: &Correction| {
        let edited = files[one.id.file.index()].get(&one.id.row);
        let cell = edited.and_then(|row| row.cells.iter().find(|cell| cell.column == one.column));
        cell.is_some_and(|cell| cell.value == one.value)
    };
    // Where the last correction of a row was taken back, the one before holds again.
    let held: Vec<&Correction> = made.iter().filter(|one| one.run == run && holds(one)).collect();
    let is_last = |index: &usize| !held[index + 1..].iter().any(|later| later.id == held[*index].id);
    (0..held.len()).filter(is_last).map(|index| held[index].clone()).collect()
}

/// What the answers of a run are worth by the corrected labels; `None` where no row is right or wrong as a whole.
pub(crate) fn rescored(measured: &Measured, run: u32, corrections: &[Correction]) -> Option<Rescored> {
    let rows = MeasuredRows::of(&measured.rows).filter(|rows| !rows.are_errors && !rows.rows.is_empty())?;
    let mut outcomes: Vec<f64> = rows.rows.iter().map(|row| row.outcome).collect();
    let mean = |outcomes: &[f64]| outcomes.iter().sum::<f64>() / outcomes.len() as f64;
    let (num_rows, before, fingerprint) = (outcomes.len(), mean(&outcomes), fingerprint(&rows));
    let of_split: Vec<&Correction> = corrections.iter().filter(|one| one.split == measured.split).collect();
    for one in &of_split {
        if let Some(outcome) = outcomes.get_mut(one.index) {
            *outcome = if one.predicted == one.value { 1.0 } else { 0.0 };
        }
    }
    let (split, num_corrected) = (measured.split, of_split.len());
    Some(Rescored { run, split, num_rows, rows: fingerprint, num_corrected, before, after: mean(&outcomes) })
}

/// Tells rows that were measured from others: by their numbers and words.
fn fingerprint(measured: &MeasuredRows) -> u64 {
    let mut hasher = DefaultHasher::new();
    measured.rows.iter().for_each(|row| (row.row, &row.text).hash(&mut hasher));
    hasher.finish()
}

impl Rescored {
    /// What the corrected labels change of what was measured.
    pub(crate) fn in_words(&self) -> String {
        let Self { run, split, num_rows, num_corrected, before, after, .. } = self;
        let [before, after] = [before, after].map(|share| format::percent(*share));
        format!(
            "On {} run {run} has an accuracy of {after} by the corrected labels, and of {before} by those before: what is \
             measured has changed, not the model. Only rows that it gets wrong are listed, so the figure by corrected labels \
             flatters it. Of these rows {num_corrected} were corrected.",
            format::plural(*num_rows, &format!("{} row", split_name(*split)))
        )
    }

    /// This run beside a second one, by the corrected labels where both were measured on the same rows. `rows` are those of the second
    /// ([`fingerprint`]).
    fn beside(&self, number: u32, split: Split, rows: Option<u64>, accuracy: f64) -> String {
        let Self { run, num_rows, before, after, .. } = self;
        if split != self.split || rows != Some(self.rows) {
            return format!("Run {number} was measured on other rows than run {run}: their figures are not compared.");
        }
        let rows = format::plural(*num_rows, &format!("{} row", split_name(split)));
        let [before, after, own] = [*before, *after, accuracy].map(format::percent);
        format!(
            "By the corrected labels, on the same {rows}: run {run} {after}, run {number} {own} (accuracy). By the labels before \
             run {run} had {before}; run {number} was not measured by those."
        )
    }
}

/// Whether a row of the table is the one that was measured: its texts are the same.
fn is_row(source: &RowSource, view: &RowView, wrong: &WrongLabel) -> bool {
    let cell =
        |role: &str| source.columns.iter().position(|(_, of)| of == role).and_then(|place| view.cells.get(place));
    let is_text = |cell: Option<&String>, text: &str| {
        // Of a very long cell only the beginning is shown.
        cell.is_some_and(|cell| cell == text || view.is_cut && text.starts_with(cell.trim_end_matches('…')))
    };
    is_text(cell("text"), &wrong.text)
        && wrong.second.as_ref().is_none_or(|second| is_text(cell("second text"), second))
}

/// The edit that gives a row its label; `None` where it has that already.
fn edit_of(source: &RowSource, view: &RowView, label: &str) -> Option<(RowEdit, String)> {
    let place = source.label_column()?;
    let mut values = view.cells.clone();
    label.clone_into(values.get_mut(place)?);
    let edit = set_cells(source, view, &values).pop()?;
    Some((edit, source.columns[place].0.clone()))
}

impl Store {
    /// Whether labels of the rows that were measured can be corrected; the reason where they can't.
    pub(crate) fn can_correct(self) -> Result<(), &'static str> {
        if !self.run.with(RunState::is_finished) {
            return Err("Labels are corrected here once a run has ended; before, at the step Data.");
        }
        if self.measured_tuned.with(Option::is_none) {
            return Err("Labels are corrected here by the answers of the trained model: measure it first.");
        }
        if self.measured_part.with(Option::is_some) || self.parts.are_several() {
            return Err("Labels of several tasks at once are corrected at the step Data.");
        }
        if self.row_source().is_none_or(|source| source.label_column().is_none()) {
            return Err("The labels of these rows are corrected in their own files.");
        }
        let of_run = self.started.with(|started| started.as_ref().map(|started| started.origin.made_of.files.clone()));
        if of_run.is_some_and(|files| files != self.data.identities()) {
            return Err("Other files were chosen since this run: its rows can't be corrected here.");
        }
        if !self.can_edit_rows() {
            return Err("Labels can be corrected when the model is loaded.");
        }
        Ok(())
    }

    /// The run whose figures are shown; 0 before there is one.
    fn looked_at(self) -> u32 {
        let number = self.started.with(|started| started.as_ref().map_or(0, |started| started.origin.number));
        if self.run.with(RunState::is_finished) { number } else { 0 }
    }

    /// Corrections of the run that is looked at, that hold.
    pub(crate) fn held_corrections(self) -> Vec<Correction> {
        let run = self.looked_at();
        self.corrections.made.with(|made| self.data.read.with(|read| held(made, run, &read.edits)))
    }

    /// What the run's answers are worth by the corrected labels; `None` where none was corrected.
    pub(crate) fn rescored(self) -> Option<Rescored> {
        let corrections = self.held_corrections();
        if corrections.is_empty() {
            return None;
        }
        let measured = self.measured_tuned.get()?;
        rescored(&measured, self.looked_at(), &corrections)
    }

    /// Begins to correct the label of a row.
    pub(crate) fn open_correction(self, wrong: WrongLabel) {
        self.corrections.note.set(None);
        self.corrections.active.set(Some(wrong));
        browser::after(0, || browser::focus_element(BOX_ID));
    }

    /// Leaves the row as it is.
    pub(crate) fn close_correction(self) {
        browser::keep_focus("correction", "wrong-rows-title");
        self.corrections.active.set(None);
    }

    /// Gives the row that is being corrected a label.
    pub(crate) fn correct_label(self, label: String) {
        let corrections = self.corrections;
        let (Some(wrong), Some(source)) = (corrections.active.get_untracked(), untrack(|| self.row_source())) else {
            return;
        };
        let Some(measured) = self.measured_tuned.get_untracked() else { return };
        let (split, run) = (measured.split, untrack(|| self.looked_at()));
        spawn_local(async move {
            let Some(view) = self.row_of(&source, split, &wrong).await else {
                let text = format!(
                    "Row {} is not as it was measured: it was edited or left out since, or another file is in its place. Its label can \
                     be corrected at the step Data.",
                    wrong.row
                );
                return corrections.note.set(Some(text));
            };
            let Some((edit, column)) = edit_of(&source, &view, &label) else {
                return corrections.note.set(Some(format!("Row {} has that label already.", wrong.row)));
            };
            if untrack(|| self.can_correct()).is_err() {
                return corrections
                    .note
                    .set(Some("Nothing was corrected: a run goes on, or rows are being loaded.".into()));
            }
            let WrongLabel { index, predicted, .. } = wrong;
            let made = Correction { run, split, index, id: view.id, column, predicted, value: label };
            self.edit_rows(vec![edit]);
            corrections.made.update(|all| all.push(made));
            corrections.note.set(None);
            self.close_correction();
        });
    }

    /// The row of the table that was measured as this one: in the file that its split comes from, else in another, where a person
    /// moved it from there.
    async fn row_of(self, source: &RowSource, split: Split, wrong: &WrongLabel) -> Option<RowView> {
        let has_own_file = match split {
            Split::Train => true,
            Split::Valid => self.data.valid.with_untracked(Option::is_some),
            Split::Test => self.data.test.with_untracked(Option::is_some),
        };
        let usual = if has_own_file { split } else { Split::Train };
        let ids = [Split::Train, Split::Valid, Split::Test].map(|file| RowId { file, row: wrong.row });
        let filter = RowFilter { rows: Some(ids.to_vec()), ..RowFilter::default() };
        let query = RowQuery { count: ids.len(), filter, ..RowQuery::default() };
        let edits = Some(self.data.read.with_untracked(|read| read.edits.clone()));
        let command = Command::RowsWindow { source: source.clone(), query, edits };
        let Ok((Reply::Rows { window }, _)) = self.request(command, Vec::new()).await else { return None };
        let mut found: Vec<RowView> = window.rows.into_iter().filter(|view| is_row(source, view, wrong)).collect();
        found.sort_by_key(|view| view.id.file != usual);
        found.into_iter().next()
    }

    /// Starts a second run with the corrected labels: from the weights of the first, or from the pretrained model.
    pub(crate) fn train_again(self, is_from_weights: bool) {
        if untrack(|| self.activity()).is_some() {
            return;
        }
        if self.resolved.with_untracked(Result::is_err) {
            return self.go_to(Step::Recipe); // it says what is wrong
        }
        let begin = move || {
            let first = untrack(|| self.rescored());
            if !is_from_weights {
                return self.start_second(first);
            }
            spawn_local(async move {
                if self.go_on_from_run().await {
                    self.start_second(first);
                }
            });
        };
        // What is saved can be opened again in the table of runs.
        if self.run.with_untracked(RunState::is_saved_whole) {
            begin();
        } else {
            self.confirm_losing_weights("Train again anyway", begin);
        }
    }

    fn start_second(self, first: Option<Rescored>) {
        let number = self.next_number();
        self.corrections.first.set(first.map(|first| (Arc::new(first), number)));
        self.start_run();
        self.go_to(Step::Train);
    }

    /// The run before beside the one whose figures are shown, where that was started with corrected labels; in words.
    pub(crate) fn beside_the_first(self) -> Option<String> {
        let (first, number) = self.corrections.first.get()?;
        let measured = self.measured_tuned.get().filter(|_| self.looked_at() == number)?;
        let accuracy = measured.evaluation.figure("accuracy")?;
        let rows = MeasuredRows::of(&measured.rows).map(|rows| fingerprint(&rows));
        Some(first.beside(number, measured.split, rows, accuracy))
    }

    /// Takes the weights of the run for the loaded model, and has the same rows read for it.
    async fn go_on_from_run(self) -> bool {
        let Some(info) = self.ask_for_trained(Step::Evaluate).await else { return false };
        // What was changed of the pretrained model is in these weights: a layer that was made fresh is not again.
        self.changes.set(RunDraft::default());
        self.take_model(info);
        self.load_data_now().await == Outcome::Read
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use hone_core::data::RowState;
    use hone_core::task::sequence_classification::RowPrediction;
    use hone_core::task::{RowPredictions, Task};

    use super::*;
    use crate::tasks::fixtures;

    fn correction(index: usize, row: usize, predicted: &str, value: &str) -> Correction {
        let id = RowId { file: Split::Train, row };
        let (predicted, value, column) = (predicted.to_owned(), value.to_owned(), "label".to_owned());
        Correction { run: 1, split: Split::Test, index, id, column, predicted, value }
    }

    fn set(row: usize, was: &str, value: &str) -> RowEdit {
        let column = "label".to_owned();
        RowEdit::SetCell { file: Split::Train, row, column, was: was.into(), value: value.into() }
    }

    /// Four test rows, of which the second and the third are answered wrongly.
    fn measured() -> Measured {
        let row = |row: usize, label: usize, predicted: usize| RowPrediction {
            row,
            text: format!("text {row}"),
            second: None,
            label,
            predicted,
            probabilities: vec![0.5, 0.5],
        };
        let rows = RowPredictions::SequenceClassification(vec![row(2, 0, 0), row(3, 0, 1), row(5, 1, 0), row(9, 1, 1)]);
        Measured { rows, ..fixtures::measured(fixtures::evaluation(Task::SequenceClassification, Vec::new())) }
    }

    #[test]
    fn a_correction_holds_while_its_edit_does() {
        let made = [correction(1, 3, "b", "b"), correction(2, 5, "a", "c"), correction(2, 5, "a", "a")];
        let edits = RowEdits { log: vec![set(3, "a", "b"), set(5, "b", "c"), set(5, "c", "a")] };
        assert_eq!(held(&made, 1, &edits), [made[0].clone(), made[2].clone()], "the last of a row counts");
        assert!(held(&made, 2, &edits).is_empty(), "those of another run");
        let undone = RowEdits { log: edits.log[..2].to_vec() };
        assert_eq!(held(&made, 1, &undone), made[..2], "the one before holds again");
        assert!(held(&made, 1, &RowEdits::default()).is_empty());
    }

    #[test]
    fn the_first_run_is_scored_by_the_corrected_labels_too() {
        let both = [correction(1, 3, "b", "b"), correction(2, 5, "a", "c")];
        let found = rescored(&measured(), 1, &both).expect("rows are right or wrong");
        assert_eq!((found.num_rows, found.num_corrected, found.before, found.after), (4, 2, 0.5, 0.75));
        let valid = Correction { split: Split::Valid, ..both[0].clone() };
        assert_eq!(rescored(&measured(), 1, &[valid]).map(|found| (found.num_corrected, found.after)), Some((0, 0.5)));
        let words = found.in_words();
        assert!(
            words.starts_with("On 4 test rows run 1 has an accuracy of 75.0 % by the corrected labels, and of 50.0 %")
        );
        let same = MeasuredRows::of(&measured().rows).map(|rows| fingerprint(&rows));
        let beside = found.beside(2, Split::Test, same, 0.875);
        let expected = "By the corrected labels, on the same 4 test rows: run 1 75.0 %, run 2 87.5 % (accuracy).";
        assert!(beside.starts_with(expected), "{beside}");
        let RowPredictions::SequenceClassification(mut rows) = measured().rows else { panic!("one label each") };
        rows[3].row += 1;
        let other = MeasuredRows::of(&RowPredictions::SequenceClassification(rows)).map(|rows| fingerprint(&rows));
        for (split, rows) in [(Split::Test, other), (Split::Valid, same), (Split::Test, None)] {
            assert!(found.beside(2, split, rows, 0.875).contains("not compared"));
        }
    }

    #[test]
    fn the_row_that_was_measured_is_known_by_its_words() {
        let own = |name: &str, role: &str| (name.to_owned(), role.to_owned());
        let columns = vec![own("body", "text"), own("kind", "label")];
        let source = RowSource { columns, file_columns: Vec::new(), is_lines: false, merge_labels: BTreeMap::new() };
        let view = RowView {
            id: RowId { file: Split::Train, row: 3 },
            state: RowState::Test,
            is_edited: false,
            num_tokens: None,
            cells: vec!["text 3".into(), "a".into()],
            label: None,
            is_cut: false,
        };
        let (text, label, predicted) = ("text 3".to_owned(), "a".to_owned(), "b".to_owned());
        let wrong = WrongLabel { index: 1, row: 3, text, second: None, label, predicted };
        assert!(is_row(&source, &view, &wrong));
        assert!(!is_row(&source, &view, &WrongLabel { text: "text 4".into(), ..wrong.clone() }));
        assert!(!is_row(&source, &view, &WrongLabel { second: Some("more".into()), ..wrong.clone() }));
        let cut = RowView { cells: vec!["text…".into(), "a".into()], is_cut: true, ..view.clone() };
        assert!(is_row(&source, &cut, &wrong));
        let (edit, column) = edit_of(&source, &view, "b").expect("another label");
        let (was, value) = ("a".to_owned(), "b".to_owned());
        let named = column.clone();
        assert_eq!(edit, RowEdit::SetCell { file: Split::Train, row: 3, column: named, was, value });
        assert_eq!(column, "kind");
        assert_eq!(edit_of(&source, &view, "a"), None, "it has that already");
    }
}
