//! The rows of all files as a person looks through them: searched, filtered, sorted, a window at a time.
//!
//! In: the files, read as the task reads them but without edits; then edits, what each row is used for, and queries. Out: windows.
//! The order of a query is kept until another one is asked for, so that a window further down costs only its own rows; texts
//! are made lower-case once, at the first search.

use std::borrow::Cow;
use std::collections::{BTreeMap, HashMap, HashSet};

use super::query::{RowFilter, RowId, RowQuery, RowSort, RowSource, RowState, RowView, RowWindow};
use super::set_cells;
use crate::config::{ReadOptions, RowEdits, Split};
use crate::data::columns::index_of;
use crate::data::error::DataError;
use crate::data::labels::sort_labels;
use crate::data::parse::{Row, RowKind, Table, parse_keeping_nested, parse_lines, parse_tagged};
use crate::data::rows::{BadCell, DataFiles, RowFormat, SourceRow, UsedColumn, read_rows};
use crate::data::test_labels::is_learned;

/// Longest cell that is shown, in bytes.
const MAX_CELL: usize = 8 << 10;

/// Most rows of a window.
const MAX_ROWS: usize = 500;

/// Most labels that are listed.
const MAX_LABELS: usize = 1000;

/// A row of a file.
#[derive(Debug)]
struct FileRow {
    id: RowId,
    cells: Vec<String>,
    /// Its split when the rows were last shared out; `None` where it can't be used.
    split: Option<Split>,
    num_tokens: Option<usize>,
    moved: Option<Split>,
    is_dropped: bool,
    is_changed: bool,
}

impl FileRow {
    fn state(&self) -> RowState {
        match (self.is_dropped, self.split, self.moved) {
            (true, ..) => RowState::Dropped,
            (_, None, _) => RowState::Unused,
            (_, Some(split), moved) => moved.unwrap_or(split).into(),
        }
    }
}

/// A row of the training file that lacks nothing but its label.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UnlabeledRow {
    /// Which.
    pub id: RowId,
    /// What stands in the cell of its label: nothing, or spaces.
    pub label: String,
    /// Its text.
    pub text: String,
    /// The second text of a pair.
    pub second: Option<String>,
}

/// Rows of all files.
#[derive(Debug)]
pub struct RowTable {
    source: RowSource,
    label_column: Option<usize>,
    rows: Vec<FileRow>,
    index: HashMap<RowId, usize>,
    /// What stands in the files, of rows with an edited cell.
    originals: HashMap<usize, Vec<String>>,
    /// All cells of each row in lower case, from the first search on.
    folded: Vec<Option<String>>,
    /// The rows of the last query in their order.
    order: Option<(RowQuery, Vec<usize>)>,
}

impl RowTable {
    /// Reads the files: rows that can't be read are left out, rows that can't be used are among them.
    ///
    /// # Errors
    /// When a file is no table with the columns that are used.
    pub fn open(files: &DataFiles, read: &ReadOptions, source: &RowSource) -> Result<Self, DataError> {
        let read = ReadOptions { edits: RowEdits::default(), sharing: Default::default(), ..read.clone() };
        let parse_file = |name: &str, bytes: &[u8], read: &ReadOptions| match source.kind() {
            RowKind::Line => parse_lines(bytes, read),
            RowKind::Cells => parse_keeping_nested(name, bytes, read),
            RowKind::Sentence => parse_tagged(name, bytes, read),
        };
        let choose = |table: &Table, _: &ReadOptions| -> Result<Vec<UsedColumn>, DataError> {
            source.columns.iter().map(|(name, role)| column_of(table, name, role)).collect()
        };
        let mut take = |row: &mut Row, used: &[UsedColumn], _: &[String]| -> Result<Vec<String>, BadCell> {
            Ok(used.iter().map(|used| row.cells[used.index].clone()).collect())
        };
        let mut format = RowFormat { parse: &parse_file, choose: &choose, read_row: &mut take };
        let found = read_rows(files, &read, &mut format)?;
        let own = [(Split::Train, Some(found.train)), (Split::Valid, found.valid), (Split::Test, found.test)];
        let of_file = |(file, rows): (Split, Option<Vec<SourceRow<Vec<String>>>>)| {
            rows.into_iter().flatten().map(move |SourceRow { row, value }| FileRow {
                id: RowId { file, row },
                cells: value,
                split: None,
                num_tokens: None,
                moved: None,
                is_dropped: false,
                is_changed: false,
            })
        };
        let rows: Vec<FileRow> = own.into_iter().flat_map(of_file).collect();
        let index = rows.iter().enumerate().map(|(index, row)| (row.id, index)).collect();
        Ok(Self {
            source: source.clone(),
            label_column: source.label_column(),
            rows,
            index,
            originals: HashMap::new(),
            folded: Vec::new(),
            order: None,
        })
    }

