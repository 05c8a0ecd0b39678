//! When a written text is the text it should have been, a sample of what was written, and what was measured of it.

use serde::{Deserialize, Serialize, Serializer};

use super::bleu::{MAX_NGRAM_ORDER, num_words};
use super::figure::{Figure, known_interval};
use super::text_style::TextStyles;
use super::text_to_text::TextToTextEvaluation;

/// Whether the texts are the same, white space at both ends aside (Unicode's `White_Space`). Case, punctuation and
/// white space inside count, and so does how an accented letter is composed. Two texts of white space alone are the
/// same.
#[must_use]
pub fn is_exact_match(hypothesis: &str, reference: &str) -> bool {
    hypothesis.trim() == reference.trim()
}

/// A prompt, what stands in the file for it, and what a model wrote.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TextSample {
    /// Row of the file.
    pub row: usize,
    /// The prompt.
    pub prompt: String,
    /// What stands in the file.
    pub expected: String,
    /// What the model wrote.
    pub generated: String,
}

/// What a model wrote after prompts, measured against what stands in the file.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct WritingEvaluation {
    /// The figures.
    pub figures: TextToTextEvaluation,
    /// Their intervals, in the order of [`TEXT_FIGURES`](super::TEXT_FIGURES); empty in logs of before. JSON has `null` for one that is not
    /// known, also where both its ends are one.
    #[serde(default, serialize_with = "write_intervals")]
    pub intervals: Vec<Option<[f64; 2]>>,
    /// What these texts are like, and those of the file.
    pub styles: TextStyles,
    /// Every prompt, with what was written.
    pub samples: Vec<TextSample>,
    /// How tokens were chosen and how many there were at most, in words; empty in logs of before.
    #[serde(default)]
    pub how: String,
    /// Which of that comes from the model's own generation_config.json, and what of the file was not followed.
    #[serde(default)]
    pub notes: Vec<String>,
}

fn write_intervals<S: Serializer>(intervals: &[Option<[f64; 2]>], serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_seq(intervals.iter().map(|interval| interval.and_then(known_interval)))
}

impl WritingEvaluation {
    /// The figures by name, with their intervals; of one that was measured and is not known both ends are the value.
    #[must_use]
    pub fn figures(&self) -> Vec<Figure> {
        let intervals = self.intervals.iter().copied().map(Some).chain(std::iter::repeat(None));
        let with_interval = |(figure, measured): (Figure, Option<Option<[f64; 2]>>)| {
            let interval = measured.map(|known| known.unwrap_or([figure.value; 2]));
            Figure { interval, ..figure }
        };
        self.figures.figures().into_iter().zip(intervals).map(with_interval).collect()
    }

    /// Whether the figure of that name says something of these texts: BLEU counts runs of [`MAX_NGRAM_ORDER`] words, and does not
    /// where all texts of the file are shorter.
    #[must_use]
    pub fn is_defined(&self, name: &str) -> bool {
        let is_long_enough = |sample: &TextSample| num_words(&sample.expected) >= MAX_NGRAM_ORDER;
        name != "bleu" || self.samples.is_empty() || self.samples.iter().any(is_long_enough)
    }
}
