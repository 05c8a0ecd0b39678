//! The micro-batches of a step.

use super::features::Features;
use super::memory::{rows_kept_together, rows_of_part};
use crate::config::RunConfig;
use crate::data::{BatchSampler, HostBatch};
use crate::event::Split;
use crate::task::TaskRows;
use crate::task::several::head_of;

/// One micro-batch: a batch that was drawn, or a part of it.
pub(super) struct Drawn {
    /// Which of the step's batches it is (a part of), from 0.
    pub(super) draw: usize,
    /// The head that its rows are for.
    pub(super) head: usize,
    /// Its rows.
    pub(super) indices: Vec<usize>,
    pub(super) batch: HostBatch,
}

/// A batch that was drawn for a step, all its parts together.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Draw {
    /// What its losses weigh.
    pub(super) weight: f64,
    pub(super) num_rows: usize,
}

/// Sums of each batch that was drawn for a step, however many parts it is computed in.
pub(super) fn sums_of_draws(parts: &[Drawn]) -> Vec<Draw> {
    let mut sums = vec![Draw::default(); parts.last().map_or(0, |part| part.draw + 1)];
    for Drawn { draw, batch, .. } in parts {
        sums[*draw].weight += batch.weight;
        sums[*draw].num_rows += batch.num_rows;
    }
    sums
}

/// The micro-batches of the next optimizer step: a batch in so many `parts`. The last step of an epoch may have fewer.
pub(super) fn next_batches(
    sampler: &mut BatchSampler,
    rows: &dyn TaskRows,
    features: Option<&Features>,
    run: &RunConfig,
    parts: u32,
    done: u64,
) -> Vec<Drawn> {
    let rows_at_once = rows_of_part(run.batch_size, parts, rows_kept_together(run)) as usize;
    let mut batches = Vec::new();
    let mut draw = 0;
    while draw < run.gradient_accumulation_steps as usize {
        match sampler.next_batch() {
            Some(indices) => {
                for indices in indices.chunks(rows_at_once) {
                    let seed = seed_of(run.seed, done + batches.len() as u64);
                    let head = indices.first().map_or(0, |&first| head_of(rows, Split::Train, first));
                    let batch = batch_of(rows, features, Split::Train, indices, Some(seed));
                    batches.push(Drawn { draw, head, indices: indices.to_vec(), batch });
                }
                draw += 1;
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
    split: Split,
    indices: &[usize],
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
