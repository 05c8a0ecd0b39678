//! Models that answer questions from a text: how their rows and figures are shown.

use hone_core::metrics::ExactAndF1;
use hone_core::task::question_answering::{Grouping, ReportDetail};
use hone_core::task::{DataReport, Evaluation, EvaluationDetail, ReportDetail as AnyDetail};
use hone_core::words::{count, plural};

use super::{Detail, View};
use crate::inputs::{bad_rows, headline, used_columns};
use crate::tables::{figures_in_line, push_line};

pub(super) static VIEW: View = View {
    figures: &["exact_match", "f1", "loss"],
    report,
    line: |evaluation| figures_in_line(evaluation, &["loss", "exact_match", "f1"]),
    detail: Detail::Below(tables),
};

fn report(report: &DataReport) -> String {
    let mut lines = vec![headline(report, &used_columns(report))];
    if let AnyDetail::QuestionAnswering(detail) = &report.detail {
        lines.extend(questions(report, detail));
    }
    lines.push(format!(
        "  rows without question, text or answer: {}; repeats of another row: {}; validation or test rows that are also \
         training rows: {}",
        report.num_empty, report.num_duplicates, report.num_leaks
    ));
    lines.extend(bad_rows(report));
    lines.join("\n")
}

fn questions(report: &DataReport, detail: &ReportDetail) -> Vec<String> {
    let mut parts = vec![format!("  {}", plural(detail.num_contexts, "text"))];
    if detail.num_no_answer > 0 {
        parts.push(format!("{} without an answer", plural(detail.num_no_answer, "question")));
    }
    if detail.num_sought > 0 {
        parts.push(format!("{} found by the text alone", plural(detail.num_sought, "answer")));
    }
    let grouped = match detail.grouping {
        Grouping::Article => Some("no article is in two splits"),
        Grouping::Context => Some("no text is in two splits"),
        Grouping::Question | Grouping::NotSplit => None,
    };
    parts.extend(grouped.map(str::to_owned));
    let mut lines = vec![parts.join("; ")];
    if detail.num_windows > 0 {
        lines.push(format!(
            "  tokens of question and text: {:.0} on average, {} at most; read in {} of at most {} tokens",
            report.lengths.mean,
            count(report.lengths.max),
            plural(detail.num_windows, "window"),
            report.max_seq_length
        ));
    }
    lines
}

/// Figures of questions with and without an answer, and the best thresholds.
fn tables(evaluation: &Evaluation) -> String {
    let mut out = String::new();
    let EvaluationDetail::QuestionAnswering(found) = &evaluation.detail else { return out };
    let mut line = |text: &str| push_line(&mut out, text);
    let squad = &found.squad;
    if let (Some(with), Some(without)) = (squad.has_answer, squad.no_answer) {
        line("");
        line("                       exact match        f1  questions");
        for (name, ExactAndF1 { exact_match, f1, total }) in [("with an answer", with), ("without an answer", without)]
        {
            line(&format!("  {name:<19}  {exact_match:>11.4}  {f1:>8.4}  {total:>9}"));
        }
    }
    line("");
    line(&format!(
        "  {} of {} answered with nothing; texts were read in {}",
        count(found.num_unanswered),
        plural(evaluation.num_rows, "question"),
        plural(found.num_windows, "window")
    ));
    if let (Some(best), Some(threshold)) = (squad.best, found.null_score_threshold) {
        line(&format!(
            "  at --null-score-threshold {threshold}; on these rows {:.4} would give the best exact match ({:.4}), {:.4} \
             the best f1 ({:.4})",
            best.exact_match_threshold, best.exact_match, best.f1_threshold, best.f1
        ));
    }
    out
}

#[cfg(test)]
mod tests {
    use hone_core::data::{Format, LengthHistogram};
    use hone_core::metrics::{SquadQuestion, evaluate_answers};
    use hone_core::task::question_answering::EvaluationDetail as Measured;

    use super::*;
    use crate::tables;
    use crate::tasks::fixtures;

    #[test]
    fn figures_of_questions_with_and_without_an_answer_stand_below() {
        let question = |answers: &[&str], prediction: &str| SquadQuestion {
            answers: answers.iter().map(ToString::to_string).collect(),
            prediction: prediction.into(),
        };
        let questions = [question(&["a"], "a"), question(&[], "b"), question(&[], "c")];
        let squad = evaluate_answers(&questions, Some(&[-3.0, 2.0, -1.0]), 0.0);
        let figures = squad.figures().into_iter().take(2).collect();
        let detail = Measured { squad, num_windows: 5, num_unanswered: 1, null_score_threshold: Some(0.0) };
        let detail = EvaluationDetail::QuestionAnswering(Box::new(detail));
        let expected = "\
dev: 3 rows
  exact match      66.6667
  f1               66.6667

                       exact match        f1  questions
  with an answer          100.0000  100.0000          1
  without an answer        50.0000   50.0000          2

  1 of 3 questions answered with nothing; texts were read in 5 windows
  at --null-score-threshold 0; on these rows -3.0000 would give the best exact match (100.0000), -3.0000 the best f1 \
(100.0000)
";
        let found = tables::evaluation("dev", &Evaluation { figures, num_rows: 3, detail }, "this file");
        assert_eq!(found, expected);
    }

    #[test]
    fn a_report_reads_well() {
        let detail = ReportDetail {
            num_contexts: 240,
            num_no_answer: 1,
            num_sought: 0,
            num_conflicts: 0,
            num_windows: 1300,
            grouping: Grouping::Article,
            is_nested: false,
            preview: Vec::new(),
        };
        let used = [("question", "question"), ("context", "context"), ("answers", "answers")];
        let report = DataReport {
            format: Some(Format::Json),
            has_header: true,
            used_columns: used.map(|(column, role)| (column.to_owned(), role.to_owned())).to_vec(),
            num_rows: 1190,
            num_usable: 1190,
            split_sizes: [950, 120, 120],
            num_encoded: [1040, 130, 130],
            lengths: LengthHistogram { bucket_width: 32, counts: Vec::new(), max: 1012, mean: 190.2 },
            max_seq_length: 384,
            ..fixtures::report("xquad.json", AnyDetail::QuestionAnswering(Box::new(detail)))
        };
        let expected = "\
data: xquad.json: 1190 of 1,190 rows are usable (950 training, 120 validation, 120 test); question \"question\", context \
\"context\", answers \"answers\"
  240 texts; 1 question without an answer; no article is in two splits
  tokens of question and text: 190 on average, 1,012 at most; read in 1,300 windows of at most 384 tokens
  rows without question, text or answer: 0; repeats of another row: 0; validation or test rows that are also training \
rows: 0";
        assert_eq!(super::report(&report), expected);
    }
}
