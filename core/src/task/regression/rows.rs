//! Rows with numbers as a run trains on them and is measured on them.

use std::rc::Rc;

use super::{EvaluationDetail, RowPrediction, SPEC};
use crate::data::{HostBatch, HostTargets, Outputs, Split};
use crate::metrics::{Figure, OutputMetrics, add_number_intervals, evaluate_regression, figure};
use crate::task::texts::{PreparedTexts, output_rows};
use crate::task::{AddedRows, Evaluation, EvaluationDetail as AnyDetail, Measure, RowPredictions, Task, TaskRows};

/// Rows with numbers, and their tokens.
#[derive(Debug)]
pub(super) struct NumberRows(Rc<Content>);

#[derive(Debug)]
struct Content {
    labels: Vec<String>,
    texts: PreparedTexts<Vec<f64>>,
}

impl NumberRows {
    pub(super) fn new(labels: Vec<String>, texts: PreparedTexts<Vec<f64>>) -> Self {
        Self(Rc::new(Content { labels, texts }))
    }
}

impl TaskRows for NumberRows {
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
        self.0.texts.added(|_| Vec::new())
    }

    fn lengths(&self, split: Split) -> Vec<usize> {
        self.0.texts.lengths(split)
    }

    fn batch(&self, split: Split, indices: &[usize], _seed: Option<u64>) -> HostBatch {
        let rows = self.0.texts.rows(split);
        let values: Vec<f32> = indices.iter().flat_map(|&index| as_learned(&rows[index].label)).collect();
        let weight = values.len() as f64;
        self.0.texts.batch(split, indices, HostTargets::Numbers { values, width: self.0.labels.len() }, weight)
    }

    fn fingerprint(&self) -> String {
        self.0.texts.fingerprint(|numbers| as_learned(numbers).flat_map(f32::to_le_bytes).collect())
    }

    fn row_number(&self, split: Split, index: usize) -> usize {
        self.0.texts.rows(split)[index].row
    }

    fn measure(&self, split: Split) -> Box<dyn Measure> {
        let predictions = vec![None; self.0.texts.rows(split).len()];
        Box::new(NumberMeasure { rows: Rc::clone(&self.0), split, predictions, is_in_full: false })
    }
}

/// Numbers as a model learns them.
fn as_learned(numbers: &[f64]) -> impl Iterator<Item = f32> {
    numbers.iter().map(|&number| number as f32)
}

/// Rows of a split on their way to figures.
struct NumberMeasure {
    rows: Rc<Content>,
    split: Split,
    predictions: Vec<Option<RowPrediction>>,
    is_in_full: bool,
}

impl Measure for NumberMeasure {
    fn measure_in_full(&mut self) {
        self.is_in_full = true;
    }

    fn add(&mut self, indices: &[usize], _batch: &HostBatch, outputs: &Outputs) -> Result<(), usize> {
        for (&index, predicted) in indices.iter().zip(output_rows(outputs)) {
            if !predicted.iter().all(|number| number.is_finite()) {
                return Err(index);
            }
            let row = &self.rows.texts.rows(self.split)[index];
            self.predictions[index] = Some(RowPrediction {
                row: row.row,
                text: row.input.text.clone(),
                second: row.input.second.clone(),
                numbers: row.label.clone(),
                predicted: predicted.to_vec(),
            });
        }
        Ok(())
    }

    fn finish(self: Box<Self>) -> (Evaluation, RowPredictions) {
        let rows: Vec<RowPrediction> = self.predictions.into_iter().flatten().collect();
        let num_outputs = self.rows.labels.len();
        let numbers: Vec<f64> = rows.iter().flat_map(|row| row.numbers.iter().copied()).collect();
        let predicted: Vec<f32> = rows.iter().flat_map(|row| row.predicted.iter().copied()).collect();
        let evaluation = evaluate_regression(&predicted, &numbers, num_outputs);
        let squares = predicted.iter().zip(&numbers).map(|(&p, &n)| (f64::from(p) - n).powi(2));
        let loss = squares.sum::<f64>() / numbers.len().max(1) as f64;
        let mut figures: Vec<Figure> = [Figure::lower("loss", loss)].into_iter().chain(evaluation.figures()).collect();
        if self.is_in_full {
            let predicted: Vec<f64> = predicted.iter().map(|&number| f64::from(number)).collect();
            add_number_intervals(&mut figures, &predicted, &numbers, num_outputs);
            // The loss is the mean squared error.
            figures[0].interval = figure(&figures, "mse").and_then(|mse| mse.interval);
        }
        let baseline = self.rows.measure_mean(&numbers);
        let num_rows = rows.len();
        let detail = EvaluationDetail { labels: self.rows.labels.clone(), evaluation, baseline };
        let detail = AnyDetail::Regression(Box::new(detail));
        (Evaluation { figures, num_rows, detail }, RowPredictions::Regression(rows))
    }
}

