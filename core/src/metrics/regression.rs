//! Figures of predicted numbers, as scikit-learn and scipy define them.
//!
//! In: predictions and targets row by row, one number an output. Out: a [`RegressionEvaluation`], by output and averaged
//! over them. A correlation with something constant is `None`, as is R2 of fewer than two rows.

use serde::{Deserialize, Serialize};

use super::figure::Figure;
use super::row_sums::{SumFigure, mean_of};

/// Figures of one output, or their unweighted means over several.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct OutputMetrics {
    /// Mean squared error.
    pub mse: f64,
    /// Mean absolute error.
    pub mae: f64,
    /// Root of the mean squared error; averaged after the root.
    pub rmse: f64,
    /// Share of the targets' variance that the predictions explain. Where the targets are constant, 1 if all predictions
    /// are right and 0 otherwise.
    pub r2: Option<f64>,
    /// Pearson's correlation; of several outputs `None` unless each has one.
    pub pearson: Option<f64>,
    /// Spearman's rank correlation; of several outputs `None` unless each has one.
    pub spearman: Option<f64>,
}

/// Figures of a split whose answers are numbers.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RegressionEvaluation {
    /// Means over the outputs.
    pub mean: OutputMetrics,
    /// One entry an output.
    pub per_output: Vec<OutputMetrics>,
    /// Rows measured.
    pub num_rows: usize,
    /// Figures that are undefined for these rows and were left out, each with the reason.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub notes: Vec<String>,
}

impl RegressionEvaluation {
    /// The means over the outputs by name; those that are undefined are left out.
    #[must_use]
    pub fn figures(&self) -> Vec<Figure> {
        let OutputMetrics { mse, mae, rmse, r2, pearson, spearman } = self.mean;
        let mut figures = vec![Figure::lower("mse", mse), Figure::lower("mae", mae), Figure::lower("rmse", rmse)];
        figures.extend(
            [("r2", r2), ("pearson", pearson), ("spearman", spearman)]
                .into_iter()
                .filter_map(|(name, value)| value.map(|value| Figure::higher(name, value))),
        );
        figures
    }
}

/// The errors that are means, out of sums over rows: of the squared errors, of the absolute errors, and of the numbers.
pub const ERROR_FIGURES: [SumFigure; 2] = [
    SumFigure { name: "mse", higher_is_better: false, of_sums: |sums| mean_of(sums[0], sums[2]) },
    SumFigure { name: "mae", higher_is_better: false, of_sums: |sums| mean_of(sums[1], sums[2]) },
];

/// The figures of `predictions` against `targets`, both row by row with `num_outputs` numbers each. Without rows the
/// errors are 0.
///
/// # Panics
/// When there are not as many predictions as targets, or not a whole number of rows.
#[must_use]
pub fn evaluate_regression<P: Copy + Into<f64>, T: Copy + Into<f64>>(
    predictions: &[P],
    targets: &[T],
    num_outputs: usize,
) -> RegressionEvaluation {
    assert_eq!(predictions.len(), targets.len(), "each target has one prediction");
    assert!(num_outputs > 0 && targets.len().is_multiple_of(num_outputs), "rows are whole");
    let num_rows = targets.len() / num_outputs;
    let per_output: Vec<OutputMetrics> = (0..num_outputs)
        .map(|output| output_metrics(&column(predictions, output, num_outputs), &column(targets, output, num_outputs)))
        .collect();
    let mean = |of: fn(&OutputMetrics) -> f64| per_output.iter().map(of).sum::<f64>() / num_outputs as f64;
    let mean_if_all = |of: fn(&OutputMetrics) -> Option<f64>| {
        per_output.iter().map(of).sum::<Option<f64>>().map(|sum| sum / num_outputs as f64)
    };
    let mean = OutputMetrics {
        mse: mean(|output| output.mse),
        mae: mean(|output| output.mae),
        rmse: mean(|output| output.rmse),
        r2: mean_if_all(|output| output.r2),
        pearson: mean_if_all(|output| output.pearson),
        spearman: mean_if_all(|output| output.spearman),
    };
    let notes = notes(&mean, num_rows, num_outputs);
    RegressionEvaluation { mean, per_output, num_rows, notes }
}

