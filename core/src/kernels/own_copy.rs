//! A tensor in memory of its own.

use burn::tensor::Tensor;

#[cfg(feature = "cpu")]
use super::cpu;

/// The same values: on the CPU in memory that no other tensor has, since a step writes there where weights lie; elsewhere shared, for
/// what is computed there has a place of its own.
///
/// # Shapes
/// - `tensor`: any, without autodiff
/// - returns: the same
#[must_use]
pub(crate) fn own_copy<const D: usize>(tensor: Tensor<D>) -> Tensor<D> {
    #[cfg(feature = "cpu")]
    if cpu::is_on_cpu(&tensor) {
        return cpu::own_copy(tensor);
    }
    tensor
}
