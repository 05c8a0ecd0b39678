//! Rows to three splits: by what they are, in groups, or as was asked for; and those that a person moved to where they belong.

use std::collections::HashMap;

use super::{ReadRows, ReadSummary, SourceRow};
use crate::config::{Split, SplitConfig};
use crate::data::sharing::{HeldOut, Kinds};

/// Shares rows out over training, validation and test, each in file order. `classes` has a number for every training row,
/// and rows of one number are kept in proportion (all 0 where there is nothing to keep).
///
/// The person's own validation and test files are taken as they are. What is missing is split off the training rows:
/// validation always, test only if there is no validation file either (who brings one has split already).
///
/// Who trains on the rows says [`NO_VALIDATION_ROWS`](super::NO_VALIDATION_ROWS) where the second split is empty.
#[must_use]
pub fn share_out<T>(
    rows: ReadRows<T>,
    classes: &[usize],
    split: &SplitConfig,
    seed: u64,
) -> ([Vec<SourceRow<T>>; 3], ReadSummary) {
    share_out_kinds(rows, &Kinds::Classes(classes), split, seed)
}

/// [`share_out`], but rows of one group stay together: `groups` has a number for every training row.
#[must_use]
pub fn share_out_groups<T>(
    rows: ReadRows<T>,
    groups: &[usize],
    split: &SplitConfig,
    seed: u64,
) -> ([Vec<SourceRow<T>>; 3], ReadSummary) {
    share_out_kinds(rows, &Kinds::Groups(groups), split, seed)
}

/// As [`share_out`] and [`share_out_groups`], unless the rows were asked to be shared out by a column or in folds.
fn share_out_kinds<T>(
    mut rows: ReadRows<T>,
    kinds: &Kinds<'_>,
    split: &SplitConfig,
    seed: u64,
) -> ([Vec<SourceRow<T>>; 3], ReadSummary) {
    let numbers: Vec<usize> = rows.train.iter().map(|row| row.row).collect();
    let fractions = missing_fractions(&rows, split);
    let held = rows.summary.keys.hold_out(&numbers, kinds, &fractions, seed, rows.valid.is_none());
    let HeldOut { valid, test, notes } = held;
    rows.summary.notes.extend(notes);
    distribute(rows, valid, test)
}

/// The shares that are split off the training rows.
fn missing_fractions<T>(rows: &ReadRows<T>, split: &SplitConfig) -> SplitConfig {
    SplitConfig {
        valid_fraction: if rows.valid.is_some() { 0.0 } else { split.valid_fraction },
        test_fraction: if rows.valid.is_some() || rows.test.is_some() { 0.0 } else { split.test_fraction },
    }
}

/// Moves the training rows at these indices, each ascending, to validation and test; and every row that a person moved to where
/// it belongs, whatever file it stands in.
fn distribute<T>(rows: ReadRows<T>, valid: Vec<usize>, test: Vec<usize>) -> ([Vec<SourceRow<T>>; 3], ReadSummary) {
    let moved: HashMap<(Split, usize), Split> =
        rows.summary.moves.iter().map(|one| ((one.file, one.row), one.split)).collect();
    let mut splits = [Vec::new(), Vec::with_capacity(valid.len()), Vec::with_capacity(test.len())];
    let mut put = |file: Split, drawn: Split, row: SourceRow<T>| {
        let split = moved.get(&(file, row.row)).copied().unwrap_or(drawn);
        splits[split.index()].push(row);
    };
    let (mut valid, mut test) = (valid.into_iter().peekable(), test.into_iter().peekable());
    for (index, row) in rows.train.into_iter().enumerate() {
        let drawn = if valid.next_if_eq(&index).is_some() {
            Split::Valid
        } else if test.next_if_eq(&index).is_some() {
            Split::Test
        } else {
            Split::Train
        };
        put(Split::Train, drawn, row);
    }
    for (file, own) in [(Split::Valid, rows.valid), (Split::Test, rows.test)] {
        own.into_iter().flatten().for_each(|row| put(file, file, row));
    }
    (splits, rows.summary)
}
