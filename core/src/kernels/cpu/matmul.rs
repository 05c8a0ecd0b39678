//! Matrix products and linear layers: `gemm` writes straight into the memory of the result.
//!
//! burn-flex multiplies by the same library, but zeroes its result and copies it, on one thread, before the product is
//! written to it: a tenth of a training step. Here the result is not touched before the product, and a bias is where
//! the product starts from. Transposed operands are read as they lie. A large product is cut here, a block a thread: `gemm`
//! itself cuts by rows, so that each thread copies all of the right operand (`docs/LOG.md`, 2026-11-30).

use std::mem::MaybeUninit;
use std::ops::Range;
use std::sync::atomic::{AtomicPtr, Ordering};

use burn::tensor::{DType, Shape, Tensor, TensorData};
use burn_autodiff::Autodiff;
use burn_autodiff::checkpoint::base::Checkpointer;
use burn_autodiff::checkpoint::strategy::NoCheckpointing;
use burn_autodiff::grads::Gradients;
use burn_autodiff::ops::{Backward, Ops, OpsKind, binary};
use burn_flex::{Flex, FlexTensor};
use gemm::Parallelism;

use super::parallel::{for_chunks, map_row_ranges, rows_per_task, vectorised};
use super::{exact, is_on_cpu, lift, recorded, vector};

/// Multiplications in one product from which it is shared out over threads: some twenty microseconds of one thread.
const PARALLEL_PRODUCT: usize = 1 << 20;
/// Multiplications in a batch of products from which the products are shared out, as in burn-flex.
const PARALLEL_BATCH: usize = 128 * 128 * 128;
/// Fewer products than that are shared out one after another.
const FEW_PRODUCTS: usize = 4;
/// Columns that a thread's block has at least, or all.
#[cfg(feature = "rayon")]
const BLOCK_COLUMNS: usize = 48;
/// Blocks start at multiples of this many rows and columns, which are whole vectors.
#[cfg(feature = "rayon")]
const BLOCK_STEP: usize = 16;

/// Whether [`matmul`] and [`linear`] multiply these: f32, on the CPU, of equal batch dimensions.
pub(crate) fn takes_matmul<const D: usize>(lhs: &Tensor<D>, rhs: &Tensor<D>) -> bool {
    D >= 2
        && is_on_cpu(lhs)
        && [lhs.dtype(), rhs.dtype()] == [DType::F32; 2]
        && lhs.dims()[..D - 2] == rhs.dims()[..D - 2]
        && lhs.is_autodiff() == rhs.is_autodiff()
}

/// `lhs rhs`: `[.., m, k]` and `[.., k, n]` to `[.., m, n]`, as [`takes_matmul`] wants them.
pub(crate) fn matmul<const D: usize>(lhs: Tensor<D>, rhs: Tensor<D>) -> Tensor<D> {
    if !lhs.is_autodiff() {
        let (lhs, rhs) = (primitive(lhs), primitive(rhs));
        return lift(multiply(Matrices::new(&lhs), Matrices::new(&rhs), None));
    }
    let (lhs, rhs) = (recorded(lhs), recorded(rhs));
    let is_tracked = [lhs.is_tracked(), rhs.is_tracked()];
    let (lhs, lhs_node) = lhs.into_parts();
    let (rhs, rhs_node) = rhs.into_parts();
    let output = multiply(Matrices::new(&lhs), Matrices::new(&rhs), None);
    let output = match Matmul.prepare::<NoCheckpointing>([lhs_node, rhs_node]).compute_bound().stateful() {
        OpsKind::Tracked(prep) => prep.finish(Operands::new(lhs, rhs, is_tracked), output),
        OpsKind::UnTracked(prep) => prep.finish(output),
    };
    Tensor::from_primitive::<Autodiff<Flex>>(output)
}

/// `x W + b`: `[rows, in]`, `[in, out]` and `[out]` to `[rows, out]`, as [`takes_matmul`] wants them.
pub(crate) fn linear(x: Tensor<2>, weight: Tensor<2>, bias: Tensor<1>) -> Tensor<2> {
    if !x.is_autodiff() {
        let (x, weight, bias) = (primitive(x), primitive(weight), exact(primitive(bias)));
        return lift(multiply(Matrices::new(&x), Matrices::new(&weight), Some(bias.storage())));
    }
    let (x, weight, bias) = (recorded(x), recorded(weight), recorded(bias));
    let is_tracked = [x.is_tracked(), weight.is_tracked()];
    let (x, x_node) = x.into_parts();
    let (weight, weight_node) = weight.into_parts();
    let (bias, bias_node) = bias.into_parts();
    let output = multiply(Matrices::new(&x), Matrices::new(&weight), Some(exact(bias).storage()));
    let nodes = [x_node, weight_node, bias_node];
    let output = match Linear.prepare::<NoCheckpointing>(nodes).compute_bound().stateful() {
        OpsKind::Tracked(prep) => prep.finish(Operands::new(x, weight, is_tracked), output),
        OpsKind::UnTracked(prep) => prep.finish(output),
    };
    Tensor::from_primitive::<Autodiff<Flex>>(output)
}

