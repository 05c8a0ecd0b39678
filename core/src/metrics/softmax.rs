//! Probabilities of a row of logits, in f64 on the host. In: logits, and a temperature by which they are divided. Out: probabilities
//! and log-probabilities, which are not numbers where a logit is none; of the tensors themselves there is `kernels::softmax`.

/// Index of the highest logit, the first of equals.
pub(crate) fn find_highest(logits: &[f32]) -> usize {
    (0..logits.len()).fold(0, |best, index| if logits[index] > logits[best] { index } else { best })
}

/// The probability of each logit.
pub(crate) fn softmax(logits: &[f32], temperature: f64) -> Vec<f64> {
    let powers: Vec<f64> = shifted(logits, temperature).map(f64::exp).collect();
    let sum: f64 = powers.iter().sum();
    powers.into_iter().map(|power| power / sum).collect()
}

/// The log-probability of each logit.
pub(crate) fn log_softmax(logits: &[f32], temperature: f64) -> Vec<f64> {
    let log_sum = log_sum(logits, temperature);
    shifted(logits, temperature).map(|value| value - log_sum).collect()
}

/// The log-probability of one of them.
pub(super) fn log_softmax_of(logits: &[f32], label: usize, temperature: f64) -> f64 {
    shift(logits[label], highest(logits), temperature) - log_sum(logits, temperature)
}

fn log_sum(logits: &[f32], temperature: f64) -> f64 {
    shifted(logits, temperature).map(f64::exp).sum::<f64>().ln()
}

/// Logits without the highest, whose power is then 1: no power overflows.
fn shifted(logits: &[f32], temperature: f64) -> impl Iterator<Item = f64> {
    let highest = highest(logits);
    logits.iter().map(move |&logit| shift(logit, highest, temperature))
}

fn shift(logit: f32, highest: f64, temperature: f64) -> f64 {
    (f64::from(logit) - highest) / temperature
}

fn highest(logits: &[f32]) -> f64 {
    f64::from(logits.iter().copied().fold(f32::NEG_INFINITY, f32::max))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn large_logits_have_probabilities_too() {
        assert_eq!(softmax(&[1000.0, 1000.0, -1000.0], 1.0), [0.5, 0.5, 0.0]);
        assert_eq!(log_softmax(&[1000.0, 1000.0], 1.0), [-(2.0_f64.ln()); 2]);
        assert_eq!(softmax(&[2.0, 0.0], 2.0), softmax(&[1.0, 0.0], 1.0));
        assert_eq!(find_highest(&[1.0, 3.0, 3.0]), 1);
    }

    #[test]
    fn one_log_probability_is_that_of_all() {
        let logits = [0.3, -1.7, 2.9, 0.0];
        let all = log_softmax(&logits, 0.7);
        assert!((0..4).all(|label| log_softmax_of(&logits, label, 0.7) == all[label]), "{all:?}");
        assert!(softmax(&logits, 0.7).iter().zip(&all).all(|(p, log)| (p.ln() - log).abs() < 1e-12), "{all:?}");
    }
}
