//! Rows to training, validation and test: seeded, and with every class in its share.

use super::error::quote_name;
use super::parse::Table;
use super::random::{generator, shuffle};
pub use crate::config::Split;
use crate::config::SplitConfig;

/// Names of columns that say which part of the data a row belongs to, and what they say.
const PART_COLUMNS: [&str; 4] = ["split", "partition", "subset", "fold"];
const PARTS: [&str; 10] =
    ["train", "training", "valid", "validation", "val", "dev", "eval", "evaluation", "test", "testing"];

/// Says that a column with the parts of the data is not read, where there is one: its test rows would be trained on. `remedy` is what
/// helps.
pub(crate) fn note_on_parts(table: &Table, is_used: impl Fn(usize) -> bool, remedy: &str) -> Option<String> {
    let is_named = |name: &str| PART_COLUMNS.contains(&name.trim().to_lowercase().as_str());
    let mut unused = (0..table.columns.len()).filter(|&index| !is_used(index));
    let index = unused.find(|&index| is_named(&table.columns[index]))?;
    let mut parts = std::collections::BTreeSet::new();
    for row in &table.rows {
        let part = row.cells[index].trim().to_lowercase();
        if !PARTS.contains(&part.as_str()) {
            return None;
        }
        parts.insert(part);
    }
    let names: Vec<String> = parts.into_iter().collect();
    (names.len() > 1).then(|| {
        format!(
            "column {} says which part a row belongs to ({}), and is not read: {remedy}",
            quote_name(&table.columns[index]),
            names.join(", ")
        )
    })
}

/// Stream of the seed that the split draws from.
const STREAM: u64 = 0x0073_706C_6974;

/// Shares rows out, given the label id of each; returns row indices of (train, valid, test), each ascending.
///
/// The splits have `round(fraction * rows)` rows, and each class its share of them by largest remainder (ties go to
/// the class with the lower id). Every class with a row keeps one for training, so that small classes can leave the
/// other splits smaller than asked for.
///
/// # Panics
/// When a label id is not below `num_classes`.
#[must_use]
pub fn stratified_split(
    labels: &[usize],
    num_classes: usize,
    split: &SplitConfig,
    seed: u64,
) -> (Vec<usize>, Vec<usize>, Vec<usize>) {
    let mut classes: Vec<Vec<usize>> = vec![Vec::new(); num_classes];
    for (row, &label) in labels.iter().enumerate() {
        classes[label].push(row);
    }
    let sizes: Vec<usize> = classes.iter().map(Vec::len).collect();
    let mut spare: Vec<usize> = sizes.iter().map(|size| size.saturating_sub(1)).collect();
    let num_test = shares(&sizes, &mut spare, split.test_fraction);
    let num_valid = shares(&sizes, &mut spare, split.valid_fraction);

    let mut generator = generator(seed, STREAM);
    let (mut train, mut valid, mut test) = (Vec::new(), Vec::new(), Vec::new());
    for ((mut rows, num_valid), num_test) in classes.into_iter().zip(num_valid).zip(num_test) {
        shuffle(&mut rows, &mut generator);
        let (first, rest) = rows.split_at(num_test);
        test.extend_from_slice(first);
        let (second, third) = rest.split_at(num_valid);
        valid.extend_from_slice(second);
        train.extend_from_slice(third);
    }
    for rows in [&mut train, &mut valid, &mut test] {
        rows.sort_unstable();
    }
    (train, valid, test)
}

