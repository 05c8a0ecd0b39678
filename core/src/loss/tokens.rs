//! Cross-entropy over a vocabulary, without ever holding the logits of a batch.
//!
//! The logits of 1,024 tokens over 50,257 words are 206 MB, and training keeps them, their exponentials and their
//! gradient. Here the scored states go through the output table in chunks of rows, and each chunk leaves nothing but
//! its loss and its gradients: those of the states, and of the table if it is trained. The idea is that of Liger
//! Kernel's `FusedLinearCrossEntropy` (<https://arxiv.org/abs/2410.10989>).

use burn::tensor::{FloatDType, IndexingUpdateOp, Int, Tensor, TensorData};

use super::vocabulary::log_probabilities;
use crate::kernels::{exp_below, matmul, scale_rows};
use crate::nn::TokenTable;

/// Most bytes of the logits of a chunk.
const MAX_CHUNK_BYTES: usize = 32 << 20;

/// The loss of a set of scored states, and its gradients.
#[derive(Debug)]
pub struct TokenLoss {
    /// `[1]`, sum over the states, weighted.
    pub sum: Tensor<1>,
    /// `[rows, hidden]`, gradient of the sum.
    pub states: Tensor<2>,
    /// Gradient of the sum by each shard of the table; `None` where the table is frozen.
    pub table: Option<Vec<Tensor<2>>>,
}

/// Weighted sum of the cross-entropies, and its gradients, in f32: of a table that is held in half precision, one shard
/// at a time is widened. With label smoothing `e` it is `-(1 - e) ln p[target] - e mean(ln p)`; the mean of the scores is
/// the score of the table's mean row, so that no more is held for it.
///
/// # Shapes
/// - `states`: `[rows, hidden]`, without autodiff
/// - `targets`, `weights`: one a row
///
/// # Panics
/// When there are no rows, or not as many targets and weights as rows.
#[must_use]
pub fn token_cross_entropy(
    states: Tensor<2>,
    table: &TokenTable,
    targets: &[i32],
    weights: &[f32],
    label_smoothing: f64,
) -> TokenLoss {
    let [rows, hidden] = states.dims();
    assert!(rows > 0 && rows == targets.len() && rows == weights.len(), "a target and a weight for every state");
    let shards = Shards::of(table);
    let smoothing = (label_smoothing > 0.0).then(|| Smoothing { share: label_smoothing, mean_row: shards.mean_row() });
    let mut gradients: Option<Vec<Option<Tensor<2>>>> = table.is_trained().then(|| vec![None; shards.tensors.len()]);
    let (mut sum, mut by_state) = (None, Vec::new());
    let most = rows_in_chunk(shards.vocab);
    for first in (0..rows).step_by(most) {
        let count = most.min(rows - first);
        let chunk = Chunk {
            states: states.clone().narrow(0, first, count),
            targets: &targets[first..first + count],
            weights: &weights[first..first + count],
        };
        let (loss, gradient) = chunk.loss(&shards, smoothing.as_ref(), gradients.as_deref_mut());
        add_to(&mut sum, loss);
        by_state.push(gradient);
    }
    let by_state = if by_state.len() == 1 { by_state.remove(0) } else { Tensor::cat(by_state, 0) };
    debug_assert_eq!(by_state.dims(), [rows, hidden]);
    let mut table: Option<Vec<Tensor<2>>> = gradients.map(|shards| shards.into_iter().flatten().collect());
    if let (Some(gradients), Some(smoothing)) = (&mut table, smoothing) {
        let weights = Tensor::<2>::from_data(TensorData::new(weights.to_vec(), [rows, 1]), &states.device());
        let spread = (states * weights).sum_dim(0).mul_scalar(smoothing.share / shards.vocab as f64); // [1, hidden]
        for gradient in gradients {
            *gradient = gradient.clone() - spread.clone();
        }
    }
    TokenLoss { sum: sum.expect("there is at least one chunk"), states: by_state, table }
}

/// The shards of a table, without autodiff.
struct Shards {
    tensors: Vec<Tensor<2>>,
    vocab: usize,
}

impl Shards {
    fn of(table: &TokenTable) -> Self {
        let tensors: Vec<Tensor<2>> = table.shards.iter().map(|shard| shard.val().inner()).collect();
        let vocab = tensors.iter().map(|shard| shard.dims()[0]).sum();
        Self { tensors, vocab }
    }

    /// A shard in f32, whatever it is held in.
    fn widened(&self, index: usize) -> Tensor<2> {
        self.tensors[index].clone().cast(FloatDType::F32)
    }

