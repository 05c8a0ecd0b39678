//! Which of two models people prefer: pairs in a blind order, the tally of votes, and whether it could be luck.
//!
//! In: how many pairs there are and a seed; then votes. Out: the order in which pairs are shown and on which side each model stands,
//! the share of votes for the second with its Wilson score interval (Wilson 1927, <https://doi.org/10.1080/01621459.1927.10502953>)
//! and the p-value of the sign test by the binomial distribution, in which ties have no part.

use serde::{Deserialize, Serialize};

use super::bootstrap::Resampler;
use super::compare::binomial;
use super::ratios::ratio;
use crate::words::{count, plural};

/// Standard deviations of a normal distribution between which 95 % of it lie.
const Z_95: f64 = 1.959_963_984_540_054;

/// Below this a difference is taken for more than luck.
const ALPHA: f64 = 0.05;

/// A pair in the order in which pairs are shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct BlindPair {
    /// Its index among the pairs.
    pub index: usize,
    /// The text of the second model is shown as number 1.
    pub is_swapped: bool,
}

/// All of `num_pairs` in an order that a seed draws, each with its sides drawn, too.
#[must_use]
pub fn blind_order(num_pairs: usize, seed: u64) -> Vec<BlindPair> {
    let mut draws = Resampler::new(seed);
    let mut indices: Vec<usize> = (0..num_pairs).collect();
    for last in (1..num_pairs).rev() {
        indices.swap(last, draws.below(last + 1)); // Fisher and Yates
    }
    indices.into_iter().map(|index| BlindPair { index, is_swapped: draws.below(2) == 1 }).collect()
}

/// Which of two models' texts is better.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Vote {
    /// That of the first model.
    First,
    /// That of the second model.
    Second,
    /// Neither.
    Tie,
}

/// Votes, counted.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct PreferenceTally {
    /// For the first model.
    pub first: u64,
    /// For the second model.
    pub second: u64,
    /// For neither.
    pub ties: u64,
}

impl FromIterator<Vote> for PreferenceTally {
    fn from_iter<I: IntoIterator<Item = Vote>>(votes: I) -> Self {
        let mut tally = Self::default();
        for vote in votes {
            match vote {
                Vote::First => tally.first += 1,
                Vote::Second => tally.second += 1,
                Vote::Tie => tally.ties += 1,
            }
        }
        tally
    }
}

impl PreferenceTally {
    fn num_decided(&self) -> u64 {
        self.first + self.second
    }

    /// Share of the votes for one of both that are for the second model, 0 to 1; `None` where there are only ties.
    #[must_use]
    pub fn share_of_second(&self) -> Option<f64> {
        let decided = self.num_decided();
        (decided > 0).then(|| ratio(self.second as usize, decided as usize))
    }

    /// Between which shares the preference for the second model lies with 95 %; `None` where there are only ties.
    #[must_use]
    pub fn interval(&self) -> Option<[f64; 2]> {
        (self.num_decided() > 0).then(|| wilson_interval(self.second, self.num_decided()))
    }

    /// How probable at least so large a difference is between models that are preferred alike: the sign test, both ways.
    #[must_use]
    pub fn p_value(&self) -> f64 {
        let (below, _) = binomial(self.first.min(self.second), self.num_decided());
        (2.0 * below).min(1.0)
    }

    /// The tally as sentences, with the names of both models: counts, the share with its interval, and whether it could be luck.
    #[must_use]
    pub fn in_words(&self, first: &str, second: &str) -> String {
        let counts = format!(
            "{first}: {}. {second}: {}. {}.",
            plural(self.first as usize, "vote"),
            plural(self.second as usize, "vote"),
            plural(self.ties as usize, "tie")
        );
        let (Some(share), Some([low, high])) = (self.share_of_second(), self.interval()) else {
            return format!("{counts} None of them is preferred.");
        };
        let decided = count(self.num_decided() as usize);
        let percent = |share: f64| format!("{:.0} %", share * 100.0);
        let range = format!("{}, 95 % between {} and {}", percent(share), percent(low), percent(high));
        if self.first == self.second {
            return format!("{counts} Of {decided} decided, each has {range}: these votes prefer neither.");
        }
        let p_value = self.p_value();
        let chance = if p_value < 0.001 { "less than 0.1 %".to_owned() } else { format!("{:.1} %", p_value * 100.0) };
        let luck = if p_value < ALPHA {
            "this is hardly luck"
        } else {
            "this could be luck: rate more pairs before you rely on it"
        };
        format!(
            "{counts} Of {decided} decided, {second} has {range}. Between models that are equally good so large a difference comes \
             with a chance of {chance}: {luck}."
        )
    }
}

