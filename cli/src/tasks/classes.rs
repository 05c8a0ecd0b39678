//! Classes, as the tasks show them that give one label to each row: how many rows each has, and their
//! figures.

use hone_core::metrics::{self, Calibration, CoveragePoint};
use hone_core::words::plural;

use crate::inputs::{MAX_LISTED, more};
use crate::tables::{cut, push_line};

/// The figures of such a task, in the order of tables.
pub(super) const FIGURES: &[&str] = &[
    "accuracy",
    "macro_precision",
    "macro_recall",
    "macro_f1",
    "loss",
    "weighted_precision",
    "weighted_recall",
    "weighted_f1",
    "matthews_correlation",
    "cohen_kappa",
    "roc_auc",
    "weighted_roc_auc",
    "average_precision",
    "top_3_accuracy",
    "top_5_accuracy",
    "brier_score",
    "expected_calibration_error",
];

/// Those that are said while a run goes on.
pub(super) const IN_LINE: &[&str] = &["loss", "accuracy", "macro_f1"];

/// A matrix of more classes is unreadable on a terminal; `--json` has it whole.
const MAX_MATRIX: usize = 20;

/// A line of the classes with their rows, those with the most first.
pub(super) fn counts(mut classes: Vec<(&str, usize)>) -> String {
    classes.sort_by_key(|(_, count)| std::cmp::Reverse(*count));
    let shown = classes.iter().take(MAX_LISTED).map(|(label, count)| format!("{} {count}", cut(label)));
    let shown = shown.collect::<Vec<_>>().join(", ");
    format!("  {}: {shown}{}", plural(classes.len(), "class"), more(classes.len()))
}

/// The table of the classes and, for few of them, the confusion matrix.
pub(super) fn tables(figures: &metrics::Evaluation) -> String {
    let mut out = String::new();
    let mut line = |text: &str| push_line(&mut out, text);
    let labels: Vec<String> = figures.per_class.iter().map(|class| cut(&class.label)).collect();
    let width = labels.iter().map(|label| label.chars().count()).max().unwrap_or(0).max("class".len());
    figures.notes.iter().for_each(|note| line(&format!("  {note}")));
    figures.calibration.iter().flat_map(calibration).for_each(|text| line(&text));
    line("");
    line(&format!("  {:<width$}  precision  recall      f1   rows", "class"));
    for (label, class) in labels.iter().zip(&figures.per_class) {
        if class.support == 0 {
            line(&format!("  {label:<width$}  no rows"));
            continue;
        }
        line(&format!(
            "  {label:<width$}  {:>9.4}  {:>6.4}  {:>6.4}  {:>5}",
            class.precision, class.recall, class.f1, class.support
        ));
    }
    line("");
    if labels.len() > MAX_MATRIX {
        line(&format!("  the confusion matrix of {} classes is in --json", labels.len()));
        return out;
    }
    line("  confusion matrix (a row is what it is, a column what was predicted)");
    let cells = figures.confusion.iter().flatten().map(|count| count.to_string().len());
    let cell = cells.max().unwrap_or(1).max(labels.len().to_string().len() + 1);
    let numbers = (1..=labels.len()).map(|n| format!("  {:>cell$}", format!("#{n}"))).collect::<String>();
    line(&format!("  {:>width$}  {:>cell$}{numbers}", "", ""));
    for (n, (label, row)) in labels.iter().zip(&figures.confusion).enumerate() {
        let counts = row.iter().map(|count| format!("  {count:>cell$}")).collect::<String>();
        line(&format!("  {label:<width$}  {:>cell$}{counts}", format!("#{}", n + 1)));
    }
    out
}

/// Thresholds that a terminal lists of the table of all, which `--json` has.
const SHOWN_THRESHOLDS: [f64; 6] = [0.5, 0.6, 0.7, 0.8, 0.9, 0.95];

/// How far probabilities can be believed, and what is left where unsure rows are left to a person.
fn calibration(calibration: &Calibration) -> Vec<String> {
    let mut lines = Vec::new();
    if let Some(fit) = &calibration.applied {
        lines.push(format!(
            "  logits are divided by {:.4}, which suits the validation rows best: here the loss goes from {:.4} to {:.4}, the \
             calibration error from {:.4} to {:.4}; no label changes",
            fit.temperature, fit.nll_before, fit.nll_after, fit.ece_before, fit.ece_after
        ));
    } else if let Some(fit) = &calibration.fitted {
        lines.push(format!(
            "  the temperature {:.4} would suit these rows best: calibration error {:.4} instead of {:.4}",
            fit.temperature, fit.ece_after, fit.ece_before
        ));
    }
    if calibration.coverage.is_empty() {
        return lines;
    }
    lines.push(String::new());
    lines.push("  unsure below  answered  right of these".to_owned());
    let is_shown = |point: &&CoveragePoint| SHOWN_THRESHOLDS.iter().any(|shown| (shown - point.threshold).abs() < 1e-9);
    lines.extend(calibration.coverage.iter().filter(is_shown).map(|point| {
        let right = point.accuracy().map_or_else(|| "no row".to_owned(), |accuracy| format!("{accuracy:.4}"));
        format!("  {:>12.2}  {:>8.4}  {right:>14}", point.threshold, point.coverage())
    }));
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_temperature_and_what_thresholds_leave_are_said() {
        let mut found = metrics::Confusion::new(&["no".to_owned(), "yes".to_owned()]).finish(0.5);
        let (labels, logits) = ([0, 1, 1], [3.0, 0.0, 1.0, 0.0, 0.0, 2.0]);
        let scores = metrics::ClassScores::new(2, &labels, &logits);
        found.notes = vec!["a note".to_owned()];
        found.calibration = Some(scores.calibration(Some(2.0), true));
        let text = tables(&found);
        assert!(
            text.starts_with("  a note\n  logits are divided by 2.0000, which suits the validation rows best"),
            "{text}"
        );
        let table = "
  unsure below  answered  right of these
          0.50    1.0000          0.6667
          0.60    1.0000          0.6667
          0.70    0.6667          1.0000
          0.80    0.3333          1.0000
          0.90    0.0000          no row
";
        assert!(text.contains(table), "{text}");
        found.calibration = Some(scores.calibration(None, false));
        assert!(tables(&found).contains("would suit these rows best") && !tables(&found).contains("unsure"));
    }

    #[test]
    fn classes_with_the_most_rows_come_first() {
        assert_eq!(counts(vec![("ham", 30), ("spam", 70)]), "  2 classes: spam 70, ham 30");
    }
}
