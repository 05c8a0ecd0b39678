//! Rows with any number of labels as a run trains on them and is measured on them.

use std::collections::BTreeMap;
use std::rc::Rc;

use super::read::count_labels;
use super::{EvaluationDetail, RowPrediction, SPEC, find_given, probabilities};
use crate::config::{ClassWeights, RunConfig};
use crate::data::{HostBatch, HostTargets, Outputs, Split};
use crate::metrics::{LabelScores, RowsOfLabels, best_thresholds, evaluate_multi_label};
use crate::task::targets::effective_number;
use crate::task::texts::{PreparedTexts, output_rows};
use crate::task::thresholds::in_order;
use crate::task::{AddedRows, Evaluation, EvaluationDetail as AnyDetail, Measure, RowPredictions, Task, TaskRows};

/// Rows with labels, and their tokens.
#[derive(Debug)]
pub(super) struct ManyLabelRows(Rc<Content>);

#[derive(Debug)]
struct Content {
    labels: Vec<String>,
    texts: PreparedTexts<Vec<usize>>,
    /// What a row that has a label counts in the loss, for each label.
    positive_weights: Vec<f64>,
    /// Of focal loss; 0 is cross-entropy.
    focal_gamma: f64,
}

impl ManyLabelRows {
    pub(super) fn new(labels: Vec<String>, texts: PreparedTexts<Vec<usize>>, run: &RunConfig) -> Self {
        let trained = texts.rows(Split::Train);
        let positive_weights = match run.class_weights {
            ClassWeights::None => vec![1.0; labels.len()],
            ClassWeights::Balanced => balance(&count_labels(trained, labels.len()), trained.len()),
            ClassWeights::EffectiveNumber => {
                let beta = run.techniques.effective_number_beta;
                balance_effective(&count_labels(trained, labels.len()), trained.len(), beta)
            }
        };
        let focal_gamma = run.techniques.focal_gamma;
        Self(Rc::new(Content { labels, texts, positive_weights, focal_gamma }))
    }
}

/// The weights with which the rows that have a label count as much as those that have not (`pos_weight` of PyTorch's
/// `BCEWithLogitsLoss`): their number divided by the number of those; 1 where no row has it.
fn balance(counts: &[usize], num_rows: usize) -> Vec<f64> {
    counts.iter().map(|&count| if count == 0 { 1.0 } else { (num_rows - count) as f64 / count as f64 }).collect()
}

/// As [`balance`], with the effective numbers of both kinds of rows (<https://arxiv.org/abs/1901.05555>) in the place of their
/// numbers. The paper weighs classes of which each row has one; here each label is told from its absence.
fn balance_effective(counts: &[usize], num_rows: usize, beta: f64) -> Vec<f64> {
    let of_label = |&count: &usize| match (count, num_rows.saturating_sub(count)) {
        (0, _) => 1.0,
        (count, others) => effective_number(others, beta) / effective_number(count, beta),
    };
    counts.iter().map(of_label).collect()
}

impl TaskRows for ManyLabelRows {
    fn task(&self) -> Task {
        SPEC.task
    }

    fn labels(&self) -> &[String] {
        &self.0.labels
    }

    fn num_rows(&self) -> [usize; 3] {
        self.0.texts.num_rows()
    }

    fn num_read(&self) -> [usize; 3] {
        self.0.texts.num_read()
    }

    fn added(&self) -> Option<AddedRows> {
        let labels = &self.0.labels;
        self.0.texts.added(|rows| labels.iter().cloned().zip(count_labels(rows, labels.len())).collect())
    }

    fn lengths(&self, split: Split) -> Vec<usize> {
        self.0.texts.lengths(split)
    }

    fn batch(&self, split: Split, indices: &[usize], _seed: Option<u64>) -> HostBatch {
        let (rows, width) = (self.0.texts.rows(split), self.0.labels.len());
        let (mut positive, mut negative) = (vec![0.0; indices.len() * width], vec![1.0; indices.len() * width]);
        for (at, &index) in indices.iter().enumerate() {
            for &label in &rows[index].label {
                positive[at * width + label] = self.0.positive_weights[label] as f32;
                negative[at * width + label] = 0.0;
            }
        }
        let weight = positive.len() as f64;
        let targets = match self.0.focal_gamma {
            0.0 => HostTargets::Binary { positive, negative, width },
            gamma => HostTargets::FocalBinary { positive, negative, width, gamma },
        };
        self.0.texts.batch(split, indices, targets, weight)
    }

    fn fingerprint(&self) -> String {
        self.0.texts.fingerprint(|labels| {
            let count = labels.len() as u32;
            [count].into_iter().chain(labels.iter().map(|&label| label as u32)).flat_map(u32::to_le_bytes).collect()
        })
    }

    fn row_number(&self, split: Split, index: usize) -> usize {
        self.0.texts.rows(split)[index].row
    }

