//! `hone compare`: whether one of two models is better on the same rows, or was lucky.
//!
//! In: two files of JSON Lines, a line a row, as `hone eval --predictions` or `--save-texts` writes them. Out: what core's comparison
//! finds (the same as on the page), in words or as JSON.

mod rows;

use std::io::{self, Write as _};
use std::mem::discriminant;
use std::process::ExitCode;

use anyhow::{anyhow, bail};
use hone_core::metrics::{Difference, NUM_RESAMPLES, known_interval};
use hone_core::task::{ComparedFigure, ComparedRow, RunComparison, compare_pairs};
use hone_core::words::{count, plural};
use serde_json::{Map, Value, json};

pub(crate) use self::rows::prediction_lines;
use self::rows::{Made, PredictedRow, read, scheme};
use crate::args::CompareArgs;

/// Runs `hone compare`.
///
/// # Errors
/// A file that can't be read, or files of other rows.
pub(crate) fn run(args: &CompareArgs) -> anyhow::Result<ExitCode> {
    let (first, second) = (read(&args.first)?, read(&args.second)?);
    let found = compare(&first, &second)?;
    let mut out = io::stdout().lock();
    match args.json {
        true => {
            let mut json = to_json(&found);
            json["files"] = json!([&args.first, &args.second].map(|path| path.display().to_string()));
            writeln!(out, "{}", serde_json::to_string_pretty(&json)?)?;
        }
        false => write!(out, "{}", report(&found))?,
    }
    Ok(ExitCode::SUCCESS)
}

fn compare(first: &[PredictedRow], second: &[PredictedRow]) -> anyhow::Result<RunComparison> {
    check_same_rows(first, second)?;
    let scheme = scheme(first, second).ok_or_else(|| anyhow!("there are no rows"))?;
    let [ours, theirs]: [Vec<ComparedRow>; 2] =
        [first, second].map(|rows| rows.iter().map(PredictedRow::compared).collect());
    let pairs: Vec<(&ComparedRow, &ComparedRow)> = ours.iter().zip(&theirs).collect();
    Ok(compare_pairs(["A", "B"], &scheme, &pairs, NUM_RESAMPLES))
}

/// Refuses rows of other files or of several tasks, and models that read the same rows as other tokens.
fn check_same_rows(first: &[PredictedRow], second: &[PredictedRow]) -> anyhow::Result<()> {
    if first.len() != second.len() {
        bail!("A has {} and B {}: both have to be of the same file", plural(first.len(), "row"), count(second.len()));
    }
    if let [one, rest @ ..] = first
        && let Some(other) = rest.iter().find(|row| discriminant(&row.made) != discriminant(&one.made))
    {
        bail!(
            "row {} of A has the {} and row {} the {}: a file has to be of one task",
            one.row,
            one.truth().0,
            other.row,
            other.truth().0
        );
    }
    let differ = |(one, other): &(&PredictedRow, &PredictedRow)| (one.row, one.truth()) != (other.row, other.truth());
    let Some((one, other)) = first.iter().zip(second).find(differ) else { return Ok(()) };
    let ((kind, truth), (other_kind, other_truth)) = (one.truth(), other.truth());
    if kind != other_kind {
        bail!(
            "row {} of A has the {kind} and row {} of B the {other_kind}: both have to be of one task",
            one.row,
            other.row
        );
    }
    let why = match one.made {
        Made::Tokens { .. } if one.row == other.row => {
            "perplexities are compared between models that read the same tokens (one tokenizer, one max_seq_length)"
        }
        _ => "both have to be of the same file",
    };
    bail!(
        "row {} of A has the {kind} {truth}, and in its place in B row {} has {other_truth}: {why}",
        one.row,
        other.row
    );
}

/// All of it in words.
fn report(found: &RunComparison) -> String {
    let mut lines = vec![format!("{}: {}", plural(found.num_rows, "row"), found.verdict())];
    lines.extend(found.figures.iter().map(|figure| {
        let Difference { first, second, interval } = figure.difference;
        let [first, second] = [first, second].map(|value| figure.value_text(value));
        let between = match known_interval(interval) {
            Some(interval) => {
                let [low, high] = interval.map(|end| figure.difference_text(end));
                format!("95 % between {low} and {high}")
            }
            None => "the same in every draw of these rows: no interval is known".to_owned(),
        };
        format!("  {:<19}  A {first}  B {second}  B - A {}, {between}", figure.title, figure.by_text())
    }));
    lines.extend(found.test.map(|_| format!("  {}", found.test_words())));
    lines.join("\n") + "\n"
}

