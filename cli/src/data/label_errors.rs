//! `hone data label-errors`: rows whose labels may be wrong, ranked (confident learning).
//!
//! In: rows and a pretrained model, by whose vectors the other folds tell each row's label; or what `hone eval --predictions` wrote of a
//! trained one. Out: each row with its label, the one that it more likely has, and how likely both are, of an image also its
//! file; as text or as JSON.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context, bail};
use futures_lite::future::block_on;
use hone_core::data::sort_labels;
use hone_core::event::Split;
use hone_core::task::{LabelError, LabelErrors, OutOfFold, label_errors_of};
use hone_core::words::{count, plural};
use serde::{Deserialize, Serialize};

use crate::args::LabelErrorArgs;
use crate::baseline::open_labeled;
use crate::inputs::read_data;
use crate::json_lines::{Field, fault_in, read_lines};
use crate::output::write_file;
use crate::progress::Progress;
use crate::result_file::check_file;

/// Rows that are listed as text.
const MAX_LISTED: usize = 100;
/// Longest label in a column, in characters.
const MAX_LABEL: usize = 28;

/// A line of `hone eval --predictions`, as far as it counts here.
#[derive(Serialize, Deserialize)]
struct Line {
    row: usize,
    label: String,
    probabilities: BTreeMap<String, f64>,
}

/// [`LabelErrors`] as JSON.
#[derive(Serialize)]
struct Found<'a> {
    num_rows: usize,
    num_folds: Option<usize>,
    num_estimated: usize,
    errors: Vec<WithImage<'a>>,
    notes: &'a [String],
}

/// A row whose label may be wrong, with the path of its image where it is one.
#[derive(Serialize)]
struct WithImage<'a> {
    #[serde(flatten)]
    error: &'a LabelError,
    #[serde(skip_serializing_if = "Option::is_none")]
    image: Option<&'a str>,
}

/// The fields of a [`Line`].
const FIELDS: [Field; 3] = [
    Field::of::<usize>("row", "the number of a row"),
    Field::of::<String>("label", "one label"),
    Field::of::<BTreeMap<String, f64>>("probabilities", "a number for each label"),
];

/// What writes such lines.
const WRITERS: &str = "hone eval --predictions FILE writes such lines of rows with one label each, and hone data label-errors \
                       --save-probabilities FILE those of its own";

/// Runs `hone data label-errors`.
///
/// # Errors
/// A file or a model that can't be read, a model without vectors, rows that do not have one label each.
pub(super) fn run(args: &LabelErrorArgs) -> anyhow::Result<ExitCode> {
    let (choice, read, run) = args.settings()?;
    let inputs: Vec<&Path> = args.predictions.iter().chain(&args.file).map(PathBuf::as_path).collect();
    check_file("--save-probabilities", args.save_probabilities.as_deref(), &inputs)?;
    let (found, images) = match (&args.predictions, &args.file, &args.model) {
        (Some(path), ..) => (of_predictions(path)?, Vec::new()),
        (None, Some(file), Some(model)) => {
            let files = read_data(file, None, None, read.sheet.as_deref())?;
            let progress = Progress::new(args.json, 0.0);
            let session = open_labeled(model, choice, (files, file), (&read, &run), &progress)?;
            let show = async |done: usize, total: usize| {
                progress.rows("computing vectors, then learning from them", done, total);
                true
            };
            let found = block_on(session.label_errors(args.num_folds(), show))?;
            progress.clear();
            let (found, used) = found.context("nothing was looked at")?;
            if let Some(path) = &args.save_probabilities {
                write_file(to_lines(&used)?.as_bytes(), path)?;
                progress.note(&format!("probabilities: {} of {}", path.display(), plural(used.rows.len(), "row")));
            }
            let image = |error: &LabelError| Some(session.row_image(error.split, error.index?)?.0);
            let images: Vec<String> = found.errors.iter().map_while(image).collect();
            (found, images)
        }
        _ => bail!("say which file to look at and --model, or --predictions"),
    };
    let text = if args.json { to_json(&found, &images)? } else { to_text(&found, &images) };
    write!(io::stdout().lock(), "{text}")?;
    Ok(ExitCode::SUCCESS)
}

