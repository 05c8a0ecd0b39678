//! Hone's own matrix product on a GPU gives what the CPU gives, and so do its gradients and every operation that a device
//! is checked for before it is trained on.

use burn::tensor::{Device, Distribution, Tensor, TensorData};
use futures_lite::future::block_on;
use hone_core::device_check::{check_decoder, check_device};
use hone_core::nn::{MatmulKernel, matmul, set_matmul_kernel};
use hone_tests::devices;

/// Largest difference, relative to the largest value.
const TOLERANCE: f64 = 1e-5;

/// How the operands lie.
#[derive(Debug, Clone, Copy)]
enum Layout {
    Rows,
    Transposed,
    /// Heads beside each other in a row, as attention splits them.
    Heads,
}

fn operand([outer, inner, rows, columns]: [usize; 4], layout: Layout, device: &Device) -> (Tensor<4>, Tensor<4>) {
    let shape = match layout {
        Layout::Rows => [outer, inner, rows, columns],
        Layout::Transposed => [outer, inner, columns, rows],
        Layout::Heads => [outer, rows, inner, columns],
    };
    let count = shape.iter().product::<usize>();
    let values: Vec<f32> = (0..count).map(|i| ((i * 7919 + count) % 1009) as f32 / 504.5 - 1.0).collect();
    let leaf = Tensor::<4>::from_data(TensorData::new(values, shape), device).require_grad();
    let matrix = match layout {
        Layout::Rows => leaf.clone(),
        Layout::Transposed => leaf.clone().swap_dims(2, 3),
        Layout::Heads => leaf.clone().swap_dims(1, 2),
    };
    (leaf, matrix)
}

/// The product and both gradients of a loss that weighs every output differently.
fn product(left: [usize; 4], right: [usize; 4], layouts: [Layout; 2], device: &Device) -> [Vec<f32>; 3] {
    let (lhs_leaf, lhs) = operand(left, layouts[0], device);
    let (rhs_leaf, rhs) = operand(right, layouts[1], device);
    let product = matmul(lhs, rhs);
    let gradients = (product.clone() * product.clone().inner_weights()).sum().backward();
    let values = |tensor: Tensor<4>| tensor.into_data().try_to_vec::<f32>().expect("it is f32");
    let of = |leaf: &Tensor<4>| values(leaf.grad(&gradients).expect("a leaf has a gradient"));
    [values(product.inner()), of(&lhs_leaf), of(&rhs_leaf)]
}

trait InnerWeights {
    fn inner_weights(self) -> Self;
}

impl InnerWeights for Tensor<4> {
    /// As large as the tensor itself, without gradient.
    fn inner_weights(self) -> Self {
        Self::from_inner(self.inner())
    }
}

fn distance(found: &[f32], expected: &[f32]) -> f64 {
    assert_eq!(found.len(), expected.len());
    let largest = expected.iter().fold(0f32, |largest, x| largest.max(x.abs()));
    let difference = found.iter().zip(expected).fold(0f32, |worst, (a, b)| worst.max((a - b).abs()));
    assert!(largest > 0.0 && found.iter().all(|x| x.is_finite()));
    f64::from(difference / largest)
}

#[test]
fn products_and_gradients_agree_with_the_cpu() {
    use Layout::{Heads, Rows, Transposed};
    let Some(gpu) = devices::wgpu() else { return };
    set_matmul_kernel(MatmulKernel::Hone);
    let (gpu, cpu) = (gpu.autodiff(), devices::cpu().autodiff());
    // Whole tiles, parts of tiles, and sizes that are no multiple of four and go to burn's kernel.
    let sizes = [
        [1, 1, 32, 32, 32],
        [1, 1, 100, 4, 36],
        [2, 3, 64, 32, 64],
        [2, 12, 8, 64, 8],
        [1, 1, 512, 32, 256],
        [1, 2, 7, 5, 3],
        [3, 1, 64, 33, 2],
    ];
    for [outer, inner, m, k, n] in sizes {
        for layouts in [[Rows, Rows], [Rows, Transposed], [Transposed, Rows], [Transposed, Transposed], [Heads, Heads]]
        {
            let shapes = ([outer, inner, m, k], [outer, inner, k, n]);
            let found = product(shapes.0, shapes.1, layouts, &gpu);
            let expected = product(shapes.0, shapes.1, layouts, &cpu);
            for (what, (found, expected)) in
                ["product", "gradient of lhs", "gradient of rhs"].iter().zip(found.iter().zip(&expected))
            {
                let distance = distance(found, expected);
                assert!(distance < TOLERANCE, "{what} of {shapes:?}, {layouts:?}: {distance}");
            }
        }
    }
}

/// A frozen operand takes no gradient, and does not keep the other from having one.
#[test]
fn a_frozen_operand_is_a_constant() {
    let Some(gpu) = devices::wgpu() else { return };
    set_matmul_kernel(MatmulKernel::Hone);
    let device = gpu.autodiff();
    let x = Tensor::<2>::random([16, 32], Distribution::Default, &device).require_grad();
    let frozen = Tensor::<2>::random([32, 8], Distribution::Default, &device);
    let gradients = matmul(x.clone(), frozen.clone()).sum().backward();
    let expected = frozen.clone().inner().sum_dim(1).transpose().into_data();
    let found = x.grad(&gradients).expect("it is tracked").narrow(0, 3, 1).into_data();
    found.assert_approx_eq::<f32>(&expected, burn::tensor::Tolerance::default());
    assert!(frozen.grad(&gradients).is_none());
}

#[test]
fn every_checked_operation_agrees_with_the_cpu() {
    let Some(gpu) = devices::wgpu() else { return };
    let cpu = devices::cpu();
    let of_all = block_on(check_device(&gpu, &cpu)).expect("the devices can be read");
    let of_decoders = block_on(check_decoder(&gpu, &cpu)).expect("the devices can be read");
    let wrong: Vec<_> = of_all.iter().chain(&of_decoders).filter(|check| !check.passed).collect();
    assert!(wrong.is_empty(), "{wrong:#?}");
    assert!(of_all.iter().any(|check| check.error > 0.0), "two devices never agree to the last bit everywhere");
}
