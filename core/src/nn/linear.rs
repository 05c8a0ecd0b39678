//! `y = x W + b`, the weight stored `[in, out]` (the transpose of PyTorch's file layout, so that both gradients are
//! plain matrix products of contiguous operands). It may carry a LoRA branch.

use burn::module::{Module, Param};
use burn::tensor::{Device, Tensor};

use super::{Init, Lora};

/// A linear layer.
#[derive(Module, Debug)]
pub struct Linear {
    /// `[in, out]`
    pub weight: Param<Tensor<2>>,
    /// `[out]`
    pub bias: Option<Param<Tensor<1>>>,
    /// The adapter, if it has one.
    pub lora: Option<Lora>,
}

impl Linear {
    /// Weights normal with standard deviation `std`, bias zero: `transformers`' `_init_weights`.
    #[must_use]
    pub fn new(input: usize, output: usize, std: f64, init: &mut Init, device: &Device) -> Self {
        let bias = Param::from_tensor(Tensor::zeros([output], device));
        Self { bias: Some(bias), ..Self::without_bias(input, output, std, init, device) }
    }

    /// As [`Self::new`], with nothing added.
    #[must_use]
    pub fn without_bias(input: usize, output: usize, std: f64, init: &mut Init, device: &Device) -> Self {
        Self { weight: Param::from_tensor(init.normal([input, output], std, device)), bias: None, lora: None }
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
        let bias = self.bias.as_ref().map(Param::val);
        let y = burn::tensor::module::linear(rows.clone(), self.weight.val(), bias);
        let y = match &self.lora {
            Some(lora) if lora.enabled => y + lora.forward(rows),
            _ => y,
        };
        y.reshape(shape)
    }

    /// The layer with its adapter added to the weight, and no adapter.
    #[must_use]
    pub fn merged(self) -> Self {
        let Some(lora) = self.lora else { return self };
        let (id, weight, mapper) = self.weight.consume();
        let weight = Param::from_mapped_value(id, weight + lora.product(), mapper);
        Self { weight, bias: self.bias, lora: None }
    }
}
