//! From tags to spans as seqeval's `get_entities` does: a change of type begins an entity even where no `B-` stands.

use serde::{Deserialize, Serialize};

/// The type of an entity whose tags name none (`B`, `I`).
pub(super) const NO_TYPE: &str = "_";

/// An entity in a sequence of words.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct EntitySpan {
    /// Its first word.
    pub start: usize,
    /// The word after its last.
    pub end: usize,
    /// Its type, the tag without prefix; `_` where the tags are bare prefixes.
    pub label: String,
}

#[derive(Clone, Copy)]
struct Tag<'a> {
    prefix: char,
    label: &'a str,
}

const OUTSIDE: Tag<'static> = Tag { prefix: 'O', label: NO_TYPE };

impl<'a> Tag<'a> {
    fn parse(tag: &'a str) -> Self {
        if is_plain(tag) {
            return Self { prefix: 'I', label: tag };
        }
        let mut chars = tag.chars();
        let Some(prefix) = chars.next() else { return OUTSIDE };
        let rest = chars.as_str();
        let label = rest.split_once('-').map_or(rest, |(_, label)| label);
        Self { prefix, label: if label.is_empty() { NO_TYPE } else { label } }
    }
}

/// Whether the tag is a type without prefix: its second character is not `-`, nor is it a prefix by itself.
pub(super) fn is_plain(tag: &str) -> bool {
    let mut chars = tag.chars();
    match (chars.next(), chars.next()) {
        (Some(_), Some(second)) => second != '-',
        (Some(only), None) => !matches!(only, 'O' | 'B' | 'I' | 'E' | 'S' | 'L' | 'U' | '.'),
        (None, _) => false,
    }
}

/// The entities of one sequence in order, read leniently; an empty tag counts as `O`.
#[must_use]
pub fn entity_spans<S: AsRef<str>>(tags: &[S]) -> Vec<EntitySpan> {
    let mut spans = Vec::new();
    let mut start = 0;
    let mut previous = OUTSIDE;
    for (index, tag) in tags.iter().map(|tag| Tag::parse(tag.as_ref())).chain([OUTSIDE]).enumerate() {
        if ends_between(previous, tag) {
            spans.push(EntitySpan { start, end: index, label: previous.label.to_string() });
        }
        if starts_between(previous, tag) {
            start = index;
        }
        previous = tag;
    }
    spans
}

fn ends_between(previous: Tag<'_>, tag: Tag<'_>) -> bool {
    let by_prefix = matches!((previous.prefix, tag.prefix), ('E' | 'S', _) | ('B' | 'I', 'B' | 'S' | 'O'));
    by_prefix || (is_inside(previous) && previous.label != tag.label)
}

fn starts_between(previous: Tag<'_>, tag: Tag<'_>) -> bool {
    let by_prefix = matches!((previous.prefix, tag.prefix), (_, 'B' | 'S') | ('E' | 'S' | 'O', 'E' | 'I'));
    by_prefix || (is_inside(tag) && previous.label != tag.label)
}

fn is_inside(tag: Tag<'_>) -> bool {
    !matches!(tag.prefix, 'O' | '.')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(tags: &str) -> Vec<(usize, usize, String)> {
        let tags: Vec<&str> = tags.split_whitespace().collect();
        entity_spans(&tags).into_iter().map(|span| (span.start, span.end, span.label)).collect()
    }

    fn spans(expected: &[(usize, usize, &str)]) -> Vec<(usize, usize, String)> {
        expected.iter().map(|&(start, end, label)| (start, end, label.to_string())).collect()
    }

    #[test]
    fn entities_end_where_the_type_changes_or_another_begins() {
        assert_eq!(found("B-PER I-PER O B-LOC"), spans(&[(0, 2, "PER"), (3, 4, "LOC")]));
        assert_eq!(found("I-PER I-LOC B-LOC"), spans(&[(0, 1, "PER"), (1, 2, "LOC"), (2, 3, "LOC")]));
        assert_eq!(found("S-PER E-PER B-A-B"), spans(&[(0, 1, "PER"), (1, 2, "PER"), (2, 3, "A-B")]));
        assert_eq!(found("U-PER B-LOC L-LOC O"), spans(&[(0, 1, "PER"), (1, 3, "LOC")]));
    }

    #[test]
    fn plain_tags_keep_their_first_letter() {
        assert_eq!(found("PER PER O ORG LOC"), spans(&[(0, 2, "PER"), (3, 4, "ORG"), (4, 5, "LOC")]));
        assert_eq!(found("N V N"), spans(&[(0, 1, "N"), (1, 2, "V"), (2, 3, "N")]));
        assert_eq!(found("Ä-X Über"), spans(&[(0, 1, "X"), (1, 2, "Über")]));
    }

    #[test]
    fn bare_prefixes_have_the_type_underscore() {
        assert_eq!(found("B I O I"), spans(&[(0, 2, "_"), (3, 4, "_")]));
    }

    #[test]
    fn nothing_tagged_is_no_entity() {
        assert!(found("O O").is_empty());
        assert!(entity_spans::<&str>(&[]).is_empty());
        assert!(entity_spans(&[""]).is_empty());
    }
}
