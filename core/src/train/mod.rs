//! The training loop as an asynchronous state machine: pull an event, get at most one micro-batch of work. Pausing is
//! not polling; stopping is dropping; saving is calling `checkpoint` between polls.

mod class_evaluator;
mod dtype;
mod error;
mod evaluator;
mod inputs;
mod resume;
mod samples;
mod step;
mod token_evaluator;
mod trainer;

pub use class_evaluator::{ClassEvaluator, predict};
pub use dtype::{float_dtype, gradient_scale};
pub use error::TrainError;
pub use inputs::{ClassInputs, MicroBatch, TokenInputs, TokenSplit, TrainInputs, TrainSplit};
pub use step::MicroStep;
pub use token_evaluator::TokenEvaluator;
pub use trainer::Trainer;
