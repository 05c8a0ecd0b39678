//! How good a run is, as tables: figures before and after training with their intervals, figures of each label, which labels are
//! taken for which, how far probabilities can be believed, what thresholds leave, and the rows that are most wrong.

use std::cmp::Reverse;

use serde_json::{Map, Value};

use super::frame::{Cell, escape, paragraph, table};
use super::log::MeasuredSplit;
use super::training::{spec_of, title_of};
use super::writing;
use crate::event::Split;
use crate::metrics::{CoveragePoint, Figure, ReliabilityBin};
use crate::task::{Evaluation, EvaluationDetail, FigureSpec, Unit, WorstRow};
use crate::words::{count, plural, significant};

/// Labels of a confusion matrix at most; of more the commonest confusions are listed.
const MAX_MATRIX: usize = 20;

/// Confusions that are listed.
const MAX_CONFUSIONS: usize = 30;

/// Every so many thresholds one is shown.
const COVERAGE_STRIDE: usize = 10;

/// A figure in its unit.
pub(super) fn figure_text(unit: Unit, value: f64) -> String {
    match unit {
        Unit::Share => percent(value),
        Unit::Percent => percent(value / 100.0),
        Unit::Score => format!("{value:.3}"),
        Unit::Number => significant(value),
    }
}

fn percent(share: f64) -> String {
    format!("{:.1} %", share * 100.0)
}

/// `60 test rows`.
pub(super) fn rows_of(split: Split, num_rows: usize) -> String {
    plural(num_rows, &format!("{} row", split.words()))
}

/// The figures that are shown first: title, value, and between which values it lies.
pub(super) fn headline(evaluation: &Evaluation) -> Vec<(String, String, String)> {
    let is_first = |figure: &&Figure| spec_of(evaluation, &figure.name).is_none_or(FigureSpec::is_headline);
    let shown = |figure: &Figure| {
        let unit = unit_of(evaluation, &figure.name);
        (title_of(evaluation, &figure.name), figure_text(unit, figure.value), interval_text(unit, figure.interval))
    };
    evaluation.figures.iter().filter(is_first).map(shown).collect()
}

fn unit_of(evaluation: &Evaluation, name: &str) -> Unit {
    spec_of(evaluation, name).map_or(Unit::Number, |spec| spec.unit)
}

/// Between which values a figure lies; empty where that is not measured.
pub(super) fn interval_text(unit: Unit, interval: Option<[f64; 2]>) -> String {
    match interval {
        // Every draw of the rows gave the same.
        Some([low, high]) if low == high => "not known".to_owned(),
        Some([low, high]) => format!("{} to {}", figure_text(unit, low), figure_text(unit, high)),
        None => String::new(),
    }
}

/// All that was measured after the run: of each split the figures before and after, and what is said of the newest besides.
pub(super) fn section(measured: &[&MeasuredSplit]) -> String {
    let mut html = String::new();
    for split in [Split::Test, Split::Valid, Split::Train] {
        let of = |before: bool| measured.iter().find(|one| one.split == split && one.before_training == before);
        let sides = [of(true), of(false)];
        let [before, after] = sides.map(|side| side.map(|one| &one.evaluation));
        let Some(shown) = after.or(before) else { continue };
        html.push_str(&format!("<h3>{}</h3>\n", escape(&capital(&rows_of(split, shown.num_rows)))));
        html.push_str(&before_and_after(before, after, shown));
        html.push_str(&paragraph("soft", &shown.missing_intervals().join(". ")));
        html.push_str(&details("", shown));
        html.push_str(&writing::section(sides.map(|side| side.and_then(|one| one.writing.as_ref()))));
    }
    if !html.is_empty() {
        html.push_str(&paragraph(
            "soft",
            "Between the values of an interval lies what 95 % of a thousand draws of the same rows, with replacement, gave.",
        ));
    }
    html
}

/// A sentence with a capital.
pub(super) fn capital(text: &str) -> String {
    let mut letters = text.chars();
    letters.next().map_or_else(String::new, |first| first.to_uppercase().chain(letters).collect())
}

