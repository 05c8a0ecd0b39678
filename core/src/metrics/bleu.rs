//! Corpus BLEU as sacreBLEU 2 computes it when nothing is set: `nrefs:1|case:mixed|eff:no|tok:13a|smooth:exp`.
//!
//! In: hypotheses and one reference each, as plain text. Out: a [`Bleu`]. n-grams run from 1 to 4 and are summed over
//! the corpus before anything is divided. Paper: <https://aclanthology.org/P02-1040>; the variant:
//! <https://aclanthology.org/W18-6319>.

use serde::{Deserialize, Serialize};

use super::ngrams::{common_ngrams, num_ngrams};

/// Longest n-gram that is counted.
pub const MAX_NGRAM_ORDER: usize = 4;

/// BLEU of a corpus and the counts it is made of.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Bleu {
    /// Geometric mean of the precisions times the brevity penalty, 0 to 100.
    pub score: f64,
    /// Share of the hypotheses' 1-grams to 4-grams that the references have, 0 to 100, smoothed where it would be 0.
    pub precisions: [f64; MAX_NGRAM_ORDER],
    /// `exp(1 - reference_len / hypothesis_len)` of hypotheses shorter than the references, else 1.
    pub brevity_penalty: f64,
    /// Tokens of the hypotheses.
    pub hypothesis_len: u64,
    /// Tokens of the references.
    pub reference_len: u64,
    /// Matched n-grams of each order.
    pub correct: [u64; MAX_NGRAM_ORDER],
    /// The hypotheses' n-grams of each order.
    pub total: [u64; MAX_NGRAM_ORDER],
}

/// Counts n-grams pair by pair.
#[derive(Debug, Clone, Default)]
pub(super) struct BleuCounts {
    hypothesis_len: u64,
    reference_len: u64,
    correct: [u64; MAX_NGRAM_ORDER],
    total: [u64; MAX_NGRAM_ORDER],
}

impl BleuCounts {
    /// Counts a pair.
    pub(super) fn add(&mut self, hypothesis: &str, reference: &str) {
        let (hypothesis, reference) = (tokenize_13a(hypothesis), tokenize_13a(reference));
        self.hypothesis_len += hypothesis.len() as u64;
        self.reference_len += reference.len() as u64;
        for order in 1..=MAX_NGRAM_ORDER {
            self.total[order - 1] += num_ngrams(hypothesis.len(), order);
            self.correct[order - 1] += common_ngrams(&hypothesis, &reference, order);
        }
    }

    /// Numbers of [`Self::sums`].
    pub(super) const WIDTH: usize = 2 + 2 * MAX_NGRAM_ORDER;

    /// The counts as plain numbers, which may be added up.
    pub(super) fn sums(&self) -> [f64; Self::WIDTH] {
        let mut sums = [0.0; Self::WIDTH];
        let lengths = [self.hypothesis_len, self.reference_len];
        let counts = lengths.iter().chain(&self.correct).chain(&self.total);
        sums.iter_mut().zip(counts).for_each(|(sum, &count)| *sum = count as f64);
        sums
    }

    /// The counts that [`Self::sums`] made such numbers of.
    pub(super) fn of_sums(sums: &[f64]) -> Self {
        let orders = |from: usize| std::array::from_fn(|order| sums[from + order] as u64);
        let [hypothesis_len, reference_len] = [sums[0] as u64, sums[1] as u64];
        Self { hypothesis_len, reference_len, correct: orders(2), total: orders(2 + MAX_NGRAM_ORDER) }
    }

    /// BLEU of the pairs so far; without any it is 0.
    pub(super) fn finish(self) -> Bleu {
        let Self { hypothesis_len, reference_len, correct, total } = self;
        let brevity_penalty = if hypothesis_len >= reference_len {
            1.0
        } else if hypothesis_len == 0 {
            0.0
        } else {
            (1.0 - reference_len as f64 / hypothesis_len as f64).exp()
        };
        let precisions = if correct == [0; MAX_NGRAM_ORDER] { [0.0; MAX_NGRAM_ORDER] } else { smooth(correct, total) };
        let score = if precisions.contains(&0.0) {
            0.0
        } else {
            let sum: f64 = precisions.iter().map(|precision| precision.ln()).sum();
            brevity_penalty * (sum / MAX_NGRAM_ORDER as f64).exp()
        };
        Bleu { score, precisions, brevity_penalty, hypothesis_len, reference_len, correct, total }
    }
}

