//! Measuring a split of rows, a batch at a time, so that a driver can show progress or stop.

use std::collections::BTreeMap;

use burn::tensor::Device;

use super::TrainError;
use super::batches::batch_of;
use super::features::Features;
use super::outputs::{read_outputs, read_rows};
use crate::data::Split;
use crate::model::Model;
use crate::task::several::{head_of, task_of_head};
use crate::task::{Evaluation, Measure, RowPredictions, TaskRows};

/// An evaluation in progress.
pub struct Evaluator {
    split: Split,
    /// Row indices, longest first: batches of like lengths. Of several tasks one after the other, for a batch is of one
    /// head.
    order: Vec<usize>,
    done: usize,
    /// In how many parts a batch is computed.
    parts: usize,
    measure: Box<dyn Measure>,
}

impl Evaluator {
    /// Prepares to measure all rows of `split`.
    #[must_use]
    pub fn new(rows: &dyn TaskRows, split: Split) -> Self {
        let lengths = rows.lengths(split);
        let mut order: Vec<usize> = (0..lengths.len()).collect();
        order.sort_by_key(|&index| (head_of(rows, split, index), std::cmp::Reverse(lengths[index])));
        Self { split, order, done: 0, parts: 1, measure: rows.measure(split) }
    }

    /// Computes each batch in so many parts, which changes no figure but by rounding.
    pub(super) fn in_parts(self, parts: u32) -> Self {
        Self { parts: parts.max(1) as usize, ..self }
    }

    /// Measures at these thresholds, by label; for tasks that have them.
    #[must_use]
    pub fn with_thresholds(mut self, thresholds: &BTreeMap<String, f64>) -> Self {
        self.measure.set_thresholds(thresholds);
        self
    }

    /// Also measures what a person looks at and a run does not need, for tasks that have it: intervals, bins of probabilities.
    #[must_use]
    pub fn in_full(mut self) -> Self {
        self.measure.measure_in_full();
        self
    }

    /// (rows measured, rows in all)
    #[must_use]
    pub fn progress(&self) -> (usize, usize) {
        (self.done, self.order.len())
    }

    /// Measures one batch; false when all rows are done. `rows` are those that it was made for, and `model` must be one
    /// for inference.
    ///
    /// # Errors
    /// When the device fails or an output is not finite.
    pub async fn advance(&mut self, model: &Model, rows: &dyn TaskRows, device: &Device) -> Result<bool, TrainError> {
        self.advance_by(model, rows, None, device).await
    }

    /// As [`Self::advance`], with what the head reads of rows that were met before.
    pub(super) async fn advance_by(
        &mut self,
        model: &Model,
        rows: &dyn TaskRows,
        features: Option<&mut Features>,
        device: &Device,
    ) -> Result<bool, TrainError> {
        let Some(&first) = self.order.get(self.done) else { return Ok(false) };
        let head = head_of(rows, self.split, first);
        let rows_at_once = task_of_head(rows, head).spec().eval_batch_size.div_ceil(self.parts).max(1);
        let limit = (self.done + rows_at_once).min(self.order.len());
        let is_of_head = |&&index: &&usize| head_of(rows, self.split, index) == head;
        let end = self.done + self.order[self.done..limit].iter().take_while(is_of_head).count();
        let indices = &self.order[self.done..end];
        let batch = batch_of(rows, features.as_deref(), self.split, indices, None);
        let other = (head > 0).then(|| model.of_head(head));
        let model = other.as_ref().unwrap_or(model);
        let known = match features {
            Some(features) => {
                features.of_batch(self.split, indices, &batch.inputs, &model.backbone, &model.head, device).await?
            }
            None => None,
        };
        let outputs = match known {
            Some(features) => read_rows(model.head.outputs_of_features(features)).await?,
            None => read_outputs(model, &batch, device).await?,
        };
        let not_finite = |index| TrainError::NotFinite { row: rows.row_number(self.split, index) };
        self.measure.add(indices, &batch, &outputs).map_err(not_finite)?;
        self.done = end;
        Ok(self.done < self.order.len())
    }

    /// The figures, and what was predicted for every row, in the order of the split.
    #[must_use]
    pub fn finish(self) -> (Evaluation, RowPredictions) {
        self.measure.finish()
    }
}
