//! A run whose loss, or an output of its model, is not a number any more, and that does not go back (`roll_back.rs`), ends
//! with the best weights that it has measured, and knows at which step that was.

use super::{TrainError, Trainer};
use crate::event::StopReason;

impl Trainer {
    /// The step at which the run diverged and ended; `None` where all was well.
    #[must_use]
    pub fn diverged_at(&self) -> Option<u32> {
        self.diverged_at
    }

    /// Ends a run whose loss or outputs are no longer numbers with the weights of its best evaluation; gives the error
    /// back where it is another one, or nothing was evaluated.
    pub(super) fn keep_best_of_diverged(&mut self, error: TrainError) -> Result<(), TrainError> {
        let step = self.divergence_of(&error).map(|(step, _)| step);
        self.diverged_at = step;
        match step {
            Some(step) if self.evaluations.best.is_some() => {
                self.finish(step, StopReason::Diverged, true);
                Ok(())
            }
            _ => {
                self.end(self.progress.step);
                Err(error)
            }
        }
    }
}

#[cfg(all(test, feature = "cpu"))]
mod tests {
    use futures_lite::future::block_on;

    use super::*;
    use crate::checkpoint::{STATE_FILE, TrainState};
    use crate::config::{OnDivergence, RunConfig};
    use crate::event::TrainEvent;
    use crate::train::tiny_run;

    /// A rate that moves every weight by about as much at each step; no person could set it.
    const RATE: f64 = 1e38;

    fn trainer(learning_rate: f64, has_valid_rows: bool) -> Trainer {
        let run = RunConfig { on_divergence: OnDivergence::Stop, ..tiny_run::settings(learning_rate) };
        tiny_run::trainer(run, has_valid_rows)
    }

    #[test]
    fn a_run_that_diverges_after_a_measurement_ends_with_the_weights_that_were_measured() {
        let mut trainer = trainer(RATE, true);
        let events = tiny_run::drain(&mut trainer);
        let finished = TrainEvent::Finished { step: 2, reason: StopReason::Diverged, weights_of_step: 1 };
        assert_eq!(events.last(), Some(&finished));
        assert_eq!(trainer.diverged_at(), Some(2));
        let (step, measured) = trainer.weights_of_step();
        assert!(step == 1 && measured.is_some_and(|measured| measured.figure("loss").is_some_and(f64::is_finite)));

        // It is kept and taken up again as what it is: over, with weights that are numbers. (Its rate would be refused.)
        let mut checkpoint = block_on(trainer.checkpoint()).expect("its weights are finite");
        let bytes = checkpoint.get(STATE_FILE).expect("it has a state");
        let mut state: TrainState = serde_json::from_slice(bytes).expect("it was just written");
        state.job.run.learning_rate = 1e-3;
        checkpoint.insert(STATE_FILE, serde_json::to_vec(&state).expect("plain values"));
        let mut restored = self::trainer(1e-3, true).restore(&checkpoint).expect("the same run");
        assert_eq!(block_on(restored.next_event()).expect("it is over"), None);
        assert_eq!((restored.diverged_at(), restored.weights_of_step().0), (Some(2), 1));
    }

    #[test]
    fn a_run_that_diverges_before_anything_was_measured_is_an_error() {
        let mut trainer = trainer(RATE, false);
        let error = loop {
            match block_on(trainer.next_event()) {
                Ok(event) => assert!(event.is_some(), "it does not end well"),
                Err(error) => break error,
            }
        };
        assert!(matches!(error, TrainError::Diverged { step: 3, .. }), "{error}");
        assert_eq!(block_on(trainer.next_event()).expect("it is over"), None);
    }
}