/// What is undefined of these rows, and why.
fn notes(mean: &OutputMetrics, num_rows: usize, num_outputs: usize) -> Vec<String> {
    let named = [("R²", mean.r2), ("Pearson correlation", mean.pearson), ("Spearman correlation", mean.spearman)];
    let reason = match (num_rows, num_outputs) {
        (0, _) => return Vec::new(),
        (1, _) => "it takes two rows",
        (_, 1) => "all rows have the same number, or the same is predicted for all",
        _ => "of one of the numbers all rows have the same, or the same is predicted for all",
    };
    let undefined = named.iter().filter(|(_, value)| value.is_none());
    undefined.map(|(name, _)| format!("{name} is undefined and left out: {reason}")).collect()
}

fn column<N: Copy + Into<f64>>(rows: &[N], index: usize, num_columns: usize) -> Vec<f64> {
    rows.iter().skip(index).step_by(num_columns).copied().map(Into::<f64>::into).collect()
}

fn output_metrics(predictions: &[f64], targets: &[f64]) -> OutputMetrics {
    let rows = targets.len().max(1) as f64;
    let errors = || predictions.iter().zip(targets).map(|(prediction, target)| prediction - target);
    let squared: f64 = errors().map(|error| error * error).sum();
    let mse = squared / rows;
    OutputMetrics {
        mse,
        mae: errors().map(f64::abs).sum::<f64>() / rows,
        rmse: mse.sqrt(),
        r2: r2(squared, targets),
        pearson: pearson(predictions, targets),
        spearman: spearman(predictions, targets),
    }
}

/// R2 from the sum of the squared errors.
fn r2(squared_errors: f64, targets: &[f64]) -> Option<f64> {
    if targets.len() < 2 {
        return None;
    }
    if is_constant(targets) {
        return Some(if squared_errors == 0.0 { 1.0 } else { 0.0 });
    }
    let variance: f64 = deviations(targets).iter().map(|deviation| deviation * deviation).sum();
    Some(1.0 - squared_errors / variance)
}

/// Pearson's correlation of two columns of equal length, -1 to 1; `None` of fewer than two rows, where either column is
/// constant, or where numbers are not finite.
///
/// # Panics
/// When the columns are of unequal length.
#[must_use]
pub fn pearson(left: &[f64], right: &[f64]) -> Option<f64> {
    assert_eq!(left.len(), right.len(), "the columns are of equal length");
    if left.len() < 2 || is_constant(left) || is_constant(right) {
        return None;
    }
    let (left, right) = (deviations(left), deviations(right));
    let (left_norm, right_norm) = (norm(&left), norm(&right));
    let correlation: f64 = left.iter().zip(&right).map(|(left, right)| (left / left_norm) * (right / right_norm)).sum();
    correlation.is_finite().then_some(correlation.clamp(-1.0, 1.0))
}

/// Spearman's rank correlation: Pearson's of the ranks, equal numbers sharing the mean of their ranks. `None` where
/// Pearson's is.
///
/// # Panics
/// When the columns are of unequal length.
#[must_use]
pub fn spearman(left: &[f64], right: &[f64]) -> Option<f64> {
    let are_finite = left.iter().chain(right).all(|number| number.is_finite());
    if are_finite { pearson(&average_ranks(left), &average_ranks(right)) } else { None }
}

fn is_constant(numbers: &[f64]) -> bool {
    numbers.windows(2).all(|pair| pair[0] == pair[1])
}

fn deviations(numbers: &[f64]) -> Vec<f64> {
    let mean = numbers.iter().sum::<f64>() / numbers.len() as f64;
    numbers.iter().map(|number| number - mean).collect()
}

fn norm(numbers: &[f64]) -> f64 {
    numbers.iter().map(|number| number * number).sum::<f64>().sqrt()
}

/// Ranks from 1; equal numbers share the mean of theirs.
fn average_ranks(numbers: &[f64]) -> Vec<f64> {
    let mut order: Vec<usize> = (0..numbers.len()).collect();
    order.sort_by(|&left, &right| numbers[left].total_cmp(&numbers[right]));
    let mut ranks = vec![0.0; numbers.len()];
    let mut below = 0;
    for equal in order.chunk_by(|&left, &right| numbers[left] == numbers[right]) {
        let rank = below as f64 + (equal.len() + 1) as f64 / 2.0;
        equal.iter().for_each(|&index| ranks[index] = rank);
        below += equal.len();
    }
    ranks
}

