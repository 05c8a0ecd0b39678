//! Figures of rows that have any number of labels, with the interval of each.
//!
//! In: for each row and label a probability and a truth, for each label a threshold, for each row its loss. Out: every [`Figure`]
//! of such a task. Top-k accuracy, Matthews correlation and Cohen's kappa are figures of classes that exclude each other, and not
//! among them; nor is a temperature, for each label has a threshold of its own.

use super::bootstrap::{NUM_RESAMPLES, RESAMPLE_SEED, intervals};
use super::calibration::{BinSums, NUM_BINS, ReliabilityBin, calibration_error, fill_bins, reliability_bins};
use super::figure::{Figure, name_figures};
use super::ranking::{MAX_RANKED, Ranking, RankingFigures};
use super::ratios::{Counts, PrecisionRecallF1, macro_average, micro_average, weighted_average};

/// The figures and whether more of each is better.
const NAMES: [(&str, bool); 18] = [
    ("loss", false),
    ("micro_f1", true),
    ("macro_f1", true),
    ("weighted_f1", true),
    ("samples_f1", true),
    ("micro_precision", true),
    ("micro_recall", true),
    ("macro_precision", true),
    ("macro_recall", true),
    ("subset_accuracy", true),
    ("hamming_loss", false),
    ("average_precision", true),
    ("weighted_precision", true),
    ("weighted_recall", true),
    ("roc_auc", true),
    ("weighted_roc_auc", true),
    ("brier_score", false),
    ("expected_calibration_error", false),
];

/// Rows that have any number of labels; probabilities and truths are row by row with one value a label.
#[derive(Debug, Clone, Copy)]
pub struct RowsOfLabels<'a> {
    /// Probabilities.
    pub probabilities: &'a [f32],
    /// Truths.
    pub targets: &'a [bool],
    /// From which probability on each label is given.
    pub thresholds: &'a [f64],
    /// The mean loss of each row.
    pub losses: &'a [f64],
}

/// Such rows, with what was computed of their probabilities.
#[derive(Debug, Clone)]
pub struct LabelScores<'a> {
    rows: RowsOfLabels<'a>,
    /// Of each row the labels that it has or is given, which are few of all; and its bins that are not empty. What a draw costs goes
    /// by them.
    labels_of_rows: Vec<Vec<(usize, Counts)>>,
    bins_of_rows: Vec<Vec<(usize, BinSums)>>,
    /// Of each row, its labels together.
    of_rows: Vec<PrecisionRecallF1>,
    num_wrong: Vec<usize>,
    briers: Vec<f64>,
    ranking: Ranking,
}

impl<'a> LabelScores<'a> {
    /// Of rows.
    ///
    /// # Panics
    /// When there is not one target a probability, not a whole number of rows, or not a loss a row.
    #[must_use]
    pub fn new(rows: RowsOfLabels<'a>) -> Self {
        let RowsOfLabels { probabilities, targets, thresholds, losses } = rows;
        let width = thresholds.len();
        assert_eq!(probabilities.len(), targets.len(), "each probability has one target");
        assert_eq!(losses.len() * width, targets.len(), "rows are whole, and each has a loss");
        let each = || probabilities.chunks_exact(width.max(1)).zip(targets.chunks_exact(width.max(1)));
        let given = |(scores, truths): (&[f32], &[bool])| {
            let mut counts = Counts::default();
            scores.iter().zip(truths).zip(thresholds).for_each(|((&score, &truth), &threshold)| {
                counts.add(count_of(f64::from(score) >= threshold, truth));
            });
            counts
        };
        let wrong = |counts: Counts| counts.predicted + counts.support - 2 * counts.hits;
        let occurring = |(scores, truths): (&[f32], &[bool])| -> Vec<(usize, Counts)> {
            let of_label =
                |((&score, &truth), &threshold): ((&f32, &bool), &f64)| count_of(f64::from(score) >= threshold, truth);
            let counts = scores.iter().zip(truths).zip(thresholds).map(of_label);
            counts.enumerate().filter(|(_, counts)| *counts != Counts::default()).collect()
        };
        let filled = |(scores, truths): (&[f32], &[bool])| -> Vec<(usize, BinSums)> {
            let pairs = scores.iter().map(|&score| f64::from(score)).zip(truths.iter().copied());
            fill_bins(pairs).into_iter().enumerate().filter(|(_, bin)| bin.rows > 0.0).collect()
        };
        let distance = |(&score, &truth): (&f32, &bool)| (f64::from(score) - f64::from(u8::from(truth))).powi(2);
        let brier = |(scores, truths): (&[f32], &[bool])| {
            scores.iter().zip(truths).map(distance).sum::<f64>() / width.max(1) as f64
        };
        Self {
            rows,
            labels_of_rows: each().map(occurring).collect(),
            bins_of_rows: each().map(filled).collect(),
            of_rows: each().map(|row| given(row).ratios()).collect(),
            num_wrong: each().map(|row| wrong(given(row))).collect(),
            briers: each().map(brier).collect(),
            ranking: Ranking::of_labels(width, probabilities, targets),
        }
    }

