//! A figure of some rows beside that of all others, slice by slice: where a model is worse than elsewhere.
//!
//! In: of each row whether it is right, or how large its error is, and slices: which rows are in them. Out: for each slice the
//! accuracy (or the mean absolute error) in it and in the rest with their intervals, the difference with its interval, and how
//! probable so large a difference is by chance, corrected for looking at many slices; the worst slice first.
//!
//! Accuracies: Wilson's score interval, Newcombe's interval of a difference (1998, method 10), Fisher's exact test. Errors: the
//! percentile bootstrap, Welch's t-test. Correction: Holm 1979.

use serde::{Deserialize, Serialize, Serializer};

use super::bootstrap::{NUM_RESAMPLES, RESAMPLE_SEED, intervals};
use super::figure::known_interval;

/// A slice, and the rest, have so many rows at the least.
pub const MIN_SLICE: usize = 10;

/// The quantile of the normal distribution below which 97.5 % lie.
const Z: f64 = 1.959_963_984_540_054;

/// What is known of each row.
#[derive(Debug, Clone, PartialEq)]
pub enum RowOutcomes {
    /// Whether it is right.
    Right(Vec<bool>),
    /// How far it is off: not negative.
    Errors(Vec<f64>),
}

impl RowOutcomes {
    /// How many rows there are.
    #[must_use]
    pub fn len(&self) -> usize {
        match self {
            Self::Right(right) => right.len(),
            Self::Errors(errors) => errors.len(),
        }
    }

    /// Whether there are no rows.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// Rows that have something in common.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Slice {
    /// By what they were chosen: the name of a column, `length`, `contains`.
    pub by: String,
    /// What they have in common: a value.
    pub value: String,
    /// Their indices, ascending.
    pub rows: Vec<usize>,
}

/// A figure with its interval of 95 %.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct SliceFigure {
    /// Rows that it is of.
    pub num_rows: usize,
    /// The figure.
    pub value: f64,
    /// Its interval; `None` where it could not be had. JSON has none either where both ends are one.
    #[serde(serialize_with = "write_interval")]
    pub interval: Option<[f64; 2]>,
}

/// A slice beside all other rows.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SliceResult {
    /// As of [`Slice`].
    pub by: String,
    /// As of [`Slice`].
    pub value: String,
    /// The figure of the slice.
    pub slice: SliceFigure,
    /// The figure of all other rows.
    pub rest: SliceFigure,
    /// The slice less the rest.
    pub difference: f64,
    /// Its interval, as that of a figure.
    #[serde(serialize_with = "write_interval")]
    pub difference_interval: Option<[f64; 2]>,
    /// How probable a difference so large or larger is where there is none.
    pub p: f64,
    /// The same, corrected by Holm for all slices that were looked at.
    pub p_corrected: f64,
    /// The slice is worse than the rest, and that is hardly chance: the corrected probability is below 5 %.
    pub is_worse: bool,
}

fn write_interval<S: Serializer>(interval: &Option<[f64; 2]>, serializer: S) -> Result<S::Ok, S::Error> {
    interval.and_then(known_interval).serialize(serializer)
}

/// What was found of slices.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SliceReport {
    /// `accuracy` or `mae`.
    pub figure: String,
    /// The figure of all rows.
    pub all: SliceFigure,
    /// The slices, the worst first: the one that differs most from the rest.
    pub slices: Vec<SliceResult>,
    /// Slices that are too small, or leave too small a rest, to be looked at: less than [`MIN_SLICE`] rows.
    pub num_small: usize,
}

impl SliceReport {
    /// What a person should know before they believe a slice.
    #[must_use]
    pub fn note(&self) -> String {
        let (count, small) = (self.slices.len(), self.num_small);
        let small = match small {
            0 => String::new(),
            small => format!(" Left out, as they or their rest have less than {MIN_SLICE} rows: {small}."),
        };
        format!(
            "Slices looked at: {count}. Of many some look worse by chance: each probability is corrected for all of them (Holm), and \
             below 0.05 a difference is hardly chance.{small}"
        )
    }
}

