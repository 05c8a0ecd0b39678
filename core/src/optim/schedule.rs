//! Learning rate by step, as `transformers.optimization`'s `get_*_schedule_with_warmup`.

use crate::config::LrSchedulerType;

/// Steps of warm-up: `ceil(total * ratio)`, as `TrainingArguments.get_warmup_steps`.
#[must_use]
pub fn warmup_steps(total_steps: u32, warmup_ratio: f64) -> u32 {
    (f64::from(total_steps) * warmup_ratio).ceil() as u32
}

/// Learning rate of optimizer step `step` (the first is 0).
#[must_use]
pub fn learning_rate(kind: LrSchedulerType, peak: f64, step: u32, warmup: u32, total: u32) -> f64 {
    if step < warmup {
        return peak * f64::from(step) / f64::from(warmup.max(1));
    }
    let progress = f64::from(step - warmup) / f64::from(total.saturating_sub(warmup).max(1));
    let factor = match kind {
        LrSchedulerType::Linear => 1.0 - progress,
        LrSchedulerType::Cosine => 0.5 * (1.0 + (std::f64::consts::PI * progress).cos()),
        LrSchedulerType::Constant => 1.0,
    };
    peak * factor.max(0.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn linear_rises_and_falls() {
        let at = |step| learning_rate(LrSchedulerType::Linear, 1.0, step, 10, 110);
        assert_eq!([at(0), at(5), at(10), at(60), at(110)], [0.0, 0.5, 1.0, 0.5, 0.0]);
    }

    #[test]
    fn cosine_is_half_way_in_the_middle() {
        let at = |step| learning_rate(LrSchedulerType::Cosine, 2.0, step, 0, 100);
        assert!((at(0) - 2.0).abs() < 1e-12 && (at(50) - 1.0).abs() < 1e-12 && at(100) < 1e-12);
    }

    #[test]
    fn constant_keeps_the_peak_after_the_warmup() {
        assert_eq!(learning_rate(LrSchedulerType::Constant, 3.0, 99, 10, 100), 3.0);
        assert_eq!(warmup_steps(341, 0.1), 35);
    }
}
