//! Models that give texts any number of labels: how their rows, figures and answers are shown.

use std::fmt::Write as _;

use hone_core::metrics::MultiLabelEvaluation;
use hone_core::task::multi_label::Prediction as Labels;
use hone_core::task::{DataReport, Evaluation, EvaluationDetail, Prediction, ReportDetail};
use hone_core::words::plural;
use serde_json::{Map, Value, json};

use super::{Answers, Detail, Inputs, TEXTS, View, texts_beside_labels};
use crate::inputs::{MAX_LISTED, bad_rows, headline, lengths, more, used_columns};
use crate::tables::{cut, figures_in_line};

/// Between the labels of a cell.
const SEPARATOR: char = ';';

pub(super) static VIEW: View = View {
    figures: &[
        "micro_f1",
        "macro_f1",
        "weighted_f1",
        "samples_f1",
        "micro_precision",
        "micro_recall",
        "macro_precision",
        "macro_recall",
        "subset_accuracy",
        "hamming_loss",
        "average_precision",
        "loss",
    ],
    report,
    line: |evaluation| figures_in_line(evaluation, &["loss", "micro_f1", "macro_f1", "average_precision"]),
    detail: Detail::Below(table),
    answers: Some(Answers {
        inputs: Inputs::Rows { file: TEXTS, choose: texts_beside_labels },
        columns: |labels| ["labels".to_owned()].into_iter().chain(labels.iter().cloned()).collect(),
        cells,
        fields,
    }),
};

fn report(report: &DataReport) -> String {
    let mut lines = vec![headline(report, &used_columns(report))];
    let (mut num_unlabeled, mut num_conflicts) = (0, 0);
    if let ReportDetail::MultiLabel(detail) = &report.detail {
        (num_unlabeled, num_conflicts) = (detail.num_unlabeled, detail.num_conflicts);
        let mut labels: Vec<_> = detail.labels.iter().collect();
        labels.sort_by_key(|label| std::cmp::Reverse(label.count));
        let shown = labels.iter().take(MAX_LISTED).map(|label| format!("{} {}", cut(&label.label), label.count));
        let shown = shown.collect::<Vec<_>>().join(", ");
        let separator = match detail.separator {
            Some(separator) => format!("; labels are separated by {separator:?} (--label-separator chooses another)"),
            None => String::new(),
        };
        lines.push(format!("  {}: {shown}{}{separator}", plural(labels.len(), "label"), more(labels.len())));
    }
    lines.extend(lengths(report));
    lines.push(format!(
        "  rows without text: {}; rows without a label: {num_unlabeled}; repeats of another row: {}; repeats with other \
         labels: {num_conflicts}; validation or test rows that are also training rows: {}",
        report.num_empty, report.num_duplicates, report.num_leaks
    ));
    lines.extend(bad_rows(report));
    lines.join("\n")
}

fn figures(evaluation: &Evaluation) -> Option<&MultiLabelEvaluation> {
    match &evaluation.detail {
        EvaluationDetail::MultiLabel(detail) => Some(&detail.evaluation),
        _ => None,
    }
}

/// The table of the labels, each with the threshold it was measured at.
fn table(evaluation: &Evaluation) -> String {
    let mut out = String::new();
    let Some(figures) = figures(evaluation) else { return out };
    let mut line = |text: &str| writeln!(out, "{}", text.trim_end()).expect("writing to a string does not fail");
    let names: Vec<String> = figures.per_label.iter().map(|label| cut(&label.label)).collect();
    let width = names.iter().map(|name| name.chars().count()).max().unwrap_or(0).max("label".len());
    line("");
    line(&format!("  {:<width$}  precision  recall      f1  average precision  threshold   rows", "label"));
    for (name, label) in names.iter().zip(&figures.per_label) {
        let Some(average_precision) = label.average_precision else {
            line(&format!("  {name:<width$}  no rows{:>48.4}", label.threshold));
            continue;
        };
        line(&format!(
            "  {name:<width$}  {:>9.4}  {:>6.4}  {:>6.4}  {average_precision:>17.4}  {:>9.4}  {:>5}",
            label.precision, label.recall, label.f1, label.threshold, label.support
        ));
    }
    out
}

fn answer(prediction: &Prediction) -> Option<&Labels> {
    match prediction {
        Prediction::MultiLabel(prediction) => Some(prediction),
        _ => None,
    }
}

/// The labels that are given.
fn given(prediction: &Labels, labels: &[String]) -> Vec<String> {
    prediction.given().into_iter().filter_map(|id| labels.get(id).cloned()).collect()
}

