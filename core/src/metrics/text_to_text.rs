//! Figures of texts that a model wrote for other texts: translations, summaries, answers, labels.
//!
//! In: pairs of a predicted text and its target. Out: a [`TextToTextEvaluation`], and the intervals of its figures.
//! BLEU and chrF are figures of the corpus; ROUGE and exact match are means over the rows. Where a few targets come
//! again and again, they are labels, and each is measured as in a classification.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::bleu::BleuCounts;
use super::bootstrap::{NUM_RESAMPLES, RESAMPLE_SEED};
use super::chrf::ChrfCounts;
use super::classification::ClassMetrics;
use super::figure::Figure;
use super::ratios::{Counts, PrecisionRecallF1};
use super::rouge::rouge;
use super::row_sums::{RowSums, SumFigure, mean_of};
use super::text::is_exact_match;

/// More different targets than this are no labels.
pub const MAX_TARGET_LABELS: usize = 20;

/// Figures of a split whose targets are texts.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TextToTextEvaluation {
    /// Corpus BLEU with sacreBLEU's defaults, 0 to 100.
    pub bleu: f64,
    /// Corpus chrF with sacreBLEU's defaults (chrF2), 0 to 100.
    pub chrf: f64,
    /// Mean ROUGE-1 F-measure, without a stemmer, 0 to 1.
    pub rouge1: f64,
    /// Mean ROUGE-2 F-measure, without a stemmer, 0 to 1.
    pub rouge2: f64,
    /// Mean ROUGE-L F-measure, without a stemmer, 0 to 1. In JSON it is called as the figure is.
    #[serde(rename = "rougeL", alias = "rouge_l")]
    pub rouge_l: f64,
    /// Share of rows that are their target by [`is_exact_match`]: white space at both ends aside, character by
    /// character; 0 to 1.
    pub exact_match: f64,
    /// Rows measured.
    pub num_rows: usize,
    /// Figures of each target, where there are at most [`MAX_TARGET_LABELS`] different ones and fewer than half as many
    /// as rows.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub labels: Option<TargetLabels>,
}

/// Targets as the labels of a classification. A prediction is of a label by [`is_exact_match`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TargetLabels {
    /// One entry a different target, without white space at its ends, in the order of their characters.
    pub per_label: Vec<ClassMetrics>,
    /// Predictions that are none of the labels; they count in no label's precision.
    pub num_unknown: usize,
}

impl TextToTextEvaluation {
    /// BLEU, chrF, ROUGE and exact match by name.
    #[must_use]
    pub fn figures(&self) -> Vec<Figure> {
        vec![
            Figure::higher("bleu", self.bleu),
            Figure::higher("chrf", self.chrf),
            Figure::higher("rouge1", self.rouge1),
            Figure::higher("rouge2", self.rouge2),
            Figure::higher("rougeL", self.rouge_l),
            Figure::higher("exact_match", self.exact_match),
        ]
    }
}

/// The figures of `pairs`, each a predicted text and its target, in that order. No rows are 0 everywhere and have no
/// labels.
#[must_use]
pub fn evaluate_text_to_text<P: AsRef<str>, T: AsRef<str>>(
    pairs: impl IntoIterator<Item = (P, T)>,
) -> TextToTextEvaluation {
    evaluate(pairs).0
}

/// The same, with the intervals of [`TEXT_FIGURES`] by draws of pairs.
#[must_use]
pub fn evaluate_with_intervals<P: AsRef<str>, T: AsRef<str>>(
    pairs: impl IntoIterator<Item = (P, T)>,
) -> (TextToTextEvaluation, Vec<Option<[f64; 2]>>) {
    let (evaluation, sums) = evaluate(pairs);
    (evaluation, sums.intervals(&TEXT_FIGURES, NUM_RESAMPLES, RESAMPLE_SEED))
}

