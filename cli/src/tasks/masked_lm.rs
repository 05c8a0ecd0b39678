//! Models that fill in blanks: how their texts and figures are shown.

use hone_core::event::Split;
use hone_core::task::{DataReport, Evaluation, EvaluationDetail, ReportDetail};
use hone_core::words::plural;

use super::token_figures::{FIGURES, line};
use super::{Detail, View};
use crate::inputs::{bad_rows, headline, used_columns};

pub(super) static VIEW: View = View { figures: FIGURES, report, line, detail: Detail::OneLine(one_line) };

fn one_line(evaluation: &Evaluation) -> String {
    let tokens = match &evaluation.detail {
        EvaluationDetail::MaskedLm(detail) => format!("  over {} hidden tokens", detail.num_tokens),
        _ => String::new(),
    };
    format!("{}{tokens}", line(evaluation))
}

fn report(report: &DataReport) -> String {
    let num_tokens = match &report.detail {
        ReportDetail::MaskedLm(detail) => detail.num_tokens,
        _ => 0,
    };
    let mut lines = vec![match report.format {
        Some(_) => headline(report, &used_columns(report)),
        None => format!("data: {}: plain text", report.file_name),
    }];
    let splits = [Split::Train, Split::Valid, Split::Test].into_iter().zip(report.num_encoded);
    let splits = splits.filter(|(_, count)| *count > 0).map(|(split, count)| format!("{count} {}", split.words()));
    lines.push(format!(
        "  {} of at most {} tokens ({}), {} in all",
        plural(report.num_encoded.iter().sum(), "passage"),
        report.max_seq_length,
        splits.collect::<Vec<_>>().join(", "),
        plural(num_tokens, "token")
    ));
    lines.extend(bad_rows(report));
    lines.join("\n")
}

#[cfg(test)]
mod tests {
    use hone_core::metrics::TokenAccumulator;
    use hone_core::task::masked_lm;

    use super::*;
    use crate::tables;
    use crate::tasks::fixtures;

    #[test]
    fn figures_of_hidden_tokens_are_one_line() {
        let mut sums = TokenAccumulator::new();
        sums.add(9.0, 5, 9);
        let found = sums.finish();
        let detail = masked_lm::EvaluationDetail { num_tokens: found.num_tokens };
        let detail = EvaluationDetail::MaskedLm(Box::new(detail));
        let measured = Evaluation { figures: found.figures(), num_rows: 2, detail };
        let line = tables::evaluation("rows.txt", &measured, "this file");
        assert_eq!(line, "rows.txt: loss 1.0000  perplexity 2.72  token accuracy 0.5556  over 9 hidden tokens\n");
    }

    #[test]
    fn a_text_is_counted_in_passages() {
        let detail = masked_lm::ReportDetail { num_tokens: 500, preview: Vec::new() };
        let found = DataReport {
            num_rows: 3,
            num_usable: 3,
            split_sizes: [1, 1, 1],
            num_encoded: [8, 1, 1],
            max_seq_length: 64,
            ..fixtures::report("sea.txt", ReportDetail::MaskedLm(Box::new(detail)))
        };
        let passages = "10 passages of at most 64 tokens (8 training, 1 validation, 1 test), 500 tokens in all";
        assert_eq!(report(&found), format!("data: sea.txt: plain text\n  {passages}"));
    }
}
