//! Charts: `geometry` is pure and tested; the others are thin views over it. None of them knows what it draws.

mod bars;
pub(crate) mod geometry;
mod line;
mod matrix;
mod scatter;

pub(crate) use bars::{Bar, Bars, Histogram};
pub(crate) use line::{LineChart, Series};
pub(crate) use matrix::{Chosen, Matrix};
pub(crate) use scatter::Scatter;
