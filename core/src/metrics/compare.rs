//! Whether one run is better than another on the same rows, or was lucky: McNemar's test, and the paired bootstrap.
//!
//! In: for each row what both runs predicted. Out: a [`McNemar`] with its p-values, and the [`Difference`] of a figure with its
//! interval. McNemar 1947, <https://doi.org/10.1007/BF02295996>; the mid-p variant as in Fagerland, Lydersen and Laake 2013,
//! <https://doi.org/10.1186/1471-2288-13-91>.

use serde::{Deserialize, Serialize};

use super::bootstrap::intervals;
use super::class_counts::ClassCounts;
use super::figure::known_interval;

/// McNemar's test on rows that two runs answered: it looks at those that only one of them has right.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct McNemar {
    /// Rows that only the first run has right.
    pub only_first: u64,
    /// Rows that only the second run has right.
    pub only_second: u64,
    /// How probable so large a difference is between equally good runs, by the binomial distribution.
    pub p_exact: f64,
    /// The same, where the difference itself counts half: less strict on few rows. Where both counts are equal, 1 less half the
    /// probability of just that.
    pub p_mid: f64,
    /// The chi-squared statistic with continuity correction, with one degree of freedom,
    pub chi2: f64,
    /// and its p-value, which holds for 25 such rows and more.
    pub p_chi2: f64,
}

/// A figure of two runs on the same rows.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(from = "WrittenDifference", into = "WrittenDifference")]
pub struct Difference {
    /// Of the first run.
    pub first: f64,
    /// Of the second run.
    pub second: f64,
    /// The ends of what 95 % of the draws of rows gave for the second less the first. Both are one where all draws gave the same: then the
    /// interval is not known, and JSON has `null`.
    pub interval: [f64; 2],
}

/// A [`Difference`] as JSON.
#[derive(Serialize, Deserialize)]
struct WrittenDifference {
    first: f64,
    second: f64,
    interval: Option<[f64; 2]>,
}

impl From<Difference> for WrittenDifference {
    fn from(Difference { first, second, interval }: Difference) -> Self {
        Self { first, second, interval: known_interval(interval) }
    }
}

impl From<WrittenDifference> for Difference {
    fn from(WrittenDifference { first, second, interval }: WrittenDifference) -> Self {
        Self { first, second, interval: interval.unwrap_or([second - first; 2]) }
    }
}

/// A row with one class, and what both runs predicted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PairedClass {
    /// Id of its class.
    pub label: usize,
    /// Id that the first run predicted.
    pub first: usize,
    /// Id that the second run predicted.
    pub second: usize,
}

/// The test of rows that each run has right or not: (first, second).
#[must_use]
pub fn mcnemar(right: &[(bool, bool)]) -> McNemar {
    let count = |of: (bool, bool)| right.iter().filter(|&&row| row == of).count() as u64;
    let (only_first, only_second) = (count((true, false)), count((false, true)));
    let (fewer, all) = (only_first.min(only_second), only_first + only_second);
    let (below, at) = binomial(fewer, all);
    let distance = (only_first.abs_diff(only_second) as f64 - 1.0).max(0.0);
    let chi2 = if all == 0 { 0.0 } else { distance * distance / all as f64 };
    // Of equal counts both tails hold the middle term, which counts half in all.
    let is_even = only_first == only_second && all > 0;
    McNemar {
        only_first,
        only_second,
        p_exact: (2.0 * below).min(1.0),
        p_mid: if is_even { 1.0 - 0.5 * at } else { (2.0 * below - at).min(1.0) },
        chi2,
        p_chi2: erfc((chi2 / 2.0).sqrt()),
    }
}

/// The accuracy of both runs, of rows that each has right or not; `None` without rows.
#[must_use]
pub fn compare_accuracy(right: &[(bool, bool)], num_resamples: usize, seed: u64) -> Option<Difference> {
    let shares = |times: &[u32]| {
        let (mut first, mut second, mut rows) = (0_u64, 0_u64, 0_u64);
        for (&times, &(is_first, is_second)) in times.iter().zip(right) {
            let times = u64::from(times);
            rows += times;
            first += if is_first { times } else { 0 };
            second += if is_second { times } else { 0 };
        }
        let share = |hits: u64| hits as f64 / rows.max(1) as f64;
        [share(first), share(second)]
    };
    compare(right.len(), num_resamples, seed, shares)
}

/// The macro F1 of both runs; `None` without rows.
///
/// # Panics
/// When an id is not below the number of classes.
#[must_use]
pub fn compare_macro_f1(
    num_classes: usize,
    rows: &[PairedClass],
    num_resamples: usize,
    seed: u64,
) -> Option<Difference> {
    let f1s = |times: &[u32]| {
        let (mut first, mut second) = (ClassCounts::new(num_classes), ClassCounts::new(num_classes));
        for (&times, row) in times.iter().zip(rows).filter(|(times, _)| **times > 0) {
            first.add(row.label, row.first, times as usize);
            second.add(row.label, row.second, times as usize);
        }
        [first.macro_avg().f1, second.macro_avg().f1]
    };
    compare(rows.len(), num_resamples, seed, f1s)
}

