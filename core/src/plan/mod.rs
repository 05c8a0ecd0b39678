//! What a run costs, known before it starts: operations, bytes at its peak, and, once two steps were timed, seconds.
//!
//! In: the shape of a model ([`Shape`]), batches as they will be padded ([`Batches`]), settings. Out: a [`Plan`], and with
//! what was measured on the device an [`Estimate`]: minutes, memory, what fits where that does not, what takes less time.
//!
//! Operations are counted as usual, two for each multiplication of a matrix product, where a backward pass costs as much again
//! for the gradient of the input and for that of the weight (<https://arxiv.org/abs/2001.08361>, table 1). Bytes are those of
//! the tensors that this crate's own layers keep for the backward pass (`memory.rs`; compare
//! <https://arxiv.org/abs/2205.05198>, section 4.1, which counts them for half precision).

mod advice;
mod batches;
mod estimate;
mod held;
mod memory;
mod operations;
mod shape;
mod trained;
mod words;

pub use advice::lighter_methods;
pub use batches::{BatchShape, Batches};
pub use estimate::{Alternatives, Estimate, Limits, Measured, Suggestion, SuggestionKind, estimate};
pub use held::HeldBytes;
pub use memory::MemoryParts;
#[cfg(feature = "engine")]
pub(crate) use memory::{FILE_PIECE_BYTES, MAX_STATE_BYTES, STATE_BYTES};
pub use shape::{ActivationKind, LinearShape, Parameters, Reads, Shape, Stack};
pub use words::{about, describe, gigabytes, memory_in_words};

use crate::config::{EvalStrategy, Method, RunConfig};
use trained::Trained;

/// Which kernels compute: they keep different tensors for the backward pass.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kernels {
    /// Hone's own, on the CPU: normalisation, softmax, activation and dropout keep one tensor each.
    Own,
    /// Compositions of burn's operations, on GPUs: each operation keeps its own operands.
    Composed,
}

/// What a run is planned from, besides its settings.
#[derive(Debug, Clone, Copy)]
pub struct Inputs<'a> {
    /// The model.
    pub shape: &'a Shape,
    /// The rows, as they are batched.
    pub batches: &'a Batches,
    /// What computes.
    pub kernels: Kernels,
    /// Threads that share out what a CPU computes.
    pub num_threads: u64,
    /// Bytes that are held in the process while it is trained, and are neither weights nor of a step: the program's code, the model's
    /// other files, rows and what was made of them.
    pub file_bytes: u64,
    /// The run is one of a session, which keeps its best weights and a state to go back to; a bare training loop has neither.
    pub keeps_states: bool,
}

/// What a run costs.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Plan {
    /// Micro-batches of an epoch.
    pub micro_batches: u64,
    /// Optimizer steps in all.
    pub steps: u64,
    /// Parameters that are trained.
    pub num_trained: u64,
    /// Operations of the forward pass of a micro-batch, on average.
    pub forward_flops: f64,
    /// Operations of the backward pass of a micro-batch, on average.
    pub backward_flops: f64,
    /// Operations of all micro-batches and all evaluations of the run.
    pub all_flops: f64,
    /// Forward and backward passes, evaluations counted by their share of a pass.
    pub passes: f64,
    /// Bytes at the peak.
    pub memory: MemoryParts,
    /// Bytes of the largest single tensor.
    pub largest_tensor: u64,
}

/// Share of a forward and backward pass that a forward pass is.
const FORWARD_SHARE: f64 = 1.0 / 3.0;

/// Plans a run.
#[must_use]
pub fn predict(inputs: &Inputs<'_>, run: &RunConfig) -> Plan {
    let Inputs { shape, batches, .. } = inputs;
    let trained = Trained::of(shape, run);
    let parts = batches.parts_of(run);
    let micro_batches = batches.num_batches * parts;
    let steps_an_epoch = micro_batches.div_ceil(u64::from(run.gradient_accumulation_steps.max(1)));
    let epochs = u64::from(run.num_train_epochs);
    let steps = steps_an_epoch * epochs;
    let costs = batches.sample.iter().map(|batch| operations::of_batch(shape, run, &trained, *batch));
    let [forward, backward] = costs.fold([0.0; 2], |sum, cost| [sum[0] + cost[0], sum[1] + cost[1]]);
    // Of a batch that is cut in parts each has its share.
    let count = batches.sample.len().max(1) as f64 * parts as f64;
    let [forward_flops, backward_flops] = [forward / count, backward / count];
    let rows_a_batch = f64::from(batches.batch_size.min(run.batch_size).max(1));
    let num_evaluations = match run.eval_strategy {
        EvalStrategy::Epoch => epochs,
        EvalStrategy::Steps(every) => steps.div_ceil(u64::from(every.max(1))),
    };
    let evaluated = batches.num_valid_rows as f64 / rows_a_batch;
    let trained_passes = (micro_batches * epochs) as f64;
    // What a frozen backbone makes of a row that never changes is computed once.
    let (passes, evaluations) = match run.method == Method::Head && batches.rows_are_fixed {
        true => (micro_batches as f64, evaluated),
        false => (trained_passes, evaluated * num_evaluations as f64),
    };
    Plan {
        micro_batches,
        steps,
        num_trained: trained.num_parameters,
        forward_flops,
        backward_flops,
        all_flops: passes * (forward_flops + backward_flops) + evaluations * forward_flops,
        passes: passes + evaluations * FORWARD_SHARE,
        memory: memory::parts(inputs, run, &trained),
        largest_tensor: memory::largest_tensor(shape, batches.largest_of(run)),
    }
}

#[cfg(test)]
mod tests;
