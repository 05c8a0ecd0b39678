//! The rows one by one. In: what is searched, filtered, sorted and scrolled to. Out: a window of rows from the worker, one request at
//! a time; and the rows that a person selects. `edits` is what becomes of these, `findings` what may be wrong with them,
//! `half` what is left of too many, `own_labels` which labels rows of an own file can't have.

mod edits;
mod findings;
mod half;
mod own_labels;

use std::collections::HashSet;
use std::sync::Arc;

use hone_core::config::{MadeCopies, ReadOptions, RowEdits, Split};
use hone_core::data::{RowFilter, RowId, RowQuery, RowSource, RowView, RowWindow};
use hone_core::session::protocol::{Command, Problem, Reply};
use leptos::prelude::*;

pub(crate) use self::edits::set_cells;
use self::findings::FindingsState;
use super::data::Slot;
use super::{Store, unexpected};
use crate::browser;
use crate::client::Answer;
use crate::format;

/// Rows that are asked for above and below those in view.
const OVERSCAN: usize = 15;

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
    /// The edits, and the copies that a model made, that the last reading was asked for with.
    asked: StoredValue<(RowEdits, MadeCopies)>,
    /// Those that the report was made with.
    held: StoredValue<(RowEdits, MadeCopies)>,
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
            asked: StoredValue::default(),
            held: StoredValue::default(),
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

    /// A reading begins, with these edits and copies; or those of the reading before stand.
    pub(super) fn note_reading(self, read: &ReadOptions) {
        self.asked.set_value((read.edits.clone(), read.copies.clone()));
    }

    /// There is a report that was made with these edits and copies: where the page has others, rows are read again with them.
    pub(super) fn note_read(self, read: &ReadOptions) {
        self.note_reading(read);
        self.held.set_value(self.asked.get_value());
    }

    /// The last reading was asked for with these edits and copies.
    fn is_asked(self, read: &ReadOptions) -> bool {
        self.asked.with_value(|(edits, copies)| *edits == read.edits && *copies == read.copies)
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
}

fn window_of(answer: Answer) -> Result<RowWindow, Problem> {
    match answer? {
        (Reply::Rows { window }, _) => Ok(*window),
        (other, _) => Err(unexpected(&other)),
    }
}
