//! Figures of predicted tokens, out of the sums that are read back of each batch.

use super::{Evaluation, EvaluationDetail, Measure, RowPredictions};
use crate::data::{HostBatch, HostTargets, Outputs};
use crate::metrics::TokenAccumulator;

/// Sums over the tokens that were predicted.
pub(super) struct TokenMeasure {
    sums: TokenAccumulator,
    num_rows: usize,
    /// What the task says besides, given how many tokens were scored.
    detail: fn(u64) -> (EvaluationDetail, RowPredictions),
}

impl TokenMeasure {
    /// Nothing yet. `detail` says what the task adds to the figures, given how many tokens were scored.
    pub(super) fn new(detail: fn(u64) -> (EvaluationDetail, RowPredictions)) -> Self {
        Self { sums: TokenAccumulator::default(), num_rows: 0, detail }
    }
}

impl Measure for TokenMeasure {
    fn add(&mut self, indices: &[usize], batch: &HostBatch, outputs: &Outputs) -> Result<(), usize> {
        let num_tokens = match &batch.targets {
            HostTargets::Ids { ids, .. } => ids.len() as u64,
            _ => 0,
        };
        match outputs {
            Outputs::Sums { loss, num_correct } if loss.is_finite() => self.sums.add(*loss, *num_correct, num_tokens),
            // Of a batch only its sums are read: which of its rows it was is not known.
            _ => return Err(indices.first().copied().unwrap_or(0)),
        }
        self.num_rows += indices.len();
        Ok(())
    }

    fn finish(self: Box<Self>) -> (Evaluation, RowPredictions) {
        let found = self.sums.finish();
        let (detail, predictions) = (self.detail)(found.num_tokens);
        (Evaluation { figures: found.figures(), num_rows: self.num_rows, detail }, predictions)
    }
}
