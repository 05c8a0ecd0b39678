//! Two models on the same rows: which is better by how much, whether that could be luck, and which rows only one of them has right. The
//! page and `hone compare` have it from here.
//!
//! In: what both predicted for the rows of a split ([`MeasuredRun`]), or pairs of rows out of files ([`ComparedRow`]). Out: a
//! [`RunComparison`]: figures of both with the interval of their difference (paired bootstrap), the leading one of the task first,
//! McNemar's test where rows are right or wrong as a whole, and the rows that one of them answers better, in plain texts. `rows` says
//! what is compared of each task, `words` what is said of it.

mod rows;
mod words;

use std::collections::HashMap;

use serde::{Deserialize, Serialize};

pub use self::rows::{ComparedRow, RowScheme};
use self::rows::{Outcome, rows_of};
use super::in_reports::MAX_CHARS;
use super::{Evaluation, RowPredictions, Unit};
use crate::data::Split;
use crate::metrics::{
    Difference, McNemar, NUM_RESAMPLES, PairedClass, RESAMPLE_SEED, RowSums, compare_accuracy, compare_macro_f1,
    compare_sums, mcnemar,
};
use crate::words::shorten;

/// Rows of which each run answers some better that are listed, of each run.
const MAX_LISTED: usize = 100;

/// Rows of runs that are drawn all of [`NUM_RESAMPLES`] times; of more the draws are fewer, so that a page stands still no longer.
const MAX_ROWS_DRAWN: usize = 5000;

/// Draws at the least.
const MIN_RESAMPLES: usize = 100;

/// A run that was measured.
#[derive(Debug, Clone, Copy)]
pub struct MeasuredRun<'a> {
    /// In words: `Run 2`.
    pub name: &'a str,
    /// Which rows.
    pub split: Split,
    /// What was measured.
    pub evaluation: &'a Evaluation,
    /// What was predicted for each row.
    pub rows: &'a RowPredictions,
}

/// A figure of both runs.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ComparedFigure {
    /// As evaluations name it.
    pub name: String,
    /// As people read it.
    pub title: String,
    /// How it is written.
    pub unit: Unit,
    /// More of it is better.
    pub higher_is_better: bool,
    /// Of both runs.
    pub difference: Difference,
}

/// A row that one run answers better than the other.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DifferingRow {
    /// Row number in its file.
    pub row: usize,
    /// Its text, or the name of its image; of a long one the beginning.
    pub text: String,
    /// What stands in the file.
    pub expected: String,
    /// What the first run says, and the second.
    pub answers: [String; 2],
    /// Which of the two is better: 0 or 1.
    pub better: usize,
}

/// What was found of two runs on the same rows.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RunComparison {
    /// The runs in words.
    pub names: [String; 2],
    /// Rows that both have: with the same number, text and label.
    pub num_rows: usize,
    /// Rows that are not compared: one run lacks them, or has another text or label there.
    pub num_left_out: usize,
    /// The leading figure of the task comes first.
    pub figures: Vec<ComparedFigure>,
    /// The verdict goes by the rows that are right, and so by the test; else by the draws of the first figure.
    pub is_by_rows: bool,
    /// McNemar's test, where rows are right or wrong as a whole.
    pub test: Option<McNemar>,
    /// Draws of the rows that the intervals are of.
    pub num_resamples: usize,
    /// Rows that the first run answers better than the second, and the other way round.
    pub num_better: [usize; 2],
    /// The first of them, of each run; where answers are numbers those with the largest difference. None of token figures.
    pub rows: Vec<DifferingRow>,
}

/// Compares two runs on the rows that both have, by the leading figure of their task.
///
/// # Errors
/// Says why they can't be compared.
pub fn compare_runs(first: &MeasuredRun<'_>, second: &MeasuredRun<'_>) -> Result<RunComparison, String> {
    if first.split != second.split {
        return Err("they were measured on rows of different splits: measure both on the same".to_owned());
    }
    if first.evaluation.task() != second.evaluation.task() {
        return Err("they are of different tasks".to_owned());
    }
    let ((scheme, ours), (_, theirs)) = (rows_of(first)?, rows_of(second)?);
    let pairs = pair(&ours, &theirs);
    if pairs.is_empty() {
        return Err("they have no row in common: both have to be measured on the same rows".to_owned());
    }
    let num_resamples = match pairs.len() {
        0..=MAX_ROWS_DRAWN => NUM_RESAMPLES,
        many => (NUM_RESAMPLES * MAX_ROWS_DRAWN / many).max(MIN_RESAMPLES),
    };
    let num_left_out = ours.len().max(theirs.len()) - pairs.len();
    let found = compare_pairs([first.name, second.name], &scheme, &pairs, num_resamples);
    Ok(RunComparison { num_left_out, ..found })
}

