//! Attention of encoders and decoders: heads apart, scores, mask, softmax, dropout, heads together again.
//!
//! `softmax(scale Q K^T + mask) V` (<https://arxiv.org/abs/1706.03762>); the scale is multiplied onto the queries. A mask
//! is a tensor of numbers added to the scores: 0 where a query may attend, [`MASKED`] elsewhere.

use burn::tensor::{Device, Tensor, TensorData};

use super::Dropout;
use crate::batch::{SeqLayout, TextBatch};
use crate::kernels::{masked_softmax, matmul, tanh};

/// Added to the scores of keys that a query must not see: finite, so that no row becomes NaN.
const MASKED: f64 = -1e9;

/// # Shapes
/// - `x`: `[batch, seq, heads * head_dim]`
/// - returns: `[batch, heads, seq, head_dim]`
#[must_use]
pub(super) fn split_heads(x: Tensor<3>, heads: usize, head_dim: usize) -> Tensor<4> {
    let [batch, seq, _] = x.dims();
    x.reshape([batch, seq, heads, head_dim]).swap_dims(1, 2)
}

/// # Shapes
/// - `x`: `[batch, heads, seq, head_dim]`
/// - returns: `[batch, seq, heads * head_dim]`
#[must_use]
pub(super) fn merge_heads(x: Tensor<4>) -> Tensor<3> {
    let [batch, heads, seq, head_dim] = x.dims();
    x.swap_dims(1, 2).reshape([batch, seq, heads * head_dim])
}

/// Attention where every query head has keys and values of its own. `query` is scaled already, where it is to be; `bias`
/// is added to the scores and takes gradients.
///
/// # Shapes
/// - `query`: `[batch, heads, seq, head_dim]`
/// - `key`, `value`: `[batch, heads, keys, head_dim]`
/// - `bias`: `[1, heads, seq, keys]`
/// - `mask`: `[batch or 1, 1, seq or 1, keys]`
/// - returns: `[batch, heads, seq, head_dim]`
#[must_use]
pub(super) fn attend(
    query: Tensor<4>,
    key: Tensor<4>,
    value: Tensor<4>,
    bias: Option<Tensor<4>>,
    mask: Option<Tensor<4>>,
    dropout: Dropout,
) -> Tensor<4> {
    let scores = matmul(query, key.swap_dims(2, 3)); // [batch, heads, seq, keys]
    let scores = match bias {
        Some(bias) => scores + bias,
        None => scores,
    };
    let probabilities = dropout.forward(masked_softmax(scores, mask));
    matmul(probabilities, value)
}

/// As [`attend`], where several query heads share a key head (<https://arxiv.org/abs/2305.13245>), and where there may be
/// more keys than queries. The query heads of a key head are rows of one product, so that no key is repeated. With a
/// `cap` (Gemma 2) the scores are those of [`soft_capped`] before they are masked.
///
/// # Shapes
/// - `query`: `[batch, heads, seq, head_dim]`
/// - `key`, `value`: `[batch, key_heads, keys, head_dim]`
/// - `mask`: `[batch or 1, 1, seq or 1, keys]`
/// - returns: `[batch, heads, seq, head_dim]`
#[must_use]
pub(super) fn attend_grouped(
    query: Tensor<4>,
    key: Tensor<4>,
    value: Tensor<4>,
    cap: Option<f64>,
    mask: Option<Tensor<4>>,
    dropout: Dropout,
) -> Tensor<4> {
    let [batch, heads, seq, head_dim] = query.dims();
    let [_, key_heads, keys, _] = key.dims();
    let rows = heads / key_heads * seq;
    let query = query.reshape([batch, key_heads, rows, head_dim]);
    let scores = matmul(query, key.swap_dims(2, 3)).reshape([batch, heads, seq, keys]);
    let scores = soft_capped(scores, cap);
    let probabilities = dropout.forward(masked_softmax(scores, mask));
    matmul(probabilities.reshape([batch, key_heads, rows, keys]), value).reshape([batch, heads, seq, head_dim])
}