    /// Every figure by name that is defined for these rows; none without rows.
    #[must_use]
    pub fn figures(&self) -> Vec<Figure> {
        name_figures(NAMES.into_iter(), self.values(&vec![1; self.rows.losses.len()], true), Vec::new())
    }

    /// The same with the interval of each, of [`NUM_RESAMPLES`] draws of rows.
    #[must_use]
    pub fn figures_with_intervals(&self) -> Vec<Figure> {
        self.figures_of_draws(NUM_RESAMPLES, RESAMPLE_SEED)
    }

    pub(super) fn figures_of_draws(&self, num_resamples: usize, seed: u64) -> Vec<Figure> {
        let is_ranked = self.rows.targets.len().saturating_mul(num_resamples) <= MAX_RANKED;
        let num_rows = self.rows.losses.len();
        let found = intervals(num_rows, num_resamples, seed, |times| self.values(times, is_ranked));
        name_figures(NAMES.into_iter(), self.values(&vec![1; num_rows], true), found)
    }

    /// The bins of the expected calibration error: over all pairs of a row and a label, how probable the label was, and how many
    /// of the rows have it.
    #[must_use]
    pub fn reliability_bins(&self) -> Vec<ReliabilityBin> {
        let pairs =
            self.rows.probabilities.iter().map(|&score| f64::from(score)).zip(self.rows.targets.iter().copied());
        reliability_bins(&fill_bins(pairs))
    }

    /// The figures where each row counts so often, in the order of [`NAMES`].
    fn values(&self, times: &[u32], is_ranked: bool) -> Vec<Option<f64>> {
        let RowsOfLabels { thresholds, losses, .. } = self.rows;
        let width = thresholds.len();
        let mut by_label = vec![Counts::default(); width];
        let mut bins = [BinSums::default(); NUM_BINS];
        let (mut rows, mut loss, mut brier, mut samples_f1, mut right, mut wrong) = (0.0, 0.0, 0.0, 0.0, 0.0, 0.0);
        for (row, &times) in times.iter().enumerate().filter(|(_, times)| **times > 0) {
            let weight = f64::from(times);
            rows += weight;
            loss += losses[row] * weight;
            brier += self.briers[row] * weight;
            samples_f1 += self.of_rows[row].f1 * weight;
            wrong += self.num_wrong[row] as f64 * weight;
            right += if self.num_wrong[row] == 0 { weight } else { 0.0 };
            for &(label, Counts { hits, predicted, support }) in &self.labels_of_rows[row] {
                let times = times as usize;
                let drawn = Counts { hits: hits * times, predicted: predicted * times, support: support * times };
                by_label[label].add(drawn);
            }
            for (bin, sums) in &self.bins_of_rows[row] {
                bins[*bin].add_all(sums, weight);
            }
        }
        let mean = |sum: f64| (rows > 0.0).then(|| sum / rows);
        let known = |value: f64| (rows > 0.0).then_some(value);
        let occurs = |counts: &Counts| counts.support + counts.predicted > 0;
        let measured: Vec<Counts> = by_label.iter().copied().filter(occurs).collect();
        let [micro, macros, weighted] =
            [micro_average(&by_label), macro_average(&measured), weighted_average(&by_label)];
        let ranked = if is_ranked { self.ranking.figures(times) } else { RankingFigures::default() };
        let mut values = vec![mean(loss), known(micro.f1), known(macros.f1), known(weighted.f1), mean(samples_f1)];
        values.extend([micro.precision, micro.recall, macros.precision, macros.recall].map(known));
        values.extend([mean(right), mean(wrong / width.max(1) as f64), ranked.average_precision]);
        values.extend([known(weighted.precision), known(weighted.recall)]);
        values.extend([ranked.roc_auc, ranked.weighted_roc_auc, mean(brier), calibration_error(&bins)]);
        values
    }
}

fn count_of(is_given: bool, is_true: bool) -> Counts {
    Counts { hits: usize::from(is_given && is_true), predicted: usize::from(is_given), support: usize::from(is_true) }
}
