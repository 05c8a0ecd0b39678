//! `y = x W + b`, the weight stored `[in, out]` (the transpose of PyTorch's file layout, so that both gradients are
//! plain matrix products of contiguous operands).

use burn::module::{Module, Param};
use burn::tensor::{Device, Tensor};

use super::Init;

/// A linear layer with bias.
#[derive(Module, Debug)]
pub struct Linear {
    /// `[in, out]`
    pub weight: Param<Tensor<2>>,
    /// `[out]`
    pub bias: Param<Tensor<1>>,
}

impl Linear {
    /// Weights normal with standard deviation `std`, bias zero: `transformers`' `_init_weights`.
    #[must_use]
    pub fn new(input: usize, output: usize, std: f64, init: &mut Init, device: &Device) -> Self {
        Self {
            weight: Param::from_tensor(init.normal([input, output], std, device)),
            bias: Param::from_tensor(Tensor::zeros([output], device)),
        }
    }

    /// # Shapes
    /// - `x`: `[.., in]`
    /// - returns: `[.., out]`
    #[must_use]
    pub fn forward<const D: usize>(&self, x: Tensor<D>) -> Tensor<D> {
        // Rows of all batches in one matrix: burn's backward would otherwise make and sum a product per batch.
        let mut shape = x.dims();
        let [input, output] = self.weight.dims();
        let rows = x.reshape([shape[..D - 1].iter().product::<usize>(), input]); // [batch * seq, in]
        shape[D - 1] = output;
        burn::tensor::module::linear(rows, self.weight.val(), Some(self.bias.val())).reshape(shape)
    }
}