/// `cap tanh(x / cap)`, which stays within `-cap` and `cap` (<https://arxiv.org/abs/2408.00118>); `x` itself without one.
/// Shape unchanged.
#[must_use]
pub(super) fn soft_capped<const D: usize>(x: Tensor<D>, cap: Option<f64>) -> Tensor<D> {
    match cap {
        Some(cap) => tanh(x.div_scalar(cap)).mul_scalar(cap),
        None => x,
    }
}

/// The mask that hides padding: `[batch, 1, 1, seq]`; `None` where nothing is padded.
#[must_use]
pub(super) fn padding_mask(batch: &TextBatch) -> Option<Tensor<4>> {
    (!batch.is_dense)
        .then(|| batch.attention_mask.clone().sub_scalar(1.0).mul_scalar(-MASKED).unsqueeze_dims::<4>(&[1, 1]))
}

/// The mask that hides padding, and all from padding, which weighs all tokens alike then; `None` where nothing is padded.
///
/// # Shapes
/// - returns: `[batch, 1, seq, seq]`
#[must_use]
pub(super) fn mutual_mask(batch: &TextBatch) -> Option<Tensor<4>> {
    let keys = padding_mask(batch)?; // [batch, 1, 1, seq]
    Some((keys.clone() + keys.swap_dims(2, 3)).clamp_min(MASKED))
}

/// The mask that hides padding, and tokens that stand more than `window` before or after; `None` where nothing is hidden.
/// A token that sees nothing at all, which is padding, weighs all tokens alike.
///
/// # Shapes
/// - returns: `[batch or 1, 1, seq or 1, seq]`
#[must_use]
pub(super) fn window_mask(batch: &TextBatch, window: usize) -> Option<Tensor<4>> {
    let (seq, padding) = (batch.layout.seq, padding_mask(batch));
    if seq <= window + 1 {
        return padding;
    }
    let far = TensorData::new(far_values(seq, window), [1, 1, seq, seq]);
    let far = Tensor::<4>::from_data(far, &batch.input_ids.device());
    Some(match padding {
        Some(padding) => (far + padding).clamp_min(MASKED),
        None => far,
    })
}

fn far_values(seq: usize, window: usize) -> Vec<f32> {
    let is_far = |cell: usize| (cell / seq).abs_diff(cell % seq) > window;
    (0..seq * seq).map(|cell| if is_far(cell) { MASKED as f32 } else { 0.0 }).collect()
}

/// The mask of a decoder: a token sees itself and those before it in the same text, at most `window` of them. `None`
/// where nothing is masked.
///
/// # Shapes
/// - returns: `[batch or 1, 1, seq, kept + seq]`, where `kept` are the past tokens that the cache holds for this window
#[must_use]
pub(super) fn causal_mask(layout: &SeqLayout, window: Option<usize>, device: &Device) -> Option<Tensor<4>> {
    let (values, shape) = causal_values(layout, window)?;
    Some(Tensor::from_data(TensorData::new(values, shape), device))
}

fn causal_values(layout: &SeqLayout, window: Option<usize>) -> Option<(Vec<f32>, [usize; 4])> {
    let SeqLayout { batch, seq, past, segment_ids, .. } = layout;
    let (seq, kept) = (*seq, kept_past(*past, window));
    let keys = kept + seq;
    let window = window.unwrap_or(usize::MAX);
    if seq == 1 && window >= keys {
        return None;
    }
    let rows = if segment_ids.is_some() { *batch } else { 1 };
    let mut values = vec![MASKED as f32; rows * seq * keys];
    for (index, row) in values.chunks_mut(keys).enumerate() {
        let (text, query) = (index / seq, kept + index % seq);
        for (key, value) in row.iter_mut().enumerate().take(query + 1) {
            let same_text =
                segment_ids.as_ref().is_none_or(|segments| segments[text * seq + key] == segments[text * seq + query]);
            if same_text && query - key < window {
                *value = 0.0;
            }
        }
    }
    Some((values, [rows, 1, seq, keys]))
}