/// The primitive of a tensor on the CPU without autodiff, however it lies.
fn primitive<const D: usize>(tensor: Tensor<D>) -> FlexTensor {
    tensor.try_into_primitive::<Flex>().expect("callers check takes_matmul and is_autodiff")
}

/// What the backward pass of a product keeps: each operand, if the other one's gradient is wanted.
#[derive(Debug, Clone)]
struct Operands {
    lhs: Option<FlexTensor>,
    rhs: Option<FlexTensor>,
}

impl Operands {
    fn new(lhs: FlexTensor, rhs: FlexTensor, [lhs_is_tracked, rhs_is_tracked]: [bool; 2]) -> Self {
        Self { lhs: rhs_is_tracked.then_some(lhs), rhs: lhs_is_tracked.then_some(rhs) }
    }
}

/// `gradient rhs^T`
fn lhs_gradient(gradient: &FlexTensor, rhs: Option<FlexTensor>) -> FlexTensor {
    let rhs = rhs.expect("kept, as lhs is tracked");
    multiply(Matrices::new(gradient), Matrices::new(&rhs).transposed(), None)
}

/// `lhs^T gradient`
fn rhs_gradient(gradient: &FlexTensor, lhs: Option<FlexTensor>) -> FlexTensor {
    let lhs = lhs.expect("kept, as rhs is tracked");
    multiply(Matrices::new(&lhs).transposed(), Matrices::new(gradient), None)
}

#[derive(Debug)]
struct Matmul;

impl Backward<Flex, 2> for Matmul {
    type State = Operands;

    fn backward(self, ops: Ops<Self::State, 2>, grads: &mut Gradients, _checkpointer: &mut Checkpointer) {
        let Operands { lhs, rhs } = ops.state;
        binary::<Flex, _, _>(
            ops.parents,
            ops.node,
            grads,
            |gradient| lhs_gradient(&gradient, rhs),
            |gradient| rhs_gradient(&gradient, lhs),
        );
    }
}

#[derive(Debug)]
struct Linear;

impl Backward<Flex, 3> for Linear {
    type State = Operands;

    fn backward(self, ops: Ops<Self::State, 3>, grads: &mut Gradients, _checkpointer: &mut Checkpointer) {
        let gradient = grads.consume::<Flex>(&ops.node);
        let Operands { lhs: x, rhs: weight } = ops.state;
        let [x_node, weight_node, bias_node] = ops.parents;
        if let Some(node) = x_node {
            grads.register::<Flex>(node.id, lhs_gradient(&gradient, weight));
        }
        if let Some(node) = weight_node {
            grads.register::<Flex>(node.id, rhs_gradient(&gradient, x));
        }
        if let Some(node) = bias_node {
            grads.register::<Flex>(node.id, vector(column_sums(&exact(gradient))));
        }
    }
}

/// `[rows, columns]` to `[columns]`
fn column_sums(matrix: &FlexTensor) -> Vec<f32> {
    let shape = matrix.layout().shape();
    let (rows, columns) = (shape[0], shape[1]);
    let values = matrix.storage::<f32>();
    let mut sums = vec![0f32; columns];
    if columns == 0 {
        return sums;
    }
    let parts = map_row_ranges(rows, columns, |range| {
        let mut part = vec![0f32; columns];
        vectorised(
            #[inline(always)]
            || {
                for row in values[range.start * columns..range.end * columns].chunks_exact(columns) {
                    for (sum, value) in part.iter_mut().zip(row) {
                        *sum += value;
                    }
                }
            },
        );
        part
    });
    for part in parts {
        for (sum, value) in sums.iter_mut().zip(part) {
            *sum += value;
        }
    }
    sums
}

/// Matrices of one size in one piece of memory, read through strides.
struct Matrices<'a> {
    values: &'a [f32],
    /// Where the first one starts.
    start: isize,
    /// Length and stride of every batch dimension.
    batch: Vec<(usize, isize)>,
    /// Length and stride.
    rows: (usize, isize),
    /// Length and stride.
    columns: (usize, isize),
}