    fn measure(&self, split: Split) -> Box<dyn Measure> {
        let predictions = vec![None; self.0.texts.rows(split).len()];
        let thresholds = in_order(&self.0.labels, &BTreeMap::new());
        Box::new(ManyLabelMeasure { rows: Rc::clone(&self.0), split, thresholds, is_in_full: false, predictions })
    }
}

/// Rows of a split on their way to figures.
struct ManyLabelMeasure {
    rows: Rc<Content>,
    split: Split,
    /// One a label.
    thresholds: Vec<f64>,
    is_in_full: bool,
    /// Each with its mean loss over the labels.
    predictions: Vec<Option<(RowPrediction, f64)>>,
}

impl Measure for ManyLabelMeasure {
    fn set_thresholds(&mut self, thresholds: &BTreeMap<String, f64>) {
        self.thresholds = in_order(&self.rows.labels, thresholds);
    }

    fn measure_in_full(&mut self) {
        self.is_in_full = true;
    }

    fn add(&mut self, indices: &[usize], _batch: &HostBatch, outputs: &Outputs) -> Result<(), usize> {
        for (&index, logits) in indices.iter().zip(output_rows(outputs)) {
            let probabilities = probabilities(logits).ok_or(index)?;
            let row = &self.rows.texts.rows(self.split)[index];
            let loss_of = |(label, &logit): (usize, &f32)| {
                let logit = f64::from(logit);
                softplus(if row.label.contains(&label) { -logit } else { logit })
            };
            let loss = logits.iter().enumerate().map(loss_of).sum::<f64>() / logits.len().max(1) as f64;
            let predicted = find_given(&probabilities, &self.thresholds);
            let prediction = RowPrediction {
                row: row.row,
                text: row.input.text.clone(),
                second: row.input.second.clone(),
                labels: row.label.clone(),
                predicted,
                probabilities,
            };
            self.predictions[index] = Some((prediction, loss));
        }
        Ok(())
    }

    fn finish(self: Box<Self>) -> (Evaluation, RowPredictions) {
        let labels = &self.rows.labels;
        let (rows, losses): (Vec<RowPrediction>, Vec<f64>) = self.predictions.into_iter().flatten().unzip();
        let probabilities: Vec<f32> = rows.iter().flat_map(|row| row.probabilities.iter().copied()).collect();
        let has = |row: &RowPrediction| (0..labels.len()).map(|label| row.labels.contains(&label)).collect::<Vec<_>>();
        let targets: Vec<bool> = rows.iter().flat_map(has).collect();
        let evaluation = evaluate_multi_label(labels, &probabilities, &targets, &self.thresholds);
        let thresholds = best_thresholds(&probabilities, &targets, labels.len());
        let best = evaluate_multi_label(labels, &probabilities, &targets, &thresholds);
        let (probabilities, targets) = (probabilities.as_slice(), targets.as_slice());
        let measured = RowsOfLabels { probabilities, targets, thresholds: &self.thresholds, losses: &losses };
        let scores = LabelScores::new(measured);
        let (figures, bins) = match self.is_in_full {
            true => (scores.figures_with_intervals(), scores.reliability_bins()),
            false => (scores.figures(), Vec::new()),
        };
        let num_rows = rows.len();
        let detail = AnyDetail::MultiLabel(Box::new(EvaluationDetail { evaluation, best, bins }));
        (Evaluation { figures, num_rows, detail }, RowPredictions::MultiLabel(rows))
    }
}

