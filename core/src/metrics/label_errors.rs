//! Rows whose labels may be wrong, by confident learning (Northcutt, Jiang and Chuang 2021, <https://doi.org/10.1613/jair.1.12125>),
//! as cleanlab's `compute_confident_joint` and `find_label_issues` do it.
//!
//! In: the given label of each row, and probabilities of a model that did not see the row. Out: how often each label seems to stand for
//! another ([`confident_joint`]), and the rows that seem to have a wrong one ([`find_label_errors`]), the least likely labels first.
//! Probabilities stand row after row, one a class.

use std::cmp::Ordering;

/// Probabilities that differ by less count as equal.
const CLOSE: f64 = 1e-6;

/// Thresholds are at least this.
const LOWEST_THRESHOLD: f64 = 2.0 * CLOSE;

/// Threshold of a class that no row has: no probability reaches it.
const NO_THRESHOLD: f64 = 2.0;

/// A label with no more rows is never called wrong.
const MIN_ROWS: usize = 1;

/// Which rows are called wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum LabelErrorFilter {
    /// For each pair of labels as many rows as the joint counts, those with the largest margin: cleanlab's default.
    #[default]
    PruneByNoiseRate,
    /// For each label as many rows as the joint counts under others, those with the lowest probability of it.
    PruneByClass,
    /// Those that both name.
    Both,
}

/// A row whose label may be wrong.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct SuspectLabel {
    /// Index of the row.
    pub row: usize,
    /// The label that it more likely has: that with the highest probability.
    pub suggested: usize,
    /// Probability of the given label.
    pub self_confidence: f64,
    /// Probability of the suggested label.
    pub confidence: f64,
}

impl SuspectLabel {
    /// From 0 (the given label is wrong for certain) to 1: how far its probability is above that of the likeliest other.
    #[must_use]
    pub fn normalized_margin(&self) -> f64 {
        (self.self_confidence - self.confidence + 1.0) / 2.0
    }
}

/// How sure the model is on the mean of the rows of a label that they have it; of a label without rows more than it can be.
///
/// # Panics
/// When there are not `num_classes` probabilities a row, or a label is not below that.
#[must_use]
pub fn confident_thresholds(labels: &[usize], probabilities: &[f64], num_classes: usize) -> Vec<f64> {
    let (mut sums, mut counts) = (vec![0.0; num_classes], vec![0_usize; num_classes]);
    for (&label, row) in labels.iter().zip(rows_of(labels, probabilities, num_classes)) {
        sums[label] += row[label];
        counts[label] += 1;
    }
    let mean = |(sum, count): (f64, usize)| if count == 0 { NO_THRESHOLD } else { sum / count as f64 };
    sums.into_iter().zip(counts).map(|pair| mean(pair).max(LOWEST_THRESHOLD)).collect()
}

/// Rows counted as `[given][likely]`, calibrated: each label has as many rows as were given it.
///
/// # Panics
/// As [`confident_thresholds`].
#[must_use]
pub fn confident_joint(labels: &[usize], probabilities: &[f64], num_classes: usize) -> Vec<Vec<usize>> {
    let thresholds = confident_thresholds(labels, probabilities, num_classes);
    let (mut joint, mut given) = (vec![vec![0_usize; num_classes]; num_classes], vec![0_usize; num_classes]);
    for (&label, row) in labels.iter().zip(rows_of(labels, probabilities, num_classes)) {
        given[label] += 1;
        let mut confident = (0..num_classes).filter(|&class| row[class] >= thresholds[class] - CLOSE);
        match (confident.next(), confident.next()) {
            (Some(only), None) => joint[label][only] += 1,
            (Some(_), Some(_)) => joint[label][likeliest(row)] += 1,
            (None, _) => {}
        }
    }
    for (class, row) in joint.iter_mut().enumerate() {
        row[class] = row[class].max(1); // each label stands for itself somewhere
    }
    calibrate(&joint, &given)
}

/// Gives each label as many rows as it was given; so all rows are counted once.
fn calibrate(joint: &[Vec<usize>], given: &[usize]) -> Vec<Vec<usize>> {
    let share = |(row, &count): (&Vec<usize>, &usize)| -> Vec<f64> {
        let total = row.iter().sum::<usize>() as f64;
        row.iter().map(|&rows| rows as f64 / total * count as f64).collect()
    };
    joint.iter().zip(given).map(share).map(|row| round_preserving_sum(&row)).collect()
}