/// Precisions in percent; the first order without a match counts as half a match, the next as a quarter and so on
/// (NIST's smoothing, method 3 of <https://aclanthology.org/W14-3346>). Orders for which the hypotheses are too short
/// stay 0.
fn smooth(correct: [u64; MAX_NGRAM_ORDER], total: [u64; MAX_NGRAM_ORDER]) -> [f64; MAX_NGRAM_ORDER] {
    let mut precisions = [0.0; MAX_NGRAM_ORDER];
    let mut halving = 1.0;
    for (precision, (&correct, &total)) in precisions.iter_mut().zip(correct.iter().zip(&total)) {
        if total == 0 {
            break;
        }
        *precision = if correct == 0 {
            halving *= 2.0;
            100.0 / (halving * total as f64)
        } else {
            100.0 * correct as f64 / total as f64
        };
    }
    precisions
}

/// Tokens as `mteval-v13a.pl` and sacreBLEU's `Tokenizer13a` split them: ASCII punctuation stands alone, except `'`
/// and `-` and the period and comma inside a number. Each regular expression of sacreBLEU is one function here.
fn tokenize_13a(text: &str) -> Vec<String> {
    let mut line =
        text.trim_end_matches(is_python_space).replace("<skipped>", "").replace("-\n", "").replace('\n', " ");
    if line.contains('&') {
        line = line.replace("&quot;", "\"").replace("&amp;", "&").replace("&lt;", "<").replace("&gt;", ">");
    }
    let mut chars = vec![' '];
    chars.extend(line.chars());
    chars.push(' ');
    let chars = part_punctuation(&chars);
    let chars = replace_pairs(&chars, |left, right| !left.is_ascii_digit() && is_period(right), [false, true, true]);
    let chars = replace_pairs(&chars, |left, right| is_period(left) && !right.is_ascii_digit(), [true, true, false]);
    let chars = replace_pairs(&chars, |left, right| left.is_ascii_digit() && right == '-', [false, true, true]);
    let line: String = chars.into_iter().collect();
    line.split(is_python_space).filter(|token| !token.is_empty()).map(str::to_string).collect()
}

/// Tokens of a text, as they are counted.
pub(super) fn num_words(text: &str) -> usize {
    tokenize_13a(text).len()
}

/// `([\{-\~\[-\` -\&\(-\+\:-\@\/])` becomes ` \1 `.
fn part_punctuation(chars: &[char]) -> Vec<char> {
    let mut parted = Vec::with_capacity(chars.len() * 2);
    for &char in chars {
        match char {
            '{'..='~' | '['..='`' | ' '..='&' | '('..='+' | ':'..='@' | '/' => parted.extend([' ', char, ' ']),
            _ => parted.push(char),
        }
    }
    parted
}

/// Each pair that matches, from the left and without overlap, gets a space before, between and after as `spaces` says.
fn replace_pairs(chars: &[char], matches: impl Fn(char, char) -> bool, spaces: [bool; 3]) -> Vec<char> {
    let mut replaced = Vec::with_capacity(chars.len() * 2);
    let mut at = 0;
    while at < chars.len() {
        if at + 1 < chars.len() && matches(chars[at], chars[at + 1]) {
            for (space, char) in spaces.into_iter().zip([Some(chars[at]), Some(chars[at + 1]), None]) {
                replaced.extend(space.then_some(' '));
                replaced.extend(char);
            }
            at += 2;
        } else {
            replaced.push(chars[at]);
            at += 1;
        }
    }
    replaced
}

fn is_period(char: char) -> bool {
    matches!(char, '.' | ',')
}

