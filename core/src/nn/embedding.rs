//! A table of vectors, looked up by id.

use burn::module::{Module, Param};
use burn::tensor::{Device, FloatDType, Int, Tensor};

use super::Init;

/// A lookup table.
#[derive(Module, Debug)]
pub struct Embedding {
    /// `[vocab, hidden]`
    pub weight: Param<Tensor<2>>,
}

impl Embedding {
    /// Entries normal with standard deviation `std`.
    #[must_use]
    pub fn new(count: usize, hidden: usize, std: f64, init: &mut Init, device: &Device) -> Self {
        Self { weight: Param::from_tensor(init.normal([count, hidden], std, device)) }
    }

    /// # Shapes
    /// - `ids`: `[batch, seq]`
    /// - returns: `[batch, seq, hidden]`, f32 whatever the table is held in
    #[must_use]
    pub fn forward(&self, ids: Tensor<2, Int>) -> Tensor<3> {
        burn::tensor::module::embedding(self.weight.val(), ids).cast(FloatDType::F32)
    }
}
