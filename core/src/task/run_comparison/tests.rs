//! Two runs, and rows of files, whose predictions are written down here.

use super::super::token_classification::Span;
use super::super::{EvaluationDetail, causal_lm, regression, sequence_classification};
use super::*;
use crate::metrics::{Confusion, evaluate_regression};

/// Forty rows of two labels, of which the first `num_wrong` are wrong; the labels are numbered as `names` has them.
fn classified(names: [&str; 2], num_wrong: usize) -> (Evaluation, RowPredictions) {
    let labels = names.map(str::to_owned);
    let id = |name: &str| usize::from(names[1] == name);
    let row = |index: usize| {
        let truth = ["up", "down"][index % 2];
        let answer = ["up", "down"][(index + usize::from(index < num_wrong)) % 2];
        sequence_classification::RowPrediction {
            row: index + 2,
            text: format!("text {index}"),
            second: None,
            label: id(truth),
            predicted: id(answer),
            probabilities: vec![0.5, 0.5],
        }
    };
    let rows: Vec<_> = (0..40).map(row).collect();
    let mut confusion = Confusion::new(&labels);
    rows.iter().for_each(|row| confusion.add(row.label, row.predicted));
    let detail = EvaluationDetail::SequenceClassification(Box::new(confusion.finish(1.0)));
    (Evaluation { figures: Vec::new(), num_rows: 40, detail }, RowPredictions::SequenceClassification(rows))
}

fn run<'a>(name: &'a str, (evaluation, rows): &'a (Evaluation, RowPredictions)) -> MeasuredRun<'a> {
    MeasuredRun { name, split: Split::Test, evaluation, rows }
}

#[test]
fn the_better_run_is_named_with_the_rows_that_it_has_right() {
    // The labels have other numbers in the second model.
    let (one, other) = (classified(["up", "down"], 12), classified(["down", "up"], 2));
    let found = compare_runs(&run("Run 1", &one), &run("Run 2", &other)).expect("the same rows");
    let words = found.verdict();
    assert!(words.starts_with("Run 2 is better by 25.0 points, 95 % between "), "{words}");
    assert!(words.ends_with("; McNemar p = 0.0020: this is hardly luck."), "{words}");
    assert_eq!((found.num_rows, found.num_left_out, found.num_better), (40, 0, [0, 10]));
    let titles: Vec<&str> = found.figures.iter().map(|figure| figure.title.as_str()).collect();
    assert_eq!((titles, found.figures[0].value_text(0.7)), (vec!["Accuracy", "Macro F1"], "70.0 %".to_owned()));
    let expected = DifferingRow {
        row: 4,
        text: "text 2".into(),
        expected: "up".into(),
        answers: ["down".into(), "up".into()],
        better: 1,
    };
    assert_eq!((found.rows.len(), &found.rows[0]), (10, &expected));
    assert!(found.test_words().starts_with("Only Run 1 right: 0. Only Run 2 right: 10. "), "{}", found.test_words());
    let turned = compare_runs(&run("Run 2", &other), &run("Run 1", &one)).expect("the same rows");
    assert!(turned.verdict().starts_with("Run 2 is better by 25.0 points, 95 % between "), "{}", turned.verdict());
    let same = compare_runs(&run("A", &one), &run("B", &one)).expect("the same rows");
    assert_eq!(same.verdict(), "A and B have as many rows right; McNemar p = 1.00: neither is better.");
    assert!(same.rows.is_empty() && same.is_by_rows && same.num_resamples == NUM_RESAMPLES, "{same:?}");
}

#[test]
fn rows_that_are_not_the_same_are_left_out_and_counted() {
    let (one, mut other) = (classified(["up", "down"], 2), classified(["up", "down"], 4));
    if let RowPredictions::SequenceClassification(rows) = &mut other.1 {
        rows[0].label = 1; // it was corrected
        rows.pop();
    }
    let found = compare_runs(&run("A", &one), &run("B", &other)).expect("most are the same");
    assert_eq!((found.num_rows, found.num_left_out), (38, 2));
    assert!(found.notes().ends_with(" is another by now: 2 rows."), "{}", found.notes());
    let error = |other: MeasuredRun<'_>| compare_runs(&run("A", &one), &other).expect_err("nothing in common");
    let empty = RowPredictions::SequenceClassification(Vec::new());
    assert!(error(MeasuredRun { rows: &empty, ..run("B", &one) }).contains("no row in common"));
    assert!(error(MeasuredRun { split: Split::Valid, ..run("B", &one) }).contains("different splits"));
    let several = RowPredictions::Several(Vec::new());
    assert!(error(MeasuredRun { rows: &several, ..run("B", &one) }).contains("task by task"));
}

