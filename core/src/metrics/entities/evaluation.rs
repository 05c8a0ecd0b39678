//! Figures of predicted entities: micro, macro, weighted, by type, and what was taken for what.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use super::super::classification::ClassMetrics;
use super::super::figure::Figure;
use super::super::ratios::{Counts, PrecisionRecallF1, macro_average, micro_average, ratio, weighted_average};
use super::super::row_sums::{SumFigure, share_of};
use super::errors::{EntityErrorKind, compare_entities};
use super::spans::{EntitySpan, entity_spans};
use super::strict::{TagScheme, detect_tag_scheme, strict_entity_spans};

/// Figures of a split whose answers are entities. An entity is right when its words and its type are.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct EntityEvaluation {
    /// Share of the predicted entities that are right.
    pub precision: f64,
    /// Share of the entities that were predicted.
    pub recall: f64,
    /// Harmonic mean of precision and recall.
    pub f1: f64,
    /// Unweighted means over the types.
    pub macro_avg: PrecisionRecallF1,
    /// Means over the types, weighted by their number of entities.
    pub weighted_avg: PrecisionRecallF1,
    /// Share of words with the right tag, `O` included.
    pub accuracy: f64,
    /// One entry a type that occurs in the truth or in the predictions, by name.
    pub per_type: Vec<ClassMetrics>,
    /// The same under the rules of a scheme; `None` where no scheme is known or tags are not of it.
    pub strict: Option<StrictEntities>,
    /// Which type was taken for which.
    pub confusion: EntityConfusion,
    /// Errors by kind.
    pub errors: EntityErrorCounts,
    /// Sequences measured.
    pub num_sequences: usize,
    /// Words measured.
    pub num_words: usize,
}

/// Micro figures of the entities that keep to a scheme.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct StrictEntities {
    /// The scheme.
    pub scheme: TagScheme,
    /// As in [`EntityEvaluation`].
    pub precision: f64,
    /// As in [`EntityEvaluation`].
    pub recall: f64,
    /// As in [`EntityEvaluation`].
    pub f1: f64,
}

/// Types of entities and predictions that have the same words.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct EntityConfusion {
    /// The types, by name.
    pub types: Vec<String>,
    /// Entities with a prediction for exactly their words, as `[true][predicted]`.
    pub counts: Vec<Vec<u32>>,
    /// Entities of each type without a prediction for exactly their words.
    pub missed: Vec<u32>,
    /// Predictions of each type without an entity of exactly their words.
    pub spurious: Vec<u32>,
}

/// How many errors there are of each [`EntityErrorKind`].
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct EntityErrorCounts {
    /// Entities where nothing was predicted.
    pub missed: usize,
    /// Predictions where no entity is.
    pub spurious: usize,
    /// The same words with another type.
    pub wrong_type: usize,
    /// Some of the same words.
    pub wrong_border: usize,
}

impl EntityErrorCounts {
    fn add(&mut self, kind: EntityErrorKind) {
        match kind {
            EntityErrorKind::Missed => self.missed += 1,
            EntityErrorKind::Spurious => self.spurious += 1,
            EntityErrorKind::WrongType => self.wrong_type += 1,
            EntityErrorKind::WrongBorder => self.wrong_border += 1,
        }
    }
}

impl EntityEvaluation {
    /// The figures by name; strict ones only where there are any.
    #[must_use]
    pub fn figures(&self) -> Vec<Figure> {
        let mut figures = vec![
            Figure::higher("precision", self.precision),
            Figure::higher("recall", self.recall),
            Figure::higher("f1", self.f1),
            Figure::higher("accuracy", self.accuracy),
            Figure::higher("macro_f1", self.macro_avg.f1),
            Figure::higher("weighted_f1", self.weighted_avg.f1),
        ];
        if let Some(strict) = &self.strict {
            figures.extend([
                Figure::higher("strict_precision", strict.precision),
                Figure::higher("strict_recall", strict.recall),
                Figure::higher("strict_f1", strict.f1),
            ]);
        }
        figures
    }
}

