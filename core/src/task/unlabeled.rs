//! In which order unlabeled rows are best labeled: active learning (Settles 2009, "Active Learning Literature Survey").
//!
//! In: texts or images without labels, and, once a model was trained, the probabilities that it gives their labels. Out: after a
//! training the rows that the model is least sure of come first ([`UnlabeledRows::by_answers`]); before any, rows that have little in
//! common ([`diverse_order`]), of images their paths.

mod diverse;

use serde::{Deserialize, Serialize};

pub use self::diverse::diverse_order;
use super::{Prediction, TaskInput, label_answer};
use crate::data::{RowId, UnlabeledRow};
use crate::words::count;

/// Rows that a model is asked about: of more so many are, which have little in common.
const MAX_ASKED: usize = 2000;

/// Rows that are handed on: a person labels them one by one, and asks again.
const MAX_RANKED: usize = 500;

/// Bytes of a text that are handed on; what follows is not needed to label it.
const MAX_TEXT: usize = 4 << 10;

/// Labels that are named as likely.
const MAX_LIKELY: usize = 2;

/// By what it is told how unsure a model is of a row.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Uncertainty {
    /// 1 less the distance between the two highest probabilities (margin sampling).
    #[default]
    Margin,
    /// Entropy of the probabilities, as a share of the highest that so many labels can have.
    Entropy,
    /// 1 less the highest probability (least confident).
    LeastConfident,
}

impl Uncertainty {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Margin, Self::Entropy, Self::LeastConfident];

    /// What it is called where it is typed.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Margin => "margin",
            Self::Entropy => "entropy",
            Self::LeastConfident => "least-confident",
        }
    }

    /// Whether it looks at one label of an answer, that which is nearest to its threshold.
    fn thresholds_of(self, answer: &Prediction) -> Option<&[f64]> {
        match answer {
            Prediction::MultiLabel(answer) if self == Self::Margin => Some(&answer.thresholds),
            _ => None,
        }
    }

    /// How unsure an answer is, from 0 to 1, with the probabilities of its labels; `None` where it gives none.
    fn of_answer(self, answer: &Prediction) -> Option<(f64, &[f32])> {
        if let Prediction::MultiLabel(answer) = answer {
            let unsure = self.of_several(&answer.probabilities, &answer.thresholds);
            return Some((unsure, &answer.probabilities));
        }
        let (_, probabilities) = label_answer(answer)?;
        Some((self.of(probabilities), probabilities))
    }

    /// How unsure probabilities are of which each is one of its own, from 0 (certain) to 1. By the margin that of the label nearest to
    /// its threshold, with regard to the room on its side; else the mean over the labels, so that many that are unsure count for more.
    #[must_use]
    fn of_several(self, probabilities: &[f32], thresholds: &[f64]) -> f64 {
        let probabilities = || probabilities.iter().map(|&p| f64::from(p).clamp(0.0, 1.0));
        let mean =
            |unsure: fn(f64) -> f64| probabilities().map(unsure).sum::<f64>() / probabilities().len().max(1) as f64;
        match self {
            Self::Margin => {
                probabilities().zip(thresholds).map(|(p, &threshold)| nearness(p, threshold)).fold(0.0, f64::max)
            }
            Self::LeastConfident => mean(|p| 2.0 * p.min(1.0 - p)),
            Self::Entropy => mean(|p| {
                let part = |p: f64| if p > 0.0 { -p * p.log2() } else { 0.0 };
                part(p) + part(1.0 - p)
            }),
        }
    }

    /// How unsure these probabilities are, from 0 (certain) to 1.
    #[must_use]
    pub fn of(self, probabilities: &[f32]) -> f64 {
        let [first, second] = highest_two(probabilities);
        match self {
            Self::Margin => 1.0 - (first - second),
            Self::LeastConfident => 1.0 - first,
            Self::Entropy => {
                let most = (probabilities.len().max(2) as f64).ln();
                let part = |&p: &f32| if p > 0.0 { -f64::from(p) * f64::from(p).ln() } else { 0.0 };
                probabilities.iter().map(part).sum::<f64>() / most
            }
        }
    }
}

/// How near a probability is to the threshold of its label, from 0 to 1, with regard to the room on its side.
fn nearness(p: f64, threshold: f64) -> f64 {
    let room = if p < threshold { threshold } else { 1.0 - threshold };
    if room > 0.0 { 1.0 - (p - threshold).abs() / room } else { 1.0 }
}