#[cfg(test)]
mod tests {
    use super::super::figure::figure;
    use super::*;

    fn close(found: Option<f64>, expected: f64) {
        assert!(found.is_some_and(|found| (found - expected).abs() < 1e-12), "{found:?} is not {expected}");
    }

    /// The example of scikit-learn's documentation of `r2_score` and `mean_squared_error`.
    #[test]
    fn figures_are_those_of_scikit_learn() {
        let found = evaluate_regression(&[2.5_f32, 0.0, 2.0, 8.0], &[3.0_f32, -0.5, 2.0, 7.0], 1);
        assert_eq!((found.mean.mse, found.mean.mae, found.num_rows), (0.375, 0.5, 4));
        close(found.mean.r2, 0.948_608_137_044_967_9);
        assert_eq!(found.per_output, [found.mean]);
    }

    #[test]
    fn equal_numbers_share_the_mean_of_their_ranks() {
        assert_eq!(average_ranks(&[3.0, 1.0, 3.0, -0.0, 0.0, 3.0]), [5.0, 3.0, 5.0, 1.5, 1.5, 5.0]);
        close(spearman(&[1.0, 2.0, 3.0], &[1.0, 8.0, 27.0]), 1.0);
        close(spearman(&[1.0, 2.0, 3.0], &[9.0, 4.0, 1.0]), -1.0);
    }

    #[test]
    fn constant_columns_have_no_correlation() {
        let found = evaluate_regression(&[0.1, 0.1, 0.1], &[1.0, 2.0, 3.0], 1);
        assert_eq!((found.mean.pearson, found.mean.spearman), (None, None));
        close(found.mean.r2, 1.0 - (0.81 + 3.61 + 8.41) / 2.0);
        let names: Vec<_> = found.figures().into_iter().map(|figure| figure.name).collect();
        assert_eq!(names, ["mse", "mae", "rmse", "r2"]);
        let reason = "is undefined and left out: all rows have the same number, or the same is predicted for all";
        assert_eq!(found.notes, ["Pearson", "Spearman"].map(|name| format!("{name} correlation {reason}")));
        assert_eq!(evaluate_regression(&[0.1, 0.1, 0.1], &[0.1, 0.1, 0.1], 1).mean.r2, Some(1.0));
        assert_eq!(evaluate_regression(&[0.1, 0.2, 0.1], &[0.1, 0.1, 0.1], 1).mean.r2, Some(0.0));
    }

    #[test]
    fn outputs_weigh_the_same() {
        let found = evaluate_regression(&[1.0, 0.0, 2.0, 0.0, 3.0, 0.0], &[1.0, 3.0, 2.0, 3.0, 3.0, 3.0], 2);
        assert_eq!((found.mean.mse, found.mean.mae, found.mean.rmse), (4.5, 1.5, 1.5));
        assert_eq!((found.per_output.len(), found.num_rows), (2, 3));
        assert_eq!(found.mean.r2, Some(0.5));
        close(found.per_output[0].pearson, 1.0);
        assert_eq!(found.mean.pearson, None, "the second output has none");
        assert_eq!(figure(&found.figures(), "rmse"), Some(&Figure::lower("rmse", 1.5)));
        let json = serde_json::to_string(&found).expect("figures are finite");
        assert_eq!(serde_json::from_str::<RegressionEvaluation>(&json).expect("just written"), found);
    }

    #[test]
    fn too_few_rows_have_errors_only() {
        let none = evaluate_regression::<f32, f32>(&[], &[], 1);
        assert_eq!((none.mean.mse, none.mean.r2, none.mean.pearson, none.num_rows), (0.0, None, None, 0));
        let one = evaluate_regression(&[1.0], &[3.0], 1);
        assert_eq!((one.mean.mse, one.mean.r2, one.mean.spearman), (4.0, None, None));
        assert!(one.notes.len() == 3 && one.notes[0] == "R² is undefined and left out: it takes two rows", "{one:?}");
        assert!(none.notes.is_empty(), "nothing was measured");
    }

    #[test]
    fn a_prediction_that_is_no_number_is_not_hidden() {
        let found = evaluate_regression(&[f64::NAN, 1.0], &[0.0, 1.0], 1);
        assert!(found.mean.mse.is_nan());
        assert_eq!((found.mean.pearson, found.mean.spearman), (None, None));
    }
}
