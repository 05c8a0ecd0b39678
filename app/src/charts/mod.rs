//! Charts: thin views over core's `geometry`, which is pure and tested. None of them knows what it draws.

mod axes;
mod bars;
mod line;
mod matrix;
mod parallel;
mod rates;
mod scatter;
mod shares;

pub(crate) use bars::{Bar, Bars, Histogram};
pub(crate) use hone_core::report::geometry;
pub(crate) use line::{LineChart, Series};
pub(crate) use matrix::{Chosen, Matrix};
pub(crate) use parallel::{ParallelAxis, ParallelLine, parallel};
pub(crate) use rates::rates;
pub(crate) use scatter::Scatter;
pub(crate) use shares::{ShareLine, shares};
