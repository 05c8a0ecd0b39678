//! Figures of a classification, from plain numbers: what was right, per class and overall.

mod classification;

pub use classification::{ClassMetrics, Confusion, Evaluation, RowPrediction};