    /// How the rows were read.
    #[must_use]
    pub fn source(&self) -> &RowSource {
        &self.source
    }

    /// What stands in the used columns of a row, edits made; `None` where there is no such row.
    #[must_use]
    pub fn cells(&self, id: RowId) -> Option<&[String]> {
        Some(&self.rows[*self.index.get(&id)?].cells)
    }

    /// The rows of the training file that have their texts and no label, edits made, in the order of the file. None where labels do
    /// not stand in one column.
    #[must_use]
    pub fn unlabeled(&self) -> Vec<UnlabeledRow> {
        let place = |role: &str| self.source.columns.iter().position(|(_, of)| of == role);
        let (Some(label), Some(text)) = (self.label_column, place("text")) else { return Vec::new() };
        let second = place("second text");
        let cell = |row: &FileRow, place: usize| row.cells[place].clone();
        let lacks_label = |row: &&FileRow| {
            let is_filled = |place: usize| !row.cells[place].trim().is_empty();
            let has_texts = is_filled(text) && second.is_none_or(is_filled);
            row.id.file == Split::Train && !row.is_dropped && has_texts && !is_filled(label)
        };
        let found = self.rows.iter().filter(lacks_label);
        found
            .map(|row| UnlabeledRow {
                id: row.id,
                label: cell(row, label),
                text: cell(row, text),
                second: second.map(|place| cell(row, place)),
            })
            .collect()
    }

    /// Makes these edits, in the place of those before.
    pub fn set_edits(&mut self, edits: &RowEdits) {
        for (index, cells) in std::mem::take(&mut self.originals) {
            self.rows[index].cells = cells;
            self.forget_folded(index);
        }
        for row in &mut self.rows {
            (row.is_dropped, row.is_changed, row.moved) = (false, false, None);
        }
        let columns: HashMap<String, Option<usize>> =
            self.source.columns.iter().enumerate().map(|(index, (name, _))| (name.clone(), Some(index))).collect();
        for file in Split::ALL {
            for (number, edited) in edits.of_file(file) {
                let Some(&index) = self.index.get(&RowId { file, row: number }) else { continue };
                let row = &mut self.rows[index];
                (row.is_dropped, row.moved) = (edited.is_dropped, edited.split);
                if edited.cells.is_empty() {
                    continue;
                }
                let before = row.cells.clone();
                // What does not fit is said by the report on the rows.
                if set_cells(&edited, &columns, &mut row.cells).is_ok() {
                    row.is_changed = true;
                    self.originals.insert(index, before);
                    self.forget_folded(index);
                }
            }
        }
        self.order = None;
    }

    fn forget_folded(&mut self, index: usize) {
        if let Some(folded) = self.folded.get_mut(index) {
            *folded = None;
        }
    }

