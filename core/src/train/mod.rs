//! The training loop as an asynchronous state machine: pull an event, get at most one step of work. Pausing is not
//! polling; stopping is dropping; saving is calling `checkpoint` between polls.
//!
//! In: rows of any task, which are batches of inputs and targets here, and a model. Out: events, and the trained model.

mod adversarial;
mod attributions;
mod batches;
mod checkpointed;
mod diverged;
mod dtype;
mod error;
mod evaluations;
mod evaluator;
mod features;
mod find_rate;
mod held;
mod measured;
mod memory;
mod mixout;
mod outputs;
mod prepared;
mod readings;
mod restoring;
mod resume;
mod roll_back;
mod run_model;
mod samples;
mod save_pace;
mod spikes;
mod step;
#[cfg(all(test, feature = "cpu"))]
mod tiny_run;
mod trainer;
#[cfg(all(test, feature = "cpu"))]
mod two_passes;
mod unfreezing;
mod watching;

pub use attributions::{Attributions, ComparedRow, Integration};
pub use dtype::{float_dtype, gradient_scale};
pub use error::TrainError;
pub use evaluator::Evaluator;
pub use find_rate::{RateCurve, RateFinder, RatePoint, RateRange};
pub use measured::{StepTimes, TimedModel, time_steps};
pub use outputs::{predict, read_outputs, read_vectors};
pub(crate) use prepared::check_targets;
pub use restoring::Restoring;
pub use resume::check_tasks;
pub use samples::SampleWriter;
pub use save_pace::SavePace;
pub use step::MicroStep;
pub use trainer::Trainer;
pub(crate) use trainer::chosen_figure;
