//! The rows one by one, and edits of them. In: what is searched, filtered, sorted and scrolled to. Out: a window of rows from the
//! worker, one request at a time; edits that are made go into the way the rows are read, where a step back finds them, and the rows
//! are read again with them. `findings` is what may be wrong with them.

mod findings;

use std::collections::HashSet;
use std::sync::Arc;

use hone_core::config::{RowEdit, RowEdits, Split};
use hone_core::data::{RowFilter, RowId, RowQuery, RowSource, RowView, RowWindow, edits_by_file};
use hone_core::session::protocol::{Command, Problem, Reply};
use leptos::prelude::*;

use self::findings::FindingsState;
use super::data::Slot;
use super::{Step, Store, unexpected};
use crate::browser;
use crate::client::Answer;
use crate::format;

/// Rows that are asked for above and below those in view.
const OVERSCAN: usize = 15;

/// Most rows that get a label at once: what stood in each goes into the log.
const MAX_LABELED: usize = 500;

/// Said where an edit was not made.
const NO_EDITS: &str =
    "Nothing was edited: a run goes on, the rows or a model are being loaded, or rows of this task have no edits.";

/// Said after an edit that changes which rows there are to draw from, or their labels.
const DRAWN_ANEW: &str = "Validation and test rows are drawn anew from the rows that are left, but for those that were moved: runs \
    before and after this edit are measured on other rows.";

/// Signals of the rows one by one.
#[derive(Clone, Copy)]
pub(crate) struct RowsState {
    pub is_open: RwSignal<bool>,
    pub findings: FindingsState,
    /// What is searched, filtered and sorted.
    pub query: RwSignal<RowQuery>,
    pub window: RwSignal<Option<Arc<RowWindow>>>,
    /// Labels with how many rows have each.
    pub labels: RwSignal<Arc<Vec<(String, usize)>>>,
    /// The row that keys act on, by its place among those that match.
    pub active: RwSignal<Option<usize>>,
    pub selected: RwSignal<HashSet<RowId>>,
    /// What there is to say: what was written, or went wrong.
    pub note: RwSignal<Option<String>>,
    /// Where a selection over several rows began.
    anchor: StoredValue<usize>,
    /// The first row in view, and how many are.
    visible: StoredValue<(usize, usize)>,
    is_asking: StoredValue<bool>,
    asks_again: StoredValue<bool>,
    /// What the worker was last told.
    sent: StoredValue<Option<(RowSource, RowEdits)>>,
    /// The edits that the last reading was asked for with.
    asked: StoredValue<RowEdits>,
    /// Those that the report was made with.
    held: StoredValue<RowEdits>,
}

impl RowsState {
    pub(super) fn new() -> Self {
        Self {
            is_open: RwSignal::new(false),
            findings: FindingsState::new(),
            query: RwSignal::new(RowQuery::default()),
            window: RwSignal::new(None),
            labels: RwSignal::new(Arc::default()),
            active: RwSignal::new(None),
            selected: RwSignal::new(HashSet::new()),
            note: RwSignal::new(None),
            anchor: StoredValue::new(0),
            visible: StoredValue::new((0, 20)),
            is_asking: StoredValue::new(false),
            asks_again: StoredValue::new(false),
            sent: StoredValue::new(None),
            asked: StoredValue::new(RowEdits::default()),
            held: StoredValue::new(RowEdits::default()),
        }
    }

    /// The files are others: what was searched and chosen in those before says nothing of them.
    fn forget_choices(self) {
        self.query.set(RowQuery::default());
        self.window.set(None);
        self.active.set(None);
        self.selected.update(HashSet::clear);
        self.note.set(None);
        self.anchor.set_value(0);
        self.visible.update_value(|(first, _)| *first = 0);
        self.sent.set_value(None);
    }

    /// A reading begins, with these edits; or those of the reading before stand.
    pub(super) fn note_reading(self, edits: RowEdits) {
        self.asked.set_value(edits);
    }

    /// The rows that an action is for: those that are selected, else the one that keys act on.
    pub(crate) fn chosen(self) -> Vec<RowId> {
        let mut chosen: Vec<RowId> = self.selected.with(|selected| selected.iter().copied().collect());
        chosen.sort_unstable();
        if chosen.is_empty() {
            chosen.extend(self.active_row().map(|row| row.id));
        }
        chosen
    }

