//! Beam search of one prompt: the likeliest texts so far run on side by side, and the best that ends is the answer.
//!
//! In: a row of logits for each text that runs. Out: which texts run on, with which tokens; at the end the finished ones
//! with their scores. Reference: transformers v5.24, `generation/utils.py` (`_beam_search`), which
//! `tests/goldens/beam_search.py` says in plain loops.

use super::sampling::{argmax, check_finite, forbid_repeated_ngrams, penalize_repetition};
use super::token_rules::TextBounds;
use super::{EarlyStopping, SamplingConfig, SamplingError};
use crate::config::ConfigProblem;

/// A text that has ended, by a token that ends it or by its length.
#[derive(Debug, Clone, PartialEq)]
pub struct Hypothesis {
    /// Its tokens, without the prompt; with the one that ended it.
    pub tokens: Vec<u32>,
    /// The sum of their log-probabilities, divided by their number to the power of `length_penalty`.
    pub score: f32,
}

/// What to do after a step.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum BeamStep {
    /// Text `i` of the next step is text `rows[i]` of this one with `tokens[i]` behind it.
    GoOn {
        /// Rows of this step's logits.
        rows: Vec<usize>,
        /// A token for each.
        tokens: Vec<u32>,
    },
    /// The search is over.
    Finished,
}

/// A text that runs on.
#[derive(Debug, Clone)]
struct Beam {
    /// Of the log-probabilities of its new tokens.
    sum: f32,
    /// The prompt and what came after it.
    tokens: Vec<u32>,
}

/// The search, between two steps.
#[derive(Debug, Clone)]
pub struct BeamSearch {
    config: SamplingConfig,
    bounds: TextBounds,
    max_new_tokens: usize,
    /// New tokens of each text that runs on.
    length: usize,
    /// The best first; none when the search is over.
    running: Vec<Beam>,
    /// The best first, no more than there are beams.
    finished: Vec<Hypothesis>,
}

impl BeamSearch {
    /// A search behind `prompt`, which n-grams and repetition count too; where an encoder reads the source, that is the
    /// token that starts the decoder. `max_new_tokens`, from 1, goes before that of `config`.
    ///
    /// # Errors
    /// What [`SamplingConfig::check`] says.
    pub fn new(
        config: &SamplingConfig,
        prompt: &[u32],
        eos_token_ids: &[u32],
        max_new_tokens: usize,
    ) -> Result<Self, Vec<ConfigProblem>> {
        config.check()?;
        Ok(Self {
            config: config.clone(),
            bounds: TextBounds {
                prompt_len: prompt.len(),
                max_len: prompt.len() + max_new_tokens,
                eos_token_ids: eos_token_ids.to_vec(),
            },
            max_new_tokens,
            length: 0,
            running: vec![Beam { sum: 0.0, tokens: prompt.to_vec() }],
            finished: Vec::new(),
        })
    }

    /// Takes the logits of the tokens that come next, `[texts that run, vocab]`, and processes them in place. In the first
    /// step one text runs, the prompt. A search that is over stays so.
    ///
    /// # Errors
    /// When a logit is NaN or plus infinity, or when nothing can follow and nothing has ended.
    pub fn step(&mut self, logits: &mut [f32]) -> Result<BeamStep, SamplingError> {
        if self.running.is_empty() {
            return Ok(BeamStep::Finished);
        }
        let vocab = logits.len() / self.running.len();
        if vocab == 0 {
            return Err(SamplingError::AllMasked { num_logits: 0 });
        }
        self.to_sums(logits, vocab)?;
        self.length += 1;
        let (num_beams, divisor) = (self.config.num_beams as usize, self.divisor(self.length));
        let is_last = self.length >= self.max_new_tokens;
        let (mut running, mut rows, mut tokens) = (Vec::new(), Vec::new(), Vec::new());
        for (rank, (index, sum)) in highest(logits, self.num_candidates()).into_iter().enumerate() {
            let (row, token) = (index / vocab, (index % vocab) as u32);
            let text = &self.running[row].tokens;
            if is_last || self.bounds.eos_token_ids.contains(&token) {
                if rank < num_beams {
                    let tokens = [&text[self.bounds.prompt_len..], &[token]].concat();
                    self.finished.push(Hypothesis { tokens, score: sum / divisor });
                }
            } else if running.len() < num_beams {
                running.push(Beam { sum, tokens: [text.as_slice(), &[token]].concat() });
                rows.push(row);
                tokens.push(token);
            }
        }
        self.running = running;
        self.finished.sort_by(|a, b| b.score.total_cmp(&a.score)); // of equals the older stays first
        self.finished.truncate(num_beams);
        if self.is_done() {
            self.running.clear();
        }
        match (self.running.is_empty(), self.finished.is_empty()) {
            (false, _) => Ok(BeamStep::GoOn { rows, tokens }),
            (true, false) => Ok(BeamStep::Finished),
            (true, true) => Err(SamplingError::AllMasked { num_logits: logits.len() }),
        }
    }

