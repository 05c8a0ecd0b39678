//! Rows by the vectors that a model gives them before training, some of which teach the labels of others: what the quick baseline and
//! the search for wrong labels learn from.
//!
//! In: a vector and a label for each row, and how rows are shared out into rounds: by folds, or training rows against held-out ones. Out:
//! for the rows of each round what the others tell of them. Everything is pulled in parts, so that a driver can show how far it is.

use crate::data::stratified_folds;
use crate::metrics::{
    LOGISTIC_C, LOGISTIC_TOLERANCE, LabeledVectors, LogisticFit, LogisticRegression, NearestReferences, PART_PRODUCTS,
};

/// Rows that learn from others in one go.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Round {
    /// Indices of the rows that teach.
    pub(super) taught_by: Vec<usize>,
    /// Indices of the rows whose labels are asked for.
    pub(super) asked: Vec<usize>,
}

/// Rows with their vectors.
#[derive(Debug, Clone)]
pub(super) struct VectorRows {
    vectors: Vec<f32>,
    dim: usize,
    labels: Vec<usize>,
    num_classes: usize,
    rounds: Vec<Round>,
}

impl VectorRows {
    /// The first `num_taught_by` rows teach all others. Vectors stand one after the other.
    pub(super) fn held_out(vectors: Vec<f32>, labels: Vec<usize>, num_classes: usize, num_taught_by: usize) -> Self {
        let round = Round { taught_by: (0..num_taught_by).collect(), asked: (num_taught_by..labels.len()).collect() };
        Self::new(vectors, labels, num_classes, vec![round])
    }

    /// Each row is taught by those of all folds but its own.
    pub(super) fn in_folds(
        vectors: Vec<f32>,
        labels: Vec<usize>,
        num_classes: usize,
        (num_folds, seed): (usize, u64),
    ) -> Self {
        let folds = stratified_folds(&labels, num_folds, seed);
        let round = |fold: usize| {
            let (asked, taught_by) = (0..folds.len()).partition(|&row| folds[row] == fold);
            Round { taught_by, asked }
        };
        let rounds = (0..num_folds).map(round).filter(|round| !round.asked.is_empty() && !round.taught_by.is_empty());
        Self::new(vectors, labels, num_classes, rounds.collect())
    }

    fn new(mut vectors: Vec<f32>, labels: Vec<usize>, num_classes: usize, rounds: Vec<Round>) -> Self {
        let dim = (vectors.len() / labels.len().max(1)).max(1);
        vectors.chunks_exact_mut(dim).for_each(scale_to_unit);
        Self { vectors, dim, labels, num_classes, rounds }
    }

    /// The label of each row.
    pub(super) fn labels(&self) -> &[usize] {
        &self.labels
    }

    /// How many labels there are.
    pub(super) fn num_classes(&self) -> usize {
        self.num_classes
    }

    /// Who teaches whom.
    pub(super) fn rounds(&self) -> &[Round] {
        &self.rounds
    }

    fn labeled(&self) -> LabeledVectors<'_> {
        let Self { vectors, dim, labels, num_classes, .. } = self;
        LabeledVectors { vectors, dim: *dim, labels, num_classes: *num_classes }
    }

    /// Vectors of some rows, one after the other.
    fn vectors_of(&self, rows: &[usize]) -> Vec<f32> {
        rows.iter().flat_map(|&row| self.labeled().vector(row)).copied().collect()
    }
}

/// Makes a vector one of length 1, unless it is all zeros.
fn scale_to_unit(vector: &mut [f32]) {
    let norm = vector.iter().map(|&number| f64::from(number).powi(2)).sum::<f64>().sqrt();
    if norm > 0.0 {
        vector.iter_mut().for_each(|number| *number = (f64::from(*number) / norm) as f32);
    }
}

