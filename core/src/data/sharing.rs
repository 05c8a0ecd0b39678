//! Which rows stay together, which come first and which repeat an earlier one: what [`RowSharing`] asks of the rows of a
//! table, and how they are shared out by it.
//!
//! In: the rows as they are read, then the shares. Out: the rows that are held out, and sentences that say by what.

use std::collections::{HashMap, HashSet};

use super::error::DataError;
use super::parse::{Row, Table};
use super::rows::UsedColumn;
use super::split::{grouped_folds, grouped_split, split_by_time, stratified_folds, stratified_split};
use super::time::parse_time;
use crate::config::{Fold, RowSharing, Split, SplitConfig};
use crate::words::{plural, shorten};

/// Longest cell that a reason repeats, in characters.
const MAX_SHOWN: usize = 40;

/// How the note begins that says which fold the validation rows are: there is none where they came from elsewhere.
pub const FOLD_NOTE: &str = "fold ";

/// What the rows of the training file say of how they are shared out.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct RowKeys {
    sharing: RowSharing,
    /// Group of each usable row, by its number in the file.
    groups: HashMap<usize, usize>,
    /// Time of each usable row, by its number in the file.
    times: HashMap<usize, RowTime>,
}

/// When a row is from, and how its file writes it.
#[derive(Debug, Clone, PartialEq)]
struct RowTime {
    order: f64,
    text: String,
}

