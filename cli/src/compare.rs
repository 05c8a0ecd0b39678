//! `hone compare`: whether one of two models is better on the same rows, or was lucky.
//!
//! In: two files of JSON Lines, a line a row, as `hone eval --predictions` writes them: `row`, `label` (or `labels`) and
//! `predicted`. Out: McNemar's test and the paired bootstrap, in words or as JSON.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{anyhow, bail};
use hone_core::metrics::{
    Difference, McNemar, NUM_RESAMPLES, PairedClass, RESAMPLE_SEED, compare_accuracy, compare_macro_f1, mcnemar,
};
use hone_core::task::RowPredictions;
use hone_core::words::plural;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::args::CompareArgs;
use crate::output::read_data_file;

/// The file in a folder that was named.
const FILE_NAME: &str = "predictions.jsonl";

/// A difference that luck gives more seldom than this is called one that is hardly luck.
const LUCK: f64 = 0.05;

/// A row with what it is and what was predicted: one label, or a list of them.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct PredictedRow {
    row: usize,
    #[serde(alias = "labels")]
    label: Value,
    predicted: Value,
    /// Of the predicted label, of the logits as they are.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    probability: Option<f32>,
    /// Of each label, where a row has one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    probabilities: Option<BTreeMap<String, f32>>,
}

impl PredictedRow {
    /// The same with lists of labels in alphabetical order: each model lists them in its own.
    fn in_order(mut self) -> Self {
        for value in [&mut self.label, &mut self.predicted] {
            if let Value::Array(labels) = value {
                labels.sort_by_key(ToString::to_string);
            }
        }
        self
    }
}

/// What was found.
#[derive(Debug, Clone, PartialEq)]
struct Compared {
    num_rows: usize,
    accuracy: Difference,
    /// Where each row has one label.
    macro_f1: Option<Difference>,
    test: McNemar,
}

/// What was predicted for each row, a line each; nothing for rows whose task has no labels.
pub(crate) fn prediction_lines(rows: &RowPredictions, labels: &[String]) -> String {
    let title = |id: usize| labels.get(id).cloned().unwrap_or_else(|| id.to_string());
    let name = |id: usize| json!(title(id));
    let names = |ids: &[usize]| Value::Array(ids.iter().map(|&id| name(id)).collect());
    let of_one = |row: usize, label: usize, predicted: usize, probabilities: &[f32]| PredictedRow {
        row,
        label: name(label),
        predicted: name(predicted),
        probability: probabilities.get(predicted).copied(),
        probabilities: Some(probabilities.iter().enumerate().map(|(id, &share)| (title(id), share)).collect()),
    };
    let rows: Vec<PredictedRow> = match rows {
        RowPredictions::SequenceClassification(rows) => {
            rows.iter().map(|row| of_one(row.row, row.label, row.predicted, &row.probabilities)).collect()
        }
        RowPredictions::ImageClassification(rows) => {
            rows.iter().map(|row| of_one(row.row, row.label, row.predicted, &row.probabilities)).collect()
        }
        RowPredictions::MultiLabel(rows) => {
            let of_row = |row: &hone_core::task::multi_label::RowPrediction| {
                let (label, predicted) = (names(&row.labels), names(&row.predicted));
                PredictedRow { row: row.row, label, predicted, probability: None, probabilities: None }
            };
            rows.iter().map(of_row).collect()
        }
        _ => Vec::new(),
    };
    let mut lines = String::new();
    for row in &rows {
        let line = serde_json::to_string(row).expect("plain values");
        writeln!(lines, "{line}").expect("writing to a string does not fail");
    }
    lines
}

/// Runs `hone compare`.
///
/// # Errors
/// A file that can't be read, or files of other rows.
pub(crate) fn run(args: &CompareArgs) -> anyhow::Result<ExitCode> {
    let (first, second) = (read(&args.first)?, read(&args.second)?);
    let found = compare(&first, &second)?;
    let mut out = io::stdout().lock();
    match args.json {
        true => writeln!(out, "{}", serde_json::to_string_pretty(&to_json(&found))?)?,
        false => write!(out, "{}", report(&found))?,
    }
    Ok(ExitCode::SUCCESS)
}

