//! Intervals by the percentile bootstrap: how much a figure changes where rows are drawn anew, with replacement, out of those
//! that were measured.
//!
//! In: a function that computes figures of rows of which each counts so often. Out: for each figure the interval that holds the
//! middle 95 % of what the draws gave. Efron and Tibshirani, "An Introduction to the Bootstrap", chapter 13. Rows are drawn by
//! SplitMix64 from a seed: the same rows give the same intervals.

use crate::splitmix64::SplitMix64;

/// Draws that intervals are made of.
pub const NUM_RESAMPLES: usize = 1000;

/// The seed of the draws where nobody asks for another.
pub const RESAMPLE_SEED: u64 = 42;

/// The shares of draws below the interval and below its upper end.
const ENDS: [f64; 2] = [0.025, 0.975];

/// Draws rows.
#[derive(Debug, Clone)]
pub(super) struct Resampler {
    numbers: SplitMix64,
}

impl Resampler {
    pub(super) fn new(seed: u64) -> Self {
        Self { numbers: SplitMix64::new(seed) }
    }

    /// An index below `bound`.
    pub(super) fn below(&mut self, bound: usize) -> usize {
        // The upper half of the number, scaled: no division, and no bias that a thousand draws could show.
        (((self.numbers.draw() >> 32) * bound as u64) >> 32) as usize
    }

    /// Draws as many rows as there are, with replacement: sets how often each was drawn.
    pub(super) fn draw(&mut self, times: &mut [u32]) {
        times.fill(0);
        for _ in 0..times.len() {
            let row = self.below(times.len());
            times[row] += 1;
        }
    }
}

/// For each figure the interval of the middle 95 % of `num_resamples` draws out of `num_rows` rows. `figures` gets how often
/// each row counts, and gives as many numbers each time; one that is not finite is undefined. `None` where a figure is undefined in most
/// draws, and without rows.
pub(super) fn intervals(
    num_rows: usize,
    num_resamples: usize,
    seed: u64,
    mut figures: impl FnMut(&[u32]) -> Vec<Option<f64>>,
) -> Vec<Option<[f64; 2]>> {
    intervals_of(num_rows, num_resamples, seed, &mut figures)
}

/// The same for any figures, compiled once.
fn intervals_of(
    num_rows: usize,
    num_resamples: usize,
    seed: u64,
    figures: &mut dyn FnMut(&[u32]) -> Vec<Option<f64>>,
) -> Vec<Option<[f64; 2]>> {
    let (mut resampler, mut times) = (Resampler::new(seed), vec![0; num_rows]);
    let mut drawn: Vec<Vec<f64>> = vec![Vec::with_capacity(num_resamples); figures(&times).len()];
    if num_rows == 0 {
        return vec![None; drawn.len()];
    }
    for _ in 0..num_resamples {
        resampler.draw(&mut times);
        let found = figures(&times);
        drawn
            .iter_mut()
            .zip(found)
            .for_each(|(values, figure)| values.extend(figure.filter(|value| value.is_finite())));
    }
    let interval = |mut values: Vec<f64>| {
        values.sort_by(f64::total_cmp);
        let is_known = !values.is_empty() && values.len() * 2 >= num_resamples;
        is_known.then(|| ENDS.map(|share| percentile(&values, share)))
    };
    drawn.into_iter().map(interval).collect()
}

/// What a share of sorted values lies below, with a straight line between two of them, as `numpy.percentile` has it.
fn percentile(sorted: &[f64], share: f64) -> f64 {
    let place = (sorted.len() - 1) as f64 * share;
    let (below, above) = (sorted[place.floor() as usize], sorted[place.ceil() as usize]);
    below + (above - below) * place.fract()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `numpy.percentile([1, 2, 4, 8], [2.5, 50, 97.5])`
    #[test]
    fn percentiles_are_those_of_numpy() {
        let values = [1.0, 2.0, 4.0, 8.0];
        let found = [0.025, 0.5, 0.975].map(|share| percentile(&values, share));
        let expected = [1.075, 3.0, 7.7];
        assert!(found.iter().zip(expected).all(|(found, expected)| (found - expected).abs() < 1e-12), "{found:?}");
    }

    #[test]
    fn a_draw_has_as_many_rows_as_there_are_and_follows_from_its_seed() {
        let draw = |seed| {
            let mut times = vec![7; 50];
            Resampler::new(seed).draw(&mut times);
            times
        };
        assert_eq!(draw(1).iter().sum::<u32>(), 50);
        assert_eq!(draw(1), draw(1));
        assert_ne!(draw(1), draw(2));
    }

    #[test]
    fn an_interval_holds_the_figure_and_what_is_mostly_undefined_has_none() {
        let share = |times: &[u32]| {
            let drawn: u32 = times.iter().sum();
            let hits: u32 = times.iter().take(30).sum();
            let one = (times[0] > 0).then_some(1.0);
            vec![
                Some(f64::from(hits) / f64::from(drawn.max(1))),
                None,
                one,
                one.or(Some(f64::INFINITY)),
                Some(f64::NAN),
            ]
        };
        let found = intervals(100, NUM_RESAMPLES, RESAMPLE_SEED, share);
        let [low, high] = found[0].expect("it is defined");
        // 1.96 standard errors of a share of 30 % of 100 rows are 9 %.
        assert!((0.19..0.23).contains(&low) && (0.37..0.41).contains(&high), "{low} to {high}");
        assert_eq!((found[1], found[2]), (None, Some([1.0, 1.0])));
        assert_eq!((found[3], found[4]), (Some([1.0, 1.0]), None), "what is not finite is undefined");
        assert_eq!(intervals(0, 10, 1, |_| vec![Some(1.0)]), [None]);
    }
}
