//! Which tokens of a passage are hidden, and what stands in their place (<https://arxiv.org/abs/1810.04805>, 3.1): a
//! share of the tokens is to be guessed, of which eight in ten are hidden, one is another token, and one stays.

use rand_chacha::ChaCha8Rng;

use super::passages::{NO_WORD, Passage};
use crate::config::RunConfig;
use crate::data::{below, generator};
use crate::task::{TaskError, TaskModel};

/// Seed of evaluations: a passage has the same blanks each time.
const EVALUATION_SEED: u64 = 0;

/// How tokens are hidden.
#[derive(Debug, Clone)]
pub(super) struct Masking {
    mask_token_id: u32,
    vocab_size: usize,
    /// Ids that are never hidden, wherever they stand.
    special: Vec<u32>,
    /// Share of the tokens, or words, that are to be guessed.
    probability: f64,
    /// All tokens of a word are hidden, or none.
    whole_words: bool,
}

/// A token that is to be guessed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Hidden {
    /// Its position in the passage.
    pub(super) position: usize,
    /// What stands there instead.
    pub(super) shown: u32,
}

impl Masking {
    /// As the settings say.
    ///
    /// # Errors
    /// When the model's tokenizer has no token that hides another.
    pub(super) fn new(model: &TaskModel<'_>, run: &RunConfig) -> Result<Self, TaskError> {
        let tokenizer = model.tokenizer();
        let mask_token_id = tokenizer.mask_token_id().ok_or_else(no_mask_token)?;
        let around = tokenizer.special_prefix().iter().chain(tokenizer.special_suffix());
        let special = around.copied().chain([model.pad_token_id, mask_token_id]).collect();
        Ok(Self {
            mask_token_id,
            vocab_size: tokenizer.vocab_size(),
            special,
            probability: run.mlm_probability,
            whole_words: run.whole_word_masking,
        })
    }

    /// Chooses the tokens of a passage that are to be guessed, in order: others for every seed, and the same ones without
    /// a seed. `index` is that of the passage in its split. There is at least one, where there is any that can be hidden.
    pub(super) fn hide(&self, passage: &Passage, index: usize, seed: Option<u64>) -> Vec<Hidden> {
        let mut generator = generator(seed.unwrap_or(EVALUATION_SEED), index as u64);
        let units = self.units(passage);
        let mut chosen: Vec<&Vec<usize>> =
            units.iter().filter(|_| is_drawn(self.probability, &mut generator)).collect();
        if chosen.is_empty() && !units.is_empty() {
            chosen.push(&units[below(units.len() as u64, &mut generator) as usize]);
        }
        let hidden = |&position: &usize| {
            let shown = match below(10, &mut generator) {
                0 => below(self.vocab_size as u64, &mut generator) as u32,
                1 => passage.input_ids[position],
                _ => self.mask_token_id,
            };
            Hidden { position, shown }
        };
        chosen.into_iter().flatten().map(hidden).collect()
    }

    /// Positions that are hidden together: each for itself, or those of a word.
    fn units(&self, passage: &Passage) -> Vec<Vec<usize>> {
        let mut units: Vec<Vec<usize>> = Vec::new();
        let mut last = NO_WORD;
        for (position, (id, &word)) in passage.input_ids.iter().zip(&passage.words).enumerate() {
            if word == NO_WORD || self.special.contains(id) {
                last = NO_WORD;
                continue;
            }
            match units.last_mut() {
                Some(unit) if self.whole_words && word == last => unit.push(position),
                _ => units.push(vec![position]),
            }
            last = word;
        }
        units
    }
}

/// Why nothing can be hidden.
pub(super) fn no_mask_token() -> TaskError {
    let reason =
        "this model's tokenizer has no token that hides a word (mask_token): choose a model such as BERT or RoBERTa";
    TaskError::Model(reason.into())
}

fn is_drawn(probability: f64, generator: &mut ChaCha8Rng) -> bool {
    const STEPS: u64 = 1 << 53;
    (below(STEPS, generator) as f64) < probability * STEPS as f64
}

#[cfg(test)]
pub(super) mod tests {
    use super::super::passages::read_passages;
    use super::super::passages::tests::tokenizer;
    use super::*;
    use crate::task::Reads;
    use crate::tokenizer::Tokenizer;
    use proptest::prelude::*;