fn compare(
    num_rows: usize,
    num_resamples: usize,
    seed: u64,
    figures: impl Fn(&[u32]) -> [f64; 2],
) -> Option<Difference> {
    let [first, second] = figures(&vec![1; num_rows]);
    let difference = |times: &[u32]| {
        let [first, second] = figures(times);
        vec![Some(second - first)]
    };
    let interval = intervals(num_rows, num_resamples, seed, difference).into_iter().next().flatten()?;
    Some(Difference { first, second, interval })
}

/// How probable it is that of `all` fair coins at most `heads` fall on one side, and exactly so many. Computed from the logarithm
/// of the largest term down, so that no number is too large.
pub(super) fn binomial(heads: u64, all: u64) -> (f64, f64) {
    let chosen: f64 = (1..=heads).map(|i| ((all - heads + i) as f64 / i as f64).ln()).sum();
    let at = (chosen - all as f64 * std::f64::consts::LN_2).exp();
    let (mut term, mut sum) = (at, at);
    for k in (1..=heads).rev() {
        term *= k as f64 / (all - k + 1) as f64;
        sum += term;
    }
    (sum, at)
}

/// The complementary error function of a number that is not negative: by its power series where that is short, else by its
/// continued fraction (Abramowitz and Stegun 7.1.6 and 7.1.14).
fn erfc(x: f64) -> f64 {
    let scale = (-x * x).exp();
    if x < 2.5 {
        let (mut term, mut sum, mut n) = (x, x, 0.0);
        while term > sum * 1e-17 {
            n += 1.0;
            term *= 2.0 * x * x / (2.0 * n + 1.0);
            sum += term;
        }
        return 1.0 - 2.0 / std::f64::consts::PI.sqrt() * scale * sum;
    }
    let fraction = (1..=80).rev().fold(0.0, |below, n| f64::from(n) / 2.0 / (x + below));
    scale / (std::f64::consts::PI.sqrt() * (x + fraction))
}

#[cfg(test)]
mod tests {
    use super::super::bootstrap::{NUM_RESAMPLES, RESAMPLE_SEED};
    use super::*;

    fn rights(only_first: usize, only_second: usize, both: usize) -> Vec<(bool, bool)> {
        let some = |right, count| std::iter::repeat_n(right, count);
        some((true, false), only_first)
            .chain(some((false, true), only_second))
            .chain(some((true, true), both))
            .collect()
    }

    #[test]
    fn runs_that_differ_nowhere_are_not_told_apart() {
        let same = mcnemar(&rights(0, 0, 9));
        assert_eq!((same.p_exact, same.p_mid, same.chi2, same.p_chi2), (1.0, 1.0, 0.0, 1.0));
        let even = mcnemar(&rights(3, 3, 0));
        // Of six coins just three fall on one side in 20 of 64 draws.
        assert!(even.p_exact == 1.0 && (even.p_mid - 0.843_75).abs() < 1e-12 && even.p_chi2 == 1.0, "{even:?}");
        assert!(
            (mcnemar(&rights(1, 1, 0)).p_mid - 0.75).abs() < 1e-12,
            "Fagerland, Lydersen and Laake 2013, supplement"
        );
        assert_eq!(compare_accuracy(&[], 10, 1), None);
        let found = compare_accuracy(&rights(0, 0, 9), 10, 1).expect("there are rows");
        assert_eq!((found.first, found.second, found.interval), (1.0, 1.0, [0.0, 0.0]));
        let json = serde_json::to_string(&found).expect("plain values");
        assert_eq!(json, r#"{"first":1.0,"second":1.0,"interval":null}"#);
        for text in [json.replace("null", "[0.0,0.0]"), json] {
            assert_eq!(serde_json::from_str::<Difference>(&text).expect("both are read"), found);
        }
    }

    #[test]
    fn the_test_knows_no_order_and_the_difference_turns_round() {
        let (one, other) = (mcnemar(&rights(2, 9, 5)), mcnemar(&rights(9, 2, 5)));
        assert_eq!((one.p_exact, one.p_mid, one.p_chi2), (other.p_exact, other.p_mid, other.p_chi2));
        let better = compare_accuracy(&rights(2, 9, 50), NUM_RESAMPLES, RESAMPLE_SEED).expect("there are rows");
        assert!(better.second > better.first && better.interval[0] < 7.0 / 61.0 && 7.0 / 61.0 < better.interval[1]);
    }

    #[test]
    fn the_error_function_is_smooth_where_its_two_forms_meet() {
        let (below, above) = (erfc(2.5 - 1e-13), erfc(2.5));
        assert!((below / above - 1.0).abs() < 1e-10, "{below} and {above}");
        assert_eq!(erfc(0.0), 1.0);
    }

    #[test]
    fn many_rows_do_not_overflow() {
        let found = mcnemar(&rights(5000, 5200, 0));
        assert!((0.04..0.06).contains(&found.p_exact) && (0.04..0.06).contains(&found.p_chi2), "{found:?}");
    }

    #[test]
    fn macro_f1_is_compared_class_by_class() {
        let row = |label, first, second| PairedClass { label, first, second };
        let rows = [row(0, 0, 0), row(0, 0, 0), row(1, 0, 1), row(1, 1, 1)];
        let found = compare_macro_f1(2, &rows, NUM_RESAMPLES, RESAMPLE_SEED).expect("there are rows");
        assert!((found.first - (0.8 + 2.0 / 3.0) / 2.0).abs() < 1e-12 && found.second == 1.0, "{found:?}");
        assert!(found.interval[0] >= 0.0 && found.interval[1] < 1.0, "{found:?}");
    }
}
