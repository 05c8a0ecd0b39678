//! Labeled rows of a session: reading, reporting, encoding.

use super::SessionError;
use super::run::padding;
pub(super) use super::texts::limit;
use crate::checkpoint::PretrainedModel;
use crate::config::{ReadOptions, RunConfig};
use crate::data::{
    DataFiles, DataReport, Dataset, Encoded, Example, ReadSummary, build_dataset, encode_texts, report as report_of,
};
use crate::event::Split;
use crate::loss::LossConfig;
use crate::tokenizer::TokenizerError;
use crate::train::{ClassInputs, TrainInputs, TrainSplit};

/// Rows to train on, or to measure a run on. `known_labels` are those of the model, if there is one.
pub(super) fn parse(
    known_labels: &[String],
    files: &DataFiles,
    read: &ReadOptions,
    run: &RunConfig,
) -> Result<(Dataset, ReadSummary), SessionError> {
    let (mut dataset, summary) = build_dataset(files, read, &run.split, run.seed, known_labels)?;
    adopt_labels(&mut dataset, known_labels);
    Ok((dataset, summary))
}

/// Rows to measure a model on that tells `labels` apart; other labels are an error.
pub(super) fn parse_to_measure(
    labels: &[String],
    files: &DataFiles,
    read: &ReadOptions,
    run: &RunConfig,
) -> Result<(Dataset, ReadSummary), SessionError> {
    let num_numbers = if are_numbered(labels) { labels.len() } else { 0 };
    let numbers = (0..num_numbers).map(|id| id.to_string());
    let known: Vec<String> = labels.iter().cloned().chain(numbers).collect();
    let (mut dataset, mut summary) = build_dataset(files, read, &run.split, run.seed, &known)?;
    summary.warnings.extend(name_numbers(&mut dataset, labels));
    dataset.check_labels(labels, &summary.label_column)?;
    adopt_labels(&mut dataset, labels);
    Ok((dataset, summary))
}

/// What is in the rows. `tokens` are those of training, validation and test, cut at `limit`; none before there is a model.
pub(super) fn report(dataset: &Dataset, summary: &ReadSummary, tokens: &[Vec<Encoded>; 3], limit: usize) -> DataReport {
    let rows = || tokens.iter().flatten();
    let lengths: Vec<usize> = rows().map(|row| row.num_tokens_untruncated).collect();
    let num_long = rows().filter(|row| row.is_lower_bound).count();
    let mut report = report_of(summary, dataset, &lengths, limit);
    if num_long > 0 {
        let (rows, have) = if num_long == 1 { ("row", "has") } else { ("rows", "have") };
        let what = "of which only the part that is read was tokenised: lengths are at least those told";
        report.warnings.push(format!("{num_long} {rows} {have} a very long text, {what}"));
    }
    report
}

/// The options that read the rows, with the columns named that were used.
pub(super) fn with_columns(read: &ReadOptions, report: &DataReport) -> ReadOptions {
    ReadOptions {
        text_column: Some(report.text_column.clone()),
        label_column: Some(report.label_column.clone()),
        ..read.clone()
    }
}

/// Whether labels are nothing but their ids: `LABEL_0`, `LABEL_1`, ...
fn are_numbered(labels: &[String]) -> bool {
    labels.iter().enumerate().all(|(id, label)| *label == format!("LABEL_{id}"))
}

/// Where a model's labels are `LABEL_0`, `LABEL_1`, ... and all labels of the rows are such numbers, the number k is taken
/// for `LABEL_k`, and that is said. Numbers stand in the file as they stand in the names: `1.0` and `01` are none.
fn name_numbers(dataset: &mut Dataset, labels: &[String]) -> Option<String> {
    let is_id = |label: &String| label.parse().is_ok_and(|id: usize| id < labels.len() && id.to_string() == *label);
    if !are_numbered(labels) || !dataset.labels.iter().all(is_id) {
        return None;
    }
    for label in &mut dataset.labels {
        *label = format!("LABEL_{label}");
    }
    let shown = labels.iter().take(2).map(String::as_str).collect::<Vec<_>>().join(", ");
    let more = if labels.len() > 2 { ", .." } else { "" };
    Some(format!("the model calls its labels {shown}{more}: label k of the file is taken for LABEL_k"))
}