/// Rounds counts so that their sum, rounded, stays: those change by one more that are farthest from their rounded value.
fn round_preserving_sum(numbers: &[f64]) -> Vec<usize> {
    let mut rounded: Vec<f64> = numbers.iter().map(|number| number.round_ties_even()).collect();
    let wanted = numbers.iter().sum::<f64>().round_ties_even();
    loop {
        let lacking = wanted - rounded.iter().sum::<f64>();
        if lacking.abs() < 0.5 || numbers.is_empty() {
            return rounded.into_iter().map(|number| number.max(0.0) as usize).collect();
        }
        let mut order: Vec<usize> = (0..numbers.len()).collect();
        order.sort_by(|&one, &other| (numbers[one] - rounded[one]).total_cmp(&(numbers[other] - rounded[other])));
        if lacking > 0.0 {
            order.reverse();
        }
        for &index in order.iter().take(lacking.abs() as usize) {
            rounded[index] += lacking.signum();
        }
    }
}

/// How many rows seem to have a wrong label, by the joint: those that stand under another label than their own.
#[must_use]
pub fn num_estimated_errors(joint: &[Vec<usize>]) -> usize {
    let off_diagonal = |(given, row): (usize, &Vec<usize>)| row.iter().sum::<usize>() - row[given];
    joint.iter().enumerate().map(off_diagonal).sum()
}

/// The rows whose labels seem to be wrong, those with the lowest normalized margin first, of equals the earlier.
///
/// # Panics
/// As [`confident_thresholds`].
#[must_use]
pub fn find_label_errors(
    labels: &[usize],
    probabilities: &[f64],
    num_classes: usize,
    filter: LabelErrorFilter,
) -> Vec<SuspectLabel> {
    let counts = keep_a_row_of_each(&confident_joint(labels, probabilities, num_classes));
    let rows: Vec<&[f64]> = rows_of(labels, probabilities, num_classes).collect();
    let mut rows_of_label: Vec<Vec<usize>> = vec![Vec::new(); num_classes];
    labels.iter().enumerate().for_each(|(row, &label)| rows_of_label[label].push(row));
    let (mut by_rate, mut by_class) = (vec![false; labels.len()], vec![false; labels.len()]);
    for (label, own) in rows_of_label.iter().enumerate().filter(|(_, own)| own.len() > MIN_ROWS) {
        let num_wrong = own.len().saturating_sub(counts[label][label]);
        let by_probability = |&one: &usize, &other: &usize| rows[one][label].total_cmp(&rows[other][label]);
        mark_first(own, num_wrong, by_probability, &mut by_class);
        for likely in (0..num_classes).filter(|&likely| likely != label) {
            let margin = |row: usize| rows[row][likely] - rows[row][label];
            let by_margin = |&one: &usize, &other: &usize| margin(other).total_cmp(&margin(one));
            mark_first(own, counts[label][likely], by_margin, &mut by_rate);
        }
    }
    let is_marked = |row: usize| match filter {
        LabelErrorFilter::PruneByNoiseRate => by_rate[row],
        LabelErrorFilter::PruneByClass => by_class[row],
        LabelErrorFilter::Both => by_rate[row] && by_class[row],
    };
    let suspect = |row: usize| {
        let (label, suggested) = (labels[row], likeliest_but_for(rows[row], labels[row]));
        let suspect =
            SuspectLabel { row, suggested, self_confidence: rows[row][label], confidence: rows[row][suggested] };
        (suggested != label).then_some(suspect)
    };
    let mut found: Vec<SuspectLabel> = (0..labels.len()).filter(|&row| is_marked(row)).filter_map(suspect).collect();
    found.sort_by(|one, other| one.normalized_margin().total_cmp(&other.normalized_margin()));
    found
}

/// The joint with at least a row of each label that is right; what that takes is taken from the wrong ones alike.
fn keep_a_row_of_each(joint: &[Vec<usize>]) -> Vec<Vec<usize>> {
    let of_label = |(label, row): (usize, &Vec<usize>)| -> Vec<usize> {
        let right = row[label].max(MIN_ROWS);
        let num_counted = row.iter().filter(|&&count| count > 0).count();
        let less = (right - row[label]) as f64 / num_counted.saturating_sub(1).max(1) as f64;
        let of_pair = |(likely, &count): (usize, &usize)| match likely == label {
            true => right,
            false => (count as f64 - less).max(0.0) as usize,
        };
        row.iter().enumerate().map(of_pair).collect()
    };
    joint.iter().enumerate().map(of_label).collect()
}

/// Marks the first `count` of some rows in an order.
fn mark_first(rows: &[usize], count: usize, order: impl FnMut(&usize, &usize) -> Ordering, marks: &mut [bool]) {
    let mut rows = rows.to_vec();
    rows.sort_by(order); // stable: of equals the earlier
    rows.iter().take(count).for_each(|&row| marks[row] = true);
}

/// The first class with the highest probability.
fn likeliest(row: &[f64]) -> usize {
    (1..row.len()).fold(0, |best, class| if row[class] > row[best] { class } else { best })
}

