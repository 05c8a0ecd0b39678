//! Labeled rows of a session: reading, reporting, encoding.

use super::SessionError;
use super::run::padding;
use crate::checkpoint::PretrainedModel;
use crate::config::{ReadOptions, RunConfig};
use crate::data::{DataFiles, DataReport, Dataset, Encoded, Example, build_dataset, encode_texts, report as report_of};
use crate::event::Split;
use crate::loss::LossConfig;
use crate::tokenizer::TokenizerError;
use crate::train::{ClassInputs, TrainInputs, TrainSplit};

/// Rows, the options that read them (columns named), and what is in them.
pub(super) fn read(
    model: &PretrainedModel,
    known_labels: &[String],
    files: &DataFiles,
    read: &ReadOptions,
    run: &RunConfig,
) -> Result<(Dataset, ReadOptions, DataReport), SessionError> {
    let (mut dataset, summary) = build_dataset(files, read, &run.split, run.seed)?;
    adopt_labels(&mut dataset, known_labels);
    let limit = model.config.max_tokens().min(run.max_seq_length as usize);
    let mut lengths = Vec::new();
    for rows in [&dataset.train, &dataset.valid, &dataset.test] {
        lengths.extend(encode_rows(model, rows, limit)?.iter().map(|row| row.num_tokens_untruncated));
    }
    let report = report_of(&summary, &dataset, &lengths, limit);
    let read = ReadOptions {
        text_column: Some(report.text_column.clone()),
        label_column: Some(report.label_column.clone()),
        ..read.clone()
    };
    Ok((dataset, read, report))
}

pub(super) fn inputs(model: &PretrainedModel, dataset: &Dataset, run: &RunConfig) -> Result<TrainInputs, SessionError> {
    let max = run.max_seq_length as usize;
    let labels = dataset.labels.clone();
    Ok(TrainInputs::Classes(Box::new(ClassInputs {
        train: split(model, dataset, Split::Train, max)?,
        valid: split(model, dataset, Split::Valid, max)?,
        test: split(model, dataset, Split::Test, max)?,
        padding: padding(model, run),
        loss: LossConfig { num_labels: labels.len(), label_smoothing: 0.0, class_weights: None },
        labels,
    })))
}

/// A split's rows as tokens.
pub(super) fn split(
    model: &PretrainedModel,
    dataset: &Dataset,
    split: Split,
    max: usize,
) -> Result<TrainSplit, SessionError> {
    let rows = match split {
        Split::Train => &dataset.train,
        Split::Valid => &dataset.valid,
        Split::Test => &dataset.test,
    };
    Ok(TrainSplit { examples: rows.clone(), encoded: encode_rows(model, rows, max)? })
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
