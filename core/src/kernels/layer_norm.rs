//! Layer normalisation over the last dimension (<https://arxiv.org/abs/1607.06450>).

use burn::tensor::Tensor;

#[cfg(feature = "cpu")]
use super::cpu;

/// `(x - mean) / sqrt(var + eps) * weight + bias`
///
/// # Shapes
/// - `x`: `[batch, seq, hidden]`, `weight`, `bias`: `[hidden]`
/// - returns: as `x`
#[must_use]
pub(crate) fn layer_norm(x: Tensor<3>, weight: Tensor<1>, bias: Tensor<1>, eps: f64) -> Tensor<3> {
    #[cfg(feature = "cpu")]
    if cpu::is_on_cpu(&x) {
        return cpu::layer_norm(x, weight, bias, eps);
    }
    let centred = x.clone() - x.mean_dim(2);
    let variance = centred.clone().square().mean_dim(2); // [batch, seq, 1]
    let normed = centred / variance.add_scalar(eps).sqrt();
    normed * weight.unsqueeze() + bias.unsqueeze()
}
