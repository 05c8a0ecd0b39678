//! Accuracy, precision, recall and F1 of a classification, with scikit-learn's meaning.
//!
//! In: pairs of true and predicted label ids, one a row. Out: an [`Evaluation`]; what needs probabilities is in
//! `class_scores.rs`. Undefined ratios are 0 (`zero_division=0`); macro means run over the classes which occur in the truth or in
//! the predictions, as `sklearn.metrics.f1_score(average="macro")` does when it is given no label list. Beside them stands a
//! [`Baseline`]: what one gets without a model.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::class_counts::ClassCounts;
use super::class_scores::Calibration;
use super::figure::Figure;
use super::ratios::{Counts, PrecisionRecallF1};

/// Figures of one class.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ClassMetrics {
    /// Name of the class.
    pub label: String,
    /// Of the rows predicted as this class, the share that are of it.
    pub precision: f64,
    /// Of the rows of this class, the share predicted as it.
    pub recall: f64,
    /// Harmonic mean of precision and recall.
    pub f1: f64,
    /// Rows of this class.
    pub support: usize,
}

/// What always answering with one label gives: what a model has to beat.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Baseline {
    /// The label.
    pub label: String,
    /// Share of rows that have it.
    pub accuracy: f64,
    /// As in [`Evaluation`].
    pub macro_precision: f64,
    /// As in [`Evaluation`].
    pub macro_recall: f64,
    /// As in [`Evaluation`].
    pub macro_f1: f64,
}

/// Figures of a split.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Evaluation {
    /// Mean cross-entropy a row, in nats.
    pub loss: f64,
    /// Share of rows predicted right.
    pub accuracy: f64,
    /// Unweighted mean of the classes' precision.
    pub macro_precision: f64,
    /// Unweighted mean of the classes' recall.
    pub macro_recall: f64,
    /// Unweighted mean of the classes' F1.
    pub macro_f1: f64,
    /// Means of the classes' figures, weighted by their rows.
    #[serde(default)]
    pub weighted_avg: PrecisionRecallF1,
    /// Correlation of true and predicted classes, from -1 to 1; 0 where all rows are of one class or are predicted as one.
    #[serde(default)]
    pub matthews_correlation: f64,
    /// How much more often truth and prediction agree than by chance; `None` where chance alone makes them agree always.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cohen_kappa: Option<f64>,
    /// Rows measured.
    pub num_rows: usize,
    /// One entry a label, in label order; also those that did not occur.
    pub per_class: Vec<ClassMetrics>,
    /// Rows counted as `[true][predicted]`.
    pub confusion: Vec<Vec<u32>>,
    /// Where it is known which label the training rows have most.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub baseline: Option<Baseline>,
    /// Where there were probabilities: how far they can be believed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub calibration: Option<Calibration>,
    /// Figures that are undefined for these rows and were left out, or are means over fewer classes, each with the reason.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub notes: Vec<String>,
}

impl Evaluation {
    /// Sets the baseline: always answering `label_id`, on the rows that were measured. Without rows there is none.
    pub fn set_baseline(&mut self, label_id: usize) {
        if self.num_rows == 0 || label_id >= self.per_class.len() {
            return;
        }
        let labels: Vec<String> = self.per_class.iter().map(|class| class.label.clone()).collect();
        let mut always = Confusion::new(&labels);
        for (row, class) in always.counts.iter_mut().zip(&self.per_class) {
            row[label_id] = class.support as u32;
        }
        let Self { accuracy, macro_precision, macro_recall, macro_f1, .. } = always.finish(0.0);
        let label = labels[label_id].clone();
        self.baseline = Some(Baseline { label, accuracy, macro_precision, macro_recall, macro_f1 });
    }

    /// The figures by name that need no probabilities but for the loss.
    #[must_use]
    pub fn figures(&self) -> Vec<Figure> {
        let PrecisionRecallF1 { precision, recall, f1 } = self.weighted_avg;
        let mut figures = vec![
            Figure::lower("loss", self.loss),
            Figure::higher("accuracy", self.accuracy),
            Figure::higher("macro_precision", self.macro_precision),
            Figure::higher("macro_recall", self.macro_recall),
            Figure::higher("macro_f1", self.macro_f1),
            Figure::higher("weighted_precision", precision),
            Figure::higher("weighted_recall", recall),
            Figure::higher("weighted_f1", f1),
            Figure::higher("matthews_correlation", self.matthews_correlation),
        ];
        figures.extend(self.cohen_kappa.map(|value| Figure::higher("cohen_kappa", value)));
        figures
    }
}

