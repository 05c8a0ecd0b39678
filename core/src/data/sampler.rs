//! The order in which rows are trained on: seeded, grouped by length so that little is padded, and saveable.
//!
//! The idea of `transformers`' `LengthGroupedSampler`: shuffle the rows, cut them into megabatches of up to fifty
//! batches, sort each by length, cut it into batches, and shuffle the batches.

use serde::{Deserialize, Serialize};

use super::random::{generator, shuffle};

/// Batches in a megabatch, at most.
const MAX_MEGABATCH: usize = 50;

/// Where a sampler stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct SamplerState {
    /// Epoch, from 0.
    pub epoch: u32,
    /// Batches of it that were handed out.
    pub batch: u32,
}

/// Hands out batches of row indices.
#[derive(Debug, Clone)]
pub struct BatchSampler {
    lengths: Vec<usize>,
    batch_size: usize,
    seed: u64,
    batches: Vec<Vec<usize>>,
    state: SamplerState,
}

impl BatchSampler {
    /// At the start of epoch 0. `lengths` are tokens a row; a `batch_size` of 0 is taken as 1.
    #[must_use]
    pub fn new(lengths: Vec<usize>, batch_size: usize, seed: u64) -> Self {
        let batch_size = batch_size.max(1);
        let mut sampler = Self { lengths, batch_size, seed, batches: Vec::new(), state: SamplerState::default() };
        sampler.start_epoch(0);
        sampler
    }

    /// Turns to the start of an epoch; its order depends on seed and epoch only.
    pub fn start_epoch(&mut self, epoch: u32) {
        // Stream 0 of the seed is left to others.
        let mut generator = generator(self.seed, 1 + u64::from(epoch));
        let mut rows: Vec<usize> = (0..self.lengths.len()).collect();
        shuffle(&mut rows, &mut generator);
        // As in transformers: at least four megabatches, so that small sets are mixed too.
        let per_megabatch = (rows.len() / (4 * self.batch_size)).clamp(1, MAX_MEGABATCH);
        let mut batches = Vec::with_capacity(self.num_batches());
        for megabatch in rows.chunks_mut(per_megabatch * self.batch_size) {
            megabatch.sort_by_key(|&row| std::cmp::Reverse(self.lengths[row]));
            batches.extend(megabatch.chunks(self.batch_size).map(<[usize]>::to_vec));
        }
        shuffle(&mut batches, &mut generator);
        self.batches = batches;
        self.state = SamplerState { epoch, batch: 0 };
    }

    /// Row indices of the next batch; `None` at the end of the epoch.
    pub fn next_batch(&mut self) -> Option<Vec<usize>> {
        let batch = self.batches.get(self.state.batch as usize)?.clone();
        self.state.batch += 1;
        Some(batch)
    }

    /// Batches in an epoch.
    #[must_use]
    pub fn num_batches(&self) -> usize {
        self.lengths.len().div_ceil(self.batch_size)
    }

    /// Where it stands.
    #[must_use]
    pub fn state(&self) -> SamplerState {
        self.state
    }

    /// Goes on from where another sampler of the same rows and seed stood.
    pub fn restore(&mut self, state: SamplerState) {
        self.start_epoch(state.epoch);
        self.state.batch = state.batch.min(self.batches.len() as u32);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn rest(sampler: &mut BatchSampler) -> Vec<Vec<usize>> {
        std::iter::from_fn(|| sampler.next_batch()).collect()
    }

    #[test]
    fn batches_hold_rows_of_like_length() {
        let lengths: Vec<usize> = (0..1000).map(|row| 5 + row * 7919 % 60).collect();
        let mut sampler = BatchSampler::new(lengths.clone(), 8, 42);
        let padded: usize = rest(&mut sampler)
            .iter()
            .map(|batch| batch.len() * batch.iter().map(|&row| lengths[row]).max().expect("not empty"))
            .sum();
        let tokens: usize = lengths.iter().sum();
        assert!((padded as f64) < 1.1 * tokens as f64, "{padded} for {tokens}");
    }

    #[test]
    fn small_sets_are_mixed_from_epoch_to_epoch() {
        let mut sampler = BatchSampler::new((0..64).collect(), 4, 1);
        let mut first = rest(&mut sampler);
        sampler.start_epoch(1);
        let mut second = rest(&mut sampler);
        first.sort();
        second.sort();
        assert_ne!(first, second);
    }

    proptest! {
        #[test]
        fn every_row_comes_once_an_epoch(
            lengths in prop::collection::vec(1_usize..64, 0..200),
            batch_size in 1_usize..20,
            seed in any::<u64>(),
            epoch in 0_u32..5,
        ) {
            let mut sampler = BatchSampler::new(lengths.clone(), batch_size, seed);
            sampler.start_epoch(epoch);
            let batches = rest(&mut sampler);
            prop_assert_eq!(batches.len(), sampler.num_batches());
            prop_assert!(batches.iter().all(|batch| (1..=batch_size).contains(&batch.len())));
            let mut rows = batches.concat();
            rows.sort_unstable();
            prop_assert_eq!(rows, (0..lengths.len()).collect::<Vec<_>>());
        }

        #[test]
        fn a_restored_sampler_goes_on_as_the_other_would_have(
            lengths in prop::collection::vec(1_usize..64, 1..100),
            seed in any::<u64>(),
            epoch in 0_u32..3,
            taken in 0_usize..20,
        ) {
            let mut one = BatchSampler::new(lengths.clone(), 7, seed);
            one.start_epoch(epoch);
            for _ in 0..taken {
                one.next_batch();
            }
            let mut other = BatchSampler::new(lengths, 7, seed);
            other.restore(one.state());
            prop_assert_eq!(one.state(), other.state());
            prop_assert_eq!(rest(&mut one), rest(&mut other));
        }
    }
}