/// Names in one cell, as they can be read again: a list where one of them holds what separates them.
fn join(given: &[String]) -> String {
    let is_plain = |label: &String| !label.contains(SEPARATOR) && !label.starts_with('[');
    match given.iter().all(is_plain) {
        true => given.join(&SEPARATOR.to_string()),
        false => json!(given).to_string(),
    }
}

fn cells(prediction: &Prediction, labels: &[String]) -> Vec<String> {
    let Some(prediction) = answer(prediction) else { return Vec::new() };
    let probabilities = prediction.probabilities.iter().map(|p| format!("{p:.6}"));
    [join(&given(prediction, labels))].into_iter().chain(probabilities).collect()
}

fn fields(prediction: &Prediction, labels: &[String]) -> Map<String, Value> {
    let Some(prediction) = answer(prediction) else { return Map::new() };
    let by_label = |values: Vec<Value>| Value::Object(labels.iter().cloned().zip(values).collect());
    Map::from_iter([
        ("labels".to_owned(), json!(given(prediction, labels))),
        ("probabilities".to_owned(), by_label(prediction.probabilities.iter().map(|p| json!(p)).collect())),
        ("thresholds".to_owned(), by_label(prediction.thresholds.iter().map(|t| json!(t)).collect())),
    ])
}

#[cfg(test)]
mod tests {
    use hone_core::metrics::{Figure, evaluate_multi_label};
    use hone_core::task::multi_label;

    use super::*;
    use crate::tables::{evaluation, evaluation_json};

    fn owned(names: &[&str]) -> Vec<String> {
        names.iter().map(|&name| name.to_owned()).collect()
    }

    #[test]
    fn labels_stand_in_a_table_with_their_thresholds() {
        let labels = owned(&["late", "rude", "never"]);
        let probabilities = [0.9_f32, 0.6, 0.1, 0.2, 0.5, 0.1];
        let targets = [true, false, false, true, true, false];
        let found = evaluate_multi_label(&labels, &probabilities, &targets, &[0.5, 0.55, 0.5]);
        let figures = [Figure::lower("loss", 0.25)].into_iter().chain(found.figures()).collect();
        let detail = multi_label::EvaluationDetail { evaluation: found.clone(), best: found };
        let found = Evaluation { figures, num_rows: 2, detail: EvaluationDetail::MultiLabel(Box::new(detail)) };
        let text = evaluation("test", &found, "this file");
        let expected = "
  label  precision  recall      f1  average precision  threshold   rows
  late      1.0000  0.5000  0.6667             1.0000     0.5000      2
  rude      0.0000  0.0000  0.0000             0.5000     0.5500      1
  never  no rows                                          0.5000
";
        assert!(text.starts_with("test: 2 rows\n  micro f1"), "{text}");
        assert!(text.ends_with(expected), "{text}");
        assert!((VIEW.line)(&found).starts_with("loss 0.2500  micro f1 0.4000  macro f1 0.3333"), "{text}");
        let json = evaluation_json(&found);
        assert_eq!(json["evaluation"]["per_label"][1]["threshold"], json!(0.55));
    }

    #[test]
    fn answers_have_the_labels_whose_probability_reaches_their_threshold() {
        let labels = owned(&["a", "b;c", "d"]);
        let answer = |thresholds: [f64; 3]| {
            let prediction = Labels { probabilities: vec![0.5, 0.25, 0.75], thresholds: thresholds.to_vec() };
            Prediction::MultiLabel(prediction)
        };
        let answers = VIEW.answers.as_ref().expect("it answers");
        assert_eq!((answers.columns)(&labels), owned(&["labels", "a", "b;c", "d"]));
        let plain = answer([0.5; 3]);
        assert_eq!((answers.cells)(&plain, &labels), owned(&["a;d", "0.500000", "0.250000", "0.750000"]));
        let tuned = answer([0.75, 0.25, 0.75]);
        assert_eq!((answers.cells)(&tuned, &labels)[0], "[\"b;c\",\"d\"]");
        let fields = (answers.fields)(&tuned, &labels);
        assert_eq!((&fields["labels"], &fields["thresholds"]["a"]), (&json!(["b;c", "d"]), &json!(0.75)));
        assert_eq!(fields["probabilities"]["b;c"], json!(0.25));
        assert_eq!((answers.cells)(&answer([0.9; 3]), &labels)[0], "", "there may be none");
    }
}
