//! The next token from a row of logits, with the meaning of transformers' `GenerationConfig`.
//!
//! In: one row of logits and the ids before it. Out: an id. The order is that of `generate`: repetition penalty, then what
//! would repeat an n-gram and what rules on tokens forbid is masked, then, when sampling, temperature, top-k, top-p, min-p,
//! softmax and a draw from a seeded generator; else the highest logit. A logit of minus infinity is masked: its id is never chosen.
//! Reference: transformers 5, `generation/logits_process.py`.

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{RngCore, SeedableRng};

use super::SamplingConfig;
use super::token_rules::TextBounds;
use crate::config::ConfigProblem;
use crate::metrics;

/// Why no token could be chosen.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum SamplingError {
    /// The model's output is broken.
    #[error("the logit of token {id} is {value}, so no token can be chosen")]
    NotFinite {
        /// Token id, the index in the row.
        id: usize,
        /// NaN or infinity.
        value: f32,
    },
    /// There is nothing to choose from.
    #[error("all {num_logits} logits are masked, so no token can be chosen")]
    AllMasked {
        /// Length of the row.
        num_logits: usize,
    },
}

/// Chooses tokens, one after another.
#[derive(Debug, Clone)]
pub struct Sampler {
    config: SamplingConfig,
    bounds: TextBounds,
    rng: ChaCha8Rng,
}

impl Sampler {
    /// A sampler at the start of its seed's draws.
    ///
    /// # Errors
    /// What [`SamplingConfig::check`] says.
    pub fn new(config: &SamplingConfig) -> Result<Self, Vec<ConfigProblem>> {
        config.check()?;
        let rng = ChaCha8Rng::seed_from_u64(config.seed);
        Ok(Self { config: config.clone(), bounds: TextBounds::default(), rng })
    }

    /// The same for a text that begins and ends there, which rules on tokens ask for.
    #[cfg(feature = "engine")]
    pub(super) fn within(self, bounds: TextBounds) -> Self {
        Self { bounds, ..self }
    }

    /// The next token id. `logits` is one row, which is processed in place; `previous` is every id before it, the
    /// prompt's too, as in transformers. Of equal logits, greedy takes the lowest id.
    ///
    /// # Errors
    /// When a logit is NaN or plus infinity, or when all are masked.
    pub fn next(&mut self, logits: &mut [f32], previous: &[u32]) -> Result<u32, SamplingError> {
        check_finite(logits)?;
        let SamplingConfig { do_sample, temperature, top_k, top_p, min_p, .. } = self.config;
        let SamplingConfig { repetition_penalty, no_repeat_ngram_size, .. } = self.config;
        penalize_repetition(logits, previous, repetition_penalty);
        forbid_repeated_ngrams(logits, previous, no_repeat_ngram_size);
        self.config.rules.apply(logits, previous, &self.bounds);
        if do_sample {
            scale_by_temperature(logits, temperature);
            keep_top_k(logits, top_k);
            keep_top_p(logits, top_p);
            keep_min_p(logits, min_p);
        }
        let Some(highest) = argmax(logits) else {
            return Err(SamplingError::AllMasked { num_logits: logits.len() });
        };
        Ok(if do_sample { self.draw(&softmax(logits), highest) } else { highest })
    }

    /// An id drawn by probability; `highest` where rounding leaves none.
    fn draw(&mut self, probabilities: &[f64], highest: u32) -> u32 {
        let unit = (self.rng.next_u64() >> 11) as f64 / (1u64 << 53) as f64; // [0, 1)
        let mut cumulative = 0.0;
        for (id, probability) in probabilities.iter().enumerate() {
            cumulative += probability;
            if unit < cumulative {
                return id as u32;
            }
        }
        highest
    }
}

/// Whether all logits of a row are numbers, or masked.
pub(super) fn check_finite(logits: &[f32]) -> Result<(), SamplingError> {
    for (id, &value) in logits.iter().enumerate() {
        if value.is_nan() || value == f32::INFINITY {
            return Err(SamplingError::NotFinite { id, value });
        }
    }
    Ok(())
}

