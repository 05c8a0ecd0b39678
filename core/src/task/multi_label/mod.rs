//! Any number of labels for a text, or for a pair of texts.
//!
//! In: tables with a column of texts, perhaps one of second texts, and the labels of a row in one cell (`cells`) or in a
//! column of 0 and 1 for each. `columns` chooses them, `read` makes rows of them; `rows` are the rows of a run with their
//! figures; `card` says how the model is used.

mod answers;
mod card;
mod cells;
mod columns;
mod draw;
mod layout;
mod predict;
mod read;
mod recognise;
mod rows;

use std::borrow::Cow;
use std::rc::Rc;

use serde::{Deserialize, Serialize};

use super::by_hand::nothing_labeled;
use super::labeled_texts::LabeledTexts;
use super::spec::settings_of_texts;
use super::texts::{PreparedTexts, TextData};
use super::{
    DataReport, FigureSpec, HeadKind, LOSS, PredictRequest, Predictor, Purpose, ReadRequest, Task, TaskData, TaskError,
    TaskModel, TaskRows, TaskSpec, Unit,
};
use crate::config::{ReadOptions, RunConfig};
use crate::data::findings::LabelKind;
use crate::metrics::{MultiLabelEvaluation, ReliabilityBin};

pub use answers::ANSWERS;
pub use card::card;
pub use layout::LabelLayout;
pub use read::{Dataset, read_dataset};
pub use recognise::recognise;

/// A figure of which more is better.
const fn share(name: &'static str, title: &'static str) -> FigureSpec {
    FigureSpec { name, title, unit: Unit::Score, higher_is_better: true }
}

/// What there is to say about this task.
pub const SPEC: TaskSpec = TaskSpec {
    task: Task::MultiLabel,
    title: "Give several labels",
    does: "gives texts several labels",
    row_noun: "row",
    head: HeadKind::Sequence,
    problem_type: Some("multi_label_classification"),
    peft_task_type: Some("SEQ_CLS"),
    pipeline: "text-classification",
    library: "transformers",
    command: "predict",
    figures: &[
        LOSS,
        share("micro_f1", "Micro F1"),
        share("macro_f1", "Macro F1"),
        share("weighted_f1", "Weighted F1"),
        share("samples_f1", "Samples F1"),
        share("micro_precision", "Micro precision"),
        share("micro_recall", "Micro recall"),
        share("macro_precision", "Macro precision"),
        share("macro_recall", "Macro recall"),
        FigureSpec { name: "subset_accuracy", title: "All labels right", unit: Unit::Share, higher_is_better: true },
        FigureSpec { name: "hamming_loss", title: "Hamming loss", unit: Unit::Score, higher_is_better: false },
        share("average_precision", "Average precision"),
        share("weighted_precision", "Weighted precision"),
        share("weighted_recall", "Weighted recall"),
        share("roc_auc", "ROC AUC"),
        share("weighted_roc_auc", "Weighted ROC AUC"),
        FigureSpec { name: "brier_score", title: "Brier score", unit: Unit::Score, higher_is_better: false },
        FigureSpec {
            name: "expected_calibration_error",
            title: "Expected calibration error",
            unit: Unit::Score,
            higher_is_better: false,
        },
    ],
    settings: settings_of_texts![
        "pooling",
        "class_weights",
        "effective_number_beta",
        "focal_gamma",
        "fgm_epsilon",
        "gradual_unfreezing",
        "augment_texts",
        "augment_copies",
        "augment_share",
        "augment_pairs",
        "balance_column"
    ],
    columns: &[
        "text_column",
        "text_pair_column",
        "label_column",
        "label_columns",
        "label_separator",
        "merge_labels",
        "group_column",
        "time_column",
        "dedupe",
        "fold",
        "clean_texts",
        "edits",
        "copies",
    ],
    recipe: &super::recipes::WITH_HEAD,
    eval_batch_size: 64,
    has_labels: true,
    num_outputs: 0,
};

/// What a report says of rows with any number of labels.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReportDetail {
    /// Labels in the order of their ids, each with the rows that have it, over all splits.
    pub labels: Vec<LabelCount>,
    /// What stands between labels in a cell; `None` where there is a column for each, or a list.
    pub separator: Option<char>,
    /// Each label has a column of its own.
    #[serde(default)]
    pub has_column_each: bool,
    /// These hold marks of the labels that a row has, and an empty cell says no.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub has_marks: bool,
    /// The labels by their places in lists of 0 and 1; none where cells hold no such lists.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub places: Vec<String>,
    /// Rows without a label.
    pub num_unlabeled: usize,
    /// Rows of which it is not known whether they have any, as their cell is empty: they are left out until a person says.
    #[serde(default)]
    pub num_to_label: usize,
    /// Rows whose text stood in an earlier one with other labels.
    pub num_conflicts: usize,
    /// The first five rows.
    pub preview: Vec<PreviewRow>,
}

