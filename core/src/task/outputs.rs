//! Numbers of an output row as probabilities, in f64 on the host.

use crate::metrics;
pub(super) use crate::metrics::find_highest;

/// Probabilities of log-probabilities.
pub(super) fn probabilities(log_probabilities: &[f64]) -> Vec<f32> {
    log_probabilities.iter().map(|value| value.exp() as f32).collect()
}

/// Probabilities of labels of which one holds, of their logits divided by a temperature; `None` if a value is not finite.
pub(super) fn class_probabilities(logits: &[f32], temperature: f64) -> Option<Vec<f32>> {
    log_softmax_at(logits, temperature).map(|found| probabilities(&found))
}

/// Log-probabilities of logits; `None` if a value is not finite.
pub(super) fn log_softmax(logits: &[f32]) -> Option<Vec<f64>> {
    log_softmax_at(logits, 1.0)
}

fn log_softmax_at(logits: &[f32], temperature: f64) -> Option<Vec<f64>> {
    let is_finite = logits.iter().all(|value| value.is_finite());
    is_finite.then(|| metrics::log_softmax(logits, temperature))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn probabilities_sum_to_one_and_what_is_not_finite_is_none() {
        assert_eq!(class_probabilities(&[1000.0, 1000.0, -1000.0], 1.0), Some(vec![0.5, 0.5, 0.0]));
        assert_eq!(class_probabilities(&[f32::NAN, 0.0], 1.0), None);
        assert_eq!(class_probabilities(&[2.0, 0.0], 2.0), class_probabilities(&[1.0, 0.0], 1.0));
        assert_eq!(log_softmax(&[0.0, f32::INFINITY]), None);
        assert_eq!(log_softmax(&[f32::NAN]), None);
    }
}