    /// The row that keys act on, where it is at hand.
    pub(crate) fn active_row(self) -> Option<RowView> {
        let active = self.active.get()?;
        self.window.with(|window| {
            let window = window.as_ref()?;
            window.rows.get(active.checked_sub(window.from)?).cloned()
        })
    }
}

impl Slot {
    /// The split of its rows.
    pub(super) fn split(self) -> Split {
        match self {
            Self::Train => Split::Train,
            Self::Valid => Split::Valid,
            Self::Test => Split::Test,
        }
    }
}

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
    /// How the rows that were read can be looked through; `None` where they can't.
    pub(crate) fn row_source(self) -> Option<RowSource> {
        self.data.report.with(|report| self.data.read.with(|read| report.as_ref()?.row_source(read)))
    }

    /// Rows can be edited now.
    pub(crate) fn can_edit_rows(self) -> bool {
        let reads_edits = self.data.report.with(|report| report.as_ref().is_some_and(|report| report.has_row_edits()));
        reads_edits && !self.run.with(|run| run.is_active()) && !self.model.loading.get()
    }

    /// Opens the table of rows, or closes it.
    pub(crate) fn toggle_rows(self) {
        let is_open = !self.rows.is_open.get_untracked();
        self.rows.is_open.set(is_open);
        self.rows.note.set(None);
        if is_open {
            self.ask_rows();
        } else {
            self.rows.window.set(None);
        }
    }

    /// Shows the rows of a filter, such as those that a finding of the report names.
    pub(crate) fn look_at_rows(self, filter: RowFilter) {
        self.rows.is_open.set(true);
        self.ask_other_rows(|query| *query = RowQuery { filter, ..RowQuery::default() });
        browser::after(0, || browser::focus_element("rows-grid"));
    }

    /// Changes what is searched, filtered or sorted: the rows are shown from the first on.
    pub(crate) fn ask_other_rows(self, change: impl FnOnce(&mut RowQuery)) {
        let rows = self.rows;
        rows.query.update(change);
        rows.selected.update(HashSet::clear);
        rows.active.set(None);
        rows.visible.update_value(|(first, _)| *first = 0);
        browser::scroll_to("rows-grid", 0);
        self.ask_rows();
    }

    /// The table is built anew, and shows the first rows.
    pub(crate) fn show_first_rows(self) {
        self.rows.visible.update_value(|(first, _)| *first = 0);
        self.ask_rows();
    }

    /// Other rows are in view.
    pub(crate) fn show_rows(self, first: usize, count: usize) {
        if self.rows.visible.get_value() != (first, count) {
            self.rows.visible.set_value((first, count));
            self.ask_rows();
        }
    }

    /// Asks for the rows in view; where that goes on already, once more after it.
    pub(crate) fn ask_rows(self) {
        let rows = self.rows;
        if !rows.is_open.get_untracked() {
            return;
        }
        if rows.is_asking.get_value() {
            return rows.asks_again.set_value(true);
        }
        let Some(source) = untrack(|| self.row_source()) else { return };
        let edits = self.data.read.with_untracked(|read| read.edits.clone());
        let told = (source.clone(), edits);
        let is_known = rows.sent.with_value(|sent| sent.as_ref() == Some(&told));
        let (first, count) = rows.visible.get_value();
        let query = RowQuery {
            from: first.saturating_sub(OVERSCAN),
            count: count + 2 * OVERSCAN,
            wants_labels: !is_known,
            ..rows.query.get_untracked()
        };
        let edits = (!is_known).then(|| told.1.clone());
        rows.is_asking.set_value(true);
        self.client().send(Command::RowsWindow { source, query, edits }, Vec::new(), move |answer| {
            rows.is_asking.set_value(false);
            self.take_window(answer, told);
            if rows.asks_again.get_value() {
                rows.asks_again.set_value(false);
                self.ask_rows();
            }
        });
    }

    fn take_window(self, answer: Answer, told: (RowSource, RowEdits)) {
        let rows = self.rows;
        match window_of(answer) {
            Ok(window) => {
                rows.sent.set_value(Some(told));
                if let Some(labels) = window.labels.clone() {
                    rows.labels.set(Arc::new(labels));
                }
                if window.total > 0 && window.rows.is_empty() {
                    // Fewer rows match than before.
                    rows.visible.update_value(|(first, count)| *first = window.total.saturating_sub(*count));
                    rows.asks_again.set_value(true);
                }
                rows.window.set(Some(Arc::new(window)));
            }
            Err(problem) => {
                rows.sent.set_value(None);
                rows.window.set(None);
                rows.note.set(Some(format::sentence(&format!("{}: {}", problem.message, problem.hint))));
            }
        }
    }

    /// Asks for rows beside those in view; `then` gets them.
    fn ask_beside(self, query: RowQuery, then: impl FnOnce(RowWindow) + 'static) {
        let Some(source) = untrack(|| self.row_source()) else { return };
        self.client().send(
            Command::RowsWindow { source, query, edits: None },
            Vec::new(),
            move |answer| match window_of(answer) {
                Ok(window) => then(window),
                Err(problem) => self.rows.note.set(Some(format::sentence(&problem.message))),
            },
        );
    }

    /// Makes a row the one that keys act on. With `extends` all rows from where the selection began to it are selected, with
    /// `toggles` it is selected, or no more.
    pub(crate) fn choose_row(self, index: usize, extends: bool, toggles: bool) {
        let rows = self.rows;
        rows.active.set(Some(index));
        if extends {
            let anchor = rows.anchor.get_value();
            let (from, to) = (anchor.min(index), anchor.max(index));
            let query = RowQuery { from, count: to - from + 1, is_ids: true, ..rows.query.get_untracked() };
            return self.ask_beside(query, move |window| rows.selected.set(window.ids.into_iter().collect()));
        }
        rows.anchor.set_value(index);
        let id = untrack(|| rows.active_row()).map(|row| row.id);
        rows.selected.update(|selected| match id {
            Some(id) if toggles => {
                if !selected.remove(&id) {
                    selected.insert(id);
                }
            }
            None if toggles => {} // it is not at hand
            _ => selected.clear(),
        });
    }

    /// Selects all rows that match.
    pub(crate) fn select_all_rows(self) {
        let rows = self.rows;
        let query = RowQuery { from: 0, count: usize::MAX >> 1, is_ids: true, ..rows.query.get_untracked() };
        self.ask_beside(query, move |window| rows.selected.set(window.ids.into_iter().collect()));
    }

    /// Makes edits of rows; all of them are one step.
    pub(crate) fn edit_rows(self, edits: Vec<RowEdit>) {
        if edits.is_empty() {
            return;
        }
        if !untrack(|| self.can_edit_rows()) {
            return self.rows.note.set(Some(NO_EDITS.into()));
        }
        self.rows.note.set(untrack(|| self.draws_anew(&edits)).then(|| DRAWN_ANEW.into()));
        self.edit(None, || self.data.read.update(|read| read.edits.log.extend(edits)));
        self.rows.selected.update(HashSet::clear);
        self.ask_rows();
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

    /// Writes a file of rows with its edits made, or those of its rows that are in a split.
    pub(crate) fn save_cleaned(self, file: Split, split: Option<Split>) {
        let Some(source) = untrack(|| self.row_source()) else { return };
        let read = self.data.read.get_untracked();
        self.rows.note.set(None);
        self.client().send(Command::CleanFile { file, source, read, split }, Vec::new(), move |answer| {
            let problem = match answer {
                Ok((Reply::Cleaned { name, blob, num_rows, notes }, blobs)) => {
                    let Some(buffer) = blobs.get(blob) else { return };
                    if self.save(Step::Data, &name, buffer, "application/octet-stream") {
                        let said = format!("{name} has {}", format::plural(num_rows, "row"));
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

    /// Reads the rows again once they were edited; where that fails the edits are taken back. Windows follow what is read.
    pub(super) fn follow_row_edits(self) {
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
            let is_asked = || data.read.with_untracked(|read| rows.asked.with_value(|asked| *asked == read.edits));
            if has_report && is_asked() {
                rows.held.set_value(rows.asked.get_value());
            }
            rows.sent.set_value(None);
            self.ask_rows();
        });
        let is_edited = move || {
            let is_idle = !data.loading.get() && !self.model.loading.get() && !self.run.with(|run| run.is_active());
            let is_read = data.report.with(Option::is_some);
            let is_other = data.read.with(|read| rows.asked.with_value(|asked| *asked != read.edits));
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
                    data.read.update_untracked(|read| read.edits = rows.held.get_value());
                    self.reread_data_as(wanted);
                }
            });
        });
    }
}

fn window_of(answer: Answer) -> Result<RowWindow, Problem> {
    match answer? {
        (Reply::Rows { window }, _) => Ok(*window),
        (other, _) => Err(unexpected(&other)),
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use hone_core::data::RowState;

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