impl Content {
    /// What always answering with the mean of the training rows gives on `numbers`.
    fn measure_mean(&self, numbers: &[f64]) -> Option<OutputMetrics> {
        let (rows, num_outputs) = (self.texts.rows_as_read(Split::Train), self.labels.len());
        if rows.is_empty() || numbers.is_empty() {
            return None;
        }
        let mean = |output: usize| rows.iter().map(|row| row.label[output]).sum::<f64>() / rows.len() as f64;
        let means: Vec<f64> = (0..num_outputs).map(mean).collect();
        let always: Vec<f64> = means.iter().copied().cycle().take(numbers.len()).collect();
        Some(evaluate_regression(&always, numbers, num_outputs).mean)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{ReadOptions, RunConfig, SplitConfig};
    use crate::data::DataFiles;
    use crate::task::texts::tests::{model, tokenizer};
    use crate::task::{ReadRequest, TaskData};

    fn data(text: &str, read: &ReadOptions, run: &RunConfig) -> Box<dyn TaskData> {
        let files = &DataFiles { train: ("x.csv".into(), text.as_bytes().to_vec()), ..DataFiles::default() }.into();
        let request = ReadRequest::to_train(files, read, run);
        super::super::read(&request).expect("good rows")
    }

    #[test]
    fn batches_have_numbers_and_figures_come_from_outputs() {
        let split = SplitConfig { valid_fraction: 0.0, test_fraction: 0.0 };
        let (run, tokenizer) = (RunConfig { split, ..RunConfig::default() }, tokenizer());
        let read = ReadOptions { label_columns: vec!["b".into(), "a".into()], ..ReadOptions::default() };
        let data = data("text,a,b\nhello,1,10\nhello world,2,20\nworld,6,30\n", &read, &run);
        assert_eq!(data.read_options().label_columns, ["b", "a"]);
        let rows = data.prepare(&model(&tokenizer), &run).expect("room enough");
        let batch = rows.batch(Split::Train, &[2, 0], None);
        assert_eq!(batch.targets, HostTargets::Numbers { values: vec![30.0, 6.0, 10.0, 1.0], width: 2 });
        assert_eq!((batch.weight, batch.num_rows), (4.0, 2));

        let mut measure = rows.measure(Split::Train);
        measure.measure_in_full();
        let outputs = Outputs::Rows { values: vec![30.0, 6.0, 10.0, 3.0], width: 2 };
        measure.add(&[2, 0], &batch, &outputs).expect("finite");
        let infinite = Outputs::Rows { values: vec![f32::INFINITY, 0.0], width: 2 };
        assert_eq!(measure.add(&[1], &batch, &infinite), Err(1));
        measure.add(&[1], &batch, &Outputs::Rows { values: vec![20.0, 2.0], width: 2 }).expect("finite");
        let (evaluation, rows) = measure.finish();
        let (RowPredictions::Regression(rows), AnyDetail::Regression(detail)) = (&rows, &evaluation.detail) else {
            panic!("not of this task")
        };
        assert_eq!((evaluation.figure("loss"), evaluation.figure("mse")), (Some(4.0 / 6.0), Some(4.0 / 6.0)));
        assert_eq!(evaluation.figures.iter().filter(|figure| SPEC.figure(&figure.name).is_none()).count(), 0);
        for figure in &evaluation.figures {
            let [low, high] = figure.interval.expect("three rows that differ");
            assert!(low < figure.value && figure.value <= high, "{figure:?}");
        }
        assert_eq!((rows[0].numbers.as_slice(), rows[0].predicted.as_slice()), (&[10.0, 1.0][..], &[10.0, 3.0][..]));
        assert_eq!(detail.evaluation.per_output[0].mse, 0.0);
        let baseline = detail.baseline.expect("there are training rows");
        assert!(baseline.r2.is_some_and(|r2| r2.abs() < 1e-12), "the mean explains nothing: {baseline:?}");
    }

    #[test]
    fn figures_go_by_the_numbers_of_the_file_and_not_by_what_is_learned_of_them() {
        let split = SplitConfig { valid_fraction: 0.0, test_fraction: 0.0 };
        let (run, tokenizer) = (RunConfig { split, ..RunConfig::default() }, tokenizer());
        let data =
            data("text,score\nhello,20240101\nhello world,20240103\nworld,20240102\n", &ReadOptions::default(), &run);
        let rows = data.prepare(&model(&tokenizer), &run).expect("room enough");
        let batch = rows.batch(Split::Train, &[0, 1, 2], None);
        let values = vec![20_240_100.0, 20_240_104.0, 20_240_102.0];
        assert_eq!(batch.targets, HostTargets::Numbers { values: values.clone(), width: 1 });
        let mut measure = rows.measure(Split::Train);
        measure.add(&[0, 1, 2], &batch, &Outputs::Rows { values, width: 1 }).expect("finite");
        let (evaluation, _) = measure.finish();
        // Two are 1 off, as the truths are from their mean.
        let found = ["mae", "mse", "r2"].map(|name| evaluation.figure(name));
        assert_eq!(found, [Some(2.0 / 3.0), Some(2.0 / 3.0), Some(0.0)]);
    }

    #[test]
    fn the_report_has_the_range_of_each_output() {
        let run = RunConfig::default();
        let text = String::from("text,score\n") + &(0..20).map(|i| format!("text {i},{}\n", i % 2)).collect::<String>();
        let report = data(&text, &ReadOptions::default(), &run).report(None, &run).expect("nothing is decoded");
        let crate::task::ReportDetail::Regression(detail) = &report.detail else { panic!("not of this task") };
        let range = &detail.outputs[0];
        assert_eq!((range.min, range.max, range.mean, range.std), (0.0, 1.0, 0.5, 0.5));
        assert_eq!((report.split_sizes, detail.preview.len()), ([16, 2, 2], 5));
    }
}
