//! A learning-rate range test on the loaded model and rows. In: settings of a run. Out: a [`RateFinder`] to be pulled; the
//! weights that it changes are its own.

use super::SessionError;
use super::protocol::RateTest;
use super::run::Session;
use crate::config::RunConfig;
use crate::train::{RateCurve, RateFinder, RateRange, Trainer};

impl From<&RateCurve> for RateTest {
    /// Losses that are no numbers are left out: JSON has none.
    fn from(curve: &RateCurve) -> Self {
        let both = curve.points.iter().map(|point| (point.learning_rate, point.loss)).zip(curve.smoothed());
        let (points, smoothed) = both.filter(|((_, loss), mean)| loss.is_finite() && mean.is_finite()).unzip();
        Self {
            points,
            smoothed,
            diverged: curve.diverged,
            steepest: curve.steepest(),
            tenth_of_lowest: curve.tenth_of_lowest(),
        }
    }
}

impl Session {
    /// Prepares a learning-rate range test of a run; a run that was there is dropped. Warm-up and schedule make way for the
    /// rates of the test, and nothing is measured in between.
    ///
    /// # Errors
    /// When model or data are missing, or a setting does not fit them.
    pub fn rate_finder(&mut self, run: RunConfig, range: RateRange) -> Result<RateFinder, SessionError> {
        let mut run = RunConfig { warmup_ratio: 0.0, ..run };
        let mut trainer = self.prepare_alone(run.clone())?;
        let [_, total_steps] = trainer.num_steps();
        if total_steps <= range.steps {
            // Few rows are gone through more often, so that the test does not end with the run.
            run.num_train_epochs = run.num_train_epochs.saturating_mul(range.steps / total_steps.max(1) + 2);
            drop(trainer);
            trainer = self.prepare_alone(run)?;
        }
        Ok(RateFinder::new(trainer, range))
    }

    fn prepare_alone(&mut self, run: RunConfig) -> Result<Trainer, SessionError> {
        Ok(self.prepare(run, true)?.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::train::RatePoint;

    #[test]
    fn a_loss_that_is_no_number_is_left_out_with_its_mean() {
        let point = |index: u32| RatePoint {
            learning_rate: 10_f64.powi(index as i32 - 7),
            loss: if index == 12 { f64::NAN } else { 1.0 - f64::from(index) * 0.01 },
        };
        let curve = RateCurve { points: (0..13).map(point).collect(), diverged: true };
        let test = RateTest::from(&curve);
        assert_eq!(test.points.len(), test.smoothed.len());
        assert!((1..13).contains(&test.points.len()) && test.diverged, "{test:?}");
        assert!(
            test.points.iter().all(|(_, loss)| loss.is_finite()) && test.smoothed.iter().all(|mean| mean.is_finite())
        );
    }
}
