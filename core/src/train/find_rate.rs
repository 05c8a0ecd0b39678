//! The learning-rate range test (Smith 2017, <https://arxiv.org/abs/1506.01186>): the rate rises from step to step, and the
//! loss says from which rate on the model learns, and from which it breaks.
//!
//! In: a run that has not begun. Out: a point for each step, and at the end a rate that suits the run. The weights that the
//! steps leave are dropped with the finder.

use serde::Serialize;

use super::{TrainError, Trainer};
use crate::config::{EvalStrategy, LrSchedulerType, OnDivergence};
use crate::event::TrainEvent;

/// The test ends where the loss, smoothed, is so many times its lowest.
const MAX_RISE: f64 = 4.0;

/// What of the mean of the losses so far stays at each step, of the mean by which the test ends.
const SMOOTHING: f64 = 0.9;

/// Fewest points that a rate is suggested from.
const MIN_POINTS: usize = 10;

/// Which rates are tried, in how many steps.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct RateRange {
    /// Rate of the first step.
    pub first: f64,
    /// Rate of the last step.
    pub last: f64,
    /// How many steps there are.
    pub steps: u32,
}

impl Default for RateRange {
    fn default() -> Self {
        Self { first: 1e-7, last: 1.0, steps: 100 }
    }
}

impl RateRange {
    /// The rate of step `index`, from 0: each is the same factor above the one before.
    #[must_use]
    pub fn rate(&self, index: u32) -> f64 {
        let share = f64::from(index) / f64::from(self.steps.saturating_sub(1).max(1));
        self.first * (self.last / self.first).powf(share)
    }
}

/// A step of the test.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct RatePoint {
    /// Learning rate of the step.
    pub learning_rate: f64,
    /// Loss of its batch, before the weights were changed.
    pub loss: f64,
}

/// The points of a test, and what follows of them.
#[derive(Debug, Clone, PartialEq, Default, Serialize)]
pub struct RateCurve {
    /// In the order of their rates.
    pub points: Vec<RatePoint>,
    /// The loss ran away before the last rate was tried.
    pub diverged: bool,
}

impl RateCurve {
    /// The losses, each the mean of those around it: of a batch alone it says as much about its rows as about the rate.
    #[must_use]
    pub fn smoothed(&self) -> Vec<f64> {
        let reach = self.reach();
        let mean = |index: usize| {
            let around = &self.points[index.saturating_sub(reach)..(index + reach + 1).min(self.points.len())];
            around.iter().map(|point| point.loss).sum::<f64>() / around.len() as f64
        };
        (0..self.points.len()).map(mean).collect()
    }

    /// The rate at which the loss falls fastest, per factor of the rate: the slope of a line through the points around it is
    /// the steepest of those before the loss is at its lowest. `None` where it falls nowhere, or there are too few points.
    #[must_use]
    pub fn steepest(&self) -> Option<f64> {
        let (reach, count) = (self.reach(), self.points.len());
        if count < MIN_POINTS {
            return None;
        }
        let lowest = self.lowest()?;
        let slopes =
            (reach..count - reach).filter(|&index| index <= lowest).map(|index| (index, self.slope(index, reach)));
        let (index, slope) = slopes.min_by(|(_, a), (_, b)| a.total_cmp(b))?;
        (slope < 0.0).then(|| self.points[index].learning_rate)
    }

    /// A tenth of the rate at which the loss is lowest: a more careful choice, which is above the other where the loss goes
    /// on falling slowly. `None` where there are too few points.
    #[must_use]
    pub fn tenth_of_lowest(&self) -> Option<f64> {
        if self.points.len() < MIN_POINTS {
            return None;
        }
        self.lowest().map(|index| self.points[index].learning_rate / 10.0)
    }

    /// Index of the lowest smoothed loss.
    fn lowest(&self) -> Option<usize> {
        let smoothed = self.smoothed();
        (0..smoothed.len()).min_by(|&a, &b| smoothed[a].total_cmp(&smoothed[b]))
    }

    /// How many points on either side are looked at with one.
    fn reach(&self) -> usize {
        (self.points.len() / 20).max(2)
    }

    /// Slope of the line through a point and those around it, by least squares, per step.
    fn slope(&self, index: usize, reach: usize) -> f64 {
        let around = &self.points[index - reach..=index + reach];
        let offset = |position: usize| position as f64 - reach as f64;
        let products = around.iter().enumerate().map(|(position, point)| offset(position) * point.loss);
        let squares = (0..around.len()).map(|position| offset(position).powi(2));
        products.sum::<f64>() / squares.sum::<f64>()
    }
}

/// A test that goes on. Pull it with [`RateFinder::next_point`].
pub struct RateFinder {
    trainer: Trainer,
    range: RateRange,
    curve: RateCurve,
    /// Mean of the losses so far, of which the later ones count more; not yet divided by the weights.
    mean: f64,
    lowest: f64,
}

