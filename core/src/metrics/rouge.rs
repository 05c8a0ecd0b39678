//! ROUGE-L as Google's `rouge_score` computes `rougeL` without a stemmer.
//!
//! In: a hypothesis and its reference as plain text. Out: the F-measure of their longest common subsequence of words,
//! 0 to 1. Only `a` to `z` and digits make words, so text in other scripts scores 0. Paper:
//! <https://aclanthology.org/W04-1013>.

/// ROUGE-L F-measure of a pair: `2pr / (p + r)` with `p` and `r` the shares of the hypothesis's and the reference's
/// words in their longest common subsequence; 0 when either has no words.
#[must_use]
pub fn rouge_l(hypothesis: &str, reference: &str) -> f64 {
    let (hypothesis, reference) = (words(hypothesis), words(reference));
    if hypothesis.is_empty() || reference.is_empty() {
        return 0.0;
    }
    let common = longest_common_subsequence(&hypothesis, &reference) as f64;
    let precision = common / hypothesis.len() as f64;
    let recall = common / reference.len() as f64;
    if precision + recall > 0.0 { 2.0 * precision * recall / (precision + recall) } else { 0.0 }
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
fn longest_common_subsequence(left: &[String], right: &[String]) -> usize {
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
    use super::*;
    use proptest::prelude::*;
    use serde::Deserialize;

    const TOLERANCE: f64 = 1e-12;

    /// The figures of `rouge_score`; see `make.py` beside it.
    const FIXTURE: &str = include_str!("../../../tests/fixtures/text_metrics/bleu.json");

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
