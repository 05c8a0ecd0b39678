//! Models that predict numbers: how their rows and figures are shown.

use hone_core::metrics::OutputMetrics;
use hone_core::task::regression::{EvaluationDetail as Numbers, NumberRange};
use hone_core::task::{DataReport, Evaluation, EvaluationDetail, ReportDetail};

use super::{Detail, View};
use crate::inputs::{MAX_LISTED, bad_rows, headline, lengths, more, used_columns};
use crate::tables::{cut, figures_in_line, push_line};

/// Name of the baseline in tables.
const MEAN: &str = "always the mean";

pub(super) static VIEW: View = View {
    figures: &["mse", "mae", "rmse", "r2", "pearson", "spearman", "loss"],
    report,
    line: |evaluation| figures_in_line(evaluation, &["loss", "mae", "pearson"]),
    detail: Detail::Below(tables),
};

fn report(report: &DataReport) -> String {
    let mut lines = vec![headline(report, &used_columns(report))];
    let mut num_conflicts = 0;
    if let ReportDetail::Regression(detail) = &report.detail {
        num_conflicts = detail.num_conflicts;
        let range = |output: &NumberRange| {
            let name = cut(&output.label);
            format!("  {name}: {} to {}, {:.4} on average", output.min, output.max, output.mean)
        };
        lines.extend(detail.outputs.iter().take(MAX_LISTED).map(range));
        if detail.outputs.len() > MAX_LISTED {
            lines.push(format!(" {} columns of numbers", more(detail.outputs.len())));
        }
    }
    lines.extend(lengths(report));
    lines.push(format!(
        "  rows without text or number: {}; repeats of another row: {}; repeats with another number: {num_conflicts}; \
         validation or test rows that are also training rows: {}",
        report.num_empty, report.num_duplicates, report.num_leaks
    ));
    lines.extend(bad_rows(report));
    lines.join("\n")
}

/// The figures of each number, where there are several, and of always answering with the mean.
fn tables(evaluation: &Evaluation) -> String {
    let mut out = String::new();
    let EvaluationDetail::Regression(detail) = &evaluation.detail else { return out };
    let Numbers { labels, evaluation, baseline } = &**detail;
    let labels: Vec<String> = labels.iter().map(|label| cut(label)).collect();
    for note in &evaluation.notes {
        push_line(&mut out, &format!("  {note}"));
    }
    let several = labels.len() > 1;
    if !several && baseline.is_none() {
        return out;
    }
    let names = labels.iter().map(|label| label.chars().count());
    let width = names.max().unwrap_or(0).max(MEAN.len());
    let mut line = |text: &str| push_line(&mut out, text);
    line("");
    line(&format!("  {:<width$}       mse       mae      rmse      r2  pearson  spearman", ""));
    let mut row = |name: &str, figures: &OutputMetrics| {
        let score = |value: Option<f64>| value.map_or_else(|| "–".to_owned(), |value| format!("{value:.4}"));
        line(&format!(
            "  {name:<width$}  {:>8.4}  {:>8.4}  {:>8.4}  {:>6}  {:>7}  {:>8}",
            figures.mse,
            figures.mae,
            figures.rmse,
            score(figures.r2),
            score(figures.pearson),
            score(figures.spearman)
        ));
    };
    if several {
        labels.iter().zip(&evaluation.per_output).for_each(|(label, figures)| row(label, figures));
    } else {
        row(&labels[0], &evaluation.mean);
    }
    if let Some(baseline) = baseline {
        row(MEAN, baseline);
    }
    out
}

#[cfg(test)]
mod tests {
    use hone_core::metrics::{Figure, evaluate_regression};

    use serde_json::json;

    use super::*;
    use crate::tables::{evaluation, evaluation_json};

    fn measured(labels: &[&str], predicted: &[f64], truth: &[f64], baseline: Option<OutputMetrics>) -> Evaluation {
        let found = evaluate_regression(predicted, truth, labels.len());
        let figures = [Figure::lower("loss", found.mean.mse)].into_iter().chain(found.figures()).collect();
        let labels = labels.iter().map(|&label| label.to_owned()).collect();
        let num_rows = found.num_rows;
        let detail = Numbers { labels, evaluation: found, baseline };
        Evaluation { figures, num_rows, detail: EvaluationDetail::Regression(Box::new(detail)) }
    }

    #[test]
    fn one_number_stands_above_always_answering_with_the_mean() {
        let baseline = evaluate_regression(&[2.0; 3], &[1.0, 2.0, 3.0], 1).mean;
        let found = measured(&["score"], &[1.0, 2.0, 4.0], &[1.0, 2.0, 3.0], Some(baseline));
        let text = evaluation("test", &found, "the training rows");
        let expected = "\
test: 3 rows
                    model  baseline     gain
  mse              0.3333    0.6667  +0.3333
  mae              0.3333    0.6667  +0.3333
  rmse             0.5774    0.8165  +0.2391
  r2               0.5000    0.0000  +0.5000
  pearson          0.9820
  spearman         1.0000
  loss             0.3333
  baseline: always \"the mean\", that of the training rows; gain: over the baseline

                        mse       mae      rmse      r2  pearson  spearman
  score              0.3333    0.3333    0.5774  0.5000   0.9820    1.0000
  always the mean    0.6667    0.6667    0.8165  0.0000        –         –
";
        assert_eq!(text, expected);
        assert_eq!((VIEW.line)(&found), "loss 0.3333  mae 0.3333  pearson 0.9820");
        assert_eq!(evaluation_json(&found)["evaluation"]["mean"]["mae"], json!(1.0 / 3.0));
        let alone = measured(&["score"], &[1.0], &[1.0], None);
        let notes = tables(&alone);
        assert!(notes.starts_with("  R² is undefined and left out: it takes two rows\n"), "{notes}");
        assert!(!notes.contains("mse"), "the figures above say the rest: {notes}");
        assert_eq!(evaluation_json(&alone)["notes"].as_array().map(Vec::len), Some(3));
    }

    #[test]
    fn several_numbers_have_a_line_each() {
        let found = measured(&["a", "b"], &[1.0, 0.0, 2.0, 0.0], &[1.0, 2.0, 2.0, 4.0], None);
        let lines = tables(&found);
        let line = |name: &str| lines.lines().find(|line| line.trim_start().starts_with(name)).map(str::to_owned);
        assert!(line("a ").is_some_and(|line| line.contains("0.0000  1.0000   1.0000")), "{lines}");
        assert!(line("b ").is_some_and(|line| line.contains("10.0000") && line.contains("–")), "{lines}");
        assert!(line("always").is_none(), "{lines}");
    }
}
