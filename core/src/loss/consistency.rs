//! How far two answers to the same rows are apart, as R-Drop has it (Liang et al. 2021, <https://arxiv.org/abs/2106.14448>):
//! half the sum of the Kullback-Leibler divergences of each from the other.

use burn::tensor::{Device, Tensor, activation};

use super::cross_entropy::rows;
use crate::data::HostTargets;

/// Half of `KL(p, q) + KL(q, p)` of each row, times what the row weighs, summed; by `KL(p, q) + KL(q, p) =
/// sum (p - q) (ln p - ln q)`.
///
/// # Shapes
/// - `first`, `second`: logits, `[rows, width]`; `weights`: one a row
/// - returns: `[1]`
#[must_use]
pub fn symmetric_divergence_sum(first: Tensor<2>, second: Tensor<2>, weights: &[f32], device: &Device) -> Tensor<1> {
    let (log_p, log_q) = (activation::log_softmax(first, 1), activation::log_softmax(second, 1));
    let apart = (log_p.clone().exp() - log_q.clone().exp()) * (log_p - log_q);
    (apart.sum_dim(1) * rows(weights, 1, device)).sum().mul_scalar(0.5)
}

/// What each output row counts in the loss of targets that give every row one answer; `None` of others.
#[must_use]
pub fn row_weights(targets: &HostTargets) -> Option<Vec<f32>> {
    match targets {
        HostTargets::Distributions { values, width } | HostTargets::Focal { values, width, .. } => {
            Some(values.chunks((*width).max(1)).map(|row| row.iter().sum()).collect())
        }
        _ => None,
    }
}

#[cfg(all(test, feature = "cpu"))]
mod tests {
    use burn::tensor::TensorData;

    use super::super::goldens::{golden, number, numbers};
    use super::super::loss_of_two;
    use super::*;

    #[test]
    fn two_passes_give_the_loss_and_the_gradients_of_pytorch() {
        let device = Device::flex().autodiff();
        for case in golden("rdrop") {
            let width = number(&case, "width") as usize;
            let leaf = |name: &str| {
                let values = numbers(&case, name);
                let shape = [values.len() / width, width];
                Tensor::<2>::from_data(TensorData::new(values, shape), &device).require_grad()
            };
            let (first, second) = (leaf("first"), leaf("second"));
            let targets = HostTargets::Distributions { values: numbers(&case, "values"), width };
            let [rows, _] = first.dims();
            let outputs = [first.clone(), second.clone()];
            let weights = row_weights(&targets).expect("each row has one label");
            let loss = loss_of_two(outputs, &targets, [rows, 1], (weights.as_slice(), number(&case, "alpha")), &device);
            let gradients = loss.backward();
            let found = f64::from(loss.into_scalar::<f32>());
            assert!((found - number(&case, "loss")).abs() < 1e-5, "{found}");
            for (leaf, name) in [(first, "by_first"), (second, "by_second")] {
                let found = leaf.grad(&gradients).expect("the loss depends on it").into_data();
                for (found, expected) in found.iter::<f32>().zip(numbers(&case, name)) {
                    assert!((found - expected).abs() < 1e-5, "{name}: {found}, not {expected}");
                }
            }
        }
    }

    #[test]
    fn rows_that_are_not_scored_count_nothing_and_others_have_no_such_weights() {
        let values = vec![0.0, 0.0, 0.5, 0.25];
        assert_eq!(row_weights(&HostTargets::Distributions { values, width: 2 }), Some(vec![0.0, 0.75]));
        assert_eq!(row_weights(&HostTargets::None), None);
    }
}
