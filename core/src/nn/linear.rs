//! `y = x W + b`, the weight stored `[in, out]` (the transpose of PyTorch's file layout, so that both gradients are
//! plain matrix products of contiguous operands). It may carry a LoRA branch, and compute in half precision.

use burn::module::{Module, Param};
use burn::tensor::{Device, FloatDType, Tensor};

use super::{Init, Lora};
use crate::kernels::{add_bias, linear};

/// A linear layer.
#[derive(Module, Debug)]
pub struct Linear {
    /// `[in, out]`
    pub weight: Param<Tensor<2>>,
    /// `[out]`
    pub bias: Option<Param<Tensor<1>>>,
    /// The adapter, if it has one.
    pub lora: Option<Lora>,
    /// What the product is computed in; a frozen weight is held in it. Bias and adapter stay f32.
    #[module(skip)]
    pub dtype: FloatDType,
}

impl Linear {
    /// Weights normal with standard deviation `std`, bias zero: `transformers`' `_init_weights`.
    #[must_use]
    pub fn new(input: usize, output: usize, std: f64, init: &mut Init, device: &Device) -> Self {
        let bias = Param::from_tensor(Tensor::zeros([output], device));
        Self { bias: Some(bias), ..Self::without_bias(input, output, std, init, device) }
    }

    /// As [`Self::new`], without a bias.
    #[must_use]
    pub fn without_bias(input: usize, output: usize, std: f64, init: &mut Init, device: &Device) -> Self {
        let weight = Param::from_tensor(init.normal([input, output], std, device));
        Self { weight, bias: None, lora: None, dtype: FloatDType::F32 }
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
        let lora = self.lora.as_ref().filter(|lora| lora.enabled);
        let y = match lora.map(|lora| (lora, lora.dora_scale(&self.weight))) {
            None => self.base(rows, bias),
            Some((lora, None)) => self.base(rows.clone(), bias) + lora.forward(rows),
            Some((lora, Some(scale))) => add_bias(self.dora(lora, scale, rows), bias),
        };
        y.reshape(shape)
    }

    /// `x W + b` without the adapter: `[rows, in]` to `[rows, out]`.
    fn base(&self, rows: Tensor<2>, bias: Option<Tensor<1>>) -> Tensor<2> {
        match self.dtype {
            FloatDType::F32 => linear(rows, self.weight.val(), bias),
            dtype => add_bias(product_in(dtype, rows, self.weight.val()), bias),
        }
    }

    /// `x W + (m - 1) x' W + m s x' A B`, `x'` being `x` after the adapter's dropout, in PEFT's order
    /// (`DoraLinearLayer.forward` of PEFT 0.21): without dropout, `m (x W + s x A B)`.
    ///
    /// # Shapes
    /// - `scale`: `m`, `[1, out]`
    /// - `rows`: `x`, `[rows, in]`
    /// - returns: `[rows, out]`, without the bias
    fn dora(&self, lora: &Lora, scale: Tensor<2>, rows: Tensor<2>) -> Tensor<2> {
        let whole = self.base(rows.clone(), None);
        let dropped = lora.dropout.forward(rows);
        let seen = if lora.dropout.p == 0.0 { whole.clone() } else { self.base(dropped.clone(), None) };
        whole + seen * scale.clone().sub_scalar(1.0) + lora.branch(dropped) * scale
    }

    /// The layer with its adapter added to the weight, which is f32 then, and no adapter.
    #[must_use]
    pub fn merged(self) -> Self {
        let Some(lora) = self.lora else { return self };
        let (id, weight, mapper) = self.weight.consume();
        let weight = Param::from_mapped_value(id, lora.merged(weight), mapper);
        Self { weight, bias: self.bias, lora: None, dtype: self.dtype }
    }
}

/// `x W` computed in `dtype`, given back in f32; so are its gradients. A weight that is held in `dtype` is taken as it
/// is, and autodiff keeps it as it is.
///
/// # Shapes
/// - `x`: `[rows, in]`
/// - `weight`: `[in, out]`
/// - returns: `[rows, out]`
fn product_in(dtype: FloatDType, x: Tensor<2>, weight: Tensor<2>) -> Tensor<2> {
    x.cast(dtype).matmul(weight.cast(dtype)).cast(FloatDType::F32)
}

#[cfg(all(test, feature = "cpu"))]
mod tests {
    use burn::tensor::DType;

    use super::*;

    /// Largest difference from f32, relative to the largest value: two roundings a product and one of the result.
    const HALF: [(FloatDType, f64); 2] = [(FloatDType::F16, 3e-3), (FloatDType::BF16, 2e-2)];

    fn layer_and_rows(device: &Device) -> (Linear, Tensor<2>) {
        let mut init = Init::new(7);
        let layer = Linear::new(96, 48, 0.1, &mut init, device);
        (layer, init.normal([20, 96], 1.0, device))
    }

    fn relative_error<const D: usize>(found: Tensor<D>, expected: Tensor<D>) -> f64 {
        assert_eq!((found.dtype(), expected.dtype()), (DType::F32, DType::F32));
        let (found, expected) = (found.into_data(), expected.into_data());
        let largest = expected.iter::<f64>().fold(0.0, |most, value| value.abs().max(most));
        let pairs = found.iter::<f64>().zip(expected.iter::<f64>());
        pairs.fold(0.0, |most, (found, expected)| f64::max(most, (found - expected).abs())) / largest
    }

