//! Loss, perplexity and accuracy of next-token prediction.
//!
//! In: sums over the scored tokens of one batch after another. Out: a [`TokenEvaluation`], in which each token weighs
//! the same whichever batch it came in. Padding and tokens that are not labels are left out by the caller.

use serde::{Deserialize, Serialize};

use super::figure::Figure;
use super::row_sums::{SumFigure, mean_of};

/// Figures of a split whose labels are the next tokens.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TokenEvaluation {
    /// Mean cross-entropy a token, in nats.
    pub loss: f64,
    /// `exp(loss)`; a loss too high for that (above 709) gives the largest finite number, which JSON can carry.
    pub perplexity: f64,
    /// Share of tokens that had the highest logit.
    pub token_accuracy: f64,
    /// Tokens scored.
    pub num_tokens: u64,
}

impl TokenEvaluation {
    /// Loss, perplexity and accuracy by name; without the perplexity where it is above the largest number, which is no measurement.
    #[must_use]
    pub fn figures(&self) -> Vec<Figure> {
        let perplexity = (self.perplexity != f64::MAX).then(|| Figure::lower("perplexity", self.perplexity));
        let accuracy = Figure::higher("token_accuracy", self.token_accuracy);
        [Figure::lower("loss", self.loss)].into_iter().chain(perplexity).chain([accuracy]).collect()
    }
}

/// Loss, perplexity and accuracy out of sums over rows: of the cross-entropies, of the tokens that were predicted right, and of all
/// tokens. Undefined without tokens, as is the perplexity of a loss that is too high for it.
pub const TOKEN_FIGURES: [SumFigure; 3] = [
    SumFigure { name: "loss", higher_is_better: false, of_sums: |sums| mean_of(sums[0], sums[2]) },
    SumFigure {
        name: "perplexity",
        higher_is_better: false,
        of_sums: |sums| mean_of(sums[0], sums[2]).map(f64::exp).filter(|perplexity| perplexity.is_finite()),
    },
    SumFigure { name: "token_accuracy", higher_is_better: true, of_sums: |sums| mean_of(sums[1], sums[2]) },
];

/// Sums over the tokens as they are scored.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct TokenAccumulator {
    loss_sum: f64,
    correct: u64,
    num_tokens: u64,
}

impl TokenAccumulator {
    /// No tokens yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a batch: the sum of its tokens' cross-entropy in nats, how many were predicted right, and how many there
    /// were.
    pub fn add(&mut self, loss_sum: f64, correct: u64, tokens: u64) {
        self.loss_sum += loss_sum;
        self.correct += correct;
        self.num_tokens += tokens;
    }

    /// The figures of the tokens so far. Without tokens the loss and the accuracy are 0 and the perplexity is 1.
    #[must_use]
    pub fn finish(&self) -> TokenEvaluation {
        let tokens = self.num_tokens.max(1) as f64;
        let loss = self.loss_sum / tokens;
        let perplexity = if loss.is_nan() { loss } else { loss.exp().min(f64::MAX) };
        TokenEvaluation { loss, perplexity, token_accuracy: self.correct as f64 / tokens, num_tokens: self.num_tokens }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokens_weigh_the_same_in_every_batch() {
        let mut accumulator = TokenAccumulator::new();
        accumulator.add(3.0, 1, 1);
        accumulator.add(3.0, 1, 3);
        let found = accumulator.finish();
        assert_eq!((found.loss, found.token_accuracy, found.num_tokens), (1.5, 0.5, 4));
        assert!((found.perplexity - 4.481_689_070_338_065).abs() < 1e-12);
    }

    #[test]
    fn guessing_evenly_has_the_vocabulary_as_perplexity() {
        let mut accumulator = TokenAccumulator::new();
        accumulator.add(8.0 * 512_f64.ln(), 0, 8);
        assert!((accumulator.finish().perplexity - 512.0).abs() < 1e-9);
    }

    #[test]
    fn only_the_accuracy_is_better_when_higher() {
        let found = TokenEvaluation { loss: 0.0, perplexity: 1.0, token_accuracy: 0.75, num_tokens: 4 };
        let expected =
            [Figure::lower("loss", 0.0), Figure::lower("perplexity", 1.0), Figure::higher("token_accuracy", 0.75)];
        assert_eq!(found.figures(), expected);
    }

    #[test]
    fn no_tokens_has_no_loss() {
        let found = TokenAccumulator::new().finish();
        assert_eq!(found, TokenEvaluation { loss: 0.0, perplexity: 1.0, token_accuracy: 0.0, num_tokens: 0 });
    }

    #[test]
    fn a_high_loss_survives_json_and_a_nan_is_not_hidden() {
        let mut accumulator = TokenAccumulator::new();
        accumulator.add(5000.0, 0, 2);
        let found = accumulator.finish();
        let json = serde_json::to_string(&found).expect("figures are finite");
        assert_eq!(serde_json::from_str::<TokenEvaluation>(&json).expect("just written"), found);
        let names: Vec<_> = found.figures().into_iter().map(|figure| figure.name).collect();
        assert_eq!(names, ["loss", "token_accuracy"], "the largest number is no measurement");
        assert_eq!(TOKEN_FIGURES.map(|figure| (figure.of_sums)(&[5000.0, 0.0, 2.0])), [Some(2500.0), None, Some(0.0)]);
        accumulator.add(f64::NAN, 0, 2);
        assert!(accumulator.finish().perplexity.is_nan());
    }
}