/// Figures out of sums over sequences, each of [`entity_sums`]. Strict ones need a scheme.
pub const ENTITY_FIGURES: [SumFigure; 7] = [
    SumFigure { name: "f1", higher_is_better: true, of_sums: |sums| share_of(2.0 * sums[0], sums[1] + sums[2]) },
    SumFigure { name: "precision", higher_is_better: true, of_sums: |sums| share_of(sums[0], sums[1]) },
    SumFigure { name: "recall", higher_is_better: true, of_sums: |sums| share_of(sums[0], sums[2]) },
    SumFigure { name: "strict_f1", higher_is_better: true, of_sums: |sums| share_of(2.0 * sums[3], sums[4] + sums[5]) },
    SumFigure { name: "strict_precision", higher_is_better: true, of_sums: |sums| share_of(sums[3], sums[4]) },
    SumFigure { name: "strict_recall", higher_is_better: true, of_sums: |sums| share_of(sums[3], sums[5]) },
    SumFigure { name: "accuracy", higher_is_better: true, of_sums: |sums| share_of(sums[6], sums[7]) },
];

/// What the figures of a sequence of tags are made of: entities that were found, were predicted, and are there; the same under the
/// rules of a scheme (0 without one, or where a tag is not of it); words with the right tag, and all words.
#[must_use]
pub fn entity_sums<G: AsRef<str>, P: AsRef<str>>(gold: &[G], predicted: &[P], scheme: Option<TagScheme>) -> [f64; 8] {
    let counts = |gold: Vec<EntitySpan>, found: Vec<EntitySpan>| {
        [shared_spans(&gold, &found).count() as f64, found.len() as f64, gold.len() as f64]
    };
    let [hits, num_predicted, support] = counts(entity_spans(gold), entity_spans(predicted));
    let strict = scheme
        .and_then(|scheme| Some(counts(strict_entity_spans(gold, scheme)?, strict_entity_spans(predicted, scheme)?)));
    let [strict_hits, strict_predicted, strict_support] = strict.unwrap_or_default();
    let right = gold.iter().zip(predicted).filter(|(gold, found)| is_same_tag(*gold, *found)).count() as f64;
    let words = gold.len() as f64;
    [hits, num_predicted, support, strict_hits, strict_predicted, strict_support, right, words]
}

/// The figures of `predicted` tags against `gold` ones, sequence by sequence. Without a `scheme` the strict figures take
/// the one that [`detect_tag_scheme`] sees in the gold tags, as seqeval does.
///
/// # Panics
/// When there are not as many predicted sequences, or in one not as many tags, as gold ones.
#[must_use]
pub fn evaluate_entities<G: AsRef<str>, P: AsRef<str>>(
    gold: &[Vec<G>],
    predicted: &[Vec<P>],
    scheme: Option<TagScheme>,
) -> EntityEvaluation {
    assert_eq!(gold.len(), predicted.len(), "each gold sequence has one predicted sequence");
    let mut num_words = 0;
    let mut num_right_tags = 0;
    let mut sequences = Vec::with_capacity(gold.len());
    for (gold, predicted) in gold.iter().zip(predicted) {
        assert_eq!(gold.len(), predicted.len(), "each gold tag has one predicted tag");
        num_words += gold.len();
        num_right_tags += gold.iter().zip(predicted).filter(|(gold, found)| is_same_tag(*gold, *found)).count();
        sequences.push((entity_spans(gold), entity_spans(predicted)));
    }

    let types: BTreeSet<&str> =
        sequences.iter().flat_map(|(gold, found)| gold.iter().chain(found)).map(|span| span.label.as_str()).collect();
    let mut tally = Tally::new(&types);
    sequences.iter().for_each(|(gold, found)| tally.add(gold, found));
    let Tally { classes, confusion, errors, .. } = tally;

    let PrecisionRecallF1 { precision, recall, f1 } = micro_average(&classes);
    let scheme = scheme.or_else(|| detect_tag_scheme(gold.iter().flatten()));
    EntityEvaluation {
        precision,
        recall,
        f1,
        macro_avg: macro_average(&classes),
        weighted_avg: weighted_average(&classes),
        accuracy: ratio(num_right_tags, num_words),
        per_type: types.iter().zip(&classes).map(|(label, &counts)| class_metrics(label, counts)).collect(),
        strict: scheme.and_then(|scheme| evaluate_strictly(gold, predicted, scheme)),
        confusion,
        errors,
        num_sequences: gold.len(),
        num_words,
    }
}