    /// Notes what rows are used for: the numbers of the rows of each split with their tokens, as the rows were shared out. Those
    /// of the training file come first in each. `has_own_file`: validation, and test rows, come from a file of their own.
    pub fn set_places(&mut self, places: &[Vec<(usize, Option<usize>)>; 3], has_own_file: [bool; 2]) {
        for row in &mut self.rows {
            (row.split, row.num_tokens) = (None, None);
        }
        for split in Split::ALL {
            let usual = split.usual_file(has_own_file);
            for &(number, num_tokens) in &places[split.index()] {
                let is_it = |row: &FileRow| {
                    row.split.is_none() && row.moved.map_or(row.id.file == usual, |moved| moved == split)
                };
                let found = Split::ALL.into_iter().find_map(|file| {
                    self.index.get(&RowId { file, row: number }).copied().filter(|&index| is_it(&self.rows[index]))
                });
                // A row that was moved since the rows were shared out is where it was before, too.
                let found = found.or_else(|| self.index.get(&RowId { file: usual, row: number }).copied());
                if let Some(index) = found {
                    (self.rows[index].split, self.rows[index].num_tokens) = (Some(split), num_tokens);
                }
            }
        }
        self.order = None;
    }

    /// The rows of a file that are in a split, by their numbers.
    #[must_use]
    pub fn rows_of(&self, file: Split, split: Split) -> Vec<usize> {
        let is_it = |row: &&FileRow| row.id.file == file && row.state() == RowState::from(split);
        self.rows.iter().filter(is_it).map(|row| row.id.row).collect()
    }

    /// The rows of a file that are used for nothing though nobody dropped them, by their numbers. All of them before it was noted what
    /// rows are used for.
    #[must_use]
    pub fn unused_of(&self, file: Split) -> Vec<usize> {
        let is_it = |row: &&FileRow| row.id.file == file && row.state() == RowState::Unused;
        self.rows.iter().filter(is_it).map(|row| row.id.row).collect()
    }

    /// The rows of a window.
    #[must_use]
    pub fn window(&mut self, query: &RowQuery) -> RowWindow {
        let key = RowQuery { from: 0, count: 0, is_ids: false, wants_labels: false, ..query.clone() };
        let order = match self.order.take() {
            Some((known, order)) if known == key => order,
            _ => self.order_of(&key),
        };
        let (from, total) = (query.from.min(order.len()), order.len());
        let count = if query.is_ids { query.count } else { query.count.min(MAX_ROWS) };
        let wanted = &order[from..from.saturating_add(count).min(total)];
        let (rows, ids) = match query.is_ids {
            true => (Vec::new(), wanted.iter().map(|&index| self.rows[index].id).collect()),
            false => (wanted.iter().map(|&index| self.view(&self.rows[index])).collect(), Vec::new()),
        };
        let labels = query.wants_labels.then(|| self.labels());
        self.order = Some((key, order));
        let num_rows = self.rows.iter().filter(|row| !row.is_dropped).count();
        RowWindow { from, total, num_rows, rows, ids, labels }
    }

    /// The label of a row as it is read.
    fn label<'r>(&'r self, row: &'r FileRow) -> Option<&'r str> {
        let label = row.cells.get(self.label_column?)?.trim();
        Some(merged(&self.source.merge_labels, label))
    }

    fn view(&self, row: &FileRow) -> RowView {
        let cells: Vec<String> = row.cells.iter().map(|cell| shown(cell).into_owned()).collect();
        let is_cut = cells.iter().zip(&row.cells).any(|(shown, cell)| shown.len() != cell.len());
        RowView {
            id: row.id,
            state: row.state(),
            is_edited: row.is_changed || row.moved.is_some(),
            num_tokens: row.num_tokens,
            cells,
            label: self.label(row).map(|label| shown(label).into_owned()),
            is_cut,
        }
    }

    /// Labels with how many rows have each; the most frequent where there are very many.
    fn labels(&self) -> Vec<(String, usize)> {
        let mut counts: HashMap<&str, usize> = HashMap::new();
        let used = self.rows.iter().filter(|row| !row.is_dropped);
        for label in used.filter_map(|row| self.label(row)).filter(|label| !label.is_empty()) {
            *counts.entry(label).or_default() += 1;
        }
        let mut by_count: Vec<(&str, usize)> = counts.into_iter().collect();
        by_count.sort_unstable_by(|a, b| b.1.cmp(&a.1).then(a.0.cmp(b.0)));
        by_count.truncate(MAX_LABELS);
        let counts: HashMap<&str, usize> = by_count.iter().copied().collect();
        let mut names: Vec<String> = by_count.into_iter().map(|(label, _)| label.to_owned()).collect();
        sort_labels(&mut names);
        names.into_iter().map(|name| (name.clone(), counts.get(name.as_str()).copied().unwrap_or(0))).collect()
    }

