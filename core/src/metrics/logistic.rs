//! Multinomial logistic regression with an L2 penalty, as scikit-learn's `LogisticRegression` with its solver lbfgs: the mean
//! cross-entropy and `|W|^2 / (2 C n)`, intercepts without a penalty; of two classes one vector of coefficients.
//!
//! In: vectors of rows with a class each. Out: a [`LogisticRegression`], which gives probabilities. The fit is pulled in parts, of which
//! an iteration over many rows takes several.

use super::lbfgs::{Lbfgs, Outcome};
use super::retrieval::dot;

/// Inverse strength of the penalty, as scikit-learn's default. Of vectors of length 1.
pub const LOGISTIC_C: f64 = 1.0;

/// The fit ends where no number of the gradient is larger, as scikit-learn's default.
pub const LOGISTIC_TOLERANCE: f64 = 1e-4;

/// Iterations at most: many times what rows take that can be fitted at all.
const MAX_ITERATIONS: usize = 2000;

/// Products that are computed in one go by what is pulled in parts: some hundredths of a second in a browser.
pub(crate) const PART_PRODUCTS: usize = 8 << 20;

/// Rows with a vector and a class each.
#[derive(Debug, Clone, Copy)]
pub struct LabeledVectors<'r> {
    /// One after the other, `dim` numbers each.
    pub vectors: &'r [f32],
    /// Numbers of a vector.
    pub dim: usize,
    /// The class of each.
    pub labels: &'r [usize],
    /// Classes that there are; some may have no row.
    pub num_classes: usize,
}

impl<'r> LabeledVectors<'r> {
    /// The vector of a row.
    #[must_use]
    pub fn vector(&self, row: usize) -> &'r [f32] {
        &self.vectors[row * self.dim..(row + 1) * self.dim]
    }
}

/// What was fitted.
#[derive(Debug, Clone, PartialEq)]
pub struct LogisticRegression {
    /// For each class that had rows `dim` numbers; of two such classes those of the second alone; of one none.
    pub coefficients: Vec<Vec<f64>>,
    /// One for each of these.
    pub intercepts: Vec<f64>,
    /// The classes that had rows, ascending.
    classes: Vec<usize>,
    num_classes: usize,
}

impl LogisticRegression {
    /// The probability of every class; of a class that had no row 0.
    #[must_use]
    pub fn probabilities(&self, vector: &[f32]) -> Vec<f64> {
        let vector: Vec<f64> = vector.iter().map(|&number| f64::from(number)).collect();
        let mut scores = vec![0.0; self.classes.len()];
        let first = scores.len() - self.coefficients.len();
        for ((score, weights), intercept) in scores[first..].iter_mut().zip(&self.coefficients).zip(&self.intercepts) {
            *score = dot(weights, &vector) + intercept;
        }
        let log_sum = log_sum_exp(&scores);
        let mut probabilities = vec![0.0; self.num_classes];
        for (&class, score) in self.classes.iter().zip(&scores) {
            probabilities[class] = (score - log_sum).exp();
        }
        probabilities
    }
}

/// A fit under way.
#[derive(Debug)]
pub struct LogisticFit<'r> {
    problem: Problem<'r>,
    /// `None` where all rows are of one class: there is nothing to find.
    search: Option<Lbfgs>,
    tolerance: f64,
    num_iterations: usize,
    /// What is computed at the point that the search asks for.
    evaluation: Option<Evaluation>,
    is_fitted: bool,
}

/// Value and gradient at a point, as far as rows were added.
#[derive(Debug)]
struct Evaluation {
    value: f64,
    gradient: Vec<f64>,
    num_rows: usize,
}

/// What is minimised.
#[derive(Debug)]
struct Problem<'r> {
    rows: LabeledVectors<'r>,
    /// Rows that are learned from.
    chosen: Vec<usize>,
    /// The classes that these have, ascending, and which of them each has.
    classes: Vec<usize>,
    targets: Vec<usize>,
    inverse_strength: f64,
}

impl<'r> LogisticFit<'r> {
    /// Begins to fit the rows that are `chosen`; `c` is the inverse strength of the penalty.
    ///
    /// # Panics
    /// When no row is chosen, or a row is not there.
    #[must_use]
    pub fn new(rows: LabeledVectors<'r>, chosen: Vec<usize>, c: f64, tolerance: f64) -> Self {
        assert!(!chosen.is_empty(), "there is something to learn from");
        let mut classes: Vec<usize> = chosen.iter().map(|&row| rows.labels[row]).collect();
        classes.sort_unstable();
        classes.dedup();
        let target = |&row: &usize| classes.partition_point(|&class| class < rows.labels[row]);
        let targets = chosen.iter().map(target).collect();
        let problem = Problem { rows, chosen, classes, targets, inverse_strength: c };
        let size = problem.num_outputs() * (rows.dim + 1);
        let search = (size > 0).then(|| Lbfgs::new(vec![0.0; size]));
        Self { problem, search, tolerance, num_iterations: 0, evaluation: None, is_fitted: false }
    }

