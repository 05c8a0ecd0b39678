//! The training loop as an asynchronous state machine: pull an event, get at most one micro-batch of work. Pausing is
//! not polling; stopping is dropping; saving is calling `checkpoint` between polls.

mod error;
mod evaluator;
mod resume;
mod step;
mod trainer;

pub use error::TrainError;
pub use evaluator::{Evaluator, predict};
pub use step::{TrainInputs, TrainSplit, fingerprint};
pub use trainer::Trainer;
