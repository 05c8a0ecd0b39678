//! From gradients to new weights: AdamW as PyTorch computes it, clipping by the global norm, the learning rate as a pure
//! function of the step, and the pull back to the weights that a run began with.

mod adamw;
mod clip;
mod gradients;
mod pull;
mod schedule;

pub use adamw::{AdamW, AdamWConfig, Moments};
pub use clip::{ClipFactor, clip_factor};
pub use gradients::GradientSum;
pub use pull::{Pull, trained_weights};
pub use schedule::{learning_rate, warmup_steps};
