//! Sum of squares, for the norm of gradients.

use burn::tensor::Tensor;

#[cfg(feature = "cpu")]
use super::cpu;

/// # Shapes
/// - `x`: `[numel]`, without autodiff
/// - returns: `[1]`
#[must_use]
pub(crate) fn square_sum(x: &Tensor<1>) -> Tensor<1> {
    #[cfg(feature = "cpu")]
    if cpu::is_on_cpu(x) {
        return Tensor::from_data([cpu::square_sum(x)], &x.device());
    }
    x.clone().square().sum()
}
