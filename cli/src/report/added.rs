//! What other commands printed as JSON, for the report on a run: `hone eval --json` (slices and swapped words), `hone compare --json`,
//! `hone rate --json`, `hone data report --json`. In: a file. Out: what of it a report shows, marked with the model, or the rows, that it is
//! of.

use std::path::Path;

use anyhow::{Context, anyhow, bail};
use hone_core::data::findings::{Finding, NotApplied};
use hone_core::file_text::text_of;
use hone_core::metrics::{Difference, PreferenceTally, SliceReport};
use hone_core::report::{Examined, RatedTexts};
use hone_core::task::{ComparedFigure, RunComparison, SwapReport, Unit};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::inputs::file_name;
use crate::output::read_file;

/// A figure of `hone compare --json`; its name is the field's.
#[derive(Deserialize)]
struct WrittenFigure {
    title: String,
    unit: Unit,
    higher_is_better: bool,
    #[serde(flatten)]
    difference: Difference,
}

/// What a file holds.
///
/// # Errors
/// When it can't be read, or holds nothing that a report shows.
pub(super) fn read(path: &Path) -> anyhow::Result<Vec<Examined>> {
    let bytes = read_file("read what the report is to show", path)?;
    let text = text_of(&bytes).map_err(|error| anyhow!("--add: it is {error}: {}", path.display()))?;
    let value: Value =
        serde_json::from_str(&text).map_err(|error| anyhow!("--add: it is no JSON: {error}: {}", path.display()))?;
    let found = of_json(&value).with_context(|| format!("--add: {}", path.display()))?;
    if found.is_empty() {
        bail!(
            "--add: it has neither slices nor swaps of hone eval --json, and is not of hone compare --json, hone rate --json or hone data \
             report --json: {}",
            path.display()
        );
    }
    let file = file_name(path);
    Ok(found.into_iter().map(|one| marked(one, &value, &file)).collect())
}

/// What was found, with what it is of: it may be another model than that of the report, or other rows.
fn marked(mut found: Examined, value: &Value, file: &str) -> Examined {
    let of = match &mut found {
        Examined::Slices { .. } | Examined::Swaps { .. } => match model_of(value) {
            Some(model) => format!("Of the model {model}, from {file}"),
            None => format!("From {file}, which does not say of which model it is"),
        },
        Examined::Findings { .. } => match names_of(value).as_slice() {
            [] => format!("From {file}, which does not say of which rows it is"),
            names => format!("Of the rows of {}, from {file}", names.join(", ")),
        },
        Examined::Comparison(comparison) => {
            // There may be several files with an A and a B.
            comparison.names = match <[String; 2]>::try_from(names_of(value)) {
                Ok(names) if names[0] != names[1] => names,
                _ => ["A", "B"].map(|name| format!("{name} in {file}")),
            };
            format!("From {file}")
        }
        _ => format!("From {file}"),
    };
    Examined::Added { of, found: Box::new(found) }
}

/// The model that `hone eval --json` measured; `None` in files of before.
fn model_of(value: &Value) -> Option<String> {
    let name = |field: &str| value.get(field).and_then(Value::as_str).map(without_folders);
    let model = name("model")?;
    Some(match name("adapter") {
        Some(adapter) => format!("{model} with the adapter {adapter}"),
        None => model,
    })
}

/// The files that `hone data report --json` and `hone compare --json` read.
fn names_of(value: &Value) -> Vec<String> {
    let files = value.get("files").and_then(Value::as_array).into_iter().flatten();
    files.filter_map(Value::as_str).map(without_folders).collect()
}

/// A name as it was typed, or of a whole path the last part: a report may be sent on.
fn without_folders(name: &str) -> String {
    let path = Path::new(name);
    if path.is_absolute() { file_name(path) } else { name.to_owned() }
}

fn of_json(value: &Value) -> anyhow::Result<Vec<Examined>> {
    let mut found = Vec::new();
    if value.get("hone_findings").is_some() {
        let findings: Vec<Finding> = field(value, "findings")?;
        let (not_applied, notes): (Vec<NotApplied>, Vec<String>) =
            (field(value, "not_applied")?, field(value, "notes")?);
        found.push(Examined::of_findings(&findings, &not_applied, &notes));
    }
    if let Some(slices) = value.get("slices") {
        let (report, notes): (SliceReport, Vec<String>) = (field(value, "slices")?, field(slices, "notes")?);
        found.push(Examined::Slices { part: String::new(), split: None, report, notes });
    }
    if value.get("swaps").is_some() {
        let report: SwapReport = field(value, "swaps")?;
        found.push(Examined::Swaps { part: String::new(), pairs: Vec::new(), report });
    }
    if value.get("mcnemar").is_some() {
        found.push(Examined::Comparison(comparison(value)?));
    }
    if value.get("num_rated").is_some() {
        let tally: Option<PreferenceTally> = field(value, "votes")?;
        let tally =
            tally.ok_or_else(|| anyhow!("its votes are not counted before the last pair: rate the others first"))?;
        found.push(Examined::Rating(RatedTexts {
            names: [field(value, "first")?, field(value, "second")?],
            tally,
            num_pairs: field(value, "num_pairs")?,
            num_same: field(value, "num_same")?,
            num_not_blind: field(value, "num_not_blind")?,
        }));
    }
    Ok(found)
}