fn read(path: &Path) -> anyhow::Result<Vec<PredictedRow>> {
    let file: PathBuf = if path.is_dir() { path.join(FILE_NAME) } else { path.to_owned() };
    if path.is_dir() && !file.is_file() {
        bail!(
            "there is no {FILE_NAME} in it: hone eval --predictions {} writes one: {}",
            file.display(),
            path.display()
        );
    }
    let bytes = read_data_file("read the predictions", &file)?;
    let text = String::from_utf8(bytes).map_err(|_| anyhow!("the predictions are no text: {}", file.display()))?;
    let lines = text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty());
    let rows = lines.map(|(index, line)| -> anyhow::Result<PredictedRow> {
        let row: PredictedRow = serde_json::from_str(line).map_err(|error| {
            let place = index + 1;
            anyhow!("line {place} is not what hone eval --predictions writes: {error}: {}", file.display())
        })?;
        Ok(row.in_order())
    });
    let rows = rows.collect::<anyhow::Result<Vec<PredictedRow>>>()?;
    if rows.is_empty() {
        bail!("there are no rows in it: {}", file.display());
    }
    Ok(rows)
}

fn compare(first: &[PredictedRow], second: &[PredictedRow]) -> anyhow::Result<Compared> {
    if first.len() != second.len() {
        bail!("A has {} and B {}: both have to be of the same file", plural(first.len(), "row"), second.len());
    }
    if let Some((one, other)) =
        first.iter().zip(second).find(|(one, other)| (one.row, &one.label) != (other.row, &other.label))
    {
        bail!(
            "row {} of A has the label {}, and in its place in B row {} has {}: both have to be of the same file",
            one.row,
            one.label,
            other.row,
            other.label
        );
    }
    let right: Vec<(bool, bool)> = first
        .iter()
        .zip(second)
        .map(|(one, other)| (one.predicted == one.label, other.predicted == other.label))
        .collect();
    let accuracy =
        compare_accuracy(&right, NUM_RESAMPLES, RESAMPLE_SEED).ok_or_else(|| anyhow!("there are no rows"))?;
    Ok(Compared { num_rows: right.len(), accuracy, macro_f1: macro_f1(first, second), test: mcnemar(&right) })
}

/// The macro F1 of both; `None` where rows have several labels.
fn macro_f1(first: &[PredictedRow], second: &[PredictedRow]) -> Option<Difference> {
    let mut labels: Vec<&str> = Vec::new();
    for row in first.iter().chain(second) {
        labels.extend([row.label.as_str()?, row.predicted.as_str()?]);
    }
    labels.sort_unstable();
    labels.dedup();
    let id = |value: &Value| labels.binary_search(&value.as_str()?).ok();
    let paired = |(one, other): (&PredictedRow, &PredictedRow)| {
        Some(PairedClass { label: id(&one.label)?, first: id(&one.predicted)?, second: id(&other.predicted)? })
    };
    let rows = first.iter().zip(second).map(paired).collect::<Option<Vec<PairedClass>>>()?;
    compare_macro_f1(labels.len(), &rows, NUM_RESAMPLES, RESAMPLE_SEED)
}

/// All of it in words.
fn report(found: &Compared) -> String {
    let Compared { num_rows, accuracy, macro_f1, test } = found;
    let mut lines = vec![format!("{}: {}", plural(*num_rows, "row"), verdict(accuracy, test))];
    let line = |name: &str, difference: &Difference| {
        let Difference { first, second, interval: [low, high] } = difference;
        format!(
            "  {name:<13}  A {first:.4}  B {second:.4}  B - A {:+.4}, 95 % between {low:+.4} and {high:+.4}",
            second - first
        )
    };
    lines.push(line(if macro_f1.is_some() { "accuracy" } else { "all labels" }, accuracy));
    lines.extend(macro_f1.as_ref().map(|difference| line("macro f1", difference)));
    lines.push(format!(
        "  only A right: {}, only B right: {}; McNemar exact p = {}, mid-p = {}, chi-squared {:.2} p = {}",
        test.only_first,
        test.only_second,
        probability(test.p_exact),
        probability(test.p_mid),
        test.chi2,
        probability(test.p_chi2)
    ));
    lines.join("\n") + "\n"
}

