//! Figures of generated texts against the texts they should have been.
//!
//! In: pairs of a hypothesis and its reference. Out: a [`TextEvaluation`]. BLEU is a figure of the corpus; ROUGE-L and
//! exact match are means over the rows.

use serde::{Deserialize, Serialize};

use super::bleu::BleuCounts;
use super::figure::Figure;
use super::rouge::rouge_l;

/// Figures of a split whose answers are texts.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TextEvaluation {
    /// Corpus BLEU with sacreBLEU's defaults, 0 to 100.
    pub bleu: f64,
    /// Mean ROUGE-L F-measure, 0 to 1.
    pub rouge_l: f64,
    /// Share of rows that are their reference, white space at both ends aside; 0 to 1.
    pub exact_match: f64,
    /// Rows measured.
    pub num_rows: usize,
}

impl TextEvaluation {
    /// BLEU, ROUGE-L and exact match by name.
    #[must_use]
    pub fn figures(&self) -> Vec<Figure> {
        vec![
            Figure::higher("bleu", self.bleu),
            Figure::higher("rougeL", self.rouge_l),
            Figure::higher("exact_match", self.exact_match),
        ]
    }
}

/// The figures of `pairs`, each a hypothesis and its reference, in that order. No rows are 0 everywhere.
#[must_use]
pub fn evaluate_texts<H: AsRef<str>, R: AsRef<str>>(pairs: impl IntoIterator<Item = (H, R)>) -> TextEvaluation {
    let mut counts = BleuCounts::default();
    let mut rouge_l_sum = 0.0;
    let mut num_exact = 0_usize;
    let mut num_rows = 0_usize;
    for (hypothesis, reference) in pairs {
        let (hypothesis, reference) = (hypothesis.as_ref(), reference.as_ref());
        counts.add(hypothesis, reference);
        rouge_l_sum += rouge_l(hypothesis, reference);
        num_exact += usize::from(is_exact_match(hypothesis, reference));
        num_rows += 1;
    }
    let rows = num_rows.max(1) as f64;
    TextEvaluation {
        bleu: counts.finish().score,
        rouge_l: rouge_l_sum / rows,
        exact_match: num_exact as f64 / rows,
        num_rows,
    }
}

/// Whether the texts are the same, white space at both ends aside.
#[must_use]
pub fn is_exact_match(hypothesis: &str, reference: &str) -> bool {
    hypothesis.trim() == reference.trim()
}

/// A prompt, what stands in the file after it, and what a model wrote.
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

#[cfg(test)]
mod tests {
    use super::super::mean_rouge_l;
    use super::*;

    #[test]
    fn figures_are_those_of_their_functions() {
        let hypotheses = ["a red fox ran over the hill", " yes\n", "No", ""].map(String::from);
        let references = ["the red fox ran over a hill", "yes", "no", ""].map(String::from);
        let found = evaluate_texts(hypotheses.iter().zip(&references));
        let mut counts = BleuCounts::default();
        hypotheses.iter().zip(&references).for_each(|(hypothesis, reference)| counts.add(hypothesis, reference));
        assert_eq!(found.bleu, counts.finish().score);
        assert_eq!(found.rouge_l, mean_rouge_l(&hypotheses, &references));
        assert_eq!((found.exact_match, found.num_rows), (0.5, 4));
        let named = [("bleu", found.bleu), ("rougeL", found.rouge_l), ("exact_match", 0.5)];
        assert_eq!(found.figures(), named.map(|(name, value)| Figure::higher(name, value)));
    }

    #[test]
    fn no_rows_is_zero_everywhere() {
        let found = evaluate_texts::<&str, &str>([]);
        assert_eq!(found, TextEvaluation { bleu: 0.0, rouge_l: 0.0, exact_match: 0.0, num_rows: 0 });
    }

    #[test]
    fn figures_survive_json() {
        let found = evaluate_texts([("one two three four", "one two three five"), ("a", "b")]);
        let json = serde_json::to_string(&found).expect("figures are finite");
        assert_eq!(serde_json::from_str::<TextEvaluation>(&json).expect("just written"), found);
    }
}
