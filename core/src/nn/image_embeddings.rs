//! What an encoder of images makes states of: patches, the class token and positions, whose table is interpolated where an
//! image has another grid of patches than the table.
//!
//! In: pixels. Out: a state of the class token and of each patch. Reference: `transformers` v5.24
//! `models/vit/modeling_vit.py` (`ViTEmbeddings`) and `models/dinov2/modeling_dinov2.py` (`Dinov2Embeddings`).

use burn::module::{Module, Param};
use burn::tensor::{Device, Tensor, TensorData};

use super::{Dropout, Init, VisionConfig};
use crate::kernels::{linear, matmul};

/// Patches to states: a convolution whose stride is its kernel's size.
#[derive(Module, Debug)]
struct PatchEmbeddings {
    /// `[hidden, channels, patch, patch]`
    weight: Param<Tensor<4>>,
    /// `[hidden]`
    bias: Param<Tensor<1>>,
}

/// Patches, the class token and positions.
#[derive(Module, Debug)]
pub(super) struct VisionEmbeddings {
    patch_embeddings: PatchEmbeddings,
    /// `[1, 1, hidden]`
    pub(super) cls_token: Param<Tensor<3>>,
    /// `[1, 1 + patches, hidden]`, that of the class token first
    pub(super) position_embeddings: Param<Tensor<3>>,
    #[module(skip)]
    pub(super) dropout: Dropout,
}

impl PatchEmbeddings {
    fn new(config: &VisionConfig, init: &mut Init, device: &Device) -> Self {
        let (hidden, patch) = (config.hidden_size, config.patch_size);
        let shape = [hidden, config.num_channels, patch, patch];
        Self {
            weight: normal(shape, config.initializer_range, init, device),
            bias: Param::from_tensor(Tensor::zeros([hidden], device)),
        }
    }

    fn patch_size(&self) -> usize {
        self.weight.dims()[2]
    }

    /// What is left beside the last whole patch of a row or a column is not seen.
    ///
    /// # Shapes
    /// - `pixels`: `[batch, channels, height, width]`
    /// - returns: `[batch, rows * columns, hidden]`
    fn forward(&self, pixels: Tensor<4>) -> Tensor<3> {
        let [batch, channels, height, width] = pixels.dims();
        let (hidden, patch) = (self.weight.dims()[0], self.patch_size());
        let (rows, columns, inner) = (height / patch, width / patch, channels * patch * patch);
        let seen = pixels.narrow(2, 0, rows * patch).narrow(3, 0, columns * patch);
        // Rows of patches first, then patches: in each the values of all channels, as the kernel has them.
        let bands = seen.reshape([batch, channels, rows, patch * columns * patch]).swap_dims(1, 2);
        let patches = bands.reshape([batch * rows, channels * patch, columns, patch]).swap_dims(1, 2);
        let patches = patches.reshape([batch * rows * columns, inner]);
        let weight = self.weight.val().reshape([hidden, inner]).transpose(); // [inner, hidden]
        linear(patches, weight, Some(self.bias.val())).reshape([batch, rows * columns, hidden])
    }
}

impl VisionEmbeddings {
    pub(super) fn new(config: &VisionConfig, init: &mut Init, device: &Device) -> Self {
        let (hidden, std) = (config.hidden_size, config.initializer_range);
        Self {
            patch_embeddings: PatchEmbeddings::new(config, init, device),
            cls_token: normal([1, 1, hidden], std, init, device),
            position_embeddings: normal([1, config.num_positions(), hidden], std, init, device),
            dropout: Dropout { p: config.hidden_dropout_prob },
        }
    }

    /// # Shapes
    /// - `pixels`: `[batch, channels, height, width]`
    /// - returns: `[batch, 1 + patches, hidden]`
    pub(super) fn forward(&self, pixels: Tensor<4>) -> Tensor<3> {
        let [batch, _, height, width] = pixels.dims();
        let patches = self.patch_embeddings.forward(pixels);
        let hidden = patches.dims()[2];
        // The class token is added with its position: nothing is repeated over the batch.
        let class = Tensor::<3>::zeros([batch, 1, hidden], &patches.device());
        let states = Tensor::cat(vec![class, patches], 1); // [batch, 1 + patches, hidden]
        self.dropout.forward(states + self.positions(height, width))
    }

    /// The class token at its position, and the positions of patches of an image of so many pixels.
    ///
    /// # Shapes
    /// - returns: `[1, 1 + rows * columns, hidden]`
    fn positions(&self, height: usize, width: usize) -> Tensor<3> {
        let table = self.position_embeddings.val();
        let [_, count, hidden] = table.dims();
        let (old, patch) = (count - 1, self.patch_embeddings.patch_size());
        let (rows, columns) = (height / patch, width / patch);
        let class = table.clone().narrow(1, 0, 1) + self.cls_token.val(); // [1, 1, hidden]
        let places = table.narrow(1, 1, old); // [1, old, hidden]
        let places = match rows * columns == old && height == width {
            true => places,
            false => {
                let side = old.isqrt();
                let places = interpolated(places.reshape([side, side, hidden]), [rows, columns]);
                places.reshape([1, rows * columns, hidden])
            }
        };
        Tensor::cat(vec![class, places], 1)
    }
}

