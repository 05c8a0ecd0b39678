//! Measuring a split of labeled texts, a batch at a time, so that a driver can show progress or stop.

use burn::tensor::Device;

use super::{TrainError, TrainSplit};
use crate::batch::Batch;
use crate::data::{Encoded, Padding, collate};
use crate::metrics::{Confusion, Evaluation, RowPrediction};
use crate::model::SequenceClassifier;

/// Rows in an evaluation batch.
const EVAL_BATCH: usize = 64;

/// An evaluation in progress.
pub struct ClassEvaluator {
    /// Row indices, longest first: batches of like lengths.
    order: Vec<usize>,
    done: usize,
    confusion: Confusion,
    loss_sum: f64,
    predictions: Vec<Option<RowPrediction>>,
}

impl ClassEvaluator {
    /// Prepares to measure all rows of `split`.
    #[must_use]
    pub fn new(split: &TrainSplit, labels: &[String]) -> Self {
        let mut order: Vec<usize> = (0..split.len()).collect();
        order.sort_by_key(|&index| std::cmp::Reverse(split.encoded[index].input_ids.len()));
        let predictions = vec![None; order.len()];
        Self { order, done: 0, confusion: Confusion::new(labels), loss_sum: 0.0, predictions }
    }

    /// (rows measured, rows in all)
    #[must_use]
    pub fn progress(&self) -> (usize, usize) {
        (self.done, self.order.len())
    }

    /// Measures one batch; false when all rows are done. `model` must be one for inference.
    ///
    /// # Errors
    /// When the device fails or a logit is not finite.
    pub async fn advance(
        &mut self,
        model: &SequenceClassifier,
        split: &TrainSplit,
        padding: &Padding,
        device: &Device,
    ) -> Result<bool, TrainError> {
        let end = (self.done + EVAL_BATCH).min(self.order.len());
        let indices = &self.order[self.done..end];
        if indices.is_empty() {
            return Ok(false);
        }
        let rows: Vec<&Encoded> = indices.iter().map(|&index| &split.encoded[index]).collect();
        let logits = read_logits(model, &rows, padding, device).await?;
        for (&index, logits) in indices.iter().zip(&logits) {
            let example = &split.examples[index];
            let Some(log_probabilities) = log_softmax(logits) else {
                return Err(TrainError::NotFinite { row: example.row });
            };
            let predicted = argmax(logits);
            self.loss_sum -= log_probabilities[example.label];
            self.confusion.add(example.label, predicted);
            self.predictions[index] = Some(RowPrediction {
                row: example.row,
                text: example.text.clone(),
                label: example.label,
                predicted,
                probabilities: log_probabilities.iter().map(|value| value.exp() as f32).collect(),
            });
        }
        self.done = end;
        Ok(self.done < self.order.len())
    }

    /// The figures and every row, in the order of the split.
    #[must_use]
    pub fn finish(self) -> (Evaluation, Vec<RowPrediction>) {
        let mean_loss = self.loss_sum / self.order.len().max(1) as f64;
        (self.confusion.finish(mean_loss), self.predictions.into_iter().flatten().collect())
    }
}

/// Probabilities of rows, in their order.
///
/// # Errors
/// When the device fails or a logit is not finite.
pub async fn predict(
    model: &SequenceClassifier,
    rows: &[Encoded],
    padding: &Padding,
    device: &Device,
) -> Result<Vec<Vec<f32>>, TrainError> {
    let mut probabilities = Vec::with_capacity(rows.len());
    for (chunk_index, chunk) in rows.chunks(EVAL_BATCH).enumerate() {
        let chunk: Vec<&Encoded> = chunk.iter().collect();
        for (index, logits) in read_logits(model, &chunk, padding, device).await?.iter().enumerate() {
            let row = chunk_index * EVAL_BATCH + index + 1;
            let values = log_softmax(logits).ok_or(TrainError::NotFinite { row })?;
            probabilities.push(values.iter().map(|value| value.exp() as f32).collect());
        }
    }
    Ok(probabilities)
}

async fn read_logits(
    model: &SequenceClassifier,
    rows: &[&Encoded],
    padding: &Padding,
    device: &Device,
) -> Result<Vec<Vec<f32>>, TrainError> {
    let batch = Batch::new(&collate(rows, padding), device);
    let data = model.forward(&batch).into_data_async().await.map_err(TrainError::Device)?;
    let classes = data.shape()[1];
    let values = data.try_into_vec::<f32>().expect("logits are f32");
    Ok(values.chunks(classes).map(<[f32]>::to_vec).collect())
}

fn argmax(values: &[f32]) -> usize {
    (0..values.len()).fold(0, |best, index| if values[index] > values[best] { index } else { best })
}

/// `None` if a value is not finite.
fn log_softmax(logits: &[f32]) -> Option<Vec<f64>> {
    if !logits.iter().all(|value| value.is_finite()) {
        return None;
    }
    let max = logits.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    let shifted: Vec<f64> = logits.iter().map(|&value| f64::from(value - max)).collect();
    let log_sum = shifted.iter().map(|value| value.exp()).sum::<f64>().ln();
    Some(shifted.into_iter().map(|value| value - log_sum).collect())
}