/// The label id that occurs most, the lowest of equals, as scikit-learn's `DummyClassifier` chooses; `None` without rows.
#[must_use]
pub fn most_frequent(label_ids: impl IntoIterator<Item = usize>) -> Option<usize> {
    let mut counts = BTreeMap::new();
    for id in label_ids {
        *counts.entry(id).or_insert(0_usize) += 1;
    }
    // Of equals the last is taken: the lowest id comes last.
    counts.into_iter().rev().max_by_key(|&(_, count)| count).map(|(id, _)| id)
}

/// Counts rows as they are predicted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Confusion {
    labels: Vec<String>,
    counts: Vec<Vec<u32>>,
}

impl Confusion {
    /// No rows yet.
    #[must_use]
    pub fn new(labels: &[String]) -> Self {
        Self { labels: labels.to_vec(), counts: vec![vec![0; labels.len()]; labels.len()] }
    }

    /// Counts a row.
    ///
    /// # Panics
    /// When an id is not below the number of labels.
    pub fn add(&mut self, label_id: usize, predicted_id: usize) {
        self.counts[label_id][predicted_id] += 1;
    }

    /// The figures of the rows so far; `mean_loss` is passed through.
    #[must_use]
    pub fn finish(&self, mean_loss: f64) -> Evaluation {
        let mut counts = ClassCounts::new(self.labels.len());
        for (label, row) in self.counts.iter().enumerate() {
            row.iter().enumerate().for_each(|(predicted, &times)| counts.add(label, predicted, times as usize));
        }
        let class = |(label, counts): (&String, &Counts)| {
            let PrecisionRecallF1 { precision, recall, f1 } = counts.ratios();
            ClassMetrics { label: label.clone(), precision, recall, f1, support: counts.support }
        };
        let macro_avg = counts.macro_avg();
        Evaluation {
            loss: mean_loss,
            accuracy: counts.accuracy(),
            macro_precision: macro_avg.precision,
            macro_recall: macro_avg.recall,
            macro_f1: macro_avg.f1,
            weighted_avg: counts.weighted_avg(),
            matthews_correlation: counts.matthews_correlation(),
            cohen_kappa: counts.cohen_kappa(),
            num_rows: counts.num_rows(),
            per_class: self.labels.iter().zip(&counts.classes).map(class).collect(),
            confusion: self.counts.clone(),
            baseline: None,
            calibration: None,
            notes: Vec::new(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::figure::figure;
    use super::*;
    use proptest::prelude::*;

    fn measure(names: &[&str], pairs: &[(usize, usize)]) -> Evaluation {
        let labels: Vec<String> = names.iter().map(ToString::to_string).collect();
        let mut confusion = Confusion::new(&labels);
        for &(label, predicted) in pairs {
            confusion.add(label, predicted);
        }
        confusion.finish(0.5)
    }

    fn close(a: f64, b: f64) {
        assert!((a - b).abs() < 1e-12, "{a} is not {b}");
    }

    /// The example of scikit-learn's documentation of `precision_recall_fscore_support`:
    /// y_true = cat dog pig cat dog pig, y_pred = cat pig dog cat cat dog gives macro 0.22.., 0.33.., 0.26...
    #[test]
    fn figures_are_those_of_scikit_learn() {
        let found = measure(&["cat", "dog", "pig"], &[(0, 0), (1, 2), (2, 1), (0, 0), (1, 0), (2, 1)]);
        close(found.accuracy, 2.0 / 6.0);
        close(found.macro_precision, 2.0 / 9.0);
        close(found.macro_recall, 1.0 / 3.0);
        close(found.macro_f1, 0.8 / 3.0);
        close(found.per_class[0].precision, 2.0 / 3.0);
        close(found.per_class[0].recall, 1.0);
        close(found.per_class[0].f1, 0.8);
        assert_eq!(found.per_class[1].support, 2);
        assert_eq!(found.confusion, [[2, 0, 0], [1, 0, 1], [0, 2, 0]]);
        close(found.loss, 0.5);
    }

    /// y_true = [0, 0, 1], y_pred = [0, 2, 1] with a fourth label that never occurs: classes 0, 1 and 2 are averaged.
    #[test]
    fn a_class_that_occurs_nowhere_is_left_out_of_the_mean() {
        let found = measure(&["a", "b", "c", "d"], &[(0, 0), (0, 2), (1, 1)]);
        close(found.macro_precision, (1.0 + 1.0 + 0.0) / 3.0);
        close(found.macro_recall, (0.5 + 1.0 + 0.0) / 3.0);
        close(found.macro_f1, (2.0 / 3.0 + 1.0 + 0.0) / 3.0);
        assert_eq!(found.per_class.len(), 4);
        close(found.per_class[3].f1, 0.0);
    }

    /// `accuracy_score` and `precision_recall_fscore_support(average="macro", zero_division=0)` of scikit-learn 1.9 on the
    /// same pairs, with label sets in which classes occur nowhere, only among the predictions, or only in the truth.
    #[test]
    fn macro_figures_are_those_of_scikit_learn_whatever_occurs() {
        type Case = (&'static [(usize, usize)], [f64; 4]);
        let cases: [Case; 5] = [
            (
                &[(0, 0), (0, 1), (1, 1), (1, 1), (3, 3)], // 2 and 4 occur nowhere
                [0.8, 0.888_888_888_888_888_8, 0.833_333_333_333_333_4, 0.822_222_222_222_222_3],
            ),
            (
                &[(0, 0), (0, 2), (1, 1), (1, 2), (1, 1), (0, 0)], // 2 is only predicted
                [0.666_666_666_666_666_6, 0.666_666_666_666_666_6, 0.444_444_444_444_444_4, 0.533_333_333_333_333_3],
            ),
            (
                &[(0, 0), (0, 0), (1, 1), (2, 1), (2, 0), (3, 3)], // 2 is never predicted
                [0.666_666_666_666_666_6, 0.541_666_666_666_666_6, 0.75, 0.616_666_666_666_666_7],
            ),
            (&[(1, 1), (1, 1), (1, 1)], [1.0; 4]),
            (&[(0, 1), (0, 2), (1, 0)], [0.0; 4]),
        ];
        for (pairs, expected) in cases {
            let found = measure(&["a", "b", "c", "d", "e"], pairs);
            let figures = [found.accuracy, found.macro_precision, found.macro_recall, found.macro_f1];
            figures.into_iter().zip(expected).for_each(|(figure, expected)| close(figure, expected));
        }
    }

    /// scikit-learn's figures of `y_pred = [0] * 7` and of a label that no row has.
    #[test]
    fn the_baseline_always_gives_one_label() {
        let mut found = measure(&["a", "b", "c", "d", "e"], &[(0, 3), (0, 0), (1, 1), (1, 1), (1, 2), (2, 2), (3, 3)]);
        assert_eq!(found.baseline, None);
        found.set_baseline(0);
        let baseline = found.baseline.take().expect("there are rows");
        assert_eq!(baseline.label, "a");
        close(baseline.accuracy, 0.285_714_285_714_285_7);
        close(baseline.macro_precision, 0.071_428_571_428_571_42);
        close(baseline.macro_recall, 0.25);
        close(baseline.macro_f1, 0.111_111_111_111_111_1);
        found.set_baseline(4);
        let absent = found.baseline.expect("there are rows");
        assert_eq!((absent.accuracy, absent.macro_recall, absent.macro_f1), (0.0, 0.0, 0.0));

        let mut none = measure(&["a", "b"], &[]);
        none.set_baseline(0);
        assert_eq!(none.baseline, None, "nothing was measured");
    }

    #[test]
    fn of_labels_that_occur_as_often_the_first_is_the_most_frequent() {
        assert_eq!(most_frequent([2, 1, 1, 2, 0]), Some(1));
        assert_eq!(most_frequent([3, 3, 0]), Some(3));
        assert_eq!(most_frequent([]), None);
    }

    #[test]
    fn no_rows_is_zero_everywhere() {
        let found = measure(&["a", "b"], &[]);
        assert_eq!((found.num_rows, found.accuracy, found.macro_f1), (0, 0.0, 0.0));
    }

    #[test]
    fn only_the_loss_is_better_when_lower() {
        let found = measure(&["a", "b"], &[(0, 0), (1, 0)]);
        let figures = found.figures();
        assert_eq!(figure(&figures, "loss"), Some(&Figure::lower("loss", 0.5)));
        assert_eq!(figure(&figures, "accuracy"), Some(&Figure::higher("accuracy", 0.5)));
        assert_eq!(figure(&figures, "macro_f1").map(|figure| figure.value), Some(found.macro_f1));
        assert_eq!(figures.iter().filter(|figure| !figure.higher_is_better).count(), 1);
        assert!(
            figure(&measure(&["a", "b"], &[(0, 0)]).figures(), "cohen_kappa").is_none(),
            "chance alone is always right"
        );
    }

    proptest! {
        #[test]
        fn figures_stay_between_zero_and_one(pairs in prop::collection::vec((0_usize..4, 0_usize..4), 0..60)) {
            let found = measure(&["a", "b", "c", "d"], &pairs);
            prop_assert_eq!(found.num_rows, pairs.len());
            for figure in [found.accuracy, found.macro_precision, found.macro_recall, found.macro_f1] {
                prop_assert!((0.0..=1.0).contains(&figure));
            }
            let counted: u32 = found.confusion.iter().flatten().sum();
            prop_assert_eq!(counted as usize, pairs.len());
        }
    }
}
