//! ROUGE-1, ROUGE-2 and ROUGE-L as Google's `rouge_score` computes them without a stemmer.
//!
//! In: a hypothesis and its reference as plain text. Out: F-measures, 0 to 1: of the words that both have, of the pairs
//! of neighbouring words, and of their longest common subsequence of words. Only `a` to `z` and digits make words, so
//! text in other scripts scores 0. Paper: <https://aclanthology.org/W04-1013>; the code:
//! <https://github.com/google-research/google-research/blob/master/rouge/rouge_scorer.py>.

use super::ngrams::{common_ngrams, num_ngrams};

/// F-measures of a pair: `2pr / (p + r)` with `p` and `r` the shares of the hypothesis's and the reference's words, or
/// pairs of words, that the other has; 0 when either has none.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Rouge {
    /// Of words.
    pub(super) rouge1: f64,
    /// Of pairs of neighbouring words.
    pub(super) rouge2: f64,
    /// As [`rouge_l`].
    pub(super) rouge_l: f64,
}

/// The three figures of a pair.
pub(super) fn rouge(hypothesis: &str, reference: &str) -> Rouge {
    let (hypothesis, reference) = (words(hypothesis), words(reference));
    let of_ngrams = |order: usize| {
        let common = common_ngrams(&hypothesis, &reference, order);
        f_measure(common, num_ngrams(hypothesis.len(), order), num_ngrams(reference.len(), order))
    };
    Rouge { rouge1: of_ngrams(1), rouge2: of_ngrams(2), rouge_l: rouge_l_of_words(&hypothesis, &reference) }
}

/// ROUGE-L F-measure of a pair: `2pr / (p + r)` with `p` and `r` the shares of the hypothesis's and the reference's
/// words in their longest common subsequence; 0 when either has no words.
#[must_use]
pub fn rouge_l(hypothesis: &str, reference: &str) -> f64 {
    rouge_l_of_words(&words(hypothesis), &words(reference))
}

fn rouge_l_of_words(hypothesis: &[String], reference: &[String]) -> f64 {
    let common = longest_common_subsequence(hypothesis, reference);
    f_measure(common, hypothesis.len() as u64, reference.len() as u64)
}

fn f_measure(common: u64, num_hypothesis: u64, num_reference: u64) -> f64 {
    if common == 0 {
        return 0.0;
    }
    let precision = common as f64 / num_hypothesis as f64;
    let recall = common as f64 / num_reference as f64;
    2.0 * precision * recall / (precision + recall)
}

/// Unweighted mean of [`rouge_l`] over the rows. No rows score 0.
///
/// # Panics
/// When there are not as many references as hypotheses.
#[must_use]
pub fn mean_rouge_l(hypotheses: &[String], references: &[String]) -> f64 {
    assert_eq!(hypotheses.len(), references.len(), "each hypothesis has one reference");
    let sum: f64 =
        hypotheses.iter().zip(references).map(|(hypothesis, reference)| rouge_l(hypothesis, reference)).sum();
    sum / hypotheses.len().max(1) as f64
}

fn words(text: &str) -> Vec<String> {
    let lower = text.to_lowercase();
    let is_word_char = |char: char| char.is_ascii_lowercase() || char.is_ascii_digit();
    lower.split(|char| !is_word_char(char)).filter(|word| !word.is_empty()).map(str::to_string).collect()
}