/// Looks at slices.
///
/// # Panics
/// When a slice has an index that no row has.
#[must_use]
pub fn compare_slices(outcomes: &RowOutcomes, slices: &[Slice]) -> SliceReport {
    let num_rows = outcomes.len();
    let is_large = |slice: &&Slice| slice.rows.len() >= MIN_SLICE && num_rows - slice.rows.len() >= MIN_SLICE;
    let looked_at: Vec<&Slice> = slices.iter().filter(is_large).collect();
    let num_small = slices.len() - looked_at.len();
    let (all, mut results) = match outcomes {
        RowOutcomes::Right(right) => of_right(right, &looked_at),
        RowOutcomes::Errors(errors) => of_errors(errors, &looked_at),
    };
    let is_error = matches!(outcomes, RowOutcomes::Errors(_));
    correct(&mut results);
    for result in &mut results {
        let is_below = if is_error { result.difference > 0.0 } else { result.difference < 0.0 };
        result.is_worse = is_below && result.p_corrected < 0.05;
    }
    results.sort_by(|a, b| {
        let order = a.difference.total_cmp(&b.difference);
        if is_error { order.reverse() } else { order }
    });
    SliceReport { figure: if is_error { "mae" } else { "accuracy" }.to_owned(), all, slices: results, num_small }
}

fn of_right(right: &[bool], slices: &[&Slice]) -> (SliceFigure, Vec<SliceResult>) {
    let figure = |hits: usize, num_rows: usize| SliceFigure {
        num_rows,
        value: hits as f64 / num_rows.max(1) as f64,
        interval: (num_rows > 0).then(|| wilson(hits, num_rows)),
    };
    let all_hits = right.iter().filter(|right| **right).count();
    let compare = |slice: &&Slice| {
        let hits = slice.rows.iter().filter(|&&row| right[row]).count();
        let (rest_hits, rest_rows) = (all_hits - hits, right.len() - slice.rows.len());
        let (own, rest) = (figure(hits, slice.rows.len()), figure(rest_hits, rest_rows));
        let interval =
            own.interval.zip(rest.interval).map(|(low_high, other)| newcombe((&own, low_high), (&rest, other)));
        let p = fisher([hits, slice.rows.len() - hits], [rest_hits, rest_rows - rest_hits]);
        result(slice, own, rest, interval, p)
    };
    (figure(all_hits, right.len()), slices.iter().map(compare).collect())
}

fn of_errors(errors: &[f64], slices: &[&Slice]) -> (SliceFigure, Vec<SliceResult>) {
    // Of all rows, then of each slice, of its rest, and of the difference: the same draws for all.
    let figures = |times: &[u32]| {
        let weighted = |row: usize| (f64::from(times[row]), f64::from(times[row]) * errors[row]);
        let sum = |(a, b): (f64, f64), (c, d): (f64, f64)| (a + c, b + d);
        let (all_rows, all_sum) = (0..errors.len()).map(weighted).fold((0.0, 0.0), sum);
        let mean = |rows: f64, sum: f64| (rows > 0.0).then(|| sum / rows);
        let mut found = vec![mean(all_rows, all_sum)];
        for slice in slices {
            let (rows, sum) = slice.rows.iter().map(|&row| weighted(row)).fold((0.0, 0.0), sum);
            let (own, rest) = (mean(rows, sum), mean(all_rows - rows, all_sum - sum));
            found.extend([own, rest, own.zip(rest).map(|(own, rest)| own - rest)]);
        }
        found
    };
    let values = figures(&vec![1; errors.len()]);
    let found = intervals(errors.len(), NUM_RESAMPLES, RESAMPLE_SEED, figures);
    let figure = |index: usize, num_rows: usize| SliceFigure {
        num_rows,
        value: values[index].unwrap_or(0.0),
        interval: found[index],
    };
    let compare = |(index, slice): (usize, &&Slice)| {
        let at = 1 + 3 * index;
        let num_rows = slice.rows.len();
        let (own, rest) = (figure(at, num_rows), figure(at + 1, errors.len() - num_rows));
        let mut is_own = vec![false; errors.len()];
        slice.rows.iter().for_each(|&row| is_own[row] = true);
        let side = |wanted: bool| -> Vec<f64> {
            errors.iter().zip(&is_own).filter(|(_, is_own)| **is_own == wanted).map(|(error, _)| *error).collect()
        };
        result(slice, own, rest, found[at + 2], welch(&side(true), &side(false)))
    };
    (figure(0, errors.len()), slices.iter().enumerate().map(compare).collect())
}

