//! Low-rank adaptation (<https://arxiv.org/abs/2106.09685>): beside a frozen linear layer, two thin ones that learn.
//! With DoRA (<https://arxiv.org/abs/2402.09353>) each output's magnitude is learned too, apart from its direction.

use burn::module::{Module, Param};
use burn::tensor::{Device, FloatDType, Tensor};

use super::{Dropout, Init};
use crate::kernels::matmul;

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
    /// `[out]`, the norms that the columns of `W + s A B` get; only DoRA has it.
    pub lora_magnitude_vector: Option<Param<Tensor<1>>>,
    /// `lora_alpha / rank`, or `lora_alpha / sqrt(rank)` with rsLoRA.
    #[module(skip)]
    pub scaling: f64,
    /// On the branch's input.
    #[module(skip)]
    pub dropout: Dropout,
    /// Whether the branch is added; without it the layer gives what the base model's gives.
    #[module(skip)]
    pub enabled: bool,
    /// `[1, out]`, the norms that those columns have; kept by [`Self::prepare_for_inference`].
    #[module(skip)]
    norms: Option<Tensor<2>>,
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
            lora_magnitude_vector: None,
            scaling,
            dropout: Dropout { p: dropout },
            enabled: true,
            norms: None,
        }
    }

    /// Makes a DoRA branch for `weight`, `[in, out]`: it starts with that weight's magnitudes, so that nothing changes yet.
    #[must_use]
    pub fn with_magnitudes(mut self, weight: Tensor<2>) -> Self {
        let norms = norms(self.sum(weight));
        self.lora_magnitude_vector = Some(Param::from_tensor(norms.flatten::<1>(0, 1)));
        self
    }

    /// Switches the dropout off and computes DoRA's norms once, for all later passes: no weight may change from now on. `weight` is
    /// that of the layer, `[in, out]`.
    pub fn prepare_for_inference(&mut self, weight: Tensor<2>) {
        self.dropout.p = 0.0;
        self.norms = self.lora_magnitude_vector.is_some().then(|| norms(self.sum(weight)));
    }

    /// # Shapes
    /// - `rows`: `[rows, in]`
    /// - returns: `[rows, out]`
    #[must_use]
    pub fn forward(&self, rows: Tensor<2>) -> Tensor<2> {
        self.branch(self.dropout.forward(rows))
    }

    /// As [`Self::forward`], of rows that went through the dropout.
    #[must_use]
    pub(super) fn branch(&self, dropped: Tensor<2>) -> Tensor<2> {
        let inner = matmul(dropped, self.lora_a.val()).mul_scalar(self.scaling); // [rows, rank]
        matmul(inner, self.lora_b.val())
    }

    /// What DoRA multiplies each output of `W + s A B` with, magnitude over norm: `[1, out]`; `None` with plain LoRA.
    #[must_use]
    pub(super) fn dora_scale(&self, weight: &Param<Tensor<2>>) -> Option<Tensor<2>> {
        let magnitude = self.lora_magnitude_vector.as_ref()?.val().unsqueeze::<2>(); // [1, out]
        Some(magnitude / self.norms.clone().unwrap_or_else(|| norms(self.sum(weight.val()))))
    }

    /// The weight with the adapter in it, in f32: `[in, out]`.
    #[must_use]
    pub(super) fn merged(&self, weight: Tensor<2>) -> Tensor<2> {
        let sum = self.sum(weight);
        match &self.lora_magnitude_vector {
            None => sum,
            Some(magnitude) => sum.clone() * (magnitude.val().unsqueeze::<2>() / norms(sum)),
        }
    }

    /// `W + s A B`, in f32: `[in, out]`.
    fn sum(&self, weight: Tensor<2>) -> Tensor<2> {
        weight.cast(FloatDType::F32) + self.lora_a.val().matmul(self.lora_b.val()).mul_scalar(self.scaling)
    }
}

/// Euclidean norm of each output's weights; takes no gradient (section 4.3 of the paper).
///
/// # Shapes
/// - `weight`: `[in, out]`
/// - returns: `[1, out]`
fn norms(weight: Tensor<2>) -> Tensor<2> {
    weight.set_require_grad(false).square().sum_dim(0).sqrt()
}