impl RateFinder {
    /// Prepares the test with a run that has not begun, is not warmed up, and has more steps than the test.
    #[must_use]
    pub fn new(trainer: Trainer, range: RateRange) -> Self {
        let mut trainer = trainer.without_watched(); // nobody compares what the model writes on the way
        let run = &mut trainer.job.run;
        run.lr_scheduler_type = LrSchedulerType::Constant;
        run.logging_steps = 1;
        run.eval_strategy = EvalStrategy::Steps(u32::MAX);
        run.on_divergence = OnDivergence::Stop;
        Self { trainer, range, curve: RateCurve::default(), mean: 0.0, lowest: f64::INFINITY }
    }

    /// Takes the next step; `None` where all rates were tried or the loss ran away.
    ///
    /// # Errors
    /// When the device fails.
    pub async fn next_point(&mut self) -> Result<Option<RatePoint>, TrainError> {
        let index = self.curve.points.len() as u32;
        if self.curve.diverged || index >= self.range.steps {
            return Ok(None);
        }
        let learning_rate = self.range.rate(index);
        self.trainer.job.run.learning_rate = learning_rate;
        loop {
            match self.trainer.next_event().await {
                Ok(Some(TrainEvent::Step { loss, .. })) => {
                    let point = RatePoint { learning_rate, loss };
                    self.take(point);
                    return Ok(Some(point));
                }
                Ok(Some(_)) => {}
                Ok(None) => return Ok(None),
                Err(error) if self.trainer.divergence_of(&error).is_some() => {
                    self.curve.diverged = true;
                    return Ok(None);
                }
                Err(error) => return Err(error),
            }
        }
    }

    /// The points so far.
    #[must_use]
    pub fn curve(&self) -> &RateCurve {
        &self.curve
    }

    fn take(&mut self, point: RatePoint) {
        self.curve.points.push(point);
        self.mean = SMOOTHING * self.mean + (1.0 - SMOOTHING) * point.loss;
        let mean = self.mean / (1.0 - SMOOTHING.powi(self.curve.points.len() as i32));
        self.curve.diverged = mean > MAX_RISE * self.lowest;
        self.lowest = self.lowest.min(mean);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A loss that falls around 1e-4 and breaks above 1e-1; its batches differ.
    fn curve() -> RateCurve {
        let range = RateRange::default();
        let loss = |index: u32| {
            let decades = range.rate(index).log10();
            let learned = 0.5 / (1.0 + (-(decades + 4.0) * 3.0).exp());
            let noise = 0.01 * (f64::from(index) * 12.9898).sin();
            0.7 - learned + noise + (decades + 1.0).max(0.0).powi(2)
        };
        let point = |index| RatePoint { learning_rate: range.rate(index), loss: loss(index) };
        RateCurve { points: (0..range.steps).map(point).collect(), diverged: false }
    }

    #[test]
    fn rates_rise_by_one_factor_from_the_first_to_the_last() {
        let range = RateRange { first: 1e-6, last: 1e-2, steps: 5 };
        let rates: Vec<String> = (0..5).map(|index| format!("{:.1e}", range.rate(index))).collect();
        assert_eq!(rates, ["1.0e-6", "1.0e-5", "1.0e-4", "1.0e-3", "1.0e-2"]);
        assert_eq!(RateRange { steps: 1, ..range }.rate(0), 1e-6);
    }

    #[test]
    fn the_suggestion_is_where_the_loss_falls_fastest() {
        let steepest = curve().steepest().expect("it falls");
        assert!((5e-5..2e-4).contains(&steepest), "{steepest}");
        let careful = curve().tenth_of_lowest().expect("there are points");
        assert!((1e-4..2e-2).contains(&careful), "{careful}");
        assert_eq!(curve().smoothed().len(), 100);
    }

    #[test]
    fn a_loss_that_never_falls_suggests_nothing() {
        let mut rising = curve();
        for (index, point) in rising.points.iter_mut().enumerate() {
            point.loss = 0.5 + index as f64 * 0.01;
        }
        assert_eq!(rising.steepest(), None);
        rising.points.truncate(5);
        assert_eq!((rising.steepest(), rising.tenth_of_lowest()), (None, None), "too few points");
        assert_eq!(RateCurve::default().smoothed(), [0.0; 0]);
    }

    #[cfg(feature = "cpu")]
    #[test]
    fn a_test_takes_a_step_for_each_rate_and_ends_where_the_loss_runs_away() {
        use futures_lite::future::block_on;

        use crate::config::RunConfig;
        use crate::train::tiny_run;

        let run = || RunConfig { num_train_epochs: 30, warmup_ratio: 0.0, ..tiny_run::settings(1e-3) };
        let find = |range: RateRange| {
            let mut finder = RateFinder::new(tiny_run::trainer(run(), true), range);
            while block_on(finder.next_point()).expect("the device computes").is_some() {}
            (finder.curve().clone(), finder.trainer.num_steps()[0])
        };
        let range = RateRange { first: 1e-6, last: 1e-3, steps: 12 };
        let (curve, steps) = find(range);
        assert_eq!((curve.points.len(), steps, curve.diverged), (12, 12, false));
        assert!((curve.points[11].learning_rate - 1e-3).abs() < 1e-12);
        let (wild, steps) = find(RateRange { first: 1e-3, last: 1e6, steps: 40 });
        assert!(wild.diverged && steps < 40, "{steps} steps, {:?}", wild.points.last());
    }
}
