//! One label for a text, or for a pair of texts.
//!
//! In: tables with a column of texts, perhaps one of second texts, and a column of labels. `read` makes labeled rows of
//! them, `draw` says by which labels they are shared out; `passed_over` names columns that may be labels, too; `rows` are the
//! rows of a run, `measure` their figures; `card` says how the model is used.

mod answers;
mod card;
mod draw;
mod measure;
mod passed_over;
mod read;
mod rows;

use std::borrow::Cow;
use std::rc::Rc;

use serde::{Deserialize, Serialize};

use super::by_hand::check_labels_to_train;
use super::class_answers::ClassPredictor;
use super::class_labels::adopt_labels;
use super::class_sums::CLASS_FIGURES;
use super::guess::holds_labeled_rows;
use super::labeled_texts::LabeledTexts;
use super::spec::settings_of_texts;
use super::targets::note_of_sampling;
use super::texts::{PreparedTexts, TextData, text_predictor};
use super::{
    DataReport, HeadKind, PredictRequest, Predictor, Purpose, ReadRequest, Task, TaskData, TaskError, TaskModel,
    TaskRows, TaskSpec,
};
use crate::config::{ReadOptions, RunConfig};
use crate::data::Split;
use crate::data::findings::LabelKind;

pub use crate::metrics::Evaluation as EvaluationDetail;
pub use answers::ANSWERS;
pub use card::card;
pub use read::{Dataset, read_dataset};

/// What there is to say about this task.
pub const SPEC: TaskSpec = TaskSpec {
    task: Task::SequenceClassification,
    title: "Label texts",
    does: "labels texts",
    row_noun: "row",
    head: HeadKind::Sequence,
    problem_type: Some("single_label_classification"),
    peft_task_type: Some("SEQ_CLS"),
    pipeline: "text-classification",
    library: "transformers",
    command: "predict",
    figures: CLASS_FIGURES,
    settings: settings_of_texts![
        "pooling",
        "label_smoothing_factor",
        "class_weights",
        "effective_number_beta",
        "class_sampling",
        "focal_gamma",
        "rdrop_alpha",
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

/// What a report says of labeled rows.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReportDetail {
    /// Classes in label order.
    pub classes: Vec<ClassCount>,
    /// Rows whose text stood in an earlier one with another label.
    pub num_conflicts: usize,
    /// Rows of the training file that lack nothing but their label: they are left out.
    #[serde(default)]
    pub num_unlabeled: usize,
    /// The first five rows.
    pub preview: Vec<PreviewRow>,
}

/// A class and its rows.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ClassCount {
    /// Name of the class.
    pub label: String,
    /// Usable rows of it, over all splits.
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
    /// The label.
    pub label: String,
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
    /// Label id it has.
    pub label: usize,
    /// Label id with the highest probability.
    pub predicted: usize,
    /// Probabilities in label order.
    pub probabilities: Vec<f32>,
}

/// What a model says to an input.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Prediction {
    /// Probabilities in label order, with the temperature that the model has.
    pub probabilities: Vec<f32>,
    /// The answer is unsure where the highest of them is below this; `None` where nobody chose that.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unsure_below: Option<f64>,
}

/// Reads labeled rows.
///
/// # Errors
/// Says what is wrong, with file, row and column.
pub fn read(request: &ReadRequest<'_>) -> Result<Box<dyn TaskData>, TaskError> {
    let (Dataset { labels, splits, num_conflicts, preview }, summary) = read_dataset(request)?;
    let texts = TextData::new(splits, summary, request.read);
    Ok(Box::new(LabeledData { labels, texts, num_conflicts, preview, purpose: request.purpose }))
}

/// Whether a file is a table with a column of texts and a column of labels.
#[must_use]
pub fn recognise(name: &str, bytes: &[u8]) -> bool {
    holds_labeled_rows(name, bytes)
}

/// Prepares to label inputs.
///
/// # Errors
/// When the tokenizer fails on an input.
pub fn predictor(request: &PredictRequest<'_>) -> Result<Box<dyn Predictor>, TaskError> {
    let make = |probabilities: Vec<f32>, unsure_below: Option<f64>| {
        super::Prediction::SequenceClassification(Prediction { probabilities, unsure_below })
    };
    Ok(Box::new(ClassPredictor::new(make, |answer| text_predictor(request, SPEC.eval_batch_size, answer))?))
}

