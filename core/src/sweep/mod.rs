//! A sweep: many runs of one job with other settings, folds or seeds, and which of them is the best. Plain Rust without
//! tensors, clock or files: a driver trains what [`Sweep::next_leg`] says and tells what came of it.
//!
//! In: a [`SweepPlan`] (a space over the settings of the table, a way to search it, folds, seeds) and figures. Out: the
//! next [`Leg`] to train, and at the end the trials in order. `space` is what is tried, `plan` how a file describes a sweep,
//! `search` the state machine, `spread` mean and spread over folds and seeds, `whole_runs` a sweep whose legs are runs of their own.
//!
//! Every run of a trial has the schedule of its whole length. Successive halving stops it after a part of its steps and
//! goes on with it from its checkpoint if its trial is promoted: no step is computed twice, and a trial that comes to its
//! end is the very run that `hone train` makes of its job file.

#[cfg(test)]
mod measured;
mod plan;
mod search;
mod space;
mod spread;
mod whole_runs;

pub use plan::{Budget, PlanError, Search, SweepPlan, Way};
pub use search::{Leg, RunResult, Standing, Sweep, TellError, Trial};
pub use space::{Axis, Choices, is_searched};
pub use spread::Spread;
pub use whole_runs::{SweepOfRuns, TrainedLeg};
