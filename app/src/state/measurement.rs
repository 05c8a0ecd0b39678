//! What a run measured on the way.

use std::collections::VecDeque;

use hone_core::event::{Divergence, Split};
use hone_core::metrics::{Figure, figure};

use crate::format;

/// Points of the loss curve that are kept; beyond it, neighbours are merged into their mean.
const MAX_LOSS_POINTS: usize = 8192;

/// Steps over which the training loss is averaged wherever one figure stands for it.
const MEAN_STEPS: usize = 10;
/// That mean as a line among others.
pub(crate) const MEAN_LOSS_LINE: &str = "mean of 10 steps";
/// That mean as a figure.
pub(crate) const MEAN_LOSS_LABEL: &str = "Loss, mean of 10 steps";

/// One measurement of a split.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Measurement {
    pub step: u32,
    pub epoch: f64,
    pub split: Split,
    /// What was measured, by name.
    pub figures: Vec<Figure>,
    pub is_best: bool,
}

/// That a run diverged and went back.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Rollback {
    pub from_step: u32,
    pub to_step: u32,
    /// What the learning rate is multiplied with since.
    pub learning_rate_factor: f64,
    pub why: Divergence,
}

impl Rollback {
    /// As a sentence.
    pub(crate) fn in_words(self) -> String {
        let Self { from_step, to_step, learning_rate_factor, why } = self;
        format!(
            "Training diverged at step {} ({}). It went back to step {} and on from there, at {learning_rate_factor} times the \
             learning rate.",
            format::count(from_step as usize),
            why.in_words(),
            format::count(to_step as usize)
        )
    }
}

impl Measurement {
    /// A figure by its name.
    pub(crate) fn value(&self, name: &str) -> Option<f64> {
        figure(&self.figures, name).map(|figure| figure.value)
    }
}

/// The one measurement that the best weights are of, if there is one: each that was the best for a while says so, and
/// the last of them still is.
pub(crate) fn index_of_best(measurements: &[Measurement]) -> Option<usize> {
    measurements.iter().rposition(|measurement| measurement.is_best)
}

/// The training loss over the steps.
#[derive(Debug, Clone, PartialEq, Default)]
pub(crate) struct LossCurve {
    /// (step, its loss), at most [`MAX_LOSS_POINTS`].
    pub each: Vec<(f64, f64)>,
    /// (step, mean of the [`MEAN_STEPS`] steps that end there), at most [`MAX_LOSS_POINTS`].
    pub means: Vec<(f64, f64)>,
    recent: VecDeque<f64>,
}

impl LossCurve {
    /// The last of the means.
    pub(crate) fn mean(&self) -> Option<f64> {
        self.means.last().map(|&(_, mean)| mean)
    }

    /// Whether the mean of the last steps is no lower than the first loss.
    pub(crate) fn has_risen(&self) -> bool {
        let first = self.each.first().map(|(_, loss)| *loss);
        self.each.len() >= MEAN_STEPS && first.zip(self.mean()).is_some_and(|(first, last)| last >= first)
    }

    /// Forgets the losses of the steps after `step`.
    pub(super) fn cut_after(&mut self, step: u32) {
        for points in [&mut self.each, &mut self.means] {
            points.retain(|point| point.0 <= f64::from(step));
        }
        let recent = self.each.iter().rev().take(MEAN_STEPS).rev();
        self.recent = recent.map(|point| point.1).collect();
    }

    /// Adds the losses of the steps that end with `step`.
    pub(super) fn extend(&mut self, step: u32, losses: &[f64]) {
        let first = f64::from(step) + 1.0 - losses.len() as f64;
        for (index, &loss) in losses.iter().enumerate() {
            let at = first + index as f64;
            self.recent.push_back(loss);
            if self.recent.len() > MEAN_STEPS {
                self.recent.pop_front();
            }
            let mean = self.recent.iter().sum::<f64>() / self.recent.len() as f64;
            self.each.push((at, loss));
            self.means.push((at, mean));
        }
        if self.each.len() > MAX_LOSS_POINTS {
            (self.each, self.means) = (halved(&self.each), halved(&self.means));
        }
    }
}

/// Pairs of neighbours as their means; the last point stays as it is, for it is what the figure beside the line says.
fn halved(points: &[(f64, f64)]) -> Vec<(f64, f64)> {
    let Some((last, before)) = points.split_last() else { return Vec::new() };
    let mean = |pair: &[(f64, f64)]| {
        let share = 1.0 / pair.len() as f64;
        pair.iter().fold((0.0, 0.0), |sum, point| (sum.0 + point.0 * share, sum.1 + point.1 * share))
    };
    before.chunks(2).map(mean).chain([*last]).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_curve_is_thinned_and_keeps_its_ends() {
        let mut curve = LossCurve::default();
        for step in 1..=20_000 {
            curve.extend(step, &[1.0]);
        }
        for points in [&curve.each, &curve.means] {
            assert!(points.len() <= MAX_LOSS_POINTS);
            assert!(points.windows(2).all(|pair| pair[0].0 < pair[1].0));
            assert_eq!(points.last().map(|p| p.0), Some(20_000.0));
        }
    }

    #[test]
    fn a_loss_that_ends_above_its_beginning_has_risen() {
        let curve_of = |losses: &[f64]| {
            let mut curve = LossCurve::default();
            curve.extend(u32::try_from(losses.len()).expect("a few"), losses);
            curve.has_risen()
        };
        assert!(curve_of(&[2.0; 10]) && curve_of(&[[2.0; 10], [9.0; 10]].concat()));
        assert!(!curve_of(&[[2.0; 10], [1.0; 10]].concat()) && !curve_of(&[2.0; 9]) && !curve_of(&[]));
    }

    #[test]
    fn the_figure_and_the_line_are_the_mean_of_the_same_steps() {
        let mut curve = LossCurve::default();
        curve.extend(3, &[3.0, 2.0, 1.0]);
        assert_eq!(curve.means, [(1.0, 3.0), (2.0, 2.5), (3.0, 2.0)], "of as many as there are");
        curve.extend(13, &[4.0; 10]);
        assert_eq!((curve.mean(), curve.means.last()), (Some(4.0), Some(&(13.0, 4.0))), "of the last ten only");
        assert_eq!(MEAN_LOSS_LINE, format!("mean of {MEAN_STEPS} steps"));
        assert!(MEAN_LOSS_LABEL.ends_with(MEAN_LOSS_LINE));
    }

    #[test]
    fn a_thinned_line_still_ends_at_the_figure() {
        for at_once in [1, 2, 3, 7] {
            let mut curve = LossCurve::default();
            for step in (at_once..=20_000).step_by(at_once as usize) {
                let losses: Vec<f64> = (0..at_once).map(|back| f64::from((step - back) % 97)).collect();
                curve.extend(step, &losses);
                let recent = curve.recent.iter().sum::<f64>() / curve.recent.len() as f64;
                assert_eq!(curve.mean(), Some(recent), "step {step}, {at_once} at once");
                assert_eq!(curve.means.last().map(|point| point.0), Some(f64::from(step)));
            }
        }
    }

    #[test]
    fn only_the_last_best_is_the_best() {
        let measured =
            |step, is_best| Measurement { step, epoch: 1.0, split: Split::Valid, figures: Vec::new(), is_best };
        let all = [measured(1, true), measured(2, true), measured(3, false)];
        assert_eq!(index_of_best(&all), Some(1));
        assert_eq!(index_of_best(&all[2..]), None);
    }
}
