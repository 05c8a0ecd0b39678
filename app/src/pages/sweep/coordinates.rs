//! The trials of a sweep as parallel coordinates: an axis for each setting that is tried, one for the figure, a line for each trial.
//! Plain values in and out; what draws them knows no sweeps.

use crate::charts::{ParallelAxis, ParallelLine};
use crate::format;
use crate::state::sweep::TrialRow;

/// Ticks of an axis at most: with more values only its ends are written.
const MAX_TICKS: usize = 6;

/// Characters of a value at an axis.
const MAX_CHARS: usize = 12;

/// From where on values lie by their orders of magnitude: the largest is so many times the smallest.
const ORDERS: f64 = 10.0;

/// Axes and lines of trials; `None` where there is nothing to compare. `values` are of each setting its name and the value of each
/// trial, `title` is the name of the figure, and `words` writes it.
pub(super) fn coordinates(
    values: &[(String, Vec<String>)],
    rows: &[TrialRow],
    title: &str,
    words: &dyn Fn(f64) -> String,
) -> Option<(Vec<ParallelAxis>, Vec<ParallelLine>)> {
    if values.is_empty() || rows.len() < 2 {
        return None;
    }
    let (mut axes, places): (Vec<ParallelAxis>, Vec<Vec<f64>>) =
        values.iter().map(|(name, values)| axis_of(name, values)).unzip();
    let means: Vec<f64> = rows.iter().filter_map(|row| row.mean).collect();
    let low = means.iter().copied().reduce(f64::min);
    let high = means.iter().copied().reduce(f64::max).filter(|high| Some(*high) != low);
    let ticks = low.into_iter().chain(high).map(|value| (value, words(value))).collect();
    axes.push(ParallelAxis { name: title.to_owned(), ticks, is_log: false });
    let line = |row: &TrialRow| {
        let settings = places.iter().map(|places| places.get(row.trial).copied());
        let class = match (row.is_best, row.is_over) {
            (true, _) => "s1",
            (false, true) => "s2",
            (false, false) => "faint",
        };
        ParallelLine { class, values: settings.chain([row.mean]).collect() }
    };
    Some((axes, rows.iter().map(line).collect()))
}

/// The axis of a setting, and where each trial lies on it: numbers by their value, words one after the other.
fn axis_of(name: &str, values: &[String]) -> (ParallelAxis, Vec<f64>) {
    let numbers: Option<Vec<f64>> =
        values.iter().map(|value| value.parse().ok().filter(|number: &f64| number.is_finite())).collect();
    let mut distinct: Vec<&String> = Vec::new();
    for value in values {
        if !distinct.contains(&value) {
            distinct.push(value);
        }
    }
    let place = |value: &String| distinct.iter().position(|own| *own == value).unwrap_or(0) as f64;
    let places = numbers.clone().unwrap_or_else(|| values.iter().map(place).collect());
    let mut ticks: Vec<(f64, String)> = Vec::new();
    for (value, place) in values.iter().zip(&places) {
        if ticks.iter().all(|tick| tick.0 != *place) {
            ticks.push((*place, format::shortened(value, MAX_CHARS)));
        }
    }
    ticks.sort_by(|a, b| a.0.total_cmp(&b.0));
    let ends = (ticks.first().map(|tick| tick.0), ticks.last().map(|tick| tick.0));
    let is_log = numbers.is_some() && matches!(ends, (Some(low), Some(high)) if low > 0.0 && high / low >= ORDERS);
    if ticks.len() > MAX_TICKS && numbers.is_some() {
        let last = ticks.pop();
        ticks.truncate(1);
        ticks.extend(last);
    }
    (ParallelAxis { name: name.to_owned(), ticks, is_log }, places)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(trial: usize, mean: Option<f64>, is_best: bool, is_over: bool) -> TrialRow {
        let (settings, runs, state) = (String::new(), String::new(), String::new());
        TrialRow { trial, is_best, is_over, settings, mean, std_dev: None, interval: None, runs, state }
    }

    fn texts(values: &[&str]) -> Vec<String> {
        values.iter().map(|value| (*value).to_owned()).collect()
    }

    #[test]
    fn numbers_lie_by_their_value_and_words_one_after_the_other() {
        let (rate, places) = axis_of("Learning rate", &texts(&["1e-3", "1e-5", "1e-3"]));
        assert!(rate.is_log && places == [1e-3, 1e-5, 1e-3]);
        assert_eq!(rate.ticks, [(1e-5, "1e-5".to_owned()), (1e-3, "1e-3".to_owned())]);
        let (size, _) = axis_of("Batch size", &texts(&["8", "16"]));
        assert!(!size.is_log);
        let (weights, places) = axis_of("Class weights", &texts(&["none", "balanced", "none"]));
        assert_eq!((places, weights.is_log, weights.ticks[1].1.as_str()), (vec![0.0, 1.0, 0.0], false, "balanced"));
        let many: Vec<String> = (1..=9).map(|value| value.to_string()).collect();
        let (many, _) = axis_of("Epochs", &many);
        assert_eq!(many.ticks, [(1.0, "1".to_owned()), (9.0, "9".to_owned())]);
    }

    #[test]
    fn each_trial_is_a_line_to_its_figure() {
        let values = [("Batch size".to_owned(), texts(&["8", "16", "32"]))];
        let rows = [row(2, Some(0.75), true, true), row(0, Some(0.5), false, true), row(1, None, false, false)];
        let words = |value: f64| format!("{value:.2}");
        let (axes, lines) = coordinates(&values, &rows, "accuracy", &words).expect("three trials");
        assert_eq!((axes.len(), axes[1].name.as_str()), (2, "accuracy"));
        assert_eq!(axes[1].ticks, [(0.5, "0.50".to_owned()), (0.75, "0.75".to_owned())]);
        assert_eq!(lines[0], ParallelLine { class: "s1", values: vec![Some(32.0), Some(0.75)] });
        assert_eq!(lines[2], ParallelLine { class: "faint", values: vec![Some(16.0), None] });
        assert!(coordinates(&[], &rows, "accuracy", &words).is_none(), "folds alone have no settings");
        assert!(coordinates(&values, &rows[..1], "accuracy", &words).is_none());
    }
}
