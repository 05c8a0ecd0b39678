//! The order in which rows are trained on: seeded, and saveable.
//!
//! Grouped by length, so that little is padded, as `transformers`' `LengthGroupedSampler` does it: shuffle the rows, cut
//! them into megabatches of up to fifty batches, sort each by length, cut it into batches, and shuffle the batches. At
//! random: shuffle the rows, and cut them into batches. Sequential: cut them as they are. Rows of several groups (tasks)
//! are cut into batches apart, so that a batch is of one group; how many of each there are depends on a temperature.

use std::ops::Range;

use serde::{Deserialize, Serialize};

use super::random::{generator, shuffle};
use crate::config::TrainSamplingStrategy;

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
    groups: Vec<Group>,
    batch_size: usize,
    strategy: TrainSamplingStrategy,
    seed: u64,
    batches: Vec<Vec<usize>>,
    state: SamplerState,
}

/// Rows that batches are cut of.
#[derive(Debug, Clone)]
struct Group {
    rows: Range<usize>,
    /// Rows of it in an epoch: fewer than there are, or more.
    rows_an_epoch: usize,
}

/// Rows of each group in an epoch, of groups of these sizes. With a temperature of 1 every row comes once; above it a
/// group's share follows `size^(1 / temperature)`, and the rows of an epoch stay about as many as there are in all.
#[must_use]
pub fn rows_an_epoch(sizes: &[usize], temperature: f64) -> Vec<usize> {
    if temperature == 1.0 {
        return sizes.to_vec();
    }
    let share = |size: usize| if size == 0 { 0.0 } else { (size as f64).powf(1.0 / temperature) };
    let (rows, shares) = (sizes.iter().sum::<usize>() as f64, sizes.iter().map(|&size| share(size)).sum::<f64>());
    sizes.iter().map(|&size| (rows * share(size) / shares.max(f64::MIN_POSITIVE)).round() as usize).collect()
}

impl BatchSampler {
    /// At the start of epoch 0, grouped by length. `lengths` are tokens a row; a `batch_size` of 0 is taken as 1.
    #[must_use]
    pub fn new(lengths: Vec<usize>, batch_size: usize, seed: u64) -> Self {
        let sizes = [lengths.len()];
        Self::with_groups(lengths, &sizes, batch_size, seed, 1.0)
    }

    /// As [`Self::new`], of rows in groups that follow each other and have these `sizes`. Each batch is of one group, and
    /// an epoch has [`rows_an_epoch`] of each: of a group with fewer rows than that all come again, of one with more an
    /// epoch leaves some out, every time others.
    ///
    /// # Panics
    /// When the sizes are not those of all rows.
    #[must_use]
    pub fn with_groups(lengths: Vec<usize>, sizes: &[usize], batch_size: usize, seed: u64, temperature: f64) -> Self {
        assert_eq!(sizes.iter().sum::<usize>(), lengths.len(), "every row is in a group");
        let mut start = 0;
        let mut groups = Vec::with_capacity(sizes.len());
        for (&size, rows_an_epoch) in sizes.iter().zip(rows_an_epoch(sizes, temperature)) {
            groups.push(Group { rows: start..start + size, rows_an_epoch });
            start += size;
        }
        let (batch_size, state) = (batch_size.max(1), SamplerState::default());
        let mut sampler = Self {
            lengths,
            groups,
            batch_size,
            strategy: TrainSamplingStrategy::GroupByLength,
            seed,
            batches: Vec::new(),
            state,
        };
        sampler.start_epoch(0);
        sampler
    }

    /// At the start of epoch 0, in another order; as it is where that is its order already.
    #[must_use]
    pub fn with_strategy(mut self, strategy: TrainSamplingStrategy) -> Self {
        if strategy != self.strategy {
            self.strategy = strategy;
            self.start_epoch(0);
        }
        self
    }

    /// Turns to the start of an epoch; its order depends on seed and epoch only.
    pub fn start_epoch(&mut self, epoch: u32) {
        // Stream 0 of the seed is left to others.
        let mut generator = generator(self.seed, 1 + u64::from(epoch));
        let mut batches = Vec::with_capacity(self.num_batches());
        for group in &self.groups {
            let mut left = group.rows_an_epoch;
            // A row that comes again comes in another batch: each pass over the group is cut for itself.
            while left > 0 {
                let mut rows: Vec<usize> = group.rows.clone().collect();
                if self.strategy != TrainSamplingStrategy::Sequential {
                    shuffle(&mut rows, &mut generator);
                }
                rows.truncate(left);
                left -= rows.len();
                if self.strategy == TrainSamplingStrategy::GroupByLength {
                    self.sort_megabatches(&mut rows);
                }
                batches.extend(rows.chunks(self.batch_size).map(<[usize]>::to_vec));
            }
        }
        if self.strategy != TrainSamplingStrategy::Sequential {
            shuffle(&mut batches, &mut generator);
        }
        self.batches = batches;
        self.state = SamplerState { epoch, batch: 0 };
    }

