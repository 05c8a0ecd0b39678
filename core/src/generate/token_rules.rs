//! Tokens that may not come next, or must, by the rules that a model's generation_config.json may have beside the settings of
//! [`SamplingConfig`](super::SamplingConfig).
//!
//! In: the scores of the next token and the tokens before it. Out: the same scores, masked with minus infinity. Reference: transformers
//! v5.24, `generation/logits_process.py` in the order of `_get_logits_processor`; `tests/python/make_token_rule_goldens.py` asks it.

use serde::{Deserialize, Serialize};

/// The rules, under the names of transformers' `GenerationConfig`. By default there are none.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct TokenRules {
    /// No text ends before it has so many tokens, those of the prompt among them.
    pub min_length: u32,
    /// The same of its new tokens alone; goes before `min_length`.
    pub min_new_tokens: Option<u32>,
    /// Sequences of tokens that never come.
    pub bad_words_ids: Vec<Vec<u32>>,
    /// Tokens that never come.
    pub suppress_tokens: Vec<u32>,
    /// Tokens that do not come first.
    pub begin_suppress_tokens: Vec<u32>,
    /// The token that follows the one with which a target begins.
    pub forced_bos_token_id: Option<u32>,
    /// What the last token is that there is room for.
    pub forced_eos_token_id: Vec<u32>,
}

/// Where a text begins and ends.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct TextBounds {
    /// Tokens of the prompt.
    pub(super) prompt_len: usize,
    /// Tokens of prompt and text together at most.
    pub(super) max_len: usize,
    /// Tokens that end a text.
    pub(super) eos_token_ids: Vec<u32>,
}

impl TokenRules {
    /// Masks what may not follow `ids`, which are the prompt's tokens and those after it. Ids past the row are passed over.
    pub(super) fn apply(&self, scores: &mut [f32], ids: &[u32], bounds: &TextBounds) {
        let TextBounds { prompt_len, max_len, eos_token_ids } = bounds;
        for sequence in &self.bad_words_ids {
            let Some((&last, first)) = sequence.split_last() else { continue };
            let is_end = first.is_empty() && eos_token_ids.contains(&last);
            if ids.ends_with(first) && !is_end {
                mask(scores, &[last]);
            }
        }
        let shortest = match self.min_new_tokens {
            Some(tokens) => prompt_len + tokens as usize,
            None => self.min_length as usize,
        };
        if ids.len() < shortest {
            mask(scores, eos_token_ids);
        }
        if let Some(first) = self.forced_bos_token_id.filter(|_| ids.len() == 1) {
            force(scores, &[first]);
        }
        if ids.len() + 1 == *max_len {
            force(scores, &self.forced_eos_token_id);
        }
        mask(scores, &self.suppress_tokens);
        let is_forced = self.forced_bos_token_id.is_some() && *prompt_len <= 1;
        if ids.len() == prompt_len + usize::from(is_forced) {
            mask(scores, &self.begin_suppress_tokens);
        }
    }
}

fn mask(scores: &mut [f32], ids: &[u32]) {
    for &id in ids {
        if let Some(score) = scores.get_mut(id as usize) {
            *score = f32::NEG_INFINITY;
        }
    }
}

/// Masks all but some ids; does nothing where the row has none of them.
fn force(scores: &mut [f32], ids: &[u32]) {
    if ids.iter().any(|&id| (id as usize) < scores.len()) {
        scores.fill(f32::NEG_INFINITY);
        for &id in ids {
            if let Some(score) = scores.get_mut(id as usize) {
                *score = 0.0;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use serde::Deserialize;

    use super::*;

    /// Scores before and after; `null` is minus infinity.
    #[derive(Deserialize)]
    struct Golden {
        rules: TokenRules,
        ids: Vec<u32>,
        prompt_len: usize,
        max_len: usize,
        eos_token_ids: Vec<u32>,
        scores: Vec<f32>,
        expected: Vec<Option<f32>>,
    }

    #[test]
    fn rules_mask_what_transformers_masks() {
        let goldens = include_str!("../../../tests/fixtures/token_rules.json");
        let goldens: Vec<Golden> = serde_json::from_str(goldens).expect("the goldens are what the script writes");
        assert!(goldens.len() > 20, "{}", goldens.len());
        for Golden { rules, ids, prompt_len, max_len, eos_token_ids, mut scores, expected } in goldens {
            let bounds = TextBounds { prompt_len, max_len, eos_token_ids };
            rules.apply(&mut scores, &ids, &bounds);
            let expected: Vec<f32> = expected.into_iter().map(|score| score.unwrap_or(f32::NEG_INFINITY)).collect();
            assert_eq!(scores, expected, "{rules:?} after {ids:?} in {bounds:?}");
        }
    }

    #[test]
    fn ids_past_the_row_are_passed_over() {
        let rules = TokenRules {
            bad_words_ids: vec![Vec::new(), vec![9]],
            suppress_tokens: vec![7],
            forced_bos_token_id: Some(9),
            forced_eos_token_id: vec![8],
            ..TokenRules::default()
        };
        let mut scores = [0.5, 1.5];
        rules.apply(&mut scores, &[0], &TextBounds { prompt_len: 1, max_len: 2, eos_token_ids: vec![9] });
        assert_eq!(scores, [0.5, 1.5]);
    }
}