/// Length of the longest common subsequence; one row of the table is kept.
fn longest_common_subsequence(left: &[String], right: &[String]) -> u64 {
    let mut row = vec![0; right.len() + 1];
    for word in left {
        let mut diagonal = 0;
        for (at, other) in right.iter().enumerate() {
            let above = row[at + 1];
            row[at + 1] = if word == other { diagonal + 1 } else { above.max(row[at]) };
            diagonal = above;
        }
    }
    row[right.len()]
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use proptest::prelude::*;
    use serde::Deserialize;

    const TOLERANCE: f64 = 1e-12;

    /// The figures of `rouge_score`; see `make.py` beside it.
    const FIXTURE: &str = include_str!("../../../tests/fixtures/text_metrics/bleu.json");

    /// The three figures of more pairs; see `make_seq2seq.py` beside it.
    const MORE: &str = include_str!("../../../tests/fixtures/text_metrics/seq2seq.json");

    #[derive(Deserialize)]
    struct Fixture {
        pairs: Vec<Pair>,
        subsets: Vec<Subset>,
    }

    #[derive(Deserialize)]
    struct Pair {
        hypothesis: String,
        reference: String,
        rouge_l: f64,
    }

    #[derive(Deserialize)]
    struct Subset {
        name: String,
        rows: Vec<usize>,
        rouge_l: f64,
    }

    #[test]
    fn pairs_and_their_means_score_as_in_rouge_score() {
        let Fixture { pairs, subsets } = serde_json::from_str(FIXTURE).expect("the fixture is well formed");
        for Pair { hypothesis, reference, rouge_l: expected } in &pairs {
            let found = rouge_l(hypothesis, reference);
            assert!((found - expected).abs() < TOLERANCE, "{found} is not {expected} for {hypothesis:?}");
        }
        for Subset { name, rows, rouge_l: expected } in subsets {
            let hypotheses: Vec<String> = rows.iter().map(|&row| pairs[row].hypothesis.clone()).collect();
            let references: Vec<String> = rows.iter().map(|&row| pairs[row].reference.clone()).collect();
            let found = mean_rouge_l(&hypotheses, &references);
            assert!((found - expected).abs() < TOLERANCE, "{name}: {found} is not {expected}");
        }
    }

    #[test]
    fn pairs_score_in_all_three_figures_as_in_rouge_score() {
        #[derive(Deserialize)]
        struct More {
            pairs: Vec<MorePair>,
        }
        #[derive(Deserialize)]
        struct MorePair {
            hypothesis: String,
            reference: String,
            rouge: BTreeMap<String, Scores>,
        }
        #[derive(Deserialize)]
        struct Scores {
            fmeasure: f64,
        }
        let More { pairs } = serde_json::from_str(MORE).expect("the fixture is well formed");
        for MorePair { hypothesis, reference, rouge: expected } in pairs {
            let Rouge { rouge1, rouge2, rouge_l } = rouge(&hypothesis, &reference);
            for (name, found) in [("rouge1", rouge1), ("rouge2", rouge2), ("rougeL", rouge_l)] {
                let expected = expected[name].fmeasure;
                assert!((found - expected).abs() < TOLERANCE, "{name}: {found} is not {expected} for {hypothesis:?}");
            }
        }
    }

    #[test]
    fn order_counts_and_case_does_not() {
        // Police killed the gunman: three of four words in order.
        assert_eq!(rouge_l("Police kill the gunman.", "police killed the gunman"), 0.75);
        assert_eq!(rouge_l("the gunman kill police", "police killed the gunman"), 0.5);
    }

    #[test]
    fn no_words_is_zero() {
        assert_eq!(
            (rouge_l("", "a"), rouge_l("a", "..."), rouge_l("", ""), mean_rouge_l(&[], &[])),
            (0.0, 0.0, 0.0, 0.0)
        );
        let none = Rouge { rouge1: 0.0, rouge2: 0.0, rouge_l: 0.0 };
        assert_eq!((rouge("", "a"), rouge("a", "..."), rouge("", "")), (none, none, none));
        assert_eq!(rouge("a", "a"), Rouge { rouge1: 1.0, rouge2: 0.0, rouge_l: 1.0 }, "one word is no pair of words");
    }

    proptest! {
        #[test]
        fn figure_is_symmetric_and_in_range(left in ".{0,40}", right in "[A-c 0-2]{0,40}") {
            let found = rouge_l(&left, &right);
            prop_assert!((0.0..=1.0).contains(&found));
            prop_assert!((found - rouge_l(&right, &left)).abs() < TOLERANCE);
        }
    }
}
