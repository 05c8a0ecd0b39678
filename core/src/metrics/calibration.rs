//! Whether probabilities can be believed: bins of a reliability diagram, the expected calibration error, and the temperature by
//! which logits are divided so that they can be believed more.
//!
//! In: the probability of what was predicted and whether it was right, or logits and labels. Out: [`ReliabilityBin`]s, an error,
//! a [`TemperatureFit`]. Guo et al. 2017, <https://arxiv.org/abs/1706.04599>.

use serde::{Deserialize, Serialize};

use super::softmax::{find_highest, log_softmax_of, softmax};

/// Bins of the expected calibration error, as Guo et al. have them: of equal width, each with its upper end.
pub const NUM_BINS: usize = 15;

/// Temperatures that are tried: from the first to the second. A minimum outside of them says that the rows say nothing of it.
const TEMPERATURES: [f64; 2] = [0.05, 20.0];

/// Steps of the search, each of which halves what is left or does better.
const MAX_STEPS: usize = 100;

/// A step so small, as a share of what it changes, is the last: Newton's method doubles the right digits with each.
const CLOSE: f64 = 1e-11;

/// Rows whose probability lies in a range.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct ReliabilityBin {
    /// Probabilities above this (from 0 on in the first bin),
    pub low: f64,
    /// and up to this.
    pub high: f64,
    /// Rows in it; where rows have several labels, pairs of row and label.
    pub num_rows: usize,
    /// Their mean probability; 0 without rows.
    pub mean_probability: f64,
    /// The share of them that is right (where rows have several labels: that has the label); 0 without rows.
    pub accuracy: f64,
}

/// The temperature that suits some rows best: of all it gives them the highest likelihood.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct TemperatureFit {
    /// By which logits are divided. Above 1 the model is too sure of itself.
    pub temperature: f64,
    /// Mean negative log-likelihood a row, in nats, of the logits as they are,
    pub nll_before: f64,
    /// and divided by the temperature.
    pub nll_after: f64,
    /// Expected calibration error of the logits as they are,
    pub ece_before: f64,
    /// and divided by the temperature.
    pub ece_after: f64,
}

/// Sums of a bin.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct BinSums {
    pub(super) rows: f64,
    pub(super) probability: f64,
    pub(super) right: f64,
}

impl BinSums {
    /// Adds a row that counts `times`.
    pub(super) fn add(&mut self, probability: f64, is_right: bool, times: f64) {
        self.rows += times;
        self.probability += probability * times;
        self.right += if is_right { times } else { 0.0 };
    }

    /// Adds rows that were summed up, `times` over.
    pub(super) fn add_all(&mut self, rows: &Self, times: f64) {
        self.rows += rows.rows * times;
        self.probability += rows.probability * times;
        self.right += rows.right * times;
    }
}

/// The bin of a probability.
pub(super) fn bin_of(probability: f64) -> usize {
    let high = |bin: usize| (bin + 1) as f64 / NUM_BINS as f64;
    (0..NUM_BINS - 1).find(|&bin| probability <= high(bin)).unwrap_or(NUM_BINS - 1)
}

/// The error of filled bins: the mean distance between probability and share of right rows, weighted by the rows of a bin. `None`
/// without rows.
pub(super) fn calibration_error(bins: &[BinSums]) -> Option<f64> {
    let rows: f64 = bins.iter().map(|bin| bin.rows).sum();
    let distance: f64 = bins.iter().map(|bin| (bin.probability - bin.right).abs()).sum();
    (rows > 0.0).then(|| distance / rows)
}

/// The bins of rows with these probabilities, which are right or not.
pub(super) fn fill_bins(rows: impl IntoIterator<Item = (f64, bool)>) -> Vec<BinSums> {
    let mut bins = vec![BinSums::default(); NUM_BINS];
    rows.into_iter().for_each(|(probability, is_right)| bins[bin_of(probability)].add(probability, is_right, 1.0));
    bins
}

/// The same for a reliability diagram.
pub(super) fn reliability_bins(bins: &[BinSums]) -> Vec<ReliabilityBin> {
    let bin = |(index, sums): (usize, &BinSums)| {
        let mean = |sum: f64| if sums.rows > 0.0 { sum / sums.rows } else { 0.0 };
        ReliabilityBin {
            low: index as f64 / NUM_BINS as f64,
            high: (index + 1) as f64 / NUM_BINS as f64,
            num_rows: sums.rows as usize,
            mean_probability: mean(sums.probability),
            accuracy: mean(sums.right),
        }
    };
    bins.iter().enumerate().map(bin).collect()
}