/// Values of mean 0 and standard deviation `std`.
fn normal<const D: usize>(shape: [usize; D], std: f64, init: &mut Init, device: &Device) -> Param<Tensor<D>> {
    let values = init.normal_values(shape.iter().product(), std);
    Param::from_tensor(Tensor::from_data(TensorData::new(values, shape), device))
}

/// A table of positions for another grid of patches: `torch.nn.functional.interpolate` with `mode="bicubic"`,
/// `align_corners=False` and no antialiasing.
///
/// # Shapes
/// - `table`: `[old rows, old columns, hidden]`
/// - returns: `[rows, columns, hidden]`
fn interpolated(table: Tensor<3>, [rows, columns]: [usize; 2]) -> Tensor<3> {
    let [old_rows, old_columns, hidden] = table.dims();
    let device = table.device();
    let weights = |old, new| Tensor::<2>::from_data(TensorData::new(bicubic(old, new), [new, old]), &device);
    let table = matmul(weights(old_rows, rows), table.reshape([old_rows, old_columns * hidden]));
    let table = table.reshape([rows, old_columns, hidden]).swap_dims(0, 1); // [old columns, rows, hidden]
    let table = matmul(weights(old_columns, columns), table.reshape([old_columns, rows * hidden]));
    table.reshape([columns, rows, hidden]).swap_dims(0, 1)
}

/// How much each of `old` places along a side counts for each of `new` ones, `[new, old]`: a cubic curve over the four
/// nearest, those beyond the border being the last one before it.
fn bicubic(old: usize, new: usize) -> Vec<f32> {
    let scale = old as f64 / new as f64;
    let mut weights = vec![0.0; new * old];
    for (place, row) in weights.chunks_mut(old).enumerate() {
        let centre = (place as f64 + 0.5) * scale - 0.5;
        for step in [-1.0, 0.0, 1.0, 2.0] {
            let at = centre.floor() + step;
            row[at.clamp(0.0, (old - 1) as f64) as usize] += cubic((centre - at).abs());
        }
    }
    weights.into_iter().map(|weight: f64| weight as f32).collect()
}

/// PyTorch's kernel of cubic convolution (<https://ieeexplore.ieee.org/document/1163711>), at a distance from 0 to 2.
fn cubic(x: f64) -> f64 {
    const A: f64 = -0.75;
    match x <= 1.0 {
        true => ((A + 2.0) * x - (A + 3.0)) * x * x + 1.0,
        false => ((A * x - 5.0 * A) * x + 8.0 * A) * x - 4.0 * A,
    }
}

#[cfg(all(test, feature = "cpu"))]
mod tests {
    use super::super::vision_encoder::tests::{config, image, values};
    use super::*;

    fn embeddings() -> VisionEmbeddings {
        VisionEmbeddings::new(&config(), &mut Init::new(1), &Device::flex())
    }

    #[test]
    fn a_patch_is_what_a_convolution_sees_and_the_rest_is_cut_off() {
        let patches = embeddings().patch_embeddings;
        let (height, width) = (5, 7);
        let found = patches.forward(image(height, width));
        assert_eq!(found.dims(), [1, 2 * 3, 8]);
        let found = values(found);
        let (pixels, kernel) = (values(image(height, width)), values(patches.weight.val()));
        for (at, found) in found.iter().enumerate() {
            let (row, column, hidden) = (at / 8 / 3, at / 8 % 3, at % 8);
            let products = (0..3 * 2 * 2).map(|index| {
                let (channel, y, x) = (index / 4, index / 2 % 2, index % 2);
                kernel[hidden * 12 + index] * pixels[(channel * height + row * 2 + y) * width + column * 2 + x]
            });
            let expected: f32 = products.sum();
            assert!((found - expected).abs() < 1e-5, "patch {row}, {column}: {found}, not {expected}");
        }
    }

    #[test]
    fn places_between_others_are_made_of_the_four_nearest() {
        for (old, new) in [(3, 3), (4, 9), (9, 4), (5, 1), (1, 6)] {
            let weights = bicubic(old, new);
            assert_eq!(weights.len(), old * new);
            for row in weights.chunks(old) {
                assert!((row.iter().sum::<f32>() - 1.0).abs() < 1e-6, "{old} to {new}: {row:?}");
            }
        }
        let same = bicubic(3, 3);
        assert_eq!(same, [1.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 1.0]);
        // The first of four places stands a quarter before the first of two: PyTorch's curve there, borders repeated.
        let double = bicubic(2, 4);
        assert_eq!(double[..2], [1.105_468_8, -0.105_468_75]);
        assert_eq!(double[2..4], [0.773_437_5, 0.226_562_5]);
    }

    #[test]
    fn an_image_of_another_size_has_other_positions_and_the_class_token_its_own() {
        let embeddings = embeddings();
        let own = values(embeddings.positions(6, 6));
        for (height, width, count) in [(7, 7, 9), (8, 8, 16), (4, 6, 6), (2, 18, 9)] {
            let found = embeddings.positions(height, width);
            assert_eq!(found.dims(), [1, 1 + count, 8]);
            let found = values(found);
            assert_eq!(found[..8], own[..8], "the class token");
            let is_same = height == 7;
            assert_eq!(found == own, is_same, "{height} x {width}: a square of as many patches");
        }
    }
}