fn highest_two(probabilities: &[f32]) -> [f64; 2] {
    let mut found = [0.0, 0.0];
    for p in probabilities.iter().map(|&p| f64::from(p)) {
        if p > found[0] {
            found = [p, found[0]];
        } else if p > found[1] {
            found[1] = p;
        }
    }
    found
}

/// An unlabeled row in the order in which it is best labeled.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RankedRow {
    /// Which.
    pub id: RowId,
    /// What stands in the cell of its label: nothing, or spaces.
    pub label: String,
    /// Its text; of an image its path.
    pub text: String,
    /// The second text of a pair.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub second: Option<String>,
    /// How unsure the model is of it; `None` where none was trained.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub uncertainty: Option<f64>,
    /// The likeliest labels with their probabilities, the likeliest first; of a row with any number of labels that is ranked by the
    /// margin those nearest to their thresholds, the nearest first. None where no model was trained.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub likely: Vec<(String, f32)>,
}

/// The first of the unlabeled rows.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct RankedRows {
    /// The rows, best labeled first.
    pub rows: Vec<RankedRow>,
    /// All that have no label.
    pub num_unlabeled: usize,
    /// The labels that others have, with how many rows have each; none where that was not looked at.
    pub labels: Vec<(String, usize)>,
    /// A trained model ranked them.
    pub is_by_model: bool,
    /// What a person should know.
    pub notes: Vec<String>,
}

/// Unlabeled rows that are to be put in order, those first that have little in common.
#[derive(Debug, Clone, PartialEq)]
pub struct UnlabeledRows {
    rows: Vec<UnlabeledRow>,
    num_unlabeled: usize,
}

impl UnlabeledRows {
    /// Of all rows that have no label as many as a person can look through; where a model is to be asked about them (`is_by_model`) as
    /// many as it answers in some seconds.
    #[must_use]
    pub fn choose(rows: Vec<UnlabeledRow>, seed: u64, is_by_model: bool) -> Self {
        Self::all(rows, seed).with_most(if is_by_model { MAX_ASKED } else { MAX_RANKED })
    }

    /// Of all rows that have no label.
    #[must_use]
    pub fn all(rows: Vec<UnlabeledRow>, seed: u64) -> Self {
        let num_unlabeled = rows.len();
        let texts: Vec<&str> = rows.iter().map(|row| row.text.as_str()).collect();
        let order = diverse_order(&texts, seed);
        let mut rows: Vec<Option<UnlabeledRow>> = rows.into_iter().map(Some).collect();
        Self { rows: order.iter().filter_map(|&index| rows[index].take()).collect(), num_unlabeled }
    }

    /// The first of them, so many at most.
    #[must_use]
    fn with_most(mut self, most: usize) -> Self {
        self.rows.truncate(most);
        self
    }

    /// The numbers of the rows in their file, in order.
    #[must_use]
    pub fn row_numbers(&self) -> Vec<usize> {
        self.rows.iter().map(|row| row.id.row).collect()
    }

    /// What a model is to be asked about, in order; whoever asks about images adds them.
    #[must_use]
    pub fn inputs(&self) -> Vec<TaskInput> {
        let input = |row: &UnlabeledRow| TaskInput { text: row.text.clone(), second: row.second.clone(), image: None };
        self.rows.iter().map(input).collect()
    }

    /// The rows, those first that have little in common.
    #[must_use]
    pub fn as_they_are(self) -> RankedRows {
        let rows = self.rows.into_iter().map(RankedRow::new).collect();
        RankedRows { rows, num_unlabeled: self.num_unlabeled, ..RankedRows::default() }
    }

    /// The rows by what a model says of [`Self::inputs`], the least sure first; rows that are as unsure stay in order. Rows that it gave
    /// no probabilities of come last. `most` of them at most.
    #[must_use]
    pub fn by_answers(
        self,
        predictions: &[Option<Prediction>],
        labels: &[String],
        by: Uncertainty,
        most: Option<usize>,
    ) -> RankedRows {
        let mut rows: Vec<RankedRow> = self.rows.into_iter().map(RankedRow::new).collect();
        let (num_asked, num_unlabeled) = (rows.len(), self.num_unlabeled);
        for (row, prediction) in rows.iter_mut().zip(predictions) {
            let Some(answer) = prediction else { continue };
            let Some((unsure, probabilities)) = by.of_answer(answer) else { continue };
            row.uncertainty = Some(unsure);
            let mut order: Vec<usize> = (0..probabilities.len().min(labels.len())).collect();
            let thresholds = by.thresholds_of(answer);
            let shown_first = |label: usize| {
                let p = f64::from(probabilities[label]);
                thresholds.and_then(|thresholds| thresholds.get(label)).map_or(p, |&threshold| nearness(p, threshold))
            };
            order.sort_by(|&a, &b| shown_first(b).total_cmp(&shown_first(a)));
            let likely = order.iter().take(MAX_LIKELY);
            row.likely = likely.map(|&label| (labels[label].clone(), probabilities[label])).collect();
        }
        let unsure = |row: &RankedRow| row.uncertainty.unwrap_or(-1.0);
        rows.sort_by(|a, b| unsure(b).total_cmp(&unsure(a)));
        rows.truncate(most.unwrap_or(MAX_RANKED));
        let notes = if num_asked < num_unlabeled {
            let (asked, all) = (count(num_asked), count(num_unlabeled));
            vec![format!("the model was asked about {asked} of {all} unlabeled rows, which have little in common")]
        } else {
            Vec::new()
        };
        RankedRows { rows, num_unlabeled, labels: Vec::new(), is_by_model: true, notes }
    }
}