    /// The mean of all rows.
    ///
    /// # Shapes
    /// - returns: `[1, hidden]`
    fn mean_row(&self) -> Tensor<2> {
        let sums = (0..self.tensors.len()).map(|index| self.widened(index).sum_dim(0)).collect();
        Tensor::cat(sums, 0).sum_dim(0).div_scalar(self.vocab as f64)
    }
}

/// Label smoothing, where there is any.
struct Smoothing {
    share: f64,
    /// `[1, hidden]`
    mean_row: Tensor<2>,
}

/// States whose scores are held at the same time.
struct Chunk<'a> {
    /// `[count, hidden]`
    states: Tensor<2>,
    targets: &'a [i32],
    weights: &'a [f32],
}

impl Chunk<'_> {
    /// The weighted sum of the cross-entropies, and its gradient by the states; that by the shards is added to `gradients`.
    ///
    /// # Shapes
    /// - returns: `[1]` and `[count, hidden]`
    fn loss(
        self,
        shards: &Shards,
        smoothing: Option<&Smoothing>,
        mut gradients: Option<&mut [Option<Tensor<2>>]>,
    ) -> (Tensor<1>, Tensor<2>) {
        let Self { states, targets, weights } = self;
        let (count, device) = (targets.len(), states.device());
        let column = |values: Vec<f32>| Tensor::<2>::from_data(TensorData::new(values, [count, 1]), &device);
        let weight = column(weights.to_vec());
        let kept = smoothing.map_or(1.0, |smoothing| 1.0 - smoothing.share);
        let logits: Vec<Tensor<2>> =
            (0..shards.tensors.len()).map(|index| matmul(states.clone(), shards.widened(index).transpose())).collect();
        let max = Tensor::cat(logits.iter().map(|part| part.clone().max_dim(1)).collect(), 1).max_dim(1); // [count, 1]
        let (powers, sums): (Vec<_>, Vec<_>) = logits.into_iter().map(|part| exp_below(part, max.clone())).unzip();
        let total = Tensor::cat(sums, 1).sum_dim(1);
        let share = weight.clone() / total.clone();
        let mut target_states: Option<Tensor<2>> = None; // the table's rows of the targets, [count, hidden]
        let mut by_state: Option<Tensor<2>> = None;
        let mut first_id = 0;
        for (index, power) in powers.into_iter().enumerate() {
            let size = shards.tensors[index].dims()[0];
            let (local, inside) = local_targets(targets, first_id, size);
            first_id += size;
            let local = Tensor::<1, Int>::from_data(TensorData::new(local, [count]), &device);
            let inside = column(inside);
            let found = shards.tensors[index].clone().select(0, local.clone()).cast(FloatDType::F32);
            add_to(&mut target_states, found * inside.clone());
            let probabilities = scale_rows(power, share.clone()); // weighted, [count, rows of the shard]
            add_to(&mut by_state, matmul(probabilities.clone(), shards.widened(index)));
            if let Some(gradients) = gradients.as_deref_mut() {
                let aimed = (states.clone() * (inside * weight.clone())).mul_scalar(-kept);
                let gradient = &mut gradients[index];
                add_to(gradient, matmul(probabilities.transpose(), states.clone()));
                let add = |so_far: Tensor<2>| so_far.select_assign(0, local, aimed, IndexingUpdateOp::Add);
                *gradient = gradient.take().map(add);
            }
        }
        let target_states = target_states.expect("a table has at least one shard");
        let target_states = match smoothing {
            Some(Smoothing { share, mean_row }) => target_states.mul_scalar(kept) + mean_row.clone().mul_scalar(*share),
            None => target_states,
        };
        let target_logits = (states * target_states.clone()).sum_dim(1);
        let losses = (max + total.log() - target_logits) * weight.clone();
        (losses.sum(), by_state.expect("a table has at least one shard") - target_states * weight)
    }
}

/// Adds to a sum, which begins with the first of its terms.
fn add_to<const D: usize>(sum: &mut Option<Tensor<D>>, term: Tensor<D>) {
    *sum = Some(match sum.take() {
        Some(before) => before + term,
        None => term,
    });
}

