//! The micro-batches of a step.

use super::features::Features;
use crate::config::RunConfig;
use crate::data::{BatchSampler, HostBatch};
use crate::event::Split;
use crate::task::TaskRows;
use crate::task::several::head_of;

/// The micro-batches of the next optimizer step, each with its head and its rows; the last step of an epoch may have fewer.
pub(super) fn next_batches(
    sampler: &mut BatchSampler,
    (rows, features): (&dyn TaskRows, Option<&Features>),
    run: &RunConfig,
    done: u64,
) -> Vec<(usize, Vec<usize>, HostBatch)> {
    let mut batches = Vec::new();
    while batches.len() < run.gradient_accumulation_steps as usize {
        match sampler.next_batch() {
            Some(indices) => {
                let seed = seed_of(run.seed, done + batches.len() as u64);
                let head = indices.first().map_or(0, |&first| head_of(rows, Split::Train, first));
                let batch = batch_of(rows, features, (Split::Train, &indices), Some(seed));
                batches.push((head, indices, batch));
            }
            None if batches.is_empty() => sampler.start_epoch(sampler.state().epoch + 1),
            None => break,
        }
    }
    batches
}

/// The rows at `indices` of a split, as [`TaskRows::batch`] makes them; their targets alone where all their features are
/// known.
pub(super) fn batch_of(
    rows: &dyn TaskRows,
    features: Option<&Features>,
    (split, indices): (Split, &[usize]),
    seed: Option<u64>,
) -> HostBatch {
    match features {
        Some(features) if features.know(split, indices) => rows.targets(split, indices),
        _ => rows.batch(split, indices, seed),
    }
}

/// Makes dropout, and what is random in the rows, a function of the run's seed and the micro-batch alone.
pub(super) fn seed_of(run: u64, micro_batch: u64) -> u64 {
    run ^ micro_batch.wrapping_add(1).wrapping_mul(0x9E37_79B9_7F4A_7C15)
}
