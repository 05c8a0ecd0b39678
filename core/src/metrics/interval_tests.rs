//! Intervals of numbers, tags, answers, tokens and written texts, and comparisons of two models, beside those of scikit-learn, scipy,
//! seqeval, sacreBLEU and rouge_score on the same draws, which `tests/python/make_interval_fixtures.py` wrote.

use std::collections::BTreeMap;

use serde::Deserialize;

use super::number_draws::{NUMBER_FIGURES, number_intervals};
use super::text_to_text::text_sums;
use super::*;

/// Largest difference from what the libraries give.
const TOLERANCE: f64 = 1e-9;

type Ends = BTreeMap<String, [f64; 2]>;

#[derive(Deserialize)]
struct Fixture {
    draws: usize,
    seed: u64,
    numbers: Vec<NumberCase>,
    tags: TagCase,
    sums: Vec<SumCase>,
    texts: TextCase,
}

#[derive(Deserialize)]
struct NumberCase {
    name: String,
    num_outputs: usize,
    predictions: Vec<f64>,
    targets: Vec<f64>,
    intervals: Ends,
}

#[derive(Deserialize)]
struct TagCase {
    gold: Vec<Vec<String>>,
    predicted: Vec<Vec<String>>,
    figures: BTreeMap<String, f64>,
    intervals: Ends,
}

#[derive(Deserialize)]
struct SumCase {
    name: String,
    rows: Vec<Vec<f64>>,
    others: Vec<Vec<f64>>,
    figures: BTreeMap<String, f64>,
    intervals: Ends,
    /// The second less the first: of all rows, and the ends of its interval.
    differences: BTreeMap<String, [f64; 3]>,
}

#[derive(Deserialize)]
struct TextCase {
    written: Vec<String>,
    targets: Vec<String>,
    figures: BTreeMap<String, f64>,
    intervals: Ends,
}

fn fixture() -> Fixture {
    let text = include_str!("../../../tests/fixtures/metrics/intervals.json");
    serde_json::from_str(text).expect("written by the script")
}

fn assert_close(what: &str, found: &[f64], expected: &[f64]) {
    assert_eq!(found.len(), expected.len(), "{what}");
    let is_close = found.iter().zip(expected).all(|(found, expected)| (found - expected).abs() <= TOLERANCE);
    assert!(is_close, "{what}: {found:?} are not {expected:?}");
}

/// The same figures have an interval, and for each it is the same.
fn assert_intervals<'a>(what: &str, found: impl Iterator<Item = (&'a str, Option<[f64; 2]>)>, expected: &Ends) {
    let found: BTreeMap<&str, [f64; 2]> = found.filter_map(|(name, ends)| Some((name, ends?))).collect();
    assert_eq!(
        found.keys().copied().collect::<Vec<_>>(),
        expected.keys().map(String::as_str).collect::<Vec<_>>(),
        "{what}"
    );
    for (name, ends) in found {
        assert_close(&format!("{what}: {name}"), &ends, &expected[name]);
    }
}

/// The values of these figures and their intervals.
fn assert_sums(
    what: &str,
    rows: &RowSums,
    formulas: &[SumFigure],
    (figures, intervals): (&BTreeMap<String, f64>, &Ends),
    (draws, seed): (usize, u64),
) {
    for formula in formulas {
        let value = rows.value(formula).expect("there are rows");
        assert_close(&format!("{what}: {}", formula.name), &[value], &[figures[formula.name]]);
    }
    let found = rows.intervals(formulas, draws, seed);
    assert_intervals(what, formulas.iter().map(|formula| formula.name).zip(found), intervals);
}

fn row_sums(rows: &[Vec<f64>]) -> RowSums {
    let mut sums = RowSums::new(rows[0].len());
    rows.iter().for_each(|row| sums.push(row));
    sums
}

#[test]
fn intervals_of_numbers_are_those_of_scikit_learn_and_scipy() {
    let Fixture { draws, seed, numbers, .. } = fixture();
    for NumberCase { name, num_outputs, predictions, targets, intervals } in numbers {
        let found = number_intervals(&predictions, &targets, num_outputs, draws, seed);
        assert_intervals(&name, NUMBER_FIGURES.into_iter().zip(found), &intervals);
    }
}

#[test]
fn intervals_of_tags_are_those_of_seqeval() {
    let Fixture { draws, seed, tags: TagCase { gold, predicted, figures, intervals }, .. } = fixture();
    let mut rows = RowSums::new(8);
    for (gold, predicted) in gold.iter().zip(&predicted) {
        rows.push(&entity_sums(gold, predicted, Some(TagScheme::Iob2)));
    }
    assert_sums("tags", &rows, &ENTITY_FIGURES, (&figures, &intervals), (draws, seed));
    let whole = evaluate_entities(&gold, &predicted, Some(TagScheme::Iob2)).figures();
    for formula in &ENTITY_FIGURES {
        let value = figure(&whole, formula.name).expect("it is measured").value;
        assert_close(formula.name, &[value], &[figures[formula.name]]);
    }
}

#[test]
fn intervals_of_sums_and_their_differences_are_those_of_numpy() {
    let Fixture { draws, seed, sums, .. } = fixture();
    assert_eq!(sums.len(), 3);
    for SumCase { name, rows, others, figures, intervals, differences } in sums {
        let (rows, others) = (row_sums(&rows), row_sums(&others));
        let formulas = match name.as_str() {
            "answers" => ANSWER_FIGURES.to_vec(),
            "tokens" => TOKEN_FIGURES.to_vec(),
            _ => ERROR_FIGURES.to_vec(),
        };
        assert_sums(&name, &rows, &formulas, (&figures, &intervals), (draws, seed));
        for (formula, found) in formulas.iter().zip(compare_sums(&formulas, &rows, &others, draws, seed)) {
            let found = found.expect("there are rows");
            let numbers = [found.second - found.first, found.interval[0], found.interval[1]];
            assert_close(&format!("{name}: difference of {}", formula.name), &numbers, &differences[formula.name]);
        }
    }
}

#[test]
fn intervals_of_written_texts_are_those_of_sacrebleu_and_rouge_score() {
    let Fixture { draws, seed, texts: TextCase { written, targets, figures, intervals }, .. } = fixture();
    let rows = text_sums(written.iter().map(String::as_str).zip(targets.iter().map(String::as_str)));
    assert_sums("texts", &rows, &TEXT_FIGURES, (&figures, &intervals), (draws, seed));
    let whole = evaluate_text_to_text(written.iter().zip(&targets)).figures();
    for (figure, formula) in whole.iter().zip(&TEXT_FIGURES) {
        assert_eq!((figure.name.as_ref(), figure.higher_is_better), (formula.name, formula.higher_is_better));
        assert_close(formula.name, &[figure.value], &[figures[formula.name]]);
    }
}