/// Two models as `hone compare` calls them: A and B. Its rows are not in the JSON: none is listed, and none counted as not listed.
fn comparison(value: &Value) -> anyhow::Result<RunComparison> {
    // Earlier builds wrote `null` for what is above all numbers.
    let is_null = |own: &Value, name: &str| own.get(name).is_some_and(Value::is_null);
    let is_figure = |own: &Value| own.get("interval").is_some() && !is_null(own, "first") && !is_null(own, "second");
    let fields = value.as_object().into_iter().flatten().filter(|(_, own)| is_figure(own));
    let figures = fields.map(|(name, _)| -> anyhow::Result<ComparedFigure> {
        let WrittenFigure { title, unit, higher_is_better, difference } = field(value, name)?;
        Ok(ComparedFigure { name: name.clone(), title, unit, higher_is_better, difference })
    });
    Ok(RunComparison {
        names: ["A", "B"].map(str::to_owned),
        num_rows: field(value, "num_rows")?,
        num_left_out: 0,
        figures: figures.collect::<anyhow::Result<_>>()?,
        is_by_rows: field(value, "is_by_rows")?,
        test: field(value, "mcnemar")?,
        num_resamples: field(value, "num_resamples")?,
        num_better: [0, 0],
        rows: Vec::new(),
    })
}