#[test]
fn numbers_are_better_where_they_are_nearer() {
    let of = |off: f32| {
        let row = |index: usize| regression::RowPrediction {
            row: index,
            text: format!("text {index}"),
            second: None,
            numbers: vec![index as f64],
            predicted: vec![index as f32 + if index == 3 { 9.0 } else { off }],
        };
        let rows: Vec<_> = (0..20).map(row).collect();
        let evaluation = evaluate_regression(&[1.0_f64], &[1.0_f64], 1);
        let detail = regression::EvaluationDetail { labels: Vec::new(), evaluation, baseline: None };
        let detail = EvaluationDetail::Regression(Box::new(detail));
        (Evaluation { figures: Vec::new(), num_rows: 20, detail }, RowPredictions::Regression(rows))
    };
    let (one, other) = (of(1.0), of(0.5));
    let found = compare_runs(&run("A", &one), &run("B", &other)).expect("the same rows");
    let words = found.verdict();
    // The squared errors are 1 and 0.25 but for the row that both have as wrong.
    assert!(
        words.starts_with("B is better by 0.7125 in mean squared error, 95 % between 0.")
            && words.ends_with(": this is hardly luck."),
        "{words}"
    );
    let names: Vec<&str> = found.figures.iter().map(|figure| figure.name.as_str()).collect();
    assert_eq!((found.test, found.num_better, found.rows[0].better, names), (None, [0, 19], 1, vec!["mse", "mae"]));
    assert_eq!(found.test_words(), "");
    let same = compare_runs(&run("A", &one), &run("B", &one)).expect("the same rows");
    assert_eq!(same.verdict(), "A and B have the same mean squared error: neither is better.");
}

#[test]
fn tokens_are_compared_by_their_perplexity() {
    let of = |gain: f64| {
        let row = |row: usize| {
            let loss_sum = 4.0 - gain * (1.0 + row as f64 / 10.0);
            causal_lm::RowPrediction { row, loss_sum, num_correct: 1, num_tokens: 2 }
        };
        let detail = EvaluationDetail::CausalLm(Box::new(causal_lm::EvaluationDetail { num_tokens: 20 }));
        let rows = RowPredictions::CausalLm((0..10).map(row).collect());
        (Evaluation { figures: Vec::new(), num_rows: 10, detail }, rows)
    };
    let (one, other) = (of(0.0), of(1.0));
    let found = compare_runs(&run("A", &one), &run("B", &other)).expect("the same rows");
    // Of means of 2 and 1.275.
    let by = format!("B is better by {:.4} in perplexity, 95 % between ", 2_f64.exp() - 1.275_f64.exp());
    assert!(found.verdict().starts_with(&by) && found.verdict().ends_with(": this is hardly luck."), "{found:?}");
    let names: Vec<&str> = found.figures.iter().map(|figure| figure.name.as_str()).collect();
    assert_eq!(names, ["perplexity", "loss", "token_accuracy"]);
    assert!(found.rows.is_empty() && found.test.is_none() && !found.is_by_rows, "{found:?}");
}

#[test]
fn tags_are_compared_by_the_f1_of_entities_with_the_test_of_rows_below() {
    let span = |start: usize, label: &str| Span { start, end: start + 2, label: label.into(), score: None };
    let gold = [span(0, "PER"), span(6, "LOC")];
    let rows = |num_right: usize| -> Vec<ComparedRow> {
        let second = |number: usize| span(6, if number < num_right { "LOC" } else { "ORG" });
        let row = |number| ComparedRow::of_spans(number, "Al in Ulm".into(), &gold, &[span(0, "PER"), second(number)]);
        (0..20).map(row).collect()
    };
    let (one, other) = (rows(8), rows(14));
    let pairs: Vec<(&ComparedRow, &ComparedRow)> = one.iter().zip(&other).collect();
    let found = compare_pairs(["A", "B"], &RowScheme::SPANS, &pairs, NUM_RESAMPLES);
    // Of 40 entities 28 and 34 are found.
    assert!(
        found.verdict().starts_with("B is better by 0.1500 in F1 of entities, 95 % between 0.0"),
        "{}",
        found.verdict()
    );
    assert!(found.test_words().starts_with("Only A right: 0. Only B right: 6. "), "{}", found.test_words());
    assert_eq!((found.num_better, found.rows[0].expected.as_str()), ([0, 6], "PER: Al; LOC: Ul"));
    let single = compare_pairs(["A", "B"], &RowScheme::SPANS, &pairs[8..9], NUM_RESAMPLES);
    let words = single.verdict();
    assert!(words.contains(", the same in every draw of these rows, so that no interval is known: "), "{words}");
    assert!(words.contains(": these rows are too few, or too much alike,") && !words.contains("between"), "{words}");
}

#[test]
fn labels_are_right_in_any_order_and_texts_go_by_chrf() {
    let names = |labels: &[&str]| labels.iter().map(|&label| label.to_owned()).collect::<Vec<String>>();
    let row = ComparedRow::of_labels(2, String::new(), names(&["b", "a"]), names(&["a", "b"]));
    assert_eq!((row.outcome, row.expected.as_str(), row.expected == row.answer), (1.0, "a, b", true));
    let half = ComparedRow::of_labels(2, String::new(), names(&["b", "a"]), names(&["a", "c", "c"]));
    let found = compare_pairs(["A", "B"], &RowScheme::LABELS, &[(&row, &half)], NUM_RESAMPLES);
    let f1 = found.figures[1].difference;
    assert_eq!((found.figures[1].name.as_str(), f1.first, f1.second), ("micro_f1", 1.0, 0.5));
    let text = |generated: &str| ComparedRow::of_text(2, "p".into(), "the quick brown fox".into(), generated.into());
    let (one, other) = (text("the quick"), text("the quick brown fox "));
    let found = compare_pairs(["A", "B"], &RowScheme::TEXTS, &[(&one, &other)], NUM_RESAMPLES);
    let leading = &found.figures[0];
    assert_eq!((leading.name.as_str(), leading.title.as_str(), found.is_by_rows), ("chrf", "chrF", false));
    assert!((leading.difference.second - 100.0).abs() < 1e-9 && found.num_better == [0, 1], "{found:?}");
}
