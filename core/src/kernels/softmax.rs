//! Softmax over the keys of attention.

use burn::tensor::{Tensor, activation};

#[cfg(feature = "cpu")]
use super::cpu;

/// Softmax over the keys, `bias` added first.
///
/// # Shapes
/// - `scores`: `[batch, heads, queries, keys]`
/// - `bias`: `[batch or 1, 1, queries or 1, keys]`, takes no gradient
/// - returns: as `scores`
#[must_use]
pub(crate) fn masked_softmax(scores: Tensor<4>, bias: Option<Tensor<4>>) -> Tensor<4> {
    #[cfg(feature = "cpu")]
    if cpu::is_on_cpu(&scores) {
        return cpu::masked_softmax(scores, bias);
    }
    let scores = match bias {
        Some(bias) => scores + bias,
        None => scores,
    };
    activation::softmax(scores, 3)
}