/// The temperature that gives rows the highest likelihood. `logits` are row by row, as many as there are classes, and `labels` the
/// ids of their classes.
///
/// The mean negative log-likelihood is convex in 1/temperature, so its slope has one zero, which Newton's method finds; a step that
/// leaves the bracket is replaced by halving it.
///
/// `None` without rows, and where the likelihood only grows towards one end: where every row is right by any temperature, or where
/// the logits say nothing.
#[must_use]
pub fn fit_temperature(num_classes: usize, labels: &[usize], logits: &[f32]) -> Option<TemperatureFit> {
    let rows = || logits.chunks_exact(num_classes.max(1)).zip(labels.iter().copied());
    let [mut low, mut high] = [1.0 / TEMPERATURES[1], 1.0 / TEMPERATURES[0]];
    let slope_at = |inverse: f64| {
        rows().fold((0.0_f64, 0.0_f64), |(slope, curvature), (logits, label)| {
            let (mean, variance) = moments(logits, inverse);
            (slope + mean - f64::from(logits[label]), curvature + variance)
        })
    };
    let has_minimum = !labels.is_empty() && slope_at(low).0 < 0.0 && slope_at(high).0 > 0.0;
    if !has_minimum {
        return None;
    }
    let mut inverse = 1.0_f64;
    for _ in 0..MAX_STEPS {
        let (slope, curvature) = slope_at(inverse);
        if slope == 0.0 {
            break;
        }
        if slope > 0.0 {
            high = inverse
        } else {
            low = inverse
        }
        let step = inverse - slope / curvature;
        if (step - inverse).abs() <= CLOSE * inverse {
            inverse = step;
            break;
        }
        inverse = if step > low && step < high { step } else { f64::midpoint(low, high) };
    }
    let temperature = 1.0 / inverse;
    let [before, after] = [1.0, temperature].map(|temperature| {
        let mut nll = 0.0;
        let bins = fill_bins(rows().map(|(logits, label)| {
            nll -= log_softmax_of(logits, label, temperature);
            let predicted = find_highest(logits);
            (softmax(logits, temperature)[predicted], predicted == label)
        }));
        (nll / labels.len() as f64, calibration_error(&bins).unwrap_or(0.0))
    });
    let ((nll_before, ece_before), (nll_after, ece_after)) = (before, after);
    Some(TemperatureFit { temperature, nll_before, nll_after, ece_before, ece_after })
}

/// Mean and variance of logits under the probabilities that they have at an inverse temperature.
fn moments(logits: &[f32], inverse: f64) -> (f64, f64) {
    let probabilities = softmax(logits, 1.0 / inverse);
    let mean: f64 = probabilities.iter().zip(logits).map(|(p, &logit)| p * f64::from(logit)).sum();
    let variance = probabilities.iter().zip(logits).map(|(p, &logit)| p * (f64::from(logit) - mean).powi(2)).sum();
    (mean, variance)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bins_have_their_upper_end_and_the_first_one_zero() {
        assert_eq!([bin_of(0.0), bin_of(1.0 / 15.0), bin_of(0.067), bin_of(0.4), bin_of(1.0)], [0, 0, 1, 5, 14]);
        let bins = reliability_bins(&fill_bins([(0.9, true), (0.9, false), (0.4, false)]));
        assert_eq!((bins[13].num_rows, bins[13].accuracy, bins[13].mean_probability), (2, 0.5, 0.9));
        assert_eq!((bins[5].num_rows, bins[5].accuracy), (1, 0.0));
        let error = calibration_error(&fill_bins([(0.9, true), (0.9, false), (0.4, false)]));
        assert!((error.expect("there are rows") - (0.8 + 0.4) / 3.0).abs() < 1e-12);
        assert_eq!(calibration_error(&fill_bins([])), None);
    }

    /// Three of four rows are right, and the model is as sure of each: at the best temperature its probability is 3/4.
    #[test]
    fn a_temperature_makes_the_probability_the_share_of_right_rows() {
        let logits = [4.0, 0.0].repeat(4);
        let fit = fit_temperature(2, &[0, 0, 0, 1], &logits).expect("there is a minimum");
        assert!((fit.temperature - 4.0 / 3.0_f64.ln()).abs() < 1e-12, "{fit:?}");
        assert!(fit.nll_after < fit.nll_before && fit.ece_after < 1e-9 && fit.ece_before > 0.2, "{fit:?}");
    }

    #[test]
    fn rows_that_say_nothing_of_it_give_no_temperature() {
        assert_eq!(fit_temperature(2, &[], &[]), None);
        assert_eq!(fit_temperature(2, &[0, 0], &[4.0, 0.0, 2.0, 0.0]), None, "all are right: the surer, the likelier");
        assert_eq!(fit_temperature(2, &[1, 1], &[4.0, 0.0, 2.0, 0.0]), None, "all are wrong");
        assert_eq!(fit_temperature(2, &[0, 1], &[0.0; 4]), None, "no logit is higher than another");
    }

    #[test]
    fn large_logits_stay_finite() {
        // At the best temperature the probability of each is 2/3.
        let fit = fit_temperature(2, &[0, 0, 1], &[1006.0, 994.0].repeat(3)).expect("there is a minimum");
        assert!((fit.temperature - 12.0 / 2.0_f64.ln()).abs() < 1e-6, "{fit:?}");
        assert!(fit.nll_before.is_finite() && fit.nll_after < fit.nll_before, "{fit:?}");
        let all_but_one = [300.0, -300.0, 200.0, -200.0, 100.0, -100.0];
        assert_eq!(fit_temperature(2, &[0, 0, 1], &all_but_one), None, "no temperature is high enough");
    }
}