    /// The rows that match, in the order that is asked for.
    fn order_of(&mut self, query: &RowQuery) -> Vec<usize> {
        let sought = query.search.trim().to_lowercase();
        if !sought.is_empty() {
            self.fold();
        }
        let listed: Option<HashSet<RowId>> = query.filter.rows.as_ref().map(|rows| rows.iter().copied().collect());
        let holds = |index: usize| self.folded[index].as_ref().is_some_and(|folded| folded.contains(&sought));
        let is_wanted = |&index: &usize| {
            self.is_in(&self.rows[index], &query.filter)
                && listed.as_ref().is_none_or(|listed| listed.contains(&self.rows[index].id))
                && (sought.is_empty() || holds(index))
        };
        let mut order: Vec<usize> = (0..self.rows.len()).filter(is_wanted).collect();
        let row = |index: usize| &self.rows[index];
        match query.sort {
            RowSort::File => {}
            RowSort::Split => order.sort_by_key(|&index| row(index).state() as u8),
            RowSort::Length => order.sort_by_key(|&index| row(index).num_tokens.unwrap_or(usize::MAX)),
            RowSort::Column(column) => {
                let text = |index: usize| match self.label(row(index)) {
                    Some(label) if self.label_column == Some(column) => label,
                    _ => row(index).cells.get(column).map_or("", |cell| cell.trim()),
                };
                order.sort_by(|&a, &b| text(a).cmp(text(b)));
            }
        }
        if query.is_falling {
            order.reverse();
        }
        order
    }

    fn is_in(&self, row: &FileRow, filter: &RowFilter) -> bool {
        let RowFilter { state, label, is_edited, min_tokens, max_tokens, rows: _ } = filter;
        let has_state = match state {
            Some(state) => row.state() == *state,
            None => !row.is_dropped,
        };
        let has_label = || label.as_deref().is_none_or(|label| self.label(row) == Some(label));
        let has_length = || {
            let is_asked = min_tokens.is_some() || max_tokens.is_some();
            let fits = |tokens: usize| {
                min_tokens.is_none_or(|least| tokens >= least) && max_tokens.is_none_or(|most| tokens <= most)
            };
            !is_asked || row.num_tokens.is_some_and(fits)
        };
        has_state
            && (!is_edited || row.is_changed || row.moved.is_some() || row.is_dropped)
            && has_label()
            && has_length()
    }

    /// Makes all cells lower-case that are not yet.
    fn fold(&mut self) {
        self.folded.resize(self.rows.len(), None);
        for (folded, row) in self.folded.iter_mut().zip(&self.rows) {
            folded.get_or_insert_with(|| row.cells.join("\n").to_lowercase());
        }
    }
}

/// The used column of a name. A test file may be left out where it lacks those of labels, as when its rows are read for the task.
fn column_of(table: &Table, name: &str, role: &str) -> Result<UsedColumn, DataError> {
    let role = if is_learned(role) { "label" } else { "cell" };
    match index_of(&table.columns, name) {
        Some(index) => Ok(UsedColumn { role, index }),
        None => Err(DataError::MissingColumn { column: name.to_owned(), columns: table.columns.clone() }),
    }
}

/// The label that a label is read as.
pub(super) fn merged<'l>(merges: &'l BTreeMap<String, String>, label: &'l str) -> &'l str {
    let mut found = label;
    for _ in 0..merges.len() {
        match merges.get(found) {
            Some(next) => found = next,
            None => break,
        }
    }
    found
}

/// As much of a cell as is shown.
fn shown(cell: &str) -> Cow<'_, str> {
    if cell.len() <= MAX_CELL {
        return Cow::Borrowed(cell);
    }
    let end = (0..=MAX_CELL).rev().find(|&end| cell.is_char_boundary(end)).unwrap_or(0);
    Cow::Owned(format!("{}…", &cell[..end]))
}

#[cfg(test)]
mod tests;