/// What is kept in proportion, or together, where no column is named for it.
pub(super) enum Kinds<'a> {
    /// A number for each row; rows of one number are kept in proportion.
    Classes(&'a [usize]),
    /// A number for each row; rows of one number stay together.
    Groups(&'a [usize]),
}

/// Rows that are held out, each ascending, and what there is to say of it.
pub(super) struct HeldOut {
    pub(super) valid: Vec<usize>,
    pub(super) test: Vec<usize>,
    pub(super) notes: Vec<String>,
}

impl RowKeys {
    /// Of rows that have no columns to be shared out by: folds, and the seed of the split, are all that can be asked of them.
    #[must_use]
    pub fn without_columns(sharing: &RowSharing) -> Self {
        let &RowSharing { fold, split_seed, .. } = sharing;
        Self { sharing: RowSharing { fold, split_seed, ..RowSharing::default() }, ..Self::default() }
    }

    /// Shares training rows out, of which these are the numbers in their file. `seed` is that of the run, and `splits_valid`
    /// says that there are no validation rows of their own.
    pub(super) fn hold_out(
        &self,
        rows: &[usize],
        kinds: &Kinds<'_>,
        split: &SplitConfig,
        seed: u64,
        splits_valid: bool,
    ) -> HeldOut {
        let seed = self.sharing.split_seed.unwrap_or(seed);
        let own: Vec<usize>;
        let by_column: Kinds<'_>;
        let kinds = match self.sharing.group_column {
            Some(_) => {
                // A number of its own for a row that has none.
                let first_free = self.groups.len();
                let group = |(index, row): (usize, &usize)| self.groups.get(row).copied().unwrap_or(first_free + index);
                own = rows.iter().enumerate().map(group).collect();
                by_column = Kinds::Groups(&own);
                &by_column
            }
            None => kinds,
        };
        let fold = self.sharing.fold.filter(|_| splits_valid);
        let (valid, test) = if self.sharing.time_column.is_some() {
            let order = |row: &usize| self.times.get(row).map_or(f64::NEG_INFINITY, |time| time.order);
            let times: Vec<f64> = rows.iter().map(order).collect();
            let (_, valid, test) = split_by_time(&times, split);
            (valid, test)
        } else if let Some(fold) = fold {
            hold_out_fold(rows.len(), kinds, split, seed, fold)
        } else {
            let (_, valid, test) = share(kinds, split, seed);
            (valid, test)
        };
        let mut notes = self.describe(rows, &valid, &test, kinds);
        if let Some(Fold { index, count }) = fold {
            notes.push(format!("{FOLD_NOTE}{} of {count}: {}", index + 1, plural(valid.len(), "validation row")));
        }
        HeldOut { valid, test, notes }
    }

    /// How the rows were shared out, where that was asked for.
    fn describe(&self, rows: &[usize], valid: &[usize], test: &[usize], kinds: &Kinds<'_>) -> Vec<String> {
        let mut notes = Vec::new();
        let held: HashSet<usize> = valid.iter().chain(test).copied().collect();
        let train: Vec<usize> = (0..rows.len()).filter(|index| !held.contains(index)).collect();
        let splits = [(Split::Train, train.as_slice()), (Split::Valid, valid), (Split::Test, test)]
            .map(|(split, indices)| (split.words(), indices));
        if let (Some(column), Kinds::Groups(groups)) = (&self.sharing.group_column, kinds) {
            let count = |indices: &[usize]| indices.iter().map(|&index| groups[index]).collect::<HashSet<_>>().len();
            let counts = splits.map(|(name, indices)| format!("{} in {name}", count(indices)));
            let all = plural(groups.iter().collect::<HashSet<_>>().len(), "group");
            notes.push(format!("rows of one {column:?} stay together: {all}, {}", counts.join(", ")));
        }
        if let Some(column) = &self.sharing.time_column {
            let span = |indices: &[usize]| {
                let times = indices.iter().filter_map(|&index| self.times.get(&rows[index]));
                let times: Vec<&RowTime> = times.collect();
                let first = times.iter().min_by(|a, b| a.order.total_cmp(&b.order))?;
                let last = times.iter().max_by(|a, b| a.order.total_cmp(&b.order))?;
                Some(format!("{} to {}", first.text, last.text))
            };
            let of_split = |(name, indices): &(&str, &[usize])| {
                Some(format!("{name} {} from {}", plural(indices.len(), "row"), span(indices)?))
            };
            let spans: Vec<String> = splits.iter().filter_map(of_split).collect();
            notes.push(format!("the newest rows by {column:?} are held out: {}", spans.join(", ")));
        }
        notes
    }
}

/// Training, validation and test rows by a seed.
fn share(kinds: &Kinds<'_>, split: &SplitConfig, seed: u64) -> (Vec<usize>, Vec<usize>, Vec<usize>) {
    match kinds {
        Kinds::Classes(classes) => {
            let num_classes = classes.iter().max().map_or(0, |&largest| largest + 1);
            stratified_split(classes, num_classes, split, seed)
        }
        Kinds::Groups(groups) => grouped_split(groups, split, seed),
    }
}

/// The rows of a fold, and the test rows: the same for every fold, and those of a run without folds.
fn hold_out_fold(
    num_rows: usize,
    kinds: &Kinds<'_>,
    split: &SplitConfig,
    seed: u64,
    fold: Fold,
) -> (Vec<usize>, Vec<usize>) {
    let (_, _, test) = share(kinds, split, seed);
    let held: HashSet<usize> = test.iter().copied().collect();
    let rest: Vec<usize> = (0..num_rows).filter(|index| !held.contains(index)).collect();
    let of_rest = |numbers: &[usize]| rest.iter().map(|&index| numbers[index]).collect::<Vec<_>>();
    let count = fold.count as usize;
    let folds = match kinds {
        Kinds::Classes(classes) => stratified_folds(&of_rest(classes), count, seed),
        Kinds::Groups(groups) => grouped_folds(&of_rest(groups), count, seed),
    };
    let is_in = |(_, of_row): &(&usize, usize)| *of_row == fold.index as usize;
    let valid = rest.iter().zip(folds).filter(is_in).map(|(&index, _)| index).collect();
    (valid, test)
}

/// What is looked at of each row of a file, beside what the task reads of it.
pub(super) struct KeyReader {
    sharing: RowSharing,
    group: Option<usize>,
    time: Option<usize>,
    /// Cells of the rows so far, of those that are used; where repeats are left out.
    seen: HashSet<Vec<String>>,
    numbers: HashMap<String, usize>,
    /// Times of the rows so far are dates; `None` before the first.
    has_dates: Option<bool>,
    num_repeats: usize,
    keys: RowKeys,
}

/// What was found in a row.
pub(super) struct Found {
    cells: Option<Vec<String>>,
    group: Option<String>,
    time: Option<(f64, bool, String)>,
}

impl KeyReader {
    /// For the rows of a table. Of the person's own validation and test files only repeats are left out: `is_training` is
    /// false.
    ///
    /// # Errors
    /// When a column is not there.
    pub(super) fn new(table: &Table, sharing: &RowSharing, is_training: bool) -> Result<Self, DataError> {
        let find = |column: &Option<String>| match column.as_ref().filter(|_| is_training) {
            None => Ok(None),
            Some(name) => match table.columns.iter().position(|column| column == name) {
                Some(index) => Ok(Some(index)),
                None => Err(DataError::MissingColumn { column: name.clone(), columns: table.columns.clone() }),
            },
        };
        Ok(Self {
            group: find(&sharing.group_column)?,
            time: find(&sharing.time_column)?,
            sharing: sharing.clone(),
            seen: HashSet::new(),
            numbers: HashMap::new(),
            has_dates: None,
            num_repeats: 0,
            keys: RowKeys { sharing: sharing.clone(), ..RowKeys::default() },
        })
    }

    /// Looks at a row before its cells are taken.
    ///
    /// # Errors
    /// Says why it can't be used.
    pub(super) fn look_at(&self, row: &Row, used: &[UsedColumn], columns: &[String]) -> Result<Found, String> {
        let cell = |index: usize| row.cells[index].trim().to_owned();
        let cells = || used.iter().map(|used| row.cells[used.index].clone()).collect();
        let group = match self.group.map(|index| (cell(index), &columns[index])) {
            Some((text, column)) if text.is_empty() => return Err(format!("the group is empty (column {column:?})")),
            found => found.map(|(text, _)| text),
        };
        let time = match self.time.map(|index| (cell(index), &columns[index])) {
            None => None,
            Some((text, column)) if text.is_empty() => return Err(format!("the time is empty (column {column:?})")),
            Some((text, column)) => Some(self.time_of(text, column)?),
        };
        Ok(Found { cells: self.sharing.dedupe.then(cells), group, time })
    }

    fn time_of(&self, text: String, column: &str) -> Result<(f64, bool, String), String> {
        let shown = shorten(&text, MAX_SHOWN);
        let Some((order, is_date)) = parse_time(&text) else {
            return Err(format!(
                "the time {shown:?} is neither a number nor a date such as 2024-05-31 or 2024-05-31T18:30:00 (column {column:?})"
            ));
        };
        match self.has_dates {
            Some(has_dates) if has_dates != is_date => {
                let (own, others) = if is_date { ("a date", "numbers") } else { ("a number", "dates") };
                Err(format!(
                    "the time {shown:?} is {own}, and those of the rows before are {others} (column {column:?})"
                ))
            }
            _ => Ok((order, is_date, shown)),
        }
    }

    /// Notes a row that can be used; false where it repeats an earlier one and is left out.
    pub(super) fn note(&mut self, row: usize, found: Found) -> bool {
        let Found { cells, group, time } = found;
        if let Some(cells) = cells
            && !self.seen.insert(cells)
        {
            self.num_repeats += 1;
            return false;
        }
        if let Some(group) = group {
            let next = self.numbers.len();
            let number = *self.numbers.entry(group).or_insert(next);
            self.keys.groups.insert(row, number);
        }
        if let Some((order, is_date, text)) = time {
            self.has_dates = Some(is_date);
            self.keys.times.insert(row, RowTime { order, text });
        }
        true
    }

    /// What was found, how many rows are left out as repeats, and what there is to say of that.
    pub(super) fn finish(self) -> (RowKeys, usize, Option<String>) {
        let are = if self.num_repeats == 1 { "repeats an earlier one and is" } else { "repeat an earlier one and are" };
        let rows = plural(self.num_repeats, "row");
        let note = self.sharing.dedupe.then(|| match self.num_repeats {
            0 => "no row repeats an earlier one".to_owned(),
            _ => format!("{rows} {are} left out"),
        });
        (self.keys, self.num_repeats, note)
    }
}
