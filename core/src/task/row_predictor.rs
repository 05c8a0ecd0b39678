//! Answers to inputs of which each gets one row of outputs, whatever the inputs are.

use std::ops::Range;

use super::texts::output_rows;
use super::{Prediction, Predictor};
use crate::data::{HostBatch, HostInputs, HostTargets, Outputs};

/// Makes the inputs of some of what is to be answered, and says how many tokens they have.
type MakeInputs = Box<dyn Fn(Range<usize>) -> (HostInputs, usize)>;

/// Makes a prediction of the outputs of a row; `None` where one is not finite.
type Answer = Box<dyn Fn(&[f32]) -> Option<Prediction>>;

/// Answers inputs from one row of outputs each.
pub(super) struct RowPredictor {
    num_inputs: usize,
    batch_size: usize,
    inputs: MakeInputs,
    answer: Answer,
    cut: Vec<usize>,
    /// Inputs that were given out.
    next: usize,
    predictions: Vec<Prediction>,
}

impl RowPredictor {
    /// Of so many inputs, in batches of at most `batch_size`; `inputs` makes those of a range, with the number of their
    /// tokens.
    pub(super) fn new(
        [num_inputs, batch_size]: [usize; 2],
        inputs: impl Fn(Range<usize>) -> (HostInputs, usize) + 'static,
        answer: impl Fn(&[f32]) -> Option<Prediction> + 'static,
    ) -> Self {
        let (inputs, answer) = (Box::new(inputs), Box::new(answer));
        Self { num_inputs, batch_size, inputs, answer, cut: Vec::new(), next: 0, predictions: Vec::new() }
    }

    /// The same, where the inputs with these indices are longer than the model reads, and were cut.
    pub(super) fn with_cut(self, cut: Vec<usize>) -> Self {
        Self { cut, ..self }
    }
}

impl Predictor for RowPredictor {
    fn next_batch(&mut self) -> Option<HostBatch> {
        let range = self.next..(self.next + self.batch_size).min(self.num_inputs);
        if range.is_empty() {
            return None;
        }
        self.next = range.end;
        let num_rows = range.len();
        let (inputs, num_tokens) = (self.inputs)(range);
        Some(HostBatch { inputs, targets: HostTargets::None, weight: num_rows as f64, num_rows, num_tokens })
    }

    fn add(&mut self, outputs: &Outputs) -> Result<(), usize> {
        for row in output_rows(outputs) {
            self.predictions.push((self.answer)(row).ok_or(self.predictions.len())?);
        }
        Ok(())
    }

    fn finish(self: Box<Self>) -> Vec<Prediction> {
        self.predictions
    }

    fn cut_inputs(&self) -> &[usize] {
        &self.cut
    }
}
