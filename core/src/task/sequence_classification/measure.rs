//! Figures of labeled rows, out of the outputs of a model: the loss in f64 on the host, and what was predicted for every
//! row.

use std::rc::Rc;

use super::RowPrediction;
use super::rows::Content;
use crate::data::{HostBatch, Outputs, Split};
use crate::metrics::Confusion;
use crate::task::outputs::{find_highest, log_softmax, probabilities};
use crate::task::texts::output_rows;
use crate::task::{Evaluation, EvaluationDetail, Measure, RowPredictions};

/// Rows of a split on their way to figures.
pub(super) struct ClassMeasure {
    rows: Rc<Content>,
    split: Split,
    confusion: Confusion,
    loss_sum: f64,
    predictions: Vec<Option<RowPrediction>>,
}

impl ClassMeasure {
    pub(super) fn new(rows: Rc<Content>, split: Split) -> Self {
        let predictions = vec![None; rows.texts.rows(split).len()];
        let confusion = Confusion::new(&rows.labels);
        Self { rows, split, confusion, loss_sum: 0.0, predictions }
    }
}

impl Measure for ClassMeasure {
    fn add(&mut self, indices: &[usize], _batch: &HostBatch, outputs: &Outputs) -> Result<(), usize> {
        for (&index, logits) in indices.iter().zip(output_rows(outputs)) {
            let row = &self.rows.texts.rows(self.split)[index];
            let log_probabilities = log_softmax(logits).ok_or(index)?;
            let predicted = find_highest(logits);
            self.loss_sum -= log_probabilities[row.label];
            self.confusion.add(row.label, predicted);
            self.predictions[index] = Some(RowPrediction {
                row: row.row,
                text: row.input.text.clone(),
                second: row.input.second.clone(),
                label: row.label,
                predicted,
                probabilities: probabilities(&log_probabilities),
            });
        }
        Ok(())
    }

    fn finish(self: Box<Self>) -> (Evaluation, RowPredictions) {
        let mut detail = self.confusion.finish(self.loss_sum / self.predictions.len().max(1) as f64);
        if let Some(label) = self.rows.most_frequent_label {
            detail.set_baseline(label);
        }
        let evaluation = Evaluation {
            figures: detail.figures(),
            num_rows: detail.num_rows,
            detail: EvaluationDetail::SequenceClassification(Box::new(detail)),
        };
        let rows = self.predictions.into_iter().flatten().collect();
        (evaluation, RowPredictions::SequenceClassification(rows))
    }
}
