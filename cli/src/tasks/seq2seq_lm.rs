//! Models that turn one text into another: how their rows and figures are shown.

use hone_core::task::{DataReport, Evaluation, EvaluationDetail, ReportDetail};
use hone_core::words::plural;

use super::token_figures::{FIGURES, line};
use super::{Detail, View};
use crate::inputs::{bad_rows, headline, lengths, rows_are, used_columns};

pub(super) static VIEW: View = View { figures: FIGURES, report, line, detail: Detail::OneLine(one_line) };

fn one_line(evaluation: &Evaluation) -> String {
    let tokens = match &evaluation.detail {
        EvaluationDetail::Seq2seqLm(detail) => format!("  over {} tokens of targets", detail.num_tokens),
        _ => String::new(),
    };
    format!("{}{tokens}", line(evaluation))
}

fn report(report: &DataReport) -> String {
    let mut lines = vec![headline(report, &used_columns(report))];
    let ReportDetail::Seq2seqLm(detail) = &report.detail else { return lines.concat() };
    if !detail.source_prefix.is_empty() {
        lines.push(format!("  {:?} stands before every source", detail.source_prefix));
    }
    lines.extend(lengths(report));
    lines.push(format!(
        "  tokens a target: {:.0} on average, {} at most; {} cut off at {}",
        detail.target_lengths.mean,
        detail.target_lengths.max,
        rows_are(detail.num_targets_cut),
        detail.max_target_length
    ));
    lines.push(format!(
        "  {} of sources are read, {} of targets are learned",
        plural(detail.num_source_tokens, "token"),
        plural(detail.num_target_tokens, "token")
    ));
    lines.extend(bad_rows(report));
    lines.join("\n")
}

#[cfg(test)]
mod tests {
    use hone_core::data::{Format, LengthHistogram};
    use hone_core::metrics::TokenAccumulator;
    use hone_core::task::seq2seq_lm;

    use super::*;
    use crate::tables;
    use crate::tasks::fixtures;

    #[test]
    fn figures_of_targets_are_one_line() {
        let mut sums = TokenAccumulator::new();
        sums.add(9.0, 5, 9);
        let found = sums.finish();
        let detail = seq2seq_lm::EvaluationDetail { num_tokens: found.num_tokens };
        let detail = EvaluationDetail::Seq2seqLm(Box::new(detail));
        let line = tables::evaluation("rows.csv", &Evaluation { figures: found.figures(), num_rows: 2, detail }, "it");
        let expected = "rows.csv: loss 1.0000  perplexity 2.72  token accuracy 0.5556  over 9 tokens of targets\n";
        assert_eq!(line, expected);
    }

    #[test]
    fn sources_and_targets_are_said_each_with_its_limit() {
        let detail = seq2seq_lm::ReportDetail {
            source_prefix: "sum: ".into(),
            target_lengths: LengthHistogram::of(&[2, 9]),
            max_target_length: 8,
            num_targets_cut: 1,
            cut_targets: vec!["3".into()],
            num_conflicts: 0,
            num_source_tokens: 12,
            num_target_tokens: 10,
            preview: Vec::new(),
        };
        let used = [("article", "source"), ("highlights", "target")];
        let found = DataReport {
            format: Some(Format::Csv),
            delimiter: Some(','),
            has_header: true,
            used_columns: used.map(|(column, role)| (column.to_owned(), role.to_owned())).to_vec(),
            num_rows: 2,
            num_usable: 2,
            split_sizes: [2, 0, 0],
            num_encoded: [2, 0, 0],
            lengths: LengthHistogram::of(&[6, 6]),
            max_seq_length: 16,
            ..fixtures::report("rows.csv", ReportDetail::Seq2seqLm(Box::new(detail)))
        };
        let text = report(&found);
        let expected = [
            "data: rows.csv: 2 of 2 rows are usable (2 training); source \"article\", target \"highlights\"",
            "  \"sum: \" stands before every source",
            "  tokens a row: 6 on average, 6 at most; 0 rows are cut off at 16",
            "  tokens a target: 6 on average, 9 at most; 1 row is cut off at 8",
            "  12 tokens of sources are read, 10 tokens of targets are learned",
        ];
        for line in expected {
            assert!(text.lines().any(|found| found == line), "{line}: {text}");
        }
    }
}
