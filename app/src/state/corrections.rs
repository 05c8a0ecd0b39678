//! Answers that a person corrects in a list of rows that a model gets wrong, and the second run that goes on from there. In: a row as it
//! was measured, and what it should have. Out: an edit of the row; what the first run's answers are worth by it (`made`), computed from
//! the answers that it gave; a second run, from the weights of the first or from the pretrained model.

mod answer;
mod kept;
mod made;
mod new_labels;
pub(crate) mod tags;

use std::sync::Arc;

use hone_core::config::{RowEdit, RunDraft, Split};
use hone_core::data::{RowFilter, RowId, RowQuery, RowSource, RowView};
use hone_core::session::protocol::{Command, Reply};
use hone_core::task::multi_label::LabelLayout;
use leptos::prelude::*;
use leptos::task::spawn_local;

use super::labeling::no_place;
use super::reading::Outcome;
use super::rows::set_cells;
use super::run::RunState;
use super::{Step, Store};
use crate::browser;
use crate::tasks;
pub(crate) use made::{AnswerKind, Correction, Rescored, WrongAnswer, number_of};
use made::{cells_after, find_held, rescore};

/// Id of the box in which a label is corrected, or of the first field.
pub(crate) const BOX_ID: &str = "correct-box";

/// Signals of rows that are corrected.
#[derive(Clone, Copy)]
pub(crate) struct CorrectionsState {
    /// The row that is being corrected.
    pub active: RwSignal<Option<WrongAnswer>>,
    /// Why one could not be.
    pub note: RwSignal<Option<String>>,
    made: RwSignal<Vec<Correction>>,
    /// A run whose rows were corrected, and the number of the one that was started with them.
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

/// Places of the columns that hold what is corrected, among those that are used.
fn answer_places(source: &RowSource, kind: AnswerKind) -> Vec<usize> {
    let is_answer = |role: &str| match kind {
        AnswerKind::Label | AnswerKind::Labels | AnswerKind::Numbers => role == "label" || role == "labels",
        AnswerKind::Text => ["target", "completion", "output"].contains(&role),
        AnswerKind::Tags => role == "tags" || role == "spans",
        AnswerKind::Answer => role == "answers",
    };
    let places = source.columns.iter().enumerate().filter(|(_, (_, role))| is_answer(role)).map(|(place, _)| place);
    let places: Vec<usize> = places.collect();
    if kind == AnswerKind::Label && places.len() > 1 { Vec::new() } else { places }
}

/// Whether a row of the table is the one that was measured: its texts are the same.
fn is_row(source: &RowSource, view: &RowView, wrong: &WrongAnswer) -> bool {
    if wrong.kind == AnswerKind::Tags {
        return tags::is_sentence(source, view, &wrong.text);
    }
    if wrong.kind == AnswerKind::Answer {
        return answer::is_question(source, view, &wrong.text, wrong.second.as_deref().unwrap_or_default());
    }
    if wrong.kind == AnswerKind::Text {
        // The model was given the texts of the row in a form of its own.
        let answers = answer_places(source, wrong.kind);
        let mut given = view.cells.iter().enumerate().filter(|(place, _)| !answers.contains(place));
        return given.all(|(_, cell)| wrong.text.contains(shown_part(view, cell).trim()));
    }
    let cell =
        |role: &str| source.columns.iter().position(|(_, of)| of == role).and_then(|place| view.cells.get(place));
    let is_text = |cell: Option<&String>, text: &str| {
        // Of a very long cell only the beginning is shown.
        cell.is_some_and(|cell| cell == text || view.is_cut && text.starts_with(shown_part(view, cell)))
    };
    is_text(cell("text"), &wrong.text)
        && wrong.second.as_ref().is_none_or(|second| is_text(cell("second text"), second))
}

/// What of a cell is shown of its own.
fn shown_part<'v>(view: &RowView, cell: &'v str) -> &'v str {
    if view.is_cut { cell.trim_end_matches('…') } else { cell }
}

