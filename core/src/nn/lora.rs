//! Low-rank adaptation (<https://arxiv.org/abs/2106.09685>): beside a frozen linear layer, two thin ones that learn.

use burn::module::{Module, Param};
use burn::tensor::{Device, Tensor};

use super::{Dropout, Init, matmul};

/// The branch `s (dropout(x) A) B`.
///
/// The product of `A` and `B` is never built while training: it has the size of the frozen weight, and so would its
/// gradient. PEFT stores both factors transposed.
#[derive(Module, Debug)]
pub struct Lora {
    /// `[in, rank]`
    pub lora_a: Param<Tensor<2>>,
    /// `[rank, out]`
    pub lora_b: Param<Tensor<2>>,
    /// `lora_alpha / rank`, or `lora_alpha / sqrt(rank)` with rsLoRA.
    #[module(skip)]
    pub scaling: f64,
    /// On the branch's input.
    #[module(skip)]
    pub dropout: Dropout,
    /// Whether the branch counts; off, the layer is the base model's.
    #[module(skip)]
    pub enabled: bool,
}

impl Lora {
    /// PEFT's start: `A` uniform in `±1 / sqrt(in)` (Kaiming with `a = sqrt 5`), `B` zero, so that nothing changes yet.
    #[must_use]
    pub fn new(shape: [usize; 2], rank: usize, scaling: f64, dropout: f64, init: &mut Init, device: &Device) -> Self {
        let [input, output] = shape;
        let bound = 1.0 / (input as f64).sqrt();
        Self {
            lora_a: Param::from_tensor(init.uniform([input, rank], bound, device)),
            lora_b: Param::from_tensor(Tensor::zeros([rank, output], device)),
            scaling,
            dropout: Dropout { p: dropout },
            enabled: true,
        }
    }

    /// # Shapes
    /// - `rows`: `[rows, in]`
    /// - returns: `[rows, out]`
    #[must_use]
    pub fn forward(&self, rows: Tensor<2>) -> Tensor<2> {
        let inner = matmul(self.dropout.forward(rows), self.lora_a.val()).mul_scalar(self.scaling); // [rows, rank]
        matmul(inner, self.lora_b.val())
    }

    /// `s A B`, what merging adds to the weight: `[in, out]`.
    #[must_use]
    pub fn product(&self) -> Tensor<2> {
        self.lora_a.val().matmul(self.lora_b.val()).mul_scalar(self.scaling)
    }
}