/// The figures, and the sums that they are made of.
fn evaluate<P: AsRef<str>, T: AsRef<str>>(pairs: impl IntoIterator<Item = (P, T)>) -> (TextToTextEvaluation, RowSums) {
    let pairs: Vec<(P, T)> = pairs.into_iter().collect();
    let pairs: Vec<(&str, &str)> =
        pairs.iter().map(|(predicted, target)| (predicted.as_ref(), target.as_ref())).collect();
    let sums = text_sums(pairs.iter().copied());
    let values = TEXT_FIGURES.map(|figure| sums.value(&figure).unwrap_or(0.0));
    let [bleu, chrf, rouge1, rouge2, rouge_l, exact_match] = values;
    let (num_rows, labels) = (pairs.len(), target_labels(&pairs));
    (TextToTextEvaluation { bleu, chrf, rouge1, rouge2, rouge_l, exact_match, num_rows, labels }, sums)
}

/// Where the counts of chrF begin among the sums of a pair, where ROUGE and exact match do, and how many sums there are.
const CHRF_AT: usize = BleuCounts::WIDTH;
const ROUGE_AT: usize = CHRF_AT + ChrfCounts::WIDTH;
const NUM_SUMS: usize = ROUGE_AT + 5;

/// The figures of written texts out of the sums of [`sums_of_text`], in the order of [`TextToTextEvaluation::figures`].
pub const TEXT_FIGURES: [SumFigure; 6] = [
    SumFigure {
        name: "bleu",
        higher_is_better: true,
        of_sums: |sums| Some(BleuCounts::of_sums(&sums[..CHRF_AT]).finish().score),
    },
    SumFigure {
        name: "chrf",
        higher_is_better: true,
        of_sums: |sums| Some(ChrfCounts::of_sums(&sums[CHRF_AT..ROUGE_AT]).finish()),
    },
    SumFigure { name: "rouge1", higher_is_better: true, of_sums: |sums| mean_of_texts(sums, 0) },
    SumFigure { name: "rouge2", higher_is_better: true, of_sums: |sums| mean_of_texts(sums, 1) },
    SumFigure { name: "rougeL", higher_is_better: true, of_sums: |sums| mean_of_texts(sums, 2) },
    SumFigure { name: "exact_match", higher_is_better: true, of_sums: |sums| mean_of_texts(sums, 3) },
];

fn mean_of_texts(sums: &[f64], index: usize) -> Option<f64> {
    mean_of(sums[ROUGE_AT + index], sums[ROUGE_AT + 4])
}

/// What the figures of a predicted text and its target are made of.
#[must_use]
pub fn sums_of_text(predicted: &str, target: &str) -> Vec<f64> {
    let (mut bleu, mut chrf) = (BleuCounts::default(), ChrfCounts::default());
    bleu.add(predicted, target);
    chrf.add(predicted, target);
    let found = rouge(predicted, target);
    let exact = f64::from(u8::from(is_exact_match(predicted, target)));
    let mut sums = bleu.sums().to_vec();
    sums.extend(chrf.sums());
    sums.extend([found.rouge1, found.rouge2, found.rouge_l, exact, 1.0]);
    sums
}

/// The same of pairs of a predicted text and its target.
#[must_use]
pub(super) fn text_sums<'a>(pairs: impl Iterator<Item = (&'a str, &'a str)>) -> RowSums {
    let mut rows = RowSums::new(NUM_SUMS);
    for (predicted, target) in pairs {
        rows.push(&sums_of_text(predicted, target));
    }
    rows
}

