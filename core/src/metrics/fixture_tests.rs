//! Figures, temperatures, intervals and tests beside those of scikit-learn, scipy and numpy, which
//! `tests/python/make_metrics_fixtures.py` wrote into `tests/fixtures/metrics`; and what holds of any rows.

use std::collections::BTreeMap;

use proptest::prelude::*;
use serde::Deserialize;

use super::*;

/// Largest difference from what the libraries give.
const TOLERANCE: f64 = 1e-9;

#[derive(Deserialize)]
struct ClassCase {
    name: String,
    num_classes: usize,
    labels: Vec<usize>,
    logits: Vec<f32>,
    figures: BTreeMap<String, f64>,
    temperature: Option<TemperatureFit>,
    #[serde(default)]
    draws: usize,
    #[serde(default)]
    seed: u64,
    #[serde(default)]
    intervals: BTreeMap<String, [f64; 2]>,
}

#[derive(Deserialize)]
struct LabelCase {
    name: String,
    targets: Vec<bool>,
    probabilities: Vec<f32>,
    thresholds: Vec<f64>,
    losses: Vec<f64>,
    figures: BTreeMap<String, f64>,
    #[serde(default)]
    draws: usize,
    #[serde(default)]
    seed: u64,
    #[serde(default)]
    intervals: BTreeMap<String, [f64; 2]>,
}

#[derive(Deserialize)]
struct Test {
    b: usize,
    c: usize,
    exact: f64,
    mid: f64,
    chi2: f64,
    p_chi2: f64,
}

#[derive(Deserialize)]
struct Paired {
    num_classes: usize,
    labels: Vec<usize>,
    first: Vec<usize>,
    second: Vec<usize>,
    draws: usize,
    seed: u64,
    accuracy: [f64; 2],
    accuracy_interval: [f64; 2],
    macro_f1: [f64; 2],
    macro_f1_interval: [f64; 2],
}

#[derive(Deserialize)]
struct Comparisons {
    mcnemar: Vec<Test>,
    paired: Paired,
}

fn assert_close(what: &str, found: f64, expected: f64) {
    assert!((found - expected).abs() <= TOLERANCE, "{what}: {found} is not {expected}");
}

/// The same names, and for each the same value.
fn assert_figures(case: &str, found: &[Figure], expected: &BTreeMap<String, f64>) {
    let mut names: Vec<&str> = found.iter().map(|figure| figure.name.as_ref()).collect();
    names.sort_unstable();
    assert_eq!(names, expected.keys().map(String::as_str).collect::<Vec<_>>(), "{case}");
    for figure in found {
        assert_close(&format!("{case}: {}", figure.name), figure.value, expected[figure.name.as_ref()]);
    }
}

/// The same intervals; a figure that is undefined in most draws has none.
fn assert_intervals(case: &str, found: &[Figure], expected: &BTreeMap<String, [f64; 2]>) {
    for Figure { name, interval, .. } in found {
        match (interval, expected.get(name.as_ref())) {
            (Some(found), Some(expected)) => {
                for (found, expected) in found.iter().zip(expected) {
                    assert_close(&format!("{case}: an end of {name}"), *found, *expected);
                }
            }
            (found, expected) => assert_eq!(found.as_ref(), expected, "{case}: {name}"),
        }
    }
}

#[test]
fn figures_of_classes_are_those_of_scikit_learn() {
    let text = include_str!("../../../tests/fixtures/metrics/classes.json");
    let cases: Vec<ClassCase> = serde_json::from_str(text).expect("written by the script");
    assert_eq!(cases.iter().filter(|case| case.draws > 0).count(), 3);
    for case in cases {
        let scores = ClassScores::new(case.num_classes, &case.labels, &case.logits);
        assert_figures(&case.name, &scores.figures(), &case.figures);
        if case.draws > 0 {
            assert_intervals(&case.name, &scores.figures_of_draws(case.draws, case.seed), &case.intervals);
        }
        let found = fit_temperature(case.num_classes, &case.labels, &case.logits);
        assert_eq!(found.is_some(), case.temperature.is_some(), "{}: {found:?}", case.name);
        if let (Some(found), Some(expected)) = (found, case.temperature) {
            let numbers =
                |fit: TemperatureFit| [fit.temperature, fit.nll_before, fit.nll_after, fit.ece_before, fit.ece_after];
            for (found, expected) in numbers(found).into_iter().zip(numbers(expected)) {
                assert_close(&format!("{}: temperature", case.name), found, expected);
            }
        }
    }
}

#[test]
fn figures_of_labels_are_those_of_scikit_learn() {
    let text = include_str!("../../../tests/fixtures/metrics/labels.json");
    let cases: Vec<LabelCase> = serde_json::from_str(text).expect("written by the script");
    for case in &cases {
        let LabelCase { name, targets, probabilities, thresholds, losses, .. } = case;
        let scores = LabelScores::new(RowsOfLabels { probabilities, targets, thresholds, losses });
        assert_figures(name, &scores.figures(), &case.figures);
        if case.draws > 0 {
            assert_intervals(name, &scores.figures_of_draws(case.draws, case.seed), &case.intervals);
        }
        let names: Vec<String> = (0..thresholds.len()).map(|label| label.to_string()).collect();
        for figure in evaluate_multi_label(&names, probabilities, targets, thresholds).figures() {
            assert_close(&format!("{name}: {}", figure.name), figure.value, case.figures[figure.name.as_ref()]);
        }
    }
}

