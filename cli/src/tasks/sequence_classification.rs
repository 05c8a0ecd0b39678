//! Models that give each text one label: how their rows and figures are shown.

use hone_core::task::{DataReport, Evaluation, EvaluationDetail, ReportDetail};

use super::{Detail, View, classes};
use crate::inputs::{bad_rows, headline, lengths, used_columns};
use crate::tables::figures_in_line;

pub(super) static VIEW: View = View {
    figures: classes::FIGURES,
    report,
    line: |evaluation| figures_in_line(evaluation, classes::IN_LINE),
    detail: Detail::Below(tables),
};

fn report(report: &DataReport) -> String {
    let mut lines = vec![headline(report, &used_columns(report))];
    let mut num_conflicts = 0;
    if let ReportDetail::SequenceClassification(detail) = &report.detail {
        num_conflicts = detail.num_conflicts;
        lines.push(classes::counts(detail.classes.iter().map(|class| (class.label.as_str(), class.count)).collect()));
    }
    lines.extend(lengths(report));
    lines.push(format!(
        "  rows without text or label: {}; repeats of another row: {}; repeats with another label: {num_conflicts}; \
         validation or test rows that are also training rows: {}",
        report.num_empty, report.num_duplicates, report.num_leaks
    ));
    lines.extend(bad_rows(report));
    lines.join("\n")
}

fn tables(evaluation: &Evaluation) -> String {
    match &evaluation.detail {
        EvaluationDetail::SequenceClassification(figures) => classes::tables(figures),
        _ => String::new(),
    }
}

#[cfg(test)]
mod tests {
    use hone_core::data::{Advice, AdviceKind, BadRow, Format, LengthHistogram};
    use hone_core::metrics::{self, Confusion};
    use hone_core::task::sequence_classification::{ClassCount, ReportDetail as Classes};
    use serde_json::json;

    use super::*;
    use crate::inputs::data_report;
    use crate::tables::{self, comparison, evaluation, evaluation_json};
    use crate::tasks::fixtures;

    fn figures(names: &[String], pairs: &[(usize, usize)]) -> metrics::Evaluation {
        let mut confusion = Confusion::new(names);
        pairs.iter().for_each(|(label, predicted)| confusion.add(*label, *predicted));
        confusion.finish(0.25)
    }

    fn whole(figures: metrics::Evaluation) -> Evaluation {
        Evaluation {
            figures: figures.figures(),
            num_rows: figures.num_rows,
            detail: EvaluationDetail::SequenceClassification(Box::new(figures)),
        }
    }

    fn measured(names: &[String], pairs: &[(usize, usize)]) -> Evaluation {
        whole(figures(names, pairs))
    }

    #[test]
    fn an_evaluation_reads_as_a_table() {
        let found = measured(&["ham".into(), "spam mail".into()], &[(0, 0), (0, 1), (1, 1), (1, 1)]);
        let expected = "\
test: 4 rows
  accuracy         0.7500
  macro precision  0.8333
  macro recall     0.7500
  macro f1         0.7333
  loss             0.2500
  more figures
    weighted precision    0.8333
    weighted recall       0.7500
    weighted f1           0.7333
    matthews correlation  0.5774
    cohen kappa           0.5000

  class      precision  recall      f1   rows
  ham           1.0000  0.5000  0.6667      2
  spam mail     0.6667  1.0000  0.8000      2

  confusion matrix (a row is what it is, a column what was predicted)
                 #1  #2
  ham        #1   1   1
  spam mail  #2   0   2
";
        assert_eq!(evaluation("test", &found, "the training rows"), expected);
        let mut wide = found.clone();
        wide.figures[1].interval = Some([0.25, 1.0]);
        let text = evaluation("test", &wide, "the training rows");
        assert!(text.contains("\n  accuracy         0.7500  95 % between 0.2500 and 1.0000\n"), "{text}");
        assert_eq!(evaluation_json(&wide)["intervals"], json!({ "accuracy": [0.25, 1.0] }));
        assert!(evaluation_json(&found).get("intervals").is_none());
        assert_eq!((VIEW.line)(&found), "loss 0.2500  accuracy 0.7500  macro f1 0.7333");
        let json = evaluation_json(&found);
        assert_eq!((&json["accuracy"], &json["num_rows"]), (&json!(0.75), &json!(4)));
        assert_eq!((&json["per_class"][1]["label"], &json["confusion"][0][1]), (&json!("spam mail"), &json!(1)));
    }

