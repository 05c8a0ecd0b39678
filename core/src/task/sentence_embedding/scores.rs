//! How alike two texts are: a number, or a word that stands for one, on a scale of 0 to 1.

/// Words and the scores that they stand for.
const WORDS: &[(&str, f32)] = &[
    ("entailment", 1.0),
    ("paraphrase", 1.0),
    ("duplicate", 1.0),
    ("equivalent", 1.0),
    ("similar", 1.0),
    ("relevant", 1.0),
    ("true", 1.0),
    ("yes", 1.0),
    ("neutral", 0.5),
    ("contradiction", 0.0),
    ("not_entailment", 0.0),
    ("not_paraphrase", 0.0),
    ("not_duplicate", 0.0),
    ("not_equivalent", 0.0),
    ("not_relevant", 0.0),
    ("dissimilar", 0.0),
    ("different", 0.0),
    ("irrelevant", 0.0),
    ("false", 0.0),
    ("no", 0.0),
];

/// The score in a cell; `None` where it holds neither a finite number nor such a word.
pub(super) fn parse_score(cell: &str) -> Option<f32> {
    let cell = cell.trim();
    cell.parse::<f32>().ok().filter(|number| number.is_finite()).or_else(|| find_word(cell).map(|(_, score)| score))
}

/// A word with its score, as [`WORDS`] spell it.
pub(super) fn find_word(cell: &str) -> Option<(&'static str, f32)> {
    let plain = cell.trim().to_lowercase().replace([' ', '-'], "_");
    WORDS.iter().copied().find(|(word, _)| *word == plain)
}

/// The ends of a scale that is not 0 to 1.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Scale {
    pub(super) low: f32,
    pub(super) high: f32,
}

impl Scale {
    /// Of the scores to train on: from 0, or the lowest of them where that is less, to the highest. `None` where they need
    /// no scaling.
    pub(super) fn of(scores: impl Iterator<Item = f32>) -> Option<Self> {
        let (low, high) = scores.fold((0.0_f32, 0.0_f32), |(low, high), score| (low.min(score), high.max(score)));
        (low < 0.0 || high > 1.0).then_some(Self { low, high })
    }

    /// A score on the scale of 0 to 1.
    pub(super) fn apply(self, score: f32) -> f32 {
        (score - self.low) / (self.high - self.low)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scores_are_numbers_or_words() {
        let found =
            ["0.25", " 4 ", "Entailment", "not duplicate", "neutral", "NaN", "inf", "maybe", ""].map(parse_score);
        let expected = [Some(0.25), Some(4.0), Some(1.0), Some(0.0), Some(0.5), None, None, None, None];
        assert_eq!(found, expected);
    }

    #[test]
    fn scales_are_those_that_do_not_go_from_0_to_1() {
        assert_eq!(Scale::of([0.2, 1.0].into_iter()), None);
        assert_eq!(Scale::of([0.0].into_iter()), None);
        let five = Scale::of([1.0, 5.0, 2.5].into_iter()).expect("up to 5");
        assert_eq!([0.0, 2.5, 5.0].map(|score| five.apply(score)), [0.0, 0.5, 1.0]);
        let signed = Scale::of([-1.0, 1.0].into_iter()).expect("from -1");
        assert_eq!([-1.0, 0.0, 1.0].map(|score| signed.apply(score)), [0.0, 0.5, 1.0]);
    }
}
