//! Intervals of the figures of predicted numbers, and of correlations: rows that count several times share their ranks.
//!
//! In: predictions and targets row by row, one number an output. Out: the interval of each of [`NUMBER_FIGURES`]. Rows are sorted
//! once; a draw takes a few passes over them.

use super::bootstrap::{NUM_RESAMPLES, RESAMPLE_SEED, intervals};
use super::figure::{Figure, set_intervals};

/// The figures that have intervals, as [`OutputMetrics`](super::OutputMetrics) has them: means over the outputs.
pub(super) const NUMBER_FIGURES: [&str; 6] = ["mse", "mae", "rmse", "r2", "pearson", "spearman"];

/// Numbers of an output, and their rows from the smallest number to the largest.
struct Column {
    numbers: Vec<f64>,
    order: Vec<usize>,
}

/// Numbers less their mean, and the sum of the squares of these, where each row counts so often.
struct Centered {
    deviations: Vec<f64>,
    sum_of_squares: f64,
}

/// Gives figures of predicted numbers their intervals, by their names.
///
/// # Panics
/// When there are not as many predictions as targets, or not a whole number of rows.
pub fn add_number_intervals(figures: &mut [Figure], predictions: &[f64], targets: &[f64], num_outputs: usize) {
    let found = number_intervals(predictions, targets, num_outputs, NUM_RESAMPLES, RESAMPLE_SEED);
    set_intervals(figures, NUMBER_FIGURES, found);
}

/// The interval of each of [`NUMBER_FIGURES`]; `None` where it is undefined in most draws.
pub(super) fn number_intervals(
    predictions: &[f64],
    targets: &[f64],
    num_outputs: usize,
    num_resamples: usize,
    seed: u64,
) -> Vec<Option<[f64; 2]>> {
    assert_eq!(predictions.len(), targets.len(), "each target has one prediction");
    assert!(num_outputs > 0 && targets.len().is_multiple_of(num_outputs), "rows are whole");
    let columns = |numbers: &[f64]| -> Vec<Column> {
        (0..num_outputs).map(|output| Column::new(numbers.iter().skip(output).step_by(num_outputs))).collect()
    };
    let (predictions, targets) = (columns(predictions), columns(targets));
    let num_rows = targets[0].numbers.len();
    intervals(num_rows, num_resamples, seed, |times| {
        let mut sums = [Some(0.0); NUMBER_FIGURES.len()];
        for (predictions, targets) in predictions.iter().zip(&targets) {
            for (sum, value) in sums.iter_mut().zip(figures_of(predictions, targets, times)) {
                *sum = sum.zip(value).map(|(sum, value)| sum + value / num_outputs as f64);
            }
        }
        sums.to_vec()
    })
}

/// The figures of an output where each row counts so often, in the order of [`NUMBER_FIGURES`].
fn figures_of(predictions: &Column, targets: &Column, times: &[u32]) -> [Option<f64>; NUMBER_FIGURES.len()] {
    let rows: f64 = times.iter().map(|&times| f64::from(times)).sum();
    let (mut squared, mut absolute) = (0.0, 0.0);
    for ((&prediction, &target), &times) in predictions.numbers.iter().zip(&targets.numbers).zip(times) {
        let error = prediction - target;
        squared += f64::from(times) * error * error;
        absolute += f64::from(times) * error.abs();
    }
    let mean = |sum: f64| (rows > 0.0).then(|| sum / rows);
    let (predicted, expected) = (centered(&predictions.numbers, times), centered(&targets.numbers, times));
    let r2 = match &expected {
        None if squared == 0.0 => 1.0,
        None => 0.0,
        Some(expected) => 1.0 - squared / expected.sum_of_squares,
    };
    let (predicted_ranks, expected_ranks) = (predictions.ranks(times), targets.ranks(times));
    [
        mean(squared),
        mean(absolute),
        mean(squared).map(f64::sqrt),
        if rows < 2.0 { None } else { Some(r2) },
        correlation(predicted, expected, times),
        correlation(centered(&predicted_ranks, times), centered(&expected_ranks, times), times),
    ]
}

/// Pearson's correlation where each row counts so often; `None` where either column is constant.
fn correlation(left: Option<Centered>, right: Option<Centered>, times: &[u32]) -> Option<f64> {
    let (left, right) = left.zip(right)?;
    let (left_norm, right_norm) = (left.sum_of_squares.sqrt(), right.sum_of_squares.sqrt());
    let products = left.deviations.iter().zip(&right.deviations).zip(times);
    let sum: f64 =
        products.map(|((left, right), &times)| f64::from(times) * (left / left_norm) * (right / right_norm)).sum();
    sum.is_finite().then_some(sum.clamp(-1.0, 1.0))
}

