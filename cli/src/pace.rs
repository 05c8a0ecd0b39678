//! How fast a run goes and how long it will still take, from the times at which events arrived.
//!
//! A GPU takes work faster than it does it: only a reading of the loss says that the work before it is done. Until two
//! readings are there, the queued steps must do.

use std::collections::VecDeque;
use std::time::Duration;

/// The rate is that of the last half minute (or of the last two readings, if they are further apart).
const WINDOW: Duration = Duration::from_secs(30);

/// A moment of training time.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Sample {
    /// Training time: pauses and evaluations not counted.
    at: Duration,
    step: u32,
    rows: u64,
}

/// The speed of a run.
#[derive(Debug, Default)]
pub(crate) struct Pace {
    readings: VecDeque<Sample>,
    queued: VecDeque<Sample>,
    paused_since: Option<Duration>,
    paused: Duration,
}

impl Pace {
    /// A micro-batch was handed to the device.
    pub(crate) fn queued(&mut self, now: Duration, step: u32, rows: u64) {
        let at = self.training_time(now);
        push(&mut self.queued, Sample { at, step, rows });
    }

    /// The loss was read: everything up to here is done.
    pub(crate) fn read(&mut self, now: Duration, step: u32, rows: u64) {
        let at = self.training_time(now);
        push(&mut self.queued, Sample { at, step, rows });
        push(&mut self.readings, Sample { at, step, rows });
    }

    /// Something else than training begins.
    pub(crate) fn pause(&mut self, now: Duration) {
        self.paused_since.get_or_insert(now);
    }

    /// Training goes on.
    pub(crate) fn resume(&mut self, now: Duration) {
        if let Some(since) = self.paused_since.take() {
            self.paused += now.saturating_sub(since);
        }
    }

    /// Rows a second, once there is something to measure.
    pub(crate) fn rows_per_sec(&self) -> Option<f64> {
        let (first, last) = self.span()?;
        Some(last.rows.saturating_sub(first.rows) as f64 / (last.at - first.at).as_secs_f64())
    }

    /// Seconds that so many steps will take.
    pub(crate) fn secs_left(&self, steps: u32) -> Option<f64> {
        let (first, last) = self.span()?;
        let done = last.step.checked_sub(first.step).filter(|done| *done > 0)?;
        Some((last.at - first.at).as_secs_f64() / f64::from(done) * f64::from(steps))
    }

    fn training_time(&self, now: Duration) -> Duration {
        self.paused_since.unwrap_or(now).saturating_sub(self.paused)
    }

    fn span(&self) -> Option<(Sample, Sample)> {
        let samples = if self.readings.len() >= 2 { &self.readings } else { &self.queued };
        let (first, last) = (*samples.front()?, *samples.back()?);
        (last.at > first.at).then_some((first, last))
    }
}

fn push(samples: &mut VecDeque<Sample>, sample: Sample) {
    samples.push_back(sample);
    while samples.len() > 2 && samples[1].at + WINDOW < sample.at {
        samples.pop_front();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn secs(n: f64) -> Duration {
        Duration::from_secs_f64(n)
    }

    #[test]
    fn readings_outweigh_what_was_queued() {
        let mut pace = Pace::default();
        pace.queued(secs(0.0), 1, 16);
        assert_eq!(pace.rows_per_sec(), None);
        pace.queued(secs(0.1), 2, 32);
        assert_eq!(pace.rows_per_sec().map(f64::round), Some(160.0));
        pace.read(secs(10.0), 10, 160);
        pace.read(secs(20.0), 20, 320);
        assert_eq!(pace.rows_per_sec(), Some(16.0));
        assert_eq!(pace.secs_left(5), Some(5.0));
    }

    #[test]
    fn an_evaluation_does_not_slow_the_rate() {
        let mut pace = Pace::default();
        pace.read(secs(0.0), 0, 0);
        pace.read(secs(10.0), 10, 100);
        pace.pause(secs(10.0));
        pace.resume(secs(70.0));
        pace.read(secs(80.0), 20, 200);
        assert_eq!(pace.rows_per_sec(), Some(10.0));
    }

    #[test]
    fn the_rate_follows_the_last_half_minute() {
        let mut pace = Pace::default();
        for second in 0..=100_u32 {
            pace.read(secs(f64::from(second)), second, u64::from(second) * if second < 50 { 1 } else { 3 });
        }
        assert_eq!(pace.rows_per_sec().map(f64::round), Some(3.0));
    }

    #[test]
    fn a_resumed_run_counts_from_where_it_went_on() {
        let mut pace = Pace::default();
        pace.read(secs(1.0), 500, 8000);
        pace.read(secs(2.0), 501, 8016);
        assert_eq!(pace.rows_per_sec(), Some(16.0));
    }
}
