//! The likeliest answers of a question, out of the scores of its windows.
//!
//! Reference: `transformers` v5.24, `examples/pytorch/question-answering/utils_qa.py`, `postprocess_qa_predictions`:
//! pairs of the twenty best first and the twenty best last tokens of each window, scored by the sum of the two; "no
//! answer" has the score of the first token, the lowest over the windows. Here padding has no part in it, and a place
//! that two windows share counts once.

/// First and last tokens that are paired, and answers that are kept.
const N_BEST: usize = 20;

/// A place that may be the answer.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Candidate {
    /// Bytes of the context, from and up to.
    pub(super) bytes: (u32, u32),
    pub(super) score: f64,
}

/// What a model gave for a window.
pub(super) struct WindowScores<'a> {
    /// `[tokens, 2]`, scores as first and as last token, without padding
    pub(super) values: &'a [f32],
    /// Position of the first token of the context.
    pub(super) first: usize,
    /// Bytes of the context that each of its tokens stands for.
    pub(super) offsets: &'a [(u32, u32)],
}

/// The likeliest answers so far.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct BestAnswers {
    /// The best first.
    candidates: Vec<Candidate>,
    /// Score of "no answer"; `None` before the first window.
    null_score: Option<f64>,
}

/// Probabilities of the answers and of "no answer", which sum to 1.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Probabilities {
    pub(super) answers: Vec<f64>,
    pub(super) no_answer: f64,
}

impl BestAnswers {
    /// Adds the answers of a window, none of which is longer than `max_answer_length` tokens.
    pub(super) fn add(&mut self, window: &WindowScores<'_>, max_answer_length: usize) {
        let [starts, ends] = [0, 1].map(|end| highest(window.values, end));
        let score_of = |token: usize, end: usize| f64::from(window.values[2 * token + end]);
        let offset = |token: usize| token.checked_sub(window.first).and_then(|token| window.offsets.get(token));
        for &start in &starts {
            for &end in &ends {
                let (Some(first), Some(last)) = (offset(start), offset(end)) else { continue };
                if end < start || end - start >= max_answer_length || first.0 >= last.1 {
                    continue;
                }
                let score = score_of(start, 0) + score_of(end, 1);
                self.candidates.push(Candidate { bytes: (first.0, last.1), score });
            }
        }
        let by_score = |one: &Candidate, other: &Candidate| other.score.total_cmp(&one.score);
        self.candidates.sort_by(|one, other| one.bytes.cmp(&other.bytes).then(by_score(one, other)));
        self.candidates.dedup_by_key(|candidate| candidate.bytes);
        self.candidates.sort_by(by_score);
        self.candidates.truncate(N_BEST);
        let null_score = score_of(0, 0) + score_of(0, 1);
        self.null_score = Some(self.null_score.map_or(null_score, |lowest| lowest.min(null_score)));
    }

    /// The best answers, the best first.
    pub(super) fn candidates(&self) -> &[Candidate] {
        &self.candidates
    }

    /// How much better "no answer" scores than the best answer; infinite where there is none.
    pub(super) fn null_difference(&self) -> f64 {
        match (self.null_score, self.candidates.first()) {
            (Some(null_score), Some(best)) => null_score - best.score,
            _ => f64::INFINITY,
        }
    }

    /// Softmax over the answers and, if it may be given, "no answer".
    pub(super) fn probabilities(&self, has_no_answer: bool) -> Probabilities {
        let null_score = self.null_score.filter(|_| has_no_answer);
        let scores = self.candidates.iter().map(|candidate| candidate.score).chain(null_score);
        let highest = scores.clone().fold(f64::NEG_INFINITY, f64::max);
        let sum: f64 = scores.map(|score| (score - highest).exp()).sum();
        let probability = |score: f64| (score - highest).exp() / sum;
        Probabilities {
            answers: self.candidates.iter().map(|candidate| probability(candidate.score)).collect(),
            // Where there is nothing to choose from, "no answer" is all that is left.
            no_answer: match null_score {
                Some(score) => probability(score),
                None if self.candidates.is_empty() => 1.0,
                None => 0.0,
            },
        }
    }
}