/// Entities of sequences, counted by type.
struct Tally<'a> {
    /// Index of each type.
    ids: BTreeMap<&'a str, usize>,
    classes: Vec<Counts>,
    confusion: EntityConfusion,
    errors: EntityErrorCounts,
}

impl<'a> Tally<'a> {
    fn new(types: &BTreeSet<&'a str>) -> Self {
        let num_types = types.len();
        let confusion = EntityConfusion {
            types: types.iter().map(ToString::to_string).collect(),
            counts: vec![vec![0; num_types]; num_types],
            missed: vec![0; num_types],
            spurious: vec![0; num_types],
        };
        Self {
            ids: types.iter().enumerate().map(|(id, &label)| (label, id)).collect(),
            classes: vec![Counts::default(); num_types],
            confusion,
            errors: EntityErrorCounts::default(),
        }
    }

    /// Counts the entities of a sequence, and those that were found in it.
    fn add(&mut self, gold: &[EntitySpan], found: &[EntitySpan]) {
        let Self { ids, classes, confusion, errors } = self;
        for entity in gold {
            classes[ids[entity.label.as_str()]].support += 1;
        }
        for entity in found {
            classes[ids[entity.label.as_str()]].predicted += 1;
        }
        for entity in shared_spans(gold, found) {
            let id = ids[entity.label.as_str()];
            classes[id].hits += 1;
            confusion.counts[id][id] += 1;
        }
        for error in compare_entities(gold, found) {
            errors.add(error.kind);
            let id = |span: &Option<EntitySpan>| span.as_ref().map(|span| ids[span.label.as_str()]);
            match (error.kind, id(&error.gold), id(&error.predicted)) {
                (EntityErrorKind::WrongType, Some(gold), Some(found)) => confusion.counts[gold][found] += 1,
                (_, gold, found) => {
                    gold.into_iter().for_each(|id| confusion.missed[id] += 1);
                    found.into_iter().for_each(|id| confusion.spurious[id] += 1);
                }
            }
        }
    }
}

fn is_same_tag<G: AsRef<str>, P: AsRef<str>>(gold: &G, predicted: &P) -> bool {
    let (gold, predicted): (&str, &str) = (gold.as_ref(), predicted.as_ref());
    gold == predicted
}

fn class_metrics(label: &str, counts: Counts) -> ClassMetrics {
    let PrecisionRecallF1 { precision, recall, f1 } = counts.ratios();
    ClassMetrics { label: label.to_string(), precision, recall, f1, support: counts.support }
}

/// `None` when a tag is not of the scheme.
fn evaluate_strictly<G: AsRef<str>, P: AsRef<str>>(
    gold: &[Vec<G>],
    predicted: &[Vec<P>],
    scheme: TagScheme,
) -> Option<StrictEntities> {
    let mut counts = Counts::default();
    for (gold, predicted) in gold.iter().zip(predicted) {
        let gold = strict_entity_spans(gold, scheme)?;
        let predicted = strict_entity_spans(predicted, scheme)?;
        let hits = shared_spans(&gold, &predicted).count();
        counts.add(Counts { hits, predicted: predicted.len(), support: gold.len() });
    }
    let PrecisionRecallF1 { precision, recall, f1 } = counts.ratios();
    Some(StrictEntities { scheme, precision, recall, f1 })
}