/// `ln(1 + exp(x))`, which is `-ln sigmoid(-x)`.
fn softplus(x: f64) -> f64 {
    x.max(0.0) + (-x.abs()).exp().ln_1p()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{ReadOptions, SplitConfig, Techniques};
    use crate::data::DataFiles;
    use crate::task::ReadRequest;
    use crate::task::texts::tests::{model, tokenizer};

    fn rows(class_weights: ClassWeights) -> Box<dyn TaskRows> {
        rows_of(&RunConfig { class_weights, ..RunConfig::default() })
    }

    fn rows_of(run: &RunConfig) -> Box<dyn TaskRows> {
        let split = SplitConfig { valid_fraction: 0.0, test_fraction: 0.0 };
        let run = &RunConfig { split, ..run.clone() };
        let text = "text,tags\nhello,a;b\nhello world,b\nworld,b\nhello hello,a;b\nworld hello,c\n";
        let files = &DataFiles { train: ("x.csv".into(), text.as_bytes().to_vec()), ..DataFiles::default() }.into();
        let read = &ReadOptions::default();
        let request = ReadRequest::to_train(files, read, run);
        let data = super::super::read(&request).expect("good rows");
        assert_eq!(data.read_options().label_column.as_deref(), Some("tags"));
        data.prepare(&model(&tokenizer()), run).expect("room enough")
    }

    #[test]
    fn positives_weigh_as_much_as_negatives_where_asked() {
        let binary = |class_weights| rows(class_weights).batch(Split::Train, &[0, 4], None);
        let (positive, negative) = (vec![1.0, 1.0, 0.0, 0.0, 0.0, 1.0], vec![0.0, 0.0, 1.0, 1.0, 1.0, 0.0]);
        let batch = binary(ClassWeights::None);
        assert_eq!(batch.targets, HostTargets::Binary { positive, negative: negative.clone(), width: 3 });
        assert_eq!((batch.weight, batch.num_rows), (6.0, 2));
        let positive = vec![1.5, 0.25, 0.0, 0.0, 0.0, 4.0];
        assert_eq!(binary(ClassWeights::Balanced).targets, HostTargets::Binary { positive, negative, width: 3 });
    }

    /// With a beta of 0.9 three rows count for 2.71, two for 1.9, four for 3.439 and one for itself.
    #[test]
    fn positives_weigh_by_effective_numbers_and_focal_loss_takes_them_where_asked() {
        let found = balance_effective(&[2, 4, 1, 0], 5, 0.9);
        let expected = [2.71 / 1.9, 1.0 / 3.439, 3.439, 1.0];
        assert!(found.iter().zip(expected).all(|(found, expected)| (found - expected).abs() < 1e-9), "{found:?}");
        let techniques = Techniques { focal_gamma: 1.5, ..Techniques::default() };
        let run = RunConfig { techniques, ..RunConfig::default() };
        let targets = rows_of(&run).batch(Split::Train, &[4], None).targets;
        let (positive, negative) = (vec![0.0, 0.0, 1.0], vec![1.0, 1.0, 0.0]);
        assert_eq!(targets, HostTargets::FocalBinary { positive, negative, width: 3, gamma: 1.5 });
    }

    /// The loss is `binary_cross_entropy_with_logits` of PyTorch.
    #[test]
    fn figures_come_from_outputs() {
        let rows = rows(ClassWeights::Balanced);
        let batch = rows.batch(Split::Train, &[0, 1], None);
        let mut measure = rows.measure(Split::Train);
        let outputs = |values: &[f32]| Outputs::Rows { values: values.to_vec(), width: 3 };
        assert_eq!(measure.add(&[0], &batch, &outputs(&[0.0, f32::NAN, 0.0])), Err(0));
        measure.add(&[0, 1], &batch, &outputs(&[2.0, -1.0, 0.0, -2.0, 3.0, -40.0])).expect("finite");
        let (evaluation, found) = measure.finish();
        let (RowPredictions::MultiLabel(found), AnyDetail::MultiLabel(detail)) = (&found, &evaluation.detail) else {
            panic!("not of this task")
        };
        let ln = |x: f64| (1.0 + x.exp()).ln();
        let expected = (ln(-2.0) + ln(1.0) + ln(0.0) + ln(-2.0) + ln(-3.0)) / 6.0;
        assert!((evaluation.figure("loss").expect("it is measured") - expected).abs() < 1e-9);
        assert_eq!((found[0].labels.as_slice(), found[0].predicted.as_slice()), (&[0, 1][..], &[0, 2][..]));
        assert_eq!(detail.evaluation.subset_accuracy, 0.5);
        assert!(detail.best.micro_avg.f1 >= detail.evaluation.micro_avg.f1);
        let thresholds = evaluation.thresholds();
        assert_eq!(thresholds.keys().collect::<Vec<_>>(), ["a", "b", "c"]);
        assert!(thresholds["b"] < 0.25, "both rows have it, the lower one with 0.27: {thresholds:?}");
        assert_eq!(thresholds["c"], 0.5, "no row has it");
        let names: Vec<&str> = evaluation.figures.iter().map(|figure| figure.name.as_ref()).collect();
        let measured = SPEC.figures.iter().map(|figure| figure.name).filter(|name| names.contains(name));
        assert_eq!(names, measured.collect::<Vec<_>>(), "in the order of the task");
    }

    #[test]
    fn labels_are_given_and_measured_from_their_thresholds_on() {
        let rows = rows(ClassWeights::None);
        let batch = rows.batch(Split::Train, &[0, 1], None);
        let outputs = Outputs::Rows { values: vec![2.0, -1.0, 0.0, -2.0, 3.0, -40.0], width: 3 };
        let mut measure = rows.measure(Split::Train);
        // The probability of b is 0.27 in the first row; a label of another model is left aside.
        measure.set_thresholds(&[("b", 0.25), ("c", 0.75), ("z", 0.0)].map(|(l, t)| (l.to_owned(), t)).into());
        measure.add(&[0, 1], &batch, &outputs).expect("finite");
        let (evaluation, found) = measure.finish();
        let (RowPredictions::MultiLabel(found), AnyDetail::MultiLabel(detail)) = (&found, &evaluation.detail) else {
            panic!("not of this task")
        };
        assert_eq!(found.iter().map(|row| row.predicted.as_slice()).collect::<Vec<_>>(), [&[0, 1][..], &[1]]);
        let used: Vec<f64> = detail.evaluation.per_label.iter().map(|label| label.threshold).collect();
        assert_eq!((used.as_slice(), evaluation.figure("subset_accuracy")), (&[0.5, 0.25, 0.75][..], Some(1.0)));
    }
}