/// Which is better by how much, and whether that could be luck.
fn verdict(accuracy: &Difference, test: &McNemar) -> String {
    // No -0.0.
    let points = |share: f64| format!("{:.1}", (share * 1000.0).round() / 10.0 + 0.0);
    let by = accuracy.second - accuracy.first;
    let p = format!("McNemar p = {}", probability(test.p_exact));
    if test.only_first == test.only_second {
        return format!("A and B have as many rows right; {p}: neither is better");
    }
    let (better, by, [low, high]) = match by > 0.0 {
        true => ("B", by, accuracy.interval),
        false => ("A", -by, [-accuracy.interval[1], -accuracy.interval[0]]),
    };
    let luck = if test.p_exact < LUCK { "this is hardly luck" } else { "this could be luck" };
    format!(
        "{better} is better by {} points, 95 % between {} and {}; {p}: {luck}",
        points(by),
        points(low),
        points(high)
    )
}

/// Two digits that count.
fn probability(p: f64) -> String {
    if p < 0.0001 {
        "below 0.0001".to_owned()
    } else if p < 0.01 {
        format!("{p:.4}")
    } else {
        format!("{p:.2}")
    }
}

fn to_json(found: &Compared) -> Value {
    json!({
        "num_rows": found.num_rows,
        "accuracy": found.accuracy,
        "macro_f1": found.macro_f1,
        "mcnemar": found.test,
        "num_resamples": NUM_RESAMPLES,
        "verdict": verdict(&found.accuracy, &found.test),
    })
}

#[cfg(test)]
mod tests {
    use hone_core::task::{multi_label, sequence_classification};

    use super::*;

    fn rows(pairs: &[(&str, &str)]) -> Vec<PredictedRow> {
        let row = |(index, &(label, predicted)): (usize, &(&str, &str))| PredictedRow {
            row: index + 2,
            label: json!(label),
            predicted: json!(predicted),
            probability: None,
            probabilities: None,
        };
        pairs.iter().enumerate().map(row).collect()
    }

    #[test]
    fn what_is_written_is_read_again() {
        let row = |row, label, predicted| sequence_classification::RowPrediction {
            row,
            text: "t".into(),
            second: None,
            label,
            predicted,
            probabilities: vec![0.25, 0.75],
        };
        let labels = ["no".to_owned(), "yes".to_owned()];
        let lines =
            prediction_lines(&RowPredictions::SequenceClassification(vec![row(2, 0, 1), row(3, 1, 1)]), &labels);
        let expected =
            r#"{"row":2,"label":"no","predicted":"yes","probability":0.75,"probabilities":{"no":0.25,"yes":0.75}}"#;
        assert_eq!(lines.lines().next(), Some(expected));
        let dir = tempfile::tempdir().expect("a temporary folder");
        std::fs::write(dir.path().join(FILE_NAME), &lines).expect("writes");
        let found = read(dir.path()).expect("its own file");
        assert_eq!((found.len(), &found[1].label), (2, &json!("yes")));
        let row = multi_label::RowPrediction {
            row: 2,
            text: "t".into(),
            second: None,
            labels: vec![0, 1],
            predicted: vec![1],
            probabilities: vec![0.25, 0.75],
        };
        let lines = prediction_lines(&RowPredictions::MultiLabel(vec![row]), &labels);
        assert_eq!(lines, "{\"row\":2,\"label\":[\"no\",\"yes\"],\"predicted\":[\"yes\"]}\n");
        assert_eq!(prediction_lines(&RowPredictions::Regression(Vec::new()), &labels), "");
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
        assert!(text.contains("; McNemar p = 0.0020: this is hardly luck\n"), "{text}");
        assert!(text.contains("only A right: 0, only B right: 10") && text.contains("\n  macro f1 "), "{text}");
        let text = report(&compare(&run(2), &run(4)).expect("the same rows"));
        assert!(
            text.starts_with("40 rows: A is better by 5.0 points") && text.contains("p = 0.50: this could be luck")
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
        let several =
            |labels: &[&str]| PredictedRow { label: json!(labels), predicted: json!(["a"]), ..one[0].clone() };
        let found = compare(&[several(&["a"])], &[several(&["a"])]).expect("the same rows");
        assert!(found.macro_f1.is_none() && report(&found).contains("all labels"));
        let [one, other] = [["a", "b"], ["b", "a"]].map(|labels| several(&labels).in_order());
        assert!(compare(&[one], &[other]).is_ok(), "each model lists labels in its own order");
    }
}
