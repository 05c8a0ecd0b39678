//! A table of vectors, looked up by id.

use burn::module::{Module, Param};
use burn::tensor::{Bool, Device, Distribution, FloatDType, Int, Tensor};

use super::Init;
use crate::batch::TextBatch;

/// A lookup table.
#[derive(Module, Debug)]
pub struct Embedding {
    /// `[vocab, hidden]`
    pub weight: Param<Tensor<2>>,
}

impl Embedding {
    /// Entries normal with standard deviation `std`; those of `padding_row` are 0.
    #[must_use]
    pub fn new(
        count: usize,
        hidden: usize,
        std: f64,
        padding_row: Option<usize>,
        init: &mut Init,
        device: &Device,
    ) -> Self {
        Self { weight: Param::from_tensor(init.table([count, hidden], std, padding_row, device)) }
    }

    /// Gives every id the vector of id 0.
    pub fn repeat_first(&mut self) {
        let count = self.weight.dims()[0];
        self.weight = self.weight.clone().map(|table| table.narrow(0, 0, 1).repeat_dim(0, count));
    }

    /// # Shapes
    /// - `ids`: `[batch, seq]`
    /// - returns: `[batch, seq, hidden]`, f32 whatever the table is held in
    #[must_use]
    pub fn forward(&self, ids: Tensor<2, Int>) -> Tensor<3> {
        burn::tensor::module::embedding(self.weight.val(), ids).cast(FloatDType::F32)
    }
}

/// The vectors of a batch's tokens: those that it brings, else those that are looked up.
///
/// # Shapes
/// - returns: `[batch, seq, hidden]`
#[must_use]
pub(super) fn word_vectors(batch: &TextBatch, look_up: impl FnOnce(Tensor<2, Int>) -> Tensor<3>) -> Tensor<3> {
    match &batch.word_vectors {
        Some(vectors) => vectors.clone(),
        None => look_up(batch.input_ids.clone()),
    }
}

/// The vectors of a batch's tokens with the batch's noise, which is drawn on the device; as they are where it has none.
///
/// # Shapes
/// - `x`: `[batch, seq, hidden]`
/// - returns: as `x`
#[must_use]
pub(super) fn with_noise(x: Tensor<3>, batch: &TextBatch) -> Tensor<3> {
    let Some(noise) = &batch.noise else { return x };
    let shape = x.dims();
    let size = noise.clone().div_scalar((shape[2] as f64).sqrt()).unsqueeze_dim::<3>(2); // [batch, seq, 1]
    let drawn = Tensor::<3>::random(shape, Distribution::Uniform(-1.0, 1.0), &x.device());
    x + drawn * size
}

/// The same vectors, but those `at` some positions pass no gradient on: what `padding_idx` of `torch.nn.Embedding` does.
///
/// # Shapes
/// - `x`: `[batch, seq, hidden]`
/// - `at`: `[batch, seq]`
/// - returns: as `x`
#[must_use]
pub(super) fn stop_gradient(x: Tensor<3>, at: Tensor<2, Bool>) -> Tensor<3> {
    let stopped = at.float().unsqueeze_dim::<3>(2); // [batch, seq, 1]
    let passing = stopped.clone().neg().add_scalar(1.0);
    x.clone() * passing + x.detach() * stopped
}

#[cfg(all(test, feature = "cpu"))]
mod tests {
    use super::*;
    use crate::batch::BatchInputs;
    use crate::data::{HostInputs, HostText, Padding, PositionIds, TextRow};

    #[test]
    fn every_id_may_get_the_vector_of_the_first() {
        let device = Device::flex();
        let weight = Param::from_tensor(Tensor::from_data([[1.0_f32, 2.0], [3.0, 4.0], [5.0, 6.0]], &device));
        let mut table = Embedding { weight };
        table.repeat_first();
        let values: Vec<f32> = table.weight.val().into_data().iter::<f32>().collect();
        assert_eq!(values, [1.0, 2.0, 1.0, 2.0, 1.0, 2.0]);
    }

    /// Of NEFTune: evenly up to alpha / sqrt(tokens * width), tokens without padding.
    #[test]
    fn noise_is_as_large_as_the_tokens_of_its_row_say_and_padding_has_none() {
        const WIDTH: usize = 256;
        let device = Device::flex();
        let padding = Padding { pad_token_id: 0, multiple_of: 1, max_length: 8, positions: PositionIds::FromZero };
        let rows: [&[u32]; 2] = [&[1, 2, 3, 4], &[5]];
        let rows = rows.map(|input_ids| TextRow { input_ids, token_type_ids: &[] });
        let host = HostInputs::Text(HostText::pad(&rows, &padding));
        let plain = BatchInputs::new(&host, &device);
        let vectors = || Tensor::<3>::ones([2, 4, WIDTH], &device);
        let values = |x: Tensor<3>| x.into_data().iter::<f32>().collect::<Vec<f32>>();
        assert_eq!(values(with_noise(vectors(), plain.text())), values(vectors()), "what is measured has none");
        let noisy = plain.with_noise(&host, 5.0, &device);
        let noise: Vec<f32> =
            values(with_noise(vectors(), noisy.text())).into_iter().map(|value| value - 1.0).collect();
        for (row, length) in [(0, 4), (1, 1)] {
            let bound = 5.0 / ((length * WIDTH) as f32).sqrt();
            let of_row = &noise[row * 4 * WIDTH..][..4 * WIDTH];
            let (tokens, padded) = of_row.split_at(length * WIDTH);
            let largest = tokens.iter().fold(0.0_f32, |largest, value| largest.max(value.abs()));
            assert!(largest <= bound + 1e-6 && largest > 0.9 * bound, "{largest}, of at most {bound}");
            let mean_square = tokens.iter().map(|value| value * value).sum::<f32>() / tokens.len() as f32;
            let expected = bound * bound / 3.0;
            assert!((mean_square - expected).abs() < 0.3 * expected, "{mean_square}, not {expected}");
            assert!(padded.iter().all(|value| *value == 0.0));
        }
    }
}
