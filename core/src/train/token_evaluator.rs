//! Measuring how well next tokens are predicted, a batch at a time.

use burn::tensor::{Device, Int, Tensor, TensorData};

use super::{TokenSplit, TrainError};
use crate::batch::TokenBatch;
use crate::data::causal_lm::LmPadding;
use crate::loss::measure_tokens;
use crate::metrics::{LmAccumulator, LmEvaluation};
use crate::model::CausalLm;

/// Rows in an evaluation batch.
const EVAL_BATCH: usize = 8;

/// An evaluation in progress.
pub struct TokenEvaluator {
    /// Rows, longest first: batches of like lengths.
    order: Vec<usize>,
    done: usize,
    sums: LmAccumulator,
}

impl TokenEvaluator {
    /// Prepares to measure all rows of `split`.
    #[must_use]
    pub fn new(split: &TokenSplit) -> Self {
        let mut order: Vec<usize> = (0..split.len()).collect();
        order.sort_by_key(|&row| std::cmp::Reverse(split.row_length(&split.rows[row])));
        Self { order, done: 0, sums: LmAccumulator::default() }
    }

    /// (rows measured, rows in all)
    #[must_use]
    pub fn progress(&self) -> (usize, usize) {
        (self.done, self.order.len())
    }

    /// Measures one batch; false when all rows are done. `model` must be one for inference.
    ///
    /// # Errors
    /// When the device fails or a loss is not finite.
    pub async fn advance(
        &mut self,
        model: &CausalLm,
        split: &TokenSplit,
        padding: &LmPadding,
        device: &Device,
    ) -> Result<bool, TrainError> {
        let end = (self.done + EVAL_BATCH).min(self.order.len());
        let rows = &self.order[self.done..end];
        if rows.is_empty() {
            return Ok(false);
        }
        let host = split.collate(rows, padding);
        let states = model.decoder.forward(&TokenBatch::new(&host, device), None);
        let [batch, seq, hidden] = states.dims();
        let count = host.targets.len();
        let places = TensorData::new(host.target_positions.clone(), [count]);
        let picked = states.reshape([batch * seq, hidden]).select(0, Tensor::<1, Int>::from_data(places, device));
        let (loss, correct) = measure_tokens(picked, model.output_table().1, &host.targets);
        let read = Tensor::cat(vec![loss, correct], 0).into_data_async().await.map_err(TrainError::Device)?;
        let read: Vec<f32> = read.iter::<f32>().collect();
        if !read[0].is_finite() {
            let row = split.rows[rows[0]].first().map_or(0, |&text| split.examples[split.encoded[text].example].row);
            return Err(TrainError::NotFinite { row });
        }
        self.sums.add(f64::from(read[0]), read[1].round() as u64, count as u64);
        self.done = end;
        Ok(self.done < self.order.len())
    }

    /// The figures.
    #[must_use]
    pub fn finish(self) -> LmEvaluation {
        self.sums.finish()
    }
}