/// A label and the rows that have it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LabelCount {
    /// Name of the label.
    pub label: String,
    /// Usable rows that have it, over all splits.
    pub count: usize,
}

/// A row as it will be used.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PreviewRow {
    /// Row number in its file.
    pub row: usize,
    /// The text.
    pub text: String,
    /// The second text of a pair.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub second: Option<String>,
    /// Its labels.
    pub labels: Vec<String>,
}

/// What an evaluation says besides its figures.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct EvaluationDetail {
    /// At the thresholds in force: 0.5 for each label while a run goes on, after it those that its validation rows gave.
    pub evaluation: MultiLabelEvaluation,
    /// At the thresholds that give each label its best F1 on these very rows: those of the validation rows are in force
    /// once a run is over.
    pub best: MultiLabelEvaluation,
    /// Bins of the expected calibration error, over all pairs of a row and a label; only of an evaluation in full.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub bins: Vec<ReliabilityBin>,
}

/// What was predicted for a row.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RowPrediction {
    /// Row number in its file.
    pub row: usize,
    /// The text.
    pub text: String,
    /// The second text of a pair.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub second: Option<String>,
    /// Label ids it has, ascending.
    pub labels: Vec<usize>,
    /// Label ids with a probability of at least their threshold, ascending.
    pub predicted: Vec<usize>,
    /// Probabilities in label order.
    pub probabilities: Vec<f32>,
}

/// What a model says to an input.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Prediction {
    /// Probabilities in label order; each is one of its own.
    pub probabilities: Vec<f32>,
    /// From which probability on each label is given, in the same order.
    pub thresholds: Vec<f64>,
}

impl Prediction {
    /// Ids of the labels that are given, ascending.
    #[must_use]
    pub fn given(&self) -> Vec<usize> {
        find_given(&self.probabilities, &self.thresholds)
    }
}

/// Reads rows with any number of labels.
///
/// # Errors
/// Says what is wrong, with file, row and column.
pub fn read(request: &ReadRequest<'_>) -> Result<Box<dyn TaskData>, TaskError> {
    let (dataset, summary) = read_dataset(request)?;
    let Dataset { labels, columns, has_marks, separator, places, splits, num_conflicts, preview } = dataset;
    let texts = TextData::new(splits, summary, request.read);
    let purpose = request.purpose;
    Ok(Box::new(ManyLabelData {
        labels,
        columns,
        has_marks,
        separator,
        places,
        texts,
        num_conflicts,
        preview,
        purpose,
    }))
}

/// Prepares to label inputs.
///
/// # Errors
/// When the tokenizer fails on an input.
pub fn predictor(request: &PredictRequest<'_>) -> Result<Box<dyn Predictor>, TaskError> {
    Ok(Box::new(predict::ManyLabelPredictor::new(request)?))
}

/// Ids of the labels whose probability reaches their threshold, ascending.
fn find_given(probabilities: &[f32], thresholds: &[f64]) -> Vec<usize> {
    let pairs = probabilities.iter().zip(thresholds).enumerate();
    pairs.filter(|(_, (probability, threshold))| f64::from(**probability) >= **threshold).map(|(id, _)| id).collect()
}

/// The sigmoid of each output; `None` if one is not finite.
fn probabilities(logits: &[f32]) -> Option<Vec<f32>> {
    let sigmoid = |&logit: &f32| logit.is_finite().then(|| (1.0 / (1.0 + (-f64::from(logit)).exp())) as f32);
    logits.iter().map(sigmoid).collect()
}

/// Rows as they were read.
#[derive(Debug)]
struct ManyLabelData {
    labels: Vec<String>,
    /// Columns with 0 or 1 for each label; none where one column has all labels.
    columns: Vec<String>,
    has_marks: bool,
    separator: Option<char>,
    places: Vec<String>,
    texts: TextData<Vec<usize>>,
    num_conflicts: usize,
    preview: Vec<PreviewRow>,
    purpose: Purpose,
}

impl LabeledTexts for ManyLabelData {
    type Label = Vec<usize>;

    const TASK: Task = SPEC.task;

    const LABELS_ARE: LabelKind = LabelKind::Labels;

    fn texts(&self) -> &TextData<Self::Label> {
        &self.texts
    }

