//! Disentangled attention of DeBERTa v2 and v3 (<https://arxiv.org/abs/2111.09543>): beside a key a query sees where it
//! stands, and beside a query a key. Classes of distances have vectors, which the layers' own query and key layers read.
//!
//! In: queries, keys, a table of vectors. Out: numbers to add to the scores. Reference: `transformers` v5.24
//! `models/deberta_v2/modeling_deberta_v2.py` (`make_log_bucket_position`, `DisentangledSelfAttention`), where keys for
//! positions share the layers of those for states (`share_att_key`). There the scores of all classes are made, and picked
//! out; here those of the distances in a batch, which are then moved into place.

use burn::module::{Module, Param};
use burn::tensor::{Device, FloatDType, Int, Tensor, TensorData};

use super::attention::split_heads;
use super::{Dropout, Init, LayerNorm, Linear};
use crate::kernels::matmul;

/// Classes of distances.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DisentangledConfig {
    /// Classes of distances to one side; those up to half of it are distances themselves.
    pub buckets: usize,
    /// Distance where the classes of one side end.
    pub max_position: usize,
}

/// A vector for each class of distances, normed.
#[derive(Module, Debug)]
pub(super) struct RelativeEmbeddings {
    /// `[2 * buckets, hidden]`
    weight: Param<Tensor<2>>,
    #[module(skip)]
    config: DisentangledConfig,
}

/// What all layers need of a batch.
pub(super) struct Distances {
    /// `[2 * buckets, hidden]`
    table: Tensor<2>,
    /// Rows of the table for keys that stand `index - seq` after a query: `[2 * seq]`.
    of_keys: Tensor<1, Int>,
    /// The same for queries that stand `index - seq` after a key.
    of_queries: Tensor<1, Int>,
}

/// The layers that read vectors of positions, and their sizes.
pub(super) struct Readers<'a> {
    pub(super) query: &'a Linear,
    pub(super) key: &'a Linear,
    /// Scores are multiplied with this.
    pub(super) scale: f64,
    pub(super) dropout: Dropout,
}

impl DisentangledConfig {
    /// The class of a distance (the query's position less the key's), negative to the other side.
    fn bucket(self, distance: i64) -> i64 {
        let (middle, far) = ((self.buckets / 2) as i64, distance.abs());
        if far <= middle {
            return distance;
        }
        // In f32, as PyTorch computes it: at the border of two classes the last digit decides.
        let scale = (((self.max_position - 1) as f64 / middle as f64) as f32).ln();
        let log = (far as f32 / middle as f32).ln() / scale * (middle - 1) as f32;
        distance.signum() * (log.ceil() as i64 + middle)
    }

    /// The row of the table for a distance.
    fn row(self, distance: i64) -> i32 {
        let span = self.buckets as i64;
        (self.bucket(distance) + span).clamp(0, 2 * span - 1) as i32
    }
}

impl RelativeEmbeddings {
    pub(super) fn new(config: DisentangledConfig, hidden: usize, std: f64, init: &mut Init, device: &Device) -> Self {
        Self { weight: Param::from_tensor(init.normal([2 * config.buckets, hidden], std, device)), config }
    }

    /// What the layers need of a batch of so many tokens a row.
    pub(super) fn distances(&self, norm: &LayerNorm, seq: usize, device: &Device) -> Distances {
        let table = self.weight.val().cast(FloatDType::F32).unsqueeze_dim::<3>(0); // [1, 2 * buckets, hidden]
        let [_, rows, hidden] = table.dims();
        let ids = |sign: i64| {
            let of = |index: usize| self.config.row(sign * (index as i64 - seq as i64));
            Tensor::from_data(TensorData::new((0..2 * seq).map(of).collect::<Vec<i32>>(), [2 * seq]), device)
        };
        Distances { table: norm.forward(table).reshape([rows, hidden]), of_keys: ids(-1), of_queries: ids(1) }
    }
}