/// Wilson's score interval of `hits` in `all`, with 95 % and without continuity correction; all shares where there are none.
#[must_use]
pub fn wilson_interval(hits: u64, all: u64) -> [f64; 2] {
    if all == 0 {
        return [0.0, 1.0];
    }
    let (num, share) = (all as f64, hits as f64 / all as f64);
    let z2 = Z_95 * Z_95;
    let scale = 1.0 + z2 / num;
    let middle = (share + z2 / (2.0 * num)) / scale;
    let half = Z_95 / scale * (share * (1.0 - share) / num + z2 / (4.0 * num * num)).sqrt();
    let low = if hits == 0 { 0.0 } else { middle - half };
    let high = if hits >= all { 1.0 } else { middle + half };
    [low, high]
}

#[cfg(test)]
mod tests {
    use super::*;

    const TOLERANCE: f64 = 1e-12;

    fn tally(first: u64, second: u64, ties: u64) -> PreferenceTally {
        PreferenceTally { first, second, ties }
    }

    /// `scipy.stats.binomtest(hits, all)`: `proportion_ci(method="wilson")` and `pvalue`, scipy 1.17.1.
    #[test]
    fn intervals_and_p_values_are_those_of_scipy() {
        for (hits, all, interval, p_value) in [
            (8, 10, [0.490_162_471_536_641_8, 0.943_317_848_545_624_8], 0.109_375),
            (0, 5, [0.0, 0.434_482_464_783_174_76], 0.0625),
            (5, 5, [0.565_517_535_216_825_1, 1.0], 0.0625),
            (1, 1, [0.206_549_314_377_237_45, 1.0], 1.0),
            (5, 10, [0.236_593_090_512_564, 0.763_406_909_487_436_1], 1.0),
            (9, 10, [0.595_849_973_204_761_5, 0.982_123_786_904_927_1], 0.021_484_375),
            (60, 100, [0.502_002_586_791_061_8, 0.690_598_713_567_541_1], 0.056_887_933_640_980_89),
        ] {
            let votes = tally(all - hits, hits, 3);
            let found = votes.interval().expect("some are decided");
            assert!(found.iter().zip(interval).all(|(a, b)| (a - b).abs() < TOLERANCE), "{hits} of {all}: {found:?}");
            assert!((votes.p_value() - p_value).abs() < TOLERANCE, "{hits} of {all}: {}", votes.p_value());
        }
        assert_eq!(
            (wilson_interval(0, 0), tally(0, 0, 4).interval(), tally(0, 0, 4).p_value()),
            ([0.0, 1.0], None, 1.0)
        );
    }

    #[test]
    fn votes_are_counted_and_put_into_words() {
        let votes = [Vote::Second, Vote::Tie, Vote::Second, Vote::First];
        let found: PreferenceTally = votes.into_iter().collect();
        assert_eq!((found, found.share_of_second()), (tally(1, 2, 1), Some(2.0 / 3.0)));
        let words = tally(2, 8, 1).in_words("Before", "After");
        assert!(words.starts_with("Before: 2 votes. After: 8 votes. 1 tie. Of 10 decided, After has 80 %"), "{words}");
        assert!(words.contains("between 49 % and 94 %") && words.contains("10.9 %: this could be luck"), "{words}");
        assert!(tally(1, 9, 0).in_words("a", "b").ends_with("2.1 %: this is hardly luck."));
        let even = tally(5, 5, 0).in_words("a", "b");
        assert!(
            even.ends_with("Of 10 decided, each has 50 %, 95 % between 24 % and 76 %: these votes prefer neither."),
            "{even}"
        );
        assert!(tally(0, 0, 2).in_words("a", "b").ends_with("2 ties. None of them is preferred."));
    }

    #[test]
    fn an_order_has_each_pair_once_and_is_that_of_its_seed() {
        let order = blind_order(40, 7);
        assert_eq!(order, blind_order(40, 7));
        assert_ne!(order, blind_order(40, 8));
        let mut indices: Vec<usize> = order.iter().map(|pair| pair.index).collect();
        assert_ne!(indices, (0..40).collect::<Vec<_>>());
        indices.sort_unstable();
        assert_eq!(indices, (0..40).collect::<Vec<_>>());
        let num_swapped = order.iter().filter(|pair| pair.is_swapped).count();
        assert!((8..=32).contains(&num_swapped), "{num_swapped} of 40");
        assert!(blind_order(0, 7).is_empty());
    }
}