fn field<T: DeserializeOwned>(value: &Value, name: &str) -> anyhow::Result<T> {
    let own = value.get(name).cloned().unwrap_or_default();
    serde_json::from_value(own).with_context(|| format!("its field {name:?} is not as hone writes it"))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_other_commands_print_is_taken_by_what_it_holds() {
        let compared = json!({
            "accuracy": {
                "first": 0.5, "second": 0.75, "interval": [0.1, 0.4],
                "title": "Accuracy", "unit": "share", "higher_is_better": true
            },
            "loss": {
                "first": 2.0, "second": 1.0, "interval": [-1.5, -0.5],
                "title": "Loss", "unit": "number", "higher_is_better": false
            },
            "num_rows": 40,
            "is_by_rows": true,
            "mcnemar": {
                "only_first": 0, "only_second": 10, "p_exact": 0.001, "p_mid": 0.001, "chi2": 8.1, "p_chi2": 0.004
            },
            "num_resamples": 1000,
            "verdict": "B is better",
        });
        let found = of_json(&compared).expect("as it is written");
        let [Examined::Comparison(comparison)] = found.as_slice() else { panic!("{found:?}") };
        assert!(comparison.verdict().starts_with("B is better by 25.0 points"), "{}", comparison.verdict());
        assert!(comparison.figures.len() == 2 && !comparison.figures[1].higher_is_better, "{comparison:?}");
        assert_eq!(comparison.num_better, [0, 0], "a report says of no row that it is not listed");
        let mut written = compared.clone();
        let fields = written.as_object_mut().expect("an object");
        fields.shift_remove("accuracy"); // the others stay in order
        fields.insert("is_by_rows".into(), json!(false));
        fields.insert(
            "mcnemar".into(),
            json!({
                "only_first": 0, "only_second": 0, "p_exact": 1.0, "p_mid": 1.0, "chi2": 0.0, "p_chi2": 1.0
            }),
        );
        let found = of_json(&written).expect("as it is written");
        let [Examined::Comparison(comparison)] = found.as_slice() else { panic!("{found:?}") };
        assert_eq!(
            comparison.verdict(),
            "B is better by 1.0000 in loss, 95 % between 0.5000 and 1.5000: this is hardly luck."
        );
        let rated = json!({
            "first": "a", "second": "b", "seed": 1, "num_pairs": 4, "num_rated": 4, "num_same": 0, "num_not_blind": 0,
            "votes": { "first": 1, "second": 3, "ties": 0 },
        });
        assert!(matches!(of_json(&rated).expect("as it is written").as_slice(), [Examined::Rating(_)]));
        let swaps = json!({ "num_rows": 9, "num_swapped": 0, "num_flipped": 0, "mean_change": 0.0, "flipped": [] });
        let both = json!({ "accuracy": 0.5, "swaps": swaps });
        assert!(matches!(of_json(&both).expect("as it is written").as_slice(), [Examined::Swaps { .. }]));
        let findings = json!({ "hone_findings": 1, "findings": [], "not_applied": [], "notes": ["a"] });
        assert!(matches!(of_json(&findings).expect("as it is written").as_slice(), [Examined::Findings { .. }]));
    }

    #[test]
    fn what_is_of_another_model_says_of_which() {
        let swaps = json!({ "num_rows": 9, "num_swapped": 0, "num_flipped": 0, "mean_change": 0.0, "flipped": [] });
        let findings = json!({
            "hone_findings": 1, "files": ["a.csv", null, "b.csv"], "findings": [], "not_applied": [], "notes": []
        });
        let of = |value: Value| {
            let found = of_json(&value).expect("as it is written");
            let Examined::Added { of, .. } = marked(found[0].clone(), &value, "x.json") else { panic!("it is marked") };
            of
        };
        let (other, whole) = (json!("runs/other"), json!(std::env::temp_dir().join("other").display().to_string()));
        assert_eq!(of(json!({ "swaps": swaps, "model": other })), "Of the model runs/other, from x.json");
        assert_eq!(of(json!({ "swaps": swaps, "model": whole })), "Of the model other, from x.json");
        assert_eq!(
            of(json!({ "swaps": swaps, "model": "base", "adapter": "tuned" })),
            "Of the model base with the adapter tuned, from x.json"
        );
        assert_eq!(of(json!({ "swaps": swaps })), "From x.json, which does not say of which model it is");
        assert_eq!(of(findings), "Of the rows of a.csv, b.csv, from x.json");

        let names = |files: Value| {
            let value = json!({
                "mcnemar": null, "num_rows": 2, "is_by_rows": false, "num_resamples": 10, "files": files,
                "mse": { "first": 1.0, "second": 2.0, "interval": null, "title": "a", "unit": "number", "higher_is_better": false }
            });
            let found = of_json(&value).expect("as it is written").remove(0);
            let Examined::Added { found, .. } = marked(found, &value, "x.json") else { panic!("it is marked") };
            let Examined::Comparison(comparison) = *found else { panic!("two models") };
            assert_eq!(comparison.figures[0].difference.interval, [1.0, 1.0], "it is not known");
            comparison.names
        };
        assert_eq!(names(json!(["a.jsonl", "b.jsonl"])), ["a.jsonl", "b.jsonl"]);
        for unsaid in [Value::Null, json!(["a.jsonl", "a.jsonl"])] {
            assert_eq!(names(unsaid), ["A in x.json", "B in x.json"]);
        }
    }

    #[test]
    fn a_figure_above_all_numbers_is_left_out() {
        let written = json!({
            "mcnemar": null, "num_rows": 2, "is_by_rows": false, "num_resamples": 10,
            "mse": { "first": null, "second": 2.0, "interval": [null, 1.0], "title": "a", "unit": "number", "higher_is_better": false },
            "mae": { "first": 1.0, "second": 2.0, "interval": null, "title": "b", "unit": "number", "higher_is_better": false },
        });
        let found = of_json(&written).expect("as earlier builds wrote it");
        let [Examined::Comparison(comparison)] = found.as_slice() else { panic!("{found:?}") };
        assert_eq!(comparison.figures.iter().map(|figure| figure.name.as_str()).collect::<Vec<_>>(), ["mae"]);
    }

    #[test]
    fn what_a_report_can_not_show_is_refused() {
        assert!(of_json(&json!({ "accuracy": 0.5 })).expect("it is JSON").is_empty());
        let unfinished = json!({ "num_rated": 1, "votes": null });
        assert!(of_json(&unfinished).expect_err("names are hidden").to_string().contains("rate the others first"));
        let untitled =
            json!({ "num_rows": 9, "mcnemar": null, "mse": { "first": 1.0, "second": 2.0, "interval": [0.5, 1.5] } });
        assert!(of_json(&untitled).expect_err("what is it?").to_string().contains("\"mse\" is not as hone"));
        let damaged = json!({ "swaps": { "num_rows": "nine" } });
        assert!(of_json(&damaged).expect_err("it is damaged").to_string().contains("\"swaps\" is not as hone"));
    }
}
