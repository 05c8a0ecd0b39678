//! Rows of a matrix, each with a number of its own: what the loss over a vocabulary does to its scores.

use burn::tensor::Tensor;

/// `e^(scores - max)`, and the sum of each of its rows.
///
/// # Shapes
/// - `scores`: `[rows, columns]`, without autodiff; `max`: `[rows, 1]`, at least the largest of each row
/// - returns: `[rows, columns]` and `[rows, 1]`
pub(crate) fn exp_below(scores: Tensor<2>, max: Tensor<2>) -> (Tensor<2>, Tensor<2>) {
    #[cfg(feature = "cpu")]
    if super::cpu::takes_rows(&scores, &max) {
        return super::cpu::exp_below(scores, max);
    }
    let powers = (scores - max).exp();
    let sums = powers.clone().sum_dim(1);
    (powers, sums)
}

/// Each row times its number.
///
/// # Shapes
/// - `x`: `[rows, columns]`, without autodiff; `factors`: `[rows, 1]`
/// - returns: `[rows, columns]`
pub(crate) fn scale_rows(x: Tensor<2>, factors: Tensor<2>) -> Tensor<2> {
    #[cfg(feature = "cpu")]
    if super::cpu::takes_rows(&x, &factors) {
        return super::cpu::scale_rows(x, factors);
    }
    x * factors
}