/// Labeled rows as they were read.
#[derive(Debug)]
struct LabeledData {
    labels: Vec<String>,
    texts: TextData<usize>,
    num_conflicts: usize,
    preview: Vec<PreviewRow>,
    purpose: Purpose,
}

impl LabeledTexts for LabeledData {
    type Label = usize;

    const TASK: Task = SPEC.task;

    const LABELS_ARE: LabelKind = LabelKind::Class;

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
        let label_column = Some(self.texts.summary.column_of("label").to_owned());
        ReadOptions { label_column, ..read }
    }

    fn number_labels_as(&mut self, known: &[String]) {
        let rows = Rc::make_mut(&mut self.texts.splits).iter_mut().flatten();
        adopt_labels(&mut self.labels, rows.map(|row| &mut row.label), known);
    }

    fn make_report(&self, model: Option<&TaskModel<'_>>, run: &RunConfig) -> DataReport {
        let mut counts = vec![0; self.labels.len()];
        self.texts.splits.iter().flatten().for_each(|row| counts[row.label] += 1);
        let class = |(label, count): (&String, usize)| ClassCount { label: label.clone(), count };
        let detail = ReportDetail {
            classes: self.labels.iter().zip(counts).map(class).collect(),
            num_conflicts: self.num_conflicts,
            num_unlabeled: self.texts.summary.num_unlabeled,
            preview: self.preview.clone(),
        };
        let detail = super::ReportDetail::SequenceClassification(Box::new(detail));
        let mut report = self.texts.report(model, run, detail);
        let trained = self.texts.splits[Split::Train as usize].iter().map(|row| row.label);
        let copies = if self.texts.is_augmented(run) { "; with its changed copies each class has more" } else { "" };
        report.notes.extend(note_of_sampling(&self.labels, trained, run).map(|note| note + copies));
        report
    }

    fn check_to_prepare(&self) -> Result<(), TaskError> {
        if self.purpose != Purpose::Train {
            return Ok(());
        }
        let splits = &self.texts.splits;
        let ids = splits.iter().flatten().map(|row| row.label);
        let num_rows = self.texts.num_rows().iter().sum();
        check_labels_to_train(&self.texts.summary, &self.labels, ids, !splits[0].is_empty(), num_rows)?;
        Ok(())
    }

    fn make_rows(&self, texts: PreparedTexts<Self::Label>, run: &RunConfig) -> Box<dyn TaskRows> {
        Box::new(rows::LabeledRows::new(self.labels.clone(), texts, run))
    }

    fn spell_label<'a>(&'a self, &label: &'a Self::Label) -> Vec<Cow<'a, str>> {
        vec![Cow::Borrowed(self.labels[label].as_str())]
    }
}

#[cfg(test)]
mod tests {
    use super::super::texts::tests::{model, tokenizer};
    use super::super::{EvaluationDetail, Prediction as AnyPrediction, ReportDetail as AnyDetail, RowPredictions};
    use super::*;
    use crate::config::SplitConfig;
    use crate::data::{DataFiles, HostTargets, Outputs, Split};
    use crate::task::TaskInput;

    fn data_of(text: &str, run: &RunConfig) -> Box<dyn TaskData> {
        let files = &DataFiles { train: ("d.csv".into(), text.as_bytes().to_vec()), ..DataFiles::default() }.into();
        let read_options = &ReadOptions::default();
        let request = ReadRequest::to_train(files, read_options, run);
        read(&request).expect("good rows")
    }

    fn run(max_seq_length: u32) -> RunConfig {
        RunConfig { max_seq_length, pad_to_multiple_of: 1, seed: 1, ..RunConfig::default() }
    }

    /// Twenty rows of two classes, each with one word more than the one before.
    fn rows() -> String {
        let row = |i: usize| {
            format!("{},{}\n", vec!["hello"; i + 1].join(" "), ["usual", "rare"][usize::from(i.is_multiple_of(4))])
        };
        format!("text,label\n{}one cell,too,many\n", (0..20).map(row).collect::<String>())
    }