/// The targets as labels; `None` where they are too many to be that.
fn target_labels(pairs: &[(&str, &str)]) -> Option<TargetLabels> {
    let mut counts: BTreeMap<&str, Counts> = BTreeMap::new();
    for (_, target) in pairs {
        counts.entry(target.trim()).or_default().support += 1;
        if counts.len() > MAX_TARGET_LABELS {
            return None;
        }
    }
    if 2 * counts.len() >= pairs.len() {
        return None;
    }
    let mut num_unknown = 0;
    for (predicted, target) in pairs {
        match counts.get_mut(predicted.trim()) {
            Some(label) => {
                label.predicted += 1;
                label.hits += usize::from(is_exact_match(predicted, target));
            }
            None => num_unknown += 1,
        }
    }
    let per_label = counts.into_iter().map(|(label, counts)| {
        let PrecisionRecallF1 { precision, recall, f1 } = counts.ratios();
        ClassMetrics { label: label.to_owned(), precision, recall, f1, support: counts.support }
    });
    Some(TargetLabels { per_label: per_label.collect(), num_unknown })
}

#[cfg(test)]
mod tests {
    use super::*;

    const TOLERANCE: f64 = 1e-9;

    /// sacreBLEU's and rouge_score's figures of pairs and of subsets of them; see `make_seq2seq.py` beside it.
    const FIXTURE: &str = include_str!("../../../tests/fixtures/text_metrics/seq2seq.json");

    /// Pairs of the fixture that differ in white space at their ends alone. They match exactly here, as elsewhere in
    /// Hone; the fixture compares texts as they are.
    const DIFFER_AT_THEIR_ENDS: [(&str, &str); 3] =
        [("  spaces around  \n", "spaces around"), ("positive ", "positive"), ("   ", "\n")];

    #[derive(Deserialize)]
    struct Fixture {
        pairs: Vec<Pair>,
        subsets: Vec<Subset>,
    }

    #[derive(Deserialize)]
    struct Pair {
        hypothesis: String,
        reference: String,
        exact_match: bool,
    }

    #[derive(Deserialize)]
    struct Subset {
        name: String,
        rows: Vec<usize>,
        bleu: Score,
        chrf: Score,
        rouge: MeanRouge,
        exact_match: f64,
    }

    #[derive(Deserialize)]
    struct Score {
        score: f64,
    }

    #[derive(Deserialize)]
    struct MeanRouge {
        rouge1: f64,
        rouge2: f64,
        #[serde(rename = "rougeL")]
        rouge_l: f64,
    }

    fn fixture() -> Fixture {
        serde_json::from_str(FIXTURE).expect("the fixture is well formed")
    }

    fn differ_at_their_ends(pair: &Pair) -> bool {
        DIFFER_AT_THEIR_ENDS.contains(&(pair.hypothesis.as_str(), pair.reference.as_str()))
    }

    #[test]
    fn corpora_score_as_in_sacrebleu_and_rouge_score() {
        let Fixture { pairs, subsets } = fixture();
        assert!(subsets.len() > 5, "there are corpora to compare");
        for Subset { name, rows, bleu, chrf, rouge, exact_match } in subsets {
            let chosen = || rows.iter().map(|&row| &pairs[row]);
            let found = evaluate_text_to_text(chosen().map(|pair| (&pair.hypothesis, &pair.reference)));
            let num_more = chosen().filter(|pair| differ_at_their_ends(pair)).count();
            let expected = [
                ("bleu", bleu.score),
                ("chrf", chrf.score),
                ("rouge1", rouge.rouge1),
                ("rouge2", rouge.rouge2),
                ("rougeL", rouge.rouge_l),
                ("exact_match", exact_match + num_more as f64 / rows.len() as f64),
            ];
            let figures = found.figures();
            assert_eq!((found.num_rows, figures.len()), (rows.len(), expected.len()), "{name}");
            for (found, (figure, expected)) in figures.iter().zip(expected) {
                assert_eq!((&*found.name, found.higher_is_better), (figure, true), "{name}");
                assert!((found.value - expected).abs() < TOLERANCE, "{name}: {figure} {found:?} is not {expected}");
            }
        }
    }

