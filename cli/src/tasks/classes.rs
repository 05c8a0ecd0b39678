//! Classes, as the tasks show them that give one label to each row: how many rows each has, their figures, and answers with
//! a probability for each.

use std::fmt::Write as _;

use hone_core::metrics;
use hone_core::words::plural;
use serde_json::{Map, Value, json};

use crate::inputs::{MAX_LISTED, more};
use crate::tables::cut;

/// The figures of such a task, in the order of tables.
pub(super) const FIGURES: &[&str] = &["accuracy", "macro_precision", "macro_recall", "macro_f1", "loss"];

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
    let mut line = |text: &str| writeln!(out, "{}", text.trim_end()).expect("writing to a string does not fail");
    let labels: Vec<String> = figures.per_class.iter().map(|class| cut(&class.label)).collect();
    let width = labels.iter().map(|label| label.chars().count()).max().unwrap_or(0).max("class".len());
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

/// The label with the highest probability, the first of equals.
fn best<'a>(probabilities: &[f32], labels: &'a [String]) -> (&'a str, f32) {
    let higher = |best: usize, index: usize| if probabilities[index] > probabilities[best] { index } else { best };
    let best = (0..probabilities.len()).fold(0, higher);
    (labels.get(best).map_or("", String::as_str), probabilities.get(best).copied().unwrap_or(0.0))
}

/// Columns of an answer: the likeliest label, its probability, and that of each label.
pub(super) fn columns(labels: &[String]) -> Vec<String> {
    ["label", "probability"].map(str::to_owned).into_iter().chain(labels.iter().cloned()).collect()
}

/// Cells of an answer.
pub(super) fn cells(probabilities: &[f32], labels: &[String]) -> Vec<String> {
    let (label, probability) = best(probabilities, labels);
    let first = [label.to_owned(), format!("{probability:.6}")];
    first.into_iter().chain(probabilities.iter().map(|p| format!("{p:.6}"))).collect()
}

/// An answer as JSON.
pub(super) fn fields(probabilities: &[f32], labels: &[String]) -> Map<String, Value> {
    let (label, probability) = best(probabilities, labels);
    let all: Map<String, Value> = labels.iter().cloned().zip(probabilities.iter().map(|p| json!(p))).collect();
    Map::from_iter([
        ("label".to_owned(), json!(label)),
        ("probability".to_owned(), json!(probability)),
        ("probabilities".to_owned(), Value::Object(all)),
    ])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_names_the_likeliest_label() {
        let labels = ["no".to_owned(), "yes".to_owned()];
        let probabilities = [0.25, 0.75];
        assert_eq!(columns(&labels), ["label", "probability", "no", "yes"]);
        assert_eq!(cells(&probabilities, &labels), ["yes", "0.750000", "0.250000", "0.750000"]);
        let json = Value::Object(fields(&probabilities, &labels));
        assert_eq!((&json["label"], &json["probabilities"]["no"]), (&json!("yes"), &json!(0.25)));
    }

    #[test]
    fn classes_with_the_most_rows_come_first() {
        assert_eq!(counts(vec![("ham", 30), ("spam", 70)]), "  2 classes: spam 70, ham 30");
    }
}
