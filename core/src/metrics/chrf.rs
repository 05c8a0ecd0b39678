//! chrF as sacreBLEU 2 computes it when nothing is set: `nrefs:1|case:mixed|eff:yes|nc:6|nw:0|space:no` (chrF2).
//!
//! In: hypotheses and one reference each, as plain text. Out: one figure, 0 to 100: F2 of n-grams of 1 to 6 characters,
//! white space left out. A character is a Unicode code point. Paper: <https://aclanthology.org/W15-3049>; recall
//! counting twice as much: <https://aclanthology.org/W16-2341>; the code:
//! <https://github.com/mjpost/sacrebleu/blob/v2.6.0/sacrebleu/metrics/chrf.py>.

use super::bleu::is_python_space;
use super::ngrams::{common_ngrams, num_ngrams};

/// Longest n-gram that is counted, in characters.
const MAX_CHAR_ORDER: usize = 6;

/// How many times as much recall counts as precision.
const BETA: f64 = 2.0;

/// chrF of one pair, 0 to 100; 0 where either text holds nothing but white space, even if both do.
#[must_use]
pub fn chrf(hypothesis: &str, reference: &str) -> f64 {
    let mut counts = ChrfCounts::default();
    counts.add(hypothesis, reference);
    counts.finish()
}

/// Counts n-grams pair by pair.
#[derive(Debug, Clone, Default)]
pub(super) struct ChrfCounts {
    orders: [OrderCounts; MAX_CHAR_ORDER],
}

/// N-grams of one length.
#[derive(Debug, Clone, Copy, Default)]
struct OrderCounts {
    hypothesis: u64,
    reference: u64,
    common: u64,
}

impl ChrfCounts {
    /// Counts a pair. A hypothesis's n-grams count only where its reference is long enough to have one of that length.
    pub(super) fn add(&mut self, hypothesis: &str, reference: &str) {
        let (hypothesis, reference) = (characters(hypothesis), characters(reference));
        for (counts, order) in self.orders.iter_mut().zip(1..) {
            let num_reference = num_ngrams(reference.len(), order);
            if num_reference > 0 {
                counts.hypothesis += num_ngrams(hypothesis.len(), order);
                counts.reference += num_reference;
                counts.common += common_ngrams(&hypothesis, &reference, order);
            }
        }
    }

    /// Numbers of [`Self::sums`].
    pub(super) const WIDTH: usize = 3 * MAX_CHAR_ORDER;

    /// The counts as plain numbers, which may be added up.
    pub(super) fn sums(&self) -> Vec<f64> {
        let of_order =
            |order: &OrderCounts| [order.hypothesis, order.reference, order.common].map(|count| count as f64);
        self.orders.iter().flat_map(of_order).collect()
    }

    /// The counts that [`Self::sums`] made such numbers of.
    pub(super) fn of_sums(sums: &[f64]) -> Self {
        let count = |order: usize, which: usize| sums[3 * order + which] as u64;
        let orders = std::array::from_fn(|order| OrderCounts {
            hypothesis: count(order, 0),
            reference: count(order, 1),
            common: count(order, 2),
        });
        Self { orders }
    }

    /// chrF of the pairs so far: F2 of the means of precision and recall over those lengths of which both the
    /// hypotheses and the references have n-grams. Without any it is 0.
    pub(super) fn finish(&self) -> f64 {
        let (mut precision, mut recall, mut num_orders) = (0.0, 0.0, 0.0);
        for &OrderCounts { hypothesis, reference, common } in &self.orders {
            if hypothesis > 0 && reference > 0 {
                precision += common as f64 / hypothesis as f64;
                recall += common as f64 / reference as f64;
                num_orders += 1.0;
            }
        }
        // Nothing in common; else there is a length to divide by.
        if precision + recall == 0.0 {
            return 0.0;
        }
        let (precision, recall) = (precision / num_orders, recall / num_orders);
        let factor = BETA * BETA;
        100.0 * ((1.0 + factor) * precision * recall / (factor * precision + recall))
    }
}

/// The characters but white space, as Python's `"".join(text.split())` keeps them.
fn characters(text: &str) -> Vec<char> {
    text.chars().filter(|&char| !is_python_space(char)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde::Deserialize;

    const TOLERANCE: f64 = 1e-9;

    /// sacreBLEU's figures of pairs and of subsets of them; see `make_seq2seq.py` beside it.
    const FIXTURE: &str = include_str!("../../../tests/fixtures/text_metrics/seq2seq.json");

    #[derive(Deserialize)]
    struct Fixture {
        pairs: Vec<Pair>,
        subsets: Vec<Subset>,
    }

    #[derive(Deserialize)]
    struct Pair {
        hypothesis: String,
        reference: String,
        chrf: f64,
    }

    #[derive(Deserialize)]
    struct Subset {
        name: String,
        rows: Vec<usize>,
        chrf: SubsetChrf,
    }

    /// `statistics`: of each length the hypotheses' n-grams, the references', and those in common.
    #[derive(Deserialize)]
    struct SubsetChrf {
        score: f64,
        statistics: Vec<u64>,
    }

    #[test]
    fn pairs_and_corpora_score_as_in_sacrebleu() {
        let Fixture { pairs, subsets } = serde_json::from_str(FIXTURE).expect("the fixture is well formed");
        for Pair { hypothesis, reference, chrf: expected } in &pairs {
            let found = chrf(hypothesis, reference);
            assert!((found - expected).abs() < TOLERANCE, "{found} is not {expected} for {hypothesis:?}");
        }
        assert!(subsets.len() > 5, "there are corpora to compare");
        for Subset { name, rows, chrf: SubsetChrf { score, statistics } } in subsets {
            let mut counts = ChrfCounts::default();
            rows.iter().for_each(|&row| counts.add(&pairs[row].hypothesis, &pairs[row].reference));
            let orders = counts.orders.iter();
            let found: Vec<u64> = orders.flat_map(|order| [order.hypothesis, order.reference, order.common]).collect();
            assert_eq!(found, statistics, "{name}");
            let found = counts.finish();
            assert!((found - score).abs() < TOLERANCE, "{name}: {found} is not {score}");
        }
    }

    #[test]
    fn recall_counts_more_than_precision() {
        // One character: precision 1/2 and recall 1, then the other way round.
        assert!((chrf("ab", "a") - 100.0 * 2.5 / 3.0).abs() < TOLERANCE);
        assert!((chrf("a", "ab") - 100.0 * 2.5 / 4.5).abs() < TOLERANCE);
    }

    #[test]
    fn nothing_scores_zero_beside_anything() {
        for (hypothesis, reference) in [("", "a"), ("a", ""), ("", ""), (" \t", "\n"), ("a", "\u{a0}")] {
            assert_eq!(chrf(hypothesis, reference), 0.0, "{hypothesis:?}, {reference:?}");
        }
        assert_eq!(ChrfCounts::default().finish(), 0.0);
    }

    proptest! {
        #[test]
        fn scores_stay_in_range_and_ignore_white_space(hypothesis in "[a-d é.]{0,20}", reference in "[a-d é.]{0,20}") {
            let found = chrf(&hypothesis, &reference);
            prop_assert!((0.0..=100.0 + TOLERANCE).contains(&found));
            prop_assert_eq!(found, chrf(&hypothesis.replace(' ', ""), &format!(" {reference}\n")));
        }
    }
}