/// What Python's `str.split` splits at: Unicode's white space and four ASCII separators.
pub(super) fn is_python_space(char: char) -> bool {
    char.is_whitespace() || matches!(char, '\u{1c}'..='\u{1f}')
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const TOLERANCE: f64 = 1e-9;

    /// sacreBLEU's figures of pairs and of subsets of them; see `make.py` beside it.
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
        hypothesis_tokens: Vec<String>,
        reference_tokens: Vec<String>,
        bleu: f64,
    }

    #[derive(Deserialize)]
    struct Subset {
        name: String,
        rows: Vec<usize>,
        bleu: Bleu,
    }

    fn fixture() -> Fixture {
        serde_json::from_str(FIXTURE).expect("the fixture is well formed")
    }

    fn strings(texts: &[&str]) -> Vec<String> {
        texts.iter().map(ToString::to_string).collect()
    }

    fn corpus_bleu(hypotheses: &[String], references: &[String]) -> Bleu {
        let mut counts = BleuCounts::default();
        hypotheses.iter().zip(references).for_each(|(hypothesis, reference)| counts.add(hypothesis, reference));
        counts.finish()
    }

    #[test]
    fn corpora_score_as_in_sacrebleu() {
        let Fixture { pairs, subsets } = fixture();
        for Subset { name, rows, bleu } in subsets {
            let hypotheses: Vec<String> = rows.iter().map(|&row| pairs[row].hypothesis.clone()).collect();
            let references: Vec<String> = rows.iter().map(|&row| pairs[row].reference.clone()).collect();
            let found = corpus_bleu(&hypotheses, &references);
            assert!((found.score - bleu.score).abs() < TOLERANCE, "{name}: {} is not {}", found.score, bleu.score);
            assert!((found.brevity_penalty - bleu.brevity_penalty).abs() < TOLERANCE, "{name}");
            for (found, expected) in found.precisions.iter().zip(bleu.precisions) {
                assert!((found - expected).abs() < TOLERANCE, "{name}: {found} is not {expected}");
            }
            assert_eq!((found.correct, found.total), (bleu.correct, bleu.total), "{name}");
            assert_eq!(
                (found.hypothesis_len, found.reference_len),
                (bleu.hypothesis_len, bleu.reference_len),
                "{name}"
            );
        }
    }

    #[test]
    fn single_pairs_tokenize_and_score_as_in_sacrebleu() {
        for pair in fixture().pairs {
            assert_eq!(tokenize_13a(&pair.hypothesis), pair.hypothesis_tokens);
            assert_eq!(tokenize_13a(&pair.reference), pair.reference_tokens);
            let found = corpus_bleu(std::slice::from_ref(&pair.hypothesis), &[pair.reference]).score;
            assert!((found - pair.bleu).abs() < TOLERANCE, "{found} is not {} for {:?}", pair.bleu, pair.hypothesis);
        }
    }

    #[test]
    fn words_and_marks_are_counted_as_bleu_parts_them() {
        assert_eq!(["", "  yes ", "12 May 2026", "no, not now"].map(num_words), [0, 1, 3, 4]);
    }

    #[test]
    fn numbers_keep_their_points_and_words_do_not() {
        let tokens = tokenize_13a("It's 1,000.5 or (3-4), no.5 &quot;a-b&quot; u.s.");
        let expected = "It's 1,000.5 or ( 3 - 4 ) , no . 5 \" a-b \" u . s .";
        assert_eq!(tokens, expected.split(' ').collect::<Vec<_>>());
    }

    #[test]
    fn a_copy_scores_one_hundred() {
        let texts = strings(&["the cat sat on the mat", "five words are enough here"]);
        assert!((corpus_bleu(&texts, &texts).score - 100.0).abs() < TOLERANCE);
    }

    #[test]
    fn nothing_said_scores_zero() {
        let found = corpus_bleu(&strings(&[""]), &strings(&["a reference"]));
        assert_eq!((found.score, found.brevity_penalty), (0.0, 0.0));
        assert_eq!(corpus_bleu(&[], &[]).score, 0.0);
    }

    proptest! {
        #[test]
        fn scores_stay_in_range(pairs in prop::collection::vec((".{0,40}", "[a-c., 1-]{0,40}"), 0..6)) {
            let (hypotheses, references): (Vec<String>, Vec<String>) = pairs.into_iter().unzip();
            let found = corpus_bleu(&hypotheses, &references);
            prop_assert!((0.0..=100.0 + TOLERANCE).contains(&found.score));
            prop_assert!(found.correct.iter().zip(&found.total).all(|(correct, total)| correct <= total));
        }
    }
}
