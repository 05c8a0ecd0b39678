//! How far the probabilities of labels can be believed: a reliability diagram, the temperature, and a threshold below which an
//! answer is unsure, with what it leaves.

use hone_core::metrics::{Calibration, CoveragePoint, Evaluation, ReliabilityBin};
use leptos::prelude::*;

use crate::charts::{ShareLine, shares};
use crate::components::Button;
use crate::format;
use crate::state::Store;

/// The panels of an evaluation; nothing where no probabilities were measured. A threshold can be chosen once something `is_tuned`:
/// it leaves with the trained model.
pub(super) fn panels(store: Store, figures: &Evaluation, is_tuned: bool) -> Option<AnyView> {
    let calibration = figures.calibration.as_ref()?;
    if calibration.bins.is_empty() {
        return None;
    }
    let notes = figures.notes.iter().map(|note| view! { <p class="hint">{format!("{note}.")}</p> }.into_any());
    let threshold = is_tuned.then(|| threshold(store, calibration.coverage.clone()));
    let view = view! {
        {notes.collect_view()}
        <div class="columns">{reliability(calibration)} {threshold}</div>
    };
    Some(view.into_any())
}

/// The reliability diagram, as the model is and with the temperature, and what it says in words.
fn reliability(calibration: &Calibration) -> AnyView {
    let words = temperature_words(calibration);
    view! {
        <div class="panel">
            <h3>"Can its probabilities be believed?"</h3>
            {diagram(&calibration.bins, &calibration.bins_applied, "answers")}
            <p data-testid="temperature">{words}</p>
        </div>
    }
    .into_any()
}

/// The same where rows have several labels: each pair of a row and a label has a probability of its own, and no temperature.
pub(super) fn reliability_of_labels(bins: &[ReliabilityBin]) -> Option<AnyView> {
    let panel = || {
        view! {
            <div class="panel">
                <h3>"Can its probabilities be believed?"</h3>
                {diagram(bins, &[], "labels of rows")}
                <p class="hint">
                    "Each label of each row counts, whether the row has it or not. Instead of a temperature each label has a \
                     threshold of its own."
                </p>
            </div>
        }
        .into_any()
    };
    (!bins.is_empty()).then(panel)
}

/// The diagram with what it says; `what` has a probability.
fn diagram(bins: &[ReliabilityBin], applied: &[ReliabilityBin], what: &str) -> AnyView {
    let line = |class, name, bins: &[ReliabilityBin]| ShareLine { class, name, points: points(bins), has_dots: true };
    let mut lines = vec![line("s1", "as the model is", bins)];
    if !applied.is_empty() {
        lines.push(line("s3", "with the temperature", applied));
    }
    let words = bins_words(bins, what);
    let label = format!("Reliability diagram. {words}");
    view! {
        {shares("reliability", ["probability", "share that is right"], &lines, true, label)}
        <p class="hint">
            "On the dashed line, of what has a probability of 80 % also 80 % are right. Below it the model is too sure of itself, \
             above it too careful."
        </p>
        <p class="hint">{words}</p>
    }
    .into_any()
}

/// The bins that have rows, as points.
fn points(bins: &[ReliabilityBin]) -> Vec<(f64, f64)> {
    bins.iter().filter(|bin| bin.num_rows > 0).map(|bin| (bin.mean_probability, bin.accuracy)).collect()
}

/// The bin with the most rows in words: what a diagram says to those who do not see it.
fn bins_words(bins: &[ReliabilityBin], what: &str) -> String {
    let Some(most) = bins.iter().max_by_key(|bin| bin.num_rows).filter(|bin| bin.num_rows > 0) else {
        return "There are no rows.".into();
    };
    format!(
        "Most {what} ({}) have a probability from {} to {}: on average {}, and {} of them are right.",
        format::count(most.num_rows),
        format::percent(most.low),
        format::percent(most.high),
        format::percent(most.mean_probability),
        format::percent(most.accuracy)
    )
}

/// What the temperature is and does.
fn temperature_words(calibration: &Calibration) -> String {
    let of_error = |before: f64, after: f64| {
        format!("the expected calibration error on these rows goes from {before:.3} to {after:.3}")
    };
    match (&calibration.applied, &calibration.fitted) {
        (Some(fit), _) => format!(
            "Temperature {:.2}, found on the validation rows: logits are divided by it where the model answers here and in hone \
             predict, and {}. No label changes by that, and no other figure on this page: they are those of the model as it \
             is.",
            fit.temperature,
            of_error(fit.ece_before, fit.ece_after)
        ),
        (None, Some(fit)) => format!(
            "A temperature of {:.2} would suit these rows best: {}. A run takes one from its validation rows where they are 50 or more.",
            fit.temperature,
            of_error(fit.ece_before, fit.ece_after)
        ),
        (None, None) => "No temperature was found: on these rows the likelihood only grows, whichever way it is changed. That is so \
                         where all answers are right, or none."
            .into(),
    }
}