fn result(
    slice: &Slice,
    own: SliceFigure,
    rest: SliceFigure,
    difference_interval: Option<[f64; 2]>,
    p: f64,
) -> SliceResult {
    SliceResult {
        by: slice.by.clone(),
        value: slice.value.clone(),
        slice: own,
        rest,
        difference: own.value - rest.value,
        difference_interval,
        p,
        p_corrected: p,
        is_worse: false,
    }
}

/// Holm's correction: the smallest times the number of all, the next times one less, and none below the one before.
fn correct(results: &mut [SliceResult]) {
    let mut order: Vec<usize> = (0..results.len()).collect();
    order.sort_by(|&a, &b| results[a].p.total_cmp(&results[b].p));
    let mut least = 0.0_f64;
    for (place, &index) in order.iter().enumerate() {
        let factor = (order.len() - place) as f64;
        least = least.max((results[index].p * factor).min(1.0));
        results[index].p_corrected = least;
    }
}

/// Wilson's score interval of a share.
fn wilson(hits: usize, num_rows: usize) -> [f64; 2] {
    let (n, share) = (num_rows as f64, hits as f64 / num_rows as f64);
    let centre = share + Z * Z / (2.0 * n);
    let half = Z * (share * (1.0 - share) / n + Z * Z / (4.0 * n * n)).sqrt();
    let scale = 1.0 + Z * Z / n;
    // Both are exact where no row or every row is right; the formula has an error in the last digits there.
    let low = if hits == 0 { 0.0 } else { (centre - half) / scale };
    let high = if hits == num_rows { 1.0 } else { (centre + half) / scale };
    [low, high]
}

/// The interval of the difference of two shares, from their own.
fn newcombe(
    (own, [own_low, own_high]): (&SliceFigure, [f64; 2]),
    (rest, [rest_low, rest_high]): (&SliceFigure, [f64; 2]),
) -> [f64; 2] {
    let difference = own.value - rest.value;
    let below = (own.value - own_low).hypot(rest_high - rest.value);
    let above = (own_high - own.value).hypot(rest.value - rest_low);
    [difference - below, difference + above]
}

/// Fisher's exact test, two-sided: the tables with the same margins that are no more probable than this one.
fn fisher([hits, misses]: [usize; 2], [rest_hits, rest_misses]: [usize; 2]) -> f64 {
    let (own, rest, all_hits) = (hits + misses, rest_hits + rest_misses, hits + rest_hits);
    let mut log_factorials = vec![0.0_f64; own + rest + 1];
    for n in 1..log_factorials.len() {
        log_factorials[n] = log_factorials[n - 1] + (n as f64).ln();
    }
    let log_choose = |n: usize, k: usize| log_factorials[n] - log_factorials[k] - log_factorials[n - k];
    let log_p = |k: usize| log_choose(own, k) + log_choose(rest, all_hits - k) - log_choose(own + rest, all_hits);
    let observed = log_p(hits);
    let possible = all_hits.saturating_sub(rest)..=own.min(all_hits);
    // Tables that are as probable differ in the last digits.
    possible.map(log_p).filter(|log_p| *log_p <= observed + 1e-7).map(f64::exp).sum::<f64>().min(1.0)
}

