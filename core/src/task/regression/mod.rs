//! Numbers for a text, or for a pair of texts: one, or several.
//!
//! In: tables with a column of texts, perhaps one of second texts, and a column for each number. `columns` chooses them,
//! `read` makes rows of them; `rows` are the rows of a run with their figures; `card` says how the model is used.

mod answers;
mod card;
mod columns;
mod commas;
mod read;
mod recognise;
mod rows;

use std::borrow::Cow;

use serde::{Deserialize, Serialize};

use super::labeled_texts::LabeledTexts;
use super::spec::settings_of_texts;
use super::texts::{PreparedTexts, TextData, text_predictor};
use super::{
    DataReport, FigureSpec, HeadKind, LOSS, PredictRequest, Predictor, ReadRequest, Task, TaskData, TaskError,
    TaskModel, TaskRows, TaskSpec, Unit,
};
use crate::config::{ReadOptions, RunConfig};
use crate::data::findings::LabelKind;
use crate::metrics::{OutputMetrics, RegressionEvaluation};

pub use answers::ANSWERS;
pub use card::card;
pub use read::{Dataset, read_dataset};
pub use recognise::recognise;

/// What there is to say about this task.
pub const SPEC: TaskSpec = TaskSpec {
    task: Task::Regression,
    title: "Predict numbers",
    does: "predicts numbers",
    row_noun: "row",
    head: HeadKind::Sequence,
    problem_type: Some("regression"),
    peft_task_type: Some("SEQ_CLS"),
    pipeline: "text-classification",
    library: "transformers",
    command: "predict",
    figures: &[
        LOSS,
        FigureSpec { name: "mse", title: "Mean squared error", unit: Unit::Number, higher_is_better: false },
        FigureSpec { name: "mae", title: "Mean absolute error", unit: Unit::Number, higher_is_better: false },
        FigureSpec { name: "rmse", title: "Root mean squared error", unit: Unit::Number, higher_is_better: false },
        FigureSpec { name: "r2", title: "R²", unit: Unit::Score, higher_is_better: true },
        FigureSpec { name: "pearson", title: "Pearson correlation", unit: Unit::Score, higher_is_better: true },
        FigureSpec { name: "spearman", title: "Spearman correlation", unit: Unit::Score, higher_is_better: true },
    ],
    settings: settings_of_texts![
        "pooling",
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

/// What a report says of rows with numbers.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ReportDetail {
    /// The numbers, one entry an output.
    pub outputs: Vec<NumberRange>,
    /// Rows whose text stood in an earlier one with another number.
    pub num_conflicts: usize,
    /// The first five rows.
    pub preview: Vec<PreviewRow>,
}

/// Which numbers an output has, over all splits.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct NumberRange {
    /// Name of the output.
    pub label: String,
    /// Smallest number.
    pub min: f64,
    /// Largest number.
    pub max: f64,
    /// Mean.
    pub mean: f64,
    /// Standard deviation, divided by the number of rows.
    pub std: f64,
}

/// A row as it will be used.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PreviewRow {
    /// Row number in its file.
    pub row: usize,
    /// The text.
    pub text: String,
    /// The second text of a pair.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub second: Option<String>,
    /// The numbers, in the order of the outputs.
    pub numbers: Vec<f64>,
}

/// What an evaluation says besides its figures.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct EvaluationDetail {
    /// Names of the outputs.
    pub labels: Vec<String>,
    /// Figures of each output, and their means.
    pub evaluation: RegressionEvaluation,
    /// What always answering with the mean of the training rows gives; `None` without such rows.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub baseline: Option<OutputMetrics>,
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
    /// Its numbers as they stand in the file, in the order of the outputs.
    pub numbers: Vec<f64>,
    /// The numbers that were predicted.
    pub predicted: Vec<f32>,
}

/// What a model says to an input.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Prediction {
    /// The numbers, in the order of the outputs.
    pub numbers: Vec<f32>,
}

/// Reads rows with numbers.
///
/// # Errors
/// Says what is wrong, with file, row and column.
pub fn read(request: &ReadRequest<'_>) -> Result<Box<dyn TaskData>, TaskError> {
    let (Dataset { labels, columns, splits, num_conflicts, preview }, summary) = read_dataset(request)?;
    let texts = TextData::new(splits, summary, request.read);
    Ok(Box::new(NumberData { labels, columns, texts, num_conflicts, preview }))
}

/// Prepares to give numbers to inputs.
///
/// # Errors
/// When the tokenizer fails on an input.
pub fn predictor(request: &PredictRequest<'_>) -> Result<Box<dyn Predictor>, TaskError> {
    let answer = |outputs: &[f32]| {
        let are_finite = outputs.iter().all(|number| number.is_finite());
        are_finite.then(|| super::Prediction::Regression(Prediction { numbers: outputs.to_vec() }))
    };
    Ok(Box::new(text_predictor(request, SPEC.eval_batch_size, answer)?))
}

/// Rows with numbers as they were read.
#[derive(Debug)]
struct NumberData {
    labels: Vec<String>,
    /// The columns of the numbers.
    columns: Vec<String>,
    texts: TextData<Vec<f64>>,
    num_conflicts: usize,
    preview: Vec<PreviewRow>,
}

impl NumberData {
    fn range(&self, output: usize) -> NumberRange {
        let numbers = || self.texts.splits.iter().flatten().map(move |row| row.label[output]);
        let count = numbers().count().max(1) as f64;
        let mean = numbers().sum::<f64>() / count;
        let variance = numbers().map(|number| (number - mean).powi(2)).sum::<f64>() / count;
        NumberRange {
            label: self.labels[output].clone(),
            min: numbers().reduce(f64::min).unwrap_or(0.0),
            max: numbers().reduce(f64::max).unwrap_or(0.0),
            mean,
            std: variance.sqrt(),
        }
    }
}

impl LabeledTexts for NumberData {
    type Label = Vec<f64>;

    const TASK: Task = SPEC.task;

    const LABELS_ARE: LabelKind = LabelKind::Number;

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
        match self.columns.as_slice() {
            [column] => ReadOptions { label_column: Some(column.clone()), label_columns: Vec::new(), ..read },
            columns => ReadOptions { label_column: None, label_columns: columns.to_vec(), ..read },
        }
    }

    fn number_labels_as(&mut self, known: &[String]) {
        read::adopt_labels(&mut self.labels, known);
    }

    fn make_report(&self, model: Option<&TaskModel<'_>>, run: &RunConfig) -> DataReport {
        let detail = ReportDetail {
            outputs: (0..self.labels.len()).map(|output| self.range(output)).collect(),
            num_conflicts: self.num_conflicts,
            preview: self.preview.clone(),
        };
        self.texts.report(model, run, super::ReportDetail::Regression(Box::new(detail)))
    }

    fn make_rows(&self, texts: PreparedTexts<Self::Label>, _run: &RunConfig) -> Box<dyn TaskRows> {
        Box::new(rows::NumberRows::new(self.labels.clone(), texts))
    }

    fn spell_label<'a>(&'a self, numbers: &'a Self::Label) -> Vec<Cow<'a, str>> {
        vec![Cow::Owned(numbers.iter().map(ToString::to_string).collect::<Vec<_>>().join(", "))]
    }
}