pub(super) fn inputs(
    model: &PretrainedModel,
    dataset: &Dataset,
    known: Option<&[Vec<Encoded>; 3]>,
    run: &RunConfig,
) -> Result<TrainInputs, SessionError> {
    let max = run.max_seq_length as usize;
    let labels = dataset.labels.clone();
    Ok(TrainInputs::Classes(Box::new(ClassInputs {
        train: split(model, dataset, known, Split::Train, max)?,
        valid: split(model, dataset, known, Split::Valid, max)?,
        test: split(model, dataset, known, Split::Test, max)?,
        padding: padding(model, run),
        loss: LossConfig { num_labels: labels.len(), label_smoothing: 0.0, class_weights: None },
        labels,
    })))
}

/// A split's rows as tokens: those that are `known`, cut at `max`, or made now.
pub(super) fn split(
    model: &PretrainedModel,
    dataset: &Dataset,
    known: Option<&[Vec<Encoded>; 3]>,
    split: Split,
    max: usize,
) -> Result<TrainSplit, SessionError> {
    let (rows, index) = match split {
        Split::Train => (&dataset.train, 0),
        Split::Valid => (&dataset.valid, 1),
        Split::Test => (&dataset.test, 2),
    };
    let encoded = match known {
        // An adapter that came meanwhile may number the labels in its own way.
        Some(known) => {
            let row = |(encoded, row): (&Encoded, &Example)| Encoded { label: row.label, ..encoded.clone() };
            known[index].iter().zip(rows).map(row).collect()
        }
        None => encode_rows(model, rows, max)?,
    };
    Ok(TrainSplit { examples: rows.clone(), encoded })
}

/// All rows as tokens, cut at `max`.
pub(super) fn encode_all(
    model: &PretrainedModel,
    dataset: &Dataset,
    max: usize,
) -> Result<[Vec<Encoded>; 3], TokenizerError> {
    let [train, valid, test] =
        [&dataset.train, &dataset.valid, &dataset.test].map(|rows| encode_rows(model, rows, max));
    Ok([train?, valid?, test?])
}

/// Texts without labels as tokens.
pub(super) fn encode(model: &PretrainedModel, texts: &[String], max: usize) -> Result<Vec<Encoded>, TokenizerError> {
    encode_texts(&model.tokenizer, texts.iter().map(|text| (text.as_str(), 0)), max)
}

fn encode_rows(model: &PretrainedModel, rows: &[Example], max: usize) -> Result<Vec<Encoded>, TokenizerError> {
    encode_texts(&model.tokenizer, rows.iter().map(|row| (row.text.as_str(), row.label)), max)
}

/// Where the model already tells these labels apart, its numbering is kept.
pub(super) fn adopt_labels(dataset: &mut Dataset, known_labels: &[String]) {
    let position = |label: &String| known_labels.iter().position(|known| known == label);
    let Some(map) = dataset.labels.iter().map(position).collect::<Option<Vec<usize>>>() else { return };
    for split in [&mut dataset.train, &mut dataset.valid, &mut dataset.test] {
        for row in split.iter_mut() {
            row.label = map[row.label];
        }
    }
    dataset.labels = known_labels.to_vec();
}

#[cfg(test)]
mod tests {
    use super::*;

    fn dataset(labels: &[&str]) -> Dataset {
        let row = |label: usize| Example { row: label + 2, text: "a text".into(), label };
        Dataset {
            labels: owned(labels),
            train: (0..labels.len()).map(row).collect(),
            valid: Vec::new(),
            test: Vec::new(),
        }
    }

    fn owned(labels: &[&str]) -> Vec<String> {
        labels.iter().map(|label| (*label).to_owned()).collect()
    }

    #[test]
    fn numbers_are_the_ids_of_a_head_that_numbers_its_labels() {
        let labels = owned(&["LABEL_0", "LABEL_1", "LABEL_2"]);
        let mut rows = dataset(&["0", "2"]);
        let said = name_numbers(&mut rows, &labels).expect("it is said");
        assert_eq!(said, "the model calls its labels LABEL_0, LABEL_1, ..: label k of the file is taken for LABEL_k");
        adopt_labels(&mut rows, &labels);
        assert_eq!((rows.train[1].label, rows.labels.len()), (2, 3), "2 is LABEL_2 although 1 does not occur");
    }

    #[test]
    fn other_labels_are_left_as_they_stand() {
        for other in [&["0", "3"], &["0", "1.0"], &["00", "1"], &["1", "LABEL_0"]] {
            let mut rows = dataset(other);
            assert_eq!(name_numbers(&mut rows, &owned(&["LABEL_0", "LABEL_1", "LABEL_2"])), None, "{other:?}");
            assert_eq!(rows.labels, owned(other));
        }
        assert_eq!(name_numbers(&mut dataset(&["0", "1"]), &owned(&["ham", "spam"])), None, "these have names");
    }
}
