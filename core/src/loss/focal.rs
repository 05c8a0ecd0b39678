//! Focal loss (Lin et al. 2017, <https://arxiv.org/abs/1708.02002>): cross-entropy in which what is answered rightly already
//! counts less, `-t (1 - p)^gamma ln p`. Weights of classes, the paper's alpha, are in the targets.

use burn::tensor::{Device, Tensor, activation};

use super::cross_entropy::rows;

/// Least share that is missing to certainty: of less the power below has no slope. There the loss is nothing anyway.
const LEAST: f64 = 1e-7;

/// Sum over the rows, and over the classes of each. A row of zeros counts nothing.
///
/// # Shapes
/// - `logits`, `targets`: `[rows, width]`
/// - returns: `[1]`
pub(super) fn focal_sum(logits: Tensor<2>, targets: Tensor<2>, gamma: f64) -> Tensor<1> {
    let log_p = activation::log_softmax(logits, 1);
    let missing = log_p.clone().exp().neg().add_scalar(1.0).clamp_min(LEAST);
    let factor = missing.log().mul_scalar(gamma).exp(); // (1 - p)^gamma
    (factor * log_p * targets).sum().neg()
}

/// The same of independent answers, each of which is yes or no.
///
/// # Shapes
/// - `outputs`: `[rows, width]`; `positive`, `negative`: the same on the host
/// - returns: `[1]`
pub(super) fn focal_binary_sum(
    outputs: Tensor<2>,
    positive: &[f32],
    negative: &[f32],
    gamma: f64,
    device: &Device,
) -> Tensor<1> {
    let (logits, targets) = super::binary::as_two_classes(outputs, positive, negative);
    focal_sum(logits, rows(&targets, 2, device), gamma)
}

#[cfg(all(test, feature = "cpu"))]
mod tests {
    use super::super::goldens::{golden, number, numbers};
    use super::super::tests::check;
    use crate::data::HostTargets;

    #[test]
    fn classes_give_the_losses_and_gradients_of_pytorch() {
        for case in golden("focal") {
            let width = number(&case, "width") as usize;
            let logits = numbers(&case, "logits");
            let values = numbers(&case, "values");
            let targets = HostTargets::Focal { values, width, gamma: number(&case, "gamma") };
            let gradient: Vec<f64> = numbers(&case, "gradient").into_iter().map(f64::from).collect();
            check(&logits, width, &targets, [logits.len() / width, 1], number(&case, "loss"), &gradient);
        }
    }

    #[test]
    fn labels_that_may_all_hold_give_the_losses_and_gradients_of_pytorch() {
        for case in golden("focal_binary") {
            let width = number(&case, "width") as usize;
            let logits = numbers(&case, "logits");
            let (positive, negative) = (numbers(&case, "positive"), numbers(&case, "negative"));
            let targets = HostTargets::FocalBinary { positive, negative, width, gamma: number(&case, "gamma") };
            let gradient: Vec<f64> = numbers(&case, "gradient").into_iter().map(f64::from).collect();
            check(&logits, width, &targets, [logits.len() / width, 1], number(&case, "loss"), &gradient);
        }
    }

    /// Where the answer is certain in f32, right or wrong: no number is lost.
    #[test]
    fn certain_answers_have_a_loss_that_is_a_number() {
        for gamma in [0.5, 2.0, 5.0] {
            let targets = HostTargets::Focal { values: vec![1.0, 0.0, 0.0, 1.0], width: 2, gamma };
            check(&[60.0, -60.0, 60.0, -60.0], 2, &targets, [2, 1], 120.0, &[0.0, 0.0, 1.0, -1.0]);
        }
    }
}
