//! Figures that are made of sums over rows (means, ratios, precision and recall, BLEU): their intervals, and the same figure of two
//! models on the same rows.
//!
//! In: for each row the few numbers that figures are made of ([`RowSums`]), and a formula for each figure ([`SumFigure`]). Out:
//! intervals and [`Difference`]s by the percentile bootstrap of the rows. No text is kept: a row is its numbers.

use super::bootstrap::{NUM_RESAMPLES, RESAMPLE_SEED, intervals};
use super::compare::Difference;
use super::figure::{Figure, set_intervals};

/// What figures are made of, row by row, as many numbers each.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct RowSums {
    width: usize,
    numbers: Vec<f64>,
}

/// A figure as a function of sums over rows.
#[derive(Debug, Clone, Copy)]
pub struct SumFigure {
    /// As the figure is called.
    pub name: &'static str,
    /// Whether a higher number is a better one.
    pub higher_is_better: bool,
    /// The figure of sums; `None` where it is undefined.
    pub of_sums: fn(&[f64]) -> Option<f64>,
}

impl RowSums {
    /// No rows yet, of so many numbers each.
    #[must_use]
    pub fn new(width: usize) -> Self {
        Self { width, numbers: Vec::new() }
    }

    /// Adds a row.
    ///
    /// # Panics
    /// When it has not as many numbers as the others.
    pub fn push(&mut self, row: &[f64]) {
        assert_eq!(row.len(), self.width, "rows have as many numbers");
        self.numbers.extend_from_slice(row);
    }

    /// Rows.
    #[must_use]
    pub fn num_rows(&self) -> usize {
        self.numbers.len() / self.width.max(1)
    }

    /// The sums where each row counts so often.
    fn sums(&self, times: &[u32]) -> Vec<f64> {
        let mut sums = vec![0.0; self.width];
        let rows = self.numbers.chunks_exact(self.width.max(1)).zip(times);
        for (row, &times) in rows.filter(|(_, times)| **times > 0) {
            let times = f64::from(times);
            sums.iter_mut().zip(row).for_each(|(sum, number)| *sum += times * number);
        }
        sums
    }

    /// A figure of all rows; `None` where it is undefined.
    #[must_use]
    pub fn value(&self, figure: &SumFigure) -> Option<f64> {
        (figure.of_sums)(&self.sums(&vec![1; self.num_rows()]))
    }

    /// The interval of each figure, of so many draws from a seed; `None` where it is undefined in most of them.
    #[must_use]
    pub fn intervals(&self, figures: &[SumFigure], num_resamples: usize, seed: u64) -> Vec<Option<[f64; 2]>> {
        intervals(self.num_rows(), num_resamples, seed, |times| {
            let sums = self.sums(times);
            figures.iter().map(|figure| (figure.of_sums)(&sums)).collect()
        })
    }
}

/// Gives figures the intervals of those of `formulas` that have their name, of [`NUM_RESAMPLES`] draws.
pub fn add_intervals(figures: &mut [Figure], rows: &RowSums, formulas: &[SumFigure]) {
    let found = rows.intervals(formulas, NUM_RESAMPLES, RESAMPLE_SEED);
    set_intervals(figures, formulas.iter().map(|formula| formula.name), found);
}

/// Each figure of two models on the same rows; `None` without rows, where it is not finite, and where it is undefined in most draws.
///
/// # Panics
/// When there are not as many rows of each.
#[must_use]
pub fn compare_sums(
    figures: &[SumFigure],
    first: &RowSums,
    second: &RowSums,
    num_resamples: usize,
    seed: u64,
) -> Vec<Option<Difference>> {
    assert_eq!(first.num_rows(), second.num_rows(), "both have the same rows");
    let found = intervals(first.num_rows(), num_resamples, seed, |times| {
        let (first, second) = (first.sums(times), second.sums(times));
        figures.iter().map(|figure| Some((figure.of_sums)(&second)? - (figure.of_sums)(&first)?)).collect()
    });
    let value = |rows: &RowSums, figure: &SumFigure| rows.value(figure).filter(|value| value.is_finite());
    let whole = |(figure, interval): (&SumFigure, Option<[f64; 2]>)| {
        Some(Difference { first: value(first, figure)?, second: value(second, figure)?, interval: interval? })
    };
    figures.iter().zip(found).map(whole).collect()
}

/// `part / whole`; `None` where `whole` is 0.
pub(crate) fn mean_of(part: f64, whole: f64) -> Option<f64> {
    (whole > 0.0).then(|| part / whole)
}

/// `part / whole`; 0 where `whole` is 0, as precision and recall have it (`zero_division=0`).
pub(crate) fn share_of(part: f64, whole: f64) -> Option<f64> {
    Some(if whole > 0.0 { part / whole } else { 0.0 })
}

#[cfg(test)]
mod tests {
    use super::*;

    const MEAN: SumFigure =
        SumFigure { name: "mean", higher_is_better: true, of_sums: |sums| mean_of(sums[0], sums[1]) };

    fn rows(numbers: &[[f64; 2]]) -> RowSums {
        let mut rows = RowSums::new(2);
        numbers.iter().for_each(|row| rows.push(row));
        rows
    }

    #[test]
    fn rows_weigh_as_often_as_they_are_drawn() {
        let found = rows(&[[1.0, 1.0], [10.0, 2.0], [5.0, 1.0]]);
        assert_eq!(found.sums(&[2, 0, 3]), [17.0, 5.0]);
        assert_eq!((found.num_rows(), found.value(&MEAN)), (3, Some(4.0)));
        let [low, high] = found.intervals(&[MEAN], 400, 1)[0].expect("it is defined");
        assert!((1.0..4.0).contains(&low) && high > 4.0 && high <= 5.0, "{low} to {high}");
    }

    #[test]
    fn figures_get_the_intervals_of_their_names() {
        let mut figures = [Figure::lower("loss", 1.0), Figure::higher("mean", 4.0)];
        add_intervals(&mut figures, &rows(&[[1.0, 1.0], [10.0, 2.0], [5.0, 1.0]]), &[MEAN]);
        assert!(figures[0].interval.is_none() && figures[1].interval.is_some(), "{figures:?}");
        add_intervals(&mut figures, &rows(&[]), &[MEAN]);
        assert!(figures[1].interval.is_none(), "there is nothing to draw");
    }

    #[test]
    fn two_models_are_compared_on_the_same_draws() {
        let (one, other) = (rows(&[[1.0, 1.0], [2.0, 1.0], [9.0, 1.0]]), rows(&[[2.0, 1.0], [3.0, 1.0], [10.0, 1.0]]));
        let found = compare_sums(&[MEAN], &one, &other, 100, 1)[0].expect("there are rows");
        assert_eq!((found.first, found.second), (4.0, 5.0));
        // Whatever rows are drawn, the second is better by 1.
        assert!(found.interval.iter().all(|end| (end - 1.0).abs() < 1e-12), "{found:?}");
        assert_eq!(compare_sums(&[MEAN], &rows(&[]), &rows(&[]), 100, 1), [None]);
        let huge = rows(&[[1e308, 1.0], [1e308, 1.0], [1e308, 1.0]]);
        assert_eq!(compare_sums(&[MEAN], &one, &huge, 100, 1), [None], "their sum is above all numbers");
    }
}
