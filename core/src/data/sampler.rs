//! The order in which rows are trained on: seeded, and saveable.
//!
//! Grouped by length, so that little is padded, as `transformers`' `LengthGroupedSampler` does it: shuffle the rows, cut
//! them into megabatches of up to fifty batches, sort each by length, cut it into batches, and shuffle the batches. At
//! random: shuffle the rows, and cut them into batches. Sequential: cut them as they are. Rows of several groups (tasks)
//! are cut into batches apart, so that a batch is of one group; how many of each there are depends on a temperature. Classes of
//! one group may be evened out: an epoch then has so many rows of each, mixed.

use std::ops::Range;

use rand_chacha::ChaCha8Rng;
use serde::{Deserialize, Serialize};

use super::random::{generator, shuffle};
use crate::config::{ClassSampling, TrainSamplingStrategy};

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
    /// Rows of each class, and how many of them an epoch has; none where classes are not evened out.
    classes: Vec<(Vec<usize>, usize)>,
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
            classes: Vec::new(),
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

    /// At the start of epoch 0, with so many rows of each class in an epoch as `sampling` says; `classes` are the class ids of
    /// all rows. Rows of a class that has too few come again, and of one that has too many an epoch leaves some out, every time
    /// others.
    ///
    /// # Panics
    /// When there are not as many class ids as rows.
    #[must_use]
    pub fn with_classes(mut self, classes: Vec<usize>, sampling: ClassSampling) -> Self {
        if sampling == ClassSampling::None {
            return self;
        }
        assert_eq!(classes.len(), self.lengths.len(), "every row has a class");
        let mut rows = vec![Vec::new(); classes.iter().max().map_or(0, |last| last + 1)];
        for (row, class) in classes.into_iter().enumerate() {
            rows[class].push(row);
        }
        let counts: Vec<usize> = rows.iter().map(Vec::len).collect();
        self.classes = rows.into_iter().zip(sampling.rows_an_epoch(&counts)).collect();
        self.start_epoch(0);
        self
    }

    /// Turns to the start of an epoch; its order depends on seed and epoch only.
    pub fn start_epoch(&mut self, epoch: u32) {
        // Stream 0 of the seed is left to others.
        let mut generator = generator(self.seed, 1 + u64::from(epoch));
        let mut batches = Vec::with_capacity(self.num_batches());
        if !self.classes.is_empty() {
            let mut rows = self.rows_of_classes(&mut generator);
            if self.strategy == TrainSamplingStrategy::GroupByLength {
                self.sort_megabatches(&mut rows);
            }
            batches.extend(rows.chunks(self.batch_size).map(<[usize]>::to_vec));
            shuffle(&mut batches, &mut generator);
            self.batches = batches;
            self.state = SamplerState { epoch, batch: 0 };
            return;
        }
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

    /// The rows of an epoch in which classes are evened out, mixed.
    fn rows_of_classes(&self, generator: &mut ChaCha8Rng) -> Vec<usize> {
        let mut all = Vec::new();
        for (rows, rows_an_epoch) in &self.classes {
            let mut left = *rows_an_epoch;
            while left > 0 && !rows.is_empty() {
                let mut pass = rows.clone();
                shuffle(&mut pass, generator);
                pass.truncate(left);
                left -= pass.len();
                all.extend(pass);
            }
        }
        shuffle(&mut all, generator);
        all
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
        if !self.classes.is_empty() {
            return self.classes.iter().map(|(_, rows)| rows).sum::<usize>().div_ceil(self.batch_size);
        }
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

    /// Ten rows, of which 8 and 9 are of the second class.
    fn two_classes(sampling: ClassSampling, seed: u64) -> BatchSampler {
        let classes = (0..10).map(|row| usize::from(row >= 8)).collect();
        BatchSampler::new((0..10).map(|row| 5 + row % 3).collect(), 3, seed).with_classes(classes, sampling)
    }

    /// Of each row how often it comes in an epoch.
    fn times(batches: &[Vec<usize>]) -> Vec<usize> {
        let rows = batches.concat();
        (0..10).map(|row| rows.iter().filter(|&&own| own == row).count()).collect()
    }

    #[test]
    fn classes_are_evened_out_in_every_epoch_with_other_rows() {
        let mut over = two_classes(ClassSampling::Oversample, 1);
        let batches = rest(&mut over);
        assert_eq!((times(&batches), batches.len()), ([[1; 8].as_slice(), &[4, 4]].concat(), over.num_batches()));
        let mut under = two_classes(ClassSampling::Undersample, 1);
        let mut seen = vec![0; 10];
        for epoch in 0..60 {
            under.start_epoch(epoch);
            let batches = rest(&mut under);
            let times = times(&batches);
            assert_eq!((times[..8].iter().sum::<usize>(), &times[8..]), (2, &[1, 1][..]));
            assert_eq!(batches.len(), under.num_batches());
            seen.iter_mut().zip(times).for_each(|(seen, times)| *seen += times);
        }
        assert!(seen.iter().all(|&times| times > 0), "each epoch leaves out others: {seen:?}");
        let mut balanced = two_classes(ClassSampling::Balanced, 1);
        let found = times(&rest(&mut balanced));
        assert_eq!((found[..8].iter().sum::<usize>(), found[8..].iter().sum::<usize>()), (5, 5));
        assert!(found[8..].iter().all(|&times| times == 2 || times == 3));
    }

    #[test]
    fn evened_out_classes_are_mixed_seeded_and_can_be_restored() {
        let all = |seed| rest(&mut two_classes(ClassSampling::Oversample, seed));
        assert_eq!(all(3), all(3));
        assert_ne!(all(3), all(4));
        let is_mixed = |batch: &Vec<usize>| batch.iter().any(|&row| row < 8) && batch.iter().any(|&row| row >= 8);
        assert!(all(3).iter().any(is_mixed));
        let mut one = two_classes(ClassSampling::Balanced, 3);
        one.start_epoch(2);
        drop(one.next_batch());
        let mut other = two_classes(ClassSampling::Balanced, 3);
        other.restore(one.state());
        assert_eq!(rest(&mut one), rest(&mut other));
        let mut none = two_classes(ClassSampling::None, 3);
        assert_eq!(rest(&mut none), rest(&mut BatchSampler::new((0..10).map(|row| 5 + row % 3).collect(), 3, 3)));
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
