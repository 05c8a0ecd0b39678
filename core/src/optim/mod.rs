//! From gradients to new weights: AdamW with PyTorch's meaning, clipping by the global norm, and the learning rate as
//! a pure function of the step.

mod adamw;
mod clip;
mod gradients;
mod schedule;

#[cfg(feature = "cpu")]
pub(crate) use adamw::StepScalars;
pub use adamw::{AdamW, AdamWConfig, Moments, takes_decay};
pub use clip::{ClipFactor, clip_factor};
pub use gradients::GradientSum;
pub use schedule::{learning_rate, warmup_steps};