/// Each row with the probability of every label.
fn to_lines(used: &OutOfFold) -> anyhow::Result<String> {
    let mut lines = String::new();
    let rows = used.rows.iter().zip(&used.labels).zip(used.probabilities.chunks_exact(used.names.len().max(1)));
    for ((&row, &label), probabilities) in rows {
        let probabilities = used.names.iter().cloned().zip(probabilities.iter().copied()).collect();
        let line = Line { row, label: used.names[label].clone(), probabilities };
        writeln!(lines, "{}", serde_json::to_string(&line)?)?;
    }
    Ok(lines)
}

/// Reads the answers of a trained model, and seeks wrong labels by them.
fn of_predictions(path: &Path) -> anyhow::Result<LabelErrors> {
    let lines = read_lines::<Line>(path, "predictions", WRITERS, |found| fault_in(&found, &FIELDS))?;
    let rows: Vec<Line> = lines.into_iter().map(|(_, line)| line).collect();
    of_lines(&rows).with_context(|| format!("can't use {}", path.display()))
}

fn of_lines(rows: &[Line]) -> anyhow::Result<LabelErrors> {
    let mut names: Vec<String> = rows[0].probabilities.keys().cloned().collect();
    sort_labels(&mut names);
    let (mut numbers, mut labels, mut probabilities) = (Vec::new(), Vec::new(), Vec::new());
    for line in rows {
        let Some(label) = names.iter().position(|name| *name == line.label) else {
            bail!("row {} has the label {:?}, of which there is no probability", line.row, line.label);
        };
        for name in &names {
            let found = line.probabilities.get(name).filter(|probability| probability.is_finite());
            probabilities.push(*found.with_context(|| format!("row {} has no probability of {name:?}", line.row))?);
        }
        numbers.push(line.row);
        labels.push(label);
    }
    Ok(label_errors_of(&numbers, &labels, &probabilities, &names))
}

/// What was found; each row with the file of its image where rows are images.
fn to_json(found: &LabelErrors, images: &[String]) -> anyhow::Result<String> {
    let LabelErrors { num_rows, num_folds, num_estimated, errors, notes } = found;
    let found = Found {
        num_rows: *num_rows,
        num_folds: *num_folds,
        num_estimated: *num_estimated,
        errors: errors
            .iter()
            .enumerate()
            .map(|(index, error)| WithImage { error, image: images.get(index).map(String::as_str) })
            .collect(),
        notes,
    };
    Ok(serde_json::to_string_pretty(&found)? + "\n")
}

fn to_text(found: &LabelErrors, images: &[String]) -> String {
    let LabelErrors { num_rows, num_folds, num_estimated, errors, notes } = found;
    let by = match num_folds {
        Some(folds) => format!("told by those of the other folds of {folds}"),
        None => "by the given probabilities".to_owned(),
    };
    let rows = plural(*num_rows, "row");
    let mut text = format!(
        "{} of {rows} may have a wrong label, the likeliest first ({by}; the counts estimate {num_estimated})\n",
        count(errors.len())
    );
    let shown = &errors[..errors.len().min(MAX_LISTED)];
    let head = ["row", "label", "more likely", "p(label)", "p(more likely)"].map(str::to_owned);
    let lines: Vec<[String; 5]> =
        if shown.is_empty() { Vec::new() } else { std::iter::once(head).chain(shown.iter().map(cells)).collect() };
    // The last column, for paths may be long; none where rows are no images.
    let mut files = std::iter::once("image").chain(images.iter().map(String::as_str)).filter(|_| !images.is_empty());
    let width = |column: usize| lines.iter().map(|line| line[column].chars().count()).max().unwrap_or(0);
    let widths = [width(0), width(1), width(2)];
    for [row, label, suggested, own, other] in &lines {
        let [of_row, of_label, of_suggested] = widths;
        text += &format!("  {row:>of_row$}  {label:<of_label$}  {suggested:<of_suggested$}  {own:>8}  {other:>14}");
        text += &files.next().map_or_else(|| "\n".to_owned(), |file| format!("  {file}\n"));
    }
    if errors.len() > shown.len() {
        text += &format!("  and {} more: --json writes all\n", count(errors.len() - shown.len()));
    }
    notes.iter().for_each(|note| text += &format!("  note: {note}\n"));
    text
}

fn cells(error: &LabelError) -> [String; 5] {
    let file = match error.file {
        Split::Train => "",
        Split::Valid => "validation ",
        Split::Test => "test ",
    };
    let probability = |value: f64| format!("{value:.4}");
    let (own, other) = (probability(error.self_confidence), probability(error.confidence));
    [format!("{file}{}", error.row), shortened(&error.label), shortened(&error.suggested), own, other]
}