/// The edits that give a row its answer: of each column that is to hold something else one.
fn edits_of(
    source: &RowSource,
    view: &RowView,
    (kind, layout): (AnswerKind, Option<&LabelLayout>),
    values: &[String],
) -> Vec<RowEdit> {
    let places = answer_places(source, kind);
    let columns: Vec<(&str, &str)> =
        places.iter().map(|&place| (source.columns[place].0.as_str(), view.cells[place].as_str())).collect();
    let written = match layout {
        Some(layout) if kind == AnswerKind::Labels => {
            let before = layout.labels_of(&columns).unwrap_or_default();
            let ordered = in_order_of(&before, values);
            if ordered == before {
                return Vec::new();
            }
            layout.cells_with(&ordered, &columns)
        }
        _ if kind == AnswerKind::Numbers => {
            values.iter().zip(&columns).map(|(value, (_, before))| keep_comma(value, before)).collect()
        }
        _ => values.to_vec(),
    };
    let mut cells = view.cells.clone();
    for (place, value) in places.into_iter().zip(written) {
        cells[place] = value;
    }
    set_cells(source, view, &cells)
}

/// Labels in the order of those before, then the others.
fn in_order_of(before: &[String], labels: &[String]) -> Vec<String> {
    let kept = before.iter().filter(|label| labels.contains(label));
    kept.chain(labels.iter().filter(|label| !before.contains(label))).cloned().collect()
}

/// Writes a number with a decimal comma where the one before has it.
fn keep_comma(number: &str, before: &str) -> String {
    let has_comma = before.contains(',') && !before.contains('.');
    match number.trim() {
        same if same == before.trim() => before.to_owned(),
        number if has_comma => number.replacen('.', ",", 1),
        number => number.to_owned(),
    }
}

