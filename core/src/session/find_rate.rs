//! A learning-rate range test on the loaded model and rows. In: settings of a run. Out: a [`RateFinder`] to be pulled; the
//! weights that it changes are its own.

use super::SessionError;
use super::run::Session;
use crate::config::RunConfig;
use crate::train::{RateFinder, RateRange, Trainer};

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