    #[test]
    fn pairs_match_exactly_as_they_are_or_without_white_space_at_their_ends() {
        let pairs = fixture().pairs;
        assert!(DIFFER_AT_THEIR_ENDS.iter().all(|(left, right)| left != right));
        assert_eq!(pairs.iter().filter(|pair| differ_at_their_ends(pair)).count(), DIFFER_AT_THEIR_ENDS.len());
        for pair in &pairs {
            let found = evaluate_text_to_text([(&pair.hypothesis, &pair.reference)]).exact_match;
            let expected = pair.exact_match || differ_at_their_ends(pair);
            assert_eq!(found, f64::from(expected), "{:?}, {:?}", pair.hypothesis, pair.reference);
        }
    }

    #[test]
    fn a_few_targets_are_labels() {
        let found = evaluate_text_to_text([
            ("yes", "yes"),
            (" no\n", "yes "),
            ("no", "no"),
            ("No", "no"),
            ("", "no"),
            ("yes", "maybe"),
            ("yes", " yes"),
        ]);
        let labels = found.labels.expect("three targets in seven rows");
        let class = |label: &str, precision, recall, f1, support| ClassMetrics {
            label: label.to_owned(),
            precision,
            recall,
            f1,
            support,
        };
        let two_thirds = 2.0 / 3.0;
        let expected = [
            class("maybe", 0.0, 0.0, 0.0, 1),
            class("no", 0.5, 1.0 / 3.0, 0.4, 3),
            class("yes", two_thirds, two_thirds, two_thirds, 3),
        ];
        assert_eq!(labels.per_label, expected);
        assert_eq!(labels.num_unknown, 2, "`No` and the empty text");
        assert_eq!(found.exact_match, 3.0 / 7.0);
    }

    #[test]
    fn an_empty_target_is_a_label_like_others() {
        let found = evaluate_text_to_text([("", ""), ("a", " "), ("b", "\n")]);
        let labels = found.labels.expect("one target in three rows");
        assert_eq!(labels.num_unknown, 2);
        let [ClassMetrics { label, precision, recall, support: 3, .. }] = labels.per_label.as_slice() else {
            panic!("{labels:?}");
        };
        assert_eq!((label.as_str(), *precision, *recall), ("", 1.0, 1.0 / 3.0));
    }

    #[test]
    fn many_targets_are_no_labels() {
        let labels_of = |num_targets: usize, num_rows: usize| {
            let target = |row: usize| (row % num_targets).to_string();
            evaluate_text_to_text((0..num_rows).map(|row| ("0", target(row)))).labels
        };
        assert_eq!(labels_of(3, 6), None, "half as many as rows");
        assert_eq!(labels_of(3, 7).map(|labels| labels.per_label.len()), Some(3));
        assert_eq!(labels_of(MAX_TARGET_LABELS, 50).map(|labels| labels.per_label.len()), Some(MAX_TARGET_LABELS));
        assert_eq!(labels_of(MAX_TARGET_LABELS + 1, 50), None);
    }

    #[test]
    fn nothing_is_zero_everywhere_and_nothing_beside_nothing_matches() {
        let mut expected = TextToTextEvaluation {
            bleu: 0.0,
            chrf: 0.0,
            rouge1: 0.0,
            rouge2: 0.0,
            rouge_l: 0.0,
            exact_match: 0.0,
            num_rows: 0,
            labels: None,
        };
        assert_eq!(evaluate_text_to_text::<&str, &str>([]), expected);
        expected.num_rows = 1;
        assert_eq!(evaluate_text_to_text([("", "something")]), expected);
        assert_eq!(evaluate_text_to_text([("something", "")]), expected);
        expected.exact_match = 1.0;
        assert_eq!(evaluate_text_to_text([("", "")]), expected);
    }

    #[test]
    fn figures_survive_json() {
        for pairs in [vec![("one two three four", "one two three five")], vec![("a", "a"), ("b", "a"), ("a", "a")]] {
            let found = evaluate_text_to_text(pairs);
            let json = serde_json::to_string(&found).expect("figures are finite");
            assert_eq!(serde_json::from_str::<TextToTextEvaluation>(&json).expect("just written"), found);
        }
    }
}
