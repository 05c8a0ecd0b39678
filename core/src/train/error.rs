//! Why a run can't begin or go on.

use burn::tensor::ExecutionError;

use crate::checkpoint::CheckpointError;
use crate::generate::GenerateError;
use crate::tokenizer::TokenizerError;

/// Why a run can't begin or go on.
#[derive(Debug, thiserror::Error)]
pub enum TrainError {
    /// The loss, or the norm of its gradients, is NaN or infinite.
    #[error("the loss, or the norm of its gradients, is {loss} at step {step}: the run diverged")]
    Diverged {
        /// Step at which it was read.
        step: u32,
        /// What was read.
        loss: f64,
    },
    /// The loss is far above what it was.
    #[error(
        "the loss is {loss:.4} at step {step}, after many like it, and was about {usual:.4} before: the run diverged"
    )]
    Spike {
        /// Step at which that was certain.
        step: u32,
        /// Its loss.
        loss: f64,
        /// Mean of the losses before they stood out.
        usual: f64,
    },
    /// Logits of an evaluation are not finite.
    #[error("the model's output for row {row} is not a number: the run diverged")]
    NotFinite {
        /// Row of the file.
        row: usize,
    },
    /// No rows.
    #[error("there are no rows to train on")]
    NoRows,
    /// LoRA has nothing to adapt where some names are.
    #[error(
        "target modules {names}: no linear layer of this {model_type} is called so, nor does its name end so; its own are {known}, and \
         all-linear names all"
    )]
    NoTargets {
        /// What was asked for, and is not there.
        names: String,
        /// What the model is.
        model_type: &'static str,
        /// What it has.
        known: String,
    },
    /// The method does not fit the model.
    #[error("this model has no head of its own to train alone: choose full, lora or last:N")]
    NoHead,
    /// Two passes would be the same.
    #[error(
        "rdrop_alpha has no effect: the config.json of this {model_type} has no dropout, so that both passes would be the same; \
         set dropout, such as 0.1"
    )]
    NoDropout {
        /// What the model is.
        model_type: &'static str,
    },
    /// No figure of the task has the name that is to choose the best weights.
    #[error("metric_for_best_model {name:?} is no figure of these rows: choose one of {known}")]
    UnknownFigure {
        /// What was asked for.
        name: String,
        /// What there is.
        known: String,
    },
    /// The device lacks a number format.
    #[error("the device does not compute in {dtype}: choose {known} ({device})")]
    NoDtype {
        /// What was asked for.
        dtype: &'static str,
        /// What it has.
        known: String,
        /// Which device.
        device: String,
    },
    /// The device failed.
    #[error("the device failed: {0:?}")]
    Device(ExecutionError),
    /// A sample could not be written.
    #[error(transparent)]
    Generate(#[from] GenerateError),
    /// A prompt could not be tokenised.
    #[error(transparent)]
    Tokenizer(#[from] TokenizerError),
    /// Weights could not be read or written.
    #[error(transparent)]
    Checkpoint(#[from] CheckpointError),
    /// The checkpoint was made from other data or another model.
    #[error("this checkpoint belongs to another run: {reason}")]
    OtherRun {
        /// What differs.
        reason: String,
    },
}