impl Distances {
    /// What queries see of the positions of keys, and keys of those of queries.
    ///
    /// # Shapes
    /// - `query`: `[batch, heads, seq, head_dim]`, scaled
    /// - `key`: `[batch, heads, seq, head_dim]`
    /// - returns: `[batch, heads, seq, seq]`
    pub(super) fn scores(&self, query: Tensor<4>, key: Tensor<4>, readers: &Readers<'_>) -> Tensor<4> {
        let [batch, heads, seq, head_dim] = query.dims();
        let table = readers.dropout.forward(self.table.clone());
        let read = |layer: &Linear, rows: &Tensor<1, Int>| {
            let vectors = table.clone().select(0, rows.clone()).unsqueeze_dim::<3>(0); // [1, 2 * seq, hidden]
            split_heads(layer.forward(vectors), heads, head_dim).squeeze_dim::<3>(0).swap_dims(1, 2)
        };
        // All rows of the batch in one product, so that no vector is repeated: on wgpu burn 0.22 finds a wrong gradient of
        // `repeat_dim` where what flows back is not contiguous.
        let score = |x: Tensor<4>, vectors: Tensor<3>| {
            let rows = x.swap_dims(0, 1).reshape([heads, batch * seq, head_dim]);
            moved(matmul(rows, vectors).reshape([heads, batch, seq, 2 * seq]).swap_dims(0, 1))
        };
        let of_keys = score(query, read(readers.key, &self.of_keys));
        let of_queries = score(key.mul_scalar(readers.scale), read(readers.query, &self.of_queries));
        of_keys + of_queries.swap_dims(2, 3)
    }
}

/// Numbers by distance to numbers by place: row `i` at `j` becomes what stood in that row at `j - i + seq`.
///
/// # Shapes
/// - `x`: `[batch, heads, seq, 2 * seq]`
/// - returns: `[batch, heads, seq, seq]`
fn moved(x: Tensor<4>) -> Tensor<4> {
    let [batch, heads, seq, width] = x.dims();
    // Read in rows that are one shorter, each row begins one further left.
    let flat = x.reshape([batch, heads, seq * width]).narrow(2, seq, seq * (width - 1));
    flat.reshape([batch, heads, seq, width - 1]).narrow(3, 0, seq)
}

#[cfg(all(test, feature = "cpu"))]
mod tests {
    use super::*;

    /// `make_log_bucket_position` of `transformers` 5.24, with 256 classes and 512 positions as DeBERTa v3 has them.
    #[test]
    fn buckets_are_those_of_the_reference() {
        let config = DisentangledConfig { buckets: 256, max_position: 512 };
        let distances = [
            -511, -300, -129, -128, -127, -1, 0, 1, 127, 128, 129, 130, 131, 135, 140, 150, 180, 200, 255, 256, 257,
            300, 363, 400, 450, 500, 510, 511,
        ];
        let expected = [
            -255, -207, -129, -128, -127, -1, 0, 1, 127, 128, 129, 130, 131, 133, 137, 143, 160, 169, 192, 192, 192,
            207, 224, 233, 244, 254, 255, 255,
        ];
        assert_eq!(distances.map(|distance| config.bucket(distance)), expected);
        assert_eq!((config.row(0), config.row(-700), config.row(700)), (256, 0, 511));
    }

    #[test]
    fn numbers_by_distance_come_to_their_place() {
        for seq in [1, 2, 5] {
            let values: Vec<f32> = (0..seq * 2 * seq).map(|index| (index % (2 * seq)) as f32).collect();
            let x = Tensor::<4>::from_data(TensorData::new(values, [1, 1, seq, 2 * seq]), &Device::flex());
            let found: Vec<f32> = moved(x).into_data().iter::<f32>().collect();
            let expected: Vec<f32> = (0..seq * seq).map(|cell| (cell % seq + seq - cell / seq) as f32).collect();
            assert_eq!(found, expected);
        }
    }
}