impl<'a> Matrices<'a> {
    /// # Panics
    /// If a stride leads out of the tensor's memory, which no layout of burn-flex has.
    fn new(tensor: &'a FlexTensor) -> Self {
        let layout = tensor.layout();
        let mut batch: Vec<_> = layout.shape().iter().copied().zip(layout.strides().iter().copied()).collect();
        let values = tensor.storage::<f32>();
        let start = layout.start_offset().cast_signed();
        if batch.iter().all(|(length, _)| *length > 0) {
            let reach = |sign: isize| -> isize {
                batch.iter().map(|(length, stride)| (*length as isize - 1) * stride).filter(|by| by * sign > 0).sum()
            };
            let (first, last) = (start + reach(-1), start + reach(1));
            assert!(first >= 0 && last < values.len().cast_signed(), "a matrix lies outside its memory");
        }
        let columns = batch.pop().expect("two dimensions at least");
        let rows = batch.pop().expect("two dimensions at least");
        Self { values, start, batch, rows, columns }
    }

    fn transposed(self) -> Self {
        Self { rows: self.columns, columns: self.rows, ..self }
    }

    /// Matrices in all.
    fn count(&self) -> usize {
        self.batch.iter().map(|(length, _)| length).product()
    }

    /// Where matrix `index` starts; it lies inside `values` if no dimension is empty.
    fn pointer(&self, mut index: usize) -> *const f32 {
        let mut offset = self.start;
        for (length, stride) in self.batch.iter().rev() {
            offset += (index % length).cast_signed() * stride;
            index /= length;
        }
        self.values.as_ptr().wrapping_offset(offset)
    }
}

/// `lhs rhs + bias`; `bias` is `[n]`.
fn multiply(lhs: Matrices<'_>, rhs: Matrices<'_>, bias: Option<&[f32]>) -> FlexTensor {
    let (m, k, n) = (lhs.rows.0, lhs.columns.0, rhs.columns.0);
    assert_eq!(k, rhs.rows.0, "inner dimensions of a matrix product");
    assert!(bias.is_none_or(|bias| bias.len() == n), "a bias has one number a column");
    let shape: Vec<usize> = lhs.batch.iter().map(|(length, _)| *length).chain([m, n]).collect();
    let (count, size) = (lhs.count(), m * n);
    let mut out: Vec<f32> = Vec::with_capacity(count * size);
    let space = &mut out.spare_capacity_mut()[..count * size];
    if let Some(bias) = bias {
        for_chunks(n, space, Some(rows_per_task(n)), |_, row| {
            row.write_copy_of_slice(bias);
        });
    } else if k == 0 {
        space.fill(MaybeUninit::new(0.0));
    }
    if k > 0 && size > 0 {
        let work = m.saturating_mul(n).saturating_mul(k);
        let shares_each = work >= PARALLEL_PRODUCT && count < FEW_PRODUCTS;
        let shares_batch = !shares_each && work.saturating_mul(count) >= PARALLEL_BATCH;
        let before = if bias.is_some() { Before::Filled } else { Before::Unwritten };
        for_chunks(size, space, shares_batch.then_some(1), |index, space| {
            product(&lhs, &rhs, index, before, shares_each, space);
        });
    }
    #[expect(unsafe_code, reason = "the memory was reserved, not filled")]
    // SAFETY: the capacity is at least as long, and every number was written: by the bias, by zeros, or by `product`.
    unsafe {
        out.set_len(count * size);
    }
    FlexTensor::from_data(TensorData::new(out, Shape::from(shape)))
}

/// What stands in the memory of a result before its product comes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Before {
    /// Nothing that may be read: the product is written there.
    Unwritten,
    /// A number in each place: the product is added to it.
    Filled,
}