/// Shares rows out by their groups, of which each lands in one split as a whole; returns row indices of (train, valid,
/// test), each ascending.
///
/// Groups are drawn in a random order, as long as each brings its split closer to `round(fraction * rows)` rows; where
/// all are too large for that, the smallest is taken. Validation comes first, and one group at the least stays for
/// training.
#[must_use]
pub fn grouped_split(groups: &[usize], split: &SplitConfig, seed: u64) -> (Vec<usize>, Vec<usize>, Vec<usize>) {
    let mut sizes = vec![0; groups.iter().max().map_or(0, |&largest| largest + 1)];
    groups.iter().for_each(|&group| sizes[group] += 1);
    let mut order: Vec<usize> = (0..sizes.len()).filter(|&group| sizes[group] > 0).collect();
    shuffle(&mut order, &mut generator(seed, STREAM));

    let mut split_of = vec![0; sizes.len()];
    let mut spare = order.len().saturating_sub(1);
    for (index, fraction) in [(1, split.valid_fraction), (2, split.test_fraction)] {
        let wanted = wanted_rows(groups.len(), fraction);
        let mut count = 0;
        for &group in &order {
            let with_group: usize = count + sizes[group];
            if spare > 0 && split_of[group] == 0 && count < wanted && with_group.abs_diff(wanted) < wanted - count {
                (split_of[group], count, spare) = (index, with_group, spare - 1);
            }
        }
        let left = order.iter().copied().filter(|&group| split_of[group] == 0);
        if let Some(smallest) = left.min_by_key(|&group| sizes[group])
            && count == 0
            && wanted > 0
            && spare > 0
        {
            (split_of[smallest], spare) = (index, spare - 1);
        }
    }
    let rows_of = |index: usize| (0..groups.len()).filter(|&row| split_of[groups[row]] == index).collect();
    (rows_of(0), rows_of(1), rows_of(2))
}

/// Shares rows out by their times: the newest are for test, those before them for validation; returns row indices of
/// (train, valid, test), each ascending. No row to train on is newer than one that is held out; of rows of one time those
/// that come later in the file count as newer. One row at the least stays for training.
#[must_use]
pub fn split_by_time(times: &[f64], split: &SplitConfig) -> (Vec<usize>, Vec<usize>, Vec<usize>) {
    let mut order: Vec<usize> = (0..times.len()).collect();
    order.sort_by(|&a, &b| times[a].total_cmp(&times[b])); // stable: the order of the file is kept
    let spare = times.len().saturating_sub(1);
    let num_test = wanted_rows(times.len(), split.test_fraction).min(spare);
    let num_valid = wanted_rows(times.len(), split.valid_fraction).min(spare - num_test);
    let mut test = order.split_off(order.len() - num_test);
    let mut valid = order.split_off(order.len() - num_valid);
    for rows in [&mut order, &mut valid, &mut test] {
        rows.sort_unstable();
    }
    (order, valid, test)
}

/// Stream of the seed that folds draw from.
const FOLD_STREAM: u64 = 0x666F_6C64;

/// The fold of each row, from 0: of `count` folds that are as large as each other, and have each class in its share (both
/// but for one row).
#[must_use]
pub fn stratified_folds(labels: &[usize], count: usize, seed: u64) -> Vec<usize> {
    let mut classes: Vec<Vec<usize>> = vec![Vec::new(); labels.iter().max().map_or(0, |&largest| largest + 1)];
    for (row, &label) in labels.iter().enumerate() {
        classes[label].push(row);
    }
    let mut generator = generator(seed, FOLD_STREAM);
    let mut folds = vec![0; labels.len()];
    let mut next = 0;
    for mut rows in classes {
        shuffle(&mut rows, &mut generator);
        // Where one class ended the next goes on, so that the folds stay as large as each other.
        for row in rows {
            folds[row] = next % count.max(1);
            next += 1;
        }
    }
    folds
}

/// The fold of each row, from 0, of which every group is in one as a whole: the largest groups first, each into the fold
/// with the fewest rows so far. With fewer groups than folds some folds are empty.
#[must_use]
pub fn grouped_folds(groups: &[usize], count: usize, seed: u64) -> Vec<usize> {
    let mut sizes = vec![0_usize; groups.iter().max().map_or(0, |&largest| largest + 1)];
    groups.iter().for_each(|&group| sizes[group] += 1);
    let mut order: Vec<usize> = (0..sizes.len()).filter(|&group| sizes[group] > 0).collect();
    shuffle(&mut order, &mut generator(seed, FOLD_STREAM));
    order.sort_by_key(|&group| std::cmp::Reverse(sizes[group])); // stable: groups of one size stay shuffled
    let mut rows_of_folds = vec![0_usize; count.max(1)];
    let mut fold_of = vec![0; sizes.len()];
    for group in order {
        let fold = (0..rows_of_folds.len()).min_by_key(|&fold| rows_of_folds[fold]).unwrap_or(0);
        fold_of[group] = fold;
        rows_of_folds[fold] += sizes[group];
    }
    groups.iter().map(|&group| fold_of[group]).collect()
}