impl Store {
    /// Whether rows that were measured can be corrected; the reason where they can't.
    pub(crate) fn can_correct(self, kind: AnswerKind) -> Result<(), &'static str> {
        if !self.run.with(RunState::is_finished) {
            return Err("Rows are corrected here once a run has ended; before, at the step Data.");
        }
        if self.measured_tuned.with(Option::is_none) {
            return Err("Rows are corrected here by the answers of the trained model: measure it first.");
        }
        if self.measured_part.with(Option::is_some) || self.parts.are_several() {
            return Err("Rows of several tasks at once are corrected at the step Data.");
        }
        let nests_rows =
            self.data.report.with(|report| report.as_ref().is_some_and(|report| tasks::nests_rows(report)));
        let has_columns = || self.row_source().is_some_and(|source| !answer_places(&source, kind).is_empty());
        if nests_rows || !self.rows_are_images() && !has_columns() {
            return Err("These rows are corrected in their own files.");
        }
        let of_run = self.started.with(|started| started.as_ref().map(|started| started.origin.made_of.files.clone()));
        if of_run.is_some_and(|files| files != self.data.identities()) {
            return Err("Other files were chosen since this run: its rows can't be corrected here.");
        }
        if !self.can_edit_rows() {
            return Err("Rows can be corrected when the model is loaded.");
        }
        Ok(())
    }

    /// Whether rows are images, which are known by their numbers and no rows of a table.
    pub(crate) fn rows_are_images(self) -> bool {
        tasks::of(self.data.task.get()).reads_images
    }

    /// How the labels of a row stand in its cells, where it has any number of them.
    pub(crate) fn label_layout(self) -> Option<LabelLayout> {
        self.data.report.with(|report| report.as_ref().and_then(|report| tasks::label_layout(report)))
    }

    /// The run whose figures are shown; 0 before there is one.
    fn looked_at(self) -> u32 {
        let number = self.started.with(|started| started.as_ref().map_or(0, |started| started.origin.number));
        if self.run.with(RunState::is_finished) { number } else { 0 }
    }

    /// Corrections of the run that is looked at, that hold.
    pub(crate) fn held_corrections(self) -> Vec<Correction> {
        let run = self.looked_at();
        self.corrections.made.with(|made| self.data.read.with(|read| find_held(made, run, &read.edits)))
    }

    /// What the run's answers are worth by what was corrected; `None` where nothing was.
    pub(crate) fn rescore(self) -> Option<Rescored> {
        let corrections = self.held_corrections();
        if corrections.is_empty() {
            return None;
        }
        let measured = self.measured_tuned.get()?;
        rescore(&measured, self.looked_at(), &corrections)
    }

    /// Begins to correct a row. What its numbers, its text or its tags are in the file is asked for first.
    pub(crate) fn open_correction(self, wrong: WrongAnswer) {
        let corrections = self.corrections;
        corrections.note.set(None);
        let show = move |wrong: WrongAnswer| {
            corrections.active.set(Some(wrong));
            browser::after(0, || browser::focus_element(BOX_ID));
        };
        if matches!(wrong.kind, AnswerKind::Label | AnswerKind::Labels) {
            return show(wrong);
        }
        corrections.active.set(None);
        if let Err(reason) = untrack(|| self.can_correct(wrong.kind)) {
            return corrections.note.set(Some(reason.into()));
        }
        let (Some(source), Some(measured)) = (untrack(|| self.row_source()), self.measured_tuned.get_untracked())
        else {
            return;
        };
        spawn_local(async move {
            let Some(view) = self.row_of(&source, measured.split, &wrong).await else {
                return corrections.note.set(Some(not_as_measured(wrong.row)));
            };
            let values: Vec<String> =
                answer_places(&source, wrong.kind).into_iter().map(|place| view.cells[place].clone()).collect();
            let needs_all = wrong.kind == AnswerKind::Answer && view.is_cut;
            if needs_all || values.iter().any(|value| shown_part(&view, value) != value) {
                return corrections.note.set(Some(format!("Row {} is too long to be corrected here.", wrong.row)));
            }
            let read = match wrong.kind {
                AnswerKind::Tags => self.read_sentence((&source, &view), &measured, wrong.index),
                AnswerKind::Answer => Ok(vec![answer::answer_of(&source, &view)]),
                _ => Ok(values),
            };
            let Some(values) = self.take_or_note(read) else { return };
            show(WrongAnswer { values, ..wrong });
        });
    }

    /// What was found; where nothing was, it is said why.
    fn take_or_note<T>(self, found: Result<T, String>) -> Option<T> {
        found.map_err(|reason| self.corrections.note.set(Some(reason))).ok()
    }

    /// Leaves the row as it is.
    pub(crate) fn close_correction(self) {
        browser::keep_focus("correction", "wrong-rows-title");
        self.corrections.active.set(None);
    }

    /// Gives the row that is being corrected its label, labels, numbers, text or tags.
    pub(crate) fn correct_row(self, values: Vec<String>) {
        let Some(wrong) = self.corrections.active.get_untracked() else { return };
        let Some(measured) = self.measured_tuned.get_untracked() else { return };
        let split = measured.split;
        if untrack(|| self.rows_are_images()) {
            let id = RowId { file: self.file_of(split), row: wrong.row };
            let edits = untrack(|| self.edits_of_image(id, &wrong, &values));
            return self.make_correction(split, id, wrong, edits, values);
        }
        let Some(source) = untrack(|| self.row_source()) else { return };
        let layout = untrack(|| self.label_layout());
        spawn_local(async move {
            let Some(view) = self.row_of(&source, split, &wrong).await else {
                return self.corrections.note.set(Some(not_as_measured(wrong.row)));
            };
            let columns: Vec<&str> = source.columns.iter().map(|(name, _)| name.as_str()).collect();
            let without = layout.as_ref().and_then(|layout| layout.find_without_place(&values, &columns));
            if let Some(label) = without {
                return self.corrections.note.set(Some(no_place(label)));
            }
            let edits = match wrong.kind {
                AnswerKind::Tags => self.tag_sentence((&source, &view), &measured, wrong.index, &values),
                AnswerKind::Answer => answer::edits_of_answer(&source, &view, &values.concat()),
                kind => Ok(edits_of(&source, &view, (kind, layout.as_ref()), &values)),
            };
            let Some(edits) = self.take_or_note(edits) else { return };
            self.make_correction(split, view.id, wrong, edits, values);
        });
    }

    fn make_correction(self, split: Split, id: RowId, wrong: WrongAnswer, edits: Vec<RowEdit>, values: Vec<String>) {
        let corrections = self.corrections;
        if edits.is_empty() {
            let [noun, _] = wrong.kind.nouns();
            return corrections.note.set(Some(format!("Row {} has that {noun} already.", wrong.row)));
        }
        if untrack(|| self.can_correct(wrong.kind)).is_err() {
            let text = "Nothing was corrected: a run goes on, or rows are being loaded.";
            return corrections.note.set(Some(text.into()));
        }
        let (run, cells) = (untrack(|| self.looked_at()), cells_after(&edits));
        let WrongAnswer { kind, index, predicted, .. } = wrong;
        let made = Correction { kind, run, split, index, id, cells, predicted, values };
        if let Err(reason) = self.try_edit_rows(edits) {
            return corrections.note.set(Some(reason));
        }
        corrections.made.update(|all| all.push(made));
        corrections.note.set(None);
        self.close_correction();
    }

    /// The edit of the label of an image; none where it has that already.
    fn edits_of_image(self, id: RowId, wrong: &WrongAnswer, values: &[String]) -> Vec<RowEdit> {
        let column = self.image_label_column();
        let edited = self.data.read.with(|read| {
            let edited = read.edits.of_file(id.file);
            let cell = edited.get(&id.row).and_then(|row| row.cells.iter().find(|cell| cell.column == column));
            cell.map(|cell| cell.value.to_owned())
        });
        let Some(was) = edited.or_else(|| wrong.values.first().cloned()) else { return Vec::new() };
        let (RowId { file, row }, Some(value)) = (id, values.first().filter(|value| **value != was).cloned()) else {
            return Vec::new();
        };
        vec![RowEdit::SetCell { file, row, column, was, value }]
    }

    /// The file that rows of a split come from, where nobody moved them.
    fn file_of(self, split: Split) -> Split {
        let has_own_file = match split {
            Split::Train => true,
            Split::Valid => self.data.valid.with_untracked(Option::is_some),
            Split::Test => self.data.test.with_untracked(Option::is_some),
        };
        if has_own_file { split } else { Split::Train }
    }

    /// The row of the table that was measured as this one: in the file that its split comes from, else in another, where a person
    /// moved it from there.
    async fn row_of(self, source: &RowSource, split: Split, wrong: &WrongAnswer) -> Option<RowView> {
        let usual = self.file_of(split);
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

    /// Starts a second run with what was corrected: from the weights of the first, or from the pretrained model.
    pub(crate) fn train_again(self, is_from_weights: bool) {
        if untrack(|| self.activity()).is_some() {
            return;
        }
        if self.resolved.with_untracked(Result::is_err) {
            return self.go_to(Step::Recipe); // it says what is wrong
        }
        let begin = move || {
            let first = untrack(|| self.rescore());
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

    /// The run before beside the one whose figures are shown, where that was started with corrected rows; in words.
    pub(crate) fn beside_the_first(self) -> Option<String> {
        let (first, number) = self.corrections.first.get()?;
        let measured = self.measured_tuned.get().filter(|_| self.looked_at() == number)?;
        Some(first.beside(number, &measured))
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

/// Why a row can't be corrected that was found otherwise.
fn not_as_measured(row: usize) -> String {
    format!(
        "Row {row} is not in its file as it was measured: its text was cleaned as it was read, it was edited or left out since, or another \
         file is in its place. It can be corrected at the step Data."
    )
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use hone_core::data::RowState;

    use super::*;

    fn source(columns: &[(&str, &str)]) -> RowSource {
        let columns = columns.iter().map(|(name, role)| ((*name).to_owned(), (*role).to_owned())).collect();
        RowSource { columns, file_columns: Vec::new(), is_lines: false, merge_labels: BTreeMap::new() }
    }

    fn view(cells: &[&str]) -> RowView {
        RowView {
            id: RowId { file: Split::Train, row: 3 },
            state: RowState::Test,
            is_edited: false,
            num_tokens: None,
            cells: cells.iter().map(|&cell| cell.to_owned()).collect(),
            label: None,
            is_cut: false,
        }
    }

    fn wrong(kind: AnswerKind, text: &str) -> WrongAnswer {
        let (values, predicted) = (vec!["a".to_owned()], vec!["b".to_owned()]);
        WrongAnswer { kind, index: 1, row: 3, text: text.into(), second: None, values, predicted }
    }

    fn owned(values: &[&str]) -> Vec<String> {
        values.iter().map(|&value| value.to_owned()).collect()
    }

    #[test]
    fn the_row_that_was_measured_is_known_by_its_words() {
        let source = source(&[("body", "text"), ("kind", "label")]);
        let (view, label) = (view(&["text 3", "a"]), wrong(AnswerKind::Label, "text 3"));
        assert!(is_row(&source, &view, &label));
        assert!(!is_row(&source, &view, &wrong(AnswerKind::Label, "text 4")));
        assert!(!is_row(&source, &view, &WrongAnswer { second: Some("more".into()), ..label.clone() }));
        let cut = RowView { cells: owned(&["text…", "a"]), is_cut: true, ..view.clone() };
        assert!(is_row(&source, &cut, &label));
        let edits = edits_of(&source, &view, (AnswerKind::Label, None), &owned(&["b"]));
        let (was, value, column) = ("a".to_owned(), "b".to_owned(), "kind".to_owned());
        assert_eq!(edits, [RowEdit::SetCell { file: Split::Train, row: 3, column, was, value }]);
        assert_eq!(cells_after(&edits), [("kind".to_owned(), "b".to_owned())]);
        assert!(edits_of(&source, &view, (AnswerKind::Label, None), &owned(&["a"])).is_empty(), "it has that already");
    }

    #[test]
    fn a_row_that_a_model_writes_for_is_known_by_what_it_was_given() {
        let source = source(&[("instruction", "instruction"), ("about", "input"), ("answer", "output")]);
        let asked = wrong(AnswerKind::Text, "Do it.\n### Instruction: Add.\n### Input: 2, 3");
        assert!(is_row(&source, &view(&["Add.", " 2, 3", "6"]), &asked));
        assert!(!is_row(&source, &view(&["Take away.", "2, 3", "6"]), &asked));
        let edits = edits_of(&source, &view(&["Add.", "2, 3", "6"]), (AnswerKind::Text, None), &owned(&["5"]));
        assert_eq!(cells_after(&edits), [("answer".to_owned(), "5".to_owned())]);
    }

    #[test]
    fn labels_are_edited_as_they_stand_in_the_file() {
        let one = source(&[("text", "text"), ("tags", "labels")]);
        let layout = LabelLayout::Cell { separator: Some(';') };
        let edits = edits_of(&one, &view(&["x", "a;b"]), (AnswerKind::Labels, Some(&layout)), &owned(&["b", "c"]));
        assert_eq!(cells_after(&edits), [("tags".to_owned(), "b;c".to_owned())]);
        let same = edits_of(&one, &view(&["x", "a; b"]), (AnswerKind::Labels, Some(&layout)), &owned(&["b", "a"]));
        assert!(same.is_empty(), "the same labels in another order");
        let each = source(&[("text", "text"), ("toxic", "label"), ("rude", "label"), ("loud", "label")]);
        let layout = LabelLayout::Columns { has_marks: false };
        let edits = edits_of(
            &each,
            &view(&["x", "1", "0", "1"]),
            (AnswerKind::Labels, Some(&layout)),
            &owned(&["rude", "loud"]),
        );
        let expected = [("toxic", "0"), ("rude", "1")].map(|(column, cell)| (column.to_owned(), cell.to_owned()));
        assert_eq!(cells_after(&edits), expected, "only what is other");
        assert!(answer_places(&each, AnswerKind::Label).is_empty(), "there is no one column of the label");
        let edits =
            edits_of(&each, &view(&["x", "1", "0", "1"]), (AnswerKind::Numbers, None), &owned(&["1", "0", "2.5"]));
        assert_eq!(cells_after(&edits), [("loud".to_owned(), "2.5".to_owned())]);
        assert_eq!(
            [keep_comma(" 2.5", "0,5"), keep_comma("2,5", "0,5"), keep_comma("2.5 ", "3")],
            ["2,5", "2,5", "2.5"]
        );
        assert_eq!(keep_comma("3", " 3"), " 3", "it is the same");
    }
}
