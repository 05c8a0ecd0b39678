//! Figures that follow from how often each class is there, is predicted, and is predicted where it is there: accuracy, means of
//! precision, recall and F1, Matthews correlation and Cohen's kappa, with scikit-learn's meaning.
//!
//! In: [`ClassCounts`]. Out: a number each; Cohen's kappa is `None` where it is undefined.

use super::ratios::{Counts, PrecisionRecallF1, macro_average, ratio, weighted_average};

/// Counts of the classes over some rows of which each has one class.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct ClassCounts {
    /// One entry a class; a row counts in that of its class and in that of the predicted one.
    pub(super) classes: Vec<Counts>,
}

impl ClassCounts {
    /// No rows yet, of so many classes.
    pub(super) fn new(num_classes: usize) -> Self {
        Self { classes: vec![Counts::default(); num_classes] }
    }

    /// Counts `times` rows of class `label` that were predicted as `predicted`.
    pub(super) fn add(&mut self, label: usize, predicted: usize, times: usize) {
        self.classes[label].support += times;
        self.classes[predicted].predicted += times;
        if label == predicted {
            self.classes[label].hits += times;
        }
    }

    /// Rows in all.
    pub(super) fn num_rows(&self) -> usize {
        self.classes.iter().map(|class| class.support).sum()
    }

    /// Share of rows predicted right.
    pub(super) fn accuracy(&self) -> f64 {
        ratio(self.num_right(), self.num_rows())
    }

    /// Unweighted means over the classes that are there or are predicted.
    pub(super) fn macro_avg(&self) -> PrecisionRecallF1 {
        let occurs = |class: &Counts| class.support + class.predicted > 0;
        macro_average(&self.classes.iter().copied().filter(occurs).collect::<Vec<_>>())
    }

    /// Means weighted by the rows of each class.
    pub(super) fn weighted_avg(&self) -> PrecisionRecallF1 {
        weighted_average(&self.classes)
    }

    /// Correlation of true and predicted classes, from -1 to 1; 0 where all rows are of one class, or are predicted as one, as
    /// `sklearn.metrics.matthews_corrcoef` has it. Gorodkin's R_K, <https://doi.org/10.1016/j.compbiolchem.2004.09.006>.
    pub(super) fn matthews_correlation(&self) -> f64 {
        let [rows, right] = [self.num_rows(), self.num_right()].map(|count| count as f64);
        let sum = |of: fn(&Counts) -> f64| self.classes.iter().map(of).sum::<f64>();
        let both = sum(|class| class.predicted as f64 * class.support as f64);
        let of_predicted = rows * rows - sum(|class| (class.predicted as f64).powi(2));
        let of_true = rows * rows - sum(|class| (class.support as f64).powi(2));
        let scale = (of_predicted * of_true).sqrt();
        if scale > 0.0 { (right * rows - both) / scale } else { 0.0 }
    }

    /// How much more often truth and prediction agree than they would by chance, as `sklearn.metrics.cohen_kappa_score`;
    /// `None` where chance alone makes them agree always: all rows are of one class and are predicted as it.
    pub(super) fn cohen_kappa(&self) -> Option<f64> {
        let rows = self.num_rows() as f64;
        let both = self.classes.iter().map(|class| class.predicted as f64 * class.support as f64).sum::<f64>();
        let by_chance = both / (rows * rows);
        (rows > 0.0 && by_chance < 1.0).then(|| (self.accuracy() - by_chance) / (1.0 - by_chance))
    }

    fn num_right(&self) -> usize {
        self.classes.iter().map(|class| class.hits).sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn counts(num_classes: usize, pairs: &[(usize, usize)]) -> ClassCounts {
        let mut counts = ClassCounts::new(num_classes);
        pairs.iter().for_each(|&(label, predicted)| counts.add(label, predicted, 1));
        counts
    }

    /// `matthews_corrcoef` and `cohen_kappa_score` of scikit-learn 1.9 on the same pairs.
    #[test]
    fn agreement_is_that_of_scikit_learn() {
        let found = counts(3, &[(0, 0), (1, 2), (2, 1), (0, 0), (1, 0), (2, 1), (2, 2)]);
        assert!((found.matthews_correlation() - 0.156_25).abs() < 1e-12, "{found:?}");
        assert!((found.cohen_kappa().expect("classes differ") - 0.151_515_151_515_151_5).abs() < 1e-12, "{found:?}");
    }

    #[test]
    fn one_class_alone_has_no_kappa_and_no_correlation() {
        let found = counts(2, &[(0, 0), (0, 0)]);
        assert_eq!((found.cohen_kappa(), found.matthews_correlation(), found.accuracy()), (None, 0.0, 1.0));
        let found = counts(2, &[(0, 1), (0, 1)]);
        assert_eq!((found.cohen_kappa(), found.matthews_correlation()), (Some(0.0), 0.0));
        let none = ClassCounts::new(2);
        assert_eq!((none.cohen_kappa(), none.matthews_correlation(), none.num_rows()), (None, 0.0, 0));
    }
}
