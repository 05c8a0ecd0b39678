//! Batches as a run will pad them: how many rows of how many tokens.
//!
//! In: rows that were tokenised, and settings. Out: the sizes of some batches spread over an epoch, of the largest one, and a
//! typical one's rows, to be timed. Batches are made as the run makes them, so that padding, windows and packing count.

use crate::config::RunConfig;
use crate::data::{BatchSampler, HostBatch, HostInputs, HostTargets, Split};
use crate::task::TaskRows;

/// Batches that are made to see how long they are; images are all of one size.
const SAMPLED: usize = 48;

/// Sizes of a batch.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct BatchShape {
    /// Rows.
    pub rows: u64,
    /// Tokens of each, padding included; of an image patches, and its class token.
    pub seq: u64,
    /// Tokens of each target; 0 where there is none.
    pub target_seq: u64,
    /// Tokens that are predicted from the vocabulary.
    pub scored: u64,
}

/// The batches of a run.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Batches {
    /// Rows in each, at most.
    pub batch_size: u32,
    /// Batches of an epoch.
    pub num_batches: u64,
    /// Some of them, spread over the first epoch.
    pub sample: Vec<BatchShape>,
    /// The largest.
    pub largest: BatchShape,
    /// Rows of one of middling length.
    pub typical: Vec<usize>,
    /// Validation rows.
    pub num_valid_rows: u64,
    /// A row is the same in every batch.
    pub rows_are_fixed: bool,
}

impl BatchShape {
    /// The sizes of a batch; `patch_size` is that of a model that reads images.
    #[must_use]
    pub fn of(batch: &HostBatch, patch_size: u64) -> Self {
        let scored = match &batch.targets {
            HostTargets::Ids { ids, .. } => ids.len(),
            _ => 0,
        };
        let (rows, seq, target_seq) = match &batch.inputs {
            HostInputs::Text(text) => (text.batch, text.seq, 0),
            HostInputs::TextToText { source, target } => (source.batch, source.seq, target.seq),
            HostInputs::Pixels(pixels) => {
                let along = |pixels: usize| pixels / (patch_size as usize).max(1);
                (pixels.batch, 1 + along(pixels.height) * along(pixels.width), 0)
            }
        };
        let [rows, seq, target_seq, scored] = [rows, seq, target_seq, scored].map(|count| count as u64);
        Self { rows, seq, target_seq, scored }
    }

    /// The same with so many rows.
    #[must_use]
    pub fn with_rows(self, rows: u64) -> Self {
        Self { rows, scored: (self.scored * rows).div_ceil(self.rows.max(1)), ..self }
    }

    fn size(&self) -> u64 {
        self.rows * (self.seq + self.target_seq)
    }
}

impl Batches {
    /// The batches of a run on `rows`.
    #[must_use]
    pub fn of(rows: &dyn TaskRows, run: &RunConfig, patch_size: u64) -> Self {
        let lengths = rows.lengths(Split::Train);
        let longest = lengths.iter().enumerate().max_by_key(|(_, length)| **length).map(|(row, _)| row);
        let mut sampler = BatchSampler::new(lengths, run.batch_size as usize, run.seed);
        if let Some(classes) = rows.classes_to_train() {
            sampler = sampler.with_classes(classes, run.techniques.class_sampling);
        }
        let mut sampler = sampler.with_strategy(run.train_sampling_strategy);
        let all: Vec<Vec<usize>> = std::iter::from_fn(|| sampler.next_batch()).collect();
        let shape_of =
            |indices: &[usize]| BatchShape::of(&rows.batch(Split::Train, indices, Some(run.seed)), patch_size);
        let wanted = if patch_size > 0 { 1 } else { SAMPLED };
        let sampled = all.iter().step_by(all.len().div_ceil(wanted).max(1));
        let mut sample: Vec<(BatchShape, &Vec<usize>)> = sampled.map(|indices| (shape_of(indices), indices)).collect();
        let with_longest = longest.and_then(|row| all.iter().find(|indices| indices.contains(&row)));
        let longest = with_longest.map(|indices| shape_of(indices));
        let largest = sample.iter().map(|(shape, _)| *shape).chain(longest).max_by_key(BatchShape::size);
        let shapes = sample.iter().map(|(shape, _)| *shape).collect();
        sample.sort_by_key(|(shape, _)| shape.size());
        let typical = sample.get(sample.len() / 2).map(|(_, indices)| (*indices).clone());
        Self {
            batch_size: run.batch_size,
            num_batches: all.len() as u64,
            sample: shapes,
            largest: largest.unwrap_or_default(),
            typical: typical.unwrap_or_default(),
            num_valid_rows: rows.num_rows()[1] as u64,
            rows_are_fixed: rows.is_fixed(),
        }
    }

    /// An epoch of batches that are all alike, without validation rows.
    #[must_use]
    pub fn alike(shape: BatchShape, num_batches: u64) -> Self {
        Self { batch_size: shape.rows as u32, num_batches, sample: vec![shape], largest: shape, ..Self::default() }
    }

    /// In how many parts these batches are cut by a run of fewer rows in each.
    pub(super) fn parts_of(&self, run: &RunConfig) -> u64 {
        u64::from(self.batch_size.div_ceil(run.batch_size.max(1)).max(1))
    }

    /// The largest batch of such a run.
    pub(super) fn largest_of(&self, run: &RunConfig) -> BatchShape {
        self.largest.with_rows(self.largest.rows.div_ceil(self.parts_of(run)).max(1))
    }
}