    /// Texts that have ended so far, the best first; no more than there are beams.
    #[must_use]
    pub fn finished(&self) -> &[Hypothesis] {
        &self.finished
    }

    /// Continuations that a step looks at: enough that as many as there are beams run on, whichever of them end.
    fn num_candidates(&self) -> usize {
        (1 + self.bounds.eos_token_ids.len()).max(2) * self.config.num_beams as usize
    }

    /// Makes each logit the sum of log-probabilities of the text with that token. What is masked after the softmax takes no
    /// probability from the others.
    fn to_sums(&self, logits: &mut [f32], vocab: usize) -> Result<(), SamplingError> {
        let SamplingConfig { repetition_penalty, no_repeat_ngram_size, .. } = self.config;
        let (rules, bounds) = (&self.config.rules, &self.bounds);
        for (row, beam) in logits.chunks_exact_mut(vocab).zip(&self.running) {
            check_finite(row)?;
            log_softmax(row);
            penalize_repetition(row, &beam.tokens, repetition_penalty);
            forbid_repeated_ngrams(row, &beam.tokens, no_repeat_ngram_size);
            rules.apply(row, &beam.tokens, bounds);
            row.iter_mut().for_each(|value| *value += beam.sum);
        }
        Ok(())
    }

    /// What sums of texts of this length are divided by.
    fn divisor(&self, length: usize) -> f32 {
        (length as f64).powf(self.config.length_penalty) as f32
    }

    /// Whether as many texts as beams have ended, and no better one is to be expected.
    fn is_done(&self) -> bool {
        let worst = self.finished.get(self.config.num_beams as usize - 1);
        let (Some(best), Some(worst)) = (self.running.first(), worst) else { return false };
        let length = match self.config.early_stopping {
            EarlyStopping::True => return true,
            EarlyStopping::Never if self.config.length_penalty > 0.0 => self.max_new_tokens,
            EarlyStopping::False | EarlyStopping::Never => self.length,
        };
        best.sum / self.divisor(length) <= worst.score
    }
}

/// Log-probabilities of a row; what is masked stays so. The exponentials are added up in f64: with a large vocabulary f32
/// loses digits that PyTorch, which adds them in blocks, keeps.
fn log_softmax(logits: &mut [f32]) {
    let Some(highest) = argmax(logits) else { return };
    let max = logits[highest as usize];
    let sum: f64 = logits.iter().map(|logit| f64::from((logit - max).exp())).sum();
    let log_sum = sum.ln() as f32;
    for logit in logits.iter_mut() {
        *logit = (*logit - max) - log_sum;
    }
}