/// Tokens with the highest scores as first (0) or last (1) token, the highest first; of equals the first.
fn highest(values: &[f32], end: usize) -> Vec<usize> {
    let mut tokens: Vec<usize> = (0..values.len() / 2).collect();
    tokens.sort_by(|&one, &other| values[2 * other + end].total_cmp(&values[2 * one + end]));
    tokens.truncate(N_BEST);
    tokens
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `[CLS] q [SEP] a b c [SEP]`, the context being `aa bb cc`.
    const OFFSETS: [(u32, u32); 3] = [(0, 2), (3, 5), (6, 8)];

    fn window<'a>(values: &'a [f32], offsets: &'a [(u32, u32)]) -> WindowScores<'a> {
        WindowScores { values, first: 3, offsets }
    }

    /// Scores as first and as last token, token after token.
    const SCORES: [f32; 14] = [1.0, 2.0, 9.0, 0.0, 0.0, 9.0, 3.0, 0.0, 1.0, 2.5, 0.5, 4.0, 8.0, 8.0];

    #[test]
    fn answers_are_pairs_of_tokens_of_the_context_in_order() {
        let mut best = BestAnswers::default();
        best.add(&window(&SCORES, &OFFSETS), 30);
        let found: Vec<_> = best.candidates().iter().map(|candidate| (candidate.bytes, candidate.score)).collect();
        let expected = [((0, 8), 7.0), ((0, 5), 5.5), ((3, 8), 5.0), ((6, 8), 4.5), ((3, 5), 3.5), ((0, 2), 3.0)];
        assert_eq!(found, expected);
        assert_eq!(best.null_difference(), 3.0 - 7.0);
        let mut short = BestAnswers::default();
        short.add(&window(&SCORES, &OFFSETS), 1);
        let found: Vec<_> = short.candidates().iter().map(|candidate| candidate.bytes).collect();
        assert_eq!(found, [(6, 8), (3, 5), (0, 2)], "of one token");
    }

    #[test]
    fn windows_share_places_and_the_lowest_score_of_no_answer_counts() {
        let mut best = BestAnswers::default();
        best.add(&window(&SCORES, &OFFSETS), 1);
        let second = [0.0, 0.5, 0.0, 0.0, 0.0, 0.0, 6.0, 6.0, 0.0, 0.0];
        best.add(&window(&second, &[(6, 8), (9, 11)]), 1);
        let found: Vec<_> = best.candidates().iter().map(|candidate| (candidate.bytes, candidate.score)).collect();
        assert_eq!(found, [((6, 8), 12.0), ((3, 5), 3.5), ((0, 2), 3.0), ((9, 11), 0.0)]);
        assert_eq!(best.null_difference(), 0.5 - 12.0);
    }

    #[test]
    fn probabilities_sum_to_one_with_and_without_no_answer() {
        let mut best = BestAnswers::default();
        best.add(&window(&[2.0, 1.0, 0.0, 0.0, 0.0, 0.0, 1.0, 2.0], &[(0, 2)]), 30);
        assert_eq!(best.probabilities(true), Probabilities { answers: vec![0.5], no_answer: 0.5 });
        assert_eq!(best.probabilities(false), Probabilities { answers: vec![1.0], no_answer: 0.0 });
        let none = BestAnswers::default();
        assert_eq!(none.probabilities(true), Probabilities { answers: Vec::new(), no_answer: 1.0 });
        assert_eq!(none.null_difference(), f64::INFINITY);
    }

    #[test]
    fn at_most_twenty_answers_are_kept() {
        let values: Vec<f32> = (0..60).map(|value| value as f32 * 0.1).collect();
        let offsets: Vec<(u32, u32)> = (0..27).map(|token| (3 * token, 3 * token + 2)).collect();
        let mut best = BestAnswers::default();
        best.add(&window(&values, &offsets), 30);
        assert_eq!(best.candidates().len(), N_BEST);
        assert!(best.candidates().is_sorted_by(|one, other| one.score >= other.score));
    }
}
