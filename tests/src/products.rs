//! Matrix products and their gradients on a GPU beside the CPU, in shapes and layouts of which some suit Hone's own
//! kernel and some do not.

use burn::tensor::{Device, Tensor, TensorData};
use hone_core::kernels::matmul;

use crate::figure::Figure;

/// Largest difference, relative to the largest value.
const TOLERANCE: f64 = 1e-5;

/// `[outer, inner, m, k, n]`: whole tiles, parts of tiles, and sizes that are no multiple of four and go to burn's
/// kernel.
const SIZES: [[usize; 5]; 7] = [
    [1, 1, 32, 32, 32],
    [1, 1, 100, 4, 36],
    [2, 3, 64, 32, 64],
    [2, 12, 8, 64, 8],
    [1, 1, 512, 32, 256],
    [1, 2, 7, 5, 3],
    [3, 1, 64, 33, 2],
];

/// How the operands lie.
#[derive(Debug, Clone, Copy)]
enum Layout {
    Rows,
    Transposed,
    /// Heads beside each other in a row, as attention splits them.
    Heads,
}

/// The worst product, and the worst gradients, of all shapes in all layouts, by the kernel that is set at the time.
#[must_use]
pub fn compare(gpu: &Device, cpu: &Device) -> Vec<Figure> {
    use Layout::{Heads, Rows, Transposed};
    let (gpu, cpu) = (gpu.clone().autodiff(), cpu.clone().autodiff());
    let layouts = [[Rows, Rows], [Rows, Transposed], [Transposed, Rows], [Transposed, Transposed], [Heads, Heads]];
    let mut differences: [Vec<(String, f64)>; 3] = Default::default();
    for [outer, inner, m, k, n] in SIZES {
        let (left, right) = ([outer, inner, m, k], [outer, inner, k, n]);
        for layouts in layouts {
            let found = product(left, right, layouts, &gpu);
            let expected = product(left, right, layouts, &cpu);
            for (differences, (found, expected)) in differences.iter_mut().zip(found.iter().zip(&expected)) {
                differences.push((format!("{left:?} x {right:?}, {layouts:?}"), distance(found, expected)));
            }
        }
    }
    let whats = ["product", "gradient of lhs", "gradient of rhs"];
    whats.into_iter().zip(differences).map(|(what, found)| Figure::worst(what, TOLERANCE, found)).collect()
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
    // As large as the product itself, without gradient.
    let weights = Tensor::<4>::from_inner(product.clone().inner());
    let gradients = (product.clone() * weights).sum().backward();
    let values = |tensor: Tensor<4>| tensor.into_data().try_to_vec::<f32>().expect("it is f32");
    let of = |leaf: &Tensor<4>| values(leaf.grad(&gradients).expect("a leaf has a gradient"));
    [values(product.inner()), of(&lhs_leaf), of(&rhs_leaf)]
}

/// Not a number where a value is none, or all that was expected is zero.
fn distance(found: &[f32], expected: &[f32]) -> f64 {
    assert_eq!(found.len(), expected.len(), "values of a product");
    let largest = expected.iter().fold(0f32, |largest, x| largest.max(x.abs()));
    let differences = found.iter().zip(expected).map(|(a, b)| f64::from((a - b).abs()) / f64::from(largest));
    differences.max_by(f64::total_cmp).unwrap_or(0.0)
}