/// Welch's t-test, two-sided.
fn welch(own: &[f64], rest: &[f64]) -> f64 {
    let moments = |values: &[f64]| {
        let n = values.len() as f64;
        let mean = values.iter().sum::<f64>() / n;
        let squares: f64 = values.iter().map(|value| (value - mean).powi(2)).sum();
        (mean, squares / (n - 1.0) / n, n)
    };
    let ((mean, variance, n), (other_mean, other_variance, other_n)) = (moments(own), moments(rest));
    let both = variance + other_variance;
    if both <= 0.0 {
        return if mean == other_mean { 1.0 } else { 0.0 };
    }
    let t = (mean - other_mean) / both.sqrt();
    let freedom = both.powi(2) / (variance.powi(2) / (n - 1.0) + other_variance.powi(2) / (other_n - 1.0));
    incomplete_beta(freedom / (freedom + t * t), freedom / 2.0, 0.5)
}

/// The regularised incomplete beta function, by its continued fraction (Abramowitz and Stegun 26.5.8, evaluated as Lentz does).
fn incomplete_beta(x: f64, a: f64, b: f64) -> f64 {
    if x <= 0.0 || x >= 1.0 {
        return x.clamp(0.0, 1.0);
    }
    if x > (a + 1.0) / (a + b + 2.0) {
        return 1.0 - incomplete_beta(1.0 - x, b, a);
    }
    let front = (a * x.ln() + b * (1.0 - x).ln() + log_gamma(a + b) - log_gamma(a) - log_gamma(b)).exp() / a;
    let away_from_zero = |value: f64| if value.abs() < 1e-300 { 1e-300 } else { value };
    let (mut c, mut d) = (1.0, 1.0 / away_from_zero(1.0 - (a + b) * x / (a + 1.0)));
    let mut fraction = d;
    for step in 1..=300 {
        let m = f64::from(step);
        let even = m * (b - m) * x / ((a + 2.0 * m - 1.0) * (a + 2.0 * m));
        let odd = -(a + m) * (a + b + m) * x / ((a + 2.0 * m) * (a + 2.0 * m + 1.0));
        let before = fraction;
        for term in [even, odd] {
            d = 1.0 / away_from_zero(1.0 + term * d);
            c = away_from_zero(1.0 + term / c);
            fraction *= c * d;
        }
        if (fraction / before - 1.0).abs() < 1e-15 {
            break;
        }
    }
    front * fraction
}