/// A handle for the probability below which answers are unsure, what it leaves, and the curve of all.
fn threshold(store: Store, table: Vec<CoveragePoint>) -> AnyView {
    let curve: Vec<(f64, f64)> =
        table.iter().rev().filter_map(|point| Some((point.coverage(), point.accuracy()?))).collect();
    let line = ShareLine { class: "s1", name: "accuracy", points: curve, has_dots: false };
    let label = format!("Accuracy against the share of rows that are answered. {}", curve_words(&table));
    let below = curve_words(&table);
    let chosen = move || store.unsure_below();
    let words = move || table.get(place(chosen())).map(threshold_words).unwrap_or_default();
    let on_reset = Callback::new(move |()| store.choose_unsure_below(None));
    let has_none = Signal::derive(move || chosen().is_none());
    view! {
        <div class="panel">
            <h3>"Leave unsure rows to a person"</h3>
            {shares("coverage", ["rows that are answered", "of these right"], &[line], false, label)}
            <p class="hint">{below}</p>
            <label class="field">
                <span>"Unsure below a probability of, in percent"</span>
                <input
                    type="range"
                    min="0"
                    max="99"
                    step="1"
                    data-testid="unsure-below"
                    aria-valuetext=words.clone()
                    prop:value=move || place(chosen()).to_string()
                    on:input=move |event| {
                        let percent: Option<f64> = event_target_value(&event).parse().ok();
                        store.choose_unsure_below(percent.map(|percent| percent / 100.0));
                    }
                />
            </label>
            <p data-testid="unsure-words">{words}</p>
            <div class="row">
                <Button id="unsure-reset" text="No threshold" disabled=has_none on_press=on_reset />
            </div>
            <p class="hint">
                "The threshold leaves with the export: Try marks answers below it, and hone predict has a column for them."
            </p>
        </div>
    }
    .into_any()
}

/// Where a threshold stands in the table, whose points are a hundredth apart.
fn place(threshold: Option<f64>) -> usize {
    (threshold.unwrap_or(0.0) * 100.0).round().clamp(0.0, 99.0) as usize
}

fn threshold_words(point: &CoveragePoint) -> String {
    let CoveragePoint { threshold, num_sure, num_rows, .. } = *point;
    if threshold == 0.0 {
        return format!("No threshold: all {} are answered.", format::plural(num_rows, "row"));
    }
    let left = num_rows - num_sure;
    let right = match point.accuracy() {
        Some(accuracy) => format!("of the other {}, {} are right", format::count(num_sure), format::percent(accuracy)),
        None => "none is answered".into(),
    };
    format!(
        "Below {:.0} %: {} of {} ({}) are left to a person; {right}.",
        threshold * 100.0,
        format::count(left),
        format::plural(num_rows, "row"),
        format::percent(1.0 - point.coverage())
    )
}

/// The least that is left to a person for nearly all answers to be right, in words.
fn curve_words(table: &[CoveragePoint]) -> String {
    const GOAL: f64 = 0.95;
    let Some(all) = table.first().filter(|point| point.num_rows > 0) else { return "There are no rows.".into() };
    let accuracy = all.accuracy().unwrap_or(0.0);
    if accuracy >= GOAL {
        return format!("With all rows answered {} are right.", format::percent(accuracy));
    }
    let reached = table.iter().find(|point| point.accuracy().is_some_and(|accuracy| accuracy >= GOAL));
    match reached {
        Some(point) => format!(
            "With all rows answered {} are right; {} are where {} of the rows are answered, those from {:.0} % on.",
            format::percent(accuracy),
            format::percent(point.accuracy().unwrap_or(0.0)),
            format::percent(point.coverage()),
            point.threshold * 100.0
        ),
        None => format!(
            "With all rows answered {} are right; no threshold brings it to {}.",
            format::percent(accuracy),
            format::percent(GOAL)
        ),
    }
}

#[cfg(test)]
mod tests {
    use hone_core::metrics::{ClassScores, TemperatureFit};

    use super::*;

    fn point(threshold: f64, num_sure: usize, num_right: usize) -> CoveragePoint {
        CoveragePoint { threshold, num_sure, num_right, num_rows: 90 }
    }

    #[test]
    fn a_threshold_says_what_it_leaves() {
        assert_eq!(threshold_words(&point(0.0, 90, 80)), "No threshold: all 90 rows are answered.");
        let expected = "Below 70 %: 12 of 90 rows (13.3 %) are left to a person; of the other 78, 97.4 % are right.";
        assert_eq!(threshold_words(&point(0.7, 78, 76)), expected);
        assert!(threshold_words(&point(0.99, 0, 0)).ends_with("(100.0 %) are left to a person; none is answered."));
        assert_eq!([None, Some(0.29), Some(0.99), Some(2.0)].map(place), [0, 29, 99, 99]);
    }

    #[test]
    fn the_curve_is_told_in_a_sentence() {
        let table = [point(0.0, 90, 81), point(0.5, 80, 75), point(0.8, 60, 58)];
        let expected = "With all rows answered 90.0 % are right; 96.7 % are where 66.7 % of the rows are answered, those from 80 % on.";
        assert_eq!(curve_words(&table), expected);
        assert_eq!(
            curve_words(&table[..2]),
            "With all rows answered 90.0 % are right; no threshold brings it to 95.0 %."
        );
        assert_eq!(curve_words(&[point(0.0, 90, 90)]), "With all rows answered 100.0 % are right.");
        assert_eq!(curve_words(&[]), "There are no rows.");
    }

    #[test]
    fn the_temperature_is_said_wherever_it_comes_from() {
        let scores = ClassScores::new(2, &[0, 1, 1], &[3.0, 0.0, 1.0, 0.0, 0.0, 2.0]);
        let found = scores.calibration(Some(2.0), true);
        let words = temperature_words(&found);
        assert!(words.starts_with("Temperature 2.00, found on the validation rows: ") && words.contains(" goes from "));
        assert!(
            bins_words(&found.bins, "answers").starts_with("Most answers (1) have a probability from "),
            "{:?}",
            found.bins
        );
        assert_eq!(points(&found.bins).len(), 3);
        let without = Calibration { applied: None, ..found.clone() };
        let TemperatureFit { temperature, .. } = found.fitted.expect("there is a minimum");
        let expected = format!("A temperature of {temperature:.2} would suit these rows best: ");
        assert!(temperature_words(&without).starts_with(&expected), "{}", temperature_words(&without));
        let none = Calibration { fitted: None, ..without };
        assert!(temperature_words(&none).starts_with("No temperature was found"));
    }
}