/// Divides the positive logits of the ids in `previous` by `penalty` and multiplies the negative ones, each id once.
/// Ids past the row are passed over.
pub fn penalize_repetition(logits: &mut [f32], previous: &[u32], penalty: f64) {
    if penalty == 1.0 {
        return;
    }
    let mut ids = previous.to_vec();
    ids.sort_unstable();
    ids.dedup();
    for id in ids {
        let Some(logit) = logits.get_mut(id as usize) else { break };
        if *logit != f32::NEG_INFINITY {
            let value = f64::from(*logit);
            let penalized = if value < 0.0 { value * penalty } else { value / penalty };
            *logit = penalized.clamp(f64::from(f32::MIN), f64::from(f32::MAX)) as f32;
        }
    }
}

/// Masks every id that would make the last `ngram_size` ids a sequence that `previous` already holds
/// (<https://arxiv.org/abs/1705.04304>). Ids past the row are passed over. 0 is off.
pub fn forbid_repeated_ngrams(logits: &mut [f32], previous: &[u32], ngram_size: u32) {
    let size = ngram_size as usize;
    if size == 0 || previous.len() < size {
        return;
    }
    let start = &previous[previous.len() + 1 - size..];
    for ngram in previous.windows(size).filter(|ngram| ngram.starts_with(start)) {
        if let Some(logit) = logits.get_mut(ngram[size - 1] as usize) {
            *logit = f32::NEG_INFINITY;
        }
    }
}

/// Divides the logits by `temperature`, after a shift that makes the highest 0, which softmax does not see and which
/// keeps the highest finite at any temperature. 1 is off.
pub fn scale_by_temperature(logits: &mut [f32], temperature: f64) {
    if temperature == 1.0 {
        return;
    }
    let Some(highest) = argmax(logits) else { return };
    let max = f64::from(logits[highest as usize]);
    for logit in logits.iter_mut() {
        *logit = ((f64::from(*logit) - max) / temperature) as f32;
    }
}

/// Masks the logits below the `top_k`-th highest; those equal to it stay, so that more than `top_k` may. 0 is off.
pub fn keep_top_k(logits: &mut [f32], top_k: u32) {
    let top_k = top_k as usize;
    if top_k == 0 || top_k >= logits.len() {
        return;
    }
    let mut sorted = logits.to_vec();
    let (_, &mut threshold, _) = sorted.select_nth_unstable_by(top_k - 1, |a, b| b.total_cmp(a));
    for logit in logits.iter_mut().filter(|logit| **logit < threshold) {
        *logit = f32::NEG_INFINITY;
    }
}

/// Masks all but the likeliest ids that together reach `top_p`, and keeps at least one
/// (<https://arxiv.org/abs/1904.09751>). Of equal logits the lower id goes first. 1 is off.
pub fn keep_top_p(logits: &mut [f32], top_p: f64) {
    if top_p >= 1.0 {
        return;
    }
    let probabilities = softmax(logits);
    let mut ids: Vec<usize> = (0..logits.len()).filter(|&id| logits[id] != f32::NEG_INFINITY).collect();
    ids.sort_by(|&a, &b| logits[b].total_cmp(&logits[a]));
    let mut likelier = 0.0;
    for (rank, id) in ids.into_iter().enumerate() {
        if rank > 0 && likelier >= top_p {
            logits[id] = f32::NEG_INFINITY;
        }
        likelier += probabilities[id];
    }
}

/// Masks the ids that are less than `min_p` times as likely as the likeliest (<https://arxiv.org/abs/2407.01082>). 0 is off.
pub fn keep_min_p(logits: &mut [f32], min_p: f64) {
    if min_p <= 0.0 {
        return;
    }
    let probabilities = softmax(logits);
    let least = min_p * probabilities.iter().copied().fold(0.0, f64::max);
    for (logit, _) in logits.iter_mut().zip(probabilities).filter(|(_, probability)| *probability < least) {
        *logit = f32::NEG_INFINITY;
    }
}