impl RankedRow {
    /// A row that nothing is known of yet.
    fn new(UnlabeledRow { id, label, text, second }: UnlabeledRow) -> Self {
        let cut = |text: String| match text.len() > MAX_TEXT {
            true => format!("{}…", &text[..text.floor_char_boundary(MAX_TEXT)]),
            false => text,
        };
        Self { id, label, text: cut(text), second: second.map(cut), uncertainty: None, likely: Vec::new() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::Split;

    fn rows(count: usize) -> Vec<UnlabeledRow> {
        let row = |row: usize| UnlabeledRow {
            id: RowId { file: Split::Train, row },
            label: String::new(),
            text: format!("text {row}"),
            second: None,
        };
        (2..count + 2).map(row).collect()
    }

    fn answer(probabilities: Vec<f32>) -> Option<Prediction> {
        let answer = crate::task::sequence_classification::Prediction { probabilities, unsure_below: None };
        Some(Prediction::SequenceClassification(answer))
    }

    #[test]
    fn images_are_ranked_by_what_a_model_says_of_them_and_those_it_can_not_read_come_last() {
        let chosen = UnlabeledRows::choose(rows(3), 7, true);
        let of_row = |row: usize| {
            let probabilities = match row {
                2 => vec![0.9, 0.1],
                3 => vec![0.55, 0.45],
                _ => return None,
            };
            let answer = crate::task::image_classification::Prediction { probabilities, unsure_below: None };
            Some(Prediction::ImageClassification(answer))
        };
        let answers: Vec<Option<Prediction>> = chosen.row_numbers().into_iter().map(of_row).collect();
        let ranked = chosen.by_answers(&answers, &["cat".into(), "dog".into()], Uncertainty::Margin, None);
        assert_eq!(ranked.rows.iter().map(|row| row.id.row).collect::<Vec<_>>(), [3, 2, 4]);
        assert_eq!(ranked.rows[1].likely, [("cat".to_owned(), 0.9), ("dog".to_owned(), 0.1)]);
        assert_eq!(ranked.rows[2].uncertainty, None);
    }

    #[test]
    fn what_a_model_is_less_sure_of_is_more_uncertain() {
        let (sure, unsure, even) = (&[0.9, 0.05, 0.05][..], &[0.5, 0.45, 0.05][..], &[1.0 / 3.0; 3][..]);
        for by in Uncertainty::ALL {
            assert!(by.of(sure) < by.of(unsure) && by.of(unsure) < by.of(even), "{}", by.name());
            assert!(by.of(&[1.0, 0.0, 0.0]).abs() < 1e-9, "{}", by.name());
        }
        assert!((Uncertainty::Margin.of(unsure) - 0.95).abs() < 1e-6);
        assert!((Uncertainty::Margin.of(even) - 1.0).abs() < 1e-6);
        assert!((Uncertainty::Entropy.of(even) - 1.0).abs() < 1e-6);
        assert!((Uncertainty::LeastConfident.of(even) - 2.0 / 3.0).abs() < 1e-6);
    }

    #[test]
    fn of_several_labels_that_nearest_to_its_threshold_or_all_of_them_count() {
        let thresholds = &[0.5, 0.2, 0.5];
        let (sure, one, all) = (&[1.0, 0.0, 0.0][..], &[1.0, 0.0, 0.5][..], &[0.6, 0.3, 0.4][..]);
        for by in Uncertainty::ALL {
            assert!(by.of_several(sure, thresholds).abs() < 1e-9, "{}", by.name());
            assert!(by.of_several(one, thresholds) > 0.3, "{}", by.name());
        }
        assert!((Uncertainty::Margin.of_several(one, thresholds) - 1.0).abs() < 1e-9);
        assert!((Uncertainty::Margin.of_several(&[0.6, 0.3], &[0.5, 0.2]) - 0.875).abs() < 1e-6);
        assert!((Uncertainty::LeastConfident.of_several(all, thresholds) - 2.2 / 3.0).abs() < 1e-6);
        assert!((Uncertainty::Entropy.of_several(one, thresholds) - 1.0 / 3.0).abs() < 1e-9);
        assert!(Uncertainty::Margin.of_several(&[], &[]).abs() < 1e-9);
        let answer =
            crate::task::multi_label::Prediction { probabilities: one.to_vec(), thresholds: thresholds.to_vec() };
        let chosen = UnlabeledRows::choose(rows(2), 7, true);
        let answers = [Some(Prediction::MultiLabel(answer)), None];
        let labels = ["a", "b", "c"].map(str::to_owned);
        let ranked = chosen.by_answers(&answers, &labels, Uncertainty::Margin, None);
        let named = |ranked: &RankedRows| ranked.rows[0].likely.clone();
        assert_eq!(named(&ranked), [("c".to_owned(), 0.5), ("a".to_owned(), 1.0)], "that which it is unsure of first");
        let chosen = UnlabeledRows::choose(rows(2), 7, true);
        let by_entropy = chosen.by_answers(&answers, &labels, Uncertainty::Entropy, None);
        assert_eq!(named(&by_entropy), [("a".to_owned(), 1.0), ("c".to_owned(), 0.5)]);
        assert_eq!((ranked.rows[0].uncertainty, ranked.rows[1].uncertainty), (Some(1.0), None));
    }

    /// Of texts that have as little in common as these the order is that of the seed: answers go with their rows all the same.
    #[test]
    fn rows_come_least_sure_first_with_their_likely_labels() {
        let labels = ["no", "yes", "maybe"].map(str::to_owned);
        let probabilities = |row: usize| match row {
            2 => vec![0.1, 0.8, 0.1],
            3 => vec![0.49, 0.02, 0.49],
            4 => vec![0.4, 0.3, 0.3],
            _ => vec![0.05, 0.05, 0.9],
        };
        let rank = |by, most| {
            let chosen = UnlabeledRows::choose(rows(4), 7, true);
            let answers: Vec<Option<Prediction>> =
                chosen.rows.iter().map(|row| answer(probabilities(row.id.row))).collect();
            assert_eq!(chosen.inputs().len(), 4);
            chosen.by_answers(&answers, &labels, by, most)
        };
        let numbers = |ranked: &RankedRows| ranked.rows.iter().map(|row| row.id.row).collect::<Vec<_>>();
        // By the margin row 3 is the least sure, by the highest probability row 4.
        let by_margin = rank(Uncertainty::Margin, None);
        assert_eq!(numbers(&by_margin), [3, 4, 2, 5]);
        assert_eq!(by_margin.rows[0].likely, [("no".to_owned(), 0.49), ("maybe".to_owned(), 0.49)]);
        assert_eq!((by_margin.rows[0].text.as_str(), by_margin.num_unlabeled), ("text 3", 4));
        assert_eq!(numbers(&rank(Uncertainty::LeastConfident, Some(2))), [4, 3]);
        let chosen = UnlabeledRows::choose(rows(4), 7, true);
        let none = chosen.clone().by_answers(&[None, None, None, None], &labels, Uncertainty::Margin, None);
        assert!(none.rows.iter().all(|row| row.uncertainty.is_none() && row.likely.is_empty()));
        assert_eq!(numbers(&none), chosen.rows.iter().map(|row| row.id.row).collect::<Vec<_>>());
    }

    #[test]
    fn of_very_many_rows_some_are_asked_about_and_it_is_said() {
        let chosen = UnlabeledRows::choose(rows(MAX_ASKED + 100), 7, true);
        let answers = vec![answer(vec![0.6, 0.4]); MAX_ASKED];
        let ranked = chosen.by_answers(&answers, &["a".into(), "b".into()], Uncertainty::Entropy, None);
        assert_eq!((ranked.rows.len(), ranked.num_unlabeled), (MAX_RANKED, MAX_ASKED + 100));
        assert!(ranked.notes[0].starts_with("the model was asked about 2,000 of 2,100"), "{:?}", ranked.notes);
        let diverse = UnlabeledRows::choose(rows(MAX_RANKED + 1), 7, false).as_they_are();
        assert_eq!(
            (diverse.rows.len(), diverse.num_unlabeled, diverse.is_by_model),
            (MAX_RANKED, MAX_RANKED + 1, false)
        );
    }
}
