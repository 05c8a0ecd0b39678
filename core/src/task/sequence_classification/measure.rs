//! Figures of labeled rows, and what was predicted for every row.

use std::collections::BTreeMap;
use std::rc::Rc;

use super::RowPrediction;
use super::rows::Content;
use crate::data::{HostBatch, Outputs, Split};
use crate::task::class_sums::{ClassPrediction, ClassSums};
use crate::task::texts::output_rows;
use crate::task::{Evaluation, EvaluationDetail, Measure, RowPredictions};

/// Rows of a split on their way to figures.
pub(super) struct ClassMeasure {
    rows: Rc<Content>,
    split: Split,
    sums: ClassSums,
    predictions: Vec<Option<RowPrediction>>,
}

impl ClassMeasure {
    pub(super) fn new(rows: Rc<Content>, split: Split) -> Self {
        let predictions = vec![None; rows.texts.rows(split).len()];
        let sums = ClassSums::new(&rows.labels, rows.most_frequent_label);
        Self { rows, split, sums, predictions }
    }
}

impl Measure for ClassMeasure {
    fn set_thresholds(&mut self, thresholds: &BTreeMap<String, f64>) {
        self.sums.set_thresholds(thresholds);
    }

    fn measure_in_full(&mut self) {
        self.sums.measure_in_full();
    }

    fn add(&mut self, indices: &[usize], _batch: &HostBatch, outputs: &Outputs) -> Result<(), usize> {
        for (&index, logits) in indices.iter().zip(output_rows(outputs)) {
            let row = &self.rows.texts.rows(self.split)[index];
            let ClassPrediction { predicted, probabilities } = self.sums.add(row.label, logits).ok_or(index)?;
            self.predictions[index] = Some(RowPrediction {
                row: row.row,
                text: row.input.text.clone(),
                second: row.input.second.clone(),
                label: row.label,
                predicted,
                probabilities,
            });
        }
        Ok(())
    }

    fn finish(self: Box<Self>) -> (Evaluation, RowPredictions) {
        let (figures, detail) = self.sums.finish(self.predictions.len());
        let evaluation = Evaluation {
            figures,
            num_rows: detail.num_rows,
            detail: EvaluationDetail::SequenceClassification(Box::new(detail)),
        };
        let rows = self.predictions.into_iter().flatten().collect();
        (evaluation, RowPredictions::SequenceClassification(rows))
    }
}