    #[test]
    fn the_report_says_what_is_there() {
        let (run, tokenizer) = (run(18), tokenizer());
        let model = model(&tokenizer);
        let mut data = data_of(&rows(), &run);
        let before = data.report(None, &run).expect("nothing is decoded");
        assert_eq!((before.lengths.max, before.num_truncated, before.num_encoded), (0, 0, [16, 2, 2]));
        while data.encode_part(&model, &run).expect("room enough") {}
        assert_eq!(data.progress(), (20, 20));
        let report = data.report(Some(&model), &run).expect("nothing is decoded");
        assert_eq!((report.num_rows, report.num_usable, report.num_bad_rows), (21, 20, 1));
        assert_eq!(report.split_sizes, [16, 2, 2]);
        assert_eq!((report.num_truncated, report.lengths.max, report.max_seq_length), (4, 22, 18));
        let cut = "4 of 20 rows are longer than 18 tokens and are shortened: rows 18, 19, 20, 21";
        assert_eq!(report.warnings, [cut]);
        let AnyDetail::SequenceClassification(detail) = &report.detail else { panic!("not of this task") };
        let count = |label: &str, count| ClassCount { label: label.into(), count };
        assert_eq!(detail.classes, [count("rare", 5), count("usual", 15)]);
        assert_eq!((detail.preview.len(), detail.num_conflicts), (5, 0));
        let json = serde_json::to_string(&report).expect("plain values");
        assert_eq!(serde_json::from_str::<DataReport>(&json).expect("its own JSON"), report);
        let read = data.read_options();
        assert_eq!((read.text_column.as_deref(), read.label_column.as_deref()), (Some("text"), Some("label")));
        assert_eq!(read.text_pair_column, None);
    }

    #[test]
    fn batches_have_the_labels_of_their_rows_and_figures_come_from_outputs() {
        let split = SplitConfig { valid_fraction: 0.0, test_fraction: 0.0 };
        let (run, tokenizer) = (RunConfig { split, ..run(8) }, tokenizer());
        let data = data_of("text,label\nhello,b\nhello world,a\nworld,b\n", &run);
        let rows = data.prepare(&model(&tokenizer), &run).expect("two classes");
        assert_eq!((rows.labels(), rows.num_rows()), (&["a".to_owned(), "b".into()][..], [3, 0, 0]));
        assert_eq!((rows.lengths(Split::Train), rows.row_number(Split::Train, 2)), (vec![3, 4, 3], 4));
        let batch = rows.batch(Split::Train, &[1, 2], None);
        let text = batch.inputs.text();
        assert_eq!((text.batch, text.seq, batch.num_tokens, batch.weight), (2, 4, 7, 2.0));
        assert_eq!(batch.targets, HostTargets::Distributions { values: vec![1.0, 0.0, 0.0, 1.0], width: 2 });

        let mut measure = rows.measure(Split::Train);
        let outputs = |values: [f32; 4]| Outputs::Rows { values: values.to_vec(), width: 2 };
        measure.add(&[1, 2], &batch, &outputs([2.0, 0.0, 1.0, 1.0])).expect("finite");
        let last = rows.batch(Split::Train, &[0], None);
        let wrong = Outputs::Rows { values: vec![f32::NAN, 0.0], width: 2 };
        assert_eq!(measure.add(&[0], &last, &wrong), Err(0));
        measure.add(&[0], &last, &Outputs::Rows { values: vec![0.0, 2.0], width: 2 }).expect("finite");
        let (evaluation, RowPredictions::SequenceClassification(found)) = measure.finish() else {
            panic!("not of this task")
        };
        let expected = (2.0 * (1.0 + (-2.0_f64).exp()).ln() + 2.0_f64.ln()) / 3.0;
        assert!((evaluation.figure("loss").expect("it is measured") - expected).abs() < 1e-12);
        let names: Vec<&str> = evaluation.figures.iter().map(|figure| figure.name.as_ref()).collect();
        let of_more_labels = ["weighted_roc_auc", "top_3_accuracy", "top_5_accuracy"];
        let of_two = SPEC.figures.iter().map(|figure| figure.name).filter(|name| !of_more_labels.contains(name));
        assert_eq!(names, of_two.collect::<Vec<_>>());
        assert_eq!(
            found.iter().map(|row| (row.row, row.label, row.predicted)).collect::<Vec<_>>(),
            [(2, 1, 1), (3, 0, 0), (4, 1, 0)]
        );
        let EvaluationDetail::SequenceClassification(detail) = &evaluation.detail else { panic!("not of this task") };
        assert_eq!(detail.baseline.as_ref().map(|baseline| baseline.label.as_str()), Some("b"));
    }

