//! Measuring the validation split of a run, whatever its task.

use burn::tensor::Device;

use super::{ClassEvaluator, TokenEvaluator, TrainError, TrainInputs};
use crate::metrics::Figures;
use crate::model::Model;

/// An evaluation in progress.
pub(super) enum Evaluator {
    Classes(ClassEvaluator),
    Tokens(TokenEvaluator),
}

impl Evaluator {
    pub(super) fn of_valid(inputs: &TrainInputs) -> Self {
        match inputs {
            TrainInputs::Classes(inputs) => Self::Classes(ClassEvaluator::new(&inputs.valid, &inputs.labels)),
            TrainInputs::Tokens(inputs) => Self::Tokens(TokenEvaluator::new(&inputs.valid)),
        }
    }

    /// (rows measured, rows in all)
    pub(super) fn progress(&self) -> (usize, usize) {
        match self {
            Self::Classes(evaluator) => evaluator.progress(),
            Self::Tokens(evaluator) => evaluator.progress(),
        }
    }

    /// Measures one batch; false when all rows are done. `model` must be one for inference.
    pub(super) async fn advance(
        &mut self,
        model: &Model,
        inputs: &TrainInputs,
        device: &Device,
    ) -> Result<bool, TrainError> {
        match (self, model, inputs) {
            (Self::Classes(evaluator), Model::Classifier(model), TrainInputs::Classes(inputs)) => {
                evaluator.advance(model, &inputs.valid, &inputs.padding, device).await
            }
            (Self::Tokens(evaluator), Model::CausalLm(model), TrainInputs::Tokens(inputs)) => {
                evaluator.advance(model, &inputs.valid, &inputs.padding, device).await
            }
            _ => unreachable!("evaluator, model and inputs are of one task"),
        }
    }

    pub(super) fn finish(self) -> Figures {
        match self {
            Self::Classes(evaluator) => Figures::Classes(Box::new(evaluator.finish().0)),
            Self::Tokens(evaluator) => Figures::Tokens(evaluator.finish()),
        }
    }
}