fn before_and_after(before: Option<&Evaluation>, after: Option<&Evaluation>, shown: &Evaluation) -> String {
    let baseline = shown.baseline();
    let row = |figure: &Figure| {
        let unit = unit_of(shown, &figure.name);
        let text =
            |value: Option<f64>| Cell::number(value.map_or_else(|| "–".to_owned(), |value| figure_text(unit, value)));
        let of = |evaluation: Option<&Evaluation>| text(evaluation.and_then(|one| one.figure(&figure.name)));
        let least = baseline.as_ref().map(|baseline| {
            text(baseline.figures.iter().find(|(name, _)| *name == figure.name).map(|(_, value)| *value))
        });
        let mut cells = vec![Cell::text(&title_of(shown, &figure.name))];
        cells.extend(least);
        cells.extend([of(before), of(after), Cell::number(interval_text(unit, figure.interval))]);
        cells
    };
    let rows: Vec<Vec<Cell>> = shown.figures.iter().map(row).collect();
    let always = baseline.as_ref().map(|baseline| format!("Always “{}”", baseline.answer));
    let heads = [""].into_iter().chain(always.as_deref()).chain(["Before", "After", "95 % between"]);
    let told = baseline.as_ref().map(|baseline| format!("“{}” is {}.", baseline.answer, baseline.reason));
    table(&heads.collect::<Vec<_>>(), &rows) + &paragraph("soft", &told.unwrap_or_default())
}

/// What an evaluation says besides its figures; of several tasks each under its name.
fn details(part: &str, evaluation: &Evaluation) -> String {
    if let EvaluationDetail::Several(detail) = &evaluation.detail {
        return detail.parts.iter().map(|(name, evaluation)| details(name, evaluation)).collect();
    }
    let title = |words: &str| if part.is_empty() { words.to_owned() } else { format!("{words}, {part}") };
    let under = |words: &str, content: String| match content.is_empty() {
        true => String::new(),
        false => format!("<h3>{}</h3>\n{content}", escape(&title(words))),
    };
    let labels = under("Each label", per_label(evaluation));
    let bins = under("How far probabilities can be believed", reliability(evaluation.detail.reliability_bins()));
    let Some(classes) = evaluation.detail.classes() else { return labels + &bins };
    let names: Vec<&str> = classes.per_class.iter().map(|class| class.label.as_str()).collect();
    let confusion = under("Which label is taken for which", confusion(&names, &classes.confusion));
    let points = classes.calibration.as_ref().map_or(&[][..], |found| found.coverage.as_slice());
    let coverage = under("Answers that are sure enough", coverage(points));
    let temperature = classes.calibration.as_ref().and_then(|found| found.applied).map(|fit| {
        let words = format!(
            "The model leaves with the temperature {}, found on the validation rows: with it the expected calibration error of these \
             rows is {:.3} instead of {:.3}.",
            significant(fit.temperature),
            fit.ece_after,
            fit.ece_before
        );
        paragraph("soft", &words)
    });
    let notes: String = classes.notes.iter().map(|note| paragraph("soft", note)).collect();
    [labels, confusion, bins, temperature.unwrap_or_default(), coverage, notes].concat()
}

fn per_label(evaluation: &Evaluation) -> String {
    let row = |label: crate::metrics::ClassMetrics| {
        vec![
            Cell::text(&label.label),
            Cell::number(percent(label.precision)),
            Cell::number(percent(label.recall)),
            Cell::number(format!("{:.3}", label.f1)),
            Cell::number(count(label.support)),
        ]
    };
    let rows: Vec<Vec<Cell>> = evaluation.detail.per_label().into_iter().map(row).collect();
    table(&["", "Precision", "Recall", "F1", "Rows"], &rows)
}

/// A matrix of few labels, else the commonest confusions. Rows are true labels, columns predicted ones.
fn confusion(names: &[&str], counts: &[Vec<u32>]) -> String {
    if names.len() > MAX_MATRIX {
        return commonest_confusions(names, counts);
    }
    let row = |(name, counts): (&&str, &Vec<u32>)| {
        let all: u32 = counts.iter().sum();
        let cell = |&number: &u32| Cell::shaded(count(number as usize), f64::from(number) / f64::from(all.max(1)));
        [Cell::text(name)].into_iter().chain(counts.iter().map(cell)).collect::<Vec<_>>()
    };
    let rows: Vec<Vec<Cell>> = names.iter().zip(counts).map(row).collect();
    let heads: Vec<&str> = ["true \\ predicted"].into_iter().chain(names.iter().copied()).collect();
    table(&heads, &rows)
}