/// Past tokens whose keys and values a layer keeps: all, or with a sliding window (which counts the token itself) those
/// that the next token can still see (one at least, since no tensor is empty).
#[must_use]
pub(super) fn kept_past(past: usize, window: Option<usize>) -> usize {
    window.map_or(past, |window| past.min(window.saturating_sub(1).max(1)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_window_keeps_what_the_next_token_can_see() {
        assert_eq!(kept_past(10, None), 10);
        assert_eq!(kept_past(10, Some(4)), 3);
        assert_eq!(kept_past(2, Some(4)), 2);
        assert_eq!(kept_past(10, Some(1)), 1);
    }

    #[cfg(feature = "cpu")]
    #[test]
    fn a_cap_bends_large_scores_and_their_gradients() {
        let leaf = || Tensor::<1>::from_data([0.1_f32, -3.0, 400.0], &Device::flex().autodiff()).require_grad();
        let x = leaf();
        let y = soft_capped(x.clone(), Some(2.0));
        let gradients = y.clone().sum().backward();
        let found: Vec<f32> = y.into_data().iter::<f32>().collect();
        let slopes: Vec<f32> = x.grad(&gradients).expect("it takes part").into_data().iter::<f32>().collect();
        for (at, x) in [0.1_f64, -3.0, 400.0].into_iter().enumerate() {
            let bent = (x / 2.0).tanh();
            assert!((f64::from(found[at]) - 2.0 * bent).abs() < 1e-6, "{found:?}");
            assert!((f64::from(slopes[at]) - (1.0 - bent * bent)).abs() < 1e-6, "{slopes:?}");
        }
        let plain: Vec<f32> = soft_capped(leaf(), None).into_data().iter::<f32>().collect();
        assert_eq!(plain, [0.1, -3.0, 400.0]);
    }

    #[test]
    fn a_window_reaches_to_both_sides() {
        let seen: Vec<u8> = far_values(4, 1).iter().map(|&value| u8::from(value == 0.0)).collect();
        assert_eq!(seen, [1, 1, 0, 0, 1, 1, 1, 0, 0, 1, 1, 1, 0, 0, 1, 1]);
    }

    /// Rows of queries: 1 where a key is seen.
    fn seen(past: usize, seq: usize, segment_ids: Option<Vec<i32>>, window: Option<usize>) -> Option<Vec<Vec<u8>>> {
        let layout = SeqLayout { batch: 1, seq, past, position_ids: (0..seq as i32).collect(), segment_ids };
        let (values, [_, _, _, keys]) = causal_values(&layout, window)?;
        Some(values.chunks(keys).map(|row| row.iter().map(|&value| u8::from(value == 0.0)).collect()).collect())
    }

    #[test]
    fn a_token_sees_itself_and_those_before_it_in_its_text_and_window() {
        let rows = |rows: &[&[u8]]| Some(rows.iter().map(|row| row.to_vec()).collect::<Vec<_>>());
        assert_eq!(seen(0, 3, None, None), rows(&[&[1, 0, 0], &[1, 1, 0], &[1, 1, 1]]));
        assert_eq!(seen(0, 3, None, Some(2)), rows(&[&[1, 0, 0], &[1, 1, 0], &[0, 1, 1]]));
        assert_eq!(seen(0, 3, Some(vec![0, 0, 1]), None), rows(&[&[1, 0, 0], &[1, 1, 0], &[0, 0, 1]]));
        assert_eq!(seen(2, 2, None, None), rows(&[&[1, 1, 1, 0], &[1, 1, 1, 1]]));
        assert_eq!(seen(2, 1, None, None), None);
        assert_eq!(seen(2, 1, None, Some(2)), None);
    }
}