/// The same; the given label also where another is ahead by no more than rounding.
fn likeliest_but_for(row: &[f64], label: usize) -> usize {
    let found = likeliest(row);
    let raised = row[label] + CLOSE;
    let is_ahead = raised > row[found] || (raised == row[found] && label < found);
    if is_ahead { label } else { found }
}

fn rows_of<'p>(
    labels: &[usize],
    probabilities: &'p [f64],
    num_classes: usize,
) -> impl Iterator<Item = &'p [f64]> + use<'p> {
    assert_eq!(labels.len() * num_classes, probabilities.len(), "each row has a probability of each class");
    probabilities.chunks_exact(num_classes.max(1))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde::Deserialize;

    use super::*;

    /// What `tests/python/make_label_error_fixtures.py` wrote of cleanlab.
    #[derive(Deserialize)]
    struct Case {
        name: String,
        num_classes: usize,
        labels: Vec<usize>,
        probabilities: Vec<f64>,
        thresholds: Vec<f64>,
        joint: Vec<Vec<usize>>,
        /// By filter, in the order of the normalized margin.
        prune_by_noise_rate: Vec<usize>,
        prune_by_class: Vec<usize>,
        both: Vec<usize>,
        normalized_margin: Vec<f64>,
    }

    #[test]
    fn rows_that_are_found_are_those_of_cleanlab() {
        let text = include_str!("../../../tests/fixtures/label_errors/cleanlab.json");
        let cases: Vec<Case> = serde_json::from_str(text).expect("a list of cases");
        assert!(cases.len() > 4);
        for case in cases {
            let Case { name, num_classes, labels, probabilities, .. } = &case;
            let thresholds = confident_thresholds(labels, probabilities, *num_classes);
            let close = |(found, expected): (&f64, &f64)| (found - expected).abs() < 1e-9;
            assert!(thresholds.iter().zip(&case.thresholds).all(close), "{name}: {thresholds:?}");
            assert_eq!(confident_joint(labels, probabilities, *num_classes), case.joint, "{name}");
            let filters = [
                (LabelErrorFilter::PruneByNoiseRate, &case.prune_by_noise_rate),
                (LabelErrorFilter::PruneByClass, &case.prune_by_class),
                (LabelErrorFilter::Both, &case.both),
            ];
            for (filter, expected) in filters {
                let found = find_label_errors(labels, probabilities, *num_classes, filter);
                let rows: Vec<usize> = found.iter().map(|suspect| suspect.row).collect();
                assert_eq!(rows, *expected, "{name}, {filter:?}");
                let margins = found.iter().map(|suspect| (suspect.normalized_margin(), suspect.row));
                let is_equal = |(margin, row): (f64, usize)| (margin - case.normalized_margin[row]).abs() < 1e-12;
                assert!(margins.into_iter().all(is_equal), "{name}, {filter:?}");
            }
        }
    }

    #[test]
    fn sums_survive_rounding() {
        assert_eq!(round_preserving_sum(&[1.4, 1.4, 1.2]), [1, 2, 1]);
        assert_eq!(round_preserving_sum(&[0.6, 0.6, 0.8]), [0, 1, 1]);
        assert_eq!(round_preserving_sum(&[]), [0_usize; 0]);
    }

    #[test]
    fn a_label_that_is_likely_and_the_only_row_of_one_are_not_suspect() {
        let probabilities = [0.9, 0.1, 0.8, 0.2, 0.95, 0.05, 0.7, 0.3];
        let found = find_label_errors(&[0, 0, 0, 1], &probabilities, 2, LabelErrorFilter::default());
        assert!(found.is_empty(), "its label would have no row left: {found:?}");
        assert!(find_label_errors(&[], &[], 2, LabelErrorFilter::Both).is_empty());
    }

    proptest! {
        #[test]
        fn any_probabilities_give_a_joint_of_the_given_labels(
            rows in prop::collection::vec((0_usize..4, prop::array::uniform4(0.0_f64..1.0)), 0..60),
        ) {
            let labels: Vec<usize> = rows.iter().map(|row| row.0).collect();
            let probabilities: Vec<f64> = rows.iter().flat_map(|row| row.1).collect();
            let joint = confident_joint(&labels, &probabilities, 4);
            for (label, row) in joint.iter().enumerate() {
                prop_assert_eq!(row.iter().sum::<usize>(), labels.iter().filter(|&&own| own == label).count());
            }
            let found = find_label_errors(&labels, &probabilities, 4, LabelErrorFilter::default());
            prop_assert!(found.iter().all(|suspect| suspect.suggested != labels[suspect.row]));
            prop_assert!(found.is_sorted_by(|one, other| one.normalized_margin() <= other.normalized_margin()));
            let both = find_label_errors(&labels, &probabilities, 4, LabelErrorFilter::Both);
            prop_assert!(both.iter().all(|suspect| found.contains(suspect)));
        }
    }
}