/// For evaluation, in one pass and without gradients: the cross-entropy of each state, and 1 where its likeliest token is
/// the target, else 0. `score` gives states the scores of all tokens; `None` where it gives none.
///
/// # Shapes
/// - `states`: `[rows, hidden]`, without autodiff
/// - `score`: `[count, hidden]` to `[count, vocab]`
/// - returns: `[rows]` each
///
/// # Panics
/// When there are no rows.
#[must_use]
pub fn measure_tokens(
    states: Tensor<2>,
    targets: &[i32],
    vocab: usize,
    score: impl Fn(Tensor<2>) -> Option<Tensor<2>>,
) -> Option<(Tensor<1>, Tensor<1>)> {
    let [rows, _] = states.dims();
    let device = states.device();
    let chunk = rows_in_chunk(vocab);
    let (mut losses, mut correct) = (Vec::new(), Vec::new());
    for first in (0..rows).step_by(chunk) {
        let count = chunk.min(rows - first);
        let ids = &targets[first..first + count];
        let target = Tensor::<2, Int>::from_data(TensorData::new(ids.to_vec(), [count, 1]), &device);
        let logits = score(states.clone().narrow(0, first, count))?; // [count, vocab]
        correct.push(logits.clone().argmax(1).equal(target).float().reshape([count]));
        losses.push(log_probabilities(logits, ids).neg().reshape([count]));
    }
    Some((Tensor::cat(losses, 0), Tensor::cat(correct, 0)))
}

/// Rows of scores that are held at a time.
pub(crate) fn rows_in_chunk(vocab: usize) -> usize {
    (MAX_CHUNK_BYTES / (vocab.max(1) * size_of::<f32>())).max(1)
}

/// Targets as rows of a shard, and 1 where they stand in it.
fn local_targets(targets: &[i32], first: usize, size: usize) -> (Vec<i32>, Vec<f32>) {
    targets
        .iter()
        .map(|&target| {
            let local = target - first as i32;
            let is_inside = (0..size as i32).contains(&local);
            (if is_inside { local } else { 0 }, f32::from(u8::from(is_inside)))
        })
        .unzip()
}

#[cfg(all(test, feature = "cpu"))]
mod tests {
    use burn::module::Param;
    use burn::tensor::Device;

    use super::*;
    use crate::nn::Init;

    const VOCAB: usize = 37;
    const HIDDEN: usize = 8;

    /// The same table in one piece and in three.
    fn tables(device: &Device) -> [TokenTable; 2] {
        let whole = Init::new(3).normal([VOCAB, HIDDEN], 1.0, device);
        let parts = [0..16, 16..32, 32..VOCAB].map(|rows| whole.clone().narrow(0, rows.start, rows.len()));
        let table = |parts: Vec<Tensor<2>>| TokenTable { shards: parts.into_iter().map(Param::from_tensor).collect() };
        [table(vec![whole]), table(parts.into())]
    }

    fn assert_same<const D: usize>(found: Tensor<D>, expected: Tensor<D>, what: &str) {
        let worst = (found - expected).abs().max().into_scalar::<f32>();
        assert!(worst < 1e-5, "{what} differ by {worst:e}");
    }

    #[test]
    fn a_table_in_shards_looks_up_scores_and_learns_as_a_whole_one() {
        let device = Device::flex().autodiff();
        let [whole, cut] = tables(&device);
        let ids: Vec<i32> = (0..30).map(|at| at * at % VOCAB as i32).collect();
        let ids = Tensor::<2, Int>::from_data(TensorData::new(ids, [3, 10]), &device);
        let looked_up = [&whole, &cut].map(|table| table.forward(ids.clone()));
        assert_same(looked_up[1].clone().inner(), looked_up[0].clone().inner(), "vectors");
        let scatter = |table: &TokenTable, rows: &Tensor<3>| {
            let gradients = (rows.clone() * rows.clone()).sum().backward();
            Tensor::cat(table.shards.iter().map(|shard| shard.val().grad(&gradients).expect("it is used")).collect(), 0)
        };
        assert_same(scatter(&cut, &looked_up[1]), scatter(&whole, &looked_up[0]), "gradients of looking up");

        let states = Init::new(4).normal([12, HIDDEN], 1.0, &Device::flex());
        let targets: Vec<i32> = (0..12).map(|at| at * 7 % VOCAB as i32).collect();
        let weights: Vec<f32> = (0..12).map(|at| at as f32 / 12.0).collect();
        let [one, three] =
            [&whole, &cut].map(|table| token_cross_entropy(states.clone(), table, &targets, &weights, 0.3));
        assert_same(three.sum, one.sum, "losses");
        assert_same(three.states, one.states, "gradients of the states");
        let table = |shards: Option<Vec<Tensor<2>>>| Tensor::cat(shards.expect("it is trained"), 0);
        assert_same(table(three.table), table(one.table), "gradients of the table");
        let measure = |table: &TokenTable| {
            let score = |rows| Some(table.logits(rows));
            measure_tokens(states.clone(), &targets, VOCAB, score).expect("there are scores")
        };
        let [one, three] = [&whole, &cut].map(measure);
        assert_same(three.0, one.0, "measured losses");
        assert_same(three.1, one.1, "right tokens");
    }
}
