//! Figures of a classification that need the logits of each row, and intervals of all its figures.
//!
//! In: the class and the logits of each row. Out: every [`Figure`] of a task that gives one label, with or without its interval,
//! and a [`Calibration`]. A figure that is undefined for the rows is left out.

use serde::{Deserialize, Serialize};

use super::bootstrap::{NUM_RESAMPLES, RESAMPLE_SEED, intervals};
use super::calibration::{
    BinSums, NUM_BINS, ReliabilityBin, TemperatureFit, bin_of, calibration_error, fill_bins, fit_temperature,
    reliability_bins,
};
use super::class_counts::ClassCounts;
use super::coverage::{CoveragePoint, coverage};
use super::figure::{Figure, name_figures};
use super::ranking::{MAX_RANKED, Ranking, RankingFigures};
use super::ratios::PrecisionRecallF1;
use super::softmax::{find_highest, log_softmax_of, softmax};

/// Top-k accuracies that are measured, where there are more classes than k.
const TOP: [(usize, &str); 2] = [(3, "top_3_accuracy"), (5, "top_5_accuracy")];

/// How far probabilities can be believed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Calibration {
    /// The temperature that suits these rows best; `None` where they say nothing of it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fitted: Option<TemperatureFit>,
    /// The temperature by which logits are divided before they are answered with, found on other rows (the validation rows), with
    /// what it changes on these.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub applied: Option<TemperatureFit>,
    /// The bins of the expected calibration error; only of an evaluation in full, as the rest.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub bins: Vec<ReliabilityBin>,
    /// The same with the applied temperature; none without one.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub bins_applied: Vec<ReliabilityBin>,
    /// What thresholds leave, of the probabilities that answers have.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub coverage: Vec<CoveragePoint>,
}

/// Rows of which each has one class, with what was computed of their logits.
#[derive(Debug, Clone)]
pub struct ClassScores<'a> {
    num_classes: usize,
    labels: &'a [usize],
    logits: &'a [f32],
    predicted: Vec<usize>,
    /// Of the predicted class.
    confidences: Vec<f64>,
    bins: Vec<usize>,
    losses: Vec<f64>,
    briers: Vec<f64>,
    /// How many classes are more probable than the row's own.
    ranks: Vec<usize>,
    ranking: Ranking,
}

impl<'a> ClassScores<'a> {
    /// Of rows with these label ids; `logits` are row by row, as many as there are classes.
    ///
    /// # Panics
    /// When there are not so many logits for each row, or an id is not below the number of classes.
    #[must_use]
    pub fn new(num_classes: usize, labels: &'a [usize], logits: &'a [f32]) -> Self {
        assert_eq!(labels.len() * num_classes, logits.len(), "each row has a logit a class");
        let rows = || logits.chunks_exact(num_classes.max(1)).zip(labels.iter().copied());
        let probabilities: Vec<f64> = rows().flat_map(|(logits, _)| softmax(logits, 1.0)).collect();
        let predicted: Vec<usize> = rows().map(|(logits, _)| find_highest(logits)).collect();
        let of_row = |row: usize| &probabilities[row * num_classes..(row + 1) * num_classes];
        let confidences: Vec<f64> = predicted.iter().enumerate().map(|(row, &id)| of_row(row)[id]).collect();
        Self {
            num_classes,
            labels,
            logits,
            bins: confidences.iter().map(|&confidence| bin_of(confidence)).collect(),
            losses: rows().map(|(logits, label)| -log_softmax_of(logits, label, 1.0)).collect(),
            briers: labels.iter().enumerate().map(|(row, &label)| brier(of_row(row), label)).collect(),
            ranks: rows().map(|(logits, label)| rank(logits, label)).collect(),
            ranking: Ranking::of_classes(num_classes, labels, &probabilities),
            predicted,
            confidences,
        }
    }

    /// Every figure by name that is defined for these rows; none without rows.
    #[must_use]
    pub fn figures(&self) -> Vec<Figure> {
        let values = self.values(&vec![1; self.labels.len()], true);
        name_figures(Self::names(), values, Vec::new())
    }

    /// The same with the interval of each, of [`NUM_RESAMPLES`] draws.
    #[must_use]
    pub fn figures_with_intervals(&self) -> Vec<Figure> {
        self.figures_of_draws(NUM_RESAMPLES, RESAMPLE_SEED)
    }

    pub(super) fn figures_of_draws(&self, num_resamples: usize, seed: u64) -> Vec<Figure> {
        let is_ranked = self.logits.len().saturating_mul(num_resamples) <= MAX_RANKED;
        let found = intervals(self.labels.len(), num_resamples, seed, |times| self.values(times, is_ranked));
        name_figures(Self::names(), self.values(&vec![1; self.labels.len()], true), found)
    }

    /// How far the probabilities can be believed; `temperature` is the one that answers are made with, where there is one. `in_full`
    /// adds bins and the table of thresholds.
    #[must_use]
    pub fn calibration(&self, temperature: Option<f64>, in_full: bool) -> Calibration {
        let fitted = fit_temperature(self.num_classes, self.labels, self.logits);
        let applied = temperature.map(|temperature| self.apply(temperature));
        let mut found = Calibration { fitted, applied, bins: vec![], bins_applied: vec![], coverage: vec![] };
        if in_full {
            let is_right = |row: usize| self.predicted[row] == self.labels[row];
            let answered = self.confidences_at(temperature.unwrap_or(1.0));
            let rows = |confidences: &[f64]| -> Vec<(f64, bool)> {
                confidences.iter().enumerate().map(|(row, &confidence)| (confidence, is_right(row))).collect()
            };
            found.bins = reliability_bins(&fill_bins(rows(&self.confidences)));
            found.bins_applied = temperature.map_or_else(Vec::new, |_| reliability_bins(&fill_bins(rows(&answered))));
            found.coverage = coverage(rows(&answered));
        }
        found
    }

