//! Squared error, as <https://docs.pytorch.org/docs/stable/generated/torch.nn.MSELoss.html> with `reduction="sum"`.

use burn::tensor::Tensor;

/// Sum of the squared differences.
///
/// # Shapes
/// - `outputs`, `targets`: `[rows, width]`
/// - returns: `[1]`
pub(super) fn squared_error_sum(outputs: Tensor<2>, targets: Tensor<2>) -> Tensor<1> {
    (outputs - targets).square().sum()
}

#[cfg(all(test, feature = "cpu"))]
mod tests {
    use super::super::tests::check;
    use crate::data::HostTargets;

    /// `torch.nn.functional.mse_loss` (2.15).
    #[test]
    fn numbers_give_pytorchs_losses() {
        let outputs = [1.0, -0.5, 2.0, 0.25, 0.0, 3.0, -1.0, 0.5];
        let values = vec![0.5, 0.0, 2.5, -1.0, 1.0, 3.0, 0.25, -0.5];
        let gradient = [1.0, -1.0, -1.0, 2.5, -2.0, 0.0, -2.5, 2.0];
        check(&outputs, 4, &HostTargets::Numbers { values, width: 4 }, [2, 1], 5.875, &gradient);
    }
}
