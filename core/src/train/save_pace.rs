//! When a run that goes on is saved: one rule for the page and the terminal, which have the clock and the disk. In: what the run says, and
//! its seconds. Out: whether to save it now.

use crate::event::TrainEvent;

/// Seconds after which a run is saved between two steps, where nothing else was a moment for it.
const MAX_SECS_BETWEEN: f64 = 60.0;

/// The part of a run's time that saving it may take.
const SHARE: f64 = 0.05;

/// Seconds that it may take beyond that: what is saved in a moment is saved at every end of an epoch, also of a run that just began.
const FREE_SECS: f64 = 1.0;

/// When a run that goes on is saved: after each evaluation and epoch, and a minute after the last time; but only while all of it took less
/// than a twentieth of the run's time, and a second. What was not saved then is computed again by a run that is cut off, to the same end.
#[derive(Debug, Clone, Copy)]
pub struct SavePace {
    began_secs: f64,
    saved_secs: f64,
    spent_secs: f64,
}

impl SavePace {
    /// Of a run that begins, or goes on, so many seconds after its start.
    #[must_use]
    pub fn new(elapsed_secs: f64) -> Self {
        Self { began_secs: elapsed_secs, saved_secs: elapsed_secs, spent_secs: 0.0 }
    }

    /// Whether the run is saved after `event`; `is_between_steps` as
    /// [`Trainer::is_between_steps`](super::Trainer::is_between_steps) says it.
    #[must_use]
    pub fn is_due(&self, event: &TrainEvent, is_between_steps: bool, elapsed_secs: f64) -> bool {
        let is_late = elapsed_secs - self.saved_secs > MAX_SECS_BETWEEN;
        let is_moment = matches!(event, TrainEvent::CheckpointDue { .. }) || is_between_steps && is_late;
        is_moment && self.spent_secs <= FREE_SECS + SHARE * (elapsed_secs - self.began_secs)
    }

    /// It was saved, or that was tried, between these seconds of the run.
    pub fn note_saving(&mut self, from_secs: f64, to_secs: f64) {
        self.spent_secs += to_secs - from_secs;
        self.saved_secs = to_secs;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DUE: TrainEvent = TrainEvent::CheckpointDue { step: 7 };
    const STEP: TrainEvent = TrainEvent::Progress { step: 7, rows: 0, tokens: 0 };

    #[test]
    fn a_run_is_saved_at_its_moments_and_else_after_a_minute_between_two_steps() {
        let mut pace = SavePace::new(1000.0);
        assert!(pace.is_due(&DUE, false, 1000.5), "the first epoch may be over soon");
        assert!(!pace.is_due(&STEP, true, 1060.0) && pace.is_due(&STEP, true, 1060.5));
        assert!(!pace.is_due(&STEP, false, 1060.5), "an event would be told twice");
        pace.note_saving(1060.5, 1061.0);
        assert!(!pace.is_due(&STEP, true, 1121.0) && pace.is_due(&STEP, true, 1121.5));
        assert!(pace.is_due(&DUE, false, 1062.0));
    }

    #[test]
    fn saving_takes_a_twentieth_of_the_time_however_often_it_is_asked_for() {
        // Seconds of an epoch, and seconds that a saving takes.
        let cases: [(f64, f64); 5] = [(1.0, 0.01), (1.0, 0.3), (2.0, 6.0), (600.0, 9.0), (3.0, 200.0)];
        for (epoch_secs, saving_secs) in cases {
            let mut pace = SavePace::new(0.0);
            let (mut now, mut spent, mut num_epochs) = (0.0_f64, 0.0_f64, 0.0_f64);
            while now < 10_000.0 {
                now += epoch_secs;
                num_epochs += 1.0;
                if pace.is_due(&DUE, false, now) {
                    pace.note_saving(now, now + saving_secs);
                    now += saving_secs;
                    spent += saving_secs;
                }
            }
            let most = SHARE * now + FREE_SECS + saving_secs;
            assert!(spent <= most, "{spent} s of {now}: an epoch takes {epoch_secs}, a saving {saving_secs}");
            let least = (SHARE * now).min(saving_secs * num_epochs) / 2.0;
            assert!(spent >= least, "only {spent} s of {now}: an epoch takes {epoch_secs}, a saving {saving_secs}");
        }
    }

    #[test]
    fn an_epoch_of_hours_is_saved_all_along() {
        let mut pace = SavePace::new(0.0);
        let mut savings = Vec::new();
        for step in 1..3600 {
            let now = f64::from(step);
            if pace.is_due(&STEP, true, now) {
                pace.note_saving(now, now + 0.5);
                savings.push(now);
            }
        }
        assert!(savings.len() >= 55 && savings.windows(2).all(|pair| pair[1] - pair[0] <= 62.0), "{savings:?}");
    }
}
