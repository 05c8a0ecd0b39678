//! Models that turn texts into vectors: how their rows and figures are shown.

use hone_core::task::sentence_embedding::LabelCount;
use hone_core::task::{DataReport, Evaluation, EvaluationDetail, ReportDetail};
use hone_core::words::plural;

use super::{Detail, View};
use crate::inputs::{MAX_LISTED, bad_rows, headline, lengths, more, used_columns};
use crate::tables::{cut, figures_in_line};

const FIGURES: &[&str] =
    &["recall_at_1", "recall_at_10", "mrr", "triplet_accuracy", "spearman", "pearson", "nearest_accuracy", "loss"];

pub(super) static VIEW: View = View {
    figures: FIGURES,
    report,
    line: |evaluation| figures_in_line(evaluation, &["loss", "recall_at_1", "mrr", "spearman", "nearest_accuracy"]),
    detail: Detail::Below(below),
};

fn report(report: &DataReport) -> String {
    let ReportDetail::SentenceEmbedding(detail) = &report.detail else {
        return headline(report, &used_columns(report));
    };
    let mut lines = vec![headline(report, &format!("{}; {}", detail.shape.describe(), used_columns(report)))];
    if !detail.labels.is_empty() {
        let mut labels: Vec<&LabelCount> = detail.labels.iter().collect();
        labels.sort_by_key(|label| std::cmp::Reverse(label.count));
        let shown = labels.iter().take(MAX_LISTED).map(|label| format!("{} {}", cut(&label.label), label.count));
        let shown = shown.collect::<Vec<_>>().join(", ");
        lines.push(format!("  {}: {shown}{}", plural(labels.len(), "label"), more(labels.len())));
    }
    if let Some([lowest, highest]) = detail.scores {
        lines.push(format!("  scores: {lowest} to {highest}"));
    }
    lines.extend(lengths(report));
    lines.push(format!(
        "  rows in which something is empty: {}; repeats of another row: {}; repeats with another score or label: {}; \
         validation or test rows that are also training rows: {}",
        report.num_empty, report.num_duplicates, detail.num_conflicts, report.num_leaks
    ));
    lines.extend(bad_rows(report));
    lines.join("\n")
}

/// How similar texts are that belong together, and others; and among how many rows was looked.
fn below(evaluation: &Evaluation) -> String {
    let EvaluationDetail::SentenceEmbedding(detail) = &evaluation.detail else { return String::new() };
    let mut out = String::new();
    let means = [("that belong together", detail.similarity_of_same), ("that do not", detail.similarity_of_others)];
    let means: Vec<String> =
        means.iter().filter_map(|(which, mean)| mean.map(|mean| format!("{mean:.4} of texts {which}"))).collect();
    if !means.is_empty() {
        out.push_str(&format!("\n  mean similarity: {}\n", means.join(", ")));
    }
    if detail.num_neighbours > 0 {
        out.push_str(&format!(
            "  nearest accuracy: by the {} most similar of the other measured rows\n",
            detail.num_neighbours
        ));
    }
    if detail.num_compared > 0 && detail.num_compared < evaluation.num_rows {
        out.push_str(&format!("  looked for among {}, spread over all\n", plural(detail.num_compared, "row")));
    }
    out
}

#[cfg(test)]
mod tests {
    use hone_core::metrics::Figure;
    use hone_core::task::sentence_embedding::{EvaluationDetail as Detail, RowShape};
    use serde_json::json;

    use super::*;
    use crate::tables::{evaluation, evaluation_json};

    fn measured(shape: RowShape, figures: Vec<Figure>, num_compared: usize) -> Evaluation {
        let num_neighbours = if shape == RowShape::LabeledTexts { 5 } else { 0 };
        let (similarity_of_same, similarity_of_others) = (Some(0.75), Some(0.25));
        let detail = Detail { shape, num_compared, num_neighbours, similarity_of_same, similarity_of_others };
        Evaluation { figures, num_rows: 9, detail: EvaluationDetail::SentenceEmbedding(Box::new(detail)) }
    }

    #[test]
    fn only_what_was_measured_is_shown() {
        let figures = vec![Figure::lower("loss", 0.5), Figure::higher("recall_at_1", 0.25), Figure::higher("mrr", 0.5)];
        let found = measured(RowShape::Pairs, figures, 9);
        let expected = "\
test: 9 rows
  recall at 1       0.2500
  mrr               0.5000
  loss              0.5000

  mean similarity: 0.7500 of texts that belong together, 0.2500 of texts that do not
";
        assert_eq!(evaluation("test", &found, "this file"), expected);
        assert_eq!((VIEW.line)(&found), "loss 0.5000  recall at 1 0.2500  mrr 0.5000");
        assert_eq!(evaluation_json(&found)["similarity_of_same"], json!(0.75));
    }

    #[test]
    fn what_was_looked_at_is_said() {
        let found = measured(RowShape::LabeledTexts, vec![Figure::higher("nearest_accuracy", 0.5)], 4);
        let text = evaluation("test", &found, "this file");
        assert!(text.contains("nearest accuracy: by the 5 most similar of the other measured rows"), "{text}");
        assert!(text.ends_with("looked for among 4 rows, spread over all\n"), "{text}");
    }
}