/// Probabilities of a row; of masked logits 0. A row that is masked throughout has none, so all are 0.
#[must_use]
pub fn softmax(logits: &[f32]) -> Vec<f64> {
    match argmax(logits) {
        Some(_) => metrics::softmax(logits, 1.0),
        None => vec![0.0; logits.len()],
    }
}

/// The id of the highest logit, the lowest of equals; `None` when all are masked.
#[must_use]
pub fn argmax(logits: &[f32]) -> Option<u32> {
    let mut highest = None;
    let mut max = f32::NEG_INFINITY;
    for (id, &logit) in logits.iter().enumerate() {
        if logit > max {
            (highest, max) = (Some(id as u32), logit);
        }
    }
    highest
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const TOLERANCE: f64 = 1e-6;

    const ROW: [f32; 12] = [1.84, 4.86, -1.75, -3.26, -1.28, -0.67, 0.62, -3.26, 1.13, -2.39, 3.75, -0.78];

    fn sampling() -> SamplingConfig {
        SamplingConfig { do_sample: true, top_k: 0, ..SamplingConfig::default() }
    }

    fn sampler(config: &SamplingConfig) -> Sampler {
        Sampler::new(config).expect("the settings are right")
    }

    fn masked(logits: &[f32]) -> Vec<usize> {
        (0..logits.len()).filter(|&id| logits[id] == f32::NEG_INFINITY).collect()
    }

    /// Softmax after RepetitionPenaltyLogitsProcessor, TemperatureLogitsWarper, TopKLogitsWarper and TopPLogitsWarper
    /// of transformers 5.23 in a LogitsProcessorList over `ROW`, with input_ids [3, 9, 0, 9, 3].
    #[test]
    fn probabilities_are_those_of_transformers() {
        let none = 0.0;
        #[rustfmt::skip]
        let cases = [
            ((1.0, 1.0, 0, 1.0), [
                0.0341485, 0.6997477, 0.0009424, 0.0002082, 0.0015079, 0.0027752, 0.0100817, 0.0002082, 0.0167889,
                0.0004969, 0.2306081, 0.0024861,
            ]),
            ((1.0, 0.7, 5, 1.0), [
                0.010916, 0.8160803, none, none, none, none, 0.0019105, none, 0.0039588, none, 0.1671344, none,
            ]),
            ((1.0, 1.3, 0, 0.8), [
                none, 0.7013734, none, none, none, none, none, none, none, none, 0.2986267, none,
            ]),
            ((1.3, 0.9, 6, 0.75), [
                none, 0.7744014, none, none, none, none, none, none, none, none, 0.2255986, none,
            ]),
            ((1.0, 0.2, 3, 0.1), [none, 1.0, none, none, none, none, none, none, none, none, none, none]),
            ((0.6, 2.5, 50, 0.95), [
                0.1632492, 0.3344915, 0.0237744, none, 0.0286918, 0.0366206, 0.061351, none, 0.0752346, 0.0269777,
                0.2145647, 0.0350442,
            ]),
        ];
        for ((repetition_penalty, temperature, top_k, top_p), expected) in cases {
            let mut logits = ROW;
            penalize_repetition(&mut logits, &[3, 9, 0, 9, 3], repetition_penalty);
            scale_by_temperature(&mut logits, temperature);
            keep_top_k(&mut logits, top_k);
            keep_top_p(&mut logits, top_p);
            for (found, expected) in softmax(&logits).into_iter().zip(expected) {
                assert!((found - expected).abs() < TOLERANCE, "{found} is not {expected} at temperature {temperature}");
                assert_eq!(found == 0.0, expected == 0.0);
            }
        }
    }

    #[test]
    fn draws_follow_the_probabilities() {
        let mut sampler = sampler(&SamplingConfig { temperature: 2.0, seed: 7, ..sampling() });
        let mut expected = ROW;
        scale_by_temperature(&mut expected, 2.0);
        let mut counts = [0_u32; 12];
        for _ in 0..20_000 {
            counts[sampler.next(&mut ROW.clone(), &[]).expect("logits are finite") as usize] += 1;
        }
        for (count, probability) in counts.into_iter().zip(softmax(&expected)) {
            assert!((f64::from(count) / 20_000.0 - probability).abs() < 0.015); // four standard deviations at one half
        }
    }

    #[test]
    fn the_same_seed_draws_the_same() {
        let draw = |seed| {
            let mut sampler = sampler(&SamplingConfig { temperature: 3.0, seed, ..sampling() });
            (0..32).map(|_| sampler.next(&mut ROW.clone(), &[]).expect("logits are finite")).collect::<Vec<_>>()
        };
        assert_eq!(draw(1), draw(1));
        assert_ne!(draw(1), draw(2));
    }

    #[test]
    fn greedy_takes_the_lowest_of_equals_and_minds_only_repetition() {
        let mut greedy = sampler(&SamplingConfig { temperature: 9.0, top_k: 1, ..SamplingConfig::default() });
        assert_eq!(greedy.next(&mut [0.5, 2.0, 2.0, -1.0], &[1]), Ok(1));
        let config = SamplingConfig { repetition_penalty: 1.5, ..SamplingConfig::default() };
        assert_eq!(sampler(&config).next(&mut [0.5, 2.0, 1.9, -1.0], &[1, 1, 900]), Ok(2));
    }

    #[test]
    fn repetition_is_penalized_once_an_id() {
        let mut logits = [2.0, -2.0, 0.0, 3.0, f32::NEG_INFINITY];
        penalize_repetition(&mut logits, &[1, 0, 0, 4, 2, 5, u32::MAX], 2.0);
        assert_eq!(logits, [1.0, -4.0, 0.0, 3.0, f32::NEG_INFINITY]);
    }

    #[test]
    fn ngrams_are_not_repeated() {
        let forbidden = |size| {
            let mut logits = [0.0; 4];
            forbid_repeated_ngrams(&mut logits, &[1, 2, 3, 1, 9, 1, 2], size);
            masked(&logits)
        };
        let none: Vec<usize> = Vec::new();
        assert_eq!(forbidden(0), none);
        assert_eq!(forbidden(1), [1, 2, 3], "every id that was there; 9 is past the row");
        assert_eq!(forbidden(2), [3], "2 was followed by 3");
        assert_eq!(forbidden(3), [3], "1 2 was followed by 3");
        assert_eq!(forbidden(4), none, "9 1 2 was there once");
        assert_eq!([forbidden(7), forbidden(8)], [none.clone(), none]);
        let mut greedy = sampler(&SamplingConfig { no_repeat_ngram_size: 2, ..SamplingConfig::default() });
        assert_eq!(greedy.next(&mut [0.0, 1.0, 3.0, 2.0], &[2, 2]), Ok(3));
    }

    #[test]
    fn top_k_keeps_those_equal_to_the_last() {
        let mut logits = [1.0, 3.0, 2.0, 2.0, 0.0];
        keep_top_k(&mut logits, 2);
        assert_eq!(masked(&logits), [0, 4]);
        keep_top_k(&mut logits, 4);
        assert_eq!(masked(&logits), [0, 4]);
    }

    #[test]
    fn top_p_keeps_what_reaches_it_and_at_least_one() {
        let even = [0.0_f32; 4];
        for (top_p, expected) in [(1e-9, &[1, 2, 3][..]), (0.25, &[1, 2, 3]), (0.26, &[2, 3]), (0.75, &[3]), (1.0, &[])]
        {
            let mut logits = even;
            keep_top_p(&mut logits, top_p);
            assert_eq!(masked(&logits), expected, "{top_p}");
        }
    }

    /// Softmax after TemperatureLogitsWarper and MinPLogitsWarper of transformers 5.24 over `ROW`.
    #[test]
    fn min_p_keeps_what_transformers_keeps() {
        let none = 0.0;
        #[rustfmt::skip]
        let cases = [
            ((1.0, 0.05), [none, 0.7521292, none, none, none, none, none, none, none, none, 0.2478709, none]),
            ((2.5, 0.2), [
                0.1379996, 0.4618549, none, none, none, none, none, none, 0.1038815, none, 0.296264, none,
            ]),
            ((1.0, 1.0), [none, 1.0, none, none, none, none, none, none, none, none, none, none]),
        ];
        for ((temperature, min_p), expected) in cases {
            let mut logits = ROW;
            scale_by_temperature(&mut logits, temperature);
            keep_min_p(&mut logits, min_p);
            for (found, expected) in softmax(&logits).into_iter().zip(expected) {
                assert!((found - expected).abs() < TOLERANCE, "{found} is not {expected} with min_p {min_p}");
            }
        }
        let mut logits = ROW;
        keep_min_p(&mut logits, 0.0);
        assert_eq!(logits, ROW, "0 is off");
        let mut sampler = sampler(&SamplingConfig { temperature: 5.0, min_p: 1.0, ..sampling() });
        assert!((0..50).all(|_| sampler.next(&mut ROW.clone(), &[]) == Ok(1)), "the likeliest alone is left");
    }

    #[test]
    fn masked_ids_are_never_chosen() {
        let mut sampler = sampler(&SamplingConfig { temperature: 100.0, top_p: 0.99, ..sampling() });
        for _ in 0..200 {
            let id = sampler.next(&mut [f32::NEG_INFINITY, 1.0, f32::NEG_INFINITY, 0.0], &[0]);
            assert!(matches!(id, Ok(1 | 3)));
        }
    }

    #[test]
    fn a_broken_row_is_an_error() {
        let mut greedy = sampler(&SamplingConfig::default());
        let broken = greedy.next(&mut [0.0, f32::INFINITY], &[]);
        assert_eq!(broken, Err(SamplingError::NotFinite { id: 1, value: f32::INFINITY }));
        assert!(matches!(greedy.next(&mut [f32::NAN], &[]), Err(SamplingError::NotFinite { id: 0, .. })));
        let masked = greedy.next(&mut [f32::NEG_INFINITY; 3], &[]);
        assert_eq!(masked, Err(SamplingError::AllMasked { num_logits: 3 }));
        assert_eq!(greedy.next(&mut [], &[]), Err(SamplingError::AllMasked { num_logits: 0 }));
    }

    proptest! {
        #[test]
        fn every_row_has_a_token_or_an_error(
            mut logits in prop::collection::vec(prop::num::f32::ANY, 0..20),
            previous in prop::collection::vec(0_u32..30, 0..10),
            do_sample: bool,
            temperature in prop::num::f64::POSITIVE,
            top_k in 0_u32..25,
            top_p in 1e-9..=1.0,
            repetition_penalty in prop::num::f64::POSITIVE,
            seed: u64,
        ) {
            let config =
                SamplingConfig { do_sample, temperature, top_k, top_p, repetition_penalty, seed, ..Default::default() };
            prop_assume!(config.check().is_ok());
            let before = logits.clone();
            match sampler(&config).next(&mut logits, &previous) {
                Ok(id) => prop_assert!(before[id as usize].is_finite()),
                Err(SamplingError::NotFinite { id, .. }) => prop_assert!(!before[id].is_finite()),
                Err(SamplingError::AllMasked { .. }) => prop_assert!(before.iter().all(|&l| l == f32::NEG_INFINITY)),
            }
        }

        #[test]
        fn finite_rows_always_have_a_token(
            mut logits in prop::collection::vec(-1e30_f32..1e30, 1..20),
            previous in prop::collection::vec(0_u32..30, 0..10),
            temperature in 1e-300..1e300,
            top_k in 0_u32..25,
            top_p in 1e-9..=1.0,
            repetition_penalty in 1e-300..1e300,
        ) {
            let config = SamplingConfig { temperature, top_k, top_p, repetition_penalty, ..sampling() };
            let len = logits.len();
            prop_assert!((sampler(&config).next(&mut logits, &previous).expect("the row is finite") as usize) < len);
        }
    }
}
