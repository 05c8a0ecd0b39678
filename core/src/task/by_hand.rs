//! Rows that got their labels by hand, where rows are shared out (ADR 38): nobody draws them. In: training rows, and which of them have
//! no label in their file. Out: the rows that are drawn, and the others with their splits.

use std::collections::{BTreeSet, HashMap};

use crate::config::{ReadOptions, SplitConfig};
use crate::data::{DataError, ReadSummary, SourceRow, Split, sort_labels, splits_by_hand};
use crate::words::plural;

/// With fewer labels in the file, rows that are labeled by hand are kept aside for validation and test, too.
const ENOUGH_IN_FILE: usize = 50;

/// Rows that have a label by hand alone, each with its split.
pub(super) struct ByHand<T>(Vec<(Split, SourceRow<T>)>);

/// Takes the rows out that have a label by hand alone, unless rows are shared out by a column, which needs no labels, or in folds of
/// which the labels of the file fill few. They are trained on; where the file has few labels some of them are kept aside.
/// `has_own_file`: validation, and test rows, come from a file of their own.
pub(super) fn set_aside<T>(
    train: Vec<SourceRow<T>>,
    is_by_hand: impl Fn(usize) -> bool,
    (read, column): (&ReadOptions, &str),
    split: &SplitConfig,
    has_own_file: [bool; 2],
) -> (Vec<SourceRow<T>>, ByHand<T>) {
    let has_few = train.iter().filter(|row| !is_by_hand(row.row)).count() < ENOUGH_IN_FILE;
    let sharing = &read.sharing;
    let by_column = sharing.group_column.is_some() || sharing.time_column.is_some();
    if by_column || has_few && sharing.fold.is_some() {
        return (train, ByHand(Vec::new()));
    }
    let (by_hand, drawn): (Vec<_>, Vec<_>) = train.into_iter().partition(|row| is_by_hand(row.row));
    let splits = if has_few {
        let [has_valid, has_test] = has_own_file;
        let split = SplitConfig {
            valid_fraction: if has_valid { 0.0 } else { split.valid_fraction },
            test_fraction: if has_valid || has_test { 0.0 } else { split.test_fraction },
        };
        splits_by_hand(&read.edits, column, &split)
    } else {
        HashMap::new()
    };
    let with_split = |row: SourceRow<T>| (splits.get(&row.row).copied().unwrap_or(Split::Train), row);
    (drawn, ByHand(by_hand.into_iter().map(with_split).collect()))
}

impl<T> ByHand<T> {
    /// Puts the rows into their splits, or where a person moved them, in the order of the file; and says so.
    pub(super) fn put_into(self, splits: &mut [Vec<SourceRow<T>>; 3], summary: &mut ReadSummary) {
        let moved: HashMap<usize, Split> =
            summary.moves.iter().filter(|one| one.file == Split::Train).map(|one| (one.row, one.split)).collect();
        let mut counts = [0; 3];
        let num_rows = self.0.len();
        for (split, row) in self.0 {
            let split = moved.get(&row.row).copied().unwrap_or(split);
            counts[split.index()] += 1;
            let rows = &mut splits[split.index()];
            let place = rows.iter().position(|other| other.row > row.row).unwrap_or(rows.len());
            rows.insert(place, row);
        }
        if num_rows > 0 {
            let [train, valid, test] = counts;
            summary.notes.push(format!(
                "{} labeled by hand: {train} to train on, {valid} for validation, {test} for test",
                plural(num_rows, "row")
            ));
        }
    }
}

/// Says how many rows wait for their labels. `are_all`: no row has any. `noun` is what a row is called.
pub(super) fn say_unlabeled(summary: &mut ReadSummary, are_all: bool, noun: &str) {
    let count = summary.num_unlabeled;
    let rows = plural(count, noun);
    if are_all {
        summary.warnings.push(format!("no {noun} has a label: some of {rows} need one before training"));
    } else if count > 0 {
        let (has, is, it, gets) = if count == 1 { ("has", "is", "it", "gets") } else { ("have", "are", "they", "get") };
        summary.notes.push(format!("{rows} {has} no label and {is} left out until {it} {gets} one"));
    }
}

/// That no row has a label.
pub(super) fn nothing_labeled(summary: &ReadSummary) -> DataError {
    let first = summary.bad_rows.first();
    let (row, reason) = first.map_or((0, "there are no rows".into()), |bad| (bad.row, bad.reason.clone()));
    DataError::NothingUsable { num_rows: summary.num_bad_rows, row, reason }
}

/// Checks that rows have two of these labels at least, by the ids of those that they have; `num_rows` is how many a message counts. Where
/// some rows wait for their label, the others may all have the same, also of a model that knows more.
///
/// # Errors
/// When none of the training rows has a label yet, or all rows have one label.
pub(super) fn check_labels_to_train(
    summary: &ReadSummary,
    labels: &[String],
    mut ids: impl Iterator<Item = usize>,
    has_training: bool,
    num_rows: usize,
) -> Result<(), DataError> {
    let waits_for_labels = summary.num_unlabeled > 0;
    if waits_for_labels && !has_training {
        return Err(nothing_labeled(summary));
    }
    let only = ids.next().filter(|first| waits_for_labels && ids.all(|id| id == *first));
    let label = match labels {
        [label] => Some(label),
        labels => only.and_then(|only| labels.get(only)),
    };
    match label {
        Some(label) => Err(DataError::OneClass { label: label.clone(), num_rows }),
        None => Ok(()),
    }
}

/// A number for each of these names, in the order in which labels are numbered.
pub(super) fn number_names(names: &[&str]) -> Vec<usize> {
    let distinct: BTreeSet<&str> = names.iter().copied().collect();
    let mut sorted: Vec<String> = distinct.into_iter().map(str::to_owned).collect();
    sort_labels(&mut sorted);
    let ids: HashMap<&str, usize> = sorted.iter().enumerate().map(|(id, name)| (name.as_str(), id)).collect();
    names.iter().map(|name| ids[name]).collect()
}