/// Rows of a split of this share.
fn wanted_rows(total: usize, fraction: f64) -> usize {
    let fraction = if fraction.is_finite() { fraction.clamp(0.0, 1.0) } else { 0.0 };
    (total as f64 * fraction).round() as usize
}

/// How many rows of each class go into a split, at most `spare` of it; takes them off `spare`.
fn shares(sizes: &[usize], spare: &mut [usize], fraction: f64) -> Vec<usize> {
    let wanted = wanted_rows(sizes.iter().sum(), fraction);
    let fraction = if fraction.is_finite() { fraction.clamp(0.0, 1.0) } else { 0.0 };
    let exact: Vec<f64> = sizes.iter().map(|&size| size as f64 * fraction).collect();
    let mut counts: Vec<usize> =
        exact.iter().zip(&*spare).map(|(exact, &spare)| (*exact as usize).min(spare)).collect();
    let mut order: Vec<usize> = (0..sizes.len()).collect();
    order.sort_by(|&a, &b| exact[b].fract().total_cmp(&exact[a].fract()).then(a.cmp(&b)));
    let mut missing = wanted.saturating_sub(counts.iter().sum());
    for class in order {
        if missing > 0 && exact[class].fract() > 0.0 && counts[class] < spare[class] {
            counts[class] += 1;
            missing -= 1;
        }
    }
    for (spare, count) in spare.iter_mut().zip(&counts) {
        *spare -= count;
    }
    counts
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn counts(rows: &[usize], labels: &[usize], num_classes: usize) -> Vec<usize> {
        let mut counts = vec![0; num_classes];
        rows.iter().for_each(|&row| counts[labels[row]] += 1);
        counts
    }

    #[test]
    fn classes_keep_their_share() {
        let labels: Vec<usize> = (0..1000).map(|row| if row % 10 == 0 { 1 } else { 0 }).collect();
        let (train, valid, test) = stratified_split(&labels, 2, &SplitConfig::default(), 42);
        assert_eq!(counts(&train, &labels, 2), [720, 80]);
        assert_eq!(counts(&valid, &labels, 2), [90, 10]);
        assert_eq!(counts(&test, &labels, 2), [90, 10]);
    }

    #[test]
    fn a_class_with_one_row_is_trained_on() {
        let mut labels = vec![0; 99];
        labels.push(1);
        let (train, ..) = stratified_split(&labels, 2, &SplitConfig { valid_fraction: 0.4, test_fraction: 0.4 }, 1);
        assert_eq!(counts(&train, &labels, 2)[1], 1);
    }

    #[test]
    fn another_seed_is_another_split() {
        let labels = vec![0; 100];
        let split = SplitConfig::default();
        assert_eq!(stratified_split(&labels, 1, &split, 1), stratified_split(&labels, 1, &split, 1));
        assert_ne!(stratified_split(&labels, 1, &split, 1).1, stratified_split(&labels, 1, &split, 2).1);
    }

    #[test]
    fn groups_are_not_torn_apart_and_one_is_trained_on() {
        let sizes = |groups: &[usize], split: SplitConfig| {
            let (train, valid, test) = grouped_split(groups, &split, 3);
            [train.len(), valid.len(), test.len()]
        };
        let tenths = SplitConfig { valid_fraction: 0.1, test_fraction: 0.1 };
        assert_eq!(sizes(&[0; 20], tenths), [20, 0, 0], "one group");
        let halves: Vec<usize> = (0..20).map(|row| row / 10).collect();
        assert_eq!(sizes(&halves, tenths), [10, 10, 0], "two groups");
        let thirds: Vec<usize> = [vec![0; 20], vec![1; 8], vec![2; 7]].concat();
        assert_eq!(sizes(&thirds, tenths), [20, 7, 8], "too large, and the smallest is taken");
        let none = SplitConfig { valid_fraction: 0.0, test_fraction: 0.0 };
        assert_eq!(sizes(&thirds, none), [35, 0, 0]);
    }

    #[test]
    fn the_newest_rows_are_held_out() {
        let split = SplitConfig { valid_fraction: 0.2, test_fraction: 0.2 };
        let times = [9.0, 1.0, 5.0, 3.0, 7.0, 2.0, 8.0, 4.0, 6.0, 0.0];
        let (train, valid, test) = split_by_time(&times, &split);
        assert_eq!((train, valid, test), (vec![1, 2, 3, 5, 7, 9], vec![4, 8], vec![0, 6]));
        assert_eq!(split_by_time(&[1.0; 5], &split), (vec![0, 1, 2], vec![3], vec![4]), "later in the file is newer");
        assert_eq!(split_by_time(&[1.0], &SplitConfig { valid_fraction: 0.5, test_fraction: 0.5 }).0, [0]);
        assert_eq!(split_by_time(&[], &split), (vec![], vec![], vec![]));
    }

    #[test]
    fn folds_have_every_class_in_its_share() {
        let labels: Vec<usize> = (0..103).map(|row| usize::from(row % 10 == 0)).collect();
        let folds = stratified_folds(&labels, 5, 1);
        let size =
            |fold: usize, label: usize| (0..103).filter(|&row| folds[row] == fold && labels[row] == label).count();
        let (rare, sizes): (Vec<usize>, Vec<usize>) =
            (0..5).map(|fold| (size(fold, 1), size(fold, 0) + size(fold, 1))).unzip();
        assert!(rare.iter().all(|rare| (2..=3).contains(rare)) && sizes.iter().all(|rows| (20..=21).contains(rows)));
        assert_eq!(folds, stratified_folds(&labels, 5, 1));
        assert_ne!(folds, stratified_folds(&labels, 5, 2), "of another seed");
    }

    #[test]
    fn fewer_groups_than_folds_leave_folds_empty() {
        let folds = grouped_folds(&[0, 0, 0, 1, 1], 3, 1);
        assert_eq!(folds, [0, 0, 0, 1, 1], "the larger group first");
    }

    proptest! {
        #[test]
        fn folds_part_the_rows_and_tear_no_group_apart(
            groups in prop::collection::vec(0_usize..30, 0..200),
            count in 2_usize..8,
            seed in any::<u64>(),
        ) {
            let folds = grouped_folds(&groups, count, seed);
            prop_assert_eq!(folds.len(), groups.len());
            for (a, b) in groups.iter().zip(&folds) {
                prop_assert!(*b < count);
                for (c, d) in groups.iter().zip(&folds) {
                    prop_assert!(a != c || b == d);
                }
            }
        }

        #[test]
        fn every_row_is_with_its_group_in_one_split(
            groups in prop::collection::vec(0_usize..40, 1..300),
            valid_fraction in 0.0..0.6_f64,
            test_fraction in 0.0..0.4_f64,
            seed in any::<u64>(),
        ) {
            let split = SplitConfig { valid_fraction, test_fraction };
            let (train, valid, test) = grouped_split(&groups, &split, seed);
            prop_assert!(!train.is_empty());
            let mut split_of = vec![None; 40];
            for (index, rows) in [&train, &valid, &test].into_iter().enumerate() {
                for &row in rows {
                    let known = split_of[groups[row]].get_or_insert(index);
                    prop_assert_eq!(*known, index);
                }
            }
            let mut all = [train, valid, test].concat();
            all.sort_unstable();
            prop_assert_eq!(all, (0..groups.len()).collect::<Vec<_>>());
        }

        #[test]
        fn every_row_is_in_one_split_and_every_class_in_training(
            labels in prop::collection::vec(0_usize..6, 0..300),
            valid_fraction in 0.0..0.6_f64,
            test_fraction in 0.0..0.4_f64,
            seed in any::<u64>(),
        ) {
            let split = SplitConfig { valid_fraction, test_fraction };
            let (train, valid, test) = stratified_split(&labels, 6, &split, seed);
            let mut all = [train.clone(), valid.clone(), test.clone()].concat();
            all.sort_unstable();
            prop_assert_eq!(all, (0..labels.len()).collect::<Vec<_>>());
            let present = counts(&(0..labels.len()).collect::<Vec<_>>(), &labels, 6);
            for (present, trained) in present.iter().zip(counts(&train, &labels, 6)) {
                prop_assert!(*present == 0 || trained > 0);
            }
            let wanted = |fraction: f64| (labels.len() as f64 * fraction).round() as usize;
            prop_assert!(valid.len() <= wanted(valid_fraction));
            prop_assert!(test.len() <= wanted(test_fraction));
            prop_assert!(wanted(valid_fraction) - valid.len() <= 6);
        }
    }
}
