//! What is wrong with predicted entities, one by one.

use std::cmp::Reverse;

use serde::{Deserialize, Serialize};

use super::spans::EntitySpan;

/// How a prediction differs from the truth.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EntityErrorKind {
    /// An entity where nothing was predicted.
    Missed,
    /// A prediction where no entity is.
    Spurious,
    /// The same words with another type.
    WrongType,
    /// Some of the same words, with the same type or another.
    WrongBorder,
}

/// An entity, a prediction, or a pair of them that differ.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct EntityError {
    /// How they differ.
    pub kind: EntityErrorKind,
    /// What is there; `None` when spurious.
    pub gold: Option<EntitySpan>,
    /// What was predicted; `None` when missed.
    pub predicted: Option<EntitySpan>,
}

/// The errors of one sequence by position. Each entity and each prediction is in at most one: those with equal borders
/// belong together, and of the rest each entity with the free prediction that shares most words with it.
#[must_use]
pub fn compare_entities(gold: &[EntitySpan], predicted: &[EntitySpan]) -> Vec<EntityError> {
    let mut errors = Vec::new();
    let mut free: Vec<&EntitySpan> = predicted.iter().collect();
    let mut unpaired = Vec::new();
    for entity in gold {
        let same_words = free.iter().position(|other| (other.start, other.end) == (entity.start, entity.end));
        match same_words.map(|index| free.remove(index)) {
            Some(other) if other.label == entity.label => {}
            Some(other) => errors.push(pair(EntityErrorKind::WrongType, entity, other)),
            None => unpaired.push(entity),
        }
    }
    for entity in unpaired {
        let closest = (0..free.len()).filter(|&index| shared_words(entity, free[index]) > 0).max_by_key(|&index| {
            let other = free[index];
            (shared_words(entity, other), other.label == entity.label, Reverse(index))
        });
        errors.push(match closest {
            Some(index) => pair(EntityErrorKind::WrongBorder, entity, free.remove(index)),
            None => EntityError { kind: EntityErrorKind::Missed, gold: Some(entity.clone()), predicted: None },
        });
    }
    errors.extend(free.into_iter().map(|other| EntityError {
        kind: EntityErrorKind::Spurious,
        gold: None,
        predicted: Some(other.clone()),
    }));
    errors.sort_by_key(|error| error.gold.iter().chain(&error.predicted).map(|span| span.start).min());
    errors
}

fn pair(kind: EntityErrorKind, gold: &EntitySpan, predicted: &EntitySpan) -> EntityError {
    EntityError { kind, gold: Some(gold.clone()), predicted: Some(predicted.clone()) }
}

fn shared_words(left: &EntitySpan, right: &EntitySpan) -> usize {
    left.end.min(right.end).saturating_sub(left.start.max(right.start))
}

#[cfg(test)]
mod tests {
    use super::EntityErrorKind::{Missed, Spurious, WrongBorder, WrongType};
    use super::*;

    fn spans(of: &[(usize, usize, &str)]) -> Vec<EntitySpan> {
        of.iter().map(|&(start, end, label)| EntitySpan { start, end, label: label.to_string() }).collect()
    }

    type Borders = Option<(usize, usize)>;

    fn found(
        gold: &[(usize, usize, &str)],
        predicted: &[(usize, usize, &str)],
    ) -> Vec<(EntityErrorKind, Borders, Borders)> {
        let borders = |span: Option<EntitySpan>| span.map(|span| (span.start, span.end));
        compare_entities(&spans(gold), &spans(predicted))
            .into_iter()
            .map(|error| (error.kind, borders(error.gold), borders(error.predicted)))
            .collect()
    }

    #[test]
    fn each_kind_of_error_is_told_apart() {
        let gold = [(0, 2, "PER"), (3, 4, "LOC"), (5, 8, "ORG"), (9, 10, "PER")];
        let predicted = [(0, 2, "PER"), (3, 4, "ORG"), (6, 8, "ORG"), (11, 12, "LOC")];
        let expected = [
            (WrongType, Some((3, 4)), Some((3, 4))),
            (WrongBorder, Some((5, 8)), Some((6, 8))),
            (Missed, Some((9, 10)), None),
            (Spurious, None, Some((11, 12))),
        ];
        assert_eq!(found(&gold, &predicted), expected);
    }

    #[test]
    fn an_entity_in_two_pieces_is_one_wrong_border_and_one_spurious() {
        let expected = [(WrongBorder, Some((0, 4)), Some((1, 4))), (Spurious, None, Some((0, 1)))];
        assert_eq!(found(&[(0, 4, "PER")], &[(0, 1, "PER"), (1, 4, "LOC")]), expected);
    }

    #[test]
    fn of_two_that_share_as_many_words_the_one_of_its_type_is_taken() {
        let expected = [(WrongBorder, Some((0, 2)), Some((1, 2))), (Spurious, None, Some((0, 1)))];
        assert_eq!(found(&[(0, 2, "PER")], &[(0, 1, "LOC"), (1, 2, "PER")]), expected);
    }

    #[test]
    fn equal_entities_have_no_errors() {
        assert!(found(&[(0, 1, "PER")], &[(0, 1, "PER")]).is_empty());
        assert!(found(&[], &[]).is_empty());
    }
}
