//! Intervals of the figures of vectors: which rows are drawn anew, what they are compared with stays.
//!
//! In: of each row what was measured of it. Out: the sums that figures are made of, and the formulas. The loss of scored pairs has
//! none: it compares the pairs of a batch with each other, and is no sum over rows.

use super::RowPrediction;
use crate::metrics::{SumFigure, mean_of};

/// The right text is to be among so many first ones.
pub(super) const RECALLS: [usize; 2] = [1, 10];

/// Numbers of [`sums_of`].
pub(super) const NUM_SUMS: usize = 10;

/// The figures out of the sums of [`sums_of`]; undefined where no row has what they are of.
pub(super) const FIGURES: [SumFigure; 6] = [
    SumFigure { name: "loss", higher_is_better: false, of_sums: |sums| mean_of(sums[0], sums[1]) },
    SumFigure { name: "recall_at_1", higher_is_better: true, of_sums: |sums| mean_of(sums[2], sums[5]) },
    SumFigure { name: "recall_at_10", higher_is_better: true, of_sums: |sums| mean_of(sums[3], sums[5]) },
    SumFigure { name: "mrr", higher_is_better: true, of_sums: |sums| mean_of(sums[4], sums[5]) },
    SumFigure { name: "triplet_accuracy", higher_is_better: true, of_sums: |sums| mean_of(sums[6], sums[7]) },
    SumFigure { name: "nearest_accuracy", higher_is_better: true, of_sums: |sums| mean_of(sums[8], sums[9]) },
];

/// What the figures are made of, of one row: its loss, where it has one of its own; how high its second text stands; of its negatives
/// how many are less similar than the second text, and how many there are; and whether the nearest texts have its label.
pub(super) fn sums_of(row: &RowPrediction, loss: Option<f64>, negatives: (usize, usize)) -> [f64; NUM_SUMS] {
    let one_if = |is: bool| f64::from(u8::from(is));
    let [first, among_ten] = RECALLS.map(|most| one_if(row.rank.is_some_and(|rank| rank <= most)));
    let reciprocal = row.rank.map_or(0.0, |rank| 1.0 / rank as f64);
    [
        loss.unwrap_or(0.0),
        one_if(loss.is_some()),
        first,
        among_ten,
        reciprocal,
        one_if(row.rank.is_some()),
        negatives.0 as f64,
        negatives.1 as f64,
        one_if(row.predicted.is_some() && row.predicted == row.label),
        one_if(row.predicted.is_some()),
    ]
}