/// The spans of `found` that are in `gold`.
fn shared_spans<'a>(gold: &'a [EntitySpan], found: &'a [EntitySpan]) -> impl Iterator<Item = &'a EntitySpan> {
    let gold: BTreeSet<&EntitySpan> = gold.iter().collect();
    found.iter().filter(move |span| gold.contains(span))
}

#[cfg(test)]
mod tests {
    use super::super::super::figure::figure;
    use super::*;

    fn sequences(of: &[&'static str]) -> Vec<Vec<&'static str>> {
        of.iter().map(|tags| tags.split_whitespace().collect()).collect()
    }

    /// The example of seqeval's documentation: F1 0.5.
    #[test]
    fn figures_are_those_of_seqeval() {
        let gold = sequences(&["O O O B-MISC I-MISC I-MISC O", "B-PER I-PER O"]);
        let predicted = sequences(&["O O B-MISC I-MISC I-MISC I-MISC O", "B-PER I-PER O"]);
        let found = evaluate_entities(&gold, &predicted, None);
        assert_eq!((found.precision, found.recall, found.f1, found.accuracy), (0.5, 0.5, 0.5, 0.8));
        assert_eq!(found.macro_avg.f1, 0.5);
        let strict = found.strict.as_ref().expect("the tags are IOB2");
        assert_eq!((strict.scheme, strict.f1), (TagScheme::Iob2, 0.5));
        assert_eq!(found.errors, EntityErrorCounts { wrong_border: 1, ..EntityErrorCounts::default() });
        assert_eq!((found.num_sequences, found.num_words), (2, 10));
        let per_type: Vec<_> = found.per_type.iter().map(|class| (class.label.as_str(), class.f1)).collect();
        assert_eq!(per_type, [("MISC", 0.0), ("PER", 1.0)]);
        let json = serde_json::to_string(&found).expect("figures are finite");
        assert_eq!(serde_json::from_str::<EntityEvaluation>(&json).expect("just written"), found);
    }

    #[test]
    fn types_are_confused_where_the_words_are_the_same() {
        let gold = sequences(&["B-LOC O B-PER I-PER B-PER", "B-LOC O O"]);
        let predicted = sequences(&["B-ORG O B-PER O B-PER", "O O B-ORG"]);
        let found = evaluate_entities(&gold, &predicted, None);
        assert_eq!(found.confusion.types, ["LOC", "ORG", "PER"]);
        assert_eq!(found.confusion.counts, [[0, 1, 0], [0, 0, 0], [0, 0, 1]]);
        assert_eq!(found.confusion.missed, [1, 0, 1]);
        assert_eq!(found.confusion.spurious, [0, 1, 1]);
        assert_eq!(found.errors, EntityErrorCounts { missed: 1, spurious: 1, wrong_type: 1, wrong_border: 1 });
    }

    #[test]
    fn there_are_strict_figures_only_with_a_scheme_that_fits() {
        let gold = sequences(&["I-PER I-PER O"]);
        let found = evaluate_entities(&gold, &gold, None);
        assert_eq!((found.f1, found.strict.clone()), (1.0, None));
        assert_eq!(figure(&found.figures(), "strict_f1"), None);
        let strict = evaluate_entities(&gold, &gold, Some(TagScheme::Iob1)).strict.expect("named and fitting");
        assert_eq!((strict.scheme, strict.f1), (TagScheme::Iob1, 1.0));
        assert_eq!(evaluate_entities(&gold, &sequences(&["S-PER O O"]), Some(TagScheme::Iob1)).strict, None);
        let figures = evaluate_entities(&gold, &gold, Some(TagScheme::Iob1)).figures();
        assert_eq!(figure(&figures, "strict_f1"), Some(&Figure::higher("strict_f1", 1.0)));
    }

    #[test]
    fn nothing_to_find_is_zero_everywhere() {
        for gold in [sequences(&[]), sequences(&["O O"])] {
            let found = evaluate_entities(&gold, &gold, None);
            assert_eq!((found.f1, found.macro_avg.f1, found.weighted_avg.f1), (0.0, 0.0, 0.0));
            assert!(found.per_type.is_empty());
        }
    }
}