    fn texts_mut(&mut self) -> &mut TextData<Self::Label> {
        &mut self.texts
    }

    fn label_names(&self) -> &[String] {
        &self.labels
    }

    fn fill_in_labels(&self, read: ReadOptions) -> ReadOptions {
        if self.columns.is_empty() {
            let label_column = Some(self.texts.summary.column_of(columns::LABELS).to_owned());
            return ReadOptions { label_column, label_separator: self.separator, ..read };
        }
        ReadOptions { label_columns: self.columns.clone(), label_column: None, ..read }
    }

    fn number_labels_as(&mut self, known: &[String]) {
        let id = |label: &String| known.iter().position(|known| known == label);
        let Some(map) = self.labels.iter().map(id).collect::<Option<Vec<usize>>>() else { return };
        for row in Rc::make_mut(&mut self.texts.splits).iter_mut().flatten() {
            row.label.iter_mut().for_each(|label| *label = map[*label]);
            row.label.sort_unstable();
        }
        self.labels = known.to_vec();
    }

    fn make_report(&self, model: Option<&TaskModel<'_>>, run: &RunConfig) -> DataReport {
        let all = self.texts.splits.each_ref().map(|rows| read::count_labels(rows, self.labels.len()));
        let count = |(id, label): (usize, &String)| LabelCount {
            label: label.clone(),
            count: all.iter().map(|counts| counts[id]).sum(),
        };
        let detail = ReportDetail {
            labels: self.labels.iter().enumerate().map(count).collect(),
            separator: self.separator,
            has_column_each: !self.columns.is_empty(),
            has_marks: self.has_marks,
            places: self.places.clone(),
            num_to_label: self.texts.summary.num_unlabeled,
            num_unlabeled: self.texts.splits.iter().flatten().filter(|row| row.label.is_empty()).count(),
            num_conflicts: self.num_conflicts,
            preview: self.preview.clone(),
        };
        self.texts.report(model, run, super::ReportDetail::MultiLabel(Box::new(detail)))
    }

    fn check_to_prepare(&self) -> Result<(), TaskError> {
        let waits_for_labels = self.purpose == Purpose::Train && self.texts.summary.num_unlabeled > 0;
        if waits_for_labels && (self.labels.is_empty() || self.texts.splits[0].is_empty()) {
            return Err(nothing_labeled(&self.texts.summary).into());
        }
        Ok(())
    }

    fn make_rows(&self, texts: PreparedTexts<Self::Label>, run: &RunConfig) -> Box<dyn TaskRows> {
        Box::new(rows::ManyLabelRows::new(self.labels.clone(), texts, run))
    }

    fn spell_label<'a>(&'a self, labels: &'a Self::Label) -> Vec<Cow<'a, str>> {
        labels.iter().map(|&label| Cow::Borrowed(self.labels[label].as_str())).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::DataFiles;

    #[test]
    fn the_report_counts_labels_and_a_model_numbers_them() {
        let text = "text,tags\none,a|b\ntwo,b\nthree,a\nfour,[]\nfive,b|a\nsix,b\n";
        let files = &DataFiles { train: ("x.csv".into(), text.as_bytes().to_vec()), ..DataFiles::default() };
        let (read_options, run) = (&ReadOptions::default(), &RunConfig::default());
        let purpose = Purpose::Train;
        let request = ReadRequest {
            files: &files.clone().into(),
            read: read_options,
            run,
            known_labels: &[],
            purpose,
            model: None,
        };
        let mut data = read(&request).expect("good rows");
        let detail = |data: &dyn TaskData| match data.report(None, run).expect("nothing is decoded").detail {
            super::super::ReportDetail::MultiLabel(detail) => *detail,
            other => panic!("not of this task: {other:?}"),
        };
        let count = |label: &str, count| LabelCount { label: label.into(), count };
        let found = detail(&*data);
        assert_eq!(found.labels, [count("a", 3), count("b", 4)]);
        assert_eq!((found.separator, found.num_unlabeled, found.preview.len()), (Some('|'), 1, 5));
        data.adopt_labels(&["b".to_owned(), "a".to_owned()]);
        assert_eq!(detail(&*data).labels, [count("b", 4), count("a", 3)]);
        data.adopt_labels(&["b".to_owned()]);
        assert_eq!(data.labels().len(), 2, "a model that does not know all of them changes nothing");
    }

    #[test]
    fn each_output_is_a_probability_of_its_own() {
        assert_eq!(probabilities(&[0.0, 1000.0, -1000.0]), Some(vec![0.5, 1.0, 0.0]));
        assert_eq!(probabilities(&[0.0, f32::NAN]), None);
    }
}
