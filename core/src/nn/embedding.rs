//! A table of vectors, looked up by id.

use burn::module::{Module, Param};
use burn::tensor::{Bool, Device, FloatDType, Int, Tensor};

use super::Init;

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

    /// # Shapes
    /// - `ids`: `[batch, seq]`
    /// - returns: `[batch, seq, hidden]`, f32 whatever the table is held in
    #[must_use]
    pub fn forward(&self, ids: Tensor<2, Int>) -> Tensor<3> {
        burn::tensor::module::embedding(self.weight.val(), ids).cast(FloatDType::F32)
    }
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
