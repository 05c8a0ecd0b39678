//! Models that give texts any number of labels: how their rows and figures are shown.

use hone_core::metrics::MultiLabelEvaluation;
use hone_core::task::{DataReport, Evaluation, EvaluationDetail, ReportDetail};
use hone_core::words::plural;

use super::{Detail, View};
use crate::inputs::{MAX_LISTED, bad_rows, headline, lengths, more, used_columns};
use crate::tables::{cut, figures_in_line, push_line};

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
        "weighted_precision",
        "weighted_recall",
        "roc_auc",
        "weighted_roc_auc",
        "brier_score",
        "expected_calibration_error",
    ],
    report,
    line: |evaluation| figures_in_line(evaluation, &["loss", "micro_f1", "macro_f1", "average_precision"]),
    detail: Detail::Below(table),
};

fn report(report: &DataReport) -> String {
    let mut lines = vec![headline(report, &used_columns(report))];
    let (mut num_unlabeled, mut num_to_label, mut num_conflicts) = (0, 0, 0);
    if let ReportDetail::MultiLabel(detail) = &report.detail {
        (num_unlabeled, num_to_label, num_conflicts) =
            (detail.num_unlabeled, detail.num_to_label, detail.num_conflicts);
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
        "  rows without text: {}; rows with none of the labels: {num_unlabeled}; repeats of another row: {}; repeats with other \
         labels: {num_conflicts}; validation or test rows that are also training rows: {}",
        // Rows that wait for their labels lack something, too, and are told of below.
        report.num_empty.saturating_sub(num_to_label),
        report.num_duplicates,
        report.num_leaks
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
    let mut line = |text: &str| push_line(&mut out, text);
    let names: Vec<String> = figures.per_label.iter().map(|label| cut(&label.label)).collect();
    let width = names.iter().map(|name| name.chars().count()).max().unwrap_or(0).max("label".len());
    figures.notes.iter().for_each(|note| line(&format!("  {note}")));
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

#[cfg(test)]
mod tests {
    use hone_core::metrics::{Figure, evaluate_multi_label};
    use hone_core::task::multi_label;
    use serde_json::json;

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
        let detail = multi_label::EvaluationDetail { evaluation: found.clone(), best: found, bins: Vec::new() };
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
        assert!(
            text.contains("\n  Average precision is the mean over the labels that have rows: 1 label of 3 left out\n"),
            "{text}"
        );
        assert!((VIEW.line)(&found).starts_with("loss 0.2500  micro f1 0.4000  macro f1 0.3333"), "{text}");
        let json = evaluation_json(&found);
        assert_eq!(json["evaluation"]["per_label"][1]["threshold"], json!(0.55));
        assert!(json["notes"].is_array() && json["evaluation"].get("notes").is_none(), "{json}");
    }
}