/// Product number `index`, to `space`, in which `before` says what stands; shared out over threads if `is_parallel`.
fn product(
    lhs: &Matrices<'_>,
    rhs: &Matrices<'_>,
    index: usize,
    before: Before,
    is_parallel: bool,
    space: &mut [MaybeUninit<f32>],
) {
    let (m, k, n) = (lhs.rows.0, lhs.columns.0, rhs.columns.0);
    assert!(k == rhs.rows.0 && space.len() == m * n, "sizes of a matrix product");
    // Blocks lie side by side in the same rows, so that no slice is one of them.
    let start = AtomicPtr::new(space.as_mut_ptr().cast::<f32>());
    let block = |rows: Range<usize>, columns: Range<usize>| {
        #[expect(unsafe_code, reason = "gemm takes pointers")]
        // SAFETY: `space` has m rows of n numbers, borrowed for writing, of which each block is in one call alone; it is read
        // only if it was `Filled` before. Each operand's rows and columns lie inside its memory, which
        // `Matrices::new` checked, and are only read.
        unsafe {
            gemm::gemm(
                rows.len(),
                columns.len(),
                k,
                start.load(Ordering::Relaxed).add(rows.start * n + columns.start),
                1,
                n.cast_signed(),
                before == Before::Filled,
                lhs.pointer(index).offset(rows.start.cast_signed() * lhs.rows.1),
                lhs.columns.1,
                lhs.rows.1,
                rhs.pointer(index).offset(columns.start.cast_signed() * rhs.columns.1),
                rhs.columns.1,
                rhs.rows.1,
                1.0,
                1.0,
                false,
                false,
                false,
                Parallelism::None,
            );
        }
    };
    #[cfg(feature = "rayon")]
    if is_parallel {
        let block = &block;
        rayon::scope(|scope| {
            for (rows, columns) in blocks(m, n, rayon::current_num_threads()) {
                scope.spawn(move |_| block(rows, columns));
            }
        });
        return;
    }
    #[cfg(not(feature = "rayon"))]
    let _ = is_parallel;
    block(0..m, 0..n);
}

/// Blocks of rows and columns of a result, one for each of `threads`: beside each other as long as each is wide enough, since
/// then no two threads copy the same part of the right operand.
#[cfg(feature = "rayon")]
fn blocks(m: usize, n: usize, threads: usize) -> impl Iterator<Item = (Range<usize>, Range<usize>)> {
    let most = (n / BLOCK_COLUMNS).clamp(1, threads);
    let across = (1..=most).rev().find(|across| threads.is_multiple_of(*across)).unwrap_or(1);
    let parts = |length: usize, parts: usize| {
        let step = length.div_ceil(parts).next_multiple_of(BLOCK_STEP);
        (0..length).step_by(step).map(move |first| first..(first + step).min(length))
    };
    parts(m, threads / across).flat_map(move |rows| parts(n, across).map(move |columns| (rows.clone(), columns)))
}

#[cfg(test)]
mod tests {
    use burn::tensor::{Device, Distribution};

    use super::*;

    fn random<const D: usize>(shape: [usize; D], device: &Device) -> Tensor<D> {
        Tensor::random(shape, Distribution::Normal(0.0, 1.0), device)
    }

    fn assert_close<const D: usize>(found: Tensor<D>, expected: Tensor<D>, name: &str) {
        assert_eq!(found.dims(), expected.dims(), "{name}");
        let (found, expected) = (found.into_data(), expected.into_data());
        for (found, expected) in found.iter::<f64>().zip(expected.iter::<f64>()) {
            assert!((found - expected).abs() < 1e-4, "{name}: {found} is not {expected}");
        }
    }

    /// Against burn's own product: plain, transposed, sliced, of one row, of one column, large enough to be shared out.
    #[test]
    fn products_are_those_of_burn() {
        let device = Device::flex();
        for (m, k, n) in [(3, 5, 7), (1, 64, 9), (64, 9, 1), (200, 210, 220), (4, 1, 4)] {
            let (lhs, rhs) = (random([m, k], &device), random([k, n], &device));
            let expected = lhs.clone().matmul(rhs.clone());
            assert_close(matmul(lhs.clone(), rhs.clone()), expected.clone(), "plain");
            let turned = lhs.clone().transpose().into_data();
            let turned: Tensor<2> = Tensor::<2>::from_data(turned, &device).transpose();
            assert_close(matmul(turned, rhs.clone()), expected.clone(), "transposed");
            let bias = random([n], &device);
            let sum = expected + bias.clone().unsqueeze();
            assert_close(linear(lhs.clone(), rhs.clone(), bias), sum, "with bias");
            let (top, right) = (lhs.slice([m / 2..m, 0..k]), rhs.slice([0..k, n / 2..n]));
            assert_close(matmul(top.clone(), right.clone()), top.matmul(right), "sliced");
        }
        for batch in [1, 2, 9] {
            let (lhs, rhs) = (random([batch, 3, 70, 65], &device), random([batch, 3, 33, 65], &device));
            let rhs = rhs.swap_dims(2, 3);
            assert_close(matmul(lhs.clone(), rhs.clone()), lhs.clone().matmul(rhs.clone()), "batch");
            let (lhs, rhs) = (lhs.swap_dims(0, 1), rhs.swap_dims(0, 1).flip([1]));
            assert_close(matmul(lhs.clone(), rhs.clone()), lhs.matmul(rhs), "batch turned");
        }
    }