/// The `count` highest values with their indices, the highest first, of equals the lower index; what is masked is left out.
fn highest(values: &[f32], count: usize) -> Vec<(usize, f32)> {
    let mut best: Vec<(usize, f32)> = Vec::with_capacity(count + 1);
    let mut lowest = f32::NEG_INFINITY;
    for (index, &value) in values.iter().enumerate() {
        if value > lowest {
            let rank = best.partition_point(|&(_, other)| other >= value);
            best.insert(rank, (index, value));
            best.truncate(count);
            if best.len() == count {
                lowest = best[count - 1].1;
            }
        }
    }
    best
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn beams(num_beams: u32) -> SamplingConfig {
        SamplingConfig { num_beams, ..SamplingConfig::default() }
    }

    fn search(config: &SamplingConfig, prompt: &[u32], ends: &[u32], max_new_tokens: usize) -> BeamSearch {
        BeamSearch::new(config, prompt, ends, max_new_tokens).expect("the settings are right")
    }

    /// A step with rows of probabilities.
    fn step<const N: usize>(search: &mut BeamSearch, rows: &[[f32; N]]) -> BeamStep {
        let mut logits: Vec<f32> = rows.iter().flatten().map(|probability| probability.ln() + 3.0).collect();
        search.step(&mut logits).expect("the logits are numbers")
    }

    fn go_on(rows: &[usize], tokens: &[u32]) -> BeamStep {
        BeamStep::GoOn { rows: rows.to_vec(), tokens: tokens.to_vec() }
    }

    /// Tokens, and the probability and length that the score is made of.
    fn check(search: &BeamSearch, length_penalty: f32, expected: &[(&[u32], f32)]) {
        let found: Vec<&[u32]> = search.finished().iter().map(|one| one.tokens.as_slice()).collect();
        assert_eq!(found, expected.iter().map(|(tokens, _)| *tokens).collect::<Vec<_>>());
        for (one, (tokens, probability)) in search.finished().iter().zip(expected) {
            let score = probability.ln() / (tokens.len() as f32).powf(length_penalty);
            assert!((one.score - score).abs() < 1e-5, "{} is not {score}: {tokens:?}", one.score);
        }
    }

    /// Three steps of two beams; token 2 ends a text.
    fn three_steps(length_penalty: f64) -> BeamSearch {
        let config = SamplingConfig { length_penalty, ..beams(2) };
        let mut search = search(&config, &[7], &[2], 3);
        // The end is third best: it is dropped.
        assert_eq!(step(&mut search, &[[0.5, 0.4, 0.1]]), go_on(&[0, 0], &[0, 1]));
        // Together 0.2, 0.15, 0.15 and 0.02, 0.02, 0.36: what began worse ends best.
        assert_eq!(step(&mut search, &[[0.4, 0.3, 0.3], [0.05, 0.05, 0.9]]), go_on(&[0, 0], &[0, 1]));
        // Together 0.16, 0.02, 0.02 and 0.015, 0.015, 0.12: all are as long as they may be.
        assert_eq!(step(&mut search, &[[0.8, 0.1, 0.1], [0.1, 0.1, 0.8]]), BeamStep::Finished);
        search
    }

    #[test]
    fn the_likeliest_text_as_a_whole_wins() {
        check(&three_steps(1.0), 1.0, &[(&[1, 2], 0.36), (&[0, 0, 0], 0.16)]);
    }

    #[test]
    fn a_length_penalty_prefers_long_texts_or_short_ones() {
        check(&three_steps(3.0), 3.0, &[(&[0, 0, 0], 0.16), (&[0, 1, 2], 0.12)]);
        check(&three_steps(-1.0), -1.0, &[(&[1, 2], 0.36), (&[0, 0, 0], 0.16)]);
    }

    #[test]
    fn a_search_that_is_over_stays_so() {
        let mut search = three_steps(1.0);
        let finished = search.finished().to_vec();
        assert_eq!(search.step(&mut [0.0; 6]), Ok(BeamStep::Finished));
        assert_eq!(search.finished(), finished);
    }

    #[test]
    fn early_stopping_says_what_is_still_waited_for() {
        let first = |early_stopping, length_penalty| {
            let config = SamplingConfig { early_stopping, length_penalty, ..beams(2) };
            let mut search = search(&config, &[], &[2, 3], 10);
            step(&mut search, &[[0.01, 0.04, 0.5, 0.45]])
        };
        // Both ends are finished; what runs on is much less likely at its length, but not as a tenth of its sum.
        assert_eq!(first(EarlyStopping::True, 1.0), BeamStep::Finished);
        assert_eq!(first(EarlyStopping::False, 1.0), BeamStep::Finished);
        assert_eq!(first(EarlyStopping::Never, 1.0), go_on(&[0, 0], &[1, 0]));
        assert_eq!(first(EarlyStopping::Never, -1.0), BeamStep::Finished, "longer texts score no better");
        let second = |early_stopping| {
            let mut search = search(&SamplingConfig { early_stopping, ..beams(2) }, &[], &[2, 3], 10);
            assert_eq!(step(&mut search, &[[0.5, 0.05, 0.25, 0.2]]), go_on(&[0, 0], &[0, 1]));
            step(&mut search, &[[0.6, 0.1, 0.2, 0.1], [0.3, 0.3, 0.2, 0.2]])
        };
        // Two are finished, the worse with ln 0.25; ln 0.3 / 2 runs on.
        assert_eq!(second(EarlyStopping::True), BeamStep::Finished);
        assert_eq!(second(EarlyStopping::False), go_on(&[0, 0], &[0, 1]));
    }

    #[test]
    fn what_is_forbidden_takes_no_probability_from_the_others() {
        let config = SamplingConfig { no_repeat_ngram_size: 1, ..beams(2) };
        let mut search = search(&config, &[0], &[], 1);
        assert_eq!(step(&mut search, &[[0.5, 0.3, 0.2]]), BeamStep::Finished);
        check(&search, 1.0, &[(&[1], 0.3), (&[2], 0.2)]);
    }

    #[test]
    fn repetition_is_penalized_in_log_probabilities() {
        let config = SamplingConfig { repetition_penalty: 2.0, ..beams(2) };
        let mut search = search(&config, &[0], &[], 1);
        assert_eq!(step(&mut search, &[[0.5, 0.3, 0.2]]), BeamStep::Finished);
        check(&search, 1.0, &[(&[1], 0.3), (&[0], 0.25)]);
    }

    #[test]
    fn of_equals_the_lower_row_and_token_go_on() {
        let mut search = search(&beams(3), &[], &[], 5);
        assert_eq!(search.step(&mut [0.0; 4]), Ok(go_on(&[0, 0, 0], &[0, 1, 2])));
        assert_eq!(search.step(&mut [0.0; 12]), Ok(go_on(&[0, 0, 0], &[0, 1, 2])));
    }

    #[test]
    fn fewer_run_on_where_the_rest_is_masked() {
        const NO: f32 = f32::NEG_INFINITY;
        let mut open = search(&beams(2), &[], &[1], 5);
        assert_eq!(open.step(&mut [0.0, NO, NO]), Ok(go_on(&[0], &[0])));
        assert_eq!(open.step(&mut [NO, 0.0, NO]), Ok(BeamStep::Finished));
        check(&open, 1.0, &[(&[0, 1], 1.0)]);
    }

    #[test]
    fn broken_logits_are_an_error() {
        let mut open = search(&beams(2), &[], &[], 5);
        assert_eq!(open.clone().step(&mut []), Err(SamplingError::AllMasked { num_logits: 0 }));
        let masked = open.clone().step(&mut [f32::NEG_INFINITY; 3]);
        assert_eq!(masked, Err(SamplingError::AllMasked { num_logits: 3 }));
        let broken = open.step(&mut [0.0, f32::NAN]);
        assert!(matches!(broken, Err(SamplingError::NotFinite { id: 1, .. })), "{broken:?}");
    }

    proptest! {
        #[test]
        fn the_highest_are_those_of_a_stable_sort(values in prop::collection::vec(-4_i8..4, 0..40), count in 1_usize..9) {
            let values: Vec<f32> =
                values.iter().map(|&value| if value == -4 { f32::NEG_INFINITY } else { f32::from(value) }).collect();
            let mut sorted: Vec<(usize, f32)> = values.iter().copied().enumerate().collect();
            sorted.retain(|(_, value)| value.is_finite());
            sorted.sort_by(|a, b| b.1.total_cmp(&a.1));
            sorted.truncate(count);
            prop_assert_eq!(highest(&values, count), sorted);
        }

        #[test]
        fn log_probabilities_add_up_to_one(mut logits in prop::collection::vec(-50_f32..50.0, 1..40)) {
            log_softmax(&mut logits);
            let sum: f64 = logits.iter().map(|&value| f64::from(value).exp()).sum();
            prop_assert!((sum - 1.0).abs() < 1e-4, "{}", sum);
        }
    }
}