    /// Computes some hundredths of a second's worth; `false` once it is fitted.
    pub fn advance(&mut self) -> bool {
        let Some(search) = self.search.as_mut().filter(|_| !self.is_fitted) else { return false };
        let problem = &self.problem;
        let mut evaluation = self.evaluation.take().unwrap_or_else(|| problem.begin(search.next_point()));
        if problem.add_rows(search.next_point(), &mut evaluation, problem.rows_of_part()) {
            self.evaluation = Some(evaluation);
            return true;
        }
        self.is_fitted = match search.take_value(evaluation.value, evaluation.gradient) {
            Outcome::Nearer => false,
            Outcome::Better => {
                self.num_iterations += 1;
                self.num_iterations > MAX_ITERATIONS || search.largest_slope() <= self.tolerance
            }
            Outcome::Stuck => true,
        };
        !self.is_fitted
    }

    /// What is fitted so far.
    #[must_use]
    pub fn finish(self) -> LogisticRegression {
        let Problem { rows, classes, .. } = self.problem;
        let width = rows.dim + 1;
        let outputs = self.search.as_ref().map_or(&[][..], Lbfgs::point).chunks_exact(width);
        LogisticRegression {
            coefficients: outputs.clone().map(|output| output[..rows.dim].to_vec()).collect(),
            intercepts: outputs.map(|output| output[rows.dim]).collect(),
            classes,
            num_classes: rows.num_classes,
        }
    }
}

impl Problem<'_> {
    /// Classes with coefficients of their own: of two the second, of one none.
    fn num_outputs(&self) -> usize {
        match self.classes.len() {
            0..=2 => self.classes.len().saturating_sub(1),
            count => count,
        }
    }

    /// The penalty, before any row. A point holds for each output its coefficients, then its intercept.
    fn begin(&self, point: &[f64]) -> Evaluation {
        let (dim, width) = (self.rows.dim, self.rows.dim + 1);
        let strength = self.share() / self.inverse_strength;
        let (mut value, mut gradient) = (0.0, vec![0.0; point.len()]);
        for (output, slopes) in point.chunks_exact(width).zip(gradient.chunks_exact_mut(width)) {
            value += 0.5 * strength * dot(&output[..dim], &output[..dim]);
            slopes[..dim].iter_mut().zip(&output[..dim]).for_each(|(slope, weight)| *slope = strength * weight);
        }
        Evaluation { value, gradient, num_rows: 0 }
    }

    /// What a row counts in the mean.
    fn share(&self) -> f64 {
        1.0 / self.chosen.len() as f64
    }

    /// Rows that are added in one go.
    fn rows_of_part(&self) -> usize {
        // Scores, then slopes.
        (PART_PRODUCTS / (2 * self.num_outputs() * self.rows.dim).max(1)).max(1)
    }

    /// Adds the cross-entropy of the next `count` rows; `false` once there are no more.
    fn add_rows(&self, point: &[f64], evaluation: &mut Evaluation, count: usize) -> bool {
        let (dim, width, share) = (self.rows.dim, self.rows.dim + 1, self.share());
        let first = self.classes.len() - self.num_outputs();
        let mut scores = vec![0.0; self.classes.len()];
        let mut vector: Vec<f64> = Vec::with_capacity(dim);
        let rows = self.chosen.iter().zip(&self.targets).skip(evaluation.num_rows).take(count);
        for (&row, &target) in rows {
            vector.clear();
            vector.extend(self.rows.vector(row).iter().map(|&number| f64::from(number)));
            for (score, output) in scores[first..].iter_mut().zip(point.chunks_exact(width)) {
                *score = dot(&output[..dim], &vector) + output[dim];
            }
            let log_sum = log_sum_exp(&scores);
            evaluation.value += share * (log_sum - scores[target]);
            for (class, slopes) in (first..).zip(evaluation.gradient.chunks_exact_mut(width)) {
                let truth = if class == target { 1.0 } else { 0.0 };
                let slope = share * ((scores[class] - log_sum).exp() - truth);
                slopes[..dim].iter_mut().zip(&vector).for_each(|(sum, number)| *sum += slope * number);
                slopes[dim] += slope;
            }
        }
        evaluation.num_rows += count;
        evaluation.num_rows < self.chosen.len()
    }
}

/// The logarithm of the sum of exponentials, without overflow.
fn log_sum_exp(scores: &[f64]) -> f64 {
    let largest = scores.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    largest + scores.iter().map(|score| (score - largest).exp()).sum::<f64>().ln()
}

