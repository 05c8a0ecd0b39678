//! From gradients to new weights: AdamW as PyTorch computes it, clipping by the global norm, and the learning rate as
//! a pure function of the step.

mod adamw;
mod clip;
mod gradients;
mod schedule;

pub use adamw::{AdamW, AdamWConfig, Moments};
pub use clip::{ClipFactor, clip_factor};
pub use gradients::GradientSum;
pub use schedule::{learning_rate, warmup_steps};