/// A field for each figure, the leading one of the task first, and what was tested.
fn to_json(found: &RunComparison) -> Value {
    let figures = found.figures.iter().map(|figure| {
        let ComparedFigure { name, title, unit, higher_is_better, difference } = figure;
        let Difference { first, second, interval } = difference;
        let value = json!({
            "first": first,
            "second": second,
            "interval": known_interval(*interval),
            "title": title,
            "unit": unit,
            "higher_is_better": higher_is_better,
        });
        (name.clone(), value)
    });
    let mut fields: Map<String, Value> = figures.collect();
    fields.insert("num_rows".into(), json!(found.num_rows));
    fields.insert("is_by_rows".into(), json!(found.is_by_rows));
    fields.insert("mcnemar".into(), json!(found.test));
    fields.insert("num_resamples".into(), json!(found.num_resamples));
    fields.insert("verdict".into(), json!(found.verdict()));
    Value::Object(fields)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn labeled(label: Value, predicted: Value) -> Made {
        Made::Label { label, predicted, probability: None, probabilities: None }
    }

    fn in_rows(made: Vec<Made>) -> Vec<PredictedRow> {
        made.into_iter().enumerate().map(|(index, made)| PredictedRow { row: index + 2, made }).collect()
    }

    fn rows(pairs: &[(&str, &str)]) -> Vec<PredictedRow> {
        in_rows(pairs.iter().map(|&(label, predicted)| labeled(json!(label), json!(predicted))).collect())
    }

    #[test]
    fn the_better_one_is_named_with_whether_it_could_be_luck() {
        let truth = |index: usize| ["a", "b"][index % 2];
        let run = |num_wrong: usize| -> Vec<PredictedRow> {
            let pairs: Vec<(&str, &str)> =
                (0..40).map(|index| (truth(index), truth(index + usize::from(index < num_wrong)))).collect();
            rows(&pairs)
        };
        let text = report(&compare(&run(12), &run(2)).expect("the same rows"));
        assert!(text.starts_with("40 rows: B is better by 25.0 points, 95 % between "), "{text}");
        assert!(text.contains("; McNemar p = 0.0020: this is hardly luck.\n"), "{text}");
        assert!(text.contains("Only A right: 0. Only B right: 10.") && text.contains("\n  Macro F1 "), "{text}");
        let text = report(&compare(&run(2), &run(4)).expect("the same rows"));
        assert!(
            text.starts_with("40 rows: A is better by 5.0 points") && text.contains("p = 0.50: this could be luck.")
        );
        let text = report(&compare(&run(3), &run(3)).expect("the same rows"));
        assert!(text.starts_with("40 rows: A and B have as many rows right; McNemar p = 1.00: neither"), "{text}");
    }

    #[test]
    fn other_rows_are_not_compared() {
        let one = rows(&[("a", "a"), ("b", "a")]);
        let error = |other: &[PredictedRow]| compare(&one, other).expect_err("other rows").to_string();
        assert!(error(&one[..1]).starts_with("A has 2 rows and B 1: both"));
        let changed = error(&rows(&[("a", "a"), ("c", "a")]));
        assert!(
            changed.starts_with("row 3 of A has the label \"b\", and in its place in B row 3 has \"c\""),
            "{changed}"
        );
        let tokens = |num_tokens| in_rows(vec![Made::Tokens { loss_sum: 1.0, num_correct: 1, num_tokens }]);
        let other_task = compare(&one[..1], &tokens(3)).expect_err("of another task").to_string();
        assert_eq!(
            other_task,
            "row 2 of A has the label and row 2 of B the number of tokens: both have to be of one task"
        );
        let other_tokens = compare(&tokens(3), &tokens(4)).expect_err("read otherwise").to_string();
        assert!(other_tokens.contains("has 4: perplexities are compared between models"), "{other_tokens}");
        let mixed = in_rows(vec![
            labeled(json!("a"), json!("a")),
            Made::Tokens { loss_sum: 1.0, num_correct: 1, num_tokens: 3 },
        ]);
        let mixed = compare(&mixed, &mixed).expect_err("two tasks").to_string();
        assert_eq!(mixed, "row 2 of A has the label and row 3 the number of tokens: a file has to be of one task");
        let several = |labels: &[&str]| in_rows(vec![labeled(json!(labels), json!(["a"]))]);
        let found = compare(&several(&["a"]), &several(&["a"])).expect("the same rows");
        assert!(found.figures.len() == 2 && report(&found).contains("\n  All labels right "), "{found:?}");
        let [one, other] = [["a", "b"], ["b", "a"]].map(|labels| several(&labels).remove(0).in_order());
        assert!(compare(&[one], &[other]).is_ok(), "each model lists labels in its own order");
    }

    #[test]
    fn answers_are_compared_by_their_rows_and_numbers_by_draws() {
        let answers = |num_right: usize| {
            let given = |index: usize| if index < num_right { "the fox" } else { "a red" };
            let made =
                |index| Made::Answer { answers: vec!["red fox".into(), "fox".into()], predicted: given(index).into() };
            in_rows((0..20).map(made).collect())
        };
        let found = compare(&answers(4), &answers(16)).expect("the same rows");
        let text = report(&found);
        assert!(text.starts_with("20 rows: B is better by 60.0 points, 95 % between "), "{text}");
        let line = "\n  Exact match          A 20.0 %  B 80.0 %  B - A 60.0 points, 95 % between ";
        assert!(text.contains(line), "{text}");
        assert!(text.contains("\n  F1 of answers  ") && text.contains("Only A right: 0. Only B right: 12."), "{text}");
        assert_eq!(to_json(&found)["exact_match"]["second"], json!(80.0));

        let numbers = |off: f32| {
            let made = |index: usize| {
                let number = index as f32;
                Made::Numbers {
                    numbers: vec![f64::from(number)],
                    predicted: vec![number + off * (1.0 + number / 20.0)],
                }
            };
            in_rows((0..20).map(made).collect())
        };
        let found = compare(&numbers(0.5), &numbers(1.0)).expect("the same rows");
        let text = report(&found);
        assert!(
            text.starts_with("20 rows: A is better by ")
                && text.contains(" in mean squared error, 95 % between ")
                && text.contains(": this is hardly luck.\n  Mean squared error   A 0."),
            "{text}"
        );
        assert!(
            text.contains("\n  Mean absolute error  A ") && !text.contains("McNemar"),
            "no row is right or wrong: {text}"
        );
        assert_eq!(to_json(&found)["mcnemar"], Value::Null);
        let [one, other] = [numbers(0.5), numbers(1.0)].map(|rows| rows[..1].to_vec());
        let found = compare(&one, &other).expect("the same row");
        let text = report(&found);
        assert!(text.contains("these rows are too few") && text.contains("no interval is known"), "{text}");
        let json = to_json(&found);
        assert!(json["mse"]["interval"].is_null() && json["mse"]["first"].is_number(), "{json}");
        let text = report(&compare(&numbers(0.5), &numbers(0.5)).expect("the same rows"));
        assert!(text.starts_with("20 rows: A and B have the same mean squared error: neither is better."), "{text}");
    }

    #[test]
    fn texts_are_compared_by_their_characters_and_tests_of_rows_stand_below() {
        let texts = |words: [&str; 3]| {
            let made = |generated: &&str| Made::Text {
                prompt: "p".into(),
                expected: "the quick brown fox".into(),
                generated: (*generated).to_owned(),
            };
            in_rows(words.iter().map(made).collect())
        };
        let (one, other) = (texts(["the quick", "a dog", "no"]), texts(["the quick brown fox"; 3]));
        let text = report(&compare(&one, &other).expect("the same rows"));
        assert!(text.starts_with("3 rows: B is better by ") && text.contains(" in chrF, 95 % between "), "{text}");
        assert!(text.contains(": this is hardly luck.\n  chrF  ") && text.contains("\n  BLEU  "), "{text}");
        assert!(text.contains("Only A right: 0. Only B right: 3."), "{text}");
    }
}
