//! Models that write texts: how their rows and figures are shown.

use hone_core::config::DataShape;
use hone_core::task::{DataReport, Evaluation, EvaluationDetail, ReportDetail};
use hone_core::words::plural;

use super::token_figures::{FIGURES, line};
use super::{Detail, View};
use crate::inputs::{MAX_LISTED, bad_rows, headline, rows_are, used_columns};

pub(super) static VIEW: View = View { figures: FIGURES, report, line, detail: Detail::OneLine(one_line) };

fn one_line(evaluation: &Evaluation) -> String {
    let tokens = match &evaluation.detail {
        EvaluationDetail::CausalLm(detail) => format!("  over {} tokens", detail.num_tokens),
        _ => String::new(),
    };
    format!("{}{tokens}", line(evaluation))
}

fn report(report: &DataReport) -> String {
    let ReportDetail::CausalLm(detail) = &report.detail else { return headline(report, &used_columns(report)) };
    let columns = used_columns(report);
    let columns = if columns.is_empty() { columns } else { format!("; {columns}") };
    let mut lines = vec![headline(report, &format!("{}{columns}", detail.shape.name()))];
    let num_passages: usize = report.num_encoded.iter().sum();
    if detail.shape == DataShape::Text && num_passages != report.num_usable {
        lines.push(format!("  long texts are cut into {}", plural(num_passages, "passage")));
    }
    lines.push(format!(
        "  tokens: {} in all, it learns from {}; {:.0} a row on average, {} at most; {} cut at {}",
        detail.num_tokens,
        detail.num_loss_tokens,
        report.lengths.mean,
        report.lengths.max,
        rows_are(report.num_truncated),
        report.max_seq_length
    ));
    if let Some(format) = &detail.prompt_format {
        let guess = if detail.is_prompt_format_guessed { " (a guess; --prompt-format chooses)" } else { "" };
        lines.push(format!("  prompt and answer are joined {}{guess}", format.describe()));
    }
    lines.extend(bad_rows(report));
    for cut in detail.cut_rows.iter().take(MAX_LISTED) {
        lines.push(format!("  row {}: {}", cut.row, cut.reason));
    }
    if detail.cut_rows.len() > MAX_LISTED {
        let all = detail.num_prompt_cut + detail.num_lost_completion;
        lines.push(format!("  {all} rows are too long and are shortened"));
    }
    lines.join("\n")
}

#[cfg(test)]
mod tests {
    use hone_core::metrics::TokenAccumulator;
    use hone_core::task::causal_lm;
    use serde_json::json;

    use super::*;
    use crate::tables;

    fn measured(loss: f64) -> Evaluation {
        let mut sums = TokenAccumulator::new();
        sums.add(9.0 * loss, 5, 9);
        let found = sums.finish();
        let detail = causal_lm::EvaluationDetail { num_tokens: found.num_tokens };
        Evaluation { figures: found.figures(), num_rows: 2, detail: EvaluationDetail::CausalLm(Box::new(detail)) }
    }

    #[test]
    fn figures_of_tokens_are_one_line() {
        let line = tables::evaluation("rows.txt", &measured(1.0), "this file");
        assert_eq!(line, "rows.txt: loss 1.0000  perplexity 2.72  token accuracy 0.5556  over 9 tokens\n");
        let mut in_full = measured(1.0);
        in_full.figures[1].interval = Some([2.5, 3.0]);
        in_full.figures[2].interval = Some([5.0 / 9.0; 2]);
        let below = "  perplexity       2.7183  95 % between 2.5000 and 3.0000
  token accuracy   0.5556  the same in every draw of these rows: no interval is known
  Loss has no interval: it is undefined in most draws of these rows
";
        assert_eq!(tables::evaluation("rows.txt", &in_full, "this file"), format!("{line}{below}"));
    }

    #[test]
    fn before_stands_beside_after() {
        let expected = "\
general text          before      tuned     change
  loss                1.0000     2.0000    +1.0000
  perplexity          2.7183     7.3891    +4.6708
  token accuracy      0.5556     0.5556    +0.0000
";
        assert_eq!(tables::comparison("general text", &measured(1.0), &measured(2.0)), expected);
    }

    #[test]
    fn json_has_the_figures_by_name() {
        let json = tables::evaluation_json(&measured(1.0));
        assert_eq!((&json["loss"], &json["num_tokens"], &json["num_rows"]), (&json!(1.0), &json!(9), &json!(2)));
    }
}
