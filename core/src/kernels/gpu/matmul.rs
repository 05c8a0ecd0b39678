//! Matrix products whose unit of work is a block of 4 x 4 or 8 x 4 outputs in registers, read straight from memory.
//!
//! cubek's kernel without matrix units shares tiles of 128 x 128 between some hundred threads. The products of a small
//! model have a handful of such tiles: most of a GPU idles, and of an attention head's 64 x 64 outputs three
//! quarters of the tile are thrown away. Here a workgroup has 32 or 64 rows of 32 outputs, whatever the layout of the operands: a
//! transposed one is read as it lies, so the backward pass makes no copies.

use burn::backend::ops::FloatTensorOps;
use burn::backend::tensor::FloatTensor;
use burn::backend::{Autodiff, Backend, backend_extension};
use burn::tensor::{DType, Shape};
use burn_autodiff::checkpoint::base::Checkpointer;
use burn_autodiff::checkpoint::strategy::{CheckpointStrategy, NoCheckpointing};
use burn_autodiff::grads::Gradients;
use burn_autodiff::ops::{Backward, Ops, OpsKind, binary};
use burn_cubecl::CubeBackend;
use burn_cubecl::ops::numeric::empty_device_contiguous_dtype;
use burn_cubecl::tensor::CubeTensor;
use cubecl::prelude::*;

/// Outputs along each side of a block, and numbers in a load.
const BLOCK: usize = 4;
/// Threads along each side of a workgroup.
const THREADS: usize = 8;
/// A thread has two blocks, one below the other, where that leaves so many threads: it loads less for each output.
const MANY_THREADS: usize = 4096;

#[backend_extension(Cube, Autodiff, Fusion)]
pub(super) trait MatmulOps: Backend {
    /// `lhs rhs` of equal batch dimensions.
    ///
    /// # Shapes
    /// - `lhs`: `[.., m, k]`, `rhs`: `[.., k, n]`
    /// - returns: `[.., m, n]`
    #[fusion(dtype = lhs, shape = output_shape(lhs, rhs))]
    fn matmul(lhs: FloatTensor<Self>, rhs: FloatTensor<Self>) -> FloatTensor<Self>;
}

fn output_shape(lhs: &Shape, rhs: &Shape) -> Shape {
    let rank = lhs.num_dims();
    let mut shape = lhs.clone();
    shape[rank - 1] = rhs[rank - 1];
    shape
}

impl<B: Backend + MatmulOps, C: CheckpointStrategy> MatmulOps for Autodiff<B, C> {
    fn matmul(lhs: FloatTensor<Self>, rhs: FloatTensor<Self>) -> FloatTensor<Self> {
        let (lhs_is_tracked, rhs_is_tracked) = (lhs.is_tracked(), rhs.is_tracked());
        let (lhs, lhs_node) = lhs.into_parts();
        let (rhs, rhs_node) = rhs.into_parts();
        match Matmul.prepare::<NoCheckpointing>([lhs_node, rhs_node]).compute_bound().stateful() {
            OpsKind::Tracked(prep) => {
                let state = (rhs_is_tracked.then(|| lhs.clone()), lhs_is_tracked.then(|| rhs.clone()));
                prep.finish(state, B::matmul(lhs, rhs))
            }
            OpsKind::UnTracked(prep) => prep.finish(B::matmul(lhs, rhs)),
        }
    }
}

#[derive(Debug)]
struct Matmul;

impl<B: Backend + MatmulOps> Backward<B, 2> for Matmul {
    /// Each operand, if the other one's gradient is wanted.
    type State = (Option<FloatTensor<B>>, Option<FloatTensor<B>>);

    fn backward(self, ops: Ops<Self::State, 2>, grads: &mut Gradients, _checkpointer: &mut Checkpointer) {
        let (lhs, rhs) = ops.state;
        binary::<B, _, _>(
            ops.parents,
            ops.node,
            grads,
            |gradient| B::matmul(gradient, B::float_transpose(rhs.expect("kept, as lhs is tracked"))),
            |gradient| B::matmul(B::float_transpose(lhs.expect("kept, as rhs is tracked")), gradient),
        );
    }
}

impl MatmulOps for CubeBackend {
    fn matmul(lhs: CubeTensor, rhs: CubeTensor) -> CubeTensor {
        match Plan::for_operands(&lhs, &rhs) {
            Some(plan) => plan.launch(lhs, rhs),
            None => Self::float_matmul(lhs, rhs),
        }
    }
}

/// How an operand lies, in blocks of four numbers.
struct Operand {
    /// Its columns are contiguous, not its rows.
    is_transposed: bool,
    /// From one contiguous line to the next.
    line: u32,
    /// From one matrix to the next, along each of two batch dimensions.
    batch: [u32; 2],
}

