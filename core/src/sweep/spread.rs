//! Mean and spread of a figure over folds and seeds.

use serde::{Deserialize, Serialize};

/// Two-sided 95 % quantiles of Student's t, by degrees of freedom from 1 to 30.
const T_95: [f64; 30] = [
    12.706, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262, 2.228, 2.201, 2.179, 2.160, 2.145, 2.131, 2.120,
    2.110, 2.101, 2.093, 2.086, 2.080, 2.074, 2.069, 2.064, 2.060, 2.056, 2.052, 2.048, 2.045, 2.042,
];

/// The same of a normal distribution, for more.
const Z_95: f64 = 1.96;

/// A figure over several runs.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Spread {
    /// How many runs.
    pub count: usize,
    /// Their mean.
    pub mean: f64,
    /// Their standard deviation (with `count - 1`); `None` of one run.
    pub std_dev: Option<f64>,
    /// Half the width of the interval in which the mean of many more such runs is, with 95 % confidence (Student's t);
    /// `None` of one run. Folds share training rows, so of folds it is narrower than it should be (Bengio and Grandvalet
    /// 2004).
    pub interval: Option<f64>,
}

impl Spread {
    /// Of these figures; `None` where there is none.
    #[must_use]
    pub fn of(figures: &[f64]) -> Option<Self> {
        let count = figures.len();
        if count == 0 {
            return None;
        }
        let mean = figures.iter().sum::<f64>() / count as f64;
        if count == 1 {
            return Some(Self { count, mean, std_dev: None, interval: None });
        }
        let squares: f64 = figures.iter().map(|figure| (figure - mean).powi(2)).sum();
        let std_dev = (squares / (count - 1) as f64).sqrt();
        let quantile = T_95.get(count - 2).copied().unwrap_or(Z_95);
        Some(Self { count, mean, std_dev: Some(std_dev), interval: Some(quantile * std_dev / (count as f64).sqrt()) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// By `scipy.stats.t.interval(0.95, 4, mean, sem)` and `numpy.std(ddof=1)`.
    #[test]
    fn spread_is_that_of_scipy() {
        let spread = Spread::of(&[0.81, 0.79, 0.85, 0.80, 0.83]).expect("five figures");
        assert!((spread.mean - 0.816).abs() < 1e-12);
        assert!((spread.std_dev.expect("five") - 0.024_083_189_157_584_6).abs() < 1e-12);
        assert!((spread.interval.expect("five") - 0.029_903).abs() < 1e-5, "{spread:?}");
    }

    #[test]
    fn one_run_has_no_spread() {
        assert_eq!(Spread::of(&[0.5]), Some(Spread { count: 1, mean: 0.5, std_dev: None, interval: None }));
        assert_eq!(Spread::of(&[]), None);
    }
}
