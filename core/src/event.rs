//! What a run says while it goes: plain data, the same for a terminal, a page and a log file.
//!
//! Core has no clock: drivers stamp the time when an event reaches them.

use serde::{Deserialize, Serialize};

pub use crate::data::Split;
use crate::metrics::TextShape;
use crate::task::{AddedRows, Evaluation};

/// Why a run ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum StopReason {
    /// All epochs were trained.
    Completed,
    /// No improvement for `early_stopping_patience` evaluations.
    EarlyStopping,
    /// A person asked for it.
    Stopped,
    /// The loss, or an output of the model, is not a number any more, or the loss ran away: the model holds its best weights
    /// so far.
    Diverged,
}

/// By what a run that diverges is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Divergence {
    /// The loss, or the norm of its gradients, is NaN or infinite.
    Loss,
    /// An output of the model is.
    Output,
    /// The loss is far above what it was, for many steps.
    Spike,
}

impl Divergence {
    /// As a sentence without its full stop and capital.
    #[must_use]
    pub fn in_words(self) -> &'static str {
        match self {
            Self::Loss => "the loss was not a number any more",
            Self::Output => "an output of the model was not a number any more",
            Self::Spike => "the loss ran away",
        }
    }
}

/// What the run is busy with, for a driver to show.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Phase {
    /// The first step of a run: on a GPU its time is mostly shader compilation.
    FirstStep,
    /// Optimizer steps.
    Training,
    /// Measuring the validation split.
    Evaluating,
    /// Looking at what a model that predicts tokens does before the first step.
    Sampling,
}

/// One thing that happened in a run, in order.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TrainEvent {
    /// The plan, once, before anything is trained (also after a resume).
    Started {
        /// Optimizer steps of the whole run.
        total_steps: u32,
        /// Optimizer steps of an epoch.
        steps_per_epoch: u32,
        /// Steps already behind us: 0 unless resumed.
        step: u32,
        /// Rows in the training, validation and test split, as they were read.
        num_rows: [usize; 3],
        /// All parameters of the model.
        num_parameters: usize,
        /// Those that are trained.
        num_trainable: usize,
    },
    /// What augmentation added to the rows to train on, once, after [`Self::Started`] (also after a resume).
    Augmented {
        /// Steps already behind us: 0 unless resumed.
        step: u32,
        /// The counts.
        rows: AddedRows,
    },
    /// The run turned to something else.
    Phase {
        /// What it is busy with now.
        phase: Phase,
    },
    /// A micro-batch that ended no logging window: rows and tokens for the rate, nothing was read back.
    Progress {
        /// Optimizer steps taken.
        step: u32,
        /// Rows seen since the start of the run.
        rows: u64,
        /// Tokens (without padding) seen since the start of the run.
        tokens: u64,
    },
    /// The loss was read.
    Step {
        /// Optimizer steps taken.
        step: u32,
        /// Position in epochs, e.g. 1.25.
        epoch: f64,
        /// Mean loss over the steps since the last reading.
        loss: f64,
        /// Loss of each of those steps.
        losses: Vec<f64>,
        /// Learning rate of the last of them.
        learning_rate: f64,
        /// Global gradient norm of the last of them, before clipping.
        grad_norm: f64,
        /// Rows seen since the start of the run.
        rows: u64,
        /// Tokens (without padding) seen since the start of the run.
        tokens: u64,
    },
    /// Part of an evaluation is done.
    EvaluationProgress {
        /// Rows measured.
        done: usize,
        /// Rows to measure.
        total: usize,
    },
    /// A split was measured.
    Evaluated {
        /// Optimizer steps taken.
        step: u32,
        /// Position in epochs.
        epoch: f64,
        /// What was measured.
        split: Split,
        /// The figures.
        evaluation: Evaluation,
        /// Best so far; its weights are kept.
        is_best: bool,
    },
    /// A text that has nothing to do with the rows was measured: a model that forgets does worse on it from time to time. At
    /// step 0 before the first step, then after each evaluation.
    GeneralMeasured {
        /// Optimizer steps taken.
        step: u32,
        /// The figures.
        evaluation: Evaluation,
    },
    /// What the model makes of a validation prompt, so that one can read how it changes. At step 0 before the first step, then
    /// after each evaluation.
    Sampled {
        /// Optimizer steps taken.
        step: u32,
        /// The prompt.
        prompt: String,
        /// What stands in the file.
        expected: String,
        /// What the model wrote.
        generated: String,
        /// What that is like; `None` in what earlier versions of Hone kept.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        shape: Option<TextShape>,
    },
    /// A good moment to call `checkpoint` and write it down (after each evaluation and each epoch).
    CheckpointDue {
        /// Optimizer steps taken.
        step: u32,
    },
    /// The run diverged and went back: it goes on from the step before with the weights and the optimizer of then, on the
    /// same rows. What was said of the steps between holds no more; the best weights stay the best.
    RolledBack {
        /// Step at which it diverged.
        from_step: u32,
        /// Step that it goes on from.
        to_step: u32,
        /// What the rate of every step is multiplied with from now on.
        learning_rate_factor: f64,
        /// By what it was known.
        why: Divergence,
    },
    /// The device had too little memory: each batch is computed in parts from this step on, and a step is of the same rows
    /// as before.
    BatchesCut {
        /// Optimizer steps taken.
        step: u32,
        /// Rows that are computed at once, at most.
        rows_at_once: u32,
        /// Micro-batches of an optimizer step, at most.
        micro_batches: u32,
    },
    /// The run is over; the model holds the last or the best weights, as asked.
    Finished {
        /// Optimizer steps taken; of a run that diverged, the step at which it did.
        step: u32,
        /// Why.
        reason: StopReason,
        /// Step whose weights the model holds now.
        weights_of_step: u32,
    },
}
