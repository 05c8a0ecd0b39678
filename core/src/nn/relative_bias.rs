//! Distances between tokens, in place of positions (T5) or beside them (MPNet): a number for each head and class of
//! distances between two tokens, which is added to the scores of attention. `transformers` v5.24
//! `models/t5/modeling_t5.py`, `T5Attention.compute_bias`; `MPNetEncoder.compute_position_bias` computes the same.

use burn::module::{Module, Param};
use burn::tensor::{Device, FloatDType, Int, Tensor, TensorData};

use super::Init;

/// A number for each head and class of distances between two tokens.
#[derive(Module, Debug)]
pub(super) struct RelativeBias {
    /// `[buckets, heads]`
    weight: Param<Tensor<2>>,
    #[module(skip)]
    is_bidirectional: bool,
    #[module(skip)]
    max_distance: usize,
}

/// The class of a distance (that of the token that is seen less that of the token that sees).
fn bucket(distance: i64, is_bidirectional: bool, buckets: usize, max_distance: usize) -> usize {
    let buckets = if is_bidirectional { buckets / 2 } else { buckets };
    let (first, far) = match is_bidirectional {
        true => (if distance > 0 { buckets } else { 0 }, distance.unsigned_abs() as usize),
        false => (0, distance.min(0).unsigned_abs() as usize),
    };
    let exact = buckets / 2;
    if far < exact {
        return first + far;
    }
    // In f32, as PyTorch computes it: at the border of two classes the last digit decides.
    let scale = (max_distance as f64 / exact as f64).ln() as f32;
    let log = (far as f32 / exact as f32).ln() / scale * (buckets - exact) as f32;
    first + (exact + log as usize).min(buckets - 1)
}

impl RelativeBias {
    /// Numbers normal with standard deviation `std`; distances from `max_distance` on are one class.
    pub(super) fn new(
        [buckets, heads]: [usize; 2],
        max_distance: usize,
        is_bidirectional: bool,
        std: f64,
        init: &mut Init,
        device: &Device,
    ) -> Self {
        let weight = Param::from_tensor(init.normal([buckets, heads], std, device));
        Self { weight, is_bidirectional, max_distance }
    }

    /// What is added to the scores of `queries` tokens after `past` others, for keys from the first token on.
    ///
    /// # Shapes
    /// - returns: `[1, heads, queries, keys]`
    pub(super) fn forward(&self, past: usize, queries: usize, keys: usize, device: &Device) -> Tensor<4> {
        let [buckets, heads] = self.weight.dims();
        // One number a distance; then row i is the row of numbers moved by i, which is a row that is repeated one too wide.
        let width = queries + keys - 1;
        let distance = |index: usize| {
            let offset = if index < keys { index as i64 } else { index as i64 - (width as i64 + 1) };
            offset - past as i64
        };
        let ids: Vec<i32> = (0..=width)
            .map(|index| bucket(distance(index), self.is_bidirectional, buckets, self.max_distance) as i32)
            .collect();
        let ids = Tensor::<1, Int>::from_data(TensorData::new(ids, [width + 1]), device);
        let by_distance = self.weight.val().cast(FloatDType::F32).select(0, ids).transpose(); // [heads, width + 1]
        let rows = by_distance.unsqueeze_dim::<3>(1).repeat_dim(1, queries); // [heads, queries, width + 1]
        let flat = rows.reshape([heads, queries * (width + 1)]).narrow(1, 0, queries * width);
        flat.reshape([1, heads, queries, width]).narrow(3, 0, keys)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `T5Attention._relative_position_bucket` of `transformers` 5.24, with 32 buckets and 128 as the distance.
    #[test]
    fn buckets_are_those_of_the_reference() {
        let of = |distances: &[i64], is_bidirectional| {
            distances.iter().map(|&distance| bucket(distance, is_bidirectional, 32, 128)).collect::<Vec<_>>()
        };
        let distances = [-200, -128, -127, -64, -17, -16, -9, -8, -7, -1, 0, 1, 7, 8, 9, 16, 64, 127, 128, 200];
        let both = [15, 15, 15, 14, 10, 10, 8, 8, 7, 1, 0, 17, 23, 24, 24, 26, 30, 31, 31, 31];
        assert_eq!(of(&distances, true), both);
        let before = [31, 31, 31, 26, 16, 16, 9, 8, 7, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0];
        assert_eq!(of(&distances, false), before);
    }
}