    #[test]
    fn one_class_is_not_trained_on() {
        let split = SplitConfig { valid_fraction: 0.0, test_fraction: 0.0 };
        let (run, tokenizer) = (RunConfig { split, ..run(8) }, tokenizer());
        let error = data_of("text,label\nhello,a\nworld,a\n", &run).prepare(&model(&tokenizer), &run);
        let error = error.expect_err("one class").to_string();
        assert!(error.starts_with("all rows have the label \"a\" (2 rows)"), "{error}");
    }

    #[test]
    fn what_waits_for_its_labels_is_read_and_not_trained_on() {
        let (run, tokenizer) = (run(8), tokenizer());
        let refused = |rows: &str| {
            let prepared = data_of(&format!("text,label\n{rows}"), &run).prepare(&model(&tokenizer), &run);
            prepared.expect_err("there is nothing to learn").to_string()
        };
        let error = refused("hello,\nworld,\n");
        let expected = "nothing in the file is usable: 2 rows, the first (row 2) because the label is empty";
        assert!(error.starts_with(expected), "{error}");
        let error = refused("hello,b\nworld,\nhello world,b\n");
        assert!(error.starts_with("all rows have the label \"b\" (2 rows)"), "{error}");
        // One label, of a model that knows another one, too.
        let text = b"text,label\nhello,b\nworld,\n";
        let files = &DataFiles { train: ("d.csv".into(), text.to_vec()), ..DataFiles::default() }.into();
        let read_options = &ReadOptions::default();
        let known_labels = &["a".to_owned(), "b".to_owned()];
        let request = ReadRequest { known_labels, ..ReadRequest::to_train(files, read_options, &run) };
        let data = read(&request).expect("a row to label");
        let error = data.prepare(&model(&tokenizer), &run).expect_err("one class").to_string();
        assert!(error.starts_with("all rows have the label \"b\" (1 row)"), "{error}");
    }

    #[test]
    fn inputs_get_probabilities_in_the_order_of_the_labels() {
        let tokenizer = tokenizer();
        let inputs = [TaskInput { text: "hello".into(), second: Some("world".into()), image: None }];
        let labels = ["a".to_owned(), "b".to_owned()];
        let request = PredictRequest { inputs: &inputs, labels: &labels, model: model(&tokenizer), run: &run(8) };
        let mut predictor = predictor(&request).expect("room enough");
        assert_eq!(predictor.next_batch().map(|batch| batch.num_tokens), Some(5));
        predictor.add(&Outputs::Rows { values: vec![1.0, 1.0], width: 2 }).expect("finite");
        let expected = Prediction { probabilities: vec![0.5, 0.5], unsure_below: None };
        assert_eq!(predictor.finish(), [AnyPrediction::SequenceClassification(expected)]);
    }

    #[test]
    fn probabilities_are_those_of_logits_divided_by_the_temperature() {
        let tokenizer = tokenizer();
        let inputs = [TaskInput { text: "hello".into(), second: None, image: None }];
        let labels = ["a".to_owned(), "b".to_owned()];
        let request = PredictRequest { inputs: &inputs, labels: &labels, model: model(&tokenizer), run: &run(8) };
        let answer = |logit: f32, thresholds: &[(&str, f64)]| {
            let mut predictor = predictor(&request).expect("room enough");
            predictor.set_thresholds(&thresholds.iter().map(|&(name, value)| (name.to_owned(), value)).collect());
            assert!(predictor.next_batch().is_some());
            predictor.add(&Outputs::Rows { values: vec![logit, 0.0], width: 2 }).expect("finite");
            let AnyPrediction::SequenceClassification(found) = predictor.finish().remove(0) else {
                panic!("not of it")
            };
            found
        };
        let cooled = answer(3.0, &[("temperature", 1.5), ("unsure_below", 0.9)]);
        assert_eq!((&cooled.probabilities, cooled.unsure_below), (&answer(2.0, &[]).probabilities, Some(0.9)));
        assert_eq!(AnyPrediction::SequenceClassification(cooled).is_unsure(), Some(true), "0.88");
    }
}