impl Operand {
    /// `None` if its lines can't be read in blocks of four.
    fn from_tensor(tensor: &CubeTensor) -> Option<Self> {
        let rank = tensor.meta.num_dims();
        if tensor.dtype != DType::F32 || tensor.qparams.is_some() || tensor.meta.is_tiled() || !(2..=4).contains(&rank)
        {
            return None;
        }
        let (shape, strides) = (tensor.meta.shape(), tensor.meta.strides());
        let is_transposed = match (strides[rank - 2], strides[rank - 1]) {
            (_, 1) => false,
            (1, _) => true,
            _ => return None,
        };
        let (line, length) = if is_transposed { (rank - 1, rank - 2) } else { (rank - 2, rank - 1) };
        let blocks = |stride: usize| stride.is_multiple_of(BLOCK).then_some((stride / BLOCK) as u32);
        let batch = |back: usize| rank.checked_sub(back).map_or(Some(0), |dim| blocks(strides[dim]));
        let operand = Self { is_transposed, line: blocks(strides[line])?, batch: [batch(4)?, batch(3)?] };
        (shape[length] % BLOCK == 0).then_some(operand)
    }
}

struct Plan {
    lhs: Operand,
    rhs: Operand,
    /// Both batch dimensions.
    batch: [usize; 2],
    /// Blocks of a thread, one below the other.
    is_tall: bool,
    m: usize,
    n: usize,
    k: usize,
}

impl Plan {
    /// `None` where burn's own product is the one to take.
    fn for_operands(lhs: &CubeTensor, rhs: &CubeTensor) -> Option<Self> {
        let features = &lhs.client.properties().features.matmul;
        if !(features.cmma.is_empty() && features.mma.is_empty()) {
            return None; // cubek makes use of matrix units
        }
        let rank = lhs.meta.num_dims();
        let (left, right) = (lhs.meta.shape(), rhs.meta.shape());
        if rank != rhs.meta.num_dims() || left[..rank - 2] != right[..rank - 2] || left[rank - 1] != right[rank - 2] {
            return None;
        }
        let (m, k, n) = (left[rank - 2], left[rank - 1], right[rank - 1]);
        let batch = [4, 3].map(|back| rank.checked_sub(back).map_or(1, |dim| left[dim]));
        let fits = [m, k, n].into_iter().all(|size| size > 0 && size % BLOCK == 0);
        let counts = [n.div_ceil(BLOCK * THREADS), m.div_ceil(BLOCK * THREADS), batch[0] * batch[1]];
        let is_launched = counts.into_iter().all(|count| (1..=usize::from(u16::MAX)).contains(&count));
        (fits && is_launched).then_some(())?;
        let is_tall = m % (2 * BLOCK) == 0 && m * n * counts[2] >= MANY_THREADS * 2 * BLOCK * BLOCK;
        Some(Self { lhs: Operand::from_tensor(lhs)?, rhs: Operand::from_tensor(rhs)?, batch, is_tall, m, n, k })
    }

    fn launch(self, lhs: CubeTensor, rhs: CubeTensor) -> CubeTensor {
        let shape = output_shape(lhs.meta.shape(), rhs.meta.shape());
        let out = empty_device_contiguous_dtype(lhs.client.clone(), lhs.device.clone(), shape, DType::F32);
        let height = if self.is_tall { 2 * BLOCK } else { BLOCK };
        let columns = self.n.div_ceil(BLOCK * THREADS) as u32;
        let rows = self.m.div_ceil(height * THREADS) as u32;
        let count = CubeCount::Static(columns, rows, (self.batch[0] * self.batch[1]) as u32);
        let blocks = |size: usize| (size / BLOCK) as u32;
        #[expect(unsafe_code, reason = "cubecl's launch without bounds checks is unsafe")]
        // SAFETY: the kernel ends threads outside [m, n], and reads each operand only at [batch, m or n, k] through
        // strides taken from the tensor itself, all of which are whole blocks.
        unsafe {
            matmul_kernel::launch_unchecked(
                &out.client.clone(),
                count,
                CubeDim::new_2d(THREADS as u32, THREADS as u32),
                BLOCK,
                lhs.into_tensor_arg(),
                rhs.into_tensor_arg(),
                out.clone().into_tensor_arg(),
                blocks(self.m),
                blocks(self.n),
                blocks(self.k),
                self.batch[1] as u32,
                self.lhs.line,
                self.lhs.batch[0],
                self.lhs.batch[1],
                self.rhs.line,
                self.rhs.batch[0],
                self.rhs.batch[1],
                self.is_tall,
                self.lhs.is_transposed,
                self.rhs.is_transposed,
            );
        }
        out
    }
}