/// The label that the nearest rows give, for several numbers of nearest rows.
#[derive(Debug)]
pub(super) struct NearestRounds<'r> {
    rows: &'r VectorRows,
    neighbours: Vec<usize>,
    /// The round, and how many of its rows were asked.
    at: (usize, usize),
    /// The rows that teach in this round, once they were made ready.
    references: Option<NearestReferences>,
    /// Products that are computed in one go.
    part_products: usize,
    /// For each number of neighbours the label of each row; of rows that were not asked 0.
    predicted: Vec<Vec<usize>>,
}

impl<'r> NearestRounds<'r> {
    pub(super) fn new(rows: &'r VectorRows, neighbours: &[usize]) -> Self {
        let predicted = vec![vec![0; rows.labels.len()]; neighbours.len()];
        let neighbours = neighbours.to_vec();
        Self { rows, neighbours, at: (0, 0), references: None, part_products: PART_PRODUCTS, predicted }
    }

    /// Asks some rows; `false` once all were.
    pub(super) fn advance(&mut self) -> bool {
        let ((round, done), rows) = (self.at, self.rows);
        let Some(Round { taught_by, asked }) = rows.rounds.get(round) else { return false };
        let references = self.references.get_or_insert_with(|| {
            let labels = taught_by.iter().map(|&row| rows.labels[row]).collect();
            NearestReferences::new(&rows.vectors_of(taught_by), labels, rows.dim)
        });
        let num_asked = (self.part_products / (taught_by.len() * rows.dim)).max(1);
        let part = &asked[done..(done + num_asked).min(asked.len())];
        let all: Vec<usize> = (0..taught_by.len()).collect();
        let choices: Vec<(&[usize], usize)> = self.neighbours.iter().map(|&count| (all.as_slice(), count)).collect();
        let found = references.predict(&rows.vectors_of(part), &choices);
        for (predicted, found) in self.predicted.iter_mut().zip(found) {
            part.iter().zip(found).for_each(|(&row, label)| predicted[row] = label);
        }
        let done = done + part.len();
        if done == asked.len() {
            (self.at, self.references) = ((round + 1, 0), None);
        } else {
            self.at = (round, done);
        }
        self.at.0 < self.rows.rounds.len()
    }

    /// For each number of neighbours the label of each row.
    pub(super) fn finish(self) -> Vec<Vec<usize>> {
        self.predicted
    }
}

/// Probabilities by a logistic regression on the rows that teach.
#[derive(Debug)]
pub(super) struct LogisticRounds<'r> {
    rows: &'r VectorRows,
    round: usize,
    fit: Option<LogisticFit<'r>>,
    /// What was fitted in this round, and how many of its rows were asked.
    fitted: Option<(LogisticRegression, usize)>,
    /// Row after row, one a class; of rows that were not asked zeros.
    probabilities: Vec<f64>,
}

impl<'r> LogisticRounds<'r> {
    pub(super) fn new(rows: &'r VectorRows) -> Self {
        let probabilities = vec![0.0; rows.labels.len() * rows.num_classes];
        Self { rows, round: 0, fit: None, fitted: None, probabilities }
    }

    /// Rounds that are done.
    pub(super) fn num_done(&self) -> usize {
        self.round
    }

    /// A part of a fit, or of what follows from it; `false` once all rounds are done.
    pub(super) fn advance(&mut self) -> bool {
        let rows = self.rows;
        let Some(Round { taught_by, asked }) = rows.rounds.get(self.round) else { return false };
        let Some((fitted, done)) = self.fitted.take() else {
            let begin = move || LogisticFit::new(rows.labeled(), taught_by.clone(), LOGISTIC_C, LOGISTIC_TOLERANCE);
            if !self.fit.get_or_insert_with(begin).advance() {
                self.fitted = self.fit.take().map(|fit| (fit.finish(), 0));
            }
            return true;
        };
        let num_asked = (PART_PRODUCTS / (rows.num_classes * rows.dim).max(1)).max(1);
        let end = (done + num_asked).min(asked.len());
        for &row in &asked[done..end] {
            let place = row * rows.num_classes;
            let found = fitted.probabilities(rows.labeled().vector(row));
            self.probabilities[place..place + rows.num_classes].copy_from_slice(&found);
        }
        if end < asked.len() {
            self.fitted = Some((fitted, end));
            return true;
        }
        self.round += 1;
        self.round < rows.rounds.len()
    }