    #[test]
    fn the_baseline_stands_beside_the_figures_and_the_gain_is_over_it() {
        let names = ["ham".to_owned(), "spam".to_owned(), "phish".to_owned()];
        let mut tuned = figures(&names, &[(0, 0), (0, 1), (1, 1), (1, 1)]);
        tuned.set_baseline(1);
        let tuned = whole(tuned);
        let text = evaluation("test", &tuned, "this file");
        let expected = "\
test: 4 rows
                    model  baseline     gain
  accuracy         0.7500    0.5000  +0.2500
  macro precision  0.8333    0.2500  +0.5833
  macro recall     0.7500    0.5000  +0.2500
  macro f1         0.7333    0.3333  +0.4000
  loss             0.2500
  baseline: always \"spam\", the most frequent label of this file; gain: over the baseline
";
        assert!(text.starts_with(expected), "{text}");
        assert!(text.contains("\n  phish  no rows\n"), "{text}");
        let base = measured(&names, &[(0, 2), (0, 2), (1, 2), (1, 1)]);
        let text = comparison("test", &base, &tuned);
        let expected = "\
test                baseline     before      tuned       gain
  accuracy            0.5000     0.2500     0.7500    +0.2500
";
        assert!(text.starts_with(expected), "{text}");
        assert!(text.contains("\n  loss                           0.2500     0.2500\n"), "{text}");
        assert!(text.ends_with("the most frequent label of the training rows; gain: over the baseline\n"), "{text}");
    }

    #[test]
    fn before_stands_beside_after() {
        let names = ["a".to_owned(), "b".to_owned()];
        let text = comparison("test", &measured(&names, &[(0, 1), (1, 1)]), &measured(&names, &[(0, 0), (1, 1)]));
        assert!(text.contains("  accuracy            0.5000     1.0000    +0.5000\n"), "{text}");
    }

    #[test]
    fn many_classes_have_no_matrix() {
        let names: Vec<String> = (0..40).map(|n| format!("class {n}")).collect();
        let text = tables::evaluation("test", &measured(&names, &[(3, 3)]), "the training rows");
        assert!(text.contains("--json") && !text.contains("#1"), "{text}");
    }

    fn rows(detail: Classes) -> DataReport {
        let used = [("text", "text"), ("label", "label")];
        DataReport {
            format: Some(Format::Csv),
            delimiter: Some(','),
            has_header: true,
            columns: vec!["text".into(), "label".into()],
            used_columns: used.map(|(column, role)| (column.to_owned(), role.to_owned())).to_vec(),
            num_rows: 101,
            num_usable: 100,
            num_empty: 1,
            split_sizes: [90, 10, 0],
            num_encoded: [90, 10, 0],
            bad_rows: vec![BadRow { row: 7, reason: "there is no label".into() }],
            num_bad_rows: 1,
            lengths: LengthHistogram { bucket_width: 8, counts: vec![10, 90, 0], max: 40, mean: 12.4 },
            max_seq_length: 32,
            num_truncated: 3,
            warnings: vec!["few rows".into()],
            advice: vec![
                Advice {
                    kind: AdviceKind::SimilarLabels { labels: vec!["ham".into(), "Ham".into(), "hm".into()] },
                    message: "they look alike.".into(),
                },
                Advice { kind: AdviceKind::Imbalance, message: "few are ham.".into() },
            ],
            ..fixtures::report("mail.csv", ReportDetail::SequenceClassification(Box::new(detail)))
        }
    }

    fn class(label: &str, count: usize) -> ClassCount {
        ClassCount { label: label.into(), count }
    }

    #[test]
    fn a_report_reads_well() {
        let expected = "\
data: mail.csv: 100 of 101 rows are usable (90 training, 10 validation); text \"text\", label \"label\"
  2 classes: spam 70, ham 30
  tokens a row: 12 on average, 40 at most; 3 rows are cut off at 32
  lengths: ▁█ (8 tokens a bar)
  rows without text or label: 1; repeats of another row: 0; repeats with another label: 0; validation or test \
rows that are also training rows: 0
  row 7 is left out: there is no label
  warning: few rows
  advice: they look alike. (--merge-label \"Ham=ham\" --merge-label \"hm=ham\")
  advice: few are ham. (--class-weights balanced)";
        let classes = vec![class("ham", 30), class("spam", 70)];
        let detail = Classes { classes, num_conflicts: 0, num_unlabeled: 0, preview: Vec::new() };
        assert_eq!(data_report(&rows(detail)), expected);
    }

    #[test]
    fn many_classes_are_counted() {
        let classes = (0..15).map(|n| class(&n.to_string(), 1)).collect();
        let many = rows(Classes { classes, num_conflicts: 0, num_unlabeled: 0, preview: Vec::new() });
        let text = report(&DataReport { num_truncated: 1, ..many });
        assert!(text.contains("; 1 row is cut off at 32"), "{text}");
        assert!(text.contains("15 classes: ") && text.contains(" and 5 more"), "{text}");
    }
}