    /// What a temperature that was found elsewhere changes on these rows.
    fn apply(&self, temperature: f64) -> TemperatureFit {
        let num_rows = self.labels.len().max(1) as f64;
        let error = |confidences: &[f64]| {
            let rows = confidences.iter().zip(&self.predicted).zip(self.labels);
            let bins = fill_bins(rows.map(|((&confidence, predicted), label)| (confidence, predicted == label)));
            calibration_error(&bins).unwrap_or(0.0)
        };
        let rows = self.logits.chunks_exact(self.num_classes.max(1)).zip(self.labels);
        let nll: f64 = rows.map(|(logits, &label)| -log_softmax_of(logits, label, temperature)).sum();
        TemperatureFit {
            temperature,
            nll_before: self.losses.iter().sum::<f64>() / num_rows,
            nll_after: nll / num_rows,
            ece_before: error(&self.confidences),
            ece_after: error(&self.confidences_at(temperature)),
        }
    }

    fn confidences_at(&self, temperature: f64) -> Vec<f64> {
        let rows = self.logits.chunks_exact(self.num_classes.max(1)).zip(&self.predicted);
        rows.map(|(logits, &predicted)| softmax(logits, temperature)[predicted]).collect()
    }

    /// The figures where each row counts so often, in the order of [`Self::names`].
    fn values(&self, times: &[u32], is_ranked: bool) -> Vec<Option<f64>> {
        let mut counts = ClassCounts::new(self.num_classes);
        let mut bins = [BinSums::default(); NUM_BINS];
        let (mut loss, mut brier, mut rows, mut in_top) = (0.0, 0.0, 0.0, [0.0; TOP.len()]);
        for (row, &times) in times.iter().enumerate().filter(|(_, times)| **times > 0) {
            let (label, predicted, weight) = (self.labels[row], self.predicted[row], f64::from(times));
            counts.add(label, predicted, times as usize);
            bins[self.bins[row]].add(self.confidences[row], label == predicted, weight);
            loss += self.losses[row] * weight;
            brier += self.briers[row] * weight;
            rows += weight;
            for (sum, (k, _)) in in_top.iter_mut().zip(TOP) {
                *sum += if self.ranks[row] < k { weight } else { 0.0 };
            }
        }
        let mean = |sum: f64| (rows > 0.0).then(|| sum / rows);
        let of_counts = |value: f64| (rows > 0.0).then_some(value);
        let ranked = if is_ranked { self.ranking.figures(times) } else { RankingFigures::default() };
        let PrecisionRecallF1 { precision, recall, f1 } = counts.macro_avg();
        let weighted = counts.weighted_avg();
        let (has_order, is_binary) = (self.num_classes > 1, self.num_classes <= 2);
        let mut values = vec![mean(loss), of_counts(counts.accuracy())];
        values.extend([precision, recall, f1, weighted.precision, weighted.recall, weighted.f1].map(of_counts));
        values.extend([of_counts(counts.matthews_correlation()), counts.cohen_kappa()]);
        values.extend([ranked.roc_auc, ranked.weighted_roc_auc.filter(|_| !is_binary)]);
        values.push(ranked.average_precision.filter(|_| has_order));
        values.extend(TOP.iter().zip(in_top).map(|(&(k, _), sum)| mean(sum).filter(|_| self.num_classes > k)));
        values.extend([mean(brier), calibration_error(&bins)]);
        values
    }

    /// Names of the figures and whether more of each is better.
    fn names() -> impl Iterator<Item = (&'static str, bool)> {
        const BEFORE: [(&str, bool); 13] = [
            ("loss", false),
            ("accuracy", true),
            ("macro_precision", true),
            ("macro_recall", true),
            ("macro_f1", true),
            ("weighted_precision", true),
            ("weighted_recall", true),
            ("weighted_f1", true),
            ("matthews_correlation", true),
            ("cohen_kappa", true),
            ("roc_auc", true),
            ("weighted_roc_auc", true),
            ("average_precision", true),
        ];
        let top = TOP.into_iter().map(|(_, name)| (name, true));
        BEFORE.into_iter().chain(top).chain([("brier_score", false), ("expected_calibration_error", false)])
    }
}

/// How many classes are more probable than a row's own; of equals the later ones are, as `sklearn.metrics.top_k_accuracy_score`
/// has it.
fn rank(logits: &[f32], label: usize) -> usize {
    let own = logits[label];
    logits.iter().enumerate().filter(|&(id, &logit)| logit > own || (logit == own && id > label)).count()
}

/// The squared distance of the probabilities from the truth; of two classes that of one of them, as
/// `sklearn.metrics.brier_score_loss` has it.
fn brier(probabilities: &[f64], label: usize) -> f64 {
    let distance = |(id, p): (usize, &f64)| (p - f64::from(u8::from(id == label))).powi(2);
    let sum: f64 = probabilities.iter().enumerate().map(distance).sum();
    if probabilities.len() == 2 { sum / 2.0 } else { sum }
}
