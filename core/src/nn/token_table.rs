//! The table of token vectors of a language model, for looking up and, tied or not, for scoring.
//!
//! It is cut into shards of rows: GPT-2's has 154 MB, and WebGPU promises no more than 128 MiB in one binding. The cut
//! depends on the shape alone, so that a run is the same on every device.
//!
//! A frozen table may be held in half precision. Scores are f32 all the same (a shard is widened while it is used):
//! those of GPT-2 lie around -100, where bf16 counts in halves, and the loss is their difference.

use std::ops::Range;

use burn::module::{Module, Param};
use burn::tensor::{DType, Device, FloatDType, Int, Tensor};

use super::Init;
use crate::kernels::matmul;

/// Most bytes of a shard.
const MAX_SHARD_BYTES: usize = 96 << 20;

/// A `[vocab, hidden]` table in shards.
#[derive(Module, Debug)]
pub struct TokenTable {
    /// `[rows, hidden]` each, in order.
    pub shards: Vec<Param<Tensor<2>>>,
}

/// Rows of each shard of a table.
#[must_use]
pub(super) fn shard_rows(vocab: usize, hidden: usize) -> Vec<Range<usize>> {
    let count = (vocab * hidden * size_of::<f32>()).div_ceil(MAX_SHARD_BYTES).max(1);
    let rows = vocab.div_ceil(count).max(1);
    (0..vocab).step_by(rows).map(|first| first..(first + rows).min(vocab)).collect()
}

impl TokenTable {
    /// Entries normal with standard deviation `std`; those of `padding_row` are 0.
    #[must_use]
    pub fn new(
        vocab: usize,
        hidden: usize,
        std: f64,
        padding_row: Option<usize>,
        init: &mut Init,
        device: &Device,
    ) -> Self {
        let shard = |rows: Range<usize>| {
            let padding_row = padding_row.and_then(|row| row.checked_sub(rows.start));
            Param::from_tensor(init.table([rows.len(), hidden], std, padding_row, device))
        };
        Self { shards: shard_rows(vocab, hidden).into_iter().map(shard).collect() }
    }

    /// Vectors of tokens.
    ///
    /// # Shapes
    /// - `ids`: `[batch, seq]`
    /// - returns: `[batch, seq, hidden]`, f32
    #[must_use]
    pub fn forward(&self, ids: Tensor<2, Int>) -> Tensor<3> {
        if let [table] = self.shards.as_slice() {
            return burn::tensor::module::embedding(table.val(), ids).cast(FloatDType::F32);
        }
        let mut first = 0i64;
        let mut sum: Option<Tensor<3>> = None;
        for table in &self.shards {
            let rows = table.dims()[0] as i64;
            let local = ids.clone().sub_scalar(first);
            let inside = local.clone().greater_equal_elem(0).bool_and(local.clone().lower_elem(rows));
            let found = burn::tensor::module::embedding(table.val(), local.clamp(0, rows - 1));
            let part = found.cast(FloatDType::F32) * inside.float().unsqueeze_dim::<3>(2);
            sum = Some(match sum {
                Some(sum) => sum + part,
                None => part,
            });
            first += rows;
        }
        sum.expect("a table has at least one shard")
    }

    /// Score of every token: `x W^T`.
    ///
    /// # Shapes
    /// - `states`: `[rows, hidden]`
    /// - returns: `[rows, vocab]`, f32
    #[must_use]
    pub fn logits(&self, states: Tensor<2>) -> Tensor<2> {
        let score = |table: &Param<Tensor<2>>| matmul(states.clone(), table.val().cast(FloatDType::F32).transpose());
        Tensor::cat(self.shards.iter().map(score).collect(), 1)
    }

    /// The number format that it is held in.
    #[must_use]
    pub(super) fn dtype(&self) -> DType {
        self.shards.first().map_or(DType::F32, |shard| shard.val().dtype())
    }

    /// Whether the table is trained.
    #[must_use]
    pub fn is_trained(&self) -> bool {
        self.shards.iter().any(|table| table.is_require_grad())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shards_cover_the_vocabulary_and_fit_a_binding() {
        for (vocab, hidden, count) in [(512, 64, 1), (50257, 768, 2), (151_936, 896, 6)] {
            let shards = shard_rows(vocab, hidden);
            assert_eq!(shards.len(), count);
            assert_eq!(shards.iter().map(Range::len).sum::<usize>(), vocab);
            assert!(shards.windows(2).all(|pair| pair[0].end == pair[1].start));
            assert!(shards.iter().all(|rows| rows.len() * hidden * 4 <= 128 << 20));
        }
    }
}