    /// Every number of a result is in one block.
    #[cfg(feature = "rayon")]
    #[test]
    fn blocks_cover_a_result_once() {
        for (m, n) in [(1, 1), (5, 48), (200, 220), (1024, 512), (300, 7), (16, 4096)] {
            for threads in [1, 2, 3, 6, 16] {
                let mut covered = vec![0; m * n];
                let all: Vec<_> = blocks(m, n, threads).collect();
                assert!(!all.is_empty() && all.len() <= threads, "{m} x {n} on {threads}: {all:?}");
                for (rows, columns) in all {
                    for row in rows {
                        covered[row * n..][columns.clone()].iter_mut().for_each(|times| *times += 1);
                    }
                }
                assert!(covered.iter().all(|times| *times == 1), "{m} x {n} on {threads}");
            }
        }
    }

    #[test]
    fn empty_products_are_zeros_or_the_bias() {
        let device = Device::flex();
        let zeros = matmul(Tensor::<2>::zeros([2, 0], &device), Tensor::zeros([0, 3], &device));
        assert_close(zeros, Tensor::zeros([2, 3], &device), "nothing to sum");
        let bias = random([3], &device);
        let found = linear(Tensor::zeros([2, 0], &device), Tensor::zeros([0, 3], &device), bias.clone());
        assert_close(found, bias.unsqueeze::<2>().repeat_dim(0, 2), "the bias alone");
        for (m, n) in [(0, 3), (2, 0)] {
            let found = matmul(Tensor::<2>::zeros([m, 4], &device), Tensor::zeros([4, n], &device));
            assert_eq!(found.dims(), [m, n]);
        }
    }

    /// Gradients of all three, of the operands alone and of each alone, against burn's.
    #[test]
    fn gradients_are_those_of_burn() {
        let device = Device::flex();
        let (x, weight, bias) = (random([30, 12], &device), random([12, 20], &device), random([20], &device));
        let seed = random([30, 20], &device);
        let own = |x, weight, bias| linear(x, weight, bias);
        let theirs = |x: Tensor<2>, weight: Tensor<2>, bias: Tensor<1>| x.matmul(weight) + bias.unsqueeze();
        for trained in [[true; 3], [true, false, false], [false, true, false], [false, false, true]] {
            let leaf = |index: usize| trained[index];
            let run = |layer: &dyn Fn(Tensor<2>, Tensor<2>, Tensor<1>) -> Tensor<2>| {
                let x = x.clone().autodiff().set_require_grad(leaf(0));
                let weight = weight.clone().autodiff().set_require_grad(leaf(1));
                let bias = bias.clone().autodiff().set_require_grad(leaf(2));
                let loss = (layer(x.clone(), weight.clone(), bias.clone()) * seed.clone().autodiff()).sum();
                let gradients = loss.backward();
                (x.grad(&gradients), weight.grad(&gradients), bias.grad(&gradients))
            };
            let (found, expected) = (run(&own), run(&theirs));
            assert_eq!([found.0.is_some(), found.1.is_some(), found.2.is_some()], trained);
            found.0.into_iter().zip(expected.0).for_each(|(found, expected)| assert_close(found, expected, "x"));
            found.1.into_iter().zip(expected.1).for_each(|(found, expected)| assert_close(found, expected, "weight"));
            found.2.into_iter().zip(expected.2).for_each(|(found, expected)| assert_close(found, expected, "bias"));
        }
    }

    #[test]
    fn gradients_of_a_batch_are_those_of_burn() {
        let device = Device::flex();
        let (lhs, rhs) = (random([2, 3, 8, 5], &device), random([2, 3, 9, 5], &device));
        let run = |product: &dyn Fn(Tensor<4>, Tensor<4>) -> Tensor<4>| {
            let lhs = lhs.clone().autodiff().require_grad();
            let rhs = rhs.clone().autodiff().require_grad();
            let y = product(lhs.clone(), rhs.clone().swap_dims(2, 3));
            let gradients = (y.clone() * y).sum().backward();
            (lhs.grad(&gradients).expect("trained"), rhs.grad(&gradients).expect("trained"))
        };
        let (found, expected) = (run(&matmul), run(&|lhs, rhs| lhs.matmul(rhs)));
        assert_close(found.0, expected.0, "lhs");
        assert_close(found.1, expected.1, "rhs");
    }
}