    /// Sorts the rows of each megabatch by their length, the longest first.
    fn sort_megabatches(&self, rows: &mut [usize]) {
        // As in transformers: at least four megabatches, so that small sets are mixed too.
        let per_megabatch = (rows.len() / (4 * self.batch_size)).clamp(1, MAX_MEGABATCH);
        for megabatch in rows.chunks_mut(per_megabatch * self.batch_size) {
            megabatch.sort_by_key(|&row| std::cmp::Reverse(self.lengths[row]));
        }
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
        let of_group = |group: &Group| {
            let size = group.rows.len().max(1);
            let (passes, rest) = (group.rows_an_epoch / size, group.rows_an_epoch % size);
            passes * size.div_ceil(self.batch_size) + rest.div_ceil(self.batch_size)
        };
        self.groups.iter().map(of_group).sum()
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
    fn at_random_rows_of_any_length_share_a_batch() {
        let lengths: Vec<usize> = (0..1000).map(|row| 5 + row / 20).collect();
        let at_random = |seed| BatchSampler::new(lengths.clone(), 8, seed).with_strategy(TrainSamplingStrategy::Random);
        let spread = |batches: &[Vec<usize>]| {
            let range = |batch: &Vec<usize>| batch.iter().max().expect("rows") - batch.iter().min().expect("rows");
            batches.iter().map(range).sum::<usize>() / batches.len()
        };
        let batches = rest(&mut at_random(1));
        assert!(
            spread(&batches) > 700,
            "of 8 numbers below 1000 the largest and least lie 777 apart: {}",
            spread(&batches)
        );
        let by_length = || BatchSampler::new(lengths.clone(), 8, 1);
        assert!(spread(&rest(&mut by_length())) < 100);
        let mut same = by_length().with_strategy(TrainSamplingStrategy::GroupByLength);
        assert_eq!(rest(&mut same), rest(&mut by_length()), "it is the order that a sampler begins with");
        assert_eq!(batches, rest(&mut at_random(1)));
        assert_ne!(batches, rest(&mut at_random(2)));
        let mut rows = batches.concat();
        rows.sort_unstable();
        assert_eq!(rows, (0..1000).collect::<Vec<_>>());
    }

    #[test]
    fn sequential_rows_keep_their_order_in_every_epoch() {
        let mut sampler = BatchSampler::new((0..10).rev().collect(), 4, 1);
        sampler = sampler.with_strategy(TrainSamplingStrategy::Sequential);
        let expected = [vec![0, 1, 2, 3], vec![4, 5, 6, 7], vec![8, 9]];
        assert_eq!(rest(&mut sampler), expected);
        sampler.start_epoch(1);
        assert_eq!(rest(&mut sampler), expected);
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

    /// Two groups of 90 and 10 rows.
    fn two_groups(temperature: f64, seed: u64) -> BatchSampler {
        let lengths = (0..100).map(|row| 5 + row * 7919 % 60).collect();
        BatchSampler::with_groups(lengths, &[90, 10], 8, seed, temperature)
    }

    /// Rows of an epoch, and those of them that are of the second group.
    fn counts(batches: &[Vec<usize>]) -> (usize, usize) {
        let rows = batches.concat();
        (rows.len(), rows.iter().filter(|&&row| row >= 90).count())
    }

    #[test]
    fn at_a_temperature_of_1_every_row_of_every_group_comes_once_and_no_batch_mixes_groups() {
        let mut sampler = two_groups(1.0, 3);
        let batches = rest(&mut sampler);
        assert_eq!((batches.len(), sampler.num_batches()), (12 + 2, 12 + 2));
        let mut rows = batches.concat();
        rows.sort_unstable();
        assert_eq!(rows, (0..100).collect::<Vec<_>>());
        let is_of_one = |batch: &Vec<usize>| batch.iter().all(|&row| (row < 90) == (batch[0] < 90));
        assert!(batches.iter().all(is_of_one));
        let second: Vec<usize> = (0..14).filter(|&at| batches[at][0] >= 90).collect();
        assert_ne!(second, [12, 13], "batches of all groups are mixed");
    }

    #[test]
    fn a_higher_temperature_evens_groups_out() {
        assert_eq!(rows_an_epoch(&[90, 10, 0], 1.0), [90, 10, 0]);
        assert_eq!(rows_an_epoch(&[90, 10, 0], 2.0), [75, 25, 0], "as 3 to 1, the roots of 9 and 1");
        assert_eq!(rows_an_epoch(&[1_000_000, 1], 1.5)[1], 100);
        let mut sampler = two_groups(2.0, 3);
        let batches = rest(&mut sampler);
        assert_eq!(counts(&batches), (100, 25));
        assert_eq!(batches.len(), sampler.num_batches());
        for batch in &batches {
            let mut rows = batch.clone();
            rows.sort_unstable();
            rows.dedup();
            assert_eq!(rows.len(), batch.len(), "no row is twice in a batch");
        }
        let of_first = |batches: &[Vec<usize>]| {
            let mut rows: Vec<usize> = batches.concat().into_iter().filter(|&row| row < 90).collect();
            rows.sort_unstable();
            rows
        };
        sampler.start_epoch(1);
        let second = rest(&mut sampler);
        assert_eq!(counts(&second), (100, 25));
        assert_ne!(of_first(&batches), of_first(&second), "each epoch leaves out others");
    }

    #[test]
    fn groups_are_drawn_by_the_seed_and_can_be_restored() {
        assert_eq!(rest(&mut two_groups(2.0, 3)), rest(&mut two_groups(2.0, 3)));
        assert_ne!(rest(&mut two_groups(2.0, 3)), rest(&mut two_groups(2.0, 4)));
        let mut one = two_groups(2.0, 3);
        one.start_epoch(2);
        (0..5).for_each(|_| drop(one.next_batch()));
        let mut other = two_groups(2.0, 3);
        other.restore(one.state());
        assert_eq!(rest(&mut one), rest(&mut other));
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