/// Compares two models on rows that were paired, by so many draws of them. None is left out.
///
/// # Panics
/// When rows were not made for the scheme.
#[must_use]
pub fn compare_pairs(
    names: [&str; 2],
    scheme: &RowScheme,
    pairs: &[(&ComparedRow, &ComparedRow)],
    num_resamples: usize,
) -> RunComparison {
    let (num_better, rows) = differing(scheme.outcome, pairs);
    let right: Vec<(bool, bool)> = pairs.iter().map(|(one, other)| (one.outcome > 0.5, other.outcome > 0.5)).collect();
    RunComparison {
        names: names.map(str::to_owned),
        num_rows: pairs.len(),
        num_left_out: 0,
        figures: figures(scheme, pairs, &right, num_resamples),
        is_by_rows: scheme.is_by_rows,
        test: (scheme.outcome == Outcome::Right).then(|| mcnemar(&right)),
        num_resamples,
        num_better,
        rows,
    }
}

fn figures(
    scheme: &RowScheme,
    pairs: &[(&ComparedRow, &ComparedRow)],
    right: &[(bool, bool)],
    num_resamples: usize,
) -> Vec<ComparedFigure> {
    let mut figures = Vec::new();
    let mut add = |name: &str, title: &str, unit, higher_is_better, difference: Option<Difference>| {
        let (name, title) = (name.to_owned(), title.to_owned());
        figures.extend(difference.map(|difference| ComparedFigure { name, title, unit, higher_is_better, difference }));
    };
    if let Some(title) = scheme.accuracy {
        add("accuracy", title, Unit::Share, true, compare_accuracy(right, num_resamples, RESAMPLE_SEED));
    }
    if scheme.has_classes {
        let (num_classes, rows) = paired_classes(pairs);
        let difference = compare_macro_f1(num_classes, &rows, num_resamples, RESAMPLE_SEED);
        add("macro_f1", "Macro F1", Unit::Score, true, difference);
    }
    if !scheme.figures.is_empty() {
        let width = pairs.first().map_or(0, |(one, _)| one.sums.len());
        let (mut ours, mut theirs) = (RowSums::new(width), RowSums::new(width));
        for (one, other) in pairs {
            ours.push(&one.sums);
            theirs.push(&other.sums);
        }
        let formulas: Vec<_> = scheme.figures.iter().map(|&(_, _, figure)| figure).collect();
        let found = compare_sums(&formulas, &ours, &theirs, num_resamples, RESAMPLE_SEED);
        for (&(title, unit, figure), difference) in scheme.figures.iter().zip(found) {
            add(figure.name, title, unit, figure.higher_is_better, difference);
        }
    }
    figures
}

/// The labels of both runs by ids that they share, and how many labels there are.
fn paired_classes(pairs: &[(&ComparedRow, &ComparedRow)]) -> (usize, Vec<PairedClass>) {
    let of_pair =
        |(one, other): &(&ComparedRow, &ComparedRow)| [one.expected.clone(), one.answer.clone(), other.answer.clone()];
    let mut names: Vec<String> = pairs.iter().flat_map(of_pair).collect();
    names.sort_unstable();
    names.dedup();
    let id = |name: &String| names.binary_search(name).unwrap_or(0); // each of them is there
    let paired = |(one, other): &(&ComparedRow, &ComparedRow)| PairedClass {
        label: id(&one.expected),
        first: id(&one.answer),
        second: id(&other.answer),
    };
    let rows = pairs.iter().map(paired).collect();
    (names.len(), rows)
}

/// How many rows each run answers better, and the first of them.
fn differing(outcome: Outcome, pairs: &[(&ComparedRow, &ComparedRow)]) -> ([usize; 2], Vec<DifferingRow>) {
    let mut found: Vec<(f64, DifferingRow)> = Vec::new();
    for (one, other) in pairs {
        let by = one.outcome - other.outcome;
        if outcome == Outcome::Tokens || by == 0.0 {
            continue;
        }
        let row = DifferingRow {
            row: one.number,
            text: shorten(&one.text, MAX_CHARS),
            expected: shorten(&one.expected, MAX_CHARS),
            answers: [&one.answer, &other.answer].map(|answer| shorten(answer, MAX_CHARS)),
            better: usize::from((by > 0.0) == (outcome == Outcome::Error)),
        };
        found.push((by.abs(), row));
    }
    found.sort_by(|left, right| right.0.total_cmp(&left.0));
    let mut num_better = [0; 2];
    let mut listed = Vec::new();
    for (_, row) in found {
        num_better[row.better] += 1;
        if num_better[row.better] <= MAX_LISTED {
            listed.push(row);
        }
    }
    (num_better, listed)
}

/// The rows that both have, with the same text and the same label.
fn pair<'a>(ours: &'a [ComparedRow], theirs: &'a [ComparedRow]) -> Vec<(&'a ComparedRow, &'a ComparedRow)> {
    let key = |row: &'a ComparedRow| (row.number, row.text.as_str(), row.expected.as_str());
    let places: HashMap<(usize, &str, &str), &ComparedRow> = theirs.iter().map(|row| (key(row), row)).collect();
    ours.iter().filter_map(|row| Some((row, *places.get(&key(row))?))).collect()
}

#[cfg(test)]
mod tests;