fn commonest_confusions(names: &[&str], counts: &[Vec<u32>]) -> String {
    let mut wrong: Vec<(u32, &str, &str)> = Vec::new();
    for (label, counts) in names.iter().zip(counts) {
        let of_label = names.iter().zip(counts).filter(|(predicted, number)| **number > 0 && *predicted != label);
        wrong.extend(of_label.map(|(predicted, number)| (*number, *label, *predicted)));
    }
    wrong.sort_by_key(|wrong| Reverse(wrong.0));
    let rows = wrong.into_iter().take(MAX_CONFUSIONS).map(|(number, label, predicted)| {
        vec![Cell::text(label), Cell::text(predicted), Cell::number(count(number as usize))]
    });
    table(&["True", "Predicted", "Rows"], &rows.collect::<Vec<_>>())
}

fn reliability(bins: &[ReliabilityBin]) -> String {
    let filled = bins.iter().filter(|bin| bin.num_rows > 0);
    let row = |bin: &ReliabilityBin| {
        vec![
            Cell::text(&format!("{:.0} to {:.0} %", bin.low * 100.0, bin.high * 100.0)),
            Cell::number(count(bin.num_rows)),
            Cell::number(percent(bin.mean_probability)),
            Cell::number(percent(bin.accuracy)),
        ]
    };
    table(&["Probability", "Answers", "Mean probability", "Right"], &filled.map(row).collect::<Vec<_>>())
}

fn coverage(points: &[CoveragePoint]) -> String {
    let row = |point: &CoveragePoint| {
        vec![
            Cell::number(percent(point.threshold)),
            Cell::number(percent(point.coverage())),
            Cell::number(point.accuracy().map_or_else(|| "–".to_owned(), percent)),
        ]
    };
    let rows: Vec<Vec<Cell>> = points.iter().step_by(COVERAGE_STRIDE).map(row).collect();
    table(&["At least so sure", "Rows that are answered", "Of these right"], &rows)
}

/// The rows that are most wrong with the trained weights, of the split that says most.
pub(super) fn worst(measured: &[&MeasuredSplit]) -> String {
    let of = |split: Split| measured.iter().find(|one| !one.before_training && one.split == split);
    let Some(shown) = of(Split::Test).or_else(|| of(Split::Valid)).filter(|one| !one.worst.is_empty()) else {
        return String::new();
    };
    type Column = (&'static str, fn(&WorstRow) -> &str);
    let columns: [Column; 5] = [
        ("Task", |row| &row.part),
        ("Text", |row| &row.text),
        ("In the file", |row| &row.expected),
        ("Predicted", |row| &row.predicted),
        ("", |row| &row.note),
    ];
    // There are no tasks to tell apart, and no texts in a log that lies beside a model.
    let is_filled = |(_, of): &Column| shown.worst.iter().any(|row| !of(row).is_empty());
    let columns: Vec<Column> = columns.into_iter().filter(is_filled).collect();
    let row = |row: &WorstRow| {
        let cells = columns.iter().map(|(_, of)| Cell::written(of(row)));
        [Cell::number(count(row.row))].into_iter().chain(cells).collect::<Vec<_>>()
    };
    let rows: Vec<Vec<Cell>> = shown.worst.iter().map(row).collect();
    let heads = ["Row"].into_iter().chain(columns.iter().map(|(head, _)| *head));
    let words = format!("Of the {} rows, the worst first.", shown.split.words());
    paragraph("soft", &words) + &table(&heads.collect::<Vec<_>>(), &rows)
}

/// Numbers by name, of a run that has nothing else to say.
pub(super) fn by_name(results: &Map<String, Value>) -> String {
    let rows = results.iter().map(|(name, value)| {
        let value = value.as_f64().map_or_else(|| value.to_string(), significant);
        vec![Cell::text(name), Cell::number(value)]
    });
    table(&["", "Value"], &rows.collect::<Vec<_>>())
}