/// A thread has rows from `4 i` and columns `4 j .. 4 j + 4`; sizes and strides are in blocks of four.
#[cube(launch_unchecked)]
fn matmul_kernel<N: Size>(
    lhs: &Tensor<Vector<f32, N>>,
    rhs: &Tensor<Vector<f32, N>>,
    out: &mut Tensor<Vector<f32, N>>,
    rows: u32,
    columns: u32,
    depth: u32,
    inner_batch: u32,
    lhs_line: u32,
    lhs_batch_0: u32,
    lhs_batch_1: u32,
    rhs_line: u32,
    rhs_batch_0: u32,
    rhs_batch_1: u32,
    #[comptime] is_tall: bool,
    #[comptime] lhs_is_transposed: bool,
    #[comptime] rhs_is_transposed: bool,
) {
    let height = comptime![if is_tall { 2u32 } else { 1u32 }];
    let j = ABSOLUTE_POS_X;
    let i = ABSOLUTE_POS_Y * height;
    if i >= rows || j >= columns {
        terminate!();
    }
    let batch = CUBE_POS_Z;
    let (batch_0, batch_1) = (batch / inner_batch, batch % inner_batch);
    let lhs_start = batch_0 * lhs_batch_0 + batch_1 * lhs_batch_1;
    let rhs_start = batch_0 * rhs_batch_0 + batch_1 * rhs_batch_1;
    let mut c0 = Vector::<f32, N>::new(0.0);
    let mut c1 = Vector::<f32, N>::new(0.0);
    let mut c2 = Vector::<f32, N>::new(0.0);
    let mut c3 = Vector::<f32, N>::new(0.0);
    let mut c4 = Vector::<f32, N>::new(0.0);
    let mut c5 = Vector::<f32, N>::new(0.0);
    let mut c6 = Vector::<f32, N>::new(0.0);
    let mut c7 = Vector::<f32, N>::new(0.0);
    for step in 0..depth {
        // Row r of a: what row r of the block takes from the four rows of b.
        let (a0, a1, a2, a3) = block::<N>(lhs, lhs_start, lhs_line, i, step, lhs_is_transposed);
        let (b0, b1, b2, b3) = block::<N>(rhs, rhs_start, rhs_line, step, j, rhs_is_transposed);
        c0 += row::<N>(a0, b0, b1, b2, b3);
        c1 += row::<N>(a1, b0, b1, b2, b3);
        c2 += row::<N>(a2, b0, b1, b2, b3);
        c3 += row::<N>(a3, b0, b1, b2, b3);
        if comptime![is_tall] {
            let (a4, a5, a6, a7) = block::<N>(lhs, lhs_start, lhs_line, i + 1, step, lhs_is_transposed);
            c4 += row::<N>(a4, b0, b1, b2, b3);
            c5 += row::<N>(a5, b0, b1, b2, b3);
            c6 += row::<N>(a6, b0, b1, b2, b3);
            c7 += row::<N>(a7, b0, b1, b2, b3);
        }
    }
    let first = ((batch * rows + i) * 4 * columns + j) as usize;
    let line = columns as usize;
    out[first] = c0;
    out[first + line] = c1;
    out[first + 2 * line] = c2;
    out[first + 3 * line] = c3;
    if comptime![is_tall] {
        out[first + 4 * line] = c4;
        out[first + 5 * line] = c5;
        out[first + 6 * line] = c6;
        out[first + 7 * line] = c7;
    }
}

type Rows<N> = (Vector<f32, N>, Vector<f32, N>, Vector<f32, N>, Vector<f32, N>);

/// The four rows of block (`i`, `j`) of a matrix.
#[cube]
fn block<N: Size>(
    matrix: &Tensor<Vector<f32, N>>,
    start: u32,
    line: u32,
    i: u32,
    j: u32,
    #[comptime] is_transposed: bool,
) -> Rows<N> {
    if comptime![is_transposed] {
        let first = (start + j * 4 * line + i) as usize;
        let line = line as usize;
        let (l0, l1) = (matrix[first], matrix[first + line]);
        let (l2, l3) = (matrix[first + 2 * line], matrix[first + 3 * line]);
        (
            across::<N>(l0, l1, l2, l3, 0usize),
            across::<N>(l0, l1, l2, l3, 1usize),
            across::<N>(l0, l1, l2, l3, 2usize),
            across::<N>(l0, l1, l2, l3, 3usize),
        )
    } else {
        let first = (start + i * 4 * line + j) as usize;
        let line = line as usize;
        (matrix[first], matrix[first + line], matrix[first + 2 * line], matrix[first + 3 * line])
    }
}

/// Number `at` of each of four lines.
#[cube]
fn across<N: Size>(
    l0: Vector<f32, N>,
    l1: Vector<f32, N>,
    l2: Vector<f32, N>,
    l3: Vector<f32, N>,
    #[comptime] at: usize,
) -> Vector<f32, N> {
    let mut row = Vector::<f32, N>::empty();
    row.insert(0usize, l0.extract(at));
    row.insert(1usize, l1.extract(at));
    row.insert(2usize, l2.extract(at));
    row.insert(3usize, l3.extract(at));
    row
}

/// `a` times a block of four rows.
#[cube]
fn row<N: Size>(
    a: Vector<f32, N>,
    b0: Vector<f32, N>,
    b1: Vector<f32, N>,
    b2: Vector<f32, N>,
    b3: Vector<f32, N>,
) -> Vector<f32, N> {
    Vector::<f32, N>::new(a.extract(0usize)) * b0
        + Vector::<f32, N>::new(a.extract(1usize)) * b1
        + Vector::<f32, N>::new(a.extract(2usize)) * b2
        + Vector::<f32, N>::new(a.extract(3usize)) * b3
}
