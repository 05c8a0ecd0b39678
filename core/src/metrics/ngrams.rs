//! Counts of n-grams, which BLEU, ROUGE-N and chrF share.
//!
//! In: the words or characters of a hypothesis and its reference, and how many make an n-gram. Out: how many n-grams
//! there are, and how many both have.

use std::collections::HashMap;
use std::hash::Hash;

/// N-grams in a text of `len` words or characters; `order` is at least 1.
pub(super) fn num_ngrams(len: usize, order: usize) -> u64 {
    (len + 1).saturating_sub(order) as u64
}

/// The hypothesis's n-grams that the reference has; each counts as often as both have it.
pub(super) fn common_ngrams<T: Eq + Hash>(hypothesis: &[T], reference: &[T], order: usize) -> u64 {
    let mut left: HashMap<&[T], u64> = HashMap::new();
    for ngram in reference.windows(order) {
        *left.entry(ngram).or_default() += 1;
    }
    let mut common = 0;
    for ngram in hypothesis.windows(order) {
        if let Some(count) = left.get_mut(ngram)
            && *count > 0
        {
            *count -= 1;
            common += 1;
        }
    }
    common
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_ngram_counts_as_often_as_both_have_it() {
        let (hypothesis, reference) = (["a", "b", "a", "b", "a"], ["b", "a", "b", "c"]);
        let common = [1, 2, 3, 4].map(|order| common_ngrams(&hypothesis, &reference, order));
        assert_eq!(common, [3, 2, 1, 0]);
        assert_eq!(common_ngrams(&reference, &hypothesis, 2), 2);
    }

    #[test]
    fn a_text_shorter_than_an_ngram_has_none() {
        assert_eq!([1, 2, 3, 4].map(|order| num_ngrams(2, order)), [2, 1, 0, 0]);
        assert_eq!(num_ngrams(0, 1), 0);
        assert_eq!(common_ngrams(&['a'], &['a'], 2), 0);
    }
}