fn shortened(label: &str) -> String {
    match label.char_indices().nth(MAX_LABEL) {
        Some((end, _)) => format!("{}…", &label[..end]),
        None => label.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(row: usize, label: &str, no: f64) -> Line {
        let probabilities = [("no".to_owned(), no), ("yes".to_owned(), 1.0 - no)].into();
        Line { row, label: label.to_owned(), probabilities }
    }

    #[test]
    fn a_row_whose_label_is_unlikely_is_listed_with_both_labels() {
        let rows = [
            line(2, "no", 0.75),
            line(3, "no", 0.75),
            line(4, "no", 0.125),
            line(5, "yes", 0.25),
            line(6, "yes", 0.25),
        ];
        let found = of_lines(&rows).expect("all labels have probabilities");
        let expected = "\
1 of 5 rows may have a wrong label, the likeliest first (by the given probabilities; the counts estimate 1)
  row  label  more likely  p(label)  p(more likely)
    4  no     yes            0.1250          0.8750
";
        assert_eq!(to_text(&found, &[]), expected);
        let images = ["cat/4.png".to_owned()];
        let of_image = to_text(&found, &images);
        let ends: Vec<&str> = of_image.lines().skip(1).filter_map(|line| line.rsplit("  ").next()).collect();
        assert_eq!(ends, ["image", "cat/4.png"]);
        let json = |images: &[String]| {
            let text = to_json(&found, images).expect("plain values");
            serde_json::from_str::<serde_json::Value>(&text).expect("JSON")
        };
        assert_eq!(json(&[]), serde_json::to_value(&found).expect("plain values"));
        assert_eq!(json(&images)["errors"][0]["image"], "cat/4.png");
        let in_folds = LabelErrors { num_folds: Some(5), errors: Vec::new(), notes: vec!["this".into()], ..found };
        let expected = "\
0 of 5 rows may have a wrong label, the likeliest first (told by those of the other folds of 5; the counts estimate 1)
  note: this
";
        assert_eq!(to_text(&in_folds, &[]), expected);
    }

    #[test]
    fn what_is_written_is_read_again() {
        let used = OutOfFold {
            names: vec!["no".into(), "yes".into()],
            rows: vec![2, 3],
            labels: vec![0, 1],
            probabilities: vec![0.25, 0.75, 0.5, 0.5],
        };
        let text = to_lines(&used).expect("plain values");
        assert_eq!(text.lines().next(), Some(r#"{"row":2,"label":"no","probabilities":{"no":0.25,"yes":0.75}}"#));
        let rows: Vec<Line> = text.lines().map(|line| serde_json::from_str(line).expect("its own form")).collect();
        assert_eq!(of_lines(&rows).expect("both labels are there").num_rows, 2);
    }

    #[test]
    fn a_line_that_is_no_row_is_named_with_its_field_and_what_writes_such_lines() {
        let file = tempfile::NamedTempFile::new().expect("a temporary file");
        let good = r#"{"row":2,"label":"no","probabilities":{"no":1}}"#;
        for (line, fault) in [
            ("text,label", "it is not JSON"),
            (r#"{"label":"no","probabilities":{"no":1}}"#, r#"the field "row" is missing"#),
            (r#"{"row":3,"label":["no"],"probabilities":{"no":1}}"#, r#"the field "label" is not one label"#),
            (r#"{"row":3,"label":"no","predicted":"no"}"#, r#"the field "probabilities" is missing"#),
            (
                r#"{"row":3,"label":"no","probabilities":{"no":null}}"#,
                r#"the field "probabilities" is not a number for each label"#,
            ),
        ] {
            std::fs::write(file.path(), format!("{good}\n{line}\n")).expect("writes");
            let error = of_predictions(file.path()).expect_err("it is no row").to_string();
            assert_eq!(error, format!("line 2 can't be read, {fault}: {WRITERS}: {}", file.path().display()));
        }
    }

    #[test]
    fn a_label_without_a_probability_is_named() {
        let error = |rows: &[Line]| of_lines(rows).expect_err("it is not there").to_string();
        assert!(error(&[line(2, "perhaps", 0.5)]).starts_with("row 2 has the label \"perhaps\""));
        let mut other = line(3, "no", 0.5);
        other.probabilities.remove("yes");
        assert_eq!(error(&[line(2, "no", 0.5), other]), "row 3 has no probability of \"yes\"");
    }
}