    /// A model of 512 tokens.
    pub(in crate::task::masked_lm) fn model(tokenizer: &Tokenizer) -> TaskModel<'_> {
        TaskModel::to_test(Reads::Texts(tokenizer), 512)
    }

    fn masking(tokenizer: &Tokenizer, whole_word_masking: bool) -> Masking {
        let run = RunConfig { whole_word_masking, ..RunConfig::default() };
        Masking::new(&model(tokenizer), &run).expect("it has a mask token")
    }

    fn passage(tokenizer: &Tokenizer, text: &str) -> Passage {
        read_passages(tokenizer, [(1, text)].into_iter(), 5000, 1 << 20).expect("room").remove(0)
    }

    #[test]
    fn shares_are_those_of_bert() {
        let tokenizer = tokenizer();
        let masking = masking(&tokenizer, false);
        let passage = passage(&tokenizer, &"hello world and ".repeat(1000));
        let (mut num_hidden, mut num_masks, mut num_kept) = (0, 0, 0);
        for seed in 0..10 {
            let hidden = masking.hide(&passage, 0, Some(seed));
            num_hidden += hidden.len();
            num_masks += hidden.iter().filter(|hidden| hidden.shown == 4).count();
            num_kept += hidden.iter().filter(|hidden| passage.input_ids[hidden.position] == hidden.shown).count();
        }
        let share = |part: usize, all: usize| part as f64 / all as f64;
        assert!((share(num_hidden, 30_000) - 0.15).abs() < 0.01, "{num_hidden}");
        // One in ten is drawn from the ten tokens, the mask and the token itself among them.
        assert!((share(num_masks, num_hidden) - 0.81).abs() < 0.03, "{num_masks} of {num_hidden}");
        assert!((share(num_kept, num_hidden) - 0.11).abs() < 0.03, "{num_kept} of {num_hidden}");
    }

    #[test]
    fn blanks_follow_from_the_seed_and_stay_in_an_evaluation() {
        let tokenizer = tokenizer();
        let masking = masking(&tokenizer, false);
        let passage = passage(&tokenizer, &"hello world and ".repeat(20));
        assert_eq!(masking.hide(&passage, 3, None), masking.hide(&passage, 3, None));
        assert_eq!(masking.hide(&passage, 3, Some(1)), masking.hide(&passage, 3, Some(1)));
        assert_ne!(masking.hide(&passage, 3, Some(1)), masking.hide(&passage, 3, Some(2)));
        assert_ne!(masking.hide(&passage, 3, None), masking.hide(&passage, 4, None));
    }

    #[test]
    fn whole_words_are_hidden_with_all_their_tokens() {
        let tokenizer = tokenizer();
        let masking = masking(&tokenizer, true);
        let passage = passage(&tokenizer, &"worlds hello ".repeat(50));
        for seed in 0..20 {
            let positions: Vec<usize> =
                masking.hide(&passage, 0, Some(seed)).iter().map(|hidden| hidden.position).collect();
            for &position in &positions {
                let word = passage.words[position];
                let of_word = (0..passage.words.len()).filter(|&other| passage.words[other] == word);
                assert!(of_word.into_iter().all(|other| positions.contains(&other)), "{positions:?}");
            }
        }
    }

    proptest! {
        #[test]
        fn special_tokens_stay_and_something_is_hidden(
            words in prop::collection::vec(prop::sample::select(vec!["hello", "worlds", "!", "[SEP]", "[MASK]"]), 1..40),
            seed in any::<Option<u64>>(),
            whole_words in any::<bool>(),
        ) {
            let tokenizer = tokenizer();
            let passage = passage(&tokenizer, &words.join(" "));
            let hidden = masking(&tokenizer, whole_words).hide(&passage, 0, seed);
            let can_be_hidden = passage.input_ids.iter().any(|&id| id > 4);
            prop_assert_eq!(hidden.is_empty(), !can_be_hidden);
            prop_assert!(hidden.iter().all(|hidden| passage.input_ids[hidden.position] > 4));
            prop_assert!(hidden.windows(2).all(|pair| pair[0].position < pair[1].position));
        }
    }
}