#[test]
fn comparisons_are_those_of_scipy() {
    let text = include_str!("../../../tests/fixtures/metrics/compare.json");
    let Comparisons { mcnemar: tests, paired } = serde_json::from_str(text).expect("written by the script");
    for test in tests {
        let right = [vec![(true, false); test.b], vec![(false, true); test.c]].concat();
        let found = mcnemar(&right);
        let what = format!("{} and {}", test.b, test.c);
        assert_close(&what, found.p_exact, test.exact);
        assert_close(&what, found.p_mid, test.mid);
        assert_close(&what, found.chi2, test.chi2);
        assert_close(&what, found.p_chi2, test.p_chi2);
    }
    let runs = paired.labels.iter().zip(&paired.first).zip(&paired.second);
    let rows: Vec<PairedClass> = runs.map(|((&label, &first), &second)| PairedClass { label, first, second }).collect();
    let right: Vec<(bool, bool)> = rows.iter().map(|row| (row.first == row.label, row.second == row.label)).collect();
    let accuracy = compare_accuracy(&right, paired.draws, paired.seed).expect("there are rows");
    let f1 = compare_macro_f1(paired.num_classes, &rows, paired.draws, paired.seed).expect("there are rows");
    let numbers = |found: Difference| [found.first, found.second, found.interval[0], found.interval[1]];
    let of_accuracy = [paired.accuracy, paired.accuracy_interval].concat();
    let of_f1 = [paired.macro_f1, paired.macro_f1_interval].concat();
    for (found, expected) in [(accuracy, of_accuracy), (f1, of_f1)] {
        for (found, expected) in numbers(found).into_iter().zip(expected) {
            assert_close("paired bootstrap", found, expected);
        }
    }
}

/// Rows of three classes: labels and logits.
fn any_rows() -> impl Strategy<Value = Vec<(usize, [f32; 3])>> {
    let logit = || (-8_i8..8).prop_map(|eighths| f32::from(eighths) / 2.0);
    prop::collection::vec((0_usize..3, [logit(), logit(), logit()]), 1..30)
}

fn split(rows: &[(usize, [f32; 3])]) -> (Vec<usize>, Vec<f32>) {
    (rows.iter().map(|row| row.0).collect(), rows.iter().flat_map(|row| row.1).collect())
}

proptest! {
    #[test]
    fn figures_are_finite_and_in_their_bounds(rows in any_rows()) {
        let (labels, logits) = split(&rows);
        let scores = ClassScores::new(3, &labels, &logits);
        for figure in scores.figures_of_draws(20, 1) {
            let [least, most] = match figure.name.as_ref() {
                "loss" => [0.0, f64::INFINITY],
                "brier_score" => [0.0, 2.0],
                "matthews_correlation" | "cohen_kappa" => [-1.0, 1.0],
                _ => [0.0, 1.0],
            };
            let ends = figure.interval.unwrap_or([figure.value; 2]);
            for value in [figure.value, ends[0], ends[1]] {
                prop_assert!(value.is_finite() && value >= least - 1e-12 && value <= most + 1e-12, "{:?}", figure);
            }
            prop_assert!(ends[0] <= ends[1]);
        }
        let calibration = scores.calibration(Some(2.0), true);
        prop_assert_eq!(calibration.bins.iter().map(|bin| bin.num_rows).sum::<usize>(), rows.len());
        prop_assert_eq!(calibration.coverage[0].num_sure, rows.len());
        prop_assert!(calibration.coverage.windows(2).all(|pair| pair[1].num_sure <= pair[0].num_sure));
        if let Some(fit) = calibration.fitted {
            prop_assert!(fit.nll_after <= fit.nll_before + 1e-12);
        }
    }

    #[test]
    fn the_order_of_the_rows_changes_no_figure(rows in any_rows(), turn in 0_usize..30) {
        let mut turned = rows.clone();
        turned.reverse();
        let by = turn % rows.len();
        turned.rotate_left(by);
        let figures = |rows: &[(usize, [f32; 3])]| {
            let (labels, logits) = split(rows);
            let scores = ClassScores::new(3, &labels, &logits);
            (scores.figures(), scores.calibration(None, false).fitted.map(|fit| fit.temperature))
        };
        let ((one, temperature), (other, other_temperature)) = (figures(&rows), figures(&turned));
        prop_assert_eq!(one.len(), other.len());
        for (one, other) in one.iter().zip(&other) {
            prop_assert!(one.name == other.name && (one.value - other.value).abs() < 1e-12, "{:?} and {:?}", one, other);
        }
        prop_assert_eq!(temperature.is_some(), other_temperature.is_some());
        let distance = temperature.unwrap_or(1.0) - other_temperature.unwrap_or(1.0);
        prop_assert!(distance.abs() < 1e-6 * temperature.unwrap_or(1.0));
    }
}