/// A column less its mean; `None` where the numbers that count are all the same.
fn centered(numbers: &[f64], times: &[u32]) -> Option<Centered> {
    let mut counted = numbers.iter().zip(times).filter(|(_, times)| **times > 0);
    let (first, _) = counted.next()?;
    if counted.all(|(number, _)| number == first) {
        return None;
    }
    let weighted = |values: &[f64], of: fn(f64) -> f64| -> f64 {
        values.iter().zip(times).map(|(&value, &times)| f64::from(times) * of(value)).sum()
    };
    let rows: f64 = times.iter().map(|&times| f64::from(times)).sum();
    let mean = weighted(numbers, |number| number) / rows;
    let deviations: Vec<f64> = numbers.iter().map(|number| number - mean).collect();
    let sum_of_squares = weighted(&deviations, |deviation| deviation * deviation);
    Some(Centered { deviations, sum_of_squares })
}

impl Column {
    fn new<'a>(numbers: impl Iterator<Item = &'a f64>) -> Self {
        let numbers: Vec<f64> = numbers.copied().collect();
        let mut order: Vec<usize> = (0..numbers.len()).collect();
        order.sort_by(|&left, &right| numbers[left].total_cmp(&numbers[right]));
        Self { numbers, order }
    }

    /// Ranks from 1 where each row counts so often; equal numbers share the mean of theirs.
    fn ranks(&self, times: &[u32]) -> Vec<f64> {
        let mut ranks = vec![0.0; self.numbers.len()];
        let mut below = 0.0;
        for equal in self.order.chunk_by(|&left, &right| self.numbers[left] == self.numbers[right]) {
            let count: f64 = equal.iter().map(|&row| f64::from(times[row])).sum();
            equal.iter().for_each(|&row| ranks[row] = below + (count + 1.0) / 2.0);
            below += count;
        }
        ranks
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::regression::evaluate_regression;
    use super::*;

    fn column(numbers: &[f64]) -> Column {
        Column::new(numbers.iter())
    }

    #[test]
    fn rows_that_count_several_times_share_their_ranks() {
        // As the ranks of 3, 3, 1, 2, 2: a row that does not count lies between others.
        assert_eq!(column(&[3.0, 1.0, 2.5, 2.0]).ranks(&[2, 1, 0, 2]), [4.5, 1.0, 3.5, 2.5]);
    }

    #[test]
    fn figures_that_are_mostly_undefined_have_no_interval() {
        let mut figures = [Figure::lower("mse", 0.5), Figure::higher("pearson", 0.0), Figure::lower("loss", 0.5)];
        add_number_intervals(&mut figures, &[1.0, 1.0, 1.0], &[1.0, 2.0, 3.0], 1);
        let known = figures.map(|figure| figure.interval.is_some());
        assert_eq!(known, [true, false, false]);
        assert!(number_intervals(&[], &[], 1, 10, 1).iter().all(Option::is_none), "there is nothing to draw");
    }

    proptest! {
        /// A row that counts twice is two rows.
        #[test]
        fn figures_are_those_of_rows_written_out(rows in prop::collection::vec((-4_i8..4, -4_i8..4, 0_u32..3), 1..20)) {
            let times: Vec<u32> = rows.iter().map(|row| row.2).collect();
            let of = |which: fn(&(i8, i8, u32)) -> i8| -> Vec<f64> { rows.iter().map(|row| f64::from(which(row)) / 2.0).collect() };
            let (predictions, targets) = (of(|row| row.0), of(|row| row.1));
            let written = |numbers: &[f64]| -> Vec<f64> {
                numbers.iter().zip(&times).flat_map(|(&number, &times)| std::iter::repeat_n(number, times as usize)).collect()
            };
            let found = figures_of(&column(&predictions), &column(&targets), &times);
            if times.iter().sum::<u32>() > 0 {
                let whole = evaluate_regression(&written(&predictions), &written(&targets), 1).mean;
                let expected =
                    [Some(whole.mse), Some(whole.mae), Some(whole.rmse), whole.r2, whole.pearson, whole.spearman];
                for (found, expected) in found.into_iter().zip(expected) {
                    prop_assert_eq!(found.is_some(), expected.is_some(), "{:?}", rows);
                    prop_assert!((found.unwrap_or(0.0) - expected.unwrap_or(0.0)).abs() < 1e-9, "{:?}", rows);
                }
            }
        }
    }
}