#[cfg(test)]
mod tests {
    use serde::Deserialize;

    use super::*;

    /// Largest difference from scikit-learn's coefficients, intercepts and probabilities.
    const TOLERANCE: f64 = 1e-6;

    /// What `tests/python/make_label_error_fixtures.py` wrote.
    #[derive(Deserialize)]
    struct Case {
        name: String,
        dim: usize,
        num_classes: usize,
        c: f64,
        vectors: Vec<f32>,
        labels: Vec<usize>,
        coefficients: Vec<Vec<f64>>,
        intercepts: Vec<f64>,
        probabilities: Vec<f64>,
    }

    fn fit(rows: LabeledVectors<'_>, c: f64, tolerance: f64) -> LogisticRegression {
        let mut fit = LogisticFit::new(rows, (0..rows.labels.len()).collect(), c, tolerance);
        while fit.advance() {}
        fit.finish()
    }

    fn largest_difference<'n>(found: impl IntoIterator<Item = &'n f64>, expected: &[f64]) -> f64 {
        let pairs = found.into_iter().zip(expected);
        pairs.map(|(found, expected)| (found - expected).abs()).fold(0.0, f64::max)
    }

    #[test]
    fn coefficients_are_those_of_scikit_learn() {
        let text = include_str!("../../../tests/fixtures/label_errors/logistic.json");
        let cases: Vec<Case> = serde_json::from_str(text).expect("a list of cases");
        assert!(cases.iter().any(|case| case.num_classes == 2) && cases.iter().any(|case| case.num_classes > 2));
        for case in cases {
            let Case { name, dim, num_classes, c, vectors, labels, .. } = &case;
            let rows = LabeledVectors { vectors, dim: *dim, labels, num_classes: *num_classes };
            let found = fit(rows, *c, 1e-11);
            assert_eq!(found.coefficients.len(), case.coefficients.len(), "{name}");
            for (found, expected) in found.coefficients.iter().zip(&case.coefficients) {
                assert_eq!(found.len(), expected.len(), "{name}");
                let difference = largest_difference(found, expected);
                assert!(difference <= TOLERANCE, "{name}: {difference}");
            }
            assert_eq!(found.intercepts.len(), case.intercepts.len(), "{name}");
            assert!(largest_difference(&found.intercepts, &case.intercepts) <= TOLERANCE, "{name}");
            let all: Vec<f64> = (0..labels.len()).flat_map(|row| found.probabilities(rows.vector(row))).collect();
            assert_eq!(all.len(), case.probabilities.len(), "{name}");
            assert!(largest_difference(&all, &case.probabilities) <= TOLERANCE, "{name}");
        }
    }

    #[test]
    fn parts_of_any_size_have_the_same_value_and_gradient() {
        let vectors: &[f32] = &[1.0, 0.5, -1.0, -0.5, 0.2, 0.9];
        let rows = LabeledVectors { vectors, dim: 1, labels: &[0, 1, 2, 2, 1, 0], num_classes: 3 };
        let problem = LogisticFit::new(rows, (0..6).collect(), 1.0, LOGISTIC_TOLERANCE).problem;
        let point = [0.3, -0.1, 0.5, 0.2, -0.7, 0.1];
        let evaluate = |count: usize| {
            let (mut found, mut num_parts) = (problem.begin(&point), 1);
            while problem.add_rows(&point, &mut found, count) {
                num_parts += 1;
            }
            (num_parts, found.value, found.gradient)
        };
        let (_, value, gradient) = evaluate(6);
        for (count, num_parts) in [(1, 6), (4, 2), (6, 1), (100, 1)] {
            assert_eq!(evaluate(count), (num_parts, value, gradient.clone()), "{count} at a time");
        }
        assert_eq!(problem.rows_of_part(), PART_PRODUCTS / 6);
    }

    #[test]
    fn a_class_without_rows_has_no_probability_and_one_alone_has_all() {
        let rows = LabeledVectors { vectors: &[1.0, 0.5, -1.0, -0.5], dim: 1, labels: &[0, 0, 2, 2], num_classes: 3 };
        let found = fit(rows, 1.0, LOGISTIC_TOLERANCE);
        assert_eq!((found.coefficients.len(), found.intercepts.len()), (1, 1), "one vector tells two classes apart");
        let probabilities = found.probabilities(&[2.0]);
        assert!(probabilities[1] == 0.0 && probabilities[0] > 0.5, "{probabilities:?}");
        assert!((probabilities.iter().sum::<f64>() - 1.0).abs() < 1e-12);
        let alone = fit(LabeledVectors { labels: &[1; 4], ..rows }, 1.0, LOGISTIC_TOLERANCE);
        assert_eq!(alone.probabilities(&[2.0]), [0.0, 1.0, 0.0]);
    }
}