    #[test]
    fn a_half_product_is_close_to_that_of_f32() {
        let (layer, rows) = layer_and_rows(&Device::flex());
        let expected = layer.forward(rows.clone());
        for (dtype, tolerance) in HALF {
            let error = relative_error(Linear { dtype, ..layer.clone() }.forward(rows.clone()), expected.clone());
            assert!(error > 0.0 && error < tolerance, "{dtype:?}: {error}");
        }
    }

    #[test]
    fn gradients_of_a_half_product_are_f32_and_close() {
        let device = Device::flex().autodiff();
        let (layer, rows) = layer_and_rows(&device);
        let rows = rows.require_grad();
        let gradients_in = |dtype: FloatDType| {
            let layer = Linear { dtype, ..layer.clone() };
            let gradients = layer.forward(rows.clone()).square().sum().backward();
            let bias = layer.bias.as_ref().expect("it has one").val();
            let of_bias = bias.grad(&gradients).expect("it takes part");
            let of_weight = layer.weight.val().grad(&gradients).expect("it takes part");
            (of_weight, of_bias, rows.grad(&gradients).expect("they take part"))
        };
        let (of_weight, of_bias, of_rows) = gradients_in(FloatDType::F32);
        for (dtype, tolerance) in HALF {
            let found = gradients_in(dtype);
            let errors = [
                relative_error(found.0, of_weight.clone()),
                relative_error(found.1, of_bias.clone()),
                relative_error(found.2, of_rows.clone()),
            ];
            assert!(errors.iter().all(|&error| error < tolerance), "{dtype:?}: {errors:?}");
        }
    }

    #[test]
    fn a_weight_that_is_held_in_half_merges_in_f32() {
        for use_dora in [false, true] {
            let device = Device::flex();
            let (mut layer, rows) = layer_and_rows(&device);
            let mut init = Init::new(9);
            let mut lora = Lora::new([96, 48], 4, 2.0, 0.0, &mut init, &device);
            if use_dora {
                lora = lora.with_magnitudes(layer.weight.val().mul_scalar(1.5));
            }
            lora.lora_b = Param::from_tensor(init.normal([4, 48], 0.1, &device));
            layer.lora = Some(lora);
            let expected = layer.forward(rows.clone());
            let merged = relative_error(layer.clone().merged().forward(rows.clone()), expected.clone());
            assert!(merged < 1e-5, "{merged}");
            layer.dtype = FloatDType::F16;
            layer.weight = layer.weight.map(|weight| weight.cast(FloatDType::F16));
            let merged = layer.clone().merged();
            assert_eq!((layer.weight.val().dtype(), merged.weight.val().dtype()), (DType::F16, DType::F32));
            for layer in [layer, merged] {
                let error = relative_error(layer.forward(rows.clone()), expected.clone());
                assert!(error < HALF[0].1, "use_dora {use_dora}: {error}");
            }
        }
    }

    #[test]
    fn layers_of_other_ranks_and_scales_merge_to_what_they_gave() {
        let device = Device::flex();
        let (plain, rows) = layer_and_rows(&device);
        let mut init = Init::new(9);
        for (rank, scaling, use_dora) in [(1, 0.25, false), (2, 8.0, true), (16, 1.5, false), (48, -1.0, true)] {
            let mut lora = Lora::new([96, 48], rank, scaling, 0.0, &mut init, &device);
            if use_dora {
                lora = lora.with_magnitudes(plain.weight.val().mul_scalar(1.5));
            }
            lora.lora_b = Param::from_tensor(init.normal([rank, 48], 0.1, &device));
            let layer = Linear { lora: Some(lora), ..plain.clone() };
            let expected = layer.forward(rows.clone());
            assert!(
                relative_error(plain.forward(rows.clone()), expected.clone()) > 1e-3,
                "rank {rank} changes nothing"
            );
            let error = relative_error(layer.merged().forward(rows.clone()), expected);
            assert!(error < 1e-5, "rank {rank}: {error}");
        }
    }

    #[test]
    fn fresh_dora_changes_nothing_whatever_is_dropped_out() {
        let device = Device::flex();
        let (mut layer, rows) = layer_and_rows(&device);
        let expected = layer.forward(rows.clone());
        for dropout in [0.0, 0.5] {
            let lora = Lora::new([96, 48], 4, 2.0, dropout, &mut Init::new(9), &device);
            layer.lora = Some(lora.with_magnitudes(layer.weight.val()));
            let error = relative_error(layer.forward(rows.clone()), expected.clone());
            assert!(error < 1e-6, "dropout {dropout}: {error}");
        }
    }

    #[test]
    fn dora_gives_the_same_once_prepared_for_inference() {
        let device = Device::flex();
        let (mut layer, rows) = layer_and_rows(&device);
        let mut init = Init::new(9);
        let mut lora = Lora::new([96, 48], 4, 2.0, 0.0, &mut init, &device).with_magnitudes(layer.weight.val());
        lora.lora_b = Param::from_tensor(init.normal([4, 48], 0.1, &device));
        layer.lora = Some(lora.clone());
        let expected = layer.forward(rows.clone());
        lora.prepare_for_inference(layer.weight.val());
        layer.lora = Some(lora);
        assert_eq!(relative_error(layer.forward(rows), expected), 0.0);
    }
}