/// The logarithm of the gamma function of a positive number: Stirling's series, after the number was made large enough for it.
fn log_gamma(x: f64) -> f64 {
    let (mut x, mut product) = (x, 1.0);
    while x < 10.0 {
        product *= x;
        x += 1.0;
    }
    let inverse = 1.0 / (x * x);
    let series = (1.0 / 12.0 - inverse * (1.0 / 360.0 - inverse * (1.0 / 1260.0 - inverse / 1680.0))) / x;
    (x - 0.5) * x.ln() - x + 0.5 * (2.0 * std::f64::consts::PI).ln() + series - product.ln()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn slice(by: &str, rows: std::ops::Range<usize>) -> Slice {
        Slice { by: by.into(), value: "x".into(), rows: rows.collect() }
    }

    fn close(found: f64, expected: f64) -> bool {
        (found - expected).abs() < 1e-9
    }

    /// `scipy.stats`: `binomtest(5, 20).proportion_ci(method="wilson")`, and of 0 in 10.
    #[test]
    fn intervals_of_shares_are_those_of_scipy() {
        let [low, high] = wilson(5, 20);
        assert!(close(low, 0.111_861_701_407_665_71) && close(high, 0.468_700_877_618_744), "{low} to {high}");
        let [low, high] = wilson(0, 10);
        assert!(low == 0.0 && close(high, 0.277_532_799_862_889_26), "{low} to {high}");
        let figure = |value| SliceFigure { num_rows: 1, value, interval: None };
        let [low, high] = newcombe((&figure(0.25), wilson(5, 20)), (&figure(0.75), wilson(60, 80)));
        assert!(close(low, -0.660_611_248_594_923_3) && close(high, -0.257_465_643_550_589_4), "{low} to {high}");
    }

    /// `scipy.stats.fisher_exact` and `scipy.stats.ttest_ind(…, equal_var=False)`
    #[test]
    fn probabilities_are_those_of_scipy() {
        assert!(close(fisher([5, 15], [60, 20]), 5.556_942_418_721_598e-5), "{}", fisher([5, 15], [60, 20]));
        assert!(close(fisher([3, 7], [3, 7]), 1.0));
        let (own, rest) = ([1.0, 2.5, 0.5, 3.0, 2.0], [0.5, 0.25, 1.0, 0.75, 0.0, 0.5]);
        assert!(close(welch(&own, &rest), 0.046_075_901_318_498_63), "{}", welch(&own, &rest));
        assert!(close(welch(&rest, &rest), 1.0) && welch(&[1.0; 3], &[2.0; 3]) == 0.0);
        assert!(close(incomplete_beta(0.9, 40.0, 0.5), 0.003_800_432_593_771_123_3));
    }

    #[test]
    fn the_worst_slice_comes_first_and_small_ones_are_counted() {
        let right: Vec<bool> = (0..100).map(|row| row >= 15).collect();
        let slices = [slice("good", 60..100), slice("bad", 0..20), slice("small", 0..9), slice("all but few", 0..95)];
        let report = compare_slices(&RowOutcomes::Right(right), &slices);
        let found: Vec<_> = report.slices.iter().map(|one| (one.by.as_str(), one.is_worse)).collect();
        assert_eq!((found, report.num_small), (vec![("bad", true), ("good", false)], 2));
        assert!((report.slices[0].slice.value, report.slices[0].rest.value) == (0.25, 1.0));
        assert!(
            report.note().contains("Slices looked at: 2.") && report.note().contains("rows: 2."),
            "{}",
            report.note()
        );
        assert_eq!((report.figure.as_str(), report.all.value), ("accuracy", 0.85));
    }

    #[test]
    fn of_errors_the_largest_is_the_worst() {
        let errors: Vec<f64> =
            (0..60).map(|row| if row < 20 { 2.0 + f64::from(row % 3) } else { f64::from(row % 2) }).collect();
        let slices = [slice("rest", 20..60), slice("off", 0..20)];
        let report = compare_slices(&RowOutcomes::Errors(errors), &slices);
        let [first, second] = report.slices.as_slice() else { panic!("both are large enough") };
        assert_eq!((first.by.as_str(), first.is_worse, second.is_worse), ("off", true, false));
        let [low, high] = first.difference_interval.expect("it is defined");
        assert!(low > 1.5 && low < first.difference && first.difference < high && high < 3.5, "{low} to {high}");
        assert!(first.slice.interval.is_some_and(|[low, high]| low < 2.95 && 2.95 < high), "{first:?}");
    }

    #[test]
    fn an_interval_whose_ends_are_one_is_null_in_json() {
        let report = compare_slices(&RowOutcomes::Errors(vec![0.5; 40]), &[slice("a", 0..20)]);
        assert_eq!(report.all.interval, Some([0.5, 0.5]));
        let json = serde_json::to_value(&report).expect("plain values");
        let found = &json["slices"][0];
        assert!(json["all"]["interval"].is_null() && found["slice"]["interval"].is_null(), "{json}");
        assert!(found["difference_interval"].is_null() && found["difference"].is_number(), "{json}");
        let read: SliceReport = serde_json::from_value(json).expect("as it was written");
        assert_eq!((read.all.interval, read.slices[0].slice.num_rows), (None, 20));
    }

    #[test]
    fn probabilities_are_corrected_as_holm_does() {
        let mut results: Vec<SliceResult> = [0.01, 0.04, 0.03]
            .map(|p| {
                let figure = SliceFigure { num_rows: 10, value: 0.5, interval: None };
                result(&slice("a", 0..10), figure, figure, None, p)
            })
            .to_vec();
        correct(&mut results);
        let found: Vec<f64> = results.iter().map(|one| one.p_corrected).collect();
        assert!(close(found[0], 0.03) && close(found[1], 0.06) && close(found[2], 0.06), "{found:?}");
    }
}