    /// Probabilities row after row, one a class.
    pub(super) fn finish(self) -> Vec<f64> {
        self.probabilities
    }
}

/// Vectors of two groups, for tests: rows of an even label point one way, of an odd one another, each a little aside.
#[cfg(test)]
pub(super) fn two_groups(labels: &[usize]) -> Vec<f32> {
    let vector = |(row, &label): (usize, &usize)| {
        let aside = (row % 7) as f32 * 0.01;
        if label.is_multiple_of(2) { [1.0, aside] } else { [aside, 1.0] }
    };
    labels.iter().enumerate().flat_map(vector).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn labels(count: usize) -> Vec<usize> {
        (0..count).map(|row| row % 2).collect()
    }

    #[test]
    fn each_row_is_asked_once_and_never_teaches_itself() {
        let rows = VectorRows::in_folds(two_groups(&labels(23)), labels(23), 2, (5, 7));
        let mut asked: Vec<usize> = rows.rounds().iter().flat_map(|round| round.asked.clone()).collect();
        asked.sort_unstable();
        assert_eq!(asked, (0..23).collect::<Vec<usize>>());
        for round in rows.rounds() {
            assert_eq!(round.asked.len() + round.taught_by.len(), 23);
            assert!(round.asked.iter().all(|row| !round.taught_by.contains(row)));
        }
        let few = VectorRows::in_folds(two_groups(&labels(3)), labels(3), 2, (5, 7));
        assert!(few.rounds().iter().all(|round| !round.asked.is_empty() && !round.taught_by.is_empty()));
    }

    #[test]
    fn rows_of_two_groups_are_told_apart_and_unasked_rows_stay_empty() {
        let given = labels(40);
        let rows = VectorRows::held_out(two_groups(&given), given.clone(), 2, 30);
        let mut nearest = NearestRounds::new(&rows, &[1, 5]);
        while nearest.advance() {}
        let predicted = nearest.finish();
        assert!(predicted.iter().all(|predicted| predicted[30..] == given[30..]), "{predicted:?}");
        let mut logistic = LogisticRounds::new(&rows);
        while logistic.advance() {}
        assert_eq!(logistic.num_done(), 1);
        let probabilities = logistic.finish();
        assert!(probabilities[..60].iter().all(|&probability| probability == 0.0));
        for (row, &label) in given.iter().enumerate().skip(30) {
            assert!(probabilities[row * 2 + label] > 0.6, "row {row}: {probabilities:?}");
        }
    }

    #[test]
    fn the_nearest_are_sought_in_parts_of_the_same_work() {
        let given = labels(60);
        let rows = VectorRows::held_out(two_groups(&given), given.clone(), 2, 30);
        let predict = |part_products: usize| {
            let mut nearest = NearestRounds { part_products, ..NearestRounds::new(&rows, &[1, 5]) };
            let mut num_parts = 1;
            while nearest.advance() {
                num_parts += 1;
            }
            (num_parts, nearest.finish())
        };
        let whole = predict(PART_PRODUCTS);
        assert_eq!(whole.0, 1, "thirty rows are little");
        // Of two numbers each, beside thirty others.
        assert_eq!(predict(4 * 30 * rows.dim), (8, whole.1.clone()));
        assert_eq!(predict(1), (30, whole.1));
    }

    #[test]
    fn a_row_that_says_nothing_keeps_its_zeros() {
        let mut vector = [0.0, 0.0];
        scale_to_unit(&mut vector);
        assert_eq!(vector, [0.0, 0.0]);
        let mut vector = [3.0, 4.0];
        scale_to_unit(&mut vector);
        assert!((vector[0] - 0.6_f32).abs() < 1e-6 && (vector[1] - 0.8_f32).abs() < 1e-6);
    }
}
